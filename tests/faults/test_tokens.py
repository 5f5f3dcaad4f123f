"""Failures around expiring tokens: killed workers, a power cut, a full disk, nginx without the
service, and a purge of many tokens during checks."""

import collections
import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

from support import contract, metrics
from support.client import Client
from support.database import Database
from support.load import Load
from support.tokens import Issuers, Tokens, digest
from support.waiting import wait_until

# No memory limit for workers, because sanitizers keep freed memory.
NO_GROWTH_LIMIT = {"WORKER_MAX_GROWTH_MIB": "0"}

DISK_KIB = 2048
KILL_INTERVAL_S = 0.1
MANY_WORKERS = {"CORE_WORKERS": "48"}
CLIENTS = 32

EXPIRED = 20000
PROMISED_S = 1  # maximum time from the check of an expired token to its purge
MANY_SESSIONS = 60000  # purging them takes seconds

SYNCED = Path(__file__).with_name("synced.c")


def token_client(rig):
    return Tokens(Client(rig.stack.http_url, rig.stack.ca_file))


def run_query(file, statement):
    with contextlib.closing(sqlite3.connect(file)) as database:
        return database.execute(statement).fetchall()


def assert_stored(rig, there, issued):
    missing = [token for token in issued if digest(rig.stack, token) not in there]
    assert not missing, f"{len(missing)} of {len(issued)}"


def assert_all_there(rig, file, issued):
    assert run_query(file, "PRAGMA integrity_check") == [("ok",)]
    assert_stored(rig, {octets for octets, in run_query(file, "SELECT digest FROM tokens")}, issued)


def database_file(rig):
    return rig.stack.state_dir / "kontora.db"


# --- killed workers -------------------------------------------------------------------------------

@pytest.fixture(params=["sqlite", "postgres"])
def server(request):
    """Returns the database server, or None for SQLite."""
    return request.getfixturevalue("postgres") if request.param == "postgres" else None


def test_killed_workers_lose_no_issued_token(make_rig, server):
    rig = make_rig(database=server, **NO_GROWTH_LIMIT, **MANY_WORKERS)
    victims = rig.service.workers("core")
    random.Random(7).shuffle(victims)
    with Issuers(rig.stack.http_url, CLIENTS) as issuers:
        issuers.wait_for(100)
        for victim in victims:
            os.kill(victim, signal.SIGKILL)
            time.sleep(KILL_INTERVAL_S)  # the rate is a parameter of the test
        issuers.wait_for(100)
    assert set(issuers.statuses) <= {200, 502, 504}, issuers.statuses
    assert issuers.statuses[502] > 5, "no request was interrupted"
    if server:
        found = Database(rig.stack, server).run("SELECT encode(digest, 'hex') FROM tokens")
        assert_stored(rig, {bytes.fromhex(octets) for octets, in found}, issuers.issued)
    else:
        assert_all_there(rig, database_file(rig), issuers.issued)


# --- power cut ------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def synced(tmp_path_factory):
    """Compiles the preloaded library that keeps copies of synced data."""
    library = tmp_path_factory.mktemp("synced") / "synced.so"
    subprocess.run(["gcc", "-std=gnu17", "-D_GNU_SOURCE", "-O1", "-shared", "-fPIC", "-o", library,
                    SYNCED, "-ldl"], check=True)
    return library


def cut_power(make_rig, library, folder, synchronous):
    """Kills all processes and drops unsynced data; returns the stack, the database as it was on the
    disk, and the tokens that were issued."""
    folder.mkdir()
    # the library must see how the database is created
    rig = make_rig(migrated=None, env={"LD_PRELOAD": str(library), "SYNCED_DIR": str(folder),
                                       "DATABASE_SYNCHRONOUS": synchronous}, **NO_GROWTH_LIMIT)
    with Issuers(rig.stack.http_url, CLIENTS) as issuers:
        issuers.wait_for(3000)
        rig.service.kill()
        wait_until(lambda: issuers.statuses[502] > CLIENTS, what="the service to be killed")
    return rig, folder / "kontora.db", issuers.issued


def test_simulated_power_cut_loses_no_issued_token(make_rig, synced, tmp_path):
    assert_all_there(*cut_power(make_rig, synced, tmp_path / "full", "full"))


def test_simulated_power_cut_loses_tokens_written_without_sync(make_rig, synced, tmp_path):
    """Without a sync for each commit, tokens must be lost; otherwise the test above could not
    detect anything."""
    with pytest.raises(AssertionError, match=r"\d+ of \d+"):
        assert_all_there(*cut_power(make_rig, synced, tmp_path / "normal", "normal"))


# --- usage counters, full disk, logs and purge ----------------------------------------------------

def test_counted_token_uses_are_stored_when_service_stops(make_rig):
    rig = make_rig(**NO_GROWTH_LIMIT)
    token = token_client(rig).issue()
    with Load(rig.stack.http_url, f"/app/valid/{token}") as load:
        load.wait_for(500)
        rig.reload()
        load.wait_for(500)
    rig.service.stop()
    assert set(load.statuses) == {200}
    assert run_query(database_file(rig), "SELECT uses FROM tokens") == [(load.total(),)]


