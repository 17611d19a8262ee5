"""Whether a job's identity counts where its data stands: what datastores hold themselves decides. Pure.

https://learn.microsoft.com/azure/machine-learning/how-to-administrate-data-authentication
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from amlrun._checks.check import Check, Level
from amlrun._identity import IdentityKind
from amlrun._offers import Datastore
from amlrun._tables import listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from amlrun._identity import Identity

BUILT_IN = ("workspaceblobstore", "workspaceartifactstore")
"""Blob containers that every workspace has."""
KEYED, KEYLESS = "datastore-credentials", "datastore-identity"
_OF_ITS_OWN = frozenset({IdentityKind.USER, IdentityKind.MANAGED})


@attrs.frozen(kw_only=True)
class Reach:
    """What a job, or some steps of a pipeline, must reach, and as whom.

    `named` are the datastores that its inputs, outputs and checkpoints name, `usual` those to which goes what
    nobody has named a place for. `compute`: its compute has an identity, which counts where it has none.
    `who` has no identity, where it isn't all of the job; `takes_none`: it can be given none.
    """

    identity: Identity | None
    named: frozenset[str]
    usual: frozenset[str]
    compute: bool = False
    who: str = "the job"
    takes_none: bool = False


def counts(identity: Identity | None) -> bool:
    """Whether it is one that reaches storage by itself."""
    return identity is not None and identity.kind in _OF_ITS_OWN


def of_datastores(reach: Reach, stores: Iterable[Datastore], *, keyless: bool = False) -> Iterator[Check]:
    """What the plan of such a job says, of datastores as far as they are known.

    `keyless`: the workspace says that its own hold no credentials.
    """
    own = BUILT_IN if keyless else ()
    known = {
        **{name: Datastore(name=name, credentials="None") for name in own},
        **{store.name: store for store in stores},
    }
    named = [known[name] for name in sorted(reach.named) if name in known]
    usual = [known[name] for name in sorted(reach.usual - reach.named) if name in known]
    if counts(reach.identity):
        yield from _keyed(reach, named, usual)
    elif not reach.compute:
        yield from _keyless(reach, [store for store in (*named, *usual) if store.keyed is False])


def _keyed(reach: Reach, named: list[Datastore], usual: list[Datastore]) -> Iterator[Check]:
    said = f"identity='{reach.identity}'"
    if winners := [store for store in named if store.keyed]:
        holds = "; ".join(f"{store.name} holds {store.holds}" for store in winners)
        bare = [store.name for store in named if store.keyed is False]
        mixed = (
            f", and {listed(bare)} {'holds' if len(bare) == 1 else 'hold'} none: the two don't mix in one job"
        )
        yield Check(
            KEYED,
            Level.WARNING,
            f"{said} doesn't count for {listed([store.name for store in winners])}",
            f"credentials that are stored in a datastore win over identity ({holds}{mixed if bare else ''})",
            "Use a datastore of the same container without credentials, or leave the identity out",
        )
    if winners := [store for store in usual if store.keyed]:
        names = listed([store.name for store in winners])
        yield Check(
            KEYED,
            Level.NOTE,
            f"what has no place of its own goes to {names}, whose stored credentials win over {said}",
        )


def _keyless(reach: Reach, stores: list[Datastore]) -> Iterator[Check]:
    if stores:
        hold = "holds" if len(stores) == 1 else "hold"
        role = "Storage Blob Data Contributor"
        way_out = f"Say identity='user', or 'managed' with an identity that has {role} there"
        if reach.takes_none:
            way_out = "As a step, a sweep takes none: submit it as a job, or name a cluster that has one"
        yield Check(
            KEYLESS,
            Level.WARNING,
            f"{listed([one.name for one in stores])} {hold} no credentials, and {reach.who} has no identity",
            "only who has a right of their own reaches such a datastore",
            way_out,
        )
