"""Processes by pid and start time, and process groups. POSIX only.

A pid alone is not a name: it is given again. What is looked for later is kept as a pid with the instant at
which that process started.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PROC = Path("/proc")
_POLL_SECONDS = 0.02
_spawned: set[int] = set()
"""Children of this process that nobody waits for: they are reaped when they are looked for."""


def spawn_detached(arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> tuple[int, str]:
    """Start a process in a session of its own, its output in a file. Returns its pid and start time."""
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    # Not `Popen`: nobody here waits for it, and a forgotten Popen complains when it is collected.
    pid = os.posix_spawn(arguments[0], list(arguments), dict(environment), file_actions=actions, setsid=True)
    _spawned.add(pid)
    return pid, start_time(pid) or ""


def start_time(pid: int) -> str | None:
    """When that process started, in the system's words; None where none runs (a zombie doesn't)."""
    _reap(pid)
    if _PROC.joinpath("self", "stat").exists():
        fields = _stat(pid)
        return None if fields is None or fields[0] in "ZX" else fields[19]
    # S607: ps is POSIX's, wherever it is
    found = subprocess.run(  # noqa: S603 - a number is all that goes in
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    state, _, started = found.stdout.strip().partition(" ")
    return None if not state or state.startswith("Z") else started.strip()


def alive(process: tuple[int, str]) -> bool:
    """Whether this very process still runs."""
    pid, started = process
    return start_time(pid) == started


def group_alive(group: int) -> bool:
    """Whether any process of a group still runs. Zombies don't count where that can be seen."""
    if _PROC.joinpath("self", "stat").exists():
        pids = (int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit())
        stats = (fields for pid in pids if (fields := _stat(pid)))
        return any(fields[2] == str(group) and fields[0] not in "ZX" for fields in stats)
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def kill_group(group: int) -> None:
    """SIGKILL for whoever is left of a group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def end_group(leader: subprocess.Popen[bytes], grace_seconds: float) -> None:
    """SIGTERM to the group, a grace for all of it (a shell may be gone before its children), then SIGKILL."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader.pid, signal.SIGTERM)
    until = time.monotonic() + grace_seconds
    while time.monotonic() < until:
        leader.poll()
        if not group_alive(leader.pid):
            break
        time.sleep(_POLL_SECONDS)
    kill_group(leader.pid)
    leader.wait()


def _stat(pid: int) -> list[str] | None:
    """The fields of `/proc/<pid>/stat` behind the name, which may hold spaces and parentheses."""
    try:
        text = _PROC.joinpath(str(pid), "stat").read_text()
    except OSError:
        return None
    return text.rpartition(")")[2].split()


def _reap(pid: int) -> None:
    # Not any child: another one's exit status belongs to who started it.
    if pid in _spawned:
        with suppress(ChildProcessError):
            if os.waitpid(pid, os.WNOHANG)[0] == pid:
                _spawned.discard(pid)
