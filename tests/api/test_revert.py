"""POST /audit/{id}/revert: a change is undone by its audit row if nothing has changed since, on
both engines. Random changes that are all reverted leave every row as it was."""

import random

import pytest

from support import contract, crm
from support.accounts import address
from support.crm import CHANGEABLE, KINDS, Number, Office, at_once, check_ok
from support.entries import tag
from support.recount import assert_counters_are_exact, run_recount

SEED = 20261130
OPERATIONS = 150
TYPE_OF = {"contacts": "contact", "deals": "deal", "tasks": "task", "activities": "activity"}
REPLY = {"id", "reverts", "changes"}
ALLOW_DUPLICATE = {"X-Allow-Duplicate": "true"}


@pytest.fixture(scope="module")
def owner(office):
    return office["OWNER"]


def last_row(database, kind, number):
    """Returns the id of the newest audit row about an object."""
    [[row]] = database.run(f"SELECT max(id) FROM audit WHERE resource = '{TYPE_OF[kind]}' "
                           f"AND object_id = '{number}' AND status = 'success'")
    return int(row)


def revert(view, row, headers=None, **query):
    return view.request("POST", f"/audit/{row}/revert", headers=headers, params=query)


def must_revert(view, row, headers=None):
    """Reverts the row, which must succeed; returns the id of the new row."""
    response = revert(view, row, headers)
    assert response.status_code == 200, response.text
    body = response.json()
    assert set(body) == REPLY and body["reverts"] == row and body["changes"], body
    return body["id"]


def changed_since(response):
    """Asserts that the row cannot be reverted; returns the current values by field."""
    details = crm.error_details(response, 409, "CHANGED_SINCE")
    return {detail["field"]: detail["message"].split(": ", 1)[-1] for detail in details}


def without_history(record):
    return {name: value for name, value in record.items() if name not in ("version", "updated_at")}


# --- each kind of change --------------------------------------------------------------------------


def test_revert_restores_changed_fields(owner, sql_database):
    made = owner.contact(email=address(), phone="1", notes="Строка\n\"кавычки\"")
    changes = {"email": None, "phone": "2", "notes": None, "name": "Другое имя", "company": "A/B"}
    check_ok("contacts", owner.change("contacts", made["id"], changes))
    row = last_row(sql_database, "contacts", made["id"])
    undone = must_revert(owner, row)
    after = owner.read("contacts", made["id"])
    assert without_history(after) == without_history(made)
    assert after["version"] == 3
    assert owner.ids("contacts", email=made["email"]) == [made["id"]]
    assert sql_database.run(f"SELECT action, resource, object_id, status, reverts FROM audit "
                            f"WHERE id = {undone}") == [
        ("revert_update_contact", "contact", str(made["id"]), "success", str(row))]


def test_revert_of_creation_deletes_the_object(owner, sql_database):
    for kind in KINDS:
        made = owner.create(kind)
        must_revert(owner, last_row(sql_database, kind, made["id"]))
        contract.check_error(owner.get(kind, made["id"]), 404, "NOT_FOUND")


def test_revert_of_deletion_restores_the_object(owner, sql_database):
    for kind in KINDS:
        made = owner.create(kind)
        owner.must_delete(kind, made["id"])
        must_revert(owner, last_row(sql_database, kind, made["id"]))
        assert without_history(owner.read(kind, made["id"])) == without_history(made)


def test_revert_of_restore_deletes_the_object(owner, sql_database):
    made = owner.task()
    owner.must_delete("tasks", made["id"])
    check_ok("tasks", owner.restore("tasks", made["id"]))
    must_revert(owner, last_row(sql_database, "tasks", made["id"]))
    contract.check_error(owner.get("tasks", made["id"]), 404, "NOT_FOUND")


def test_revert_of_deal_status_deletes_its_automatic_activity(owner, sql_database):
    made = owner.deal(amount=Number("12.30"))
    steps = {}
    for status in ("IN_PROGRESS", "LOST", "CLOSED"):
        fields = {"lost_reason": "Дорого"} if status == "LOST" else {}
        check_ok("deals", owner.move(made["id"], status, **fields))
        steps[status] = (last_row(sql_database, "deals", made["id"]))
    assert len(owner.ids("activities", deal_id=made["id"])) == 3
    assert changed_since(revert(owner, steps["LOST"])) == {"status": '"CLOSED"'}
    for left, status in ((2, "CLOSED"), (1, "LOST"), (0, "IN_PROGRESS")):
        steps[status] = must_revert(owner, steps[status])
        assert len(owner.ids("activities", deal_id=made["id"])) == left
    assert without_history(owner.read("deals", made["id"])) == without_history(made)
    must_revert(owner, steps["IN_PROGRESS"])
    must_revert(owner, steps["LOST"])
    after = owner.read("deals", made["id"])
    assert (after["status"], after["lost_reason"]) == ("LOST", "Дорого")
    assert len(owner.ids("activities", deal_id=made["id"])) == 2
    check_ok("deals", owner.move(made["id"], "CLOSED"))


