"""What a job remembers: all that is needed to go on with it, in the properties of the job itself. Pure.

Properties are written once, with the job. The service takes 50 of them of 1,000 characters each and writes up
to 36 of its own, so they are few, and the body is packed and cut into parts.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from typing import TYPE_CHECKING, Any

import attrs

from amlrun._asking.memo import ask_of, memo_of
from amlrun._plan import Plan
from amlrun._requeue import Requeue
from amlrun._withheld import with_secrets, without_secrets

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amlrun._needs import Ask

PREFIX = "amlrun."
GROUP, ATTEMPT, POLICY, PLAN, ASK, API = (
    f"{PREFIX}{name}" for name in ("group", "attempt", "policy", "plan", "ask", "api")
)
DIGEST, PRINCIPAL = f"{PREFIX}digest", f"{PREFIX}principal"
BODY = f"{PREFIX}body"
LONGEST = 1000
"""Characters in one property."""
MOST_PARTS = 6
"""A body that needs more is not kept: the run can then go on only where it was started. With those of the
service and eight others it makes 50."""
CANCEL_TAG = f"{PREFIX}cancel"
"""The tag by which a run is stopped from any machine."""
QUEUE_TAG = f"{PREFIX}queue"
"""The tag of an attempt whose wait in the queue was ended, by what the policy says of that."""


@attrs.frozen(kw_only=True)
class Memory:
    """One attempt, as it is stored.

    `body` is None where it was too long to keep; `digest` tells two bodies apart all the same. Secrets among
    the environment variables are not in the properties: `of_job` reads them where the job has them.
    `principal` is the object id of who submitted, for a job that has their identity: nobody else may go on
    with it. `ask` is what was asked of the place; None: another attempt goes where this one went.
    """

    group: str
    attempt: int
    policy: Requeue | None
    plan: Plan
    body: Mapping[str, Any] | None
    api_version: str
    principal: str | None = None
    ask: Ask | None = None
    digest: str = attrs.field(default=attrs.Factory(lambda self: _digest(self.body), takes_self=True))

    def to_properties(self) -> dict[str, str]:
        """Property names to values, each within the service's limits."""
        policy = None if self.policy is None else self.policy.to_dict()
        plan = _plan_parts(self.plan)
        body = self.body if plan else None  # without its steps, no plan tells what should stand in it
        return {
            GROUP: self.group,
            ATTEMPT: str(self.attempt),
            POLICY: _compact(policy),
            **(plan or _plan_parts(attrs.evolve(self.plan, steps=()))),
            **_ask_part(self.ask),
            API: self.api_version,
            DIGEST: self.digest,
            **({PRINCIPAL: self.principal} if self.principal else {}),
            **_parts(BODY, None if body is None else without_secrets(body)),
        }

    @property
    def is_kept(self) -> bool:
        """Whether its body is among its properties: neither that nor the plan of its steps is too long."""
        return BODY in self.to_properties()

    @classmethod
    def from_properties(cls, properties: Mapping[str, str]) -> Memory | None:
        """Read them back; None for a job that amlrun didn't send."""
        if GROUP not in properties:
            return None
        policy = json.loads(properties[POLICY])
        return cls(
            group=properties[GROUP],
            attempt=int(properties[ATTEMPT]),
            policy=None if policy is None else Requeue.from_dict(policy),
            plan=Plan.from_dict(_plan_of(properties)),
            body=_whole(BODY, properties),
            api_version=properties[API],
            principal=properties.get(PRINCIPAL),
            ask=ask_of(json.loads(properties[ASK])) if ASK in properties else None,
            digest=properties[DIGEST],
        )

    @classmethod
    def of_job(cls, job: Mapping[str, Any]) -> Memory | None:
        """What a job remembers, from the service's reply; None for a job that amlrun didn't send."""
        memory = cls.from_properties(job["properties"].get("properties") or {})
        if memory is None or memory.body is None:
            return memory
        return attrs.evolve(memory, body=with_secrets(memory.body, job["properties"]))

    def next_attempt(self, body: Mapping[str, Any]) -> Memory:
        """The attempt that follows, with a body of its own."""
        return attrs.evolve(self, attempt=self.attempt + 1, body=body, digest=_digest(body))


# Assumed: properties come back as they were written, names with a dot among them.
def without_memory(labels: Mapping[str, Any]) -> dict[str, Any]:
    """Properties or tags without those of amlrun's own: they are another run's."""
    return {key: value for key, value in labels.items() if not key.startswith(PREFIX)}


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True)


def _digest(body: Mapping[str, Any] | None) -> str:
    return hashlib.sha256(_compact(body).encode()).hexdigest()[:32]


def _plan_parts(plan: Plan) -> dict[str, str]:
    """A plan as text that people can read; packed, if it has many steps; {}: that is too long."""
    memo = plan.to_memo()
    text = _compact(memo)
    if len(text) <= LONGEST:
        return {PLAN: text}
    return _parts(PLAN, memo)


def _ask_part(ask: Ask | None) -> dict[str, str]:
    """{}: nothing was asked, or too much to be kept."""
    text = "" if ask is None else _compact(memo_of(ask))
    return {ASK: text} if 0 < len(text) <= LONGEST else {}


def _plan_of(properties: Mapping[str, str]) -> Any:
    return json.loads(properties[PLAN]) if properties[PLAN].startswith("{") else _whole(PLAN, properties)


def _parts(name: str, value: Mapping[str, Any] | None) -> dict[str, str]:
    if value is None:
        return {}
    text = base64.b85encode(zlib.compress(_compact(value).encode(), 9)).decode()
    chunks = [text[start : start + LONGEST] for start in range(0, len(text), LONGEST)]
    if len(chunks) > MOST_PARTS:
        return {}
    return {_part(name, number): chunk for number, chunk in enumerate(chunks, start=1)}


def _whole(name: str, properties: Mapping[str, str]) -> dict[str, Any] | None:
    chunks: list[str] = []
    while (part := _part(name, len(chunks) + 1)) in properties:
        chunks.append(properties[part])
    if not chunks:
        return None
    unpacked: dict[str, Any] = json.loads(zlib.decompress(base64.b85decode("".join(chunks))))
    return unpacked


def _part(name: str, number: int) -> str:
    return name if number == 1 else f"{name}.{number}"
