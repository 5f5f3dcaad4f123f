"""Deletion of entries that have objects below them. Without children=true it is refused, and the
response has the number of objects; with it, users and groups are deleted with all these objects."""

import base64
import subprocess

import pytest

from support import contract
from support.client import path_of, user_path
from support.entries import GROUPS, Entries
from support.ldap_admin import rdn
from support.people import USERS, People, tag

TREE_MAX = 200  # objects that are deleted together with the entry above them
WITH_CHILDREN = {"children": "true"}

# The only class of the standard schema that may be below users and groups, and may be nested.
# Exchange extends the schema with classes for the phones of a user.
CHILD_CLASS = "classStore"


@pytest.fixture(params=[USERS, GROUPS], ids=lambda kind: kind.resource)
def owners(request, api, ldap_admin, ou):
    """The collection of users, and then that of groups."""
    return (People(api, ldap_admin, ou) if request.param is USERS
            else Entries(api, ldap_admin, request.param, ou))


def add_below(ldap_admin, parent, name=None):
    return ldap_admin.add(f"{rdn(name or tag())},{parent}", objectClass=CHILD_CLASS)


def add_many_below(ldap_admin, parent, count):
    dns = [f"CN={number:04},{parent}" for number in range(count)]
    ldap_admin.add_all((dn, {"objectClass": CHILD_CLASS}) for dn in dns)
    return dns


def add_phones(ldap_admin, parent):
    """Adds the objects of phones: a container with devices. Returns their DNs."""
    devices = add_below(ldap_admin, parent, "ExchangeActiveSyncDevices")
    return [devices, add_below(ldap_admin, devices, "Телефон §1, \"Анна\" + ✓"),
            add_below(ldap_admin, devices, "iPhone")]


def find_tree(ldap_admin, dn):
    """Returns the DNs of an object and everything below it, as ldapsearch shows them."""
    parent = dn.split(",", 1)[1]
    return sorted(entry["dn"] for entry in ldap_admin.ldapsearch("(objectClass=*)", "1.1",
                                                                 base=parent)
                  if entry["dn"].endswith(dn))


def assert_deleted(ldap_admin, made):
    assert ldap_admin.find_guid(made["objectGUID"]) is None
    assert ldap_admin.entry(made["dn"]) is None


def path_to(owners, made):
    return owners.path(made[owners.kind.key])


# --- without the parameter ------------------------------------------------------------------------

@pytest.mark.parametrize("parameters", [{}, {"children": "false"}])
def test_refused_deletion_reports_number_of_objects_below_and_parameter(api, owners, ldap_admin,
                                                                        audit, parameters):
    made = owners.create()
    add_phones(ldap_admin, made["dn"])
    before = ldap_admin.tree(made["dn"])
    for language, words in (("ru", "вложенных объектов: 3"), ("en", "objects below: 3")):
        response = api.delete(path_to(owners, made), params=parameters,
                              headers={"Accept-Language": language})
        assert contract.check_error(response, 409, "NOT_EMPTY") == ["children"]
        body = response.json()
        assert "children=true" in body["error"]
        [detail] = body["details"]
        assert words in detail["message"] and "children=true" in detail["message"]
    assert audit.one_of(response)["status"] == "failure"
    assert ldap_admin.tree(made["dn"]) == before


def test_unit_or_container_must_be_empty(api, places, people, ldap_admin):
    """Objects in them are never deleted with them; the response has their number."""
    top = places.create()
    inner = places.create(parent_dn=top["dn"])
    people.create(ou=inner["dn"])
    for language, words in (("ru", "вложенных объектов: 2"), ("en", "objects in it: 2")):
        response = api.delete(path_to(places, top), headers={"Accept-Language": language})
        assert contract.check_error(response, 409, "NOT_EMPTY") == [places.kind.name]
        assert words in response.json()["details"][0]["message"]
        assert "children" not in response.text
    for value in ("true", "false"):
        response = api.delete(path_to(places, top), params={"children": value})
        assert contract.check_error(response, 400, "VALIDATION_ERROR") == ["children"]
    assert len(find_tree(ldap_admin, top["dn"])) == 3


def test_number_of_objects_in_unit_is_not_counted_beyond_maximum(api, places, ldap_admin):
    top = places.create()
    ldap_admin.add_all((f"CN={number},{top['dn']}", {"objectClass": "contact"})
                       for number in range(TREE_MAX + 1))
    response = api.delete(path_to(places, top))
    assert contract.check_error(response, 409, "NOT_EMPTY") == [places.kind.name]
    assert f"> {TREE_MAX}" in response.json()["details"][0]["message"]