def test_revert_of_task_status_and_past_due_date(owner, sql_database, sql_stack):
    """Sets a past date in the database, because a client cannot, and corrects the counters."""
    made = owner.task()
    check_ok("tasks", owner.change("tasks", made["id"], status="IN_PROGRESS"))
    check_ok("tasks", owner.change("tasks", made["id"], status="DONE"))
    must_revert(owner, last_row(sql_database, "tasks", made["id"]))
    after = owner.read("tasks", made["id"])
    assert (after["status"], after["completed_at"]) == ("IN_PROGRESS", None)
    sql_database.run(f"UPDATE tasks SET due_date = '2020-01-01', overdue_from = 1577923200000 "
                     f"WHERE id = {made['id']}")
    assert run_recount(sql_stack, "--repair").returncode == 0
    check_ok("tasks", owner.change("tasks", made["id"], due_date=None))
    must_revert(owner, last_row(sql_database, "tasks", made["id"]))
    assert owner.read("tasks", made["id"])["due_date"] == "2020-01-01"
    assert sql_database.run(f"SELECT overdue_from FROM tasks WHERE id = {made['id']}") == [
        ("1577923200000",)]


def test_revert_of_merge_moves_references_back(owner, sql_database):
    email = address()
    merged = owner.contact(email=email, phone="17")
    target = owner.contact(email=email, headers=ALLOW_DUPLICATE)
    made = {kind: owner.create(kind, contact_id=merged["id"])["id"]
            for kind in ("deals", "tasks", "activities")}
    own = owner.deal(contact_id=target["id"])["id"]
    check_ok("contacts", owner.request("POST", f"/contacts/{merged['id']}/merge",
                                       {"into": target["id"]}))
    undone = must_revert(owner, last_row(sql_database, "contacts", merged["id"]))
    for contact in (merged, target):
        assert without_history(owner.read("contacts", contact["id"])) == without_history(contact)
    assert {owner.read(kind, number)["contact_id"] for kind, number in made.items()} == {
        merged["id"]}
    assert owner.ids("deals", contact_id=target["id"]) == [own]
    must_revert(owner, undone)
    assert sorted(owner.ids("deals", contact_id=target["id"])) == sorted([own, made["deals"]])
    assert owner.read("contacts", target["id"])["phone"] == "17"
    contract.check_error(owner.get("contacts", merged["id"]), 404, "NOT_FOUND")


def test_merge_with_moved_references_is_not_reverted(owner, sql_database):
    merged, target, third = (owner.contact()["id"] for _ in range(3))
    deals = [owner.deal(contact_id=merged)["id"] for _ in range(2)]
    check_ok("contacts", owner.request("POST", f"/contacts/{merged}/merge", {"into": target}))
    check_ok("deals", owner.change("deals", deals[0], contact_id=third))
    response = revert(owner, last_row(sql_database, "contacts", merged))
    assert set(changed_since(response)) == {"deals"}
    assert owner.read("deals", deals[1])["contact_id"] == target
    contract.check_error(owner.get("contacts", merged), 404, "NOT_FOUND")


# --- conditions -----------------------------------------------------------------------------------


def test_change_is_not_reverted_after_another_change(owner, sql_database):
    made = owner.contact(phone="1", company="x")
    check_ok("contacts", owner.change("contacts", made["id"], phone="2", company="y"))
    row = last_row(sql_database, "contacts", made["id"])
    check_ok("contacts", owner.change("contacts", made["id"], phone="3", notes="z"))
    assert changed_since(revert(owner, row)) == {"phone": '"3"'}
    assert owner.read("contacts", made["id"])["company"] == "y"
    check_ok("contacts", owner.change("contacts", made["id"], phone="2"))
    must_revert(owner, row)
    after = owner.read("contacts", made["id"])
    assert (after["phone"], after["company"], after["notes"]) == ("1", "x", "z")


