"""Checks as values, and those of datastores and of the workspace."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from amlrun._account import Account
from amlrun._account import Kind as AccountKind
from amlrun._checks import Check, Level, worst
from amlrun._checks.datastores import Reach, of_datastores
from amlrun._checks.workspace import (
    of_build_compute,
    of_first_node,
    of_legacy,
    of_other_tenant,
    of_tenant,
)
from amlrun._identity import Identity, IdentityKind
from amlrun._offers import Compute, Datastore, Kind, WorkspaceFacts

KEY = Datastore(name="workspaceblobstore", credentials="AccountKey")
SAS = Datastore(name="shared", credentials="Sas")
BARE = Datastore(name="lake", credentials="None")
UNTOLD = Datastore(name="old")
USER = Identity(IdentityKind.USER)
FACTS = WorkspaceFacts(name="ws", location="eastus", workspace_id="w", discovery_url="")
ADA = Account("Tenant-A", "object", AccountKind.PERSON, "ada@example.org")


def reach(identity: Identity | None, *named: str, **more: Any) -> Reach:
    """A job that names these datastores; what has no place of its own goes to the workspace's."""
    return Reach(identity=identity, named=frozenset(named), usual=frozenset({"workspaceblobstore"}), **more)


def found(asked: Reach, *stores: Datastore, **more: Any) -> list[tuple[Level, str]]:
    """What is said of it."""
    return [(check.level, check.words) for check in of_datastores(asked, stores, **more)]


def test_a_check_is_one_line_with_its_cause_and_the_way_out() -> None:
    """What, why and what to do; what is empty leaves no stop behind."""
    assert Check("a", Level.WARNING, "it may fail", "there is no route", "Give it one.").words == (
        "it may fail: there is no route. Give it one"
    )
    assert Check("a", Level.OK, "it is fine").words == "it is fine"
    assert str(Level.FAILS) == "fails"


def test_the_worst_of_many_counts() -> None:
    """What is not known is less than a warning, and of nothing there is nothing to say."""
    checks = tuple(Check(str(level), level, "…") for level in (Level.UNKNOWN, Level.WARNING, Level.NOTE))
    assert worst(checks) is Level.WARNING
    assert worst(()) is Level.OK


def test_a_check_is_json() -> None:
    """With its level as a word."""
    check = Check("right-to-submit", Level.FAILS, "no")
    assert check.to_dict() == {
        "name": "right-to-submit",
        "level": "fails",
        "what": "no",
        "why": "",
        "todo": "",
    }


def test_stored_credentials_win_over_an_identity() -> None:
    """Where the job names such a datastore that is a warning, with what is stored and the way out."""
    ((level, words),) = found(reach(USER, "shared"), SAS)
    assert level is Level.WARNING
    assert words == (
        "identity='user' doesn't count for shared: credentials that are stored in a datastore win over"
        " identity (shared holds a SAS). Use a datastore of the same container without credentials, or leave"
        " the identity out"
    )


def test_credentials_and_identity_do_not_mix() -> None:
    """Both in one job is told as that, with each by its name."""
    ((_, words),) = found(reach(USER, "shared", "lake"), SAS, BARE)
    assert "shared holds a SAS, and lake holds none: the two don't mix in one job" in words
    other = attrs.evolve(BARE, name="sea")
    ((_, words),) = found(reach(USER, "shared", "lake", "sea"), SAS, BARE, other)
    assert "lake and sea hold none" in words


def test_where_nobody_named_a_place_it_is_a_note() -> None:
    """Every workspace has a key there: no reason to be warned of each job."""
    ((level, words),) = found(reach(Identity(IdentityKind.MANAGED)), KEY)
    assert level is Level.NOTE
    assert words == (
        "what has no place of its own goes to workspaceblobstore, whose stored credentials win over"
        " identity='managed'"
    )


@pytest.mark.parametrize("identity", [None, Identity(IdentityKind.TOKEN)])
def test_without_credentials_an_identity_is_needed(identity: Identity | None) -> None:
    """The job's own, or its compute's."""
    ((level, words),) = found(reach(identity, "lake"), BARE, KEY)
    assert level is Level.WARNING
    assert words.startswith("lake holds no credentials, and the job has no identity: ")
    assert "identity='user'" in words
    assert found(reach(identity, "lake", compute=True), BARE, KEY) == []
    assert found(reach(USER, "lake"), BARE) == []


