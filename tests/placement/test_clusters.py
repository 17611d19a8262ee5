"""How a cluster stands to a job, and what is said of it: the real client on the fake."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from amlrun import ComputeUnsuitable, NoQuota, NotEnoughQuota, Plan, plan, submit

if TYPE_CHECKING:
    from amlrun.testing import FakeAml

DSV2 = "standardDSv2Family"
ENVIRONMENT = "azureml:train:1"


def planned(fake: FakeAml, compute: str = "cpu", **options: Any) -> Plan:
    """The plan of a command on that cluster."""
    return plan("python -V", environment=ENVIRONMENT, compute=compute, client=fake.client(), **options)


def busy(fake: FakeAml, nodes: int = 1, *, compute: str = "cpu") -> str:
    """A job that runs on so many of the cluster's nodes, or waits for them."""
    run = submit(
        "sleep 9", environment=ENVIRONMENT, compute=compute, instance_count=nodes, client=fake.client()
    )
    return run.name


def refused(fake: FakeAml, compute: str = "cpu", **options: Any) -> ComputeUnsuitable:
    """What is said where the cluster can't take the job, with nothing sent."""
    with pytest.raises(ComputeUnsuitable) as caught:
        planned(fake, compute, **options)
    assert caught.value.name == compute
    assert not fake.jobs
    return caught.value


def why(made: Plan) -> tuple[str, str]:
    """When it starts, and why."""
    return str(made.starts), made.reasons[1]


def test_idle_nodes_start_at_once(fake_aml: FakeAml) -> None:
    """They are there and wait for work: no quota is asked for."""
    fake_aml.cluster("cpu", nodes=2, max_nodes=4)
    fake_aml.quota(DSV2, limit=8)
    assert why(planned(fake_aml)) == ("now", "2 of its 2 nodes are idle")
    assert why(planned(fake_aml, instance_count=2)) == ("now", "2 of its 2 nodes are idle")
    busy(fake_aml)
    fake_aml.advance(seconds=90)
    assert why(planned(fake_aml)) == ("now", "1 of its 2 nodes is idle")


def test_room_to_grow_is_counted_in_quota(fake_aml: FakeAml) -> None:
    """The nodes that are missing, under the limits of the region, with figures."""
    fake_aml.cluster("cpu", nodes=1, max_nodes=4)
    fake_aml.quota(DSV2, limit=16)
    assert why(planned(fake_aml, instance_count=3)) == (
        "now",
        f"its one node is idle, and it must grow by 2: 2 x 4 = 8 of 12 free vCPUs of {DSV2}",
    )


def test_quota_in_use_is_waited_for(fake_aml: FakeAml) -> None:
    """Others hold what it would grow into."""
    fake_aml.cluster("cpu", max_nodes=4)
    fake_aml.quota(DSV2, limit=16, used=12)
    starts, words = why(planned(fake_aml, instance_count=2))
    assert starts == "queued"
    assert words == (
        f"it must grow by 2: needs 2 x 4 = 8 vCPUs of {DSV2}; limit 16, in use 12, free 4: one node fits now,"
        " four ever"
    )


def test_without_the_right_to_read_quota_idle_nodes_are_known_all_the_same(fake_aml: FakeAml) -> None:
    """They need none. Of others it is not known when they come, and the plan says why."""
    fake_aml.cluster("cpu", nodes=1, max_nodes=4)
    fake_aml.as_data_scientist()
    warm = planned(fake_aml)
    assert why(warm) == ("now", "its one node is idle")
    assert not any("may have to wait" in warning for warning in warm.warnings)
    grown = planned(fake_aml, instance_count=2)
    assert why(grown) == (
        "unknown",
        "its one node is idle, and it must grow by 1, under a quota that is not known",
    )
    assert any("may have to wait" in warning for warning in grown.warnings)


def test_the_limit_of_the_workspace_binds_too(fake_aml: FakeAml) -> None:
    """A limit below the subscription's refuses what can never fit."""
    fake_aml.cluster("cpu", max_nodes=4)
    fake_aml.quota(DSV2, limit=100, workspace_limit=8)
    with pytest.raises(NotEnoughQuota) as caught:
        planned(fake_aml, instance_count=3)
    assert (caught.value.needed, caught.value.limit, caught.value.fits) == (12, 8, 2)


def test_quota_that_can_never_hold_the_nodes_is_an_error(fake_aml: FakeAml) -> None:
    """The figures, and the number of nodes that would fit."""
    fake_aml.cluster("cpu", max_nodes=4)
    fake_aml.quota(DSV2, limit=8)
    with pytest.raises(NotEnoughQuota) as caught:
        planned(fake_aml, instance_count=3)
    assert (caught.value.needed, caught.value.limit, caught.value.fits) == (12, 8, 2)
    assert "instance_count=2 fits." in caught.value.hint
    fake_aml.quota(DSV2, limit=0)
    with pytest.raises(NoQuota):
        planned(fake_aml)


