"""Names of users: unusual valid names, and injection attempts.

A name either works unchanged in every operation, or is rejected with the field that contains it.
"""

import pytest

from support import contract, vault
from support.client import user_path
from support.names import ACCOUNT_NAMES, FILTERS, LONGEST_NAMES, NAMES, NO_NAMES, unique
from support.people import tag
from support.ldap_admin import rdn, same_dn


@pytest.mark.parametrize("pattern", NAMES)
def test_unusual_user_name_works_in_every_operation(people, ldap_admin, pattern):
    """Creates, reads, renames, moves and deletes a user with this name."""
    name = unique(pattern)
    user = people.create(cn=name)
    account = user["sAMAccountName"]
    assert user["cn"] == name
    assert same_dn(user["dn"], f"{rdn(name)},{people.ou}")
    assert ldap_admin.text(account, "cn") == name
    assert ldap_admin.binds(user["dn"], user["password"])

    assert people.change(account, cn=f"plain {account}")["cn"] == f"plain {account}"
    assert people.change(account, cn=name)["dn"] == user["dn"]

    other = ldap_admin.add_ou(tag(), people.ou)
    moved = people.change(account, parent_dn=other)
    assert ldap_admin.find_guid(user["objectGUID"])
    assert same_dn(moved["dn"], f"{rdn(name)},{other}")
    assert ldap_admin.text(account, "cn") == name

    assert people.api.delete(user_path(account)).status_code == 204
    assert ldap_admin.find_guid(user["objectGUID"]) is None


@pytest.mark.parametrize("name", LONGEST_NAMES)
def test_longest_user_name_is_stored_unchanged(people, ldap_admin, name):
    parent = ldap_admin.add_ou(tag(), people.ou)
    user = people.create(cn=name, ou=parent)
    assert (user["cn"], ldap_admin.text(user["sAMAccountName"], "cn")) == (name, name)


@pytest.mark.parametrize("name", [" leading", "trailing ", "  both  ", "\u00a0pasted\u200b"])
def test_blanks_around_user_name_are_removed(people, ldap_admin, name):
    parent, visible = ldap_admin.add_ou(tag(), people.ou), name.strip(" \u00a0\u200b")
    user = people.create(cn=name, ou=parent)
    assert (user["cn"], ldap_admin.text(user["sAMAccountName"], "cn")) == (visible, visible)
    body = people.body(cn=visible, ou=parent)
    contract.check_error(people.api.post("/users", json=body), 409, "ALREADY_EXISTS")


@pytest.mark.parametrize("name", NO_NAMES)
def test_invalid_user_name_is_rejected(api, people, ldap_admin, name):
    body = people.body(cn=name)
    assert contract.check_error(api.post("/users", json=body), 400, "VALIDATION_ERROR") == ["cn"]
    assert ldap_admin.find(body["sAMAccountName"]) is None


@pytest.mark.parametrize("name", NO_NAMES)
def test_rename_of_user_to_invalid_name_is_rejected(api, people, ldap_admin, name):
    user = people.create()
    before = ldap_admin.snapshot(user["sAMAccountName"])
    response = api.patch(user_path(user["sAMAccountName"]), json={"cn": name})
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == ["cn"]
    assert ldap_admin.snapshot(user["sAMAccountName"]) == before


# --- account names ------------------------------------------------------------------------------

def short_word():
    return tag()[:9]


@pytest.mark.parametrize("pattern", ACCOUNT_NAMES)
@pytest.mark.parametrize("prefix", ["/users", "/api/v1/users"])
def test_unusual_account_name_works_in_every_operation(site, people, ldap_admin, prefix, pattern):
    account = pattern.format(short_word())
    user = people.create(sAMAccountName=account)
    assert ldap_admin.text(account, "sAMAccountName") == account
    read = site.get(user_path(account, prefix))
    assert (read.status_code, read.json()["objectGUID"]) == (200, user["objectGUID"])
    changed = site.patch(user_path(account, prefix), json={"title": "x"})
    assert changed.json()["title"] == "x"
    assert site.delete(user_path(account, prefix)).status_code == 204
    assert ldap_admin.find(account) is None


def test_account_name_may_have_20_characters(people):
    account = (tag() + "x" * 20)[:20]
    assert people.create(sAMAccountName=account)["sAMAccountName"] == account


