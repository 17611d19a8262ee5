"""What was sent from here, until it is over: it counts once, whenever its nodes come up."""

from __future__ import annotations

import attrs
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from amlrun._offers import Tier, family_key
from amlrun._offers.limits import Holder
from amlrun._offers.outstanding import Outstanding, Pending, Row
from amlrun._states import BEFORE_RUNNING, ENDS

KEY = (family_key("F"), Tier.STANDARD)


def job(name: str, **fields: object) -> Pending:
    """A job of one node of four vCPUs on serverless."""
    usual = Pending(name=name, family="F", cpus=4)
    return attrs.evolve(usual, **fields)  # type: ignore[arg-type]  # fields of Pending


def outstanding(*jobs: Pending, used: int | None = 0) -> Outstanding:
    """All of them sent after a reading."""
    sent = Outstanding().renewed((), {}, {} if used is None else {KEY: used})
    for one in jobs:
        sent = sent.sent(one)
    return sent


def pending(sent: Outstanding) -> int:
    """VCPUs that are still to come."""
    return sent.pending(KEY, sum(one.cores for one in sent.waiting if one.key == KEY))


def test_a_job_that_is_over_is_dropped_at_once() -> None:
    """It holds nothing, whatever was read before."""
    for status in (*ENDS, ""):
        assert outstanding(job("a"), job("b")).seen("a", status) == outstanding(job("b"))


def test_a_job_that_runs_counts_until_a_reading_has_it() -> None:
    """The reading that is kept is older than its nodes; the next one, begun while it runs, is not."""
    running = outstanding(job("a"), job("b")).seen("a", "Running")
    assert pending(running) == 8
    assert running.due() == ("b",)
    after = running.renewed(running.running, {"b": "Queued"}, {KEY: 4})
    assert pending(after) == 4
    assert after.due() == ("b", "a")


def test_who_runs_holds_what_it_asked_for() -> None:
    """On serverless: what runs on a compute holds nodes of that. Who waits holds nothing yet."""
    sent = outstanding(job("b", nodes=2), job("a"), job("c", compute="cpu"), job("waits"))
    for name in "abc":
        sent = sent.seen(name, "Running")
    held = (Holder("the job a", Tier.STANDARD, 4), Holder("the job b", Tier.STANDARD, 8))
    assert sent.holders == {KEY[0]: held}
    read = sent.renewed(sent.running, {}, {KEY: 12})
    assert read.holders == sent.holders
    assert read.seen("a", "Completed").seen("b", "Queued").holders == {}


def test_who_waits_goes_on_counting_and_is_asked_last_next_time() -> None:
    """So that many that wait for long don't hide one that has long begun."""
    sent = outstanding(job("a"), job("b"), job("c"))
    for status in (*BEFORE_RUNNING, None):
        assert sent.renewed((), {"a": status}, {KEY: 0}).due() == ("b", "c", "a")
    assert sent.seen("a", "Queued") == sent
    assert sent.seen("nobody", "Running") is sent


def test_the_same_name_is_the_same_job() -> None:
    """Sent again after a lost reply, it counts once."""
    assert outstanding(job("a"), job("a")) == outstanding(job("a"))


def test_only_what_is_not_there_is_unsent() -> None:
    """What is there counts, whatever became of whoever sent it."""
    sent = outstanding(job("a"), job("b", there=False))
    assert sent.due() == ("a",)
    assert sent.unsent("a") is sent.unsent("nobody") is sent
    assert sent.unsent("b") == outstanding(job("a"))


def test_nodes_that_come_up_for_a_job_that_waits_count_once() -> None:
    """They are in use already while the job is still told as waiting; then it runs, and still counts once."""
    sent = outstanding(job("a", nodes=5), used=8).renewed((), {"a": "Queued"}, {KEY: 8})
    assert pending(sent) == 20
    sent = sent.renewed((), {"a": "Queued"}, {KEY: 28})
    assert pending(sent) == 0
    sent = sent.sent(job("b"))
    assert pending(sent) == 4
    sent = sent.renewed((), {"a": "Running", "b": "Queued"}, {KEY: 28})
    assert pending(sent) == 4
    assert pending(sent.renewed((), {"a": "Completed", "b": "Queued"}, {KEY: 12})) == 0


