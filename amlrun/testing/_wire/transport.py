"""azure-core's transport, with a fake on the other end and the fake's clock for its sleeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azure.core.pipeline.transport import RequestsTransport

from amlrun.testing._wire import waits

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from typing import Protocol

    from amlrun._clock import Clock

    class Answering(Protocol):
        """What a fake offers here."""

        @property
        def clock(self) -> Clock:
            """Its time."""

        @property
        def paces_pollers(self) -> bool:
            """Whether pollers let its time pass only for those who wait for them."""

        def installed(self) -> AbstractContextManager[None]:
            """It answers for as long as this lasts."""


class FakeTransport(RequestsTransport):  # type: ignore[misc]  # a lazy export, so Any
    """Requests through it are answered by the fake, whether the fake is started or not.

    Retries, pollers and everything else of azure-core sleep through their transport: here, on the fake's
    clock. One such transport serves many clients, so none of them closes it.
    """

    def __init__(self, fake: Answering, **options: Any) -> None:
        super().__init__(**options)
        self._fake = fake
        self.open()

    def send(self, request: Any, **options: Any) -> Any:
        """Send a request to the fake."""
        with self._fake.installed():
            return super().send(request, **options)

    def sleep(self, duration: float) -> None:
        """Let the fake's time pass."""
        clock = self._fake.clock
        try:
            if self._fake.paces_pollers:
                duration = waits.rest_of(clock, duration)
        except waits.Abandoned:
            pass  # this transport leads to the fake even when that is stopped
        clock.sleep(duration)

    def now(self) -> float:
        """The fake's time, in seconds since 1970."""
        return self._fake.clock.now()

    def close(self) -> None:
        """Stay open: the next client uses it too."""

    def __exit__(self, *_error: object) -> None:
        self.close()
