"""Delegations: sessions that end with them, outages, other hosts, and DIRECTORY_READERS."""

import pytest
from stack.directory import LOGIN_SETTINGS

from support import contract
from support.client import user_path
from support.ldap_admin import rdn
from support.people import People, tag
from support.waiting import wait_until

GLOBAL_SECURITY_GROUP = "-2147483646"
DOMAIN_USERS = "513"
PAST = "132000000000000000"  # FILETIME of a day in 2019
SETTINGS = {"LDAP_LOGIN_CACHE_S": 1, **LOGIN_SETTINGS}
WITHIN_S = 25


class Office:
    """A unit with people, and the service that manages their delegations."""

    def __init__(self, rig, ldap_admin):
        wait_until(lambda: rig.api.get("/users/Administrator").ok,
                   what="the directory to be reachable")
        self.rig, self.ldap_admin = rig, ldap_admin
        self.ou = ldap_admin.add_ou(tag())
        self.people = People(rig.api, ldap_admin, self.ou)

    def group(self, *members):
        name = tag()
        dn = self.ldap_admin.add(f"{rdn(name)},{self.ou}", objectClass="group",
                                 sAMAccountName=name, groupType=GLOBAL_SECURITY_GROUP)
        for member in members:
            self.ldap_admin.add_member(dn, member)
        return dn

    def delegate(self, principal, *rights, scope=None):
        response = self.rig.api.post("/delegations", json={
            "principal": principal, "scope": scope or self.ou, "rights": list(rights)})
        assert response.status_code == 201, response.text
        return response.json()

    def log_in(self, user):
        tokens = self.rig.anonymous().login(user["sAMAccountName"], user["password"])
        return self.rig.anonymous().bearing(tokens["access_token"])

    def principals(self, user):
        """Returns the principals of the user's live sessions, as stored."""
        return [row[0].split() for row in self.rig.database.run(
            "SELECT principals FROM sessions WHERE ended_at IS NULL AND "
            f"subject = 'directory:{user['objectGUID']}'")]


def has_ended(client):
    return client.get("/auth/me").status_code == 401


@pytest.fixture
def office(make_sql_rig, directory, ldap_admin):
    return Office(make_sql_rig(directory, **SETTINGS), ldap_admin)


# --- sessions -------------------------------------------------------------------------------------

def test_session_ends_when_user_leaves_the_group_of_a_delegation(office):
    """Vera leaves the inner group; Ilja stays in it; Mallory's rights are his own."""
    vera, ilja, mallory = (office.people.create() for _ in range(3))
    inner = office.group(vera["dn"], ilja["dn"])
    outer = office.group(inner)
    office.delegate(outer, "update")
    office.delegate(mallory["dn"], "update")
    clients = [office.log_in(user) for user in (vera, ilja, mallory)]
    assert all(len(office.principals(user)[0]) == 1 for user in (vera, ilja, mallory))
    office.ldap_admin.remove_member(inner, vera["dn"])
    wait_until(lambda: has_ended(clients[0]), WITHIN_S, "Vera's session to end")
    assert not has_ended(clients[1]) and not has_ended(clients[2])
    again = office.log_in(vera)
    assert office.principals(vera) == [[]]
    contract.check_error(again.patch(user_path(ilja["sAMAccountName"]), json={"title": "x"}), 403,
                         "FORBIDDEN")


def test_session_ends_when_user_leaves_a_group_that_got_rights_after_the_login(office):
    vera = office.people.create()
    group = office.group(vera["dn"])
    client = office.log_in(vera)
    assert office.principals(vera) == [[]]
    office.delegate(group, "update")
    wait_until(lambda: len(office.principals(vera)[0]) == 1, WITHIN_S,
               "the session to record the group")
    office.ldap_admin.delete(group)
    wait_until(lambda: has_ended(client), WITHIN_S, "the session to end")


def test_session_survives_deletion_of_the_delegation(office):
    vera = office.people.create()
    group = office.group(vera["dn"])
    made = office.delegate(group, "update")
    client = office.log_in(vera)
    assert office.rig.api.delete(f"/delegations/{made['id']}").status_code == 204
    wait_until(lambda: office.principals(vera) == [[]], WITHIN_S, "the session to forget the group")
    office.ldap_admin.remove_member(group, vera["dn"])
    other = office.people.create()
    office.delegate(other["dn"], "read")
    last = office.log_in(other)
    office.ldap_admin.set(other["dn"], "accountExpires", PAST)
    wait_until(lambda: has_ended(last), WITHIN_S, "a later round of checks")
    assert not has_ended(client)


def test_session_of_a_member_by_primary_group_ends_when_that_changes(office):
    vera = office.people.create()
    group = office.group()
    office.ldap_admin.make_primary(group, vera["dn"])
    office.delegate(group, "update")
    client = office.log_in(vera)
    assert len(office.principals(vera)[0]) == 1
    office.ldap_admin.set(vera["dn"], "primaryGroupID", DOMAIN_USERS)
    office.ldap_admin.remove_member(group, vera["dn"])
    wait_until(lambda: has_ended(client), WITHIN_S, "the session to end")


