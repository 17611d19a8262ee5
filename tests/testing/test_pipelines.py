"""Pipelines through the real client: nodes are jobs, in the order of what they need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.ml import Input, Output, dsl, load_job
from azure.ai.ml.exceptions import PipelineChildJobError
from azure.core.exceptions import HttpResponseError

from amlrun._offers import Tier
from amlrun.testing import Failed
from tests.testing.kinds import ENVIRONMENT, SIZE, pipeline_of, plain, side_by_side, step, two_steps

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml


def start(client: MLClient, job: Any) -> str:
    """Submit a job; returns its name."""
    return str(client.jobs.create_or_update(job).name)


def test_nodes_run_in_the_order_of_what_they_need(fake_aml: FakeAml, client: MLClient) -> None:
    """A node starts when those whose outputs it reads have completed, and reads what they wrote."""
    start(client, two_steps())
    fake_aml.advance(minutes=3)
    assert fake_aml.job("pipe").status == "Running"
    assert [fake_aml.job(child).path for child in fake_aml.job("pipe").children] == ["pipe/make"]
    fake_aml.advance(hours=1)
    make, use = fake_aml.job("pipe/make"), fake_aml.job("pipe/use")
    assert [fake_aml.job("pipe").status, make.status, use.status] == ["Completed"] * 3
    assert make.ended is not None
    assert use.created == make.ended
    made = make.body["properties"]["outputs"]["made"]["uri"]
    assert use.body["properties"]["inputs"]["data"]["uri"] == made
    assert make.body["properties"]["inputs"]["word"] == {"jobInputType": "literal", "value": "hello"}
    assert fake_aml.jobs == ("pipe",)


def test_the_sdk_reads_a_pipeline_and_its_children(fake_aml: FakeAml, client: MLClient) -> None:
    """The right entity comes back; the list by parent has the children, each of which can be asked for."""
    start(client, two_steps())
    fake_aml.advance(hours=1)
    job: Any = client.jobs.get("pipe")
    assert type(job).__name__ == "PipelineJob"
    assert sorted(job.jobs) == ["make", "use"]
    assert list(job.inputs) == ["word"]
    children = list(client.jobs.list(parent_job_name="pipe"))
    assert [child.display_name for child in children] == ["make", "use"]
    assert [str(client.jobs.get(str(child.name)).status) for child in children] == ["Completed"] * 2
    assert [found.name for found in client.jobs.list()] == ["pipe"]


def test_each_node_holds_its_own_nodes(fake_aml: FakeAml, client: MLClient) -> None:
    """Quota counts for children as for any job: what doesn't fit waits, in the same queue."""
    fake_aml.quota("standardDSv2Family", limit=8)
    job = side_by_side(3)
    for node in job.jobs.values():
        node.resources = {"instance_type": SIZE, "instance_count": 1}
    start(client, job)
    fake_aml.advance(minutes=3)
    statuses = [fake_aml.job(f"wide/n{number}").status for number in range(3)]
    assert statuses == ["Running", "Running", "Queued"]
    fake_aml.advance(hours=1)
    assert fake_aml.job("wide").status == "Completed"


def test_a_node_has_its_own_size_and_tier(fake_aml: FakeAml, client: MLClient) -> None:
    """`resources` and `queue_settings` of a node are its child's."""
    job = two_steps()
    job.jobs["make"].resources = {"instance_type": "Standard_NC4as_T4_v3", "instance_count": 2}
    job.jobs["make"].queue_settings = {"job_tier": "spot"}
    start(client, job)
    fake_aml.advance(minutes=1)
    make = fake_aml.job("pipe/make")
    assert (make.tier, make.instance_type, make.nodes) == (Tier.SPOT, "Standard_NC4as_T4_v3", 2)


def test_nodes_run_on_the_default_compute(fake_aml: FakeAml, client: MLClient) -> None:
    """A named cluster of the pipeline's is every node's that says nothing else."""
    fake_aml.cluster("cpu-cluster", max_nodes=1)
    start(client, side_by_side(2, default_compute="cpu-cluster"))
    fake_aml.advance(minutes=10)
    assert fake_aml.job("wide/n0").compute == "cpu-cluster"
    fake_aml.advance(hours=1)
    first, second = (fake_aml.job(f"wide/n{number}") for number in range(2))
    assert first.ended is not None
    assert second.started is not None
    assert second.started >= first.ended  # the cluster has one node


@pytest.mark.parametrize("goes_on", [False, True])
def test_a_failed_node_fails_the_pipeline(fake_aml: FakeAml, client: MLClient, *, goes_on: bool) -> None:
    """The parent says only that a step failed; where it says so, those go on that don't need it."""
    fake_aml.inject(Failed(exit_code=3), job="wide/n0")
    start(client, side_by_side(2, continue_on_step_failure=goes_on))
    fake_aml.advance(hours=1)
    parent = fake_aml.job("wide")
    assert (parent.status, parent.code) == ("Failed", "PipelineHasStepJobFailed")
    assert "exited with status code 3" in fake_aml.job("wide/n0").error
    assert fake_aml.job("wide/n1").status == ("Completed" if goes_on else "Canceled")
    with pytest.raises(LookupError, match="no job wide/last"):
        fake_aml.job("wide/last")


