"""What a verification proposes, what its programs may tell, and what of a reply is kept: values alone."""

from __future__ import annotations

import json
import shlex
import sys
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amlrun._guard import Guard
from amlrun._offers import FamilyQuota, Limit, Market, Quota, Size
from amlrun._verify import programs
from amlrun._verify.evidence import NUMBER, REPLY, RUN, TEXT, WORD, Redaction, evidence
from amlrun._verify.experiments import (
    DELETED,
    MOST_JOBS,
    MOST_NODE_MINUTES,
    NO_QUOTA,
    STUDIO,
    TIME_OUT,
    TOO_MANY,
    Bench,
    Experiment,
    chosen,
    cost,
    empty_size,
    offer,
    short_size,
)
from amlrun._verify.findings import Finding, Outcome
from amlrun._verify.observed import Answer, Seen, World

if TYPE_CHECKING:
    from collections.abc import Sequence


def size(name: str, family: str = "f", *, cpus: int = 4, price: float | None = 0.2, **more: Any) -> Size:
    """A size for jobs."""
    usual = {
        "memory_gb": 16.0,
        "gpus": 0,
        "gpu": None,
        "disk_gb": 100.0,
        "for_jobs": True,
        "spot_price": 0.05,
        "price_source": "service",
    }
    return Size(name=name, family=family, cpus=cpus, price=price, **{**usual, **more})


def market(sizes: Sequence[Size], **limits: int | None) -> Market:
    """A region with these sizes, and limits of families."""
    families = tuple(FamilyQuota(name, dedicated=Limit(name, limit, 0)) for name, limit in limits.items())
    return Market(location="r", sizes=tuple(sizes), quota=Quota("r", (*families, FamilyQuota("rowless"))))


def test_a_size_without_quota() -> None:
    """A cheap one of a family whose limit is 0, without GPUs if there is one, and for jobs."""
    sizes = [
        size("dear", "none", price=3.0),
        size("cheap", "none", price=1.0),
        size("unknown", "none", price=None),
        size("gpu", "none", price=0.5, gpus=1, gpu="T4"),
        size("endpoints", "none", price=0.1, for_jobs=False),
        size("has", "some", price=0.1),
        size("rowless", "rowless", price=0.1),
        size("unheard-of", "no-such-family", price=0.1),
    ]
    found = empty_size(market(sizes, none=0, some=8))
    assert found is not None
    assert found.name == "cheap"
    assert empty_size(market(sizes[5:], some=8)) is None
    assert empty_size(attrs.evolve(market(sizes, none=0), quota=None)) is None


def test_a_node_too_many() -> None:
    """A size of which a few nodes fit and one more doesn't: the cheapest in all. Never many nodes."""
    sizes = [
        size("small", cpus=2, price=0.1),
        size("large", cpus=16, price=0.8),
        size("whole", cpus=64, price=0.1),
        size("middle", cpus=8, price=0.4),
        size("gpu", cpus=16, price=0.1, gpus=1, gpu="T4"),
        size("uncapped", "uncapped", cpus=4),
        size("unpriced", cpus=16, price=None),
    ]
    found, nodes = short_size(market(sizes, f=24, uncapped=None))
    assert (found and found.name, nodes) == ("large", 2)
    assert short_size(market([size("small", cpus=2)], f=100)) == (None, 0)
    assert short_size(market([size("whole", cpus=64)], f=24)) == (None, 0)


def test_what_is_proposed() -> None:
    """All that can be made on what there is, within eight jobs and twenty node-minutes."""
    base, spot = size("base"), size("spot")
    whole = Bench(base=base, spot=spot, empty=size("empty"), short=size("short"), too_many=6)
    made, left = chosen(whole.experiments())
    assert left == {}
    assert sum(one.jobs for one in made) == MOST_JOBS
    assert sum(one.node_minutes for one in made) == MOST_NODE_MINUTES
    assert made[0].on == "spot"
    bare = Bench(base=base).experiments()
    assert {one.name for one in made} - {one.name for one in bare} == {NO_QUOTA, TOO_MANY}
    assert bare[0].price == base.price
    assert Bench(base=base, short=size("x", price=None), too_many=2).experiments()[4].price is None


