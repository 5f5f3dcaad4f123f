"""What all resources of the database share, on both engines: pages by an order and a cursor, versions
as entity tags, and requests that are repeated.
"""

import hashlib
import hmac
import threading
from collections import Counter

import pytest
from support import contract
from support.accounts import ROLES
from support.entries import tag

PEOPLE = 30
ORDERS = ["", "role", "-role", "username", "-created_at,role", "role,-username", "-role,-created_at",
          "role,created_at,-username"]


# --- lists ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def company(accounts):
    """An organization with people of all roles."""
    owner = accounts.register()
    for number in range(PEOPLE - 1):
        accounts.member(owner, ROLES[number % len(ROLES)])
    return owner


def page(company, **query):
    response = company.client.get(f"{company.path}/members", params=query)
    assert response.status_code == 200, response.text
    return response.json()


def walk(company, **query):
    """All items, page after page by the cursor."""
    body = page(company, **query)
    while True:
        yield from body["items"]
        if not body["next"]:
            return
        body = page(company, **query, after=body["next"])
        assert set(body) == {"items", "limit", "next"}


@pytest.mark.parametrize("limit", [1, 7, PEOPLE, 1000])
@pytest.mark.parametrize("sort", ORDERS)
def test_a_cursor_passes_each_row_once_in_order(company, sort, limit):
    order = {"sort": sort} if sort else {}
    whole = page(company, limit=1000, **order)
    assert (whole["total"], whole["pages"], whole["next"]) == (PEOPLE, 1, None)
    assert list(walk(company, limit=limit, **order)) == whole["items"]


@pytest.mark.parametrize("order", ["m.account_id", "m.role, m.account_id",
                                   "m.role DESC, m.account_id DESC", "m.created_at, m.account_id",
                                   "m.created_at DESC, m.account_id DESC"])
def test_an_index_answers_an_order(sql_stack, sql_database, order):
    """Nothing is sorted, so a page does not cost the whole list. PostgreSQL would still sort what is
    as small as here, and is told not to."""
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
def test_an_order_is_one(company, sort, key):
    ascending = [item[key] for item in walk(company, sort=sort, limit=11)]
    descending = [item[key] for item in walk(company, sort=f"-{sort}", limit=11)]
    assert ascending == sorted(ascending)
    assert descending == sorted(descending, reverse=True)


def test_a_filter_counts_what_it_lets_through(company):
    body = page(company, role="SALES", limit=2)
    found = list(walk(company, role="SALES", limit=2))
    assert body["total"] == len(found) > 2
    assert {item["role"] for item in found} == {"SALES"}


def test_skipping_and_a_cursor_meet(company):
    first = page(company, sort="role", limit=5)
    assert page(company, sort="role", limit=5, skip=5)["items"] == page(
        company, sort="role", limit=5, after=first["next"])["items"]


@pytest.mark.parametrize("query, field", [
    ({"sort": "password"}, "sort"), ({"sort": "-"}, "sort"), ({"sort": ",role"}, "sort"),
    ({"sort": "role,role,role,role"}, "sort"), ({"sort": "role,-role"}, "sort"), ({"sort": "role;drop"}, "sort"),
    ({"after": "x"}, "after"), ({"after": "!i"}, "after"), ({"after": "!i5!i5"}, "after"),
    ({"after": "!i5", "sort": "role"}, "after"), ({"after": "role!i5!i5", "sort": "role"}, "after"),
    ({"after": "!t5"}, "after"), ({"after": "!i5x"}, "after"), ({"after": "%!i5"}, "after"),
    ({"role": "KING"}, "role"), ({"limit": 0}, "limit"), ({"limit": 1001}, "limit"),
    ({"skip": -1}, "skip")], ids=str)
def test_orders_and_cursors_that_are_none(company, query, field):
    response = company.client.get(f"{company.path}/members", params=query)
    assert contract.refused(response, 400, "VALIDATION_ERROR") == [field]


# --- versions -------------------------------------------------------------------------------------


def test_what_one_has_is_not_sent_again(accounts):
    owner = accounts.register()
    tag_of = owner.client.get(owner.path).headers["ETag"]
    for value in (tag_of, f'"x", W/{tag_of}', "*"):
        response = owner.client.get(owner.path, headers={"If-None-Match": value})
        assert (response.status_code, response.content) == (304, b"")
        assert response.headers["ETag"] == tag_of
    assert owner.client.get(owner.path, headers={"If-None-Match": '"x"'}).status_code == 200


def test_a_lost_update_is_refused(accounts):
    owner = accounts.register()
    old = owner.client.get(owner.path).headers["ETag"]
    first = owner.client.patch(owner.path, json={"name": "first"}, headers={"If-Match": old})
    assert first.status_code == 200 and first.headers["ETag"] != old
    second = owner.client.patch(owner.path, json={"name": "second"}, headers={"If-Match": old})
    contract.refused(second, 412, "PRECONDITION_FAILED")
    assert owner.client.get(owner.path).json()["name"] == "first"
    weak = owner.client.patch(owner.path, json={"name": "third"},
                              headers={"If-Match": f"W/{first.headers['ETag']}"})
    contract.refused(weak, 412, "PRECONDITION_FAILED")


