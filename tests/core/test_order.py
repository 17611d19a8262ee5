from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from amlrun import Cluster, InvalidRequest, Managed, Needs, Requeue
from amlrun._plan.order import Lost, Order, decoded, encoded

CLIENT = "00000000-0000-0000-0000-00000000000a"
TEXT = st.text(max_size=5)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    TEXT,
    TEXT.map(lambda text: Path("folder") / f"x{text.strip('/').replace(chr(0), '')}"),
    st.timedeltas().map(lambda time: dt.timedelta(seconds=round(time.total_seconds()))),
    st.builds(Needs, cpus=st.none() | st.integers(1, 9), gpu=st.sampled_from([None, "A100", ["T4", "V100"]])),
    st.builds(Managed, client_id=st.sampled_from([None, CLIENT])),
    st.builds(Requeue, preemptions=st.integers(0, 9)),
    st.builds(Cluster, st.just("gpu"), tier=st.sampled_from(["standard", "spot"]), min=st.integers(0, 1)),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT | st.just("$"), inner, max_size=3),
    max_leaves=8,
)


def order(**options: Any) -> Order:
    """What a plan was made for."""
    return Order(job="python train.py", options=options, workspace="s/g/w", digest="d")


def through_json(made: Order) -> Order:
    """In another process."""
    return Order.from_dict(json.loads(json.dumps(made.to_dict(), allow_nan=False)))


@given(VALUES)
def test_options_survive_json(value: Any) -> None:
    """Text, numbers, lists, mappings, paths, times, and the values of amlrun come back as they were."""
    assert decoded(json.loads(json.dumps(encoded(value), allow_nan=False))) == value


@given(st.dictionaries(st.text("abc", min_size=1), VALUES))
def test_an_order_survives_json(options: dict[str, Any]) -> None:
    """The job, its options and its workspace come back as they were, and nothing is missing."""
    options.pop("environment_variables", None)
    assume("looks like a secret" not in json.dumps(order(**options).to_dict()))
    again = through_json(order(**options))
    assert again == order(**options)
    again.check_whole()


def test_a_job_file_survives_json() -> None:
    """A path stays a path: `train.yml` as text would be a command's word."""
    made = attrs.evolve(order(), job=Path("/jobs/train.yml"))
    assert through_json(made) == made


def test_numbers_of_other_kinds_are_numbers() -> None:
    """A tuple is a list, and a text of an enum its word."""
    assert encoded((1, True, 2.5)) == [1, True, 2.5]
    assert encoded(Requeue().waits) == [60.0, 300.0, 900.0]


class Environment(dict[str, Any]):
    """As one of azure.ai.ml looks from here: some of its objects are mappings."""

    __module__ = "azure.ai.ml.entities._assets.environment"


@pytest.mark.parametrize(
    ("options", "argument", "words"),
    [
        ({"environment": Environment()}, "environment", "Environment of azure.ai.ml.entities"),
        ({"inputs": {"data": Environment()}}, "inputs", "Environment of"),
        ({"compute": ["gpu", Environment()]}, "compute", "Environment of"),
        ({"timeout": float("inf")}, "timeout", "float of builtins"),
        ({"gpus": Decimal(1)}, "gpus", "Decimal of decimal"),
        ({"tags": {1: "one"}}, "tags", "dict of builtins"),
    ],
)
def test_what_json_cannot_hold_is_told_when_it_is_missed(
    options: dict[str, Any], argument: str, words: str
) -> None:
    """Writing the plan goes well, so that it can be looked at; submitting it says what is missing."""
    whole = order(**options)
    whole.check_whole()
    again = through_json(whole)
    with pytest.raises(InvalidRequest) as caught:
        again.check_whole()
    assert caught.value.argument == argument
    assert words in caught.value.message
    assert "in the process that makes it" in caught.value.hint
    assert through_json(again) == again


SIGNED = "https://account.blob.core.windows.net/data/rows.csv?sv=2024&sig=c2VjcmV0"


