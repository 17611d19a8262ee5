"""Who may not is told which right is missing, on what, and which role has it; or that no role helps."""

from __future__ import annotations

import json
import logging
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError

from amlrun import NotAuthorized, ServiceError, SubmissionFailed, attach, plan, quota, submit
from amlrun._sdk.errors import translated
from amlrun.testing import (
    Answer,
    ConnectionLost,
    DisallowedByPolicy,
    NetworkDenied,
    NoConnection,
    NoRegistryAccess,
)
from tests.submission.runs import QUICK

if TYPE_CHECKING:
    from pathlib import Path

    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml

ENVIRONMENT = "azureml:train:1"
WORKSPACES = "Microsoft.MachineLearningServices/workspaces"
BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
BLOB = "PUT /{container}/{+name}"
RUNS = "GET /runs/{name}"


def send_all(client: MLClient, source: Path, **options: Any) -> Any:
    """A job with code, and with an environment that has to be registered."""
    from azure.ai.ml import command
    from azure.ai.ml.entities import Environment

    job = command(command="python train.py", environment=Environment(name="own", image="ubuntu"))
    return submit(job, code=source, client=client, **options)


@pytest.mark.parametrize(
    "right",
    [
        "read",
        "codes/versions/write",
        "codes/versions/startPendingUpload/action",
        "environments/versions/write",
        "jobs/write",
    ],
)
def test_each_right_that_a_submission_needs(
    fake_aml: FakeAml, client: MLClient, source: Path, right: str
) -> None:
    """Asked for by us or by the SDK: right, role, scope and the command are the same; no job is there."""
    fake_aml.revoke(f"{WORKSPACES}/{right}")
    with pytest.raises(NotAuthorized) as caught:
        send_all(client, source)
    error = caught.value
    assert (error.action, error.role) == (f"{WORKSPACES}/{right}", "AzureML Data Scientist")
    assert error.scope.startswith(fake_aml.scope.path)
    assert (error.signed_in, fake_aml.jobs) == (True, ())
    command = "az role assignment create --assignee 00000000-0000-0000-0000-000000000001"
    assert f'{command} --role "{error.role}" --scope {fake_aml.scope.path}\n' in error.hint
    fake_aml.grant(f"{WORKSPACES}/{right}")
    send_all(client, source)


def test_who_may_look_may_plan(fake_aml: FakeAml) -> None:
    """A Reader of the subscription is told what would be, and that sending is more."""
    client = fake_aml.client(credential=fake_aml.user("ada", "Reader"))
    fake_aml.grant("Reader", to="ada", on="subscription")
    assert plan("echo", environment=ENVIRONMENT, gpus=1, client=client).verified
    with pytest.raises(NotAuthorized, match="The client 'ada'") as caught:
        submit("echo", environment=ENVIRONMENT, gpus=1, client=client)
    assert caught.value.action == f"{WORKSPACES}/jobs/write"


def test_to_read_quota_is_a_right_of_its_own(fake_aml: FakeAml, client: MLClient) -> None:
    """On the subscription, which who sends jobs needn't have."""
    fake_aml.as_data_scientist()
    with pytest.raises(NotAuthorized, match="Quota can't be read with this account") as caught:
        quota(client=client)
    error = caught.value
    assert (error.action, error.role) == ("Microsoft.MachineLearningServices/locations/usages/read", "Reader")
    assert f'--role "Reader" --scope /subscriptions/{fake_aml.scope.subscription_id}\n' in error.hint
    submit("echo", environment=ENVIRONMENT, client=client)


def test_another_tenant_is_no_missing_right(fake_aml: FakeAml) -> None:
    """The tenant that the subscription is of, and how to sign in there; asked once."""
    tenant = "99999999-0000-0000-0000-000000000003"
    client = fake_aml.client(credential=fake_aml.user("eve", tenant=tenant))
    with pytest.raises(NotAuthorized) as caught:
        submit("echo", environment=ENVIRONMENT, client=client)
    error = caught.value
    assert (error.signed_in, error.role) == (False, "")
    assert "az login --tenant 00000000-0000-0000-0000-000000000003" in error.hint
    assert len(fake_aml.calls.of("GET ")) == 1


