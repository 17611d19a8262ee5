"""What the user asked for: the arguments of `submit`, checked and merged with what the job itself says.

An argument wins over the same setting inside the job. What can't be applied is refused here, before anything
is uploaded. Knows values and local files; nothing of the service and nothing of `azure.ai.ml`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from amlrun._asking.asked import asked_of
from amlrun._asking.bindings import (
    check_bindings,
    check_environment,
    check_named_environment,
    check_names,
    check_outputs,
    check_variables,
    literal_doubts,
    plain_inputs,
)
from amlrun._asking.code import check_command, check_entries, code_of, missing_scripts, uploads_of
from amlrun._asking.jobfile import settings_of_entity, settings_of_file
from amlrun._asking.parts import told_of
from amlrun._asking.pipelines import check_data
from amlrun._asking.policies import check_policy
from amlrun._asking.settings import JobSettings
from amlrun._asking.steps import least_named, of_all_steps, steps_of
from amlrun._asking.team import Defaults, Team
from amlrun._asking.values import (
    check_tags,
    check_text,
    experiment_of,
    mapping_of,
    name_of,
    requeue_of,
    tags_of,
    text_said,
    variables_of,
)
from amlrun._asking.warnings import of_request
from amlrun._errors import InvalidRequest
from amlrun._job_types import TRAITS, JobType, check_takes
from amlrun._offers import Tier
from amlrun._paths import is_file
from amlrun._requeue import Requeue
from amlrun._secrets import told_secrets
from amlrun._timeouts import check_timeout, is_kept

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from amlrun._asking.given import Arguments
    from amlrun._asking.steps import Step
    from amlrun._needs import Ask
    from amlrun._upload.contents import Upload

_SCRIPT = re.compile(r"(?![./])\S+\.py")
"""What begins with a dot or a slash can be a program of its own."""
_PROGRAMS = frozenset({JobType.COMMAND, JobType.SWEEP})
"""What runs a program of the user's own."""


@attrs.frozen(kw_only=True)
class Request:
    """A checked request. `source` is a command line, a job file's path, or an SDK entity.

    `compute_id` is the ARM id of a compute that was named by it. `of_job` is what the job itself says of its
    place, each setting with where it stands. `defaults` are those of `amlrun.toml` that are applied. `steps`
    are those of a pipeline, each with what is asked for it. `uploads` are the local folders and files of code
    that go along.
    """

    source: str | Path | Any
    settings: JobSettings
    ask: Ask
    compute_id: str
    name: str | None
    timeout: float | None
    requeue: Requeue | bool | None
    code: str | None
    environment: Any
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]
    environment_variables: Mapping[str, str]
    display_name: str | None
    experiment_name: str | None
    tags: Mapping[str, str]
    of_job: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    defaults: Defaults = attrs.field(factory=Defaults)
    uploads: tuple[Upload, ...] = ()
    warnings: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()

    @property
    def command(self) -> str:
        """The command line, before anything is added to it."""
        return self.source if isinstance(self.source, str) else self.settings.command

    @property
    def environments(self) -> dict[str, Any]:
        """As they are said: "" for the job itself, by the paths of its steps."""
        own = self.settings.environment if self.environment is None else self.environment
        return {"": own, **{step.path: step.environment for step in self.settings.steps}}

    def asking(self, change: Callable[[Ask], Ask]) -> Request:
        """The same with another ask, each step's too."""
        steps = tuple(attrs.evolve(step, ask=change(step.ask)) for step in self.steps)
        return attrs.evolve(self, ask=change(self.ask), steps=steps)

    def policy(self, tier: Tier) -> Requeue | None:
        """How a job of that tier is requeued.

        With nothing said, spot is and dedicated nodes are not: they are not taken away. Nor are pipelines,
        sweeps and AutoML jobs: another attempt would run all of their parts again, also those that are done.
        """
        if self.requeue is None:
            has_parts = TRAITS[self.settings.type].has_parts
            return Requeue() if tier is Tier.SPOT and not has_parts else None
        return self.requeue if isinstance(self.requeue, Requeue) else None


