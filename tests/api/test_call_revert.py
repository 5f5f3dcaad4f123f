"""POST /audit/{id}/revert of organizations, members, API keys, tags of files and delegations: the
inverse call is made, with its own rules, if nothing has changed since."""

import pytest

from support import contract, crm, files
from support.accounts import Accounts
from support.audit_rows import flat, predicted, row_of
from support.database import Database
from support.entries import tag


def revert(client, row, **query):
    return client.post(f"/audit/{row}/revert", params=query)


def row_after(database, response):
    """Returns the id of the audit row of a request, which must have succeeded."""
    assert response.ok, response.text
    [[row]] = database.run(f"SELECT id FROM audit WHERE request_id = "
                           f"'{response.headers['X-Request-ID']}'")
    return int(row)


def must_revert(database, client, row):
    """Compares the revert with its dry run and its audit row; returns its row."""
    promised = predicted(revert(client, row, dry_run="true"))
    response = revert(client, row)
    assert response.status_code == 200, response.text
    body = response.json()
    assert body["reverts"] == row
    assert [flat(change) for change in body["changes"]] == row_of(database, response)["changes"]
    assert [(change[0], *change[2:]) for change in promised] == [
        (change[0], *change[2:]) for change in row_of(database, response)["changes"]]
    return body["id"]


def changed_fields(response):
    return {detail["field"] for detail in crm.error_details(response, 409, "CHANGED_SINCE")}


def not_revertible(response):
    return {detail["field"] for detail in crm.error_details(response, 409, "NOT_REVERTIBLE")}


@pytest.fixture
def owner(accounts):
    return accounts.register()


# --- organizations and members --------------------------------------------------------------------

def test_organization_gets_its_previous_name_and_currency(owner, sql_database):
    before = owner.client.get(owner.path).json()
    row = row_after(sql_database, owner.client.patch(owner.path, json={"name": "Другое",
                                                                       "currency": "EUR"}))
    again = must_revert(sql_database, owner.client, row)
    now = owner.client.get(owner.path).json()
    assert (now["name"], now["currency"]) == (before["name"], before["currency"])
    must_revert(sql_database, owner.client, again)
    assert owner.client.get(owner.path).json()["name"] == "Другое"


def test_organization_that_has_changed_since_stays_as_it_is(owner, sql_database):
    row = row_after(sql_database, owner.client.patch(owner.path, json={"name": "Первое"}))
    assert owner.client.patch(owner.path, json={"name": "Второе"}).ok
    assert changed_fields(revert(owner.client, row)) == {"name"}
    assert changed_fields(revert(owner.client, row, dry_run="true")) == {"name"}
    assert owner.client.get(owner.path).json()["name"] == "Второе"
    [[count]] = sql_database.run(f"SELECT count(*) FROM audit WHERE reverts = {row} "
                                 "AND status = 'success'")
    assert count == "0"


def test_rules_of_the_call_apply_to_its_revert(owner, sql_database):
    row = row_after(sql_database, owner.client.patch(owner.path, json={"currency": "EUR"}))
    assert owner.client.post("/deals", json={"title": "x", "amount": 1}).ok
    contract.check_error(revert(owner.client, row), 409, "CURRENCY_IN_USE")


def test_member_gets_the_previous_role(accounts, owner, sql_database):
    member = accounts.member(owner, "SALES")
    path = f"{owner.path}/members/{member.id}"
    row = row_after(sql_database, owner.client.patch(path, json={"role": "ADMIN"}))
    contract.check_error(revert(accounts.member(owner, "SALES").client, row), 404, "NOT_FOUND")
    must_revert(sql_database, owner.client, row)
    assert sql_database.run(f"SELECT role FROM members WHERE account_id = {member.id} "
                            f"AND organization_id = {owner.organization}") == [("SALES",)]
    assert changed_fields(revert(owner.client, row)) == {"role"}


def test_role_of_a_removed_member_is_not_reverted(accounts, owner, sql_database):
    member = accounts.member(owner, "SALES")
    path = f"{owner.path}/members/{member.id}"
    row = row_after(sql_database, owner.client.patch(path, json={"role": "VIEWER"}))
    removal = row_after(sql_database, owner.client.delete(path))
    assert changed_fields(revert(owner.client, row)) == {"role"}
    assert not_revertible(revert(owner.client, removal)) == {"action"}


