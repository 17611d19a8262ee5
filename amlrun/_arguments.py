"""The keyword arguments of `submit` and `plan`, typed once. For type checkers and for `help`; no code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypedDict

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence
    from os import PathLike

    from amlrun._cluster import Cluster
    from amlrun._identity import Managed
    from amlrun._needs import Needs
    from amlrun._requeue import Requeue


class NodeOptions(TypedDict, total=False):
    """Of nodes, wherever they are. See `default_compute`."""

    instance_type: str | Sequence[str] | None
    instance_count: int | None
    tier: str | None
    cpus: int | None
    memory_gb: float | None
    gpus: int | None
    gpu: str | Sequence[str] | None
    needs: Needs | Mapping[str, Needs] | None


class Options(NodeOptions, total=False):
    """See `submit`."""

    compute: str | Cluster | Sequence[str | Cluster] | None
    timeout: float | dt.timedelta | None
    identity: str | Managed | Any | None
    requeue: Requeue | Literal[False] | None
    code: str | PathLike[str] | None
    environment: str | Any | None
    inputs: Mapping[str, Any] | None
    outputs: Mapping[str, Any] | None
    environment_variables: Mapping[str, str] | None
    name: str | None
    display_name: str | None
    experiment_name: str | None
    tags: Mapping[str, str] | None
