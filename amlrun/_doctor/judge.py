"""What follows from what was seen: each check with its cause and the way out, the gravest not first. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlrun._checks import Check, Level
from amlrun._checks.rights import of_rights
from amlrun._checks.versions import of_requirements, of_versions
from amlrun._checks.workspace import (
    of_build_compute,
    of_first_node,
    of_legacy,
    of_other_tenant,
    of_tenant,
)
from amlrun._denied import Lacking
from amlrun._error_replies import tenant_asked_for
from amlrun._needs import Ask
from amlrun._placement.obstacles import obstacles
from amlrun._rights import BLOBS
from amlrun._roles import Role
from amlrun._tables import listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from amlrun._doctor.seen import Asked, Seen
    from amlrun._offers import Datastore, Market

_OF_QUOTA = ("usages", "quotas", "vmSizes")
_PASSING = frozenset({429, 503})
"""The service is busy: it says nothing of what it would answer."""
_UNREAD = {
    "workspace": (Level.FAILS, "no job can be planned without it"),
    "computes": (Level.WARNING, "plans know of no clusters"),
    "datastores": (Level.UNKNOWN, "whether identities count for them is not known"),
    "jobs": (Level.WARNING, "runs can't be followed or attached to"),
    "permissions": (Level.UNKNOWN, "whether this account may send jobs is known when one is sent"),
    "registry": (Level.NOTE, "whether images can be pulled is not known"),
    "run-history": (Level.WARNING, "logs, and why a run failed, can't be told"),
    "storage": (Level.WARNING, "code can't be sent from here, nor outputs be brought"),
}
"""What follows where a GET gives nothing."""


def checks_of(seen: Seen) -> tuple[Check, ...]:
    """All of them, those that are fine too: machine, account, rights, then the workspace."""
    return (*_of_machine(seen), *seen.broken, *_of_account(seen), *_of_reading(seen), *_of_workspace(seen))


def _of_machine(seen: Seen) -> Iterator[Check]:
    for package, required in seen.requirements.items():
        yield from of_requirements(package, required, seen.versions)
    yield from of_versions(seen.versions)
    for name in seen.lost:
        what = f"{name} names a file that isn't there"
        yield Check("authorities", Level.FAILS, what, "no connection can be made", f"Mend or unset {name}")
    if seen.settings.get("connection_verify") == "False":
        what = "certificates are not looked at: anybody in between can read tokens"
        yield Check(
            "authorities", Level.WARNING, what, "connection_verify=False", "Name a file of authorities"
        )


def _of_account(seen: Seen) -> Iterator[Check]:
    if not seen.way:
        return
    who = "somebody whose token doesn't say who" if seen.account is None else str(seen.account)
    yield Check("signed-in", Level.OK, f"signed in as {who}, by {seen.way}")
    yield from of_tenant(seen.account, seen.market.workspace if seen.market else None)
    if seen.ends:
        yield Check("sign-in-ends", Level.WARNING, seen.ends)


def _of_reading(seen: Seen) -> Iterator[Check]:
    if seen.permissions is not None:
        object_id = seen.account.object_id if seen.account else ""
        yield from of_rights(seen.permissions, seen.workspace_id, object_id)
    asked = {one.name: one for one in seen.asked}
    yield from _of_quota([asked[name] for name in _OF_QUOTA if name in asked])
    yield from _of_limits(seen.market)
    failed = [one for one in seen.asked if one.name not in _OF_QUOTA and not one.fine]
    tenant = next(filter(None, (tenant_asked_for(one.why) for one in failed)), "")
    if tenant:
        # Each request is refused for that, in a page of the service's words.
        yield of_other_tenant(seen.account, tenant)
        failed = [one for one in failed if not tenant_asked_for(one.why)]
    if shut := [one for one in failed if one.name == "storage" and one.refused and not one.away]:
        yield _without_storage(shut, seen)
        failed = [one for one in failed if one not in shut]
    while failed:
        first = failed[0]
        alike = [one for one in failed if one is first or _alike(one, first)]
        yield _unread(alike)
        failed = [one for one in failed if one not in alike]


def _without_storage(shut: Sequence[Asked], seen: Seen) -> Check:
    """Of storage whose datastores hold no credentials: the role that whoever runs there needs."""
    hosts = listed(one.of for one in shut)
    # As reading is refused; that is not enough for a job, which writes.
    lack = Lacking(f"{BLOBS}/write", shut[0].of, seen.account.object_id if seen.account else "")
    what = f"this account may not read files at {hosts}: neither may its jobs with identity='user'"
    return Check("right-to-storage", Level.WARNING, what, shut[0].why, lack.way_out)


def _alike(one: Asked, first: Asked) -> bool:
    """Whether two requests fail for one cause: what the workspace itself answers counts for its parts."""
    same = (one.status, one.away) == (first.status, first.away)
    return same and (first.name == "workspace" or one.todo == first.todo != "")


def _unread(asked: Sequence[Asked]) -> Check:
    """Of requests that fail for one cause; what follows from the first is the gravest."""
    first = asked[0]
    level, follows = _UNREAD[first.name]
    if first.away:
        return Check(
            f"reach-{first.name}", level, f"{first.of} can't be reached: {follows}", first.why, first.todo
        )
    whats = listed(one.what for one in asked)
    if first.status in _PASSING and level in {Level.FAILS, Level.WARNING}:
        return Check(
            f"read-{first.name}", Level.UNKNOWN, f"{whats} can't be read now", first.why, "Ask again later"
        )
    todo = first.todo if level in {Level.FAILS, Level.WARNING} else ""
    what = f"{whats} can't be read: {follows}"
    return Check(f"read-{first.name}", level, what, first.why, todo)


def _of_quota(asked: list[Asked]) -> Iterator[Check]:
    if not asked:
        return
    if not (failed := [one for one in asked if not one.fine]):
        yield Check("right-to-read-quota", Level.OK, "this account may read quota and sizes")
        return
    follows = "plans rest on tables; no job is stopped by that"
    what = f"{listed(one.what for one in failed)} can't be read ({follows})"
    level = Level.WARNING if any(one.refused for one in failed) else Level.UNKNOWN  # no right is missing
    yield Check("right-to-read-quota", level, what, failed[0].why, failed[0].todo)


def _of_limits(market: Market | None) -> Iterator[Check]:
    """Of all families together: a subscription that has never asked for quota may have none."""
    quota = market.quota if market is not None else None
    if market is None or quota is None:
        return
    none = f"there is no Azure ML quota for {{}} nodes in {quota.location}"
    todo = f"Ask for it: {market.studio}/quota"
    if quota.dedicated_total is not None and quota.dedicated_total.limit == 0:
        yield Check("quota-dedicated", Level.WARNING, none.format("dedicated"), "", todo)
    if quota.spot_total is not None and quota.spot_total.limit == 0:
        yield Check("quota-spot", Level.NOTE, none.format("spot"), "", todo)


def _of_workspace(seen: Seen) -> Iterator[Check]:
    market = seen.market
    if market is None or market.workspace is None:
        return
    if seen.folder:
        yield from _of_local(seen)
        return
    facts = market.workspace
    yield from of_legacy(facts)
    yield from of_first_node(facts)
    yield from of_build_compute(facts, market.computes)
    yield from _of_serverless(market)
    if facts.user_assigned:
        has = listed(str(one) for one in facts.user_assigned)
        yield Check("identities", Level.NOTE, f"jobs may have the workspace's identity: {has}")
    yield from _of_datastores(seen.datastores or (), keyless=facts.keyless)


def _of_serverless(market: Market) -> Iterator[Check]:
    found = obstacles(Ask(), market)
    for one in found:
        level = Level.FAILS if one.certain else Level.WARNING
        yield Check("serverless", level, one.reason, "", one.hint.rstrip("."))
    if not found:
        yield Check("serverless", Level.OK, "nothing is known that keeps jobs from serverless")


def _of_datastores(stores: tuple[Datastore, ...], *, keyless: bool) -> Iterator[Check]:
    if keyed := [store.name for store in stores if store.keyed]:
        what = f"credentials are stored in {listed(keyed)}: there they win over a job's identity"
        yield Check("datastore-credentials", Level.NOTE, what)
    bare = [store.name for store in stores if store.keyed is False]
    if bare or keyless:
        names = listed(bare) or "the workspace's own datastores"
        what = f"{names} hold no credentials: a job needs an identity there"
        accounts = dict.fromkeys(store.account for store in stores if store.keyed is False and store.account)
        on = f"on {listed(accounts)}" if accounts else "on their storage"
        who = "submit(…, identity='user'), or 'managed': who that is"
        todo = f"{who} needs the role {Role.BLOB_CONTRIBUTOR} {on}"
        yield Check("datastore-identity", Level.NOTE, what, "no role on the workspace opens storage", todo)


def _of_local(seen: Seen) -> Iterator[Check]:
    yield Check(
        "local",
        Level.NOTE,
        f"jobs run on this machine, as processes of this Python; all of it is kept in {seen.folder}",
        "it takes commands, sweeps and pipelines, of one node each; the environments that they name are not"
        " built; quota, sizes and prices are a real region's, and nothing is billed",
        "On Azure the same calls run unchanged: AMLRUN_WORKSPACE=<subscription>/<resource group>/<workspace>",
    )
