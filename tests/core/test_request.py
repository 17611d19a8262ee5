"""Arguments of `submit`: what is refused before anything is uploaded, and what wins over what."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from amlrun import InvalidRequest, Managed, Needs, Requeue
from amlrun._arguments import Options
from amlrun._identity import Identity, IdentityKind
from amlrun._offers import Tier
from amlrun._request import Arguments, Request, parse

if TYPE_CHECKING:
    from pathlib import Path

ENVIRONMENT = "azureml:train:1"


def ask(job: Any = "echo hello", **options: Any) -> Request:
    """Parse a request for a job that has all that it needs."""
    if isinstance(job, str) and not job.endswith(".yml"):
        options.setdefault("environment", ENVIRONMENT)
    return parse(job, Arguments(**options))


def write(folder: Path, text: str) -> Path:
    """Write a job file."""
    path = folder / "job.yml"
    path.write_text(text)
    return path


def test_every_typed_option_is_an_argument_and_the_reverse() -> None:
    """The names that a type checker accepts are the names that are read."""
    assert set(Options.__annotations__) == set(Arguments.__annotations__)


@pytest.mark.parametrize(
    ("options", "argument"),
    [
        ({"instance_count": 0}, "instance_count"),
        ({"instance_count": "2"}, "instance_count"),
        ({"instance_count": True}, "instance_count"),
        ({"tier": "cheap"}, "tier"),
        ({"tier": 1}, "tier"),
        ({"instance_type": []}, "instance_type"),
        ({"instance_type": 4}, "instance_type"),
        ({"instance_type": [" "]}, "instance_type"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": "1h"}, "timeout"),
        ({"timeout": dt.timedelta(0)}, "timeout"),
        ({"name": "-x"}, "name"),
        ({"name": "a" * 250}, "name"),
        ({"name": 3}, "name"),
        ({"identity": "me"}, "identity"),
        ({"identity": "user:11111111-1111-1111-1111-111111111111"}, "identity"),
        ({"identity": "managed:not-a-guid"}, "identity"),
        ({"requeue": True}, "requeue"),
        ({"requeue": 3}, "requeue"),
        ({"inputs": ["a"]}, "inputs"),
        ({"tags": {1: "a"}}, "tags"),
        ({"environment_variables": {"A": "${{inputs.a}}"}}, "environment_variables"),
        ({"code": "no-such-folder"}, "code"),
        ({"code": 4}, "code"),
        ({"needs": {"cpus": 4}}, "needs"),
        ({"needs": Needs(cpus=4), "cpus": 8}, "cpus"),
        ({"gpus": "A100"}, "gpus"),
        ({"gpu": 1}, "gpu"),
        ({"compute": ["a"]}, "compute"),
        ({"compute": " "}, "compute"),
        ({"display_name": ""}, "display_name"),
    ],
)
def test_what_cannot_be_applied_is_refused_by_name(options: dict[str, Any], argument: str) -> None:
    """The error names the argument that is wrong."""
    with pytest.raises(InvalidRequest) as caught:
        ask(**options)
    assert caught.value.argument == argument


def test_needs_and_arguments_add_up() -> None:
    """What `needs` leaves open an argument may say."""
    assert ask(needs=Needs(cpus=4), memory_gb=14).ask.needs == Needs(cpus=4, memory_gb=14)


def test_none_is_no_job() -> None:
    """`submit(None)` is a mistake, never "this script"."""
    with pytest.raises(InvalidRequest, match=r"submit\(None\)"):
        ask(None)


def test_an_object_that_is_no_job_is_refused() -> None:
    """The error lists what a job can be."""
    with pytest.raises(InvalidRequest, match="is not one") as caught:
        ask(42)
    assert "command line" in caught.value.hint


def test_an_empty_command_is_refused() -> None:
    """A blank string is no job."""
    with pytest.raises(InvalidRequest, match="empty"):
        ask("  ")


def test_a_command_needs_an_environment() -> None:
    """The hint shows one that can be used as it is."""
    with pytest.raises(InvalidRequest) as caught:
        parse("python train.py", Arguments())
    assert caught.value.argument == "environment"
    assert "azureml://registries/azureml/environments/" in caught.value.hint


def test_a_file_of_the_current_folder_without_code_is_a_question(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script that nothing would upload is asked about; one that comes along is not."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").touch()
    with pytest.raises(InvalidRequest) as caught:
        ask("python train.py --epochs 3")
    assert caught.value.hint == "Did you mean code='.'?"
    assert ask("python other.py").code is None
    assert ask("python train.py", code=".").code == str(tmp_path.resolve())


def test_an_empty_code_folder_is_refused(tmp_path: Path) -> None:
    """There would be nothing to run."""
    with pytest.raises(InvalidRequest, match="empty"):
        ask(code=tmp_path)


def test_code_that_is_somewhere_else_already_is_taken_as_it_is() -> None:
    """The id of a snapshot names no local folder."""
    assert ask(code="azureml:snapshot:1").code == "azureml:snapshot:1"


@pytest.mark.parametrize("place", ["inputs", "outputs"])
def test_a_binding_to_nothing_is_refused(place: str) -> None:
    """The service would run the job with the literal text; the names that are there are told."""
    with pytest.raises(InvalidRequest, match=rf"{place}\.data") as caught:
        ask(f"echo ${{{{{place}.data}}}}", **{place: {"other": 1}})
    assert (caught.value.argument, "other" in caught.value.hint) == (place, True)


def test_a_binding_to_an_argument_is_fine() -> None:
    """Inputs and outputs given as arguments count."""
    request = ask(
        "echo ${{inputs.a}} ${{ outputs.b }}", inputs={"a": 1}, outputs={"b": {"type": "uri_folder"}}
    )
    assert (dict(request.inputs), set(request.outputs)) == ({"a": 1}, {"b"})


def test_tiers_in_any_case() -> None:
    """`Spot` is `spot`."""
    assert ask(tier="SPOT").ask.tier is Tier.SPOT


def test_spot_is_requeued_and_dedicated_is_not_unless_asked() -> None:
    """The default policy is for nodes that are taken away; an argument wins over it."""
    assert ask(tier="spot").requeue == Requeue()
    assert ask(tier="auto").requeue == Requeue()
    assert ask().requeue is None
    assert ask(tier="spot", requeue=False).requeue is None
    assert ask(requeue=Requeue(user_errors=1)).requeue == Requeue(user_errors=1)


@pytest.mark.parametrize("spelling", ["serverless", "Serverless", "azureml:serverless", None])
def test_serverless_in_any_spelling(spelling: str | None) -> None:
    """All of them mean: no compute."""
    assert ask(compute=spelling).ask.compute is None


@pytest.mark.parametrize(
    "spelling", ["gpu-cluster", "azureml:gpu-cluster", "/subscriptions/s/x/computes/gpu-cluster"]
)
def test_a_cluster_in_any_spelling(spelling: str) -> None:
    """The cluster's own name comes out."""
    assert ask(compute=spelling).ask.compute == "gpu-cluster"


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("user", Identity(IdentityKind.USER)),
        ("Managed", Identity(IdentityKind.MANAGED)),
        ("token", Identity(IdentityKind.TOKEN)),
        (
            "managed:11111111-1111-1111-1111-111111111111",
            Identity(IdentityKind.MANAGED, "11111111-1111-1111-1111-111111111111"),
        ),
        (
            Managed(client_id="11111111-1111-1111-1111-111111111111"),
            Identity(IdentityKind.MANAGED, "11111111-1111-1111-1111-111111111111"),
        ),
        (None, None),
    ],
)
def test_identities(said: Any, meant: Identity | None) -> None:
    """Words, a `Managed`, or nothing."""
    assert ask(identity=said).identity == meant


