from __future__ import annotations

import math

import pytest

from amlrun._offers import FamilyQuota, Limit, LimitKind, Quota, Size, Tier, limits_of, serverless_offers
from amlrun._placement.fit import bound, figures, fit
from amlrun._plan import Starts

A100 = "standardNCADSA100v4Family"
SIZE = Size("Standard_NC24ads_A100_v4", A100, 24, 220.0, 1, "A100", 64.0, True, 3.67, 0.74, "service")
TOTAL, POOL = "TotalDedicatedCores", "TotalLowPriorityCores"


def row(limit: int | None, used: int = 0, pending: int = 0, kind: LimitKind = LimitKind.FAMILY) -> Limit:
    """A row of its kind, with the service's name for it."""
    name = {LimitKind.TOTAL: TOTAL, LimitKind.SPOT_POOL: POOL}.get(kind, A100)
    return Limit(name, limit, used, kind, pending)


UNCAPPED = row(None, kind=LimitKind.TOTAL)


def held(
    family: Limit | None = None,
    *,
    total: Limit | None = UNCAPPED,
    pool: Limit | None = None,
    workspace: Limit | None = None,
) -> Quota:
    """A region with that family's rows."""
    return Quota("eastus", (FamilyQuota(A100, family, row(None), workspace),), total, pool)


@pytest.mark.parametrize(
    ("nodes", "quota", "starts", "words"),
    [
        (
            4,
            held(row(48, 24)),
            None,
            f"needs 4 x 24 = 96 vCPUs of {A100}; limit 48, in use 24, free 24: one node fits now, two ever",
        ),
        (
            2,
            held(row(48, 24)),
            Starts.QUEUED,
            f"needs 2 x 24 = 48 vCPUs of {A100}; limit 48, in use 24, free 24: one node fits now, two ever",
        ),
        (1, held(row(48, 24)), Starts.NOW, f"1 x 24 = 24 of 24 free vCPUs of {A100}"),
        (
            2,
            held(row(48, 24, 12)),
            Starts.QUEUED,
            (
                f"needs 2 x 24 = 48 vCPUs of {A100}; limit 48, in use 24, sent and not running yet 12,"
                " free 12: none fits now, two ever"
            ),
        ),
        (1, held(row(0)), None, f"needs 1 x 24 = 24 vCPUs of {A100}; limit 0"),
        (
            1,
            held(row(20, 24)),
            None,
            f"needs 1 x 24 = 24 vCPUs of {A100}; limit 20, in use 24, free 0: none fits now, none ever",
        ),
        (
            12,
            held(row(264)),
            None,
            f"needs 12 x 24 = 288 vCPUs of {A100}; limit 264, in use 0, free 264: 11 nodes fit now, 11 ever",
        ),
        (
            2,
            held(row(100), total=row(40, 20, kind=LimitKind.TOTAL)),
            None,
            f"needs 2 x 24 = 48 vCPUs of {TOTAL}; limit 40, in use 20, free 20: none fits now, one ever",
        ),
        (
            4,
            held(row(48), total=row(100, 90, kind=LimitKind.TOTAL)),
            None,
            (
                f"needs 4 x 24 = 96 vCPUs of {A100}; limit 48, in use 0, free 48: two nodes fit now, two"
                f" ever; {TOTAL} has 10 free: none fits now"
            ),
        ),
        (
            1,
            held(row(96, 96), total=row(24, 0, kind=LimitKind.TOTAL)),
            Starts.QUEUED,
            (
                f"needs 1 x 24 = 24 vCPUs of {A100}; limit 96, in use 96, free 0: none fits now, four ever;"
                f" {TOTAL} has a limit of 24: one ever"
            ),
        ),
        (
            1,
            held(row(96, 96), total=row(960, 96, kind=LimitKind.TOTAL)),
            Starts.QUEUED,
            f"needs 1 x 24 = 24 vCPUs of {A100}; limit 96, in use 96, free 0: none fits now, four ever",
        ),
        (
            2,
            held(row(96), workspace=row(24, 0, kind=LimitKind.WORKSPACE)),
            None,
            (
                f"needs 2 x 24 = 48 vCPUs of {A100} in this workspace; limit 24, in use at least 0, free"
                " at most 24: one node fits now, one ever"
            ),
        ),
        (
            1,
            held(row(96), workspace=row(24, 12, 6, kind=LimitKind.WORKSPACE)),
            Starts.QUEUED,
            (
                f"needs 1 x 24 = 24 vCPUs of {A100} in this workspace; limit 24, in use at least 12, sent"
                " and not running yet 6, free at most 6: none fits now, one ever"
            ),
        ),
        (3, held(row(None, 24)), Starts.NOW, "3 x 24 = 72 vCPUs, under no cap that is known"),
        (
            3,
            held(None, total=row(96, 0, kind=LimitKind.TOTAL)),
            Starts.UNKNOWN,
            f"3 x 24 = 72 of 96 free vCPUs of {TOTAL}",
        ),
        (
            5,
            held(None, total=row(24, 0, kind=LimitKind.TOTAL)),
            None,
            f"needs 5 x 24 = 120 vCPUs of {TOTAL}; limit 24, in use 0, free 24: one node fits now, one ever",
        ),
        (3, None, Starts.UNKNOWN, "3 x 24 = 72 vCPUs, under no cap that is known"),
    ],
)
def test_three_answers_with_their_arithmetic(
    nodes: int, quota: Quota | None, starts: Starts | None, words: str
) -> None:
    """Never, later, now: of the limit that binds most, and of another one where that takes more away."""
    found = fit(SIZE, nodes, Tier.STANDARD, quota)
    assert (found.starts, str(found)) == (starts, words)
    assert found.needed == nodes * 24


