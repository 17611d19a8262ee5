"""`amlrun doctor --verify` on a command line: the proposal, the question, the jobs, the report, the file."""

from __future__ import annotations

import json
import sys
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from amlrun._errors import AmlrunError, InvalidRequest
from amlrun._verify.evidence import Redaction, evidence
from amlrun._verify.findings import Outcome
from amlrun._verify.report import report
from amlrun._verify.verify import propose, verify, versions

if TYPE_CHECKING:
    from amlrun._verify.findings import Finding
    from amlrun._verify.observed import World
    from amlrun._workspace import Workspace

DONE, OTHERWISE = 0, 1
_OWN = ("storageAccount", "keyVault", "containerRegistry", "applicationInsights", "friendlyName")
_LEAST = 3
"""Letters of a name that is one."""
FILE = "amlrun-verify.json"


def verified(
    workspace: Workspace,
    *,
    yes: bool = False,
    evidence_file: str | None = None,
    max_cost: float | None = None,
    environment: str | None = None,
) -> int:
    """Propose, ask once, send, report; the exit code: 1 where something is otherwise than assumed.

    Raises `InvalidRequest` where nobody can be asked and `yes` wasn't said (the proposal is printed all the
    same), and for a file that is there, or can't be. Nothing is sent before that.
    """
    check_said(evidence_file, max_cost)
    path = _file(evidence_file)
    proposal = propose(workspace, environment=environment, max_cost=max_cost)
    _tell(str(proposal))
    _tell(f"What the service answers goes into {path}: names and replies, no values, tokens or people.")
    if not yes and not sys.stdin.isatty():
        hint = "Add --yes: the jobs above are then sent without a question."
        raise InvalidRequest("Nothing was sent: nobody can be asked here", argument="yes", hint=hint)
    if not yes and not _agreed():
        _tell("Nothing was sent.")
        return DONE
    path.touch()  # what is to be written into must not fail when all has been sent
    failed = False

    def ended(world: World, found: tuple[Finding, ...]) -> None:
        nonlocal failed
        failed = bool(world.none_sent) or any(one.outcome is Outcome.OTHERWISE for one in found)
        text = json.dumps(evidence(world, found, versions(), redaction), indent=1)
        lost: OSError | None = None
        try:
            path.write_text(f"{text}\n", encoding="utf-8")
        except OSError as error:  # a full disk, say: what was found was paid for, and is told all the same
            lost = error
        shown = tuple(redaction.finding(one) for one in found)  # it is pasted, too
        sys.stdout.write(f"{report(shown, world)}\n")
        if world.none_sent:
            sys.stdout.write(f"No job could be sent: {redaction.text(world.none_sent)}\n")
        if lost is None:
            sys.stdout.write(f"\nWhat the service answered: {path}\n")
        sys.stdout.flush()
        if lost is not None:
            raise lost

    redaction = Redaction(_private(workspace))
    verify(proposal, _tell, ended)
    return OTHERWISE if failed else DONE


def check_said(evidence_file: str | None, max_cost: float | None) -> None:
    """Raises `InvalidRequest` for what can be refused before anybody is asked."""
    if max_cost is not None and not max_cost > 0:
        raise InvalidRequest(f"--max-cost {max_cost:g}: USD, more than 0", argument="max_cost")
    if evidence_file is None:
        return
    path = Path(evidence_file)
    why = "is there already" if path.exists() else "" if path.parent.is_dir() else "is in no folder"
    if why:
        message = f"--evidence {evidence_file}: it {why}. Nothing was sent"
        raise InvalidRequest(message, argument="evidence", hint="Name a file that is to be made.")


def _file(said: str | None) -> Path:
    """Where the evidence goes: into no file that holds another verification's, which was paid for."""
    path = Path(said or FILE)
    numbered = (path.with_stem(f"{path.stem}-{number}") for number in count(2))
    return path if said or not path.exists() else next(one for one in numbered if not one.exists())


def _private(workspace: Workspace) -> tuple[str, ...]:
    """The names that stand in no file."""
    scope = workspace.scope
    names = (scope.subscription_id, scope.resource_group, scope.workspace, *_belongings(workspace))
    try:
        account = workspace.rest.account()
    except AmlrunError:
        return names
    return names if account is None else (*names, account.name, account.object_id, account.tenant)


def _belongings(workspace: Workspace) -> tuple[str, ...]:
    """The names of what the workspace has, its storage, key vault and registry; and its own for people."""
    try:
        properties = workspace.rest.get(workspace.scope.path).get("properties") or {}
    except AmlrunError:
        return ()
    said = [str(properties.get(key) or "") for key in _OWN]
    return tuple(name for one in said if len(name := one.rpartition("/")[2]) >= _LEAST)


def _agreed() -> bool:
    sys.stderr.write("Send them? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")
