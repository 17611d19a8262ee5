"""Run history, as far as amlrun reads and writes it: how a run stands and ended, children, logs, tags.

The host comes from the workspace's `discoveryUrl`, never from the region's name. Paths and fields are those
of recorded traffic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import attrs

from amlrun._cloud import HISTORY
from amlrun._durations import instant, span
from amlrun._error_replies import innermost, odd_reply
from amlrun._errors import ServiceError
from amlrun._logs import preferred
from amlrun._readings.json_values import items_in, object_in, text_in
from amlrun._states import FAILED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from amlrun._workspace import Workspace

DEEPEST = 8
"""Pipelines within pipelines that are looked into."""
_TRACED = "Traceback (most recent call last)"
_MOST_DIGITS = 9
_MOST_LOGS = 8
"""Logs of a job of many processes that are read to find the one that tells of a failure."""


@attrs.frozen(kw_only=True)
class RunRecord:
    """What run history knows of a run. Times are seconds since 1970; None: not yet.

    `title` is what people call it: of a pipeline's step its name there. `queueing` is what it waits for, in
    the service's words (`Scheduling: Job is queued.`); "": nothing. `restarts` is how often the service
    restarted it in place; `computed` how long it ran in all, in seconds, None where it doesn't say.
    `outputs` are its named outputs by name, each with its id and its type.
    `raw` is the reply itself.
    """

    name: str = ""
    title: str = ""
    status: str = ""
    started: float | None = None
    ended: float | None = None
    error_code: str = ""
    error_message: str = ""
    warnings: tuple[str, ...] = ()
    queueing: str = ""
    restarts: int = 0
    computed: float | None = None
    outputs: Mapping[str, tuple[str, str]] = attrs.field(factory=dict, eq=False, repr=False)
    raw: Mapping[str, Any] = attrs.field(factory=dict, eq=False, repr=False)


def run_record(workspace: Workspace, name: str) -> RunRecord:
    """GET one run. A host that hangs is given up soon: who waits for many can't sit it out for each."""
    run = workspace.rest.bounded().get(_run(workspace, name), api_version="")
    if not (text_in(run.get("runId")) or text_in(run.get("status"))):  # else its end would be unknown
        what = f"GET /runs/{name}: a reply that is no run"
        raise odd_reply(what)
    return record_of(run)


def record_of(run: Mapping[str, Any]) -> RunRecord:
    """What a reply says. What has another form than it should says nothing."""
    error = object_in(object_in(run.get("error")).get("error"))
    code, message = innermost(error)
    inner = error.get("innerError")
    codes = [code] if code else []
    while isinstance(inner, dict) and inner.get("code"):
        codes.append(str(inner["code"]))
        inner = inner.get("innerError")
    named = {name: object_in(one) for name, one in object_in(run.get("outputs")).items()}
    outputs = {name: one for name, one in named.items() if one.get("assetId")}
    return RunRecord(
        name=str(run.get("runId") or ""),
        title=str(run.get("displayName") or run.get("runId") or ""),
        status=str(run.get("status") or ""),
        started=instant(run.get("startTimeUtc")),
        ended=instant(run.get("endTimeUtc")),
        error_code="/".join(codes),
        error_message=message,
        warnings=tuple(str(warning.get("message") or "") for warning in items_in(run.get("warnings"))),
        queueing=_words(object_in(run.get("queueingInfo"))),
        # Assumed: run history counts attempts of a job from 1, one more for each restart in place.
        restarts=max(0, _number(run.get("currentAttemptId")) - 1),
        computed=span(run.get("computeDuration")),
        outputs={name: (str(one["assetId"]), str(one.get("type") or "")) for name, one in outputs.items()},
        raw=run,
    )


def _words(queueing: Mapping[str, Any]) -> str:
    return ": ".join(str(queueing[key]) for key in ("code", "message") if queueing.get(key))


def _number(value: object) -> int:
    """A whole number, as one or as its digits; 0: none."""
    digits = str(value)
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= _MOST_DIGITS else 0


