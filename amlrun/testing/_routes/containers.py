"""Routes of container registries, which are no part of Azure ML: those that the fake was told of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlrun.testing._api.exchange import Refusal, Reply, Request
from amlrun.testing._routes.table import Routes
from amlrun.testing._supply.containers import TYPE, read_registry

if TYPE_CHECKING:
    from amlrun.testing._wire.backend import Backend

CONTAINERS = Routes("container registries")


@CONTAINERS("GET", f"/resourceGroups/{{group}}/providers/{TYPE}/{{name}}")
def get_container_registry(backend: Backend, request: Request) -> Reply:
    """One of them: whether its admin user is on, and whether it takes public access."""
    with backend.work() as (records, _now):
        found = read_registry(records, request.path)
    if found is None:
        # Assumed: the words.
        message = f"The Resource '{TYPE}/{request.args['name']}' was not found."
        raise Refusal(404, message, "ResourceNotFound")
    return Reply(200, found.shown(backend.scope))
