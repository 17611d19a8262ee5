"""Sweeps and AutoML through the real client: trials are children, as many at once as may be."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.ml import automl
from hypothesis import given
from hypothesis import strategies as st

from amlrun._offers import Tier
from amlrun.testing import Failed, Preempted
from amlrun.testing._jobs import trials as _trials
from tests.testing.kinds import SIZE, automl_of, sweep_of, table

if TYPE_CHECKING:
    from pathlib import Path

    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml


def start(client: MLClient, job: Any) -> str:
    """Submit a job; returns its name."""
    return str(client.jobs.create_or_update(job).name)


def trials(fake: FakeAml, name: str) -> list[str]:
    """How the trials of a job stand, in order."""
    return [fake.job(child).status for child in fake.job(name).children]


def test_trials_run_as_many_at_once_as_they_may(fake_aml: FakeAml, client: MLClient, tmp_path: Path) -> None:
    """Names count from 0; another one starts when one is over; the sweep runs until the last has ended."""
    limits = {"max_total_trials": 5, "max_concurrent_trials": 2}
    start(client, sweep_of(tmp_path, limits=limits))
    fake_aml.advance(minutes=3)
    assert fake_aml.job("sweep").children == ("sweep_0", "sweep_1")
    assert trials(fake_aml, "sweep") == ["Running", "Running"]
    fake_aml.advance(hours=2)
    assert fake_aml.job("sweep").statuses == ("Starting", "Running", "Completed")
    assert fake_aml.job("sweep").children == tuple(f"sweep_{number}" for number in range(5))
    assert fake_aml.job("sweep/4").ended == fake_aml.job("sweep").ended
    starts = [fake_aml.job(f"sweep_{number}").created for number in range(5)]
    assert len(set(starts)) == 3


def test_the_sdk_reads_a_sweep(fake_aml: FakeAml, client: MLClient, tmp_path: Path) -> None:
    """The right entity comes back; its trials are jobs; the best one's log is what a download brings."""
    start(client, sweep_of(tmp_path, limits={"max_total_trials": 2}))
    fake_aml.advance(hours=2)
    job: Any = client.jobs.get("sweep")
    assert type(job).__name__ == "SweepJob"
    assert job.properties["best_child_run_id"] == "sweep_0"
    trial: Any = client.jobs.get("sweep_0")
    assert type(trial).__name__ == "Command"
    assert [child.name for child in client.jobs.list(parent_job_name="sweep")] == ["sweep_0", "sweep_1"]
    assert [found.name for found in client.jobs.list()] == ["sweep"]
    fake_aml.log("sweep_0", "trained\n")
    client.jobs.download("sweep", download_path=tmp_path / "got")
    log = tmp_path / "got" / "artifacts" / "user_logs" / "std_log.txt"
    assert log.read_text() == "trained\n"


def test_a_grid_tries_each_combination_once(fake_aml: FakeAml, client: MLClient, tmp_path: Path) -> None:
    """Two times three; the values are in each trial's command."""
    start(client, sweep_of(tmp_path, sampling="grid", limits={"max_total_trials": 100}))
    fake_aml.advance(hours=2)
    commands = [fake_aml.job(child).body["properties"]["command"] for child in fake_aml.job("sweep").children]
    assert sorted(commands) == sorted(
        f"python t.py --lr {lr} --net {net} --n ${{{{inputs.n}}}}" for lr in ("0.1", "0.2") for net in "abc"
    )


def test_a_maximum_holds_for_a_grid_too(fake_aml: FakeAml, client: MLClient, tmp_path: Path) -> None:
    """`max_total_trials` below the number of combinations."""
    start(client, sweep_of(tmp_path, sampling="grid", limits={"max_total_trials": 4}))
    fake_aml.advance(hours=2)
    assert len(fake_aml.job("sweep").children) == 4


def test_each_trial_holds_nodes(fake_aml: FakeAml, client: MLClient, tmp_path: Path) -> None:
    """The sweep itself holds none; what doesn't fit in the quota waits."""
    fake_aml.quota("standardDSv2Family", limit=8)
    limits = {"max_total_trials": 3, "max_concurrent_trials": 3}
    start(client, sweep_of(tmp_path, limits=limits))
    fake_aml.advance(minutes=3)
    assert trials(fake_aml, "sweep") == ["Running", "Running", "Queued"]
    fake_aml.advance(hours=2)
    assert fake_aml.job("sweep").status == "Completed"


