"""One verification, from what is proposed to what was found: the order of steps."""

from __future__ import annotations

import platform
import secrets
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import attrs

from amlrun._asking.given import arguments
from amlrun._asking.request import parse
from amlrun._checks.rights import AUTHORIZATION, permissions_path
from amlrun._errors import REFUSALS, AmlrunError, InvalidRequest
from amlrun._memory import GROUP
from amlrun._planning import decide
from amlrun._verify import scripts
from amlrun._verify.experiments import (
    CANCEL,
    CHECKPOINT,
    DELETED,
    NO_QUOTA,
    STUDIO,
    TIME_OUT,
    TOO_MANY,
    Bench,
    Experiment,
    chosen,
    empty_size,
    offer,
    short_size,
)
from amlrun._verify.findings import Finding, findings
from amlrun._verify.lab import Lab, team
from amlrun._verify.observed import World, at
from amlrun._verify.programs import MARK
from amlrun._verify.questions import QUESTIONS
from amlrun._verify.recorder import Recorder
from amlrun._verify.running import run
from amlrun._workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from amlrun._offers import Size
    from amlrun._verify.observed import Answer
    from amlrun._verify.scripts import Script

ENVIRONMENT = "azureml://registries/azureml/environments/sklearn-1.5/labels/latest"
"""A curated one: it is there, and it is built."""
_NEVER = {"x-ms-blob-type": "BlockBlob", "x-ms-version": "2021-12-02", "If-Match": '"0x0"'}
_NOT_MET, _MAY_NOT = 412, 403
_PREFIX = "amlrun-verify"
_NEEDS = {"compute": "serverless", "cpus": 2, "memory_gb": 4}
"""Of each node: below that, what the service itself runs on it has no room."""


@attrs.frozen(kw_only=True)
class Proposal:
    """What would be sent: to be shown, and agreed to. `environment` is what the jobs run in."""

    workspace: Workspace
    environment: str
    experiments: tuple[Experiment, ...]
    left_out: Mapping[str, str]

    def __str__(self) -> str:
        return offer(self.experiments, self.left_out)


def propose(
    workspace: Workspace, *, environment: str | None = None, max_cost: float | None = None
) -> Proposal:
    """What a verification of this workspace would send, and what it would cost at most; nothing is sent.

    No more than `max_cost` USD, by list prices: what would exceed it is left out. Raises what `plan` raises
    where serverless takes no job at all, and `InvalidRequest` for `local`.
    """
    if workspace.folder is not None:
        message = "doctor --verify is about a real workspace: local is amlrun's own, and answers as assumed"
        raise InvalidRequest(message, argument="verify", hint="Name one: --workspace, or AMLRUN_WORKSPACE.")
    environment = environment or ENVIRONMENT
    base, left = _planned(workspace, environment, "standard"), {}
    spot: Size | None = None
    try:
        spot = _planned(workspace, environment, "spot")
    except REFUSALS as error:
        left["spot"] = error.message.partition("\n")[0]
    market = workspace.lookups.market()
    short, nodes = short_size(market)
    bench = Bench(base=base, spot=spot, empty=empty_size(market), short=short, too_many=nodes)
    why = "quota can't be read" if market.quota is None else "no family here has such a limit"
    absent = {name: why for name, size in ((NO_QUOTA, bench.empty), (TOO_MANY, short)) if size is None}
    experiments, too_much = chosen(bench.experiments(), max_cost, team().guard)
    return Proposal(
        workspace=workspace,
        environment=environment,
        experiments=experiments,
        left_out={**left, **absent, **too_much},
    )


def _planned(workspace: Workspace, environment: str, tier: str) -> Size:
    """The smallest size that has quota in this tier."""
    rules = team()
    tags = dict.fromkeys(rules.required_tags, MARK)
    given = arguments({**_NEEDS, "environment": environment, "tier": tier, "tags": tags})
    plan = decide(workspace, parse("true", given, rules))
    if plan.size is None:
        raise InvalidRequest("No size of this workspace is known: nothing can be priced", argument="verify")
    return plan.size


def verify(
    proposal: Proposal, tell: Callable[[str], None], ended: Callable[[World, tuple[Finding, ...]], None]
) -> None:
    """Send what was proposed, watch it to its end, and hold what was seen against what is assumed.

    `tell` is told how the jobs stand, `ended` what was found, also where Ctrl-C or an error is the end of it.
    What this account may not do isn't seen, and is no error.
    """
    recorder = Recorder()
    theirs = proposal.workspace
    client = theirs.client()  # held here: the workspace holds it weakly
    workspace = Workspace(theirs.scope, recorder.on(theirs.rest.wire), source=theirs.source, client=client)
    prefix = f"{_PREFIX}-{secrets.token_hex(4)}"
    lab = Lab(workspace, recorder, prefix=prefix, environment=proposal.environment)
    reads: dict[str, Answer] = {}
    lists: dict[str, Answer] = {}
    may_write: bool | None = None
    try:
        reads = _read(lab)
        may_write = _may_write(lab, reads)
        run(lab, _scripts(lab, proposal), tell)
        lists = _lists(lab)
    finally:
        world = World(
            jobs=dict(lab.seen),
            reads=reads,
            lists=lists,
            left_out=proposal.left_out,
            identity=lab.identity,
            spot=_is_spot(proposal),
            credentials=_credentials(reads),
            may_write=may_write,
        )
        ended(world, findings(world, QUESTIONS))


