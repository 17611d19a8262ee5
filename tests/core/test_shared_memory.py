"""Shared memory of nodes with GPUs."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from amlrun import Plan
from amlrun._jobs.shared_memory import (
    shared_memory,
    step_with_shared_memory,
    with_shared_memory,
    without_shared_memory,
)
from amlrun._offers import Kind, Size

T4 = Size(
    name="Standard_NC4as_T4_v3",
    family="standardNCASv3_T4Family",
    cpus=4,
    memory_gb=28,
    gpus=1,
    gpu="T4",
    disk_gb=176,
    for_jobs=True,
    price=None,
    spot_price=None,
    price_source="",
)
PLAN = Plan(instance_type=T4.name, size=T4)


def test_half_of_the_node() -> None:
    """In the service's pattern, on whatever has the VM to itself."""
    assert shared_memory(PLAN) == "14g"
    assert shared_memory(attrs.evolve(PLAN, kind=Kind.CLUSTER)) == "14g"


@pytest.mark.parametrize(
    "plan",
    [
        attrs.evolve(PLAN, size=None),
        attrs.evolve(PLAN, size=attrs.evolve(T4, gpus=0)),
        attrs.evolve(PLAN, size=attrs.evolve(T4, memory_gb=4)),
        attrs.evolve(PLAN, kind=Kind.KUBERNETES),
    ],
)
def test_else_the_services_own(plan: Plan) -> None:
    """No GPU, a size that isn't known, a small one, a machine that is shared."""
    assert shared_memory(plan) is None
    assert with_shared_memory({"instanceCount": 1}, plan) == {"instanceCount": 1}


@pytest.mark.parametrize(
    "said",
    [
        {"shmSize": "3g"},
        {"dockerArgs": "--ipc=host"},
        {"dockerArgs": "-e A=b --shm-size 8g"},
        {"dockerArgsList": ["--shm-size=1g"]},
    ],
)
def test_what_the_job_says_stays(said: dict[str, Any]) -> None:
    """Of its size, or by Docker's own arguments."""
    assert with_shared_memory(said, PLAN) == said


def test_where_nothing_is_said() -> None:
    """In a body, and in a pipeline's step."""
    assert with_shared_memory({"dockerArgs": "-e A=b", "shmSize": None}, PLAN)["shmSize"] == "14g"
    assert step_with_shared_memory({"instance_count": 1}, PLAN) == {"instance_count": 1, "shm_size": "14g"}
    assert step_with_shared_memory({"docker_args": "--ipc=host"}, PLAN) == {"docker_args": "--ipc=host"}


@pytest.mark.parametrize("amount", ["14g", "3g", None])
def test_what_a_former_plan_had_put_there_goes_with_it(amount: str | None) -> None:
    """The job's own amount stays; a sweep has it twice."""
    resources = {"instanceCount": 1, **({"shmSize": amount} if amount else {})}
    job: dict[str, Any] = {"resources": dict(resources), "trial": {"resources": dict(resources)}}
    left = {"instanceCount": 1} if amount == "14g" else resources
    without_shared_memory(job, PLAN)
    assert job == {"resources": left, "trial": {"resources": left}}
    bare: dict[str, Any] = {"resources": None}
    without_shared_memory(bare, attrs.evolve(PLAN, size=None))
    assert bare == {"resources": None}
