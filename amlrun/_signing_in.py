"""Why there is no token: what azure-identity and Entra say of it, one line for each way that was tried.

Codes: https://learn.microsoft.com/entra/identity-platform/reference-error-codes
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import attrs

from amlrun._cloud import PUBLIC, cloud_of
from amlrun._errors import NotAuthorized, NotConfigured, ServiceError
from amlrun._proxies import way_out
from amlrun._ways import JOB, Way, halves, way_in

if TYPE_CHECKING:
    from collections.abc import Mapping

LASTING = frozenset({"AADSTS700024"})
"""Codes of what no later try mends: a loop that looks every minute ends by them."""
_APART = (
    "Sign in again. Where a job is to be waited for, submit it without waiting, and wait in a step of its own"
    " that signs in anew: `amlrun wait NAME`."
)
_MFA = "Sign in with the second factor: `az login --tenant {tenant} --scope {scope}`."
_FRESH = "Sign in again: `az login`."


@attrs.frozen
class Cause:
    """What a code of Entra's means, and the way out."""

    words: str
    hint: str


CODES = {
    "700024": Cause("the federated token (client assertion) has expired, or isn't valid yet", _APART),
    "7000215": Cause(
        "the client secret is wrong",
        "AZURE_CLIENT_SECRET takes the secret's value, not its id; is it the one of AZURE_CLIENT_ID?",
    ),
    "7000222": Cause("the client secret has expired", "Make a new one, and put it into AZURE_CLIENT_SECRET."),
    "700016": Cause(
        "there is no such app in this tenant", "Do AZURE_CLIENT_ID and AZURE_TENANT_ID belong together?"
    ),
    "700027": Cause("the certificate isn't the app's", "Add it to the app, or set the right one."),
    "70021": Cause(
        "no federated credential of the app matches this token",
        "Its issuer, subject and audience must be those of the pipeline's token, to the letter.",
    ),
    "50076": Cause("a second factor is asked for (MFA)", _MFA),
    "50079": Cause("a second factor has to be set up (MFA)", _MFA),
    "50158": Cause("a further check is asked for (conditional access)", _MFA),
    "53003": Cause(
        "conditional access of the tenant forbids it", "Its administrator can tell from where it is allowed."
    ),
    "50078": Cause("the second factor was too long ago", _MFA),
    "50173": Cause("the password was changed since", _FRESH),
    "70043": Cause("the sign-in is too old (conditional access)", _FRESH),
    "700082": Cause("the sign-in wasn't used for too long", _FRESH),
    "50126": Cause("user name or password is wrong", _FRESH),
    "50057": Cause("the account is disabled", "The tenant's administrator can tell."),
    "65001": Cause(
        "nobody has consented that this app asks for such a token",
        "An administrator of the tenant can consent; `az login` signs in by an app that needs none.",
    ),
    "50020": Cause(
        "the account is not of this tenant",
        "Sign in to the workspace's tenant: `az login --tenant {tenant}`, or set AZURE_TENANT_ID.",
    ),
    "50034": Cause(
        "the tenant knows no such account", "Sign in to the right one: `az login --tenant {tenant}`."
    ),
    "90002": Cause(
        "there is no such tenant", "Is AZURE_TENANT_ID right, and the cloud (AZURE_AUTHORITY_HOST)?"
    ),
    "500011": Cause(
        "the tenant doesn't know the service that the token is for",
        "Another cloud's tenant? AZURE_CLOUD says which cloud it is.",
    ),
}
_SAME = {"700213": "70021", "700211": "70021", "700212": "70021", "50072": "50079", "900021": "90002"}
_CODE = re.compile(r"AADSTS(\d+)")
_TENANT = re.compile(r"not configured to acquire tokens for tenant (\S+?)\.? ")
_COMMAND = re.compile(r"\baz login(?: --(?:tenant|scope) [^\s\"'`]+)+")
"""As az says it itself, with tenant and scope."""
_FACTORS = frozenset({"50072", "50076", "50078", "50079", "50158"})
_APPS = frozenset({"EnvironmentCredential", "ClientSecretCredential", "CertificateCredential"})
_OF_ASSERTION = {
    # Without a token in the file, the request looks like one with an empty secret.
    "7000215": Cause(
        "there is no token in the file of AZURE_FEDERATED_TOKEN_FILE",
        "The pipeline's step that writes it comes first; does it have the right to (`id-token: write`)?",
    ),
}

