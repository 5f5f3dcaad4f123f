"""Outages of one or all controllers: workers share what they know of a controller's health, clients
of an unavailable directory are answered at once, and the directory is found again without client
requests.

The controllers are proxies in front of the one directory, so that each can fail separately.
"""

import dataclasses
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from stack import Authority

from support import contract, metrics, vault
from support.ldap_proxy import BIND, SEARCH, LdapProxy
from support.load import Load
from support.people import People, tag
from support.waiting import wait_until

USER = "/users/Administrator"
WORKERS = 4
CROWD = 40
ROUNDS = 2  # rounds of killing; each increases the backoff of the next workers
AT_ONCE_S = 1.2  # less than the timeouts (1.5 s and 3 s)
TIMEOUT_S = 3
PROBE_TIMEOUT_S = 4.5
RETURN_PATIENCE_S = 90  # a worker returns to the first controller after a minute
PROBES = 2  # probes that may happen during the observation

CONTROLLERS, CIRCUIT_OPEN = "kontora_directory_controllers", "kontora_directory_circuit_open"
ERRORS, RESTARTS = "kontora_directory_errors_total", "kontora_worker_restarts_total"

FAILURES = {"stop": "start", "freeze": "thaw"}

START_TLS = {"LDAP_USE_SSL": "false", "LDAP_START_TLS": "true"}


@pytest.fixture
def start_tls():
    return False


@pytest.fixture
def proxies(directory, authority, start_tls):
    certificate = authority.certificate("proxy", ["IP:127.0.0.1"])
    arguments = (certificate, directory.address, str(directory.ca_file), 636, start_tls)
    with LdapProxy(*arguments) as first, LdapProxy(*arguments) as second:
        yield first, second


def server_list(*proxies):
    return ",".join(f"127.0.0.1:{proxy.port}" for proxy in proxies)


@pytest.fixture
def make_failover_rig(make_rig, directory, authority, start_tls):
    """Returns a function that starts a stack on some proxies and waits until its directory is
    up."""
    def made(*proxies, wait="up", **settings):
        tls = START_TLS if start_tls else {}
        rig = make_rig(directory, LDAP_SERVER=server_list(*proxies), **tls, **{
            "LDAP_TLS_CA_FILE": str(authority.file), "DIRECTORY_WORKERS": str(WORKERS), **settings})
        rig.wait_for_directory(wait)
        return rig
    return made


def timed_get(rig, path=USER):
    """Makes one call on a new connection; returns the response and its duration in seconds."""
    started = time.monotonic()
    response = rig.api.at(rig.api.base_url).get(path)
    return response, time.monotonic() - started


def get_concurrently(rig, path=USER):
    """Makes many calls at the same time, so that every worker gets some."""
    with ThreadPoolExecutor(CROWD) as pool:
        return list(pool.map(lambda _: timed_get(rig, path), range(CROWD)))


def assert_all_served(rig):
    assert {response.status_code for response, _ in get_concurrently(rig)} == {200}


def percentile(values, share):
    return sorted(values)[int(len(values) * share)]


def assert_refused_at_once(rig, code="DIRECTORY_UNAVAILABLE"):
    """Asserts that calls get this error, at most AT_ONCE_S later than calls that do not need the
    directory are answered: on a busy machine, those are slow too."""
    others = [seconds for _, seconds in get_concurrently(rig, "/accounts")]
    answers = get_concurrently(rig)
    for response, _ in answers:
        contract.check_error(response, 503, code)
        assert int(response.headers["Retry-After"]) > 0
    seconds = [seconds for _, seconds in answers]
    assert percentile(seconds, 0.95) < AT_ONCE_S + percentile(others, 0.95)


# --- one of two controllers fails -----------------------------------------------------------------

