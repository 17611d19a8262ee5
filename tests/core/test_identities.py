"""Which places have the identity that a job asks for, and how the job says it there."""

from __future__ import annotations

import itertools
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amlrun import ComputeUnsuitable, InvalidRequest, Managed, Plan
from amlrun._fields import WrongField
from amlrun._identity import Identity, IdentityKind, UserAssigned, identity_of_job, parse_identity
from amlrun._job_types import JobType
from amlrun._needs import Ask
from amlrun._offers import Compute, Kind, Market
from amlrun._placement import place
from amlrun._placement.obstacles import obstacles
from tests.core.places import cluster, workspace

GUID = "11111111-2222-3333-4444-55555555555{}"
USERS = "/subscriptions/s/resourceGroups/{}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{}"
TRAINER = UserAssigned(USERS.format("g", "trainer"), GUID.format(1), "principal-1")
SCORER = UserAssigned(USERS.format("g", "scorer"), GUID.format(2), "principal-2")
NAMESAKE = UserAssigned(USERS.format("other", "Trainer"), GUID.format(3), "principal-3")
MANAGED = Identity(IdentityKind.MANAGED)
UNSAID = frozenset[str]()
USER_ASSIGNED = frozenset({"UserAssigned"})


def having(*users: UserAssigned, computes: tuple[Compute, ...] = ()) -> Market:
    """A workspace with these identities."""
    kinds = USER_ASSIGNED if users else frozenset({"SystemAssigned"})
    return workspace(*computes, identities=kinds, user_assigned=users)


def own(name: str = "own", *users: UserAssigned, **more: Any) -> Compute:
    """A cluster with these identities."""
    kinds = USER_ASSIGNED if users else UNSAID
    return attrs.evolve(cluster(name), user_assigned=users, **{"identities": kinds, **more})


def asked(said: str | Identity, **more: Any) -> Ask:
    """An ask with that identity."""
    return Ask(identity=said if isinstance(said, Identity) else parse_identity(said), **more)


def told(plan: Plan) -> tuple[dict[str, str] | None, str | None]:
    """The identity of the body, and AZURE_CLIENT_ID."""
    return None if plan.identity is None else plan.identity.to_body(), plan.client_id


BY_CLIENT_ID = {"identityType": "Managed", "clientId": TRAINER.client_id}
SAYINGS = {
    "name": "managed:trainer",
    "any case": "Managed: TRAINER",
    "ARM id": f"managed:{TRAINER.resource_id.upper().replace('SUBSCRIPTIONS', 'subscriptions')}",
    "client id": f"managed:{TRAINER.client_id}",
}


@pytest.mark.parametrize("said", SAYINGS.values(), ids=SAYINGS)
@pytest.mark.parametrize("computes", [(), ("own",)], ids=["serverless", "cluster"])
def test_an_identity_is_said_by_its_client_id(said: str, computes: tuple[str, ...]) -> None:
    """However the user has named it: each type of job has a field for that, and code needs it."""
    market = having(SCORER, TRAINER, computes=(own("own", SCORER, TRAINER),))
    assert told(place(asked(said, computes=computes), market)) == (BY_CLIENT_ID, TRAINER.client_id)


def test_by_its_object_id_it_is_said_as_it_was() -> None:
    """As an entity of the SDK has it; AZURE_CLIENT_ID is found all the same."""
    said = Identity(IdentityKind.MANAGED, object_id="PRINCIPAL-1")
    body = {"identityType": "Managed", "objectId": "PRINCIPAL-1"}
    assert told(place(asked(said), having(TRAINER, SCORER))) == (body, TRAINER.client_id)


def test_where_there_is_one_it_need_not_be_named() -> None:
    """The body says no more than the user; code is told which it is."""
    plain = {"identityType": "Managed"}
    assert told(place(asked(MANAGED), having(TRAINER))) == (plain, TRAINER.client_id)
    market = having(TRAINER, computes=(own("own", SCORER),))
    assert told(place(asked(MANAGED, computes=("own",)), market)) == (plain, SCORER.client_id)