_LINK = re.compile(r"^\t(\w+): ", re.MULTILINE)
_ABSENT = {
    # What is said of ways that nobody has prepared: nothing to mend, unless it is all that there is.
    "EnvironmentCredential": "variables are not fully configured",
    "WorkloadIdentityCredential": "Missing required arguments",
    "SharedTokenCacheCredential": "No accounts were found",
    "VisualStudioCodeCredential": "azure-identity-broker",
    "AzurePowerShellCredential": "not installed",
    "AzureDeveloperCliCredential": "could not be found",
    "BrokerCredential": "azure-identity-broker",
}
_NAMES = {
    "EnvironmentCredential": "service principal of the variables AZURE_*",
    "ClientSecretCredential": "service principal",
    "CertificateCredential": "service principal",
    "WorkloadIdentityCredential": "federated token (AZURE_FEDERATED_TOKEN_FILE)",
    "ManagedIdentityCredential": "managed identity",
    "AzureMLOnBehalfOfCredential": "the submitter's identity (OBO_ENDPOINT)",
    "SharedTokenCacheCredential": "cache of other tools",
    "VisualStudioCodeCredential": "Visual Studio Code",
    "AzureCliCredential": "az",
    "AzurePowerShellCredential": "PowerShell",
    "AzureDeveloperCliCredential": "azd",
    "BrokerCredential": "broker of the system",
}
_OF_THE_PLACE = {"ManagedIdentityCredential": "MSI_ENDPOINT", "AzureMLOnBehalfOfCredential": "OBO_ENDPOINT"}
"""Those whose tokens come from where the code runs: no proxy reaches that, and nobody can log in there."""
_UNAVAILABLE = re.compile(r"\w+Credential authentication unavailable[.,]?\s*")
_HOST = re.compile(r"host='([^']+)'")
_PLAIN = (
    ("Azure CLI not found on path", "not installed"),
    ("Please run 'az login'", "installed, but nobody is logged in"),
    ("Failed to invoke the Azure CLI", "no answer within 10 seconds, or it can't be run"),
    ("Identity not found", "this machine has none, or not the one of AZURE_CLIENT_ID"),
    ("no response from the IMDS endpoint", "none here"),
    ("No identity has been assigned", "this machine has none, or not the one of AZURE_CLIENT_ID"),
)
_USUAL = {
    "EnvironmentCredential": "Check AZURE_TENANT_ID, AZURE_CLIENT_ID and the secret or certificate.",
    "ClientSecretCredential": "Check its tenant, client id and secret.",
    "CertificateCredential": "Check its tenant, client id and certificate.",
    "WorkloadIdentityCredential": "Does AZURE_FEDERATED_TOKEN_FILE name the file that the pipeline writes?",
    "ManagedIdentityCredential": "Is AZURE_CLIENT_ID the client id of an identity that is attached here?",
    "AzureMLOnBehalfOfCredential": "In a job nobody logs in: submit it with identity='user', or 'managed'.",
}
"""The way out where there is no special one; else it is to log in."""


def way_of(credential: str) -> str:
    """A credential's class, in words: the way by which somebody signed in."""
    return _NAMES.get(credential, credential)


@attrs.frozen
class _Way:
    """One way that was tried: why it gave no token, and what to do, "" where there is nothing special."""

    name: str
    words: str
    hint: str


def not_signed_in(
    text: str, *, credential: str = "", environment: Mapping[str, str] | None = None
) -> NotAuthorized:
    """The error for what a credential says: each way that was tried in a line, ways nobody prepared left out.

    `credential` is the class of the one that was asked, where it is only one. `environment` tells of
    variables that are missing, and where this is.
    """
    tried, code, place = _tried(text), _CODE.search(text), environment or {}
    service_code = code[0] if code else ""
    if not tried:
        one = _failed(credential, text, place)
        who = f"{_NAMES[credential]}: " if credential in _NAMES else ""
        hint = one.hint or _USUAL.get(credential) or _usual(text)
        message = f"No token: {who}{one.words}"
        return NotAuthorized(message, hint=hint, service_code=service_code, signed_in=False)
    missing = halves(place)
    absent = [way_of(name) for name, said in tried if name not in missing and _is_absent(name, said)]
    failed = [
        _Way(name, f"without {missing[name]}", f"Set {missing[name]}, or unset the rest.")
        if name in missing
        else _failed(name, said, place)
        for name, said in tried
        if way_of(name) not in absent
    ]
    lines = [f"  {way_of(one.name)}: {one.words}" for one in failed]
    if absent:
        lines.append(f"  not set up: {', '.join(absent)}")
    alone = bool(place.get(JOB)) and way_in(place) is Way.ANY
    head = "No token: this job was sent without an identity" if alone else "No token: nobody is signed in"
    hints = dict.fromkeys(one.hint for one in failed if one.hint)
    hint = _NO_IDENTITY if alone else "\n".join(hints) or _usual(text)
    return NotAuthorized("\n".join([head, *lines]), hint=hint, service_code=service_code, signed_in=False)


_NO_IDENTITY = "Submit it with identity='managed', or 'user': in a job nobody logs in."


def unanswered(text: str, status: int, *, login: str, credential: str = "") -> ServiceError:
    """The error where nobody answered who gives tokens, or with a fault (`status`): it may pass.

    `login` is the URL of the cloud's sign-in, which is asked unless the text names another host.
    """
    asked = None if "connect to proxy" in text else _HOST.search(text)
    if credential in _OF_THE_PLACE:
        who = f"{_OF_THE_PLACE[credential]}{f' ({asked[1]})' if asked else ''}"
    else:
        who = asked[1] if asked else urlsplit(login).netloc
    hint = _reaching(credential, text) or way_out(text)
    return ServiceError(f"No token from {who}: {_first(text)}", hint=hint, status=status)


