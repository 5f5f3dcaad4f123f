"""Audit rows of changes in the database: the values before and after, the actor, the organization
and the outcome, on both engines."""

import json

import pytest
from support import contract, files, keys, vault
from support.accounts import accept, address, invitations_of, invite
from support.audit_rows import SECRET, row_of, rows_of
from support.entries import tag

HISTORY = {"created_at", "updated_at", "version"}


@pytest.fixture(scope="module")
def owner(office):
    return office.owner


@pytest.fixture(scope="module")
def crm(office):
    return office["OWNER"]


def ok(response):
    assert response.status_code < 300, response.text
    return response


def values(row, resource=None, number=None):
    """Returns the changed fields of the row's object, or of another object."""
    resource, number = resource or row["resource"], number or row["object_id"]
    return {field: (before, after) for kind, identifier, field, before, after in row["changes"]
            if (kind, identifier) == (resource, str(number))}


# --- the row --------------------------------------------------------------------------------------

def test_row_names_actor_address_request_and_organization(crm, sql_database):
    made = crm.contact(name="Ромашка")
    response = ok(crm.change("contacts", made["id"], company="ООО «Ромашка»"))
    row = row_of(sql_database, response)
    assert row == {**row, "organization_id": str(crm.organization), "directory": "0",
                   "actor": crm.person.email, "actor_id": f"account:{crm.id}",
                   "address": "127.0.0.1", "action": "update_contact", "resource": "contact",
                   "object_id": str(made["id"]), "status": "success", "code": None,
                   "request_id": response.headers["X-Request-ID"]}
    assert values(row) == {"company": (None, "ООО «Ромашка»")}


@pytest.mark.parametrize("kind", ["contacts", "deals", "tasks", "activities"])
def test_creation_and_deletion_record_every_field(crm, sql_database, kind):
    sent = crm.send(kind)
    made = ok(sent).json()
    created = values(row_of(sql_database, sent))
    expected = {name: (None, value) for name, value in made.items()
                if value is not None and name not in HISTORY | {"id"}}
    assert created == expected
    removed = values(row_of(sql_database, ok(crm.delete(kind, made["id"]))))
    assert set(removed) == {"deleted_at"} and removed["deleted_at"][0] is None
    restored = values(row_of(sql_database, ok(crm.restore(kind, made["id"]))))
    assert restored == {"deleted_at": removed["deleted_at"][::-1]}


def test_status_of_deal_is_recorded(crm, sql_database):
    deal = crm.deal()
    row = row_of(sql_database, ok(crm.move(deal["id"], "IN_PROGRESS")))
    assert (row["action"], values(row)) == ("change_deal_status",
                                            {"status": ("NEW", "IN_PROGRESS")})


# --- organizations and members --------------------------------------------------------------------

def test_organization_and_members_are_recorded(accounts, new_office, sql_database):
    owner, guest = new_office.owner, accounts.register()
    row = row_of(sql_database, ok(owner.client.patch(owner.path, json={"name": "Новое имя"})))
    assert (row["object_id"], row["organization_id"]) == (str(owner.organization),) * 2
    assert values(row)["name"][1] == "Новое имя" and len(row["changes"]) == 1

    invited = ok(invite(owner, guest.email, "SALES"))
    row = row_of(sql_database, invited)
    assert (row["resource"], row["object_id"]) == ("invitation", str(invited.json()["id"]))
    assert values(row) == {"email": (None, guest.email), "role": (None, "SALES")}
    row = row_of(sql_database, ok(invite(owner, guest.email, "ADMIN")))
    assert values(row) == {"role": ("SALES", "ADMIN")}

    [invitation] = invitations_of(guest.client)
    row = row_of(sql_database, ok(accept(guest.client, invitation["id"])))
    assert (row["actor"], row["organization_id"]) == (guest.email, str(owner.organization))
    assert values(row, "member", guest.id) == {"username": (None, guest.email),
                                               "role": (None, "ADMIN")}

    waiting = ok(invite(guest.__class__(**{**guest.__dict__, "organization": owner.organization}),
                        address(), "SALES")).json()
    member = f"{owner.path}/members/{guest.id}"
    row = row_of(sql_database, ok(owner.client.patch(member, json={"role": "VIEWER"})))
    assert values(row) == {"role": ("ADMIN", "VIEWER")}
    assert values(row, "invitation", waiting["id"]) == {"email": (waiting["email"], None),
                                                        "role": ("SALES", None)}
    row = row_of(sql_database, ok(owner.client.delete(member)))
    assert values(row) == {"username": (guest.email, None), "role": ("VIEWER", None)}


