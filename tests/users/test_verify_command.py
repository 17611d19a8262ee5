"""`amlrun doctor --verify` as a person meets it: the proposal, the question, the report, the file."""

from __future__ import annotations

import io
import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from amlrun import InvalidRequest, connect
from amlrun._command_line import main
from amlrun._verify.command import verified
from amlrun._workspace import workspace_of
from amlrun.testing import Answer, Failed, FakeAml, Forbidden
from amlrun.testing._wire.credential import FakeCredential
from tests.users.verification import RUNTIME, programs_run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from amlrun._workspace import Workspace

TOKEN = "eyJhbGciOiJub25lIn0.eyJwbGFudGVkIjoxfQ.c2lnbmF0dXJl"  # noqa: S105 - planted, to be looked for
LEAKS = (
    f"Ada Lovelace's (ada@example.org) key=planted-key-1 and token {TOKEN} were not taken at "
    "https://fakestore.blob.core.windows.net/data/x?sv=1&sig=planted-signature, object "
    "11111111-2222-3333-4444-555555555555; Password: planted-password; live.com#ada@example.org. "
    "The vault acmekeys, contoso\\someone."
)
PLANTED = (
    "ada@",
    "example.org",
    "planted",
    TOKEN,
    TOKEN.split(".")[1],
    "11111111-2222",
    "fakestore",
    "sig=",
    "fake-workspace",
    "fake-group",
    "00000000-0000-0000-0000-0000000000",
    "fake-user",
    "acmekeys",
    "contoso",
)


class Terminal(io.StringIO):
    """Somebody who sits there, and answers."""

    def isatty(self) -> bool:
        """It is one."""
        return True


@pytest.fixture
def workspace(fake_aml: FakeAml) -> Iterator[Workspace]:
    """The fake, as the command line holds it."""
    fake_aml.runtime(seconds=RUNTIME)
    client = fake_aml.client()
    yield workspace_of(client)
    del client  # a workspace holds it weakly


def sent(fake: FakeAml) -> int:
    """How many jobs were."""
    return len([call for call in fake.calls if call.method == "PUT" and call.route == "/jobs/{name}"])


