"""Computes of every kind held against an ask, where no real client is needed to tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amlrun._errors import ComputeNotFound, ComputeUnsuitable
from amlrun._guard import Guard
from amlrun._identity import Identity, IdentityKind
from amlrun._job_types import JobType
from amlrun._needs import Ask, Needs
from amlrun._offers import Compute, InstanceType, Kind, Market, Size, Tier, WorkspaceFacts
from amlrun._placement import place
from amlrun._placement.computes import compute_options, find
from amlrun._placement.kubernetes import DEFAULT, types_of
from amlrun._placement.machines import Power
from amlrun._plan import Plan, Starts

if TYPE_CHECKING:
    from amlrun._placement.options import Option

DS3 = Size("Standard_DS3_v2", "standardDSv2Family", 4, 14.0, 0, None, 28.0, True, 0.29, None, "service")
MACHINE = Compute(name="mine", kind=Kind.INSTANCE, size=DS3.name, machine_state="Running")
K8S = Compute(name="k8s", kind=Kind.KUBERNETES, state="Succeeded")
FACTS = WorkspaceFacts(name="ws", location="eastus", workspace_id="w", discovery_url="")
MANAGED = Identity(IdentityKind.MANAGED)


def market(*computes: Compute, **facts: Any) -> Market:
    """A region with one size and no quota that is known."""
    return Market("eastus", (DS3,), None, computes=computes, workspace=attrs.evolve(FACTS, **facts))


def options(compute: Compute, held: Market | None = None, **ask: Any) -> list[Option]:
    """What a compute that is named offers."""
    return list(compute_options(Ask(computes=(compute.name,), **ask), held or market(compute), compute))


def planned(compute: Compute, **ask: Any) -> Plan:
    """The plan for it."""
    return place(Ask(computes=(compute.name,), **ask), market(compute))


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("job", ["Command", "Spark"])
def test_every_kind_has_an_answer(kind: Kind, job: str) -> None:
    """Whatever the service calls it: something to offer, or the reason why not."""
    found = options(Compute(name="it", kind=kind, kind_name=str(kind)), job=job)
    assert found
    assert all(bool(option.against) is (option.starts is None) for option in found)
    assert all(option.offer.kind is kind for option in found)


def test_the_kinds_that_take_jobs_are_known() -> None:
    """A Spark job goes to a pool and nowhere else, any other job anywhere else."""

    def takers(job: JobType) -> set[Kind]:
        computes = (Compute(name="it", kind=kind, max_nodes=1, machine_state="Running") for kind in Kind)
        return {one.kind for one in computes if any(not option.against for option in options(one, job=job))}

    assert takers(JobType.COMMAND) == {Kind.CLUSTER, Kind.INSTANCE, Kind.KUBERNETES, Kind.VM}
    assert takers(JobType.SPARK) == {Kind.SPARK}


def test_a_spark_job_is_told_where_it_could_go() -> None:
    """To serverless Spark, or to a pool."""
    (option,) = options(MACHINE, job=JobType.SPARK)
    assert option.miss == "is of kind ComputeInstance, and Spark jobs go to a Spark pool"
    assert "serverless Spark" in option.hint
    (pool,) = options(Compute(name="pool", kind=Kind.SPARK), job=JobType.SPARK)
    assert (pool.starts, pool.why) == (
        Starts.UNKNOWN,
        "the pool decides when: Azure ML's quota does not bind it",
    )


def test_a_kind_that_nobody_knows_is_named() -> None:
    """By the service's own word."""
    odd = Compute(name="odd", kind=Kind.UNKNOWN, kind_name="Quantum")
    with pytest.raises(ComputeUnsuitable, match=r"of a kind that amlrun doesn't know \(Quantum\)"):
        planned(odd)


def test_every_state_of_a_machine_has_an_answer() -> None:
    """Each starts some time, or is refused, in words that need nothing more."""
    for power in Power:
        (option,) = options(attrs.evolve(MACHINE, machine_state=str(power)))
        assert bool(option.starts) is not bool(option.miss)
        assert "{" not in option.why + option.miss


