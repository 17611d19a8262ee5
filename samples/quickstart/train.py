"""Learns to tell three species of iris apart, and can be taken away at any moment.

Softmax regression by full-batch gradient descent, in plain Python: no randomness, so that a training that was
interrupted and resumed ends with the same weights, digit for digit, as one that ran through.

    python train.py --epochs 120 --data iris.csv --out model
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import time
from pathlib import Path
from statistics import fmean, pstdev
from typing import TYPE_CHECKING, NamedTuple

from amlrun import checkpointing, current

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

SPECIES = ("setosa", "versicolor", "virginica")
HELD_OUT_EVERY = 5  # of each species, every fifth flower is kept for the test
LEARNING_RATE = 0.5
CHECKPOINT_EVERY = 20  # epochs


class Flower(NamedTuple):
    """What was measured, and which species it is (an index into SPECIES)."""

    measured: tuple[float, ...]
    species: int


class Model(NamedTuple):
    """For each species: one weight for each measurement, then the bias."""

    weights: tuple[tuple[float, ...], ...]

    def write(self, folder: Path) -> None:
        """Keep it in a folder, to the last digit."""
        (folder / "weights.json").write_text(json.dumps(self.weights), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Model:
        """The model that was kept in a folder."""
        return cls(tuple(map(tuple, json.loads((folder / "weights.json").read_text(encoding="utf-8")))))

    def probabilities(self, measured: Sequence[float]) -> list[float]:
        """How likely each species is, for measurements that are scaled; sums to 1."""
        inputs = (*measured, 1.0)
        scores = [sum(w * x for w, x in zip(row, inputs, strict=True)) for row in self.weights]
        highest = max(scores)
        powers = [math.exp(score - highest) for score in scores]
        return [power / sum(powers) for power in powers]

    def accuracy(self, flowers: Sequence[Flower]) -> float:
        """The share of flowers whose likeliest species is the right one."""
        likeliest = (
            max(range(len(SPECIES)), key=self.probabilities(f.measured).__getitem__) for f in flowers
        )
        return fmean(guess == flower.species for guess, flower in zip(likeliest, flowers, strict=True))


class Scale(NamedTuple):
    """What turns centimetres into numbers around 0: one mean and one deviation for each measurement."""

    means: tuple[float, ...]
    deviations: tuple[float, ...]

    @classmethod
    def of(cls, flowers: Iterable[Flower]) -> Scale:
        """The scale in which these flowers have mean 0 and deviation 1."""
        columns = list(zip(*(flower.measured for flower in flowers), strict=True))
        return cls(tuple(map(fmean, columns)), tuple(map(pstdev, columns)))

    def apply(self, flowers: Iterable[Flower]) -> list[Flower]:
        """The same flowers in this scale."""
        return [
            flower._replace(
                measured=tuple((x - m) / d for x, m, d in zip(flower.measured, *self, strict=True))
            )
            for flower in flowers
        ]


# ---------------------------------------------------------------------------------------------- the data


def read_flowers(path: Path) -> list[Flower]:
    """The rows of the table: four measurements in centimetres, then the species."""
    with path.open(encoding="utf-8", newline="") as file:
        _head, *rows = csv.reader(file)
    return [Flower(tuple(map(float, measured)), SPECIES.index(species)) for *measured, species in rows]


def split(flowers: Iterable[Flower]) -> tuple[list[Flower], list[Flower]]:
    """What is learned from, and what is held out: always the same flowers, equally many of each species."""
    seen = [0] * len(SPECIES)
    learned: list[Flower] = []
    held_out: list[Flower] = []
    for flower in flowers:
        seen[flower.species] += 1
        (learned if seen[flower.species] % HELD_OUT_EVERY else held_out).append(flower)
    return learned, held_out


# ------------------------------------------------------------------------------------------ the learning


def learn(model: Model, flowers: Sequence[Flower]) -> tuple[Model, float]:
    """One epoch: a step down the mean cross-entropy. The new model, and the loss of the old one."""
    gradient = [[0.0] * len(row) for row in model.weights]
    loss = 0.0
    for flower in flowers:
        probabilities = model.probabilities(flower.measured)
        loss -= math.log(probabilities[flower.species])
        for species, probability in enumerate(probabilities):
            error = probability - (species == flower.species)
            for i, x in enumerate((*flower.measured, 1.0)):
                gradient[species][i] += error * x
    rate = LEARNING_RATE / len(flowers)
    weights = tuple(
        tuple(w - rate * g for w, g in zip(row, slope, strict=True))
        for row, slope in zip(model.weights, gradient, strict=True)
    )
    return Model(weights), loss / len(flowers)


def train(
    flowers: Sequence[Flower],
    *,
    epochs: int,
    elsewhere: Path | None = None,
    after_epoch: Callable[[int], None] = lambda _epoch: None,
) -> Model:
    """Learn from these flowers, from the last checkpoint on if there is one.

    Checkpoints are in the job's own place, `elsewhere` where there is no job. `after_epoch` may raise.
    """
    checkpoints = checkpointing(every=CHECKPOINT_EVERY, elsewhere=elsewhere)
    found = checkpoints.last()
    if found:
        done, model = found.step, Model.read(found.path)
        print(f"resuming from epoch {done} of {epochs}", flush=True)
    else:
        done, model = 0, Model(((0.0,) * (len(flowers[0].measured) + 1),) * len(SPECIES))
        print(f"starting from epoch 0 of {epochs}", flush=True)
    for epoch in range(done + 1, epochs + 1):
        model, loss = learn(model, flowers)
        if epoch % 10 == 0:
            print(f"epoch {epoch:3d} of {epochs}: loss {loss:.4f}", flush=True)
        if checkpoints.step(epoch, model.write):
            print(f"checkpoint at epoch {epoch}", flush=True)
        after_epoch(epoch)
    return model


def main() -> None:
    """Train as the command line says; inside a job, with checkpoints that outlive this node."""
    parser = argparse.ArgumentParser(description="Learn to tell three species of iris apart.")
    parser.add_argument("--epochs", type=int, default=120)
    parser.add_argument("--data", type=Path, default=Path(__file__).with_name("iris.csv"))
    parser.add_argument("--out", type=Path, help="folder for model.json and metrics.json")
    parser.add_argument("--seconds-per-epoch", type=float, default=0.0, help="rest after each epoch")
    arguments = parser.parse_args()

    job = current()
    if job is None:
        print("not in a job: no checkpoints", flush=True)
    else:
        before = f" (the one before: {job.last_ending})" if job.last_ending else ""
        print(f"attempt {job.attempt}{before}: ", end="", flush=True)

    learned, held_out = split(read_flowers(arguments.data))
    scale = Scale.of(learned)
    model = train(
        scale.apply(learned),
        epochs=arguments.epochs,
        after_epoch=lambda _epoch: time.sleep(arguments.seconds_per_epoch),
    )
    accuracy = model.accuracy(scale.apply(held_out))
    print(f"held-out accuracy: {accuracy:.3f} on {len(held_out)} flowers", flush=True)

    if arguments.out:
        arguments.out.mkdir(parents=True, exist_ok=True)
        metrics = {"accuracy": accuracy, "held_out": len(held_out), "epochs": arguments.epochs}
        (arguments.out / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
        result = {"species": SPECIES, **scale._asdict(), **model._asdict()}
        (arguments.out / "model.json").write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main()
