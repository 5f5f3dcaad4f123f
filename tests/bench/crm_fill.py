"""Adds contacts, deals, tasks and activities to an organization directly in the database. The
database, of either engine, must not have any yet, and no service may use it. Takes seconds, while
the API would take an hour, because indexes are created after all rows.

The rows are the same in every run, except for times, which are relative to now.
"""

import contextlib
import dataclasses
import itertools
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from datetime import datetime, timezone

from stack import TOP, Postgres, Stack
from stack.processes import run

TABLES = ("contacts", "deals", "tasks", "activities")
DAYS_AROUND = 90  # due dates are at most so many days before or after today
MS_PER_DAY = 24 * 60 * 60 * 1000
MS_PER_YEAR = 365 * MS_PER_DAY

EMAIL = "owner@example.com"
PASSWORD = "long-enough"
BATCH = 500  # words that one statement inserts
MEMBERS = 5  # members of the organization, who own equal parts of the rows

SORT_KEYS = TOP / "build/tests/bench/sort_keys"  # sort_keys.c

RARE_COMPANY = "АО «Единорог»"  # the company of only one contact

FAMILY_NAMES = """Иванов Смирнов Кузнецов Попов Васильев Петров Соколов Михайлов Новиков Фёдоров
    Морозов Волков Алексеев Лебедев Семёнов Егоров Павлов Козлов Степанов Николаев Орлов Андреев
    Макаров Никитин Захаров Зайцев Соловьёв Борисов Яковлев Григорьев Романов Воробьёв Сергеев
    Кузьмин Фролов Александров Дмитриев Королёв Гусев Киселёв""".split()
GIVEN_NAMES = """Александр Дмитрий Максим Сергей Андрей Алексей Артём Илья Кирилл Михаил Никита
    Матвей Роман Егор Арсений Иван Денис Евгений Тимофей Владислав Игорь Владимир Павел Руслан
    Марк""".split()
PATRONYMICS = """Александрович Дмитриевич Сергеевич Андреевич Алексеевич Михайлович Иванович
    Владимирович Павлович Николаевич Викторович Юрьевич Олегович Борисович Петрович
    Анатольевич Константинович Васильевич Игоревич Львович""".split()
FIRMS = """Ромашка Восток Заря Маяк Горизонт Лидер Олимп Родник Север Стройка Партнёр Импульс
    Меридиан Авангард Феникс Каскад Гранит Вектор Альянс Прогресс""".split()
FORMS = ("ООО", "АО", "ПАО", "ИП", "НКО")

PEOPLE = len(FAMILY_NAMES) * len(GIVEN_NAMES) * len(PATRONYMICS)

# Words are selected by two pseudo-random sequences, a and b.
NUMBERS = """(SELECT i, i * 1103515245 % 2147483647 AS a, i * 754974721 % 2147483629 AS b
                FROM numbers) n"""

