"""Deals: exact amounts, status transitions, and automatic activities. On both engines. Rules
shared by all CRM collections are tested in test_crm.py."""

import itertools
from collections import Counter
from decimal import Decimal

import pytest

from support import contract, crm
from support.crm import DEAL_STATUSES, Number, at_once, check_ok, crowd, invalid_fields

# Allowed next statuses of each status.
TRANSITIONS = {"NEW": ["IN_PROGRESS"], "IN_PROGRESS": ["LOST", "WON"], "WON": ["CLOSED"],
               "LOST": ["CLOSED"], "CLOSED": [], "WON and CLOSED": []}
LARGEST_AMOUNT = "9999999999.99"

# Amounts as written in JSON, and as stored in kopecks.
AMOUNTS = {"0": 0, "0.0": 0, "0.00": 0, "-0": 0, "-0.00": 0, "0.01": 1, "0.1": 10, "0.10": 10,
           "0.30": 30, "1": 100, "1.1": 110, "1.10": 110, "19.99": 1999, "1234567.89": 123456789,
           LARGEST_AMOUNT: 999999999999, "9999999999": 999999999900,
           "4503599627.37": 450359962737, "2147483648.01": 214748364801, "10.500": 1050,
           "1.100": 110, "0.000": 0, "1e2": 10000, "1E+3": 100000, "100e-2": 100, "1e-2": 1,
           "0e999": 0, "0.29E0": 29, "29e-2": 29, "999999999999E-2": 999999999999}
INVALID_AMOUNTS = ["-1", "-0.01", "0.001", "1e-3", "10.505", "10000000000", "10000000000.00",
                   "1e10", "0.30000000000000004", '"1"', '"1e2"', '"0.10"', '""',
                   "true", "false", "[]", "[1]", "{}", "null", "-1e308", "9223372036854775808.00"]
OUT_OF_RANGE = ["1e999", "99999999999999999999", "9" * 400, "1" + "0" * 30 + ".01",
                "0." + "1" * 5000]

DATES = ["2026-11-20", "2000-01-01", "2028-02-29", "9999-12-31", "1970-01-01", "1969-12-31"]
INVALID_DATES = ["2026-02-29", "2100-02-29", "2026-13-01", "2026-00-10", "2026-11-31", "2026-11-00",
                 "2026-1-1", "20261120", "2026-11-20T00:00:00Z", "", "tomorrow", " 2026-11-20",
                 "2026-11-20 ", "2026-11-20\0", "+2026-11-20", "-026-11-20", "２０２６-11-20",
                 "0000-01-01",
                 20261120, True, [], {}]


@pytest.fixture(scope="module")
def owner(office):
    return office["OWNER"]


def stored_columns(database, number, columns="amount"):
    [row] = database.run(f"SELECT {columns} FROM deals WHERE id = {number}")
    return row


def test_created_deal_returns_every_field(office, owner):
    fields = {"title": "Поставка стульев", "contact_id": owner.contact()["id"],
              "owner_id": office["SALES"].id, "description": "12 штук\nиз дворца",
              "expected_close_date": "2027-03-31"}
    made = owner.deal(**fields, amount=Number("120000.50"))
    assert made == {**made, **fields, "amount": Decimal("120000.50"), "status": "NEW",
                    "lost_reason": None, "closed_at": None, "version": 1}


def test_deal_owner_defaults_to_creator(office):
    seller = office["SALES"]
    assert seller.deal()["owner_id"] == seller.id
    assert seller.deal(owner_id=None)["owner_id"] is None


# --- amounts --------------------------------------------------------------------------------------


@pytest.mark.parametrize("text, kopecks", AMOUNTS.items())
def test_deal_amount_is_stored_exactly_in_kopecks(owner, sql_database, text, kopecks):
    response = owner.send("deals", amount=Number(text))
    made = check_ok("deals", response, 201)
    written = f"{kopecks // 100}.{kopecks % 100:02}"
    assert f'"amount":{written},' in response.text
    assert stored_columns(sql_database, made["id"]) == (str(kopecks),)
    assert f'"amount":{written},' in owner.get("deals", made["id"]).text
    change = check_ok("deals", owner.change("deals", made["id"], amount=Number(text)))
    assert change["amount"] == made["amount"] == Decimal(written)


@pytest.mark.parametrize("text", INVALID_AMOUNTS)
def test_invalid_deal_amount_is_rejected(owner, text):
    made = owner.deal(amount=Number("7.70"))
    for response in (owner.send("deals", amount=Number(text)),
                     owner.change("deals", made["id"], amount=Number(text))):
        assert invalid_fields(response) == ["amount"]
    assert owner.read("deals", made["id"]) == made


@pytest.mark.parametrize("text", OUT_OF_RANGE)
def test_deal_amount_beyond_number_range_is_rejected(owner, text):
    assert invalid_fields(owner.send("deals", amount=Number(text))) == ["amount"]


