"""What importing costs."""

from __future__ import annotations

import subprocess
import sys


def heavy_after(modules: str) -> str:
    """What importing these modules in a new process brings along of what is slow to import."""
    heavy = "name.split('.')[0] in ('azure', 'requests', 'responses')"
    script = f"import sys, {modules}; print([name for name in sys.modules if {heavy}])"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return found.stdout.strip()


def test_importing_the_fake_pulls_in_nothing_heavy() -> None:
    """`import amlrun.testing`, its plugin included, loads no azure module, no requests and no responses."""
    assert heavy_after("amlrun.testing, amlrun.testing.plugin") == "[]"


def test_a_supervisor_needs_no_azure() -> None:
    """The process that carries a job, and starts with each, imports nothing of Azure and no HTTP library."""
    assert heavy_after("amlrun.testing._local.supervisor") == "[]"


def test_the_public_names_are_the_real_ones() -> None:
    """Every name of `__all__` is there and listed, and another one is an AttributeError."""
    import pytest

    import amlrun.testing

    for name in amlrun.testing.__all__:
        assert getattr(amlrun.testing, name).__name__ == name
    assert dir(amlrun.testing) == sorted(amlrun.testing.__all__)
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        _ = amlrun.testing.nothing_of_the_kind
