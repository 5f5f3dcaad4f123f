"""Lockout: failed logins must neither lock a directory user nor block the local administrator.

Mallory knows names and guesses passwords from any number of addresses. Vera is a directory user
who works from home. This module has its own directory, because it changes policies.
"""

import concurrent.futures
import contextlib
import subprocess
import time

import pytest
from samba.dcerpc import security
from samba.ndr import ndr_pack, ndr_unpack
from stack import running_directory
from stack.directory import LOGIN_SETTINGS

from support import contract, vault
from support.accounts import Accounts, address
from support.people import People, tag
from support.sources import sent_from
from support.ldap_admin import INTERVALS_PER_S, LdapAdmin, rdn
from support.waiting import wait_until

HOME, MALLORY, MALLORY_TOO = "127.9.0.1", "127.66.0.1", "127.66.0.2"
WRONG = "not-the-password"
WINDOW_S = 1800


def try_login(rig, source, name, password=WRONG):
    return sent_from(rig, source).post("/auth/login", json={"username": name, "password": password})


def fail_logins(rig, source, name, times=1):
    for _ in range(times):
        contract.check_error(try_login(rig, source, name), 401, "INVALID_CREDENTIALS")


def audited_reason(rig, response):
    return rig.audit().one_of(response)["details"].get("reason")


@pytest.fixture(scope="module")
def domain(tmp_path_factory):
    """Starts a directory whose policies the tests change."""
    with running_directory(tmp_path_factory.mktemp("lockout")) as controller:
        vault.remember(controller.bind_password, controller.administrator_password,
                       controller.sample_password)
        ldap_admin = LdapAdmin(controller.url, controller.ca_file, controller.base_dn,
                               controller.administrator_dn, controller.administrator_password)
        yield controller, ldap_admin
        ldap_admin.close()


@pytest.fixture
def make_domain_rig(domain, make_rig):
    def make(threshold=6, window_s=WINDOW_S, **settings):
        controller, ldap_admin = domain
        span = str(-window_s * INTERVALS_PER_S)
        ldap_admin.set(ldap_admin.base_dn, "lockOutObservationWindow", span)
        ldap_admin.set(ldap_admin.base_dn, "lockoutDuration", span)
        ldap_admin.set(ldap_admin.base_dn, "lockoutThreshold", str(threshold))
        rig = make_rig(controller, LOGIN_FREE_FAILURES=0, **{**LOGIN_SETTINGS, **settings})
        wait_until(lambda: rig.api.get("/users/Administrator").ok,
                   what="the directory to be reachable")
        return rig
    return make


@pytest.fixture
def people(domain):
    """Returns a function that creates users, which every stack of the module sees."""
    _, ldap_admin = domain
    ou = ldap_admin.add_ou(tag())
    return lambda rig, **fields: People(rig.api, ldap_admin, ou).create(**fields)


def count_failures(ldap_admin, user):
    return ldap_admin.failed_logins(user["sAMAccountName"])


# --- lockout of directory users -------------------------------------------------------------------

def test_failed_logins_do_not_lock_directory_user(make_domain_rig, domain, people):
    rig, (_, ldap_admin) = make_domain_rig(threshold=6), domain
    vera = people(rig)
    for number in range(12):
        fail_logins(rig, (MALLORY, MALLORY_TOO)[number % 2], vera["sAMAccountName"])
    assert count_failures(ldap_admin, vera) == (3, False)


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_known_client_network_can_log_in_after_failures_from_unknown_networks(
        request, make_domain_rig, domain, people, engine):
    server = request.getfixturevalue("postgres") if engine == "postgres" else None
    rig, (_, ldap_admin) = make_domain_rig(threshold=6, database=server), domain
    vera = people(rig)
    name, password = vera["sAMAccountName"], vera["password"]
    assert try_login(rig, HOME, name, password).status_code == 200
    fail_logins(rig, MALLORY, name, 6)
    refused = try_login(rig, MALLORY, name, password)
    contract.check_error(refused, 401, "INVALID_CREDENTIALS")
    assert "not tried" in audited_reason(rig, refused)
    fail_logins(rig, HOME, name)
    assert count_failures(ldap_admin, vera) == (4, False)
    assert try_login(rig, HOME, name, password).status_code == 200
    assert count_failures(ldap_admin, vera) == (0, False)


