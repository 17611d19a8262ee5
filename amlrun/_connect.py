"""Where it is said which workspace is meant: the environment and files, in a fixed order. Asks no service."""

from __future__ import annotations

import json
import os
import re
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import attrs

from amlrun._asking.teamfile import FILE, read_team
from amlrun._errors import NotConfigured
from amlrun._shown import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

LOCAL = "local"
_VARIABLE = "AMLRUN_WORKSPACE"
named_by: ContextVar[str] = ContextVar("named_by", default=_VARIABLE)
"""Who has set that variable, where it is somebody else than the user."""
# Assumed: on a compute instance they have the same names as in a job.
_IN_JOB = ("AZUREML_ARM_SUBSCRIPTION", "AZUREML_ARM_RESOURCEGROUP", "AZUREML_ARM_WORKSPACE_NAME")
_OWN = ("AZURE_SUBSCRIPTION_ID", "AZURE_RESOURCE_GROUP", "AZURE_ML_WORKSPACE")
_CONFIG_KEYS = ("subscription_id", "resource_group", "workspace_name")
_CONFIG_FILES = ("config.json", ".azureml/config.json")
_ARM_ID = re.compile(
    r"/subscriptions/([^/]+)/resourceGroups/([^/]+)"
    r"/providers/Microsoft\.MachineLearningServices/workspaces/([^/&?#]+)",
    re.IGNORECASE,
)


@attrs.frozen
class Scope:
    """The three names of a workspace."""

    subscription_id: str
    resource_group: str
    workspace: str

    @property
    def subscription_path(self) -> str:
        """The path of look-ups that are the subscription's: usages, sizes."""
        return f"/subscriptions/{self.subscription_id}"

    @property
    def path(self) -> str:
        """The workspace's ARM id."""
        provider = "providers/Microsoft.MachineLearningServices/workspaces"
        return f"{self.subscription_path}/resourceGroups/{self.resource_group}/{provider}/{self.workspace}"

    def __str__(self) -> str:
        return f"{self.subscription_id}/{self.resource_group}/{self.workspace}"


@attrs.frozen
class Place:
    """A workspace that is meant, and `source`: where that is said. `scope` is None for `local`."""

    scope: Scope | None
    source: str


def configured() -> Place:
    """The first place that names a workspace.

    Raises `NotConfigured` where none does, naming all of them; and for one that is filled in by halves.
    """
    for place in _places():
        return place
    looked_at = (
        _VARIABLE,
        _told(_IN_JOB),
        f"workspace in {read_team().path or FILE + ' here and above'}",
        f"{' and '.join(_CONFIG_FILES)} in {Path.cwd()} and above{_passed_over()}",
        _told(_OWN),
    )
    message = "No workspace is configured. Looked at: " + "; ".join(looked_at) + "."
    hint = (
        f"Set {_VARIABLE}=<subscription>/<resource group>/<workspace>, "
        f"or {_VARIABLE}={LOCAL} to run jobs on this machine, offline."
    )
    raise NotConfigured(message, hint=hint, looked_at=looked_at)


def own_workspace(environment: Mapping[str, str]) -> str | None:
    """The workspace of the job that this process runs in, as `connect` takes it; None: it doesn't say."""
    own = environment.get(_VARIABLE, "").strip()
    if own.lower() == LOCAL:  # a job there has the variables of any job, too
        return LOCAL
    names = [environment.get(name, "") for name in _IN_JOB]
    return "/".join(names) if all(names) else own or None


def named(text: str, where: str) -> Place:
    """The workspace that a text names: three names, its ARM id, its address in the studio, or `local`.

    Raises `NotConfigured`.
    """
    if not isinstance(text, str):
        raise NotConfigured(f"{where}: {shown(text)} is not a workspace", hint=_SAID, looked_at=(where,))
    if text.strip().lower() == LOCAL:
        return Place(None, where)
    is_url = "://" in text
    by_id = _ARM_ID.search(unquote(text)) if is_url else _ARM_ID.fullmatch(text.strip().rstrip("/"))
    if is_url and by_id is None:
        hint = "The address of a page in the studio has wsid=/subscriptions/… in it; one of these:"
        raise NotConfigured(
            f"{where}: {text!r} names no workspace", hint=f"{hint} {_SAID}", looked_at=(where,)
        )
    parts = list(by_id.groups()) if by_id else text.strip().strip("/").split("/")
    if len(parts) != len(_CONFIG_KEYS) or not all(part.strip() for part in parts):
        raise NotConfigured(f"{where}: {text!r} is not a workspace", hint=_SAID, looked_at=(where,))
    return Place(_scope(parts, where), where)


