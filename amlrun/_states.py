"""The states of a job, as the service calls them, and what each says. Pure.

https://learn.microsoft.com/azure/machine-learning/how-to-understand-job-states
"""

from __future__ import annotations

NOT_STARTED, RUNNING, COMPLETED, FAILED, CANCELED = (
    "NotStarted",
    "Running",
    "Completed",
    "Failed",
    "Canceled",
)
CANCEL_REQUESTED = "CancelRequested"
"""It is being canceled; whatever it has, it has until that is over."""
NOT_RESPONDING = "NotResponding"
"""Nobody hears from it. It can come back."""
ENDS = frozenset({COMPLETED, FAILED, CANCELED})
"""The only states that are ends."""
FIRST = frozenset({NOT_STARTED, "Scheduled", "Starting"})
"""Those in which nothing has been done for it."""
IN_QUEUE = frozenset({"Provisioning", "Queued"})
"""Those in which it waits for nodes. Its image is built before."""
BEFORE_RUNNING = FIRST | IN_QUEUE | {"Preparing"}
"""A job that ran and is in one of these again was restarted in place, under its name."""
