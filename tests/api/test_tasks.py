"""Tasks: due dates, status transitions, and permission by assignment. On both engines. Rules
shared by all CRM collections are tested in test_crm.py."""

import itertools
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from support import contract, crm
from support.crm import TASK_STATUSES, check_ok, crowd, invalid_fields
from support.waiting import wait_until

TRANSITIONS = {"TODO": ["IN_PROGRESS"], "IN_PROGRESS": ["DONE", "TODO"], "DONE": []}

# Due dates as sent, and as returned.
DUE_DATES = {
    "2099-11-20": "2099-11-20", "2096-02-29": "2096-02-29", "9999-12-31": "9999-12-31",
    "2099-11-20T12:34:56Z": "2099-11-20T12:34:56.000Z",
    "2099-11-20T12:34:56.7Z": "2099-11-20T12:34:56.700Z",
    "2099-11-20T12:34:56.789999Z": "2099-11-20T12:34:56.789Z",
    "2099-11-20T00:30:00+03:00": "2099-11-19T21:30:00.000Z",
    "2099-12-31T23:30:00-05:30": "2100-01-01T05:00:00.000Z",
    "2099-11-20T00:00:00+00:00": "2099-11-20T00:00:00.000Z",
}
INVALID_DUE_DATES = ["2099-02-29", "2099-13-01", "2099-11-31", "2099-1-1", "", "tomorrow",
                     "2099-11-20T",
                     "2099-11-20T12:34:56", "2099-11-20T12:34Z", "2099-11-20T24:00:00Z",
                     "2099-11-20T12:60:00Z", "2099-11-20T12:34:56+24:00",
                     "2099-11-20T12:34:56+0300",
                     "2099-11-20T12:34:56.Z",
                     "2099-11-20T12:34:56ZZ", " 2099-11-20", "2099-11-20 ", "2099-11-20\0",
                     "20991120",
                     4098211200, True, [], {}]


@pytest.fixture(scope="module")
def owner(office):
    return office["OWNER"]


