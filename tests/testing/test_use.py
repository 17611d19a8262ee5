"""The fake from anywhere: fixtures, decorator, unittest, threads, processes, beside a user's own mocks."""

from __future__ import annotations

import asyncio
import inspect
import subprocess
import sys
import threading
import unittest
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import responses
from requests import RequestException, Session
from requests.adapters import HTTPAdapter

from amlrun.testing import FakeAml, Throttled, UnknownHost, local, with_fake_aml
from tests.testing.wire import requests

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

pytest_plugins = ["pytester"]
PUT = "PUT /jobs/{name}"


def name_at(fake: FakeAml) -> str:
    """The name that answers at a fake's workspace."""
    found: str = requests.get(f"https://management.azure.com{fake.scope.path}", timeout=5).json()["name"]
    return found


# -- the decorator


@with_fake_aml
def decorated(fake_aml: FakeAml, more: str = "") -> tuple[FakeAml, str]:
    """Return what was given, having been answered."""
    return fake_aml, name_at(fake_aml) + more


def test_a_decorated_function_has_a_fake_of_its_own() -> None:
    """A new one for each call, passed by its name; afterwards nothing is patched."""
    before = Session.get_adapter
    (first, name), (second, longer) = decorated(), decorated(more="!")
    assert (name, longer) == ("fake-workspace", "fake-workspace!")
    assert first.scope != second.scope
    assert Session.get_adapter is before
    assert list(inspect.signature(decorated).parameters) == ["more"]
    assert decorated.__doc__ == "Return what was given, having been answered."


def test_a_decorator_takes_options() -> None:
    """Those of FakeAml; a function that doesn't ask for the fake isn't given it."""

    @with_fake_aml(subscription_id="s", workspace="w")
    def asking(part: str) -> int:
        url = f"https://management.azure.com/subscriptions/s/resourceGroups/fake-group/providers/{part}"
        return requests.get(f"{url}/workspaces/w", timeout=5).status_code

    assert asking("Microsoft.MachineLearningServices") == 200


def test_an_async_function_may_be_decorated() -> None:
    """The fake lasts until it has ended."""

    @with_fake_aml
    async def asking(fake_aml: FakeAml) -> str:
        await asyncio.sleep(0)
        return name_at(fake_aml)

    assert asyncio.run(asking()) == "fake-workspace"


def test_a_class_may_not_be_decorated() -> None:
    """Its methods may."""
    with pytest.raises(TypeError, match="decorates functions and methods"):
        with_fake_aml(FakeAml)


def test_a_generator_may_not_be_decorated() -> None:
    """The fake would be gone before its first step."""

    def steps() -> Iterator[int]:
        yield 1

    async def async_steps() -> AsyncIterator[int]:
        yield 1

    for function in (steps, async_steps):
        with pytest.raises(TypeError, match="is a generator"):
            with_fake_aml(function)


def test_a_decorated_function_fails_where_a_fault_never_struck() -> None:
    """As every use does."""

    @with_fake_aml
    def scripted(fake_aml: FakeAml) -> None:
        fake_aml.inject(Throttled(), on=PUT)

    with pytest.raises(AssertionError, match="never struck"):
        scripted()


class TestInClasses:
    """Methods are decorated like functions; pytest asks for no fixture."""

    @with_fake_aml
    def test_a_method(self, fake_aml: FakeAml, tmp_path: Path) -> None:
        """It gets the fake, and its fixtures."""
        assert name_at(fake_aml) == "fake-workspace"
        assert tmp_path.exists()


class TestWithUnittest(unittest.TestCase):
    """A TestCase starts a fake in setUp and has it stopped by a clean-up."""

    def setUp(self) -> None:
        """A fake for each test."""
        self.fake = FakeAml().start()
        self.addCleanup(self.fake.stop)

    def test_a_workspace_answers(self) -> None:
        """The fake is there."""
        self.assertEqual(name_at(self.fake), "fake-workspace")  # noqa: PT009 - this is unittest

    @with_fake_aml(workspace="second")
    def test_a_second_one(self, fake_aml: FakeAml) -> None:
        """The decorator works here too, beside the first."""
        self.assertEqual((name_at(self.fake), name_at(fake_aml)), ("fake-workspace", "second"))  # noqa: PT009


