"""Database failures seen through HTTP: workers killed while writing, a full disk, a PostgreSQL
that is restarted, hangs or is missing; and the group commit of concurrent writes."""

import contextlib
import os
import random
import signal
import sqlite3
import struct
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from stack import running_postgres

from support import contract
from support.people import tag
from support.waiting import wait_until
from support.writers import DOMAIN, Writers

# A low bcrypt cost, and no memory limit for workers, because sanitizers keep freed memory.
CHEAP = {"BCRYPT_COST": "4", "WORKER_MAX_GROWTH_MIB": "0"}

KILLING_S = 60
KILL_INTERVAL_S = 0.1
# With so many workers, a killed worker has usually run long enough to be restarted without backoff,
# so there are always workers to kill.
MANY_WORKERS = {"CORE_WORKERS": "96", "AUTH_WORKERS": "32"}

DISK_KIB = 2048

TIMEOUT_MS = 1000
ANSWER_S = 2 * TIMEOUT_MS / 1000 + 1  # bound for a response: two timeouts and the work before

WAL_HEADER, FRAME_HEADER = 32, 24  # bytes; format of SQLite's WAL file: sqlite.org/fileformat2.html
CLIENTS = 64


@pytest.fixture
def server(tmp_path):
    """Starts a PostgreSQL server that only this test uses and damages."""
    with running_postgres(tmp_path) as running:
        yield running


def database_file(rig):
    return rig.stack.state_dir / "kontora.db"


def run_query(file, statement):
    with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        return database.execute(statement).fetchall()


def database_state(rig):
    return contract.check_readiness(rig.anonymous("").get("/health/ready"))["database"]["state"]


def new_account():
    name = tag()
    return {"username": name, "email": f"{name}@example.com"}


# --- killed workers -------------------------------------------------------------------------------

def assert_only_known_accounts(there, writers):
    """Asserts that all acknowledged accounts exist, and otherwise only accounts with an unknown
    outcome."""
    acknowledged = set().union(*writers.acknowledged.values())
    assert acknowledged <= there, acknowledged - there
    assert there <= acknowledged | writers.lost, there - acknowledged - writers.lost
    for path, emails in writers.acknowledged.items():
        assert emails, path


def assert_no_partial_registrations(file):
    """Asserts that each registration is complete (account, session, organization and its owner)
    or absent. Accounts created by the administrator have none of these."""
    half = ("SELECT email FROM accounts a WHERE (password_hash IS NOT NULL) <>"
            " (SELECT count(*) FROM members m WHERE m.account_id = a.id AND m.role = 'OWNER')"
            " OR (password_hash IS NOT NULL) <>"
            " (SELECT count(*) FROM sessions s WHERE s.account_id = a.id)")
    assert run_query(file, half) == []
    assert run_query(file, "SELECT id FROM organizations o WHERE 1 <>"
                     " (SELECT count(*) FROM members m WHERE m.organization_id = o.id)") == []


def audited_emails(rig, status):
    """Returns the email addresses of the writers' accounts in audit lines with a status; lines
    that contain a user name instead have the same text before the @."""
    found = [line["resource_id"].partition("@")[0] + DOMAIN for line in rig.audit().all()
             if line["action"] in ("create_account", "register") and line["status"] == status]
    assert len(found) == len(set(found)), "two lines for one account"
    return set(found)


def kill_workers(rig):
    """Kills workers at a steady rate in random order; returns the number of kills."""
    dice, victims, kills = random.Random(7), [], 0
    end = time.monotonic() + KILLING_S
    while time.monotonic() < end:
        if not victims:  # listing all workers takes as long as a pause
            victims = rig.service.workers("core") + rig.service.workers("auth")
            dice.shuffle(victims)
        if victims:
            # already killed, but listed until it is reaped
            with contextlib.suppress(ProcessLookupError):
                os.kill(victims.pop(), signal.SIGKILL)
                kills += 1
        time.sleep(KILL_INTERVAL_S)  # the rate is a parameter of the test
    return kills


def test_killed_workers_lose_no_acknowledged_write(make_rig):
    rig = make_rig(**CHEAP, **MANY_WORKERS, LOGIN_QUEUE_MS=25000)
    with Writers(rig.stack.http_url, rig.api.token, accounts=24, registrations=8,
                 pause_s=0.02) as writers:
        writers.wait_for(50)
        writers.wait_for_each()
        kills = kill_workers(rig)
        writers.wait_for(50)
        writers.wait_for_each()
    print(f"{kills} killed, {dict(writers.statuses)}")
    assert set(writers.statuses) <= {201, 502, 504}, (writers.statuses, writers.refusals[:3])
    assert kills > KILLING_S / KILL_INTERVAL_S / 2 and len(writers.lost) > 10
    rig.service.stop()
    file = database_file(rig)
    assert run_query(file, "PRAGMA integrity_check") == [("ok",)]
    there = {email for email, in run_query(file, "SELECT email FROM accounts")}
    assert_only_known_accounts(there, writers)
    assert_no_partial_registrations(file)
    acknowledged = set().union(*writers.acknowledged.values())
    assert acknowledged <= audited_emails(rig, "success") <= there, (
        "an audit line was written before its commit")


