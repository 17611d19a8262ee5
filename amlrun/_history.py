"""Run history, as far as amlrun reads and writes it: times, error and warnings of a run, logs, tags.

The host comes from the workspace's `discoveryUrl`, never from the region's name. Paths and fields are those
of recorded traffic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import attrs

from amlrun._durations import instant
from amlrun._rest import innermost

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amlrun._workspace import Workspace

LOG = "user_logs/std_log.txt"


@attrs.frozen(kw_only=True)
class RunRecord:
    """What run history knows of a run. Times are seconds since 1970; None: not yet.

    `queueing` is what it waits for, in the service's words (`Scheduling: Job is queued.`); "": nothing.
    `restarts` is how often the service restarted it in place.
    """

    started: float | None = None
    ended: float | None = None
    error_code: str = ""
    error_message: str = ""
    warnings: tuple[str, ...] = ()
    queueing: str = ""
    restarts: int = 0


def run_record(workspace: Workspace, name: str) -> RunRecord:
    """GET one run."""
    run = workspace.rest.get(f"{_base(workspace)}/runs/{name}", api_version="")
    root = run.get("error") or {}
    error = root.get("error") or {}
    code, message = innermost(error)
    inner = error.get("innerError") or {}
    codes = [code] if code else []
    while isinstance(inner, dict) and inner.get("code"):
        codes.append(str(inner["code"]))
        inner = inner.get("innerError")
    return RunRecord(
        started=instant(run.get("startTimeUtc")),
        ended=instant(run.get("endTimeUtc")),
        error_code="/".join(codes),
        error_message=message,
        warnings=tuple(str(warning.get("message") or "") for warning in run.get("warnings") or ()),
        queueing=_words(run.get("queueingInfo")),
        # Assumed: run history counts attempts of a job from 1, one more for each restart in place.
        restarts=max(0, int(run.get("currentAttemptId") or 1) - 1),
    )


def _words(queueing: Mapping[str, Any] | None) -> str:
    found = queueing or {}
    return ": ".join(str(found[key]) for key in ("code", "message") if found.get(key))


def log_text(workspace: Workspace, name: str) -> str:
    """The text of the job's own log so far; empty while there is none."""
    # Assumed: the name of the log, and that its URL is signed. Other files of `logFiles` are not looked at.
    details = workspace.rest.get(f"{_base(workspace)}/runs/{name}/details", api_version="")
    files = details.get("logFiles") or {}
    return workspace.rest.text(files[LOG]) if LOG in files else ""


def merge_tags(workspace: Workspace, name: str, experiment: str, tags: Mapping[str, str]) -> None:
    """Add tags to a run: the PATCH merges, where a PUT of the job would replace."""
    path = f"{_base(workspace)}/experiments/{quote(experiment, safe='')}/runs/{name}"
    workspace.rest.send("PATCH", path, api_version="", body={"tags": dict(tags)})


def _base(workspace: Workspace) -> str:
    host = urlsplit(workspace.lookups.workspace().discovery_url)
    return f"{host.scheme}://{host.netloc}/history/v1.0{workspace.scope.path}"
