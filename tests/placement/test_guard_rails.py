"""The guard rails of `amlrun.toml` through the real client: they bind every placement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from amlrun import (
    Cluster,
    ComputeNotFound,
    ComputeUnsuitable,
    InvalidRequest,
    Needs,
    NothingFits,
    PlanOutdated,
    RequeueExhausted,
    attach,
    plan,
    submit,
)
from amlrun.testing import Preempted
from tests.placement.teamfile import JOB, guard, sent, words, write

if TYPE_CHECKING:
    from pathlib import Path

    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml


pytestmark = pytest.mark.usefixtures("folder")


def test_denied_sizes_are_never_chosen(client: MLClient, folder: Path) -> None:
    """What would be chosen without the rule is a candidate with the rule against it."""
    free = plan("echo", gpus=1, client=client, **JOB)
    assert free.instance_type == "Standard_NC4as_T4_v3"
    guard(folder, "denied_sizes = 'nc4as*'")
    bound = plan("echo", gpus=1, client=client, **JOB)
    assert bound.instance_type != free.instance_type
    (denied,) = [one for one in bound.candidates if one.instance_type == free.instance_type]
    assert denied.against == 'is refused by amlrun.toml, line 2: denied_sizes = "nc4as*"'


def test_what_a_rule_alone_is_against_comes_first(client: MLClient, folder: Path) -> None:
    """A refusal is about the rule where there are sizes that would do."""
    guard(folder, "denied_sizes = '*T4*'")
    with pytest.raises(NothingFits) as caught:
        plan("echo", gpu="T4", client=client, **JOB)
    head, first, *_ = caught.value.message.splitlines()
    assert head == "No size in eastus that meets 1 x T4 is allowed. The nearest:"
    assert first.split()[0] == "Standard_NC4as_T4_v3"
    assert "Guard rails bind every placement" in caught.value.hint


def test_a_rule_that_rules_nothing_is_told(client: MLClient, folder: Path) -> None:
    """A pattern is of the whole name: without its stars it guards nothing."""
    guard(folder, "denied_sizes = ['A100', '*H100*']")
    chosen = plan("echo", gpus=1, client=client, **JOB)
    assert [warning for warning in chosen.warnings if "denied_sizes" in warning] == [
        'amlrun.toml, line 2: denied_sizes has "A100", and no size is called so'
    ]


@pytest.mark.parametrize(
    ("rule", "asked"),
    [
        ("denied_sizes = '*'", {}),
        ("denied_sizes = ['*NC*', '*ND*', '*NV*', '*NG*']", {"gpus": 1}),
        ("allowed_sizes = 'Standard_NoSuch*'", {}),
        ("denied_sizes = 'DS3*'", {"instance_type": "Standard_DS3_v2"}),
        ("highest_price_per_hour = 0.001", {"gpus": 1}),
    ],
)
@pytest.mark.parametrize("known", [True, False])
def test_where_rules_leave_nothing_file_and_line_are_told(
    fake_aml: FakeAml, client: MLClient, folder: Path, rule: str, asked: dict[str, Any], *, known: bool
) -> None:
    """Nothing is sent, whether or not quota and sizes can be read."""
    if not known:
        fake_aml.as_data_scientist()
    guard(folder, rule)
    with pytest.raises(NothingFits) as caught:
        submit("echo", client=client, **asked, **JOB)
    assert f"amlrun.toml, line 2: {rule.partition(' ')[0]} = " in words(caught)
    assert fake_aml.jobs == ()


def test_under_rules_about_sizes_the_service_does_not_choose(
    fake_aml: FakeAml, client: MLClient, folder: Path
) -> None:
    """Where quota can't be read the size would be left to the service, which knows no rules."""
    fake_aml.as_data_scientist()
    assert plan("echo", client=client, **JOB).instance_type is None
    guard(folder, "allowed_sizes = ['Standard_E*']")
    run = submit("echo", client=client, **JOB)
    assert sent(fake_aml, run.name)["resources"]["instanceType"].startswith("Standard_E")


