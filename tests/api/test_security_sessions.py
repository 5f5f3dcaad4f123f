"""Attacks on sessions with copied, kept or left-over tokens, on both engines.

Vera owns an account. Mallory has copied one of her tokens, or keeps his own after his rights
were revoked. Ilja is the administrator who reacts.
"""

import threading

import jwt
import pytest
from stack.directory import LOGIN_SETTINGS

from support import contract, metrics, vault
from support.accounts import RENEWED_KEYS
from support.client import Client, user_path
from support.logs import Audit, lines
from support.people import People, tag
from support.ldap_admin import rdn
from support.waiting import wait_until

FRESH_S = 2  # SESSION_FRESH_S


@pytest.fixture
def vera(accounts):
    return accounts.register()


@pytest.fixture
def ilja(sql_anonymous, sql_stack):
    """Logs the local administrator in."""
    return sql_anonymous.login(*sql_stack.administrator)


@pytest.fixture(scope="module")
def sql_people(sql_api, ldap_admin):
    return People(sql_api, ldap_admin, ldap_admin.add_ou(tag()))


def refresh(anonymous, token):
    return anonymous.post("/auth/refresh", json={"refresh_token": token})


def session_of(tokens):
    return jwt.decode(tokens["access_token"], options={"verify_signature": False})["sid"]


def session_state(database, tokens):
    """Returns (True if the session has ended, number of live refresh tokens) from the database. The
    purge may delete an ended session at any moment."""
    octets = database.bytes_literal(bytes.fromhex(session_of(tokens)))
    [(alive,)] = database.run("SELECT count(*) FROM sessions WHERE ended_at IS NULL "
                              f"AND id = {octets}")
    [(live,)] = database.run("SELECT count(*) FROM refresh_tokens WHERE replaced_at IS NULL "
                             f"AND session_id = {octets}")
    return alive == "0", int(live)


def assert_session_ended(anonymous, tokens):
    """Asserts that every token of the session is refused, on several routes and by several
    workers."""
    client = anonymous.bearing(tokens["access_token"])
    for _ in range(4):
        for path in ("/auth/me", "/users?limit=1", "/files?limit=1", "/tokens?limit=1"):
            contract.check_error(client.get(path), 401, "INVALID_TOKEN")
    contract.check_error(client.post("/auth/refresh"), 401, "INVALID_TOKEN")
    if "refresh_token" in tokens:
        contract.check_error(refresh(anonymous, tokens["refresh_token"]), 401, "INVALID_TOKEN")


# --- end of a session -----------------------------------------------------------------------------

def test_administrator_logout_revokes_access_token_at_once(sql_anonymous, sql_database, ilja):
    """Mallory has copied the access token of the administrator, who then logs out."""
    mallory = sql_anonymous.bearing(ilja["access_token"])
    for _ in range(8):  # reaches every worker while the session is alive
        assert mallory.get("/auth/me").status_code == 200
        assert mallory.get("/users?limit=1").status_code == 200
    assert sql_anonymous.bearing(ilja["access_token"]).post("/auth/logout").status_code == 204
    assert_session_ended(sql_anonymous, ilja)
    assert session_state(sql_database, ilja)[0]


def test_directory_user_logout_revokes_access_token_at_once(sql_anonymous, sql_people):
    user = sql_people.create()
    tokens = sql_anonymous.login(user["sAMAccountName"], user["password"])
    mallory = sql_anonymous.bearing(tokens["access_token"])
    for _ in range(8):
        assert mallory.get("/auth/me").status_code == 200
    assert mallory.post("/auth/logout").status_code == 204
    assert_session_ended(sql_anonymous, tokens)


def test_logout_during_requests_ends_session(sql_stack, sql_anonymous, ilja):
    """A worker that read the session before its end must not keep it alive in its cache."""
    stop, late = threading.Event(), []

    def ask():
        client = Client(sql_anonymous.base_url, sql_stack.ca_file, ilja["access_token"])
        while not stop.is_set():
            over = ended.is_set()
            if client.get("/auth/me").status_code == 200 and over:
                late.append(over)

    ended = threading.Event()
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert sql_anonymous.bearing(ilja["access_token"]).post("/auth/logout").status_code == 204
    ended.set()
    assert_session_ended(sql_anonymous, ilja)
    stop.set()
    for thread in threads:
        thread.join()
    assert not late


