"""What a job's body asks for, by its type: nodes, time, and for a search how many trials. Pure.

Bodies are `properties` as the service takes them; a parallel job is a type of the fake's own, because the
service has it only inside of pipelines.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import attrs

from amlrun._durations import seconds
from amlrun._offers import Tier
from amlrun.testing._jobs.job import Demand

if TYPE_CHECKING:
    from collections.abc import Mapping

# Assumed: what a search runs that has no maximum (documented: up to 1,000, or until it gains nothing).
_USUAL_TRIALS = 10
_MOST_TRIALS = 1000
_GPU_TASKS = ("image", "text")
_SPARK_SIZES = ("e4s_v3", "e8s_v3", "e16s_v3", "e32s_v3", "e64s_v3")


@attrs.frozen
class Search:
    """Trials of a sweep or an AutoML job. Times are in seconds of running, None where there is no limit."""

    trials: int
    at_once: int
    trial_timeout: float | None


def kind_of(properties: Mapping[str, Any]) -> str:
    """The job's type, in small letters."""
    return str(properties.get("jobType")).lower()


def demand_of(properties: Mapping[str, Any]) -> Demand:
    """Where and on what a job is to run.

    Raises ValueError, TypeError for values that can't be read.
    """
    kind = kind_of(properties)
    resources = properties.get("resources") or {}
    compute = compute_of(properties.get("computeId"))
    size = resources.get("instanceType") or None
    nodes = resources.get("instanceCount")
    counted, gpu = True, False
    if kind == "spark":
        counted = False
        check_spark_size(size, compute)
    elif kind == "finetuning":
        # Assumed: the first size is taken; a job that names none runs on nodes of the service's own.
        sizes = resources.get("instanceTypes") or []
        size, nodes, counted = (sizes[0] if sizes else None), 1, bool(sizes)
    elif kind == "automl":
        counted, gpu = False, str(_task(properties).get("taskType")).lower().startswith(_GPU_TASKS)
    elif kind in {"pipeline", "sweep"}:
        counted = False
    spot = str((properties.get("queueSettings") or {}).get("jobTier") or "").lower() == "spot"
    return Demand(
        tier=Tier.SPOT if spot else Tier.STANDARD,
        instance_type=size,
        nodes=1 if nodes is None else int(nodes),
        compute=compute,
        counted=counted,
        gpu=gpu,
        spark=kind == "spark",
    )


def compute_of(compute_id: str | None) -> str | None:
    """The name of the compute that an id means; None: serverless."""
    name = (compute_id or "").rstrip("/").rpartition("/")[2].removeprefix("azureml:")
    return None if name.lower() in {"", "serverless"} else name


def check_spark_size(size: str | None, compute: str | None) -> None:
    """Serverless Spark has a few sizes. Raises ValueError for any other."""
    if compute is None and str(size).lower().removeprefix("standard_") not in _SPARK_SIZES:
        raise ValueError(f"serverless Spark has no instance type {size}: it has E4s_v3 to E64s_v3")


def timeout_of(properties: Mapping[str, Any]) -> float | None:
    """After how many seconds of running the system cancels the job; None: never.

    Raises ValueError for what is no duration.
    """
    limits = _task(properties).get("limitSettings") if kind_of(properties) == "automl" else None
    timeout = (limits or properties.get("limits") or {}).get("timeout")
    return _duration(timeout)


def search_of(properties: Mapping[str, Any], combinations: int | None = None) -> Search:
    """The trials of a sweep or an AutoML job; `combinations` that a grid has.

    Raises ValueError, TypeError for values that can't be read.
    """
    sweep = kind_of(properties) == "sweep"
    limits = (properties if sweep else _task(properties)).get("limits" if sweep else "limitSettings") or {}
    wanted = limits.get("maxTotalTrials" if sweep else "maxTrials")
    most = [int(value) for value in (wanted, combinations) if value is not None]
    usual = 1 if demand_of(properties).gpu else _USUAL_TRIALS  # the contract's default of image and NLP tasks
    trials = min(most, default=usual)
    # Assumed: a sweep that doesn't say how many at once runs all of them; AutoML's default is the contract's.
    at_once = int(limits.get("maxConcurrentTrials") or (trials if sweep else 1))
    if trials > _MOST_TRIALS:
        raise ValueError(f"{trials} trials: a search has at most {_MOST_TRIALS}")
    if trials < 1 or at_once < 1:
        raise ValueError(f"{trials} trials, {at_once} at once: both must be at least 1")
    return Search(trials, min(at_once, trials), _duration(limits.get("trialTimeout")))


def trial_nodes(properties: Mapping[str, Any]) -> int:
    """How many nodes each trial of a sweep or an AutoML job has."""
    if kind_of(properties) == "sweep":
        return demand_of(properties).nodes
    # Assumed: AutoML's maximum of nodes is shared by the trials that run at once (documented: it takes its
    # node count from both).
    limits = _task(properties).get("limitSettings") or {}
    most, at_once = int(limits.get("maxNodes") or 1), int(limits.get("maxConcurrentTrials") or 1)
    return max(1, math.floor(most / at_once))


def _task(properties: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = properties.get("taskDetails") or {}
    return found


def _duration(value: Any) -> float | None:
    # Sweeps inside of pipelines have bare seconds where everything else has ISO durations.
    if value is None or value == "":
        return None
    return float(value) if isinstance(value, (int, float)) else seconds(str(value))
