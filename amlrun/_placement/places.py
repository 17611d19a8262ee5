"""One place: all that it can offer to an ask, and what of that may be chosen. Pure."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

import attrs

from amlrun._errors import AmlrunError, ComputeNotFound, ComputeUnsuitable, InvalidRequest
from amlrun._job_types import JobType
from amlrun._needs import SERVERLESS
from amlrun._offers import Kind, Offer, Source, Tier
from amlrun._placement.computes import compute_options, named_options
from amlrun._placement.creations import check_alike, to_be_made
from amlrun._placement.kubernetes import types_of
from amlrun._placement.obstacles import CANT_TAKE, gets_around, obstacles
from amlrun._placement.options import Option
from amlrun._placement.serverless import in_one_tier, in_tiers, left_to_the_service, tiers_of
from amlrun._placement.spark import spark_options
from amlrun._placement.targets import sizes_named, unlisted
from amlrun._placement.tuning import left_to_the_tuning, tuning_option
from amlrun._placement.wrong_names import not_for_jobs, unknown_size
from amlrun._plan import Starts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amlrun._needs import Ask
    from amlrun._offers import Compute, Market, Size

_NOT_ASKED = "is not asked for"
_ONLY_NAMED = "is taken only where it is named: compute={name!r}"


@attrs.frozen(kw_only=True)
class Place:
    """One place and its options; of those, `contenders` may be chosen.

    `name` is `"serverless"` or a compute's. `why` is said of whatever is chosen here, `remark` of it where
    something else is; `warnings` are said in any case. `error` is why nothing can be had here: its one option
    only tells of that.
    """

    name: str
    options: Sequence[Option] = ()
    contenders: Sequence[Option] = ()
    why: str = ""
    remark: str = ""
    warnings: tuple[str, ...] = ()
    error: AmlrunError | None = None


def asked_place(ask: Ask, market: Market, name: str) -> Place:
    """A place that was asked for; one that is not there, or with other settings, is passed over in a list.

    Raises `InvalidRequest` for a size that is no other place's either.
    """
    if name.lower() == SERVERLESS:
        return _serverless(ask, market)
    try:
        found = tuple(_asked_for(ask, market, name))
    except ComputeNotFound as error:
        return _passed_over(name, error, "is not there: the workspace has no compute of that name")
    except ComputeUnsuitable as error:
        differences = "; ".join(line.strip() for line in error.message.splitlines()[1:])
        return _passed_over(name, error, f"is there with other settings: {differences}")
    except InvalidRequest as error:
        if not ask.instance_types:
            raise
        return _closed(name, error, error.message)
    return Place(name=name, options=found, contenders=_able(found))


def _closed(name: str, error: AmlrunError, miss: str) -> Place:
    """A place where nothing can be had, and why."""
    kind = Kind.SERVERLESS if name == SERVERLESS else Kind.UNKNOWN
    offer = Offer(size=unlisted(""), tier=Tier.STANDARD, compute=name, kind=kind, against=miss)
    return Place(name=name, options=(Option(offer=offer, miss=miss),), error=error)


def _passed_over(name: str, error: AmlrunError, miss: str) -> Place:
    """A place that isn't what was asked for: whatever is taken instead, that is to be told."""
    return attrs.evolve(_closed(name, error, miss), warnings=(f"{name} {miss}",))


def _able(found: Sequence[Option]) -> Sequence[Option]:
    return [option for option in found if option.able]


def _serverless(ask: Ask, market: Market) -> Place:
    if not ask.guard.allows_compute(SERVERLESS):
        rule = ask.guard.against(size=None, nodes=ask.most_nodes, price=None, compute=SERVERLESS)
        hint = "Name a compute that is allowed: compute=…"
        error = ComputeUnsuitable(f"{CANT_TAKE}it {rule}.", hint=hint, name=SERVERLESS)
        return _closed(SERVERLESS, error, rule)
    for obstacle in obstacles(ask, market):
        if obstacle.certain:
            message = f"{CANT_TAKE}{obstacle.reason}."
            error = ComputeUnsuitable(message, hint=obstacle.hint, name=SERVERLESS)
            return _closed(SERVERLESS, error, obstacle.reason)
    if ask.job is JobType.SPARK:
        return _spark(ask)
    only = _of_no_size(ask, market)
    if only:
        return Place(name=SERVERLESS, options=only, contenders=_able(only))
    named, wrong = sizes_named(ask.instance_types, lambda name: _size(name, market))
    if wrong and not named:
        first = next(iter(wrong.values()))
        return _closed(SERVERLESS, first, first.message)
    tiers, why = tiers_of(ask), ""
    found = in_tiers(ask, market, sorted(named or market.sizes, key=attrgetter("name")), tiers)
    contenders = _able(found)
    if len(tiers) > 1 and contenders:
        best, why = in_one_tier(ask, found, contenders)
        contenders = [best]
    dropped = [_dropped(name, error, tiers[0]) for name, error in wrong.items()]
    unknown = tuple(wrong[name].message for name in wrong if not _is_known(name, market))
    return Place(
        name=SERVERLESS, options=[*found, *dropped], contenders=contenders, why=why, warnings=unknown
    )


