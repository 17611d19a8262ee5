"""Where Azure's SDKs sleep, in any client of the process: virtual time, while such a fake is live.

azure-core sleeps through `HttpTransport.sleep` (its retries, those of storage, and pollers); in `azure.ai.ml`
`jobs.stream` and the retries of a version that is taken do it with `time.sleep`. A sleep belongs to the fake
that answered the thread's last request. Other modules of `azure.ai.ml` sleep for real: while threads of
theirs upload (half a second at most), for mounts, endpoints and ARM deployments, which the fake doesn't have.

A poller of azure-core looks from a thread of its own. Were it to let time pass whenever it sleeps, a test
could not tell how late it is after a `begin_…()`. So its sleeps wait for whoever waits for that poller: time
passes by its `wait()` and `result()`, by its `done()` or `status()` asked again, once somebody has given it a
callback, or by whatever else moves the clock.
"""

from __future__ import annotations

import sys
import threading
import time
import weakref
from functools import wraps
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from amlrun._clock import Clock

_SLEEPERS = (
    "azure.ai.ml.operations._job_ops_helper",  # jobs.stream
    "azure.ai.ml._utils.utils",  # retries of a version that is taken
)
_POLLER = "LROPoller("
_LOOK_AGAIN = 1.0
"""Real seconds after which a waiting poller looks at the clock unasked: another process may have moved it."""
_SETTLES = 5.0
"""Real seconds that a question waits, at most, for the poller to have looked."""


class Abandoned(RuntimeError):
    """The fake that a poller was waiting in is stopped."""


class _Here(threading.local):
    """What a thread knows: the clock of the fake that answered it last, and whether that is virtual."""

    clock: Clock | None = None
    virtual = True


class _Pace:
    """How the thread of one poller goes on. Nobody who holds its condition touches the state."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._changes = 0
        self._waiting = 0
        self._asked = 0
        self._asleep = False

    def wake(self, *, waiting: int = 0, asked: int = 0) -> None:
        """Time has passed, more (or, below 0, less) wait for it, or somebody asks again and again: look."""
        with self._changed:
            self._waiting += waiting
            self._asked += asked
            self._changes += 1
            self._asleep = False
            self._changed.notify_all()

    def settle(self, thread: threading.Thread) -> None:
        """Come back when its thread sleeps, or has ended: when it has seen what there is to see."""
        deadline = time.monotonic() + _SETTLES
        with self._changed:
            while not (self._asleep or self._waiting) and thread.is_alive() and time.monotonic() < deadline:
                self._changed.wait(0.002)  # nobody tells of a thread's end

    def rest(self, clock: Clock, until: float) -> None:
        """Come back when a sleep until then may end. Raises Abandoned where its fake was stopped."""
        while True:
            if clock in _abandoned:
                raise Abandoned("The fake workspace that this operation was waiting in is stopped.")
            with self._changed:
                seen = self._changes
                if self._waiting:
                    return
                if self._asked:  # one sleep for one question
                    self._asked -= 1
                    return
            if clock.now() >= until:
                return
            with self._changed:
                if self._changes == seen:
                    self._asleep = True
                    self._changed.notify_all()
                    self._changed.wait(_LOOK_AGAIN)
                    self._asleep = False


_here = _Here()
_abandoned: weakref.WeakSet[Any] = weakref.WeakSet()
_paces: weakref.WeakKeyDictionary[threading.Thread, _Pace] = weakref.WeakKeyDictionary()
_lock = threading.Lock()
_clocks: Callable[[], tuple[Clock, ...]] = tuple
_originals: list[tuple[type, str, Any, Any]] = []


def answered(clock: Clock, *, virtual: bool) -> None:
    """A fake with this clock has answered a request of this thread."""
    _here.clock, _here.virtual = clock, virtual
    _shim_modules()


def rest_of(clock: Clock, seconds: float) -> float:
    """What is left to sleep on a virtual clock: all, but of a poller's sleep what others didn't let pass.

    A poller's thread waits here until somebody waits for it. Raises Abandoned where its fake was stopped.
    """
    thread = threading.current_thread()
    if not thread.name.startswith(_POLLER):
        return seconds
    until = clock.now() + seconds
    _pace(thread).rest(clock, until)
    return max(0.0, until - clock.now())


def passed() -> None:
    """A virtual clock has moved."""
    with _lock:
        paces = list(_paces.values())
    for pace in paces:
        pace.wake()


def abandon(clock: Clock) -> None:
    """The fake with this clock is stopped: pollers that wait in it end."""
    _abandoned.add(clock)
    passed()


def take_up(clock: Clock) -> None:
    """The fake with this clock is started."""
    _abandoned.discard(clock)


def install(clocks: Callable[[], tuple[Clock, ...]]) -> None:
    """Sleep in virtual time from now on; `clocks` are those of the live virtual fakes."""
    global _clocks  # noqa: PLW0603 - the patch is of the process, and so is what it asks
    from azure.core.pipeline.transport import HttpTransport  # noqa: PLC0415 - only who starts a fake needs it
    from azure.core.polling import LROPoller  # noqa: PLC0415 - as above

    _clocks = clocks
    if not _originals:
        _replace(HttpTransport, "sleep", _transport_sleep)
        _replace(HttpTransport, "now", _transport_now)
        for name in ("done", "status"):
            _replace(LROPoller, name, _asking(getattr(LROPoller, name)))
        _replace(LROPoller, "wait", _awaiting(LROPoller.wait))
        _replace(LROPoller, "add_done_callback", _called_back(LROPoller.add_done_callback))
    _shim_modules()


def uninstall() -> None:
    """Sleep for real again. What somebody else has put over one of ours stays."""
    global _clocks  # noqa: PLW0603 - as above
    _clocks = tuple
    while _originals:
        owner, name, original, ours = _originals.pop()
        if owner.__dict__.get(name) is not ours:
            continue
        if original is None:
            delattr(owner, name)
        else:
            setattr(owner, name, original)
    for name in _SLEEPERS:
        module: Any = sys.modules.get(name)
        if module is not None and isinstance(module.time, _Time):
            module.time = time


def _replace(owner: type, name: str, new: Any) -> None:
    _originals.append((owner, name, owner.__dict__.get(name), new))
    setattr(owner, name, new)


def _clock() -> Clock | None:
    """Whose time this thread lets pass; None: the machine's."""
    live = _clocks()
    if not live or not _here.virtual:
        return None
    # A thread that has sent nothing yet, or nothing since another fake was live.
    return next((clock for clock in live if clock is _here.clock), live[0])


