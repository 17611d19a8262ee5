"""Routes of the managed identity's endpoint: where a job's code gets its tokens."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from amlrun.testing._access import acting
from amlrun.testing._api.exchange import Reply, Request
from amlrun.testing._routes.table import Routes
from amlrun.testing._supply import msi
from amlrun.testing._supply.apps import lifetime_of
from amlrun.testing._supply.computes import KUBERNETES
from amlrun.testing._supply.tokens import token

if TYPE_CHECKING:
    from amlrun.testing._jobs.job import Job
    from amlrun.testing._wire.backend import Backend

IDENTITY = Routes("managed identity")
_OTHER_IDS = frozenset({"client_id", "object_id", "principal_id", "mi_res_id", "msi_res_id"})
"""As other endpoints name one: of this one, 2017-09-01, MSAL says that it takes `clientid`."""


@IDENTITY("GET", "/MSI/auth")
def token_of_identity(backend: Backend, request: Request) -> Reply:
    """A token of the job's managed identity, of the one that is named where there are several."""
    job = _job(backend, request.headers.get("secret", ""))
    if job is None:
        return _refusal(401, "The secret is of no job.")
    if _OTHER_IDS & {*request.query}:
        return _refusal(400, "Name a managed identity by its client id: clientid.")
    found = [each for each in identities_of(backend, job) if each.answers_to(request.query)]
    # Assumed: the answer. Documented: on Kubernetes code gives no client id.
    if not found or ("clientid" in request.query and _is_kubernetes(backend, job)):
        return _refusal(404, "No managed identity of that id is there for this job.")
    if len(found) > 1:
        return _refusal(400, "Several managed identities are there: name one by its client id.")
    return _token(backend, request, oid=found[0].principal_id, appid=found[0].client_id)


@IDENTITY("GET", "/OBO/{secret}")
def token_on_behalf(backend: Backend, request: Request) -> Reply:
    """A token of the user who submitted the job."""
    job = _job(backend, request.args["secret"])
    user = None if job is None else msi.on_behalf(job)
    if user is None:
        return _refusal(401, "The secret is of no job with its user's identity.")
    return _token(backend, request, oid=user[0], upn=user[1])


def identities_of(backend: Backend, job: Job) -> tuple[msi.Identity, ...]:
    """The managed identities that a job may use, its default one first."""
    with backend.work() as (records, _now):
        return acting.identities_of(backend, records, job)


def _is_kubernetes(backend: Backend, job: Job) -> bool:
    with backend.work() as (records, _now):
        compute = backend.engine.places.supply.compute(records, job.demand.compute or "")
    return compute is not None and compute.kind == KUBERNETES


def _job(backend: Backend, secret: str) -> Job | None:
    name = secret.rpartition(".")[0]
    if secret != msi.secret_of(name, backend.scope):
        return None
    with backend.work() as (records, _now):
        return backend.engine.job(records, name)


def _token(backend: Backend, request: Request, **claims: str) -> Reply:
    with backend.work() as (records, _now):
        lifetime = lifetime_of(records)
    # By the machine's clock: azure-identity looks at that one.
    expires = int(time.time()) + lifetime
    resource = request.query.get("resource", "")
    body: dict[str, Any] = {
        "access_token": token(resource, expires, **claims),
        "expires_on": str(expires),
        "resource": resource,
        "token_type": "Bearer",
    }
    return Reply(200, body)


def _refusal(status: int, message: str) -> Reply:
    # Assumed: statuses, shape and words; that a job with several identities must name one is reported.
    return Reply(status, {"error": {"code": "ManagedIdentityError", "message": message}})
