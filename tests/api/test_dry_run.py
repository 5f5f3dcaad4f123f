"""Dry runs of changes in the database, on both engines: nothing is written, refused calls are
refused, and the reply lists exactly what the call then changes."""

import dataclasses
import random

import pytest
from support import contract, files, keys
from support.accounts import address, invite
from support.audit_rows import predicted, rows_of, without_new_ids
from support.crm import DEAL_STATUSES, TASK_STATUSES, Number
from support.document import of_program
from support.entries import tag

SEED, CHANGES = 21, 60
TIMES = ("deleted_at", "occurred_at", "completed_at", "closed_at")
# Tables that change by themselves: sessions are renewed, and the audit's rows are linked.
OTHER_TABLES = {"sessions", "audit", "audit_links", "audit_anchors", "session_principals"}

DIRECTORY = ("/api/v1/users", "/api/v1/groups", "/api/v1/ous", "/api/v1/containers",
             "/api/v1/computers", "/api/v1/deleted", "/api/v1/batch", "/api/v1/audit")


def supports_dry_run(operation):
    return any(each.get("name") == "dry_run" for each in operation.get("parameters", []))


OPERATIONS = [(method.upper(), path, operation)
              for method, path, operation in of_program().operations()
              if method != "get" and not path.startswith(DIRECTORY)]
SUPPORTED = [(method, path) for method, path, operation in OPERATIONS
             if supports_dry_run(operation)]
UNSUPPORTED = [(method, path) for method, path, operation in OPERATIONS
               if not supports_dry_run(operation)]


@dataclasses.dataclass
class Call:
    """A call that changes something, and the client that may send it."""

    client: object
    method: str
    path: str
    body: object = None
    headers: dict = dataclasses.field(default_factory=dict)

    def send(self, query=""):
        arguments = {} if self.body is None else {"json": self.body}
        return self.client.request(self.method, self.path + query, headers=self.headers,
                                   **arguments)


class World:
    """Makes the objects that the calls change."""

    def __init__(self, accounts, office, api, ldap_admin, ou):
        self.accounts, self.office, self.api = accounts, office, api
        self.ldap_admin, self.ou = ldap_admin, ou
        self.owner, self.crm = office.owner, office["OWNER"]

    def of_owner(self, method, path, body=None):
        return Call(self.owner.client, method, path, body)

    def guest(self):
        """Returns an account and its invitation to the organization."""
        guest = self.accounts.register()
        return guest, invite(self.owner, guest.email, "SALES").json()["id"]

    def link(self):
        return self.api.post("/accounts/invitations", json={"email": address()}).json()["id"]

    def account(self):
        body = {"username": tag(), "email": address()}
        return self.api.post("/accounts", json=body).json()["id"]

    def delegation(self):
        body = {"principal": self.ldap_admin.add_group(tag(), self.ou), "scope": self.ou,
                "rights": ["unlock"]}
        return self.api.post("/delegations", json=body).json()["id"]

    def token(self):
        root = self.api.at(self.api.base_url.removesuffix("/api/v1"))
        assert root.post("/app/token", json={"purpose": "reset"}).status_code == 200
        return self.api.get("/tokens?sort=-id&limit=1").json()["items"][0]["id"]

    def file(self):
        return files.upload(self.owner.client)["filename"]

    def key(self):
        return keys.create(self.owner.client, ["contacts:read", "deals:read"])["id"]

    def removed(self, kind):
        number = self.crm.create(kind)["id"]
        self.crm.must_delete(kind, number)
        return number


def crm_calls(kind, fields):
    """Returns the calls of a collection of records."""
    path = f"/api/v1/{kind}"
    calls = {
        ("POST", path): lambda w: w.of_owner("POST", f"/{kind}", {
            **({"type": "NOTE"} if kind == "activities" else {}), **fields}),
        ("DELETE", f"{path}/{{id}}"):
            lambda w: w.of_owner("DELETE", f"/{kind}/{w.crm.create(kind)['id']}"),
        ("POST", f"{path}/{{id}}/restore"):
            lambda w: w.of_owner("POST", f"/{kind}/{w.removed(kind)}/restore"),
    }
    if kind != "activities":
        calls["PATCH", f"{path}/{{id}}"] = lambda w: w.of_owner(
            "PATCH", f"/{kind}/{w.crm.create(kind)['id']}", fields)
    return calls


