"""The audit in the database: linking, its verification after manipulations, killed processes,
retention and changed keys. The tests insert the rows with SQL."""

import gzip
import hashlib
import hmac
import os
import re
import shutil
import signal
import subprocess
import time

import pytest

from support import metrics, vault
from support.waiting import wait_until

ROWS = 12
STATEMENT_ROWS = 200  # the arguments of psql are limited to 128 KiB
MINUTE_MS = 60 * 1000
DAY_MS = 24 * 60 * MINUTE_MS
CHAIN_LOCK = 1635083380  # of audit_chain_lock in sql/audit_chain.sql

SAVED = ("audit", "audit_links", "audit_anchors")


def now_ms():
    return int(time.time() * 1000)


def insert_rows(rig, count, status="success", at=None):
    """Inserts rows as requests do."""
    at = now_ms() if at is None else at
    salt = rig.database.bytes_literal(os.urandom(16))
    changes = '[{"field":"name","before":"Анна","after":"Мария"}]'
    for first in range(0, count, STATEMENT_ROWS):
        values = ", ".join(
            f"({at + i}, 1, 'anna', 'account:1', '192.0.2.1', 'update_contact', 'contact', '{i}',"
            f" '{status}', 'r{i}', '{changes}', {salt})"
            for i in range(first, min(first + STATEMENT_ROWS, count)))
        rig.database.run("INSERT INTO audit (at, organization_id, actor, actor_id, address,"
                         " action, resource, object_id, status, request_id, changes, salt)"
                         f" VALUES {values}")


def number(rig, expression):
    [(value,)] = rig.database.run(f"SELECT {expression}")
    return int(value)


def wait_linked(rig, count=0):
    """Waits until all rows, at least `count` of them, are linked and the audit file has the last
    link."""
    def linked():
        last = number(rig, "coalesce(max(position), 0) FROM audit_links")
        heads = rig.audit().heads()
        return (last >= count and not number(rig, "count(*) FROM audit WHERE linked = 0")
                and (not last or (heads and heads[-1]["position"] == last)))

    wait_until(linked, what="all rows to be linked")


def verify(rig, *arguments, **settings):
    return subprocess.run([rig.stack.binary, "audit", "verify", *arguments], capture_output=True,
                          text=True, timeout=60, check=False, cwd=rig.stack.state_dir,
                          env={**rig.stack.env, **settings})


def assert_intact(rig, rows, *arguments, **settings):
    done = verify(rig, *arguments, **settings)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    assert f"{rows} rows verified" in done.stdout
    assert "0 problems" in done.stdout.splitlines()
    return done.stdout


def assert_broken(rig, *problems, arguments=(), **settings):
    """Asserts that exactly these problems are found; each is the beginning of a line."""
    done = verify(rig, *arguments, **settings)
    assert (done.returncode, done.stderr) == (1, ""), done.stdout
    lines = done.stdout.splitlines()
    assert lines[-1] == f"{len(problems)} problems", done.stdout
    for problem in problems:
        assert any(line.startswith(problem) for line in lines), (problem, done.stdout)


# --- manipulations --------------------------------------------------------------------------------

EDITS = ("at = 7", "organization_id = NULL", "organization_id = 2", "directory = 1",
         "actor = 'eve'", "actor = NULL",
         "actor_id = NULL", "address = NULL", "action = 'get_contact'", "resource = 'deal'",
         "object_id = '7'", "status = 'failure'", "status = 'pending'", "code = 'FORBIDDEN'",
         "request_id = NULL", "reverts = 1", "changes = '[]'", "changes = NULL", "salt = NULL")

LINK_EDITS = ("previous_id = 9", "changes_digest = NULL",
              "row_tag = (SELECT row_tag FROM audit_links WHERE position = 4)",
              "chain_tag = (SELECT chain_tag FROM audit_links WHERE position = 4)")

EXCHANGED = ("row 3: reordered: exchanged with row 6", "row 6: reordered: exchanged with row 3")

FORGED = ("INSERT INTO audit (id, at, actor, action, resource, status, linked)"
          " VALUES (50, 50, 'eve', 'create_user', 'user', 'success', 1)")

