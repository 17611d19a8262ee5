"""Faults that a test has scripted: at which calls they are aimed, and which are still to come."""

from __future__ import annotations

import re
import threading
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING, Any

from amlrun.testing._routes import (
    OF_DISCOVERY,
    OF_ENTRA,
    OF_HISTORY,
    OF_IDENTITY,
    OF_LAKES,
    OF_MACHINE,
    OF_REGISTRIES,
    OF_SUBSCRIPTION,
    OF_VAULTS,
    OF_WORKSPACE,
)
from amlrun.testing._wire.calls import Aim, Call, nearest
from amlrun.testing._wire.faults import Answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amlrun.testing._wire.faults import WireFault

_WATCHED = 1000
_MANAGED = (*OF_WORKSPACE, *OF_SUBSCRIPTION, *OF_HISTORY, *OF_DISCOVERY, *OF_REGISTRIES)
_SIGNING_IN = (*OF_IDENTITY, *OF_ENTRA, *OF_MACHINE)
_TABLES = (*_MANAGED, *_SIGNING_IN, *OF_VAULTS, *OF_LAKES)


class Injection:
    """Some faults together, aimed: they strike `times` matching calls in a row, from the `call`-th on."""

    def __init__(self, faults: tuple[WireFault, ...], aim: Aim, *, call: int, times: int | None) -> None:
        self.faults = faults
        self.aim = aim
        self.call = call
        self.times = times
        self.seen = 0
        self.struck = 0
        self.misses: list[tuple[str, str]] = []

    @property
    def decides(self) -> bool:
        """Whether it decides what becomes of a call, or only delays it."""
        return any(fault.decides for fault in self.faults)

    @property
    def pending(self) -> bool:
        """Whether something of it has yet to happen."""
        return self.struck < (1 if self.times is None else self.times)

    def turn(self, call: Call) -> bool:
        """Look at a call: whether it is this one's turn to strike it."""
        if self.times is not None and self.struck >= self.times:
            return False
        miss = self.aim.miss(call)
        if not miss:
            self.seen += 1
            if self.seen >= self.call:
                return True
            miss = f"it was number {self.seen} of those that match, and the faults begin at {self.call}"
        if len(self.misses) < _WATCHED:
            self.misses.append((call.request, miss))
        return False

    def told(self) -> str:
        """What has yet to happen, and what came near it."""
        what = " + ".join(map(str, self.faults))
        begins = f", from call {self.call} on" if self.call > 1 else ""
        wanted = "any number of times" if self.times is None else f"{self.times}"
        lines = [f"{what} on {self.aim}{begins}: struck {self.struck} of {wanted}."]
        return "\n".join([*lines, *(nearest(self.misses) or ["  No call came near."])])


class Injections:
    """All that is scripted for one fake."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: list[Injection] = []

    def add(self, injection: Injection) -> None:
        """Script it, behind what is scripted already."""
        with self._lock:
            self._all.append(injection)

    def forget(self) -> None:
        """Take back what has yet to happen."""
        with self._lock:
            self._all.clear()

    def strike(self, call: Call) -> tuple[WireFault, ...]:
        """The faults that strike a call. Of those that decide what becomes of it, the first one scripted."""
        struck: list[WireFault] = []
        with self._lock:
            for injection in self._all:
                decided = any(fault.decides for fault in struck)
                if injection.turn(call) and not (decided and injection.decides):
                    injection.struck += 1
                    struck.extend(injection.faults)
        return tuple(struck)

    def pending(self) -> list[str]:
        """What has yet to happen, each with what came near it."""
        with self._lock:
            return [injection.told() for injection in self._all if injection.pending]


@cache
def _probes() -> tuple[Call, ...]:
    """A call of each route."""
    routes = (route for table in _TABLES for route in table.routes)
    return tuple(Call(route.method, "", "", b"", 0.0, 0, route=route.template) for route in routes)


def check_route(on: str) -> None:
    """Raise ValueError for what leads to no route of the fake, and name near ones."""
    aim = Aim(on)
    if not all(aim.miss(probe) for probe in _probes()):
        return
    # A path, wherever its globs may lead, below a workspace or subscription. (Any path could be a blob's.)
    method, _, path = on.partition(" ")
    below = re.sub(r"^(\*|/subscriptions/.*/workspaces/[^/]+)(?=/)", "", path.strip())
    plain = re.sub(r"\{[^}]*\}|[*?]", "x", below)
    for route in (route for table in (*_MANAGED, *_SIGNING_IN) for route in table.routes):
        if fnmatchcase(route.method, method.upper()) and route.pattern.fullmatch(plain):
            return
    names = sorted({f"{probe.method} {probe.route}" for probe in _probes()})
    near = get_close_matches(on, names, n=3, cutoff=0.5) or names[:3]
    raise ValueError(f"{on!r} leads to no route of the fake. Near it: {', '.join(near)}.")


def of(faults: Sequence[WireFault], aim: Aim, *, call: Any, times: Any) -> Injection:
    """What strikes together. Raises ValueError for faults that can't, and for counts that are none."""
    if not faults:
        raise ValueError("No fault was given.")
    if sum(fault.decides for fault in faults) > 1:
        raise ValueError(f"Only one of these can become of a call: {', '.join(map(str, faults))}.")
    for word, count in (("call", call), ("times", times)):
        if count is not None and (not isinstance(count, int) or isinstance(count, bool) or count < 1):
            raise ValueError(f"call and times count from 1, not {word}={count!r}.")
    if not any(isinstance(fault, Answer) for fault in faults):  # which serves what the fake doesn't have
        check_route(aim.on)
    return Injection(tuple(faults), aim, call=call, times=times)
