"""The team's tags and clusters through the real client, and its rules over many jobs, steps and attempts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.ml import command, dsl

from amlrun import (
    Cluster,
    ComputeUnsuitable,
    InvalidRequest,
    NotConfigured,
    Plan,
    RequeueExhausted,
    Run,
    attach,
    default_compute,
    plan,
    submit,
    submit_many,
)
from amlrun.testing import Preempted
from tests.placement.teamfile import JOB, guard, sent, words, write

if TYPE_CHECKING:
    from pathlib import Path

    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml


pytestmark = pytest.mark.usefixtures("folder")
TAGS = "[defaults.tags]\nteam = 'churn'\ncost-center = 'C-7'\n"
REQUIRED = "[guard]\nrequired_tags = ['team', 'cost-center']\n"


def test_tags_by_default_are_on_every_attempt(fake_aml: FakeAml, client: MLClient, folder: Path) -> None:
    """But for those that the job or an argument says otherwise; a rule is kept by them."""
    write(folder, TAGS + REQUIRED)
    (folder / "job.yml").write_text(
        "command: echo\nenvironment: azureml:train:1\ntags: {team: own, other: x}\n"
    )
    fake_aml.inject(Preempted(), job="train")
    run = submit("job.yml", name="train", tags={"more": "y"}, cpus=4, tier="spot", client=client)
    assert "by default: tags = cost-center: C-7 (amlrun.toml, line 1)" in run.plan.reasons
    assert run.wait().attempt == 2
    assert [sent(fake_aml, name)["tags"] for name in fake_aml.jobs] == [
        {"team": "own", "other": "x", "cost-center": "C-7", "more": "y"}
    ] * 2
    said = submit("echo", tags={"team": "a", "cost-center": "b"}, client=client, **JOB)
    assert not [words for words in said.plan.reasons if "by default" in words]


def test_a_plan_is_sent_with_the_tags_of_its_time(fake_aml: FakeAml, client: MLClient, folder: Path) -> None:
    """Through JSON too; a rule of now is held against them."""
    write(folder, TAGS)
    planned = Plan.from_json(plan("echo", client=client, **JOB).to_json())
    write(folder, "[defaults]\ntags = { team = 'other' }\n" + REQUIRED)
    assert sent(fake_aml, submit(planned, client=client).name)["tags"] == {
        "team": "churn",
        "cost-center": "C-7",
    }
    guard(folder, "required_tags = ['owner']")
    with pytest.raises(InvalidRequest, match=r"tags: owner missing, refused by amlrun.toml, line 2"):
        submit(planned, client=client)


def test_a_rule_about_tags_that_was_laid_meanwhile_binds_the_next_attempt(
    fake_aml: FakeAml, client: MLClient, folder: Path
) -> None:
    """As one about its place does; taken back, the run goes on."""
    fake_aml.inject(Preempted(), job="train")
    run = submit("echo", name="train", cpus=4, tier="spot", client=client, **JOB)
    guard(folder, "required_tags = ['team']")
    with pytest.raises(RequeueExhausted) as caught:
        run.wait()
    assert "team missing, refused by amlrun.toml, line 2: required_tags has team" in words(caught)
    assert fake_aml.jobs == ("train",)
    write(folder, "")
    assert attach("train", client=client).wait().attempt == 2


def test_a_file_that_breaks_while_a_run_is_waited_for(
    fake_aml: FakeAml, client: MLClient, folder: Path
) -> None:
    """Nothing is sent under rules that can't be read; the run goes on when they can."""
    fake_aml.inject(Preempted(), job="train")
    run = submit("echo", name="train", cpus=4, tier="spot", client=client, **JOB)
    write(folder, "[guard\n")
    with pytest.raises(NotConfigured, match=r"amlrun.toml, line 1: not TOML"):
        run.wait()
    assert fake_aml.jobs == ("train",)
    write(folder, "")
    assert run.wait().attempt == 2


CLUSTERS = "[clusters.gpu-nodes]\nsize = 'Standard_NC4as_T4_v3'\nmax = 2\n"


