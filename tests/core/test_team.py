"""`amlrun.toml`: where it is found, what it says, and how its faults are told."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from amlrun import InvalidRequest, NotConfigured
from amlrun._asking.team import Defaults, Team
from amlrun._asking.teamfile import parse_team, read_team
from amlrun._fields import WrongField
from amlrun._guard import Guard
from amlrun._identity import Identity, IdentityKind
from amlrun._needs import Ask
from amlrun._offers import Tier

if TYPE_CHECKING:
    from pathlib import Path

WHOLE = """\
# what this team has agreed on
[defaults]
workspace = "subscription/group/team"
experiment = "churn"
compute = ["gpu", "Serverless"]
tier = "Spot"
timeout = 21600
identity = "managed"
checkpoint_datastore = "scratch"

[guard]
allowed_sizes = [
    "Standard_NC*",
    "D*",
]
denied_sizes = "Standard_ND*"
allowed_computes = ["serverless", "gpu*"]
most_nodes = 4
highest_price_per_hour = 10
required_tags = ["team", "cost-center"]
"""


DEFAULTS = Defaults(
    experiment="churn",
    compute=("gpu", "serverless"),
    tier=Tier.SPOT,
    timeout=21600.0,
    identity=Identity(IdentityKind.MANAGED),
    checkpoint_datastore="scratch",
)


def team(text: str) -> Team:
    """Of this text."""
    return parse_team(text, "amlrun.toml")


def lines(*names: str) -> dict[str, str]:
    """Where these stand in `WHOLE`."""
    texts = WHOLE.splitlines()
    found = {name: next(n for n, text in enumerate(texts, 1) if text.startswith(name)) for name in names}
    return {name: f"amlrun.toml, line {number}" for name, number in found.items()}


def test_all_that_a_file_can_say() -> None:
    """Each key, its line, words in any case; one name does for a list of one."""
    said = team(WHOLE)
    rules = ("allowed_sizes", "denied_sizes", "allowed_computes", "most_nodes", "highest_price_per_hour")
    assert said.workspace == "subscription/group/team"
    assert said.defaults == DEFAULTS
    assert said.required_tags == ("team", "cost-center")
    assert said.guard == Guard(
        allowed_sizes=("Standard_NC*", "D*"),
        denied_sizes=("Standard_ND*",),
        allowed_computes=("serverless", "gpu*"),
        most_nodes=4,
        highest_price_per_hour=10.0,
        where=said.where,
    )
    assert lines(*rules).items() <= dict(said.where).items()
    assert lines("tier", "required_tags").items() <= dict(said.where).items()


@pytest.mark.parametrize("text", ["", "\ufeff[guard]\n", "# nothing\n[defaults]\n"])
def test_an_empty_file_says_nothing(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mark of byte order, as editors write it, is no part of it."""
    (tmp_path / "amlrun.toml").write_text(text, encoding="utf-8")
    monkeypatch.delenv("AMLRUN_CONFIG")
    assert read_team() == Team(path="amlrun.toml")


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("[guard]\nmost_nodes = 0\n", 2, "most_nodes = 0: a whole number of nodes"),
        ("[guard]\nmost_nodes = 2.5\n", 2, "a whole number"),
        ("[guard]\nmost_nodes = true\n", 2, "a whole number"),
        ("[guard]\n\n# why\nhighest_price_per_hour = '2'\n", 4, "USD an hour"),
        ("[guard]\nhighest_price_per_hour = 0\n", 2, "above 0"),
        ("[guard]\nhighest_price_per_hour = nan\n", 2, "USD an hour"),
        ("[guard]\nallowed_sizes = []\n", 2, "a name in quotes, or a list"),
        ("[guard]\nallowed_sizes = ['D*', 3]\n", 2, "a name in quotes, or a list"),
        ("[guard]\nallowed_sizes = 3\n", 2, "a name in quotes, or a list"),
        ("[guard]\nrequired_tags = ['']\n", 2, "a name in quotes, or a list"),
        ("[defaults]\ntier = 'cheap'\n", 2, 'one of "standard", "spot", "auto"'),
        ("[defaults]\ntimeout = 0\n", 2, "seconds, 1 or more"),
        ("[defaults]\ntimeout = '1h'\n", 2, "seconds, 1 or more"),
        ("[defaults]\nidentity = 'me'\n", 2, "identity='me' is not one"),
        ("[defaults]\nidentity = 'managed:a b'\n", 2, "neither an identity's name nor its ARM id"),
        ("[defaults]\ncheckpoint_datastore = 'a/b'\n", 2, "the name of a datastore"),
        ("[defaults]\nexperiment = 'a/b'\n", 2, "a name without slashes"),
        ("[defaults]\nworkspace = ' '\n", 2, "some text in quotes"),
        ("[defaults]\nworkspace = 3\n", 2, "some text in quotes"),
        ("[gard]\nmost_nodes = 3\n", 1, "there is no table [gard]\nDid you mean guard?"),
        ("\nmost_nodes = 3\n", 2, "most_nodes is in no table\nIt belongs in [guard]."),
        ("other = 3\n", 1, "other is in no table\nThere are: defaults, guard, clusters."),
        ("[guard]\n\nmost_node = 3\n", 3, "there is no most_node in [guard]\nDid you mean most_nodes?"),
        ("[defaults]\nmost_nodes = 3\n", 2, "there is no most_nodes in [defaults]\nIt belongs in [guard]."),
        ("[defaults]\ncolour = 3\n", 2, "There are: workspace, experiment, compute"),
        ("guard = 3\n", 1, "[guard] is a table of keys"),
        ("guard = { most_nodes = 0 }\n", 1, "most_nodes = 0"),
        ("guard.most_nodes = 0\n", 1, "most_nodes = 0"),
        ("[[guard]]\nmost_nodes = 4\n", 1, "[guard] is a table of keys"),
        ("[ 'guard' ]\n\"most_nodes\" = 0\n", 2, "most_nodes = 0"),
        ("[guard]\nmost_nodes =\n", 2, "not TOML: Invalid value"),
        ("[guard]\nmost_nodes = 2\nmost_nodes = 3\n", 3, "not TOML: Cannot overwrite a value"),
        ("[guard]\nallowed_sizes = [\n", 2, "not TOML:"),
        (f"[guard]\nmost_nodes = {'9' * 5000}", 2, "not TOML:"),
        (f"a = {'[' * 100_000}", 1, "not TOML:"),
    ],
)
def test_a_fault_of_the_file_is_told_with_its_line(text: str, line: int, said: str) -> None:
    """A key that is none, a value of another type, broken TOML; with the nearest names."""
    with pytest.raises(NotConfigured) as caught:
        team(text)
    assert str(caught.value).startswith(f"amlrun.toml, line {line}: ")
    assert said in str(caught.value)
    assert "not TOML" not in said or "Mend that line" in caught.value.hint
    assert caught.value.looked_at == ("amlrun.toml",)


