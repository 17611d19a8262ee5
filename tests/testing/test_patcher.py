"""Who answers a request: several fakes, in any order, beside the rest of the process."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
import responses
from azure.ai.ml import command
from requests import Response, Session
from requests.adapters import HTTPAdapter

from amlrun.testing import FakeAml, UnknownHost, UnknownRoute
from tests.testing.wire import requests

if TYPE_CHECKING:
    from pathlib import Path

    from requests.adapters import BaseAdapter


def name_at(fake: FakeAml) -> str:
    """The name that answers at a fake's workspace."""
    found: str = requests.get(f"https://management.azure.com{fake.scope.path}", timeout=5).json()["name"]
    return found


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_fakes_stop_in_any_order(order: tuple[int, ...]) -> None:
    """Whatever the order, the rest go on answering, and the last one leaves `requests` as it was."""
    before = Session.get_adapter
    fakes = [FakeAml(workspace=f"w{number}").start() for number in range(3)]
    assert [name_at(fake) for fake in fakes] == ["w0", "w1", "w2"]
    for place, index in enumerate(order):
        fakes[index].stop()
        for left in order[place + 1 :]:
            assert name_at(fakes[left]) == f"w{left}"
    assert Session.get_adapter is before


def test_starts_are_counted() -> None:
    """A fake started twice answers until it is stopped twice; a stop too many does nothing."""
    before = Session.get_adapter
    fake = FakeAml().start().start()
    fake.stop()
    assert name_at(fake) == "fake-workspace"
    fake.stop()
    fake.stop()
    assert Session.get_adapter is before


def test_two_workspaces_of_one_subscription() -> None:
    """The path's workspace answers; one that isn't there is the service's 404."""
    with (
        FakeAml(subscription_id="s", workspace="a") as first,
        FakeAml(subscription_id="s", workspace="b") as second,
    ):
        assert (name_at(first), name_at(second)) == ("a", "b")
        reply = requests.get(f"https://management.azure.com{first.scope.path}x", timeout=5)
        assert reply.status_code == 404
        assert reply.json()["error"]["code"] == "ResourceNotFound"


def test_two_states_of_one_name_are_refused() -> None:
    """Two fakes that claim the same workspace can't both be live."""
    before = Session.get_adapter
    with FakeAml(subscription_id="s"):
        twin = FakeAml(subscription_id="s")
        with pytest.raises(ValueError, match="Another fake is live as /subscriptions/s/"):
            twin.start()
    assert Session.get_adapter is before


def test_an_unknown_host_is_named(fake_aml: FakeAml) -> None:
    """Nothing leaves for the network, and the error says what would have."""
    with pytest.raises(UnknownHost, match=r"GET https://example\.com/x belongs to no fake workspace"):
        requests.get("https://example.com/x", timeout=5)
    with pytest.raises(UnknownHost, match="subscriptions/other"):
        requests.get("https://management.azure.com/subscriptions/other", timeout=5)
    assert fake_aml.calls == ()


def test_an_unknown_route_is_named(fake_aml: FakeAml) -> None:
    """A route that the fake doesn't have is an error that names it, and the path's methods."""
    root = f"https://management.azure.com{fake_aml.scope.path}"
    with pytest.raises(UnknownRoute, match=r"no route GET management.azure.com/.*/onlineEndpoints/x"):
        requests.get(f"{root}/onlineEndpoints/x", timeout=5)
    with pytest.raises(UnknownRoute, match=r"It has .*GET, PUT there"):
        requests.post(f"{root}/jobs/x", timeout=5)
    with pytest.raises(UnknownRoute, match=r"no route GET eastus.api.azureml.ms/metric/v2.0"):
        requests.get(f"https://eastus.api.azureml.ms/metric/v2.0{fake_aml.scope.path}/runs", timeout=5)


def test_threads_may_send_at_once(fake_aml: FakeAml) -> None:
    """Requests from many threads are each answered."""
    barrier = threading.Barrier(8)

    def put(number: int) -> int:
        barrier.wait()
        body = {"properties": {"jobType": "Command", "command": "x", "environmentId": "azureml:e:1"}}
        url = f"https://management.azure.com{fake_aml.scope.path}/jobs/j{number}"
        return requests.put(url, json=body, timeout=5).status_code

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(put, range(8))) == [201] * 8
    assert len(fake_aml.jobs) == 8