@pytest.mark.parametrize("right", [True, False])
def test_a_workspace_that_is_not_there(fake_aml: FakeAml, *, right: bool) -> None:
    """Its three names, and who said them; who may not look there can't be told whether it is."""
    if not right:
        fake_aml.as_data_scientist()
    client = fake_aml.client(workspace_name="gone")
    with pytest.raises((NotAuthorized, ServiceError)) as caught:
        submit("echo", environment=ENVIRONMENT, client=client)
    scope = fake_aml.scope
    named = f"workspace gone in resource group {scope.resource_group} of subscription {scope.subscription_id}"
    assert named in caught.value.message
    assert "named by" in caught.value.message
    assert isinstance(caught.value, ServiceError if right else NotAuthorized)
    assert ("or there is none" in caught.value.message) == (not right)


def test_files_are_uploaded_by_a_role_where_no_key_is(
    fake_aml: FakeAml, client: MLClient, source: Path
) -> None:
    """Of local data: the storage's refusal, met inside the SDK, names the role; with the role it goes."""
    fake_aml.datastores_without_keys()
    fake_aml.revoke(f"{BLOBS}/write")
    data = {"x": {"type": "uri_folder", "path": str(source)}}
    with pytest.raises(NotAuthorized, match="AuthorizationPermissionMismatch") as caught:
        submit("ls ${{inputs.x}}", environment=ENVIRONMENT, inputs=data, client=client)
    error = caught.value
    assert (error.action, error.role) == (f"{BLOBS}/write", "Storage Blob Data Contributor")
    assert ".blob." in error.scope
    fake_aml.grant(f"{BLOBS}/write")
    submit("ls ${{inputs.x}}", environment=ENVIRONMENT, inputs=data, client=client)


def test_a_private_workspace_is_asked_once(fake_aml: FakeAml, client: MLClient) -> None:
    """Its 502 is the network's, no fault that passes: no plan is made in the dark, nothing is repeated."""
    fake_aml.inject(NetworkDenied(), on="GET ", times=None)
    with pytest.raises(ServiceError, match="private link") as caught:
        submit("echo", environment=ENVIRONMENT, client=client)
    assert "VPN or a jump host" in caught.value.hint
    assert len(fake_aml.calls.of("GET ")) == 1


def test_a_vpn_that_drops_for_a_while_ends_no_wait(fake_aml: FakeAml, client: MLClient) -> None:
    """The workspace takes no look from here until it is back."""
    run = submit("echo", environment=ENVIRONMENT, client=client)
    fake_aml.inject(NetworkDenied(), on="GET /jobs/{name}", times=30)
    assert run.wait().status == "Completed"


@pytest.mark.parametrize("on", [BLOB, "* /{container}/*"])
@pytest.mark.parametrize("fault", [NetworkDenied(), NoConnection()])
def test_a_storage_that_is_not_open_to_this_network(
    fake_aml: FakeAml, client: MLClient, source: Path, fault: Any, on: str
) -> None:
    """Refused, or not to be connected to: the host is named, and what is missing there is no role.

    Whichever request of the SDK's meets it first.
    """
    fake_aml.inject(fault, on=on, times=None)
    begun = fake_aml.clock.now()
    with pytest.raises(
        SubmissionFailed, match=r"\.blob\.core\.windows\.net isn't open to this network"
    ) as caught:
        submit("python train.py", code=source, environment=ENVIRONMENT, client=client)
    assert "VPN or a jump host" in caught.value.hint
    assert "no job was sent" in caught.value.message
    assert "Error with code" not in caught.value.message
    assert len(fake_aml.calls.of(on)) <= 2
    assert fake_aml.clock.now() - begun < 30


