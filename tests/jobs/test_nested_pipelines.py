"""Pipelines within pipelines: their steps leave in the bodies of components, with the plan on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import pytest
from azure.ai.ml import Input, Output, automl, dsl, load_component
from azure.ai.ml.entities import UserIdentityConfiguration
from azure.ai.ml.sweep import Choice

from amlrun import InvalidRequest, Needs, PlacementNotApplied, _sdk, submit
from tests.testing.kinds import ENVIRONMENT, SIZE, pipeline_of, plain, step

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml

T4 = "Standard_NC4as_T4_v3"
TABLE = "azureml://datastores/workspaceblobstore/paths/table/"


def inside(function: Callable[..., Any], **inputs: Any) -> Any:
    """A pipeline to be a step of another, with inputs of these kinds."""
    made: Any = dsl.pipeline
    plain(function).__annotations__.update(inputs)
    return made(function)


def as_step(name: str, node: Any) -> Any:
    """The node by that name."""
    node.name = name
    return node


def deep(**of_steps: Any) -> Any:
    """`top`, and `prep` with `clean`, whose output `prep.fit.train` reads; `of_steps` are set on both."""
    clean = step("clean > ${{outputs.rows}}/a", outputs={"rows": Output(type="uri_folder")}, name="cleaner")
    train = step(
        "train ${{inputs.rows}} ${{inputs.rate}}",
        inputs={"rows": Input(type="uri_folder"), "rate": 0.1},
        name="trainer",
    )
    alone = step("alone", name="alone")

    def set_on(node: Any) -> Any:
        for name, value in of_steps.items():
            setattr(node, name, value)
        return node

    def fitting(rows: Any, rate: float = 0.2) -> None:
        set_on(as_step("train", train(rows=rows, rate=rate)))

    fit = inside(fitting, rows=Input(type="uri_folder"))

    def preparing() -> None:
        first = set_on(as_step("clean", clean()))
        as_step("fit", fit(rows=first.outputs.rows))

    prep = inside(preparing)

    def whole() -> None:
        as_step("top", alone())
        as_step("prep", prep())

    job = pipeline_of(whole, "")
    job.name = None
    return job


def nodes_of(fake_aml: FakeAml, name: str) -> dict[str, Mapping[str, Any]]:
    """The nodes that run in a job, by path, each as it stands in the body of the job or of a component."""
    made = {
        call.path: call.json["properties"]["componentSpec"]
        for call in fake_aml.calls.of("PUT /components/{name}/versions/{version}")
    }

    def below(nodes: Mapping[str, Any], above: str) -> dict[str, Mapping[str, Any]]:
        found: dict[str, Mapping[str, Any]] = {}
        for key, node in nodes.items():
            if node["type"] == "pipeline":
                found |= below(made[node["componentId"]]["jobs"], f"{above}{key}.")
            else:
                found[f"{above}{key}"] = node
        return found

    body = fake_aml.job(name).body["properties"]
    nodes = made[body["componentId"]]["jobs"] if body.get("componentId") else body["jobs"]
    return below(nodes, "")


def compute_of(node: Mapping[str, Any]) -> str:
    """Its name."""
    return str(node.get("computeId") or node.get("compute")).rpartition("/")[2]


def test_every_step_has_its_place_wherever_it_stands(fake_aml: FakeAml, client: MLClient) -> None:
    """Two levels down too; the fake runs each on what was planned, with its data."""
    needs = {"top": Needs(cpus=2), "prep": Needs(cpus=4), "prep.fit": Needs(gpus=1)}
    run = submit(deep(), needs=needs, tier="spot", identity="user", client=client)
    nodes = nodes_of(fake_aml, run.name)
    assert {path: node["resources"]["instance_type"] for path, node in nodes.items()} == {
        step.path: step.plan.instance_type for step in run.plan.steps
    }
    assert nodes["prep.fit.train"]["resources"] == {
        "instance_type": T4,
        "instance_count": 1,
        "shm_size": "14g",
    }
    for node in nodes.values():
        assert compute_of(node) == "serverless"
        assert node["queue_settings"] == {"job_tier": "Spot"}
        assert node["identity"] == {"identity_type": "UserIdentity"}
    fake_aml.advance(hours=2)
    assert run.wait().status == "Completed"
    train = fake_aml.job(f"{run.name}/prep/fit/train")
    assert (train.instance_type, str(train.tier), train.status) == (T4, "spot", "Completed")
    assert train.body["properties"]["inputs"]["rate"]["value"] == "0.2"


def test_a_nested_pipeline_costs_no_request_more(fake_aml: FakeAml, client: MLClient) -> None:
    """The SDK makes its components; the guard sees them without asking."""
    submit(deep(), client=client)
    fake_aml.calls.clear()
    job = deep()
    submit(job, client=client)
    ours = [(call.method, call.route) for call in fake_aml.calls]
    fake_aml.calls.clear()
    client.jobs.create_or_update(job)
    assert [(call.method, call.route) for call in fake_aml.calls] == ours
    assert {method for method, _ in ours} == {"PUT"}


def test_what_nested_steps_say_themselves_holds(fake_aml: FakeAml, client: MLClient) -> None:
    """Sizes, counts, clusters and identities of theirs; the caller's objects stay as they are."""
    fake_aml.cluster("cpu-cluster", max_nodes=4)
    job = deep(
        resources={"instance_type": "Standard_DS2_v2", "instance_count": 2},
        identity=UserIdentityConfiguration(),
    )
    before = str(job)
    nodes = nodes_of(fake_aml, submit(job, client=client).name)
    assert nodes["top"]["resources"] == {"instance_type": SIZE, "instance_count": 1}
    for path in ("prep.clean", "prep.fit.train"):
        assert nodes[path]["resources"] == {"instance_type": "Standard_DS2_v2", "instance_count": 2}
        assert nodes[path]["identity"] == {"identity_type": "UserIdentity"}
    assert str(job) == before
    nodes = nodes_of(fake_aml, submit(deep(compute="cpu-cluster"), client=client).name)
    assert {path: compute_of(node) for path, node in nodes.items()} == {
        "top": "serverless",
        "prep.clean": "cpu-cluster",
        "prep.fit.train": "cpu-cluster",
    }
    assert nodes["prep.clean"]["resources"] == {"instance_count": 1}


