"""GPU models by the names of sizes. Pure; the service's replies have no models, so this table is our own.

Source: https://learn.microsoft.com/azure/virtual-machines/sizes/overview, the page of each series.
"""

from __future__ import annotations

import re

# GPU models are in no reply of the service: they stand in the sizes' names, the older ones only by series.
# Source: https://learn.microsoft.com/azure/virtual-machines/sizes/overview
_SPELT_OUT = {
    "RTXPRO6000BSE": "RTXPRO6000",
    **{
        model: model
        for model in (
            *("T4", "A10", "A100", "H100", "H200", "GB200", "GB300"),
            *("MI300X", "MI325X", "V620", "V710"),
        )
    },
}
_BY_SERIES = (
    (re.compile(r"NC\d+r?(_Promo)?", re.IGNORECASE), "K80"),
    (re.compile(r"NC\d+r?s_v2", re.IGNORECASE), "P100"),
    (re.compile(r"NC\d+r?s_v3", re.IGNORECASE), "V100"),
    (re.compile(r"ND\d+r?s", re.IGNORECASE), "P40"),
    (re.compile(r"ND\d+r?s_v2", re.IGNORECASE), "V100"),
    (re.compile(r"ND\d+asr_v4", re.IGNORECASE), "A100"),
    (re.compile(r"NV\d+(_Promo|s_v2|s_v3)?", re.IGNORECASE), "M60"),
    (re.compile(r"NV\d+as_v4", re.IGNORECASE), "MI25"),
)
GPU_MODELS = tuple(sorted({*_SPELT_OUT.values(), *(model for _, model in _BY_SERIES)}))
"""Every model that `gpu_model` can answer."""


def gpu_model(size_name: str) -> str | None:
    """The GPU model that a size's name tells (`Standard_NC4as_T4_v3`: T4), None where it tells none.

    Names alone: a size without GPUs is never asked about.
    """
    _, _, name = size_name.partition("_")
    for part in name.upper().split("_"):
        if part in _SPELT_OUT:
            return _SPELT_OUT[part]
    for pattern, model in _BY_SERIES:
        if pattern.fullmatch(name):
            return model
    return None
