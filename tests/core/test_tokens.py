"""Tokens are fetched once, kept while they are valid, and renewed before they end."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from azure.core.credentials import AccessToken, AccessTokenInfo
from azure.core.exceptions import ClientAuthenticationError, DecodeError, ServiceRequestError

from amlrun._tokens import EARLY, FAILED_FOR, Tokens, fault_of

HOUR = 3600.0


def number(token: AccessToken | AccessTokenInfo) -> int:
    """Which one it is, of those that were given."""
    return int(token.token.rpartition("-")[2])


class Giver:
    """A credential of the newer kind, which counts; it fails where it is told to."""

    def __init__(self, now: list[float]) -> None:
        self.now, self.asked = now, list[tuple[tuple[str, ...], dict[str, Any]]]()
        self.error: Exception | None = None
        self.refresh_in: float | None = None

    def get_token_info(self, *scopes: str, options: Any = None) -> AccessTokenInfo:
        """The next token, for an hour."""
        self.asked.append((scopes, dict(options or {})))
        if self.error is not None:
            raise self.error
        refresh = None if self.refresh_in is None else int(self.now[0] + self.refresh_in)
        return AccessTokenInfo(f"token-{len(self.asked)}", int(self.now[0] + HOUR), refresh_on=refresh)

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """What nobody asks where there is the other."""
        raise NotImplementedError


@pytest.fixture
def now() -> list[float]:
    """The time, to be set."""
    return [1000.0]


@pytest.fixture
def giver(now: list[float]) -> Giver:
    """Somebody who gives tokens."""
    return Giver(now)


@pytest.fixture
def tokens(giver: Giver, now: list[float]) -> Tokens:
    """Nothing kept yet."""
    return Tokens(giver, now=lambda: now[0])


def test_a_token_is_kept_until_shortly_before_its_end(tokens: Tokens, giver: Giver, now: list[float]) -> None:
    """For each audience, and for each that is asked for in another way."""
    assert number(tokens.get_token_info("a")) == number(tokens.get_token("a")) == 1
    assert number(tokens.get_token("b")) == 2
    assert number(tokens.get_token("a", enable_cae=True)) == 3
    assert number(tokens.get_token("a", tenant_id="t")) == 4
    assert number(tokens.get_token("a", enable_cae=False, tenant_id=None, claims=None)) == 1
    now[0] += HOUR - EARLY
    assert number(tokens.get_token("a")) == 1
    now[0] += 1
    assert number(tokens.get_token("a")) == 5
    assert [scopes for scopes, _ in giver.asked] == [("a",), ("b",), ("a",), ("a",), ("a",)]


def test_a_token_that_says_when_it_is_to_be_renewed(tokens: Tokens, giver: Giver, now: list[float]) -> None:
    """Is renewed then."""
    giver.refresh_in = 60
    tokens.get_token("a")
    now[0] += 60
    assert number(tokens.get_token("a")) == 2


def test_a_challenge_brings_another_token(tokens: Tokens, giver: Giver) -> None:
    """One with the claims that were asked for, which is the usual one from then on."""
    tokens.get_token("a")
    assert number(tokens.get_token("a", claims="{}")) == 2
    assert giver.asked[-1] == (("a",), {"claims": "{}"})
    assert number(tokens.get_token("a")) == 2


def test_many_at_once_ask_once(giver: Giver) -> None:
    """Look-ups go out side by side."""
    began = threading.Barrier(8)
    tokens = Tokens(giver, now=lambda: giver.now[0])

    def ask(_number: int) -> str:
        began.wait()
        return tokens.get_token("a").token

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(8))) == {"token-1"}
    assert len(giver.asked) == 1


def test_a_failure_stands_for_seconds(tokens: Tokens, giver: Giver, now: list[float]) -> None:
    """Then it is tried again."""
    giver.error = ClientAuthenticationError(message="no")
    for _ in range(3):
        with pytest.raises(ClientAuthenticationError, match="no"):
            tokens.get_token("a")
    assert len(giver.asked) == 1
    giver.error = None
    now[0] += FAILED_FOR
    assert number(tokens.get_token("a")) == 2


def test_a_failure_that_stands_doesnt_grow(tokens: Tokens, giver: Giver) -> None:
    """However many are told of it."""
    giver.error = ClientAuthenticationError(message="no")
    lengths = []
    for _ in range(5):
        with pytest.raises(ClientAuthenticationError) as caught:
            tokens.get_token("a")
        lengths.append(len(caught.traceback))
    assert lengths[1] == lengths[-1]


def test_who_has_a_token_waits_for_nobody(giver: Giver) -> None:
    """Another audience may take its time: az starts a process, and a network may hang."""
    begun, go_on = threading.Event(), threading.Event()

    class Slow(Giver):
        def get_token_info(self, *scopes: str, options: Any = None) -> AccessTokenInfo:
            if scopes == ("slow",):
                begun.set()
                assert go_on.wait(20)
            return super().get_token_info(*scopes, options=options)

    tokens = Tokens(Slow(giver.now), now=lambda: giver.now[0])
    tokens.get_token("a")
    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(tokens.get_token, "slow")
        assert begun.wait(20)
        assert number(pool.submit(tokens.get_token, "a").result(timeout=20)) == 1
        assert number(pool.submit(tokens.get_token, "b").result(timeout=20)) == 2
        go_on.set()
        assert number(slow.result(timeout=20)) == 3


def test_a_token_that_was_refused_is_used_on_where_there_is_no_other(
    tokens: Tokens, giver: Giver, now: list[float]
) -> None:
    """One refusal of one host costs nobody the token that the others take."""
    tokens.get_token("a")
    tokens.forget("a")
    giver.error = ClientAuthenticationError(message="AADSTS700024")
    assert number(tokens.get_token("a")) == 1
    giver.error = None
    now[0] += FAILED_FOR
    assert number(tokens.get_token("a")) == 3
    assert number(tokens.get_token("a")) == 3


def test_a_failure_to_renew_is_not_asked_for_with_each_request(
    tokens: Tokens, giver: Giver, now: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    """It stands for seconds, as any other; it is logged as often as it is asked."""
    caplog.set_level("INFO", logger="amlrun")
    tokens.get_token("a")
    giver.error = ClientAuthenticationError(message="no")
    now[0] += HOUR - 100
    assert {number(tokens.get_token("a")) for _ in range(20)} == {1}
    assert len(giver.asked) == 2
    assert len(caplog.records) == 1


def test_a_failure_to_renew_is_none_while_the_token_is_valid(
    tokens: Tokens, giver: Giver, now: list[float]
) -> None:
    """Its last minutes are used; not where a challenge has refused it."""
    tokens.get_token("a")
    giver.error = ClientAuthenticationError(message="no")
    now[0] += HOUR - 1
    assert number(tokens.get_token("a")) == 1
    with pytest.raises(ClientAuthenticationError, match="no"):
        tokens.get_token("a", claims="{}")
    now[0] += 1 + FAILED_FOR
    with pytest.raises(ClientAuthenticationError, match="no"):
        tokens.get_token("a")


@pytest.mark.parametrize("error", [FileNotFoundError("no file"), ValueError("no tenant")])
def test_whatever_a_credential_raises_is_a_failure_to_sign_in(
    tokens: Tokens, giver: Giver, error: Exception
) -> None:
    """So that each is told in a line."""
    giver.error = error
    with pytest.raises(ClientAuthenticationError, match=str(error)) as caught:
        tokens.get_token("a")
    assert fault_of(caught.value) is None


def test_a_reply_that_is_no_token_is_not_quoted(tokens: Tokens, giver: Giver) -> None:
    """azure-core would, where it says that it can't read it."""
    giver.error = DecodeError("JSON is invalid")
    giver.error.response = type("Reply", (), {"text": staticmethod(lambda: "c4nary")})()
    with pytest.raises(ClientAuthenticationError, match="JSON is invalid") as caught:
        tokens.get_token("a")
    assert caught.value.__cause__ is None
    assert "c4nary" not in str(caught.value)


