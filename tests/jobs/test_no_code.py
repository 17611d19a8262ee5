"""A program that no code goes along with: it names a file beside it, or its code is an empty text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.ml import command, load_component, load_job
from azure.ai.ml.sweep import Choice

from amlrun import InvalidRequest, plan, submit
from tests.jobs.every import ENVIRONMENT, named, pipeline_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml

NAMES = f"command: python train.py\nenvironment: {ENVIRONMENT}\n"
TRIAL = f"{{command: 'python train.py --a ${{{{search_space.a}}}}', environment: '{ENVIRONMENT}'}}"
SWEEP = (
    "sampling_algorithm: random, search_space: {a: {type: choice, values: [1, 2]}}, "
    "objective: {primary_metric: loss, goal: minimize}, limits: {max_total_trials: 2}"
)
STEP = f"{{type: command, command: python train.py, environment: '{ENVIRONMENT}'}}"
FILES = {
    "command": NAMES,
    "sweep": f"{{type: sweep, trial: {TRIAL}, {SWEEP}}}\n",
    "command step": f"type: pipeline\njobs: {{fit: {STEP}}}\n",
    "component step": "type: pipeline\njobs: {fit: {type: command, component: ./part.yml}}\n",
    "sweep step": f"type: pipeline\njobs: {{fit: {{type: sweep, trial: {STEP}, {SWEEP}}}}}\n",
    "trial's step": f"type: pipeline\njobs: {{fit: {{type: sweep, trial: ./tried.yml, {SWEEP}}}}}\n",
}
"""None of them has code."""


def ran(**options: Any) -> Any:
    """A command that names a file."""
    return command(command="python train.py", environment=ENVIRONMENT, **options)


def searched(**options: Any) -> Any:
    """A sweep of it."""
    made = command(
        command="python train.py ${{inputs.a}}", environment=ENVIRONMENT, inputs={"a": 1}, **options
    )
    job = made(a=Choice([1, 2])).sweep(primary_metric="m", goal="maximize", sampling_algorithm="random")
    job.set_limits(max_total_trials=2)
    return job


def a_step(make: Any) -> Any:
    """A pipeline of what this makes, as the step `fit`."""

    def steps() -> None:
        named(make(), "fit")

    return pipeline_of(steps)


OBJECTS: dict[str, Callable[..., Any]] = {
    "command": ran,
    "sweep": searched,
    "command step": lambda **options: a_step(ran(**options)),
    "sweep step": lambda **options: a_step(lambda: searched(**options)),
}


@pytest.fixture
def here(source: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, which holds the script."""
    monkeypatch.chdir(source)
    part = "name: part\ntype: command\n"
    (source / "part.yml").write_text(part + NAMES)
    tried = "python train.py ${{inputs.a}}"
    (source / "tried.yml").write_text(
        f"{part}inputs: {{a: {{type: number}}}}\n" + NAMES.replace("python train.py", tried)
    )
    return source


def refused(fake: FakeAml, client: MLClient, job: Any) -> InvalidRequest:
    """Why it is, when it is planned; nothing was written."""
    with pytest.raises(InvalidRequest) as caught:
        plan(job, client=client)
    assert {call.method for call in fake.calls} <= {"GET", "HEAD"}
    assert caught.value.argument == "code"
    return caught.value


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("kind", OBJECTS)
def test_an_object_that_names_a_file_of_the_current_folder(
    fake_aml: FakeAml, client: MLClient, kind: str
) -> None:
    """It would fail on the node: it is asked about, with the step's name."""
    error = refused(fake_aml, client, OBJECTS[kind]())
    assert "The command names train.py, a file of the current folder, and no code" in error.message
    assert error.message.startswith("The step fit: ") is kind.endswith("step")
    assert error.hint == "Did you mean code='.'?"


@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_names_a_file_beside_it(
    fake_aml: FakeAml, client: MLClient, here: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Its paths begin where it stands, or where the component's file does: wherever one is."""
    monkeypatch.chdir(here.parent)
    (here / "job.yml").write_text(FILES[kind])
    error = refused(fake_aml, client, here / "job.yml")
    assert f"The command names train.py, a file of {here}, and no code" in error.message
    assert error.message.startswith("The step fit: ") is kind.endswith("step")
    assert "code: ." in error.hint


def test_one_that_was_loaded(fake_aml: FakeAml, client: MLClient, here: Path, tmp_path: Path) -> None:
    """The same of what the SDK made of a file: beside that one."""
    (here / "job.yml").write_text(NAMES)
    for job in (load_job(here / "job.yml"), a_step(load_component(here / "part.yml"))):
        assert "train.py" in refused(fake_aml, client, job).message
    for name in ("job.yml", "part.yml"):
        (here / name).rename(tmp_path / name)
    for job in (load_job(tmp_path / "job.yml"), a_step(load_component(tmp_path / "part.yml"))):
        assert plan(job, client=client).verified


@pytest.mark.parametrize(
    ("line", "file"),
    [
        ("python -m source.train --x 1", "source/train.py"),
        ("python3 -m tool", "tool/__main__.py"),
        ("cd source && python train.py", "source/train.py"),
        ("cd source; python -m train", "source/train.py"),
    ],
)
def test_a_module_and_a_folder_name_files_too(
    fake_aml: FakeAml, client: MLClient, here: Path, monkeypatch: pytest.MonkeyPatch, *, line: str, file: str
) -> None:
    """They wouldn't be found either."""
    monkeypatch.chdir(here.parent)
    here.rename(here.parent / "source")
    (here.parent / "tool").mkdir()
    (here.parent / "tool" / "__main__.py").touch()
    job = command(command=line, environment=ENVIRONMENT)
    assert f"names {file}, a file of the current folder" in refused(fake_aml, client, job).message


@pytest.mark.usefixtures("here")
def test_what_brings_its_files_is_not_asked(client: MLClient) -> None:
    """Code in the job, in the argument, a file that isn't there, or one that the command fetches itself."""
    assert submit(ran(code="."), client=client).name
    assert submit(ran(), code=".", client=client).name
    elsewhere = (
        "git clone x && cd x && python train.py",
        "cd /app && python train.py",
        "cd .. && ./train.py",
    )
    for line in ("python other.py", "python -m pip list", *elsewhere):
        assert plan(command(command=line, environment=ENVIRONMENT), client=client).verified


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("kind", OBJECTS)
def test_an_empty_text_as_code_of_an_object(fake_aml: FakeAml, client: MLClient, kind: str) -> None:
    """The SDK would upload all that is there, with repositories, caches and environments."""
    error = refused(fake_aml, client, OBJECTS[kind](code=""))
    assert "code is an empty text" in error.message
    assert error.message.startswith("The step fit: ") is kind.endswith("step")


@pytest.mark.parametrize("kind", FILES)
def test_an_empty_text_as_code_in_a_file(fake_aml: FakeAml, client: MLClient, here: Path, kind: str) -> None:
    """In the job's, and in a component's."""
    for path in (here / "job.yml", here / "part.yml", here / "tried.yml"):
        text = FILES[kind] if path.name == "job.yml" else path.read_text()
        text = text.replace(f"environment: {ENVIRONMENT}\n", f"environment: {ENVIRONMENT}\ncode: ''\n")
        path.write_text(
            text.replace(f"environment: '{ENVIRONMENT}'", f"environment: '{ENVIRONMENT}', code: ''")
        )
    error = refused(fake_aml, client, here / "job.yml")
    assert "code is an empty text" in error.message