def _tried(text: str) -> list[tuple[str, str]]:
    """Each credential of a chain that failed, and what it says."""
    parts = _LINK.split(text)[1:]
    said = [part.partition("\nTo mitigate this issue")[0] for part in parts[1::2]]
    return list(zip(parts[::2], said, strict=True))


def _is_absent(name: str, said: str) -> bool:
    return name in _ABSENT and _ABSENT[name] in said


def _failed(name: str, said: str, environment: Mapping[str, str]) -> _Way:
    """What is wrong, in a line, and the way out."""
    code = _CODE.search(said)
    if code:
        known = _of_code(name, _SAME.get(code[1], code[1]))
        if known is None:
            return _Way(name, _first(said[code.start() :]), "")
        return _Way(name, f"{known.words} ({code[0]})", _filled(name, known, code[1], said, environment))
    tenant = _TENANT.search(said)
    if tenant:
        words = f"it signs in to another tenant than {tenant[1]}, which is asked for"
        hint = f"Sign in to that one: `az login --tenant {tenant[1]}`, or set AZURE_TENANT_ID."
        return _Way(name, words, hint)
    refused = _REFUSED.search(said)
    if refused and name in _OF_THE_PLACE and JOB in environment:
        return _Way(name, f"refused: {refused['why']}", _of_another(environment))
    return _plain(name, said) or _Way(name, _first(said), _reaching(name, said) or way_out(said, usual=""))


def _plain(name: str, said: str) -> _Way | None:
    """What is better said in other words than theirs."""
    if _NO_JSON.search(said):
        return _Way(name, "what answered there sent no token", "Is a proxy or a sign-in page in between?")
    words = next((words for sign, words in _PLAIN if sign in said), "")
    return _Way(name, words, _SLOW if "Failed to invoke" in said else "") if words else None


_REFUSED = re.compile(r"Token request error: \(\w+\) (?:.*'message': ['\"](?=[^'\"]))?(?P<why>[^'\"]+)")
_NO_JSON = re.compile(
    r"line \d+ column \d+ \(char \d+\)|Cannot deserialize content-type|JSON is invalid|No token received"
    r"|No response content|Unexpected content type|Unexpected response"
)
"""Of replies of whoever stands in between: a page, half a token, or nothing at all. Some are quoted."""
_SLOW = "What does it wait for? `az account get-access-token` tells."


def _of_code(name: str, code: str) -> Cause | None:
    of_assertion = _OF_ASSERTION.get(code) if name == "WorkloadIdentityCredential" else None
    return of_assertion or CODES.get(code)


def _filled(name: str, known: Cause, code: str, said: str, environment: Mapping[str, str]) -> str:
    """The way out of a code, with the tenant and the audience; az's own words for it where it has some."""
    if code in _FACTORS and name in _APPS:
        return "No app has one: its tenant's administrator can leave it out of that rule."
    if known.hint is _MFA and (command := _COMMAND.search(said)):
        return f"Sign in with the second factor: `{command[0]}`."
    try:
        management = cloud_of(environment).management
    except NotConfigured:
        management = PUBLIC.management
    tenant = environment.get("AZURE_TENANT_ID") or "<tenant>"
    return known.hint.format(scope=f"{management}//.default", tenant=tenant)


def _of_another(environment: Mapping[str, str]) -> str:
    """The way out where the job's endpoint gives no token for the identity that was asked for."""
    said, own = environment.get("AZURE_CLIENT_ID"), environment.get("DEFAULT_IDENTITY_CLIENT_ID")
    if said and own and said != own:
        return f"AZURE_CLIENT_ID is {said}, and the job was given {own} (DEFAULT_IDENTITY_CLIENT_ID)."
    return ""


def _reaching(name: str, said: str) -> str:
    """The way out where the place itself doesn't answer; "": it isn't that."""
    if name not in _OF_THE_PLACE or not (_HOST.search(said) or "connect to proxy" in said):
        return ""
    return (
        f"Is a proxy in between? NO_PROXY has to name the host of {_OF_THE_PLACE[name]}: no proxy reaches it."
    )


def _usual(text: str) -> str:
    if "Azure CLI not found on path" in text:
        return "Install the Azure CLI and run `az login`, or set the variables of a service principal."
    return "Sign in (`az login`), or check the credential."


def _first(said: str) -> str:
    """The first line, without Entra's trace."""
    text = _UNAVAILABLE.sub("", said).strip()
    if said.strip() and not text:
        return "not available"
    lines = text.splitlines() or [""]
    return re.split(r"\s*Trace ID:|\s*Visit https", lines[0])[0].strip() or "it doesn't say why"


_MACHINE = "169.254.169.254"


def gives_tokens(url: str) -> bool:
    """Whether tokens are had there: from Entra, or from a machine's own identity."""
    host = urlsplit(url).hostname or ""
    return host.startswith("login.") or host == _MACHINE
