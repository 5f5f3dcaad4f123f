"""Text keys: `kontora migrate up` rebuilds them after a change of the version of ICU, and hosts of
different versions refuse to share a database."""

import os
import random
import subprocess
import time

import pytest
from stack import TOP

from support.accounts import Accounts
from support.database import postgres_holding
from support.waiting import wait_until

OTHER_ICU = TOP / "tests/support/other_icu.c"

CONTACTS = 20_000
ACCOUNTS = 3_000
KILLS = 8
RUNS_MAX = 60
PATIENCE_S = 60

KEYS = {
    "accounts": "id, username_key, username_sort_key, email_key",
    "contacts": "id, name_sort_key, email_key, email_unique_key, search_text",
    "sessions": "id, username_key",
}

NUMBERS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {})"

# Rows of another version: their names have letters of both cases, and all their keys are wrong.
FILL_CONTACTS = NUMBERS.format(CONTACTS) + """
INSERT INTO contacts (organization_id, name, email, email_key, email_unique_key, phone, company,
                      search_text, created_at, updated_at)
SELECT {organization}, 'Ёлкин Пётр ' || i, 'Client' || i || '@Example.com', 'old' || i,
       CASE WHEN i % 2 = 0 THEN 'old' || i END, '+7 900 ' || (1000000 + i), 'Ромашка ' || i,
       '  old' || i, 1, 1
  FROM n"""
FILL_ACCOUNTS = NUMBERS.format(ACCOUNTS) + """
INSERT INTO accounts (username, username_key, email, email_key, name, created_at, updated_at)
SELECT 'Person' || i, 'old' || i, 'Person' || i || '@Example.com', 'old' || i, 'n', 1, 1 FROM n"""

INDEX_CONTACTS = (
    "INSERT INTO contacts_search (rowid, search_text)"
    " SELECT c.id, c.search_text FROM contacts c JOIN contacts_unindexed u ON u.id = c.id",
    "DELETE FROM contacts_unindexed",
)


@pytest.fixture(scope="module")
def other_icu(tmp_path_factory):
    """Compiles the library that gives the program another version of ICU."""
    library = tmp_path_factory.mktemp("icu") / "other_icu.so"
    subprocess.run(["gcc", "-std=gnu17", "-O1", "-shared", "-fPIC", "-o", library, OTHER_ICU],
                   check=True)
    return str(library)


def start(rig, *arguments, **env):
    return subprocess.Popen([rig.stack.binary, *arguments], env={**rig.stack.env, **env},
                            cwd=rig.folder, text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)


def run(rig, *arguments, **env):
    """Runs a command. Returns the exit status and the output of both streams."""
    with start(rig, *arguments, **env) as process:
        out, err = process.communicate(timeout=PATIENCE_S)
        return process.returncode, out + err


def fill(rig, organization):
    rig.database.run(FILL_CONTACTS.replace("{organization}", str(organization)))
    rig.database.run(FILL_ACCOUNTS)
    if is_sqlite(rig):
        for statement in INDEX_CONTACTS:
            rig.database.run(statement)
    rig.database.run("UPDATE text_keys SET version = 'other'")


def is_sqlite(rig):
    return "DATABASE_URL" not in rig.stack.env


def read_keys(rig):
    return {table: rig.database.run(f"SELECT {columns} FROM {table} ORDER BY id")
            for table, columns in KEYS.items()}


def can_create_contact(client):
    return client.post("/contacts", json={"name": "Иванов"}).status_code == 201


# --- rebuilds -------------------------------------------------------------------------------------

def kill_repeatedly(rig):
    """Runs and kills `kontora migrate up` until a run ends by itself. Returns the first line of
    each run."""
    began = time.monotonic()
    first_lines = []
    for number in range(RUNS_MAX):
        with start(rig, "migrate", "up") as process:
            first_lines.append(process.stdout.readline())
            if number < KILLS:
                # the rebuild must survive a kill at any time
                time.sleep(random.uniform(0, 0.15))
                process.kill()
            out, err = process.communicate(timeout=PATIENCE_S)
            if process.returncode == 0:
                assert "is complete" in first_lines[-1] + out, (out, err)
                print(f"{number} killed, {time.monotonic() - began:.1f} s")
                return first_lines
    raise AssertionError("the rebuild does not end")


