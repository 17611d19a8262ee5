"""One run that is waited for, and one step of it: look, decide, act. It never sleeps; others step beside it.

What it knows between two steps is a value; what a step has to say, its news, is in it.
"""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Any

import attrs

from amlrun._again import has_elsewhere
from amlrun._attempts import cost_of
from amlrun._cancel import add_tag, post_cancel
from amlrun._decision import Retry, Stop, next_attempt, queued_too_long
from amlrun._durations import told
from amlrun._ending import TOLD
from amlrun._errors import AmlrunError, NotAuthorized, ServiceError, SubmissionFailed
from amlrun._history import log_since, run_record
from amlrun._look import Watched, following, seen_in
from amlrun._marks import has_mark, marked
from amlrun._memory import QUEUE_TAG
from amlrun._progress import Sight, Tail
from amlrun._resend import called_off, resent
from amlrun._signing_in import LASTING
from amlrun._states import BEFORE_RUNNING, CANCEL_REQUESTED, ENDS, RUNNING
from amlrun._turns import Question, Turn
from amlrun._waiting import waits_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amlrun._workspace import Workspace

_log = logging.getLogger("amlrun")
PATIENCE = 600.0
"""Seconds of nothing but refusals and odd replies that a wait sits out.

A token that is being renewed is refused, a laptop that wakes up has no network yet and no token, a captive
portal answers with a page: a wait that has seen its job is not lost for that.
"""


@attrs.frozen(kw_only=True)
class Follow:
    """A run as the loop has it. Moments are seconds of the loop's timeline.

    `turn` is when it is looked at next, `since` since when its state is what it is. `retry` is the next
    attempt, decided on and due at `retry_at`, while none lives. `question` is when to ask what it waits for,
    None where nobody wants to know; `tail` how far its log was handed on, None likewise. Of an attempt that
    has waited for nodes for long, `stays_until` is when to look for another place again, and `given_up`
    whether it is being canceled for that. `mark_read`: whether the run is wanted was asked since the last
    attempt was there. `puzzled`: a defect has been told already. `refused_since` is since when no look has
    succeeded, for what may be wrong for good, None where none failed so; `troubled` what was told last of
    looks that fail, "" where the last one didn't. Of the last step: `news` is what happened, `written` what
    its job wrote, `trouble` what failed in passing. `end` is why nothing more is to be done: it is over, or
    the error that ended the waiting.
    """

    workspace: Workspace
    watched: Watched
    turn: Turn = attrs.field(factory=Turn)
    since: float = 0.0
    refused_since: float | None = None
    troubled: str = ""
    retry: Retry | None = None
    retry_at: float = 0.0
    question: Question | None = None
    tail: Tail | None = None
    waits: str = ""
    stays_until: float = 0.0
    given_up: bool = False
    mark_read: bool = False
    puzzled: bool = False
    news: tuple[str, ...] = ()
    written: str = ""
    trouble: str = ""
    end: Stop | Exception | None = None

    @property
    def wanted(self) -> str | None:
        """The job that a step has to be given; None: it needs none.

        Between two attempts it is the first one, which carries the mark of a cancel.
        """
        if self.retry is not None:
            return self.watched.group
        return self.watched.last.name if self.watched.last.ending is None else None

    def sight(self, now: float) -> Sight:
        """As a progress line tells of it."""
        last, clock = self.watched.last, self.workspace.service_clock
        ran = last.status == RUNNING and last.started is not None and not last.restarts
        queued = 0.0 if last.waiting_since is None else clock.now() - last.waiting_since
        why = "not waited for any more" if last.ending is None else TOLD[last.ending]
        return Sight(
            name=self.watched.group,
            attempt=last.number,
            status=last.status,
            for_=max(0.0, clock.now() - (last.started or 0.0)) if ran else max(now - self.since, queued),
            cost=cost_of(self.watched.attempts),
            restarts=last.restarts,
            why=why,
            over=self.end is not None,
            next_in=None if self.retry is None or self.end else max(0.0, self.retry_at - now),
        )


def stepped(follow: Follow, job: Mapping[str, Any] | Exception | None, now: float) -> Follow:
    """After one step, with the job that it `wanted`.

    A fault of a look or of a requeue doesn't end it: names are fixed, so trying again is safe. It ends with
    `NotAuthorized`, `ServiceError` or `SubmissionFailed` where that has not helped for long: the job is gone.
    """
    follow = attrs.evolve(follow, news=(), written="", trouble="")
    try:
        if isinstance(job, Exception):
            raise job  # noqa: TRY301 - as if it had been read here
        follow = _looked(follow, job, now)
        follow = _acted(follow, job, now)
        if follow.troubled:
            follow = _telling(follow, f"{follow.watched.group}: the service answers again")
        return attrs.evolve(follow, refused_since=None, troubled="")
    except (ServiceError, NotAuthorized, SubmissionFailed) as error:
        return _after_fault(follow, error, now)
    except Exception as error:  # noqa: BLE001 - the others go on, whatever it is
        return attrs.evolve(follow, end=error)


