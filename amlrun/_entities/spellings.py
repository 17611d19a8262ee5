"""Names of environments that a pipeline's files spell as its schema doesn't take them, said anew.

An override reaches into the file of the job alone. In the place of a component's own file, and of a nested
pipeline's, stands one like it while the SDK reads: with the names said anew, and with whole paths.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlrun._asking.bindings import is_local
from amlrun._asking.parts import read
from amlrun._asking.yamlfile import read_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

_Path = tuple[str, ...]
_FILE = "file:"
_ENVIRONMENTS: tuple[_Path, ...] = (("environment",), ("task", "environment"))
"""Where a step, or a component, has its environment."""
_REFERENCES = ("component", "trial")
"""Keys that hold another part: where it stands, or by the file that it is."""
_PATHS = frozenset({"code", "path", "conda_file", "additional_includes", "environment", *_REFERENCES})
"""Keys that hold a path, where what they hold is there."""
_NAMES = frozenset({"jobs", "inputs", "outputs"})
"""Keys that hold mappings whose keys are names."""
_PLAIN = frozenset({"environment_variables", "conf", "tags", "properties", "search_space", "services"})
"""Keys that hold no path, whatever their own keys are."""


@contextlib.contextmanager
def well_spelt(file: Path) -> Iterator[dict[str, Any]]:
    """What has to be said over the file of a pipeline, by path, for the SDK to read it; while it reads."""
    with tempfile.TemporaryDirectory(prefix="amlrun-") as place:
        said = _said_anew(read_yaml(file)[1], file.parent, Path(place))
        yield {".".join(path): value for path, value in said.items()}


def _said_anew(content: Any, folder: Path, place: Path) -> dict[_Path, Any]:
    """By where it stands in the content, whose paths begin in `folder`; new files are put in `place`."""
    found: dict[_Path, Any] = {}
    for where in _ENVIRONMENTS:
        if (name := _spelt(read(content, *where))) is not None:
            found[where] = name
    for key in _REFERENCES:
        said = read(content, key)
        if isinstance(said, dict):
            found |= {(key, *path): value for path, value in _said_anew(said, folder, place).items()}
        elif (file := _file_anew(said, folder, place)) is not None:
            found[(key,)] = str(file)
    jobs = read(content, "jobs")
    for name, node in (jobs if isinstance(jobs, dict) else {}).items():
        found |= {
            ("jobs", str(name), *path): value for path, value in _said_anew(node, folder, place).items()
        }
    return found


def _spelt(environment: Any) -> str | None:
    """As the schema takes it; None: it does, or it is no name."""
    if not isinstance(environment, str) or environment.strip().startswith(("azureml:", _FILE, "/")):
        return None
    return f"azureml:{environment.strip()}"


def _file_anew(said: Any, folder: Path, place: Path) -> Path | None:
    """A file like the one that is named, with what has to be said anew; None: that one can stay."""
    import yaml  # noqa: PLC0415  only a job file needs it

    if not isinstance(said, str) or not is_local(said.removeprefix(_FILE)):
        return None
    file = folder / said.removeprefix(_FILE)
    content = read_yaml(file)[1]
    anew = _said_anew(content, file.parent, place)
    if not anew:
        return None
    content = _with_whole_paths(content, file.parent)
    for (*above, key), value in anew.items():
        read(content, *above)[key] = value
    copy = Path(tempfile.mkdtemp(dir=place), file.name)
    copy.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return copy


def _with_whole_paths(content: Any, folder: Path) -> Any:
    """The same, where what it names beside itself is found from anywhere."""
    if not isinstance(content, Mapping):
        return content
    return {key: _from_anywhere(key, value, folder) for key, value in content.items()}


def _from_anywhere(key: Any, value: Any, folder: Path) -> Any:
    if key in _PLAIN:
        return value
    if key in _NAMES and isinstance(value, Mapping):
        return {name: _with_whole_paths(one, folder) for name, one in value.items()}
    if key in _PATHS and isinstance(value, list):
        return [_whole(one, folder) for one in value]
    return _whole(value, folder) if key in _PATHS else _with_whole_paths(value, folder)


def _whole(value: Any, folder: Path) -> Any:
    if isinstance(value, Mapping):
        return _with_whole_paths(value, folder)
    if not isinstance(value, str):
        return value
    prefix = _FILE if value.startswith(_FILE) else ""
    path = folder / value.removeprefix(prefix)
    return f"{prefix}{path.absolute()}" if value.strip() and path.exists() else value
