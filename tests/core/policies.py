"""Policies of every kind, for tests of what they say."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from amlrun import Requeue

_seconds = st.floats(1, 86400)


def _policy(said: dict[str, Any], *, moves: bool) -> Requeue:
    """Only those that make sense together."""
    after = said["to_standard_after"]
    said["to_standard_after"] = min(after, said["preemptions"]) or None if after else None
    if not moves:
        said["max_queue_time"], said["when_queued"] = None, "wait"
    return Requeue(**said)


policies: st.SearchStrategy[Requeue] = st.builds(
    _policy,
    st.fixed_dictionaries(
        {
            "preemptions": st.integers(0, 12),
            "platform_faults": st.integers(0, 4),
            "capacity": st.integers(0, 4),
            "user_errors": st.integers(0, 2),
            "waits": st.lists(st.floats(0, 1000), min_size=1, max_size=4).map(tuple),
            "max_total_time": st.none() | _seconds,
            "max_cost": st.none() | st.floats(0.01, 100),
            "max_queue_time": _seconds,
            "when_queued": st.sampled_from(["wait", "other-size", "other-tier", "cancel"]),
            "to_standard_after": st.none() | st.integers(1, 12),
            "avoid_evicted_size": st.booleans(),
            "enforce_timeout": st.booleans(),
        }
    ),
    moves=st.booleans(),
)
