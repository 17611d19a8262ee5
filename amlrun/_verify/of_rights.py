"""What this account may read, what the list of jobs can do, and who can write under which identity. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlrun._verify.experiments import CANCEL, CHECKPOINT, SECOND, STUDIO, TIME_OUT
from amlrun._verify.findings import Question, Row, Said, answered, as_assumed, either, otherwise, unseen
from amlrun._verify.observed import Answer, Seen, World, at
from amlrun._verify.programs import MARK

if TYPE_CHECKING:
    from collections.abc import Mapping

OF_WORKSPACE = ("workspace", "computes", "jobs", "datastores")
OF_SUBSCRIPTION = ("usages", "vmSizes", "quotas")
PAGE = 100
"""Jobs in a page of the list."""
NOBODY, USER = "without an identity", "with identity user"
WRITTEN, REFUSED = "written", "refused"
_NOT_OPENED = ".Authentication"
"""In the codes of a job that ends because its data can't be opened (`ScriptExecution.WriteStreams.…`)."""


def _reads(world: World) -> Said:
    if not world.reads:
        return unseen("nothing was read")
    of_workspace = _statuses(world.reads, OF_WORKSPACE)
    of_subscription = _statuses(world.reads, OF_SUBSCRIPTION)
    words = ", ".join(f"{name} {answer.status or 'no answer'}" for name, answer in world.reads.items())
    return either(of_workspace == {200} and len(of_subscription) == 1, words)


def _statuses(reads: Mapping[str, Answer], names: tuple[str, ...]) -> set[int]:
    return {reads[name].status for name in names if name in reads}


def _filters(world: World) -> Said:
    by_value, by_tag = world.lists.get("property"), world.lists.get("tag")
    group = {world.job(name).name for name in (CHECKPOINT, SECOND) if world.job(name).there}
    if not group or by_value is None or by_tag is None:
        return unseen("the list of jobs was not read, or nothing was sent that it could hold")
    for answer in (by_value, by_tag):
        if not answer.fine:
            return answered(answer, fits=False, words=f"a list with a filter answered {answer.words}")
    ours = {seen.name for seen in world.jobs.values() if seen.there}
    # Those of a verification before this one have the tag, too.
    found, tagged = _names(by_value), {one for one in _names(by_tag) if one in ours or not _is_former(one)}
    fits = found == group and group <= tagged <= ours
    words = (
        f"by a property's value {len(found)} jobs, of {len(group)} that have it; "
        f"by a tag's name {len(tagged)}, of {len(ours)} that were sent"
    )
    return either(fits, words)


def _is_former(name: str) -> bool:
    return name.startswith(f"{MARK}-")


def _names(answer: Answer) -> set[str]:
    rows = at(answer.body, "value") or ()
    return {str(row.get("name")) for row in rows if isinstance(row, dict)}


def _pages(world: World) -> Said:
    page = world.lists.get("page")
    if page is None:
        return unseen("the list of jobs was not read")
    if not page.fine:
        return answered(page, fits=False, words=f"the list of jobs answered {page.words}")
    count, more = len(at(page.body, "value") or ()), bool(at(page.body, "nextLink"))
    words = f"the first page has {count} jobs" + (", and a nextLink" if more else "")
    if not more:
        return either(False, words) if count > PAGE else unseen(f"{words}: there are no more")
    following = world.lists.get("next")
    if following is not None and not following.fine:
        return answered(following, fits=False, words=f"{words}, which answers {following.words}")
    return either(count == PAGE, words)


def _blobs(world: World) -> Said:
    found = [
        (identity, _wrote(name, world.jobs[name]), world.jobs[name].why_not)
        for name, identity in world.identity.items()
        if name in world.jobs
    ]
    told = [
        f"{identity}: {outcome}{_by(identity, world) if outcome == WRITTEN else ''}"
        if outcome
        else f"{identity}: not seen ({why})"
        for identity, outcome, why in found
    ]
    if not {WRITTEN, REFUSED} & {outcome for _, outcome, _ in found}:
        return unseen("no job told whether it could write" + (f" ({'; '.join(told)})" if told else ""))
    words = (
        f"the default datastore's credentials: {world.credentials or 'unknown'}; a file is {'; '.join(told)}"
    )
    outcomes = {(identity, outcome) for identity, outcome, _ in found}
    if world.credentials != "None":  # what is stored in it opens it for everybody
        return either(REFUSED not in {outcome for _, outcome in outcomes}, words)
    # Who has no identity writes nothing, and with the submitter's who may write there.
    unlike = {(NOBODY, WRITTEN)}
    if world.may_write is not None:
        unlike.add((USER, REFUSED if world.may_write else WRITTEN))
    return either(not outcomes & unlike, words)


def _by(identity: str, world: World) -> str:
    """As whom a file was written, as far as that is known: storage doesn't keep who it was."""
    if identity == USER:
        own = {
            True: " by you, who may write there",
            False: ", though you may not write there",
            None: " (whether you may write there couldn't be asked)",
        }[world.may_write]
    else:
        own = " by it" if identity.startswith("with ") else ", by whom isn't told"
    if world.credentials in ("", "None"):
        return own
    if identity == USER and world.may_write is False:
        return " by the stored credentials, for you may not write there"
    if identity.startswith("with "):
        return f"{own}, or by the stored credentials"
    return " by the stored credentials"


def _wrote(name: str, seen: Seen) -> str:
    """What became of its file; "": that isn't known."""
    if _NOT_OPENED in f"{at(seen.run, 'error')}":
        return REFUSED
    if name == SECOND and "found" in seen.said:  # its checkpoint is what it writes
        return WRITTEN if seen.said["found"] else "not found again"
    return str(seen.said.get("blob") or "")


def _endpoints(world: World) -> Said:
    """By names alone: which identity a job's code finds an endpoint for."""
    bare = SECOND if world.identity.get(SECOND) == NOBODY else TIME_OUT  # which is sent with none, ever
    told = {name: world.jobs[name].said.get("names") for name in (bare, CANCEL, STUDIO) if name in world.jobs}
    if not told.get(bare):
        return unseen("no job without an identity told the names of its variables")
    has = {
        name: [one for one in ("MSI_ENDPOINT", "OBO_ENDPOINT") if one in (names or ())]
        for name, names in told.items()
    }
    words = "; ".join(f"{name}: {', '.join(there) or 'none'}" for name, there in has.items() if told[name])
    if has[bare]:
        return otherwise(f"a job without an identity has endpoints for tokens: {words}")
    return as_assumed(f"endpoints for tokens: {words}")


QUESTIONS = (
    Question("reads", "What may this account read?", _reads),
    Question("filters", "Does the list of jobs find by a property's value, and by a tag's name?", _filters),
    Question(
        "pages",
        "How many jobs does a page of the list have?",
        _pages,
        (Row("amlrun/testing/_routes/jobs.py", "A page of the list has 100 jobs"),),
    ),
    Question("blobs", "Who writes a file, under which identity?", _blobs),
    Question(
        "endpoints",
        "Has a job that asks for no identity none?",
        _endpoints,
        (Row("amlrun/testing/_supply/msi.py", "A job that asks for no managed identity has none"),),
    ),
)
