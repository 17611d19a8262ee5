"""Secrets of the workspace's key vault: each read when it is asked for, and kept nowhere.

https://learn.microsoft.com/azure/machine-learning/how-to-use-secrets-in-runs
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from amlrun._cloud import host_in
from amlrun._errors import AmlrunError, InvalidRequest, NotAuthorized, ServiceError
from amlrun._readings.json_values import object_in, text_in
from amlrun._shown import shown
from amlrun._ways import OF_A_JOB, way_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amlrun._cloud import Cloud
    from amlrun._workspace import Workspace

VARIABLE = "AMLRUN_KEY_VAULT"
"""Names the key vault: for who may not read the workspace, or has the secrets elsewhere."""
API_VERSION = "7.4"
_NAME = re.compile(r"[0-9a-zA-Z-]{1,127}")
_VAULT = re.compile(r"[a-z][0-9a-z-]{1,22}[0-9a-z]")
_NOT_FOUND = 404


def check_name(name: object) -> None:
    """Raises `InvalidRequest` for what is no name of a secret."""
    if isinstance(name, str) and _NAME.fullmatch(name):
        return
    message = f"secret({shown(name)}): names in a key vault are letters, digits and dashes, 127 at most"
    near = re.sub(r"[^0-9a-zA-Z-]+", "-", name).strip("-") if isinstance(name, str) else ""
    hint = f"Did you mean {near!r}?" if _NAME.fullmatch(near) else ""
    raise InvalidRequest(message, hint=hint, argument="name")


def read_secret(workspace: Workspace, name: str, environment: Mapping[str, str]) -> str:
    """The secret's newest value, by the account that the workspace is reached with.

    Raises `NotAuthorized` where that may not, `ServiceError` where there is no such secret or no answer,
    `InvalidRequest` for what can be no name of a key vault.
    """
    if workspace.folder is not None and way_in(environment) not in OF_A_JOB:
        # Azure has no token for such a job, and a rehearsal none either.
        raise NotAuthorized(_NOBODY.format(repr(name)), hint=_SEND_WITH, signed_in=False)
    cloud = workspace.rest.wire.cloud
    vault = _said(environment.get(VARIABLE, ""), cloud) or _of_workspace(workspace, name)
    # A firewall lets nobody wait for minutes: what hangs is given up soon.
    rest = workspace.rest.elsewhere(cloud.vault_scope).bounded()
    try:
        found = rest.get(f"https://{vault}.{cloud.vault}/secrets/{name}", api_version=API_VERSION)
    except (NotAuthorized, ServiceError) as error:
        raise _told(error, name, vault) from error
    secret = found.get("value")
    if not isinstance(secret, str):
        where = f"secret {name!r} of the key vault {vault}"
        raise ServiceError(f"{where}: the reply has no value", hint="Is a proxy in between?")
    return secret


def _said(vault: str, cloud: Cloud) -> str:
    """The name of the vault that the variable has, or its address; "": it has none.

    No other address: whoever is behind it would get a token that opens vaults.
    """
    name = host_in(vault).removesuffix(f".{cloud.vault}")
    if not vault or _VAULT.fullmatch(name):
        return name
    message = f"{VARIABLE}={vault}: not a key vault of {cloud.name}"
    hint = f"Its name, or its address: https://<name>.{cloud.vault}"
    raise InvalidRequest(message, hint=hint, argument=VARIABLE)


def _of_workspace(workspace: Workspace, name: str) -> str:
    """The name of the workspace's own key vault."""
    try:
        properties = object_in(workspace.rest.get(workspace.scope.path).get("properties"))
    except NotAuthorized as error:
        if not error.signed_in:
            raise _nobody(error, f"secret {name!r}") from error
        message = (
            f"secret {name!r}: the job may not ask the workspace which its key vault is: {error.message}"
        )
        named = f'environment_variables={{"{VARIABLE}": "<its name>"}} tells it.'
        raise error.reworded(message=message, hint=f"{error.hint}\nOr {named}".lstrip()) from error
    vault = text_in(properties.get("keyVault")).rpartition("/")[2]
    if not _VAULT.fullmatch(vault.lower()):
        hint = f'environment_variables={{"{VARIABLE}": "<its name>"}} tells of another.'
        raise ServiceError(f"secret {name!r}: the workspace has no key vault", hint=hint)
    return vault


def _told(error: NotAuthorized | ServiceError, name: str, vault: str) -> AmlrunError:
    """The error in words about this secret, which is named, and never shown."""
    where, said = f"secret {name!r} of the key vault {vault}", error.message
    if error.service_code.endswith("SecretDisabled"):
        hint = f"az keyvault secret set-attributes --vault-name {vault} --name {name} --enabled true"
        return ServiceError(f"{where} is disabled", hint=hint, status=403, service_code=error.service_code)
    if isinstance(error, ServiceError):
        return _without_answer(error, where, name, vault)
    if not error.signed_in:
        return _nobody(error, where)
    message = f"{where}: the job's identity may not read it: it needs the role {error.role} there"
    policy = _POLICY.search(said)
    if policy is None:
        return error.reworded(message=message)
    hint = (
        "The key vault goes by access policies. Its owner can let this identity get secrets:\n"
        f"  az keyvault set-policy --name {vault} --object-id {policy['id']} --secret-permissions get"
    )
    return error.reworded(message=message.partition(": it needs")[0], hint=hint)


_SEND_WITH = 'A job has its own identity with submit(…, identity="managed"), its user\'s with "user".'
_NOBODY = "secret {}: the job has no identity that could read it"


def _nobody(error: NotAuthorized, where: str) -> AmlrunError:
    """Nobody is signed in: in a job that is for who sends it to mend, and not for its code."""
    if error.service_code:  # an identity that is there, and not let in
        return error.reworded(message=f"{where}: {error.message}")
    return error.reworded(message=f"{where}: {error.message.partition(chr(10))[0]}", hint=_SEND_WITH)


_POLICY = re.compile(r"oid=(?P<id>[^;']+).*does not have secrets get permission")


def _without_answer(error: ServiceError, where: str, name: str, vault: str) -> ServiceError:
    if error.status == _NOT_FOUND:
        hint = f"az keyvault secret set --vault-name {vault} --name {name} --file <a file with it>"
        return error.reworded(message=f"{where}: there is none of that name", hint=hint)
    hint = error.hint
    if error.host:
        hint = "The nodes of the job need a way to it: a private endpoint, or its firewall lets them in."
    return error.reworded(message=f"{where}: {error.message}", hint=hint)
