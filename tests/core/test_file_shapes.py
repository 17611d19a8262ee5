"""Job files in which something else stands than what is read there: refused as such, with where it stands."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from amlrun import InvalidRequest
from amlrun._asking.given import Arguments
from amlrun._asking.request import Request, parse

if TYPE_CHECKING:
    from pathlib import Path

STORE = "azureml://datastores/workspaceblobstore/paths"
COMMAND: dict[str, Any] = {"command": "ls", "environment": "azureml:train:1"}
SWEEP: dict[str, Any] = {
    "type": "sweep",
    "trial": COMMAND,
    "search_space": {"a": {"type": "choice", "values": [1, 2]}},
    "limits": {"max_total_trials": 2, "timeout": 100, "trial_timeout": 10},
}
SPARK: dict[str, Any] = {
    "type": "spark",
    "entry": {"file": "main.py"},
    "conf": {"spark.driver.cores": 1, "spark.executor.cores": "2", "spark.executor.instances": 2},
}
PARALLEL: dict[str, Any] = {
    "type": "parallel",
    "task": {"entry_script": "a.py", "environment": "azureml:train:1"},
    "outputs": {"o": {"type": "uri_file"}},
}
AUTOML: dict[str, Any] = {"type": "automl", "task": "regression", "limits": {"max_nodes": 2}}
NO_MAPPINGS = ("text", ["x"], [[1]], True, 1.5, float("inf"), dt.date(2020, 1, 1), b"x")


def asked(folder: Path, job: Any, at: tuple[str, ...] = (), value: Any = None) -> Request:
    """Parse it as a job file, with another value in one place."""
    job = yaml.safe_load(yaml.safe_dump(job))
    part = job
    for key in at[:-1]:
        part = part.setdefault(key, {})
    if at:
        part[at[-1]] = value
    (folder / "job.yml").write_text(yaml.safe_dump(job, allow_unicode=True))
    return parse(folder / "job.yml", Arguments())


def check_refusal(folder: Path, job: Any, at: tuple[str, ...], value: Any, words: str) -> None:
    """It is refused with these words, alone and as a step."""
    with pytest.raises(InvalidRequest) as caught:
        asked(folder, {"type": "pipeline", "jobs": {"fit": job}}, ("jobs", "fit", *at), value)
    assert "The step fit" in caught.value.message
    assert words in caught.value.message
    if job["type"] != "parallel":
        with pytest.raises(InvalidRequest) as caught:
            asked(folder, job, at, value)
        assert words in caught.value.message
    assert caught.value.argument


@pytest.mark.parametrize("value", NO_MAPPINGS)
@pytest.mark.parametrize(
    ("job", "at"),
    [
        *((COMMAND, (key,)) for key in ("inputs", "outputs", "services", "tags", "distribution")),
        *((SWEEP, (key,)) for key in ("search_space", "limits", "resources")),
        *((SWEEP, ("trial", key)) for key in ("environment_variables", "inputs")),
        (SPARK, ("conf",)),
        (AUTOML, ("outputs",)),
        (PARALLEL, ("outputs",)),
    ],
)
def test_what_is_no_mapping(tmp_path: Path, job: dict[str, Any], at: tuple[str, ...], value: Any) -> None:
    """By its name."""
    check_refusal(tmp_path, {"type": "command", **job}, at, value, at[-1])


@pytest.mark.parametrize(
    ("job", "at", "value", "words"),
    [
        (COMMAND, ("environment_variables", "A"), {"a": 1}, "environment variable A is a dict"),
        (SWEEP, ("trial", "environment_variables", "A"), b"x", "environment variable A is a bytes"),
        (COMMAND, ("inputs", "x"), {"type": ["x"], "path": "nowhere"}, "inputs: x: there is no"),
        (COMMAND, ("outputs", "o"), 3, "outputs: o is an int"),
        (SPARK, ("outputs", "o"), {"type": "uri_folder", "path": ".."}, "outputs: o has a path that is no"),
        (SWEEP, ("outputs", "o"), {"type": "uri_folder", "path": "out"}, "outputs: o has a path that is no"),
        (PARALLEL, ("outputs", "o", "path"), "./out", "outputs: o has a path that is no place"),
        (SWEEP, ("trial", "command"), " ", "command is empty"),
        (SWEEP, ("limits", "trial_timeout"), 0, "limits.trial_timeout is 0"),
        (SPARK, ("entry", "file"), "", "entry names no file"),
        (SPARK, ("conf", "spark.executor.instances"), "many", "spark.executor.instances is 'many'"),
        (SPARK, ("conf", "spark.driver.cores"), True, "spark.driver.cores is True"),
    ],
)
def test_what_is_none_of_the_values(
    tmp_path: Path, job: dict[str, Any], at: tuple[str, ...], value: Any, words: str
) -> None:
    """What azure-ai-ml takes, drops, or fails at in words of its own."""
    check_refusal(tmp_path, {"type": "command", **job}, at, value, words)


@pytest.mark.parametrize("value", [True, dt.date(2020, 1, 1), 5])
def test_arguments_of_docker_that_are_none(tmp_path: Path, value: Any) -> None:
    """They are looked through for secrets, which these don't hold."""
    assert (
        asked(tmp_path, COMMAND, ("resources", "docker_args"), value).warnings
        == asked(tmp_path, COMMAND).warnings
    )


def test_no_number_of_nodes(tmp_path: Path) -> None:
    """Which azure-ai-ml refuses."""
    assert asked(tmp_path, AUTOML, ("limits", "max_nodes"), float("inf")).ask.nodes == 1


@pytest.mark.parametrize("job", [COMMAND, SWEEP, SPARK, AUTOML])
def test_they_are_taken_as_they_are(tmp_path: Path, job: dict[str, Any]) -> None:
    """So it is the one value that each of these refuses."""
    asked(tmp_path, job)
    asked(tmp_path, job, ("outputs", "o"), {"type": "uri_folder", "path": f"{STORE}/o"})
    asked(tmp_path, {"type": "pipeline", "jobs": {"fit": {"type": "command", **job}}})