def test_of_many_with_one_version_one_succeeds(accounts):
    owner = accounts.register()
    version = owner.client.get(owner.path).headers["ETag"]
    answers = at_once(8, lambda number: owner.client.patch(
        owner.path, json={"name": f"name {number}"}, headers={"If-Match": version}))
    assert Counter(each.status_code for each in answers) == {200: 1, 412: 7}


# --- repetitions ----------------------------------------------------------------------------------


def at_once(count, call):
    """What `count` threads that begin together are answered."""
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


def create(api, body, key):
    return api.post("/accounts", json=body, headers={"Idempotency-Key": key})


def test_a_repetition_gets_the_first_answer(sql_api, person):
    key = tag()
    first = create(sql_api, person, key)
    assert first.status_code == 201, first.text
    for _ in range(2):
        again = create(sql_api, person, key)
        assert (again.status_code, again.content) == (201, first.content)
        assert again.headers["Location"] == first.headers["Location"]


def test_after_a_refusal_it_can_be_tried_again(sql_api, person):
    key = tag()
    contract.refused(create(sql_api, {**person, "email": "x"}, key), 400, "VALIDATION_ERROR")
    other = {**person, "email": f"{tag()}@example.com"}
    assert create(sql_api, other, tag()).status_code == 201
    contract.refused(create(sql_api, person, key), 409, "ALREADY_EXISTS")
    mended = {**person, "username": tag()}
    assert create(sql_api, mended, key).status_code == 201


def test_a_key_is_for_one_request(sql_api, person):
    key = tag()
    assert create(sql_api, person, key).status_code == 201
    other = {**person, "username": tag()}
    contract.refused(create(sql_api, other, key), 409, "IDEMPOTENCY_KEY_REUSED")


def test_a_key_is_its_principals_own(sql_api, accounts):
    key = tag()
    one, other = accounts.register(), accounts.register()
    for owner in (one, other):
        newcomer = accounts.register()
        response = owner.client.post(f"{owner.path}/members",
                                     json={"email": newcomer.email, "role": "SALES"},
                                     headers={"Idempotency-Key": key})
        assert response.status_code == 201, response.text


def test_of_many_at_once_one_is_done(sql_api, sql_database, person):
    key = tag()
    answers = at_once(12, lambda _: create(sql_api, person, key))
    outcomes = Counter((each.status_code, each.json().get("code")) for each in answers)
    assert outcomes.keys() <= {(201, None), (409, "IDEMPOTENCY_KEY_PENDING")} and outcomes[201, None]
    assert len({each.content for each in answers if each.status_code == 201}) == 1
    assert create(sql_api, person, key).status_code == 201


@pytest.mark.parametrize("key", ["a b", "я", "x" * 256], ids=["space", "Cyrillic", "long"])
def test_keys_that_are_none(sql_api, person, key):
    response = sql_api.post("/accounts", json=person,
                            headers={"Idempotency-Key": key.encode()})
    assert contract.refused(response, 400, "VALIDATION_ERROR") == ["Idempotency-Key"]


def test_passwords_cannot_be_tried_on_the_digest_of_a_request(sql_api, sql_stack, sql_database,
                                                              person):
    """Mallory has read the database and knows everything of the request but the password."""
    key = tag()
    sent = create(sql_api, person, key).request
    text = f"POST {sent.path_url} 0\n".encode() + sent.body
    unkeyed = hashlib.sha256(text)
    keyed = hmac.new(sql_stack.env["SECRET_KEY"].encode(), text, hashlib.sha256)
    dump = sql_database.dump()
    assert keyed.hexdigest() in dump
    assert unkeyed.hexdigest() not in dump


def test_request_from_before_the_digests_were_keyed_is_not_repeated(sql_api, sql_database, person):
    key = tag()
    sent = create(sql_api, person, key).request
    old = hashlib.sha256(f"POST {sent.path_url} 0\n".encode() + sent.body).digest()
    sql_database.run(f"UPDATE idempotency_keys SET request_digest = {sql_database.bytes_literal(old)}"
                     f" WHERE idempotency_key = '{key}'")
    contract.refused(create(sql_api, person, key), 409, "IDEMPOTENCY_KEY_REUSED")
    name = person["username"]
    assert sql_database.run(f"SELECT count(*) FROM accounts WHERE username = '{name}'") == [("1",)]


def test_a_change_in_the_directory_is_made_once_too(sql_api, truth):
    key, name = tag(), tag()
    body = {"cn": name, "ou": truth.add_ou(tag())}
    first, again = (sql_api.post("/groups", json=body, headers={"Idempotency-Key": key})
                    for _ in range(2))
    assert first.status_code == 201, first.text
    assert (again.status_code, again.content) == (201, first.content)
