"""What the decorators of pipelines say."""

from __future__ import annotations

import functools
import sys
import types
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


class Decorators:
    """The functions under `@dsl.pipeline` that modules hold, looked for once.

    The SDK drops the `default_compute` of a nested pipeline, and keeps it on the decorated function alone.
    One that is local to another function is not looked for: it may be gone when the plan is sent.
    """

    @functools.cached_property
    def _made(self) -> list[Any]:
        functions = (one for names in _names() for one in names.values() if type(one) is types.FunctionType)
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


def _names() -> Iterator[dict[str, Any]]:
    """What each module holds. Their own way of reading is gone round: it may load what is not loaded yet."""
    for module in list(sys.modules.values()):
        try:
            yield dict(object.__getattribute__(module, "__dict__"))
        except AttributeError:  # noqa: PERF203 - anything may stand there
            continue