def test_the_nearest_file_above_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is looked for upward; in messages it has its path unless it is right here."""
    monkeypatch.delenv("AMLRUN_CONFIG")
    (tmp_path / "amlrun.toml").write_text("[guard]\nmost_nodes = 2\n")
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert read_team().where == {"most_nodes": "amlrun.toml, line 2"}
    monkeypatch.chdir(inner)
    assert read_team().where == {"most_nodes": f"{tmp_path / 'amlrun.toml'}, line 2"}
    (inner / "amlrun.toml").write_text("[defaults]\ntier = 'spot'\n")
    assert (read_team().defaults.tier, read_team().guard.most_nodes) == (Tier.SPOT, None)


def test_a_file_that_is_named_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """AMLRUN_CONFIG wins over what stands here; the empty device is a way to have none."""
    (tmp_path / "amlrun.toml").write_text("[guard]\nmost_nodes = 2\n")
    assert read_team() == Team(path=os.devnull)
    monkeypatch.setenv("AMLRUN_CONFIG", "team.toml")
    with pytest.raises(NotConfigured, match=r"AMLRUN_CONFIG=team.toml: there is no such file"):
        read_team()
    (tmp_path / "team.toml").write_text("[guard]\nmost_nodes = 3\n")
    assert read_team().where == {"most_nodes": "team.toml, line 2"}


def test_what_cannot_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder, bytes that are no text."""
    monkeypatch.setenv("AMLRUN_CONFIG", str(tmp_path))
    with pytest.raises(NotConfigured, match=r"AMLRUN_CONFIG=.*: can't be read") as caught:
        read_team()
    assert caught.value.hint == "Mend or unset AMLRUN_CONFIG."
    (tmp_path / "team.toml").write_bytes(b"\xff\xfe")
    monkeypatch.setenv("AMLRUN_CONFIG", "team.toml")
    with pytest.raises(NotConfigured, match=r"team.toml: can't be read"):
        read_team()
    monkeypatch.delenv("AMLRUN_CONFIG")
    (tmp_path / "amlrun.toml").write_bytes(b"\xe9")
    with pytest.raises(NotConfigured, match=r"^amlrun.toml: can't be read") as caught:
        read_team()
    assert "UTF-8" in caught.value.hint


