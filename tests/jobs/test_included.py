"""What components include in their code from elsewhere: no accident of it is uploaded either."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.ml import load_component, load_job

from amlrun import InvalidRequest, plan, submit
from tests.jobs.test_uploads import ACCIDENTS, filled

if TYPE_CHECKING:
    from pathlib import Path

    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml

TRIAL = (
    "search_space: {a: {type: choice, values: [1, 2]}}, sampling_algorithm: random, "
    "objective: {primary_metric: loss, goal: minimize}, limits: {max_total_trials: 2}"
)


def component(folder: Path, included: list[str], code: str = "src") -> Path:
    """The file of a component beside its code and what it includes."""
    file = folder / "part.yml"
    file.write_text(
        f"name: part\ntype: command\ncommand: ls {'${{inputs.a}}' if code == 'trial' else ''}\n"
        + ("inputs: {a: {type: number}}\n" if code == "trial" else "")
        + (f"code: {code}\n" if code and code != "trial" else "")
        + f"environment: azureml:train:1\nadditional_includes: {json.dumps(included)}\n"
    )
    return file


def job(folder: Path, step: str = "type: command, component: part.yml") -> Path:
    """The file of a pipeline of that step."""
    file = folder / "job.yml"
    file.write_text(f"type: pipeline\nsettings: {{default_compute: serverless}}\njobs:\n  a: {{{step}}}\n")
    return file


def uploaded(fake: FakeAml) -> list[str]:
    """The files that were sent, by their paths in the snapshot."""
    puts = {call.path for call in fake.calls if call.method == "PUT" and "/providers/" not in call.path}
    return sorted("/".join(path.split("/")[3:]) for path in puts)


@pytest.mark.parametrize("how", ["step", "trial", "nested", "object"])
def test_what_is_included_brings_no_accident(
    fake_aml: FakeAml, client: MLClient, source: Path, how: str
) -> None:
    """Not by the rules of its own folder, of those above, nor of the code's; whatever it is a part of."""
    folder = source.parent
    filled(folder / "more", *ACCIDENTS, "x.py", "deep/y.py", "data/big.bin", "z.log")
    (folder / "more" / ".gitignore").write_text("data/\n")
    (source / ".amlignore").write_text("*.log\n")
    component(folder, ["./more"], "trial" if how == "trial" else "src")
    made: Any = job(
        folder, f"type: sweep, trial: part.yml, {TRIAL}" if how == "trial" else "component: part.yml"
    )
    if how == "nested":
        (folder / "inner.yml").write_text("name: i\n" + made.read_text())
        made = job(folder, "type: pipeline, component: inner.yml")
    if how == "object":
        made = load_job(made)
    run = submit(made, client=client)
    alone = ["more/z.log"] if how == "trial" else ["train.py"]
    assert uploaded(fake_aml) == ["more/deep/y.py", "more/x.py", *alone]
    assert not any("additional_includes" in warning for warning in run.plan.warnings)
    made = list(fake_aml.calls.of("PUT /components/{name}/versions/{version}"))
    assert made
    assert not any("additional_includes" in call.json["properties"]["componentSpec"] for call in made)


@pytest.mark.parametrize(
    ("included", "code"),
    [
        (["more"], "src"),
        (["more", "one.py"], "src"),
        (["more.zip"], "src"),
        (["more"], ""),
        (["one.py"], "src/train.py"),
    ],
)
def test_the_snapshot_of_clean_folders_is_that_of_azure_ai_ml(
    fake_aml: FakeAml, client: MLClient, source: Path, included: list[str], code: str
) -> None:
    """The same code, whoever has sent it: nothing is uploaded again, an archive of a folder included."""
    filled(source.parent / "more", "x.py", "deep/y.py")
    filled(source.parent, "one.py")
    component(source.parent, included, code)
    client.jobs.create_or_update(load_job(job(source.parent)))
    assert uploaded(fake_aml)
    fake_aml.calls.clear()
    submit(job(source.parent), client=client)
    assert uploaded(fake_aml) == []
    assert not [call for call in fake_aml.calls if call.method == "PUT" and "/codes/" in call.path]


def test_a_component_alone_has_its_includes(
    fake_aml: FakeAml, client: MLClient, source: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """azure-ai-ml drops them of one that is a job by itself; of code that is an argument, too."""
    filled(source.parent / "more", *ACCIDENTS, "x.py")
    other = filled(source.parent / "other", "else.py")
    part = load_component(component(source.parent, ["more"]))
    before = str(part)
    submit(part(), environment="azureml:train:1", client=client)
    assert uploaded(fake_aml) == ["more/x.py", "train.py"]
    fake_aml.calls.clear()
    with caplog.at_level("INFO", "amlrun"):
        submit(part(), code=other, environment="azureml:train:1", client=client)
    assert uploaded(fake_aml) == ["else.py", "more/x.py"]
    assert "the code is 2 files" in caplog.text
    assert str(part) == before


@pytest.mark.parametrize(
    ("included", "words"),
    [
        (["nowhere"], r"there is no .*nowhere"),
        (["loose"], r"loose is a link to gone, which isn't there"),
        (["broken"], r"link\.py.*leads to gone"),
        (["lib"], r"lib is in the code already"),
        (["empty"], r"the folder is empty"),
        (["nowhere.zip"], r"there is no .*nowhere\.zip"),
    ],
)
def test_includes_that_are_not_there_are_refused(
    fake_aml: FakeAml, client: MLClient, source: Path, included: list[str], words: str
) -> None:
    """By name, before anything is uploaded."""
    filled(source, "lib/a.py")
    filled(source.parent / "lib", "b.py")
    (source.parent / "empty").mkdir()
    filled(source.parent / "broken", "x.py")
    (source.parent / "broken" / "link.py").symlink_to("gone")
    (source.parent / "loose").symlink_to("gone")
    component(source.parent, included)
    with pytest.raises(InvalidRequest, match=words) as caught:
        submit(job(source.parent), client=client)
    assert caught.value.hint or included == ["empty"]
    assert not [call for call in fake_aml.calls if call.method == "PUT"]


def test_what_is_included_counts(client: MLClient, source: Path) -> None:
    """In what is told of the size of the code, once of the same code."""
    (source.parent / "more").mkdir()
    with (source.parent / "more" / "model.pt").open("wb") as model:
        model.truncate(60_000_000)
    component(source.parent, ["more"])
    file = job(source.parent)
    file.write_text(f"{file.read_text()}  b: {{component: part.yml}}\n")
    [told] = [one for one in plan(file, client=client).warnings if "the code is large" in one]
    assert "2 files, 60 MB" in told
    assert "more/ 60 MB" in told
