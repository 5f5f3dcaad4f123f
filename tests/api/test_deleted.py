"""Deleted entries: GET /deleted and POST /deleted/{guid}/restore. ldapsearch shows what the
directory keeps of a deleted object, and what it has after the restore."""

import uuid

import ldap
import pytest

from support import contract, filters, vault
from support.client import Client
from support.entries import COMPUTERS, CONTAINERS, GROUPS, OUS, Entries, tag
from support.filters import BOOLEAN, TEXT, TIME, Field
from support.ldap_admin import guid_text, rdn, same_dn
from support.people import USERS, People

KINDS = {"user": USERS, "group": GROUPS, "computer": COMPUTERS, "ou": OUS,
         "container": CONTAINERS}
ACCOUNTS = ("user", "computer")
DISABLED = 2  # bit of userAccountControl
# Attributes that the directory changes by a deletion and a restore.
CHANGED = {"uSNChanged", "whenChanged", "nTSecurityDescriptor", "dSCorePropagationData"}
FIELDS = [Field("objectGUID", TEXT), Field("name", TEXT), Field("kind", TEXT),
          Field("sAMAccountName", TEXT), Field("lastKnownParent", TEXT),
          Field("parent_exists", BOOLEAN), Field("deleted_at", TIME),
          Field("restorable", BOOLEAN), Field("reason", TEXT)]


def entries_of(kind, api, ldap_admin, parent):
    return (People(api, ldap_admin, parent) if kind == "user"
            else Entries(api, ldap_admin, KINDS[kind], parent))


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


def read_items(api, **parameters):
    response = api.get("/deleted", params={"limit": 1000, **parameters})
    assert response.status_code == 200, response.text
    return contract.check_list(response.json())


def find_item(api, guid):
    """Returns the item with this objectGUID; None if it is not listed."""
    found = [contract.check_deleted(item) for item in read_items(api)
             if item["objectGUID"] == guid]
    assert len(found) <= 1
    return found[0] if found else None


def restore(api, guid, **body):
    return api.post(f"/deleted/{guid}/restore", json=body)


def restored(api, guid, **body):
    """Restores an entry, which must succeed; returns the reply."""
    response = restore(api, guid, **body)
    assert response.status_code == 200, response.text
    return contract.check_restored(response.json())


def delete_user(people, **fields):
    """Creates and deletes a user; returns it as it was."""
    made = people.create(**fields)
    people.delete(made["sAMAccountName"])
    return made


# --- each kind ------------------------------------------------------------------------------------

def test_deleted_entry_is_listed_and_restored(api, ldap_admin, ou, audit, kind):
    entries = entries_of(kind, api, ldap_admin, ou)
    made = entries.create()
    name = made[entries.kind.name]
    before = ldap_admin.entry(made["dn"], ["*"])
    assert find_item(api, made["objectGUID"]) is None
    entries.delete(made[entries.kind.key])
    item = find_item(api, made["objectGUID"])
    assert (item["name"], item["kind"], item["parent_exists"]) == (name, kind, True)
    assert item["sAMAccountName"] == made.get("sAMAccountName")
    assert same_dn(item["lastKnownParent"], ou) and item["restorable"]
    response = restore(api, made["objectGUID"])
    assert response.status_code == 200, response.text
    body = contract.check_restored(response.json())
    assert same_dn(body["dn"], made["dn"]) and body["objectGUID"] == made["objectGUID"]
    assert ("password" in body["lost"]) == (kind in ACCOUNTS)
    assert find_item(api, made["objectGUID"]) is None
    now = entries.get(made["objectGUID"])
    for field in body["restored"]:
        assert now[field] == made[field], field
    [after] = ldap_admin.ldapsearch("(objectClass=*)", base=made["dn"])
    for attribute in ("objectGUID", "objectSid", "objectClass", "sAMAccountName", "groupType",
                      "objectCategory", "name"):
        assert after.get(attribute) == before.get(attribute), attribute
    line = audit.one_of(response)
    assert (line["action"], line["status"]) == ("restore_entry", "success")
    assert same_dn(line["details"]["dn"], made["dn"])


