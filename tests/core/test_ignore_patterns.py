"""Lines of ignore files, against git itself."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amlrun._upload.patterns import brings_back, last_word, rules_of

if TYPE_CHECKING:
    from pathlib import Path

_PARTS = st.lists(
    st.sampled_from(
        ["a", "b", "ab", "*", "**", "?", "a*", "*b", "[ab]", "[!a]", "[^b]c", "[]a]", "\\a", "a.b"]
    ),
    min_size=1,
    max_size=3,
).map("/".join)
_PATTERNS = st.builds(
    lambda start, body, end: start + body + end,
    st.sampled_from(["", "/"]),
    _PARTS,
    st.sampled_from(["", "/"]),
)
_PATHS = st.lists(st.sampled_from(["a", "b", "ab", "bc", "a.b", "c]"]), min_size=1, max_size=4).map("/".join)


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty one."""
    if shutil.which("git") is None:
        pytest.skip("there is no git here to compare with")
    folder = tmp_path_factory.mktemp("repository")
    subprocess.run(["git", "init", "-q", folder], check=True)  # noqa: S607  the machine's own git
    return folder


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(patterns=st.lists(_PATTERNS, min_size=1, max_size=4), paths=st.lists(_PATHS, min_size=1, unique=True))
def test_patterns_leave_out_what_git_leaves_out(
    repository: Path, patterns: list[str], paths: list[str]
) -> None:
    """Any patterns without a negation, any paths: the same files."""
    text = "\n".join(patterns)
    (repository / ".gitignore").write_text(text)
    command = ["git", "-C", str(repository), "check-ignore", "--no-index", "--stdin"]
    done = subprocess.run(command, input="\n".join(paths), capture_output=True, text=True, check=False)
    rules = rules_of(text, base="", source="")
    assert {path for path in paths if last_word(rules, path)} == set(done.stdout.splitlines()), text


@pytest.mark.parametrize(
    ("line", "path", "left_out"),
    [
        ("# a comment", "# a comment", False),
        ("", "a", False),
        ("/", "a", False),
        ("!", "a", False),
        ("\\#a", "#a", True),
        ("\\!a", "!a", True),
        ("a b", "a b", True),
        ("a   ", "a", True),
        ("a\\ ", "a ", True),
        ("[z-a]", "z", False),
        ("[a", "[a", True),
        ("*.csv", "data/x.csv", True),
        ("/*.csv", "data/x.csv", False),
        ("data/", "data", False),
        ("data/", "data/", True),
        ("data/", "src/data/x", True),
        ("src/data", "lib/src/data", False),
        ("a**", "abc", True),
    ],
)
def test_single_lines(line: str, path: str, left_out: bool) -> None:  # noqa: FBT001  a table of cases
    """Comments, escapes, ends of lines, and what is no pattern."""
    assert bool(last_word(rules_of(line, base="", source=""), path)) is left_out


def test_the_last_rule_decides_and_may_bring_back() -> None:
    """Later lines win, and each knows its file."""
    rules = rules_of("\ufeff*.csv\n!labels.csv\n", base="src/", source="here")
    assert brings_back(rules)
    assert [rule.source for rule in rules] == ["here", "here"]
    kept, left = last_word(rules, "src/labels.csv"), last_word(rules, "src/x/y.csv")
    assert kept is not None
    assert left is not None
    assert (kept.keeps, left.keeps) == (True, False)
    assert last_word(rules, "lib/y.csv") is None
    assert not brings_back(rules[:1])
