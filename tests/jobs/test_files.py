"""Job files of every type, as users write them, from this folder: planned, and submitted unchanged."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.ml import load_component

from amlrun import SubmissionFailed, plan, submit
from amlrun.testing._api.contract import violations
from tests.jobs.leaving import Leaf, Seen, Transport, leaves
from tests.jobs.published import PUBLISHED, faults

if TYPE_CHECKING:
    from amlrun.testing import FakeAml

FILES = Path(__file__).resolve().parent / "files"
SDK = tuple(int(part) for part in importlib.metadata.version("azure-ai-ml").split(".")[:2])
USER = "UserIdentity"
STEP = "serverless"
HOUR = "PT3600S"


def serverless(size: str, count: int | None = 1, tier: str | None = "Standard", **said: Any) -> Leaf:
    """Nodes of serverless, in the service's words; a step says that its compute is."""
    return Leaf(**{"compute": None, "size": size, "count": count, "tier": tier, "identity": None, **said})


def on(compute: str, count: int | None = 1, identity: str | None = None, **said: Any) -> Leaf:
    """Nodes of a compute, which has a size and a tier of its own."""
    return Leaf(compute, None, count, None, identity, **said)


DISTRIBUTED = {
    "pytorch": {"distributionType": "PyTorch", "processCountPerInstance": 4},
    "mpi": {"distributionType": "Mpi", "processCountPerInstance": 2},
    "tensorflow": {"distributionType": "TensorFlow", "workerCount": 2, "parameterServerCount": 1},
    "ray": {"distributionType": "Ray", "port": 6379, "includeDashboard": True},
}
WANTED: dict[str, dict[str, Leaf]] = {
    "spark-serverless": {"": serverless("Standard_E8s_v3", None, None, identity=USER)},
    "spark-pool": {"": on("pool", None, "Managed")},
    "fine-tuning": {"": serverless("Standard_NC4as_T4_v3", None, "Spot")},
    "automl-resources": {"": serverless("Standard_DS4_v2", 2, "Spot", timeout=HOUR)},
    "automl-image": {"": serverless("Standard_NC4as_T4_v3", timeout=HOUR)},
    "automl-text": {"": on("gpus", timeout=HOUR)},
    "sweep-spot": {"": serverless("Standard_DS4_v2", tier="Spot", timeout=HOUR)},
    **{f"distributed-{name}": {"": serverless("Standard_DS3_v2", 2)} for name in DISTRIBUTED},
    "pipeline-components": {
        "train": serverless("Standard_DS4_v2", compute=STEP),
        "from_registry": on("cpus"),
        "within.first": serverless("Standard_DS3_v2", compute=STEP),
        "within.second": serverless("Standard_DS3_v2", compute=STEP),
    },
    "pipeline-parallel": {
        "score": serverless("Standard_DS3_v2", 2, None, compute=STEP),
        "clean": serverless("Standard_E4s_v3", None, None, identity=USER),
    },
}
"""What each file asks for, by its steps."""


@pytest.fixture
def world(fake_aml: FakeAml) -> FakeAml:
    """A workspace with all that the files name."""
    fake_aml.cluster("cpus", size="Standard_DS3_v2")
    fake_aml.cluster("gpus", size="Standard_NC4as_T4_v3")
    fake_aml.synapse_spark("pool")
    fake_aml.environment("train")
    fake_aml.registry("shared")
    return fake_aml


def sent(world: FakeAml, name: str, seen: Seen) -> Any:
    """The body that leaves for a file."""
    path, inner = FILES / f"{name}.yml", world.transport()
    text = path.read_text()
    client = world.client(transport=Transport(inner, seen))
    told = plan(path, client=client)
    assert submit(path, client=client).plan == told
    assert path.read_text() == text
    ((_, body),) = seen.jobs
    return body


def test_every_file_is_here() -> None:
    """None is forgotten below."""
    assert sorted(WANTED) == sorted(path.stem for path in FILES.glob("*.yml"))


@pytest.mark.parametrize("name", WANTED)
def test_a_job_file_leaves_as_it_says(world: FakeAml, name: str) -> None:
    """Place, size, count, tier, identity and time-out are the file's own, in the API's fields alone."""
    if name == "fine-tuning" and SDK == (1, 34):
        with pytest.raises(SubmissionFailed, match="can't write this job down"):
            sent(world, name, Seen())
        return
    if name == "pipeline-components":
        shared = world.client(registry_name="shared")
        world.environment("train", registry="shared")
        component: Any = load_component(FILES / "components" / "train.yml")
        component.environment = "azureml://registries/shared/environments/train/versions/1"
        shared.components.create_or_update(component)
    seen = Seen()
    body = sent(world, name, seen)
    assert not violations(body, "JobBase")
    assert not PUBLISHED.exists() or not [*faults(body)]
    assert leaves(body, seen) == WANTED[name]


@pytest.mark.parametrize("name", DISTRIBUTED)
def test_a_distribution_leaves_untouched(world: FakeAml, name: str) -> None:
    """With its counts; and what stands beside a list of docker arguments, which azure-ai-ml drops."""
    body = sent(world, f"distributed-{name}", Seen())
    assert body["distribution"] == DISTRIBUTED[name]
    resources = body["resources"]
    assert (resources["locations"], resources["dockerArgsList"]) == (["eastus"], ["--ipc=host"])
    assert resources["shmSize"] == "4g"


def test_what_spark_reads_and_writes_is_untouched(world: FakeAml) -> None:
    """Its settings, its arguments, its data, all read and written directly."""
    body = sent(world, "spark-serverless", Seen())
    assert body["args"] == "--rows ${{inputs.rows}} --cleaned ${{outputs.cleaned}}"
    assert body["conf"]["spark.dynamicAllocation.maxExecutors"] == "4"
    assert body["conf"]["spark.executorEnv.STAGE"] == "test"
    assert {one["mode"] for one in (*body["inputs"].values(), *body["outputs"].values())} == {"Direct"}
    assert body["resources"] == {"instanceType": "Standard_E8s_v3", "runtimeVersion": "3.4"}
    assert body["tags"] == {"team": "data"}
