"""Changing, renaming, moving and deleting groups, units and containers; a request is applied
completely or not at all."""

import concurrent.futures

import pytest

from support import contract
from support.client import path_of
from support.entries import tag
from support.ldap_admin import BOOKKEEPING, same_dn


@pytest.fixture
def described_entry(entries):
    """Returns an entry with a description, and its name."""
    made = entries.create(description="as it was")
    return made, made[entries.kind.name]


def test_entry_description_can_be_set_replaced_and_cleared(entries, ldap_admin):
    made = entries.create()
    name = made[entries.kind.name]
    for value in ("first", "second", None, None):  # the second None finds nothing to clear
        assert entries.change(name, description=value)["description"] == value
        seen = ldap_admin.entry(made["dn"]).get("description")
        assert seen == ([value.encode()] if value else None)


def test_entry_change_affects_only_given_attributes(entries, ldap_admin, described_entry):
    made, name = described_entry
    [(dn, before)] = ldap_admin.tree(made["dn"], without=BOOKKEEPING)
    entries.change(name, description="changed")
    [(dn_after, after)] = ldap_admin.tree(made["dn"], without=BOOKKEEPING)
    assert (before.pop("description"), after.pop("description")) == ([b"as it was"], [b"changed"])
    assert (dn_after, after) == (dn, before)


def test_empty_entry_change_is_no_op(entries, ldap_admin, described_entry):
    made, name = described_entry
    before = ldap_admin.tree(made["dn"])
    assert entries.change(name) == made
    assert ldap_admin.tree(made["dn"]) == before


def test_entry_change_to_same_values_succeeds(entries, described_entry):
    made, name = described_entry
    again = entries.change(name, description="as it was", parent_dn=entries.parent,
                           **{entries.kind.name: name})
    assert (again["dn"], again["objectGUID"]) == (made["dn"], made["objectGUID"])


def test_request_for_unknown_entry_is_not_found(api, entries):
    path = entries.path("nothing is called so")
    for method, body in (("GET", None), ("PATCH", {"description": "x"}), ("DELETE", None),
                         ("PATCH", {})):
        contract.check_error(api.request(method, path, json=body), 404, "NOT_FOUND")


@pytest.mark.parametrize("field, value", [
    ("dn", "CN=x"), ("objectGUID", "x"), ("objectClass", "x"), ("groupType", 8), ("member", []),
    ("sAMAccountName", "x"), ("scope", "universal"), ("security", False), ("name", "x"),
    ("isCriticalSystemObject", True), ("whenCreated", "x"),
])
def test_entry_change_of_read_only_field_is_rejected(api, entries, ldap_admin, described_entry,
                                                     field, value):
    made, name = described_entry
    before = ldap_admin.tree(made["dn"])
    response = api.patch(entries.path(name), json={field: value, "description": "x"})
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == [field]
    assert ldap_admin.tree(made["dn"]) == before


# --- renaming and moving --------------------------------------------------------------------------

def test_renamed_entry_keeps_guid_and_description(api, entries, ldap_admin, described_entry):
    made, name = described_entry
    fresh = f"Neuer, \"Name\" {tag()}"
    renamed = entries.change(name, **{entries.kind.name: fresh})
    assert (renamed[entries.kind.name], renamed["description"]) == (fresh, "as it was")
    assert renamed["objectGUID"] == made["objectGUID"]
    assert same_dn(renamed["dn"], entries.dn(fresh))
    assert ldap_admin.entry(made["dn"]) is None
    assert entries.get(fresh) == renamed
    contract.check_error(api.get(entries.path(name)), 404, "NOT_FOUND")


def test_entry_can_be_renamed_in_case_only(entries, ldap_admin):
    made = entries.named("lower ж " + tag())
    name = made[entries.kind.name]
    assert entries.change(name, **{entries.kind.name: name.upper()})[entries.kind.name] == \
        name.upper()
    assert ldap_admin.entry(made["dn"])[entries.kind.name] == [name.upper().encode()]


def test_moved_entry_keeps_guid_and_description(entries, ldap_admin, described_entry):
    made, name = described_entry
    other = ldap_admin.add_ou(f"Übrige, andere {tag()}", entries.parent)
    moved = entries.change(name, parent_dn=other)
    assert same_dn(moved["dn"], entries.dn(name, other))
    assert (moved["objectGUID"], moved["description"]) == (made["objectGUID"], "as it was")
    assert ldap_admin.entry(made["dn"]) is None and ldap_admin.entry(moved["dn"])


def test_one_request_can_rename_move_and_change_entry(entries, ldap_admin, described_entry):
    made, name = described_entry
    other, fresh = ldap_admin.add_ou(tag(), entries.parent), f"Ж, + {tag()}"
    changed = entries.change(name, at=entries.parent, parent_dn=other, description="new",
                             **{entries.kind.name: fresh})
    assert same_dn(changed["dn"], entries.dn(fresh, other))
    assert (changed["objectGUID"], changed["description"]) == (made["objectGUID"], "new")
    assert ldap_admin.entry(changed["dn"])["description"] == [b"new"]


