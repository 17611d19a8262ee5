"""`compute=Cluster(…)` through the real client: used where it is there, made where it isn't, told why not."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from amlrun import (
    Cluster,
    ComputeUnsuitable,
    NotAuthorized,
    NotEnoughQuota,
    Plan,
    PlanOutdated,
    ServiceError,
    SubmissionFailed,
    plan,
    submit,
    submit_many,
)
from amlrun.testing import Answer, ConnectionLost, DisallowedByPolicy, GatewayTimeout
from tests.submission.runs import Between

if TYPE_CHECKING:
    from collections.abc import Callable

    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml

JOB: dict[str, Any] = {"environment": "azureml:train:1"}
V100, FAMILY = "Standard_NC6s_v3", "standardNCSv3Family"
GPU = Cluster("gpu", size=V100, max=2, idle=600)
PUT = "PUT /computes/{name}"


@pytest.fixture
def client(fake_aml: FakeAml) -> MLClient:
    """The real client, of a workspace with quota for the cluster."""
    fake_aml.quota(FAMILY, limit=24)
    return fake_aml.client()


def made(fake: FakeAml) -> list[str]:
    """The computes that were made or changed."""
    puts = [call.path for call in fake.calls if call.method == "PUT"]
    return [path.rpartition("/")[2] for path in puts if "/computes/" in path]


def compute_of(fake: FakeAml, name: str) -> str:
    """Where the job was sent, as its body says."""
    return str(fake.job(name).body["properties"].get("computeId")).rpartition("/")[2]


def test_a_cluster_is_made_for_the_job(fake_aml: FakeAml, client: MLClient) -> None:
    """With every setting; the job goes there, and runs when its node has come."""
    identity = f"user:{_identity(fake_aml)}"
    wish = Cluster("gpu", size=V100.lower(), max=2, tier="spot", idle=600, identity=identity)
    run = submit("python -V", compute=wish, client=client, **JOB)
    there = client.compute.get("gpu")
    assert (there.size.lower(), there.tier.lower()) == (V100.lower(), "low_priority")
    assert (there.min_instances, there.max_instances) == (0, 2)
    assert there.idle_time_before_scale_down == 600
    assert there.identity.type.replace("_", "").lower() == "userassigned"
    assert compute_of(fake_aml, run.name) == "gpu"
    assert "instanceType" not in fake_aml.job(run.name).body["properties"]["resources"]
    assert run.wait().status == "Completed"


def _identity(fake: FakeAml) -> str:
    fake.identity("trainer", attached=False)
    scope = fake.scope
    group = f"/subscriptions/{scope.subscription_id}/resourceGroups/{scope.resource_group}"
    return f"{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/trainer"


def test_a_cluster_that_is_there_is_used(fake_aml: FakeAml, client: MLClient) -> None:
    """The second job finds what the first has made: one PUT, and none for the second."""
    first = submit("python -V", compute=GPU, client=client, **JOB)
    assert plan("python -V", compute=GPU, client=client, **JOB).creates is None
    first.wait()
    second = submit("python -V", compute=GPU, client=client, **JOB)
    assert made(fake_aml) == ["gpu"]
    assert compute_of(fake_aml, second.name) == "gpu"
    second.wait()
    before = len(fake_aml.calls)
    third = plan("python -V", compute=GPU, client=client, **JOB)
    assert third.creates is None
    assert not [call for call in fake_aml.calls[before:] if call.method != "GET"]
    before = len(fake_aml.calls)
    submit("python -V", compute=GPU, client=client, **JOB)
    assert [call.method for call in fake_aml.calls[before:]] == ["PUT"]


def test_a_plan_makes_nothing(fake_aml: FakeAml, client: MLClient) -> None:
    """It shows the cluster that would be made, and its price."""
    planned = plan("python -V", compute=GPU, client=client, **JOB)
    assert planned.creates == GPU
    assert planned.compute == "gpu"
    assert "makes   cluster gpu: 0 to 2 nodes of Standard_NC6s_v3, standard, 3.06 USD an hour" in str(planned)
    assert {call.method for call in fake_aml.calls} == {"GET"}


def test_such_a_plan_is_sent(fake_aml: FakeAml, client: MLClient) -> None:
    """Through JSON too; and when somebody has made the cluster meanwhile, it is used."""
    planned = Plan.from_json(plan("python -V", compute=GPU, client=client, **JOB).to_json())
    run = submit(planned, client=client)
    assert (made(fake_aml), compute_of(fake_aml, run.name)) == (["gpu"], "gpu")
    fake_aml.advance(minutes=1)
    again = submit(planned, client=client)
    assert (made(fake_aml), compute_of(fake_aml, again.name)) == (["gpu"], "gpu")


def test_a_size_of_its_own_choice_stays_planned(fake_aml: FakeAml, client: MLClient) -> None:
    """The size was chosen for the plan, and is the one that is made, though another is cheaper by then."""
    fake_aml.quota("Standard NCASv3_T4 Family", limit=0)
    any_size = Cluster("gpu", max=2)
    planned = plan("python -V", compute=any_size, gpus=1, client=client, **JOB)
    assert planned.instance_type == V100
    fake_aml.quota("Standard NCASv3_T4 Family", limit=64)
    submit(planned, client=client)
    assert client.compute.get("gpu").size.upper() == V100.upper()


def test_a_cluster_that_has_gone_is_told(fake_aml: FakeAml, client: MLClient) -> None:
    """It was there when the job was planned: making it is another plan, which the error has."""
    fake_aml.cluster("gpu", size=V100, max_nodes=2, idle_seconds=600)
    planned = plan("python -V", compute=GPU, client=client, **JOB)
    assert planned.creates is None
    client.compute.begin_delete("gpu")
    fake_aml.advance(hours=1)
    with pytest.raises(PlanOutdated, match="the cluster gpu isn't there any more") as caught:
        submit(planned, client=client)
    assert not fake_aml.jobs
    run = submit(caught.value.plan, client=client)
    assert (made(fake_aml), compute_of(fake_aml, run.name)) == (["gpu"], "gpu")


def test_a_cluster_that_cannot_be_seen_is_not_gone(fake_aml: FakeAml, client: MLClient) -> None:
    """Where computes can't be read any more, the job goes where it was planned."""
    fake_aml.cluster("gpu", size=V100, max_nodes=2, idle_seconds=600)
    planned = plan("python -V", compute=GPU, client=client, **JOB)
    refused = Answer(status=403, body={"error": {"code": "AuthorizationFailed", "message": "no"}})
    fake_aml.inject(refused, on="GET */computes", times=None)
    run = submit(planned, client=client)
    assert (made(fake_aml), compute_of(fake_aml, run.name)) == ([], "gpu")
    assert (run.plan.compute, run.plan.tier, run.plan.creates) == ("gpu", planned.tier, None)


