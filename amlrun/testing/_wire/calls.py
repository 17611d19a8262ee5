"""The record of what a fake was asked, and what can be asserted of it."""

from __future__ import annotations

import json
import re
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, overload

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEPT = 10_000
_SHOWN = 10
_SECRET = re.compile(r"(?i)secret|password|token|access_?key|account_?key|^key$|sasuri|connectionstring")
"""Fields whose values nobody shows."""


@attrs.frozen
class Call:
    """One request that the fake has answered, or has let go unanswered.

    `route` is the template that answered, such as `/jobs/{name}`; "" where there was none. `args` are the
    parts of the path that it names, `name` the last of them. `body` is what came: b"" for a blob and for
    a secret of a key vault. `time` is on the fake's clock. `status` is 0 where no reply went back; `faults`
    were injected and struck this call.
    """

    method: str
    path: str
    api_version: str
    body: bytes = attrs.field(repr=False)  # it may hold secrets, and logs are read by others
    time: float
    status: int
    route: str = ""
    place: str = ""
    """The path below the workspace, the subscription, or the account."""
    args: Mapping[str, str] = attrs.field(factory=dict)
    faults: tuple[object, ...] = ()

    @property
    def name(self) -> str:
        """What the call is about: the last part of the path that the route names."""
        return list(self.args.values())[-1] if self.args else self.place.rpartition("/")[2]

    @property
    def request(self) -> str:
        """The method, and the path below the workspace."""
        return f"{self.method} {self.place or '/'}"

    @property
    def json(self) -> Any:
        """The body as JSON; None where it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    def __str__(self) -> str:
        """The call in a few words."""
        struck = "".join(f", struck by {fault}" for fault in self.faults)
        return f"{self.request} ({self.status or 'no reply'}{struck})"


@attrs.frozen
class Aim:
    """Which calls are meant: `on` is a method and a route's template, or a glob over method and path."""

    on: str
    name: str | None = None

    def miss(self, call: Call) -> str:
        """The first reason why a call isn't meant; "" where it is."""
        method, _, path = self.on.partition(" ")
        if self.on != "*" and not fnmatchcase(call.method, method.upper()):
            return f"its method is {call.method}"
        if self.on != "*" and not self._leads_to(call, path):
            return f"its route is {call.route or 'none'}"
        if self.name is not None and not fnmatchcase(call.name, self.name):
            return f"its name is {call.name!r}"
        return ""

    @staticmethod
    def _leads_to(call: Call, path: str) -> bool:
        """Whether the path of an aim is the call's: its template, or a glob of it or of the path.

        `/environments/{name}` is such a glob too, where the template is of several kinds of things.
        """
        wanted = path.strip().lower()
        if any(fnmatchcase(found.lower(), wanted) for found in (call.route, call.place, call.path)):
            return True
        parts = re.split(r"\{\w+\}", wanted)
        words = "[^/]+".join(re.escape(part) for part in parts)
        return len(parts) > 1 and parts[0] != "/" and bool(re.fullmatch(words, call.place.lower()))

    def __str__(self) -> str:
        """The aim as it was given."""
        return self.on if self.name is None else f"{self.on} with name {self.name!r}"


