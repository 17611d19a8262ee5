"""How a cluster (AmlCompute) stands to a job that wants some of its nodes: one of a few states. Pure."""

from __future__ import annotations

import datetime as dt
import enum
from typing import TYPE_CHECKING

import attrs

from amlrun._offers import Tier
from amlrun._placement.fit import fit
from amlrun._plan import Starts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from amlrun._offers import Compute, Quota, Size
    from amlrun._placement.fit import Fit


class Standing(str, enum.Enum):
    """How a cluster stands to a job that wants so many of its nodes, the first that holds."""

    MADE = "is being made"
    IDLE = "has idle nodes"
    NEVER = "beyond quota"
    # Assumed: one that resizes, with no node on its way and none to come, may be stuck.
    STUCK = "stuck"
    OUT_OF_QUOTA = "out of quota"
    SCALING_DOWN = "scaling down"
    BEHIND = "behind others"
    BUSY = "busy"
    GROWS = "has room to grow"
    QUOTA_IN_USE = "quota is in use"
    QUOTA_UNKNOWN = "quota is unknown"

    __str__ = str.__str__


STARTS: dict[Standing, Starts | None] = {
    Standing.MADE: Starts.QUEUED,
    Standing.IDLE: Starts.NOW,
    Standing.NEVER: None,
    Standing.STUCK: Starts.UNKNOWN,
    Standing.OUT_OF_QUOTA: Starts.QUEUED,
    Standing.SCALING_DOWN: Starts.QUEUED,
    Standing.BEHIND: Starts.QUEUED,
    Standing.BUSY: Starts.QUEUED,
    Standing.GROWS: Starts.NOW,
    Standing.QUOTA_IN_USE: Starts.QUEUED,
    Standing.QUOTA_UNKNOWN: Starts.UNKNOWN,
}


@attrs.frozen(kw_only=True)
class Situation:
    """A cluster held against a job that wants `wanted` of its nodes.

    `idle` of its nodes are free for the job. `whole` is the arithmetic of all that it wants, `more` of those
    that must still be found, `beside` of those together with the ones that come for others; each None where
    there are none.
    """

    compute: Compute
    wanted: int
    idle: int
    whole: Fit
    more: Fit | None
    now: float | None = None

    @property
    def missing(self) -> int:
        """How many nodes must still be found."""
        return max(0, self.wanted - self.idle)

    @property
    def standing(self) -> Standing:
        """How it stands."""
        found = next((standing for standing, holds in self._states() if holds), None)
        return found or _BY_QUOTA[self.more.starts if self.more else Starts.NOW]

    def _states(self) -> Iterator[tuple[Standing, bool]]:
        compute = self.compute
        never = self.whole.starts is None and compute.nodes < self.wanted
        yield Standing.NEVER, never and self.missing > 0
        yield Standing.MADE, compute.state.lower() == "creating"
        yield Standing.IDLE, self.missing == 0
        yield Standing.STUCK, compute.overdue(self.now) or (compute.still and not compute.growth)
        yield Standing.OUT_OF_QUOTA, bool(compute.stop)
        yield Standing.SCALING_DOWN, _is_scaling_down(compute)
        crowded = _held(compute) + self.missing > compute.max_nodes
        yield Standing.BEHIND, _grows_for_others(compute) and crowded
        yield Standing.BUSY, crowded

    def __str__(self) -> str:
        return _WORDS[self.standing](self)


_BY_QUOTA: dict[Starts | None, Standing] = {
    Starts.NOW: Standing.GROWS,
    Starts.QUEUED: Standing.QUOTA_IN_USE,
    Starts.UNKNOWN: Standing.QUOTA_UNKNOWN,
    # All nodes fit the limit, fewer do: only a limit below what the cluster has already leaves this.
    None: Standing.QUOTA_IN_USE,
}


def situation_of(
    compute: Compute, wanted: int, size: Size, quota: Quota | None, now: float | None = None
) -> Situation:
    """How the cluster stood at that instant, under the quota of its region. None: not known."""
    tier = compute.tier or Tier.STANDARD
    idle = _idle(compute)
    missing = max(0, wanted - idle)
    return Situation(
        compute=compute,
        wanted=wanted,
        idle=idle,
        whole=fit(size, wanted, tier, quota),
        more=fit(size, missing, tier, quota) if missing else None,
        now=now,
    )


