"""Names of experiments: what the service takes, made of what is said. Pure."""

from __future__ import annotations

import re
import unicodedata

LONGEST = 256
DEFAULT_EXPERIMENT = "Default"
"""What azure-ai-ml calls it where it finds no name."""


def valid_experiment(name: str) -> str:
    """The nearest name that the service takes: `models/v 2.1` as `models-v-2-1`; "" where nothing is left.

    1 to 256 letters, digits, `-` and `_`, of which the first is a letter or a digit (so the service's own
    message, reported; what it calls a letter is taken to be one of a to z).
    """
    plain = unicodedata.normalize("NFKD", name)
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    return re.sub(r"[^A-Za-z0-9_-]+", "-", plain).lstrip("-_")[:LONGEST].rstrip("-")
