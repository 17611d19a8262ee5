"""GPU models and their memory by the names of sizes. Pure.

No reply of the service has either, so this table is our own. The model stands in the names of newer sizes;
the older ones tell it by their series alone. Memory is GB for each GPU, and where a size has a part of one,
that part's.

Source: the page of each series under
https://learn.microsoft.com/azure/virtual-machines/sizes/overview#gpu-accelerated ("Accelerators"), as of
November 2026. None: no page says it.
"""

from __future__ import annotations

import re
from functools import lru_cache

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
# Parts of a GPU, by the size's vCPUs.
_A10 = {6: 4, 12: 8, 18: 12, 36: 24, 72: 24}
_V710 = {4: 4, 8: 8, 12: 12, 24: 24, 28: 24}
_V620 = {8: 8, 16: 16, 32: 32}
_MI25 = {4: 2, 8: 4, 16: 8, 32: 16}
# The smaller ones of the series have parts of a GPU, and no page says which.
_RTX_PRO_6000 = dict.fromkeys((128, 256, 320), 96)

_SERIES: tuple[tuple[str, str, float | dict[int, int] | None], ...] = (
    # sizes/gpu-accelerated/nc-series, ncv2-series, ncv3-series
    (r"NC(\d+)r?(_Promo)?", "K80", 12),
    (r"NC(\d+)r?s_v2", "P100", 16),
    (r"NC(\d+)r?s_v3", "V100", 16),
    # ncast4v3-series, nca100v4-series, ncadsh100v5-series, nccadsh100v5-series, nc-rtxpro6000-bse-v6-series
    (r"NC(\d+)as_T4_v3", "T4", 16),
    (r"NC(\d+)ads_A100_v4", "A100", 80),
    (r"NCC?(\d+)adi?s_H100_v5", "H100", 94),
    (r"NC(\d+)l?ds_xl_RTXPRO6000BSE_v6", "RTXPRO6000", _RTX_PRO_6000),
    # nd-series, ndv2-series, ndasra100v4-series, ndma100v4-series
    (r"ND(\d+)r?s", "P40", 24),
    (r"ND(\d+)rs_v2", "V100", 32),
    (r"ND(\d+)s_v2", "V100", None),
    (r"ND(\d+)asr(_A100)?_v4", "A100", 40),
    (r"ND(\d+)amsr?_A100_v4", "A100", 80),
    # ndh100v5-series, nd-h200-v5-series, ndmi300xv5-series, nd-gb200-v6-series, nd-gb300-v6-series
    (r"ND(\d+)is(r|rf)?(_flex|_noIB)?_H100_v5", "H100", 80),
    (r"ND(\d+)is(r|rf)?_H200_v5", "H200", 141),
    (r"ND(\d+)is(r|rf)?_MI300X_v5", "MI300X", 192),
    (r"ND(\d+)isr(_NDR)?_GB200_v6", "GB200", 192),
    (r"ND(\d+)isr(G5)?_GB300_v6", "GB300", 288),
    # nv-series, nvv3-series, nvv4-series, nvadsa10v5-series, nvadsv710-v5-series, ngadsv620-series
    (r"NV(\d+)(_Promo|s_v2|s_v3)?", "M60", 8),
    (r"NV(\d+)as_v4", "MI25", _MI25),
    (r"NV(\d+)adm?s_A10_v5", "A10", _A10),
    (r"NV(\d+)adm?s_V710_v5", "V710", _V710),
    (r"NG(\d+)adm?s_V620_v1", "V620", _V620),
)
_BY_SERIES = tuple((re.compile(pattern, re.IGNORECASE), model, memory) for pattern, model, memory in _SERIES)
GPU_MODELS = tuple(sorted({*_SPELT_OUT.values(), *(model for _, model, _ in _BY_SERIES)}))
"""Every model that `gpu_model` can answer."""


def gpu_model(size_name: str) -> str | None:
    """The GPU model that a size's name tells (`Standard_NC4as_T4_v3`: T4), None where it tells none.

    Names alone: a size without GPUs is never asked about.
    """
    return _told(size_name)[0]


def gpu_memory_gb(size_name: str) -> float | None:
    """GB of memory of each GPU (or part of one) of that size (`Standard_NC4as_T4_v3`: 16); None: unknown."""
    return _told(size_name)[1]


@lru_cache(maxsize=1024)
def _told(size_name: str) -> tuple[str | None, float | None]:
    _, _, name = size_name.partition("_")
    for pattern, model, memory in _BY_SERIES:
        found = pattern.fullmatch(name)
        if found is not None:
            return model, memory.get(int(found[1])) if isinstance(memory, dict) else memory
    parts = (_SPELT_OUT[part] for part in name.upper().split("_") if part in _SPELT_OUT)
    return next(parts, None), None
