"""What a pipeline says of itself and of each of its leaf steps, those of nested pipelines among them.

Its steps are read from a job file and the component files that it names, or from an entity of the SDK. Of a
component that is kept in the workspace or in a registry nothing is known but its name.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from amlrun._asking.settings import JobSettings, common, is_entity, named_compute, read, settings_of
from amlrun._asking.yamlfile import read_yaml
from amlrun._errors import InvalidRequest
from amlrun._job_types import JobType, step_type
from amlrun._timeouts import step_doubts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from amlrun._sdk import Decorators

_PARTS = frozenset({"resources", "queue_settings"})
"""Settings of which a step says one part, and its component another."""
_FILE = "file:"


class _Over:
    """The settings of a step, and under them those of its component."""

    def __init__(self, *sources: Any) -> None:
        self._sources = sources

    def __getattr__(self, name: str) -> Any:
        said = [value for source in self._sources if (value := read(source, name)) is not None]
        if name in _PARTS:
            return _Over(*said)
        return said[0] if said else None


@attrs.frozen
class _Around:
    """What a pipeline says for all of its steps: those that say nothing themselves have it.

    `decorators` tell what the SDK drops of nested pipelines; None in a file.
    """

    compute: Any = None
    tier: Any = None
    identity: Any = None
    decorators: Decorators | None = None

    @property
    def said(self) -> dict[str, Any]:
        """By the names of a job's settings."""
        return {"compute": self.compute, "tier": self.tier, "identity": self.identity}

    def beneath(self, own: JobSettings | _Around) -> _Around:
        """The same under what is said nearer to the step."""
        nearer = {name: getattr(own, name) for name in self.said}
        return attrs.evolve(self, **{name: value for name, value in nearer.items() if value is not None})

    @classmethod
    def of(cls, pipeline: Any, decorators: Decorators | None = None) -> _Around:
        """What this one says."""
        compute = read(pipeline, "settings", "default_compute")
        compute = read(pipeline, "compute") if compute is None else compute
        return cls(
            compute=named_compute(compute),
            tier=read(pipeline, "settings", "queue_settings", "job_tier"),
            identity=read(pipeline, "identity"),
            decorators=decorators,
        )


def pipeline_settings(job: Any, folder: Path) -> JobSettings:
    """The settings of a pipeline; paths in it are relative to `folder`. Raises `InvalidRequest`.

    `compute`, `tier` and `identity` are what it says for all steps; those of `steps` are the step's own, else
    those of the pipeline around it.
    """
    component = _component(job, folder, "component", "The pipeline")
    whole = _Around.of(job, _decorators() if is_entity(job) else None)
    leaves = tuple(_leaves(_jobs_of(job, component, "The pipeline"), component.folder, whole, ""))
    if read(job, "settings", "queue_settings", "priority") is not None:
        message = "The pipeline's settings say a priority, which the service is not known to read there"
        raise InvalidRequest(message, argument="job", hint="Say it in its steps: queue_settings.priority.")
    said = {**common(job), **whole.said}
    for part in ("inputs", "outputs"):
        said[part] |= frozenset(map(str, read(component.content, part) or ()))
    return JobSettings(type=JobType.PIPELINE, steps=leaves, **said)


def _decorators() -> Decorators:
    from amlrun._sdk import Decorators  # noqa: PLC0415  only of an entity of the SDK: it is there

    return Decorators()


def check_data(inputs: Mapping[str, Any], outputs: Mapping[str, Any], settings: JobSettings) -> None:
    """Raise `InvalidRequest` for data that no step could be bound to: the pipeline has none of that name."""
    for part, given, known in (("inputs", inputs, settings.inputs), ("outputs", outputs, settings.outputs)):
        if unknown := sorted(set(given) - known):
            hint = f"Its {part}: {', '.join(sorted(known)) or 'none'}."
            message = f"{part}: the pipeline has no {part[:-1]} {unknown[0]!r}"
            raise InvalidRequest(message, argument=part, hint=hint)


def _leaves(jobs: Any, folder: Path, around: _Around, inside: str) -> Iterator[JobSettings]:
    for name, node in jobs.items():
        yield from _step(node, folder, around, f"{inside}{name}")


