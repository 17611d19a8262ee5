"""Making a cluster that a plan needs: once, however many ask for it, and told in full where it can't be."""

from __future__ import annotations

import json
import logging
import threading
from typing import TYPE_CHECKING

from amlrun._errors import ComputeUnsuitable, NotAuthorized, ServiceError, SubmissionFailed
from amlrun._placement.clusters import in_region_of, quota_of
from amlrun._placement.creations import check_alike
from amlrun._placement.fit import fit
from amlrun._placement.refusal import quota_error
from amlrun._plan import Starts
from amlrun._readings.workspace_replies import compute_from
from amlrun._rest import API_VERSION

if TYPE_CHECKING:
    from amlrun._cluster import Cluster
    from amlrun._errors import AmlrunError
    from amlrun._offers import Compute
    from amlrun._workspace import Workspace

_log = logging.getLogger("amlrun")
_POLL = 5.0
_LONGEST = 900.0
"""Seconds. Nodes come later, for the job: what is waited for is the cluster itself."""
# Assumed: a cluster in these states takes jobs, as it is documented of the first.
_USABLE = frozenset({"succeeded", "updating"})
_OVER = frozenset({"failed", "canceled", "deleting"})
_NOT_FOUND, _CONFLICT = 404, 409
_LOCKS: dict[str, threading.RLock] = {}
"""One for each cluster that was made from here: threads that need it don't all make it."""
_BEYOND_QUOTA = "ClusterMinNodesExceedCoreQuota"


def make(workspace: Workspace, cluster: Cluster) -> None:
    """Make the cluster where it isn't there, and wait until it can be used.

    Whoever comes second finds the first one's. Raises `NotAuthorized` with what whoever has the right would
    send, `NoQuota` or `NotEnoughQuota` where its minimum of nodes can't be had, `ComputeUnsuitable` where it
    failed or is there with other settings, `SubmissionFailed` where the service refuses it.
    """
    with _LOCKS.setdefault(path_of(workspace, cluster).lower(), threading.RLock()):
        there = _find(workspace, cluster) or _put(workspace, cluster)
    workspace.lookups.outdate()
    deadline = workspace.clock.now() + _LONGEST
    while not _usable(workspace, cluster, there):
        if workspace.clock.now() >= deadline:
            message = f"The cluster {cluster.name} is still {there.state}, {_LONGEST / 60:.0f} minutes later"
            raise SubmissionFailed(message, hint="Submit again when it is there: it goes on being made.")
        workspace.clock.sleep(_POLL)
        found = _find(workspace, cluster)
        if found is None:
            message = f"The cluster {cluster.name} was deleted while it was being made"
            raise SubmissionFailed(message, hint="Submit again, or leave compute out.")
        there = found


def path_of(workspace: Workspace, cluster: Cluster) -> str:
    """The cluster's ARM id, which is the scope of what may not be done to it."""
    return f"{workspace.scope.path}/computes/{cluster.name}"


def _find(workspace: Workspace, cluster: Cluster) -> Compute | None:
    try:
        return compute_from(workspace.rest.get(path_of(workspace, cluster)))
    except ServiceError as error:
        if error.status == _NOT_FOUND:
            return None
        raise


def _put(workspace: Workspace, cluster: Cluster) -> Compute:
    body = cluster.body(workspace.lookups.workspace().location)
    _log.info("cluster %s: being made", cluster)
    try:
        return compute_from(workspace.rest.send("PUT", path_of(workspace, cluster), body=body).body or {})
    except NotAuthorized as refused:
        raise _no_right(workspace, cluster, refused) from refused
    except ServiceError as error:
        # Assumed: a cluster that somebody else makes right now answers 409. A passing fault may have taken
        # the request, and lost the reply.
        waits = error.passing or error.status == _CONFLICT
        there = _find(workspace, cluster) if waits else None
        if there is not None:
            return there
        raise SubmissionFailed(
            f"The service refuses to make the cluster {cluster.name}: {error.message}",
            hint=error.hint,
            status=error.status,
            service_code=error.service_code,
        ) from error


def _usable(workspace: Workspace, cluster: Cluster, there: Compute) -> bool:
    if there.state.lower() in _OVER:
        raise _failed(workspace, cluster, there)
    if there.state.lower() not in _USABLE:
        return False
    check_alike(cluster, there)
    return True


def _no_right(workspace: Workspace, cluster: Cluster, refused: NotAuthorized) -> NotAuthorized:
    scope, location = workspace.scope, workspace.lookups.workspace().location
    options = (
        f"--subscription {scope.subscription_id} --resource-group {scope.resource_group}"
        f" --workspace-name {scope.workspace}"
    )
    body = json.dumps(cluster.body(location), indent=2)
    path = path_of(workspace, cluster)
    # Or it may make clusters, and not give this one what it is to have: an identity, a place in a network.
    linked = bool(refused.action) and not refused.action.lower().endswith("/computes/write")
    role = "The role AzureML Compute Operator may, AzureML Data Scientist may not."
    return NotAuthorized(
        f"This account may not make the cluster {cluster.name}: {refused.message}\n"
        f"Whoever may, can make it so:\n  {cluster.command_line(location, options)}\n"
        f"or with PUT {path}?api-version={API_VERSION} and this body:\n{body}",
        hint=f"{refused.hint if linked else role}\nWithout compute=… the job goes to serverless.",
        action=refused.action,
        role=refused.role,
        scope=refused.scope if linked else path,
        service_code=refused.service_code,
    )


def _failed(workspace: Workspace, cluster: Cluster, there: Compute) -> AmlrunError:
    told = "; ".join(f"{problem.code}: {problem.message}" for problem in there.problems)
    remove = f"Remove what is left of it: az ml compute delete --name {cluster.name}."
    if any(problem.code == _BEYOND_QUOTA for problem in there.problems):
        error = _beyond_quota(workspace, cluster, there, remove)
        if error is not None:
            return error
    message = f"The cluster {cluster.name} is {there.state}{f': {told}' if told else ''}"
    return ComputeUnsuitable(message, hint=remove, name=cluster.name)


def _beyond_quota(workspace: Workspace, cluster: Cluster, there: Compute, remove: str) -> AmlrunError | None:
    """The figures of its minimum of nodes, where they can be read and say the same."""
    # As it was read: what is on its way from here, this job among it, is not what the service has counted.
    market = workspace.lookups.look(fresh=True).readings.market()
    size = market.size(cluster.size or "")
    fits = None if size is None else fit(size, cluster.min, cluster.tier, quota_of(there, market))
    if size is None or fits is None or fits.starts not in {None, Starts.QUEUED}:
        return None
    hints = [f"Cluster({cluster.name!r}, min=0, …) needs no node to be made. {remove}"]
    return quota_error(size, cluster.tier, fits, in_region_of(there, market), hints=hints)
