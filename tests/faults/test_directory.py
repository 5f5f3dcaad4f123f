"""Failures of the directory: stopped, hanging, untrusted certificate, wrong credentials; and
recovery."""

import ipaddress
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from stack import Authority

from support import contract, vault
from support.client import user_path
from support.load import Load
from support.people import People, tag
from support.waiting import wait_until

PROMPT_S = 5  # the contract: "503 with Retry-After in under 5 seconds"
CROWD = 20

USER = "/users/Administrator"
CALLS = [("GET", "/users", None), ("GET", USER, None), ("PATCH", USER, {"title": "x"}),
         ("DELETE", "/users/somebody", None)]


@pytest.fixture
def people(rig, ldap_admin):
    return People(rig.api, ldap_admin, ldap_admin.add_ou(tag()))


def timed_call(rig, method, path, body):
    """Makes one call; returns the response and its duration in seconds."""
    started = time.monotonic()
    response = rig.api.at(rig.api.base_url).request(method, path, json=body)
    return response, time.monotonic() - started


def assert_unavailable(response, seconds):
    contract.check_error(response, 503, "DIRECTORY_UNAVAILABLE")
    assert int(response.headers["Retry-After"]) > 0
    assert seconds < PROMPT_S


def can_read_user(rig):
    return rig.api.get(USER).status_code == 200


def wait_for_recovery(rig):
    wait_until(lambda: can_read_user(rig), 15, "the directory to recover")
    for _ in range(CROWD):  # reaches every worker of the pool
        wait_until(lambda: can_read_user(rig), 15, "every worker to recover")


# --- outage and recovery --------------------------------------------------------------------------

@pytest.mark.parametrize("end", ["stop", "kill"])
def test_directory_outage_is_reported_until_directory_recovers(rig, people, breakable_directory,
                                                               end):
    body, workers = people.body(), rig.service.workers()
    getattr(breakable_directory, end)()
    for arguments in [*CALLS, ("POST", "/users", body)]:
        assert_unavailable(*timed_call(rig, *arguments))
    assert rig.anonymous("").get("/health").status_code == 200
    assert rig.api.get("/auth/me").status_code == 200
    breakable_directory.start()
    wait_for_recovery(rig)
    assert rig.service.workers() == workers
    assert rig.api.post("/users", json=body).status_code == 201


def test_directory_restart_between_calls_causes_no_errors(rig, people, breakable_directory):
    """The restart closes the worker's kept connection; the client's next call must succeed
    nevertheless."""
    user = people.create()
    breakable_directory.stop()
    breakable_directory.start()
    rig.wait_for_directory()  # a probe may have failed in the meantime
    for _ in range(8):
        assert rig.api.get(user_path(user["sAMAccountName"])).status_code == 200
    response = rig.api.patch(user_path(user["sAMAccountName"]), json={"title": "after"})
    assert response.json()["title"] == "after"


def test_directory_outage_under_load_is_reported(rig, breakable_directory):
    with Load(rig.stack.http_url, USER, kept=4, fresh=2, headers=rig.bearer()) as load:
        load.wait_for(50)
        breakable_directory.kill()
        load.wait_for(50)
        breakable_directory.start()
        wait_for_recovery(rig)
        load.wait_for(50)
    assert set(load.statuses) <= {200, 503}, load.statuses
    assert b'"DIRECTORY_UNAVAILABLE"' in load.bodies[503]
    assert max(load.latencies) < PROMPT_S


# --- a directory that hangs -----------------------------------------------------------------------

@pytest.mark.parametrize("method, path, body", [*CALLS[:2], ("PATCH", "/users/{}", {"title": "x"})])
def test_hanging_directory_is_reported_as_unavailable(rig, people, breakable_directory, ldap_admin,
                                                      method, path, body):
    user = people.create()
    breakable_directory.freeze()
    assert_unavailable(*timed_call(rig, method, path.format(user["sAMAccountName"]), body))
    breakable_directory.thaw()
    wait_for_recovery(rig)
    assert people.get(user["sAMAccountName"])["title"] in (None, "x")


def test_directory_hang_during_creation_leaves_complete_user_or_none(rig, people,
                                                                     breakable_directory,
                                                                     ldap_admin):
    body = people.body()
    breakable_directory.freeze()
    assert_unavailable(*timed_call(rig, "POST", "/users", body))
    breakable_directory.thaw()
    wait_for_recovery(rig)
    if ldap_admin.find(body["sAMAccountName"]):
        assert ldap_admin.binds(ldap_admin.find(body["sAMAccountName"])[0], body["password"])
    else:
        assert rig.api.post("/users", json=body).status_code == 201


def test_many_calls_to_hanging_directory_are_answered_in_time(rig, breakable_directory):
    """More calls than workers: calls that queue for a worker must not also wait for the
    directory."""
    breakable_directory.freeze()
    with ThreadPoolExecutor(CROWD) as pool:
        answers = list(pool.map(lambda _: timed_call(rig, "GET", "/users", None), range(CROWD)))
    for response, seconds in answers:
        contract.check_error(response, 503, "DIRECTORY_UNAVAILABLE")
        assert seconds < 2 * PROMPT_S
    breakable_directory.thaw()
    wait_for_recovery(rig)


def test_hanging_directory_does_not_delay_other_calls(rig, breakable_directory):
    rig.api.get("/users")
    with Load(rig.stack.http_url, "/health", kept=8, fresh=2) as load:
        load.wait_for(100)
        breakable_directory.freeze()
        with ThreadPoolExecutor(8) as pool:
            hung = [pool.submit(timed_call, rig, "GET", "/users", None) for _ in range(8)]
            load.latencies.clear()
            while not all(future.done() for future in hung):
                load.wait_for(50)
                assert rig.api.get("/auth/me").status_code == 200
        assert max(load.latencies) < 1
        breakable_directory.thaw()
    assert set(load.statuses) == {200}


