"""A fake Azure Machine Learning: one workspace that the real `MLClient` works against, offline.

`FakeAml` holds a workspace's state and answers for it. It is started by the pytest fixture `fake_aml`, by
`with FakeAml() as fake:`, by `@with_fake_aml`, or by `start()` and `stop()`.
`local` is the embedded workspace of this machine, whose jobs really run.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from amlrun.testing._backend import UnknownHost, UnknownRoute
    from amlrun.testing._calls import Call, Calls
    from amlrun.testing._clock import NothingWillHappen
    from amlrun.testing._compute_controls import FakeCompute
    from amlrun.testing._decorator import with_fake_aml
    from amlrun.testing._fake import FakeAml
    from amlrun.testing._job_controls import FakeJob
    from amlrun.testing._job_faults import (
        CanceledByPlatform,
        Failed,
        ImageBuildFailed,
        NodeLost,
        NotResponding,
        Preempted,
        TimedOut,
    )
    from amlrun.testing._local import local
    from amlrun.testing._wire_faults import (
        Answer,
        BadGateway,
        ConnectionLost,
        DisallowedByPolicy,
        ExpiredToken,
        Forbidden,
        GatewayTimeout,
        InternalError,
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
    "NoConnection",
    "NoReadAccess",
    "NoRegistryAccess",
    "NodeLost",
    "NotResponding",
    "NothingWillHappen",
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
    "NoConnection",
    "NoReadAccess",
    "NoRegistryAccess",
    "Slow",
    "Throttled",
)
_HOMES = {
    **dict.fromkeys(_JOB_FAULTS, "_job_faults"),
    **dict.fromkeys(_WIRE_FAULTS, "_wire_faults"),
    "Call": "_calls",
    "Calls": "_calls",
    "FakeAml": "_fake",
    "FakeCompute": "_compute_controls",
    "FakeJob": "_job_controls",
    "NothingWillHappen": "_clock",
    "UnknownHost": "_backend",
    "UnknownRoute": "_backend",
    "local": "_local",
    "with_fake_aml": "_decorator",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