def test_it_is_read_again_only_when_it_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same value while the file is the same; a rule that was added binds the next job."""
    monkeypatch.delenv("AMLRUN_CONFIG")
    path = tmp_path / "amlrun.toml"
    path.write_text("[guard]\nmost_nodes = 2\n")
    first = read_team()
    assert read_team() is first
    path.write_text("[guard]\nmost_nodes = 16\n")
    assert read_team().guard.most_nodes == 16
    path.unlink()
    assert read_team().guard.most_nodes is None


def test_defaults_are_for_what_nobody_said() -> None:
    """Each default gives way alone; what the job says in a way of its own counts too."""
    said = team(WHOLE)
    assert said.defaults_for(Ask()) == said.defaults
    ask = Ask(computes=("cpu",), tier=Tier.STANDARD, timeout=60, identity=Identity(IdentityKind.USER))
    left = said.defaults_for(ask)
    assert left == Defaults(experiment="churn", checkpoint_datastore="scratch")
    assert said.defaults_for(Ask(), said={"identity"}).identity is None
    assert Team().defaults_for(Ask()) == Defaults()
    assert said.bound(left.applied(ask)) == attrs.evolve(ask, guard=said.guard)
    filled = said.defaults.applied(Ask())
    assert (filled.computes, filled.tier, filled.serverless_tier) == (("gpu", "serverless"), None, Tier.SPOT)
    assert (filled.timeout, filled.identity) == (21600, Identity(IdentityKind.MANAGED))
    assert filled.computes_by == "amlrun.toml, line 5"


def test_defaults_in_words() -> None:
    """As the file says them, with the line."""
    said = team(WHOLE).defaults
    (words,) = said.told()
    assert "compute = gpu, serverless (amlrun.toml, line 5); tier = spot (amlrun.toml, line 6)" in words
    assert "timeout = 21600 (amlrun.toml, line 7); identity = managed (amlrun.toml, line 8)" in words
    assert list(said.but(["compute", "tier", "timeout", "experiment", "checkpoint_datastore"]).told()) == [
        "by default: identity = managed (amlrun.toml, line 8)"
    ]
    assert not list(Defaults().told())


@pytest.mark.parametrize(
    "text", [WHOLE, "", "[defaults]\nidentity = 'managed:" + "1" * 8 + "-1111" * 3 + "-" + "1" * 12 + "'\n"]
)
def test_defaults_through_json(text: str) -> None:
    """What was applied to a plan goes along with it."""
    said = team(text).defaults
    again = Defaults.from_dict(json.loads(json.dumps(said.to_dict())))
    assert again == said
    assert list(again.told()) == list(said.told())


@pytest.mark.parametrize(
    "data", [3, {"tier": "cheap"}, {"timeout": "soon"}, {"identity": "me"}, {"identity": 3}, {"compute": [1]}]
)
def test_json_that_holds_no_defaults_is_told(data: Any) -> None:
    """Each field is read with its type."""
    with pytest.raises(WrongField):
        Defaults.from_dict(data)


def test_more_nodes_than_are_allowed_are_refused_at_once() -> None:
    """No place would help, so none is looked for."""
    with pytest.raises(InvalidRequest) as caught:
        team(WHOLE).bound(Ask(nodes=5))
    assert str(caught.value) == (
        "instance_count=5: refused by amlrun.toml, line 18: most_nodes = 4\nAsk for 4 or fewer."
    )
    assert caught.value.argument == "instance_count"


def test_tags_that_every_job_must_carry() -> None:
    """Missing ones and empty ones are named, with the line."""
    said = team(WHOLE)
    said.check_tags({"team": "churn", "cost-center": "7", "other": "x"})
    with pytest.raises(InvalidRequest) as caught:
        said.check_tags({"team": ""})
    assert caught.value.message == (
        "tags: team, cost-center missing, refused by amlrun.toml, line 20:"
        " required_tags has team, cost-center"
    )
    assert caught.value.argument == "tags"


def test_where_serverless_is_not_allowed_the_allowed_computes_stand_in() -> None:
    """Those that are named, in their order; where there are patterns only, the user names one."""
    only = team("[guard]\nallowed_computes = ['gpu', 'old-*', 'cpu']\n")
    assert only.defaults_for(Ask()).applied(Ask()).computes == ("gpu", "cpu")
    assert list(only.defaults_for(Ask()).told()) == [
        "by rule: allowed_computes = gpu, cpu (amlrun.toml, line 2)"
    ]
    assert only.defaults_for(Ask(computes=("else",))) == Defaults()
    assert team("[guard]\nallowed_computes = ['s*', 'gpu']\n").defaults_for(Ask()) == Defaults()
    with pytest.raises(InvalidRequest, match=r"serverless is refused by amlrun.toml, line 2"):
        team("[guard]\nallowed_computes = ['gpu-*']\n").defaults_for(Ask())
