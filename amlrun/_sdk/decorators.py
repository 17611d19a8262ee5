"""What the decorators of pipelines say."""

from __future__ import annotations

import functools
import sys
import types
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


class Decorators:
    """The functions under `@dsl.pipeline` that can be seen from here, looked for once.

    The SDK drops the `default_compute` of a nested pipeline, and keeps it on the decorated function alone:
    the name of a module, or of a function that is running.
    """

    @functools.cached_property
    def _made(self) -> list[Any]:
        functions = (one for names in _in_sight() for one in names if type(one) is types.FunctionType)
        return [one for one in functions if "_pipeline_builder" in one.__dict__]

    def compute_of(self, component: Any) -> Any:
        """The `default_compute` of the decorator that made this component; None: there is none.

        Raises LookupError where its function is gone, or several of that name say different things.
        """
        if getattr(component, "_source", None) != "DSL":
            return None
        nodes = {id(node) for node in component.jobs.values()}
        alike = [made for made in self._made if made._pipeline_builder.name == component.name]  # noqa: SLF001  see above
        for made in alike:
            if nodes & {id(node) for node in made._pipeline_builder.nodes}:  # noqa: SLF001  what it made last
                alike = [made]
                break
        said = [made._job_settings.get("default_compute") for made in alike]  # noqa: SLF001  see above
        if not said or any(one != said[0] for one in said):
            raise LookupError(component.name)
        return said[0]


def _in_sight() -> Iterator[list[Any]]:
    """What the modules hold that are loaded, and the functions that are running."""
    for module in list(sys.modules.values()):
        yield list(getattr(module, "__dict__", {}).values())  # some put other objects there
    frame = sys._getframe()  # noqa: SLF001  the only way to the callers' names
    while frame.f_back is not None:
        frame = frame.f_back
        yield list(frame.f_locals.values())
