"""Requests as a signed-in client sends them, for tests that look at the wire itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from requests import Session

if TYPE_CHECKING:
    from requests import PreparedRequest

    from amlrun.testing import FakeAml

API_VERSION = "2024-04-01"


def _sign(request: PreparedRequest) -> PreparedRequest:
    """Add a token, and the api-version that ARM asks for; a signed URL needs neither."""
    url = str(request.url)
    if "sig=" in url:
        return request
    request.headers["Authorization"] = "Bearer token"
    if url.startswith("https://management.azure.com/") and "api-version=" not in url:
        request.prepare_url(url, {"api-version": API_VERSION})
    return request


requests = Session()
"""`requests`, signed in: `from tests.testing.wire import requests`."""
requests.auth = _sign


def register_code(fake: FakeAml, name: str) -> str:
    """Register a snapshot without bytes, as version 1; returns its id."""
    made = f"{fake.scope.path}/codes/{name}/versions/1"
    body = {"properties": {"codeUri": f"https://example.blob.core.windows.net/code/{name}"}}
    assert requests.put(f"https://management.azure.com{made}", json=body, timeout=60).status_code == 201
    return made
