"""Command jobs: where a plan, an identity and an attempt stand in the body. Pure: a body in, a new body out.

The body is `properties` of `PUT …/jobs/{name}` (definition `CommandJob`), as `azure-ai-ml` wrote it.
https://learn.microsoft.com/azure/machine-learning/how-to-use-serverless-compute
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlrun._durations import iso
from amlrun._jobs.placing import place_fields, placed
from amlrun._names import CHECKPOINT_VARIABLE, CHECKPOINTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from amlrun._jobs.dress import Dress
    from amlrun._plan import Plan

# `${{outputs.x}}` is replaced in the command only, never in environment_variables: hence the export.
_BIND = f"export {CHECKPOINT_VARIABLE}=${{{{outputs.{CHECKPOINTS}}}}}; "


def dress_command(job: dict[str, Any], dress: Dress) -> None:
    """Put placement, time-out, variables and checkpoints on the body of a command job."""
    placed(job, dress.plan, dress.workspace)
    if dress.timeout is not None:
        job["limits"] = {"jobLimitsType": "Command", "timeout": iso(dress.timeout)}
    job["environmentVariables"] = dress.variables(job.get("environmentVariables"))
    if dress.checkpoints is not None:
        _bind_checkpoints(job, dress.checkpoints)


def command_fields(
    _body: Mapping[str, Any], plan: Plan, workspace: str
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Where the plan must stand in a body that leaves."""
    yield from place_fields(plan, workspace)


def _bind_checkpoints(job: dict[str, Any], folder: str) -> None:
    # Assumed: two attempts that mount the same path for writing, one after the other, see each other's files.
    outputs = dict(job.get("outputs") or {})
    outputs[CHECKPOINTS] = {"jobOutputType": "uri_folder", "mode": "ReadWriteMount", "uri": folder}
    job["outputs"] = outputs
    job["command"] = bound(job["command"])


def bound(command: str) -> str:
    """The command, after the place for checkpoints is made known to it."""
    return command if command.startswith(_BIND) else _BIND + command