def test_who_can_be_given_no_identity_isnt_told_to_say_one() -> None:
    """A sweep as a step: the way out is another place for it."""
    asked = reach(None, "lake", who="its step search", takes_none=True)
    ((_, words),) = found(asked, BARE)
    assert words.startswith("lake holds no credentials, and its step search has no identity: ")
    assert "identity='user'" not in words
    assert "submit it as a job" in words


def test_a_workspace_may_say_that_its_own_hold_none() -> None:
    """Then nothing has to be listed; what is listed counts more."""
    ((_, words),) = found(reach(None), keyless=True)
    assert words.startswith("workspaceblobstore holds no credentials")
    assert found(reach(None), KEY, keyless=True) == []


def test_what_is_not_known_is_not_told() -> None:
    """A datastore that isn't listed, or doesn't say what it holds."""
    assert found(reach(USER, "old", "gone"), UNTOLD) == []
    assert found(reach(None, "old", "gone"), UNTOLD) == []


def test_an_account_of_another_tenant_is_told() -> None:
    """With both, and how to sign in to the right one; the case doesn't matter."""
    (check,) = of_tenant(ADA, attrs.evolve(FACTS, tenant="tenant-b"))
    assert check.level is Level.WARNING
    assert "ada@example.org is signed in to the tenant Tenant-A" in check.words
    assert check.todo == "Sign in there: az login --tenant tenant-b"
    for facts in (attrs.evolve(FACTS, tenant="TENANT-A"), FACTS, None):
        assert [*of_tenant(ADA, facts)] == []
    assert [*of_tenant(None, attrs.evolve(FACTS, tenant="tenant-b"))] == []


def test_a_token_of_another_tenant_that_is_refused() -> None:
    """Whose it is, if that can be told, and where to sign in."""
    check = of_other_tenant(ADA, "tenant-b")
    assert f"{ADA} of tenant {ADA.tenant} is of another tenant than the subscription" in check.what
    assert (check.level, check.todo) == (Level.FAILS, "Sign in there: az login --tenant tenant-b")
    assert of_other_tenant(None, "tenant-b").what.startswith("this account is of another tenant")


def test_the_first_node_waits_for_its_network() -> None:
    """Where there is to be one, and it is told that it isn't there yet."""
    isolated = attrs.evolve(FACTS, isolation="AllowInternetOutbound", network_ready=False)
    (check,) = of_first_node(isolated)
    assert (check.level, check.what) == (Level.WARNING, "the first node takes about 30 minutes")
    ready = [attrs.evolve(isolated, network_ready=ready) for ready in (True, None)]
    for facts in (*ready, attrs.evolve(isolated, isolation="Disabled"), None):
        assert [*of_first_node(facts)] == []


def test_a_workspace_in_legacy_mode_is_told() -> None:
    """It turns off the API that jobs are sent with."""
    (check,) = of_legacy(attrs.evolve(FACTS, legacy=True))
    assert (check.name, check.level) == ("legacy-mode", Level.WARNING)
    assert [*of_legacy(FACTS), *of_legacy(None)] == []


@pytest.mark.parametrize(
    ("computes", "words"),
    [
        ([], "is not there"),
        ([Compute(name="CPU", kind=Kind.INSTANCE)], "is a ComputeInstance"),
        ([Compute(name="CPU", kind=Kind.CLUSTER)], "has no nodes"),
        ([Compute(name="CPU", kind=Kind.CLUSTER, max_nodes=2)], ""),
        (None, ""),
    ],
)
def test_the_image_build_compute_must_be_able_to_build(computes: list[Compute] | None, words: str) -> None:
    """It is there, a cluster, with nodes; where computes can't be read nothing is said."""
    said = [check.what for check in of_build_compute(attrs.evolve(FACTS, build_compute="cpu"), computes)]
    assert [words in one for one in said] == ([True] if words else [])


def test_no_build_compute_is_the_placements_business() -> None:
    """Whether one is needed depends on the job."""
    assert [*of_build_compute(FACTS, ())] == []
    assert [*of_build_compute(None, ())] == []
