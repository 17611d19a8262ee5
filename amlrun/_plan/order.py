"""What a plan was made for: the job and its options, so that the plan can be sent. Pure.

It stays with the plan, is neither compared nor shown, and goes into JSON as far as JSON can hold it. The
values of environment variables never do: they may be secrets.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Mapping
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from amlrun._asking.team import Defaults
from amlrun._cluster import Cluster
from amlrun._errors import InvalidRequest
from amlrun._fields import WrongField, mapping, several, text, value_of
from amlrun._identity import Managed
from amlrun._needs import Needs
from amlrun._requeue import Requeue
from amlrun._secrets import holds_one, is_secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

VARIABLES = "environment_variables"
_KIND, _VALUE = "$", "value"
"""The keys of what JSON has no form for: `{"$": "path", "value": …}`."""


@attrs.frozen
class Lost:
    """What JSON couldn't hold. `what` is its type, in words."""

    what: str


@attrs.frozen(kw_only=True)
class Order:
    """The job and the options that `plan` was given, and the workspace (`subscription/group/name`).

    `digest` tells whether a job file or an object is still what it was; "": there is none to change. `absent`
    are the environment variables whose values were not written to JSON. `defaults` are those of the team's
    file that were applied: what was planned is what is sent, whatever the file says by then.
    """

    job: Any = attrs.field(repr=False)
    options: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    workspace: str
    digest: str = ""
    absent: tuple[str, ...] = ()
    defaults: Defaults = attrs.field(factory=Defaults, repr=False)

    def with_variables(self, given: Any) -> Order:
        """With the values of the environment variables. Raises `InvalidRequest` where others are given."""
        own = self.options.get(VARIABLES)
        names = sorted({*self.absent, *(own if isinstance(own, Mapping) else ())})
        if given is None and not self.absent:
            return self
        if not isinstance(given, Mapping) or sorted(map(str, given)) != names:
            there = ", ".join(names) or "none"
            message = f"The plan was made for these environment variables: {there}"
            hint = f"submit(plan, {VARIABLES}={{…}}) gives a value for each of them, and for no other."
            raise InvalidRequest(
                f"{message}. Their values are never kept" if self.absent else message,
                hint=hint if names else "Make the plan with them: plan(job, …).",
                argument=VARIABLES,
            )
        return attrs.evolve(self, options={**self.options, VARIABLES: dict(given)}, absent=())

    def check_whole(self) -> None:
        """Raise `InvalidRequest` for what was lost on the way through JSON."""
        for argument, value in (("job", self.job), *self.options.items()):
            for lost in _lost_in(value):
                raise InvalidRequest(
                    f"This plan came through JSON, which can't hold its {argument}: {lost.what}",
                    hint="Submit the plan in the process that makes it, or make it of a command line or a job"
                    " file, with options that are text and numbers.",
                    argument=argument,
                )

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe, for `from_dict`; of environment variables the names alone."""
        own = self.options.get(VARIABLES)
        names = tuple(map(str, own)) if isinstance(own, Mapping) else ()
        options = {name: encoded(value) for name, value in self.options.items() if name != VARIABLES}
        is_plain = isinstance(self.job, str) and not holds_one("", self.job)
        job = self.job if is_plain else encoded(self.job)
        return {
            "job": job,
            "options": options,
            "workspace": self.workspace,
            "digest": "" if _is_marked(job, "lost") else self.digest,
            "absent": [*self.absent, *(name for name in names if name not in self.absent)],
            "defaults": self.defaults.to_dict(),
        }

    @classmethod
    def from_dict(cls, data: Any) -> Order:
        """The order again. Raises `WrongField`."""
        return value_of(cls, _READ)(data)


_WRITERS: tuple[tuple[type, str, Callable[[Any], Any]], ...] = (
    (type(None), "", lambda none: none),
    (bool, "", bool),
    (str, "", str.__str__),
    (Integral, "", int),
    (Real, "", float),
    (Path, "path", str),
    (dt.timedelta, "seconds", dt.timedelta.total_seconds),
    (Managed, "managed", attrs.asdict),
    (Needs, "needs", attrs.asdict),
    (Requeue, "requeue", Requeue.to_dict),
    (Cluster, "cluster", Cluster.to_dict),
    (Lost, "lost", lambda lost: lost.what),
)
"""What can be written, under which mark, and how; no mark: JSON has it."""
_READERS: dict[str, Callable[[Any], Any]] = {
    "path": Path,
    "seconds": lambda seconds: dt.timedelta(seconds=seconds),
    "managed": lambda data: Managed(**data),
    "needs": lambda data: Needs(**data),
    "requeue": Requeue.from_dict,
    "cluster": Cluster.from_dict,
    "lost": Lost,
    "mapping": lambda pairs: {key: decoded(value) for key, value in pairs},
}


_SECRET = re.compile(r"(?<!azureml):/{1,2}[^\s?#]*\?|https?:/{1,2}[^\s/]*@")
"""A URL with a query, where signatures stand, or with something before its host, where tokens do.

