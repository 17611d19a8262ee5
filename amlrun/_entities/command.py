"""Command jobs, as entities of the SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlrun import _sdk
from amlrun._entities.environments import environment_of
from amlrun._entities.own import own_job, with_program

if TYPE_CHECKING:
    from amlrun._asking.request import Request
    from amlrun._plan import Plan


def command_entity(request: Request, _plan: Plan) -> Any:
    """A command job of the SDK: built of a command line, loaded from a file, or a copy of the user's."""
    if isinstance(request.source, str):
        return _sdk.build(
            command=request.source,
            code=request.code,
            environment=environment_of(request.environment),
            inputs=dict(request.inputs),
            outputs=outputs_of(request),
        )
    return with_program(own_job(request), request)


def outputs_of(request: Request) -> dict[str, Any]:
    """As the SDK takes them: a folder where nothing is said of one."""
    return {name: {} if value is None else value for name, value in request.outputs.items()}
