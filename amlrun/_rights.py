"""Which right a request needs, what that is for, and which role has it. Pure.

The service calls them operations, or actions:
https://learn.microsoft.com/azure/role-based-access-control/permissions/ai-machine-learning
"""

from __future__ import annotations

import enum
import re
from urllib.parse import unquote, urlsplit

import attrs

from amlrun._cloud import HISTORY, is_storage
from amlrun._roles import Role, role_for

_ML = "Microsoft.MachineLearningServices"
BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
_VAULT = "Microsoft.KeyVault/vaults"
_IDENTITY = "Microsoft.ManagedIdentity/userAssignedIdentities"


class Purpose(enum.Enum):
    """What a right is needed for, as it is told."""

    SUBMIT = "send a job"
    FOLLOW = "follow a run"
    QUOTA = "read quota and sizes"
    CLUSTERS = "make a cluster"
    FILES = "read and write files of its storage"
    SECRETS = "read secrets"


@attrs.frozen
class Right:
    """One right that amlrun's own requests need; `what` it is to the user, as in "may not … "."""

    action: str
    what: str
    purpose: Purpose

    @property
    def role(self) -> Role:
        """The role that is asked for where it is missing."""
        found = role_for(self.action)
        assert found is not None  # noqa: S101 - a test holds it of each
        return found


_OWN: tuple[tuple[Purpose, str, str], ...] = (
    (Purpose.SUBMIT, f"{_ML}/workspaces/read", "read the workspace"),
    (Purpose.SUBMIT, f"{_ML}/workspaces/jobs/read", "read jobs"),
    (Purpose.SUBMIT, f"{_ML}/workspaces/jobs/write", "send jobs"),
    (Purpose.SUBMIT, f"{_ML}/workspaces/computes/read", "read computes"),
    (Purpose.SUBMIT, f"{_ML}/workspaces/environments/versions/read", "read environments"),
    (Purpose.SUBMIT, f"{_ML}/workspaces/environments/versions/write", "register environments"),
    (Purpose.SUBMIT, f"{_ML}/workspaces/codes/versions/read", "read snapshots of code"),
    (Purpose.SUBMIT, f"{_ML}/workspaces/codes/versions/write", "register code"),
    (Purpose.SUBMIT, f"{_ML}/workspaces/components/versions/write", "register components"),
    (Purpose.SUBMIT, f"{_ML}/workspaces/data/versions/write", "register data"),
    (Purpose.SUBMIT, f"{_ML}/workspaces/datastores/read", "read datastores"),
    (Purpose.SUBMIT, f"{_ML}/workspaces/datastores/listSecrets/action", "use the secrets of datastores"),
    (Purpose.FOLLOW, f"{_ML}/workspaces/experiments/runs/read", "read run history"),
    (Purpose.FOLLOW, f"{_ML}/workspaces/experiments/runs/write", "write to run history"),
    (Purpose.FOLLOW, f"{_ML}/workspaces/jobs/cancel/action", "cancel jobs"),
    (Purpose.QUOTA, f"{_ML}/locations/usages/read", "read quota"),
    (Purpose.QUOTA, f"{_ML}/locations/quotas/read", "read the workspace's own limits"),
    (Purpose.QUOTA, f"{_ML}/locations/vmSizes/read", "read sizes"),
    (Purpose.CLUSTERS, f"{_ML}/workspaces/computes/write", "make clusters"),
    (Purpose.CLUSTERS, f"{_IDENTITY}/assign/action", "give an identity to a cluster"),
    (Purpose.FILES, f"{BLOBS}/read", "read files of the storage"),
    (Purpose.FILES, f"{BLOBS}/write", "write files to the storage"),
    (Purpose.SECRETS, f"{_VAULT}/secrets/getSecret/action", "read secrets of the key vault"),
)
RIGHTS = tuple(Right(action, what, purpose) for purpose, action, what in _OWN)
"""All that amlrun and the SDK ask for on its behalf."""
_BY_ACTION = {right.action.lower(): right for right in RIGHTS}


def told(action: str) -> str:
    """What a right is for, in words: `send jobs`; the right itself, where it is none of ours."""
    right = _BY_ACTION.get(action.lower())
    return f"perform {action}" if right is None else right.what


_VERBS = {"GET": "read", "HEAD": "read", "PUT": "write", "PATCH": "write", "DELETE": "delete"}
_KEY_VAULT = re.compile(r"[a-z0-9-]+\.vault\.")
_READING_POSTS = ("rundata", "batchrundata", "runs:query")


def action_of(method: str, url: str) -> str:
    """The right that a request needs, from its address: of the resource manager, run history, storage, vault.

    "" where none is known.
    """
    parts = urlsplit(url)
    host, path, verb = (parts.hostname or "").lower(), unquote(parts.path), _VERBS.get(method, "action")
    if is_storage(host):
        return f"{BLOBS}/{'write' if verb == 'action' else verb}"
    if _KEY_VAULT.match(host):
        return f"{_VAULT}/secrets/{'get' if verb == 'read' else 'set'}Secret/action"
    if path.lower().startswith(HISTORY):
        reads = verb == "read" or path.rpartition("/")[2].lower() in _READING_POSTS
        return f"{_ML}/workspaces/experiments/runs/{'read' if reads else 'write'}"
    provider, _, rest = _after_providers(path).partition("/")
    kinds = [kind for kind in rest.split("/")[::2] if kind]
    return "/".join([provider, *kinds, verb]) if provider and kinds else ""


def _after_providers(path: str) -> str:
    before, marker, after = path.rpartition("/providers/")
    return after if marker and before.lower().startswith("/subscriptions/") else ""


_RESOURCE = re.compile(
    r"(?P<group>/subscriptions/[^/]+(?:/resourceGroups/[^/]+)?)(?P<own>/providers/[^/]+/(?!locations/)[^/]+/[^/]+)?",
    re.IGNORECASE,
)


def holder_of(scope: str) -> str:
    """The thing that a role is given on, for a right that is missing on `scope`, an ARM id.

    The workspace of a job, the storage account of a container, the subscription of a region; else the scope.
    """
    found = _RESOURCE.match(scope)
    return scope if found is None else f"{found['group']}{found['own'] or ''}"
