"""`amlrun doctor`: what somebody is told who can't send a job, or can, before they try."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError

from amlrun.testing import Answer, ExpiredToken, InternalError, NoConnection
from tests.submission.test_import import modules_after
from tests.users.examined import answers, sign_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from amlrun.testing import FakeAml
    from tests.users.examined import Examine

PERMISSIONS = "Microsoft.Authorization/permissions/read"


def test_all_is_well(fake: FakeAml, examine: Examine) -> None:
    """Who, where, why there, what may be done, each request with its answer; nothing to do."""
    code, out = examine()
    assert code == 0
    facts = answers(out)
    assert facts["account"].startswith("fake-user (person), tenant ")
    assert facts["workspace"].endswith(fake.scope.workspace)
    assert facts["named in"] == "AMLRUN_WORKSPACE"
    assert [facts[one] for one in ("can submit", "can follow", "reads quota")] == ["yes"] * 3
    assert facts["region"] == "eastus"
    assert "azure-ai-ml" in facts["versions"]
    assert out.endswith("Nothing is known that would stop a job.\n")
    assert len(re.findall(r"^  200 ", out, re.MULTILINE)) == len(fake.calls)
    assert {call.method for call in fake.calls} == {"GET"}


def test_each_request_is_sent_once(fake: FakeAml, examine: Examine) -> None:
    """A service that is down is not asked again and again: the doctor is through in a minute."""
    fake.container_registry()
    fake.inject(InternalError(), on="*", times=None)
    code, out = examine()
    assert code == 1
    assert len({call.path for call in fake.calls}) == len(fake.calls) == 5
    assert "its jobs and what this account may do can't be read: no job can be planned" in re.sub(
        r"\s+", " ", out
    )
    assert answers(out)["can submit"] == "no"


def test_a_workspace_may_be_named_on_the_command_line(
    fake: FakeAml, examine: Examine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then that is why it is this one."""
    scope = fake.scope
    monkeypatch.delenv("AMLRUN_WORKSPACE")
    code, out = examine("--workspace", f"{scope.subscription_id}/{scope.resource_group}/{scope.workspace}")
    assert (code, answers(out)["named in"]) == (0, "--workspace")


def test_a_data_scientist_can_submit_and_reads_no_quota(
    fake: FakeAml, told: Callable[[], tuple[int, dict[str, Any]]]
) -> None:
    """The two are told apart, each with the right, the scope and the role; neither is a failure."""
    fake.as_data_scientist()
    fake.grant(PERMISSIONS)
    code, found = told()
    assert (code, found["worst"]) == (0, "warning")
    assert found["by_name"]["right-to-submit"]["level"] == "ok"
    quota = found["by_name"]["right-to-read-quota"]
    assert quota["level"] == "warning"
    assert "Microsoft.MachineLearningServices/locations/usages/read" in quota["why"]
    assert f'--role "Reader" --scope /subscriptions/{fake.scope.subscription_id}' in quota["todo"]
    assert found["by_name"]["right-to-make-clusters"]["level"] == "note"


def test_who_may_not_ask_what_they_may_is_told_so(fake: FakeAml, examine: Examine) -> None:
    """No answer is neither a yes nor a no."""
    fake.as_data_scientist()
    code, out = examine()
    assert (code, answers(out)["can submit"], answers(out)["reads quota"]) == (0, "not known", "no")
    assert "whether this account may send jobs is known when one is sent" in re.sub(r"\s+", " ", out)


def test_a_reader_cannot_submit(
    fake: FakeAml, examine: Examine, told: Callable[[], tuple[int, dict[str, Any]]]
) -> None:
    """It fails, with the right and the role that has it; quota is read all the same."""
    fake.revoke()
    fake.grant("Reader", on="subscription")
    code, out = examine()
    assert (code, answers(out)["can submit"], answers(out)["reads quota"]) == (1, "no", "yes")
    assert out.endswith("A job would fail.\n")
    _, found = told()
    check = found["by_name"]["right-to-submit"]
    assert "jobs/write" in check["why"]
    assert check["todo"].startswith(f"The role AzureML Data Scientist on {fake.scope.path}")