def test_a_storage_that_breaks_each_connection(fake_aml: FakeAml, client: MLClient, source: Path) -> None:
    """As some firewalls do: then it may be the network, too."""
    fake_aml.inject(ConnectionLost(taken=False), on="* /{container}/*", times=None)
    with pytest.raises(SubmissionFailed, match="no job was sent") as caught:
        submit("python train.py", code=source, environment=ENVIRONMENT, client=client)
    assert caught.value.hint == "Is there a network, a proxy or a VPN?"


@pytest.mark.parametrize("host", ["management.azure.com", "acme.blob.core.windows.net"])
@pytest.mark.parametrize(
    ("words", "variable"),
    [
        ("SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] …", "REQUESTS_CA_BUNDLE"),
        ("ProxyError('Unable to connect to proxy', NewConnectionError(…", "HTTPS_PROXY"),
    ],
)
def test_what_stands_in_between_is_no_closed_network(host: str, words: str, variable: str) -> None:
    """The variable that is in the way is named, also where it is azure-ai-ml that asks, or its upload."""
    error = ServiceRequestError(f"HTTPSConnectionPool(host='{host}', port=443): Max retries: {words}")
    found = translated(error)
    assert isinstance(found, SubmissionFailed)
    assert variable in found.hint
    assert "jump host" not in found.hint


def test_a_storage_that_is_closed_for_keys(
    fake_aml: FakeAml, client: MLClient, source: Path, tmp_path: Path
) -> None:
    """As policies of companies close them: a role alone doesn't help where the datastore hands out a key."""
    code = "KeyBasedAuthenticationNotPermitted"
    text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>Key based no.</Message></Error>"
    closed = Answer(403, text.encode(), {"x-ms-error-code": code, "Content-Type": "application/xml"})
    run = submit("echo > outputs/x", environment=ENVIRONMENT, client=client).wait()
    fake_aml.inject(closed, on="GET /{container}", times=None)
    fake_aml.inject(closed, on="* /{container}/*", times=None)
    for ask in (
        lambda: submit("python train.py", code=source, environment=ENVIRONMENT, client=client),
        lambda: run.download(to=tmp_path / "here"),
    ):
        with pytest.raises(NotAuthorized, match=code) as caught:
            ask()
        assert "--system-datastores-auth-mode identity" in caught.value.hint
        assert "no role alone helps" in caught.value.hint


def test_outputs_in_a_storage_that_takes_no_connection(
    fake_aml: FakeAml, client: MLClient, tmp_path: Path
) -> None:
    """A network that isn't let in gets none of them by asking again."""
    run = submit("echo > outputs/x", environment=ENVIRONMENT, client=client).wait()
    fake_aml.inject(NoConnection(), on="GET /{container}", times=None)
    with pytest.raises(ServiceError, match=": no answer: ") as caught:
        run.download(to=tmp_path / "here")
    assert "isn't open to this network" in caught.value.hint
    assert "VPN or a jump host" in caught.value.hint
    assert len(fake_aml.calls.of("GET /{container}")) == 2


def test_an_identity_that_is_not_attached(fake_aml: FakeAml, client: MLClient) -> None:
    """The service refuses the job: those that are attached are named."""
    fake_aml.identity("trainer", client_id="11111111-0000-0000-0000-000000000001")
    chain = {"code": "NotFound", "innerError": {"code": "UserAssignedIdentityNotFound", "innerError": None}}
    info = [{"type": "InnerError", "info": {"value": chain}}]
    error = {"error": {"code": "UserError", "message": "no such identity", "additionalInfo": info}}
    fake_aml.inject(Answer(404, error), on="PUT /jobs/{name}")
    with pytest.raises(SubmissionFailed, match="no such identity") as caught:
        submit("echo", environment=ENVIRONMENT, identity="managed", client=client)
    assert caught.value.service_code == "NotFound/UserAssignedIdentityNotFound"
    assert "are: trainer (11111111-0000-0000-0000-000000000001)." in caught.value.hint


