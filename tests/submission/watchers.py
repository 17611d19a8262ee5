"""Watchers as processes: each knows a folder and a name, and most are killed at some point of their work.

    python tests/submission/watchers.py FOLDER KILLS SEED <names

Prints how many were started, and how many of these were killed.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import FrameType
    from typing import NoReturn

    from amlrun.testing import FakeAml

AT_ONCE = 3
"""Watchers that work side by side; on as many runs, so that some are at the same one."""
LONGEST = 300
"""Seconds after which a watcher that hangs is ended, and all of them fail."""
DONE, FAILED, AGAIN = 0, 1, 2
"""What a watcher that was not killed ends with. AGAIN: it could not begin, for the service didn't answer."""


class Client:
    """As much of an `MLClient` as amlrun needs of one to watch: `azure.ai.ml` is never imported here."""

    def __init__(self, fake: FakeAml) -> None:
        self.subscription_id = fake.scope.subscription_id
        self.resource_group_name = fake.scope.resource_group
        self.workspace_name = fake.scope.workspace
        self._base_url = "https://management.azure.com"
        self._credential = fake.credential
        self._kwargs = {
            "cloud": "AzureCloud",
            "credential_scopes": ["https://management.azure.com/.default"],
            "transport": fake.transport(),
        }


def die(*_: object) -> NoReturn:
    """As when the machine is switched off."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("killed")


def die_at(step: int) -> None:
    """At that call of a function, or return from one: counted, since time would tell of the machine."""
    left = step

    def count(_frame: FrameType, _event: str, _of: Any) -> None:
        nonlocal left
        left -= 1
        if left <= 0:
            die()

    sys.setprofile(count)


def watch(folder: str, name: str, seed: int, *, killed: bool) -> int:
    """Wait for a run by its name over a bad wire, in this process."""
    from amlrun import AmlrunError, attach
    from amlrun.testing import FakeAml
    from tests.submission.storms import Storm

    chance = random.Random(seed)  # noqa: S311 - a test that can be repeated
    fake = FakeAml(folder).start()
    Storm(0.2, seed).over(fake)
    client: Any = Client(fake)
    if killed:
        die_at(int(10 ** chance.uniform(2.5, 5.5)))
    try:
        run = attach(name, client=client)
    except AmlrunError as error:
        if killed:
            die()
        sys.stderr.write(f"{name}: {error!r}\n")
        return AGAIN
    run.wait(progress=False)
    if killed:  # at the last moment
        die()
    return FAILED if "azure.ai.ml" in sys.modules else DONE


def start(folder: str, name: str, seed: int, *, killed: bool) -> int:
    """One watcher in a process of its own, whose number it returns."""
    number = os.fork()
    if number:
        return number
    code = FAILED
    try:
        signal.alarm(LONGEST)
        code = watch(folder, name, seed, killed=killed)
    except BaseException as error:  # noqa: BLE001 - it is the last to see it
        sys.stderr.write(f"{name}: {error!r}\n")
    finally:
        sys.setprofile(None)
        sys.stderr.flush()
        os._exit(code)


def see_through(folder: str, names: list[str], kills: int, seed: int) -> Counter[str]:
    """Let watchers come and be killed, until each run was seen to its end by one. Counts them.

    Who is left to be killed when all runs are over comes late to one of these.
    """
    chance = random.Random(seed)  # noqa: S311 - as above
    waiting, alive, count = list(names), dict[int, tuple[str, bool]](), Counter[str]()
    while waiting or alive or count["to be killed"] < kills:
        while len(alive) < AT_ONCE and (waiting or count["to be killed"] < kills):
            name = chance.choice(waiting[:AT_ONCE] or names)
            # Later runs must not go without: about as many for each.
            killed = count["to be killed"] < kills * (1 + len(names) - len(waiting)) / len(names)
            number = start(folder, name, chance.randrange(2**32), killed=killed)
            alive[number] = (name, killed)
            count["started"] += 1
            count["to be killed"] += killed
        number, status = os.wait()
        name, killed = alive.pop(number)
        code = os.waitstatus_to_exitcode(status)
        if code == (-signal.SIGKILL if killed else DONE):
            count["killed"] += killed
            if not killed and name in waiting:
                waiting.remove(name)
        elif code != AGAIN:
            raise SystemExit(f"The watcher of {name} ended with {code}.")
    return count


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    import amlrun._look
    import amlrun._run
    import amlrun._workspace
    import amlrun.testing._wire.patcher  # noqa: F401 - once, and not in each that is forked
    import tests.submission.storms  # noqa: F401 - the same

    counted = see_through(sys.argv[1], sys.stdin.read().split(), int(sys.argv[2]), int(sys.argv[3]))
    sys.stdout.write(f"{counted['started']} {counted['killed']}\n")