def test_failed_logins_from_known_client_network_do_not_lock_directory_user(
        make_domain_rig, domain, people):
    rig, (_, ldap_admin) = make_domain_rig(threshold=6), domain
    vera = people(rig)
    assert try_login(rig, HOME, vera["sAMAccountName"], vera["password"]).status_code == 200
    fail_logins(rig, HOME, vera["sAMAccountName"], 9)
    assert count_failures(ldap_admin, vera) == (5, False)


@pytest.mark.parametrize("threshold, tried", [(2, 1), (3, 1), (4, 2), (5, 2)])
def test_unknown_client_networks_together_get_half_of_lockout_threshold(make_domain_rig, domain,
                                                                        people, threshold, tried):
    rig, (_, ldap_admin) = make_domain_rig(threshold=threshold), domain
    vera = people(rig)
    for source in (MALLORY, MALLORY_TOO, HOME) * 2:
        fail_logins(rig, source, vera["sAMAccountName"])
    assert count_failures(ldap_admin, vera) == (tried, False)


def test_lockout_threshold_of_one_allows_one_login_attempt(make_domain_rig, domain, people):
    """One attempt already reaches the threshold, but a correct password must be accepted."""
    rig, (_, ldap_admin) = make_domain_rig(threshold=1), domain
    vera, boris = people(rig), people(rig)
    assert try_login(rig, HOME, vera["sAMAccountName"], vera["password"]).status_code == 200
    fail_logins(rig, MALLORY, boris["sAMAccountName"], 3)
    assert count_failures(ldap_admin, boris)[0] == 1


def test_every_login_attempt_reaches_directory_without_lockout_threshold(make_domain_rig, people):
    rig = make_domain_rig(threshold=0)
    vera = people(rig)
    fail_logins(rig, MALLORY, vera["sAMAccountName"], 7)
    assert try_login(rig, MALLORY, vera["sAMAccountName"], vera["password"]).status_code == 200


@pytest.mark.parametrize("by_group", [False, True])
def test_fine_grained_lockout_policy_is_applied(make_domain_rig, domain, people, by_group):
    rig, (_, ldap_admin) = make_domain_rig(threshold=0), domain
    vera = people(rig)
    applies_to = vera["dn"]
    if by_group:
        name = tag()
        applies_to = ldap_admin.add(f"{rdn(name)},{ldap_admin.base_dn}", objectClass="group",
                                    sAMAccountName=name, groupType="-2147483646")
        ldap_admin.add_member(applies_to, vera["dn"])
    ldap_admin.add_password_settings(tag(), applies_to, threshold=4, window_s=WINDOW_S)
    fail_logins(rig, MALLORY, vera["sAMAccountName"], 6)
    assert count_failures(ldap_admin, vera) == (2, False)


def test_failed_logins_counted_by_directory_reduce_allowed_attempts(make_domain_rig, domain,
                                                                    people):
    rig, (_, ldap_admin) = make_domain_rig(threshold=6), domain
    vera = people(rig)
    for _ in range(5):
        assert ldap_admin.bind_failure(vera["dn"], WRONG) == "52e"
    fail_logins(rig, MALLORY, vera["sAMAccountName"], 2)
    assert count_failures(ldap_admin, vera) == (5, False)


def test_failed_logins_before_observation_window_are_ignored(make_domain_rig, domain, people):
    """badPwdCount keeps old failures until the next login."""
    rig, (_, ldap_admin) = make_domain_rig(threshold=6, window_s=1), domain
    vera = people(rig)
    for _ in range(4):
        assert ldap_admin.bind_failure(vera["dn"], WRONG) == "52e"
    assert count_failures(ldap_admin, vera) == (4, False)
    wait_until(lambda: try_login(rig, MALLORY, vera["sAMAccountName"], vera["password"]).ok, 10,
               "the failures to be stale")