class Calls(Sequence[Call]):
    """The last 10,000 calls, oldest first; it grows while the fake is asked. Slices are tuples."""

    def __init__(self, known: Callable[[str], None]) -> None:
        self._calls: deque[Call] = deque(maxlen=KEPT)
        self._lock = threading.Lock()
        self._known = known

    def of(self, on: str, *, name: str | None = None) -> tuple[Call, ...]:
        """The calls of a route (`PUT /jobs/{name}`, or a glob such as `* /jobs/*`), of things of that name.

        `name` is a glob too. Raises ValueError for a route that the fake doesn't have.
        """
        aim = Aim(on, name)
        found = tuple(call for call in self._taken() if not aim.miss(call))
        if not found:
            self._known(on)
        return found

    def expect(
        self,
        on: str,
        *,
        name: str | None = None,
        body: Mapping[str, Any] | None = None,
        times: int | None = None,
    ) -> tuple[Call, ...]:
        """The calls of a route, of which there must be some: `times`, where it is given (0: none).

        `body` is what the calls' bodies must hold: mappings are compared by the keys that are given here, all
        else as it is. Raises AssertionError that says what came instead; ValueError as `of` does.
        """
        aim = Aim(on, name)
        misses = [(call, aim.miss(call) or _lacks(call.json, body)) for call in self._taken()]
        found = tuple(call for call, miss in misses if not miss)
        if not found:
            self._known(on)
        if len(found) != times if times is not None else not found:
            holding = "" if body is None else f" and a body with {json.dumps(_blanked(body), default=str)}"
            raise AssertionError(_came_instead(f"{aim}{holding}", times, found, misses))
        return found

    def clear(self) -> None:
        """Forget what was, so that what comes next can be told from it."""
        with self._lock:
            self._calls.clear()

    def note(self, call: Call) -> None:
        """Write a call down."""
        with self._lock:
            self._calls.append(call)

    def _taken(self) -> tuple[Call, ...]:
        with self._lock:
            return tuple(self._calls)

    @overload
    def __getitem__(self, index: int) -> Call: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Call, ...]: ...

    def __getitem__(self, index: int | slice) -> Call | tuple[Call, ...]:
        return self._taken()[index]

    def __len__(self) -> int:
        return len(self._calls)

    def __iter__(self) -> Iterator[Call]:
        return iter(self._taken())

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Calls):
            return self._taken() == other._taken()
        return isinstance(other, (tuple, list)) and self._taken() == tuple(other)

    __hash__ = None  # type: ignore[assignment]  # it grows

    def __repr__(self) -> str:
        lines = [str(call) for call in self._taken()]
        return f"<{len(lines)} calls: {', '.join(lines[:_SHOWN])}{', …' if len(lines) > _SHOWN else ''}>"


def nearest(misses: Sequence[tuple[str, str]]) -> list[str]:
    """The calls that came nearest, one to a line, with the first reason why each isn't meant."""
    order = ("its body", "its name", "its route", "its method")

    def distance(miss: str) -> int:
        return next((place for place, start in enumerate(order) if miss.startswith(start)), -1)

    ranked = sorted((found for found in misses if found[1]), key=lambda found: distance(found[1]))
    lines = [f"  {call}: {miss}" for call, miss in ranked[:_SHOWN]]
    if len(ranked) > _SHOWN:
        lines.append(f"  and {len(ranked) - _SHOWN} more")
    return lines


def _came_instead(
    wanted: str, times: int | None, found: Sequence[Call], misses: Sequence[tuple[Call, str]]
) -> str:
    asked = "at least one call" if times is None else f"{times} call{'' if times == 1 else 's'}"
    lines = [f"Expected {asked} of {wanted}; there {'was' if len(found) == 1 else 'were'} {len(found)}."]
    lines += [f"  {call}" for call in found[:_SHOWN]]
    if times is None or len(found) < times:
        others = nearest([(str(call), miss) for call, miss in misses])
        lines += ["What came instead:", *others] if others else ["No other call came."]
    return "\n".join(lines)


def _lacks(found: Any, wanted: Any, path: str = "") -> str:
    """The first thing in which a body differs from what it must hold; "" where in none."""
    if wanted is None and not path:
        return ""
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        for key, value in wanted.items():
            below = f"{path}.{key}" if path else str(key)
            if key not in found:
                return f"its body has no {below}"
            if missing := _lacks(found[key], value, below):
                return missing
        return ""
    hidden = any(_SECRET.search(part) for part in path.split("."))
    how = f"{path or 'itself'} {_blanked(found)!r}, not {_blanked(wanted)!r}"
    return "" if found == wanted else f"its body has {f'another {path}' if hidden else how}"


def _blanked(value: Any) -> Any:
    """A body as it may stand in a log."""
    if isinstance(value, Mapping):
        return {key: "…" if _SECRET.search(str(key)) else _blanked(item) for key, item in value.items()}
    return [_blanked(item) for item in value] if isinstance(value, list) else value
