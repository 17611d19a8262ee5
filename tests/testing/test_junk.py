"""Bodies that make no sense: each is refused or taken, and the workspace goes on as before."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amlrun.testing import FakeAml
from tests.testing.wire import requests

if TYPE_CHECKING:
    from collections.abc import Iterator

JUNK = [
    None, "", "x", "PT1S", -1, 0, 1.5, True, [], {}, ["a"], {"a": 1}, [[1]], 10**30, "${{parent.inputs.zz}}"
]  # fmt: skip
SIZE = "Standard_DS3_v2"
BODIES: dict[str, dict[str, Any]] = {
    "command": {
        "jobType": "Command",
        "command": "x",
        "environmentId": "azureml:train:1",
        "inputs": {"a": {"jobInputType": "literal", "value": "1"}},
        "outputs": {"o": {"jobOutputType": "uri_folder", "assetName": "net"}},
        "limits": {"jobLimitsType": "Command", "timeout": "PT50M"},
        "resources": {"instanceType": SIZE, "instanceCount": 1},
        "queueSettings": {"jobTier": "Spot"},
        "tags": {"a": "b"},
    },
    "sweep": {
        "jobType": "Sweep",
        "searchSpace": {"x": ["quniform", [0, 1, 0.1]], "y": ["choice", [[1, 2]]]},
        "samplingAlgorithm": {"samplingAlgorithmType": "Random"},
        "objective": {"goal": "maximize", "primaryMetric": "a"},
        "limits": {"jobLimitsType": "Sweep", "maxTotalTrials": 2, "trialTimeout": "PT50M"},
        "trial": {"command": "x", "environmentId": "azureml:e:1", "resources": {"instanceType": SIZE}},
    },
    "pipeline": {
        "jobType": "Pipeline",
        "settings": {"default_compute": "serverless", "continue_on_step_failure": True},
        "inputs": {"w": {"jobInputType": "literal", "value": "1"}},
        "outputs": {"final": {"jobOutputType": "uri_folder"}},
        "jobs": {
            "one": {
                "type": "command",
                "componentId": "azureml:one:1",
                "resources": {"instance_type": SIZE, "instance_count": 1},
                "inputs": {"w": {"job_input_type": "literal", "value": "${{parent.inputs.w}}"}},
                "outputs": {"o": {"value": "${{parent.outputs.final}}", "type": "literal"}},
            },
            "two": {
                "type": "command",
                "componentId": "azureml:one:1",
                "inputs": {"w": {"job_input_type": "literal", "value": "${{parent.jobs.one.outputs.o}}"}},
            },
        },
    },
}
SPEC = {"type": "command", "command": "x", "environment": "azureml:train:1", "outputs": {"o": {}}}


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something is in a body."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from places(item, (*path, key))


CHANGES = st.sampled_from([(kind, path) for kind, body in BODIES.items() for path in places(body)])


@settings(max_examples=150, deadline=None)
@given(changes=st.lists(st.tuples(CHANGES, st.sampled_from(JUNK)), min_size=1, max_size=5))
def test_no_body_breaks_the_workspace(changes: list[tuple[tuple[str, tuple[Any, ...]], Any]]) -> None:
    """What is taken can be shown and listed; time goes on; a job that makes sense still completes."""
    with FakeAml() as fake:
        here = f"https://management.azure.com{fake.scope.path}"
        requests.put(
            f"{here}/components/one/versions/1", json={"properties": {"componentSpec": SPEC}}, timeout=5
        )
        for number, ((kind, path), junk) in enumerate(changes):
            body = copy.deepcopy(BODIES[kind])
            place: Any = body
            for key in path[:-1]:
                place = place[key]
            place[path[-1]] = junk
            reply = requests.put(f"{here}/jobs/j{number}", json={"properties": body}, timeout=5)
            assert reply.status_code in {201, 400, 404}
            shown = requests.get(f"{here}/jobs/j{number}", timeout=5).status_code
            assert shown == (200 if reply.status_code == 201 else 404)
        requests.put(f"{here}/jobs/good", json={"properties": BODIES["command"]}, timeout=5)
        fake.advance(hours=2)
        assert requests.get(f"{here}/jobs", timeout=5).status_code == 200
        assert fake.job("good").status == "Completed"


@pytest.mark.parametrize("kind", BODIES)
def test_the_bodies_make_sense_before(kind: str) -> None:
    """Each of them completes as it is."""
    with FakeAml() as fake:
        here = f"https://management.azure.com{fake.scope.path}"
        requests.put(
            f"{here}/components/one/versions/1", json={"properties": {"componentSpec": SPEC}}, timeout=5
        )
        reply = requests.put(f"{here}/jobs/j", json={"properties": BODIES[kind]}, timeout=5)
        assert reply.status_code == 201, reply.text
        fake.advance(hours=2)
        assert fake.job("j").status == "Completed"


def test_a_search_has_at_most_a_thousand_trials(fake_aml: FakeAml) -> None:
    """As documented: one more is refused."""
    url = f"https://management.azure.com{fake_aml.scope.path}/jobs/j"
    body = copy.deepcopy(BODIES["sweep"])
    body["limits"]["maxTotalTrials"] = 1001
    reply = requests.put(url, json={"properties": body}, timeout=5)
    assert (reply.status_code, "at most 1000" in reply.text) == (400, True)


def test_labels_are_counted_at_every_write(fake_aml: FakeAml) -> None:
    """A second PUT and a PATCH of the run are held to 50 tags as the first PUT is."""
    url = f"https://management.azure.com{fake_aml.scope.path}/jobs/j"
    body, many = BODIES["command"], {f"t{number}": "x" for number in range(51)}
    assert requests.put(url, json={"properties": body}, timeout=5).status_code == 201
    assert requests.put(url, json={"properties": {**body, "tags": many}}, timeout=5).status_code == 400
    run = f"https://{fake_aml.scope.location}.api.azureml.ms/history/v1.0{fake_aml.scope.path}"
    reply = requests.patch(f"{run}/experiments/Default/runs/j", json={"tags": many}, timeout=5)
    assert reply.status_code == 400
    assert fake_aml.job("j").tags == {"a": "b"}


def test_what_is_not_there_is_not_found(fake_aml: FakeAml) -> None:
    """A run under another experiment, an operation that nobody began, a page of no length."""
    here = f"https://management.azure.com{fake_aml.scope.path}"
    run = f"https://{fake_aml.scope.location}.api.azureml.ms/history/v1.0{fake_aml.scope.path}"
    assert (
        requests.put(f"{here}/jobs/j", json={"properties": BODIES["command"]}, timeout=5).status_code == 201
    )
    assert requests.get(f"{run}/experiments/Default/runs/j", timeout=5).status_code == 200
    assert requests.get(f"{run}/experiments/other/runs/j", timeout=5).status_code == 404
    assert requests.get(f"{here}/jobs/j/operationResults/junk", timeout=5).status_code == 404
    for top in ("x", "-1", "0"):
        assert requests.get(f"{run}/runs/j/children?$top={top}", timeout=5).status_code == 400
