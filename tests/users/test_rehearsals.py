"""Rehearsals of bad days, as a project that uses amlrun writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from amlrun import WaitTimeout, submit
from amlrun.testing import Preempted

if TYPE_CHECKING:
    from amlrun.testing import FakeAml


@pytest.mark.parametrize("how", ["failed", "canceled"])
def test_a_run_outlives_its_nodes(fake_aml: FakeAml, how: Any) -> None:
    """Whatever way the service shows it, the run goes on as its second attempt."""
    fake_aml.inject(Preempted(how=how), job="train")
    run = submit(
        "python train.py",
        name="train",
        environment="azureml:train:1",
        gpus=1,
        tier="spot",
        client=fake_aml.client(),
    )
    run.wait()
    assert (run.status, run.attempt) == ("Completed", 2)
    assert fake_aml.jobs == ("train", "train-a2")


def test_quota_that_vanishes_in_the_middle(fake_aml: FakeAml) -> None:
    """The node is taken, and somebody else takes the spot quota: the run waits, and says what for."""
    client = fake_aml.client()
    fake_aml.inject(Preempted(), job="train")
    run = submit(
        "python train.py", name="train", environment="azureml:train:1", gpus=1, tier="spot", client=client
    )
    fake_aml.advance(minutes=3)
    fake_aml.quota("TotalLowPriorityCores", limit=16, used=16)
    with pytest.raises(WaitTimeout):
        run.wait(timeout=3600)
    assert (run.status, run.attempt) == ("Queued", 2)
    fake_aml.quota("TotalLowPriorityCores", used=0)
    run.wait()
    assert run.status == "Completed"
