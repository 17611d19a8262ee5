"""What a job says of itself: the settings that a plan needs, whether it is a mapping of YAML or an entity.

Both spell them alike (`resources.instance_type`), so one reader for each type reads both.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import attrs

from amlrun._asking import distributions, fields, searches
from amlrun._asking.datastores import datastores_in
from amlrun._asking.folders import included_of, local_folders
from amlrun._asking.parts import is_entity, named_compute, read, seconds, text_of, texts
from amlrun._errors import InvalidRequest
from amlrun._job_types import JobType
from amlrun._secrets import in_arguments, told_in, told_secrets
from amlrun._shown import shown

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@attrs.frozen(kw_only=True)
class JobSettings:
    """The job's own settings. Values are as written: checked where arguments are. `timeout` in seconds.

    `distribution` is its type in small letters, `processes` how many of each node want a GPU of their own.
    `services` are the names of those that are interactive, `datastores` those that its inputs and outputs
    name. `entry` is the script that runs, by its path in the code. `searched` is what a sweep tries out.
    `steps` are the leaves of a pipeline, those of its nested pipelines among them; `path` is the name of one
    of them: `"train"`, `"prep.clean"`. `compute_at`: where it says its compute, by the names of its file.
    `at_once`: how many trials of a sweep may run at once, each on nodes of its own. `needs_gpu`: the task
    that needs one, "": none does. `counts_nodes`: how many nodes is said by the job's limits, and by
    nothing else. `kept`: its component, of which nothing but this name is known. `lost`: arguments that the
    SDK leaves out of such a job, if it had them. `unseen`: nested pipelines, each told at one of its steps,
    of whose places not all could be seen. `warnings`: what the plan says of it. `codeless_in`: the folder in
    which its paths begin, of a program that no code goes along with. `included` are files and folders from
    elsewhere that go along with the code.
    """

    type: JobType
    path: str = ""
    steps: tuple[JobSettings, ...] = ()
    command: str = ""
    name: str | None = None
    compute: Any = None
    compute_at: str = "compute"
    instance_type: Any = None
    instance_count: Any = None
    tier: Any = None
    timeout: float | None = None
    identity: Any = None
    experiment_name: Any = None
    tags: dict[str, str] = attrs.field(factory=dict)
    code_folders: tuple[Path, ...] = ()
    included: tuple[Path, ...] = ()
    codeless_in: Path | None = None
    has_environment: bool = False
    environment: Any = None
    inputs: frozenset[str] = frozenset()
    outputs: frozenset[str] = frozenset()
    distribution: str = ""
    processes: int | None = None
    shm_size: Any = None
    entry: str = ""
    searched: frozenset[str] = frozenset()
    services: tuple[str, ...] = ()
    datastores: tuple[str, ...] = ()
    environment_variables: dict[str, str] = attrs.field(factory=dict)
    bound: tuple[str, ...] = ()
    at_once: int = 1
    needs_gpu: str = ""
    counts_nodes: bool = False
    kept: str = ""
    lost: frozenset[str] = frozenset()
    unseen: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def settings_of(job_type: JobType, job: Any, folder: Path) -> JobSettings:
    """The settings of a job; paths in it are relative to `folder`. Raises `InvalidRequest`."""
    return _READERS[job_type](job, folder)


def _command(job: Any, folder: Path) -> JobSettings:
    fields.check_words(read(job, "command"))
    limits = read(job, "limits")
    fields.check_seconds(read(limits, "timeout"), in_quotes=not is_entity(limits))
    included = included_of(job, folder)
    return JobSettings(
        type=JobType.COMMAND,
        command=text_of(read(job, "command")),
        timeout=seconds(read(job, "limits", "timeout")),
        services=tuple(sorted(map(str, read(job, "services") or ()))),
        code_folders=local_folders(folder, read(job, "code")),
        codeless_in=folder if read(job, "code") is None and not included else None,
        has_environment=bool(read(job, "environment")),
        environment=read(job, "environment"),
        environment_variables=texts(read(job, "environment_variables")),
        included=included,
        warnings=_of_docker(job),
        **_distribution(read(job, "distribution")),
        **common(job),
    )


def _of_docker(*jobs: Any) -> tuple[str, ...]:
    """What a plan warns of where Docker is handed a secret."""
    said = (read(job, "resources", "docker_args") for job in jobs)
    has_one = any(isinstance(one, (str, list)) and in_arguments(one) for one in said)
    return (told_in("resources.docker_args"),) if has_one else ()


_OF_TRIAL = ("compute", "instance_type", "instance_count", "tier", "identity", "shm_size")


def _sweep(job: Any, folder: Path) -> JobSettings:
    """What its trial says counts where the sweep itself says nothing."""
    trial = read(job, "trial")
    own, of_trial = common(job), common(trial)
    fields.check_words(read(trial, "command"))
    command = text_of(read(trial, "command"))
    space = read(job, "search_space") or {}
    searches.check_searched(command, space)
    algorithm = read(job, "sampling_algorithm")
    limits = {name: read(job, "limits", name) for name in searches.LIMITS}
    for name in ("timeout", "trial_timeout"):
        fields.check_seconds(limits[name], in_quotes=not is_entity(job), name=name)
    searches.check_limits(limits, read(job, "objective", "goal"))
    trials = searches.at_once(
        limits["max_concurrent_trials"],
        limits["max_total_trials"],
        searches.in_grid(
            algorithm if isinstance(algorithm, str) else read(algorithm, "type"),
            (read(axis, "values") for axis in space.values()),
        ),
    )
    included = included_of(trial, folder)
    taken = {name: of_trial[name] for name in _OF_TRIAL if own[name] is None}
    data = {name: own[name] | of_trial[name] for name in ("inputs", "outputs")}
    data["datastores"] = tuple(sorted({*own["datastores"], *of_trial["datastores"]}))
    return JobSettings(
        type=JobType.SWEEP,
        command=command,
        timeout=seconds(read(job, "limits", "timeout")),
        code_folders=local_folders(folder, read(trial, "code")),
        included=included,
        codeless_in=folder if read(trial, "code") is None and not included else None,
        has_environment=bool(read(trial, "environment")),
        environment=read(trial, "environment"),
        environment_variables=texts(read(trial, "environment_variables")),
        at_once=trials or 1,
        lost=_lost(job, trial),
        warnings=(*searches.unlimited(trials), *searches.too_short(limits), *_of_docker(job, trial)),
        searched=frozenset(map(str, space)),
        **_distribution(read(trial, "distribution")),
        **{**own, **taken, **data},
    )


def _lost(job: Any, trial: Any) -> frozenset[str]:
    """What a command may have said, and a sweep that was made of it doesn't."""
    if not is_entity(trial) or not hasattr(trial, "is_deterministic"):  # which components have, and no job
        return frozenset()
    said = {
        "experiment_name": read(job, "experiment_name"),
        "timeout": read(job, "limits", "timeout"),
        "tier": read(job, "queue_settings", "job_tier"),
    }
    return frozenset(name for name, value in said.items() if value is None)


