"""Plans of pipelines: made of entities and of files, without sending; held to a team's rules; sent again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from azure.ai.ml import Input, automl, command, dsl, load_component
from azure.ai.ml.entities import JobResourceConfiguration
from azure.ai.ml.parallel import RunFunction, parallel_run_function
from azure.ai.ml.sweep import Uniform

import amlrun
from amlrun import (
    Cluster,
    InvalidRequest,
    Needs,
    NotEnoughQuota,
    PlanOutdated,
    RequeueExhausted,
    plan,
    submit,
)
from amlrun._plan import Plan

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml

ENVIRONMENT = "azureml:train:1"
decorated: Any = dsl.pipeline
T4, DS3, DS4 = "Standard_NC4as_T4_v3", "Standard_DS3_v2", "Standard_DS4_v2"
T4_FAMILY = "Standard NCASv3_T4 Family"
EXAMPLES = Path(__file__).parents[2].parent / "shared" / "data" / "jobs"
FILE = f"""
type: pipeline
jobs:
  prep: {{command: python -V, environment: {ENVIRONMENT}}}
  train:
    command: python -V
    environment: {ENVIRONMENT}
    resources: {{instance_type: {T4}, instance_count: 2}}
"""


@pytest.fixture
def job_file(tmp_path: Path) -> Path:
    """A pipeline of two steps, one of which says its size."""
    path = tmp_path / "job.yml"
    path.write_text(FILE)
    return path


def runs(**options: Any) -> Any:
    """A command, to be a step."""
    return command(command="python -V", environment=ENVIRONMENT, **options)


def scores() -> Any:
    """A parallel job, to be a step."""
    return parallel_run_function(
        inputs={"rows": Input(type="uri_folder", path="azureml://datastores/workspaceblobstore/paths/rows/")},
        input_data="${{inputs.rows}}",
        mini_batch_size="1",
        instance_count=2,
        task=RunFunction(code="src", entry_script="train.py", environment=ENVIRONMENT),
    )


def pipeline(compute: str | None = "serverless") -> Any:
    """A pipeline of every kind of step, one of them in a nested pipeline."""
    clean, train, score = runs(), runs(instance_count=2, instance_type=T4, distribution=None), scores()
    tried = command(
        command="python -V ${{inputs.lr}}", environment=ENVIRONMENT, inputs={"lr": 0.1}, instance_type=DS4
    )

    def clean_up() -> None:
        step = clean()
        step.name = "clean"

    prep = decorated()(clean_up)

    def whole() -> None:
        nested = prep()
        nested.name = "prep"
        step = train()
        step.name = "train"
        step.queue_settings = {"job_tier": "spot"}
        searched = tried(lr=Uniform(0.0, 1.0)).sweep(
            primary_metric="loss", goal="minimize", sampling_algorithm="random"
        )
        searched.set_limits(max_total_trials=4, max_concurrent_trials=2)
        searched.name = "search"
        rows = score()
        rows.name = "score"
        rows.compute = "cpu"
        learned = automl.classification(
            training_data=Input(type="mltable", path="azureml://datastores/workspaceblobstore/paths/t/"),
            target_column_name="y",
            primary_metric="accuracy",
        )
        learned.set_limits(max_trials=3, max_concurrent_trials=3)
        learned.name = "auto"

    return decorated(default_compute=compute)(whole)()


@pytest.mark.usefixtures("source")
def test_every_kind_of_step_of_an_entity_is_planned(fake_aml: FakeAml, client: MLClient) -> None:
    """With what it says itself; nothing is sent, and the caller's object stays as it is."""
    fake_aml.cluster("cpu")
    job = pipeline()
    before = str(job)
    made = plan(job, client=client)
    assert [
        (step.path, str(step.type), step.plan.compute, step.plan.instance_type) for step in made.steps
    ] == [
        ("prep.clean", "Command", "serverless", DS3),
        ("train", "Command", "serverless", T4),
        ("search", "Sweep", "serverless", DS4),
        ("score", "Parallel", "cpu", DS3),
        ("auto", "AutoML", "serverless", DS3),
    ]
    assert [leaf.instance_count for leaf in made.leaves] == [1, 2, 1, 2, 3]
    assert [leaf.tier for leaf in made.leaves] == ["standard", "spot", *["standard"] * 3]
    assert not fake_aml.jobs
    assert {call.method for call in fake_aml.calls} == {"GET"}
    assert str(job) == before
    assert plan(job, client=client) == made


