"""As whom a job acts, and whether it can open the datastores that its inputs and outputs are in.

What a datastore holds itself opens it; one that holds nothing is opened by whoever the job acts as.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from amlrun.testing._access.grants import container_id, may
from amlrun.testing._assets import datastores
from amlrun.testing._jobs.job import End
from amlrun.testing._supply import msi
from amlrun.testing._supply.identities import WORKSPACE_PRINCIPAL
from amlrun.testing._supply.workspaces import read_workspace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from amlrun.testing._jobs.job import Job
    from amlrun.testing._state.store import Records
    from amlrun.testing._wire.backend import Backend

_BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
_NEEDS = {
    "inputs": (f"{_BLOBS}/read", "ScriptExecution.StreamAccess.Authentication", "Storage Blob Data Reader"),
    "outputs": (
        f"{_BLOBS}/write",
        "ScriptExecution.WriteStreams.Authentication",
        "Storage Blob Data Contributor",
    ),
}
"""For each part of a job: the right, the code that is reported where it is missing, a role that has it."""
_IN_DATASTORE = re.compile(r"azureml:.*?/?datastores/([^/]+)/.*")


def identities_of(backend: Backend, records: Records, job: Job) -> tuple[msi.Identity, ...]:
    """The managed identities that a job may use, its default one first."""
    own, theirs = _shown(backend, records, job)
    return msi.identities_of(job, own, theirs)


def unopened(backend: Backend, records: Records, job: Job) -> End | None:
    """How a job ends that can't open its data; None: it can."""
    for part, name, store in _stores(backend, records, job):
        action, code, role = _NEEDS[part]
        shown = store["properties"]
        container = shown.get("containerName") or shown.get("filesystem") or ""
        place = container_id(backend.scope, shown.get("accountName") or backend.account, container)
        who = _acting(backend, records, job)
        if who is None or not may(records, who, action, place):
            # Assumed: the words; the codes and what they advise are reported.
            message = (
                f"Authentication failed for {part[:-1]} {name}: datastore {store['name']} has no credentials."
                f" Please make sure the compute or login identity has '{role}' role in the storage IAM."
            )
            return End("Failed", "UserError", message, inner=code)
    return None


def _stores(backend: Backend, records: Records, job: Job) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """The datastores without credentials that it names, or that its outputs go to by default."""
    for part in _NEEDS:
        for name, value in (job.sent.get(part) or {}).items():
            uri = str((value or {}).get("uri") or "")
            match = _IN_DATASTORE.fullmatch(uri)
            named = match[1] if match else datastores.DEFAULT if part == "outputs" and not uri else ""
            store = datastores.find(records, backend.scope, backend.account, named) if named else None
            if store is not None and store["secrets"] is None:
                yield part, name, store


def _acting(backend: Backend, records: Records, job: Job) -> str | None:
    """The object id of whoever opens its data; None: nobody does."""
    if (user := msi.on_behalf(job)) is not None:
        return user[0]
    own, theirs = _shown(backend, records, job)
    # Assumed: the one that it names, and of several that it doesn't name the first one. Documented: a
    # compute's own by default, of a cluster the first.
    found = msi.identities_of(job, own, theirs) or msi.listed(own)
    return found[0].principal_id if found else None


def _shown(
    backend: Backend, records: Records, job: Job
) -> tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]:
    """The identities of its compute and of the workspace, as the service shows them."""
    workspace = read_workspace(records, 0.0)
    compute = backend.engine.places.supply.compute(records, job.demand.compute or "")
    own = None
    if compute is not None:
        own = workspace.shown_identity(compute.body.get("identity"), f"{compute.name}#principal")
    return own, workspace.shown_identity(workspace.identity, WORKSPACE_PRINCIPAL)
