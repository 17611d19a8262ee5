"""Canceling a run for good: the mark that every watcher sees, and the attempt that lives."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from amlrun._errors import AmlrunError, ServiceError
from amlrun._history import merge_tags
from amlrun._look import Watched, catch_up, without_following
from amlrun._memory import CANCEL_TAG
from amlrun._sending import job_path, read_job
from amlrun._states import ENDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from amlrun._workspace import Workspace


def cancel(workspace: Workspace, watched: Watched) -> Watched:
    """Mark the run as canceled, then cancel the attempt that lives. Harmless when repeated or too late.

    Where the mark can't be set, what lives is canceled all the same, and the error says what is left undone.
    """
    failed = unmarked = _mark(workspace, watched)
    try:
        watched = catch_up(workspace, watched)
    except AmlrunError as error:
        failed = error
    with _told_again(watched):
        canceled = _end(workspace, watched)
    if failed is not None:
        failed.hint = _left_undone(watched, canceled=canceled, marked=unmarked is None)
        raise failed
    with _told_again(watched):
        after = catch_up(workspace, watched)
        if after.last.number == watched.last.number:
            return without_following(after)
        _end(workspace, after)  # a watcher that hadn't seen the mark has just sent it
        return catch_up(workspace, after)


@contextlib.contextmanager
def _told_again(watched: Watched) -> Iterator[None]:
    """What fails here is told with what to do: what lives may still live."""
    try:
        yield
    except AmlrunError as error:
        again = f"Whether {watched.group} is canceled isn't known: cancel again, which is harmless."
        error.hint = "\n".join(filter(None, (again, error.hint)))
        raise


def _end(workspace: Workspace, watched: Watched) -> bool:
    """Whether there was something to cancel."""
    lives = watched.last.status not in ENDS
    if lives:
        post_cancel(workspace, watched.last.name)
    return lives


def _left_undone(watched: Watched, *, canceled: bool, marked: bool) -> str:
    name = watched.last.name
    done = f"{name} is canceled" if canceled else f"{name} is {watched.last.status}: nothing was canceled"
    left = "an attempt after it may live" if marked else "a watcher elsewhere may still requeue it"
    return f"{done}; {left}: cancel again."


def _mark(workspace: Workspace, watched: Watched) -> AmlrunError | None:
    try:
        first = read_job(workspace, watched.group)
        add_tag(workspace, watched.group, first, CANCEL_TAG, "true")
    except AmlrunError as error:
        return error
    return None


def add_tag(workspace: Workspace, name: str, job: Mapping[str, Any], tag: str, value: str) -> None:
    """Add a tag to a job, of which a GET was made."""
    # Assumed: a job without an experiment is in "Default"; and what is merged into the tags of its run
    # shows in the job's own GET.
    experiment = str(job["properties"].get("experimentName") or "Default")
    merge_tags(workspace, name, experiment, {tag: value})


def post_cancel(workspace: Workspace, name: str) -> None:
    """Ask the service to cancel one job, without the mark. One that is over already is what was wanted."""
    try:
        workspace.rest.send("POST", f"{job_path(workspace, name)}/cancel")
    except ServiceError as error:
        # Assumed: any job that is over answers so, as pipelines were seen to.
        if "InTerminalStatus" not in error.service_code:
            raise
