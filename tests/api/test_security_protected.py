"""Protected objects: Mallory may change the directory through Kontora, as a member of
LDAP_ADMIN_GROUP or as the local administrator, and tries to gain more rights."""

import ldap
import pytest
from stack.directory import LOGIN_SETTINGS

from support import contract, vault
from support.client import path_of, user_path
from support.people import tag
from support.ldap_admin import GLOBAL_SECURITY_GROUP, rdn, same_dn

DOMAIN_LOCAL_SECURITY_GROUP = "-2147483644"
GLOBAL_DISTRIBUTION_GROUP = "2"


@pytest.fixture(scope="module", params=["local administrator", "member of LDAP_ADMIN_GROUP"])
def mallory(request, api, anonymous, people, ldap_admin):
    """Returns a client of each kind of caller who may change the directory."""
    if request.param == "local administrator":
        return api
    user = people.create()
    admins = f"{rdn(LOGIN_SETTINGS['LDAP_ADMIN_GROUP'])},OU=Groups,{ldap_admin.base_dn}"
    ldap_admin.add_member(admins, user["dn"])
    tokens = anonymous.login(user["sAMAccountName"], user["password"])
    return anonymous.bearing(tokens["access_token"])


@pytest.fixture
def make_group(ldap_admin, ou):
    """Returns a function that creates a group over LDAP and returns its name and DN."""
    def make(*members, kind=GLOBAL_SECURITY_GROUP):
        name = tag()
        return name, ldap_admin.add_group(name, ou, *members, kind=kind)
    return make


@pytest.fixture
def add_to_group(ldap_admin):
    """Returns a function that adds members to groups over LDAP and removes them at the end of
    the test."""
    joined = []

    def add(group_dn, member_dn):
        ldap_admin.add_member(group_dn, member_dn)
        joined.append((group_dn, member_dn))
    yield add
    for group_dn, member_dn in reversed(joined):
        try:
            ldap_admin.remove_member(group_dn, member_dn)
        except (ldap.NO_SUCH_OBJECT, ldap.UNWILLING_TO_PERFORM, ldap.NO_SUCH_ATTRIBUTE):
            pass  # the test has deleted the object


@pytest.fixture
def user(people):
    return people.create()


def visible_attributes(ldap_admin, dn):
    """Returns the attributes that ldapsearch shows of a subtree, without those that logins
    change."""
    unstable = ("badPwdCount", "badPasswordTime", "lastLogon", "lastLogonTimestamp", "logonCount")
    return sorted((line["dn"], sorted((name, sorted(values)) for name, values in line.items()
                                      if name not in ("dn", *unstable)))
                  for line in ldap_admin.ldapsearch("(objectClass=*)", "*", base=dn))


def assert_protected(ldap_admin, dn, call, audit, reason):
    """Asserts that a call is refused with a reason, is audited, and changes nothing."""
    before = visible_attributes(ldap_admin, dn)
    response = call()
    contract.check_error(response, 403, "PROTECTED_OBJECT")
    assert visible_attributes(ldap_admin, dn) == before
    assert any(reason in detail for detail in response.json()["details"]), response.text
    line = audit.one_of(response)
    assert (line["status"], line["details"]["code"]) == ("failure", "PROTECTED_OBJECT")
    assert line["details"]["details"] == response.json()["details"]


# --- accounts -------------------------------------------------------------------------------------

CHANGES = [{"title": "x"}, {"password": ...}, {"enabled": True}, {"enabled": False},
           {"unlock": True}, {"cn": "renamed"}, {"must_change_password": True},
           {"parent_dn": ...}, {"sAMAccountName": "renamed"}]
BUILT_IN_ACCOUNTS = ["Administrator", "krbtgt", "Guest"]


def complete_change(change, ou):
    values = {"password": vault.password(), "parent_dn": ou}
    return {name: values[name] if value is ... else value for name, value in change.items()}


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: next(iter(change)))
@pytest.mark.parametrize("account", BUILT_IN_ACCOUNTS)
def test_built_in_account_cannot_be_changed(mallory, ldap_admin, audit, ou, account, change):
    dn = ldap_admin.find(account)[0]
    assert_protected(ldap_admin, dn,
                     lambda: mallory.patch(user_path(account), json=complete_change(change, ou)),
                     audit, "adminCount=1" if account != "Guest" else "isCriticalSystemObject=TRUE")


@pytest.mark.parametrize("account", BUILT_IN_ACCOUNTS)
def test_built_in_account_cannot_be_deleted(mallory, ldap_admin, audit, account):
    assert_protected(ldap_admin, ldap_admin.find(account)[0],
                     lambda: mallory.delete(user_path(account)),
                     audit, "=")


