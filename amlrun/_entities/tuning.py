"""Fine-tuning jobs, as entities of the SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlrun._entities.own import own_job

if TYPE_CHECKING:
    from amlrun._asking.request import Request
    from amlrun._plan import Plan


def tuning_entity(request: Request, _plan: Plan) -> Any:
    """A fine-tuning job of the SDK: it has no program and no environment of the user's."""
    return own_job(request)