def test_account_without_password_is_disabled(api, ldap_admin, ou, people, computers):
    for entries in (people, computers):
        made = entries.create()
        ldap_admin.delete(made["dn"])
        body = restored(api, made["objectGUID"])
        assert {"enabled", "password", "memberOf"} <= set(body["lost"])
        [values] = ldap_admin.ldapsearch("(objectClass=*)", "userAccountControl", "pwdLastSet",
                                         base=made["dn"])
        assert int(values["userAccountControl"][0]) & DISABLED
        assert values["pwdLastSet"] == [b"0"]
        assert entries.get(made["objectGUID"])["enabled"] is False


def test_restored_user_can_log_in_with_new_password(api, anonymous, people):
    made = delete_user(people)
    restored(api, made["objectGUID"])
    name, password = made["sAMAccountName"], vault.password()
    for secret in (made["password"], ""):
        response = anonymous.post("/auth/login", json={"username": name, "password": secret})
        assert response.status_code in (400, 401), response.text
    people.change(made["objectGUID"], password=password, enabled=True)
    assert anonymous.login(name, password)["access_token"]


def test_values_that_the_directory_does_not_keep_are_reported(api, ldap_admin, people):
    """The audit has no values of a user that was deleted with another tool."""
    made = people.create(title="Clerk", mail=f"{tag()}@kontora.test", givenName="Anna")
    ldap_admin.delete(made["dn"])
    body = restored(api, made["objectGUID"])
    now = people.get(made["objectGUID"])
    for field in ("title", "mail", "givenName"):
        assert field in body["lost"] and now[field] is None
    assert {"cn", "sAMAccountName"} <= set(body["restored"])
    assert not ldap_admin.ldapsearch("(|(title=*)(mail=*)(givenName=*))", base=made["dn"])


def test_restored_group_has_its_sid_and_no_members(api, ldap_admin, groups, people):
    member = people.create()
    group = groups.create(description="x")
    ldap_admin.add_member(group["dn"], member["dn"])
    ldap_admin.delete(group["dn"])
    body = restored(api, group["objectGUID"])
    assert {"member", "description"} <= set(body["lost"]) and "password" not in body["lost"]
    assert groups.get(group["objectGUID"])["member"] == []


# --- values of the audit --------------------------------------------------------------------------

def attributes_of(ldap_admin, dn, without=()):
    """Returns the attributes of an entry as ldapsearch shows them, without those that every write
    changes."""
    [entry] = ldap_admin.ldapsearch("(objectClass=*)", base=dn)
    return {name: sorted(values) for name, values in entry.items()
            if name not in CHANGED and name not in without}


PERSON = {"title": "Chief \"Ёж\", clerk", "mail": "a.b@kontora.test", "givenName": "Анна",
          "sn": "X",
          "telephoneNumber": "+7 495 000-00-01", "department": "Sales", "c": "RU",
          "description": "two\nlines", "accountExpires": "2031-05-06T07:08:09.000Z",
          "userWorkstations": ["pc-1", "pc-2"], "passwordNeverExpires": True}


def test_user_deleted_through_the_api_gets_attributes_and_groups_back(api, ldap_admin, people,
                                                                     groups):
    manager, one, two = people.create(), groups.create(), groups.create()
    made = people.create(**PERSON, userPrincipalName=f"{tag()}@kontora.test",
                         manager=manager["dn"])
    for group in (one, two):
        ldap_admin.add_member(group["dn"], made["dn"])
    before = attributes_of(ldap_admin, made["dn"])
    people.delete(made["sAMAccountName"])
    body = restored(api, made["objectGUID"])
    assert sorted(body["lost"]) == ["enabled", "password"]
    assert {*PERSON, "memberOf", "manager", "userPrincipalName"} <= set(body["restored"])
    after = attributes_of(ldap_admin, made["dn"])
    changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    # Samba sets the counters of these to 0, and Kontora has disabled the account
    assert changed <= {"userAccountControl", "pwdLastSet", "adminCount", "operatorCount",
                       "lastKnownParent"}
    assert int(after["userAccountControl"][0]) == int(before["userAccountControl"][0]) | DISABLED
    assert sorted(after["memberOf"]) == sorted(group["dn"].encode() for group in (one, two))


def test_group_deleted_through_the_api_gets_members_back(api, ldap_admin, people, groups):
    members, outer, group = [people.create() for _ in range(3)], groups.create(), groups.create(
        description="x")
    ldap_admin.add_member(group["dn"], *(member["dn"] for member in members))
    ldap_admin.add_member(outer["dn"], group["dn"])
    groups.delete(group["cn"])
    people.delete(members[0]["sAMAccountName"])
    body = restored(api, group["objectGUID"])
    assert body["lost"] == ["member"]  # one member does not exist any more
    assert sorted(ldap_admin.members(group["dn"])) == sorted(
        member["dn"] for member in members[1:])
    assert groups.get(group["cn"])["description"] == "x"