def test_no_more_than_may_be_spent() -> None:
    """What would be too much is left out, each with its reason; what goes on from it, too."""
    experiments = Bench(base=size("base", price=1.0)).experiments()
    made, left = chosen(experiments, 0.12)
    assert (cost(made) or 0) <= 0.12
    assert left[STUDIO] == "it might cost more than 0.12 USD in all"
    assert left[TIME_OUT] == "the service chooses its size, and no more than 0.12 USD may be spent"
    assert left[DELETED] == f"it goes on from {TIME_OUT}"
    dear = Experiment(name="dear", what="x", minutes=1)
    assert chosen([dear], 5.0)[1] == {
        "dear": "its price is not known, and no more than 5.00 USD may be spent"
    }
    assert chosen([dear])[0] == (dear,)
    many = Experiment(name="many", what="x", minutes=1, jobs=9)
    assert chosen([many])[1] == {"many": "it would make more than 8 jobs"}
    long = Experiment(name="long", what="x", minutes=21)
    assert chosen([long])[1] == {"long": "it would make more than 20 node-minutes"}


def test_a_teams_rules_bind_what_is_sent() -> None:
    """A job that would break one is left out, with the rule; one that names no size, where sizes count."""
    bench = Bench(base=size("base"), empty=size("empty"), short=size("short"), too_many=2)
    where = {"most_nodes": "amlrun.toml, line 2", "denied_sizes": "amlrun.toml, line 3"}
    _, left = chosen(bench.experiments(), None, Guard(most_nodes=1, where=where))
    assert left == {TOO_MANY: "it has 2 nodes, refused by amlrun.toml, line 2: most_nodes = 1"}
    _, left = chosen(bench.experiments(), None, Guard(denied_sizes=("em*",), where=where))
    assert left[NO_QUOTA] == 'it is refused by amlrun.toml, line 3: denied_sizes = "em*"'
    assert left[TIME_OUT] == "the service chooses its size, and the team allows some only"
    assert set(left) == {NO_QUOTA, TIME_OUT, DELETED}


def test_what_a_person_is_asked() -> None:
    """Each experiment with its nodes, minutes and price; the sum; and what is left out."""
    free = Experiment(name="a", what="does this", minutes=1, nodes=2, on="S", price=6.0, likely_free=True)
    text = offer(
        (free, Experiment(name="b", what="does that", minutes=2, on="T", price=0.6)), {"c": "why not"}
    )
    assert "a           1     2 x S  2    0, or 0.10  does this" in text
    assert "b           1     1 x T  2    0.02        does that" in text
    assert "At most 2 jobs, 4 node-minutes, 0.12 USD by list prices." in text
    assert "Left out: c: why not." in text
    assert "unknown USD" in offer((Experiment(name="b", what="x", minutes=2),), {})
    chance = Experiment(name="b", what="x", minutes=2, price=0.6, anywhere=True)
    assert "about 0.02 USD by list prices" in offer((chance,), {})


def test_programs_are_lines_of_a_shell() -> None:
    """Each is quoted whole, binds what it should, and its Python compiles."""
    for line in (programs.NAMES, programs.NODE, programs.WRITE, programs.CHECKPOINT):
        words = shlex.split(line)
        compile(words[words.index("-c") + 1], "line", "exec")
    assert "${{outputs.amlrun_verify}}" in programs.WRITE
    assert programs.program("a", programs.sleep(1.5)) == "a; sleep 90"


def test_what_a_program_may_tell() -> None:
    """Names, three words of a node, and two outcomes: whatever else a log has is not taken."""
    told = {
        "names": ["PATH", "two words", 3],
        "node": {"vmSize": "Standard_F2", "priority": "a secret!", "evictionPolicy": 3, "vmId": "x"},
        "found": True,
        "blob": "written",
        "token": "secret",
    }
    assert programs.said(f"noise\n{programs.told_line(told)}\nsee {programs.MARK} {{}}") == {
        "names": ["PATH"],
        "node": {"vmSize": "Standard_F2"},
        "found": True,
        "blob": "written",
    }
    wrong = {"names": "x", "node": "x", "found": "x", "blob": "x"}
    assert programs.said(programs.told_line(wrong)) == dict.fromkeys(wrong)
    assert programs.said(f"{programs.MARK} no JSON\n{programs.MARK} [1]\n{sys.executable}") == {}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just("c4nary"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["properties", "error", "tags", "resources", "message", "warnings", "x"]), inner
        )
    ),
    max_leaves=20,
)


