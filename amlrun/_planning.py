"""From a request to a plan: one look at what can be had, a place in it, and what there is to say of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from amlrun._arguments import NodeOptions
from amlrun._asking.code import no_checkpoints
from amlrun._asking.computes import workspace_of
from amlrun._asking.given import arguments
from amlrun._asking.policies import unheld
from amlrun._asking.request import parse
from amlrun._asking.teamfile import read_team
from amlrun._catalogue import list_prices
from amlrun._checked import checking
from amlrun._errors import REFUSALS, InvalidRequest, NotAuthorized, NothingFits
from amlrun._job_types import TRAITS, JobType
from amlrun._jobs.dress import checkpoint_folder
from amlrun._jobs.remarks import remarks
from amlrun._needs import SERVERLESS
from amlrun._offers import Tier
from amlrun._placement import place, place_steps

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from amlrun._asking.request import Request
    from amlrun._guard import Guard
    from amlrun._offers import Market, Quota
    from amlrun._plan import Plan
    from amlrun._readings.lookups import Look
    from amlrun._workspace import Workspace

_PLACELESS = ("experiment", "timeout", "checkpoint_datastore", "tags")
"""The defaults that no place is refused for."""
_ANY_ENVIRONMENT = "azureml://registries/azureml/environments/sklearn-1.5/labels/latest"
"""Of a job that is never sent: one that every workspace can have."""
_ABOUT_SIZES = (NothingFits, InvalidRequest)


def decide(workspace: Workspace, request: Request, *, fresh: bool = False, asked: int | None = None) -> Plan:
    """Place the request. A "no" never rests on a reading that was begun before the question was `asked`.

    `fresh`: nor does a "yes".
    """
    _refuse_other_workspace(workspace, request)
    asked = workspace.lookups.begun if asked is None else asked
    checked = checking(workspace, request)
    try:
        plan, market = _decided(workspace, request, asked, fresh=fresh)
    except REFUSALS as error:
        raise error.reworded(
            hint="\n".join(filter(None, [error.hint, *_untyped(request)]))
        ) from error.__cause__
    plan = checked(_with_defaults(_with_requeue(plan, request), request), market)
    return _with_remarks(plan, request)


def _decided(workspace: Workspace, request: Request, asked: int, *, fresh: bool) -> tuple[Plan, Market]:
    """The plan, and the market that it is of."""
    lookups = workspace.lookups
    regions = frozenset(cluster.location for cluster in request.ask.creates if cluster.location)
    look = lookups.look(fresh=fresh, asked=asked, regions=regions)
    for _ in range(2):  # a "no" about figures may become one about sizes
        try:
            return _placed(request, look), look.market
        except REFUSALS as no:
            # Sizes are long to read, and hardly ever new: again where the "no" is about them.
            sizes = isinstance(no, _ABOUT_SIZES) or look.readings.sizes.kept
            if not look.kept and not (sizes and look.kept_sizes):
                raise
        look = lookups.look(fresh=True, sizes=sizes, asked=asked)
    return _placed(request, look), look.market


def quota_of(workspace: Workspace) -> Quota:
    """Quota as it is now. Raises `NotAuthorized` and `ServiceError`: here a refusal is the answer."""
    look = workspace.lookups.look(fresh=True)
    refused = look.readings.usages.failure or look.readings.facts.failure
    if isinstance(refused, NotAuthorized) and refused.signed_in:
        message = f"Quota can't be read with this account: {refused.message}"
        raise refused.reworded(message=message) from refused
    if refused is not None:
        raise refused
    assert look.market.quota is not None  # noqa: S101  it was read
    elsewhere = look.market.elsewhere
    return look.readings.told(look.market.quota, [elsewhere[region] for region in sorted(elsewhere)])


def compute_for(workspace: Workspace, needs: Mapping[str, Any]) -> str:
    """Where a command with these needs would go: `"serverless"` or a name. Raises what `decide` raises."""
    of_nodes = NodeOptions.__annotations__
    for name in needs:
        if name not in of_nodes:
            message = f"There is no argument {name}: default_compute() is about nodes"
            hint = f"There are: client, {', '.join(of_nodes)}."
            raise InvalidRequest(message, argument=name, hint=hint)
    given = arguments({**needs, "environment": _ANY_ENVIRONMENT})
    team = attrs.evolve(read_team(), required_tags=())  # of a job that there isn't
    return decide(workspace, parse("true", given, team)).compute


def _refuse_other_workspace(workspace: Workspace, request: Request) -> None:
    for compute_id in (request.compute_id, *(step.compute_id for step in request.steps)):
        elsewhere, name = workspace_of(compute_id), compute_id.rpartition("/")[2]
        if elsewhere.lower() not in {"", workspace.scope.path.lower()}:
            message = f"compute: {name} is of another workspace ({elsewhere})"
            hint = "Name a cluster of this workspace, or leave it out."
            raise InvalidRequest(message, argument="compute", hint=hint)


def _placed(request: Request, look: Look) -> Plan:
    """The plan, and what it says of the team's rules."""
    plan = _place(request, look.market)
    useless = _useless_rules(request.ask.guard, look.market)
    return attrs.evolve(plan, warnings=(*plan.warnings, *useless))


