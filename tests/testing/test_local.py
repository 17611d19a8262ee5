"""The local workspace: jobs as processes, with their bindings, their environment and their ends."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.ml import Input, Output, command
from azure.ai.ml.entities import Data, ManagedIdentityConfiguration, UserIdentityConfiguration

from amlrun._errors import NotConfigured
from amlrun.testing import FakeJob, local
from amlrun.testing._local import carrier
from amlrun.testing._state.store import VERSION
from tests.testing.wire import requests

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from azure.ai.ml import MLClient

    from amlrun.testing._local.local import LocalAml

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the local workspace is POSIX only")

PATIENCE = 60.0  # seconds that a slow machine may take for what takes a tenth of one
STORE = "azureml://datastores/workspaceblobstore/paths"


def until(what: Callable[[], Any], description: str) -> Any:
    """Wait, within bounds, for something to become true."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if found := what():
            return found
        time.sleep(0.02)
    raise AssertionError(f"{description} did not come about")


class Workbench:
    """A local workspace in a temporary folder, and what the tests do with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.fake: LocalAml = local(folder, grace_seconds=2.0)
        self.client: MLClient = self.fake.client()

    def submit(self, line: str, name: str, **options: Any) -> str:
        """Send a command."""
        with self.fake.installed():
            job = command(command=line, environment="azureml:train:1", name=name, **options)
            self.client.jobs.create_or_update(job)
        return name

    def end(self, name: str) -> FakeJob:
        """The job when it is over."""
        found: FakeJob = until(lambda: (job := self.fake.job(name)).ended and job, f"the end of {name}")
        return found

    def log(self, name: str) -> str:
        """The job's log, as run history's address gives it."""
        with self.fake.installed():
            url = f"https://eastus.api.azureml.ms/history/v1.0{self.fake.scope.path}/runs/{name}/details"
            files = requests.get(url, timeout=5).json()["logFiles"]
            return requests.get(files["user_logs/std_log.txt"], timeout=5).text

    def logs(self, name: str, words: str) -> None:
        """Wait until the log holds some words."""
        path = (
            self.folder / f"datastores/workspaceartifactstore/ExperimentRun/dcid.{name}/user_logs/std_log.txt"
        )
        until(lambda: path.exists() and words in path.read_text(), f"{words!r} in the log of {name}")

    def datastore(self, path: str) -> Path:
        """A path of the default datastore."""
        return self.folder / "datastores" / "workspaceblobstore" / path


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    """A workspace of its own, with a short grace."""
    return Workbench(tmp_path / "state")


def test_a_command_runs_in_a_copy_of_its_code(bench: Workbench, tmp_path: Path) -> None:
    """The snapshot is the working folder; what the job does to it doesn't touch the source."""
    source = tmp_path / "src"
    source.mkdir()
    (source / "train.py").write_text(
        "import pathlib, sys\npathlib.Path('train.py').unlink()\nprint('ran', sys.executable)\n"
    )
    job = bench.end(bench.submit("python train.py && ls", "one", code=str(source)))
    assert (job.status, job.statuses) == ("Completed", ("Queued", "Preparing", "Running", "Completed"))
    assert f"ran {sys.executable}" in bench.log("one")
    assert (source / "train.py").exists()
    assert not (bench.folder / "jobs" / "one" / "wd").exists()


def test_stdout_and_stderr_are_the_log(bench: Workbench) -> None:
    """Both, in order, below a line that says plainly which Python it is and which environment isn't built."""
    bench.end(bench.submit("echo out; echo err >&2", "both"))
    head, *rest = bench.log("both").splitlines()
    assert head.startswith(f"local: runs in {sys.executable}; the environment ")
    assert head.endswith("the environment train:1 is not built.")
    assert rest == ["out", "err"]


