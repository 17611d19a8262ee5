"""How an environment is said to the SDK."""

from __future__ import annotations

from typing import Any


def environment_of(said: Any) -> Any:
    """`azureml:name@label` as `name@label`: the SDK looks the prefix up as a part of the name."""
    if not isinstance(said, str):
        return said
    name = said.strip()
    return name.removeprefix("azureml:") if "@" in name and not name.startswith("azureml://") else name
