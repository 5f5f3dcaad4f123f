"""Sessions: refresh token rotation, and the events that end a session, on both engines."""

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


def refresh(anonymous, token):
    return anonymous.post("/auth/refresh", json={"refresh_token": token})


def must_refresh(anonymous, token):
    """Refreshes, which must succeed; returns the new tokens."""
    response = refresh(anonymous, token)
    assert response.status_code == 200, response.text
    assert response.headers["Cache-Control"] == "no-store"
    assert set(response.json()) == TOKENS_KEYS
    return response.json()


def assert_tokens_refused(anonymous, *all_tokens):
    """Asserts that every token is refused."""
    for tokens in all_tokens:
        contract.check_error(refresh(anonymous, tokens["refresh_token"]), 401, "INVALID_TOKEN")
        client = anonymous.bearing(tokens["access_token"])
        contract.check_error(client.get("/auth/me"), 401, "INVALID_TOKEN")
        contract.check_error(client.post("/auth/refresh"), 401, "INVALID_TOKEN")


def assert_tokens_work(anonymous, tokens):
    assert anonymous.bearing(tokens["access_token"]).get("/auth/me").status_code == 200
    return must_refresh(anonymous, tokens["refresh_token"])


def digest_sha256(stack, token):
    return hmac.digest(stack.env["JWT_SECRET_KEY"].encode(), token.encode(), "sha256")


@pytest.fixture
def token_condition(sql_stack, sql_database):
    """Returns a function that returns the SQL condition of a refresh token."""
    return lambda token: f"digest = {sql_database.bytes_literal(digest_sha256(sql_stack, token))}"


@pytest.fixture
def backdate(sql_database, token_condition):
    """Returns a function that moves the replacement of a refresh token into the past."""
    def act(token, milliseconds):
        rows = sql_database.run("UPDATE refresh_tokens SET replaced_at = replaced_at - "
                                f"{milliseconds} WHERE {token_condition(token)} "
                                "RETURNING replaced_at")
        assert len(rows) == 1 and rows[0][0].isdigit(), rows
    return act


def live_tokens(database, session):
    """Returns the digests of the refresh tokens of a session that have not been replaced."""
    octets = database.bytes_literal(bytes.fromhex(session))
    return database.run("SELECT digest FROM refresh_tokens WHERE replaced_at IS NULL "
                        f"AND session_id = {octets}")


def session_of(tokens):
    return jwt.decode(tokens["access_token"], options={"verify_signature": False})["sid"]


# --- refresh --------------------------------------------------------------------------------------

def test_each_refresh_returns_new_refresh_token(sql_anonymous, person):
    tokens, seen = person.tokens, {person.tokens["refresh_token"]}
    for _ in range(4):
        tokens = must_refresh(sql_anonymous, tokens["refresh_token"])
        assert tokens["refresh_token"] not in seen
        seen.add(tokens["refresh_token"])
        me = sql_anonymous.bearing(tokens["access_token"]).get("/auth/me").json()
        assert me["account_id"] == person.id


def test_refreshed_tokens_belong_to_same_session(sql_anonymous, person):
    by_token = must_refresh(sql_anonymous, person.tokens["refresh_token"])
    by_bearer = person.client.post("/auth/refresh").json()
    assert session_of(person.tokens) == session_of(by_token) == session_of(by_bearer)
    assert session_of(sql_anonymous.login(person.email,
                                          person.password)) != session_of(person.tokens)


def test_repeated_refresh_returns_same_new_refresh_token(sql_anonymous, sql_database, person,
                                                         backdate):
    """Two browser tabs may send the same refresh token, or a client may repeat it after a lost
    response."""
    first = person.tokens["refresh_token"]
    second = must_refresh(sql_anonymous, first)
    backdate(first, WITHIN_GRACE_MS)
    third = must_refresh(sql_anonymous, first)
    assert second["refresh_token"] == third["refresh_token"]
    assert len(live_tokens(sql_database, session_of(second))) == 1
    assert_tokens_work(sql_anonymous, third)


def test_reuse_of_refresh_token_before_last_one_ends_session(sql_anonymous, person):
    first = person.tokens["refresh_token"]
    second = must_refresh(sql_anonymous, first)
    third = must_refresh(sql_anonymous, second["refresh_token"])
    contract.check_error(refresh(sql_anonymous, first), 401, "INVALID_TOKEN")
    assert_tokens_refused(sql_anonymous, person.tokens, second, third)


def test_reuse_of_refresh_token_after_grace_period_ends_session(accounts, sql_anonymous, person,
                                                                backdate):
    other = accounts.log_in(person)
    first = person.tokens["refresh_token"]
    second = must_refresh(sql_anonymous, first)
    third = must_refresh(sql_anonymous, second["refresh_token"])
    backdate(first, AFTER_GRACE_MS)
    contract.check_error(refresh(sql_anonymous, first), 401, "INVALID_TOKEN")
    assert_tokens_refused(sql_anonymous, person.tokens, second, third)
    assert_tokens_work(sql_anonymous, other)


