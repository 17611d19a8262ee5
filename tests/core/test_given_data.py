"""Inputs, outputs and variables that are given as arguments: what is wrong with them is told by name."""

from __future__ import annotations

from typing import Any

import pytest

from amlrun import InvalidRequest
from amlrun._asking.given import Arguments
from amlrun._asking.request import Request, parse

DATA = "azureml://datastores/workspaceblobstore/paths/x/"


def ask(job: str = "echo", **options: Any) -> Request:
    """Parse a request for a command."""
    return parse(job, Arguments(environment="azureml:train:1", **options))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            {"type": "uri_folder", "path": DATA, "path_on_compute": "/x"},
            "'path_on_compute', which is no part",
        ),
        ({"type": "uri_folder", "path": DATA, "mode": "upload"}, "the mode 'upload'"),
        ({"type": "uri_folder", "optional": True}, "x has no path"),
        ({"type": "uri_folder", "path": ""}, "x has no path"),
        ({"type": "integer", "default": 30, "min": 1, "max": 5}, "min, max or enum"),
        ({"type": "integer", "default": 0, "min": 1}, "min, max or enum"),
        ({"type": "string", "default": "c", "enum": ["a", "b"]}, "min, max or enum"),
    ],
)
def test_inputs_that_would_not_arrive_as_they_are_said(given: dict[str, Any], words: str) -> None:
    """What azure-ai-ml drops, or fails at when all else is uploaded."""
    with pytest.raises(InvalidRequest, match="inputs: x") as caught:
        ask(inputs={"x": given})
    assert words in caught.value.message
    assert caught.value.argument == "inputs"


@pytest.mark.parametrize(
    "given",
    [
        {"type": "uri_folder", "path": DATA, "mode": "Download"},
        {"type": "mltable", "path": DATA, "mode": "eval_mount"},
        {"type": "integer", "default": 3, "min": 1, "max": 5},
        {"type": "string", "default": "3", "min": 1},
        {"type": "string", "default": "a", "enum": ["a", "b"]},
    ],
)
def test_inputs_that_are_taken(given: dict[str, Any]) -> None:
    """Modes in any case; values within what they say themselves."""
    assert ask(inputs={"x": given}).inputs == {"x": given.get("default", given)}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"type": "uri_folder", "path_on_compute": "/out"}, "'path_on_compute', which is no part"),
        ({"type": "uri_folder", "early_available": True}, "'early_available', which is no part"),
        ({"type": "uri_folder", "mode": "ro_mount"}, "the mode 'ro_mount'"),
    ],
)
def test_outputs_that_would_not_leave_as_they_are_said(given: dict[str, Any], words: str) -> None:
    """The same of outputs."""
    with pytest.raises(InvalidRequest, match="outputs: x") as caught:
        ask(outputs={"x": given})
    assert words in caught.value.message


def test_a_text_that_names_data_stays_a_text() -> None:
    """The warning says what the job gets."""
    assert any("the job sees the text alone" in told for told in ask(inputs={"x": "."}).warnings)


def test_a_variable_written_as_one_text_shows_no_value() -> None:
    """`KEY=VALUE` as the name: the value may be a secret, and the form is told."""
    secret = "hf_abcdefghijklmnop"  # noqa: S105  nobody's
    with pytest.raises(InvalidRequest, match="'HF_TOKEN'") as caught:
        ask(environment_variables={f"HF_TOKEN={secret}": "1"})
    assert secret not in str(caught.value)
    assert '{"NAME": "value"}' in caught.value.hint
