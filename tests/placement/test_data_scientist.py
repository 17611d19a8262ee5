"""The tests of submission once more, sent by somebody who may read neither quota nor sizes.

The role AzureML Data Scientist ends at the workspace: usages, sizes and quotas, which are the subscription's,
are 403, all three. Nothing of what `submit` promises may need them, but for what is about quota itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from amlrun import plan, submit
from tests.submission import (
    test_details,
    test_faults,
    test_job_files,
    test_races,
    test_run,
    test_sdk,
    test_submit,
)
from tests.submission.conftest import between, client, source  # noqa: F401 - fixtures of the tests below
from tests.submission.test_job_files import examples  # noqa: F401 - the same

if TYPE_CHECKING:
    from types import ModuleType

    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml

ENVIRONMENT = "azureml:train:1"
_SUITE = (test_details, test_faults, test_job_files, test_races, test_run, test_sdk, test_submit)
NEEDS_QUOTA = frozenset(
    {
        "test_a_process_that_is_forked_while_a_thread_looks_waits_for_nobody",
        "test_a_refusal_is_told_once",
        "test_a_refusal_never_rests_on_a_kept_reading",
        "test_no_quota",
        "test_not_enough_quota",
        "test_quota_in_use_is_a_plan_that_queues",
        "test_quota_is_told_by_family",
        # A size that the packaged tables don't have may be there all the same: any name is believed.
        "test_a_size_with_a_typo_is_refused_with_the_nearest_names",
    }
)
"""Of those, the tests of what only who may read quota and sizes can be told."""


def _tests(module: ModuleType) -> dict[str, Any]:
    """The tests of a module, under names of their own."""
    stem = module.__name__.rpartition(".")[2]
    return {f"{stem}_{name[5:]}": test for name, test in vars(module).items() if name.startswith("test_")}


_ALL = {name: test for module in _SUITE for name, test in _tests(module).items()}
globals().update({name: test for name, test in _ALL.items() if test.__name__ not in NEEDS_QUOTA})


@pytest.fixture(autouse=True)
def data_scientist(fake_aml: FakeAml) -> None:
    """Whoever asks, from the beginning."""
    fake_aml.as_data_scientist()


def test_what_needs_quota_is_a_test_of_submission() -> None:
    """No test is left out by a name that has changed."""
    assert {test.__name__ for test in _ALL.values()} >= NEEDS_QUOTA


@pytest.mark.parametrize(
    ("asked", "size"),
    [
        ({"gpus": 1}, "Standard_NC4as_T4_v3"),
        ({"gpus": 1, "tier": "spot"}, "Standard_NC4as_T4_v3"),
        ({"gpus": 1, "tier": "auto"}, "Standard_NC4as_T4_v3"),
        ({"gpu": "A100"}, "Standard_NC24ads_A100_v4"),
        ({"gpu": ["H100", "A100"], "gpus": 2}, "Standard_NC80adis_H100_v5"),
        ({"gpu": "H200", "gpus": 8}, "Standard_ND96isr_H200_v5"),
        ({"gpu": "A10"}, "Standard_NV6ads_A10_v5"),
        ({"cpus": 16, "memory_gb": 100}, "Standard_E16a_v4"),
        ({"instance_type": ["standard_nc6s_v3", "Standard_NC4as_T4_v3"]}, "Standard_NC6s_v3"),
        ({"instance_type": "Standard_Of_Next_Year"}, "Standard_Of_Next_Year"),
    ],
)
def test_what_is_asked_for_leaves(
    fake_aml: FakeAml,
    client: MLClient,  # noqa: F811 - the fixture
    asked: dict[str, Any],
    size: str,
) -> None:
    """By the packaged tables, unverified; the plan says once which right is missing, and what follows."""
    run = submit("echo", environment=ENVIRONMENT, client=client, **asked)
    sent = fake_aml.job(run.name).body["properties"]["resources"]
    assert sent["instanceType"] == run.plan.instance_type == size
    assert (run.plan.verified, run.plan.starts) == (False, "unknown")
    (missing,) = [warning for warning in run.plan.warnings if "may not read" in warning]
    assert f"/subscriptions/{fake_aml.scope.subscription_id}" in missing
    assert "locations/{usages,quotas,vmSizes}/read" in missing


def test_a_data_scientist_asks_no_more_than_others(
    fake_aml: FakeAml,
    client: MLClient,  # noqa: F811 - the fixture
) -> None:
    """What was refused is not asked for again with each job."""
    plan("echo", environment=ENVIRONMENT, gpus=1, client=client)
    before = len(fake_aml.calls)
    submit("echo", environment=ENVIRONMENT, gpus=1, client=client)
    assert [call.method for call in fake_aml.calls[before:]] == ["PUT"]
