"""Faults of the database, seen through HTTP: workers killed while they write, a full disk, a
PostgreSQL that is restarted, silent or not there; and that a turn of many writes has one commit."""

import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import struct
import time

import pytest
from stack import running_postgres

from support import contract
from support.people import tag
from support.waiting import wait_until
from support.writers import ACCOUNTS, REGISTER, Writers

# Hashes that cost little, and no worker that leaves because it has grown: sanitizers keep what is
# freed.
CHEAP = {"BCRYPT_COST": "4", "WORKER_MAX_GROWTH_MIB": "0"}

KILLS = 200
KILL_INTERVAL_S = 0.1

DISK_KIB = 2048

TIMEOUT_MS = 1000
ANSWER_S = 2 * TIMEOUT_MS / 1000 + 1  # a statement, and what comes before it

WAL_HEADER, FRAME_HEADER = 32, 24  # bytes; the format of SQLite's log: sqlite.org/fileformat2.html
CLIENTS = 64


@pytest.fixture
def server(tmp_path):
    """A PostgreSQL of the test's own, to be harmed."""
    with running_postgres(tmp_path) as running:
        yield running


@pytest.fixture
def small_disk(tmp_path):
    """A file system that is soon full."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_KIB}k", "none", folder], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def database_file(rig):
    return rig.stack.state_dir / "kontora.db"


def query(file, statement):
    with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        return database.execute(statement).fetchall()


def database_state(rig):
    return contract.check_readiness(rig.nobody("").get("/health/ready"))["database"]["state"]


def new_account():
    name = tag()
    return {"username": name, "email": f"{name}@example.com"}


# --- killed -------------------------------------------------------------------------------------

def assert_whole(file, writers):
    """What was acknowledged is there, and nothing is there by half."""
    assert query(file, "PRAGMA integrity_check") == [("ok",)]
    there = {email for email, in query(file, "SELECT email FROM accounts")}
    for path, emails in writers.acknowledged.items():
        assert emails and set(emails) <= there, path
    half = ("SELECT a.email FROM accounts a WHERE a.password_hash IS NOT NULL AND ("
            "NOT EXISTS (SELECT 1 FROM members m WHERE m.account_id = a.id AND m.role = 'OWNER')"
            " OR NOT EXISTS (SELECT 1 FROM sessions s WHERE s.account_id = a.id))")
    assert query(file, half) == []
    assert query(file, "SELECT id FROM organizations WHERE id NOT IN"
                       " (SELECT organization_id FROM members)") == []


def test_workers_killed_while_they_write_lose_nothing(make_rig):
    rig = make_rig(**CHEAP)
    dice = random.Random(7)
    with Writers(rig.stack.http_url, rig.api.token, accounts=8, registrations=4) as writers:
        writers.wait_for(50)
        for _ in range(KILLS):
            victims = rig.service.workers("core") + rig.service.workers("auth")
            if victims:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(dice.choice(victims), signal.SIGKILL)
            time.sleep(KILL_INTERVAL_S)  # the pace is what is asked for
        writers.wait_for(50)
    assert set(writers.statuses) <= {201, 502, 504}, writers.statuses
    assert writers.statuses[201] > KILLS
    rig.service.stop()
    assert_whole(database_file(rig), writers)
    print(dict(writers.statuses))


# --- a full disk --------------------------------------------------------------------------------

def fill(folder):
    with open(folder / "filler", "wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(512))


def write_until_refused(rig):
    """What the log still has room for is written."""
    for _ in range(2000):
        response = rig.api.post("/accounts", json=new_account())
        if response.status_code != 201:
            return response
    raise AssertionError("the disk is not full")


def test_a_full_disk_refuses_writes_alone(make_rig, small_disk):
    file = small_disk / "kontora.db"
    rig = make_rig(env={"DATABASE_URL": f"sqlite:///{file}"}, **CHEAP)
    kept = new_account()
    assert rig.api.post("/accounts", json=kept).status_code == 201
    fill(small_disk)
    contract.refused(write_until_refused(rig), 503, "DATABASE_UNAVAILABLE")
    for _ in range(5):
        response = rig.api.post("/accounts", json=new_account())
        contract.refused(response, 503, "DATABASE_UNAVAILABLE")
        assert int(response.headers["Retry-After"]) > 0
        listed = rig.api.get("/accounts?limit=1")
        assert listed.status_code == 200 and listed.json()[0]["username"] == kept["username"]
    workers = rig.service.workers()
    (small_disk / "filler").unlink()
    wait_until(lambda: rig.api.post("/accounts", json=new_account()).status_code == 201,
               what="the first write after the disk is free")
    assert rig.service.workers() == workers, "no worker was restarted"
    rig.service.stop()
    assert query(file, "PRAGMA integrity_check") == [("ok",)]


# --- PostgreSQL ---------------------------------------------------------------------------------

@pytest.mark.parametrize("end", ["stop", "kill"])
def test_postgres_restarted_under_load(make_rig, server, end):
    rig = make_rig(database=server, **CHEAP)
    workers = rig.service.workers()
    with Writers(rig.stack.http_url, rig.api.token, accounts=6, registrations=2) as writers:
        writers.wait_for(50)
        getattr(server, end)()
        wait_until(lambda: writers.statuses[503] > 20, what="refusals")
        wait_until(lambda: database_state(rig) == "down", what="the database down")
        server.start()
        writers.wait_for(100)
    assert set(writers.statuses) == {201, 503}, (writers.statuses, writers.refusals[:3])
    assert writers.codes() <= {"DATABASE_UNAVAILABLE", "OUTCOME_UNKNOWN"}
    wait_until(lambda: database_state(rig) == "up", what="the database up")
    assert rig.service.workers() == workers, "no worker was restarted"
    there = set(server.sql("SELECT email FROM accounts", rig.stack.env["DATABASE_URL"]))
    for path in (ACCOUNTS, REGISTER):
        assert set(writers.acknowledged[path]) <= there
    assert rig.api.get("/accounts?limit=1").status_code == 200


def test_a_silent_postgres_holds_nobody_up_for_long(make_rig, server):
    rig = make_rig(database=server, DATABASE_TIMEOUT_MS=str(TIMEOUT_MS), **CHEAP)
    assert rig.api.post("/accounts", json=new_account()).status_code == 201
    server.freeze()
    try:
        for call in (lambda: rig.api.get("/accounts"),
                     lambda: rig.api.post("/accounts", json=new_account())):
            started = time.monotonic()
            response = call()
            assert time.monotonic() - started < ANSWER_S
            contract.refused(response, 503, response.json()["code"])
            assert response.json()["code"] in ("DATABASE_UNAVAILABLE", "OUTCOME_UNKNOWN")
        wait_until(lambda: database_state(rig) == "down", what="the database down")
        assert rig.nobody("").get("/health").status_code == 200
    finally:
        server.thaw()
    wait_until(lambda: rig.api.post("/accounts", json=new_account()).status_code == 201,
               what="the database")
    wait_until(lambda: database_state(rig) == "up", what="the database up")


def test_without_a_database_the_directory_is_served(make_rig, directory, server):
    rig = make_rig(directory, database=server)
    assert rig.api.get("/accounts").status_code == 200  # and has a token from here on
    rig.service.stop()
    server.stop()
    rig.service.start()
    wait_until(lambda: rig.api.get("/users/Administrator").ok, what="the directory")
    assert rig.api.get("/auth/me").status_code == 200
    contract.refused(rig.api.get("/accounts"), 503, "DATABASE_UNAVAILABLE")
    ready = rig.nobody("").get("/health/ready")
    assert ready.status_code == 503
    assert contract.check_readiness(ready)["directory"]["state"] == "up"
    server.start()
    wait_until(lambda: rig.api.get("/accounts").ok, what="the database")


# --- one turn, one commit -----------------------------------------------------------------------

def commits(file):
    """How many transactions SQLite's log has, of which nothing was taken over."""
    octets = file.with_name(file.name + "-wal").read_bytes()
    page, = struct.unpack(">I", octets[8:12])
    salt, count = octets[16:24], 0
    for at in range(WAL_HEADER, len(octets) - FRAME_HEADER + 1, FRAME_HEADER + page):
        if octets[at + 8:at + 16] != salt:
            break
        count += octets[at + 4:at + 8] != bytes(4)  # the size of the file, in a commit alone
    return count


def test_a_turn_has_one_commit(make_rig):
    rig = make_rig(CORE_WORKERS="1")
    file = database_file(rig)
    assert rig.api.post("/accounts", json=new_account()).status_code == 201
    with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True,
                                            isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM accounts").fetchall()  # the log cannot begin again now
        before = commits(file)
        with Writers(rig.stack.http_url, rig.api.token, accounts=CLIENTS) as writers:
            writers.wait_for(1000)
        made = commits(file) - before
    assert set(writers.statuses) == {201}, (writers.statuses, writers.refusals[:3])
    print(f"{writers.total()} accounts, {made} commits")
    assert made < writers.total() / 3
