"""What was seen, held against what is assumed: as assumed, otherwise, or not to be seen. Pure.

Each question names the rows of docs/assumptions.md that its answer settles, by file and words.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from amlrun._verify.observed import Answer, World


class Outcome(enum.Enum):
    """What becomes of an assumption."""

    AS_ASSUMED = "as assumed"
    OTHERWISE = "otherwise"
    UNSEEN = "couldn't be seen"

    def __str__(self) -> str:
        return self.value


@attrs.frozen
class Row:
    """A row of docs/assumptions.md: the file in its first column, and how its second one begins."""

    where: str
    words: str


@attrs.frozen
class Said:
    """An answer: the outcome, and what was seen, in words."""

    outcome: Outcome
    words: str


@attrs.frozen
class Question:
    """What is asked, by a stable `name`; `rows` are what the answer settles."""

    name: str
    asks: str
    judge: Callable[[World], Said]
    rows: tuple[Row, ...] = ()


@attrs.frozen
class Finding:
    """A question with its answer."""

    name: str
    asks: str
    outcome: Outcome
    words: str
    rows: tuple[Row, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}: {self.outcome}: {self.words}"

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe."""
        settled = () if self.outcome is Outcome.UNSEEN else self.rows
        return {
            "name": self.name,
            "asks": self.asks,
            "outcome": self.outcome.value,
            "words": self.words,
            "settles": [attrs.asdict(row) for row in settled],
        }


def findings(world: World, questions: Iterable[Question]) -> tuple[Finding, ...]:
    """Each question answered, in order."""
    return tuple(_answered(question, world) for question in questions)


def _answered(question: Question, world: World) -> Finding:
    said = question.judge(world)
    return Finding(question.name, question.asks, said.outcome, said.words, question.rows)


def as_assumed(words: str) -> Said:
    """What was seen is what is assumed."""
    return Said(Outcome.AS_ASSUMED, words)


def otherwise(words: str) -> Said:
    """It is not."""
    return Said(Outcome.OTHERWISE, words)


def unseen(why: str) -> Said:
    """Nobody can tell from this."""
    return Said(Outcome.UNSEEN, why)


def answered(answer: Answer, *, fits: bool, words: str) -> Said:
    """The one or the other, of an answer; one that tells of a right that is missing tells nothing else."""
    return unseen(words) if answer.forbidden or not answer.status else either(fits, words)


def either(fits: bool, words: str) -> Said:  # noqa: FBT001 - it is what is said of it
    """The one or the other, in the same words."""
    return as_assumed(words) if fits else otherwise(words)
