"""The embedded workspace `local`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from amlrun.testing._fake import FakeAml


def local(folder: Path | str | None = None) -> FakeAml:
    """The embedded workspace."""
    raise NotImplementedError
