"""A restore of a deleted entry has several steps: the restore itself, disabling the account, and
one for each membership. If it ends between two of them, the audit row says so, and the same call
continues."""

import os
import signal

import pytest

from support import contract
from support.audit_rows import row_of
from support.client import path_of
from support.entries import GROUPS, Entries, tag
from support.ldap_proxy import MODIFY
from support.people import People
from support.waiting import wait_until

BUSY, REFUSED = 51, 53
DISABLED = 2  # bit of userAccountControl
ABANDONED_MS = 11 * 60 * 1000  # age at which a pending row becomes unknown
STEPS = {"restore": 1, "disable": 2, "first group": 3, "second group": 4}


@pytest.fixture
def rig(make_rig, directory, proxy):
    """Starts a stack with one worker, whose requests to the directory pass the proxy."""
    return make_rig(directory, LDAP_SERVER=f"127.0.0.1:{proxy.port}",
                    LDAP_TLS_CA_FILE=proxy.ca_file, DIRECTORY_WORKERS="1",
                    LDAP_TIMEOUT_MS="1000", LDAP_CONNECT_TIMEOUT_MS="1000")


@pytest.fixture
def people(rig, ldap_admin):
    return People(rig.api, ldap_admin, ldap_admin.add_ou(tag()))


@pytest.fixture(params=STEPS)
def step(request):
    return STEPS[request.param]


class Leaver:
    """A deleted user who was in two groups, in the order in which a restore gives them back."""

    def __init__(self, rig, people, ldap_admin):
        self.rig, self.ldap_admin = rig, ldap_admin
        self.user = people.create(title="Clerk")
        self.guid, self.dn = self.user["objectGUID"], self.user["dn"]
        for _ in range(2):
            ldap_admin.add_group(tag(), people.ou, self.dn)
        shown = rig.api.get(path_of("/users", self.guid)).json()
        self.groups = [dn for dn in shown["memberOf"] if dn.endswith(people.ou)]
        people.delete(self.user["sAMAccountName"])

    def restore(self):
        return self.rig.api.post(f"/deleted/{self.guid}/restore", json={})

    def group_guid(self, index):
        return self.rig.api.get(path_of("/groups", self.groups[index])).json()["objectGUID"]

    def is_whole(self):
        """True if the user is back, disabled, with its values and in its groups."""
        found = self.ldap_admin.ldapsearch(f"(distinguishedName={self.dn})", "userAccountControl",
                                           "title", "memberOf")
        return bool(found) and (
            int(found[0]["userAccountControl"][0]) & DISABLED == DISABLED
            and found[0]["title"] == [b"Clerk"]
            and sorted(found[0].get("memberOf", [])) == sorted(dn.encode() for dn in self.groups))

    def rows(self):
        """Returns (status, code) of the audit rows of its restores, oldest first."""
        return self.rig.database.run(
            "SELECT status, coalesce(code, '-') FROM audit WHERE action = 'restore_entry'"
            f" AND resource = 'user' AND object_id = '{self.guid}' ORDER BY id")


@pytest.fixture
def leaver(rig, people, ldap_admin):
    return Leaver(rig, people, ldap_admin)


def at_modification(proxy, number, work):
    """Calls `work` before the proxy relays the modification with this number, from now on."""
    if number > 1:
        proxy.interlude([MODIFY], lambda: at_modification(proxy, number - 1, work))
    else:
        proxy.interlude([MODIFY], work)


# --- interruptions --------------------------------------------------------------------------------

def test_restore_of_killed_worker_is_unknown_and_continues(rig, proxy, leaver, step):
    def kill():
        (worker,) = rig.service.workers("directory")
        os.kill(worker, signal.SIGKILL)

    at_modification(proxy, step, kill)
    assert leaver.restore().status_code in (502, 503)
    assert leaver.rows() == [("pending", "-")]
    rig.service.stop()
    rig.database.run(f"UPDATE audit SET at = at - {ABANDONED_MS} WHERE status = 'pending'")
    rig.service.start()
    wait_until(lambda: leaver.rows() == [("unknown", "-")], what="the row to become unknown")
    response = leaver.restore()
    assert response.status_code == 200, response.text
    body = contract.check_restored(response.json())
    assert body["missing_memberships"] == [] and {"title", "memberOf"} <= set(body["restored"])
    assert set(body["lost"]) == {"enabled", "password"}
    assert leaver.is_whole()


