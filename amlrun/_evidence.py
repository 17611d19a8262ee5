"""What the service said of an end that nobody can be sure of, kept in a file: evidence for an issue.

No recorded traffic shows a preemption: how one looks is put together from reports. The first end of a run
that is called preempted, or has no known cause, is kept as it came, without what is nobody's business.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import re
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from amlrun._ending import Ending
from amlrun._secrets import is_secret

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from amlrun._workspace import Workspace

UNCERTAIN = frozenset({Ending.PREEMPTED, Ending.CANCELED, Ending.UNKNOWN})
"""Ends that are told from signs which nobody has seen recorded, or from none."""
MOST = 20
"""Files that are kept: the newest."""
_FOLDER = "evidence"
_LONGEST_NAME = 60
_log = logging.getLogger("amlrun")


def keep(workspace: Workspace, group: str, ending: Ending, replies: Sequence[Mapping[str, Any]]) -> str:
    """Keep the replies about an end, if it is the first of its kind in this run; the path of the file.

    "": it is not uncertain, or there is no folder to keep it in (`AMLRUN_CACHE` names one). It is worth no
    error.
    """
    if ending not in UNCERTAIN or workspace.cache is None:
        return ""
    of = hashlib.sha256(f"{workspace.scope.path}/{group}".lower().encode()).hexdigest()[:8]
    path = workspace.cache / _FOLDER / f"{group[:_LONGEST_NAME]}-{of}-{ending}.json"
    if path.exists():
        return str(path)
    text = json.dumps([scrubbed(reply) for reply in replies], indent=1)
    new = path.with_suffix(f".{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new.write_text(text, encoding="utf-8")
        new.replace(path)
        _let_go(path.parent)
    except OSError as error:
        _log.debug("what is known of the end of %s is not kept: %s", group, error)
        with contextlib.suppress(OSError):
            new.unlink()
        return ""
    _log.info("%s: what the service said of its end (%s) is kept in %s", group, ending, path)
    return str(path)


def _let_go(folder: Path) -> None:
    files = sorted(folder.glob("*.json"), key=lambda file: file.stat().st_mtime, reverse=True)
    for file in files[MOST:]:
        file.unlink(missing_ok=True)


REMOVED = "(removed)"
_VARIABLES = frozenset({"environmentvariables", "environment_variables"})
_PRIVATE = frozenset(
    {
        *(
            "command",
            "args",
            "arguments",
            "inputs",
            "outputs",
            "input",
            "output",
            "jobs",
            "trial",
            "taskdetails",
        ),
        *("services", "endpoint", "tags", "description", "displayname", "name", "experimentname", "codeid"),
        *(
            "createdby",
            "lastmodifiedby",
            "username",
            "identity",
            "parameters",
            "environmentid",
            "componentid",
        ),
        *("datasets", "inputdatasets", "outputdatasets", "searchspace"),
        *("dockerarguments", "dockerargs", "dockerargslist", "conf"),
    }
)
"""What people write and who they are: it explains no end."""
_OWN = "amlrun."
"""Properties that hold the whole body again."""
_PARTS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(https?://[^\s?\"']+)\?[^\s\"')]*"), r"\1?…"),
    (re.compile(r"\beyJ[\w-]+\.[\w.-]+"), REMOVED),
    (re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+"), "(somebody)"),
    (re.compile(r"(?i)/subscriptions/[^/\s\"']+"), "/subscriptions/…"),
    (re.compile(r"(?i)/resourceGroups/[^/\s\"']+"), "/resourceGroups/…"),
    (re.compile(r"(?i)/workspaces/[^/\s\"']+"), "/workspaces/…"),
)


def scrubbed(reply: Any, key: str = "") -> Any:
    """A reply without secrets, signatures, people, and what the job's author wrote. Pure.

    The keys stay, so that it can be seen what there was; of environment variables their names.
    """
    if isinstance(reply, Mapping):
        hides = key.lower() in _VARIABLES
        return {
            name: REMOVED if hides or _is_private(str(name), value) else scrubbed(value, str(name))
            for name, value in reply.items()
        }
    if isinstance(reply, (list, tuple)):
        return [scrubbed(one, key) for one in reply]
    if not isinstance(reply, str):
        return reply
    if is_secret(key, reply):
        return REMOVED
    for pattern, instead in _PARTS:
        reply = pattern.sub(instead, reply)
    return reply


def _is_private(name: str, value: Any) -> bool:
    return value is not None and (name.lower() in _PRIVATE or name.startswith(_OWN))
