"""The nodes of a cluster, as far as they tell what became of a job.

https://learn.microsoft.com/rest/api/azureml/compute/list-nodes
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from amlrun._errors import AmlrunError
from amlrun._readings.json_values import items_in, object_in, text_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlrun._workspace import Workspace

_log = logging.getLogger("amlrun")


def was_preempted(workspace: Workspace, cluster: str, job: str) -> bool:
    """Whether a node of the cluster on which the job ran shows as preempted. False where nobody can tell."""
    try:
        # Assumed: a preempted node keeps the name of the job that it was taken from (`runId`).
        return any(
            str(node.get("nodeState")).lower() == "preempted" and str(node.get("runId")) == job
            for node in _nodes(workspace, cluster)
        )
    except AmlrunError as error:
        _log.info("%s: the nodes of %s can't be read: %s", job, cluster, error.message)
        return False


def _nodes(workspace: Workspace, cluster: str) -> Iterator[dict[str, Any]]:
    rest = workspace.rest.bounded()
    page = object_in(rest.send("POST", f"{workspace.scope.path}/computes/{cluster}/listNodes").body)
    yield from items_in(page.get("nodes"))
    read = {""}
    while (further := text_in(page.get("nextLink"))) not in read:  # or it would never end
        read.add(further)
        page = object_in(rest.send("POST", further, api_version="").body)
        yield from items_in(page.get("nodes"))
