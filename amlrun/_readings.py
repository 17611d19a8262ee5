"""What was read of the service at one time, and what could not be: as a market, and in words. Pure."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Generic, TypeVar

import attrs

from amlrun._errors import NotAuthorized, ServiceError
from amlrun._offers import Market, Source
from amlrun._offers.holdings import holdings, with_workspace_limits
from amlrun._replies import packaged_sizes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from amlrun._offers import Compute, Quota, Size, WorkspaceFacts

T_co = TypeVar("T_co", covariant=True)


class Part(enum.Enum):
    """What is looked up, as it is called."""

    USAGES = "quota"
    CAPS = "the workspace's own limits"
    SIZES = "sizes"
    COMPUTES = "computes"

    def __str__(self) -> str:
        return self.value


_RIGHTS = {
    Part.USAGES: "Microsoft.MachineLearningServices/locations/usages/read",
    Part.CAPS: "Microsoft.MachineLearningServices/locations/quotas/read",
    Part.SIZES: "Microsoft.MachineLearningServices/locations/vmSizes/read",
    Part.COMPUTES: "Microsoft.MachineLearningServices/workspaces/computes/read",
}
_WITHOUT = {
    Part.USAGES: "plans are not verified against it",
    Part.CAPS: "a plan may be above one of them",
    Part.SIZES: "the packaged tables of East US stand in for them",
    Part.COMPUTES: "none stands in for serverless, and one that is named is believed to be there",
}


@attrs.frozen
class Reading(Generic[T_co]):
    """What was read, or why it could not be. `kept` on disk, it is `age` seconds old."""

    value: T_co | None = None
    failure: NotAuthorized | ServiceError | None = None
    kept: bool = False
    age: float = 0.0


@attrs.frozen(kw_only=True)
class Readings:
    """All that was read for one look: the workspace, and whatever else could be; `subscription` is a path."""

    subscription: str
    facts: WorkspaceFacts
    computes: Reading[tuple[Compute, ...]]
    usages: Reading[Quota]
    caps: Reading[Mapping[str, int]]
    sizes: Reading[tuple[Size, ...]]
    elsewhere: Mapping[str, Reading[Quota]] = attrs.field(factory=dict)

    def market(self) -> Market:
        """As a market; what could not be read is unknown in it, and sizes are the packaged ones."""
        location, computes, quota = self.facts.location, self.computes.value, self.usages.value
        sizes = packaged_sizes() if self.sizes.value is None else self.sizes.value
        if quota is not None and self.caps.value:
            quota = with_workspace_limits(quota, self.caps.value, holdings(location, sizes, computes or ()))
        return Market(
            location,
            sizes,
            quota,
            Source.PACKAGED if self.sizes.value is None else Source.SERVICE,
            computes,
            {region: found.value for region, found in self.elsewhere.items() if found.value is not None},
            self.facts,
        )

    def failures(self) -> Iterator[tuple[Part, str, NotAuthorized | ServiceError]]:
        """What could not be read, of which region ("": the workspace's own), and why."""
        readings: tuple[tuple[Part, str, Reading[object]], ...] = (
            (Part.USAGES, "", self.usages),
            (Part.CAPS, "", self.caps),
            (Part.SIZES, "", self.sizes),
            (Part.COMPUTES, "", self.computes),
            *((Part.USAGES, region, found) for region, found in self.elsewhere.items()),
        )
        return ((part, region, found.failure) for part, region, found in readings if found.failure)

    def unread(self) -> tuple[str, ...]:
        """The same in words: a line for the rights that are missing, and one for each other failure."""
        missing: dict[Part, None] = {}
        broken: list[str] = []
        for part, region, failure in self.failures():
            if isinstance(failure, NotAuthorized):
                missing[part] = None
            else:
                where = f" of {region}" if region else ""
                broken.append(f"{part}{where} can't be read: {_WITHOUT[part]} ({failure.message})")
        return (*([self._refused(tuple(missing))] if missing else ()), *broken)

    def _refused(self, parts: tuple[Part, ...]) -> str:
        without = "; ".join(_WITHOUT[part] for part in parts)
        rights = _and(_RIGHTS[part] for part in parts)
        return (
            f"{_and(map(str, parts))} can't be read with this account: {without}. "
            f"It lacks {rights} on {self.subscription}, which the role Reader there has"
        )


def _and(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
