"""How many trials and nodes a search has by its limits, and what is said of them."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Any

import pytest

from amlrun import InvalidRequest
from amlrun._asking.searches import (
    at_once,
    automl_nodes,
    beside,
    check_data,
    check_searched,
    in_grid,
    needs_gpu,
    uncounted,
    unlimited,
)


class Task(Enum):
    """As entities of the SDK say it."""

    NER = "TextNER"


@pytest.mark.parametrize(
    ("concurrent", "total", "count"),
    [
        (2, 4, 2),
        (4, 2, 2),
        (None, 4, 4),
        (3, None, 3),
        ("3", None, 3),
        (None, None, None),
        (0, True, None),
        ("x", None, None),
    ],
)
def test_trials_at_once(concurrent: Any, total: Any, count: int | None) -> None:
    """The lower of both limits; where there is none, that is told."""
    assert at_once(concurrent, total) == count
    assert bool(unlimited(count)) is (count is None)


def test_a_grid_has_no_more_trials_than_points() -> None:
    """Of other algorithms nobody knows."""
    assert in_grid("Grid", [[1, 2, 3], ["a", "b"]]) == 6
    assert in_grid("random", [[1, 2]]) is None
    assert at_once(10, None, in_grid("grid", [[1, 2]])) == 2


@pytest.mark.parametrize(
    ("task", "most", "concurrent", "nodes"),
    [
        ("classification", None, None, None),
        ("classification", None, 3, 3),
        ("classification", 2, 3, 2),
        ("ImageClassification", None, 2, 2),
        ("text_ner", None, 3, 1),
        (Task.NER, None, 3, 1),
        (Task.NER, 4, 3, 4),
    ],
)
def test_nodes_of_automl(task: Any, most: Any, concurrent: Any, nodes: int | None) -> None:
    """Of `max_nodes`, else of the trials at once; of texts one, if nothing else is said."""
    assert automl_nodes(task, most, concurrent) == nodes


def test_a_count_that_is_not_used_is_told() -> None:
    """Nothing is said where nothing contradicts."""
    assert "instance_count=5" in "".join(uncounted(2, 5))
    for nodes, said in ((None, 5), (2, None), (2, 2), (2, "2")):
        assert not uncounted(nodes, said)


def test_tasks_that_need_a_gpu() -> None:
    """Images and texts, in a file's words and in the SDK's."""
    assert [needs_gpu(task) for task in ("text_ner", Task.NER, "image_classification")] == [
        "text_ner",
        "TextNER",
        "image_classification",
    ]
    assert needs_gpu("forecasting") == needs_gpu(None) == ""


def test_what_is_searched_for_is_there() -> None:
    """The error names what is."""
    check_searched("echo ${{search_space.rate}} ${{ search_space.size }}", {"rate": 1, "size": 2})
    with pytest.raises(InvalidRequest, match="no such one") as error:
        check_searched("echo ${{search_space.speed}}", ["size", "rate"])
    assert error.value.hint == "Its search space: rate, size."
    with pytest.raises(InvalidRequest) as error:
        check_searched("echo ${{search_space.speed}}", [])
    assert error.value.hint == "Its search space: nothing."


def test_data_beside_a_file(tmp_path: Path) -> None:
    """A local path is held against the file's folder; anything else is somewhere else."""
    (tmp_path / "table").mkdir()
    assert beside("./table", tmp_path) == beside(tmp_path / "table", Path("/")) == tmp_path / "table"
    for other in ("azureml:data:1", "azureml://datastores/d/paths/p", None):
        assert beside(other, tmp_path) is None
    check_data({"training_data": "table", "test_data": None}, tmp_path)
    with pytest.raises(InvalidRequest, match="test_data: there is no"):
        check_data({"training_data": "table", "test_data": "nothing"}, tmp_path)
