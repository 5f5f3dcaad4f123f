"""LDAP_BASE_DN: a part of the directory that is managed, and nothing above or beside it."""

import ldap
import pytest

from support import contract
from support.client import path_of
from support.entries import CONTAINERS, GROUPS, PLACES, Entries, tag
from support.truth import same_dn


@pytest.fixture(params=PLACES, ids=lambda kind: kind.resource)
def base(request, truth):
    """The kind of the base itself, its name and its DN."""
    kind, name = request.param, f"Ж, base {tag()}"
    return kind, name, Entries(None, truth, kind, truth.base_dn).plant(name)


@pytest.fixture
def managed(make_rig, directory, truth, base):
    """The administrator of a stack that manages the base alone."""
    return make_rig(directory, LDAP_BASE_DN=base[2]).api


def test_the_base_is_read_and_nothing_else_is_done_to_it(managed, truth, base):
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
    contract.refused(managed.delete(path), 400, "DIRECTORY_REFUSED")  # also now that it is empty
    assert managed.patch(path, json={"description": "x"}).json()["description"] == "x"


def test_what_is_outside_does_not_exist(managed, truth, base):
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


def test_members_from_outside_are_shown_and_not_changed(managed, truth, base):
    """A group may hold anybody; who can be added is who is managed."""
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
    """The administrator of a stack whose service account may change the whole forest."""
    forest = truth.find("Enterprise Admins")[0]
    truth.add_member(forest, directory.bind_dn)
    truth.close()  # rights are those of when one bound
    yield make_rig(directory).api
    truth.remove_member(forest, directory.bind_dn)
    truth.close()


@pytest.mark.parametrize("parent", ["CN=Configuration", "CN=Services,CN=Configuration"])
def test_other_naming_contexts_are_outside(mighty, truth, parent):
    """They look as if they were below the domain (MS-ADTS 3.1.1.1.5), and no search of ours goes
    there: what was made there could not be found again."""
    parent = f"{parent},{truth.base_dn}"
    containers, name = Entries(mighty, truth, CONTAINERS, parent), tag()
    response = mighty.post("/containers", json=containers.body(cn=name))
    with pytest.raises(ldap.NO_SUCH_OBJECT):
        truth.delete(containers.dn(name))  # it leaves nothing behind even if it fails
    contract.refused(response, 400, "PARENT_NOT_FOUND")
