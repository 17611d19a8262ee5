"""The managed identity that a job asks for: which places have it, which one it is, how the job says it. Pure.

https://learn.microsoft.com/azure/machine-learning/how-to-identity-based-service-authentication
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

import attrs

from amlrun._identity import CLIENT_ID_VARIABLE, Identity, IdentityKind
from amlrun._job_types import TRAITS
from amlrun._offers import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from amlrun._identity import UserAssigned
    from amlrun._needs import Ask
    from amlrun._offers import Compute, Market, WorkspaceFacts

_BY_CLIENT_ID = frozenset({Kind.SERVERLESS, Kind.CLUSTER})
"""Where code must name the identity. Documented: on Kubernetes it must not."""
_UNSEEN = "can't be asked for the identity {}, whose ids can't be read"
_SAY_ONE = "Say which: identity='managed:<client id>'."


@attrs.frozen
class Miss:
    """Something that a place lacks for a job, and the way out where there is one in particular."""

    words: str
    hint: str = ""


@attrs.frozen
class Sent:
    """The identity as the job says it, and the client id that AZURE_CLIENT_ID says; None: it isn't set."""

    identity: Identity | None
    client_id: str | None = None


def managed(ask: Ask) -> Identity | None:
    """The managed identity that the job asks for; None: none, or another kind."""
    identity = ask.identity
    return identity if identity is not None and identity.kind is IdentityKind.MANAGED else None


def carries(identity: Identity, compute: Compute) -> bool:
    """Whether the compute itself has the identity; any, where none is named."""
    if not identity.told:
        return bool(compute.identities)
    return bool(_meant(identity, compute.user_assigned))


def may_carry(identity: Identity, compute: Compute) -> bool:
    """Whether it may be one of the compute's own: not all of their ids are known."""
    unknown = any(one.is_meant(identity) is None for one in compute.user_assigned)
    return unknown and not carries(identity, compute)


def attached(identity: Identity, workspace: WorkspaceFacts) -> bool:
    """Whether the workspace has the user-assigned identity, or may have it: not all ids are known."""
    if not identity.told:
        # Assumed: where the job names none, any of them will do.
        return "UserAssigned" in workspace.identities
    return any(one.is_meant(identity) is not False for one in workspace.user_assigned)


def serverless_lacks(ask: Ask, workspace: WorkspaceFacts | None) -> Miss | None:
    """Why serverless can't give the job its identity; None: it can, as far as is known."""
    identity = managed(ask)
    if identity is None:
        return None
    if workspace is None:
        return _unfound(identity, "the identity {} can't be looked up: the workspace can't be read")
    if attached(identity, workspace):
        return _ambiguous(identity, workspace.user_assigned)
    hint = (
        "Attach a user-assigned identity to the workspace, name a cluster that has an identity of its own"
        " (compute=…), or use identity='user'."
    )
    if not identity.told:
        has = " and ".join(sorted(workspace.identities)) or "no identity at all"
        words = f"a managed identity on serverless is the workspace's user-assigned one, and it has {has}"
        return Miss(words, hint)
    there = f"attached: {_listed(workspace.user_assigned)}" if workspace.user_assigned else "none is"
    words = f"the identity {identity.told} is not attached to the workspace ({there})"
    return Miss(words, f"{_meaning(identity, workspace.user_assigned)}{hint}")


def compute_lacks(ask: Ask, market: Market, compute: Compute) -> Miss | None:
    """The same of a compute: a managed identity is its own, or one that the workspace has too."""
    identity, workspace = managed(ask), market.workspace
    if identity is None:
        return None
    if carries(identity, compute) or may_carry(identity, compute):
        return _ambiguous(identity, compute.user_assigned)
    if workspace is None or (compute.kind is Kind.SPARK and not identity.name):
        # A managed identity is what a pool has by default, and nobody tells which.
        return _unfound(identity, _UNSEEN)
    if attached(identity, workspace):
        return _ambiguous(identity, workspace.user_assigned)
    which = f"no identity {identity.told}" if identity.told else "no managed identity"
    there = [
        f"{whose}: {_listed(users)}."
        for whose, users in (("Its own", compute.user_assigned), ("The workspace's", workspace.user_assigned))
        if users
    ]
    way_out = (
        "Give the cluster an identity (az ml compute update --identity-type …, or identity=… of a Cluster"
        " that is to be made), or use identity='user'."
    )
    words = f"has {which}, and neither has the workspace{'' if identity.told else ' a user-assigned one'}"
    near = _meaning(identity, (*compute.user_assigned, *workspace.user_assigned))
    return Miss(words, near + " ".join([*there, way_out]))


def unread_lacks(ask: Ask, market: Market) -> Miss | None:
    """The same of a compute that can't be read: a name can't be looked up there."""
    identity, workspace = managed(ask), market.workspace
    if identity is None or (workspace is not None and attached(identity, workspace)):
        return None
    return _unfound(identity, _UNSEEN)


def doubts_on_serverless(ask: Ask, workspace: WorkspaceFacts) -> Iterator[Miss]:
    """What may go wrong with the identity there, although the job can have it."""
    identity = managed(ask)
    if identity is not None and not identity.told and attached(identity, workspace):
        yield from _several("the workspace", workspace.user_assigned)


