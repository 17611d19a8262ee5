"""Checkpoints of a loop, in files of this process."""

from __future__ import annotations

import datetime as dt
import errno
import os
import shutil
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from amlrun import InvalidRequest, checkpointing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from amlrun._checkpoints import Checkpoints


@pytest.fixture(autouse=True)
def sigterm() -> Iterator[None]:
    """As it was before, whatever a test in a job has made of it."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def writing(text: str) -> Callable[[Path], None]:
    """Save this text, in two files, one of them further down."""

    def save(folder: Path) -> None:
        (folder / "more").mkdir()
        for name in ("state", "more/state"):
            (folder / name).write_text(text)

    return save


def read(checkpoints: Checkpoints) -> tuple[int, str] | None:
    """The last whole checkpoint: its step, and what was saved."""
    found = checkpoints.last()
    if found is None:
        return None
    (text,) = {(found.path / name).read_text() for name in ("state", "more/state")}
    return found.step, text


def run(checkpoints: Checkpoints, steps: int) -> list[int]:
    """Go on from the last checkpoint; which steps have saved."""
    found = checkpoints.last()
    done = found.step if found else 0
    return [step for step in range(done + 1, steps + 1) if checkpoints.step(step, writing(f"at {step}"))]


def test_a_loop_goes_on_where_the_last_one_was_saved(tmp_path: Path) -> None:
    """By steps: the same steps save, whether the loop was interrupted or not."""
    assert run(checkpointing(20, elsewhere=tmp_path), 50) == [20, 40]
    assert read(checkpointing(20, elsewhere=tmp_path)) == (40, "at 40")
    assert run(checkpointing(20, elsewhere=str(tmp_path)), 90) == [60, 80]
    assert read(checkpointing(20, elsewhere=tmp_path)) == (80, "at 80")


def test_by_time(tmp_path: Path) -> None:
    """After so much time since the last one, whatever the steps are."""
    assert run(checkpointing(dt.timedelta(hours=1), elsewhere=tmp_path), 50) == []
    assert run(checkpointing(dt.timedelta(microseconds=1), elsewhere=tmp_path), 3) == [1, 2, 3]


def test_where_there_is_no_place_nothing_is_saved() -> None:
    """On a laptop the same loop runs through, and leaves nothing behind."""
    checkpoints = checkpointing(1)
    assert checkpoints.last() is None
    assert run(checkpoints, 3) == []
    assert checkpoints.save(3, writing("")) is None
    assert list(Path.cwd().iterdir()) == []


def test_a_job_has_a_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That is where they go, whatever the folder elsewhere; other processes than the first save none."""
    monkeypatch.setenv("AZUREML_RUN_ID", "run")
    monkeypatch.setenv("AMLRUN_CHECKPOINT_DIR", str(tmp_path / "place"))
    first = checkpointing(2, elsewhere=tmp_path / "elsewhere")
    assert first.folder == tmp_path / "place"
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    second = checkpointing(2)
    assert run(second, 4) == [2, 4]  # due, as they are for the first
    assert second.last() is None
    assert run(first, 4) == [2, 4]
    assert read(second) == (4, "at 4")


def test_the_last_ones_are_kept(tmp_path: Path) -> None:
    """As many as were asked for, and nothing else of ours; files of the user's own stay."""
    (tmp_path / "notes.txt").write_text("mine")
    run(checkpointing(1, elsewhere=tmp_path, keep=3), 10)
    names = sorted(path.name for path in tmp_path.iterdir())
    steps = [name.split("-")[3] for name in names if name.endswith(".done")]
    assert (steps, len(names)) == (["8", "9", "10"], 7)


def test_an_earlier_step_can_be_gone_back_to(tmp_path: Path) -> None:
    """The last one is the one that was saved last, also where that is of an earlier step."""
    checkpoints = checkpointing(10, elsewhere=tmp_path, keep=1)
    checkpoints.save(100, writing("went wrong"))
    checkpoints.save(60, writing("again"))
    assert read(checkpoints) == (60, "again")


@pytest.mark.parametrize("wrong", ["no marker", "cut marker", "file shorter", "file gone", "folder gone"])
def test_what_is_not_whole_does_not_exist(tmp_path: Path, wrong: str) -> None:
    """The one before it is found; and it is kept until there are enough whole ones after it."""
    checkpoints = checkpointing(1, elsewhere=tmp_path, keep=2)
    whole = checkpoints.save(1, writing("whole"))
    saved = checkpoints.save(2, writing("torn"))
    assert whole is not None
    assert saved is not None
    marker = saved.path.with_name(f"{saved.path.name}.done")
    if wrong == "no marker":
        marker.unlink()
    elif wrong == "cut marker":
        os.truncate(marker, 9)
    elif wrong == "file shorter":
        os.truncate(saved.path / "state", 2)
    elif wrong == "file gone":
        (saved.path / "more" / "state").unlink()
    else:
        shutil.rmtree(saved.path)
    assert read(checkpoints) == (1, "whole")
    checkpoints.save(3, writing("next"))
    assert read(checkpoints) == (3, "next")
    assert whole.path.is_dir()


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left"), ValueError("theirs"), KeyboardInterrupt()]
)
def test_what_goes_wrong_while_saving_loses_nothing(tmp_path: Path, error: BaseException) -> None:
    """The error comes through, the half-written one is gone, the earlier one stands, the next one works."""
    checkpoints = checkpointing(1, elsewhere=tmp_path)
    checkpoints.save(1, writing("whole"))

    def fail(folder: Path) -> None:
        writing("half")(folder)
        raise error

    with pytest.raises(type(error)):
        checkpoints.step(2, fail)
    assert read(checkpoints) == (1, "whole")
    assert len(list(tmp_path.iterdir())) == 2
    assert checkpoints.step(3, writing("again"))
    assert read(checkpoints) == (3, "again")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_disk_that_fails_late_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Full disks and lost mounts may say so only when a file is flushed: then there is no such checkpoint."""
    checkpoints = checkpointing(1, elsewhere=tmp_path)
    checkpoints.save(1, writing("whole"))

    def flush(_: int) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", flush)
        with pytest.raises(OSError, match=os.strerror(number)):
            checkpoints.save(2, writing("lost"))
    assert read(checkpoints) == (1, "whole")


def test_the_marker_comes_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When it appears, all of the checkpoint has been handed to the disk."""
    handed: list[tuple[str, bool]] = []
    flush = os.fsync

    def noted(descriptor: int) -> None:
        flush(descriptor)
        name = Path(f"/proc/self/fd/{descriptor}").readlink().name
        handed.append((name, bool(list(tmp_path.glob("*.done")))))

    if not Path("/proc/self/fd").is_dir():
        pytest.skip("there is no /proc")
    monkeypatch.setattr(os, "fsync", noted)
    saved = checkpointing(1, elsewhere=tmp_path).save(1, writing("whole"))
    assert saved is not None
    name = saved.path.name
    assert handed == [
        *((one, False) for one in ("state", name, "state", "more")),
        *((one, True) for one in (f"{name}.done", tmp_path.name)),
    ]


