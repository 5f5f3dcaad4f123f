"""Sessions after changes of settings, killed processes, a database outage, or an upgrade.

Mallory holds copies of tokens of the administrator and of Vera, who owns an account.
"""

import os
import random
import signal
import subprocess
import threading

import jwt
import pytest
from stack.directory import LOGIN_SETTINGS

from support import contract, vault
from support.accounts import Accounts, address
from support.files import listed
from support.people import People, tag
from support.waiting import wait_until

EXIT_USAGE = 2
FRESH_S = 2  # SESSION_FRESH_S
COMMANDS = {"action": "end_sessions", "actor": "cli", "resource_type": "session"}


def new_key():
    """Returns a new secret key."""
    return vault.password() * 3


def refresh(anonymous, tokens):
    return anonymous.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]})


def assert_tokens_refused(anonymous, *all_tokens):
    for tokens in all_tokens:
        client = anonymous.bearing(tokens["access_token"])
        contract.check_error(client.get("/auth/me"), 401, "INVALID_TOKEN")
        contract.check_error(client.post("/auth/refresh"), 401, "INVALID_TOKEN")
        contract.check_error(refresh(anonymous, tokens), 401, "INVALID_TOKEN")


def token_works(anonymous, tokens):
    return anonymous.bearing(tokens["access_token"]).get("/auth/me").status_code == 200


def session_of(tokens):
    return jwt.decode(tokens["access_token"], options={"verify_signature": False})["sid"]


def live_sessions(rig, subject):
    """Counts the sessions that have not ended; the purge may delete ended ones at any moment."""
    [(count,)] = rig.database.run("SELECT count(*) FROM sessions WHERE ended_at IS NULL"
                                  f" AND subject = '{subject}'")
    return int(count)


def kontora(rig, *arguments):
    return subprocess.run([rig.stack.binary, *arguments], capture_output=True, text=True,
                          timeout=30, check=False, cwd=rig.stack.state_dir, env=rig.stack.env)


# --- changed settings -----------------------------------------------------------------------------

def test_new_password_of_local_administrator_ends_its_sessions(make_sql_rig):
    """Mallory's tokens were issued for the old password; Vera's session continues."""
    rig = make_sql_rig()
    vera = Accounts(rig.anonymous()).register()
    mallory = rig.anonymous().login(*rig.stack.administrator)
    old = rig.stack.env["LOCAL_AUTH_PASSWORD"]
    rig.restart(LOCAL_AUTH_PASSWORD=vault.password())
    assert_tokens_refused(rig.anonymous(), mallory)
    assert token_works(rig.anonymous(), vera.tokens)
    wait_until(lambda: live_sessions(rig, "local:admin") == 0,
               what="the session to end in the database")
    assert token_works(rig.anonymous(), rig.anonymous().login(*rig.stack.administrator))
    rig.restart(LOCAL_AUTH_PASSWORD=old)  # must not make the old tokens valid again
    assert_tokens_refused(rig.anonymous(), mallory)


def test_new_jwt_key_ends_all_sessions(make_sql_rig):
    rig = make_sql_rig()
    vera = Accounts(rig.anonymous()).register()
    mallory = rig.anonymous().login(*rig.stack.administrator)
    old = rig.stack.env["JWT_SECRET_KEY"]
    rig.restart(JWT_SECRET_KEY=new_key())
    assert_tokens_refused(rig.anonymous(), mallory, vera.tokens)
    wait_until(lambda: rig.database.run("SELECT count(*) FROM sessions WHERE ended_at IS NULL")
               == [("0",)], what="the sessions to end in the database")
    rig.restart(JWT_SECRET_KEY=old)
    assert_tokens_refused(rig.anonymous(), mallory, vera.tokens)


