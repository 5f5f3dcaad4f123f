"""Thousands of random operations from several threads at once, on both engines. Afterwards every
total and analytics figure must equal counts of the rows, computed here by SQL, and no invariant
may be violated: references to deleted objects, duplicate addresses, the history of a deal."""

import random
import subprocess
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from support.crm import (ACTIVITY_TYPES, CHANGEABLE, DEAL_STATUSES, KINDS, TASK_STATUSES, Number,
                         Office)
from support.waiting import wait_until

SEED = 20261120
THREADS = 12
OPERATIONS = 500  # operations of each thread
ADDRESSES = 25  # few, so that they collide
UNIQUE_EMAIL = "n{}@example.com"
SHARED_EMAIL = "t{}@example.com"  # may occur in several contacts
SOON_MS = 2000

# Allowed statuses of each operation, whatever the other threads do.
ALLOWED_STATUSES = {"create": {201, 400, 409}, "change": {200, 400, 404, 409},
                    "move": {200, 400, 404, 409},
                    "delete": {204, 404, 409}, "restore": {200, 409}}


class RandomLoad:
    """State shared by all threads: the ids of all created objects."""

    def __init__(self, office):
        self.views = [office["OWNER"], office["ADMIN"], office["MANAGER"]]
        self.people = [*(view.id for view in self.views), office["SALES"].id, None]
        self.made = {kind: [] for kind in KINDS}
        self.answers = Counter()
        self.wrong = []

    def run(self, number):
        """Executes the operations of one thread."""
        choose = random.Random(SEED + number)
        view = self.views[number % len(self.views)].anew()
        for _ in range(OPERATIONS):
            name, response = self.operation(choose, view)
            self.answers[name, response.status_code] += 1
            if response.status_code not in ALLOWED_STATUSES[name]:
                self.wrong.append((name, response.request.url, response.request.body,
                                   response.status_code, response.text))

    def operation(self, choose, view):
        kind = choose.choices(KINDS, (3, 5, 4, 2))[0]
        name = choose.choices(list(ALLOWED_STATUSES), (4, 3, 4, 2, 2))[0]
        number = self.known(choose, kind)
        if name == "create" or number is None or (name == "change" and kind not in CHANGEABLE):
            fields = self.fields(choose, kind)
            response = view.send(kind, headers=self.headers(fields), **fields)
            if response.status_code == 201:
                self.made[kind].append(response.json()["id"])
            return "create", response
        if name == "move":
            return self.move(choose, view)
        if name == "change":
            fields = self.fields(choose, kind)
            part = {field: fields[field] for field in choose.sample(sorted(fields), 2)}
            return name, view.change(kind, number, part, headers=self.headers(part))
        return name, (view.delete if name == "delete" else view.restore)(kind, number)

    def move(self, choose, view):
        """Changes the status of a deal or a task, often along an allowed transition."""
        if choose.random() < 0.5:
            number = self.known(choose, "tasks")
            return "move", view.change("tasks", number or 1, status=choose.choice(TASK_STATUSES))
        number = self.known(choose, "deals")
        return "move", view.move(number or 1, choose.choice(DEAL_STATUSES[1:]))

    def known(self, choose, kind):
        """Returns the id of a created object, usually a recent one; it may have been deleted."""
        made = self.made[kind]
        return choose.choice(made[-10:] if choose.random() < 0.7 else made) if made else None

    @staticmethod
    def headers(fields):
        return {"X-Allow-Duplicate": "true"} if (fields.get("email") or "")[:1] == "t" else None

    def fields(self, choose, kind):
        person = choose.choice(self.people)
        if kind == "contacts":
            email = choose.choice([UNIQUE_EMAIL, UNIQUE_EMAIL, SHARED_EMAIL,
                                   ""]).format(choose.randrange(ADDRESSES))
            return {"name": f"Контакт {choose.random()}", "email": email or None,
                    "owner_id": person, "phone": str(choose.randrange(10 ** 9))}
        contact = choose.choice([None, self.known(choose, "contacts")])
        if kind == "deals":
            amount = Number(f"{choose.choice([0, 0, 1, 99, 10 ** 9])}.{choose.randrange(100):02}")
            return {"title": "Сделка", "amount": choose.choice([amount, 0]), "owner_id": person,
                    "contact_id": contact}
        deal = choose.choice([None, self.known(choose, "deals")])
        if kind == "tasks":
            soon = datetime.now(UTC) + timedelta(milliseconds=SOON_MS)
            due = choose.choice([None, "2099-01-01", str(soon.date()),
                                 f"{soon:%Y-%m-%dT%H:%M:%S}.{soon.microsecond // 1000:03}Z"])
            return {"title": "Задача", "due_date": due, "assignee_id": person,
                    "contact_id": contact, "deal_id": deal}
        return {"type": choose.choice(ACTIVITY_TYPES), "subject": "Разговор", "contact_id": contact,
                "deal_id": deal}