def _is_spot(proposal: Proposal) -> bool:
    return "spot" not in proposal.left_out and any(one.name == CHECKPOINT for one in proposal.experiments)


def _scripts(lab: Lab, proposal: Proposal) -> dict[str, tuple[Experiment, Script]]:
    by_name = {one.name: one for one in proposal.experiments}
    managed, keyless = _identities(lab)
    makers: dict[str, Callable[[Experiment], Script]] = {
        CHECKPOINT: lambda one: scripts.checkpoint(
            lab, one, spot=_is_spot(proposal), identity="user" if keyless else None
        ),
        CANCEL: lambda one: scripts.canceled_by_amlrun(lab, one),
        STUDIO: lambda one: scripts.canceled_as_in_the_studio(lab, one, managed=managed),
        TIME_OUT: lambda one: scripts.timed_out(lab, one, deletes=DELETED in by_name),
        NO_QUOTA: lambda one: scripts.refused(lab, one),
        TOO_MANY: lambda one: scripts.refused(lab, one),
    }
    return {name: (one, makers[name](one)) for name, one in by_name.items() if name in makers}


def _identities(lab: Lab) -> tuple[bool, bool]:
    """Whether the workspace has a managed identity for jobs, and whether its datastores carry no keys.

    Then nobody writes a checkpoint who has no identity.
    """
    try:
        facts = lab.workspace.lookups.workspace()
    except AmlrunError:
        return False, False
    return bool(facts.user_assigned), facts.keyless


def _read(lab: Lab) -> dict[str, Answer]:
    """Which GETs this account may do."""
    scope, location = lab.workspace.scope, ""
    with_location = {}
    try:
        location = lab.workspace.lookups.workspace().location
    except AmlrunError:
        pass
    else:
        provider = "providers/Microsoft.MachineLearningServices/locations"
        base = f"{scope.subscription_path}/{provider}/{location}"
        with_location = {name: f"{base}/{name}" for name in ("usages", "vmSizes", "quotas")}
    paths = {
        "workspace": scope.path,
        "computes": f"{scope.path}/computes",
        "jobs": f"{scope.path}/jobs",
        "datastores": f"{scope.path}/datastores",
        "permissions": permissions_path(scope.path),
        **with_location,
    }
    options: dict[str, dict[str, Any]] = {
        "datastores": {"params": {"isDefault": "true"}},
        "permissions": {"api_version": AUTHORIZATION},
    }
    return {name: lab.request("GET", path, **options.get(name, {})) for name, path in paths.items()}


def _lists(lab: Lab) -> dict[str, Answer]:
    """The list of jobs: by a property's value, by a tag's name, and as it is."""
    path = f"{lab.workspace.scope.path}/jobs"
    found = {"page": lab.request("GET", path)}
    following = at(found["page"].body, "nextLink")
    if following:
        found["next"] = lab.request("GET", str(following), api_version="")
    if CHECKPOINT in lab.names:
        group = {"properties": f"{GROUP}={lab.names[CHECKPOINT]}"}
        found["property"] = lab.request("GET", path, params=group)
        found["tag"] = lab.request("GET", path, params={"tag": MARK})
    return found


def _default_datastore(reads: Mapping[str, Answer]) -> Mapping[str, Any]:
    rows = at(reads["datastores"].body, "value") or () if "datastores" in reads else ()
    return next((found for row in rows if (found := at(row, "properties"))), {})


def _credentials(reads: Mapping[str, Answer]) -> str:
    return str(at(_default_datastore(reads), "credentials", "credentialsType") or "")


def _may_write(lab: Lab, reads: Mapping[str, Answer]) -> bool | None:
    """Whether this account itself may write where the jobs do; None: that can't be asked.

    It asks to write over a blob that must be there with a tag that none has: storage looks at rights first,
    and nothing is written either way.
    """
    store = _default_datastore(reads)
    account, container, suffix = (
        str(store.get(key) or "") for key in ("accountName", "containerName", "endpoint")
    )
    if not account or not container:
        return None
    url = f"https://{account}.blob.{suffix or lab.workspace.rest.wire.cloud.storage}/{container}/{lab.prefix}"
    status = lab.on_storage("PUT", url, headers=_NEVER).status
    return {_NOT_MET: True, _MAY_NOT: False}.get(status)


def versions() -> dict[str, str]:
    """Of what was at work."""
    names = ("amlrun", "azure-ai-ml", "azure-core")
    return {"python": platform.python_version(), **{name: version(name) for name in names}}
