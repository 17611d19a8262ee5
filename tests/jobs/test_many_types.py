"""`submit_many` with a mix of all types: each once, in order, what they share uploaded once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlrun import InvalidRequest, Run, submit_many
from tests.jobs.every import in_a_pipeline, named, pipeline_of, searching, sparkling, tabular, trained

if TYPE_CHECKING:
    from pathlib import Path

    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml


def test_jobs_of_all_types_at_once(fake_aml: FakeAml, client: MLClient, source: Path, tmp_path: Path) -> None:
    """One folder in commands, sweeps and steps of pipelines: uploaded once, whoever is first."""
    code: dict[str, Any] = {"code": str(source)}

    def steps() -> None:
        named(trained(**code)(), "fit")
        named(searching(**code), "search")

    once = [
        trained(**code),
        searching(**code),
        pipeline_of(steps),
        tabular("classification", "accuracy"),
        sparkling(tmp_path / "spark"),
        in_a_pipeline(tmp_path / "score", "command", "parallel"),
    ]
    results = submit_many(once * 3, client=client, tags={"batch": "mixed"})
    names = [one.name if isinstance(one, Run) else repr(one) for one in results]
    assert sorted(names) == sorted(fake_aml.jobs)
    bodies = [fake_aml.job(name).body["properties"] for name in names]
    kinds = ["Command", "Sweep", "Pipeline", "AutoML", "Spark", "Pipeline"]
    assert [body["jobType"] for body in bodies] == kinds * 3
    assert all(body["tags"]["batch"] == "mixed" for body in bodies)
    assert len(fake_aml.calls.of("PUT /jobs/{name}")) == len(names)
    uploads = fake_aml.calls.of("POST /{kind:codes}/{name}/versions/{version}/startPendingUpload")
    assert len(uploads) == 3  # the script, Spark's, the parallel step's


def test_an_option_that_a_type_cant_take_is_that_jobs_refusal(
    fake_aml: FakeAml, client: MLClient, source: Path
) -> None:
    """The others take it."""
    jobs = ["echo", tabular("classification", "accuracy")]
    sent, refused = submit_many(jobs, client=client, environment="azureml:train:1", code=source)
    assert isinstance(sent, Run)
    assert isinstance(refused, InvalidRequest)
    assert refused.argument == "code"
    assert fake_aml.jobs == (sent.name,)
