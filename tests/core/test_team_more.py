"""`amlrun.toml`: its clusters, its tags, and what can be the matter with the file."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import attrs
import pytest

from amlrun import Cluster, InvalidRequest, NotConfigured
from amlrun._asking.team import Defaults
from amlrun._asking.teamfile import parse_team, read_team
from amlrun._cluster import CLUSTER_SETTINGS
from amlrun._needs import Ask

if TYPE_CHECKING:
    from pathlib import Path

WHOLE = """\
[defaults]
tier = "spot"

[defaults.tags]
team = "churn"
"cost-center" = "C-7"

[clusters.gpu-nodes]
size = "Standard_NC4as_T4_v3"
max = 4
idle = 600

[ clusters . "cpu-nodes" ]
min = 1

[guard]
required_tags = ["team"]
"""


def test_clusters_and_tags() -> None:
    """Each table under the name of its thing; a key has its line in any of them."""
    said = parse_team(WHOLE, "amlrun.toml")
    gpu = Cluster("gpu-nodes", size="Standard_NC4as_T4_v3", max=4, idle=600)
    assert said.clusters == (gpu, Cluster("cpu-nodes", min=1))
    assert said.defaults.tags == {"team": "churn", "cost-center": "C-7"}
    assert said.where["tags"] == "amlrun.toml, line 4"
    (words,) = said.defaults.told()
    assert words == (
        "by default: tier = spot (amlrun.toml, line 2); "
        "tags = team: churn, cost-center: C-7 (amlrun.toml, line 4)"
    )
    assert Defaults.from_dict(json.loads(json.dumps(said.defaults.to_dict()))) == said.defaults
    inline = parse_team('[defaults]\ntags = { team = "a" }\n', "amlrun.toml")
    assert (inline.defaults.tags, inline.where["tags"]) == ({"team": "a"}, "amlrun.toml, line 2")


def test_a_job_that_names_a_cluster_of_the_team_gets_it() -> None:
    """In any case; one that is given by its settings stays as it is, and others are none of theirs."""
    said = parse_team(WHOLE, "amlrun.toml")
    (gpu, _) = said.clusters
    assert said.bound(Ask(computes=("GPU-nodes", "other"))).creates == (gpu,)
    own = Cluster("gpu-nodes", max=2)
    assert said.bound(Ask(computes=("gpu-nodes",), creates=(own,))).creates == (own,)
    assert said.bound(Ask()).creates == ()


def test_every_setting_of_a_cluster_can_be_said() -> None:
    """And its name, which is the table's."""
    assert ["name", *CLUSTER_SETTINGS] == [field.name.lstrip("_") for field in attrs.fields(Cluster)]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("[clusters.gpu]\n\nmax = 0\n", 3, "Cluster(max=0): a whole number of nodes, 1 or more"),
        ("[clusters.gpu]\nmost = 3\n", 2, "there is no most in [clusters.gpu]\nThere are: size, min, max"),
        ("[clusters.gpu]\ntier = 'auto'\n", 2, "A cluster has one tier, for ever."),
        ("\n[clusters.g]\nmax = 2\n", 2, "Cluster(name='g'): 3 to 24 letters"),
        ("[clusters.gpu]\nmin = 3\nmax = 2\n", 2, "Cluster(min=3): more than max=2"),
        (
            "[clusters.gpu]\n[clusters.GPU]\n",
            2,
            "[clusters.GPU] and [clusters.gpu] are one cluster\nNames of",
        ),
        ("[clusters]\ngpu = 3\n", 2, "[clusters.<name>] is a table of settings"),
        ("clusters = 3\n", 1, "[clusters.<name>] is a table of settings"),
        ("[cluster.gpu]\nmax = 2\n", 1, "there is no table [cluster]\nDid you mean clusters?"),
        ("[defaults.tags]\nteam = 3\n", 2, "tags = {'team': 3}: names and texts"),
        ("[defaults.tags]\nteam = 'a'\nn = 5\n", 3, "names and texts"),
        ("[defaults.tags]\npassword = 'hunter2'\n", 1, "tags: password looks like a secret, which whoever"),
        ("[defaults]\n\ntags = {}\n", 3, "names and texts"),
        ("[defaults]\ntags = 'team'\n", 2, "names and texts"),
        (
            "[guard]\nmost_nodes = 3\n[defaults.tags]\nmost_nodes = 'x'\n[guard.x]\ny = 1\n",
            5,
            "there is no x in",
        ),
    ],
)
def test_what_is_wrong_with_them_is_told_with_its_line(text: str, line: int, said: str) -> None:
    """Of a cluster the setting, of tags all of them."""
    with pytest.raises(NotConfigured) as caught:
        parse_team(text, "amlrun.toml")
    assert str(caught.value).startswith(f"amlrun.toml, line {line}: ")
    assert said in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_tag_by_default_is_one_that_is_there() -> None:
    """A rule for a tag is kept by it."""
    said = parse_team(WHOLE, "amlrun.toml")
    said.check_tags(said.defaults.tags)
    with pytest.raises(InvalidRequest, match=r"amlrun.toml, line 17: required_tags has team"):
        said.check_tags({})


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, whose file counts."""
    monkeypatch.delenv("AMLRUN_CONFIG")
    return tmp_path


def test_rules_that_cannot_be_read_are_not_taken_for_none(here: Path) -> None:
    """A link that leads nowhere, a folder, bytes of another encoding: each is told."""
    path = here / "amlrun.toml"
    path.symlink_to("shared/amlrun.toml")
    with pytest.raises(NotConfigured, match=r"amlrun.toml: it is a link to shared/amlrun.toml, which is not"):
        read_team()
    (here / "shared").mkdir()
    (here / "shared" / "amlrun.toml").write_text("[guard]\nmost_nodes = 2\n")
    assert read_team().where == {"most_nodes": "amlrun.toml, line 2"}
    path.unlink()
    path.write_bytes("[guard]\nmost_nodes = 2\n".encode("utf-16"))
    with pytest.raises(NotConfigured, match=r"amlrun.toml: can't be read"):
        read_team()
    path.unlink()
    path.mkdir()
    with pytest.raises(NotConfigured, match=r"amlrun.toml: can't be read"):
        read_team()


def test_a_change_of_the_same_length_in_the_same_moment_counts(here: Path) -> None:
    """Whatever the clock of the file system says."""
    path = here / "amlrun.toml"
    for most in (2, 3):
        path.write_text(f"[guard]\nmost_nodes = {most}\n")
        os.utime(path, ns=(0, 0))
        assert read_team().guard.most_nodes == most


def test_a_current_folder_that_is_gone_is_told(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows what its file said; one that is named counts all the same."""
    gone = here / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(NotConfigured, match="The current folder is gone"):
        read_team()
    monkeypatch.setenv("AMLRUN_CONFIG", os.devnull)
    assert read_team().guard.most_nodes is None
