"""Checkpoints of a training loop, in files: whatever is killed, a whole one is found, or none.

Works with any framework, and needs no job. Imports nothing of Azure.
"""

from __future__ import annotations

import datetime as dt
import errno
import logging
import operator
import os
import secrets
import shutil
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import attrs

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
from amlrun._clock import RealClock
from amlrun._errors import InvalidRequest
from amlrun._shown import shown
from amlrun._sigterm import sigterm_of_process
from amlrun._training import current

if TYPE_CHECKING:
    from collections.abc import Callable

    from amlrun._sigterm import Sigterm

_log = logging.getLogger("amlrun")
_NOT_HERE = frozenset({errno.EBADF, errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})
"""What a file system answers that doesn't flush by request: its files are written when they are closed."""
_ABANDONED = 3600.0
"""Seconds after which nobody still writes what has no marker."""


@attrs.frozen
class Checkpoint:
    """A whole checkpoint: the folder that it was saved into, and after how many steps."""

    step: int
    path: Path


def checkpointing(
    every: int | dt.timedelta, *, elsewhere: Path | str | None = None, keep: int = 2
) -> Checkpoints:
    """Checkpoints for a training loop: the last whole one to begin with, and a new one where it is due.

        checkpoints = checkpointing(every=100)
        found = checkpoints.last()
        model, done = (load(found.path / "model"), found.step) if found else (Model(), 0)
        for step in range(done + 1, steps + 1):
            model.learn()
            checkpoints.step(step, lambda folder: model.save(folder / "model"))

    `every` so many steps, or after so much time since the last one. They go where each attempt of the job
    finds them again (`current().checkpoint_dir`); where there is no such place, into the folder `elsewhere`,
    or nowhere: then none is found, and none saved. The last `keep` are kept.

    In a job, SIGTERM, if it comes, makes the next `step` save at once, and takes its effect after that.
    Processes of a distributed job other than the first save none.

    Raises `InvalidRequest` for what can't be meant.
    """
    if not _is_count(every, 1) and not (isinstance(every, dt.timedelta) and every > dt.timedelta()):
        message = f"every={shown(every)}: a number of steps, or a timedelta, more than 0"
        raise InvalidRequest(message, argument="every")
    if not _is_count(keep, 1):
        raise InvalidRequest(f"keep={shown(keep)}: how many are kept, 1 or more", argument="keep")
    job = current()
    folder = job.checkpoint_dir if job is not None else None
    if folder is None and elsewhere is not None:
        folder = Path(elsewhere)
    if folder is None:
        _log.info("no place for checkpoints: none are saved")
    sigterm = sigterm_of_process() if job is not None and folder is not None else None
    return Checkpoints(folder, every, keep, writes=job is None or job.rank == 0, sigterm=sigterm)


