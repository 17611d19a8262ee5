"""Why a job ended: the matrix of evidence."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amlrun._ending import ADVICE, TOLD, Ending, Evidence, ending
from amlrun._states import ENDS

PREEMPTED = (
    "AzureMLCompute job failed. PreemptionError: Nodes of this job got pre-empted. "
    "Check if the run has failed or restarted. Reason: Received pre-emption warning signal"
)
WARNING = "Low priority compute preemption warning: a node has been preempted."


@pytest.mark.parametrize(
    ("code", "message", "expected"),
    [
        ("UserError", PREEMPTED, Ending.PREEMPTED),
        (
            "UserError",
            "Execution failed. User process 'python' exited with status code 1.",
            Ending.USER_ERROR,
        ),
        (
            "UserError",
            'exited with status code 1. File "preemption_guard.py": PreemptionError',
            Ending.USER_ERROR,
        ),
        ("UserError", "Execution failed. RateLimitError: QuotaExceeded OutOfCapacity", Ending.USER_ERROR),
        ("UserError", "JobNodeCountExceedsCoreQuota: fewer nodes", Ending.QUOTA),
        (
            "UserError",
            "AzureMLCompute job failed.\nJobFailed: Submitted script failed with a non-zero exit code",
            Ending.USER_ERROR,
        ),
        ("UserError", "User program failed with ModuleNotFoundError: No module named 'x'", Ending.USER_ERROR),
        (
            "ServiceError",
            "OrchestrateJobError: Docker container `x-execution-wrapper` failed with status code `1`",
            Ending.USER_ERROR,
        ),
        ("UserError", "No space left on device", Ending.USER_ERROR),
        ("UserError/QuotaExceeded", "no room", Ending.QUOTA),
        ("UserError/ClusterMinNodesExceedCoreQuota", "no room", Ending.QUOTA),
        ("ClusterCoreQuotaReached", "no room", Ending.QUOTA),
        ("QuotaExceeded/TooManyRequests", "Retry again after 20 seconds.", Ending.PLATFORM_FAULT),
        ("UserError", "UnsupportedVMSizeForLowPriority", Ending.OUT_OF_CAPACITY),
        ("UserError/VmSizeNotSupported", "not here", Ending.OUT_OF_CAPACITY),
        ("AllocationFailed", "", Ending.OUT_OF_CAPACITY),
        ("ServiceError", "OutOfCapacity in the region", Ending.OUT_OF_CAPACITY),
        ("UserError/ImageBuildComputeNotValid", "set a build compute", Ending.ENVIRONMENT),
        ("UserError", "Failed to pull Docker image x. Admin user is off", Ending.ENVIRONMENT),
        ("UserError/BadArgument", "Image build failed. For more details, check log file", Ending.ENVIRONMENT),
        ("UserError", "JobContainerConfigFailed: Container configuration failed", Ending.ENVIRONMENT),
        ("UserError", "RuntimeError: CUDA AllocationFailed", Ending.USER_ERROR),
        ("UserError", "AllocationFailed: the region has no nodes", Ending.OUT_OF_CAPACITY),
        ("UserError", "AzureMLCompute job failed. AllocationFailed", Ending.OUT_OF_CAPACITY),
        ("UserError/TooManyRequests", "", Ending.PLATFORM_FAULT),
        ("UserError", "HTTPError: TooManyRequests for url", Ending.USER_ERROR),
        ("UserError/UnAuthorizedRegistryAccess", "", Ending.ENVIRONMENT),
        ("UserError", "RequestDisallowedByPolicy", Ending.POLICY),
        ("TransientError", "Service invocation timed out", Ending.PLATFORM_FAULT),
        ("InternalServerError", "", Ending.PLATFORM_FAULT),
        ("ServiceError", "Received 503 from a service request", Ending.PLATFORM_FAULT),
        ("NodeLost", "the node went away", Ending.PLATFORM_FAULT),
        ("", "", Ending.UNKNOWN),
        ("Something", "that nobody has seen", Ending.UNKNOWN),
    ],
)
def test_a_failed_job_is_told_by_its_error(code: str, message: str, expected: Ending) -> None:
    """Code and message of run history's error decide why a failed job failed; what isn't known is unknown."""
    evidence = Evidence(status="Failed", error_code=code, error_message=message)
    assert ending(evidence) is expected


@pytest.mark.parametrize(
    "status", ["Queued", "Running", "NotResponding", "Paused", "CancelRequested", "Unknown"]
)
def test_only_three_states_are_ends(status: str) -> None:
    """NotResponding can come back, so it has no ending; nor has any other state but the three."""
    assert ending(Evidence(status=status)) is None


def test_a_job_that_completed_has_completed() -> None:
    """Whatever happened on the way."""
    evidence = Evidence(status="Completed", spot=True, warnings=(WARNING,), error_message=PREEMPTED)
    assert ending(evidence) is Ending.COMPLETED


@pytest.mark.parametrize("spot", [True, False])
@pytest.mark.parametrize("warned", [True, False])
@pytest.mark.parametrize("requested", [True, False])
@pytest.mark.parametrize("ours", [True, False])
@pytest.mark.parametrize("late", [True, False])
def test_a_canceled_job_is_preempted_only_when_nothing_speaks_for_a_person(
    *, spot: bool, warned: bool, requested: bool, ours: bool, late: bool
) -> None:
    """Our mark comes first, then the timeout, then a preemption that left a warning; else nobody knows."""
    evidence = Evidence(
        status="Canceled",
        spot=spot,
        warnings=(WARNING,) if warned else (),
        cancel_requested_seen=requested,
        canceled_by_us=ours,
        timeout=100.0,
        ran_for=98.0 if late else 97.0,
    )
    if ours:
        expected = Ending.CANCELED_BY_US
    elif late:
        expected = Ending.TIMED_OUT
    elif spot and warned and not requested:
        expected = Ending.PREEMPTED
    else:
        expected = Ending.CANCELED
    assert ending(evidence) is expected


def test_a_failed_attempt_of_a_canceled_run_keeps_its_own_reason() -> None:
    """The mark is on the run: it says nothing of an attempt that had failed before."""
    evidence = Evidence(status="Failed", error_code="UserError", error_message=PREEMPTED, canceled_by_us=True)
    assert ending(evidence) is Ending.PREEMPTED


@pytest.mark.parametrize(
    ("before", "missed", "expected"),
    [(0, False, Ending.PREEMPTED), (1, False, Ending.CANCELED), (0, True, Ending.CANCELED)],
)
def test_the_warning_of_a_restart_in_place_explains_no_later_cancel(
    *, before: int, missed: bool, expected: Ending
) -> None:
    """It was there while the job lived on: who cancels it then is a person, for all that is known."""
    evidence = Evidence(
        status="Canceled", spot=True, warnings=(WARNING,), warned_before=before, outlived=missed
    )
    assert ending(evidence) is expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("", Ending.PREEMPTED),
        ("ServiceError", Ending.PREEMPTED),
        ("UserError", Ending.USER_ERROR),
        ("QuotaExceeded", Ending.QUOTA),
    ],
)
def test_a_failure_without_a_better_reason_is_the_preemption_that_it_warns_of(
    code: str, expected: Ending
) -> None:
    """On spot nodes; what the service says by name comes first."""
    evidence = Evidence(status="Failed", spot=True, error_code=code, warnings=(WARNING,))
    assert ending(evidence) is expected
    assert ending(attrs.evolve(evidence, spot=False)) is not Ending.PREEMPTED


@pytest.mark.parametrize(
    ("ran", "ours", "expected"),
    [
        (None, False, Ending.QUEUED_TOO_LONG),
        (60.0, False, Ending.QUEUED_TOO_LONG),
        (60.5, False, Ending.CANCELED),
        (3600.0, False, Ending.CANCELED),
        (None, True, Ending.CANCELED_BY_US),
    ],
)
def test_a_wait_in_the_queue_that_was_ended_from_here(
    *, ran: float | None, ours: bool, expected: Ending
) -> None:
    """Only of what still waited, or had hardly begun; a cancel of the run comes first."""
    evidence = Evidence(status="Canceled", moved=True, ran_for=ran, canceled_by_us=ours)
    assert ending(evidence) is expected


@given(
    st.builds(
        Evidence,
        status=st.sampled_from([*sorted(ENDS), "Running"]),
        spot=st.booleans(),
        error_code=st.text(),
        error_message=st.text(),
        warnings=st.lists(st.text() | st.just(WARNING)).map(tuple),
        warned_before=st.integers(0, 3),
        outlived=st.booleans(),
        moved=st.booleans(),
        canceled_by_us=st.booleans(),
        cancel_requested_seen=st.booleans(),
        timeout=st.none() | st.floats(1, 1e6),
        ran_for=st.none() | st.floats(0, 1e6),
    )
)
def test_every_evidence_has_an_answer(evidence: Evidence) -> None:
    """An end always has an ending, a state that is none never has; each ending has words for a person."""
    found = ending(evidence)
    assert (found is None) == (evidence.status not in ENDS)
    assert found is None or TOLD[found]


def test_the_mappings_to_words_are_total() -> None:
    """Each ending has words, and what a person can do about it."""
    assert set(TOLD) == set(ADVICE) == set(Ending)


@pytest.mark.parametrize(
    ("warned", "without_queue", "expected"),
    [
        (True, 60.0, Ending.PREEMPTED),
        (True, 99.0, Ending.TIMED_OUT),
        (False, 60.0, Ending.TIMED_OUT),
    ],
)
def test_the_queue_of_a_restart_makes_no_time_out_of_a_preemption(
    *, warned: bool, without_queue: float, expected: Ending
) -> None:
    """What ran for less than its timeout and was taken away with a warning is not called timed out."""
    evidence = Evidence(
        status="Canceled",
        spot=True,
        warnings=(WARNING,) if warned else (),
        timeout=100.0,
        ran_for=120.0,
        ran_without_queue=without_queue,
    )
    assert ending(evidence) is expected