MANIPULATIONS = [
    *((("UPDATE audit SET " + edit + " WHERE id = 3",), ("row 3: edited",)) for edit in EDITS),
    *((("UPDATE audit_links SET " + edit + " WHERE audit_id = 3",), ("row 3: link edited",))
      for edit in LINK_EDITS),
    (("DELETE FROM audit WHERE id = 3",), ("row 3: deleted",)),
    (("DELETE FROM audit WHERE id = 3", "DELETE FROM audit_links WHERE audit_id = 3"),
     ("row 3: deleted, with its link",)),
    (("DELETE FROM audit_links WHERE audit_id = 3",), ("row 3: its link was deleted",)),
    (("DELETE FROM audit WHERE id < 4", "DELETE FROM audit_links WHERE audit_id < 4"),
     ("row 3: deleted, or its link, and 2 more",)),
    (("DELETE FROM audit WHERE id > 9", "DELETE FROM audit_links WHERE audit_id > 9"),
     ("row 12: cut off at the end",)),
    (("DELETE FROM audit", "DELETE FROM audit_links"), ("row 12: cut off at the end",)),
    (("UPDATE audit SET id = 99 WHERE id = 3", "UPDATE audit SET id = 3 WHERE id = 6",
      "UPDATE audit SET id = 6 WHERE id = 99"), EXCHANGED),
    (("UPDATE audit_links SET position = 99 WHERE position = 3",
      "UPDATE audit_links SET position = 3 WHERE position = 6",
      "UPDATE audit_links SET position = 6 WHERE position = 99"), EXCHANGED),
    ((FORGED,), ("row 50: its link was deleted, or the row was inserted by hand",)),
    ((FORGED, "INSERT INTO audit_links (position, audit_id, previous_id, row_tag, chain_tag)"
      " SELECT 13, 50, 12, row_tag, chain_tag FROM audit_links WHERE position = 12"),
     ("row 50: link edited or forged",)),
]


def test_each_manipulation_is_found_and_names_the_row(make_sql_rig):
    rig = make_sql_rig()
    insert_rows(rig, ROWS)
    wait_linked(rig, ROWS)
    rig.service.stop()
    assert "0 rows not linked" in assert_intact(rig, ROWS)
    for table in SAVED:
        rig.database.run(f"CREATE TABLE saved_{table} AS SELECT * FROM {table}")
    for statements, problems in MANIPULATIONS:
        for statement in statements:
            rig.database.run(statement)
        assert_broken(rig, *problems)
        for table in SAVED:
            rig.database.run(f"DELETE FROM {table}")
            rig.database.run(f"INSERT INTO {table} SELECT * FROM saved_{table}")
    assert_intact(rig, ROWS)


def test_row_linked_twice_is_found(make_sql_rig):
    rig = make_sql_rig()
    insert_rows(rig, ROWS)
    wait_linked(rig, ROWS)
    rig.service.stop()
    rig.database.run("DROP INDEX audit_links_audit_id")
    rig.database.run("INSERT INTO audit_links SELECT position + 9, audit_id, previous_id,"
                     " changes_digest, row_tag, chain_tag FROM audit_links WHERE position = 4")
    assert_broken(rig, "row 4: linked twice")


def test_end_that_was_cut_off_while_the_service_runs_is_found_and_logged(make_sql_rig):
    """Rows that are linked later do not conceal the cut."""
    rig = make_sql_rig()
    insert_rows(rig, ROWS)
    wait_linked(rig, ROWS)
    rig.database.run("DELETE FROM audit WHERE id > 9")
    rig.database.run("DELETE FROM audit_links WHERE audit_id > 9")
    wait_until(lambda: rig.count_log("run kontora audit verify"), what="a line of the log")
    insert_rows(rig, ROWS)
    wait_linked(rig, 9 + ROWS)
    assert_broken(rig, "row 12: cut off or edited")


def test_erased_changes_keep_the_chain_valid(make_sql_rig):
    rig = make_sql_rig()
    insert_rows(rig, ROWS)
    wait_linked(rig, ROWS)
    rig.database.run("UPDATE audit SET changes = NULL, salt = NULL WHERE id IN (3, 5)")
    assert f"{ROWS} rows verified, 2 of them erased" in assert_intact(rig, ROWS)


# --- linking --------------------------------------------------------------------------------------

def test_rows_are_linked_within_a_second(make_sql_rig):
    rig = make_sql_rig()
    insert_rows(rig, 1)
    wait_linked(rig, 1)
    took = []
    for _ in range(5):
        insert_rows(rig, 1)
        begin = time.monotonic()
        wait_until(lambda: not number(rig, "count(*) FROM audit WHERE linked = 0"),
                   what="the row to be linked")
        took.append(time.monotonic() - begin)
    assert min(took) < 1, took  # the others allow for a busy machine


def test_linking_continues_after_the_housekeeper_was_killed(make_sql_rig):
    rig = make_sql_rig()
    total = 0
    for _ in range(5):
        insert_rows(rig, 700)
        total += 700
        wait_until(lambda: number(rig, "count(*) FROM audit_links") > 0, what="the first links")
        for pid in rig.service.housekeepers():
            os.kill(pid, signal.SIGKILL)
        wait_until(rig.service.housekeepers, what="a new housekeeper")
    wait_linked(rig, total)
    assert_intact(rig, total)
    assert number(rig, "max(position) FROM audit_links") == total


