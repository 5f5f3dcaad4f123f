"""POST /deleted/{guid}/restore is one planned change: the dry run and the audit row list all of its
steps, memberships that are not given back are named, and hidden entries do not exist."""

import functools
import uuid

import pytest

from support import contract
from support.audit_rows import flat, predicted, row_of
from support.client import Client, path_of
from support.database import Database
from support.entries import COMPUTERS, CONTAINERS, GROUPS, OUS, Entries, tag
from support.ldap_admin import SHOW_DELETED, rdn
from support.people import USERS, People
from support.revealed import comparable, send_at_same_cost

KINDS = {"user": USERS, "group": GROUPS, "computer": COMPUTERS, "ou": OUS,
         "container": CONTAINERS}
DISABLED = 2  # bit of userAccountControl
MANY = 620  # more than the 500 members that a restore gave back before
DRY_RUN = {"dry_run": "true"}


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def row(stack, request):
    """Returns a function that reads the audit row of a response."""
    server = request.getfixturevalue("postgres") if "DATABASE_URL" in stack.env else None
    return lambda response: row_of(Database(stack, server), response)


def restore(api, guid, parameters=None, headers=None, **body):
    return api.post(f"/deleted/{guid}/restore", json=body, params=parameters, headers=headers)


def restored(response):
    assert response.status_code == 200, response.text
    return contract.check_restored(response.json())


def missing(body):
    return {each["dn"]: each["code"] for each in body["missing_memberships"]}


# --- the plan -------------------------------------------------------------------------------------

def test_dry_run_and_audit_row_list_all_steps_of_a_user(api, people, groups, ldap_admin, row):
    made, joined = people.create(title="Clerk"), [groups.create() for _ in range(3)]
    for group in joined:
        ldap_admin.add_member(group["dn"], made["dn"])
    people.delete(made["sAMAccountName"])
    guid = made["objectGUID"]
    expected = predicted(restore(api, guid, DRY_RUN))
    for group in joined:
        assert ("group", group["objectGUID"], "member", None, made["dn"]) in expected
        assert ("user", guid, "memberOf", None, group["dn"]) in expected
    assert ("user", guid, "enabled", True, False) in expected
    assert ("user", guid, "title", None, "Clerk") in expected
    assert ldap_admin.find_guid(guid) is None
    assert all(ldap_admin.members(group["dn"]) == [] for group in joined)
    response = restore(api, guid)
    assert restored(response)["missing_memberships"] == []
    found = row(response)
    assert (found["resource"], found["object_id"], found["status"]) == ("user", guid, "success")
    assert sorted(found["changes"], key=repr) == sorted(expected, key=repr)
    now = people.get(guid)
    assert now["enabled"] is False and now["title"] == "Clerk"
    assert all(ldap_admin.members(group["dn"]) == [made["dn"]] for group in joined)


def test_dry_run_and_audit_row_list_all_steps_of_a_group(api, people, groups, ldap_admin, row):
    members, group = [people.create() for _ in range(2)], groups.create()
    ldap_admin.add_member(group["dn"], *(member["dn"] for member in members))
    groups.delete(group["cn"])
    guid = group["objectGUID"]
    expected = predicted(restore(api, guid, DRY_RUN))
    for member in members:
        assert ("group", guid, "member", None, member["dn"]) in expected
        assert ("user", member["objectGUID"], "memberOf", None, group["dn"]) in expected
    assert not [each for each in expected if each[2] == "enabled"]
    response = restore(api, guid)
    assert restored(response)["lost"] == []
    assert sorted(row(response)["changes"], key=repr) == sorted(expected, key=repr)
    assert sorted(ldap_admin.members(group["dn"])) == sorted(member["dn"] for member in members)


def test_disabled_account_is_not_disabled_again(api, people):
    made = people.create(enabled=False)
    people.delete(made["sAMAccountName"])
    assert not [each for each in predicted(restore(api, made["objectGUID"], DRY_RUN))
                if each[2] == "enabled"]


