"""A job that starts jobs: the workspace it is in, and the identity that it has."""

from __future__ import annotations

import io
import logging
from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.ml import ManagedIdentityConfiguration, UserIdentityConfiguration, command

import amlrun
from amlrun import NotAuthorized
from amlrun._account import Kind
from amlrun._workspace import workspace_of
from tests.submission.runs import ENVIRONMENT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from amlrun.testing import FakeAml
    from tests.identity.machine import Az

MSI, MACHINE = "GET /MSI/auth", "GET /metadata/*"


@pytest.fixture
def enter(
    fake_aml: FakeAml,
    set_all: Callable[[Mapping[str, str]], None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Callable[[Any], dict[str, str]]:
    """Become the code of a job with this identity."""

    def entered(identity: Any) -> dict[str, str]:
        job: Any = command(command="python sweep.py", environment=ENVIRONMENT, identity=identity)
        job.name = "parent"
        fake_aml.client().jobs.create_or_update(job)
        monkeypatch.setenv("AMLRUN_CACHE", str(tmp_path / "cache"))
        variables = fake_aml.job_environment("parent")
        set_all(variables)
        fake_aml.calls.clear()
        return variables

    return entered


def test_a_job_knows_its_workspace(fake_aml: FakeAml, enter: Callable[[Any], dict[str, str]]) -> None:
    """As `connect` takes it."""
    enter(None)
    job, scope = amlrun.current(), fake_aml.scope
    assert job is not None
    assert job.workspace == f"{scope.subscription_id}/{scope.resource_group}/{scope.workspace}"
    assert amlrun.connect(job.workspace).workspace_name == scope.workspace


def test_on_this_machine_it_is_local(monkeypatch: pytest.MonkeyPatch) -> None:
    """And where nothing tells, it is none."""
    monkeypatch.setenv("AZUREML_RUN_ID", "child")
    job = amlrun.current()
    assert job is not None
    assert job.workspace is None
    monkeypatch.setenv("AMLRUN_WORKSPACE", "local")
    for number, name in enumerate(("SUBSCRIPTION", "RESOURCEGROUP", "WORKSPACE_NAME")):
        monkeypatch.setenv(f"AZUREML_ARM_{name}", f"{number}")
    job = amlrun.current()
    assert job is not None
    assert job.workspace == "local"


def test_a_rehearsal_in_a_job_of_azures_is_nobody_of_that_job(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its identity is one of a real tenant, whose token the embedded workspace wouldn't take."""
    monkeypatch.setenv("AMLRUN_LOCAL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AMLRUN_WORKSPACE", "local")
    monkeypatch.setenv("AZUREML_RUN_ID", "of-azure")
    monkeypatch.setenv("MSI_ENDPOINT", "http://127.0.0.1:9/MSI/auth")
    account = workspace_of(None).rest.account()
    assert account is not None
    assert account.name == "fake-user"


@pytest.mark.filterwarnings("ignore:Use list:DeprecationWarning")  # azure-ai-ml's use of msal
def test_a_token_of_a_job_is_no_line_on_the_screen(
    enter: Callable[[Any], dict[str, str]],
) -> None:
    """azure-ai-ml's own credential tells of each that it gets."""
    enter(UserIdentityConfiguration())
    logger = logging.getLogger("azure.ai.ml.identity._internal.get_token_mixin")
    shown = io.StringIO()
    handler = logging.StreamHandler(shown)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        assert workspace_of(None).rest.account() is not None
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
    assert shown.getvalue() == ""


def test_a_job_submits_with_its_managed_identity(
    fake_aml: FakeAml, enter: Callable[[Any], dict[str, str]], az: Az
) -> None:
    """The one that it was given, of several; asked once, and nobody else is."""
    fake_aml.identity("another")
    client_id = fake_aml.identity("training")
    fake_aml.machine_identity("of-the-host")
    enter(ManagedIdentityConfiguration(client_id=client_id))
    run = amlrun.submit("python child.py", environment=ENVIRONMENT)
    assert fake_aml.job(run.name).status
    account = workspace_of(None).rest.account()
    assert account is not None
    assert account.name == client_id
    assert len(fake_aml.calls.of(MSI)) == 1
    assert not fake_aml.calls.of(MACHINE)
    assert az.started == 0


def test_a_variable_of_the_users_own_wins(
    fake_aml: FakeAml, enter: Callable[[Any], dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """AZURE_CLIENT_ID names which of the job's identities it is."""
    other, _default = fake_aml.identity("another"), fake_aml.identity("training")
    enter(ManagedIdentityConfiguration())
    monkeypatch.setenv("AZURE_CLIENT_ID", other)
    account = workspace_of(None).rest.account()
    assert account is not None
    assert account.name == other


def test_the_default_that_the_job_is_told_is_asked_for(
    fake_aml: FakeAml, enter: Callable[[Any], dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its client id: which one an endpoint gives to who names none is its own affair."""
    other, _default = fake_aml.identity("another"), fake_aml.identity("training")
    enter(ManagedIdentityConfiguration())
    monkeypatch.setenv("DEFAULT_IDENTITY_CLIENT_ID", other)
    account = workspace_of(None).rest.account()
    assert account is not None
    assert account.name == other


@pytest.mark.filterwarnings("ignore:Use list:DeprecationWarning")  # azure-ai-ml's use of msal
def test_a_job_submits_as_who_submitted_it(
    fake_aml: FakeAml, enter: Callable[[Any], dict[str, str]], az: Az
) -> None:
    """With its user's identity it has tokens of the user."""
    enter(UserIdentityConfiguration())
    run = amlrun.submit("python child.py", environment=ENVIRONMENT)
    assert fake_aml.job(run.name).status
    account = workspace_of(None).rest.account()
    assert account is not None
    assert (account.kind, account.name) == (Kind.PERSON, "fake-user")
    assert workspace_of(None).rest.tokens.way == "the submitter's identity (OBO_ENDPOINT)"
    assert az.started == 0


def test_a_job_without_an_identity(fake_aml: FakeAml, enter: Callable[[Any], dict[str, str]], az: Az) -> None:
    """Is told so in lines, before anything is sent."""
    enter(None)
    with pytest.raises(NotAuthorized, match="managed identity: none here"):
        amlrun.submit("python child.py", environment=ENVIRONMENT)
    assert not fake_aml.calls
    assert az.started == 1


def test_an_identity_that_the_job_does_not_have(
    fake_aml: FakeAml, enter: Callable[[Any], dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line, with what the job's endpoint says."""
    fake_aml.identity("training")
    enter(ManagedIdentityConfiguration())
    monkeypatch.setenv("AZURE_CLIENT_ID", "00000000-0000-0000-0000-00000000dead")
    with pytest.raises(NotAuthorized, match=r"^No token: managed identity: .*No managed identity of that id"):
        amlrun.plan("python child.py", environment=ENVIRONMENT)
