"""Changes of a large group: a proxy counts the members that the directory sends."""

import pytest
from support import contract
from support.client import path_of
from support.entries import tag
from support.ldap_proxy import DELETE, MODIFY, RENAME, SEARCH

LARGE = 5000  # Active Directory gives 1,500 members at once, so this takes several searches


@pytest.fixture
def rig(make_rig, directory, proxy):
    """Starts a stack with one worker, so that requests reach the proxy one after the other."""
    return make_rig(directory, LDAP_SERVER=f"127.0.0.1:{proxy.port}",
                    LDAP_TLS_CA_FILE=proxy.ca_file,
                    DIRECTORY_WORKERS="1", LDAP_TIMEOUT_MS="25000")  # Samba deletes slowly


@pytest.fixture
def group(directory, proxy):
    """Creates a group with many members, whose DNs start with a word that the proxy counts;
    returns its name."""
    word = tag()
    directory.fill(unit=word, account=f"{word}m%05d", users=LARGE, group=f"{word}g", members=LARGE)
    proxy.text = f"CN={word}m".encode()
    return f"{word}g"


def members_read(proxy, call):
    """Returns the response of a call, the number of members that the directory sent, and the
    LDAP requests."""
    proxy.seen = 0
    proxy.requests.clear()
    response = call()
    return response, proxy.seen, proxy.requests.copy()


def test_group_membership_change_reads_member_list_once(rig, proxy, group, ldap_admin):
    """PATCH returns the whole group, read once after the change; DELETE reads no members."""
    path = path_of("/groups", group)
    place = ldap_admin.add_ou(tag())
    _, whole, of_get = members_read(proxy, lambda: rig.api.get(path))
    assert whole == LARGE
    for fields, kinds in (({"description": "after"}, {MODIFY}), ({"description": None}, {MODIFY}),
                          ({"parent_dn": place, "description": "there"}, {RENAME, MODIFY})):
        response, read, requests = members_read(proxy, lambda: rig.api.patch(path, json=fields))
        assert response.status_code == 200, response.text
        changed = contract.check_group(response.json())
        assert len(changed["member"]) == LARGE and changed["description"] == fields["description"]
        assert read == LARGE, fields
        assert kinds < set(requests) and requests[SEARCH] > of_get[SEARCH]
    response, read, requests = members_read(proxy, lambda: rig.api.delete(path))
    assert (response.status_code, read, requests[DELETE]) == (204, 0, 1)
    assert rig.audit().one_of(response)["resource_id"] == group


def test_refused_group_change_does_not_read_member_list(rig, proxy):
    """A protected group is recognized without reading its members."""
    proxy.text = b"CN=Administrator,"  # a member of the group
    for method, body in (("PATCH", {"description": "x"}), ("DELETE", None)):
        response, read, _ = members_read(proxy, lambda: rig.api.request(
            method, path_of("/groups", "Domain Admins"), json=body))
        contract.check_error(response, 403, "PROTECTED_OBJECT")
        assert read == 0
