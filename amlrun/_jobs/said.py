"""What was said beside the place, and must stand in a body that leaves: identity, names, tags. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlrun._jobs.experiments import valid_experiment
from amlrun._jobs.pipeline import identity_of_node

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlrun._jobs.dress import Dress


def said_fields(dress: Dress) -> Iterator[tuple[tuple[str, ...], Any]]:
    """JSON paths and values. What was not said stays as the job has it.

    Identities of steps in nested pipelines stand in the components that those are.
    """
    if dress.identity is not None:
        yield ("identity",), dress.identity.to_body()
    types = {step.path: step.type for step in dress.plan.steps}
    for path, identity in dress.step_identities.items():
        if "." not in path:
            yield ("jobs", path, "identity"), identity_of_node(identity, types[path])
    for key, value in dress.tags.items():
        yield ("tags", key), value
    if dress.display_name is not None:
        yield ("displayName",), dress.display_name
    if dress.experiment_name is not None:
        yield ("experimentName",), valid_experiment(dress.experiment_name)
