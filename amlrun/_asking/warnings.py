"""What a plan warns of that is in the request itself, wherever the job goes. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlrun._durations import told
from amlrun._job_types import TRAITS
from amlrun._jobs.experiments import valid_experiment
from amlrun._names import as_attempt
from amlrun._secrets import in_arguments, told_in, told_secrets
from amlrun._timeouts import KEPT_BY, Keeper

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from amlrun._asking.settings import JobSettings


def of_request(
    settings: JobSettings,
    *,
    name: str | None,
    command: str,
    experiment: str | None,
    variables: Mapping[str, str],
    timeout: float | None,
    tier: object,
    compute_said: bool = False,
) -> Iterator[str]:
    """Each as one sentence. Values of environment variables are in none of them."""
    for one in (settings, *settings.steps):
        yield from (f"{one.path}: {words}" if one.path else words for words in one.warnings)
        yield from () if compute_said else map(_unseen(one), one.unseen)
    for path, text in (("", command), *((step.path, step.command) for step in settings.steps)):
        if in_arguments(text):
            yield told_in(f"{path}: command" if path else "command")
    yield from _lost(settings, experiment_name=experiment, timeout=timeout, tier=tier)
    if experiment and (valid := valid_experiment(experiment)) != experiment:
        yield f"the experiment {experiment!r} goes by the name of {valid!r}: letters, digits, - and _ only"
    attempt = as_attempt(name or "")
    if attempt:
        group, number = attempt
        yield f"the name {name} is that of attempt {number} of a run {group}, which can't be requeued then"
    yield from told_secrets("environment_variables", variables)
    if timeout is not None and KEPT_BY[settings.type] is Keeper.WATCHER:
        yield (
            f"the timeout of {told(timeout)} is kept only while somebody waits: "
            f"{TRAITS[settings.type].words} has no field for it"
        )


def _unseen(step: JobSettings) -> Callable[[str], str]:
    where = f"go to {step.compute}" if step.compute else "go to serverless, where that can take them"
    return lambda pipeline: (
        f"{pipeline}: azure-ai-ml drops a default_compute of its decorator; its steps {where}: "
        "say compute on them if that isn't meant"
    )


def _lost(settings: JobSettings, **said: object) -> Iterator[str]:
    """What a command may have said before a sweep was made of it, and nobody has said since."""
    lost = sorted(name for name in settings.lost if said[name] is None)
    if lost:
        words = f"the sweep has no {' and no '.join(lost)}: azure-ai-ml leaves those of a command out"
        also = ", and sweep(job_tier=…)" if "tier" in lost else ""
        also += ", and a timeout that is no whole number" if "timeout" in lost else ""
        names = "=…, ".join(lost)
        yield f"{words} where a sweep is made of it{also}; as arguments they are applied: {names}=…"
