"""What a person is told in the end: what was asked, what came of it, which rows are settled. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlrun._tables import table
from amlrun._verify.findings import Outcome

if TYPE_CHECKING:
    from amlrun._verify.findings import Finding
    from amlrun._verify.observed import World


def report(found: tuple[Finding, ...], world: World) -> str:
    """A table by outcome, what is otherwise first; rows of docs/assumptions.md that are settled; what ran."""
    order = (Outcome.OTHERWISE, Outcome.AS_ASSUMED, Outcome.UNSEEN)
    rows = [
        (one.name, str(one.outcome), one.words)
        for outcome in order
        for one in found
        if one.outcome is outcome
    ]
    counts = [f"{sum(one.outcome is outcome for one in found)} {outcome}" for outcome in order]
    settled = [row for one in found if one.outcome is not Outcome.UNSEEN for row in one.rows]
    lines = [table(rows, wraps=True), "", f"{', '.join(counts)}."]
    if settled:
        lines.append("Settled of docs/assumptions.md:")
        lines += [f"  {row.where}: {row.words} …" for row in dict.fromkeys(settled)]
    minutes = sum(seen.node_minutes for seen in world.jobs.values())
    lines.append(f"The jobs ran for {minutes:.1f} node-minutes.")
    return "\n".join(lines)
