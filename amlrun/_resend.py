"""Between two attempts: whether the run is still wanted, before and after the next one is sent."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from amlrun._again import sent_again
from amlrun._cancel import post_cancel
from amlrun._look import following, without_following
from amlrun._marks import marked

if TYPE_CHECKING:
    from amlrun._decision import Retry
    from amlrun._look import Watched
    from amlrun._workspace import Workspace

_log = logging.getLogger("amlrun")


def resent(workspace: Workspace, watched: Watched, retry: Retry) -> Watched:
    """The run with its next attempt, sent now, or adopted where another watcher has sent it.

    Canceled while that was on its way, it is canceled again. Raises what `sent_again` raises.
    """
    watched = watched.followed_by(sent_again(workspace, watched, retry))
    _log.info("%s: sent (attempt %d)", watched.last.name, watched.last.number)
    if marked(workspace, watched.group):  # canceled while it was on its way
        post_cancel(workspace, watched.last.name)
    return watched


def called_off(workspace: Workspace, watched: Watched) -> Watched:
    """The run was canceled: no attempt follows, and one that somebody had just sent is canceled, too."""
    sent = following(workspace, watched)
    if sent is None:
        return without_following(watched)
    watched = watched.followed_by(sent)
    post_cancel(workspace, watched.last.name)
    return watched
