"""Changing and deleting users: each change alone, and all of them or none."""

import threading

import pytest

from support import contract, vault
from support.client import user_path
from support.people import tag
from support.truth import BOOKKEEPING, rdn, same_dn

ATTRIBUTES = {
    "userPrincipalName": "{}@kontora.test", "givenName": "Пётр", "sn": "D'Arc, \"Jeanne\"",
    "mail": "{}@example.com", "telephoneNumber": "+49 30 123456", "title": "*(\\)",
    "department": "F&E", "description": "one\ntwo",
}
DONT_EXPIRE_PASSWORD = 0x10000
LOCKOUT_TRIES = 40


# --- attributes ---------------------------------------------------------------------------------

@pytest.mark.parametrize("field", ATTRIBUTES)
def test_an_attribute_is_set_replaced_and_cleared(people, truth, field):
    account = people.create()["sAMAccountName"]
    value = ATTRIBUTES[field].format(account)
    assert people.change(account, **{field: value})[field] == value
    assert truth.text(account, field) == value
    assert people.change(account, **{field: f"new{value}"})[field] == f"new{value}"
    assert truth.text(account, field) == f"new{value}"
    assert people.change(account, **{field: None})[field] is None
    assert truth.text(account, field) is None
    assert people.change(account, **{field: None})[field] is None  # again: nothing to clear


def test_only_what_is_named_changes(people, truth):
    user = people.create(title="one", department="two", mail="a@example.com")
    before = truth.snapshot(user["sAMAccountName"], without=BOOKKEEPING)
    people.change(user["sAMAccountName"], title="changed")
    dn, after = truth.snapshot(user["sAMAccountName"], without=BOOKKEEPING)
    assert after.pop("title") == [b"changed"]
    before[1].pop("title")
    assert (dn, after) == before


def test_an_empty_change_changes_nothing(people, truth):
    user = people.create()
    before = truth.snapshot(user["sAMAccountName"])
    assert people.change(user["sAMAccountName"]) == people.get(user["sAMAccountName"])
    assert truth.snapshot(user["sAMAccountName"]) == before


def test_the_same_values_again(people):
    user = people.create(title="same")
    assert people.change(user["sAMAccountName"], title="same", cn=user["cn"], enabled=True,
                         sAMAccountName=user["sAMAccountName"], parent_dn=people.ou,
                         unlock=True)["dn"] == user["dn"]


def test_unknown_user(api):
    contract.refused(api.patch("/users/nobody-is-called-so", json={"title": "x"}), 404, "NOT_FOUND")


# --- passwords and the state of the account -------------------------------------------------------

def test_password(people, truth):
    """Twice: a controller may take the last one but this for an hour (OldPasswordAllowedPeriod)."""
    user = people.create()
    for fresh in (vault.password(), vault.password()):
        people.change(user["sAMAccountName"], password=fresh)
        assert truth.binds(user["dn"], fresh)
    assert truth.bind_failure(user["dn"], user["password"]) == "52e"


@pytest.mark.parametrize("weak", ["x", "alllowercaseletters", "12345678901"])
def test_weak_password(api, people, truth, weak):
    user = people.create()
    response = api.patch(user_path(user["sAMAccountName"]), json={"password": weak})
    contract.refused(response, 400, "PASSWORD_POLICY")
    assert truth.binds(user["dn"], user["password"])


def test_disable_and_enable(people, truth):
    user = people.create()
    account = user["sAMAccountName"]
    assert people.change(account, enabled=False)["enabled"] is False
    assert truth.bind_failure(user["dn"], user["password"]) == "533"
    assert people.change(account, enabled=True)["enabled"] is True
    assert truth.binds(user["dn"], user["password"])


@pytest.mark.parametrize("bits", [DONT_EXPIRE_PASSWORD, 0x40000, 0x100000, 0x90000])
def test_other_bits_of_the_account_survive(people, truth, bits):
    user = people.create()
    account = user["sAMAccountName"]
    truth.set(user["dn"], "userAccountControl", str(512 | bits))
    assert people.get(account)["userAccountControl"] == 512 | bits
    assert people.change(account, enabled=False)["userAccountControl"] == 514 | bits
    assert truth.text(account, "userAccountControl") == str(514 | bits)
    assert people.change(account, enabled=True, title="x")["userAccountControl"] == 512 | bits
    assert truth.text(account, "userAccountControl") == str(512 | bits)


