"""The sender: what is repeated and for how long, and what an error body says. Over a scripted transport."""

from __future__ import annotations

import io
import json
from typing import Any

import attrs
import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import AzureError, ClientAuthenticationError
from azure.core.pipeline.policies import HTTPPolicy, SansIOHTTPPolicy
from azure.core.pipeline.transport import RequestsTransport
from requests import ConnectionError, PreparedRequest, ReadTimeout, Response, Session  # noqa: A004  its name
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

from amlrun import AmlrunError, NotAuthorized, ServiceError
from amlrun._patience import ATTEMPTS, HURRIED_READ, LONGEST_WAIT
from amlrun._rest import Rest, Wire

PATH = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w/jobs/j"


@attrs.frozen
class Answer:
    """A reply to come; no status: the connection breaks, or `hangs`."""

    status: int | None = 200
    body: Any = attrs.field(factory=dict)
    headers: dict[str, str] = attrs.field(factory=dict)
    hangs: bool = False


class Wires(HTTPAdapter):
    """Answers from a list, and keeps what was asked."""

    def __init__(self, answers: list[Answer]) -> None:
        super().__init__()
        self.answers = answers
        self.requests: list[PreparedRequest] = []
        self.patience: list[tuple[float, float]] = []

    def send(self, request: PreparedRequest, *_: Any, timeout: Any = None, **__: Any) -> Response:
        """The next answer."""
        self.requests.append(request)
        self.patience.append(timeout)
        answer = self.answers.pop(0)
        if answer.hangs:
            raise ReadTimeout("Read timed out.")
        if answer.status is None:
            raise ConnectionError("the connection was reset")
        text = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
        reply = HTTPResponse(
            body=io.BytesIO(text.encode()),
            status=answer.status,
            headers={"Content-Type": "application/json", **answer.headers},
            preload_content=False,
        )
        return self.build_response(request, reply)


class Script(RequestsTransport):  # type: ignore[misc]  # azure-core exports it lazily, untyped
    """A transport over such wires, on a clock of its own."""

    def __init__(self, *answers: Answer) -> None:
        self.wires = Wires(list(answers))
        session = Session()
        session.mount("https://", self.wires)
        super().__init__(session=session, session_owner=False)
        self.waits: list[float] = []

    @property
    def requests(self) -> list[PreparedRequest]:
        """What was asked."""
        return self.wires.requests

    @property
    def patience(self) -> list[tuple[float, float]]:
        """For how many seconds a connection, and then a byte, was waited for each time."""
        return self.wires.patience

    def now(self) -> float:
        """No time passes but by sleeping."""
        return sum(self.waits)

    def sleep(self, duration: float) -> None:
        """Noted."""
        self.waits.append(duration)


class Signed:
    """A credential."""

    def get_token(self, *_scopes: str, **_: Any) -> AccessToken:
        """A token for ever."""
        return AccessToken("token", 4102444800)


class Unsigned:
    """A credential of nobody."""

    def get_token(self, *_scopes: str, **_: Any) -> AccessToken:
        """No token."""
        raise ClientAuthenticationError("Please run az login\nand a page of stack")


def rest(*answers: Answer, credential: Any = None) -> tuple[Rest, Script]:
    """A sender over these answers."""
    script = Script(*answers)
    return Rest(Wire(credential or Signed(), transport=script)), script


def error_body(code: str, message: str, *inner: str) -> dict[str, Any]:
    """An error as the service sends it: a coarse code, the useful ones in a chain."""
    chain: dict[str, Any] | None = None
    for name in reversed(inner):
        chain = {"code": name, "innerError": chain}
    info = [
        {"type": "ComponentName", "info": {"value": "x"}},
        {"type": "InnerError", "info": {"value": chain}},
    ]
    return {"error": {"code": code, "message": message, "additionalInfo": info}}


def test_a_reply_is_parsed_and_asked_for_as_the_service_wants_it() -> None:
    """The api-version is in the query, the token in the header."""
    sender, script = rest(Answer(body={"a": 1}))
    assert sender.get(PATH, params={"$skip": "2"}) == {"a": 1}
    request = script.requests[0]
    assert "api-version=2024-04-01" in str(request.url)
    assert "skip" in str(request.url)
    assert request.headers["Authorization"] == "Bearer token"