@pytest.mark.parametrize("value", ["", "yes", "1", "TRUE", "null", "true,true"])
def test_children_parameter_is_boolean(api, owners, ldap_admin, value):
    made = owners.create()
    add_phones(ldap_admin, made["dn"])
    response = api.delete(path_to(owners, made), params={"children": value})
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == ["children"]
    assert len(find_tree(ldap_admin, made["dn"])) == 4


@pytest.mark.parametrize("method, body", [("GET", None), ("PATCH", {"title": "x"})])
def test_other_methods_reject_children_parameter(api, people, method, body):
    path = user_path(people.create()["sAMAccountName"])
    response = api.request(method, path, params=WITH_CHILDREN, json=body)
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == ["children"]


# --- with the parameter ---------------------------------------------------------------------------

def test_entry_is_deleted_with_everything_below(api, owners, ldap_admin, audit):
    made, other = owners.create(), owners.create()
    below = add_phones(ldap_admin, made["dn"])
    kept = add_phones(ldap_admin, other["dn"])
    response = api.delete(path_to(owners, made), params=WITH_CHILDREN)
    assert (response.status_code, response.content) == (204, b""), response.text
    assert_deleted(ldap_admin, made)
    assert len(find_tree(ldap_admin, other["dn"])) == len(kept) + 1
    line = audit.one_of(response)
    assert (line["status"], line["resource_id"]) == ("success", made[owners.kind.key])
    assert line["details"]["dn"] == made["dn"]
    assert len(line["details"]["deleted"]) == len(below)
    assert sorted(line["details"]["deleted"])[0].endswith(made["dn"])
    contract.check_error(api.delete(path_to(owners, made), params=WITH_CHILDREN), 404, "NOT_FOUND")


def test_entry_without_objects_below_is_deleted_with_parameter(api, owners, ldap_admin, audit):
    made = owners.create()
    response = api.delete(path_to(owners, made), params=WITH_CHILDREN)
    assert (response.status_code, response.content) == (204, b""), response.text
    assert_deleted(ldap_admin, made)
    assert "deleted" not in audit.one_of(response)["details"]


def test_deeply_nested_objects_are_deleted(api, owners, ldap_admin, audit):
    made = owners.create()
    dn = made["dn"]
    for _ in range(20):
        dn = add_below(ldap_admin, dn)
    response = api.delete(owners.path(made["objectGUID"]), params=WITH_CHILDREN)
    assert response.status_code == 204, response.text
    assert_deleted(ldap_admin, made)
    assert len(audit.one_of(response)["details"]["deleted"]) == 20


def test_maximum_number_of_objects_below_is_deleted_and_more_are_refused(api, owners, ldap_admin):
    made = owners.create()
    dns = add_many_below(ldap_admin, made["dn"], TREE_MAX + 1)
    for parameters in (WITH_CHILDREN, {}):
        for language, words in (("ru", f"больше {TREE_MAX}"), ("en", f"more than {TREE_MAX}")):
            response = api.delete(path_to(owners, made), params=parameters,
                                  headers={"Accept-Language": language})
            assert contract.check_error(response, 409, "NOT_EMPTY") == ["children"]
            assert words in response.json()["details"][0]["message"]
    assert len(find_tree(ldap_admin, made["dn"])) == TREE_MAX + 2
    ldap_admin.delete(dns[0])
    assert api.delete(path_to(owners, made), params=WITH_CHILDREN).status_code == 204
    assert_deleted(ldap_admin, made)


def test_sessions_of_deleted_user_end(api, anonymous, people, ldap_admin):
    user = people.create()
    tokens = anonymous.login(user["sAMAccountName"], user["password"])
    add_phones(ldap_admin, user["dn"])
    assert api.delete(user_path(user["sAMAccountName"]), params=WITH_CHILDREN).status_code == 204
    own = anonymous.bearing(tokens["access_token"])
    contract.check_error(own.get("/auth/me"), 401, "INVALID_TOKEN")


