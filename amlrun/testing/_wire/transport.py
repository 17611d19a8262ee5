"""azure-core's transport, with a fake on the other end and the fake's clock for its sleeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azure.core.pipeline.transport import RequestsTransport

from amlrun.testing._wire import patcher, waits

if TYPE_CHECKING:
    from amlrun.testing._wire.backend import Backend


class FakeTransport(RequestsTransport):  # type: ignore[misc]  # a lazy export, so Any
    """Requests through it are answered by the fake, whether the fake is started or not.

    Retries, pollers and everything else of azure-core sleep through their transport: here, on the fake's
    clock. One such transport serves many clients, so none of them closes it.
    """

    def __init__(self, backend: Backend, **options: Any) -> None:
        session = patcher.OwnSession(backend)
        super().__init__(session=session, session_owner=False, use_env_settings=False, **options)
        self.backend = backend
        self.open()

    def sleep(self, duration: float) -> None:
        """Let the fake's time pass."""
        clock = self.backend.clock
        try:
            # Of a fake that isn't started nobody is told who waits.
            if self.backend.virtual and patcher.is_live(self.backend):
                duration = waits.rest_of(clock, duration)
        except waits.Abandoned:
            pass  # this transport leads to the fake even when that is stopped
        clock.sleep(duration)

    @property
    def virtual(self) -> bool:
        """Whether time passes only when somebody sleeps."""
        return self.backend.virtual

    def now(self) -> float:
        """The fake's time, in seconds since 1970."""
        return self.backend.clock.now()

    def close(self) -> None:
        """Stay open: the next client uses it too."""

    def __exit__(self, *_error: object) -> None:
        self.close()
