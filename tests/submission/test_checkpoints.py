"""Where checkpoints go: in the job as it leaves, in its next attempt, and in the plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.ml import command
from azure.ai.ml.sweep import Choice

from amlrun import InvalidRequest, Requeue, plan, submit
from tests.submission.runs import ENVIRONMENT, spot

if TYPE_CHECKING:
    from pathlib import Path

    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml

CHURN = "azureml://datastores/workspaceblobstore/paths/churn/"
QUICK: dict[str, Any] = {"preemptions": 1, "waits": (1,)}


def place(fake: FakeAml, name: str) -> str:
    """The folder for checkpoints of a job, as it left."""
    return str(fake.job(name).body["properties"]["outputs"]["amlrun_checkpoints"]["uri"])


def test_a_run_keeps_its_checkpoints_where_the_policy_says(fake_aml: FakeAml, client: MLClient) -> None:
    """Each run has a folder of its own there, each of its attempts the same; the plan names it."""
    policy = Requeue(checkpoint=CHURN, **QUICK)
    run, other = spot(client, requeue=policy), spot(client, requeue=policy)
    assert place(fake_aml, run.name) == f"{CHURN}{run.name}/"
    assert place(fake_aml, other.name) == f"{CHURN}{other.name}/"
    assert f"checkpoints: {CHURN}<name of the run>/" in run.plan.reasons
    fake_aml.advance(minutes=5)
    fake_aml.preempt(run.name)
    run.wait()
    assert run.attempt == 2
    assert place(fake_aml, run.attempts[1].name) == f"{CHURN}{run.name}/"


def test_an_older_runs_checkpoints_are_gone_on_from_only_where_that_is_said(
    fake_aml: FakeAml, client: MLClient
) -> None:
    """The very folder, and a warning: two that live at once would write into it together."""
    old = f"{CHURN}an-older-run/"
    run = spot(client, requeue=Requeue(checkpoint=old, checkpoint_as_is=True))
    assert place(fake_aml, run.name) == old
    assert any("no other run may be using it" in warning for warning in run.plan.warnings)
    assert not any("shared by all" in warning for warning in spot(client).plan.warnings)


def test_the_policy_wins_over_the_teams_datastore(
    fake_aml: FakeAml, client: MLClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the plan doesn't name a default that gave way."""
    rules = tmp_path / "amlrun.toml"
    rules.write_text("[defaults]\ncheckpoint_datastore = 'workspaceartifactstore'\n")
    monkeypatch.setenv("AMLRUN_CONFIG", str(rules))
    run = spot(client, requeue=Requeue(checkpoint=CHURN))
    assert place(fake_aml, run.name).startswith(CHURN)
    assert "checkpoint_datastore" not in str(run.plan.reasons)
    by_default = spot(client, requeue=Requeue())
    assert place(fake_aml, by_default.name).startswith("azureml://datastores/workspaceartifactstore/paths/")
    assert "checkpoint_datastore" in str(by_default.plan.reasons)


def test_what_has_no_place_for_checkpoints_takes_none(client: MLClient) -> None:
    """A sweep's trials would share one folder: said before anything is sent."""
    words = "python train.py --rate ${{inputs.rate}}"
    trial: Any = command(command=words, environment=ENVIRONMENT, inputs={"rate": 0.1})
    search = trial(rate=Choice([0.1, 0.2])).sweep(
        primary_metric="loss", goal="Minimize", sampling_algorithm="random"
    )
    search.set_limits(max_total_trials=2)
    for send in (plan, submit):
        with pytest.raises(InvalidRequest, match="a sweep has no place for checkpoints"):
            send(search, requeue=Requeue(checkpoint=CHURN), client=client)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("print('trained')", "python train.py"),
        ("from amlrun import checkpointing", "python train.py"),
        ("save(current().checkpoint_dir)", "python train.py"),
        ("print('trained')", "python train.py --output_dir $AMLRUN_CHECKPOINT_DIR"),
    ],
)
def test_long_spot_work_that_names_no_checkpoints_is_warned_about(
    client: MLClient, source: Path, script: str, words: str
) -> None:
    """Where neither the command nor the code does; of short work, and on standard nodes, nothing is said.

    Without a timeout it may be long.
    """
    (source / "train.py").write_text(script)
    (source / "weights.bin").write_bytes(b"\xff checkpoint_dir")

    def warned(**options: Any) -> bool:
        options = {"tier": "spot", "cpus": 4, "timeout": 7200, "requeue": Requeue(), **options}
        made = plan(words, code=source, environment=ENVIRONMENT, client=client, **options)
        return any("begin from the start" in warning for warning in made.warnings)

    unnamed = script == "print('trained')" and words == "python train.py"
    assert warned() == unnamed
    assert warned(timeout=None) == unnamed
    assert not warned(timeout=3600)
    assert not warned(tier="standard")
    assert not warned(requeue=False)  # which is warned about in other words
