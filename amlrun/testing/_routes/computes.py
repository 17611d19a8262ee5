"""Routes of computes: what they are, how their nodes stand, and their long-running operations."""

from __future__ import annotations

import math
import uuid
from typing import TYPE_CHECKING, Any

from amlrun.testing._api.exchange import Reply, Request, bad_request, instant, not_found
from amlrun.testing._jobs.job import NODE_LOST
from amlrun.testing._routes.table import Routes
from amlrun.testing._supply.computes import INSTANCE, MANAGED, Compute, new_compute
from amlrun.testing._supply.regions import region_in
from amlrun.testing._supply.replies import compute_reply, nodes_reply
from amlrun.testing._supply.supply import WAIT
from amlrun.testing._supply.workspaces import read_workspace

if TYPE_CHECKING:
    from collections.abc import Iterable

    from amlrun.testing._state.store import Records
    from amlrun.testing._wire.backend import Backend

COMPUTES = Routes("computes")


@COMPUTES("GET", "/computes", gives="PaginatedComputeResourcesList")
def list_computes(backend: Backend, _request: Request) -> Reply:
    """All computes."""
    with backend.work() as (records, _now):
        found = [
            shown(backend, records, compute) for compute in backend.engine.places.supply.computes(records)
        ]
    return Reply(200, {"value": found})


@COMPUTES("GET", "/computes/{name}", gives="ComputeResource")
def get_compute(backend: Backend, request: Request) -> Reply:
    """One compute."""
    with backend.work() as (records, _now):
        return Reply(200, shown(backend, records, _find(backend, records, request)))


@COMPUTES("PUT", "/computes/{name}", named="computes", takes="ComputeResource", gives="ComputeResource")
def put_compute(backend: Backend, request: Request) -> Reply:
    """201: a new compute begins to be, or one that failed begins anew. 200: one that is there is changed."""
    supply, name = backend.engine.places.supply, request.args["name"]
    location = str(request.json.get("location") or backend.scope.location)
    # Assumed: the code and the words, for a region that isn't one, and for another than it has.
    try:
        region = region_in(backend.scope, location)
    except ValueError as error:
        raise bad_request(str(error), "LocationNotAvailable") from error
    kinds = str((request.json.get("identity") or {}).get("type") or "").lower()
    if "system" in kinds and "user" in kinds:
        # Documented of clusters and of Kubernetes. Assumed: the code and the words.
        raise bad_request(
            "A compute has a system-assigned identity or user-assigned ones.", "InvalidIdentity"
        )
    with backend.work() as (records, now):
        before = supply.compute(records, name)
        if before is None or before.state == "Failed":
            compute = supply.create(records, new_compute(name, request.json, now, region), now)
        elif before.region != region:
            raise bad_request(f"Compute {name} is there, and not in {location}.", "LocationNotAvailable")
        else:
            compute = supply.change(records, before, request.json, now)
            backend.engine.dispatch(records, now)
        headers = _operation(backend, records, compute, now)
        reply = shown(backend, records, compute)
    return Reply(201 if compute.state == "Creating" else 200, reply, headers)


@COMPUTES("PATCH", "/computes/{name}", takes="ClusterUpdateParameters", gives="ComputeResource")
def patch_compute(backend: Backend, request: Request) -> Reply:
    """A cluster's scale settings."""
    scale = ((request.json.get("properties") or {}).get("properties") or {}).get("scaleSettings") or {}
    with backend.work() as (records, now):
        before = _find(backend, records, request)
        if before.cluster is None:
            # Assumed: the code and the words.
            message = f"Only clusters can be updated so, and {before.name} is of type {before.kind}."
            raise bad_request(message, "ComputeTypeNotSupported")
        properties = {**before.properties, "scaleSettings": scale}
        body = {**before.body, "properties": {**before.body["properties"], "properties": properties}}
        compute = backend.engine.places.supply.change(records, before, body, now)
        backend.engine.dispatch(records, now)
        headers = _operation(backend, records, compute, now)
        return Reply(200, shown(backend, records, compute), headers)


@COMPUTES("DELETE", "/computes/{name}")
def delete_compute(backend: Backend, request: Request) -> Reply:
    """202: it begins to go, and so do its jobs. `Detach` is for what was attached."""
    action = request.query.get("underlyingResourceAction", "Delete")
    with backend.work() as (records, now):
        compute = _find(backend, records, request)
        if action.lower() == "detach" and compute.kind in MANAGED:
            # Assumed: the code and the words.
            raise bad_request(
                f"A compute of type {compute.kind} can't be detached.", "ComputeTypeNotSupported"
            )
        going = backend.engine.places.supply.delete(records, compute, now)
        _end_jobs(backend, records, [*compute.jobs, *_waiting(records, compute)], now)
        return Reply(202, {}, _operation(backend, records, going, now))


@COMPUTES("POST", "/computes/{name}/listNodes", gives="AmlComputeNodesInformation")
def list_nodes(backend: Backend, request: Request) -> Reply:
    """A cluster's nodes, and the jobs on them."""
    with backend.work() as (records, _now):
        return Reply(200, nodes_reply(_find(backend, records, request)))


