"""Uploads of the SDK that fail: told, with the file's name, and not waited for.

Of a folder the SDK sends each file in a thread, drops what a thread raises, unless the client shows progress,
and waits until all files have come: for ever.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

_UPLOAD = "upload_file"
_lock = threading.Lock()
_inside = 0


class UploadFailed(Exception):
    """A file that could not be sent; `__cause__` is why.

    It stands where the SDK keeps how many files there are: whoever compares with it gets it raised.
    """

    def __init__(self, file: str) -> None:
        super().__init__(file)
        self.file = file

    def __gt__(self, _arrived: object) -> bool:
        raise self


def failed_upload(error: BaseException) -> UploadFailed | None:
    """What an error came of, if it was that: the SDK raises others of its own for it."""
    at: BaseException | None = error
    while at is not None and not isinstance(at, UploadFailed):
        at = at.__cause__ or at.__context__
    return at


@contextlib.contextmanager
def failing_uploads() -> Iterator[None]:
    """While it lasts, an upload of which a file fails ends with `UploadFailed`."""
    _count(1)
    try:
        yield
    finally:
        _count(-1)


def _count(more: int) -> None:
    """The first to come replaces the SDK's function, the last to go puts it back."""
    global _inside  # noqa: PLW0603 - so is what it counts
    with _lock:
        _inside += more
        for module in _modules():
            upload = getattr(module, _UPLOAD, None)
            if _inside and upload is not None and not isinstance(upload, _Told):
                setattr(module, _UPLOAD, _Told(upload))
                vars(module)["print"] = _on_a_terminal
            elif not _inside and isinstance(upload, _Told):
                setattr(module, _UPLOAD, upload.upload)
                vars(module).pop("print", None)


def _modules() -> tuple[ModuleType, ...]:
    """Where the SDK looks for it: one for the files of folders, the others for a file alone."""
    from azure.ai.ml._artifacts import _blob_storage_helper, _gen2_storage_helper
    from azure.ai.ml._utils import _asset_utils

    return _asset_utils, _blob_storage_helper, _gen2_storage_helper


def _on_a_terminal(*words: object, **options: Any) -> None:
    """Print for the SDK, which ends each upload with a colour of its bar: in a log that is a stray escape."""
    if getattr(sys.stderr, "isatty", bool)():  # what somebody has put in its place may not say
        print(*words, **options)  # noqa: T201 - what the SDK would


class _Told:
    """The SDK's function, and what it raises."""

    def __init__(self, upload: Any) -> None:
        self.upload = upload

    def __call__(self, storage_client: Any, source: Any, *more: Any, **options: Any) -> None:
        try:
            self.upload(storage_client, source, *more, **options)
        except Exception as error:
            failed = UploadFailed(str(source))
            failed.__cause__ = error
            storage_client.total_file_count = failed
            raise failed from error