def test_needs_are_said_by_step(fake_aml: FakeAml, client: MLClient, job_file: Path) -> None:
    """The others have what all need; a step's own size gives way to what `needs` says of it."""
    made = plan(job_file, needs={"train": Needs(gpus=1, cpus=6)}, cpus=8, client=client)
    prep, train = made.leaves
    assert (prep.instance_type, prep.instance_count) == (DS4, 1)
    assert train.size is not None
    assert (train.size.gpus, train.instance_count) == (1, 2)
    assert train.instance_type != T4
    with pytest.raises(InvalidRequest, match="no step 'trian'") as caught:
        plan(job_file, needs={"trian": Needs(gpus=1)}, client=client)
    assert caught.value.hint == "Its steps: prep, train."
    assert not fake_aml.jobs


def test_needs_reach_the_steps_of_a_component(tmp_path: Path, fake_aml: FakeAml, client: MLClient) -> None:
    """A pipeline component that is loaded, by the names of both."""
    (tmp_path / "part.yml").write_text(
        "$schema: https://azuremlschemas.azureedge.net/latest/pipelineComponent.schema.json\n"
        f"type: pipeline\nname: part\njobs:\n  clean: {{command: python -V, environment: {ENVIRONMENT}}}\n"
        f"  load: {{command: python -V, environment: {ENVIRONMENT}}}\n"
    )
    part = load_component(tmp_path / "part.yml")

    def whole() -> None:
        step = part()
        step.name = "prep"

    made = plan(
        decorated()(whole)(), needs={"prep": Needs(cpus=8), "prep.load": Needs(gpus=1)}, client=client
    )
    assert [(step.path, step.plan.instance_type) for step in made.steps] == [
        ("prep.clean", DS4),
        ("prep.load", T4),
    ]
    assert not fake_aml.jobs


def test_settings_that_were_made_up_later_are_read(fake_aml: FakeAml, client: MLClient) -> None:
    """Resources, tier and compute that a pipeline's function puts on its steps, in any spelling."""
    fake_aml.cluster("cpu")
    runner = runs()

    def whole() -> None:
        one = runner()
        one.name, one.compute = "one", "azureml:Serverless"
        one.resources = JobResourceConfiguration(instance_type=T4.lower(), instance_count=2)
        one.queue_settings = {"job_tier": "Spot"}
        two = runner()
        two.name, two.compute = "two", "cpu"

    job = decorated()(whole)()
    job.settings.default_compute = "azureml:serverless"
    one, two = plan(job, client=client).leaves
    assert (one.compute, one.instance_type, one.instance_count, one.tier) == ("serverless", T4, 2, "spot")
    assert two.compute == "cpu"


def test_steps_share_one_look(fake_aml: FakeAml, client: MLClient, job_file: Path) -> None:
    """However many they are: a pipeline asks as much as one job does."""
    plan("python -V", environment=ENVIRONMENT, client=client)
    alone = len(fake_aml.calls)
    with amlrun.testing.FakeAml() as other:
        plan(job_file, client=other.client())
        assert len(other.calls) == alone


def test_a_refusal_says_which_step(fake_aml: FakeAml, client: MLClient, job_file: Path) -> None:
    """With the figures, the way out, and what the step says itself; nothing was sent."""
    fake_aml.quota(T4_FAMILY, limit=4)
    with pytest.raises(NotEnoughQuota) as caught:
        submit(job_file, client=client)
    assert caught.value.message.startswith("The step train: ")
    assert (caught.value.needed, caught.value.limit) == (8, 4)
    assert f"instance_type='{T4}' ({job_file}: jobs.train.resources.instance_type)" in caught.value.hint
    assert not fake_aml.jobs
    assert {call.method for call in fake_aml.calls} == {"GET"}


def test_a_teams_rules_bind_each_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client: MLClient, job_file: Path
) -> None:
    """Sizes that are denied, and the most nodes of each, by the file's line."""
    rules = tmp_path / "amlrun.toml"
    monkeypatch.setenv("AMLRUN_CONFIG", str(rules))
    rules.write_text('[guard]\ndenied_sizes = ["NC*"]\n')
    with pytest.raises(amlrun.AmlrunError) as caught:
        plan(job_file, client=client)
    assert caught.value.message.startswith("The step train: ")
    assert "denied_sizes" in caught.value.message
    rules.write_text("[guard]\nmost_nodes = 1\n")
    with pytest.raises(InvalidRequest, match=r"^The step train: instance_count=2: refused by .*, line 2"):
        plan(job_file, client=client)
    rules.write_text('[defaults]\ntier = "spot"\ntimeout = 60\n')
    made = plan(job_file, client=client)
    assert [(leaf.tier, leaf.timeout) for leaf in made.leaves] == [("spot", None)] * 2
    assert any("tier = spot" in reason for reason in made.reasons)