@pytest.mark.parametrize("parent, code", [
    ("OU=nowhere-at-all,{parent}", "PARENT_NOT_FOUND"), ("nonsense", "VALIDATION_ERROR"),
    ("", "VALIDATION_ERROR"), ("DC=example,DC=com", "VALIDATION_ERROR"),
    ("DC=test", "VALIDATION_ERROR"),
])
def test_entry_move_to_invalid_parent_is_rejected(api, entries, ldap_admin, described_entry, parent,
                                                  code):
    made, name = described_entry
    before = ldap_admin.tree(made["dn"])
    body = {"parent_dn": parent.format(parent=entries.parent), "description": "new",
            entries.kind.name: tag()}
    fields = contract.check_error(api.patch(entries.path(name), json=body), 400, code)
    assert code != "VALIDATION_ERROR" or fields == ["parent_dn"]
    assert ldap_admin.tree(made["dn"]) == before


def test_entry_rename_to_existing_name_is_rejected(api, entries, ldap_admin, described_entry):
    made, name = described_entry
    taken = entries.create()[entries.kind.name]
    before = ldap_admin.tree(entries.parent)
    for spelling in (taken, taken.upper()):
        response = api.patch(entries.path(name), json={entries.kind.name: spelling,
                                                       "description": "new"})
        contract.check_error(response, 409, "ALREADY_EXISTS")
    assert ldap_admin.tree(entries.parent) == before
    assert entries.get(name) == made


def test_entry_move_to_parent_that_contains_its_name_is_rejected(api, entries, ldap_admin,
                                                                 described_entry):
    _, name = described_entry
    other = ldap_admin.add_ou(tag(), entries.parent)
    entries.named(name.upper(), other)
    before = ldap_admin.tree(entries.parent)
    response = api.patch(entries.path(name), params={"parent_dn": entries.parent},
                         json={"parent_dn": other, "description": "new"})
    contract.check_error(response, 409, "ALREADY_EXISTS")
    assert ldap_admin.tree(entries.parent) == before


def test_organizational_unit_cannot_move_into_container(api, units, containers, ldap_admin):
    unit, container = units.create(), containers.create()
    before = ldap_admin.tree(units.parent)
    response = api.patch(units.path(unit["ou"]), json={"parent_dn": container["dn"],
                                                       "description": "new"})
    assert response.status_code == 400, response.text
    assert ldap_admin.tree(units.parent) == before


# --- subtrees -------------------------------------------------------------------------------------

@pytest.fixture
def nested_entries(places, people, groups):
    """Returns an entry, and its descendants: another entry with a user and a group in it."""
    top = places.create(description="top")
    middle = places.create(parent_dn=top["dn"])
    user = people.create(ou=middle["dn"])
    group = groups.create(ou=middle["dn"])
    groups.ldap_admin.add_member(group["dn"], user["dn"])
    return top, [middle, user, group]


def test_entry_move_includes_its_subtree(places, ldap_admin, people, nested_entries):
    top, below = nested_entries
    name = top[places.kind.name]
    other = ldap_admin.add_ou(f"Ж, {tag()}", places.parent)
    moved = places.change(name, parent_dn=other)
    for each in below:
        tail = each["dn"][:-len(top["dn"])] + moved["dn"]
        assert same_dn(ldap_admin.find_guid(each["objectGUID"]), tail)
    group = people.get(below[1]["sAMAccountName"])["memberOf"]
    assert below[2]["dn"][:-len(top["dn"])] + moved["dn"] in group
    assert ldap_admin.entry(top["dn"]) is None


def test_entry_rename_changes_dns_of_its_subtree(places, ldap_admin, nested_entries):
    top, below = nested_entries
    renamed = places.change(top[places.kind.name], **{places.kind.name: f"new, {tag()}"})
    for each in below:
        assert same_dn(ldap_admin.find_guid(each["objectGUID"]),
                       each["dn"][:-len(top["dn"])] + renamed["dn"])


def test_entry_cannot_move_below_itself(api, places, ldap_admin, nested_entries):
    top, below = nested_entries
    before = ldap_admin.tree(places.parent)
    for parent in (top["dn"], below[0]["dn"]):
        for more in ({}, {"description": "new"}, {places.kind.name: tag()}):
            response = api.patch(places.path(top[places.kind.name]),
                                 json={"parent_dn": parent, **more})
            assert 400 <= response.status_code < 500, response.text
    assert ldap_admin.tree(places.parent) == before


def test_entry_with_children_cannot_be_deleted(api, places, ldap_admin, nested_entries):
    top, below = nested_entries
    before = ldap_admin.tree(places.parent)
    for each in (top, below[0]):
        response = api.delete(places.path(each[places.kind.name]))
        contract.check_error(response, 409, "NOT_EMPTY")
    assert ldap_admin.tree(places.parent) == before


