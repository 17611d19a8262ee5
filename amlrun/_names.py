"""The names that amlrun gives: of attempts, and of what it puts into a job. Pure and light: jobs load it."""

from __future__ import annotations

CHECKPOINTS = "amlrun_checkpoints"
"""The output that survives a requeue: the same datastore path for every attempt of a group."""
CHECKPOINT_VARIABLE = "AMLRUN_CHECKPOINT_DIR"
GROUP_VARIABLE = "AMLRUN_GROUP"
ATTEMPT_VARIABLE = "AMLRUN_ATTEMPT"
LAST_ENDING_VARIABLE = "AMLRUN_LAST_ENDING"
OWN_VARIABLES = frozenset({CHECKPOINT_VARIABLE, GROUP_VARIABLE, ATTEMPT_VARIABLE, LAST_ENDING_VARIABLE})


def attempt_name(group: str, number: int) -> str:
    """`<group>`, then `<group>-a2`, `<group>-a3`."""
    return group if number == 1 else f"{group}-a{number}"