@pytest.mark.parametrize(
    ("state", "starts", "words", "way_out"),
    [
        ("Running", Starts.NOW, "it runs", ""),
        ("JobRunning", Starts.QUEUED, "it runs another job: this one waits in its queue", ""),
        ("Restarting", Starts.QUEUED, "it is Restarting: the job waits until it runs", ""),
        ("UserSettingUp", Starts.QUEUED, "it is UserSettingUp: the job waits until it runs", ""),
        ("Stopped", None, "is Stopped", "az ml compute start --name mine"),
        ("Stopping", None, "is Stopping", "client.compute.begin_start('mine')"),
        ("Deleting", None, "is Deleting", ""),
        ("SetupFailed", None, "is of no use (SetupFailed)", ""),
        ("Unusable", None, "is of no use (Unusable)", ""),
        ("", Starts.UNKNOWN, "its state is not known", ""),
        ("Dreaming", Starts.UNKNOWN, "its state is not known", ""),
    ],
)
def test_a_machine_is_judged_by_its_state(
    state: str, starts: Starts | None, words: str, way_out: str
) -> None:
    """Only one that may come to run takes jobs; one that can be started says how."""
    (option,) = options(attrs.evolve(MACHINE, machine_state=state))
    assert (option.starts, option.why or option.miss) == (starts, words)
    assert way_out in option.hint


def test_a_machine_of_a_size_that_nobody_lists() -> None:
    """What it has is not known, and said so; with nothing asked it is no matter."""
    odd = attrs.evolve(MACHINE, size="STANDARD_ODD")
    assert planned(odd, needs=Needs(gpus=1)).warnings == (
        "nothing is known of the size STANDARD_ODD: whether it meets 1 GPU is not known either",
    )
    assert planned(odd).warnings == ()


def test_kubernetes_says_what_it_does_not_know() -> None:
    """A type without limits is judged by its requests; what it says nothing of is told, and no reason."""
    bare = InstanceType(name="bare")
    asks = InstanceType(name="asks", cpus=4.5, memory_gb=16)
    plan = planned(attrs.evolve(K8S, instance_types=(bare,)), needs=Needs(cpus=8, memory_gb=64, disk_gb=9))
    assert plan.instance_type == "bare"
    assert plan.warnings == ("nothing is known of the vCPUs, memory, disk of bare",)
    smaller = planned(attrs.evolve(K8S, instance_types=(bare, asks)), needs=Needs(cpus=4))
    assert (smaller.instance_type, smaller.warnings) == ("asks", ())
    larger = planned(attrs.evolve(K8S, instance_types=(bare, asks)), needs=Needs(cpus=5))
    assert larger.instance_type == "bare"


def test_kubernetes_is_believed_to_have_the_gpus_that_it_was_named_for() -> None:
    """No instance type says which GPUs it has: the plan says so; unasked none is taken on such a belief."""
    gpu = attrs.evolve(K8S, instance_types=(InstanceType(name="gpu", cpus=8, memory_gb=32, gpus=1),))
    needs = Needs(gpu="A100", gpu_memory_gb=40)
    plan = planned(gpu, needs=needs)
    assert plan.instance_type == "gpu"
    assert plan.warnings == ("nothing is known of the GPU model, GPU memory of gpu",)
    unasked = {option.size.name: option.miss for option in compute_options(Ask(needs=needs), market(), gpu)}
    assert unasked["gpu"] == "has GPUs of an unknown model, asked for A100"


def test_kubernetes_without_a_fitting_default_takes_the_smallest() -> None:
    """A team's rule may forbid the default."""
    types = (InstanceType(name="a", limits_cpus=8, limits_memory_gb=8), InstanceType(name="b", limits_cpus=1))
    guard = Guard(denied_sizes=("defaultinstancetype",), where={"denied_sizes": "amlrun.toml, line 3"})
    plan = planned(attrs.evolve(K8S, instance_types=types), guard=guard)
    assert plan.instance_type == "b"
    against = {one.instance_type: one.against for one in plan.candidates}
    assert "amlrun.toml, line 3" in against["defaultinstancetype"]