def test_of_several_none_is_chosen() -> None:
    """A warning says which there are, and how to say one."""
    plan = place(asked(MANAGED), having(TRAINER, SCORER))
    assert told(plan) == ({"identityType": "Managed"}, None)
    (warning,) = (words for words in plan.warnings if "user-assigned" in words)
    assert f"has 2 user-assigned identities, {TRAINER}, {SCORER}, and the job names none" in warning
    assert warning.endswith("Say which: identity='managed:<client id>'")
    at_own = place(asked(MANAGED, computes=("own",)), having(computes=(own("own", TRAINER, SCORER),)))
    assert told(at_own) == ({"identityType": "Managed"}, None)
    assert any(words.startswith("own has 2 user-assigned identities") for words in at_own.warnings)


def test_a_cluster_opens_data_as_the_first_of_its_identities() -> None:
    """Whichever its jobs name: where that is another one, both need the rights."""
    market = having(computes=(own("own", TRAINER, SCORER),))
    first, second = (
        place(asked(f"managed:{one.client_id}", computes=("own",)), market).warnings
        for one in (TRAINER, SCORER)
    )
    assert not any("as the first" in words for words in first)
    (warning,) = (words for words in second if "as the first" in words)
    assert warning.startswith(
        f"own may open data and pull images as the first of its identities, {TRAINER}: "
    )


@pytest.mark.parametrize("said", ["managed:nobody", f"managed:{GUID.format(9)}"])
def test_an_unknown_one_is_refused_with_those_that_are_there(said: str) -> None:
    """Before anything is uploaded: names and client ids, to choose from."""
    with pytest.raises(ComputeUnsuitable) as caught:
        place(asked(said), having(TRAINER, SCORER))
    assert f"is not attached to the workspace (attached: {TRAINER}, {SCORER})" in caught.value.message
    assert str(TRAINER) == f"trainer ({TRAINER.client_id})"
    assert "Did you mean" not in caught.value.hint
    with pytest.raises(ComputeUnsuitable) as caught:
        place(asked(said), having())
    assert "is not attached to the workspace (none is)" in caught.value.message
    with pytest.raises(ComputeUnsuitable) as caught:
        place(asked(said, computes=("own",)), having(TRAINER, computes=(own("own", SCORER),)))
    assert f"has no identity {said[8:]}, and neither has the workspace" in caught.value.message
    assert f"Its own: {SCORER}. The workspace's: {TRAINER}." in caught.value.hint


def test_a_name_that_is_nearly_one_is_taken_for_a_slip() -> None:
    """What may be meant comes first, before anybody attaches another one."""
    with pytest.raises(ComputeUnsuitable) as caught:
        place(asked("managed:trainr"), having(TRAINER, SCORER))
    assert "Did you mean trainer? Attach" in caught.value.hint
    with pytest.raises(ComputeUnsuitable) as caught:
        place(asked("managed:Scorr", computes=("own",)), having(TRAINER, computes=(own("own", SCORER),)))
    assert "Did you mean scorer? Its own:" in caught.value.hint


@pytest.mark.parametrize("said", ["managed:", "Managed: "])
def test_an_identity_by_halves_is_none(said: str) -> None:
    """As a variable that is empty leaves it: not any identity there is."""
    with pytest.raises(InvalidRequest, match="not which") as caught:
        parse_identity(said)
    assert "is a variable empty?" in caught.value.hint


