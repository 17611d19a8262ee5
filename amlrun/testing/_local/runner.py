"""What a job's process is started with: its files, its command with the bindings filled in, its environment.

As Azure ML does it: `${{inputs.x}}` and `${{outputs.x}}` are replaced as plain text, unquoted, in the command
and nowhere else; a datastore is a folder.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import attrs

from amlrun._shown import bare
from amlrun.testing._assets.blobs import ARTIFACTS, BLOB_STORE, LOG, artifact_prefix
from amlrun.testing._state.seal import UNREADABLE, Seal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from amlrun.testing._assets.blobs import FolderBlobs
    from amlrun.testing._jobs.job import Job

_ALLOWED = (
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TERM",
    "XDG_CONFIG_HOME", "SSL_CERT_FILE", "SSL_CERT_DIR", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES",
)  # fmt: skip
_BINDING = re.compile(r"\$\{\{\s*(inputs|outputs)\.([^}\s]+)\s*\}\}")
_DATASTORE = re.compile(r"azureml:.*?/?datastores/(?P<datastore>[^/]+)/paths/(?P<path>.*)")
_ASSET = re.compile(
    r"(?:azureml:)?/subscriptions/.+/(?P<kind>data|models)/(?P<name>[^/]+)/versions/(?P<version>[^/]+)"
)
_SHORT_ASSET = re.compile(r"azureml:(?P<name>[^/:@]+):(?P<version>[^/:@]+)")
_CODE = re.compile(r".*/codes/(?P<name>[^/]+)/versions/(?P<version>[^/]+)")
_JOB_OUTPUT = re.compile(r"azureml://jobs/(?P<job>[^/]+)/outputs/(?P<output>[^/]+)(?:/paths/(?P<path>.*))?")


class CannotRun(Exception):
    """The job can't be started here, and why."""


@attrs.frozen
class Start:
    """Everything that a process is started with."""

    command: str
    cwd: Path
    environment: Mapping[str, str]
    log: Path