def test_others_growth_looks_like_ours_as_far_as_ours_wait() -> None:
    """What is beyond that is theirs; and none of it is added to what ours take."""
    sent = outstanding(job("a"), used=8)
    for used, rest in ((8, 4), (10, 2), (12, 0), (40, 0)):
        assert pending(sent.renewed((), {}, {KEY: used})) == rest
    assert pending(sent.renewed((), {}, {KEY: 40}).renewed((), {}, {KEY: 36})) == 4


def test_others_growth_is_theirs_while_ours_cant_have_nodes() -> None:
    """One that has only begun its way has none: what has come up meanwhile is somebody else's."""
    sent = outstanding(job("a"))
    for status in ("NotStarted", "Starting"):
        assert pending(sent.renewed((), {"a": status}, {KEY: 4})) == 4
    assert pending(sent.renewed((), {"a": "Queued"}, {KEY: 4})) == 0


def test_who_is_about_to_be_canceled_holds_what_it_holds() -> None:
    """It may never have had nodes: it counts as it did, and is asked after, until it is over."""
    sent = outstanding(job("a")).seen("a", "CancelRequested")
    assert (pending(sent), sent.due()) == (4, ("a",))
    sent = sent.renewed((), {"a": "CancelRequested"}, {KEY: 0})
    assert (pending(sent), sent.due()) == (4, ("a",))
    assert pending(sent.seen("a", "Canceled")) == 0


def test_a_preempted_job_waits_again() -> None:
    """In place, from Running to Queued: it holds no node, is asked after, and counts until it runs again."""
    ran = outstanding(job("a")).seen("a", "Running")
    assert ran.seen("a", "Queued").due() == ("a",)
    read = ran.renewed(ran.running, {}, {KEY: 4}).seen("a", "Running")
    assert pending(read) == 0
    again = read.seen("a", "Queued")
    assert (pending(again), again.due()) == (0, ("a",))  # its nodes are still in what was read
    assert pending(again.renewed((), {"a": "Queued"}, {KEY: 0})) == 4


def test_nobody_is_asked_who_need_not_be() -> None:
    """Who runs is asked while others of its family wait; an end counts where a reading surely had it."""
    sent = outstanding(job("a"), job("far", family="G")).seen("a", "Running").seen("far", "Running")
    sent = sent.renewed(sent.running, {}, {KEY: 4, (family_key("G"), Tier.STANDARD): 4})
    assert sent.due() == ()
    sent = sent.sent(job("b"))
    assert sent.due() == ("b", "a")
    assert pending(sent.seen("a", "Completed")) == 4
    assert pending(sent.seen("a", "Running").seen("a", "Completed")) == 0


def test_a_reading_that_failed_leaves_all_as_it_was() -> None:
    """Who runs counts until one succeeds; where there never was a row, until it runs."""
    ran = outstanding(job("a"), job("b")).seen("a", "Running")
    missed = ran.renewed(ran.running, {"b": "Queued"}, {})
    assert pending(missed) == 8
    assert pending(missed.renewed(missed.running, {"b": "Queued"}, {KEY: 4})) == 4
    never = outstanding(job("a"), job("b"), used=None).seen("a", "Running")
    assert pending(never) == 8
    never = never.renewed(never.running, {}, {})
    assert pending(never) == pending(never.seen("a", "Running").seen("a", "Failed")) == 4


def test_a_job_of_a_cluster_counts_until_it_runs() -> None:
    """Then the cluster's nodes tell it."""
    sent = outstanding(job("a", compute="gpu"), job("b", compute="gpu")).seen("a", "Running")
    assert len(sent.waiting) == 2
    assert sent.renewed(sent.running, {"b": "Queued"}, {KEY: 8}).waiting == (job("b", compute="gpu"),)
    assert sent.renewed((), {"b": "Running"}, {KEY: 8}).waiting == (job("a", compute="gpu"),)


def test_a_row_adds_up() -> None:
    """What is still to come is never less than nothing, nor more than what waits."""
    assert Row(8, 8).pending(4) == 4
    assert Row(12, 8).pending(4) == 0
    assert Row(8, 2).without(4) == Row(8, 0)


HELD, WITHOUT = ("coming", "running"), ("starting", "waiting")


