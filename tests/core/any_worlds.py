"""Worlds in any state, drawn by hypothesis: computes of every kind, and readings that are missing."""

from __future__ import annotations

from typing import Any

import attrs
from hypothesis import strategies as st

from amlrun._cluster import Cluster
from amlrun._guard import Guard
from amlrun._identity import Identity, IdentityKind
from amlrun._job_types import JobType
from amlrun._needs import SERVERLESS, Ask, Needs
from amlrun._offers import Compute, InstanceType, Kind, Market, Problem, Source, Tier, WorkspaceFacts
from tests.core.worlds import GPUS, HERE, NEEDS, THERE, WITH_MODELS, WORLDS

NODES = st.integers(0, 4)
COUNTS = (
    *("min_nodes", "max_nodes", "nodes", "target_nodes", "idle_nodes", "running_nodes"),
    *("preparing_nodes", "leaving_nodes", "unusable_nodes", "preempted_nodes"),
)
TYPES = st.lists(
    st.builds(
        lambda gpus, **facts: InstanceType(gpus=gpus[0], **facts),
        GPUS,
        name=st.sampled_from(["a", "small", "large", "defaultinstancetype"]),
        cpus=st.none() | st.integers(1, 8),
        memory_gb=st.none() | st.sampled_from([8.0, 16.0]),
        limits_cpus=st.none() | st.integers(1, 8),
        limits_memory_gb=st.none() | st.sampled_from([8.0, 16.0]),
        gpu_resource=st.sampled_from(["", "nvidia.com/gpu", "amd.com/gpu"]),
    ),
    max_size=3,
    unique_by=lambda kind: kind.name,
).map(tuple)
COMPUTE = st.builds(
    Compute,
    name=st.sampled_from(["one", "two", "three", "four"]),
    kind=st.sampled_from([*[Kind.CLUSTER] * 9, *[Kind.KUBERNETES] * 9, *Kind]),
    tier=st.sampled_from([Tier.STANDARD, Tier.SPOT, None]),
    location=st.sampled_from([HERE, HERE, THERE, ""]),
    state=st.sampled_from(["Succeeded", "Succeeded", "Creating", "Failed"]),
    allocation_state=st.sampled_from(["Steady", "Resizing", ""]),
    machine_state=st.sampled_from(["Running", "JobRunning", "Stopped", "whatever"]),
    resized_at=st.none() | st.sampled_from([0.0, 5000.0]),
    problems=st.sampled_from([(), (), (Problem("ClusterCoreQuotaReached", "no quota"),)]),
    identities=st.sampled_from([frozenset[str](), frozenset({"SystemAssigned"})]),
    in_network=st.booleans(),
    instance_types=TYPES,
    default_instance_type=st.none() | st.just("small"),
    **dict.fromkeys(COUNTS, NODES),
)
WORKSPACES = st.none() | st.builds(
    WorkspaceFacts,
    name=st.just("ws"),
    location=st.just(HERE),
    workspace_id=st.just(""),
    discovery_url=st.just(""),
    identities=st.sampled_from([frozenset[str](), frozenset({"UserAssigned"})]),
    public_access=st.booleans(),
    registry=st.sampled_from(["", "acr"]),
)
GUARDS = (
    st.just(Guard())
    | st.just(Guard())
    | st.builds(
        Guard,
        allowed_sizes=st.sampled_from([(), (), ("[a-d]", "small")]),
        denied_sizes=st.sampled_from([(), (), ("a",)]),
        allowed_computes=st.sampled_from([(), (), ("one", "made"), ("serverless", "t*")]),
        most_nodes=st.none() | st.just(2),
        highest_price_per_hour=st.none() | st.sampled_from([1.0, 3.0]),
    )
)
MADE = st.builds(
    Cluster,
    st.just("made"),
    size=st.none() | st.sampled_from("abcd"),
    min=st.none() | st.integers(0, 1),
    max=st.integers(1, 4),
    tier=st.sampled_from(["standard", "spot"]),
    location=st.none() | st.just(THERE),
)


@st.composite
def any_markets(draw: st.DrawFn) -> Market:
    """A workspace in any state: of sizes, quota, computes and workspace some may be unread."""
    sizes, held, there = draw(WORLDS[draw(st.booleans())])
    drawn = draw(st.lists(COMPUTE, max_size=4, unique_by=lambda compute: compute.name))
    names = st.sampled_from([None, *(size.name.upper() for size in sizes), "unlisted"])
    computes = tuple(attrs.evolve(one, size=draw(names)) for one in drawn)
    return Market(
        HERE,
        tuple(sizes),
        draw(st.sampled_from([held, held, held, None])),
        source=draw(st.sampled_from([Source.SERVICE, Source.SERVICE, Source.PACKAGED])),
        computes=draw(st.sampled_from([computes, computes, computes, None])),
        elsewhere={} if there is None else {THERE: there},
        workspace=draw(WORKSPACES),
        read_at=draw(st.sampled_from([None, 6000.0])),
    )


@st.composite
def any_asks(draw: st.DrawFn, market: Market) -> Ask:
    """Anything that can be asked there: names that aren't there, rules, identities, a cluster to be made."""
    names = ["missing", *(size.name for size in market.sizes), "small"]
    places = [SERVERLESS, "missing", "made", *(compute.name for compute in market.computes or ())]
    one = st.sampled_from(places[2:]).map(lambda name: [name])
    computes = tuple(draw(one | st.lists(st.sampled_from(places), max_size=3, unique=True)))
    instance_types: st.SearchStrategy[list[str]] = (
        st.just([]) | st.just([]) | st.lists(st.sampled_from(names), max_size=2, unique=True)
    )
    facts: dict[str, Any] = {
        "needs": draw(st.just(Needs()) | st.just(Needs()) | NEEDS | WITH_MODELS),
        "instance_types": tuple(draw(instance_types)),
        "nodes": draw(st.integers(1, 3)),
        "tier": draw(st.sampled_from([None, None, *Tier])),
        "default_tier": draw(st.sampled_from([None, None, Tier.SPOT])),
        "identity": draw(st.none() | st.sampled_from([*IdentityKind]).map(Identity)),
        "job": draw(st.sampled_from([JobType.COMMAND] * 3 + [JobType.SPARK])),
        "guard": draw(GUARDS),
    }
    ask = Ask(computes=computes, **facts)
    return attrs.evolve(ask, creates=(draw(MADE),)) if "made" in computes else ask
