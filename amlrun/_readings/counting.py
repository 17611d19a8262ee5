"""What was sent from this process to one workspace, whoever's client sent it: counted, and asked after.

The rules of counting are in `_offers.outstanding`; here is whose turn it is to decide, and who is asked when.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from amlrun._offers import Kind, region_key
from amlrun._offers.outstanding import Outstanding, Pending, used_beside_computes
from amlrun._offers.pending import counted
from amlrun._plan.summary import heaviest
from amlrun._states import BEFORE_RUNNING, CANCEL_REQUESTED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from amlrun._clock import Clock
    from amlrun._offers import Market, Size
    from amlrun._offers.limits import Holder
    from amlrun._plan import Plan

_ASKED_FOR = 30.0
"""Seconds for which a look at a job is good: readings may come one after the other."""
_MOST_ASKED = 64
"""Jobs that are asked after with one reading."""


class Counting:
    """The jobs that were sent, and are not known to be over. Safe to share between threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._outstanding = Outstanding()
        self._lock, self._turn = threading.Lock(), threading.RLock()
        self._looks: dict[str, tuple[float, str]] = {}

    def counted(self, market: Market) -> Market:
        """The market, less what was sent and is not in it. It must be the last one that was `read`."""
        return counted(market, self._outstanding)

    @contextmanager
    def sending(
        self, name: str, decided: Callable[[], Plan], size: Callable[[Plan], Size | None]
    ) -> Iterator[Plan]:
        """Decide on a job, which counts from then on, and no more where it isn't sent.

        One is decided on at a time: each sees what those before it took, in however many threads.
        """
        with self._turn:
            plan = decided()
            if name not in self._outstanding.jobs:
                self._count(name, plan, size(plan), there=False)
        try:
            yield plan
        finally:  # one that was sent is there by now
            with self._lock:
                self._outstanding = self._outstanding.unsent(name)

    def sent(self, name: str, plan: Plan, size: Size | None, status: str, *, adopted: bool) -> None:
        """A job was sent by that plan, or may have been: its nodes count until a reading has them.

        One that was there already (`adopted`) and no longer waits is in the readings, whoever sent it.
        """
        if status in BEFORE_RUNNING or not adopted:
            self._count(name, plan, size, there=True)
        with self._lock:  # what the reply says is no look: whether the job stays is asked
            self._outstanding = self._outstanding.seen(name, status)

    def _count(self, name: str, plan: Plan, size: Size | None, *, there: bool) -> None:
        """From now on, as far as there is something to count it on.

        There is not where quota can't be read, for a size that nobody knows, and on computes that have their
        nodes whatever is sent there.
        """
        plan = heaviest(plan)
        of_cluster = plan.kind is Kind.CLUSTER
        if not (of_cluster or (plan.kind is Kind.SERVERLESS and size and plan.verified)):
            return
        job = Pending(
            name=name,
            compute=plan.compute,
            location=region_key(plan.creates.location or "") if plan.creates else "",
            family=size.family if size else "",
            tier=plan.tier,
            cpus=size.cpus if size else 0,
            nodes=plan.most_nodes,
            there=there,
            at=self._clock.now(),
        )
        with self._lock:
            self._outstanding = self._outstanding.sent(job)

    def seen(self, name: str, status: str) -> None:
        """Somebody has looked at a job, whoever sent it; `status` is the service's word."""
        with self._lock:
            self._outstanding = self._outstanding.seen(name, status)
            self._looked({name: status})

    @property
    def holders(self) -> Mapping[str, tuple[Holder, ...]]:
        """What the serverless jobs hold that were seen to run, by the key of their family."""
        return self._outstanding.holders

    @property
    def running(self) -> frozenset[str]:
        """Those that were seen to run: a reading that is begun now has their nodes."""
        return self._outstanding.running

    def read(
        self,
        market: Market,
        ran: frozenset[str],
        ask: Callable[[Sequence[str]], Mapping[str, str | None]],
    ) -> None:
        """The market was read, and `ran` were running before; `ask` says how jobs stand that are due."""
        now = self._clock.now()
        with self._lock:
            recent = self._recent(now)
            names = [name for name in self._outstanding.due() if name not in recent][:_MOST_ASKED]
        asked = ask(names)
        with self._lock:
            known = {**self._recent(now), **asked}
            self._outstanding = self._outstanding.renewed(ran, known, used_beside_computes(market))
            self._looked(asked)

    def _recent(self, now: float) -> Mapping[str, str]:
        """How jobs stood a short while ago; one that is about to be canceled is asked after all the same."""
        looks = self._looks.items()
        return {
            name: status
            for name, (at, status) in looks
            if 0 <= now - at < _ASKED_FOR and status != CANCEL_REQUESTED
        }

    def _looked(self, states: Mapping[str, str | None]) -> None:
        """Remember what was seen of the jobs that still count."""
        now = self._clock.now()
        seen = {name: (now, status) for name, status in states.items() if status is not None}
        jobs = self._outstanding.jobs
        self._looks = {name: look for name, look in {**self._looks, **seen}.items() if name in jobs}
