"""Rows of replies in the exact form in which the service sends them."""

from __future__ import annotations

from typing import Any

SUBSCRIPTION = "/subscriptions/00000000-0000-0000-0000-000000000000"
WORKSPACE = f"{SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/ws"


def usage(name: str, kind: str, limit: Any, used: int | None) -> dict[str, Any]:
    """One row of usages."""
    return {
        "unit": "Count",
        "currentValue": used,
        "limit": limit,
        "name": {"value": name, "localizedValue": name},
        "type": f"Microsoft.MachineLearningServices/{kind}/usages",
        "id": SUBSCRIPTION,
    }


T4_ROWS = [
    usage("Standard NCASv3_T4 Family", "vmFamily/dedicatedCores", 16, 12),
    usage("Standard NCASv3_T4 Family", "vmFamily/lowPriorityCores", -1, 4),
]
USAGE_ROWS = [
    usage("TotalClusters", "totalClusters", 200, 3),
    usage("TotalDedicatedCores", "totalDedicatedCores", 100, 40),
    *T4_ROWS,
    usage("TotalLowPriorityCores", "totalLowPriorityCores", 0, 4),
    usage("standardHBFamily", "vmFamily/lowPriorityCores", -1, 0),
]
SIZE_ROW: dict[str, Any] = {
    "name": "Standard_NC4as_T4_v3",
    "family": "Standard NCASv3_T4 Family",
    "vCPUs": 4,
    "gpus": 1,
    "memoryGB": 28.0,
    "osVhdSizeMB": 1047552,
    "maxResourceVolumeMB": 180224,
    "lowPriorityCapable": True,
    "premiumIO": True,
    "supportedComputeTypes": ["AmlCompute", "MIR"],
    "estimatedVMPrices": {
        "billingCurrency": "USD",
        "unitOfMeasure": "OneHour",
        "values": [
            {"retailPrice": 0.1, "osType": "Linux", "vmTier": "LowPriority"},
            {"retailPrice": 0.71, "osType": "Windows", "vmTier": "Standard"},
            {"retailPrice": 0.53, "osType": "Linux", "vmTier": "Standard"},
        ],
    },
}


def own(workspace: str, family: str, limit: Any, kind: str = "workspaces/dedicatedCores") -> dict[str, Any]:
    """One row of quotas: a limit of the workspace's own, with another `kind` one of the subscription's."""
    row = usage(family, kind, limit, None)
    return {**row, "type": row["type"].replace("usages", "quotas"), "id": f"{workspace}/quotas/{family}"}