@pytest.mark.parametrize(
    ("first", "attempts", "waits", "found"),
    [
        (Answer(503), 2, [1.0], True),
        (Answer(503), 1, [], False),
        (Answer(429, headers={"Retry-After": "4"}), 2, [4.0], True),
        (Answer(429, headers={"Retry-After": "20"}), 2, [], False),
    ],
)
def test_what_can_be_done_without_is_not_waited_for(
    first: Answer, attempts: int, waits: list[float], *, found: bool
) -> None:
    """A few calls, seconds between them at most; whoever sends what must be sent waits as before."""
    sender, script = rest(first, Answer(body={"a": 1}))
    if found:
        assert sender.hurried(attempts).get(PATH) == {"a": 1}
    else:
        with pytest.raises(ServiceError):
            sender.hurried(attempts).get(PATH)
    assert script.waits == waits
    sender, _ = rest(first, Answer(body={"a": 1}))
    sender.hurried(attempts)
    assert sender.get(PATH) == {"a": 1}


HUNG = Answer(None, hangs=True)


@pytest.mark.parametrize(
    ("answers", "calls", "found"),
    [
        ([HUNG, HUNG], 2, False),
        ([HUNG, Answer(503), HUNG], 3, False),
        ([Answer(503), HUNG], 2, False),
        ([HUNG, Answer(503), Answer(503), Answer(body={"a": 1})], 4, True),
        ([Answer(None), Answer(None), Answer(None), Answer(body={"a": 1})], 4, True),
        ([Answer(429, headers={"Retry-After": "20"}), Answer(body={"a": 1})], 2, True),
    ],
)
def test_what_hangs_twice_is_given_up(answers: list[Answer], calls: int, *, found: bool) -> None:
    """By whoever a plan waits for, after 20 seconds each; what must be sent is sent four times."""
    sender, script = rest(*answers)
    if found:
        assert sender.bounded().get(PATH) == {"a": 1}
    else:
        with pytest.raises(ServiceError, match="got no answer"):
            sender.bounded().get(PATH)
    assert script.patience == [(HURRIED_READ, HURRIED_READ)] * calls
    sender, script = rest(HUNG, HUNG, HUNG, Answer(body={"a": 1}))
    sender.bounded()
    assert sender.get(PATH) == {"a": 1}
    assert min(min(pair) for pair in script.patience) > HURRIED_READ


def test_a_client_with_less_patience_keeps_it() -> None:
    """It was given on purpose."""
    script = Script(Answer())
    Rest(Wire(Signed(), transport=script, connection={"read_timeout": 5})).bounded().get(PATH)
    assert script.patience == [(HURRIED_READ, 5)]


def test_pages_are_followed() -> None:
    """Every page of a collection, by its own link."""
    sender, script = rest(
        Answer(body={"value": [{"a": 1}], "nextLink": f"https://management.azure.com{PATH}?page=2"}),
        Answer(body={"value": [{"a": 2}], "nextLink": None}),
    )
    assert sender.list(PATH) == [{"a": 1}, {"a": 2}]
    assert script.requests[1].url == f"https://management.azure.com{PATH}?page=2"


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_repeated(status: int) -> None:
    """The same request, waits growing, until it works."""
    sender, script = rest(Answer(status), Answer(status, body="<html>"), Answer(body={"a": 1}))
    assert sender.get(PATH) == {"a": 1}
    assert script.waits == [1, 2]
    assert len({request.url for request in script.requests}) == 1


def test_a_broken_connection_is_repeated_and_then_told() -> None:
    """As many calls as the SDK makes, then an error with no status."""
    sender, script = rest(*[Answer(None)] * ATTEMPTS)
    with pytest.raises(ServiceError, match="got no answer") as caught:
        sender.get(PATH)
    assert (caught.value.status, len(script.requests)) == (0, ATTEMPTS)


def test_after_the_last_attempt_the_services_words_come_through() -> None:
    """Status, the innermost code, the message, the request's id; how often it was asked, and what to do."""
    body = error_body("ServiceError", "Received 503 from a service request", "Inner", "Innermost")
    sender, _ = rest(*[Answer(500, body, {"x-ms-request-id": "id-1"})] * ATTEMPTS)
    with pytest.raises(ServiceError, match="jobs/j: 500 Inner/Innermost: Received 503") as caught:
        sender.get(PATH)
    error = caught.value
    assert (error.status, error.service_code, error.request_id) == (500, "Inner/Innermost", "id-1")
    assert error.hint == f"Such a fault passes; calls made: {ATTEMPTS}. Try again later."


@pytest.mark.parametrize(
    ("answer", "wait"),
    [
        (Answer(429, headers={"Retry-After": "7"}), 7),
        (
            Answer(429, error_body("UserError", "Retry again after 20 seconds.", "QuotaExceeded")),
            20,
        ),
        (Answer(503, headers={"Retry-After": "86400"}), LONGEST_WAIT),
        (
            Answer(
                503,
                headers={
                    "Retry-After": "Wed, 21 Oct 2015 07:28:30 GMT",
                    "Date": "Wed, 21 Oct 2015 07:28:00 GMT",
                },
            ),
            30,
        ),
        (Answer(503, headers={"Retry-After": "soon"}), 1),
        (Answer(503, headers={"Retry-After": "\N{SUPERSCRIPT TWO}"}), 1),
    ],
)
def test_the_wait_that_a_reply_asks_for_is_kept(answer: Answer, wait: float) -> None:
    """In its header (seconds or a date), else in its text; never longer than a minute."""
    sender, script = rest(answer, Answer())
    sender.get(PATH)
    assert script.waits == [wait]