_SAID = f'"<subscription>/<resource group>/<workspace>", its ARM id, or "{LOCAL}".'


def _scope(names: Sequence[str], where: str) -> Scope:
    """The workspace of three names. Raises `NotConfigured` where one of them can be none."""
    odd = [shown(name) for name in names if not _is_name(name)]
    if odd:
        hint = "Is it a template that nobody has filled in?"
        raise NotConfigured(f"{where}: {', '.join(odd)} is no name", hint=hint, looked_at=(where,))
    return Scope(*(name.strip() for name in names))


def _of_variables(names: tuple[str, ...], source: str) -> Place:
    return Place(_scope([os.environ[name] for name in names], source), source)


def _places() -> Iterator[Place]:
    """Where a workspace is named, in order. A config.json that is half filled in is an error, not a miss."""
    if os.environ.get(_VARIABLE):
        yield named(os.environ[_VARIABLE], named_by.get())
    if all(os.environ.get(name) for name in _IN_JOB):
        yield _of_variables(_IN_JOB, "the job's own variables")
    team = read_team()
    if team.workspace is not None:
        yield named(team.workspace, team.where["workspace"])
    for path in _config_files():
        scope = _config(path)
        if scope is not None:
            yield Place(scope, str(path))
    if all(os.environ.get(name) for name in _OWN):
        yield _of_variables(_OWN, "+".join(_OWN))


def _config_files() -> Iterator[Path]:
    for folder in (Path.cwd(), *Path.cwd().parents):
        for name in _CONFIG_FILES:
            yield folder / name


def _passed_over() -> str:
    """Files of that name that name no workspace: some other tool's, or they say it in another way."""
    there = [str(path) for path in _config_files() if path.is_file()]
    return f" ({', '.join(there)}: without {', '.join(_CONFIG_KEYS)})" if there else ""


def _told(names: tuple[str, ...]) -> str:
    """Variables that count together, and which of them are missing where some are there."""
    missing = [name for name in names if not os.environ.get(name)]
    some = f" (without {', '.join(missing)})" if 0 < len(missing) < len(names) else ""
    return "+".join(names) + some


def _config(path: Path) -> Scope | None:
    """A config.json as the studio offers it; None where there is none, or it is some other tool's."""
    try:
        data = json.loads(path.read_text(encoding="utf-8-sig"))
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except (OSError, ValueError, RecursionError) as error:
        hint = f"Mend it, or say where: {_VARIABLE}=<subscription>/<resource group>/<workspace>."
        message = f"{path}: can't be read as JSON ({error})"
        raise NotConfigured(message, hint=hint, looked_at=(str(path),)) from error
    given = {key: data.get(key) for key in _CONFIG_KEYS} if isinstance(data, dict) else {}
    if not any(key in data for key in given):
        return None
    missing = [key for key, value in given.items() if not value]
    odd = [key for key, value in given.items() if key not in missing and not _is_name(value)]
    if missing or odd:
        faults = [f"{', '.join(missing)} missing"] if missing else []
        faults += [f"{key} is {shown(given[key])}, which is no name" for key in odd]
        hint = "Download it again from the studio, or fill it in."
        raise NotConfigured(f"{path}: {'; '.join(faults)}", hint=hint, looked_at=(str(path),))
    return Scope(*(str(given[key]).strip() for key in _CONFIG_KEYS))


def _is_name(value: object) -> bool:
    """A text without blanks in it, or the brackets of a template that nobody has filled in."""
    return isinstance(value, str) and bool(re.fullmatch(r"[^\s<>{}/\\?#&%]+", value.strip()))
