"""Names, texts, numbers and data that can't be what they are said to be: refused before anything is sent."""

from __future__ import annotations

import datetime as dt
import math
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from amlrun import Cluster, InvalidRequest, Needs, NotConfigured, Requeue
from amlrun._asking.given import Arguments
from amlrun._asking.request import Request, parse
from amlrun._asking.teamfile import parse_team

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HUGE = 10**400
"""A whole number that no float is near to."""
STORE = "azureml://datastores/workspaceblobstore"
NO_DATA = (
    *("azureml:", "azureml:x", "azureml:x:", "azureml:x@", "azureml://", "https://", "abfss:///x"),
    *("azureml://datastores", "azureml://datastores/", STORE, f"{STORE}/path/x"),
)
DATA = (
    *("azureml:x:1", "azureml:x@latest", "x.y:1", "data@latest", f"{STORE}/paths/x", f"{STORE}/paths"),
    *("azureml:/subscriptions/s/x", "azureml://registries/r/data/d/versions/1", "azureml://jobs/j/outputs/o"),
    *("https://a.blob.core.windows.net/c/p", "abfss://c@a.dfs.core.windows.net/p", "wasbs://c@a/p"),
)
NO_NAMES = ("", "a b", "a-b", "1a", "a.b", "é", "a\n")


def ask(job: Any = "echo", **options: Any) -> Request:
    """Parse a request for a command."""
    return parse(job, Arguments(environment="azureml:train:1", **options))


def refused(argument: str, call: Callable[[], Any]) -> None:
    """By the argument's name."""
    with pytest.raises(InvalidRequest) as caught:
        call()
    assert caught.value.argument == argument


@pytest.mark.parametrize("path", NO_DATA)
def test_data_without_a_version_or_a_place(path: str) -> None:
    """Which azure-ai-ml finds out when all code is uploaded; of an output, nobody does."""
    refused("inputs", lambda: ask(inputs={"a": {"type": "uri_folder", "path": path}}))
    refused("outputs", lambda: ask(outputs={"a": {"type": "uri_folder", "path": path}}))


@pytest.mark.parametrize("path", DATA)
def test_data_in_all_its_spellings(path: str) -> None:
    """Names with a version or a label, and URIs."""
    said = {"a": {"type": "uri_folder", "path": path}}
    assert ask(inputs=said).inputs == said


@pytest.mark.parametrize("path", ["azureml:x", "nowhere", "x" * 300, f"{STORE}/path/x"])
@pytest.mark.parametrize(
    "head", ["command: ls\nenvironment: azureml:e:1\n", "type: spark\nentry: {file: a.py}\n"]
)
def test_data_of_a_job_file(tmp_path: Path, head: str, path: str) -> None:
    """The same of what a job says itself, beside its file."""
    file = tmp_path / "folder" / "job.yml"
    file.parent.mkdir()
    file.write_text(f"{head}inputs: {{a: {{type: uri_folder, path: '{path}'}}}}\n")
    refused("inputs", lambda: parse(file, Arguments()))
    (file.parent / "there").mkdir()
    file.write_text(file.read_text().replace(path, "there"))
    assert parse(file, Arguments()).settings.inputs == {"a"}


@pytest.mark.parametrize("name", NO_NAMES)
@pytest.mark.parametrize("argument", ["inputs", "outputs"])
def test_names_to_which_no_command_can_be_bound(tmp_path: Path, argument: str, name: str) -> None:
    """Of arguments, and of job files."""
    refused(argument, lambda: ask(**{argument: {name: {"type": "uri_folder", "path": f"{STORE}/paths/x"}}}))
    (tmp_path / "job.yml").write_text(
        f'command: ls\nenvironment: azureml:e:1\n{argument}: {{"{name}": {{type: uri_folder}}}}\n'.replace(
            '\n"', '\\n"'
        )
    )
    refused(argument, lambda: parse(tmp_path / "job.yml", Arguments()))


