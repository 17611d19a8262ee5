"""What is asked for each step of a pipeline: arguments, `needs` by step, and what the steps say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from amlrun import Cluster, InvalidRequest, Needs, Requeue
from amlrun._asking.given import Arguments
from amlrun._asking.request import Request, parse
from amlrun._asking.team import Defaults, Team
from amlrun._guard import Guard
from amlrun._identity import Identity, IdentityKind
from amlrun._offers import Tier

if TYPE_CHECKING:
    from pathlib import Path

    from amlrun._needs import Ask

PIPELINE = """
type: pipeline
settings: {default_compute: serverless}
jobs:
  prep:
    type: pipeline
    jobs:
      load: {command: echo load, environment: azureml:e:1}
      clean: {command: echo clean, environment: azureml:e:1, compute: azureml:cpu}
  train:
    command: echo train
    environment: azureml:e:1
    resources: {instance_type: Standard_V1, instance_count: 2}
    queue_settings: {job_tier: Spot}
    identity: {type: user_identity}
  score: {type: parallel, task: {environment: azureml:e:1}}
"""
ALL = ("prep.load", "prep.clean", "train", "score")


def request(folder: Path, text: str = PIPELINE, team: Team | None = None, **options: Any) -> Request:
    """Parse a request for a pipeline of this text."""
    path = folder / "job.yml"
    path.write_text(text)
    return parse(path, Arguments(**options), team)


def asks(folder: Path, **options: Any) -> dict[str, Ask]:
    """What is asked for each step."""
    return {step.path: step.ask for step in request(folder, **options).steps}


def test_with_nothing_said_each_step_says_it_itself(tmp_path: Path) -> None:
    """Sizes, counts, tiers, computes and identities are the step's own, else the pipeline's."""
    found = asks(tmp_path)
    assert tuple(found) == ALL
    assert [ask.computes for ask in found.values()] == [("serverless",), ("cpu",), *[("serverless",)] * 2]
    train = found["train"]
    assert (train.instance_types, train.nodes, train.tier) == (("Standard_V1",), 2, Tier.SPOT)
    assert train.identity == Identity(IdentityKind.USER)
    assert found["prep.load"].identity is None
    assert all(ask.needs == Needs() and not ask.requeued for ask in found.values())


def test_arguments_win_over_the_same_setting_of_each_step(tmp_path: Path) -> None:
    """As over a job's."""
    found = asks(
        tmp_path,
        compute=Cluster("gpu"),
        instance_type="v2",
        instance_count=3,
        identity="managed",
        requeue=Requeue(),
    )
    for ask in found.values():
        assert (ask.computes, ask.creates) == (("gpu",), (Cluster("gpu"),))
        assert (ask.instance_types, ask.nodes) == (("v2",), 3)
        assert ask.identity == Identity(IdentityKind.MANAGED)
        assert ask.requeued


def test_needs_are_for_steps_that_say_no_size(tmp_path: Path) -> None:
    """One with a size or a cluster of its own keeps it, and the plan says so; what it may cost is for all."""
    found = request(tmp_path, needs=Needs(max_price_per_hour=3), gpus=1)
    needs = {step.path: step.ask.needs for step in found.steps}
    assert needs["prep.load"] == needs["score"] == Needs(gpus=1, max_price_per_hour=3)
    assert needs["prep.clean"] == needs["train"] == Needs(max_price_per_hour=3)
    told = {step.path: step.untaken for step in found.steps if step.untaken}
    assert told == {
        "prep.clean": tuple(
            f"{name} is not for prep.clean: it says its own compute, azureml:cpu"
            for name in ("needs", "gpus")
        ),
        "train": tuple(
            f"{name} is not for train: it says its own size, Standard_V1" for name in ("needs", "gpus")
        ),
    }


def test_another_size_or_compute_for_all_has_the_needs_too(tmp_path: Path) -> None:
    """Where an argument wins over a step's own, the needs are held against it."""
    found = asks(tmp_path, gpus=1, instance_type="v2", compute="gpu")
    assert {ask.needs for ask in found.values()} == {Needs(gpus=1)}


def test_the_compute_of_the_whole_pipeline_is_nobodys_own(tmp_path: Path) -> None:
    """What is needed must be met there: it is not passed over."""
    text = PIPELINE.replace("default_compute: serverless", "default_compute: azureml:cpu")
    found = request(tmp_path, text, gpus=1)
    needs = {step.path: step.ask.needs for step in found.steps}
    assert needs["prep.load"] == needs["prep.clean"] == Needs(gpus=1)