@given(JSON)
def test_whatever_a_reply_is_only_what_is_listed_is_kept(reply: Any) -> None:
    """The form is JSON; a text is there only where the list has a text or a word."""
    redaction = Redaction(("c4nary",))
    for form in (REPLY, RUN):
        kept = json.dumps(redaction.kept(reply, form))
        assert "c4nary" not in kept


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("at acmestorage.blob.core.windows.net:443.", "at (host):443."),
        ("acme-kv.vault.azure.net said no", "(host) said no"),
        ("pull acmeregistry.azurecr.io/train:1", "pull (host)/train:1"),
        ("from 10.0.0.4 by CONTOSO\\ada", "from (address) by (somebody)"),
        ("Authorization: Bearer abc.def.ghi", "Authorization: Bearer (removed)"),
        ("password hunter22 and ghp_0123456789abcdef", "password (removed) and (removed)"),
        (
            "ScriptExecution.WriteStreams.Authentication 1.2.3",
            "ScriptExecution.WriteStreams.Authentication 1.2.3",
        ),
        ("the key is wrong", "the key is wrong"),
    ],
)
def test_what_texts_of_errors_name(text: str, kept: str) -> None:
    """Hosts without a scheme, addresses, accounts and what opens something; codes and versions stay."""
    assert Redaction().text(text) == kept


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Running in azureml", "Running in azureml"),
        ("AZUREML_RUN_ID", "AZUREML_RUN_ID"),
        ("no ML in RUN.", "no (private) in (private)."),
        ("ml-vnet and research12", "(private)-vnet and (private)12"),
    ],
)
def test_a_short_name_is_taken_out_where_it_is_one(text: str, kept: str) -> None:
    """Groups are called `ml` and `run`, and so are parts of what is asked about; long names go wherever."""
    assert Redaction(("ml", "run", "research")).text(text) == kept


def test_what_is_kept_of_a_reply() -> None:
    """Values of listed fields that look as these do; of the others the name; of variables names alone."""
    redaction = Redaction(("my-group", ""))
    reply = {
        "properties": {
            "status": "Running",
            "jobType": "no word: <script>",
            "tags": {"team": "x", "my-group": "y", "a b@c.d": "z"},
            "resources": {"instanceCount": 2, "instanceType": None, "properties": "x"},
            "queueSettings": {"priority": "x"},
            "command": "python train.py --password x",
            "computeId": None,
        },
        "error": {"message": 7, "details": [{"code": "A", "message": "in my-group by ada@example.org"}]},
    }
    assert redaction.kept(reply, REPLY) == {
        "properties": {
            "status": "Running",
            "jobType": "(removed)",
            "tags": ["(private)", "(removed)", "team"],
            "resources": {"instanceCount": 2, "instanceType": None, "properties": "(removed)"},
            "queueSettings": {"priority": "(removed)"},
            "command": "(removed)",
            "computeId": None,
        },
        "error": {
            "message": "(removed)",
            "details": [{"code": "A", "message": "in (private) by (somebody)"}],
        },
    }
    assert redaction.kept("x" * 5000, TEXT) == "(removed)"
    assert len(redaction.kept("x y " * 5000, TEXT)) == 1200
    assert redaction.kept(True, NUMBER) is True
    assert redaction.kept("Standard_NC24ads_A100_v4", WORD) == "Standard_NC24ads_A100_v4"


def test_the_whole_of_it() -> None:
    """Jobs with all that was seen of them; of reads their status; of lists how long they are."""
    row = Finding("n", "Is it?", Outcome.UNSEEN, "because of my-group")
    world = World(
        jobs={
            "a": Seen(
                name="v-a",
                statuses=((10.0, "Queued"), (12.4, "Running")),
                answers={
                    "put": Answer(201, {}),
                    "get": Answer(0, why="my-group is gone"),
                    "list": Answer(204),
                },
                said={"found": True},
                logs=("user_logs/std_log.txt",),
            ),
            "b": Seen(name="v-b", trouble="my-group"),
        },
        reads={"jobs": Answer(403, {"secret": 1}, "AuthorizationFailed"), "x": Answer(400, code="!")},
        lists={"page": Answer(200, {"value": [1, 2], "nextLink": "x"}), "tag": Answer(200, [1])},
        left_out={"c": "my-group"},
        identity={"a": "with identity user"},
    )
    found = evidence(world, [row], {"amlrun": "1"}, Redaction(("my-group",)))
    assert "my-group" not in json.dumps(found)
    assert found["findings"][0]["words"] == "because of (private)"
    assert found["jobs"]["a"]["statuses"] == [[0, "Queued"], [2, "Running"]]
    assert found["jobs"]["a"]["said"] == {"found": True}
    assert found["jobs"]["a"]["answers"] == {
        "put": {"status": 201, "body": {}},
        "get": {"status": 0, "why": "(private) is gone"},
        "list": {"status": 204},
    }
    assert found["jobs"]["b"]["trouble"] == "(private)"
    assert found["reads"] == {
        "jobs": {"status": 403, "code": "AuthorizationFailed"},
        "x": {"status": 400, "code": ""},
    }
    assert found["lists"] == {
        "page": {"status": 200, "code": "", "rows": 2, "more": True},
        "tag": {"status": 200, "code": "", "rows": None, "more": False},
    }
