"""The fast checks of a job, made with its plan: what they need is read beside what the plan needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from amlrun._checks import Level
from amlrun._checks.job import needs_datastores, of_job
from amlrun._errors import NotAuthorized

if TYPE_CHECKING:
    from collections.abc import Callable

    from amlrun._account import Account
    from amlrun._asking.request import Request
    from amlrun._offers import Market
    from amlrun._plan import Plan
    from amlrun._workspace import Workspace


def checking(workspace: Workspace, request: Request) -> Callable[[Plan, Market], Plan]:
    """Begin to read what the checks of a request need; what is returned puts on a plan what they found.

    Notes are reasons of it, all else is a warning. What can't be read is no reason not to send a job.
    """
    reading = workspace.lookups.datastores() if needs_datastores(request) else None

    def checked(plan: Plan, market: Market) -> Plan:
        known = () if reading is None else reading().value or ()
        found = tuple(of_job(request, plan, market, known, _account(workspace)))
        notes = tuple(check.words for check in found if check.level is Level.NOTE)
        warnings = tuple(check.words for check in found if check.level is not Level.NOTE)
        return attrs.evolve(plan, reasons=(*plan.reasons, *notes), warnings=(*plan.warnings, *warnings))

    return checked


def _account(workspace: Workspace) -> Account | None:
    """Who is signed in, as far as a plan needs to know: who sends it is told what is wrong with that.

    Raises `ServiceError` where nobody answers who gives tokens: nothing could be read or sent without one.
    """
    try:
        return workspace.rest.account()
    except NotAuthorized:
        return None
