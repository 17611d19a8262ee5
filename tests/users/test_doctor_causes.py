"""One cause is one finding, with its way out; and nothing is answered that nobody has looked at."""

from __future__ import annotations

import json
import os
import re
import threading
from typing import TYPE_CHECKING, Any

import pytest
from azure.core.exceptions import ClientAuthenticationError

from amlrun._checks import Level
from amlrun._command_line import main
from amlrun._doctor.judge import checks_of
from amlrun._doctor.look import look
from amlrun.testing import Answer, InternalError, NoConnection
from tests.users.examined import answers, sign_in

if TYPE_CHECKING:
    from pathlib import Path

    from azure.core.credentials import AccessToken

    from amlrun.testing import FakeAml
    from tests.users.examined import Examine, Told


def plain(out: str) -> str:
    """The text in one line."""
    return re.sub(r"\s+", " ", out)


@pytest.mark.usefixtures("fake")
def test_the_teams_file_counts_wherever_the_workspace_is_named(
    examine: Examine, told: Told, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One that is broken stops each job; a sound one is named, with what it says."""
    monkeypatch.delenv("AMLRUN_CONFIG")
    file = tmp_path / "amlrun.toml"
    file.write_text('[defaults]\ntier = "cheap"\n')
    code, out = examine()
    assert code == 1
    assert "fails amlrun.toml, line 2: tier = 'cheap'" in plain(out)
    assert out.endswith("A job would fail.\n")
    file.write_text('[defaults]\ntier = "spot"\n[guard]\nmost_nodes = 2\n')
    code, out = examine()
    assert (code, answers(out)["team's file"]) == (0, "amlrun.toml (tier, most_nodes)")
    assert told()[1]["team"] == {"file": "amlrun.toml", "says": ["tier", "most_nodes"]}
    monkeypatch.setenv("AMLRUN_CONFIG", "/nowhere/amlrun.toml")
    assert examine()[0] == 1


def test_what_nobody_has_looked_at_is_not_known(
    fake: FakeAml, examine: Examine, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a token no question has an answer, in text and for programs."""

    class Nobody:
        def get_token(self, *_scopes: str, **_options: Any) -> Any:
            raise ClientAuthenticationError("Please run 'az login' to setup account.")

    sign_in(monkeypatch, Nobody())
    _, out = examine()
    assert [answers(out)[one] for one in ("can submit", "can follow", "reads quota")] == ["not known"] * 3
    assert told()[1]["answers"] == {"can_submit": None, "can_follow": None, "reads_quota": None}
    assert not fake.calls


@pytest.mark.parametrize("reply", [{}, {"value": None}, {"value": 5}, {"value": [{}]}, b"<html>"])
def test_a_reply_that_names_no_role_takes_no_right_away(fake: FakeAml, told: Told, reply: Any) -> None:
    """Of somebody in between: whether jobs can be sent is as unknown as without any."""
    fake.inject(Answer(200, reply), on="GET /providers/Microsoft.Authorization/permissions")
    code, found = told()
    assert (code, found["answers"]["can_submit"], found["worst"]) == (0, None, "unknown")
    assert "right-to-submit" not in found["by_name"]


def test_roles_on_further_pages_count(fake: FakeAml, told: Told) -> None:
    """Or a right would be missing that is on the second one."""
    path = f"{fake.scope.path}/providers/Microsoft.Authorization/permissions"
    first = {
        "value": [{"actions": [], "notActions": []}],
        "nextLink": f"https://management.azure.com{path}?api-version=2022-04-01&$skip=1",
    }
    fake.inject(Answer(200, first), on="GET /providers/Microsoft.Authorization/permissions")
    _, found = told()
    assert found["answers"]["can_submit"] is True


@pytest.mark.parametrize("status", [429, 503])
def test_a_service_that_is_busy_says_nothing_of_jobs(fake: FakeAml, told: Told, status: int) -> None:
    """Of the workspace and of quota, too: what can't be read now takes no right away."""
    fake.inject(Answer(status), on="GET ", times=None)
    fake.inject(Answer(status), on="GET /jobs", times=None)
    code, found = told()
    assert (code, found["answers"]["can_submit"], found["answers"]["reads_quota"]) == (0, True, None)
    assert found["by_name"]["read-workspace"]["level"] == "unknown"


def test_quota_that_fails_is_no_missing_right(fake: FakeAml, told: Told) -> None:
    """Only a refusal is one."""
    fake.inject(
        InternalError(), on="GET /providers/Microsoft.MachineLearningServices/locations/{location}/usages"
    )
    _, found = told()
    assert (found["answers"]["reads_quota"], found["by_name"]["right-to-read-quota"]["level"]) == (
        None,
        "unknown",
    )


@pytest.mark.parametrize("url", ["https://[", ""])
def test_a_workspace_that_does_not_say_where_run_history_is(fake: FakeAml, told: Told, url: str) -> None:
    """Nobody is asked for it, and that is told."""
    fake.workspace_properties(discoveryUrl=url)
    code, found = told()
    assert code == 0
    assert "doesn't say where run history is" in found["by_name"]["read-run-history"]["why"]


def test_figures_and_answers_for_programs(fake: FakeAml, told: Told) -> None:
    """Quota by tier; yes, no, or null."""
    fake.revoke()
    fake.grant("Reader", on="subscription")
    _, found = told()
    assert found["answers"] == {"can_submit": False, "can_follow": False, "reads_quota": True}
    assert set(found["quota"]) == {"dedicated", "spot"}
    assert found["quota"]["dedicated"] == {"used": 0, "limit": 100}


def test_nobody_is_promised_that_jobs_can_be_sent(fake: FakeAml, examine: Examine) -> None:
    """Where it isn't known, nor where it is known that they can't."""
    fake.as_data_scientist()
    _, out = examine()
    assert "jobs can be sent)" not in plain(out)
    assert out.endswith("Whether jobs can be sent is known when one is; what is warned of may stop one.\n")
    fake.revoke()
    fake.grant("Reader")
    _, out = examine()
    assert "jobs can be sent" not in plain(out).lower()


def test_a_workspace_that_is_not_there_is_one_finding(
    fake: FakeAml, examine: Examine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With where it is named, and what would help; each request stands in its list."""
    scope = fake.scope
    monkeypatch.setenv("AMLRUN_WORKSPACE", f"{scope.subscription_id}/{scope.resource_group}/nope")
    code, out = examine()
    assert code == 1
    assert len(re.findall(r"^  404 ", out, re.MULTILINE)) >= 3
    assert len(re.findall(r"^(?:fails|warning|unknown) ", out, re.MULTILINE)) == 1
    assert "(named by AMLRUN_WORKSPACE)" in plain(out)
    assert "az ml workspace list" in plain(out)


def test_another_tenant_is_one_finding(fake: FakeAml, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who it is, of which tenant, and of which the workspace is; not five times the service's page."""
    theirs = "99999999-0000-0000-0000-000000000009"
    sign_in(monkeypatch, fake.user("eve@other.org", tenant=theirs))
    code, found = told()
    assert (code, found["answers"]["can_submit"]) == (1, False)
    check = found["by_name"]["tenant"]
    assert check["level"] == "fails"
    assert f"eve@other.org of tenant {theirs} is of another tenant" in check["what"]
    assert re.search("az login --tenant [0-9a-f-]{36}$", check["todo"])
    assert not [name for name in found["by_name"] if name.startswith("read-")]


def test_without_a_role_or_a_network_is_told_once(fake: FakeAml, examine: Examine) -> None:
    """What several requests fail for is told with all of them."""
    fake.revoke()
    _, out = examine()
    assert out.count("az role assignment create") <= 2
    fake.inject(NoConnection(), on="*", times=None)
    _, out = examine()
    assert len(re.findall(r"^(?:fails|warning|unknown) ", out, re.MULTILINE)) == 1


def test_each_way_of_signing_in_is_a_line(
    fake: FakeAml, examine: Examine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it is elsewhere."""
    chain = "\nAttempted credentials:\n\tAzureCliCredential: Azure CLI not found on path\n\tX: odd"

    class Nobody:
        def get_token(self, *_scopes: str, **_options: Any) -> Any:
            raise ClientAuthenticationError(chain)

    sign_in(monkeypatch, Nobody())
    _, out = examine()
    assert "fails    No token: nobody is signed in:\n           az: not installed\n           X: odd\n" in out
    assert not fake.calls


def test_local_signs_nobody_in(
    examine: Examine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And is refused for a verification before all else."""
    monkeypatch.setenv("AMLRUN_LOCAL_HOME", str(tmp_path / "home"))
    _, out = examine("--workspace", "local")
    assert "account" not in answers(out)
    assert "signed in by" not in answers(out)
    assert main(["doctor", "--workspace", "local", "--verify"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "is about a real workspace" in shown.err


def test_the_workspace_of_the_command_line(
    fake: FakeAml, examine: Examine, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before the verb or behind it; what is wrong with it is told by that name."""
    scope = fake.scope
    name = f"{scope.subscription_id}/{scope.resource_group}/{scope.workspace}"
    for words in (["--workspace", name, "doctor"], ["doctor", "--workspace", name]):
        assert main(words) == 0
        assert answers(capsys.readouterr().out)["named in"] == "--workspace"
    assert main(["--workspace", "nope", "quota"]) == 2
    assert "amlrun: --workspace: 'nope' is not a workspace" in capsys.readouterr().err
    assert main(["--workspace", "", "quota"]) == 2
    assert "--workspace names none" in capsys.readouterr().err
    assert answers(examine()[1])["named in"] == "AMLRUN_WORKSPACE"


@pytest.mark.usefixtures("fake")
def test_authorities_that_nobody_may_look_at(examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that can't be entered: up to Python 3.13, `Path.exists` raises."""

    def closed(_: object) -> bool:
        raise PermissionError

    monkeypatch.setattr("pathlib.Path.exists", closed)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", os.devnull)
    assert examine()[0] == 0


def test_a_proxy_that_nobody_can_read(
    fake: FakeAml, examine: Examine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its password is shown nowhere, and the doctor ends as ever."""
    for password in ("plant[ed", "plant/ed", "plant#ed"):
        monkeypatch.setenv("HTTPS_PROXY", f"http://ada:{password}@proxy:80")
        code, out = examine()
        assert code == 2
        assert "HTTPS_PROXY can't be read as a URL" in out
        assert "plant" not in out + examine("--json")[1]
    assert not fake.calls


def test_a_sign_in_that_ends_is_told(
    fake: FakeAml, told: Told, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Before a wait dies of it."""
    for name, value in fake.pipeline("ci", tmp_path / "proof").items():
        monkeypatch.setenv(name, value)
    _, found = told()
    check = found["by_name"]["sign-in-ends"]
    assert check["level"] == "warning"
    assert "AADSTS700024" in check["what"]


def test_datastores_without_keys_ask_for_a_role(fake: FakeAml, told: Told) -> None:
    """A role on the workspace opens no storage: the one that does is named, with the account."""
    fake.datastores_without_keys()
    todo = told()[1]["by_name"]["datastore-identity"]["todo"]
    assert re.search(r"needs the role Storage Blob Data Contributor on fakeaml\w+$", todo)


def test_a_right_on_the_storage_is_looked_at(fake: FakeAml, examine: Examine, told: Told) -> None:
    """Where nobody is handed a key: who may send a job and open none of its data is told beforehand."""
    fake.as_data_scientist()
    assert "right-to-storage" not in told()[1]["by_name"]  # the datastores have keys
    fake.datastores_without_keys()
    code, out = examine()
    assert code == 0
    assert re.search(r"^  403  \w+\.blob\.core\.windows\.net +whether storage is there$", out, re.MULTILINE)
    check = told()[1]["by_name"]["right-to-storage"]
    assert check["level"] == "warning"
    assert "neither may its jobs with identity='user'" in check["what"]
    assert '--role "Storage Blob Data Contributor"' in check["todo"]
    fake.grant("Storage Blob Data Contributor", on="storage")
    assert "right-to-storage" not in told()[1]["by_name"]


@pytest.mark.usefixtures("fake")
def test_a_sign_in_that_never_ends_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """As behind a firewall that takes connections and says nothing: what else is known is told."""
    done = threading.Event()

    class Waiting:
        def get_token(self, *_scopes: str, **_options: Any) -> AccessToken:
            done.wait()
            raise ClientAuthenticationError(message="too late")

    sign_in(monkeypatch, Waiting())
    try:
        seen, _ = look(os.environ, patience=0.01)
    finally:
        done.set()
    (check,) = (check for check in checks_of(seen) if check.level is Level.FAILS)
    assert check.name == "signed-in"
    assert check.what.startswith("No token within")
    assert "a proxy or a firewall" in check.todo
    assert seen.workspace.endswith(seen.workspace_id.rpartition("/")[2])


def test_a_busy_service_says_nothing(fake: FakeAml, examine: Examine, told: Told) -> None:
    """One request that is throttled is no right that is missing; a page in between is no answer."""
    fake.inject(Answer(429, {"error": {"code": "TooManyRequests", "message": "Wait."}}), on="GET /jobs")
    fake.inject(Answer(200, b"<html>sign in</html>"), on="GET /computes")
    code, out = examine()
    assert code == 0
    assert "unknown its jobs can't be read now" in plain(out)
    assert re.search(r"^  no JSON +/workspaces/\S+/computes ", out, re.MULTILINE)
    assert told()[1]["by_name"].get("read-jobs") is None


def test_the_report_is_json(fake: FakeAml, capsys: pytest.CaptureFixture[str]) -> None:
    """Where the workspace is told behind the verb, too."""
    assert main(["doctor", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["workspace"]["id"] == fake.scope.path
