"""Who may do what in the fake: roles on things, other people, identities; and what is said to who may not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.storage.blob import ContainerClient

from amlrun._rights import action_of
from amlrun.testing import NetworkDenied, _routes
from tests.testing.wire import API_VERSION, requests

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml

ML = "Microsoft.MachineLearningServices"
ARM = "https://management.azure.com"
ELSEWHERE = "99999999-0000-0000-0000-000000000003"


def ask(fake: FakeAml, credential: Any, method: str = "GET", below: str = "", body: Any = None) -> Any:
    """A request of somebody's, below the workspace."""
    token = credential.get_token(f"{ARM}/.default").token
    url = f"{ARM}{fake.scope.path}{below}?api-version={API_VERSION}"
    headers = {"Authorization": f"Bearer {token}"}
    return requests.request(method, url, headers=headers, json=body, timeout=5, auth=lambda one: one)


def send(client: MLClient, name: str) -> Any:
    """A job, by plain `azure-ai-ml`."""
    from azure.ai.ml import command

    return client.jobs.create_or_update(command(command="x", environment="azureml:e:1", name=name))


def test_everybody_may_do_everything_until_something_is_taken_from_them(fake_aml: FakeAml) -> None:
    """Whoever calls, other people, identities: who doesn't care needn't say anything."""
    ada = fake_aml.user("ada")
    assert ask(fake_aml, ada).status_code == 200
    fake_aml.revoke()
    assert ask(fake_aml, ada).status_code == 200
    assert ask(fake_aml, fake_aml.credential).status_code == 403
    with pytest.raises(ValueError, match=r"ada may do everything anyway: revoke\(to='ada'\) first"):
        fake_aml.grant("Reader", to="ada")


def test_a_refusal_names_who_what_and_where(fake_aml: FakeAml) -> None:
    """In the resource manager's words: account, object id, right, thing."""
    ada = fake_aml.user("ada", "Reader")
    error = ask(fake_aml, ada, "PUT", "/jobs/j", {"properties": {}}).json()["error"]
    assert error["code"] == "AuthorizationFailed"
    assert error["message"].startswith("The client 'ada' with object id '")
    assert (
        f"perform action '{ML}/workspaces/jobs/write' over scope '{fake_aml.scope.path}/jobs/j'"
        in error["message"]
    )


@pytest.mark.parametrize(
    ("role", "may", "may_not"),
    [
        ("Reader", ["GET ", "GET /computes", "GET /jobs"], ["PUT /computes/c", "POST /listKeys"]),
        ("AzureML Data Scientist", ["GET ", "GET /computes", "PUT /jobs/j"], ["PUT /computes/c", "PATCH "]),
        ("AzureML Compute Operator", ["GET /computes", "PUT /computes/c"], ["GET ", "PUT /jobs/j"]),
        ("contributor", ["GET ", "PUT /computes/c", "POST /listKeys"], []),
        (f"{ML}/workspaces/jobs/read", ["GET /jobs"], ["GET ", "PUT /jobs/j"]),
        (f"{ML}/workspaces/jobs/*", ["GET /jobs", "PUT /jobs/j"], ["GET /computes"]),
    ],
)
def test_a_role_gives_its_rights_and_no_others(
    fake_aml: FakeAml, role: str, may: list[str], may_not: list[str]
) -> None:
    """Built-in roles as they are documented, and single rights as of a role of one's own."""
    fake_aml.revoke()
    fake_aml.grant(role)
    for call in (*may, *may_not):
        method, _, below = call.partition(" ")
        status = ask(fake_aml, fake_aml.credential, method, below, {}).status_code
        assert (status == 403) == (call in may_not), call


def test_a_role_holds_for_the_thing_and_all_below_it(fake_aml: FakeAml) -> None:
    """One on the workspace reads no quota, which is the subscription's; one on the group doesn't either."""
    usages = f"{ARM}/subscriptions/{fake_aml.scope.subscription_id}/providers/{ML}/locations"
    usages += f"/{fake_aml.scope.location}/usages?api-version={API_VERSION}"

    def statuses() -> tuple[int, int]:
        workspace = ask(fake_aml, fake_aml.credential).status_code
        return workspace, requests.get(usages, timeout=5).status_code

    fake_aml.revoke()
    assert statuses() == (403, 403)
    for on in ("workspace", "group"):
        fake_aml.grant("Reader", on=on)
        assert statuses() == (200, 403)
    fake_aml.revoke("Reader")
    assert statuses() == (403, 403)
    fake_aml.grant("Reader", on="subscription")
    assert statuses() == (200, 200)