def parse(
    job: Any, given: Arguments, team: Team | None = None, *, defaults: Defaults | None = None
) -> Request:
    """Check and merge. Raises `InvalidRequest` with the argument's name and the valid values.

    `defaults` are those of an earlier time, which stand in the place of the team's.
    """
    source = _source(job)
    settings = _settings(source)
    check_takes(settings.type, attrs.asdict(given, recurse=False))
    team = team or Team()
    tags = tags_of(given.tags)
    name = given.name if given.name is not None else settings.name
    code = code_of(given.code)
    inputs, outputs, variables = _data(source, given, settings)
    _check_program(code, given, settings)
    requeue = requeue_of(given.requeue)
    policy = requeue if isinstance(requeue, Requeue) else None
    steps = steps_of(source, given, settings) if settings.type is JobType.PIPELINE else ()
    asked = asked_of(source, attrs.evolve(given, needs=None) if steps else given, settings)
    if defaults is None:
        defaults = team.defaults_for(least_named(asked.ask, steps), said=_said(given, settings, policy))
    usual = {name: value for name, value in defaults.tags.items() if name not in {**settings.tags, **tags}}
    defaults = attrs.evolve(defaults, tags=usual)
    all_tags = {**usual, **settings.tags, **tags}
    check_tags(all_tags)
    team.check_tags(all_tags)
    ask = team.bound(defaults.applied(asked.ask))
    check_timeout(settings.type, ask.timeout, policy)
    _check_checkpoint(settings.type, policy)
    check_policy(settings.type, policy)
    uploads = uploads_of(code, settings)
    check_entries(code, settings, uploads)
    experiment = experiment_of(given.experiment_name) or defaults.experiment
    command = source if isinstance(source, str) else settings.command
    return Request(
        source=source,
        settings=settings,
        ask=ask,
        compute_id=asked.compute_id,
        name=name_of(name),
        timeout=ask.timeout,
        requeue=requeue,
        code=code,
        environment=given.environment,
        inputs=inputs,
        outputs=outputs,
        environment_variables=variables,
        display_name=text_said("display_name", given.display_name),
        experiment_name=experiment,
        tags={**usual, **tags},
        told=(*asked.told, *of_all_steps(given, steps)),
        of_job=asked.of_job,
        defaults=defaults,
        uploads=uploads,
        steps=tuple(step.bound(team, defaults) for step in steps),
        warnings=(
            *of_request(
                settings,
                name=name,
                command=command,
                experiment=experiment or experiment_of(settings.experiment_name),
                variables=_all_variables(settings, variables),
                timeout=ask.timeout,
                compute_said=given.compute is not None,
                tier=given.tier,
            ),
            *told_secrets("tags", all_tags),
            *told_secrets("inputs", {name: one for name, one in inputs.items() if isinstance(one, str)}),
            *literal_doubts(inputs),
            *missing_scripts(command, uploads),
        ),
    )


def _said(given: Arguments, settings: JobSettings, policy: Requeue | None) -> set[str]:
    """The defaults that a job says itself, or can't have: a timeout that nobody would keep."""
    own = {
        "experiment": settings.experiment_name or given.experiment_name,
        "identity": settings.identity,
        "timeout": not is_kept(settings.type, policy),
    }
    return {key for key, value in own.items() if value}