@attrs.frozen
class Runner:
    """Makes ready what a job needs, in the workspace's folder."""

    folder: Path
    blobs: FolderBlobs
    find: Callable[[str, str], dict[str, Any] | None]
    """A document of the workspace, by kind and name."""

    def prepare(self, job: Job, place: Path, told: Mapping[str, str]) -> Start:
        """Lay out a job's files under `place`; `told` are the variables of any job. Raises CannotRun."""
        sent = job.body["properties"]
        if UNREADABLE in json.dumps(sent):
            raise CannotRun(f"The job's secrets can't be opened without {Seal().path}. Submit it again.")
        artifacts = self.blobs.path(ARTIFACTS, artifact_prefix(job.name))
        log = artifacts / LOG
        log.parent.mkdir(parents=True, exist_ok=True)
        environment = _short(sent.get("environmentId"))
        note = f"local: runs in {sys.executable}; the environment {environment} is not built.\n"
        log.write_text(note, encoding="utf-8")
        cwd = self._code(sent.get("codeId"), place / "wd")
        _link_outputs(cwd, artifacts / "outputs")
        paths = {
            ("inputs", name): self._input(name, value) for name, value in (sent.get("inputs") or {}).items()
        }
        outputs = {
            name: self._output(job, name, value) for name, value in (sent.get("outputs") or {}).items()
        }
        paths |= {("outputs", name): value for name, value in outputs.items()}
        return Start(
            command=bind(sent["command"], paths),
            cwd=cwd,
            environment=self._environment(job, told, outputs, _interpreter(place / "bin")),
            log=log,
        )

    def _code(self, code_id: str | None, cwd: Path) -> Path:
        if not code_id:
            cwd.mkdir(parents=True)
            return cwd
        match = _CODE.fullmatch(code_id)
        version = self.find("codes", f"{match['name']}/{match['version']}") if match else None
        if version is None:
            raise CannotRun(f"The code snapshot {code_id} is not in this workspace.")
        source = self._address(version["properties"]["codeUri"])
        if source.is_dir():
            shutil.copytree(source, cwd)
        elif source.is_file():
            cwd.mkdir(parents=True)
            shutil.copy2(source, cwd)
        else:
            cwd.mkdir(parents=True)  # an empty folder leaves no blob behind
        return cwd

    def _input(self, name: str, value: Mapping[str, Any] | None) -> str:
        if not value:
            raise CannotRun(f"Input {name} has no value.")
        if str(value.get("jobInputType")).lower() == "literal":
            return str(value.get("value"))
        path = self._locate(str(value.get("uri")))
        if not path.exists():
            raise CannotRun(f"Input {name}: {bare(str(value.get('uri')))} is not there (looked for {path}).")
        return str(path)

    def _output(self, job: Job, name: str, value: Mapping[str, Any] | None) -> str:
        uri = (value or {}).get("uri")
        path = self._datastore(uri) if uri else None
        if uri and path is None:
            raise CannotRun(f"Output {name}: {bare(uri)} is no path of a datastore.")
        path = path or self.folder / "datastores" / BLOB_STORE / "azureml" / job.name / name
        is_file = str((value or {}).get("jobOutputType")).lower() == "uri_file"
        (path.parent if is_file else path).mkdir(parents=True, exist_ok=True)
        return str(path)

    def _locate(self, uri: str) -> Path:
        """The file or folder that a URI means. Raises CannotRun for one that can't be had here."""
        if path := self._datastore(uri):
            return path
        if match := _JOB_OUTPUT.fullmatch(uri):
            return self._output_of(match["job"], match["output"]) / (match["path"] or "")
        if match := _ASSET.fullmatch(uri):
            kinds, name, version = [match["kind"]], match["name"], match["version"]
        elif match := _SHORT_ASSET.fullmatch(uri):
            kinds, name, version = ["data", "models"], match["name"], match["version"]
        else:
            return self._address(uri)
        for kind in kinds:
            if found := self.find(kind, f"{name}/{version}"):
                return self._locate(found["properties"].get("dataUri") or found["properties"]["modelUri"])
        raise CannotRun(f"{bare(uri)} is not in this workspace.")

    def _output_of(self, job: str, output: str) -> Path:
        body = self.find("job", job)
        if output == "default":
            return self.blobs.path(ARTIFACTS, artifact_prefix(job))
        value = ((body or {}).get("body", {}).get("properties", {}).get("outputs") or {}).get(output) or {}
        path = self._datastore(value["uri"]) if value.get("uri") else None
        return path or self.folder / "datastores" / BLOB_STORE / "azureml" / job / output

    def _datastore(self, uri: str) -> Path | None:
        match = _DATASTORE.fullmatch(uri)
        if match is None:
            return None
        root = self.folder / "datastores" / match["datastore"]
        parts = [part for part in match["path"].split("/") if part]
        if ".." in {*parts, match["datastore"]}:
            raise CannotRun(f"{bare(uri)} leads out of its datastore.")
        return root.joinpath(*parts)

    def _address(self, uri: str) -> Path:
        """A blob of the workspace's own account, as a file."""
        parts = urlsplit(uri)
        container, _, name = parts.path.lstrip("/").partition("/")
        if parts.scheme == "https" and (parts.hostname or "").startswith("fakeaml"):
            return self.blobs.path(container, name.rstrip("/"))
        raise CannotRun(
            f"{bare(uri)} is not in the local workspace, which fetches nothing from elsewhere. Put a copy "
            f"into a datastore: the folder {self.folder / 'datastores' / BLOB_STORE} is "
            f"azureml://datastores/{BLOB_STORE}/paths/."
        )

    def _environment(
        self, job: Job, told: Mapping[str, str], outputs: Mapping[str, str], first: str
    ) -> dict[str, str]:
        allowed = {
            name: value for name, value in os.environ.items() if name in _ALLOWED or name.startswith("LC_")
        }
        given = job.body["properties"].get("environmentVariables") or {}
        return {
            **allowed,
            "PATH": os.pathsep.join(
                [first, str(Path(sys.executable).parent), allowed.get("PATH", os.defpath)]
            ),
            **told,
            # amlrun inside the job must find this workspace, and not a real one of the same name.
            "AMLRUN_WORKSPACE": "local",
            "AMLRUN_LOCAL_HOME": str(self.folder),
            "PYTHONUNBUFFERED": "1",
            **{f"AZURE_ML_OUTPUT_{name}": path for name, path in outputs.items()},
            **{name: str(value) for name, value in given.items() if value is not None},
        }


def _short(environment: str | None) -> str:
    """What tells an environment: its name and version."""
    name = str(environment).rpartition("/environments/")[2]
    return name.replace("/versions/", ":").replace("/labels/", "@")


def bind(command: str, paths: Mapping[tuple[str, str], str]) -> str:
    """The command with its bindings replaced. Raises CannotRun for one that the job doesn't have."""

    def value(match: re.Match[str]) -> str:
        found = paths.get((match[1], match[2]))
        if found is None:
            names = ", ".join(name for kind, name in paths if kind == match[1]) or "none"
            raise CannotRun(f"The command names {match[0]}; the job's {match[1]} are: {names}.")
        return found

    return _BINDING.sub(value, command)


def _link_outputs(cwd: Path, kept: Path) -> None:
    """`outputs/` in the working folder is the job's own artifacts, from the first byte on."""
    kept.mkdir(parents=True, exist_ok=True)
    here = cwd / "outputs"
    if here.is_dir():
        shutil.copytree(here, kept, dirs_exist_ok=True)
        shutil.rmtree(here)
    here.symlink_to(kept, target_is_directory=True)


def _interpreter(folder: Path) -> str:
    """A folder whose `python` is this interpreter, in its virtual environment: a link would leave that."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("python", "python3"):
        script = folder / name
        script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n', encoding="utf-8")
        script.chmod(0o755)
    return str(folder)
