"""Changing, renaming, moving and deleting groups, units and containers: all of it or nothing."""

import concurrent.futures

import pytest

from support import contract
from support.client import path_of
from support.entries import tag
from support.truth import BOOKKEEPING, same_dn


@pytest.fixture
def one(entries):
    """An entry with a description, and its name."""
    made = entries.create(description="as it was")
    return made, made[entries.kind.name]


def test_the_description_is_set_replaced_and_cleared(entries, truth):
    made = entries.create()
    name = made[entries.kind.name]
    for value in ("first", "second", None, None):  # the last time there is nothing to clear
        assert entries.change(name, description=value)["description"] == value
        seen = truth.entry(made["dn"]).get("description")
        assert seen == ([value.encode()] if value else None)


def test_only_what_is_named_changes(entries, truth, one):
    made, name = one
    [(dn, before)] = truth.tree(made["dn"], without=BOOKKEEPING)
    entries.change(name, description="changed")
    [(dn_after, after)] = truth.tree(made["dn"], without=BOOKKEEPING)
    assert (before.pop("description"), after.pop("description")) == ([b"as it was"], [b"changed"])
    assert (dn_after, after) == (dn, before)


def test_an_empty_change_changes_nothing(entries, truth, one):
    made, name = one
    before = truth.tree(made["dn"])
    assert entries.change(name) == made
    assert truth.tree(made["dn"]) == before


def test_the_same_values_again(entries, one):
    made, name = one
    again = entries.change(name, description="as it was", parent_dn=entries.parent,
                           **{entries.kind.name: name})
    assert (again["dn"], again["objectGUID"]) == (made["dn"], made["objectGUID"])


def test_unknown(api, entries):
    path = entries.path("nothing is called so")
    for method, body in (("GET", None), ("PATCH", {"description": "x"}), ("DELETE", None),
                         ("PATCH", {})):
        contract.refused(api.request(method, path, json=body), 404, "NOT_FOUND")


@pytest.mark.parametrize("field, value", [
    ("dn", "CN=x"), ("objectGUID", "x"), ("objectClass", "x"), ("groupType", 8), ("member", []),
    ("sAMAccountName", "x"), ("scope", "universal"), ("security", False), ("name", "x"),
    ("isCriticalSystemObject", True), ("whenCreated", "x"),
])
def test_what_cannot_be_changed(api, entries, truth, one, field, value):
    made, name = one
    before = truth.tree(made["dn"])
    response = api.patch(entries.path(name), json={field: value, "description": "x"})
    assert contract.refused(response, 400, "VALIDATION_ERROR") == [field]
    assert truth.tree(made["dn"]) == before


# --- names and places ---------------------------------------------------------------------------

def test_rename(api, entries, truth, one):
    made, name = one
    fresh = f"Neuer, \"Name\" {tag()}"
    renamed = entries.change(name, **{entries.kind.name: fresh})
    assert (renamed[entries.kind.name], renamed["description"]) == (fresh, "as it was")
    assert renamed["objectGUID"] == made["objectGUID"]
    assert same_dn(renamed["dn"], entries.dn(fresh))
    assert truth.entry(made["dn"]) is None
    assert entries.get(fresh) == renamed
    contract.refused(api.get(entries.path(name)), 404, "NOT_FOUND")


def test_rename_in_case_alone(entries, truth):
    made = entries.named("lower ж " + tag())
    name = made[entries.kind.name]
    assert entries.change(name, **{entries.kind.name: name.upper()})[entries.kind.name] == \
        name.upper()
    assert truth.entry(made["dn"])[entries.kind.name] == [name.upper().encode()]


def test_move(entries, truth, one):
    made, name = one
    other = truth.add_ou(f"Übrige, andere {tag()}", entries.parent)
    moved = entries.change(name, parent_dn=other)
    assert same_dn(moved["dn"], entries.dn(name, other))
    assert (moved["objectGUID"], moved["description"]) == (made["objectGUID"], "as it was")
    assert truth.entry(made["dn"]) is None and truth.entry(moved["dn"])