def test_needs_by_step_win_over_its_own_size(tmp_path: Path) -> None:
    """By its path, or the nearest of those that it is in; others have what the arguments say."""
    by_step = {"train": Needs(gpus=1), "prep": Needs(cpus=8), "prep.clean": Needs(cpus=2)}
    found = asks(tmp_path, needs=by_step, memory_gb=64)
    assert {path: ask.needs for path, ask in found.items()} == {
        "train": Needs(gpus=1),
        "prep.load": Needs(cpus=8),
        "prep.clean": Needs(cpus=2),
        "score": Needs(memory_gb=64),
    }
    assert found["train"].instance_types == ()
    assert found["train"].nodes == 2
    assert found["prep.clean"].computes == ("cpu",)


def test_steps_that_are_not_there_are_refused_by_their_names(tmp_path: Path) -> None:
    """A part of a name is no name; those of nested pipelines are named, too."""
    for name in ("trian", "pre", "prep.l", "prep.load.x"):
        with pytest.raises(InvalidRequest, match=f"the pipeline has no step '{name}'") as caught:
            asks(tmp_path, needs={name: Needs(gpus=1)})
        assert caught.value.hint == "Its steps: prep, prep.load, prep.clean, train, score."
        assert caught.value.argument == "needs"
    with pytest.raises(InvalidRequest, match=r"needs: of 'train' is a dict"):
        asks(tmp_path, needs={"train": {"gpus": 1}})


def test_needs_by_step_are_for_pipelines() -> None:
    """Other jobs have no steps."""
    with pytest.raises(InvalidRequest) as caught:
        parse("echo", Arguments(environment="azureml:e:1", needs={"train": Needs(gpus=1)}))
    assert caught.value.hint.endswith("by step it is for pipelines.")


def test_what_a_type_cannot_take_is_told_and_taken_by_others(tmp_path: Path) -> None:
    """A parallel step has no spot nodes: the others go there."""
    found = request(tmp_path, tier="spot")
    assert {step.path: step.ask.tier for step in found.steps} == {
        **dict.fromkeys(ALL[:3], Tier.SPOT),
        "score": None,
    }
    assert found.steps[3].untaken == ("tier is not for score: a parallel job has no spot nodes",)


def test_a_tier_of_a_steps_own_that_it_cannot_have_is_told(tmp_path: Path) -> None:
    """That of the pipeline too."""
    text = PIPELINE.replace("settings: {", "settings: {queue_settings: {job_tier: spot}, ")
    found = request(tmp_path, text)
    assert found.steps[3].ask.tier is None
    assert found.steps[3].untaken == ("tier=spot is not for score: a parallel job has no spot nodes",)


def test_what_no_step_can_take_is_refused(tmp_path: Path) -> None:
    """An argument is applied, or refused."""
    text = "type: pipeline\njobs:\n  score: {type: parallel, resources: {instance_type: v}}\n"
    with pytest.raises(
        InvalidRequest, match="tier is for none of the pipeline's steps: a parallel job has no"
    ):
        request(tmp_path, text, tier="spot")
    with pytest.raises(
        InvalidRequest, match="gpus is for none of the pipeline's steps: it says its own size, v"
    ):
        request(tmp_path, text, gpus=1)
    with pytest.raises(
        InvalidRequest, match="gpus is for none of the pipeline's steps: needs says it of each"
    ):
        request(tmp_path, text, gpus=1, needs={"score": Needs(cpus=1)})


def test_the_nodes_of_automl_are_counted_by_its_limits(tmp_path: Path) -> None:
    """An argument for all steps leaves them as they are."""
    text = (
        "type: pipeline\njobs:\n"
        "  auto: {type: automl, task: classification, limits: {max_concurrent_trials: 3}}\n"
        "  train: {command: echo, environment: azureml:e:1}\n"
    )
    auto, train = request(tmp_path, text, instance_count=2).steps
    assert (auto.ask.nodes, train.ask.nodes) == (3, 2)
    assert auto.untaken == ("instance_count is not for auto: its nodes are counted from its trials",)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("resources: {instance_count: 0}", "jobs.prep.jobs.clean.resources.instance_count: instance_count=0"),
        ("queue_settings: {job_tier: cheap}", "jobs.prep.jobs.clean.queue_settings.job_tier: tier='cheap'"),
        ("resources: {instance_type: '${{parent.inputs.size}}'}", "is the value of an input"),
        ("compute: {name: x}", "jobs.prep.jobs.clean.compute: "),
    ],
)
def test_a_wrong_setting_is_told_with_its_step(tmp_path: Path, setting: str, message: str) -> None:
    """And where it stands in the file."""
    text = PIPELINE.replace("compute: azureml:cpu", setting)
    with pytest.raises(InvalidRequest) as caught:
        request(tmp_path, text)
    assert caught.value.message.startswith("The step prep.clean: ")
    assert message in caught.value.message


