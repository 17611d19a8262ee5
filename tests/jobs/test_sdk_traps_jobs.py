"""What `azure-ai-ml` loses or misspells of a job on its way, and what leaves when amlrun sends it.

Each row of docs/azure-ai-ml.md names its test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
from azure.ai.ml import Input, Output, command, dsl
from azure.ai.ml.entities import Environment, JobResourceConfiguration, QueueSettings
from azure.ai.ml.sweep import Choice

from amlrun import ComputeNotFound, InvalidRequest, Run, plan, submit, submit_many
from tests.jobs.every import ENVIRONMENT, named, searching, tabular, trained
from tests.testing.kinds import plain

if TYPE_CHECKING:
    from pathlib import Path

    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml

SIZE = "Standard_DS3_v2"


def sent(fake: FakeAml, run: Run) -> dict[str, Any]:
    """The body of the job's PUT, as it arrived."""
    return dict(fake.job(run.name).body["properties"])


def in_a_pipeline(*nodes: Any, **settings: Any) -> Any:
    """A pipeline of these builders' nodes, `n0`, `n1`, …."""

    def steps() -> None:
        for number, node in enumerate(nodes):
            named(node(), f"n{number}")

    made: Any = dsl.pipeline(**settings)
    return made(plain(steps))()


def test_automl_leaves_with_its_resources_in_the_services_names(fake_aml: FakeAml, client: MLClient) -> None:
    """Not as `instance_count` and `job_tier`, which the service doesn't know: said by the job itself."""
    job = tabular("regression", "r2_score")
    job.resources = JobResourceConfiguration(instance_type=SIZE, instance_count=2)
    job.queue_settings = QueueSettings(job_tier="spot")
    body = sent(fake_aml, submit(job, client=client))
    assert body["resources"] == {"instanceType": SIZE, "instanceCount": 2}
    assert body["queueSettings"] == {"jobTier": "Spot"}


def test_a_fetched_job_is_refused_and_a_run_goes_on_all_the_same(fake_aml: FakeAml, client: MLClient) -> None:
    """The SDK would send nothing for it, or the old run's outputs; amlrun never starts from a fetched job."""
    run = submit("python train.py", environment=ENVIRONMENT, cpus=4, tier="spot", client=client)
    with pytest.raises(InvalidRequest, match="is a run that was fetched"):
        submit(client.jobs.get(run.name), client=client)
    fake_aml.advance(minutes=1)
    fake_aml.preempt(run.name)
    run.wait()
    assert (run.attempt, run.status) == (2, "Completed")
    first, second = (fake_aml.job(one.name).body["properties"] for one in run.attempts)
    assert set(second.get("services") or {}) == set(first.get("services") or {})
    assert set(second["outputs"]) == set(first["outputs"]) == {"amlrun_checkpoints"}


def test_a_job_can_be_submitted_again(fake_aml: FakeAml, client: MLClient) -> None:
    """It stays as it was: environment and compute don't become those of a workspace."""
    fake_aml.cluster("cpu")
    job = trained(compute="cpu")
    said = (job.environment, job.compute, job.name)
    first, second = submit(job, client=client), submit(job, client=client)
    assert (job.environment, job.compute, job.name) == said
    assert first.name != second.name
    assert sent(fake_aml, first)["computeId"] == sent(fake_aml, second)["computeId"]


@pytest.mark.parametrize("how", ["argument", "dictionary"])
def test_a_sweep_has_its_tier(fake_aml: FakeAml, client: MLClient, how: str) -> None:
    """Said to `submit`, or as a dictionary of queue settings, with which the SDK breaks."""
    job = searching()
    if how == "dictionary":
        job.queue_settings = {"job_tier": "spot"}
    run = submit(job, instance_type=SIZE, tier="spot" if how == "argument" else None, client=client)
    assert sent(fake_aml, run)["queueSettings"] == {"jobTier": "Spot"}


