"""Proofs of a pipeline that can't be renewed: told before a wait dies of them. Pure.

A pipeline (GitHub Actions, Azure DevOps, GitLab) signs in with a federated token that is valid for minutes.
What it was exchanged for is valid for about an hour, and can't be renewed then (AADSTS700024).
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from amlrun._account import expiry_of
from amlrun._credential import Way, way_in

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
"""Variables of a pipeline that signs in by a federated token: GitHub's, and two of Azure DevOps'."""
_RENEWED = "KUBERNETES_SERVICE_HOST"
"""Where this is set, the file of the token is written anew in time."""
_AZ = "AzureCliCredential"


def is_short(environment: Mapping[str, str]) -> bool:
    """Whether who signs in here may soon be unable to: all tokens are to be fetched at once."""
    if way_in(environment) is Way.FEDERATED:
        return not environment.get(_RENEWED)
    return _pipeline(environment) is not None and any(environment.get(name) for name in _BY_TOKEN)


def warning(
    environment: Mapping[str, str], credential: str, proof: str | None, until: float, now: float
) -> str | None:
    """What to tell who signs in so; None: nothing. `until` is when the fetched tokens end.

    `credential` is the class that gave them, `proof` what is in the file of the federated token.
    """
    if not is_short(environment):
        return None
    where = _pipeline(environment)
    if way_in(environment) is Way.FEDERATED:
        ends = expiry_of((proof or "").strip())
        what = "The federated token" if ends is None else f"The federated token ends {_moment(ends, now)}"
        what += " and can't be renewed here" if ends is None else ", and nothing here renews it"
    elif credential == _AZ:
        what = f"az was signed in by {where} with a token that can't be renewed"
    else:
        return None
    return (
        f"{what}: a wait beyond {_moment(until, now)} ends with AADSTS700024. Submit without waiting, "
        "and wait in a step of its own that signs in anew: amlrun wait NAME"
    )


def _pipeline(environment: Mapping[str, str]) -> str | None:
    return next((name for variable, name in _PIPELINES.items() if environment.get(variable)), None)


def _moment(when: float, now: float) -> str:
    clock = dt.datetime.fromtimestamp(when, tz=dt.timezone.utc)
    minutes = round((when - now) / 60)
    return f"{clock:%H:%M} UTC (in {minutes} min)" if minutes > 0 else f"{clock:%H:%M} UTC (over)"