def test_what_a_step_says_is_told_with_its_place(tmp_path: Path) -> None:
    """What the whole pipeline says is told once."""
    found = request(tmp_path)
    assert found.of_job == (f"compute='serverless' ({tmp_path}/job.yml: settings.default_compute)",)
    assert {step.path: step.of_job for step in found.steps if step.of_job} == {
        "prep.clean": (f"compute='azureml:cpu' ({tmp_path}/job.yml: jobs.prep.jobs.clean.compute)",),
        "train": (
            f"instance_type='Standard_V1' ({tmp_path}/job.yml: jobs.train.resources.instance_type)",
            f"instance_count=2 ({tmp_path}/job.yml: jobs.train.resources.instance_count)",
            f"tier='Spot' ({tmp_path}/job.yml: jobs.train.queue_settings.job_tier)",
        ),
    }


def test_pipelines_are_not_requeued_unless_somebody_says_so(tmp_path: Path) -> None:
    """Another attempt would run all steps again."""
    assert request(tmp_path, tier="spot").policy(Tier.SPOT) is None
    assert request(tmp_path, requeue=Requeue()).policy(Tier.SPOT) == Requeue()


def test_a_teams_defaults_and_rules_are_each_steps(tmp_path: Path) -> None:
    """Defaults where a step says nothing; most nodes for each step by itself; no time-out."""
    text = "type: pipeline\njobs:\n  a: {command: echo, environment: azureml:e:1}\n  b: {type: parallel}\n"
    team = Team(
        defaults=Defaults(
            compute=("cpu",), tier=Tier.SPOT, timeout=60.0, identity=Identity(IdentityKind.USER)
        ),
        guard=Guard(most_nodes=4),
        where={"most_nodes": "amlrun.toml, line 2"},
    )
    found = request(tmp_path, text, team)
    a, b = (step.ask for step in found.steps)
    assert a.computes == b.computes == ("cpu",)
    assert (a.default_tier, b.default_tier) == (Tier.SPOT, None)
    assert a.timeout is found.timeout is None
    assert a.identity == Identity(IdentityKind.USER)
    assert a.guard == team.guard
    many = text.replace(
        "environment: azureml:e:1", "environment: azureml:e:1, resources: {instance_count: 5}"
    )
    with pytest.raises(InvalidRequest, match=r"^The step a: instance_count=5: refused by amlrun\.toml"):
        request(tmp_path, many, team)


def test_a_timeout_that_is_kept_is_the_pipelines(tmp_path: Path) -> None:
    """Whoever waits keeps it, of the whole: no step has it."""
    team = Team(defaults=Defaults(timeout=60.0))
    found = request(tmp_path, team=team, requeue=Requeue(enforce_timeout=True))
    assert found.timeout == 60.0
    assert {step.ask.timeout for step in found.steps} == {None}


def test_where_serverless_is_not_allowed_steps_that_name_a_compute_are(tmp_path: Path) -> None:
    """The rule asks for a name only where a step says none."""
    team = Team(guard=Guard(allowed_computes=("cpu*",)), where={"allowed_computes": "amlrun.toml, line 2"})
    named = "type: pipeline\njobs: {a: {command: echo, environment: azureml:e:1, compute: cpu-1}}\n"
    assert request(tmp_path, named, team).steps[0].ask.computes == ("cpu-1",)
    with pytest.raises(InvalidRequest, match="no compute is named"):
        request(tmp_path, named.replace(", compute: cpu-1", ""), team)


def test_sweeps_have_no_identity_as_steps(tmp_path: Path) -> None:
    """It is refused, whoever says it; a team's default is for the others, and the plan says so."""
    steps = (
        "jobs:\n  search: {type: sweep, search_space: {}, trial: {command: echo, environment: azureml:e:1}}\n"
        "  train: {command: echo, environment: azureml:e:1}\n"
    )
    text, own = f"type: pipeline\n{steps}", f"type: pipeline\nidentity: {{type: user_identity}}\n{steps}"
    for said, identity in ((text, "user"), (own, None)):
        with pytest.raises(InvalidRequest, match=r"^The step search: identity: as a step, a sweep") as caught:
            request(tmp_path, said, identity=identity)
        assert caught.value.argument == "identity"
    team = Team(defaults=Defaults(identity=Identity(IdentityKind.USER)))
    search, train = request(tmp_path, text, team).steps
    assert (search.ask.identity, train.ask.identity) == (None, Identity(IdentityKind.USER))
    assert search.untaken == ("identity is not for search: as a step, a sweep is known to take none",)
    assert train.untaken == ()


