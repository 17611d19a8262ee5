"""The process that carries one job of the local workspace, from its preparation to its end.

It is started detached, outlives the submitter, watches its job's process group and the workspace's state, and
starts what waited for the nodes that it gives back. It imports nothing of Azure.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from amlrun.testing._api.exchange import Scope
from amlrun.testing._assets.blobs import CONTAINERS, FolderBlobs
from amlrun.testing._jobs.demands import timeout_of
from amlrun.testing._jobs.engine import Engine
from amlrun.testing._jobs.faults import Silence
from amlrun.testing._jobs.job import CANCELED, COMPLETED, NODE_LOST, End, Job, Stage, exit_message
from amlrun.testing._local import endpoint, processes
from amlrun.testing._local.carrier import ProcessCarrier, job_folder
from amlrun.testing._local.runner import CannotRun, Runner, Start
from amlrun.testing._state.store import Store
from amlrun.testing._supply.places import Places

if TYPE_CHECKING:
    from amlrun.testing._state.store import Records

GRACE_SECONDS = 5.0
_POLL_SECONDS = 0.1
_GATE = 'read -r && exec "$0" -c "$1" < /dev/null'
"""The command starts when its process group is known to the workspace, and never if this process dies first:
otherwise nobody could find it to end it.
"""


def main(folder: str, name: str) -> None:
    """Carry the job of that name."""
    place = Path(folder)
    Supervisor(place, name).run()


class Supervisor:
    """One job in one process."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.name = name
        self.store = Store(folder)
        self.engine = Engine(ProcessCarrier(folder), Places())
        self.place = job_folder(folder, name)

    def run(self) -> None:
        """To the end, whatever it is."""
        with self.store.transaction() as records:
            job = self._mine(records)
            scope = Scope(**(records.get("meta", "scope") or {}))
        if job is None:
            return
        runner = Runner(self.folder, FolderBlobs(self.folder, CONTAINERS), self._find)
        ending: End | None
        try:
            shutil.rmtree(self.place / "wd", ignore_errors=True)
            with endpoint.variables(job, scope, self.store, self.engine) as told:
                ending = self._carry(runner.prepare(job, self.place, told))
        except CannotRun as error:
            ending = End("Failed", "UserError", str(error))
        except (OSError, ValueError) as error:  # a full disk, say: told, and not taken for a lost node
            ending = End("Failed", "UserError", f"local can't run this job: {error}")
        shutil.rmtree(self.place / "wd", ignore_errors=True)
        self._finish(ending)

    def _find(self, kind: str, name: str) -> dict[str, Any] | None:
        with self.store.transaction() as records:
            return records.get(kind, name)

    def _mine(self, records: Records) -> Job | None:
        """The job, if this is the process that it was given to."""
        job = self.engine.job(records, self.name)
        if job is None or job.over or job.process is None or job.process[0] != os.getpid():
            return None
        return job

    def _carry(self, start: Start) -> End | None:
        """Start the command and stay until its group is gone. None: a fault has struck."""
        with start.log.open("ab") as log:
            bash = shutil.which("bash") or "bash"  # ours: the job's own PATH may have none
            process = subprocess.Popen(  # noqa: S603 - running the user's command is what this is for
                [bash, "-c", _GATE, bash, start.command],
                cwd=start.cwd,
                env=dict(start.environment),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            return self._watch(process)
        finally:
            processes.kill_group(process.pid)
            process.wait()

    def _watch(self, process: subprocess.Popen[bytes]) -> End | None:
        with self.store.transaction() as records:
            job = self._mine(records)
            if job is not None and job.stage is Stage.PREPARING:
                group = (process.pid, processes.start_time(process.pid) or "")
                job = self.engine.run(records, attrs.evolve(job, group=group), time.time())
            settings = records.get("meta", "local") or {}
        if job is not None and job.stage is Stage.RUNNING and process.stdin is not None:
            with suppress(BrokenPipeError), process.stdin as gate:
                gate.write(b"\n")
        grace = float(settings.get("grace_seconds", GRACE_SECONDS))
        timeout = None if job is None else timeout_of(job.sent)
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            try:
                return _exit(process.wait(_POLL_SECONDS))
            except subprocess.TimeoutExpired:
                pass
            if self._is_called_off(overdue=until is not None and time.monotonic() >= until):
                processes.end_group(process, grace)
                return CANCELED
            if self._is_struck():
                processes.end_group(process, grace)
                return None

    def _is_called_off(self, *, overdue: bool) -> bool:
        with self.store.transaction() as records:
            job = self._mine(records)
        return job is None or job.stage is Stage.CANCELING or overdue

    def _is_struck(self) -> bool:
        """Whether a fault's time has come that ends the process. One that doesn't happens here."""
        with self.store.transaction() as records:
            job = self._mine(records)
            now = time.time()
            if job is None or job.stage is not Stage.RUNNING or not job.strike or now < job.strike[1]:
                return False
            aim = self.engine.aimed_at(records, job)
            if aim is None or isinstance(aim.fault.effect(), Silence):
                self.engine.let_strike(records, job, now)
                return False
        return True

    def _finish(self, ending: End | None) -> None:
        with self.store.transaction() as records:
            if (job := self._mine(records)) is None:
                return
            if ending is None and self.engine.let_strike(records, job, time.time()):
                return
            self.engine.finish(records, job, ending or NODE_LOST, time.time())


def _exit(status: int) -> End:
    """What an exit status makes of the job; a signal counts as a shell tells it."""
    if status == 0:
        return COMPLETED
    return End("Failed", "UserError", exit_message(status if status > 0 else 128 - status))