def test_the_last_stop_tells_of_faults_that_never_struck() -> None:
    """As the other ways to end do; not while an error is on its way, and not when told not to."""
    fake = FakeAml().start().start()
    fake.inject(Throttled(), on=PUT)
    fake.stop()
    with pytest.raises(AssertionError, match="never struck"):
        fake.stop()
    fake.start().stop(check=False)
    with pytest.raises(KeyError):  # noqa: PT012 - the whole of it is the point
        try:
            fake.start()
            raise KeyError
        finally:
            fake.stop()


def test_a_fake_says_what_it_is(fake_aml: FakeAml) -> None:
    """Workspace, time, number of jobs, and whether it is started."""
    assert repr(fake_aml) == (
        f"<FakeAml {fake_aml.scope.subscription_id}/fake-group/fake-workspace at 2026-01-05T09:00:00Z, "
        "0 jobs, started>"
    )
    assert repr(FakeAml(workspace="mine")).endswith("/mine at 2026-01-05T09:00:00Z, 0 jobs, not started>")


def test_a_folder_is_a_subscription_of_its_own(tmp_path: Path) -> None:
    """Whatever process made it, and however many it had made before."""
    first, second = FakeAml(tmp_path / "a"), FakeAml(tmp_path / "b")
    code = "import sys; from amlrun.testing import FakeAml; print(FakeAml(sys.argv[1]).scope.subscription_id)"
    command: list[Any] = [sys.executable, "-c", code, tmp_path / "c"]
    third = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert len({first.scope.subscription_id, second.scope.subscription_id, third}) == 3


# -- the fixtures


@pytest.mark.fake_aml(workspace="mine")
class TestMarked:
    """Options of the fixture come by a marker; the nearest one wins, each by itself."""

    def test_of_the_class(self, fake_aml: FakeAml) -> None:
        """The class's marker."""
        assert fake_aml.scope.workspace == "mine"

    @pytest.mark.fake_aml(resource_group="group")
    def test_of_both(self, fake_aml: FakeAml) -> None:
        """The test's beside it."""
        assert (fake_aml.scope.workspace, fake_aml.scope.resource_group) == ("mine", "group")


def test_several_workspaces(fake_aml: FakeAml, fake_aml_factory: Callable[..., FakeAml]) -> None:
    """The factory makes as many as are wanted, beside the first."""
    others = [fake_aml_factory(workspace=f"w{number}") for number in range(3)]
    assert [name_at(fake) for fake in others] == ["w0", "w1", "w2"]
    assert name_at(fake_aml) == "fake-workspace"


def test_a_fault_that_never_struck_fails_the_test(pytester: pytest.Pytester) -> None:
    """The test itself fails and says which; one that fails anyway keeps its own error."""
    pytester.makepyfile("""
        from amlrun.testing import Throttled

        def test_quiet(fake_aml):
            fake_aml.inject(Throttled(), on="PUT /jobs/{name}")

        def test_of_the_factory(fake_aml_factory):
            fake_aml_factory().inject(Throttled(), on="PUT /jobs/{name}")

        def test_loud(fake_aml):
            fake_aml.inject(Throttled(), on="PUT /jobs/{name}")
            assert 1 == 2

        def test_taken_back(fake_aml):
            fake_aml.inject(Throttled(), on="PUT /jobs/{name}")
            fake_aml.forget_faults()
    """)
    outcome = pytester.inline_run("-p", "no:cacheprovider")
    outcome.assertoutcome(failed=3, passed=1)
    told = {
        report.nodeid.rpartition("::")[2]: report.longreprtext
        for report in outcome.getreports("pytest_runtest_logreport")
        if report.failed
    }
    assert "never struck" not in told.pop("test_loud")
    assert told.keys() == {"test_quiet", "test_of_the_factory"}
    assert all("AssertionError: A scripted fault never struck:" in text for text in told.values())


def test_a_marker_with_positional_arguments_is_an_error(pytester: pytest.Pytester) -> None:
    """It says what it takes."""
    pytester.makepyfile("""
        import pytest

        @pytest.mark.fake_aml("westeurope")
        def test_it(fake_aml):
            pass
    """)
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "--strict-markers")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*takes options by keyword, not ('westeurope',)*"])


