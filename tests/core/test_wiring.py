"""What the steps of a pipeline's file are bound to: what leads nowhere is refused, with what is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from amlrun import InvalidRequest
from amlrun._asking.given import Arguments
from amlrun._asking.request import Request, parse

if TYPE_CHECKING:
    from pathlib import Path

COMPONENT = """
type: command
inputs: {x: {type: integer}, group.rate: {type: number, optional: true}}
outputs: {o: {type: uri_folder}}
command: echo ${{inputs.x}} ${{outputs.o}}
environment: azureml:e:1
"""
NESTED = """
type: pipeline
inputs: {x: {type: integer}}
jobs:
  k: {type: command, component: ./c.yml, inputs: {x: "${{parent.inputs.NAME}}"}}
"""
PIPELINE = """
type: pipeline
inputs: {n: 3}
outputs: {all: {type: uri_folder}}
jobs:
  a: {type: command, component: ./c.yml, inputs: {x: 1}}
  b:
    type: command
    component: ./c.yml
"""


def request(folder: Path, text: str) -> Request:
    """Parse a request for a pipeline whose second step, `b`, says this."""
    (folder / "c.yml").write_text(COMPONENT)
    for name in ("x", "nope"):
        (folder / f"{name}.yml").write_text(NESTED.replace("NAME", name))
    (folder / "job.yml").write_text(PIPELINE + "".join(f"    {line}\n" for line in text.splitlines()))
    return parse(folder / "job.yml", Arguments())


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (
            'inputs: {x: "${{parent.inputs.m}}"}',
            "inputs.x .*inputs.m}}, and the pipeline has no such input",
            "n",
        ),
        ('inputs: {x: {path: "${{parent.inputs.m}}"}}', "inputs.x is bound", "n"),
        ('inputs: {x: "${{parent.jobs.z.outputs.o}}"}', "inputs.x .*there is no step 'z'", "a, b"),
        ('inputs: {x: "${{parent.jobs.a.outputs.z}}"}', "inputs.x .*the step a has no such output", "o"),
        ('inputs: {x: "${{inputs.n}}"}', "inputs.x .*nothing of this kind", "parent.inputs"),
        ('outputs: {o: "${{parent.outputs.z}}"}', "outputs.o .*the pipeline has no such output", "all"),
        ("inputs: {x: 1, y: 2}", "inputs.y: the component has no such input", "group.rate, x"),
        ("outputs: {p: {type: uri_folder}}", "outputs.p: the component has no such output", "o"),
        ("inputs: {x: {type: uri_folder, path: nowhere}}", "inputs: x: there is no .*nowhere", ""),
        (
            'type: automl\ntask: regression\ntraining_data: "${{parent.inputs.m}}"\ncomponent:',
            "inputs.training_data is bound",
            "n",
        ),
    ],
)
def test_what_leads_nowhere_is_refused(tmp_path: Path, text: str, message: str, hint: str) -> None:
    """With the step, the input or output, and what there is: azure-ai-ml sends it as typed, or drops it."""
    with pytest.raises(InvalidRequest, match=f"^The step b: {message}") as refused:
        request(tmp_path, text)
    assert hint in refused.value.hint
    assert refused.value.argument in {"inputs", "outputs"}


@pytest.mark.parametrize(
    "text",
    [
        'inputs: {x: "${{parent.inputs.n}}"}\noutputs: {o: "${{ parent.outputs.all }}"}',
        'inputs: {x: {path: "${{parent.jobs.a.outputs.o}}"}}',
        "inputs: {x: 1, group.rate: 0.1}\noutputs: {o: {path: 'azureml://datastores/s/paths/${{name}}/'}}",
        "inputs: {x: {type: uri_file, path: ./c.yml}}",
        'inputs: {x: {type: uri_folder, path: "azureml:rows:1"}}',
    ],
)
def test_what_leads_somewhere_is_taken(tmp_path: Path, text: str) -> None:
    """Inputs, outputs, other steps, data that is there; the service's own words in paths stay."""
    assert [step.path for step in request(tmp_path, text).steps] == ["a", "b"]


@pytest.mark.parametrize("component", ["azureml:c:1", "azureml://registries/r/components/c/versions/1"])
def test_what_cannot_be_seen_is_not_judged(tmp_path: Path, component: str) -> None:
    """A component that is kept elsewhere may have any input and output."""
    text = f'inputs: {{x: 1}}\n  c: {{type: command, component: "{component}", inputs: {{y: 2}}}}\n'
    text += '  d: {type: command, component: ./c.yml, inputs: {x: "${{parent.jobs.c.outputs.any}}"}}'
    (tmp_path / "c.yml").write_text(COMPONENT)
    (tmp_path / "job.yml").write_text(f"{PIPELINE}    {text}\n")
    assert len(parse(tmp_path / "job.yml", Arguments()).steps) == 4


def test_nested_pipelines_are_looked_into(tmp_path: Path) -> None:
    """Their steps are bound to their own inputs, not to those of the pipeline around them."""
    nested = "inputs: {x: 1}\n  c: {type: pipeline, component: ./%s.yml, inputs: {%s: 2}}"
    request(tmp_path, "inputs: {x: 1}")
    (tmp_path / "job.yml").write_text(f"{PIPELINE}    {nested % ('x', 'x')}\n")
    assert [step.path for step in parse(tmp_path / "job.yml", Arguments()).steps] == ["a", "b", "c.k"]
    (tmp_path / "job.yml").write_text(f"{PIPELINE}    {nested % ('nope', 'x')}\n")
    with pytest.raises(InvalidRequest, match=r"^The step c.k: inputs.x is bound to .*inputs.nope"):
        parse(tmp_path / "job.yml", Arguments())
    (tmp_path / "job.yml").write_text(f"{PIPELINE}    {nested % ('x', 'n')}\n")
    with pytest.raises(InvalidRequest, match=r"^The step c: inputs.n: the component has no such input"):
        parse(tmp_path / "job.yml", Arguments())


def test_data_of_the_pipeline_itself_is_there(tmp_path: Path) -> None:
    """Beside its file."""
    text = PIPELINE.replace("{n: 3}", "{n: {type: uri_file, path: rows.csv}}") + "    inputs: {x: 1}\n"
    (tmp_path / "c.yml").write_text(COMPONENT)
    (tmp_path / "job.yml").write_text(text)
    with pytest.raises(InvalidRequest, match=r"^inputs: n: there is no .*rows.csv"):
        parse(tmp_path / "job.yml", Arguments())
    (tmp_path / "rows.csv").write_text("1\n")
    assert parse(tmp_path / "job.yml", Arguments()).steps
