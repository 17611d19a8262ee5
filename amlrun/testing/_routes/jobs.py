"""Routes of jobs: create, get, list, cancel, delete."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import attrs

from amlrun.testing._access import tokens
from amlrun.testing._access.principals import asking
from amlrun.testing._api.exchange import Refusal, Reply, Request, bad_request, not_found
from amlrun.testing._jobs import strikes
from amlrun.testing._jobs.carrier import run_seconds
from amlrun.testing._jobs.checks import check, check_labels, readable
from amlrun.testing._jobs.demands import demand_of
from amlrun.testing._jobs.families import SUBMITTED, forget, whole
from amlrun.testing._jobs.job import Job
from amlrun.testing._jobs.reply import job_reply
from amlrun.testing._routes.table import Routes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amlrun.testing._state.store import Records
    from amlrun.testing._wire.backend import Backend

JOBS = Routes("jobs")
_PAGE = 100  # Assumed: how many jobs a page has; nobody can choose it.
_CHANGEABLE = {
    "tags",
    "displayName",
    "description",
    "isArchived",
    "properties",
    "services",
    "status",
    "outputs",
}
"""What may differ in a PUT of a job that is there: the rest can't be changed."""


@JOBS("PUT", "/jobs/{name}", takes="JobBaseResource", gives="JobBaseResource")
def put_job(backend: Backend, request: Request) -> Reply:
    """201: a new job. 200: it was there, whatever its state, and takes the new tags."""
    name, body = request.args["name"], request.json
    properties = body.get("properties")
    if not isinstance(properties, dict):
        raise bad_request("The request body has no properties.", "InvalidRequestBody")
    with backend.work() as (records, now):
        before = backend.engine.job(records, name)
        if before is not None:
            job = _again(backend, records, whole(records, before), properties)
            return Reply(200, job_reply(backend, job))
        check(backend, records, name, properties)
        records.put(SUBMITTED, name, {})
        strikes.name_next(records, name)
        job = Job(
            name=name,
            body=body,
            api_version=request.query.get("api-version", ""),
            created=now,
            demand=demand_of(properties),
            experiment=properties.get("experimentName") or "Default",
            tags=properties.get("tags") or {},
            properties=properties.get("properties") or {},
            run_seconds=run_seconds(records),
            submitter=_submitter(request),
        )
        submitted = whole(records, backend.engine.submit(records, job, now))
        with readable():  # what can't be shown isn't kept either
            reply = job_reply(backend, submitted)
    return Reply(201, reply)


def _submitter(request: Request) -> tuple[str, str] | None:
    """Whose token came along for the job: without one it can't act for anybody."""
    token = request.headers.get("x-azureml-token")
    if token is None:
        return None
    if found := tokens.doubt(token, tokens.OF_LEARNING):
        # Assumed: that it is refused at once, the code and the words. (The SDK looks at the audience, too.)
        message = f"The token of the submitter can't be used: its {found.wrong.value} ({found.found})."
        raise Refusal(401, message, "UserError", "InvalidToken")
    who = asking({"authorization": f"Bearer {token}"})
    return who.object_id, who.name


@JOBS("GET", "/jobs/{name}", gives="JobBaseResource")
def get_job(backend: Backend, request: Request) -> Reply:
    """One job."""
    with backend.work() as (records, _now):
        job = whole(records, find_job(backend, records, request.args["name"]))
    return Reply(200, job_reply(backend, job))


@JOBS("GET", "/jobs", gives="JobBaseResourceArmPaginatedResult")
def list_jobs(backend: Backend, request: Request) -> Reply:
    """The jobs that were submitted, the newest first, a page at a time: children are in run history."""
    wanted = Filter.of(request.query)
    with backend.work() as (records, _now):
        found: list[Job] = []
        past = request.query.get("$skip")
        while len(found) < _PAGE:
            names = records.page(SUBMITTED, past=past, most=_PAGE, newest_first=True)
            if names is None:
                raise bad_request(f"$skip {past!r} is none of a nextLink's.", "InvalidContinuationToken")
            for name in names:
                job, past = whole(records, find_job(backend, records, name)), name
                if wanted.fits(job):
                    found.append(job)
                if len(found) == _PAGE:
                    break
            if len(names) < _PAGE:
                break
        more = records.page(SUBMITTED, past=past, most=1, newest_first=True) if past else None
        body: dict[str, Any] = {"value": [job_reply(backend, job) for job in found]}
    if more:
        query = urlencode({**request.query, "$skip": past})
        body["nextLink"] = f"https://management.azure.com{backend.scope.path}/jobs?{query}"
    return Reply(200, body)


@JOBS("DELETE", "/jobs/{name}")
def delete_job(backend: Backend, request: Request) -> Reply:
    """200: a job that is over is gone, its children too; 204: there was none; 409: it lives."""
    with backend.work() as (records, _now):
        job = backend.engine.job(records, request.args["name"])
        if job is None:
            return Reply(204)
        if not job.over:
            # Assumed: that a job that lives can't be deleted, the code and the words.
            message = f"Cannot delete job {job.name}: it is {job.status}. Cancel it first."
            raise Refusal(409, message, "UserError", "Conflict", "JobNotInTerminalStatus")
        forget(records, backend.blobs, job.name)
        records.remove(SUBMITTED, job.name)
    return Reply(200)