def _idle(compute: Compute) -> int:
    """The idle nodes that a job could have now.

    Assumed: a cluster that grows for others gives them its idle nodes first, and grows for all who wait.
    """
    if _grows_for_others(compute):
        return 0
    if _is_scaling_down(compute):
        staying = compute.target_nodes - compute.running_nodes - compute.preparing_nodes
        return max(0, min(compute.idle_nodes, staying))
    return compute.idle_nodes


def _held(compute: Compute) -> int:
    """How many of its nodes there are, or are to be for others.

    Assumed: a preempted one that comes back does so for any job.
    """
    return _to_be(compute) - compute.preempted_nodes


def _to_be(compute: Compute) -> int:
    """To how many nodes it grows for those who came before."""
    return compute.nodes + max(compute.growth, compute.coming_nodes + compute.sent_nodes)


def _is_scaling_down(compute: Compute) -> bool:
    """Assumed: nodes that leave do so before a job gets one, and none comes meanwhile."""
    return compute.resizing and compute.target_nodes < compute.nodes


def _grows_for_others(compute: Compute) -> bool:
    """Whether nodes are to come for jobs: those up to its minimum come for nobody."""
    growing = compute.resizing and (compute.growth > 0 or compute.preparing_nodes > 0)
    return growing and compute.target_nodes > compute.min_nodes


def of_nodes(count: int, nodes: int) -> str:
    """`2 of its 4 nodes are`."""
    if count == nodes == 1:
        return "its one node is"
    return f"{count} of its {nodes} nodes {'is' if count == 1 else 'are'}"


def _grow(situation: Situation) -> str:
    compute = situation.compute
    idle = f"{of_nodes(situation.idle, compute.nodes)} idle, and " if situation.idle else ""
    return by_quota(f"{idle}it must grow by {situation.missing}", situation.more)


def by_quota(grows: str, more: Fit | None) -> str:
    """That it grows, with the arithmetic."""
    if more is None or not more.row.name:
        return f"{grows}, under a quota that is not known"
    return f"{grows}: {more}"


def _stuck(situation: Situation) -> str:
    compute = situation.compute
    since = ""
    if compute.resized_at is not None:
        since = f" since {dt.datetime.fromtimestamp(compute.resized_at, dt.timezone.utc):%Y-%m-%d %H:%M} UTC"
    late = compute.overdue(situation.now)
    done = "no node comes: it may be stuck" if late else "when it is done is not known"
    return f"it resizes from {compute.nodes} to {compute.target_nodes} nodes{since}: {done}"


def _behind(situation: Situation) -> str:
    compute = situation.compute
    grows = f"it grows to {_to_be(compute)} of its {compute.max_nodes} nodes"
    return f"{grows} for jobs that came before: this one waits for them"


def _busy(situation: Situation) -> str:
    compute = situation.compute
    sent = _to_be(compute) > compute.nodes
    taken = _held(compute) - compute.idle_nodes - compute.unusable_nodes
    counts = (
        (taken, "busy or spoken for" if sent else "busy"),
        (compute.unusable_nodes, "unusable"),
    )
    told = [(count, how) for count, how in counts if count > 0]
    words = " and ".join(f"{of_nodes(count, compute.max_nodes)} {how}" for count, how in told)
    return f"{words}: the job waits for {'it' if sum(count for count, _ in told) == 1 else 'them'}"


def _scaling_down(situation: Situation) -> str:
    compute = situation.compute
    return f"it is scaling down from {compute.nodes} to {compute.target_nodes} nodes: the job waits for that"


def _out_of_quota(situation: Situation) -> str:
    short = situation.more is not None and situation.more.starts is Starts.QUEUED
    return f"it can't grow now ({situation.compute.stop}){f': {situation.more}' if short else ''}"


_WORDS: dict[Standing, Callable[[Situation], str]] = {
    Standing.MADE: lambda situation: f"it is being made ({situation.compute.state})",
    Standing.IDLE: lambda situation: f"{of_nodes(situation.idle, situation.compute.nodes)} idle",
    Standing.NEVER: lambda situation: str(situation.whole),
    Standing.STUCK: _stuck,
    Standing.OUT_OF_QUOTA: _out_of_quota,
    Standing.SCALING_DOWN: _scaling_down,
    Standing.BEHIND: _behind,
    Standing.BUSY: _busy,
    Standing.GROWS: _grow,
    Standing.QUOTA_IN_USE: _grow,
    Standing.QUOTA_UNKNOWN: _grow,
}
