"""What is asked: of checkpoints and of what a job sees, of ends, of places, of rights. Pure."""

from __future__ import annotations

from amlrun._verify import of_checkpoints, of_ends, of_places, of_rights

QUESTIONS = (
    *of_checkpoints.QUESTIONS,
    *of_ends.QUESTIONS,
    *of_places.QUESTIONS,
    *of_rights.QUESTIONS,
)
