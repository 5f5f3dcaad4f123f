"""Batches that are interrupted: by a killed worker, a reload, their time limit, the database, and
conflicts with other batches; and their limits for one user."""

import itertools
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from stack import running_postgres

from support import contract
from support.accounts import Accounts
from support.crm import Office
from support.people import tag
from support.waiting import wait_until

CONTACTS = "/api/v1/contacts"
OPERATIONS_MAX = 500
KILLS = 5
SLOW_S = 0.3  # delay of changes in the directory
SLOW_OPERATIONS = 40
SLOW_USER = "/api/v1/users/Administrator"

# Without a limit on the rate, so that a test can send one batch after another.
UNLIMITED = {"RATE_SUBJECT_PER_S": "0", "RATE_ORGANIZATION_PER_S": "0"}


def create(name):
    return {"method": "POST", "path": CONTACTS, "body": {"name": name}}


def send(client, operations, **flags):
    return client.post("/batch", json={"operations": operations, **flags})


def statuses(response):
    assert response.status_code == 200, response.text
    return [result["status"] for result in response.json()["results"]]


@pytest.fixture
def sql_rig(make_sql_rig):
    return make_sql_rig(**UNLIMITED)


@pytest.fixture
def owner(sql_rig):
    return Accounts(sql_rig.anonymous()).register().client


def contacts_like(rig, prefix):
    """Returns the numbers at the end of the names of the contacts that begin with the prefix."""
    rows = rig.database.run(f"SELECT name FROM contacts WHERE name LIKE '{prefix} %'")
    return sorted(int(name.rsplit(" ", 1)[1]) for [name] in rows)


def audited(rig, identifier):
    """Returns the positions of the operations that the audit log reports as done."""
    return [number for number in range(OPERATIONS_MAX)
            for line in rig.audit().of(f"{identifier}.{number}") if line["status"] == "success"]


class KilledBatch:
    """A batch whose worker is killed when `is_due()` is true."""

    def __init__(self, rig, client, prefix, is_due, **flags):
        self.response = None
        operations = [create(f"{prefix} {number}") for number in range(OPERATIONS_MAX)]
        thread = threading.Thread(target=self._run, args=(client, operations, flags))
        thread.start()
        while thread.is_alive() and not is_due():
            time.sleep(0.001)
        for pid in rig.service.workers("batch"):
            os.kill(pid, signal.SIGKILL)
        thread.join()
        wait_until(lambda: rig.service.workers("batch"), what="new workers of batches")

    def _run(self, client, operations, flags):
        self.response = send(client, operations, **flags)


def test_killed_worker_leaves_a_prefix_that_the_audit_log_shows(sql_rig, owner):
    prefix = tag()
    batch = KilledBatch(sql_rig, owner, prefix, lambda: len(contacts_like(sql_rig, prefix)) > 20)
    assert batch.response.status_code == 502, batch.response.text
    done = contacts_like(sql_rig, prefix)
    assert done == list(range(len(done))) and 20 < len(done) < OPERATIONS_MAX
    reported = audited(sql_rig, batch.response.headers["X-Request-ID"])
    # the worker may have been killed between a commit and its audit line
    assert reported == done[:len(reported)] and len(done) - len(reported) <= 1
    assert statuses(send(owner, [create(f"{prefix} {len(done)}")])) == [201]


def test_killed_worker_leaves_nothing_of_an_atomic_batch(sql_rig, owner):
    killed = 0
    for attempt in itertools.count():
        prefix, due = tag(), time.monotonic() + 0.02 + 0.01 * (attempt % 20)
        batch = KilledBatch(sql_rig, owner, prefix, lambda due=due: time.monotonic() > due,
                            atomic=True)
        identifier = batch.response.headers["X-Request-ID"]
        done = contacts_like(sql_rig, prefix)
        assert done in ([], list(range(OPERATIONS_MAX)))
        assert set(audited(sql_rig, identifier)) <= set(done)
        killed += batch.response.status_code == 502 and not done
        if killed == KILLS:
            break
        assert attempt < 20 * KILLS, "no batch was killed in the middle"
    assert statuses(send(owner, [create(f"{tag()} 1")], atomic=True)) == [201]


def test_batches_while_the_database_is_down(make_rig, tmp_path):
    with running_postgres(tmp_path) as server:
        rig = make_rig(database=server, **UNLIMITED)
        client = Accounts(rig.anonymous()).register().client
        assert statuses(send(client, [create("a")], atomic=True)) == [201]
        server.stop()
        for flags in ({}, {"atomic": True}):
            contract.check_error(send(client, [create("b")], **flags), 503,
                                 "DATABASE_UNAVAILABLE")
        server.start()
        wait_until(lambda: send(client, [create("c")], atomic=True).ok,
                   what="the database to be used again")
        assert [name for [name] in rig.database.run("SELECT name FROM contacts ORDER BY id")
                ][:2] == ["a", "c"]


def test_concurrent_atomic_batches_do_not_mix(make_sql_rig):
    """Each batch gives two contacts the same name, so the names are equal at all times."""
    rig = make_sql_rig(BATCH_WORKERS="4", BATCHES_SUBJECT_AT_ONCE="0", **UNLIMITED)
    owner = Office(Accounts(rig.anonymous()))["OWNER"]
    pair = [owner.contact()["id"] for _ in range(2)]

    def rename_both(number):
        client = owner.anew().client
        name = f"both {number}"
        order = pair if number % 2 else pair[::-1]
        seen = statuses(send(client, [
            {"method": "PATCH", "path": f"{CONTACTS}/{one}", "body": {"name": name}}
            for one in order] + [{"method": "GET", "path": f"{CONTACTS}/{one}"} for one in order],
            atomic=True))
        names = rig.database.run("SELECT DISTINCT name FROM contacts")
        return seen, len(names)

    with ThreadPoolExecutor(4) as pool:
        for seen, names in pool.map(rename_both, range(40)):
            assert seen == [200] * 4 or 200 not in seen, seen
            assert names in (1, 2)  # two only before the first batch
    assert len(rig.database.run("SELECT DISTINCT name FROM contacts")) == 1


