"""Pipelines and sweeps of the local workspace: their commands really run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.ml import Input, Output
from azure.core.exceptions import HttpResponseError

from amlrun.testing import ImageBuildFailed, NotResponding, Preempted, local
from tests.testing.kinds import ENVIRONMENT, automl_of, pipeline_of, step, sweep_of
from tests.testing.wire import requests

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from azure.ai.ml import MLClient

    from amlrun.testing._local.local import LocalAml


@pytest.fixture
def here(tmp_path: Path) -> Iterator[LocalAml]:
    """A local workspace."""
    with local(tmp_path / "home", grace_seconds=1) as workspace:
        yield workspace


@pytest.fixture
def client(here: LocalAml) -> MLClient:
    """Its client."""
    return here.client()


def ended(here: LocalAml, name: str) -> str:
    """Wait for a job's end; returns its status."""
    for _ in range(600):
        status = here.job(name).status
        if status in {"Completed", "Failed", "Canceled"}:
            return status
        here.clock.sleep(0.05)
    raise AssertionError(f"{name} is still {status}")


def log_of(here: LocalAml, name: str) -> str:
    """What a job's process has printed."""
    job = here.job(name)
    assert here.folder is not None
    found = list(here.folder.rglob(f"dcid.{job.name}/user_logs/std_log.txt"))
    return found[0].read_text()


def test_a_pipeline_of_commands_runs(here: LocalAml, client: MLClient) -> None:
    """What one node writes the next one reads; literals, optional inputs and the pipeline's output arrive."""
    make = step(
        "echo ${{inputs.word}} > ${{outputs.made}}/word",
        inputs={"word": "hi"},
        outputs={"made": Output(type="uri_folder")},
        name="maker",
    )
    use = step(
        "cat ${{inputs.data}}/word | tee ${{outputs.used}}/copy; echo n is $[[${{inputs.n}}]]",
        inputs={"data": Input(type="uri_folder"), "n": Input(type="integer", optional=True)},
        outputs={"used": Output(type="uri_folder")},
        name="user",
    )

    def both(word: str = "hello") -> Any:
        first = make(word=word)
        first.name = "make"
        second = use(data=first.outputs.made)
        second.name = "use"
        return {"final": second.outputs.used}

    client.jobs.create_or_update(pipeline_of(both, "pipe"))
    assert ended(here, "pipe") == "Completed"
    assert "hello\nn is\n" in log_of(here, "pipe/use")
    assert here.folder is not None
    copies = list(here.folder.rglob("copy"))
    assert [copy.read_text() for copy in copies] == ["hello\n"]
    assert "pipe/final" in copies[0].as_posix()


def test_a_node_that_fails_ends_the_pipeline(here: LocalAml, client: MLClient) -> None:
    """Its exit status is the child's error."""
    bad = step("exit 5", name="bad")

    def one() -> None:
        node = bad()
        node.name = "bad"

    client.jobs.create_or_update(pipeline_of(one, "pipe"))
    assert ended(here, "pipe") == "Failed"
    assert "status code 5" in here.job("pipe/bad").error
    assert here.job("pipe").code == "PipelineHasStepJobFailed"


def test_a_cancel_ends_the_processes(here: LocalAml, client: MLClient) -> None:
    """The cancel of a pipeline reaches the processes of its nodes."""
    slow = step("sleep 600", name="slow")

    def one() -> None:
        node = slow()
        node.name = "slow"

    client.jobs.create_or_update(pipeline_of(one, "pipe"))
    while here.job("pipe").children == () or here.job("pipe/slow").status != "Running":
        here.clock.sleep(0.05)
    from tests.testing.wire import requests

    url = f"https://management.azure.com{here.scope.path}/jobs/pipe/cancel"
    assert requests.post(url, timeout=5).status_code == 202
    assert ended(here, "pipe") == "Canceled"
    assert here.job("pipe/slow").status == "Canceled"


def test_a_sweep_runs_its_trials(here: LocalAml, client: MLClient, tmp_path: Path) -> None:
    """Each with its own values in its command, and the sweep's inputs."""
    job = sweep_of(tmp_path, sampling="grid", limits={"max_total_trials": 3, "max_concurrent_trials": 2})
    job.trial.command = "echo lr=${{search_space.lr}} net=${{search_space.net}} n=${{inputs.n}}"
    client.jobs.create_or_update(job)
    assert ended(here, "sweep") == "Completed"
    printed = sorted(log_of(here, child).splitlines()[-1] for child in here.job("sweep").children)
    assert printed == ["lr=0.1 net=a n=3", "lr=0.1 net=b n=3", "lr=0.1 net=c n=3"]


def test_a_process_is_restarted_in_place(here: LocalAml, client: MLClient, tmp_path: Path) -> None:
    """The spot job's process is ended and started anew under the same name; its log is written anew."""
    from azure.ai.ml import command

    mark = tmp_path / "mark"
    text = f"if [ -e {mark} ]; then echo again; else touch {mark}; echo once; sleep 600; fi"
    job = command(command=text, environment=ENVIRONMENT, instance_type="Standard_DS3_v2", job_tier="spot")
    job.name = "spot"
    here.inject(Preempted(how="restarted", after=0.5), job="spot")
    client.jobs.create_or_update(job)
    assert ended(here, "spot") == "Completed"
    assert here.job("spot").attempt == 2
    assert "again" in log_of(here, "spot")
    assert "once" not in log_of(here, "spot")


def test_a_process_that_does_not_respond_runs_on(here: LocalAml, client: MLClient) -> None:
    """NotResponding says nothing about the process."""
    from azure.ai.ml import command

    job = command(command="sleep 1; echo done", environment=ENVIRONMENT)
    job.name = "quiet"
    here.inject(NotResponding(seconds=None), job="quiet")
    client.jobs.create_or_update(job)
    assert ended(here, "quiet") == "Completed"
    assert here.job("quiet").statuses[-3:] == ("Running", "NotResponding", "Completed")


def test_what_does_not_run_here_is_refused(here: LocalAml, client: MLClient) -> None:
    """AutoML is no process of ours, and no image is built: both are told at once."""
    job = automl_of()
    job.compute = None
    with pytest.raises(HttpResponseError, match="The local workspace runs command, sweep, pipeline jobs"):
        client.jobs.create_or_update(job)
    with pytest.raises(ValueError, match="have no moment building"):
        here.inject(ImageBuildFailed(), job="x")


def test_a_search_whose_trials_all_end_at_once(here: LocalAml) -> None:
    """However many there are: each is refused as it comes to the queue, and the next one follows."""
    resources = {"instanceType": "Standard_Nope"}
    properties = {
        "jobType": "Sweep",
        "objective": {"goal": "Maximize", "primaryMetric": "m"},
        "samplingAlgorithm": {"samplingAlgorithmType": "Random"},
        "searchSpace": {"x": ["uniform", [0, 1]]},
        "limits": {"jobLimitsType": "Sweep", "maxTotalTrials": 300, "maxConcurrentTrials": 1},
        "trial": {"command": "echo", "environmentId": ENVIRONMENT, "resources": resources},
    }
    url = f"https://management.azure.com{here.scope.path}/jobs/many"
    assert requests.put(url, json={"properties": properties}, timeout=60).status_code == 201
    assert here.job("many").status == "Failed"
    assert len(here.job("many").children) == 300