def _of_no_size(ask: Ask, market: Market) -> Sequence[Option]:
    """The one option there is where the service chooses the size; none: a size must be chosen here."""
    if left_to_the_tuning(ask):
        return (tuning_option(ask),)
    if not (market.verified or ask.instance_types or ask.guard.needs_size) and ask.needs.nothing:
        return (left_to_the_service(ask),)
    return ()


def _spark(ask: Ask) -> Place:
    """Of the sizes that would do only the first contends: none has a price to choose by."""
    try:
        found = spark_options(ask)
    except InvalidRequest as error:
        return _closed(SERVERLESS, error, error.message)
    return Place(name=SERVERLESS, options=found, contenders=_able(found)[:1])


def _dropped(name: str, error: InvalidRequest, tier: Tier) -> Option:
    """A size of several that serverless hasn't."""
    offer = Offer(size=unlisted(name), tier=tier)
    return Option(offer=offer, miss=error.message.removeprefix(f"instance_type={name!r}: "))


def _is_known(name: str, market: Market) -> bool:
    """Whether any place has a size, or an instance type, of that name."""
    computes = market.computes or ()
    others = {one.size or "" for one in computes} | {kind.name for one in computes for kind in types_of(one)}
    return market.size(name) is not None or name.lower() in {other.lower() for other in others}


def _size(name: str, market: Market) -> Size:
    """The size of that name in the service's spelling; where sizes can't be read, any name is believed."""
    size = market.size(name)
    if size is None and market.source is Source.PACKAGED:
        return unlisted(name)
    if size is None:
        raise unknown_size(name, market)
    if not size.for_jobs and market.source is Source.SERVICE:
        raise not_for_jobs(size, market)
    return size


def _asked_for(ask: Ask, market: Market, name: str) -> Sequence[Option]:
    """What the compute of that name offers, or would offer once it is made."""
    there = {compute.name.lower(): compute for compute in market.computes or ()}.get(name.lower())
    wanted = next((cluster for cluster in ask.creates if cluster.name.lower() == name.lower()), None)
    if wanted is None:
        return named_options(ask, market, name)
    if there is None:
        return (to_be_made(ask, market, wanted),)
    found = named_options(ask, market, name)
    by = ask.guard.line_of_cluster(wanted.name)
    check_alike(wanted, there, would_do=any(option.able for option in found), by=by)
    return found


def stand_ins(ask: Ask, market: Market, *, around: bool) -> list[Place]:
    """The computes that nobody named, each with what is against it; those contend that can stand in.

    `around`: only those that get around what stands between serverless and the job.
    """
    places = []
    for compute in _by_name(market):
        helps = not around or bool(gets_around(ask, market, compute))
        found = tuple(
            option if option.stands_in and helps else _against(option, _ONLY_NAMED.format(name=compute.name))
            for option in compute_options(ask, market, compute)
        )
        places.append(Place(name=compute.name, options=found, contenders=_able(found)))
    return places


def beside(ask: Ask, market: Market) -> list[Place]:
    """The computes that are not asked for, beside a place that can take the job: none of them contends.

    Where no place was asked for, each is looked at, and idle nodes that would do are a remark.
    """
    asked = {name.lower() for name in ask.computes}
    places = []
    for compute in _by_name(market):
        if not asked:
            places.append(_unasked(ask, market, compute))
        elif compute.name.lower() not in asked:
            size = market.size(compute.size or "") or unlisted(compute.size or "")
            tier = compute.tier or Tier.STANDARD
            offer = Offer(size=size, tier=tier, compute=compute.name, kind=compute.kind)
            places.append(Place(name=compute.name, options=(Option(offer=offer, miss=_NOT_ASKED),)))
    return places


def _unasked(ask: Ask, market: Market, compute: Compute) -> Place:
    found = tuple(compute_options(ask, market, compute))
    idle, remark = compute.idle_nodes, ""
    warm = compute.kind is Kind.CLUSTER and idle >= ask.nodes
    if warm and any(option.able and option.starts is Starts.NOW and not option.smaller for option in found):
        nodes = f"{idle} idle node{'' if idle == 1 else 's'}"
        remark = f"cluster {compute.name} has {nodes} that would do: compute={compute.name!r} goes there"
    options = tuple(_against(option, f"{_NOT_ASKED}: serverless can take it") for option in found)
    return Place(name=compute.name, options=options, remark=remark)


def _against(option: Option, miss: str) -> Option:
    """An option that could be chosen, were it not for this."""
    return attrs.evolve(option, miss=miss, starts=None) if option.able else option


def _by_name(market: Market) -> list[Compute]:
    return sorted(market.computes or (), key=attrgetter("name"))
