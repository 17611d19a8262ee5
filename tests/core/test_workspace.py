"""Which workspace: the order of places, and what is said when none is there."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

import amlrun
from amlrun import NotConfigured
from amlrun._connect import Scope
from amlrun._workspace import workspace_of

if TYPE_CHECKING:
    from pathlib import Path

    from amlrun.testing import FakeAml

JOB = ("AZUREML_ARM_SUBSCRIPTION", "AZUREML_ARM_RESOURCEGROUP", "AZUREML_ARM_WORKSPACE_NAME")
OWN = ("AZURE_SUBSCRIPTION_ID", "AZURE_RESOURCE_GROUP", "AZURE_ML_WORKSPACE")


def configure(path: Path, **values: Any) -> None:
    """Write a config.json."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values))


def full(prefix: str) -> dict[str, str]:
    """A whole config.json."""
    return {key: f"{prefix}-{key}" for key in ("subscription_id", "resource_group", "workspace_name")}


def test_nothing_configured_names_every_place_and_local() -> None:
    """A newcomer learns all ways at once."""
    with pytest.raises(NotConfigured) as caught:
        amlrun.plan("echo", environment="azureml:train:1")
    text = str(caught.value)
    assert all(word in text for word in ("AMLRUN_WORKSPACE", "config.json", ".azureml", *JOB, *OWN, "local"))
    assert len(caught.value.looked_at) == 5


def test_the_places_are_looked_at_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Own variable, the job's, amlrun.toml, config.json here or above, the common variables; first wins."""
    for name in OWN:
        monkeypatch.setenv(name, f"own-{name}")
    assert workspace_of(None).scope.workspace == "own-AZURE_ML_WORKSPACE"
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    configure(tmp_path / ".azureml" / "config.json", **full("above"))
    assert workspace_of(None).scope.workspace == "above-workspace_name"
    configure(folder / "config.json", **full("here"))
    assert workspace_of(None).scope == Scope(
        "here-subscription_id", "here-resource_group", "here-workspace_name"
    )
    monkeypatch.delenv("AMLRUN_CONFIG")
    (tmp_path / "amlrun.toml").write_text('[defaults]\nworkspace = "s/g/of-the-team"\n')
    assert workspace_of(None).scope.workspace == "of-the-team"
    assert workspace_of(None).source == f"{tmp_path / 'amlrun.toml'}, line 2"
    for name in JOB:
        monkeypatch.setenv(name, f"job-{name}")
    assert workspace_of(None).scope.workspace == "job-AZUREML_ARM_WORKSPACE_NAME"
    assert workspace_of(None).source == "the job's own variables"
    monkeypatch.setenv("AMLRUN_WORKSPACE", "s/g/w")
    assert workspace_of(None).scope == Scope("s", "g", "w")
    assert workspace_of(None) is workspace_of(None)
    assert repr(workspace_of(None)) == "Workspace(s/g/w)"


def test_a_half_filled_config_says_what_is_missing(tmp_path: Path) -> None:
    """The file, and the keys."""
    configure(tmp_path / "config.json", subscription_id="s", resource_group="g")
    with pytest.raises(NotConfigured, match=r"config\.json: workspace_name missing"):
        workspace_of(None)


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"subscription_id": ""}, "subscription_id, resource_group, workspace_name missing"),
        ({**full("a"), "resource_group": None}, "resource_group missing"),
        (
            {**full("a"), "workspace_name": "<workspace-name>"},
            "workspace_name is '<workspace-name>', which is no",
        ),
        ({**full("a"), "subscription_id": 7}, "subscription_id is 7, which is no name"),
    ],
)
def test_a_template_that_nobody_filled_in(tmp_path: Path, values: dict[str, Any], fault: str) -> None:
    """The file, and each key that is wrong: no request is made to a workspace called `<workspace-name>`."""
    configure(tmp_path / "config.json", **values)
    with pytest.raises(NotConfigured, match=re.escape(f"config.json: {fault}")) as caught:
        workspace_of(None)
    assert caught.value.looked_at == (str(tmp_path / "config.json"),)
    assert "Download it again from the studio" in caught.value.hint


def test_a_config_of_windows_is_read(tmp_path: Path) -> None:
    """With a byte order mark, and blanks around the names."""
    values = {**full("here"), "workspace_name": " w "}
    (tmp_path / "config.json").write_text(json.dumps(values), encoding="utf-8-sig")
    assert workspace_of(None).scope.workspace == "w"


def test_some_of_the_variables_are_not_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which are missing is said."""
    monkeypatch.setenv(OWN[0], "s")
    with pytest.raises(NotConfigured, match=rf"without {OWN[1]}, {OWN[2]}"):
        workspace_of(None)


def test_a_workspace_by_its_id(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the portal shows it."""
    known = Scope("s", "g", "w")
    monkeypatch.setenv("AMLRUN_WORKSPACE", known.path)
    assert workspace_of(None).scope == known


ARM_ID = "/subscriptions/s/resourcegroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"


