"""Launch code of a project, with a waiting loop of its own."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

ENDS = {"Completed", "Failed", "Canceled"}


def wait_for(client: MLClient, name: str, *, timeout: float, every: float = 30.0) -> str:
    """Look until the job is over; returns its status. Raises TimeoutError."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        found: Any = client.jobs.get(name).status
        status = str(getattr(found, "value", found))
        if status in ENDS:
            return status
        time.sleep(every)
    raise TimeoutError(name)
