"""What stands in between, without passwords."""

from __future__ import annotations

from amlrun._proxies import in_between


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
