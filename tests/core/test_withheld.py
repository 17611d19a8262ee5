"""Secrets of a body: out of its properties, and back."""

from __future__ import annotations

import json
import zlib
from base64 import b85decode
from typing import Any

from amlrun import Plan
from amlrun._memory import BODY, Memory
from amlrun._withheld import with_secrets, without_secrets

BODY_SENT: dict[str, Any] = {
    "jobType": "Sweep",
    "environmentVariables": {"HF_TOKEN": "hf_abc", "A": "b", "NOTHING": None},
    "trial": {"environmentVariables": {"PASSWORD": "p"}, "command": "ls"},
    "jobs": {
        "train": {"environment_variables": {"API_KEY": "k"}, "resources": {"docker_args_list": ["a=b"]}}
    },
    "conf": {"spark.executorEnv.HF_TOKEN": "t", "fs.azure.account.key.x.net": "u==", "spark.cores": 1},
    "resources": {"dockerArgs": "--ipc=host -e 'DB_PASSWORD=p w'", "dockerArgsList": None},
    "tags": {},
}


def test_what_is_withheld_comes_back_from_the_job_itself() -> None:
    """From the same places, in steps and trials too."""
    kept = without_secrets(BODY_SENT)
    assert kept["environmentVariables"] == {"HF_TOKEN": None, "A": "b", "NOTHING": None}
    assert kept["trial"] == {"environmentVariables": {"PASSWORD": None}, "command": "ls"}
    assert kept["jobs"]["train"] == {**BODY_SENT["jobs"]["train"], "environment_variables": {"API_KEY": None}}
    assert set(kept["conf"].values()) == {None, 1}
    assert kept["resources"] == {"dockerArgs": {}, "dockerArgsList": None}
    assert with_secrets(kept, {**BODY_SENT, "status": "Running"}) == BODY_SENT


def test_a_job_that_does_not_tell_them_can_not_be_made_again() -> None:
    """Nor one that has lost a part."""
    kept = without_secrets(BODY_SENT)
    assert with_secrets(kept, {**BODY_SENT, "environmentVariables": {"A": "b"}}) is None
    assert with_secrets(kept, {**BODY_SENT, "trial": None}) is None
    assert with_secrets(kept, {**BODY_SENT, "resources": {}}) is None


def test_properties_hold_no_secret() -> None:
    """Packed or not; the digest is that of the whole body."""
    memory = Memory(group="g", attempt=1, policy=None, plan=Plan(), body=BODY_SENT, api_version="v")
    properties = memory.to_properties()
    assert not any(
        secret in zlib.decompress(b85decode(properties[BODY])).decode() for secret in ("hf_abc", '"k"')
    )
    assert "hf_abc" not in json.dumps(properties)
    assert Memory.of_job({"properties": {**BODY_SENT, "properties": properties}}) == memory
    other = Memory.of_job({"properties": {**BODY_SENT, "trial": {}, "properties": properties}})
    assert other is not None
    assert (other.body, other.digest) == (None, memory.digest)
