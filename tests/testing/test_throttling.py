"""ARM's limits on the number of requests, as a switch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amlrun.testing._wire.buckets import Bucket
from tests.testing.wire import requests

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml


def test_reads_and_writes_have_buckets_of_their_own(fake_aml: FakeAml) -> None:
    """What is too much gets 429 and when to come back; then time refills the bucket."""
    fake_aml.throttle(reads=5, writes=1)
    url = f"https://management.azure.com{fake_aml.scope.path}/jobs/train"
    statuses = [requests.get(url, timeout=5).status_code for _ in range(7)]
    assert statuses == [404] * 5 + [429] * 2
    body = {"properties": {"jobType": "Command", "command": "x", "environmentId": "azureml:e:1"}}
    assert [requests.put(url, json=body, timeout=5).status_code for _ in range(2)] == [201, 429]
    refused = requests.get(url, timeout=5)
    assert refused.headers["Retry-After"] == "1"
    fake_aml.advance(seconds=1)
    assert requests.get(url, timeout=5).status_code == 200
    assert requests.put(url, json=body, timeout=5).status_code == 200
    fake_aml.throttle(reads=None, writes=None)
    assert {requests.get(url, timeout=5).status_code for _ in range(30)} == {200}


def test_the_sdk_slows_down(fake_aml: FakeAml, client: MLClient) -> None:
    """A loop of requests goes on at the rate of the bucket, in virtual time, and none is lost."""
    fake_aml.throttle()
    before = fake_aml.clock.now()
    for _ in range(600):
        client.workspaces.get(fake_aml.scope.workspace)
    assert fake_aml.clock.now() - before >= (600 - 250) / 25 - 1


@given(
    gaps=st.lists(st.floats(0, 5), min_size=1, max_size=60),
    size=st.integers(1, 20),
    rate=st.floats(0.1, 30),
)
def test_a_bucket_never_gives_more_than_it_has(gaps: list[float], size: int, rate: float) -> None:
    """It gives at most its size and what time refilled; a refused request may come when it is told to."""
    bucket, now, given_out = Bucket(size, rate, size, 0.0), 0.0, 0
    for gap in gaps:
        now += gap
        bucket, wait = bucket.take(now)
        if wait:
            assert bucket.take(now + wait + 1e-6)[1] == 0
        else:
            given_out += 1
        assert given_out <= size + now * rate + 1e-6
        assert 0 <= bucket.level <= size


def test_limits_that_make_no_sense(fake_aml: FakeAml) -> None:
    """They are whole numbers from 1 up."""
    for limits in ({"reads": -1}, {"writes": "5"}, {"reads": 0}):
        with pytest.raises(ValueError, match="must be a whole number of at least 1"):
            fake_aml.throttle(**limits)
