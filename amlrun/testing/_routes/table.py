"""Routes as a table: a method and a template of a path, to the function that answers. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable

    from amlrun.testing._api.exchange import Reply, Request
    from amlrun.testing._wire.backend import Backend

    Handler = Callable[[Backend, Request], Reply]


@attrs.frozen
class Route:
    """A template names its parts in braces: `{name}`, `{+rest}` (slashes too), `{kind:codes|data}`.

    Its other words match in any case. `takes` and `gives` name the contract's definitions of the body that
    comes and of the one that goes back; "" where there is none, or where it is not JSON. `named` is the
    contract's collection whose names `{name}` must have; "" where any will do. Who is signed in may ask for
    what is `free`; for all else a right is needed, which method and path tell.
    """

    method: str
    template: str
    handler: Handler
    pattern: re.Pattern[str]
    takes: str = ""
    gives: str = ""
    named: str = ""
    free: bool = False


class Routes:
    """One host's routes. Decorate a handler with the method and the template that it answers."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.routes: list[Route] = []

    def __call__(
        self,
        method: str,
        template: str,
        *,
        takes: str = "",
        gives: str = "",
        named: str = "",
        free: bool = False,
    ) -> Callable[[Handler], Handler]:
        """Register the decorated function."""

        def register(handler: Handler) -> Handler:
            route = Route(method, template, handler, _pattern(template), takes, gives, named, free)
            self.routes.append(route)
            return handler

        return register

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """The route for a path, and the parts that its template names."""
        for route in self.routes:
            if route.method == method and (match := route.pattern.fullmatch(path)):
                return route, match.groupdict()
        return None

    def near(self, path: str) -> list[str]:
        """The methods that the path does have, for an error that helps."""
        return [route.method for route in self.routes if route.pattern.fullmatch(path)]


def _pattern(template: str) -> re.Pattern[str]:
    expression, end = "", 0
    for part in re.finditer(r"\{(?P<more>\+?)(?P<name>\w+)(?::(?P<choice>[^}]+))?\}", template):
        what = part["choice"] or (".+" if part["more"] else "[^/]+")
        expression += f"{re.escape(template[end : part.start()])}(?P<{part['name']}>{what})"
        end = part.end()
    return re.compile(expression + re.escape(template[end:]), re.IGNORECASE)
