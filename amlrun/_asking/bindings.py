"""What a job is given beside its command, checked: inputs, outputs, variables, environment.

Wrong ones are refused before anything is uploaded. Values may be secrets: no error shows one.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlrun._asking.values import check_text
from amlrun._errors import InvalidRequest
from amlrun._names import CHECKPOINTS, OWN_VARIABLES
from amlrun._paths import at_home, is_folder, is_there
from amlrun._shown import a_kind, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

_BINDING = re.compile(r"\$\{\{\s*([A-Za-z_]+)\.([A-Za-z0-9_]+)[^}]*\}\}")
_INPUT_KEYS = (
    *("type", "path", "mode", "default", "optional", "min", "max", "enum", "description", "datastore"),
)
_OUTPUT_KEYS = ("type", "path", "mode", "name", "version", "description")
_INPUT_MODES = ("ro_mount", "rw_mount", "mount", "download", "direct", "eval_mount", "eval_download")
_OUTPUT_MODES = ("rw_mount", "mount", "upload", "direct")
_DATA_TYPES = ("uri_file", "uri_folder", "mltable", "mlflow_model", "custom_model", "triton_model")
_LITERAL_TYPES = ("string", "integer", "number", "boolean")
_ENVIRONMENT = re.compile(
    r"(azureml:)?(?!azureml:)[A-Za-z0-9._-]+(:[^:/@\s]+|@[^:/@\s]+)|(azureml://|/subscriptions/)\S+"
)
_WITHOUT_VERSION = re.compile(r"(?:azureml:)?([A-Za-z0-9._-]+)|(?:azureml:/)?/.*/environments/[^/]+/?")
_LABEL = re.compile(r"(?!azureml://|/)[^@]+@(?!latest$)(.+)")
_LABEL_AS_VERSION = re.compile(r"(?!azureml://|/)[^@]+:latest", re.IGNORECASE)
_NAMED = re.compile(
    r"azureml:(?!/)[^:@]+[:@]\S.*|azureml:/subscriptions/.+|azureml://datastores/[^/]+/paths(/.*)?"
    r"|(?!azureml://datastores)[\w.+-]+://[^/\s].*",
    re.IGNORECASE | re.DOTALL,
)
"""Data by its name with a version or a label, or by its URI."""
_DATA = (
    "azureml:<name>:<version>, azureml:<name>@latest, azureml://datastores/<datastore>/paths/<path>, another "
    "URI, or a local path."
)
_REGISTERED, _VERSION = re.compile(r"[A-Za-z0-9_-]{1,255}"), re.compile(r"[A-Za-z0-9_.-]{1,255}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LONGEST_PATH = 1000
_ASSET = re.compile(r"[\w.-]{2,}(:[\w.-]+|@[\w.-]+)")
_AN_ENVIRONMENT = (
    'For example environment="azureml://registries/azureml/environments/sklearn-1.5/labels/latest", one of '
    'your own ("azureml:<name>:<version>", "<name>@latest"), or Environment(image=…) of azure.ai.ml.entities.'
)


def check_bindings(command: str, inputs: set[str], outputs: set[str], *others: str) -> None:
    """Each `${{inputs.x}}` of a command has its input: the service would run it with the literal text.

    `others` are further kinds of bindings that are filled in, and looked at elsewhere.
    """
    places = {"inputs": inputs, "outputs": outputs}
    for place, name in _BINDING.findall(command):
        if place in others:
            continue
        known = places.get(place)
        if known is None:
            message = f"The command uses ${{{{{place}.{name}}}}}, and nothing of this kind is filled in here"
            valid = ", ".join(f"${{{{{one}.…}}}}" for one in (*places, *others))
            raise InvalidRequest(message, argument="job", hint=f"Valid: {valid}.")
        if name not in known:
            there = ", ".join(sorted(known)) or "none"
            message = f"The command uses ${{{{{place}.{name}}}}}, and there is no such one"
            raise InvalidRequest(message, argument=place, hint=f"Its {place}: {there}.")


def check_environment(environment: Any) -> None:
    """An environment as the service knows it, or an object of the SDK."""
    if environment is None:
        raise InvalidRequest("The job needs an environment", argument="environment", hint=_AN_ENVIRONMENT)
    if isinstance(environment, str):
        check_named_environment(environment.strip())
    elif not type(environment).__module__.startswith("azure.ai.ml"):
        message = f"environment={shown(environment)} is not one"
        raise InvalidRequest(message, argument="environment", hint=_AN_ENVIRONMENT)


def check_named_environment(name: str) -> None:
    """A name with its version or label: azure-ai-ml finds out that one is missing when all is uploaded."""
    name = name.replace("azureml:/subscriptions/", "/subscriptions/", 1)
    bare = _WITHOUT_VERSION.fullmatch(name)
    if bare is not None and name.lower().endswith((".yml", ".yaml")):
        message = f"environment={shown(name)} is not one: a conda file is a part of one"
        hint = f"Environment(image=…, conda_file={shown(name)}) of azure.ai.ml.entities."
        raise InvalidRequest(message, argument="environment", hint=hint)
    if bare is not None:
        message = f"environment={shown(name)} has neither version nor label"
        latest = f"{name.rstrip('/')}/labels/latest" if "/" in name else f"{bare.group(1)}@latest"
        raise InvalidRequest(message, argument="environment", hint=f"Did you mean {latest}?")
    if _ENVIRONMENT.fullmatch(name) is None:
        message = f"environment={shown(name)} is not one"
        raise InvalidRequest(message, argument="environment", hint=_AN_ENVIRONMENT)
    label = _LABEL.fullmatch(name)
    if label is not None:
        message = f"environment={shown(name)}: azure-ai-ml finds no environment by the label {label.group(1)}"
        hint = f"Did you mean {name.rpartition('@')[0]}@latest? Or name a version."
        raise InvalidRequest(message, argument="environment", hint=hint)
    if _LABEL_AS_VERSION.fullmatch(name):
        message = f"environment={shown(name)}: that would be the version of this name, and latest is a label"
        hint = f"Did you mean {name.rpartition(':')[0]}@latest?"
        raise InvalidRequest(message, argument="environment", hint=hint)


def check_names(argument: str, names: Iterable[str]) -> None:
    """Names of inputs or outputs, to which a command can be bound: azure-ai-ml looks when all is uploaded."""
    for name in names:
        if not _NAME.fullmatch(name):
            message = f"{argument}: {shown(name)} is no name: letters, digits and _, the first no digit"
            raise InvalidRequest(message, argument=argument)


def plain_inputs(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Literals, `{"type": …, "path": …}`, or an `Input` of the SDK; a local path is there.

    A literal that comes as a dict or an `Input` is given as its value: the SDK would drop it without a word.
    """
    return {name: _plain_input(name, value) for name, value in inputs.items()}


