"""What the account may do, from what its roles allow."""

from __future__ import annotations

from amlrun._checks import Check, Level
from amlrun._checks.rights import of_rights, permissions_from
from amlrun._roles import Permissions, Role

WORKSPACE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"
SCIENTIST, READER, OWNER = (role.permissions for role in (Role.DATA_SCIENTIST, Role.READER, Role.CONTRIBUTOR))


def found(*permissions: Permissions) -> dict[str, Check]:
    """The checks, by their names."""
    return {check.name: check for check in of_rights(permissions, WORKSPACE)}


def test_a_data_scientist_may_submit_and_makes_no_clusters() -> None:
    """The usual case: that no clusters can be made is worth a note, since serverless needs none."""
    checks = found(SCIENTIST)
    assert [checks[name].level for name in ("right-to-submit", "right-to-follow")] == [Level.OK, Level.OK]
    assert checks["right-to-make-clusters"].level is Level.NOTE
    assert "computes/write" in checks["right-to-make-clusters"].why


def test_a_reader_may_not_submit() -> None:
    """It is told which rights are missing, which role has them, and where it is given."""
    check = found(READER)["right-to-submit"]
    assert check.level is Level.FAILS
    assert check.why.startswith("of Microsoft.MachineLearningServices/workspaces/… it lacks jobs/write, ")
    assert "computes/read" not in check.why
    assert check.todo.startswith(f"The role AzureML Data Scientist on {WORKSPACE} ")
    owned, *_ = of_rights([READER], WORKSPACE, "object-id")
    assert f'--assignee object-id --role "AzureML Data Scientist" --scope {WORKSPACE}' in owned.todo


def test_roles_add_up() -> None:
    """What one doesn't allow, another one may; who may do everything is told nothing of clusters."""
    assert found(READER, SCIENTIST)["right-to-submit"].level is Level.OK
    assert set(found(OWNER)) == {"right-to-submit", "right-to-follow"}
    assert found()["right-to-follow"].level is Level.FAILS


def test_replies_are_read_for_what_they_have() -> None:
    """Whatever isn't a list of texts allows nothing."""
    rows = [{"actions": ["*"], "notActions": ["a/b", 3], "dataActions": "x"}, {}]
    assert permissions_from(rows) == (Permissions(("*",), ("a/b",)), Permissions())