def test_sessions_survive_jwt_key_change_if_previous_key_is_configured(make_sql_rig):
    rig = make_sql_rig()
    old, new = rig.stack.env["JWT_SECRET_KEY"], new_key()
    vera, late = (Accounts(rig.anonymous()).register().tokens for _ in range(2))
    ilja = rig.anonymous().login(*rig.stack.administrator)
    rig.restart(JWT_SECRET_KEY=new, JWT_SECRET_KEY_PREVIOUS=old)
    for tokens in (vera, ilja, late):
        assert token_works(rig.anonymous(), tokens)
    moved = refresh(rig.anonymous(), vera).json()
    renewed = rig.anonymous().bearing(ilja["access_token"]).post("/auth/refresh").json()
    assert refresh(rig.anonymous(), vera).json()["refresh_token"] == moved["refresh_token"]
    for tokens in (moved, renewed):
        assert jwt.decode(tokens["access_token"], new, ["HS256"])
    rig.restart(JWT_SECRET_KEY_PREVIOUS="")
    assert token_works(rig.anonymous(), moved) and token_works(rig.anonymous(), renewed)
    assert refresh(rig.anonymous(), moved).status_code == 200
    assert_tokens_refused(rig.anonymous(), late)


def test_previous_jwt_key_must_be_strong_in_production(make_rig):
    rig = make_rig()
    for name, previous, complaint in (("production", "short", "JWT_SECRET_KEY_PREVIOUS"),
                                      ("production", "", ""), ("development", "short", "")):
        done = subprocess.run([rig.stack.binary, "config", "--check"], capture_output=True,
                              text=True, check=False, cwd=rig.folder, timeout=30, env={
                                  **rig.stack.env, "ENVIRONMENT": name,
                                  "JWT_SECRET_KEY_PREVIOUS": previous})
        assert complaint in done.stderr
        assert complaint or "JWT_SECRET_KEY_PREVIOUS" not in done.stderr
        assert previous == "" or previous not in done.stderr


# --- killed processes -----------------------------------------------------------------------------

def test_refresh_lost_by_killed_worker_can_be_repeated(make_sql_rig):
    """A worker is killed between the commit of a refresh and its response; the client repeats
    the request and gets the same successor."""
    rig = make_sql_rig()
    tokens = Accounts(rig.anonymous()).register().tokens
    dice = random.Random(7)
    for _ in range(5):
        killer = threading.Timer(dice.uniform(0, 0.02), kill_workers, [rig])
        killer.start()
        answer = wait_until(lambda: refresh_answered(rig, tokens), 30, "a response of the service")
        killer.join()
        assert answer.status_code == 200, answer.text
        again = wait_until(lambda: refresh_answered(rig, tokens), 30, "a response of the service")
        assert again.json()["refresh_token"] == answer.json()["refresh_token"]
        tokens = again.json()
    octets = rig.database.bytes_literal(bytes.fromhex(session_of(tokens)))
    assert rig.database.run("SELECT count(*) FROM refresh_tokens WHERE replaced_at IS NULL "
                            f"AND session_id = {octets}") == [("1",)]


def kill_workers(rig):
    for pid in rig.service.workers("auth"):
        ignore_missing_process(os.kill, pid, signal.SIGKILL)


def ignore_missing_process(act, *arguments):
    try:
        act(*arguments)
    except ProcessLookupError:
        pass


def refresh_answered(rig, tokens):
    """Returns the response of the service, or None if nginx sent an error."""
    response = refresh(rig.anonymous(), tokens)
    return None if response.status_code in (500, 502, 503, 504) else response


def test_ended_sessions_stay_ended_after_workers_are_killed(make_sql_rig):
    """Shared memory has no locks that a killed worker could hold, and the end of a session is in
    the database."""
    rig = make_sql_rig()
    for _ in range(3):
        mallory = rig.anonymous().login(*rig.stack.administrator)
        assert token_works(rig.anonymous(), mallory)
        client = rig.anonymous().bearing(mallory["access_token"])
        assert client.post("/auth/logout").status_code == 204
        before = set(rig.service.workers())
        for pid in before:
            ignore_missing_process(os.kill, pid, signal.SIGKILL)
        wait_until(lambda: before.isdisjoint(rig.service.workers())
                   and len(rig.service.workers()) >= len(before), 20, "the workers to be restarted")
        assert_tokens_refused(rig.anonymous(), mallory)


# --- database failures ----------------------------------------------------------------------------

