"""The state of one fake workspace: JSON documents in sqlite, in memory or in a folder.

It knows documents, transactions and nothing of what the documents say, but that secrets in a folder are
sealed. A document has a kind and a name; it may stand on a *shelf* (a queue that is looked at from its head)
and may be *due* (the instant of its next event). Every transaction takes the write lock first, so two
processes on one folder take turns.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from amlrun._errors import NotConfigured
from amlrun.testing._state.seal import Seal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILE_NAME = "workspace.sqlite"
_APPLICATION = 0x616D6C72  # "amlr" in the file's header: what `file` and we know it by
VERSION = 4
"""Of the state's format: another version's is refused."""
_MAGIC = b"SQLite format 3\0"
_FIELDS = (60, 68)  # where sqlite's header has the user's version and the application
_PATIENCE = 60.0  # seconds that a process waits for another one's transaction
_TABLES = """
CREATE TABLE documents (
    kind TEXT NOT NULL, name TEXT NOT NULL, seq INTEGER NOT NULL, shelf TEXT, due REAL, body TEXT NOT NULL,
    PRIMARY KEY (kind, name)
);
CREATE INDEX by_shelf ON documents (kind, shelf, seq) WHERE shelf IS NOT NULL;
CREATE INDEX by_due ON documents (due, kind, seq) WHERE due IS NOT NULL;
CREATE INDEX by_seq ON documents (kind, seq);
"""


class Records:
    """What can be done inside a transaction."""

    def __init__(self, connection: sqlite3.Connection, seal: Seal | None = None) -> None:
        self._connection = connection
        self._seal = seal

    def get(self, kind: str, name: str) -> dict[str, Any] | None:
        """One document, or None."""
        row = self._one("SELECT body FROM documents WHERE kind = ? AND name = ?", kind, name)
        return None if row is None else self._read(row[0])

    def put(
        self,
        kind: str,
        name: str,
        body: dict[str, Any],
        *,
        shelf: str | None = None,
        due: float | None = None,
        secret: bool = False,
    ) -> None:
        """Write a document whole; of a `secret` nothing can be read. One that was there keeps its place."""
        text = json.dumps(body) if self._seal is None else self._seal.written(body, whole=secret)
        self._connection.execute(
            "INSERT INTO documents (kind, name, seq, shelf, due, body) "
            "VALUES (?, ?, (SELECT COALESCE(MAX(seq), 0) + 1 FROM documents WHERE kind = ?), ?, ?, ?) "
            "ON CONFLICT (kind, name) DO UPDATE SET "
            "shelf = excluded.shelf, due = excluded.due, body = excluded.body",
            (kind, name, kind, shelf, due, text),
        )

    def remove(self, kind: str, name: str) -> None:
        """Forget a document; one that isn't there is no error."""
        self._connection.execute("DELETE FROM documents WHERE kind = ? AND name = ?", (kind, name))

    def all(self, kind: str, *, newest_first: bool = False) -> list[dict[str, Any]]:
        """Every document of a kind, in the order in which they were first written."""
        order = "DESC" if newest_first else "ASC"
        # S608: the order is one of two words of ours
        rows = self._connection.execute(
            f"SELECT body FROM documents WHERE kind = ? ORDER BY seq {order}",  # noqa: S608
            (kind,),
        )
        return [self._read(row[0]) for row in rows]

    def names(self, kind: str) -> list[str]:
        """The names of a kind, in the order in which they were first written."""
        rows = self._connection.execute("SELECT name FROM documents WHERE kind = ? ORDER BY seq", (kind,))
        return [row[0] for row in rows]

    def page(
        self, kind: str, *, past: str | None = None, most: int, newest_first: bool = False
    ) -> list[str] | None:
        """Some names of a kind, in order, those behind `past` only. None: there is no such name."""
        begin = (
            None
            if past is None
            else self._one("SELECT seq FROM documents WHERE kind = ? AND name = ?", kind, past)
        )
        if past is not None and begin is None:
            return None
        sign, order = ("<", "DESC") if newest_first else (">", "ASC")
        behind = "" if begin is None else f"AND seq {sign} {int(begin[0])}"
        # S608: the words are ours and the number is one
        rows = self._connection.execute(
            f"SELECT name FROM documents WHERE kind = ? {behind} ORDER BY seq {order} LIMIT ?",  # noqa: S608
            (kind, most),
        )
        return [row[0] for row in rows]

    def shelves(self, kind: str) -> Iterator[str]:
        """The shelves of a kind that hold something: found one by one, however much is on each."""
        shelf = ""
        while row := self._one(
            "SELECT shelf FROM documents WHERE kind = ? AND shelf > ? ORDER BY shelf LIMIT 1", kind, shelf
        ):
            shelf = str(row[0])
            yield shelf

    def head(self, kind: str, shelf: str) -> dict[str, Any] | None:
        """The first document of a shelf."""
        row = self._one(
            "SELECT body FROM documents WHERE kind = ? AND shelf = ? ORDER BY seq LIMIT 1", kind, shelf
        )
        return None if row is None else self._read(row[0])

    def on_shelf(self, kind: str, shelf: str, *, most: int = -1) -> list[Any]:
        """The documents of a shelf, in order: all, or the first ones; of one that can't be opened, a text."""
        rows = self._connection.execute(
            "SELECT body FROM documents WHERE kind = ? AND shelf = ? ORDER BY seq LIMIT ?",
            (kind, shelf, most),
        )
        return [self._read(row[0]) for row in rows]

    def next_due(self, kind: str | None = None) -> tuple[float, str, str] | None:
        """When, and to which document (kind, name), the next thing happens: any, or one of that kind."""
        row = self._one(
            "SELECT due, kind, name FROM documents WHERE due IS NOT NULL AND kind = COALESCE(?, kind) "
            "ORDER BY due, kind, seq LIMIT 1",
            kind,
        )
        return None if row is None else (row[0], row[1], row[2])

    def _read(self, text: str) -> Any:
        return json.loads(text) if self._seal is None else self._seal.read(text)

    def _one(self, statement: str, *values: object) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = self._connection.execute(statement, values).fetchone()
        return row


