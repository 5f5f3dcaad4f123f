"""Changing and deleting users; a request is applied completely or not at all."""

import threading

import pytest

from support import contract, vault
from support.client import user_path
from support.people import tag
from support.ldap_admin import BOOKKEEPING, rdn, same_dn

ATTRIBUTES = {
    "userPrincipalName": "{}@kontora.test", "givenName": "Пётр", "sn": "D'Arc, \"Jeanne\"",
    "mail": "{}@example.com", "telephoneNumber": "+49 30 123456", "title": "*(\\)",
    "department": "F&E", "description": "one\ntwo",
}
DONT_EXPIRE_PASSWORD = 0x10000
LOCKOUT_TRIES = 40


# --- attributes ---------------------------------------------------------------------------------

@pytest.mark.parametrize("field", ATTRIBUTES)
def test_user_attribute_can_be_set_replaced_and_cleared(people, ldap_admin, field):
    account = people.create()["sAMAccountName"]
    value = ATTRIBUTES[field].format(account)
    assert people.change(account, **{field: value})[field] == value
    assert ldap_admin.text(account, field) == value
    assert people.change(account, **{field: f"new{value}"})[field] == f"new{value}"
    assert ldap_admin.text(account, field) == f"new{value}"
    assert people.change(account, **{field: None})[field] is None
    assert ldap_admin.text(account, field) is None
    assert people.change(account, **{field: None})[field] is None  # the attribute is already unset


def test_user_change_affects_only_given_attributes(people, ldap_admin):
    user = people.create(title="one", department="two", mail="a@example.com")
    before = ldap_admin.snapshot(user["sAMAccountName"], without=BOOKKEEPING)
    people.change(user["sAMAccountName"], title="changed")
    dn, after = ldap_admin.snapshot(user["sAMAccountName"], without=BOOKKEEPING)
    assert after.pop("title") == [b"changed"]
    before[1].pop("title")
    assert (dn, after) == before


def test_empty_user_change_is_no_op(people, ldap_admin):
    user = people.create()
    before = ldap_admin.snapshot(user["sAMAccountName"])
    assert people.change(user["sAMAccountName"]) == people.get(user["sAMAccountName"])
    assert ldap_admin.snapshot(user["sAMAccountName"]) == before


def test_user_change_to_same_values_succeeds(people):
    user = people.create(title="same")
    assert people.change(user["sAMAccountName"], title="same", cn=user["cn"], enabled=True,
                         sAMAccountName=user["sAMAccountName"], parent_dn=people.ou,
                         unlock=True)["dn"] == user["dn"]


def test_change_of_unknown_user_is_not_found(api):
    contract.check_error(api.patch("/users/nobody-is-called-so", json={"title": "x"}), 404,
                         "NOT_FOUND")


# --- passwords and account state ------------------------------------------------------------------

def test_new_password_of_user_replaces_old_one(people, ldap_admin):
    """Changes the password twice: a controller may accept the previous one for an hour
    (OldPasswordAllowedPeriod)."""
    user = people.create()
    for fresh in (vault.password(), vault.password()):
        people.change(user["sAMAccountName"], password=fresh)
        assert ldap_admin.binds(user["dn"], fresh)
    assert ldap_admin.bind_failure(user["dn"], user["password"]) == "52e"


@pytest.mark.parametrize("weak", ["x", "alllowercaseletters", "12345678901"])
def test_weak_new_password_of_user_is_rejected(api, people, ldap_admin, weak):
    user = people.create()
    response = api.patch(user_path(user["sAMAccountName"]), json={"password": weak})
    contract.check_error(response, 400, "PASSWORD_POLICY")
    assert ldap_admin.binds(user["dn"], user["password"])


def test_user_can_be_disabled_and_enabled(people, ldap_admin):
    user = people.create()
    account = user["sAMAccountName"]
    assert people.change(account, enabled=False)["enabled"] is False
    assert ldap_admin.bind_failure(user["dn"], user["password"]) == "533"
    assert people.change(account, enabled=True)["enabled"] is True
    assert ldap_admin.binds(user["dn"], user["password"])