def test_a_data_scientist_uses_what_is_there(fake_aml: FakeAml, client: MLClient) -> None:
    """Clusters of the workspace can be read and used with no right to make one."""
    fake_aml.cluster("gpu", size=V100, max_nodes=2, idle_seconds=600)
    fake_aml.as_data_scientist()
    run = submit("python -V", compute=GPU, client=client, **JOB)
    assert (made(fake_aml), compute_of(fake_aml, run.name)) == ([], "gpu")


def test_in_a_list_only_what_is_chosen_is_made(fake_aml: FakeAml, client: MLClient) -> None:
    """Serverless starts now, so no cluster is made; where it can't start, the cluster is."""
    run = submit("python -V", compute=[GPU, "serverless"], gpus=1, client=client, **JOB)
    assert (made(fake_aml), run.plan.compute) == ([], "serverless")
    fake_aml.quota(FAMILY, limit=24, used=24)
    fake_aml.advance(minutes=1)
    run = submit("python -V", compute=[GPU, "serverless"], instance_type=V100, client=client, **JOB)
    assert (made(fake_aml), compute_of(fake_aml, run.name)) == (["gpu"], "gpu")


def test_other_settings_are_told_one_by_one(fake_aml: FakeAml, client: MLClient) -> None:
    """The cluster stays as it is, and no job is sent."""
    fake_aml.cluster("gpu", size=V100, max_nodes=8)
    with pytest.raises(ComputeUnsuitable) as caught:
        submit("python -V", compute=GPU, client=client, **JOB)
    assert caught.value.message.splitlines()[1:] == [
        "  max: 8 there, 2 asked for",
        "  idle: 120 s there, 600 s asked for",
    ]
    assert "compute='gpu'" in caught.value.hint
    assert (made(fake_aml), len(fake_aml.jobs)) == ([], 0)