@pytest.mark.parametrize(
    ("line", "status", "code"),
    [
        ("exit 7", "Failed", "status code 7"),
        ("kill -9 $$", "Failed", "status code 137"),
        ("true", "Completed", ""),
    ],
)
def test_the_exit_status_decides(bench: Workbench, line: str, status: str, code: str) -> None:
    """0 is Completed, all else Failed with the status in the error, a signal as a shell counts it."""
    job = bench.end(bench.submit(line, "exit"))
    assert job.status == status
    assert code in job.error


def test_inputs_and_outputs_are_bound(bench: Workbench) -> None:
    """Literals and paths go into the command as they are; datastores are folders; outputs are kept."""
    bench.datastore("in").mkdir(parents=True)
    bench.datastore("in/a.txt").write_text("content\n")
    with bench.fake.installed():
        bench.client.data.create_or_update(
            Data(name="iris", version="1", type="uri_folder", path=f"{STORE}/in/")
        )
    bench.submit(
        "cat ${{inputs.file}} ${{ inputs.asset }}/a.txt; echo ${{inputs.text}}; echo $AZURE_ML_OUTPUT_free; "
        "echo more >> ${{outputs.fixed}}/f.txt; echo new > ${{outputs.free}}/n.txt; "
        "echo art > outputs/art.txt; "
        "echo '$'X $KEEP",
        "bind",
        inputs={
            "file": Input(type="uri_file", path=f"{STORE}/in/a.txt"),
            "asset": Input(type="uri_folder", path="azureml:iris:1"),
            "text": "two words",
        },
        outputs={
            "fixed": Output(type="uri_folder", path=f"{STORE}/amlrun/group/", mode="rw_mount"),
            "free": Output(type="uri_folder"),
        },
        environment_variables={"KEEP": "${{outputs.free}}"},
    )
    assert bench.end("bind").status == "Completed"
    free = bench.datastore("azureml/bind/free")
    assert bench.log("bind").splitlines()[1:] == [
        "content", "content", "two words", str(free), "$X ${{outputs.free}}",
    ]  # fmt: skip
    assert bench.datastore("amlrun/group/f.txt").read_text() == "more\n"
    assert (free / "n.txt").read_text() == "new\n"
    art = bench.folder / "datastores/workspaceartifactstore/ExperimentRun/dcid.bind/outputs/art.txt"
    assert art.read_text() == "art\n"
    bench.submit(
        "cat ${{inputs.before}}/n.txt ${{inputs.art}}",
        "next",
        inputs={
            "before": Input(type="uri_folder", path="azureml://jobs/bind/outputs/free"),
            "art": Input(type="uri_file", path="azureml://jobs/bind/outputs/default/paths/outputs/art.txt"),
        },
    )
    assert bench.end("next").status == "Completed"
    assert bench.log("next").splitlines()[1:] == ["new", "art"]


def test_what_the_sdk_uploads_is_where_the_job_reads(bench: Workbench, tmp_path: Path) -> None:
    """A local file as input goes over the wire into the datastore, and the job reads it there."""
    (tmp_path / "rows.csv").write_text("1,2\n")
    bench.submit(
        "cat ${{inputs.rows}}", "up", inputs={"rows": Input(type="uri_file", path=str(tmp_path / "rows.csv"))}
    )
    assert bench.end("up").status == "Completed"
    assert bench.log("up").splitlines()[1:] == ["1,2"]


