"""What stands in between, without passwords."""

from __future__ import annotations

import pytest

from amlrun._proxies import in_between, unreadable, way_out


def test_nothing() -> None:
    """Most machines."""
    assert in_between({}, {}) == {}


def test_variables_as_requests_reads_them() -> None:
    """In small letters first; who a proxy is for isn't shown."""
    environment = {
        "HTTPS_PROXY": "http://not-me:1",
        "https_proxy": "http://ada:secret@proxy:8080/x",
        "ALL_PROXY": "ada:secret@other:1",
        "NO_PROXY": "localhost",
        "REQUESTS_CA_BUNDLE": "/etc/ca.pem",
    }
    assert in_between(environment, {}) == {
        "https_proxy": "http://…@proxy:8080/x",
        "ALL_PROXY": "…@other:1",
        "NO_PROXY": "localhost",
        "REQUESTS_CA_BUNDLE": "/etc/ca.pem",
    }


def test_settings_of_a_client() -> None:
    """Those that it was given."""
    connection = {
        "proxies": {"https": "http://u:p@proxy:1"},
        "connection_verify": "/ca.pem",
        "read_timeout": 5,
    }
    assert in_between({}, connection) == {
        "proxies[https]": "http://…@proxy:1",
        "connection_verify": "/ca.pem",
    }


@pytest.mark.parametrize("said", ["p/w", "p[w", "p?w", "p#w", "p]:/@w", "http://w"])
@pytest.mark.parametrize("scheme", ["http://", ""])
def test_a_broken_url_holds_a_password_too(scheme: str, said: str) -> None:
    """It is just then that somebody looks: all before the last @ is left out, whatever stands there."""
    value = f"{scheme}ada:{said}@proxy:80/x"
    shown = {"https_proxy": f"{scheme}…@proxy:80/x"}
    assert in_between({"https_proxy": value}, {}) == shown
    assert in_between({}, {"proxies": {"https": value}}) == {"proxies[https]": shown["https_proxy"]}
    assert unreadable({"https_proxy": value}) == ("https_proxy",)


def test_a_sound_url_can_be_read() -> None:
    """With or without somebody whom it is for; a file of authorities is no URL."""
    environment = {
        "HTTPS_PROXY": "http://ada:p%2Fw@proxy:1/x",
        "http_proxy": "http://proxy/",
        "ALL_PROXY": "p:1",
    }
    assert unreadable({**environment, "REQUESTS_CA_BUNDLE": "/a[b]@c/d"}) == ()
    assert in_between({"REQUESTS_CA_BUNDLE": "/a@c/d"}, {}) == {"REQUESTS_CA_BUNDLE": "/a@c/d"}


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (
            "Could not find a suitable TLS CA certificate bundle, invalid path: /x",
            "REQUESTS_CA_BUNDLE or CURL",
        ),
        ("Could not find the TLS certificate file, invalid path: /x", "connection_cert"),
        ("Could not find the TLS key file, invalid path: /x", "connection_cert"),
        (
            "SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] …",
            "REQUESTS_CA_BUNDLE=<file>",
        ),
        ("('Unable to connect to proxy', NewConnectionError(", "unset HTTPS_PROXY or HTTP_PROXY"),
        ("Connection refused", "a network, a proxy or a VPN?"),
    ],
)
def test_what_to_do_without_a_connection(words: str, hint: str) -> None:
    """The variable that is in the way is named."""
    assert hint in way_out(words)