def test_what_is_asked_for_a_step_unsaid_is_told(tmp_path: Path) -> None:
    """AutoML of images needs a GPU."""
    text = "type: pipeline\njobs: {auto: {type: automl, task: image_classification}}\n"
    (auto,) = request(tmp_path, text).steps
    assert auto.ask.needs == Needs(gpus=1)
    assert len(auto.told) == 1
    assert auto.told[0].startswith("auto: ")


def test_spark_steps_have_no_gpus(tmp_path: Path) -> None:
    """What all need is for the others; what is said of the step itself is held against it."""
    text = (
        "type: pipeline\njobs:\n  shuffle: {type: spark}\n"
        "  train: {command: echo, environment: azureml:e:1}\n"
    )
    options: tuple[dict[str, Any], ...] = ({"gpus": 1}, {"gpu": "T4"}, {"needs": Needs(gpus=1)})
    for said in options:
        shuffle, train = request(tmp_path, text, **said).steps
        assert shuffle.ask.needs == Needs()
        assert train.ask.needs.gpus == 1
        assert shuffle.untaken == (f"{next(iter(said))} is not for shuffle: Spark has no GPUs",)
    assert request(tmp_path, text, needs=Needs(cpus=4)).steps[0].ask.needs == Needs(cpus=4)
    assert request(tmp_path, text, needs={"shuffle": Needs(gpus=1)}).steps[0].ask.needs == Needs(gpus=1)


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("command: 'echo ${{inputs.x}}', environment: azureml:e:1", r"The command uses \$\{\{inputs.x\}\}"),
        ("command: echo", "The job needs an environment"),
        ("component: {command: 'echo ${{outputs.x}}', environment: azureml:e:1}", "The command uses"),
    ],
)
def test_a_step_that_can_never_run_is_refused(tmp_path: Path, step: str, message: str) -> None:
    """As a job of its own would be."""
    with pytest.raises(InvalidRequest, match=f"^The step a: {message}"):
        request(tmp_path, f"type: pipeline\njobs:\n  a: {{{step}}}\n")


def test_secrets_of_steps_are_told_by_their_names(tmp_path: Path) -> None:
    """As those of a job."""
    variables = "environment_variables: {API_TOKEN: abcdef0123456789}"
    found = request(
        tmp_path, f"type: pipeline\njobs:\n  a: {{command: echo, environment: azureml:e:1, {variables}}}\n"
    )
    assert any("API_TOKEN" in told for told in found.warnings)
    assert not any("abcdef" in told for told in found.warnings)


def test_a_size_that_needs_sets_aside_is_told(tmp_path: Path) -> None:
    """Who says by its name what a step needs means that, and sees what the step itself asked for."""
    found = request(tmp_path, needs={"train": Needs(gpus=1)})
    told = [words for step in found.steps for words in step.told]
    assert told == ["train: its own size, Standard_V1, is set aside: needs says by name what it needs"]
    named = request(tmp_path, needs={"train": Needs(gpus=1)}, instance_type="Standard_V2")
    assert not any(step.told for step in named.steps)


def test_a_price_is_that_of_each_step(tmp_path: Path) -> None:
    """And the plan says so, where there are several."""
    found = request(tmp_path, needs=Needs(max_price_per_hour=0.6))
    assert {step.ask.needs.max_price_per_hour for step in found.steps} == {0.6}
    assert found.told == ("max_price_per_hour=0.6 is what each step may cost, not all of them together",)
    alone = "type: pipeline\njobs: {a: {command: echo, environment: azureml:e:1}}\n"
    assert not request(tmp_path, alone, needs=Needs(max_price_per_hour=0.6)).told


@pytest.mark.parametrize(
    ("said", "at"),
    [("compute: azureml:nope", "compute"), ("settings: {default_compute: nope}", "settings.default_compute")],
)
def test_a_compute_is_told_with_its_place(tmp_path: Path, said: str, at: str) -> None:
    """That which the file has."""
    found = request(
        tmp_path, f"type: pipeline\n{said}\njobs: {{a: {{command: echo, environment: azureml:e:1}}}}\n"
    )
    (own,) = found.of_job
    assert own.endswith(f"job.yml: {at})")


@pytest.mark.parametrize("component", ["azureml:prep:1", "azureml://registries/r/components/prep/versions/1"])
def test_what_a_named_component_says_of_its_nodes_is_not_read(tmp_path: Path, component: str) -> None:
    """It may ask for more nodes than the one that is planned: the plan says so, unless a count was said."""
    text = f"type: pipeline\njobs:\n  a:\n    type: command\n    component: {component}\n"
    (told,) = request(tmp_path, text).steps[0].untaken
    assert told == f"a has 1 node: what {component} says of its nodes isn't read; instance_count=… says it"
    assert not request(tmp_path, text, instance_count=2).steps[0].untaken
    assert not request(tmp_path, f"{text}    resources: {{instance_count: 2}}\n").steps[0].untaken
