"""The user's own jobs, as entities that may be changed: of a job file, or of an object."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlrun import _sdk
from amlrun._asking.parts import read, texts
from amlrun._entities.environments import environment_for_file, environment_of

if TYPE_CHECKING:
    from amlrun._asking.request import Request


def own_job(request: Request) -> Any:
    """A job that the user has: loaded from its file, or a copy of the object."""
    if isinstance(request.source, Path):
        return _sdk.load(request.source, code=request.code, environment=environment_for_file(request))
    return _sdk.copied(request.source)


def with_program(job: Any, request: Request) -> Any:
    """The job with the code and the environment that were given as arguments."""
    text_variables(job)
    job.code = request.code or job.code
    job.environment = environment_of(job.environment if request.environment is None else request.environment)
    component: Any = getattr(job, "component", None)
    if getattr(component, "environment", job) is None:  # validated too, though the job's own is what is sent
        component.environment = job.environment
    return job


def text_variables(part: Any) -> None:
    """Write environment variables as texts: azure-ai-ml sends numbers, which the service refuses."""
    if said := read(part, "environment_variables"):
        part.environment_variables = texts(said)
