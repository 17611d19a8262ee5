"""Whose token it is: read from its claims."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amlrun._account import Account, Kind, account_of, expiry_of


def jwt(claims: Any) -> str:
    """A JSON web token of these claims."""
    part = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{part}.c2ln"


@pytest.mark.parametrize(
    ("claims", "kind", "name"),
    [
        (
            {"upn": "ada@example.org", "appid": "cli", "scp": "user_impersonation"},
            Kind.PERSON,
            "ada@example.org",
        ),
        ({"preferred_username": "ada@example.org", "azp": "cli"}, Kind.PERSON, "ada@example.org"),
        ({"unique_name": "live.com#ada@example.org", "appid": "cli"}, Kind.PERSON, "ada@example.org"),
        ({"upn": "ada_x#EXT#@y.onmicrosoft.com"}, Kind.PERSON, "ada_x#EXT#@y.onmicrosoft.com"),
        ({"appid": "cli", "scp": "user_impersonation"}, Kind.PERSON, "me"),
        ({}, Kind.PERSON, "me"),
        ({"appid": "ci", "idtyp": "app"}, Kind.APP, "ci"),
        ({"azp": "ci"}, Kind.APP, "ci"),
        ({"idtyp": "app"}, Kind.APP, "me"),
        ({"appid": "mi", "idtyp": "app", "xms_mirid": "/subscriptions/s/…"}, Kind.MANAGED, "mi"),
    ],
)
def test_who_a_token_speaks_for(claims: dict[str, str], kind: Kind, name: str) -> None:
    """A person by name, an app and a managed identity by client id, in both versions of tokens."""
    assert account_of(jwt({"tid": "t", "oid": "me", **claims})) == Account("t", "me", kind, name)


def test_in_words() -> None:
    """One line for people: a person is a name, anything else says what it is."""
    assert str(Account("t", "o", Kind.PERSON, "ada@example.org")) == "ada@example.org"
    assert str(Account("t", "o", Kind.MANAGED, "1234")) == "managed identity 1234"


@pytest.mark.parametrize(
    "token", ["", "opaque", "a.b.c", "a.\u00e9.c", jwt([]), jwt({"tid": "t"}), jwt({"oid": 1, "tid": "t"})]
)
def test_a_token_that_says_nothing(token: str) -> None:
    """Nobody promises that a token can be read: then nobody is known."""
    assert account_of(token) is None


@given(st.text())
def test_any_text_is_read_without_an_error(text: str) -> None:
    """Whatever stands where a token should."""
    assert account_of(text) is None
    assert account_of(f"e30.{text}.c2ln") is None
    assert expiry_of(text) is None


def test_when_a_token_expires() -> None:
    """By its claim `exp`, which is a number."""
    assert expiry_of(jwt({"exp": 1700000000})) == 1700000000.0
    assert expiry_of(jwt({"exp": "soon"})) is None
    assert expiry_of(jwt({"exp": True})) is None
