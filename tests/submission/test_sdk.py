"""The private names of the SDK that amlrun stands on, and its copies: loud on every tested version."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import pytest

from amlrun import InvalidRequest, SubmissionFailed, _sdk, submit
from tests.submission.runs import Between

if TYPE_CHECKING:
    from pathlib import Path

    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml

ENVIRONMENT = "azureml:train:1"


def full_job(source: Path) -> Any:
    """A command job with a bit of everything."""
    from azure.ai.ml import Input, MpiDistribution, Output, command
    from azure.ai.ml.entities import Environment, VsCodeJobService

    return command(
        command="python train.py ${{inputs.rate}} ${{inputs.data}} ${{outputs.model}}",
        code=str(source),
        environment=Environment(image="library/python:3.11"),
        inputs={
            "rate": 0.1,
            "data": Input(type="uri_folder", path="azureml://datastores/workspaceblobstore/paths/d"),
        },
        outputs={"model": Output(type="uri_folder")},
        distribution=MpiDistribution(process_count_per_instance=2),
        services={"code": VsCodeJobService()},
        environment_variables={"A": "b"},
        tags={"a": "b"},
        name="full",
        display_name="full",
        timeout=60,
        instance_type="Standard_DS3_v2",
        instance_count=2,
        shm_size="4g",
    )


def test_the_private_names_are_there(fake_aml: FakeAml) -> None:
    """Credential, cloud, scopes, transport and policies are where `_sdk` reads them."""
    wire = _sdk.wire_of(fake_aml.client(credential=fake_aml.credential))
    assert wire.credential is fake_aml.credential
    assert wire.transport is fake_aml.transport()
    assert (wire.base_url, wire.scopes) == (
        "https://management.azure.com",
        ("https://management.azure.com/.default",),
    )
    assert not wire.per_call_policies + wire.per_retry_policies


def test_a_client_of_ours_goes_the_way_of_the_wire(fake_aml: FakeAml) -> None:
    """Through the user's proxy and policies too: it stands in where their own client is gone."""
    between = Between()
    theirs = fake_aml.client(per_call_policies=between, proxies={"https": "http://proxy"}, read_timeout=9)
    wire = _sdk.wire_of(theirs)
    scope = (theirs.subscription_id, theirs.resource_group_name, str(theirs.workspace_name))
    made = _sdk.wire_of(_sdk.make_client(wire, *scope))
    assert made.connection == wire.connection == {"proxies": {"https": "http://proxy"}, "read_timeout": 9}
    assert [type(one) for one in made.per_call_policies] == [Between]
    assert made.transport is wire.transport


def test_capture_stops_at_the_put_of_the_job(fake_aml: FakeAml, client: MLClient, source: Path) -> None:
    """All that comes before it has happened, and no job is there; the client can go on submitting."""
    captured = _sdk.capture(client, full_job(source))
    assert not fake_aml.jobs
    assert captured.api_version
    assert captured.body["codeId"].startswith("/subscriptions/")
    assert any("/codes/" in call.path and call.method == "PUT" for call in fake_aml.calls)
    client.jobs.create_or_update(full_job(source))
    assert fake_aml.jobs == ("full",)


def test_a_copy_leaves_as_the_original_would(client: MLClient, source: Path) -> None:
    """A job with inputs, outputs, services and a distribution survives being copied, to the last field."""
    job = full_job(source)
    copy = _sdk.capture(client, _sdk.copied(job)).body
    assert copy == _sdk.capture(client, job).body
    assert copy["outputs"]["model"]["jobOutputType"] == "uri_folder"


def test_a_job_that_can_not_be_copied_is_refused(client: MLClient, source: Path) -> None:
    """Without a copy the caller's own would be changed."""
    job = full_job(source)
    job.environment_variables = {"A": "b", "C": Unpicklable()}
    with pytest.raises(InvalidRequest, match="can't be copied"):
        submit(job, client=client)


class Unpicklable:
    """Something that has no copy."""

    def __reduce__(self) -> Any:
        raise pickle.PicklingError("never")


def test_what_the_sdk_refuses_is_told_as_a_request_that_is_wrong(client: MLClient, tmp_path: Path) -> None:
    """Its words, on one line, with nothing sent."""
    path = tmp_path / "job.yml"
    path.write_text("command: ls\nenvironment: {image: x}\nno_such_field: 1\n")
    with pytest.raises(InvalidRequest, match="no_such_field"):
        submit(path, client=client)
    with pytest.raises(InvalidRequest):
        submit("ls", environment=ENVIRONMENT, inputs={"a": object()}, client=client)


def test_what_is_not_in_the_workspace_is_told(client: MLClient) -> None:
    """An environment by a label that isn't there."""
    with pytest.raises((SubmissionFailed, InvalidRequest), match="nowhere"):
        submit("ls", environment="nowhere@latest", client=client)
