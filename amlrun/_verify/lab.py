"""Where the tiny jobs are sent from, looked at and asked about: what was seen of each is kept as a value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from amlrun._asking.given import arguments
from amlrun._asking.request import parse
from amlrun._asking.team import Defaults
from amlrun._asking.teamfile import read_team
from amlrun._cancel import cancel, post_cancel
from amlrun._cloud import STORAGE_SCOPE
from amlrun._durations import seconds
from amlrun._ending import Evidence, ending
from amlrun._errors import AmlrunError, NotAuthorized, ServiceError
from amlrun._history import log_names, log_text, record_of, run_path, run_record
from amlrun._look import Watched, seen_in
from amlrun._sending import find, job_path, signed
from amlrun._states import BEFORE_RUNNING, ENDS
from amlrun._submission import submit_request
from amlrun._verify.observed import Answer, Seen
from amlrun._verify.of_ends import AGAIN, PATCHED
from amlrun._verify.programs import MARK, said

if TYPE_CHECKING:
    from amlrun._asking.team import Team
    from amlrun._rest import Rest
    from amlrun._verify.recorder import Recorder
    from amlrun._workspace import Workspace

EXPERIMENT = "amlrun-verify"


def team() -> Team:
    """The team's rules, without its defaults: what is sent here is what the question asks for."""
    return attrs.evolve(read_team(), defaults=Defaults())