def test_row_is_reverted_only_once(owner, sql_database):
    made = owner.contact(phone="1")
    check_ok("contacts", owner.change("contacts", made["id"], phone="2"))
    row = last_row(sql_database, "contacts", made["id"])
    answers = at_once(owner, [lambda own: revert(own, row)] * 3)
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409]
    assert changed_since(revert(owner, row)) == {"phone": '"1"'}


def test_creation_is_not_reverted_after_a_field_was_added(owner, sql_database):
    made = owner.contact()
    row = last_row(sql_database, "contacts", made["id"])
    check_ok("contacts", owner.change("contacts", made["id"], phone="3"))
    assert changed_since(revert(owner, row)) == {"phone": '"3"'}


def test_change_of_deleted_object_is_not_reverted(owner, sql_database):
    made = owner.contact()
    check_ok("contacts", owner.change("contacts", made["id"], phone="3"))
    row = last_row(sql_database, "contacts", made["id"])
    owner.must_delete("contacts", made["id"])
    assert set(changed_since(revert(owner, row))) == {"deleted_at"}


def test_dry_run_of_revert_writes_nothing(owner, sql_database):
    made = owner.contact(phone="1")
    changed = check_ok("contacts", owner.change("contacts", made["id"], phone="2"))
    row = last_row(sql_database, "contacts", made["id"])
    response = revert(owner, row, dry_run="true")
    assert response.json() == {"dry_run": True, "changes": [
        {"resource": "contact", "id": str(made["id"]), "field": "phone", "before": "2",
         "after": "1"}]}
    assert owner.read("contacts", made["id"]) == changed
    assert last_row(sql_database, "contacts", made["id"]) == row


def test_rules_apply_to_reverts(owner, sql_database):
    email = address()
    made = owner.contact(email=email)
    owner.must_delete("contacts", made["id"])
    row = last_row(sql_database, "contacts", made["id"])
    owner.contact(email=email)
    contract.check_error(revert(owner, row), 409, "DUPLICATE")
    must_revert(owner, row, ALLOW_DUPLICATE)
    contact = owner.contact()["id"]
    row = last_row(sql_database, "contacts", contact)
    deal = owner.deal(contact_id=contact)["id"]
    contract.check_error(revert(owner, row), 409, "HAS_DEALS")
    owner.must_delete("deals", deal)
    must_revert(owner, row)
    response = revert(owner, last_row(sql_database, "deals", deal))
    assert [each["field"] for each in crm.error_details(response, 409, "HIDDEN_REFERENCE")] == [
        "contact_id"]


def test_other_actions_are_not_revertible(accounts, sql_database):
    office = Office(accounts)
    office.newcomer("SALES")
    [[row]] = sql_database.run(f"SELECT max(id) FROM audit WHERE organization_id = "
                               f"{office.organization} AND action = 'invite_member'")
    response = revert(office["OWNER"], row)
    assert [each["field"] for each in crm.error_details(response, 409, "NOT_REVERTIBLE")] == [
        "action"]


def test_failed_requests_are_not_revertible(owner, sql_database):
    contract.check_error(owner.move(owner.deal()["id"], "CLOSED"), 409, "INVALID_TRANSITION")
    [[row]] = sql_database.run(f"SELECT max(id) FROM audit WHERE organization_id = "
                               f"{owner.organization} AND status = 'failure'")
    response = revert(owner, row)
    assert [each["field"] for each in crm.error_details(response, 409, "NOT_REVERTIBLE")] == [
        "status"]


@pytest.mark.parametrize(("role", "statuses"), [("OWNER", (200, 200)), ("MANAGER", (200, 200)),
                                                ("SALES", (200, 403)), ("VIEWER", (403, 403))])
def test_revert_requires_the_permission_of_the_change(office, owner, sql_database, role, statuses):
    made = owner.contact()
    created = last_row(sql_database, "contacts", made["id"])
    check_ok("contacts", owner.change("contacts", made["id"], phone="3"))
    changed = last_row(sql_database, "contacts", made["id"])
    assert revert(office[role], changed).status_code == statuses[0]
    if statuses[0] != 200:
        must_revert(owner, changed)
    assert revert(office[role], created).status_code == statuses[1]


def test_rows_of_other_organizations_do_not_exist(owner, new_office, sql_database):
    stranger = new_office["OWNER"]
    row = last_row(sql_database, "contacts", owner.contact()["id"])
    for number in (row, 10 ** 15, "x"):
        contract.check_error(revert(stranger, number), 404, "NOT_FOUND")


# --- random changes -------------------------------------------------------------------------------