def test_full_disk_fails_only_requests_that_write_tokens(make_rig, small_disk):
    file = small_disk / "kontora.db"
    rig = make_rig(env={"DATABASE_URL": f"sqlite:///{file}"}, **NO_GROWTH_LIMIT)
    tokens = token_client(rig)
    good, once, old = tokens.issue(), tokens.issue(max_uses=1), tokens.issue()
    with contextlib.closing(sqlite3.connect(file)) as database, database:
        database.execute("UPDATE tokens SET expires_at = 1 WHERE digest = ?",
                         (digest(rig.stack, old),))
    with (open(small_disk / "filler", "wb", buffering=0) as filler,
          contextlib.suppress(OSError)):
        while True:
            filler.write(bytes(512))
    answers = collections.Counter({200: 3})

    def issue():
        response = tokens.client.post("/app/token")
        answers[response.status_code] += 1
        return response

    wait_until(lambda: issue().status_code == 503, what="the disk to be full")
    contract.check_error(issue(), 503, "DATABASE_UNAVAILABLE")
    contract.check_error(tokens.client.get(f"/app/valid/{once}"), 503, "DATABASE_UNAVAILABLE")
    for _ in range(5):
        assert tokens.check(good) and not tokens.check(old)
    (small_disk / "filler").unlink()
    wait_until(lambda: issue().status_code == 200, what="a token to be issued")
    assert tokens.check(once) and not tokens.check(once)
    counted = metrics.values(tokens.client)
    assert counted["kontora_tokens_issued_total",] == answers[200], (
        "rolled back tokens were counted")
    assert counted["kontora_token_checks_total", "valid"] == 6
    wait_until(lambda: run_query(file, "SELECT uses FROM tokens WHERE max_uses IS NULL"
                                 " ORDER BY id LIMIT 1") == [(5,)], what="the uses to be stored")


def test_nginx_logs_no_token_while_service_is_stopped(make_rig):
    """The fixture searches all logs for tokens at its end."""
    rig = make_rig(**NO_GROWTH_LIMIT)
    tokens = token_client(rig)
    token = tokens.issue()
    rig.service.stop()
    for path in ("/app/valid/", "/app//valid/", "/app/vaild/", "/app/token/", "/valid/", "/"):
        contract.check_error(tokens.client.get(path + token), 502, "BAD_GATEWAY")
    contract.check_error(tokens.client.post("/app/valid", json={"token": token}), 502,
                         "BAD_GATEWAY")
    errors = rig.stack.logs_dir / "nginx-error.log"
    assert token[7:].encode() not in errors.read_bytes()
    assert b"/valid" not in errors.read_bytes()


def test_expired_token_found_by_check_is_purged_before_other_tokens(make_rig, server):
    """The housekeeper is in a long purge round, which it continues afterwards."""
    rig = make_rig(database=server, **NO_GROWTH_LIMIT)
    tokens = token_client(rig)
    token = tokens.issue()
    octets = "decode(lpad(to_hex(i), 32, '0'), 'hex')" if server else "randomblob(16)"
    rig.service.stop()
    rig.database.run("UPDATE tokens SET expires_at = 2 RETURNING id")
    rig.database.run(f"WITH RECURSIVE numbers(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers"
                     f" WHERE i < {MANY_SESSIONS}) INSERT INTO sessions (subject, id, username,"
                     " username_key, epoch, administrator, key_id, address, device, created_at,"
                     f" last_seen_at, ended_at, expires_at) SELECT 'x', {octets}, 'u', 'u', 1, 0,"
                     " 1, '', '', 1, 1, 1, i FROM numbers RETURNING 1")

    def count(table):
        [(expired,)] = rig.database.run(
            f"SELECT count(*) FROM {table} WHERE expires_at < 1000000")
        return int(expired)

    rig.service.start()
    wait_until(lambda: count("sessions") < MANY_SESSIONS, what="the purge round to begin")
    assert not tokens.check(token)
    wait_until(lambda: not count("tokens"), what="the token to be purged")
    assert count("sessions"), "the token was purged after the round"
    wait_until(lambda: not count("sessions"), 60, "the purge round to finish")
    for token in [tokens.issue() for _ in range(5)]:
        rig.database.run("UPDATE tokens SET expires_at = 2 RETURNING id")
        assert not tokens.check(token)
        wait_until(lambda: not count("tokens"), PROMISED_S, "the token to be purged")


def test_purge_of_many_tokens_does_not_delay_token_checks(make_rig):
    rig = make_rig(**NO_GROWTH_LIMIT)
    tokens = token_client(rig)
    token = tokens.issue()
    with contextlib.closing(sqlite3.connect(database_file(rig))) as database, database:
        database.execute("WITH RECURSIVE numbers(i) AS (SELECT 1 UNION ALL"
                         f" SELECT i + 1 FROM numbers WHERE i < {EXPIRED})"
                         " INSERT INTO tokens (digest, uses, created_at, expires_at)"
                         " SELECT randomblob(16), 0, 1, 2 FROM numbers")

    def left():
        return run_query(database_file(rig),
                         "SELECT count(*) FROM tokens WHERE expires_at = 2")[0][0]

    with Load(rig.stack.http_url, f"/app/valid/{token}") as load:
        tokens.clear()
        wait_until(lambda: not left(), 20, "all tokens to be purged")
        load.wait_for(100)
    assert set(load.statuses) == {200}
    assert sorted(load.latencies)[len(load.latencies) * 99 // 100] < 0.2
    assert tokens.check(token)
