"""A step fails in the middle of creating a user like a colleague, or of offboarding a user: nothing
is left half done unless the response says so, and the call can be repeated."""

import pytest

from support import contract, vault
from support.client import path_of
from support.entries import tag
from support.ldap_proxy import MODIFY
from support.people import People
from support.waiting import wait_until

BUSY, REFUSED = 51, 53


@pytest.fixture
def rig(make_rig, directory, proxy):
    """Starts a stack with one worker, whose requests to the directory pass the proxy."""
    return make_rig(directory, LDAP_SERVER=f"127.0.0.1:{proxy.port}",
                    LDAP_TLS_CA_FILE=proxy.ca_file, DIRECTORY_WORKERS="1",
                    LDAP_TIMEOUT_MS="1000", LDAP_CONNECT_TIMEOUT_MS="1000")


@pytest.fixture
def people(rig, ldap_admin):
    return People(rig.api, ldap_admin, ldap_admin.add_ou(tag()))


@pytest.fixture
def user(people):
    return people.create()


@pytest.fixture
def groups(people, ldap_admin, user):
    """Creates two groups with the user, in the order in which the service changes them."""
    for _ in range(2):
        ldap_admin.add_group(tag(), people.ou, user["dn"])
    response = people.api.get(path_of("/users", user["sAMAccountName"]))
    return [dn for dn in response.json()["memberOf"] if dn.endswith(people.ou)]


def guid_of(people, group_dn):
    return people.api.get(path_of("/groups", group_dn)).json()["objectGUID"]


def copy(rig, template, name):
    return rig.api.post(path_of("/users", template["sAMAccountName"], "copy"), json={
        "cn": name, "sAMAccountName": name, "password": vault.password()})


def offboard(rig, user, **body):
    return rig.api.post(path_of("/users", user["sAMAccountName"], "offboard"), json=body)


def nobody_else(ldap_admin, group_dns, user):
    return all(ldap_admin.members(dn) == [user["dn"]] for dn in group_dns)


# --- copy -----------------------------------------------------------------------------------------

@pytest.mark.parametrize("code, status, error", [
    (BUSY, 503, "DIRECTORY_UNAVAILABLE"), (REFUSED, 503, "DIRECTORY_UNAVAILABLE")])
def test_new_user_is_removed_if_it_cannot_join_a_group(rig, proxy, people, ldap_admin, user, groups,
                                                       code, status, error):
    proxy.refuse_modifications(code, guid_of(people, groups[1]).encode())
    name = tag()
    response = copy(rig, user, name)
    if code == REFUSED:  # the directory's decision about this group: the copy goes without it
        assert response.status_code == 201, response.text
        assert response.json()["groups"] == {
            "added": [groups[0]], "skipped": [{"dn": groups[1], "code": "DIRECTORY_REFUSED"}]}
        return
    contract.check_error(response, status, error)
    assert ldap_admin.find(name) is None and nobody_else(ldap_admin, groups, user)
    line = rig.audit().one_of(response)
    assert (line["action"], line["status"]) == ("copy_user", "failure")
    proxy.relay_all()
    assert copy(rig, user, name).status_code == 201


def test_new_user_that_cannot_be_removed_is_reported(rig, proxy, people, ldap_admin, user, groups):
    proxy.refuse_modifications(BUSY, guid_of(people, groups[1]).encode())
    proxy.refuse_deletions(REFUSED)
    name = tag()
    response = copy(rig, user, name)
    contract.check_error(response, 500, "PARTIALLY_APPLIED")
    dn = ldap_admin.find(name)[0]
    assert response.json()["details"] == [dn, groups[0]]
    assert dn in ldap_admin.members(groups[0]) and dn not in ldap_admin.members(groups[1])


def test_response_tells_if_user_remains_when_directory_stops_answering(rig, proxy, ldap_admin, user,
                                                                       groups):
    """The user cannot be removed if the controller counts as unavailable after the timeout."""
    proxy.cut(MODIFY)
    name = tag()
    response = copy(rig, user, name)
    found = ldap_admin.find(name)
    if found:
        contract.check_error(response, 500, "PARTIALLY_APPLIED")
        assert response.json()["details"] == [found[0]]
    else:
        contract.check_error(response, 503, "DIRECTORY_UNAVAILABLE")
        assert nobody_else(ldap_admin, groups, user)


def test_copy_succeeds_although_directory_closes_connection_once(rig, proxy, ldap_admin, user,
                                                                 groups):
    proxy.cut(MODIFY, hang_up=True)
    response = copy(rig, user, tag())
    assert response.status_code == 201, response.text
    assert proxy.cuts == 1 and response.json()["groups"] == {"added": groups, "skipped": []}


# --- offboard -------------------------------------------------------------------------------------

def test_offboarding_that_stops_says_what_was_done_and_continues(rig, proxy, people, ldap_admin,
                                                                 user, groups):
    former = ldap_admin.add_ou(tag())
    proxy.refuse_modifications(BUSY, guid_of(people, groups[1]).encode())
    response = offboard(rig, user, move_to=former)
    contract.check_error(response, 500, "PARTIALLY_APPLIED")
    assert response.json()["details"] == [user["dn"], groups[0]]
    assert ldap_admin.members(groups[0]) == []
    assert ldap_admin.members(groups[1]) == [user["dn"]]
    assert ldap_admin.bind_failure(user["dn"], user["password"]) == "533"
    proxy.relay_all()
    response = offboard(rig, user, move_to=former)
    assert response.status_code == 200, response.text
    assert response.json()["groups"]["removed"] == [groups[1]]
    assert response.json()["user"]["dn"].endswith(former)
    assert ldap_admin.text(user["sAMAccountName"], "description").count("[offboarded ") == 1


def test_failure_of_first_change_leaves_user_as_it_was(rig, proxy, ldap_admin, user, groups):
    before = ldap_admin.snapshot(user["sAMAccountName"])
    proxy.refuse_modifications(BUSY, user["objectGUID"].encode())
    contract.check_error(offboard(rig, user), 503, "DIRECTORY_UNAVAILABLE")
    assert ldap_admin.snapshot(user["sAMAccountName"]) == before
    assert nobody_else(ldap_admin, groups, user)


def test_directory_that_stops_answering_in_the_middle(rig, proxy, ldap_admin, user, groups):
    """The second modification is that of the first group."""
    proxy.interlude([MODIFY], lambda: proxy.interlude([MODIFY], lambda: proxy.cut(MODIFY)))
    response = offboard(rig, user)
    contract.check_error(response, 500, "PARTIALLY_APPLIED")
    assert response.json()["details"] == [user["dn"]]
    assert ldap_admin.bind_failure(user["dn"], user["password"]) == "533"
    wait_until(lambda: offboard(rig, user).status_code == 200, what="the call to continue")
    assert all(ldap_admin.members(dn) == [] for dn in groups)
