"""Why a job ended: the matrix of evidence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amlrun._ending import ENDS, TOLD, Ending, Evidence, ending

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
        ("UserError/QuotaExceeded", "no room", Ending.QUOTA),
        ("ServiceError", "OutOfCapacity in the region", Ending.OUT_OF_CAPACITY),
        ("UserError/ImageBuildComputeNotValid", "set a build compute", Ending.ENVIRONMENT),
        ("UserError", "Failed to pull Docker image x. Admin user is off", Ending.ENVIRONMENT),
        ("UserError", "RequestDisallowedByPolicy", Ending.POLICY),
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


@given(
    st.builds(
        Evidence,
        status=st.sampled_from([*sorted(ENDS), "Running"]),
        spot=st.booleans(),
        error_code=st.text(),
        error_message=st.text(),
        warnings=st.lists(st.text()).map(tuple),
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


def test_the_mapping_to_words_is_total() -> None:
    """Each ending has words."""
    assert set(TOLD) == set(Ending)
