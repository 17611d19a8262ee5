"""What the decorators of pipelines say."""

from __future__ import annotations

import functools
import gc
import types
from typing import Any


class Decorators:
    """The functions under `@dsl.pipeline` that are there, looked for once.

    The SDK drops the `default_compute` of a nested pipeline, and keeps it on the decorated function alone.
    """

    @functools.cached_property
    def _made(self) -> list[Any]:
        gc.collect()  # what nobody can reach is gone, whether it was collected or not
        functions = (one for one in gc.get_objects() if type(one) is types.FunctionType)
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
