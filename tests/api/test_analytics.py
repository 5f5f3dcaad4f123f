"""Analytics: counts, amounts and rates, by owner and period. On both engines."""

import subprocess
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from support import contract
from support.accounts import ROLES, add_member
from support.crm import ACTIVITY_TYPES, SECTIONS, Crm, Number, check_ok, invalid_fields

NAMES = (*SECTIONS, "summary")
LARGEST_AMOUNT = Number("9999999999.99")


def deal_figures(view, **query):
    """Returns the numbers of deals by status, the win rate and the pipeline amount."""
    found = view.analytics("deals", **query)
    counts = tuple(found[name] for name in ("total", "new", "in_progress", "won", "lost", "closed"))
    return counts, found["win_rate"], found["pipeline_amount"]


# --- counts ---------------------------------------------------------------------------------------


def test_analytics_of_empty_organization_are_zero(new_office):
    owner = new_office["OWNER"]
    summary = owner.analytics("summary")
    assert not any(value for section in summary.values() for value in section.values())
    assert owner.request("GET", "/analytics/deals").text == (
        '{"total":0,"new":0,"in_progress":0,"won":0,"lost":0,"closed":0,"win_rate":0.0000,'
        '"pipeline_amount":0.00}')
    assert '"completion_rate":0.0000' in owner.request("GET", "/analytics/tasks").text


def test_deal_analytics_count_closed_deals_also_as_won_or_lost(new_office):
    """A closed deal counts as closed, and also as won or lost."""
    owner = new_office["OWNER"]
    for number, status in enumerate(("NEW", "NEW", "IN_PROGRESS", "WON", "LOST", "CLOSED",
                                     "WON and CLOSED")):
        owner.deal(status=status, amount=Number(f"{10 ** number}.10"))
    assert deal_figures(owner) == ((7, 2, 1, 2, 2, 2), Decimal("0.5000"), Decimal("111.30"))


@pytest.mark.parametrize("won, lost, rate", [(0, 0, "0.0000"), (1, 0, "1.0000"), (0, 1, "0.0000"),
                                             (2, 1, "0.6667"), (1, 2, "0.3333"), (1, 6, "0.1429"),
                                             (5, 1, "0.8333")])
def test_win_rate_is_won_deals_divided_by_won_and_lost_deals(new_office, won, lost, rate):
    owner = new_office["OWNER"]
    for status in ["NEW", *["WON"] * won, *["LOST"] * lost]:
        owner.deal(status=status, amount=1)
    assert f'"win_rate":{rate}' in owner.request("GET", "/analytics/deals").text


def test_large_pipeline_amount_is_exact(new_office):
    owner = new_office["OWNER"]
    for amount in (LARGEST_AMOUNT, LARGEST_AMOUNT, LARGEST_AMOUNT, Number("0.01")):
        owner.deal(amount=amount)
    assert deal_figures(owner)[2] == Decimal("29999999999.98")
    assert deal_figures(owner, owner_id=owner.id)[2] == Decimal("29999999999.98")


def test_pipeline_amount_is_updated_when_deals_change(new_office):
    owner, seller = new_office["OWNER"], new_office["SALES"]
    number = owner.deal(amount=Number("10.50"))["id"]
    other = owner.deal(amount=1)["id"]

    def assert_pipeline(total, mine):
        assert deal_figures(owner)[2] == Decimal(total)
        assert deal_figures(owner, owner_id=seller.id)[2] == Decimal(mine)
    assert_pipeline("11.50", 0)
    check_ok("deals", owner.change("deals", number, owner_id=seller.id))
    assert_pipeline("11.50", "10.50")
    check_ok("deals", owner.change("deals", number, amount=Number("0.29")))
    assert_pipeline("1.29", "0.29")
    owner.must_delete("deals", other)
    assert_pipeline("0.29", "0.29")
    check_ok("deals", owner.restore("deals", other))
    check_ok("deals", owner.move(number, "IN_PROGRESS"))
    assert_pipeline("1.29", "0.29")
    check_ok("deals", owner.move(number, "WON"))
    assert_pipeline("1.00", 0)
    owner.must_delete("deals", number)
    assert deal_figures(owner)[:2] == ((1, 1, 0, 0, 0, 0), 0)
    check_ok("deals", owner.restore("deals", number))
    assert deal_figures(owner)[:2] == ((2, 1, 0, 1, 0, 0), 1)