def test_everything_at_once(entries, truth, one):
    made, name = one
    other, fresh = truth.add_ou(tag(), entries.parent), f"Ж, + {tag()}"
    changed = entries.change(name, at=entries.parent, parent_dn=other, description="new",
                             **{entries.kind.name: fresh})
    assert same_dn(changed["dn"], entries.dn(fresh, other))
    assert (changed["objectGUID"], changed["description"]) == (made["objectGUID"], "new")
    assert truth.entry(changed["dn"])["description"] == [b"new"]


@pytest.mark.parametrize("parent, code", [
    ("OU=nowhere-at-all,{parent}", "PARENT_NOT_FOUND"), ("nonsense", "VALIDATION_ERROR"),
    ("", "VALIDATION_ERROR"), ("DC=example,DC=com", "VALIDATION_ERROR"),
    ("DC=test", "VALIDATION_ERROR"),
])
def test_moves_that_cannot_be(api, entries, truth, one, parent, code):
    made, name = one
    before = truth.tree(made["dn"])
    body = {"parent_dn": parent.format(parent=entries.parent), "description": "new",
            entries.kind.name: tag()}
    fields = contract.refused(api.patch(entries.path(name), json=body), 400, code)
    assert code != "VALIDATION_ERROR" or fields == ["parent_dn"]
    assert truth.tree(made["dn"]) == before


def test_names_that_are_taken(api, entries, truth, one):
    made, name = one
    taken = entries.create()[entries.kind.name]
    before = truth.tree(entries.parent)
    for spelling in (taken, taken.upper()):
        response = api.patch(entries.path(name), json={entries.kind.name: spelling,
                                                       "description": "new"})
        contract.refused(response, 409, "ALREADY_EXISTS")
    assert truth.tree(entries.parent) == before
    assert entries.get(name) == made


def test_move_to_where_the_name_is_taken(api, entries, truth, one):
    _, name = one
    other = truth.add_ou(tag(), entries.parent)
    entries.named(name.upper(), other)
    before = truth.tree(entries.parent)
    response = api.patch(entries.path(name), params={"parent_dn": entries.parent},
                         json={"parent_dn": other, "description": "new"})
    contract.refused(response, 409, "ALREADY_EXISTS")
    assert truth.tree(entries.parent) == before


def test_a_unit_does_not_move_into_a_container(api, units, containers, truth):
    unit, container = units.create(), containers.create()
    before = truth.tree(units.parent)
    response = api.patch(units.path(unit["ou"]), json={"parent_dn": container["dn"],
                                                       "description": "new"})
    assert response.status_code == 400, response.text
    assert truth.tree(units.parent) == before


# --- what is below ------------------------------------------------------------------------------

@pytest.fixture
def tree(places, people, groups):
    """A place with places, a user and a group in it; and all their GUIDs with the DN's ends."""
    top = places.create(description="top")
    middle = places.create(parent_dn=top["dn"])
    user = people.create(ou=middle["dn"])
    group = groups.create(ou=middle["dn"])
    groups.truth.add_member(group["dn"], user["dn"])
    return top, [middle, user, group]


def test_a_move_carries_what_is_below(places, truth, people, tree):
    top, below = tree
    name = top[places.kind.name]
    other = truth.add_ou(f"Ж, {tag()}", places.parent)
    moved = places.change(name, parent_dn=other)
    for each in below:
        tail = each["dn"][:-len(top["dn"])] + moved["dn"]
        assert same_dn(truth.find_guid(each["objectGUID"]), tail)
    group = people.get(below[1]["sAMAccountName"])["memberOf"]
    assert below[2]["dn"][:-len(top["dn"])] + moved["dn"] in group
    assert truth.entry(top["dn"]) is None


def test_a_rename_carries_what_is_below(places, truth, tree):
    top, below = tree
    renamed = places.change(top[places.kind.name], **{places.kind.name: f"new, {tag()}"})
    for each in below:
        assert same_dn(truth.find_guid(each["objectGUID"]),
                       each["dn"][:-len(top["dn"])] + renamed["dn"])


def test_nothing_moves_below_itself(api, places, truth, tree):
    top, below = tree
    before = truth.tree(places.parent)
    for parent in (top["dn"], below[0]["dn"]):
        for more in ({}, {"description": "new"}, {places.kind.name: tag()}):
            response = api.patch(places.path(top[places.kind.name]),
                                 json={"parent_dn": parent, **more})
            assert 400 <= response.status_code < 500, response.text
    assert truth.tree(places.parent) == before


