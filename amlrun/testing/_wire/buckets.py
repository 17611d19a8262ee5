"""ARM's limits on the number of requests: a bucket of tokens for reads and one for writes. Pure.

The sizes and rates are documented: for a region, a subscription and a caller.
"""

from __future__ import annotations

import math

import attrs

from amlrun.testing._wire.faults import Throttled


@attrs.frozen
class Bucket:
    """So many tokens at most, `level` of them there `at` an instant, refilled at `rate` a second."""

    size: float
    rate: float
    level: float
    at: float

    def take(self, now: float) -> tuple[Bucket, float]:
        """The bucket with one token less, and 0; or, where it is empty, the seconds until there is one."""
        level = min(self.size, self.level + max(0.0, now - self.at) * self.rate)
        if level < 1:
            return attrs.evolve(self, level=level, at=now), (1 - level) / self.rate
        return attrs.evolve(self, level=level - 1, at=now), 0.0


@attrs.frozen
class Limits:
    """The two buckets of a caller."""

    reads: Bucket
    writes: Bucket

    def ask(self, method: str, now: float) -> tuple[Limits, Throttled | None]:
        """The limits after a request, and what it is answered with where it is one too many."""
        which = "reads" if method in {"GET", "HEAD"} else "writes"
        bucket, wait = getattr(self, which).take(now)
        # Assumed: an empty bucket is told as the service's own throttling is.
        refused = Throttled(retry_after=math.ceil(wait)) if wait else None
        return attrs.evolve(self, **{which: bucket}), refused


def full(now: float, *, reads: int, writes: int) -> Limits:
    """Limits of which nothing is used yet: `reads` and `writes` at once, and then at ARM's rates."""
    return Limits(reads=Bucket(reads, 25.0, reads, now), writes=Bucket(writes, 10.0, writes, now))