# --- rules ----------------------------------------------------------------------------------------

def test_rules_that_another_host_changes_apply_to_the_next_request(office):
    """The row is changed in the database, as another host does."""
    vera, other = office.people.create(), office.people.create()
    made = office.delegate(vera["dn"], "update")
    client = office.log_in(vera)
    path = user_path(other["sAMAccountName"])
    assert client.patch(path, json={"title": "x"}).status_code == 200

    def change(statement):
        office.rig.database.run(statement)
        office.rig.database.run("UPDATE delegation_changes SET version = version + 1")
    for rights, status in ((2 ** 40 + 1, 403), (2 ** 40 + 16, 200), (0, 403)):
        change(f"UPDATE delegations SET rights = {rights} WHERE id = {made['id']}")
        assert client.patch(path, json={"title": tag()}).status_code == status, rights
    change(f"DELETE FROM delegations WHERE id = {made['id']}")
    contract.check_error(client.patch(path, json={"title": "z"}), 403, "FORBIDDEN")


def test_missing_scopes_and_principals_are_logged_at_the_start(office):
    unit, holder = office.ldap_admin.add_ou(tag(), office.ou), office.people.create()
    kept = office.delegate(office.group(), "read")
    lost = [office.delegate(office.group(), "read", scope=unit), office.delegate(holder["dn"],
                                                                                 "read")]
    office.ldap_admin.delete(unit)
    office.ldap_admin.delete(holder["dn"])
    office.rig.restart()

    def warnings():
        return [line["message"] for line in office.rig.log() if line["level"] == "warning"
                and line["message"].startswith("delegations: ")]
    wait_until(lambda: len(warnings()) >= 2, WITHIN_S, "the warnings")
    texts = warnings()
    assert len(texts) == 2 and not any(f": {kept['id']} " in text for text in texts)
    assert f"delegations: {lost[0]['id']} " in texts[0] and unit in texts[0]
    assert f"delegations: {lost[1]['id']} " in texts[1] and holder["cn"] in texts[1]
    wait_until(lambda: office.rig.database.run(
        "SELECT id FROM delegations WHERE principal IS NULL OR scope IS NULL ORDER BY id") == [
            (str(each["id"]),) for each in lost], WITHIN_S, "the rows without names")
    missing = office.rig.api.get("/delegations", params={
        "filter": "not (principal pr and scope pr)", "sort": "id"}).json()["items"]
    assert [each["id"] for each in missing] == [each["id"] for each in lost]


# --- outages --------------------------------------------------------------------------------------

def test_service_starts_and_lists_fail_while_the_directory_is_down(make_rig, directory, ldap_admin,
                                                                   proxy):
    rig = make_rig(directory, LDAP_SERVER=f"127.0.0.1:{proxy.port}",
                   LDAP_TLS_CA_FILE=proxy.ca_file, **SETTINGS)
    office = Office(rig, ldap_admin)
    vera = office.people.create()
    made = office.delegate(vera["dn"], "update")
    client = office.log_in(vera)
    assert client.get("/auth/me").json()["delegations"][0]["id"] == made["id"]
    proxy.stop()
    path = f"/delegations/{made['id']}"
    for call in ("/delegations", path):
        contract.check_error(rig.api.get(call), 503, "DIRECTORY_UNAVAILABLE")
    assert client.get("/auth/me").status_code == 200
    rig.restart()
    assert rig.anonymous("").get("/health").status_code == 200
    assert rig.api.delete(path).status_code == 204


# --- DIRECTORY_READERS ----------------------------------------------------------------------------

def test_delegated_readers_need_a_delegation(make_rig, directory, ldap_admin):
    office = Office(make_rig(directory, **SETTINGS, DIRECTORY_READERS="delegated"), ldap_admin)
    vera, ilja, stranger = (office.people.create() for _ in range(3))
    made = office.delegate(office.group(vera["dn"]), "read")
    reader, nobody = office.log_in(vera), office.log_in(stranger)
    calls = ("/users", "/groups", "/ous", "/containers", "/computers", "/tree", "/password-policy",
             user_path(ilja["sAMAccountName"]), f"{user_path(ilja['sAMAccountName'])}/groups")
    for call in calls:
        contract.check_error(nobody.get(call), 403, "FORBIDDEN")
        assert office.rig.api.get(call).status_code == 200, call
    assert reader.get("/users").status_code == 200
    assert reader.get(user_path(ilja["sAMAccountName"])).status_code == 200
    assert reader.get("/auth/me").json()["permissions"] == ["directory:read"]
    assert nobody.get("/auth/me").json()["permissions"] == []
    assert office.rig.api.delete(f"/delegations/{made['id']}").status_code == 204
    contract.check_error(reader.get("/users"), 403, "FORBIDDEN")