PRIVILEGED = {
    "CN=Domain Admins,CN=Users": "-512", "CN=Enterprise Admins,CN=Users": "-519",
    "CN=Schema Admins,CN=Users": "-518", "CN=Group Policy Creator Owners,CN=Users": "-520",
    "CN=Domain Controllers,CN=Users": "-516", "CN=Administrators,CN=Builtin": "S-1-5-32-544",
    "CN=Account Operators,CN=Builtin": "S-1-5-32-548",
    "CN=Server Operators,CN=Builtin": "S-1-5-32-549",
    "CN=Print Operators,CN=Builtin": "S-1-5-32-550",
    "CN=Backup Operators,CN=Builtin": "S-1-5-32-551",
}


@pytest.mark.parametrize("group", PRIVILEGED)
def test_member_of_privileged_group_cannot_be_changed(mallory, ldap_admin, audit, user,
                                                      add_to_group,
                                                      group):
    """Samba does not set adminCount for members, so their tokenGroups must decide."""
    add_to_group(f"{group},{ldap_admin.base_dn}", user["dn"])
    assert "adminCount" not in ldap_admin.entry(user["dn"])
    path = user_path(user["sAMAccountName"])
    reason = "tokenGroups=S-1-5-"
    for change in ({"password": vault.password()}, {"title": "x"}, {"enabled": False}):
        assert_protected(ldap_admin, user["dn"], lambda body=change: mallory.patch(path, json=body),
                         audit, reason)
    assert_protected(ldap_admin, user["dn"], lambda: mallory.delete(path), audit, reason)


def test_nested_member_of_privileged_group_cannot_be_changed(mallory, ldap_admin, audit, user,
                                                             add_to_group,
                                                             make_group):
    _, inner = make_group(user["dn"])
    _, middle = make_group(inner)
    _, outer = make_group(middle, kind=DOMAIN_LOCAL_SECURITY_GROUP)
    add_to_group(f"CN=Backup Operators,CN=Builtin,{ldap_admin.base_dn}", outer)
    path = user_path(user["sAMAccountName"])
    assert_protected(ldap_admin, user["dn"],
                     lambda: mallory.patch(path, json={"password": vault.password()}), audit,
                     "tokenGroups=S-1-5-32-551")


def test_user_with_privileged_primary_group_cannot_be_changed(mallory, ldap_admin, audit, user,
                                                              add_to_group):
    admins = f"CN=Domain Admins,CN=Users,{ldap_admin.base_dn}"
    add_to_group(admins, user["dn"])
    ldap_admin.set(user["dn"], "primaryGroupID", "512")
    assert admins.encode() not in ldap_admin.entry(user["dn"])["memberOf"]
    try:
        assert_protected(ldap_admin, user["dn"],
                         lambda: mallory.patch(user_path(user["sAMAccountName"]),
                                               json={"password": vault.password()}),
                         audit, "-512")
    finally:
        ldap_admin.set(user["dn"], "primaryGroupID", "513")


def test_directory_account_with_admin_count_attribute_cannot_be_changed(mallory, ldap_admin, audit,
                                                                        user):
    ldap_admin.set(user["dn"], "adminCount", "1")
    assert_protected(ldap_admin, user["dn"],
                     lambda: mallory.patch(user_path(user["sAMAccountName"]), json={"title": "x"}),
                     audit, "adminCount=1")


def test_service_account_cannot_be_added_to_group(mallory, ldap_admin, audit, directory,
                                                  make_group):
    name, dn = make_group()
    service = ldap_admin.entry(directory.bind_dn, ["sAMAccountName"])["sAMAccountName"][0].decode()
    path = path_of("/users", service, "groups", name)
    assert_protected(ldap_admin, dn, lambda: mallory.post(path), audit, "LDAP_BIND_DN")


# --- memberships ----------------------------------------------------------------------------------

@pytest.mark.parametrize("group", PRIVILEGED)
def test_members_cannot_be_added_to_privileged_group(mallory, ldap_admin, audit, user, group):
    dn = f"{group},{ldap_admin.base_dn}"
    name = group.split(",")[0].removeprefix("CN=")
    for path in (path_of("/groups", name, "members", user["sAMAccountName"]),
                 path_of("/users", user["sAMAccountName"], "groups", name)):
        assert_protected(ldap_admin, dn, lambda at=path: mallory.post(at), audit, "=")
    assert "memberOf" not in ldap_admin.entry(user["dn"])


