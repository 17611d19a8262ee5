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


def test_ways_that_need_a_package_are_not_set_up() -> None:
    """Nobody who has not installed it meant them; with it, what went wrong there is told."""
    code, broker = way_of("VisualStudioCodeCredential"), way_of("BrokerCredential")
    needed = "requires the 'azure-identity-broker' package to be installed."
    last = (
        "VisualStudioCodeCredential: {}\n\tBrokerCredential: The 'azure-identity-broker' package is required"
    )
    chain = CHAIN.replace("AzurePowerShellCredential: PowerShell is not installed", last)
    said = chain.replace("{}", needed).format(az="Please run 'az login'")
    assert not_signed_in(said).message.endswith(f", {code}, {broker}")
    said = chain.replace("{}", "no account of that editor").format(az="Please run 'az login'")
    assert f"\n  {code}: no account of that editor\n" in not_signed_in(said).message


def test_a_job_that_signs_in_by_a_way_of_its_own_has_an_identity() -> None:
    """It isn't told to be sent with one."""
    said = CHAIN.format(az="Please run 'az login'")
    chosen = {"AZUREML_RUN_ID": "train", "AZURE_TOKEN_CREDENTIALS": "dev"}
    assert not_signed_in(said, environment=chosen).message.startswith("No token: nobody is signed in")
    job = {"AZUREML_RUN_ID": "train"}
    assert not_signed_in(said, environment=job).message.startswith("No token: this job was sent without")


def test_words_of_az_for_another_sign_in_are_not_those_for_a_second_factor() -> None:
    """A login that it proposes is the way out of what needs one, and of nothing else."""
    said = f"ERROR: AADSTS700016: No such app. {TRAIL}\nRun: az login --scope https://x/.default"
    error = not_signed_in(CHAIN.format(az=said))
    assert "second factor" not in error.hint


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
        ("50079", "a second factor", "administrator"),
        ("65001", "consented", "administrator"),
        ("50020", "not of this tenant", "AZURE_TENANT_ID"),
        ("90002", "no such tenant", "AZURE_AUTHORITY_HOST"),
        ("500011", "doesn't know the service", "AZURE_CLOUD"),
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
    ("environment", "line", "without"),
    [
        (
            {"AZURE_CLIENT_ID": "c", "AZURE_CLIENT_SECRET": "s"},
            "  service principal of the variables AZURE_*: ",
            "AZURE_TENANT_ID",
        ),
        (
            {"AZURE_CLIENT_ID": "c", "AZURE_FEDERATED_TOKEN_FILE": "f"},
            "  federated token (",
            "AZURE_TENANT_ID",
        ),
        (
            {"AZURE_CLIENT_ID": "c", "AZURE_TENANT_ID": "t"},
            "  service principal of the variables AZURE_*: ",
            "AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH",
        ),
    ],
)
def test_what_is_set_up_by_halves(environment: dict[str, str], line: str, without: str) -> None:
    """The variable that is missing is named, where somebody has set the others."""
    error = not_signed_in(CHAIN.format(az="Azure CLI not found on path"), environment=environment)
    (told,) = [said for said in error.message.splitlines() if said.startswith(line)]
    assert told.endswith(f": without {without}")
    assert error.hint == f"Set {without}, or unset the rest."


