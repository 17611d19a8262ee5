"""A pipeline's node as the job that it becomes: its body, with everything that it binds to filled in. Pure.

Nodes speak another dialect than jobs: small letters and underscores, bare numbers for times, `componentId`
for what is to run. The bodies that come out are a standalone job's.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from amlrun.testing._assets.blobs import BLOB_STORE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from amlrun.testing._jobs.pipelines import Node

    Spec = Callable[[str], Mapping[str, Any]]

_PARENT = re.compile(r"\$\{\{\s*parent\.(inputs|outputs|jobs)\.([^}\s]+)\s*\}\}")
_OPTIONAL = re.compile(r"\$\[\[(.*?)\]\]", re.DOTALL)
_INPUT = re.compile(r"\$\{\{\s*inputs\.([^}\s]+)\s*\}\}")
_LITERALS = {"string", "number", "integer", "boolean", "enum", "float", "none"}
_OF_THE_COMPONENT = {"name", "display_name", "description", "version", "tags", "inputs", "outputs"}
_JOB_TYPES = {
    "command": "Command",
    "sweep": "Sweep",
    "automl": "AutoML",
    "parallel": "Parallel",
    "spark": "Spark",
    "pipeline": "Pipeline",
}


def spread(body: Mapping[str, Any], spec: Spec) -> dict[str, Any]:
    """A node's body with its component's: the node's own words win. A sweep's component is its trial's.

    Raises LookupError, from `spec`, for a component that isn't there.
    """
    if str(body.get("type")).lower() == "sweep":
        trial = body.get("trial") or {}
        found = spec(trial["componentId"]) if trial.get("componentId") else trial
        return {**body, "trial": found, "spec": found}
    found = spec(body["componentId"]) if body.get("componentId") else {}
    runs = {key: value for key, value in found.items() if key not in _OF_THE_COMPONENT}
    return {**runs, **{key: value for key, value in body.items() if value is not None}, "spec": found}


def located(properties: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A pipeline's `properties` with a place for each of its outputs."""
    outputs = {
        key: _output(key, value or {}, {}, name, properties)
        for key, value in (properties.get("outputs") or {}).items()
    }
    return {**properties, "outputs": outputs}