def test_the_default_of_kubernetes_may_be_defined_anew() -> None:
    """Documented: one of that name replaces it."""
    own = InstanceType(name=DEFAULT.name, limits_cpus=16)
    assert types_of(K8S) == (DEFAULT,)
    assert types_of(attrs.evolve(K8S, instance_types=(own,))) == (own,)


TYPES = st.builds(
    InstanceType,
    name=st.sampled_from(["a", "b", "c", "d"]),
    cpus=st.none() | st.integers(1, 8),
    memory_gb=st.none() | st.integers(1, 8),
    gpus=st.integers(0, 2),
    limits_cpus=st.none() | st.integers(1, 8),
    limits_memory_gb=st.none() | st.integers(1, 8),
)
NEEDS = st.builds(
    Needs,
    cpus=st.none() | st.integers(0, 8),
    memory_gb=st.none() | st.integers(0, 8),
    gpus=st.none() | st.integers(0, 2),
)


@given(st.lists(TYPES, max_size=4, unique_by=lambda kind: kind.name), NEEDS)
def test_what_kubernetes_takes_meets_the_needs_and_is_the_smallest(
    types: list[InstanceType], needs: Needs
) -> None:
    """No type that says that it has less, none with more GPUs than another that would do."""
    compute = attrs.evolve(K8S, instance_types=tuple(types))
    found = options(compute, needs=needs)
    taken = [option for option in found if option.starts is not None]
    by_name = {kind.name: kind for kind in types_of(compute)}
    assert len(taken) <= 1

    def meets(kind: InstanceType) -> bool:
        cpus = kind.cpus if kind.limits_cpus is None else kind.limits_cpus
        memory = kind.memory_gb if kind.limits_memory_gb is None else kind.limits_memory_gb
        enough = [
            cpus is None or cpus >= (needs.cpus or 0),
            memory is None or memory >= (needs.memory_gb or 0),
        ]
        return all(enough) and kind.gpus >= (needs.gpus or 0) and bool(needs.gpus or not kind.gpus)

    able = [kind for kind in by_name.values() if meets(kind)]
    assert bool(taken) is bool(able)
    for option in taken:
        assert by_name[option.size.name] in able
        assert option.size.gpus == min(kind.gpus for kind in able)


@pytest.mark.parametrize("compute", [K8S, MACHINE, Compute(name="cpu", max_nodes=1, size=DS3.name)])
def test_an_identity_that_nobody_has_is_refused(compute: Compute) -> None:
    """By every kind; the workspace's, or one of its own, will do."""
    (option,) = options(compute, identity=MANAGED)
    assert option.miss == "has no managed identity, and neither has the workspace a user-assigned one"
    own = attrs.evolve(compute, identities=frozenset({"SystemAssigned"}))
    (option,) = options(own, identity=MANAGED)
    assert (option.miss, [one for one in option.warnings if "identity" in one]) == ("", [])
    held = market(compute, identities=frozenset({"UserAssigned"}))
    (option,) = options(compute, held, identity=MANAGED)
    assert option.miss == ""
    assert "whether the workspace's will do is not known" in option.warnings[-1]


def test_a_workspace_that_was_not_read_refuses_no_identity() -> None:
    """What is not known is warned of."""
    held = attrs.evolve(market(MACHINE), workspace=None)
    (option,) = options(MACHINE, held, identity=MANAGED)
    assert (option.miss, option.starts) == ("", Starts.NOW)


@pytest.mark.parametrize("compute", [K8S, MACHINE])
def test_guard_rails_bind_every_kind(compute: Compute) -> None:
    """With file and line."""
    guard = Guard(allowed_computes=("team-*",), where={"allowed_computes": "amlrun.toml, line 9"})
    with pytest.raises(ComputeUnsuitable, match=r"amlrun\.toml, line 9"):
        planned(compute, guard=guard)