@pytest.mark.parametrize(
    "text",
    [
        f"https://ml.azure.com/?wsid={ARM_ID}&tid=t",
        f"https://ml.azure.com/runs/j?wsid={quote(ARM_ID, safe='')}",
        f"https://portal.azure.com/#@t/resource{ARM_ID}/overview",
        " s / g /w",
    ],
)
def test_a_workspace_by_what_can_be_copied(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """The address of any page of it."""
    monkeypatch.setenv("AMLRUN_WORKSPACE", text)
    assert workspace_of(None).scope == Scope("s", "g", "w")


@pytest.mark.parametrize(
    "text",
    ["<subscription>/<resource group>/<workspace>", "a b/c/d", "s/r/w?", "s/r/{{workspace}}", "s/r/w%2Fx"],
)
def test_names_that_can_be_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Wherever they stand: no request is made to a workspace called `<workspace>`."""
    for name, value in zip(OWN, text.split("/")[:3], strict=True):
        monkeypatch.setenv(name, value)
    with pytest.raises(NotConfigured, match=r"AZURE_ML_WORKSPACE: .* is no name"):
        workspace_of(None)
    (tmp_path / "amlrun.toml").write_text(f'[defaults]\nworkspace = "{text}"\n')
    monkeypatch.delenv("AMLRUN_CONFIG")
    with pytest.raises(NotConfigured, match=r"amlrun\.toml, line 2: .* is no name"):
        workspace_of(None)
    for name, value in zip(JOB, text.split("/")[:3], strict=True):
        monkeypatch.setenv(name, value)
    with pytest.raises(NotConfigured, match=r"the job's own variables: .* is no name"):
        workspace_of(None)
    monkeypatch.setenv("AMLRUN_WORKSPACE", text)
    with pytest.raises(NotConfigured, match=r"AMLRUN_WORKSPACE: .* is no name") as caught:
        workspace_of(None)
    assert "a template" in caught.value.hint


def test_an_address_without_a_workspace(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it should have in it is told."""
    monkeypatch.setenv("AMLRUN_WORKSPACE", "https://ml.azure.com/home")
    with pytest.raises(NotConfigured, match="names no workspace") as caught:
        workspace_of(None)
    assert "wsid=" in caught.value.hint


@pytest.mark.parametrize("text", ["{", "", '{"a": ' + "9" * 5000 + "}", "[" * 200_000])
def test_a_config_that_is_not_json_is_told(tmp_path: Path, text: str) -> None:
    """The file is named."""
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(NotConfigured, match=r"config\.json: can't be read as JSON"):
        workspace_of(None)


def test_another_tools_config_is_passed_over(tmp_path: Path) -> None:
    """A config.json without any of the three keys is not ours."""
    configure(tmp_path / "config.json", model="bert")
    with pytest.raises(NotConfigured, match="No workspace is configured") as caught:
        workspace_of(None)
    # Who meant it learns that it was seen, and what isn't in it.
    found = tmp_path / "config.json"
    assert f"({found}: without subscription_id, resource_group, workspace_name)" in str(caught.value)


@pytest.mark.parametrize("text", ["w", "s/g", "s//w", "s/g/w/x"])
def test_a_workspace_that_is_none(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """The three parts are told."""
    monkeypatch.setenv("AMLRUN_WORKSPACE", text)
    with pytest.raises(NotConfigured, match="is not a workspace"):
        workspace_of(None)


def test_a_client_without_a_workspace_is_refused(fake_aml: FakeAml) -> None:
    """It can't take jobs."""
    client = fake_aml.client(workspace_name=None)
    with pytest.raises(NotConfigured, match="no workspace"):
        amlrun.plan("echo", environment="azureml:train:1", client=client)


def test_connect_gives_the_real_client_of_what_was_named() -> None:
    """An `MLClient` that amlrun goes on with."""
    client = amlrun.connect("s/g/w")
    assert (client.subscription_id, client.resource_group_name, client.workspace_name) == ("s", "g", "w")
    assert workspace_of(client).scope == Scope("s", "g", "w")
    assert workspace_of(client).client() is client


def test_the_job_of_a_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """None outside of a job; inside, what the environment says, and a folder that is there."""
    assert amlrun.current() is None
    monkeypatch.setenv("AZUREML_RUN_ID", "run-a3")
    plain = amlrun.current()
    assert plain is not None
    assert (plain.name, plain.group, plain.attempt, plain.checkpoint_dir, plain.resumed) == (
        "run-a3",
        "run-a3",
        1,
        None,
        False,
    )
    monkeypatch.setenv("AMLRUN_GROUP", "run")
    monkeypatch.setenv("AMLRUN_ATTEMPT", "3")
    monkeypatch.setenv("AMLRUN_LAST_ENDING", "preempted")
    monkeypatch.setenv("AMLRUN_CHECKPOINT_DIR", str(tmp_path / "checkpoints"))
    job = amlrun.current()
    assert job is not None
    assert (job.group, job.attempt, job.resumed, job.last_ending) == ("run", 3, True, "preempted")
    assert job.checkpoint_dir is not None
    assert job.checkpoint_dir.is_dir()


@pytest.mark.parametrize("said", [5, True, b"x", ["a", "b", "c"], {"name": "x"}])
def test_a_workspace_that_is_no_text(said: Any) -> None:
    """It is told like a text that names none."""
    with pytest.raises(NotConfigured, match="is not a workspace"):
        amlrun.connect(said)


@pytest.mark.parametrize("said", ["", "x", "-1", "1.5"])
def test_an_attempt_that_is_no_number(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    """A job that runs is not ended by it; a script outside of one is in none."""
    monkeypatch.setenv("AMLRUN_ATTEMPT", said)
    assert amlrun.current() is None
    monkeypatch.setenv("AMLRUN_GROUP", "train")
    found = amlrun.current()
    assert found is not None
    assert (found.name, found.attempt) == ("train", 1)
