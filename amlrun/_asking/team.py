"""A team's defaults and guard rails, as values: what they make of an ask. Pure.

They stand in `amlrun.toml`, which `_teamfile` reads. Arguments win over what a job says, that wins over the
defaults, and those over what amlrun would choose; nothing wins over the guard rails.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from amlrun._errors import InvalidRequest
from amlrun._fields import WrongField, amount, mapping, several, text, value_of, word
from amlrun._guard import Guard
from amlrun._identity import Identity, parse_identity
from amlrun._needs import SERVERLESS
from amlrun._offers import Tier

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from amlrun._cluster import Cluster
    from amlrun._needs import Ask


@attrs.frozen(kw_only=True)
class Defaults:
    """What is applied where nobody says anything else. None, or nothing in it: no default.

    `compute` are names in order of preference, `timeout` is in seconds, of each attempt. `allowed_computes`
    are no default, but the rule that names the computes where serverless isn't allowed. `where` maps each
    key to the file and line that says it.
    """

    experiment: str | None = None
    compute: tuple[str, ...] = ()
    tier: Tier | None = None
    timeout: float | None = None
    identity: Identity | None = None
    checkpoint_datastore: str | None = None
    tags: Mapping[str, str] = attrs.field(factory=dict)
    allowed_computes: tuple[str, ...] = ()
    where: Mapping[str, str] = attrs.field(factory=dict, eq=False)

    def but(self, keys: Collection[str]) -> Defaults:
        """Without these keys."""
        return attrs.evolve(self, **{key: getattr(_NONE, key) for key in keys})

    def applied(self, ask: Ask) -> Ask:
        """The ask with them."""
        by = "compute" if self.compute else "allowed_computes"
        return attrs.evolve(
            ask,
            computes=ask.computes or self.compute or self.allowed_computes,
            computes_by="" if ask.computes else self.where.get(by, ""),
            default_tier=self.tier,
            timeout=ask.timeout or self.timeout,
            identity=ask.identity or self.identity,
        )

    def told(self) -> Iterator[str]:
        """As the file says them, with their lines."""
        said = [key for key in _KEYS if getattr(self, key)]
        defaults = [self._words(key) for key in said if key != "allowed_computes"]
        if defaults:
            yield f"by default: {'; '.join(defaults)}"
        if "allowed_computes" in said:
            yield f"by rule: {self._words('allowed_computes')}"

    def _words(self, key: str) -> str:
        value = getattr(self, key)
        if isinstance(value, float):
            value = f"{value:g}"
        if isinstance(value, Mapping):
            value = tuple(f"{name}: {one}" for name, one in value.items())
        shown = ", ".join(value) if isinstance(value, tuple) else value
        return f"{key} = {shown} ({self.where.get(key, 'as planned')})"

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe, for `from_dict`."""
        said = {key: getattr(self, key) for key in _KEYS if getattr(self, key)}
        texts = {key: list(value) if isinstance(value, tuple) else value for key, value in said.items()}
        texts |= {key: str(said[key]) for key in ("tier", "identity") if key in said}
        return {**texts, "where": {key: line for key, line in self.where.items() if key in said}}

    @classmethod
    def from_dict(cls, data: Any) -> Defaults:
        """The defaults again. Raises `WrongField`."""
        return value_of(cls, _READ)(data)


def _identity(value: Any) -> Identity | None:
    try:
        return parse_identity(text(value))
    except InvalidRequest as error:
        raise WrongField("", error.message) from error


_READ: dict[str, Callable[[Any], Any]] = {
    "compute": several(text),
    "tier": word(*Tier),
    "timeout": amount,
    "identity": _identity,
    "experiment": text,
    "checkpoint_datastore": text,
    "tags": mapping(text),
    "allowed_computes": several(text),
    "where": mapping(text),
}
"""How each field is read from JSON."""
_NONE = Defaults()
_KEYS = tuple(field.name for field in attrs.fields(Defaults) if field.name != "where")


@attrs.frozen(kw_only=True)
class Team:
    """What the file at `path` says; nothing where there is none.

    `clusters` are made where a job names one that isn't there. `where` maps each key that is said to its file
    and line.
    """

    path: str = ""
    workspace: str | None = None
    defaults: Defaults = attrs.field(factory=Defaults)
    required_tags: tuple[str, ...] = ()
    clusters: tuple[Cluster, ...] = ()
    guard: Guard = attrs.field(factory=Guard)
    where: Mapping[str, str] = attrs.field(factory=dict)

    def check_tags(self, tags: Mapping[str, str]) -> None:
        """Raises `InvalidRequest` where a tag that every job must carry is missing or empty."""
        missing = [name for name in self.required_tags if not tags.get(name, "").strip()]
        if missing:
            rule = f"{self.where['required_tags']}: required_tags has {', '.join(missing)}"
            example = ", ".join(f"{name!r}: '…'" for name in missing)
            message = f"tags: {', '.join(missing)} missing, refused by {rule}"
            raise InvalidRequest(message, argument="tags", hint=f"tags={{{example}}}, or in the job itself.")

    def defaults_for(self, ask: Ask, *, said: Collection[str] = ()) -> Defaults:
        """The defaults that apply to a job: nobody has said those, nor are they among `said`.

        Raises `InvalidRequest` where serverless isn't allowed, and no compute is by its name.
        """
        taken = {
            "compute": bool(ask.computes),
            "tier": ask.tier is not None,
            "timeout": ask.timeout is not None,
            "identity": ask.identity is not None,
        }
        found = self.defaults.but({*said, *(key for key, is_said in taken.items() if is_said)})
        if ask.computes or found.compute:
            return found
        return attrs.evolve(found, allowed_computes=self._instead_of_serverless())

    def bound(self, ask: Ask) -> Ask:
        """The ask under the guard rails, with the team's clusters for those that it names.

        Raises `InvalidRequest` for what no choice of a place would help: too many nodes.
        """
        most = self.guard.most_nodes
        if most is not None and ask.most_nodes > most:
            rule = f"{self.where['most_nodes']}: most_nodes = {most}"
            trials = f" for each of {ask.at_once} trials at once" if ask.at_once > 1 else ""
            message = f"instance_count={ask.nodes}{trials}: refused by {rule}"
            raise InvalidRequest(message, argument="instance_count", hint=f"Ask for {most} or fewer.")
        named = {name.lower() for name in ask.computes} - {one.name.lower() for one in ask.creates}
        own = tuple(one for one in self.clusters if one.name.lower() in named)
        guard = self.guard.with_clusters(one.name for one in own)
        return attrs.evolve(ask, guard=guard, creates=(*ask.creates, *own))

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
