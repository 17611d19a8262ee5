"""What the arguments and the job itself say of where it goes, as an `Ask`. Pure.

An argument wins over the same setting inside the job. What the job says is told as its own, with its place.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from amlrun._asking.computes import Computes, compute_of_job, parse_computes
from amlrun._asking.images import may_be_own
from amlrun._durations import LONGEST
from amlrun._errors import InvalidRequest
from amlrun._identity import CLIENT_ID_VARIABLE, identity_of_job, parse_identity
from amlrun._job_types import TRAITS, JobType
from amlrun._needs import SERVERLESS, Ask, Needs, node_count
from amlrun._offers import Tier
from amlrun._shown import shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from amlrun._asking.given import Arguments
    from amlrun._asking.settings import JobSettings

_TIERS = ", ".join(f'"{tier}"' for tier in Tier)
_OTHER_TIERS = frozenset({"basic", "premium"})
"""The service's own, of which none is known to be had on serverless."""


@attrs.frozen
class Asked:
    """The ask before a team's defaults and rules.

    `compute_id` is the ARM id of a compute that was named by it; "": none was. `of_job` is what counts of the
    job's own settings, each with where it stands. `told`: what the plan says of it.
    """

    ask: Ask
    compute_id: str
    of_job: tuple[str, ...]
    told: tuple[str, ...] = ()


def asked_of(source: Any, given: Arguments, settings: JobSettings) -> Asked:
    """The arguments merged with what the job says. Raises `InvalidRequest`."""
    found: dict[str, Any] = {}
    of_job: list[str] = []
    for argument, (place, check) in _MERGED.items():
        value, own = getattr(given, argument), getattr(settings, argument)
        if value is not None or own is None:
            found[argument] = check(value)
            continue
        at = _at(argument, place, settings)
        where = f"{source}: {at}" if isinstance(source, Path) else f"the job's {at}"
        try:
            _check_bound(own)
            found[argument] = check(compute_of_job(own) if argument == "compute" else own)
        except InvalidRequest as error:
            raise error.reworded(message=f"{where}: {error.message}") from None
        of_job.append(f"{argument}={shown(own)} ({where})")
    computes: Computes = found["compute"]
    if settings.type is JobType.SPARK and computes.names and SERVERLESS not in computes.names:
        found["instance_type"] = _of_pool(given)
    _check_count(found["instance_count"], settings)
    needs = _needs(given, settings.type)
    told = ""
    if settings.type is JobType.PIPELINE and given.tier is None and settings.tier is not None:
        told = f"{found['tier']}, of the pipeline's queue_settings, is the tier of the steps that say none"
    if settings.needs_gpu and _is_open(needs, found["instance_type"], computes.names):
        needs = attrs.evolve(needs, gpus=1)
        told = f"{settings.needs_gpu} needs a GPU: one is asked for, since nothing is said of the nodes"
        of_job.append(f"gpus=1 (its task is {settings.needs_gpu})")
    ask = Ask(
        needs=needs,
        instance_types=found["instance_type"],
        nodes=found["instance_count"],
        tier=found["tier"],
        computes=computes.names,
        creates=computes.creates,
        identity=parse_identity(given.identity) or identity_of_job(settings.identity),
        timeout=settings.timeout if given.timeout is None else _timeout(given.timeout),
        requeued=given.requeue is not False
        and (given.requeue is not None or not TRAITS[settings.type].has_parts),
        job=settings.type,
        at_once=settings.at_once,
        own_client_id=CLIENT_ID_VARIABLE in _variables(given, settings) or bool(settings.kept),
        own_image=may_be_own(
            settings.environment if given.environment is None else given.environment, settings.type
        ),
    )
    return Asked(ask, computes.arm_id, tuple(of_job), (told,) if told else ())


def _variables(given: Arguments, settings: JobSettings) -> set[str]:
    """The names of the environment variables that the job has."""
    own = given.environment_variables
    return {*settings.environment_variables, *(own if isinstance(own, Mapping) else ())}


def _at(argument: str, place: str, settings: JobSettings) -> str:
    """Where a job of that type says it, by the names of its file."""
    if settings.type is JobType.PIPELINE:
        return settings.compute_at if argument == "compute" else _OF_PIPELINE.get(argument, place)
    if argument == "instance_count" and settings.counts_nodes:
        place = "limits"
    return f"jobs.{settings.path.replace('.', '.jobs.')}.{place}" if settings.path else place