@JOBS("POST", "/jobs/{name}/cancel")
def cancel_job(backend: Backend, request: Request) -> Reply:
    """202 with where to look; 400 for a job that is over."""
    with backend.work() as (records, now):
        job = find_job(backend, records, request.args["name"])
        if job.over:
            # Assumed: that a command job's code is the one that was seen for a pipeline.
            message = f"Cannot cancel job {job.name}: it is in the terminal status {job.status}."
            raise Refusal(400, message, "UserError", "BadArgument", "CancelPipelineRunInTerminalStatus")
        backend.engine.cancel(records, job, now)
    path = f"{backend.scope.path}/jobs/{job.name}/operationResults/{_operation(job.name)}"
    version = request.query.get("api-version", "")
    # Assumed: the path of the operation's result.
    return Reply(
        202,
        {},
        {"Location": f"https://management.azure.com{path}?api-version={version}", "Retry-After": "30"},
    )


@JOBS("GET", "/jobs/{name}/operationResults/{operation}")
def cancel_result(backend: Backend, request: Request) -> Reply:
    """202 until the canceled job is over, then 200."""
    with backend.work() as (records, _now):
        job = find_job(backend, records, request.args["name"])
    if request.args["operation"] != _operation(job.name):
        raise not_found("Operation", request.args["operation"])
    if job.over:
        return Reply(200, {})
    location = (
        f"https://management.azure.com{request.path}?api-version={request.query.get('api-version', '')}"
    )
    return Reply(202, {}, {"Location": location, "Retry-After": "30"})


def find_job(backend: Backend, records: Records, name: str) -> Job:
    """A job, or the service's 404."""
    job = backend.engine.job(records, name)
    if job is None:
        raise not_found("Job", name)
    return job


def _again(backend: Backend, records: Records, job: Job, properties: Mapping[str, Any]) -> Job:
    if job.is_step:
        # Assumed: the code and the words. The SDK refuses it before it is sent.
        raise bad_request(f"Job {job.name} is a step of a pipeline.", "PipelineChildJob")
    before, shown = job.sent, job_reply(backend, job)["properties"]
    for key in sorted(set(properties) - _CHANGEABLE):
        # The SDK archives by a PUT of what a GET showed.
        if not (_is_part(properties[key], before.get(key)) or _is_part(properties[key], shown.get(key))):
            message = (
                "A job with this name already exists. If you are trying to create a new job, use a different "
                f"name. Property {key} is immutable."
            )
            raise Refusal(400, message, "UserError", "Immutable", "JobPropertyImmutable")
    changed = {
        key: value for key, value in properties.items() if key in {"displayName", "description", "isArchived"}
    }
    body = {**job.body, "properties": {**before, **changed}}
    tags = properties.get("tags")
    check_labels("tags", tags or {})
    job = attrs.evolve(job, body=body, tags=job.tags if tags is None else tags)
    backend.engine.keep(records, job)
    return job


def _is_part(value: Any, whole: Any) -> bool:
    """Whether a value says nothing else than another one: what is null or left out says nothing."""
    if isinstance(value, dict) and isinstance(whole, dict):
        return all(_is_part(item, whole.get(key)) for key, item in value.items())
    if isinstance(value, dict):
        return all(_is_part(item, None) for item in value.values())
    return value is None or value == whole


def _operation(name: str) -> str:
    return uuid.uuid5(uuid.NAMESPACE_URL, name).hex


@attrs.frozen
class Filter:
    """What a list is asked for."""

    view: str
    kind: str
    tag: str
    pairs: tuple[tuple[str, str, str], ...]
    asset: str
    scheduled: bool

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Filter:
        """From the query. Raises Refusal (400) for a view that there isn't."""
        view = (query.get("listViewType") or "ActiveOnly").lower()
        if view not in {"activeonly", "archivedonly", "all"}:
            # Assumed: the code and the words.
            raise bad_request(f"There is no listViewType {query['listViewType']!r}.", "InvalidListViewType")
        return cls(
            view=view,
            kind=(query.get("jobType") or "").lower(),
            tag=query.get("tag") or "",
            pairs=tuple(pair.partition("=") for pair in (query.get("properties") or "").split(",") if pair),
            asset=query.get("assetName") or "",
            scheduled=(query.get("scheduled") or "").lower() == "true" or bool(query.get("scheduleId")),
        )

    def fits(self, job: Job) -> bool:
        """Whether it is one of those. There are no schedules here, so no job is a schedule's."""
        archived = bool(job.sent.get("isArchived"))
        outputs = (job.sent.get("outputs") or {}).values()
        return not self.scheduled and (
            (self.view == "all" or archived == (self.view == "archivedonly"))
            and self.kind in {"", job.kind}
            and (not self.tag or self.tag in job.tags)
            and all(
                key in job.properties and (not sign or job.properties[key] == value)
                for key, sign, value in self.pairs
            )
            and (not self.asset or any((value or {}).get("assetName") == self.asset for value in outputs))
        )