def test_values_that_refer_to_deleted_entries_are_lost(api, people, groups):
    manager, group = people.create(), groups.create()
    made = people.create(manager=manager["dn"], title="Clerk")
    assert api.post(f"/groups/{group['cn']}/members/{made['sAMAccountName']}").status_code == 200
    for entries, name in ((people, made["sAMAccountName"]), (people, manager["sAMAccountName"]),
                          (groups, group["cn"])):
        entries.delete(name)
    body = restored(api, made["objectGUID"])
    assert {"manager", "memberOf"} <= set(body["lost"]) and "title" in body["restored"]


def test_taken_principal_name_is_lost(api, people):
    name = f"{tag()}@kontora.test"
    made = delete_user(people, userPrincipalName=name, title="Clerk")
    people.create(userPrincipalName=name)
    body = restored(api, made["objectGUID"])
    assert "userPrincipalName" in body["lost"] and "title" in body["restored"]


def test_values_of_an_earlier_deletion_are_not_used(api, ldap_admin, people):
    """After the first restore, the user is changed, and deleted with another tool."""
    made = delete_user(people, title="Clerk", department="Sales")
    assert "title" in restored(api, made["objectGUID"])["restored"]
    people.change(made["objectGUID"], title=None, department="Other")
    ldap_admin.delete(made["dn"])
    assert {"title", "department"} <= set(restored(api, made["objectGUID"])["lost"])
    now = people.get(made["objectGUID"])
    assert now["title"] is None and now["department"] is None


def test_dry_run_shows_values_and_restores_nothing(api, ldap_admin, people, audit):
    made = delete_user(people, title="Clerk")
    response = api.post(f"/deleted/{made['objectGUID']}/restore", params={"dry_run": "true"},
                        json={})
    assert response.status_code == 200, response.text
    body = response.json()
    assert body["dry_run"] is True
    changes = {change["field"]: change for change in body["changes"]}
    assert changes["title"]["after"] == "Clerk" and changes["title"]["before"] is None
    assert changes["title"]["id"] == made["objectGUID"]
    assert find_item(api, made["objectGUID"]) and ldap_admin.entry(made["dn"]) is None
    people.create(cn=made["cn"])
    response = api.post(f"/deleted/{made['objectGUID']}/restore", params={"dry_run": "true"},
                        json={})
    contract.check_error(response, 409, "ALREADY_EXISTS")


# --- the list -------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def many(api, ldap_admin):
    """Deletes entries of all kinds with one word in their names; returns the word."""
    word = tag()
    top = ldap_admin.add_ou(tag())
    for number, name in enumerate(("Ель", "Ёлка", "a, b", "B \"c\"", "x=y", "Zed")):
        full = f"{name} {word} {number}"
        dn = ldap_admin.add(f"{rdn(full)},{top}", objectClass="container")
        ldap_admin.delete(dn)
        account = f"{word}{number}"
        ldap_admin.delete(ldap_admin.add(f"{rdn(account)},{top}", objectClass="user",
                                         sAMAccountName=account))
        inner = ldap_admin.add_ou(full, top)
        group = ldap_admin.add_group(f"g{account}", inner)
        ldap_admin.delete(group)
        if number % 2:
            ldap_admin.delete(inner)
    ldap_admin.delete(ldap_admin.add(f"{rdn(f'contact {word}')},{top}", objectClass="contact"))
    return word


def test_list_has_what_ldapsearch_shows(api, ldap_admin, many):
    shown = {guid_text(entry["objectGUID"][0]): entry
             for entry in ldap_admin.deleted(f"(name=*{many}*)(!(objectClass=contact))")}
    items = read_items(api, search=many)
    assert len(items) == len(shown) == 21
    for item in items:
        contract.check_deleted(item)
        entry = shown[item["objectGUID"]]
        name = entry["name"][0].decode()
        assert name == f"{item['name']}\nDEL:{item['objectGUID']}"
        account = entry.get("sAMAccountName", [b""])[0].decode()
        assert (item["sAMAccountName"] or "") == account
        parent = entry["lastKnownParent"][0].decode()
        assert item["parent_exists"] == ("DEL:" not in parent)
        if item["parent_exists"]:
            assert same_dn(item["lastKnownParent"], parent)
        moment = entry["whenChanged"][0].decode()
        assert item["deleted_at"].replace("-", "").replace("T", "").replace(":", "")[:14] == (
            moment[:14])
    times = [item["deleted_at"] for item in items]
    assert times == sorted(times, reverse=True)