def test_failed_logins_with_all_spellings_of_user_name_are_counted_together(
        make_domain_rig, domain, people):
    rig, (_, ldap_admin) = make_domain_rig(threshold=6), domain
    upn = f"{tag()}@kontora.test"
    vera = people(rig, userPrincipalName=upn)
    name = vera["sAMAccountName"]
    for spelling in (name, name.upper(), upn, f"KONTORA\\{name}", f"kontora.test\\{name}",
                     f"{name}@KONTORA.test", f"{name}@KONTORA", f" KONTORA \\ {name}\u200b", upn):
        fail_logins(rig, MALLORY, spelling)
    assert count_failures(ldap_admin, vera) == (3, False)


def test_concurrent_logins_do_not_exceed_limit_of_attempts(make_domain_rig, domain, people):
    rig, (_, ldap_admin) = make_domain_rig(threshold=6, AUTH_WORKERS=8), domain
    vera = people(rig)
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        done = list(pool.map(lambda i: try_login(rig, f"127.66.1.{i}", vera["sAMAccountName"]),
                             range(1, 25)))
    assert {response.status_code for response in done} == {401}
    assert count_failures(ldap_admin, vera) == (3, False)


def test_counted_login_attempts_expire_after_observation_window(make_domain_rig, people):
    rig = make_domain_rig(threshold=6, window_s=2)
    vera = people(rig)
    fail_logins(rig, MALLORY, vera["sAMAccountName"], 6)
    wait_until(lambda: try_login(rig, MALLORY, vera["sAMAccountName"], vera["password"]).ok, 15,
               "the attempts to come back")


def test_login_refused_without_bind_looks_like_wrong_password(make_domain_rig, people):
    rig = make_domain_rig(threshold=2)
    vera = people(rig)
    fail_logins(rig, MALLORY, vera["sAMAccountName"], 2)

    def measured(name):
        started = time.perf_counter()
        response = try_login(rig, MALLORY, name)
        contract.check_error(response, 401, "INVALID_CREDENTIALS")
        headers = {key: value for key, value in response.headers.items()
                   if key not in ("X-Request-ID", "Date", "Content-Length")}
        return time.perf_counter() - started, {**response.json(), "request_id": None}, headers

    untried, unknown = [], []

    def durations_are_similar():
        """Other processes only prolong a call, so the fastest calls are compared."""
        untried.extend(measured(vera["sAMAccountName"]) for _ in range(5))
        unknown.extend(measured(tag()) for _ in range(5))
        fastest = [min(seconds for seconds, _, _ in times) for times in (untried, unknown)]
        return abs(fastest[0] - fastest[1]) < 0.04

    wait_until(durations_are_similar, what="similar durations")
    assert untried[0][1:] == unknown[0][1:]


def test_throttled_login_does_not_bind_to_directory(make_domain_rig, domain, people):
    rig, (_, ldap_admin) = make_domain_rig(threshold=20), domain
    rig.set(LOGIN_FREE_FAILURES=2)
    rig.reload()
    vera = people(rig)
    fail_logins(rig, MALLORY, vera["sAMAccountName"], 3)
    for _ in range(3):
        contract.check_error(try_login(rig, MALLORY, f"KONTORA\\{vera['sAMAccountName']}"), 429,
                             "TOO_MANY_ATTEMPTS")
    assert count_failures(ldap_admin, vera) == (3, False)


def full_width(text):
    return "".join(chr(ord(letter) + 0xFEE0) for letter in text)


