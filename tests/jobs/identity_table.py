"""The table of docs/identity.md: what is sent for each job, identity and target, and as whom it acts."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
from azure.ai.ml import Input

from amlrun import AmlrunError, submit
from amlrun.testing import FakeAml
from tests.jobs.every import (
    STORE,
    beside_each_other,
    named,
    pipeline_of,
    searching,
    sparkling,
    tabular,
    trained,
    tuning,
)
from tests.jobs.inside import writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_NOTHING = "-"
SAID = {"none": None, "user": "user", "managed": "managed", "token": "token"}
TARGETS = {
    "serverless": None,
    "a cluster with an identity": "own",
    "a cluster without one": "bare",
    "Kubernetes": "k8s",
    "a compute instance": "instance",
    "a Spark pool": "pool",
}
_STEPS = {
    "command": "command",
    "parallel": "parallel",
    "automl": "AutoML",
    "spark": "Spark",
    "sweep": "sweep",
}
"""How a step is named, and what it is called."""
_FILE_DIALECT = {"user_identity": "UserIdentity", "managed_identity": "Managed", "aml_token": "AMLToken"}
_ON: dict[str, tuple[str, ...]] = {
    "command": tuple(TARGETS)[:-1],
    "sweep": ("serverless", "a cluster with an identity", "Kubernetes"),
    "AutoML": ("serverless", "a cluster with an identity"),
    "Spark": ("serverless", "a Spark pool"),
    "fine-tuning": ("serverless", "a cluster with an identity"),
}
"""Where each type is tried."""


@attrs.frozen
class Cell:
    """One job that was sent, or why it wasn't. `seen` is the job, or the child, whose code is asked."""

    target: str
    said: str
    job: str
    sent: str
    client_id: str = _NOTHING
    seen: str = ""


def table() -> str:
    """In Markdown; jobs that are alike in all share a row."""
    with FakeAml(subscription_id="mine") as fake, tempfile.TemporaryDirectory() as folder:
        world = _World(fake, Path(folder))
        cells = [*world.jobs(), *world.steps()]
        fake.advance(minutes=10)
        rows: dict[tuple[str, ...], list[str]] = {}
        for cell in cells:
            key = (cell.target, cell.said, cell.sent, cell.client_id, world.reaches(cell))
            rows.setdefault(key, []).append(cell.job)
    head = "| target | identity | job | sent | AZURE_CLIENT_ID | its code reaches data as |"
    order = [*TARGETS]
    lines = [
        f"| {target} | {said} | {_together(jobs)} | {sent} | {client_id} | {whose} |"
        for (target, said, sent, client_id, whose), jobs in sorted(
            rows.items(), key=lambda row: (order.index(row[0][0]), [*SAID].index(row[0][1]))
        )
    ]
    return "\n".join([head, "| --- | --- | --- | --- | --- | --- |", *lines])


def _said_on(target: str) -> list[str]:
    """The job's own token is the same everywhere."""
    return [said for said in SAID if said != "token" or target == "serverless"]


def _together(jobs: list[str]) -> str:
    whole = [job for job in jobs if not job.endswith(" step")]
    steps = [job.removesuffix(" step") for job in jobs if job.endswith(" step")]
    return "; ".join(filter(None, [", ".join(whole), f"steps: {', '.join(steps)}" if steps else ""]))


