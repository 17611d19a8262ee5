"""What `azure-ai-ml` reads wrongly, hides or leaves out, and what a user of amlrun sees instead.

Each row of docs/azure-ai-ml.md names its test.
"""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from amlrun import ComputeUnsuitable, JobCanceled, JobFailed, Managed, plan, quota, submit
from amlrun._sdk import make_client, wire_of

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml

ENVIRONMENT = "azureml:train:1"
IDENTITY = "00000000-0000-0000-0000-00000000c11e"


def trained(client: MLClient, **options: Any) -> Any:
    """The plan of a training job."""
    return plan("python train.py", environment=ENVIRONMENT, client=client, **options)


def test_quota_and_sizes_have_their_figures(fake_aml: FakeAml, client: MLClient) -> None:
    """What is used, and how large a size is: they come from the service's replies, not through the SDK."""
    fake_aml.quota("standardDSv2Family", limit=40)
    submit("python train.py", environment=ENVIRONMENT, instance_type="Standard_DS3_v2", client=client)
    fake_aml.advance(minutes=1)
    rows = [one.dedicated for one in quota(client=client).families if one.name == "standardDSv2Family"]
    assert [(row.limit, row.used, row.free) for row in rows if row] == [(40, 4, 36)]
    size = trained(client, gpus=1, tier="spot").size
    assert size is not None
    assert (size.cpus, size.memory_gb, size.gpus, size.spot_hint) == (4, 28.0, 1, True)


def test_an_identity_of_the_workspace_is_known_by_its_client_id(fake_aml: FakeAml, client: MLClient) -> None:
    """One that is attached is taken; another is refused before anything is sent."""
    theirs = fake_aml.identity("trainer", client_id=IDENTITY)
    asked = trained(client, identity=Managed(client_id=theirs))
    assert not [warning for warning in asked.warnings if "identity" in warning]
    with pytest.raises(ComputeUnsuitable, match="is not attached"):
        trained(client, identity="managed:11111111-1111-1111-1111-111111111111")


def test_a_canceled_job_does_not_pass_for_a_finished_one(fake_aml: FakeAml, client: MLClient) -> None:
    """`wait()` raises for every end that is none."""
    run = submit("python train.py", environment=ENVIRONMENT, client=client)
    fake_aml.advance(minutes=1)
    client.jobs.begin_cancel(run.name)
    with pytest.raises(JobCanceled):
        run.wait()


def test_why_a_job_failed_is_told(fake_aml: FakeAml, client: MLClient) -> None:
    """Its error's text, when it started and when it ended come from run history."""
    run = submit("python train.py", environment=ENVIRONMENT, client=client)
    fake_aml.advance(minutes=1)
    fake_aml.fail(run.name, message="ValueError: no such column")
    with pytest.raises(JobFailed, match="ValueError: no such column"):
        run.wait()
    (attempt,) = run.attempts
    assert attempt.started is not None
    assert attempt.ended is not None
    assert str(attempt.status) == "Failed"


def test_idle_nodes_of_a_cluster_are_seen(fake_aml: FakeAml, client: MLClient) -> None:
    """How many nodes it has, and whether it is resizing, decides when a job starts."""
    fake_aml.cluster("cpu", size="Standard_DS3_v2", max_nodes=2, nodes=1)
    asked = trained(client, compute="cpu")
    assert asked.starts == "now"
    assert any("idle" in reason for reason in asked.reasons)


def test_no_telemetry_from_a_notebook(fake_aml: FakeAml, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client of amlrun's own never turns on the process-wide monitor that the SDK's does in Jupyter."""
    from azure.ai.ml import MLClient

    kernel: Any = ModuleType("IPython")
    kernel.get_ipython = lambda: SimpleNamespace(config={"IPKernelApp": {}})
    monitor: Any = ModuleType("azure.monitor.opentelemetry")
    turned_on: list[Any] = []
    monitor.configure_azure_monitor = lambda **options: turned_on.append(options)
    monkeypatch.setitem(sys.modules, "IPython", kernel)
    monkeypatch.setitem(sys.modules, "azure.monitor.opentelemetry", monitor)
    make_client(wire_of(fake_aml.client()), "s", "g", "w")
    assert not turned_on
    MLClient(fake_aml.credential, "s", "g", "w")
    assert turned_on
