"""Assets as the fake keeps them: versions of names, in the workspace or in a registry.

What an id means that stands in a body is in `ids`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from amlrun.testing._api.exchange import PROVIDER, Refusal, Scope, bad_request, not_found

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amlrun.testing._state.store import Records


@attrs.frozen
class Kind:
    """A kind of asset: its word in paths, in messages and in the contract; what a version never changes."""

    plural: str
    title: str
    frozen: tuple[str, ...]
    resource: str


KINDS: Mapping[str, Kind] = {
    kind.plural: kind
    for kind in (
        Kind("codes", "Code", ("codeUri",), "Code"),
        Kind("components", "Component", ("componentSpec",), "Component"),
        Kind("data", "Data", ("dataType", "dataUri"), "Data"),
        Kind(
            "environments",
            "Environment",
            ("autoRebuild", "build", "condaFile", "image", "inferenceConfig", "osType"),
            "Environment",
        ),
        Kind("models", "Model", ("modelUri",), "Model"),
    )
}

DISCOVERY_PREFIX = "/registrymanagement/v1.0/registries/"
"""What stands in front of a registry's name where its place is asked for."""
DATA_PLANE = "/mferp/managementfrontend"
"""What stands in front of a registry's paths on its own host."""
DEFAULT_COMPONENT = "azureml_default"
"""The version that the SDK asks for where nobody named one."""
CURATED_REGISTRY = "azureml"
"""The registry that everybody has."""
_CURATED_PREFIX = "azureml-"  # in the workspace, the curated environments have this prefix
_SPEC_NOTES = {"$schema", "_source", "description", "display_name", "name", "tags", "version"}


@attrs.frozen
class Home:
    """Where assets live: the workspace, or a registry. `path` is its ARM id."""

    path: str
    registry: str = ""

    def kept(self, kind: Kind) -> str:
        """The kind under which the store has its versions."""
        return f"registries/{self.registry}/{kind.plural}" if self.registry else kind.plural

    def id(self, kind: Kind, name: str, version: str = "") -> str:
        """The id of a name, or of one version of it."""
        root = f"azureml://registries/{self.registry}" if self.registry else self.path
        return f"{root}/{kind.plural}/{name}" + (f"/versions/{version}" if version else "")

    def type(self, kind: Kind) -> str:
        """The ARM type of a name; its versions have `/versions` behind it."""
        return f"{PROVIDER}/{'registries' if self.registry else 'workspaces'}/{kind.plural}"


def workspace(scope: Scope) -> Home:
    """The workspace as a home of assets."""
    return Home(scope.path)


def registry(records: Records, scope: Scope, name: str) -> Home:
    """A registry that this fake has. Raises Refusal (404)."""
    found = find_registry(records, name)
    if found is None:
        raise not_found("Registry", name)
    return Home(registry_path(scope, found["name"]), found["name"])


def registry_path(scope: Scope, name: str) -> str:
    """A registry's ARM id: the fake's are in the workspace's own subscription and resource group."""
    return f"{scope.path.rpartition('/workspaces/')[0]}/registries/{name}"


def find_registry(records: Records, name: str) -> dict[str, Any] | None:
    """What is kept of a registry, or None."""
    if name.lower() == CURATED_REGISTRY:
        return {"name": CURATED_REGISTRY, "created": 0.0}
    return records.get("registry", name.lower())


def put_registry(records: Records, name: str, now: float) -> None:
    """Make a registry be there; one that is there already stays as it is."""
    if find_registry(records, name) is None:
        records.put("registry", name.lower(), {"name": name, "created": now})


# -- versions


def find(records: Records, home: Home, kind: Kind, name: str, version: str) -> dict[str, Any] | None:
    """One version as it is kept, or None."""
    found = records.get(home.kept(kind), f"{name}/{version}")
    if found is None and kind.plural == "components" and version == DEFAULT_COMPONENT:
        # Assumed: a component's default version is the one that was made last.
        return latest(records, home, kind, name)
    return found or _curated(home, kind, name, version)


def versions(
    records: Records, home: Home, kind: Kind, name: str, *, view: str = "ActiveOnly"
) -> list[dict[str, Any]]:
    """All versions of a name, the newest first; `view` as the service's listViewType has it."""
    if kind.plural == "codes":  # their shelves are their hashes
        found = [body for body in records.all(home.kept(kind), newest_first=True) if body["name"] == name]
    else:
        found = records.on_shelf(home.kept(kind), name)[::-1]
    if not found and (curated := _curated(home, kind, name, "1")):
        found = [curated]
    return [body for body in found if visible(body["properties"], view)]


def latest(records: Records, home: Home, kind: Kind, name: str) -> dict[str, Any] | None:
    """The version that was made last, of those that are not archived."""
    return next(iter(versions(records, home, kind, name)), None)


def labelled(records: Records, home: Home, kind: Kind, name: str, label: str) -> dict[str, Any] | None:
    """The version that a label means. The service gives out `latest`, and `default` to components."""
    return latest(records, home, kind, name) if label.lower() in {"latest", "default"} else None