def _plain_input(name: str, value: Any) -> Any:
    if isinstance(value, (str, int, float)):
        _check_literal(name, value)
        return value
    if isinstance(value, dict):
        _check_keys("inputs", name, value, _INPUT_KEYS)
        part = value.get
    elif type(value).__module__.startswith("azure.ai.ml"):
        part = functools.partial(getattr, value)
    else:
        message = f"inputs: {name} is {a_kind(value)}"
        hint = 'A text, a number, {"type": "uri_folder", "path": …}, or an Input of azure.ai.ml.'
        raise InvalidRequest(message, argument="inputs", hint=hint)
    kind = part("type", None)
    if kind in _LITERAL_TYPES:
        literal = part("default", None)
        if literal is None:
            message = f"inputs: {name} is a {kind} without a value"
            hint = f"Give the value itself: inputs={{{name!r}: …}}."
            raise InvalidRequest(message, argument="inputs", hint=hint)
        _check_literal(name, literal, kind)
        _check_range(name, literal, part)
        return literal
    _check_type("inputs", name, kind, (*_DATA_TYPES, *_LITERAL_TYPES))
    _check_mode("inputs", name, part("mode", None), _INPUT_MODES)
    path = part("path", None)
    if not path:
        message = f"inputs: {name} has no path"
        hint = "Give one, or leave the input out, and what the command says of it."
        raise InvalidRequest(message, argument="inputs", hint=hint)
    if not isinstance(path, (str, Path)):
        raise InvalidRequest(f"inputs: {name} has the path {shown(path)}: a text", argument="inputs")
    check_path(name, kind, path, Path())
    return value


