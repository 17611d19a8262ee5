"""The part of `FakeAml` that says who may do what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from amlrun.testing._access import grants
from amlrun.testing._access.principals import CALLER, object_id_of, person
from amlrun.testing._supply.identities import TENANT

if TYPE_CHECKING:
    from amlrun.testing._wire.backend import Backend
    from amlrun.testing._wire.credential import FakeCredential


class RightsControls:
    """Who may do what."""

    _backend: Backend

    def user(self, name: str, *roles: str, tenant: str = TENANT) -> FakeCredential:
        """Another person, with these roles on the workspace (else with all rights); returns their credential.

        `client(credential=fake.user("ada"))` is their client. A `tenant` that isn't the workspace's is told
        so. Raises ValueError for a role that isn't known.
        """
        from amlrun.testing._wire.credential import FakeCredential  # noqa: PLC0415 - it needs azure-core

        one = person(name, tenant)
        titles = [grants.known_role(role) for role in roles]
        with self._backend.work() as (records, _now):
            records.put("person", name.lower(), attrs.asdict(one))
            if titles:
                given = grants.Grants(tuple((title, self._backend.scope.path) for title in titles))
                grants.keep_grants(records, one.object_id, given)
        return FakeCredential(who=one)

    def grant(self, role: str, *, to: str | None = None, on: str = "workspace") -> None:
        """Give somebody whose rights were taken away a role, or a single right, on something.

        `role` is a built-in role's name, or a right (`Microsoft.MachineLearningServices/workspaces/jobs/*`).
        `to` is a person, an identity (its name, client id or ARM id; `workspace` is the workspace's own), or
        an object id; by default whoever calls. `on` is `subscription`, `group`, `workspace`, `storage`,
        `storage/<container>`, `vault`, or an ARM id.

        Raises LookupError for somebody who isn't there, ValueError for a role or a thing that isn't one, and
        where somebody may do everything anyway: `revoke` first.
        """
        title, at = grants.known_role(role), self._on(on)
        with self._backend.work() as (records, _now):
            who = object_id_of(records, to)
            before = grants.grants_of(records, who)
            if before == grants.OPEN:
                call = "revoke()" if to is None else f"revoke(to={to!r})"
                raise ValueError(f"{to or CALLER.name} may do everything anyway: {call} first.")
            denied = tuple(one for one in before.denied if one.lower() != title.lower())
            roles = before.roles if denied != before.denied else (*before.roles, (title, at))
            grants.keep_grants(records, who, grants.Grants(roles, denied))

    def revoke(self, role: str | None = None, *, to: str | None = None) -> None:
        """Take a role or a single right from somebody; None: all that they have. Until then all may do all.

        Of a single right, whichever roles are left don't give it any more.

        Raises LookupError for somebody who isn't there or hasn't that role, ValueError for what is no role.
        """
        title = None if role is None else grants.known_role(role)
        with self._backend.work() as (records, _now):
            who = object_id_of(records, to)
            before = grants.grants_of(records, who)
            after = grants.Grants()
            if title is not None and "/" in title:
                after = attrs.evolve(before, denied=(*before.denied, title))
            elif title is not None:
                after = attrs.evolve(before, roles=tuple(one for one in before.roles if one[0] != title))
                if after == before:
                    raise LookupError(f"{to or CALLER.name} hasn't the role {title}.")
            grants.keep_grants(records, who, after)

    def as_data_scientist(self) -> None:
        """From now on the caller's one role is AzureML Data Scientist, on the workspace: 403 for the rest.

        It makes no computes, and reads neither quota nor sizes.
        """
        self.revoke()
        self.grant("AzureML Data Scientist")

    def _on(self, word: str) -> str:
        return grants.scope_id(self._backend.scope, word, self._backend.account)
