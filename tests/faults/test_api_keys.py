"""API keys during outages, after killed processes and changes of settings."""

import os
import signal
import time

import pytest
from stack.directory import LOGIN_SETTINGS, SAMPLE_PERSON

from support import contract, keys, vault
from support.accounts import Accounts
from support.waiting import wait_until

DAY_MS = 24 * 3600 * 1000


@pytest.fixture
def person(request):
    """Registers an account on a stack of the test."""
    return lambda rig: Accounts(rig.anonymous()).register()


def last_use(rig, key):
    return rig.database.run(f"SELECT last_used_at FROM api_keys WHERE id = {key}") not in (
        [("None",)], [("",)])


def wait_for(client, path, status, method="get"):
    """Waits until the workers with the old settings have exited."""
    wait_until(lambda: getattr(client, method)(path).status_code == status,
               what=f"status {status} of {path}")


# --- outages --------------------------------------------------------------------------------------

def test_malformed_key_is_refused_without_the_database(make_rig, postgres, person):
    rig = make_rig(database=postgres, DATABASE_TIMEOUT_MS=1000)
    owner = person(rig)
    made = keys.create(owner.client, ["contacts:read"])
    client = owner.client.bearing(made["secret"])
    assert client.get("/contacts").status_code == 200
    postgres.stop()
    try:
        wait_until(lambda: client.get("/contacts").status_code == 503, what="the outage")
        contract.check_error(client.get("/contacts"), 503, "DATABASE_UNAVAILABLE")
        for secret in (made["secret"][:-1] + ("x" if made["secret"][-1] != "x" else "y"),
                       "kontora_x"):
            contract.check_error(owner.client.bearing(secret).get("/contacts"), 401,
                                 "INVALID_TOKEN")
    finally:
        postgres.start()
    wait_until(lambda: client.get("/contacts").status_code == 200, what="the key to work again")


def test_key_of_a_directory_user_needs_the_directory(make_rig, breakable_directory):
    """Without it, the service cannot know whether the user was disabled meanwhile."""
    rig = make_rig(breakable_directory, **LOGIN_SETTINGS, LDAP_LOGIN_CACHE_S=0,
                   LDAP_TIMEOUT_MS=1000, LDAP_CONNECT_TIMEOUT_MS=1000)
    rig.wait_for_directory()
    tokens = rig.anonymous().login(SAMPLE_PERSON, breakable_directory.sample_password)
    session = rig.anonymous().bearing(tokens["access_token"])
    key = keys.client_of(session, keys.SCOPES)
    local = keys.client_of(rig.api, keys.SCOPES)
    assert key.get("/auth/me").status_code == key.get("/users?limit=1").status_code == 200
    breakable_directory.stop()
    rig.wait_for_directory("down")
    for path in ("/auth/me", "/users?limit=1", "/files"):
        contract.check_error(key.get(path), 503, "DIRECTORY_UNAVAILABLE")
    assert session.get("/auth/me").status_code == local.get("/auth/me").status_code == 200


def test_key_without_login_of_directory_users_is_invalid(make_rig, directory):
    rig = make_rig(directory, **LOGIN_SETTINGS)
    rig.wait_for_directory()
    tokens = rig.anonymous().login(SAMPLE_PERSON, directory.sample_password)
    key = keys.client_of(rig.anonymous().bearing(tokens["access_token"]), keys.SCOPES)
    assert key.get("/auth/me").status_code == 200
    rig.set(LDAP_LOGIN="false")
    rig.reload()
    wait_for(key, "/auth/me", 401)


# --- killed processes -----------------------------------------------------------------------------

def test_last_use_survives_killed_processes(make_sql_rig, person):
    """The use is in shared memory, so it survives killed workers and a killed housekeeper."""
    rig = make_sql_rig()
    owner = person(rig)
    made = [keys.create(owner.client, ["contacts:read"]) for _ in range(20)]
    for key in made:
        assert owner.client.bearing(key["secret"]).get("/contacts").status_code == 200
    for worker in rig.service.workers("core") + rig.service.workers("housekeeper"):
        os.kill(worker, signal.SIGKILL)
    wait_until(lambda: all(last_use(rig, key["id"]) for key in made),
               what="the last uses to be written")


def test_last_use_is_written_when_the_service_stops(make_sql_rig, person):
    rig = make_sql_rig()
    owner = person(rig)
    made = keys.create(owner.client, ["contacts:read"])
    assert owner.client.bearing(made["secret"]).get("/contacts").status_code == 200
    rig.service.stop()
    assert last_use(rig, made["id"])


# --- settings -------------------------------------------------------------------------------------

