"""LDAP_BASE_DN: Kontora manages only the entries below it."""

import itertools

import ldap
import pytest

from support import contract
from support.client import path_of
from support.entries import CONTAINERS, GROUPS, PLACES, Entries, tag
from support.ldap_admin import guid_text, same_dn
from support.people import People


@pytest.fixture(params=PLACES, ids=lambda kind: kind.resource)
def base_entry(request, ldap_admin):
    """Creates the base entry; returns its kind, its name and its DN."""
    kind, name = request.param, f"Ж, base {tag()}"
    return kind, name, Entries(None, ldap_admin, kind, ldap_admin.base_dn).create_over_ldap(name)


@pytest.fixture
def managed_api(make_rig, directory, ldap_admin, base_entry):
    """Returns the administrator's client of a stack that manages only the base entry's subtree."""
    return make_rig(directory, LDAP_BASE_DN=base_entry[2]).api


def test_base_entry_cannot_be_renamed_moved_or_deleted(managed_api, ldap_admin, base_entry):
    kind, name, dn = base_entry
    path = path_of(kind.path, name)
    assert same_dn(kind.check(managed_api.get(path).json())["dn"], dn)
    [listed] = contract.check_list(managed_api.get(kind.path).json())
    assert same_dn(listed["dn"], dn)
    inner = Entries(managed_api, ldap_admin, kind, dn).create()
    before = ldap_admin.tree(dn)
    for body in ({kind.name: tag()}, {"parent_dn": inner["dn"]}, {"parent_dn": ldap_admin.base_dn},
                 {kind.name: tag(), "description": "x"}):
        contract.check_error(managed_api.patch(path, json=body), 400, "DIRECTORY_REFUSED")
    contract.check_error(managed_api.delete(path), 400, "DIRECTORY_REFUSED")
    assert ldap_admin.tree(dn) == before
    Entries(managed_api, ldap_admin, kind, dn).delete(inner[kind.name])
    contract.check_error(managed_api.delete(path), 400,
                         "DIRECTORY_REFUSED")  # even when it has no children
    assert managed_api.patch(path, json={"description": "x"}).json()["description"] == "x"


def test_entry_outside_base_dn_is_not_found(managed_api, ldap_admin, base_entry):
    kind, _, dn = base_entry
    outside = Entries(None, ldap_admin, kind, ldap_admin.base_dn).create_over_ldap(tag())
    before = ldap_admin.tree(outside)
    name = outside.split(",")[0].split("=")[1]
    for method, body in (("GET", None), ("PATCH", {"description": "x"}), ("DELETE", None)):
        contract.check_error(managed_api.request(method, path_of(kind.path, name), json=body), 404,
                             "NOT_FOUND")
        for at in (ldap_admin.base_dn, "DC=test", outside):
            response = managed_api.request(method, path_of(kind.path, name), json=body,
                                           params={"parent_dn": at})
            assert contract.check_error(response, 400, "VALIDATION_ERROR") == ["parent_dn"]
    inside = Entries(managed_api, ldap_admin, kind, dn).create()
    response = managed_api.patch(path_of(kind.path, inside[kind.name]), json={"parent_dn": outside})
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == ["parent_dn"]
    assert ldap_admin.tree(outside) == before
    for account in ("Domain Users", "sales"):
        contract.check_error(managed_api.get(path_of("/groups", account)), 404, "NOT_FOUND")


# Names of units, and of other units that compatible forms of Unicode make equal to them.
SIBLINGS = (("Zone2", "Zone²"), ("Strasse", "Straße"), ("Zone", "Ｚｏｎｅ"), ("Zone1", "Zone①"),
            ("ab", "a\u00ADb"))


@pytest.mark.parametrize("name, similar", SIBLINGS)
def test_unit_with_similar_name_is_outside_base_dn(make_rig, directory, ldap_admin, name, similar):
    """The directory keeps both units, so access to one is no access to the other."""
    top = ldap_admin.add_ou(tag())
    base, sibling = ldap_admin.add_ou(name, top), ldap_admin.add_ou(similar, top)
    own, outside = (People(None, ldap_admin, unit).create_over_ldap(account, sAMAccountName=account)
                    for unit, account in ((base, tag()), (sibling, tag())))
    account = outside.split(",")[0].removeprefix("CN=")
    api = make_rig(directory, LDAP_BASE_DN=base).api
    before = ldap_admin.tree(top)
    for method, body in (("GET", None), ("PATCH", {"description": "x"}), ("DELETE", None)):
        response = api.request(method, path_of("/users", account), json=body,
                               params={"parent_dn": sibling})
        assert contract.check_error(response, 400, "VALIDATION_ERROR") == ["parent_dn"]
        response = api.request(method, path_of("/users", outside), json=body)
        contract.check_error(response, 404, "NOT_FOUND")
    for body in (People(None, ldap_admin, sibling).body(),
                 People(None, ldap_admin, base).body(sAMAccountName=account)):
        response = api.post("/users", json=body)
        contract.check_error(response, 400 if body["ou"] == sibling else 409,
                             "VALIDATION_ERROR" if body["ou"] == sibling else "ALREADY_EXISTS")
        assert similar not in response.text
    response = api.patch(path_of("/users", own), json={"parent_dn": sibling})
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == ["parent_dn"]
    assert ldap_admin.tree(top) == before
    response = api.get(path_of("/users", own), params={"parent_dn": base})
    assert same_dn(contract.check_user(response.json())["dn"], own)


