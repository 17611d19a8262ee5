"""What the fake answers to: a table of routes for each part of the service."""

from __future__ import annotations

from amlrun.testing._routes.assets import ASSETS, REGISTRY_ASSETS, REGISTRY_HOST
from amlrun.testing._routes.blobs import BLOBS
from amlrun.testing._routes.computes import COMPUTES
from amlrun.testing._routes.containers import CONTAINERS
from amlrun.testing._routes.datastores import DATASTORES
from amlrun.testing._routes.entra import ENTRA, MACHINE
from amlrun.testing._routes.history import HISTORY
from amlrun.testing._routes.identity import IDENTITY
from amlrun.testing._routes.jobs import JOBS
from amlrun.testing._routes.lakes import LAKES
from amlrun.testing._routes.quota import QUOTA
from amlrun.testing._routes.registries import DISCOVERY, REGISTRIES
from amlrun.testing._routes.vaults import VAULTS
from amlrun.testing._routes.workspace import WORKSPACE, WORKSPACES

OF_WORKSPACE = (JOBS, ASSETS, DATASTORES, COMPUTES, WORKSPACE)
"""Management routes below the workspace's path."""
OF_SUBSCRIPTION = (QUOTA, WORKSPACES, REGISTRIES, REGISTRY_ASSETS, CONTAINERS)
"""Management routes below the subscription's."""
OF_DISCOVERY = (DISCOVERY,)
"""Where to find a registry."""
OF_REGISTRIES = (REGISTRY_HOST, REGISTRY_ASSETS)
"""What is in registries, on their own host, below the subscription's path."""
OF_HISTORY = (HISTORY,)
"""Routes of the workspace's run history."""
OF_STORAGE = (BLOBS,)
"""Routes of storage accounts."""
OF_LAKES = (LAKES, BLOBS)
"""Routes of storage accounts as data lakes."""
OF_VAULTS = (VAULTS,)
"""Key vaults, each on a host of its own."""
OF_IDENTITY = (IDENTITY,)
"""Where a job's code gets its tokens."""
OF_ENTRA = (ENTRA,)
"""Where applications get their tokens: of the fake's own tenant."""
OF_MACHINE = (MACHINE,)
"""Where a virtual machine's programs get theirs."""
