"""The public verbs: what they promise, and the order of steps. No logic of its own.

Imports of the rooms behind stand inside the functions: `from amlrun import submit` at the head of a training
script must cost next to nothing.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Literal, overload

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Mapping

    from azure.ai.ml import MLClient
    from typing_extensions import Unpack

    from amlrun._arguments import NodeOptions, Options
    from amlrun._errors import AmlrunError
    from amlrun._offers import Quota
    from amlrun._plan import Plan
    from amlrun._run import Run
    from amlrun._training import JobContext


class _ThisScript:
    """Stands for "no job was given": `submit(None)` is an error, `submit()` is not."""

    def __repr__(self) -> str:
        return "<the running script>"


_THIS_SCRIPT = _ThisScript()


@overload
def submit(job: object, /, *, client: MLClient | None = None, **options: Unpack[Options]) -> Run: ...
@overload
def submit(*, client: MLClient | None = None, **options: Unpack[Options]) -> JobContext: ...
def submit(
    job: object = _THIS_SCRIPT, /, *, client: MLClient | None = None, **options: Unpack[Options]
) -> Run | JobContext:
    """Plan a job, send it, and return its handle.

    `job` is a command line, the path of a job file (`.yml`, `.yaml`), a job of `azure.ai.ml`, or a `Plan`:
    that is sent as it was planned, if the same place can still be had, starts no later and costs no more; of
    the options only `environment_variables` may stand beside it, whose values no plan keeps in JSON. With no
    job at all, the running script is submitted with its folder and arguments and this process ends; inside
    the job the same call returns `current()` and the script goes on. Of a script that torchrun or mpirun has
    started as several processes the first submits, a job of as many, and the others end.

    Where: `compute` ("serverless", a compute's name, a `Cluster(…)` that is made where it isn't there, or a
    list of these in order of preference; default: serverless first), `instance_type` (a size, or a list
    in order of preference), `instance_count` (nodes), `tier` ("standard", "spot", "auto").
    What each node needs: `cpus`, `memory_gb`, `gpus` (how many), `gpu` (a model, or a list), or
    `needs=Needs(…)`; of a pipeline's steps each its own, `needs={"train": Needs(gpus=1)}`.
    How it runs: `timeout` (seconds or timedelta, of each attempt), `identity` ("user", "managed",
    "managed:<client id, or name>", `Managed(…)`, "token"), `requeue` (a `Requeue`, or False; default: on
    spot, but for pipelines, sweeps and AutoML jobs, all of whose parts would run again).
    What runs: `code` (a folder), `environment`, `inputs`, `outputs`, `environment_variables`, `name`,
    `display_name`, `experiment_name`, `tags`.
    An argument wins over the same setting inside the job, which wins over the defaults of `amlrun.toml`;
    nothing wins over its guard rails. Dicts merge by key. The job given is not changed.

    Raises `InvalidRequest`, `ComputeNotFound`, `ComputeUnsuitable`, `NoQuota`, `NotEnoughQuota`,
    `NothingFits`, `PlanOutdated`, `NotAuthorized`, `NotConfigured`, `SubmissionFailed`, each with what to do.
    https://learn.microsoft.com/azure/machine-learning/how-to-use-serverless-compute
    """
    if isinstance(job, _ThisScript):
        caller = sys._getframe(1).f_globals  # noqa: SLF001  whose call it is decides
        return _submit_this_script(caller, client, options)
    from amlrun._plan import Plan
    from amlrun._submission import submit_request
    from amlrun._workspace import workspace_of

    if isinstance(job, Plan):
        from amlrun._replan import submit_plan

        return submit_plan(workspace_of(client), job, options)
    request = _parsed(job, options)
    return submit_request(workspace_of(client), request)


def submit_many(
    jobs: Iterable[object],
    /,
    *,
    concurrency: int = 16,
    client: MLClient | None = None,
    **options: Unpack[Options],
) -> list[Run | AmlrunError]:
    """Submit many jobs, `concurrency` at a time; returns a run or an error for each, in the jobs' order.

    `jobs` is a list of all that `submit` takes, in any mix; the options hold for each of them. A job that
    can't be sent is an `AmlrunError` in the list, and the others are sent all the same; an error that nobody
    has foreseen is a `SubmissionFailed` with that error as its `__cause__`.
    What they have in common is done once: the workspace is looked at, each code folder is uploaded, and each
    job counts what those before it will take. The service's limit on writes is kept: 100 jobs at once, and
    then 8 a second. Ctrl-C begins nothing more, waits for what is on its way, and logs the names of what was
    sent.

    Raises `InvalidRequest` for what is wrong with all of them (`name` for several jobs, one job instead of a
    list, an option that there isn't), `NotConfigured` and `NotAuthorized` where there is no workspace.
    https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling
    """
    from amlrun._many import check_jobs, submit_all
    from amlrun._workspace import workspace_of

    listed = check_jobs(jobs, concurrency, options)
    return submit_all(workspace_of(client), listed, concurrency, options) if listed else []


def plan(job: object, /, *, client: MLClient | None = None, **options: Unpack[Options]) -> Plan:
    """The decision that `submit` with the same arguments would make; reads, and changes nothing.

    Prints as a table; `explain()` shows every candidate and the first thing against it. `submit(plan)` sends
    it; `plan(plan)` makes it anew, for the same job with the same options. Raises what `submit` raises for a
    request that can't be placed.
    """
    from amlrun._plan import Plan
    from amlrun._replan import new_plan, plan_again
    from amlrun._workspace import workspace_of

    if isinstance(job, Plan):
        return plan_again(workspace_of(client), job, options)
    request = _parsed(job, options)
    return new_plan(workspace_of(client), job, options, request)


def default_compute(*, client: MLClient | None = None, **needs: Unpack[NodeOptions]) -> str:
    """The compute for `@dsl.pipeline(default_compute=amlrun.default_compute())`.

    It is `"serverless"`, or a cluster's name where serverless can't serve nodes of these `needs` (those of
    `submit`: `cpus`, `memory_gb`, `gpus`, `gpu`, `needs`, `instance_type`, `instance_count`, `tier`), or
    where `amlrun.toml` names one. That is the place alone: a pipeline sent by plain `MLClient` has no sizes
    and no tiers, and the service chooses. `amlrun.submit(pipeline, …)` puts those of each step on it.

    Reads, and changes nothing. Raises what `plan` raises.
    https://learn.microsoft.com/azure/machine-learning/how-to-use-serverless-compute
    """
    from amlrun._planning import compute_for
    from amlrun._workspace import workspace_of

    return compute_for(workspace_of(client), needs)


def quota(*, client: MLClient | None = None) -> Quota:
    """Azure ML's quota in the workspace's region, as it is now: family by family, dedicated and spot.

    With the workspace's own limits, who holds what is used (its computes by name, and the rest), how many
    nodes of each GPU size fit, and the quota of other regions in which the workspace has clusters. Prints as
    a table; `table(all=True)` hides nothing. What can't be read beside usages is left out, and `notes` says
    so. Figures are vCPUs, prices USD per node-hour.

    Raises `NotAuthorized` where the signed-in account may not read it (usual for the role AzureML Data
    Scientist). https://learn.microsoft.com/azure/machine-learning/how-to-manage-quotas
    """
    from amlrun._planning import quota_of
    from amlrun._workspace import workspace_of

    return quota_of(workspace_of(client))


def attach(name: str, /, *, client: MLClient | None = None) -> Run:
    """The handle of a run again, from the name of any of its attempts, on any machine.

    Raises `InvalidRequest` where there is no such job, or amlrun didn't send it.
    """
    from amlrun._look import find_run
    from amlrun._run import Run
    from amlrun._workspace import workspace_of

    workspace = workspace_of(client)
    return Run(workspace, find_run(workspace, name))


def watch(
    runs: Iterable[Run | AmlrunError],
    /,
    *,
    timeout: float | dt.timedelta | None = None,
    on_exit: Literal["leave", "cancel"] = "leave",
    progress: bool = True,
) -> list[Run | AmlrunError]:
    """Wait for many runs, requeueing each as its policy says; returns a run or an error for each, in order.

    `runs` is a list of runs, of one workspace or of several; errors in it (of `submit_many`) come back as
    they are. A run that completed comes back itself; one that didn't is what its `wait()` would raise, and
    one that isn't over after `timeout` (seconds or timedelta, for all of them) a `WaitTimeout`. Each run that
    lives costs one request a look, at intervals that grow from 2 to 60 seconds, within the service's limit
    on reads. `on_exit` and `progress` are those of `Run.wait`.

    Raises `InvalidRequest` for what is no list of runs.
    https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling
    """
    from amlrun._run import watch_runs
    from amlrun._waits import Terms

    return watch_runs(runs, Terms.of(timeout, on_exit, progress=progress))


def _parsed(job: object, options: Any) -> Any:
    from amlrun._asking.given import arguments
    from amlrun._asking.request import parse
    from amlrun._asking.teamfile import read_team

    return parse(job, arguments(options), read_team())


def _submit_this_script(caller: Mapping[str, Any], client: MLClient | None, options: Any) -> JobContext:
    from amlrun._training import current

    context = current()
    if context is not None:
        return context
    from amlrun._script import running_script, script_job

    script = running_script(caller)
    if not script.speaks:
        raise SystemExit(0)
    job, settings = script_job(script, options)
    run = submit(job, client=client, **settings)
    print(run.plan)  # noqa: T201  the script ends here: this is its answer
    if script.launch is not None:
        print(f"It runs {script.launch}")  # noqa: T201  the same
    print(f"Submitted {run.name}  {run.url}")  # noqa: T201  the same
    print(f"amlrun.attach({run.name!r}).wait() waits for it")  # noqa: T201  the same
    raise SystemExit(0)