def children(workspace: Workspace, name: str) -> list[RunRecord]:
    """The runs of a pipeline's steps, of a search's trials; none of a job that runs by itself."""
    runs = workspace.rest.bounded().list(f"{_run(workspace, name)}/children", api_version="")
    return [record_of(run) for run in items_in(runs)]


def failed_part(workspace: Workspace, name: str, above: tuple[str, ...] = ()) -> tuple[str, RunRecord] | None:
    """The step or trial by which a run failed, the deepest one: its path from there (`prep.clean`), its run.

    None: no child has failed. Of several it is the one that failed first: others may have followed from it.
    """
    failed = [child for child in children(workspace, name) if child.status == FAILED]
    if not failed:
        return None
    first = min(failed, key=lambda child: (child.ended is None, child.ended or 0.0))
    names = (*above, first.title)
    deeper = failed_part(workspace, first.name, names) if len(names) < DEEPEST else None
    return deeper or (".".join(names), first)


def log_text(workspace: Workspace, name: str) -> str:
    """The text of the job's own log so far; empty while there is none.

    Of a job of several processes it is that of the first one that has written.
    """
    return next(filter(None, _texts(workspace, name)), "")


def log_since(workspace: Workspace, name: str, size: int, last: bytes) -> tuple[int, bytes]:
    """What the same log has after its first `size` bytes, which end in `last`, and where that begins.

    At 0 where these don't stand there (any more): the service has started it anew. No more is read than that.
    """
    rest, mark = workspace.rest, size - len(last)
    for url in _urls(workspace, name):
        begin, data = rest.since(url, mark)
        if size and data[mark - begin : size - begin] == last:
            return size, data[size - begin :]
        if begin:
            _, data = rest.since(url, 0)
        if data:
            return 0, data
    return size, b""


def failure_text(workspace: Workspace, name: str) -> str:
    """The same, of a job that failed: of several processes the first whose log has a traceback."""
    first = ""
    for text in _texts(workspace, name):
        if _TRACED in text:
            return text
        first = first or text
    return first


def log_names(workspace: Workspace, name: str) -> tuple[str, ...]:
    """What the logs of a run are called."""
    return tuple(sorted(_logs(workspace, name)))


def _logs(workspace: Workspace, name: str) -> Mapping[str, str]:
    """URLs by the names of logs."""
    # Assumed: that the URLs of `logFiles` are signed.
    details = workspace.rest.get(f"{_run(workspace, name)}/details", api_version="")
    return {name: url for name, url in object_in(details.get("logFiles")).items() if text_in(url)}


def _texts(workspace: Workspace, name: str) -> Iterator[str]:
    """The logs that are worth reading, the best first."""
    return map(workspace.rest.text, _urls(workspace, name))


def _urls(workspace: Workspace, name: str) -> list[str]:
    """Theirs."""
    files = _logs(workspace, name)
    return [files[log] for log in preferred(files)[:_MOST_LOGS]]


def merge_tags(workspace: Workspace, name: str, experiment: str, tags: Mapping[str, str]) -> None:
    """Add tags to a run: the PATCH merges, where a PUT of the job would replace."""
    path = run_path(workspace, name, experiment)
    workspace.rest.send("PATCH", path, api_version="", body={"tags": dict(tags)})


def run_path(workspace: Workspace, name: str, experiment: str) -> str:
    """The URL at which a run can be changed."""
    return f"{_scope(workspace)}/experiments/{quote(experiment, safe='')}/runs/{name}"


def host_of(workspace: Workspace) -> str:
    """Where run history is, and the services beside it."""
    host = urlsplit(workspace.lookups.workspace().discovery_url)
    if not host.netloc:
        what = f"The workspace {workspace.scope.workspace} doesn't say where its run history is"
        raise ServiceError(what, hint="Its discoveryUrl is missing: is it still being made?", status=200)
    return f"{host.scheme}://{host.netloc}"


def _scope(workspace: Workspace) -> str:
    return f"{host_of(workspace)}{HISTORY}{workspace.scope.path}"


def _run(workspace: Workspace, name: str) -> str:
    return f"{_scope(workspace)}/runs/{name}"
