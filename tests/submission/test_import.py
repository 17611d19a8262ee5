"""What importing costs, counted in modules, each in a process of its own."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import amlrun
from amlrun import _errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def modules_after(code: str, folder: Path) -> set[str]:
    """The modules that a fresh interpreter has loaded after this code."""
    program = f"{code}\nimport sys, json; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=folder, timeout=120
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def heads(modules: set[str]) -> set[str]:
    """Their top-level packages."""
    return {name.partition(".")[0] for name in modules}


def test_importing_submit_loads_next_to_nothing(tmp_path: Path) -> None:
    """No azure, no HTTP, no YAML, no attrs: the head of a training script stays as fast as it was."""
    loaded = modules_after("from amlrun import submit", tmp_path)
    assert not heads(loaded) & {
        "azure",
        "requests",
        "responses",
        "tenacity",
        "yaml",
        "attr",
        "attrs",
        "msrest",
    }
    assert {name for name in loaded if name.startswith("amlrun")} == {"amlrun", "amlrun._facade"}


def test_the_context_of_a_job_needs_no_azure(tmp_path: Path) -> None:
    """`current()` is called in training code."""
    assert "azure" not in heads(modules_after("import amlrun; amlrun.current()", tmp_path))


@pytest.mark.parametrize("verb", ["plan('echo', environment='azureml:train:1')", "quota()"])
def test_planning_and_quota_never_import_azure_ai_ml(tmp_path: Path, verb: str) -> None:
    """Over a second that only building a job pays for."""
    home = str(tmp_path / "home")
    code = f"import os; os.environ.update(AMLRUN_WORKSPACE='local', AMLRUN_LOCAL_HOME={home!r})\n"
    loaded = modules_after(f"{code}import amlrun; amlrun.{verb}", tmp_path)
    assert "azure.core" in loaded
    assert "azure.ai.ml" not in loaded


def around(name: str) -> set[str]:
    """A module and the packages that it is in, which are imported before it."""
    parts = name.split(".")
    return {".".join(parts[:length]) for length in range(1, len(parts) + 1)}


def imported(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """What these statements import as soon as they run, and what may be only a name in a module."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            yield from imported(node.orelse)
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield from imported(ast.iter_child_nodes(node))


def circles() -> list[str]:
    """The modules that import, by way of others or of their packages, themselves."""
    package = Path(amlrun.__file__).parent
    uses: dict[str, set[str]] = {}
    for file in package.rglob("*.py"):
        path = ".".join(("amlrun", *file.relative_to(package).with_suffix("").parts))
        name = path.removesuffix(".__init__")
        names = {one for found in imported(ast.parse(file.read_bytes()).body) for one in around(found)}
        uses[name] = (names | around(name)) - {name}

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        ahead = [start]
        while ahead:
            new = uses.get(ahead.pop(), set()) - seen
            seen |= new
            ahead.extend(new)
        return seen

    return sorted(name for name in uses if name in reached(name))


def test_any_module_may_be_the_first_that_is_imported(tmp_path: Path) -> None:
    """No module rests on another one having been imported before it.

    That can be only where modules import each other: of those, each is the first one once.
    """
    names = circles()
    code = f"""
        import importlib, sys
        for name in {names!r}:
            for loaded in [one for one in sys.modules if one.partition(".")[0] == "amlrun"]:
                del sys.modules[loaded]
            importlib.import_module(name)
    """
    assert names[-1] in modules_after(textwrap.dedent(code), tmp_path)


def test_the_exported_names_are_the_real_ones() -> None:
    """Each public name is there, documented, and listed; there is no other."""
    for name in amlrun.__all__:
        assert getattr(amlrun, name).__doc__, name
    assert set(amlrun.__all__) <= set(dir(amlrun))
    assert amlrun.__all__ == sorted(amlrun.__all__)
    with pytest.raises(AttributeError, match="no_such_name"):
        amlrun.no_such_name  # noqa: B018  that it fails is the promise


def test_every_error_is_exported_and_drawn() -> None:
    """The tree at the head of the module is the real one, and each error has a code of its own."""
    errors = {
        name: value
        for name, value in vars(_errors).items()
        if isinstance(value, type) and issubclass(value, amlrun.AmlrunError)
    }
    assert set(errors) <= set(amlrun.__all__)
    assert all(name in (_errors.__doc__ or "") for name in errors)
    codes = [error.code for error in errors.values()]
    assert len(set(codes)) == len(codes)
