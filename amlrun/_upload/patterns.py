"""Ignore files: what a line of .gitignore or .amlignore means. Pure.

As git reads them, but for one thing that azure-ai-ml does and users rely on: below a folder that is left out,
a later `!pattern` brings a file back. https://git-scm.com/docs/gitignore
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@attrs.frozen
class Rule:
    """One line: what it speaks of, whether that is kept (`!…`), and the ignore file in which it stands.

    Paths are relative to the topmost folder, with slashes; those of folders end in one.
    """

    pattern: re.Pattern[str]
    keeps: bool
    source: str

    def speaks_of(self, path: str) -> bool:
        """Whether the path, or a folder that it is in, is meant."""
        return self.pattern.match(path) is not None


def rules_of(text: str, *, base: str, source: str) -> tuple[Rule, ...]:
    """The rules of one ignore file. `base` is its folder, `""` or ending in a slash."""
    found = (_rule(line, base, source) for line in text.lstrip("\ufeff").splitlines())
    return tuple(rule for rule in found if rule is not None)


def last_word(rules: Sequence[Rule], path: str) -> Rule | None:
    """The last rule that speaks of the path: it decides. None: nothing is said."""
    return next((rule for rule in reversed(rules) if rule.speaks_of(path)), None)


def brings_back(rules: Iterable[Rule]) -> bool:
    """Whether anything in a folder that is left out may be wanted all the same."""
    return any(rule.keeps for rule in rules)


def _rule(line: str, base: str, source: str) -> Rule | None:
    """None: a blank line, a comment, or what is no pattern."""
    text = re.sub(r"(?<!\\)\s+$", "", line).lstrip()
    keeps = text.startswith("!")
    body = text[1:] if keeps else text
    if not body.strip("/") or text.startswith("#"):
        return None
    try:
        return Rule(re.compile(re.escape(base) + _translated(body)), keeps, source)
    except re.error:  # a class such as [z-a]
        return None


def _translated(pattern: str) -> str:
    """As a regular expression over whole paths. A slash anywhere but at the end ties it to its folder."""
    only_folders = pattern.endswith("/")
    parts = pattern.rstrip("/").lstrip("/").split("/")
    if "/" not in pattern.rstrip("/"):
        parts.insert(0, "**")
    *folders, last = parts
    before = "".join("(?:.+/)?" if part == "**" else f"{_glob(part)}/" for part in folders)
    if last == "**":
        return f"{before}.+/.*$" if only_folders else f"{before}.+$"
    return f"{before}{_glob(last)}/.*$" if only_folders else f"{before}{_glob(last)}(?:/.*)?$"


_PIECE = re.compile(r"\\(.)|(\*+)|(\?)|\[([!^]?)(\]?[^\]]*)\]|(.)", re.DOTALL)


def _glob(part: str) -> str:
    """One name with wildcards."""
    if part == "*":
        return "[^/]+"
    return "".join(map(_piece, _PIECE.finditer(part)))


def _piece(match: re.Match[str]) -> str:
    escaped, stars, one, negated, members, plain = match.groups()
    if stars:
        return "[^/]*"
    if one:
        return "[^/]"
    if members is not None:
        inner = members.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]")
        return f"[^/{inner}]" if negated else f"[{inner}]"
    return re.escape(escaped or plain)
