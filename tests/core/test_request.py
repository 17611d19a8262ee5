"""Arguments of `submit`: what is refused before anything is uploaded, and what wins over what."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from amlrun import Cluster, InvalidRequest, Managed, Needs, Requeue
from amlrun._asking.given import Arguments
from amlrun._asking.request import Request, parse
from amlrun._identity import Identity, IdentityKind
from amlrun._offers import Tier

ENVIRONMENT = "azureml:train:1"


TRAINER = (
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/trainer"
)


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
        ({"identity": "managed:no name"}, "identity"),
        ({"requeue": True}, "requeue"),
        ({"requeue": 3}, "requeue"),
        ({"inputs": ["a"]}, "inputs"),
        ({"tags": {1: "a"}}, "tags"),
        ({"tags": {"k" * 101: "a"}}, "tags"),
        ({"tags": {"k": "a" * 1001}}, "tags"),
        ({"tags": {f"k{number}": "a" for number in range(49)}}, "tags"),
        ({"outputs": {"amlrun_checkpoints": {"type": "uri_folder"}}}, "outputs"),
        ({"environment_variables": {"AMLRUN_ATTEMPT": "3"}}, "environment_variables"),
        ({"timeout": float("nan")}, "timeout"),
        ({"environment": "train"}, "environment"),
        ({"environment": "azureml:train"}, "environment"),
        ({"environment": "mcr.microsoft.com/foo:1"}, "environment"),
        ({"environment": 5}, "environment"),
        ({"environment_variables": {"A B": "c"}}, "environment_variables"),
        ({"environment_variables": {"": "c"}}, "environment_variables"),
        ({"environment_variables": {"A": "\0"}}, "environment_variables"),
        ({"inputs": {"x": None}}, "inputs"),
        ({"inputs": {"x": {"type": "number", "value": 3}}}, "inputs"),
        ({"inputs": {"x": Path("src")}}, "inputs"),
        ({"inputs": {"x": {"type": "uri_fil", "path": "https://x"}}}, "inputs"),
        ({"inputs": {"x": {"type": "uri_file", "path": "nowhere.csv"}}}, "inputs"),
        ({"outputs": {"x": "uri_folder"}}, "outputs"),
        ({"outputs": {"x": {"type": "folder"}}}, "outputs"),
        ({"timeout": float("inf")}, "timeout"),
        ({"environment_variables": {"A": "${{inputs.a}}"}}, "environment_variables"),
        ({"code": "no-such-folder"}, "code"),
        ({"code": 4}, "code"),
        ({"needs": {"cpus": 4}}, "needs"),
        ({"needs": Needs(cpus=4), "cpus": 8}, "cpus"),
        ({"gpus": "A100"}, "gpus"),
        ({"gpu": 1}, "gpu"),
        ({"compute": {"a": 1}}, "compute"),
        ({"compute": " "}, "compute"),
        ({"display_name": ""}, "display_name"),
        ({"experiment_name": "/"}, "experiment_name"),
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
    with pytest.raises(InvalidRequest, match="job=None: there is no job"):
        ask(None)


def test_an_object_that_is_no_job_is_refused() -> None:
    """The error lists what a job can be."""
    with pytest.raises(InvalidRequest, match="is not one") as caught:
        ask(42)
    assert "command line" in caught.value.hint


def test_a_conda_file_is_no_environment_yet() -> None:
    """An environment is made of it; that it were the name of one is never asked."""
    with pytest.raises(InvalidRequest, match="is not one: a conda file") as caught:
        ask(environment="env.yml")
    assert caught.value.hint == "Environment(image=…, conda_file='env.yml') of azure.ai.ml.entities."


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
    snapshot = "/subscriptions/s/resourceGroups/g/providers/p/workspaces/w/codes/c/versions/1"
    assert ask(code=f"azureml:{snapshot}").code == ask(code=snapshot).code == snapshot
    folder = "https://acme.blob.core.windows.net/code/src"
    assert ask(code=folder).code == folder


@pytest.mark.parametrize(
    "code", ["azureml:snapshot:1", "azureml:", "azureml://registries/r/codes/c/versions/1", "https://a/"]
)
def test_what_is_neither_a_folder_nor_a_snapshot_is_no_code(code: str) -> None:
    """azure-ai-ml takes none of these, whatever the job."""
    with pytest.raises(InvalidRequest, match="not the id of a snapshot") as caught:
        ask(code=code)
    assert caught.value.argument == "code"


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
    """The default is for nodes that are taken away, wherever they are; an argument wins over it."""
    assert ask().policy(Tier.SPOT) == Requeue()
    assert ask(tier="auto").policy(Tier.STANDARD) is None
    assert ask(tier="spot", requeue=False).policy(Tier.SPOT) is None
    mine = Requeue(user_errors=1)
    assert ask(requeue=mine).policy(Tier.STANDARD) == mine


def test_a_cluster_by_its_id_says_of_which_workspace() -> None:
    """So that one of another workspace is not taken for ours of the same name."""
    workspace = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"
    assert ask(compute=f"{workspace}/computes/c").compute_id == f"{workspace}/computes/c"
    assert ask(compute="c").compute_id == ""


def test_the_name_of_a_script_is_no_command() -> None:
    """No shell would find it; a program that is there by its path is one."""
    for name in ("train.py", " src/train.py "):
        with pytest.raises(InvalidRequest) as caught:
            ask(name)
        assert caught.value.hint == f'Did you mean "python {name.strip()}"?'
    assert ask("./train.py").source == "./train.py"


def test_needs_are_said_by_a_value_of_their_own() -> None:
    """A dict is not one: how it is written is told."""
    with pytest.raises(InvalidRequest, match="a Needs") as caught:
        ask(needs={"gpus": 1})
    assert caught.value.hint.startswith("needs=Needs(gpus=1")


def test_values_of_variables_are_never_told() -> None:
    """They may be secrets."""
    for wrong in ({1: "hunter2"}, ["hunter2"], {"A": None, "B": "hunter2"}):
        with pytest.raises(InvalidRequest) as caught:
            ask(environment_variables=wrong)
        assert "hunter2" not in str(caught.value)


def test_any_mapping_will_do() -> None:
    """Not dicts alone."""
    assert ask(environment_variables=MappingProxyType({"A": 1})).environment_variables == {"A": "1"}


@pytest.mark.parametrize("spelling", ["serverless", "Serverless", "azureml:serverless"])
def test_serverless_in_any_spelling(spelling: str) -> None:
    """All of them mean: serverless, and no cluster in its stead."""
    assert ask(compute=spelling).ask.computes == ("serverless",)
    assert ask(compute=None).ask.computes == ()


@pytest.mark.parametrize(
    "spelling", ["gpu-cluster", "azureml:gpu-cluster", "/subscriptions/s/x/computes/gpu-cluster"]
)
def test_a_cluster_in_any_spelling(spelling: str) -> None:
    """The cluster's own name comes out."""
    assert ask(compute=spelling).ask.computes == ("gpu-cluster",)


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
        ("managed: trainer", Identity(IdentityKind.MANAGED, name="trainer")),
        (Managed(name="trainer"), Identity(IdentityKind.MANAGED, name="trainer")),
        (f"managed:{TRAINER}", Identity(IdentityKind.MANAGED, resource_id=TRAINER)),
        (Managed(name=TRAINER), Identity(IdentityKind.MANAGED, resource_id=TRAINER)),
        (None, None),
    ],
)
def test_identities(said: Any, meant: Identity | None) -> None:
    """Words, a `Managed`, or nothing."""
    assert ask(identity=said).ask.identity == meant


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
    assert (request.ask.computes, request.ask.nodes, request.ask.tier) == (("cpu-cluster",), 2, Tier.SPOT)
    assert (request.ask.instance_types, request.name, request.timeout) == (
        ("Standard_DS3_v2",),
        "from-file",
        60,
    )
    request = ask(path, compute="serverless", instance_count=1, tier="standard", name="mine", timeout=5)
    assert (request.ask.computes, request.ask.nodes, request.ask.tier) == (("serverless",), 1, Tier.STANDARD)
    assert (request.name, request.timeout) == ("mine", 5)