# Statements for both engines. :name is replaced by a value; word_NAME are tables of words.
ROWS = f"""
INSERT INTO contacts (organization_id, name, name_sort_key, email, email_key, email_unique_key,
                      phone, company, position, notes, owner_id, search_text, created_at,
                      updated_at, folded)
SELECT :organization, name, name_sort_key, email, email, email,
       '+7 (' || substr(digits, 1, 3) || ') ' || substr(digits, 4, 3) || '-'
              || substr(digits, 7, 2) || '-' || substr(digits, 9, 2),
       company, 'Менеджер', 'Звонить после обеда', account,
       name_words || '  ' || email
       || '  +7  ' || substr(digits, 1, 3) || '  ' || substr(digits, 4, 3) || '-'
                   || substr(digits, 7, 2) || '-' || substr(digits, 9, 2)
       || '  +7' || digits || '  8' || digits || company_words, created, created,
       '{{"name":"' || name_folded || '","email":"' || email || '","company":"' || company_folded
       || '","position":"менеджер","notes":"звонить после обеда"}}'
  FROM (SELECT n.i, p.name, p.name_folded, p.name_sort_key, p.name_words, m.account,
               'client' || n.i || '@example.com' AS email,
               CAST(9000000000 + n.b % 1000000000 AS TEXT) AS digits,
               CASE n.i WHEN 1 THEN :rare ELSE f.name END AS company,
               CASE n.i WHEN 1 THEN :rare_words ELSE f.name_words END AS company_words,
               CASE n.i WHEN 1 THEN :rare_folded ELSE f.name_folded END AS company_folded,
               :first_time + n.i * :span / :rows AS created
          FROM {NUMBERS}
          JOIN word_people p ON p.i = n.a % :people
          JOIN word_firms f ON f.i = n.b % :firms
          JOIN word_members m ON m.i = n.a % :members) r
 ORDER BY i;

INSERT INTO deals (organization_id, title, amount, status, outcome, contact_id, owner_id,
                   description, expected_close_date, lost_reason, closed_at, created_at, updated_at,
                   folded)
SELECT :organization, 'Поставка мебели № ' || i, 100 + a % 100000000, status, outcome,
       1 + b % :rows, account, 'По договору', CASE WHEN b % 8 > 0 THEN day END,
       CASE outcome WHEN 'LOST' THEN 'Дорого' END, CASE status WHEN 'CLOSED' THEN created END,
       created, created,
       '{{"title":"поставка мебели no ' || i || '","description":"по договору"'
       || CASE outcome WHEN 'LOST' THEN ',"lost_reason":"дорого"}}' ELSE '}}' END
  FROM (SELECT n.i, n.a, n.b, m.account, d.day,
               CASE WHEN n.b % 10 < 3 THEN 'NEW' WHEN n.b % 10 < 6 THEN 'IN_PROGRESS'
                    WHEN n.b % 10 < 8 THEN 'WON' WHEN n.b % 10 < 9 THEN 'LOST'
                    ELSE 'CLOSED' END AS status,
               CASE WHEN n.b % 10 < 6 THEN NULL WHEN n.b % 10 < 8 THEN 'WON'
                    WHEN n.b % 10 < 9 THEN 'LOST' WHEN n.a % 3 = 0 THEN 'LOST'
                    ELSE 'WON' END AS outcome,
               :first_time + n.i * :span / :rows AS created
          FROM {NUMBERS}
          JOIN word_days d ON d.i = n.a % :days
          JOIN word_members m ON m.i = n.a % :members) r
 ORDER BY i;

INSERT INTO tasks (organization_id, title, description, status, due_date, overdue_from, assignee_id,
                   contact_id, deal_id, creator_id, completed_at, created_at, updated_at, folded)
SELECT :organization, 'Подготовить договор № ' || i, 'До конца дня', status,
       CASE WHEN b % 8 > 0 THEN due END, CASE WHEN b % 8 > 0 THEN overdue_from END, account,
       1 + a % :rows, 1 + b % :rows, account, CASE status WHEN 'DONE' THEN created END,
       created, created,
       '{{"title":"подготовить договор no ' || i || '","description":"до конца дня"}}'
  FROM (SELECT n.i, n.a, n.b, m.account, t.due, t.overdue_from,
               CASE n.b % 3 WHEN 0 THEN 'TODO' WHEN 1 THEN 'IN_PROGRESS' ELSE 'DONE' END AS status,
               :first_time + n.i * :span / :rows AS created
          FROM {NUMBERS}
          JOIN word_moments t ON t.i = n.a % :moments
          JOIN word_members m ON m.i = n.b % :members) r
 ORDER BY i;

INSERT INTO activities (organization_id, type, subject, description, contact_id, deal_id, author_id,
                        occurred_at, automatic, old_status, new_status, created_at, updated_at,
                        folded)
SELECT :organization,
       CASE a % 4 WHEN 0 THEN 'CALL' WHEN 1 THEN 'EMAIL' WHEN 2 THEN 'MEETING' ELSE 'NOTE' END,
       CASE a % 8 WHEN 3 THEN 'NEW → IN_PROGRESS' ELSE 'Договорились о цене' END,
       'Перезвонить через неделю', 1 + b % :rows, 1 + a % :rows, account,
       :first_time + i * :span / :rows, CASE a % 8 WHEN 3 THEN 1 ELSE 0 END,
       CASE a % 8 WHEN 3 THEN 'NEW' END, CASE a % 8 WHEN 3 THEN 'IN_PROGRESS' END,
       :first_time + i * :span / :rows, :first_time + i * :span / :rows,
       CASE a % 8 WHEN 3 THEN '{{"subject":"new → in_progress"' ELSE
       '{{"subject":"договорились о цене"' END || ',"description":"перезвонить через неделю"'
       || CASE a % 8 WHEN 3 THEN ',"old_status":"new","new_status":"in_progress"}}' ELSE '}}' END
  FROM (SELECT n.i, n.a, n.b, m.account
          FROM {NUMBERS}
          JOIN word_members m ON m.i = n.b % :members) r
 ORDER BY i;
"""


@dataclasses.dataclass(frozen=True)
class Filled:
    """A filled organization, and the credentials of its owner. Ids are 1 to `rows`."""

    rows: int
    organization: int
    email: str = EMAIL
    password: str = PASSWORD


