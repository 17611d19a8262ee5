"""How an environment is said to the SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from amlrun._asking.request import Request


def environment_of(said: Any) -> Any:
    """`azureml:name@label` as `name@label`: the SDK looks the prefix up as a part of the name."""
    if not isinstance(said, str):
        return said
    name = said.strip()
    return name.removeprefix("azureml:") if "@" in name and not name.startswith("azureml://") else name


def environment_for_file(request: Request) -> Any:
    """What stands in the place of a job file's own environment; None: that stays.

    A name of the file's own is said anew: its schema takes fewer spellings than the arguments.
    """
    if request.environment is not None:
        return environment_of(request.environment)
    said = request.settings.environment
    return environment_of(said) if isinstance(said, str) else None
