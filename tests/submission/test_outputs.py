"""`run.outputs` and `run.download`: the last attempt's, whole, and never a quiet empty folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.ml import Input, Output, command, dsl
from azure.ai.ml.entities import AzureBlobDatastore, AzureDataLakeGen2Datastore, SasTokenConfiguration
from azure.ai.ml.sweep import Uniform

from amlrun import InvalidRequest, NotAuthorized, OutputNotFound, ServiceError, attach, submit
from amlrun.testing import Answer, Forbidden, InternalError
from tests.submission.runs import ENVIRONMENT, spot
from tests.submission.scripts import runs_scripts

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

    from amlrun import Run
    from amlrun.testing import FakeAml

FOLDER = Output(type="uri_folder")
decorated: Any = dsl.pipeline


def files(folder: Path) -> dict[str, str]:
    """What is in a folder, by path."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_text() for path in found}


def trained(fake: FakeAml, client: MLClient, **outputs: Output) -> Run:
    """A run that is over, with these outputs; nothing is in them yet."""
    run = submit("python train.py", environment=ENVIRONMENT, cpus=4, outputs=outputs, client=client)
    fake.advance(hours=1)
    return run.refresh()


def test_a_named_output_comes(fake_aml: FakeAml, client: MLClient, tmp_path: Path) -> None:
    """Its files as they were written, in the folder that is said; those of other outputs stay."""
    run = trained(fake_aml, client, model=FOLDER, model2=FOLDER)
    fake_aml.output(run.name, "w.bin", "weights", output="model")
    fake_aml.output(run.name, "deep/er.txt", "text", output="model")
    fake_aml.output(run.name, "other.txt", "no", output="model2")
    assert run.download("model", tmp_path / "got") == tmp_path / "got"
    assert files(tmp_path / "got") == {"w.bin": "weights", "deep/er.txt": "text"}