@pytest.mark.parametrize("hidden", [{"showInAdvancedViewOnly": "TRUE"}, {}])
def test_entry_with_children_of_kind_outside_api_cannot_be_deleted(api, places, ldap_admin, hidden):
    top = places.create()
    below = ldap_admin.add(f"CN=below,{top['dn']}", objectClass="contact", **hidden)
    contract.check_error(api.delete(places.path(top[places.kind.name])), 409, "NOT_EMPTY")
    assert ldap_admin.entry(below)
    ldap_admin.delete(below)
    places.delete(top[places.kind.name])


# --- deletion -------------------------------------------------------------------------------------

def test_deleted_entry_is_not_found_and_its_name_can_be_reused(api, entries, ldap_admin,
                                                               described_entry):
    made, name = described_entry
    response = api.delete(entries.path(name))
    assert (response.status_code, response.content) == (204, b"")
    assert ldap_admin.ldapsearch(f"({entries.kind.name}={name})") == []
    for method in ("GET", "PATCH", "DELETE"):
        body = {"description": "x"} if method == "PATCH" else None
        contract.check_error(api.request(method, entries.path(name), json=body), 404, "NOT_FOUND")
    again = entries.named(name)
    assert again["objectGUID"] != made["objectGUID"]


BUILT_IN = [
    ("/ous", "Domain Controllers"), ("/containers", "Users"), ("/containers", "Computers"),
    ("/containers", "System"), ("/groups", "Domain Users"), ("/groups", "Domain Admins"),
    ("/groups", "Administrators"), ("/containers", "ForeignSecurityPrincipals"),
]


@pytest.mark.parametrize("path, name", BUILT_IN)
def test_built_in_entry_cannot_be_deleted(api, ldap_admin, path, name):
    at = path_of(path, name)
    params = None if name != "Users" else {"parent_dn": ldap_admin.base_dn}
    dn = api.get(at, params=params).json()["dn"]
    response = api.delete(at, params=params)
    assert 400 <= response.status_code < 500 and response.status_code != 404, response.text
    assert ldap_admin.entry(dn)
    assert api.get(at, params=params).json()["dn"] == dn


# --- concurrent changes ---------------------------------------------------------------------------

ROUNDS = 15


def status_or_code(response):
    """Returns the status of a success, or the code of an error."""
    return response.json()["code"] if response.status_code >= 400 else response.status_code


def test_concurrent_rename_and_deletion_of_entry_have_one_consistent_outcome(entries, ldap_admin):
    """Each request succeeds or is refused, and at the end the entry is either renamed or deleted. A
    renamed entry that is deleted before it is read back gets RESULT_UNREAD."""
    def call(method, path, body=None):
        return status_or_code(entries.api.at(entries.api.base_url).request(method, path, json=body))

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for number in range(ROUNDS):
            made, fresh = entries.create(), tag()
            path = entries.path(made[entries.kind.name])
            changed = pool.submit(call, "PATCH", path, {entries.kind.name: fresh,
                                                        **({"description": "x"} if number % 2 else
                                                           {})})
            deleted = pool.submit(call, "DELETE", path).result()
            assert deleted in (204, "NOT_FOUND")
            assert changed.result() in (200, "NOT_FOUND", "RESULT_UNREAD")
            left = ldap_admin.find_guid(made["objectGUID"])
            assert (left is None) == (deleted == 204)
            assert left is None or same_dn(left, entries.dn(fresh))


def test_concurrent_moves_leave_entry_below_exactly_one_parent(entries, ldap_admin):
    """At the end the entry is complete and below exactly one parent."""
    parents = [ldap_admin.add_ou(tag(), entries.parent) for _ in range(2)]
    made = entries.create()
    name = made[entries.kind.name]

    def move(parent):
        client = entries.api.at(entries.api.base_url)
        return status_or_code(client.patch(entries.path(name), json={"parent_dn": parent}))

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert set(pool.map(move, parents * ROUNDS)) == {200}
    place = ldap_admin.find_guid(made["objectGUID"])
    assert any(same_dn(place, entries.dn(name, parent)) for parent in parents)


def test_concurrent_entry_creations_and_deletions_get_documented_responses(entries):
    """Several clients create and delete one entry; every response is documented."""
    body = entries.body()
    path = entries.path(body[entries.kind.name])

    def create_or_delete(number):
        client = entries.api.at(entries.api.base_url)
        return status_or_code(client.delete(path) if number % 2 else
                              client.post(entries.kind.path, json=body))

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        found = set(pool.map(create_or_delete, range(4 * ROUNDS)))
    assert {201, 204} <= found <= {201, 204, "NOT_FOUND", "ALREADY_EXISTS", "RESULT_UNREAD"}
