"""Rights and roles: what each request needs, which role has it, on what it is given."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amlrun._denied import Lacking, Policy, is_of_network, lacking, policies, reasons
from amlrun._rights import RIGHTS, Purpose, action_of, holder_of, told
from amlrun._roles import Permissions, Role, is_data, matches, role_for

ML = "Microsoft.MachineLearningServices"
BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
GROUP = "/subscriptions/s/resourceGroups/g"
WORKSPACE = f"{GROUP}/providers/{ML}/workspaces/w"
ARM = "https://management.azure.com"


@pytest.mark.parametrize("right", RIGHTS, ids=lambda right: right.action)
def test_each_right_that_is_needed_has_a_role_and_words(right: Any) -> None:
    """Whatever amlrun asks for, a refusal of it can say which role helps."""
    assert right.role.permissions.allows(right.action)
    assert right.role.permissions.allows(right.action.upper())
    assert told(right.action.upper()) == right.what
    assert right.purpose in Purpose


def test_what_the_roles_may() -> None:
    """As documented: who is a Data Scientist sends jobs, makes no computes, reads no quota and no files."""
    scientist, operator, reader = Role.DATA_SCIENTIST, Role.COMPUTE_OPERATOR, Role.READER
    assert scientist.permissions.allows(f"{ML}/workspaces/jobs/write")
    assert scientist.permissions.allows(f"{ML}/workspaces/read")
    assert scientist.permissions.allows(f"{ML}/workspaces/datastores/listSecrets/action")
    for never in ("workspaces/write", "workspaces/computes/write", "workspaces/computes/delete"):
        assert not scientist.permissions.allows(f"{ML}/{never}")
    assert not scientist.permissions.allows(f"{ML}/locations/usages/read")
    assert not scientist.permissions.allows(f"{BLOBS}/read")
    assert operator.permissions.allows(f"{ML}/workspaces/computes/write")
    assert not operator.permissions.allows(f"{ML}/workspaces/jobs/write")
    assert reader.permissions.allows(f"{ML}/locations/usages/read")
    assert not reader.permissions.allows(f"{ML}/workspaces/datastores/listSecrets/action")
    for owner in (Role.OWNER, Role.CONTRIBUTOR):
        assert owner.permissions.allows(f"{ML}/workspaces/computes/write")
        assert not owner.permissions.allows(f"{BLOBS}/read")  # of data nobody has a right by owning it
    assert Role.OWNER.permissions.allows("Microsoft.Authorization/roleAssignments/write")
    assert not Role.CONTRIBUTOR.permissions.allows("Microsoft.Authorization/roleAssignments/write")
    assert str(role_for("Microsoft.ContainerRegistry/registries/pull/read")) == "AcrPull"
    assert role_for("Microsoft.KeyVault/vaults/secrets/setSecret/action") is None


@given(st.text("abc/*", max_size=12), st.text("abc/", max_size=12))
def test_a_star_stands_for_anything(pattern: str, action: str) -> None:
    """A pattern without one is its own right only; one of all is of every right; the case never matters."""
    assert matches(action, ["*"])
    assert matches(action.upper(), [action])
    if "*" not in pattern:
        assert matches(action, [pattern]) == (action == pattern)
    assert matches(action, [pattern]) or not Permissions((pattern,)).allows(action)
    assert not Permissions((pattern,), ("*",)).allows(action)


@pytest.mark.parametrize(
    ("method", "url", "action"),
    [
        ("GET", f"{ARM}{WORKSPACE}?api-version=1", f"{ML}/workspaces/read"),
        ("PUT", f"{ARM}{WORKSPACE}/jobs/j", f"{ML}/workspaces/jobs/write"),
        ("POST", f"{ARM}{WORKSPACE}/jobs/j/cancel", f"{ML}/workspaces/jobs/cancel/action"),
        ("GET", f"{ARM}{WORKSPACE}/computes", f"{ML}/workspaces/computes/read"),
        ("DELETE", f"{ARM}{WORKSPACE}/computes/c", f"{ML}/workspaces/computes/delete"),
        ("PUT", f"{ARM}{WORKSPACE}/codes/c/versions/1", f"{ML}/workspaces/codes/versions/write"),
        (
            "POST",
            f"{ARM}{WORKSPACE}/datastores/d/listSecrets",
            f"{ML}/workspaces/datastores/listSecrets/action",
        ),
        ("GET", f"{ARM}/subscriptions/s/providers/{ML}/locations/x/usages", f"{ML}/locations/usages/read"),
        (
            "GET",
            f"https://x.api.azureml.ms/history/v1.0{WORKSPACE}/runs/r",
            f"{ML}/workspaces/experiments/runs/read",
        ),
        (
            "PATCH",
            f"https://x.api.azureml.ms/history/v1.0{WORKSPACE}/experiments/e/runs/r",
            f"{ML}/workspaces/experiments/runs/write",
        ),
        (
            "POST",
            f"https://x.api.azureml.ms/history/v1.0{WORKSPACE}/rundata",
            f"{ML}/workspaces/experiments/runs/read",
        ),
        (
            "POST",
            f"https://x.api.azureml.ms/history/v1.0{WORKSPACE}/experiments/e/runs/batchRunData",
            f"{ML}/workspaces/experiments/runs/read",
        ),
        (
            "POST",
            f"https://x.api.azureml.ms/history/v1.0{WORKSPACE}/experiments/e/runs:query",
            f"{ML}/workspaces/experiments/runs/read",
        ),
        ("GET", "https://acc.blob.core.windows.net/c?comp=list", f"{BLOBS}/read"),
        ("PUT", "https://acc.dfs.core.chinacloudapi.cn/c/x", f"{BLOBS}/write"),
        ("POST", "https://acc.blob.core.windows.net/c/x", f"{BLOBS}/write"),
        ("DELETE", "https://acc.blob.core.windows.net/c/x", f"{BLOBS}/delete"),
        ("GET", "https://v.vault.azure.net/secrets/x", "Microsoft.KeyVault/vaults/secrets/getSecret/action"),
        ("PUT", "https://v.vault.azure.net/secrets/x", "Microsoft.KeyVault/vaults/secrets/setSecret/action"),
        ("GET", "https://example.org/elsewhere", ""),
        ("GET", f"{ARM}/subscriptions/s/resourceGroups/g", ""),
    ],
)
def test_a_request_needs_a_right(method: str, url: str, action: str) -> None:
    """The one that the service names where it refuses such a request."""
    assert action_of(method, url) == action
    assert is_data(action) == (action.startswith(("Microsoft.Storage", "Microsoft.KeyVault")))


@pytest.mark.parametrize(
    ("scope", "holder"),
    [
        (f"{WORKSPACE}/jobs/j", WORKSPACE),
        (WORKSPACE, WORKSPACE),
        (f"/subscriptions/s/providers/{ML}/locations/eastus/usages", "/subscriptions/s"),
        ("/subscriptions/s", "/subscriptions/s"),
        (GROUP, GROUP),
        ("acc.blob.core.windows.net/c", "acc.blob.core.windows.net/c"),
    ],
)
def test_a_role_is_given_on_the_thing_that_holds_what_is_asked_for(scope: str, holder: str) -> None:
    """On a workspace, not on each of its jobs."""
    assert holder_of(scope) == holder


ASSIGN = "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action"
IDENTITY = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i"
READING = "Microsoft.KeyVault/vaults/secrets/getSecret/action"
BY_ARM = (
    "The client 'ada' with object id 'o-1' does not have authorization to perform action "
    f"'{ML}/workspaces/jobs/write' over scope '{WORKSPACE}/jobs/j' or the scope is invalid. If …"
)
LINKED = (
    "The client 'ada' with object id 'o-1' has permission to perform action "
    f"'{ML}/workspaces/computes/write' on scope '{WORKSPACE}/computes/c'; however, it does not have "
    f"permission to perform action(s) '{ASSIGN}' on the linked scope(s) '{IDENTITY}' (respectively) or …"
)
BY_VAULT = (
    "Caller is not authorized to perform action on resource.\r\nCaller: appid=a;oid=0-1;iss=https://x/\r\n"
    f"Action: '{READING}'\r\nResource: '/subscriptions/s/v'\r\n"
)


@pytest.mark.parametrize(
    ("message", "found"),
    [
        (BY_ARM, Lacking(f"{ML}/workspaces/jobs/write", f"{WORKSPACE}/jobs/j", "o-1")),
        (LINKED, Lacking(ASSIGN, IDENTITY, "o-1")),
        (BY_VAULT, Lacking(READING, "/subscriptions/s/v", "0-1")),
        ("This request is not authorized to perform this operation using this permission.", None),
    ],
)
def test_what_a_refusal_names_is_read(message: str, found: Lacking | None) -> None:
    """The right, on what, and to whom, in the words that are reported of each service."""
    assert lacking(message) == found


def test_the_way_out_is_a_role_a_scope_and_a_command() -> None:
    """To be copied as it is; of a right that no role here has, the right."""
    missing = Lacking(f"{ML}/workspaces/jobs/write", f"{WORKSPACE}/jobs/j", "o-1")
    command = f'az role assignment create --assignee o-1 --role "AzureML Data Scientist" --scope {WORKSPACE}'
    assert command in (line.strip() for line in missing.way_out.splitlines())
    assert str(missing) == (
        f"the right {missing.action} on {missing.scope}; the role AzureML Data Scientist has it"
    )
    unknown = Lacking("Microsoft.KeyVault/vaults/secrets/setSecret/action", "/subscriptions/s/v")
    assert (unknown.role, unknown.action in unknown.way_out) == ("", True)
    assert "role" not in str(unknown)
    assert "<object id>" in Lacking(missing.action, missing.scope).way_out
    assert "--scope <its ARM id>" in Lacking(f"{BLOBS}/read", "acc.blob.core.windows.net/files").way_out
    assert told("Other/thing/read") == "perform Other/thing/read"


@pytest.mark.parametrize(
    ("code", "message", "of_network"),
    [
        ("AuthorizationFailure", "This request is not authorized to perform this operation.", True),
        ("AuthorizationPermissionMismatch", "… using this permission.", False),
        ("Forbidden/ForbiddenByFirewall", "Client address is not authorized", True),
        ("Forbidden/ForbiddenByRbac", "Caller is not authorized", False),
        ("UserError", "Access to workspace was denied based on workspace private link configuration.", True),
        ("UserError", "Public access is not allowed for this workspace. Please use private endpoint.", True),
        ("AuthorizationFailed", "The client … over scope", False),
    ],
)
def test_a_network_that_is_not_let_in_is_no_missing_role(
    code: str, message: str, *, of_network: bool
) -> None:
    """Storage has two codes that are one letter apart from each other, and mean the two.

    Words of networks in a reply that is no refusal are of what the request asks for.
    """
    assert is_of_network(403, code, message) == of_network
    assert not is_of_network(409, code, message)


def test_the_policies_of_a_refusal_are_named() -> None:
    """By their display names where they have some, else by the others."""
    shown = {"policyDefinitionDisplayName": "Allowed sizes", "policyAssignmentDisplayName": "Sizes"}
    plain = {"policyDefinitionName": "d", "policyAssignmentName": "a", "policyAssignmentId": "/x/a"}
    error = {
        "additionalInfo": [
            {"type": "PolicyViolation", "info": shown},
            {"type": "PolicyViolation", "info": plain},
            {"type": "PolicyViolation", "info": "?"},
            {"type": "InnerError", "info": {}},
            "?",
        ]
    }
    first, second = policies(error)
    assert first == Policy("Allowed sizes", "Sizes")
    assert str(second) == "policy 'd', assigned as 'a' (/x/a)"
    assert policies({}) == ()


def test_a_policy_tells_which_field_it_minds() -> None:
    """Of what it looked at, the fields that it held against the request."""
    looked = [
        {"path": "properties.publicNetworkAccess", "result": "True"},
        {"expression": "type"},
        {"path": "properties.publicNetworkAccess"},
        {"path": "location", "result": "False"},
        "?",
    ]
    info = {"policyDefinitionName": "d", "evaluationDetails": {"evaluatedExpressions": looked}}
    (policy,) = policies({"additionalInfo": [{"type": "PolicyViolation", "info": info}]})
    assert str(policy).endswith(", which minds properties.publicNetworkAccess, type")
    for details in ("?", {"evaluatedExpressions": "?"}, {}):
        (policy,) = policies(
            {"additionalInfo": [{"type": "PolicyViolation", "info": {**info, "evaluationDetails": details}}]}
        )
        assert policy.fields == ()


def test_policies_may_stand_in_the_message_alone() -> None:
    """As JSON in its words; what isn't such JSON names none."""
    listed = '[{"policyAssignment":{"name":"Locations","id":"/x/a"},"policyDefinition":{"id":"/x/d"}},{},"?"]'
    error = {"message": f"Resource 'j' was disallowed by policy. Policy identifiers: '{listed}'."}
    assert policies(error) == (Policy("/x/d", "Locations", "/x/a"), Policy("?", "?"))
    for words in ("Policy identifiers: '[{]'", "Policy identifiers: none", ""):
        assert policies({"message": words}) == ()


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (
            "disallowed by policy. Reasons: 'Ask it's owner. See https://c'. See error details for …",
            "Ask it's owner. See https://c",
        ),
        ("disallowed by policy. Reasons: 'No.'. Policy identifiers: '[]'.", "No."),
        ("disallowed by policy. Reasons: 'No'.", "No"),
        ("disallowed by policy. Policy identifiers: '[]'.", ""),
    ],
)
def test_what_a_policys_author_says_is_found(message: str, said: str) -> None:
    """Whole, whatever marks stand in it."""
    assert reasons(message) == said
