"""Where progress is shown: a line that is written anew on a terminal or in a notebook, lines in a CI log.

Nothing that goes wrong here ends a wait: what can't be shown is not shown.
"""

from __future__ import annotations

import contextlib
import html
import importlib
import math
import os
import shutil
import sys
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable

    from amlrun._progress import Progress

EVERY = 300.0
"""Seconds between two lines of a log in which nothing else changes."""
TICK = 1.0
"""Seconds between two drawings where a person sees it."""


class Display:
    """Shows nothing, but for the logs of jobs, which go to stdout. The others are made of it."""

    shows = False
    """Whether anybody sees progress."""
    tick = math.inf
    """How often, in seconds, it wants to be drawn while nothing happens."""

    def progress(self, progress: Progress) -> None:
        """Show how things stand."""

    def note(self, text: str) -> None:
        """Say what happened, to stay."""

    def log(self, text: str) -> None:
        """Hand on what jobs have written: whole lines, or the end."""
        self.clear()
        _quietly(lambda: _write(sys.stdout, text))

    def clear(self) -> None:
        """Make room: somebody else is about to write."""

    def close(self) -> None:
        """It is over."""


class Lines(Display):
    """A line when something changes, else one every five minutes: for logs of CI, and files."""

    shows = True

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._stage: object = None
        self._at = -math.inf

    def progress(self, progress: Progress) -> None:
        """A line, where it is due."""
        if progress.stage == self._stage and progress.elapsed - self._at < EVERY:
            return
        self._stage, self._at = progress.stage, progress.elapsed
        self.note(str(progress))

    def note(self, text: str) -> None:
        """A line."""
        _quietly(lambda: _write(self._stream, f"{text}\n"))


class Terminal(Display):
    """One line, written over again and again. It fits the terminal: a longer one can't be taken back."""

    shows = True
    tick = TICK

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._drawn = ""

    def progress(self, progress: Progress) -> None:
        """The line anew, over the old one."""
        line = str(progress)[: self._columns() - 1]
        padding = " " * (len(self._drawn) - len(line))
        self._drawn = line
        _quietly(lambda: _write(self._stream, f"\r{line}{padding}"))

    def note(self, text: str) -> None:
        """A line above it."""
        self.clear()
        _quietly(lambda: _write(self._stream, f"{text}\n"))

    def clear(self) -> None:
        """An empty line, its beginning under the cursor."""
        if self._drawn:
            blank, self._drawn = " " * len(self._drawn), ""
            _quietly(lambda: _write(self._stream, f"\r{blank}\r"))

    def close(self) -> None:
        """What was drawn last stays."""
        if self._drawn:
            self._drawn = ""
            _quietly(lambda: _write(self._stream, "\n"))

    def _columns(self) -> int:
        try:
            return os.get_terminal_size(self._stream.fileno()).columns or _COLUMNS
        except (OSError, ValueError):
            return shutil.get_terminal_size().columns


_COLUMNS = 80


class Notebook(Display):
    """One output of a cell, replaced again and again, by IPython's display handle."""

    shows = True
    tick = TICK

    def __init__(self, ipython_display: Callable[..., Any]) -> None:
        self._display = ipython_display
        self._handle: Any = None
        self._notes: list[str] = []

    def progress(self, progress: Progress) -> None:
        """The notes, and under them how things stand."""
        text = "\n".join([*self._notes, str(progress)])
        shown = {"text/plain": text, "text/html": f"<pre>{html.escape(text)}</pre>"}
        with contextlib.suppress(Exception):  # the front end may be gone
            if self._handle is None:
                self._handle = self._display(shown, raw=True, display_id=True)
            else:
                self._handle.update(shown, raw=True)

    def note(self, text: str) -> None:
        """To stand above it from the next time on."""
        self._notes.append(text)


def display_for(*, progress: bool, live: bool) -> Display:
    """How this process shows progress. `live`: time passes as fast as a person's."""
    if not progress:
        return Display()
    stream = sys.stderr
    try:
        # What somebody has put in its place may not say.
        terminal = getattr(stream, "isatty", bool)() and os.environ.get("TERM") != "dumb"
    except ValueError:  # it is closed
        return Display()
    found: Display
    if notebook := _notebook():
        found = Notebook(notebook)
    elif stream is None:
        return Display()
    else:
        found = Terminal(stream) if terminal else Lines(stream)
    if not live:
        found.tick = math.inf
    return found


def _notebook() -> Callable[..., Any] | None:
    """IPython's `display`, where this process is a kernel. One that isn't loaded is not asked."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    if getattr(shell, "kernel", None) is None:
        return None
    found: Callable[..., Any] = importlib.import_module("IPython.display").display
    return found


def _write(stream: TextIO | None, text: str) -> None:
    if stream is not None:
        stream.write(text)
        stream.flush()


def _quietly(write: Callable[[], None]) -> None:
    with contextlib.suppress(OSError, ValueError):  # nobody reads the pipe any more, or it is closed
        write()