def fill(stack: Stack, rows: int, postgres: Postgres | None = None) -> Filled:
    """Fills the database of a stack that has not been started."""
    stack.service.migrate()
    owner, organization = create_owner(stack)
    with engine(stack, postgres) as database:
        members = [owner, *add_members(database, organization)]
        script = [*word_tables(members, database), database.numbers(rows),
                  with_values(rows, organization)]
        database.fill(script)
    command(stack, "recount", "--repair")
    return Filled(rows, organization)


def command(stack: Stack, *arguments: str, given: str = "") -> str:
    done = subprocess.run([stack.binary, *arguments], input=given, check=True, env=stack.env,
                          cwd=stack.state_dir, capture_output=True, text=True)
    return done.stdout


def create_owner(stack: Stack) -> tuple[int, int]:
    """Creates an account with an organization, the first ones. Returns their ids."""
    command(stack, "admin", "create", EMAIL, "--organization", "Ромашка", given=PASSWORD + "\n")
    return 1, 1


def add_members(database: "Sqlite | Psql", organization: int) -> list[int]:
    """Adds members who cannot log in. Returns their ids."""
    ids = range(2, MEMBERS + 1)
    for number in ids:
        database.run([
            f"INSERT INTO accounts (username, username_key, email, email_key, name, created_at, "
            f"updated_at) VALUES ('member{number}', 'member{number}', 'member{number}@example.com',"
            f" 'member{number}@example.com', 'Коллега', 0, 0)",
            f"INSERT INTO members (organization_id, account_id, role, created_at) "
            f"VALUES ({organization}, {number}, 'SALES', 0)"])
    return list(ids)


# --- words ----------------------------------------------------------------------------------------


