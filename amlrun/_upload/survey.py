"""One pass over a code folder: what goes along, by its ignore files and by what never should.

Raises `InvalidRequest` for what azure-ai-ml would stumble over halfway: a link that leads nowhere, a folder
with nothing in it. Reads names and sizes, and the contents of ignore files only.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from amlrun._errors import InvalidRequest
from amlrun._paths import is_folder, is_there
from amlrun._upload.contents import CodeFile, LeftOut, Upload
from amlrun._upload.patterns import brings_back, last_word, rules_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from amlrun._upload.patterns import Rule

GIT, AML = ".gitignore", ".amlignore"
NEVER = frozenset(
    {
        *(".git", ".hg", ".svn", ".DS_Store"),
        *("__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".ipynb_checkpoints", ".hypothesis"),
        *(".tox", ".nox", "node_modules"),
    }
)
"""Names of what is no code of the user's, wherever it stands."""
_ENVIRONMENT_MARKS = ("pyvenv.cfg", "conda-meta")
"""A folder with one of these is a virtual environment."""


def survey(code: Path) -> Upload:
    """What of this folder, or file, is sent along. `code` is absolute."""
    if not is_there(code):
        raise _refused(code, "there is no such folder")
    if not is_folder(code):
        return Upload(code, (CodeFile(code.name, str(code), code.stat().st_size),))
    if code.resolve() in {Path.home().resolve(), Path(code.anchor)}:
        hint = "Name the folder of the code itself; a script needs no more than code='train.py'."
        raise _refused(code, "everything in it would be sent", hint)
    walk = _Walk(code)
    files = tuple(walk.files(str(code), "", (os.path.realpath(code),), walk.git))
    if not files and walk.left_out:
        one = walk.left_out[0]
        hint = f"A line such as !{one.path} in an .amlignore there brings it back."
        raise _refused(code, f"{one.source} leaves out all that is in it", hint)
    if not files:
        raise _refused(code, "the folder is empty, or holds nothing but caches")
    return Upload(code, files, tuple(one for one in walk.left_out if one.source != walk.known))


def left_out_of(code: Path | None) -> Callable[[str], bool]:
    """Whether the ignore files of a code folder leave out what would stand at a path in it."""
    return _Walk(code).leaves_out if code is not None and is_folder(code) else lambda _: False


def _refused(path: Path | str, why: str, hint: str = "") -> InvalidRequest:
    return InvalidRequest(f"code={str(path)!r}: {why}", argument="code", hint=hint)


class _Walk:
    """The rules that hold in one folder, and what they kept at home so far."""

    def __init__(self, code: Path) -> None:
        self.left_out: list[LeftOut] = []
        top = next((one for one in (code, *code.parents) if os.path.lexists(one / ".git")), code)
        self._prefix = "" if top == code else f"{code.relative_to(top).as_posix()}/"
        above = [one for one in reversed(code.parents) if one == top or top in one.parents]
        rules = [rule for one in above for rule in _read(one / GIT, self._base(one, top))]
        # A folder that is named is wanted, even where the repository doesn't keep it.
        named = tuple(rule for rule in rules if not self._prefix or not rule.speaks_of(self._prefix))
        own = _read(code / GIT, self._prefix)
        self.git = (*named, *own)
        # After git's rules, not in their place: a .env that git leaves out stays at home.
        self._aml = _read(code / AML, self._prefix)
        self.known = str(code / (AML if (code / AML).exists() else GIT))
        """The one ignore file that azure-ai-ml reads."""
        # Git itself never looks into a folder that it leaves out; azure-ai-ml does.
        self._keeps_some = brings_back(self._aml or own)

    def leaves_out(self, path: str) -> bool:
        """Whether a rule of the folder itself keeps this path in it at home."""
        word = last_word((*self.git, *self._aml), self._prefix + path)
        return word is not None and not word.keeps

    @staticmethod
    def _base(folder: Path, top: Path) -> str:
        return "" if folder == top else f"{folder.relative_to(top).as_posix()}/"

    def files(
        self, folder: str, path: str, chain: tuple[str, ...], git: tuple[Rule, ...]
    ) -> Iterator[CodeFile]:
        """The files below, by name. `chain` are the real paths of the folders that one came through."""
        rules = (*git, *self._aml)
        try:
            with os.scandir(folder) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            raise _refused(folder, f"it can't be read ({error.strerror})") from error
        for entry in found:
            # Of links in a circle, `is_dir` raises.
            is_inner = is_folder(entry.path) if entry.is_symlink() else entry.is_dir()
            here = f"{path}{entry.name}{'/' if is_inner else ''}"
            word = last_word(rules, self._prefix + here)
            if not path and entry.name in {GIT, AML}:
                continue  # azure-ai-ml would read them once more
            if _is_never(entry, is_folder=is_inner) and not (word and word.keeps):
                continue
            if word is not None and not word.keeps:
                known = len(self.left_out)
                kept = list(self._inside(entry, here, chain, git)) if is_inner and self._keeps_some else []
                if not kept:
                    self.left_out[known:] = [LeftOut(here, word.source)]
                yield from kept
                continue
            yield from self._inside(entry, here, chain, git) if is_inner else self._file(entry, here)

    def _inside(
        self, entry: os.DirEntry[str], path: str, chain: tuple[str, ...], git: tuple[Rule, ...]
    ) -> Iterator[CodeFile]:
        real = os.path.realpath(entry.path)
        if real in chain:
            raise _refused(entry.path, f"this link leads back to {real}, in which it stands")
        own = _read(Path(entry.path, GIT), self._prefix + path)
        yield from self.files(entry.path, path, (*chain, real), (*git, *own))

    @staticmethod
    def _file(entry: os.DirEntry[str], path: str) -> Iterator[CodeFile]:
        try:
            status = entry.stat()
            entry.name.encode()
        except UnicodeEncodeError as error:
            raise _refused(os.fsencode(entry.path).decode(errors="replace"), "no name in UTF-8") from error
        except OSError as error:
            if not entry.is_symlink():
                raise _refused(entry.path, f"it can't be read ({error.strerror})") from error
            leads = Path(entry.path).readlink()
            hint = "Remove the link, or leave it out by a line in .amlignore."
            raise _refused(entry.path, f"this link leads to {leads}, which isn't there", hint) from error
        if stat.S_ISREG(status.st_mode):  # a pipe would never end
            yield CodeFile(path, entry.path, status.st_size)


def _is_never(entry: os.DirEntry[str], *, is_folder: bool) -> bool:
    if entry.name in NEVER:
        return True
    return is_folder and any(os.path.lexists(Path(entry.path, mark)) for mark in _ENVIRONMENT_MARKS)


def _read(path: Path, base: str) -> tuple[Rule, ...]:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ()
    return rules_of(text, base=base, source=str(path))
