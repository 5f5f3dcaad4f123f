"""POST /audit/{id}/revert for changes of the directory: a caller needs the rights of the change and
of its inverse at the place of the entry, and cannot revert what it does not see."""

import pytest

from support import contract
from support.client import Client, path_of, user_path
from support.database import Database
from support.entries import GROUPS, Entries, tag
from support.people import People

PROFILE = ("read", "update")
ALL = ("read", "enable", "update", "create", "delete", "move", "members")


@pytest.fixture(scope="module")
def administrator(delegated_stack):
    client = Client(f"{delegated_stack.https_url}/api/v1", delegated_stack.ca_file)
    return client.bearing(client.login(*delegated_stack.administrator)["access_token"])


@pytest.fixture(scope="module")
def database(delegated_stack):
    return Database(delegated_stack)


class Place:
    """A unit with factories of users and groups."""

    def __init__(self, administrator, ldap_admin, parent=None):
        self.dn = ldap_admin.add_ou(tag(), parent)
        self.people = People(administrator, ldap_admin, self.dn)
        self.groups = Entries(administrator, ldap_admin, GROUPS, self.dn)


@pytest.fixture(scope="module")
def seen(administrator, ldap_admin):
    return Place(administrator, ldap_admin)


@pytest.fixture(scope="module")
def hidden(administrator, ldap_admin):
    return Place(administrator, ldap_admin)


@pytest.fixture(scope="module")
def holder(administrator, hidden):
    """Returns a function that logs in a new user with rights below one scope, once for each set of
    rights."""
    known, made = {}, []

    def log_in(place, *rights):
        if (place.dn, rights) not in known:
            user = hidden.people.create()
            response = administrator.post("/delegations", json={
                "principal": user["dn"], "scope": place.dn, "rights": list(rights)})
            assert response.status_code == 201, response.text
            made.append(response.json()["id"])
            tokens = administrator.as_anonymous().login(user["sAMAccountName"], user["password"])
            known[place.dn, rights] = administrator.bearing(tokens["access_token"])
        return known[place.dn, rights]
    yield log_in
    for number in made:
        administrator.delete(f"/delegations/{number}")


@pytest.fixture(scope="module")
def made(database):
    """Returns a function that sends a request, which must succeed; returns its audit row."""
    def send(client, method, path, **arguments):
        response = client.request(method, path, **arguments)
        assert response.status_code < 300, response.text
        [[row]] = database.run("SELECT id FROM audit WHERE request_id = "
                               f"'{response.headers['X-Request-ID']}'")
        return int(row)
    return send


def revert(client, row, **query):
    return client.request("POST", f"/audit/{row}/revert", params=query)


def outcome(client, row):
    """Returns the error code of a revert, which must be that of its dry run; None: success."""
    planned, response = revert(client, row, dry_run="true"), revert(client, row)
    codes = [answer.json().get("code") for answer in (planned, response)]
    assert codes[0] == codes[1], (planned.text, response.text)
    return codes[0]


def without_id(response):
    return {name: value for name, value in response.json().items() if name != "request_id"}


def test_delegate_reverts_own_changes_and_those_of_others(administrator, seen, holder, made):
    delegate = holder(seen, *PROFILE)
    user = seen.people.create(title="a")
    path = user_path(user["sAMAccountName"])
    for client in (delegate, administrator):
        row = made(client, "PATCH", path, json={"title": "b"})
        assert outcome(delegate, row) is None
        assert seen.people.get(user["sAMAccountName"])["title"] == "a"


def test_revert_requires_the_rights_of_the_change(administrator, seen, holder, made):
    user, group = seen.people.create(title="a"), seen.groups.create()
    path = user_path(user["sAMAccountName"])
    changes = {
        "update": ("PATCH", path, {"title": "b"}),
        "enable": ("PATCH", path, {"enabled": False}),
        "members": ("POST", path_of("/groups", group["cn"], "members", user["sAMAccountName"]),
                    None),
    }
    for right, (method, target, body) in changes.items():
        row = made(administrator, method, target, json=body)
        assert outcome(holder(seen, "read"), row) == "FORBIDDEN"
        for other in changes.keys() - {right}:
            assert outcome(holder(seen, "read", other), row) == "FORBIDDEN"
        assert outcome(holder(seen, "read", right), row) is None


def test_revert_of_creation_requires_both_rights(administrator, seen, holder, made, ldap_admin):
    body = seen.people.body()
    row = made(administrator, "POST", "/users", json=body)
    assert outcome(holder(seen, "read", "create"), row) == "FORBIDDEN"
    assert outcome(holder(seen, "read", "delete"), row) == "FORBIDDEN"
    assert outcome(holder(seen, "read", "create", "delete"), row) is None
    assert ldap_admin.find(body["sAMAccountName"]) is None


