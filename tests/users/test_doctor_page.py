"""What docs/doctor.md shows is what the doctor prints, on a machine with these versions.

    python -m tests.users.test_doctor_page

writes what it prints now into the page.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import os
import platform
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import amlrun
from amlrun._command_line import main
from amlrun.testing import FakeAml, NoConnection

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE = Path(__file__).resolve().parents[2] / "docs" / "doctor.md"
_BLOCK = re.compile(
    r"^## ([^\n]+)\n(?:(?!^## ).)*?^```text\n\$ amlrun doctor\n(.*?)^```$", re.MULTILINE | re.DOTALL
)
VERSIONS = {
    "amlrun": "0.1.0",
    "azure-ai-ml": "1.35.2",
    "azure-core": "1.41.0",
    "azure-identity": "1.27.0",
    "azure-storage-blob": "12.31.1",
}


ADA = "ada@example.org"


def _usual(fake: FakeAml) -> None:
    """The role that most people have, and the right to ask what it allows."""
    fake.revoke(to=ADA)
    fake.grant("AzureML Data Scientist", to=ADA)
    fake.grant("Microsoft.Authorization/permissions/read", to=ADA)


def _reader(fake: FakeAml) -> None:
    """Who may look, and send nothing."""
    fake.revoke(to=ADA)
    fake.grant("Reader", to=ADA, on="subscription")


def _private(fake: FakeAml) -> None:
    """Nothing of it is reached from here but by the resource manager."""
    network = {
        "isolationMode": "AllowInternetOutbound",
        "status": {"status": "Inactive", "sparkReady": False},
    }
    fake.container_registry(public_access=False)
    fake.workspace_properties(publicNetworkAccess="Disabled", managedNetwork=network)
    fake.inject(NoConnection(), on="* */runs/*")
    fake.inject(NoConnection(), on="GET /{container}")


WORLDS: dict[str, tuple[str, Callable[[FakeAml], None]]] = {
    "What it tells": ("training", _usual),
    "A role that is missing": ("production", _reader),
    "A private workspace": ("enclave", _private),
}
"""Each in a workspace of its own: what a process knows of one is kept."""


def printed(title: str, patch: pytest.MonkeyPatch) -> str:
    """What the doctor says of the world of that section."""
    workspace, world = WORLDS[title]

    def version(package: str) -> str:
        if package in VERSIONS:
            return VERSIONS[package]
        raise importlib.metadata.PackageNotFoundError(package)

    patch.setattr(importlib.metadata, "version", version)
    patch.setattr(importlib.metadata, "requires", lambda _: [])
    patch.setattr(platform, "python_version", lambda: "3.12.3")
    patch.setattr(platform, "system", lambda: "Linux")
    patch.setattr(platform, "machine", lambda: "x86_64")
    for variable in os.environ:
        if variable.upper().endswith(("_PROXY", "_CA_BUNDLE")):
            patch.delenv(variable)
    fake = FakeAml(subscription_id="mine", resource_group="team", workspace=workspace)
    out = io.StringIO()
    with fake, contextlib.redirect_stdout(out):
        ada = fake.user(ADA)
        patch.setattr("azure.identity.DefaultAzureCredential", lambda **_: ada)
        patch.setenv("AMLRUN_WORKSPACE", f"mine/team/{workspace}")
        world(fake)
        main(["doctor"])
    # Which credential it was is azure-identity's own word, and the fake's has none of it.
    return out.getvalue().replace("FakeCredential", "az")


def shown() -> dict[str, str]:
    """What the page says that is printed, by the titles of its sections."""
    return dict(_BLOCK.findall(PAGE.read_text(encoding="utf-8")))


@pytest.mark.parametrize("title", WORLDS)
def test_the_page_shows_what_the_doctor_prints(title: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the letter."""
    assert shown()[title] == printed(title, monkeypatch)


def test_each_example_is_held_to_something() -> None:
    """None stands on the page that nobody runs."""
    assert set(shown()) == set(WORLDS)


def test_the_page_lists_the_checks_that_there_are() -> None:
    """By their names, which is what programs go by: none that is gone, and each that is made by its name."""
    rows = re.findall(r"^\| (`[^|]+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    listed = {name.partition("<")[0] for row in rows for name in re.findall(r"`([^`]+)`", row)}
    package = Path(amlrun.__file__).parent
    modules = (module for room in ("_checks", "_doctor") for module in (package / room).glob("*.py"))
    source = "".join(module.read_text(encoding="utf-8") for module in modules)
    made = set(re.findall(r"""Check\(\s*f?"([a-z-]+)""", source))
    assert made
    assert made <= listed
    assert not [name for name in sorted(listed) if f'"{name}' not in source]


def rewrite() -> None:
    """Write what is printed now into the page; read the difference before it is kept."""

    def anew(block: re.Match[str]) -> str:
        with pytest.MonkeyPatch.context() as patch:
            now = printed(block[1], patch)
        return block[0][: block.start(2) - block.start()] + now + "```"

    PAGE.write_text(_BLOCK.sub(anew, PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    rewrite()
