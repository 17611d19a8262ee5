"""What was sent from here, from the decision to send it until it is over; and what it has of quota. Pure.

Usages tell sums, and never whose they are. Serverless nodes of a job that was sent are in them from some
instant before it is told to run, which nobody tells. So a job that waits may be in a reading or not, and to
add it to what is used counts it twice while its nodes come up, and to leave it out lets fifty jobs see the
same free vCPUs.

What can be told is what all *others* hold. Others hold as much as they did, unless a reading refutes it: what
is used lies between what they hold, and that together with all of ours that wait and have come so far that
they can have nodes. Then what is held by all is the others' and ours, each once, and at least what is used:
`Row`. So growth is ours first, as far as ours can have nodes. Once a job is told to run, a reading that was
begun since has its nodes, and it stands on the others' side, by name, so that its end is not taken for
theirs. Two rules keep that side honest:

- Only what the last reading is sure to have had is taken off it: a job that was seen or asked since that
  reading and ran. Of any other it isn't known whether the reading was of before or after its end.
- Nobody is asked who need not be: those that wait, with each reading, after it; those that run, as long as
  others of their family wait. When none waits, others hold what is used, whoever they are.

As long as only our jobs move, and their ends are seen, this is exact, in whatever order they start. What it
can't know: growth of others looks like ours for as long as ours wait, so that a job may be told "now" and
wait; and where others give back while nodes of ours come up, these stand in for theirs until ours are seen to
run: free is too low by that much at most, and never twice over. A job that ends unseen is such an other.

Nodes of clusters are counted by the cluster (`pending`): how many there are is read.

Assumed: nodes of a family that has any are in a row of usages that is the family's. Where there is none, what
waits is counted in full, whether its nodes are there or not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from amlrun._offers.computes import Kind
from amlrun._offers.holdings import holders_by_family
from amlrun._offers.limits import Holder
from amlrun._offers.sizes import Tier, family_key
from amlrun._states import BEFORE_RUNNING, CANCEL_REQUESTED, ENDS, FIRST

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from amlrun._offers.market import Market

Key = tuple[str, Tier]
"""A family, by its key, in a tier: one row of usages."""


@attrs.frozen(kw_only=True)
class Pending:
    """A job that was sent: `nodes` of `cpus` vCPUs each, to serverless or to a compute.

    `there` is False while it is only about to be sent: nobody can be asked after it yet. `at` is when it was
    sent, in seconds since 1970; None: before anything that was read. `family` may be in any spelling.
    `location` is the region of a compute that is only being made; "": that of the compute as it is read, or
    the workspace's.
    """

    name: str
    compute: str = Kind.SERVERLESS.value
    location: str = ""
    family: str = ""
    tier: Tier = Tier.STANDARD
    cpus: int = 0
    nodes: int = 1
    there: bool = True
    at: float | None = None

    @property
    def key(self) -> Key | None:
        """The row that its nodes are counted in by their sum; None: on a compute, they are counted there."""
        return (family_key(self.family), self.tier) if self.compute == Kind.SERVERLESS.value else None

    @property
    def cores(self) -> int:
        """What all its nodes take, in vCPUs."""
        return self.nodes * self.cpus


@attrs.frozen
class Row:
    """A row of usages, less what the workspace's computes hold: `used`, of which others hold `others`.

    Others are all but our jobs that wait: ours that run are among them, as far as a reading has had them.
    """

    used: int
    others: int

    def pending(self, waiting: int) -> int:
        """What is still to come of so much that waits: the rest of it is in `used` already."""
        return max(0, self.others + waiting - self.used)

    def without(self, cores: int) -> Row:
        """Others, and those of ours that run, hold so much less than they did."""
        return attrs.evolve(self, others=max(0, self.others - cores))

    def read(self, used: int, waiting: int, began: int) -> Row:
        """A new reading: `began` have their nodes in it, `waiting` may have."""
        return Row(used, max(used - waiting, min(self.others + began, used)))


def used_beside_computes(market: Market) -> Mapping[Key, int]:
    """Of each row of the workspace's region; none where it isn't known what computes hold."""
    if market.quota is None or market.computes is None:
        return {}
    held = holders_by_family(market.location, market.sizes, market.computes)
    used = {}
    for family in market.quota.families:
        key = family_key(family.name)
        for tier, row in ((Tier.STANDARD, family.dedicated), (Tier.SPOT, family.spot)):
            if row is not None:
                computes = sum(holder.cores for holder in held.get(key, ()) if holder.tier is tier)
                used[key, tier] = max(0, row.used - computes)
    return used


@attrs.frozen
class Outstanding:
    """The jobs that were sent and are not known to be over, by name, those first that are to be asked first.

    `running` are those that were seen to run since the last reading was begun, `read` those whose nodes a
    reading has had: in both, the last one is sure to have them. `rows` are as of the last reading.
    """

    jobs: Mapping[str, Pending] = attrs.field(factory=dict)
    running: frozenset[str] = frozenset()
    read: frozenset[str] = frozenset()
    rows: Mapping[Key, Row] = attrs.field(factory=dict)

    @property
    def waiting(self) -> tuple[Pending, ...]:
        """Those of which no reading is sure to have the nodes."""
        return tuple(job for name, job in self.jobs.items() if name not in self.read)

    @property
    def holders(self) -> Mapping[str, tuple[Holder, ...]]:
        """Those that were seen to run, by the key of their family, with what they hold; on serverless."""
        found: dict[str, tuple[Holder, ...]] = {}
        for name in sorted(self.running | self.read):
            job = self.jobs[name]
            if job.key is not None:
                family, tier = job.key
                found[family] = (*found.get(family, ()), Holder(f"the job {name}", tier, job.cores))
        return found

    def pending(self, key: Key, waiting: int) -> int:
        """What is still to come of so much that waits for a row."""
        row = self.rows.get(key)
        return waiting if row is None else row.pending(waiting)

    def sent(self, job: Pending) -> Outstanding:
        """One more; the same name is the same job, wherever it was sent from again."""
        return attrs.evolve(self, jobs={**self.jobs, job.name: job})

    def unsent(self, name: str) -> Outstanding:
        """It was not sent after all; one that is there is."""
        job = self.jobs.get(name)
        return self if job is None or job.there else self.without({name})

    def seen(self, name: str, status: str) -> Outstanding:
        """Somebody has looked at a job: it waits (again, after a preemption), runs, or is over.

        Without a `status` there is no such job.
        """
        # Assumed: its nodes are in no row of usages before it runs, and an image that is built needs none.
        if name not in self.jobs:
            return self
        if status in ENDS or not status:
            return attrs.evolve(self.without({name}), rows=self._given_back(name))
        if status == CANCEL_REQUESTED:
            return self
        if status not in BEFORE_RUNNING:
            return attrs.evolve(self, running=self.running | {name})
        return attrs.evolve(
            self,
            running=self.running - {name},
            read=self.read - {name},
            rows=self._given_back(name),
        )

    def due(self) -> tuple[str, ...]:
        """Whom to ask after the next reading, in that order: who waits, then who runs where another waits."""
        keys = {job.key for job in self.waiting}
        held = (name for name, job in self.jobs.items() if name in self.read and job.key in keys)
        waits = (job.name for job in self.waiting if job.there and job.name not in self.running)
        return (*waits, *held)

    def renewed(
        self, began: Collection[str], asked: Mapping[str, str | None], used: Mapping[Key, int]
    ) -> Outstanding:
        """After a reading of what is `used`.

        `began` were seen to run before it was begun, `asked` are states since; None: not to be found out. Who
        was asked and is not over is asked last next time.
        """
        after = self
        for name, status in asked.items():
            after = after if status is None else after.seen(name, status)
        return after.marked({*began, *asked}, asked, used).asked_last(asked)

    def marked(
        self, names: Collection[str], asked: Mapping[str, str | None], used: Mapping[Key, int]
    ) -> Outstanding:
        """Of these, those that run are in the reading, which is sure of those that were asked."""
        ran = self.running.intersection(names)
        of_computes = {name for name in ran if self.jobs[name].key is None}
        new = {name for name in ran - self.read - of_computes if self._is_in(used, name)}
        read = self.read | new
        unsure = {name for name in ran & read if asked.get(name) is None}
        after = attrs.evolve(self, read=read, running=self.running - unsure).without(of_computes)
        # Who was asked after the reading and has not come far had no nodes in it.
        waiting = _sums(job for job in after.waiting if asked.get(job.name) not in FIRST)
        began = _sums(self.jobs[name] for name in new)
        rows = {
            key: self.rows.get(key, Row(cores, cores)).read(cores, waiting.get(key, 0), began.get(key, 0))
            for key, cores in used.items()
        }
        return attrs.evolve(after, rows={**self.rows, **rows})

    def asked_last(self, names: Collection[str]) -> Outstanding:
        """The same jobs, these behind all others."""
        last = {name: job for name, job in self.jobs.items() if name in names}
        first = {name: job for name, job in self.jobs.items() if name not in names}
        return attrs.evolve(self, jobs={**first, **last})

    def without(self, names: Collection[str]) -> Outstanding:
        """These are forgotten."""
        return attrs.evolve(
            self,
            jobs={name: job for name, job in self.jobs.items() if name not in names},
            running=self.running.difference(names),
            read=self.read.difference(names),
        )

    def _is_in(self, used: Mapping[Key, int], name: str) -> bool:
        """Whether the row of its nodes was read; where there never was one, it counts no more."""
        key = self.jobs[name].key
        return key in used or key not in self.rows

    def _given_back(self, name: str) -> Mapping[Key, Row]:
        """The rows without the nodes of a job that is gone, where the last reading surely had them."""
        job = self.jobs[name]
        if job.key is None or job.key not in self.rows or name not in self.running & self.read:
            return self.rows
        return {**self.rows, job.key: self.rows[job.key].without(job.cores)}


def _sums(jobs: Iterable[Pending]) -> dict[Key, int]:
    """VCPUs by row, of those on serverless."""
    sums: dict[Key, int] = {}
    for job in jobs:
        if job.key is not None:
            sums[job.key] = sums.get(job.key, 0) + job.cores
    return sums