def test_busy_nodes_are_waited_for(fake_aml: FakeAml) -> None:
    """All of its nodes run jobs, and it may have no more."""
    fake_aml.cluster("cpu", nodes=2, max_nodes=2)
    busy(fake_aml, 2)
    fake_aml.advance(seconds=90)
    assert why(planned(fake_aml)) == ("queued", "2 of its 2 nodes are busy: the job waits for them")


def test_a_job_stands_behind_those_that_the_cluster_grows_for(fake_aml: FakeAml) -> None:
    """Nodes that come are wanted by who waits already, idle ones among them."""
    fake_aml.cluster("cpu", nodes=1, max_nodes=3)
    busy(fake_aml, 3)
    fake_aml.advance(seconds=65)
    assert fake_aml.compute("cpu").nodes == {"preparing": 2, "idle": 1}
    assert why(planned(fake_aml)) == (
        "queued",
        "it grows to 3 of its 3 nodes for jobs that came before: this one waits for them",
    )


def test_a_cluster_that_grows_for_others_may_grow_beside_them(fake_aml: FakeAml) -> None:
    """Where it may have more nodes, and quota has room for them."""
    fake_aml.cluster("cpu", max_nodes=4)
    fake_aml.quota(DSV2, limit=16)
    busy(fake_aml, 3)
    fake_aml.advance(seconds=65)
    assert why(planned(fake_aml)) == ("now", f"it must grow by 1: 1 x 4 = 4 of 4 free vCPUs of {DSV2}")


def test_a_cluster_that_grows_to_its_minimum_grows_for_nobody(fake_aml: FakeAml) -> None:
    """Its nodes come for whoever is there."""
    from azure.ai.ml.entities import AmlCompute

    body = AmlCompute(name="cpu", size="Standard_DS3_v2", min_instances=2, max_instances=4)
    fake_aml.client().compute.begin_create_or_update(body).result()
    state = fake_aml.compute("cpu").nodes
    assert state == {"preparing": 2}
    assert why(planned(fake_aml))[0] == "now"


def test_a_cluster_that_scales_down_is_waited_for(fake_aml: FakeAml) -> None:
    """Nodes that leave are no idle ones: documented, the job waits until they have left."""
    fake_aml.cluster("cpu", nodes=3, max_nodes=3, idle_seconds=60)
    fake_aml.advance(seconds=65)
    assert fake_aml.compute("cpu").nodes == {"leaving": 3}
    assert why(planned(fake_aml)) == (
        "queued",
        "it is scaling down from 3 to 0 nodes: the job waits for that",
    )
    fake_aml.advance(minutes=1)
    assert why(planned(fake_aml))[0] == "now"


def test_a_cluster_that_is_stuck_is_not_promised(fake_aml: FakeAml) -> None:
    """Resizing for ever: seen by users, and told with the instant since when; whoever waits there or not."""
    fake_aml.cluster("cpu")
    fake_aml.stick("cpu")
    starts, words = why(planned(fake_aml))
    assert starts == "unknown"
    assert words.startswith("it resizes from 0 to 0 nodes since 20")
    assert words.endswith(" UTC: when it is done is not known")
    busy(fake_aml)
    fake_aml.advance(hours=10)
    starts, words = why(planned(fake_aml))
    assert (starts, words.partition(" UTC")[2]) == ("unknown", ": no node comes: it may be stuck")
    made = plan(
        "python -V", environment=ENVIRONMENT, compute=["cpu", "serverless"], cpus=4, client=fake_aml.client()
    )
    assert (made.compute, made.starts) == ("serverless", "now")
    fake_aml.unstick("cpu")
    fake_aml.advance(minutes=5)
    assert why(planned(fake_aml))[0] == "now"


def test_a_cluster_out_of_quota_says_so(fake_aml: FakeAml) -> None:
    """The service reports it on a cluster that is `Succeeded`; the job would be taken, and wait."""
    fake_aml.cluster("cpu")
    fake_aml.quota(DSV2, limit=8, used=8)
    busy(fake_aml)
    fake_aml.advance(seconds=90)
    assert fake_aml.compute("cpu").problem == "ClusterCoreQuotaReached"
    made = planned(fake_aml)
    assert made.starts == "queued"
    assert made.reasons[1] == (
        f"it can't grow now (ClusterCoreQuotaReached): needs 1 x 4 = 4 vCPUs of {DSV2}; limit 8, in use 8,"
        " sent and not running yet 4, free 0: none fits now, two ever"
    )
    assert made.warnings[0].startswith("ClusterCoreQuotaReached: ")


def test_a_cluster_that_is_being_made_is_waited_for(fake_aml: FakeAml) -> None:
    """It is there by name, and has no nodes yet."""
    from azure.ai.ml.entities import AmlCompute

    fake_aml.client().compute.begin_create_or_update(AmlCompute(name="cpu", size="Standard_DS3_v2"))
    assert why(planned(fake_aml)) == ("queued", "it is being made (Creating)")


