"""What a plan rests on: what is looked up and when, what is kept, and what a failed look-up costs."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from azure.core.pipeline.policies import SansIOHTTPPolicy

from amlrun import (
    ComputeNotFound,
    ComputeUnsuitable,
    InvalidRequest,
    NoQuota,
    NotAuthorized,
    NothingFits,
    ServiceError,
    plan,
    quota,
    submit,
)
from amlrun.testing import Answer, Forbidden, GatewayTimeout, InternalError, NoConnection, Slow, Throttled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amlrun.testing import FakeAml

ENVIRONMENT = "azureml:train:1"
_REGION = "GET /providers/Microsoft.MachineLearningServices/locations/{location}"
USAGES, QUOTAS, SIZES = f"{_REGION}/usages", f"{_REGION}/quotas", f"{_REGION}/vmSizes"
COMPUTES = "GET /computes"
REGISTRY = "GET /resourceGroups/{group}/providers/Microsoft.ContainerRegistry/registries/{name}"


def asked(fake: FakeAml, since: int = 0) -> list[str]:
    """The ends of the paths that were asked for since then, in order of the alphabet."""
    return sorted(call.path.rpartition("/")[2] for call in fake.calls[since:])


def cold(fake: FakeAml) -> list[str]:
    """What a cold plan asks for."""
    return sorted([fake.scope.workspace, "computes", "usages", "vmSizes", "quotas"])


# -- what is looked up


def test_a_cold_plan_and_a_warm_submit(fake_aml: FakeAml) -> None:
    """Five requests once; then only the PUT of the job."""
    client = fake_aml.client()
    plan("echo", environment=ENVIRONMENT, client=client)
    assert asked(fake_aml) == cold(fake_aml)
    before = len(fake_aml.calls)
    submit("echo", environment=ENVIRONMENT, client=client)
    assert [call.method for call in fake_aml.calls[before:]] == ["PUT"]


def test_another_region_is_asked_where_a_cluster_is_there(fake_aml: FakeAml) -> None:
    """Its quota is another one: one request for each such region."""
    fake_aml.cluster("here")
    fake_aml.cluster("far", location="westus")
    fake_aml.cluster("farther", location="westus")
    plan("echo", environment=ENVIRONMENT, client=fake_aml.client())
    assert asked(fake_aml) == sorted([*cold(fake_aml), "usages"])
    assert [call.args["location"] for call in fake_aml.calls.of(USAGES)].count("westus") == 1


class Together(SansIOHTTPPolicy[Any, Any]):
    """Lets requests leave only together with those that should be under way at the same time."""

    def __init__(self, *groups: Sequence[str]) -> None:
        self.barriers: dict[str, threading.Barrier] = {}
        for group in groups:
            barrier = threading.Barrier(len(group))
            self.barriers |= dict.fromkeys(group, barrier)

    def on_request(self, request: Any) -> None:
        """One alone waits in vain, and fails."""
        name = request.http_request.url.partition("?")[0].rpartition("/")[2]
        if name in self.barriers:
            self.barriers[name].wait(timeout=30)


def test_a_cold_plan_is_two_round_trips_deep(fake_aml: FakeAml) -> None:
    """Workspace and computes at the same time, then the rest at the same time."""
    first, second = (fake_aml.scope.workspace, "computes"), ("usages", "vmSizes", "quotas")
    client = fake_aml.client(per_call_policies=Together(first, second))
    assert plan("echo", environment=ENVIRONMENT, client=client).verified


def test_a_registry_costs_one_request_and_no_time(fake_aml: FakeAml) -> None:
    """Asked beside the others in the second round trip; not again for a warm submit, nor half a minute on."""
    registry = fake_aml.container_registry().rpartition("/")[2]
    first, second = (fake_aml.scope.workspace, "computes"), ("usages", "vmSizes", "quotas", registry)
    client = fake_aml.client(per_call_policies=Together(first, second))
    assert plan("echo", environment=ENVIRONMENT, client=client).verified
    assert asked(fake_aml) == sorted([*cold(fake_aml), registry])
    client, before = fake_aml.client(), len(fake_aml.calls)
    plan("echo", environment=ENVIRONMENT, client=client)
    assert asked(fake_aml, before) == sorted([*cold(fake_aml), registry])
    before = len(fake_aml.calls)
    submit("echo", environment=ENVIRONMENT, client=client)
    assert [call.method for call in fake_aml.calls[before:]] == ["PUT"]
    fake_aml.advance(seconds=31)
    before = len(fake_aml.calls)
    plan("echo", environment=ENVIRONMENT, client=client)
    assert registry not in asked(fake_aml, before)


@pytest.mark.parametrize("fault", ["403", "404", "429", "500", "no connection", "HTML", "nothing"])
def test_a_registry_that_cant_be_read_is_no_matter(fake_aml: FakeAml, fault: str) -> None:
    """The plan is what it would be without one, and says nothing of it; one call, whatever comes."""
    fake_aml.container_registry(admin_user=False)
    fake_aml.inject(FAULTS[fault], on=REGISTRY, times=None)
    made = plan("echo", environment=ENVIRONMENT, gpus=1, client=fake_aml.client())
    assert (made.compute, made.verified, made.warnings) == ("serverless", True, ())
    assert len(fake_aml.calls.of(REGISTRY)) == 1


# -- what is kept


def test_a_no_is_read_again_before_it_is_given(fake_aml: FakeAml) -> None:
    """A cluster that was made a moment ago is found, and one that was changed is taken."""
    from azure.ai.ml.entities import AmlCompute

    client = fake_aml.client()
    options: dict[str, Any] = {"environment": ENVIRONMENT, "compute": "cpu", "client": client}
    with pytest.raises(ComputeNotFound):
        plan("echo", **options)
    fake_aml.cluster("cpu", max_nodes=1)
    assert plan("echo", **options).compute == "cpu"
    with pytest.raises(ComputeUnsuitable):
        plan("echo", instance_count=2, **options)
    client.compute.begin_create_or_update(
        AmlCompute(name="cpu", size="Standard_DS3_v2", min_instances=0, max_instances=2)
    ).result()
    assert plan("echo", instance_count=2, **options).instance_count == 2


def test_what_a_workspace_says_of_itself_is_read_again(fake_aml: FakeAml) -> None:
    """It takes no public access any more: a plan says so ten minutes later at most, a refusal at once."""
    client = fake_aml.client()

    def warned() -> bool:
        return any(
            "public" in words for words in plan("echo", environment=ENVIRONMENT, client=client).warnings
        )

    assert not warned()
    fake_aml.workspace_properties(publicNetworkAccess="Disabled")
    with pytest.raises(ComputeNotFound):
        plan("echo", environment=ENVIRONMENT, compute="nowhere", client=client)
    assert warned()
    fake_aml.workspace_properties(publicNetworkAccess="Enabled")
    fake_aml.advance(minutes=11)
    assert not warned()


def test_sizes_are_kept_for_the_next_process(
    fake_aml: FakeAml, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another client is to them as another process: it asks for all but sizes, and sees the same."""
    monkeypatch.setenv("AMLRUN_CACHE", str(tmp_path / "cache"))
    first = plan("echo", environment=ENVIRONMENT, gpus=1, client=fake_aml.client())
    before = len(fake_aml.calls)
    assert plan("echo", environment=ENVIRONMENT, gpus=1, client=fake_aml.client()) == first
    assert asked(fake_aml, before) == [name for name in cold(fake_aml) if name != "vmSizes"]