def test_row_that_commits_late_is_linked(make_rig, postgres):
    """On PostgreSQL, a transaction may commit after others with higher ids."""
    rig = make_rig(database=postgres)
    late = ("INSERT INTO audit (at, actor, action, resource, status)"
            f" VALUES ({now_ms()}, 'late', 'a', 'b', 'success')")
    with rig.database.holding(late) as commit:
        insert_rows(rig, 3)
        wait_linked(rig, 3)
        commit()
    wait_linked(rig, 4)
    [(position, least)] = rig.database.run(
        "SELECT position, (SELECT min(id) FROM audit) = audit_id FROM audit_links"
        " WHERE audit_id = (SELECT id FROM audit WHERE actor = 'late')")
    assert (position, least) == ("4", "t")
    assert_intact(rig, 4)


def test_one_host_links_at_a_time_and_waiting_rows_are_measured(make_rig, postgres):
    rig = make_rig(database=postgres)

    def measured():
        values = metrics.values(rig.anonymous(""))
        return tuple(values[f"kontora_audit_unlinked_{name}",] for name in ("rows", "age_seconds"))

    wait_until(lambda: measured() == (0, 0), what="no rows to wait")
    lock = f"DO $$ BEGIN PERFORM pg_advisory_xact_lock({CHAIN_LOCK}); END $$"
    with rig.database.holding(lock) as end:
        insert_rows(rig, 3, at=now_ms() - MINUTE_MS)
        wait_until(lambda: measured()[0] == 3 and measured()[1] >= MINUTE_MS / 1000,
                   what="the waiting rows to be measured")
        assert number(rig, "count(*) FROM audit_links") == 0
        done = verify(rig)
        assert done.returncode == 0
        assert re.search(r"^3 rows not linked since 20\d\d-\d\d-\d\dT", done.stdout, re.M)
        end()
    wait_linked(rig, 3)
    wait_until(lambda: measured() == (0, 0), what="the rows to be linked")


def test_abandoned_pending_row_becomes_unknown(make_sql_rig):
    rig = make_sql_rig()
    rig.service.stop()
    insert_rows(rig, 1, "pending", at=now_ms() - 11 * MINUTE_MS)
    insert_rows(rig, 1, "pending")
    rig.service.start()
    wait_until(lambda: rig.database.run("SELECT status, linked FROM audit ORDER BY id")
               == [("unknown", "1"), ("pending", "0")], what="the row to be linked as unknown")
    wait_until(rig.audit().heads, what="the last link in the audit file")
    assert "1 rows not linked since" in assert_intact(rig, 1)


def test_audit_outage_of_the_database_ends(make_rig, postgres):
    rig = make_rig(database=postgres)
    insert_rows(rig, 2)
    wait_linked(rig, 2)
    rig.database.run("ALTER TABLE audit_links RENAME TO lost_links")
    insert_rows(rig, 2)
    wait_until(lambda: rig.count_log("audit: cannot link rows"), what="a warning")
    rig.database.run("ALTER TABLE lost_links RENAME TO audit_links")
    wait_linked(rig, 4)
    assert rig.count_log("linking rows works again") == 1
    assert_intact(rig, 4)


# --- audit files ----------------------------------------------------------------------------------

def test_heads_are_read_from_rotated_and_compressed_files(make_rig):
    rig = make_rig()
    log = rig.stack.audit_log
    insert_rows(rig, ROWS)
    wait_linked(rig, ROWS)
    with open(log, "rb") as plain, gzip.open(f"{log}.2.gz", "wb") as compressed:
        shutil.copyfileobj(plain, compressed)
    log.rename(f"{log}.1")
    rig.service.reopen_logs()
    wait_until(log.exists, what="a new audit file")
    rig.service.stop()
    assert_intact(rig, ROWS)
    os.remove(f"{log}.1")
    rig.database.run("DELETE FROM audit WHERE id > 9")
    rig.database.run("DELETE FROM audit_links WHERE audit_id > 9")
    assert_broken(rig, "row 12: cut off at the end")
    os.remove(f"{log}.2.gz")
    assert_broken(rig, "the audit files record no link")
    assert_broken(rig, f"{log}.7: cannot read the file", "the audit files record no link",
                  arguments=[f"{log}.7"])