def test_member_of_privileged_group_cannot_be_removed(mallory, ldap_admin, audit, user,
                                                      add_to_group):
    dn = f"CN=Domain Admins,CN=Users,{ldap_admin.base_dn}"
    add_to_group(dn, user["dn"])
    for path in (path_of("/groups", "Domain Admins", "members", user["sAMAccountName"]),
                 path_of("/users", user["sAMAccountName"], "groups", "Domain Admins")):
        assert_protected(ldap_admin, dn, lambda at=path: mallory.delete(at), audit, "=")


def test_group_cannot_be_added_to_privileged_group(mallory, ldap_admin, audit, make_group):
    name, _ = make_group()
    assert_protected(ldap_admin, f"CN=Domain Admins,CN=Users,{ldap_admin.base_dn}",
                     lambda: mallory.post(path_of("/groups", "Domain Admins", "members", name)),
                     audit, "=")


@pytest.mark.parametrize("kind", [GLOBAL_SECURITY_GROUP, GLOBAL_DISTRIBUTION_GROUP])
def test_group_nested_in_privileged_group_is_protected(mallory, ldap_admin, audit, user,
                                                       add_to_group,
                                                       make_group, kind):
    """Samba provides no tokenGroups for groups, so the chain of memberOf must decide."""
    inner_name, inner = make_group(kind=kind)
    middle_name, middle = make_group(inner)
    add_to_group(f"CN=Domain Admins,CN=Users,{ldap_admin.base_dn}", middle)
    for name, dn in ((inner_name, inner), (middle_name, middle)):
        path = path_of("/groups", name, "members", user["sAMAccountName"])
        reason = f"memberOf=CN=Domain Admins,CN=Users,{ldap_admin.base_dn}"
        assert_protected(ldap_admin, dn, lambda at=path: mallory.post(at), audit, reason)
        for change in ({"description": "x"}, {"cn": tag()}, {"parent_dn": ldap_admin.base_dn}):
            assert_protected(ldap_admin, dn,
                             lambda at=path_of("/groups", name), body=change:
                             mallory.patch(at, json=body), audit, reason)
        assert_protected(ldap_admin, dn, lambda at=path_of("/groups", name): mallory.delete(at),
                         audit,
                         reason)
    assert "memberOf" not in ldap_admin.entry(user["dn"])


def test_ordinary_groups_that_contain_each_other_are_not_protected(mallory, ldap_admin, user,
                                                                   make_group):
    first_name, first = make_group()
    _, second = make_group(first)
    ldap_admin.add_member(first, second)
    response = mallory.post(path_of("/groups", first_name, "members", user["sAMAccountName"]))
    assert response.status_code == 200, response.text


def test_group_memberships_of_protected_account_cannot_be_changed(mallory, ldap_admin, audit,
                                                                  make_group):
    name, dn = make_group(ldap_admin.find("krbtgt")[0])
    path = path_of("/users", "Administrator", "groups", name)
    assert_protected(ldap_admin, dn, lambda: mallory.post(path), audit, "adminCount=1")
    path = path_of("/users", "krbtgt", "groups", name)
    assert_protected(ldap_admin, dn, lambda: mallory.delete(path), audit, "adminCount=1")
    ldap_admin.delete(dn)


# --- groups, units and containers -----------------------------------------------------------------

@pytest.mark.parametrize("path, name, at", [
    ("/groups", "Administrators", "CN=Builtin"), ("/groups", "Domain Admins", "CN=Users"),
    ("/groups", "Backup Operators", "CN=Builtin"), ("/containers", "Users", ""),
    ("/containers", "Computers", ""), ("/containers", "System", ""),
    ("/ous", "Domain Controllers", "")])
def test_built_in_group_or_container_cannot_be_changed(mallory, ldap_admin, audit, ou, path, name,
                                                       at):
    parent = ",".join(part for part in (at, ldap_admin.base_dn) if part)
    dn = f"{'OU' if path == '/ous' else 'CN'}={name},{parent}"
    at, where = path_of(path, name), {"parent_dn": parent}
    field = "ou" if path == "/ous" else "cn"
    before = ldap_admin.ldapsearch("(objectClass=*)", "dn", base=ldap_admin.base_dn)
    for body in ({field: "renamed"}, {"parent_dn": ou}, {"description": "x"}):
        response = mallory.patch(at, params=where, json=body)
        contract.check_error(response, 403, "PROTECTED_OBJECT")
        assert audit.one_of(response)["status"] == "failure"
    contract.check_error(mallory.delete(at, params=where), 403, "PROTECTED_OBJECT")
    after = ldap_admin.ldapsearch("(objectClass=*)", "dn", base=ldap_admin.base_dn)
    assert sorted(line["dn"] for line in after) == sorted(line["dn"] for line in before)
    assert ldap_admin.entry(dn)


