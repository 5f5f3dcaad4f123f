"""Activities on both engines. Rules shared by all CRM collections are tested in test_crm.py."""

from datetime import UTC, datetime, timedelta

import pytest

from support import contract
from support.crm import ACTIVITY_TYPES, check_ok, invalid_fields

OCCURRED = {
    "2020-02-29T12:00:00Z": "2020-02-29T12:00:00.000Z",
    "1969-12-31T23:59:59.999Z": "1969-12-31T23:59:59.999Z",
    "2099-01-01T01:00:00.5+02:00": "2098-12-31T23:00:00.500Z",
}
EDGES = ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59.999Z",
         "9999-12-31T23:59:59-23:59", "2016-12-31T23:59:60Z"]
NOT_OCCURRED = ["2026-11-20", "2026-11-20T12:34:56", "2026-02-29T00:00:00Z", "", "now", "\0", 0,
                1763635200, True, [], {}]


@pytest.fixture(scope="module")
def owner(office):
    return office["OWNER"]


@pytest.fixture
def automatic_activity(owner):
    """Returns an activity that a deal's status change created."""
    deal = owner.deal(status="IN_PROGRESS")
    [activity] = owner.page("activities", deal_id=deal["id"])["items"]
    return activity


@pytest.mark.parametrize("kind", ACTIVITY_TYPES)
def test_created_activity_returns_every_field(office, owner, kind):
    seller = office["SALES"]
    fields = {"type": kind, "subject": "Разговор", "description": "о стульях\nи столах",
              "contact_id": owner.contact()["id"], "deal_id": owner.deal()["id"],
              "occurred_at": "2026-01-02T03:04:05.678Z"}
    made = seller.activity(**fields)
    assert made == {**made, **fields, "author_id": seller.id, "automatic": False,
                    "old_status": None, "new_status": None, "version": 1}
    assert owner.read("activities", made["id"]) == made


@pytest.mark.parametrize("kind", ["call", "", "SMS", "NOTE ", "NOTE\0", None, 1, True, [], {}, ...])
def test_invalid_activity_type_is_rejected(owner, kind):
    assert invalid_fields(owner.send("activities", type=kind)) == ["type"]


@pytest.mark.parametrize("given, answered", OCCURRED.items())
def test_occurred_at_is_converted_to_utc_milliseconds(owner, given, answered):
    made = owner.activity(occurred_at=given)
    assert made["occurred_at"] == answered == owner.read("activities", made["id"])["occurred_at"]


@pytest.mark.parametrize("given", EDGES)
def test_extreme_occurred_at_is_rejected_or_returned_in_accepted_form(owner, given):
    """An accepted time is returned in a form that is accepted again."""
    response = owner.send("activities", occurred_at=given)
    if response.status_code == 201:
        answered = check_ok("activities", response, 201)["occurred_at"]
        assert owner.activity(occurred_at=answered)["occurred_at"] == answered
    else:
        assert invalid_fields(response) == ["occurred_at"]


@pytest.mark.parametrize("given", NOT_OCCURRED)
def test_invalid_occurred_at_is_rejected(owner, given):
    assert invalid_fields(owner.send("activities", occurred_at=given)) == ["occurred_at"]


def test_occurred_at_defaults_to_now(owner):
    before, made = datetime.now(UTC), owner.activity()
    moment = datetime.fromisoformat(made["occurred_at"].replace("Z", "+00:00"))
    assert before - timedelta(milliseconds=1) <= moment <= datetime.now(UTC)
    assert made["occurred_at"] == made["created_at"]


def test_activity_cannot_be_changed(office, owner):
    number = owner.activity()["id"]
    for view in (owner, office["VIEWER"]):
        response = view.change("activities", number, subject="x")
        contract.check_error(response, 405, "METHOD_NOT_ALLOWED")
        assert set(response.headers["Allow"].replace(" ", "").split(",")) >= {"GET", "DELETE"}
        assert "PATCH" not in response.headers["Allow"]


@pytest.mark.parametrize("role", ["OWNER", "MANAGER"])
def test_automatic_activity_cannot_be_deleted(office, owner, automatic_activity, role):
    response = office[role].delete("activities", automatic_activity["id"])
    contract.check_error(response, 409, "AUTOMATIC_ACTIVITY")
    assert owner.read("activities", automatic_activity["id"]) == automatic_activity
    owner.must_delete("deals", automatic_activity["deal_id"])
    response = office[role].delete("activities", automatic_activity["id"])
    contract.check_error(response, 409, "AUTOMATIC_ACTIVITY")
    assert check_ok("activities",
                    owner.restore("activities", automatic_activity["id"])) == automatic_activity


def test_sales_role_cannot_delete_activities(office, automatic_activity):
    """The role SALES cannot even delete activities that it created."""
    seller = office["SALES"]
    for number in (seller.activity()["id"], automatic_activity["id"]):
        contract.check_error(seller.delete("activities", number), 403, "FORBIDDEN")


def test_client_cannot_create_automatic_activity(owner):
    for fields in ({"automatic": True}, {"automatic": False}, {"old_status": "NEW"},
                   {"new_status": None}, {"author_id": owner.id}):
        assert invalid_fields(owner.send("activities", **fields)) == list(fields)


def test_activities_of_deal_are_sorted_by_time(owner):
    """Includes manual and automatic activities, ordered by time."""
    deal = owner.deal(status="LOST")["id"]
    call = owner.activity(type="CALL", deal_id=deal, occurred_at="2020-01-01T00:00:00Z")["id"]
    ordered = owner.page("activities", deal_id=deal, sort="occurred_at")["items"]
    assert [each["automatic"] for each in ordered] == [False, True, True]
    assert ordered[0]["id"] == call
    notes = owner.page("activities", deal_id=deal, type="NOTE")
    assert [each["new_status"] for each in notes["items"]] == ["IN_PROGRESS", "LOST"]
    assert notes["total"] == 2