def test_a_sweep_without_a_tier_says_so(client: MLClient) -> None:
    """One said to `sweep()` is dropped before anybody could see it."""
    tried = command(command="echo ${{inputs.lr}}", environment=ENVIRONMENT, inputs={"lr": 0.1})
    job = tried(lr=Choice([0.1, 0.2])).sweep(
        primary_metric="m", goal="maximize", sampling_algorithm="random", job_tier="spot"
    )
    job.set_limits(max_total_trials=2)
    told = [words for words in plan(job, client=client).warnings if "sweep(job_tier=…)" in words]
    assert len(told) == 1
    assert "tier=…" in told[0]
    for tier in ("spot", "standard"):
        assert "job_tier" not in str(plan(job, tier=tier, client=client).warnings)


def test_tiers_are_spelt_as_the_service_does(fake_aml: FakeAml, client: MLClient) -> None:
    """In a pipeline, too: of sweeps and AutoML they leave as they were typed."""
    rates = command(command="echo ${{inputs.lr}}", environment=ENVIRONMENT, inputs={"lr": 0.1})

    def sweep() -> Any:
        node = rates(lr=Choice([0.1, 0.2])).sweep(
            primary_metric="m", goal="maximize", sampling_algorithm="random"
        )
        node.set_limits(max_total_trials=2)
        return node

    pipeline = in_a_pipeline(trained(), sweep, lambda: tabular("classification", "accuracy"))
    run = submit(pipeline, instance_type=SIZE, tier="SPOT", client=client)
    nodes = sent(fake_aml, run)["jobs"]
    assert [one["queue_settings"]["job_tier"] for one in nodes.values()] == ["Spot"] * 3


def test_a_sweep_made_of_a_command_keeps_what_it_says(fake_aml: FakeAml, client: MLClient) -> None:
    """Experiment and time-out hold as arguments, the description stays; a node's identity is refused."""
    job = searching(description="which rate is best")
    run = submit(job, experiment_name="rates", timeout=120, client=client)
    body = sent(fake_aml, run)
    assert body["description"] == "which rate is best"
    assert body["experimentName"] == "rates"
    assert body["limits"]["timeout"] == "PT120S"
    with pytest.raises(InvalidRequest, match="identity"):
        submit(in_a_pipeline(searching), identity="user", client=client)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"command": "echo ${{inputs.missing}}"}, "missing"),
        ({"instance_count": -1}, "instance_count"),
        ({"instance_type": "Standard_Nothing"}, "Standard_Nothing"),
    ],
)
def test_a_command_that_can_never_run_is_refused(
    fake_aml: FakeAml, client: MLClient, options: dict[str, Any], word: str
) -> None:
    """`jobs.validate` lets these pass; here a plan is refused already."""
    job = command(**{"command": "ls", "environment": ENVIRONMENT, **options})
    for call in (plan, submit):
        with pytest.raises(InvalidRequest, match=word):
            call(job, client=client)
    assert not fake_aml.jobs


def test_a_compute_that_is_not_there_is_refused(fake_aml: FakeAml, client: MLClient) -> None:
    """Names are checked, here and in a pipeline."""
    for job in (trained(compute="nothing"), in_a_pipeline(trained(), default_compute="nothing")):
        with pytest.raises(ComputeNotFound, match="nothing"):
            submit(job, client=client)
    assert not fake_aml.jobs


def test_a_list_of_docker_arguments_loses_nothing(fake_aml: FakeAml, client: MLClient) -> None:
    """Places and the most nodes of elastic training leave beside it."""
    job = trained(docker_args=["--ipc=host"], locations=["westus"], instance_count=2, instance_type=SIZE)
    job.resources.max_instance_count = 4
    resources = sent(fake_aml, submit(job, client=client))["resources"]
    assert resources["dockerArgsList"] == ["--ipc=host"]
    assert resources["locations"] == ["westus"]
    assert resources["maxInstanceCount"] == 4