def doubts_on_compute(ask: Ask, compute: Compute) -> Iterator[str]:
    """The same of a compute: where it is not known to have the identity itself, what is not known of it."""
    # Assumed: a job on a compute without an identity of its own may still use the workspace's.
    identity = managed(ask)
    if identity is None:
        return
    if carries(identity, compute):
        users = compute.user_assigned
        if identity.told and compute.kind is Kind.CLUSTER and not _is_first(identity, users):
            yield (
                f"{compute.name} may open data and pull images as the first of its identities, {users[0]}:"
                f" {identity.told} is what the job's code asks with. Give both the rights"
            )
        if not identity.told and compute.kind is not Kind.KUBERNETES:
            yield from (f"{one.words}. {one.hint}" for one in _several(compute.name, users))
        return
    if may_carry(identity, compute):
        yield f"whether {compute.name} has that identity is not known: no client ids are told of its own"
        return
    has = f"; it has {_listed(compute.user_assigned)}" if compute.user_assigned else ""
    which = f"no identity {identity.told} of its own{has}" if identity.told else "no identity of its own"
    yield f"{compute.name} has {which}: whether the workspace's will do is not known"


def _is_first(identity: Identity, users: Sequence[UserAssigned]) -> bool:
    """Whether it is a cluster's default one, by which the service mounts storage and pulls images.

    Assumed: the first is the one that is listed first.
    https://learn.microsoft.com/azure/machine-learning/how-to-identity-based-service-authentication
    """
    return not users or users[0].is_meant(identity) is not False


def sent(ask: Ask, market: Market, kind: Kind, compute: Compute | None) -> Sent:
    """How the job says its identity at a place of that kind. `compute` None: serverless, or not known."""
    identity = managed(ask)
    if identity is None:
        return Sent(ask.identity)
    one = _the_one(identity, market, kind, compute)
    says = identity
    if one is not None and (identity.name or identity.resource_id):
        by_id = {"client_id": one.client_id} if one.client_id else {"resource_id": one.resource_id}
        says = Identity(IdentityKind.MANAGED, object_id=identity.object_id, name=one.name, **by_id)
    found = one.client_id if one is not None else says.client_id
    return Sent(says, found if found and _is_told(ask, kind) else None)


def _is_told(ask: Ask, kind: Kind) -> bool:
    """Whether what runs there is told the client id of its identity."""
    return kind in _BY_CLIENT_ID and TRAITS[ask.job].has_variables and not ask.own_client_id


def remarks(ask: Ask, market: Market, kind: Kind, compute: Compute | None) -> Iterator[str]:
    """What the plan says of AZURE_CLIENT_ID where it isn't set, although code may need it."""
    other = attrs.evolve(ask, own_client_id=False)
    if ask.own_client_id and (found := sent(other, market, kind, compute).client_id):
        yield f"{CLIENT_ID_VARIABLE} stays as the job has it; its identity's is {found}"
    identity = managed(ask)
    one = None if identity is None else _the_one(identity, market, kind, compute)
    if one is not None and not one.client_id and _is_told(other, kind):
        yield f"{CLIENT_ID_VARIABLE} isn't set: the client id of {one} isn't told here"


def _the_one(identity: Identity, market: Market, kind: Kind, compute: Compute | None) -> UserAssigned | None:
    """The identity that it is; None: that can't be told."""
    own = compute.user_assigned if compute else ()
    theirs = market.workspace.user_assigned if market.workspace else ()
    if identity.told:
        found = _meant(identity, own) or _meant(identity, theirs)
    else:
        found = [*(theirs if kind is Kind.SERVERLESS else own)]
    if len(found) != 1:
        return None
    # A cluster that is to be made has no ids yet, and the workspace may have the same identity.
    same = (one for one in theirs if one.resource_id.lower() == found[0].resource_id.lower())
    return found[0] if found[0].client_id else next(same, found[0])


def _meant(identity: Identity, users: Iterable[UserAssigned]) -> list[UserAssigned]:
    return [one for one in users if one.is_meant(identity)]


def _meaning(identity: Identity, users: Iterable[UserAssigned]) -> str:
    """One of them that is nearly called so."""
    near = get_close_matches((identity.name or "").lower(), sorted({one.name for one in users}), 2)
    return f"Did you mean {' or '.join(near)}? " if near else ""


def _unfound(identity: Identity, words: str) -> Miss | None:
    """A name is no id: it has to be found."""
    return Miss(words.format(identity.name), _SAY_ONE) if identity.name else None


def _ambiguous(identity: Identity, users: Sequence[UserAssigned]) -> Miss | None:
    """Identities of several resource groups may have one name."""
    found = _meant(identity, users)
    if not identity.told or len(found) < 2:  # noqa: PLR2004  one is the one
        return None
    return Miss(f"has several identities called {identity.told}: {_listed(found)}", _SAY_ONE)


def _several(whose: str, users: Sequence[UserAssigned]) -> Iterator[Miss]:
    if len(users) > 1:
        yield Miss(
            f"{whose} has {len(users)} user-assigned identities, {_listed(users)}, and the job names none:"
            " which opens its data is not known, and code that asks for a token without a client id fails",
            _SAY_ONE,
        )


def _listed(users: Iterable[UserAssigned]) -> str:
    return ", ".join(map(str, users))
