"""Command jobs of the rarer kinds: distributed, interactive, with resources that the SDK loses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.ml import (
    MpiDistribution,
    PyTorchDistribution,
    RayDistribution,
    TensorFlowDistribution,
    command,
    dsl,
)
from azure.ai.ml.entities import JobResourceConfiguration, SshJobService, VsCodeJobService

from amlrun import InvalidRequest, NothingFits, plan, submit
from tests.jobs.every import DISTRIBUTIONS, ENVIRONMENT, named, pipeline_of, trained
from tests.jobs.leaving import Seen, Transport
from tests.testing.kinds import plain

if TYPE_CHECKING:
    from pathlib import Path

    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml

WANTED = {
    "pytorch": {"distributionType": "PyTorch", "processCountPerInstance": 2},
    "mpi": {"distributionType": "Mpi", "processCountPerInstance": 2},
    "tensorflow": {"distributionType": "TensorFlow", "workerCount": 2, "parameterServerCount": 1},
    "ray": {"distributionType": "Ray", "port": 6379, "includeDashboard": True},
}
AS_DICTS: dict[str, dict[str, Any]] = {
    "pytorch": {"type": "PyTorch", "process_count_per_instance": 2},
    "mpi": {"type": "mpi", "process_count_per_instance": 2},
    "tensorflow": {"type": "TensorFlow", "worker_count": 2, "parameter_server_count": 1},
    "ray": {"type": "ray", "port": 6379, "include_dashboard": True},
}


@pytest.mark.parametrize("kind", WANTED)
def test_a_distribution_leaves_as_it_was_said(fake_aml: FakeAml, client: MLClient, kind: str) -> None:
    """As an entity or as a dict, whatever the place and the count of nodes; for files see `test_files`."""
    fake_aml.cluster("cpus", max_nodes=4)
    places: list[dict[str, Any]] = [{"tier": "spot"}, {"compute": "cpus"}]
    for distribution in (DISTRIBUTIONS[kind](), AS_DICTS[kind]):
        for place in places:
            run = submit(trained(distribution=distribution), instance_count=3, client=client, **place)
            body: Any = fake_aml.job(run.name).body["properties"]
            assert body["distribution"] == WANTED[kind]
            assert body["resources"]["instanceCount"] == 3


def test_an_unknown_distribution(client: MLClient, tmp_path: Path) -> None:
    """The ones that there are stand in the message."""
    (tmp_path / "job.yml").write_text(
        f"command: ls\nenvironment: {ENVIRONMENT}\ndistribution: {{type: horovod}}\n"
    )
    with pytest.raises(InvalidRequest, match="'horovod' is not one of pytorch, mpi, tensorflow, ray"):
        submit(tmp_path / "job.yml", client=client)


def test_what_mpi_meets(fake_aml: FakeAml, client: MLClient) -> None:
    """Several spot nodes are lost together, and the service has a limit; to one node that is no matter."""
    fake_aml.quota("TotalLowPriorityCores", limit=10_000)
    job = trained(distribution=MpiDistribution(process_count_per_instance=1))
    lost = "when one of them is taken away, the whole run is lost"
    most = "a run over MPI has 100 nodes at most, and 101 were asked for"
    told = {
        (count, tier): " ".join(plan(job, instance_count=count, tier=tier, client=client).warnings)
        for count, tier in ((1, "spot"), (2, "spot"), (2, "standard"), (101, "spot"))
    }
    assert [lost in one for one in told.values()] == [False, True, False, True]
    assert [most in one for one in told.values()] == [False, False, False, True]
    torch = trained(distribution=DISTRIBUTIONS["pytorch"]())
    assert lost not in str(plan(torch, instance_count=2, tier="spot", client=client))


def test_sizes_that_have_no_spot(fake_aml: FakeAml, client: MLClient) -> None:
    """B-series: known by the name, where the sizes of the region can't be read."""
    fake_aml.as_data_scientist()
    with pytest.raises(NothingFits, match="there are no spot nodes of it"):
        plan(trained(), instance_type="Standard_B4ms", tier="spot", client=client)


def test_interactive_services(fake_aml: FakeAml, client: MLClient) -> None:
    """They leave as they were said; on serverless it is told that they may not come up."""
    fake_aml.cluster("cpus")
    services = {"code": VsCodeJobService(), "shell": SshJobService(ssh_public_keys="ssh-rsa AAAA")}
    run = submit(trained(services=services), client=client)
    body: Any = fake_aml.job(run.name).body["properties"]
    assert body["services"] == {
        "code": {"jobServiceType": "VSCode"},
        "shell": {"jobServiceType": "SSH", "properties": {"sshPublicKeys": "ssh-rsa AAAA"}},
    }
    (told,) = [one for one in run.plan.warnings if "interactive" in one]
    assert told.startswith("interactive services (code, shell) are documented for clusters and Kubernetes")
    assert not plan(trained(services=services), compute="cpus", client=client).warnings


