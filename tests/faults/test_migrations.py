"""`kontora migrate up` that is killed: each migration is applied completely or not at all, and a
repetition applies the rest. Also tests existing rows.

Each case starts with an empty database. The process is killed at times spread over its duration,
and at exact points: while it waits for a lock, or when a file reaches a size limit.
"""

import collections
import contextlib
import itertools
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest
from stack.processes import PATH

from support.database import postgres_holding
from support.waiting import wait_until

MOMENTS = 25
PLACES = 12  # number of tables and indexes before whose creation it is killed

SIZE_STEP = 3000  # bytes; not a multiple of the page size, so that some pages are partly written

PATIENCE_S = 20

POSTGRES_SCHEMA = """
SELECT 'column', table_name, column_name, data_type, is_nullable
  FROM information_schema.columns WHERE table_schema = 'public'
UNION ALL
SELECT 'index', tablename, indexname, indexdef, '' FROM pg_indexes WHERE schemaname = 'public'
UNION ALL
SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid), ''
  FROM pg_constraint WHERE connamespace = 'public'::regnamespace
ORDER BY 1, 2, 3"""


class Sqlite:
    """SQLite databases in one folder."""

    def __init__(self, folder):
        self._files = (folder / f"{number}.db" for number in itertools.count(1))

    def create(self):
        return f"sqlite:///{next(self._files)}"

    def schema(self, url):
        with self.connect(url) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            return database.execute("SELECT name, sql FROM sqlite_schema ORDER BY name").fetchall()

    @staticmethod
    def connect(url):
        return contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"),
                                                  isolation_level=None))

    def settle(self, url):
        """SQLite needs no waiting: a killed process leaves no session."""


class Postgres:
    """One PostgreSQL database that is emptied each time, which is cheaper than creating one."""

    def __init__(self, server):
        self.server = server
        self._url = server.create()

    def create(self):
        self.server.sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public", self._url)
        return self._url

    def schema(self, url):
        return self.server.sql(POSTGRES_SCHEMA, url)

    def settle(self, url):
        """Waits until the server has ended the sessions of the killed process."""
        others = "SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND " \
                 "datname = current_database()"
        wait_until(lambda: self.server.sql(others, url) == ["0"], PATIENCE_S,
                   "the sessions of the killed process to end")

    def has_lock_waiters(self, url):
        """Returns rows if a session waits for a lock."""
        waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND " \
                  "datname = current_database()"
        return self.server.sql(waiting, url)