def _check_count(nodes: int, settings: JobSettings) -> None:
    if settings.counts_nodes and nodes != settings.instance_count:
        message = f"instance_count={nodes}: the limits of this job say that it has {settings.instance_count}"
        hint = "AutoML's nodes are counted from its trials: limits.max_nodes, limits.max_concurrent_trials."
        raise InvalidRequest(message, argument="instance_count", hint=hint)


def _is_open(needs: Needs, instance_types: tuple[str, ...], computes: tuple[str, ...]) -> bool:
    """Whether nothing is said of the hardware: no size, no compute that has one, nothing that is needed."""
    unsaid = needs.shapeless and needs.gpus is None
    return unsaid and not instance_types and not any(name != SERVERLESS for name in computes)


def _of_pool(given: Arguments) -> tuple[str, ...]:
    """The job's own instance type is for serverless Spark; one that is asked for with a pool is a mistake."""
    if given.instance_type is not None:
        message = f"instance_type={given.instance_type!r} with a Spark pool, whose nodes have their own size"
        raise InvalidRequest(message, argument="instance_type", hint="Leave one of the two out.")
    return ()


def _check_bound(own: Any) -> None:
    """What is bound to an input is known to the service alone, once the pipeline runs."""
    if "${{" in str(own):
        message = f"{own} is the value of an input, which isn't known before the pipeline runs"
        raise InvalidRequest(message, argument="job", hint="Say it itself, or as an argument, which wins.")


def _needs(given: Arguments, job: JobType) -> Needs:
    needs = _said_needs(given)
    if job is JobType.FINE_TUNING and not needs.nothing and needs.gpus is None:
        return attrs.evolve(needs, gpus=1)
    return needs


def _said_needs(given: Arguments) -> Needs:
    parts = {"cpus": given.cpus, "memory_gb": given.memory_gb, "gpus": given.gpus, "gpu": given.gpu}
    said = {name: value for name, value in parts.items() if value is not None}
    if given.needs is None:
        return Needs(**said)
    if not isinstance(given.needs, Needs):
        hint = "needs=Needs(gpus=1, disk_gb=200), for example; by step it is for pipelines."
        raise InvalidRequest(f"needs={shown(given.needs)}: a Needs(…)", argument="needs", hint=hint)
    twice = [name for name in said if getattr(given.needs, name) not in (None, ())]
    if twice:
        message = f"{twice[0]} is said twice: as an argument and inside needs"
        raise InvalidRequest(message, argument=twice[0], hint="Say it once.")
    return attrs.evolve(given.needs, **said)


def _instance_types(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    names = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, (list, tuple)) else None
    if not names or not all(isinstance(name, str) and name.strip() for name in names):
        message = f"instance_type={shown(value)}: a size's name, or a list of them in order of preference"
        raise InvalidRequest(message, argument="instance_type")
    return tuple(name.strip() for name in names)


def _tier(value: Any) -> Tier | None:
    if value is None:
        return None
    try:
        return Tier(str(value).lower())
    except ValueError:
        message, hint = f"tier={shown(value)} is not one of {_TIERS}", ""
        if str(value).lower() in _OTHER_TIERS:
            message = f"tier={value!r}: the service has this tier for other computes, and serverless hasn't"
            hint = f"Supported: {_TIERS}. Standard nodes are dedicated."
        raise InvalidRequest(message, argument="tier", hint=hint) from None


def _timeout(value: Any) -> float:
    seconds = value.total_seconds() if isinstance(value, dt.timedelta) else value
    is_number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    if not is_number or not 1 <= seconds <= LONGEST:
        message = (
            f"timeout={shown(value)}: seconds (1 or more) or a timedelta, for each attempt; at most a year"
        )
        raise InvalidRequest(message, argument="timeout")
    return float(seconds)


def _nodes(value: Any) -> int:
    return 1 if value is None else node_count(value)


_MERGED: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "compute": ("compute", parse_computes),
    "instance_type": ("resources.instance_type", _instance_types),
    "instance_count": ("resources.instance_count", _nodes),
    "tier": ("queue_settings.job_tier", _tier),
}
"""The settings that both can say: where a job says each, and how it is read."""
_OF_PIPELINE = {"tier": "settings.queue_settings.job_tier"}
"""Where a pipeline says it for its steps."""
