"""What was seen of the machine, the account and the workspace, as values. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from amlrun._denied import lacking
from amlrun._errors import NotAuthorized, ServiceError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amlrun._account import Account
    from amlrun._checks import Check
    from amlrun._offers import Datastore, Limit, Market
    from amlrun._roles import Permissions

_REFUSED, _NO_TOKEN, _OK = 403, 401, 200


class Unforeseen(Exception):
    """What a question ended with that is no answer, and that nobody has given a name."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.message = f"{type(error).__name__}: {error}"
        self.hint = "amlrun has no better words for it: please report it"


@attrs.frozen
class Asked:
    """One GET, and what came of it. `what` it reads, `of` what: a path below the provider, or a host.

    `status` is HTTP's; 0: no answer came; None: nobody has foreseen what came of it. `away`: it is a network
    that is in the way, and no right.
    """

    name: str
    what: str
    of: str
    status: int | None = _OK
    why: str = ""
    todo: str = ""
    away: bool = False

    @classmethod
    def answered(
        cls, name: str, what: str, of: str, failure: NotAuthorized | ServiceError | Unforeseen | None
    ) -> Asked:
        """With what an error says, where one came."""
        if failure is None:
            return cls(name, what, of)
        if isinstance(failure, ServiceError):
            away = failure.status == 0 or bool(failure.host)
            why = next(iter(failure.message.splitlines()), "")
            return cls(name, what, of, failure.status, why, failure.hint, away)
        status = None
        if isinstance(failure, NotAuthorized):
            status = _REFUSED if failure.signed_in else _NO_TOKEN
        if (lack := lacking(failure.message)) is not None:
            return cls(name, what, of, status, f"this account lacks {lack}", lack.way_out)
        return cls(name, what, of, status, next(iter(failure.message.splitlines()), ""), failure.hint)

    @property
    def refused(self) -> bool:
        """Whether it is a right that is missing."""
        return self.status == _REFUSED

    @property
    def fine(self) -> bool:
        """Whether it gave what it was asked for."""
        return self.status == _OK and not self.why


@attrs.frozen(kw_only=True)
class Seen:
    """All that was seen. `source` is where the workspace is named, `way` how somebody signed in.

    `folder` is that of `local`, "" of a real workspace. `permissions` and `datastores` None: they couldn't be
    read. `settings` are variables and settings that say how the network is reached; `lost` those of them that
    name files which aren't there. `team` is the file with a team's defaults and rules, `rules` are the keys
    that it has. `ends` is what is told of a sign-in that can't be renewed. `broken` is what ended before
    it could be seen.
    """

    python: str
    versions: Mapping[str, str]
    requirements: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)
    settings: Mapping[str, str] = attrs.field(factory=dict)
    lost: tuple[str, ...] = ()
    workspace: str = ""
    workspace_id: str = ""
    source: str = ""
    folder: str = ""
    team: str = ""
    rules: tuple[str, ...] = ()
    account: Account | None = None
    way: str = ""
    ends: str = ""
    asked: tuple[Asked, ...] = ()
    market: Market | None = None
    datastores: tuple[Datastore, ...] | None = None
    permissions: tuple[Permissions, ...] | None = None
    broken: tuple[Check, ...] = ()

    @property
    def totals(self) -> dict[str, Limit]:
        """The region's quota of each tier, over all families, as far as it is known."""
        quota = self.market.quota if self.market is not None else None
        if quota is None:
            return {}
        of_tier = {"dedicated": quota.dedicated_total, "spot": quota.spot_total}
        return {name: one for name, one in of_tier.items() if one is not None}

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe: what identifies, and how each GET was answered; nothing of what they said."""
        account = self.account
        who = (
            None
            if account is None
            else {**attrs.asdict(account), "kind": account.kind.value, "way": self.way}
        )
        where = {
            "name": self.workspace,
            "id": self.workspace_id,
            "source": self.source,
            "folder": self.folder,
        }
        return {
            "account": who,
            "workspace": {**where, "location": self.market.location if self.market else ""},
            "team": {"file": self.team, "says": list(self.rules)},
            "quota": {name: {"used": one.used, "limit": one.limit} for name, one in self.totals.items()},
            "python": self.python,
            "versions": dict(self.versions),
            "settings": dict(self.settings),
            "requests": [attrs.asdict(one) for one in self.asked],
        }
