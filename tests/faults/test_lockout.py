"""Lockout: nobody locks a user of the directory, or keeps the local administrator out, by failing.

Mallory knows names and guesses passwords, from as many addresses as she likes. Vera is a person of
the directory, and works from home. The directory is the module's own, for its policies change.
"""

import concurrent.futures
import subprocess
import time

import pytest
from stack import running_directory
from stack.directory import LOGIN_SETTINGS

from support import contract, vault
from support.accounts import Accounts, address
from support.people import People, tag
from support.sources import sent_from
from support.truth import INTERVALS_PER_S, Truth, rdn
from support.waiting import wait_until

HOME, MALLORY, MALLORY_TOO = "127.9.0.1", "127.66.0.1", "127.66.0.2"
WRONG = "not-the-password"
WINDOW_S = 1800


def attempt(rig, source, name, password=WRONG):
    return sent_from(rig, source).post("/auth/login", json={"username": name, "password": password})


def fail(rig, source, name, times=1):
    for _ in range(times):
        contract.refused(attempt(rig, source, name), 401, "INVALID_CREDENTIALS")


def reason(rig, response):
    return rig.audit().one_of(response)["details"].get("reason")


@pytest.fixture(scope="module")
def domain(tmp_path_factory):
    """A directory whose policies the tests change."""
    with running_directory(tmp_path_factory.mktemp("lockout")) as controller:
        vault.remember(controller.bind_password, controller.administrator_password,
                       controller.sample_password)
        truth = Truth(controller.url, controller.ca_file, controller.base_dn,
                      controller.administrator_dn, controller.administrator_password)
        yield controller, truth
        truth.close()


@pytest.fixture
def make_domain_rig(domain, make_rig):
    def make(threshold=6, window_s=WINDOW_S, **settings):
        controller, truth = domain
        span = str(-window_s * INTERVALS_PER_S)
        truth.set(truth.base_dn, "lockOutObservationWindow", span)
        truth.set(truth.base_dn, "lockoutDuration", span)
        truth.set(truth.base_dn, "lockoutThreshold", str(threshold))
        rig = make_rig(controller, LOGIN_FREE_FAILURES=0, **{**LOGIN_SETTINGS, **settings})
        wait_until(lambda: rig.api.get("/users/Administrator").ok, what="the directory")
        return rig
    return make


@pytest.fixture
def people(domain):
    """Makes people past the service: every rig of the module sees them."""
    _, truth = domain
    ou = truth.add_ou(tag())
    return lambda rig, **fields: People(rig.api, truth, ou).create(**fields)


def counted(truth, user):
    return truth.failed_logins(user["sAMAccountName"])


# --- users of the directory ---------------------------------------------------------------------

def test_six_failed_logins_no_longer_lock_a_user(make_domain_rig, domain, people):
    rig, (_, truth) = make_domain_rig(threshold=6), domain
    vera = people(rig)
    for number in range(12):
        fail(rig, (MALLORY, MALLORY_TOO)[number % 2], vera["sAMAccountName"])
    assert counted(truth, vera) == (3, False)


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_known_source_still_logs_in_after_strangers_have_failed(request, make_domain_rig, domain,
                                                                people, engine):
    server = request.getfixturevalue("postgres") if engine == "postgres" else None
    rig, (_, truth) = make_domain_rig(threshold=6, database=server), domain
    vera = people(rig)
    name, password = vera["sAMAccountName"], vera["password"]
    assert attempt(rig, HOME, name, password).status_code == 200
    fail(rig, MALLORY, name, 6)
    refused = attempt(rig, MALLORY, name, password)
    contract.refused(refused, 401, "INVALID_CREDENTIALS")
    assert "not tried" in reason(rig, refused)
    fail(rig, HOME, name)
    assert counted(truth, vera) == (4, False)
    assert attempt(rig, HOME, name, password).status_code == 200
    assert counted(truth, vera) == (0, False)


def test_known_source_does_not_lock_a_user_either(make_domain_rig, domain, people):
    rig, (_, truth) = make_domain_rig(threshold=6), domain
    vera = people(rig)
    assert attempt(rig, HOME, vera["sAMAccountName"], vera["password"]).status_code == 200
    fail(rig, HOME, vera["sAMAccountName"], 9)
    assert counted(truth, vera) == (5, False)


@pytest.mark.parametrize("threshold, tried", [(2, 1), (3, 1), (4, 2), (5, 2)])
def test_strangers_together_have_half_of_the_threshold(make_domain_rig, domain, people, threshold,
                                                       tried):
    rig, (_, truth) = make_domain_rig(threshold=threshold), domain
    vera = people(rig)
    for source in (MALLORY, MALLORY_TOO, HOME) * 2:
        fail(rig, source, vera["sAMAccountName"])
    assert counted(truth, vera) == (tried, False)


