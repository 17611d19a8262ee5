"""The jobs side by side: one loop, time limits, and an end for all of them whatever happens."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from amlrun._cancel import post_cancel
from amlrun._errors import AmlrunError
from amlrun._sending import find
from amlrun._signals import held, terminating
from amlrun._states import CANCEL_REQUESTED, ENDS, RUNNING
from amlrun._verify.experiments import AT_ONCE, DELETED, OWNERS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from amlrun._verify.experiments import Experiment
    from amlrun._verify.lab import Lab
    from amlrun._verify.scripts import Script

LOOK = 5.0
"""Seconds between two rounds: a cancel that is under way shows for no longer."""
LONGEST = 3600.0
"""Seconds for all of it: what has yet to run then is canceled."""
LEAVE = 600.0
"""Seconds after that in which jobs may take their time to end."""
_log = logging.getLogger("amlrun")


def run(
    lab: Lab,
    scripts: Mapping[str, tuple[Experiment, Script]],
    tell: Callable[[str], None],
) -> None:
    """Go round until each script is through. No job outlives this, whatever ends it.

    A script that fails ends with its jobs; the others go on. Ctrl-C and SIGTERM pass through, after all that
    lives is canceled.
    """
    clock = lab.workspace.clock
    began, left = clock.now(), dict(scripts)
    minutes = {name: one.minutes for name, (one, _) in scripts.items()}
    shown: dict[str, str] = {}
    try:
        with terminating():
            while left and clock.now() - began <= LONGEST + LEAVE:
                left = {name: one for name, one in left.items() if _goes_on(lab, *one, tell)}
                _tell_news(lab, shown, tell)
                _end_overdue(lab, minutes, late=clock.now() - began > LONGEST)
                if left:
                    clock.sleep(LOOK)
    finally:
        with held_back(tell):
            cancel_all(lab, list(lab.names), tell)


def _goes_on(lab: Lab, one: Experiment, script: Script, tell: Callable[[str], None]) -> bool:
    """One step of a script; whether there is another. One that fails takes its jobs along."""
    try:
        next(script)
    except StopIteration:
        return False
    except AmlrunError as error:
        _say(tell, f"{one.name}: {error.message if error.hint in lab.hints else error}")
        lab.hints.add(error.hint)
        lab.trouble(one.name, error.message)
    except Exception as error:  # noqa: BLE001 - a reply of a form that nobody has foreseen is worth seeing, too
        _log.warning("%s: nobody has foreseen this", one.name, exc_info=True)
        lab.trouble(one.name, f"nobody has foreseen this: {type(error).__name__}")
    else:
        return True
    cancel_all(lab, [label for label in lab.names if OWNERS.get(label, label) == one.name], tell)
    return False


def _end_overdue(lab: Lab, minutes: Mapping[str, float], *, late: bool) -> None:
    """Cancel what has run for as long as it may, and, when it is late, all that lives."""
    now = lab.workspace.clock.now()
    for label, seen in list(lab.seen.items()):
        since = seen.first(RUNNING)
        most = (AT_ONCE if label == DELETED else minutes[OWNERS.get(label, label)]) * 60
        over_time = since is not None and now - since > most
        if seen.lives and seen.status != CANCEL_REQUESTED and (over_time or late):
            with suppress(AmlrunError):  # the next round comes
                lab.stop(label)


def _tell_news(lab: Lab, shown: dict[str, str], tell: Callable[[str], None]) -> None:
    for label, seen in lab.seen.items():
        if seen.status and shown.get(label) != seen.status:
            shown[label] = seen.status
            _say(tell, f"{seen.name}: {seen.status}")


def cancel_all(lab: Lab, labels: list[str], tell: Callable[[str], None]) -> None:
    """Cancel each of these jobs that was sent, or may have been, and isn't known to be over.

    Whatever becomes of one of them, the others are canceled. Each that may live on is named.
    """
    left = [lab.names[label] for label in labels if not lab.seen[label].over]
    try:
        while left:
            name = left[0]
            try:
                _cancel_one(lab, name, tell)
            except Exception as error:  # noqa: BLE001 - none of them is left behind for that
                why = error.message if isinstance(error, AmlrunError) else type(error).__name__
                _say(tell, f"{name}: nobody knows whether it is canceled ({why}): amlrun cancel {name}")
            left.remove(name)
    finally:
        for name in left:
            _say(tell, f"{name}: may be running: amlrun cancel {name}")


def _cancel_one(lab: Lab, name: str, tell: Callable[[str], None]) -> None:
    job = find(lab.workspace, name)
    if job is not None and job["properties"].get("status") not in {*ENDS, CANCEL_REQUESTED}:
        post_cancel(lab.workspace, name)
        _say(tell, f"{name}: canceled")


def _say(tell: Callable[[str], None], text: str) -> None:
    with suppress(OSError, ValueError):  # nobody listens any more
        tell(text)


def held_back(tell: Callable[[str], None]) -> AbstractContextManager[None]:
    """Jobs are being canceled: an impatient Ctrl-C is told that; another one is let through."""
    return held(lambda: _say(tell, "The jobs are being canceled. Once more, and they are left as they are."))