@pytest.mark.parametrize(
    ("line", "inputs", "words"),
    [
        ("cat ${{inputs.x}}", {"x": "https://example.com/iris.csv"}, "fetches nothing from elsewhere"),
        ("cat ${{inputs.x}}", {"x": "wasbs://c@a.blob.core.windows.net/d"}, "fetches nothing from elsewhere"),
        ("cat ${{inputs.x}}", {"x": f"{STORE}/nothing.csv"}, "is not there"),
        ("cat ${{inputs.x}}", {"x": f"{STORE}/../../../etc/passwd"}, "leads out of its datastore"),
        ("cat ${{inputs.y}}", {}, "the job's inputs are: none"),
    ],
)
def test_what_cannot_be_bound_fails_with_the_reason(
    bench: Workbench, line: str, inputs: dict[str, str], words: str
) -> None:
    """The job ends Failed before its command runs, and says what is wrong with which input."""
    body = {
        "jobType": "Command",
        "command": line,
        "environmentId": "azureml:e:1",
        "inputs": {name: {"jobInputType": "uri_file", "uri": uri} for name, uri in inputs.items()},
    }
    with bench.fake.installed():
        url = f"https://management.azure.com{bench.fake.scope.path}/jobs/bad"
        assert requests.put(url, json={"properties": body}, timeout=5).status_code == 201
    job = bench.end("bad")
    assert job.statuses == ("Queued", "Preparing", "Failed")
    assert words in job.error


