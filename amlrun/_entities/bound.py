"""Bindings to data that is given as an argument: the SDK refuses a job that binds to what it hasn't itself.

They are put in other words while the SDK writes the body, and come back there.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_BINDING = re.compile(r"\$\{\{\s*((?:inputs|outputs)\.(\w+))\s*\}\}")
_HIDDEN = re.compile(r"<amlrun:((?:inputs|outputs)\.\w+)>")
_TEXTS = ("command", "args")


def hide(entity: Any, names: Collection[str]) -> None:
    """Put the bindings to these names in other words, in the program of an entity or of its trial."""
    for part in (entity, getattr(entity, "trial", None)):
        for field in _TEXTS:
            text = getattr(part, field, None)
            if isinstance(text, str) and (hidden := _BINDING.sub(_in_other_words(names), text)) != text:
                setattr(part, field, hidden)


def _in_other_words(names: Collection[str]) -> Any:
    return lambda found: f"<amlrun:{found[1]}>" if found[2] in names else found[0]


def shown(body: Mapping[str, Any]) -> dict[str, Any]:
    """The body with all bindings as they were."""
    back = {
        field: _HIDDEN.sub(r"${{\1}}", text) for field in _TEXTS if isinstance(text := body.get(field), str)
    }
    trial = {"trial": shown(body["trial"])} if isinstance(body.get("trial"), dict) else {}
    return {**body, **back, **trial}