def test_a_spot_sweep_has_spot_trials(fake_aml: FakeAml, client: MLClient, tmp_path: Path) -> None:
    """`queue_settings` of a sweep are its trials'; each may be preempted alone."""
    job = sweep_of(tmp_path, limits={"max_total_trials": 2}, queue_settings="{job_tier: spot}")
    fake_aml.inject(Preempted(), job="sweep_1")
    start(client, job)
    fake_aml.advance(hours=2)
    assert (fake_aml.job("sweep_0").tier, fake_aml.job("sweep_0").instance_type) == (Tier.SPOT, SIZE)
    assert trials(fake_aml, "sweep") == ["Completed", "Failed"]
    assert "PreemptionError" in fake_aml.job("sweep_1").error
    assert fake_aml.job("sweep").status == "Completed"


def test_timeouts_of_a_sweep(fake_aml: FakeAml, client: MLClient, tmp_path: Path) -> None:
    """A trial that is too slow is canceled, and another one starts; the sweep's own time ends all of it."""
    fake_aml.runtime(minutes=10)
    limits = {"max_total_trials": 50, "max_concurrent_trials": 1, "trial_timeout": 60, "timeout": 1000}
    start(client, sweep_of(tmp_path, limits=limits))
    fake_aml.advance(hours=3)
    sweep = fake_aml.job("sweep")
    assert sweep.started is not None
    assert (sweep.status, sweep.ended) == ("Canceled", sweep.started + 1000)
    ended = [fake_aml.job(child) for child in sweep.children]
    assert {trial.status for trial in ended} == {"Canceled"}
    assert ended[0].started is not None
    assert ended[0].ended == ended[0].started + 60
    assert 1 < len(ended) < 50


def test_a_sweep_without_a_good_trial_fails(fake_aml: FakeAml, client: MLClient, tmp_path: Path) -> None:
    """All trials failed: so does the sweep, and there is no best one."""
    fake_aml.inject(Failed(), job="sweep_*", times=2)
    start(client, sweep_of(tmp_path, limits={"max_total_trials": 2}))
    fake_aml.advance(hours=2)
    assert fake_aml.job("sweep").status == "Failed"
    assert "best_child_run_id" not in client.jobs.get("sweep").properties


def test_a_canceled_sweep_cancels_its_trials(fake_aml: FakeAml, client: MLClient, tmp_path: Path) -> None:
    """Those that live; no others start."""
    start(client, sweep_of(tmp_path, limits={"max_total_trials": 6, "max_concurrent_trials": 2}))
    fake_aml.advance(minutes=3)
    client.jobs.begin_cancel("sweep").result()
    assert trials(fake_aml, "sweep") == ["Canceled", "Canceled"]
    assert fake_aml.job("sweep").status == "Canceled"


@pytest.mark.parametrize(
    ("limits", "children", "nodes"),
    [
        ({"max_trials": 4, "max_concurrent_trials": 2}, 4, 1),
        ({"max_trials": 3, "max_concurrent_trials": 2, "max_nodes": 4}, 3, 2),
    ],
)
def test_automl_runs_trials(
    fake_aml: FakeAml, client: MLClient, limits: dict[str, Any], children: int, nodes: int
) -> None:
    """As many as its limits say, on as many nodes; the right entity comes back, with its best trial."""
    fake_aml.cluster("cpu-cluster", max_nodes=4)
    start(client, automl_of(**limits))
    fake_aml.advance(hours=3)
    job: Any = client.jobs.get("auto")
    assert type(job).__name__ == "ClassificationJob"
    assert job.tags["automl_best_child_run_id"] == "auto_0"
    assert trials(fake_aml, "auto") == ["Completed"] * children
    assert fake_aml.job("auto_0").nodes == nodes
    assert fake_aml.job("auto_0").compute == "cpu-cluster"