def test_unlock(people, truth):
    user = people.create()
    account = user["sAMAccountName"]
    for _ in range(LOCKOUT_TRIES):
        if truth.bind_failure(user["dn"], "wrong") == "775":
            break
    assert truth.bind_failure(user["dn"], user["password"]) == "775"
    locked = people.get(account)
    assert (locked["locked"], locked["enabled"]) == (True, True)
    assert people.change(account, unlock=True)["locked"] is False
    assert truth.binds(user["dn"], user["password"])


def test_unlock_false_does_nothing(people, truth):
    user = people.create()
    before = truth.snapshot(user["sAMAccountName"])
    people.change(user["sAMAccountName"], unlock=False)
    assert truth.snapshot(user["sAMAccountName"]) == before


def test_must_change_password(people, truth):
    user = people.create()
    people.change(user["sAMAccountName"], must_change_password=True)
    assert truth.bind_failure(user["dn"], user["password"]) == "773"
    assert truth.text(user["sAMAccountName"], "pwdLastSet") == "0"
    people.change(user["sAMAccountName"], must_change_password=False)
    assert truth.binds(user["dn"], user["password"])


def test_a_new_password_that_must_be_changed(people, truth):
    user = people.create()
    fresh = vault.password()
    people.change(user["sAMAccountName"], password=fresh, must_change_password=True)
    assert truth.bind_failure(user["dn"], fresh) == "773"
    assert truth.bind_failure(user["dn"], user["password"]) == "52e"


# --- names and places ---------------------------------------------------------------------------

def test_rename(people, truth):
    user = people.create()
    account, name = user["sAMAccountName"], f"Neuer, \"Name\" {tag()}"
    renamed = people.change(account, cn=name)
    assert (renamed["cn"], renamed["objectGUID"]) == (name, user["objectGUID"])
    assert same_dn(truth.find(account)[0], f"{rdn(name)},{people.ou}")
    assert truth.entry(user["dn"]) is None
    assert truth.binds(renamed["dn"], user["password"])


def test_rename_in_case_alone(people, truth):
    user = people.create(cn="lower " + tag())
    assert people.change(user["sAMAccountName"], cn=user["cn"].upper())["cn"] == user["cn"].upper()
    assert truth.text(user["sAMAccountName"], "cn") == user["cn"].upper()


def test_another_account_name(api, people, truth):
    user = people.create()
    fresh = tag()
    changed = people.change(user["sAMAccountName"], sAMAccountName=fresh)
    assert (changed["sAMAccountName"], changed["dn"]) == (fresh, user["dn"])
    contract.refused(api.get(user_path(user["sAMAccountName"])), 404, "NOT_FOUND")
    assert people.get(fresh) == changed
    assert truth.find(user["sAMAccountName"]) is None


def test_move(people, truth):
    user = people.create()
    other = truth.add_ou(f"Übrige, andere {tag()}", people.ou)
    moved = people.change(user["sAMAccountName"], parent_dn=other)
    assert same_dn(moved["dn"], f"{rdn(user['cn'])},{other}")
    assert moved["objectGUID"] == user["objectGUID"]
    assert same_dn(truth.find(user["sAMAccountName"])[0], moved["dn"])
    assert truth.binds(moved["dn"], user["password"])


def test_move_into_a_container(people, truth):
    user = people.create()
    moved = people.change(user["sAMAccountName"], parent_dn=f"CN=Users,{truth.base_dn}")
    assert truth.entry(moved["dn"]) is not None


@pytest.mark.parametrize("change, code", [
    ({"parent_dn": "OU=nowhere-at-all,{ou}"}, "PARENT_NOT_FOUND"),
    ({"parent_dn": "nonsense"}, "VALIDATION_ERROR"),
    ({"parent_dn": ""}, "VALIDATION_ERROR"),
])
def test_moves_that_cannot_be(api, people, truth, change, code):
    user = people.create()
    before = truth.snapshot(user["sAMAccountName"])
    body = {key: value.format(ou=people.ou) for key, value in change.items()}
    contract.refused(api.patch(user_path(user["sAMAccountName"]), json=body), 400, code)
    assert truth.snapshot(user["sAMAccountName"]) == before