def test_a_plan_of_steps_is_sent_as_it_is(fake_aml: FakeAml, client: MLClient, job_file: Path) -> None:
    """Through JSON too; one that somebody changed isn't."""
    made = Plan.from_json(plan(job_file, client=client).to_json())
    prep, train = made.steps
    more = attrs.evolve(train, plan=attrs.evolve(train.plan, instance_count=3))
    for changed in ((prep, more), (prep,), (train, prep)):
        with pytest.raises(InvalidRequest):
            submit(attrs.evolve(made, steps=changed), client=client)
    assert not fake_aml.jobs
    run = submit(made, client=client)
    assert [leaf.instance_type for leaf in run.plan.leaves] == [DS3, T4]


def test_each_step_goes_where_it_was_planned(fake_aml: FakeAml, client: MLClient, job_file: Path) -> None:
    """Also where something cheaper can be had by now."""
    fake_aml.quota(T4_FAMILY, limit=0)
    fake_aml.quota("standardNCSv3Family", limit=24)
    made = plan(job_file, needs={"train": Needs(gpus=1)}, client=client)
    size = made.leaves[1].instance_type
    fake_aml.quota(T4_FAMILY, limit=16)
    assert size not in {None, T4}
    assert submit(made, client=client).plan.leaves[1].instance_type == size
    again = plan(job_file, needs={"train": Needs(gpus=1)}, client=client)
    assert again.leaves[1].instance_type == T4


def test_a_plan_is_outdated_where_one_step_is(fake_aml: FakeAml, client: MLClient, job_file: Path) -> None:
    """It says which, with both plans of it; the plan of now can be sent."""
    made = plan(job_file, client=client)
    fake_aml.quota(T4_FAMILY, limit=16, used=12)
    with pytest.raises(
        PlanOutdated, match="train: it would have started at once, and must wait now"
    ) as caught:
        submit(made, client=client)
    assert [line.split()[:2] for line in caught.value.message.splitlines()[1:]] == [
        ["planned", "train"],
        ["now", "train"],
    ]
    assert not fake_aml.jobs
    assert [leaf.starts for leaf in submit(caught.value.plan, client=client).plan.leaves] == ["now", "queued"]


def test_a_component_that_changed_since_is_another_pipeline(
    tmp_path: Path, client: MLClient, job_file: Path
) -> None:
    """Its file is a part of what was planned."""
    part = tmp_path / "part.yml"
    part.write_text(f"type: command\ncommand: python -V\nenvironment: {ENVIRONMENT}\n")
    job_file.write_text(f"{FILE}  more: {{component: ./part.yml}}\n")
    made = plan(job_file, client=client)
    part.write_text(part.read_text().replace("-V", "-VV"))
    with pytest.raises(InvalidRequest, match="has changed since"):
        submit(made, client=client)


def test_pipelines_that_were_sent_count(fake_aml: FakeAml, client: MLClient, job_file: Path) -> None:
    """Their largest step does, from when they were sent: the next one sees what is left."""
    fake_aml.quota(T4_FAMILY, limit=16)
    for _ in range(2):
        assert submit(job_file, client=client).plan.starts == "now"
    assert plan(job_file, client=client).leaves[1].starts == "queued"


def test_default_compute_is_a_place_for_a_pipeline(fake_aml: FakeAml, client: MLClient) -> None:
    """Serverless; a cluster where serverless can't; its needs are those of nodes, and nothing else."""
    assert amlrun.default_compute(client=client, gpus=1) == "serverless"
    made = plan(pipeline_on(amlrun.default_compute(client=client)), gpus=1, client=client)
    assert [leaf.instance_type for leaf in made.leaves] == [T4]
    fake_aml.cluster("gpu", size=T4, nodes=1)
    fake_aml.quota(T4_FAMILY, limit=0)
    fake_aml.advance(seconds=40)
    assert amlrun.default_compute(client=client, instance_type=T4) == "gpu"
    with pytest.raises(InvalidRequest, match="no argument compute: default_compute") as caught:
        amlrun.default_compute(client=client, compute="x")  # type: ignore[call-arg]
    assert caught.value.hint == (
        "There are: client, instance_type, instance_count, tier, cpus, memory_gb, gpus, gpu, needs."
    )
    assert {call.method for call in fake_aml.calls} == {"GET"}