def test_automl_times_out(fake_aml: FakeAml, client: MLClient) -> None:
    """Its whole time, and a trial's, are minutes of the user's and ISO durations of the body's."""
    fake_aml.cluster("cpu-cluster", max_nodes=4)
    fake_aml.runtime(hours=1)
    start(client, automl_of(max_trials=9, timeout_minutes=30, trial_timeout_minutes=10))
    fake_aml.advance(hours=3)
    job = fake_aml.job("auto")
    assert job.started is not None
    assert (job.status, job.ended) == ("Canceled", job.started + 1800)


def test_image_and_text_jobs(fake_aml: FakeAml, client: MLClient) -> None:
    """They are of their own types, and run one trial where nobody says more."""
    fake_aml.cluster("gpu-cluster", size="Standard_NC4as_T4_v3", max_nodes=2)
    image = automl.image_classification(
        training_data=table(), target_column_name="y", compute="gpu-cluster", name="image"
    )
    text = automl.text_classification(
        training_data=table(),
        validation_data=table(),
        target_column_name="y",
        compute="gpu-cluster",
        name="text",
    )
    text.set_limits(max_trials=2, max_concurrent_trials=2)
    for job in (image, text):
        start(client, job)
    fake_aml.advance(hours=3)
    assert [type(client.jobs.get(name)).__name__ for name in ("image", "text")] == [
        "ImageClassificationJob",
        "TextClassificationJob",
    ]
    assert [len(fake_aml.job(name).children) for name in ("image", "text")] == [1, 2]


def test_image_jobs_get_a_gpu(fake_aml: FakeAml, client: MLClient) -> None:
    """On serverless, where nobody names a size: the service takes one for image and text tasks."""
    start(client, automl.image_classification(training_data=table(), target_column_name="y", name="image"))
    fake_aml.advance(hours=3)
    trial = fake_aml.job("image/0")
    assert trial.status == "Completed"
    assert str(trial.instance_type).startswith("Standard_N")


def test_misspelt_resources_are_refused(fake_aml: FakeAml) -> None:
    """`instance_count` and `job_tier` on an AutoML body, as azure-ai-ml 1.35 writes them, are no fields."""
    from tests.testing.wire import requests

    url = f"https://management.azure.com{fake_aml.scope.path}/jobs/auto?api-version=2024-01-01-preview"
    data = {"jobInputType": "mltable", "uri": "azureml://datastores/workspaceblobstore/paths/t/"}
    body = {
        "jobType": "AutoML",
        "resources": {"instance_count": 2},
        "queueSettings": {"job_tier": "spot"},
        "taskDetails": {"taskType": "Regression", "targetColumnName": "y", "trainingData": data},
    }
    reply = requests.put(url, json={"properties": body}, timeout=5)
    assert reply.status_code == 400
    assert "resources.instance_count is no field" in reply.json()["error"]["message"]
    assert "queueSettings.job_tier is no field" in reply.json()["error"]["message"]


SPACES: list[Any] = [
    ["choice", [["a", "b"]]],
    ["randint", [5]],
    ["uniform", [0.1, 1.0]],
    ["quniform", [0.0, 10.0, 2.5]],
    ["loguniform", [-3, 0]],
    ["qloguniform", [0, 3, 1]],
    ["normal", [0, 1]],
    ["qnormal", [0, 1, 0.5]],
    ["lognormal", [0, 1]],
    ["qlognormal", [0, 1, 0.5]],
    {"type": "choice", "values": [1, 2]},
    {"type": "uniform", "min_value": 0, "max_value": 1},
    {"type": "qnormal", "mu": 0, "sigma": 1, "q": 2},
]


@given(number=st.integers(0, 50), space=st.sampled_from(SPACES), name=st.text(min_size=1))
def test_what_a_trial_tries_is_always_the_same(number: int, space: Any, name: str) -> None:
    """Drawn from the job's name and the trial's number: a test that fails once fails again."""
    body = {"jobType": "Sweep", "searchSpace": {"x": space}, "samplingAlgorithm": {}}
    assert _trials.values_of(body, name, number) == _trials.values_of(body, name, number)