@pytest.mark.parametrize(
    "environment",
    [
        {"AZURE_CLIENT_ID": "c"},
        {"AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "c", "AZURE_CLIENT_SECRET": "s"},
        {"AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "c", "AZURE_FEDERATED_TOKEN_FILE": "f"},
    ],
)
def test_what_is_whole_is_no_half(environment: dict[str, str]) -> None:
    """A client id alone says which managed identity is meant."""
    error = not_signed_in(CHAIN.format(az="Azure CLI not found on path"), environment=environment)
    assert "without" not in error.message


def test_a_job_without_an_identity() -> None:
    """Is told so: nobody can log in there, nor install anything."""
    error = not_signed_in(CHAIN.format(az="Azure CLI not found on path"), environment={"AZUREML_RUN_ID": "r"})
    assert error.message.splitlines()[0] == "No token: this job was sent without an identity"
    assert error.hint.startswith("Submit it with identity='managed', or 'user'")


def test_a_job_that_asks_for_another_identity_than_its_own() -> None:
    """Both are named."""
    said = (
        "Azure ML managed identity configuration not found in environment. Token request error: "
        "(invalid_scope) {'error': {'code': 'ManagedIdentityError', 'message': 'No identity of that id.'}}"
    )
    job = {"AZUREML_RUN_ID": "r", "MSI_ENDPOINT": "http://m", "DEFAULT_IDENTITY_CLIENT_ID": "own"}
    error = not_signed_in(
        said, credential="ManagedIdentityCredential", environment={**job, "AZURE_CLIENT_ID": "other"}
    )
    assert error.message == "No token: managed identity: refused: No identity of that id."
    assert error.hint == "AZURE_CLIENT_ID is other, and the job was given own (DEFAULT_IDENTITY_CLIENT_ID)."
    plain = "Token request error: (invalid_request) Identity not found"
    error = not_signed_in(plain, credential="ManagedIdentityCredential", environment=job)
    assert error.message == "No token: managed identity: refused: Identity not found"
    assert "AZURE_CLIENT_ID" in error.hint


def test_a_machine_without_that_identity() -> None:
    """Its endpoint answers: it is not as if there were none."""
    said = f"{MANAGED} Token request error: (invalid_request) Identity not found"
    error = not_signed_in(f"\nAttempted:\n\tManagedIdentityCredential: {said}")
    words = "  managed identity: this machine has none, or not the one of AZURE_CLIENT_ID"
    assert error.message.splitlines()[1] == words


def test_no_token_is_in_the_file() -> None:
    """Entra takes that for a wrong secret; nobody has set one."""
    said = "Authentication failed: AADSTS7000215: Invalid client secret provided."
    error = not_signed_in(said, credential="WorkloadIdentityCredential")
    assert "there is no token in the file of AZURE_FEDERATED_TOKEN_FILE (AADSTS7000215)" in error.message
    assert "AZURE_CLIENT_SECRET" not in str(error)


def test_the_command_of_az_is_handed_on() -> None:
    """With the tenant and the scope that it names, whatever cloud it is."""
    command = "az login --tenant 72f9 --scope https://management.core.usgovcloudapi.net//.default"
    said = (
        f'ERROR: AADSTS50076: Use MFA. {TRAIL}\nInteractive authentication is needed. Please run:\n{command}"'
    )
    error = not_signed_in(CHAIN.format(az=said))
    assert error.hint == f"Sign in with the second factor: `{command}`."
    error = not_signed_in("AADSTS50076: Use MFA.", environment={"AZURE_CLOUD": "AzureUSGovernment"})
    assert "--tenant <tenant> --scope https://management.usgovcloudapi.net//" in error.hint
    error = not_signed_in("AADSTS50076: Use MFA.", environment={"AZURE_CLOUD": "?", "AZURE_TENANT_ID": "t"})
    assert "--tenant t --scope https://management.azure.com//" in error.hint


def test_an_app_has_no_second_factor() -> None:
    """Nobody is told to sign in with one in its place."""
    error = not_signed_in("AADSTS50076: Use MFA.", credential="EnvironmentCredential")
    assert "az login" not in error.hint
    assert "administrator" in error.hint


@pytest.mark.parametrize(
    "said",
    [
        "Authentication failed: Expecting value: line 1 column 1 (char 0)",
        "Cannot deserialize content-type: application/octet-stream",
        "Unexpected response from Microsoft Entra ID: <html>",
        "No response content from Microsoft Entra ID",
    ],
)
def test_what_is_no_reply_of_entras(said: str) -> None:
    """No variable is wrong then."""
    error = not_signed_in(said, credential="WorkloadIdentityCredential")
    assert error.message.endswith("what answered there sent no token")
    assert error.hint == "Is a proxy or a sign-in page in between?"


def test_az_that_hangs() -> None:
    """For how long, and how to see why."""
    error = not_signed_in(CHAIN.format(az="Failed to invoke the Azure CLI"))
    assert "  az: no answer within 10 seconds, or it can't be run" in error.message.splitlines()
    assert "az account get-access-token" in error.hint


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
