"""Computes of every kind beside clusters: used properly, or refused with the reason and the way out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from amlrun import ComputeNotFound, ComputeUnsuitable, Plan, Requeue, plan, submit
from amlrun.testing import Forbidden, NodeLost

if TYPE_CHECKING:
    from amlrun.testing import FakeAml

ENVIRONMENT = "azureml:train:1"
TYPES: dict[str, Any] = {
    "small": {
        "resources": {"requests": {"cpu": "1", "memory": "2Gi"}, "limits": {"cpu": "4", "memory": "8Gi"}}
    },
    "large": {"resources": {"limits": {"cpu": "16", "memory": "64Gi"}}},
    "gpu": {"resources": {"limits": {"cpu": "8", "memory": "32Gi", "nvidia.com/gpu": "1"}}},
}


def planned(fake: FakeAml, compute: str, **options: Any) -> Plan:
    """The plan of a command on that compute."""
    return plan("python -V", environment=ENVIRONMENT, compute=compute, client=fake.client(), **options)


def sent(fake: FakeAml, compute: str, **options: Any) -> dict[str, Any]:
    """The body of a job that was sent there."""
    run = submit("python -V", environment=ENVIRONMENT, compute=compute, client=fake.client(), **options)
    found: dict[str, Any] = dict(fake.job(run.name).body["properties"])
    return found


def refused(fake: FakeAml, compute: str, **options: Any) -> ComputeUnsuitable:
    """What is said where the compute can't take the job, with nothing sent."""
    with pytest.raises(ComputeUnsuitable) as caught:
        submit("python -V", environment=ENVIRONMENT, compute=compute, client=fake.client(), **options)
    assert caught.value.name == compute
    assert not fake.jobs
    return caught.value


def test_kubernetes_takes_its_default_where_nothing_is_asked(fake_aml: FakeAml) -> None:
    """The body names compute and instance type; neither price nor quota is Azure ML's."""
    fake_aml.kubernetes("k8s")
    fake_aml.quota("TotalDedicatedCores", limit=0)
    made = planned(fake_aml, "k8s", instance_count=2)
    assert (made.compute, made.kind, made.instance_type) == ("k8s", "Kubernetes", "defaultinstancetype")
    assert (made.price_per_hour, made.starts, made.tier) == (None, "unknown", "standard")
    assert "\ntier" not in str(made)
    assert made.reasons[1] == "its own scheduler decides when: Azure ML's quota does not bind it"
    assert made.size is not None
    assert made.size.hardware == "2 vCPUs, 2 GB"
    body = sent(fake_aml, "k8s", instance_count=2)
    assert body["computeId"].endswith("/computes/k8s")
    assert body["resources"] == {"instanceCount": 2, "instanceType": "defaultinstancetype"}
    assert not body.get("queueSettings")


def test_kubernetes_tells_the_namespace_that_its_pods_run_in(fake_aml: FakeAml) -> None:
    """Where it isn't the default one: that is where they are looked for."""
    fake_aml.kubernetes("k8s", namespace="training")
    assert planned(fake_aml, "k8s").reasons[1] == (
        "its own scheduler decides when, in the namespace training: Azure ML's quota does not bind it"
    )


def test_kubernetes_has_a_default_of_its_own_where_one_is_set(fake_aml: FakeAml) -> None:
    """As the compute says."""
    fake_aml.kubernetes("k8s", instance_types=TYPES, default="large")
    assert sent(fake_aml, "k8s")["resources"]["instanceType"] == "large"


@pytest.mark.parametrize(
    ("needs", "taken"),
    [
        ({"cpus": 2}, "defaultinstancetype"),
        ({"cpus": 3}, "small"),
        ({"memory_gb": 4}, "small"),
        ({"cpus": 5}, "large"),
        ({"gpus": 1}, "gpu"),
        ({"gpus": 1, "memory_gb": 32}, "gpu"),
    ],
)
def test_kubernetes_takes_the_smallest_that_meets_the_needs(
    fake_aml: FakeAml, needs: dict[str, Any], taken: str
) -> None:
    """A pod may use up to its limits; GPUs are not taken unasked."""
    fake_aml.kubernetes("k8s", instance_types=TYPES)
    assert sent(fake_aml, "k8s", **needs)["resources"]["instanceType"] == taken