def break_session_ends(rig, guid):
    """Makes the database refuse changes of one user's sessions; returns a function that reverts
    this."""
    database, condition = rig.database, f"OLD.subject = 'directory:{guid}'"
    if "DATABASE_URL" not in rig.stack.env:
        database.run("CREATE TRIGGER broken BEFORE UPDATE ON sessions"
                     f" WHEN {condition} BEGIN SELECT RAISE(ABORT, 'broken'); END")
        return lambda: database.run("DROP TRIGGER broken")
    database.run("CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS"
                 " $$ BEGIN RAISE EXCEPTION 'broken'; END $$")
    database.run("CREATE TRIGGER broken BEFORE UPDATE ON sessions FOR EACH ROW"
                 f" WHEN ({condition}) EXECUTE FUNCTION broken()")
    return lambda: database.run("DROP TRIGGER broken ON sessions")


def test_failed_session_check_of_one_user_does_not_stop_checks_of_others(make_sql_rig, directory,
                                                                         ldap_admin):
    """Mallory is checked after Vera; Mallory's sessions end although Vera's cannot be updated."""
    rig = make_sql_rig(directory, LDAP_LOGIN_CACHE_S=1, **LOGIN_SETTINGS)
    wait_until(lambda: rig.api.get("/users/Administrator").ok, what="the directory to be reachable")
    people = People(rig.api, ldap_admin, ldap_admin.add_ou(tag()))
    owners = {}
    for user in (people.create(), people.create()):
        tokens = rig.anonymous().login(user["sAMAccountName"], user["password"])
        guid = rig.anonymous().bearing(tokens["access_token"]).get("/auth/me").json()["id"]
        owners[guid.removeprefix("directory:")] = user, tokens
    first, last = sorted(owners)
    mend = break_session_ends(rig, first)
    for user, _ in owners.values():
        ldap_admin.set(user["dn"], "userAccountControl", "514")
    wait_until(lambda: live_sessions(rig, f"directory:{last}") == 0, 25,
               "Mallory's session to end")
    assert_tokens_refused(rig.anonymous(), owners[last][1])
    wait_until(lambda: f"cannot check directory:{first}" in str(rig.log()),
               what="a warning in the log")
    assert live_sessions(rig, f"directory:{first}") == 1
    mend()
    wait_until(lambda: live_sessions(rig, f"directory:{first}") == 0, 25, "Vera's session to end")


def test_recently_used_session_works_during_database_outage(make_rig, directory, postgres,
                                                            ldap_admin):
    """A session that was alive on this host is accepted while the database is down, because only
    the database could record its end by another host."""
    rig = make_rig(directory, database=postgres, **LOGIN_SETTINGS)
    wait_until(lambda: rig.api.get("/users/Administrator").ok, what="the directory to be reachable")
    user = People(rig.api, ldap_admin, ldap_admin.add_ou(tag())).create()
    tokens = rig.anonymous().login(user["sAMAccountName"], user["password"])
    client = rig.anonymous().bearing(tokens["access_token"])
    assert client.get("/users?limit=1").status_code == 200
    ended = rig.anonymous().login(*rig.stack.administrator)
    assert rig.anonymous().bearing(ended["access_token"]).post("/auth/logout").status_code == 204
    postgres.stop()
    try:
        end = rig.api.get("/auth/me").elapsed.total_seconds() + 2 * FRESH_S
        for _ in range(int(end * 5)):
            for someone in (client, rig.api):
                response = someone.get("/users?limit=1")
                assert response.status_code == 200, response.text
        wait_until(lambda: rig.api.get("/auth/me").elapsed.total_seconds() < 0.5,
                   what="responses without delay")
        dead = rig.anonymous().bearing(ended["access_token"]).get("/auth/me")
        assert dead.status_code in (401, 503), "the session had ended before the outage"
    finally:
        postgres.start()
    dead = rig.anonymous().bearing(ended["access_token"])
    wait_until(lambda: {dead.get(path).status_code for path in ("/auth/me", "/users?limit=1") * 8}
               == {401}, what="the database to recover")


# --- kontora sessions -----------------------------------------------------------------------------

