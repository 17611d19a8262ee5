"""What the parts of a job are read as: durations, and the datastores that paths name."""

from __future__ import annotations

from typing import Any

import pytest

from amlrun._asking.datastores import datastores_in
from amlrun._asking.parts import seconds

LONG = "azureml://subscriptions/s/resourcegroups/g/workspaces/w"


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("azureml://datastores/a/paths/x", ("a",)),
        ("azureml:datastores/a/paths/", ("a",)),
        ("azureml://datastores/a", ("a",)),
        (f"{LONG}/datastores/a/paths/x", ("a",)),
        ("azureml://datastores/a/paths/datastores/b/c", ("a",)),
        (f"{LONG}/datastores/a/paths/old/datastores/b/c", ("a",)),
        ("AzureML://Datastores/a/paths/x", ("a",)),
        ("azureml:data:1", ()),
        ("azureml://mydatastores/a/x", ()),
        ("https://a.net/azureml://datastores/a/paths/x", ()),
        ("./datastores/a/x", ()),
        (None, ()),
    ],
)
def test_the_first_folder_of_that_name_tells(path: str | None, named: tuple[str, ...]) -> None:
    """Short or long, in any case; folders of the data may be called so, too."""
    assert datastores_in([path]) == datastores_in([{"path": path}]) == named


def test_what_is_bound_names_none() -> None:
    """A step's input that comes from the pipeline's: of its path, the SDK raises an error of its own."""

    class Bound:
        @property
        def path(self) -> Any:
            raise ValueError("it is bound")

    assert datastores_in([Bound(), "azureml://datastores/b/x", "azureml://datastores/a/x"]) == ("a", "b")


@pytest.mark.parametrize(
    ("said", "read"), [(60, 60.0), ("60", 60.0), ("soon", None), ([], None), (True, None), (None, None)]
)
def test_a_duration_may_be_in_quotes(said: Any, read: float | None) -> None:
    """What is none is no duration here: whoever checks it tells it by its name."""
    assert seconds(said) == read