def test_a_registry_that_may_not_be_read(fake_aml: FakeAml, client: MLClient) -> None:
    """401, and yet a right: the role on the registry is named, and no sign-in proposed."""
    fake_aml.inject(NoRegistryAccess(), on="PUT /jobs/{name}")
    with pytest.raises(NotAuthorized) as caught:
        submit("echo", environment=ENVIRONMENT, client=client)
    assert (caught.value.role, caught.value.signed_in) == ("AzureML Registry User", True)
    assert "az login" not in str(caught.value)


@pytest.mark.parametrize("on", ["PUT /jobs/{name}", "PUT /codes/{name}/versions/{version}"])
def test_a_policy_forbids(fake_aml: FakeAml, client: MLClient, source: Path, on: str) -> None:
    """Policy and assignment are shown, whoever met them; it is asked once, and no role is proposed."""
    fake_aml.inject(DisallowedByPolicy("Only small sizes", "sizes-of-team"), on=on)
    with pytest.raises(SubmissionFailed) as caught:
        submit("python train.py", code=source, environment=ENVIRONMENT, client=client)
    error = caught.value
    assert "policy 'Only small sizes', assigned as 'sizes-of-team'" in error.message
    assert (error.service_code, "no role helps" in error.hint) == ("RequestDisallowedByPolicy", True)
    assert (len(fake_aml.calls.of(on)), fake_aml.jobs) == (1, ())


def test_a_cluster_that_may_not_be_made(fake_aml: FakeAml, client: MLClient) -> None:
    """Another role than that for jobs."""
    from amlrun import Cluster

    fake_aml.as_data_scientist()
    with pytest.raises(NotAuthorized) as caught:
        submit(
            "echo",
            environment=ENVIRONMENT,
            compute=Cluster("cpu", size="Standard_DS3_v2", max=1),
            client=client,
        )
    error = caught.value
    assert (error.action, error.role) == (f"{WORKSPACES}/computes/write", "AzureML Compute Operator")
    assert error.scope == f"{fake_aml.scope.path}/computes/cpu"


def test_another_persons_watcher_may_look_and_no_more(fake_aml: FakeAml, client: MLClient) -> None:
    """Who may read follows a run to its end; to cancel it, the right is named."""
    fake_aml.runtime(hours=1)
    run = submit("echo", environment=ENVIRONMENT, client=client)
    theirs = attach(run.name, client=fake_aml.client(credential=fake_aml.user("ada", "Reader")))
    with pytest.raises((NotAuthorized, ServiceError), match=r"experiments/runs/write|jobs/cancel"):
        theirs.cancel()
    assert theirs.wait().status == "Completed"


def test_another_persons_watcher_may_send_the_next_attempt(fake_aml: FakeAml, client: MLClient) -> None:
    """A Data Scientist goes on with a colleague's run, whose code and identity are not theirs."""
    run = submit("echo", environment=ENVIRONMENT, tier="spot", requeue=QUICK, client=client)
    fake_aml.preempt(run.name)
    ada = fake_aml.client(credential=fake_aml.user("ada", "AzureML Data Scientist"))
    assert attach(run.name, client=ada).wait().attempt == 2


def test_a_run_history_behind_a_network_ends_no_wait(
    fake_aml: FakeAml, client: MLClient, caplog: pytest.LogCaptureFixture
) -> None:
    """Said once, tried twice in a look, with short patience; the state is the resource manager's."""
    fake_aml.runtime(hours=2)
    fake_aml.inject(NoConnection(), on=RUNS, times=None)
    run = submit("echo", environment=ENVIRONMENT, client=client)
    with caplog.at_level(logging.WARNING, logger="amlrun"):
        assert run.wait().status == "Completed"
    said = [record.message for record in caplog.records if "VPN or a jump host" in record.message]
    assert len(said) == 1
    looks = len(fake_aml.calls.of("GET /jobs/{name}"))
    assert 0 < len(fake_aml.calls.of(RUNS)) <= 2 * looks
    assert "VPN" in run.attempts[0].error or "no answer" in run.attempts[0].error


