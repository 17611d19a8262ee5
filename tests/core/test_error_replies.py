"""Replies that are errors: the right, the scope and the role; a sign-in; a policy; a network."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amlrun import AmlrunError, NotAuthorized, ServiceError
from amlrun._denied import NO_KEYS
from amlrun._error_replies import ErrorReply, failure_of, innermost, scope_of
from amlrun._rights import BLOBS

ML = "Microsoft.MachineLearningServices"
WORKSPACE = f"/subscriptions/s/resourceGroups/g/providers/{ML}/workspaces/w"
JOB = f"https://management.azure.com{WORKSPACE}/jobs/j?api-version=1&sig=hidden"
HISTORY = f"https://eastus.api.azureml.ms/history/v1.0{WORKSPACE}/experiments/e/runs/r"
BLOB = "https://acc.blob.core.windows.net/files/a/b?sig=hidden"


def failure(status: int, body: Any, url: str = JOB, method: str = "PUT", **more: Any) -> AmlrunError:
    """What becomes of a reply; a body that is no text is JSON."""
    text = body if isinstance(body, str) else json.dumps(body)
    return failure_of(ErrorReply(method, url, status, text, **more))


def refused(status: int, body: Any, url: str = JOB, method: str = "PUT", **more: Any) -> NotAuthorized:
    """The same, of one that a role or a sign-in mends."""
    error = failure(status, body, url, method, **more)
    assert isinstance(error, NotAuthorized)
    return error


def error_of(code: str, message: str, **more: Any) -> dict[str, Any]:
    """An error body as ARM writes it."""
    return {"error": {"code": code, "message": message, **more}}


def inner(*codes: str) -> list[dict[str, Any]]:
    """A chain of inner codes."""
    chain: Any = None
    for code in reversed(codes):
        chain = {"code": code, "innerError": chain}
    return [{"type": "InnerError", "info": {"value": chain}}]


def test_a_missing_right_is_told_with_its_scope_and_its_role() -> None:
    """As the resource manager names them; the command is for whoever may give roles."""
    message = (
        "The client 'ada' with object id 'o-1' does not have authorization to perform action "
        f"'{ML}/workspaces/jobs/write' over scope '{WORKSPACE}/jobs/j' or the scope is invalid."
    )
    error = refused(403, error_of("AuthorizationFailed", message))
    assert (error.action, error.role) == (f"{ML}/workspaces/jobs/write", "AzureML Data Scientist")
    assert (error.scope, error.signed_in) == (f"{WORKSPACE}/jobs/j", True)
    assert f'--assignee o-1 --role "AzureML Data Scientist" --scope {WORKSPACE}' in error.hint


@pytest.mark.parametrize(
    ("request_line", "expected"),
    [
        (("PUT", JOB), (f"{ML}/workspaces/jobs/write", "AzureML Data Scientist", f"{WORKSPACE}/jobs/j")),
        (
            ("PATCH", HISTORY),
            (f"{ML}/workspaces/experiments/runs/write", "AzureML Data Scientist", WORKSPACE),
        ),
        (("GET", BLOB), (f"{BLOBS}/read", "Storage Blob Data Reader", "acc.blob.core.windows.net/files")),
    ],
)
@pytest.mark.parametrize("body", ["", "<html>", error_of("Forbidden", "no")])
def test_a_refusal_without_words_is_told_by_what_was_asked(
    body: Any, request_line: tuple[str, str], expected: tuple[str, str, str]
) -> None:
    """The right that such a request needs, its role and scope, and the account that the token is of."""
    method, url = request_line
    error = refused(403, body, url, method, object_id="o-2")
    assert (error.action, error.role, error.scope) == expected
    assert "--assignee o-2" in error.hint


def test_of_what_nobody_knows_a_right_only_that_is_said() -> None:
    """No role is made up."""
    error = refused(403, "", "https://example.org/x", "GET")
    assert (error.action, error.role, error.scope) == ("", "", "example.org/x")
    assert "another tenant" in error.hint


def test_the_storages_words_are_read() -> None:
    """XML; one code is of rights, and one that is nearly the same of the network."""
    xml = "<?xml version='1.0'?><Error><Code>{}</Code><Message>This is not …\nRequestId:1</Message></Error>"
    error = refused(403, xml.format("AuthorizationPermissionMismatch"), BLOB)
    where = "PUT acc.blob.core.windows.net/files/a/b"
    assert error.message == f"{where}: 403 AuthorizationPermissionMismatch: This is not …"
    assert error.role == "Storage Blob Data Contributor"
    closed = failure(403, xml.format("AuthorizationFailure"), BLOB)
    assert isinstance(closed, ServiceError)
    assert (closed.host, closed.passing) == ("acc.blob.core.windows.net", False)
    assert "VPN or a jump host" in closed.hint


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (
            502,
            error_of(
                "UserError", "Access to workspace was denied based on workspace private link configuration."
            ),
        ),
        (403, error_of("Forbidden", "Client address is …", innererror={"code": "ForbiddenByFirewall"})),
    ],
)
def test_a_network_that_is_not_let_in_is_asked_no_second_time(status: int, body: Any) -> None:
    """Whatever the status: 502 is no fault that passes here."""
    error = failure(status, body)
    assert isinstance(error, ServiceError)
    assert (error.passing, error.host, error.status) == (False, "management.azure.com", status)
    assert error.hint.startswith("The workspace isn't open to this network: is a VPN")


def test_a_network_that_a_request_is_about_closes_no_host() -> None:
    """The resource manager has answered: what it says of somebody's network settings is no VPN's matter."""
    words = "The public network access of the storage account must be Enabled, or use a private link."
    error = failure(409, error_of("Conflict", words))
    assert isinstance(error, ServiceError)
    assert (error.host, error.hint) == ("", "")


@pytest.mark.parametrize("status", [401, 403])
def test_a_signature_that_is_not_taken_is_no_missing_role(status: int) -> None:
    """Nobody was asked who they are: neither a role helps nor a sign-in."""
    error = failure_of(ErrorReply("GET", BLOB, status, "", code="AuthenticationFailed", signed=True))
    assert isinstance(error, ServiceError)
    assert ("signature of this link" in error.hint, "az " in error.hint) == (True, False)


def test_a_link_signed_with_a_key_that_is_not_taken_any_more() -> None:
    """It isn't too old: the storage takes no keys, and each new link would be refused as well."""
    error = failure_of(ErrorReply("GET", BLOB, 403, "", code=NO_KEYS, signed=True))
    assert isinstance(error, ServiceError)
    assert "--system-datastores-auth-mode identity" in error.hint


