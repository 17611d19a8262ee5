"""A plan whose JSON somebody edits: refused, or sent exactly as it says and as it was checked."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amlrun import AmlrunError, InvalidRequest, Plan, attach, plan, submit
from amlrun.testing import FakeAml

if TYPE_CHECKING:
    from collections.abc import Iterator

    from azure.ai.ml import MLClient

JOB: dict[str, Any] = {"environment": "azureml:train:1"}
T4, T4_OF_8, V100 = "Standard_NC4as_T4_v3", "Standard_NC8as_T4_v3", "Standard_NC6s_v3"
ASKED: tuple[dict[str, Any], ...] = (
    {"gpus": 1},
    {"gpu": "T4", "instance_count": 2, "tier": "spot", "timeout": 3600},
    {"instance_type": [V100, T4], "tier": "auto"},
    {"compute": ["gpu-nodes", "serverless"], "instance_count": 2},
    {"compute": "arc"},
)
DROPPED = object()
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2, 3, 7, 64, 0.01, 1.5, 1e9, 1e300, float("nan"), float("inf")),
    *("", "x", "4", "auto", "spot", "standard", "now", "queued", "cluster", "kubernetes", "serverless"),
    *("gpu-nodes", "gpu-more", T4, T4_OF_8, V100, "Standard_DS3_v2"),
    *([], {}, [1], ["x"], {"x": 1}, {"$": "path", "value": 1}, DROPPED),
)


@contextmanager
def world() -> Iterator[FakeAml]:
    """Room for all, so that sizes, counts and places that nobody asked for could be had."""
    fake = FakeAml(subscription_id="mine")
    with fake.installed():
        for family in ("Standard NCASv3_T4 Family", "standardNCSv3Family", "standardDSv2Family"):
            fake.quota(family, limit=4000)
        fake.quota("TotalDedicatedCores", limit=9000)
        fake.quota("TotalLowPriorityCores", limit=9000)
        fake.cluster("gpu-nodes", size=T4, max_nodes=8, nodes=4)
        fake.cluster("gpu-more", size=T4, max_nodes=8)
        fake.kubernetes("arc")
        yield fake


def paths(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every field of a plan's dict, in whatever depth; of long lists the first two."""
    if path:
        yield path
    if isinstance(data, dict):
        for key, value in data.items():
            yield from paths(value, (*path, key))
    elif isinstance(data, list):
        for number, value in enumerate(data[:2]):
            yield from paths(value, (*path, number))


def edited(data: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """The dict with one field set to something else, or without it."""
    whole: dict[str, Any] = json.loads(json.dumps(data))
    inner: Any = whole
    for part in path[:-1]:
        inner = inner[part]
    if value is DROPPED:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return whole


def _decision(made: Plan, said: Plan | None = None) -> tuple[object, ...]:
    """What a job is sent by; without the size of a compute's own nodes, where `said` leaves it out."""
    size = "" if said is not None and not said.instance_type else (made.instance_type or "").lower()
    return made.compute.lower(), size, made.instance_count, made.tier, made.timeout


def check_sent(client: MLClient, body: dict[str, Any], made: Plan) -> None:
    """The body has what the plan says, and the plan what is decided for just that place."""
    serverless = made.compute == "serverless"
    assert body["resources"]["instanceCount"] == made.instance_count
    assert str(body.get("computeId") or "/serverless").rpartition("/")[2] == made.compute
    tier = {"standard": "Standard", "spot": "Spot"}[made.tier] if serverless else None
    assert (body.get("queueSettings") or {}).get("jobTier") == tier
    if serverless or made.kind == "kubernetes":
        assert body["resources"].get("instanceType") == made.instance_type
    limit = (body.get("limits") or {}).get("timeout")
    assert limit == (None if made.timeout is None else f"PT{made.timeout:.0f}S")
    place: dict[str, Any] = {"compute": made.compute, "instance_type": made.instance_type}
    place |= {"tier": made.tier} if made.kind != "kubernetes" else {}
    checked = plan("python -V", instance_count=made.instance_count, client=client, **place, **JOB)
    same: dict[str, Any] = {"timeout": made.timeout, "requeued": made.requeued, "reasons": (), "warnings": ()}
    assert attrs.evolve(made, **same, candidates=()) == attrs.evolve(checked, **same, candidates=())


@settings(deadline=None, max_examples=100)
@given(st.sampled_from(ASKED), st.sampled_from(VALUES), st.booleans(), st.data())
def test_whatever_is_edited_is_refused_or_checked_and_sent(
    asked: dict[str, Any],
    value: Any,
    top: bool,  # noqa: FBT001 - drawn
    data: st.DataObject,
) -> None:
    """Any field, whatever it is set to: an error of amlrun's and no job, or a job just as its plan says."""
    with world() as fake:
        client = fake.client()
        planned = json.loads(plan("python -V", client=client, **asked, **JOB).to_json())
        fields = [(key,) for key in planned] if top else list(paths(planned))
        text = json.dumps(edited(planned, data.draw(st.sampled_from(fields)), value))
        try:
            run = submit(Plan.from_json(text), client=client)
        except AmlrunError:
            assert not fake.jobs
        else:
            check_sent(client, dict(fake.job(run.name).body["properties"]), run.plan)
            assert _decision(run.plan, Plan.from_json(text)) == _decision(Plan.from_json(text))
            assert _decision(attach(run.name, client=client).plan) == _decision(run.plan)


@pytest.mark.parametrize(
    ("asked", "field", "value", "words"),
    [
        ({"gpus": 1}, "instance_count", 7, "instance_count: 7 in the plan, and 1 in what it was made for"),
        ({"timeout": 60}, "timeout", 600, r"timeout: 600 in the plan, and 60\.0 in what it was made for"),
        ({}, "timeout", 600, "timeout: 600 in the plan, and None in what it was made for"),
        ({}, "tier", "spot", "tier: spot in the plan, and standard in"),
        (
            {"compute": "gpu-nodes", "tier": "standard"},
            "tier",
            "spot",
            "tier: spot in the plan, and standard in",
        ),
        (
            {"compute": ["gpu-nodes", "serverless"]},
            "compute",
            "gpu-more",
            "gpu-more in the plan, and gpu-nodes or serverless in",
        ),
        ({"instance_type": T4}, "instance_type", T4_OF_8, f"{T4_OF_8} in the plan, and {T4} in"),
    ],
)
def test_a_plan_is_one_for_what_it_was_made_for(
    asked: dict[str, Any], field: str, value: Any, words: str
) -> None:
    """Nodes, tier, timeout, place or size other than its order asks for: refused by the field's name."""
    with world() as fake:
        client = fake.client()
        planned = plan("python -V", client=client, **asked, **JOB)
        with pytest.raises(InvalidRequest, match=words) as caught:
            submit(Plan.from_dict({**planned.to_dict(), field: value}), client=client)
        assert caught.value.argument == field
        assert not fake.jobs
