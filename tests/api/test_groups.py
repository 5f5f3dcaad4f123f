"""Groups: types and account names. Rules shared with units and containers are tested in
test_entries_*.py, members in test_members.py."""

import pytest

from support import contract
from support.client import path_of
from support.entries import tag
from support.ldap_admin import same_dn

SECURITY = -2147483648
TYPES = {2: "global", 4: "domain_local", 8: "universal"}
INVALID_TYPES = [2147483650, 2147483652, 2147483656, 0, 6, 10, 12, 14, 1, 3, 5, 16, 18, 34,
                 1073741826,
                 -1, -2, -8, SECURITY, -2147483643, -2147483642, -2147483638, -2147483630, 2 ** 31,
                 -2 ** 31 - 1, 2 ** 32 + 2, -2 ** 32 + 2, 2 ** 63 - 1, -2 ** 63]


@pytest.mark.parametrize("scope", TYPES)
@pytest.mark.parametrize("security", [0, SECURITY])
def test_group_type_of_new_group_sets_scope_and_security(groups, ldap_admin, scope, security):
    group = groups.create(groupType=security + scope)
    assert (group["groupType"], group["scope"], group["security"]) == (
        security + scope, TYPES[scope], bool(security))
    assert ldap_admin.entry(group["dn"])["groupType"] == [str(security + scope).encode()]
    assert groups.get(group["cn"]) == group


def test_group_is_global_security_group_by_default(groups, ldap_admin):
    group = groups.create()
    assert (group["groupType"], group["scope"], group["security"]) == (-2147483646, "global", True)
    assert ldap_admin.entry(group["dn"])["groupType"] == [b"-2147483646"]
    assert group["member"] == []


@pytest.mark.parametrize("number", INVALID_TYPES)
def test_invalid_group_type_is_rejected(api, groups, ldap_admin, number):
    body = groups.body(groupType=number)
    response = api.post("/groups", json=body)
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == ["groupType"]
    assert ldap_admin.find(body["sAMAccountName"]) is None


# --- account names --------------------------------------------------------------------------------

def test_group_account_name_defaults_to_group_name(groups, ldap_admin):
    name = f"Отдел & Ко {tag()}"
    group = groups.create(cn=name, sAMAccountName=...)
    assert group["sAMAccountName"] == name
    assert ldap_admin.text(name, "sAMAccountName") == name


@pytest.mark.parametrize("name, account", [
    *((f"a{c}{{}}", "a_{}") for c in "\"/\\[]:;|=,+*?<>@"),
    ("\"/\\[]:;|=,+*?<>@{}", "_" * 16 + "{}"), ("{}.", "{}_"), ("{},", "{}_"), ("..{}", "..{}"),
    ("#{}", "#{}"), ("{}😀", "{}😀"), ("{}" + "x" * 53, "{}" + "x" * 53),
])
def test_default_group_account_name_replaces_invalid_characters(groups, ldap_admin, name, account):
    word = tag()
    group = groups.create(cn=name.replace("{}", word), sAMAccountName=...)
    expected = account.replace("{}", word)
    assert (group["cn"], group["sAMAccountName"]) == (name.replace("{}", word), expected)
    assert ldap_admin.find(expected)[1]["sAMAccountName"] == [expected.encode()]


def test_group_account_name_can_be_given(groups, ldap_admin):
    account = f"Ж {tag()}"
    group = groups.create(sAMAccountName=account)
    assert group["sAMAccountName"] == account
    assert same_dn(ldap_admin.find(account)[0], group["dn"])


@pytest.mark.parametrize("account", ["", "x" * 257, "dot.", "a\0b", "a\nb", "\x7f",
                                     *(f"a{c}b" for c in "\"/\\[]:;|=,+*?<>@")])
def test_invalid_group_account_name_is_rejected(api, groups, ldap_admin, account):
    body = groups.body(sAMAccountName=account)
    response = api.post("/groups", json=body)
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == ["sAMAccountName"]
    assert ldap_admin.search(f"(cn={body['cn']})") == []


@pytest.mark.parametrize("change", [str.upper, lambda name: name])
def test_existing_account_name_is_rejected_for_group(api, groups, people, ldap_admin, change):
    """Rejects a name of a group or a person anywhere in the directory, also if the default name
    collides."""
    other = ldap_admin.add_ou(tag(), groups.parent)
    word = tag()
    taken = groups.create(sAMAccountName=f"{word}_b", ou=other)["sAMAccountName"]
    person = people.create()["sAMAccountName"]
    for body in (groups.body(sAMAccountName=change(taken)),
                 groups.body(sAMAccountName=change(person)),
                 groups.body(cn=change(f"{word},b"), sAMAccountName=...),
                 groups.body(cn=change(taken), sAMAccountName=...)):
        contract.check_error(api.post("/groups", json=body), 409, "ALREADY_EXISTS")
        assert ldap_admin.search(f"(cn={body['cn']})", base=groups.parent) == []


def test_renamed_group_keeps_account_name(groups, ldap_admin):
    group = groups.create()
    renamed = groups.change(group["cn"], cn=tag())
    assert renamed["sAMAccountName"] == group["sAMAccountName"]
    assert same_dn(ldap_admin.find(group["sAMAccountName"])[0], renamed["dn"])


def test_group_is_not_found_by_account_name(api, groups):
    group = groups.create()
    contract.check_error(api.get(groups.path(group["sAMAccountName"])), 404, "NOT_FOUND")


# --- deletion -------------------------------------------------------------------------------------

def test_deleting_group_keeps_its_members(groups, people, ldap_admin):
    user, group = people.create(), groups.create()
    ldap_admin.add_member(group["dn"], user["dn"])
    assert group["dn"] in people.get(user["sAMAccountName"])["memberOf"]
    groups.delete(group["cn"])
    assert group["dn"] not in people.get(user["sAMAccountName"])["memberOf"]
    assert ldap_admin.binds(user["dn"], user["password"])


def test_primary_group_cannot_be_deleted(api, groups, people, ldap_admin):
    user, group = people.create(), groups.create()
    ldap_admin.make_primary(group["dn"], user["dn"])
    response = api.delete(groups.path(group["cn"]))
    assert 400 <= response.status_code < 500, response.text
    assert ldap_admin.entry(group["dn"])
    assert groups.get(group["cn"])["member"] == [user["dn"]]


# --- existing entries -----------------------------------------------------------------------------

def test_built_in_group_has_scope_and_members(groups, ldap_admin):
    group = groups.get("Administrators")
    assert (group["groupType"], group["scope"], group["security"]) == (
        -2147483643, "domain_local", True)
    assert same_dn(group["dn"], f"CN=Administrators,CN=Builtin,{ldap_admin.base_dn}")
    assert {dn.lower() for dn in group["member"]} == {
        dn.lower() for dn in ldap_admin.members(group["dn"])} != set()


def test_user_name_is_not_found_as_group(api, people):
    user = people.create()
    for method, body in (("GET", None), ("PATCH", {"description": "x"}), ("DELETE", None)):
        response = api.request(method, path_of("/groups", user["cn"]), json=body)
        contract.check_error(response, 404, "NOT_FOUND")
    assert people.get(user["sAMAccountName"])["dn"] == user["dn"]