def test_continuation_ends_with_the_first_that_succeeds(rig, proxy, people, leaver, ldap_admin):
    """After that, memberships that others have removed are not given back once more."""
    proxy.refuse_modifications(BUSY, leaver.group_guid(0).encode())
    contract.check_error(leaver.restore(), 500, "PARTIALLY_APPLIED")
    proxy.relay_all()
    response = leaver.restore()
    assert response.status_code == 200, response.text
    assert leaver.is_whole()
    assert leaver.rows() == [("unknown", "PARTIALLY_APPLIED"), ("success", "-")]
    assert {each[2] for each in row_of(rig.database, response)["changes"]} == {
        "member", "memberOf"}
    ldap_admin.remove_member(leaver.groups[0], leaver.dn)
    contract.check_error(leaver.restore(), 409, "NOT_RESTORABLE")
    assert ldap_admin.members(leaver.groups[0]) == []


def test_continuation_does_not_disable_an_account_with_a_new_password(rig, proxy, people, leaver):
    proxy.refuse_modifications(BUSY, leaver.group_guid(0).encode())
    contract.check_error(leaver.restore(), 500, "PARTIALLY_APPLIED")
    proxy.relay_all()
    people.change(leaver.guid, password=leaver.user["password"], enabled=True)
    response = leaver.restore()
    assert response.status_code == 200, response.text
    shown = people.get(leaver.guid)
    assert shown["enabled"] and set(leaver.groups) <= set(shown["memberOf"])


def test_restore_succeeds_although_directory_closes_connection_once(rig, proxy, leaver, step):
    at_modification(proxy, step, lambda: proxy.cut(MODIFY, hang_up=True))
    response = leaver.restore()
    assert response.status_code == 200, response.text
    assert proxy.cuts == 1 and leaver.is_whole()
    assert response.json()["missing_memberships"] == []
    assert leaver.rows() == [("success", "-")]


def test_restore_continues_after_directory_has_stopped_answering(rig, proxy, leaver, step):
    at_modification(proxy, step, lambda: proxy.cut(MODIFY))
    response = leaver.restore()
    if step == 1:
        assert response.json()["code"] in ("OUTCOME_UNKNOWN", "DIRECTORY_UNAVAILABLE")
    else:
        contract.check_error(response, 500, "PARTIALLY_APPLIED")
        assert response.json()["details"][0] == leaver.dn
    assert [status for status, _ in leaver.rows()] == ["unknown"]
    wait_until(lambda: leaver.restore().status_code == 200, what="the call to continue")
    assert leaver.is_whole()


# --- refusals -------------------------------------------------------------------------------------

def test_refused_membership_is_no_success(rig, proxy, leaver, ldap_admin):
    guids = [leaver.group_guid(index) for index in range(2)]
    proxy.refuse_modifications(REFUSED, guids[0].encode())
    response = leaver.restore()
    assert response.status_code == 200, response.text
    missing = [{"dn": leaver.groups[0], "code": "DIRECTORY_REFUSED"}]
    assert response.json()["missing_memberships"] == missing
    assert "memberOf" in response.json()["lost"]
    found = row_of(rig.database, response)
    assert found["status"] == "success"
    assert [each[1] for each in found["changes"] if each[2] == "member"] == [guids[1]]
    assert [each[4] for each in found["changes"] if each[2] == "memberOf"] == [leaver.groups[1]]
    assert [each[4] for each in found["changes"] if each[2] == "missing_memberships"] == [missing]
    assert ldap_admin.members(leaver.groups[0]) == []
    assert ldap_admin.members(leaver.groups[1]) == [leaver.dn]


def test_row_of_interrupted_restore_lacks_what_was_not_sent(rig, proxy, leaver):
    proxy.refuse_modifications(BUSY, leaver.group_guid(0).encode())
    response = leaver.restore()
    contract.check_error(response, 500, "PARTIALLY_APPLIED")
    assert response.json()["details"] == [leaver.dn, *leaver.groups]
    fields = {each[2] for each in row_of(rig.database, response)["changes"]}
    assert {"title", "enabled", "missing_memberships"} <= fields and "member" not in fields


def test_one_refused_member_does_not_prevent_the_others(rig, proxy, people, ldap_admin):
    groups = Entries(rig.api, ldap_admin, GROUPS, people.ou)
    members, group = [people.create() for _ in range(4)], groups.create()
    ldap_admin.add_member(group["dn"], *(member["dn"] for member in members))
    groups.delete(group["cn"])
    proxy.refuse_modifications(REFUSED, members[1]["objectGUID"].encode())
    response = rig.api.post(f"/deleted/{group['objectGUID']}/restore", json={})
    assert response.status_code == 200, response.text
    assert response.json()["missing_memberships"] == [
        {"dn": members[1]["dn"], "code": "DIRECTORY_REFUSED"}]
    others = sorted(member["dn"] for member in members if member is not members[1])
    assert sorted(ldap_admin.members(group["dn"])) == others
    given = [each[4] for each in row_of(rig.database, response)["changes"] if each[2] == "member"]
    assert sorted(given) == others
