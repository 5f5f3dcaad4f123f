"""Other programs change an entry between the requests of a change of the service, and workers crash
while they change one."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import contract
from support.client import user_path
from support.ldap_proxy import DELETE, MODIFY, RENAME, SEARCH
from support.people import People, tag
from support.waiting import wait_until

DISABLED, DONT_EXPIRE_PASSWORD = 0x2, 0x10000
TOGETHER = 100  # pairs of changes at the same time
FROZEN_MS = 20_000  # LDAP timeout; long enough to kill the worker before it expires


@pytest.fixture
def start(make_rig, directory, authority, proxy):
    def start(workers=1, timeout_ms=3000):
        return make_rig(directory, LDAP_SERVER=f"127.0.0.1:{proxy.port}",
                        LDAP_TLS_CA_FILE=str(authority.file), DIRECTORY_WORKERS=str(workers),
                        LDAP_TIMEOUT_MS=str(timeout_ms), LDAP_CONNECT_TIMEOUT_MS="5000")
    return start


@pytest.fixture
def rig(start):
    return start()


@pytest.fixture
def user(rig, ldap_admin):
    return People(rig.api, ldap_admin, ldap_admin.add_ou(tag())).create(title="before")


def path_to(user):
    return user_path(user["sAMAccountName"])


def change_exactly(rig, user, **fields):
    """Changes a user with the entity tag that it has now."""
    etag = rig.api.get(path_to(user)).headers["ETag"]
    return rig.api.patch(path_to(user), json=fields, headers={"If-Match": etag})


def control_of(ldap_admin, user):
    return int(ldap_admin.text(user["sAMAccountName"], "userAccountControl"))


# --- changes by other programs --------------------------------------------------------------------

@pytest.mark.parametrize("other", ["other", None])
@pytest.mark.parametrize("mine", ["mine", None])
def test_change_that_loses_race_right_before_write_is_reported(rig, proxy, user, ldap_admin, mine,
                                                               other):
    """The other program writes after the service has read the entry for the last time."""
    proxy.interlude([MODIFY], lambda: ldap_admin.set(user["dn"], "title",
                                                     *([other] if other else [])))
    response = change_exactly(rig, user, title=mine)
    contract.check_error(response, 412, "PRECONDITION_FAILED")
    assert ldap_admin.text(user["sAMAccountName"], "title") == other


def test_new_value_that_loses_race_right_before_write_is_reported(rig, proxy, user, ldap_admin):
    proxy.interlude([MODIFY], lambda: ldap_admin.set(user["dn"], "department", "other"))
    response = change_exactly(rig, user, department="mine", title="mine")
    contract.check_error(response, 412, "PRECONDITION_FAILED")
    assert ldap_admin.text(user["sAMAccountName"], "department") == "other"
    assert ldap_admin.text(user["sAMAccountName"], "title") == "before"


def test_move_is_undone_if_change_loses_race(rig, proxy, user, ldap_admin):
    proxy.interlude([MODIFY], lambda: ldap_admin.set(f"<GUID={user['objectGUID']}>", "title",
                                                     "other"))
    other = ldap_admin.add_ou(tag())
    response = change_exactly(rig, user, title="mine", parent_dn=other)
    contract.check_error(response, 412, "PRECONDITION_FAILED")
    assert ldap_admin.text(user["sAMAccountName"], "distinguishedName") == user["dn"]
    assert ldap_admin.text(user["sAMAccountName"], "title") == "other"


def test_refusal_after_move_is_not_taken_for_lost_race(rig, user, ldap_admin):
    """The move changes the version of the entry, too."""
    other = ldap_admin.add_ou(tag())
    response = change_exactly(rig, user, userPrincipalName="a b@c@", parent_dn=other)
    assert response.status_code == 400, response.text
    response = change_exactly(rig, user, password="x", parent_dn=other)
    contract.check_error(response, 400, "PASSWORD_POLICY")
    assert ldap_admin.text(user["sAMAccountName"], "distinguishedName") == user["dn"]


@pytest.mark.parametrize("exactly", [False, True])
def test_overwritten_account_control_is_written_again(rig, proxy, user, ldap_admin, exactly):
    """Another program writes a value that it had computed before the change of the service."""
    before = control_of(ldap_admin, user)
    proxy.interlude([MODIFY, SEARCH], lambda: ldap_admin.set(
        user["dn"], "userAccountControl", str(before | DONT_EXPIRE_PASSWORD)))
    response = (change_exactly(rig, user, enabled=False) if exactly
                else rig.api.patch(path_to(user), json={"enabled": False}))
    assert response.status_code == 200, response.text
    assert response.json()["enabled"] is False
    assert control_of(ldap_admin, user) == before | DISABLED | DONT_EXPIRE_PASSWORD


def test_account_control_is_read_right_before_it_is_written(rig, proxy, user, ldap_admin):
    """A bit that another program sets after the service has looked up the user is kept."""
    before = control_of(ldap_admin, user)
    proxy.interlude([SEARCH, SEARCH, SEARCH], lambda: ldap_admin.set(
        user["dn"], "userAccountControl", str(before | DONT_EXPIRE_PASSWORD)))
    response = rig.api.patch(path_to(user), json={"enabled": False})
    assert response.status_code == 200, response.text
    assert control_of(ldap_admin, user) == before | DISABLED | DONT_EXPIRE_PASSWORD


def test_change_of_account_control_that_loses_race_is_reported(rig, proxy, user, ldap_admin):
    """The other program writes between the check of the condition and the last read."""
    before = control_of(ldap_admin, user)
    etag = rig.api.get(path_to(user)).headers["ETag"]
    proxy.interlude([SEARCH] * 4, lambda: ldap_admin.set(
        user["dn"], "userAccountControl", str(before | DONT_EXPIRE_PASSWORD)))
    response = rig.api.patch(path_to(user), json={"enabled": False}, headers={"If-Match": etag})
    contract.check_error(response, 412, "PRECONDITION_FAILED")
    assert control_of(ldap_admin, user) == before | DONT_EXPIRE_PASSWORD


def test_two_bits_of_account_control_changed_at_once_are_both_kept(start, ldap_admin):
    """Two administrators change different bits of one user at the same time, again and again."""
    rig = start(workers=2)
    user = People(rig.api, ldap_admin, ldap_admin.add_ou(tag())).create()
    before = control_of(ldap_admin, user)
    clients = [rig.anonymous().bearing(rig.api.token) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        for number in range(TOGETHER):
            wanted = ({"enabled": bool(number % 2)}, {"passwordNeverExpires": not number % 2})
            responses = list(pool.map(lambda client, fields: client.patch(path_to(user),
                                                                          json=fields),
                                      clients, wanted))
            for response, fields in zip(responses, wanted, strict=True):
                assert response.status_code == 200, response.text
                assert fields.items() <= response.json().items()
            bits = 0 if number % 2 else DISABLED | DONT_EXPIRE_PASSWORD
            assert control_of(ldap_admin, user) == before | bits, number


def test_change_of_any_version_is_repeated_after_lost_race(rig, proxy, user, ldap_admin):
    proxy.interlude([MODIFY], lambda: ldap_admin.set(user["dn"], "title", "other"))
    response = rig.api.patch(path_to(user), json={"title": "mine"}, headers={"If-Match": "*"})
    assert response.status_code == 200, response.text
    assert ldap_admin.text(user["sAMAccountName"], "title") == "mine"


# --- lost connections -----------------------------------------------------------------------------

@pytest.mark.parametrize("kind", [MODIFY, RENAME])
def test_exact_change_succeeds_although_directory_closes_connection(rig, proxy, user, ldap_admin,
                                                                    kind):
    """The repeated change finds its own value instead of the old one."""
    other = ldap_admin.add_ou(tag())
    assert rig.api.get(path_to(user)).status_code == 200
    proxy.cut(kind, hang_up=True)
    response = change_exactly(rig, user, title="after", department="new", parent_dn=other,
                              enabled=False)
    assert response.status_code == 200, response.text
    assert proxy.cuts == 1
    shown = response.json()
    assert (shown["title"], shown["department"], shown["enabled"]) == ("after", "new", False)
    assert rig.api.get(path_to(user)).headers["ETag"] == response.headers["ETag"]


@pytest.mark.parametrize("name", ["objectGUID", "dn"])
def test_exact_change_of_manager_succeeds_although_directory_closes_connection(
        rig, proxy, user, ldap_admin, name):
    manager = People(rig.api, ldap_admin, ldap_admin.add_ou(tag())).create(cn=f"Имя, {tag()}")
    proxy.cut(MODIFY, hang_up=True)
    response = change_exactly(rig, user, manager=manager[name], accountExpires=None, c="RU")
    assert response.status_code == 200, response.text
    assert proxy.cuts == 1
    assert response.json()["manager"]["objectGUID"] == manager["objectGUID"]
    assert response.json()["c"] == "RU"


def test_refused_password_is_reported_although_directory_closes_connection(rig, proxy, user,
                                                                           ldap_admin):
    """The password cannot be read, so the refused change must not be taken for a repeated one."""
    assert rig.api.get(path_to(user)).status_code == 200
    proxy.cut(MODIFY, hang_up=True)
    contract.check_error(change_exactly(rig, user, password="weak", title=user["title"]), 400,
                         "PASSWORD_POLICY")
    assert proxy.cuts == 1
    assert ldap_admin.binds(user["dn"], user["password"])


def test_exact_deletion_succeeds_although_directory_closes_connection(rig, proxy, user, ldap_admin):
    etag = rig.api.get(path_to(user)).headers["ETag"]
    proxy.cut(DELETE, hang_up=True)
    response = rig.api.delete(path_to(user), headers={"If-Match": etag})
    assert (response.status_code, proxy.cuts) == (204, 1)
    assert ldap_admin.find(user["sAMAccountName"]) is None


def test_exact_change_without_answer_is_unknown_outcome(rig, proxy, user):
    proxy.cut(MODIFY)
    contract.check_error(change_exactly(rig, user, title="after"), 503, "OUTCOME_UNKNOWN")


# --- waiting changes ------------------------------------------------------------------------------

def test_change_that_waits_too_long_for_another_one_is_refused(start, proxy, ldap_admin):
    """Both end within twice the timeout, because the waiting one gives up."""
    rig = start(workers=2)
    user = People(rig.api, ldap_admin, ldap_admin.add_ou(tag())).create(title="before")
    proxy.interlude([MODIFY], proxy.freeze)
    with ThreadPoolExecutor() as pool:
        first = pool.submit(lambda: rig.api.patch(path_to(user), json={"title": "first"}))
        wait_until(lambda: proxy.requests[MODIFY] >= 1, what="the first change to be sent")
        second = rig.anonymous().bearing(rig.api.token).patch(path_to(user),
                                                              json={"title": "second"})
        contract.check_error(first.result(), 503, "OUTCOME_UNKNOWN")
    assert second.status_code == 503
    assert int(second.headers["Retry-After"]) > 0
    proxy.thaw()


def test_lock_of_killed_worker_does_not_block_next_change(start, proxy, ldap_admin):
    """A worker is killed while the directory has not yet answered its change."""
    rig = start(workers=2, timeout_ms=FROZEN_MS)
    user = People(rig.api, ldap_admin, ldap_admin.add_ou(tag())).create(title="before")
    workers = set(rig.service.workers("directory"))
    proxy.interlude([MODIFY], proxy.freeze)
    with ThreadPoolExecutor() as pool:
        first = pool.submit(lambda: rig.api.patch(path_to(user), json={"title": "first"}))
        wait_until(lambda: proxy.requests[MODIFY] >= 1, what="the first change to be sent")
        for pid in workers:
            os.kill(pid, signal.SIGKILL)
        assert first.result().status_code == 502
    proxy.thaw()
    wait_until(lambda: len(set(rig.service.workers("directory")) - workers) == 2,
               what="new workers to start")
    response = rig.api.patch(path_to(user), json={"title": "second"})
    assert response.status_code == 200, response.text
    assert ldap_admin.text(user["sAMAccountName"], "title") == "second"