def searching() -> Any:
    """A pipeline whose nested one, `in`, has a sweep and AutoML in it."""
    tried = step("try ${{inputs.rate}}", inputs={"rate": 0.1}, name="tried")

    def two() -> None:
        sweep = tried(rate=Choice([0.1, 0.2])).sweep(
            sampling_algorithm="random", primary_metric="m", goal="maximize"
        )
        sweep.set_limits(max_total_trials=2)
        as_step("sweep", sweep)
        learned = automl.classification(
            training_data=Input(type="mltable", path=TABLE), target_column_name="y", primary_metric="accuracy"
        )
        learned.set_limits(max_trials=2, max_concurrent_trials=1)
        as_step("auto", learned)

    found = inside(two)

    def whole() -> None:
        as_step("in", found())

    job = pipeline_of(whole, "")
    job.name = None
    return job


def test_a_tier_that_the_sdk_misspells_is_mended(fake_aml: FakeAml, client: MLClient) -> None:
    """Of a nested sweep and of AutoML it writes `spot`: another component has the service's word."""
    run = submit(searching(), tier="spot", client=client)
    nodes = nodes_of(fake_aml, run.name)
    assert [node["queue_settings"]["job_tier"] for node in nodes.values()] == ["Spot", "Spot"]
    assert [compute_of(node) for node in nodes.values()] == ["serverless", "serverless"]
    made = fake_aml.calls.of("PUT /components/{name}/versions/{version}")
    specs = [call.json["properties"]["componentSpec"] for call in made]
    theirs, ours = (spec["jobs"] for spec in specs if "jobs" in spec)
    assert [node["queue_settings"]["job_tier"] for node in theirs.values()] == ["spot", "spot"]
    assert [node | {"queue_settings": None} for node in ours.values()] == [
        node | {"queue_settings": None} for node in theirs.values()
    ]
    again = submit(searching(), tier="spot", client=client)
    bodies = [fake_aml.job(name).body["properties"]["jobs"]["in"] for name in (run.name, again.name)]
    assert bodies[0]["componentId"] == bodies[1]["componentId"]


def test_a_standard_tier_needs_no_mending(fake_aml: FakeAml, client: MLClient) -> None:
    """Unsaid it is dedicated, and the SDK's own component will do."""
    nodes = nodes_of(fake_aml, submit(searching(), client=client).name)
    assert not any("queue_settings" in node for node in nodes.values())
    made = fake_aml.calls.of("PUT /components/{name}/versions/{version}")
    assert len([call for call in made if "jobs" in call.json["properties"]["componentSpec"]]) == 1


COMPONENT = """
type: pipeline
name: inner
version: "1"
inputs: {word: {type: string, default: hi}}
jobs:
  say:
    type: command
    component: ./say.yml
    inputs: {word: "${{parent.inputs.word}}"}
"""
SAY = f"""
type: command
name: say
version: "1"
inputs: {{word: {{type: string}}}}
command: echo ${{{{inputs.word}}}}
environment: {ENVIRONMENT}
"""


@pytest.fixture
def inner_file(tmp_path: Path) -> Path:
    """A pipeline component, in files."""
    (tmp_path / "say.yml").write_text(SAY)
    (tmp_path / "inner.yml").write_text(COMPONENT)
    return tmp_path / "inner.yml"


def test_a_nested_pipeline_of_a_file(fake_aml: FakeAml, client: MLClient, inner_file: Path) -> None:
    """Used twice, with different needs."""
    job = inner_file.parent / "pipe.yml"
    used = "type: pipeline, component: ./inner.yml"
    job.write_text(f"type: pipeline\njobs:\n  a: {{{used}}}\n  b: {{{used}, inputs: {{word: ho}}}}\n")
    run = submit(job, needs={"a": Needs(gpus=1)}, client=client)
    sizes = {path: node["resources"]["instance_type"] for path, node in nodes_of(fake_aml, run.name).items()}
    assert sizes == {"a.say": T4, "b.say": SIZE}
    fake_aml.advance(hours=1)
    assert run.wait().status == "Completed"