@pytest.mark.parametrize("status", [400, 404, 409])
def test_what_will_not_pass_is_asked_once(status: int) -> None:
    """A refusal is final."""
    sender, script = rest(Answer(status, error_body("UserError", "no", "NotFound", "JobNotFound")))
    with pytest.raises(ServiceError) as caught:
        sender.get(PATH)
    assert caught.value.service_code == "NotFound/JobNotFound"
    assert (len(script.requests), script.waits) == (1, [])


@pytest.mark.parametrize("status", [401, 403])
def test_a_missing_right_is_an_error_of_its_own(status: int) -> None:
    """It says on what."""
    sender, _ = rest(Answer(status, {"error": {"code": "AuthorizationFailed", "message": "no"}}))
    with pytest.raises(NotAuthorized) as caught:
        sender.get(PATH)
    assert (caught.value.service_code, caught.value.scope) == ("AuthorizationFailed", PATH)


def test_a_policy_is_no_missing_right() -> None:
    """403 RequestDisallowedByPolicy is the subscription's own rule."""
    sender, _ = rest(Answer(403, error_body("RequestDisallowedByPolicy", "RequestDisallowedByPolicy: no")))
    with pytest.raises(ServiceError) as caught:
        sender.get(PATH)
    assert (caught.value.status, "A policy of" in caught.value.hint) == (403, True)


@pytest.mark.parametrize("body", ["<html>sign in</html>", ""])
def test_a_reply_that_is_no_json_is_told(body: str) -> None:
    """A proxy's page, or nothing."""
    sender, _ = rest(Answer(200, body))
    with pytest.raises(ServiceError, match=r"no JSON|empty reply"):
        sender.get(PATH)


def test_who_is_not_signed_in_is_told_in_one_line() -> None:
    """The first line of the credential's words, not its page of stack."""
    sender, _ = rest(credential=Unsigned())
    with pytest.raises(NotAuthorized, match=r"^No token: Please run az login\nSign in"):
        sender.get(PATH)
    with pytest.raises(NotAuthorized, match=r"^No token: Please run az login\nSign in"):
        sender.token("https://ml.azure.com/.default")


HISTORY = "https://eastus.api.azureml.ms/history/v1.0/x"


def test_a_host_that_never_answered_is_behind_a_network() -> None:
    """While the resource manager answers: two calls with short patience, and the host is named."""
    sender, script = rest(Answer(), Answer(None), Answer(None), Answer())
    sender.get(PATH)
    with pytest.raises(ServiceError, match=r"eastus\.api\.azureml\.ms got no answer") as caught:
        sender.get(HISTORY, api_version="")
    error = caught.value
    assert (error.host, error.status, error.passing) == ("eastus.api.azureml.ms", 0, False)
    assert "VPN or a jump host" in error.hint
    assert len(script.requests) == 3
    assert [patience[0] for patience in script.patience[1:]] == [HURRIED_READ, HURRIED_READ]
    sender.hurried(1).get(HISTORY, api_version="")  # what hurries has reached it for all
    sender, script = rest(Answer(), Answer(), *[Answer(None)] * ATTEMPTS)
    sender.get(PATH)
    sender.get(HISTORY, api_version="")
    with pytest.raises(ServiceError) as caught:
        sender.get(HISTORY, api_version="")
    assert (caught.value.host, caught.value.passing, len(script.requests)) == ("", True, 2 + ATTEMPTS)


def test_where_nothing_answers_no_host_is_blamed() -> None:
    """Without a network all are as they are."""
    sender, script = rest(*[Answer(None)] * ATTEMPTS)
    with pytest.raises(ServiceError) as caught:
        sender.get(HISTORY, api_version="")
    assert (caught.value.host, caught.value.passing, len(script.requests)) == ("", True, ATTEMPTS)


def test_a_private_workspace_is_asked_once() -> None:
    """Its 502 is of the network, not of a gateway that fails."""
    words = "Access to workspace was denied based on workspace private link configuration."
    sender, script = rest(Answer(502, error_body("UserError", words)))
    with pytest.raises(ServiceError, match="private link") as caught:
        sender.get(PATH)
    assert (caught.value.host, len(script.requests)) == ("management.azure.com", 1)