def test_change_of_other_field_keeps_deal_amount(owner, sql_database):
    made = owner.deal(amount=Number("0.29"))
    assert check_ok("deals",
                    owner.change("deals", made["id"], title="x"))["amount"] == Decimal("0.29")
    assert stored_columns(sql_database, made["id"]) == ("29",)


@pytest.mark.parametrize("date", DATES)
def test_expected_close_date_is_stored_unchanged(owner, date):
    made = owner.deal(expected_close_date=date)
    assert made["expected_close_date"] == date
    assert owner.read("deals", made["id"]) == made


@pytest.mark.parametrize("date", INVALID_DATES)
def test_invalid_expected_close_date_is_rejected(owner, date):
    assert invalid_fields(owner.send("deals", expected_close_date=date)) == ["expected_close_date"]


# --- status transitions ---------------------------------------------------------------------------


@pytest.mark.parametrize("start, status", itertools.product(TRANSITIONS, DEAL_STATUSES))
def test_deal_status_allows_only_defined_transitions(owner, sql_database, start, status):
    before = owner.deal(status=start, amount=100)
    steps = owner.page("activities", deal_id=before["id"])["total"]
    response = owner.move(before["id"], status)
    if status in TRANSITIONS[start]:
        after = check_ok("deals", response)
        assert after == {**before, "status": status, "version": before["version"] + 1,
                         "updated_at": after["updated_at"], "closed_at": after["closed_at"]}
        steps += 1
    else:
        assert sorted(crm.error_details(response, 409, "INVALID_TRANSITION")) == TRANSITIONS[start]
        after = before
    assert owner.read("deals", before["id"]) == after
    assert owner.page("activities", deal_id=before["id"])["total"] == steps
    outcome = {"WON": "WON", "LOST": "LOST"}.get(status if after is not before else start)
    if outcome:
        assert stored_columns(sql_database, before["id"], "outcome") == (outcome,)


@pytest.mark.parametrize("status", ["won", "", "DONE", " NEW", "NEW\0", None, 1, True, [], {}, ...])
def test_unknown_deal_status_is_rejected(owner, status):
    number = owner.deal()["id"]
    body = {} if status is ... else {"status": status}
    response = owner.request("POST", f"/deals/{number}/status", body)
    assert invalid_fields(response) == ["status"]


def test_deal_status_change_rejects_unknown_fields(owner):
    number = owner.deal()["id"]
    response = owner.move(number, "IN_PROGRESS", amount=1, nonsense=1)
    assert invalid_fields(response) == ["amount", "nonsense"]
    assert owner.read("deals", number)["status"] == "NEW"


def test_status_of_deleted_deal_cannot_be_changed(owner):
    number = owner.deal()["id"]
    owner.must_delete("deals", number)
    contract.check_error(owner.move(number, "IN_PROGRESS"), 404, "NOT_FOUND")


def test_closed_deal_keeps_its_time_of_closing(owner):
    deal = owner.deal(status="WON and CLOSED", amount=1)
    assert deal["created_at"] <= deal["closed_at"] <= deal["updated_at"]
    changed = check_ok("deals", owner.change("deals", deal["id"], description="x"))
    assert changed["closed_at"] == deal["closed_at"]


# --- won and lost deals ---------------------------------------------------------------------------


def test_deal_without_amount_cannot_be_won(owner):
    deal = owner.deal(status="IN_PROGRESS")
    assert invalid_fields(owner.move(deal["id"], "WON")) == ["amount"]
    assert owner.read("deals", deal["id"]) == deal
    assert owner.page("activities", deal_id=deal["id"])["total"] == 1
    check_ok("deals", owner.change("deals", deal["id"], amount=Number("0.01")))
    assert check_ok("deals", owner.move(deal["id"], "WON"))["status"] == "WON"


@pytest.mark.parametrize("start, refused", [("NEW", False), ("IN_PROGRESS", False), ("LOST", False),
                                            ("CLOSED", False), ("WON", True),
                                            ("WON and CLOSED", True)])
def test_amount_of_won_deal_cannot_be_zero(owner, start, refused):
    deal = owner.deal(status=start, amount=5)
    response = owner.change("deals", deal["id"], amount=0)
    if refused:
        assert invalid_fields(response) == ["amount"]
        assert owner.read("deals", deal["id"]) == deal
        assert check_ok("deals", owner.change("deals", deal["id"], amount=6))["amount"] == 6
    else:
        assert check_ok("deals", response)["amount"] == 0


@pytest.mark.parametrize("reason", ["x", "Дорого", "x" * 1000, "😀'; --", None])
def test_lost_reason_is_stored_and_kept_when_deal_changes(owner, reason):
    deal = owner.deal(status="IN_PROGRESS")
    lost = check_ok("deals", owner.move(deal["id"], "LOST", lost_reason=reason))
    assert lost["lost_reason"] == reason
    assert check_ok("deals", owner.move(deal["id"], "CLOSED"))["lost_reason"] == reason