def test_the_environment_is_an_allow_list(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The submitter's secrets stay out; what Azure ML sets and what the job names are in."""
    monkeypatch.setenv("MY_SECRET", "s")
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    line = "python -c 'import json, os; print(json.dumps(dict(os.environ)))'"
    bench.end(bench.submit(line, "env", environment_variables={"MINE": "yes"}, experiment_name="exp"))
    found = json.loads(bench.log("env").splitlines()[1])
    assert not {"MY_SECRET", "PYTHONPATH"} & set(found)
    scope = bench.fake.scope
    expected = {
        "MINE": "yes",
        "AZUREML_RUN_ID": "env",
        "AZUREML_ROOT_RUN_ID": "env",
        "AZUREML_ARM_SUBSCRIPTION": scope.subscription_id,
        "AZUREML_ARM_RESOURCEGROUP": scope.resource_group,
        "AZUREML_ARM_WORKSPACE_NAME": scope.workspace,
        "AZUREML_ARM_PROJECT_NAME": "exp",
        "AZUREML_CR_NODE_RANK": "0",
        "AMLRUN_WORKSPACE": "local",
        "AMLRUN_LOCAL_HOME": str(bench.folder),
    }
    assert {name: found.get(name) for name in expected} == expected


CLAIMS = "import base64, json; print(base64.urlsafe_b64decode(token.split('.')[1] + '==').decode())"
AS_ITSELF = (
    "from azure.identity import ManagedIdentityCredential as Own;"
    f"token = Own().get_token('https://storage.azure.com/.default').token; {CLAIMS}"
)
AS_ITS_USER = (
    "import json, os, urllib.request as web;"
    "url = os.environ['OBO_ENDPOINT'] + '?resource=https://storage.azure.com';"
    f"token = json.load(web.urlopen(url))['access_token']; {CLAIMS}"
)


@pytest.mark.parametrize(("identity", "line"), [("managed", AS_ITSELF), ("user", AS_ITS_USER)])
def test_the_code_of_a_job_has_its_identity(bench: Workbench, identity: str, line: str) -> None:
    """It gets tokens as on Azure: of the managed identity, or of whoever has sent the job."""
    client_id = bench.fake.identity("trainer")
    entity = ManagedIdentityConfiguration() if identity == "managed" else UserIdentityConfiguration()
    job = bench.end(bench.submit(f'python -c "{line}"', identity, identity=entity))
    claims = json.loads(bench.log(identity).splitlines()[-1])
    assert job.status == "Completed"
    assert claims["aud"].startswith("https://storage.azure.com")
    mine = {"managed": {"appid": client_id}, "user": {"upn": "fake-user"}}[identity]
    assert mine.items() <= claims.items()


def test_a_job_without_an_identity_has_no_tokens(bench: Workbench) -> None:
    """Neither its own, nor its user's: nobody says where to ask."""
    bench.end(bench.submit("env | grep -c -e MSI_ -e OBO_ || true", "none"))
    assert bench.log("none").splitlines()[-1] == "0"


def test_a_preemption_is_sigterm_and_a_grace(bench: Workbench, tmp_path: Path) -> None:
    """Who handles SIGTERM has time to save; a shell that dies first doesn't take its child's grace away."""
    source = tmp_path / "src"
    source.mkdir()
    (source / "train.py").write_text(
        "import signal, sys, time\n"
        "def save(*_):\n    time.sleep(0.3)\n    print('saved', flush=True)\n    sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, save)\nprint('ready', flush=True)\ntime.sleep(600)\n"
    )
    spot = {"job_tier": "spot", "instance_type": "Standard_DS3_v2"}
    bench.submit("true; python train.py; true", "spot", code=str(source), **spot)
    bench.logs("spot", "ready")
    bench.fake.preempt("spot")
    job = bench.end("spot")
    assert job.status == "Failed"
    assert "PreemptionError" in job.error
    assert bench.log("spot").splitlines()[1:] == ["ready", "saved"]


def test_who_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    """After the grace comes SIGKILL, to the whole group: nothing of the job is left."""
    bench = Workbench(tmp_path / "state")
    bench.fake = local(bench.folder, grace_seconds=0.2)
    line = "trap '' TERM; sleep 600 & echo child $!; wait; sleep 600"
    bench.submit(line, "deaf", job_tier="spot", instance_type="Standard_DS3_v2")
    bench.logs("deaf", "child")
    bench.fake.preempt("deaf")
    assert "PreemptionError" in bench.end("deaf").error
    found = re.search(r"child (\d+)", bench.log("deaf"))
    assert found is not None
    until(lambda: not runs(int(found[1])), "the end of the job's child")


def runs(pid: int) -> bool:
    """Whether a process of that pid still runs."""
    from amlrun.testing._local import processes

    return processes.start_time(pid) is not None


def test_a_job_armed_before_it_runs_is_preempted(bench: Workbench) -> None:
    """Waiting in the queue when it is preempted, it is struck as soon as it runs."""
    bench.fake.quota("TotalLowPriorityCores", limit=4, used=4)
    bench.submit("sleep 600", "armed", job_tier="spot", instance_type="Standard_DS3_v2")
    bench.fake.preempt("armed")
    assert bench.fake.job("armed").status == "Queued"
    bench.fake.quota("TotalLowPriorityCores", used=0)
    assert "PreemptionError" in bench.end("armed").error


def test_cancel_and_timeout_end_canceled(bench: Workbench) -> None:
    """A person's cancel and the system's both end Canceled; a queued job that is canceled never runs."""
    bench.submit("echo ready; sleep 600", "stop")
    bench.submit("sleep 600", "slow", timeout=1)
    bench.logs("stop", "ready")
    with bench.fake.installed():
        bench.client.jobs.begin_cancel("stop")
    assert bench.end("stop").statuses[-2:] == ("CancelRequested", "Canceled")
    assert bench.end("slow").status == "Canceled"
    bench.fake.quota("TotalDedicatedCores", limit=0)
    bench.fake.quota("TotalDedicatedCores", limit=4, used=4)
    bench.submit("echo ran", "never")
    with bench.fake.installed():
        bench.client.jobs.begin_cancel("never")
    assert bench.end("never").statuses == ("Queued", "CancelRequested", "Canceled")


def test_a_supervisor_that_is_gone_is_a_lost_node(bench: Workbench) -> None:
    """Killed from outside: the job ends Failed by the platform, its process ends, its cores are free."""
    bench.submit("echo pid $$; sleep 600", "lost", instance_type="Standard_DS3_v2")
    bench.logs("lost", "pid")
    with bench.fake._backend.store.transaction() as records:  # no public way leads to a supervisor's pid
        job = bench.fake._backend.engine.job(records, "lost")
    assert job is not None
    assert job.process is not None
    os.kill(job.process[0], signal.SIGKILL)
    ended = bench.end("lost")
    assert ended.status == "Failed"
    assert "NodeLost" in ended.error
    found = re.search(r"pid (\d+)", bench.log("lost"))
    assert found is not None
    until(lambda: not runs(int(found[1])), "the end of the orphaned process")
    with bench.fake._backend.store.transaction() as records:
        assert (
            bench.fake._backend.engine.places.ledger(records).used("standardDSv2Family", job.demand.tier) == 0
        )


def test_jobs_queue_for_quota_and_start_each_other(bench: Workbench) -> None:
    """What doesn't fit waits; a supervisor that ends starts the next, with nobody else at hand."""
    bench.fake.quota("standardDSv2Family", limit=4)
    for number in range(3):
        line = f"date +%s%N >> {bench.folder}/order; sleep 0.2; echo {number} >> {bench.folder}/order"
        bench.submit(line, f"q{number}", instance_type="Standard_DS3_v2")
    order = bench.folder / "order"
    until(lambda: order.exists() and len(order.read_text().split()) == 6, "three jobs, one after another")
    assert order.read_text().split()[1::2] == ["0", "1", "2"]
    assert [bench.end(f"q{number}").status for number in range(3)] == ["Completed"] * 3


def test_another_process_sees_and_ends_the_job(bench: Workbench) -> None:
    """The workspace is in the folder: whoever opens it finds the job and may preempt it."""
    bench.submit("echo ready; sleep 600", "mine", job_tier="spot", instance_type="Standard_DS3_v2")
    bench.logs("mine", "ready")
    fake = f"fake = local({str(bench.folder)!r})"
    script = f"from amlrun.testing import local; {fake}; fake.preempt('mine'); print(fake.jobs)"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "('mine',)"
    assert "PreemptionError" in bench.end("mine").error


def test_more_than_one_node_is_refused(bench: Workbench) -> None:
    """One machine is one node, and the refusal says so."""
    from azure.core.exceptions import HttpResponseError

    with pytest.raises(HttpResponseError, match="one machine: a job there has one node"):
        bench.submit("true", "two", instance_count=2)


def test_the_environment_is_said_once(bench: Workbench, caplog: pytest.LogCaptureFixture) -> None:
    """One INFO line for the process: jobs run in this Python."""
    carrier._said.clear()  # whichever test came before
    with caplog.at_level(logging.INFO, logger="amlrun.testing"):
        for number in range(2):
            bench.end(bench.submit("true", f"j{number}"))
    assert [record.message for record in caplog.records if record.name == "amlrun.testing"] == [
        f"local runs jobs in this Python ({sys.executable}): the environment they name is not built"
    ]


def test_time_cannot_be_advanced(bench: Workbench) -> None:
    """Real processes take real time."""
    with pytest.raises(TypeError, match="nobody can advance it"):
        bench.fake.advance(minutes=1)


@pytest.mark.parametrize("name", ["with space", "quo'te", 'dou"ble', "dollar$", "semi;colon", "back`tick"])
def test_a_folder_that_a_command_would_trip_over_is_refused(tmp_path: Path, name: str) -> None:
    """Paths go into commands unquoted: the refusal names the character and the variable to set."""
    with pytest.raises(NotConfigured, match="AMLRUN_LOCAL_HOME"):
        local(tmp_path / name)
    assert not (tmp_path / name).exists()


def test_where_the_workspace_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """AMLRUN_LOCAL_HOME, else the user's state folder."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert local().folder == tmp_path / "state" / "amlrun" / f"local-{VERSION}"
    monkeypatch.setenv("AMLRUN_LOCAL_HOME", str(tmp_path / "home"))
    assert local().folder == tmp_path / "home"


def test_without_what_it_needs_local_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No bash, or Windows: NotConfigured with the reason."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotConfigured, match=r"none on the PATH"):
        local(tmp_path / "state")
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(NotConfigured, match="Windows does not have"):
        local(tmp_path / "state")
