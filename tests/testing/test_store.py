"""The state of a workspace: transactions, two who share it, and files that are something else."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from amlrun._errors import NotConfigured
from amlrun.testing import FakeAml
from amlrun.testing._state.store import FILE_NAME, Store

if TYPE_CHECKING:
    from pathlib import Path


def test_a_transaction_is_all_or_nothing() -> None:
    """What fails in the middle leaves nothing behind, the inner part that had succeeded included."""
    store = Store()
    with pytest.raises(RuntimeError), store.transaction() as records:  # noqa: PT012 - both halves are the point
        with store.transaction() as inner:
            inner.put("job", "a", {"x": 1})
        records.put("job", "b", {})
        raise RuntimeError
    with store.transaction() as records:
        assert records.names("job") == []


def test_two_see_the_same_state(tmp_path: Path) -> None:
    """A second store on the folder reads what the first has written, in its order."""
    first, second = Store(tmp_path), Store(tmp_path)
    with first.transaction() as records:
        records.put("job", "b", {"x": 1}, shelf="s", due=5.0)
        records.put("job", "a", {"x": 2}, shelf="s")
    with second.transaction() as records:
        assert records.names("job") == ["b", "a"]
        assert records.head("job", "s") == {"x": 1}
        assert records.next_due() == (5.0, "job", "b")
        records.put("job", "b", {"x": 3})
    with first.transaction() as records:
        assert records.get("job", "b") == {"x": 3}
        assert records.head("job", "s") == {"x": 2}
        assert records.all("job", newest_first=True) == [{"x": 2}, {"x": 3}]
    first.close()
    second.close()


@pytest.mark.parametrize(
    "content", [b"this is no database at all, but long enough to look like one" * 10, b"SQLite"]
)
def test_a_damaged_file_is_refused_and_untouched(tmp_path: Path, content: bytes) -> None:
    """A file that can't be read is refused by name, and stays as it is."""
    file = tmp_path / FILE_NAME
    file.write_bytes(content)
    with pytest.raises(NotConfigured, match=r"can't be read.*\n.*Nothing in it was changed"):
        Store(tmp_path)
    assert file.read_bytes() == content


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("PRAGMA user_version = 99", "version 99"),
        ("PRAGMA application_id = 7", "not the state of a workspace"),
        ("PRAGMA application_id = 0; PRAGMA user_version = 0", "not the state of a workspace"),
    ],
)
def test_another_versions_state_is_refused(tmp_path: Path, statement: str, words: str) -> None:
    """State of another version, or another program's database, is refused and says so."""
    Store(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        connection.executescript(statement)
        connection.commit()
    before = (tmp_path / FILE_NAME).read_bytes()
    with pytest.raises(NotConfigured, match=words):
        Store(tmp_path)
    assert (tmp_path / FILE_NAME).read_bytes() == before


def test_a_commit_that_fails_leaves_the_store_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While somebody reads the file for long, writes fail one by one; when he has ended, they succeed."""
    monkeypatch.setattr("amlrun.testing._state.store._PATIENCE", 0.01)
    store = Store(tmp_path)
    with closing(sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT COUNT(*) FROM documents").fetchone()
        for _ in range(2):
            with pytest.raises(sqlite3.OperationalError, match="locked"), store.transaction() as records:
                records.put("job", "a", {})
    with store.transaction() as records:
        assert records.names("job") == []
        records.put("job", "a", {})
    store.close()


_KILLED = """
import os, pathlib, signal, sys
from amlrun.testing import FakeAml
from amlrun.testing._state.store import Store

store = Store(pathlib.Path(sys.argv[1]))
with store.transaction() as records:
    records.put("job", "before", {})
store._connection.execute("PRAGMA cache_size = 1")
with store.transaction() as records:
    for number in range(100):
        records.put("job", str(number), {"x": "y" * 2000})
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_killed_while_it_writes_harms_nothing(tmp_path: Path) -> None:
    """What it was writing is taken back by whoever opens the folder next."""
    subprocess.run([sys.executable, "-c", _KILLED, tmp_path], check=False)
    assert (tmp_path / f"{FILE_NAME}-journal").exists()
    store = Store(tmp_path)
    store.check()
    with store.transaction() as records:
        assert records.names("job") == ["before"]
    store.close()


def test_damage_further_on_is_found_by_a_check(tmp_path: Path) -> None:
    """A file whose header is whole and whose tables are not."""
    Store(tmp_path).close()
    file = tmp_path / FILE_NAME
    file.write_bytes(file.read_bytes()[:4096] + b"x" * (file.stat().st_size - 4096))
    with pytest.raises(NotConfigured, match="damaged"):
        FakeAml(tmp_path)


def test_a_file_that_another_process_holds_is_told_as_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not as damage."""
    monkeypatch.setattr("amlrun.testing._state.store._PATIENCE", 0.01)
    Store(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(NotConfigured, match=r"(?s)locked.*Another process has been writing"):
            Store(tmp_path)