def test_repeated_refresh_does_not_extend_grace_period_of_refresh_token(sql_anonymous, person,
                                                                        backdate):
    first = person.tokens["refresh_token"]
    must_refresh(sql_anonymous, first)
    backdate(first, WITHIN_GRACE_MS)
    must_refresh(sql_anonymous, first)
    backdate(first, AFTER_GRACE_MS - WITHIN_GRACE_MS)
    contract.check_error(refresh(sql_anonymous, first), 401, "INVALID_TOKEN")


def test_simultaneous_refreshes_get_same_new_refresh_token(sql_stack, sql_anonymous, sql_database,
                                                           person):
    answers = []
    clients = [Client(sql_anonymous.base_url, sql_stack.ca_file) for _ in range(6)]
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
        client = sql_anonymous.bearing(answer.json()["access_token"])
        assert client.get("/auth/me").status_code == 200
    assert_tokens_work(sql_anonymous, answers[0].json())


def test_expired_refresh_token_is_refused(sql_anonymous, sql_database, person, token_condition):
    token = person.tokens["refresh_token"]
    sql_database.run(f"UPDATE refresh_tokens SET expires_at = 1 WHERE {token_condition(token)}")
    contract.check_error(refresh(sql_anonymous, token), 401, "TOKEN_EXPIRED")


def test_refresh_token_lifetime_is_configurable(sql_database, person, token_condition):
    token = person.tokens["refresh_token"]
    [(lifetime,)] = sql_database.run(
        f"SELECT expires_at - issued_at FROM refresh_tokens WHERE {token_condition(token)}")
    assert int(lifetime) == 720 * 3600 * 1000  # REFRESH_EXPIRATION_HOURS


@pytest.mark.parametrize("body", [None, {}])
def test_session_can_be_refreshed_by_access_token_alone(sql_anonymous, sql_database, person, body):
    response = person.client.post("/auth/refresh", json=body)
    assert response.status_code == 200
    assert set(response.json()) == RENEWED_KEYS
    renewed = sql_anonymous.bearing(response.json()["access_token"])
    assert renewed.get("/auth/me").status_code == 200
    assert len(live_tokens(sql_database, session_of(person.tokens))) == 1
    assert_tokens_work(sql_anonymous, person.tokens)


def set_session_end(database, tokens, milliseconds_from_now):
    """Sets the absolute expiry of a session."""
    octets = database.bytes_literal(bytes.fromhex(session_of(tokens)))
    end = int(time.time() * 1000) + milliseconds_from_now
    database.run(f"UPDATE sessions SET expires_at = {end} WHERE id = {octets}")


def test_access_and_refresh_tokens_expire_with_their_session(sql_anonymous, sql_database, person,
                                                             token_condition):
    set_session_end(sql_database, person.tokens, 60_000)
    renewed = person.client.post("/auth/refresh").json()
    assert 0 < renewed["expires_in"] <= 60
    refreshed = must_refresh(sql_anonymous, person.tokens["refresh_token"])
    assert 0 < refreshed["expires_in"] <= 60
    [(lifetime,)] = sql_database.run("SELECT expires_at - issued_at FROM refresh_tokens "
                                     f"WHERE {token_condition(refreshed['refresh_token'])}")
    assert 0 < int(lifetime) <= 60_000


def test_session_expires_at_its_maximum_lifetime_despite_refreshes(sql_anonymous, sql_database,
                                                                   person):
    set_session_end(sql_database, person.tokens, -1)
    contract.check_error(refresh(sql_anonymous, person.tokens["refresh_token"]), 401,
                         "TOKEN_EXPIRED")
    contract.check_error(person.client.get("/auth/me"), 401, "INVALID_TOKEN")
    contract.check_error(person.client.post("/auth/refresh"), 401, "INVALID_TOKEN")


def test_local_administrator_can_refresh_and_log_out(sql_anonymous, sql_stack):
    tokens = sql_anonymous.login(*sql_stack.administrator)
    second = must_refresh(sql_anonymous, tokens["refresh_token"])
    client = sql_anonymous.bearing(second["access_token"])
    assert client.post("/auth/logout").status_code == 204
    assert_tokens_refused(sql_anonymous, tokens, second)


def test_tokens_of_deleted_account_are_refused(sql_anonymous, sql_database, person):
    sql_database.run(f"DELETE FROM members WHERE account_id = {person.id}")
    sql_database.run(f"DELETE FROM accounts WHERE id = {person.id}")
    assert_tokens_refused(sql_anonymous, person.tokens)


@pytest.mark.parametrize("sid", [None, "", "0" * 32, "x" * 32, "0" * 31, 7])
def test_token_with_unknown_session_is_refused(sql_stack, sql_anonymous, person, sid):
    claims = jwt.decode(person.tokens["access_token"], options={"verify_signature": False})
    token = jwt.encode({**claims, "sid": sid}, sql_stack.env["JWT_SECRET_KEY"], "HS256")
    vault.remember(token)
    client = sql_anonymous.bearing(token)
    contract.check_error(client.get("/auth/me"), 401, "INVALID_TOKEN")
    contract.check_error(client.post("/auth/refresh"), 401, "INVALID_TOKEN")