def test_task_analytics_count_tasks_by_status(new_office):
    owner = new_office["OWNER"]
    for status in ("TODO", "TODO", "IN_PROGRESS", "DONE", "DONE", "DONE", "DONE"):
        owner.task(status=status)
    expected = {"total": 7, "todo": 2, "in_progress": 1, "done": 4, "overdue": 0,
                "completion_rate": Decimal("0.5714")}
    assert owner.analytics("tasks") == expected
    task = owner.task(status="IN_PROGRESS")["id"]
    check_ok("tasks", owner.change("tasks", task, status="TODO"))
    owner.must_delete("tasks", owner.ids("tasks", status="DONE")[0])
    assert owner.analytics("tasks") == {**expected, "todo": 3, "done": 3,
                                        "completion_rate": Decimal("0.4286")}


def test_contact_analytics_ignore_deleted_contacts(new_office):
    owner = new_office["OWNER"]
    numbers = [owner.contact()["id"] for _ in range(3)]
    owner.must_delete("contacts", numbers[0])
    assert owner.analytics("contacts") == {"total_contacts": 2}
    check_ok("contacts", owner.restore("contacts", numbers[0]))
    assert owner.analytics("contacts") == {"total_contacts": 3}


def test_automatic_activities_count_as_notes_in_analytics(new_office):
    """Automatic activities count as notes."""
    owner = new_office["OWNER"]
    for count, kind in enumerate(ACTIVITY_TYPES, 1):
        numbers = [owner.activity(type=kind)["id"] for _ in range(count)]
    assert owner.analytics("activities") == {"total": 10, "calls": 1, "emails": 2, "meetings": 3,
                                             "notes": 4}
    owner.deal(status="LOST")
    owner.must_delete("activities", numbers[0])
    assert owner.analytics("activities") == {"total": 11, "calls": 1, "emails": 2, "meetings": 3,
                                             "notes": 5}


def test_refused_change_leaves_analytics_unchanged(new_office):
    owner = new_office["OWNER"]
    deal, task = owner.deal(amount=3)["id"], owner.task()["id"]
    before = owner.analytics("summary")
    contract.check_error(owner.move(deal, "WON"), 409, "INVALID_TRANSITION")
    contract.check_error(owner.change("tasks", task, status="DONE"), 409, "INVALID_TRANSITION")
    assert invalid_fields(owner.send("deals", amount=5, contact_id=999_999_999)) == ["contact_id"]
    contract.check_error(owner.change("deals", deal, amount=7, headers={"If-Match": '"9"'}), 412,
                         "PRECONDITION_FAILED")
    contract.check_error(owner.delete("deals", 999_999_999), 404, "NOT_FOUND")
    assert owner.analytics("summary") == before


# --- filter by owner ------------------------------------------------------------------------------


def test_owner_filter_limits_analytics_to_objects_of_one_owner(new_office):
    """Filters deals and contacts by owner, tasks by assignee, activities by author."""
    owner, seller = new_office["OWNER"], new_office["SALES"]
    owner.deal(status="WON", amount=5)
    owner.deal(status="LOST", owner_id=seller.id)
    seller.deal(amount=2, owner_id=None)
    owner.task(assignee_id=seller.id, status="DONE")
    seller.task()
    owner.contact(owner_id=seller.id)
    owner.contact(owner_id=None)
    seller.activity(type="CALL")
    summary = owner.analytics("summary", owner_id=seller.id)
    assert deal_figures(owner, owner_id=seller.id) == ((1, 0, 0, 0, 1, 0), 0, 0)
    assert deal_figures(owner, owner_id=owner.id) == ((1, 0, 0, 1, 0, 0), 1, 0)
    assert summary["tasks"] == {"total": 1, "todo": 0, "in_progress": 0, "done": 1, "overdue": 0,
                                "completion_rate": 1}
    assert summary["contacts"] == {"total_contacts": 1}
    assert summary["activities"] == {"total": 1, "calls": 1, "emails": 0, "meetings": 0, "notes": 0}
    whole = owner.analytics("summary")
    assert (whole["deals"]["total"], whole["tasks"]["total"], whole["contacts"]["total_contacts"],
            whole["activities"]["total"]) == (3, 2, 2, 5)


