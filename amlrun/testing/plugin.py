"""The pytest plugin: the `fake_aml` fixture, and nothing that costs a run without it anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlrun.testing import FakeAml


@pytest.fixture
def fake_aml() -> Iterator[FakeAml]:
    """A fake Azure ML workspace, started: virtual clock, state in memory, nothing leaves for the network."""
    from amlrun.testing import FakeAml  # noqa: PLC0415 - only tests that use it pay for it

    with FakeAml() as fake:
        yield fake