def test_an_answer_that_never_came_may_come(tokens: Tokens, giver: Giver) -> None:
    """It is no refusal, and nothing that azure-core repeats as a fault of the request's own."""
    giver.error = ServiceRequestError("refused")
    with pytest.raises(ClientAuthenticationError, match="refused") as caught:
        tokens.get_token("a")
    assert fault_of(caught.value) == 0


def test_a_credential_of_the_older_kind() -> None:
    """Has `get_token` alone."""

    class Older:
        def get_token(self, *scopes: str, **options: Any) -> AccessToken:
            assert (scopes, options) == (("a",), {"tenant_id": "t"})
            return AccessToken("token-7", int(time.time() + HOUR))

    tokens = Tokens(Older())
    assert number(tokens.get_token("a", tenant_id="t")) == 7
    assert tokens.way == "Older"


def test_who_it_is_is_told_once(giver: Giver) -> None:
    """With the moment until which what was fetched ahead lasts."""
    told: list[tuple[str, float]] = []
    tokens = Tokens(giver, ahead=("b", "c"), told=lambda *what: told.append(what), now=lambda: giver.now[0])
    tokens.get_token("a")
    tokens.get_token("d")
    assert [scopes for scopes, _ in giver.asked] == [("a",), ("b",), ("c",), ("d",)]
    assert told == [("token-1", 1000 + HOUR)]


def test_it_lasts_until_the_first_of_them_ends(giver: Giver) -> None:
    """Of those that were fetched ahead: a wait needs all."""

    class Shorter(Giver):
        def get_token_info(self, *scopes: str, options: Any = None) -> AccessTokenInfo:
            given = super().get_token_info(*scopes, options=options)
            return AccessTokenInfo(given.token, given.expires_on - 600 * (scopes == ("b",)))

    until: list[float] = []
    Tokens(
        Shorter(giver.now), ahead=("b", "c"), told=lambda _, at: until.append(at), now=lambda: giver.now[0]
    ).get_token("a")
    assert until == [1000 + HOUR - 600]


def test_the_first_may_be_one_of_those_that_are_fetched_ahead(giver: Giver) -> None:
    """Also where it is about to end when it comes, as a pipeline's may be: it waits for nobody."""

    class Ending(Giver):
        def get_token_info(self, *scopes: str, options: Any = None) -> AccessTokenInfo:
            given = super().get_token_info(*scopes, options=options)
            return AccessTokenInfo(given.token, int(giver.now[0] + EARLY / 2))

    tokens = Tokens(Ending(giver.now), ahead=("a", "b"), now=lambda: giver.now[0])
    found: list[int] = []
    asking = threading.Thread(target=lambda: found.append(number(tokens.get_token("a"))), daemon=True)
    asking.start()
    asking.join(20)
    assert found == [1]


def test_a_credential_for_one_audience_alone(giver: Giver) -> None:
    """One of a user's own may raise what it likes for others."""

    class One(Giver):
        def get_token_info(self, *scopes: str, options: Any = None) -> AccessTokenInfo:
            if scopes != ("a",):
                raise KeyError(scopes)
            return super().get_token_info(*scopes, options=options)

    tokens = Tokens(One(giver.now), ahead=("b",), now=lambda: giver.now[0])
    assert number(tokens.get_token("a")) == 1
    with pytest.raises(KeyError):
        tokens.get_token("b")