@pytest.mark.parametrize("bits", [DONT_EXPIRE_PASSWORD, 0x40000, 0x100000, 0x90000])
def test_enabling_user_keeps_other_account_control_bits(people, ldap_admin, bits):
    user = people.create()
    account = user["sAMAccountName"]
    ldap_admin.set(user["dn"], "userAccountControl", str(512 | bits))
    assert people.get(account)["userAccountControl"] == 512 | bits
    assert people.change(account, enabled=False)["userAccountControl"] == 514 | bits
    assert ldap_admin.text(account, "userAccountControl") == str(514 | bits)
    assert people.change(account, enabled=True, title="x")["userAccountControl"] == 512 | bits
    assert ldap_admin.text(account, "userAccountControl") == str(512 | bits)


def test_locked_user_can_be_unlocked(people, ldap_admin):
    user = people.create()
    account = user["sAMAccountName"]
    for _ in range(LOCKOUT_TRIES):
        if ldap_admin.bind_failure(user["dn"], "wrong") == "775":
            break
    assert ldap_admin.bind_failure(user["dn"], user["password"]) == "775"
    locked = people.get(account)
    assert (locked["locked"], locked["enabled"]) == (True, True)
    assert people.change(account, unlock=True)["locked"] is False
    assert ldap_admin.binds(user["dn"], user["password"])


def test_unlock_field_with_value_false_is_no_op(people, ldap_admin):
    user = people.create()
    before = ldap_admin.snapshot(user["sAMAccountName"])
    people.change(user["sAMAccountName"], unlock=False)
    assert ldap_admin.snapshot(user["sAMAccountName"]) == before


def test_user_can_be_required_to_change_password(people, ldap_admin):
    user = people.create()
    people.change(user["sAMAccountName"], must_change_password=True)
    assert ldap_admin.bind_failure(user["dn"], user["password"]) == "773"
    assert ldap_admin.text(user["sAMAccountName"], "pwdLastSet") == "0"
    people.change(user["sAMAccountName"], must_change_password=False)
    assert ldap_admin.binds(user["dn"], user["password"])


def test_user_can_be_required_to_change_newly_set_password(people, ldap_admin):
    user = people.create()
    fresh = vault.password()
    people.change(user["sAMAccountName"], password=fresh, must_change_password=True)
    assert ldap_admin.bind_failure(user["dn"], fresh) == "773"
    assert ldap_admin.bind_failure(user["dn"], user["password"]) == "52e"


# --- renaming and moving --------------------------------------------------------------------------

def test_renamed_user_keeps_account_name_and_guid(people, ldap_admin):
    user = people.create()
    account, name = user["sAMAccountName"], f"Neuer, \"Name\" {tag()}"
    renamed = people.change(account, cn=name)
    assert (renamed["cn"], renamed["objectGUID"]) == (name, user["objectGUID"])
    assert same_dn(ldap_admin.find(account)[0], f"{rdn(name)},{people.ou}")
    assert ldap_admin.entry(user["dn"]) is None
    assert ldap_admin.binds(renamed["dn"], user["password"])


def test_user_can_be_renamed_in_case_only(people, ldap_admin):
    user = people.create(cn="lower " + tag())
    assert people.change(user["sAMAccountName"], cn=user["cn"].upper())["cn"] == user["cn"].upper()
    assert ldap_admin.text(user["sAMAccountName"], "cn") == user["cn"].upper()


def test_account_name_of_user_can_be_changed(api, people, ldap_admin):
    user = people.create()
    fresh = tag()
    changed = people.change(user["sAMAccountName"], sAMAccountName=fresh)
    assert (changed["sAMAccountName"], changed["dn"]) == (fresh, user["dn"])
    contract.check_error(api.get(user_path(user["sAMAccountName"])), 404, "NOT_FOUND")
    assert people.get(fresh) == changed
    assert ldap_admin.find(user["sAMAccountName"]) is None


def test_moved_user_keeps_guid(people, ldap_admin):
    user = people.create()
    other = ldap_admin.add_ou(f"Übrige, andere {tag()}", people.ou)
    moved = people.change(user["sAMAccountName"], parent_dn=other)
    assert same_dn(moved["dn"], f"{rdn(user['cn'])},{other}")
    assert moved["objectGUID"] == user["objectGUID"]
    assert same_dn(ldap_admin.find(user["sAMAccountName"])[0], moved["dn"])
    assert ldap_admin.binds(moved["dn"], user["password"])


def test_user_can_move_into_container(people, ldap_admin):
    user = people.create()
    moved = people.change(user["sAMAccountName"], parent_dn=f"CN=Users,{ldap_admin.base_dn}")
    assert ldap_admin.entry(moved["dn"]) is not None


