"""What an id means that stands in a body. Whoever runs jobs asks here: `component`, `check_environment`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import attrs

from amlrun.testing._api.exchange import Scope, not_found
from amlrun.testing._assets import assets
from amlrun.testing._assets.assets import KINDS

if TYPE_CHECKING:
    from amlrun.testing._assets.assets import Kind
    from amlrun.testing._state.store import Records

_ID = re.compile(
    r"(?:azureml:)?(?:/*(?P<root>.*)/)?(?P<kind>codes|components|data|environments|models)/(?P<name>[^/]+)"
    r"/(?P<by>versions|labels)/(?P<value>[^/]+)",
    re.IGNORECASE,
)
_SHORT = re.compile(r"(?:azureml:)?(?P<name>[^/:@]+)(?::(?P<version>[^/:@]+)|@(?P<label>[^/:@]+))")


@attrs.frozen
class AssetId:
    """An id in parts: `root` is its home's path, "" for the workspace that reads it; `kind` may be ""."""

    root: str
    kind: str
    name: str
    version: str
    label: str


def read_id(asset_id: str) -> AssetId | None:
    """An id in a body, in any of its forms; None for what is none."""
    if short := _SHORT.fullmatch(asset_id):
        return AssetId("", "", short["name"], short["version"] or "", short["label"] or "")
    if match := _ID.fullmatch(asset_id):
        version, label = match["value"], ""
        if match["by"].lower() == "labels":
            version, label = label, version
        return AssetId(match["root"] or "", match["kind"].lower(), match["name"], version, label)
    return None


def resolve(records: Records, kind: Kind, asset_id: str) -> dict[str, Any] | None:
    """The version that an id in a body means, by version or by label, here or in a registry; or None.

    It reads ARM ids, `azureml:<name>:<version>`, `azureml:<name>@<label>` and `azureml://registries/…`.
    """
    scope, named = Scope(**(records.get("meta", "scope") or {})), read_id(asset_id)
    if named is None or named.kind not in {"", kind.plural}:
        return None
    home = _home(records, scope, named.root)
    if home is None:
        return None
    if named.version:
        return assets.find(records, home, kind, named.name, named.version)
    return assets.labelled(records, home, kind, named.name, named.label)


def _home(records: Records, scope: Scope, root: str) -> assets.Home | None:
    place, _, name = root.rpartition("/")
    if place.rpartition("/")[2].lower() == "registries":
        return assets.registry(records, scope, name) if assets.find_registry(records, name) else None
    return assets.workspace(scope) if name.lower() in {"", scope.workspace.lower()} else None


def component(records: Records, component_id: str) -> dict[str, Any] | None:
    """The `componentSpec` of a component, here or in a registry, or None where it isn't there."""
    found = resolve(records, KINDS["components"], component_id)
    spec: dict[str, Any] | None = None if found is None else found["properties"].get("componentSpec")
    return spec


def environment_exists(records: Records, environment_id: str) -> bool:
    """Whether an environment version is registered, here or in a registry, or curated."""
    return resolve(records, KINDS["environments"], environment_id) is not None


def taken_to_be_there(records: Records, name: str, version: str) -> dict[str, Any] | None:
    """A version of an environment whose name nobody has registered, as jobs find it; None: it isn't there."""
    home, kind = assets.workspace(Scope(**(records.get("meta", "scope") or {}))), KINDS["environments"]
    if records.get("meta", "strict environments") or assets.container(records, home, kind, name):
        return None
    properties = {"image": f"{name.lower()}:{version}", "osType": "Linux"}
    return {"name": name, "version": version, "created": 0.0, "modified": 0.0, "properties": properties}


def check_environment(records: Records, environment_id: str) -> None:
    """Refuse (404) an environment that isn't registered, where the fake's user asked for that."""
    if records.get("meta", "strict environments") and not environment_exists(records, environment_id):
        # Assumed: the code and the words. Who doesn't ask for it need not register what a job names.
        name = environment_id.rpartition("/environments/")[2].replace("/versions/", ":")
        raise not_found("Environment", name)
