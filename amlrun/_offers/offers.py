"""An offer: one size in one tier at one place, with the limits that bind its nodes. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from amlrun._offers.computes import Kind

if TYPE_CHECKING:
    from amlrun._offers.limits import Limit
    from amlrun._offers.sizes import Size, Tier


@attrs.frozen(kw_only=True)
class Offer:
    """Nodes that can be had: of which size, in which tier, where.

    `compute` is `"serverless"` or a compute's name, `kind` what that is. `limits` are the rows of quota that
    bind nodes which must still be found, `known` whether all rows are there that should be. `against` is why
    no job can ever use it; "": one may.
    """

    size: Size
    tier: Tier
    compute: str = Kind.SERVERLESS.value
    kind: Kind = Kind.SERVERLESS
    limits: tuple[Limit, ...] = ()
    known: bool = True
    against: str = ""

    @property
    def price(self) -> float | None:
        """USD per node-hour; None: not known."""
        return self.size.price_for(self.tier)
