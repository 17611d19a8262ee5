"""What can be said on the command line."""

from __future__ import annotations

import pytest

import amlrun
from amlrun import InvalidRequest, Needs, Requeue
from amlrun._arguments import Options
from amlrun._command_line import exit_code
from amlrun._command_options import OPTIONS, parser, submit_options


def said(*words: str) -> object:
    """The options of a plan that was asked for so."""
    return submit_options(parser().parse_args(["plan", "ls", *words]))


def test_every_argument_of_submit_can_be_said() -> None:
    """Under its own name."""
    assert set(OPTIONS) == Options.__optional_keys__


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ("--gpus 1 --tier spot --instance-type a", {"gpus": 1, "tier": "spot", "instance_type": "a"}),
        ("--instance-type a --instance-type b", {"instance_type": ["a", "b"]}),
        ("--memory-gb 3.5 --timeout 60", {"memory_gb": 3.5, "timeout": 60.0}),
        ("--needs disk_gb=200", {"needs": Needs(disk_gb=200)}),
        ("--requeue off", {"requeue": False}),
        ("--requeue preemptions=3 --requeue waits=[1,2]", {"requeue": Requeue(preemptions=3, waits=(1, 2))}),
        ("--requeue waits=60", {"requeue": Requeue(waits=(60,))}),
        ("--requeue waits=60,300.5", {"requeue": Requeue(waits=(60, 300.5))}),
        ("--requeue waits=(60,300)", {"requeue": Requeue(waits=(60, 300))}),
        ("--tags a=1 --tags b=x=y", {"tags": {"a": "1", "b": "x=y"}}),
        ("--inputs n=3 --inputs p=data/x.csv", {"inputs": {"n": 3, "p": "data/x.csv"}}),
        (
            "--inputs v=1.10 --inputs f=true --inputs r=1e-5",
            {"inputs": {"v": "1.10", "f": "true", "r": "1e-5"}},
        ),
        ('--inputs t="1" --inputs d={"path":"data"}', {"inputs": {"t": "1", "d": {"path": "data"}}}),
        ("--gpus T4 --timeout 1h", {"gpus": "T4", "timeout": "1h"}),
        ('--outputs m={"type":"uri_folder"}', {"outputs": {"m": {"type": "uri_folder"}}}),
        (
            "--environment-variables A=1 --environment-variables B",
            {"environment_variables": {"A": "1", "B": "b"}},
        ),
        ("", {}),
    ],
)
def test_options_become_arguments(words: str, options: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of their types, and inputs as they were typed; a variable without a value has that of here."""
    monkeypatch.setenv("B", "b")
    assert said(*words.split()) == options


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("--tags team", "--tags team: say NAME=VALUE"),
        ("--inputs =3", "say NAME=VALUE"),
        ("--needs speed=3", "speed: there is no such setting\nThere are: cpus, "),
        ("--requeue preemption=3", "preemption: there is no such setting\nThere are: preemptions, "),
        ('--inputs data={"path":}', "--inputs data: not JSON"),
        ("--requeue preemptions=many", "preemptions='many'"),
        ("--requeue waits=60,soon", "waits="),
        ("--requeue waits=", "1 to 20 waits"),
        ("--environment-variables NOT_SET_HERE", "it isn't set here"),
    ],
)
def test_what_cannot_be_read_is_refused(words: str, why: str) -> None:
    """With the option."""
    with pytest.raises(InvalidRequest, match=why):
        said(*words.split())


def test_every_error_has_an_exit_code() -> None:
    """Of its own kind: a run that failed is told from one that could not be sent, or is not over."""
    errors = [getattr(amlrun, name) for name in amlrun.__all__]
    kinds = [one for one in errors if isinstance(one, type) and issubclass(one, amlrun.AmlrunError)]
    codes = {kind.__name__: exit_code(kind.__new__(kind)) for kind in kinds}
    assert {name for name, code in codes.items() if code == 1} == {
        "JobFailed",
        "RequeueExhausted",
        "RunError",
        "OutputNotFound",
    }
    assert (codes["JobCanceled"], codes["WaitTimeout"], codes["NoQuota"], codes["ServiceError"]) == (
        3,
        6,
        4,
        5,
    )
    assert exit_code(OSError()) == 5