def test_session_ended_on_other_host_is_refused_within_seconds(sql_anonymous, sql_database, ilja):
    """Simulates a logout on another host, which cannot notify through shared memory."""
    mallory = sql_anonymous.bearing(ilja["access_token"])
    assert mallory.get("/auth/me").status_code == 200
    octets = sql_database.bytes_literal(bytes.fromhex(session_of(ilja)))
    sql_database.run(f"UPDATE sessions SET ended_at = 1 WHERE id = {octets}")
    wait_until(lambda: mallory.get("/auth/me").status_code == 401, 5 * FRESH_S,
               "the token to be refused")
    assert_session_ended(sql_anonymous, ilja)


# --- changes of a directory user ------------------------------------------------------------------

def reset_by_kontora(people, ldap_admin, user):
    people.change(user["sAMAccountName"], password=vault.password())


def disable_by_kontora(people, ldap_admin, user):
    people.change(user["sAMAccountName"], enabled=False)


def delete_by_kontora(people, ldap_admin, user):
    response = people.api.delete(user_path(user["sAMAccountName"]))
    assert response.status_code == 204


@pytest.mark.parametrize("act", [reset_by_kontora, disable_by_kontora, delete_by_kontora])
def test_change_of_user_by_kontora_ends_sessions_of_user_at_once(sql_anonymous, sql_people,
                                                                 sql_database, ldap_admin, act):
    """Ilja resets Mallory's password, disables or deletes him; all of Mallory's tokens must be
    refused."""
    mallory = sql_people.create()
    tokens = sql_anonymous.login(mallory["sAMAccountName"], mallory["password"])
    assert sql_anonymous.bearing(tokens["access_token"]).get("/auth/me").status_code == 200
    act(sql_people, ldap_admin, mallory)
    assert_session_ended(sql_anonymous, tokens)
    assert session_state(sql_database, tokens)[0]


def reset_elsewhere(ldap_admin, user):
    password = f'"{vault.password()}"'.encode("utf-16-le")
    ldap_admin.set(user["dn"], "unicodePwd", password)


def disable_elsewhere(ldap_admin, user):
    ldap_admin.set(user["dn"], "userAccountControl", "514")


def delete_elsewhere(ldap_admin, user):
    ldap_admin.delete(user["dn"])


def expire_elsewhere(ldap_admin, user):
    ldap_admin.set(user["dn"], "accountExpires", "132000000000000000")


@pytest.mark.parametrize("act", [reset_elsewhere, disable_elsewhere, delete_elsewhere,
                                 expire_elsewhere])
def test_change_of_user_by_other_ldap_client_ends_sessions_of_user(sql_anonymous, sql_people,
                                                                   sql_database, ldap_admin, act):
    """Changes made without Kontora: routes that do not read the directory must refuse the tokens
    as well."""
    mallory = sql_people.create()
    tokens = sql_anonymous.login(mallory["sAMAccountName"], mallory["password"])
    client = sql_anonymous.bearing(tokens["access_token"])
    assert client.get("/auth/me").status_code == 200
    act(ldap_admin, mallory)
    # this route reads the directory
    contract.check_error(client.get("/users?limit=1"), 401, "INVALID_TOKEN")
    wait_until(lambda: client.get("/auth/me").status_code == 401, 25,
               "the housekeeper to end the session")
    wait_until(lambda: session_state(sql_database, tokens)[0],
               what="the session to end in the database")
    assert_session_ended(sql_anonymous, tokens)


def test_user_removed_from_admin_group_loses_session(sql_anonymous, sql_people, ldap_admin):
    group = f"{rdn(LOGIN_SETTINGS['LDAP_ADMIN_GROUP'])},OU=Groups,{ldap_admin.base_dn}"
    mallory = sql_people.create()
    ldap_admin.add_member(group, mallory["dn"])
    tokens = sql_anonymous.login(mallory["sAMAccountName"], mallory["password"])
    client = sql_anonymous.bearing(tokens["access_token"])
    assert "directory:write" in client.get("/auth/me").json()["permissions"]
    ldap_admin.remove_member(group, mallory["dn"])
    contract.check_error(client.patch(user_path(mallory["sAMAccountName"]), json={"title": "x"}),
                         401,
                         "INVALID_TOKEN")
    wait_until(lambda: client.get("/auth/me").status_code == 401, 25,
               "the housekeeper to end the session")
    assert_session_ended(sql_anonymous, tokens)
    again = sql_anonymous.login(mallory["sAMAccountName"], mallory["password"])
    me = sql_anonymous.bearing(again["access_token"]).get("/auth/me").json()
    assert me["permissions"] == ["directory:read"]


# --- a copied access token ------------------------------------------------------------------------