@pytest.mark.parametrize("parent", ["DC=example,DC=com", "CN=Configuration,{base}", "DC=test"])
def test_move_out_of_the_tree(api, people, truth, parent):
    user = people.create()
    before = truth.snapshot(user["sAMAccountName"])
    body = {"parent_dn": parent.format(base=truth.base_dn)}
    response = api.patch(user_path(user["sAMAccountName"]), json=body)
    assert response.status_code == 400, response.text
    assert truth.snapshot(user["sAMAccountName"]) == before


def test_names_that_are_taken(api, people, truth):
    user, other = people.create(), people.create(userPrincipalName=f"{tag()}@kontora.test")
    before = truth.snapshot(user["sAMAccountName"], without=BOOKKEEPING)
    for name in ("cn", "sAMAccountName", "userPrincipalName"):
        response = api.patch(user_path(user["sAMAccountName"]), json={name: other[name]})
        contract.refused(response, 409, "ALREADY_EXISTS")
        assert truth.snapshot(user["sAMAccountName"], without=BOOKKEEPING) == before


def test_move_to_where_the_name_is_taken(api, people, truth):
    user = people.create()
    other = truth.add_ou(tag(), people.ou)
    people.create(cn=user["cn"], ou=other)
    before = truth.snapshot(user["sAMAccountName"])
    response = api.patch(user_path(user["sAMAccountName"]), json={"parent_dn": other, "title": "x"})
    contract.refused(response, 409, "ALREADY_EXISTS")
    assert truth.snapshot(user["sAMAccountName"]) == before


# --- all at once --------------------------------------------------------------------------------

def everything(account, **fields):
    """A body that changes all that can be changed."""
    return {**{key: value.format(account) for key, value in ATTRIBUTES.items()},
            "cn": f"Everything {tag()}", "sAMAccountName": tag(), "password": vault.password(),
            "enabled": False, "unlock": True, "must_change_password": True, **fields}


def test_everything_at_once(people, truth):
    user = people.create(title="old")
    other = truth.add_ou(tag(), people.ou)
    body = everything(user["sAMAccountName"], parent_dn=other)
    changed = people.change(user["sAMAccountName"], **body)
    for name in (*ATTRIBUTES, "cn", "sAMAccountName"):
        assert changed[name] == body[name], name
        assert truth.text(body["sAMAccountName"], name) == body[name]
    assert changed["enabled"] is False
    assert same_dn(truth.find(body["sAMAccountName"])[0], f"{rdn(body['cn'])},{other}")
    people.change(body["sAMAccountName"], enabled=True, must_change_password=False)
    assert truth.binds(changed["dn"], body["password"])


def assert_untouched(people, truth, user, before):
    assert truth.snapshot(user["sAMAccountName"], without=BOOKKEEPING) == before
    assert truth.binds(user["dn"], user["password"])
    assert people.get(user["sAMAccountName"])["dn"] == user["dn"]


@pytest.fixture
def settled(people, truth):
    """A user with something in every attribute, and how it looks."""
    user = people.create(**{key: value.format(tag()) for key, value in ATTRIBUTES.items()})
    return user, truth.snapshot(user["sAMAccountName"], without=BOOKKEEPING)


def test_everything_at_once_with_a_parent_that_is_not_there(api, people, truth, settled):
    user, before = settled
    written = truth.find(user["sAMAccountName"])[1]["uSNChanged"]
    body = everything(user["sAMAccountName"], parent_dn=f"OU=nowhere-{tag()},{people.ou}")
    response = api.patch(user_path(user["sAMAccountName"]), json=body)
    contract.refused(response, 400, "PARENT_NOT_FOUND")
    assert truth.find(user["sAMAccountName"])[1]["uSNChanged"] == written
    assert_untouched(people, truth, user, before)
    assert truth.find(body["sAMAccountName"]) is None
    assert not truth.binds(user["dn"], body["password"])


def test_everything_at_once_with_a_weak_password(api, people, truth, settled):
    user, before = settled
    other = truth.add_ou(tag(), people.ou)
    body = everything(user["sAMAccountName"], parent_dn=other, password="weak")
    contract.refused(api.patch(user_path(user["sAMAccountName"]), json=body), 400,
                     "PASSWORD_POLICY")
    assert_untouched(people, truth, user, before)
    assert truth.search("(cn=*)", base=other) == []


