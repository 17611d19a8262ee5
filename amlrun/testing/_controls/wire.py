"""The part of `FakeAml` that lets things go wrong, and keeps the record of what was asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlrun.testing._controls.arguments import check_counts, did_you_mean
from amlrun.testing._jobs.faults import JobFault
from amlrun.testing._routes.identity import identities_of
from amlrun.testing._supply import msi
from amlrun.testing._wire import injections
from amlrun.testing._wire.buckets import full
from amlrun.testing._wire.calls import Aim
from amlrun.testing._wire.faults import WireFault

if TYPE_CHECKING:
    from amlrun.testing._jobs.job import Job
    from amlrun.testing._state.store import Records
    from amlrun.testing._wire.backend import Backend
    from amlrun.testing._wire.calls import Calls


class WireControls:
    """What goes over the wire."""

    _backend: Backend

    @property
    def calls(self) -> Calls:
        """The last 10,000 requests that this object has answered, and what can be asserted of them."""
        return self._backend.calls

    def inject(
        self,
        *faults: Any,
        on: str | None = None,
        name: str | None = None,
        job: str | None = None,
        call: int = 1,
        times: int | None = 1,
    ) -> None:
        """Let something go wrong: faults of the wire (`Throttled`, …) on calls, faults of jobs on jobs.

        Faults of the wire: `on` says on which calls: a method and a route of the fake's (`PUT /jobs/{name}`),
        or a glob over method and path (`* */jobs/*`; `*`: any). `name` is a glob over the name in the path.
        They strike from the `call`-th call on that matches, `times` calls in a row (None: from then on
        always, and once at least). Several faults in one `inject` strike one call together; what several
        `inject` script is played in the order in which it was scripted.

        Faults of jobs: `job` is a glob over the names of jobs (not given: any), `times` the number of jobs,
        or attempts of one, that they strike.

        A fault that never strikes fails the test: with the fixture, the decorator and `with FakeAml()` at the
        end. `forget_faults()` takes them back.

        An `Answer` may be for a path that the fake has no route for (`GET /schedules*`): it stubs it.

        Raises ValueError for a route that the fake doesn't have (near ones are named), and for faults that
        can't strike together; TypeError for what is no fault, or one that is aimed as the other kind.
        """
        for fault in faults:
            if not isinstance(fault, (WireFault, JobFault)):
                raise TypeError(_no_fault(fault))
        of_wire = [fault for fault in faults if isinstance(fault, WireFault)]
        if not faults or 0 < len(of_wire) < len(faults):
            raise TypeError("Give faults, either all of the wire or all of jobs.")
        if of_wire:
            if on is None or job is not None:
                raise TypeError("Faults of the wire are aimed at calls: give on=, and not job=.")
            made = injections.of(of_wire, Aim(on, name), call=call, times=times)
            self._backend.injections.add(made)
            return
        if on is not None or name is not None or call != 1:
            raise TypeError("Faults of jobs are aimed at jobs: give job=, and not on=, name= or call=.")
        if times is None:
            raise TypeError("Say how many jobs the fault is to strike: times=None is for faults of the wire.")
        for fault in faults:
            self._inject_job(fault, "*" if job is None else job, times)

    def throttle(self, *, reads: int | None = 250, writes: int | None = 200) -> None:
        """Limit the number of requests as ARM does: so many at once, then 25 reads and 10 writes a second.

        What is too much is answered with 429 and Retry-After. `throttle(reads=None, writes=None)` ends it;
        with one of them None only the other is limited. Raises ValueError for what is no whole number.
        """
        check_counts(1, reads=reads, writes=writes)
        if reads is None and writes is None:
            self._backend.limits = None
            return
        endless = 10**9
        limits = full(
            self._backend.clock.now(),
            reads=endless if reads is None else reads,
            writes=endless if writes is None else writes,
        )
        self._backend.limits = limits

    def forget_faults(self) -> None:
        """Take back all that `inject` scripted and has yet to happen."""
        self._backend.injections.forget()
        self._forget_job_faults()

    def check_faults(self) -> None:
        """Raise AssertionError where something scripted has not happened, and say what came near."""
        pending = [*self._backend.injections.pending(), *self._pending_job_faults()]
        if pending:
            count = "A scripted fault" if len(pending) == 1 else f"{len(pending)} scripted faults"
            raise AssertionError("\n".join([f"{count} never struck:", *pending]))

    def job_environment(self, name: str) -> dict[str, str]:
        """The environment variables that the code of a job sees, the job's own ones among them.

        Those of a job with a managed identity lead `ManagedIdentityCredential` and `DefaultAzureCredential`
        here, those of a job with its user's identity `AzureMLOnBehalfOfCredential`: give them to
        `monkeypatch.setenv`. Raises LookupError where there is no such job.
        """
        backend = self._backend
        with backend.work() as (records, _now):
            job = self._job(records, name)
        return msi.variables(job, backend.scope, backend.identity_host, identities_of(backend, job))

    if TYPE_CHECKING:  # what JobControls does

        def _job(self, records: Records, name: str) -> Job: ...
        def _inject_job(self, fault: Any, job: str, times: Any) -> None: ...
        def _forget_job_faults(self) -> None: ...
        def _pending_job_faults(self) -> list[str]: ...


def _no_fault(given: Any) -> str:
    """Why something can't be injected, and what may have been meant."""
    if isinstance(given, type):
        return f"{given.__name__} is a class: give {given.__name__}()."
    names = [kind.__name__ for kind in (*WireFault.__subclasses__(), *JobFault.__subclasses__())]
    near = did_you_mean(given, names) if isinstance(given, str) else ""
    return f"{given!r} is no fault.{near} Give one of amlrun.testing, such as Throttled()."
