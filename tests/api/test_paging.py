"""Paging through 2,500 users: no gaps, no duplicates, and correct totals."""

import time

import ldap
import pytest

from support import contract
from support.people import tag
from support.ldap_admin import rdn

MANY = 2500


@pytest.fixture(scope="module")
def many_users(ldap_admin, ou):
    """Creates 2,500 users; returns a word that their names contain, and their account names."""
    word = tag()[:8]
    parent = ldap_admin.add_ou(word, ou)
    names = [f"{word}{number:05}" for number in range(MANY)]
    ldap_admin.add_all((f"{rdn(name)},{parent}",
                        {"objectClass": "user", "sAMAccountName": name, "userAccountControl": "514",
                         "mail": f"{name}@example.com"}) for name in names)
    return word, names


def walk_pages(api, limit, **parameters):
    """Yields every page, from the first to the last."""
    skip = 0
    while True:
        body = api.get("/users", params={"skip": skip, "limit": limit, **parameters}).json()
        items = contract.check_list(body)
        assert (body["skip"], body["limit"]) == (skip, limit)
        if not items:
            return
        yield body
        skip += limit


@pytest.mark.parametrize("limit", [1000, 333, 100])
def test_pages_of_user_search_contain_every_user_once(api, many_users, limit):
    word, names = many_users
    seen = []
    for body in walk_pages(api, limit, search=word):
        assert body["total"] == MANY
        assert body["pages"] == -(-MANY // limit)
        seen += [user["sAMAccountName"] for user in body["items"]]
    assert len(seen) == MANY
    assert sorted(seen) == names


def test_pages_of_user_list_contain_every_user_once(api, many_users, ldap_admin):
    seen = [user for body in walk_pages(api, 1000) for user in body["items"]]
    names = [user["sAMAccountName"] for user in seen]
    assert len(names) == len(set(names))
    assert set(many_users[1]) <= set(names)
    people = directory_pages(ldap_admin, "(&(objectCategory=person)(objectClass=user))")
    assert sorted(names) == sorted(people)


def directory_pages(ldap_admin, text):
    """Returns the account names listed by the directory, with RFC 2696 pages."""
    control = ldap.controls.SimplePagedResultsControl(True, size=500, cookie="")
    names = []
    while True:
        identifier = ldap_admin.connection.search_ext(ldap_admin.base_dn, ldap.SCOPE_SUBTREE, text,
                                                      ["sAMAccountName"], serverctrls=[control])
        _, found, _, answered = ldap_admin.connection.result3(identifier)
        names += [values["sAMAccountName"][0].decode() for dn, values in found if dn]
        control.cookie = answered[0].cookie
        if not control.cookie:
            return names


def test_user_list_is_sorted(api, many_users):
    word, _ = many_users
    first = api.get("/users", params={"search": word, "limit": 50}).json()["items"]
    again = api.get("/users", params={"search": word, "limit": 50}).json()["items"]
    names = [user["sAMAccountName"] for user in first]
    assert first == again and names == sorted(names)


@pytest.mark.parametrize("skip, limit, expected", [
    (0, 1, 1), (2499, 10, 1), (2490, 10, 10), (2495, 10, 5), (2500, 10, 0), (2501, 1, 0),
    (1000, 1000, 1000), (999, 2, 2), (10 ** 9, 10, 0),
])
def test_user_pages_at_internal_page_boundaries_are_exact(api, many_users, skip, limit, expected):
    word, names = many_users
    body = api.get("/users", params={"search": word, "skip": skip, "limit": limit}).json()
    assert [user["sAMAccountName"] for user in contract.check_list(body)] == \
        names[skip:skip + limit]
    assert (len(body["items"]), body["total"]) == (expected, MANY)


def test_last_page_of_user_list_costs_about_as_much_as_first(api, many_users):
    def cost(skip):
        started = time.perf_counter()
        api.get("/users", params={"search": many_users[0], "skip": skip})
        return time.perf_counter() - started
    first = min(cost(0) for _ in range(5))
    deep = min(cost(2480) for _ in range(5))
    assert deep < 3 * first + 0.05
