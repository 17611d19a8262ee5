"""Run history: parents and children, bulk reads, metrics, services, merged tags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from amlrun.testing import Failed
from tests.testing.kinds import sweep_of, two_steps

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml


def ask(fake: FakeAml, method: str, path: str, *, service: str = "history/v1.0", **options: Any) -> Any:
    """A request to the region's data plane, past the SDK."""
    from tests.testing.wire import requests

    host = f"https://{fake.scope.location}.api.azureml.ms"
    return requests.request(method, f"{host}/{service}{fake.scope.path}/{path}", timeout=5, **options).json()


def test_children_know_their_parents(fake_aml: FakeAml, client: MLClient, tmp_path: Path) -> None:
    """`parentRunId` is the next one up, `rootRunId` the job that was submitted."""
    client.jobs.create_or_update(two_steps())
    client.jobs.create_or_update(sweep_of(tmp_path, limits={"max_total_trials": 1}))
    fake_aml.advance(hours=2)
    for root, path in (("pipe", "pipe/make"), ("sweep", "sweep/0")):
        run = ask(fake_aml, "GET", f"runs/{fake_aml.job(path).name}")
        assert (run["parentRunId"], run["rootRunId"]) == (root, root)
        children = ask(fake_aml, "GET", f"runs/{root}/children")["value"]
        assert [child["runId"] for child in children] == list(fake_aml.job(root).children)
    top = ask(fake_aml, "GET", "runs/pipe")
    assert (top["parentRunId"], top["rootRunId"]) == (None, "pipe")


def test_a_pipelines_error_is_in_its_child(fake_aml: FakeAml, client: MLClient) -> None:
    """The parent's inner code says that a step failed; the child has the reason."""
    fake_aml.inject(Failed("UserError", "the data is bad"), job="pipe/make")
    client.jobs.create_or_update(two_steps())
    fake_aml.advance(hours=1)
    error = ask(fake_aml, "GET", "runs/pipe")["error"]["error"]
    assert (error["code"], error["innerError"]["code"]) == ("UserError", "PipelineHasStepJobFailed")
    child = ask(fake_aml, "GET", f"runs/{fake_aml.job('pipe/make').name}")
    assert child["error"]["error"]["message"] == "the data is bad"


def test_a_job_that_waits_says_for_what(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """On a cluster that is full: the service's own words."""
    fake_aml.cluster("small", max_nodes=1)
    for name in ("first", "second"):
        submit(name=name, compute="small")
    fake_aml.advance(minutes=4)
    queue = ask(fake_aml, "GET", "runs/second")["queueingInfo"]
    assert queue["code"] == "InsufficientAvailableNodes"
    assert queue["message"] == "Job needs 1 node(s) while currently the cluster only has 0"
    assert ask(fake_aml, "GET", "runs/first")["queueingInfo"] is None


def test_many_runs_at_once(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """Each under the key that it was asked for by; what isn't there apart."""
    for name in ("a", "b"):
        submit(name=name)
    body = {"requests": {"one": {"runId": "a"}, "two": {"runId": "b"}, "three": {"runId": "c"}}}
    found = ask(fake_aml, "POST", "batchrundata", json=body)
    runs = {key: result["runMetadata"]["runId"] for key, result in found["successfulResults"].items()}
    assert runs == {"one": "a", "two": "b"}
    assert list(found["failedResults"]) == ["three"]


def test_metrics(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """Written by tests as code in the job would; read by name, with their steps."""
    submit(name="j")
    fake_aml.metric("j", "loss", 0.5)
    fake_aml.metric("j", "loss", 0.25, step=1)
    service = "metric/v2.0"
    listed = ask(fake_aml, "POST", "runs/j/list", service=service, json={})
    assert [found["metricKey"]["name"] for found in listed["value"]] == ["loss"]
    loss = ask(fake_aml, "POST", "runs/j/full", service=service, json={"metricName": "loss"})
    assert [(value["step"], value["data"]["loss"]) for value in loss["value"]] == [(0, 0.5), (1, 0.25)]
    with pytest.raises(LookupError, match="no job nobody"):
        fake_aml.metric("nobody", "loss", 1.0)


def test_interactive_services(fake_aml: FakeAml, client: MLClient) -> None:
    """`jobs.show_services` has those of the job's body, with an address while it runs."""
    from azure.ai.ml import command
    from azure.ai.ml.entities import JupyterLabJobService

    job = command(
        command="sleep", environment="azureml:train:1", services={"lab": JupyterLabJobService(nodes="all")}
    )
    job.name = "live"
    client.jobs.create_or_update(job)
    fake_aml.advance(minutes=3)
    found = client.jobs.show_services("live", 0)
    assert found is not None
    assert list(found) == ["lab"]
    assert str(found["lab"].endpoint).startswith("https://")
    assert client.jobs.get("live").status == "Running"


def test_tags_are_merged(fake_aml: FakeAml, client: MLClient, submit: Callable[..., str]) -> None:
    """PATCH adds tags and properties, keeps the others, and the job's own GET shows them."""
    submit(name="j", tags={"a": "1"}, experiment_name="exp")
    change = {"tags": {"b": "2"}, "properties": {"p": "3"}, "description": "words"}
    run = ask(fake_aml, "PATCH", "experiments/exp/runs/j", json=change)
    assert run["tags"] == {"a": "1", "b": "2"}
    job = client.jobs.get("j")
    assert (job.tags, job.description) == ({"a": "1", "b": "2"}, "words")
    assert job.properties["p"] == "3"
    assert ask(fake_aml, "GET", "experimentids/exp/runs/j")["tags"] == {"a": "1", "b": "2"}


def test_what_the_children_cannot_be_asked_for(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """A filter, an order, a token that nobody gave: refused, not ignored."""
    submit(name="j")
    for query in ({"$filter": "x"}, {"$orderby": "x"}, {"$continuationtoken": "x"}):
        assert ask(fake_aml, "GET", "runs/j/children", params=query)["error"]["code"] == "UserError"
