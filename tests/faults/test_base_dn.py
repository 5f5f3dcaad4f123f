"""LDAP_BASE_DN: Kontora manages only the entries below it."""

import ldap
import pytest

from support import contract
from support.client import path_of
from support.entries import CONTAINERS, GROUPS, PLACES, Entries, tag
from support.truth import same_dn


@pytest.fixture(params=PLACES, ids=lambda kind: kind.resource)
def base(request, truth):
    """Creates the base entry; returns its kind, its name and its DN."""
    kind, name = request.param, f"Ж, base {tag()}"
    return kind, name, Entries(None, truth, kind, truth.base_dn).plant(name)


@pytest.fixture
def managed(make_rig, directory, truth, base):
    """Returns the administrator's client of a stack that manages only the base entry's subtree."""
    return make_rig(directory, LDAP_BASE_DN=base[2]).api


def test_base_entry_cannot_be_renamed_moved_or_deleted(managed, truth, base):
    kind, name, dn = base
    path = path_of(kind.path, name)
    assert same_dn(kind.check(managed.get(path).json())["dn"], dn)
    [listed] = contract.check_list(managed.get(kind.path).json())
    assert same_dn(listed["dn"], dn)
    inner = Entries(managed, truth, kind, dn).create()
    before = truth.tree(dn)
    for body in ({kind.name: tag()}, {"parent_dn": inner["dn"]}, {"parent_dn": truth.base_dn},
                 {kind.name: tag(), "description": "x"}):
        contract.refused(managed.patch(path, json=body), 400, "DIRECTORY_REFUSED")
    contract.refused(managed.delete(path), 400, "DIRECTORY_REFUSED")
    assert truth.tree(dn) == before
    Entries(managed, truth, kind, dn).delete(inner[kind.name])
    contract.refused(managed.delete(path), 400, "DIRECTORY_REFUSED")  # even when it has no children
    assert managed.patch(path, json={"description": "x"}).json()["description"] == "x"


def test_entry_outside_base_dn_is_not_found(managed, truth, base):
    kind, _, dn = base
    outside = Entries(None, truth, kind, truth.base_dn).plant(tag())
    before = truth.tree(outside)
    name = outside.split(",")[0].split("=")[1]
    for method, body in (("GET", None), ("PATCH", {"description": "x"}), ("DELETE", None)):
        contract.refused(managed.request(method, path_of(kind.path, name), json=body), 404,
                         "NOT_FOUND")
        for at in (truth.base_dn, "DC=test", outside):
            response = managed.request(method, path_of(kind.path, name), json=body,
                                       params={"parent_dn": at})
            assert contract.refused(response, 400, "VALIDATION_ERROR") == ["parent_dn"]
    inside = Entries(managed, truth, kind, dn).create()
    response = managed.patch(path_of(kind.path, inside[kind.name]), json={"parent_dn": outside})
    assert contract.refused(response, 400, "VALIDATION_ERROR") == ["parent_dn"]
    assert truth.tree(outside) == before
    for account in ("Domain Users", "sales"):
        contract.refused(managed.get(path_of("/groups", account)), 404, "NOT_FOUND")


def test_members_outside_base_dn_are_listed_but_not_changed(managed, truth, base):
    """A group may contain entries from anywhere, but only managed accounts can be added or
    removed."""
    groups = Entries(managed, truth, GROUPS, base[2])
    group, person = groups.create(), truth.find("i.petrov")[0]
    truth.add_member(group["dn"], person)
    assert groups.get(group["cn"])["member"] == [person]
    for method in ("POST", "DELETE"):
        contract.refused(managed.request(method, groups.path(group["cn"], "members", "i.petrov")),
                         404, "NOT_FOUND")
    assert truth.members(group["dn"]) == [person]


@pytest.fixture
def mighty(truth, directory, make_rig):
    """Returns the administrator's client of a stack whose service account may change the whole
    forest."""
    forest = truth.find("Enterprise Admins")[0]
    truth.add_member(forest, directory.bind_dn)
    truth.close()  # rights are evaluated when binding
    yield make_rig(directory).api
    truth.remove_member(forest, directory.bind_dn)
    truth.close()


@pytest.mark.parametrize("parent", ["CN=Configuration", "CN=Services,CN=Configuration"])
def test_other_naming_contexts_are_outside_base_dn(mighty, truth, parent):
    """Their DNs end in the domain's DN (MS-ADTS 3.1.1.1.5), but searches below the domain do not
    reach them, so an entry created there could not be found again."""
    parent = f"{parent},{truth.base_dn}"
    containers, name = Entries(mighty, truth, CONTAINERS, parent), tag()
    response = mighty.post("/containers", json=containers.body(cn=name))
    with pytest.raises(ldap.NO_SUCH_OBJECT):
        truth.delete(containers.dn(name))  # cleans up if the entry was created nevertheless
    contract.refused(response, 400, "PARENT_NOT_FOUND")