def test_consequences_of_a_removal_are_recorded(new_office, sql_database):
    owner, member = new_office.owner, new_office["SALES"]
    client = member.client
    ok(client.patch("/auth/me", json={"default_organization_id": owner.organization}))
    key = keys.create(client, ["contacts:read"], owner.organization, name="Отчёты")
    row = row_of(sql_database, ok(owner.client.delete(f"{owner.path}/members/{member.id}")))
    assert values(row)["role"] == ("SALES", None)
    assert values(row, "api_key", key["id"]) == {"name": ("Отчёты", None)}
    assert values(row, "account", member.id) == {
        "default_organization_id": (owner.organization, None)}
    assert sql_database.run(f"SELECT id FROM api_keys WHERE id = {key['id']}") == []


def test_withdrawn_and_declined_invitations_are_recorded(accounts, owner, sql_database):
    guest = accounts.register()
    number = ok(invite(owner, guest.email, "SALES")).json()["id"]
    row = row_of(sql_database, ok(owner.client.delete(f"{owner.path}/invitations/{number}")))
    assert values(row) == {"email": (guest.email, None), "role": ("SALES", None)}
    number = ok(invite(owner, guest.email, "SALES")).json()["id"]
    declined = ok(guest.client.post(f"/auth/invitations/{number}/decline"))
    row = row_of(sql_database, declined)
    assert (row["object_id"], row["organization_id"]) == (str(number), None)


# --- accounts -------------------------------------------------------------------------------------

def test_registration_belongs_to_the_new_organization(accounts, sql_database):
    email, password = address(), vault.password()
    response = ok(accounts.send(email=email, password=password, name="Вера"))
    made, row = response.json(), row_of(sql_database, response)
    assert row == {**row, "actor": email, "actor_id": f"account:{made['user']['id']}",
                   "object_id": str(made["user"]["id"]),
                   "organization_id": str(made["organization"]["id"])}
    assert values(row) == {"username": (None, email), "email": (None, email),
                           "name": (None, "Вера"), "password": (SECRET, SECRET)}
    assert values(row, "organization", made["organization"]["id"])["name"] == (None, "Вера")


def test_sessions_and_own_account_are_recorded(accounts, sql_database):
    person = accounts.register()
    login = ok(person.client.as_anonymous().post(
        "/auth/login", json={"username": person.email, "password": person.password}))
    row = row_of(sql_database, login)
    assert (row["action"], row["actor"], row["changes"]) == ("login", person.email, [])
    client = person.client.bearing(login.json()["access_token"])
    row = row_of(sql_database, ok(client.patch(
        "/auth/me", json={"default_organization_id": person.organization})))
    assert (row["object_id"], row["changes"]) == (None, []) or row["changes"] == []
    row = row_of(sql_database, ok(client.post("/auth/change-password", json={
        "current_password": person.password, "new_password": vault.password()})))
    assert row["object_id"] == str(person.id) and row["organization_id"] is None
    assert values(row) == {"password": (SECRET, SECRET)}


def test_accounts_of_the_administrator_are_recorded(sql_api, sql_database):
    name, email = tag(), address()
    made = ok(sql_api.post("/accounts", json={"username": name, "email": email}))
    row = row_of(sql_database, made)
    assert (row["object_id"], row["organization_id"]) == (str(made.json()["id"]), None)
    assert values(row) == {"username": (None, name), "email": (None, email)}
    row = row_of(sql_database, ok(sql_api.post("/accounts/confirm-email",
                                               json={"account_id": made.json()["id"]})))
    assert row["changes"] == []  # the administrator has verified the address of a new account
    link = ok(sql_api.post("/accounts/invitations", json={"email": email}))
    row = row_of(sql_database, link)
    assert values(row)["email"] == (None, email) and set(values(row)) == {"email", "expires_at"}
    row = row_of(sql_database, ok(sql_api.delete(f"/accounts/invitations/{link.json()['id']}")))
    assert values(row)["email"] == (email, None)


# --- keys, tokens, delegations, files -------------------------------------------------------------

