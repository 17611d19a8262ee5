"""`Cluster`: one to use, or to make where it isn't there. Pure."""

from __future__ import annotations

import attrs


@attrs.frozen
class Cluster:
    """A cluster of the workspace by its settings: used where it is there and alike, made where it isn't.

    `size` None: any that meets what the job needs. `min` and `max` are nodes, `idle` the seconds for which a
    node waits for work before it leaves.
    https://learn.microsoft.com/azure/machine-learning/how-to-create-attach-compute-cluster
    """

    name: str
    size: str | None = attrs.field(default=None, kw_only=True)
    min: int = attrs.field(default=0, kw_only=True)
    max: int = attrs.field(default=1, kw_only=True)
    tier: str = attrs.field(default="standard", kw_only=True)
    idle: float = attrs.field(default=120, kw_only=True)
    identity: str | None = attrs.field(default=None, kw_only=True)
    location: str | None = attrs.field(default=None, kw_only=True)
