"""Every type of job in every place: the body that leaves has the API's fields, and says what was planned."""

from __future__ import annotations

import importlib.metadata
from typing import TYPE_CHECKING, Any

import pytest

from amlrun import InvalidRequest, SubmissionFailed, submit
from amlrun._identity import IdentityKind
from amlrun.testing._api.contract import violations
from tests.jobs.every import EVERY, LEARNED, trained
from tests.jobs.leaving import Leaf, Policy, Seen, Transport, default_compute, leaves
from tests.jobs.otherwise import saying_otherwise
from tests.jobs.published import PUBLISHED, faults

if TYPE_CHECKING:
    from pathlib import Path

    from amlrun import Plan, Run
    from amlrun.testing import FakeAml

SDK = tuple(int(part) for part in importlib.metadata.version("azure-ai-ml").split(".")[:2])
PLACES = ("standard", "spot", "cluster")
TAGS = {"team": "vision"}
TIERS = {"standard": "Standard", "spot": "Spot", "sized": "Standard"}
NO_IDENTITY = {"sweep step", "nested searches"}
"""What has no place for an identity."""
CLIENT_ID = "11111111-2222-3333-4444-555555555555"
IDENTITIES = {"standard": f"managed:{CLIENT_ID}", "spot": "user", "cluster": "user", "sized": "user"}
"""Not what the SDK says of Spark by itself: the user's on serverless, a managed one on a pool."""
REFUSED: dict[tuple[str, str], tuple[type[Exception], str]] = {
    ("spark", "spot"): (InvalidRequest, "a Spark job has no spot nodes"),
    ("spark step", "spot"): (InvalidRequest, "a Spark job has no spot nodes"),
    ("parallel step", "spot"): (InvalidRequest, "a parallel job has no spot nodes"),
}
"""The cells in which no job leaves, and why. These kinds are `sized` instead: as for spot, without it."""
CELLS = [*((kind, place) for kind in EVERY for place in PLACES), *((kind, "sized") for kind, _ in REFUSED)]
if SDK == (1, 34):
    REFUSED |= {("fine-tuning", place): (SubmissionFailed, "can't write this job down") for place in PLACES}
CLUSTERS = {"cpus": "Standard_DS3_v2", "gpus": "Standard_NC4as_T4_v3", "others": "Standard_DS3_v2"}
ON_GPUS = {*LEARNED, "fine-tuning"}
ON_SPARK = {"spark", "spark step"}
COUNTLESS = {*ON_SPARK, "fine-tuning", *LEARNED}
"""What takes no number of nodes, or counts them itself."""
TIMELESS = {"spark", "fine-tuning"}


@pytest.fixture
def world(fake_aml: FakeAml) -> FakeAml:
    """A workspace with a compute of each kind that is asked for here, and one that jobs name in vain."""
    for name, size in CLUSTERS.items():
        fake_aml.cluster(name, size=size, max_nodes=4)
    fake_aml.synapse_spark("pool")
    fake_aml.identity("trainer", client_id=CLIENT_ID)
    return fake_aml


def size_of(kind: str, *, other: bool = False) -> str:
    """A size that the kind can have, and another one."""
    if kind in ON_SPARK:
        return "Standard_E16s_v3" if other else "Standard_E8s_v3"
    if kind in ON_GPUS:
        return "Standard_NC16as_T4_v3" if other else "Standard_NC8as_T4_v3"
    return "Standard_DS5_v2" if other else "Standard_DS4_v2"


def place_of(kind: str, place: str) -> dict[str, Any]:
    """What is said of a place, as arguments: the least that does, or all that an argument can say."""
    if place == "standard":
        return {"tier": place}
    count = {} if kind in COUNTLESS else {"instance_count": 2}
    if place != "cluster":
        tier = "spot" if place == "spot" else None
        return {"compute": "serverless", "tier": tier, "instance_type": size_of(kind), **count}
    if kind in ON_SPARK:
        return {"compute": "pool"}
    compute = "gpus" if kind in ON_GPUS else "cpus"
    return {"compute": compute, "tier": "standard", "instance_type": CLUSTERS[compute], **count}


def job_of(kind: str, place: str, folder: Path) -> Any:
    """One that says nothing of its place, or else the contrary of what is to be."""
    job = EVERY[kind](folder)
    if place == "standard":
        return job
    return saying_otherwise(
        job,
        compute=None if place == "cluster" else "others",
        size=size_of(kind, other=True),
        tier="spot" if place == "cluster" else "standard",
        has_identity=kind not in NO_IDENTITY,
    )


def sent(job: Any, world: FakeAml, seen: Seen, **options: Any) -> tuple[Run, Any]:
    """Submit it over a client with a transport of its own; the run, and the one body that left."""
    inner: Any = world.transport()
    run = submit(job, client=world.client(transport=Transport(inner, seen)), tags=TAGS, **options)
    ((name, body),) = seen.jobs
    assert name == run.name
    return run, body


def identity_of(kind: str, place: str) -> str | None:
    """The one that is said for that place, as bodies have it."""
    if kind in NO_IDENTITY:
        return None
    return f"{IdentityKind.MANAGED} {CLIENT_ID}" if place == "standard" else str(IdentityKind.USER)


def planned(plan: Plan, *, kind: str, step: str = "", **said: Any) -> Leaf:
    """Where the plan puts a job or a step, in the service's words."""
    serverless = plan.compute == "serverless"
    tierless = kind in {"Spark", "Parallel"}
    countless = kind in {"Spark", "FineTuning"}
    nested = "." in step and kind in {"Sweep", "AutoML"} and plan.tier == "standard"
    unsaid = serverless and (not step or kind == "Spark")
    return Leaf(
        compute=None if unsaid else plan.compute,
        size=plan.instance_type if serverless else None,
        count=None if countless else plan.instance_count,
        tier=TIERS[plan.tier.value] if serverless and not (tierless or nested) else None,
        **said,
    )


