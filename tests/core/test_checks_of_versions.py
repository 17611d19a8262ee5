"""Versions in use, and what is known to go wrong with them."""

from __future__ import annotations

import importlib.metadata

import pytest

from amlrun._checks import Level
from amlrun._checks.versions import (
    SDK,
    TROUBLES,
    canonical,
    numbers,
    of_requirements,
    of_versions,
    required_by,
)


@pytest.mark.parametrize(
    ("version", "level", "words"),
    [
        ("1.27.1", Level.WARNING, "older than what amlrun is tested with"),
        ("1.28.1", Level.OK, "nothing is known against it"),
        ("1.30.0", Level.FAILS, "needs six"),
        ("1.34.1", Level.FAILS, "needs six"),
        ("1.35.2", Level.NOTE, "size, count and tier under names that the service doesn't know"),
        ("1.35.0b1", Level.NOTE, "amlrun resume"),
    ],
)
def test_known_trouble_goes_by_the_version(version: str, level: Level, words: str) -> None:
    """What can't be imported at all fails; what amlrun mends is one note, however much of it there is."""
    first, *_ = checks = [*of_versions({SDK: version})]
    assert first.level is level
    assert any(words in check.words for check in checks)
    assert len([check for check in checks if check.level is Level.NOTE]) <= 1


def test_what_mends_a_version_may_be_there() -> None:
    """With six, the versions that need it are no worse than others."""
    assert {check.level for check in of_versions({SDK: "1.34.1", "six": "1.17.0"})} == {Level.NOTE}
    assert {check.level for check in of_versions({SDK: "1.30.0", "six": "1.17.0"})} == {Level.OK}


def test_without_the_sdk_nothing_is_built() -> None:
    """It is told how to install it."""
    (check,) = of_versions({"amlrun": "1"})
    assert (check.level, check.todo) == (Level.FAILS, "pip install azure-ai-ml")


def test_each_trouble_has_a_source_and_a_way_out() -> None:
    """Nobody has to believe it."""
    assert all(one.source and one.todo and one.what for one in TROUBLES)


def test_versions_are_compared_as_numbers() -> None:
    """1.9 is before 1.10, and zeros at the end don't count."""
    assert numbers("1.9") < numbers("1.10.0b2") == numbers("1.10") == (1, 10)
    assert numbers("dev") == numbers("0") == ()


@pytest.mark.parametrize(
    ("required", "installed", "wrong"),
    [
        ("a<4.0.0,>=3.5", "3.26.2", False),
        ("a<4.0.0,>=3.5", "4.0", True),
        ("a>2", "2.0", True),
        ("a>=2", "2.0", False),
        ("a<=2", "2.0.0", False),
        ("a (==2.*)", "2.7", False),
        ("a!=2.7", "2.7", True),
        ("a!=2.*", "3", False),
        ("a==2.7", "2.7.0", False),
        ("a~=2.7.1", "2.7.9", False),
        ("a~=2.7.1", "2.8", True),
        ("a~=2.7", "2.9", False),
        ("a~=1.0.0", "1.0.5", False),
        ("a~=1.0.0", "1.1", True),
        ("a~=1.0", "1", False),
        ("a==2.0.*", "2.5", True),
        ("a==2.0.*", "2", False),
        ("a!=2.0.*", "2.7", False),
        ("a[extra]", "1", False),
        ("a>=9; python_version < '3.11'", "1", False),
    ],
)
def test_what_a_package_asks_for_must_be_there(required: str, installed: str, *, wrong: bool) -> None:
    """A requirement that holds only in some places is passed over."""
    found = [*of_requirements("p", [required], {"a": installed})]
    assert [check.level for check in found] == ([Level.FAILS] if wrong else [])


def test_a_requirement_that_is_not_installed_is_told() -> None:
    """By the name that pip takes, however it is spelt."""
    (check,) = of_requirements("p", ["Typing_Extensions<5,>=4"], {})
    assert check.what == "p needs Typing_Extensions, which is not installed"
    assert check.todo == 'pip install "Typing_Extensions<5,>=4"'
    assert [*of_requirements("p", ["Typing_Extensions<5"], {"typing-extensions": "4.1"})] == []


def test_this_environment_is_sound() -> None:
    """Whatever these tests run with: no requirement of ours is told to be missing that pip has resolved."""
    for package in ("amlrun", SDK):
        required = importlib.metadata.requires(package) or []
        names = {*required_by(required)}
        versions = {
            canonical(found.metadata["Name"]): found.version for found in importlib.metadata.distributions()
        }
        assert names
        assert [check.words for check in of_requirements(package, required, versions)] == []
