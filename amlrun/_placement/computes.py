"""The computes of a workspace held against an ask: what each of any kind can offer. Pure."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from amlrun._errors import ComputeNotFound, ComputeUnsuitable
from amlrun._offers import Kind, Offer, Tier
from amlrun._placement.clusters import cluster_option, in_region_of
from amlrun._placement.identities import unread_lacks
from amlrun._placement.kubernetes import kubernetes_options
from amlrun._placement.machines import instance_option, machine_option, pool_option
from amlrun._placement.options import Option
from amlrun._placement.refusal import quota_error
from amlrun._placement.targets import no_jobs, preference_of, refused, unlisted
from amlrun._plan import Starts
from amlrun._tables import money, table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from amlrun._errors import AmlrunError
    from amlrun._needs import Ask
    from amlrun._offers import Compute, Market

_SIZE = re.compile(r"standard_", re.IGNORECASE)
_OFFERED: dict[Kind, Callable[[Ask, Market, Compute], Iterable[Option]]] = {
    Kind.CLUSTER: lambda ask, market, compute: (cluster_option(ask, market, compute),),
    Kind.KUBERNETES: kubernetes_options,
    Kind.INSTANCE: lambda ask, market, compute: (instance_option(ask, market, compute),),
    Kind.VM: lambda ask, market, compute: (machine_option(ask, market, compute),),
    Kind.SPARK: lambda ask, market, compute: (pool_option(ask, market, compute),),
}
"""The kinds that take jobs; all others are refused by `no_jobs`."""


def compute_options(ask: Ask, market: Market, compute: Compute) -> Iterator[Option]:
    """Everything that a named (or found) compute can offer to this ask: one option at least.

    `warnings` are all that is to be said of it; `offer.limits` are empty where no node must be found. Where
    `starts` is None and `miss` is empty, its quota can never hold the nodes: `fit` has the figures. A compute
    that nobody named is taken only where it `stands_in`; those that belong to people never do.
    """
    miss = no_jobs(ask, compute)
    if miss is not None:
        yield refused(ask, compute, miss)
    else:
        yield from _OFFERED[compute.kind](ask, market, compute)


def named_options(ask: Ask, market: Market, name: str) -> tuple[Option, ...]:
    """What the compute of that name offers. Raises `ComputeNotFound`.

    Where computes can't be read, the name is believed.
    """
    if market.computes is None:
        return (_believed(ask, market, name),)
    return tuple(compute_options(ask, market, find(name, market.computes)))


def find(name: str, computes: Sequence[Compute]) -> Compute:
    """The compute of that name. Raises `ComputeNotFound`, the names that come near first."""
    # Assumed: as everywhere in ARM, the case of a compute's name does not tell two of them apart.
    found = {compute.name.lower(): compute for compute in computes}
    if name.lower() in found:
        return found[name.lower()]
    near = [found[key].name for key in difflib.get_close_matches(name.lower(), found, n=3)]
    names = (*near, *sorted({compute.name for compute in computes} - set(near)))
    meant = f" Did you mean {' or '.join(near)}?" if near else ""
    there = f"It has {', '.join(names)}." if names else "It has none."
    raise ComputeNotFound(
        f"The workspace has no compute named {name!r}.{meant} {there}",
        hint=f"That is the name of a size: instance_type={name!r}." if _SIZE.match(name) else "",
        name=name,
        names=names,
    )


def refusal(market: Market, options: Sequence[Option]) -> AmlrunError:
    """What is said where none of the options of one compute can ever take the job."""
    option = next((one for one in options if not one.miss), options[0])
    name, fits = option.offer.compute, option.fit
    if option.miss or fits is None:
        against = {one.against for one in options}
        it = f" it {option.against}." if len(against) == 1 else f"\n{_listing(options)}"
        return ComputeUnsuitable(f"{name!r} can't take this job:{it}", hint=option.hint, name=name)
    compute = next(one for one in market.computes or () if one.name == name)
    fewer = [option.hint] if option.hint else []
    return quota_error(option.size, option.tier, fits, in_region_of(compute, market), hints=fewer)


def _listing(options: Sequence[Option]) -> str:
    return table([(f"  {one.size.name}", one.against) for one in options], wraps=True)


def _believed(ask: Ask, market: Market, name: str) -> Option:
    """A compute of which nothing can be read: sent there as it was named."""
    said = ask.instance_types[0] if ask.instance_types else None
    tier = ask.tier if ask.tier is Tier.SPOT else Tier.STANDARD
    offer = Offer(size=unlisted(said or ""), tier=tier, compute=name, kind=Kind.UNKNOWN, known=False)
    rule = ask.guard.against(size=said, nodes=ask.most_nodes, price=None, compute=name)
    most = ask.needs.max_price_per_hour
    if most is not None and not rule:
        rule = f"has no known price, and at most {money(most)} USD an hour was asked for"
    lacks = unread_lacks(ask, market)
    if lacks is not None and not rule:
        rule = lacks.words
    wishes = [str(ask.needs)] if not ask.needs.nothing else []
    wishes += [f"tier={str(ask.tier)!r}"] if ask.tier is Tier.SPOT else []
    unmet = f": whether it meets {' and '.join(wishes)} is not known either" if wishes else ""
    return Option(
        offer=offer,
        miss=rule,
        hint=lacks.hint if lacks is not None else "",
        starts=None if rule else Starts.UNKNOWN,
        why="" if rule else "it was named, and the workspace's computes can't be read",
        preference=preference_of(ask, name, offer.size),
        warnings=(
            f"the computes of the workspace can't be read: nothing is known of {name}{unmet}",
            *_unknown(ask, name),
        ),
        instance_type=said,
    )


def _unknown(ask: Ask, name: str) -> Iterator[str]:
    """What the plan takes to be so of a compute of which nothing can be read."""
    if len(ask.instance_types) > 1:
        first, *rest = ask.instance_types
        yield f"{first} is sent as it was written, not {' or '.join(rest)}: which of them it has is not known"
    if ask.tier is not Tier.SPOT:
        yield (
            f"whether the nodes of {name} are spot is not known: a job whose node is taken away is over,"
            " unless requeue=Requeue() is said"
        )
