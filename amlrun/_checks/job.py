"""What a plan says of a job that isn't about its place: whose rights count, and what it waits for. Pure.

These checks are fast: they rest on what a plan reads anyway, and on the datastores where a job needs to know.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from amlrun._asking.datastores import datastores_in
from amlrun._checks.check import Check, Level
from amlrun._checks.datastores import Reach, counts, of_datastores
from amlrun._checks.workspace import BUILD, of_build_compute, of_first_node, of_legacy, of_tenant
from amlrun._job_types import JobType
from amlrun._jobs.dress import DATASTORE, checkpoint_folder
from amlrun._offers import Kind
from amlrun._placement.obstacles import unbuilt
from amlrun._tables import listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from amlrun._account import Account
    from amlrun._asking.request import Request
    from amlrun._identity import Identity
    from amlrun._needs import Ask
    from amlrun._offers import Datastore, Market
    from amlrun._plan import Plan

_LISTED = 4
"""Names of steps that are told."""
_IN_THE_NETWORK = frozenset({Kind.SERVERLESS, Kind.CLUSTER})
"""What stands in the workspace's managed network, once there is one."""


def needs_datastores(request: Request) -> bool:
    """Whether anything is asked of them: by an identity, or by a path in one of them."""
    return any(counts(ask.identity) for ask in _asks(request)) or bool(_named(request))


def of_job(
    request: Request, plan: Plan, market: Market, datastores: Iterable[Datastore], account: Account | None
) -> Iterator[Check]:
    """Of a job in the place that was planned. `datastores` are those that are known."""
    facts, known = market.workspace, tuple(datastores)
    yield from of_tenant(account, facts)
    yield from of_legacy(facts)
    if any(leaf.kind in _IN_THE_NETWORK for leaf in plan.leaves):
        yield from of_first_node(facts)
    if any(ask.own_image for ask in _asks(request)):
        yield from of_build_compute(facts, market.computes)
    yield from _unbuilt(request, plan, market)
    keyless = facts is not None and facts.keyless
    of_all = (of_datastores(reach, known, keyless=keyless) for reach in _reaches(request, plan, market))
    yield from dict.fromkeys(chain.from_iterable(of_all))


def _unbuilt(request: Request, plan: Plan, market: Market) -> Iterator[Check]:
    """That nothing builds its images; of serverless the placement says it."""
    away = (
        ask for ask, leaf in zip(_asks(request), plan.leaves, strict=True) if leaf.kind is not Kind.SERVERLESS
    )
    words = next(filter(None, (unbuilt(ask, market) for ask in away)), "")
    if words:
        what, _, todo = words.partition(". ")
        yield Check(BUILD, Level.WARNING, what, "", todo)


def _asks(request: Request) -> tuple[Ask, ...]:
    """Of each that runs."""
    return tuple(step.ask for step in request.steps) or (request.ask,)


def _named(request: Request) -> frozenset[str]:
    """The datastores that paths of the request name, its steps' among them."""
    given = datastores_in([*request.inputs.values(), *request.outputs.values()])
    own = (name for one in (request.settings, *request.settings.steps) for name in one.datastores)
    return frozenset({*given, *own})


def _reaches(request: Request, plan: Plan, market: Market) -> Iterator[Reach]:
    """What is reached as whom: all that runs with one identity, or on a compute with one, together."""
    named, usual = _named(request), frozenset({DATASTORE})
    policy = request.policy(plan.tier)
    if policy is not None and request.settings.type is JobType.COMMAND:
        folder = datastores_in([checkpoint_folder("", policy, request.defaults.checkpoint_datastore)])
        named, usual = (
            (named, usual.union(folder)) if policy.checkpoint is None else (named.union(folder), usual)
        )
    able = {compute.name.lower() for compute in market.computes or () if compute.identities}
    steps = [step.path for step in request.steps]
    whose: dict[tuple[Identity | None, bool, bool], list[str]] = {}
    for ask, leaf, path in zip(_asks(request), plan.leaves, steps or [""], strict=True):
        if ask.identity is not None or ask.job is not JobType.SPARK:  # which has its user's, or its pool's
            sweeps = bool(steps) and ask.job is JobType.SWEEP
            whose.setdefault((ask.identity, leaf.compute.lower() in able, sweeps), []).append(path)
    for (identity, own, sweeps), paths in sorted(whose.items(), key=str):
        who = _who(paths) if sweeps or len(paths) < len(steps) else "the job"
        yield Reach(identity=identity, named=named, usual=usual, compute=own, who=who, takes_none=sweeps)


def _who(paths: list[str]) -> str:
    """These steps of many."""
    if len(paths) == 1:
        return f"its step {paths[0]}"
    return f"each of its steps {listed(paths)}" if len(paths) <= _LISTED else f"each of {len(paths)} steps"
