"""Where a job goes: `place()` and what it is made of. Pure: values in, a `Plan` or an error out."""

from amlrun._placement.pipeline import place_steps
from amlrun._placement.place import place

__all__ = ["place", "place_steps"]