class Service(RuleBasedStateMachine):
    """Jobs that are sent, get nodes, run, lose them and end, in any order; the service's truth beside ours.

    Nodes of a job that waits are used before it is told to run. Nobody watches: runs are looked at by chance.
    What leaves unseen is to us as others that give back, and who is preempted unseen as one more of them.
    """

    watched = False

    def __init__(self) -> None:
        super().__init__()
        self.truth: dict[str, str] = {}
        self.cores: dict[str, int] = {}
        self.others = 40
        self.took = self.gave = 0
        self.sent = Outstanding()
        self.read()

    def of(self, *stages: str) -> list[str]:
        """Jobs in these stages."""
        return sorted(name for name, stage in self.truth.items() if stage in stages)

    def sum(self, *stages: str) -> int:
        """What these jobs take, or will."""
        return sum(self.cores[name] for name in self.of(*stages))

    def status(self, name: str) -> str:
        """As the service tells it: nodes that come up are no state of a job."""
        told = {"starting": "Starting", "waiting": "Queued", "coming": "Queued", "running": "Running"}
        return told.get(self.truth[name], "Completed")

    @rule(nodes=st.integers(1, 5))
    def send(self, nodes: int) -> None:
        """One more."""
        name = f"j{len(self.truth)}"
        self.truth[name], self.cores[name] = "starting", nodes * 4
        self.sent = self.sent.sent(job(name, nodes=nodes))

    def move(self, data: st.DataObject, stages: tuple[str, ...], becomes: str) -> str:
        """One of those in these stages goes on."""
        name: str = data.draw(st.sampled_from(self.of(*stages)))
        self.truth[name] = becomes
        return name

    @precondition(lambda self: self.of("starting"))
    @rule(data=st.data())
    def queue(self, data: st.DataObject) -> None:
        """A job gets in line."""
        self.move(data, ("starting",), "waiting")

    @precondition(lambda self: self.of("waiting"))
    @rule(data=st.data())
    def allocate(self, data: st.DataObject) -> None:
        """A job gets its nodes."""
        self.move(data, ("waiting",), "coming")

    @precondition(lambda self: self.of("coming"))
    @rule(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        """Its nodes are up."""
        self.move(data, ("coming",), "running")

    @precondition(lambda self: self.of("running"))
    @rule(data=st.data(), becomes=st.sampled_from(["over", "waiting"]))
    def leave(self, data: st.DataObject, becomes: str) -> None:
        """A job ends, or is preempted in place."""
        name = self.move(data, ("running",), becomes)
        if self.watched:
            self.sent = self.sent.seen(name, self.status(name))
        else:
            self.gave += self.cores[name]
            self.took += self.cores[name] if becomes == "waiting" else 0

    @precondition(lambda self: self.of(*WITHOUT, "coming"))
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        """A job never runs, whether or not its nodes are there."""
        self.move(data, (*WITHOUT, "coming"), "over")

    @precondition(lambda self: self.truth)
    @rule(data=st.data())
    def look(self, data: st.DataObject) -> None:
        """Somebody looks at a run."""
        name = data.draw(st.sampled_from(sorted(self.truth)))
        self.sent = self.sent.seen(name, self.status(name))

    @precondition(lambda self: not self.watched)
    @rule(cores=st.integers(-5, 5))
    def others_move(self, cores: int) -> None:
        """Others start and stop."""
        moved = max(-self.others, cores * 4)
        self.others += moved
        self.took += max(0, moved)
        self.gave += max(0, -moved)

    @rule()
    def read(self) -> None:
        """Quota is read anew, and all who are due are asked: each counts once, and nobody is forgotten."""
        began, used = self.sent.running, self.others + self.sum(*HELD)
        asked = {name: self.status(name) for name in self.sent.due()}
        self.sent = self.sent.renewed(began, asked, {KEY: used})
        if self.watched:
            for name in self.of("running", "over"):
                self.sent = self.sent.seen(name, self.status(name))
        waits = sum(one.cores for one in self.sent.waiting)
        held, truth = used + pending(self.sent), self.others + self.sum(*WITHOUT, *HELD)
        assert used <= held <= used + waits
        assert truth - self.took <= held <= truth + min(self.gave, self.sum("coming"))


class WatchedService(Service):
    """Only our jobs move, and somebody watches them: what is told is the truth, no more and no less."""

    watched = True


TestService = Service.TestCase
TestService.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestWatchedService = WatchedService.TestCase
TestWatchedService.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