# --- time -----------------------------------------------------------------------------------------

@pytest.fixture
def slow_rig(make_rig, directory, proxy):
    """Starts a service on which each read of a user takes SLOW_S."""
    def make(**settings):
        made = make_rig(directory, LDAP_SERVER=f"127.0.0.1:{proxy.port}",
                        LDAP_TLS_CA_FILE=str(proxy.ca_file), **settings)
        made.wait_for_directory("up")
        assert made.api.get("/users/Administrator").ok
        assert statuses(send(made.api, [{"method": "GET", "path": SLOW_USER}])) == [200]
        proxy.slow_text, proxy.slow_s = b"Administrator", SLOW_S
        return made
    return make


def read_slowly(count=SLOW_OPERATIONS):
    return [{"method": "GET", "path": SLOW_USER} for _ in range(count)]


def assert_prefix_executed(seen):
    executed = seen.count(200)
    assert 0 < executed < len(seen)
    assert seen == [200] * executed + [424] * (len(seen) - executed)


def test_batch_stops_at_its_time_limit_and_answers(slow_rig):
    rig = slow_rig(BATCH_TIMEOUT="1", **UNLIMITED)
    response = send(rig.api, read_slowly())
    assert_prefix_executed(statuses(response))
    assert response.json()["results"][-1]["body"]["code"] == "NOT_EXECUTED"


def test_reload_ends_a_long_batch_between_two_operations(slow_rig):
    rig = slow_rig(DRAIN_TIMEOUT="4", **UNLIMITED)
    with ThreadPoolExecutor(1) as pool:
        batch = pool.submit(send, rig.api.at(rig.api.base_url), read_slowly())
        time.sleep(SLOW_S)  # the batch has begun; the reload may also come before
        rig.reload()
        assert_prefix_executed(statuses(batch.result()))


def test_batch_that_waited_too_long_for_a_worker_is_not_executed(slow_rig):
    rig = slow_rig(BATCH_WORKERS="1", BATCH_TIMEOUT="1", BATCHES_SUBJECT_AT_ONCE="0", **UNLIMITED)
    with ThreadPoolExecutor(3) as pool:
        several = [pool.submit(send, rig.api.at(rig.api.base_url), read_slowly(10))
                   for _ in range(3)]
        answers = [each.result() for each in several]
    refused = [answer for answer in answers if answer.status_code == 503]
    assert refused and len(refused) < 3
    for answer in refused:
        contract.check_error(answer, 503, "SERVICE_UNAVAILABLE")
        assert answer.headers["Retry-After"] == "5"


# --- limits ---------------------------------------------------------------------------------------

def test_one_batch_at_a_time_for_each_user(slow_rig):
    rig = slow_rig(env=None, rate_limits=True, **UNLIMITED)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(send, rig.api.at(rig.api.base_url), read_slowly(10))
        time.sleep(SLOW_S)
        refused = send(rig.api, read_slowly(1))
        other = Accounts(rig.anonymous()).register().client
        assert statuses(send(other, [create("x")])) == [201]
        assert statuses(first.result()) == [200] * 10
    contract.check_error(refused, 429, "TOO_MANY_REQUESTS")
    assert refused.headers["Retry-After"] == "5"
    assert statuses(send(rig.api, read_slowly(1))) == [200]


def test_operations_count_toward_the_rate_of_the_user(make_rig):
    """The default limits permit a full batch at once, and then 50 operations a second."""
    rig = make_rig(rate_limits=True)
    person = Accounts(rig.anonymous()).register()
    client = person.client
    full = [{"method": "GET", "path": f"{CONTACTS}?limit=1"}] * OPERATIONS_MAX
    assert statuses(send(client, full)) == [200] * OPERATIONS_MAX
    refused = send(client, full)
    contract.check_error(refused, 429, "TOO_MANY_REQUESTS")
    assert 1 <= int(refused.headers["Retry-After"]) <= 10
    assert client.get("/contacts").ok, "a batch does not use up the requests after it"
    assert statuses(send(client, full[:50])) == [200] * 50
    other = Accounts(rig.anonymous()).register().client
    assert statuses(send(other, full)) == [200] * OPERATIONS_MAX


def test_batch_counts_as_one_request_of_its_address(make_rig):
    rig = make_rig(rate_limits=True, **UNLIMITED)
    client = Accounts(rig.anonymous()).register().client
    full = [{"method": "GET", "path": f"{CONTACTS}?limit=1"}] * OPERATIONS_MAX
    for _ in range(3):
        assert statuses(send(client, full)) == [200] * OPERATIONS_MAX


# --- disconnected clients -------------------------------------------------------------------------

def test_batch_goes_on_when_its_client_disconnects(sql_rig, owner):
    prefix = tag()
    operations = [create(f"{prefix} {number}") for number in range(200)]
    session = owner.session
    with pytest.raises(Exception, match="timed out|Read timed out"):
        session.post(f"{owner.base_url}/batch", json={"operations": operations},
                     headers={"Authorization": f"Bearer {owner.token}"}, timeout=0.05)
    wait_until(lambda: contacts_like(sql_rig, prefix) == list(range(200)),
               what="the whole batch to be executed")