@pytest.mark.parametrize("account", ["", "x" * 21, "x" * 2000, "Ж" * 21, "dot.", "..", "a\0b",
                                     "a\nb", "a\tb", "\x7f",
                                     *(f"a{c}b" for c in "\"/\\[]:;|=,+*?<>@")])
def test_invalid_account_name_of_user_is_rejected(api, people, ldap_admin, account):
    body = people.body(sAMAccountName=account)
    assert contract.check_error(api.post("/users", json=body), 400,
                                "VALIDATION_ERROR") == ["sAMAccountName"]
    assert ldap_admin.search(f"(cn={body['cn']})") == []


@pytest.mark.parametrize("account", ["x" * 21, "dot.", "a*b", "a,b", "", "a\0b"])
def test_user_change_to_invalid_account_name_is_rejected(api, people, ldap_admin, account):
    user = people.create()
    before = ldap_admin.snapshot(user["sAMAccountName"])
    response = api.patch(user_path(user["sAMAccountName"]), json={"sAMAccountName": account})
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == ["sAMAccountName"]
    assert ldap_admin.snapshot(user["sAMAccountName"]) == before


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_user_name_in_path_is_not_interpreted_as_ldap_filter(api, people, ldap_admin, method, name):
    before = len(ldap_admin.search("(objectClass=user)", ["cn"]))
    body = {"description": "found"} if method == "PATCH" else None
    response = api.request(method, user_path(name), json=body)
    contract.check_error(response, 404, "NOT_FOUND")
    assert len(ldap_admin.search("(objectClass=user)", ["cn"])) == before
    assert ldap_admin.search("(description=found)") == []


@pytest.mark.parametrize("path", ["/users/%00", "/users/a%00b", "/users/%ff%fe", "/users/%c0%af",
                                  "/users/%", "/users/%zz", "/users/%2"])
def test_user_path_that_cannot_be_decoded_is_client_error(site, path):
    for prefix in ("", "/api/v1"):
        assert site.get(prefix + path).status_code in (400, 404)


def test_encoded_slash_in_user_name_is_not_path_separator(site):
    contract.check_error(site.get("/users/a%2Fgroups%2Fb"), 404, "NOT_FOUND")
    contract.check_error(site.get("/users/..%2Fauth%2Fme"), 404, "NOT_FOUND")


# --- other text attributes ------------------------------------------------------------------------

TEXTS = {"givenName": 64, "sn": 64, "mail": 256, "telephoneNumber": 64, "title": 128,
         "department": 64, "description": 1024}


@pytest.mark.parametrize("field, longest", TEXTS.items())
def test_longest_text_attribute_of_user_is_stored_unchanged(people, ldap_admin, field, longest):
    user = people.create(**{field: "ж" * longest})
    assert user[field] == "ж" * longest
    assert ldap_admin.text(user["sAMAccountName"], field) == "ж" * longest


@pytest.mark.parametrize("field, longest", TEXTS.items())
@pytest.mark.parametrize("text", ["", "a\0b", "longer"])
def test_invalid_text_attribute_of_user_is_rejected(api, people, ldap_admin, field, longest, text):
    body = people.body(**{field: "x" * (longest + 1) if text == "longer" else text})
    assert contract.check_error(api.post("/users", json=body), 400, "VALIDATION_ERROR") == [field]
    assert ldap_admin.find(body["sAMAccountName"]) is None


@pytest.mark.parametrize("text", ["*", "(x)", "\\", "a\\2ab", "x  x", "\"q\"", "{}", "a\u2028b",
                                  "<b>", "😀", "a\nb", "a\tb", "= #", "::", "<file:///etc/passwd"])
def test_unusual_text_attribute_of_user_is_stored_unchanged(people, ldap_admin, text):
    user = people.create(description=text, title="t" + text)
    assert (user["description"], user["title"]) == (text, "t" + text)
    assert ldap_admin.text(user["sAMAccountName"], "description") == text
    assert people.change(user["sAMAccountName"], department=text)["department"] == text


@pytest.mark.parametrize("text", [" x", "x ", "\u2028x", "x\n"])
def test_blanks_around_description_are_kept_and_those_around_a_name_are_removed(people, ldap_admin,
                                                                               text):
    user = people.create(description=text, department=text)
    assert (user["description"], user["department"]) == (text, "x")
    assert ldap_admin.text(user["sAMAccountName"], "description") == text


def test_too_long_user_password_is_rejected(api, people):
    secret = vault.password() + "x" * 256
    response = api.post("/users", json=people.body(password=secret))
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == ["password"]
