"""Fine-tuning: on nodes that the service chooses, sizes of serverless, or a cluster that is named. Pure.

https://learn.microsoft.com/azure/machine-learning/how-to-use-serverless-compute
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlrun._job_types import JobType
from amlrun._needs import SERVERLESS
from amlrun._offers import Offer, Tier
from amlrun._placement.options import Option
from amlrun._placement.targets import preference_of, unlisted
from amlrun._plan import Starts

if TYPE_CHECKING:
    from amlrun._needs import Ask


def left_to_the_tuning(ask: Ask) -> bool:
    """Whether it is fine-tuning of which nothing is asked: the service has nodes of its own for it."""
    return ask.job is JobType.FINE_TUNING and ask.needs.nothing and not ask.instance_types


def tuning_option(ask: Ask) -> Option:
    """Nodes that the service chooses.

    Assumed: such nodes need no quota of the workspace's, and no price of them is known.
    """
    tier = Tier.SPOT if ask.serverless_tier is Tier.SPOT else Tier.STANDARD
    rule = ask.guard.against(size=None, nodes=ask.nodes, price=None, compute=SERVERLESS)
    return Option(
        offer=Offer(size=unlisted(""), tier=tier, known=False),
        miss=rule,
        starts=None if rule else Starts.UNKNOWN,
        why="no instance type is named: the service tunes on nodes that it chooses",
        preference=preference_of(ask, SERVERLESS, unlisted("")),
    )
