"""Fixtures of the core: look-ups of a service that answers as it is told, on a clock that stands still."""

from __future__ import annotations

import pytest

from amlrun._readings.lookups import Lookups
from tests.core.rows import SUBSCRIPTION, WORKSPACE
from tests.core.service import HandClock, Service


@pytest.fixture
def service() -> Service:
    """A service that answers everything."""
    return Service()


@pytest.fixture
def clock() -> HandClock:
    """A clock that stands still."""
    return HandClock()


@pytest.fixture
def lookups(service: Service, clock: HandClock) -> Lookups:
    """Nothing read yet."""
    return Lookups(service, SUBSCRIPTION, WORKSPACE, clock)