def test_a_price_that_nobody_knows_is_not_below_the_highest(client: MLClient, folder: Path) -> None:
    """The rule can't be shown to hold, and the refusal says so."""
    asked: dict[str, Any] = {"instance_type": "Standard_A4_v2", "client": client, **JOB}
    assert plan("echo", **asked).price_per_hour is None
    guard(folder, "highest_price_per_hour = 100")
    with pytest.raises(NothingFits) as caught:
        plan("echo", **asked)
    assert "has no known price, refused by amlrun.toml, line 2" in words(caught)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("denied_sizes = '*T4*'", 'denied_sizes = "*T4*"'),
        ("allowed_sizes = 'Standard_D*'", 'allowed_sizes = "Standard_D*"'),
        ("allowed_computes = ['serverless', 'cpu']", 'allowed_computes = "serverless", "cpu"'),
        ("highest_price_per_hour = 0.1", "highest_price_per_hour = 0.1"),
    ],
)
def test_rules_bind_a_cluster_asked_for_by_name(
    fake_aml: FakeAml, client: MLClient, folder: Path, rule: str, said: str
) -> None:
    """A name is no way past them, however warm the cluster is."""
    fake_aml.cluster("gpu", size="Standard_NC4as_T4_v3", min_nodes=1, max_nodes=2)
    guard(folder, rule)
    with pytest.raises(ComputeUnsuitable) as caught:
        submit("echo", compute="gpu", client=client, **JOB)
    assert f"refused by amlrun.toml, line 2: {said}" in words(caught)
    assert fake_aml.jobs == ()


@pytest.mark.parametrize(
    ("rule", "name", "said"),
    [
        ("denied_sizes = 'DS3*'", "annas", 'refused by amlrun.toml, line 2: denied_sizes = "DS3*"'),
        ("allowed_computes = 'gpu*'", "annas", "refused by amlrun.toml, line 2: allowed_computes"),
        ("allowed_sizes = 'Standard_*'", "arc", "refused by amlrun.toml, line 2: allowed_sizes"),
        ("highest_price_per_hour = 99", "arc", "has no known price, refused by amlrun.toml, line 2"),
        (
            "allowed_sizes = 'Standard_*'",
            "under-the-desk",
            "of no known size, refused by amlrun.toml, line 2",
        ),
        ("highest_price_per_hour = 99", "under-the-desk", "has no known price, refused by amlrun.toml"),
    ],
)
def test_rules_bind_every_kind_of_compute(
    fake_aml: FakeAml, client: MLClient, folder: Path, rule: str, *, name: str, said: str
) -> None:
    """What can't be shown to be within them is refused."""
    fake_aml.compute_instance("annas", size="Standard_DS3_v2")
    fake_aml.kubernetes("arc")
    fake_aml.virtual_machine("under-the-desk")
    assert plan("echo", compute=name, client=client, **JOB).compute == name
    guard(folder, rule)
    with pytest.raises(ComputeUnsuitable) as caught:
        plan("echo", compute=name, client=client, **JOB)
    assert said in words(caught)


def test_prices_of_another_region_are_not_known(fake_aml: FakeAml, client: MLClient, folder: Path) -> None:
    """A limit of the price can't be shown to hold for a cluster elsewhere, the team's or the user's own."""
    fake_aml.cluster("west", size="Standard_DS3_v2", max_nodes=2, location="westeurope")
    assert plan("echo", compute="west", client=client, **JOB).compute == "west"
    with pytest.raises(ComputeUnsuitable, match="has no known price"):
        plan("echo", compute="west", needs=Needs(max_price_per_hour=9), client=client, **JOB)
    guard(folder, "highest_price_per_hour = 9")
    with pytest.raises(ComputeUnsuitable) as caught:
        plan("echo", compute="west", client=client, **JOB)
    assert "has no known price, refused by amlrun.toml, line 2: highest_price_per_hour = 9" in words(caught)