@pytest.mark.parametrize("start_tls", [False, True])
def test_outage_of_first_controller_between_requests_causes_no_errors(make_failover_rig, proxies,
                                                                      ldap_admin):
    first, second = proxies
    rig = make_failover_rig(first, second)
    people = People(rig.api, ldap_admin, ldap_admin.add_ou(tag()))
    user = people.create()
    assert_all_served(rig)
    first.stop()
    assert people.change(user["sAMAccountName"], title="after")["title"] == "after"
    assert_all_served(rig)
    assert rig.directory_state() == "up"
    reads = first.requests[SEARCH]
    first.start()
    wait_until(lambda: first.requests[SEARCH] > reads, what="a probe of the restarted controller")
    second.stop()
    assert_all_served(rig)


@pytest.mark.parametrize("start_tls", [False, True])
def test_hanging_controller_costs_each_worker_one_request(make_failover_rig, proxies):
    first, second = proxies
    rig = make_failover_rig(first, second)
    assert_all_served(rig)
    with Load(rig.stack.http_url, USER, kept=8, fresh=2, headers=rig.bearer()) as load:
        load.wait_for(100)
        first.freeze()
        load.wait_for(200)
        lost = load.statuses[503]
        load.wait_for(200)
        assert load.statuses[503] == lost
    assert set(load.statuses) <= {200, 503}
    assert lost <= WORKERS, "a worker waited more than once"
    assert rig.directory_state() == "up"


def test_workers_avoid_controller_after_another_worker_found_it_hanging(make_failover_rig, proxies):
    """Only the worker that detects the hanging controller waits for a timeout, although all workers
    have connections to it."""
    first, second = proxies
    rig = make_failover_rig(first, second)
    assert_all_served(rig)
    first.freeze()
    contract.check_error(timed_get(rig)[0], 503, "DIRECTORY_UNAVAILABLE")
    for response, seconds in get_concurrently(rig):
        assert response.status_code == 200
        assert seconds < TIMEOUT_S / 2


def test_hanging_controller_found_by_periodic_probe_delays_no_client(make_failover_rig, proxies):
    first, second = proxies
    rig = make_failover_rig(first, second)
    assert_all_served(rig)
    first.freeze()
    wait_until(lambda: rig.count_log("no answer"), 12, "the probe to report the controller")
    for response, seconds in get_concurrently(rig):
        assert response.status_code == 200
        assert seconds < TIMEOUT_S / 2


def test_workers_return_to_recovered_first_controller_without_client_delay(make_failover_rig,
                                                                           proxies):
    first, second = proxies
    rig = make_failover_rig(first, second)
    first.stop()
    assert_all_served(rig)
    with Load(rig.stack.http_url, USER, kept=2, fresh=1, headers=rig.bearer()) as load:
        first.start()

        def all_are_back():
            before = second.requests[SEARCH]
            load.wait_for(200)
            return second.requests[SEARCH] - before <= PROBES
        wait_until(all_are_back, RETURN_PATIENCE_S, "the workers to return to the first controller",
                   interval_s=1)
    assert set(load.statuses) == {200}
    assert max(load.latencies) < TIMEOUT_S / 2


# --- all controllers fail -------------------------------------------------------------------------

@pytest.mark.parametrize("start_tls", [False, True])
@pytest.mark.parametrize("harm", FAILURES)
def test_outage_of_all_controllers_is_answered_at_once(make_failover_rig, proxies, harm):
    rig = make_failover_rig(*proxies)
    assert_all_served(rig)
    for proxy in proxies:
        getattr(proxy, harm)()
    rig.wait_for_directory("down")
    asked = sum(proxy.connections for proxy in proxies)
    began = time.monotonic()
    for _ in range(3):
        assert_refused_at_once(rig)
    probes = 2 * (time.monotonic() - began + 1)
    assert sum(proxy.connections for proxy in proxies) - asked <= probes, (
        "workers connected although the circuit is open")
    for proxy in proxies:
        getattr(proxy, FAILURES[harm])()
    rig.wait_for_directory()  # found by the probe, without a client request
    assert_all_served(rig)


def test_service_recovers_when_one_controller_recovers(make_failover_rig, proxies):
    first, second = proxies
    rig = make_failover_rig(first, second)
    first.freeze()
    second.stop()
    rig.wait_for_directory("down")
    second.start()
    rig.wait_for_directory()
    assert_all_served(rig)