# -- beside a user's own mocks


def test_inside_a_users_responses_both_answer(fake_aml: FakeAml) -> None:
    """A user's `responses` inside a fake: each answers what is its own; unknown hosts are its to refuse."""
    with responses.RequestsMock() as mock:
        mock.get("https://example.com/x", json={"mine": True})
        assert requests.get("https://example.com/x", timeout=5).json() == {"mine": True}
        assert name_at(fake_aml) == "fake-workspace"
        with pytest.raises(RequestException, match="Connection refused by Responses"):
            requests.get("https://example.com/y", timeout=5)
    with pytest.raises(UnknownHost, match=r"example\.com"):
        requests.get("https://example.com/x", timeout=5)


def test_outside_it_both_answer_too(tmp_path: Path) -> None:
    """A fake inside a user's `responses`: the same, whichever began first and whichever ends first."""
    with responses.RequestsMock() as mock:
        mock.get("https://example.com/x", json={"mine": True})
        for fake in (FakeAml(workspace="inner"), local(tmp_path / "state")):
            with fake:
                assert requests.get("https://example.com/x", timeout=5).json() == {"mine": True}
                assert name_at(fake) == fake.scope.workspace
    fake = FakeAml().start()
    mock = responses.RequestsMock()
    mock.start()
    fake.stop()
    mock.stop()
    assert HTTPAdapter.send.__module__ == "requests.adapters"
    assert Session.get_adapter.__module__ == "requests.sessions"


@responses.activate
@with_fake_aml
def test_the_decorators_go_together(fake_aml: FakeAml) -> None:
    """A user's `@responses.activate` beside ours; what they may not do is to mock the fake's own URLs."""
    responses.get("https://example.com/x", body="mine")
    assert requests.get("https://example.com/x", timeout=5).text == "mine"
    responses.get(f"https://management.azure.com{fake_aml.scope.path}", body="never seen")
    assert name_at(fake_aml) == "fake-workspace"


# -- threads and processes


def test_a_fake_for_each_thread() -> None:
    """Threads may each have a fake of their own at the same time, with times of their own."""
    barrier = threading.Barrier(4)

    def work(number: int) -> tuple[str, float]:
        with FakeAml(workspace=f"w{number}") as fake:
            barrier.wait()
            before = fake.clock.now()
            fake.advance(minutes=number)
            client = fake.client()
            name = client.workspaces.get(f"w{number}").name
            barrier.wait()
            return str(name), fake.clock.now() - before

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, range(4))) == [(f"w{number}", number * 60.0) for number in range(4)]
    assert Session.get_adapter.__module__ == "requests.sessions"


_WORKER = """
import sys
import requests
from amlrun.testing import FakeAml

folder, worker = sys.argv[1:]
with FakeAml(folder) as fake:
    for number in range(15):
        body = {"properties": {"jobType": "Command", "command": "x", "environmentId": "azureml:e:1"}}
        url = f"https://management.azure.com{fake.scope.path}/jobs/w{worker}-{number}"
        signed = {"params": {"api-version": "2024-04-01"}, "headers": {"Authorization": "Bearer token"}}
        reply = requests.put(url, json=body, **signed)
        assert reply.status_code == 201, reply.text
        fake.advance(seconds=60)
"""


def test_two_processes_share_a_folder(tmp_path: Path) -> None:
    """Both submit and let time pass at once, and nothing is lost: no job, no second."""
    before = FakeAml(tmp_path).clock.now()
    command: list[Any] = [sys.executable, "-c", _WORKER, tmp_path]
    workers = [subprocess.Popen([*command, str(number)]) for number in range(2)]
    assert [worker.wait(60) for worker in workers] == [0, 0]
    fake = FakeAml(tmp_path)
    assert sorted(fake.jobs) == sorted(f"w{worker}-{number}" for worker in range(2) for number in range(15))
    assert fake.clock.now() == before + 30 * 60
    fake.advance(hours=100)
    assert {fake.job(name).status for name in fake.jobs} == {"Completed"}