def test_everything_at_once_with_a_name_that_is_taken(api, people, truth, settled):
    user, before = settled
    other = truth.add_ou(tag(), people.ou)
    taken = people.create()["sAMAccountName"]
    body = everything(user["sAMAccountName"], parent_dn=other, sAMAccountName=taken)
    contract.refused(api.patch(user_path(user["sAMAccountName"]), json=body), 409,
                     "ALREADY_EXISTS")
    assert_untouched(people, truth, user, before)
    assert not truth.binds(user["dn"], body["password"])


def test_everything_at_once_with_one_field_that_is_wrong(api, people, truth, settled):
    user, before = settled
    body = everything(user["sAMAccountName"], mail="x" * 257)
    response = api.patch(user_path(user["sAMAccountName"]), json=body)
    assert contract.refused(response, 400, "VALIDATION_ERROR") == ["mail"]
    assert_untouched(people, truth, user, before)


# --- at the same time ---------------------------------------------------------------------------

def test_two_writers_of_different_bits(people, truth):
    """The API flips one bit while somebody else flips another: neither loses the other's."""
    user = people.create()
    account, rounds, failures = user["sAMAccountName"], 40, []

    def flip_through_the_api():
        for number in range(rounds):
            response = people.api.patch(user_path(account), json={"enabled": bool(number % 2)})
            if response.status_code != 200:
                failures.append(response.text)

    writer = threading.Thread(target=flip_through_the_api)
    writer.start()
    flips = 0
    while writer.is_alive() or flips == 0:
        old = int(truth.text(account, "userAccountControl"))
        if truth.swap(user["dn"], "userAccountControl", old, old ^ DONT_EXPIRE_PASSWORD):
            flips += 1
            now = int(truth.text(account, "userAccountControl"))
            assert now & DONT_EXPIRE_PASSWORD == (old ^ DONT_EXPIRE_PASSWORD) & DONT_EXPIRE_PASSWORD
    writer.join()
    assert not failures
    control = int(truth.text(account, "userAccountControl"))
    assert control & 2 == 0, "the last change of the API was to enable"
    assert control & DONT_EXPIRE_PASSWORD == (flips % 2) * DONT_EXPIRE_PASSWORD


def test_two_creators_of_one_name(people, api):
    """Of several that create one account name at the same time, one does."""
    account, statuses = tag(), []
    bodies = [people.body(sAMAccountName=account) for _ in range(4)]

    def create(body):
        statuses.append(api.at(api.base_url).post("/users", json=body).status_code)

    creators = [threading.Thread(target=create, args=[body]) for body in bodies]
    for creator in creators:
        creator.start()
    for creator in creators:
        creator.join()
    assert sorted(statuses) == [201, 409, 409, 409]


# --- deleting -----------------------------------------------------------------------------------

def test_delete(api, people, truth):
    user = people.create()
    response = api.delete(user_path(user["sAMAccountName"]))
    assert (response.status_code, response.content) == (204, b"")
    assert truth.ldapsearch(f"(sAMAccountName={user['sAMAccountName']})") == []
    assert not truth.binds(user["dn"], user["password"])
    for method in ("GET", "PATCH", "DELETE"):
        body = {"title": "x"} if method == "PATCH" else None
        contract.refused(api.request(method, user_path(user["sAMAccountName"]), json=body), 404,
                         "NOT_FOUND")


def test_a_deleted_name_is_free_again(api, people):
    user = people.create()
    api.delete(user_path(user["sAMAccountName"]))
    again = people.create(cn=user["cn"], sAMAccountName=user["sAMAccountName"])
    assert again["objectGUID"] != user["objectGUID"]


def test_a_user_with_something_below_it_stays(api, people, truth):
    user = people.create()
    below = truth.add(f"CN=below,{user['dn']}", objectClass="classStore")
    response = api.delete(user_path(user["sAMAccountName"]))
    contract.refused(response, 409, "NOT_EMPTY")
    assert truth.entry(below) is not None
    truth.delete(below)
    assert api.delete(user_path(user["sAMAccountName"])).status_code == 204
