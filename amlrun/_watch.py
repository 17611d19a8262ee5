"""The loop: it looks at each run when that is due, lets each act, shows how they stand, and sleeps.

One run or many: it is the same loop. Nothing that happens to one holds up or loses another.
"""

from __future__ import annotations

import logging
import math
from functools import partial
from typing import TYPE_CHECKING

import attrs

from amlrun._bulk import AT_ONCE, PER_SECOND, read_jobs, side_by_side
from amlrun._clock import Timeline
from amlrun._errors import WaitTimeout
from amlrun._follow import Follow, stepped
from amlrun._pace import Pace
from amlrun._progress import Progress
from amlrun._turns import is_due, next_due

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from amlrun._decision import Stop
    from amlrun._display import Display

_log = logging.getLogger("amlrun")


def follow_all(
    follows: Sequence[Follow],
    *,
    timeout: float | None,
    seen: Callable[[int, Follow], None],
    display: Display,
) -> list[Stop | Exception]:
    """Wait until each of them has an `end`, requeueing as its policy says; returns these in order.

    `seen` is told of each, by its place, after each of its steps. What isn't over after `timeout` seconds
    of the wall clock ends with a `WaitTimeout`, after a last look; its job goes on.
    """
    runs = list(follows)
    if not runs:
        return []
    timeline = Timeline(run.workspace.clock for run in runs)
    pace = Pace(timeline, at_once=AT_ONCE, per_second=PER_SECOND)
    deadline = math.inf if timeout is None else timeout
    while True:
        now = timeline.now()
        late = now >= deadline
        due = [at for at, run in enumerate(runs) if run.end is None and (late or is_due(run.turn, now))]
        for at, run in zip(due, _round([runs[at] for at in due], now, pace), strict=True):
            runs[at] = attrs.evolve(run, end=_timed_out(run)) if late and run.end is None else run
            seen(at, runs[at])
            _tell(runs[at], display)
        live = [run.turn for run in runs if run.end is None]
        ends = [run.end for run in runs if run.end is not None]  # of all, once none lives
        until = min(next_due(live), deadline)
        _show(runs, timeline.now(), until if live else None, display)
        if not live:
            return ends
        _sleep(runs, timeline, until, display)


def _round(runs: Sequence[Follow], now: float, pace: Pace) -> list[Follow]:
    """All that are due, looked at together, then each its step."""
    asking = [(run.workspace, name) for run in runs if (name := run.wanted) is not None]
    found = iter(read_jobs(asking, pace))
    jobs = [None if run.wanted is None else next(found) for run in runs]
    steps = [partial(stepped, run, job, now) for run, job in zip(runs, jobs, strict=True)]
    return side_by_side(lambda step: step(), steps)


def _tell(run: Follow, display: Display) -> None:
    """What the last step of a run has to say."""
    if run.written:
        display.log(run.written)
    for news in run.news:
        display.note(news)
    if run.trouble:
        display.clear()
        _log.warning("%s", run.trouble)


def _sleep(runs: Sequence[Follow], timeline: Timeline, until: float, display: Display) -> None:
    """Until somebody is due, drawn anew as often as the display wants it."""
    while (now := timeline.now()) < until:
        timeline.sleep_until(min(until, now + display.tick))
        if display.tick < math.inf:
            _show(runs, timeline.now(), until, display)


def _show(runs: Sequence[Follow], now: float, until: float | None, display: Display) -> None:
    if not display.shows:
        return
    sights = tuple(run.sight(now) for run in runs)
    next_look = None if until is None else max(0.0, until - now)
    display.progress(Progress(sights=sights, elapsed=now, next_look=next_look))


def _timed_out(run: Follow) -> WaitTimeout:
    last, name = run.watched.last, run.watched.group
    waits = f" ({run.waits})" if run.waits else ""
    message = f"{name} is not over yet: attempt {last.number} is {last.status}{waits}"
    hint = f"It goes on; `amlrun wait {name}` goes on waiting, or attach({name!r}).wait()."
    return WaitTimeout(message, hint=hint, name=name)
