"""POST /audit/{id}/revert for changes of the directory: a change is undone by its audit row if
nothing has changed since, with the rights and the checks of the change itself."""

import pytest

from support import audit_rows, contract, crm, vault
from support.client import path_of, user_path
from support.database import Database
from support.entries import tag

# Attributes that the directory sets at each write, or that a revert cannot restore.
WRITE_TRACES = {"whenChanged", "uSNChanged", "pwdLastSet", "unicodePwd", "dSCorePropagationData",
                "msDS-UserPasswordExpiryTimeComputed", "modifyTimeStamp", "replPropertyMetaData",
                "msDS-RevealedDSAs", "logonCount"}


@pytest.fixture(scope="module")
def database(stack):
    return Database(stack)


@pytest.fixture
def made(api, database):
    """Returns a function that sends a request, which must succeed; returns its audit row."""
    def send(method, path, client=None, **arguments):
        response = (client or api).request(method, path, **arguments)
        assert response.status_code < 300, response.text
        return last_row(database, response)
    return send


def last_row(database, response):
    """Returns the id of the audit row of the request that a response answers."""
    [[row]] = database.run("SELECT id FROM audit WHERE request_id = "
                           f"'{response.headers['X-Request-ID']}'")
    return int(row)


def revert(client, row, **query):
    return client.request("POST", f"/audit/{row}/revert", params=query)


def must_revert(client, row):
    """Reverts the row, which must succeed as its dry run says; returns the id of the new row."""
    planned = audit_rows.predicted(revert(client, row, dry_run="true"))
    response = revert(client, row)
    assert response.status_code == 200, response.text
    body = response.json()
    assert set(body) == {"id", "reverts", "changes"} and body["reverts"] == row
    assert [audit_rows.flat(change) for change in body["changes"]] == planned
    return body["id"]


def changed_since(response):
    """Asserts that the row cannot be reverted; returns the current values by field."""
    details = crm.error_details(response, 409, "CHANGED_SINCE")
    return {detail["field"]: detail["message"].split(": ", 1)[-1] for detail in details}


def irreversible(response):
    """Asserts that the row has no inverse; returns the fields that the details name."""
    return {detail["field"] for detail in crm.error_details(response, 409, "NOT_REVERTIBLE")}


def shown(ldap_admin, guid):
    """Returns the DN and the attributes of an entry, without those that each write changes."""
    dn = ldap_admin.find_guid(guid)
    return ldap_admin.tree(dn, WRITE_TRACES)[0] if dn else None


# --- attributes -----------------------------------------------------------------------------------


def test_revert_restores_changed_fields_of_a_user(api, ldap_admin, people, database, made):
    boss, other = people.create(), people.create()
    user = people.create(title="Менеджер", department="x", c="DE", manager=boss["dn"],
                         userWorkstations=["pc-1", "pc-2"], accountExpires="2030-01-01T00:00:00Z")
    guid = user["objectGUID"]
    before = shown(ldap_admin, guid)
    row = made("PATCH", user_path(user["sAMAccountName"]), json={
        "title": None, "department": "Отдел \"y\"\\", "c": "RU", "manager": other["objectGUID"],
        "userWorkstations": [], "accountExpires": None, "mail": "x@example.com",
        "passwordNeverExpires": True, "enabled": False, "must_change_password": True})
    changed = shown(ldap_admin, guid)
    assert changed != before
    undone = must_revert(api, row)
    assert shown(ldap_admin, guid) == before
    assert database.run("SELECT action, resource, object_id, status, reverts, directory FROM audit "
                        f"WHERE id = {undone}") == [
        ("revert_update_user", "user", guid, "success", str(row), "1")]
    must_revert(api, undone)
    assert shown(ldap_admin, guid) == changed


def test_fields_that_have_changed_since_are_named(api, ldap_admin, people, made):
    user = people.create(title="a", department="a", company="a")
    path = user_path(user["sAMAccountName"])
    row = made("PATCH", path, json={"title": "b", "department": "b", "enabled": False})
    made("PATCH", path, json={"title": "c", "company": "c", "enabled": True})
    before = shown(ldap_admin, user["objectGUID"])
    assert changed_since(revert(api, row)) == {"title": '"c"', "enabled": "true"}
    assert changed_since(revert(api, row, dry_run="true")) == {"title": '"c"', "enabled": "true"}
    assert shown(ldap_admin, user["objectGUID"]) == before
    made("PATCH", path, json={"title": "b", "enabled": False, "passwordNeverExpires": True})
    must_revert(api, row)
    after = people.get(user["sAMAccountName"])
    assert (after["title"], after["department"], after["company"]) == ("a", "a", "c")
    assert after["enabled"] and after["passwordNeverExpires"]


def test_row_is_reverted_only_once(api, people, made):
    user = people.create()
    row = made("PATCH", user_path(user["sAMAccountName"]), json={"title": "b"})
    must_revert(api, row)
    assert changed_since(revert(api, row)) == {"title": "null"}


def test_dry_run_of_revert_writes_nothing(api, ldap_admin, people, made, database):
    user = people.create(title="a")
    row = made("PATCH", user_path(user["sAMAccountName"]), json={"title": "b"})
    before = shown(ldap_admin, user["objectGUID"])
    response = revert(api, row, dry_run="true")
    assert audit_rows.predicted(response) == [("user", user["objectGUID"], "title", "b", "a")]
    assert not audit_rows.rows_of(database, response)
    ldif = api.request("POST", f"/audit/{row}/revert", params={"dry_run": "true"},
                       headers={"Accept": "text/ldif"})
    assert ldif.headers["Content-Type"].startswith("text/ldif") and b"title: a" in ldif.content
    assert shown(ldap_admin, user["objectGUID"]) == before
