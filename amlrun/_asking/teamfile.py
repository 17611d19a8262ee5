"""`amlrun.toml`: a team's defaults and guard rails, found, read, and checked.

    [defaults]         workspace, experiment, compute, tier, timeout, identity, checkpoint_datastore, tags
    [guard]            allowed_sizes, denied_sizes, allowed_computes, most_nodes, highest_price_per_hour,
                       required_tags
    [clusters.<name>]  size, min, max, tier, idle, identity, location

It is looked for in the current folder and above, or named by `AMLRUN_CONFIG`. Whatever is wrong with it is
told with its line. Asks the service nothing.
"""

from __future__ import annotations

import difflib
import os
import re
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlrun._asking.team import Defaults, Team
from amlrun._cluster import CLUSTER_SETTINGS, Cluster
from amlrun._durations import LONGEST
from amlrun._errors import InvalidRequest, NotConfigured
from amlrun._guard import Guard, cluster_key
from amlrun._identity import parse_identity
from amlrun._needs import SERVERLESS
from amlrun._offers import Tier
from amlrun._paths import at_home
from amlrun._secrets import secret_names

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

VARIABLE = "AMLRUN_CONFIG"
FILE = "amlrun.toml"

_kept: dict[tuple[str, str], tuple[str, Team]] = {}
_lock = threading.Lock()


def read_team() -> Team:
    """What the file of the current folder says, as it is now.

    Raises `NotConfigured` with file and line.
    """
    found = _named() or _above()
    return Team() if found is None else _read(*found)


def _named() -> tuple[Path, str] | None:
    said = os.environ.get(VARIABLE)
    return (at_home(said), said) if said else None


def _above() -> tuple[Path, str] | None:
    try:
        here = Path.cwd()
    except FileNotFoundError as error:
        message = f"The current folder is gone, and {FILE} is looked for there and above"
        raise NotConfigured(message, hint="Go to one that is there.", looked_at=(FILE,)) from error
    for folder in (here, *here.parents):
        path = folder / FILE
        # A link that leads nowhere too: rules that can't be read are not taken for none.
        if os.path.lexists(path):
            return path, FILE if folder == here else str(path)
    return None


def _read(path: Path, shown: str) -> Team:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        if path.is_symlink():
            message = f"{shown}: it is a link to {path.readlink()}, which is not there"
            raise NotConfigured(message, looked_at=(shown,)) from error
        message = f"{VARIABLE}={shown}: there is no such file"
        hint = f"Unset {VARIABLE}, and {FILE} is looked for in the current folder and above."
        raise NotConfigured(message, hint=hint, looked_at=(shown,)) from error
    except (OSError, ValueError) as error:
        said = f"{VARIABLE}={shown}" if os.environ.get(VARIABLE) == shown else shown
        hint = (
            f"It is a file of text in UTF-8. {VARIABLE} names another."
            if said == shown
            else f"Mend or unset {VARIABLE}."
        )
        raise NotConfigured(f"{said}: can't be read ({error})", hint=hint, looked_at=(shown,)) from error
    with _lock:
        kept = _kept.get((str(path), shown))
    if kept is not None and kept[0] == text:
        return kept[1]
    team = parse_team(text, shown)
    with _lock:
        _kept[str(path), shown] = (text, team)
    return team


def parse_team(text: str, shown: str) -> Team:
    """The team of a file's text; `shown` is what the file is called in messages. Raises `NotConfigured`."""
    data, lines = _toml(text, shown), _lines(text)
    said: dict[str, Any] = {}
    where: dict[str, str] = {}
    clusters = _clusters(data.pop(_CLUSTERS, {}), lines, shown)
    where |= {cluster_key(one.name): line for one, line in clusters}
    for table, content in data.items():
        place = f"{shown}, line {lines.get((table, ''), lines.get(('', table), 1))}"
        if table not in _TABLES:
            raise _no_table(shown, place, table, is_table=isinstance(content, dict))
        if not isinstance(content, dict):
            raise NotConfigured(f"{place}: [{table}] is a table of keys", looked_at=(shown,))
        for key, value in content.items():
            line = lines.get((table, key)) or lines.get((f"{table}.{key}", ""))
            line = lines.get((f"{table}.{key}", _no_text(value)), line) if key == "tags" else line
            where[key] = f"{shown}, line {line}" if line else place
            if key not in _TABLES[table]:
                raise _no_key(shown, where[key], key, table)
            said[key] = _checked(where[key], key, value, _TABLES[table][key], shown)
    rules = {key: said.pop(key) for key in _OF_GUARD if key in said}
    of_team = {key: said.pop(key) for key in ("workspace", "required_tags") if key in said}
    guard, defaults = Guard(**rules, where=where), Defaults(**said, where=where)
    return Team(
        path=shown,
        guard=guard,
        defaults=defaults,
        clusters=tuple(one for one, _ in clusters),
        where=where,
        **of_team,
    )