def test_ldif_of_dry_run_has_the_same_effect(api, people, groups, ldap_admin):
    made, group = people.create(title="Clerk"), groups.create()
    ldap_admin.add_member(group["dn"], made["dn"])
    people.delete(made["sAMAccountName"])
    response = restore(api, made["objectGUID"], DRY_RUN, {"Accept": "text/ldif"})
    assert response.status_code == 200, response.text
    assert response.text.count("changetype: modify") == 3
    ldap_admin.apply(response.content, controls=[SHOW_DELETED])
    [entry] = ldap_admin.ldapsearch("(objectClass=*)", "userAccountControl", "title", "memberOf",
                                    base=made["dn"])
    assert int(entry["userAccountControl"][0]) & DISABLED
    assert entry["title"] == [b"Clerk"]
    assert entry["memberOf"] == [group["dn"].encode()]


def test_group_with_many_members_gets_all_of_them_back(api, groups, ldap_admin, row):
    group, place = groups.create(), ldap_admin.add_ou(tag())
    members = [ldap_admin.add(f"{rdn(f'c{number}')},{place}", objectClass="contact")
               for number in range(MANY)]
    ldap_admin.add_member(group["dn"], *members)
    groups.delete(group["cn"])
    response = restore(api, group["objectGUID"])
    body = restored(response)
    assert "member" in body["restored"] and body["missing_memberships"] == []
    assert sorted(ldap_admin.members(group["dn"])) == sorted(members)
    given = [after for _, _, field, _, after in row(response)["changes"] if field == "member"]
    assert sorted(given) == sorted(members)


# --- memberships that are not given back ----------------------------------------------------------

def test_membership_without_right_is_named_and_not_planned(api, people, groups, ldap_admin, row,
                                                           deny_members):
    made, plain, denied, gone = people.create(), *(groups.create() for _ in range(3))
    for group in (plain, denied, gone):
        ldap_admin.add_member(group["dn"], made["dn"])
    people.delete(made["sAMAccountName"])
    deny_members(denied["dn"])
    groups.delete(gone["cn"])
    expected = predicted(restore(api, made["objectGUID"], DRY_RUN))
    assert [each[1] for each in expected if each[2] == "member"] == [plain["objectGUID"]]
    response = restore(api, made["objectGUID"])
    body = restored(response)
    assert missing(body) == {denied["dn"]: "DIRECTORY_FORBIDDEN", gone["dn"]: "NOT_FOUND"}
    assert "memberOf" in body["lost"]
    changes = row(response)["changes"]
    assert sorted(changes, key=repr) == sorted(expected, key=repr)
    assert ("user", made["objectGUID"], "missing_memberships", None,
            body["missing_memberships"]) in changes
    assert ldap_admin.members(denied["dn"]) == []


def test_member_that_does_not_exist_any_more_is_named(api, people, groups, ldap_admin):
    member, other, group = people.create(), people.create(), groups.create()
    ldap_admin.add_member(group["dn"], member["dn"], other["dn"])
    groups.delete(group["cn"])
    people.delete(member["sAMAccountName"])
    body = restored(restore(api, group["objectGUID"]))
    assert missing(body) == {member["dn"]: "NOT_FOUND"}
    assert ldap_admin.members(group["dn"]) == [other["dn"]]


# --- the history ----------------------------------------------------------------------------------

def test_history_of_entry_has_its_restore(api, ldap_admin, ou, kind):
    entries = (People(api, ldap_admin, ou) if kind == "user"
               else Entries(api, ldap_admin, KINDS[kind], ou))
    made = entries.create()
    entries.delete(made[entries.kind.key])
    restored(restore(api, made["objectGUID"]))
    response = api.get(path_of(entries.kind.path, made["objectGUID"], "history"))
    assert response.status_code == 200, response.text
    first = response.json()["items"][0]
    assert (first["action"], first["resource"], first["resource_id"], first["status"]) == (
        "restore_entry", kind, made["objectGUID"], "success")
    changes = [flat(change, kind, made["objectGUID"]) for change in first["changes"]]
    assert [each for each in changes if each[2] == "deleted_at"][0][4] is None


