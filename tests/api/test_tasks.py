"""Tasks: due dates, the way of a status, and whose a task is. On both engines. What all of the CRM
shares is in test_crm.py.
"""

import itertools
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from support import contract, crm
from support.crm import TASK_STATUSES, crowd, good, invalid
from support.waiting import wait_until

WAYS = {"TODO": ["IN_PROGRESS"], "IN_PROGRESS": ["DONE", "TODO"], "DONE": []}

# As it is given: as it is answered.
DUE = {
    "2099-11-20": "2099-11-20", "2096-02-29": "2096-02-29", "9999-12-31": "9999-12-31",
    "2099-11-20T12:34:56Z": "2099-11-20T12:34:56.000Z",
    "2099-11-20T12:34:56.7Z": "2099-11-20T12:34:56.700Z",
    "2099-11-20T12:34:56.789999Z": "2099-11-20T12:34:56.789Z",
    "2099-11-20T00:30:00+03:00": "2099-11-19T21:30:00.000Z",
    "2099-12-31T23:30:00-05:30": "2100-01-01T05:00:00.000Z",
    "2099-11-20T00:00:00+00:00": "2099-11-20T00:00:00.000Z",
}
NOT_DUE = ["2099-02-29", "2099-13-01", "2099-11-31", "2099-1-1", "", "tomorrow", "2099-11-20T",
           "2099-11-20T12:34:56", "2099-11-20T12:34Z", "2099-11-20T24:00:00Z",
           "2099-11-20T12:60:00Z", "2099-11-20T12:34:56+24:00", "2099-11-20T12:34:56+0300",
           "2099-11-20T12:34:56.Z",
           "2099-11-20T12:34:56ZZ", " 2099-11-20", "2099-11-20 ", "2099-11-20\0", "20991120",
           4098211200, True, [], {}]


@pytest.fixture(scope="module")
def boss(office):
    return office["OWNER"]