def test_api_keys_are_recorded_without_secrets(owner, sql_database):
    response = keys.send(owner.client, ["contacts:read", "deals:read"], name="k")
    number = str(ok(response).json()["id"])
    row = row_of(sql_database, response)
    assert (row["object_id"], row["organization_id"]) == (number, str(owner.organization))
    assert values(row) == {"name": (None, "k"), "scopes": (None, ["contacts:read", "deals:read"]),
                           "created_by": (None, owner.email), "secret": (SECRET, SECRET)}
    path = f"/api-keys/{number}"
    row = row_of(sql_database, ok(owner.client.patch(path, json={"scopes": ["deals:read"]})))
    assert values(row) == {"scopes": (["contacts:read", "deals:read"], ["deals:read"])}
    row = row_of(sql_database, ok(owner.client.post(f"{path}/rotate", json={})))
    assert values(row) == {"secret": (SECRET, SECRET)}
    row = row_of(sql_database, ok(owner.client.delete(path)))
    assert values(row)["name"] == ("k", None) and row["organization_id"] == str(owner.organization)


def test_tokens_are_recorded_without_their_values(sql_stack, sql_api, sql_database):
    root = sql_api.at(sql_stack.https_url)

    def issue():
        token = ok(root.post("/app/token", json={"purpose": "reset", "max_uses": 3})).json()
        vault.remember(token["token"])
        return token["token"]
    row = row_of(sql_database, ok(sql_api.post("/tokens/revoke", json={"token": issue()})))
    assert values(row)["purpose"] == ("reset", None) and values(row)["max_uses"] == (3, None)
    issue()
    number = sql_api.get("/tokens?sort=-id&limit=1").json()["items"][0]["id"]
    row = row_of(sql_database, ok(sql_api.delete(f"/tokens/{number}")))
    assert row["object_id"] == str(number) and values(row)["purpose"] == ("reset", None)
    row = row_of(sql_database, ok(root.delete("/app/clear/all/tokens")))
    assert [change[2] for change in row["changes"]] == ["deleted"]


def test_delegations_are_recorded(sql_api, sql_database, ldap_admin, ou):
    group = ldap_admin.add_group(tag(), ou)
    made = ok(sql_api.post("/delegations", json={"principal": group, "scope": ou,
                                                 "rights": ["unlock"]}))
    row = row_of(sql_database, made)
    number = made.json()["id"]
    assert (row["object_id"], row["directory"], row["organization_id"]) == (str(number), "1", None)
    assert values(row)["principal"] == (None, group)
    assert values(row)["rights"] == (None, ["unlock"])
    row = row_of(sql_database, ok(sql_api.patch(f"/delegations/{number}",
                                                json={"rights": ["read"]})))
    assert values(row) == {"rights": (["unlock"], ["read"])}
    row = row_of(sql_database, ok(sql_api.delete(f"/delegations/{number}")))
    assert values(row)["rights"] == (["read"], None)


def test_files_are_recorded(owner, sql_database):
    sent = files.send(owner.client, name="договор.txt")
    name = ok(sent).json()["filename"]
    row = row_of(sql_database, sent)
    assert (row["object_id"], row["organization_id"]) == (name, str(owner.organization))
    assert values(row)["original_name"] == (None, "договор.txt")
    row = row_of(sql_database, ok(owner.client.put(f"/files/{name}/tags", json=["2026"])))
    assert values(row) == {"tags": ([], ["2026"])}
    row = row_of(sql_database, ok(owner.client.delete(f"/files/{name}")))
    assert values(row)["tags"] == (["2026"], None)


def test_bulk_deletion_leaves_a_row_for_each_file(owner, sql_database):
    names = [files.upload(owner.client)["filename"] for _ in range(2)]
    response = ok(owner.client.post("/files/bulk-delete", json={"names": [*names, "none.txt"]}))
    rows = rows_of(sql_database, response)
    assert [row["object_id"] for row in rows] == names
    assert all(values(row)["original_name"] == ("a.txt", None) for row in rows)


def test_administrator_deletes_file_in_its_organization(owner, sql_api, sql_database):
    name = files.upload(owner.client)["filename"]
    row = row_of(sql_database, ok(sql_api.delete(f"/files/{name}")))
    assert (row["actor"], row["organization_id"]) == ("admin", str(owner.organization))


def test_file_without_organization_belongs_to_none(sql_api, sql_database):
    row = row_of(sql_database, ok(files.send(sql_api)))
    assert row["organization_id"] is None