class Checkpoints:
    """The checkpoints in a folder; None: there are none, and none is saved. Made by `checkpointing`."""

    def __init__(
        self,
        folder: Path | None,
        every: int | dt.timedelta,
        keep: int,
        *,
        writes: bool = True,
        sigterm: Sigterm | None = None,
    ) -> None:
        self.folder = folder
        self._every = every
        self._keep = keep
        self._writes = writes
        self._sigterm = sigterm
        self._clock = RealClock()
        self._step, self._time = 0, self._clock.now()

    def last(self) -> Checkpoint | None:
        """The last whole checkpoint; None where there is none. `step` counts on from it.

        Raises `OSError` where the folder can't be read: a training that began anew then would be wrong.
        """
        for name in marked(self._entries()):
            if self._is_whole(name):
                self._step = name.step
                return Checkpoint(name.step, self._path(str(name)))
            _log.warning("%s is not whole: it is left aside", name)
        return None

    def due(self, step: int) -> bool:
        """Whether `step` would save after so many steps: by steps, each process of a job says the same."""
        if self.folder is None:
            return False
        if self._sigterm is not None and self._sigterm.came:
            return True
        if isinstance(self._every, dt.timedelta):
            return self._clock.now() - self._time >= self._every.total_seconds()
        return is_due(self._every, self._step, step)

    def step(self, step: int, save: Callable[[Path], object]) -> bool:
        """After each step, with the number of steps that are done: save a checkpoint if one is due.

        Returns whether one was due. For `save`, and what is raised: the method `save`.
        """
        is_due = self.due(step)
        if is_due:
            self.save(step, save)
        if self._sigterm is not None:
            self._sigterm.obey()
        return is_due

    def save(self, step: int, save: Callable[[Path], object]) -> Checkpoint | None:
        """Save a checkpoint now; None where none is to be saved.

        `save` is called with an empty folder, writes into it what the next step needs, whatever that is, and
        is done when it returns. What it raises comes through, and so does `OSError` (a full disk): then there
        is no new checkpoint, and those before it are untouched. `InvalidRequest`: nothing was written.
        """
        step = _whole(step)
        if not _is_count(step, 0):
            raise InvalidRequest(f"step={shown(step)}: the number of steps that are done", argument="step")
        saved = self._saved(step, save) if self.folder is not None and self._writes else None
        self._step, self._time = step, self._clock.now()
        return saved

    def _saved(self, step: int, save: Callable[[Path], object]) -> Checkpoint:
        self._path().mkdir(parents=True, exist_ok=True)
        name = next_name(self._entries(), step, secrets.token_hex(4))
        path, marker = self._path(str(name)), self._path(name.marker)
        try:
            path.mkdir()
            save(path)
            files = _flushed(path)
            if not files:
                message = (
                    "a checkpoint was saved, and nothing is in the folder that it was to be written into"
                )
                raise InvalidRequest(message, argument="save")  # noqa: TRY301  it ends as whatever fails here
            with marker.open("x", encoding="utf-8") as file:
                file.write(manifest(files))
                file.flush()
                _flush(file)  # while it is open: closed, it may be another process's to remove
            _flush_folder(self._path())
        except BaseException:
            self._remove(name)
            raise
        _log.info("checkpoint at step %d: %s", step, path)
        self._clear(name)
        return Checkpoint(step, path)

    def _clear(self, last: Name) -> None:
        """Remove what is no longer needed, and what killed processes have left; a failure harms nobody."""
        try:
            entries = self._entries()
            for name in superseded(entries, self._keep, self._is_whole):
                self._remove(name)
            now = self._path(last.marker).stat().st_mtime
            for name in folders(self._entries()):
                if now - self._path(str(name)).stat().st_mtime > _ABANDONED and not self._is_whole(name):
                    self._remove(name)
        except OSError as error:
            _log.warning("old checkpoints are left in %s: %s", self.folder, error)

    def _remove(self, name: Name) -> None:
        """The marker first: what is half removed must not exist."""
        with suppress(FileNotFoundError):
            self._path(name.marker).unlink()
        shutil.rmtree(self._path(str(name)), ignore_errors=True)

    def _is_whole(self, name: Name) -> bool:
        try:
            files = files_of(self._path(name.marker).read_text(encoding="utf-8", errors="replace"))
            if files is None:
                return False
            path = self._path(str(name))
            return all((path / one).stat().st_size == size for one, size in files.items())
        except (FileNotFoundError, NotADirectoryError):
            return False

    def _entries(self) -> list[str]:
        try:
            return [] if self.folder is None else [entry.name for entry in self.folder.iterdir()]
        except FileNotFoundError:
            return []

    def _path(self, entry: str = "") -> Path:
        assert self.folder is not None  # noqa: S101  nothing comes here without one
        return self.folder / entry


def _whole(step: Any) -> Any:
    """A whole number of whatever library as Python's own; anything else as it is."""
    with suppress(TypeError):
        return step if isinstance(step, bool) else operator.index(step)
    return step


def _is_count(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _flushed(folder: Path) -> dict[str, int]:
    """Each file below the folder, by its path from there, with its size, when all of it has left here."""
    files = {}
    for root, _, names in os.walk(folder):
        for name in names:
            path = Path(root, name)
            with path.open("rb") as file:
                _flush(file)
            files[path.relative_to(folder).as_posix()] = path.stat().st_size
        _flush_folder(Path(root))
    return files


def _flush(file: IO[Any]) -> None:
    # Assumed: what was flushed and closed on a job's mount is in the storage; what can't be is told by then.
    try:
        os.fsync(file.fileno())
    except OSError as error:
        if error.errno not in _NOT_HERE:
            raise


def _flush_folder(path: Path) -> None:
    """So that the names in it last, too, where folders can be flushed."""
    with suppress(OSError):
        opened = os.open(path, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
