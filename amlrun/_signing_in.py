"""Why there is no token: what azure-identity and Entra say of it, one line for each way that was tried.

Codes: https://learn.microsoft.com/entra/identity-platform/reference-error-codes
"""

from __future__ import annotations

import re

import attrs

from amlrun._errors import NotAuthorized

LASTING = frozenset({"AADSTS700024"})
"""Codes of what no later try mends: a loop that looks every minute ends by them."""
_APART = "Submit without waiting, and wait in a step of its own that signs in anew: `amlrun wait NAME`."
_MFA = "Sign in with the second factor: `az login --tenant <tenant> --scope {scope}`."
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
        "Sign in to the workspace's tenant: `az login --tenant <tenant>`, or set AZURE_TENANT_ID.",
    ),
    "50034": Cause(
        "the tenant knows no such account", "Sign in to the right one: `az login --tenant <tenant>`."
    ),
    "90002": Cause(
        "there is no such tenant", "Is AZURE_TENANT_ID right, and the cloud (AZURE_AUTHORITY_HOST)?"
    ),
    "500011": Cause(
        "the tenant doesn't know the service that the token is for",
        "Another cloud's tenant? AZUREML_CURRENT_CLOUD and AZURE_AUTHORITY_HOST must be of one cloud.",
    ),
}
_SAME = {"700213": "70021", "700211": "70021", "700212": "70021", "50072": "50079", "900021": "90002"}
_CODE = re.compile(r"AADSTS(\d+)")
_TENANT = re.compile(r"not configured to acquire tokens for tenant (\S+?)\.? ")
_SCOPE = "https://management.azure.com//.default"

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
    "SharedTokenCacheCredential": "account of Visual Studio",
    "VisualStudioCodeCredential": "account of Visual Studio Code",
    "AzureCliCredential": "az",
    "AzurePowerShellCredential": "PowerShell",
    "AzureDeveloperCliCredential": "azd",
    "BrokerCredential": "the broker of Windows",
}
_PLAIN = (
    ("Azure CLI not found on path", "not installed"),
    ("Please run 'az login'", "installed, but nobody is logged in"),
    ("Failed to invoke the Azure CLI", "no answer in time, or it can't be run"),
    ("no response from the IMDS endpoint", "none here"),
    ("No identity has been assigned", "this machine has none, or not the one of AZURE_CLIENT_ID"),
)


def way_of(credential: str) -> str:
    """A credential's class, in words: the way by which somebody signed in."""
    return _NAMES.get(credential, credential)


def not_signed_in(text: str, *, credential: str = "") -> NotAuthorized:
    """The error for what a credential says: each way that was tried in a line, ways nobody prepared left out.

    `credential` is the class of the one that was asked, where it is only one.
    """
    tried, code = _tried(text), _CODE.search(text)
    service_code = code[0] if code else ""
    if not tried:
        words, hint = _cause(text)
        who = f"{_NAMES[credential]}: " if credential in _NAMES else ""
        message = f"No token: {who}{words}"
        return NotAuthorized(message, hint=hint or _usual(text), service_code=service_code, signed_in=False)
    causes = [(name, *_cause(said)) for name, said in tried if not _is_absent(name, said)]
    hints = dict.fromkeys(hint for _, _, hint in causes if hint)
    lines = [f"  {way_of(name)}: {words}" for name, words, _ in causes]
    absent = [way_of(name) for name, said in tried if _is_absent(name, said)]
    if absent:
        lines.append(f"  not set up: {', '.join(absent)}")
    message = "\n".join(["No token: nobody is signed in", *lines])
    hint = "\n".join(hints) or _usual(text)
    return NotAuthorized(message, hint=hint, service_code=service_code, signed_in=False)


def _tried(text: str) -> list[tuple[str, str]]:
    """Each credential of a chain that failed, and what it says."""
    parts = _LINK.split(text)[1:]
    said = [part.partition("\nTo mitigate this issue")[0] for part in parts[1::2]]
    return list(zip(parts[::2], said, strict=True))


def _is_absent(name: str, said: str) -> bool:
    return name in _ABSENT and _ABSENT[name] in said


def _cause(said: str) -> tuple[str, str]:
    """What is wrong, in a line, and the way out, "" where there is no special one."""
    code = _CODE.search(said)
    if code:
        known = CODES.get(_SAME.get(code[1], code[1]))
        if known:
            return f"{known.words} ({code[0]})", known.hint.format(scope=_SCOPE)
        return _first(said[code.start() :]), ""
    tenant = _TENANT.search(said)
    if tenant:
        words = f"it signs in to another tenant than {tenant[1]}, which is asked for"
        return words, f"Sign in to that one: `az login --tenant {tenant[1]}`, or set AZURE_TENANT_ID."
    for sign, words in _PLAIN:
        if sign in said:
            return words, ""
    return _first(said), ""


def _usual(text: str) -> str:
    if "Azure CLI not found on path" in text:
        return "Install the Azure CLI and run `az login`, or set the variables of a service principal."
    return "Sign in (`az login`), or check the credential."


def _first(said: str) -> str:
    """The first line, without Entra's trace."""
    lines = said.strip().splitlines() or [""]
    return re.split(r"\s*Trace ID:|\s*Visit https", lines[0])[0].strip() or "it doesn't say why"
