"""Quota that isn't there, sizes that nobody named, spot that may be none: what the service does. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlrun._states import BEFORE_RUNNING, FAILED
from amlrun._verify.experiments import CHECKPOINT, NO_QUOTA, SECOND, TIME_OUT, TOO_MANY
from amlrun._verify.findings import Question, Row, Said, answered, as_assumed, either, otherwise, unseen
from amlrun._verify.observed import at

if TYPE_CHECKING:
    from amlrun._verify.observed import World

USUAL = frozenset({"standard_ds3_v2"})
"""What the service is taken to choose where that has quota."""
_USUAL_VALUES = {
    ("identity", "identityType"): "AMLToken",
    ("resources", "instanceCount"): 1,
    ("resources", "shmSize"): "2g",
}
_OWN_PROPERTIES = frozenset(
    {"_azureml.ComputeTargetType", "_azureml.ClusterName", "ProcessInfoFile", "ProcessStatusFile"}
)
_PREEMPTIBLE = frozenset({"Spot", "Low"})
_QUOTA = "CoreQuota"


def _refused(world: World, name: str) -> Said:
    seen = world.job(name)
    put = seen.answers.get("put")
    if put is None:
        return unseen(seen.why_not)
    if not put.fine:
        return answered(put, fits=False, words=f"it is refused at its PUT: {put.words}")
    if seen.ran:
        return otherwise("it ran")
    if not seen.over or seen.overdue:
        state = next((one for _, one in reversed(seen.statuses) if one in BEFORE_RUNNING), "not begun")
        return otherwise(f"it is taken ({put.words}) and waits: it was {state} when it was canceled")
    code = str(at(seen.run, "error", "error", "code") or "")
    inner = str(at(seen.run, "error", "error", "innerError", "code") or "")
    words = f"it is taken ({put.words}), and {seen.why_not}"
    return either(seen.status == FAILED and _QUOTA in f"{code}{inner}", words)


def _no_quota(world: World) -> Said:
    return _refused(world, NO_QUOTA)


def _too_many(world: World) -> Said:
    return _refused(world, TOO_MANY)


def _size(world: World) -> Said:
    seen = world.job(TIME_OUT)
    shown = seen.shows("resources", "instanceType") or at(seen.run, "compute", "vmSize")
    of_node = at(seen.said, "node", "vmSize")
    found = shown or of_node
    if not found:
        return unseen(f"neither the job nor its node tells its size: {seen.why_not}")
    where = "the job reads back" if shown else "its node is"
    return either(str(found).lower() in USUAL, f"{where} {found}")


def _defaults(world: World) -> Said:
    seen = world.job(TIME_OUT)
    if not seen.job:
        return unseen(seen.why_not)
    found = {".".join(path): seen.shows(*path) for path in _USUAL_VALUES}
    words = ", ".join(f"{field} {value}" for field, value in found.items())
    return either(
        found == {".".join(path): value for path, value in _USUAL_VALUES.items()}, f"it reads back {words}"
    )


def _own_properties(world: World) -> Said:
    seen = world.job(TIME_OUT)
    if not seen.job:
        return unseen(seen.why_not)
    names = set(seen.shows("properties") or {})
    return either(names == _OWN_PROPERTIES, f"its properties are {', '.join(sorted(names)) or 'none'}")


def _spot(world: World) -> Said:
    if not world.spot:
        return unseen(world.left_out.get("spot", "this workspace has no quota for spot"))
    seen = world.job(CHECKPOINT)
    if not seen.job:
        return unseen(seen.why_not)
    tier = seen.shows("queueSettings", "jobTier")
    second = world.jobs.get(SECOND)
    told = [at(one.said, "node", "priority") for one in (seen, second) if one is not None]
    priority = next((one for one in told if one), None)
    if tier != "Spot":
        return otherwise(
            f"the job reads back jobTier {tier}" + (f", its node is {priority}" if priority else "")
        )
    if priority is None:
        return unseen("the job reads back jobTier Spot; what its node is, a job may not ask here")
    return either(priority in _PREEMPTIBLE, f"the job reads back jobTier Spot, and its node is {priority}")


def _standard(world: World) -> Said:
    """That no tier is the same as `Standard` shows in the job that named none."""
    seen = world.job(TIME_OUT)
    if not seen.job:
        return unseen(seen.why_not)
    tier = seen.shows("queueSettings", "jobTier")
    priority = at(seen.said, "node", "priority")
    if tier not in (None, "Null", "Standard"):
        return otherwise(f"a job that names no tier reads back {tier}")
    if priority in _PREEMPTIBLE:
        return otherwise(f"the node of a job that names no tier is {priority}")
    if tier is None and priority is None:
        return unseen("a job that names no tier reads back none, and a job may not ask what its node is")
    return as_assumed(
        f"a job that names no tier reads back {tier or 'none'}"
        + (f", its node is {priority}" if priority else "")
    )


QUESTIONS = (
    Question(
        "no-quota",
        "What does a job answer whose family has a limit of 0?",
        _no_quota,
        (Row("amlrun/testing/_supply/words.py", "The words of `JobNodeCountExceedsCoreQuota`"),),
    ),
    Question("too-many", "What does a job answer that has one node more than the limit holds?", _too_many),
    Question(
        "size",
        "Which size does the service choose where none is named?",
        _size,
        (Row("amlrun/testing/_supply/places.py", "Which size serverless takes when none is named"),),
    ),
    Question(
        "defaults",
        "What does a field read back as that nobody sent?",
        _defaults,
        (Row("amlrun/testing/_jobs/reply.py", "What a field that nobody sent reads back as"),),
    ),
    Question(
        "own-properties",
        "Which properties does the service write of its own?",
        _own_properties,
        (Row("amlrun/testing/_jobs/reply.py", "Which properties the service writes of its own"),),
    ),
    Question("spot", "Is spot spot?", _spot),
    Question(
        "standard",
        "Is no tier the same as Standard?",
        _standard,
        (Row("amlrun/_jobs/placing.py", "`queueSettings.jobTier: Standard` is the same as no tier"),),
    ),
)