@COMPUTES("POST", "/computes/{name}/start")
@COMPUTES("POST", "/computes/{name}/stop")
@COMPUTES("POST", "/computes/{name}/restart")
def power(backend: Backend, request: Request) -> Reply:
    """202: a compute instance begins to change. A job that runs on it has lost its node."""
    action = request.path.rstrip("/").rpartition("/")[2].lower()
    with backend.work() as (records, now):
        before = _instance(backend, records, request)
        compute = backend.engine.places.supply.power(records, before, action, now)
        _end_jobs(backend, records, before.jobs, now)
        return Reply(202, {}, _operation(backend, records, compute, now))


@COMPUTES("POST", "/computes/{name}/enableSso")
def enable_sso(backend: Backend, request: Request) -> Reply:
    """Whether a compute instance signs its user on."""
    with backend.work() as (records, now):
        compute = _instance(backend, records, request)
        properties = {**compute.properties, "enableSSO": bool(request.json.get("enableSSO"))}
        body = {**compute.body, "properties": {**compute.body["properties"], "properties": properties}}
        backend.engine.places.supply.change(records, compute, body, now)
    return Reply(200, {})


@COMPUTES("GET", "/computes/{name}/operationsStatus/{operation}")
def operation_status(backend: Backend, request: Request) -> Reply:
    """How a long-running operation stands: InProgress, Succeeded, or Failed with the compute's error."""
    operation, left, problem = _operation_of(backend, request)
    reply: dict[str, Any] = {
        "id": request.path,
        "name": request.args["operation"],
        "startTime": instant(operation["since"]),
        "status": "InProgress" if left > 0 else "Failed" if problem else "Succeeded",
    }
    if problem:
        reply["error"] = {"code": problem[0], "message": problem[1]}
    return Reply(200, reply, _retry(left))


@COMPUTES("GET", "/computes/{name}/operationResults/{operation}")
def operation_result(backend: Backend, request: Request) -> Reply:
    """202 until the operation is over, then 200."""
    _, left, _ = _operation_of(backend, request)
    return Reply(202 if left > 0 else 200, {}, _retry(left))


def _operation_of(backend: Backend, request: Request) -> tuple[dict[str, Any], float, tuple[str, str] | None]:
    """An operation, how many seconds it has yet to go, and why it failed."""
    with backend.work() as (records, now):
        kept = records.get("operation", request.args["operation"])
        if kept is None:
            raise not_found("Operation", request.args["operation"])
        compute = backend.engine.places.supply.compute(records, request.args["name"])
    mine = compute is not None and compute.created == kept["of"] and compute.state == "Failed"
    return kept, kept["until"] - now, compute.problem if compute is not None and mine else None


def shown(backend: Backend, records: Records, compute: Compute) -> dict[str, Any]:
    """A compute as its GET shows it."""
    return compute_reply(backend.scope, read_workspace(records, compute.created), compute)


def _find(backend: Backend, records: Records, request: Request) -> Compute:
    compute = backend.engine.places.supply.compute(records, request.args["name"])
    if compute is None:
        raise not_found("Compute", request.args["name"])
    return compute


def _instance(backend: Backend, records: Records, request: Request) -> Compute:
    compute = _find(backend, records, request)
    if compute.kind != INSTANCE or compute.state != "Succeeded":
        # Assumed: the code and the words.
        message = f"{compute.name} is a compute of type {compute.kind} in state {compute.state}."
        raise bad_request(message, "InvalidComputeState")
    return compute


def _end_jobs(backend: Backend, records: Records, names: Iterable[str], now: float) -> None:
    # Assumed: the jobs on a compute that goes end as jobs do that lose their nodes.
    backend.engine.lose(records, names, NODE_LOST, now)


def _waiting(records: Records, compute: Compute) -> list[str]:
    return [body["name"] for body in records.on_shelf("job", WAIT + compute.name.lower())]


def _operation(backend: Backend, records: Records, compute: Compute, now: float) -> dict[str, str]:
    """The headers of a long-running operation that lasts until the compute has come to rest."""
    due = compute.ready or (compute.machine and compute.machine.due) or now
    number = (records.get("meta", "operations") or {"made": 0})["made"] + 1
    records.put("meta", "operations", {"made": number})
    name = uuid.uuid5(uuid.NAMESPACE_URL, f"{compute.name} {now} {number}").hex
    records.put("operation", name, {"until": due, "since": now, "of": compute.created})
    # Assumed: the paths. That there are the two headers is in the contract.
    path = f"https://management.azure.com{backend.scope.path}/computes/{compute.name}"
    version = "api-version=2024-04-01"
    return {
        "Azure-AsyncOperation": f"{path}/operationsStatus/{name}?{version}",
        "Location": f"{path}/operationResults/{name}?{version}",
        **_retry(due - now),
    }


def _retry(seconds: float) -> dict[str, str]:
    return {"Retry-After": str(max(1, min(30, math.ceil(seconds))))}