def test_sessions_command_lists_and_ends_sessions(make_sql_rig):
    rig = make_sql_rig()
    vera, other = (Accounts(rig.anonymous()).register() for _ in range(2))
    further = Accounts(rig.anonymous()).log_in(vera)
    ilja = rig.anonymous().login(*rig.stack.administrator)
    rows = [line.split("\t") for line in kontora(rig, "sessions", "list").stdout.splitlines()]
    assert [row[0] for row in rows] == [session_of(tokens) for tokens in (
        vera.tokens, other.tokens, further, ilja)]
    assert rows[0][1:3] == [f"account:{vera.id}", vera.email]
    assert rows[0][6].startswith("127.") and "python-requests" in rows[0][7]
    assert rows[3][1:3] == [f"local:{rig.stack.administrator[0]}", rig.stack.administrator[0]]
    for name in (vera.email.upper(), f"account:{vera.id}"):
        listed = kontora(rig, "sessions", "list", name).stdout.splitlines()
        assert [line.split("\t")[0] for line in listed] == [session_of(vera.tokens),
                                                            session_of(further)]
    done = kontora(rig, "sessions", "end", session_of(further))
    assert (done.returncode, done.stdout, done.stderr) == (0, "1 ended\n", "")
    assert_tokens_refused(rig.anonymous(), further)
    assert kontora(rig, "sessions", "end", session_of(further)).returncode == os.EX_NOUSER
    assert kontora(rig, "sessions", "end", "--subject", vera.email).stdout == "1 ended\n"
    assert_tokens_refused(rig.anonymous(), vera.tokens)
    assert token_works(rig.anonymous(), other.tokens) and token_works(rig.anonymous(), ilja)
    assert kontora(rig, "sessions", "end", "--all").stdout == "2 ended\n"
    wait_until(lambda: not token_works(rig.anonymous(), ilja), 5 * FRESH_S, "the session to end")
    assert_tokens_refused(rig.anonymous(), other.tokens, ilja)
    assert kontora(rig, "sessions", "list").stdout == ""
    audited = [line for line in rig.audit().all() if line["action"] == "end_sessions"]
    assert [(line["resource_id"], line["status"]) for line in audited] == [
        (session_of(further), "success"), (session_of(further), "failure"),
        (vera.email, "success"), ("*", "success")]
    assert all({name: line[name] for name in COMMANDS} == COMMANDS for line in audited)


@pytest.mark.parametrize("arguments", [(), ("end",), ("list", "a", "b"), ("end", "a", "b"),
                                       ("end", "a", "--all"), ("end", "--all", "--subject", "a"),
                                       ("list", "--all"), ("list", "--subject", "a"), ("stop",)])
def test_invalid_sessions_command_ends_no_session(make_rig, arguments):
    rig = make_rig()
    done = kontora(rig, "sessions", *arguments)
    assert done.returncode == EXIT_USAGE and "usage: kontora sessions" in done.stderr
    assert token_works(rig.anonymous(), rig.anonymous().login(*rig.stack.administrator))


# --- upgrade --------------------------------------------------------------------------------------

OLD_MIGRATION = "7"  # the last migration before sessions had their own rows


def stored_files(client):
    return [(file["name"], file["size"], file["etag"]) for file in listed(client)]


def test_schema_upgrade_ends_old_sessions_and_keeps_data(make_sql_rig):
    """The database has an account with its role, a file, and a session in the old format."""
    rig = make_sql_rig()
    vera = Accounts(rig.anonymous()).register(email=address())
    upload = vera.client.post("/files/upload", files={"file": ("a.txt", b"kept")})
    assert upload.status_code == 201, upload.text
    before = stored_files(vera.client)
    assert len(before) == 1
    rig.service.stop()
    rig.service.migrate("down", OLD_MIGRATION)
    rig.database.run("INSERT INTO sessions (account_id, subject, family, digest, issued_at, "
                     f"expires_at) VALUES ({vera.id}, 'account:{vera.id}', "
                     f"{rig.database.bytes_literal(bytes.fromhex(session_of(vera.tokens)))}, "
                     f"{rig.database.bytes_literal(b'd' * 32)}, 1, 9999999999999)")
    rig.service.migrate("up")
    rig.service.start()
    assert_tokens_refused(rig.anonymous(), vera.tokens)
    tokens = rig.anonymous().login(vera.email, vera.password)
    client = rig.anonymous().bearing(tokens["access_token"])
    me = contract.check_me(client.get("/auth/me").json())
    assert [(each["id"], each["role"]) for each in me["organizations"]] == [
        (vera.organization, "OWNER")]
    assert stored_files(client) == before
    rig.restart()
    assert token_works(rig.anonymous(), tokens)