def test_rows_of_entries_that_the_caller_does_not_see_do_not_exist(administrator, seen, hidden,
                                                                   holder, made):
    delegate = holder(seen, *ALL)
    user, group = hidden.people.create(), hidden.groups.create()
    path = user_path(user["sAMAccountName"])
    rows = [made(administrator, "PATCH", path, json={"title": "b"}),
            made(administrator, "POST", f"{path}/groups/{group['cn']}"),
            made(administrator, "POST", "/users", json=hidden.people.body()),
            made(administrator, "DELETE", path)]
    moved = seen.people.create()
    rows.append(made(administrator, "PATCH", user_path(moved["sAMAccountName"]),
                     json={"parent_dn": hidden.dn}))
    unknown = revert(delegate, 10 ** 15)
    contract.check_error(unknown, 404, "NOT_FOUND")
    for row in rows:
        for query in ({}, {"dry_run": "true"}):
            response = revert(delegate, row, **query)
            contract.check_error(response, 404, "NOT_FOUND")
            assert without_id(response) == without_id(unknown)


def test_accounts_and_users_without_rights_do_not_find_rows(administrator, seen, hidden, made):
    user = seen.people.create()
    row = made(administrator, "PATCH", user_path(user["sAMAccountName"]), json={"title": "b"})
    plain = hidden.people.create()
    tokens = administrator.as_anonymous().login(plain["sAMAccountName"], plain["password"])
    contract.check_error(revert(administrator.bearing(tokens["access_token"]), row), 404,
                         "NOT_FOUND")
    contract.check_error(revert(administrator.as_anonymous(), row), 401, "UNAUTHORIZED")


def test_move_is_reverted_with_the_right_at_both_places(administrator, seen, holder, made,
                                                        ldap_admin):
    inner = ldap_admin.add_ou(tag(), seen.dn)
    user = seen.people.create()
    row = made(administrator, "PATCH", user_path(user["sAMAccountName"]),
               json={"parent_dn": inner})
    assert outcome(holder(seen, *PROFILE), row) == "FORBIDDEN"
    assert outcome(holder(seen, *ALL), row) is None
    assert ldap_admin.find_guid(user["objectGUID"]) == user["dn"]


def test_delegate_reverts_deletion_and_offboarding(seen, holder, made, ldap_admin):
    delegate = holder(seen, *ALL)
    user, group = seen.people.create(title="a"), seen.groups.create()
    path = user_path(user["sAMAccountName"])
    made(delegate, "POST", f"{path}/groups/{group['cn']}")
    row = made(delegate, "POST", f"{path}/offboard", json={"move_to": ldap_admin.add_ou(tag(),
                                                                                      seen.dn)})
    assert outcome(delegate, row) is None
    assert ldap_admin.members(group["dn"]) == [user["dn"]]
    row = made(delegate, "DELETE", path)
    assert outcome(holder(seen, *PROFILE), row) == "FORBIDDEN"
    assert outcome(delegate, row) is None
    assert seen.people.get(user["sAMAccountName"])["title"] == "a"


def test_protected_entries_are_not_changed_by_reverts(administrator, seen, made, ldap_admin):
    user, group = seen.people.create(title="a"), seen.groups.create()
    path = user_path(user["sAMAccountName"])
    rows = [made(administrator, "PATCH", path, json={"title": "b"}),
            made(administrator, "POST", f"{path}/groups/{group['cn']}")]
    ldap_admin.set(user["dn"], "adminCount", "1")
    for row in rows:
        assert outcome(administrator, row) == "PROTECTED_OBJECT"
    assert seen.people.get(user["sAMAccountName"])["title"] == "b"


def test_values_that_the_caller_does_not_see_are_not_shown(administrator, seen, hidden, holder,
                                                           made):
    delegate = holder(seen, *ALL)
    boss, user = hidden.people.create(), seen.people.create()
    path = user_path(user["sAMAccountName"])
    row = made(administrator, "PATCH", path, json={"manager": boss["dn"]})
    response = revert(delegate, row)
    contract.check_error(response, 409, "CHANGED_SINCE")
    assert boss["cn"] not in response.text
    body = seen.people.body()
    created = made(administrator, "POST", "/users", json=body)
    group = hidden.groups.create()
    made(administrator, "POST", path_of("/groups", group["cn"], "members",
                                        body["sAMAccountName"]))
    response = revert(delegate, created)
    fields = contract.check_error(response, 409, "CHANGED_SINCE")
    assert fields and group["cn"] not in response.text


def test_directory_rows_are_not_reverted_in_atomic_batches(administrator, seen, made):
    user = seen.people.create(title="a")
    row = made(administrator, "PATCH", user_path(user["sAMAccountName"]), json={"title": "b"})
    operation = {"method": "POST", "path": f"/api/v1/audit/{row}/revert"}
    response = administrator.post("/batch", json={"operations": [operation], "atomic": True})
    assert "NOT_BATCHABLE" in response.text
    response = administrator.post("/batch", json={"operations": [operation]})
    assert [result["status"] for result in response.json()["results"]] == [200], response.text
    assert seen.people.get(user["sAMAccountName"])["title"] == "a"