# --- full disk ------------------------------------------------------------------------------------

def fill_disk(folder):
    with open(folder / "filler", "wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(512))


def write_until_refused(rig):
    """Writes until the remaining space of the WAL file is used up; returns the refusal."""
    for _ in range(2000):
        response = rig.api.post("/accounts", json=new_account())
        if response.status_code != 201:
            return response
    raise AssertionError("the disk is not full")


def test_full_disk_fails_only_requests_that_write(make_rig, small_disk):
    file = small_disk / "kontora.db"
    rig = make_rig(env={"DATABASE_URL": f"sqlite:///{file}"}, **CHEAP)
    kept = new_account()
    assert rig.api.post("/accounts", json=kept).status_code == 201
    fill_disk(small_disk)
    contract.check_error(write_until_refused(rig), 503, "DATABASE_UNAVAILABLE")
    for _ in range(5):
        response = rig.api.post("/accounts", json=new_account())
        contract.check_error(response, 503, "DATABASE_UNAVAILABLE")
        assert int(response.headers["Retry-After"]) > 0
        listed = rig.api.get("/accounts?limit=1")
        assert listed.status_code == 200 and listed.json()[0]["username"] == kept["username"]
    workers = rig.service.workers()
    (small_disk / "filler").unlink()
    wait_until(lambda: rig.api.post("/accounts", json=new_account()).status_code == 201,
               what="a write to succeed after the disk is freed")
    assert rig.service.workers() == workers, "a worker was restarted"
    rig.service.stop()
    assert run_query(file, "PRAGMA integrity_check") == [("ok",)]


def test_changes_of_failed_group_commit_are_audited_as_failed(make_rig, small_disk):
    """Many writes share each commit; if it fails, all of them fail and none is audited as a
    success."""
    file = small_disk / "kontora.db"
    rig = make_rig(env={"DATABASE_URL": f"sqlite:///{file}"}, CORE_WORKERS="1", **CHEAP)
    with Writers(rig.stack.http_url, rig.api.token, accounts=16, registrations=2) as writers:
        writers.wait_for(50)
        fill_disk(small_disk)
        wait_until(lambda: len(writers.refused) > 200, what="writes to be refused")
        (small_disk / "filler").unlink()
        writers.wait_for(50)
    assert set(writers.statuses) == {201, 503} and writers.codes() == {"DATABASE_UNAVAILABLE"}
    assert rig.count_log("disk is full") and not rig.count_log("group commit failed"), (
        "the writes must fail before the commit")
    there = {email for email, in run_query(file, "SELECT email FROM accounts")}
    assert there == set().union(*writers.acknowledged.values())
    assert audited_emails(rig, "success") == there
    assert audited_emails(rig, "failure") == writers.refused


def test_directory_change_succeeds_on_full_database_disk(make_rig, breakable_directory, ldap_admin,
                                                         small_disk):
    """The response should be stored for the request's Idempotency-Key, but the disk is full by
    then."""
    name = tag()
    unit = {"ou": name, "parent_dn": ldap_admin.base_dn}
    rig = make_rig(breakable_directory, env={"DATABASE_URL": f"sqlite:///{small_disk}/kontora.db"},
                   LDAP_TIMEOUT_MS="29000", **CHEAP)  # nginx waits for 30 s
    rig.wait_for_directory()
    key = {"Idempotency-Key": name}
    breakable_directory.freeze()
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(rig.api.post, "/ous", json=unit, headers=key)
        wait_until(lambda: run_query(small_disk / "kontora.db", "SELECT * FROM idempotency_keys"),
                   what="the request to be in progress")
        fill_disk(small_disk)
        write_until_refused(rig)
        breakable_directory.thaw()
        response = answer.result()
    assert response.status_code == 201, response.text
    assert rig.audit().one_of(response)["status"] == "success"
    (small_disk / "filler").unlink()
    again = rig.api.post("/ous", json=unit, headers=key)
    contract.check_error(again, 409, "IDEMPOTENCY_KEY_PENDING")


# --- PostgreSQL ---------------------------------------------------------------------------------

@pytest.mark.parametrize("end", ["stop", "kill"])
def test_postgres_restart_under_load_loses_no_acknowledged_write(make_rig, server, end):
    rig = make_rig(database=server, **CHEAP)
    workers = rig.service.workers()
    with Writers(rig.stack.http_url, rig.api.token, accounts=6, registrations=2) as writers:
        writers.wait_for(50)
        writers.wait_for_each()
        getattr(server, end)()
        wait_until(lambda: writers.statuses[503] > 20, what="writes to be refused")
        wait_until(lambda: database_state(rig) == "down", what="the database to be down")
        server.start()
        writers.wait_for(100)
        writers.wait_for_each()
    assert set(writers.statuses) == {201, 503}, (writers.statuses, writers.refusals[:3])
    assert writers.codes() <= {"DATABASE_UNAVAILABLE", "OUTCOME_UNKNOWN"}
    wait_until(lambda: database_state(rig) == "up", what="the database to be up")
    assert rig.service.workers() == workers, "a worker was restarted"
    there = set(server.sql("SELECT email FROM accounts", rig.stack.env["DATABASE_URL"]))
    assert_only_known_accounts(there, writers)
    wait_until(lambda: rig.api.get("/accounts?limit=1").ok, what="the workers to reconnect")


def housekeeper_sessions(rig):
    return rig.database.run("SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
                            " AND application_name LIKE 'kontora-house%'")


def test_housekeeper_uses_one_postgres_session(make_rig, server):
    """The count is taken after every job that needs the database has used it."""
    rig = make_rig(database=server, **CHEAP)
    rig.database.run("INSERT INTO pending_objects (object_key, since) VALUES ('none', 1)")
    rig.database.run("INSERT INTO tokens (digest, uses, created_at, expires_at)"
                     " VALUES ('x', 0, 1, 2)")
    rig.service.stop()
    rig.service.start()
    wait_until(lambda: rig.database.run("SELECT (SELECT count(*) FROM pending_objects)"
                                        " + (SELECT count(*) FROM tokens)") == [("0",)],
               what="the housekeeper to purge the rows")
    wait_until(lambda: database_state(rig) == "up", what="the database to be up")
    assert len(housekeeper_sessions(rig)) == 1


def test_request_to_hanging_postgres_times_out(make_rig, server):
    rig = make_rig(database=server, DATABASE_TIMEOUT_MS=str(TIMEOUT_MS), **CHEAP)
    assert rig.api.post("/accounts", json=new_account()).status_code == 201
    server.freeze()
    try:
        for call in (lambda: rig.api.get("/accounts"),
                     lambda: rig.api.post("/accounts", json=new_account())):
            started = time.monotonic()
            response = call()
            assert time.monotonic() - started < ANSWER_S
            contract.check_error(response, 503, response.json()["code"])
            assert response.json()["code"] in ("DATABASE_UNAVAILABLE", "OUTCOME_UNKNOWN")
        wait_until(lambda: database_state(rig) == "down", what="the database to be down")
        assert rig.anonymous("").get("/health").status_code == 200
    finally:
        server.thaw()
    wait_until(lambda: rig.api.post("/accounts", json=new_account()).status_code == 201,
               what="a write to succeed")
    wait_until(lambda: database_state(rig) == "up", what="the database to be up")


def test_directory_calls_work_during_database_outage(make_rig, directory, server):
    rig = make_rig(directory, database=server)
    # caches the administrator's token for the calls below
    assert rig.api.get("/accounts").status_code == 200
    rig.service.stop()
    server.stop()
    rig.service.start()
    wait_until(lambda: rig.api.get("/users/Administrator").ok, what="the directory to be reachable")
    assert rig.api.get("/auth/me").status_code == 200
    contract.check_error(rig.api.get("/accounts"), 503, "DATABASE_UNAVAILABLE")
    wait_until(lambda: rig.anonymous("").get("/health/ready").status_code == 503,
               what="the service to be unready")
    ready = rig.anonymous("").get("/health/ready")
    assert contract.check_readiness(ready)["directory"]["state"] == "up"
    server.start()
    wait_until(lambda: rig.api.get("/accounts").ok, what="the database to recover")


# --- group commit ---------------------------------------------------------------------------------

def count_commits(file):
    """Returns the number of transactions in SQLite's WAL file, which must not have been
    checkpointed."""
    octets = file.with_name(file.name + "-wal").read_bytes()
    page, = struct.unpack(">I", octets[8:12])
    salt, count = octets[16:24], 0
    for at in range(WAL_HEADER, len(octets) - FRAME_HEADER + 1, FRAME_HEADER + page):
        if octets[at + 8:at + 16] != salt:
            break
        # the database size, which is set in commit frames only
        count += octets[at + 4:at + 8] != bytes(4)
    return count


def test_concurrent_writes_share_one_commit(make_rig):
    rig = make_rig(CORE_WORKERS="1")
    file = database_file(rig)
    assert rig.api.post("/accounts", json=new_account()).status_code == 201
    with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True,
                                            isolation_level=None)) as reader:
        reader.execute("BEGIN")
        # an open read transaction prevents a restart of the WAL
        reader.execute("SELECT count(*) FROM accounts").fetchall()
        before = count_commits(file)
        with Writers(rig.stack.http_url, rig.api.token, accounts=CLIENTS) as writers:
            writers.wait_for(1000)
        made = count_commits(file) - before
    assert set(writers.statuses) == {201}, (writers.statuses, writers.refusals[:3])
    print(f"{writers.total()} accounts, {made} commits")
    assert made < writers.total() / 3