def test_a_sweep_and_a_step_lose_nothing_either(fake_aml: FakeAml, client: MLClient) -> None:
    """Beside a list of `docker_args`, which a step's body has no name for: it leaves there as a text."""
    options: dict[str, Any] = {"docker_args": ["--ipc=host", "-v=/a b"], "locations": ["westus"]}
    body = sent(fake_aml, submit(searching(**options), instance_type=SIZE, client=client))
    for part in (body, body["trial"]):
        assert part["resources"]["dockerArgsList"] == options["docker_args"]
        assert part["resources"]["locations"] == ["westus"]
    made = trained(instance_count=2, instance_type=SIZE, **options)
    made.resources.max_instance_count = 4
    node = sent(fake_aml, submit(in_a_pipeline(made), client=client))["jobs"]["n0"]
    assert node["resources"].items() >= {"locations": ["westus"], "max_instance_count": 4}.items()
    assert node["resources"]["docker_args"] == "--ipc=host '-v=/a b'"


@pytest.mark.parametrize(
    ("part", "how"),
    [("inputs", "object"), ("outputs", "object"), ("outputs", "argument")],
)
def test_what_is_dropped_of_inputs_and_outputs_is_refused(
    fake_aml: FakeAml, client: MLClient, part: str, how: str
) -> None:
    """Where on the compute they are to be found: before anything is sent. Of a file the SDK refuses it."""
    place = "azureml://datastores/workspaceblobstore/paths/x/"
    kind: Any = Input if part == "inputs" else Output
    said = {part: {"x": kind(type="uri_folder", path=place, path_on_compute="/mnt/x")}}
    job = trained(**(said if how == "object" else {}))
    given: dict[str, Any] = said if how == "argument" else {}
    with pytest.raises(InvalidRequest, match=rf"{part}: x says path_on_compute") as caught:
        submit(job, client=client, **given)
    assert caught.value.argument == part
    assert not [call for call in fake_aml.calls if call.method == "PUT"]


@pytest.mark.parametrize("word", ["serverless", "Serverless", "azureml:serverless"])
def test_serverless_in_any_spelling_is_no_compute(fake_aml: FakeAml, client: MLClient, word: str) -> None:
    """That is how the service documents it; a compute of that name isn't there."""
    assert "computeId" not in sent(fake_aml, submit(trained(compute=word), client=client))


def test_a_step_with_a_size_needs_no_compute(fake_aml: FakeAml, client: MLClient) -> None:
    """The SDK would say "Compute not set"."""
    run = submit(in_a_pipeline(trained(instance_type=SIZE)), client=client)
    assert sent(fake_aml, run)["jobs"]["n0"]["resources"]["instance_type"] == SIZE


@pytest.mark.parametrize("said", ["azureml:train@latest", "train@latest"])
def test_a_label_of_an_environment_is_found(fake_aml: FakeAml, client: MLClient, said: str) -> None:
    """With the prefix, the SDK looks for an environment of that whole name."""
    client.environments.create_or_update(Environment(name="train", version="3", image="python:3.11"))
    body = sent(fake_aml, submit("ls", environment=said, client=client))
    assert body["environmentId"].endswith("/environments/train/versions/3")


def test_a_count_is_a_number(client: MLClient) -> None:
    """One in quotes leaves as a number, or not at all."""
    job = trained(instance_type=SIZE)
    job.resources.instance_count = "2"
    with pytest.raises(InvalidRequest, match="instance_count"):
        submit(job, client=client)