def test_a_threshold_of_one_leaves_one_attempt(make_domain_rig, domain, people):
    """No login by password stays below it: the right one must be let through."""
    rig, (_, truth) = make_domain_rig(threshold=1), domain
    vera, boris = people(rig), people(rig)
    assert attempt(rig, HOME, vera["sAMAccountName"], vera["password"]).status_code == 200
    fail(rig, MALLORY, boris["sAMAccountName"], 3)
    assert counted(truth, boris)[0] == 1


def test_without_a_threshold_every_password_is_tried(make_domain_rig, people):
    rig = make_domain_rig(threshold=0)
    vera = people(rig)
    fail(rig, MALLORY, vera["sAMAccountName"], 7)
    assert attempt(rig, MALLORY, vera["sAMAccountName"], vera["password"]).status_code == 200


@pytest.mark.parametrize("by_group", [False, True])
def test_a_fine_grained_policy_applies(make_domain_rig, domain, people, by_group):
    rig, (_, truth) = make_domain_rig(threshold=0), domain
    vera = people(rig)
    applies_to = vera["dn"]
    if by_group:
        name = tag()
        applies_to = truth.add(f"{rdn(name)},{truth.base_dn}", objectClass="group",
                               sAMAccountName=name, groupType="-2147483646")
        truth.add_member(applies_to, vera["dn"])
    truth.add_password_settings(tag(), applies_to, threshold=4, window_s=WINDOW_S)
    fail(rig, MALLORY, vera["sAMAccountName"], 6)
    assert counted(truth, vera) == (2, False)


def test_failures_that_the_directory_counted_elsewhere_count(make_domain_rig, domain, people):
    rig, (_, truth) = make_domain_rig(threshold=6), domain
    vera = people(rig)
    for _ in range(5):
        assert truth.bind_failure(vera["dn"], WRONG) == "52e"
    fail(rig, MALLORY, vera["sAMAccountName"], 2)
    assert counted(truth, vera) == (5, False)


def test_failures_older_than_the_window_do_not_count(make_domain_rig, domain, people):
    """badPwdCount stands until the next login, however long ago the failures were."""
    rig, (_, truth) = make_domain_rig(threshold=6, window_s=1), domain
    vera = people(rig)
    for _ in range(4):
        assert truth.bind_failure(vera["dn"], WRONG) == "52e"
    assert counted(truth, vera) == (4, False)
    wait_until(lambda: attempt(rig, MALLORY, vera["sAMAccountName"], vera["password"]).ok, 10,
               "the failures to be stale")


def test_every_name_of_a_user_is_one_count(make_domain_rig, domain, people):
    rig, (_, truth) = make_domain_rig(threshold=6), domain
    upn = f"{tag()}@kontora.test"
    vera = people(rig, userPrincipalName=upn)
    name = vera["sAMAccountName"]
    for spelling in (name, name.upper(), upn, f"KONTORA\\{name}", f"kontora.test\\{name}",
                     f"{name}@KONTORA.test", name, upn):
        fail(rig, MALLORY, spelling)
    assert counted(truth, vera) == (3, False)


def test_simultaneous_logins_do_not_exceed_the_limit(make_domain_rig, domain, people):
    rig, (_, truth) = make_domain_rig(threshold=6, AUTH_WORKERS=8), domain
    vera = people(rig)
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        done = list(pool.map(lambda i: attempt(rig, f"127.66.1.{i}", vera["sAMAccountName"]),
                             range(1, 25)))
    assert {response.status_code for response in done} == {401}
    assert counted(truth, vera) == (3, False)


def test_admitted_attempts_expire_with_the_window(make_domain_rig, people):
    rig = make_domain_rig(threshold=6, window_s=2)
    vera = people(rig)
    fail(rig, MALLORY, vera["sAMAccountName"], 6)
    wait_until(lambda: attempt(rig, MALLORY, vera["sAMAccountName"], vera["password"]).ok, 15,
               "the attempts to come back")


def test_a_refusal_without_a_bind_looks_like_any_other(make_domain_rig, people):
    rig = make_domain_rig(threshold=2)
    vera = people(rig)
    fail(rig, MALLORY, vera["sAMAccountName"], 2)

    def measured(name):
        started = time.perf_counter()
        response = attempt(rig, MALLORY, name)
        contract.refused(response, 401, "INVALID_CREDENTIALS")
        headers = {key: value for key, value in response.headers.items()
                   if key not in ("X-Request-ID", "Date", "Content-Length")}
        return time.perf_counter() - started, {**response.json(), "request_id": None}, headers

    untried = [measured(vera["sAMAccountName"]) for _ in range(5)]
    unknown = [measured(tag()) for _ in range(5)]
    assert untried[0][1:] == unknown[0][1:]
    fastest = [min(seconds for seconds, _, _ in times) for times in (untried, unknown)]
    assert abs(fastest[0] - fastest[1]) < 0.04