def test_a_download_from_behind_a_network(fake_aml: FakeAml, client: MLClient, tmp_path: Path) -> None:
    """The storage's own word for it is not taken for a missing role."""
    run = submit("echo", environment=ENVIRONMENT, client=client).wait()
    fake_aml.output(run.name, "outputs/x", "1")
    fake_aml.inject(NetworkDenied(), on="GET /{container}")
    with pytest.raises(ServiceError, match="isn't open to this network") as caught:
        run.download(to=tmp_path)
    assert (caught.value.status, caught.value.passing) == (403, False)
    assert caught.value.host.endswith(".blob.core.windows.net")


def test_a_download_without_a_right(fake_aml: FakeAml, client: MLClient, tmp_path: Path) -> None:
    """The right, the container and the role, with the command; as everywhere."""
    fake_aml.datastores_without_keys()
    run = submit("echo", environment=ENVIRONMENT, client=client).wait()
    fake_aml.output(run.name, "outputs/x", "1")
    fake_aml.revoke(f"{BLOBS}/read")
    with pytest.raises(NotAuthorized) as caught:
        run.download(to=tmp_path)
    error = caught.value
    assert (error.action, error.role) == (f"{BLOBS}/read", "Storage Blob Data Reader")
    assert ".blob.core.windows.net/" in error.scope
    assert "az role assignment create --assignee 00000000-0000-0000-0000-000000000001" in error.hint


class Expires:
    """A credential of one who is signed out before anything is asked of the storage."""

    def __init__(self, credential: Any, response: Any = None) -> None:
        self.credential = credential
        self.response = response

    def get_token(self, *scopes: str, **options: Any) -> Any:
        """As long as it isn't the storage's."""
        if "storage" in scopes[0]:
            raise ClientAuthenticationError(
                "AADSTS700024: Client assertion is not within its valid time range."
                if self.response
                else "Please run 'az login' to set up an account",
                response=self.response,
            )
        return self.credential.get_token(*scopes, **options)


def test_who_is_signed_out_meanwhile_lacks_no_right(fake_aml: FakeAml, source: Path, tmp_path: Path) -> None:
    """There is no token for the storage: that is said, in a line, and no role named."""
    fake_aml.datastores_without_keys()
    client = fake_aml.client(credential=Expires(fake_aml.credential))
    data = {"x": {"type": "uri_folder", "path": str(source)}}
    with pytest.raises(NotAuthorized, match="No token: ") as caught:
        submit("ls ${{inputs.x}}", environment=ENVIRONMENT, inputs=data, client=client)
    assert (caught.value.signed_in, caught.value.role) == (False, "")
    run = submit("ls", environment=ENVIRONMENT, client=client).wait()
    with pytest.raises(NotAuthorized, match=r"^No token: ") as caught:
        run.download(to=tmp_path)
    assert not caught.value.signed_in


def test_an_assertion_that_is_over_lacks_no_right(fake_aml: FakeAml, tmp_path: Path) -> None:
    """Entra has answered, and not the storage: no role there helps."""
    fake_aml.datastores_without_keys()
    url = "https://login.microsoftonline.com/t/oauth2/v2.0/token"
    asked = SimpleNamespace(url=url, method="POST", headers={})
    words = "AADSTS700024: Client assertion is not within its valid time range."
    body = json.dumps({"error": "invalid_client", "error_description": words})
    said = SimpleNamespace(
        request=asked,
        status_code=401,
        reason="Unauthorized",
        headers={},
        text=lambda *_: body,
        content_type="text/html",
    )
    client = fake_aml.client(credential=Expires(fake_aml.credential, said))
    run = submit("ls", environment=ENVIRONMENT, client=client).wait()
    with pytest.raises(NotAuthorized, match="AADSTS700024") as caught:
        run.download(to=tmp_path)
    assert (caught.value.signed_in, caught.value.role) == (False, "")