@pytest.fixture(params=["member", "nested", "primary", "marked", "nested group"])
def protected_unit(request, ldap_admin, people, ou, add_to_group, make_group):
    """Returns the name and DN of an organizational unit with a nested unit that contains a
    protected object."""
    name = tag()
    place = ldap_admin.add_ou(name, ou)
    inner = ldap_admin.add_ou(tag(), place)
    admins = f"CN=Domain Admins,CN=Users,{ldap_admin.base_dn}"
    person = people.create(ou=inner)["dn"]
    if request.param == "member":
        add_to_group(f"CN=Print Operators,CN=Builtin,{ldap_admin.base_dn}", person)
    elif request.param == "nested":
        _, group = make_group(person)
        add_to_group(admins, group)
    elif request.param == "primary":
        add_to_group(admins, person)
        ldap_admin.set(person, "primaryGroupID", "512")
        request.addfinalizer(lambda: ldap_admin.set(person, "primaryGroupID", "513"))
    elif request.param == "marked":
        ldap_admin.set(person, "adminCount", "1")
    else:
        group = ldap_admin.add(f"{rdn(tag())},{inner}", objectClass="group", sAMAccountName=tag(),
                               groupType=GLOBAL_SECURITY_GROUP)
        add_to_group(admins, group)
    return name, place


def test_organizational_unit_that_contains_protected_object_cannot_be_moved(
        mallory, ldap_admin, audit, protected_unit):
    name, dn = protected_unit
    path = path_of("/ous", name)
    for body in ({"parent_dn": ldap_admin.base_dn}, {"ou": tag()}):
        assert_protected(ldap_admin, dn, lambda change=body: mallory.patch(path, json=change),
                         audit, "")
    contract.check_error(mallory.delete(path), 409, "NOT_EMPTY")
    response = mallory.patch(path, json={"description": "Holds protected objects"})
    assert response.status_code == 200, response.text


# --- unprotected objects --------------------------------------------------------------------------

def test_ordinary_directory_objects_can_be_changed(mallory, ldap_admin, user, make_group, ou):
    path = user_path(user["sAMAccountName"])
    name, group = make_group()
    for body in ({"title": "x"}, {"password": vault.password()}, {"enabled": False},
                 {"enabled": True, "unlock": True}, {"cn": tag()}, {"must_change_password": True}):
        response = mallory.patch(path, json=body)
        assert response.status_code == 200, response.text
    dn = response.json()["dn"]
    member = path_of("/groups", name, "members", user["sAMAccountName"])
    assert mallory.post(member).status_code == 200
    assert ldap_admin.members(group) == [dn]
    assert mallory.delete(member).status_code == 204
    place = ldap_admin.add_ou(tag(), ou)
    assert mallory.patch(path, json={"parent_dn": place}).status_code == 200
    renamed = tag()
    unit = place.split(",")[0].removeprefix("OU=")
    assert mallory.patch(path_of("/ous", unit), json={"ou": renamed}).status_code == 200
    assert f"OU={renamed}" in ldap_admin.find(user["sAMAccountName"])[0]
    assert mallory.delete(path).status_code == 204
    assert mallory.delete(path_of("/groups", name)).status_code == 204


@pytest.mark.parametrize("container", ["CN=Users", "CN=Computers"])
def test_entries_can_be_created_in_critical_system_container(mallory, ldap_admin, people, user,
                                                             container):
    parent = f"{container},{ldap_admin.base_dn}"
    body = people.body(ou=parent)
    assert mallory.post("/users", json=body).status_code == 201
    response = mallory.patch(user_path(user["sAMAccountName"]), json={"parent_dn": parent})
    assert response.status_code == 200, response.text
    assert same_dn(ldap_admin.find(user["sAMAccountName"])[0], f"{rdn(user['cn'])},{parent}")
    for name in (body["sAMAccountName"], user["sAMAccountName"]):
        assert mallory.delete(user_path(name)).status_code == 204


def test_members_of_kontora_admin_group_are_not_protected(mallory, ldap_admin, user):
    name = LOGIN_SETTINGS["LDAP_ADMIN_GROUP"]
    path = path_of("/groups", name, "members", user["sAMAccountName"])
    assert mallory.post(path).status_code == 200
    response = mallory.patch(user_path(user["sAMAccountName"]), json={"title": "x"})
    assert response.status_code == 200, response.text
    assert mallory.delete(path).status_code == 204
    assert "memberOf" not in ldap_admin.entry(user["dn"])


def test_protected_objects_can_be_read(mallory):
    for path in ("/users/krbtgt", "/users/Guest", "/groups/Domain%20Admins"):
        assert mallory.get(path).status_code == 200