class _World:
    """A workspace with an identity, and a compute of each kind, most with one of their own."""

    def __init__(self, fake: FakeAml, folder: Path) -> None:
        self.fake, self.folder = fake, folder
        self.client = fake.client()
        caller = "00000000-0000-0000-0000-000000000001"
        self.people = {"": "nobody: stored credentials only", caller: "the submitter"}
        self.ids = {"": _NOTHING}
        for name, whose in (
            ("workspaces", "the workspace's identity"),
            ("computes", "the compute's identity"),
        ):
            principal = f"aaaaaaaa-0000-0000-0000-{len(self.people):012}"
            client_id = fake.identity(name, principal_id=principal, attached=name == "workspaces")
            self.people[principal], self.ids[client_id] = whose, f"{whose.removesuffix(' identity')}"
        fake.cluster("own", size="Standard_NC4as_T4_v3", max_nodes=99, identity="computes")
        fake.cluster("bare", size="Standard_DS3_v2", max_nodes=99)
        fake.kubernetes("k8s", identity="computes")
        fake.compute_instance("instance", identity="computes")
        fake.synapse_spark("pool", identity="computes")

    def jobs(self) -> Iterator[Cell]:
        """Each type by itself."""
        make: dict[str, Callable[[], Any]] = {
            "command": trained,
            "sweep": searching,
            "AutoML": lambda: tabular("classification", "accuracy"),
            "Spark": lambda: sparkling(self.folder / "s"),
            "fine-tuning": tuning,
        }
        for job, targets in _ON.items():
            for target in targets:
                for said in _said_on(target):
                    yield self._cell(target, said, job, make[job]())

    def _cell(self, target: str, said: str, job: str, entity: Any) -> Cell:
        options: dict[str, Any] = {"identity": SAID[said], "compute": TARGETS[target]}
        try:
            run = submit(entity, client=self.client, **options)
        except AmlrunError:
            return Cell(target, said, job, "refused")
        body = self.fake.job(run.name).body["properties"]
        variables = body.get("trial", body).get("environmentVariables") or {}
        seen = f"{run.name}/0" if job == "sweep" else run.name
        sent = self._sent(body.get("identity"), "identityType", "clientId")
        return Cell(target, said, job, sent, self.ids[variables.get("AZURE_CLIENT_ID", "")], seen)

    def steps(self) -> Iterator[Cell]:
        """Each type as a step; a sweep by itself, since it is refused with any."""
        for target in ("serverless", "a cluster with an identity"):
            kinds = ("command", "parallel", "automl", *(["spark"] if target == "serverless" else []))
            for said in _said_on(target):
                yield from self._steps(target, said, kinds)
        for said in SAID:
            yield from self._steps("serverless", said, ("sweep",))

    def _steps(self, target: str, said: str, kinds: tuple[str, ...]) -> Iterator[Cell]:
        def body() -> None:
            data = Input(type="uri_folder", path=f"{STORE}/d/")
            for kind in kinds:
                if kind == "command":
                    named(trained()(), kind)
                elif kind == "parallel":
                    named(beside_each_other(self.folder / "p")(data=data), kind)
                elif kind == "sweep":
                    named(searching(), kind)
                elif kind == "spark":
                    named(sparkling(self.folder / "s")(), kind)
                else:
                    named(tabular("classification", "accuracy"), kind)

        options: dict[str, Any] = {"identity": SAID[said], "compute": TARGETS[target]}
        try:
            run = submit(pipeline_of(body), client=self.client, **options)
        except AmlrunError:
            yield from (Cell(target, said, f"{_STEPS[kind]} step", "refused") for kind in kinds)
            return
        for kind, node in self.fake.job(run.name).body["properties"]["jobs"].items():
            variables = node.get("environment_variables") or {}
            file = node["type"] == "automl"
            sent = self._sent(node.get("identity"), "type" if file else "identity_type", "client_id")
            own = self.ids[variables.get("AZURE_CLIENT_ID", "")]
            yield Cell(target, said, f"{_STEPS[kind]} step", sent, own, f"{run.name}/{kind}")

    def _sent(self, identity: Any, word: str, client_id: str) -> str:
        if not identity:
            return "nothing"
        which = identity.get(client_id)
        kind = _FILE_DIALECT.get(identity[word], identity[word])
        return f"`{kind}`{f', {self.ids[which]} client id' if which else ''}"

    def reaches(self, cell: Cell) -> str:
        """As whom."""
        if cell.target == "a cluster without one" and cell.said == "managed":
            return "not known"  # whether the workspace's will do there
        return self.people[writer(self.fake, cell.seen)] if cell.seen else _NOTHING
