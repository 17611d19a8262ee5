"""What azure-ai-ml says and sends of itself."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.ml import MLClient

import amlrun
from tests.submission.runs import ENVIRONMENT

if TYPE_CHECKING:
    from amlrun.testing import FakeAml


@pytest.mark.parametrize(
    ("value", "sent"), [(None, False), ("", False), ("0", False), ("1", True), ("true", True)]
)
def test_telemetry_is_sent_only_where_it_is_asked_for(
    fake: FakeAml, monkeypatch: pytest.MonkeyPatch, value: str | None, *, sent: bool
) -> None:
    """By AMLRUN_TELEMETRY: in a notebook azure-ai-ml would turn it on for the whole process."""
    asked: list[bool] = []
    begin = MLClient.__init__

    def beginning(self: Any, *args: Any, **options: Any) -> None:
        asked.append(options["enable_telemetry"])
        begin(self, *args, **options)

    monkeypatch.setattr(MLClient, "__init__", beginning)
    if value is not None:
        monkeypatch.setenv("AMLRUN_TELEMETRY", value)
    assert amlrun.connect().workspace_name == fake.scope.workspace
    assert asked == [sent]


def test_what_is_experimental_needs_no_notice(
    fake: FakeAml, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That a class of azure-ai-ml is experimental isn't told; whatever else it warns of is."""
    monkeypatch.setattr("azure.identity.DefaultAzureCredential", lambda **_: fake.credential)
    amlrun.submit("echo", environment=ENVIRONMENT)
    loggers = ("azure.ai.ml._utils._experimental", "azure.ai.ml._schema.core.fields")
    caplog.clear()
    for name in loggers:
        logging.getLogger(name).warning(
            "Class Thing: This is an experimental class, and may change at any time."
        )
        logging.getLogger(name).warning("This field is deprecated.")
    told = [record.getMessage() for record in caplog.records]
    assert told == ["This field is deprecated."] * len(loggers)
