"""The identities that a job has, and the environment variables by which it finds them. Pure.

In a job, azure-identity asks for tokens where MSI_ENDPOINT says, with MSI_SECRET (measured: a GET with the
header `secret`, and `resource` and `clientid` in the query); `AzureMLOnBehalfOfCredential` asks OBO_ENDPOINT.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import attrs

from amlrun.testing._supply.identities import made_up

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amlrun.testing._api.exchange import Scope
    from amlrun.testing._jobs.job import Job


@attrs.frozen
class Identity:
    """One managed identity of a job's; `resource` is its ARM id, or "" for a system-assigned one."""

    client_id: str
    principal_id: str
    resource: str = ""

    def answers_to(self, query: Mapping[str, str]) -> bool:
        """Whether it is the one that is named, by whichever id."""
        asked = {
            "clientid": self.client_id,
            "client_id": self.client_id,
            "object_id": self.principal_id,
            "principal_id": self.principal_id,
            "mi_res_id": self.resource,
            "msi_res_id": self.resource,
        }
        return all(query[key].lower() == mine.lower() for key, mine in asked.items() if key in query)


def identities_of(
    job: Job, own: Mapping[str, Any] | None, workspace: Mapping[str, Any] | None
) -> tuple[Identity, ...]:
    """The managed identities that a job may use, its default one first.

    `own` are those of its compute, `workspace` the workspace's, as the service shows them.
    """
    wanted = job.body["properties"].get("identity") or {}
    # Assumed: a job that asks for no managed identity has none, whatever its compute has.
    if str(wanted.get("identityType")).lower() != "managed":
        return ()
    theirs = listed(workspace)
    if job.demand.compute is None:  # documented: serverless has the user-assigned ones, and no other
        theirs = [each for each in theirs if each.resource]
    named = {
        "clientid": wanted.get("clientId"),
        "object_id": wanted.get("objectId"),
        "mi_res_id": wanted.get("resourceId"),
    }
    asked = {key: str(value) for key, value in named.items() if value}
    # Assumed: a job that names none has all of its compute's, or of the workspace's where that has none.
    mine = [each for each in listed(own) if each.answers_to(asked)]
    return tuple(mine or (each for each in theirs if each.answers_to(asked)))


def on_behalf(job: Job) -> tuple[str, str] | None:
    """The user for whom the job runs, who has submitted it: object id and name; None: for nobody.

    Assumed: without a token of theirs, sent along with the job, it can't.
    """
    identity = job.body["properties"].get("identity") or {}
    return job.submitter if str(identity.get("identityType")).lower() == "useridentity" else None


def variables(job: Job, scope: Scope, host: str, identities: tuple[Identity, ...]) -> dict[str, str]:
    """What a job sees in its environment; `host` is where it asks for tokens."""
    given = job.body["properties"].get("environmentVariables") or {}
    found = {
        "AZUREML_RUN_ID": job.name,
        "AZUREML_ROOT_RUN_ID": job.name,
        "AZUREML_ARM_SUBSCRIPTION": scope.subscription_id,
        "AZUREML_ARM_RESOURCEGROUP": scope.resource_group,
        "AZUREML_ARM_WORKSPACE_NAME": scope.workspace,
        "AZUREML_ARM_PROJECT_NAME": job.experiment,
        "AZUREML_CR_NODE_RANK": "0",
    }
    if identities:
        found |= {
            "MSI_ENDPOINT": f"http://{host}/MSI/auth",
            "MSI_SECRET": secret_of(job.name, scope),
            "DEFAULT_IDENTITY_CLIENT_ID": identities[0].client_id,
        }
    if on_behalf(job):
        found["OBO_ENDPOINT"] = f"http://{host}/OBO/{secret_of(job.name, scope)}"
    return {**found, **{name: str(value) for name, value in given.items() if value is not None}}


def secret_of(name: str, scope: Scope) -> str:
    """What a job proves itself with."""
    return f"{name}.{uuid.uuid5(uuid.NAMESPACE_URL, f'{scope.path}/jobs/{name}')}"


def listed(body: Mapping[str, Any] | None) -> list[Identity]:
    """The identities of a compute or workspace, as it shows them: the system-assigned one last."""
    attached = (body or {}).get("userAssignedIdentities") or {}
    found = [Identity(ids["clientId"], ids["principalId"], name) for name, ids in attached.items()]
    if principal := (body or {}).get("principalId"):
        found.append(Identity(made_up(principal)["clientId"], principal))
    return found
