"""What the steps of a pipeline are bound to: its inputs and outputs, each other's outputs, local data.

A job file or an entity of the SDK says it. The SDK sends such bindings as they were typed, and leaves out
what a component has no place for.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from amlrun._asking.bindings import check_path, check_written
from amlrun._asking.parts import is_entity, read
from amlrun._asking.searches import AUTOML_DATA
from amlrun._errors import InvalidRequest
from amlrun._shown import a_kind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

PARTS = ("inputs", "outputs")
_BINDING = re.compile(r"\$\{\{\s*((parent\.)?(inputs|outputs|jobs)\.([\w.-]+?))\s*\}\}")
_VALID = "Valid: ${{parent.inputs.…}}, ${{parent.outputs.…}}, ${{parent.jobs.<step>.outputs.…}}."


@attrs.frozen(kw_only=True)
class Scope:
    """What the steps of a pipeline can be bound to. `jobs` are its steps with their outputs, where known."""

    inputs: Collection[str]
    outputs: Collection[str]
    jobs: Mapping[str, Collection[str] | None]

    def check(self, node: Any) -> None:
        """Raise `InvalidRequest` for a binding of a step that leads nowhere."""
        for part, name, said in _data(node):
            for binding, parent, kind, at in _BINDING.findall(_text(said)):
                lacking, there = self._lacking(parent, kind, at)
                if lacking:
                    message = f"{part}.{name} is bound to ${{{{{binding}}}}}, and {lacking}"
                    raise InvalidRequest(message, argument=part, hint=there)

    def _lacking(self, parent: str, kind: str, at: str) -> tuple[str, str]:
        """What isn't there, and what is; "": it leads somewhere."""
        if not parent:
            return "nothing of this kind is filled in here", _VALID
        if kind != "jobs":
            known = self.inputs if kind == "inputs" else self.outputs
            return (
                ("", "") if _is_in(at, known) else (f"the pipeline has no such {kind[:-1]}", _of(kind, known))
            )
        step, _, output = at.partition(".outputs.")
        if step not in self.jobs:
            return f"there is no step {step!r} beside it", f"The steps: {', '.join(self.jobs)}."
        outputs = self.jobs[step]
        if outputs is None or not output or _is_in(output, outputs):
            return "", ""
        return f"the step {step} has no such output", _of("outputs", outputs)


def check_names(node: Any, component: Any) -> None:
    """Raise `InvalidRequest` for inputs and outputs of a step that its component hasn't."""
    for part in PARTS:
        known = frozenset(map(str, read(component, part) or ()))
        for name in read(node, part) or ():
            if not _is_in(str(name), known):
                message = f"{part}.{name}: the component has no such {part[:-1]}"
                raise InvalidRequest(message, argument=part, hint=_of(part, known))


def check_there(job: Any, folder: Path) -> None:
    """Raise `InvalidRequest` for data of a job or a step that isn't there, beside its file."""
    for part, name, said in _data(job):
        path = None if isinstance(said, str) else read(said, "path")
        if part == "outputs":
            _check_output(name, said)
            check_written(name, path)
        elif isinstance(path, (str, Path)):
            check_path(name, read(said, "type"), path, folder)


def _check_output(name: str, said: Any) -> None:
    if said is not None and not isinstance(said, (str, dict)) and not is_entity(said):
        message = f"outputs: {name} is {a_kind(said)}"
        raise InvalidRequest(message, argument="outputs", hint="{type: uri_folder}, for example.")


def _data(job: Any) -> Iterator[tuple[str, str, Any]]:
    """What is said of each input and output: a text, or what has a path."""
    for part in PARTS:
        for name, value in (read(job, part) or {}).items():
            yield part, str(name), _said(value)
    for name in AUTOML_DATA:
        yield "inputs", name, _said(read(job, name))


def _said(value: Any) -> Any:
    if not is_entity(value):
        return value
    from amlrun._sdk import said_of  # noqa: PLC0415  only of an entity of the SDK: it is there

    return said_of(value)


def _text(said: Any) -> str:
    text = said if isinstance(said, str) else read(said, "path")
    return text if isinstance(text, str) else ""


def _is_in(name: str, known: Collection[str]) -> bool:
    """Itself, or the group that it is of."""
    return name in known or name.partition(".")[0] in known


def _of(part: str, known: Collection[str]) -> str:
    return f"Its {part}: {', '.join(sorted(known)) or 'none'}."
