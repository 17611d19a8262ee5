"""The trials of a sweep and of an AutoML job: what each of them tries, and its body. Pure.

What is drawn at random is drawn from the job's name and the trial's number: a test sees the same each time.
"""

from __future__ import annotations

import math
import random
import re
from typing import TYPE_CHECKING, Any

import attrs

from amlrun.testing._jobs.demands import kind_of, search_of, trial_nodes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SEARCH = re.compile(r"\$\{\{\s*search_space\.([^}\s]+)\s*\}\}")
_AUTOML_ENVIRONMENT = "azureml://registries/azureml/environments/automl-runtime/labels/latest"
_ORDER = ("values", "upper", "min_value", "max_value", "mu", "sigma", "q")


@attrs.frozen
class Axis:
    """One hyperparameter: a distribution and its arguments, in the service's order."""

    kind: str
    arguments: Sequence[Any]

    @classmethod
    def of(cls, value: Any) -> Axis:
        """From a job's `["uniform", [0, 1]]`, or a pipeline node's `{"type": "uniform", "min_value": 0, …}`.

        Raises ValueError for what is neither, or no distribution that the service has.
        """
        if isinstance(value, dict):
            axis = cls(str(value.get("type")).lower(), [value[key] for key in _ORDER if key in value])
        elif isinstance(value, list) and len(value) == 2:  # noqa: PLR2004 - a pair
            axis = cls(str(value[0]).lower(), value[1])
        else:
            raise ValueError(f"{value!r} is no distribution")
        if axis.kind not in _DRAWS:
            raise ValueError(f"{axis.kind!r} is no distribution; there are: {', '.join(_DRAWS)}")
        return axis

    def draw(self, source: random.Random) -> Any:
        """A value of it. Raises ValueError where its arguments make no sense."""
        try:
            return _DRAWS[self.kind](source, *self.arguments)
        except (TypeError, ValueError, ArithmeticError, IndexError) as error:
            raise ValueError(f"{self.kind} can't be drawn from {list(self.arguments)}: {error}") from error


def _steps(value: float, q: float) -> float:
    return round(value / q) * q


_DRAWS: Mapping[str, Any] = {
    "choice": lambda source, values: source.choice(values),
    "randint": lambda source, upper: source.randrange(int(upper)),
    "uniform": lambda source, low, high: source.uniform(low, high),
    "quniform": lambda source, low, high, q: _steps(source.uniform(low, high), q),
    "loguniform": lambda source, low, high: math.exp(source.uniform(low, high)),
    "qloguniform": lambda source, low, high, q: _steps(math.exp(source.uniform(low, high)), q),
    "normal": lambda source, mu, sigma: source.gauss(mu, sigma),
    "qnormal": lambda source, mu, sigma, q: _steps(source.gauss(mu, sigma), q),
    "lognormal": lambda source, mu, sigma: math.exp(source.gauss(mu, sigma)),
    "qlognormal": lambda source, mu, sigma, q: _steps(math.exp(source.gauss(mu, sigma)), q),
}


def combinations_of(properties: Mapping[str, Any]) -> int | None:
    """How many trials a grid has; None for a search that isn't one.

    Raises ValueError for a grid with anything but choices, and for what is no distribution.
    """
    if kind_of(properties) != "sweep":
        return None
    axes = _axes(properties)
    if not _is_grid(properties):
        for axis in axes.values():
            axis.draw(random.Random(0))  # noqa: S311 - a check of its arguments
        return None
    if other := [name for name, axis in axes.items() if axis.kind != "choice"]:
        raise ValueError(f"a grid has only choices; not so: {', '.join(other)}")
    return math.prod(len(axis.arguments[0]) for axis in axes.values())


def trials_of(properties: Mapping[str, Any]) -> int:
    """How many trials a job runs. Raises ValueError, TypeError for a body that can't be read."""
    return search_of(properties, combinations_of(properties)).trials


def values_of(properties: Mapping[str, Any], name: str, number: int) -> dict[str, Any]:
    """What that trial of a sweep tries, by hyperparameter."""
    axes = _axes(properties)
    if _is_grid(properties):
        chosen: dict[str, Any] = {}
        for key, axis in reversed(axes.items()):  # the last one changes first
            number, place = divmod(number, len(axis.arguments[0]))
            chosen[key] = axis.arguments[0][place]
        return {key: chosen[key] for key in axes}
    return {key: axis.draw(random.Random(f"{name} {number} {key}")) for key, axis in axes.items()}  # noqa: S311 - no secret


def trial_of(properties: Mapping[str, Any], name: str, number: int) -> dict[str, Any]:
    """The body's `properties` of that trial: a command job."""
    search = search_of(properties, 1)
    shared = {
        "jobType": "Command",
        "displayName": f"{properties.get('displayName') or name}_{number}",
        "computeId": properties.get("computeId"),
        "queueSettings": properties.get("queueSettings"),
        "limits": None
        if search.trial_timeout is None
        else {"jobLimitsType": "Command", "timeout": f"PT{search.trial_timeout:g}S"},
        "tags": {},
        "properties": {},
    }
    if kind_of(properties) == "automl":
        # Assumed: the words of a trial's command; AutoML's own script is nobody's business.
        return _made(
            shared,
            command="python automl_driver.py",
            environmentId=properties.get("environmentId") or _AUTOML_ENVIRONMENT,
            environmentVariables=properties.get("environmentVariables"),
            identity=properties.get("identity"),
            resources={**(properties.get("resources") or {}), "instanceCount": trial_nodes(properties)},
        )
    trial, values = properties["trial"], values_of(properties, name, number)
    literals = {key: {"jobInputType": "literal", "value": _text(value)} for key, value in values.items()}
    inputs = {**(properties.get("inputs") or {}), **literals}
    return _made(
        shared,
        command=_SEARCH.sub(
            lambda match: literals[match[1]]["value"] if match[1] in literals else match[0], trial["command"]
        ),
        environmentId=trial["environmentId"],
        codeId=trial.get("codeId"),
        distribution=trial.get("distribution"),
        environmentVariables=trial.get("environmentVariables"),
        identity=properties.get("identity"),
        resources=properties.get("resources") or trial.get("resources"),
        inputs=inputs,
        outputs=properties.get("outputs"),
    )


def score_of(properties: Mapping[str, Any], metrics: Mapping[str, Sequence[Sequence[Any]]]) -> float | None:
    """How good a trial is by its search's objective, more is better; None: it doesn't have that metric.

    `metrics` are its values by metric, each with its instant and step before it.
    """
    is_sweep = kind_of(properties) == "sweep"
    said = properties.get("objective" if is_sweep else "taskDetails") or {}
    name = str(said.get("primaryMetric") or "")
    # Assumed: of several values the best one counts, and AutoML makes small what is called an error.
    goal = str(said.get("goal") or "") if is_sweep else "minimize" if "error" in name.lower() else ""
    sign = -1.0 if goal.lower() == "minimize" else 1.0
    values = [sign * value for _at, _step, value in metrics.get(name, ())]
    return max((value for value in values if not math.isnan(value)), default=None)


def _made(shared: Mapping[str, Any], **own: Any) -> dict[str, Any]:
    return {key: value for key, value in {**shared, **own}.items() if value is not None}


def _axes(properties: Mapping[str, Any]) -> dict[str, Axis]:
    return {key: Axis.of(value) for key, value in (properties.get("searchSpace") or {}).items()}


def _is_grid(properties: Mapping[str, Any]) -> bool:
    algorithm = properties.get("samplingAlgorithm") or {}
    return str(algorithm.get("samplingAlgorithmType")).lower() == "grid"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else repr(value)
