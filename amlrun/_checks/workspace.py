"""What is known of the workspace beforehand: whose it is, and how its network stands. Pure.

What stands between one job and serverless is `_placement.obstacles`' business; a plan says it by itself.
https://learn.microsoft.com/azure/machine-learning/how-to-managed-network
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlrun._checks.check import Check, Level
from amlrun._offers import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from amlrun._account import Account
    from amlrun._offers import Compute, WorkspaceFacts

TENANT, LEGACY, FIRST_NODE, BUILD = "tenant", "legacy-mode", "first-node", "image-build-compute"


def of_tenant(account: Account | None, facts: WorkspaceFacts | None) -> Iterator[Check]:
    """Whether the account's token is of the workspace's tenant."""
    # Assumed: ARM takes a token of another tenant where that manages the subscription (Lighthouse); run
    # history and storage may not.
    if account is None or facts is None or not facts.tenant or account.tenant.lower() == facts.tenant.lower():
        return
    yield Check(
        TENANT,
        Level.WARNING,
        f"{account} is signed in to the tenant {account.tenant}, and the workspace is of {facts.tenant}",
        "run history and storage may not take its token",
        f"Sign in there: az login --tenant {facts.tenant}",
    )


def of_other_tenant(account: Account | None, tenant: str) -> Check:
    """That the service takes no token of the account's tenant, but only of this one."""
    who = "this account" if account is None else f"{account} of tenant {account.tenant}"
    what = f"{who} is of another tenant than the subscription, which is of {tenant}"
    return Check(
        TENANT, Level.FAILS, what, "no token of it is taken", f"Sign in there: az login --tenant {tenant}"
    )


def of_legacy(facts: WorkspaceFacts | None) -> Iterator[Check]:
    """Whether the workspace is kept for the API's first version.

    https://learn.microsoft.com/azure/machine-learning/how-to-configure-network-isolation-with-v2
    """
    if facts is not None and facts.legacy:
        what = "the workspace may refuse all that is sent: it is in v1 legacy mode"
        why = "that mode turns off the API that jobs are sent with (version 2)"
        yield Check(LEGACY, Level.WARNING, what, why, "Its owner can turn it off: v1LegacyMode=false")


def of_first_node(facts: WorkspaceFacts | None) -> Iterator[Check]:
    """Whether the first compute has a network to wait for."""
    if facts is None or facts.isolation == "Disabled" or facts.network_ready is not False:
        return
    yield Check(
        FIRST_NODE,
        Level.WARNING,
        "the first node takes about 30 minutes",
        "the workspace's managed network is made with the first compute in it",
        "Make it beforehand: az ml workspace provision-network",
    )


def of_build_compute(facts: WorkspaceFacts | None, computes: Sequence[Compute] | None) -> Iterator[Check]:
    """Whether what builds the workspace's images is there."""
    if facts is None or computes is None or not facts.build_compute:
        return
    found = next((one for one in computes if one.name.lower() == facts.build_compute.lower()), None)
    if found is None:
        what, why = f"the image build compute {facts.build_compute} is not there", "no image can be built"
    elif found.kind is not Kind.CLUSTER:
        what, why = f"the image build compute {found.name} is a {found.kind}", "images are built on clusters"
    elif not found.max_nodes:
        what, why = f"the image build compute {found.name} has no nodes", "no image can be built"
    else:
        return
    todo = "Set it to a CPU cluster: az ml workspace update --image-build-compute <cluster>"
    yield Check(BUILD, Level.WARNING, what, why, todo)
