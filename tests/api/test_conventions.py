"""Conventions of all resources in the database, on both engines: sorted pages with a cursor,
versions as entity tags, and idempotency keys."""

import hashlib
import hmac
import threading
from collections import Counter

import pytest
from support import contract
from support.accounts import ROLES
from support.entries import tag

PEOPLE = 30
ORDERS = ["", "role", "-role", "username", "-created_at,role", "role,-username",
          "-role,-created_at",
          "role,created_at,-username"]


# --- lists ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def company(accounts):
    """Returns the owner of an organization with members of all roles."""
    owner = accounts.register()
    for number in range(PEOPLE - 1):
        accounts.member(owner, ROLES[number % len(ROLES)])
    return owner


def read_member_page(company, **query):
    response = company.client.get(f"{company.path}/members", params=query)
    assert response.status_code == 200, response.text
    return response.json()


def walk_members(company, **query):
    """Yields all items, following the cursor from page to page."""
    body = read_member_page(company, **query)
    while True:
        yield from body["items"]
        if not body["next"]:
            return
        body = read_member_page(company, **query, after=body["next"])
        assert set(body) == {"items", "limit", "next"}


@pytest.mark.parametrize("limit", [1, 7, PEOPLE, 1000])
@pytest.mark.parametrize("sort", ORDERS)
def test_member_list_by_cursor_returns_each_member_once_in_order(company, sort, limit):
    order = {"sort": sort} if sort else {}
    whole = read_member_page(company, limit=1000, **order)
    assert (whole["total"], whole["pages"], whole["next"]) == (PEOPLE, 1, None)
    assert list(walk_members(company, limit=limit, **order)) == whole["items"]


@pytest.mark.parametrize("order", ["m.account_id", "m.role, m.account_id",
                                   "m.role DESC, m.account_id DESC", "m.created_at, m.account_id",
                                   "m.created_at DESC, m.account_id DESC"])
def test_page_of_sorted_member_list_is_read_from_database_index(sql_stack, sql_database, order):
    """The plan has no sort step, so a page costs the same in a list of any length. PostgreSQL
    would sort a table this small, so sorting is disabled."""
    page_of_members = ("SELECT * FROM members m JOIN accounts a ON a.id = m.account_id"
                       f" WHERE m.organization_id = 1 ORDER BY {order} LIMIT 10")
    on_postgres = "DATABASE_URL" in sql_stack.env
    explain = ("SET enable_sort = off; SET enable_seqscan = off; EXPLAIN" if on_postgres
               else "EXPLAIN QUERY PLAN")
    plan = str(sql_database.run(f"{explain} {page_of_members}"))
    assert "members_" in plan
    assert "Sort" not in plan and "B-TREE" not in plan, plan


@pytest.mark.parametrize("sort, key", [("username", "username"), ("role", "role"),
                                       ("created_at", "created_at")])
def test_member_list_can_be_sorted_in_both_directions(company, sort, key):
    ascending = [item[key] for item in walk_members(company, sort=sort, limit=11)]
    descending = [item[key] for item in walk_members(company, sort=f"-{sort}", limit=11)]
    assert ascending == sorted(ascending)
    assert descending == sorted(descending, reverse=True)


def test_filter_of_member_list_limits_items_and_total(company):
    body = read_member_page(company, role="SALES", limit=2)
    found = list(walk_members(company, role="SALES", limit=2))
    assert body["total"] == len(found) > 2
    assert {item["role"] for item in found} == {"SALES"}


def test_skip_and_cursor_return_same_page_of_member_list(company):
    first = read_member_page(company, sort="role", limit=5)
    assert read_member_page(company, sort="role", limit=5, skip=5)["items"] == read_member_page(
        company, sort="role", limit=5, after=first["next"])["items"]


@pytest.mark.parametrize("query, field", [
    ({"sort": "password"}, "sort"), ({"sort": "-"}, "sort"), ({"sort": ",role"}, "sort"),
    ({"sort": "role,role,role,role"}, "sort"), ({"sort": "role,-role"}, "sort"),
    ({"sort": "role;drop"}, "sort"),
    ({"after": "x"}, "after"), ({"after": "!i"}, "after"), ({"after": "!i5!i5"}, "after"),
    ({"after": "!i5", "sort": "role"}, "after"), ({"after": "role!i5!i5", "sort": "role"}, "after"),
    ({"after": "!t5"}, "after"), ({"after": "!i5x"}, "after"), ({"after": "%!i5"}, "after"),
    ({"role": "KING"}, "role"), ({"limit": 0}, "limit"), ({"limit": 1001}, "limit"),
    ({"skip": -1}, "skip")], ids=str)
def test_invalid_member_sort_filter_or_cursor_is_rejected(company, query, field):
    response = company.client.get(f"{company.path}/members", params=query)
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == [field]


# --- versions -------------------------------------------------------------------------------------


def test_organization_request_with_matching_entity_tag_gets_not_modified(accounts):
    owner = accounts.register()
    tag_of = owner.client.get(owner.path).headers["ETag"]
    for value in (tag_of, f'"x", W/{tag_of}', "*"):
        response = owner.client.get(owner.path, headers={"If-None-Match": value})
        assert (response.status_code, response.content) == (304, b"")
        assert response.headers["ETag"] == tag_of
    assert owner.client.get(owner.path, headers={"If-None-Match": '"x"'}).status_code == 200


