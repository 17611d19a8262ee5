"""How an environment is said to the SDK."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from amlrun import _sdk
from amlrun._asking.parts import read, told_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from azure.ai.ml import MLClient

    from amlrun._asking.request import Request

_LATEST = "@latest"


def environment_of(said: Any) -> Any:
    """`azureml:name@label` as `name@label`, and an id without its prefix: the SDK knows neither."""
    if not isinstance(said, str):
        return said
    name = said.strip().replace("azureml:/subscriptions/", "/subscriptions/", 1)
    return name.removeprefix("azureml:") if "@" in name and not name.startswith("azureml://") else name


def environment_for_file(request: Request) -> Any:
    """What stands in the place of a job file's own environment; None: that stays.

    A name of the file's own is said anew: its schema takes fewer spellings than the arguments.
    """
    if request.environment is not None:
        return environment_of(request.environment)
    said = request.settings.environment
    return environment_of(said) if isinstance(said, str) else None


def name_versions(client: MLClient, parts: Iterable[tuple[str, Any]]) -> None:
    """Name the versions of the environments that these parts want the latest of, before anything is uploaded.

    Parts have their steps' paths, "" where there are none. Raises `InvalidRequest` for what isn't there.
    """
    latest = functools.cache(functools.partial(_sdk.latest_environment, client))
    for path, part in parts:
        said = environment_of(read(part, "environment"))
        if isinstance(said, str) and said.endswith(_LATEST):
            with told_of(path):
                part.environment = latest(said.removesuffix(_LATEST))
