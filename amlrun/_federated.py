"""Proofs of a pipeline that can't be renewed: told before a wait dies of them. Pure.

A pipeline (GitHub Actions, Azure DevOps, GitLab) signs in with a federated token that is valid for minutes.
What it was exchanged for is valid for about an hour, and can't be renewed then (AADSTS700024).
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from amlrun._account import by_assertion, expiry_of
from amlrun._ways import CHOSEN, TOKEN_FILE, Way, way_in

if TYPE_CHECKING:
    from collections.abc import Mapping

_PIPELINES = {
    "GITHUB_ACTIONS": "GitHub Actions",
    "TF_BUILD": "Azure DevOps",
    "GITLAB_CI": "GitLab",
}
_BY_TOKEN = (
    "ACTIONS_ID_TOKEN_REQUEST_URL",
    "SYSTEM_OIDCREQUESTURI",
    "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID",
)
"""Variables of a pipeline that may sign in by a federated token: GitHub's, and two of Azure DevOps'.

GitLab has none: its tokens stand in variables of any name.
"""
_NAMELESS = "GITLAB_CI"
_ON_KUBERNETES = "KUBERNETES_SERVICE_HOST"
_PROJECTED = "/var/run/secrets/"
"""Where Kubernetes writes tokens anew in time."""
_AZ = "AzureCliCredential"
_BY_FILE = frozenset({"", "prod", "workloadidentitycredential"})
"""What AZURE_TOKEN_CREDENTIALS says where the file of a federated token may count."""
_LONG = 12 * 3600.0
"""Seconds after which a moment is told with its day."""


def is_short(environment: Mapping[str, str]) -> bool:
    """Whether who signs in here may soon be unable to: all tokens are to be fetched at once."""
    if _by_file(environment):
        return not _renewed(environment)
    return _by_az(environment) and (
        any(environment.get(name) for name in _BY_TOKEN) or bool(environment.get(_NAMELESS))
    )


def warning(
    environment: Mapping[str, str],
    credential: str,
    token: str,
    proof: str | None,
    *,
    until: float,
    now: float,
) -> str | None:
    """What to tell who signs in so; None: nothing. `until` is when the fetched tokens end.

    `credential` is the class that gave them, `token` the first of them, `proof` what is in the file of the
    federated token.
    """
    if not is_short(environment):
        return None
    if _by_file(environment):
        ends = expiry_of((proof or "").strip())
        what = "The federated token" if ends is None else f"The federated token ends {_moment(ends, now)}"
        what += " and can't be renewed here" if ends is None else ", and nothing here renews it"
    elif credential == _AZ and _by_federation(environment, token):
        where = _pipeline(environment)
        what = f"az was signed in by {where} with a token that can't be renewed"
    else:
        return None
    return (
        f"{what}: a wait beyond {_moment(until, now)} ends with AADSTS700024. Submit without waiting, "
        "and wait in a step of its own that signs in anew: amlrun wait NAME"
    )


def _by_file(environment: Mapping[str, str]) -> bool:
    """Whether the app signs in by the token in a file."""
    chosen = environment.get(CHOSEN, "").lower()
    rest = {name: value for name, value in environment.items() if name != CHOSEN}
    return chosen in _BY_FILE and way_in(rest) is Way.FEDERATED


def _renewed(environment: Mapping[str, str]) -> bool:
    """Whether the file is written anew in time. That of a pipeline isn't, on whatever machine it runs."""
    kept = environment.get(TOKEN_FILE, "").startswith(_PROJECTED)
    return bool(environment.get(_ON_KUBERNETES)) and (kept or _pipeline(environment) is None)


def _by_az(environment: Mapping[str, str]) -> bool:
    """Whether it may be az that gives the tokens, in a pipeline."""
    return _pipeline(environment) is not None and way_in(environment) in {Way.ANY, Way.CHOSEN, Way.MANAGED}


def _by_federation(environment: Mapping[str, str], token: str) -> bool:
    """Whether a pipeline has signed az in by a federated token; a certificate looks the same.

    That the pipeline could have done so isn't enough: its token tells of a secret, and of a person.
    """
    asserted = by_assertion(token)
    return asserted is True or (asserted is None and not environment.get(_NAMELESS))


def _pipeline(environment: Mapping[str, str]) -> str | None:
    return next((name for variable, name in _PIPELINES.items() if environment.get(variable)), None)


def _moment(when: float, now: float) -> str:
    clock = dt.datetime.fromtimestamp(when, tz=dt.timezone.utc)
    seconds = when - now
    if seconds > _LONG:
        return f"{clock:%d %b %H:%M} UTC (in {round(seconds / 3600)} h)"
    minutes = round(seconds / 60)
    return f"{clock:%H:%M} UTC (in {minutes} min)" if minutes > 0 else f"{clock:%H:%M} UTC (over)"
