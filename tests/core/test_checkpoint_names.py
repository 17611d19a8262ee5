"""What checkpoints are called, which is the last, and which may go."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amlrun._checkpoint_names import (
    Name,
    files_of,
    folders,
    is_due,
    manifest,
    marked,
    next_name,
    superseded,
)

counts = st.integers(0, 10**9)
names = st.builds(Name, counts, counts, st.text("0123456789abcdef", min_size=1, max_size=8))
strange = st.sampled_from(
    ["model.pt", "x.done", ".done", "checkpoint-1-step-1-a", "checkpoint-000001-step--1-a"]
)


@given(names)
def test_a_name_reads_back(name: Name) -> None:
    """What a folder is called tells all of its name."""
    assert Name.of(str(name)) == name
    assert Name.of(name.marker) is None


@given(st.lists(names, unique=True), st.lists(strange), st.data())
def test_only_what_has_a_marker_exists(there: list[Name], others: list[str], data: st.DataObject) -> None:
    """The last one first; files of the user's own are nothing."""
    done = data.draw(st.sets(st.sampled_from(there))) if there else set()
    entries = data.draw(st.permutations([*map(str, there), *(name.marker for name in done), *others]))
    assert marked(entries) == sorted(done, reverse=True)
    assert set(folders(entries)) == set(there)


@given(st.lists(names, unique=True), counts)
def test_what_comes_next_is_the_last(there: list[Name], step: int) -> None:
    """Whatever step it is of, and whether what is there was finished or not."""
    for entries in ([str(name) for name in there], [name.marker for name in there]):
        following = next_name(entries, step, "f")
        assert following.step == step
        assert all(following > name for name in there)


@given(st.lists(names, unique=True), st.integers(1, 5), st.data())
def test_the_last_whole_ones_never_go(there: list[Name], keep: int, data: st.DataObject) -> None:
    """However many that have a marker turn out not to be whole; and no more than those are kept for ever."""
    whole = data.draw(st.sets(st.sampled_from(there))) if there else set()
    go = superseded([name.marker for name in there], keep, whole.__contains__)
    kept = sorted(whole, reverse=True)[:keep]
    assert not set(go) & set(kept)
    assert len(whole - set(go)) == min(len(whole), keep)
    assert all(name < min(kept) for name in go)


@given(st.dictionaries(st.text(), st.integers(0), min_size=1), st.data())
def test_a_marker_says_what_there_is_or_nothing(files: dict[str, int], data: st.DataObject) -> None:
    """It reads back; cut off anywhere, it is as if it were not there."""
    text = manifest(files)
    assert files_of(text) == files
    assert files_of(text[: data.draw(st.integers(0, len(text) - 1))]) is None


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"files": {}}', '{"files": {"a": true}}', '{"files": [1]}']
)
def test_what_is_no_marker(text: str) -> None:
    """A user's own file of that name, or one of another version."""
    assert files_of(text) is None


@given(st.integers(1, 50), st.lists(st.integers(0, 20)))
def test_no_multiple_is_missed(every: int, strides: list[int]) -> None:
    """Steps may be counted by more than one: between two that are due there are never `every` or more."""
    before = step = 0
    for stride in strides:
        passed = any((one + 1) % every == 0 for one in range(step, step + stride))
        step += stride
        assert is_due(every, before, step) == passed
        before = step
