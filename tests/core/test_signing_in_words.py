"""Why there is no token: one line for each way that was tried, with its cause and the way out."""

from __future__ import annotations

import pytest

from amlrun._signing_in import LASTING, not_signed_in, unanswered, way_of

ENVIRONMENT = (
    "EnvironmentCredential authentication unavailable. Environment variables are not fully configured."
)
WORKLOAD = "WorkloadIdentityCredential authentication unavailable. Missing required arguments: 'tenant_id'."
MANAGED = "ManagedIdentityCredential authentication unavailable, no response from the IMDS endpoint."
CHAIN = f"""DefaultAzureCredential failed to retrieve a token from the included credentials.
Attempted credentials:
\tEnvironmentCredential: {ENVIRONMENT}
Visit https://aka.ms/azsdk/python/identity/environmentcredential/troubleshoot to troubleshoot this issue.
\tWorkloadIdentityCredential: {WORKLOAD}
\tManagedIdentityCredential: {MANAGED}
\tAzureCliCredential: {{az}}
\tAzurePowerShellCredential: PowerShell is not installed
To mitigate this issue, please refer to the troubleshooting guidelines here at https://aka.ms/azsdk."""
TRAIL = "Trace ID: a Correlation ID: b Timestamp: c"


def test_a_chain_is_a_line_for_each_way() -> None:
    """Ways that nobody has prepared share one; no URL, no page."""
    error = not_signed_in(CHAIN.format(az="Azure CLI not found on path"), credential="DefaultAzureCredential")
    principal, federated = way_of("EnvironmentCredential"), way_of("WorkloadIdentityCredential")
    assert error.message.splitlines() == [
        "No token: nobody is signed in",
        "  managed identity: none here",
        "  az: not installed",
        f"  not set up: {principal}, {federated}, PowerShell",
    ]
    assert (
        error.hint == "Install the Azure CLI and run `az login`, or set the variables of a service principal."
    )
    assert not error.signed_in


def test_az_without_a_login() -> None:
    """Installed isn't logged in."""
    error = not_signed_in(CHAIN.format(az="Please run 'az login' to set up an account"))
    assert "  az: installed, but nobody is logged in" in error.message.splitlines()
    assert error.hint.startswith("Sign in (`az login`)")


def test_the_way_out_of_what_az_says() -> None:
    """A code of Entra's in the middle of a chain is found, and its hint is the one that counts."""
    said = f"ERROR: AADSTS50076: Due to a change you must use multi-factor. {TRAIL}\nInteractive is needed."
    error = not_signed_in(CHAIN.format(az=said))
    assert "  az: a second factor is asked for (MFA) (AADSTS50076)" in error.message.splitlines()
    assert error.hint.startswith(
        "Sign in with the second factor: `az login --tenant <tenant> --scope https://"
    )
    assert error.service_code == "AADSTS50076"


@pytest.mark.parametrize(
    ("code", "words", "hint"),
    [
        ("700024", "has expired, or isn't valid yet", "amlrun wait NAME"),
        ("7000215", "the client secret is wrong", "not its id"),
        ("7000222", "the client secret has expired", "AZURE_CLIENT_SECRET"),
        ("700016", "no such app in this tenant", "AZURE_TENANT_ID"),
        ("700213", "no federated credential of the app", "subject"),
        ("50079", "a second factor", "az login --tenant"),
        ("65001", "consented", "administrator"),
        ("50020", "not of this tenant", "AZURE_TENANT_ID"),
        ("90002", "no such tenant", "AZURE_AUTHORITY_HOST"),
        ("500011", "doesn't know the service", "AZUREML_CURRENT_CLOUD"),
    ],
)
def test_what_a_code_means(code: str, words: str, hint: str) -> None:
    """In words, with the code to look up, and the way out."""
    error = not_signed_in(
        f"Authentication failed: AADSTS{code}: Long words. {TRAIL}", credential="EnvironmentCredential"
    )
    (line,) = error.message.splitlines()
    assert line.startswith("No token: service principal of the variables AZURE_*: ")
    assert words in line
    assert line.endswith(f"(AADSTS{code})")
    assert hint in error.hint
    assert error.service_code == f"AADSTS{code}"


def test_a_code_that_nobody_explained() -> None:
    """Entra's own first sentence, without its trace."""
    error = not_signed_in(f"Authentication failed: AADSTS99999: Something new. {TRAIL}")
    assert error.message == "No token: AADSTS99999: Something new."
    assert error.hint == "Sign in (`az login`), or check the credential."


def test_a_tenant_that_is_asked_for() -> None:
    """azure-identity refuses by itself; the tenant is named."""
    said = "The current credential is not configured to acquire tokens for tenant abc. To enable acquiring"
    error = not_signed_in(said, credential="AzureCliCredential")
    assert error.message == "No token: az: it signs in to another tenant than abc, which is asked for"
    assert "az login --tenant abc" in error.hint


