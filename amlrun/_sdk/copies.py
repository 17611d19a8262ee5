"""Copies of jobs."""

from __future__ import annotations

import io
import pickle
from typing import Any

from amlrun._errors import InvalidRequest
from amlrun._sdk.errors import one_line


def copied(job: Any) -> Any:
    """A copy of a job: submitting changes the object that is submitted, and the caller's must stay as it is.

    `copy.deepcopy` and plain pickle both fail on jobs with inputs or outputs, whose dictionaries refuse
    unknown keys while they are being rebuilt; here such a dictionary is filled as a plain one. Raises
    `InvalidRequest` for a job that holds something else that has no copy.
    """
    buffer = io.BytesIO()
    try:
        _Copier(buffer).dump(job)
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        message = f"This job can't be copied, and submitting would change it: {one_line(error)}"
        raise InvalidRequest(message, argument="job", hint="Give the path of a job file instead.") from error
    return pickle.loads(buffer.getvalue())  # noqa: S301  our own bytes, of a moment ago


class _Copier(pickle.Pickler):
    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, dict) and type(obj).__module__.startswith("azure.ai.ml"):
            state = (list(dict.items(obj)), dict(getattr(obj, "__dict__", {})))
            return _empty, (type(obj),), state, None, None, _fill
        return NotImplemented


def _empty(kind: type[dict[Any, Any]]) -> dict[Any, Any]:
    return kind.__new__(kind)


def _fill(target: dict[Any, Any], state: tuple[list[tuple[Any, Any]], dict[str, Any]]) -> None:
    items, attributes = state
    for key, value in items:
        dict.__setitem__(target, key, value)
    if attributes:
        target.__dict__.update(attributes)