def _automl(job: Any, folder: Path) -> JobSettings:
    own = common(job)
    task = read(job, "task") or read(job, "task_type")
    minutes = seconds(read(job, "limits", "timeout_minutes"))
    limits = (read(job, "limits", name) for name in ("max_nodes", "max_concurrent_trials"))
    nodes = searches.automl_nodes(task, *limits)
    searches.check_data({name: read(job, name, "path") for name in searches.AUTOML_DATA}, folder)
    counted: dict[str, Any] = {} if nodes is None else {"instance_count": nodes}
    counted["datastores"] = tuple(
        sorted({*own["datastores"], *datastores_in(read(job, name) for name in searches.AUTOML_DATA)})
    )
    return JobSettings(
        type=JobType.AUTOML,
        timeout=None if minutes is None else 60 * minutes,
        has_environment=True,
        environment=read(job, "environment_id"),
        environment_variables=texts(read(job, "environment_variables")),
        needs_gpu=searches.needs_gpu(task),
        counts_nodes=nodes is not None,
        warnings=(*searches.uncounted(nodes, own["instance_count"]), *_of_docker(job)),
        **{**own, **counted, "inputs": frozenset()},
    )


def _distribution(said: Any) -> dict[str, Any]:
    """What it says of its processes. Raises `InvalidRequest`."""
    if said is None:
        return {}
    counts = {name: read(said, name) for name in distributions.COUNTS}
    kind = distributions.distribution_of(read(said, "type"), counts, texts=not is_entity(said))
    return {"distribution": kind, "processes": distributions.processes_of(kind, counts)}


def _parallel(job: Any, folder: Path) -> JobSettings:
    """Of a step: the service takes no such job by itself."""
    task = read(job, "task")
    environment = read(task, "environment") or read(job, "environment")
    return JobSettings(
        type=JobType.PARALLEL,
        code_folders=local_folders(folder, read(task, "code")),
        entry=text_of(read(task, "entry_script")),
        has_environment=bool(environment),
        environment=environment,
        environment_variables=texts(read(job, "environment_variables")),
        bound=(text_of(read(job, "input_data")), text_of(read(task, "program_arguments"))),
        **common(job),
    )


