"""Where Azure's SDKs sleep, in any client of the process: virtual time, while such a fake is live.

azure-core sleeps through `HttpTransport.sleep` (its retries, those of storage, and pollers), a few modules of
`azure.ai.ml` with `time.sleep`. A sleep belongs to the fake that answered the thread's last request.

A poller of azure-core looks from a thread of its own. Were it to let time pass whenever it sleeps, a test
could not tell how late it is after a `begin_…()`. So its sleeps wait for whoever waits for it: time passes by
`wait()` and `result()`, by `done()` or `status()` asked again, or by whatever else moves the clock.
"""

from __future__ import annotations

import sys
import threading
import time
import weakref
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from amlrun._clock import Clock

_SLEEPERS = (
    "azure.ai.ml.operations._job_ops_helper",  # jobs.stream
    "azure.ai.ml._utils.utils",  # retries of a version that is taken
)
_POLLER = "LROPoller("
_LOOK_AGAIN = 1.0
"""Real seconds after which a waiting poller looks at the clock unasked: another process may have moved it."""


class Abandoned(RuntimeError):
    """The fake that a poller was waiting in is stopped."""


class _Here(threading.local):
    """What a thread knows: the clock of the fake that answered it last, and whether that is virtual."""

    clock: Clock | None = None
    virtual = True


class _Pollers:
    """Who waits for a poller. Events, not a lock: whoever moves time may hold the state's lock."""

    def __init__(self) -> None:
        self.waiting = 0
        self.asked = False
        self.abandoned: weakref.WeakSet[Any] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._asleep: set[threading.Event] = set()

    @contextmanager
    def awaited(self) -> Iterator[None]:
        """Somebody waits for a poller as long as this lasts."""
        with self._lock:
            self.waiting += 1
        self.wake()
        try:
            yield
        finally:
            with self._lock:
                self.waiting -= 1

    def ask(self) -> None:
        """Somebody asks again and again: one sleep may end."""
        with self._lock:
            self.asked = bool(self._asleep)
        self.wake()

    def wake(self) -> None:
        """Time has passed, or somebody waits: those who sleep look again."""
        with self._lock:
            asleep = list(self._asleep)
        for event in asleep:
            event.set()

    def may_go_on(self, clock: Clock, until: float) -> None:
        """Come back when a poller's sleep until then may end. Raises Abandoned where its fake was stopped."""
        event = threading.Event()
        with self._lock:
            self._asleep.add(event)
        try:
            while True:
                event.clear()
                if clock in self.abandoned:
                    raise Abandoned("The fake workspace that this operation was waiting in is stopped.")
                with self._lock:
                    free, self.asked = bool(self.waiting or self.asked), False
                if free or clock.now() >= until:
                    return
                event.wait(_LOOK_AGAIN)
        finally:
            with self._lock:
                self._asleep.discard(event)
                self.asked = self.asked and bool(self._asleep)


_here = _Here()
_pollers = _Pollers()
_clocks: Callable[[], tuple[Clock, ...]] = tuple
_originals: list[tuple[type, str, Any]] = []


def answered(clock: Clock, *, virtual: bool) -> None:
    """A fake with this clock has answered a request of this thread."""
    _here.clock, _here.virtual = clock, virtual
    _shim_modules()


def rest_of(clock: Clock, seconds: float) -> float:
    """What is left to sleep on a virtual clock: all, but of a poller's sleep what others didn't let pass.

    A poller's thread waits here until somebody waits for it. Raises Abandoned where its fake was stopped.
    """
    if not threading.current_thread().name.startswith(_POLLER):
        return seconds
    until = clock.now() + seconds
    _pollers.may_go_on(clock, until)
    return max(0.0, until - clock.now())


def passed() -> None:
    """A virtual clock has moved."""
    _pollers.wake()


def abandon(clock: Clock) -> None:
    """The fake with this clock is stopped: pollers that wait in it end."""
    _pollers.abandoned.add(clock)
    _pollers.wake()


def take_up(clock: Clock) -> None:
    """The fake with this clock is started."""
    _pollers.abandoned.discard(clock)


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
    _shim_modules()


def uninstall() -> None:
    """Sleep for real again."""
    global _clocks  # noqa: PLW0603 - as above
    _clocks = tuple
    while _originals:
        owner, name, original = _originals.pop()
        if original is None:
            delattr(owner, name)
        else:
            setattr(owner, name, original)
    for name in _SLEEPERS:
        module: Any = sys.modules.get(name)
        if module is not None and isinstance(module.time, _Time):
            module.time = time


def _replace(owner: type, name: str, new: Any) -> None:
    _originals.append((owner, name, owner.__dict__.get(name)))
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


def _awaiting(wait: Callable[..., None]) -> Callable[..., None]:
    @wraps(wait)
    def waiting(poller: Any, timeout: float | None = None, **options: Any) -> None:
        with _pollers.awaited():
            wait(poller, timeout, **options)

    return waiting


def _asking(question: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The first question costs no time; from the second on somebody is in a loop of them."""
    asked: weakref.WeakSet[Any] = weakref.WeakSet()

    @wraps(question)
    def asking(poller: Any) -> Any:
        if poller in asked:
            _pollers.ask()
        asked.add(poller)
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