@pytest.mark.parametrize(("said", "line"), [("", "it doesn't say why"), ("odd\nmore", "odd")])
def test_anything_else_is_its_first_line(said: str, line: str) -> None:
    """Whatever it may be."""
    error = not_signed_in(said, credential="OfTheirOwn")
    assert error.message == f"No token: {line}"
    assert not error.service_code


def test_a_chain_of_which_all_is_set_up() -> None:
    """Nothing is said of what isn't."""
    said = f"ChainedTokenCredential failed.\nAttempted credentials:\n\tManagedIdentityCredential: {MANAGED}"
    assert not_signed_in(said).message == "No token: nobody is signed in\n  managed identity: none here"


@pytest.mark.parametrize(
    ("missing", "line", "hint"),
    [
        ({"EnvironmentCredential": "AZURE_TENANT_ID"}, "  service principal of the variables AZURE_*: ", ""),
        ({"WorkloadIdentityCredential": "AZURE_TENANT_ID"}, "  federated token (", "or unset the rest."),
    ],
)
def test_what_is_set_up_by_halves(missing: dict[str, str], line: str, hint: str) -> None:
    """The variable that is missing is named, where somebody has set the others."""
    error = not_signed_in(CHAIN.format(az="Azure CLI not found on path"), missing=missing)
    (told,) = [said for said in error.message.splitlines() if said.startswith(line)]
    assert told.endswith(": without AZURE_TENANT_ID")
    assert error.hint.startswith("Set AZURE_TENANT_ID")
    assert hint in error.hint


def test_a_way_that_only_says_that_it_is_unavailable() -> None:
    """Is told in words, not by the name of a class."""
    said = "ManagedIdentityCredential authentication unavailable."
    assert (
        not_signed_in(f"\nAttempted:\n\tManagedIdentityCredential: {said}").message.splitlines()[1]
        == "  managed identity: not available"
    )


@pytest.mark.parametrize(
    ("credential", "hint"),
    [
        ("WorkloadIdentityCredential", "AZURE_FEDERATED_TOKEN_FILE"),
        ("EnvironmentCredential", "AZURE_CLIENT_ID"),
        ("AzureMLOnBehalfOfCredential", "identity='user'"),
        ("ManagedIdentityCredential", "AZURE_CLIENT_ID"),
    ],
)
def test_the_way_out_is_of_the_way_in(credential: str, hint: str) -> None:
    """Nobody is sent to `az login` in a pipeline or a job."""
    error = not_signed_in("[Errno 2] No such file or directory: '/nix'", credential=credential)
    assert hint in error.hint
    assert "az login" not in error.hint
    authority = (
        "Authentication failed: Could not find a suitable TLS CA certificate bundle, invalid path: /nix"
    )
    assert "REQUESTS_CA_BUNDLE" in not_signed_in(authority, credential=credential).hint


@pytest.mark.parametrize(
    ("said", "credential", "who", "hint"),
    [
        ("HTTPSConnection(host='login.us', port=443): no", "EnvironmentCredential", "login.us", "a VPN?"),
        ("HTTP Error: 502", "EnvironmentCredential", "login.org", "a VPN?"),
        ("('Unable to connect to proxy', (host='p'", "EnvironmentCredential", "login.org", "HTTPS_PROXY"),
        ("HTTPConnection(host='h', port=9)", "AzureMLOnBehalfOfCredential", "OBO_ENDPOINT (h)", "NO_PROXY"),
        ("('Unable to connect to proxy', (host='p'", "ManagedIdentityCredential", "MSI_ENDPOINT", "NO_PROXY"),
    ],
)
def test_who_gave_no_answer(said: str, credential: str, who: str, hint: str) -> None:
    """The host that was asked is named, a job's own endpoint by its variable; and what may be in the way."""
    error = unanswered(said, 0, login="https://login.org", credential=credential)
    assert error.message == f"No token from {who}: {said}"
    assert hint in error.hint
    assert error.status == 0


def test_an_endpoint_in_a_chain() -> None:
    """Is behind no proxy."""
    said = "\nAttempted credentials:\n\tManagedIdentityCredential: HTTPConnection(host='h', port=9): refused"
    assert "NO_PROXY has to name the host of MSI_ENDPOINT" in not_signed_in(said).hint


def test_words_for_ways() -> None:
    """A credential of a user's own is called by its class."""
    assert way_of("AzureCliCredential") == "az"
    assert way_of("OfTheirOwn") == "OfTheirOwn"
    assert {"AADSTS700024"} == LASTING