As a path it has one slash."""


def encoded(value: Any) -> Any:
    """As JSON holds it; what it can't hold is marked as lost."""
    if isinstance(value, (str, Path)) and _SECRET.search(str(value)):
        return _marked("lost", "a URL with a signature or a password, which may be a secret")
    if holds_one("", list(value) if isinstance(value, tuple) else value):
        return _marked("lost", "what looks like a secret")
    if isinstance(value, (list, tuple)):
        return [encoded(item) for item in value]
    if _is_mapping(value) and all(isinstance(key, str) for key in value):
        items = {str(key): _item(key, item) for key, item in value.items()}
        return _marked("mapping", list(map(list, items.items()))) if _KIND in items else items
    if not isinstance(value, Real) or math.isfinite(value):
        for kind, mark, write in _WRITERS:
            if isinstance(value, kind):
                written = write(value)
                return _marked(mark, _listed(written)) if mark else written
    return _marked("lost", f"{type(value).__name__} of {type(value).__module__.partition('._')[0]}")


def _item(name: str, value: Any) -> Any:
    written = encoded(value)
    is_one = isinstance(written, str) and is_secret(name, written)
    return _marked("lost", f"{name}, which looks like a secret") if is_one else written


def decoded(data: Any) -> Any:
    """What `encoded` wrote. Raises KeyError, TypeError, ValueError and `InvalidRequest` for anything else."""
    if isinstance(data, list):
        return [decoded(item) for item in data]
    if isinstance(data, dict):
        if _KIND in data:
            return _READERS[data[_KIND]](data[_VALUE])
        return {key: decoded(item) for key, item in data.items()}
    return data


def _written(decode: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Reads what `encoded` wrote. What is wrong is told without the value: it may be a secret."""

    def read(data: Any) -> Any:
        try:
            return decode(data)
        except WrongField:
            raise
        except InvalidRequest as error:
            raise WrongField("", error.message) from error
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
            raise WrongField("", f"can't be read ({type(error).__name__})") from error

    return read


_READ: dict[str, Callable[[Any], Any]] = {
    "job": _written(decoded),
    "options": mapping(_written(decoded)),
    "workspace": text,
    "digest": text,
    "absent": several(text),
    "defaults": Defaults.from_dict,
}


def _is_mapping(value: Any) -> bool:
    """A user's own: some objects of the SDK are mappings too."""
    return isinstance(value, Mapping) and not type(value).__module__.startswith("azure.")


def _marked(kind: str, value: Any) -> dict[str, Any]:
    return {_KIND: kind, _VALUE: value}


def _is_marked(data: Any, kind: str) -> bool:
    return isinstance(data, dict) and data.get(_KIND) == kind


def _listed(value: Any) -> Any:
    """The tuples in a value's fields as lists."""
    if isinstance(value, dict):
        return {key: list(item) if isinstance(item, tuple) else item for key, item in value.items()}
    return value


def _lost_in(value: Any) -> Iterator[Lost]:
    if isinstance(value, Lost):
        yield value
    elif _is_mapping(value):
        for item in value.values():
            yield from _lost_in(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _lost_in(item)
