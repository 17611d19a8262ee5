"""The job that killed itself and its second attempt: what outlives a kill, and what a job sees. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from amlrun._ending import Ending
from amlrun._memory import GROUP
from amlrun._names import CHECKPOINTS, GROUP_VARIABLE
from amlrun._states import COMPLETED, FAILED
from amlrun._tables import listed
from amlrun._verify.experiments import CANCEL, CHECKPOINT, SECOND, STUDIO, TIME_OUT
from amlrun._verify.findings import Question, Row, Said, answered, as_assumed, either, unseen
from amlrun._verify.observed import OK, at
from amlrun._verify.programs import MARK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amlrun._verify.observed import Seen, World

IN_JOB = (
    "AZUREML_RUN_ID",
    "AZUREML_ARM_SUBSCRIPTION",
    "AZUREML_ARM_RESOURCEGROUP",
    "AZUREML_ARM_WORKSPACE_NAME",
)
"""What amlrun takes a process for a job by, and finds its workspace by."""


def _survives(world: World) -> Said:
    second = world.job(SECOND)
    found = second.said.get("found")
    if found is None:
        return unseen(f"no second attempt told what it found: {second.why_not}")
    return either(
        found,
        "a file that was written, closed, and followed by a kill was there for the second attempt"
        if found
        else "the second attempt did not find the file that the first one had written and closed",
    )


def _names(world: World) -> Said:
    told = [seen for seen in world.jobs.values() if seen.said.get("names")]
    if not told:
        return unseen("no job told the names of its variables")
    everywhere = set.intersection(*(set(seen.said["names"]) for seen in told))
    missing = [name for name in IN_JOB if name not in everywhere]
    if missing:
        return either(False, f"{listed(missing)} isn't set in each of {len(told)} jobs")
    own = sorted(
        name for name in everywhere if name.startswith(("AZUREML_", "AZURE_", "AMLRUN_", "MSI_", "OBO_"))
    )
    return as_assumed(f"{len(everywhere)} names in each of {len(told)} jobs, among them {', '.join(own)}")


def _killed(first: Seen) -> bool:
    """Whether its program came as far as that: it says what it has found just before."""
    return first.over and "found" in first.said


def _kill(world: World) -> Said:
    first = world.job(CHECKPOINT)
    if not _killed(first):
        return unseen(first.why_not)
    return either(
        first.ending == Ending.USER_ERROR,
        f"the kill of its own shell is called {first.ending}: {first.why_not}",
    )


def _words(world: World) -> Said:
    first = world.job(CHECKPOINT)
    message = at(first.run, "error", "error", "message")
    if not _killed(first) or not message:
        return unseen(first.why_not)
    return either(_EXIT.match(message) is not None, f"of a shell that was killed is said: {message}")


_EXIT = re.compile(
    r"Execution failed\. User process '/bin/bash' exited with status code -?\d+\. Please check"
)


def _properties(world: World) -> Said:
    first = world.job(CHECKPOINT)
    if not first.job:
        return unseen(first.why_not)
    there: Mapping[str, str] = first.shows("properties") or {}
    if there.get(GROUP) == first.name:
        return as_assumed("the job's GET gives amlrun's properties as they were sent")
    return either(False, f"the job's GET gives {GROUP} as something else than was sent")


def _body(world: World) -> Said:
    first = world.job(CHECKPOINT)
    if not first.job:
        return unseen(first.why_not)
    there: Mapping[str, bool] = {
        "variables": first.shows("environmentVariables", GROUP_VARIABLE) == first.name,
        "command": MARK in str(first.shows("command")),
        "outputs": first.name in str(first.shows("outputs", CHECKPOINTS, "uri")),
    }
    changed = [name for name, same in there.items() if not same]
    if changed:
        return either(False, f"the job's GET gives {listed(changed)} otherwise than they were sent")
    return as_assumed(f"the job's GET gives {listed(there)} as they were sent")


def _logs(world: World) -> Said:
    read = [seen for seen in world.jobs.values() if seen.said]
    names = sorted({name for seen in world.jobs.values() for name in seen.logs})
    if not names:
        return unseen("no job has a log")
    told = [world.job(name) for name in (SECOND, CANCEL, STUDIO, TIME_OUT)]
    if not read and not any(seen.ran and seen.status != FAILED for seen in told):
        return unseen("no job came as far as its program")
    if not read:
        return either(False, f"nothing that a job printed was found in {', '.join(names)}")
    found = all("user_logs/std_log.txt" in seen.logs for seen in read)
    return either(found, f"what jobs print was read without a token; their logs are {', '.join(names)}")


def _start(world: World) -> Said:
    """Looks are seconds apart, so the first sight of Running is late by those, and never early."""
    runs = [(seen.started, seen.first("Running")) for seen in world.jobs.values()]
    late = [first - started for started, first in runs if started is not None and first is not None]
    if not late:
        return unseen("no job was seen to begin to run")
    most, least = max(late), min(late)
    words = f"run history's start is {least:.0f} to {most:.0f} s before the first sight of Running"
    fits = least >= -_CLOCKS and most <= _BETWEEN_LOOKS
    if not fits and most - least <= _BETWEEN_LOOKS:
        return unseen(f"{words}, always the same: this machine's clock may be another than the service's")
    return either(fits, words)


_CLOCKS = 10.0
"""Seconds by which two clocks may differ."""
_BETWEEN_LOOKS = 30.0
"""Seconds between two looks, at most, with what a slow reply takes."""


def _again(world: World) -> Said:
    second = world.job(SECOND)
    answer = second.answers.get("put-completed")
    if second.status != COMPLETED or answer is None:
        return unseen(second.why_not)
    words = f"the PUT of a job that had completed answered {answer.words}"
    return answered(answer, fits=answer.status == OK, words=words)


QUESTIONS = (
    Question(
        "checkpoint",
        "Does a checkpoint outlive a kill, and does a second attempt find it?",
        _survives,
        (
            Row("amlrun/_jobs/command.py", "Two attempts that mount the same datastore path"),
            Row("amlrun/_checkpoints.py", "A file that was flushed and closed on a job's mount"),
        ),
    ),
    Question("kill", "Is a job whose shell is killed told as the fault of its own code?", _kill),
    Question(
        "words",
        "What is said of a command that ends with a status?",
        _words,
        (Row("amlrun/testing/_jobs/job.py", "The words for a script that exits with a status"),),
    ),
    Question("names", "Which environment variables does a job have?", _names),
    Question(
        "properties",
        "Do properties come back as they were written?",
        _properties,
        (Row("amlrun/_memory.py", "A job's properties come back as they were written"),),
    ),
    Question(
        "body",
        "Does a job's GET give what was sent: variables, command, places of outputs?",
        _body,
        (Row("amlrun/_withheld.py", "A job's GET gives what stood in its body as it was sent"),),
    ),
    Question(
        "logs",
        "What are the logs of a job called, and can they be read by their URLs alone?",
        _logs,
        (
            Row("amlrun/_logs.py", "The names of logs"),
            Row("amlrun/_history.py", "The URLs of the `logFiles` of a run's details are signed"),
        ),
    ),
    Question(
        "start",
        "Is run history's start that of Running?",
        _start,
        (Row("amlrun/_look.py", "Run history's `startTimeUtc` is the start of Running"),),
    ),
    Question("put-completed", "What does a PUT of a job answer that has completed?", _again),
)
