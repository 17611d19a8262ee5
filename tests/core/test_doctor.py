"""What the doctor makes of what was seen, and how it is told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from amlrun._account import Account
from amlrun._account import Kind as AccountKind
from amlrun._checks import Check, Level
from amlrun._doctor.judge import checks_of
from amlrun._doctor.report import as_json, as_text
from amlrun._doctor.seen import Asked, Seen, Unforeseen
from amlrun._errors import NotAuthorized, ServiceError
from amlrun._offers import Limit, LimitKind, Market, Quota, WorkspaceFacts

FACTS = WorkspaceFacts(name="w", location="eastus", workspace_id="i", discovery_url="")
SDK = {"azure-ai-ml": "1.28.1"}


def seen(**facts: Any) -> Seen:
    """Somebody who is signed in, on a machine with nothing against it."""
    usual = {"python": "3.12", "versions": SDK, "workspace": "s/g/w", "workspace_id": "/s/g/w", "way": "az"}
    return Seen(**{**usual, **facts})


def levels(**facts: Any) -> dict[str, Level]:
    """The levels of what is said, by name."""
    return {check.name: check.level for check in checks_of(seen(**facts))}


def market(**totals: int) -> Market:
    """A region with these totals."""
    kinds = {"dedicated": LimitKind.TOTAL, "spot": LimitKind.SPOT_POOL}
    rows = {name: Limit(name, limit, 0, kinds[name]) for name, limit in totals.items()}
    quota = Quota("eastus", dedicated_total=rows.get("dedicated"), spot_total=rows.get("spot"))
    return Market("eastus", (), quota, workspace=FACTS)


def test_a_token_needs_not_say_whose_it_is() -> None:
    """Signed in is what counts."""
    (check,) = [check for check in checks_of(seen()) if check.name == "signed-in"]
    assert (check.level, check.what) == (Level.OK, "signed in as somebody whose token doesn't say who, by az")
    ada = Account("t", "o", AccountKind.PERSON, "ada@example.org")
    assert "account" not in as_text(seen(), ())
    assert as_text(seen(account=ada), ()).startswith("account       ada@example.org (person), tenant t\n")


@pytest.mark.parametrize(
    ("settings", "lost", "level"),
    [
        ({"connection_verify": "False"}, (), Level.WARNING),
        ({"REQUESTS_CA_BUNDLE": "/gone"}, ("REQUESTS_CA_BUNDLE",), Level.FAILS),
        ({"connection_verify": "/ca.pem"}, (), None),
    ],
)
def test_who_is_trusted(settings: dict[str, str], lost: tuple[str, ...], level: Level | None) -> None:
    """Nobody is asked for certificates, or a file of authorities isn't there."""
    assert levels(settings=settings, lost=lost).get("authorities") is level
    assert "in between" in as_text(seen(settings=settings), ())


def test_a_region_without_quota_is_told() -> None:
    """No dedicated node can be had; that spot isn't there either is good to know."""
    none = levels(market=market(dedicated=0, spot=0))
    assert (none["quota-dedicated"], none["quota-spot"]) == (Level.WARNING, Level.NOTE)
    some = seen(market=market(dedicated=20))
    assert "quota-dedicated" not in levels(market=some.market)
    assert "quota        0 of 20 dedicated vCPUs in use" in as_text(some, ())
    assert "quota        no total is told" in as_text(seen(market=market()), ())


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (None, 200),
        (ServiceError("no", status=500), 500),
        (ServiceError("no"), 0),
        (ServiceError("no", status=403, host="h"), 403),
        (NotAuthorized("no"), 403),
        (NotAuthorized("no", signed_in=False), 401),
        (Unforeseen(ZeroDivisionError("by zero")), None),
    ],
)
def test_each_answer_has_its_status(failure: Any, status: int | None) -> None:
    """HTTP's; 0 where none came, None for what nobody has foreseen."""
    one = Asked.answered("workspace", "the workspace", "/w", failure)
    assert (one.status, one.fine) == (status, status == 200)
    found = levels(asked=(one,))
    assert Level.FAILS in found.values() or status == 200


def test_a_right_that_is_missing_is_named_with_its_role() -> None:
    """Out of the service's own words."""
    words = (
        "GET /x: 403 AuthorizationFailed: The client 'a' with object id 'o' does not have authorization to "
        "perform action 'Microsoft.MachineLearningServices/locations/usages/read' over scope "
        "'/subscriptions/s/providers/Microsoft.MachineLearningServices/locations/eastus/usages' or …"
    )
    one = Asked.answered("usages", "quota", "/u", NotAuthorized(words))
    (check,) = [check for check in checks_of(seen(asked=(one,))) if check.name == "right-to-read-quota"]
    assert check.what.startswith("quota can't be read (")
    assert check.why.endswith("; the role Reader has it")
    text = as_text(seen(asked=(one,)), (check,))
    command = 'az role assignment create --assignee o --role "Reader" --scope /subscriptions/s'
    assert f"         {command}\n" in text
    passing = Asked.answered("usages", "quota", "/u", ServiceError("busy", status=503, hint="Later."))
    (check,) = [check for check in checks_of(seen(asked=(passing,))) if check.name == "right-to-read-quota"]
    assert (check.why, check.todo) == ("busy", "Later.")


@pytest.mark.parametrize(
    ("name", "level", "todo"),
    [("jobs", Level.WARNING, "Ask."), ("workspace", Level.FAILS, "Ask."), ("datastores", Level.UNKNOWN, "")],
)
def test_what_only_the_doctor_asks_is_nothing_to_mend(name: str, level: Level, todo: str) -> None:
    """No role is proposed to read what no job needs; where one needs it, what to do is told."""
    one = Asked.answered(name, f"its {name}", "/x", NotAuthorized("no", hint="Ask."))
    (check,) = [check for check in checks_of(seen(asked=(one,))) if check.name == f"read-{name}"]
    assert (check.level, check.todo) == (level, todo)


def test_the_gravest_comes_first_and_the_last_line_sums_up() -> None:
    """What is fine is not listed."""
    checks = tuple(Check(f"c-{level}", level, f"it is {level}", todo="Do so.") for level in Level)
    text = as_text(seen(), checks)
    told = [line.split()[0] for line in text.splitlines() if "it is" in line]
    assert told == ["fails", "warning", "unknown", "note"]
    assert text.endswith("\n\nA job would fail.")
    assert as_text(seen(), checks[:3]).endswith("not all of it could be seen.")


def test_the_same_way_out_is_told_once() -> None:
    """However much it mends; for programs each has its own."""
    checks = tuple(
        Check(name, Level.FAILS, f"it is {name}", todo="Give the role.\nThen wait.") for name in "ab"
    )
    text = as_text(seen(), checks)
    assert text.count("Give the role.") == 1
    assert "fails    it is b\n         The same as above mends it.\n" in text
    assert [one["todo"] for one in json.loads(as_json(seen(), checks))["checks"]] == [checks[0].todo] * 2


def test_json_has_everything_that_is_fine_too() -> None:
    """And the worst of all in one word."""
    checks = (Check("a", Level.OK, "fine"), Check("b", Level.UNKNOWN, "who knows"))
    found = json.loads(as_json(seen(market=market()), checks))
    assert [check["name"] for check in found["checks"]] == ["a", "b"]
    assert (found["worst"], found["account"], found["workspace"]["location"]) == ("unknown", None, "eastus")
    assert json.loads(as_json(seen(), ()))["workspace"]["location"] == ""