class Store:
    """One workspace's documents. Safe between threads, and between processes when kept in a folder."""

    def __init__(self, folder: Path | None = None) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self.place: object = self if folder is None else folder.resolve()
        """What two stores of the same state have in common."""
        self.shared = folder is not None
        """Whether another process may be at the same state."""
        path = ":memory:"
        if folder is not None:
            path = str(folder / FILE_NAME)
            if (folder / FILE_NAME).exists():
                _check(folder / FILE_NAME)
            try:
                # Of its owner alone: the bodies of jobs hold their variables.
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                hint = "Give another folder."
                raise NotConfigured(f"No workspace can be kept in {folder}: {error}", hint=hint) from error
        # Folders are handed around: what is secret in one is sealed.
        self._seal = None if folder is None else Seal()
        self._connection = self._connect(path)
        # Nobody has to close a fake: whoever forgets it forgets its connection too.
        self.close = weakref.finalize(self, self._connection.close)
        try:
            self._create()
        except sqlite3.Error as error:
            self.close()
            hint = "Give another folder, or move this one away."
            if "locked" in str(error):
                hint = f"Another process has been writing to it for {_PATIENCE:g} seconds: end that one."
            message = f"The state of a workspace in {path} can't be read: {error}."
            raise NotConfigured(message, hint=hint) from error

    @contextmanager
    def transaction(self) -> Iterator[Records]:
        """All of it or nothing; an inner one is part of the outer."""
        with self._lock:
            outermost = self._depth == 0
            if outermost:
                self._connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield Records(self._connection, self._seal)
                if outermost:
                    self._connection.execute("COMMIT")
            except BaseException:
                # sqlite has itself taken back what some errors end, such as a full disk.
                if outermost and self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            finally:
                self._depth -= 1

    def _connect(self, target: str) -> sqlite3.Connection:
        connection = sqlite3.connect(
            target, timeout=_PATIENCE, isolation_level=None, check_same_thread=False, cached_statements=64
        )
        # A process that dies loses nothing by this; only a power cut could, and this is a fake.
        connection.execute("PRAGMA synchronous = OFF")
        return connection

    def check(self) -> None:
        """Read all of it. Raises NotConfigured where it is damaged."""
        try:
            with self._lock:
                problem = self._connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        except sqlite3.Error as error:
            problem = str(error)
        if problem != "ok":
            hint = "Give another folder, or move this one away."
            raise NotConfigured(f"The state of a workspace in {self.place} is damaged: {problem}.", hint=hint)

    def _create(self) -> None:
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            if self._connection.execute("PRAGMA user_version").fetchone()[0] == 0:
                if self._connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]:
                    self._connection.execute("ROLLBACK")
                    hint = "Give another folder, or move this one away. Nothing in it was changed."
                    raise NotConfigured(
                        f"The database in {self.place} is not the state of a workspace.", hint=hint
                    )
                for statement in _TABLES.split(";"):
                    self._connection.execute(statement)
                self._connection.execute(f"PRAGMA application_id = {_APPLICATION}")
                self._connection.execute(f"PRAGMA user_version = {VERSION}")
            self._connection.execute("COMMIT")


def _check(path: Path) -> None:
    """Refuse a file that isn't ours, reading only its header.

    It is read as bytes: a process that was killed in a transaction leaves one that sqlite can take back only
    where it may write.
    """
    hint = "Give another folder, or move this one away. Nothing in it was changed."
    try:
        with path.open("rb") as file:
            header = file.read(100)
    except OSError as error:
        message = f"The state of a workspace in {path} can't be read: {error}."
        raise NotConfigured(message, hint=hint) from error
    if not header:
        return  # another process has opened it and not yet written the tables
    if len(header) < 100 or not header.startswith(_MAGIC):  # noqa: PLR2004 - a header's length
        message = f"The state of a workspace in {path} can't be read: file is not a database."
        raise NotConfigured(message, hint=hint)
    version, application = (int.from_bytes(header[at : at + 4], "big") for at in _FIELDS)
    if application == version == 0:
        return  # being made, or another program's: who opens it sees which
    if application != _APPLICATION:
        raise NotConfigured(f"{path} is not the state of a workspace.", hint=hint)
    if version != VERSION:
        raise NotConfigured(
            f"{path} is of version {version} of the state's format; this amlrun reads version {VERSION}.",
            hint=hint,
        )
