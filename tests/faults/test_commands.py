"""Commands that an administrator runs on the database: accounts, and the purge, which the
housekeeper also performs."""

import contextlib
import os
import pty
import select
import subprocess
import time

import pytest

from support import vault
from support.people import tag
from support.waiting import wait_until

EXIT_USAGE = 2

EXPIRED = 1800  # expired rows; several batches
DAY_MS = 24 * 3600 * 1000
MINUTE_MS = 60 * 1000

PATIENCE_S = 20


@pytest.fixture(params=["sqlite", "postgres"])
def rig(request, make_rig):
    """Starts a stack without a directory, on either engine."""
    server = request.getfixturevalue("postgres") if request.param == "postgres" else None
    made = make_rig(database=server, env={"BCRYPT_COST": "4"})
    made.server = server
    return made


def kontora(rig, *arguments, given="", **settings):
    """Runs a command with the settings of the running service and waits for it."""
    return subprocess.run([rig.stack.binary, *arguments], input=given, capture_output=True,
                          text=True, timeout=30, check=False, cwd=rig.stack.state_dir,
                          env={**rig.stack.env, **settings})


def address():
    return f"{tag()}@example.com"


def log_in(rig, email, password):
    return rig.anonymous().post("/auth/login", json={"email": email, "password": password})


def run_sql(rig, statement):
    """Executes a statement; returns its rows as text, with columns separated by |."""
    if rig.server:
        return rig.server.sql(statement, rig.stack.env["DATABASE_URL"])
    done = subprocess.run(["sqlite3", "-cmd", ".timeout 5000", rig.stack.state_dir / "kontora.db",
                           statement], check=True, capture_output=True, text=True)
    return done.stdout.splitlines()


# --- admin --------------------------------------------------------------------------------------

