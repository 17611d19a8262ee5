"""What is asked for each step of a pipeline. Pure.

What a step needs is the first of: what `needs` says of it by its name, or of the nested pipeline that it is
in; its own size, or its own cluster; what the arguments say of every step. The other arguments win over the
same setting of each step that has such a field.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from amlrun._asking.asked import asked_of
from amlrun._asking.parts import told_of
from amlrun._errors import InvalidRequest
from amlrun._job_types import TRAITS, JobType
from amlrun._needs import SERVERLESS, Needs
from amlrun._offers import Tier
from amlrun._shown import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from amlrun._asking.given import Arguments
    from amlrun._asking.settings import JobSettings
    from amlrun._asking.team import Defaults, Team
    from amlrun._needs import Ask

_PLACE = ("compute", "instance_type", "instance_count", "tier", "identity")
_NO_IDENTITY = "as a step, a sweep is known to take none"
"""azure-ai-ml leaves it out of such nodes."""
_HARDWARE = ("needs", "cpus", "memory_gb", "gpus", "gpu")


@attrs.frozen(kw_only=True)
class Step:
    """A leaf of a pipeline. `path` is its name, within nested pipelines `"prep.clean"`.

    `compute_id` is the ARM id of a compute that it names by it; `of_job` what counts of its own settings;
    `told` what the plan says of it; `untaken` what is said for it and can't be, and why.
    """

    path: str
    type: JobType
    ask: Ask
    compute_id: str = ""
    of_job: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    untaken: tuple[str, ...] = ()

    def bound(self, team: Team, defaults: Defaults) -> Step:
        """The step with a team's defaults, under its rules. Raises `InvalidRequest`."""
        with told_of(self.path):
            ask = team.bound(defaults.but(("timeout",)).applied(self.ask))
        if not TRAITS[self.type].has_spot:
            ask = attrs.evolve(ask, tier=None, default_tier=None)
        if self.type is not JobType.SWEEP or ask.identity is None:
            return attrs.evolve(self, ask=ask)
        untaken = (*self.untaken, f"identity is not for {self.path}: {_NO_IDENTITY}")
        return attrs.evolve(self, ask=attrs.evolve(ask, identity=None), untaken=untaken)


def steps_of(source: Any, given: Arguments, settings: JobSettings) -> tuple[Step, ...]:
    """What is asked for each. Raises `InvalidRequest`, also for an argument that is for none of them."""
    by_name = _by_name(given.needs, settings.steps)
    untaken = [_untaken(one, given, settings, by_name) for one in settings.steps]
    for argument in _PLACE + _HARDWARE:
        if all(argument in reasons for reasons in untaken):
            why = next(filter(None, (reasons[argument] for reasons in untaken)), "needs says it of each")
            message = f"{argument} is for none of the pipeline's steps: {why}"
            raise InvalidRequest(message, argument=argument, hint="Leave it out, or say it of a step.")
    found = []
    for one, reasons in zip(settings.steps, untaken, strict=True):
        mine, own = _for_step(given, one, by_name, reasons)
        with told_of(one.path):
            asked = asked_of(source, mine, own)
            _check_identity(one, asked.ask)
        step = Step(
            path=one.path,
            type=one.type,
            ask=asked.ask,
            compute_id=asked.compute_id,
            of_job=_without_inherited(asked.of_job, one, settings),
            told=tuple(f"{one.path}: {words}" for words in (*asked.told, *_set_aside(given, one, by_name))),
            untaken=tuple(_words(given, one, reasons)),
        )
        found.append(step)
    return tuple(found)


def _check_identity(one: JobSettings, ask: Ask) -> None:
    """Nothing runs with another identity than was said."""
    if one.type is JobType.SWEEP and ask.identity is not None:
        hint = "Submit it as a job of its own, or leave the identity out."
        raise InvalidRequest(f"identity: {_NO_IDENTITY}", argument="identity", hint=hint)


def _for_step(
    given: Arguments, one: JobSettings, by_name: Mapping[str, Needs], untaken: Mapping[str, str]
) -> tuple[Arguments, JobSettings]:
    """The arguments that are for a step, and what of its own settings counts."""
    # Where nothing is said of requeueing, pipelines aren't requeued.
    mine = attrs.evolve(given, timeout=None, requeue=given.requeue or False, **dict.fromkeys(untaken))
    needs = _nearest(one.path, by_name)
    if needs is not None:
        return attrs.evolve(mine, needs=needs), attrs.evolve(one, instance_type=None)
    if by_name:
        return attrs.evolve(mine, needs=None), one
    if "needs" in untaken:  # what it may cost is not about its hardware
        mine = attrs.evolve(mine, needs=Needs(max_price_per_hour=given.needs.max_price_per_hour))
    return mine, one


def _set_aside(given: Arguments, one: JobSettings, by_name: Mapping[str, Needs]) -> Iterator[str]:
    if given.instance_type is None and one.instance_type is not None and _nearest(one.path, by_name):
        yield f"its own size, {one.instance_type}, is set aside: needs says by name what it needs"