def test_former_parent_of_entry_below_deleted_parent_is_shown(api, many):
    items = read_items(api, search=f"g{many}")
    assert len(items) == 6
    for item in items:
        number = int(item["name"][-1])
        assert item["parent_exists"] == (number % 2 == 0)
        first = ldap.dn.str2dn(item["lastKnownParent"])[0][0]
        assert first[0] == "OU" and first[1].endswith(f"{many} {number}")
        assert "DEL:" not in item["lastKnownParent"]


def test_random_filters_find_what_naive_evaluation_finds(api, many):
    filters.check_random_filters(FIELDS, read_items(api, search=many), "objectGUID",
                                 lambda text: read_items(api, search=many, filter=text),
                                 "/deleted")


@pytest.mark.parametrize("sort", [None, "name", "-name", "kind", "-deleted_at", "parent_exists"])
def test_pages_are_complete_in_every_order(api, many, sort):
    parameters = {"search": many} | ({"sort": sort} if sort else {})
    whole = read_items(api, **parameters)
    pages = []
    for skip in range(0, len(whole) + 4, 4):
        response = api.get("/deleted", params={**parameters, "skip": skip, "limit": 4})
        pages += contract.check_list(response.json())
        assert response.json()["total"] == len(whole)
    assert pages == whole
    if sort and sort.lstrip("-") == "kind":
        kinds = [item["kind"] for item in whole]
        assert kinds == sorted(kinds)


def test_search_matches_former_names_only(api, many):
    guid = read_items(api, search=many)[0]["objectGUID"]
    assert read_items(api, search=f"{many} DEL") == []
    assert read_items(api, search=f"{many} {guid[:8]}") == []
    assert len(read_items(api, search=f"ЕЛКА {many}")) == 2
    assert read_items(api, search=tag()) == []


def test_fields_are_selected(api, many):
    for item in read_items(api, search=many, fields="name,kind"):
        assert set(item) == {"objectGUID", "name", "kind"}


@pytest.mark.parametrize("parameters, fields", [
    ({"sort": "x"}, ["sort"]), ({"filter": "x eq 1"}, ["filter"]), ({"limit": "0"}, ["limit"]),
    ({"skip": "-1"}, ["skip"]), ({"fields": "x"}, ["fields"]), ({"x": "1"}, ["x"])], ids=str)
def test_invalid_parameters_are_rejected(api, parameters, fields):
    response = api.get("/deleted", params=parameters)
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == fields


def test_short_path_is_served(site, api, people):
    guid = delete_user(people)["objectGUID"]
    assert find_item(site, guid) == find_item(api, guid)
    assert restore(site, guid).status_code == 200


# --- places and names -----------------------------------------------------------------------------

def test_taken_name_needs_new_one(api, people):
    made = delete_user(people)
    other = people.create(cn=made["cn"])
    response = restore(api, made["objectGUID"])
    assert contract.check_error(response, 409, "ALREADY_EXISTS") == ["cn"]
    assert other["dn"] in response.text
    assert find_item(api, made["objectGUID"])
    name = tag()
    body = restored(api, made["objectGUID"], name=name)
    assert same_dn(body["dn"], people.dn(name))
    assert people.get(made["objectGUID"])["sAMAccountName"] == made["sAMAccountName"]


def test_taken_account_name_needs_new_one(api, ldap_admin, people):
    made = delete_user(people)
    people.create(sAMAccountName=made["sAMAccountName"])
    response = restore(api, made["objectGUID"])
    assert contract.check_error(response, 409, "ALREADY_EXISTS") == ["sAMAccountName"]
    assert ldap_admin.find_guid(made["objectGUID"]) is None
    account = tag()
    restored(api, made["objectGUID"], sAMAccountName=account)
    assert people.get(account)["objectGUID"] == made["objectGUID"]


def test_new_account_name_of_computer_gets_dollar(api, ldap_admin, computers):
    made = computers.create()
    computers.delete(made["sAMAccountName"])
    restored(api, made["objectGUID"], sAMAccountName="pc" + tag()[-8:])
    assert computers.get(made["objectGUID"])["sAMAccountName"].endswith("$")


