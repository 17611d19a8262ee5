"""Routes of the subscription in a region: what may be used, what is, and which sizes there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlrun._catalogue import vm_sizes
from amlrun.testing._api.exchange import PROVIDER, Refusal, Reply, Request, forbidden
from amlrun.testing._routes.table import Routes
from amlrun.testing._supply.supply import counted
from amlrun.testing._supply.usages import quotas, updated_quotas, usages

if TYPE_CHECKING:
    from amlrun.testing._wire.backend import Backend

QUOTA = Routes("quota")


@QUOTA("GET", f"/providers/{PROVIDER}/locations/{{location}}/usages", gives="ListUsagesResult")
def get_usages(backend: Backend, request: Request) -> Reply:
    """What is used of every limit."""
    _quota_right(backend, request, "locations/usages/read")
    with backend.work() as (records, _now):
        ledger = backend.engine.places.ledger(records)
        clusters = counted(backend.engine.places.supply.computes(records))
    return Reply(200, usages(ledger, backend.scope.subscription_id, clusters))


@QUOTA("GET", f"/providers/{PROVIDER}/locations/{{location}}/quotas", gives="ListWorkspaceQuotas")
def get_quotas(backend: Backend, request: Request) -> Reply:
    """The limits."""
    _quota_right(backend, request, "locations/quotas/read")
    with backend.work() as (records, _now):
        ledger = backend.engine.places.ledger(records)
    return Reply(200, quotas(ledger, backend.scope))


@QUOTA(
    "POST",
    f"/providers/{PROVIDER}/locations/{{location}}/updateQuotas",
    takes="QuotaUpdateParameters",
    gives="UpdateWorkspaceQuotasResult",
)
def update_quotas(backend: Backend, request: Request) -> Reply:
    """The workspace's own limits, from now on."""
    _quota_right(backend, request, "locations/updateQuotas/action")
    places = backend.engine.places
    with backend.work() as (records, now):
        ledger, reply = updated_quotas(places.ledger(records), backend.scope, request.json)
        places.keep_ledger(records, ledger)
        places.supply.refresh(records, now)
        backend.engine.dispatch(records, now)
    return Reply(200, reply)


@QUOTA("GET", f"/providers/{PROVIDER}/locations/{{location}}/vmSizes", gives="VirtualMachineSizeListResult")
def get_sizes(backend: Backend, request: Request) -> Reply:
    """The region's sizes."""
    _quota_right(backend, request, "locations/vmSizes/read")
    return Reply(200, {"value": list(vm_sizes())})


def _quota_right(backend: Backend, request: Request, action: str) -> None:
    location = request.args["location"]
    with backend.work() as (records, _now):
        may_not = records.get("meta", "reads no quota") is not None
    if may_not:
        raise forbidden(f"{PROVIDER}/{action}", request.path)
    if location.lower() != backend.scope.location.lower():
        # Assumed: the words. The fake has one region.
        message = f"No registered resource provider found for location '{location}'."
        raise Refusal(400, message, "NoRegisteredProviderFound")
