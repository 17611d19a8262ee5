"""What the SDK's validation finds wrong in a job file: a line for each field, of what it tells as a tree.

Where a field may be of several kinds, it tells what is wrong for each of them: the likeliest is taken, that
with the least against it.
"""

from __future__ import annotations

import ast
import json
import re
from typing import TYPE_CHECKING, Any

from amlrun._shown import readable

if TYPE_CHECKING:
    from collections.abc import Iterator

_UNNAMED = frozenset({"_schema", "value", "null", "None", "*", ""})
"""Keys that stand between a field and what is wrong with it."""
_DOUBTFUL = {
    "TypeError": 30,
    "Missing data for required field": 10,
    "In order to specify": 5,
    "Invalid input type": 5,
    "data binding string": 3,
    "Unknown field": 2,
}
"""What is said of a kind that was not meant, more often than not."""
_ANOTHER = re.compile(r"; (?=[{\[])")
_TREES = ("{'", "['", '["', "{None")
_LINE = re.compile(r"#line (\d+)$")
_MOST = 3
Fault = tuple[str, str]
"""A field by its path, and what is wrong with it."""


def faults_of(text: str) -> str:
    """What is wrong, in one line; "": the text doesn't tell it as a tree."""
    told = (f"{field}: {readable(_plain(words))}" for field, words in _found(text, ""))
    found = dict.fromkeys(" ".join(one.split()) for one in told)
    return "; ".join([*found][:_MOST])


def _plain(words: str) -> str:
    return " ".join(words.replace("Currently got {name}", "").split()).rstrip(". ")


def _found(text: str, path: str) -> Iterator[Fault]:
    """The faults that a text holds as JSON, or as Python writes its values; else the text is one."""
    kinds = _ANOTHER.split(text)
    if any(kind.startswith(_TREES) for kind in (kinds if path else kinds[:1])):
        yield from _likeliest([_read(kind) for kind in kinds], path)
        return
    begin = text.find("{")
    try:
        tree, _ = json.JSONDecoder().raw_decode(text[begin:]) if begin >= 0 else ({}, 0)
    except ValueError:
        tree = {}
    if not tree:
        if path:
            yield path, text
        return
    for one in tree.get("errors") or ():
        line = _LINE.search(str(one.get("location", "")))
        for field, words in _found(str(one.get("message", "")), _inside(path, one.get("path", ""))):
            yield field, f"{_plain(words)} (line {line[1]})" if line else words
    if "errors" not in tree:
        yield from _faults(tree, path)


def _read(part: str) -> Any:
    try:
        return ast.literal_eval(part)
    except (ValueError, SyntaxError):
        return [part]


def _faults(tree: Any, path: str) -> Iterator[Fault]:
    if isinstance(tree, dict):
        for name, below in tree.items():
            yield from _faults(below, _inside(path, name))
    elif isinstance(tree, list) and all(isinstance(one, str) for one in tree):
        yield from ((path, one) for one in tree)
    elif isinstance(tree, list):
        yield from _likeliest(tree, path)


def _likeliest(kinds: list[Any], path: str) -> list[Fault]:
    """What is wrong by the kinds that have the least against them."""
    found = [list(_faults(kind, path)) for kind in kinds]
    least = min(map(_against, found), default=0)
    return [fault for one in found if _against(one) == least for fault in one]


def _against(faults: list[Fault]) -> int:
    return sum(next((cost for words, cost in _DOUBTFUL.items() if words in told), 1) for _, told in faults)


def _inside(path: str, name: Any) -> str:
    return path if str(name) in _UNNAMED else f"{path}.{name}".lstrip(".")