def test_a_cluster_of_the_team_is_made_where_a_job_names_it(
    fake_aml: FakeAml, client: MLClient, folder: Path
) -> None:
    """With the settings of the file, once; the next job finds it."""
    write(folder, CLUSTERS + "[defaults]\ncompute = 'GPU-nodes'\n")
    run = submit("echo", gpus=1, client=client, **JOB)
    assert (run.plan.compute.lower(), run.plan.creates) == (
        "gpu-nodes",
        Cluster("gpu-nodes", size="Standard_NC4as_T4_v3", max=2),
    )
    made = client.compute.get("gpu-nodes")
    assert (made.size.lower(), made.max_instances) == ("standard_nc4as_t4_v3", 2)
    assert submit("echo", gpus=1, compute="gpu-nodes", client=client, **JOB).plan.creates is None
    assert len(fake_aml.calls.of("PUT /computes/{name}")) == 1


def test_one_that_is_there_and_another_is_told(fake_aml: FakeAml, client: MLClient, folder: Path) -> None:
    """Of a name that the team has agreed on, the settings count."""
    fake_aml.cluster("gpu-nodes", size="Standard_NC8as_T4_v3", max_nodes=2)
    write(folder, CLUSTERS)
    with pytest.raises(ComputeUnsuitable, match="Standard_NC4as_T4_v3 asked for") as caught:
        plan("echo", compute="gpu-nodes", client=client, **JOB)
    assert "amlrun.toml, line 1 gives the settings: change them there" in words(caught)
    own = Cluster("gpu-nodes", size="Standard_NC8as_T4_v3")
    assert plan("echo", compute=own, client=client, **JOB).compute == "gpu-nodes"
    with pytest.raises(ComputeUnsuitable, match="Use it as it is"):
        plan("echo", compute=Cluster("gpu-nodes", max=4), client=client, **JOB)


def steps() -> Any:
    """A pipeline of two steps."""

    @dsl.pipeline
    def both() -> None:
        command(name="one", command="echo", environment="azureml:train:1")()
        command(name="two", command="echo", environment="azureml:train:1", instance_count=2)()

    return both()


def test_rules_bind_each_step_of_a_pipeline(fake_aml: FakeAml, client: MLClient, folder: Path) -> None:
    """Its computes, nodes and price; a cluster of the team for each that names it; tags on the pipeline."""
    write(folder, f"{TAGS}{CLUSTERS}[guard]\nmost_nodes = 2\nallowed_computes = ['gpu-nodes']\n")
    planned = plan(steps(), client=client)
    assert [(step.plan.compute, step.plan.creates is not None) for step in planned.steps] == [
        ("gpu-nodes", True)
    ] * 2
    run = submit(steps(), client=client)
    assert sent(fake_aml, run.name)["tags"] == {"team": "churn", "cost-center": "C-7"}
    guard(folder, "most_nodes = 1")
    with pytest.raises(InvalidRequest, match=r"instance_count=2: refused by amlrun.toml, line 2"):
        plan(steps(), client=client)


def test_rules_bind_each_of_many(fake_aml: FakeAml, client: MLClient, folder: Path) -> None:
    """The one that keeps them is sent."""
    guard(folder, "required_tags = ['team']")
    tagged = command(command="echo", environment="azureml:train:1", tags={"team": "churn"})
    refused, run = submit_many(["echo", tagged], client=client, **JOB)
    assert isinstance(refused, InvalidRequest)
    assert "amlrun.toml, line 2" in refused.message
    assert isinstance(run, Run)
    assert fake_aml.jobs == (run.name,)


def test_the_compute_of_a_pipeline_needs_no_tags(fake_aml: FakeAml, client: MLClient, folder: Path) -> None:
    """It is a place and no job; rules about places bind it."""
    fake_aml.cluster("cpu", size="Standard_DS3_v2", max_nodes=2)
    write(folder, "[guard]\nrequired_tags = ['team']\nallowed_computes = ['cpu']\n")
    assert default_compute(client=client) == "cpu"
    with pytest.raises(ComputeUnsuitable, match=r"allowed_computes = cpu \(amlrun.toml, line 3\)"):
        default_compute(client=client, gpus=1)
