"""What a job says itself where no argument does: refused by name, with what is valid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from amlrun import InvalidRequest
from amlrun._asking.fields import check_memory, check_queue, check_seconds, check_tuned, check_words
from amlrun._asking.given import Arguments
from amlrun._asking.request import parse


@pytest.mark.parametrize("said", ["urgent", 1, ""])
def test_a_priority_is_one_of_three_words(said: object) -> None:
    """In any case, or bound to an input of a pipeline."""
    with pytest.raises(InvalidRequest, match="priority") as caught:
        check_queue(said)
    assert caught.value.hint == "Valid: low, medium, high."
    for right in (None, "High", "low", "${{parent.inputs.priority}}"):
        check_queue(right)


@pytest.mark.parametrize("said", ["lots", "0g", "16", "1.5g", "16 gb", 16])
def test_shared_memory_is_a_number_with_its_unit(said: object) -> None:
    """As the service hands it to Docker."""
    with pytest.raises(InvalidRequest, match="shm_size") as caught:
        check_memory(said)
    assert "16g" in caught.value.hint
    for right in (None, "", "16g", "512M", "${{parent.inputs.memory}}"):
        check_memory(right)


@pytest.mark.parametrize("said", ["100", 0, -5, True, float("nan"), float("inf"), [1], "x"])
def test_a_timeout_is_seconds(said: object) -> None:
    """azure-ai-ml fails at a text, and drops a 0; only a file may say the number in quotes."""
    with pytest.raises(InvalidRequest, match=r"limits\.timeout") as caught:
        check_seconds(said, in_quotes=False)
    assert caught.value.argument == "timeout"
    for right in (None, 100, 0.5 + 1, "${{parent.inputs.seconds}}"):
        check_seconds(right, in_quotes=False)
    check_seconds("100", in_quotes=True)


def test_a_fine_tuning_file_names_its_model_with_its_type() -> None:
    """And whose it is, in one of two words."""
    with pytest.raises(InvalidRequest, match="model_provider is 'azure_openai'") as caught:
        check_tuned("azure_openai", {})
    assert caught.value.hint == "Valid: custom, azure-openai."
    with pytest.raises(InvalidRequest, match="in a job file it is a mapping") as caught:
        check_tuned("custom", "azureml:llama:9")
    assert caught.value.hint == "model: {type: mlflow_model, path: azureml:llama:9}"
    check_tuned("azure-openai", {"path": "azureml:gpt:1"})


def test_a_command_says_something() -> None:
    """Blanks are no command; what is none at all is refused elsewhere."""
    for said in ("", "  \n"):
        with pytest.raises(InvalidRequest, match="command is empty"):
            check_words(said)
    check_words("ls")
    check_words(None)


@pytest.mark.parametrize(
    ("options", "argument", "words"),
    [
        ({"environment_variables": {"A": {"b": 1}}}, "environment_variables", "'A' is a dict"),
        ({"environment_variables": {"A": ["b"]}}, "environment_variables", "'A' is a list"),
        ({"tags": {"a": ("b",)}}, "tags", "'a' is a tuple"),
        ({"tags": {"a": None}}, "tags", "'a' has no value"),
        ({"tags": {"": "x"}}, "tags", "one has no name"),
    ],
)
def test_what_becomes_a_text_is_plain(options: dict[str, Any], argument: str, words: str) -> None:
    """Python's way to write a dict is nothing that a program reads."""
    with pytest.raises(InvalidRequest) as caught:
        parse("ls", Arguments(environment="azureml:train:1", **options))
    assert caught.value.argument == argument
    assert words in caught.value.message


def test_a_job_file_with_spaces_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a text it would be a command; one that names no file is."""
    monkeypatch.chdir(tmp_path)
    Path("my job.yml").touch()
    with pytest.raises(InvalidRequest, match="a text with spaces is a command") as caught:
        parse("my job.yml", Arguments(environment="azureml:train:1"))
    assert caught.value.hint == "A job file is given so: Path('my job.yml')."
    assert parse("cat job.yml", Arguments(environment="azureml:train:1")).command == "cat job.yml"
