"""What a refusal says: a right that is missing, a network that isn't let in, a policy that forbids. Pure."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import attrs

from amlrun._readings.json_values import items_in
from amlrun._rights import holder_of
from amlrun._roles import role_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@attrs.frozen
class Lacking:
    """What a refusal says is missing: the right, on what, and to whom (object id; "": it doesn't say)."""

    action: str
    scope: str
    object_id: str = ""

    @property
    def role(self) -> str:
        """The built-in role that has it; "": none that is known here."""
        found = role_for(self.action)
        return "" if found is None else found.title

    def __str__(self) -> str:
        role = f"; the role {self.role} has it" if self.role else ""
        return f"the right {self.action} on {self.scope}{role}"

    @property
    def way_out(self) -> str:
        """What to do, with the command for whoever may give roles."""
        holder = holder_of(self.scope)
        if not self.role:
            return f"A role with {self.action} on {holder} is needed; its owner can make one."
        assignee = self.object_id or "<object id>"
        at = holder if holder.startswith("/") else "<its ARM id>"
        return (
            f"The role {self.role} on {holder} has this right. Its owner can give it:\n"
            f'  az role assignment create --assignee {assignee} --role "{self.role}" --scope {at}\n'
            "A role that was given just now takes some minutes, and perhaps a new sign-in."
        )


_WORDS = (
    # The resource manager: `AuthorizationFailed`.
    re.compile(
        r"with object id '(?P<id>[^']*)'.*? perform action '(?P<action>[^']+)' over scope '(?P<scope>[^']+)'"
    ),
    # The same, of something that the request refers to: `LinkedAuthorizationFailed`.
    re.compile(
        r"^(?:.*?with object id '(?P<id>[^']*)')?.*?does not have permission to perform action(?:\(s\))?"
        r" '(?P<action>[^']+)' on the linked scope(?:\(s\))? '(?P<scope>[^',]+)"
    ),
    # Key vault: `ForbiddenByRbac`.
    re.compile(
        r"(?s)oid=(?P<id>[0-9a-f-]+).*?Action: '(?P<action>[^']+)'\s+Resource: '(?P<scope>[^']+)'",
        re.IGNORECASE,
    ),
)


def lacking(message: str) -> Lacking | None:
    """What the words of a refusal name; None: they name no right."""
    for words in _WORDS:
        if found := words.search(message):
            return Lacking(found["action"], found["scope"], found["id"] or "")
    return None


NETWORK_CODES = (
    "AuthorizationFailure",
    "ForbiddenByFirewall",
    "ForbiddenByConnection",
    "PublicNetworkAccess",
)
_NETWORK_WORDS = ("private link", "private endpoint", "public network access", "using this network")
_OF_NETWORK = (403, 502)


def is_of_network(status: int, code: str, message: str) -> bool:
    """Whether a refusal is of where a request comes from, and no role helps.

    Other statuses tell of a network that somebody has set up wrong, and that a job can't be made in.

    Storage's `AuthorizationFailure` and key vault's `ForbiddenBy…` are documented; that a workspace answers
    `Access to workspace was denied based on workspace private link configuration`, with 502, is reported.
    """
    if status not in _OF_NETWORK:
        return False
    codes = code.split("/")
    said = message.lower()
    return any(one in codes for one in NETWORK_CODES) or any(words in said for words in _NETWORK_WORDS)


NO_KEYS = "KeyBasedAuthenticationNotPermitted"
"""Storage's code for a key, or a signature made with one, where its account is closed for them.

https://learn.microsoft.com/azure/storage/common/shared-key-authorization-prevent
"""
WITHOUT_KEYS = (
    "The storage account takes no keys, and the datastore hands one out: no role alone helps. The workspace's"
    " own datastores go without:\n"
    "  az ml workspace update --name <workspace> --resource-group <group>"
    " --system-datastores-auth-mode identity\n"
    "Another one is registered anew, without credentials. Then whoever reads or writes there needs a role on"
    " the account: Storage Blob Data Contributor."
)
"""The way out there."""


@attrs.frozen
class Policy:
    """A policy that forbade a request, by the names that people see, and by its ids; and what it minds."""

    name: str
    assignment: str
    assignment_id: str = ""
    fields: tuple[str, ...] = ()

    def __str__(self) -> str:
        at = f" ({self.assignment_id})" if self.assignment_id else ""
        minds = f", which minds {', '.join(self.fields)}" if self.fields else ""
        return f"policy {self.name!r}, assigned as {self.assignment!r}{at}{minds}"


_REASONS = re.compile(r"(?s)\bReasons?: '(?P<reasons>.+?)'\.?(?: See error details| Policy identifiers|\s*$)")
_IDENTIFIERS = re.compile(r"(?s)\bPolicy identifiers?: '(?P<identifiers>\[.+\])'")


def reasons(message: str) -> str:
    """What whoever made the policy says to those whom it stops (its non-compliance message); "": nothing.

    https://learn.microsoft.com/azure/governance/policy/concepts/assignment-structure#non-compliance-messages
    """
    found = _REASONS.search(message)
    return "" if found is None else found["reasons"]


def policies(error: Mapping[str, Any]) -> tuple[Policy, ...]:
    """The policies that an error body names (`additionalInfo` of type `PolicyViolation`: documented).

    Older answers have them as JSON in the message alone: reported of several services.
    https://learn.microsoft.com/azure/governance/policy/how-to/determine-non-compliance
    """
    infos = [
        one.get("info")
        for one in items_in(error.get("additionalInfo"))
        if one.get("type") == "PolicyViolation"
    ]
    found = tuple(_policy(info) for info in infos if isinstance(info, dict))
    return found or tuple(_identified(str(error.get("message") or "")))


def _policy(info: Mapping[str, Any]) -> Policy:
    return Policy(
        name=str(info.get("policyDefinitionDisplayName") or info.get("policyDefinitionName") or "?"),
        assignment=str(info.get("policyAssignmentDisplayName") or info.get("policyAssignmentName") or "?"),
        assignment_id=str(info.get("policyAssignmentId") or ""),
        fields=_fields(info.get("evaluationDetails")),
    )


def _fields(details: Any) -> tuple[str, ...]:
    """Of what it held against the request, the fields."""
    expressions = details.get("evaluatedExpressions") if isinstance(details, dict) else None
    paths = [
        str(one.get("path") or one.get("expression") or "")
        for one in (expressions if isinstance(expressions, list) else ())
        if isinstance(one, dict) and str(one.get("result", True)).lower() == "true"
    ]
    return tuple(dict.fromkeys(filter(None, paths)))


def _identified(message: str) -> Iterator[Policy]:
    found = _IDENTIFIERS.search(message)
    try:
        listed = json.loads(found["identifiers"]) if found else []
    except ValueError:
        return
    for one in filter(lambda one: isinstance(one, dict), listed):
        definition, assignment = (
            part if isinstance(part, dict) else {}
            for part in (one.get("policyDefinition"), one.get("policyAssignment"))
        )
        yield Policy(
            name=str(definition.get("name") or definition.get("id") or "?"),
            assignment=str(assignment.get("name") or "?"),
            assignment_id=str(assignment.get("id") or ""),
        )