def test_failed_restore_is_in_the_history(api, people):
    made = people.create()
    people.delete(made["sAMAccountName"])
    people.create(cn=made["cn"])
    contract.check_error(restore(api, made["objectGUID"]), 409, "ALREADY_EXISTS")
    response = api.get(path_of("/audit"), params={
        "filter": f'resource_id eq "{made["objectGUID"]}" and resource eq "user"'})
    first = response.json()["items"][0]
    assert (first["action"], first["status"], first["code"]) == (
        "restore_entry", "failure", "ALREADY_EXISTS")


# --- hidden entries -------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def administrator(delegated_stack):
    client = Client(f"{delegated_stack.https_url}/api/v1", delegated_stack.ca_file)
    return client.bearing(client.login(*delegated_stack.administrator)["access_token"])


@pytest.fixture(scope="module")
def delegate(administrator, ldap_admin):
    """Returns a caller with rights on a unit, and a unit that the caller does not see."""
    top = ldap_admin.add_ou(tag())
    seen, hidden = (ldap_admin.add_ou(tag(), top) for _ in range(2))
    user = People(administrator, ldap_admin, hidden).create()
    response = administrator.post("/delegations", json={
        "principal": user["dn"], "scope": seen, "rights": ["read", "create", "members"]})
    assert response.status_code == 201, response.text
    tokens = administrator.as_anonymous().login(user["sAMAccountName"], user["password"])
    return administrator.bearing(tokens["access_token"]), seen, hidden


def hidden_entries(administrator, ldap_admin, hidden):
    """Returns the GUIDs of a deleted user, one below two deleted units, and one that exists."""
    people, units = (People(administrator, ldap_admin, hidden),
                     Entries(administrator, ldap_admin, OUS, hidden))
    plain, existing = people.create(), people.create()
    people.delete(plain["sAMAccountName"])
    upper = units.create()
    lower = Entries(administrator, ldap_admin, OUS, upper["dn"]).create()
    deep = People(administrator, ldap_admin, lower["dn"]).create()
    ldap_admin.delete(deep["dn"])
    ldap_admin.delete(lower["dn"])
    ldap_admin.delete(upper["dn"])
    return [each["objectGUID"] for each in (plain, deep, upper, existing)]


@pytest.mark.parametrize("parameters", [{}, DRY_RUN], ids=str)
def test_hidden_entry_is_answered_like_absent_entry(administrator, delegate, ldap_admin,
                                                    parameters):
    client, _, hidden = delegate
    absent = str(uuid.uuid4())
    for guid in hidden_entries(administrator, ldap_admin, hidden):
        there, nowhere = send_at_same_cost(
            administrator, *(functools.partial(restore, client, each, parameters)
                             for each in (guid, absent)))
        contract.check_error(nowhere, 404, "NOT_FOUND")
        assert comparable(there, guid) == comparable(nowhere, absent)


def test_hidden_groups_are_not_named(administrator, delegate, ldap_admin):
    client, seen, hidden = delegate
    people = People(administrator, ldap_admin, seen)
    made = people.create()
    secret = ldap_admin.add_group(tag(), hidden, made["dn"])
    shown = ldap_admin.add_group(tag(), seen, made["dn"])
    people.delete(made["sAMAccountName"])
    texts = [restore(client, made["objectGUID"], parameters).text for parameters in (DRY_RUN, {})]
    assert shown in texts[0] and all(secret not in text for text in texts)
    assert ldap_admin.members(shown) == [made["dn"]] and ldap_admin.members(secret) == []
