"""docs/verify.md shows what a verification proposes and writes: both are the fake's own."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlrun._verify.evidence import Redaction, evidence
from amlrun._verify.verify import propose, verify
from amlrun._workspace import workspace_of
from tests.users.verification import programs_run

if TYPE_CHECKING:
    from amlrun.testing import FakeAml

PAGE = Path(__file__).parents[2] / "docs" / "verify.md"


def test_the_example_is_the_fakes(fake_aml: FakeAml, tmp_path: Path) -> None:
    """The page's proposal is the one of a new fake; its piece of a file is what is written then."""
    text = PAGE.read_text(encoding="utf-8")
    shown, piece = (re.search(rf"```{kind}\n(.*?)```", text, re.DOTALL) for kind in ("text", "json"))
    assert shown is not None
    assert piece is not None
    client = fake_aml.client()
    proposal = propose(workspace_of(client))
    assert shown[1].strip() == str(proposal)
    ends: list[Any] = []
    with programs_run(fake_aml, tmp_path / "nodes"):
        verify(proposal, lambda _: None, lambda *end: ends.append(end))
    world, listed = ends[0]
    whole = evidence(world, listed, {}, Redaction())
    kept = json.loads(re.sub(r"amlrun-verify-[0-9a-f]{8}", "amlrun-verify-0a1b2c3d", json.dumps(whole)))
    found = next(one for one in kept["findings"] if one["name"] == "no-quota")
    example = json.loads(piece[1])
    assert example["schema"] == kept["schema"]
    assert example["findings"] == [found]
    assert is_part(example["jobs"], kept["jobs"])


def is_part(piece: Any, whole: Any) -> bool:
    """Whether all that a piece shows stands so in the whole."""
    if isinstance(piece, dict):
        return isinstance(whole, dict) and all(
            key in whole and is_part(value, whole[key]) for key, value in piece.items()
        )
    return bool(piece == whole)