def test_the_settings_of_a_job_file_are_read_and_arguments_win(tmp_path: Path) -> None:
    """Size, count, tier, compute, name and timeout of the file hold until an argument says otherwise."""
    path = write(
        tmp_path,
        """
command: echo ${{inputs.a}} > ${{outputs.b}}/x
inputs: {a: 3}
outputs: {b: }
name: from-file
compute: azureml:cpu-cluster
resources: {instance_type: Standard_DS3_v2, instance_count: 2}
queue_settings: {job_tier: Spot}
limits: {timeout: 60}
environment: {image: library/python}
""",
    )
    request = ask(str(path))
    assert (request.ask.compute, request.ask.nodes, request.ask.tier) == ("cpu-cluster", 2, Tier.SPOT)
    assert (request.ask.instance_types, request.name, request.timeout) == (
        ("Standard_DS3_v2",),
        "from-file",
        60,
    )
    request = ask(path, compute="serverless", instance_count=1, tier="standard", name="mine", timeout=5)
    assert (request.ask.compute, request.ask.nodes, request.ask.tier) == (None, 1, Tier.STANDARD)
    assert (request.name, request.timeout) == ("mine", 5)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("command: [1, 2\nx: 3\n", r"job\.yml, line \d: not YAML"),
        ("environment: x\n", "line 1: a command job needs a command"),
        ("- a\n- b\n", "line 1: a job file holds a mapping"),
        ("x: 1\ncommand: 3\n", "line 2: a command job needs a command"),
        ("command: ls\ninputs: 3\n", "line 2: inputs holds a mapping"),
    ],
)
def test_a_job_file_that_cannot_be_read_says_where(tmp_path: Path, text: str, words: str) -> None:
    """The file and the line."""
    with pytest.raises(InvalidRequest, match=words):
        ask(write(tmp_path, text))


def test_a_job_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The path is in the message."""
    with pytest.raises(InvalidRequest, match=r"nowhere\.yml"):
        ask(tmp_path / "nowhere.yml")


def test_a_job_type_that_is_not_supported_is_refused(tmp_path: Path) -> None:
    """What is supported is said."""
    with pytest.raises(InvalidRequest, match="pipeline") as caught:
        ask(write(tmp_path, "type: pipeline\njobs: {}\n"))
    assert "command" in caught.value.hint


def test_a_job_file_whose_code_is_missing_is_refused(tmp_path: Path) -> None:
    """Its `code` is looked for beside the file; an argument replaces it."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "train.py").touch()
    path = write(tmp_path, "command: ls\ncode: src\n")
    with pytest.raises(InvalidRequest) as caught:
        ask(path)
    assert caught.value.argument == "code"
    assert ask(path, code=tmp_path / "elsewhere").code is not None
