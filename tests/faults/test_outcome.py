"""The directory stops answering, or the connection closes, in the middle of a change: the
response and the audit line state the outcome, or that it is unknown. A request that may have
changed something is not executed again for its Idempotency-Key."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
from samba.dcerpc import security
from samba.ndr import ndr_unpack
from support import contract, vault
from support.client import path_of, user_path
from support.entries import GROUPS, KINDS, Entries
from support.ldap_proxy import ADD, DELETE, MODIFY, RENAME, SEARCH
from support.people import People, tag
from support.ldap_admin import add_rights, same_dn
from support.waiting import wait_until

FROZEN_MS = 20_000  # LDAP timeout; long enough to kill the worker before it expires


@pytest.fixture
def rig(make_rig, directory, authority, proxy):
    """Starts a stack with one worker and one connection, so that the broken connection is the
    one that is used."""
    return make_rig(directory, LDAP_SERVER=f"127.0.0.1:{proxy.port}",
                    LDAP_TLS_CA_FILE=str(authority.file), DIRECTORY_WORKERS="1",
                    LDAP_TIMEOUT_MS="1000", LDAP_CONNECT_TIMEOUT_MS="1000")


@pytest.fixture
def user(rig, ldap_admin):
    return People(rig.api, ldap_admin, ldap_admin.add_ou(tag())).create(title="before")


def change_user(rig, user, **fields):
    return rig.api.patch(user_path(user["sAMAccountName"]), json=fields)


def check_unavailable(rig, response, code):
    contract.check_error(response, 503, code)
    assert int(response.headers["Retry-After"]) > 0
    return rig.audit().one_of(response)


def test_directory_hang_during_modification_is_unknown_outcome(rig, proxy, user, ldap_admin):
    proxy.cut(MODIFY)
    line = check_unavailable(rig, change_user(rig, user, title="after"), "OUTCOME_UNKNOWN")
    assert line["status"] == "failure" and line["details"]["code"] == "OUTCOME_UNKNOWN"
    assert ldap_admin.text(user["sAMAccountName"],
                           "title") == "after"  # the service could not know that


def test_directory_hang_after_modification_is_reported_as_change_made(rig, proxy, user, ldap_admin):
    proxy.cut(MODIFY, SEARCH)
    line = check_unavailable(rig, change_user(rig, user, title="after"), "RESULT_UNREAD")
    assert line["status"] == "success"
    assert ldap_admin.text(user["sAMAccountName"], "title") == "after"


def test_directory_hang_during_move_is_unknown_outcome(rig, proxy, user, ldap_admin):
    proxy.cut(RENAME)
    other = ldap_admin.add_ou(tag())
    line = check_unavailable(rig, change_user(rig, user, parent_dn=other, title="after"),
                             "OUTCOME_UNKNOWN")
    assert line["status"] == "failure"
    assert ldap_admin.text(user["sAMAccountName"], "title") == "before"


def test_directory_hang_after_move_reports_new_dn(rig, proxy, user, ldap_admin):
    """The modification may have been made, so the move is kept, and the response contains the
    new DN."""
    proxy.cut(MODIFY)
    other = ldap_admin.add_ou(tag())
    response = change_user(rig, user, parent_dn=other, title="after")
    check_unavailable(rig, response, "OUTCOME_UNKNOWN")
    (dn,) = response.json()["details"]
    assert same_dn(dn, f"CN={user['cn']},{other}")
    assert ldap_admin.text(user["sAMAccountName"], "distinguishedName") == dn


def test_directory_hang_during_deletion_is_unknown_outcome(rig, proxy, user, ldap_admin):
    proxy.cut(DELETE)
    check_unavailable(rig, rig.api.delete(user_path(user["sAMAccountName"])), "OUTCOME_UNKNOWN")
    assert ldap_admin.find(user["sAMAccountName"]) is None


@pytest.mark.parametrize("kinds", [(MODIFY,), (RENAME,), (MODIFY, SEARCH), (SEARCH,)])
def test_change_succeeds_although_directory_closes_connection_once(rig, proxy, user, ldap_admin,
                                                                   kinds):
    assert rig.api.get(user_path(user["sAMAccountName"])).status_code == 200
    proxy.cut(*kinds, hang_up=True)
    other = ldap_admin.add_ou(tag())
    response = change_user(rig, user, parent_dn=other, title="after")
    assert response.status_code == 200, response.text
    assert proxy.cuts == 1
    assert response.json()["title"] == ldap_admin.text(user["sAMAccountName"], "title") == "after"
    assert same_dn(response.json()["dn"], f"CN={user['cn']},{other}")
    assert rig.audit().one_of(response)["status"] == "success"


def test_deletion_succeeds_although_directory_closes_connection_once(rig, proxy, user, ldap_admin):
    proxy.cut(DELETE, hang_up=True)
    assert rig.api.delete(user_path(user["sAMAccountName"])).status_code == 204
    assert proxy.cuts == 1
    assert ldap_admin.find(user["sAMAccountName"]) is None


# --- deletion with the objects below --------------------------------------------------------------

TREE_DELETE = b"1.2.840.113556.1.4.805"
NOT_SUPPORTED, FORBIDDEN, REFUSED = 12, 50, 53


@pytest.fixture
def below(rig, directory, user, ldap_admin):
    """Adds the objects of a phone below the user, each of which the service account may delete.
    Returns their DNs."""
    rig.set(LDAP_BIND_DN=directory.administrator_dn,
            LDAP_BIND_PASSWORD=directory.administrator_password)
    rig.reload()
    dns = [f"CN=devices,{user['dn']}", f"CN=one,CN=devices,{user['dn']}",
           f"CN=two,CN=devices,{user['dn']}"]
    return [ldap_admin.add(dn, objectClass="classStore") for dn in dns]


def delete_tree(rig, user):
    return rig.api.delete(user_path(user["sAMAccountName"]), params={"children": "true"})


def gone(ldap_admin, dns):
    return sorted(dn for dn in dns if ldap_admin.entry(dn) is None)


def test_objects_are_deleted_one_by_one(rig, proxy, user, below, ldap_admin):
    """The directory then refuses to delete an object with objects below it that were not seen."""
    proxy.refuse_deletions(FORBIDDEN, TREE_DELETE)
    response = delete_tree(rig, user)
    assert (response.status_code, response.content) == (204, b""), response.text
    assert proxy.requests[DELETE] == 1 + len(below) + 1
    assert ldap_admin.find(user["sAMAccountName"]) is None
    assert gone(ldap_admin, below) == sorted(below)
    deleted = rig.audit().one_of(response)["details"]["deleted"]
    assert sorted(deleted) == sorted(below)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_rest_is_deleted_in_one_operation_if_account_may_not_delete_object(rig, proxy, user, below,
                                                                           ldap_admin, count):
    proxy.refuse_deletions(FORBIDDEN, after=1 + count, unless=TREE_DELETE)
    response = delete_tree(rig, user)
    assert response.status_code == 204, response.text
    assert proxy.requests[DELETE] == 1 + count + 1 + 1
    assert ldap_admin.find(user["sAMAccountName"]) is None
    deleted = rig.audit().one_of(response)["details"]["deleted"]
    assert sorted(deleted) == sorted(below)


@pytest.mark.parametrize("code", [FORBIDDEN, REFUSED])
def test_nothing_is_deleted_if_directory_refuses_first_deletion(rig, proxy, user, below,
                                                                ldap_admin, code):
    proxy.refuse_deletions(code)
    before = ldap_admin.tree(user["dn"])
    contract.check_error(delete_tree(rig, user), *((403, "DIRECTORY_FORBIDDEN") if code == FORBIDDEN
                                                   else (400, "DIRECTORY_REFUSED")))
    assert ldap_admin.tree(user["dn"]) == before


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("code", [NOT_SUPPORTED, FORBIDDEN])
def test_refusal_in_the_middle_names_deleted_objects(rig, proxy, user, below, ldap_admin, count,
                                                     code):
    proxy.refuse_deletions(code, TREE_DELETE)
    proxy.refuse_deletions(FORBIDDEN, after=1 + count)
    response = delete_tree(rig, user)
    contract.check_error(response, 500, "PARTIALLY_APPLIED")
    deleted = gone(ldap_admin, below)
    assert len(deleted) == count and sorted(response.json()["details"]) == deleted
    assert ldap_admin.find(user["sAMAccountName"])
    line = rig.audit().one_of(response)
    assert (line["status"], line["details"]["details"]) == ("failure", response.json()["details"])
    assert sorted(line["details"]["possibly_deleted"]) == deleted


def test_directory_hang_during_deletion_of_tree_is_unknown_outcome(rig, proxy, user, below,
                                                                   ldap_admin):
    proxy.cut(*[DELETE] * (1 + len(below) + 1))
    line = check_unavailable(rig, delete_tree(rig, user), "OUTCOME_UNKNOWN")
    assert ldap_admin.find(user["sAMAccountName"]) is None
    assert sorted(line["details"]["possibly_deleted"]) == sorted(below)


def test_directory_hang_during_deletion_in_one_operation_names_all_objects(rig, proxy, user, below,
                                                                           ldap_admin):
    proxy.refuse_deletions(FORBIDDEN, unless=TREE_DELETE)
    proxy.cut(DELETE, SEARCH, *[SEARCH] * len(below), DELETE)
    line = check_unavailable(rig, delete_tree(rig, user), "OUTCOME_UNKNOWN")
    assert ldap_admin.find(user["sAMAccountName"]) is None
    assert sorted(line["details"]["possibly_deleted"]) == sorted(below)


def test_directory_hang_in_the_middle_names_deleted_objects(rig, proxy, user, below, ldap_admin):
    proxy.cut(DELETE, DELETE, DELETE)
    response = delete_tree(rig, user)
    line = check_unavailable(rig, response, "OUTCOME_UNKNOWN")
    [first] = response.json()["details"]
    deleted = gone(ldap_admin, below)
    assert first in deleted and len(deleted) == 2  # the service could not know of the second
    assert sorted(line["details"]["possibly_deleted"]) == deleted


def test_objects_are_kept_if_controller_may_have_omitted_some(rig, proxy, user, below, ldap_admin):
    """A controller can have a lower limit for the entries of an answer."""
    before = ldap_admin.tree(user["dn"])
    proxy.exceed_size_limit(b"\x02\x02\x00\xca")  # the sizeLimit of the list of objects below
    response = delete_tree(rig, user)
    contract.check_error(response, 503, "DIRECTORY_LIMIT")
    assert proxy.requests[DELETE] == 0
    assert ldap_admin.tree(user["dn"]) == before


def test_object_that_cannot_be_listed_is_not_deleted(make_rig, directory, ldap_admin):
    """The service account may delete the folder but not list the object in it."""
    name, password = tag(), vault.password()
    account = ldap_admin.add_account(name, password, ldap_admin.add_ou(tag()))
    sid = ndr_unpack(security.dom_sid, ldap_admin.entry(account, ["objectSid"])["objectSid"][0])
    made = People(make_rig(directory).api, ldap_admin, ldap_admin.add_ou(tag())).create()
    add_rights(ldap_admin, made["dn"], f"D:(A;CI;GA;;;{sid})")
    folder = ldap_admin.add(f"CN=devices,{made['dn']}", objectClass="classStore")
    hidden = ldap_admin.add(f"CN=hidden,{folder}", objectClass="classStore")
    add_rights(ldap_admin, folder, f"D:(D;;LCLO;;;{sid})")
    api = make_rig(directory, LDAP_BIND_DN=account, LDAP_BIND_PASSWORD=password).api
    response = api.delete(path_of("/users", made["objectGUID"]), params={"children": "true"})
    contract.check_error(response, 409, "NOT_EMPTY")
    assert ldap_admin.entry(hidden) and ldap_admin.entry(made["dn"])


def test_deletion_of_tree_succeeds_although_directory_closes_connection_once(rig, proxy, user,
                                                                             below, ldap_admin):
    proxy.cut(DELETE, hang_up=True)
    assert delete_tree(rig, user).status_code == 204
    assert proxy.cuts == 1
    assert ldap_admin.find(user["sAMAccountName"]) is None


# --- creation and memberships ---------------------------------------------------------------------

@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.resource)
def test_creation_succeeds_although_directory_closes_connection_once(rig, proxy, ldap_admin, kind):
    """The service repeats the creation. The directory then reports that the name exists, because
    the first attempt created it."""
    entries = Entries(rig.api, ldap_admin, kind, ldap_admin.add_ou(tag()))
    rig.api.get(kind.path)
    proxy.cut(ADD, hang_up=True)
    made = entries.create(description="x")
    assert proxy.cuts == 1
    assert ldap_admin.entry(made["dn"])["description"] == [b"x"]
    response = rig.api.post(kind.path, json=entries.body(**{kind.name: made[kind.name]}))
    contract.check_error(response, 409, "ALREADY_EXISTS")


MEMBERSHIPS = [lambda group, account: path_of("/groups", group, "members", account),
               lambda group, account: path_of("/users", account, "groups", group)]


@pytest.fixture(params=MEMBERSHIPS, ids=["group", "user"])
def membership(request, rig, ldap_admin, user):
    """Returns the path of a membership, by user or by group, and the DNs of the group and of the
    user."""
    group = Entries(rig.api, ldap_admin, GROUPS, ldap_admin.add_ou(tag())).create()
    return request.param(group["cn"], user["sAMAccountName"]), group["dn"], user["dn"]


def test_membership_change_succeeds_although_directory_closes_connection_once(
        rig, proxy, ldap_admin, membership):
    path, group, user = membership
    for cuts, method, status, members in ((1, "POST", 200, [user]), (2, "DELETE", 204, [])):
        proxy.cut(MODIFY, hang_up=True)
        response = rig.api.request(method, path)
        assert (response.status_code, proxy.cuts) == (status, cuts), response.text
        assert ldap_admin.members(group) == members
        assert rig.audit().one_of(response)["status"] == "success"


def test_directory_hang_during_membership_change_is_unknown_outcome(rig, proxy, ldap_admin,
                                                                    membership):
    path, group, user = membership
    proxy.cut(MODIFY)
    assert check_unavailable(rig, rig.api.post(path), "OUTCOME_UNKNOWN")["status"] == "failure"
    assert ldap_admin.members(group) == [user]
    rig.wait_for_directory()
    proxy.cut(MODIFY)
    assert check_unavailable(rig, rig.api.delete(path), "OUTCOME_UNKNOWN")["status"] == "failure"
    assert ldap_admin.members(group) == []
    rig.wait_for_directory()
    proxy.cut(MODIFY, SEARCH)
    assert check_unavailable(rig, rig.api.post(path), "RESULT_UNREAD")["status"] == "success"
    assert ldap_admin.members(group) == [user]


# --- Idempotency-Key ----------------------------------------------------------------------------

def assert_same_answer(again, first):
    """Compares the responses except for the request id."""
    first_id, own_id = (each.headers["X-Request-ID"] for each in (first, again))
    assert first_id != own_id
    assert (again.status_code, again.text) == (first.status_code,
                                               first.text.replace(first_id, own_id))
    assert again.headers["Retry-After"] == first.headers["Retry-After"]


class KeyedRequest:
    """A request with an idempotency key that creates a group, and checks of what reached the
    directory."""

    def __init__(self, rig, proxy, ldap_admin):
        self.rig, self.proxy, self.ldap_admin = rig, proxy, ldap_admin
        self.entries = Entries(rig.api, ldap_admin, GROUPS, ldap_admin.add_ou(tag()))
        self.body = self.entries.body()
        self.key = tag()
        self.dn = self.entries.dn(self.body["cn"])

    def send(self):
        return self.rig.api.post("/groups", json=self.body, headers={"Idempotency-Key": self.key})

    def found(self):
        """Returns the number of groups with that name that ldapsearch finds."""
        return len(self.ldap_admin.ldapsearch(f"(cn={self.body['cn']})", "cn",
                                              base=self.entries.parent))

    def assert_not_repeated(self, first):
        """Asserts that a repetition gets the first response and creates no group, even after the
        first group was deleted."""
        self.rig.wait_for_directory()
        added = self.proxy.requests[ADD]
        assert self.found() == 1
        assert_same_answer(self.send(), first)
        assert self.found() == 1
        self.ldap_admin.delete(self.dn)
        assert_same_answer(self.send(), first)
        assert self.found() == 0 and self.proxy.requests[ADD] == added


@pytest.fixture
def keyed_request(rig, proxy, ldap_admin):
    rig.wait_for_directory()
    return KeyedRequest(rig, proxy, ldap_admin)


@pytest.mark.parametrize(("kinds", "code"), [((ADD,), "OUTCOME_UNKNOWN"),
                                             ((ADD, SEARCH), "RESULT_UNREAD")],
                         ids=["unknown", "unread"])
def test_repetition_with_idempotency_key_reports_unknown_outcome_again(rig, proxy, keyed_request,
                                                                       kinds, code):
    proxy.cut(*kinds)
    first = keyed_request.send()
    check_unavailable(rig, first, code)
    keyed_request.assert_not_repeated(first)


def test_repeated_membership_change_with_idempotency_key_reports_unknown_outcome(
        rig, proxy, ldap_admin, membership):
    path, group, user = membership
    key = {"Idempotency-Key": tag()}
    proxy.cut(MODIFY)
    first = rig.api.post(path, headers=key)
    check_unavailable(rig, first, "OUTCOME_UNKNOWN")
    assert ldap_admin.members(group) == [user]
    rig.wait_for_directory()
    ldap_admin.remove_member(group, user)
    assert_same_answer(rig.api.post(path, headers=key), first)
    assert ldap_admin.members(group) == []


def test_existing_name_after_lost_response_to_creation_is_unknown_outcome(rig, proxy,
                                                                          keyed_request):
    """The entry with that name cannot be read back: this request may have created it."""
    proxy.cut(ADD, hang_up=True, then=(ADD, SEARCH))
    first = keyed_request.send()
    assert proxy.cuts == 2
    check_unavailable(rig, first, "OUTCOME_UNKNOWN")
    keyed_request.assert_not_repeated(first)


def test_idempotency_key_is_reusable_when_nothing_was_changed(rig, proxy, keyed_request):
    proxy.stop()
    contract.check_error(keyed_request.send(), 503, "DIRECTORY_UNAVAILABLE")
    proxy.start()
    rig.wait_for_directory()
    assert keyed_request.send().status_code == 201
    assert keyed_request.found() == 1


def test_request_of_killed_worker_is_not_repeated(make_rig, directory, authority,
                                                  proxy, ldap_admin):
    """Repetitions get PENDING while the request may be in progress, and then OUTCOME_UNKNOWN."""
    rig = make_rig(directory, LDAP_SERVER=f"127.0.0.1:{proxy.port}",
                   LDAP_TLS_CA_FILE=str(authority.file), DIRECTORY_WORKERS="1",
                   LDAP_TIMEOUT_MS=str(FROZEN_MS))
    rig.wait_for_directory()
    keyed_request = KeyedRequest(rig, proxy, ldap_admin)
    proxy.cut(ADD)
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(keyed_request.send)
        wait_until(lambda: proxy.cuts == 1, what="the add request to be sent")
        (worker,) = rig.service.workers("directory")
        os.kill(worker, signal.SIGKILL)
        assert answer.result().status_code in (502, 503)
    wait_until(lambda: keyed_request.found() == 1, what="the group to be created")
    contract.check_error(keyed_request.send(), 409, "IDEMPOTENCY_KEY_PENDING")
    rig.database.run("UPDATE idempotency_keys SET created_at = created_at - 600000")
    ldap_admin.delete(keyed_request.dn)
    for _ in range(2):
        check_unavailable(rig, keyed_request.send(), "OUTCOME_UNKNOWN")
    assert keyed_request.found() == 0 and proxy.requests[ADD] == 1
