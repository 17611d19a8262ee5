"""Sweeps, as entities of the SDK."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlrun import _sdk
from amlrun._asking.parts import read
from amlrun._entities.environments import environment_for_file
from amlrun._entities.own import with_program

if TYPE_CHECKING:
    from amlrun._asking.request import Request
    from amlrun._plan import Plan

_OF_TRIAL = ("description", "identity", "queue_settings")
"""What the SDK leaves out where the trial says it, and the sweep doesn't."""


def sweep_entity(request: Request, _plan: Plan) -> Any:
    """A sweep of the SDK, loaded from a file, or a copy of the user's. Its trial has the program."""
    if isinstance(request.source, Path):
        environment = environment_for_file(request)
        job = _sdk.load(request.source, code=request.code, environment=environment, part="trial")
    else:
        job = _sdk.copied(request.source)
    with_program(job.trial, request)
    for name in _OF_TRIAL:
        if getattr(job, name) is None:
            setattr(job, name, getattr(job.trial, name, None))
    job.queue_settings = _sdk.queue_settings(
        read(job.queue_settings, "priority")
    )  # a tier is put on the body
    return job