def test_a_further_attempt_names_the_same_instance_type(fake_aml: FakeAml) -> None:
    """It goes where the first one went."""
    fake_aml.kubernetes("k8s", instance_types=TYPES)
    fake_aml.inject(NodeLost())
    again = Requeue(platform_faults=1, waits=(1,))
    run = submit(
        "python -V", environment=ENVIRONMENT, compute="k8s", cpus=4, requeue=again, client=fake_aml.client()
    )
    run.wait()
    bodies = [fake_aml.job(name).body["properties"] for name in fake_aml.jobs]
    assert [body["resources"]["instanceType"] for body in bodies] == ["small", "small"]
    assert len({body["computeId"] for body in bodies}) == 1


def test_kubernetes_explains_every_instance_type(fake_aml: FakeAml) -> None:
    """Each with the first thing against it."""
    fake_aml.kubernetes("k8s", instance_types=TYPES)
    made = planned(fake_aml, "k8s", cpus=3)
    assert {one.instance_type: one.against for one in made.candidates} == {
        "small": "",
        "large": "is not needed: small will do",
        "gpu": "has GPUs, and none was asked for",
        "defaultinstancetype": "has 2 of 3 vCPUs",
    }


def test_an_instance_type_of_kubernetes_must_be_one_of_its_own(fake_aml: FakeAml) -> None:
    """In any case, sent in its own; another is refused with those that are there."""
    fake_aml.kubernetes("k8s", instance_types=TYPES)
    error = refused(fake_aml, "k8s", instance_type="Standard_DS3_v2")
    assert error.message == (
        "'k8s' can't take this job: it has no instance type Standard_DS3_v2: it has defaultinstancetype, gpu,"
        " large, small."
    )
    assert "Name one of these" in error.hint
    assert sent(fake_aml, "k8s", instance_type="GPU")["resources"]["instanceType"] == "gpu"
    assert planned(fake_aml, "k8s", instance_type=["huge", "large"]).instance_type == "large"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"tier": "spot"}, "it has no tiers, only nodes of its own, and tier='spot' was asked for"),
        ({"gpus": 2}, "\n  gpu                  has 1 of 2 GPUs"),
        ({"gpu": "A100", "gpus": 2}, "\n  gpu                  has 1 of 2 GPUs"),
        ({"instance_type": "small", "cpus": 8}, "\n  small                has 4 of 8 vCPUs"),
        ({"needs": {"max_price_per_hour": 1}}, "it has no known price, and at most 1 USD an hour"),
    ],
)
def test_what_kubernetes_can_not_take(fake_aml: FakeAml, options: dict[str, Any], words: str) -> None:
    """Refused before anything is sent."""
    from amlrun import Needs

    options = {**options, "needs": Needs(**options["needs"])} if "needs" in options else options
    fake_aml.kubernetes("k8s", instance_types={"gpu": TYPES["gpu"], "small": TYPES["small"]})
    assert words in refused(fake_aml, "k8s", **options).message


def test_a_compute_instance_that_runs_takes_one_node(fake_aml: FakeAml) -> None:
    """At once, by its own size and price; the body names the compute alone."""
    fake_aml.compute_instance("mine", size="Standard_DS3_v2")
    made = planned(fake_aml, "mine", cpus=4)
    assert (made.kind, made.instance_type, made.price_per_hour) == (
        "ComputeInstance",
        "Standard_DS3_v2",
        0.293,
    )
    assert (made.starts, made.reasons[1]) == ("now", "it runs")
    body = sent(fake_aml, "mine")
    assert body["computeId"].endswith("/computes/mine")
    assert body["resources"] == {"instanceCount": 1}


def test_a_busy_compute_instance_has_a_queue(fake_aml: FakeAml) -> None:
    """Documented: jobs wait there."""
    fake_aml.compute_instance("mine")
    sent(fake_aml, "mine")
    fake_aml.advance(seconds=90)
    made = planned(fake_aml, "mine")
    assert (made.starts, made.reasons[1]) == ("queued", "it runs another job: this one waits in its queue")


def test_a_stopped_compute_instance_is_refused_with_how_to_start_it(fake_aml: FakeAml) -> None:
    """By the client and by the command line; when it was started, it is taken."""
    fake_aml.compute_instance("mine", running=False)
    error = refused(fake_aml, "mine")
    assert error.message == "'mine' can't take this job: it is Stopped."
    assert "client.compute.begin_start('mine').result()" in error.hint
    assert "az ml compute start --name mine" in error.hint
    starting = fake_aml.client().compute.begin_start("mine")
    made = planned(fake_aml, "mine")
    assert (made.starts, made.reasons[1]) == ("queued", "it is Starting: the job waits until it runs")
    starting.result()
    assert planned(fake_aml, "mine").starts == "now"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"instance_count": 2}, "it has 1 node at most, and 2 were asked for"),
        ({"tier": "spot"}, "it has standard nodes, and tier='spot' was asked for"),
        ({"cpus": 16}, "it has nodes of Standard_DS3_v2, which has 4 of 16 vCPUs"),
    ],
)
def test_what_a_compute_instance_can_not_take(fake_aml: FakeAml, options: dict[str, Any], words: str) -> None:
    """One node, dedicated, of its own size."""
    fake_aml.compute_instance("mine")
    assert words in refused(fake_aml, "mine", **options).message


