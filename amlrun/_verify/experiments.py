"""The experiments as values: what each sends, for how long at most, what it costs, which are made. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from amlrun._guard import Guard
from amlrun._needs import SERVERLESS
from amlrun._tables import money, table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from amlrun._offers import Market, Size

_NO_GUARD = Guard()
MOST_JOBS = 8
MOST_NODE_MINUTES = 20.0
MOST_NODES = 6
"""Of the job that asks for a node too many: a workspace whose limits take more is not asked."""
TIMEOUT = 60.0
"""Seconds: that of the job that runs into its own."""


@attrs.frozen(kw_only=True)
class Experiment:
    """One thing that is tried. Each of its `jobs` has `nodes`, and runs for `minutes` at most.

    `on` is the size, as far as it is known; `price` is of all its nodes, in USD an hour; None: not known.
    `likely_free`: the service is expected to refuse it, so that it never runs. `anywhere`: the service
    chooses the size, so the price is that of another one. `after` is the one that it goes on from.
    """

    name: str
    what: str
    minutes: float
    jobs: int = 1
    nodes: int = 1
    on: str = ""
    price: float | None = None
    likely_free: bool = False
    anywhere: bool = False
    after: str = ""

    @property
    def node_minutes(self) -> float:
        """At most."""
        return self.jobs * self.nodes * self.minutes

    @property
    def most(self) -> float | None:
        """What it costs at most, in USD; None: not known."""
        return None if self.price is None else self.price * self.jobs * self.minutes / 60


CHECKPOINT, CANCEL, STUDIO, TIME_OUT, NO_QUOTA, TOO_MANY, DELETED = (
    "checkpoint",
    "cancel",
    "studio-cancel",
    "time-out",
    "no-quota",
    "too-many",
    "deleted",
)
SECOND = f"{CHECKPOINT}-2"
"""What the second job of the first experiment is called here."""
AT_ONCE = 1.0
"""Minutes for a job that is canceled as soon as it is there."""
OWNERS = {SECOND: CHECKPOINT, DELETED: TIME_OUT}
"""Whose script it is that sends a job which is called otherwise than its experiment."""


@attrs.frozen(kw_only=True)
class Bench:
    """On what the jobs run: sizes with their prices; `spot`, `empty`, `short` where there are such.

    `base` is the smallest that has quota, `spot` the one that its tier has; `empty` is a size of a family
    whose limit is 0, `short` one of which `too_many` nodes are one too many.
    """

    base: Size
    spot: Size | None = None
    empty: Size | None = None
    short: Size | None = None
    too_many: int = 0

    def experiments(self) -> tuple[Experiment, ...]:
        """All that can be made on it, the most important first."""
        first = self.spot or self.base
        found = [
            Experiment(
                name=CHECKPOINT,
                what="writes a checkpoint, kills itself, and looks for it as a second attempt"
                + (", on spot nodes" if self.spot else ""),
                jobs=2,
                minutes=2,
                on=first.name,
                price=first.spot_price if self.spot else first.price,
            ),
            self._on_base(
                CANCEL, "runs with your identity, is sent again while it runs, is canceled by amlrun", 3
            ),
            self._on_base(
                STUDIO, "runs with a managed identity, if there is one, is canceled as in the studio", 3
            ),
            self._anywhere(TIME_OUT, f"names no size, sleeps until its time-out of {TIMEOUT:g} s ends it", 2),
        ]
        if self.empty is not None:
            what = "asks for a size of a family whose limit is 0"
            found.append(self._refused(NO_QUOTA, what, self.empty, 1))
        if self.short is not None:
            what = f"asks for {self.too_many} nodes, one more than the family's limit holds"
            found.append(self._refused(TOO_MANY, what, self.short, self.too_many))
        what = "the one that timed out is deleted and sent again; what comes of that is canceled at once"
        found.append(attrs.evolve(self._anywhere(DELETED, what, AT_ONCE), after=TIME_OUT))
        return tuple(found)

    def _on_base(self, name: str, what: str, minutes: float) -> Experiment:
        return Experiment(name=name, what=what, minutes=minutes, on=self.base.name, price=self.base.price)

    def _anywhere(self, name: str, what: str, minutes: float) -> Experiment:
        on_base = self._on_base(name, what, minutes)
        return attrs.evolve(on_base, on="the service's choice", anywhere=True)

    @staticmethod
    def _refused(name: str, what: str, size: Size, nodes: int) -> Experiment:
        price = None if size.price is None else size.price * nodes
        return Experiment(
            name=name, what=what, minutes=1, nodes=nodes, on=size.name, price=price, likely_free=True
        )


def empty_size(market: Market) -> Size | None:
    """A size of a family whose dedicated limit is 0, a cheap one; None: there is none, or nobody knows.

    One with GPUs only where there is no other: more often than not, those are the families that have none.
    """
    found = [size for size in market.sizes if _limit(market, size) == 0]
    return min(found, key=lambda size: (size.gpus, _by_price(size)), default=None)


def short_size(market: Market) -> tuple[Size | None, int]:
    """The cheapest size whose family's limit holds a few nodes of it, and one node more than that."""
    found = []
    for size in market.sizes:
        limit = None if size.gpus else _limit(market, size)
        nodes = 0 if limit is None else limit // size.cpus + 1
        if 2 <= nodes <= MOST_NODES:  # noqa: PLR2004  of one alone, fewer nodes would be no way out
            found.append((size, nodes))
    return min(found, key=_by_whole_price, default=(None, 0))


