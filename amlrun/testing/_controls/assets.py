"""The part of `FakeAml` that says which registries, environments and datastores there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from amlrun.testing._api.exchange import Refusal
from amlrun.testing._assets import assets, datastores, vaults
from amlrun.testing._assets.assets import KINDS
from amlrun.testing._assets.blobs import ACCOUNT_KEY, SAS
from amlrun.testing._controls.arguments import check_name
from amlrun.testing._routes.vaults import NAME
from amlrun.testing._supply.workspaces import keep_workspace, read_workspace

if TYPE_CHECKING:
    from amlrun.testing._wire.backend import Backend

_KINDS = {
    "blob": ("AzureBlob", "containerName"),
    "gen2": ("AzureDataLakeGen2", "filesystem"),
    "file": ("AzureFile", "fileShareName"),
}
_NOBODY = "00000000-0000-0000-0000-000000000001"
_CREDENTIALS: dict[str, dict[str, Any]] = {
    "account_key": {"credentialsType": "AccountKey", "secrets": {"key": ACCOUNT_KEY}},
    "sas": {"credentialsType": "Sas", "secrets": {"sasToken": SAS}},
    "service_principal": {
        "credentialsType": "ServicePrincipal",
        "authorityUrl": "https://login.microsoftonline.com",
        "tenantId": _NOBODY,
        "clientId": _NOBODY,
        "secrets": {"clientSecret": "this secret opens nothing"},
    },
    "none": {"credentialsType": "None"},
}


class AssetControls:
    """What the workspace's jobs can refer to."""

    _backend: Backend

    def registry(self, name: str) -> None:
        """Let a registry be there, for `client(registry_name=name)` and for ids that name it."""
        with self._backend.work() as (records, now):
            assets.put_registry(records, name, now)

    def environment(
        self, name: str, version: str = "1", *, image: str = "ubuntu", registry: str | None = None
    ) -> None:
        """Register an environment of an image, in the workspace or in a registry.

        Raises LookupError where there is no such registry, ValueError where that version has another
        image and for a name that the service refuses (the registry `azureml` has Microsoft's own, with dots).
        """
        if registry is None or registry.lower() != assets.CURATED_REGISTRY:
            check_name("environments", name)
        kind = KINDS["environments"]
        with self._backend.work() as (records, now):
            home = assets.workspace(self._backend.scope)
            if registry is not None:
                if assets.find_registry(records, registry) is None:
                    raise LookupError(f"There is no registry {registry}: say fake.registry({registry!r}).")
                home = assets.registry(records, self._backend.scope, registry)
            try:
                sent = {"image": image, "osType": "Linux"}
                assets.put(records, home, kind, name, version, sent=sent, now=now)
            except Refusal as refusal:
                raise ValueError(refusal.message) from refusal

    def require_environments(self) -> None:
        """From now on a job whose environment isn't registered is refused; curated ones are there."""
        with self._backend.work() as (records, _now):
            records.put("meta", "strict environments", {"since": self._backend.clock.now()})

    def datastore(
        self,
        name: str,
        *,
        kind: str = "blob",
        account: str | None = None,
        container: str | None = None,
        credentials: str = "account_key",
    ) -> None:
        """Put a datastore into the workspace, or change how one that is there is opened.

        `kind` is `blob`, `gen2` or `file`; `credentials` are `account_key`, `sas`, `service_principal` or
        `none`: whoever reaches it then does so with an identity. Without an account it is in the workspace's
        own; without a container it has one of its own name. The workspace's own datastores stay in place.

        Raises ValueError for a kind or credentials that there are not, and for a name that is refused.
        """
        check_name("datastores", name)
        if kind not in _KINDS:
            raise ValueError(f"{kind!r} is no kind of datastore: there are {', '.join(_KINDS)}.")
        if credentials not in _CREDENTIALS:
            raise ValueError(f"{credentials!r} are no credentials: there are {', '.join(_CREDENTIALS)}.")
        datastore_type, field = _KINDS[kind]
        with self._backend.work() as (records, now):
            before = datastores.find(records, self._backend.scope, self._backend.account, name)
            properties = {
                "datastoreType": datastore_type,
                "accountName": account or self._backend.account,
                field: container or name,
                "endpoint": "core.windows.net",
                "protocol": "https",
                **(before["properties"] if before and name in datastores.BUILT_IN else {}),
                "credentials": _CREDENTIALS[credentials],
            }
            datastores.put(records, name, properties, now)

    def datastores_without_keys(self) -> None:
        """From now on the workspace's own datastores carry no credentials, and it says so.

        Whoever reaches them does so with an identity: `systemDatastoresAuthMode` is `identity`.
        """
        kinds = {datastore_type: kind for kind, (datastore_type, _) in _KINDS.items()}
        for name, kept in datastores.BUILT_IN.items():
            self.datastore(name, kind=kinds[kept["datastoreType"]], credentials="none")
        with self._backend.work() as (records, now):
            workspace = read_workspace(records, now)
            properties = {**workspace.properties, "systemDatastoresAuthMode": "identity"}
            keep_workspace(records, attrs.evolve(workspace, properties=properties))

    def secret(self, name: str, value: str, *, vault: str | None = None) -> None:
        """Put a secret into the workspace's key vault, or into another, which is there from then on.

        One that is there gets a new version. In a folder it is sealed with a key of the user's, which isn't
        in the folder. Raises ValueError for a name that a key vault refuses.
        """
        if not NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a secret: letters, digits and dashes, 127 at most.")
        with self._backend.work() as (records, now):
            vaults.put(records, (vault or self._backend.account).lower(), name, {"value": value}, now)