def words_of(text: str) -> str:
    """Returns the text in the format of the column search_text (app/rest/search.h)."""
    return "".join(f"  {word.strip('«»')}" for word in text.lower().replace("ё", "е").split())


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def first_day() -> int:
    return (now_ms() // MS_PER_DAY - DAYS_AROUND) * MS_PER_DAY


def people(database: "Sqlite | Psql") -> list[tuple[str, "Literal", str, str]]:
    names = [f"{family} {given} {patronymic}" for family, given, patronymic in
             itertools.product(FAMILY_NAMES, GIVEN_NAMES, PATRONYMICS)]
    keys = run([str(SORT_KEYS)], stdin="\n".join(names)).split()
    return [(name, database.bytes_literal(key), words_of(name), name.lower())
            for name, key in zip(names, keys, strict=True)]


def firms() -> list[tuple[str, str, str]]:
    names = (f"{form} «{firm} {number}»" for form, firm, number in
             itertools.product(FORMS, FIRMS, range(1, 11)))
    return [(name, words_of(name), name.lower()) for name in names]


def days() -> list[tuple[str]]:
    return [(text_of(first_day() + day * MS_PER_DAY)[:10],) for day in range(2 * DAYS_AROUND)]


def moments() -> list[tuple[str, int]]:
    """Returns due dates and due times of each day, with the time from which they are overdue."""
    all_of = []
    quarter_ms = MS_PER_DAY // 96
    for midnight in (first_day() + day * MS_PER_DAY for day in range(2 * DAYS_AROUND)):
        for quarter in range(96):
            moment = midnight + quarter * quarter_ms
            all_of.append((text_of(midnight)[:10], midnight + MS_PER_DAY))
            all_of.append((text_of(moment), moment + 1))
    return all_of


def text_of(ms: int) -> str:
    moment = datetime.fromtimestamp(ms / 1000, timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def word_tables(members: list[int], database: "Sqlite | Psql") -> list[str]:
    return [
        *word_table("people", f"name TEXT, name_sort_key {database.BYTES}, name_words TEXT, "
                     "name_folded TEXT",
                     people(database)),
        *word_table("firms", "name TEXT, name_words TEXT, name_folded TEXT", firms()),
        *word_table("days", "day TEXT", days()),
        *word_table("moments", "due TEXT, overdue_from BIGINT", moments()),
        *word_table("members", "account BIGINT", [(member,) for member in members]),
    ]


def word_table(name: str, columns: str, rows: list[tuple]) -> Iterator[str]:
    yield f"CREATE TEMP TABLE word_{name} (i INTEGER PRIMARY KEY, {columns})"
    for at in range(0, len(rows), BATCH):
        values = ", ".join(f"({', '.join(map(literal, (i, *row)))})"
                           for i, row in enumerate(rows[at:at + BATCH], at))
        yield f"INSERT INTO word_{name} VALUES {values}"


class Literal(str):
    """A value that is already written in SQL."""


def literal(value: int | str | Literal) -> str:
    return str(value) if isinstance(value, int | Literal) else "'" + value.replace("'", "''") + "'"


def with_values(rows: int, organization: int) -> str:
    """Returns ROWS with its parameters replaced, longest names first: some begin with another."""
    values = {
        "organization": organization, "rows": rows, "first_time": now_ms() - MS_PER_YEAR,
        "span": MS_PER_YEAR, "people": PEOPLE, "firms": len(firms()), "days": len(days()),
        "moments": len(moments()), "members": MEMBERS, "rare": RARE_COMPANY,
        "rare_words": words_of(RARE_COMPANY), "rare_folded": RARE_COMPANY.lower(),
    }
    text = ROWS
    for name in sorted(values, key=len, reverse=True):
        text = text.replace(f":{name}", literal(values[name]))
    return text


# --- engines --------------------------------------------------------------------------------------


class Sqlite:
    """The SQLite database of a stack, without a journal until it is filled. Keeps the statistics of
    the empty database, because in production nothing updates them (PostgreSQL does that itself)."""

    BYTES = "BLOB"

    def __init__(self, stack: Stack) -> None:
        self._connection = sqlite3.connect(stack.state_dir / "kontora.db", isolation_level=None)
        self.run(["PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF",
                  "PRAGMA cache_size = -400000", "PRAGMA temp_store = MEMORY",
                  "PRAGMA threads = 2"])

    def run(self, statements: list[str]) -> None:
        for statement in statements:
            self._connection.executescript(statement)

    @staticmethod
    def bytes_literal(digits: str) -> Literal:
        return Literal(f"x'{digits}'")

    @staticmethod
    def numbers(rows: int) -> str:
        return f"""CREATE TEMP TABLE numbers (i INTEGER PRIMARY KEY);
            WITH RECURSIVE up(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM up WHERE i < {rows})
            INSERT INTO numbers SELECT i FROM up;"""

    def fill(self, script: list[str]) -> None:
        found = self._rows(
            f"SELECT type, name, sql FROM sqlite_master WHERE type IN ('index', 'trigger') "
            f"AND tbl_name IN ({', '.join(map(literal, TABLES))}) AND sql IS NOT NULL")
        statistics = self._statistics()
        self.run([*(f"DROP {kind} {name}" for kind, name, _ in found), *script,
                  *(text for _, _, text in found),
                  "INSERT INTO contacts_search (contacts_search) VALUES ('rebuild')"])
        if statistics:  # dropping an index also deleted its statistics
            self.run(["DELETE FROM sqlite_stat1"])
            self._connection.executemany("INSERT INTO sqlite_stat1 VALUES (?, ?, ?)", statistics)
        self.run(["PRAGMA journal_mode = WAL"])

    def close(self) -> None:
        self._connection.close()

    def _rows(self, statement: str) -> list[tuple]:
        return self._connection.execute(statement).fetchall()

    def _statistics(self) -> list[tuple]:
        known = self._rows("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_stat1'")
        return self._rows("SELECT tbl, idx, stat FROM sqlite_stat1") if known else []


class Psql:
    """A PostgreSQL database, filled by the superuser without checking foreign keys."""

    BYTES = "BYTEA"

    def __init__(self, url: str) -> None:
        self._url = url

    def run(self, statements: list[str]) -> None:
        settings = ["SET session_replication_role = replica", "SET maintenance_work_mem = '400MB'",
                    "SET work_mem = '100MB'"]
        run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", self._url],
            stdin=";\n".join([*settings, *statements, ""]))

    @staticmethod
    def bytes_literal(digits: str) -> Literal:
        return Literal(f"'\\x{digits}'")

    @staticmethod
    def numbers(rows: int) -> str:
        return f"""CREATE TEMP TABLE numbers AS
            SELECT i FROM generate_series(1::bigint, {rows}) AS series (i)"""

    def fill(self, script: list[str]) -> None:
        tables = ", ".join(map(literal, TABLES))
        found = [line.split("|", 1) for line in run(
            ["psql", "-XAtq", "-c", "SELECT indexname, indexdef FROM pg_indexes WHERE tablename IN "
             f"({tables}) AND indexname NOT LIKE '%_pkey'", self._url]).splitlines()]
        self.run([*(f"DROP INDEX {name}" for name, _ in found), *script,
                  *(text for _, text in found), *(f"VACUUM ANALYZE {table}" for table in TABLES)])

    def close(self) -> None:
        """Does nothing: run() uses a session for each call."""


@contextlib.contextmanager
def engine(stack: Stack, postgres: Postgres | None) -> Iterator[Sqlite | Psql]:
    database = Psql(stack.env["DATABASE_URL"]) if postgres else Sqlite(stack)
    try:
        yield database
    finally:
        database.close()
