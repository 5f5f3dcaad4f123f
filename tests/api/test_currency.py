"""The currency of an organization: amounts are stored without a currency, so it cannot change while
a deal has an amount. On both engines."""

import threading

import pytest

from support import contract
from support.accounts import Accounts
from support.client import Client
from support.crm import Number, Office, at_once, check_ok
from support.database import Database
from support.waiting import wait_until

KEPT_CONNECTIONS = 32  # more than nginx keeps to one worker here


def set_currency(crm, currency, **fields):
    return crm.client.patch(f"/organizations/{crm.organization}",
                            json={"currency": currency, **fields})


def assert_currency_stays(crm, database, **fields):
    """Asserts that a change of the currency is refused and changes nothing."""
    before = crm.client.get(f"/organizations/{crm.organization}").json()
    contract.check_error(set_currency(crm, "EUR", **fields), 409, "CURRENCY_IN_USE")
    assert crm.client.get(f"/organizations/{crm.organization}").json() == before
    [[stored]] = database.run(f"SELECT currency FROM organizations WHERE id = {crm.organization}")
    assert stored == before["currency"] == "RUB"


@pytest.mark.parametrize("status", ["NEW", "IN_PROGRESS", "WON", "LOST", "CLOSED"])
def test_currency_cannot_change_while_a_deal_has_an_amount(new_office, sql_database, status):
    owner = new_office["OWNER"]
    owner.deal(status=status, amount=Number("0.01"))
    assert_currency_stays(owner, sql_database)
    assert_currency_stays(owner, sql_database, name="Ромашка")


def test_currency_cannot_change_while_a_deleted_deal_has_an_amount(new_office, sql_database):
    """A deleted deal can be restored, with its amount."""
    owner = new_office["OWNER"]
    deal = owner.deal(amount=100)["id"]
    owner.must_delete("deals", deal)
    assert_currency_stays(owner, sql_database)
    check_ok("deals", owner.restore("deals", deal))
    assert_currency_stays(owner, sql_database)
    check_ok("deals", owner.change("deals", deal, amount=0))
    owner.must_delete("deals", deal)
    assert set_currency(owner, "EUR").status_code == 200


def test_currency_can_change_without_amounts(new_office, accounts):
    """Amounts of another organization do not count."""
    owner, other = new_office["OWNER"], Office(accounts)["OWNER"]
    other.deal(amount=100)
    owner.must_delete("deals", owner.deal()["id"])
    number = owner.deal(amount=0)["id"]
    assert set_currency(owner, "USD").json()["currency"] == "USD"
    check_ok("deals", owner.change("deals", number, amount=5))
    contract.check_error(set_currency(owner, "RUB"), 409, "CURRENCY_IN_USE")
    check_ok("deals", owner.change("deals", number, amount=0))
    assert set_currency(owner, "RUB").json()["currency"] == "RUB"


def test_organization_with_amounts_can_keep_its_currency(new_office):
    """A change may contain the same currency."""
    owner = new_office["OWNER"]
    owner.deal(amount=100)
    response = set_currency(owner, "RUB", name="Ромашка")
    assert (response.status_code, response.json()["name"]) == (200, "Ромашка")


def test_currency_in_use_precedes_a_stale_version(new_office):
    """RFC 9110 13.2.1: conditions count only if the request would succeed without them."""
    owner = new_office["OWNER"]
    owner.deal(amount=100)
    response = owner.client.patch(f"/organizations/{owner.organization}", json={"currency": "EUR"},
                                  headers={"If-Match": '"99"'})
    contract.check_error(response, 409, "CURRENCY_IN_USE")


def test_error_about_currency_is_in_the_language_of_the_client(new_office):
    owner = new_office["OWNER"]
    owner.deal(amount=100)
    path = f"/organizations/{owner.organization}"
    for language, word in (("en", "currency"), ("ru", "Валюту")):
        response = owner.client.patch(path, json={"currency": "EUR"},
                                      headers={"Accept-Language": language})
        assert word in response.json()["error"]


def test_currency_stays_once_an_amount_is_stored(new_office):
    """A change of the currency and deals that get an amount at the same time: each change counts
    as made before or after the others, and the currency is final as soon as an amount is
    stored."""
    owner = new_office["OWNER"]
    numbers = [owner.deal()["id"] for _ in range(4)]
    calls = [*(lambda own, number=number: own.change("deals", number, amount=7)
               for number in numbers),
             *(lambda own, currency=currency: set_currency(own, currency)
               for currency in ("EUR", "USD", "KZT")),
             lambda own: own.send("deals", amount=7)]
    answers = at_once(owner, calls)
    for response in answers[:4] + answers[7:]:
        assert response.status_code in (200, 201), response.text
    accepted = {"RUB"}
    for response in answers[4:7]:
        if response.status_code == 200:
            accepted.add(response.json()["currency"])
        else:
            contract.check_error(response, 409, "CURRENCY_IN_USE")
    final = owner.client.get(f"/organizations/{owner.organization}").json()["currency"]
    assert final in accepted
    contract.check_error(set_currency(owner, "GBP"), 409, "CURRENCY_IN_USE")


def begin_until_answered(call):
    """Begins calls until one is answered, and returns their threads. nginx may send a call over a
    kept connection to the worker that is blocked; a new connection is accepted by another one."""
    answered, threads = threading.Event(), []

    def run():
        call()
        answered.set()

    while not answered.is_set():
        assert len(threads) < KEPT_CONNECTIONS, "no other worker has answered"
        threads.append(threading.Thread(target=run))
        threads[-1].start()
        answered.wait(0.1)
    return threads


@pytest.mark.parametrize("existing", [True, False])
def test_change_of_currency_sees_an_amount_stored_meanwhile(postgres_stack, postgres, existing):
    """PostgreSQL: the change has found no amount and waits for a lock. Then a deal gets one, and
    clients can read it in the old currency until the lock is released. On SQLite, writers wait for
    each other."""
    client = Client(f"{postgres_stack.https_url}/api/v1", postgres_stack.ca_file)
    owner, database = Office(Accounts(client))["OWNER"], Database(postgres_stack, postgres)
    # the amount of a lost deal changes no counter, so its transaction writes one row only
    deal, changing, answers = owner.deal(status="LOST")["id"], owner.anew(), []
    change = threading.Thread(target=lambda: answers.append(set_currency(changing, "EUR")))
    lock = f"PERFORM 1 FROM organizations WHERE id = {owner.organization} FOR NO KEY UPDATE"
    with database.holding(f"DO $$ BEGIN {lock}; END $$") as commit:
        change.start()
        wait_until(database.has_lock_waiters, what="the change of the currency to wait")
        if existing:
            threads = begin_until_answered(lambda: check_ok(
                "deals", owner.anew().change("deals", deal, amount=100)))
        else:
            threads = begin_until_answered(lambda: owner.anew().deal(amount=100))
        commit()
        for thread in (change, *threads):
            thread.join()
    contract.check_error(answers[0], 409, "CURRENCY_IN_USE")
