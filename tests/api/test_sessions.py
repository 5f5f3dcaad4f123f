"""Sessions: tokens that replace one another, and what ends them, on both engines."""

import hmac
import threading
import time

import jwt
import pytest

from support import contract, vault
from support.accounts import RENEWED_KEYS, TOKENS_KEYS
from support.client import Client

WITHIN_GRACE_MS, AFTER_GRACE_MS = 5_000, 10_500


@pytest.fixture
def person(accounts):
    return accounts.register()


def refresh(nobody, token):
    return nobody.post("/auth/refresh", json={"refresh_token": token})


def must_refresh(nobody, token):
    """The tokens that come of a refresh token."""
    response = refresh(nobody, token)
    assert response.status_code == 200, response.text
    assert response.headers["Cache-Control"] == "no-store"
    assert set(response.json()) == TOKENS_KEYS
    return response.json()


def assert_dead(nobody, *all_tokens):
    """That none of the tokens of an account opens anything."""
    for tokens in all_tokens:
        contract.refused(refresh(nobody, tokens["refresh_token"]), 401, "INVALID_TOKEN")
        client = nobody.bearing(tokens["access_token"])
        contract.refused(client.get("/auth/me"), 401, "INVALID_TOKEN")
        contract.refused(client.post("/auth/refresh"), 401, "INVALID_TOKEN")


def assert_alive(nobody, tokens):
    assert nobody.bearing(tokens["access_token"]).get("/auth/me").status_code == 200
    return must_refresh(nobody, tokens["refresh_token"])


def digest_sha256(stack, token):
    return hmac.digest(stack.env["JWT_SECRET_KEY"].encode(), token.encode(), "sha256")


@pytest.fixture
def where(sql_stack, sql_database):
    """The condition that finds a refresh token."""
    return lambda token: f"digest = {sql_database.bytes_literal(digest_sha256(sql_stack, token))}"


@pytest.fixture
def age(sql_database, where):
    """Acts as if a token had been replaced so much earlier."""
    def act(token, milliseconds):
        rows = sql_database.run("UPDATE refresh_tokens SET replaced_at = replaced_at - "
                                f"{milliseconds} WHERE {where(token)} RETURNING replaced_at")
        assert len(rows) == 1 and rows[0][0].isdigit(), rows
    return act


def live_tokens(database, session):
    """The digests of the live refresh tokens of a session, as text."""
    octets = database.bytes_literal(bytes.fromhex(session))
    return database.run("SELECT digest FROM refresh_tokens WHERE replaced_at IS NULL "
                        f"AND session_id = {octets}")


def session_of(tokens):
    return jwt.decode(tokens["access_token"], options={"verify_signature": False})["sid"]


# --- refreshing ---------------------------------------------------------------------------------

def test_tokens_replace_one_another(sql_nobody, person):
    tokens, seen = person.tokens, {person.tokens["refresh_token"]}
    for _ in range(4):
        tokens = must_refresh(sql_nobody, tokens["refresh_token"])
        assert tokens["refresh_token"] not in seen
        seen.add(tokens["refresh_token"])
        me = sql_nobody.bearing(tokens["access_token"]).get("/auth/me").json()
        assert me["account_id"] == person.id


def test_all_are_of_one_session(sql_nobody, person):
    by_token = must_refresh(sql_nobody, person.tokens["refresh_token"])
    by_bearer = person.client.post("/auth/refresh").json()
    assert session_of(person.tokens) == session_of(by_token) == session_of(by_bearer)
    assert session_of(sql_nobody.login(person.email, person.password)) != session_of(person.tokens)


def test_a_repeated_refresh_returns_the_same_successor(sql_nobody, sql_database, person, age):
    """Two tabs of one browser come with the same token, or an answer was lost."""
    first = person.tokens["refresh_token"]
    second = must_refresh(sql_nobody, first)
    age(first, WITHIN_GRACE_MS)
    third = must_refresh(sql_nobody, first)
    assert second["refresh_token"] == third["refresh_token"]
    assert len(live_tokens(sql_database, session_of(second))) == 1
    assert_alive(sql_nobody, third)


def test_reuse_of_an_older_refresh_token_ends_the_session_at_once(sql_nobody, person):
    first = person.tokens["refresh_token"]
    second = must_refresh(sql_nobody, first)
    third = must_refresh(sql_nobody, second["refresh_token"])
    contract.refused(refresh(sql_nobody, first), 401, "INVALID_TOKEN")
    assert_dead(sql_nobody, person.tokens, second, third)


def test_reuse_after_the_grace_ends_the_session(accounts, sql_nobody, person, age):
    other = accounts.log_in(person)
    first = person.tokens["refresh_token"]
    second = must_refresh(sql_nobody, first)
    third = must_refresh(sql_nobody, second["refresh_token"])
    age(first, AFTER_GRACE_MS)
    contract.refused(refresh(sql_nobody, first), 401, "INVALID_TOKEN")
    assert_dead(sql_nobody, person.tokens, second, third)
    assert_alive(sql_nobody, other)


