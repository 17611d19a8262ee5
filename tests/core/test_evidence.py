"""What is kept of an end: as it came, without what is nobody's business."""

from __future__ import annotations

from typing import Any

import pytest

from amlrun._evidence import REMOVED, scrubbed


def test_what_explains_an_end_stays() -> None:
    """States, times, codes, warnings, places: figures and words as they came."""
    run = {
        "status": "Failed",
        "startTimeUtc": "2026-01-05T09:00:00Z",
        "currentAttemptId": 2,
        "error": {
            "error": {"code": "UserError", "message": "PreemptionError: Nodes of this job got pre-empted."}
        },
        "warnings": [{"source": None, "message": "a node has been preempted."}],
        "compute": {"vmSize": None, "instanceCount": 2, "region": "westeurope"},
        "queueSettings": {"jobTier": "Spot"},
    }
    assert scrubbed(run) == run


@pytest.mark.parametrize(
    ("reply", "kept"),
    [
        ({"environmentVariables": {"HF_TOKEN": "hf_1", "A": "1"}}, {"HF_TOKEN": REMOVED, "A": REMOVED}),
        ({"command": "python train.py --key abc"}, REMOVED),
        ({"command": None}, None),
        ({"dockerArgs": "-e PW=hunter2"}, REMOVED),
        ({"dockerArgsList": ["-e", "PW=hunter2"]}, REMOVED),
        ({"conf": {"spark.executorEnv.PW": "hunter2"}}, REMOVED),
        ({"tags": {"team": "vision"}}, REMOVED),
        ({"createdBy": {"userName": "A. Person"}}, REMOVED),
        ({"amlrun.body": "packed"}, REMOVED),
        ({"connectionString": "AccountKey=abc"}, REMOVED),
        ({"message": "see https://x.blob.core.windows.net/a/b?sv=1&sig=abc."}, REMOVED),
        ({"log": "see https://x.invalid/a/b?code=abc now"}, "see https://x.invalid/a/b?… now"),
        ({"text": "by someone@example.com"}, "by (somebody)"),
        ({"text": "Bearer eyJabc.def.ghi"}, REMOVED),
        ({"text": "sent Bearer eyJabc.def.ghi there"}, f"sent Bearer {REMOVED} there"),
        (
            {"id": "/subscriptions/1/resourceGroups/mine/providers/X/workspaces/ours/jobs/j"},
            "/subscriptions/…/resourceGroups/…/providers/X/workspaces/…/jobs/j",
        ),
        ({"list": [{"password": "x"}]}, [{"password": REMOVED}]),
    ],
)
def test_what_is_private_goes(reply: dict[str, Any], kept: object) -> None:
    """Its key stays, so that it can be seen what there was."""
    (name,) = reply
    assert scrubbed(reply) == {name: kept}