def test_without_the_right_the_error_has_all_that_is_needed(fake_aml: FakeAml, client: MLClient) -> None:
    """A Data Scientist makes no computes: the message has the command line and the body for whoever does."""
    fake_aml.as_data_scientist()
    with pytest.raises(NotAuthorized) as caught:
        submit("python -V", compute=GPU, client=client, **JOB)
    message, scope = caught.value.message, fake_aml.scope
    assert "workspaces/computes/write" in message
    assert (
        "az ml compute create --name gpu --type AmlCompute --size Standard_NC6s_v3 --min-instances 0"
        " --max-instances 2 --tier dedicated --idle-time-before-scale-down 600 --location eastus"
        f" --subscription {scope.subscription_id} --resource-group {scope.resource_group}"
        f" --workspace-name {scope.workspace}\n"
    ) in message
    body = json.loads(message[message.index("{\n") :])
    assert body == GPU.body("eastus")
    assert caught.value.scope.endswith("/computes/gpu")
    assert "AzureML Compute Operator" in caught.value.hint
    assert not fake_aml.jobs


def test_who_may_make_it_and_not_give_it_an_identity_is_told_that(
    fake_aml: FakeAml, client: MLClient
) -> None:
    """The role is the one for the identity: another one for clusters wouldn't help."""
    identity = (
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/me"
    )
    action = "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action"
    words = (
        "The client 'ada' with object id '1' has permission to perform action"
        " 'Microsoft.MachineLearningServices/workspaces/computes/write' on scope '/c'; however, it does not"
        f" have permission to perform action(s) '{action}' on the linked scope(s) '{identity}' (respectively)"
        " or the linked scope(s) are invalid."
    )
    body = {"error": {"code": "LinkedAuthorizationFailed", "message": words}}
    fake_aml.inject(Answer(403, body), on="PUT /computes/{name}")
    with pytest.raises(NotAuthorized, match="may not make the cluster own") as caught:
        submit(
            "python -V", compute=Cluster("own", size=V100, identity=f"user:{identity}"), client=client, **JOB
        )
    assert (caught.value.action, caught.value.role) == (action, "Managed Identity Operator")
    assert caught.value.scope == identity
    assert '--role "Managed Identity Operator" --scope /subscriptions/s/' in caught.value.hint
    assert "Compute Operator" not in caught.value.hint


def test_in_a_list_what_may_not_be_made_is_passed_over(
    fake_aml: FakeAml, client: MLClient, caplog: pytest.LogCaptureFixture
) -> None:
    """A plan can't know it; the job goes to the next place of the list, and log and plan say why."""
    fake_aml.as_data_scientist()
    places: list[str | Cluster] = [GPU, Cluster("other", size=V100), "serverless"]
    assert plan("python -V", compute=places, gpus=1, client=client, **JOB).compute == "gpu"
    with caplog.at_level("WARNING", logger="amlrun"):
        run = submit("python -V", compute=places, gpus=1, client=client, **JOB)
    assert (run.plan.compute, run.plan.creates, len(fake_aml.jobs)) == ("serverless", None, 1)
    told = [warning for warning in run.plan.warnings if "may not make the cluster" in warning]
    assert [words.partition(":")[0] for words in told] == [
        "This account may not make the cluster gpu",
        "This account may not make the cluster other",
    ]
    assert [record.message for record in caplog.records if record.name == "amlrun"] == told


