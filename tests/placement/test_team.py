"""The defaults of `amlrun.toml` through the real client: they reach the body, where nobody says else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from amlrun import ComputeNotFound, NoQuota, NotConfigured, Plan, plan, submit
from amlrun._workspace import workspace_of
from tests.placement.teamfile import JOB, guard, sent, write

if TYPE_CHECKING:
    from pathlib import Path

    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml


pytestmark = pytest.mark.usefixtures("folder")


def test_the_defaults_reach_the_body(fake_aml: FakeAml, client: MLClient, folder: Path) -> None:
    """Experiment, tier, timeout, identity, the place of checkpoints; the plan says whose wish it was."""
    write(
        folder,
        "[defaults]\nexperiment = 'churn'\ntier = 'spot'\ntimeout = 3600\nidentity = 'user'\n"
        "checkpoint_datastore = 'workspaceartifactstore'\n",
    )
    run = submit("python train.py", gpus=1, client=client, **JOB)
    body = sent(fake_aml, run.name)
    assert body["experimentName"] == "churn"
    assert body["queueSettings"] == {"jobTier": "Spot"}
    assert body["limits"]["timeout"] == "PT3600S"
    assert body["identity"] == {"identityType": "UserIdentity"}
    uri = body["outputs"]["amlrun_checkpoints"]["uri"]
    assert uri == f"azureml://datastores/workspaceartifactstore/paths/amlrun/{run.name}/"
    (told,) = [reason for reason in run.plan.reasons if reason.startswith("by default: ")]
    assert "tier = spot (amlrun.toml, line 3)" in told
    assert "checkpoint_datastore = workspaceartifactstore (amlrun.toml, line 6)" in told


def test_arguments_and_the_job_win_over_defaults(fake_aml: FakeAml, client: MLClient, folder: Path) -> None:
    """A default is for what nobody says; the plan doesn't name those that gave way."""
    write(folder, "[defaults]\nexperiment = 'churn'\ntier = 'spot'\ntimeout = 3600\ncompute = 'gpu'\n")
    (folder / "job.yml").write_text(
        "command: echo\nenvironment: azureml:train:1\nexperiment_name: own\nlimits: {timeout: 60}\n"
    )
    run = submit("job.yml", tier="standard", compute="serverless", client=client)
    body = sent(fake_aml, run.name)
    assert (body["experimentName"], body["queueSettings"]) == ("own", {"jobTier": "Standard"})
    assert (body["limits"]["timeout"], "computeId" in body) == ("PT60S", False)
    assert not any("by default" in reason for reason in run.plan.reasons)


def test_computes_by_default(fake_aml: FakeAml, client: MLClient, folder: Path) -> None:
    """They stand for compute=; a default tier is serverless's, for a cluster's tier is its own."""
    fake_aml.cluster("gpu", size="Standard_NC4as_T4_v3", max_nodes=2)
    write(folder, "[defaults]\ntier = 'spot'\ncompute = ['gpu', 'serverless']\n")
    chosen = plan("echo", client=client, **JOB)
    assert (chosen.compute, chosen.tier) == ("gpu", "standard")
    assert "by default: compute = gpu, serverless (amlrun.toml, line 3)" in chosen.reasons
    assert "gpu has GPUs, and none was asked for: they stay idle, at 0.53 USD an hour" in chosen.warnings
    for asked in ({"gpus": 1}, {"compute": "gpu"}, {"compute": "serverless"}):
        assert not any("idle" in warning for warning in plan("echo", client=client, **asked, **JOB).warnings)
    elsewhere = plan("echo", memory_gb=50, gpus=1, client=client, **JOB)
    assert (elsewhere.compute, elsewhere.tier) == ("serverless", "spot")
    (told,) = [reason for reason in elsewhere.reasons if reason.startswith("by default: ")]
    assert "tier = spot (amlrun.toml, line 2)" in told


def test_a_default_tier_binds_what_stands_in(fake_aml: FakeAml, client: MLClient, folder: Path) -> None:
    """No dedicated node is taken for spot, nobody having named one; and the default is told of."""
    write(folder, "[defaults]\ntier = 'spot'\n")
    fake_aml.cluster("dedicated", size="Standard_NC4as_T4_v3", min_nodes=1)
    fake_aml.kubernetes("arc")
    fake_aml.cluster("taken-away", size="Standard_NC4as_T4_v3", min_nodes=1, tier="spot")
    fake_aml.quota("TotalLowPriorityCores", limit=0)
    chosen = plan("echo", gpus=1, client=client, **JOB)
    assert (chosen.compute, chosen.tier) == ("taken-away", "spot")
    assert "by default: tier = spot (amlrun.toml, line 2)" in chosen.reasons
    client.compute.begin_delete("taken-away").result()
    fake_aml.advance(minutes=1)
    with pytest.raises(NoQuota, match=r"By default: tier = spot \(amlrun.toml, line 2\)"):
        plan("echo", gpus=1, client=client, **JOB)
    assert plan("echo", gpus=1, compute="dedicated", client=client, **JOB).compute == "dedicated"


def test_a_default_that_cannot_be_is_told_with_its_line(client: MLClient, folder: Path) -> None:
    """The user never typed that name: the refusal says where it stands."""
    write(folder, "[defaults]\n\ncompute = 'gone'\n")
    with pytest.raises(
        ComputeNotFound, match=r"By default: compute = gone \(amlrun.toml, line 3\)"
    ) as caught:
        plan("echo", client=client, **JOB)
    assert "By default" in caught.value.hint


def test_a_plan_is_sent_with_the_defaults_that_it_was_made_with(
    fake_aml: FakeAml, client: MLClient, folder: Path
) -> None:
    """Through JSON too, whatever the file says by then."""
    write(folder, "[defaults]\nexperiment = 'one'\ntier = 'spot'\n")
    planned = plan("echo", gpus=1, client=client, **JOB)
    write(folder, "[defaults]\nexperiment = 'two'\nidentity = 'user'\ntimeout = 60\n")
    run = submit(Plan.from_json(planned.to_json()), client=client)
    body = sent(fake_aml, run.name)
    assert (body["experimentName"], body["queueSettings"]) == ("one", {"jobTier": "Spot"})
    assert "limits" not in body or body["limits"].get("timeout") is None
    assert body.get("identity") is None
    assert (
        "by default: experiment = one (amlrun.toml, line 2); tier = spot (amlrun.toml, line 3)"
        in run.plan.reasons
    )


def test_a_broken_file_stops_everything(fake_aml: FakeAml, client: MLClient, folder: Path) -> None:
    """Rules that can't be read are not taken for none."""
    guard(folder, "most_node = 2")
    with pytest.raises(NotConfigured, match=r"amlrun.toml, line 2: there is no most_node in \[guard\]"):
        submit("echo", client=client, **JOB)
    assert list(fake_aml.calls) == []


def test_the_workspace_of_the_team(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stands between what the environment says and a config.json."""
    (folder / "config.json").write_text(
        '{"subscription_id": "s", "resource_group": "g", "workspace_name": "file"}'
    )
    assert workspace_of(None).scope.workspace == "file"
    write(folder, "[defaults]\nworkspace = 's/g/team'\n")
    assert workspace_of(None).scope.workspace == "team"
    monkeypatch.setenv("AMLRUN_WORKSPACE", "s/g/variable")
    assert workspace_of(None).scope.workspace == "variable"
    monkeypatch.delenv("AMLRUN_WORKSPACE")
    write(folder, "[defaults]\nworkspace = 'team'\n")
    with pytest.raises(NotConfigured, match=r"amlrun.toml, line 2: 'team' is not a workspace"):
        workspace_of(None)