@given(sizes=st.lists(st.integers(1, 4), min_size=1, max_size=4))
def test_a_grid_has_no_two_trials_alike(sizes: list[int]) -> None:
    """As many trials as combinations, all different."""
    space = {f"x{index}": ["choice", [list(range(size))]] for index, size in enumerate(sizes)}
    body = {"jobType": "Sweep", "searchSpace": space, "samplingAlgorithm": {"samplingAlgorithmType": "Grid"}}
    count = _trials.trials_of(body)
    tried = {tuple(_trials.values_of(body, "s", number).items()) for number in range(count)}
    product = 1
    for size in sizes:
        product *= size
    assert len(tried) == count == product


@pytest.mark.parametrize(
    ("space", "sampling", "words"),
    [
        ({"x": ["uniform", [0, 1]]}, "Grid", "a grid has only choices; not so: x"),
        ({"x": ["triangle", [0, 1]]}, "Random", "'triangle' is no distribution"),
        ({"x": ["uniform", [0]]}, "Random", "uniform can't be drawn from"),
        ({"x": 3}, "Random", "3 is no distribution"),
    ],
)
def test_a_search_that_cannot_be_run_is_refused(
    fake_aml: FakeAml, space: dict[str, Any], sampling: str, words: str
) -> None:
    """400 at the PUT, with the reason."""
    from tests.testing.wire import requests

    url = f"https://management.azure.com{fake_aml.scope.path}/jobs/s?api-version=2024-01-01-preview"
    body = {
        "jobType": "Sweep",
        "searchSpace": space,
        "samplingAlgorithm": {"samplingAlgorithmType": sampling},
        "objective": {"goal": "maximize", "primaryMetric": "a"},
        "trial": {"command": "x", "environmentId": "azureml:e:1"},
    }
    reply = requests.put(url, json={"properties": body}, timeout=5)
    assert reply.status_code == 400
    assert words in reply.json()["error"]["message"]


@pytest.mark.parametrize(("goal", "best"), [("maximize", "sweep_2"), ("minimize", "sweep_1")])
def test_the_best_trial_is_the_best_by_the_objective(
    fake_aml: FakeAml, client: MLClient, tmp_path: Path, goal: str, best: str
) -> None:
    """The best value of its metric counts; one that failed, or that has no such metric, is none."""
    job = sweep_of(tmp_path, limits={"max_total_trials": 5})
    job.objective.goal = goal
    start(client, job)
    fake_aml.advance(minutes=2)
    fake_aml.metric("sweep/0", "loss", -7.0)
    for number, values in {1: [0.2, 0.1], 2: [0.9, 0.3], 3: [0.5], 4: [0.0, 1.0]}.items():
        for step, value in enumerate(values):
            fake_aml.metric(f"sweep/{number}", "accuracy", value, step=step)
    fake_aml.fail("sweep/4")
    fake_aml.advance(hours=1)
    assert client.jobs.get("sweep").properties["best_child_run_id"] == best
    fake_aml.metric("sweep/3", "accuracy", 2.0 if goal == "maximize" else -2.0)
    assert client.jobs.get("sweep").properties["best_child_run_id"] == "sweep_3"


@pytest.mark.parametrize(
    ("metric", "best"), [("Accuracy", "auto_1"), ("NormalizedMeanAbsoluteError", "auto_0")]
)
def test_the_best_trial_of_automl(metric: str, best: str) -> None:
    """What is called an error is small in the best model; everything else is large."""
    sent = {"jobType": "AutoML", "taskDetails": {"primaryMetric": metric}}
    values = {"auto_0": 0.1, "auto_1": 0.9}
    scores = {name: _trials.score_of(sent, {metric: [[0.0, 0, value]]}) for name, value in values.items()}
    assert max(scores, key=lambda name: scores[name] or 0.0) == best
    assert _trials.score_of(sent, {metric: [[0.0, 0, float("nan")]]}) is None


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4))
def test_a_grid_has_each_combination_once(sizes: list[int]) -> None:
    """In the order of nested loops, the last hyperparameter's the innermost."""
    space = {f"p{place}": ["choice", [list(range(size))]] for place, size in enumerate(sizes)}
    sent = {"jobType": "Sweep", "samplingAlgorithm": {"samplingAlgorithmType": "Grid"}, "searchSpace": space}
    found = [
        tuple(_trials.values_of(sent, "s", n).values()) for n in range(_trials.combinations_of(sent) or 0)
    ]
    assert found == list(itertools.product(*(range(size) for size in sizes)))
