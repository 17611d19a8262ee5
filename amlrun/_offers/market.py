"""The market: all that can be had in one workspace, as one value. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from amlrun._cloud import PUBLIC
from amlrun._offers.sizes import Source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amlrun._identity import UserAssigned
    from amlrun._offers.computes import Compute
    from amlrun._offers.limits import Quota
    from amlrun._offers.sizes import Size


@attrs.frozen(kw_only=True)
class WorkspaceFacts:
    """What the workspace says of itself. `discovery_url` is where its run history is found.

    `identities` are the kinds of identity that it has (`SystemAssigned`, `UserAssigned`), `user_assigned`
    the latter. `keyless`: its own datastores carry no credentials. `isolation` is the managed network's mode
    (`Disabled`: there is none), `custom_subnet` whether serverless nodes stand in a subnet of the user's,
    `public_access` whether the workspace is reached over the internet, `build_compute` what builds its images
    ("": the registry does). `network_ready`: whether the managed network is there, which the first compute in
    it waits for (None: not told). `tenant` is the Entra tenant that the workspace is of ("": not told).
    `legacy`: it takes calls of the API's first version.
    https://learn.microsoft.com/azure/machine-learning/how-to-managed-network
    """

    name: str
    location: str
    workspace_id: str
    discovery_url: str
    identities: frozenset[str] = frozenset()
    user_assigned: tuple[UserAssigned, ...] = ()
    keyless: bool = False
    isolation: str = "Disabled"
    custom_subnet: bool = False
    public_access: bool = True
    build_compute: str = ""
    registry: str = ""
    network_ready: bool | None = None
    tenant: str = ""
    legacy: bool = False


@attrs.frozen
class RegistryFacts:
    """What the workspace's container registry says of itself. None: not known.

    `admin`: whether its admin user is on, whose password pulls images where no identity does; `public`:
    whether it is reached over the internet.
    https://learn.microsoft.com/azure/container-registry/container-registry-authentication
    """

    name: str = ""
    admin: bool | None = None
    public: bool | None = None


@attrs.frozen
class Market:
    """All that can be had in one workspace and its region. `quota` None: it could not be read.

    `location` "": the workspace itself could not be read, nor anything of its region.

    `sizes` are the region's own, or (`source` PACKAGED) those of the tables that the package carries.
    `computes` are the workspace's, None where they could not be read; `elsewhere` is the quota of other
    regions in which it has clusters. `workspace` is what it says of itself, None where nobody asked, and
    `registry` what its container registry says.
    `read_at` is when all that was read, in seconds since 1970; None: nobody has said. `unread` is what could
    not be read, and why, in words. `studio` is where quota is asked for.
    """

    location: str
    sizes: tuple[Size, ...]
    quota: Quota | None
    source: Source = Source.SERVICE
    computes: tuple[Compute, ...] | None = ()
    elsewhere: Mapping[str, Quota] = attrs.field(factory=dict)
    workspace: WorkspaceFacts | None = None
    read_at: float | None = None
    unread: tuple[str, ...] = ()
    registry: RegistryFacts = RegistryFacts()
    studio: str = PUBLIC.studio
    _by_name: Mapping[str, Size] = attrs.field(init=False, repr=False, eq=False)

    @_by_name.default
    def _index(self) -> Mapping[str, Size]:
        return {size.name.lower(): size for size in self.sizes}

    @property
    def region(self) -> str:
        """Its region in words."""
        return self.location or "the workspace's region"

    @property
    def verified(self) -> bool:
        """Whether quota is known."""
        return self.quota is not None

    def size(self, name: str) -> Size | None:
        """The size of that name in any case: clusters report theirs in capitals."""
        return self._by_name.get(name.lower())
