"""The list of jobs through the real client: filters, views, pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.testing.kinds import sweep_of, two_steps

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml


def names(fake: FakeAml, **query: str) -> list[str]:
    """The names that a list with such a query gives, page after page."""
    from tests.testing.wire import requests

    url = f"https://management.azure.com{fake.scope.path}/jobs"
    reply = requests.get(url, params={"api-version": "2024-01-01-preview", **query}, timeout=5).json()
    found = [job["name"] for job in reply["value"]]
    while "nextLink" in reply:
        reply = requests.get(reply["nextLink"], timeout=5).json()
        found += [job["name"] for job in reply["value"]]
    return found


def test_pages_follow_each_other(fake_aml: FakeAml, client: MLClient) -> None:
    """The SDK walks them by nextLink: each job once, the newest first, whoever is submitted in between."""
    from tests.testing.wire import requests

    body = {"properties": {"jobType": "Command", "command": "x", "environmentId": "azureml:e:1"}}
    root = f"https://management.azure.com{fake_aml.scope.path}/jobs"
    for number in range(230):
        assert requests.put(f"{root}/j{number}", json=body, timeout=5).status_code == 201
    wanted = [f"j{number}" for number in reversed(range(230))]
    assert [job.name for job in client.jobs.list()] == wanted
    first = requests.get(root, timeout=5).json()
    assert requests.put(f"{root}/new", json=body, timeout=5).status_code == 201
    second = requests.get(first["nextLink"], timeout=5).json()
    found = [job["name"] for job in first["value"] + second["value"]]
    assert found == wanted[: len(found)]
    assert len(fake_aml.calls) > 230


def test_children_are_not_listed(fake_aml: FakeAml, client: MLClient, tmp_path: Path) -> None:
    """Only what was submitted: nodes and trials are their parents'."""
    client.jobs.create_or_update(two_steps())
    client.jobs.create_or_update(sweep_of(tmp_path, limits={"max_total_trials": 2}))
    fake_aml.advance(hours=2)
    assert [job.name for job in client.jobs.list()] == ["sweep", "pipe"]
    assert names(fake_aml, jobType="Sweep") == ["sweep"]
    assert names(fake_aml, jobType="pipeline") == ["pipe"]


def test_filters(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """`tag` by key, `properties` by name or name and value, `assetName` of an output; all together."""
    from azure.ai.ml import Output

    submit(name="a", tags={"kind": "x"}, properties={"amlrun.group": "g", "amlrun.attempt": "1"})
    submit(name="b", tags={"kind": "y"}, properties={"amlrun.group": "g"})
    submit(name="c", outputs={"model": Output(type="custom_model", name="net", version="1")})
    assert names(fake_aml, tag="kind") == ["b", "a"]
    assert names(fake_aml, properties="amlrun.group=g") == ["b", "a"]
    assert names(fake_aml, properties="amlrun.group=g,amlrun.attempt") == ["a"]
    assert names(fake_aml, properties="amlrun.group=h") == []
    assert names(fake_aml, assetName="net") == ["c"]
    assert names(fake_aml, tag="kind", properties="amlrun.attempt=1", jobType="Command") == ["a"]
    assert names(fake_aml, jobType="Spark") == []


def test_views(fake_aml: FakeAml, client: MLClient, submit: Callable[..., str]) -> None:
    """Active jobs, archived ones, all."""
    from azure.ai.ml.constants import ListViewType

    for name in ("a", "b"):
        submit(name=name)
    client.jobs.archive("a")

    def listed(view: Any) -> list[str | None]:
        return [job.name for job in client.jobs.list(list_view_type=view)]

    assert listed(ListViewType.ACTIVE_ONLY) == ["b"]
    assert listed(ListViewType.ARCHIVED_ONLY) == ["a"]
    assert listed(ListViewType.ALL) == ["b", "a"]
    client.jobs.restore("a")
    assert listed(ListViewType.ACTIVE_ONLY) == ["b", "a"]
    assert names(fake_aml, listViewType="All") == ["b", "a"]


def test_jobs_of_schedules(client: MLClient, submit: Callable[..., str], fake_aml: FakeAml) -> None:
    """There are no schedules here: no job is one's."""
    submit(name="a")
    assert list(client.jobs.list(schedule_defined=True)) == []
    assert [job.name for job in client.jobs.list(schedule_defined=False)] == ["a"]
    assert list(client.jobs.list(scheduled_job_name="nightly")) == []
    assert names(fake_aml, scheduled="false") == ["a"]


@pytest.mark.parametrize("query", [{"$skip": "made-up"}, {"listViewType": "Some"}])
def test_a_query_that_makes_no_sense_is_refused(fake_aml: FakeAml, query: dict[str, str]) -> None:
    """400, in the service's form."""
    from tests.testing.wire import requests

    url = f"https://management.azure.com{fake_aml.scope.path}/jobs"
    reply = requests.get(url, params={"api-version": "2024-01-01-preview", **query}, timeout=5)
    assert reply.status_code == 400
    assert reply.json()["error"]["code"] == "UserError"


def test_children_come_in_pages(fake_aml: FakeAml, client: MLClient, tmp_path: Path) -> None:
    """Run history gives them by nextLink too.

    azure-ai-ml 1.34 and later read the first page of children only.
    """
    from tests.testing.wire import requests

    limits = {"max_total_trials": 120, "max_concurrent_trials": 120}
    client.jobs.create_or_update(sweep_of(tmp_path, limits=limits))
    fake_aml.advance(hours=1)
    wanted = [f"sweep_{number}" for number in range(120)]
    url: str | None = f"https://eastus.api.azureml.ms/history/v1.0{fake_aml.scope.path}/runs/sweep/children"
    found: list[str] = []
    while url:
        page = requests.get(url, timeout=5).json()
        found += [run["runId"] for run in page["value"]]
        url = page["nextLink"]
    assert found == wanted
    listed = [child.name for child in client.jobs.list(parent_job_name="sweep")]
    assert listed == wanted[: len(listed)]
    assert len(listed) in {100, 120}
