"""A small text table, for what is printed. It knows strings and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def table(rows: Iterable[Sequence[str]], *, right: frozenset[int] = frozenset()) -> str:
    """Rows as lines, columns two spaces apart; those in `right` are flush right, as figures are read."""
    lines = list(rows)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]

    def draw(line: Sequence[str]) -> str:
        cells = [
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        return "  ".join(cells).rstrip()

    return "\n".join(draw(line) for line in lines)
