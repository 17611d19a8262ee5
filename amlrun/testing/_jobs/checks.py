"""What a job's PUT is refused for, beyond fields that the API doesn't have."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from amlrun.testing._api.exchange import bad_request, not_found
from amlrun.testing._assets import references
from amlrun.testing._assets.ids import check_environment
from amlrun.testing._jobs.demands import demand_of, timeout_of
from amlrun.testing._jobs.following import parts_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from amlrun.testing._state.store import Records
    from amlrun.testing._wire.backend import Backend

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9\-_]{0,254}")
_BINDING = re.compile(r"[a-zA-Z_][a-zA-Z0-9_\-.]*")
_LABELS, _KEY, _VALUE = 50, 100, 1000  # tags and properties: how many, and the characters of each
_OBJECTS = (
    "environmentVariables",
    "identity",
    "inputs",
    "limits",
    "objective",
    "outputs",
    "properties",
    "queueSettings",
    "resources",
    "services",
    "settings",
    "tags",
    "taskDetails",
)
_KINDS = ("command", "sweep", "pipeline", "automl", "spark", "finetuning")
_LOCAL_KINDS = ("command", "sweep", "pipeline")


def check(backend: Backend, records: Records, name: str, properties: Mapping[str, Any]) -> None:
    """Refuse at once what can be seen to be impossible. Raises Refusal (400, 404)."""
    if not _NAME.fullmatch(name):
        # Assumed: the code and the words; which names are valid is documented.
        raise bad_request(f"The job's name {name!r} is not valid.", "InvalidJobName")
    for field in ("tags", "properties"):
        check_labels(field, properties.get(field) or {})
    for field in ("inputs", "outputs"):
        _check_names(field, properties.get(field) or {})
    with readable():
        references.check_job(records, backend.scope, backend.account, properties)
        for path, part in parts_of(records, properties, name):
            _check_part(backend, records, path, part)


@contextmanager
def readable() -> Iterator[None]:
    """Whoever can't read a body in here refuses it. Raises Refusal (400, 404)."""
    try:
        yield
    except (ArithmeticError, AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        # Assumed: the words and the code.
        message = f"The job's body has a value that can't be read: {error}."
        raise bad_request(message, "InvalidRequestBody") from error
    except LookupError as error:
        raise not_found("Component", str(error.args[0])) from error


def _check_part(backend: Backend, records: Records, path: str, properties: Mapping[str, Any]) -> None:
    kind = str(properties.get("jobType")).lower()
    is_part = "/" in path
    where = f" of node {path}" if is_part else ""
    if kind not in _KINDS and not (is_part and kind == "parallel"):
        raise bad_request(
            f"The fake has no jobs of type {properties.get('jobType')!r}{where}.", "InvalidJobType"
        )
    if not backend.virtual and kind not in _LOCAL_KINDS:
        runs = ", ".join(_LOCAL_KINDS)
        message = f"The local workspace runs {runs} jobs; {properties.get('jobType')!r}{where} is none."
        raise bad_request(message, "InvalidJobType")
    _check_objects(properties, where)
    if environment := properties.get("environmentId"):
        check_environment(records, str(environment))
    demand = demand_of(properties)
    timeout_of(properties)
    if demand.nodes < 1:
        # Assumed: the code and the words.
        raise bad_request(f"instanceCount{where} must be at least 1.", "InvalidInstanceCount")
    if not backend.virtual and demand.nodes > 1:
        message = "The local workspace is one machine: a job there has one node."
        raise bad_request(message, "InvalidInstanceCount")
    backend.engine.places.check(records, demand)
    backend.engine.places.check_identity(records, properties)


def check_labels(field: str, labels: Mapping[str, Any]) -> None:
    """Refuse too many tags or properties, and too long ones. Raises Refusal (400)."""
    # Assumed: the code and the words. The limits are documented.
    long = [key for key, value in labels.items() if len(key) > _KEY or len(str(value)) > _VALUE]
    if len(labels) > _LABELS or long:
        message = (
            f"A job has at most {_LABELS} {field}, keys of {_KEY} and values of {_VALUE} characters; it has "
            f"{len(labels)}, and too long are: {', '.join(long) or 'none'}."
        )
        raise bad_request(message, "InvalidRequestBody")


def _check_objects(properties: Mapping[str, Any], where: str) -> None:
    """Raises ValueError where one of a node's free-form fields is no object."""
    for field in _OBJECTS:
        if not isinstance(properties.get(field) or {}, dict):
            raise ValueError(f"{field}{where} is no object")  # noqa: TRY004 - a body's value
    for field in ("inputs", "outputs"):
        for key, value in (properties.get(field) or {}).items():
            if not isinstance(value or {}, dict):
                raise ValueError(f"{field}.{key}{where} is no object")  # noqa: TRY004 - likewise


def _check_names(field: str, bindings: Mapping[str, Any]) -> None:
    if wrong := [name for name in bindings if not _BINDING.fullmatch(name)]:
        # Assumed: the code and the words; that names are identifiers is the SDK's own rule.
        raise bad_request(f"Names of {field} that are not valid: {', '.join(wrong)}.", "InvalidRequestBody")
