"""What a test says, checked where it says it: numbers, names, and what somebody may have meant. Pure."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from amlrun._offers import Tier
from amlrun.testing._api.contract import misnamed
from amlrun.testing._supply.computes import size_of, sizes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_TIERS: Mapping[str, Tier] = {
    **dict.fromkeys(("standard", "dedicated"), Tier.STANDARD),
    **dict.fromkeys(("spot", "lowpriority"), Tier.SPOT),
}


def check_counts(least: int = 0, /, **counts: Any) -> None:
    """Raise ValueError, naming it, for what is no whole number of at least `least`; None: not said."""
    for word, count in counts.items():
        if count is not None and (isinstance(count, bool) or not isinstance(count, int) or count < least):
            raise ValueError(f"{word} must be a whole number of at least {least}, not {count!r}.")


def check_seconds(**lengths: Any) -> None:
    """Raise ValueError, naming it, for what is no length of time."""
    for word, length in lengths.items():
        if isinstance(length, bool) or not isinstance(length, (int, float)) or not 0 <= length < float("inf"):
            raise ValueError(f"{word} must be a number of seconds, 0 or more, not {length!r}.")


def check_name(collection: str, name: Any) -> None:
    """Raise ValueError for a name that the service refuses: `collection` is `computes`, `data`, …."""
    if why := misnamed(collection, str(name)):
        raise ValueError(f"{why}.")


def known_size(name: str) -> Mapping[str, Any]:
    """The catalogue's row of a size. Raises ValueError, with near names, for one that it doesn't have."""
    row = size_of(name)
    if row is None:
        raise ValueError(f"{name!r} is no size of the catalogue.{did_you_mean(name, sizes())}")
    return row


def known_tier(word: str) -> Tier:
    """`standard` or `spot`, in the SDK's words (`dedicated`, `low_priority`) too. Raises ValueError."""
    tier = _TIERS.get(str(word).replace("_", "").lower())
    if tier is None:
        raise ValueError(f"{word!r} is no tier: there are standard (dedicated) and spot (low_priority).")
    return tier


def did_you_mean(word: str, names: Iterable[str]) -> str:
    """A sentence with the names that are nearest to a word, in front of it a blank; "" where none is near."""
    by_key = {name.lower(): name for name in names}
    near = difflib.get_close_matches(str(word).lower(), by_key, n=3)
    return f" Did you mean {' or '.join(by_key[key] for key in near)}?" if near else ""
