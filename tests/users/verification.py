"""A fake workspace in which the programs of a verification really run, for the tests of that."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from amlrun._verify.verify import propose, verify
from amlrun._workspace import workspace_of
from amlrun.testing import Failed
from amlrun.testing._wire import backend

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from amlrun._verify.findings import Finding
    from amlrun._verify.observed import World
    from amlrun.testing import FakeAml

RUNTIME = 100
"""Seconds for which jobs of the fake run: longer than a time-out, and no longer than any job may."""


@contextmanager
def programs_run(fake: FakeAml, folder: Path, *, keeps: bool = True, leaks: str = "") -> Iterator[None]:
    """Jobs run their programs when they are sent, and their logs have what these print.

    `keeps`: what one of them has written is there for another one. `leaks` is what else is in their logs.
    """
    _commands(folder)
    fake.runtime(seconds=RUNTIME)

    def watch(_route: Any, request: Any, reply: Any) -> None:
        if request.method == "PUT" and "/jobs/" in request.path and reply.status == 201:
            if request.args["name"].endswith(("no-quota", "too-many")):
                return  # which never run
            if leaks:
                told = json.dumps(
                    {"names": ["A", leaks], "node": {"vmSize": leaks}, "blob": leaks, "x": leaks}
                )
                fake.log(request.args["name"], f"{leaks}\namlrun-verify {told}\namlrun-verify {leaks}\n")
            _run(fake, folder if keeps else folder / request.args["name"], folder, request)

    backend.watchers.append(watch)
    try:
        yield
    finally:
        backend.watchers.remove(watch)


def _commands(folder: Path) -> None:
    """What programs find on their path: the shell's own, this Python, and a sleep that takes no time."""
    (folder / "bin").mkdir(parents=True)
    for name, text in (("sleep", "exit 0"), ("python", f'exec "{sys.executable}" -S -E "$@"')):
        script = folder / "bin" / name
        script.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        script.chmod(0o755)


def _run(fake: FakeAml, place: Path, folder: Path, request: Any) -> None:
    name, sent = request.args["name"], json.loads(request.body)["properties"]
    spot = (sent.get("queueSettings") or {}).get("jobTier") == "Spot"
    node = {"vmSize": "Standard_DS3_v2", "priority": "Spot" if spot else "Regular", "vmId": "planted-secret"}
    metadata = folder / f"{name}.json"
    metadata.write_text(json.dumps(node), encoding="utf-8")

    def mounted(match: re.Match[str]) -> str:
        path = place / sent["outputs"][match[1]]["uri"].partition("/paths/")[2]
        path.mkdir(parents=True, exist_ok=True)
        return str(path)

    command = re.sub(r"\$\{\{outputs\.(\w+)\}\}", mounted, sent["command"])
    command = re.sub(r'http://169[^"]*', metadata.as_uri(), command)
    environment = {**fake.job_environment(name), "PATH": f"{folder / 'bin'}:/usr/bin:/bin"}
    ran = subprocess.run(
        ["/bin/bash", "-c", command], env=environment, capture_output=True, text=True, check=False
    )
    fake.log(name, ran.stdout + ran.stderr)
    if ran.returncode:
        fake.inject(Failed(exit_code=128 - ran.returncode), job=name)


def verified(fake: FakeAml, **options: Any) -> tuple[World, dict[str, Finding]]:
    """One verification of the fake: what was seen, and its findings by name."""
    ends: list[tuple[World, tuple[Finding, ...]]] = []
    client = fake.client()
    verify(propose(workspace_of(client), **options), lambda _: None, lambda *end: ends.append(end))
    ((world, found),) = ends
    return world, {one.name: one for one in found}
