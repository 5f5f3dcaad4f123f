"""LDAP_BASE_DN: Kontora manages only the entries below it."""

import itertools

import ldap
import pytest
from samba.dcerpc import security
from samba.ndr import ndr_unpack

from support import contract
from support.client import path_of
from support.entries import CONTAINERS, GROUPS, PLACES, Entries, tag
from support.ldap_admin import add_rights, guid_text, same_dn
from support.ldap_proxy import MODIFY
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


def assert_same_error(response, expected):
    """Asserts that a client cannot tell the two errors apart."""
    contract.check_error(response, 404, "NOT_FOUND")
    assert {**response.json(), "request_id": ""} == {**expected.json(), "request_id": ""}


def test_members_outside_base_dn_are_listed_but_cannot_be_added_or_named(managed_api, ldap_admin,
                                                                         base_entry):
    """A group may contain entries from anywhere, but only entries below the base DN are found by
    their names, added or changed."""
    groups = Entries(managed_api, ldap_admin, GROUPS, base_entry[2])
    group, person = groups.create(), ldap_admin.find("i.petrov")[0]
    ldap_admin.add_member(group["dn"], person)
    assert groups.get(group["cn"])["member"] == [person]
    guid = guid_text(ldap_admin.entry(person, ["objectGUID"])["objectGUID"][0])
    unknown = managed_api.delete(groups.path(group["cn"], "members", "nobody-at-all"))
    for method, name in itertools.product(("POST", "DELETE"), ("i.petrov", person, guid)):
        assert_same_error(managed_api.request(method, path_of("/users", name, "groups",
                                                              group["cn"])), unknown)
    for method, name in (("DELETE", "i.petrov"), ("POST", "i.petrov"), ("POST", person),
                         ("POST", guid)):
        path = groups.path(group["cn"], "members", name)
        assert_same_error(managed_api.request(method, path), unknown)
    for name in (person, guid):
        for method in ("GET", "DELETE"):
            contract.check_error(managed_api.request(method, path_of("/users", name)), 404,
                                 "NOT_FOUND")
    assert ldap_admin.members(group["dn"]) == [person]


def identifiers_of(ldap_admin, dn):
    """Returns spellings of an identifier of the object with this DN."""
    guid = guid_text(ldap_admin.entry(dn, ["objectGUID"])["objectGUID"][0])
    return dn, dn.upper(), dn.replace(",", " , "), guid, guid.upper()


def test_member_outside_base_dn_can_be_removed_by_guid_or_dn(managed_api, ldap_admin, base_entry):
    groups = Entries(managed_api, ldap_admin, GROUPS, base_entry[2])
    group, outer = groups.create(), Entries(None, ldap_admin, GROUPS, ldap_admin.base_dn)
    inner = outer.create_over_ldap(tag())
    ldap_admin.add_member(inner, "<SID=S-1-5-21-7-8-9-1234>")
    principal = f"CN=S-1-5-21-7-8-9-1234,CN=ForeignSecurityPrincipals,{ldap_admin.base_dn}"
    person, stays = ldap_admin.find("i.petrov")[0], ldap_admin.find("sales")[0]
    for dn, kind in ((principal, "foreign"), (person, "user")):
        for identifier in identifiers_of(ldap_admin, dn):
            ldap_admin.add_member(group["dn"], dn, stays)
            listed = managed_api.get(groups.path(group["cn"], "members")).json()["items"]
            assert {(each["dn"], each["kind"]) for each in listed} == {(dn, kind),
                                                                       (stays, "group")}
            before = ldap_admin.tree(dn)
            response = managed_api.delete(groups.path(group["cn"], "members", identifier))
            assert response.status_code == 204, (identifier, response.text)
            assert ldap_admin.members(group["dn"]) == [stays]
            assert [entry for entry, _ in ldap_admin.tree(dn)] == [entry for entry, _ in before]
            ldap_admin.remove_member(group["dn"], stays)
    for dn in (inner, principal):
        ldap_admin.delete(dn)


def test_removal_does_not_reveal_what_is_outside_base_dn(managed_api, ldap_admin, base_entry):
    """An entry that the group does not list is not found, whether or not it exists: direct members
    of nested groups, and accounts by primary group."""
    groups = Entries(managed_api, ldap_admin, GROUPS, base_entry[2])
    group, inner = groups.create(), groups.create()
    place = ldap_admin.add_ou(tag())
    people = People(None, ldap_admin, place)
    stranger, nested, primary = (people.create_over_ldap(tag(), sAMAccountName=tag())
                                 for _ in range(3))
    ldap_admin.add_member(group["dn"], inner["dn"])
    ldap_admin.add_member(inner["dn"], nested)
    ldap_admin.make_primary(group["dn"], primary)
    outside = Entries(None, ldap_admin, GROUPS, place).create_over_ldap(tag())
    ldap_admin.add_member(outside, stranger)
    unknown = managed_api.delete(groups.path(group["cn"], "members", "nobody-at-all"))
    names = [f"CN=nobody,{place}", "CN=", "a=b", "11111111-2222-3333-4444-555555555555"]
    for dn in (stranger, nested, primary, outside):
        names += identifiers_of(ldap_admin, dn)
    for name in names:
        assert_same_error(managed_api.delete(groups.path(group["cn"], "members", name)), unknown)
    assert_same_error(managed_api.delete(path_of("/groups", outside, "members", stranger)), unknown)
    assert ldap_admin.members(outside) == [stranger]
    assert ldap_admin.members(inner["dn"]) == [nested]
    assert ldap_admin.members(group["dn"]) == [inner["dn"]]