def test_a_cluster_that_failed_or_goes_is_refused(fake_aml: FakeAml) -> None:
    """With the service's own reason."""
    fake_aml.cluster("cpu", error="VmSizeNotSupported")
    assert "it is Failed (VmSizeNotSupported: " in refused(fake_aml).message
    fake_aml.cluster("going")
    fake_aml.client().compute.begin_delete("going")
    assert "it is Deleting" in refused(fake_aml, "going").message


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"instance_count": 5}, "it has 4 nodes at most, and 5 were asked for"),
        ({"cpus": 8}, "it has nodes of Standard_DS3_v2, which has 4 of 8 vCPUs"),
        ({"gpus": 1}, "it has nodes of Standard_DS3_v2, which has no GPU"),
        (
            {"instance_type": "Standard_D4s_v3"},
            "has nodes of Standard_DS3_v2, and Standard_D4s_v3 was asked for",
        ),
        ({"tier": "spot"}, "it has standard nodes, and tier='spot' was asked for"),
    ],
)
def test_what_a_cluster_can_never_take(fake_aml: FakeAml, options: dict[str, Any], words: str) -> None:
    """Too few nodes, a size too small, another tier: refused before anything is sent."""
    fake_aml.cluster("cpu", max_nodes=4)
    assert words in refused(fake_aml, **options).message


def test_a_low_priority_cluster_is_spot(fake_aml: FakeAml) -> None:
    """Its tier is its own: nothing said, or `auto`, takes it as it is; `standard` is refused."""
    fake_aml.cluster("cheap", tier="spot", nodes=1)
    for options in ({}, {"tier": "auto"}, {"tier": "spot"}):
        made = planned(fake_aml, "cheap", **options)
        assert (made.tier, made.starts) == ("spot", "now")
    error = refused(fake_aml, "cheap", tier="standard")
    assert "has spot nodes, and tier='standard' was asked for: a compute's tier is its own" in error.message
    where, how = error.hint.splitlines()
    assert where.startswith("The job could go to compute='serverless' (Standard_DS3_v2,")
    assert how == "Leave tier out, or say tier='spot'."


def test_a_low_priority_cluster_grows_in_the_one_pool(fake_aml: FakeAml) -> None:
    """Over all families, whatever the family's own limit for dedicated nodes."""
    fake_aml.cluster("cheap", tier="spot")
    fake_aml.quota(DSV2, limit=0)
    fake_aml.quota("TotalLowPriorityCores", limit=4)
    assert why(planned(fake_aml, "cheap")) == (
        "now",
        "it must grow by 1: 1 x 4 = 4 of 4 free vCPUs of TotalLowPriorityCores",
    )
    with pytest.raises(NotEnoughQuota) as caught:
        planned(fake_aml, "cheap", instance_count=2)
    assert caught.value.limit_name == "TotalLowPriorityCores"


def test_unusable_nodes_are_told(fake_aml: FakeAml) -> None:
    """They are no idle ones, and the plan warns of them."""
    fake_aml.cluster("cpu", nodes=2, max_nodes=2)
    fake_aml.lose_nodes("cpu")
    made = planned(fake_aml)
    assert why(made) == ("now", "1 of its 2 nodes is idle")
    assert "1 of its 2 nodes is unusable" in made.warnings


def test_nodes_that_were_preempted_may_come_back(fake_aml: FakeAml) -> None:
    """They hold no quota and are not idle; under the pool's limit they are found again."""
    fake_aml.cluster("cheap", tier="spot", nodes=2, max_nodes=2)
    fake_aml.preempt_nodes("cheap", count=2)
    assert why(planned(fake_aml, "cheap"))[1].startswith("it must grow by 1: 1 x 4 = 4 of ")


@pytest.mark.parametrize("identity", ["managed", "managed:11111111-2222-3333-4444-555555555555"])
def test_a_managed_identity_that_nobody_has_is_refused(fake_aml: FakeAml, identity: str) -> None:
    """Neither the cluster nor the workspace has one that a job could use; the way out is told."""
    fake_aml.cluster("cpu", nodes=1)
    error = refused(fake_aml, identity=identity)
    assert "and neither has the workspace" in error.message
    assert "az ml compute update" in error.hint


def test_a_clusters_own_identity_is_used(fake_aml: FakeAml) -> None:
    """With nothing to doubt; where only the workspace has it, the plan says that this is not known."""
    client_id = fake_aml.identity("trainer", attached=False)
    fake_aml.cluster("own", nodes=1, identity="trainer")
    for identity in ("managed", f"managed:{client_id}"):
        assert planned(fake_aml, "own", identity=identity).warnings == ()
    fake_aml.cluster("bare", nodes=1)
    fake_aml.identity("shared")
    (doubt,) = planned(fake_aml, "bare", identity="managed").warnings
    assert doubt == "bare has no identity of its own: whether the workspace's will do is not known"


def test_what_is_planned_is_what_leaves(fake_aml: FakeAml) -> None:
    """The compute's id and the count; size and tier are the cluster's, and not sent."""
    fake_aml.cluster("cpu", nodes=2)
    body = fake_aml.job(busy(fake_aml, 2)).body["properties"]
    assert body["computeId"].endswith("/computes/cpu")
    assert body["resources"] == {"instanceCount": 2}
    assert not body.get("queueSettings")
