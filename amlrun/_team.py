"""A team's defaults and guard rails, as a value: what they make of an ask. Pure.

They stand in `amlrun.toml`, which `_teamfile` reads. Arguments win over what a job says, that wins over the
defaults, and those over what amlrun would choose; nothing wins over the guard rails.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import attrs

from amlrun._errors import InvalidRequest
from amlrun._guard import Guard
from amlrun._identity import Identity
from amlrun._needs import SERVERLESS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from amlrun._needs import Ask
    from amlrun._offers import Tier


@attrs.frozen(kw_only=True)
class Team:
    """What the file at `path` says; nothing where there is none.

    `compute` are names in order of preference, `timeout` is in seconds, of each attempt. `where` maps each
    key that is said to its file and line.
    """

    path: str = ""
    workspace: str | None = None
    experiment: str | None = None
    compute: tuple[str, ...] = ()
    tier: Tier | None = None
    timeout: float | None = None
    identity: Identity | None = None
    checkpoint_datastore: str | None = None
    required_tags: tuple[str, ...] = ()
    guard: Guard = attrs.field(factory=Guard)
    where: Mapping[str, str] = attrs.field(factory=dict)

    def defaults(self, ask: Ask, *, said: Collection[str] = ()) -> dict[str, Any]:
        """The defaults that apply to a job, by key: nobody has said those, nor are they among `said`.

        Raises `InvalidRequest` where serverless isn't allowed, and no compute is by its name.
        """
        unsaid = {
            "compute": not ask.computes,
            "tier": ask.tier is None,
            "timeout": ask.timeout is None,
            "identity": ask.identity is None,
        }
        keys = ("experiment", *unsaid, "checkpoint_datastore")
        found = {key: getattr(self, key) for key in keys if self._says(key, unsaid.get(key, True), said)}
        instead = () if ask.computes or self.compute else self._instead_of_serverless()
        return {**found, "allowed_computes": instead} if instead else found

    def _says(self, key: str, unsaid: bool, said: Collection[str]) -> bool:  # noqa: FBT001 - one of a dict
        return unsaid and key in self.where and key not in said

    def applied(self, ask: Ask, defaults: Mapping[str, Any]) -> Ask:
        """The ask under these defaults and the guard rails.

        Raises `InvalidRequest` for what no choice of a place would help: too many nodes.
        """
        most = self.guard.most_nodes
        if most is not None and ask.nodes > most:
            message = (
                f"instance_count={ask.nodes}: refused by {self.where['most_nodes']}: most_nodes = {most}"
            )
            raise InvalidRequest(message, argument="instance_count", hint=f"Ask for {most} or fewer.")
        key = next((key for key in ("compute", "allowed_computes") if key in defaults), "")
        return attrs.evolve(
            ask,
            computes=ask.computes or defaults.get(key, ()),
            computes_by=self.where.get(key, ""),
            default_tier=defaults.get("tier"),
            timeout=ask.timeout or defaults.get("timeout"),
            identity=ask.identity or defaults.get("identity"),
            guard=self.guard,
        )

    def _instead_of_serverless(self) -> tuple[str, ...]:
        """Where jobs go that name no compute: (): serverless first; else the computes that are allowed."""
        if self.guard.allows_compute(SERVERLESS):
            return ()
        names = self.guard.named_computes
        if not names:
            rule = f"{self.where['allowed_computes']}: allowed_computes has no name, patterns only"
            message = f"compute: no compute is named, and serverless is refused by {rule}"
            raise InvalidRequest(message, argument="compute", hint="Name one that is allowed: compute=…")
        return names

    def told(self, key: str) -> str:
        """A key as the file says it, with its line."""
        value = getattr(self.guard if hasattr(self.guard, key) else self, key)
        if isinstance(value, Identity):
            value = str(value)
        if isinstance(value, float):
            value = f"{value:g}"
        shown = ", ".join(value) if isinstance(value, tuple) else value
        return f"{key} = {shown} ({self.where[key]})"

    def check_tags(self, tags: Mapping[str, str]) -> None:
        """Raises `InvalidRequest` where a tag that every job must carry is missing or empty."""
        missing = [name for name in self.required_tags if not tags.get(name)]
        if missing:
            rule = f"{self.where['required_tags']}: required_tags has {', '.join(missing)}"
            example = ", ".join(f"{name!r}: '…'" for name in missing)
            message = f"tags: {', '.join(missing)} missing, refused by {rule}"
            raise InvalidRequest(message, argument="tags", hint=f"tags={{{example}}}, or in the job itself.")


_LEFT_OUT = re.compile(r"(?P<case>[Ll])eave compute out(?P<then>, and (?:the job|it) goes to serverless)?")


def way_out(ask: Ask, hint: str) -> str:
    """A hint under the team's file, where it says to leave compute out.

    That helps nobody who hasn't named one, nor where serverless isn't allowed.
    """
    names = " or ".join(ask.guard.named_computes)
    if ask.guard.allows_compute(SERVERLESS):
        words = "say compute='serverless'{then}" if ask.computes_by else "leave compute out{then}"
    elif names and not ask.computes_by:
        words = f"leave compute out, and the job goes to {names}"
    else:
        words = "name another compute that is allowed"

    def said(found: re.Match[str]) -> str:
        text = words.format(then=found["then"] or "")
        return text[0].upper() + text[1:] if found["case"] == "L" else text

    return _LEFT_OUT.sub(said, hint)
