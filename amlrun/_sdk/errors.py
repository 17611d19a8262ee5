"""What the SDK raises, in errors of our own."""

from __future__ import annotations

import json
import re
from importlib import metadata
from typing import TYPE_CHECKING, Any

from amlrun._error_replies import ErrorReply, failure_of, unreachable
from amlrun._errors import AmlrunError, InvalidRequest, ServiceError, SubmissionFailed
from amlrun._proxies import way_out
from amlrun._sdk.uploads import failed_upload
from amlrun._shown import readable
from amlrun._signing_in import gives_tokens, not_signed_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from azure.core.exceptions import AzureError, HttpResponseError

    from amlrun._sdk.uploads import UploadFailed


def translated(error: Exception) -> Exception:
    """What the SDK raised, as one of ours where it has a name; else the error itself."""
    failed = failed_upload(error)
    return _translated(error) if failed is None else _not_uploaded(failed)


def _translated(error: Exception) -> Exception:
    from azure.ai.ml.exceptions import ValidationException
    from azure.core.exceptions import AzureError

    refusal = _refusal_behind(error)
    if refusal is not None:
        return _refused(refusal)
    text, wrong = one_line(error), _wrong_fields(error)
    if wrong or isinstance(error, (ValidationException, FileNotFoundError, NotADirectoryError)):
        return InvalidRequest(wrong or text, argument="job")
    if isinstance(error, AzureError):  # the SDK's own errors are of this kind, too
        return _of_azure(error, text)
    if isinstance(error, (TypeError, ValueError, KeyError, AttributeError)):
        return _broken_off(error, text)
    return error


def _refused(error: HttpResponseError) -> AmlrunError:
    text = one_line(error)
    if error.response is None or _gives_tokens(error):
        return not_signed_in(str(error.message or text))
    return _answered(error, text)


def _of_azure(error: AzureError, text: str) -> AmlrunError:
    """What a client of Azure's raised: a reply that is an error, or no way to the host."""
    from azure.core.exceptions import HttpResponseError, ServiceRequestError, ServiceResponseError

    if isinstance(error, HttpResponseError) and error.response is not None:
        return _answered(error, text)
    no_answer = (ServiceRequestError, ServiceResponseError)
    unanswered = next((one for one in _chain(error) if isinstance(one, no_answer)), None)
    if unanswered is None:
        return SubmissionFailed(text)
    text = one_line(unanswered)
    message, host = f"{text}{_NOT_SENT}", _HOST.search(text)
    if host is None or host["host"].startswith(_MANAGEMENT):
        return SubmissionFailed(message, hint=way_out(text))
    return SubmissionFailed(message, hint=unreachable(host["host"], text).hint)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error, and what it came of."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _refusal_behind(error: BaseException) -> HttpResponseError | None:
    """That who asks may not, or isn't signed in, whatever else the SDK has made of it; None: no such."""
    from azure.core.exceptions import ClientAuthenticationError, HttpResponseError

    for at in _chain(error):
        if isinstance(at, ClientAuthenticationError):
            return at
        if isinstance(at, HttpResponseError) and at.response is not None and at.status_code in _OF_RIGHTS:
            return at
    return None


def _gives_tokens(reply: HttpResponseError) -> bool:
    """Whether it came from where tokens are had, Entra or a machine's own identity: then there is none."""
    response: Any = reply.response
    return gives_tokens(str(response.request.url))


_MANAGEMENT = "management."
_OF_RIGHTS = (401, 403)
_HOST = re.compile(r"host='(?P<host>[^']+)'")


def _answered(error: HttpResponseError, text: str) -> AmlrunError:
    """A reply that the SDK, or its client of storage, raised: it says what one to a request of ours says."""
    response: Any = error.response
    try:
        body = str(response.text())
    except Exception:  # noqa: BLE001 - of a reply that was streamed, the body is gone
        body = ""
    failed = failure_of(
        ErrorReply(
            method=str(response.request.method),
            url=str(response.request.url),
            status=int(response.status_code or 0),
            text=body,
            reason=text,
            code=str(response.headers.get("x-ms-error-code") or ""),
        )
    )
    if isinstance(failed, ServiceError):
        told = failed.message if failed.host or failed.hint else text
        told += _NOT_SENT if failed.host else ""
        code = failed.service_code
        return SubmissionFailed(readable(told), hint=failed.hint, status=failed.status, service_code=code)
    return failed.reworded(message=readable(failed.message))


def _not_uploaded(failed: UploadFailed) -> Exception:
    """A file of the code, or of local data, that the storage didn't take."""
    assert isinstance(failed.__cause__, Exception)  # noqa: S101  so it was made
    why = _translated(failed.__cause__)
    message = f"{failed.file} was not uploaded, and no job was sent: "
    if isinstance(why, AmlrunError):
        return why.reworded(message=f"{message}{why.message.removesuffix(_NOT_SENT)}")
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


_NOT_SENT = ": no job was sent"
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
    for at in _chain(error):
        text = " ".join(str(at).split())
        if readable(text) != text:
            return None
    return error
