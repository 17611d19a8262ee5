"""What the tiny jobs run: lines of shell and Python that print names and a few words of the platform's. Pure.

Each line is one whole command, so that any of them may fail without the others. What it has to tell it prints
behind a mark, as JSON; what comes back is taken by its name and kind, and nothing else of a log is.
"""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING, Any

from amlrun._names import CHECKPOINT_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MARK = "amlrun-verify"
OUTPUT = "amlrun_verify"
"""The output into which a job tries to write."""
_METADATA = "http://169.254.169.254/metadata/instance/compute?api-version=2021-02-01"
"""https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service"""
_OF_NODE = ("vmSize", "priority", "evictionPolicy")


def _python(*statements: str) -> str:
    return f"python -c {shlex.quote('; '.join(statements))}"


def _says(**fields: Any) -> str:
    return shlex.quote(f"{MARK} {json.dumps(fields)}")


def _print(fields: str) -> str:
    return f'print("{MARK}", json.dumps({fields}), flush=True)'


NAMES = _python("import json, os", _print('{"names": sorted(os.environ)}'))
"""Which environment variables there are: their names."""
NODE = (
    _python(
        "import json, urllib.request as u",
        "open = u.build_opener(u.ProxyHandler({})).open",
        f'said = json.load(open(u.Request("{_METADATA}", headers={{"Metadata": "true"}}), timeout=5))',
        _print(f'{{"node": {{key: said.get(key) for key in {_OF_NODE}}}}}'.replace("'", '"')),
    )
    + f" 2>/dev/null || echo {_says(node=None)}"
)
"""What the node is, as its own metadata say: three words, where a job may ask for them."""
WRITE = (
    _python(
        "import sys",
        'file = open(sys.argv[1] + "/written", "w")',
        f'file.write("{MARK}")',
        "file.close()",
    )
    + f" ${{{{outputs.{OUTPUT}}}}} && echo {_says(blob='written')} || echo {_says(blob='refused')}"
)
"""Whether a file can be written into an output."""
CHECKPOINT = (
    _python(
        "import json, os, signal",
        f'path = os.environ["{CHECKPOINT_VARIABLE}"] + "/first"',
        "found = os.path.exists(path)",
        _print('{"found": found}'),
        'file = None if found else open(path, "w")',
        f'_ = file and (file.write("{MARK}"), file.flush(), file.close())',
        "_ = file and os.kill(os.getppid(), signal.SIGKILL)",
    )
    + "; true"  # or else the shell would be this Python, and its parent nobody that we may kill
)
"""The first time: writes a file, and kills the shell at once. From then on: says that the file is there."""


def sleep(minutes: float) -> str:
    """Does nothing for so long."""
    return f"sleep {minutes * 60:g}"


def program(*lines: str) -> str:
    """All of these, one after another, whatever becomes of each."""
    return "; ".join(lines)


_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]{0,99}")
_WORD = re.compile(r"[A-Za-z0-9_\-]{0,60}")


def _names(value: Any) -> list[str] | None:
    return (
        [one for one in value if isinstance(one, str) and _NAME.fullmatch(one)]
        if isinstance(value, list)
        else None
    )


def _node(value: Any) -> dict[str, str] | None:
    if not isinstance(value, dict):
        return None
    return {
        key: value[key] for key in _OF_NODE if isinstance(value.get(key), str) and _WORD.fullmatch(value[key])
    }


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _outcome(value: Any) -> str | None:
    return value if value in ("written", "refused") else None


_KINDS: Mapping[str, Callable[[Any], Any]] = {
    "names": _names,
    "node": _node,
    "found": _flag,
    "blob": _outcome,
}


def said(log: str) -> dict[str, Any]:
    """What a program has told in its log, by name; what is of another kind than it should be is None."""
    found: dict[str, Any] = {}
    for line in log.splitlines():
        before, mark, after = line.partition(f"{MARK} ")
        if not mark or before.strip():
            continue
        try:
            told = json.loads(after)
        except ValueError:
            continue
        if isinstance(told, dict):
            found |= {key: _KINDS[key](value) for key, value in told.items() if key in _KINDS}
    return found


def told_line(fields: Mapping[str, Any]) -> str:
    """As a program prints it."""
    return f"{MARK} {json.dumps(dict(fields))}"