def test_key_stays_valid_when_jwt_secret_key_changes(make_sql_rig, person):
    rig = make_sql_rig()
    owner = person(rig)
    client = keys.client_of(owner.client, ["contacts:read"])
    secret = vault.password() * 3
    vault.remember(secret)
    rig.restart(JWT_SECRET_KEY=secret)
    contract.check_error(owner.client.get("/contacts"), 401, "INVALID_TOKEN")
    assert client.get("/contacts").status_code == 200


def test_keys_of_the_local_administrator_follow_the_settings(make_sql_rig):
    rig = make_sql_rig()
    client = keys.client_of(rig.api, ["profile:read"])
    rig.set(LOCAL_AUTH_NETWORKS="192.0.2.0/24")
    rig.reload()
    wait_for(client, "/auth/me", 401)
    rig.set(LOCAL_AUTH_NETWORKS="127.0.0.0/8")
    rig.reload()
    wait_for(client, "/auth/me", 200)
    rig.restart(LOCAL_AUTH_PASSWORD=vault.password())
    assert client.get("/auth/me").status_code == 200
    rig.restart(LOCAL_AUTH_USERNAME="root")
    contract.check_error(client.get("/auth/me"), 401, "INVALID_TOKEN")


def test_key_needs_a_scope_to_issue_tokens_if_login_is_required(make_sql_rig, person):
    rig = make_sql_rig(TOKENS_ACCESS="authenticated")
    owner = person(rig)
    reader = keys.client_of(owner.client, ["tokens:read"]).at(rig.stack.https_url)
    writer = keys.client_of(owner.client, ["tokens:write"]).at(rig.stack.https_url)
    contract.check_error(rig.anonymous("").post("/app/token"), 401, "UNAUTHORIZED")
    for response in (reader.post("/app/token"), reader.delete("/app/clear/all/tokens")):
        contract.check_error(response, 403, "FORBIDDEN")
        assert response.json()["details"] == ["tokens:write"]
    token = writer.post("/app/token").json()["token"]
    vault.remember(token)
    assert reader.post("/api/v1/tokens/introspect", json={"token": token}).json()["active"]
    contract.check_error(writer.post("/api/v1/tokens/introspect", json={"token": token}), 403,
                         "FORBIDDEN")
    rig.set(TOKENS_ACCESS="open")
    rig.reload()
    wait_for(reader, "/app/token", 200, "post")  # as anybody may


def test_requests_of_a_key_count_for_its_maker(make_rig, person):
    rig = make_rig(rate_limits=True, RATE_SUBJECT_PER_S=1)
    owner = person(rig)
    made = [keys.create(owner.client, ["contacts:read"])["secret"] for _ in range(2)]
    clients = [owner.client, *(owner.client.bearing(secret) for secret in made)]
    statuses = [client.get("/contacts").status_code for _ in range(20) for client in clients]
    assert statuses.count(429) > 30, statuses


# --- start-up and purge ---------------------------------------------------------------------------

def test_start_warns_of_secrets_older_than_a_year(make_sql_rig, person):
    rig = make_sql_rig()
    owner = person(rig)
    made = [keys.create(owner.client, ["crm"], name=name)["id"]
            for name in ("old", "expired", "rotated", "young")]
    now = int(time.time() * 1000)
    for key, issued, expires in zip(made, (366, 366, 366, 364), ("NULL", "1", "NULL", "NULL"),
                                    strict=True):
        rig.database.run(f"UPDATE api_keys SET created_at = 1, issued_at = {now - issued * DAY_MS},"
                         f" expires_at = {expires} WHERE id = {key}")
    owner.client.post(f"/api-keys/{made[2]}/rotate", json={})
    rig.restart()
    wait_until(lambda: rig.count_log("older than a year"), what="the warning")
    [line] = [line for line in rig.log() if "older than a year" in line["message"]]
    assert line["level"] == "warning" and f'{made[0]} ("old" of ' in line["message"]
    assert "API keys: 1 have" in line["message"]


def test_purge_deletes_keys_90_days_after_their_end(make_sql_rig, person):
    rig = make_sql_rig()
    owner = person(rig)
    made = [keys.create(owner.client, ["crm"])["id"] for _ in range(3)]
    owner.client.post(f"/api-keys/{made[2]}/rotate", json={"overlap_minutes": 0})
    now = int(time.time() * 1000)
    for key, days in zip(made[:2], (91, 89), strict=True):
        rig.database.run(f"UPDATE api_keys SET expires_at = {now - days * DAY_MS} WHERE id = {key}")

    def rows():
        [(found,)] = rig.database.run("SELECT (SELECT count(*) FROM api_keys) * 10"
                                      " + (SELECT count(*) FROM api_key_secrets)")
        return int(found)

    assert rows() in (34, 33)
    rig.restart()
    wait_until(lambda: rows() == 22, what="the key and the secrets to be purged")
    assert made[0] not in keys.listed(owner.client)
