"""What the SDK says in logs, without what nobody needs to read."""

from __future__ import annotations

import logging

_LOUD = (
    "azure.ai.ml._utils._experimental",
    "azure.ai.ml._schema.core.fields",
    "azure.ai.ml._telemetry.azure.ai.ml.operations._job_operations",
    "azure.ai.ml._telemetry.azure.ai.ml.operations._component_operations",
)


class Stopped(Exception):
    """Stops the SDK at the PUT; nobody sees it."""


def _worth_saying(record: logging.LogRecord) -> bool:
    message = record.getMessage()
    return "is an experimental" not in message and Stopped.__name__ not in message


def quiet() -> None:
    """Leave out two things that the SDK says.

    That a class or a field of its own is experimental, and that a submission failed which we have stopped.
    """
    for name in _LOUD:
        logging.getLogger(name).addFilter(_worth_saying)
