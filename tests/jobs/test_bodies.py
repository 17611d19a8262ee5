"""Every type of job in every place: the body that leaves has the API's fields, and says what was planned."""

from __future__ import annotations

import importlib.metadata
from typing import TYPE_CHECKING, Any

import pytest

from amlrun import InvalidRequest, SubmissionFailed, submit
from amlrun._identity import IdentityKind
from amlrun.testing._api.contract import violations
from tests.jobs.every import EVERY, LEARNED, trained
from tests.jobs.leaving import Leaf, Policy, Seen, Transport, leaves
from tests.jobs.published import PUBLISHED, faults

if TYPE_CHECKING:
    from pathlib import Path

    from amlrun import Plan, Run
    from amlrun.testing import FakeAml

SDK = tuple(int(part) for part in importlib.metadata.version("azure-ai-ml").split(".")[:2])
PLACES = ("standard", "spot", "cluster")
TAGS = {"team": "vision"}
TIERS = {"standard": "Standard", "spot": "Spot"}
NO_IDENTITY = {"sweep step", "nested searches"}
"""What has no place for an identity."""
CLIENT_ID = "11111111-2222-3333-4444-555555555555"
IDENTITIES = {"standard": f"managed:{CLIENT_ID}", "spot": "user", "cluster": "user"}
"""Not what the SDK says of Spark by itself: the user's on serverless, a managed one on a pool."""
REFUSED: dict[tuple[str, str], tuple[type[Exception], str]] = {
    ("spark", "spot"): (InvalidRequest, "a Spark job has no spot nodes"),
    ("spark step", "spot"): (InvalidRequest, "a Spark job has no spot nodes"),
    ("parallel step", "spot"): (InvalidRequest, "a parallel job has no spot nodes"),
}
"""The cells in which no job leaves, and why."""
if SDK == (1, 34):
    REFUSED |= {("fine-tuning", place): (SubmissionFailed, "can't write this job down") for place in PLACES}


@pytest.fixture
def world(fake_aml: FakeAml) -> FakeAml:
    """A workspace with a compute of each kind that is asked for here."""
    fake_aml.cluster("cpus", size="Standard_DS3_v2", max_nodes=4)
    fake_aml.cluster("gpus", size="Standard_NC4as_T4_v3")
    fake_aml.synapse_spark("pool")
    fake_aml.identity("trainer", client_id=CLIENT_ID)
    return fake_aml


def place_of(kind: str, place: str) -> dict[str, Any]:
    """What is said of a place, as arguments."""
    if place != "cluster":
        return {"tier": place}
    if kind in {"spark", "spark step"}:
        return {"compute": "pool"}
    return {"compute": "gpus" if kind in {*LEARNED, "fine-tuning"} else "cpus"}


def sent(job: Any, world: FakeAml, seen: Seen, **options: Any) -> tuple[Run, Any]:
    """Submit it over a client with a transport of its own; the run, and the one body that left."""
    inner: Any = world.transport()
    run = submit(job, client=world.client(transport=Transport(inner, seen)), tags=TAGS, **options)
    ((name, body),) = seen.jobs
    assert name == run.name
    return run, body


def identity_of(place: str, *, in_a_file: bool) -> str:
    """The one that is said for that place, as bodies have it, or as a step of AutoML does."""
    managed = place == "standard"
    if in_a_file:
        return f"managed_identity {CLIENT_ID}" if managed else "user_identity"
    return f"{IdentityKind.MANAGED} {CLIENT_ID}" if managed else str(IdentityKind.USER)


def planned(
    plan: Plan, identity: str | None, *, kind: str, step: str = "", timeout: str | None = None
) -> Leaf:
    """Where the plan puts a job or a step, in the service's words."""
    serverless = plan.compute == "serverless"
    tierless = kind in {"Spark", "Parallel"}
    countless = kind in {"Spark", "FineTuning"}
    nested = "." in step and kind in {"Sweep", "AutoML"} and plan.tier == "standard"
    return Leaf(
        compute="" if serverless else plan.compute,
        size=plan.instance_type if serverless else None,
        count=None if countless else plan.instance_count,
        tier=TIERS[plan.tier.value] if serverless and not (tierless or nested) else None,
        identity=identity,
        timeout=timeout,
    )


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", EVERY)
def test_what_was_planned_is_what_leaves(world: FakeAml, tmp_path: Path, kind: str, place: str) -> None:
    """Place, size, count, tier, identity, time-out, properties and tags, by a reader of their own."""
    seen, job = Seen(), EVERY[kind](tmp_path)
    options = place_of(kind, place) | ({} if kind in NO_IDENTITY else {"identity": IDENTITIES[place]})
    limited = kind not in {"spark", "fine-tuning"} and job.type != "pipeline"
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
    expected = {}
    for path, (plan, type_) in steps.items():
        said = None if kind in NO_IDENTITY else identity_of(place, in_a_file=bool(path) and type_ == "AutoML")
        timeout = "PT1234S" if limited else None
        expected[path] = planned(plan, said, kind=type_, step=path, timeout=timeout)
    assert leaves(body, seen) == expected
    assert all(leaf.compute == options.get("compute", "") for leaf in expected.values())
    assert all(leaf.tier in {TIERS.get(place), None} for leaf in expected.values())
    assert body["tags"].items() >= TAGS.items()
    assert {name for name in body["properties"] if name.startswith("amlrun")}
    assert world.job(run.name).body["properties"] == body


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