def test_an_instance_type_is_allowed_by_its_name(fake_aml: FakeAml, client: MLClient, folder: Path) -> None:
    """Kubernetes has no VM sizes: its own names are what the patterns are held against."""
    fake_aml.kubernetes("arc")
    guard(folder, "allowed_sizes = ['Standard_D*', 'defaultinstancetype']")
    assert plan("echo", compute="arc", client=client, **JOB).instance_type == "defaultinstancetype"


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (
            "most_nodes = 2",
            "it could grow to max=4 nodes, and then has 4 nodes, refused by amlrun.toml, line 2",
        ),
        (
            "highest_price_per_hour = 2",
            "max=4 nodes, and then costs 2.12 USD an hour, refused by amlrun.toml",
        ),
        ("denied_sizes = '*T4*'", "is refused by amlrun.toml, line 2: denied_sizes"),
        ("allowed_computes = 'serverless'", "is refused by amlrun.toml, line 2: allowed_computes"),
    ],
)
def test_rules_bind_a_cluster_that_is_to_be_made(
    fake_aml: FakeAml, client: MLClient, folder: Path, rule: str, said: str
) -> None:
    """With all the nodes that it may ever have: others can have it grow. Nothing is made."""
    guard(folder, rule)
    wanted = Cluster("gpu-nodes", size="Standard_NC4as_T4_v3", max=4)
    with pytest.raises(ComputeUnsuitable) as caught:
        submit("echo", gpus=1, compute=wanted, client=client, **JOB)
    assert said in words(caught)
    assert [call.route for call in fake_aml.calls if call.method == "PUT"] == []


def test_a_cluster_of_any_size_gets_one_that_is_allowed(client: MLClient, folder: Path) -> None:
    """The best of those that no rule is against, though serverless itself isn't allowed."""
    write(folder, "[guard]\ndenied_sizes = 'NC4as*'\nallowed_computes = 'gpu-nodes'\n")
    chosen = plan("echo", gpus=1, compute=Cluster("gpu-nodes"), client=client, **JOB)
    assert (chosen.compute, chosen.instance_type) == ("gpu-nodes", "Standard_NC8as_T4_v3")


def test_a_cluster_of_any_size_stays_within_the_highest_price(client: MLClient, folder: Path) -> None:
    """With all the nodes that it may grow to: what is best for the job alone may be too dear."""
    wanted: dict[str, Any] = {"instance_type": ["Standard_NC8as_T4_v3", "Standard_NC4as_T4_v3"], **JOB}
    cluster = Cluster("gpu-nodes", max=2)
    assert plan("echo", compute=cluster, client=client, **wanted).instance_type == "Standard_NC8as_T4_v3"
    guard(folder, "highest_price_per_hour = 1.06")  # to the cent
    assert plan("echo", compute=cluster, client=client, **wanted).instance_type == "Standard_NC4as_T4_v3"
    guard(folder, "highest_price_per_hour = 1")
    with pytest.raises(ComputeUnsuitable, match=r"could grow to max=2 nodes, and then costs 1.5 USD an hour"):
        plan("echo", compute=cluster, client=client, **wanted)


def test_computes_that_are_allowed_stand_for_serverless_that_is_not(
    fake_aml: FakeAml, client: MLClient, folder: Path
) -> None:
    """With nothing said the job goes where the team lets it go."""
    fake_aml.cluster("cpu", size="Standard_DS3_v2", max_nodes=2)
    guard(folder, "allowed_computes = 'cpu'")
    chosen = plan("echo", client=client, **JOB)
    assert chosen.compute == "cpu"
    assert "amlrun.toml, line 2 names the compute" in chosen.reasons
    with pytest.raises(ComputeUnsuitable) as caught:
        plan("echo", compute="serverless", client=client, **JOB)
    assert caught.value.message == (
        'serverless can\'t take this job: it is refused by amlrun.toml, line 2: allowed_computes = "cpu".'
    )
    with pytest.raises(ComputeNotFound) as missing:
        plan("echo", compute="cpus", client=client, **JOB)
    assert "compute='cpu'" in missing.value.hint
    assert "serverless" not in words(missing)
    fake_aml.cluster("other", size="Standard_DS3_v2", max_nodes=2)
    guard(folder, "allowed_computes = ['other', 'cpu']")
    both = plan("echo", client=client, **JOB)
    assert "by rule: allowed_computes = other, cpu (amlrun.toml, line 2)" in both.reasons