def test_a_cancel_reaches_the_children(fake_aml: FakeAml, client: MLClient) -> None:
    """Whoever lives is canceled, nobody is started any more, and then the parent is Canceled."""
    start(client, side_by_side(2))
    fake_aml.advance(minutes=3)
    client.jobs.begin_cancel("wide").result()
    assert fake_aml.job("wide").statuses == ("Starting", "Running", "CancelRequested", "Canceled")
    assert [fake_aml.job(f"wide/n{number}").status for number in range(2)] == ["Canceled"] * 2
    fake_aml.advance(hours=1)
    assert len(fake_aml.job("wide").children) == 2
    with pytest.raises(HttpResponseError, match="terminal status"):
        client.jobs.begin_cancel("wide")


def test_a_pipeline_inside_of_a_pipeline(fake_aml: FakeAml, client: MLClient) -> None:
    """Its nodes are grandchildren, with the outer one's compute; values and outputs pass through it."""
    fake_aml.cluster("cpu-cluster")
    inside = step(
        "echo ${{inputs.s}} > ${{outputs.o}}/x",
        inputs={"s": "hi"},
        outputs={"o": Output(type="uri_folder")},
        name="inside",
    )
    outside = step("cat ${{inputs.i}}/x", inputs={"i": Input(type="uri_folder")}, name="outside")

    def inner(t: str = "x") -> Any:
        q = inside(s=t)
        return {"io": q.outputs.o}

    pipeline: Any = dsl.pipeline
    part = pipeline()(plain(inner))

    def outer(s: str = "hello") -> None:
        x = part(t=s)
        y = outside(i=x.outputs.io)
        assert y is not None

    start(client, pipeline_of(outer, "nested", default_compute="cpu-cluster"))
    fake_aml.advance(hours=1)
    assert fake_aml.job("nested").status == "Completed"
    deep = fake_aml.job("nested/x/q")
    assert deep.compute == "cpu-cluster"
    assert deep.body["properties"]["inputs"]["s"]["value"] == "hello"
    written = deep.body["properties"]["outputs"]["o"]["uri"]
    assert fake_aml.job("nested/y").body["properties"]["inputs"]["i"]["uri"] == written
    assert deep.parent == fake_aml.job("nested/x").name


def test_a_pipeline_from_yaml(fake_aml: FakeAml, client: MLClient, tmp_path: Path) -> None:
    """Inline commands become anonymous components; `path:` of an output says where it goes, name and all."""
    (tmp_path / "p.yml").write_text(
        "type: pipeline\n"
        "settings: {default_compute: azureml:serverless}\n"
        "outputs:\n  output:\n    type: uri_file\n    mode: rw_mount\n"
        "    path: azureml://datastores/workspaceblobstore/paths/${{name}}/out.txt\n"
        "jobs:\n"
        f"  hello:\n    command: echo hi > ${{{{outputs.output}}}}\n    environment: {ENVIRONMENT}\n"
        "    outputs: {output: '${{parent.outputs.output}}'}\n"
    )
    job = load_job(tmp_path / "p.yml")
    job.name = "yaml"
    start(client, job)
    fake_aml.advance(hours=1)
    uri = fake_aml.job("yaml/hello").body["properties"]["outputs"]["output"]["uri"]
    assert uri == "azureml://datastores/workspaceblobstore/paths/yaml/out.txt"


def test_every_type_of_node_runs(fake_aml: FakeAml, client: MLClient, tmp_path: Path) -> None:
    """Command, sweep, parallel, Spark and AutoML nodes are children; searches have trials of their own."""
    from azure.ai.ml.automl import regression
    from azure.ai.ml.parallel import RunFunction, parallel_run_function
    from azure.ai.ml.sweep import Uniform

    from tests.testing.kinds import spark_of, table

    fake_aml.cluster("cpu-cluster", max_nodes=10)
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "score.py").write_text("")
    parallel = parallel_run_function(
        name="parallel",
        inputs={"data": Input(type="uri_folder")},
        outputs={"o": Output(type="uri_file")},
        input_data="${{inputs.data}}",
        instance_count=2,
        mini_batch_size="2",
        task=RunFunction(
            code=str(tmp_path / "code"),
            entry_script="score.py",
            environment=ENVIRONMENT,
            append_row_to="${{outputs.o}}",
        ),
    )
    train = step(
        "python t.py --lr ${{inputs.lr}}", inputs={"lr": Input(type="number", default=0.1)}, name="train"
    )
    sparks = spark_of(tmp_path / "spark", inputs={"i": Input(type="uri_folder", mode="direct")})

    def mixed(data: Any) -> None:
        p = parallel(data=data)
        p.name = "parallel"
        s = train(lr=Uniform(0.1, 1.0)).sweep(
            primary_metric="acc", goal="maximize", sampling_algorithm="random"
        )
        s.name = "search"
        s.set_limits(max_total_trials=3, max_concurrent_trials=2, timeout=3600, trial_timeout=60)
        a = regression(
            training_data=table(),
            target_column_name="y",
            primary_metric="r2_score",
            outputs={"best_model": Output(type="mlflow_model")},
        )
        a.name = "auto"
        a.set_limits(max_trials=2)
        k = sparks(i=data)
        k.name = "sparks"
        k.resources = {"instance_type": "Standard_E4s_v3", "runtime_version": "3.4"}

    data = Input(type="uri_folder", path="azureml://datastores/workspaceblobstore/paths/d/")
    start(client, pipeline_of(mixed, "mixed", data, default_compute="cpu-cluster"))
    fake_aml.advance(hours=3)
    types = {fake_aml.job(child).path: fake_aml.job(child).type for child in fake_aml.job("mixed").children}
    assert types == {
        "mixed/parallel": "parallel",
        "mixed/search": "sweep",
        "mixed/auto": "automl",
        "mixed/sparks": "spark",
    }
    assert fake_aml.job("mixed").status == "Completed"
    assert fake_aml.job("mixed/parallel").nodes == 2
    assert len(fake_aml.job("mixed/search").children) == 3
    # A sweep node's trial_timeout is not applied: a minute would have ended trials of five.
    assert fake_aml.job("mixed/search/0").status == "Completed"
    assert "--lr ${{inputs.lr}}" in fake_aml.job("mixed/search/0").body["properties"]["command"]
    assert len(fake_aml.job("mixed/auto").children) == 2
    assert fake_aml.job("mixed/sparks").compute is None


