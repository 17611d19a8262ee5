"""Text for what is printed: columns, lines that wrap, amounts of money. It knows nothing else."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

WIDTH = 100
"""Columns of a terminal."""
_NARROWEST = 34
"""Columns for a last cell that is wrapped, at least."""


def wrapped(text: str, *, first: str = "", then: str = "", width: int = WIDTH) -> str:
    """A text in lines, the first after `first`, further ones after `then`. Words are left whole."""
    lines = textwrap.wrap(
        text,
        width,
        initial_indent=first,
        subsequent_indent=then,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(lines)


def in_a_notebook(value: object, printer: Any, _cycle: bool) -> None:  # noqa: FBT001 - IPython's own order
    """`_repr_pretty_` of a class: at the end of a cell IPython shows its values as `print` does."""
    printer.text(str(value))


def listed(words: Iterable[str]) -> str:
    """`a, b and c`; "" of none."""
    *first, last = [*words] or [""]
    return f"{', '.join(first)} and {last}" if first else last


def table(rows: Iterable[Sequence[str]], *, right: frozenset[int] = frozenset(), wraps: bool = False) -> str:
    """Rows as lines, columns two spaces apart; those in `right` are flush right, as figures are read.

    `wraps`: the last column holds words, in as many lines as they need.
    """
    lines = list(rows)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]

    def draw(line: Sequence[str]) -> str:
        cells = [
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        if not wraps:
            return "  ".join(cells).rstrip()
        left = "  ".join([*cells[:-1], ""])
        width = max(WIDTH, len(left) + _NARROWEST)
        return wrapped(line[-1], first=left, then=" " * len(left), width=width) or left.rstrip()

    return "\n".join(draw(line) for line in lines)


def money(amount: float) -> str:
    """With cents; small amounts with two digits that say something."""
    return f"{amount:.2f}" if amount >= 0.095 or amount == round(amount, 2) else f"{amount:.2g}"  # noqa: PLR2004  below that, cents say too little
