"""A complete scenario, from the registration of a company to a closed deal, with people of all
five roles. Also serves as documentation. On both engines."""

from datetime import UTC, datetime
from decimal import Decimal

from support import contract, crm, vault
from support.accounts import accept, address
from support.contract import TIME
from support.crm import Crm, Number, check_ok

HOUR = "2026-11-20T{:02}:00:00.000Z"


def hire(sql_anonymous, owner, organization, role, name):
    """Registers a colleague, who is invited, accepts, and works in the company's organization."""
    email, password = address(), vault.password()
    body = {"email": email, "password": password, "name": name}
    made = sql_anonymous.post("/auth/register", json=body)
    assert made.status_code == 201
    response = owner.client.post(f"/organizations/{organization}/members",
                                 json={"email": email, "role": role})
    assert response.status_code == 201
    client = sql_anonymous.bearing(sql_anonymous.login(email, password)["access_token"])
    assert accept(client, response.json()["id"]).status_code == 200
    me = client.get("/auth/me", headers={"X-Organization-ID": str(organization)}).json()
    assert (organization, role) in [(each["id"], each["role"]) for each in me["organizations"]]
    return Crm(client, organization), me["account_id"]


def test_company_wins_and_closes_deal_with_five_roles(sql_anonymous):
    # Ольга registers, which creates the company; she is its owner.
    made = sql_anonymous.post("/auth/register", json={
        "email": address(), "password": vault.password(), "name": "Ольга",
        "organization_name": "ООО «Рога и копыта»"})
    company = contract.check_registered(made.json())["organization"]["id"]
    olga = Crm(sql_anonymous.bearing(made.json()["access_token"]), company)

    # She adds an administrator, a manager, a salesperson, and an accountant with read access.
    anton, _ = hire(sql_anonymous, olga, company, "ADMIN", "Антон")
    maria, _ = hire(sql_anonymous, anton, company, "MANAGER", "Мария")
    sergey, sergey_id = hire(sql_anonymous, anton, company, "SALES", "Сергей")
    vera, _ = hire(sql_anonymous, anton, company, "VIEWER", "Вера")

    # Мария creates a customer. The search finds it by the telephone number.
    customer = maria.contact(name="Киса Воробьянинов", phone="+7 (812) 555-12-12",
                             company="Союз меча и орала", email="kisa@example.com",
                             owner_id=sergey_id)
    assert vera.ids("contacts", search="812 555") == [customer["id"]]

    # Сергей enters the customer again and is refused with the existing contact.
    [other] = crm.error_details(sergey.send("contacts", name="И. М. Воробьянинов",
                                            email="KISA@example.com"), 409, "DUPLICATE")
    assert other["id"] == customer["id"]

    # Мария creates a deal and a task for Сергей, who starts working on them.
    deal = maria.deal(title="Двенадцать стульев", amount=Number("120000.00"), owner_id=sergey_id,
                      contact_id=customer["id"], expected_close_date="2027-01-31")
    task = maria.task(title="Позвонить и договориться", assignee_id=sergey_id, deal_id=deal["id"],
                      contact_id=customer["id"], due_date=str(datetime.now(UTC).date()))
    assert sergey.ids("tasks", assignee_id=sergey_id, status="TODO") == [task["id"]]
    check_ok("tasks", sergey.change("tasks", task["id"], status="IN_PROGRESS"))
    sergey.activity(type="CALL", subject="Первый разговор", deal_id=deal["id"],
                    contact_id=customer["id"], occurred_at=HOUR.format(10))
    check_ok("deals", sergey.move(deal["id"], "IN_PROGRESS"))
    check_ok("tasks", sergey.change("tasks", task["id"], status="DONE"))

    # Мария changes the deal from an outdated version and is refused.
    seen = maria.get("deals", deal["id"])
    check_ok("deals", sergey.change("deals", deal["id"], amount=Number("99999.90"),
                                    headers={"If-Match": seen.headers["ETag"]}))
    late = maria.change("deals", deal["id"], amount=1, headers={"If-Match": seen.headers["ETag"]})
    contract.check_error(late, 412, "PRECONDITION_FAILED")

    # Вера can read everything and change nothing.
    assert vera.read("deals", deal["id"])["amount"] == Decimal("99999.90")
    contract.check_error(vera.change("deals", deal["id"], amount=1), 403, "FORBIDDEN")
    contract.check_error(vera.send("tasks"), 403, "FORBIDDEN")

    # Сергей may not delete, and a deal that is neither won nor lost cannot be closed.
    contract.check_error(sergey.delete("contacts", customer["id"]), 403, "FORBIDDEN")
    assert sorted(crm.error_details(sergey.move(deal["id"], "CLOSED"), 409,
                                    "INVALID_TRANSITION")) == [
        "LOST", "WON"]

    # The deal is won; Мария closes it after the payment.
    check_ok("deals", sergey.move(deal["id"], "WON"))
    closed = check_ok("deals", maria.move(deal["id"], "CLOSED"))
    assert (closed["status"], closed["amount"]) == ("CLOSED", Decimal("99999.90"))
    assert TIME.fullmatch(closed["closed_at"])

    # The deal has a complete history of its status changes.
    story = vera.page("activities", deal_id=deal["id"], sort="id")["items"]
    assert [each["subject"] for each in story] == [
        "Первый разговор", "NEW → IN_PROGRESS", "IN_PROGRESS → WON", "WON → CLOSED"]
    assert [each["automatic"] for each in story] == [False, True, True, True]

    # A second deal is lost, with a reason.
    second = sergey.deal(title="Тринадцатый стул", amount=Number("0.10"), contact_id=customer["id"])
    check_ok("deals", sergey.move(second["id"], "IN_PROGRESS"))
    check_ok("deals", sergey.move(second["id"], "LOST", lost_reason="Стула не нашли"))

    # A customer with deals cannot be deleted. Антон deletes the lost deal, and restores it because
    # the statistics need it.
    contract.check_error(anton.delete("contacts", customer["id"]), 409, "HAS_DEALS")
    anton.must_delete("deals", second["id"])
    assert anton.analytics("deals")["total"] == 1
    check_ok("deals", anton.restore("deals", second["id"]))

    # Вера reads the analytics.
    assert vera.analytics("summary") == {
        "deals": {"total": 2, "new": 0, "in_progress": 0, "won": 1, "lost": 1, "closed": 1,
                  "win_rate": Decimal("0.5"), "pipeline_amount": 0},
        "tasks": {"total": 1, "todo": 0, "in_progress": 0, "done": 1, "overdue": 0,
                  "completion_rate": 1},
        "contacts": {"total_contacts": 1},
        "activities": {"total": 6, "calls": 1, "emails": 0, "meetings": 0, "notes": 5},
    }
    assert vera.analytics("deals", owner_id=sergey_id)["won"] == 1
    assert vera.analytics("deals", **{"from": "2020-01-01", "to": "2020-12-31"})["total"] == 0
    assert vera.analytics("activities", to="2026-11-20")["calls"] == 1

    # Other organizations see none of these objects.
    stranger = sql_anonymous.post("/auth/register",
                                  json={"email": address(), "password": vault.password()}).json()
    outside = Crm(sql_anonymous.bearing(stranger["access_token"]), "")
    contract.check_error(outside.get("deals", deal["id"]), 404, "NOT_FOUND")
    assert outside.analytics("deals")["total"] == 0
