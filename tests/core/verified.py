"""A verification as it was seen, for tests of what it concludes: as assumed, or otherwise in one thing."""

from __future__ import annotations

from typing import Any

import attrs

from amlrun._verify.experiments import (
    CANCEL,
    CHECKPOINT,
    NO_QUOTA,
    SECOND,
    STUDIO,
    TIME_OUT,
    TOO_MANY,
)
from amlrun._verify.findings import Finding, Outcome, findings
from amlrun._verify.observed import Answer, Seen, World
from amlrun._verify.of_rights import NOBODY
from amlrun._verify.questions import QUESTIONS

AS_ASSUMED, OTHERWISE, UNSEEN = Outcome.AS_ASSUMED, Outcome.OTHERWISE, Outcome.UNSEEN
NAMES = [
    "AZUREML_ARM_RESOURCEGROUP",
    "AZUREML_ARM_SUBSCRIPTION",
    "AZUREML_ARM_WORKSPACE_NAME",
    "AZUREML_RUN_ID",
    "PATH",
]
EXIT = (
    "Execution failed. User process '/bin/bash' exited with status code 137. "
    "Please check log file 'user_logs/std_log.txt' for error details."
)
OK, OVER = Answer(200), Answer(400, code="BadArgument/CancelPipelineRunInTerminalStatus")
FORBIDDEN = Answer(403, code="AuthorizationFailed")
LISTED = [{"name": "v-checkpoint"}, {"name": "v-checkpoint-a2"}]


def run(*, started: str | None = "09:01:30", ended: str | None = "09:02:30", **more: Any) -> dict[str, Any]:
    """A run of run history."""
    day = "2026-01-05T{}.0000000+00:00"
    return {
        "createdUtc": day.format("09:00:00"),
        "startTimeUtc": started and day.format(started),
        "endTimeUtc": ended and day.format(ended),
        "warnings": [],
        **more,
    }


def failed(code: str, message: str = "No.", **more: Any) -> dict[str, Any]:
    """One that failed."""
    return run(started=None, error={"error": {"code": code, "message": message, **more}})


def job(**properties: Any) -> dict[str, Any]:
    """A job as its GET gives it."""
    return {"properties": {"tags": {"amlrun-verify": "v"}, **properties}}


def seen(name: str, *statuses: str, **more: Any) -> Seen:
    """One job, and how it stood one after another: Running at half past nine, and one minute for each."""
    begin = 1767603690.0 - 60 * (statuses.index("Running") if "Running" in statuses else 0)
    moments = tuple((begin + 60 * at, status) for at, status in enumerate(statuses))
    return Seen(name=f"v-{name}", statuses=moments, **{"run": run(), **more})