def test_entry_is_restored_at_another_place(api, ldap_admin, people):
    made, place = delete_user(people), ldap_admin.add_ou(tag())
    body = restored(api, made["objectGUID"], parent_dn=place)
    assert same_dn(body["dn"], f"{rdn(made['cn'])},{place}")
    assert ldap_admin.entry(made["dn"]) is None


def test_deleted_parent_is_restored_first(api, ldap_admin, ou):
    units = Entries(api, ldap_admin, OUS, ou)
    top = units.create()
    people = People(api, ldap_admin, top["dn"])
    made = delete_user(people)
    units.delete(top["ou"])
    item = find_item(api, made["objectGUID"])
    assert not item["parent_exists"] and item["restorable"]
    assert same_dn(item["lastKnownParent"], top["dn"])
    response = restore(api, made["objectGUID"])
    assert contract.check_error(response, 409, "NOT_RESTORABLE") == ["parent_dn"]
    assert top["dn"] in response.text
    restored(api, top["objectGUID"])
    assert find_item(api, made["objectGUID"])["parent_exists"]
    assert same_dn(restored(api, made["objectGUID"])["dn"], made["dn"])


def test_place_replaces_deleted_parent(api, ldap_admin, ou):
    units = Entries(api, ldap_admin, OUS, ou)
    top = units.create()
    made = delete_user(People(api, ldap_admin, top["dn"]))
    units.delete(top["ou"])
    body = restored(api, made["objectGUID"], parent_dn=ou)
    assert same_dn(body["dn"], f"{rdn(made['cn'])},{ou}")


def test_renamed_parent_is_followed(api, ldap_admin, ou):
    units = Entries(api, ldap_admin, OUS, ou)
    top = units.create()
    made = delete_user(People(api, ldap_admin, top["dn"]))
    renamed = units.change(top["objectGUID"], ou=tag())
    assert same_dn(find_item(api, made["objectGUID"])["lastKnownParent"], renamed["dn"])
    body = restored(api, made["objectGUID"])
    assert same_dn(body["dn"], f"{rdn(made['cn'])},{renamed['dn']}")


@pytest.mark.parametrize("name", ["Ivanov, Ivan", "a=b", "#x", " é\"<>;", "Ёж + кот", "x\\y"])
def test_names_with_special_characters_survive(api, people, ldap_admin, name):
    full = f"{name} {tag()}".strip()
    made = delete_user(people, cn=full)
    assert find_item(api, made["objectGUID"])["name"] == full
    body = restored(api, made["objectGUID"])
    assert same_dn(body["dn"], made["dn"])
    assert people.get(made["objectGUID"])["cn"] == full


# --- entries that cannot be restored --------------------------------------------------------------

def test_second_restore_is_refused(api, people):
    made = delete_user(people)
    restored(api, made["objectGUID"])
    response = restore(api, made["objectGUID"])
    assert contract.check_error(response, 409, "NOT_RESTORABLE") == ["guid"]
    assert made["dn"] in response.text


def test_entry_that_was_never_deleted_is_refused(api, people, ldap_admin):
    made = people.create()
    before = ldap_admin.tree(made["dn"])
    assert contract.check_error(restore(api, made["objectGUID"]), 409,
                                "NOT_RESTORABLE") == ["guid"]
    assert ldap_admin.tree(made["dn"]) == before


@pytest.mark.parametrize("guid", [str(uuid.uuid4()), "x", "*", "a1f3c0de", "%2A", "<GUID=*>",
                                  "CN=Deleted Objects,DC=kontora,DC=test", "%D0%81"])
def test_unknown_identifier_is_not_found(api, guid):
    contract.check_error(restore(api, guid), 404, "NOT_FOUND")


def test_objects_of_other_kinds_are_not_restored(api, ldap_admin, ou):
    dn = ldap_admin.add(f"{rdn(tag())},{ou}", objectClass="contact")
    guid = guid_text(ldap_admin.entry(dn, ["objectGUID"])["objectGUID"][0])
    ldap_admin.delete(dn)
    assert find_item(api, guid) is None
    contract.check_error(restore(api, guid), 404, "NOT_FOUND")
    [container] = ldap_admin.ldapsearch(
        "(cn=Deleted Objects)", "objectGUID", base=f"CN=Deleted Objects,{ldap_admin.base_dn}",
        controls=["1.2.840.113556.1.4.417"])
    contract.check_error(restore(api, guid_text(container["objectGUID"][0])), 404, "NOT_FOUND")