def test_killed_rebuild_of_text_keys_continues(make_sql_rig):
    rig = make_sql_rig()
    owner = Accounts(rig.anonymous()).register()
    made = owner.client.post("/contacts", json={"name": "Ёлкин Пётр", "email": "A@Example.com"})
    own = read_keys(rig)["contacts"]
    rig.service.stop()
    fill(rig, owner.organization)
    first_lines = kill_repeatedly(rig)
    print("".join(first_lines))
    assert len(first_lines) > KILLS / 2
    assert any("continuing in" in line for line in first_lines)
    keys = read_keys(rig)
    assert own[0] in keys["contacts"] and len(keys["contacts"]) == CONTACTS + 1
    assert not any("old" in value for rows in keys.values() for row in rows for value in row)
    # a rebuild without interruption computes the same keys
    rig.database.run("UPDATE text_keys SET version = 'other'")
    status, out = run(rig, "migrate", "up")
    assert status == 0 and f"contacts: {CONTACTS + 1} rows, 0 changed" in out, out
    assert read_keys(rig) == keys
    if is_sqlite(rig):
        rig.database.run("INSERT INTO contacts_search (contacts_search, rank)"
                         " VALUES ('integrity-check', 1)")
    rig.service.start()
    for text, found in ((f"ёлкин {CONTACTS}", 1), ("old7", 0), (f"ромашка {CONTACTS}", 1),
                        ("Client777@example.com", 1)):
        body = owner.client.get("/contacts", params={"search": text}).json()
        assert body["total"] == found, (text, body)
    assert owner.client.get("/contacts", params={"email": "client5@example.com"}).json()["total"]
    assert made.ok and can_create_contact(owner.client)


def test_accounts_with_equal_names_are_reported_and_kept(make_sql_rig):
    rig = make_sql_rig()
    people = [Accounts(rig.anonymous()).register() for _ in range(2)]
    rig.service.stop()
    rig.database.run("UPDATE accounts SET username = 'Twin', username_key = 'x' || id")
    rig.database.run("UPDATE text_keys SET version = 'other'")
    status, out = run(rig, "migrate", "up")
    twin = max(person.id for person in people)
    line = f"accounts {twin}: the user name equals that of accounts {twin - 1}"
    assert status == 0 and f"\n{line}\n" in f"\n{out}", out
    assert f'"level":"warning","message":"text keys: {line}"' in out
    status, out = run(rig, "migrate", "status")
    assert f"text keys: duplicate keys in accounts: {twin}\n" in out
    rig.service.start()
    for person in people:
        assert rig.anonymous().login(person.email, person.password)
    rig.database.run(f"UPDATE accounts SET username = 'Single' WHERE id = {twin}")
    status, out = run(rig, "migrate", "up")  # while the service runs
    assert (status, out) == (0, "accounts: 1 rows, 1 changed\n")
    assert "duplicate" not in run(rig, "migrate", "status")[1]
    assert rig.anonymous().login("single", people[-1].password)


def waits_for_lock(rig):
    return rig.database.run("SELECT 1 FROM pg_stat_activity WHERE application_name = 'kontora'"
                            " AND datname = current_database() AND wait_event_type = 'Lock'")


def test_address_that_changes_during_the_retry_of_duplicates_keeps_its_key(make_rig, postgres):
    """The retry has read the row with the former address when the change is committed."""
    rig = make_rig(database=postgres)
    person = Accounts(rig.anonymous()).register()
    rig.database.run("UPDATE accounts SET email = 'was@example.com',"
                     f" email_key = 'x' || chr(9) || '{person.id}' WHERE id = {person.id}")
    with rig.database.holding("UPDATE accounts SET email = 'new@example.com',"
                              f" email_key = 'new@example.com' WHERE id = {person.id}") as commit, \
            start(rig, "migrate", "up") as process:
        wait_until(lambda: waits_for_lock(rig), what="the retry to wait for the row")
        commit()
        out = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0, out
    assert rig.database.run(f"SELECT email, email_key FROM accounts WHERE id = {person.id}") == [
        ("new@example.com", "new@example.com")]


# Spellings that older versions treated as different names.
SPELLINGS = [("\u00a0Iwanow\u200b", "iwanow"), ("\ufeffЙодов".replace("Й", "И\u0306"), "йодов"),
             ("Со\u00adколов\u2003", "соколов")]


