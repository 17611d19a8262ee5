"""What is kept on disk is believed only where it can be; and it is nobody's trouble."""

from __future__ import annotations

import json
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from amlrun._readings.shelf import VERSION, Shelf, cache_folder

HOUR = 3600.0
ROWS = [{"name": "Standard_New", "vCPUs": 2}]


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """Of one region of one subscription, nothing on it."""
    return Shelf.of(tmp_path / "cache", "/subscriptions/0", "eastus")


def test_what_is_put_can_be_taken(shelf: Shelf) -> None:
    """With its age, for as long as it is good; a clock that went back is no reason to believe it."""
    assert shelf.take(0.0, HOUR) is None
    shelf.put(ROWS, 1000.0)
    assert shelf.take(1000.0, HOUR) == (ROWS, 0.0)
    assert shelf.take(1000.0 + HOUR - 1, HOUR) == (ROWS, HOUR - 1)
    assert shelf.take(1000.0 + HOUR, HOUR) is None
    assert shelf.take(999.0, HOUR) is None


def test_each_region_of_each_subscription_has_its_own(tmp_path: Path) -> None:
    """In any case of the letters; the file's name tells neither."""
    one = Shelf.of(tmp_path, "/subscriptions/A", "eastus")
    assert one == Shelf.of(tmp_path, "/subscriptions/a", "EastUS")
    assert one != Shelf.of(tmp_path, "/subscriptions/a", "westus")
    assert one != Shelf.of(tmp_path, "/subscriptions/b", "eastus")
    assert "eastus" not in one.path.name


def whole(**changes: Any) -> str:
    """A file, with something else in it."""
    return json.dumps({"version": VERSION, "at": 1000.0, "rows": ROWS, **changes})


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "null", "\0", whole()[:-10]),
        *(whole(version=VERSION + 1), whole(version=None), whole(at="yesterday"), whole(at=None)),
        *(whole(at=float("nan")), whole(at=[])),
    ],
)
def test_a_damaged_file_is_as_if_it_werent_there(shelf: Shelf, text: str) -> None:
    """Also one of another version; and the next reading replaces it."""
    shelf.path.parent.mkdir()
    shelf.path.write_text(text)
    assert shelf.take(1000.0, HOUR) is None
    shelf.put(ROWS, 1000.0)
    assert shelf.take(1000.0, HOUR) == (ROWS, 0.0)


def test_bytes_that_are_no_text_and_rows_that_are_none(shelf: Shelf) -> None:
    """Neither is an error."""
    shelf.path.parent.mkdir()
    shelf.path.write_bytes(b"\xff\xfe")
    assert shelf.take(1000.0, HOUR) is None
    shelf.path.write_text(whole(rows={"a": 1}))
    assert shelf.take(1000.0, HOUR) == ([], 0.0)


def test_the_folder_is_its_owners_alone(shelf: Shelf) -> None:
    """Whoever else is on the machine has no business in it; nothing half-written stays."""
    shelf.put(ROWS, 1.0)
    assert stat.S_IMODE(shelf.path.parent.stat().st_mode) == 0o700
    assert list(shelf.path.parent.iterdir()) == [shelf.path]


def test_a_folder_that_cant_be_written_is_no_error(tmp_path: Path) -> None:
    """A file where the folder should be, or a folder where the file should be."""
    (tmp_path / "file").write_text("")
    Shelf.of(tmp_path / "file", "s", "r").put(ROWS, 1.0)
    shelf = Shelf.of(tmp_path, "s", "r")
    (shelf.path / "x").mkdir(parents=True)
    shelf.put(ROWS, 1.0)
    assert shelf.take(1.0, HOUR) is None
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["file", shelf.path.name])


def test_many_that_keep_at_once_leave_one_whole_file(shelf: Shelf) -> None:
    """Threads, or processes: whoever takes meanwhile finds the old one or the new one."""
    rows = [[{"name": f"Standard_{number}", "vCPUs": 1}] * 200 for number in range(8)]
    shelf.put(rows[0], 1.0)
    threads = [threading.Thread(target=shelf.put, args=(some, 1.0)) for some in rows]
    for thread in threads:
        thread.start()
    found = [shelf.take(1.0, HOUR) for _ in range(20)]
    for thread in threads:
        thread.join()
    assert all(taken is not None and taken[0] in rows for taken in found)
    assert len(list(shelf.path.parent.iterdir())) == 1


def test_where_the_folder_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that is named, else the platform's, in its own variable or under the home; or none."""
    home, given = tmp_path / "home", str(tmp_path / "given")
    monkeypatch.setattr(Path, "home", lambda: home)
    assert cache_folder({"AMLRUN_CACHE": given}, "linux", usual=False) == Path(given)
    assert cache_folder({}, "linux", usual=False) is None
    assert cache_folder({}, "linux", usual=True) == home / ".cache" / "amlrun"
    assert cache_folder({"XDG_CACHE_HOME": given}, "darwin", usual=True) == Path(given) / "amlrun"
    assert cache_folder({"XDG_CACHE_HOME": "not/absolute"}, "linux", usual=True) == home / ".cache" / "amlrun"
    assert cache_folder({"LOCALAPPDATA": given}, "win32", usual=True) == Path(given) / "amlrun"
    assert cache_folder({}, "win32", usual=True) == home / "AppData/Local" / "amlrun"

    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    assert cache_folder({}, "linux", usual=True) is None