def _transport_sleep(_transport: Any, duration: float) -> None:
    _sleep(duration)


def _transport_now(_transport: Any) -> float:
    clock = _clock()
    return time.time() if clock is None else clock.now()


def _sleep(seconds: float) -> None:
    clock = _clock()
    if clock is None:
        time.sleep(seconds)
    else:
        clock.sleep(rest_of(clock, seconds))


def _pace(thread: threading.Thread) -> _Pace:
    with _lock:
        return _paces.setdefault(thread, _Pace())


def _pace_of(poller: Any) -> tuple[threading.Thread, _Pace] | None:
    """The thread and pace of a poller; None for one that is done, or that asks itself."""
    thread = poller._thread  # noqa: SLF001 - azure-core has no other name for it
    if thread is None or thread is threading.current_thread():
        return None
    return thread, _pace(thread)


def _awaiting(wait: Callable[..., None]) -> Callable[..., None]:
    @wraps(wait)
    def waiting(poller: Any, timeout: float | None = None, **options: Any) -> None:
        found = _pace_of(poller)
        if found is None:
            wait(poller, timeout, **options)
            return
        found[1].wake(waiting=1)
        try:
            wait(poller, timeout, **options)
        finally:
            found[1].wake(waiting=-1)

    return waiting


def _called_back(add: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
    """Who gives a callback waits from then on."""

    @wraps(add)
    def adding(poller: Any, func: Any) -> None:
        add(poller, func)
        if found := _pace_of(poller):
            found[1].wake(waiting=1)

    return adding


def _asking(question: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The first question costs no time; from the second on somebody is in a loop of them."""
    asked: weakref.WeakSet[Any] = weakref.WeakSet()

    @wraps(question)
    def asking(poller: Any) -> Any:
        # Who talks to a virtual fake asks for what the poller has seen of it, not for how fast its thread is.
        if _here.virtual and _here.clock is not None and (found := _pace_of(poller)):
            thread, pace = found
            if poller in asked:
                pace.wake(asked=1)
            asked.add(poller)
            pace.settle(thread)
        return question(poller)

    return asking


class _Time:
    """The `time` module with another time."""

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)

    def time(self) -> float:
        """The virtual time: the SDK's waits grow by it."""
        return _transport_now(None)

    def sleep(self, seconds: float) -> None:
        """Let the time of the fake pass that this thread talks to; the machine's where it talks to none."""
        _sleep(seconds)


def _shim_modules() -> None:
    if not _originals:
        return
    for name in _SLEEPERS:
        module: Any = sys.modules.get(name)
        if module is not None and module.time is time:
            module.time = _Time()