def test_what_is_not_empty_stays(api, places, truth, tree):
    top, below = tree
    before = truth.tree(places.parent)
    for each in (top, below[0]):
        response = api.delete(places.path(each[places.kind.name]))
        contract.refused(response, 409, "NOT_EMPTY")
    assert truth.tree(places.parent) == before


@pytest.mark.parametrize("hidden", [{"showInAdvancedViewOnly": "TRUE"}, {}])
def test_what_holds_something_of_another_kind_stays(api, places, truth, hidden):
    top = places.create()
    below = truth.add(f"CN=below,{top['dn']}", objectClass="contact", **hidden)
    contract.refused(api.delete(places.path(top[places.kind.name])), 409, "NOT_EMPTY")
    assert truth.entry(below)
    truth.delete(below)
    places.delete(top[places.kind.name])


# --- deleting -----------------------------------------------------------------------------------

def test_delete(api, entries, truth, one):
    made, name = one
    response = api.delete(entries.path(name))
    assert (response.status_code, response.content) == (204, b"")
    assert truth.ldapsearch(f"({entries.kind.name}={name})") == []
    for method in ("GET", "PATCH", "DELETE"):
        body = {"description": "x"} if method == "PATCH" else None
        contract.refused(api.request(method, entries.path(name), json=body), 404, "NOT_FOUND")
    again = entries.named(name)
    assert again["objectGUID"] != made["objectGUID"]


BUILT_IN = [
    ("/ous", "Domain Controllers"), ("/containers", "Users"), ("/containers", "Computers"),
    ("/containers", "System"), ("/groups", "Domain Users"), ("/groups", "Domain Admins"),
    ("/groups", "Administrators"), ("/containers", "ForeignSecurityPrincipals"),
]


@pytest.mark.parametrize("path, name", BUILT_IN)
def test_what_the_directory_is_made_of_stays(api, truth, path, name):
    at = path_of(path, name)
    params = None if name != "Users" else {"parent_dn": truth.base_dn}
    dn = api.get(at, params=params).json()["dn"]
    response = api.delete(at, params=params)
    assert 400 <= response.status_code < 500 and response.status_code != 404, response.text
    assert truth.entry(dn)
    assert api.get(at, params=params).json()["dn"] == dn


# --- at the same time ---------------------------------------------------------------------------

ROUNDS = 15


def outcome(response):
    """The status, or what an error is called."""
    return response.json()["code"] if response.status_code >= 400 else response.status_code


def test_renamed_and_deleted_at_once(entries, truth):
    """Each does what it says or is refused, and what is left is one of the two outcomes. What was
    renamed and is gone before it is read again is RESULT_UNREAD."""
    def call(method, path, body=None):
        return outcome(entries.api.at(entries.api.base_url).request(method, path, json=body))

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
            left = truth.find_guid(made["objectGUID"])
            assert (left is None) == (deleted == 204)
            assert left is None or same_dn(left, entries.dn(fresh))


def test_moved_to_two_places_at_once(entries, truth):
    """It stands in one of them at the end, whole."""
    parents = [truth.add_ou(tag(), entries.parent) for _ in range(2)]
    made = entries.create()
    name = made[entries.kind.name]

    def move(parent):
        client = entries.api.at(entries.api.base_url)
        return outcome(client.patch(entries.path(name), json={"parent_dn": parent}))

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert set(pool.map(move, parents * ROUNDS)) == {200}
    place = truth.find_guid(made["objectGUID"])
    assert any(same_dn(place, entries.dn(name, parent)) for parent in parents)


def test_a_name_that_comes_and_goes(entries):
    """Created and deleted by several at once: every answer is one of the contract's."""
    body = entries.body()
    path = entries.path(body[entries.kind.name])

    def turn(number):
        client = entries.api.at(entries.api.base_url)
        return outcome(client.delete(path) if number % 2 else
                       client.post(entries.kind.path, json=body))

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        found = set(pool.map(turn, range(4 * ROUNDS)))
    assert {201, 204} <= found <= {201, 204, "NOT_FOUND", "ALREADY_EXISTS", "RESULT_UNREAD"}
