"""Which log is read, of those that a run has."""

from __future__ import annotations

import pytest

from amlrun._logs import LOG, preferred


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        ([], []),
        (["system_logs/lifecycler/execution-wrapper.log"], []),
        (
            ["azureml-logs/20_image_build_log.txt", "user_logs/std_log_process_0.txt", LOG],
            [LOG, "user_logs/std_log_process_0.txt", "azureml-logs/20_image_build_log.txt"],
        ),
        (
            [f"user_logs/std_log_process_{number}.txt" for number in (10, 2, 0)],
            [f"user_logs/std_log_process_{number}.txt" for number in (0, 2, 10)],
        ),
        (
            ["user_logs/mine.txt", "user_logs/std_log_node_1.txt"],
            ["user_logs/std_log_node_1.txt", "user_logs/mine.txt"],
        ),
        (
            ["logs/azureml/driver/stdout", "logs/azureml/driver/stderr"],
            ["logs/azureml/driver/stderr", "logs/azureml/driver/stdout"],
        ),
        (["azureml-logs/70_driver_log.txt", "azureml-logs/55_x.txt"], ["azureml-logs/70_driver_log.txt"]),
        (["azureml-logs/20_image_build_log.txt"], ["azureml-logs/20_image_build_log.txt"]),
    ],
)
def test_the_log_that_says_most_comes_first(there: list[str], expected: list[str]) -> None:
    """Whatever the code wrote, process by process; of a job that never ran, how its image was built."""
    assert preferred(there) == expected