def _limit(market: Market, size: Size) -> int | None:
    """Its family's dedicated limit, in vCPUs; None: not known, or the size is not for jobs."""
    family = None if market.quota is None else market.quota.family(size.family)
    row = None if family is None else family.dedicated
    return row.limit if size.for_jobs and row is not None else None


def _by_whole_price(short: tuple[Size, int]) -> tuple[bool, float, int, str]:
    size, nodes = short
    return size.price is None, (size.price or 0.0) * nodes, nodes, size.name


def _by_price(size: Size) -> tuple[bool, float, int, str]:
    return size.price is None, size.price or 0.0, size.cpus, size.name


def chosen(
    experiments: Iterable[Experiment], most: float | None = None, guard: Guard = _NO_GUARD
) -> tuple[tuple[Experiment, ...], Mapping[str, str]]:
    """Those that are made, in order, and why of each other: a rule, jobs, minutes, more than `most` USD."""
    taken: list[Experiment] = []
    left: dict[str, str] = {}
    for one in experiments:
        whole = [*taken, one]
        if one.after in left:
            left[one.name] = f"it goes on from {one.after}"
        elif one.anywhere and guard.needs_size:
            left[one.name] = "the service chooses its size, and the team allows some only"
        elif against := _against(guard, one):
            left[one.name] = f"it {against}"
        elif sum(each.jobs for each in whole) > MOST_JOBS:
            left[one.name] = f"it would make more than {MOST_JOBS} jobs"
        elif sum(each.node_minutes for each in whole) > MOST_NODE_MINUTES:
            left[one.name] = f"it would make more than {MOST_NODE_MINUTES:g} node-minutes"
        elif most is not None and one.anywhere:
            left[one.name] = f"the service chooses its size, and no more than {money(most)} USD may be spent"
        elif most is not None and cost(whole) is None:
            left[one.name] = f"its price is not known, and no more than {money(most)} USD may be spent"
        elif most is not None and (cost(whole) or 0.0) > most:
            left[one.name] = f"it might cost more than {money(most)} USD in all"
        else:
            taken.append(one)
    return tuple(taken), left


def _against(guard: Guard, one: Experiment) -> str:
    """The team's rule that it would break; "": none."""
    size = "" if one.anywhere else one.on
    return guard.against(size=size, nodes=one.nodes, price=one.price, compute=SERVERLESS)


def cost(experiments: Iterable[Experiment]) -> float | None:
    """What all of them cost at most, in USD; None: the price of one isn't known."""
    prices = [one.most for one in experiments]
    known = [price for price in prices if price is not None]
    return sum(known) if len(known) == len(prices) else None


def offer(experiments: tuple[Experiment, ...], left: Mapping[str, str]) -> str:
    """What is about to be sent, and what it costs: what a person is asked about."""
    rows = [
        (
            one.name,
            str(one.jobs),
            f"{one.nodes} x {one.on}",
            f"{one.node_minutes:g}",
            ("0, or " if one.likely_free else "about " if one.anywhere else "") + _usd(one.most),
            one.what,
        )
        for one in experiments
    ]
    jobs, minutes = sum(one.jobs for one in experiments), sum(one.node_minutes for one in experiments)
    about = "about " if any(one.anywhere for one in experiments) else ""
    usd = f"{about}{_usd(cost(experiments))} USD"
    lines = [
        table([("experiment", "jobs", "nodes", "min", "USD", "what it does"), *rows], wraps=True),
        "",
        f"At most {jobs} jobs, {minutes:g} node-minutes, {usd} by list prices.",
        "Nodes that come up and go down may cost as much again.",
    ]
    lines += [f"Left out: {name}: {why}." for name, why in left.items()]
    return "\n".join(lines)


def _usd(amount: float | None) -> str:
    return "unknown" if amount is None else money(amount)