@pytest.mark.parametrize(("kind", "place"), CELLS)
def test_what_was_planned_is_what_leaves(world: FakeAml, tmp_path: Path, kind: str, place: str) -> None:
    """Place, size, count, tier, identity, time-out, properties and tags, by a reader of their own.

    Of a job that says nothing of these, or says others of all of them.
    """
    seen, job = Seen(), job_of(kind, place, tmp_path)
    options = place_of(kind, place) | ({} if kind in NO_IDENTITY else {"identity": IDENTITIES[place]})
    limited = kind not in TIMELESS and job.type != "pipeline"
    options |= {"timeout": 1234} if limited else {}
    if (kind, place) in REFUSED:
        error, words = REFUSED[kind, place]
        with pytest.raises(error, match=words):
            sent(job, world, seen, **options)
        assert not seen.jobs
        return
    run, body = sent(job, world, seen, **options)
    assert not violations(body, "JobBase")
    assert not PUBLISHED.exists() or not [*faults(body)]
    steps = {step.path: (step.plan, step.type.value) for step in run.plan.steps} or {
        "": (run.plan, body["jobType"])
    }
    timeout = "PT1234S" if limited else None
    identity = identity_of(kind, place)
    expected = {
        path: planned(plan, kind=type_, step=path, identity=identity, timeout=timeout)
        for path, (plan, type_) in steps.items()
    }
    assert leaves(body, seen) == expected
    compute = options.get("compute", "serverless")
    assert {plan.compute for plan, _ in steps.values()} == {compute}
    if job.type == "pipeline":
        assert default_compute(body) == compute
    for leaf in expected.values():
        assert leaf.tier in {TIERS.get(place), None}
        assert leaf.count in {options.get("instance_count", leaf.count), None}
        assert leaf.size == (options.get("instance_type", leaf.size) if compute == "serverless" else None)
    assert body["tags"].items() >= TAGS.items()
    assert {name for name in body["properties"] if name.startswith("amlrun")}
    assert world.job(run.name).body["properties"] == body


@pytest.mark.parametrize("cluster", ["cpus", "zeta"])
def test_steps_in_different_places(world: FakeAml, tmp_path: Path, cluster: str) -> None:
    """Each leaves with its own; the place of steps that say none, where there are two, is serverless.

    Whatever the other one is called.
    """
    world.cluster("zeta", size=CLUSTERS["cpus"], max_nodes=4)
    job, seen = EVERY["several steps"](tmp_path), Seen()
    job.jobs["command"].compute = cluster
    _, body = sent(job, world, seen)
    places = {name: leaf.compute for name, leaf in leaves(body, seen).items()}
    assert places == {"command": cluster, "parallel": "serverless", "automl": "serverless"}
    assert default_compute(body) == "serverless"


def test_the_places_differ(world: FakeAml) -> None:
    """The test above would see it: a tier, a place or a size of another plan is another leaf."""
    found: list[Leaf] = []
    for options in ({}, {"tier": "spot"}, {"compute": "cpus"}, {"instance_type": "Standard_DS4_v2"}):
        seen = Seen()
        _, body = sent(trained(), world, seen, **options)
        found += leaves(body, seen).values()
    assert len(set(found)) == len(found)


def test_a_fault_of_each_sort_is_seen(world: FakeAml) -> None:
    """Both readers of the contract see a name, a type, a word and a missing field that aren't the API's."""
    _, body = sent(trained(), world, Seen())
    spoilt = (
        {**body, "instance_type": "x"},
        {**body, "resources": {**body["resources"], "instanceCount": "2"}},
        {**body, "queueSettings": {"jobTier": "Cheap"}},
        {**body, "status": "Running"},
        {key: value for key, value in body.items() if key != "command"},
    )
    for one in spoilt:
        assert len(violations(one, "JobBase")) == 1
        assert not PUBLISHED.exists() or len([*faults(one)]) == 1


@pytest.mark.parametrize("kind", ["command", "sweep", "classification", "spark"])
def test_a_policy_of_the_users_own_is_used(world: FakeAml, tmp_path: Path, kind: str) -> None:
    """It sees the body as azure-ai-ml had it, which is stopped behind it, and last the one that leaves."""
    seen = Seen()
    run = submit(EVERY[kind](tmp_path), client=world.client(per_call_policies=Policy(seen)))
    assert {name for name, _ in seen.jobs} == {run.name}
    assert seen.jobs[-1][1] == world.job(run.name).body["properties"]


@pytest.mark.parametrize("kind", ["command", "spark"])
def test_our_own_client(world: FakeAml, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str) -> None:
    """With no client, the one of `connect()` sends the same body."""
    monkeypatch.setattr("azure.identity.DefaultAzureCredential", lambda **_: world.credential)
    scope = world.scope
    workspace = f"{scope.subscription_id}/{scope.resource_group}/{scope.workspace}"
    monkeypatch.setenv("AMLRUN_WORKSPACE", workspace)
    ours = submit(EVERY[kind](tmp_path), tags=TAGS)
    theirs = submit(EVERY[kind](tmp_path), tags=TAGS, client=world.client())
    bodies = [world.job(run.name).body["properties"] for run in (ours, theirs)]
    assert bodies[0].keys() == bodies[1].keys()
    assert leaves(bodies[0], Seen()) == leaves(bodies[1], Seen())
