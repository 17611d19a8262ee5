"""A training that is preempted again and again ends with the very model of one that never was."""

from __future__ import annotations

import functools
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from amlrun import Requeue, Run, WaitTimeout, submit
from amlrun.testing import local
from tests.submission.scripts import runs_scripts, write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = runs_scripts

TRAIN = '''
"""A small network, by stochastic gradient descent with momentum, in batches drawn anew each epoch."""
import json, math, random, sys, time
from amlrun import checkpointing, current

EPOCHS, EVERY, BATCH = 60, 10, 8
DATA = [(x / 10, math.sin(x / 10)) for x in range(-30, 31)]
HIDDEN = 6

def predict(w, x):
    hidden = [math.tanh(w[3 * i] * x + w[3 * i + 1]) for i in range(HIDDEN)]
    return sum(w[3 * i + 2] * h for i, h in enumerate(hidden)), hidden

def gradient(w, batch):
    g = [0.0] * len(w)
    for x, y in batch:
        out, hidden = predict(w, x)
        error = 2 * (out - y) / len(batch)
        for i, h in enumerate(hidden):
            back = error * w[3 * i + 2] * (1 - h * h)
            g[3 * i] += back * x
            g[3 * i + 1] += back
            g[3 * i + 2] += error * h
    return g

def hold(epoch, where):
    """Stand still where this attempt is to lose its node."""
    if sys.argv[1:] and sys.argv[job.attempt : job.attempt + 1] == [f"{epoch}{where}"]:
        print("held at", epoch, where, flush=True)
        time.sleep(60)

job = current()
draw = random.Random(7)
w = [draw.gauss(0, 1) for _ in range(3 * HIDDEN)]
velocity, done, seen = [0.0] * len(w), 0, 0
checkpoints = checkpointing(EVERY)
found = checkpoints.last()
if found:
    state = json.loads((found.path / "state.json").read_text())
    w, velocity, done = state["w"], state["velocity"], found.step
    version, numbers, gauss = state["random"]
    draw.setstate((version, tuple(numbers), gauss))
print("attempt", job.attempt, "begins at", done, "after", job.last_ending, flush=True)

def save(folder):
    state = json.dumps({"w": w, "velocity": velocity, "random": draw.getstate()})
    (folder / "state.json").write_text(state[:100])
    hold(epoch, "within")
    (folder / "state.json").write_text(state)

for epoch in range(done + 1, EPOCHS + 1):
    order = draw.sample(DATA, len(DATA))
    for start in range(0, len(order), BATCH):
        g = gradient(w, order[start : start + BATCH])
        velocity = [0.9 * v - 0.02 * one + draw.gauss(0, 1e-6) for v, one in zip(velocity, g)]
        w = [one + v for one, v in zip(w, velocity)]
    hold(epoch, "before")
    checkpoints.step(epoch, save)
    hold(epoch, "after")
loss = sum((predict(w, x)[0] - y) ** 2 for x, y in DATA) / len(DATA)
assert loss < 0.05, loss
print("model", *(one.hex() for one in w))
'''


def started(folder: Path, *held: str) -> Run:
    """Submit the training; its attempts stand still at these points, each at its own."""
    options: dict[str, Any] = {"tier": "spot", "cpus": 4, "requeue": Requeue(waits=(0,))}
    command = " ".join(("python train.py", *held))
    return submit(command, code=folder, environment="azureml:train:1", **options)


def until(true: Callable[[], bool]) -> None:
    """Wait for it, for a minute at most."""
    for _ in range(1200):
        if true():
            return
        local().clock.sleep(0.05)
    pytest.fail("that didn't happen")


def is_over(run: Run) -> bool:
    """Whether the last attempt is, by the workspace itself."""
    return local().job(run.attempts[-1].name).status in {"Completed", "Failed", "Canceled"}


def is_requeued(run: Run) -> bool:
    """Wait for a moment; whether another attempt was sent."""
    known = run.attempt
    with suppress(WaitTimeout):
        run.wait(timeout=0.2)
    return run.attempt > known


def model(run: Run) -> str:
    """The model that a run ended with, to the last bit of each number."""
    (line,) = (line for line in run.logs().splitlines() if line.startswith("model "))
    return line


def test_a_training_preempted_three_times_ends_with_the_same_model(home: Path, tmp_path: Path) -> None:
    """Between two checkpoints, in the middle of one, and right behind one: the same, to the last digit.

    Weights, momentum, the state of the random numbers and the epoch are in the checkpoint.
    """
    local(home, grace_seconds=0.2)
    source = write(tmp_path / "src", {"train.py": TRAIN})
    undisturbed = started(source)
    run = started(source, "25before", "30within", "50after")
    for _ in range(3):
        until(lambda: "held at" in run.logs())
        local().preempt(run.attempts[-1].name)
        until(lambda: is_over(run))
        until(lambda: is_requeued(run))
    for one in (run, undisturbed):
        until(functools.partial(is_over, one))
        one.wait(timeout=60)
    assert [str(attempt.ending) for attempt in run.attempts] == ["preempted"] * 3 + ["completed"]
    begun = [run.logs(number).partition("begins at ")[2].split()[0] for number in (1, 2, 3, 4)]
    assert begun == ["0", "20", "20", "50"]
    assert undisturbed.attempt == 1
    assert model(run) == model(undisturbed)
