"""Uploads that fail on the way: an end with the file and the cause, where azure-ai-ml waits for ever."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.ml import MLClient, load_job
from azure.ai.ml._artifacts import _blob_storage_helper
from azure.ai.ml._utils import _asset_utils

from amlrun import AmlrunError, NotAuthorized, SubmissionFailed, submit
from amlrun.testing import Answer, ConnectionLost, InternalError
from tests.jobs.test_uploads import ENVIRONMENT, a_pipeline, filled

if TYPE_CHECKING:
    from pathlib import Path

    from amlrun.testing import FakeAml

PUT = "PUT /{container}/{+name}"
_WORDS = {"code": "AuthorizationPermissionMismatch", "message": "Not authorized to do this."}
FORBIDDEN = Answer(403, {"error": _WORDS})


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for a file that never comes is told here, instead of waited for."""

    def waits(_seconds: float) -> None:
        message = "azure-ai-ml waits for a file"
        raise AssertionError(message)

    monkeypatch.setattr(_blob_storage_helper, "time", SimpleNamespace(sleep=waits))


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        (FORBIDDEN, NotAuthorized, "Not authorized to do this"),
        (InternalError(), SubmissionFailed, "InternalServerError|internal error|Internal"),
        (ConnectionLost(), SubmissionFailed, "onnection"),
    ],
)
def test_a_file_that_does_not_arrive_ends_the_submission(
    fake_aml: FakeAml, source: Path, fault: Any, error: type[AmlrunError], words: str
) -> None:
    """With its name, after the storage client's retries. Later the same submission goes through."""
    client = fake_aml.client()
    filled(source, "a.py", "z.py")
    fake_aml.inject(fault, on=PUT, name="*/train.py", times=1 if fault is FORBIDDEN else 4)
    with pytest.raises(
        error, match=rf"{source}/train\.py was not uploaded, and no job was sent: .*({words})"
    ):
        submit("python train.py", code=source, environment=ENVIRONMENT, client=client)
    assert not fake_aml.jobs
    run = submit("python train.py", code=source, environment=ENVIRONMENT, client=client)
    assert fake_aml.job(run.name).body["properties"]["codeId"]


@pytest.mark.parametrize("bars", [False, True])
def test_whatever_is_uploaded_and_by_whose_client(fake_aml: FakeAml, source: Path, bars: bool) -> None:  # noqa: FBT001 - a case
    """A step's code, and one file alone; of a client that shows progress, too."""
    scope = fake_aml.scope
    client = MLClient(
        fake_aml.credential,
        scope.subscription_id,
        scope.resource_group,
        scope.workspace,
        show_progress=bars,
        enable_telemetry=False,
    )
    fake_aml.inject(FORBIDDEN, on=PUT, name="*train.py", times=2)
    with pytest.raises(NotAuthorized, match=r"train\.py was not uploaded"):
        submit(load_job(a_pipeline(source)), client=client)
    with pytest.raises(NotAuthorized, match=r"train\.py was not uploaded"):
        submit("python train.py", code=source / "train.py", environment=ENVIRONMENT, client=client)
    assert not fake_aml.jobs


def uploads() -> list[Any]:
    """The functions that upload a file."""
    return [vars(module)["upload_file"] for module in (_asset_utils, _blob_storage_helper)]


def test_azure_ai_ml_is_left_as_it_was(fake_aml: FakeAml, client: MLClient, source: Path) -> None:
    """After a submission, and after one that failed."""
    before = uploads()
    fake_aml.inject(FORBIDDEN, on=PUT, name="*/train.py")
    with pytest.raises(NotAuthorized):
        submit("python train.py", code=source, environment=ENVIRONMENT, client=client)
    assert uploads() == before
    submit("python train.py", code=source, environment=ENVIRONMENT, client=client)
    assert uploads() == before