def test_token_with_session_of_other_account_is_refused(accounts, sql_stack, sql_anonymous, person):
    """The account of the token must be the account of its session."""
    other = accounts.register()
    claims = jwt.decode(person.tokens["access_token"], options={"verify_signature": False})
    token = jwt.encode({**claims, "sub": f"account:{other.id}"}, sql_stack.env["JWT_SECRET_KEY"],
                       "HS256")
    vault.remember(token)
    contract.check_error(sql_anonymous.bearing(token).get("/auth/me"), 401, "INVALID_TOKEN")


# --- logout ---------------------------------------------------------------------------------------

def test_logout_ends_only_session_of_its_token(accounts, sql_anonymous, person):
    other = accounts.log_in(person)
    second = must_refresh(sql_anonymous, person.tokens["refresh_token"])
    response = sql_anonymous.bearing(second["access_token"]).post("/auth/logout")
    assert (response.status_code, response.content) == (204, b"")
    assert_tokens_refused(sql_anonymous, person.tokens, second)
    assert_tokens_work(sql_anonymous, other)


def test_second_logout_of_session_is_refused(person):
    assert person.client.post("/auth/logout").status_code == 204
    contract.check_error(person.client.post("/auth/logout"), 401, "INVALID_TOKEN")


def test_logout_without_token_is_unauthorized(sql_anonymous):
    contract.check_error(sql_anonymous.post("/auth/logout"), 401, "UNAUTHORIZED")


# --- change of password ---------------------------------------------------------------------------

def change_password(client, current, new):
    return client.post("/auth/change-password",
                       json={"current_password": current, "new_password": new})


def test_password_change_ends_all_sessions_of_account(accounts, sql_anonymous, person):
    bystander = accounts.register()
    others, new = [accounts.log_in(person) for _ in range(2)], vault.password()
    response = change_password(person.client, person.password, new)
    assert (response.status_code, response.content) == (204, b"")
    assert_tokens_refused(sql_anonymous, person.tokens, *others)
    assert_tokens_work(sql_anonymous, bystander.tokens)
    body = {"email": person.email, "password": person.password}
    contract.check_error(sql_anonymous.post("/auth/login", json=body), 401, "INVALID_CREDENTIALS")
    assert sql_anonymous.login(person.email, new)


def test_password_change_with_wrong_current_password_is_rejected(accounts, sql_anonymous, person):
    other = accounts.log_in(person)
    response = change_password(person.client, vault.password(), vault.password())
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == ["current_password"]
    assert_tokens_work(sql_anonymous, other)
    assert sql_anonymous.login(person.email, person.password)


@pytest.mark.parametrize("body, fields", [
    ({}, ["current_password", "new_password"]),
    ({"current_password": "x"}, ["new_password"]),
    ({"current_password": "", "new_password": "1234567"}, ["current_password", "new_password"]),
    ({"current_password": "x", "new_password": "п" * 37}, ["new_password"]),
    ({"current_password": "x", "new_password": "12345678", "id": 1}, ["id"]),
])
def test_password_change_error_names_every_invalid_field(person, body, fields):
    response = person.client.post("/auth/change-password", json=body)
    assert sorted(contract.check_error(response, 400, "VALIDATION_ERROR")) == sorted(fields)


def test_only_local_accounts_can_change_password_in_kontora(sql_api, sql_stack, sql_anonymous,
                                                            directory):
    tokens = sql_anonymous.login("j.mueller", directory.sample_password)
    person = sql_anonymous.bearing(tokens["access_token"])
    for client, password in ((sql_api, sql_stack.administrator[1]),
                             (person, directory.sample_password)):
        contract.check_error(change_password(client, password, vault.password()), 403, "FORBIDDEN")


# --- storage --------------------------------------------------------------------------------------

def test_database_contains_only_digests_of_tokens_and_passwords(sql_anonymous, sql_database,
                                                                sql_stack, person):
    second = must_refresh(sql_anonymous, person.tokens["refresh_token"])
    dump = sql_database.dump()
    for tokens in (person.tokens, second):
        token = tokens["refresh_token"]
        assert digest_sha256(sql_stack, token).hex() in dump
        assert token not in dump and token.encode().hex() not in dump
        assert tokens["access_token"].lower() not in dump
    assert person.password.lower() not in dump
    assert dump.count("$2b$04$") >= 1  # BCRYPT_COST of the tests


def test_equal_passwords_of_accounts_have_different_hashes(accounts, sql_database):
    password = vault.password()
    people = [accounts.register(password=password) for _ in range(2)]
    hashes = sql_database.run("SELECT password_hash FROM accounts WHERE id IN "
                              f"({people[0].id}, {people[1].id})")
    assert len(set(hashes)) == 2