def test_what_is_held_back_is_not_tried(make_domain_rig, domain, people):
    rig, (_, truth) = make_domain_rig(threshold=20), domain
    rig.set(LOGIN_FREE_FAILURES=2)
    rig.reload()
    vera = people(rig)
    fail(rig, MALLORY, vera["sAMAccountName"], 3)
    for _ in range(3):
        contract.refused(attempt(rig, MALLORY, f"KONTORA\\{vera['sAMAccountName']}"), 429,
                         "TOO_MANY_ATTEMPTS")
    assert counted(truth, vera) == (3, False)


# --- names that the directory resolves ----------------------------------------------------------

@pytest.mark.parametrize("spelling", ["{account}", "{upn}", "KONTORA\\{account}",
                                      "kontora.test\\{account}", "{account}@kontora.test"])
def test_every_form_of_a_name_logs_in(make_domain_rig, people, spelling):
    rig = make_domain_rig()
    upn = f"{tag()}@elsewhere.example"
    vera = people(rig, userPrincipalName=upn)
    name = spelling.format(account=vera["sAMAccountName"], upn=upn)
    tokens = rig.nobody().login(name, vera["password"])
    me = rig.nobody().bearing(tokens["access_token"]).get("/auth/me").json()
    assert me["id"] == f"directory:{vera['objectGUID']}"


def test_an_account_of_the_same_name_does_not_break_the_users_login(make_domain_rig, domain,
                                                                    people):
    """Mallory registered Vera's address while nobody logged in by the directory."""
    rig, (_, truth) = make_domain_rig(LDAP_LOGIN="false"), domain
    upn = f"{tag()}@kontora.test"
    mallory = Accounts(rig.nobody()).register(email=upn)
    vera = people(rig, userPrincipalName=upn)
    rig.set(LDAP_LOGIN="true")
    rig.reload()
    tokens = rig.nobody().login(upn, vera["password"])
    me = rig.nobody().bearing(tokens["access_token"])
    # A kept connection may still lead to a worker of the settings before.
    wait_until(lambda: me.get("/auth/me").json().get("kind") == "directory", what="the new settings")
    contract.refused(attempt(rig, MALLORY, upn, mallory.password), 401, "INVALID_CREDENTIALS")
    assert counted(truth, vera)[0] == 1  # tried once, in the directory alone


def test_a_name_of_the_directory_cannot_be_registered(make_domain_rig, people):
    rig = make_domain_rig()
    upn = f"{tag()}@kontora.test"
    vera = people(rig, userPrincipalName=upn)
    for email in (upn, upn.upper(), f"{vera['sAMAccountName']}@kontora.test"):
        response = rig.nobody().post("/auth/register",
                                     json={"email": email, "password": vault.password()})
        contract.refused(response, 409, "ALREADY_EXISTS")
    taken = Accounts(rig.nobody()).register().email
    known = rig.nobody().post("/auth/register", json={"email": taken, "password": vault.password()})
    assert {**known.json(), "request_id": None} == {**response.json(), "request_id": None}
    for body in ({"username": vera["sAMAccountName"], "email": address()},
                 {"username": tag(), "email": upn}):
        contract.refused(rig.api.post("/accounts", json=body), 409, "ALREADY_EXISTS")


def test_the_command_line_makes_no_account_of_a_name_of_the_directory(make_domain_rig, people):
    rig = make_domain_rig()
    upn = f"{tag()}@kontora.test"
    people(rig, userPrincipalName=upn)

    def create(email):
        return subprocess.run([rig.stack.binary, "admin", "create", email], check=False, timeout=30,
                              input=f"{vault.password()}\n", capture_output=True, text=True,
                              cwd=rig.folder, env=rig.stack.env)

    refused = create(upn)
    assert refused.returncode != 0
    assert "account" not in refused.stdout
    assert create(address()).returncode == 0


def test_without_the_directory_accounts_log_in_and_nobody_registers(make_domain_rig, domain):
    rig, (controller, truth) = make_domain_rig(), domain
    olga = Accounts(rig.nobody()).register()
    controller.stop()
    try:
        assert attempt(rig, HOME, olga.email, olga.password).status_code == 200
        contract.refused(attempt(rig, MALLORY, olga.email), 401, "INVALID_CREDENTIALS")
        response = rig.nobody().post("/auth/register",
                                     json={"email": address(), "password": vault.password()})
        contract.refused(response, 503, "DIRECTORY_UNAVAILABLE")
    finally:
        controller.start()
        truth.close()


def test_what_was_typed_as_a_name_is_written_down_only_if_it_is_one(make_domain_rig, people):
    """The rig searches all logs for passwords at its end."""
    rig = make_domain_rig()
    vera, olga = people(rig), Accounts(rig.nobody()).register()
    for name in (vera["sAMAccountName"], olga.email, rig.stack.administrator[0]):
        line = rig.audit().one_of(attempt(rig, HOME, name))
        assert line["resource_id"] == name
    password = vault.password()
    marks = [rig.audit().one_of(attempt(rig, HOME, password))["resource_id"] for _ in range(2)]
    other = rig.audit().one_of(attempt(rig, HOME, vault.password()))["resource_id"]
    assert marks[0] == marks[1] != other
    assert marks[0].startswith("(unknown name ")
