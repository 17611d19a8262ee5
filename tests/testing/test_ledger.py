"""The quota ledger: never over a limit, and what is released is what was taken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amlrun._offers import Tier
from amlrun.testing._supply.ledger import TOTALS, Hold, Ledger, Row
from amlrun.testing._supply.usages import default_ledger

FAMILIES = ("standardDSv2Family", "Standard NCASv3_T4 Family", "noRowFamily")
holds = st.builds(
    Hold, st.sampled_from(FAMILIES), st.sampled_from([Tier.STANDARD, Tier.SPOT]), st.integers(1, 40)
)
limits = st.integers(0, 60)


@st.composite
def ledgers(draw: st.DrawFn) -> Ledger:
    """Any limits, with others' use below or above them."""
    rows = {
        ("standarddsv2family", Tier.STANDARD): Row(draw(limits), draw(limits)),
        ("standardncasv3t4family", Tier.STANDARD): Row(draw(limits), 0),
        ("totaldedicatedcores", Tier.STANDARD): Row(draw(limits), draw(st.integers(0, 10))),
        ("totallowprioritycores", Tier.SPOT): Row(draw(limits), draw(limits)),
    }
    return Ledger(rows)


@given(ledgers(), st.lists(holds, max_size=12))
def test_what_is_taken_never_passes_a_limit(ledger: Ledger, wanted: list[Hold]) -> None:
    """However holds come, no row that they count in goes over its limit by them."""
    for hold in wanted:
        if ledger.short(hold) is None:
            ledger = ledger.take(hold)
            for name in (hold.family, TOTALS[hold.tier]):
                limit = ledger.limit(name, hold.tier)
                assert limit is None or ledger.used(name, hold.tier) <= limit
        else:
            with pytest.raises(ValueError, match="does not fit"):
                ledger.take(hold)


@given(ledgers(), st.lists(holds, max_size=12))
def test_what_is_released_is_what_was_taken(ledger: Ledger, wanted: list[Hold]) -> None:
    """Every hold given back, the ledger counts as it did before; nothing more can be given back."""
    taken = []
    before = {(name, tier): ledger.used(name, tier) for name in FAMILIES for tier in TOTALS}
    for hold in wanted:
        if ledger.short(hold) is None:
            ledger = ledger.take(hold)
            taken.append(hold)
    for hold in taken:
        ledger = ledger.release(hold)
    assert {key: ledger.used(*key) for key in before} == before
    for hold in wanted:
        with pytest.raises(ValueError, match="not held"):
            ledger.release(hold)


@given(ledgers(), holds)
def test_what_can_never_fit_does_not_fit_now(ledger: Ledger, hold: Hold) -> None:
    """`never` is about limits alone: it implies `short`, with the figures of the row that binds."""
    if shortage := ledger.never(hold):
        assert ledger.short(hold) is not None
        assert shortage.needed > shortage.limit


@given(ledgers(), st.lists(holds, max_size=6))
def test_a_ledger_comes_back_as_it_was_kept(ledger: Ledger, wanted: list[Hold]) -> None:
    """JSON and back is the same ledger."""
    for hold in wanted:
        ledger = ledger if ledger.short(hold) else ledger.take(hold)
    assert Ledger.from_json(ledger.to_json()) == ledger


@given(ledgers(), st.sampled_from(FAMILIES), st.integers(0, 8), st.integers(0, 30), st.integers(0, 9))
def test_as_many_fit_as_can_be_taken(
    ledger: Ledger, family: str, capacity: int, own: int, count: int
) -> None:
    """So many, and not one more: by the family's limit, the total, the workspace's own limit and capacity."""
    ledger = ledger.with_workspace_limit(family, own).with_capacity("Standard_X", capacity)
    one = Hold(family, Tier.STANDARD, 4, "Standard_X", 1)
    fit = ledger.fits(one, count)
    assert 0 <= fit <= count
    taken = ledger.take(one.times(fit)) if fit else ledger
    assert (taken.stock("standard_x").held, taken.held(family, Tier.STANDARD)) == (fit, 4 * fit)
    assert fit <= capacity
    assert 4 * fit <= own
    if fit < count:
        assert taken.short(one) is not None or taken.lacks(one)
    assert Ledger.from_json(taken.to_json()) == taken


def test_a_limit_of_the_workspaces_own_is_for_dedicated_nodes() -> None:
    """It binds what the workspace holds itself, tells so, and goes with -1."""
    ledger = default_ledger().with_workspace_limit("Standard_DSv2_Family", 4)
    ledger = ledger.with_row("standardDSv2Family", Tier.STANDARD, limit=None, others=12)
    assert ledger.short(Hold("standardDSv2Family", Tier.STANDARD, 4)) is None
    shortage = ledger.never(Hold("standardDSv2Family", Tier.STANDARD, 8))
    assert shortage is not None
    assert (shortage.of_workspace, shortage.limit, shortage.used) == (True, 4, 0)
    assert ledger.never(Hold("standardDSv2Family", Tier.SPOT, 8)) is None
    assert ledger.with_workspace_limit("standardDSv2Family", -1).workspace == {}


def test_a_family_without_a_row_cannot_be_had() -> None:
    """What usages doesn't list has no dedicated quota; spot asks the pool alone."""
    ledger = default_ledger()
    shortage = ledger.never(Hold("standardDFamily", Tier.STANDARD, 1))
    assert shortage is not None
    assert (shortage.row, shortage.limit, shortage.free) == ("standardDFamily", 0, 0)
    assert ledger.never(Hold("standardDFamily", Tier.SPOT, 1)) is None


def test_what_has_no_known_size_never_fits() -> None:
    """A node of no known size holds no cores that could be counted: none of them fits."""
    assert default_ledger().fits(Hold("standardDSv2Family", Tier.STANDARD, 0), 3) == 0
