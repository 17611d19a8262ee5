"""Many at once: jobs read for a round of looks, and what follows from each, side by side."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from amlrun._sending import read_job

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from amlrun._pace import Pace
    from amlrun._workspace import Workspace

AT_ONCE, PER_SECOND = 150, 20.0
"""Of the resource manager's limit on reads (250 at once, refilled at 25 a second) what a watcher takes."""
_THREADS = 8
T = TypeVar("T")
R = TypeVar("R")


def read_jobs(wanted: Sequence[tuple[Workspace, str]], pace: Pace) -> list[dict[str, Any] | Exception]:
    """These jobs as the service tells them, in order; one that can't be read is its error, and no other's.

    One GET for each, which soon gives up where nothing is answered, for others wait. The bulk reads that
    there are (the job list by property, run history's batch) were never seen to work, and would go here.
    """

    def read(one: tuple[Workspace, str]) -> dict[str, Any] | Exception:
        workspace, name = one
        pace.keep()
        try:
            return read_job(workspace, name, workspace.rest.bounded())
        except Exception as error:  # noqa: BLE001 - this one's, whatever it is
            return error

    return side_by_side(read, wanted)


def side_by_side(act: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """What `act` makes of each, in order, a few at a time.

    One alone needs no thread, so that an interrupt finds nothing to wait for.
    """
    if len(items) == 1:
        return [act(items[0])]
    if not items:
        return []
    pool = ThreadPoolExecutor(min(_THREADS, len(items)), thread_name_prefix="amlrun")
    try:
        futures = [pool.submit(act, item) for item in items]
        return [future.result() for future in futures]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