def test_where_no_other_place_will_do_the_right_is_what_is_missing(
    fake_aml: FakeAml, client: MLClient
) -> None:
    """The error has what whoever has the right would send, as without a list."""
    fake_aml.cluster("small", max_nodes=1)
    fake_aml.as_data_scientist()
    with pytest.raises(NotAuthorized, match="may not make the cluster gpu") as caught:
        submit("python -V", compute=[GPU, "small"], instance_count=2, client=client, **JOB)
    assert "az ml compute create --name gpu" in caught.value.message
    assert not fake_aml.jobs


def test_places_that_may_not_be_made_are_one_question_for_many_jobs(
    fake_aml: FakeAml, client: MLClient
) -> None:
    """What was read for them all also tells that no other place will do."""
    fake_aml.cluster("small", max_nodes=1)
    fake_aml.as_data_scientist()
    refused = submit_many(["ls"] * 3, compute=[GPU, "small"], instance_count=2, client=client, **JOB)
    assert [type(one) for one in refused] == [NotAuthorized] * 3
    assert len(fake_aml.calls.of("GET /computes")) == 1


def test_a_minimum_that_quota_does_not_hold_is_told_with_figures(fake_aml: FakeAml, client: MLClient) -> None:
    """The service makes the cluster, and it is Failed: limit, use, need, and what to do with the rest."""
    fake_aml.quota(FAMILY, limit=24, used=18)
    two = Cluster("gpu", size=V100, min=2, max=2)
    with pytest.raises(
        NotEnoughQuota, match=r"(?s)2 x 6 = 12 vCPUs of.*; limit 24, in use 18, free 6"
    ) as caught:
        submit("python -V", compute=two, client=client, **JOB)
    assert "min=0" in caught.value.hint
    assert "az ml compute delete --name gpu" in caught.value.hint
    assert fake_aml.compute("gpu").problem == "ClusterMinNodesExceedCoreQuota"
    assert not fake_aml.jobs
    with pytest.raises(ComputeUnsuitable, match="is Failed"):
        submit("python -V", compute=two, client=client, **JOB)


def test_the_figures_are_those_of_its_own_region(fake_aml: FakeAml, client: MLClient) -> None:
    """A cluster elsewhere is held against the quota that is there."""
    fake_aml.quota(FAMILY, limit=24, used=18, location="westus")
    fake_aml.cluster("other", size=V100, location="westus")
    two = Cluster("gpu", size=V100, min=2, max=2, location="westus")
    with pytest.raises(NotEnoughQuota, match=r"(?s)in westus .* in use 18, free 6"):
        submit("python -V", compute=two, client=client, **JOB)
    assert fake_aml.compute("gpu").state == "Failed"


def test_the_quota_of_a_region_without_a_cluster_is_read_for_the_first_one(
    fake_aml: FakeAml, client: MLClient
) -> None:
    """One look-up more, where one is asked for there: what can never fit is told before anything is made."""
    fake_aml.quota(FAMILY, limit=6, location="westus")
    plan("python -V", compute=GPU, client=client, **JOB)
    there = Cluster("gpu", size=V100, max=2, location="West US")
    made_there = plan("python -V", compute=there, client=client, **JOB)
    assert made_there.reasons[-1].startswith(f"it must grow by 1: 1 x 6 = 6 of 6 free vCPUs of {FAMILY}")
    with pytest.raises(NotEnoughQuota, match=r"(?s)in westus .* limit 6"):
        plan("python -V", compute=there, instance_count=2, client=client, **JOB)
    usages = [call.path for call in fake_aml.calls if call.path.endswith("/locations/westus/usages")]
    assert len(usages) == 2  # for the plan, and again before the refusal