def _step(node: Any, folder: Path, around: _Around, path: str) -> Iterator[JobSettings]:
    """The step itself; of one that is a pipeline, its steps."""
    told = f"The step {path}"
    if not isinstance(node, dict) and not is_entity(node):
        raise InvalidRequest(f"{told} holds {node!r}: no job", argument="job")
    component = _component(node, folder, "component", told)
    kind = _type_of(node, component.content, told)
    if kind is JobType.PIPELINE:
        inside, unseen = _inside(node, component.content, around)
        jobs = _jobs_of(node, component, told)
        first, *others = _leaves(jobs, component.folder, inside, f"{path}.")
        yield attrs.evolve(first, warnings=(*first.warnings, *unseen))
        yield from others
        return
    if kind is JobType.SWEEP and not is_entity(node):
        component = _component(node, folder, "trial", told)
        node = {**node, "trial": component.content}
        settings = settings_of(kind, node, component.folder)
    else:
        settings = settings_of(kind, _Over(node, component.content), component.folder)
    if (
        kind is JobType.SPARK and settings.instance_type is not None
    ):  # serverless Spark: no compute stands there
        around = attrs.evolve(around, compute=None)
    limits = {name: read(node, "limits", name) for name in ("timeout", "trial_timeout")}
    yield attrs.evolve(
        settings,
        path=path,
        warnings=(*settings.warnings, *step_doubts(kind, **limits)),
        inputs=settings.inputs | frozenset(map(str, read(component.content, "inputs") or ())),
        outputs=settings.outputs | frozenset(map(str, read(component.content, "outputs") or ())),
        **around.beneath(settings).said,
    )


def _inside(node: Any, component: Any, around: _Around) -> tuple[_Around, tuple[str, ...]]:
    """What holds inside a nested pipeline, and what can't be known of it."""
    own, decorators = _Around.of(node), around.decorators
    if own.compute is not None or decorators is None:
        return around.beneath(own), ()
    try:
        return around.beneath(attrs.evolve(own, compute=decorators.compute_of(component))), ()
    except LookupError:
        words = (
            "azure-ai-ml drops the default_compute of a nested pipeline's decorator, and whether that of "
            f"{read(component, 'name')} has one can't be seen any more: say it as its node's "
            "settings.default_compute"
        )
        return around.beneath(own), (words,)


@attrs.frozen
class _Component:
    """What runs: a mapping or an entity, None where it can't be seen from here; and where its paths begin."""

    content: Any
    folder: Path


def _component(node: Any, folder: Path, key: str, told: str) -> _Component:
    said = read(node, key)
    if is_entity(said):
        base = read(said, "base_path")
        return _Component(said, folder if base is None else Path(base))
    if said is None or isinstance(said, dict):
        return _Component(said, folder)
    if not isinstance(said, (str, Path)):
        raise InvalidRequest(f"{told}: {key} is {said!r}: a file or the name of a component", argument="job")
    if is_entity(node) or str(said).startswith(("azureml:", "/subscriptions/")):
        return _Component(None, folder)
    path = folder / str(said).removeprefix(_FILE)
    _, data = read_yaml(path)
    return _Component(data, path.parent)


def _type_of(node: Any, component: Any, told: str) -> JobType:
    """Its own word, its component's, or that of what can only be a command."""
    word = read(node, "type") or read(component, "type")
    if word is None and not (read(node, "command") or read(node, "component")):
        raise InvalidRequest(f"{told} has no type, no command and no component", argument="job")
    return step_type(str(word or "command"), told)


def _jobs_of(pipeline: Any, component: _Component, told: str) -> Any:
    jobs = read(pipeline, "jobs") or read(component.content, "jobs")
    if isinstance(jobs, dict) and jobs:
        return jobs
    if read(pipeline, "component") is not None and component.content is None:
        message = f"{told} is kept elsewhere: its steps can't be seen from here"
        hint = "Give its file, or the component itself: load_component(client=…, name=…, version=…)."
        raise InvalidRequest(message, argument="job", hint=hint)
    raise InvalidRequest(f"{told} has no steps", argument="job", hint="jobs: {name: {command: …}}.")