class Lab:
    """The jobs of one verification, by what they are called here; `names` has each before it is sent.

    `seen` is what is known of each, `watched` too of those that amlrun can follow, `identity` in words what
    each was sent with; `hints` are the ways out that were told. `workspace` goes through `recorder`; all
    names begin with `prefix`.
    """

    def __init__(self, workspace: Workspace, recorder: Recorder, *, prefix: str, environment: str) -> None:
        self.workspace = workspace
        self.environment = environment
        self.prefix = prefix
        self.names: dict[str, str] = {}
        self.seen: dict[str, Seen] = {}
        self.identity: dict[str, str] = {}
        self.watched: dict[str, Watched] = {}
        self.hints: set[str] = set()
        self._tags: dict[str, str] = {**dict.fromkeys(team().required_tags, prefix), MARK: prefix}
        self._recorder = recorder
        self._bodies: dict[str, dict[str, Any]] = {}

    # -- sending

    def submit(self, label: str, command: str, **options: Any) -> Watched:
        """Send a job as `amlrun.submit` does. Raises what that raises."""
        name = self._name(label)
        tags = {**self._tags, **options.pop("tags", {})}
        given = {
            "environment": self.environment,
            "compute": "serverless",
            "experiment_name": EXPERIMENT,
            "name": name,
            "tags": tags,
            **options,
        }
        path = job_path(self.workspace, name)
        self._recorder.expect("PUT", path)
        try:
            run = submit_request(self.workspace, parse(command, arguments(given), team()))
        finally:
            answer = self._recorder.take("PUT", path)
            if answer is not None:
                self.note(label, "put", answer)
        watched = run._watched  # noqa: SLF001 - a handle's own is for its own package
        body = watched.memory.body or {}
        self.environment, self._tags = str(body["environmentId"]), dict(body["tags"])
        self._bodies[label] = {**body, "properties": {**body["properties"], **watched.memory.to_properties()}}
        self.watched[label] = watched
        return watched

    def adopt(self, label: str, watched: Watched) -> None:
        """An attempt that amlrun has sent after another one."""
        self.names[label] = watched.last.name
        self.seen[label] = Seen(name=watched.last.name)
        self._bodies[label] = dict(watched.memory.body or {})
        self.watched[label] = watched

    def put(self, label: str, **body: Any) -> Answer:
        """Send a body that amlrun would not: it says no more than this."""
        name = self._name(label)
        self._bodies[label] = {
            "jobType": "Command",
            "environmentId": self.environment,
            "displayName": name,
            "tags": self._tags,
            **body,
        }
        return self.send_again(label, "put")

    def send_again(self, label: str, what: str, *, changed: bool = False) -> Answer:
        """The same PUT; `changed`: with a property and a tag more, by which it is known in the answer."""
        body = self._bodies[label]
        if changed:
            marked = {key: {**(body.get(key) or {}), AGAIN: "true"} for key in ("properties", "tags")}
            body = {**body, **marked}
        options: dict[str, Any] = {}
        if label in self.watched:
            memory = self.watched[label].memory
            _, headers = signed(self.workspace, memory, body)
            options = {"headers": headers, "api_version": memory.api_version}
        return self.ask(label, what, "PUT", self.path(label), body={"properties": body}, **options)

    def revive(self, label: str, former: str) -> None:
        """A job that was made under the name of a former one."""
        self.names[label] = self.names[former]
        self.seen[label] = Seen(name=self.names[former])

    def _name(self, label: str) -> str:
        name = f"{self.prefix}-{label}"
        self.names[label] = name
        self.seen[label] = Seen(name=name)
        return name

    # -- asking

    def path(self, label: str) -> str:
        """A job's ARM id."""
        return job_path(self.workspace, self.names[label])

    def ask(self, label: str, what: str, method: str, path: str, **options: Any) -> Answer:
        """Send one request about a job, and keep its answer, whatever that is."""
        answer = self.request(method, path, **options)
        self.note(label, what, answer)
        return answer

    def on_storage(self, method: str, url: str, **options: Any) -> Answer:
        """The same, of storage, with this account's own token for it."""
        rest = self.workspace.rest.elsewhere(STORAGE_SCOPE).bounded()
        return self.request(method, url, rest=rest, api_version="", **options)

    def request(self, method: str, path: str, *, rest: Rest | None = None, **options: Any) -> Answer:
        """Send one request; an answer that is an error is one, too."""
        self._recorder.expect(method, path)
        why = "there was none"
        try:
            (rest or self.workspace.rest).send(method, path, **options)
        except (ServiceError, NotAuthorized) as error:
            why = error.message
        return self._recorder.take(method, path) or Answer(0, why=why)

    def patch(self, label: str, experiment: str) -> None:
        """Add a tag by run history's PATCH, and look what the job shows then."""
        path = run_path(self.workspace, self.names[label], experiment)
        self.ask(label, "patch", "PATCH", path, api_version="", body={"tags": {PATCHED: "true"}})
        self.ask(label, "after-patch", "GET", self.path(label))

    def note(self, label: str, what: str, answer: Answer) -> None:
        """Keep an answer about a job."""
        seen = self.seen[label]
        self.seen[label] = attrs.evolve(seen, answers={**seen.answers, what: answer})

    # -- looking

    def look(self, label: str) -> Seen:
        """Look at a job once; of one that is over, all that can be read of it.

        Where there is no answer just now, the next round comes.
        """
        try:
            job = find(self.workspace, self.names[label])
        except ServiceError as error:
            if not error.passing:
                raise
            job = None
        if job is None:
            return self.seen[label]
        seen, status = self.seen[label], str(job["properties"].get("status") or "NotStarted")
        if status != seen.status:
            moment = self.workspace.clock.now()
            seen = attrs.evolve(seen, statuses=(*seen.statuses, (moment, status)))
        seen = self.seen[label] = attrs.evolve(seen, job=job)
        if label in self.watched:
            self.watched[label] = seen_in(self.workspace, self.watched[label], job)
        if status in ENDS or (not seen.run and status not in BEFORE_RUNNING):
            seen = self.seen[label] = self._read(label, seen)
        return seen

    def _read(self, label: str, seen: Seen) -> Seen:
        """With run history, and with what its program has said; what can't be read is told, and no error."""
        try:
            seen = attrs.evolve(seen, run=run_record(self.workspace, seen.name).raw)
            names = log_names(self.workspace, seen.name)
            told = said(log_text(self.workspace, seen.name)) if names else {}
            seen = attrs.evolve(seen, logs=names, said=told, trouble="")
        except AmlrunError as error:
            seen = attrs.evolve(seen, trouble=f"it can't be read whole: {error.message}")
        return attrs.evolve(seen, ending=self._ending(label, seen))

    def _ending(self, label: str, seen: Seen) -> str:
        if label in self.watched:
            return str(self.watched[label].last.ending or "")
        record = record_of(seen.run)
        ran = None if seen.started is None or seen.ended is None else seen.ended - seen.started
        timeout = seen.shows("limits", "timeout")
        evidence = Evidence(
            status=seen.status,
            error_code=record.error_code,
            error_message=record.error_message,
            warnings=record.warnings,
            cancel_requested_seen=seen.cancel_was_requested,
            timeout=seconds(timeout) if timeout else None,
            ran_for=ran,
        )
        return str(ending(evidence) or "")

    # -- ending

    def cancel(self, label: str) -> None:
        """Cancel a run of amlrun's for good."""
        self.watched[label] = cancel(self.workspace, self.watched[label])

    def stop(self, label: str) -> None:
        """Cancel a job that takes longer than it may."""
        post_cancel(self.workspace, self.names[label])
        self.seen[label] = attrs.evolve(self.seen[label], overdue=True)

    def trouble(self, label: str, why: str) -> None:
        """Why no more is seen of a job."""
        seen = self.seen.get(label) or Seen(name="")
        self.seen[label] = attrs.evolve(seen, trouble=why.partition("\n")[0])
