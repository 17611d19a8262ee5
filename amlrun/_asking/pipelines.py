"""What a pipeline says of itself and of each of its leaf steps, those of nested pipelines among them.

Its steps are read from a job file and the component files that it names, or from an entity of the SDK. Of a
component that is kept in the workspace or in a registry nothing is known but its name.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from amlrun._asking.fields import check_mappings
from amlrun._asking.parts import is_entity, named_compute, read, told_of
from amlrun._asking.settings import JobSettings, common, settings_of
from amlrun._asking.wiring import PARTS, Scope, check_names, check_there
from amlrun._asking.yamlfile import read_yaml
from amlrun._errors import InvalidRequest
from amlrun._job_types import JobType, step_type
from amlrun._timeouts import step_doubts

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from amlrun._sdk import Decorators

_PARTS = frozenset({"resources", "queue_settings"})
"""Settings of which a step says one part, and its component another."""
_FILE = "file:"


class _Over:
    """The settings of a step, and under them those of its component, but for those that this `lacks`."""

    def __init__(self, *sources: Any, lacks: Collection[str] = ()) -> None:
        self._sources, self._lacks = sources, lacks

    def __getattr__(self, name: str) -> Any:
        sources = self._sources[:1] if name in self._lacks else self._sources
        said = [value for source in sources if (value := read(source, name)) is not None]
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
    check_there(job, folder)
    leaves = tuple(_leaves(job, component, whole, ""))
    if read(job, "settings", "queue_settings", "priority") is not None:
        message = "The pipeline's settings say a priority, which the service is not known to read there"
        raise InvalidRequest(message, argument="job", hint="Say it in its steps: queue_settings.priority.")
    said = {**common(job), **whole.said}
    if read(job, "settings", "default_compute") is not None:
        said["compute_at"] = "settings.default_compute"
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


@attrs.frozen(kw_only=True)
class _Node:
    """A step as it stands in a pipeline. `component` is what it runs; of a sweep in a file, its trial."""

    path: str
    content: Any
    kind: JobType
    component: _Component

    @property
    def outputs(self) -> frozenset[str] | None:
        """None where they can't be seen: AutoML's are the service's own, too."""
        if self.kind is JobType.AUTOML or self.component.is_elsewhere:
            return None
        return frozenset(
            str(name) for one in (self.content, self.component.content) for name in read(one, "outputs") or ()
        )

    @classmethod
    def of(cls, content: Any, folder: Path, path: str) -> _Node:
        told = f"The step {path}"
        if not isinstance(content, dict) and not is_entity(content):
            raise InvalidRequest(f"{told} holds {content!r}: no job", argument="job")
        component = _component(content, folder, "component", told)
        with told_of(path):
            for one in (content, component.content, read(content, "trial")):
                check_mappings(one)
        kind = _type_of(content, component.content, told)
        if kind is JobType.SWEEP and not is_entity(content):
            component = _component(content, folder, "trial", told)
        return cls(path=path, content=content, kind=kind, component=component)


def _leaves(pipeline: Any, component: _Component, around: _Around, inside: str) -> Iterator[JobSettings]:
    """The steps of a pipeline, and of those that are pipelines their steps."""
    told = f"The step {inside.rstrip('.')}" if inside else "The pipeline"
    jobs = _jobs_of(pipeline, component, told)
    folder = component.folder
    nodes = {name: _Node.of(content, folder, f"{inside}{name}") for name, content in jobs.items()}
    said = {
        part: {str(name) for one in (pipeline, component.content) for name in read(one, part) or ()}
        for part in PARTS
    }
    scope = Scope(**said, jobs={name: node.outputs for name, node in nodes.items()})
    for node in nodes.values():
        with told_of(node.path):
            scope.check(node.content)
            check_there(node.content, folder)
            if node.component.in_file:
                check_names(node.content, node.component.content)
        yield from _step(node, around, jobs.values())


def _step(step: _Node, around: _Around, beside: Iterable[Any]) -> Iterator[JobSettings]:
    """The step itself; of one that is a pipeline, its steps."""
    node, kind, component, path = step.content, step.kind, step.component, step.path
    if kind is JobType.PIPELINE:
        inside, is_seen = _inside(node, component.content, around)
        leaves = list(_leaves(node, component, inside, f"{path}."))
        there = [one for one in leaves if one.compute == inside.compute]  # the others say where they go
        yield from (
            attrs.evolve(one, unseen=(*one.unseen, path)) if [one] == there[:1] and not is_seen else one
            for one in leaves
        )
        return
    if kind is JobType.SWEEP and not is_entity(node):
        job: Any = {**node, "trial": component.content}
    else:
        lacks = {"resources"} if _are_anothers(node, component.content, beside) else set()
        job = _Over(node, component.content, lacks=lacks)
    with told_of(path):
        settings = settings_of(kind, job, component.folder)
    if (
        kind is JobType.SPARK and settings.instance_type is not None
    ):  # serverless Spark: no compute stands there
        around = attrs.evolve(around, compute=None)
    limits = {name: read(node, "limits", name) for name in ("timeout", "trial_timeout")}
    yield attrs.evolve(
        settings,
        path=path,
        kept=component.kept,
        warnings=(*settings.warnings, *step_doubts(kind, **limits)),
        inputs=settings.inputs | frozenset(map(str, read(component.content, "inputs") or ())),
        outputs=settings.outputs | frozenset(map(str, read(component.content, "outputs") or ())),
        **around.beneath(settings).said,
    )


def _are_anothers(node: Any, component: Any, beside: Iterable[Any]) -> bool:
    """Whether its component's resources are another node's: the SDK puts them there in `set_resources`.

    Of its component's own a node has a copy from the beginning.
    """
    theirs = read(component, "resources")
    if not is_entity(node) or theirs is None or read(node, "resources") is theirs:
        return False
    own = read(node, "resources")
    return own is None or any(read(other, "resources") is theirs for other in beside)


def _inside(node: Any, component: Any, around: _Around) -> tuple[_Around, bool]:
    """What holds inside a nested pipeline, and whether all of it could be seen."""
    own, decorators = _Around.of(node), around.decorators
    if own.compute is not None or decorators is None:
        return around.beneath(own), True
    try:
        return around.beneath(attrs.evolve(own, compute=decorators.compute_of(component))), True
    except LookupError:
        return around.beneath(own), False


@attrs.frozen
class _Component:
    """What runs: a mapping or an entity, None where there is none; and where its paths begin.

    `in_file`: it stands in a file of its own. `kept`: the name of one that can't be seen from here.
    """

    content: Any
    folder: Path
    in_file: bool = False
    kept: str = ""

    @property
    def is_elsewhere(self) -> bool:
        return bool(self.kept)


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
        return _Component(None, folder, kept=str(said))
    path = folder / str(said).removeprefix(_FILE)
    _, data = read_yaml(path)
    return _Component(data, path.parent, in_file=True)


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
    if component.is_elsewhere:
        message = f"{told} is kept elsewhere: its steps can't be seen from here"
        hint = "Give its file, or the component itself: load_component(client=…, name=…, version=…)."
        raise InvalidRequest(message, argument="job", hint=hint)
    raise InvalidRequest(f"{told} has no steps", argument="job", hint="jobs: {name: {command: …}}.")
