"""Spark jobs, as entities of the SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlrun._asking.parts import read
from amlrun._entities.own import own_job, with_program
from amlrun._errors import InvalidRequest
from amlrun._needs import SERVERLESS

if TYPE_CHECKING:
    from amlrun._asking.request import Request
    from amlrun._plan import Plan


def spark_entity(request: Request, plan: Plan) -> Any:
    """A Spark job of the SDK, which takes a pool or a size, never both and never neither.

    Raises `InvalidRequest` where serverless Spark isn't told its version, and for data with another mode.
    """
    job = with_program(own_job(request), request)
    for part in ("inputs", "outputs"):
        _check_direct(part, getattr(request, part))
    version = read(job, "resources", "runtime_version")
    job.resources = None
    if plan.compute != SERVERLESS:
        job.compute = plan.compute
        return job
    if not version:
        message = "The job doesn't say which version of Spark it wants, and serverless Spark needs to know"
        hint = "Say it in the job: resources.runtime_version, such as 3.4."
        raise InvalidRequest(message, argument="job", hint=hint)
    job.compute = None
    job.resources = {"instance_type": plan.instance_type, "runtime_version": str(version)}
    return job


def _check_direct(argument: str, given: Any) -> None:
    for name, value in given.items():
        mode = read(value, "mode")
        if mode is not None and str(mode).lower() != "direct":
            message = f"{argument}: {name} has mode={mode!r}, and a Spark job reads and writes directly"
            raise InvalidRequest(message, argument=argument, hint="Leave the mode out, or say mode='direct'.")