# --- credentials of the service account -----------------------------------------------------------

def test_wrong_service_account_password_is_reported_and_not_retried(make_rig, directory, ldap_admin,
                                                                    people):
    user = people.create()
    rig = make_rig(directory, LDAP_BIND_DN=user["dn"], LDAP_BIND_PASSWORD=vault.password())
    for _ in range(CROWD):
        response, seconds = timed_call(rig, "GET", "/users", None)
        contract.check_error(response, 503, "DIRECTORY_CREDENTIALS")
        assert seconds < PROMPT_S
    # Many calls must not cause many binds, which would lock the account.
    assert ldap_admin.binds(user["dn"], user["password"])
    assert rig.anonymous("").get("/health").status_code == 200
    rig.set(**directory.settings())
    rig.reload()
    assert can_read_user(rig)


def test_log_states_reason_of_refused_bind(make_rig, directory, people):
    user = people.create(enabled=False)
    rig = make_rig(directory, LDAP_BIND_DN=user["dn"], LDAP_BIND_PASSWORD=user["password"])
    contract.check_error(rig.api.get("/users"), 503, "DIRECTORY_CREDENTIALS")
    assert rig.count_log("disabled")


def test_read_only_service_account_cannot_change_entries(make_rig, directory, people, ldap_admin):
    """The service account is an ordinary user, who may read but not write."""
    user, victim = people.create(), people.create()
    rig = make_rig(directory, LDAP_BIND_DN=user["dn"], LDAP_BIND_PASSWORD=user["password"])
    before = ldap_admin.snapshot(victim["sAMAccountName"])
    path = user_path(victim["sAMAccountName"])
    assert rig.api.get(path).status_code == 200
    contract.check_error(rig.api.patch(path, json={"title": "x"}), 403, "DIRECTORY_FORBIDDEN")
    contract.check_error(rig.api.delete(path), 403, "DIRECTORY_FORBIDDEN")
    contract.check_error(rig.api.post("/users", json=people.body()), 403, "DIRECTORY_FORBIDDEN")
    assert ldap_admin.snapshot(victim["sAMAccountName"]) == before


# --- certificates ---------------------------------------------------------------------------------

def test_directory_with_untrusted_certificate_is_refused(make_rig, directory, tmp_path):
    other = Authority(tmp_path / "other")
    rig = make_rig(directory, LDAP_TLS_CA_FILE=other.file)
    assert_unavailable(*timed_call(rig, "GET", "/users", None))
    rig.set(LDAP_TLS_CA_FILE=directory.ca_file)
    rig.reload()
    assert can_read_user(rig)


def test_only_system_certificate_authorities_are_trusted_without_ca_file(make_rig, directory):
    rig = make_rig(directory, LDAP_TLS_CA_FILE="")
    assert_unavailable(*timed_call(rig, "GET", "/users", None))


def test_directory_certificate_for_other_host_name_is_refused(make_rig, directory):
    """Addresses the same controller by a spelling of its address that the certificate does not
    contain."""
    spelling = str(int(ipaddress.ip_address(directory.address)))
    rig = make_rig(directory, LDAP_SERVER=spelling)
    assert_unavailable(*timed_call(rig, "GET", "/users", None))


# --- other connections ----------------------------------------------------------------------------

def test_directory_calls_fail_without_configured_directory(make_rig):
    rig = make_rig()
    for arguments in CALLS:
        assert_unavailable(*timed_call(rig, *arguments))
    assert rig.anonymous("").get("/health").status_code == 200
    assert rig.api.get("/auth/me").status_code == 200


def test_password_is_set_only_over_encrypted_directory_connection(make_rig, directory, people,
                                                                  ldap_admin):
    rig = make_rig(directory, LDAP_USE_SSL="false", LDAP_PORT="389")
    body = people.body()
    contract.check_error(rig.api.post("/users", json=body), 400, "PASSWORD_NEEDS_TLS")
    assert ldap_admin.find(body["sAMAccountName"]) is None


def test_refusal_of_unencrypted_bind_by_controller_is_logged(make_rig, directory):
    rig = make_rig(directory, LDAP_USE_SSL="false", LDAP_PORT="389")
    assert_unavailable(*timed_call(rig, "GET", "/users", None))
    assert rig.count_log("LDAP_START_TLS"), "the log must recommend LDAP_START_TLS"


def test_start_tls_encrypts_directory_connection(make_rig, directory, people, ldap_admin):
    rig = make_rig(directory, LDAP_USE_SSL="false", LDAP_START_TLS="true", LDAP_PORT="389")
    body = people.body()
    response = rig.api.post("/users", json=body)
    assert response.status_code == 201
    assert ldap_admin.binds(response.json()["dn"], body["password"])


def test_start_tls_verifies_directory_certificate(make_rig, directory, tmp_path):
    rig = make_rig(directory, LDAP_USE_SSL="false", LDAP_START_TLS="true", LDAP_PORT="389",
                   LDAP_TLS_CA_FILE=Authority(tmp_path / "other").file)
    assert_unavailable(*timed_call(rig, "GET", "/users", None))


@pytest.mark.parametrize("servers", ["127.0.0.250 {}", "{},127.0.0.250", "127.0.0.250:1, {}:636"])
def test_next_controller_serves_when_first_is_unavailable(make_rig, directory, servers):
    rig = make_rig(directory, LDAP_SERVER=servers.format(directory.address))
    for _ in range(8):
        response, seconds = timed_call(rig, "GET", "/users", None)
        assert response.status_code == 200
        assert seconds < PROMPT_S
