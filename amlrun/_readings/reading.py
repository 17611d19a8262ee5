"""What was read of the service at one time, and what could not be: as a market, and in words. Pure."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Generic, TypeVar

import attrs

from amlrun._cloud import PUBLIC
from amlrun._errors import NotAuthorized, ServiceError
from amlrun._offers import Kind, Market, RegistryFacts, Source
from amlrun._offers.holdings import gpu_rooms, holders_by_family, with_holders, with_workspace_limits
from amlrun._readings.size_replies import packaged_sizes
from amlrun._tables import listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from amlrun._offers import Compute, Quota, Size, WorkspaceFacts

T_co = TypeVar("T_co", covariant=True)


class Part(enum.Enum):
    """What is looked up, as it is called."""

    WORKSPACE = "the workspace"
    USAGES = "quota"
    CAPS = "the workspace's own limits"
    SIZES = "sizes"
    COMPUTES = "computes"

    def __str__(self) -> str:
        return self.value


_OF_SUBSCRIPTION = {Part.USAGES: "usages", Part.CAPS: "quotas", Part.SIZES: "vmSizes"}
_OF_WORKSPACE = {Part.COMPUTES: "computes"}
_ROLES = (
    ("Microsoft.MachineLearningServices/locations", _OF_SUBSCRIPTION, "Reader"),
    ("Microsoft.MachineLearningServices/workspaces", _OF_WORKSPACE, "AzureML Data Scientist"),
)
"""Rights to read that are missed where they are missing, and the least role that has them."""


@attrs.frozen
class Reading(Generic[T_co]):
    """What was read, or why it could not be. `kept` on disk, it is `age` seconds old."""

    value: T_co | None = None
    failure: NotAuthorized | ServiceError | None = None
    kept: bool = False
    age: float = 0.0


@attrs.frozen(kw_only=True)
class Readings:
    """All that was read for one look: the workspace, and whatever else could be.

    `subscription` and `workspace` are ARM ids. Without `facts` the region isn't known, and nothing was read
    of it. A `registry` that can't be read is no failure: it may be anywhere, and few need to know. `at` is
    when it was begun, in seconds since 1970, `studio` the URL of the cloud's.
    """

    subscription: str
    workspace: str
    facts: Reading[WorkspaceFacts]
    computes: Reading[tuple[Compute, ...]]
    usages: Reading[Quota]
    caps: Reading[Mapping[str, int]]
    sizes: Reading[tuple[Size, ...]]
    elsewhere: Mapping[str, Reading[Quota]] = attrs.field(factory=dict)
    registry: Reading[RegistryFacts] = Reading()
    at: float | None = None
    studio: str = PUBLIC.studio

    def market(self) -> Market:
        """As a market; what could not be read is unknown in it, and sizes are the packaged ones."""
        facts, computes, quota = self.facts.value, self.computes.value, self.usages.value
        location = facts.location if facts else ""
        sizes = packaged_sizes() if self.sizes.value is None else self.sizes.value
        # Assumed: a workspace has limits of its own in its own region alone.
        if quota is not None and self.caps.value:
            held = holders_by_family(location, sizes, computes or ())
            quota = with_workspace_limits(quota, self.caps.value, held)
        return Market(
            location,
            sizes,
            quota,
            Source.PACKAGED if self.sizes.value is None else Source.SERVICE,
            computes,
            {region: found.value for region, found in self.elsewhere.items() if found.value is not None},
            facts,
            read_at=self.at,
            unread=self.unread(),
            registry=self.registry.value or RegistryFacts(),
            studio=self.studio,
        )

    def told(self, quota: Quota, elsewhere: Iterable[Quota] = ()) -> Quota:
        """The quota with who holds it and what fits, as far as computes and sizes were read.

        `elsewhere` is that of other regions: with the workspace's clusters there, those without a node, too.
        """
        computes, sizes, notes = self.computes.value, self.sizes.value, [*self.unread()]
        if computes is None:
            notes.append("without computes, who holds what is in use is not told")
        else:
            known = sizes or packaged_sizes()
            quota = with_holders(quota, holders_by_family(quota.location, known, computes))
            clusters = [one for one in computes if one.kind is Kind.CLUSTER]
            there = [
                with_holders(one, holders_by_family(one.location, known, clusters, least=0, here=False))
                for one in elsewhere
            ]
            quota = attrs.evolve(quota, elsewhere=tuple(attrs.evolve(one, here=False) for one in there))
        if sizes is None:
            notes.append("without sizes, what fits on those with GPUs is not told")
        return attrs.evolve(quota, gpus=gpu_rooms(quota, sizes or ()), notes=tuple(notes))

    def failures(self) -> Iterator[tuple[Part, str, NotAuthorized | ServiceError]]:
        """What could not be read, of which region ("": the workspace's own), and why."""
        readings: tuple[tuple[Part, str, Reading[object]], ...] = (
            (Part.WORKSPACE, "", self.facts),
            (Part.USAGES, "", self.usages),
            (Part.CAPS, "", self.caps),
            (Part.SIZES, "", self.sizes),
            (Part.COMPUTES, "", self.computes),
            *((Part.USAGES, region, found) for region, found in self.elsewhere.items()),
        )
        return ((part, region, found.failure) for part, region, found in readings if found.failure)

    def unread(self) -> tuple[str, ...]:
        """The same in words: a line for the rights that are missing on each thing, and for each failure."""
        failures = tuple(self.failures())
        refused = {
            part for part, _, failure in failures if isinstance(failure, NotAuthorized) and failure.signed_in
        }
        lines = []
        for (under, rights, role), scope in zip(_ROLES, (self.subscription, self.workspace), strict=True):
            if missing := [part for part in rights if part in refused]:
                names = ",".join(rights[part] for part in missing)
                lacks = f"{under}/{f'{{{names}}}' if len(missing) > 1 else names}/read"
                lines.append(
                    f"this account may not read {listed(map(str, missing))} (it lacks {lacks} on {scope}, "
                    f"which the role {role} there has)"
                )
        for part, region, failure in failures:
            if isinstance(failure, ServiceError) or not failure.signed_in:
                where, way_out = (
                    f" of {region}" if region else "",
                    f": {failure.hint}" if failure.hint else "",
                )
                lines.append(f"looking up {part}{where} failed: {failure.message}{way_out}".rstrip("."))
        return tuple(lines)
