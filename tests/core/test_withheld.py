"""Secrets of a body: out of its properties, and back."""

from __future__ import annotations

import json
import zlib
from base64 import b85decode
from typing import Any

import pytest

from amlrun import Plan
from amlrun._memory import BODY, Memory
from amlrun._withheld import with_secrets, without_secrets

BODY_SENT: dict[str, Any] = {
    "jobType": "Sweep",
    "environmentVariables": {"HF_TOKEN": "hf_abc", "A": "b", "NOTHING": None},
    "trial": {"environmentVariables": {"PASSWORD": "p"}, "command": "ls"},
    "jobs": {
        "train": {
            "environment_variables": {"API_KEY": "k"},
            "resources": {"docker_args_list": ["-e", "PASSWORD=b"]},
            "command": "python train.py --db 'Server=x;AccountKey=abc==' --password hunter2",
        }
    },
    "conf": {"spark.executorEnv.HF_TOKEN": "t", "fs.azure.account.key.x.net": "u==", "spark.cores": 1},
    "resources": {"dockerArgs": "--ipc=host -e 'DB_PASSWORD=p w'", "dockerArgsList": None},
    "inputs": {
        "signed": {"uri": "https://a.blob.core.windows.net/c/x?sv=1&sig=abc", "jobInputType": "uri_file"},
        "api_key": {"value": "k", "jobInputType": "literal"},
        "epochs": {"value": "3", "jobInputType": "literal"},
    },
    "args": ["--lr", {"weights": "https://me:pw@host/w"}],
    "tags": {},
}
OUT = {"amlrun.withheld": True}


def test_what_is_withheld_comes_back_from_the_job_itself() -> None:
    """From the same places, in steps and trials too."""
    kept = without_secrets(BODY_SENT)
    assert kept["environmentVariables"] == {"HF_TOKEN": OUT, "A": "b", "NOTHING": None}
    assert kept["trial"] == {"environmentVariables": {"PASSWORD": OUT}, "command": "ls"}
    assert kept["jobs"]["train"] == {
        "environment_variables": {"API_KEY": OUT},
        "resources": {"docker_args_list": OUT},
        "command": OUT,
    }
    assert kept["conf"] == {**dict.fromkeys(BODY_SENT["conf"], OUT), "spark.cores": 1}
    assert kept["resources"] == {"dockerArgs": OUT, "dockerArgsList": None}
    assert kept["inputs"] == {
        "signed": {"uri": OUT, "jobInputType": "uri_file"},
        "api_key": {"value": OUT, "jobInputType": "literal"},
        "epochs": {"value": "3", "jobInputType": "literal"},
    }
    assert kept["args"] == ["--lr", {"weights": OUT}]
    assert with_secrets(kept, {**BODY_SENT, "status": "Running"}) == BODY_SENT


@pytest.mark.parametrize(
    "lost",
    [
        {"environmentVariables": {"A": "b"}},
        {"trial": None},
        {"resources": {}},
        {"inputs": None},
        {"args": ["--lr"]},
        {"args": None},
    ],
)
def test_a_job_that_does_not_tell_them_can_not_be_made_again(lost: dict[str, Any]) -> None:
    """Nor one that has lost a part."""
    assert with_secrets(without_secrets(BODY_SENT), {**BODY_SENT, **lost}) is None


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
