"""A fake Azure Machine Learning: one workspace that the real `MLClient` works against, offline.

`FakeAml` holds a workspace's state and answers for it. It is started by the pytest fixture `fake_aml`, by
`with FakeAml() as fake:`, by `@with_fake_aml`, or by `start()` and `stop()`.
`local` is the embedded workspace of this machine, whose jobs really run.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from amlrun.testing._controls.computes import FakeCompute
    from amlrun.testing._controls.jobs import FakeJob
    from amlrun.testing._decorator import with_fake_aml
    from amlrun.testing._fake import FakeAml
    from amlrun.testing._jobs.faults import (
        CanceledByPlatform,
        Failed,
        ImageBuildFailed,
        NodeLost,
        NotResponding,
        OutOfCapacity,
        Preempted,
        TimedOut,
    )
    from amlrun.testing._local.local import local
    from amlrun.testing._state.clock import NothingWillHappen
    from amlrun.testing._wire.backend import UnknownHost, UnknownRoute
    from amlrun.testing._wire.calls import Call, Calls
    from amlrun.testing._wire.faults import (
        Answer,
        BadGateway,
        ConnectionLost,
        DisallowedByPolicy,
        ExpiredToken,
        Forbidden,
        GatewayTimeout,
        InternalError,
        NetworkDenied,
        NoConnection,
        NoReadAccess,
        NoRegistryAccess,
        Slow,
        Throttled,
    )

__all__ = [
    "Answer",
    "BadGateway",
    "Call",
    "Calls",
    "CanceledByPlatform",
    "ConnectionLost",
    "DisallowedByPolicy",
    "ExpiredToken",
    "Failed",
    "FakeAml",
    "FakeCompute",
    "FakeJob",
    "Forbidden",
    "GatewayTimeout",
    "ImageBuildFailed",
    "InternalError",
    "NetworkDenied",
    "NoConnection",
    "NoReadAccess",
    "NoRegistryAccess",
    "NodeLost",
    "NotResponding",
    "NothingWillHappen",
    "OutOfCapacity",
    "Preempted",
    "Slow",
    "Throttled",
    "TimedOut",
    "UnknownHost",
    "UnknownRoute",
    "local",
    "with_fake_aml",
]

_JOB_FAULTS = (
    "CanceledByPlatform",
    "Failed",
    "ImageBuildFailed",
    "NodeLost",
    "NotResponding",
    "OutOfCapacity",
    "Preempted",
    "TimedOut",
)
_WIRE_FAULTS = (
    "Answer",
    "BadGateway",
    "ConnectionLost",
    "DisallowedByPolicy",
    "ExpiredToken",
    "Forbidden",
    "GatewayTimeout",
    "InternalError",
    "NetworkDenied",
    "NoConnection",
    "NoReadAccess",
    "NoRegistryAccess",
    "Slow",
    "Throttled",
)
_HOMES = {
    **dict.fromkeys(_JOB_FAULTS, "_jobs.faults"),
    **dict.fromkeys(_WIRE_FAULTS, "_wire.faults"),
    "Call": "_wire.calls",
    "Calls": "_wire.calls",
    "FakeAml": "_fake",
    "FakeCompute": "_controls.computes",
    "FakeJob": "_controls.jobs",
    "NothingWillHappen": "_state.clock",
    "UnknownHost": "_wire.backend",
    "UnknownRoute": "_wire.backend",
    "local": "_local.local",
    "with_fake_aml": "_decorator",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
