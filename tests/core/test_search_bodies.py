"""Where a plan stands on the bodies of sweeps and AutoML jobs, and the guard that holds them against it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amlrun import PlacementNotApplied, Plan
from amlrun._jobs.adapters import dressed
from amlrun._jobs.dress import Dress
from amlrun._jobs.placing import spelt
from amlrun._offers import Kind, Tier
from amlrun._wire import check

WORKSPACE = "/subscriptions/s"
SWEEP: dict[str, Any] = {
    "jobType": "Sweep",
    "trial": {
        "command": "python train.py",
        "environmentVariables": {"A": "b"},
        "resources": {"instanceCount": 1, "instanceType": "x", "shmSize": "4g"},
    },
    "resources": {"instanceType": "y", "dockerArgs": "--rm", "shmSize": None},
    "limits": {"jobLimitsType": "Sweep", "maxTotalTrials": 4, "trialTimeout": "PT1M"},
    "queueSettings": {"jobTier": "spot", "priority": 2},
}
AUTOML: dict[str, Any] = {
    "jobType": "AutoML",
    "resources": {"instance_count": 3, "instance_type": "x", "shm_size": "4g", "docker_args": None},
    "queueSettings": {"job_tier": "spot"},
    "taskDetails": {"taskType": "Regression", "limitSettings": {"maxTrials": 4}},
}
PLANS = [
    Plan(instance_type="Standard_DS3_v2", instance_count=2, tier=Tier.SPOT),
    Plan(),
    Plan(compute="gpu", kind=Kind.CLUSTER, instance_type="Standard_DS3_v2", instance_count=2),
    Plan(compute="k8s", kind=Kind.KUBERNETES, instance_type="gpu-small"),
]


def dress(body: dict[str, Any], plan: Plan, **more: Any) -> dict[str, Any]:
    """Dress a body for this plan."""
    return dressed(body, Dress(plan=plan, workspace=WORKSPACE, group="run", **more))


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("body", [SWEEP, AUTOML])
def test_what_is_dressed_passes_the_guard(body: dict[str, Any], plan: Plan) -> None:
    """In every place, and the body that it was made of is as it was."""
    before = repr(body)
    check(dress(body, plan), plan, WORKSPACE)
    assert repr(body) == before


@pytest.mark.parametrize(
    ("body", "path", "value"),
    [
        (SWEEP, ("trial", "resources", "instanceType"), "Standard_DS4_v2"),
        (SWEEP, ("trial", "resources", "instanceCount"), 1),
        (SWEEP, ("resources", "instanceCount"), 1),
        (SWEEP, ("computeId",), "/subscriptions/s/computes/gpu"),
        (AUTOML, ("resources", "instance_count"), 2),
        (AUTOML, ("queueSettings", "job_tier"), "Spot"),
        (AUTOML, ("queueSettings", "jobTier"), "spot"),
    ],
)
def test_what_contradicts_the_plan_does_not_leave(
    body: dict[str, Any], path: tuple[str, ...], value: object
) -> None:
    """In either place of a sweep, and under the SDK's wrong names beside the right ones."""
    leaving = dress(body, PLANS[0])
    part = leaving
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    with pytest.raises(PlacementNotApplied) as error:
        check(leaving, PLANS[0], WORKSPACE)
    assert error.value.field == ".".join(path)


def test_a_sweep_says_the_same_of_its_trial_and_of_itself() -> None:
    """What either said beside the place stays; the sweep's own word counts where both say it."""
    body = dress(SWEEP, PLANS[0], environment_variables={"B": "c"}, attempt=2)
    size = {"instanceType": "Standard_DS3_v2", "instanceCount": 2, "shmSize": "4g", "dockerArgs": "--rm"}
    assert body["resources"] == body["trial"]["resources"] == size
    assert body["queueSettings"] == {"jobTier": "Spot", "priority": 2}
    assert body["limits"] == SWEEP["limits"]
    variables = {"A": "b", "B": "c", "AMLRUN_GROUP": "run", "AMLRUN_ATTEMPT": "2"}
    assert body["trial"]["environmentVariables"] == variables


def test_a_time_out_is_of_the_whole_search() -> None:
    """Beside the other limits, if there are any; that of each trial stays."""
    limits = dress(SWEEP, PLANS[0], timeout=90)["limits"]
    assert limits == {**SWEEP["limits"], "timeout": "PT90S"}
    assert dress({**SWEEP, "limits": None}, PLANS[0], timeout=90)["limits"] == {
        "jobLimitsType": "Sweep",
        "timeout": "PT90S",
    }
    details = dress(AUTOML, PLANS[0], timeout=90)["taskDetails"]
    assert details == {"taskType": "Regression", "limitSettings": {"maxTrials": 4, "timeout": "PT90S"}}
    assert dress(AUTOML, PLANS[0])["taskDetails"] == AUTOML["taskDetails"]


def test_checkpoints_have_no_place_in_a_search() -> None:
    """Trials that run side by side would write into one folder."""
    for body in (SWEEP, AUTOML):
        assert "amlrun_checkpoints" not in str(
            dress(body, PLANS[0], checkpoints="azureml://datastores/d/paths/p/")
        )


def test_automl_has_only_the_variables_that_were_given() -> None:
    """What runs is the service's: it is told nothing of attempts."""
    assert "environmentVariables" not in dress(AUTOML, PLANS[0])
    body = {**AUTOML, "environmentVariables": {"A": "a", "B": "b"}}
    said = dress(body, PLANS[0], environment_variables={"A": "c"})["environmentVariables"]
    assert said == {"A": "c", "B": "b"}


@given(st.dictionaries(st.sampled_from(["instance_type", "max_instance_count", "jobTier"]), st.integers()))
def test_names_are_spelt_as_the_service_does(said: dict[str, int]) -> None:
    """Whatever they were; what is right stays, and nothing is lost but what is null."""
    found = spelt({**said, "docker_args": None})
    assert sorted(found.values()) == sorted(said.values())
    assert not [name for name in found if "_" in name]
    assert spelt(found) == found
    assert spelt(None) == {}
