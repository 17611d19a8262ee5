"""The parts of a job, a mapping of YAML or an entity of `azure.ai.ml`: both spell them alike. Pure.

An entity is read through its public attributes only.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from amlrun._errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Iterator


def read(source: Any, *path: str) -> Any:
    """A setting of a mapping or of an object, or of a part of it; None where it isn't there."""
    for name in path:
        plain = isinstance(source, dict) and not is_entity(source)
        source = source.get(name) if plain else _attribute(source, name)
    return source


def _attribute(source: Any, name: str) -> Any:
    """Of an object. Builders of the SDK are dictionaries too, and make up what they are asked for."""
    if isinstance(source, dict) and not hasattr(type(source), name) and name not in vars(source):
        return dict.get(source, name)
    return getattr(source, name, None)


def is_entity(value: Any) -> bool:
    """Whether it is an object of the SDK."""
    return type(value).__module__.startswith("azure.ai.ml")


def named_compute(compute: Any) -> Any:
    """A compute by its name; one that is bound to an input of a pipeline as the binding."""
    return (read(compute, "name") or str(compute)) if is_entity(compute) else compute


def text_of(value: Any) -> str:
    """A text; empty where there is none."""
    return value if isinstance(value, str) else ""


def texts(values: Any) -> dict[str, str]:
    """A mapping as texts, such as tags."""
    return {str(key): "" if value is None else str(value) for key, value in (values or {}).items()}


def seconds(value: Any) -> float | None:
    """A number, in quotes too: the SDK takes both."""
    try:
        return None if isinstance(value, bool) or value is None else float(value)
    except (TypeError, ValueError):
        return None


@contextlib.contextmanager
def told_of(step: str) -> Iterator[None]:
    """What is refused inside is told with the step of a pipeline that it is about; "": with none."""
    try:
        yield
    except InvalidRequest as error:
        if not step:
            raise
        raise error.reworded(message=f"The step {step}: {error.message}") from None
