"""What of a code folder arrives in the workspace's storage: no less than the job needs, and no accident."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from amlrun import InvalidRequest, NotAuthorized, plan, submit
from amlrun.testing import Forbidden

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml

ENVIRONMENT = "azureml:train:1"
ACCIDENTS = (
    "lib/.git/config",
    "__pycache__/train.pyc",
    ".venv/pyvenv.cfg",
    ".venv/lib/x.py",
    "node_modules/x.js",
)


def uploaded(fake: FakeAml) -> list[str]:
    """The files that were sent, by their paths in the snapshot, which has a container of its own."""
    puts = [call.path for call in fake.calls if call.method == "PUT"]
    found = [match.group(1) for path in puts if (match := re.fullmatch(r"/[0-9a-f]{32}/src/(.+)", path))]
    return sorted(set(found))


def filled(folder: Path, *names: str) -> Path:
    """A folder with these files."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"# {name}\n")
    return folder


def a_command(source: Path) -> Any:
    """An object of the SDK."""
    from azure.ai.ml import command

    return command(command="python train.py", code=str(source), environment=ENVIRONMENT)


def a_file(source: Path) -> Any:
    """A job file beside the folder."""
    path = source.parent / "job.yml"
    path.write_text(f"command: python train.py\ncode: {source.name}\nenvironment: {ENVIRONMENT}\n")
    return path


def a_sweep(source: Path) -> Any:
    """Whose trial has the code."""
    path = source.parent / "sweep.yml"
    path.write_text(
        "type: sweep\ntrial:\n  command: python train.py --a ${{search_space.a}}\n"
        f"  code: {source.name}\n"
        f"  environment: {ENVIRONMENT}\nsearch_space: {{a: {{type: choice, values: [1, 2]}}}}\n"
        "sampling_algorithm: random\nobjective: {primary_metric: loss, goal: minimize}\n"
        "limits: {max_total_trials: 2, max_concurrent_trials: 1}\n"
    )
    return path


def a_pipeline(source: Path) -> Any:
    """Of a step in the file and one of a component's file, which stands elsewhere."""
    path = source.parent / "pipeline.yml"
    component = source.parent / "parts" / "prep.yml"
    component.parent.mkdir(exist_ok=True)
    component.write_text(
        f"name: prep\ntype: command\ncommand: python train.py\ncode: ../{source.name}\n"
        f"environment: {ENVIRONMENT}\n"
    )
    path.write_text(
        "type: pipeline\njobs:\n  train:\n    type: command\n    command: python train.py\n"
        f"    code: {source.name}\n    environment: {ENVIRONMENT}\n  prep:\n    type: command\n"
        "    component: parts/prep.yml\n"
    )
    return path


JOBS = [a_command, a_file, a_sweep, a_pipeline]


@pytest.mark.parametrize("job", JOBS)
def test_no_accident_is_uploaded_whatever_the_job(
    fake_aml: FakeAml, client: MLClient, source: Path, job: Callable[[Path], Any]
) -> None:
    """Repositories, caches, environments, and what a .gitignore above names."""
    filled(source, *ACCIDENTS, "lib/model.py", "data/big.bin")
    filled(source.parent, ".git/HEAD")
    (source.parent / ".gitignore").write_text("data/\n")
    planned = plan(job(source), client=client)
    submit(planned, client=client)
    assert uploaded(fake_aml) == ["lib/model.py", "train.py"]
    assert f"left out of the code by {source.parent / '.gitignore'}: data/" in planned.reasons


@pytest.mark.parametrize("job", JOBS)
def test_the_same_content_is_uploaded_once(
    fake_aml: FakeAml, client: MLClient, source: Path, job: Callable[[Path], Any]
) -> None:
    """Whatever comes and goes in the caches; and the two bodies are the same."""
    first = submit(job(source), client=client)
    files = uploaded(fake_aml)
    fake_aml.calls.clear()
    filled(source, *ACCIDENTS)
    second = submit(job(source), client=client)
    assert (files, uploaded(fake_aml)) == (["train.py"], [])
    bodies = [fake_aml.job(run.name).body["properties"] for run in (first, second)]
    parts = [{name: body.get(name) for name in ("codeId", "trial", "jobs")} for body in bodies]
    for part in parts:
        (part["trial"] or {}).pop("environmentVariables", None)
        for step in (part["jobs"] or {}).values():
            step.pop("environment_variables", None)
    assert parts[0] == parts[1]