def test_queued_requests_do_not_wait_for_further_timeouts(make_failover_rig, proxies):
    """More clients than workers are waiting when the directory stops answering."""
    rig = make_failover_rig(proxies[0])
    assert_all_served(rig)
    proxies[0].freeze()
    seconds = [seconds for _, seconds in get_concurrently(rig)]
    assert max(seconds) < TIMEOUT_S + 2
    assert_refused_at_once(rig)


def test_impostor_controller_with_other_certificate_gets_no_password(make_failover_rig, proxies,
                                                                     tmp_path, authority):
    proxy = proxies[0]
    rig = make_failover_rig(proxy)
    assert_all_served(rig)
    proxy.stop()
    binds = proxy.requests[BIND]
    proxy.show(Authority(tmp_path / "impostor").certificate("proxy", ["IP:127.0.0.1"]))
    proxy.start()
    rig.wait_for_directory("down")
    assert_refused_at_once(rig)
    assert rig.count_log("not trusted"), "the log must state the reason"
    assert proxy.requests[BIND] == binds, "the impostor received a bind"
    proxy.show(authority.certificate("proxy", ["IP:127.0.0.1"]))
    rig.wait_for_directory()
    assert_all_served(rig)


def test_slow_controller_is_used_despite_its_latency(make_failover_rig, proxies):
    proxy = proxies[0]
    # much longer than the latency, because other suites load the machine
    rig = make_failover_rig(proxy, LDAP_TIMEOUT_MS="8000")
    assert_all_served(rig)
    proxy.delay_s = 2
    with ThreadPoolExecutor(WORKERS) as pool:
        answers = list(pool.map(lambda _: timed_get(rig), range(2 * WORKERS)))
    assert {response.status_code for response, _ in answers} == {200}
    assert rig.directory_state() == "up"


# --- readiness and metrics ------------------------------------------------------------------------

def test_readiness_reports_directory_as_off_if_none_is_configured(make_rig):
    rig = make_rig()
    response = rig.anonymous("").get("/health/ready")
    assert contract.check_readiness(response)["directory"] == {
        "name": "directory", "state": "off", "needed": False, "latency_ms": None,
        "checked_at": None}


def test_directory_outage_makes_service_unready(make_failover_rig, proxies):
    rig = make_failover_rig(proxies[0])
    proxies[0].stop()
    rig.wait_for_directory("down")
    response = rig.anonymous("").get("/health/ready")
    directory = contract.check_readiness(response)["directory"]
    assert response.status_code == 503
    assert directory["needed"] and directory["latency_ms"] is None and directory["checked_at"]
    assert "127.0.0.1" not in response.text
    assert rig.anonymous("").get("/health").status_code == 200


def test_metrics_report_directory_outage(make_failover_rig, proxies):
    first, second = proxies
    rig = make_failover_rig(first, second)
    site = rig.anonymous("")
    wait_until(lambda: metrics.values(site)[(CONTROLLERS, "up")] == 2,
               what="both controllers to be up")
    first.stop()
    wait_until(lambda: metrics.values(site)[(CONTROLLERS, "down")] == 1,
               what="the first controller to be down")
    assert metrics.values(site)[(CIRCUIT_OPEN,)] == 0
    second.freeze()
    wait_until(lambda: metrics.values(site)[(CIRCUIT_OPEN,)] == 1, 20, "the circuit to open")
    wait_until(lambda: metrics.values(site)[(ERRORS, "connect", "silent")], 10,
               "the next probe to fail")
    assert metrics.values(site)[(ERRORS, "connect", "lost")] > 0
    os.kill(rig.service.workers("files")[0], signal.SIGKILL)
    wait_until(lambda: metrics.values(site)[(RESTARTS, "files")] == 1,
               what="the worker to be restarted")
    rig.reload()
    assert metrics.values(site)[(RESTARTS, "files")] == 1, "a reload must keep the counters"


# --- service account ------------------------------------------------------------------------------

@dataclasses.dataclass(frozen=True)
class Account:
    dn: str
    password: str