def test_a_size_that_isnt_on_disk_is_asked_for(
    fake_aml: FakeAml, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A region gets new sizes: that one is unknown is never said on what a file says."""
    monkeypatch.setenv("AMLRUN_CACHE", str(tmp_path / "cache"))
    plan("echo", environment=ENVIRONMENT, client=fake_aml.client())
    (file,) = (tmp_path / "cache").iterdir()
    kept = json.loads(file.read_text())
    kept["rows"] = [row for row in kept["rows"] if row["name"] != "Standard_DS3_v2"]
    file.write_text(json.dumps(kept))
    client = fake_aml.client()
    size = {"environment": ENVIRONMENT, "instance_type": "Standard_DS3_v2", "client": client}
    assert plan("echo", **size).instance_type == "Standard_DS3_v2"  # type: ignore[arg-type]  # options
    with pytest.raises(InvalidRequest):
        plan("echo", environment=ENVIRONMENT, instance_type="Standard_None", client=client)


def test_a_fake_leaves_nothing_on_disk(
    fake_aml: FakeAml, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless it is told to: its sizes are nobody else's, and its time is its own."""
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "cache"))
    plan("echo", environment=ENVIRONMENT, client=fake_aml.client())
    assert list(tmp_path.iterdir()) == []


def test_what_may_not_be_read_is_not_kept(
    fake_aml: FakeAml, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Packaged sizes are no sizes of the region's."""
    monkeypatch.setenv("AMLRUN_CACHE", str(tmp_path / "cache"))
    fake_aml.as_data_scientist()
    plan("echo", environment=ENVIRONMENT, gpus=1, client=fake_aml.client())
    assert not (tmp_path / "cache").exists()


# -- what a failed look-up costs

FAULTS = {
    "403": Forbidden(),
    "404": Answer(404, {"error": {"code": "NotFound", "message": "not there"}}),
    "429": Throttled(retry_after=1),
    "500": InternalError(),
    "504": GatewayTimeout(html=True),
    "no connection": NoConnection(),
    "HTML": Answer(200, b"<html>sign in</html>"),
    "no list": Answer(200, {"value": {"a": 1}}),
    "no rows": Answer(200, {"value": [1, None, "x"]}),
    "odd rows": Answer(200, {"value": [{"name": {"value": 3}, "type": [], "limit": "x", "properties": []}]}),
    "nothing": Answer(200, {}),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("look_up", [USAGES, SIZES, QUOTAS, COMPUTES])
def test_a_failed_look_up_never_stops_a_job(fake_aml: FakeAml, look_up: str, fault: str) -> None:
    """Whatever comes in its place: `gpus=1` leaves with a GPU size, and the plan says what is not known."""
    fake_aml.inject(FAULTS[fault], on=look_up, times=None)
    run = submit("echo", environment=ENVIRONMENT, gpus=1, client=fake_aml.client())
    sent = fake_aml.job(run.name).body["properties"]["resources"]["instanceType"]
    assert sent == run.plan.instance_type == "Standard_NC4as_T4_v3"
    assert run.plan.verified == (look_up != USAGES)
    legal = look_up in (QUOTAS, COMPUTES) and fault in ("no rows", "odd rows", "nothing")
    said = "\n".join(run.plan.warnings)
    assert ("may not read" in said) == (fault == "403")
    assert ("looking up" in said) == (fault != "403" and not legal)


@pytest.mark.parametrize("fault", [Throttled(retry_after=3600), Slow(1000), Throttled(retry_after=20)])
def test_a_look_up_that_hangs_costs_seconds(fake_aml: FakeAml, fault: Any) -> None:
    """Quota can be done without: nobody waits for minutes to be told that it can't be read."""
    fake_aml.inject(fault, on=USAGES, times=None)
    client = fake_aml.client()
    before = fake_aml.clock.now()
    run = submit("echo", environment=ENVIRONMENT, gpus=1, client=client)
    assert not run.plan.verified
    assert fake_aml.clock.now() - before < 60


def test_jobs_that_are_asked_after_hold_nobody_up(fake_aml: FakeAml) -> None:
    """Forty wait and the service throttles: one try, for the first of them, and no wait."""
    client = fake_aml.client()
    fake_aml.quota("TotalDedicatedCores", limit=1000)
    for _ in range(40):
        submit("echo", environment=ENVIRONMENT, instance_type="Standard_DS3_v2", client=client)
    fake_aml.advance(seconds=31)
    fake_aml.inject(Throttled(), on="GET /jobs/{name}", times=None)
    before, calls = fake_aml.clock.now(), len(fake_aml.calls)
    plan("echo", environment=ENVIRONMENT, client=client)
    assert fake_aml.clock.now() == before
    assert len(fake_aml.calls) - calls < 40


@pytest.mark.parametrize("fault", ["403", "500", "no connection", "HTML"])
def test_a_named_compute_is_believed_where_computes_cant_be_read(fake_aml: FakeAml, fault: str) -> None:
    """The job goes there, and the plan says that nobody looked."""
    fake_aml.cluster("gpu-cluster", size="Standard_NC4as_T4_v3")
    fake_aml.inject(FAULTS[fault], on=COMPUTES, times=None)
    run = submit("echo", environment=ENVIRONMENT, compute="gpu-cluster", client=fake_aml.client())
    assert (run.plan.compute, run.plan.starts) == ("gpu-cluster", "unknown")
    assert fake_aml.job(run.name).body["properties"]["computeId"].endswith("/computes/gpu-cluster")
    assert "computes" in "\n".join(run.plan.warnings)


@pytest.mark.parametrize(
    ("fault", "error", "way_out"),
    [
        ("403", NotAuthorized, "AzureML Data Scientist"),
        ("404", ServiceError, "right subscription"),
    ],
)
def test_only_the_workspace_itself_must_be_read(
    fake_aml: FakeAml, fault: str, error: type[NotAuthorized | ServiceError], way_out: str
) -> None:
    """It isn't there, or isn't for this account: no job is sent, and the error says what to do."""
    fake_aml.inject(FAULTS[fault], on="GET ", times=None)
    with pytest.raises(error) as caught:
        submit("echo", environment=ENVIRONMENT, gpus=1, client=fake_aml.client())
    assert way_out in caught.value.hint
    assert fake_aml.jobs == ()


@pytest.mark.parametrize("fault", ["429", "500", "504", "no connection"])
def test_a_workspace_that_fails_for_now_stops_no_job(fake_aml: FakeAml, fault: str) -> None:
    """The job leaves as it would without amlrun; the plan says that nothing of its region is known."""
    fake_aml.inject(FAULTS[fault], on="GET ", times=None)
    client = fake_aml.client()
    named = submit("echo", environment=ENVIRONMENT, instance_type="Standard_NC4as_T4_v3", client=client)
    found = submit("echo", environment=ENVIRONMENT, gpus=1, client=client)
    assert named.plan.instance_type == found.plan.instance_type == "Standard_NC4as_T4_v3"
    for run in (named, found):
        assert (run.plan.starts, run.plan.verified) == ("unknown", False)
        assert run.plan.warnings[0].startswith("looking up the workspace failed")
    with pytest.raises(ServiceError, match=r"GET|no answer"):
        quota(client=client)


@pytest.mark.parametrize("hanging", [["GET "], ["GET ", COMPUTES], [USAGES]])
def test_a_service_that_hangs_holds_a_batch_up_once(fake_aml: FakeAml, hanging: list[str]) -> None:
    """Two calls of 20 seconds each, and no more of them with the next job, nor with the one after it."""
    for look_up in hanging:
        fake_aml.inject(Slow(1000), on=look_up, times=None)
    client, before = fake_aml.client(), fake_aml.clock.now()
    for _ in range(3):
        run = submit("echo", environment=ENVIRONMENT, gpus=1, client=client)
        assert (run.plan.instance_type, run.plan.verified) == ("Standard_NC4as_T4_v3", False)
    assert fake_aml.clock.now() - before < 60 * len(hanging)  # one after the other, on the fake's clock
    for look_up in hanging:
        assert len(fake_aml.calls.of(look_up)) == 2


def test_a_workspace_that_hangs_once_is_asked_again(fake_aml: FakeAml) -> None:
    """And its answer counts."""
    fake_aml.inject(Slow(1000), on="GET ")
    assert plan("echo", environment=ENVIRONMENT, gpus=1, client=fake_aml.client()).verified
    assert len(fake_aml.calls.of("GET ")) == 2


def test_an_unread_region_has_no_name(fake_aml: FakeAml) -> None:
    """What is said of it where its workspace can't be read: refusals, and clusters that stand somewhere."""
    fake_aml.cluster("cpu", size="Standard_DS3_v2", nodes=1)
    fake_aml.inject(InternalError(), on="GET ", times=None)
    client = fake_aml.client()
    on_cluster = plan("echo", environment=ENVIRONMENT, compute="cpu", client=client)
    assert (
        "the cluster is in eastus: the prices of the workspace's region are not its own"
        in on_cluster.warnings
    )
    with pytest.raises(NothingFits, match="the sizes of the workspace's region itself can't be read"):
        plan("echo", environment=ENVIRONMENT, cpus=1000, client=client)


# -- what a refusal costs


def test_refusals_in_a_row_dont_read_sizes_again(fake_aml: FakeAml) -> None:
    """Each rests on figures of its own; the long list is read once where the "no" is not about sizes."""
    client = fake_aml.client()
    for _ in range(20):
        with pytest.raises(NoQuota):
            plan("echo", environment=ENVIRONMENT, gpu="A100", client=client)
    assert [asked(fake_aml).count(name) for name in ("vmSizes", "usages")] == [1, 20]
