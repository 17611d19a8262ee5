"""How long a job may run, and what that costs at most."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from amlrun import Plan, plan, submit

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml

JOB: dict[str, Any] = {"environment": "azureml:train:1"}


@pytest.fixture
def client(fake_aml: FakeAml) -> MLClient:
    """The real client, of the fake workspace."""
    return fake_aml.client()


@pytest.mark.parametrize(
    ("asked", "price", "warning"),
    [
        ({"tier": "spot"}, "at most 16.80 USD in 7 d, each attempt", "runs 7 d at most on spot nodes"),
        ({"tier": "standard"}, "at most 267.12 USD in 21 d", "runs 21 d at most"),
    ],
)
def test_a_timeout_that_no_job_reaches_is_warned_of(
    client: MLClient, asked: dict[str, Any], price: str, warning: str
) -> None:
    """The service ends it before: the limit is told, and the cost is that of the shorter time."""
    planned = plan("python -V", gpus=1, timeout=dt.timedelta(days=30), client=client, **asked, **JOB)
    assert f"{price}\n" in str(planned)
    (told,) = planned.warnings
    assert told == f"a job {warning}, and its timeout is 30 d"


def test_the_longest_timeout_is_no_reason_to_warn(client: MLClient) -> None:
    """Seven days on spot nodes are what they are given."""
    planned = plan("python -V", gpus=1, tier="spot", timeout=7 * 86400, client=client, **JOB)
    assert not planned.warnings
    assert "in 7 d, each attempt\n" in str(planned)


def test_lost_work_costs_no_more_than_the_job_may_run(client: MLClient) -> None:
    """Without requeue: one attempt, of seven days."""
    asked: dict[str, Any] = {"gpus": 1, "tier": "spot", "timeout": 10 * 86400, "requeue": False}
    planned = plan("python -V", client=client, **asked, **JOB)
    lost, short = planned.warnings
    assert lost.endswith("at most 16.80 USD in 7 d")
    assert short.endswith("its timeout is 10 d")
    assert "each attempt" not in str(planned)


def test_the_timeout_is_sent_as_it_was_said(fake_aml: FakeAml, client: MLClient) -> None:
    """A warning changes nothing; the plan that a run remembers says the same of its cost."""
    run = submit("python -V", gpus=1, tier="spot", timeout=10 * 86400, client=client, **JOB)
    body = fake_aml.job(run.name).body["properties"]
    assert body["limits"]["timeout"] == "PT864000S"
    assert "at most 16.80 USD in 7 d, each attempt" in str(Plan.from_dict(run.plan.to_memo()))
