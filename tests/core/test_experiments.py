"""Names of experiments, as the service takes them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amlrun._jobs.experiments import valid_experiment


@pytest.mark.parametrize(
    ("said", "valid"),
    [
        ("fraud", "fraud"),
        ("models/v 2.1", "models-v-2-1"),
        ("feature/x#12", "feature-x-12"),
        ("_private", "private"),
        ("modèle", "modele"),
        ("a(1)", "a-1"),
        ("实验", ""),
        ("/", ""),
        ("x" * 300, "x" * 256),
    ],
)
def test_the_nearest_name(said: str, valid: str) -> None:
    """What the service doesn't take becomes a dash; accents go."""
    assert valid_experiment(said) == valid


@given(st.text())
def test_any_text_gives_a_name_that_is_taken_or_none(said: str) -> None:
    """And a name that is taken stays as it is."""
    name = valid_experiment(said)
    assert name == "" or re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,255}", name)
    assert valid_experiment(name) == name