def test_analytics_of_unknown_owner_are_zero(new_office, office):
    owner = new_office["OWNER"]
    office["OWNER"].deal()
    owner.deal()
    for number in (office["OWNER"].id, 999_999_999):
        assert owner.analytics("deals", owner_id=number)["total"] == 0


# --- filter by period -----------------------------------------------------------------------------

# Times of creation, and periods: (from, to, indexes of the TIMES inside).
TIMES = ["2020-01-31T23:59:59.999Z", "2020-02-01T00:00:00.000Z", "2020-02-01T12:00:00.500Z",
         "2020-02-01T23:59:59.999Z", "2020-02-02T00:00:00.000Z"]
PERIODS = [
    (None, None, [0, 1, 2, 3, 4]), ("2020-02-01", None, [1, 2, 3, 4]),
    (None, "2020-02-01", [0, 1, 2, 3]), ("2020-02-01", "2020-02-01", [1, 2, 3]),
    ("2020-02-01T12:00:00.500Z", None, [2, 3, 4]), ("2020-02-01T12:00:00.501Z", None, [3, 4]),
    (None, "2020-02-01T12:00:00.500Z", [0, 1, 2]), (None, "2020-02-01T12:00:00.499Z", [0, 1]),
    ("2020-02-01T15:00:00.500+03:00", "2020-02-01T12:00:00.500Z", [2]),
    ("2020-02-02", "2020-02-01", []), ("2020-02-03", None, []), (None, "2020-01-30", []),
]


@pytest.fixture(scope="module")
def dated_objects(accounts, sql_database):
    """Returns a client of an organization with one object of each collection at each of TIMES.
    The API sets the time of activities only, so other times are written to the database."""
    owner = Crm((person := accounts.register()).client, person.organization, person)
    for moment in TIMES:
        owner.activity(occurred_at=moment)
    for kind in ("contacts", "deals", "tasks"):
        for index, moment in enumerate(TIMES):
            number = owner.create(kind,
                                  **({"amount": 10 ** index} if kind == "deals" else {}))["id"]
            sql_database.run(f"UPDATE {kind} SET created_at = {milliseconds(moment)} "
                             f"WHERE id = {number} RETURNING id")
    return owner


def milliseconds(moment):
    return round(datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp() * 1000)


@pytest.mark.parametrize("owned", [False, True], ids=["of all", "of one"])
@pytest.mark.parametrize("start, end, found", PERIODS)
def test_analytics_count_only_objects_of_requested_period(dated_objects, start, end, found, owned):
    query = {name: value for name, value in (("from", start), ("to", end)) if value}
    if owned:
        query["owner_id"] = dated_objects.id
    assert dated_objects.analytics("activities", **query)["total"] == len(found)
    assert dated_objects.analytics("contacts", **query) == {"total_contacts": len(found)}
    assert deal_figures(dated_objects, **query) == ((len(found), len(found), 0, 0, 0, 0), 0,
                                                    sum(10 ** index for index in found))
    todo = 0 if owned else len(found)  # the tasks have no assignee
    assert dated_objects.analytics("tasks", **query)["todo"] == todo


@pytest.mark.parametrize("query", [{}, {"from": "2020-02-01"}, {"owner_id": 1}, {"owner_id": "me"},
                                   {"from": "2020-01-01", "to": "2099-01-01", "owner_id": "me"}],
                         ids=str)
def test_analytics_summary_equals_results_of_single_analytics_calls(dated_objects, query):
    query = {name: dated_objects.id if value == "me" else value for name, value in query.items()}
    summary = dated_objects.analytics("summary", **query)
    assert summary == {name: dated_objects.analytics(name, **query) for name in SECTIONS}


# --- overdue tasks --------------------------------------------------------------------------------

DAY_MS = 24 * 3600 * 1000


