"""Where the image of an environment may come from: as far as that can be told before it is resolved. Pure."""

from __future__ import annotations

import re
from typing import Any

from amlrun._asking.parts import read
from amlrun._job_types import JobType

_OF_SERVICE = frozenset({JobType.AUTOML, JobType.SPARK, JobType.FINE_TUNING})
"""What runs code of the service's own, in images of its own."""
_OF_OTHERS = re.compile(r"azureml://registries/|(azureml:)?AzureML-", re.IGNORECASE)
"""Environments of Azure ML's own and of other registries: their images are kept there."""


def may_be_own(environment: Any, job: JobType = JobType.COMMAND) -> bool:
    """Whether the image may come from the workspace's own container registry.

    What is built for the workspace is kept in it; of an environment that is only named nothing is known.
    """
    if isinstance(environment, str):
        return _OF_OTHERS.match(environment.strip()) is None
    if environment is None:
        return job not in _OF_SERVICE
    image = read(environment, "image")
    if not isinstance(image, str) or any(read(environment, part) for part in ("conda_file", "build")):
        return True
    # Assumed: an environment that is an image and nothing else isn't built, but pulled from where it is.
    return image.partition("/")[0].lower().endswith(".azurecr.io")