def test_who_is_of_another_tenant(fake: FakeAml, examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The service's own words name the right one."""
    sign_in(monkeypatch, fake.user("ada", tenant="11111111-1111-1111-1111-111111111111"))
    code, out = examine()
    assert (code, answers(out)["can submit"]) == (1, "no")
    assert "ada (person), tenant 11111111-1111-1111-1111-111111111111" in answers(out)["account"]
    assert re.search(r"^  401  /workspaces/", out, re.MULTILINE)


def test_nobody_is_signed_in(fake: FakeAml, examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line for each way that was tried, no request, and what is known without a token."""

    class Nobody:
        def get_token(self, *_scopes: str, **_options: Any) -> Any:
            raise ClientAuthenticationError("Please run 'az login' to setup account.")

    sign_in(monkeypatch, Nobody())
    code, out = examine()
    assert (code, answers(out)["can submit"]) == (1, "not known")
    assert "No token" in out
    assert "az login" in out
    assert "azure-ai-ml" in out
    assert len(fake.calls) == 0


def test_a_credential_may_fail_in_any_way(
    fake: FakeAml, examine: Examine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own words are told, and nothing is asked of the service."""

    class Broken:
        def get_token(self, *_scopes: str, **_options: Any) -> Any:
            raise ServiceRequestError("login.microsoftonline.com can't be resolved")

    sign_in(monkeypatch, Broken())
    code, out = examine()
    assert (code, answers(out)["can submit"]) == (1, "not known")
    assert "login.microsoftonline.com can't be resolved" in re.sub(r"\s+", " ", out)
    assert len(fake.calls) == 0


def test_a_file_of_the_team_may_be_broken(
    examine: Examine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It decides which workspace is meant, so none is."""
    (tmp_path / "amlrun.toml").write_text("[defaults]\nworkspace = 3\n")
    monkeypatch.setenv("AMLRUN_CONFIG", str(tmp_path / "amlrun.toml"))
    code, out = examine()
    assert (code, answers(out)["workspace"]) == (2, "can't be told")
    assert answers(out)["named in"].endswith("amlrun.toml")
    assert out.count("workspace = 3") == 1


def test_a_token_that_is_not_taken(fake: FakeAml, examine: Examine) -> None:
    """It is told as that, not as a role that is missing."""
    fake.inject(ExpiredToken(), on="*", times=None)
    code, out = examine()
    assert (code, answers(out)["can submit"]) == (1, "no")
    assert re.search(r"^  401  /workspaces/", out, re.MULTILINE)


def test_without_a_network(fake: FakeAml, examine: Examine) -> None:
    """Each host that doesn't answer is named; there is no retry, and no traceback."""
    fake.inject(NoConnection(), on="*", times=None)
    code, out = examine()
    assert code == 1
    assert re.search(r"^  no answer  /workspaces/\S+ +the workspace$", out, re.MULTILINE)
    assert "Is there a network, a proxy or a VPN?" in out


def test_a_data_plane_that_cannot_be_reached(fake: FakeAml, examine: Examine) -> None:
    """The resource manager answers, and storage and run history don't: a private network."""
    fake.inject(NoConnection(), on="* */runs/*", times=None)
    fake.inject(NoConnection(), on="GET /{container}", times=None)
    code, out = examine()
    assert (code, answers(out)["can submit"]) == (0, "yes")
    assert re.search(r"^warning  eastus.api.azureml.ms can't be reached: ", out, re.MULTILINE)
    assert re.search(r"^warning  \w+.blob.core.windows.net can't be reached: ", out, re.MULTILINE)
    assert re.sub(r"\s+", " ", out).count("is a VPN or a jump host needed?") == 2


def test_storage_that_is_closed_to_this_network(fake: FakeAml, examine: Examine) -> None:
    """A refusal is an answer, but this one is of where the request comes from."""
    body = {"error": {"code": "AuthorizationFailure", "message": "Not from this network."}}
    fake.inject(Answer(403, body), on="GET /{container}")
    code, out = examine()
    assert code == 0
    assert re.search(r"^warning  \w+.blob.core.windows.net can't be reached: ", out, re.MULTILINE)


def test_a_private_workspace(fake: FakeAml, told: Callable[[], tuple[int, dict[str, Any]]]) -> None:
    """No way for serverless nodes, nothing that builds images, a network that isn't there yet."""
    fake.container_registry(public_access=False)
    fake.workspace_properties(publicNetworkAccess="Disabled")
    _, found = told()
    serverless = [check for check in found["checks"] if check["name"] == "serverless"]
    assert ["no way to the storage" in serverless[0]["what"], len(serverless)] == [True, 2]
    assert "ImageBuildComputeNotValid" in serverless[1]["what"]
    network = {
        "isolationMode": "AllowInternetOutbound",
        "status": {"status": "Inactive", "sparkReady": False},
    }
    fake.workspace_properties(managedNetwork=network, imageBuildCompute="builder")
    code, found = told()
    assert code == 0
    assert found["by_name"]["first-node"]["what"] == "the first node takes about 30 minutes"
    assert found["by_name"]["image-build-compute"]["what"] == "the image build compute builder is not there"


def test_datastores_and_identities_are_told(
    fake: FakeAml, told: Callable[[], tuple[int, dict[str, Any]]]
) -> None:
    """Where credentials win over identity, and where there are none; which identity jobs may have."""
    fake.datastore("lake", account="acme", credentials="none")
    client_id = fake.identity("worker")
    _, found = told()
    assert found["by_name"]["datastore-credentials"]["what"].startswith(
        "credentials are stored in workspaceblob"
    )
    assert found["by_name"]["datastore-identity"]["what"].startswith("lake hold")
    assert f"worker ({client_id})" in found["by_name"]["identities"]["what"]
    fake.workspace_properties(systemDatastoresAuthMode="identity")
    fake.inject(InternalError(), on="GET /datastores")
    _, found = told()
    assert found["by_name"]["datastore-identity"]["what"].startswith("the workspace's own datastores hold")
    assert found["by_name"]["read-datastores"]["level"] == "unknown"


def test_one_request_hides_no_other(fake: FakeAml, told: Callable[[], tuple[int, dict[str, Any]]]) -> None:
    """Whatever one of them brings: a page of a proxy, or what nobody has foreseen."""
    fake.workspace_properties(containerRegistry=_elsewhere("acr"))
    fake.inject(Answer(200, b"<html>sign in</html>"), on="GET /computes")
    code, found = told()
    status = {one["name"]: one["status"] for one in found["requests"]}
    assert (status["workspace"], status["computes"], status["registry"]) == (200, 200, None)
    by_name = found["by_name"]
    assert "is no JSON" in by_name["read-computes"]["why"]
    assert by_name["read-registry"]["level"] == "note"
    assert code == 0


def _elsewhere(name: str) -> str:
    """A registry of a subscription that the fake knows nothing of: a host that no test may reach."""
    return f"/subscriptions/other/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/{name}"


def test_no_workspace_is_configured(examine: Examine) -> None:
    """All places are named, and this machine is told of all the same."""
    code, out = examine()
    assert (code, answers(out)["workspace"]) == (2, "none")
    assert "AMLRUN_WORKSPACE" in out
    assert "config.json" in out
    assert "python" in answers(out)


def test_a_half_written_configuration(examine: Examine, tmp_path: Path) -> None:
    """Which file, and what is missing."""
    (tmp_path / "config.json").write_text('{"subscription_id": "s", "resource_group": "g"}')
    code, out = examine()
    assert code == 2
    assert re.search(r"config\.json:\s+workspace_name\s+missing", out)


@pytest.mark.usefixtures("fake")
def test_what_is_in_between_is_told_without_passwords(
    examine: Examine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Proxies and authorities; a file of them that isn't there is why nothing connects."""
    monkeypatch.setenv("HTTPS_PROXY", "http://ada:planted-secret@proxy:8080")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "gone.pem"))
    code, out = examine()
    assert code == 1
    assert "proxy:8080" in out
    assert "REQUESTS_CA_BUNDLE names a file that isn't there" in out
    assert "planted-secret" not in out + examine("--json")[1]


def test_as_json(fake: FakeAml, told: Callable[[], tuple[int, dict[str, Any]]]) -> None:
    """For programs: a version, the worst level, who, where, each request, each check; no token."""
    code, found = told()
    assert (code, found["version"], found["worst"]) == (0, 1, "note")
    assert found["account"]["name"] == "fake-user"
    assert found["workspace"]["source"] == "AMLRUN_WORKSPACE"
    assert found["workspace"]["id"] == fake.scope.path
    assert {one["status"] for one in found["requests"]} == {200}
    assert set(found["checks"][0]) == {"name", "level", "what", "why", "todo"}
    assert fake.credential.get_token("x").token not in json.dumps(found)


def test_local_is_examined_too(examine: Examine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its folder, its Python, and what it can't do; nothing leaves the machine."""
    monkeypatch.setenv("AMLRUN_WORKSPACE", "local")
    monkeypatch.setenv("AMLRUN_LOCAL_HOME", str(tmp_path / "home"))
    code, out = examine()
    facts = answers(out)
    assert (code, facts["workspace"], facts["folder"]) == (0, "local", str(tmp_path / "home"))
    assert facts["can submit"] == "yes"
    assert "the environments that they name are not built" in re.sub(r"\s+", " ", out)
    assert "blob.core" not in out


def test_it_needs_no_azure_ai_ml(tmp_path: Path) -> None:
    """Its version is told without importing it: it may be what is broken."""
    home = str(tmp_path / "home")
    code = f"import os; os.environ.update(AMLRUN_WORKSPACE='local', AMLRUN_LOCAL_HOME={home!r})\n"
    code += "from amlrun._command_line import main\nassert main(['doctor']) == 0"
    assert "azure.ai.ml" not in modules_after(code, tmp_path)