@pytest.mark.parametrize("reason", ["", "x" * 1001, "a\0", 1, True, [], {}])
def test_invalid_lost_reason_is_rejected(owner, reason):
    deal = owner.deal(status="IN_PROGRESS")
    assert invalid_fields(owner.move(deal["id"], "LOST", lost_reason=reason)) == ["lost_reason"]
    assert owner.read("deals", deal["id"]) == deal


@pytest.mark.parametrize("start, status", [("NEW", "IN_PROGRESS"), ("IN_PROGRESS", "WON"),
                                           ("WON", "CLOSED"), ("LOST", "CLOSED")])
def test_lost_reason_is_rejected_for_other_statuses(owner, start, status):
    deal = owner.deal(status=start, amount=1)
    assert invalid_fields(owner.move(deal["id"], status, lost_reason="x")) == ["lost_reason"]
    assert owner.read("deals", deal["id"]) == deal


def test_error_names_both_invalid_lost_reason_and_missing_amount(owner):
    deal = owner.deal("IN_PROGRESS")
    refused = owner.move(deal["id"], "WON", lost_reason="x")
    assert invalid_fields(refused) == ["amount", "lost_reason"]
    assert owner.read("deals", deal["id"]) == deal


# --- automatic activities -------------------------------------------------------------------------


def test_each_deal_status_change_creates_automatic_activity(office, owner):
    seller, contact = office["SALES"], owner.contact()["id"]
    deal = owner.deal(contact_id=contact, amount=10)
    for view, status in ((seller, "IN_PROGRESS"), (owner, "WON"), (seller, "CLOSED")):
        check_ok("deals", view.move(deal["id"], status))
    told = owner.page("activities", deal_id=deal["id"])["items"]
    steps = [("NEW", "IN_PROGRESS", seller), ("IN_PROGRESS", "WON", owner),
             ("WON", "CLOSED", seller)]
    for activity, (old, new, view) in zip(told, steps, strict=True):
        assert activity == {**activity, "type": "NOTE", "subject": f"{old} → {new}",
                            "contact_id": contact, "deal_id": deal["id"], "author_id": view.id,
                            "automatic": True, "old_status": old, "new_status": new}
        assert owner.read("activities", activity["id"]) == activity
    closed = owner.read("deals", deal["id"])
    assert told[-1]["occurred_at"] == closed["closed_at"]


def test_automatic_activity_of_deal_without_contact_has_no_contact(owner):
    deal = owner.deal(status="IN_PROGRESS")
    [activity] = owner.page("activities", deal_id=deal["id"])["items"]
    assert activity["contact_id"] is None


# --- concurrent changes ---------------------------------------------------------------------------


def test_one_of_concurrent_deal_status_changes_succeeds(owner):
    for _ in range(4):
        deal = owner.deal()
        answers = crowd(owner, 2, lambda view, _, deal=deal: view.move(deal["id"], "IN_PROGRESS"))
        assert Counter(each.status_code for each in answers) == {200: 1, 409: 1}
        refusal = next(each for each in answers if each.status_code == 409)
        assert sorted(crm.error_details(refusal, 409,
                                        "INVALID_TRANSITION")) == TRANSITIONS["IN_PROGRESS"]
        assert owner.page("activities", deal_id=deal["id"])["total"] == 1
        assert owner.read("deals", deal["id"])["version"] == 2


def test_deal_marked_won_and_lost_concurrently_gets_one_outcome(owner):
    for _ in range(4):
        deal = owner.deal(status="IN_PROGRESS", amount=1)
        answers = crowd(owner, 6, lambda view, number, deal=deal: view.move(
            deal["id"], ("WON", "LOST")[number % 2]))
        assert Counter(each.status_code for each in answers) == {200: 1, 409: 5}
        told = owner.page("activities", deal_id=deal["id"])["items"]
        assert [each["new_status"] for each in told] == [
            "IN_PROGRESS", owner.read("deals", deal["id"])["status"]]


def test_won_deal_keeps_amount_despite_concurrent_clearing_of_amount(owner):
    """Holds whichever request comes first: the one that wins the deal or the one that clears its
    amount."""
    for _ in range(6):
        number = owner.deal(status="IN_PROGRESS", amount=1)["id"]
        answers = at_once(owner, [
            lambda view, number=number: view.move(number, "WON"),
            lambda view, number=number: view.change("deals", number, amount=0)])
        assert sorted(each.status_code for each in answers) == [200, 400]
        after = owner.read("deals", number)
        assert (after["status"], after["amount"]) in (("WON", 1), ("IN_PROGRESS", 0))