@pytest.mark.parametrize("body, fields", [
    ({"parent_dn": "x"}, ["parent_dn"]), ({"parent_dn": ""}, ["parent_dn"]),
    ({"parent_dn": "CN=System,DC=kontora,DC=test"}, ["parent_dn"]),
    ({"parent_dn": "CN=Deleted Objects,DC=example,DC=com"}, ["parent_dn"]),
    ({"name": ""}, ["name"]), ({"name": "a\nDEL:b"}, ["name"]), ({"name": 1}, ["name"]),
    ({"name": "x" * 65}, ["name"]), ({"sAMAccountName": "a/b"}, ["sAMAccountName"]),
    ({"isDeleted": False}, ["isDeleted"]), ({"objectSid": "S-1-5-32-544"}, ["objectSid"])],
    ids=str)
def test_invalid_bodies_are_rejected(api, people, body, fields):
    made = delete_user(people)
    response = restore(api, made["objectGUID"], **body)
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == fields
    assert find_item(api, made["objectGUID"])


def test_missing_parent_is_named(api, people, ou):
    made = delete_user(people)
    response = restore(api, made["objectGUID"], parent_dn=f"OU={tag()},{ou}")
    contract.check_error(response, 400, "PARENT_NOT_FOUND")
    response = restore(api, made["objectGUID"],
                       parent_dn=f"CN=Deleted Objects,{ou.split(',', 1)[1]}")
    contract.check_error(response, 400, "PARENT_NOT_FOUND")
    assert find_item(api, made["objectGUID"])


# --- callers --------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def administrator(delegated_stack):
    client = Client(f"{delegated_stack.https_url}/api/v1", delegated_stack.ca_file)
    return client.bearing(client.login(*delegated_stack.administrator)["access_token"])


class Places:
    """A unit in which delegates have rights, and a unit next to it."""

    def __init__(self, administrator, ldap_admin):
        self.administrator, self.ldap_admin = administrator, ldap_admin
        self.top = ldap_admin.add_ou(tag())
        self.scope, self.outside = (ldap_admin.add_ou(tag(), self.top) for _ in range(2))
        self.people = People(administrator, ldap_admin, ldap_admin.add_ou(tag(), self.top))

    def delegate(self, principal, scope, *rights):
        response = self.administrator.post("/delegations", json={
            "principal": principal, "scope": scope, "rights": list(rights)})
        assert response.status_code == 201, response.text
        return response.json()["id"]

    def caller(self, *rights, scope=None):
        """Returns a client of a new user with these rights on the scope."""
        user = self.people.create()
        if rights:
            self.delegate(user["dn"], scope or self.scope, *rights)
        tokens = self.administrator.as_anonymous().login(user["sAMAccountName"], user["password"])
        return self.administrator.bearing(tokens["access_token"])

    def deleted_user(self, parent):
        return delete_user(People(self.administrator, self.ldap_admin, parent))["objectGUID"]


@pytest.fixture(scope="module")
def places(administrator, ldap_admin):
    return Places(administrator, ldap_admin)


def test_delegate_sees_and_restores_entries_of_its_scope_only(places, ldap_admin):
    caller = places.caller("create")
    inside, hidden = places.deleted_user(places.scope), places.deleted_user(places.outside)
    guids = [item["objectGUID"] for item in read_items(caller)]
    assert inside in guids and hidden not in guids
    assert len(guids) == caller.get("/deleted").json()["total"]
    contract.check_error(restore(caller, hidden), 404, "NOT_FOUND")
    contract.check_error(restore(caller, hidden, parent_dn=places.scope), 404, "NOT_FOUND")
    assert ldap_admin.find_guid(hidden) is None
    assert same_dn(restored(caller, inside)["dn"].split(",", 1)[1], places.scope)


def test_hidden_entry_that_is_not_deleted_is_answered_like_absent_entry(places):
    caller = places.caller("create")
    hidden = People(places.administrator, places.ldap_admin, places.outside).create()
    contract.check_error(restore(caller, hidden["objectGUID"]), 404, "NOT_FOUND")