def test_more_nodes_than_allowed(fake_aml: FakeAml, client: MLClient, folder: Path) -> None:
    """Refused before anything is read."""
    guard(folder, "most_nodes = 2")
    with pytest.raises(InvalidRequest, match=r"instance_count=3: refused by amlrun.toml, line 2"):
        submit("echo", instance_count=3, client=client, **JOB)
    assert list(fake_aml.calls) == []


def test_tags_that_every_job_carries(fake_aml: FakeAml, client: MLClient, folder: Path) -> None:
    """By argument or in the job; without them nothing is sent."""
    guard(folder, "required_tags = ['team']")
    (folder / "job.yml").write_text("command: echo\nenvironment: azureml:train:1\ntags: {team: own}\n")
    assert sent(fake_aml, submit("job.yml", client=client).name)["tags"]["team"] == "own"
    run = submit("echo", tags={"team": "argument"}, client=client, **JOB)
    assert sent(fake_aml, run.name)["tags"]["team"] == "argument"
    with pytest.raises(InvalidRequest, match=r"amlrun.toml, line 2: required_tags has team"):
        submit("echo", client=client, **JOB)


def test_rules_laid_meanwhile_bind_the_next_attempt(
    fake_aml: FakeAml, client: MLClient, folder: Path
) -> None:
    """A run is not requeued to a place that is no longer allowed, nor is there another one.

    It can be taken up when it is allowed again.
    """
    fake_aml.inject(Preempted(), job="train")
    run = submit("python train.py", name="train", gpus=1, tier="spot", client=client, **JOB)
    guard(folder, "denied_sizes = ['*NC*', '*ND*', '*NV*', '*NG*']")
    with pytest.raises(RequeueExhausted, match=r"refused by amlrun.toml, line 2: denied_sizes"):
        run.wait()
    assert fake_aml.jobs == ("train",)
    write(folder, "")
    assert attach("train", client=client).wait().attempt == 2


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, "and the size was left to the service"),
        ({"gpus": 1}, "refused by amlrun.toml, line 2: denied_sizes"),
    ],
)
def test_rules_laid_meanwhile_bind_a_plan(
    fake_aml: FakeAml, client: MLClient, folder: Path, asked: dict[str, Any], said: str
) -> None:
    """A plan that was made before the rule is not sent, also one that left the size to the service."""
    fake_aml.as_data_scientist()
    planned = plan("echo", client=client, **asked, **JOB)
    guard(folder, "denied_sizes = ['*NC*', '*NV*', 'ND*']")
    with pytest.raises((InvalidRequest, NothingFits, PlanOutdated)) as caught:
        submit(planned, client=client)
    assert said in words(caught)
    assert fake_aml.jobs == ()


def test_a_rule_that_outdates_a_plan_is_named(client: MLClient, folder: Path) -> None:
    """With its file and line, where another place is still allowed."""
    planned = plan("echo", gpus=1, client=client, **JOB)
    guard(folder, "denied_sizes = 'NC4as*'")
    with pytest.raises(PlanOutdated) as caught:
        submit(planned, client=client)
    assert 'refused by amlrun.toml, line 2: denied_sizes = "NC4as*"' in words(caught)
    assert caught.value.plan.instance_type == "Standard_NC8as_T4_v3"