def test_a_repetition_does_not_prolong_the_grace(sql_nobody, person, age):
    first = person.tokens["refresh_token"]
    must_refresh(sql_nobody, first)
    age(first, WITHIN_GRACE_MS)
    must_refresh(sql_nobody, first)
    age(first, AFTER_GRACE_MS - WITHIN_GRACE_MS)
    contract.refused(refresh(sql_nobody, first), 401, "INVALID_TOKEN")


def test_simultaneous_refreshes_get_one_successor(sql_stack, sql_nobody, sql_database, person):
    answers = []
    clients = [Client(sql_nobody.base_url, sql_stack.ca_file) for _ in range(6)]
    threads = [threading.Thread(target=lambda client=client: answers.append(
        refresh(client, person.tokens["refresh_token"]))) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in answers] == 6 * [200]
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1
    assert len(live_tokens(sql_database, session_of(person.tokens))) == 1
    for answer in answers:
        client = sql_nobody.bearing(answer.json()["access_token"])
        assert client.get("/auth/me").status_code == 200
    assert_alive(sql_nobody, answers[0].json())


def test_it_expires(sql_nobody, sql_database, person, where):
    token = person.tokens["refresh_token"]
    sql_database.run(f"UPDATE refresh_tokens SET expires_at = 1 WHERE {where(token)}")
    contract.refused(refresh(sql_nobody, token), 401, "TOKEN_EXPIRED")


def test_it_lives_for_as_long_as_is_set(sql_database, person, where):
    token = person.tokens["refresh_token"]
    [(lifetime,)] = sql_database.run(
        f"SELECT expires_at - issued_at FROM refresh_tokens WHERE {where(token)}")
    assert int(lifetime) == 720 * 3600 * 1000  # REFRESH_EXPIRATION_HOURS


@pytest.mark.parametrize("body", [None, {}])
def test_an_access_token_is_renewed_without_a_refresh_token(sql_nobody, sql_database, person, body):
    response = person.client.post("/auth/refresh", json=body)
    assert response.status_code == 200
    assert set(response.json()) == RENEWED_KEYS
    renewed = sql_nobody.bearing(response.json()["access_token"])
    assert renewed.get("/auth/me").status_code == 200
    assert len(live_tokens(sql_database, session_of(person.tokens))) == 1
    assert_alive(sql_nobody, person.tokens)


def set_end(database, tokens, milliseconds_from_now):
    """Moves the absolute end of a session."""
    octets = database.bytes_literal(bytes.fromhex(session_of(tokens)))
    end = int(time.time() * 1000) + milliseconds_from_now
    database.run(f"UPDATE sessions SET expires_at = {end} WHERE id = {octets}")


def test_no_token_outlives_its_session(sql_nobody, sql_database, person, where):
    set_end(sql_database, person.tokens, 60_000)
    renewed = person.client.post("/auth/refresh").json()
    assert 0 < renewed["expires_in"] <= 60
    refreshed = must_refresh(sql_nobody, person.tokens["refresh_token"])
    assert 0 < refreshed["expires_in"] <= 60
    [(lifetime,)] = sql_database.run("SELECT expires_at - issued_at FROM refresh_tokens "
                                     f"WHERE {where(refreshed['refresh_token'])}")
    assert 0 < int(lifetime) <= 60_000


def test_a_session_ends_at_its_absolute_end(sql_nobody, sql_database, person):
    set_end(sql_database, person.tokens, -1)
    contract.refused(refresh(sql_nobody, person.tokens["refresh_token"]), 401, "TOKEN_EXPIRED")
    contract.refused(person.client.get("/auth/me"), 401, "INVALID_TOKEN")
    contract.refused(person.client.post("/auth/refresh"), 401, "INVALID_TOKEN")


def test_the_local_administrator_s_session(sql_nobody, sql_stack):
    tokens = sql_nobody.login(*sql_stack.administrator)
    second = must_refresh(sql_nobody, tokens["refresh_token"])
    client = sql_nobody.bearing(second["access_token"])
    assert client.post("/auth/logout").status_code == 204
    assert_dead(sql_nobody, tokens, second)


def test_an_account_that_is_gone(sql_nobody, sql_database, person):
    sql_database.run(f"DELETE FROM members WHERE account_id = {person.id}")
    sql_database.run(f"DELETE FROM accounts WHERE id = {person.id}")
    assert_dead(sql_nobody, person.tokens)