def of_guest(verb):
    def make(world):
        guest, invitation = world.guest()
        return Call(guest.client, "POST", f"/auth/invitations/{invitation}/{verb}")
    return make


ORGANIZATION = "/api/v1/organizations/{organization_id}"
CALLS = {
    **crm_calls("contacts", {"name": "Ромашка", "phone": "+7 495 1234567"}),
    **crm_calls("deals", {"title": "Стулья", "description": "двенадцать"}),
    **crm_calls("tasks", {"title": "Позвонить", "due_date": "2027-01-01"}),
    **crm_calls("activities", {"subject": "Разговор"}),
    ("POST", "/api/v1/deals/{id}/status"): lambda w: w.of_owner(
        "POST", f"/deals/{w.crm.deal()['id']}/status", {"status": "IN_PROGRESS"}),
    ("PATCH", ORGANIZATION): lambda w: w.of_owner("PATCH", w.owner.path, {"name": tag()}),
    ("POST", ORGANIZATION + "/members"): lambda w: w.of_owner(
        "POST", w.owner.path + "/members", {"email": address(), "role": "SALES"}),
    ("PATCH", ORGANIZATION + "/members/{account_id}"): lambda w: w.of_owner(
        "PATCH", f"{w.owner.path}/members/{w.office.newcomer('SALES').id}", {"role": "VIEWER"}),
    ("DELETE", ORGANIZATION + "/members/{account_id}"): lambda w: w.of_owner(
        "DELETE", f"{w.owner.path}/members/{w.office.newcomer('SALES').id}"),
    ("DELETE", ORGANIZATION + "/invitations/{invitation_id}"): lambda w: w.of_owner(
        "DELETE", f"{w.owner.path}/invitations/{w.guest()[1]}"),
    ("POST", "/api/v1/auth/invitations/{invitation_id}/accept"): of_guest("accept"),
    ("POST", "/api/v1/auth/invitations/{invitation_id}/decline"): of_guest("decline"),
    ("POST", "/api/v1/accounts"): lambda w: Call(
        w.api, "POST", "/accounts", {"username": tag(), "email": address()}),
    ("POST", "/api/v1/accounts/confirm-email"): lambda w: Call(
        w.api, "POST", "/accounts/confirm-email", {"account_id": w.account()}),
    ("DELETE", "/api/v1/accounts/invitations/{link_id}"): lambda w: Call(
        w.api, "DELETE", f"/accounts/invitations/{w.link()}"),
    ("POST", "/api/v1/api-keys"): lambda w: w.of_owner(
        "POST", "/api-keys", {"name": "k", "scopes": ["contacts:read"]}),
    ("PATCH", "/api/v1/api-keys/{key_id}"): lambda w: w.of_owner(
        "PATCH", f"/api-keys/{w.key()}", {"scopes": ["deals:read"]}),
    ("DELETE", "/api/v1/api-keys/{key_id}"): lambda w: w.of_owner(
        "DELETE", f"/api-keys/{w.key()}"),
    ("POST", "/api/v1/api-keys/{key_id}/rotate"): lambda w: w.of_owner(
        "POST", f"/api-keys/{w.key()}/rotate", {}),
    ("DELETE", "/api/v1/tokens/{id}"): lambda w: Call(w.api, "DELETE", f"/tokens/{w.token()}"),
    ("POST", "/api/v1/delegations"): lambda w: Call(w.api, "POST", "/delegations", {
        "principal": w.ldap_admin.add_group(tag(), w.ou), "scope": w.ou, "rights": ["unlock"]}),
    ("PATCH", "/api/v1/delegations/{id}"): lambda w: Call(
        w.api, "PATCH", f"/delegations/{w.delegation()}", {"rights": ["read"]}),
    ("DELETE", "/api/v1/delegations/{id}"): lambda w: Call(
        w.api, "DELETE", f"/delegations/{w.delegation()}"),
    ("PUT", "/api/v1/files/{name}/tags"): lambda w: w.of_owner(
        "PUT", f"/files/{w.file()}/tags", ["2026", "договор"]),
    ("DELETE", "/api/v1/files/{name}"): lambda w: w.of_owner("DELETE", f"/files/{w.file()}"),
    ("POST", "/api/v1/files/bulk-delete"): lambda w: w.of_owner(
        "POST", "/files/bulk-delete", {"names": [w.file(), "none.txt", w.file()]}),
}