def test_a_sign_in_that_is_not_taken_is_no_missing_right() -> None:
    """No role helps; with a token of another tenant, the tenant is named."""
    plain = refused(401, error_of("ExpiredAuthenticationToken", "The access token expiry …"))
    assert (plain.signed_in, plain.role, "az login" in plain.hint) == (False, "", True)
    message = (
        "The access token is from the wrong issuer 'https://sts.windows.net/t-1/'. It must match the tenant "
        "'https://sts.windows.net/t-2/' associated with this subscription. Please use …"
    )
    other = refused(401, error_of("InvalidAuthenticationTokenTenant", message))
    assert (other.signed_in, "az login --tenant t-2" in other.hint) == (False, True)


def test_rights_on_what_a_request_names_have_roles_too() -> None:
    """A registry's, and those on data, which the service doesn't name."""
    registry = refused(401, error_of("UserError", "no", additionalInfo=inner("UnAuthorizedRegistryAccess")))
    assert (registry.role, registry.signed_in) == ("AzureML Registry User", True)
    assert registry.role in registry.hint
    words = "failed due to the caller not having read access to specified resources"
    data = refused(403, error_of("UserError", words))
    assert data.role == "Storage Blob Data Reader"
    assert data.role in data.hint


@pytest.mark.parametrize("named", [True, False])
def test_a_policy_is_no_missing_right(*, named: bool) -> None:
    """It is named with its assignment, and not by the page of JSON that the service sends; no role helps."""
    info = {
        "policyDefinitionDisplayName": "Allowed sizes",
        "policyAssignmentDisplayName": "Sizes of the team",
    }
    more = {"additionalInfo": [{"type": "PolicyViolation", "info": info}]} if named else {}
    error = failure(403, error_of("RequestDisallowedByPolicy", "Resource 'j' … [{long JSON}]", **more))
    assert isinstance(error, ServiceError)
    assert (error.service_code, error.passing) == ("RequestDisallowedByPolicy", False)
    assert "no role helps" in error.hint
    told = "PUT /workspaces/w/jobs/j: 403 RequestDisallowedByPolicy: "
    told += "policy 'Allowed sizes', assigned as 'Sizes of the team'" if named else "Resource 'j'"
    assert error.message.startswith(told)
    assert ("long JSON" in error.message) == (not named)


