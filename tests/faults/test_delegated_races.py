"""Other programs move an entry out of the scope of a delegate while the delegate changes it."""

import pytest

from support import contract
from support.client import user_path
from support.ldap_admin import rdn
from support.ldap_proxy import DELETE, MODIFY, RENAME
from support.people import People, tag
from support.photos import PIXEL
from support.waiting import wait_until

GLOBAL_SECURITY_GROUP = "-2147483646"


class Office:
    """A unit in which a user has rights, and a unit beside it."""

    def __init__(self, rig, ldap_admin, *rights):
        wait_until(lambda: rig.api.get("/users/Administrator").ok,
                   what="the directory to be reachable")
        self.rig, self.ldap_admin = rig, ldap_admin
        self.scope, self.hidden = ldap_admin.add_ou(tag()), ldap_admin.add_ou(tag())
        self.other = ldap_admin.add_ou(tag(), self.scope)
        self.people_inside = People(rig.api, ldap_admin, self.scope)
        self.delegate = People(rig.api, ldap_admin, self.hidden).create()
        response = rig.api.post("/delegations", json={
            "principal": self.delegate["dn"], "scope": self.scope, "rights": list(rights)})
        assert response.status_code == 201, response.text

    def log_in(self, user):
        tokens = self.rig.anonymous().login(user["sAMAccountName"], user["password"])
        return self.rig.anonymous().bearing(tokens["access_token"])

    def move_out(self, dn):
        self.ldap_admin.connection.rename_s(dn, dn.split(",")[0], self.hidden)


CALLS = {
    "change": (MODIFY, lambda c, path, office: c.patch(path, json={"title": "x"})),
    "password": (MODIFY, lambda c, path, office: c.post(f"{path}/password",
                                                        json={"generate": True})),
    "rename": (RENAME, lambda c, path, office: c.patch(path, json={"cn": tag()})),
    "move": (RENAME, lambda c, path, office: c.patch(path, json={"parent_dn": office.other})),
    "delete": (DELETE, lambda c, path, office: c.delete(path)),
    "photo": (MODIFY, lambda c, path, office: c.put(f"{path}/photo", data=PIXEL,
                                                    headers={"Content-Type": "image/jpeg"})),
}


@pytest.mark.parametrize("readers", ["all", "delegated"])
def test_entry_that_is_moved_out_of_the_scope_meanwhile_is_not_changed(
        make_rig, directory, ldap_admin, proxy, readers):
    """Another program moves the entry right before the request that changes it."""
    rig = make_rig(directory, LDAP_SERVER=f"127.0.0.1:{proxy.port}", DIRECTORY_WORKERS="1",
                   LDAP_TLS_CA_FILE=proxy.ca_file, LDAP_LOGIN="true",
                   DIRECTORY_READERS=readers, LDAP_LOGIN_CACHE_S="0")
    office = Office(rig, ldap_admin, "update", "move", "delete", "reset_password")
    client = office.log_in(office.delegate)
    for name, (last, request) in CALLS.items():
        user = office.people_inside.create()
        guid, path = user["objectGUID"], user_path(user["sAMAccountName"])
        proxy.interlude([last], lambda dn=user["dn"]: office.move_out(dn))
        response = request(client, path, office)
        assert response.status_code in (404, 503), (name, response.text)
        assert office.hidden.split(",")[0] not in response.text
        place = f"{user['dn'].split(',')[0]},{office.hidden}"
        assert ldap_admin.find_guid(guid) == place, name
        entry = ldap_admin.entry(place)
        assert "title" not in entry and "thumbnailPhoto" not in entry, name
        assert ldap_admin.binds(place, user["password"]), name


def test_group_that_is_moved_out_of_the_scope_meanwhile_gets_no_members(
        make_rig, directory, ldap_admin, proxy):
    rig = make_rig(directory, LDAP_SERVER=f"127.0.0.1:{proxy.port}", DIRECTORY_WORKERS="1",
                   LDAP_TLS_CA_FILE=proxy.ca_file, LDAP_LOGIN="true", LDAP_LOGIN_CACHE_S="0")
    office = Office(rig, ldap_admin, "members")
    client, name = office.log_in(office.delegate), tag()
    dn = ldap_admin.add(f"{rdn(name)},{office.scope}", objectClass="group", sAMAccountName=name,
                        groupType=GLOBAL_SECURITY_GROUP)
    proxy.interlude([MODIFY], lambda: office.move_out(dn))
    response = client.post(f"/groups/{name}/members/{office.delegate['sAMAccountName']}")
    contract.check_error(response, 404, "NOT_FOUND")
    assert ldap_admin.members(f"{rdn(name)},{office.hidden}") == []
