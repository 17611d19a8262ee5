"""What a test says of the supply is checked where it says it, in words that help."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.testing.wire import requests

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml


@pytest.mark.parametrize("name", ["gpu-1", "c", "1st", "c_!", "c" * 40, "a-cluster-22"])
def test_a_cluster_has_a_name_that_the_service_takes(fake_aml: FakeAml, client: MLClient, name: str) -> None:
    """By the contract: 3 to 24 letters, digits, hyphens; a letter first, no hyphen and digits at the end."""
    from azure.ai.ml.entities import AmlCompute
    from azure.core.exceptions import HttpResponseError

    with pytest.raises(HttpResponseError, match="is no name for computes") as refused:
        client.compute.begin_create_or_update(AmlCompute(name=name, size="Standard_DS3_v2"))
    assert refused.value.status_code == 400
    with pytest.raises(ValueError, match="is no name for computes"):
        fake_aml.cluster(name)
    with pytest.raises(ValueError, match="is no name for computes"):
        fake_aml.compute_instance(name)
    with pytest.raises(ValueError, match="is no name for computes"):
        fake_aml.virtual_machine(name)


@pytest.mark.parametrize("name", ["gpu1", "gpu-1a", "GPU", "a-2-b"])
def test_other_names_do(fake_aml: FakeAml, name: str) -> None:
    """Digits at the end, and hyphens, are well apart from each other."""
    assert fake_aml.cluster(name).name == name


@pytest.mark.parametrize(
    "path", ["codes/_x", "components/_x", "data/a b", "datastores/_x", "environments/a.b", "models/-x"]
)
def test_assets_and_datastores_have_such_names_too(fake_aml: FakeAml, path: str) -> None:
    """A letter or digit first, then hyphens and underscores as well: the PUT of another is 400."""
    url = f"https://management.azure.com{fake_aml.scope.path}/{path}"
    for tail in ("", "/versions/1"):
        if not (tail and path.startswith("datastores")):
            answer = requests.put(url + tail, json={"properties": {}}, timeout=5)
            assert (answer.status_code, "is no name for" in answer.text) == (400, True)
    with pytest.raises(ValueError, match="is no name for environments"):
        fake_aml.environment("acpt-2.2")
    with pytest.raises(ValueError, match="is no name for datastores"):
        fake_aml.datastore("_x")
    fake_aml.environment("acpt-2.2", registry="azureml")


def test_a_name_is_given_once(fake_aml: FakeAml) -> None:
    """A compute that is there is not put there again: what it holds would never come back."""
    fake_aml.cluster("cpu", nodes=1)
    for again in (fake_aml.cluster, fake_aml.compute_instance, fake_aml.virtual_machine):
        with pytest.raises(ValueError, match="There is a compute CPU already"):
            again("CPU")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"max_nodes": "4"}, "max_nodes must be a whole number of at least 0, not '4'"),
        ({"min_nodes": -1}, "min_nodes must be a whole number of at least 0, not -1"),
        ({"nodes": 1.5}, "nodes must be a whole number of at least 0, not 1.5"),
        ({"nodes": True}, "nodes must be a whole number"),
        ({"idle_seconds": "PT2M"}, "idle_seconds must be a number of seconds, 0 or more, not 'PT2M'"),
        ({"idle_seconds": -1}, "idle_seconds must be a number of seconds"),
        ({"tier": "lowprio"}, r"'lowprio' is no tier: there are standard \(dedicated\) and spot"),
        (
            {"size": "Standard_DS3v2"},
            "'Standard_DS3v2' is no size of the catalogue. Did you mean Standard_DS3_v2",
        ),
        ({"error": "VMSizeNotSuported"}, "Did you mean VmSizeNotSupported"),
        ({"error": "Nope"}, r"There are: .*Any other comes with its message: error=\('Nope', 'why'\)"),
    ],
)
def test_what_cannot_be_said_of_a_cluster(fake_aml: FakeAml, options: dict[str, Any], words: str) -> None:
    """A ValueError that names the argument, what was said, and what may have been meant."""
    with pytest.raises(ValueError, match=words):
        fake_aml.cluster("cpu", **options)


def test_a_cluster_in_the_words_of_the_sdk(fake_aml: FakeAml, client: MLClient) -> None:
    """`low_priority` and `dedicated` are tiers; a code of the service's may be any, with its message."""
    for name, tier in (("low", "low_priority"), ("high", "dedicated")):
        made = fake_aml.cluster(name, tier=tier)
        assert (made, client.compute.get(name).tier) == (fake_aml.compute(name), tier)
    assert fake_aml.cluster("bad", error=("SubnetFull", "no address is left")).problem == "SubnetFull"


def test_what_is_put_there_is_told(fake_aml: FakeAml) -> None:
    """Whatever puts a compute there returns how it stands."""
    assert (fake_aml.cluster("cpu", nodes=2).nodes, fake_aml.cluster("cpu2").state) == (
        {"idle": 2},
        "Succeeded",
    )
    assert fake_aml.compute_instance("mine").machine == "Running"
    kinds = [
        fake_aml.virtual_machine("box").kind,
        fake_aml.kubernetes("k8s").kind,
        fake_aml.synapse_spark("spark").kind,
        fake_aml.attached("aks", "AKS").kind,
    ]
    assert kinds == ["VirtualMachine", "Kubernetes", "SynapseSpark", "AKS"]


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("standardDSv2Family", {"limit": "4"}, "limit must be a whole number of at least 0, not '4'"),
        ("standardDSv2Family", {"limit": -4}, "limit must be a whole number"),
        ("standardDSv2Family", {"limit": 4.5}, "limit must be a whole number"),
        ("standardDSv2Family", {"used": "x"}, "used must be a whole number"),
        ("standardDSv2Family", {"spot_used": -3}, "spot_used must be a whole number"),
        (
            "standardDSv2Family",
            {"workspace_limit": -2},
            "workspace_limit must be a whole number of at least -1",
        ),
        ("standardDSv2Family", {}, "Say what of standardDSv2Family: limit="),
        ("Standard_DS3_v2", {"limit": 4}, "'Standard_DS3_v2' is a size, of standardDSv2Family"),
        ("standardDSv2Famly", {"limit": 4}, "Did you mean .*standardDSv2Family"),
        ("TotalDedicated", {"limit": 4}, "Did you mean .*TotalDedicatedCores"),
    ],
)
def test_what_cannot_be_said_of_quota(
    fake_aml: FakeAml, name: str, options: dict[str, Any], words: str
) -> None:
    """Limits are whole numbers of vCPUs, of a family or of a total: else a ValueError that helps."""
    with pytest.raises(ValueError, match=words):
        fake_aml.quota(name, **options)


def test_what_cannot_be_said_of_capacity(fake_aml: FakeAml) -> None:
    """A size of the catalogue, or near names; and a number of nodes."""
    with pytest.raises(ValueError, match=r"Did you mean .*Standard_NC4as_T4_v3"):
        fake_aml.capacity("Standard_NC4as_T4v3", nodes=1)
    with pytest.raises(ValueError, match="nodes must be a whole number"):
        fake_aml.capacity("Standard_DS3_v2", nodes=-1)
    fake_aml.cluster("low", tier="spot")
    with pytest.raises(ValueError, match="count must be a whole number of at least 1, not 0"):
        fake_aml.preempt_nodes("low", count=0)