def test_spellings_of_a_name_share_one_delay_whether_it_exists_or_not(make_domain_rig, domain,
                                                                      people):
    """Otherwise the delay would reveal which names exist."""
    rig = make_domain_rig(threshold=20)
    rig.set(LOGIN_FREE_FAILURES=3)
    rig.reload()
    account = tag()
    assert rig.api.post("/accounts", json={"username": account, "email": address()}).ok
    for name in (people(rig)["sAMAccountName"], tag(), account, rig.stack.administrator[0]):
        for spelling in (full_width(name), name[:2] + "\u200b" + name[2:], f"\u00a0{name}\u3164",
                         full_width(name).upper()):
            fail_logins(rig, MALLORY, spelling)
        contract.check_error(try_login(rig, MALLORY, name), 429, "TOO_MANY_ATTEMPTS")


def test_forms_of_a_name_share_one_delay_whether_it_exists_or_not(make_domain_rig, domain, people):
    """Otherwise the delay would reveal which names exist."""
    rig, (controller, ldap_admin) = make_domain_rig(threshold=20), domain
    rig.set(LOGIN_FREE_FAILURES=3)
    rig.reload()
    account = tag()
    assert rig.api.post("/accounts", json={"username": account, "email": address()}).ok
    service = ldap_admin.entry(controller.bind_dn, ["sAMAccountName"])["sAMAccountName"][0].decode()
    answers = []
    for name in (people(rig)["sAMAccountName"], tag(), account, service,
                 rig.stack.administrator[0]):
        for form in ("{}", "KONTORA\\{}", "{}@kontora.test", "\u00a0kontora.test\\{} "):
            fail_logins(rig, MALLORY, form.format(name))
        answers.append(try_login(rig, MALLORY, f"{name.upper()}@KONTORA"))
        contract.check_error(answers[-1], 429, "TOO_MANY_ATTEMPTS")
    bodies = [{**answer.json(), "request_id": None} for answer in answers]
    assert all(body == bodies[0] for body in bodies)
    assert answers[0].headers["Retry-After"] == "1"


# --- names that the directory resolves ------------------------------------------------------------

@pytest.mark.parametrize("spelling", ["{account}", "{upn}", "KONTORA\\{account}",
                                      "kontora.test\\{account}", "{account}@kontora.test"])
def test_directory_user_can_log_in_with_every_form_of_name(make_domain_rig, people, spelling):
    rig = make_domain_rig()
    upn = f"{tag()}@elsewhere.example"
    vera = people(rig, userPrincipalName=upn)
    name = spelling.format(account=vera["sAMAccountName"], upn=upn)
    tokens = rig.anonymous().login(name, vera["password"])
    me = rig.anonymous().bearing(tokens["access_token"]).get("/auth/me").json()
    assert me["id"] == f"directory:{vera['objectGUID']}"


@contextlib.contextmanager
def hidden_from(ldap_admin, dn, account_dn):
    """Denies an account to read the attributes of an object."""
    octets = read_descriptor(ldap_admin, dn)
    sid = ndr_unpack(security.dom_sid, ldap_admin.entry(account_dn, ["objectSid"])["objectSid"][0])
    denial = security.descriptor.from_sddl(f"D:(D;;RP;;;{sid})", security.dom_sid())
    descriptor = ndr_unpack(security.descriptor, octets)
    descriptor.dacl_add(denial.dacl.aces[0], 0)
    ldap_admin.set(dn, "nTSecurityDescriptor", ndr_pack(descriptor))
    try:
        yield
    finally:
        ldap_admin.set(dn, "nTSecurityDescriptor", octets)


def read_descriptor(ldap_admin, dn):
    return ldap_admin.entry(dn, ["nTSecurityDescriptor"])["nTSecurityDescriptor"][0]