def test_with_no_name_the_codes_own_outputs_come(
    fake_aml: FakeAml, client: MLClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it left in `outputs/`, without logs; in a folder of the run's name, if none is said."""
    monkeypatch.chdir(tmp_path)
    run = trained(fake_aml, client)
    fake_aml.output(run.name, "outputs/scores.json", "{}")
    fake_aml.output(run.name, "user_logs/more.txt", "log")
    assert run.download() == Path(run.name) / "outputs"
    assert files(tmp_path) == {f"{run.name}/outputs/scores.json": "{}"}


def test_the_last_attempts_outputs_come(fake_aml: FakeAml, client: MLClient, tmp_path: Path) -> None:
    """Also where another watcher has sent it; those of the first, whose name is a part of it, stay."""
    run = spot(client, outputs={"model": FOLDER})
    fake_aml.preempt(run.name)
    attach(run.name, client=client).wait()
    for name in (run.name, f"{run.name}-a2"):
        fake_aml.output(name, "outputs/who.txt", name)
        fake_aml.output(name, "w.txt", name, output="model")
    run.download(to=tmp_path / "own")
    run.download("model", tmp_path / "model")
    assert files(tmp_path) == {"own/who.txt": f"{run.name}-a2", "model/w.txt": f"{run.name}-a2"}
    assert set(run.outputs) == {"default", "model"}
    assert run.outputs["model"].endswith(f"/azureml/{run.name}-a2/model/")


def test_what_only_begins_with_the_same_name_stays(
    fake_aml: FakeAml, client: MLClient, tmp_path: Path
) -> None:
    """Folders of storage are names with slashes: `x` is no part of `x-2`."""
    run, other = (
        submit("ls", environment=ENVIRONMENT, name=name, client=client) for name in ("train", "train-2")
    )
    fake_aml.advance(hours=1)
    fake_aml.output(other.name, "outputs/theirs.txt", "no")
    fake_aml.output(run.name, "outputs-2/no.txt", "no")
    with pytest.raises(OutputNotFound):
        run.download(to=tmp_path)
    fake_aml.output(run.name, "outputs/mine.txt", "yes")
    run.download(to=tmp_path)
    assert files(tmp_path) == {"mine.txt": "yes"}


def test_nothing_that_came_is_an_error(fake_aml: FakeAml, client: MLClient, tmp_path: Path) -> None:
    """With where it was looked for, the job's state and its outputs; no folder is left behind."""
    run = trained(fake_aml, client, model=FOLDER)
    with pytest.raises(OutputNotFound, match="which is Completed") as caught:
        run.download("model", tmp_path / "got")
    assert (caught.value.name, caught.value.names) == ("model", ("model",))
    assert caught.value.uri == run.outputs["model"]
    assert caught.value.uri in caught.value.hint
    with pytest.raises(OutputNotFound, match="its folder outputs/"):
        run.download(to=tmp_path / "got")
    assert not (tmp_path / "got").exists()


def test_an_output_that_the_run_does_not_have(fake_aml: FakeAml, client: MLClient, tmp_path: Path) -> None:
    """Those that it has are named."""
    run = trained(fake_aml, client, model=FOLDER)
    with pytest.raises(OutputNotFound, match="has no output modle") as caught:
        run.download("modle", tmp_path)
    assert "model" in caught.value.hint
    with pytest.raises(OutputNotFound, match="It has no named outputs"):
        trained(fake_aml, client).download("model", tmp_path)


def test_places_of_their_own(fake_aml: FakeAml, client: MLClient, tmp_path: Path) -> None:
    """Folders and files in a datastore that was made, with the job's name in the path; a data lake, too."""
    client.datastores.create_or_update(
        AzureBlobDatastore(name="mine", account_name="account", container_name="container")
    )
    client.datastores.create_or_update(
        AzureDataLakeGen2Datastore(name="lake", account_name="lakes", filesystem="deep")
    )
    run = trained(
        fake_aml,
        client,
        a=Output(type="uri_folder", path="azureml://datastores/mine/paths/runs/${{name}}/"),
        b=Output(type="uri_file", path="azureml://datastores/mine/paths/table.csv"),
        c=Output(type="mltable", path="azureml://datastores/lake/paths/x"),
        d=Output(type="custom_model"),
    )
    assert run.outputs["a"] == f"azureml://datastores/mine/paths/runs/{run.name}/"
    fake_aml.output(run.name, "one.txt", "1", output="a")
    fake_aml.output(run.name, "", "a,b", output="b")
    fake_aml.output(run.name, "two.txt", "2", output="c")
    fake_aml.output(run.name, "w.bin", "3", output="d")
    for name in "abcd":
        run.download(name, tmp_path / name)
    assert files(tmp_path) == {"a/one.txt": "1", "b/table.csv": "a,b", "c/two.txt": "2", "d/w.bin": "3"}


def test_a_datastore_that_a_signature_opens(fake_aml: FakeAml, client: MLClient, tmp_path: Path) -> None:
    """Its own one, which nobody sees."""
    opens = SasTokenConfiguration(sas_token="sv=1&sig=mine")  # noqa: S106 - it opens nothing
    client.datastores.create_or_update(
        AzureBlobDatastore(
            name="signed", account_name="account", container_name="container", credentials=opens
        )
    )
    place = Output(type="uri_folder", path="azureml://datastores/signed/paths/x")
    run = trained(fake_aml, client, model=place)
    fake_aml.output(run.name, "w.bin", "1", output="model")
    run.download("model", tmp_path)
    assert files(tmp_path) == {"w.bin": "1"}
    assert "sig=mine" not in str(run.outputs)


def test_a_file_that_would_leave_its_folder_is_refused(
    fake_aml: FakeAml, client: MLClient, tmp_path: Path
) -> None:
    """Storage takes any name."""
    run = trained(fake_aml, client)
    fake_aml.output(run.name, "outputs/a/../../x", "no")
    with pytest.raises(ServiceError, match="leads out of its folder"):
        run.download(to=tmp_path / "got")
    assert files(tmp_path) == {}


def test_what_is_in_no_datastore_is_refused(fake_aml: FakeAml, client: MLClient, tmp_path: Path) -> None:
    """With what can bring it."""
    run = trained(fake_aml, client, far=Output(type="uri_folder", path="https://x.invalid/there"))
    with pytest.raises(InvalidRequest, match="in no datastore"):
        run.download("far", tmp_path)
    run = trained(
        fake_aml,
        client,
        share=Output(type="uri_folder", path="azureml://datastores/workspacefilestore/paths/x"),
    )
    with pytest.raises(InvalidRequest, match="AzureFile"):
        run.download("share", tmp_path)


def test_a_folder_that_is_there_keeps_what_is_in_it(
    fake_aml: FakeAml, client: MLClient, tmp_path: Path
) -> None:
    """Files of the same path are replaced; a file in the folder's place is refused."""
    run = trained(fake_aml, client)
    fake_aml.output(run.name, "outputs/scores.json", "new")
    (tmp_path / "scores.json").write_text("old")
    (tmp_path / "mine.txt").write_text("mine")
    run.download(to=tmp_path)
    assert files(tmp_path) == {"scores.json": "new", "mine.txt": "mine"}
    with pytest.raises(InvalidRequest, match=r"is no folder$"):
        run.download(to=tmp_path / "mine.txt")
    with pytest.raises(InvalidRequest, match=r"is no folder: .*mine\.txt' is a file"):
        run.download(to=tmp_path / "mine.txt" / "below")
    before = len(fake_aml.calls)
    wrong: Any = 3
    for given in ({"name": wrong}, {"to": wrong}):
        with pytest.raises(InvalidRequest, match="=3") as caught:
            run.download(**given)
        assert caught.value.argument in given
    assert len(fake_aml.calls) == before


def test_a_download_that_broke_off_goes_on(fake_aml: FakeAml, client: MLClient, tmp_path: Path) -> None:
    """The error says how many files have come; each is whole, and none of them is brought again."""
    run = trained(fake_aml, client)
    for number in range(3):
        fake_aml.output(run.name, f"outputs/{number}.txt", str(number))
    place = "GET /{container}/{+name}"
    fake_aml.inject(InternalError(), on=place, name="*/1.txt", times=20)
    with pytest.raises(ServiceError, match="1 files have come") as caught:
        run.download(to=tmp_path)
    assert caught.value.status == 500
    fake_aml.forget_faults()
    assert files(tmp_path) == {"0.txt": "0"}
    before = len(fake_aml.calls)
    run.download(to=tmp_path)
    assert files(tmp_path) == {"0.txt": "0", "1.txt": "1", "2.txt": "2"}
    brought = [call for call in fake_aml.calls[before:] if call.path.endswith(".txt")]
    assert len(brought) == 2
    fake_aml.advance(hours=1)
    fake_aml.output(run.name, "outputs/0.txt", "anew")
    os.utime(tmp_path / "0.txt")
    run.download(to=tmp_path)
    assert files(tmp_path)["0.txt"] == "anew"


def test_without_the_datastores_secret_the_account_itself_is_asked(
    fake_aml: FakeAml, client: MLClient, tmp_path: Path
) -> None:
    """It may have a role on the storage; where it hasn't, the role is named."""
    run = trained(fake_aml, client)
    fake_aml.output(run.name, "outputs/x", "1")
    fake_aml.inject(Forbidden(), on="POST /datastores/{name}/listSecrets", times=2)
    run.download(to=tmp_path)
    assert files(tmp_path) == {"x": "1"}
    fake_aml.inject(Answer(403), on="GET /{container}", times=1)
    with pytest.raises(NotAuthorized, match="Storage Blob Data Reader"):
        run.download(to=tmp_path)


def test_of_a_search_the_best_trials_outputs_come(
    fake_aml: FakeAml, client: MLClient, tmp_path: Path
) -> None:
    """Each trial has its own."""
    base = command(
        command="python train.py",
        environment=ENVIRONMENT,
        inputs={"rate": Input(type="number", default=0.1)},
        outputs={"model": FOLDER},
    )
    sweep = base(rate=Uniform(min_value=0.1, max_value=0.9)).sweep(
        primary_metric="accuracy", goal="maximize", sampling_algorithm="random"
    )
    sweep.set_limits(max_total_trials=3)
    run = submit(sweep, cpus=4, client=client)
    fake_aml.advance(minutes=2)
    for number, value in enumerate([0.5, 0.9, 0.7]):
        fake_aml.metric(f"{run.name}/{number}", "accuracy", value)
        fake_aml.output(f"{run.name}/{number}", "w.bin", str(value), output="model")
        fake_aml.output(f"{run.name}/{number}", "outputs/w.bin", str(value))
    run.wait()
    run.download("model", tmp_path / "model")
    run.download(to=tmp_path / "own")
    assert files(tmp_path) == {"model/w.bin": "0.9", "own/w.bin": "0.9"}


def test_a_pipelines_output_is_where_its_step_has_written(
    fake_aml: FakeAml, client: MLClient, tmp_path: Path
) -> None:
    """Which run history knows."""
    make: Any = command(command="python make.py", environment=ENVIRONMENT, outputs={"made": FOLDER})

    def outer() -> Any:
        node = make()
        node.name = "make"
        return {"final": node.outputs.made}

    run = submit(decorated()(outer)(), client=client).wait()
    fake_aml.output(f"{run.name}/make", "x", "1", output="made")
    run.download("final", tmp_path)
    assert files(tmp_path) == {"x": "1"}


def test_outputs_are_those_of_the_last_look(fake_aml: FakeAml, client: MLClient) -> None:
    """An attribute asks nobody; a job without outputs has its own files."""
    run = submit("ls", environment=ENVIRONMENT, outputs={"model": FOLDER}, client=client)
    assert run.outputs == {}
    run.refresh()
    before = len(fake_aml.calls)
    assert set(run.outputs) == {"default", "model"}
    assert run.outputs["default"].endswith(f"ExperimentRun/dcid.{run.name}")
    assert len(fake_aml.calls) == before


@pytest.mark.parametrize(
    ("kind", "service", "field"),
    [
        ("uri_folder", "data/v1.0/{+workspace}/dataversion", "uri"),
        ("custom_model", "modelregistry/v1.0/{+workspace}/models", "path"),
    ],
)
def test_the_service_knows_where_an_output_is(  # noqa: PLR0917 - three of them are one case
    fake_aml: FakeAml, client: MLClient, tmp_path: Path, kind: str, service: str, field: str
) -> None:
    """Wherever that is: what it says of a run that is over counts, where the job itself says nothing."""
    place = "azureml://datastores/workspaceblobstore/paths/elsewhere"
    known = {"values": {"azureml://jobs/placed/outputs/model": {field: place}}}
    fake_aml.inject(Answer(200, known), on=f"POST /{service}/batchGetResolvedUris")
    outputs = {"model": Output(type=kind), "said": Output(type="uri_folder", path=place)}
    job = submit("ls", environment=ENVIRONMENT, name="placed", outputs=outputs, client=client)
    fake_aml.output("placed", "w.bin", "1", output="said")
    fake_aml.advance(hours=1)
    job.download("model", tmp_path)
    assert job.outputs["model"] == job.outputs["said"] == place
    assert files(tmp_path) == {"w.bin": "1"}


def test_places_that_the_service_does_not_tell(fake_aml: FakeAml, client: MLClient, tmp_path: Path) -> None:
    """Then an output is looked for at the usual place."""
    fake_aml.inject(
        Forbidden(), on="POST /data/v1.0/{+workspace}/dataversion/batchGetResolvedUris", times=None
    )
    run = trained(fake_aml, client, model=FOLDER)
    fake_aml.output(run.name, "w.bin", "1", output="model")
    run.download("model", tmp_path)
    assert files(tmp_path) == {"w.bin": "1"}


@runs_scripts
def test_local_jobs_leave_outputs_too(home: Path, source: Path, tmp_path: Path) -> None:
    """What a real process wrote comes the same way."""
    (source / "train.py").write_text(
        "import os, pathlib, sys\n"
        "os.makedirs('outputs', exist_ok=True)\n"
        "pathlib.Path('outputs/scores.json').write_text('{}')\n"
        "pathlib.Path(sys.argv[1], 'w.bin').write_text('weights')\n"
    )
    job = "python train.py ${{outputs.model}}"
    run = submit(job, code=str(source), environment=ENVIRONMENT, outputs={"model": {"type": "uri_folder"}})
    run.wait(progress=False)
    run.download("model", tmp_path / "got")
    run.download(to=tmp_path / "got")
    assert files(tmp_path / "got") == {"w.bin": "weights", "scores.json": "{}"}
    assert home.is_dir()