def _after_fault(
    follow: Follow, error: ServiceError | NotAuthorized | SubmissionFailed, now: float
) -> Follow:
    lasting = isinstance(error, NotAuthorized) and error.service_code in LASTING
    lasting = lasting or (isinstance(error, SubmissionFailed) and not error.status)  # nobody else has said it
    passing = isinstance(error, ServiceError) and (error.passing or bool(error.host))  # a VPN may come back
    since = now if follow.refused_since is None and not passing else follow.refused_since
    if lasting or (not passing and since is not None and now - since >= PATIENCE):
        return attrs.evolve(follow, end=error)
    closed = isinstance(error, ServiceError) and error.host
    hint = f" ({error.hint})" if closed else ""  # it goes on for long, and somebody can end that
    trouble = f"{follow.watched.group}: {error.message}{hint}; the next look comes"
    return attrs.evolve(
        follow,
        refused_since=since,
        troubled=trouble,
        trouble="" if trouble == follow.troubled else trouble,
        turn=follow.turn.looked(now),
    )


def _looked(follow: Follow, job: Mapping[str, Any] | None, now: float) -> Follow:
    """With what the job says, where it is the last attempt's; and with what it has written."""
    if follow.retry is not None:
        return follow
    if job is None:  # it was over before anybody waited here
        return follow if follow.tail is None else _with_log(follow, follow.tail)
    before = follow.watched.last
    watched = seen_in(follow.workspace, follow.watched, job)
    last = watched.last
    follow = attrs.evolve(follow, watched=watched)
    if last.status != before.status:
        follow = _in_new_state(follow, now)
    if last.restarts > before.restarts:
        what = "queues it again" if last.ending is None else "ran it again"
        follow = _telling(follow, f"{last.name}: the service took it off its node and {what}")
    return follow if follow.tail is None else _with_log(follow, follow.tail)


def _in_new_state(follow: Follow, now: float) -> Follow:
    question = None if follow.question is None else Question.since(now)
    return attrs.evolve(follow, since=now, question=question, waits="")


def _telling(follow: Follow, news: str) -> Follow:
    _log.info("%s", news)
    return attrs.evolve(follow, news=(*follow.news, news))


def _with_log(follow: Follow, tail: Tail) -> Follow:
    """With what its log has more than before. That is worth no error."""
    last = follow.watched.last
    if last.status in BEFORE_RUNNING:
        return follow
    try:
        begin, data = log_since(follow.workspace, last.name, *tail.of(last.name))
    except AmlrunError as error:
        _log.info("%s: its log can't be read: %s", last.name, error)
        return follow
    except Exception:  # noqa: BLE001 - whatever it is
        return _puzzled(follow, "its log can't be read")
    tail, new = tail.more(last.name, begin, data, over=last.status in ENDS)
    return attrs.evolve(follow, tail=tail, written=follow.written + new)


def _puzzled(follow: Follow, what: str) -> Follow:
    """Nobody has foreseen this: it costs the run nothing, and is told with its traceback, once."""
    if not follow.puzzled:
        _log.warning("%s: %s", follow.watched.last.name, what, exc_info=True)
    return attrs.evolve(follow, puzzled=True)


def _acted(follow: Follow, job: Mapping[str, Any] | None, now: float) -> Follow:
    """What follows from a look: nothing, the end of what is overdue, another attempt, or no more."""
    if follow.watched.last.ending is None:
        return _lives(_still_wanted(follow), job or {}, now)
    retry = follow.retry
    if retry is None or job is None:
        return _decided(follow, now)
    if has_mark(job):
        watched = called_off(follow.workspace, follow.watched)
        follow = attrs.evolve(follow, watched=watched, retry=None, turn=Turn(now))
        return _in_new_state(follow, now) if watched.last.ending is None else _decided(follow, now)
    if now >= follow.retry_at:
        return _followed(follow, resent(follow.workspace, follow.watched, retry), now, mark_read=True)
    sent = following(follow.workspace, follow.watched)
    if sent is None:
        return attrs.evolve(follow, turn=follow.turn.until(now, follow.retry_at))
    follow = _followed(follow, follow.watched.followed_by(sent), now, mark_read=False)
    return _telling(follow, f"{follow.watched.last.name} was sent from elsewhere")


def _followed(follow: Follow, watched: Watched, now: float, *, mark_read: bool) -> Follow:
    """With the next attempt, which is there now."""
    follow = attrs.evolve(follow, watched=watched, retry=None, turn=Turn().looked(now))
    follow = attrs.evolve(follow, stays_until=0.0, given_up=False, mark_read=mark_read)
    return _in_new_state(follow, now)


