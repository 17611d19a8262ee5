from __future__ import annotations

from typing import Any

import pytest

from amlrun._errors import InvalidRequest
from amlrun._needs import Ask, Needs
from amlrun._offers import Size


@pytest.mark.parametrize(
    ("argument", "value", "words"),
    [
        ("gpus", "A100", "gpus is how many; gpu='A100' is the model"),
        ("gpu", 4, "gpu is the model; gpus=4 is how many"),
        ("gpu", "4", "gpu is the model; gpus=4 is how many"),
        ("gpu", ["T4", 2], "gpu is the model; gpus=2 is how many"),
        ("gpu", "A10O", "Did you mean A10 or A100?"),
        ("gpu", "Voodoo2", "no such GPU model"),
        ("gpu", "NVIDIA A100-80GB", "Did you mean needs=Needs(gpu='A100', gpu_memory_gb=80)?"),
        ("gpu", "Voodoo2-80GB", "no such GPU model"),
        ("gpu", {"T4": 1}, "a model or a list of models"),
        ("gpu", [None], "no such GPU model"),
        ("gpus", "2", "gpus is a number"),
        ("gpus", True, "gpus is a number"),
        ("gpus", 1.5, "gpus is a whole number"),
        ("cpus", "8", "cpus is a number"),
        ("cpus", -1, "cpus can't be negative"),
        ("cpus", float("nan"), "cpus is a number"),
        ("memory_gb", "64 GB", "memory_gb is a number"),
        ("gpu_memory_gb", "80 GB", "gpu_memory_gb is a number"),
        ("disk_gb", -0.5, "disk_gb can't be negative"),
        ("max_price_per_hour", 0, "no size is free"),
        ("max_price_per_hour", float("inf"), "max_price_per_hour is a number"),
    ],
)
def test_a_wrong_need_is_refused_by_name(argument: str, value: Any, words: str) -> None:
    """A value of the wrong kind is refused before anything is read, naming the argument and the way out."""
    with pytest.raises(InvalidRequest) as caught:
        Needs(**{argument: value})
    assert caught.value.argument == argument
    assert words in str(caught.value)


def test_a_model_alone_means_one_gpu() -> None:
    """`gpu="a100"` asks for one GPU of that model, in any spelling."""
    assert Needs(gpu="nvidia-a100") == Needs(gpu=["A100"], gpus=1)


def test_no_gpus_of_a_model_is_a_contradiction() -> None:
    """`gpus=0` with a model is refused: both can't be meant."""
    with pytest.raises(InvalidRequest, match="gpus=0 with gpu='T4'"):
        Needs(gpus=0, gpu="T4")
    with pytest.raises(InvalidRequest, match="gpus=0 with gpu_memory_gb=40"):
        Needs(gpus=0, gpu_memory_gb=40)


def test_gpu_memory_is_asked_of_each_gpu() -> None:
    """Memory of a GPU means one GPU at least; a part of a GPU, or one that nobody knows, does not do."""
    needs = Needs(gpu_memory_gb=40)
    assert (needs.gpus, str(needs)) == (1, "1 GPU, 40 GB on each GPU")

    def misses(name: str) -> list[str]:
        return list(needs.misses(Size(name, "f", 4, 28.0, 1, "A100", 0.0, True, None, None, "")))

    assert misses("Standard_NC24ads_A100_v4") == []
    assert misses("Standard_NV6ads_A10_v5") == ["has 4 of 40 GB on each GPU"]
    assert misses("Standard_ND40s_v2") == ["has GPUs of unknown memory, asked for 40 GB on each"]


def test_zero_asks_for_nothing() -> None:
    """`gpus=0` says that none is wanted, which is no need."""
    assert Needs(gpus=0, cpus=0).nothing
    assert not Needs(max_price_per_hour=1).nothing
    assert Needs(max_price_per_hour=1).shapeless


def test_whole_numbers_may_come_as_floats() -> None:
    """What JSON or numpy made a float of is taken for the count that it is."""
    assert Needs(cpus=4.0).cpus == 4


def test_needs_are_said_in_words() -> None:
    """Messages say the needs as a person would."""
    needs = Needs(cpus=4, memory_gb=14, gpus=2, gpu=["T4", "V100"], disk_gb=100, max_price_per_hour=2.5)
    assert str(needs) == ("4 vCPUs, 14 GB of memory, 2 x T4/V100, 100 GB of disk, at most 2.5 USD an hour")
    assert str(Needs(gpus=1)) == "1 GPU"
    assert str(Needs()) == "nothing in particular"


def test_everything_that_a_size_lacks_is_told() -> None:
    """Each need that a size does not meet is named with both figures."""
    size = Size("Standard_X", "f", 2, 8.0, 1, None, 50.0, True, 1.0, None, "service")
    needs = Needs(cpus=4, memory_gb=14, gpus=2, gpu="T4", disk_gb=100)
    assert list(needs.misses(size)) == [
        "has GPUs of an unknown model, asked for T4",
        "has 1 of 2 GPUs",
        "has 2 of 4 vCPUs",
        "has 8 of 14 GB of memory",
        "has 50 of 100 GB of disk",
    ]


@pytest.mark.parametrize("nodes", [0, -1, 1.5, "2", True, None])
def test_a_job_has_at_least_one_node(nodes: Any) -> None:
    """`instance_count` is a whole number from one."""
    with pytest.raises(InvalidRequest) as caught:
        Ask(nodes=nodes)
    assert caught.value.argument == "instance_count"


def test_serverless_is_no_cluster() -> None:
    """It is in no workspace's list; another name is kept as it is written."""
    assert Ask(computes=("Serverless",)).named == ()
    assert Ask().named == ()
    assert Ask(computes=("GPU-Cluster", "serverless")).named == ("GPU-Cluster",)
