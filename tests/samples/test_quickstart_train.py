"""What the quickstart's training promises: a real result, the same however often it is interrupted."""

from __future__ import annotations

import csv
import importlib.util
from collections import Counter
from contextlib import suppress
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable

QUICKSTART = Path(__file__).parents[2] / "samples" / "quickstart"
EPOCHS = 120


def _load() -> Any:
    """The script as a module; it belongs to no package."""
    spec = importlib.util.spec_from_file_location("quickstart_train", QUICKSTART / "train.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


train = _load()
LEARNED, HELD_OUT = train.split(train.read_flowers(QUICKSTART / "iris.csv"))
SCALE = train.Scale.of(LEARNED)
FLOWERS = SCALE.apply(LEARNED)


class NodeLostError(Exception):
    """Stands for the end of a process in the middle of a training."""


def _lost_after(epoch: int) -> Callable[[int], None]:
    def lose(now: int) -> None:
        if now == epoch:
            raise NodeLostError

    return lose


@pytest.fixture(scope="module")
def undisturbed() -> Any:
    """The model of a training that ran through."""
    return train.train(FLOWERS, epochs=EPOCHS)


def test_the_table_is_the_iris_data() -> None:
    """150 flowers, 50 of each species, with the known means and the two rows that UCI's copy has wrong."""
    with (QUICKSTART / "iris.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    columns = ("sepal_length_cm", "sepal_width_cm", "petal_length_cm", "petal_width_cm")
    assert len(rows) == 150
    assert tuple(rows[0]) == (*columns, "species")
    assert Counter(row["species"] for row in rows) == {"setosa": 50, "versicolor": 50, "virginica": 50}
    means = [fmean(float(row[column]) for row in rows) for column in columns]
    assert means == pytest.approx([5.843, 3.057, 3.758, 1.199], abs=0.0005)
    assert list(rows[34].values()) == ["4.9", "3.1", "1.5", "0.2", "setosa"]
    assert list(rows[37].values()) == ["4.9", "3.6", "1.4", "0.1", "setosa"]


def test_what_is_held_out_is_not_learned_from() -> None:
    """A fifth of each species is kept for the test, and every flower is on one side."""
    assert Counter(flower.species for flower in LEARNED) == {0: 40, 1: 40, 2: 40}
    assert Counter(flower.species for flower in HELD_OUT) == {0: 10, 1: 10, 2: 10}
    assert Counter(LEARNED + HELD_OUT) == Counter(train.read_flowers(QUICKSTART / "iris.csv"))


def test_it_learns(undisturbed: Any) -> None:
    """More than 0.9 of the flowers that it has never seen are named right."""
    assert undisturbed.accuracy(SCALE.apply(HELD_OUT)) > 0.9


@settings(max_examples=10, deadline=None)
@given(lost=st.lists(st.integers(min_value=1, max_value=EPOCHS), max_size=3))
def test_interruptions_change_nothing(
    tmp_path_factory: pytest.TempPathFactory, undisturbed: Any, lost: list[int]
) -> None:
    """However often and wherever its node is lost, the weights are the same to the last digit."""
    folder = tmp_path_factory.mktemp("checkpoints")
    for epoch in sorted(lost):
        with suppress(NodeLostError):  # not raised where a checkpoint is already past that epoch
            train.train(FLOWERS, epochs=EPOCHS, elsewhere=folder, after_epoch=_lost_after(epoch))
    assert train.train(FLOWERS, epochs=EPOCHS, elsewhere=folder) == undisturbed


def test_it_resumes_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is done is not done again: the second attempt starts behind the last checkpoint."""
    epochs: list[int] = []
    with pytest.raises(NodeLostError):
        train.train(FLOWERS, epochs=EPOCHS, elsewhere=tmp_path, after_epoch=_lost_after(47))
    capsys.readouterr()
    train.train(FLOWERS, epochs=EPOCHS, elsewhere=tmp_path, after_epoch=epochs.append)
    assert epochs == list(range(41, EPOCHS + 1))
    assert capsys.readouterr().out.startswith(f"resuming from epoch 40 of {EPOCHS}\n")


def test_a_checkpoint_without_its_marker_does_not_exist(
    tmp_path: Path, undisturbed: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """A node lost before the marker leaves the checkpoint before it as the last."""
    train.train(FLOWERS, epochs=60, elsewhere=tmp_path)
    (marker,) = tmp_path.glob("*-step-60-*.done")
    marker.unlink()
    capsys.readouterr()
    assert train.train(FLOWERS, epochs=EPOCHS, elsewhere=tmp_path) == undisturbed
    assert capsys.readouterr().out.startswith(f"resuming from epoch 40 of {EPOCHS}\n")