def run_recount(stack, *arguments):
    """Runs `kontora recount`, which checks the counters of the analytics."""
    return subprocess.run([stack.binary, "recount", *arguments], capture_output=True, text=True,
                          timeout=60, check=False, cwd=stack.state_dir, env=stack.env)


def test_number_of_overdue_tasks_changes_at_midnight(new_office, sql_stack, sql_database):
    """Sets due times in the database and recounts, because a test cannot wait for midnight."""
    owner = new_office["OWNER"]
    now = round(datetime.now(UTC).timestamp() * 1000)
    today = now - now % DAY_MS
    moments = [today - 30 * DAY_MS, today - DAY_MS, today - DAY_MS + 1, today - 1, today, today + 1,
               now - 1, now, now + 60_000, today + DAY_MS, today + DAY_MS + 1, today + 2 * DAY_MS]
    for moment in moments:
        number = owner.task(assignee_id=owner.id, due_date="2099-01-01")["id"]
        sql_database.run(f"UPDATE tasks SET overdue_from = {moment} WHERE id = {number} "
                         f"RETURNING id")
    wrong = run_recount(sql_stack)
    assert wrong.returncode == 1
    assert f"organization {owner.organization}, tasks.due." in wrong.stdout
    assert run_recount(sql_stack, "--repair").returncode == 0
    assert (run_recount(sql_stack).returncode, run_recount(sql_stack).stdout) == (0, "0 wrong\n")
    late = sum(moment <= now for moment in moments)
    assert owner.analytics("tasks")["overdue"] == late
    assert owner.analytics("tasks", owner_id=owner.id)["overdue"] == late
    assert owner.analytics("tasks", **{"from": "2020-01-01"})["overdue"] == late


# --- invalid queries ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("query, field", [
    ({"from": "x"}, "from"), ({"from": ""}, "from"), ({"to": "2026-02-30"}, "to"),
    ({"to": "2026-02-01T10:00:00"}, "to"), ({"to": "1763635200"}, "to"),
    ({"from": "2026-02-01\0"}, "from"), ({"owner_id": "x"}, "owner_id"),
    ({"owner_id": ""}, "owner_id"), ({"owner_id": "1.5"}, "owner_id"),
    ({"nonsense": 1}, "nonsense"), ({"limit": 1}, "limit"), ({"from": ["2026-01-01"] * 2}, "from"),
], ids=str)
def test_invalid_query_parameter_is_rejected(office, name, query, field):
    response = office["OWNER"].request("GET", f"/analytics/{name}", params=query)
    assert invalid_fields(response) == [field]


@pytest.mark.parametrize("name", NAMES)
def test_every_invalid_query_parameter_is_named(office, name):
    query = {"from": "x", "to": "y", "owner_id": "z"}
    response = office["OWNER"].request("GET", f"/analytics/{name}", params=query)
    assert invalid_fields(response) == sorted(query)


@pytest.mark.parametrize("name", NAMES)
def test_only_members_may_read_analytics(office, accounts, sql_anonymous, sql_api, name):
    path = f"/analytics/{name}"
    for role in ROLES:
        office[role].analytics(name)
    stranger = Crm(accounts.register().client, office.organization)
    contract.check_error(stranger.request("GET", path), 404, "NOT_FOUND")
    contract.check_error(Crm(sql_anonymous, "").request("GET", path), 401, "UNAUTHORIZED")
    contract.check_error(Crm(sql_api, "").request("GET", path), 403, "FORBIDDEN")
    contract.check_error(office["OWNER"].request("POST", path, {}), 405, "METHOD_NOT_ALLOWED")
    contract.check_error(office["OWNER"].request("GET", path + "x"), 404, "NOT_FOUND")


def test_analytics_cover_only_selected_organization(accounts, new_office):
    """A member of two organizations reads the analytics of the selected one."""
    owner, person = new_office["OWNER"], accounts.register()
    add_member(new_office.owner, person, "VIEWER")
    owner.contact()
    own = Crm(person.client, person.organization)
    there = Crm(person.client, new_office.organization)
    assert there.analytics("contacts") == {"total_contacts": 1}
    assert own.analytics("contacts") == {"total_contacts": 0}
