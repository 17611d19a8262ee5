"""The pytest plugin: `fake_aml` and `fake_aml_factory`. It costs a run without them nothing."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from amlrun.testing import FakeAml

_MARKER = "fake_aml"
_started = pytest.StashKey["list[FakeAml]"]()


def pytest_configure(config: pytest.Config) -> None:
    """Tell pytest of the marker."""
    config.addinivalue_line(
        "markers",
        f"{_MARKER}(**options): options of the fixture `fake_aml`, such as location or folder.",
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Fail a test, otherwise passed, in which a scripted fault never struck."""
    yield
    for fake in item.stash.get(_started, []):
        fake.check_faults()


@pytest.fixture
def fake_aml(fake_aml_factory: Callable[..., FakeAml], request: pytest.FixtureRequest) -> FakeAml:
    """A fake Azure ML workspace, started: virtual clock, state in memory, nothing leaves for the network.

    `@pytest.mark.fake_aml(location="westeurope")` gives it options of `FakeAml`. A fault that the test
    scripted and that never struck fails the test.
    """
    options: dict[str, Any] = {}
    for mark in reversed(list(request.node.iter_markers(_MARKER))):
        if mark.args:
            raise pytest.UsageError(f"The marker {_MARKER} takes options by keyword, not {mark.args!r}.")
        options |= mark.kwargs
    return fake_aml_factory(**options)


@pytest.fixture
def fake_aml_factory(request: pytest.FixtureRequest) -> Iterator[Callable[..., FakeAml]]:
    """Make and start fakes, with options of `FakeAml`: several workspaces at once. All stop at the end."""
    from amlrun.testing import FakeAml  # noqa: PLC0415 - only tests that use it pay for it

    with ExitStack() as stack:

        def make(**options: Any) -> FakeAml:
            fake = FakeAml(**options).start()
            stack.callback(fake.stop, check=False)  # the test's call has done it
            request.node.stash.setdefault(_started, []).append(fake)
            return fake

        yield make
