"""amlrun: from a training script to a finished Azure Machine Learning job.

The public names, loaded when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from amlrun._attempts import Attempt, Cost
    from amlrun._checkpoints import checkpointing
    from amlrun._cluster import Cluster
    from amlrun._errors import (
        AmlrunError,
        ComputeNotFound,
        ComputeUnsuitable,
        InvalidRequest,
        JobCanceled,
        JobFailed,
        NoQuota,
        NotAuthorized,
        NotConfigured,
        NotEnoughQuota,
        NothingFits,
        OutputNotFound,
        PlacementNotApplied,
        PlanOutdated,
        QuotaError,
        RequeueExhausted,
        RunError,
        ServiceError,
        SubmissionFailed,
        WaitTimeout,
    )
    from amlrun._facade import attach, default_compute, plan, quota, submit, submit_many, watch
    from amlrun._identity import Managed
    from amlrun._needs import Needs
    from amlrun._offers import Quota
    from amlrun._plan import Plan
    from amlrun._requeue import Requeue
    from amlrun._run import Run
    from amlrun._training import JobContext, current
    from amlrun._workspace import connect

__all__ = [
    "AmlrunError",
    "Attempt",
    "Cluster",
    "ComputeNotFound",
    "ComputeUnsuitable",
    "Cost",
    "InvalidRequest",
    "JobCanceled",
    "JobContext",
    "JobFailed",
    "Managed",
    "Needs",
    "NoQuota",
    "NotAuthorized",
    "NotConfigured",
    "NotEnoughQuota",
    "NothingFits",
    "OutputNotFound",
    "PlacementNotApplied",
    "Plan",
    "PlanOutdated",
    "Quota",
    "QuotaError",
    "Requeue",
    "RequeueExhausted",
    "Run",
    "RunError",
    "ServiceError",
    "SubmissionFailed",
    "WaitTimeout",
    "attach",
    "checkpointing",
    "connect",
    "current",
    "default_compute",
    "plan",
    "quota",
    "submit",
    "submit_many",
    "watch",
]

_HOMES = {
    "_attempts": ("Attempt", "Cost"),
    "_checkpoints": ("checkpointing",),
    "_cluster": ("Cluster",),
    "_facade": ("attach", "default_compute", "plan", "quota", "submit", "submit_many", "watch"),
    "_identity": ("Managed",),
    "_needs": ("Needs",),
    "_offers": ("Quota",),
    "_plan": ("Plan",),
    "_requeue": ("Requeue",),
    "_run": ("Run",),
    "_training": ("JobContext", "current"),
    "_workspace": ("connect",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'amlrun' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"amlrun.{_HOME.get(name, '_errors')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