@pytest.mark.parametrize("sid", [None, "", "0" * 32, "x" * 32, "0" * 31, 7])
def test_a_token_of_no_session(sql_stack, sql_nobody, person, sid):
    claims = jwt.decode(person.tokens["access_token"], options={"verify_signature": False})
    token = jwt.encode({**claims, "sid": sid}, sql_stack.env["JWT_SECRET_KEY"], "HS256")
    vault.remember(token)
    client = sql_nobody.bearing(token)
    contract.refused(client.get("/auth/me"), 401, "INVALID_TOKEN")
    contract.refused(client.post("/auth/refresh"), 401, "INVALID_TOKEN")


def test_a_session_of_somebody_else(accounts, sql_stack, sql_nobody, person):
    """A token is of the account that its session is of."""
    other = accounts.register()
    claims = jwt.decode(person.tokens["access_token"], options={"verify_signature": False})
    token = jwt.encode({**claims, "sub": f"account:{other.id}"}, sql_stack.env["JWT_SECRET_KEY"],
                       "HS256")
    vault.remember(token)
    contract.refused(sql_nobody.bearing(token).get("/auth/me"), 401, "INVALID_TOKEN")


# --- logging out --------------------------------------------------------------------------------

def test_logout_ends_this_session(accounts, sql_nobody, person):
    other = accounts.log_in(person)
    second = must_refresh(sql_nobody, person.tokens["refresh_token"])
    response = sql_nobody.bearing(second["access_token"]).post("/auth/logout")
    assert (response.status_code, response.content) == (204, b"")
    assert_dead(sql_nobody, person.tokens, second)
    assert_alive(sql_nobody, other)


def test_logout_twice(person):
    assert person.client.post("/auth/logout").status_code == 204
    contract.refused(person.client.post("/auth/logout"), 401, "INVALID_TOKEN")


def test_logout_by_nobody(sql_nobody):
    contract.refused(sql_nobody.post("/auth/logout"), 401, "UNAUTHORIZED")


# --- another password ---------------------------------------------------------------------------

def change(client, current, new):
    return client.post("/auth/change-password",
                       json={"current_password": current, "new_password": new})


def test_change_password_ends_all_sessions(accounts, sql_nobody, person):
    bystander = accounts.register()
    others, new = [accounts.log_in(person) for _ in range(2)], vault.password()
    response = change(person.client, person.password, new)
    assert (response.status_code, response.content) == (204, b"")
    assert_dead(sql_nobody, person.tokens, *others)
    assert_alive(sql_nobody, bystander.tokens)
    body = {"email": person.email, "password": person.password}
    contract.refused(sql_nobody.post("/auth/login", json=body), 401, "INVALID_CREDENTIALS")
    assert sql_nobody.login(person.email, new)


def test_a_wrong_current_password_changes_nothing(accounts, sql_nobody, person):
    other = accounts.log_in(person)
    response = change(person.client, vault.password(), vault.password())
    assert contract.refused(response, 400, "VALIDATION_ERROR") == ["current_password"]
    assert_alive(sql_nobody, other)
    assert sql_nobody.login(person.email, person.password)


@pytest.mark.parametrize("body, fields", [
    ({}, ["current_password", "new_password"]),
    ({"current_password": "x"}, ["new_password"]),
    ({"current_password": "", "new_password": "1234567"}, ["current_password", "new_password"]),
    ({"current_password": "x", "new_password": "п" * 37}, ["new_password"]),
    ({"current_password": "x", "new_password": "12345678", "id": 1}, ["id"]),
])
def test_change_password_names_the_fields_that_are_wrong(person, body, fields):
    response = person.client.post("/auth/change-password", json=body)
    assert sorted(contract.refused(response, 400, "VALIDATION_ERROR")) == sorted(fields)


def test_passwords_that_are_kept_elsewhere(sql_api, sql_stack, sql_nobody, directory):
    tokens = sql_nobody.login("j.mueller", directory.sample_password)
    person = sql_nobody.bearing(tokens["access_token"])
    for client, password in ((sql_api, sql_stack.administrator[1]),
                             (person, directory.sample_password)):
        contract.refused(change(client, password, vault.password()), 403, "FORBIDDEN")


# --- what is kept -------------------------------------------------------------------------------

def test_only_digests_are_in_the_database(sql_nobody, sql_database, sql_stack, person):
    second = must_refresh(sql_nobody, person.tokens["refresh_token"])
    dump = sql_database.dump()
    for tokens in (person.tokens, second):
        token = tokens["refresh_token"]
        assert digest_sha256(sql_stack, token).hex() in dump
        assert token not in dump and token.encode().hex() not in dump
        assert tokens["access_token"].lower() not in dump
    assert person.password.lower() not in dump
    assert dump.count("$2b$04$") >= 1  # BCRYPT_COST of the tests


def test_passwords_are_hashed_with_salts_of_their_own(accounts, sql_database):
    password = vault.password()
    people = [accounts.register(password=password) for _ in range(2)]
    hashes = sql_database.run("SELECT password_hash FROM accounts WHERE id IN "
                              f"({people[0].id}, {people[1].id})")
    assert len(set(hashes)) == 2