def test_organization_update_with_outdated_version_is_refused(accounts):
    owner = accounts.register()
    old = owner.client.get(owner.path).headers["ETag"]
    first = owner.client.patch(owner.path, json={"name": "first"}, headers={"If-Match": old})
    assert first.status_code == 200 and first.headers["ETag"] != old
    second = owner.client.patch(owner.path, json={"name": "second"}, headers={"If-Match": old})
    contract.check_error(second, 412, "PRECONDITION_FAILED")
    assert owner.client.get(owner.path).json()["name"] == "first"
    weak = owner.client.patch(owner.path, json={"name": "third"},
                              headers={"If-Match": f"W/{first.headers['ETag']}"})
    contract.check_error(weak, 412, "PRECONDITION_FAILED")


def test_one_of_concurrent_organization_updates_succeeds(accounts):
    owner = accounts.register()
    version = owner.client.get(owner.path).headers["ETag"]
    answers = run_concurrently(8, lambda number: owner.client.patch(
        owner.path, json={"name": f"name {number}"}, headers={"If-Match": version}))
    assert Counter(each.status_code for each in answers) == {200: 1, 412: 7}


# --- idempotency keys -----------------------------------------------------------------------------


def run_concurrently(count, call):
    """Runs `count` threads at the same time; returns their responses."""
    barrier, answers = threading.Barrier(count), []

    def run(number):
        barrier.wait()
        answers.append(call(number))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@pytest.fixture
def person():
    name = tag()
    return {"username": name, "email": f"{name}@example.com"}


def create_account(api, body, key):
    return api.post("/accounts", json=body, headers={"Idempotency-Key": key})


def test_repeated_request_with_idempotency_key_gets_first_response(sql_api, person):
    key = tag()
    first = create_account(sql_api, person, key)
    assert first.status_code == 201, first.text
    for _ in range(2):
        again = create_account(sql_api, person, key)
        assert (again.status_code, again.content) == (201, first.content)
        assert again.headers["Location"] == first.headers["Location"]


def test_idempotency_key_of_refused_request_is_reusable(sql_api, person):
    key = tag()
    contract.check_error(create_account(sql_api, {**person, "email": "x"}, key), 400,
                         "VALIDATION_ERROR")
    other = {**person, "email": f"{tag()}@example.com"}
    assert create_account(sql_api, other, tag()).status_code == 201
    contract.check_error(create_account(sql_api, person, key), 409, "ALREADY_EXISTS")
    mended = {**person, "username": tag()}
    assert create_account(sql_api, mended, key).status_code == 201


def test_different_request_with_used_idempotency_key_is_refused(sql_api, person):
    key = tag()
    assert create_account(sql_api, person, key).status_code == 201
    other = {**person, "username": tag()}
    contract.check_error(create_account(sql_api, other, key), 409, "IDEMPOTENCY_KEY_REUSED")


def test_different_callers_may_use_same_idempotency_key(sql_api, accounts):
    key = tag()
    one, other = accounts.register(), accounts.register()
    for owner in (one, other):
        newcomer = accounts.register()
        response = owner.client.post(f"{owner.path}/members",
                                     json={"email": newcomer.email, "role": "SALES"},
                                     headers={"Idempotency-Key": key})
        assert response.status_code == 201, response.text


def test_concurrent_requests_with_one_idempotency_key_execute_once(sql_api, sql_database, person):
    key = tag()
    answers = run_concurrently(12, lambda _: create_account(sql_api, person, key))
    outcomes = Counter((each.status_code, each.json().get("code")) for each in answers)
    assert outcomes.keys() <= {(201, None),
                               (409, "IDEMPOTENCY_KEY_PENDING")} and outcomes[201, None]
    assert len({each.content for each in answers if each.status_code == 201}) == 1
    assert create_account(sql_api, person, key).status_code == 201


@pytest.mark.parametrize("key", ["a b", "я", "x" * 256], ids=["space", "Cyrillic", "long"])
def test_invalid_idempotency_key_is_rejected(sql_api, person, key):
    response = sql_api.post("/accounts", json=person,
                            headers={"Idempotency-Key": key.encode()})
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == ["Idempotency-Key"]


def test_request_digest_of_idempotency_key_is_stored_as_hmac(sql_api, sql_stack, sql_database,
                                                             person):
    """An attacker who has read the database and knows the request except for the password must
    not be able to test passwords against the digest."""
    key = tag()
    sent = create_account(sql_api, person, key).request
    text = f"POST {sent.path_url} 0\n".encode() + sent.body
    unkeyed = hashlib.sha256(text)
    keyed = hmac.new(sql_stack.env["SECRET_KEY"].encode(), text, hashlib.sha256)
    dump = sql_database.dump()
    assert keyed.hexdigest() in dump
    assert unkeyed.hexdigest() not in dump


def test_idempotency_key_stored_with_unkeyed_digest_is_refused(sql_api, sql_database, person):
    key = tag()
    sent = create_account(sql_api, person, key).request
    old = hashlib.sha256(f"POST {sent.path_url} 0\n".encode() + sent.body).digest()
    literal = sql_database.bytes_literal(old)
    sql_database.run(f"UPDATE idempotency_keys SET request_digest = {literal}"
                     f" WHERE idempotency_key = '{key}'")
    contract.check_error(create_account(sql_api, person, key), 409, "IDEMPOTENCY_KEY_REUSED")
    name = person["username"]
    assert sql_database.run(f"SELECT count(*) FROM accounts WHERE username = '{name}'") == [("1",)]


def test_repeated_group_creation_with_idempotency_key_is_made_once(sql_api, ldap_admin):
    key, name = tag(), tag()
    body = {"cn": name, "ou": ldap_admin.add_ou(tag())}
    first, again = (sql_api.post("/groups", json=body, headers={"Idempotency-Key": key})
                    for _ in range(2))
    assert first.status_code == 201, first.text
    assert (again.status_code, again.content) == (201, first.content)