# --- failures -------------------------------------------------------------------------------------

@pytest.mark.parametrize(("fail", "code"), [
    (lambda crm: crm.change("contacts", 999_999_999, name="x"), "NOT_FOUND"),
    (lambda crm: crm.send("contacts", name=""), "VALIDATION_ERROR"),
    (lambda crm: crm.change("contacts", crm.contact()["id"], name="x",
                            headers={"If-Match": '"77"'}), "PRECONDITION_FAILED"),
], ids=["missing", "invalid", "changed"])
def test_failure_leaves_a_row_without_changes(crm, sql_database, fail, code):
    row = row_of(sql_database, fail(crm))
    assert (row["status"], row["code"], row["changes"]) == ("failure", code, [])
    assert row["organization_id"] == str(crm.organization)


def test_failure_of_a_member_without_permission_is_recorded(office, sql_database):
    response = office["VIEWER"].send("contacts")
    row = row_of(sql_database, response)
    assert (row["code"], row["organization_id"]) == ("FORBIDDEN", str(office.organization))


def test_stranger_leaves_no_row_in_the_organization(accounts, owner, sql_database):
    stranger = accounts.register()
    before = sql_database.run(f"SELECT count(*) FROM audit WHERE organization_id ="
                              f" {owner.organization}")
    contract.check_error(stranger.client.patch(owner.path, json={"name": "x"}), 404, "NOT_FOUND")
    contract.check_error(stranger.client.post("/contacts", json={"name": "x"}, headers={
        "X-Organization-ID": str(owner.organization)}), 404, "NOT_FOUND")
    assert sql_database.run(f"SELECT count(*) FROM audit WHERE organization_id ="
                            f" {owner.organization}") == before


def test_removed_member_leaves_no_row_in_the_organization(accounts, new_office, sql_database):
    owner, member = new_office.owner, new_office["ADMIN"]
    ok(member.client.patch("/auth/me", json={"default_organization_id": owner.organization}))
    tokens = accounts.log_in(member.person)
    ok(owner.client.delete(f"{owner.path}/members/{member.id}"))
    response = member.client.bearing(tokens["access_token"]).post("/contacts", json={"name": "x"})
    assert response.status_code in (403, 404)
    assert all(row["organization_id"] != str(owner.organization)
               for row in rows_of(sql_database, response))


def test_anonymous_failures_leave_no_row(sql_anonymous, sql_database):
    for response in (sql_anonymous.post("/contacts", json={"name": "x"}),
                     sql_anonymous.post("/auth/login", json={"username": tag(),
                                                             "password": vault.password()})):
        assert response.status_code == 401
        assert rows_of(sql_database, response) == []


def test_name_of_object_is_truncated(sql_api, sql_database):
    response = sql_api.delete("/files/" + "ж" * 1000)
    assert response.status_code in (400, 404)
    assert row_of(sql_database, response)["object_id"] in ("ж" * 255, "***")


def test_repeated_request_leaves_no_second_row(crm, sql_database):
    headers = {"Idempotency-Key": tag()}
    first = ok(crm.send("contacts", headers=headers, name="x"))
    again = ok(crm.send("contacts", headers=headers, name="x"))
    assert first.json() == again.json()
    assert len(rows_of(sql_database, first)) == 1 and rows_of(sql_database, again) == []


# --- secrets --------------------------------------------------------------------------------------

def test_no_secret_is_in_the_audit(accounts, owner, sql_api, sql_database):
    """Sends every secret that a call takes or returns, and searches the table for all of them."""
    person = accounts.register()
    wrong = vault.password()
    person.client.post("/auth/change-password", json={"current_password": wrong,
                                                      "new_password": vault.password()})
    person.client.post("/auth/register", json={"email": "not an address", "password": wrong})
    person.client.post("/auth/verify-email", json={"token": wrong})
    keys.create(owner.client, ["contacts:read"])
    ok(sql_api.post("/accounts/invitations", json={"email": address()}))
    sql_api.delete(f"/tokens/{wrong}")
    sql_api.post("/tokens/revoke", json={"token": wrong})
    text = json.dumps(sql_database.run("SELECT * FROM audit"), ensure_ascii=False)
    assert "register" in text
    assert [secret for secret in vault.all_secrets() if len(secret) >= 8 and secret in text] == []
