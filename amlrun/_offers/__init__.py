"""What can be had, as values: sizes, limits, quota, computes, and the market that holds them all. Pure.

Read by `_market`, decided over by `_placement`.
"""

from amlrun._offers.computes import Compute, InstanceType, Kind, Problem
from amlrun._offers.datastores import Datastore
from amlrun._offers.gpus import GPU_MODELS, gpu_memory_gb, gpu_model
from amlrun._offers.limits import FamilyQuota, Limit, LimitKind, Quota
from amlrun._offers.market import Market, RegistryFacts, WorkspaceFacts
from amlrun._offers.offers import NOT_FOR_JOBS, Offer, limits_of, serverless_offers
from amlrun._offers.sizes import LONGEST_RUN, Size, Source, Tier, family_key, region_key

__all__ = [
    "GPU_MODELS",
    "LONGEST_RUN",
    "NOT_FOR_JOBS",
    "Compute",
    "Datastore",
    "FamilyQuota",
    "InstanceType",
    "Kind",
    "Limit",
    "LimitKind",
    "Market",
    "Offer",
    "Problem",
    "Quota",
    "RegistryFacts",
    "Size",
    "Source",
    "Tier",
    "WorkspaceFacts",
    "family_key",
    "gpu_memory_gb",
    "gpu_model",
    "limits_of",
    "region_key",
    "serverless_offers",
]