@pytest.mark.parametrize("change, code", [
    ({"parent_dn": "OU=nowhere-at-all,{ou}"}, "PARENT_NOT_FOUND"),
    ({"parent_dn": "nonsense"}, "VALIDATION_ERROR"),
    ({"parent_dn": ""}, "VALIDATION_ERROR"),
])
def test_move_of_user_to_invalid_parent_is_rejected(api, people, ldap_admin, change, code):
    user = people.create()
    before = ldap_admin.snapshot(user["sAMAccountName"])
    body = {key: value.format(ou=people.ou) for key, value in change.items()}
    contract.check_error(api.patch(user_path(user["sAMAccountName"]), json=body), 400, code)
    assert ldap_admin.snapshot(user["sAMAccountName"]) == before


@pytest.mark.parametrize("parent", ["DC=example,DC=com", "CN=Configuration,{base}", "DC=test"])
def test_move_of_user_outside_base_dn_is_rejected(api, people, ldap_admin, parent):
    user = people.create()
    before = ldap_admin.snapshot(user["sAMAccountName"])
    body = {"parent_dn": parent.format(base=ldap_admin.base_dn)}
    response = api.patch(user_path(user["sAMAccountName"]), json=body)
    assert response.status_code == 400, response.text
    assert ldap_admin.snapshot(user["sAMAccountName"]) == before


def test_user_change_to_existing_account_name_is_rejected(api, people, ldap_admin):
    user, other = people.create(), people.create(userPrincipalName=f"{tag()}@kontora.test")
    before = ldap_admin.snapshot(user["sAMAccountName"], without=BOOKKEEPING)
    for name in ("cn", "sAMAccountName", "userPrincipalName"):
        response = api.patch(user_path(user["sAMAccountName"]), json={name: other[name]})
        contract.check_error(response, 409, "ALREADY_EXISTS")
        assert ldap_admin.snapshot(user["sAMAccountName"], without=BOOKKEEPING) == before


def test_user_move_to_parent_that_contains_its_name_is_rejected(api, people, ldap_admin):
    user = people.create()
    other = ldap_admin.add_ou(tag(), people.ou)
    people.create(cn=user["cn"], ou=other)
    before = ldap_admin.snapshot(user["sAMAccountName"])
    response = api.patch(user_path(user["sAMAccountName"]), json={"parent_dn": other, "title": "x"})
    contract.check_error(response, 409, "ALREADY_EXISTS")
    assert ldap_admin.snapshot(user["sAMAccountName"]) == before


# --- changes of all attributes --------------------------------------------------------------------

def full_change(account, **fields):
    """Returns a body that changes every attribute."""
    return {**{key: value.format(account) for key, value in ATTRIBUTES.items()},
            "cn": f"Everything {tag()}", "sAMAccountName": tag(), "password": vault.password(),
            "enabled": False, "unlock": True, "must_change_password": True, **fields}


def test_all_user_attributes_can_change_in_one_request(people, ldap_admin):
    user = people.create(title="old")
    other = ldap_admin.add_ou(tag(), people.ou)
    body = full_change(user["sAMAccountName"], parent_dn=other)
    changed = people.change(user["sAMAccountName"], **body)
    for name in (*ATTRIBUTES, "cn", "sAMAccountName"):
        assert changed[name] == body[name], name
        assert ldap_admin.text(body["sAMAccountName"], name) == body[name]
    assert changed["enabled"] is False
    assert same_dn(ldap_admin.find(body["sAMAccountName"])[0], f"{rdn(body['cn'])},{other}")
    people.change(body["sAMAccountName"], enabled=True, must_change_password=False)
    assert ldap_admin.binds(changed["dn"], body["password"])


def assert_untouched(people, ldap_admin, user, before):
    assert ldap_admin.snapshot(user["sAMAccountName"], without=BOOKKEEPING) == before
    assert ldap_admin.binds(user["dn"], user["password"])
    assert people.get(user["sAMAccountName"])["dn"] == user["dn"]


@pytest.fixture
def complete_user(people, ldap_admin):
    """Returns a user with a value in every attribute, and its snapshot."""
    user = people.create(**{key: value.format(tag()) for key, value in ATTRIBUTES.items()})
    return user, ldap_admin.snapshot(user["sAMAccountName"], without=BOOKKEEPING)