def test_a_file_system_without_flushing_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mounts that write files when they are closed may not know it."""

    def flush(_: int) -> None:
        raise OSError(errno.ENOSYS, "not here")

    monkeypatch.setattr(os, "fsync", flush)
    checkpoints = checkpointing(1, elsewhere=tmp_path)
    checkpoints.save(1, writing("whole"))
    assert read(checkpoints) == (1, "whole")


def test_a_folder_that_cannot_be_read_is_no_empty_one(tmp_path: Path) -> None:
    """To begin anew because a mount has failed would be wrong."""
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError):
        checkpointing(1, elsewhere=tmp_path / "file").last()


def test_what_a_killed_process_left_goes_in_time(tmp_path: Path) -> None:
    """Not while somebody might still write it."""
    checkpoints = checkpointing(1, elsewhere=tmp_path)
    for number, age in ((7, 7200), (8, 60)):
        left = tmp_path / f"checkpoint-00000{number}-step-4-ab"
        left.mkdir()
        (left / "half").write_text("")
        changed = left.stat().st_mtime - age
        os.utime(left, (changed, changed))
    checkpoints.save(1, writing("whole"))
    assert min(path.name for path in tmp_path.iterdir()) == "checkpoint-000008-step-4-ab"
    assert read(checkpoints) == (1, "whole")


def test_old_ones_that_stay_are_no_reason_to_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where they can't be removed, training goes on, and the last one is found."""
    checkpoints = checkpointing(1, elsewhere=tmp_path, keep=1)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "unlink", refuse)
    assert run(checkpoints, 3) == [1, 2, 3]
    assert read(checkpoints) == (3, "at 3")


def test_two_who_save_into_one_folder_leave_whole_ones(tmp_path: Path) -> None:
    """One inside of the other even: names are never given twice."""
    one, other = (checkpointing(1, elsewhere=tmp_path) for _ in range(2))

    def both(folder: Path) -> None:
        writing("one")(folder)
        other.save(2, writing("other"))

    one.save(1, both)
    assert len({path.name for path in tmp_path.glob("*.done")}) == 2
    assert read(one) in {(1, "one"), (2, "other")}


@pytest.mark.parametrize(
    ("argument", "options"),
    [
        ("every", {"every": 0}),
        ("every", {"every": True}),
        ("every", {"every": 1.5}),
        ("every", {"every": dt.timedelta()}),
        ("keep", {"every": 1, "keep": 0}),
        ("keep", {"every": 1, "keep": "2"}),
    ],
)
def test_what_can_not_be_meant(argument: str, options: dict[str, Any]) -> None:
    """Refused, by its name."""
    with pytest.raises(InvalidRequest) as caught:
        checkpointing(**options)
    assert caught.value.argument == argument


@pytest.mark.parametrize("step", [-1, 1.0, True])
def test_no_step(tmp_path: Path, step: Any) -> None:
    """The number of steps that are done, and nothing else."""
    with pytest.raises(InvalidRequest, match="step="):
        checkpointing(1, elsewhere=tmp_path).save(step, writing(""))


def test_a_step_may_be_any_librarys_whole_number(tmp_path: Path) -> None:
    """What counts the steps of a loop is often an array library's own."""

    class Int64:
        """As numpy's."""

        def __index__(self) -> int:
            return 100

    checkpoint = checkpointing(1, elsewhere=tmp_path).save(cast("int", Int64()), writing(""))
    assert checkpoint is not None
    assert checkpoint.step == 100


def test_a_save_that_writes_nothing_is_refused(tmp_path: Path) -> None:
    """A path of the caller's own was written to, more often than not."""
    checkpoints = checkpointing(1, elsewhere=tmp_path)
    with pytest.raises(InvalidRequest, match="nothing is in the folder"):
        checkpoints.save(1, lambda _: None)
    assert list(tmp_path.iterdir()) == []


def test_of_an_old_one_its_marker_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed in between, nothing is left that looks like a whole checkpoint."""
    marked: list[bool] = []
    remove = shutil.rmtree

    def removed(path: Path, **options: Any) -> None:
        marked.append(path.with_name(f"{path.name}.done").exists())
        remove(path, **options)

    monkeypatch.setattr(shutil, "rmtree", removed)
    run(checkpointing(1, elsewhere=tmp_path, keep=1), 3)
    assert marked == [False, False]