def _place(request: Request, market: Market) -> Plan:
    if not request.steps:
        return place(request.ask, market)
    plan = place_steps(request.steps, market, timeout=request.ask.timeout)
    untaken = (words for step in request.steps for words in step.untaken)
    return attrs.evolve(plan, warnings=(*plan.warnings, *untaken))


def _useless_rules(guard: Guard, market: Market) -> Iterator[str]:
    """Patterns that match no size, here or in the tables: a star was forgotten, more often than not."""
    if guard.needs_size:
        types = (one.name for compute in market.computes or () for one in compute.instance_types)
        yield from guard.useless({*list_prices(), *(size.name for size in market.sizes), *types})


def _with_defaults(plan: Plan, request: Request) -> Plan:
    """What the plan says of the team's defaults that it rests on."""
    policy = request.policy(plan.tier)
    idle = {
        "tier": (plan.compute != SERVERLESS and bool(request.ask.computes))
        or not TRAITS[request.ask.job].has_spot,
        "checkpoint_datastore": policy is None
        or policy.checkpoint is not None
        or TRAITS[request.settings.type].has_parts,
        **dict.fromkeys(("compute", "allowed_computes"), len(request.ask.computes) == 1),  # told already
    }
    told = request.defaults.but([key for key, is_idle in idle.items() if is_idle]).told()
    return attrs.evolve(plan, reasons=(*plan.reasons, *told))


def _untyped(request: Request) -> Iterator[str]:
    """What a refusal says of settings that nobody has typed with the call, and where they stand."""
    if request.of_job:
        yield f"The job itself says {', '.join(request.of_job)}."
    for words in request.defaults.but(_PLACELESS).told():
        yield f"{words[0].upper()}{words[1:]}."


def _with_requeue(plan: Plan, request: Request) -> Plan:
    """What the plan says of nodes that are taken away."""
    policy = request.policy(plan.tier)
    if policy is None:
        return plan
    told = ["requeued while somebody waits: run.wait(), or attach(name).wait() on any machine"]
    if policy.checkpoint is not None:
        told.append(f"checkpoints: {checkpoint_folder('<name of the run>', policy, None)}")
    warnings = [*plan.warnings, *unheld(policy, plan)]
    if policy.checkpoint_as_is:
        warnings.append(
            "its folder for checkpoints is shared by all who name it: no other run may be using it"
        )
    if plan.tier is Tier.SPOT and request.settings.type is JobType.COMMAND:
        warnings += no_checkpoints(request.command, request.uploads, plan.timeout)
    return attrs.evolve(plan, requeued=True, reasons=(*plan.reasons, *told), warnings=tuple(warnings))


def _with_remarks(plan: Plan, request: Request) -> Plan:
    """What the plan says of the job itself, wherever it goes."""
    of_code = (told for upload in request.uploads for told in upload.reasons())
    of_uploads = (told for upload in request.uploads for told in upload.warnings())
    leaves = zip(request.settings.steps, plan.steps, strict=True)
    of_steps = (f"{step.path}: {told}" for one, step in leaves for told in remarks(one, step.plan))
    warnings = (*request.warnings, *of_uploads, *remarks(request.settings, plan), *of_steps)
    told = (*request.told, *(words for step in request.steps for words in step.told))
    reasons = (*plan.reasons, *told, *of_code)
    return attrs.evolve(plan, reasons=reasons, warnings=(*plan.warnings, *warnings))
