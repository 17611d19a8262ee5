"""What is particular to sweeps and AutoML jobs: their trials are what runs, and their limits count them.

Pure, but for the look whether local data is there.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlrun._asking.bindings import is_local
from amlrun._errors import InvalidRequest
from amlrun._paths import is_there, whole
from amlrun._shown import shown

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

AUTOML_DATA = ("training_data", "validation_data", "test_data")
"""The settings of an AutoML job that are data."""
_SEARCHED = re.compile(r"\$\{\{\s*search_space\.([A-Za-z0-9_.-]+)")
_GPU_TASKS = ("image", "text")
_OF_TEXT = "text"


def check_searched(command: str, searched: Collection[str]) -> None:
    """Each `${{search_space.x}}` of a trial's command is searched. Raises `InvalidRequest`."""
    for name in _SEARCHED.findall(command):
        if name not in searched:
            message = f"The command uses ${{{{search_space.{name}}}}}, and there is no such one"
            hint = f"Its search space: {', '.join(sorted(searched)) or 'nothing'}."
            raise InvalidRequest(message, argument="job", hint=hint)


LIMITS = ("max_total_trials", "max_concurrent_trials", "timeout", "trial_timeout")
_MOST_TRIALS = 1000
_GOALS = ("minimize", "maximize")


def check_limits(limits: Mapping[str, Any], goal: Any) -> None:
    """Raise `InvalidRequest` for what the service doesn't take. A binding is filled in by it.

    https://learn.microsoft.com/azure/machine-learning/reference-yaml-job-sweep
    """
    for name in LIMITS[:2]:
        said = limits[name]
        if said is not None and "${{" not in str(said) and not 1 <= (_whole(said) or 0) <= _MOST_TRIALS:
            message = f"limits.{name} is {shown(said)}"
            raise InvalidRequest(message, argument="job", hint=f"A whole number, 1 to {_MOST_TRIALS}.")
    if goal is not None and "${{" not in str(goal) and str(goal).lower() not in _GOALS:
        message = f"objective.goal is {shown(goal)}"
        raise InvalidRequest(message, argument="job", hint=f"Valid: {', '.join(_GOALS)}.")


def too_short(limits: Mapping[str, Any]) -> tuple[str, ...]:
    """What is to be said of a sweep that is over before one of its trials may be."""
    whole, trial = _whole(limits["timeout"]), _whole(limits["trial_timeout"])
    if whole is None or trial is None or trial <= whole:
        return ()
    return (f"trial_timeout={trial} counts for nothing: the whole sweep ends after timeout={whole}",)


def at_once(*limits: Any) -> int | None:
    """How many trials of a sweep run at once at most, by whatever limits them; None: nothing does.

    Assumed: without `max_concurrent_trials`, all of them.
    """
    return min((count for count in map(_whole, limits) if count), default=None)


def in_grid(algorithm: Any, choices: Iterable[Any]) -> int | None:
    """How many trials a grid of these choices has at most; None for another algorithm."""
    if str(algorithm).lower() != "grid":
        return None
    return math.prod(len(values) for values in choices if isinstance(values, (list, tuple)))


def unlimited(trials: int | None) -> tuple[str, ...]:
    """What is to be said of a sweep whose trials nobody limits."""
    if trials is not None:
        return ()
    words = (
        "the sweep says neither max_concurrent_trials nor max_total_trials: the price is that of one trial"
    )
    return (words,)


def needs_gpu(task: Any) -> str:
    """The task of an AutoML job, if its trials need GPUs (image and text tasks do); else "".

    https://learn.microsoft.com/azure/machine-learning/how-to-auto-train-image-models
    """
    name = str(getattr(task, "value", task))
    return name if name.lower().startswith(_GPU_TASKS) else ""


def automl_nodes(task: Any, max_nodes: Any, concurrent: Any) -> int | None:
    """How many nodes an AutoML job has by its own limits; None where they say nothing.

    The service counts them from both limits: https://learn.microsoft.com/azure/machine-learning/how-to-use-serverless-compute
    Assumed: `max_nodes` is what counts where it is said. Of text tasks it is 1 where it isn't (the contract).
    """
    said = _whole(max_nodes)
    if said is None and str(getattr(task, "value", task)).lower().startswith(_OF_TEXT):
        return 1
    return said or _whole(concurrent)


def uncounted(nodes: int | None, said: Any) -> tuple[str, ...]:
    """What is to be said of an instance count that its limits contradict."""
    if nodes is None or said is None or _whole(said) == nodes:
        return ()
    words = f"resources.instance_count={said} counts for nothing: its limits say {nodes}"
    return (f"{words} (max_nodes, max_concurrent_trials)",)


TUNING_DATA = ("training_data", "validation_data")
"""What a fine-tuning job reads."""


def check_data(paths: Mapping[str, Any], folder: Path) -> None:
    """Local data is there. Raises `InvalidRequest`."""
    for name, path in paths.items():
        there = beside(path, folder)
        if there is not None and not is_there(there):
            raise InvalidRequest(f"{name}: there is no {there}", argument="job")


def beside(path: Any, folder: Path) -> Path | None:
    """A local path as it stands beside a job file; None for what is somewhere else."""
    if not isinstance(path, (str, Path)) or not is_local(str(path)):
        return None
    return whole(path, folder)


def _whole(value: Any) -> int | None:
    """A number above 0, in quotes too; None for anything else: the SDK refuses it."""
    try:
        number = None if isinstance(value, bool) or value is None else int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if number and number > 0 else None
