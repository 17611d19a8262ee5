"""A user's value in a message."""

from __future__ import annotations

import datetime as dt
from pathlib import PurePosixPath

import pytest

from amlrun._shown import a_kind, bare, shown


class Owner:
    """Something with a telling repr."""

    def __repr__(self) -> str:
        return "Owner(token=hf_secret)"


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("x", "'x'"),
        (2.5, "2.5"),
        (None, "None"),
        (dt.timedelta(seconds=-1), "datetime.timedelta(days=-1, seconds=86399)"),
        (PurePosixPath("/a"), "PurePosixPath('/a')"),
        (["a", 1], "['a', 1]"),
        (("a",), "('a',)"),
        ([], "[]"),
        ([Owner()], "[an Owner]"),
        ({"a": Owner()}, "a dict"),
        (Owner(), "an Owner"),
        ({"a"}, "a set"),
        (list(range(9)), "a list"),
    ],
)
def test_plain_values_are_shown_and_others_by_their_kind(value: object, told: str) -> None:
    """Nothing of what is inside an object or a dict."""
    assert shown(value) == told


def test_a_long_text_is_cut() -> None:
    """It may be a whole file."""
    assert len(shown("x" * 500)) == 80
    assert a_kind(object()) == "an object"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://a.net/c/x.csv?sv=1&sig=abc", "https://a.net/c/x.csv?…"),
        ("https://me:pw@a.net/x", "https://…a.net/x"),
        ("azureml://datastores/d/paths/me@home/", "azureml://datastores/d/paths/me@home/"),
        ("data/what?", "data/what?"),
    ],
)
def test_of_urls_only_the_place_is_shown(url: str, told: str) -> None:
    """Signatures and passwords are what opens them."""
    assert bare(url) == told


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("https://a.net/c/x.csv?sig=abc", "'https://a.net/c/x.csv?…'"),
        ("see https://me:pw@a.net/x?y", "'see https://…a.net/x?…'"),
        ("train --password hunter2", "(what looks like a secret)"),
        (["hf_0123456789abcdefgh"], "['(what looks like a secret)']"),
        (["--password", "hunter22"], "[(what looks like a secret)]"),
        ("no key=s3 there", "'no (what looks like a secret) there'"),
    ],
)
def test_what_looks_like_a_secret_is_not_shown(value: object, told: str) -> None:
    """Of a URL its place is; of anything else nothing."""
    assert shown(value) == told
