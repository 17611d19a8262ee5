"""The types of jobs, and which arguments each of them can take. Pure."""

from __future__ import annotations

import enum

import attrs

from amlrun._errors import InvalidRequest


class JobType(str, enum.Enum):
    """The service's words (`jobType` of a body). `PARALLEL` is only ever a step of a pipeline."""

    COMMAND = "Command"
    SWEEP = "Sweep"
    AUTOML = "AutoML"
    PARALLEL = "Parallel"
    PIPELINE = "Pipeline"
    SPARK = "Spark"
    FINE_TUNING = "FineTuning"

    __str__ = str.__str__


@attrs.frozen(kw_only=True)
class Traits:
    """What one type is called in job files and by the SDK, what it is in words, and what it can't take.

    `lacks`: the arguments of `submit` for which it has no field, each with the way out. `has_spot`: it can
    run on spot nodes. `has_parts`: it is made of jobs that end one by one, and another attempt would run
    all of them again.
    """

    word: str
    words: str
    lacks: dict[str, str] = attrs.field(factory=dict)
    has_spot: bool = True
    has_parts: bool = False

    @property
    def has_variables(self) -> bool:
        """Whether a program of the user's runs, that can be told something by environment variables."""
        return not {"code", "environment_variables"} & self.lacks.keys()


_TRIAL_ONLY = "Its trials run code of the service's own."
_DATA_SETTINGS = "Its data are settings of the job: training_data, validation_data, test_data."
_TUNES_ONLY = "It tunes with code of the service's own: its data and model are said in the job."
_BY_STEP = "Say it in the pipeline's steps: they are what runs."

TRAITS: dict[JobType, Traits] = {
    JobType.COMMAND: Traits(word="command", words="a command job"),
    JobType.SWEEP: Traits(word="sweep", words="a sweep", has_parts=True),
    JobType.AUTOML: Traits(
        word="automl",
        words="an AutoML job",
        lacks={"code": _TRIAL_ONLY, "inputs": _DATA_SETTINGS},
        has_parts=True,
    ),
    JobType.PARALLEL: Traits(word="parallel", words="a parallel job", has_spot=False),
    JobType.PIPELINE: Traits(
        word="pipeline",
        words="a pipeline",
        lacks=dict.fromkeys(("code", "environment", "environment_variables"), _BY_STEP),
        has_parts=True,
    ),
    JobType.SPARK: Traits(
        word="spark",
        words="a Spark job",
        lacks={
            "instance_count": "How many executors it has is said in the job: spark.executor.instances.",
            "environment_variables": "Spark's own settings do it, in the job's conf: spark.executorEnv.NAME, "
            "and spark.yarn.appMasterEnv.NAME for the driver.",
        },
        has_spot=False,
    ),
    JobType.FINE_TUNING: Traits(
        word="finetuning",
        words="a fine-tuning job",
        lacks={
            "instance_count": "The service decides how many nodes tune.",
            **dict.fromkeys(
                ("code", "environment", "environment_variables", "inputs", "outputs"), _TUNES_ONLY
            ),
        },
    ),
}
_BY_WORD = {traits.word: job_type for job_type, traits in TRAITS.items()}
_ELSEWHERE = {
    "data_transfer": "Plain azure-ai-ml has it as a step of a pipeline: MLClient.jobs.create_or_update(…).",
    "import": "Data is imported with MLClient.data.import_data(…).",
    "distillation": "It is sent by plain azure-ai-ml: MLClient.jobs.create_or_update(…).",
}
"""What is to be done with jobs that the service has, and amlrun hasn't."""
SUPPORTED = (
    "Supported: command, sweep, automl, pipeline (with steps of these types, parallel and spark), spark, "
    "finetuning."
)


def job_type(word: str) -> JobType:
    """The type that a job file or an entity names. Raises `InvalidRequest` for one that can't be sent."""
    found = _BY_WORD.get(word)
    if found is None:
        hint = "\n".join(filter(None, [_ELSEWHERE.get(word.lower()), SUPPORTED]))
        raise InvalidRequest(f"A job of type {word!r} is not supported", argument="job", hint=hint)
    if found is JobType.PARALLEL:
        message = "A parallel job runs only as a step of a pipeline: the service takes none by itself"
        raise InvalidRequest(message, argument="job", hint="Put it into a pipeline of one step.")
    return found


def step_type(word: str, told: str) -> JobType:
    """The type of a pipeline's step; `told` is the step in words. Raises `InvalidRequest`."""
    found = _BY_WORD.get(word)
    if found is None or found is JobType.FINE_TUNING:
        message = f"{told} is of type {word!r}, which is not supported"
        raise InvalidRequest(message, argument="job", hint=SUPPORTED)
    return found


def check_takes(job_type: JobType, said: dict[str, object]) -> None:
    """Raise `InvalidRequest` for an argument that was said and that this type has no field for."""
    traits = TRAITS[job_type]
    for argument, way_out in traits.lacks.items():
        if said.get(argument) is not None:
            message = f"{argument}: {traits.words} has no such field"
            raise InvalidRequest(message, argument=argument, hint=way_out)
    if not traits.has_spot and str(said.get("tier")).lower() == "spot":
        message = f"tier='spot': {traits.words} has no spot nodes"
        raise InvalidRequest(message, argument="tier", hint="Leave tier out: its nodes are dedicated.")