@pytest.fixture
def account(ldap_admin):
    """Creates a service account for one test, because wrong passwords lock it."""
    password = vault.password()
    return Account(ldap_admin.add_account(tag(), password, ldap_admin.add_ou(tag())), password)


@pytest.mark.parametrize("start_tls", [False, True])
def test_workers_together_try_wrong_service_account_password_once(make_failover_rig, proxies,
                                                                  account):
    rig = make_failover_rig(*proxies, wait="down", LDAP_BIND_DN=account.dn,
                            LDAP_BIND_PASSWORD=vault.password(), DIRECTORY_WORKERS="8")
    began = time.monotonic()
    for _ in range(3):
        assert_refused_at_once(rig, "DIRECTORY_CREDENTIALS")
    rig.reload()  # unchanged settings keep what is known about the credentials
    assert_refused_at_once(rig, "DIRECTORY_CREDENTIALS")
    tries = sum(proxy.requests[BIND] for proxy in proxies)
    assert tries <= 1 + (time.monotonic() - began + 2) / 5, "more than one try in five seconds"
    rig.set(LDAP_BIND_PASSWORD=account.password)
    rig.reload()
    assert_all_served(rig)
    rig.wait_for_directory()


def test_concurrent_first_requests_of_workers_cause_one_bind(make_rig, directory, authority,
                                                             proxies, account):
    """All workers are new, and none has tried the service account's password yet."""
    proxies[0].freeze()
    rig = make_rig(directory, LDAP_SERVER=server_list(proxies[0]), DIRECTORY_WORKERS="8",
                   LDAP_TLS_CA_FILE=str(authority.file), LDAP_BIND_DN=account.dn,
                   LDAP_BIND_PASSWORD=vault.password())
    with ThreadPoolExecutor(CROWD) as pool:
        answers = [pool.submit(timed_get, rig) for _ in range(CROWD)]
        wait_until(lambda: proxies[0].connections > 1, what="workers to connect")
        proxies[0].thaw()
        assert {answer.result()[0].status_code for answer in answers} == {503}
    rig.wait_for_directory("down")
    assert proxies[0].requests[BIND] == 1


# --- housekeeper ----------------------------------------------------------------------------------

def test_killed_housekeeper_is_restarted(make_failover_rig, proxies):
    rig = make_failover_rig(proxies[0])
    house, = rig.service.housekeepers()
    os.kill(house, signal.SIGKILL)
    wait_until(lambda: rig.service.housekeepers() not in ([], [house]), what="a new housekeeper")
    proxies[0].stop()
    rig.wait_for_directory("down")
    proxies[0].start()
    rig.wait_for_directory()


def test_reload_replaces_housekeeper(make_failover_rig, proxies):
    rig = make_failover_rig(proxies[0])
    house, = rig.service.housekeepers()
    rig.reload()
    wait_until(lambda: house not in rig.service.housekeepers(), what="the old housekeeper to exit")
    assert len(rig.service.housekeepers()) == 1


def test_stop_is_not_delayed_by_hanging_directory(make_failover_rig, proxies):
    rig = make_failover_rig(proxies[0])
    before = proxies[0].connections
    proxies[0].freeze()
    wait_until(lambda: proxies[0].connections > before, what="a probe to be sent")
    began = time.monotonic()
    rig.service.stop()
    assert time.monotonic() - began < PROBE_TIMEOUT_S + 1


def test_killed_workers_and_housekeepers_do_not_block_other_processes(make_failover_rig, proxies):
    rig = make_failover_rig(*proxies)
    with Load(rig.stack.http_url, USER, kept=8, fresh=2, headers=rig.bearer()) as load:
        for _ in range(ROUNDS):
            for pid in rig.service.workers("directory") + rig.service.housekeepers():
                os.kill(pid, signal.SIGKILL)
            load.wait_for(20)
        wait_until(lambda: len(rig.service.workers("directory")) == WORKERS, 30,
                   "all workers to be restarted")
        lost = load.total() - load.statuses[200]
        load.wait_for(200)
        assert load.total() - load.statuses[200] == lost
    rig.wait_for_directory()