@pytest.mark.parametrize("text", ["a\0b", "caf\udce9", "\ud800"])
def test_texts_that_nobody_else_can_read(text: str) -> None:
    """A null character, and bytes of this machine's that are no UTF-8, such as a variable may have."""
    refused("job", lambda: ask(f"echo {text}"))
    refused("display_name", lambda: ask(display_name=text))
    refused("inputs", lambda: ask(inputs={"a": text}))
    refused("inputs", lambda: ask(inputs={"a": {"type": "string", "default": text}}))
    for said in ({"a": text}, {text: "a"}):
        refused("tags", partial(ask, tags=said))
        refused("environment_variables", partial(ask, environment_variables=said))


@pytest.mark.parametrize("value", [b"x", bytearray(b"x"), object(), print, pytest, dt])
def test_what_has_no_text_of_its_own(value: object) -> None:
    """It would leave as Python shows it."""
    refused("tags", lambda: ask(tags={"a": value}))
    refused("environment_variables", lambda: ask(environment_variables={"a": value}))


@pytest.mark.parametrize("value", [1, 1.5, True, dt.date(2026, 1, 1), "<x>"])
def test_what_has_one(value: object) -> None:
    """Numbers, dates, and any text."""
    assert ask(tags={"a": value}).tags == {"a": str(value)}


@pytest.mark.parametrize(
    "said",
    [
        HUGE,
        {"type": "integer", "default": "x"},
        {"type": "number", "default": [1]},
        {"type": "string", "default": [1]},
        {"type": "integer", "default": HUGE},
        {"type": "uri_folder", "path": 1},
        {"type": "uri_folder", "path": ["x"]},
    ],
)
def test_inputs_of_another_type(said: Any) -> None:
    """Than they say, or than any is."""
    refused("inputs", lambda: ask(inputs={"a": said}))


def test_an_enum_that_is_no_list_allows_all() -> None:
    """It is left out of the job, as azure-ai-ml has it, and the value is what counts."""
    assert ask(inputs={"a": {"type": "integer", "default": 5, "enum": 3}}).inputs == {"a": 5}


@pytest.mark.parametrize("argument", ["cpus", "memory_gb", "gpus", "instance_count", "timeout"])
def test_a_number_beyond_all(argument: str) -> None:
    """It is wrong as a text is."""
    refused(argument, lambda: ask(**{argument: HUGE}))


def test_settings_with_a_number_beyond_all() -> None:
    """Of a policy, of needs, of a cluster."""
    refused("requeue.max_cost", lambda: Requeue(max_cost=HUGE))
    refused("disk_gb", lambda: Needs(disk_gb=HUGE))
    refused("compute.idle", lambda: Cluster("cpus", size="Standard_DS3_v2", idle=HUGE))


@pytest.mark.parametrize("long", [1e300, dt.timedelta(days=400), math.inf])
def test_a_timeout_longer_than_any_job(tmp_path: Path, long: Any) -> None:
    """It would be no limit; said as an argument, in a job file, by the team."""
    refused("timeout", lambda: ask(timeout=long))
    seconds = long.total_seconds() if isinstance(long, dt.timedelta) else long
    (tmp_path / "job.yml").write_text(f"command: ls\nlimits: {{timeout: {seconds!r}}}\n")
    refused("timeout", lambda: ask(tmp_path / "job.yml"))
    with pytest.raises(NotConfigured, match=r"line 2: timeout = .*a year at most"):
        parse_team(f"[defaults]\ntimeout = {seconds!r}\n", "amlrun.toml")
    assert ask(timeout=dt.timedelta(days=90)).timeout == 90 * 86400


@pytest.mark.parametrize(
    "said",
    [
        {"name": "x y"},
        {"name": "x.y"},
        {"name": ""},
        {"name": 1},
        {"name": "x", "version": 3},
        {"version": "3"},
    ],
)
def test_an_output_that_is_registered(said: dict[str, Any]) -> None:
    """Under a name, and a version if one is said, both texts: found out when all is uploaded, or not."""
    refused("outputs", lambda: ask(outputs={"a": {"type": "uri_folder", **said}}))
    good = {"type": "uri_folder", "name": "x-1_a", "version": "3.1"}
    assert ask(outputs={"a": good}).outputs == {"a": good}