def test_a_users_own_responses_outside_hears_what_is_not_ours(tmp_path: Path) -> None:
    """Inside a user's own `responses`, a fake that lets strangers through leaves them to it."""
    from amlrun.testing import local

    with responses.RequestsMock() as users:
        users.get("https://example.com/x", json={"mine": True})
        fake = local(tmp_path / "state")
        with fake:
            assert requests.get("https://example.com/x", timeout=5).json() == {"mine": True}
            assert name_at(fake) == "local"


class Theirs:
    """Somebody's own patch in the place of ours, who puts back what he found."""

    def __init__(self) -> None:
        self.before: Any = Session.get_adapter

    def start(self) -> None:
        """On."""
        self.before = before = Session.get_adapter

        def get_adapter(session: Session, url: Any) -> BaseAdapter:
            return before(session, url)

        Session.get_adapter = get_adapter  # type: ignore[method-assign,assignment]

    def stop(self) -> None:
        """Off."""
        Session.get_adapter = self.before  # type: ignore[method-assign]


def test_another_patch_of_the_same_may_end_first() -> None:
    """It takes ours off with it; the next that the fake hears of puts it on again, and none is left."""
    before = Session.get_adapter
    theirs = Theirs()
    theirs.start()
    first = FakeAml().start()
    theirs.stop()
    assert first.credential.get_token("x").token
    assert name_at(first) == "fake-workspace"
    first.stop()
    with FakeAml() as second:
        assert name_at(second) == "fake-workspace"
    assert Session.get_adapter is before


def test_another_patch_of_the_same_may_end_last() -> None:
    """Ours stays under it, without effect, and later fakes answer over it."""
    before = Session.get_adapter
    fake, theirs = FakeAml().start(), Theirs()
    theirs.start()
    fake.stop()
    with FakeAml() as second:
        assert name_at(second) == "fake-workspace"
        with pytest.raises(UnknownHost):
            requests.get("https://example.com/x", timeout=5)
    theirs.stop()
    with FakeAml() as third:
        assert name_at(third) == "fake-workspace"
    Session.get_adapter = before  # type: ignore[method-assign]


def test_a_wrapper_of_send_opens_no_way_out(fake_aml: FakeAml, monkeypatch: pytest.MonkeyPatch) -> None:
    """Instrumentation that wraps what sends is no mock: strangers are refused as ever."""
    send = HTTPAdapter.send

    def wrapped(*args: Any, **options: Any) -> Any:
        return send(*args, **options)

    monkeypatch.setattr(HTTPAdapter, "send", wrapped)
    with pytest.raises(UnknownHost, match=fake_aml.scope.workspace):
        requests.get("https://example.com/x", timeout=5)


def test_a_mock_of_unittest_hears_strangers(fake_aml: FakeAml) -> None:
    """One in the place of what sends."""
    with mock.patch.object(HTTPAdapter, "send", return_value=Response()) as send:
        requests.get("https://example.com/x", timeout=5)
        assert name_at(fake_aml) == "fake-workspace"
    send.assert_called_once()


# -- a fake that is not started


def test_one_that_is_not_started_leaves_the_process_alone() -> None:
    """While its own client sends, nobody else's requests are looked at."""
    before, seen = Session.get_adapter, []
    fake = FakeAml()
    client = fake.client()

    def look(_call: object) -> None:
        seen.append(Session.get_adapter)

    fake.calls.note = look  # type: ignore[method-assign,assignment]
    assert client.workspaces.get("fake-workspace").name == "fake-workspace"
    assert set(seen) == {before}


def test_one_that_is_not_started_lets_nothing_out(tmp_path: Path) -> None:
    """What its own client can't answer for says so at once, and so does its credential elsewhere."""
    fake = FakeAml()
    client = fake.client()
    for number in range(2):
        (tmp_path / "train.py").write_text(f"print({number})")
        job = command(command="python train.py", environment="azureml:train:1", code=tmp_path)
        with pytest.raises(Exception, match=r"not started.*start\(\)"):
            client.jobs.create_or_update(job)
        with pytest.raises(RuntimeError, match=r"not started.*start\(\)"):
            fake.credential.get_token("https://management.azure.com/.default")
        with fake:
            client.jobs.create_or_update(job)
