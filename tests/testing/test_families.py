"""Whatever befalls a pipeline or a sweep: it ends, all of it, and gives back what it held."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amlrun.testing import CanceledByPlatform, Failed, FakeAml, NodeLost, NotResponding, Preempted, TimedOut
from amlrun.testing._jobs import pipelines
from amlrun.testing._state.store import Store
from tests.testing.wire import requests

if TYPE_CHECKING:
    from amlrun.testing._jobs.faults import JobFault

ENDS = {"Completed", "Failed", "Canceled"}
SIZE = "Standard_DS3_v2"
FAULTS = st.sampled_from([
    Failed(), Failed(after=10), NodeLost(after=20), Preempted(), Preempted(how="restarted", after=5),
    Preempted(how="queued"), Preempted(how="canceled"), NotResponding(seconds=30), CanceledByPlatform(),
    TimedOut(after=100),
])  # fmt: skip


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, list[str]]:
    """Nodes and those that they need: no circle."""
    count = draw(st.integers(1, 6))
    names = [f"n{number}" for number in range(count)]
    return {
        name: draw(st.lists(st.sampled_from(names[:index]), unique=True, max_size=3)) if index else []
        for index, name in enumerate(names)
    }


def url(fake: FakeAml, path: str) -> str:
    """A resource of the workspace."""
    return f"https://management.azure.com{fake.scope.path}/{path}?api-version=2024-01-01-preview"


def put(fake: FakeAml, path: str, properties: dict[str, Any]) -> None:
    """Write a resource; it must be new."""
    reply = requests.put(url(fake, path), json={"properties": properties}, timeout=5)
    assert reply.status_code == 201, reply.text


def pipeline_body(fake: FakeAml, needs: dict[str, list[str]], *, spot: bool, goes_on: bool) -> dict[str, Any]:
    """A pipeline of such nodes, on serverless nodes of one size."""
    inputs = {f"i{number}": {"type": "uri_folder", "optional": True} for number in range(3)}
    spec = {
        "name": "part",
        "version": "1",
        "type": "command",
        "command": "x",
        "environment": "azureml:train:1",
        "inputs": inputs,
        "outputs": {"o": {"type": "uri_folder"}},
    }
    put(fake, "components/part/versions/1", {"componentSpec": spec})
    nodes = {
        name: {
            "type": "command",
            "name": name,
            "componentId": f"{fake.scope.path}/components/part/versions/1",
            "computeId": "serverless",
            "resources": {"instance_type": SIZE, "instance_count": 1},
            "queue_settings": {"job_tier": "Spot" if spot else "Standard"},
            "inputs": {
                f"i{index}": {"job_input_type": "literal", "value": f"${{{{parent.jobs.{other}.outputs.o}}}}"}
                for index, other in enumerate(others)
            },
        }
        for name, others in needs.items()
    }
    return {"jobType": "Pipeline", "jobs": nodes, "settings": {"continue_on_step_failure": goes_on}}


def held(fake: FakeAml) -> list[tuple[str, int]]:
    """What usages say is in use."""
    root = f"https://management.azure.com/subscriptions/{fake.scope.subscription_id}"
    path = f"providers/Microsoft.MachineLearningServices/locations/{fake.scope.location}/usages"
    rows = requests.get(f"{root}/{path}?api-version=2024-04-01", timeout=5).json()["value"]
    return [(row["type"], row["currentValue"]) for row in rows if row["currentValue"]]


@settings(max_examples=40, deadline=None)
@given(
    needs=graphs(),
    faults=st.lists(st.tuples(FAULTS, st.sampled_from(["p", "p/*", "p/n0", "p/n1"])), max_size=3),
    cancel_after=st.none() | st.integers(0, 900),
    spot=st.booleans(),
    goes_on=st.booleans(),
    limit=st.sampled_from([4, 8, 100]),
)
def test_a_pipeline_always_ends(
    needs: dict[str, list[str]],
    faults: list[tuple[JobFault, str]],
    cancel_after: int | None,
    *,
    spot: bool,
    goes_on: bool,
    limit: int,
) -> None:
    """Every node that was started is over, none was started before what it needs, and no vCPU is held."""
    with FakeAml() as fake:
        fake.quota("TotalLowPriorityCores" if spot else "standardDSv2Family", limit=limit)
        for fault, job in faults:
            fake.inject(fault, job=job)
        put(fake, "jobs/p", pipeline_body(fake, needs, spot=spot, goes_on=goes_on))
        if cancel_after is not None:
            fake.advance(seconds=cancel_after)
            if fake.job("p").status not in ENDS:
                assert requests.post(url(fake, "jobs/p/cancel"), timeout=5).status_code == 202
        fake.advance(hours=24)
        parent = fake.job("p")
        children = {child.path: child for child in map(fake.job, parent.children)}
        assert {parent.status, *(child.status for child in children.values())} <= ENDS
        assert held(fake) == []
        for name, others in needs.items():
            if child := children.get(f"p/{name}"):
                for other in others:
                    needed = children[f"p/{other}"]
                    assert needed.status == "Completed"
                    assert needed.ended is not None
                    assert needed.ended <= child.created
        if parent.status == "Completed":
            assert len(children) == len(needs)
            assert {child.status for child in children.values()} == {"Completed"}
        fake.forget_faults()


@settings(max_examples=25, deadline=None)
@given(
    trials=st.integers(1, 8),
    at_once=st.integers(1, 8),
    faults=st.lists(st.tuples(FAULTS, st.sampled_from(["s", "s/*", "s_0", "s_1"])), max_size=3),
    timeout=st.none() | st.integers(1, 2000),
)
def test_a_sweep_always_ends(
    trials: int, at_once: int, faults: list[tuple[JobFault, str]], timeout: int | None
) -> None:
    """Never more trials at once than it may, each of them over in the end, and no vCPU held."""
    with FakeAml() as fake:
        for fault, job in faults:
            fake.inject(fault, job=job)
        limits = {"jobLimitsType": "Sweep", "maxTotalTrials": trials, "maxConcurrentTrials": at_once}
        body = {
            "jobType": "Sweep",
            "searchSpace": {"x": ["uniform", [0, 1]]},
            "samplingAlgorithm": {"samplingAlgorithmType": "Random"},
            "objective": {"goal": "maximize", "primaryMetric": "a"},
            "trial": {"command": "x ${{search_space.x}}", "environmentId": "azureml:e:1"},
            "resources": {"instanceType": SIZE},
            "limits": limits if timeout is None else {**limits, "timeout": f"PT{timeout}S"},
        }
        put(fake, "jobs/s", body)
        for _ in range(100):
            fake.advance(minutes=3)
            live = [child for child in fake.job("s").children if fake.job(child).status not in ENDS]
            assert len(live) <= at_once
            if fake.job("s").status in ENDS and not live:
                break
        assert fake.job("s").status in ENDS
        assert len(fake.job("s").children) <= trials
        assert held(fake) == []
        fake.forget_faults()


@given(needs=graphs())
def test_nodes_come_in_an_order(needs: dict[str, list[str]]) -> None:
    """One after the other, each ready when those that it needs have completed: all of them, in the end."""
    jobs = {name: {"type": "command", "needs": others} for name, others in needs.items()}
    pipelines.check(pipelines.graph_of(jobs))
    done: list[str] = []
    with Store().transaction() as records:
        steps = pipelines.Steps(records, "p")
        steps.lay(jobs)
        while name := steps.next():
            assert set(needs[name]) <= set(done)
            steps.start(name)
            assert steps.next() != name
            steps.complete(name)
            done.append(name)
        steps.forget()
        assert records.names("nodes of p") == []
    assert sorted(done) == sorted(needs)


def test_a_circle_is_no_graph() -> None:
    """It is told which nodes wait for each other."""
    nodes = pipelines.graph_of(
        {
            "a": {"type": "command", "needs": ["b"]},
            "b": {"type": "command", "needs": ["a"]},
        }
    )
    with pytest.raises(ValueError, match=r"nodes wait for each other: [ab], [ab]"):
        pipelines.check(nodes)