def _source(job: Any) -> Any:
    if job is None:
        message = "job=None: there is no job"
        hint = "submit() with no argument at all submits the running script."
        raise InvalidRequest(message, argument="job", hint=hint)
    if isinstance(job, Path):
        if job.suffix.lower() not in {".yml", ".yaml"}:
            message = f"{job} is no job file: those end in .yml or .yaml"
            raise InvalidRequest(message, argument="job", hint=f'A script is a command: "python {job.name}".')
        return job
    if not isinstance(job, str):
        return job
    if not job.strip():
        raise InvalidRequest("The command is empty", argument="job")
    check_text("job", "the command", job)
    if _SCRIPT.fullmatch(job.strip()):
        message = f"{job!r} is the name of a script, and no command: no shell would find it"
        raise InvalidRequest(message, argument="job", hint=f'Did you mean "python {job.strip()}"?')
    if not job.lower().endswith((".yml", ".yaml")):
        return job
    if re.search(r"\s", job) is None:
        return Path(job)
    if is_file(Path(job)):
        message = f"{job!r} is a file, and a text with spaces is a command"
        raise InvalidRequest(message, argument="job", hint=f"A job file is given so: Path({job!r}).")
    return job


def _settings(source: Any) -> JobSettings:
    if isinstance(source, str):
        return JobSettings(type=JobType.COMMAND, command=source, codeless_in=Path())
    return settings_of_file(source) if isinstance(source, Path) else settings_of_entity(source)


def _all_variables(settings: JobSettings, given: Mapping[str, str]) -> dict[str, str]:
    """The job's own, its steps', and those of the arguments."""
    own = (one.environment_variables for one in (settings, *settings.steps))
    return {name: value for variables in (*own, given) for name, value in variables.items()}


def _data(source: Any, given: Arguments, settings: JobSettings) -> tuple[dict[str, Any], ...]:
    """Inputs, outputs and environment variables, checked together with the job's own."""
    inputs, outputs = mapping_of("inputs", given.inputs), mapping_of("outputs", given.outputs)
    variables = variables_of(given.environment_variables)
    if settings.type is JobType.PIPELINE:
        check_data(inputs, outputs, settings)
    else:
        check_names("inputs", inputs)
        check_names("outputs", outputs)
    command = source if isinstance(source, str) else settings.command
    searched = ("search_space",) if settings.type is JobType.SWEEP else ()
    check_bindings(command, {*settings.inputs, *inputs}, {*settings.outputs, *outputs}, *searched)
    if both := sorted(settings.searched & {*inputs}):
        message = f"inputs: {both[0]} is searched for, and no trial would use what is given"
        raise InvalidRequest(message, argument="inputs", hint="Leave it out, here or of the search space.")
    check_outputs(outputs, settings.outputs)
    check_variables({**settings.environment_variables, **variables})
    for step in settings.steps:
        with told_of(step.path):
            bound = " ".join((step.command, *step.bound))
            check_bindings(bound, {*step.inputs}, {*step.outputs})  # a step's search is over its inputs
            check_variables(step.environment_variables)
    return plain_inputs(inputs), outputs, variables


def _check_program(code: str | None, given: Arguments, settings: JobSettings) -> None:
    """What runs, and in which environment."""
    if given.environment is not None or (settings.type in _PROGRAMS and not settings.has_environment):
        check_environment(given.environment)
    for step in settings.steps:
        if step.type in _PROGRAMS and step.command and not step.has_environment:
            with told_of(step.path):
                check_environment(None)
    for one in (settings, *settings.steps):
        if code is None and one.codeless_in is not None:
            with told_of(one.path):
                check_command(one.command, one.codeless_in)
        said = one.environment
        if isinstance(said, str) and not said.startswith("file:") and (one.path or given.environment is None):
            with told_of(one.path):
                check_named_environment(said.strip())


def _check_checkpoint(job: JobType, policy: Requeue | None) -> None:
    if policy is not None and policy.checkpoint is not None and job is not JobType.COMMAND:
        message = (
            f"Requeue(checkpoint={policy.checkpoint!r}): {TRAITS[job].words} has no place for checkpoints"
        )
        hint = "Only command jobs have: an output of your own does it, where the job saves and looks itself."
        raise InvalidRequest(message, argument="requeue", hint=hint)