def _still_wanted(follow: Follow) -> Follow:
    """Of an attempt that another watcher has sent the mark is read once, for that one may have died.

    It was to cancel the attempt, where the run was canceled while that was on its way.
    """
    workspace, watched = follow.workspace, follow.watched
    if follow.mark_read or watched.last.number == 1:
        return follow
    if marked(workspace, watched.group):
        post_cancel(workspace, watched.last.name)
    return attrs.evolve(follow, mark_read=True)


def _lives(follow: Follow, job: Mapping[str, Any], now: float) -> Follow:
    left = _time_left(follow)
    if left <= 0:
        _end_overdue(follow)
    if follow.watched.last.waiting_since is not None:
        follow, in_queue = _in_queue(follow, follow.watched.last.waiting_since, job, now)
        left = min(left, in_queue) if in_queue > 0 else left
    follow = attrs.evolve(follow, turn=follow.turn.looked(now, left))
    question = follow.question
    if question is None or question.due > now or follow.watched.last.status not in BEFORE_RUNNING:
        return follow
    follow, waits = _why_waiting(follow)
    follow = attrs.evolve(follow, question=question.asked(now))
    if not waits or waits == follow.waits:
        return follow
    return _telling(attrs.evolve(follow, waits=waits), f"{follow.watched.last.name} waits: {waits}")


def _in_queue(follow: Follow, since: float, job: Mapping[str, Any], now: float) -> tuple[Follow, float]:
    """What the policy says of an attempt that waits for nodes since then; and in how many seconds, what next.

    It is given up with a tag that says so, by which any watcher knows its end; or it stays where it is, where
    no other place is better, and that is asked again after as long a time.
    """
    workspace, watched = follow.workspace, follow.watched
    last, policy = watched.last, watched.memory.policy
    longest = math.inf if policy is None or policy.max_queue_time is None else policy.max_queue_time
    queued = workspace.service_clock.now() - since
    moved = queued_too_long(watched.attempts, policy, queued)
    if moved is None or now < follow.stays_until:
        return follow, max(longest - queued, follow.stays_until - now)
    if follow.given_up:
        post_cancel(workspace, last.name)
        return follow, math.inf
    if moved.retry is not None and not has_elsewhere(workspace, watched.memory, moved.retry):
        follow = attrs.evolve(follow, stays_until=now + longest)
        return _telling(follow, f"{last.name} stays, for no other place is better: {moved.why}"), longest
    add_tag(workspace, last.name, job, QUEUE_TAG, moved.when.value)
    post_cancel(workspace, last.name)
    follow = attrs.evolve(follow, given_up=True)
    return _telling(follow, f"{last.name} is given up: {moved.why}"), math.inf


def _decided(follow: Follow, now: float) -> Follow:
    """The attempt is over: another one after a while, or the end."""
    watched, clock = follow.watched, follow.workspace.service_clock
    last = watched.last
    decision = next_attempt(watched.group, watched.attempts, watched.memory.policy)
    if isinstance(decision, Stop):
        return attrs.evolve(follow, end=decision)
    # What is known of the service's clock may be wrong: never wait longer than was decided.
    wait = max(0.0, min(0.0, (last.ended or math.inf) - clock.now()) + decision.wait)
    why = "ended" if last.ending is None else TOLD[last.ending]
    news = f"{last.name} is over ({why}): attempt {last.number + 1} follows in {told(wait)}"
    news = f"{news}, {decision.why}" if decision.why else news
    follow = attrs.evolve(follow, retry=decision, retry_at=now + wait, turn=Turn(now))
    return _telling(follow, news)


def _time_left(follow: Follow) -> float:
    """Seconds until the last attempt has run for its timeout, where that is ours to keep; else endless."""
    memory, last = follow.watched.memory, follow.watched.last
    policy, timeout = memory.policy, memory.plan.timeout
    if policy is None or not policy.enforce_timeout or timeout is None or last.started is None:
        return math.inf
    return last.started + timeout - follow.workspace.service_clock.now()


def _end_overdue(follow: Follow) -> None:
    """Cancel the attempt without the mark of a cancel: by its length it is known as one that timed out."""
    last = follow.watched.last
    if last.status != CANCEL_REQUESTED:
        _log.info("%s: its timeout ran out; it is canceled", last.name)
        post_cancel(follow.workspace, last.name)


def _why_waiting(follow: Follow) -> tuple[Follow, str]:
    """In words, from what can be read without asking for more than a plan does; "": nothing tells.

    That is worth no error, either.
    """
    workspace, last = follow.workspace, follow.watched.last
    said, market, quota = "", None, None
    try:
        said = run_record(workspace, last.name).queueing
        lookups = workspace.lookups
        readings = lookups.look().readings
        market = readings.market()
        quota = None if market.quota is None else lookups.named(readings.told(market.quota))
        return follow, waits_for(last.plan, last.status, said, market, quota)
    except AmlrunError as error:
        _log.info("%s: what it waits for can't be read: %s", last.name, error)
    except Exception:  # noqa: BLE001 - whatever it is
        follow = _puzzled(follow, "what it waits for can't be read")
    return follow, waits_for(last.plan, last.status, said, None, None)
