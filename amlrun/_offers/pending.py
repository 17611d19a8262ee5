"""What was sent from here and does not run yet: counted until the service counts it. Pure.

A reading of quota tells the nodes that exist. A job that was sent has none until it runs, so it is in no
reading, however new: it counts here instead, from the decision to send it until a reading was begun while it
ran. Three rules follow, by which each job counts once:

- A job that is seen to be over is dropped at once: it holds nothing, and what a kept reading has of it can
  only be given back.
- A job that is seen to run goes on counting: the reading that is kept was made before its nodes were there.
  The next one has them, so that one drops it.
- After each new reading the others are asked how they stand, and those that no longer wait are dropped. They
  are asked after the reading, not before it: a job that begins to run in between is then in neither for half
  a minute, where otherwise it would be in both.

Assumed: a job's nodes count in usages when it runs, and not while it waits. Those of a cluster that come up
for a job exist before it runs: they are taken off what still has to be found.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import attrs

from amlrun._offers.computes import Kind
from amlrun._offers.sizes import Tier, family_key

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from amlrun._offers.computes import Compute
    from amlrun._offers.limits import FamilyQuota, Limit, Quota
    from amlrun._offers.market import Market

WAITING = frozenset({"NotStarted", "Scheduled", "Provisioning", "Starting", "Preparing", "Queued"})
"""States in which a job has no nodes yet."""
OVER = frozenset({"Completed", "Failed", "Canceled"})
"""States in which it has none any more."""


@attrs.frozen(kw_only=True)
class Pending:
    """A job that was sent: `nodes` of `cpus` vCPUs each, to serverless or to a compute.

    `there` is False while it is only about to be sent: nobody can be asked after it yet. `family` may be in
    any spelling. `location` is the region of a compute that is only being made; "": that
    of the compute as it is read, or the workspace's.
    """

    name: str
    compute: str = Kind.SERVERLESS.value
    location: str = ""
    family: str = ""
    tier: Tier = Tier.STANDARD
    cpus: int = 0
    nodes: int = 1
    there: bool = True


@attrs.frozen
class Outstanding:
    """The jobs that were sent and still count, by name, those first that are to be asked after first.

    `running` are those of them that were seen to run.
    """

    jobs: Mapping[str, Pending] = attrs.field(factory=dict)
    running: frozenset[str] = frozenset()

    def sent(self, job: Pending) -> Outstanding:
        """One more; the same name is the same job, wherever it was sent from again."""
        return attrs.evolve(self, jobs={**self.jobs, job.name: job})

    def seen(self, name: str, status: str) -> Outstanding:
        """Somebody has looked at a job: over, it is dropped; running, the next reading has its nodes."""
        if name not in self.jobs or status in WAITING:
            return self
        return self._without({name}) if status in OVER else attrs.evolve(self, running=self.running | {name})

    def due(self) -> tuple[str, ...]:
        """Whom to ask after the next reading, in that order."""
        return tuple(name for name, job in self.jobs.items() if job.there and name not in self.running)

    def without(self, name: str) -> Outstanding:
        """It was not sent after all."""
        return self._without({name})

    def renewed(self, ran: Collection[str], asked: Mapping[str, str | None]) -> Outstanding:
        """After a reading: `ran` were seen to run before it was begun, `asked` are states since.

        None: not to be found out, so it goes on counting. Who was asked and counts is asked last next time.
        """
        waits = [name for name, status in asked.items() if status is None or status in WAITING]
        left = self._without({*ran, *(name for name in asked if name not in waits)})
        last = {name: left.jobs[name] for name in waits if name in left.jobs}
        first = {name: job for name, job in left.jobs.items() if name not in last}
        return attrs.evolve(left, jobs={**first, **last})

    def _without(self, names: Collection[str]) -> Outstanding:
        return Outstanding(
            {name: job for name, job in self.jobs.items() if name not in names},
            self.running.difference(names),
        )


def counted(market: Market, outstanding: Outstanding) -> Market:
    """The market as it is once those who wait have what they asked for."""
    if not outstanding.jobs:
        return market
    wanted = Counter[str]()
    cores: Counter[tuple[str, str, Tier]] = Counter()
    computes = {compute.name.lower(): compute for compute in market.computes or ()}
    for job in outstanding.jobs.values():
        compute, found = computes.get(job.compute.lower()), job.nodes
        location = job.location or market.location
        if compute is not None:
            before = wanted[compute.name]
            wanted[compute.name] += job.nodes
            found = _to_find(compute, wanted[compute.name]) - _to_find(compute, before)
            location = compute.location or market.location
        cores[location, family_key(job.family), job.tier] += found * job.cpus
    return attrs.evolve(
        market,
        quota=market.quota and _counted_quota(market.quota, cores),
        elsewhere={region: _counted_quota(quota, cores) for region, quota in market.elsewhere.items()},
        computes=market.computes
        and tuple(_spoken_for(compute, wanted[compute.name]) for compute in market.computes),
    )


def _to_find(compute: Compute, wanted: int) -> int:
    """How many nodes a compute must find under its quota for so many: those beyond its own and its most."""
    if compute.kind is not Kind.CLUSTER:
        return 0  # it has its nodes, whatever it is: they are no quota of Azure ML's, or hold it already
    missing = wanted - compute.idle_nodes - compute.preparing_nodes
    return max(0, min(missing, compute.max_nodes - compute.nodes))


def _spoken_for(compute: Compute, wanted: int) -> Compute:
    """A compute whose idle nodes and room are another's as far as they are wanted."""
    if not wanted or compute.kind is not Kind.CLUSTER:
        return compute
    return attrs.evolve(
        compute, idle_nodes=max(0, compute.idle_nodes - wanted), sent_nodes=_to_find(compute, wanted)
    )


def _counted_quota(quota: Quota, cores: Mapping[tuple[str, str, Tier], int]) -> Quota:
    """The region's rows, with what is wanted of each."""
    here = {(family, tier): n for (region, family, tier), n in cores.items() if region == quota.location}

    def total(tier: Tier) -> int:
        return sum(n for (_, of), n in here.items() if of is tier)

    def family(rows: FamilyQuota) -> FamilyQuota:
        key = family_key(rows.name)
        dedicated, spot = here.get((key, Tier.STANDARD), 0), here.get((key, Tier.SPOT), 0)
        if not dedicated and not spot:
            return rows
        return attrs.evolve(
            rows,
            dedicated=_more(rows.dedicated, dedicated),
            spot=_more(rows.spot, spot),
            workspace=_more(rows.workspace, dedicated),
        )

    return attrs.evolve(
        quota,
        families=tuple(family(rows) for rows in quota.families),
        dedicated_total=_more(quota.dedicated_total, total(Tier.STANDARD)),
        spot_total=_more(quota.spot_total, total(Tier.SPOT)),
    )


def _more(limit: Limit | None, cores: int) -> Limit | None:
    return limit and attrs.evolve(limit, pending=limit.pending + cores)