def test_an_attached_vm_takes_one_node(fake_aml: FakeAml) -> None:
    """Nothing is known of it, and the plan says so."""
    fake_aml.virtual_machine("box")
    made = planned(fake_aml, "box", gpus=1)
    assert (made.kind, made.starts, made.price_per_hour, made.size) == (
        "VirtualMachine",
        "unknown",
        None,
        None,
    )
    assert made.warnings == (
        "nothing is known of the hardware of box: whether it meets 1 GPU is not known either",
    )
    assert sent(fake_aml, "box")["computeId"].endswith("/computes/box")


def test_an_attached_vm_is_one_node_only(fake_aml: FakeAml) -> None:
    """Of no spot tier."""
    fake_aml.virtual_machine("box")
    assert "has 1 node at most" in refused(fake_aml, "box", instance_count=2).message
    assert "tier='spot' was asked for" in refused(fake_aml, "box", tier="spot").message


def test_an_attached_vm_of_a_size_that_is_told_is_checked(fake_aml: FakeAml) -> None:
    """Where the reply has it; it is billed as the VM that it is."""
    fake_aml.attached("box", "VirtualMachine", virtualMachineSize="Standard_DS3_v2")
    made = planned(fake_aml, "box", cpus=4)
    assert (made.instance_type, made.price_per_hour, made.warnings) == ("Standard_DS3_v2", None, ())
    assert "which has 4 of 8 vCPUs" in refused(fake_aml, "box", cpus=8).message


def test_a_spark_pool_takes_spark_jobs_only(fake_aml: FakeAml) -> None:
    """A command goes elsewhere."""
    fake_aml.synapse_spark("pool")
    error = refused(fake_aml, "pool")
    assert (
        error.message == "'pool' can't take this job: it is a Spark pool: it takes Spark jobs, and no others."
    )


@pytest.mark.parametrize(
    ("kind", "purpose", "instead"),
    [
        ("AKS", "an AKS cluster that serves models", "attach it as Kubernetes"),
        ("Databricks", "Azure Databricks", "Databricks' own jobs"),
        ("DataFactory", "Azure Data Factory", "can start this job"),
        ("HDInsight", "Azure HDInsight", "serverless Spark"),
        ("DataLakeAnalytics", "Azure Data Lake Analytics", "serverless"),
    ],
)
def test_what_takes_no_jobs_says_what_it_is_for(
    fake_aml: FakeAml, kind: str, purpose: str, instead: str
) -> None:
    """And where the job could go."""
    fake_aml.attached("other", kind)
    error = refused(fake_aml, "other")
    assert purpose in error.message
    assert "it takes no jobs" in error.message
    assert instead in error.hint


def test_a_compute_that_can_not_be_looked_at_is_believed(fake_aml: FakeAml) -> None:
    """It goes there, unverified, on the instance type that was named; the plan says what isn't known."""
    fake_aml.kubernetes("k8s", instance_types=TYPES)
    fake_aml.inject(Forbidden(), on="GET /computes", times=None)
    made = planned(fake_aml, "k8s", instance_type="large")
    assert (made.compute, made.starts, made.verified) == ("k8s", "unknown", False)
    assert any("nothing is known of k8s" in warning for warning in made.warnings)
    body = sent(fake_aml, "k8s", instance_type="large")
    assert body["computeId"].endswith("/computes/k8s")
    assert body["resources"]["instanceType"] == "large"


def test_a_compute_that_is_not_there(fake_aml: FakeAml) -> None:
    """The names that are near come first."""
    for name in ("a-cpu", "gpu-cluster", "zeta"):
        fake_aml.cluster(name)
    with pytest.raises(ComputeNotFound) as caught:
        planned(fake_aml, "gpu-clutser")
    assert caught.value.names == ("gpu-cluster", "a-cpu", "zeta")
    assert "Did you mean gpu-cluster? It has gpu-cluster, a-cpu, zeta." in caught.value.message