class RandomChanges:
    """Makes random changes in one organization."""

    def __init__(self, view):
        self.view, self.choose = view, random.Random(SEED)
        self.made = {kind: [] for kind in KINDS}

    def known(self, kind):
        return self.choose.choice(self.made[kind]) if self.made[kind] else None

    def fields(self, kind):
        choose, contact = self.choose, self.known("contacts")
        if kind == "contacts":
            email = choose.choice([None, f"r{choose.random()}@example.com"])
            return {"name": tag(), "email": email, "phone": choose.choice([None, "17"]),
                    "notes": "\"'\\/\n✓"}
        if kind == "deals":
            amount = Number(f"{choose.randrange(900)}.{choose.randrange(100):02}")
            return {"title": tag(), "amount": amount,
                    "contact_id": choose.choice([None, contact])}
        if kind == "tasks":
            return {"title": tag(), "contact_id": contact, "deal_id": self.known("deals"),
                    "due_date": choose.choice([None, "2099-01-01", "2099-01-01T10:00:00.123Z"])}
        return {"type": "CALL", "subject": tag(), "contact_id": contact,
                "deal_id": self.known("deals")}

    def run(self):
        """Makes one change, which may be rejected."""
        choose, view = self.choose, self.view
        kind = choose.choice(KINDS)
        number = self.known(kind)
        action = choose.choice(["create", "change", "change", "move", "delete", "restore", "merge"])
        if action == "create" or number is None:
            response = view.send(kind, self.fields(kind))
            if response.status_code == 201:
                self.made[kind].append(response.json()["id"])
        elif action == "change" and kind in CHANGEABLE:
            fields = self.fields(kind)
            part = {name: fields[name] for name in choose.sample(sorted(fields), 2)}
            view.change(kind, number, part)
        elif action == "move":
            view.move(self.known("deals") or 1, choose.choice(crm.DEAL_STATUSES[1:]))
            view.change("tasks", self.known("tasks") or 1, status=choose.choice(crm.TASK_STATUSES))
        elif action == "merge":
            view.request("POST", f"/contacts/{self.known('contacts') or 1}/merge",
                         {"into": self.known("contacts") or 1})
        elif action in ("delete", "restore"):
            (view.delete if action == "delete" else view.restore)(kind, number)


def snapshot(database, organization):
    """Returns all live rows, without their versions and times of change."""
    columns = {"contacts": "id, name, email, email_unique_key, phone, company, position, notes, "
                           "owner_id, search_text, folded, created_at",
               "deals": "id, title, amount, status, outcome, contact_id, owner_id, closed_at, "
                        "lost_reason, folded, created_at",
               "tasks": "id, title, status, due_date, overdue_from, assignee_id, contact_id, "
                        "deal_id, creator_id, completed_at, folded, created_at",
               "activities": "id, type, subject, contact_id, deal_id, author_id, occurred_at, "
                             "automatic, old_status, new_status, folded, created_at"}
    rows = {kind: sorted(database.run(f"SELECT {names} FROM {kind} WHERE organization_id = "
                                      f"{organization} AND deleted_at IS NULL"))
            for kind, names in columns.items()}
    counters = database.run(f"SELECT name, sum(value) FROM counters WHERE organization_id = "
                            f"{organization} GROUP BY name HAVING sum(value) <> 0")
    return {**rows, "counters": sorted(counters)}


def test_random_changes_reverted_in_reverse_order_leave_no_trace(accounts, sql_database, sql_stack):
    view = Office(accounts)["OWNER"]
    changes = RandomChanges(view)
    for kind in KINDS:
        changes.made[kind] += [view.send(kind, changes.fields(kind)).json()["id"]
                               for _ in range(4)]
    initial = snapshot(sql_database, view.organization)
    [[start]] = sql_database.run("SELECT max(id) FROM audit")
    for _ in range(OPERATIONS):
        changes.run()
    assert snapshot(sql_database, view.organization) != initial
    rows = [int(row) for [row] in sql_database.run(
        f"SELECT id FROM audit WHERE id > {start} AND organization_id = {view.organization} "
        f"AND status = 'success' AND changes <> '[]' ORDER BY id DESC")]
    assert len(rows) > OPERATIONS / 3
    changed = snapshot(sql_database, view.organization)
    undone = [must_revert(view, row) for row in rows]
    assert snapshot(sql_database, view.organization) == initial
    for row in reversed(undone):
        must_revert(view, row)
    assert snapshot(sql_database, view.organization) == changed
    assert_counters_are_exact(sql_stack)
