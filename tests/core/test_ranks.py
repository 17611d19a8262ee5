"""Which process of a job this is, by whatever has started it."""

from __future__ import annotations

import json

import pytest

import amlrun

CHIEF = {"chief": ["a:1"], "worker": ["b:1", "c:1"]}


def tensorflow(kind: str, index: int, cluster: object) -> dict[str, str]:
    """What TensorFlow tells a process."""
    return {"TF_CONFIG": json.dumps({"cluster": cluster, "task": {"type": kind, "index": index}})}


@pytest.mark.parametrize(
    ("variables", "rank"),
    [
        ({}, 0),
        ({"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "AZUREML_CR_NODE_RANK": "1"}, 3),
        ({"OMPI_COMM_WORLD_RANK": "2", "OMPI_COMM_WORLD_SIZE": "4"}, 2),
        (tensorflow("chief", 0, CHIEF), 0),
        (tensorflow("worker", 0, CHIEF), 1),
        (tensorflow("worker", 0, {"worker": ["b:1", "c:1"]}), 0),
        (tensorflow("worker", 1, {"worker": ["b:1", "c:1"]}), 1),
        (tensorflow("ps", 0, CHIEF), 1),
        ({"TF_CONFIG": "{}"}, 0),
        ({"TF_CONFIG": "[1]"}, 0),
        ({"TF_CONFIG": "not json"}, 0),
        ({"AZUREML_CR_NODE_RANK": "2"}, 2),
        ({"AZUREML_CR_NODE_RANK": "none"}, 0),
    ],
)
def test_the_rank_of_a_process(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], rank: int) -> None:
    """That of the launcher counts; a process that is told nothing is the first, and writes."""
    for name, value in {"AZUREML_RUN_ID": "run", **variables}.items():
        monkeypatch.setenv(name, value)
    job = amlrun.current()
    assert job is not None
    assert job.rank == rank
