"""The service's own replies, as they came, through the real client: the answers that they must give."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from amlrun import NoQuota, NotEnoughQuota, Plan, plan, quota
from amlrun.testing import Answer

if TYPE_CHECKING:
    from amlrun.testing import FakeAml

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
PLACE = "GET /providers/Microsoft.MachineLearningServices/locations/{location}"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the recorded replies are not beside this checkout")


@pytest.fixture(autouse=True)
def replies(fake_aml: FakeAml) -> None:
    """Usages and sizes are those of the files."""
    for what in ("usages", "vmSizes"):
        body = json.loads((DATA / f"{what.lower()}-eastus.json").read_text(encoding="utf-8"))
        fake_aml.inject(Answer(200, body), on=f"{PLACE}/{what}", times=None)


def asked(fake: FakeAml, **options: Any) -> Plan:
    """The plan for that."""
    return plan("python train.py", environment="azureml:train:1", client=fake.client(), **options)


def test_a_family_that_is_full_waits(fake_aml: FakeAml) -> None:
    """16 of 16 vCPUs of the T4 family are in use: not never, and not now."""
    found = asked(fake_aml, gpu="T4")
    assert (found.instance_type, str(found.starts)) == ("Standard_NC4as_T4_v3", "queued")
    assert any("limit 16, in use 16, free 0: none fits now, four ever" in why for why in found.reasons)


def test_what_starts_now_is_worth_its_price(fake_aml: FakeAml) -> None:
    """A V100 starts now and costs more than 1.25 times the T4 that waits: the T4 is taken."""
    assert asked(fake_aml, gpus=1).instance_type == "Standard_NC4as_T4_v3"
    assert str(asked(fake_aml, gpu=["V100", "T4"]).starts) == "now"


def test_spellings_of_a_family_are_joined(fake_aml: FakeAml) -> None:
    """`StandardNCADSA100v4Family` of the sizes is `standardNCADSA100v4Family` of the usages."""
    assert str(asked(fake_aml, gpu="A100").starts) == "now"
    with pytest.raises(NotEnoughQuota) as caught:
        asked(fake_aml, gpu="A100", instance_count=2)
    assert "needs 2 x 24 = 48 vCPUs of standardNCADSA100v4Family; limit 24" in " ".join(
        str(caught.value).split()
    )


def test_a_family_at_zero_is_never(fake_aml: FakeAml) -> None:
    """`standardNCADSH100v5Family` has a row, and its limit is 0; the sizes spell it otherwise, too."""
    with pytest.raises(NoQuota, match="standardNCADSH100v5Family; limit 0"):
        asked(fake_aml, instance_type="Standard_NC40ads_H100_v5")


def test_the_low_priority_rows_of_families_cap_nothing(fake_aml: FakeAml) -> None:
    """They say -1; the pool has 276 of 300 vCPUs free, whatever family."""
    found = asked(fake_aml, gpu="T4", tier="spot", instance_count=4)
    assert str(found.starts) == "now"
    assert any("4 x 4 = 16 of 276 free vCPUs of TotalLowPriorityCores" in why for why in found.reasons)


def test_quota_reads_both_rows_of_a_family(fake_aml: FakeAml) -> None:
    """Dedicated and spot side by side."""
    family = quota(client=fake_aml.client()).family("StandardNCADSA100v4Family")
    assert family is not None
    assert family.dedicated is not None
    assert family.spot is not None
    assert (family.dedicated.used, family.dedicated.limit, family.spot.used) == (0, 24, 24)
