"""What the service said, fit to be shown to anybody: by a list of what may be kept. Pure.

Of a reply the fields that are listed here keep their values, if these look as such values do; of all others
the name is kept and the value is not. Names of variables, tags, properties and outputs are kept, their values
never. Texts of errors are kept without what names people, places, ids and signatures.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from amlrun._secrets import is_secret
from amlrun._verify.programs import said as told_by
from amlrun._verify.programs import told_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from amlrun._verify.findings import Finding
    from amlrun._verify.observed import Answer, Seen, World

SCHEMA = 1
"""Of the file: raised whenever the form of it changes."""
REMOVED = "(removed)"
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:+/ -]{0,79}")
_NAME = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.:/ -]{0,79}")
_SOME = re.compile(r"[^\s'\"]+")
_LONG = 6
"""Letters of a name that stands by chance in no other word."""
_LONGEST = 1200
"""Characters of a text that are kept."""
_TEXTS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE), "(url)"),
    (re.compile(r"\S+@\S+"), "(somebody)"),
    (re.compile(r"\b[A-Za-z][\w-]*\\[A-Za-z][\w.-]*"), "(somebody)"),
    (
        re.compile(
            r"(?i)\b[\w.-]+\.(windows|azure|azureml|azurecr|chinacloudapi|usgovcloudapi)\.[a-z]{2,3}\b"
        ),
        "(host)",
    ),
    (re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b"), "(address)"),
    (re.compile(r"(?i)\b(bearer|basic)\s+\S+"), rf"\1 {REMOVED}"),
    (re.compile(r"(?i)\b(passw(?:or)?d|secret|token|key)\s+(?=\S*\d)\S+"), rf"\1 {REMOVED}"),
    (re.compile(r"/subscriptions/\S+", re.IGNORECASE), "(resource)"),
    (re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", re.IGNORECASE), "(id)"),
    (
        re.compile(r"(\w*(?:sig|key|secret|password|token|pwd)\w*)\s*[=:]\s*\S+", re.IGNORECASE),
        rf"\1={REMOVED}",
    ),
    (re.compile(r"\beyJ[\w-]{8,}[\w.-]*"), REMOVED),
    (re.compile(r"\b(?=\S*\d)[\w+/-]{32,}={0,2}"), REMOVED),
    (re.compile(r"\S{60,}"), REMOVED),
)


@attrs.frozen
class Kept:
    """How one kind of value is kept."""

    name: str


WORD, TEXT, NUMBER, NAMES = Kept("word"), Kept("text"), Kept("number"), Kept("names")
"""A word of the service's; a text of an error; a number or a flag; the names in a mapping and no value."""
_INNER: dict[str, Any] = {"code": WORD}
_INNER["innerError"] = _INNER
_ERROR: dict[str, Any] = {
    "code": WORD,
    "message": TEXT,
    "severity": NUMBER,
    "referenceCode": WORD,
    "innerError": _INNER,
    "additionalInfo": [{"type": WORD, "info": {"value": _INNER}}],
}
_ERROR["details"] = [_ERROR]
_JOB: dict[str, Any] = {
    "status": WORD,
    "jobType": WORD,
    "isArchived": NUMBER,
    "experimentName": WORD,
    "identity": {"identityType": WORD},
    "resources": {"instanceCount": NUMBER, "instanceType": WORD, "shmSize": WORD, "properties": NAMES},
    "queueSettings": {"jobTier": WORD, "priority": NUMBER},
    "limits": {"jobLimitsType": WORD, "timeout": WORD},
    "environmentVariables": NAMES,
    "tags": NAMES,
    "properties": NAMES,
    "inputs": NAMES,
    "outputs": NAMES,
    "services": NAMES,
}
REPLY: dict[str, Any] = {
    "properties": _JOB,
    "systemData": {
        "createdAt": WORD,
        "createdByType": WORD,
        "lastModifiedAt": WORD,
        "lastModifiedByType": WORD,
    },
    "error": _ERROR,
}
"""A job, or an error."""
RUN: dict[str, Any] = {
    "status": WORD,
    "createdUtc": WORD,
    "startTimeUtc": WORD,
    "endTimeUtc": WORD,
    "computeDuration": WORD,
    "duration": WORD,
    "currentAttemptId": NUMBER,
    "runType": WORD,
    "compute": {
        "vmSize": WORD,
        "instanceCount": NUMBER,
        "priority": WORD,
        "targetType": WORD,
        "region": WORD,
    },
    "computeRequest": {"nodeCount": NUMBER, "gpuCount": NUMBER},
    "queueingInfo": {"code": WORD, "message": TEXT},
    "error": {"error": _ERROR, "componentName": WORD},
    "warnings": [{"message": TEXT}],
    "tags": NAMES,
    "properties": NAMES,
    "outputs": NAMES,
}
"""A run of run history."""