def test_a_single_right_is_taken_away_and_given_back(fake_aml: FakeAml, client: MLClient) -> None:
    """All else stays: what one right is good for can be seen."""
    right = f"{ML}/workspaces/jobs/write"
    fake_aml.revoke(right)
    with pytest.raises(HttpResponseError, match="jobs/write"):
        send(client, "a")
    assert client.workspaces.get().name == fake_aml.scope.workspace
    fake_aml.grant(right)
    assert send(client, "a").name == "a"


def test_other_people_have_clients_of_their_own(fake_aml: FakeAml, client: MLClient) -> None:
    """One sends, the other may only look."""
    theirs = fake_aml.client(credential=fake_aml.user("ada", "Reader"))
    send(client, "j")
    assert theirs.jobs.get("j").name == "j"
    with pytest.raises(HttpResponseError, match="The client 'ada'"):
        send(theirs, "k")
    assert fake_aml.jobs == ("j",)


def test_who_may_not_look_is_not_told_whether_there_is_something(fake_aml: FakeAml) -> None:
    """The resource manager looks at rights first: 403 for a workspace that isn't there, too."""
    there, gone = fake_aml.scope.path, f"{fake_aml.scope.path}-gone"

    def status(path: str) -> int:
        return requests.get(f"{ARM}{path}?api-version={API_VERSION}", timeout=5).status_code

    assert (status(there), status(gone)) == (200, 404)
    fake_aml.as_data_scientist()
    assert (status(there), status(gone)) == (200, 403)


def test_of_workspaces_those_are_listed_that_one_may_read(fake_aml: FakeAml, client: MLClient) -> None:
    """A list is no error for who has rights on one of them only, or on none."""
    fake_aml.as_data_scientist()
    assert [one.name for one in client.workspaces.list(scope="subscription")] == [fake_aml.scope.workspace]
    fake_aml.revoke()
    assert list(client.workspaces.list(scope="subscription")) == []


def test_a_token_of_another_tenant_is_no_sign_in(fake_aml: FakeAml) -> None:
    """401, with the tenant that it should be of, and a challenge: whatever may be done there."""
    eve = fake_aml.user("eve", tenant=ELSEWHERE)
    for below in ("", "-gone"):
        answer = ask(fake_aml, eve, below=below)
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (401, "InvalidAuthenticationTokenTenant")
        assert ELSEWHERE in error["message"]
        assert "Bearer authorization_uri" in answer.headers["WWW-Authenticate"]
    with pytest.raises(ClientAuthenticationError):
        list(fake_aml.client(credential=eve).workspaces.list(scope="subscription"))  # which is no one's right


def test_run_history_asks_for_rights_too(fake_aml: FakeAml, client: MLClient) -> None:
    """To read runs, and to write to them, which are not those on jobs."""
    send(client, "j")
    url = f"https://{fake_aml.scope.location}.api.azureml.ms/history/v1.0{fake_aml.scope.path}"
    fake_aml.revoke(f"{ML}/workspaces/experiments/runs/write")
    assert requests.get(f"{url}/runs/j", timeout=5).status_code == 200
    refused = requests.patch(f"{url}/experiments/x/runs/j", json={"tags": {}}, timeout=5)
    assert (refused.status_code, "experiments/runs/write" in refused.text) == (403, True)


def container(fake: FakeAml, credential: Any) -> ContainerClient:
    """The workspace's container, by somebody's token."""
    store = fake.client().datastores.get("workspaceblobstore")
    host = f"https://{store.account_name}.blob.core.windows.net"
    return ContainerClient(host, store.container_name, credential=credential)