def test_the_file_can_be_shown_to_anybody(
    fake_aml: FakeAml,
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    """No secret that stands anywhere near is in what is written or said: names are, and replies."""
    monkeypatch.setenv("HF_TOKEN", "planted-here")
    vault = f"{fake_aml.scope.path.rpartition('/providers/')[0]}/providers/Microsoft.KeyVault/vaults/acmekeys"
    fake_aml.workspace_properties(keyVault=vault)
    error: dict[str, Any] = {"code": "UserError", "message": LEAKS, "target": LEAKS, "innerError": LEAKS}
    more = {
        "unknown": {"deep": LEAKS},
        "additionalInfo": [{"type": LEAKS, "info": {"value": {"code": LEAKS}}}],
    }
    fake_aml.inject(Answer(400, {"error": {**error, **more}}), on="PUT /jobs/{name}", name="*-no-quota")
    fake_aml.inject(Answer(400, {"error": error}), on="GET /jobs", times=None)
    fake_aml.inject(Failed("UserError", LEAKS, after=0), job="*-studio-cancel")
    with programs_run(fake_aml, tmp_path / "nodes", leaks=LEAKS):
        assert verified(workspace, yes=True, evidence_file="seen.json") == 1
    file = (tmp_path / "seen.json").read_text(encoding="utf-8")
    out = capsys.readouterr().out
    assert {one for one in PLANTED if one in file} == set()
    assert {one for one in PLANTED if one in out} == set()
    seen = json.loads(file)
    assert seen["schema"] == 1
    assert "AZUREML_RUN_ID" in seen["jobs"]["cancel"]["said"]["names"]
    shown = seen["jobs"]["cancel"]["job"]["properties"]
    assert shown["environmentVariables"] == ["AMLRUN_ATTEMPT", "AMLRUN_GROUP"]
    assert shown["command"] == shown["environmentId"] == "(removed)"
    refused = seen["jobs"]["no-quota"]["answers"]["put"]
    assert (refused["status"], refused["body"]["error"]["code"]) == (400, "UserError")
    assert "were not taken at" in refused["body"]["error"]["message"]
    assert refused["body"]["error"]["target"] == "(removed)"
    assert "were not taken at" in out
    assert "seen.json" in out


def test_nobody_can_be_asked(
    fake_aml: FakeAml,
    workspace: Workspace,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without a terminal and without --yes the proposal is printed, and nothing is sent."""
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    with pytest.raises(InvalidRequest, match="Nothing was sent") as refused:
        verified(workspace)
    assert "--yes" in refused.value.hint
    assert "At most 8 jobs, 16 node-minutes, about 0.077 USD by list prices." in capsys.readouterr().err
    assert sent(fake_aml) == 0


@pytest.mark.parametrize("answer", ["n", "", "yep"])
def test_who_says_no_sends_nothing(
    fake_aml: FakeAml,
    workspace: Workspace,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
) -> None:
    """Only a yes is one."""
    monkeypatch.setattr("sys.stdin", Terminal(f"{answer}\n"))
    assert verified(workspace) == 0
    assert capsys.readouterr().err.endswith("Send them? [y/N] Nothing was sent.\n")
    assert sent(fake_aml) == 0


def test_one_question_and_they_go(
    fake_aml: FakeAml,
    workspace: Workspace,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """A yes sends what was proposed: no more than may be spent. The rest is named, and why it isn't made."""
    monkeypatch.setattr("sys.stdin", Terminal("Y\n"))
    with programs_run(fake_aml, tmp_path / "nodes"):
        assert verified(workspace, max_cost=0.02) == 0
    said = capsys.readouterr()
    assert said.err.count("[y/N]") == 1
    assert "Left out: time-out: the service chooses its size, and no more than 0.02 USD may" in said.err
    assert "Left out: deleted: it goes on from time-out." in said.err
    assert {name[23:] for name in fake_aml.jobs} <= {"checkpoint", "cancel", "studio-cancel", "checkpoint-a2"}
    assert "time-out" in said.out
    assert "the service chooses its size" in said.out


def test_local_has_nothing_to_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedded workspace is amlrun's own: it would only say what its fake assumes."""
    monkeypatch.setenv("AMLRUN_LOCAL_HOME", str(tmp_path / "local"))
    with pytest.raises(InvalidRequest, match="real workspace"):
        verified(workspace_of(connect("local")), yes=True)


def test_spending_nothing_can_not_be_meant(workspace: Workspace) -> None:
    """A limit of nothing is a mistake."""
    with pytest.raises(InvalidRequest, match="more than 0"):
        verified(workspace, yes=True, max_cost=0)


def test_the_verb(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """`amlrun doctor --verify` looks first, and then proposes; its own options stand beside it alone."""
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with FakeAml(workspace=f"w-{uuid.uuid4().hex[:8]}") as fake:
        monkeypatch.setattr("azure.identity.DefaultAzureCredential", lambda **_: fake.credential)
        scope = fake.scope
        name = f"{scope.subscription_id}/{scope.resource_group}/{scope.workspace}"
        assert main(["--workspace", name, "doctor", "--yes", "--max-cost", "1"]) == 2
        assert "--yes, --max-cost: without --verify" in capsys.readouterr().err
        before = len(fake.calls)
        assert main(["--workspace", name, "doctor", "--verify", "--max-cost", "nan"]) == 2
        assert main(["--workspace", name, "doctor", "--verify", "--evidence", "."]) == 2
        assert len(fake.calls) == before
        assert main(["--workspace", name, "doctor", "--verify"]) == 2
        assert sent(fake) == 0
    said = capsys.readouterr()
    assert scope.workspace in said.out
    assert "At most 8 jobs" in said.err
    assert "Add --yes" in said.err


@pytest.mark.parametrize(
    ("file", "why"),
    [("no-such-folder/x.json", "no folder"), (".", "there already"), ("old", "there already")],
)
def test_a_file_that_can_not_be_written(
    fake_aml: FakeAml, workspace: Workspace, tmp_path: Path, file: str, why: str
) -> None:
    """It is known before anything is sent; one that is there may hold what was paid for."""
    (tmp_path / "old").write_text("paid for", encoding="utf-8")
    with pytest.raises(InvalidRequest, match=f"{why}. Nothing was sent"):
        verified(workspace, yes=True, evidence_file=file)
    assert sent(fake_aml) == 0
    assert (tmp_path / "old").read_text(encoding="utf-8") == "paid for"


def test_a_disk_that_is_full_in_the_end(
    workspace: Workspace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was found is told, whatever becomes of the file."""

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_text", full)
    with pytest.raises(OSError, match="No space left"):
        verified(workspace, yes=True)
    assert "as assumed" in capsys.readouterr().out


def test_who_may_send_nothing_is_told_once(
    fake_aml: FakeAml, workspace: Workspace, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """In one line, with the way out, and with an exit status; an earlier file stays as it is."""
    (tmp_path / "amlrun-verify.json").write_text("paid for", encoding="utf-8")
    fake_aml.revoke("Microsoft.MachineLearningServices/workspaces/jobs/write")
    assert verified(workspace, yes=True) == 1
    said = capsys.readouterr()
    assert said.out.count("No job could be sent: ") == 1
    assert said.err.count("az role assignment create") == 1
    assert json.loads((tmp_path / "amlrun-verify-2.json").read_text(encoding="utf-8"))["schema"] == 1
    assert (tmp_path / "amlrun-verify.json").read_text(encoding="utf-8") == "paid for"


def test_what_fails_for_certain_comes_first(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the doctor knows that a job would fail, none is sent."""
    monkeypatch.setattr("azure.identity.DefaultAzureCredential", lambda **_: FakeCredential())
    with FakeAml(workspace=f"w-{uuid.uuid4().hex[:8]}") as fake:
        fake.inject(Forbidden(), on="GET ", times=None)
        name = f"{fake.scope.subscription_id}/{fake.scope.resource_group}/{fake.scope.workspace}"
        assert main(["--workspace", name, "doctor", "--verify", "--yes"]) == 1
        assert "Nothing was sent: what fails comes first" in capsys.readouterr().err
        assert sent(fake) == 0