def test_user_change_with_missing_parent_changes_nothing(api, people, ldap_admin, complete_user):
    user, before = complete_user
    written = ldap_admin.find(user["sAMAccountName"])[1]["uSNChanged"]
    body = full_change(user["sAMAccountName"], parent_dn=f"OU=nowhere-{tag()},{people.ou}")
    response = api.patch(user_path(user["sAMAccountName"]), json=body)
    contract.check_error(response, 400, "PARENT_NOT_FOUND")
    assert ldap_admin.find(user["sAMAccountName"])[1]["uSNChanged"] == written
    assert_untouched(people, ldap_admin, user, before)
    assert ldap_admin.find(body["sAMAccountName"]) is None
    assert not ldap_admin.binds(user["dn"], body["password"])


def test_user_change_with_weak_password_changes_nothing(api, people, ldap_admin, complete_user):
    user, before = complete_user
    other = ldap_admin.add_ou(tag(), people.ou)
    body = full_change(user["sAMAccountName"], parent_dn=other, password="weak")
    contract.check_error(api.patch(user_path(user["sAMAccountName"]), json=body), 400,
                         "PASSWORD_POLICY")
    assert_untouched(people, ldap_admin, user, before)
    assert ldap_admin.search("(cn=*)", base=other) == []


def test_user_change_with_existing_name_changes_nothing(api, people, ldap_admin, complete_user):
    user, before = complete_user
    other = ldap_admin.add_ou(tag(), people.ou)
    taken = people.create()["sAMAccountName"]
    body = full_change(user["sAMAccountName"], parent_dn=other, sAMAccountName=taken)
    contract.check_error(api.patch(user_path(user["sAMAccountName"]), json=body), 409,
                         "ALREADY_EXISTS")
    assert_untouched(people, ldap_admin, user, before)
    assert not ldap_admin.binds(user["dn"], body["password"])


def test_user_change_with_invalid_field_changes_nothing(api, people, ldap_admin, complete_user):
    user, before = complete_user
    body = full_change(user["sAMAccountName"], mail="x" * 257)
    response = api.patch(user_path(user["sAMAccountName"]), json=body)
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == ["mail"]
    assert_untouched(people, ldap_admin, user, before)


# --- concurrent changes ---------------------------------------------------------------------------

def test_concurrent_changes_of_different_account_control_bits_are_both_kept(people, ldap_admin):
    """The API flips one bit while an LDAP client flips another; no change is lost."""
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
        old = int(ldap_admin.text(account, "userAccountControl"))
        if ldap_admin.swap(user["dn"], "userAccountControl", old, old ^ DONT_EXPIRE_PASSWORD):
            flips += 1
            now = int(ldap_admin.text(account, "userAccountControl"))
            assert now & DONT_EXPIRE_PASSWORD == (old ^ DONT_EXPIRE_PASSWORD) & DONT_EXPIRE_PASSWORD
    writer.join()
    assert not failures
    control = int(ldap_admin.text(account, "userAccountControl"))
    assert control & 2 == 0, "the API enabled the account last"
    assert control & DONT_EXPIRE_PASSWORD == (flips % 2) * DONT_EXPIRE_PASSWORD


def test_concurrent_creations_with_one_account_name_create_one_user(people, api):
    """One of several concurrent creations succeeds."""
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


# --- deletion -------------------------------------------------------------------------------------

def test_deleted_user_is_not_found(api, people, ldap_admin):
    user = people.create()
    response = api.delete(user_path(user["sAMAccountName"]))
    assert (response.status_code, response.content) == (204, b"")
    assert ldap_admin.ldapsearch(f"(sAMAccountName={user['sAMAccountName']})") == []
    assert not ldap_admin.binds(user["dn"], user["password"])
    for method in ("GET", "PATCH", "DELETE"):
        body = {"title": "x"} if method == "PATCH" else None
        contract.check_error(api.request(method, user_path(user["sAMAccountName"]), json=body), 404,
                             "NOT_FOUND")


def test_name_of_deleted_user_can_be_reused(api, people):
    user = people.create()
    api.delete(user_path(user["sAMAccountName"]))
    again = people.create(cn=user["cn"], sAMAccountName=user["sAMAccountName"])
    assert again["objectGUID"] != user["objectGUID"]


def test_user_with_child_entries_cannot_be_deleted(api, people, ldap_admin):
    user = people.create()
    below = ldap_admin.add(f"CN=below,{user['dn']}", objectClass="classStore")
    response = api.delete(user_path(user["sAMAccountName"]))
    contract.check_error(response, 409, "NOT_EMPTY")
    assert ldap_admin.entry(below) is not None
    ldap_admin.delete(below)
    assert api.delete(user_path(user["sAMAccountName"])).status_code == 204