def pipeline_on(compute: str) -> Any:
    """One step, on this compute."""
    runner = runs()

    def whole() -> None:
        runner()

    return decorated(default_compute=compute)(whole)()


def test_no_file_needs_the_sdk_to_be_planned(job_file: Path) -> None:
    """Nor its components: `azure.ai.ml` is not imported."""
    program = f"""
import sys
from pathlib import Path
from amlrun._asking.given import Arguments
from amlrun._asking.request import parse
from amlrun.testing import FakeAml
steps = parse(Path({str(job_file)!r}), Arguments()).steps
assert [step.path for step in steps] == ["prep", "train"]
sys.exit(any(name.startswith("azure.ai.ml") for name in sys.modules))
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.skipif(not EXAMPLES.is_dir(), reason="the example job files are not beside this checkout")
@pytest.mark.parametrize("name", [path.name for path in sorted(EXAMPLES.glob("hello-pipeline*.yml"))])
def test_every_published_example_is_planned(fake_aml: FakeAml, client: MLClient, name: str) -> None:
    """Where it says: on serverless, or on its cluster; with nothing sent."""
    fake_aml.cluster("cpu-cluster")
    made = plan(EXAMPLES / name, client=client)
    assert made.compute == ("serverless" if "serverless" in name else "cpu-cluster")
    assert all(leaf.instance_type == DS3 for leaf in made.leaves)
    assert not fake_aml.jobs


def test_a_pipeline_is_followed_by_another_only_where_that_was_said(
    fake_aml: FakeAml, client: MLClient, job_file: Path
) -> None:
    """The next attempt has the same steps in the same places; what it cost is told step by step."""
    unsaid = submit(job_file, tier="spot", client=client)
    assert not unsaid.plan.requeued
    run = submit(job_file, tier="spot", requeue=amlrun.Requeue(waits=(1,)), client=client)
    assert run.plan.requeued
    fake_aml.fail(run.name, code="ServiceError", message="the platform failed")
    again = amlrun.attach(run.name, client=client).wait()
    assert (again.status, again.attempt) == ("Completed", 2)
    first, second = (fake_aml.job(one.name).body["properties"]["jobs"] for one in again.attempts)
    for name in ("prep", "train"):
        for part in ("computeId", "resources", "queue_settings"):
            assert first[name][part] == second[name][part]
    assert [leaf.instance_type for leaf in again.plan.leaves] == [DS3, T4]
    assert [part.name for part in again.cost().attempts[-1].parts] == ["prep", "train"]


def test_rules_bind_the_steps_of_every_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake_aml: FakeAml, client: MLClient, job_file: Path
) -> None:
    """Also those that were laid after the first one."""
    run = submit(job_file, requeue=amlrun.Requeue(waits=(1,)), client=client)
    fake_aml.fail(run.name, code="ServiceError", message="the platform failed")
    rules = tmp_path / "amlrun.toml"
    rules.write_text('[guard]\ndenied_sizes = ["NC*"]\n')
    monkeypatch.setenv("AMLRUN_CONFIG", str(rules))
    with pytest.raises(RequeueExhausted, match=rf"no further attempt, for its place \({T4}\) is refused by"):
        run.wait()


def test_a_cluster_that_steps_need_is_made_once(fake_aml: FakeAml, client: MLClient, job_file: Path) -> None:
    """Before any of them is sent there."""
    run = submit(job_file, compute=Cluster("gpu", size=T4, max=3), client=client)
    assert [leaf.compute for leaf in run.plan.leaves] == ["gpu", "gpu"]
    made = [call for call in fake_aml.calls if call.method == "PUT" and call.path.endswith("/computes/gpu")]
    assert len(made) == 1


def test_steps_that_need_one_cluster_in_two_forms_are_refused(
    fake_aml: FakeAml, client: MLClient, job_file: Path
) -> None:
    """Before it is made in the first of them."""
    with pytest.raises(InvalidRequest, match="steps would make gpu as another cluster each: ") as caught:
        submit(job_file, compute=Cluster("gpu", max=2), needs={"train": Needs(gpus=1)}, client=client)
    assert "Cluster('gpu', size=…)" in caught.value.hint
    assert {call.method for call in fake_aml.calls} == {"GET"}