def test_another_s_cluster_of_other_settings_is_told(fake_aml: FakeAml, client: MLClient) -> None:
    """Made between the reading that is kept and the submission: it is neither changed nor used."""
    assert plan("python -V", compute=GPU, client=client, **JOB).creates is not None
    fake_aml.cluster("gpu", size=V100, max_nodes=8, idle_seconds=600)
    with pytest.raises(ComputeUnsuitable, match="max: 8 there, 2 asked for"):
        submit("python -V", compute=GPU, client=client, **JOB)
    assert (made(fake_aml), len(fake_aml.jobs)) == ([], 0)


def test_figures_that_cannot_be_read_are_the_services_own(fake_aml: FakeAml, client: MLClient) -> None:
    """Then its words are all that there is."""
    planned = plan("python -V", compute=Cluster("gpu", size=V100, min=2, max=2), client=client, **JOB)
    fake_aml.quota(FAMILY, limit=24, used=18)
    refused = Answer(status=403, body={"error": {"code": "AuthorizationFailed", "message": "no"}})
    fake_aml.inject(refused, on="GET */usages", times=None)
    with pytest.raises(
        ComputeUnsuitable, match=r"(?s)ClusterMinNodesExceedCoreQuota: .* needs 12 vCPUs"
    ) as caught:
        submit(planned, client=client)
    assert "az ml compute delete --name gpu" in caught.value.hint


def test_a_size_that_the_service_does_not_have_is_told(fake_aml: FakeAml, client: MLClient) -> None:
    """Where sizes can't be read, any name is believed, and the cluster comes to be Failed."""
    refused = Answer(status=403, body={"error": {"code": "AuthorizationFailed", "message": "no"}})
    fake_aml.inject(refused, on="GET */vmSizes", times=None)
    with pytest.raises(ComputeUnsuitable, match="The cluster gpu is Failed: VmSizeNotSupported: ") as caught:
        submit("python -V", compute=Cluster("gpu", size="Standard_NV6ads_A10_v5"), client=client, **JOB)
    assert "az ml compute delete --name gpu" in caught.value.hint
    assert not fake_aml.jobs


def test_a_look_that_is_refused_makes_nothing(fake_aml: FakeAml, client: MLClient) -> None:
    """Who may not even see whether it is there doesn't overwrite it."""
    refused = Answer(status=400, body={"error": {"code": "UserError", "message": "Not now."}})
    fake_aml.inject(refused, on="GET /computes/{name}")
    with pytest.raises(ServiceError, match=r"Not now\."):
        submit("python -V", compute=GPU, client=client, **JOB)
    assert (made(fake_aml), len(fake_aml.jobs)) == ([], 0)


def test_a_policy_that_forbids_it_is_told(fake_aml: FakeAml, client: MLClient) -> None:
    """It is no missing role: the account's rights have nothing to do with it."""
    fake_aml.inject(DisallowedByPolicy(), on=PUT)
    with pytest.raises(SubmissionFailed, match="refuses to make the cluster gpu") as caught:
        submit("python -V", compute=GPU, client=client, **JOB)
    assert "policy" in caught.value.hint
    assert not fake_aml.jobs


@pytest.mark.parametrize("fault", [GatewayTimeout(), ConnectionLost()])
def test_a_lost_reply_makes_one_cluster(fake_aml: FakeAml, client: MLClient, fault: Any) -> None:
    """Repeated with the same name, or found where all replies were lost."""
    fake_aml.inject(fault, on=PUT, times=4 if isinstance(fault, ConnectionLost) else 2)
    run = submit("python -V", compute=GPU, client=client, **JOB)
    assert set(made(fake_aml)) == {"gpu"}
    assert compute_of(fake_aml, run.name) == "gpu"


