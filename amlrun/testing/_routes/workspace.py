"""Routes of the workspace itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlrun.testing._access.grants import grants_of, may
from amlrun.testing._access.principals import asking
from amlrun.testing._api.exchange import PROVIDER, Reply, Request, not_found
from amlrun.testing._routes.table import Routes
from amlrun.testing._supply.workspaces import keep_workspace, read_workspace

if TYPE_CHECKING:
    from amlrun.testing._wire.backend import Backend

WORKSPACE = Routes("workspace")
WORKSPACES = Routes("workspaces")
_STABLE, _NEWER = "2024-04-01", frozenset({"systemDatastoresAuthMode"})
"""A version of the API, and what it doesn't have."""
_KEY = "ZmFrZS1hbWwgaGFzIG5vIHJlYWwga2V5cw=="  # what decodes to a sentence that says so


@WORKSPACE("GET", "", gives="Workspace")
def get_workspace(backend: Backend, request: Request) -> Reply:
    """The workspace, as far as the version of the API that is asked for knows it."""
    with backend.work() as (records, now):
        workspace = read_workspace(records, now)
    shown = workspace.shown(backend.scope, backend.account, backend.history_host)
    if request.query.get("api-version") == _STABLE:
        shown["properties"] = {name: one for name, one in shown["properties"].items() if name not in _NEWER}
    return Reply(200, shown)


@WORKSPACE("PATCH", "", takes="WorkspaceUpdateParameters", gives="Workspace")
def update_workspace(backend: Backend, request: Request) -> Reply:
    """Tags and identity as they come, properties merged."""
    with backend.work() as (records, now):
        workspace = read_workspace(records, now).patched(request.json)
        keep_workspace(records, workspace)
    return Reply(200, workspace.shown(backend.scope, backend.account, backend.history_host))


@WORKSPACE("GET", "/providers/Microsoft.Authorization/permissions")
def list_permissions(backend: Backend, request: Request) -> Reply:
    """What the caller's roles allow on the workspace, role by role."""
    # Assumed: roles that are given on what the workspace is in are among them.
    with backend.work() as (records, _now):
        found = [*grants_of(records, asking(request.headers).object_id).on(backend.scope.path)]
    rows = [
        {
            "actions": [*one.actions],
            "notActions": [*one.not_actions],
            "dataActions": [*one.data_actions],
            "notDataActions": [*one.not_data_actions],
        }
        for one in found
    ]
    return Reply(200, {"value": rows})


@WORKSPACE("POST", "/listKeys", gives="ListWorkspaceKeysResult")
def list_keys(backend: Backend, _request: Request) -> Reply:
    """Keys that open nothing."""
    group = f"/subscriptions/{backend.scope.subscription_id}/resourceGroups/{backend.scope.resource_group}"
    body = {
        "userStorageKey": _KEY,
        "userStorageArmId": f"{group}/providers/Microsoft.Storage/storageAccounts/{backend.account}",
        "appInsightsInstrumentationKey": "00000000-0000-0000-0000-000000000005",
        "notebookAccessKeys": {"primaryAccessKey": _KEY, "secondaryAccessKey": _KEY},
    }
    return Reply(200, body)


@WORKSPACE("POST", "/resyncKeys")
def resync_keys(_backend: Backend, _request: Request) -> Reply:
    """Done at once."""
    return Reply(200, {})


@WORKSPACES("GET", f"/providers/{PROVIDER}/workspaces", gives="WorkspaceListResult", free=True)
def list_all_workspaces(backend: Backend, request: Request) -> Reply:
    """Those of the subscription's workspaces that who asks may read: this one, or none."""
    with backend.work() as (records, _now):
        who = asking(request.headers).object_id
        theirs = may(records, who, f"{PROVIDER}/workspaces/read", backend.scope.path)
    return Reply(200, {"value": [get_workspace(backend, request).body] if theirs else []})


@WORKSPACES(
    "GET",
    f"/resourceGroups/{{group}}/providers/{PROVIDER}/workspaces",
    gives="WorkspaceListResult",
    free=True,
)
def list_workspaces(backend: Backend, request: Request) -> Reply:
    """The same of a group."""
    if request.args["group"].lower() != backend.scope.resource_group.lower():
        raise not_found("ResourceGroup", request.args["group"])
    return list_all_workspaces(backend, request)