@pytest.mark.parametrize("stored, typed", SPELLINGS)
def test_account_with_invisible_characters_logs_in_after_the_rebuild(make_sql_rig, stored, typed):
    rig = make_sql_rig()
    person = Accounts(rig.anonymous()).register()
    email = f"\u200b{person.email}\u00ad"
    rig.service.stop()
    rig.database.run(f"UPDATE accounts SET username = '{stored}', username_key = '{stored}',"
                     f" email = '{email}', email_key = '{email}'")
    rig.database.run("UPDATE text_keys SET version = 'other'")
    status, out = run(rig, "migrate", "up")
    assert status == 0 and "accounts: 1 rows, 1 changed" in out, out
    rig.service.start()
    for name in (typed, typed.upper(), stored, person.email):
        assert rig.anonymous().login(name, person.password), name


# --- hosts of different versions ------------------------------------------------------------------

def test_host_with_another_icu_does_not_start(make_sql_rig, other_icu):
    rig = make_sql_rig()
    status, out = run(rig, "serve", LD_PRELOAD=other_icu)
    assert status == os.EX_CONFIG and "the same version of ICU on all hosts" in out, out
    status, out = run(rig, "admin", "list", LD_PRELOAD=other_icu)
    assert status == os.EX_UNAVAILABLE and "version of ICU" in out, out
    status, out = run(rig, "migrate", "status", LD_PRELOAD=other_icu)
    assert status == 0 and "run kontora migrate up" in out and "icu 99.1" in out, out


def test_rebuild_refuses_postgres_that_another_host_uses(make_rig, postgres, other_icu):
    rig = make_rig(database=postgres)
    owner = Accounts(rig.anonymous()).register()
    status, out = run(rig, "migrate", "up", LD_PRELOAD=other_icu)
    assert status == 1 and "stop the service on all hosts" in out, out
    assert can_create_contact(owner.client)
    rig.service.stop()
    status, out = run(rig, "migrate", "up", LD_PRELOAD=other_icu)
    assert status == 0 and "icu 99.1" in out, out
    assert run(rig, "serve")[0] == os.EX_CONFIG  # without the other version of ICU
    rig.service.change(LD_PRELOAD=other_icu)
    rig.service.start()
    assert can_create_contact(owner.client)


def test_rebuild_refuses_postgres_that_an_older_kontora_uses(make_rig, postgres):
    """Older versions do not take the lock; application_name reveals their sessions."""
    rig = make_rig(database=postgres)
    rig.service.stop()
    rig.database.run("UPDATE text_keys SET version = 'other'")
    url = f"{rig.stack.env['DATABASE_URL']}&application_name=kontora-core"
    with postgres_holding(url, "SET TIME ZONE 'UTC'"):
        status, out = run(rig, "migrate", "up")
        assert status == 1 and "stop the service on all hosts" in out, out
    status, out = run(rig, "migrate", "up")
    assert status == 0 and "is complete" in out, out


def test_host_that_missed_a_rebuild_on_postgres_does_not_write(make_rig, postgres):
    """While its connections are lost, another host rebuilds the keys."""
    rig = make_rig(database=postgres)
    owner = Accounts(rig.anonymous()).register()
    rig.database.run("UPDATE text_keys SET version = 'other'")
    rig.database.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                     " WHERE application_name LIKE 'kontora-%'"
                     " AND datname = current_database()")
    wait_until(lambda: rig.anonymous("").get("/health/ready").status_code == 503,
               what="the host to be not ready")
    assert not can_create_contact(owner.client)
    assert owner.client.get("/contacts").status_code == 503
    assert rig.count_log('the text keys have version "other"')
    status, _ = run(rig, "migrate", "up")
    assert status == 0
    wait_until(lambda: can_create_contact(owner.client), what="the host to work again")


def test_running_service_on_sqlite_does_not_write_after_a_rebuild(make_rig, other_icu):
    rig = make_rig()
    owner = Accounts(rig.anonymous()).register()
    status, out = run(rig, "migrate", "up", LD_PRELOAD=other_icu)
    assert status == 0, out
    assert owner.client.post("/contacts", json={"name": "a"}).status_code == 503
    wait_until(lambda: owner.client.get("/contacts").status_code == 503,
               what="reads to be refused")
    assert rig.anonymous("").get("/health/ready").status_code == 503
    status, out = run(rig, "migrate", "up")
    assert status == 0, out
    wait_until(lambda: can_create_contact(owner.client), what="the service to work again")