def test_rows_of_other_organizations_do_not_exist(accounts, owner, sql_database):
    row = row_after(sql_database, owner.client.patch(owner.path, json={"name": "x"}))
    contract.check_error(revert(accounts.register().client, row), 404, "NOT_FOUND")


# --- API keys and files ---------------------------------------------------------------------------

def test_key_gets_its_previous_name_and_no_scope_that_it_has_lost(owner, sql_database):
    key = owner.client.post("/api-keys", json={"name": "a", "scopes": ["contacts:read",
                                                                       "deals:read"]}).json()
    path = f"/api-keys/{key['id']}"
    renamed = row_after(sql_database, owner.client.patch(path, json={"name": "b"}))
    must_revert(sql_database, owner.client, renamed)
    assert owner.client.get(path).json()["name"] == "a"
    narrowed = row_after(sql_database, owner.client.patch(path, json={"scopes": ["deals:read"]}))
    contract.check_error(revert(owner.client, narrowed), 400, "VALIDATION_ERROR")
    assert owner.client.get(path).json()["scopes"] == ["deals:read"]


def test_file_gets_its_previous_tags(owner, sql_database):
    path = f"/files/{files.upload(owner.client)['filename']}/tags"
    assert owner.client.put(path, json=["a", "b"]).ok
    row = row_after(sql_database, owner.client.put(path, json=["c"]))
    must_revert(sql_database, owner.client, row)
    assert sorted(owner.client.get(path.removesuffix("/tags") + "/info").json()["tags"]) == [
        "a", "b"]
    assert changed_fields(revert(owner.client, row)) == {"tags"}


# --- delegations ----------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def database(stack, request):
    server = request.getfixturevalue("postgres") if "postgres" in stack.env.get(
        "DATABASE_URL", "") else None
    return Database(stack, server)


@pytest.fixture
def body(ldap_admin, ou):
    return {"principal": ldap_admin.add_group(tag(), ou), "scope": ou,
            "rights": ["read", "update"], "fields": ["mobile"]}


def without_number(delegation):
    return {name: value for name, value in delegation.items()
            if name not in ("id", "created_at", "updated_at", "version")}


def test_delegation_gets_its_previous_rights(api, body, database):
    made = api.post("/delegations", json=body).json()
    path = f"/delegations/{made['id']}"
    changed = api.patch(path, json={"rights": ["unlock"], "fields": None})
    must_revert(database, api, row_after(database, changed))
    assert without_number(api.get(path).json()) == without_number(made)
    assert changed_fields(revert(api, row_after(database, changed))) == {"rights"}
    assert api.delete(path).ok


def test_new_delegation_is_deleted_and_a_deleted_one_is_created_again(api, body, database):
    response = api.post("/delegations", json=body)
    made = response.json()
    gone = must_revert(database, api, row_after(database, response))
    contract.check_error(api.get(f"/delegations/{made['id']}"), 404, "NOT_FOUND")
    again = must_revert(database, api, gone)
    [[number]] = database.run(f"SELECT object_id FROM audit WHERE id = {again}")
    assert int(number) != made["id"]
    assert without_number(api.get(f"/delegations/{number}").json()) == without_number(made)
    removed = row_after(database, api.delete(f"/delegations/{number}"))
    last = must_revert(database, api, removed)
    [[number]] = database.run(f"SELECT object_id FROM audit WHERE id = {last}")
    assert api.delete(f"/delegations/{number}").ok


def test_delegation_of_a_deleted_group_is_not_created_again(api, body, database, ldap_admin):
    made = api.post("/delegations", json=body).json()
    row = row_after(database, api.delete(f"/delegations/{made['id']}"))
    ldap_admin.delete(body["principal"])
    contract.check_error(revert(api, row), 400, "VALIDATION_ERROR")


def test_account_of_an_organization_does_not_see_rows_of_delegations(api, body, database,
                                                                     anonymous):
    response = api.post("/delegations", json=body)
    stranger = Accounts(anonymous).register().client
    contract.check_error(revert(stranger, row_after(database, response)), 404, "NOT_FOUND")
    assert api.delete(f"/delegations/{response.json()['id']}").ok