def test_protected_member_outside_base_dn_cannot_be_removed(managed_api, ldap_admin, base_entry):
    groups = Entries(managed_api, ldap_admin, GROUPS, base_entry[2])
    group, administrator = groups.create(), ldap_admin.find("Administrator")[0]
    ldap_admin.add_member(group["dn"], administrator)
    for name in identifiers_of(ldap_admin, administrator):
        response = managed_api.delete(groups.path(group["cn"], "members", name))
        contract.check_error(response, 403, "PROTECTED_OBJECT")
    assert ldap_admin.members(group["dn"]) == [administrator]


def test_removal_of_member_outside_base_dn_obeys_conditions_and_is_audited(make_rig, directory,
                                                                           ldap_admin):
    base = ldap_admin.add_ou(tag())
    rig = make_rig(directory, LDAP_BASE_DN=base)
    groups = Entries(rig.api, ldap_admin, GROUPS, base)
    group, person = groups.create(), ldap_admin.find("i.petrov")[0]
    ldap_admin.add_member(group["dn"], person)
    path = groups.path(group["cn"], "members", person)
    response = rig.api.delete(path, headers={"If-Match": '"stale"'})
    contract.check_error(response, 412, "PRECONDITION_FAILED")
    assert ldap_admin.members(group["dn"]) == [person]
    etag = rig.api.get(groups.path(group["cn"])).headers["ETag"]
    removed = rig.api.delete(path, headers={"If-Match": etag})
    assert removed.status_code == 204
    assert ldap_admin.members(group["dn"]) == []
    line = rig.audit().one_of(removed)
    assert line["status"] == "success" and line["details"]["member_dn"] == person


@pytest.fixture
def hidden_member(ldap_admin, directory):
    """Creates a person whom the service account cannot read; returns the DN and the objectGUID."""
    unit = ldap_admin.add_ou(tag())
    hidden = People(None, ldap_admin, unit).create_over_ldap(tag(), sAMAccountName=tag())
    guid = guid_text(ldap_admin.entry(hidden, ["objectGUID"])["objectGUID"][0])
    account = ldap_admin.entry(directory.bind_dn, ["objectSid"])["objectSid"][0]
    sid = ndr_unpack(security.dom_sid, account)
    for dn in (hidden, unit):
        add_rights(ldap_admin, dn, f"D:(D;;RPLCLO;;;{sid})")
    return hidden, guid


@pytest.mark.parametrize("by", ["DN", "objectGUID"])
def test_unreadable_member_can_be_removed_only_if_protected_objects_may_change(
        make_rig, directory, ldap_admin, hidden_member, by):
    """Kontora cannot tell that such a member is not protected."""
    base, identifier = ldap_admin.add_ou(tag()), hidden_member[by == "objectGUID"]
    groups = Entries(make_rig(directory, LDAP_BASE_DN=base).api, ldap_admin, GROUPS, base)
    group = groups.create()
    ldap_admin.add_member(group["dn"], hidden_member[0])
    path = groups.path(group["cn"], "members", identifier)
    [member] = groups.api.get(groups.path(group["cn"], "members")).json()["items"]
    assert (member["objectGUID"], member["kind"]) == (hidden_member[1], "other")
    contract.check_error(groups.api.delete(path), 403, "PROTECTED_OBJECT")
    assert ldap_admin.members(group["dn"]) == [hidden_member[0]]
    api = make_rig(directory, LDAP_BASE_DN=base, DIRECTORY_PROTECTED="allow").api
    assert api.delete(path).status_code == 204
    assert ldap_admin.members(group["dn"]) == []


def test_removal_outside_base_dn_succeeds_although_directory_closes_connection_once(
        make_rig, directory, authority, proxy, ldap_admin):
    """The service repeats the removal, and finds that the first attempt has removed the member."""
    base, person = ldap_admin.add_ou(tag()), ldap_admin.find("i.petrov")[0]
    rig = make_rig(directory, LDAP_SERVER=f"127.0.0.1:{proxy.port}", LDAP_BASE_DN=base,
                   LDAP_TLS_CA_FILE=str(authority.file), DIRECTORY_WORKERS="1")
    groups = Entries(rig.api, ldap_admin, GROUPS, base)
    group = groups.create()
    ldap_admin.add_member(group["dn"], person)
    proxy.cut(MODIFY, hang_up=True)
    response = rig.api.delete(groups.path(group["cn"], "members", person))
    assert (response.status_code, proxy.cuts) == (204, 1), response.text
    assert ldap_admin.members(group["dn"]) == []


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