def raw(fake: FakeAml, jobs: dict[str, Any], **more: Any) -> Any:
    """The PUT of a pipeline of such nodes, past the SDK."""
    from tests.testing.wire import requests

    url = f"https://management.azure.com{fake.scope.path}/jobs/raw?api-version=2024-01-01-preview"
    body = {"properties": {"jobType": "Pipeline", "jobs": jobs, **more}}
    return requests.put(url, json=body, timeout=5)


@pytest.mark.parametrize(
    ("jobs", "words"),
    [
        ({}, "the pipeline has no jobs"),
        ({"a": {"type": "do_while", "body": "${{parent.jobs.b}}"}}, "node a is of type 'do_while'"),
        ({"a": {"type": "if_else"}}, "node a is of type 'if_else'; the fake runs command, sweep"),
        (
            {"a": {"type": "command", "componentId": "/x/components/c/versions/9"}},
            "/x/components/c/versions/9",
        ),
    ],
)
def test_what_the_fake_does_not_run_is_refused(fake_aml: FakeAml, jobs: dict[str, Any], words: str) -> None:
    """Control flow and what isn't there: an error that names the node, and no job."""
    reply = raw(fake_aml, jobs)
    assert reply.status_code in {400, 404}
    assert words in reply.json()["error"]["message"]
    assert fake_aml.jobs == ()


def test_nodes_are_checked_when_the_pipeline_is_sent(
    fake_aml: FakeAml, client: MLClient, submit: Callable[..., str]
) -> None:
    """A node on a compute that isn't there, a circle, a missing sibling: refused before anything runs."""
    start(client, two_steps("good"))
    nodes: dict[str, Any] = fake_aml.job("good").body["properties"]["jobs"]
    with_compute = {
        "use": {**nodes["make"], "name": "use", "computeId": f"{fake_aml.scope.path}/computes/nope"}
    }
    assert "Compute nope was not found" in raw(fake_aml, with_compute).json()["error"]["message"]
    alone = {"use": nodes["use"]}
    assert "node use reads the output of make" in raw(fake_aml, alone).json()["error"]["message"]
    needs = {"data": {"value": "${{parent.jobs.use.outputs.used}}", "job_input_type": "literal"}}
    circle = {"make": {**nodes["make"], "inputs": needs}, "use": nodes["use"]}
    assert "wait for each other" in raw(fake_aml, circle).json()["error"]["message"]
    assert "node make has no compute" in raw(fake_aml, {"make": nodes["make"]}).json()["error"]["message"]
    assert submit(name="other") == "other"
    assert fake_aml.jobs == ("good", "other")


def test_what_is_no_job_of_its_own(client: MLClient, fake_aml: FakeAml) -> None:
    """A step can't be streamed: the SDK sees that it has no properties. A pipeline is archived."""
    start(client, two_steps())
    fake_aml.advance(minutes=1)
    with pytest.raises(PipelineChildJobError):
        client.jobs.stream(fake_aml.job("pipe/make").name)
    client.jobs.archive("pipe")
    assert list(client.jobs.list()) == []


def test_a_path_that_is_not_there(fake_aml: FakeAml, client: MLClient) -> None:
    """What is there is told: a parent's children by their paths, or jobs of a near name."""
    client.jobs.create_or_update(two_steps("pipe"))
    fake_aml.advance(minutes=1)
    with pytest.raises(LookupError, match=r"no job pipe/b\. pipe has: pipe/make\.$"):
        fake_aml.job("pipe/b")
    with pytest.raises(LookupError, match=r"Did you mean pipe\? There are: pipe\."):
        fake_aml.job("pipes")
    with pytest.raises(LookupError, match=r"no job other/b\. There are: pipe\."):
        fake_aml.job("other/b")
