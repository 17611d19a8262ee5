"""What the SDK raises, in errors of our own."""

from __future__ import annotations

import json
import re
from importlib import metadata
from typing import TYPE_CHECKING

from amlrun._errors import AmlrunError, InvalidRequest, NotAuthorized, SubmissionFailed
from amlrun._sdk.uploads import failed_upload
from amlrun._shown import readable

if TYPE_CHECKING:
    from amlrun._sdk.uploads import UploadFailed


def translated(error: Exception) -> Exception:
    """What the SDK raised, as one of ours where it has a name; else the error itself."""
    failed = failed_upload(error)
    return _translated(error) if failed is None else _not_uploaded(failed)


def _translated(error: Exception) -> Exception:
    from azure.ai.ml.exceptions import MlException, ValidationException
    from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError

    text = one_line(error)
    if isinstance(error, HttpResponseError):
        if isinstance(error, ClientAuthenticationError) or error.status_code in (401, 403):
            return NotAuthorized(text, hint="The signed-in account lacks this right.")
        return SubmissionFailed(text, status=error.status_code or 0)
    wrong = _wrong_fields(error)
    if wrong or isinstance(error, (ValidationException, FileNotFoundError, NotADirectoryError)):
        return InvalidRequest(wrong or text, argument="job")
    if isinstance(error, (MlException, AzureError)):
        return SubmissionFailed(text)
    if isinstance(error, (TypeError, ValueError, KeyError, AttributeError)):
        return _broken_off(error, text)
    return error


def _not_uploaded(failed: UploadFailed) -> Exception:
    """A file of the code, or of local data, that the storage didn't take."""
    assert isinstance(failed.__cause__, Exception)  # noqa: S101  so it was made
    why = _translated(failed.__cause__)
    message = f"{failed.file} was not uploaded, and no job was sent: "
    if isinstance(why, AmlrunError):
        return why.reworded(message=f"{message}{why.message}")
    return SubmissionFailed(f"{message}{type(why).__name__}: {one_line(why)}")


def _broken_off(error: Exception, text: str) -> Exception:
    """What the SDK hadn't reckoned with."""
    version = f"azure-ai-ml {metadata.version('azure-ai-ml')}"
    if "JSON serializable" in text:
        message = f"{version} can't write this job down: {text}"
        return SubmissionFailed(message, hint="Another version of it can: 1.35 for one, or 1.28.")
    message = f"{version} broke off on this job: {type(error).__name__}: {text}"
    return SubmissionFailed(message, hint="Nobody has foreseen this (__cause__: where). No job was sent.")


def _wrong_fields(error: Exception) -> str:
    """What the SDK's validation found, which it tells as JSON; "": it is no such error."""
    try:
        found = json.loads(str(error))["errors"]
        return "; ".join(f"{one['path']}: {readable(one['message'].rstrip('.'))}" for one in found)
    except (ValueError, TypeError, KeyError, AttributeError):
        return ""


_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_ADVICE = ("If you are trying to configure", "Resolutions:", "Additional Resources", "The easiest way")


def one_line(error: Exception) -> str:
    """The SDK's message without the advice that follows it, which is for its command line."""
    text = _COLOURS.sub("", str(error))
    for advice in _ADVICE:
        text = text.partition(advice)[0]
    return readable(" ".join(text.split()))


def cause(error: BaseException) -> BaseException | None:
    """The SDK's error, for `raise … from`; None where it, or what it came of, shows a secret: so would we."""
    at: BaseException | None = error
    while at is not None:
        text = " ".join(str(at).split())
        if readable(text) != text:
            return None
        at = at.__cause__ or at.__context__
    return error