def test_one_component_object_in_two_places(fake_aml: FakeAml, client: MLClient, inner_file: Path) -> None:
    """It can have one plan only: it is told how to have two."""
    inner = load_component(inner_file)

    def two() -> None:
        as_step("a", inner())
        as_step("b", inner())

    job = pipeline_of(two, "")
    job.name = None
    nodes = nodes_of(fake_aml, submit(job, cpus=4, client=client).name)
    assert nodes["a.say"] == nodes["b.say"]
    with pytest.raises(InvalidRequest, match="planned differently") as refused:
        submit(job, needs={"a": Needs(gpus=1)}, client=client)
    assert "load_component" in refused.value.hint


@pytest.mark.parametrize("of", ["object", "file"])
def test_a_pipeline_component_alone_is_a_job(
    fake_aml: FakeAml, client: MLClient, inner_file: Path, of: str
) -> None:
    """All of its steps stand in the component; they are planned, sent and seen all the same."""
    job: Any = load_component(inner_file)(word="ho")
    if of == "file":
        job = inner_file.parent / "job.yml"
        job.write_text("type: pipeline\ncomponent: ./inner.yml\ninputs: {word: ho}\n")
    submit(job, gpus=1, client=client)
    fake_aml.calls.clear()
    run = submit(job, gpus=1, client=client)
    assert [call.method for call in fake_aml.calls] == ["PUT"] * 3
    nodes = nodes_of(fake_aml, run.name)
    assert nodes["say"]["resources"]["instance_type"] == T4
    fake_aml.advance(hours=1)
    assert fake_aml.job(f"{run.name}/say").instance_type == T4


@pytest.mark.parametrize("alone", [False, True])
def test_a_pipeline_component_of_the_workspace(
    fake_aml: FakeAml, client: MLClient, inner_file: Path, *, alone: bool
) -> None:
    """It says nothing of the plan, and stays as it is: a nameless one like it, which does, is made."""
    client.components.create_or_update(load_component(inner_file))
    kept = client.components.get("inner", "1")
    job = kept(word="ho") if alone else pipeline_of(lambda: as_step("in", kept()) and None, "")
    job.name = None
    fake_aml.calls.clear()
    run = submit(job, gpus=1, client=client)
    (node,) = nodes_of(fake_aml, run.name).values()
    assert (compute_of(node), node["resources"]["instance_type"]) == ("serverless", T4)
    assert len(fake_aml.calls.of("PUT /components/{name}/versions/{version}")) == 1
    fake_aml.advance(hours=1)
    assert fake_aml.job(run.name).status == "Completed"


def test_the_guard_sees_what_leaves_in_components(
    client: MLClient, fake_aml: FakeAml, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the bytes were other ones than those that were seen, no job would leave."""
    seen = _sdk.component_put

    def another(client: MLClient, component: Any) -> _sdk.Captured:
        return attrs.evolve(seen(client, component), path="/subscriptions/s/components/x/versions/1")

    monkeypatch.setattr(_sdk, "component_put", another)
    job = deep()
    monkeypatch.setattr("amlrun._sending.refer", lambda *_: None)
    with pytest.raises(PlacementNotApplied, match="componentId"):
        submit(job, client=client)
    assert not fake_aml.jobs


def test_the_put_of_a_component_can_be_seen_again(fake_aml: FakeAml, client: MLClient) -> None:
    """The private name that this stands on is there: no request, and the bytes are those that left."""
    job = _sdk.copied(deep())
    part = job.jobs["prep"].component
    captured = _sdk.capture(client, job)
    before = len(fake_aml.calls)
    put = _sdk.component_put(client, part)
    assert len(fake_aml.calls) == before
    assert put.path == captured.body["jobs"]["prep"]["componentId"]
    left = next(call for call in fake_aml.calls if call.path == put.path).json["properties"]["componentSpec"]
    assert {name: value for name, value in put.body["componentSpec"].items() if name != "id"} == left
    assert put.api_version == captured.api_version


def test_the_sdk_does_not_say_that_a_place_is_ignored_which_holds(
    fake_aml: FakeAml, client: MLClient, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """That of a nested pipeline's node, which is put on its steps; nor that what was stopped failed."""
    fake_aml.cluster("cpu")

    def below() -> None:
        as_step("fit", step("fit", name="fitter")())

    made = inside(below)

    def above() -> None:
        as_step("first", made()).compute = "cpu"
        as_step("last", made()).settings.default_compute = "cpu"

    run = submit(pipeline_of(above, "above"), client=client)
    assert [leaf.compute for leaf in run.plan.leaves] == ["cpu", "cpu"]
    told = "".join((*capfd.readouterr(), caplog.text))
    assert "ignored" not in told
    assert "Stopped" not in told