@pytest.fixture(scope="module")
def world(accounts, office, sql_api, ldap_admin, ou):
    return World(accounts, office, sql_api, ldap_admin, ou)


def tables(database):
    """Returns the rows of every table."""
    query = ("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
             if database.bytes_literal(b"").startswith("'") else
             "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
             " AND name NOT LIKE '%_search%'")
    names = [name for [name] in database.run(query) if name not in OTHER_TABLES]
    assert {"contacts", "members", "idempotency_keys"} <= set(names)
    return {name: sorted(database.run(f"SELECT * FROM {name}")) for name in names}


def audit_count(database):
    return database.run("SELECT count(*) FROM audit")


def test_every_call_of_the_document_is_tested():
    assert set(SUPPORTED) == set(CALLS)


@pytest.mark.parametrize("operation", CALLS, ids=" ".join)
def test_dry_run_writes_nothing_and_predicts_the_change(world, sql_database, operation):
    call = CALLS[operation](world)
    before, rows = tables(sql_database), audit_count(sql_database)
    prediction = predicted(call.send("?dry_run=true"))
    assert without_time(predicted(call.send("?dry_run=true"))) == without_time(prediction)
    assert tables(sql_database) == before and audit_count(sql_database) == rows
    made = call.send()
    assert made.status_code < 300, made.text
    changes = [change for row in rows_of(sql_database, made) for change in row["changes"]]
    # an address of a new account is verified already, and nothing changes
    assert prediction or operation[1].endswith("confirm-email")
    assert without_time(without_new_ids(prediction)) == without_time(without_new_ids(changes))


def without_time(changes):
    """Replaces new times, which are those of the request."""
    return [(*change[:4], "time" if change[2] in TIMES and change[4] else change[4])
            for change in changes]


# --- refused calls --------------------------------------------------------------------------------

@pytest.mark.parametrize("refused", [
    lambda w: w.of_owner("PATCH", "/contacts/999999999", {"name": "x"}),
    lambda w: w.of_owner("POST", "/contacts", {"name": ""}),
    lambda w: w.of_owner("POST", "/deals/%d/status" % w.crm.deal()["id"], {"status": "CLOSED"}),
    lambda w: Call(w.owner.client, "PATCH", f"/contacts/{w.crm.contact()['id']}", {"name": "x"},
                   {"If-Match": '"77"'}),
    lambda w: w.of_owner("DELETE", f"{w.owner.path}/members/{w.owner.id}"),
    lambda w: w.of_owner("POST", f"{w.owner.path}/members", {"email": w.owner.email,
                                                             "role": "SALES"}),
    lambda w: Call(w.office["VIEWER"].client, "POST", "/contacts", {"name": "x"},
                   {"X-Organization-ID": str(w.owner.organization)}),
    lambda w: w.of_owner("DELETE", "/files/none.txt"),
    lambda w: Call(w.api, "DELETE", "/tokens/999999999"),
    lambda w: Call(w.api, "DELETE", "/accounts/invitations/999999999"),
    lambda w: Call(w.owner.client.as_anonymous(), "POST", "/contacts", {"name": "x"}),
])
def test_refused_call_is_refused_in_a_dry_run(world, refused):
    call = refused(world)
    dry, real = call.send("?dry_run=true"), call.send()
    assert 400 <= real.status_code < 500
    assert dry.status_code == real.status_code
    assert {**dry.json(), "request_id": 0} == {**real.json(), "request_id": 0}


@pytest.mark.parametrize("operation", UNSUPPORTED, ids=" ".join)
def test_unsupported_call_is_refused_and_not_executed(world, sql_stack, sql_database, operation):
    method, template = operation
    path = template.replace("{organization_id}", str(world.owner.organization))
    for name in ("{id}", "{key_id}", "{link_id}", "{account_id}"):
        path = path.replace(name, "1")
    client = world.api.at(sql_stack.https_url)
    before = tables(sql_database)
    response = client.request(method, path + "?dry_run=true", json={})
    assert 400 <= response.status_code < 500, response.text
    if response.status_code == 400 and response.json()["code"] == "VALIDATION_ERROR":
        assert [each["field"] for each in response.json()["details"]] == ["dry_run"]
    assert tables(sql_database) == before