@pytest.mark.parametrize("rights", [("read",), ("delete", "update", "move", "members")], ids=str)
def test_restore_needs_right_to_create(places, ldap_admin, rights):
    guid, caller = places.deleted_user(places.scope), places.caller(*rights)
    assert find_item(caller, guid)
    contract.check_error(restore(caller, guid), 403, "FORBIDDEN")
    assert ldap_admin.find_guid(guid) is None


def test_caller_without_delegation_has_no_list(places, api):
    caller = places.caller()
    contract.check_error(caller.get("/deleted"), 403, "FORBIDDEN")
    contract.check_error(restore(caller, str(uuid.uuid4())), 403, "FORBIDDEN")
    contract.check_error(api.as_anonymous().get("/deleted"), 401, "UNAUTHORIZED")


def test_right_must_hold_at_the_new_place(places, ldap_admin):
    guid, caller = places.deleted_user(places.scope), places.caller("create")
    response = restore(caller, guid, parent_dn=places.outside)
    assert response.status_code in (400, 403), response.text
    assert ldap_admin.find_guid(guid) is None


def test_restore_elsewhere_must_not_give_more_rights(places, ldap_admin):
    user = places.people.create()
    inner = ldap_admin.add_ou(tag(), places.top)
    places.delegate(user["dn"], places.scope, "create")
    places.delegate(user["dn"], inner, "create", "reset_password")
    tokens = places.administrator.as_anonymous().login(user["sAMAccountName"], user["password"])
    caller = places.administrator.bearing(tokens["access_token"])
    guid = places.deleted_user(places.scope)
    response = restore(caller, guid, parent_dn=inner)
    assert contract.check_error(response, 403, "FORBIDDEN") == ["parent_dn"]
    assert ldap_admin.find_guid(guid) is None


def test_principal_with_more_rights_is_not_restored_by_delegate(places, ldap_admin):
    groups = Entries(places.administrator, ldap_admin, GROUPS, places.scope)
    group = groups.create()
    places.delegate(group["dn"], places.top, "delete")
    groups.delete(group["cn"])
    caller = places.caller("create")
    assert contract.check_error(restore(caller, group["objectGUID"]), 403,
                                "FORBIDDEN") == ["rights"]
    restored(places.administrator, group["objectGUID"])


def test_scope_is_not_restored_by_delegate(places, ldap_admin):
    units = Entries(places.administrator, ldap_admin, OUS, places.scope)
    unit = units.create()
    places.delegate(places.people.create()["dn"], unit["dn"], "read")
    units.delete(unit["ou"])
    caller = places.caller("create")
    assert contract.check_error(restore(caller, unit["objectGUID"]), 403,
                                "FORBIDDEN") == ["rights"]
    restored(places.administrator, unit["objectGUID"])


def test_delegate_restores_only_memberships_that_it_may_add(places, ldap_admin):
    """Groups with more rights than the delegate, groups outside of its scope, and groups without
    the right `members` are lost."""
    groups = Entries(places.administrator, ldap_admin, GROUPS, places.scope)
    people = People(places.administrator, ldap_admin, places.scope)
    plain, strong = groups.create(), groups.create()
    outside = Entries(places.administrator, ldap_admin, GROUPS, places.outside).create()
    places.delegate(strong["dn"], places.top, "delete")
    for rights, expected in ((("create", "members"), [plain["dn"]]), (("create",), [])):
        user = people.create(title="Clerk")
        for group in (plain, strong, outside):
            ldap_admin.add_member(group["dn"], user["dn"])
        people.delete(user["sAMAccountName"])
        body = restored(places.caller(*rights), user["objectGUID"])
        assert "memberOf" in body["lost"] and "title" in body["restored"]
        [entry] = ldap_admin.ldapsearch("(objectClass=*)", "memberOf", base=user["dn"])
        assert [dn.decode() for dn in entry.get("memberOf", [])] == expected


def test_entry_below_deleted_unit_is_seen_by_rights_on_the_unit_above(places, ldap_admin):
    units = Entries(places.administrator, ldap_admin, OUS, places.scope)
    unit = units.create()
    guid = places.deleted_user(unit["dn"])
    units.delete(unit["ou"])
    caller, stranger = places.caller("create"), places.caller("create", scope=places.outside)
    assert same_dn(find_item(caller, guid)["lastKnownParent"], unit["dn"])
    assert find_item(stranger, guid) is None
    restored(caller, unit["objectGUID"])
    restored(caller, guid)