def format_time(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"


def soon_time():
    """Returns a time in the near future."""
    return format_time(datetime.now(UTC) + timedelta(seconds=1))


def has_passed(moment):
    return lambda: format_time(datetime.now(UTC)) > moment


def test_created_task_returns_every_field(office, owner):
    fields = {"title": "Позвонить", "description": "до обеда\nили после", "due_date": "2099-11-20",
              "assignee_id": office["SALES"].id, "contact_id": owner.contact()["id"],
              "deal_id": owner.deal()["id"]}
    made = owner.task(**fields)
    assert made == {**made, **fields, "status": "TODO", "creator_id": owner.id,
                    "completed_at": None}


# --- due dates ------------------------------------------------------------------------------------


@pytest.mark.parametrize("given, answered", DUE_DATES.items())
def test_due_date_is_returned_as_date_or_utc_time_with_milliseconds(owner, given, answered):
    made = owner.task(due_date=given)
    assert made["due_date"] == answered == owner.read("tasks", made["id"])["due_date"]
    other = owner.task()
    assert check_ok("tasks",
                    owner.change("tasks", other["id"], due_date=given))["due_date"] == answered


@pytest.mark.parametrize("given", INVALID_DUE_DATES)
def test_invalid_task_due_date_is_rejected(owner, given):
    made = owner.task(due_date="2099-01-01")
    assert invalid_fields(owner.send("tasks", due_date=given)) == ["due_date"]
    assert invalid_fields(owner.change("tasks", made["id"], due_date=given)) == ["due_date"]


def test_extreme_due_date_is_rejected_or_returned_in_accepted_form(owner):
    """An accepted time is returned in a form that is accepted again."""
    response = owner.send("tasks", due_date="9999-12-31T23:59:59-23:59")
    if response.status_code == 201:
        answered = check_ok("tasks", response, 201)["due_date"]
        assert owner.task(due_date=answered)["due_date"] == answered
    else:
        assert invalid_fields(response) == ["due_date"]


def test_due_date_of_task_cannot_be_set_to_the_past(owner):
    made, now = owner.task(due_date="2099-01-01"), datetime.now(UTC)
    for past in (str((now - timedelta(days=1)).date()), "2000-01-01", "0001-01-01",
                 format_time(now - timedelta(seconds=1)), "1969-12-31T23:59:59Z",
                 f"{(now + timedelta(hours=2)):%Y-%m-%dT%H:%M:%S}+05:00"):
        assert invalid_fields(owner.send("tasks", due_date=past)) == ["due_date"], past
        assert invalid_fields(owner.change("tasks", made["id"],
                                           due_date=past)) == ["due_date"], past
    assert owner.read("tasks", made["id"]) == made


def test_task_due_today_is_overdue_from_midnight_utc(owner, sql_database):
    """The due day ends at midnight UTC."""
    today = datetime.now(UTC).date()
    made = owner.task(due_date=str(today))
    midnight = datetime.combine(today + timedelta(days=1), datetime.min.time(), UTC)
    [row] = sql_database.run(f"SELECT due_date, overdue_from FROM tasks WHERE id = {made['id']}")
    assert row == (str(today), str(int(midnight.timestamp() * 1000)))


def test_overdue_task_can_still_be_changed(owner):
    moment = soon_time()
    made = owner.task(due_date=moment)
    wait_until(has_passed(moment), what="the due date to pass")
    same = check_ok("tasks", owner.change("tasks", made["id"], title="x", due_date=moment))
    assert (same["title"], same["due_date"]) == ("x", moment)
    check_ok("tasks", owner.change("tasks", made["id"], status="IN_PROGRESS"))
    assert invalid_fields(owner.change("tasks", made["id"], due_date="2020-01-01")) == ["due_date"]
    owner.must_delete("tasks", made["id"])
    assert check_ok("tasks", owner.restore("tasks", made["id"]))["due_date"] == moment
    assert check_ok("tasks", owner.change("tasks", made["id"], due_date=None))["due_date"] is None


def test_task_becomes_overdue_at_due_date(new_office):
    """A task is overdue from its due time until it is done, deleted, or due later."""
    owner, moment = new_office["OWNER"], soon_time()
    task = owner.task(due_date=moment)["id"]
    owner.task(due_date=str(datetime.now(UTC).date()))
    owner.task()
    assert owner.analytics("tasks")["overdue"] == 0 or has_passed(moment)()
    wait_until(lambda: owner.analytics("tasks")["overdue"] == 1, what="the due date to pass")
    assert has_passed(moment)()

    def overdue():
        return tuple(owner.analytics("tasks", **query)["overdue"]
                     for query in ({}, {"owner_id": owner.id}))
    check_ok("tasks", owner.change("tasks", task, assignee_id=owner.id))
    assert overdue() == (1, 1)
    owner.must_delete("tasks", task)
    assert overdue() == (0, 0)
    check_ok("tasks", owner.restore("tasks", task))
    assert overdue() == (1, 1)
    check_ok("tasks", owner.change("tasks", task, due_date="2099-01-01"))
    assert overdue() == (0, 0)


def test_done_task_is_not_overdue(new_office):
    owner, moment = new_office["OWNER"], soon_time()
    task = owner.task(due_date=moment, status="IN_PROGRESS")["id"]
    wait_until(lambda: owner.analytics("tasks")["overdue"] == 1, what="the due date to pass")
    check_ok("tasks", owner.change("tasks", task, status="DONE"))
    assert owner.analytics("tasks")["overdue"] == 0


# --- status transitions ---------------------------------------------------------------------------


@pytest.mark.parametrize("start, status", itertools.product(TRANSITIONS, TASK_STATUSES))
def test_task_status_allows_only_defined_transitions(owner, start, status):
    before = owner.task(status=start)
    response = owner.change("tasks", before["id"], status=status)
    if status in TRANSITIONS[start]:
        after = check_ok("tasks", response)
        assert after == {**before, "status": status, "version": before["version"] + 1,
                         "updated_at": after["updated_at"], "completed_at": after["completed_at"]}
    else:
        assert sorted(crm.error_details(response, 409, "INVALID_TRANSITION")) == TRANSITIONS[start]
        after = before
    assert owner.read("tasks", before["id"]) == after


def test_refused_task_status_change_keeps_other_fields(owner):
    made = owner.task()
    contract.check_error(owner.change("tasks", made["id"], status="DONE", title="x"), 409,
                         "INVALID_TRANSITION")
    assert owner.read("tasks", made["id"]) == made


def test_done_task_keeps_its_time_of_completion(owner, sql_database):
    done = owner.task(status="DONE")
    assert done["created_at"] <= done["completed_at"] <= done["updated_at"]
    assert sql_database.run(f"SELECT count(*) FROM tasks WHERE id = {done['id']} "
                            f"AND completed_at >= created_at") == [("1",)]
    changed = check_ok("tasks", owner.change("tasks", done["id"], title="x"))
    assert changed["completed_at"] == done["completed_at"]


@pytest.mark.parametrize("status", ["todo", "", "NEW", "DONE\0", None, 1, True, [], {}])
def test_unknown_task_status_is_rejected(owner, status):
    assert invalid_fields(owner.change("tasks", owner.task()["id"], status=status)) == ["status"]


@pytest.mark.parametrize("status", TASK_STATUSES)
def test_status_cannot_be_set_on_task_creation(owner, status):
    assert invalid_fields(owner.send("tasks", status=status)) == ["status"]


def test_one_of_concurrent_requests_to_start_task_succeeds(owner):
    for _ in range(4):
        task = owner.task()["id"]
        answers = crowd(owner, 4, lambda view, _, task=task: view.change("tasks", task,
                                                                         status="IN_PROGRESS"))
        assert Counter(each.status_code for each in answers) == {200: 1, 409: 3}
        assert owner.read("tasks", task)["version"] == 2


# --- permission by assignment ---------------------------------------------------------------------

# (creator, assignee, True if SALES may change the task)
OWNERSHIP = [("me", None, True), ("me", "me", True), ("owner", "me", True), ("owner", None, False),
             ("me", "owner", False), ("owner", "owner", False), ("peer", None, False),
             ("peer", "peer", False)]


@pytest.mark.parametrize("creator, assignee, own", OWNERSHIP)
def test_sales_role_may_change_only_own_tasks(office, owner, creator, assignee, own):
    people = {"me": office["SALES"], "owner": owner, "peer": office.newcomer("SALES")}
    made = people[creator].task(assignee_id=people[assignee].id if assignee else None)
    me = people["me"]
    assert me.read("tasks", made["id"]) == made
    for change in ({"title": "x"}, {"status": "IN_PROGRESS"}, {"assignee_id": me.id}, {}):
        response = me.change("tasks", made["id"], **change)
        if own:
            check_ok("tasks", response)
        else:
            contract.check_error(response, 403, "FORBIDDEN")
    if not own:
        assert me.read("tasks", made["id"]) == made


def test_sales_role_cannot_change_own_task_reassigned_to_other_person(office, owner):
    me = office["SALES"]
    task = me.task()["id"]
    check_ok("tasks", me.change("tasks", task, assignee_id=owner.id))
    contract.check_error(me.change("tasks", task, title="x"), 403, "FORBIDDEN")
    check_ok("tasks", owner.change("tasks", task, assignee_id=None))
    check_ok("tasks", me.change("tasks", task, title="x"))


@pytest.mark.parametrize("role", ["OWNER", "ADMIN", "MANAGER"])
def test_manager_role_may_change_all_tasks(office, role):
    task = office["SALES"].task(assignee_id=office["SALES"].id)["id"]
    assert check_ok("tasks", office[role].change("tasks", task, title="x"))["title"] == "x"


def test_missing_task_is_not_found_for_sales_role(office, owner):
    task = owner.task()["id"]
    owner.must_delete("tasks", task)
    for number in (task, 999_999_999):
        contract.check_error(office["SALES"].change("tasks", number, title="x"), 404, "NOT_FOUND")