def of_all_steps(given: Arguments, steps: Sequence[Step]) -> tuple[str, ...]:
    """What the plan says of arguments that are for all steps."""
    price = getattr(given.needs, "max_price_per_hour", None)
    if price is None or not steps[1:]:
        return ()
    return (f"max_price_per_hour={price:g} is what each step may cost, not all of them together",)


def _without_inherited(said: Sequence[str], one: JobSettings, pipeline: JobSettings) -> tuple[str, ...]:
    """What a step says itself: what the pipeline says for all is told once, as the pipeline's."""
    same = [f"{name}=" for name in ("compute", "tier") if getattr(one, name) == getattr(pipeline, name)]
    return tuple(words for words in said if not words.startswith(tuple(same)))


def _words(given: Arguments, one: JobSettings, untaken: Mapping[str, str]) -> Iterator[str]:
    """What the plan says of settings that are not for a step."""
    for argument, why in untaken.items():
        if why:
            yield f"{argument} is not for {one.path}: {why}"
    if one.kept and given.instance_count is None and one.instance_count is None and not one.counts_nodes:
        yield f"{one.path} has 1 node: what {one.kept} says of its nodes isn't read; instance_count=… says it"
    traits = TRAITS[one.type]
    if given.tier is None and not traits.has_spot and str(one.tier).lower() == Tier.SPOT:
        yield f"tier={one.tier} is not for {one.path}: {traits.words} has no spot nodes"


def least_named(ask: Ask, steps: Sequence[Step]) -> Ask:
    """Of a pipeline, what its steps ask of a place: nothing, where any of them names none."""
    if not steps or any(not step.ask.computes for step in steps):
        return ask
    return attrs.evolve(ask, computes=steps[0].ask.computes)


def _untaken(
    one: JobSettings, given: Arguments, pipeline: JobSettings, by_name: Mapping[str, Needs]
) -> dict[str, str]:
    """The arguments that are not for a step, and why; "": because `needs` says it by the step's name."""
    traits = TRAITS[one.type]
    reasons = dict.fromkeys(traits.lacks, f"{traits.words} has no such field")
    if not traits.has_spot and str(given.tier).lower() == Tier.SPOT:
        reasons["tier"] = f"{traits.words} has no spot nodes"
    if one.type is JobType.SPARK and (given.gpus or given.gpu or getattr(given.needs, "gpus", None)):
        reasons |= dict.fromkeys(("needs", "gpus", "gpu"), "Spark has no GPUs")
    if one.counts_nodes:
        reasons["instance_count"] = "its nodes are counted from its trials"
    if _nearest(one.path, by_name) is not None:
        reasons |= dict.fromkeys((name for name in _HARDWARE if name != "needs"), "")
    elif given.instance_type is None and one.instance_type is not None:
        reasons |= dict.fromkeys(_HARDWARE, f"it says its own size, {one.instance_type}")
    elif given.compute is None and _has_own_cluster(one, pipeline):
        reasons |= dict.fromkeys(_HARDWARE, f"it says its own compute, {one.compute}")
    said = {name for name in _PLACE + _HARDWARE if getattr(given, name) is not None}
    if by_name:
        said.discard("needs")
    return {name: why for name, why in reasons.items() if name in said}


def _has_own_cluster(one: JobSettings, pipeline: JobSettings) -> bool:
    """Whether it names a compute, and not that of the whole pipeline."""
    name = str(one.compute).rpartition("/")[2].removeprefix("azureml:").lower()
    return one.compute is not None and name != SERVERLESS and one.compute != pipeline.compute


def _by_name(needs: Any, steps: Sequence[JobSettings]) -> dict[str, Needs]:
    """`needs` as a mapping from steps, or from nested pipelines; {}: it isn't one."""
    if not isinstance(needs, Mapping):
        return {}
    for name, one in needs.items():
        if not isinstance(one, Needs):
            hint = 'needs={"train": Needs(gpus=1)}, for example.'
            message = f"needs: of {name!r} is {shown(one)}: a Needs(…)"
            raise InvalidRequest(message, argument="needs", hint=hint)
        if not any(_is_in(step.path, str(name)) for step in steps):
            known = ", ".join(dict.fromkeys(one for step in steps for one in _with_pipelines(step.path)))
            message = f"needs: the pipeline has no step {name!r}"
            raise InvalidRequest(message, argument="needs", hint=f"Its steps: {known}.")
    return {str(name): one for name, one in needs.items()}


def _with_pipelines(path: str) -> Iterator[str]:
    """A step and the nested pipelines that it is in, which have names that `needs` can say, too."""
    parts = path.split(".")
    return (".".join(parts[:end]) for end in range(1, len(parts) + 1))


def _nearest(path: str, by_name: Mapping[str, Needs]) -> Needs | None:
    """That of the step itself, else of the innermost pipeline around it."""
    names = [name for name in by_name if _is_in(path, name)]
    return by_name[max(names, key=len)] if names else None


def _is_in(path: str, name: str) -> bool:
    return f"{path}.".startswith(f"{name}.")
