"""What the doctor's tests have in common: who signs in on this machine, and the facts of a report."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest
    from azure.core.credentials import TokenCredential

    Examine = Callable[..., tuple[int, str]]
    Told = Callable[[], tuple[int, dict[str, Any]]]


def sign_in(monkeypatch: pytest.MonkeyPatch, credential: TokenCredential) -> None:
    """As this one, on this machine."""
    monkeypatch.setattr("azure.identity.DefaultAzureCredential", lambda **_: credential)


def answers(out: str) -> dict[str, str]:
    """The facts at the head of the text."""
    return dict(
        re.split(r"  +", line, maxsplit=1) for line in out.partition("\n\n")[0].splitlines() if line[0] != " "
    )