def test_files_are_read_and_written_by_roles_on_the_storage(fake_aml: FakeAml) -> None:
    """Owning it is no right to its data; a reader doesn't write; a role on another container is none here."""
    ada = fake_aml.user("ada", "Owner")
    files = container(fake_aml, ada)

    def read() -> list[str]:
        return [blob.name for blob in files.list_blobs()]

    with pytest.raises(HttpResponseError, match="AuthorizationPermissionMismatch") as caught:
        read()
    assert caught.value.status_code == 403
    fake_aml.grant("Storage Blob Data Reader", to="ada", on="storage/elsewhere")
    with pytest.raises(HttpResponseError):
        read()
    fake_aml.grant("Storage Blob Data Reader", to="ada", on="storage")
    assert read() == []
    with pytest.raises(HttpResponseError, match="AuthorizationPermissionMismatch"):
        files.upload_blob("x", b"1")
    fake_aml.grant("Storage Blob Data Contributor", to="ada", on=f"storage/{files.container_name}")
    files.upload_blob("x", b"1")
    assert read() == ["x"]


def test_a_secret_opens_the_storage_whoever_has_it(fake_aml: FakeAml, client: MLClient) -> None:
    """A Data Scientist uploads with the datastore's secret, and has no role on the storage."""
    fake_aml.as_data_scientist()
    with pytest.raises(HttpResponseError):
        list(container(fake_aml, fake_aml.credential).list_blobs())
    secret: Any = client.datastores.get("workspaceblobstore", include_secrets=True)
    assert list(container(fake_aml, secret.credentials.sas_token).list_blobs()) == []


def test_an_identity_is_somebody_too(fake_aml: FakeAml) -> None:
    """Meant by its name, its client id or its ARM id; the workspace's own by `workspace`."""
    made = fake_aml.identity("trainer")
    for to in ("trainer", made, "workspace", ELSEWHERE):
        fake_aml.revoke(to=to)
        fake_aml.grant("Storage Blob Data Reader", to=to, on="storage")
    with pytest.raises(LookupError, match="Nobody is called 'nobody'"):
        fake_aml.revoke(to="nobody")


def test_what_is_no_role_is_told(fake_aml: FakeAml) -> None:
    """With those that there are; nothing is taken from who hasn't it."""
    with pytest.raises(ValueError, match=r"no role that the fake knows.*AzureML Data Scientist"):
        fake_aml.grant("Data Scientist")
    with pytest.raises(ValueError, match="'attic' is nothing that roles are given on"):
        fake_aml.grant("Reader", on="attic")
    with pytest.raises(LookupError, match="fake-user hasn't the role Reader"):
        fake_aml.revoke("Reader")


def test_each_route_has_a_right() -> None:
    """But those that are free: nobody is let in because it was forgotten."""
    tables = {
        "": _routes.OF_WORKSPACE,
        "/subscriptions/s": (_routes.OF_SUBSCRIPTION[0], *_routes.OF_SUBSCRIPTION[4:]),
    }
    without = []
    for above, routes in tables.items():
        prefix = above or f"/subscriptions/s/resourceGroups/g/providers/{ML}/workspaces/w"
        for route in (route for table in routes for route in table.routes):
            path = prefix + route.template.replace("{", "").replace("}", "")
            right = action_of(route.method, f"{ARM}{path}")
            if not route.free and not right.startswith("Microsoft."):
                without.append(f"{route.method} {route.template}")
    assert without == []


def test_a_network_is_refused_in_each_hosts_words(fake_aml: FakeAml) -> None:
    """Storage's code is not that of a missing role; a vault's is an inner one."""
    fake_aml.inject(NetworkDenied(), on="GET /{container}")
    with pytest.raises(HttpResponseError, match="AuthorizationFailure"):
        list(container(fake_aml, fake_aml.credential).list_blobs())
    fake_aml.inject(NetworkDenied(), on="GET /secrets/{name}")
    vault = fake_aml.client().workspaces.get().key_vault.rpartition("/")[2]
    reply = requests.get(f"https://{vault}.vault.azure.net/secrets/x?api-version=7.4", timeout=5)
    assert (reply.status_code, reply.json()["error"]["innererror"]["code"]) == (403, "ForbiddenByConnection")
