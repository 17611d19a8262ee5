"""The fake against what was seen of the real service: recorded sequences, bodies and figures, replayed.

Each test names what was recorded. What nobody has recorded is in docs/assumptions.md, not here.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from azure.ai.ml import command
from azure.core.exceptions import HttpResponseError

from amlrun.testing import (
    BadGateway,
    ConnectionLost,
    Failed,
    Forbidden,
    GatewayTimeout,
    InternalError,
    NoReadAccess,
    NoRegistryAccess,
    Throttled,
)
from tests.testing.kinds import two_steps

if TYPE_CHECKING:
    from collections.abc import Callable

    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml

PROVIDER = "/providers/Microsoft.MachineLearningServices"
MANAGEMENT = "management.azure.com"
DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


def ask(fake: FakeAml, method: str, path: str, body: Any = None, *, host: str = MANAGEMENT) -> Any:
    """The reply as it comes off the wire."""
    token = fake.credential.get_token("https://management.azure.com/.default").token
    return requests.request(
        method,
        f"https://{host}{path}",
        params={"api-version": "2024-04-01"},
        json=body,
        headers={"Authorization": f"Bearer {token}"},
        timeout=60,
    )


def region(fake: FakeAml, what: str) -> list[dict[str, Any]]:
    """The rows of a list of the region: usages, quotas or vmSizes."""
    path = f"/subscriptions/{fake.scope.subscription_id}{PROVIDER}/locations/{fake.scope.location}/{what}"
    rows: list[dict[str, Any]] = ask(fake, "GET", path).json()["value"]
    return rows


def usage(fake: FakeAml, name: str, kind: str = "vmFamily/dedicatedCores") -> tuple[int, int]:
    """What is used and the limit of a row of usages."""
    (row,) = [
        row
        for row in region(fake, "usages")
        if row["name"]["value"] == name and (row["type"].endswith(f"{kind}/usages"))
    ]
    return row["currentValue"], row["limit"]


def run_of(fake: FakeAml, name: str) -> dict[str, Any]:
    """A run as run history shows it, on the host that the workspace names."""
    workspace = ask(fake, "GET", fake.scope.path).json()
    host = re.sub(r"^https://|/discovery$", "", workspace["properties"]["discoveryUrl"])
    run: dict[str, Any] = ask(fake, "GET", f"/history/v1.0{fake.scope.path}/runs/{name}", host=host).json()
    return run


def codes(reply: Any) -> list[str]:
    """The coarse code of an error, and the chain of inner ones behind it."""
    error = reply.json()["error"]
    more = error.get("additionalInfo", [])
    inner = [part["info"]["value"] for part in more if part["type"] == "InnerError"]
    found, link = [error["code"]], inner[0] if inner else None
    while link:
        found.append(link["code"])
        link = link["innerError"]
    return found


# -- quota


def test_a_family_comes_twice_and_only_the_type_tells_which(fake_aml: FakeAml) -> None:
    """Recorded: the same name.value in a dedicated and a low-priority row; the latter's limit is -1."""
    rows = [row for row in region(fake_aml, "usages") if row["name"]["value"] == "standardDSv2Family"]
    limits = {row["type"].removeprefix("Microsoft.MachineLearningServices/"): row["limit"] for row in rows}
    assert limits == {
        "vmFamily/dedicatedCores/usages": 24,
        "vmFamily/lowPriorityCores/usages": -1,
    }


def test_the_totals_have_rows_of_their_own(fake_aml: FakeAml) -> None:
    """Recorded: TotalDedicatedCores, TotalLowPriorityCores and TotalClusters stand among the families."""
    names = {row["name"]["value"] for row in region(fake_aml, "usages")}
    assert {"TotalDedicatedCores", "TotalLowPriorityCores", "TotalClusters"} <= names


def test_families_are_spelt_differently_in_sizes_and_usages(fake_aml: FakeAml) -> None:
    """Recorded: StandardNCADSA100v4Family here, standardNCADSA100v4Family there; some have no row at all."""
    sizes = {row["family"] for row in region(fake_aml, "vmSizes")}
    usages = {row["name"]["value"] for row in region(fake_aml, "usages")}
    assert "StandardNCADSA100v4Family" in sizes - usages
    assert "standardNCADSA100v4Family" in usages - sizes
    folded = {name.lower() for name in usages}
    assert any(name.lower() not in folded for name in sizes)