@pytest.mark.parametrize("docker_args", [["--ipc=host", "--init"], "--ipc=host --init", None])
def test_resources_that_azure_ai_ml_loses(
    fake_aml: FakeAml, client: MLClient, docker_args: list[str] | str | None
) -> None:
    """Locations and the most instances leave, whatever the docker arguments are."""
    job = trained(priority="low")
    job.resources = JobResourceConfiguration(
        locations=["westus", "eastus"], max_instance_count=5, docker_args=docker_args, properties={"a": "b"}
    )
    run = submit(job, instance_count=2, client=client)
    body: Any = fake_aml.job(run.name).body["properties"]
    resources = body["resources"]
    assert (resources["locations"], resources["maxInstanceCount"]) == (["westus", "eastus"], 5)
    assert (resources["instanceCount"], resources["properties"]) == (2, {"a": "b"})
    assert resources.get("dockerArgsList") == (docker_args if isinstance(docker_args, list) else None)
    assert resources.get("dockerArgs") == (docker_args if isinstance(docker_args, str) else None)
    assert body["queueSettings"]["priority"] == 1


def test_a_job_may_bind_to_what_only_an_argument_brings(
    fake_aml: FakeAml, client: MLClient, tmp_path: Path
) -> None:
    """The SDK refuses the binding of a job that has no such input or output itself."""
    text = "python t.py ${{inputs.data}} ${{ inputs.rate }} ${{outputs.model}}"
    (tmp_path / "job.yml").write_text(f"command: {text}\nenvironment: {ENVIRONMENT}\n")
    folder = {"type": "uri_folder", "path": "azureml://datastores/workspaceblobstore/paths/d/"}
    for job in (tmp_path / "job.yml", command(command=text, environment=ENVIRONMENT)):
        run = submit(job, inputs={"data": folder, "rate": 0.1}, outputs={"model": None}, client=client)
        body: Any = fake_aml.job(run.name).body["properties"]
        assert "".join(body["command"].split()) == "".join(text.split())
        assert set(body["inputs"]) == {"data", "rate"}
        assert set(body["outputs"]) >= {"model"}


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("python -m pkg.sub.tr --x y", "tr"),
        ("python3 -W ignore -m tr", "tr"),
        ("python -m torch.distributed.run --nproc-per-node 2 fit.py", "fit"),
        ("cat -m x", "job"),
    ],
)
def test_a_job_is_named_for_what_it_runs(client: MLClient, line: str, name: str) -> None:
    """Its script, else its module."""
    assert submit(line, environment=ENVIRONMENT, client=client).name.rpartition("-")[0] == name


TEXT: Any = "2"


@pytest.mark.parametrize(
    ("distribution", "words"),
    [
        (PyTorchDistribution(process_count_per_instance=TEXT), "process_count_per_instance is '2'"),
        (PyTorchDistribution(process_count_per_instance=0), "process_count_per_instance is 0"),
        (TensorFlowDistribution(parameter_server_count=-1), "parameter_server_count is -1"),
    ],
)
def test_counts_of_processes_are_numbers_that_can_be(client: MLClient, distribution: Any, words: str) -> None:
    """A text leaves as one, and the service takes no text."""
    with pytest.raises(InvalidRequest, match=words):
        submit(trained(distribution=distribution), client=client)


def test_more_processes_than_gpus_are_told(client: MLClient) -> None:
    """Each wants one of its own; where there is none at all, they get on without."""
    job = trained(distribution=PyTorchDistribution(process_count_per_instance=4))
    told = "4 processes on each node, and Standard_NC4as_T4_v3 has 1 GPU: NCCL takes one process for each GPU"
    assert told in plan(job, instance_type="Standard_NC4as_T4_v3", client=client).warnings
    assert "NCCL" not in str(plan(job, instance_type="Standard_DS3_v2", client=client).warnings)


def test_more_shared_memory_than_memory_is_told(client: MLClient) -> None:
    """Of a node of 28 GB."""
    for said in ("500g", "900000m"):
        found = plan(trained(shm_size=said), instance_type="Standard_NC4as_T4_v3", client=client)
        assert f"shm_size={said} is more than the 28 GB that Standard_NC4as_T4_v3 has" in found.warnings
    found = plan(trained(shm_size="20g"), instance_type="Standard_NC4as_T4_v3", client=client)
    assert "shm_size" not in str(found.warnings)


@pytest.mark.parametrize("is_nested", [False, True])
def test_all_of_ray_in_a_step(fake_aml: FakeAml, *, is_nested: bool) -> None:
    """Under the names that nodes have: azure-ai-ml 1.35 writes those of jobs."""
    said: dict[str, Any] = {
        "port": 1,
        "address": "here",
        "include_dashboard": True,
        "dashboard_port": 5,
        "head_node_additional_args": "--a",
        "worker_node_additional_args": "--b",
    }
    made = trained(distribution=RayDistribution(**said))

    def steps() -> None:
        named(made(), "fit")

    nothing: dict[str, Any] = {}
    below: Any = dsl.pipeline(**nothing)

    def around() -> None:
        named(below(plain(steps))(), "within")

    seen = Seen()
    inner: Any = fake_aml.transport()
    submit(
        pipeline_of(around if is_nested else steps), client=fake_aml.client(transport=Transport(inner, seen))
    )
    ((_, body),) = seen.jobs
    nodes = body["jobs"]
    if is_nested:
        nodes = seen.component(nodes["within"]["componentId"])["jobs"]
    assert nodes["fit"]["distribution"] == {"distribution_type": "Ray", **said}