def _check_literal(name: str, literal: Any, kind: str = "") -> None:
    """A text that a command line can hold, or a number."""
    if isinstance(literal, str):
        check_text("inputs", name, literal)
    is_text = isinstance(literal, str) and kind not in {"integer", "number"}
    try:
        if not is_text:
            float(literal)
    except (TypeError, ValueError, OverflowError) as error:
        message = f"inputs: {name} is not a {kind or 'text, and no number that a float can be'}"
        raise InvalidRequest(message, argument="inputs") from error


def check_path(name: str, kind: Any, path: str | Path, folder: Path) -> None:
    """Data that has a name says its version, too; what is local, in this folder, is there."""
    said = str(path)
    if "${{" in said:
        return
    if is_local(said):
        check_local(name, kind, folder / at_home(path))
    elif (said.startswith("azureml:") or "://" in said) and not _NAMED.fullmatch(said):
        raise InvalidRequest(f"inputs: {name}: {shown(said)} names no data", argument="inputs", hint=_DATA)


def _check_range(name: str, literal: Any, part: Callable[[str, None], Any]) -> None:
    """The value of a literal, where it says itself what it can be."""
    least, most, among = part("min", None), part("max", None), part("enum", None)
    numbers = [one for one in (least, literal, most) if one is not None]
    is_wrong = (isinstance(among, (list, tuple)) and among and literal not in among) or (
        all(isinstance(one, (int, float)) for one in numbers) and numbers != sorted(numbers)
    )
    if is_wrong:
        raise InvalidRequest(f"inputs: {name} is not what its own min, max or enum allows", argument="inputs")


def check_local(name: str, kind: Any, path: Path) -> None:
    """It is there, and what its type says: the service is told the type, and finds the other thing."""
    if not is_there(path):
        raise InvalidRequest(f"inputs: {name}: there is no {path}", argument="inputs")
    other = {"uri_folder": "uri_file", "uri_file": "uri_folder"}.get(str(kind))
    if other is not None and is_folder(path) is (kind == "uri_file"):
        message = (
            f"inputs: {name} has the type {kind}, and {path} is a {'folder' if is_folder(path) else 'file'}"
        )
        raise InvalidRequest(message, argument="inputs", hint=f"Its type is {other}.")


def literal_doubts(inputs: Mapping[str, Any]) -> Iterator[str]:
    """What a plan warns of: texts that are the names of files or of data, and are handed over as texts."""
    for name, value in inputs.items():
        if not isinstance(value, str) or not value or "\0" in value or len(value) > _LONGEST_PATH:
            continue
        if value.startswith(("azureml:", "wasbs://", "abfss://")):
            told, kind = "the name of data", "uri_folder"
        elif is_there(path := at_home(value)):
            told, kind = "the name of what is there", "uri_folder" if is_folder(path) else "uri_file"
        else:
            continue
        yield (
            f"inputs: {name} is handed over as a text, and it is {told}: the job sees the text alone; "
            f'{{"type": "{kind}", "path": …}} hands over the data'
        )