def test_a_snapshot_that_azure_ai_ml_has_sent_is_the_same(
    fake_aml: FakeAml, client: MLClient, source: Path
) -> None:
    """A clean folder has one hash, whoever sends it."""
    theirs = client.jobs.create_or_update(a_command(source))
    fake_aml.calls.clear()
    ours = submit(a_command(source), client=client)
    assert uploaded(fake_aml) == []
    bodies = [fake_aml.job(str(name)).body["properties"] for name in (theirs.name, ours.name)]
    assert bodies[0]["codeId"] == bodies[1]["codeId"]


def test_what_links_lead_to_is_uploaded(fake_aml: FakeAml, client: MLClient, source: Path) -> None:
    """Under the links' names, from within the folder or from outside."""
    other = filled(source.parent / "other", "x.py")
    (source / "again.py").symlink_to("train.py")
    (source / "more").symlink_to(other)
    submit("python train.py", code=source, environment=ENVIRONMENT, client=client)
    assert uploaded(fake_aml) == ["again.py", "more/x.py", "train.py"]


def test_one_file_is_uploaded_alone(fake_aml: FakeAml, client: MLClient, source: Path) -> None:
    """Without what lies beside it."""
    filled(source, "other.py")
    submit("python train.py", code=source / "train.py", environment=ENVIRONMENT, client=client)
    sent = {call.path.rpartition("/")[2] for call in fake_aml.calls if call.path.endswith(".py")}
    assert sent == {"train.py"}


def test_a_large_folder_is_told_before_it_is_sent(
    fake_aml: FakeAml, client: MLClient, source: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """In the plan, with the largest folders; and in the log before any of it goes."""
    with (source / "model.pt").open("wb") as file:
        file.truncate(60_000_000)
    planned = plan("python train.py", code=source, environment=ENVIRONMENT, client=client)
    [told] = [one for one in planned.warnings if "the code is large" in one]
    assert "2 files, 60 MB" in told
    assert "model.pt 60 MB" in told
    for number in range(1001):
        (source / f"{number}.py").touch()
    (source / "model.pt").unlink()
    fake_aml.inject(Forbidden(), on="GET /codes/{name}/versions")
    with pytest.raises(NotAuthorized):
        submit("python train.py", code=source, environment=ENVIRONMENT, client=client)
    assert f"the code is 1002 files, 17 bytes of {source}" in caplog.text
    assert uploaded(fake_aml) == []


@pytest.mark.parametrize("job", JOBS)
def test_a_link_that_leads_nowhere_is_refused_before_anything_is_uploaded(
    fake_aml: FakeAml, client: MLClient, source: Path, job: Callable[[Path], Any]
) -> None:
    """With its path, whatever the job."""
    (source / "gone.py").symlink_to("nowhere.py")
    with pytest.raises(InvalidRequest, match=r"gone\.py.*leads to nowhere") as caught:
        submit(job(source), client=client)
    assert caught.value.argument == "code"
    assert [call for call in fake_aml.calls if call.method == "PUT"] == []


def test_a_snapshot_that_is_there_costs_no_look_at_any_folder(
    fake_aml: FakeAml, client: MLClient, source: Path
) -> None:
    """By its id: one PUT, that of the job, once the workspace is known."""
    first = submit(a_command(source), client=client)
    code = fake_aml.job(first.name).body["properties"]["codeId"]
    fake_aml.calls.clear()
    submit("python train.py", code=code, environment=ENVIRONMENT, cpus=4, client=client)
    assert [call.method for call in fake_aml.calls if "/codes/" in call.path or "/jobs/" in call.path] == [
        "PUT"
    ]


def test_an_upload_leaves_nothing_in_a_log(
    fake_aml: FakeAml, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """azure-ai-ml ends each with an escape of its bar's colour; on a terminal it is left as it is."""
    for terminal in (False, True):
        source = filled(tmp_path / f"src-{terminal}", f"{tmp_path.name}-{terminal}.py")
        monkeypatch.setattr("sys.stderr.isatty", lambda terminal=terminal: terminal)
        submit(
            f"python {tmp_path.name}-{terminal}.py",
            code=source,
            environment=ENVIRONMENT,
            client=fake_aml.client(),
        )
        assert ("\x1b[39m" in capsys.readouterr().err) is terminal
