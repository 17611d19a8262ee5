"""The part of `FakeAml` that lets programs sign in, by the real azure-identity."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from amlrun.testing._access.principals import CALLER, person
from amlrun.testing._controls.arguments import check_counts, check_seconds
from amlrun.testing._supply import apps, identities
from amlrun.testing._supply.identities import TENANT
from amlrun.testing._supply.workspaces import read_workspace
from amlrun.testing._wire import injections
from amlrun.testing._wire.calls import Aim
from amlrun.testing._wire.faults import Answer

if TYPE_CHECKING:
    from amlrun.testing._wire.backend import Backend

_TOKENS = "POST /{tenant}/oauth2/v2.0/token"


class SigningInControls:
    """Who signs in, and how."""

    _backend: Backend

    def app(self, name: str, *, secret: str = "fake-secret", tenant: str = TENANT) -> dict[str, str]:  # noqa: S107
        """Register an application; returns the environment variables of its service principal.

        Give them to `monkeypatch.setenv`: `EnvironmentCredential` and `DefaultAzureCredential` sign in by
        them. It may do what `grant(…, to=<its client id>)` says, once something was taken from it.
        """
        app = attrs.evolve(apps.app_named(name, tenant), secret=apps.digest(secret))
        return {**self._kept(app), "AZURE_CLIENT_SECRET": secret}

    def pipeline(self, name: str, file: Path | str, *, lifetime: float = 600.0) -> dict[str, str]:
        """Register an application that a pipeline stands for; returns the variables by which it signs in.

        The federated token is written to `file`; it is valid for `lifetime` seconds of the fake's time.
        Called again it writes a fresh one.
        """
        app = attrs.evolve(apps.app_named(name, TENANT), subject=f"repo:{name}:ref:refs/heads/main")
        Path(file).write_text(apps.assertion(app, self._backend.clock.now() + lifetime), encoding="utf-8")
        return {**self._kept(app), "AZURE_FEDERATED_TOKEN_FILE": str(file)}

    def signs_in(self, name: str | None = None, *, lasts: float = 90 * 86400.0) -> None:
        """Say who signs in where a code is asked for (`DeviceCodeCredential`): the caller, or another person.

        Their sign-in lasts for so many seconds of the fake's time; then it gives no further tokens.
        """
        check_seconds(lasts=lasts)
        who = CALLER if name is None else person(name)
        with self._backend.work() as (records, _now):
            records.put("meta", "signs in", {"who": attrs.asdict(who), "until": lasts})

    def machine_identity(self, name: str | None) -> None:
        """Say that this process runs on a virtual machine with this identity; None: on none of Azure's."""
        scope = self._backend.scope
        with self._backend.work() as (records, now):
            if name is None:
                records.remove("meta", "machine")
                return
            resource = identities.identity_id(scope.subscription_id, scope.resource_group, name)
            known = read_workspace(records, now).identities.get(resource.lower())
            records.put("meta", "machine", {"id": resource, **(known or identities.made_up(resource))})

    def token_lifetime(self, seconds: int) -> None:
        """For how long tokens of applications and identities are valid, by the machine's clock.

        azure-identity looks at that one. With 0 it asks for a token anew with each request.
        """
        check_counts(0, seconds=seconds)
        with self._backend.work() as (records, _now):
            records.put("meta", "tokens", {"lifetime": seconds})

    def refuse_sign_in(self, number: int, words: str = "Refused.", *, times: int | None = None) -> None:
        """Have Entra refuse applications with a code: 50076 is AADSTS50076. `times`: None is from now on."""
        refused = apps.SignInRefused(400, number, "invalid_grant", words)
        answer = Answer(400, refused.body(self._backend.clock.now()))
        self._backend.injections.add(injections.of([answer], Aim(_TOKENS, None), call=1, times=times))

    def _kept(self, app: apps.App) -> dict[str, str]:
        with self._backend.work() as (records, _now):
            apps.keep_app(records, app)
        return {"AZURE_TENANT_ID": app.tenant, "AZURE_CLIENT_ID": app.client_id}