def test_an_automl_file_has_resources_and_data_beside_it(
    fake_aml: FakeAml, client: MLClient, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the service's own sample does; local data is looked for under the file's folder."""
    file = table.parent / "job.yml"
    file.write_text(
        "type: automl\ntask: classification\nprimary_metric: accuracy\ntarget_column_name: y\n"
        "training_data: {path: ./table, type: mltable}\nlimits: {max_trials: 2}\n"
        f"resources: {{instance_type: {SIZE}}}\nqueue_settings: {{job_tier: spot}}\n"
    )
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    body = sent(fake_aml, submit(file, client=client))
    assert body["resources"]["instanceType"] == SIZE
    assert body["queueSettings"] == {"jobTier": "Spot"}
    assert body["taskDetails"]["trainingData"]["uri"].endswith("/table")


def fits() -> None:
    """A pipeline of one step."""
    named(trained()(), "fit")


serverless_fits = cast("Any", dsl.pipeline)(name="fits", default_compute="serverless")(plain(fits))
"""As pipelines are written: what a module holds."""
one_below, another_below = (
    cast("Any", dsl.pipeline)(name="below", default_compute=place)(plain(fits))
    for place in ("cpu", "serverless")
)
"""Two of one name, which say different things."""


def test_an_inner_pipelines_own_place_holds(fake_aml: FakeAml, client: MLClient) -> None:
    """Its default compute is not dropped for the outer one's."""
    fake_aml.cluster("cpu")
    made: Any = dsl.pipeline

    def steps() -> None:
        named(trained()(), "before")
        named(serverless_fits(), "within")

    run = submit(made(default_compute="cpu")(plain(steps))(), client=client)
    places = {step.path: step.plan.compute for step in run.plan.steps}
    assert places == {"before": "cpu", "within.fit": "serverless"}
    (*_, call) = fake_aml.calls.expect("PUT /components/{name}/versions/{version}")
    inner = call.json["properties"]["componentSpec"]["jobs"]["fit"]
    assert inner["resources"]["instance_type"]


def twice(below: Any) -> Any:
    """A pipeline with this one in it, as `first` and as `last`."""

    def steps() -> None:
        named(below(), "first")
        named(below(), "last")

    made: Any = dsl.pipeline
    return made(plain(steps))()


def test_an_inner_pipelines_place_is_told_where_it_cannot_be_seen(
    fake_aml: FakeAml, client: MLClient
) -> None:
    """No module holds its function, or two of a name differ: the SDK keeps it nowhere else."""
    fake_aml.cluster("cpu")
    made = cast("Any", dsl.pipeline)(name="gone", default_compute="cpu")
    told = "azure-ai-ml drops a default_compute of its decorator"
    gone = twice(made(plain(fits)))
    assert sum(told in warning for warning in plan(gone, client=client).warnings) == 2
    assert not any(told in warning for warning in plan(gone, compute="cpu", client=client).warnings)
    gone.jobs["first"].settings.default_compute = "cpu"
    assert sum(told in warning for warning in plan(gone, client=client).warnings) == 1
    found = plan(twice(one_below), client=client)
    assert [warning.partition(":")[0] for warning in found.warnings if told in warning] == ["first"]
    assert [leaf.compute for leaf in found.leaves] == ["serverless", "cpu"]


def test_a_plan_with_an_inner_pipeline_is_sent_from_anywhere(fake_aml: FakeAml, client: MLClient) -> None:
    """From another function, or another thread, than the one that planned it: it is the same job."""
    fake_aml.cluster("cpu")

    def planned() -> Any:
        below = cast("Any", dsl.pipeline)(name="own", default_compute="cpu")
        return plan(twice(below(plain(fits))), client=client)

    made = planned()
    assert submit(made, client=client).plan.compute == made.compute
    (run,) = submit_many([planned()], client=client)
    assert isinstance(run, Run)


def test_a_pipelines_own_tier_is_its_steps_tier(fake_aml: FakeAml, client: MLClient) -> None:
    """Queue settings of a pipeline, which the service likely ignores, are those of steps that say none."""
    job = in_a_pipeline(trained(instance_type=SIZE), trained(instance_type=SIZE))
    job.settings.queue_settings = {"job_tier": "spot"}
    job.jobs["n1"].queue_settings = {"job_tier": "standard"}
    run = submit(job, client=client)
    assert (
        "spot, of the pipeline's queue_settings, is the tier of the steps that say none" in run.plan.reasons
    )
    body = sent(fake_aml, run)
    assert [body["jobs"][name]["queue_settings"]["job_tier"] for name in ("n0", "n1")] == ["Spot", "Standard"]
    assert "queue_settings" not in body["settings"]
