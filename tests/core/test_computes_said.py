from __future__ import annotations

from typing import Any

import pytest

from amlrun import Cluster, InvalidRequest
from amlrun._asking.computes import Computes, compute_of_job, parse_computes, workspace_of

WORKSPACE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"
GPU = Cluster("gpu", max=2)


@pytest.mark.parametrize(
    ("said", "names"),
    [
        (None, ()),
        ("Serverless", ("serverless",)),
        (" gpu ", ("gpu",)),
        ("azureml:gpu", ("gpu",)),
        (f"azureml:{WORKSPACE}/computes/gpu", ("gpu",)),
        (["gpu", "serverless"], ("gpu", "serverless")),
        (("azureml:serverless",), ("serverless",)),
        ([GPU, "cpu", "serverless"], ("gpu", "cpu", "serverless")),
    ],
)
def test_computes_are_named_in_order_of_preference(said: Any, names: tuple[str, ...]) -> None:
    """One or several, in any of the spellings of a name, in their order."""
    assert parse_computes(said).names == names


def test_clusters_are_told_from_names() -> None:
    """A `Cluster` is a name like the others, and may be made."""
    cpu = Cluster("cpu")
    assert parse_computes(GPU) == Computes(("gpu",), (GPU,))
    assert parse_computes([GPU, "serverless", cpu]) == Computes(("gpu", "serverless", "cpu"), (GPU, cpu))


def test_an_id_names_its_workspace() -> None:
    """The id of a compute tells of which workspace it is, wherever it stands in the list."""
    assert workspace_of(parse_computes(["cpu", f"azureml:{WORKSPACE}/computes/gpu"]).arm_id) == WORKSPACE
    assert workspace_of(parse_computes(["cpu", "x/computes/gpu"]).arm_id) == ""


class AmlCompute:
    """As one of azure.ai.ml looks from here."""

    __module__ = "azure.ai.ml.entities"
    name = "gpu"


@pytest.mark.parametrize(
    ("said", "words", "way_out"),
    [
        ([], "an empty list names no compute", 'compute="gpu"'),
        ("", '"serverless", the name of a compute, a Cluster', ""),
        (["gpu", None], "compute=None", ""),
        ([["gpu"]], "or a list of these in order of preference", ""),
        ({"gpu"}, "compute=a set", "A list, since its order is that of preference."),
        ({"gpu": 1}, "compute=", "A list"),
        (Cluster, "compute=a type", ""),
        (AmlCompute(), "compute=an AmlCompute", "Give its name: compute='gpu'."),
        (["gpu", "cpu", "GPU"], "'GPU' is named twice", "Name it once"),
        ([GPU, "gpu"], "'gpu' is named twice", "Name it once"),
        (["serverless", "Serverless"], "'serverless' is named twice", "Name it once"),
        (
            [f"{WORKSPACE}/computes/gpu", f"{WORKSPACE}2/computes/cpu"],
            f"computes of 2 workspaces: {WORKSPACE}, {WORKSPACE}2",
            "A job runs in one workspace",
        ),
    ],
)
def test_what_names_no_compute_is_refused(said: Any, words: str, way_out: str) -> None:
    """With the way out, before anything is read."""
    with pytest.raises(InvalidRequest) as caught:
        parse_computes(said)
    assert caught.value.argument == "compute"
    assert words in caught.value.message
    assert way_out in caught.value.hint


def test_a_job_names_one_compute() -> None:
    """In a job file or an object of the SDK a list would not be understood by anybody else."""
    assert compute_of_job(None) is None
    assert compute_of_job("azureml:gpu") == "azureml:gpu"
    with pytest.raises(InvalidRequest, match="there it can be a name only") as caught:
        compute_of_job(["gpu", "serverless"])
    assert caught.value.argument == "compute"
    assert "compute=…" in caught.value.hint