def written(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"


def soon():
    """A moment that will have passed before long."""
    return written(datetime.now(UTC) + timedelta(seconds=1))


def passed(moment):
    return lambda: written(datetime.now(UTC)) > moment


def test_everything_that_a_task_has(office, boss):
    fields = {"title": "Позвонить", "description": "до обеда\nили после", "due_date": "2099-11-20",
              "assignee_id": office["SALES"].id, "contact_id": boss.contact()["id"],
              "deal_id": boss.deal()["id"]}
    made = boss.task(**fields)
    assert made == {**made, **fields, "status": "TODO", "creator_id": boss.id, "completed_at": None}


# --- due dates ------------------------------------------------------------------------------------


@pytest.mark.parametrize("given, answered", DUE.items())
def test_due_dates(boss, given, answered):
    made = boss.task(due_date=given)
    assert made["due_date"] == answered == boss.read("tasks", made["id"])["due_date"]
    other = boss.task()
    assert good("tasks", boss.change("tasks", other["id"], due_date=given))["due_date"] == answered


@pytest.mark.parametrize("given", NOT_DUE)
def test_due_dates_that_are_none(boss, given):
    made = boss.task(due_date="2099-01-01")
    assert invalid(boss.send("tasks", due_date=given)) == ["due_date"]
    assert invalid(boss.change("tasks", made["id"], due_date=given)) == ["due_date"]


def test_the_end_of_time(boss):
    """What is taken is answered as a time that would be taken again."""
    response = boss.send("tasks", due_date="9999-12-31T23:59:59-23:59")
    if response.status_code == 201:
        answered = good("tasks", response, 201)["due_date"]
        assert boss.task(due_date=answered)["due_date"] == answered
    else:
        assert invalid(response) == ["due_date"]


def test_nothing_is_due_in_the_past(boss):
    made, now = boss.task(due_date="2099-01-01"), datetime.now(UTC)
    for past in (str((now - timedelta(days=1)).date()), "2000-01-01", "0001-01-01",
                 written(now - timedelta(seconds=1)), "1969-12-31T23:59:59Z",
                 f"{(now + timedelta(hours=2)):%Y-%m-%dT%H:%M:%S}+05:00"):
        assert invalid(boss.send("tasks", due_date=past)) == ["due_date"], past
        assert invalid(boss.change("tasks", made["id"], due_date=past)) == ["due_date"], past
    assert boss.read("tasks", made["id"]) == made


def test_a_day_is_due_until_it_is_over(boss, sql_database):
    """In UTC."""
    today = datetime.now(UTC).date()
    made = boss.task(due_date=str(today))
    midnight = datetime.combine(today + timedelta(days=1), datetime.min.time(), UTC)
    [row] = sql_database.run(f"SELECT due_date, overdue_from FROM tasks WHERE id = {made['id']}")
    assert row == (str(today), str(int(midnight.timestamp() * 1000)))


def test_what_is_due_already_can_be_changed_otherwise(boss):
    moment = soon()
    made = boss.task(due_date=moment)
    wait_until(passed(moment), what="the due date")
    same = good("tasks", boss.change("tasks", made["id"], title="x", due_date=moment))
    assert (same["title"], same["due_date"]) == ("x", moment)
    good("tasks", boss.change("tasks", made["id"], status="IN_PROGRESS"))
    assert invalid(boss.change("tasks", made["id"], due_date="2020-01-01")) == ["due_date"]
    boss.hidden("tasks", made["id"])
    assert good("tasks", boss.restore("tasks", made["id"]))["due_date"] == moment
    assert good("tasks", boss.change("tasks", made["id"], due_date=None))["due_date"] is None


def test_overdue(new_office):
    """From the moment on, until it is done, hidden, or due later."""
    boss, moment = new_office["OWNER"], soon()
    task = boss.task(due_date=moment)["id"]
    boss.task(due_date=str(datetime.now(UTC).date()))
    boss.task()
    assert boss.analytics("tasks")["overdue"] == 0 or passed(moment)()
    wait_until(lambda: boss.analytics("tasks")["overdue"] == 1, what="the due date")
    assert passed(moment)()

    def overdue():
        return tuple(boss.analytics("tasks", **query)["overdue"]
                     for query in ({}, {"owner_id": boss.id}))
    good("tasks", boss.change("tasks", task, assignee_id=boss.id))
    assert overdue() == (1, 1)
    boss.hidden("tasks", task)
    assert overdue() == (0, 0)
    good("tasks", boss.restore("tasks", task))
    assert overdue() == (1, 1)
    good("tasks", boss.change("tasks", task, due_date="2099-01-01"))
    assert overdue() == (0, 0)


def test_what_is_done_is_not_overdue(new_office):
    boss, moment = new_office["OWNER"], soon()
    task = boss.task(due_date=moment, status="IN_PROGRESS")["id"]
    wait_until(lambda: boss.analytics("tasks")["overdue"] == 1, what="the due date")
    good("tasks", boss.change("tasks", task, status="DONE"))
    assert boss.analytics("tasks")["overdue"] == 0


# --- the way of a status --------------------------------------------------------------------------


@pytest.mark.parametrize("start, status", itertools.product(WAYS, TASK_STATUSES))
def test_every_way(boss, start, status):
    before = boss.task(status=start)
    response = boss.change("tasks", before["id"], status=status)
    if status in WAYS[start]:
        after = good("tasks", response)
        assert after == {**before, "status": status, "version": before["version"] + 1,
                         "updated_at": after["updated_at"], "completed_at": after["completed_at"]}
    else:
        assert sorted(crm.details(response, 409, "INVALID_TRANSITION")) == WAYS[start]
        after = before
    assert boss.read("tasks", before["id"]) == after


def test_a_refused_status_changes_nothing_else(boss):
    made = boss.task()
    contract.refused(boss.change("tasks", made["id"], status="DONE", title="x"), 409,
                     "INVALID_TRANSITION")
    assert boss.read("tasks", made["id"]) == made


def test_done_says_when(boss, sql_database):
    done = boss.task(status="DONE")
    assert done["created_at"] <= done["completed_at"] <= done["updated_at"]
    assert sql_database.run(f"SELECT count(*) FROM tasks WHERE id = {done['id']} "
                            f"AND completed_at >= created_at") == [("1",)]
    changed = good("tasks", boss.change("tasks", done["id"], title="x"))
    assert changed["completed_at"] == done["completed_at"]


@pytest.mark.parametrize("status", ["todo", "", "NEW", "DONE\0", None, 1, True, [], {}])
def test_statuses_that_there_are_not(boss, status):
    assert invalid(boss.change("tasks", boss.task()["id"], status=status)) == ["status"]


@pytest.mark.parametrize("status", TASK_STATUSES)
def test_a_new_task_has_no_choice(boss, status):
    assert invalid(boss.send("tasks", status=status)) == ["status"]


def test_of_many_who_begin_one_does(boss):
    for _ in range(4):
        task = boss.task()["id"]
        answers = crowd(boss, 4, lambda view, _, task=task: view.change("tasks", task,
                                                                        status="IN_PROGRESS"))
        assert Counter(each.status_code for each in answers) == {200: 1, 409: 3}
        assert boss.read("tasks", task)["version"] == 2


# --- whose a task is ------------------------------------------------------------------------------

# (who made it, whose it is) → may SALES change it?
OWN = [("me", None, True), ("me", "me", True), ("boss", "me", True), ("boss", None, False),
       ("me", "boss", False), ("boss", "boss", False), ("peer", None, False),
       ("peer", "peer", False)]


@pytest.mark.parametrize("creator, assignee, own", OWN)
def test_sales_change_their_own_tasks(office, boss, creator, assignee, own):
    people = {"me": office["SALES"], "boss": boss, "peer": office.newcomer("SALES")}
    made = people[creator].task(assignee_id=people[assignee].id if assignee else None)
    me = people["me"]
    assert me.read("tasks", made["id"]) == made
    for change in ({"title": "x"}, {"status": "IN_PROGRESS"}, {"assignee_id": me.id}, {}):
        response = me.change("tasks", made["id"], **change)
        if own:
            good("tasks", response)
        else:
            contract.refused(response, 403, "FORBIDDEN")
    if not own:
        assert me.read("tasks", made["id"]) == made


def test_a_task_that_is_given_away_is_another_s(office, boss):
    me = office["SALES"]
    task = me.task()["id"]
    good("tasks", me.change("tasks", task, assignee_id=boss.id))
    contract.refused(me.change("tasks", task, title="x"), 403, "FORBIDDEN")
    good("tasks", boss.change("tasks", task, assignee_id=None))
    good("tasks", me.change("tasks", task, title="x"))


@pytest.mark.parametrize("role", ["OWNER", "ADMIN", "MANAGER"])
def test_others_change_all_tasks(office, role):
    task = office["SALES"].task(assignee_id=office["SALES"].id)["id"]
    assert good("tasks", office[role].change("tasks", task, title="x"))["title"] == "x"


def test_what_there_is_not_is_nobody_s(office, boss):
    task = boss.task()["id"]
    boss.hidden("tasks", task)
    for number in (task, 999_999_999):
        contract.refused(office["SALES"].change("tasks", number, title="x"), 404, "NOT_FOUND")
