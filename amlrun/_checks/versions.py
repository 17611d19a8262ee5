"""Which versions are in use, and what is known to go wrong with them. Pure.

What is wrong with azure-ai-ml is told whole in docs/azure-ai-ml.md; here is what somebody meets who uses it
beside amlrun, or who can't import it at all.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import attrs

from amlrun._checks.check import Check, Level

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SDK = "azure-ai-ml"
IN_USE = ("amlrun", SDK, "azure-identity", "azure-core", "azure-storage-blob", "msal", "requests", "six")
"""What is asked for; those that aren't there are left out."""
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?\s*\(?([^;()]*)\)?")
_BOUND = re.compile(r"\s*(<=|>=|<|>|==|!=|~=)\s*([0-9][^,\s]*)")


@attrs.frozen(kw_only=True)
class Trouble:
    """What is known of versions from `since` to before `until` ("": all) of `package`.

    A `NOTE` is what amlrun mends for itself: somebody meets it who uses the package without amlrun. `unless`
    is a package that mends it by being there. `source` is where it is known from.
    """

    package: str
    since: str = ""
    until: str = ""
    level: Level = Level.NOTE
    what: str
    todo: str
    source: str
    unless: str = ""

    def strikes(self, versions: Mapping[str, str]) -> bool:
        """Whether these versions are hit by it."""
        own = versions.get(self.package)
        if own is None or self.unless in versions:
            return False
        at = numbers(own)
        return numbers(self.since) <= at and (not self.until or at < numbers(self.until))


_MEASURED = "measured, see docs/azure-ai-ml.md of amlrun"
TROUBLES = (
    Trouble(
        package=SDK,
        until="1.28",
        level=Level.WARNING,
        what="is older than what amlrun is tested with",
        todo="pip install -U azure-ai-ml",
        source="the requirements of amlrun",
    ),
    Trouble(
        package=SDK,
        since="1.30",
        until="1.35",
        level=Level.FAILS,
        what="can't be imported: it needs six, and nothing installs that",
        todo="pip install six, or pip install -U azure-ai-ml",
        source=_MEASURED,
        unless="six",
    ),
    Trouble(
        package=SDK,
        since="1.34",
        what="tells no client ids of identities",
        todo="amlrun doctor",
        source=_MEASURED,
    ),
    Trouble(
        package=SDK,
        since="1.35",
        what="sends AutoML jobs with size, count and tier under names that the service doesn't know",
        todo="amlrun submit",
        source=_MEASURED,
    ),
    Trouble(
        package=SDK,
        since="1.35",
        what="starts nothing where a fetched job is sent again",
        todo="amlrun resume",
        source=_MEASURED,
    ),
    Trouble(
        package=SDK,
        since="1.35",
        what="says None for the quota in use and for what sizes have",
        todo="amlrun quota",
        source=_MEASURED,
    ),
)


def canonical(name: str) -> str:
    """A package's name as the index compares it: `typing_extensions` is `typing-extensions`."""
    return re.sub(r"[-_.]+", "-", name).lower()


def required_by(requirements: Sequence[str]) -> tuple[str, ...]:
    """The packages that these requirements name, wherever they hold."""
    found = (re.match(r"[A-Za-z0-9._-]+", one.strip()) for one in requirements)
    return tuple(canonical(match[0]) for match in found if match)


def numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version, without zeros at the end: 1.35 is 1.35.0."""
    parts = list(_places(version))
    while parts and parts[-1] == 0:
        parts.pop()
    return tuple(parts)


def _places(version: str) -> tuple[int, ...]:
    """The leading numbers of a version as they are written."""
    found = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(int(part) for part in found[0].split(".")) if found else ()


def of_versions(versions: Mapping[str, str]) -> Iterator[Check]:
    """What is known to go wrong with them; `versions` are those of the packages that are there."""
    name = f"version-{SDK}"
    if SDK not in versions:
        yield Check(name, Level.FAILS, f"{SDK} is not installed", "", f"pip install {SDK}")
        return
    struck = [trouble for trouble in TROUBLES if trouble.strikes(versions)]
    own = f"{SDK} {versions[SDK]}"
    for one in struck:
        if one.level is not Level.NOTE:
            yield Check(name, one.level, f"{own} {one.what}", one.source, one.todo)
    if mended := [f"it {one.what} ({one.todo})" for one in struck if one.level is Level.NOTE]:
        what = f"{own}, used without amlrun, has known faults ({_MEASURED})"
        yield Check(name, Level.NOTE, what, f"{'; '.join(mended)}: those in brackets do it right")
    if not struck:
        yield Check(name, Level.OK, f"{own}: nothing is known against it")


def of_requirements(package: str, required: Sequence[str], versions: Mapping[str, str]) -> Iterator[Check]:
    """What `package` asks for and doesn't have. What it asks for only in some places is passed over."""
    for one in required:
        said = _REQUIREMENT.fullmatch(one.strip())
        if said is None:  # with a marker: of an extra, or of some other Python
            continue
        name, bounds = said[1], _BOUND.findall(said[2])
        found = versions.get(canonical(name))
        if found is None:
            what = f"{package} needs {name}, which is not installed"
        elif not all(_holds(found, how, bound) for how, bound in bounds):
            what = f"{package} needs {name} {said[2].strip()}, and {found} is installed"
        else:
            continue
        yield Check(
            f"requires-{canonical(name)}", Level.FAILS, what, "", f'pip install "{name}{said[2].strip()}"'
        )


def _holds(found: str, how: str, bound: str) -> bool:
    at, limit = numbers(found), numbers(bound)
    if how == "~=":
        return at >= limit and _begins(found, _places(bound)[:-1])
    if how in {"==", "!="} and bound.endswith(".*"):
        return _begins(found, _places(bound)) is (how == "==")
    return {
        "<": at < limit,
        "<=": at <= limit,
        ">": at > limit,
        ">=": at >= limit,
        "==": at == limit,
        "!=": at != limit,
    }[how]


def _begins(found: str, places: tuple[int, ...]) -> bool:
    """Whether a version begins with these numbers: each place counts, a zero too."""
    own = (*_places(found), *(0 for _ in places))
    return own[: len(places)] == places