def test_what_a_policys_author_has_to_say_is_the_way_out() -> None:
    """The message of the assignment, which is written for whoever is stopped."""
    words = "Resource 'j' was disallowed by policy. Reasons: 'Use private link, see https://corp'. "
    words += "See error details for policy resource IDs."
    error = failure(403, error_of("RequestDisallowedByPolicy", words))
    assert "says: Use private link, see https://corp" in error.hint
    assert "no role helps" in error.hint


def test_the_innermost_code_counts() -> None:
    """Of chains of both spellings, and of none."""
    assert innermost({"code": "UserError", "additionalInfo": [*inner("A", "B"), "?"]}) == ("A/B", "")
    vault = {"code": "Forbidden", "message": " no ", "innererror": {"code": "ForbiddenByRbac"}}
    assert innermost(vault) == ("Forbidden/ForbiddenByRbac", "no")
    assert innermost({}) == ("", "")


ODD = [
    5,
    {"type": "InnerError"},
    [{"type": "InnerError", "info": [1]}],
    [{"type": "PolicyViolation", "info": 4}],
]


@pytest.mark.parametrize("more", ODD)
@pytest.mark.parametrize("code", ["Odd", "RequestDisallowedByPolicy"])
def test_a_refusal_of_another_form_is_told_by_what_it_has(code: str, more: Any) -> None:
    """Whatever stands in the place of its details."""
    error = failure(403, error_of(code, "no", additionalInfo=more))
    assert f"403 {code}: no" in error.message


JWT = "eyJhbGciOiJSUzI1NiJ9.eyJvaWQiOiJvLTEifQ.c4nary"


@pytest.mark.parametrize("status", [400, 401, 403, 500])
@pytest.mark.parametrize(
    "quoted",
    [
        f"The headers {{'Authorization': 'Bearer {JWT}', 'Accept': '*/*'}} can't be read.",
        f"Authorization: Bearer {JWT}",
        f"The token '{JWT}' is not valid.",
        "PUT https://a.blob.core.windows.net/c/b?sv=1&sig=c4nary is no URL",
    ],
)
def test_a_refusal_that_quotes_what_was_sent(status: int, quoted: str) -> None:
    """With its token, say: it is told without."""
    error = failure(status, error_of(quoted, quoted))
    assert "c4nary" not in f"{error!r} {error} {vars(error)}"
    page = f"<Error><Code>{quoted}</Code><Message>{quoted}</Message></Error>"
    assert "c4nary" not in str(failure(status, page, BLOB))


def test_a_body_that_nobody_can_take_apart() -> None:
    """It is nested deeper than Python goes."""
    assert "502 : Bad Gateway" in failure(502, "[" * 100_000, reason="Bad Gateway").message


def test_a_scope_is_an_arm_id_where_there_is_one() -> None:
    """A workspace of its run history, a container of a blob."""
    assert scope_of(HISTORY) == WORKSPACE
    assert scope_of(JOB) == f"{WORKSPACE}/jobs/j"
    assert scope_of(BLOB) == "acc.blob.core.windows.net/files"


@given(
    st.sampled_from([400, 401, 403, 404, 409, 429, 500, 502]),
    st.sampled_from([JOB, HISTORY, BLOB, "https://example.org/x?sig=hidden"]),
    st.recursive(
        st.none() | st.booleans() | st.text(max_size=20),
        lambda one: (
            st.lists(one, max_size=3) | st.dictionaries(st.sampled_from(["error", "code", "message"]), one)
        ),
        max_leaves=6,
    ),
)
def test_whatever_comes_is_told_and_hides_signatures(status: int, url: str, body: Any) -> None:
    """A reply of any form gives one of our errors, and never tells what opens something."""
    error = failure(status, body, url)
    assert isinstance(error, (NotAuthorized, ServiceError))
    assert "hidden" not in str(error)
