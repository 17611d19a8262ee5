"""The datastores that a job names, by the paths of its data. Pure.

https://learn.microsoft.com/azure/machine-learning/how-to-read-write-data-v2#paths
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from amlrun._asking.parts import read

if TYPE_CHECKING:
    from collections.abc import Iterable

_IN_ONE = re.compile(r"azureml:(?:.*?/)?datastores/([^/]+)(?:/|$)", re.IGNORECASE)
"""Short or long; a folder of the data may be called so, too."""


def datastores_in(values: Iterable[Any]) -> tuple[str, ...]:
    """The datastores that inputs and outputs name by their paths, short or long."""
    paths = map(_path_of, values)
    return tuple(sorted({match[1] for path in paths if (match := _IN_ONE.match(str(path)))}))


def _path_of(value: Any) -> Any:
    try:
        return value if isinstance(value, str) else read(value, "path")
    except Exception:  # noqa: BLE001 - of a step's input that is bound, the SDK raises an error of its own
        return None