@pytest.mark.parametrize("state", ["Failed", "Canceled", "Deleting"])
@pytest.mark.parametrize("compute", [K8S, MACHINE])
def test_what_is_gone_is_refused(compute: Compute, state: str) -> None:
    """Whatever it was."""
    with pytest.raises(ComputeUnsuitable, match=f"it is {state}"):
        planned(attrs.evolve(compute, state=state))


def test_computes_that_can_not_be_read_are_believed() -> None:
    """The job goes where it was sent, unverified, with what is not known of it."""
    blind = attrs.evolve(market(), computes=None)
    plan = place(Ask(computes=("gpu",), instance_types=("big",), needs=Needs(gpus=1), tier=Tier.SPOT), blind)
    assert (plan.compute, plan.kind, plan.instance_type) == ("gpu", Kind.UNKNOWN, "big")
    assert (plan.starts, plan.verified, plan.tier) == (Starts.UNKNOWN, False, Tier.SPOT)
    assert plan.warnings[0] == (
        "the computes of the workspace can't be read: nothing is known of gpu: whether it meets 1 GPU and"
        " tier='spot' is not known either"
    )
    plain = place(Ask(computes=("gpu",)), blind)
    assert (plain.instance_type, plain.tier) == (None, Tier.STANDARD)
    assert plain.warnings[0] == "the computes of the workspace can't be read: nothing is known of gpu"
    assert "whether the nodes of gpu are spot is not known" in plain.warnings[1]
    several = place(Ask(computes=("gpu",), instance_types=("big", "small")), blind)
    assert several.instance_type == "big"
    assert "big is sent as it was written, not small" in several.warnings[1]
    guard = Guard(allowed_computes=("cpu",))
    with pytest.raises(ComputeUnsuitable, match="allowed_computes"):
        place(Ask(computes=("gpu",), guard=guard), blind)
    with pytest.raises(ComputeUnsuitable, match="no known price, and at most"):
        place(Ask(computes=("gpu",), needs=Needs(max_price_per_hour=2)), blind)


def test_a_size_that_nobody_lists_is_believed_only_of_who_was_named() -> None:
    """Unasked, no job is sent to nodes of which nobody knows whether they have what it needs."""
    odd = Compute(name="odd", size="Whatever", nodes=1, idle_nodes=1, max_nodes=1)
    (unasked,) = compute_options(Ask(needs=Needs(gpus=8)), market(odd), odd)
    assert unasked.miss == "has nodes of Whatever, of which nothing is known"
    assert options(odd, needs=Needs(gpus=8))[0].miss == ""
    machine = Compute(name="vm", kind=Kind.VM)
    (named,) = options(machine, instance_types=(DS3.name,))
    assert named.miss == "doesn't tell its size, and Standard_DS3_v2 was asked for"
    assert "size    not told" in str(planned(machine))


def test_the_order_of_instance_types_is_no_matter() -> None:
    """And of those with as many GPUs the usual maker's is taken, another's is told."""
    amd = InstanceType(name="a", limits_cpus=4, gpus=1, gpu_resource="amd.com/gpu")
    usual = InstanceType(name="b", limits_cpus=8, gpus=1, gpu_resource="nvidia.com/gpu")
    needs = Needs(gpus=1)
    one, other = (
        planned(attrs.evolve(K8S, instance_types=types), needs=needs)
        for types in ((amd, usual), (usual, amd))
    )
    assert one == other
    assert (one.instance_type, one.warnings) == ("b", ())
    alone = planned(attrs.evolve(K8S, instance_types=(amd,)), needs=needs)
    assert alone.warnings == ("the GPUs of a are amd.com/gpu: an image that is built for CUDA finds none",)


def test_names_that_are_near_come_first() -> None:
    """All others follow in their order."""
    computes = tuple(Compute(name=name) for name in ("zeta", "gpu-cluster", "alpha"))
    assert find("ZETA", computes).name == "zeta"
    with pytest.raises(ComputeNotFound) as caught:
        find("gpucluster", computes)
    assert caught.value.names == ("gpu-cluster", "alpha", "zeta")
    with pytest.raises(ComputeNotFound, match="It has none"):
        find("gpu", ())
