"""What azure-ai-ml's validation tells as a tree, in one line."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amlrun._sdk.schema import faults_of

UNKNOWN = ["Unknown field."]
MISSING = ["Missing data for required field."]


def told(*errors: dict[str, Any]) -> str:
    """As the SDK writes it."""
    return f"Validation for PipelineJobSchema failed:\n\n {json.dumps({'errors': errors})} \n\n advice {{x}}"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            f"failed: {json.dumps({'limits': {'timeout': ['Not a valid integer.']}})} help",
            "limits.timeout: Not a valid integer",
        ),
        (
            told(
                {"message": f"failed: {json.dumps({'a': UNKNOWN})}", "path": "*", "location": "x.yml#line 7"}
            ),
            "a: Unknown field (line 7)",
        ),
        (told({"message": "Name it. Currently got {name}.", "path": "jobs.A-b"}), "jobs.A-b: Name it"),
        (
            told(
                {
                    "message": f"{ {'component': MISSING} }; { {'tier': UNKNOWN} }; ['no; literal",
                    "path": "jobs.a",
                }
            ),
            "jobs.a: ['no; literal",
        ),
        (
            told({"message": f"{ {'component': MISSING} }; { {'tier': UNKNOWN} }", "path": "jobs.a"}),
            "jobs.a.tier: Unknown field",
        ),
        (
            f"failed: {json.dumps({'x': {'value': [{'type': ['No.']}, {'q': MISSING}, {'type': ['Or.']}]}})}",
            "x.type: No; x.type: Or",
        ),
        ("no tree at all", ""),
        ("{ no JSON", ""),
    ],
)
def test_the_likeliest_fault_of_each_field(text: str, line: str) -> None:
    """By its path; of several kinds that a field may be of, what has the least against it."""
    assert faults_of(text) == line


words = st.text(max_size=9)
trees = st.recursive(
    words, lambda below: st.lists(below, max_size=3) | st.dictionaries(words, below, max_size=3), max_leaves=6
)


@given(words | trees.map(json.dumps))
def test_whatever_it_says_is_a_line(text: str) -> None:
    """Other versions may tell it in another way: nothing breaks."""
    for one in (text, f"failed: {text}", told({"message": text, "path": "a"})):
        assert "\n" not in faults_of(one)
