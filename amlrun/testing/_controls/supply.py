"""The part of `FakeAml` that says what there is to be had: quota, capacity, computes, identities."""

from __future__ import annotations

import re
from typing import Any

import attrs

from amlrun._offers import Tier
from amlrun.testing._api.contract import violations
from amlrun.testing._controls.arguments import check_counts, did_you_mean, known_size
from amlrun.testing._controls.computes import ComputeControls
from amlrun.testing._supply import identities
from amlrun.testing._supply.computes import size_of
from amlrun.testing._supply.containers import TYPE, ContainerRegistry, keep_registry
from amlrun.testing._supply.ledger import TOTALS
from amlrun.testing._supply.regions import region_in
from amlrun.testing._supply.usages import row_name, spellings
from amlrun.testing._supply.workspaces import keep_workspace, read_workspace


class SupplyControls(ComputeControls):
    """What the workspace's jobs can be placed on."""

    # -- quota and capacity

    def quota(
        self,
        name: str,
        *,
        limit: int | None = None,
        used: int | None = None,
        spot_used: int | None = None,
        workspace_limit: int | None = None,
        location: str | None = None,
    ) -> None:
        """Set a limit, and how much of it others use, in vCPUs: from now on, for who waits too.

        `name` is a family in any of its spellings, `TotalDedicatedCores` or `TotalLowPriorityCores` (the one
        pool of spot). Families have no limit of their own for spot: `spot_used` is only counted. A workspace
        may have a limit of its own for a family's dedicated nodes (-1: none): it counts what it holds itself.
        `location` is another region, for clusters that are there; each has quota of its own.

        Raises ValueError for a name that is neither, for a total with what only a family has, for what is no
        whole number of vCPUs, for a region that isn't one, and where nothing is said.
        """
        check_counts(limit=limit, used=used, spot_used=spot_used)
        check_counts(-1, workspace_limit=workspace_limit)
        if limit is used is spot_used is workspace_limit is None:
            raise ValueError(f"Say what of {name}: limit=, used=, spot_used= or workspace_limit=, in vCPUs.")
        name, total = _known_row(name)
        region = region_in(self._backend.scope, location or self._backend.scope.location)
        if total is not None and (spot_used is not None or workspace_limit is not None):
            only = "workspace_limit" if spot_used is None else f"used={spot_used}, not spot_used"
            raise ValueError(f"{name} is one row, and no workspace's: only a family has more ({only}).")
        with self._backend.work() as (records, now):
            places = self._backend.engine.places
            ledger = places.ledger(records, region)
            ledger = ledger.with_row(name, total or Tier.STANDARD, limit=limit, others=used)
            if total is None:
                ledger = ledger.with_row(name, Tier.SPOT, limit=None, others=spot_used)
            if workspace_limit is not None:
                ledger = ledger.with_workspace_limit(name, workspace_limit)
            places.keep_ledger(records, ledger, region)
            self._stirred(records, now)
        self._backend.stir()

    def capacity(self, size: str, *, nodes: int | None, fails: bool = False) -> None:
        """How many nodes of a size the region has for this workspace in all; None: as many as quota allows.

        Quota is not capacity: jobs that find no node wait, and begin when some are given back or there is
        room again. With `fails` those that come to the queue meanwhile end with `OutOfCapacity`.

        Raises ValueError for a size that the catalogue doesn't have, and for no number of nodes.
        """
        check_counts(nodes=nodes)
        row = known_size(size)
        with self._backend.work() as (records, now):
            places = self._backend.engine.places
            ledger = places.ledger(records).with_capacity(row["name"], nodes, fails=fails)
            places.keep_ledger(records, ledger)
            self._stirred(records, now)
        self._backend.stir()

    # -- the workspace

    def identity(
        self,
        name: str,
        *,
        client_id: str | None = None,
        principal_id: str | None = None,
        attached: bool = True,
    ) -> str:
        """Make a user-assigned identity, and attach it to the workspace; returns its client id.

        `name` may be a whole ARM id. Not `attached`, it is only known: a compute can have it.
        """
        scope = self._backend.scope
        resource = identities.identity_id(scope.subscription_id, scope.resource_group, name)
        ids = identities.made_up(resource)
        ids["clientId"] = client_id or ids["clientId"]
        ids["principalId"] = principal_id or ids["principalId"]
        with self._backend.work() as (records, now):
            workspace = read_workspace(records, now).with_identity(resource, ids)
            if attached:
                both = identities.attached(workspace.identity, resource)
                workspace = attrs.evolve(workspace, identity=both)
            keep_workspace(records, workspace)
        return ids["clientId"]

    def container_registry(
        self, name: str = "images", *, admin_user: bool = True, public_access: bool = True
    ) -> str:
        """Make a container registry, and have the workspace keep its images in it; returns its ARM id.

        With its `admin_user` off no password pulls from it. Made again, it is changed.

        Raises ValueError for a name that isn't one.
        """
        if not re.fullmatch(r"[A-Za-z0-9]{5,50}", name):
            raise ValueError(
                f"{name!r} is no container registry's name: those are 5 to 50 letters and digits."
            )
        scope = self._backend.scope
        group = f"/subscriptions/{scope.subscription_id}/resourceGroups/{scope.resource_group}"
        made = ContainerRegistry(f"{group}/providers/{TYPE}/{name}", admin_user, public_access)
        with self._backend.work() as (records, now):
            keep_registry(records, made)
            properties = {"containerRegistry": made.path}
            keep_workspace(records, read_workspace(records, now).patched({"properties": properties}))
        return made.path

    def workspace_properties(self, **properties: Any) -> None:
        """Set properties of the workspace, as the service names them: `imageBuildCompute="cpu"`, ….

        Raises ValueError for what a workspace of the API doesn't have.
        """
        if found := violations(properties, "WorkspaceProperties"):
            raise ValueError(f"{'; '.join(found)}.")
        with self._backend.work() as (records, now):
            keep_workspace(records, read_workspace(records, now).patched({"properties": properties}))


def _known_row(name: str) -> tuple[str, Tier | None]:
    """As `row_name`. Raises ValueError with what may have been meant: a size's family, or a near name."""
    try:
        return row_name(name)
    except ValueError as error:
        if size := size_of(name):
            message = f"{name!r} is a size, of {row_name(size['family'])[0]}: quota is a family's."
            raise ValueError(message) from error
        near = did_you_mean(name, [*TOTALS.values(), *spellings().values()])
        raise ValueError(f"{error}{near}") from error