class Migrations:
    """Runs the program's migrations on databases of one engine. `steps[n]` is the schema after n
    migrations."""

    def __init__(self, binary, folder, engine):
        self.engine, self._binary, self._folder = engine, binary, folder
        url = engine.create()
        self.count = len(self.status(url))
        self.steps = [engine.schema(url)]
        for number in range(1, self.count + 1):
            self.run(url, "up", str(number))
            self.steps.append(engine.schema(url))
        assert self.steps[0] == [] and len(set(map(str, self.steps))) == self.count + 1

    def start(self, url, *arguments, under=()):
        """Starts `kontora migrate`. `under` is a command that executes it."""
        env = {"STATE_DIR": str(self._folder), "SOCKET_DIR": str(self._folder), "PATH": PATH,
               "DATABASE_URL": url}
        return subprocess.Popen([*under, self._binary, "migrate", *arguments], env=env, text=True,
                                cwd=self._folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def run(self, url, *arguments):
        with self.start(url, *arguments) as process:
            out, err = process.communicate(timeout=PATIENCE_S)
            assert (process.returncode, err) == (0, ""), (url, arguments)
            return out.splitlines()

    def status(self, url):
        """Returns the lines about migrations."""
        return [line for line in self.run(url, "status") if line[0].isdigit()]

    def duration_s(self):
        """Returns the duration of all migrations on an empty database."""
        with self.start(self.engine.create(), "up") as process:
            started = time.monotonic()
            assert process.wait(PATIENCE_S) == 0
            return time.monotonic() - started

    def recover(self, url):
        """Asserts that each migration was applied completely or not at all, and that the rest
        can be applied; returns the number applied."""
        self.engine.settle(url)
        applied = sum(" applied " in line for line in self.status(url))
        assert self.engine.schema(url) == self.steps[applied]
        self.run(url, "up")
        assert self.engine.schema(url) == self.steps[-1]
        assert all(" applied " in line for line in self.status(url))
        assert self.run(url, "status")[-1].startswith('text keys: version "')
        return applied


def kill_process(process):
    process.kill()
    process.communicate(timeout=PATIENCE_S)
    return process.returncode == -signal.SIGKILL


@pytest.fixture
def on_sqlite(binary, tmp_path):
    return Migrations(binary, tmp_path, Sqlite(tmp_path))


@pytest.fixture
def on_postgres(binary, tmp_path, postgres):
    return Migrations(binary, tmp_path, Postgres(postgres))


@pytest.fixture(params=["on_sqlite", "on_postgres"])
def migrations(request):
    return request.getfixturevalue(request.param)


def test_migration_killed_at_any_time_can_be_run_again(migrations):
    whole_s = min(migrations.duration_s() for _ in range(3))
    killed, found = 0, collections.Counter()
    for number in range(MOMENTS):
        url = migrations.engine.create()
        process = migrations.start(url, "up")
        time.sleep(whole_s * number / MOMENTS)  # the time of the kill is the parameter under test
        killed += kill_process(process)
        found[migrations.recover(url)] += 1
    print(f"{whole_s * 1000:.0f} ms, {killed} of {MOMENTS} killed, applied then: {dict(found)}")
    assert killed > MOMENTS / 4 and found[0]


def test_migration_killed_while_waiting_for_sqlite_lock_applies_nothing(on_sqlite):
    url = on_sqlite.engine.create()
    with on_sqlite.engine.connect(url) as somebody:
        somebody.execute("PRAGMA journal_mode = WAL")
        somebody.execute("BEGIN IMMEDIATE")
        process = on_sqlite.start(url, "up")
        log = url.removeprefix("sqlite:///") + "-wal"
        wait_until(lambda: log in open_files(process), PATIENCE_S, "the WAL file to be open")
        assert kill_process(process)
        somebody.execute("ROLLBACK")
    assert on_sqlite.recover(url) == 0


def open_files(process):
    found = []
    for link in Path(f"/proc/{process.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.append(str(link.readlink()))
    return found


def test_migration_killed_at_any_written_byte_can_be_run_again(on_sqlite):
    """RLIMIT_FSIZE makes the kernel kill a process that writes beyond the limit."""
    found, size = collections.Counter(), 0
    while True:
        url = on_sqlite.engine.create()
        process = on_sqlite.start(url, "up", under=["prlimit", f"--fsize={size}", "--core=0"])
        process.communicate(timeout=PATIENCE_S)
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGXFSZ
        found[on_sqlite.recover(url)] += 1
        size += SIZE_STEP
    print(f"killed at {sum(found.values())} sizes, applied then: {dict(found)}")
    # all are applied if the rebuild of the text keys was killed
    assert set(found) - {on_sqlite.count} == set(range(on_sqlite.count))


def relation_names(url, postgres):
    """Returns the names of tables and indexes that migrations create."""
    return postgres.sql("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
                        " AND relkind IN ('r', 'i') AND relname NOT LIKE '%\\_pkey' ORDER BY oid",
                        url)


def test_migration_killed_before_creating_postgres_object_can_be_run_again(on_postgres):
    """Another session has created a relation with the same name and has not yet committed."""
    engine = on_postgres.engine
    url = engine.create()
    on_postgres.run(url, "up")
    names = relation_names(url, engine.server)
    for name in names[::len(names) // PLACES]:
        migrate_before = next(number for number, schema in enumerate(on_postgres.steps[1:])
                              if any(name in row.split("|") for row in schema))
        url = engine.create()
        with postgres_holding(url, f"CREATE TABLE {name} (id integer)"):
            process = on_postgres.start(url, "up")
            wait_until(lambda: engine.has_lock_waiters(url), PATIENCE_S, "the migration to wait")
            assert kill_process(process)
        assert on_postgres.recover(url) == migrate_before, name


# --- existing rows --------------------------------------------------------------------------------

# Accounts by id with their memberships: organization, role, time of joining.
MEMBERSHIPS = {
    1: [(1, "OWNER", 1000)],
    # added to an organization that is older than their own
    2: [(1, "OWNER", 3000), (2, "OWNER", 2000)],
    3: [(2, "SALES", 5000), (1, "VIEWER", 6000)],
    4: [(1, "SALES", 4000), (3, "OWNER", 7000)],
    5: [],
}
DEFAULTS = {1: 1, 2: 2, 3: 2, 4: 3, 5: None}


def migrate_before(migrations, url, name):
    """Migrates the database to the state before the migration of that name; returns its number."""
    lines = [line.split() for line in migrations.status(url)]
    number = next(int(line[0]) for line in lines if line[1] == name)
    migrations.run(url, "up", str(number - 1))
    return number


def run_sql(migrations, url, statement):
    if isinstance(migrations.engine, Postgres):
        return [tuple(line.split("|")) for line in migrations.engine.server.sql(statement, url)]
    with migrations.engine.connect(url) as database:
        return [tuple("" if value is None else str(value) for value in row)
                for row in database.execute(statement).fetchall()]


def test_schema_upgrade_keeps_roles_and_sets_own_default_organization(migrations):
    """Their addresses become unverified. Reverting the migration removes only what it added."""
    url = migrations.engine.create()
    number = migrate_before(migrations, url, "invitations")
    for organization in (1, 2, 3):
        run_sql(migrations, url,
                "INSERT INTO organizations (id, name, currency, created_at, updated_at)"
                f" VALUES ({organization}, 'o', 'RUB', 1, 1)")
    for account, memberships in MEMBERSHIPS.items():
        run_sql(migrations, url,
                "INSERT INTO accounts (id, username, username_key, email, email_key,"
                f" name, created_at, updated_at) VALUES ({account}, 'a{account}',"
                f" 'a{account}', '{account}@a.b', '{account}@a.b', 'a', 1, 1)")
        for organization, role, created_at in memberships:
            run_sql(migrations, url,
                    "INSERT INTO members (organization_id, account_id, role, created_at)"
                    f" VALUES ({organization}, {account}, '{role}', {created_at})")
    members = "SELECT account_id, organization_id, role FROM members ORDER BY 1, 2"
    was = run_sql(migrations, url, members)
    migrations.run(url, "up")
    assert run_sql(migrations, url, members) == was
    found = run_sql(migrations, url, "SELECT id, default_organization_id, email_verified_at"
                    " FROM accounts ORDER BY id")
    assert found == [(str(account), "" if default is None else str(default), "")
                     for account, default in DEFAULTS.items()]
    migrations.run(url, "down", str(number - 1))
    assert run_sql(migrations, url, members) == was
    migrations.run(url, "up")
    assert run_sql(migrations, url, "SELECT count(*) FROM accounts") == [(str(len(DEFAULTS)),)]
