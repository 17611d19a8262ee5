"""What may go wrong, known before a job goes: each check a value, made by pure functions of what was read."""

from amlrun._checks.check import Check, Level, worst

__all__ = ["Check", "Level", "worst"]