def test_a_name_that_two_have_is_no_name() -> None:
    """Identities of two resource groups may be called the same, in any case."""
    with pytest.raises(ComputeUnsuitable, match="has several identities called trainer") as caught:
        place(asked("managed:trainer"), having(TRAINER, NAMESAKE))
    assert f"{TRAINER}, {NAMESAKE}" in caught.value.message
    both = own("own", TRAINER, NAMESAKE)
    with pytest.raises(ComputeUnsuitable, match="has several identities called trainer"):
        place(asked("managed:trainer", computes=("own",)), having(computes=(both,)))
    with pytest.raises(ComputeUnsuitable, match="has several identities called trainer"):
        place(
            asked("managed:trainer", computes=("bare",)), having(TRAINER, NAMESAKE, computes=(own("bare"),))
        )
    assert told(place(asked(f"managed:{NAMESAKE.resource_id}"), having(TRAINER, NAMESAKE)))[1] == GUID.format(
        3
    )


def test_on_a_cluster_its_own_identity_of_that_name_is_meant() -> None:
    """The workspace may have another one that is called the same."""
    market = having(NAMESAKE, computes=(own("own", TRAINER),))
    assert told(place(asked("managed:trainer", computes=("own",)), market)) == (
        BY_CLIENT_ID,
        TRAINER.client_id,
    )


def test_a_cluster_that_has_it_stands_in_for_serverless() -> None:
    """Its own identity is as good as the workspace's; with it goes AZURE_CLIENT_ID."""
    plan = place(asked("managed:trainer"), having(SCORER, computes=(own("own", TRAINER),)))
    assert plan.compute == "own"
    assert told(plan) == (BY_CLIENT_ID, TRAINER.client_id)


def test_a_cluster_may_use_the_workspaces() -> None:
    """Nobody has seen it: that is told."""
    plan = place(asked("managed:trainer", computes=("bare",)), having(TRAINER, computes=(own("bare"),)))
    assert told(plan) == (BY_CLIENT_ID, TRAINER.client_id)
    doubt = "bare has no identity trainer of its own: whether the workspace's will do is not known"
    assert doubt in plan.warnings
    market = having(TRAINER, computes=(own("two", SCORER),))
    (doubt,) = place(asked("managed:trainer", computes=("two",)), market).warnings
    assert doubt.startswith(f"two has no identity trainer of its own; it has {SCORER}: whether the work")
    unsaid = place(asked(MANAGED, computes=("bare",)), having(TRAINER, computes=(own("bare"),)))
    assert told(unsaid) == ({"identityType": "Managed"}, None)


def test_ids_that_are_not_told_are_taken_for_possible() -> None:
    """A compute may say an identity without its ids; by its name it is found all the same."""
    hidden = UserAssigned(TRAINER.resource_id)
    market = having(computes=(own("own", hidden),))
    plan = place(asked(f"managed:{GUID.format(7)}", computes=("own",)), market)
    assert told(plan) == ({"identityType": "Managed", "clientId": GUID.format(7)}, GUID.format(7))
    assert "whether own has that identity is not known: no client ids are told of its own" in plan.warnings
    named = place(asked("managed:trainer", computes=("own",)), market)
    assert told(named) == ({"identityType": "Managed", "resourceId": TRAINER.resource_id}, None)
    assert str(hidden) == "trainer"
    assert "AZURE_CLIENT_ID isn't set: the client id of trainer isn't told here" in named.reasons
    both = attrs.evolve(having(TRAINER), computes=market.computes)
    assert told(place(asked(MANAGED, computes=("own",)), both))[1] == TRAINER.client_id


KUBERNETES = own("own", TRAINER, kind=Kind.KUBERNETES, kind_name="Kubernetes")


def test_on_kubernetes_code_is_told_no_client_id() -> None:
    """Documented: there it asks without one."""
    named = asked("managed:trainer", computes=("own",))
    assert told(place(named, having(computes=(KUBERNETES,)))) == (BY_CLIENT_ID, None)
    several = attrs.evolve(KUBERNETES, user_assigned=(TRAINER, SCORER))
    unsaid = place(asked(MANAGED, computes=("own",)), having(computes=(several,)))
    assert not any("user-assigned" in words for words in unsaid.warnings)