def test_account_created_on_command_line_can_log_in(rig):
    email, password = address(), vault.password()
    done = kontora(rig, "admin", "create", email, "--name", "Анна", "--organization", "Ромашка",
                   given=password + "\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("account ")
    tokens = log_in(rig, email, password).json()
    me = rig.anonymous().bearing(tokens["access_token"]).get("/auth/me").json()
    assert (me["email"], me["name"]) == (email, "Анна")
    assert [(each["name"], each["role"]) for each in me["organizations"]] == [("Ромашка", "OWNER")]
    line = rig.audit().all()[0]
    assert (line["actor"], line["action"], line["resource_id"], line["status"]) == (
        "cli", "create_account", email, "success")


def test_admin_password_command_ends_all_sessions(rig):
    email, old, new = address(), vault.password(), vault.password()
    assert kontora(rig, "admin", "create", email, given=old + "\n").returncode == 0
    tokens = log_in(rig, email, old).json()
    bearer = rig.anonymous().bearing(tokens["access_token"])
    assert bearer.get("/auth/me").status_code == 200
    done = kontora(rig, "admin", "password", email.upper(), given=new)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert bearer.get("/auth/me").status_code == 401
    renewed = rig.anonymous().post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
    assert renewed.status_code == 401
    assert log_in(rig, email, old).status_code == 401
    assert log_in(rig, email, new).status_code == 200
    assert [line["action"] for line in rig.audit().all() if line["actor"] == "cli"] == [
        "create_account", "change_password"]


def test_admin_password_command_sets_first_password(rig):
    body = {"username": tag(), "email": address()}
    assert rig.api.post("/accounts", json=body).status_code == 201
    password = vault.password()
    assert log_in(rig, body["email"], password).status_code == 401
    assert kontora(rig, "admin", "password", body["username"], given=password).returncode == 0
    assert log_in(rig, body["email"], password).status_code == 200


def test_admin_list_command_prints_every_account(rig):
    email, alone = address(), {"username": tag(), "email": address()}
    kontora(rig, "admin", "create", email, "--organization", "A\tB", given=vault.password())
    assert rig.api.post("/accounts", json=alone).status_code == 201
    done = kontora(rig, "admin", "list")
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert rows[-1][1:] == [alone["username"], alone["email"]]
    assert all(row[0].isdigit() for row in rows)


@pytest.mark.parametrize("email, password, named", [
    ("nobody", "long-enough", "email: "), ("a@example.com", "short", "password: "),
    ("a@example.com", "ü" * 37, "password: "), ("a@example.com", "", "password"),
    ("a@example.com", "password1", "password: "), ("anna@example.com", "x-ANNA-7421", "password: "),
])
def test_command_line_error_names_invalid_value(rig, email, password, named):
    done = kontora(rig, "admin", "create", email, given=password)
    assert (done.returncode, done.stdout) == (os.EX_DATAERR, "")
    assert named in done.stderr
    assert run_sql(rig, "SELECT count(*) FROM accounts") == ["0"]


def test_failed_command_exits_with_documented_exit_status(rig):
    email = address()
    kontora(rig, "admin", "create", email, given=vault.password())
    again = kontora(rig, "admin", "create", email, given=vault.password())
    assert (again.returncode, again.stderr) == (os.EX_DATAERR, "email: is taken\n")
    anonymous = kontora(rig, "admin", "password", address(), given=vault.password())
    assert anonymous.returncode == os.EX_NOUSER and "no account" in anonymous.stderr
    url = "postgresql:///none?host=/no/such/folder"
    for command in (["admin", "list"], ["purge"]):
        assert kontora(rig, *command, DATABASE_URL=url).returncode == os.EX_UNAVAILABLE
    for words in ([], ["create"], ["password"], ["list", "x"], ["remove", email]):
        done = kontora(rig, "admin", *words)
        assert done.returncode == EXIT_USAGE and "usage" in done.stderr


def read_terminal(terminal):
    assert select.select([terminal], [], [], PATIENCE_S)[0], (
        "timed out waiting for output on the terminal")
    return terminal.read(1024)


def test_password_is_not_echoed_on_terminal(make_rig):
    rig = make_rig(env={"BCRYPT_COST": "4"})
    email, password = address(), vault.password()
    ours, theirs = pty.openpty()
    with subprocess.Popen([rig.stack.binary, "admin", "create", email], stdin=theirs,
                          stdout=subprocess.PIPE, stderr=theirs, env=rig.stack.env,
                          cwd=rig.stack.state_dir) as child:
        os.close(theirs)
        shown = b""
        # reading fails when the command exits, because that closes the terminal
        with open(ours, "r+b", buffering=0) as terminal, contextlib.suppress(OSError):
            while octets := read_terminal(terminal):
                shown += octets
                if octets.rstrip().endswith(b":"):
                    terminal.write(password.encode() + b"\n")
        assert child.stdout.read().startswith(b"account ")
    assert shown.count(b":") == 2 and password.encode() not in shown
    assert log_in(rig, email, password).status_code == 200


# --- purge --------------------------------------------------------------------------------------

def add_rows(rig, count):
    """Inserts that many expired sessions, and for each other purged table one expired and one
    valid row."""
    now = int(time.time() * 1000)
    octets = ("decode(lpad(to_hex({}), 32, '0'), 'hex')" if rig.server
              else "CAST(printf('%032d', {}) AS BLOB)").format
    columns = ("sessions (subject, id, username, username_key, epoch, administrator, key_id,"
               " address, device, created_at, last_seen_at, ended_at, expires_at)")
    rest = "'u', 'u', 1, 0, 1, '', '', 1, 1, 1"
    run_sql(rig, f"WITH RECURSIVE numbers(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers"
            f" WHERE i < {count}) INSERT INTO {columns}"
            f" SELECT 'x', {octets('i')}, {rest}, i FROM numbers")
    run_sql(rig, f"INSERT INTO {columns} VALUES ('y', {octets(0)}, {rest}, {now + DAY_MS})")
    tokens = "refresh_tokens (digest, session_id, issued_at, expires_at, replaced_at)"
    run_sql(rig, f"INSERT INTO {tokens} VALUES"
            f" ({octets(1)}, {octets(0)}, 1, {now - 1}, 1),"
            f" ({octets(2)}, {octets(0)}, 1, {now + DAY_MS}, NULL),"
            f" ({octets(3)}, {octets(1)}, 1, {now + DAY_MS}, NULL)")  # deleted with its session
    run_sql(rig, "INSERT INTO login_failures (name_key, failures, until) VALUES"
            f" ({octets(1)}, 1, {now - 16 * MINUTE_MS}), ({octets(2)}, 1, {now - MINUTE_MS})")
    run_sql(rig,
            "INSERT INTO idempotency_keys (principal, idempotency_key, request_digest, created_at)"
            f" VALUES ('x', '1', {octets(1)}, {now - DAY_MS - MINUTE_MS}),"
            f" ('x', '2', {octets(1)}, {now - DAY_MS + MINUTE_MS})")
    run_sql(rig, "INSERT INTO tokens (digest, uses, created_at, expires_at)"
            f" VALUES ({octets(1)}, 0, 1, {now - 1}), ({octets(2)}, 0, 1, {now + MINUTE_MS})")
    run_sql(rig, "INSERT INTO accounts (id, username, username_key, name, created_at, updated_at)"
            " VALUES (900, 'x', 'x', 'x', 1, 1)")
    run_sql(rig, "INSERT INTO organizations (id, name, currency, created_at, updated_at)"
            " VALUES (900, 'x', 'RUB', 1, 1)")
    run_sql(rig, "INSERT INTO invitations (organization_id, email, email_key, role, invited_by,"
            f" created_at, expires_at) VALUES (900, 'a', 'a', 'SALES', 900, 1, {now - 1}),"
            f" (900, 'b', 'b', 'SALES', 900, 1, {now + MINUTE_MS})")
    run_sql(rig, "INSERT INTO email_links (email, email_key, digest, created_at, expires_at)"
            f" VALUES ('a', 'a', {octets(1)}, 1, {now - 1}),"
            f" ('b', 'b', {octets(2)}, 1, {now + MINUTE_MS})")
    run_sql(rig, "INSERT INTO api_keys (id, subject, username, name, scopes, prefix, created_at,"
            " issued_at, expires_at, folded) VALUES"
            f" (1, 'x', 'x', 'x', 'crm', 'x', 1, 1, {now - 91 * DAY_MS}, '{{}}'),"
            f" (2, 'x', 'x', 'x', 'crm', 'x', 1, 1, {now - 89 * DAY_MS}, '{{}}')")
    run_sql(rig, "INSERT INTO api_key_secrets (digest, key_id, replaced_at, expires_at) VALUES"
            f" ({octets(1)}, 2, 1, {now - 1}), ({octets(2)}, 2, NULL, NULL)")


def remaining_rows(rig):
    rows = run_sql(rig, "SELECT (SELECT count(*) FROM sessions WHERE subject IN ('x', 'y')),"
                   " (SELECT count(*) FROM refresh_tokens WHERE issued_at = 1),"
                   " (SELECT count(*) FROM login_failures),"
                   " (SELECT count(*) FROM idempotency_keys),"
                   " (SELECT count(*) FROM tokens), (SELECT count(*) FROM invitations),"
                   " (SELECT count(*) FROM email_links),"
                   " (SELECT count(*) FROM api_keys), (SELECT count(*) FROM api_key_secrets)")
    return tuple(map(int, rows[0].split("|")))


def test_purge_command_prints_number_of_deleted_rows(rig):
    rig.service.stop()
    add_rows(rig, EXPIRED)
    done = kontora(rig, "purge")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [f"sessions {EXPIRED}", "refresh_tokens 1",
                                        "login_failures 1",
                                        "login_sources 0", "idempotency_keys 1", "tokens 1",
                                        "invitations 1",
                                        "email_links 1", "api_keys 1", "api_key_secrets 1",
                                        "pending_objects 0", "staged_files 0"]
    assert remaining_rows(rig) == (1, 1, 1, 1, 1, 1, 1, 1, 1)
    assert kontora(rig, "purge").stdout.splitlines()[0] == "sessions 0"


def test_housekeeper_purges_expired_rows(rig):
    rig.service.stop()
    add_rows(rig, EXPIRED)
    rig.service.start()
    wait_until(lambda: remaining_rows(rig) == (1, 1, 1, 1, 1, 1, 1, 1, 1),
               what="the housekeeper to purge all expired rows")
    assert rig.count_log(f"purge: deleted {EXPIRED} expired rows of sessions") == 1
