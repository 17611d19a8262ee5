"""The fields of a value as JSON has them, each read with its type and told by its name. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

if TYPE_CHECKING:
    import enum
    from collections.abc import Callable

    Reader = Callable[[Any], Any]
    """Gives what JSON says as the value of a field. Raises ValueError, TypeError, `AmlrunError`."""

T = TypeVar("T")
_LONGEST = 60
"""Characters of a wrong value that are shown."""


class WrongField(ValueError):
    """`name` is the field, from the outermost (`size.cpus`; "": the whole), `why` what is wrong with it."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name}: {why}" if name else why)
        self.name = name
        self.why = why


def fields(data: Any, readers: Mapping[str, Reader]) -> dict[str, Any]:
    """Every field that is there, read. Raises `WrongField` for the first that is wrong, or that is none."""
    if not isinstance(data, Mapping):
        raise WrongField("", f"{_shown(data)} is no mapping of fields")
    return {str(name): _field(str(name), value, readers) for name, value in data.items()}


def _field(name: str, value: Any, readers: Mapping[str, Reader]) -> Any:
    if name not in readers:
        raise WrongField(name, "there is no such field")
    try:
        return readers[name](value)
    except WrongField as wrong:
        raise WrongField(f"{name}.{wrong.name}" if wrong.name else name, wrong.why) from wrong


def value_of(cls: type[T], readers: Mapping[str, Reader]) -> Callable[[Any], T]:
    """Reads a frozen class of attrs, of which every field without a default must be there."""
    required = [field.alias or field.name for field in attrs.fields(cls) if field.default is attrs.NOTHING]  # type: ignore[arg-type]

    def read(data: Any) -> T:
        said = fields(data, readers)
        for name in required:
            if name not in said:
                raise WrongField(name, "is missing")
        return cls(**said)

    return read


def text(value: Any) -> str:
    """Some text, or none."""
    if not isinstance(value, str):
        raise WrongField("", f"{_shown(value)} is no text")
    return value


def flag(value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise WrongField("", f"{_shown(value)} is neither true nor false")
    return value


def whole(least: int) -> Callable[[Any], int]:
    """Reads a whole number that is not below `least`."""

    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise WrongField("", f"{_shown(value)} is no whole number of {least} or more")
        return value

    return read


def amount(value: Any) -> float:
    """A number that is finite and not below zero."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
        raise WrongField("", f"{_shown(value)} is no number of 0 or more")
    return value


def word(*words: enum.Enum) -> Reader:
    """Reads one of these."""

    def read(value: Any) -> Any:
        found = next((one for one in words if isinstance(value, str) and one.value == value), None)
        if found is None:
            raise WrongField("", f"{_shown(value)} is none of {', '.join(str(one.value) for one in words)}")
        return found

    return read


def maybe(reader: Reader) -> Reader:
    """Reads null too: it is None."""
    return lambda value: None if value is None else reader(value)


def mapping(reader: Reader) -> Callable[[Any], dict[str, Any]]:
    """Reads the values of a mapping, whatever its keys."""
    return lambda data: fields(data, {str(key): reader for key in data} if isinstance(data, Mapping) else {})


def several(reader: Reader) -> Callable[[Any], tuple[Any, ...]]:
    """Reads a list; what is wrong with one of it is told with its number, from 0."""

    def read(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, (list, tuple)):
            raise WrongField("", f"{_shown(value)} is no list")
        return tuple(_field(str(i), item, {str(i): reader}) for i, item in enumerate(value))

    return read


def _shown(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}…"