@pytest.mark.parametrize(
    ("pool", "starts"), [(row(24, 0, kind=LimitKind.SPOT_POOL), Starts.NOW), (None, Starts.UNKNOWN)]
)
def test_spot_nodes_are_bound_by_the_pool_alone(pool: Limit | None, starts: Starts) -> None:
    """Neither the family's limits, nor the workspace's, nor the total of dedicated nodes matter."""
    none = row(0)
    quota = held(none, total=row(0, kind=LimitKind.TOTAL), workspace=none, pool=pool)
    assert fit(SIZE, 1, Tier.SPOT, quota).starts is starts


def test_the_count_that_fits_is_that_of_all_limits() -> None:
    """So many nodes can be asked for instead; without a cap, as many as were asked for."""
    quota = held(
        row(48, 48), total=row(100, kind=LimitKind.TOTAL), workspace=row(30, kind=LimitKind.WORKSPACE)
    )
    assert fit(SIZE, 1, Tier.STANDARD, quota).fits == 1
    assert fit(SIZE, 9, Tier.STANDARD, quota).fits == 1
    assert fit(SIZE, 9, Tier.STANDARD, None).fits == 9
    assert fit(SIZE, 9, Tier.STANDARD, None).headroom == math.inf


def test_a_size_of_no_known_cpus_fits_nobody_knows_where() -> None:
    """Nothing is refused for what isn't known."""
    odd = Size("Standard_X", "", 0, 0.0, 0, None, 0.0, True, None, None, "")
    assert (
        fit(odd, 1, Tier.STANDARD, held(row(0), total=row(0, kind=LimitKind.TOTAL))).starts is Starts.UNKNOWN
    )
    (offer,) = serverless_offers([odd], Tier.STANDARD, held(row(0)))
    assert (offer.limits, offer.known) == ((), False)


def test_an_offer_has_the_rows_that_bind_it() -> None:
    """Family, workspace and total for dedicated nodes; the pool for spot; why no job can ever use it."""
    family, total, own = row(48), row(96, kind=LimitKind.TOTAL), row(24, kind=LimitKind.WORKSPACE)
    quota = held(family, total=total, workspace=own, pool=row(8, kind=LimitKind.SPOT_POOL))
    (offer,) = serverless_offers([SIZE], Tier.STANDARD, quota)
    assert (offer.limits, offer.known, offer.against) == ((family, own, total), True, "")
    assert (offer.compute, offer.price) == ("serverless", 3.67)
    (spot,) = serverless_offers([SIZE], Tier.SPOT, quota)
    assert (spot.limits, spot.price) == ((row(8, kind=LimitKind.SPOT_POOL),), 0.74)
    burstable = Size("Standard_B4ms", "b", 4, 16.0, 0, None, 32.0, True, 0.1, 0.02, "service")
    endpoint = Size("Standard_X", "x", 4, 16.0, 0, None, 32.0, False, 0.1, 0.02, "service")
    against = {
        offer.size.name: offer.against for offer in serverless_offers([burstable, endpoint], Tier.SPOT, quota)
    }
    assert against == {
        "Standard_B4ms": "is burstable (B): there are no spot nodes of it",
        "Standard_X": "is not for jobs",
    }
    assert limits_of("another", Tier.STANDARD, quota) == ((total,), False)


def test_of_limits_that_allow_the_same_the_first_is_named() -> None:
    """The family's, before the workspace's and the total: so that the answer is always the same."""
    rows = (row(48, 48), row(48, 48, kind=LimitKind.TOTAL))
    assert bound(rows, known=True).fit(1, 24).row is rows[0]
    assert bound(rows, known=True).fit(3, 24).row is rows[0]
    assert figures(rows[0]) == "limit 48, in use 48, free 0"


def test_a_total_that_is_not_told_is_not_known() -> None:
    """All families together have a limit: who doesn't tell it leaves open whether there is room."""
    assert fit(SIZE, 1, Tier.STANDARD, held(row(48, 24), total=None)).starts is Starts.UNKNOWN
    assert fit(SIZE, 2, Tier.STANDARD, held(row(48, 24), total=None)).starts is Starts.QUEUED


@pytest.mark.parametrize(("used", "starts"), [(0, Starts.NOW), (24, Starts.NOW), (25, Starts.UNKNOWN)])
def test_what_is_free_of_a_workspaces_own_limit_is_a_bound(used: int, starts: Starts) -> None:
    """Its use may be all that the family's is: it is now where there is room all the same."""
    own = Limit(A100, 72, 0, LimitKind.WORKSPACE)
    found = fit(SIZE, 2, Tier.STANDARD, held(row(480, used), workspace=own))
    assert found.starts is starts
    doubt = ", whose whole use nobody tells" if starts is Starts.UNKNOWN else ""
    assert str(found) == f"2 x 24 = 48 of at most 72 free vCPUs of {A100} in this workspace{doubt}"
    pending = fit(SIZE, 2, Tier.STANDARD, held(row(480, 12), workspace=Limit(A100, 72, 0, own.kind, 24)))
    assert pending.starts is Starts.UNKNOWN
    coming = fit(SIZE, 2, Tier.STANDARD, held(row(480, 12), workspace=Limit(A100, 72, 0, own.kind, 0, 24)))
    assert coming.starts is Starts.UNKNOWN
    full = fit(SIZE, 4, Tier.STANDARD, held(row(480, 0), workspace=own))
    assert full.starts is None
    assert (
        fit(SIZE, 2, Tier.STANDARD, held(row(480), workspace=row(None, kind=own.kind))).starts is Starts.NOW
    )
