"""What there is: computes with their nodes, the quota that they hold, and what happens to them by itself.

It knows the store and the pure moves of `_computes`, `_clusters`, `_machines` and the ledger, and of a job no
more than its name and how many nodes it waits for. Each method runs inside a transaction of the caller's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from amlrun.testing._supply import words
from amlrun.testing._supply.computes import INSTANCE, Compute, changed_compute, check_changeable
from amlrun.testing._supply.ledger import Ledger
from amlrun.testing._supply.usages import default_ledger

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from amlrun.testing._state.store import Records
    from amlrun.testing._supply.clusters import Cluster, NodeState

WAIT = "wait "
"""The shelf of a pool's queue is this and the pool."""
# Assumed: how long it takes.
CREATE_SECONDS = 20.0
UPDATE_SECONDS = 5.0
DELETE_SECONDS = 15.0


@attrs.frozen
class Supply:
    """All moves of quota and computes. `pace` 1: they take their time; 0: what can be at once is at once."""

    pace: float = 1.0

    def ledger(self, records: Records, region: str = "") -> Ledger:
        """The quota ledger of a region as it stands; "": the workspace's own."""
        kept = records.get("meta", _ledger_name(region))
        return default_ledger() if kept is None else Ledger.from_json(kept)

    def keep_ledger(self, records: Records, ledger: Ledger, region: str = "") -> None:
        """Write the ledger."""
        records.put("meta", _ledger_name(region), ledger.to_json())

    def compute(self, records: Records, name: str) -> Compute | None:
        """A compute, in any case of its name, or None."""
        body = records.get("compute", name.lower())
        return None if body is None else Compute.from_json(body)

    def computes(self, records: Records) -> list[Compute]:
        """All of them, in the order in which they were made."""
        return [Compute.from_json(body) for body in records.all("compute")]

    def keep(self, records: Records, compute: Compute) -> Compute:
        """Write a compute."""
        records.put("compute", compute.name.lower(), compute.to_json(), due=compute.due)
        return compute

    def wanted(self, records: Records, cluster: Cluster) -> int:
        """How many nodes the jobs want that wait for a cluster, up to its maximum."""
        # Each wants one node at least: no more of them are looked at than nodes could come.
        waiting = records.on_shelf("job", WAIT + cluster.name.lower(), most=cluster.max_nodes)
        return min(cluster.max_nodes, sum(int(body["demand"]["nodes"]) for body in waiting))

    # -- what is asked of it

    def create(self, records: Records, compute: Compute, now: float) -> Compute:
        """A new compute begins to be."""
        cluster = compute.cluster and attrs.evolve(compute.cluster, pace=self.pace)
        ready = now + CREATE_SECONDS * self.pace
        return self.keep(records, attrs.evolve(compute, cluster=cluster, state="Creating", ready=ready))

    def change(self, records: Records, compute: Compute, body: Mapping[str, Any], now: float) -> Compute:
        """A compute gets another body. Its nodes follow at once. Raises Refusal for what can't be changed."""
        check_changeable(compute)
        after = changed_compute(compute, body, now)
        if compute.state != "Creating":
            after = attrs.evolve(after, state="Updating", ready=now + UPDATE_SECONDS * self.pace)
        if compute.cluster is not None and after.cluster is not None and compute.state != "Creating":
            wanted = self.wanted(records, after.cluster)
            before, stepped = attrs.evolve(after, cluster=compute.cluster), after.cluster.step(now, wanted)
            return self._settle(records, before, stepped, now, wanted=wanted)
        return self.keep(records, after)

    def delete(self, records: Records, compute: Compute, now: float) -> Compute:
        """A compute begins to go. Its jobs are the caller's to end."""
        return self.keep(
            records,
            attrs.evolve(compute, state="Deleting", ready=now + DELETE_SECONDS * self.pace, modified=now),
        )

    def power(self, records: Records, compute: Compute, action: str, now: float) -> Compute:
        """A machine begins to start, stop or restart. Its job is the caller's to end."""
        machine = compute.machine and compute.machine.power(action, now, self.pace)
        return self.keep(records, attrs.evolve(compute, machine=machine, modified=now))

    def hit(
        self, records: Records, compute: Compute, state: NodeState, count: int, now: float
    ) -> tuple[str, ...]:
        """So many nodes of a cluster are lost; returns the jobs on them: they are the caller's to end."""
        assert compute.cluster is not None  # noqa: S101 - the caller's check
        after, jobs = compute.cluster.hit(state, count, now)
        self._settle(records, compute, after, now)
        return jobs

    def refresh(self, records: Records, now: float) -> None:
        """Quota or capacity has changed: clusters that lack nodes try again."""
        for compute in self.computes(records):
            if compute.cluster is not None and compute.usable:
                self._settle(records, compute, compute.cluster, now)

    # -- jobs come and go

    def seat(self, records: Records, compute: Compute, job: str, nodes: int, now: float) -> bool:
        """Give a job its nodes, or let them begin to come. Returns whether it has them."""
        if not compute.usable:
            return False
        if compute.cluster is not None:
            if compute.cluster.idle < nodes:
                self._settle(records, compute, compute.cluster, now)
                return False
            self.keep(records, attrs.evolve(compute, cluster=compute.cluster.seat(job, nodes, now)))
        elif compute.machine is not None:
            if not compute.machine.free:
                return False
            self.keep(records, attrs.evolve(compute, machine=attrs.evolve(compute.machine, job=job)))
        elif compute.capacity is not None and compute.busy + nodes > compute.capacity:
            return False
        else:
            self.keep(records, attrs.evolve(compute, busy=compute.busy + nodes))
        return True

    def unseat(
        self, records: Records, compute: Compute, job: str, nodes: int, now: float, *, lost: bool
    ) -> None:
        """A job has no nodes any more; `lost`: they are gone with it."""
        if compute.cluster is not None:
            cluster = compute.cluster
            self._settle(records, compute, cluster.lose(job, now) if lost else cluster.leave(job, now), now)
        elif compute.machine is not None:
            machine = compute.machine
            free = attrs.evolve(machine, job=None) if machine.job == job else machine
            self.keep(records, attrs.evolve(compute, machine=free))
        else:
            self.keep(records, attrs.evolve(compute, busy=max(0, compute.busy - nodes)))

    # -- what happens by itself

    def happens(self, records: Records, name: str, at: float) -> bool:
        """What is due at a compute. True: somebody who waits may start now."""
        compute = self.compute(records, name)
        assert compute is not None  # noqa: S101 - it was due
        if compute.ready is not None and compute.ready <= at:
            if compute.state == "Deleting":
                self._forget(records, compute)
            else:
                self.settled(records, compute, at)
        elif compute.machine is not None and compute.machine.due is not None:
            self._powered(records, compute)
        elif compute.cluster is not None:
            wanted = self.wanted(records, compute.cluster)
            self._settle(records, compute, compute.cluster.step(at, wanted), at, wanted=wanted)
        return True

    def settled(self, records: Records, compute: Compute, at: float) -> Compute:
        """A compute comes out of Creating or Updating: with what it begins with, or Failed."""
        problem = compute.problem or compute.unavailable() if compute.state == "Creating" else None
        creating, compute = compute.state == "Creating", attrs.evolve(compute, ready=None, state="Succeeded")
        ledger = self.ledger(records, compute.region)
        if creating and not problem and compute.cluster is not None:
            cluster = compute.cluster
            least = cluster.one.times(cluster.min_nodes)
            if ledger.short(least):
                problem = "ClusterMinNodesExceedCoreQuota", words.min_nodes(cluster)
            elif cluster.min_nodes:
                self.keep_ledger(records, ledger.take(least), compute.region)
                compute = attrs.evolve(compute, cluster=cluster.grow(cluster.min_nodes, at))
        if creating and compute.machine is not None:
            machine, hold = compute.machine, compute.hold
            short = ledger.short(hold) if hold and not problem else None
            if short:
                # Assumed: the code. It is a cluster's.
                problem = "ClusterCoreQuotaReached", words.short(short)
            if hold and not problem:
                self.keep_ledger(records, ledger.take(hold), compute.region)
                machine = attrs.evolve(machine, holds=True)
            compute = attrs.evolve(compute, machine=machine.created(failed=problem is not None))
        if problem:
            compute = attrs.evolve(compute, state="Failed", problem=problem)
        return self.keep(records, compute)

    def _powered(self, records: Records, compute: Compute) -> None:
        machine, hold = compute.machine, compute.hold
        assert machine is not None  # noqa: S101 - it was due
        ledger, failed = self.ledger(records, compute.region), False
        on = machine.last[0] != "Stop"
        if hold and on and not machine.holds:
            failed = ledger.short(hold) is not None
            if not failed:
                self.keep_ledger(records, ledger.take(hold), compute.region)
                machine = attrs.evolve(machine, holds=True)
        elif hold and not on and machine.holds and compute.properties.get("releaseQuotaOnStop"):
            self.keep_ledger(records, ledger.release(hold), compute.region)
            machine = attrs.evolve(machine, holds=False)
        self.keep(records, attrs.evolve(compute, machine=machine.arrived(failed=failed)))

    def _forget(self, records: Records, compute: Compute) -> None:
        ledger = self.ledger(records, compute.region)
        if compute.cluster is not None and compute.cluster.holding:
            ledger = ledger.release(compute.cluster.one.times(compute.cluster.holding))
        if compute.machine is not None and compute.machine.holds and compute.hold:
            ledger = ledger.release(compute.hold)
        self.keep_ledger(records, ledger, compute.region)
        records.remove("compute", compute.name.lower())

    def _settle(
        self, records: Records, compute: Compute, after: Cluster, now: float, *, wanted: int | None = None
    ) -> Compute:
        """The cluster as it has come to stand: what left is released, and what is wanted begins to come.

        `wanted` is for who knows it already.
        """
        before = compute.cluster
        assert before is not None  # noqa: S101 - the callers have one
        first = ledger = self.ledger(records, compute.region)
        if freed := before.holding - after.holding:
            ledger = ledger.release(after.one.times(freed))
        grows = compute.usable and not after.stuck
        back = after.returning(now) if grows else 0
        if came := min(back, ledger.fits(after.one, back)):
            after, ledger = after.come_back(came, now), ledger.take(after.one.times(came))
        room = grows and len(after.nodes) < after.max_nodes
        if room and wanted is None:
            wanted = self.wanted(records, after)
        missing = after.missing(wanted or 0) if room else 0
        if grown := min(missing, ledger.fits(after.one, missing)):
            after, ledger = after.grow(grown, now), ledger.take(after.one.times(grown))
        short = came < back or grown < missing
        after = attrs.evolve(after, problem=words.cannot_grow(ledger, after.one) if short else None)
        if ledger != first:
            self.keep_ledger(records, ledger, compute.region)
        compute = attrs.evolve(compute, cluster=after)
        return self.keep(records, compute) if after != before else compute


def _ledger_name(region: str) -> str:
    return f"ledger {region}" if region else "ledger"


def counted(computes: list[Compute]) -> int:
    """How many of them count as clusters: those of the service's own, compute instances too."""
    return sum(compute.kind == INSTANCE or compute.cluster is not None for compute in computes)