def test_access_token_cannot_obtain_refresh_token(sql_anonymous, sql_database, vera):
    """Mallory can renew his copy, but it stays in Vera's session and ends with it."""
    mallory = vera.client
    for _ in range(3):
        response = mallory.post("/auth/refresh")
        assert response.status_code == 200 and set(response.json()) == RENEWED_KEYS
        assert session_of(response.json()) == session_of(vera.tokens)
        mallory = sql_anonymous.bearing(response.json()["access_token"])
    assert session_state(sql_database, vera.tokens) == (False, 1)
    assert vera.client.post("/auth/logout").status_code == 204
    contract.check_error(mallory.get("/auth/me"), 401, "INVALID_TOKEN")
    contract.check_error(mallory.post("/auth/refresh"), 401, "INVALID_TOKEN")


def test_password_change_revokes_token_copied_by_attacker(sql_anonymous, sql_database, vera):
    """Mallory's copy belongs to the session in which Vera changes her password."""
    mallory = vera.client.post("/auth/refresh").json()
    response = vera.client.post("/auth/change-password", json={
        "current_password": vera.password, "new_password": vault.password()})
    assert (response.status_code, response.content) == (204, b"")
    for tokens in (mallory, vera.tokens):
        client = sql_anonymous.bearing(tokens["access_token"])
        for path in ("/auth/me", "/contacts?limit=1", "/organizations?limit=1"):
            contract.check_error(client.get(path), 401, "INVALID_TOKEN")
        contract.check_error(client.post("/auth/refresh"), 401, "INVALID_TOKEN")
    contract.check_error(refresh(sql_anonymous, vera.tokens["refresh_token"]), 401, "INVALID_TOKEN")
    assert session_state(sql_database, vera.tokens)[0]


# --- a copied refresh token -----------------------------------------------------------------------

def test_concurrent_refreshes_leave_one_valid_refresh_token(sql_stack, sql_anonymous, sql_database,
                                                            vera):
    answers = []
    clients = [Client(sql_anonymous.base_url, sql_stack.ca_file) for _ in range(6)]
    threads = [threading.Thread(target=lambda client=client: answers.append(
        refresh(client, vera.tokens["refresh_token"]))) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in answers] == 6 * [200]
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1
    assert session_state(sql_database, vera.tokens) == (False, 1)


def reuse_count(stack, anonymous):
    """Returns kontora_refresh_reuse_total."""
    return metrics.values(anonymous.at(stack.https_url))["kontora_refresh_reuse_total",]


def test_reuse_of_refresh_token_is_audited_logged_and_counted(sql_stack, sql_anonymous, vera):
    """Mallory uses a copy of a token that Vera has replaced twice."""
    before = reuse_count(sql_stack, sql_anonymous)
    second = refresh(sql_anonymous, vera.tokens["refresh_token"])
    third = refresh(sql_anonymous, second.json()["refresh_token"])
    audit = Audit(sql_stack.audit_log)
    line = audit.one_of(third)
    assert (line["action"], line["status"], line["actor"]) == ("refresh", "success", vera.email)
    stolen = refresh(sql_anonymous, vera.tokens["refresh_token"])
    contract.check_error(stolen, 401, "INVALID_TOKEN")
    line = audit.one_of(stolen)
    assert (line["action"], line["resource_type"], line["status"]) == (
        "refresh", "session", "failure")
    assert line["details"]["actor_id"] == f"account:{vera.id}"
    assert "used again" in line["details"]["reason"]
    session = session_of(vera.tokens)
    warnings = [entry for entry in lines(sql_stack.logs_dir / "kontora.log")
                if session in entry["message"] and "used again" in entry["message"]]
    assert [entry["level"] for entry in warnings] == ["warning"]
    assert reuse_count(sql_stack, sql_anonymous) == before + 1
    assert_tokens_refused(sql_anonymous, third.json())


def assert_tokens_refused(anonymous, tokens):
    client = anonymous.bearing(tokens["access_token"])
    contract.check_error(client.get("/auth/me"), 401, "INVALID_TOKEN")
    contract.check_error(refresh(anonymous, tokens["refresh_token"]), 401, "INVALID_TOKEN")


def test_unknown_refresh_token_is_audited_but_not_counted_as_reuse(sql_stack, sql_anonymous):
    before = reuse_count(sql_stack, sql_anonymous)
    response = refresh(sql_anonymous, "0" * 64)
    contract.check_error(response, 401, "INVALID_TOKEN")
    line = Audit(sql_stack.audit_log).one_of(response)
    assert (line["action"], line["actor"], line["status"]) == ("refresh", None, "failure")
    assert "0" * 64 not in str(line)
    assert reuse_count(sql_stack, sql_anonymous) == before