def _written(private: str) -> str:
    """Where that name is meant: a short one as a word of its own, else `ml` would be gone from `azureml`."""
    name = re.escape(private)
    return name if len(private) >= _LONG else rf"(?<![A-Za-z0-9_]){name}(?![A-Za-z0-9_])"


@attrs.frozen
class Redaction:
    """What is kept, with `private` the names that stand nowhere in it: of the workspace, of the account."""

    private: tuple[str, ...] = ()

    def kept(self, value: Any, form: Any) -> Any:
        """Of a reply what its form allows."""
        if value is None:
            return None
        if isinstance(form, dict) and isinstance(value, Mapping):
            return {
                self.name(key): self.kept(item, form[key]) if key in form else _none_of(item)
                for key, item in value.items()
            }
        if isinstance(form, list) and isinstance(value, list):
            return [self.kept(item, form[0]) for item in value]
        return self._leaf(value, form)

    def _leaf(self, value: Any, form: Any) -> Any:
        if form is NAMES and isinstance(value, Mapping):
            return sorted(self.name(name) for name in value)
        if form is NUMBER and isinstance(value, (int, float)):
            return value
        if form is WORD and isinstance(value, str) and _WORD.fullmatch(value):
            return self.text(value)
        if form is TEXT and isinstance(value, str):
            return self.text(value)
        return REMOVED

    def name(self, name: object) -> str:
        """A name, if it looks as names do."""
        text = str(name)
        return self.text(text) if _NAME.fullmatch(text) else REMOVED

    def text(self, text: str) -> str:
        """A text without what is nobody's business."""
        for private in filter(None, self.private):
            text = re.sub(_written(private), "(private)", text, flags=re.IGNORECASE)
        for pattern, instead in _TEXTS:
            text = pattern.sub(instead, text)
        return _SOME.sub(lambda word: REMOVED if is_secret("", word[0]) else word[0], text)[:_LONGEST]

    def answer(self, answer: Answer) -> dict[str, Any]:
        """An answer to one request."""
        found: dict[str, Any] = {"status": answer.status}
        if answer.body is not None:
            found["body"] = self.kept(answer.body, REPLY)
        if not answer.status:
            found["why"] = self.text(answer.why)
        return found

    def job(self, seen: Seen) -> dict[str, Any]:
        """One job. Moments are seconds since it was first seen."""
        began = seen.statuses[0][0] if seen.statuses else 0.0
        return {
            "name": self.text(seen.name),
            "statuses": [[round(moment - began), self.name(status)] for moment, status in seen.statuses],
            "ending": seen.ending,
            "overdue": seen.overdue,
            "trouble": self.text(seen.trouble),
            "said": told_by(told_line(seen.said)),
            "logs": [self.name(name) for name in seen.logs],
            "job": self.kept(seen.job, REPLY),
            "run": self.kept(seen.run, RUN),
            "answers": {what: self.answer(answer) for what, answer in seen.answers.items()},
        }

    def finding(self, finding: Finding) -> Finding:
        """The same, its words fit to be shown."""
        return attrs.evolve(finding, words=self.text(finding.words))


def _none_of(value: Any) -> Any:
    """Of a value that may not be kept: nothing, but that there was one."""
    return None if value is None else REMOVED


def evidence(
    world: World, found: Iterable[Finding], versions: Mapping[str, str], redaction: Redaction
) -> dict[str, Any]:
    """All of it, as the file has it."""
    return {
        "schema": SCHEMA,
        "versions": dict(versions),
        "findings": [redaction.finding(one).to_dict() for one in found],
        "left_out": {name: redaction.text(why) for name, why in world.left_out.items()},
        "identity": {name: redaction.text(words) for name, words in world.identity.items()},
        "jobs": {label: redaction.job(seen) for label, seen in world.jobs.items()},
        "reads": {name: _status_only(answer) for name, answer in world.reads.items()},
        "lists": {name: _counted(answer) for name, answer in world.lists.items()},
    }


def _status_only(answer: Answer) -> dict[str, Any]:
    code = answer.code if _WORD.fullmatch(answer.code) else ""
    return {"status": answer.status, "code": code}


def _counted(answer: Answer) -> dict[str, Any]:
    """Of a list how long it is: what is in it may be others'."""
    body = answer.body if isinstance(answer.body, dict) else {}
    rows = body.get("value")
    return {
        **_status_only(answer),
        "rows": len(rows) if isinstance(rows, list) else None,
        "more": bool(body.get("nextLink")),
    }