def put(
    records: Records, home: Home, kind: Kind, name: str, version: str, *, sent: Mapping[str, Any], now: float
) -> tuple[dict[str, Any], bool]:
    """Write a version; it comes back with whether it is new. Raises Refusal where it would change one."""
    key, before = f"{name}/{version}", records.get(home.kept(kind), f"{name}/{version}")
    properties = {key: value for key, value in sent.items() if value is not None}
    if spec := properties.get("componentSpec"):
        if not isinstance(spec, dict):
            raise bad_request("componentSpec is not an object.", "InvalidRequestBody")
        # Assumed: the service writes into it under which version it is kept; the SDK reads it there.
        properties["componentSpec"] = {"name": name, **spec, "version": version}
    if before is not None:
        _check_unchanged(kind, name, version, before["properties"], properties)
        kept = {key: value for key, value in before["properties"].items() if key in kind.frozen}
        properties = {**kept, **properties}
    created = now if before is None else before["created"]
    body = {
        "name": name, "version": version, "created": created, "modified": now, "properties": properties
    }  # fmt: skip
    # Snapshots are asked for by what is in them, the others by their names.
    records.put(home.kept(kind), key, body, shelf=content_hash(body) or name)
    if container(records, home, kind, name) is None:
        anonymous = bool(sent.get("isAnonymous"))
        put_container(records, home, kind, name, sent={}, now=now, anonymous=anonymous)
    return body, before is None


def remove(records: Records, home: Home, kind: Kind, name: str, version: str | None = None) -> None:
    """Forget a version of a name; or, where none is given, all of it."""
    doomed = versions(records, home, kind, name, view="All")
    for body in doomed:
        if version in {None, body["version"]}:
            records.remove(home.kept(kind), f"{name}/{body['version']}")
    if version is None:
        records.remove(f"{home.kept(kind)} names", name)


def content_hash(body: Mapping[str, Any]) -> str | None:
    """The hash of a snapshot's content, as the SDK wrote it down."""
    found = (body["properties"].get("properties") or {}).get("hash_sha256")
    return found if isinstance(found, str) else None


def visible(properties: Mapping[str, Any], view: str) -> bool:
    """Whether a list shows it."""
    archived = bool(properties.get("isArchived"))
    # Towards registries the SDK sends its own enum: `ListViewType.ARCHIVED_ONLY`.
    asked = view.rpartition(".")[2].replace("_", "").lower()
    return {"all": True, "archivedonly": archived}.get(asked, not archived)


def _check_unchanged(
    kind: Kind, name: str, version: str, before: Mapping[str, Any], sent: Mapping[str, Any]
) -> None:
    changed = [field for field in kind.frozen if _plain(field, sent) != _plain(field, before)]
    if not changed:
        return
    if kind.plural in {"data", "models"}:
        # Assumed: status and inner code; the SDK knows the words.
        raise bad_request("Asset paths cannot be updated.", "Immutable")
    # Assumed: the inner codes, and that code and components answer as environments do. Of these the words are
    # what users report, and the SDK takes a new version at a 409.
    message = f"{kind.title} {name} with version {version} is already registered and cannot be changed."
    raise Refusal(409, message, "UserError", "Conflict", "Immutable")


_DEFAULTS: Mapping[str, Any] = {"autoRebuild": "Disabled", "osType": "Linux"}


def _plain(field: str, properties: Mapping[str, Any]) -> Any:
    """What a field says: with its default, without nulls, without a component's notes on itself."""
    value = bare(properties.get(field)) or _DEFAULTS.get(field)
    if field == "build" and value:
        return {"dockerfilePath": "Dockerfile", **value}
    if field == "componentSpec" and value:
        return {key: item for key, item in value.items() if key not in _SPEC_NOTES}
    return value


def bare(value: Any) -> Any:
    """A value without what is null in it: null is absent."""
    if isinstance(value, dict):
        return {key: bare(item) for key, item in value.items() if item is not None}
    return value


def _curated(home: Home, kind: Kind, name: str, version: str) -> dict[str, Any] | None:
    everywhere = home.registry == CURATED_REGISTRY
    curated = everywhere or (not home.registry and name.lower().startswith(_CURATED_PREFIX))
    if kind.plural != "environments" or not curated or not version.isdigit():
        return None
    # Assumed: a curated environment of any name is there, in every version; the latest is 1.
    image = f"mcr.microsoft.com/azureml/curated/{name.lower().removeprefix(_CURATED_PREFIX)}:{version}"
    properties = {"image": image, "osType": "Linux"}
    return {"name": name, "version": version, "created": 0.0, "modified": 0.0, "properties": properties}


# -- names


def container(records: Records, home: Home, kind: Kind, name: str) -> dict[str, Any] | None:
    """What is kept of a name besides its versions, or None."""
    found = records.get(f"{home.kept(kind)} names", name)
    if found is None and (curated := _curated(home, kind, name, "1")):
        return {**curated, "properties": {}}
    return found


def containers(records: Records, home: Home, kind: Kind, *, view: str) -> list[dict[str, Any]]:
    """All names that a list shows, in the order in which they came."""
    # Assumed: names that the SDK made up for what has none are not shown.
    found = records.all(f"{home.kept(kind)} names")
    return [body for body in found if not body.get("anonymous") and visible(body["properties"], view)]


def put_container(
    records: Records,
    home: Home,
    kind: Kind,
    name: str,
    *,
    sent: Mapping[str, Any],
    now: float,
    anonymous: bool = False,
) -> dict[str, Any]:
    """Write what is said of a name itself. `anonymous`: the SDK made it up for what has none."""
    before = container(records, home, kind, name)
    body = {
        "name": name,
        "created": now if before is None else before["created"],
        "modified": now,
        "properties": {key: value for key, value in sent.items() if value is not None},
        "anonymous": anonymous or bool(before and before.get("anonymous")),
    }
    records.put(f"{home.kept(kind)} names", name, body)
    return body


def next_version(found: list[dict[str, Any]]) -> str:
    """The version that the service would give to the next of these."""
    # Assumed: one more than the highest number, whatever else there is.
    return str(max((int(body["version"]) for body in found if body["version"].isdigit()), default=0) + 1)