@pytest.fixture(scope="module")
def finished_load(accounts):
    office = Office(accounts)
    load = RandomLoad(office)
    for kind in KINDS:  # initial objects
        load.made[kind] += [office["OWNER"].create(kind)["id"] for _ in range(3)]
    threads = [threading.Thread(target=load.run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(load.answers.values()) == THREADS * OPERATIONS, "a thread terminated early"
    return office, load


# --- expected values, computed from the rows ------------------------------------------------------

COUNTS = {
    "deals": ("1 = 1", "status = 'NEW'", "status = 'IN_PROGRESS'", "outcome = 'WON'",
              "outcome = 'LOST'", "status = 'CLOSED'"),
    "tasks": ("1 = 1", "status = 'TODO'", "status = 'IN_PROGRESS'", "status = 'DONE'",
              "status <> 'DONE' AND overdue_from <= {now}"),
    "contacts": ("1 = 1",),
    "activities": ("1 = 1", "type = 'CALL'", "type = 'EMAIL'", "type = 'MEETING'", "type = 'NOTE'"),
}
PERSON_COLUMNS = {"deals": "owner_id", "tasks": "assignee_id", "contacts": "owner_id",
                  "activities": "author_id"}


def count_rows(database, kind, where):
    """Returns the counts and sums of a section of the analytics, computed from the rows."""
    now = int(time.time() * 1000)
    sums = [f"coalesce(sum(CASE WHEN {each.format(now=now)} THEN 1 ELSE 0 END), 0)"
            for each in COUNTS[kind]]
    if kind == "deals":
        sums.append("coalesce(sum(CASE WHEN status IN ('NEW', 'IN_PROGRESS') THEN amount END), 0)")
    [row] = database.run(f"SELECT {', '.join(sums)} FROM {kind} WHERE deleted_at IS NULL "
                         f"AND {where}")
    return [int(each) for each in row]


def rounded_rate(part, whole):
    exact = Decimal(part) / whole if whole else Decimal(0)
    return exact.quantize(Decimal("0.0001"), "ROUND_HALF_UP")


def expected_section(database, kind, where):
    """Returns the values of a section of the analytics, computed from the rows."""
    row = count_rows(database, kind, where)
    if kind == "deals":
        *counts, pipeline = row
        return [*counts, rounded_rate(counts[3], counts[3] + counts[4]), Decimal(pipeline) / 100]
    return [*row, rounded_rate(row[3], row[0])] if kind == "tasks" else row


def test_random_operations_get_only_expected_http_statuses(finished_load):
    _, load = finished_load
    assert load.wrong == []
    done = {name for name, status in load.answers if status < 300}
    assert done == set(ALLOWED_STATUSES), load.answers


def test_analytics_after_random_operations_equal_row_counts_in_database(finished_load,
                                                                        sql_database):
    office, load = finished_load
    view, where = office["VIEWER"], f"organization_id = {office.organization}"
    until = int(time.time() * 1000) + 2 * SOON_MS
    wait_until(lambda: sql_database.run(
        f"SELECT count(*) FROM tasks WHERE {where} AND overdue_from BETWEEN "
        f"{int(time.time() * 1000)} AND {until}") == [("0",)],
               what="all tasks that are due soon to become overdue")
    today = datetime.now(UTC).date()
    for person in (None, *load.people[:-1]):
        query = {"owner_id": person} if person else {}
        for times in ({}, {"from": str(today - timedelta(days=1)), "to": str(today)}):
            summary = view.analytics("summary", **query, **times)
            for kind in KINDS:
                whose = f"{where} AND {PERSON_COLUMNS[kind]} = {person}" if person else where
                expected = expected_section(sql_database, kind, whose)
                assert list(summary[kind].values()) == expected, (kind, query, times)
                assert view.analytics(kind, **query, **times) == summary[kind]


def test_list_totals_after_random_operations_equal_row_counts_in_database(finished_load,
                                                                          sql_database):
    office, load = finished_load
    view, where = office["VIEWER"], f"organization_id = {office.organization}"
    filters = {"contacts": {"owner_id": load.people[:-1]},
               "deals": {"status": DEAL_STATUSES, "owner_id": load.people[:-1]},
               "tasks": {"status": TASK_STATUSES, "assignee_id": load.people[:-1]},
               "activities": {"type": ACTIVITY_TYPES, "author_id": load.people[:-1]}}
    for kind in KINDS:
        assert view.page(kind, limit=1)["total"] == count_rows(sql_database, kind, where)[0] > 50
        assert len(list(view.walk(kind, limit=100))) == count_rows(sql_database, kind, where)[0]
        for name, values in filters[kind].items():
            for value in values:
                only = f"{where} AND {name} = '{value}'"
                assert view.page(kind, limit=1, **{name: value})["total"] == count_rows(
                    sql_database, kind, only)[0], (kind, name, value)


def test_recount_after_random_operations_finds_no_wrong_counter(finished_load, sql_stack):
    done = subprocess.run([sql_stack.binary, "recount"], capture_output=True, text=True, timeout=60,
                          check=False, cwd=sql_stack.state_dir, env=sql_stack.env)
    assert (done.returncode, done.stdout) == (0, "0 wrong\n"), done.stdout + done.stderr


# --- invariants -----------------------------------------------------------------------------------

# Statements that return rows that violate an invariant.
INVARIANTS = {
    "a deal of a deleted contact":
        "SELECT d.id FROM deals d JOIN contacts c ON c.id = d.contact_id WHERE d.{here} "
        "AND d.deleted_at IS NULL AND c.deleted_at IS NOT NULL",
    "a won deal without an amount":
        "SELECT id FROM deals WHERE {here} AND outcome = 'WON' AND amount = 0",
    "an outcome that contradicts the status":
        "SELECT id FROM deals WHERE {here} AND (status IN ('WON', 'LOST', 'CLOSED')) <> "
        "(outcome IS NOT NULL)",
    "a closed deal without closed_at":
        "SELECT id FROM deals WHERE {here} AND (status = 'CLOSED') <> (closed_at IS NOT NULL)",
    "a done task without completed_at":
        "SELECT id FROM tasks WHERE {here} AND (status = 'DONE') <> (completed_at IS NOT NULL)",
    "a duplicate address that was not allowed":
        "SELECT email FROM contacts WHERE {here} AND deleted_at IS NULL AND email LIKE 'n%' "
        "GROUP BY email HAVING count(*) > 1",
    "a deal with a missing status change":
        "SELECT d.id FROM deals d WHERE d.{here} AND "
        "CASE d.status WHEN 'NEW' THEN 0 WHEN 'IN_PROGRESS' THEN 1 WHEN 'CLOSED' THEN 3 ELSE 2 "
        "END <> (SELECT count(*) FROM activities a WHERE a.deal_id = d.id AND a.automatic = 1)",
    "status changes that do not connect":
        "SELECT a.id FROM activities a JOIN activities b ON b.deal_id = a.deal_id AND b.id = "
        "(SELECT max(id) FROM activities c WHERE c.deal_id = a.deal_id AND c.automatic = 1 AND "
        "c.id < a.id) WHERE a.{here} AND a.automatic = 1 AND a.old_status <> b.new_status",
}


@pytest.mark.parametrize("name", INVARIANTS)
def test_database_invariant_holds_after_random_operations(finished_load, sql_database, name):
    office, _ = finished_load
    statement = INVARIANTS[name].format(here=f"organization_id = {office.organization}")
    assert sql_database.run(statement) == []


def test_search_finds_every_contact_after_random_operations(finished_load):
    """The search index must match the final state of the contacts."""
    office, _ = finished_load
    view = office["VIEWER"]
    visible = list(view.walk("contacts", limit=500))
    for contact in visible[::7]:
        assert contact["id"] in view.ids("contacts", search=contact["name"])
        if contact["phone"] and len(contact["phone"]) > 2:
            assert contact["id"] in view.ids("contacts", search=contact["phone"])
    assert [item["id"] for item in view.walk("contacts", search="@example.com", limit=100)] == [
        each["id"] for each in visible if each["email"]]
    assert list(view.walk("contacts", search="контакт", limit=100)) == [
        each for each in visible if "Контакт" in each["name"]]
