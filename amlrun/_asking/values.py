"""Arguments that are checked each by itself: names, texts, tags, variables. Pure.

All raise `InvalidRequest` with the argument's name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from amlrun._errors import InvalidRequest
from amlrun._jobs.experiments import valid_experiment
from amlrun._names import NAME
from amlrun._requeue import Requeue
from amlrun._shown import a_kind, shown

_ATTEMPT_SUFFIX = 6
"""Characters kept free at the end of a name for `-a2` to `-a9999`."""
_NO_TEXTS = (Mapping, list, tuple, set, frozenset, bytes, bytearray, memoryview)
_MOST_TAGS, _LONGEST_KEY, _LONGEST_VALUE = 48, 100, 1000
"""The service takes 50: two are kept free, for the mark of a cancel and for that of a wait in the queue."""


def name_of(value: Any) -> str | None:
    """A job's name; None: none is said."""
    if value is None:
        return None
    if not isinstance(value, str) or not NAME.fullmatch(value) or len(value) > 255 - _ATTEMPT_SUFFIX:
        message = f"name={shown(value)}: letters, digits, - and _, the first a letter or digit, at most 249"
        raise InvalidRequest(message, argument="name")
    return value


def requeue_of(value: Any) -> Requeue | bool | None:
    """What is said of requeueing: a policy, no, or nothing (None)."""
    if value is None or value is False or isinstance(value, Requeue):
        return value
    raise InvalidRequest(f"requeue={shown(value)}: a Requeue(…), or False", argument="requeue")


def mapping_of(argument: str, value: Any) -> dict[str, Any]:
    """A dict by names. Errors never show values: they may be secrets."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        message = f"{argument}: a dict from names to values, not a {type(value).__name__}"
        raise InvalidRequest(message, argument=argument)
    wrong = [key for key in value if not isinstance(key, str)]
    if wrong:
        raise InvalidRequest(f"{argument}: the name {wrong[0]!r} is no text", argument=argument)
    return dict(value)


def variables_of(value: Any) -> dict[str, str]:
    """Environment variables, as texts."""
    variables = mapping_of("environment_variables", value)
    for name, one in variables.items():
        if one is None:
            message = f"environment variable {name} has no value: leave it out, or give it a text"
            raise InvalidRequest(message, argument="environment_variables")
        _check_plain("environment_variables", name, one)
    return {name: str(one) for name, one in variables.items()}


def tags_of(value: Any) -> dict[str, str]:
    """Tags, as texts."""
    for key, one in mapping_of("tags", value).items():
        if not key or one is None:
            message = f"tags: {f'{shown(key)} has no value' if key else 'one has no name'}"
            raise InvalidRequest(message, argument="tags", hint='{"team": "vision"}, for example.')
        _check_plain("tags", key, one)
    return {key: str(one) for key, one in mapping_of("tags", value).items()}


def check_tags(tags: Mapping[str, str]) -> None:
    """Whether the service takes so many, and so long, so that a job isn't refused after its upload."""
    long = [key for key, one in tags.items() if len(key) > _LONGEST_KEY or len(one) > _LONGEST_VALUE]
    if len(tags) > _MOST_TAGS or long:
        message = f"tags: {f'{long[0][:40]!r} is too long' if long else f'{len(tags)} are too many'}"
        hint = f"At most {_MOST_TAGS} of {_LONGEST_VALUE} characters, their names at most {_LONGEST_KEY}."
        raise InvalidRequest(message, argument="tags", hint=hint)


def check_text(argument: str, name: str, text: str) -> None:
    """What can leave as it is: of bytes in no encoding Python makes characters that nobody else reads."""
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        message = f"{argument}: {shown(name)} holds a null character, or bytes that are no text"
        raise InvalidRequest(message, argument=argument)


def _check_plain(argument: str, name: str, value: Any) -> None:
    """What becomes a text: a dict, a list or an object would leave as Python writes it."""
    check_text(argument, name, name)
    if isinstance(value, str):
        check_text(argument, name, value)
    elif isinstance(value, _NO_TEXTS) or str(value).startswith("<"):
        message = f"{argument}: {shown(name)} is {a_kind(value)}: a text"
        raise InvalidRequest(message, argument=argument, hint="json.dumps(…) makes one of it.")


def text_said(argument: str, value: Any) -> str | None:
    """Some text, or None."""
    if value is None:
        return None
    if isinstance(value, str) and value.strip():
        check_text(argument, argument, value)
        return value
    raise InvalidRequest(f"{argument}={shown(value)}: some text", argument=argument)


def experiment_of(value: Any) -> str | None:
    """An experiment's name. What of it the service takes is made of it later; something must be left."""
    name = text_said("experiment_name", value)
    if name is not None and not valid_experiment(name):
        message = f"experiment_name={name!r}: no letter of a to z and no digit"
        raise InvalidRequest(message, argument="experiment_name", hint="Letters, digits, - and _ are taken.")
    return name