def test_dns_name_of_domain_is_known_although_its_record_cannot_be_read(make_domain_rig, domain,
                                                                        people):
    controller, ldap_admin = domain
    record = f"CN=KONTORA,CN=Partitions,CN=Configuration,{ldap_admin.base_dn}"
    with hidden_from(ldap_admin, record, controller.bind_dn):
        rig = make_domain_rig()
        vera = people(rig)
        name, password = vera["sAMAccountName"], vera["password"]
        assert try_login(rig, HOME, f"{name}@kontora.test", password).status_code == 200
        contract.check_error(try_login(rig, HOME, f"KONTORA\\{name}", password), 401,
                             "INVALID_CREDENTIALS")
        assert rig.count_log("cannot read nETBIOSName")


def test_local_account_with_name_of_directory_user_does_not_break_user_login(
        make_domain_rig, domain, people):
    """Mallory registered Vera's address while LDAP_LOGIN was off."""
    rig, (_, ldap_admin) = make_domain_rig(LDAP_LOGIN="false"), domain
    upn = f"{tag()}@kontora.test"
    mallory = Accounts(rig.anonymous()).register(email=upn)
    vera = people(rig, userPrincipalName=upn)
    rig.set(LDAP_LOGIN="true")
    rig.reload()
    tokens = rig.anonymous().login(upn, vera["password"])
    me = rig.anonymous().bearing(tokens["access_token"])
    # A kept connection may still lead to an old worker.
    wait_until(lambda: me.get("/auth/me").json().get("kind") == "directory",
               what="the new settings to take effect")
    contract.check_error(try_login(rig, MALLORY, upn, mallory.password), 401, "INVALID_CREDENTIALS")
    assert count_failures(ldap_admin, vera)[0] == 1  # tried once, in the directory only


def test_name_of_directory_user_cannot_be_registered(make_domain_rig, people):
    rig = make_domain_rig()
    upn = f"{tag()}@kontora.test"
    vera = people(rig, userPrincipalName=upn)
    for email in (upn, upn.upper(), f"{vera['sAMAccountName']}@kontora.test"):
        response = rig.anonymous().post("/auth/register",
                                        json={"email": email, "password": vault.password()})
        contract.check_error(response, 409, "ALREADY_EXISTS")
    taken = Accounts(rig.anonymous()).register().email
    known = rig.anonymous().post("/auth/register",
                                 json={"email": taken, "password": vault.password()})
    assert {**known.json(), "request_id": None} == {**response.json(), "request_id": None}
    for body in ({"username": vera["sAMAccountName"], "email": address()},
                 {"username": tag(), "email": upn}):
        contract.check_error(rig.api.post("/accounts", json=body), 409, "ALREADY_EXISTS")


def test_admin_create_command_rejects_name_of_directory_user(make_domain_rig, people):
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


def test_directory_outage_allows_account_login_but_no_registration(make_domain_rig, domain):
    rig, (controller, ldap_admin) = make_domain_rig(), domain
    olga = Accounts(rig.anonymous()).register()
    controller.stop()
    try:
        assert try_login(rig, HOME, olga.email, olga.password).status_code == 200
        contract.check_error(try_login(rig, MALLORY, olga.email), 401, "INVALID_CREDENTIALS")
        response = rig.anonymous().post("/auth/register",
                                        json={"email": address(), "password": vault.password()})
        contract.check_error(response, 503, "DIRECTORY_UNAVAILABLE")
    finally:
        controller.start()
        ldap_admin.close()


def test_audit_log_contains_only_existing_login_names(make_domain_rig, people):
    """The fixture searches all logs for passwords at its end."""
    rig = make_domain_rig()
    vera, olga = people(rig), Accounts(rig.anonymous()).register()
    for name in (vera["sAMAccountName"], olga.email, rig.stack.administrator[0]):
        line = rig.audit().one_of(try_login(rig, HOME, name))
        assert line["resource_id"] == name
    password = vault.password()
    marks = [rig.audit().one_of(try_login(rig, HOME, password))["resource_id"] for _ in range(2)]
    other = rig.audit().one_of(try_login(rig, HOME, vault.password()))["resource_id"]
    assert marks[0] == marks[1] != other
    assert marks[0].startswith("(unknown name ")