def check_outputs(outputs: Mapping[str, Any], of_the_job: frozenset[str]) -> None:
    """`{"type": …}` (a folder by default), or an `Output` of the SDK; none under amlrun's own name."""
    if CHECKPOINTS in {*outputs, *of_the_job}:
        message = f"outputs: {CHECKPOINTS} is amlrun's own"
        raise InvalidRequest(message, argument="outputs", hint="Give yours another name.")
    for name, value in outputs.items():
        if value is None:
            continue
        if isinstance(value, dict):
            _check_keys("outputs", name, value, _OUTPUT_KEYS)
            _check_type("outputs", name, value.get("type", "uri_folder"), _DATA_TYPES)
            _check_mode("outputs", name, value.get("mode"), _OUTPUT_MODES)
            check_written(name, value.get("path"))
            _check_registered(name, value.get("name"), value.get("version"))
        elif not type(value).__module__.startswith("azure.ai.ml"):
            message = f"outputs: {name} is {a_kind(value)}"
            hint = '{"type": "uri_folder"}, or an Output of azure.ai.ml.'
            raise InvalidRequest(message, argument="outputs", hint=hint)
        else:
            _check_mode("outputs", name, getattr(value, "mode", None), _OUTPUT_MODES)
            check_written(name, getattr(value, "path", None))


def _check_registered(name: str, asset: Any, version: Any) -> None:
    """As what an output is registered when the job is over."""
    for said, valid in ((asset, _REGISTERED), (version, _VERSION)):
        if said is not None and not (isinstance(said, str) and valid.fullmatch(said)):
            message = f"outputs: {name} is to be registered as {shown(said)}"
            hint = "Its name and its version are texts of letters, digits, - and _ (of a version, dots too)."
            raise InvalidRequest(message, argument="outputs", hint=hint)
    if version is not None and asset is None:
        raise InvalidRequest(f"outputs: {name} has a version, and no name", argument="outputs")


def check_variables(variables: Mapping[str, str]) -> None:
    """Names that a process can have, values that arrive as they are, and none of amlrun's own."""
    for name, value in variables.items():
        if not name or re.search(r"[=\s\0]", name) or "\0" in value:
            message = f"environment variable {name.partition('=')[0]!r}: no process can have it"
            hint = '{"NAME": "value"}: the name without blanks and "=".'
            raise InvalidRequest(message, argument="environment_variables", hint=hint)
        if "${{" in value:
            message = f"environment variable {name}: ${{{{…}}}} is replaced in the command only, never here"
            hint = f'Prefix the command instead: "export {name}=…; …".'
            raise InvalidRequest(message, argument="environment_variables", hint=hint)
        if name in OWN_VARIABLES:
            message = f"environment variable {name} is amlrun's own"
            hint = "Give yours another name."
            raise InvalidRequest(message, argument="environment_variables", hint=hint)


def _check_keys(argument: str, name: str, given: Mapping[str, Any], keys: tuple[str, ...]) -> None:
    """azure-ai-ml drops what it doesn't know without a word."""
    unknown = [str(key) for key in given if key not in keys]
    if unknown:
        message = f"{argument}: {name} has {unknown[0]!r}, which is no part of it"
        raise InvalidRequest(message, argument=argument, hint=f"Valid: {', '.join(keys)}.")


def check_written(name: str, path: Any) -> None:
    """An output stands in a datastore: the job writes on another machine."""
    if path is None or "${{" in str(path):
        return
    if not _NAMED.fullmatch(str(path)):
        message = f"outputs: {name} has a path that is no place in a datastore"
        hint = "azureml://datastores/<datastore>/paths/<path>, or no path at all: the service finds a place."
        raise InvalidRequest(message, argument="outputs", hint=hint)


def _check_type(argument: str, name: str, kind: Any, types: tuple[str, ...]) -> None:
    if kind not in types:
        message = f"{argument}: {name} has the type {shown(kind)}"
        raise InvalidRequest(message, argument=argument, hint=f"Valid: {', '.join(types)}.")


def _check_mode(argument: str, name: str, mode: Any, modes: tuple[str, ...]) -> None:
    if mode is not None and str(mode).lower() not in modes:
        message = f"{argument}: {name} has the mode {shown(mode)}"
        raise InvalidRequest(message, argument=argument, hint=f"Valid: {', '.join(modes)}.")


def is_local(path: str) -> bool:
    """Neither a URI nor the name of an asset (`data:1`, `data@latest`); a drive has one letter."""
    if "://" in path or path.startswith(("azureml:", "/subscriptions/", "runs:")):
        return False
    return _ASSET.fullmatch(path) is None