@pytest.mark.parametrize(
    "url",
    [
        SIGNED,
        f"see {SIGNED}",
        "wasbs://data@account.blob.core.windows.net/rows.csv?sig=c2VjcmV0",
        "git+https://c2VjcmV0@github.com/team/code.git",
        "https://me:c2VjcmV0@example.org/rows.csv",
        Path("https://me:c2VjcmV0@example.org/code"),
    ],
)
@pytest.mark.parametrize("argument", ["inputs", "outputs", "code"])
def test_urls_that_may_hold_a_secret_are_never_written(argument: str, url: str | Path) -> None:
    """Signatures, tokens and passwords stay in the process; what is missing is told when it is submitted."""
    made = order(**{argument: url if argument == "code" else {"data": {"type": "uri_file", "path": url}}})
    assert "c2VjcmV0" not in json.dumps(made.to_dict()) + repr(made)
    made.check_whole()
    with pytest.raises(InvalidRequest, match="a URL with a signature or a password") as caught:
        through_json(made).check_whole()
    assert caught.value.argument == argument


@pytest.mark.parametrize(
    "url",
    [
        "https://account.blob.core.windows.net/data/rows.csv",
        "azureml://datastores/x/paths/part-?.csv",
        "abfss://data@account.dfs.core.windows.net/rows.csv",
        "why? https://example.org/@me",
    ],
)
def test_other_urls_are_written(url: str) -> None:
    """Names of places are no secrets."""
    made = order(inputs={"data": url})
    assert through_json(made) == made


def test_a_command_is_written_as_it_is() -> None:
    """It is the job."""
    made = attrs.evolve(order(), job="curl https://example.org/rows.csv?page=2")
    assert through_json(made) == made


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("job", f"curl {SIGNED}"),
        ("job", "python train.py --password c2VjcmV0"),
        ("docker_args", "-e DB_PASSWORD=c2VjcmV0"),
        ("docker_args", ["--password", "c2VjcmV0"]),
        ("inputs", {"api_key": "c2VjcmV0"}),
        ("tags", {"token": "c2VjcmV0"}),
    ],
)
def test_what_looks_like_a_secret_is_not_written(argument: str, value: Any) -> None:
    """Nor is a command that holds one; what is missing is told when it is submitted."""
    made = attrs.evolve(order(), job=value) if argument == "job" else order(**{argument: value})
    assert "c2VjcmV0" not in json.dumps(made.to_dict()) + repr(made)
    with pytest.raises(InvalidRequest, match=f"can't hold its {argument}: ") as caught:
        through_json(made).check_whole()
    assert "c2VjcmV0" not in str(caught.value)


def test_a_job_that_is_lost_is_told_first() -> None:
    """An object of the SDK stays in its process; its digest would say nothing elsewhere."""
    again = through_json(attrs.evolve(order(), job=Environment()))
    assert isinstance(again.job, Lost)
    assert again.digest == ""
    with pytest.raises(InvalidRequest, match="can't hold its job: Environment"):
        again.check_whole()


def test_values_of_environment_variables_are_never_written() -> None:
    """They may be secrets: JSON has their names, and neither form of text has more."""
    made = order(environment_variables={"TOKEN": "hunter2", "SEED": "7"}, gpus=1)
    assert "hunter2" not in json.dumps(made.to_dict()) + repr(made)
    again = through_json(made)
    assert again.absent == ("TOKEN", "SEED")
    assert again.options == {"gpus": 1}
    assert through_json(again) == again


def test_variables_are_given_again() -> None:
    """The same names with their values make the order whole; where they are there, others replace them."""
    made = order(environment_variables={"TOKEN": "hunter2"})
    again = through_json(made).with_variables({"TOKEN": "hunter2"})
    assert again == made
    assert made.with_variables(None) is made
    assert made.with_variables({"TOKEN": "x"}).options["environment_variables"] == {"TOKEN": "x"}
    assert order().with_variables({}) == order(environment_variables={})


A, AB = {"A": "1"}, {"A": "1", "B": "2"}


@pytest.mark.parametrize(
    ("made", "given", "words", "way_out"),
    [
        (through_json(order(environment_variables=AB)), None, "A, B. Their values", "submit(plan, env"),
        (through_json(order(environment_variables=A)), {"B": "2"}, "variables: A.", "for no other"),
        (through_json(order(environment_variables=A)), AB, "variables: A.", "for no other"),
        (order(environment_variables=A), {}, "variables: A", "for each of them"),
        (order(), {"B": "2"}, "variables: none", "plan(job, …)"),
        (order(), "B=2", "variables: none", "plan(job, …)"),
    ],
)
def test_other_variables_are_refused(made: Order, given: Any, words: str, way_out: str) -> None:
    """With other variables it would be another job than the one that was planned."""
    with pytest.raises(InvalidRequest) as caught:
        made.with_variables(given)
    assert words in caught.value.message
    assert way_out in caught.value.hint
    assert caught.value.argument == "environment_variables"
