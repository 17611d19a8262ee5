"""One machine that takes jobs one after another: a compute instance, or a VM that was attached. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

# Assumed: how long a machine takes for it.
POWER_SECONDS = 30.0
_PASSES = {
    "start": ("Starting", "Running"),
    "stop": ("Stopping", "Stopped"),
    "restart": ("Restarting", "Running"),
}


@attrs.frozen
class Machine:
    """How it stands: `state` is the service's word for a compute instance's.

    Instants are seconds since 1970.
    """

    state: str
    last: tuple[str, float, str]
    """The last operation: Create, Start, Stop or Restart, its instant, and InProgress or how it ended."""
    due: float | None = None
    job: str | None = None
    holds: bool = False
    """Whether it holds its cores."""

    @classmethod
    def new(cls, now: float) -> Machine:
        """One that is being made."""
        return cls("Creating", ("Create", now, "InProgress"))

    @property
    def free(self) -> bool:
        """Whether a job could start now."""
        return self.state == "Running" and self.job is None

    @property
    def shown(self) -> str:
        """The state that the service shows."""
        return "JobRunning" if self.state == "Running" and self.job else self.state

    def created(self, *, failed: bool = False) -> Machine:
        """It is there, or could not be made."""
        name, at, _ = self.last
        state, ended = ("CreateFailed", "CreateFailed") if failed else ("Running", "Succeeded")
        return attrs.evolve(self, state=state, last=(name, at, ended))

    def power(self, action: str, now: float, pace: float) -> Machine:
        """`start`, `stop` or `restart` has begun. What ran there has lost its node."""
        last = (action.title(), now, "InProgress")
        due = now + POWER_SECONDS * pace
        return attrs.evolve(self, state=_PASSES[action][0], last=last, due=due, job=None)

    def arrived(self, *, failed: bool = False) -> Machine:
        """The change of power is over; `failed`: it stands as it stood before a start."""
        name, at, _ = self.last
        if failed:
            return attrs.evolve(self, state="Stopped", last=(name, at, f"{name}Failed"), due=None)
        return attrs.evolve(self, state=_PASSES[name.lower()][1], last=(name, at, "Succeeded"), due=None)

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Machine:
        """As it was kept by `attrs.asdict`."""
        name, at, status = body["last"]
        return cls(**{**body, "last": (name, at, status)})
