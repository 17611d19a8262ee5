"""What wins over what: arguments, the job, the team's defaults; and the guard rails over all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from amlrun import InvalidRequest
from amlrun._asking.given import Arguments
from amlrun._asking.request import parse
from amlrun._asking.team import Defaults
from amlrun._asking.teamfile import parse_team
from amlrun._identity import Identity, IdentityKind
from amlrun._offers import Tier

if TYPE_CHECKING:
    from pathlib import Path

ENVIRONMENT = "azureml:train:1"
JOB_WITH_SETTINGS = """\
command: echo
environment: azureml:train:1
experiment_name: own
identity: {type: managed, client_id: 11111111-1111-1111-1111-111111111111}
tags: {team: churn}
compute: azureml:cpu
limits: {timeout: 60}
"""
TEAM = """\
[defaults]
experiment = "churn"
compute = "gpu"
tier = "spot"
timeout = 3600
identity = "user"
checkpoint_datastore = "scratch"
[guard]
most_nodes = 2
required_tags = "team"
"""


def test_a_job_wins_over_the_defaults_of_the_team(tmp_path: Path) -> None:
    """Each setting by itself: the argument, else the job's own, else the file's."""
    team = parse_team(TEAM, "amlrun.toml")
    (tmp_path / "job.yml").write_text(JOB_WITH_SETTINGS)
    own = parse("job.yml", Arguments(tier="standard"), team)
    assert (own.ask.computes, own.ask.tier, own.timeout) == (("cpu",), Tier.STANDARD, 60)
    assert own.ask.identity == Identity(IdentityKind.MANAGED, "11111111-1111-1111-1111-111111111111")
    assert own.experiment_name is None
    assert own.defaults == Defaults(checkpoint_datastore="scratch")
    filled = parse("echo", Arguments(environment=ENVIRONMENT, tags={"team": "churn"}), team)
    assert (filled.ask.computes, filled.ask.serverless_tier, filled.timeout) == (("gpu",), Tier.SPOT, 3600)
    assert filled.ask.identity == Identity(IdentityKind.USER)
    assert filled.experiment_name == "churn"
    assert filled.defaults == team.defaults


def test_a_timeout_in_quotes_is_the_jobs_own(tmp_path: Path) -> None:
    """The SDK takes it, so no default does away with it; what is no number is refused by name."""
    text = JOB_WITH_SETTINGS.replace("timeout: 60", 'timeout: "60"')
    (tmp_path / "job.yml").write_text(text)
    assert parse("job.yml", Arguments(), parse_team(TEAM, "amlrun.toml")).timeout == 60
    (tmp_path / "job.yml").write_text(text.replace('"60"', '"an hour"'))
    with pytest.raises(InvalidRequest, match="timeout is 'an hour'"):
        parse("job.yml", Arguments())


def test_guard_rails_stand_over_arguments() -> None:
    """What no place can mend is refused before anything is read."""
    team = parse_team(TEAM, "amlrun.toml")
    with pytest.raises(InvalidRequest, match=r"required_tags has team"):
        parse("echo", Arguments(environment=ENVIRONMENT), team)
    with pytest.raises(InvalidRequest, match=r"most_nodes = 2"):
        parse("echo", Arguments(environment=ENVIRONMENT, tags={"team": "x"}, instance_count=3), team)
