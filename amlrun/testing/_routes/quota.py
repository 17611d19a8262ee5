"""Routes of the subscription in a region: what may be used, what is, and which sizes there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlrun._catalogue import vm_sizes
from amlrun.testing._api.exchange import PROVIDER, Refusal, Reply, Request
from amlrun.testing._routes.table import Routes
from amlrun.testing._supply.regions import region_in
from amlrun.testing._supply.supply import counted
from amlrun.testing._supply.usages import quotas, updated_quotas, usages

if TYPE_CHECKING:
    from amlrun.testing._wire.backend import Backend

QUOTA = Routes("quota")


@QUOTA("GET", f"/providers/{PROVIDER}/locations/{{location}}/usages", gives="ListUsagesResult")
def get_usages(backend: Backend, request: Request) -> Reply:
    """What is used of every limit."""
    region = _region(backend, request)
    with backend.work() as (records, _now):
        ledger = backend.engine.places.ledger(records, region)
        computes = backend.engine.places.supply.computes(records)
    clusters = counted([compute for compute in computes if compute.region == region])
    return Reply(200, usages(ledger, backend.scope.subscription_id, clusters))


@QUOTA("GET", f"/providers/{PROVIDER}/locations/{{location}}/quotas", gives="ListWorkspaceQuotas")
def get_quotas(backend: Backend, request: Request) -> Reply:
    """The limits."""
    region = _region(backend, request)
    with backend.work() as (records, _now):
        ledger = backend.engine.places.ledger(records, region)
    return Reply(200, quotas(ledger, backend.scope))


@QUOTA(
    "POST",
    f"/providers/{PROVIDER}/locations/{{location}}/updateQuotas",
    takes="QuotaUpdateParameters",
    gives="UpdateWorkspaceQuotasResult",
)
def update_quotas(backend: Backend, request: Request) -> Reply:
    """The workspace's own limits, from now on."""
    region = _region(backend, request)
    places = backend.engine.places
    with backend.work() as (records, now):
        ledger, reply = updated_quotas(places.ledger(records, region), backend.scope, request.json)
        places.keep_ledger(records, ledger, region)
        places.supply.refresh(records, now)
        backend.engine.dispatch(records, now)
    return Reply(200, reply)


@QUOTA("GET", f"/providers/{PROVIDER}/locations/{{location}}/vmSizes", gives="VirtualMachineSizeListResult")
def get_sizes(backend: Backend, request: Request) -> Reply:
    """The region's sizes."""
    _region(backend, request)
    return Reply(200, {"value": list(vm_sizes())})


def _region(backend: Backend, request: Request) -> str:
    """The region that is asked about."""
    location = request.args["location"]
    try:
        return region_in(backend.scope, location)
    except ValueError as error:
        # Assumed: the words.
        message = f"No registered resource provider found for location '{location}'."
        raise Refusal(400, message, "NoRegisteredProviderFound") from error
