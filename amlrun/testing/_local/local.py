"""The embedded workspace `local`: the fake, kept in a folder, whose jobs are processes on this machine."""

from __future__ import annotations

import os
import re
import shutil
import sys
import uuid
from pathlib import Path

from amlrun._catalogue import LOCATION
from amlrun._clock import RealClock
from amlrun._errors import NotConfigured
from amlrun.testing._api.exchange import Scope
from amlrun.testing._fake import FakeAml
from amlrun.testing._jobs.engine import Engine
from amlrun.testing._local.carrier import ProcessCarrier
from amlrun.testing._state.store import VERSION
from amlrun.testing._supply.places import Places
from amlrun.testing._supply.supply import Supply

HOME = "AMLRUN_LOCAL_HOME"
_SPECIAL = re.compile(r"[^\w./+\-@%=:,~]")


class LocalAml(FakeAml):
    """A workspace on this machine: real time, real processes. Made by `local`."""

    def __init__(self, folder: Path, *, grace_seconds: float | None = None) -> None:
        # Not FakeAml's own __init__: this one has another clock and other carriers.
        # Each folder is a subscription of its own, so that two in one process are told apart.
        subscription = str(uuid.uuid5(uuid.NAMESPACE_URL, folder.as_uri()))
        usual = Scope(subscription, "local", "local", LOCATION)
        self._set_up(
            folder, {}, usual, Engine(ProcessCarrier(folder), Places(Supply(pace=0.0))), clock=RealClock()
        )
        if grace_seconds is not None:
            with self._backend.store.transaction() as records:
                records.put("meta", "local", {"grace_seconds": grace_seconds})


def local(folder: Path | str | None = None, *, grace_seconds: float | None = None) -> LocalAml:
    """The embedded workspace, made where there is none yet.

    `folder` holds all of it; not given, it is AMLRUN_LOCAL_HOME, or a state folder of the user's. Jobs run
    in this Python, with the bash on the PATH. A preempted or canceled job has `grace_seconds` (5, where
    nobody said otherwise) between SIGTERM and SIGKILL.

    Raises NotConfigured on Windows, without bash, and for a folder that can't be one: paths go into commands
    unquoted, as Azure ML does it, so the folder's may hold nothing that a shell reads as more than a letter.
    """
    if sys.platform == "win32":
        raise NotConfigured(
            "The local workspace runs jobs with bash and process groups, which Windows does not have.",
            hint="Use WSL, or a real workspace. Planning and FakeAml work here.",
        )
    if shutil.which("bash") is None:
        raise NotConfigured("The local workspace runs jobs with bash, and there is none on the PATH.")
    path = Path(folder or os.environ.get(HOME) or _state_folder()).expanduser().absolute()
    if found := _SPECIAL.search(str(path)):
        raise NotConfigured(
            f"The local workspace can't be kept in {path}: {found[0]!r} breaks the commands that use it.",
            hint=f"Set {HOME} to a folder of letters, digits, dots, dashes and underscores.",
        )
    return LocalAml(path, grace_seconds=grace_seconds)


def _state_folder() -> Path:
    """Where a user's programs keep their state; another version's format has a folder of its own."""
    base = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(base) / "amlrun" / f"local-{VERSION}"
