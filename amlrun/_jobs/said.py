"""What was said beside the place, and must stand in a body: identity, time-out, names, variables, … Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlrun._durations import iso
from amlrun._identity import CLIENT_ID_VARIABLE
from amlrun._job_types import JobType
from amlrun._jobs.command import bound
from amlrun._jobs.experiments import valid_experiment
from amlrun._jobs.nested import around_of
from amlrun._jobs.pipeline import STEP_VARIABLES, identity_of_node
from amlrun._names import CHECKPOINTS
from amlrun._secrets import is_secret

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from amlrun._jobs.dress import Dress
    from amlrun._jobs.nested import Nested

_TIMEOUTS: dict[JobType, tuple[str, ...]] = {
    JobType.COMMAND: ("limits", "timeout"),
    JobType.SWEEP: ("limits", "timeout"),
    JobType.AUTOML: ("taskDetails", "limitSettings", "timeout"),
}
"""Where the types whose time-out the service keeps have it."""
_VARIABLES: dict[JobType, tuple[str, ...]] = {
    JobType.COMMAND: ("environmentVariables",),
    JobType.SWEEP: ("trial", "environmentVariables"),
}
"""Where the types whose programs are told of their attempt have it."""


def said_fields(
    body: Mapping[str, Any], dress: Dress, nested: Iterable[Nested]
) -> Iterator[tuple[Mapping[str, Any], tuple[str, ...], Any]]:
    """Bodies, JSON paths in them, and values. What was not said stays as the job has it.

    What is said of steps in nested pipelines stands in the components that those are.
    """
    if dress.plan.identity is not None and not dress.plan.steps:
        yield body, ("identity",), dress.plan.identity.to_body()
    yield from _of_steps(body, dress, tuple(nested))
    job_type = JobType(str(body["jobType"]))
    where = _TIMEOUTS.get(job_type)
    if where is not None and dress.timeout is not None:
        yield body, where, iso(dress.timeout)
    if job_type is JobType.COMMAND and dress.checkpoints is not None:  # no other type is given a place
        yield body, ("outputs", CHECKPOINTS, "uri"), dress.checkpoints
        yield body, ("command",), bound(str(body.get("command")))
    told = _VARIABLES.get(job_type, ())
    for name, value in dress.variables(None).items() if told else ():
        if not is_secret(name, value):  # whatever differs is told
            yield body, (*told, name), value
    if told and dress.plan.client_id is None and dress.former is not None and dress.former.client_id:
        yield body, (*told, CLIENT_ID_VARIABLE), None
    for key, value in dress.tags.items():
        yield body, ("tags", key), value
    if dress.display_name is not None:
        yield body, ("displayName",), dress.display_name
    if dress.experiment_name is not None:
        yield body, ("experimentName",), valid_experiment(dress.experiment_name)


def _of_steps(
    body: Mapping[str, Any], dress: Dress, nested: tuple[Nested, ...]
) -> Iterator[tuple[Mapping[str, Any], tuple[str, ...], Any]]:
    """The identities and client ids of steps; nested pipelines of a further attempt stay as they are."""
    around = around_of(body, nested)
    for step in dress.plan.steps:
        inside, _, name = step.path.rpartition(".")
        if inside and not nested:
            continue
        part, node, plan = around.get(inside, {}), ("jobs", name), step.plan
        if plan.identity is not None:
            yield part, (*node, "identity"), identity_of_node(plan.identity, step.type)
        if plan.client_id is not None:
            yield part, (*node, STEP_VARIABLES, CLIENT_ID_VARIABLE), plan.client_id