@pytest.mark.parametrize("job", JobType)
def test_only_programs_of_the_users_are_told(job: JobType) -> None:
    """AutoML and fine-tuning run the service's own, Spark has no variables, a pipeline's are its steps'."""
    if job is JobType.SPARK:
        ask = asked("managed:trainer", job=job, instance_types=("Standard_E4s_v3",))
    else:
        ask = asked("managed:trainer", job=job)
    found = place(ask, having(TRAINER))
    programs = {JobType.COMMAND, JobType.SWEEP, JobType.PARALLEL}
    assert told(found) == (BY_CLIENT_ID, TRAINER.client_id if job in programs else None)


def test_the_jobs_own_client_id_stays() -> None:
    """It is told where it may surprise: the identity has another one."""
    plan = place(asked("managed:trainer", own_client_id=True), having(TRAINER))
    assert told(plan) == (BY_CLIENT_ID, None)
    (words,) = (reason for reason in plan.reasons if "AZURE_CLIENT_ID" in reason)
    assert words == f"AZURE_CLIENT_ID stays as the job has it; its identity's is {TRAINER.client_id}"
    assert not any(
        "CLIENT_ID" in words for words in place(asked("user", own_client_id=True), having()).reasons
    )


@pytest.mark.parametrize("said", ["user", "token"])
def test_other_kinds_are_sent_as_they_are(said: str) -> None:
    """On any place, with no client id."""
    for computes in ((), ("own",)):
        plan = place(asked(said, computes=computes), having(TRAINER, computes=(own("own", SCORER),)))
        assert plan.identity == parse_identity(said)
        assert plan.client_id is None
    assert place(Ask(), having(TRAINER)).identity is None


def test_a_name_is_looked_up_or_refused() -> None:
    """Where nothing can be read a client id is believed, and a name can't be sent."""
    unread = workspace()
    assert obstacles(asked(f"managed:{GUID.format(1)}"), unread) == ()
    with pytest.raises(
        ComputeUnsuitable, match="the identity trainer can't be looked up: the workspace can't"
    ):
        place(asked("managed:trainer"), unread)
    unlisted = attrs.evolve(having(SCORER), computes=None)
    with pytest.raises(ComputeUnsuitable, match="can't be asked for the identity trainer") as caught:
        place(asked("managed:trainer", computes=("gpu",)), unlisted)
    assert "identity='managed:<client id>'" in caught.value.hint
    believed = place(asked(f"managed:{TRAINER.client_id}", computes=("gpu",)), unlisted)
    assert told(believed) == (BY_CLIENT_ID, None)  # it may be Kubernetes
    both = attrs.evolve(having(TRAINER), computes=None)
    assert told(place(asked("managed:trainer", computes=("gpu",)), both)) == (BY_CLIENT_ID, None)
    bare = attrs.evolve(unread, computes=(own("own", SCORER),))
    with pytest.raises(ComputeUnsuitable, match="can't be asked for the identity trainer"):
        place(asked("managed:trainer", computes=("own",)), bare)


def test_whose_a_pools_identity_is_nobody_tells() -> None:
    """A Synapse pool has one by default; a name must be found all the same."""
    pool = Compute(name="pool", kind=Kind.SPARK, kind_name="SynapseSpark")
    spark: dict[str, Any] = {"job": JobType.SPARK, "computes": ("pool",)}
    assert told(place(asked(MANAGED, **spark), having(computes=(pool,)))) == (
        {"identityType": "Managed"},
        None,
    )
    found = place(asked("managed:trainer", **spark), having(TRAINER, computes=(pool,)))
    assert told(found) == (BY_CLIENT_ID, None)
    with pytest.raises(ComputeUnsuitable, match="has no identity trainer"):
        place(asked("managed:trainer", **spark), having(computes=(pool,)))


ANY = st.lists(st.sampled_from([TRAINER, SCORER, NAMESAKE]), unique=True, max_size=3).map(tuple)


