"""Secrets in a body that a job remembers: not in its properties, but read back from the job itself. Pure.

Properties are listed, searched and shown; a secret in an environment variable, in Spark's settings or in
docker's arguments has no business there. The job holds it where it was put, and whoever may read the job
reads it there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from amlrun._asking.secrets import in_arguments, is_secret

_VARIABLES = frozenset({"environmentVariables", "environment_variables", "conf"})
_ARGUMENTS = frozenset({"dockerArgs", "dockerArgsList", "docker_args", "docker_args_list"})


def without_secrets(body: Mapping[str, Any]) -> dict[str, Any]:
    """The body with null for each variable or setting that looks like a secret, in steps and trials too.

    Of arguments that hold one an empty mapping is left, which nobody takes for arguments.
    """
    return {key: _withheld(key, value) for key, value in body.items()}


def _withheld(key: str, value: Any) -> Any:
    if key in _ARGUMENTS and in_arguments(value or ""):
        return {}
    if not isinstance(value, Mapping):
        return value
    if key in _VARIABLES:
        return {name: None if is_secret(name, str(one or "")) else one for name, one in value.items()}
    return without_secrets(value)


# Assumed: a job's GET gives environment variables, Spark's settings and docker's arguments as they were sent.
def with_secrets(body: Mapping[str, Any], job: Mapping[str, Any]) -> dict[str, Any] | None:
    """The body with what was withheld, from the same places of the job; None where it isn't there."""
    whole: dict[str, Any] = {}
    for key, value in body.items():
        there = job.get(key)
        if not isinstance(value, Mapping):
            whole[key] = value
        elif key in _ARGUMENTS:
            if not there:
                return None
            whole[key] = there
        else:
            inner = _variables_of if key in _VARIABLES else with_secrets
            found = inner(value, there if isinstance(there, Mapping) else {})
            if found is None:
                return None
            whole[key] = found
    return whole


def _variables_of(variables: Mapping[str, Any], there: Mapping[str, Any]) -> dict[str, Any] | None:
    withheld = [name for name, value in variables.items() if value is None]
    if not all(name in there for name in withheld):
        return None
    return {**variables, **{name: there[name] for name in withheld}}