def test_object_moves_between_units_with_similar_names(make_rig, directory, ldap_admin):
    top = ldap_admin.add_ou(tag())
    units = [ldap_admin.add_ou(name, top) for name in ("Zone2", "Zone²")]
    entries = Entries(make_rig(directory, LDAP_BASE_DN=top).api, ldap_admin, GROUPS, units[0])
    made = entries.create()
    for unit in (units[1], units[0]):
        moved = entries.change(made["objectGUID"], parent_dn=unit)
        assert same_dn(moved["dn"], entries.dn(made["cn"], unit))


def test_members_outside_base_dn_are_listed_but_not_changed(managed_api, ldap_admin, base_entry):
    """A group may contain entries from anywhere, but only managed accounts can be added or
    removed."""
    groups = Entries(managed_api, ldap_admin, GROUPS, base_entry[2])
    group, person = groups.create(), ldap_admin.find("i.petrov")[0]
    ldap_admin.add_member(group["dn"], person)
    assert groups.get(group["cn"])["member"] == [person]
    guid = guid_text(ldap_admin.entry(person, ["objectGUID"])["objectGUID"][0])
    unknown = managed_api.delete(groups.path(group["cn"], "members", "nobody-at-all")).json()
    for method, name in itertools.product(("POST", "DELETE"), ("i.petrov", person, guid)):
        for path in (groups.path(group["cn"], "members", name),
                     path_of("/users", name, "groups", group["cn"])):
            response = managed_api.request(method, path)
            contract.check_error(response, 404, "NOT_FOUND")
            assert {**response.json(), "request_id": ""} == {**unknown, "request_id": ""}
    for name in (person, guid):
        for method in ("GET", "DELETE"):
            contract.check_error(managed_api.request(method, path_of("/users", name)), 404,
                                 "NOT_FOUND")
    assert ldap_admin.members(group["dn"]) == [person]


def test_search_of_members_does_not_reveal_attributes_outside_base_dn(managed_api, ldap_admin,
                                                                      base_entry):
    """A search finds members outside by their names only, which the list shows."""
    groups = Entries(managed_api, ldap_admin, GROUPS, base_entry[2])
    group, mail = groups.create(), f"{tag()}@example.com"
    inside, outside = (
        People(None, ldap_admin, unit).create_over_ldap(tag(), sAMAccountName=tag(), mail=mail)
        for unit in (base_entry[2], ldap_admin.add_ou(tag())))
    ldap_admin.add_member(group["dn"], inside, outside)

    def found(text):
        response = managed_api.get(groups.path(group["cn"], "members"), params={"search": text})
        return [member["dn"] for member in response.json()["items"]]
    assert len(found("")) == 2
    [found_by_mail] = found(mail)
    assert same_dn(found_by_mail, inside)
    for dn in (inside, outside):
        [found_by_name] = found(dn.split(",")[0].removeprefix("CN="))
        assert same_dn(found_by_name, dn)


def test_filter_finds_users_of_primary_group_outside_base_dn(managed_api, ldap_admin, base_entry):
    """Such a group is shown in memberOf, too."""
    account = People(managed_api, ldap_admin, base_entry[2]).create()["sAMAccountName"]
    [primary] = managed_api.get(path_of("/users", account)).json()["memberOf"]
    assert primary == ldap_admin.find("Domain Users")[0]
    for operator, expected in (("eq", [account]), ("ne", [])):
        response = managed_api.get("/users", params={"filter": f'memberOf {operator} "{primary}"'})
        assert [user["sAMAccountName"] for user in response.json()["items"]] == expected


@pytest.fixture
def forest_admin_api(ldap_admin, directory, make_rig):
    """Returns the administrator's client of a stack whose service account may change the whole
    forest."""
    forest = ldap_admin.find("Enterprise Admins")[0]
    ldap_admin.add_member(forest, directory.bind_dn)
    ldap_admin.close()  # rights are evaluated when binding
    yield make_rig(directory).api
    ldap_admin.remove_member(forest, directory.bind_dn)
    ldap_admin.close()


@pytest.mark.parametrize("parent", ["CN=Configuration", "CN=Services,CN=Configuration"])
def test_other_naming_contexts_are_outside_base_dn(forest_admin_api, ldap_admin, parent):
    """Their DNs end in the domain's DN (MS-ADTS 3.1.1.1.5), but searches below the domain do not
    reach them, so an entry created there could not be found again."""
    parent = f"{parent},{ldap_admin.base_dn}"
    containers, name = Entries(forest_admin_api, ldap_admin, CONTAINERS, parent), tag()
    response = forest_admin_api.post("/containers", json=containers.body(cn=name))
    with pytest.raises(ldap.NO_SUCH_OBJECT):
        ldap_admin.delete(containers.dn(name))  # cleans up if the entry was created nevertheless
    contract.check_error(response, 400, "PARENT_NOT_FOUND")
