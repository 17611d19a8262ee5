"""Whether who asks may do what a request asks for; else what the service says. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from amlrun._cloud import HISTORY
from amlrun._rights import action_of
from amlrun.testing._access.grants import container_id, may
from amlrun.testing._access.principals import asking
from amlrun.testing._api.exchange import Refusal, Reply, forbidden
from amlrun.testing._supply.identities import TENANT
from amlrun.testing._wire.faults import challenge_of

if TYPE_CHECKING:
    from amlrun.testing._access.principals import Principal
    from amlrun.testing._api.exchange import Request, Scope
    from amlrun.testing._state.store import Records

_OPEN = "Microsoft.MachineLearningServices/registries/"
"""Rights on registries, which everybody has here: those that count are public."""
_ISSUER = "https://sts.windows.net"
_LOGIN = "https://login.windows.net"


def refused(records: Records, request: Request, scope: Scope, now: float) -> Reply | None:
    """What the resource manager, or run history, says to who may not; None: they may.

    First whether the token is of the right tenant, then whether its account has the right, whatever is there:
    who may not look isn't told whether there is something.
    """
    # Assumed: this order, and that run history refuses in the resource manager's words.
    who = asking(request.headers)
    if who.tenant != TENANT:
        return _of_another_tenant(who).reply(scope, now)
    action = action_of(request.method, f"https://{request.host}{request.path}")
    path = request.path[len(HISTORY) :] if request.path.lower().startswith(HISTORY) else request.path
    if not action or action.startswith(_OPEN) or may(records, who.object_id, action, path):
        return None
    return forbidden(action, path, name=who.name, object_id=who.object_id).reply(scope, now)


def refused_by_tenant(request: Request, scope: Scope, now: float) -> Reply | None:
    """The same of what every account of the tenant may do, such as to list what it may see."""
    who = asking(request.headers)
    return None if who.tenant == TENANT else _of_another_tenant(who).reply(scope, now)


def refused_by_storage(records: Records, request: Request, scope: Scope, account: str) -> bool:
    """Whether a storage account refuses who asks with a token. Owning it gives no right to its data."""
    action = action_of(request.method, f"https://{request.host}{request.path}")
    container = request.path.lstrip("/").partition("/")[0]
    place = container_id(scope, account, container)
    return not may(records, asking(request.headers).object_id, action, place)


def _of_another_tenant(who: Principal) -> _Tenant:
    return _Tenant(who.tenant)


class _Tenant(Refusal):
    """401: the token is of another tenant than the subscription (the words are reported)."""

    def __init__(self, tenant: str) -> None:
        message = (
            f"The access token is from the wrong issuer '{_ISSUER}/{tenant}/'. It must match the tenant "
            f"'{_ISSUER}/{TENANT}/' associated with this subscription. Please use the authority (URL) "
            f"'{_LOGIN}/{TENANT}' to get the token."
        )
        super().__init__(401, message, "InvalidAuthenticationTokenTenant")

    def reply(self, scope: Scope, now: float) -> Reply:
        """With the challenge that names the right one."""
        challenge = challenge_of(
            error="invalid_token", description="The access token is from the wrong issuer."
        )
        return attrs.evolve(super().reply(scope, now), headers={"WWW-Authenticate": challenge})