def child_of(
    parent: Mapping[str, Any], node: Node, name: str, siblings: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """The `properties` of the job that a node becomes.

    `parent` is the pipeline's, located; `siblings` are the outputs of the nodes that it needs, by node.
    """
    body, spec = node.body, node.body.get("spec") or {}
    words = _Words(parent, siblings)
    inputs = _inputs(body.get("inputs") or {}, spec.get("inputs") or {}, words)
    outputs = _outputs(body.get("outputs") or {}, spec.get("outputs") or {}, words, name, parent)
    settings = parent.get("settings") or {}
    own = {
        "jobType": _JOB_TYPES[node.kind],
        "displayName": body.get("display_name") or node.name,
        "computeId": _compute(body, settings),
        "inputs": inputs,
        "outputs": outputs,
        "resources": _resources(words.fill(body.get("resources"))),
        "queueSettings": _camel(words.fill(body.get("queue_settings"))),
        "identity": _camel(body.get("identity")),
        "tags": body.get("tags") or {},
        "properties": body.get("properties") or {},
    }
    own |= _KINDS[node.kind](body, words, inputs)
    if node.kind == "pipeline":
        # The outer one's settings hold inside, its compute too.
        own["settings"] = {**settings, **(body.get("settings") or {})}
    return {key: value for key, value in own.items() if value is not None}


class _Words:
    """What a pipeline's bindings stand for."""

    def __init__(self, parent: Mapping[str, Any], siblings: Mapping[str, Mapping[str, Any]]) -> None:
        self._inputs = parent.get("inputs") or {}
        self._outputs = parent.get("outputs") or {}
        self._siblings = siblings

    def bound(self, text: str) -> Mapping[str, Any] | None:
        """The input or output that a whole text binds to; None: it doesn't, or to nothing."""
        match = _PARENT.fullmatch(text.strip())
        return None if match is None else self._look(match[1], match[2])

    def fill(self, value: Any) -> Any:
        """A value with the literals that it binds to, at any depth."""
        if isinstance(value, dict):
            return {key: self.fill(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.fill(item) for item in value]
        return _PARENT.sub(self._text, value) if isinstance(value, str) else value

    def _text(self, match: re.Match[str]) -> str:
        found = self._look(match[1], match[2]) or {}
        return str(found.get("value", found.get("uri", match[0])))

    def _look(self, what: str, name: str) -> Mapping[str, Any] | None:
        if what == "inputs":
            return self._inputs.get(name)
        if what == "outputs":
            return self._outputs.get(name)
        sibling, _, output = name.partition(".outputs.")
        return self._siblings.get(sibling, {}).get(output)


def _inputs(given: Mapping[str, Any], declared: Mapping[str, Any], words: _Words) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in dict.fromkeys([*declared, *given]):
        form, value = declared.get(name) or {}, given.get(name)
        if value is None:
            value = form.get("default")
        bound = _input(value, form, words)
        if bound is not None:
            found[name] = bound
    return found


def _input(value: Any, form: Mapping[str, Any], words: _Words) -> dict[str, Any] | None:
    if value is None:
        return None
    body = value if isinstance(value, dict) else {"value": value, "job_input_type": "literal"}
    text = body.get("value", body.get("uri", body.get("path")))
    bound = words.bound(text) if isinstance(text, str) else None
    mode = body.get("mode") or form.get("mode")
    if bound is not None and "uri" in bound:
        kind = form.get("type")
        usual = bound.get("jobInputType") or bound.get("jobOutputType") or "uri_folder"
        made = {
            "jobInputType": usual if kind in {None, *_LITERALS} else kind,
            "uri": bound["uri"],
            "mode": mode,
        }
        return {key: item for key, item in made.items() if item is not None}
    if bound is not None:
        return dict(bound)
    if isinstance(text, str) and _PARENT.fullmatch(text.strip()):
        return None  # an input of the pipeline that was left out
    kind = str(
        body.get("job_input_type") or body.get("jobInputType") or body.get("type") or "literal"
    ).lower()
    if kind == "literal" or kind in _LITERALS:
        filled = words.fill(text)
        return {"jobInputType": "literal", "value": filled if isinstance(filled, str) else _literal(filled)}
    made = {"jobInputType": kind, "uri": words.fill(text), "mode": mode}
    return {key: item for key, item in made.items() if item is not None}


def _literal(value: Any) -> str:
    return str(value)


def _outputs(
    given: Mapping[str, Any], declared: Mapping[str, Any], words: _Words, name: str, parent: Mapping[str, Any]
) -> dict[str, Any]:
    found = {}
    for key in dict.fromkeys([*declared, *given]):
        value = given.get(key) or {}
        text = value.get("value") if isinstance(value, dict) else value
        bound = words.bound(text) if isinstance(text, str) else None
        form = declared.get(key) or {}
        if bound is not None:
            kind = bound.get("jobOutputType") or form.get("type")
            found[key] = {"jobOutputType": kind or "uri_folder", "uri": bound["uri"]}
        else:
            found[key] = _output(key, value if isinstance(value, dict) else {}, form, name, parent)
    return found


def _output(
    key: str, value: Mapping[str, Any], form: Mapping[str, Any], name: str, pipeline: Mapping[str, Any]
) -> dict[str, Any]:
    """An output with its place: its own, or a folder of the job's in the default datastore."""
    kind = value.get("job_output_type") or value.get("jobOutputType") or form.get("type") or "uri_folder"
    settings = pipeline.get("settings") or {}
    default = str(settings.get("default_datastore") or BLOB_STORE)
    store = default.rstrip("/").rpartition("/")[2].removeprefix("azureml:")
    # Assumed: where an output is that nobody gave a place.
    end = "" if str(kind).lower() == "uri_file" else "/"
    uri = value.get("uri") or f"azureml://datastores/{store}/paths/azureml/{name}/{key}{end}"
    for word, meant in (("name", name), ("output_name", key), ("default_datastore", store)):
        uri = uri.replace(f"${{{{{word}}}}}", meant)
    kept = {item: value[item] for item in ("mode", "assetName", "assetVersion") if value.get(item)}
    return {**kept, "jobOutputType": kind, "uri": uri}


def _compute(body: Mapping[str, Any], settings: Mapping[str, Any]) -> str | None:
    own = body.get("computeId") or body.get("compute")
    if own or ("instance_type" in (body.get("resources") or {}) and str(body.get("type")).lower() == "spark"):
        return own  # a serverless Spark node names its size and no compute
    found: str | None = settings.get("default_compute")
    return found


def _command(body: Mapping[str, Any], words: _Words, inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "command": _optional(words.fill(str(body.get("command") or "")), inputs),
        "environmentId": _plain(body.get("environment") or body.get("environmentId")),
        "codeId": _plain(body.get("code") or body.get("codeId")),
        "environmentVariables": words.fill(body.get("environment_variables")),
        "distribution": _camel(body.get("distribution")),
        "limits": _limits(body.get("limits"), "Command"),
    }


def _sweep(body: Mapping[str, Any], words: _Words, inputs: Mapping[str, Any]) -> dict[str, Any]:
    trial, limits = body.get("trial") or {}, dict(body.get("limits") or {})
    limits.pop("trial_timeout", None)  # reported: a sweep node's isn't applied
    algorithm = body.get("sampling_algorithm")
    kind = algorithm.get("type") if isinstance(algorithm, dict) else algorithm
    objective = body.get("objective") or {}
    return {
        "trial": {
            "command": _optional(
                str(trial.get("command") or ""), {**inputs, **(body.get("search_space") or {})}
            ),
            "environmentId": _plain(trial.get("environment")),
            "codeId": _plain(trial.get("code")),
            "resources": _resources(trial.get("resources")),
            "environmentVariables": trial.get("environment_variables"),
            "distribution": _camel(trial.get("distribution")),
        },
        "searchSpace": words.fill(body.get("search_space")),
        "samplingAlgorithm": {"samplingAlgorithmType": str(kind or "random").capitalize()},
        "objective": {"goal": objective.get("goal"), "primaryMetric": objective.get("primary_metric")},
        "limits": _limits(limits, "Sweep"),
    }


_IDENTITIES = {"user_identity": "UserIdentity", "managed_identity": "Managed", "aml_token": "AMLToken"}
"""Of an AutoML node, which says it as a job file does."""


def _automl(body: Mapping[str, Any], words: _Words, _inputs: Mapping[str, Any]) -> dict[str, Any]:
    limits = {
        key.replace("_minutes", ""): value * 60 if key.endswith("_minutes") else value
        for key, value in (words.fill(body.get("limits")) or {}).items()
        if value is not None
    }
    task = "".join(word.capitalize() for word in str(body.get("task") or "").split("_"))
    kind = _IDENTITIES.get(str((body.get("identity") or {}).get("type")))
    identity = {**(_camel(body.get("identity")) or {}), "identityType": kind}
    return {
        "identity": {key: value for key, value in identity.items() if key != "type"} if kind else None,
        "taskDetails": {
            "taskType": task,
            "primaryMetric": body.get("primary_metric"),
            "targetColumnName": body.get("target_column_name"),
            "trainingData": words.fill(body.get("training_data")),
            "limitSettings": _camel(limits),
        },
        "inputs": None,
    }


def _parallel(body: Mapping[str, Any], words: _Words, _inputs: Mapping[str, Any]) -> dict[str, Any]:
    task = body.get("task") or {}
    return {"task": words.fill(task), "environmentId": _plain(task.get("environment"))}


def _spark(body: Mapping[str, Any], words: _Words, _inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "codeId": _plain(body.get("code")),
        "entry": body.get("entry"),
        "conf": body.get("conf"),
        "args": words.fill(body.get("args")),
    }


def _pipeline(body: Mapping[str, Any], _words: _Words, _inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {"jobs": body.get("jobs") or {}, "computeId": None}


_KINDS: Mapping[str, Callable[[Mapping[str, Any], _Words, Mapping[str, Any]], dict[str, Any]]] = {
    "command": _command,
    "sweep": _sweep,
    "automl": _automl,
    "parallel": _parallel,
    "spark": _spark,
    "pipeline": _pipeline,
}


def _optional(command: str, inputs: Mapping[str, Any]) -> str:
    """`$[[--x ${{inputs.x}}]]` stays where the input has a value, and goes where it has none."""

    def part(match: re.Match[str]) -> str:
        return match[1] if all(name in inputs for name in _INPUT.findall(match[1])) else ""

    return _OPTIONAL.sub(part, command)


def _limits(limits: Mapping[str, Any] | None, kind: str) -> dict[str, Any] | None:
    made = _camel({key: value for key, value in (limits or {}).items() if key != "job_limits_type"})
    return None if not made else {**made, "jobLimitsType": kind}


def _resources(resources: Mapping[str, Any] | None) -> dict[str, Any] | None:
    made = _camel(resources)
    if made and isinstance(made.get("instanceCount"), str):
        made["instanceCount"] = int(made["instanceCount"])
    return made


def _camel(value: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A body's names as a standalone job has them."""
    if value is None:
        return None
    return {
        head + "".join(word.capitalize() for word in rest): item
        for key, item in value.items()
        for head, *rest in [key.split("_")]
    }


def _plain(reference: Any) -> Any:
    """An id without the prefix that components put before it."""
    if isinstance(reference, str) and reference.startswith("azureml:/subscriptions/"):
        return reference.removeprefix("azureml:")
    return reference