def _clusters(
    tables: Any, lines: Mapping[tuple[str, str], int], shown: str
) -> tuple[tuple[Cluster, str], ...]:
    """The clusters that a job gets by their names, made where they aren't there; each with its line."""
    found: list[tuple[Cluster, str]] = []
    for name, settings in tables.items() if isinstance(tables, dict) else [("", None)]:
        table = f"{_CLUSTERS}.{name}"
        place = f"{shown}, line {lines.get((table, ''), lines.get((_CLUSTERS, name), 1))}"
        if not isinstance(settings, dict):
            raise NotConfigured(f"{place}: [{_CLUSTERS}.<name>] is a table of settings", looked_at=(shown,))
        if unknown := [key for key in settings if key not in CLUSTER_SETTINGS]:
            line = f"{shown}, line {lines[table, unknown[0]]}" if (table, unknown[0]) in lines else place
            hint = f"There are: {', '.join(CLUSTER_SETTINGS)}."
            message = f"{line}: there is no {unknown[0]} in [{table}]"
            raise NotConfigured(message, hint=hint, looked_at=(shown,))
        if same := [one.name for one, _ in found if cluster_key(one.name) == cluster_key(name)]:
            message = f"{place}: [{table}] and [{_CLUSTERS}.{same[0]}] are one cluster"
            hint = "Names of clusters are the same in any case."
            raise NotConfigured(message, hint=hint, looked_at=(shown,))
        try:
            found.append((Cluster(name, **settings), place))
        except InvalidRequest as error:
            key = error.argument.rpartition(".")[2]
            line = f"{shown}, line {lines[table, key]}" if (table, key) in lines else place
            raise NotConfigured(f"{line}: {error.message}", hint=error.hint, looked_at=(shown,)) from error
    return tuple(found)


def _toml(text: str, shown: str) -> dict[str, Any]:
    # Imported here, since most have no such file.
    if sys.version_info >= (3, 11):
        import tomllib  # noqa: PLC0415 - see above
    else:
        import tomli as tomllib  # type: ignore[import-not-found, unused-ignore]  # noqa: PLC0415 - see above
    try:
        found: dict[str, Any] = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a number of thousands of digits is no TOMLDecodeError
        line = re.search(r"at line (\d+)", str(error))
        number = int(line.group(1)) if line else max(1, len(text.splitlines()))
        message = f"{shown}, line {number}: not TOML: {str(error).partition(' (at')[0]}"
        hint = "Mend that line: texts stand in quotes, lists in [ ], and each key stands once in its table."
        raise NotConfigured(message, hint=hint, looked_at=(shown,)) from error
    return found


_HEADER = re.compile(r"""\s*\[\s*([\w.\-"' ]+?)\s*\]""")
_KEY = re.compile(r"""\s*(?:["']?([\w-]+)["']?\s*\.\s*)?["']?([\w-]+)["']?\s*=""")


