"""The record of calls, and what can be asserted of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from amlrun.testing import Call, FakeAml
from tests.testing.wire import requests

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from azure.ai.ml import MLClient

PUT = "PUT /jobs/{name}"


def test_a_call_says_what_came(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """Method, route, path, name, api-version, body, time on the fake's clock, status."""
    fake_aml.advance(minutes=1)
    submit(name="train")
    (call,) = fake_aml.calls.of(PUT)
    assert (call.method, call.route, call.name, call.args) == (
        "PUT",
        "/jobs/{name}",
        "train",
        {"name": "train"},
    )
    assert call.path == f"{fake_aml.scope.path}/jobs/train"
    assert call.place == "/jobs/train"
    assert call.api_version.startswith("20")
    assert call.json["properties"]["jobType"] == "Command"
    assert b"python train.py" in call.body
    assert (call.time, call.status, call.faults) == (fake_aml.clock.now(), 201, ())
    assert str(call) == "PUT /jobs/train (201)"


def test_the_record_is_a_sequence(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """It has a length, an order, slices that are tuples, an equality; it grows, and can be cleared."""
    calls = fake_aml.calls
    assert calls == ()
    assert not calls
    submit(name="a")
    before = len(calls)
    submit(name="b")
    assert [call.name for call in calls[before:] if call.method == "PUT"] == ["b"]
    assert isinstance(calls[:1], tuple)
    assert isinstance(calls[0], Call)
    assert calls == tuple(calls)
    assert calls[-1] in calls
    assert repr(calls).startswith(f"<{len(calls)} calls: ")
    calls.clear()
    assert fake_aml.calls == ()


def test_a_call_is_expected(fake_aml: FakeAml, client: MLClient, submit: Callable[..., str]) -> None:
    """`expect` hands the calls back: by route, name, body and number."""
    submit(name="train-1", instance_count=2, instance_type="Standard_DS3_v2")
    submit(name="train-2")
    client.jobs.get("train-2")
    both = fake_aml.calls.expect(PUT, times=2)
    assert [call.name for call in both] == ["train-1", "train-2"]
    two_nodes = {"properties": {"resources": {"instanceCount": 2}}}
    assert fake_aml.calls.expect(PUT, body=two_nodes) == both[:1]
    assert fake_aml.calls.expect("GET /jobs/*", name="train-?")
    assert fake_aml.calls.expect("DELETE *", times=0) == ()
    with pytest.raises(ValueError, match="leads to no route"):
        fake_aml.calls.expect("PUT /job/{name}")
    with pytest.raises(ValueError, match="leads to no route"):
        fake_aml.calls.of("PUT /job/{name}")


def failure(fake: FakeAml, on: str, **wanted: object) -> list[str]:
    """The lines of the error of an expectation."""
    with pytest.raises(AssertionError) as caught:
        fake.calls.expect(on, **wanted)  # type: ignore[arg-type]
    return str(caught.value).splitlines()


def test_what_came_instead_is_told(fake_aml: FakeAml, client: MLClient, submit: Callable[..., str]) -> None:
    """Each near call with the first reason why it isn't the one, the nearest first."""
    submit(name="training")
    client.jobs.get("training")
    client.jobs.begin_cancel("training").result()
    lines = failure(fake_aml, PUT, name="train")
    assert lines[:4] == [
        "Expected at least one call of PUT /jobs/{name} with name 'train'; there were 0.",
        "What came instead:",
        "  PUT /jobs/training (201): its name is 'training'",
        "  GET /jobs/training (200): its method is GET",
    ]
    assert "  POST /jobs/training/cancel (202): its method is POST" in lines
    assert failure(fake_aml, "POST /jobs/{name}/cancel", times=0) == [
        "Expected 0 calls of POST /jobs/{name}/cancel; there was 1.",
        "  POST /jobs/training/cancel (202)",
    ]


def test_the_first_difference_of_a_body_is_told(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """By its place in the body: what is missing, or what is there instead."""
    submit(name="train", instance_type="Standard_DS3_v2")
    wanted = {"properties": {"resources": {"instanceType": "Standard_NC6"}}}
    assert failure(fake_aml, PUT, body=wanted)[2] == (
        "  PUT /jobs/train (201): its body has properties.resources.instanceType 'Standard_DS3_v2', "
        "not 'Standard_NC6'"
    )
    missing = {"properties": {"limits": {"timeout": "PT1H"}}}
    assert "its body has " in failure(fake_aml, PUT, body=missing)[2]
    assert "properties.nothing" in failure(fake_aml, PUT, body={"properties": {"nothing": 1}})[2]


def test_nothing_came_at_all(fake_aml: FakeAml) -> None:
    """That too is said."""
    assert failure(fake_aml, PUT) == [
        f"Expected at least one call of {PUT}; there were 0.",
        "No other call came.",
    ]


def test_many_calls_are_told_in_short(fake_aml: FakeAml) -> None:
    """Ten of them, and how many more there were."""
    for number in range(30):
        requests.get(f"https://management.azure.com{fake_aml.scope.path}/jobs/j{number}", timeout=5)
    assert failure(fake_aml, PUT)[-1] == "  and 20 more"
    assert repr(fake_aml.calls).endswith(", …>")


def test_the_record_has_an_end(fake_aml: FakeAml) -> None:
    """The last 10,000 calls are kept, and no more."""
    url = f"https://management.azure.com{fake_aml.scope.path}/jobs/x"
    requests.get(url, timeout=5)
    first = fake_aml.calls[0]
    for _ in range(10_000):
        fake_aml.calls.note(first)
    assert len(fake_aml.calls) == 10_000


def test_bytes_of_blobs_and_secrets_are_not_kept(
    fake_aml: FakeAml, client: MLClient, submit: Callable[..., str], tmp_path: Path
) -> None:
    """An upload leaves its calls in the record, but not what was uploaded; replies are never there."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "train.py").write_text("print('a secret of mine')")
    submit(name="train", code=str(tmp_path / "src"))
    uploads = fake_aml.calls.expect("PUT /{container}/{+name}")
    assert {call.body for call in uploads} == {b""}
    client.datastores.get("workspaceblobstore", include_secrets=True)
    fake_aml.calls.expect("POST /datastores/{name}/listSecrets")
    assert not [call for call in fake_aml.calls if "secret of mine" in repr(call) or "sig=" in repr(call)]


def test_secrets_are_not_shown(fake_aml: FakeAml, client: MLClient) -> None:
    """Logs of tests are read by others: neither a call nor a missed expectation shows a key."""
    from azure.ai.ml.entities import AccountKeyConfiguration, AzureBlobDatastore

    store = AzureBlobDatastore(
        name="mine",
        account_name="account",
        container_name="box",
        credentials=AccountKeyConfiguration(account_key="c2VjcmV0"),
    )
    client.create_or_update(store)
    (call,) = fake_aml.calls.expect("PUT /datastores/{name}")
    assert b"c2VjcmV0" in call.body
    assert "c2VjcmV0" not in repr(call)
    properties: dict[str, Any] = {"credentials": {"secrets": {"key": "b3RoZXI="}}}
    with pytest.raises(AssertionError, match=r"another properties\.credentials\.secrets\.key") as caught:
        fake_aml.calls.expect("PUT /datastores/{name}", body={"properties": properties})
    assert "b3RoZXI=" not in str(caught.value)
    with pytest.raises(AssertionError, match="its body has properties") as caught:
        fake_aml.calls.expect("PUT /datastores/{name}", body={"properties": 1})
    assert "c2VjcmV0" not in str(caught.value)