@pytest.mark.parametrize("query", ["?dry_run=yes", "?dry_run=", "?dry_run",
                                   "?dry_run=true&dry_run=true", "?dry_run=true&dry%5Frun=false"])
def test_invalid_parameter_is_refused(world, sql_database, query):
    before = tables(sql_database)
    response = world.of_owner("POST", "/contacts", {"name": "x"}).send(query)
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == ["dry_run"]
    assert tables(sql_database) == before


def test_encoded_name_of_the_parameter_is_understood(world, sql_database):
    before = tables(sql_database)
    predicted(world.of_owner("POST", "/contacts", {"name": "x"}).send("?dry%5Frun=true"))
    assert tables(sql_database) == before


def test_dry_run_false_makes_the_change(world):
    made = world.of_owner("POST", "/contacts", {"name": "x"}).send("?dry_run=false")
    assert made.status_code == 201


def test_dry_run_stores_no_reply_for_its_idempotency_key(world, sql_database):
    call = world.of_owner("POST", "/contacts", {"name": "x"})
    call.headers = {"Idempotency-Key": tag()}
    before = tables(sql_database)
    predicted(call.send("?dry_run=true"))
    assert tables(sql_database) == before
    assert call.send().status_code == 201


def test_dry_run_does_not_run_in_the_pool_core(world, sql_stack):
    def count():
        text = world.api.at(sql_stack.https_url).get("/metrics").text
        return sum(float(line.split()[-1]) for line in text.splitlines()
                   if line.startswith('kontora_http_queue_duration_seconds_count{pool="core"'))
    call = world.of_owner("POST", "/contacts", {"name": "x"})
    before = count()
    for _ in range(3):
        predicted(call.send("?dry_run=true"))
    assert count() - before <= 1  # the first reading


# --- random changes -------------------------------------------------------------------------------

def random_change(choose, crm, made):
    """Returns a random change: collection, method, path, body."""
    kind = choose.choice(["contacts", "deals", "tasks"])
    contact = choose.choice(made["contacts"])
    fields = {
        "contacts": {"name": tag(), "email": choose.choice([None, address(), "same@example.com"]),
                     "company": choose.choice([None, "Ромашка", "Рога"])},
        "deals": {"title": tag(), "amount": Number(choose.choice(["0.00", "10.50", "-1"])),
                  "contact_id": choose.choice([None, contact])},
        "tasks": {"title": tag(), "status": choose.choice(TASK_STATUSES),
                  "due_date": choose.choice([None, "2027-01-01", "x"])},
    }[kind]
    body = {name: fields[name] for name in choose.sample(sorted(fields), choose.randint(1, 3))}
    number = choose.choice(made[kind])
    return choose.choices([
        ("POST", f"/{kind}", body), ("PATCH", f"/{kind}/{number}", body),
        ("DELETE", f"/{kind}/{number}", None), ("POST", f"/{kind}/{number}/restore", None),
        ("POST", f"/deals/{choose.choice(made['deals'])}/status",
         {"status": choose.choice(DEAL_STATUSES)})], (3, 6, 1, 2, 3))[0]


def test_random_changes_are_predicted(new_office, sql_database):
    choose, crm = random.Random(SEED), new_office["OWNER"]
    made = {kind: [crm.create(kind)["id"] for _ in range(4)]
            for kind in ("contacts", "deals", "tasks")}
    outcomes = []
    for _ in range(CHANGES):
        method, path, body = random_change(choose, crm, made)
        dry = crm.request(method, path + "?dry_run=true", body)
        real = crm.request(method, path, body)
        outcomes.append(real.status_code)
        what = f"{method} {path} {body}"
        if real.status_code >= 300:
            assert (dry.status_code, dry.json()["code"]) == (real.status_code,
                                                             real.json()["code"]), what
            continue
        changes = [change for row in rows_of(sql_database, real) for change in row["changes"]]
        assert (without_time(without_new_ids(predicted(dry)))
                == without_time(without_new_ids(changes))), what
    assert {200, 201} <= set(outcomes) and max(outcomes) >= 400