def _lines(text: str) -> dict[tuple[str, str], int]:
    """Where each key stands, by table and key; a table by itself with an empty key."""
    table = ""
    found: dict[tuple[str, str], int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        header, key = _HEADER.match(line), _KEY.match(line)
        if header:
            table = ".".join(part.strip(" '\"") for part in header.group(1).split("."))
            found.setdefault((table, ""), number)
        elif key:
            found.setdefault((key.group(1) or table, key.group(2)), number)
    return found


def _no_table(shown: str, place: str, name: str, *, is_table: bool) -> NotConfigured:
    message = f"{place}: there is no table [{name}]" if is_table else f"{place}: {name} is in no table"
    return NotConfigured(message, hint=_meant(name, (*_TABLES, _CLUSTERS)), looked_at=(shown,))


def _no_key(shown: str, place: str, key: str, table: str) -> NotConfigured:
    return NotConfigured(
        f"{place}: there is no {key} in [{table}]", hint=_meant(key, _TABLES[table]), looked_at=(shown,)
    )


def _meant(name: str, names: Collection[str]) -> str:
    """What may have been meant: a key of some table, the nearest of these names, or any of them."""
    home = next((table for table, keys in _TABLES.items() if name in keys), "")
    near = difflib.get_close_matches(name.lower(), list(names), n=2)
    if home:
        return f"It belongs in [{home}]."
    return f"Did you mean {' or '.join(near)}?" if near else f"There are: {', '.join(names)}."


def _checked(place: str, key: str, value: Any, check: Callable[[Any], Any], shown: str) -> Any:
    try:
        return check(value)
    except ValueError as error:
        raise NotConfigured(f"{place}: {key} = {value!r}: {error}", looked_at=(shown,)) from error
    except InvalidRequest as error:
        raise NotConfigured(f"{place}: {error.message}", hint=error.hint, looked_at=(shown,)) from error


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("some text in quotes")
    return value.strip()


def _experiment(value: Any) -> str:
    if re.search(r"[/\\]", _text(value)):
        raise ValueError("a name without slashes")
    return _text(value)


def _names(value: Any) -> tuple[str, ...]:
    names = [value] if isinstance(value, str) else value
    texts = isinstance(names, list) and all(isinstance(name, str) and name.strip() for name in names)
    if not names or not texts:
        raise ValueError('a name in quotes, or a list of them: ["…", "…"]')
    return tuple(dict.fromkeys(name.strip() for name in names))


def _computes(value: Any) -> tuple[str, ...]:
    return tuple(SERVERLESS if name.lower() == SERVERLESS else name for name in _names(value))


def _tier(value: Any) -> Tier:
    try:
        return Tier(str(value).lower())
    except ValueError:
        raise ValueError("one of " + ", ".join(f'"{tier}"' for tier in Tier)) from None


def _number(value: Any, least: float, words: str) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value < float("inf"):
        raise ValueError(words)
    return value


def _timeout(value: Any) -> float:
    words = "seconds, 1 or more and a year at most, of each attempt"
    if float(_number(value, 1, words)) > LONGEST:
        raise ValueError(words)
    return float(value)


def _nodes(value: Any) -> int:
    words = "a whole number of nodes, 1 or more"
    if not isinstance(value, int):
        raise ValueError(words)  # noqa: TRY004 - told like every other wrong value
    return int(_number(value, 1, words))


def _price(value: Any) -> float:
    return float(_number(value, sys.float_info.min, "USD an hour for all nodes of a job, above 0"))


def _no_text(value: Any) -> str:
    """The first key of a table of texts whose value is none; "": all are."""
    table = value if isinstance(value, dict) else {}
    return next((name for name, one in table.items() if not isinstance(one, str) or not one), "")


def _tags(value: Any) -> dict[str, str]:
    texts = isinstance(value, dict) and all(isinstance(one, str) and one for one in value.values())
    if not texts or not value:
        raise ValueError('names and texts: { team = "…" }')
    if found := secret_names(value):
        message = f"tags: {', '.join(found)} looks like a secret, which whoever may read a job could read"
        hint = "A job reads secrets from the workspace's key vault: amlrun.current().secret(…)"
        raise InvalidRequest(message, argument="tags", hint=hint)
    return dict(value)


def _datastore(value: Any) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_]+", _text(value)):
        raise ValueError("the name of a datastore: letters, digits and _")
    return _text(value)


_CLUSTERS = "clusters"
_OF_GUARD: dict[str, Callable[[Any], Any]] = {
    "allowed_sizes": _names,
    "denied_sizes": _names,
    "allowed_computes": _computes,
    "most_nodes": _nodes,
    "highest_price_per_hour": _price,
}
_TABLES: dict[str, dict[str, Callable[[Any], Any]]] = {
    "defaults": {
        "workspace": _text,
        "experiment": _experiment,
        "compute": _computes,
        "tier": _tier,
        "timeout": _timeout,
        "identity": parse_identity,
        "checkpoint_datastore": _datastore,
        "tags": _tags,
    },
    "guard": {**_OF_GUARD, "required_tags": _names},
}
