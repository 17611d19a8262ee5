"""What is secret in a workspace's folder: sealed there, with a key that stands elsewhere.

Folders of state are kept as artifacts, committed and attached to bug reports. What looks like a secret in one
opens with the key of the user who wrote it, and nobody else's.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlrun._errors import NotConfigured
from amlrun._secrets import holds_one

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

UNREADABLE = "(sealed with a key that is not here)"
"""In the place of what can't be opened."""
_SEALED = "$sealed"


class Seal:
    """One user's key, made when it is first needed."""

    @property
    def path(self) -> Path:
        """Where the key is kept."""
        base = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
        return Path(base).expanduser() / "amlrun" / "seal.key"

    def written(self, body: Mapping[str, Any], *, whole: bool = False) -> str:
        """A document as JSON: sealed as a `whole`, or only the texts in it that look like secrets."""
        return json.dumps(self._sealed(body) if whole else self._hidden("", body))

    def read(self, text: str) -> Any:
        """The document again."""
        return json.loads(text, object_hook=self._opened if _SEALED in text else None)

    def _hidden(self, name: str, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: self._hidden(name if key == "value" else key, one) for key, one in value.items()}
        if holds_one(name, value):
            return self._sealed(value)
        return [self._hidden(name, one) for one in value] if isinstance(value, (list, tuple)) else value

    def _sealed(self, value: Any) -> dict[str, str]:
        return {_SEALED: self._fernet.encrypt(json.dumps(value).encode()).decode()}

    def _opened(self, found: dict[str, Any]) -> Any:
        if list(found) != [_SEALED]:
            return found
        from cryptography.fernet import InvalidToken  # noqa: PLC0415 - for who has a secret

        try:
            return json.loads(self._fernet.decrypt(found[_SEALED]))
        except InvalidToken:
            return UNREADABLE

    @cached_property
    def _fernet(self) -> Fernet:
        from cryptography.fernet import Fernet  # noqa: PLC0415 - as above

        path: Path | str = "~/.config"
        try:
            path = self.path
            return Fernet(_kept(path, Fernet.generate_key()))
        except (OSError, ValueError, RuntimeError) as error:
            message = f"What looks like a secret can't be sealed: no key can be kept in {path}: {error}"
            hint = "Set XDG_CONFIG_HOME to a folder of yours that can be written."
            raise NotConfigured(message, hint=hint) from error


def _kept(path: Path, new: bytes) -> bytes:
    """The key that is there, or else the new one: of two who write at once, the first one's."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        mine = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        try:
            mine.touch(mode=0o600)
            mine.write_bytes(new)
            with contextlib.suppress(FileExistsError):
                _put(mine, path)
        finally:
            mine.unlink(missing_ok=True)
    return path.read_bytes()


def _put(mine: Path, path: Path) -> None:
    """The whole file under its name. Raises `FileExistsError` where somebody else's has it."""
    try:
        os.link(mine, path)
    except FileExistsError:
        raise
    except OSError:  # not every file system has links: there it is written in place
        path.touch(mode=0o600, exist_ok=False)
        path.write_bytes(mine.read_bytes())
