"""Bodies held against the contract: what the API doesn't have is named by its place."""

from __future__ import annotations

from typing import Any

import pytest

from amlrun.testing._api.contract import violations

COUNT = "resources.instanceCount must be of type"
TIERS = "Null, Spot, Basic, Standard, Premium"
MAIL = "notificationSetting.emails[1]"
GOOD: dict[str, Any] = {
    "jobType": "command",
    "command": "python train.py",
    "environmentId": "azureml:train:1",
    "resources": {"instanceCount": 1, "instanceType": None, "properties": {"anything": {"goes": [1]}}},
    "queueSettings": {"jobTier": "SPOT"},
    "inputs": {"a": {"jobInputType": "Literal", "value": "1"}, "gone": None},
    "outputs": {"o": {"jobOutputType": "uri_folder", "mode": "readwritemount"}},
    "notificationSetting": {"emailOn": ["jobfailed"], "emails": ["a@b.c"]},
    "identity": {"identityType": "UserIdentity"},
    "status": None,
}


def test_a_good_body_has_no_faults() -> None:
    """Enum values in any case, null where a field could be absent, free-form maps: all pass."""
    assert violations({"properties": GOOD}, "JobBaseResource") == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"instance_type": "x"}, "instance_type is no field of the API"),
        ({"resources": {"instance_count": 1}}, "resources.instance_count is no field of the API"),
        ({"resources": {"instanceCount": "2"}}, f"{COUNT} integer, not string"),
        ({"resources": {"instanceCount": True}}, f"{COUNT} integer, not boolean"),
        ({"resources": []}, "resources must be an object, not array"),
        ({"isArchived": 1}, "isArchived must be of type boolean, not integer"),
        ({"status": "Completed"}, "status is read-only"),
        ({"command": None}, "command is required"),
        ({"queueSettings": {"jobTier": "x"}}, f"queueSettings.jobTier must be one of {TIERS}, not 'x'"),
        ({"inputs": {"a": {"jobInputType": "uri_file"}}}, "inputs.a.uri is required"),
        ({"environmentVariables": {"A": 1}}, "environmentVariables.A must be of type string, not integer"),
        ({"notificationSetting": {"emails": ["a", 2.5]}}, f"{MAIL} must be of type string, not number"),
    ],
)  # fmt: skip
def test_a_fault_is_named_by_its_place(change: dict[str, Any], fault: str) -> None:
    """One wrong thing is one fault, with its path and what was expected."""
    assert violations({"properties": {**GOOD, **change}}, "JobBaseResource") == [f"properties.{fault}"]


def test_an_unknown_kind_is_told_the_known_ones() -> None:
    """A discriminator that the API doesn't have names those that it has."""
    (fault,) = violations({"properties": {**GOOD, "identity": {"identityType": "Robot"}}}, "JobBaseResource")
    assert (
        fault
        == "properties.identity.identityType must be one of AMLToken, Managed, UserIdentity, not 'Robot'"
    )