def _spark(job: Any, folder: Path) -> JobSettings:
    entry = read(job, "entry")
    program = text_of(read(entry, "file")) or text_of(read(entry, "entry"))
    if entry is not None and not program.strip():
        raise InvalidRequest("entry names no file", argument="job", hint="entry: {file: main.py}")
    _check_executors(job)
    return JobSettings(
        type=JobType.SPARK,
        command=f"{program} {text_of(read(job, 'args'))}".strip(),
        code_folders=local_folders(folder, read(job, "code")),
        included=included_of(job, folder),
        entry=program if program.endswith(".py") else "",
        has_environment=bool(read(job, "environment")),
        environment=read(job, "environment"),
        warnings=told_secrets("conf", texts(read(job, "conf"))),
        **{**common(job), "identity": _of_spark(job)},
    )


_EXECUTORS = (
    *("driver_cores", "executor_cores", "executor_instances"),
    *("dynamic_allocation_min_executors", "dynamic_allocation_max_executors"),
)


_COUNTED = ("spark.driver.cores", "spark.executor.cores", "spark.executor.instances")
"""What a file's `conf` says of them."""


def _check_executors(job: Any) -> None:
    """Numbers, which azure-ai-ml compares as they are; a file's reader makes some of what is in quotes."""
    for name in _EXECUTORS:
        count = read(job, name)
        if isinstance(count, str) and is_entity(job) and "${{" not in count:
            message = f"{name} is the text {shown(count)}"
            raise InvalidRequest(message, argument="job", hint=f"A whole number: {name}=2.")
    for name in _COUNTED:
        count = (read(job, "conf") or {}).get(name)
        if count is not None and "${{" not in str(count) and not re.fullmatch(r"\d+", str(count)):
            message = f"conf: {name} is {shown(count)}"
            raise InvalidRequest(message, argument="job", hint=f"A whole number: {name}: 2.")


def _of_spark(job: Any) -> Any:
    """Where a job says none, the SDK says the user's, or on a pool a managed one without an id."""
    identity = read(job, "identity")
    usual = "UserIdentity" if read(job, "compute") is None else "ManagedIdentity"
    named = any(read(identity, part) for part in ("client_id", "object_id", "resource_id"))
    return identity if named or type(identity).__name__ != f"{usual}Configuration" else None


def _tuning(job: Any, folder: Path) -> JobSettings:
    searches.check_data({name: read(job, name, "path") for name in searches.TUNING_DATA}, folder)
    if not is_entity(job):
        fields.check_tuned(read(job, "model_provider"), read(job, "model"))
    model = read(job, "model", "path")
    if searches.beside(model, folder) is not None:
        hint = "Register it, and name it so: azureml:name:version, or azureml://registries/…."
        raise InvalidRequest(f"model: {model} is local, and nobody uploads it", argument="job", hint=hint)
    found = JobSettings(type=JobType.FINE_TUNING, **common(job))
    return attrs.evolve(found, instance_type=read(job, "resources", "instance_types") or None)


_READERS: dict[JobType, Callable[[Any, Path], JobSettings]] = {
    JobType.COMMAND: _command,
    JobType.SWEEP: _sweep,
    JobType.AUTOML: _automl,
    JobType.PARALLEL: _parallel,
    JobType.SPARK: _spark,
    JobType.FINE_TUNING: _tuning,
}


def common(job: Any) -> dict[str, Any]:
    """The settings that all types have in the same place."""
    compute = read(job, "compute")
    fields.check_queue(read(job, "queue_settings", "priority"))
    fields.check_memory(read(job, "resources", "shm_size"))
    return {
        "name": read(job, "name"),
        "compute": named_compute(compute),
        "instance_type": read(job, "resources", "instance_type"),
        "instance_count": read(job, "resources", "instance_count"),
        "shm_size": read(job, "resources", "shm_size"),
        "tier": read(job, "queue_settings", "job_tier"),
        "identity": read(job, "identity"),
        "experiment_name": read(job, "experiment_name"),
        "tags": texts(read(job, "tags")),
        "inputs": frozenset(map(str, read(job, "inputs") or ())),
        "outputs": frozenset(map(str, read(job, "outputs") or ())),
        "datastores": datastores_in(
            value for part in ("inputs", "outputs") for value in dict(read(job, part) or {}).values()
        ),
    }