TAGGED = job(tags={"amlrun-verify": "v", "amlrun-verify-patched": "true"})
WORLD = World(
    jobs={
        CHECKPOINT: seen(
            CHECKPOINT,
            "Queued",
            "Running",
            "Failed",
            ending="user-error",
            run=run(error={"error": {"code": "UserError", "message": EXIT}}),
            job=job(
                properties={"amlrun.group": "v-checkpoint"},
                environmentVariables={"AMLRUN_GROUP": "v-checkpoint"},
                command="echo amlrun-verify",
                outputs={"amlrun_checkpoints": {"uri": "azureml://…/v-checkpoint/"}},
                queueSettings={"jobTier": "Spot"},
            ),
            said={"names": NAMES, "node": {"vmSize": "Standard_D16a_v4", "priority": "Spot"}, "found": False},
            logs=("user_logs/std_log.txt",),
        ),
        SECOND: Seen(
            name="v-checkpoint-a2",
            statuses=((1767603690.0, "Completed"),),
            said={"names": NAMES, "found": True},
            logs=("user_logs/std_log.txt",),
            answers={"put-completed": OK},
        ),
        CANCEL: seen(
            CANCEL,
            "Running",
            "CancelRequested",
            "Canceled",
            ending="canceled-by-us",
            job=job(tags={"amlrun-verify": "v", "amlrun.cancel": "true"}),
            said={"names": [*NAMES, "OBO_ENDPOINT"], "blob": "written"},
            answers={"put-running": OK, "put-changed": Answer(200, job(properties={})), "cancel-over": OVER},
            logs=("user_logs/std_log.txt",),
        ),
        STUDIO: seen(
            STUDIO,
            "Running",
            "Canceled",
            ending="canceled",
            job=job(),
            said={"names": [*NAMES, "MSI_ENDPOINT"], "blob": "written"},
            logs=("user_logs/std_log.txt",),
        ),
        TIME_OUT: seen(
            TIME_OUT,
            "Queued",
            "Running",
            "Canceled",
            ending="timed-out",
            job=job(
                experimentName="Default",
                identity={"identityType": "AMLToken"},
                resources={"instanceCount": 1, "shmSize": "2g", "instanceType": None},
                properties={
                    "_azureml.ComputeTargetType": "",
                    "_azureml.ClusterName": "",
                    "ProcessInfoFile": "",
                    "ProcessStatusFile": "",
                },
            ),
            said={"names": NAMES, "node": {"vmSize": "Standard_DS3_v2", "priority": "Regular"}},
            logs=("user_logs/std_log.txt",),
            answers={
                "patch": OK,
                "after-patch": Answer(200, TAGGED),
                "delete": OK,
                "put-deleted": Answer(201),
            },
        ),
        NO_QUOTA: seen(
            NO_QUOTA, "Failed", run=failed("JobNodeCountExceedsCoreQuota"), answers={"put": Answer(201)}
        ),
        TOO_MANY: seen(
            TOO_MANY, "Failed", run=failed("JobNodeCountExceedsCoreQuota"), answers={"put": Answer(201)}
        ),
    },
    reads={
        **dict.fromkeys(("workspace", "computes", "jobs", "datastores"), OK),
        **dict.fromkeys(("usages", "vmSizes", "quotas"), FORBIDDEN),
    },
    lists={
        "page": Answer(200, {"value": [{}] * 100, "nextLink": "https://…"}),
        "next": OK,
        "property": Answer(200, {"value": LISTED}),
        "tag": Answer(200, {"value": LISTED}),
    },
    identity={SECOND: NOBODY, CANCEL: "with identity user", STUDIO: "with identity managed"},
    spot=True,
    credentials="AccountKey",
    may_write=True,
)


def but(name: str, **changes: Any) -> World:
    """That world, with one job otherwise."""
    return attrs.evolve(WORLD, jobs={**WORLD.jobs, name: attrs.evolve(WORLD.jobs[name], **changes)})


def without(*names: str) -> World:
    """That world, without these jobs."""
    return attrs.evolve(WORLD, jobs={name: one for name, one in WORLD.jobs.items() if name not in names})


def answering(name: str, **answers: Answer | None) -> World:
    """That world, with other answers about one job; None: it was not asked."""
    given = {key.replace("_", "-"): one for key, one in answers.items()}
    kept = {key: one for key, one in {**WORLD.jobs[name].answers, **given}.items() if one is not None}
    return but(name, answers=kept)


def reading(**lists: Answer | None) -> World:
    """That world, with other lists."""
    found = {**WORLD.lists, **lists}
    return attrs.evolve(WORLD, lists={name: one for name, one in found.items() if one is not None})


def keyless(blob: str = "written", *, may_write: bool | None) -> World:
    """That world, with a datastore that holds nothing: who has no identity writes nothing into it."""
    jobs = dict(WORLD.jobs)
    error = failed("UserError", innerError={"code": "ScriptExecution.WriteStreams.Authentication"})
    jobs[SECOND] = attrs.evolve(jobs[SECOND], run=error, said={})
    jobs[CANCEL] = attrs.evolve(jobs[CANCEL], said={"blob": blob})
    return attrs.evolve(WORLD, jobs=jobs, credentials="None", may_write=may_write)


def finding(name: str, world: World) -> Finding:
    """The answer to one question."""
    (question,) = [one for one in QUESTIONS if one.name == name]
    (found,) = findings(world, [question])
    return found