def test_a_signed_url_goes_without_a_token() -> None:
    """The signature is the right to read; a token would go to a host that it isn't for."""
    sender, script = rest(Answer(body="line 1\nline 2"))
    assert sender.text("https://account.blob.core.windows.net/log?sig=secret") == "line 1\nline 2"
    assert "Authorization" not in script.requests[0].headers


def test_a_signature_that_is_not_taken_costs_no_token() -> None:
    """What is kept for the resource manager is good; a pipeline's may not be had a second time."""
    asked: list[str] = []

    class Once(Signed):
        def get_token(self, *scopes: str, **_: Any) -> AccessToken:
            asked.extend(scopes)
            return super().get_token(*scopes)

    script = Script(Answer(), Answer(401), Answer())
    sender = Rest(Wire(Once(), transport=script))
    sender.get(PATH)
    with pytest.raises(ServiceError, match="401"):
        sender.text("https://account.blob.core.windows.net/log?sig=secret")
    sender.get(PATH)
    assert asked == ["https://management.azure.com/.default"]


def test_two_senders_of_one_client_keep_apart() -> None:
    """A policy of the user's stands in the chain of each, with what comes behind it there."""

    class Theirs(HTTPPolicy[Any, Any]):
        def send(self, request: Any) -> Any:
            return self.next.send(request)

    script = Script(Answer(), Answer(), Answer())
    asked: list[tuple[str, ...]] = []

    class Noting(Signed):
        def get_token(self, *scopes: str, **_: Any) -> AccessToken:
            asked.append(scopes)
            return super().get_token(*scopes)

    sender = Rest(Wire(Noting(), transport=script, per_call_policies=(Theirs(),)))
    other = sender.elsewhere("https://vault.azure.net/.default")
    sender.get(PATH)
    other.get("https://v.vault.azure.net/secrets/x")
    sender.get(PATH)
    assert asked == [("https://management.azure.com/.default",), ("https://vault.azure.net/.default",)]


def test_any_other_fault_of_the_way_is_a_service_error() -> None:
    """A policy of the client's that fails, say: it is told, and not repeated."""

    class Broken(SansIOHTTPPolicy[Any, Any]):
        def on_request(self, _request: Any) -> None:
            raise AzureError("the proxy's policy is broken")

    script = Script(Answer())
    sender = Rest(Wire(Signed(), transport=script, per_call_policies=(Broken(),)))
    with pytest.raises(ServiceError, match="the proxy's policy is broken"):
        sender.get(PATH)
    assert script.requests == []


@pytest.mark.parametrize("odd", [PATH, "https://example.org/", 5, ["x"]])
def test_pages_come_to_an_end(odd: Any) -> None:
    """Whatever is said of a next one: an address that was read is not read again, and no other is one."""
    page = Answer(body={"value": [{}], "nextLink": odd})
    sender, script = rest(*[page] * 5)
    assert len(sender.list(PATH)) == len(script.requests) == (2 if isinstance(odd, str) else 1)


def test_half_a_reply_is_not_quoted() -> None:
    """It may be half a secret; a page says who is in between."""
    sender, _ = rest(Answer(body='{"key": "c4nary'), Answer(body="<html>Sign in</html>"))
    for words in ("with what is no JSON, of 15 characters", "<html>Sign in"):
        with pytest.raises(ServiceError, match=words) as caught:
            sender.get(PATH)
        error: BaseException | None = caught.value
        assert error is not None
        assert error.__cause__ is None
        assert "c4nary" not in str(error)


def test_a_challenge_that_nobody_can_read() -> None:
    """azure-core takes it apart, and doesn't get far."""
    claims = 'Bearer error="insufficient_claims", claims="\N{LATIN SMALL LETTER Y WITH DIAERESIS}!"'
    sender, _ = rest(Answer(401, headers={"WWW-Authenticate": claims}))
    with pytest.raises(AmlrunError, match="jobs/j"):
        sender.get(PATH)


def test_a_signature_is_never_told() -> None:
    """Not in an error either."""
    sender, _ = rest(Answer(404, "gone"))
    with pytest.raises(AmlrunError) as caught:
        sender.text("https://account.blob.core.windows.net/log?sig=secret")
    assert "secret" not in str(caught.value)


def test_a_reply_without_a_body() -> None:
    """Its status is what it says."""
    sender, script = rest(Answer(202, ""))
    reply = sender.send("POST", f"{PATH}/cancel", body={"a": 1})
    assert (reply.status, reply.body) == (202, None)
    assert json.loads(script.requests[0].body or "") == {"a": 1}


def test_a_token_for_another_audience() -> None:
    """Of the same account."""
    sender, _ = rest()
    assert sender.token("https://ml.azure.com/.default") == "token"