def move_below(directory, dn, parent):
    """Moves an object to a place that the schema does not allow; others can extend the schema."""
    name = dn.split(",")[0]
    change = (f"dn: {dn}\nchangetype: modrdn\nnewrdn: {name}\ndeleteoldrdn: 1\n"
              f"newsuperior: {parent}\n")
    domain = dn[dn.index("DC="):].upper()
    database = directory.credentials_file.parent / f"private/sam.ldb.d/{domain}.ldb"
    done = subprocess.run(["ldbmodify", "-H", database], input=change, text=True, check=False,
                          capture_output=True)
    assert done.returncode == 0, done


def test_sessions_of_user_below_deleted_entry_end(owners, api, anonymous, people, ldap_admin,
                                                  directory):
    made, user = owners.create(), people.create()
    tokens = anonymous.login(user["sAMAccountName"], user["password"])
    move_below(directory, user["dn"], made["dn"])
    assert api.delete(path_to(owners, made), params=TREE).status_code == 204
    own = anonymous.bearing(tokens["access_token"])
    contract.check_error(own.get("/auth/me"), 401, "INVALID_TOKEN")
    assert ldap_admin.find(user["sAMAccountName"]) is None


def test_parent_dn_selects_group_to_delete_with_objects_below(api, groups, ldap_admin):
    name = tag()
    parents = [ldap_admin.add_ou(tag(), groups.parent) for _ in range(2)]
    made = [groups.named(name, parent) for parent in parents]
    for each in made:
        add_phones(ldap_admin, each["dn"])
    contract.check_error(api.delete(groups.path(name), params=WITH_CHILDREN), 409, "AMBIGUOUS")
    response = api.delete(groups.path(name), params={**WITH_CHILDREN, "parent_dn": parents[0]})
    assert response.status_code == 204
    assert_deleted(ldap_admin, made[0])
    assert len(find_tree(ldap_admin, made[1]["dn"])) == 4


def test_primary_group_with_objects_below_is_not_deleted(api, groups, people, ldap_admin):
    group, user = groups.create(), people.create()
    add_phones(ldap_admin, group["dn"])
    ldap_admin.make_primary(group["dn"], user["dn"])
    response = api.delete(groups.path(group["cn"]), params=WITH_CHILDREN)
    contract.check_error(response, 409, "HAS_PRIMARY_MEMBERS")
    assert response.json()["details"] == [user["dn"]]
    assert len(find_tree(ldap_admin, group["dn"])) == 4


# --- protected objects ----------------------------------------------------------------------------

def set_critical(directory, dn, value):
    """Sets isCriticalSystemObject in the database, because nobody may set it over LDAP."""
    change = (f"dn:: {base64.b64encode(dn.encode()).decode()}\nchangetype: modify\n"
              f"replace: isCriticalSystemObject\nisCriticalSystemObject: {value}\n")
    database = directory.credentials_file.parent / "private/sam.ldb"
    subprocess.run(["ldbmodify", "-H", database, "--controls=relax:0"], input=change, text=True,
                   check=True, capture_output=True)


@pytest.mark.parametrize("place", [0, 1])
def test_entry_with_protected_object_below_is_not_deleted(api, owners, ldap_admin, directory, audit,
                                                          place):
    made = owners.create()
    below = add_phones(ldap_admin, made["dn"])
    set_critical(directory, below[place], "TRUE")
    before = ldap_admin.tree(made["dn"])
    response = api.delete(path_to(owners, made), params=WITH_CHILDREN)
    contract.check_error(response, 403, "PROTECTED_OBJECT")
    [reason] = response.json()["details"]
    assert reason.endswith(": isCriticalSystemObject=TRUE") and made["dn"] in reason
    assert audit.one_of(response)["details"]["details"] == [reason]
    assert ldap_admin.tree(made["dn"]) == before
    set_critical(directory, below[place], "FALSE")
    assert api.delete(path_to(owners, made), params=WITH_CHILDREN).status_code == 204
    assert_deleted(ldap_admin, made)


def test_protected_user_or_group_is_not_deleted_with_objects_below(api, people, ldap_admin,
                                                                   directory):
    user = people.create()
    add_phones(ldap_admin, user["dn"])
    ldap_admin.set(user["dn"], "adminCount", "1")
    service = directory.bind_dn.split(",")[0].removeprefix("CN=")
    for path in (user_path(user["sAMAccountName"]), user_path("Administrator"),
                 user_path(service), path_of("/groups", "Domain Admins")):
        contract.check_error(api.delete(path, params=WITH_CHILDREN), 403, "PROTECTED_OBJECT")
    assert len(find_tree(ldap_admin, user["dn"])) == 4