def test_a_job_file_names_one_compute(tmp_path: Path) -> None:
    """Lists and clusters are arguments: in the file nobody else would understand them."""
    path = write(tmp_path, "command: ls\ncompute: [gpu, serverless]\nenvironment: {image: python}\n")
    with pytest.raises(InvalidRequest, match="there it can be a name only"):
        ask(path)
    gpu = Cluster("gpu", max=2)
    asked = ask(path, compute=[gpu, "serverless"]).ask
    assert (asked.computes, asked.creates) == (("gpu", "serverless"), (gpu,))


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


def test_a_path_that_is_no_job_file_is_told(tmp_path: Path) -> None:
    """A script is a command."""
    with pytest.raises(InvalidRequest, match="no job file") as caught:
        ask(tmp_path / "train.py")
    assert caught.value.hint == 'A script is a command: "python train.py".'


@pytest.mark.parametrize(
    "environment",
    [
        "azureml:train:1",
        "train:1",
        "train@latest",
        "azureml:train@latest",
        "azureml://registries/azureml/environments/sklearn-1.5/labels/latest",
        "/subscriptions/s/x/environments/train/versions/1",
    ],
)
def test_environments_in_their_spellings(environment: str) -> None:
    """By name and version, by label, by id, from a registry."""
    assert ask(environment=environment).environment == environment


def test_data_in_its_forms(tmp_path: Path) -> None:
    """Literals, dicts, entities of the SDK; a local path that is there."""
    from azure.ai.ml import Input, Output

    (tmp_path / "data.csv").touch()
    inputs: dict[str, Any] = {
        "a": 1,
        "b": "text",
        "c": {"type": "uri_file", "path": "data.csv"},
        "d": Input(type="uri_folder", path="azureml:data:1"),
        "e": {"type": "uri_file", "path": "azureml://datastores/d/paths/x"},
    }
    outputs: dict[str, Any] = {"x": {"type": "uri_folder"}, "y": Output(type="uri_file")}
    inputs["f"] = {"type": "uri_folder", "path": "data:1"}
    inputs["g"] = {"type": "number", "default": 0.1}
    inputs["h"] = Input(type="integer", default=3)
    outputs.update({"p": {}, "q": {"mode": "upload"}, "r": None})
    request = ask(inputs=inputs, outputs=outputs)
    assert (set(request.inputs), set(request.outputs)) == (set(inputs), set(outputs))
    assert (request.inputs["g"], request.inputs["h"]) == (0.1, 3)


def test_a_job_file_without_an_environment_takes_the_arguments(tmp_path: Path) -> None:
    """And is refused without one."""
    path = write(tmp_path, "command: ls\n")
    assert ask(path, environment=ENVIRONMENT).environment == ENVIRONMENT
    with pytest.raises(InvalidRequest) as caught:
        ask(path)
    assert caught.value.argument == "environment"


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
    path = write(tmp_path, "command: ls\ncode: src\nenvironment: azureml:e:1\n")
    with pytest.raises(InvalidRequest) as caught:
        ask(path)
    assert caught.value.argument == "code"
    assert ask(path, code=tmp_path / "elsewhere").code is not None
