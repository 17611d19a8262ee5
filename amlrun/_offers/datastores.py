"""A datastore, as the workspace lists it. Pure."""

from __future__ import annotations

import attrs

_NONE = "None"
"""The service's word for a datastore that is opened by who asks."""
_CREDENTIALS = {
    "AccountKey": "an account key",
    "Sas": "a SAS",
    "ServicePrincipal": "a service principal's secret",
    "Certificate": "a service principal's certificate",
}


@attrs.frozen(kw_only=True)
class Datastore:
    """Where data stands. `credentials` is the service's word for what is stored in it ("": not told).

    `account` and `endpoint` make its host, `container` is its name there. https://learn.microsoft.com/azure/machine-learning/how-to-datastore
    """

    name: str
    kind: str = ""
    credentials: str = ""
    account: str = ""
    endpoint: str = ""
    container: str = ""

    @property
    def keyed(self) -> bool | None:
        """Whether credentials are stored in it; None: not told."""
        return self.credentials != _NONE if self.credentials else None

    @property
    def holds(self) -> str:
        """What is stored, in words."""
        return _CREDENTIALS.get(self.credentials, self.credentials)