def test_lasting_problems_of_the_audit_file_are_not_logged_every_second(make_rig):
    """The end of the chain is lost, and the audit file cannot be written."""
    rig = make_rig()
    log = rig.stack.audit_log
    insert_rows(rig, ROWS)
    wait_linked(rig, ROWS)
    log.rename(f"{log}.1")
    log.symlink_to("/dev/full")
    rig.service.reopen_logs()
    rig.database.run("DELETE FROM audit WHERE id > 9")
    rig.database.run("DELETE FROM audit_links WHERE audit_id > 9")
    wait_until(lambda: rig.count_log("cannot record the last link"), what="a line of the log")
    wait_until(lambda: metrics.values(rig.anonymous(""))["kontora_audit_failures_total",] >= 4,
               what="more attempts to write the last link")
    assert rig.count_log("run kontora audit verify") == 1
    assert rig.count_log("cannot record the last link") == 1
    log.unlink()
    rig.service.reopen_logs()
    wait_until(lambda: rig.audit().heads(), what="the last link in the new file")
    assert rig.audit().heads()[-1]["position"] == 9


def test_head_is_recorded_at_most_once_a_second(make_rig):
    rig = make_rig()
    begin = time.monotonic()
    for _ in range(10):
        insert_rows(rig, 1)
        wait_until(lambda: not number(rig, "count(*) FROM audit WHERE linked = 0"))
    wait_linked(rig, 10)
    heads = rig.audit().heads()
    assert len(heads) <= 2 + (time.monotonic() - begin)
    assert [head["position"] for head in heads] == sorted({head["position"] for head in heads})
    assert set(heads[0]) == {"kind", "timestamp", "position", "audit_id", "chain_tag"}


# --- keys -----------------------------------------------------------------------------------------

def test_changed_key_is_found_and_derived_key_can_be_kept(make_rig):
    rig = make_rig()
    insert_rows(rig, 300)
    wait_linked(rig, 300)
    old = rig.stack.env["SECRET_KEY"]
    derived = hmac.new(old.encode(), b"audit", hashlib.sha256).hexdigest()
    printed = subprocess.run(
        ["sh", "-c", "printf audit | openssl dgst -sha256 -hmac \"$SECRET_KEY\" -r"
         " | cut -d ' ' -f 1"], env={**os.environ, "SECRET_KEY": old}, check=True,
        capture_output=True, text=True).stdout.strip()
    assert printed == derived
    new = vault.password() * 3
    assert_broken(rig, "no link up to row 250 is correct", SECRET_KEY=new)
    rig.restart(SECRET_KEY=new, AUDIT_KEY=derived)
    insert_rows(rig, 5)
    wait_linked(rig, 305)
    assert_intact(rig, 305)


# --- retention ------------------------------------------------------------------------------------

@pytest.mark.parametrize("old", [700, 30])
def test_retention_deletes_old_rows_and_leaves_an_anchor(make_sql_rig, old):
    rig = make_sql_rig()
    insert_rows(rig, old, at=now_ms() - 3 * DAY_MS)
    insert_rows(rig, 5)
    wait_linked(rig, old + 5)
    rig.restart(AUDIT_RETENTION_DAYS="2")
    wait_until(lambda: number(rig, "count(*) FROM audit") == 5, what="old rows to be deleted")
    assert number(rig, "count(*) FROM audit_links") == 5
    assert f"{old} deleted after AUDIT_RETENTION_DAYS" in assert_intact(rig, 5)
    insert_rows(rig, 2)
    wait_linked(rig, old + 7)
    assert_intact(rig, 7)
    rig.service.stop()
    rig.database.run("UPDATE audit_anchors SET removed_count = removed_count + 1")
    assert_broken(rig, f"row {old}: anchor invalid: it was edited")


def test_retention_continues_after_many_edited_rows_and_reports_them_once(make_sql_rig):
    rig = make_sql_rig()
    edited = 600
    insert_rows(rig, edited + 40, at=now_ms() - 3 * DAY_MS)
    insert_rows(rig, 5)
    wait_linked(rig, edited + 45)
    rig.database.run(f"UPDATE audit SET actor = 'eve' WHERE id <= {edited}")
    rig.restart(AUDIT_RETENTION_DAYS="2")
    wait_until(lambda: number(rig, "count(*) FROM audit") == 5, what="old rows to be deleted")
    wait_until(lambda: rig.count_log("rows after AUDIT_RETENTION_DAYS"), what="the end of a round")
    reports = [line["message"] for line in rig.log() if "had been edited" in line["message"]]
    assert reports == [f"audit: {edited} rows that retention deleted had been edited or were"
                       " missing"]
    assert_broken(rig, f"row {edited + 40}: anchor invalid: {edited} of the {edited + 40} rows")


def test_rows_are_kept_without_a_retention_time(make_rig):
    rig = make_rig()
    insert_rows(rig, 5, at=1)
    wait_linked(rig, 5)
    insert_rows(rig, 1)
    rig.restart()
    wait_linked(rig, 6)
    assert_intact(rig, 6)
