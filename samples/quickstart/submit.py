"""Trains `train.py` on a spot node that is taken away in the middle, and shows how the run gets home anyway.

    python samples/quickstart/submit.py

With nothing set this runs offline: the workspace `local` is on this machine, its jobs are real processes, its
sizes, quota and prices are those of a real region. Set AMLRUN_WORKSPACE=subscription/resource-group/workspace
and the same job goes to Azure, and costs money: with an environment there that has amlrun installed, since
train.py asks it where its checkpoints go. Nobody can take a spot node away on demand there.

Exit status 0: the run completed and, in `local`, needed at least two attempts for it.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlrun import AmlrunError, Requeue, plan, submit

if TYPE_CHECKING:
    from amlrun import Run

COMMAND = "python train.py --epochs 120 --seconds-per-epoch 0.1 --data iris.csv --out ${{outputs.model}}"
JOB: dict[str, Any] = {
    "code": Path(__file__).parent,
    "environment": "azureml://registries/azureml/environments/sklearn-1.5/labels/latest",
    "cpus": 4,
    "memory_gb": 14,
    "tier": "spot",
    "outputs": {"model": {"type": "uri_folder"}},
    "requeue": Requeue(waits=(1.0,)),  # seconds; the default waits for minutes, as a real region needs
}
PREEMPT_AFTER = "checkpoint at epoch 40"
PATIENCE = 120  # seconds until that line must have come
OVER = ("Completed", "Failed", "Canceled")


def main() -> int:
    """Plan, submit, preempt, wait, account for it."""
    offline = os.environ.setdefault("AMLRUN_WORKSPACE", "local") == "local"
    if offline:
        os.environ["AMLRUN_CONFIG"] = os.devnull  # no team's file above this folder has a say in a rehearsal

    title("The plan, before anything is sent")
    print(plan(COMMAND, **JOB))

    title("The run")
    run = submit(COMMAND, **JOB)
    print(f"submitted as {run.name}", flush=True)
    if offline:
        preempt_in_the_middle(run)
    print("waiting; a lost node is answered with another attempt", flush=True)
    run.wait()

    show_attempts(run)
    show_cost(run)
    title(f"What attempt {run.attempt} wrote")
    print(indented(run.logs()))

    if run.status != "Completed":
        print(f"\n{run.name} ended {run.status}; its log is above", file=sys.stderr)
        return 1
    if offline and run.attempt < 2:  # noqa: PLR2004  two attempts: one that was lost and one that got home
        print(f"\n{run.name} completed before its node could be taken: try again", file=sys.stderr)
        return 1
    return 0


def preempt_in_the_middle(run: Run) -> None:
    """Follow the log until there is a checkpoint to come back to, then take the node away as Azure would."""
    from amlrun.testing import local  # noqa: PLC0415  only a fake Azure ML preempts when told to

    shown = 0
    give_up = time.monotonic() + PATIENCE
    while True:
        run.refresh()  # before the log is read: what is over by now has said all that it will
        log = run.logs()
        *whole, _unfinished = log.split("\n")
        for line in whole[shown:]:
            print(f"  | {line}", flush=True)
        shown = len(whole)
        if PREEMPT_AFTER in log:
            break
        if run.status in OVER:
            raise SystemExit(f"{run.name} ended {run.status} before its first checkpoint; its log is above")
        if time.monotonic() > give_up:
            raise SystemExit(f"{run.name} is {run.status} and wrote no checkpoint within {PATIENCE} s")
        time.sleep(0.2)
    local().preempt(run.name)
    print("its node is taken away", flush=True)


def show_attempts(run: Run) -> None:
    """One line for each attempt."""
    title("The attempts")
    width = max(len(attempt.name) for attempt in run.attempts)
    print(f"{'name':{width}}  {'status':9}  {'ended':12}  {'seconds':>7}")
    for attempt in run.attempts:
        print(f"{attempt.name:{width}}  {attempt.status:9}  {attempt.ending:12}  {attempt.seconds:7.1f}")


def show_cost(run: Run) -> None:
    """All attempts on spot against the same seconds on demand, at catalogue prices."""
    title("What it cost, at catalogue prices")
    cost = run.cost()
    if cost.total is None or not cost.on_demand:
        print(cost)
        return
    print(f"all attempts, on {run.plan.tier} {run.plan.instance_type}: {cost.total:.6f} {cost.currency}")
    print(f"the same seconds on demand: {cost.on_demand:.6f} {cost.currency}")
    print(f"saved: {1 - cost.total / cost.on_demand:.0%}")


def title(text: str) -> None:
    """A heading, with a line of air before it."""
    print(f"\n{text}\n{'-' * len(text)}", flush=True)


def indented(log: str) -> str:
    """The lines of a log, set off from our own."""
    return "\n".join(f"  | {line}" for line in log.splitlines())


if __name__ == "__main__":
    try:
        sys.exit(main())
    except AmlrunError as error:
        sys.exit(f"{type(error).__name__}: {error}")