@given(
    said=st.sampled_from(["user", "token", "managed", "managed:trainer", "managed:scorer", "managed:nobody"]),
    theirs=ANY,
    its=ANY,
    computes=st.sampled_from([(), ("own",), ("serverless",)]),
    kind=st.sampled_from([Kind.CLUSTER, Kind.KUBERNETES, Kind.INSTANCE]),
)
def test_what_is_sent_is_what_the_place_has(
    said: str,
    theirs: tuple[UserAssigned, ...],
    its: tuple[UserAssigned, ...],
    computes: tuple[str, ...],
    kind: Kind,
) -> None:
    """Whatever there is: a plan's identity is the asked one, found, and its client id one of the place's."""
    compute = own("own", *its, kind=kind, kind_name=kind.value, machine_state="Running")
    ask = asked(said, computes=computes)
    try:
        plan = place(ask, having(*theirs, computes=(compute,)))
    except ComputeUnsuitable:
        assert said.startswith("managed")
        return
    assert plan.identity is not None
    assert plan.identity.is_for(attrs.evolve(ask).identity or MANAGED)
    ids = plan.identity.to_body()
    assert bool(plan.identity.told) == (len(ids) > 1)  # a name alone is never sent
    there = theirs if plan.compute == "serverless" else (*its, *theirs)
    assert {ids.get("clientId"), plan.client_id} <= {None, *(one.client_id for one in there)}
    assert plan.client_id is None or plan.kind in {Kind.SERVERLESS, Kind.CLUSTER}
    assert Plan.from_json(plan.to_json()) == plan


@pytest.mark.parametrize("name", ["x", "a b", "/subscriptions/s", "-abc", "é" * 5, 3])
def test_what_is_no_name_is_refused(name: Any) -> None:
    """A name as Azure takes it, or the whole ARM id."""
    with pytest.raises(InvalidRequest, match="neither an identity's name nor its ARM id") as caught:
        Managed(name=name)
    assert caught.value.argument == "identity"


def test_a_name_and_a_client_id_are_one_too_many() -> None:
    """Either says which."""
    with pytest.raises(InvalidRequest, match="either says which identity is meant"):
        Managed(name="trainer", client_id=GUID.format(1))
    with pytest.raises(InvalidRequest, match="a client id is a GUID"):
        Managed(client_id="trainer")


def test_a_job_file_may_say_each_id() -> None:
    """As its schema spells them."""
    said = {"type": "managed_identity", "msi_resource_id": TRAINER.resource_id, "object_id": "o"}
    assert identity_of_job(said) == Identity(
        IdentityKind.MANAGED, object_id="o", resource_id=TRAINER.resource_id
    )
    assert identity_of_job({"type": "user_identity", "client_id": "c"}) == Identity(IdentityKind.USER)


@pytest.mark.parametrize("said", [None, "user", {}, {"type": None}, {"type": "somebody's"}])
def test_what_a_job_says_and_is_no_identity_is_none(said: Any) -> None:
    """What it is wrong by is for whoever reads the file."""
    assert identity_of_job(said) is None


@pytest.mark.parametrize("data", [None, {}, {"kind": "me"}, {"kind": "Managed", "other": "x"}])
def test_what_is_no_identity_is_told(data: Any) -> None:
    """Of a plan that somebody edited."""
    with pytest.raises(WrongField):
        Identity.from_dict(data)


def test_an_identity_is_for_what_was_asked() -> None:
    """Found by name or ARM id; not another kind, nor another one."""
    found = Identity(IdentityKind.MANAGED, TRAINER.client_id, name="trainer")
    said = [parse_identity(words) for words in ("managed:Trainer", f"managed:{TRAINER.resource_id}")]
    assert all(found.is_for(one) for one in said if one is not None)
    others = [MANAGED, Identity(IdentityKind.USER), Identity(IdentityKind.MANAGED, name="scorer")]
    for one, other in itertools.permutations([found, *others], 2):
        assert not one.is_for(other)