def test_a_total_that_is_full_holds_a_job_that_its_family_has_room_for(
    fake_aml: FakeAml, submit: Callable[..., str]
) -> None:
    """Recorded: a region's total full at 20 of 20 while families had room."""
    fake_aml.quota("TotalDedicatedCores", limit=20, used=20)
    name = submit(instance_type="Standard_DS3_v2")
    fake_aml.advance(hours=1)
    assert fake_aml.job(name).status == "Queued"
    assert usage(fake_aml, "standardDSv2Family") == (0, 24)


def test_a_pool_of_0_means_no_spot_whatever_the_families_say(
    fake_aml: FakeAml, submit: Callable[..., str]
) -> None:
    """Recorded: TotalLowPriorityCores at 0 while every family says -1."""
    fake_aml.quota("TotalLowPriorityCores", limit=0)
    name = submit(instance_type="Standard_DS3_v2", job_tier="spot")
    fake_aml.advance(hours=1)
    assert fake_aml.job(name).status == "Failed"
    assert usage(fake_aml, "standardDSv2Family", "vmFamily/lowPriorityCores")[1] == -1


def test_only_nodes_that_exist_count(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """Recorded: a cluster with 1 node of 4 uses the cores of 1; creation checks the minimum only."""
    fake_aml.quota("standardDSv2Family", limit=8)
    fake_aml.cluster("cpu-cluster", size="Standard_DS3_v2", min_nodes=1, max_nodes=4)
    assert usage(fake_aml, "standardDSv2Family") == (4, 8)
    submit(compute="cpu-cluster", instance_count=2)
    fake_aml.advance(minutes=4)
    assert usage(fake_aml, "standardDSv2Family") == (8, 8)


def test_a_workspaces_own_limit_is_a_row_of_quotas(fake_aml: FakeAml) -> None:
    """Recorded: of type …/workspaces/dedicatedCores/quotas, the workspace in its id; not among usages."""
    fake_aml.quota("standardDSv2Family", workspace_limit=4)
    kind = "/workspaces/dedicatedCores/quotas"
    rows = [row for row in region(fake_aml, "quotas") if row["type"].endswith(kind)]
    assert [row["limit"] for row in rows if "standarddsv2family" in row["id"].lower()] == [4]
    assert all(f"/workspaces/{fake_aml.scope.workspace}/" in row["id"] for row in rows)
    assert usage(fake_aml, "standardDSv2Family") == (0, 24)


def test_who_may_not_read_one_of_them_may_read_none(fake_aml: FakeAml) -> None:
    """Documented and common: usages, vmSizes and quotas are subscription paths, and fail together."""
    fake_aml.as_data_scientist()
    path = f"/subscriptions/{fake_aml.scope.subscription_id}{PROVIDER}/locations/{fake_aml.scope.location}"
    replies = [ask(fake_aml, "GET", f"{path}/{what}") for what in ("usages", "vmSizes", "quotas")]
    assert [reply.status_code for reply in replies] == [403, 403, 403]
    assert {reply.json()["error"]["code"] for reply in replies} == {"AuthorizationFailed"}


# -- sizes


def test_prices_are_there_for_some_families_only(fake_aml: FakeAml) -> None:
    """Recorded: USD an hour by system and tier; absent for the commonest families; two for one pair."""
    rows = {row["name"]: row for row in region(fake_aml, "vmSizes")}
    assert not (rows["Standard_DS3_v2"].get("estimatedVMPrices") or {}).get("values")
    prices = rows["Standard_D16ads_v5"]["estimatedVMPrices"]
    assert prices["billingCurrency"] == "USD"
    standard = [
        price["retailPrice"]
        for price in prices["values"]
        if (price["osType"], price["vmTier"]) == ("Linux", "Standard")
    ]
    assert sorted(standard) == [0.82, 1.56]


def test_some_sizes_are_not_for_jobs(fake_aml: FakeAml) -> None:
    """Recorded: supportedComputeTypes without AmlCompute."""
    assert any("AmlCompute" not in row["supportedComputeTypes"] for row in region(fake_aml, "vmSizes"))


# -- a job's life


def test_both_recorded_orders_of_states_happen(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """Recorded: Starting, Preparing, Queued, Running; and Starting, Queued, Running."""
    first = submit(instance_type="Standard_DS3_v2")
    fake_aml.advance(hours=1)
    second = submit(instance_type="Standard_DS3_v2")  # its image is there: nothing is prepared
    fake_aml.advance(hours=1)
    assert fake_aml.job(first).statuses == ("Starting", "Preparing", "Queued", "Running", "Completed")
    assert fake_aml.job(second).statuses == ("Starting", "Queued", "Running", "Completed")


def test_a_job_that_waits_for_nodes_says_so(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """Recorded: the words of InsufficientAvailableNodes, on a job that is Queued and not failing."""
    fake_aml.cluster("cpu-cluster", max_nodes=1)
    submit(compute="cpu-cluster")
    name = submit(compute="cpu-cluster")
    fake_aml.advance(minutes=4)
    waits = run_of(fake_aml, name)["queueingInfo"]
    assert waits["code"] == "InsufficientAvailableNodes"
    assert waits["message"] == "Job needs 1 node(s) while currently the cluster only has 0"


def test_run_history_has_the_times_and_the_nodes(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """Recorded: which fields a run has, vmSize null in all of them, lastModifiedBy the submitter."""
    name = submit(instance_type="Standard_DS3_v2", instance_count=2)
    fake_aml.advance(hours=1)
    run = run_of(fake_aml, name)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", run["startTimeUtc"])
    assert run["endTimeUtc"] > run["startTimeUtc"]
    assert re.fullmatch(r"\d\d:\d\d:\d\d(\.\d+)?", run["computeDuration"])
    assert run["compute"]["vmSize"] is None
    assert (run["compute"]["instanceCount"], run["compute"]["region"]) == (2, fake_aml.scope.location)
    assert run["lastModifiedBy"]["userName"] == run["createdBy"]["userName"]
    assert {"currentAttemptId", "queueingInfo", "warnings", "error", "rootRunId", "parentRunId"} <= set(run)


def test_an_error_of_a_run_has_its_code_and_its_words(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """Recorded: error.error.{code, message, referenceCode, innerError}; no such text in the job's GET."""
    name = submit(instance_type="Standard_DS3_v2")
    fake_aml.advance(minutes=3)
    fake_aml.fail(name, code="UserError", message="it broke")
    assert {"code", "message", "referenceCode", "innerError"} <= set(run_of(fake_aml, name)["error"]["error"])
    job = ask(fake_aml, "GET", f"{fake_aml.scope.path}/jobs/{name}").json()
    assert "it broke" not in json.dumps(job)


def test_a_pipelines_error_only_says_that_a_step_failed(fake_aml: FakeAml, client: MLClient) -> None:
    """Recorded: the parent has PipelineHasStepJobFailed; the reason is in the child."""
    fake_aml.inject(Failed(message="disk full"), job="*/make")
    name = str(client.jobs.create_or_update(two_steps()).name)
    fake_aml.advance(hours=1)
    assert "PipelineHasStepJobFailed" in json.dumps(run_of(fake_aml, name)["error"])
    (child,) = fake_aml.job(name).children
    assert "disk full" in run_of(fake_aml, child)["error"]["error"]["message"]


@pytest.mark.skipif(not DATA.is_dir(), reason="the recorded replies are not beside this checkout")
@pytest.mark.parametrize(
    ("what", "file"), [("usages", "usages-eastus.json"), ("vmSizes", "vmsizes-eastus.json")]
)
def test_rows_have_the_recorded_form(fake_aml: FakeAml, what: str, file: str) -> None:
    """Recorded: which keys a row has, and the types of what they hold."""

    def form(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: form(item) for key, item in value.items()}
        return type(value).__name__ if not isinstance(value, list) else ["…"]

    recorded = json.loads((DATA / file).read_text(encoding="utf-8"))["value"]
    forms = {json.dumps(form(row), sort_keys=True) for row in recorded}
    assert {json.dumps(form(row), sort_keys=True) for row in region(fake_aml, what)} <= forms


def test_a_put_of_a_job_that_exists_takes_its_tags(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """Recorded: 200 for a job that existed, whatever its state, and its tags are now yours."""
    name = submit(name="train", instance_type="Standard_DS3_v2", tags={"a": "1"})
    sent = fake_aml.calls.of("PUT /jobs/{name}", name=name)[0].json
    fake_aml.advance(hours=1)
    again = {"properties": {**sent["properties"], "tags": {"b": "2"}}}
    assert ask(fake_aml, "PUT", f"{fake_aml.scope.path}/jobs/train", again).status_code == 200
    assert dict(fake_aml.job("train").tags) == {"b": "2"}


def test_a_name_that_is_taken_by_another_job(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """Reported: Immutable/JobPropertyImmutable, with the words that users paste."""
    submit(name="train", instance_type="Standard_DS3_v2")
    sent = fake_aml.calls.of("PUT /jobs/{name}", name="train")[0].json
    other = {"properties": {**sent["properties"], "command": "python other.py"}}
    reply = ask(fake_aml, "PUT", f"{fake_aml.scope.path}/jobs/train", other)
    assert codes(reply)[1:] == ["Immutable", "JobPropertyImmutable"]
    assert reply.json()["error"]["message"].startswith("A job with this name already exists")


def test_what_a_job_on_a_cluster_reads_back(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """Recorded: its queueSettings are null; properties of the service's own stand beside ours."""
    fake_aml.cluster("cpu-cluster")
    name = submit(compute="cpu-cluster", properties={"mine": "1"})
    shown = ask(fake_aml, "GET", f"{fake_aml.scope.path}/jobs/{name}").json()["properties"]
    assert shown["queueSettings"] is None
    assert shown["properties"]["mine"] == "1"
    assert len(shown["properties"]) > 1


def test_a_serverless_job_without_identity_reads_back_amltoken(
    fake_aml: FakeAml, submit: Callable[..., str]
) -> None:
    """Recorded once."""
    shown = ask(fake_aml, "GET", f"{fake_aml.scope.path}/jobs/{submit()}").json()["properties"]
    assert shown["identity"]["identityType"] == "AMLToken"


# -- errors


@pytest.mark.parametrize(
    ("fault", "status", "chain", "words"),
    [
        (Throttled(header=False), 429, ["QuotaExceeded", "TooManyRequests"], "Retry again after 20 seconds."),
        (GatewayTimeout(), 504, ["TransientError"], "Service invocation timed out"),
        (InternalError("ServiceError"), 500, ["ServiceError"], "Received 503 from a service request"),
        (BadGateway(), 502, ["BadGatewayConnection"], ""),
        (InternalError(), 500, ["InternalServerError"], ""),
        (NoReadAccess(), 403, [], "not having read access to specified resources"),
        (NoRegistryAccess(), 401, ["UnAuthorizedRegistryAccess"], ""),
        (Forbidden(), 403, ["AuthorizationFailed"], "does not have authorization"),
    ],
    ids=str,
)
def test_an_error_has_its_recorded_status_codes_and_words(
    fake_aml: FakeAml, fault: Any, status: int, chain: list[str], words: str
) -> None:
    """Recorded: status, the coarse code on top, the useful ones in the chain of inner errors."""
    fake_aml.inject(fault, on="GET /jobs/{name}")
    reply = ask(fake_aml, "GET", f"{fake_aml.scope.path}/jobs/any")
    assert reply.status_code == status
    assert codes(reply)[len(codes(reply)) - len(chain) :] == chain
    assert words in reply.json()["error"]["message"]
    assert "Retry-After" not in reply.headers  # recorded: often there is none, also with a 429


@pytest.mark.parametrize("fault", [BadGateway(html=True), GatewayTimeout(html=True)], ids=str)
def test_a_gateway_may_answer_with_a_page(fake_aml: FakeAml, fault: Any) -> None:
    """Recorded: 502 and 504 whose body is HTML."""
    fake_aml.inject(fault, on="GET /jobs/{name}")
    reply = ask(fake_aml, "GET", f"{fake_aml.scope.path}/jobs/any")
    assert reply.status_code in {502, 504}
    assert reply.text.startswith("<html>")


def test_a_job_that_is_not_there(fake_aml: FakeAml) -> None:
    """Recorded: 404 with the inner codes NotFound/JobNotFound."""
    reply = ask(fake_aml, "GET", f"{fake_aml.scope.path}/jobs/nope")
    assert (reply.status_code, codes(reply)) == (404, ["UserError", "NotFound", "JobNotFound"])


def test_an_identity_that_the_workspace_does_not_have(client: MLClient) -> None:
    """Recorded: 404 NotFound/UserAssignedIdentityNotFound, at the PUT of the job."""
    from azure.ai.ml.entities import ManagedIdentityConfiguration

    job = command(
        command="x",
        environment="azureml:train:1",
        identity=ManagedIdentityConfiguration(client_id="00000000-0000-0000-0000-00000000dead"),
    )
    with pytest.raises(HttpResponseError) as caught:
        client.jobs.create_or_update(job)
    reply: Any = caught.value.response
    assert reply.status_code == 404
    assert "UserAssignedIdentityNotFound" in reply.text()


def test_a_repeated_put_after_a_time_out_makes_one_job(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """Recorded: 504 on the PUT, then 201 for the repeat under the same name."""
    fake_aml.inject(GatewayTimeout(), on="PUT /jobs/{name}")
    name = submit(instance_type="Standard_DS3_v2")
    assert [call.status for call in fake_aml.calls.of("PUT /jobs/{name}")] == [504, 201]
    assert fake_aml.jobs == (name,)


def test_a_reply_that_is_lost_after_the_job_was_taken(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """The repeat meets the job that the first one made: 200, and no second job."""
    fake_aml.inject(ConnectionLost(taken=True), on="PUT /jobs/{name}")
    name = submit(instance_type="Standard_DS3_v2")
    assert [call.status for call in fake_aml.calls.of("PUT /jobs/{name}")] == [0, 200]
    assert fake_aml.jobs == (name,)


def test_a_cancel_that_was_taken_though_the_gateway_gave_up(fake_aml: FakeAml, client: MLClient) -> None:
    """Recorded of a pipeline: 504 with HTML on cancel, then 400 CancelPipelineRunInTerminalStatus."""
    name = str(client.jobs.create_or_update(two_steps()).name)
    fake_aml.inject(GatewayTimeout(html=True, taken=True), on="POST /jobs/{name}/cancel")
    path = f"{fake_aml.scope.path}/jobs/{name}/cancel"
    assert ask(fake_aml, "POST", path).status_code == 504
    fake_aml.advance(minutes=1)
    again = ask(fake_aml, "POST", path)
    assert (again.status_code, codes(again)[-1]) == (400, "CancelPipelineRunInTerminalStatus")
    assert fake_aml.job(name).status == "Canceled"


def test_a_cluster_that_cannot_grow_is_succeeded_and_says_why(
    fake_aml: FakeAml, submit: Callable[..., str]
) -> None:
    """Recorded: ClusterCoreQuotaReached in properties.properties.errors of a compute that is Succeeded."""
    fake_aml.cluster("cpu-cluster", max_nodes=4)
    fake_aml.quota("standardDSv2Family", limit=4, used=4)
    name = submit(compute="cpu-cluster")
    fake_aml.advance(minutes=10)
    shown = ask(fake_aml, "GET", f"{fake_aml.scope.path}/computes/cpu-cluster").json()["properties"]
    assert shown["provisioningState"] == "Succeeded"
    assert shown["properties"]["errors"][0]["error"]["code"] == "ClusterCoreQuotaReached"
    assert shown["properties"]["vmSize"] == "STANDARD_DS3_V2"
    assert fake_aml.job(name).status == "Queued"


@pytest.mark.parametrize(
    ("size", "nodes", "code"),
    [
        ("Standard_DS3_v2", 100, "ClusterMinNodesExceedCoreQuota"),
        ("Standard_Nope", 0, "VmSizeNotSupported"),
    ],
)
def test_a_cluster_that_cannot_be_made_is_there_and_failed(
    fake_aml: FakeAml, size: str, nodes: int, code: str
) -> None:
    """Recorded: GET 200, state Failed, and the code among provisioningErrors."""
    body = {
        "location": fake_aml.scope.location,
        "properties": {
            "computeType": "AmlCompute",
            "properties": {"vmSize": size, "scaleSettings": {"minNodeCount": nodes, "maxNodeCount": 100}},
        },
    }
    path = f"{fake_aml.scope.path}/computes/bad"
    ask(fake_aml, "PUT", path, body)
    fake_aml.advance(minutes=10)
    shown = ask(fake_aml, "GET", path)
    assert shown.status_code == 200
    assert shown.json()["properties"]["provisioningState"] == "Failed"
    assert shown.json()["properties"]["provisioningErrors"][0]["error"]["code"] == code


def test_the_buckets_of_the_resource_manager(fake_aml: FakeAml) -> None:
    """Recorded: 200 writes and 250 reads at once, for a caller, subscription and region; then 429."""
    fake_aml.throttle()
    path = f"{fake_aml.scope.path}/jobs/nope"
    reads = [ask(fake_aml, "GET", path).status_code for _ in range(251)]
    writes = [ask(fake_aml, "PUT", path, {}).status_code for _ in range(201)]
    assert reads == [404] * 250 + [429]
    assert writes == [400] * 200 + [429]
    fake_aml.advance(seconds=1)
    assert [ask(fake_aml, "GET", path).status_code for _ in range(26)] == [404] * 25 + [429]
    assert [ask(fake_aml, "PUT", path, {}).status_code for _ in range(11)] == [400] * 10 + [429]


def test_the_sdk_repeats_what_the_record_says_is_worth_it(fake_aml: FakeAml, client: MLClient) -> None:
    """Measured: 4 calls in all at 0, 1.6 and 3.2 s, the same name each time; a 403 makes one."""
    fake_aml.inject(InternalError(), on="GET /jobs/{name}", times=4)
    begun = fake_aml.clock.now()
    with pytest.raises(HttpResponseError):
        client.jobs.get("nope")
    calls = fake_aml.calls.of("GET /jobs/{name}", name="nope")
    assert [round(call.time - begun, 1) for call in calls] == [0.0, 0.0, 1.6, 4.8]