def test_two_submits_make_one_cluster(fake_aml: FakeAml, client: MLClient) -> None:
    """The second comes while the first one's PUT is on its way: both jobs go to one cluster."""
    between, names = Between(), []

    def another_first(method: str, url: str, go_on: Callable[[], Any]) -> Any:
        if method == "PUT" and url.endswith("/computes/gpu"):
            between.act = None
            names.append(submit("python -V", compute=GPU, client=client, **JOB).name)
        return go_on()

    between.act = another_first
    late = fake_aml.client(per_call_policies=between)
    names.append(submit("python -V", compute=GPU, client=late, **JOB).name)
    assert [compute_of(fake_aml, name) for name in names] == ["gpu", "gpu"]
    assert [compute.name for compute in client.compute.list()] == ["gpu"]


def test_threads_make_one_cluster(fake_aml: FakeAml, client: MLClient) -> None:
    """However many need it at once, it is sent once."""
    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(lambda _: submit("python -V", compute=GPU, client=client, **JOB), range(4)))
    assert {compute_of(fake_aml, run.name) for run in runs} == {"gpu"}
    assert made(fake_aml) == ["gpu"]


def test_a_conflict_is_somebody_elses_cluster(fake_aml: FakeAml) -> None:
    """409 while another makes it: theirs is looked at, and used if it is alike."""
    fake_aml.quota(FAMILY, limit=24)
    between = Between()

    def theirs(method: str, url: str, go_on: Callable[[], Any]) -> Any:
        if method == "PUT" and url.endswith("/computes/gpu"):
            fake_aml.cluster("gpu", size=V100, max_nodes=2, idle_seconds=600)
            between.act = None
        return go_on()

    between.act = theirs
    error = {"error": {"code": "UserError", "message": "Compute gpu is being changed."}}
    fake_aml.inject(Answer(status=409, body=error), on=PUT)
    run = submit("python -V", compute=GPU, client=fake_aml.client(per_call_policies=between), **JOB)
    assert compute_of(fake_aml, run.name) == "gpu"


def test_what_the_service_refuses_is_told_in_its_words(fake_aml: FakeAml, client: MLClient) -> None:
    """Status and words of the answer, and no job."""
    planned = plan("python -V", compute=GPU, client=client, **JOB)
    fake_aml.inject(Answer(status=400, body={"error": {"code": "UserError", "message": "No."}}), on=PUT)
    with pytest.raises(SubmissionFailed, match=r"refuses to make the cluster gpu: .*No\.") as caught:
        submit(planned, client=client)
    assert caught.value.status == 400


def test_a_cluster_that_goes_while_it_is_made(fake_aml: FakeAml, client: MLClient) -> None:
    """Somebody deletes it: told, and nothing is sent."""
    gone = Answer(status=404, body={"error": {"code": "UserError", "message": "Not there."}})
    fake_aml.inject(gone, on="GET /computes/{name}", call=2)
    with pytest.raises(SubmissionFailed, match="was deleted while it was being made"):
        submit("python -V", compute=GPU, client=client, **JOB)
    assert not fake_aml.jobs


def test_a_cluster_that_is_never_done_is_not_waited_for(fake_aml: FakeAml, client: MLClient) -> None:
    """After a quarter of an hour it is told that it is still being made."""
    gpu = {**GPU.body("eastus"), "name": "gpu"}
    gpu["properties"] = {**gpu["properties"], "provisioningState": "Creating"}
    fake_aml.inject(Answer(status=200, body=gpu), on="GET /computes/{name}", times=None)
    started = fake_aml.clock.now()
    fake_aml.cluster("busy")
    with pytest.raises(SubmissionFailed, match="still Creating, 15 minutes later") as caught:
        submit("python -V", compute=GPU, client=client, **JOB)
    assert 900 <= fake_aml.clock.now() - started < 1000
    assert "goes on being made" in caught.value.hint
