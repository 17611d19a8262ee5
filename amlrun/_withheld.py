"""Secrets in a body that a job remembers: not in its properties, but read back from the job itself. Pure.

Properties are listed, searched and shown; a secret in an environment variable, a command or the signed URL of
an input has no business there. The job holds it where it was put; whoever may read the job reads it there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from amlrun._secrets import holds_one

_WITHHELD = {"amlrun.withheld": True}
"""In the place of each text, or list of arguments, that looks like a secret."""


def without_secrets(body: Mapping[str, Any]) -> dict[str, Any]:
    """The body without what looks like a secret, in steps and trials too."""
    return {key: _without(key, value) for key, value in body.items()}


def _without(name: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        # A literal input has a name, and below it a value.
        return {key: _without(name if key == "value" else key, one) for key, one in value.items()}
    if holds_one(name, value):
        return dict(_WITHHELD)
    return [_without(name, one) for one in value] if isinstance(value, list) else value


# Assumed: a job's GET gives what stood in its body as it was sent: variables, command, settings, addresses.
def with_secrets(body: Mapping[str, Any], job: Mapping[str, Any]) -> dict[str, Any] | None:
    """The body with what was withheld, from the same places of the job; None where it isn't there."""
    try:
        return {key: _with(value, job.get(key)) for key, value in body.items()}
    except LookupError:
        return None


def _with(value: Any, there: Any) -> Any:
    if value == _WITHHELD:
        if not there:
            raise LookupError
        return there
    if isinstance(value, Mapping):
        found = there if isinstance(there, Mapping) else {}
        return {key: _with(one, found.get(key)) for key, one in value.items()}
    if isinstance(value, list):
        listed = there if isinstance(there, list) and len(there) == len(value) else [None] * len(value)
        return [_with(one, its) for one, its in zip(value, listed, strict=True)]
    return value
