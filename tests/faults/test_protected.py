"""Protected objects with other settings: DIRECTORY_PROTECTED=allow, and a service account that
is not a domain administrator but has the rights granted by systemd/delegate.sh."""

import contextlib
import dataclasses
import os
import subprocess

import ldap
import pytest
from stack import TOP
from stack.directory import DOMAIN, LOGIN_SETTINGS
from support import contract, metrics, vault
from support.client import Client, path_of, user_path
from support.entries import CONTAINERS, GROUPS, OUS, Entries
from support.people import People, tag
from support.truth import Truth, rdn, same_dn
from support.waiting import wait_until

WARNING = "LDAP_BIND_DN is a domain administrator"
DELEGATE_S = 60
WRONG = "not-the-password"
OPERATIONS = "kontora_directory_operation_duration_seconds"


@dataclasses.dataclass(frozen=True)
class Account:
    """An account to bind as, and the organizational unit that it manages."""

    name: str
    dn: str
    password: str
    unit: str

    @property
    def settings(self):
        return {"LDAP_BIND_DN": self.dn, "LDAP_BIND_PASSWORD": self.password}


@pytest.fixture
def account(truth):
    """Creates an account without rights, and a unit."""
    name, password = tag(), vault.password()
    home = truth.add_ou(tag())
    dn = truth.add(f"{rdn(name)},{home}", objectClass="user", sAMAccountName=name,
                   userAccountControl="512", unicodePwd=f'"{password}"'.encode("utf-16-le"))
    return Account(name, dn, password, truth.add_ou(tag()))


def delegate(directory, folder, *arguments):
    """Runs the script as described in systemd/README.md, from a host other than the controller."""
    conf = folder / "smb.conf"
    conf.write_text(f"[global]\nworkgroup = {DOMAIN}\n", encoding="ascii")
    command = ["sh", TOP / "systemd/delegate.sh", *arguments, "-s", conf,
               "-H", f"ldap://{directory.address}", "-U", f"{DOMAIN}\\Administrator"]
    return subprocess.run(command, capture_output=True, text=True, timeout=DELEGATE_S,
                          env={"PATH": os.environ["PATH"],
                               "PASSWD": directory.administrator_password})


@pytest.fixture
def delegated(directory, account, tmp_path):
    """Returns the account after the script has granted its rights; the script may run twice."""
    for _ in range(2):
        done = delegate(directory, tmp_path, account.name, account.unit)
        assert (done.returncode, done.stderr) == (0, ""), done
    return account


@pytest.fixture
def strict_domain(truth):
    """Removes the default right of all accounts to read all users and groups."""
    group = f"CN=Pre-Windows 2000 Compatible Access,CN=Builtin,{truth.base_dn}"
    members = truth.members(group)
    truth.set(group, "member")
    yield
    truth.set(group, "member", *members)


def answered(response, status=200):
    assert response.status_code == status, response.text
    return response.json() if response.content else None


# --- minimal delegation ---------------------------------------------------------------------------

def test_delegated_account_manages_users(make_rig, directory, truth, delegated):
    rig = make_rig(directory, **delegated.settings)
    people = People(rig.api, truth, delegated.unit)
    user = people.create(title="before", mail="a@example.com")
    other = truth.add_ou(tag(), delegated.unit)
    path = user_path(user["sAMAccountName"])
    for change in ({"title": "after", "givenName": "Анна", "sn": "Орлова", "mail": None,
                    "telephoneNumber": "+7", "department": "x", "description": "y"},
                   {"userPrincipalName": f"{tag()}@kontora.test"}, {"enabled": False},
                   {"enabled": True, "unlock": True}, {"must_change_password": True},
                   {"must_change_password": False}, {"cn": tag()}, {"parent_dn": other}):
        answered(rig.api.patch(path, json=change))
    secret = vault.password()
    moved = answered(rig.api.patch(path, json={"password": secret}))
    assert moved["title"] == "after" and truth.binds(moved["dn"], secret)
    renamed = tag()
    answered(rig.api.patch(path, json={"sAMAccountName": renamed}))
    answered(rig.api.delete(user_path(renamed)), 204)
    assert truth.find(renamed) is None


def test_delegated_account_manages_groups_units_and_containers(make_rig, directory, truth,
                                                               delegated):
    rig = make_rig(directory, **delegated.settings)
    user = People(rig.api, truth, delegated.unit).create()
    for kind in (GROUPS, OUS, CONTAINERS):
        entries = Entries(rig.api, truth, kind, delegated.unit)
        name = entries.create(description="before")[kind.name]
        if kind is GROUPS:
            member = path_of("/groups", name, "members", user["sAMAccountName"])
            answered(rig.api.post(member))
            assert truth.members(entries.dn(name)) == [user["dn"]]
            answered(rig.api.delete(member), 204)
        renamed = tag()
        place = truth.add_ou(tag(), delegated.unit)
        made = entries.change(name, **{kind.name: renamed, "parent_dn": place,
                                       "description": "after"})
        assert same_dn(made["dn"], entries.dn(renamed, place))
        entries.delete(renamed)


def test_directory_refuses_delegated_account_outside_its_unit(make_rig, directory, truth,
                                                                   delegated):
    """The directory refuses even what Kontora would allow."""
    rig = make_rig(directory, **delegated.settings, DIRECTORY_PROTECTED="allow")
    user = People(rig.api, truth, delegated.unit).create()
    elsewhere = truth.add_ou(tag())
    outsider = truth.add(f"{rdn(tag())},{elsewhere}", objectClass="user", sAMAccountName=tag())
    outside = truth.entry(outsider)["sAMAccountName"][0].decode()
    before = truth.tree(f"CN=Users,{truth.base_dn}"), truth.tree(elsewhere)
    for name in ("Administrator", "krbtgt", "Guest", outside):
        response = rig.api.patch(user_path(name), json={"password": vault.password()})
        contract.refused(response, 403, "DIRECTORY_FORBIDDEN")
        response = rig.api.patch(user_path(name), json={"description": "x"})
        contract.refused(response, 403, "DIRECTORY_FORBIDDEN")
    response = rig.api.post(path_of("/groups", "Domain Admins", "members", user["sAMAccountName"]))
    contract.refused(response, 403, "DIRECTORY_FORBIDDEN")
    response = rig.api.post("/users", json=People(rig.api, truth, elsewhere).body())
    contract.refused(response, 403, "DIRECTORY_FORBIDDEN")
    assert (truth.tree(f"CN=Users,{truth.base_dn}"), truth.tree(elsewhere)) == before
    assert rig.count_log(WARNING) == 0


def test_delegated_account_recognizes_protected_objects(make_rig, directory, truth, delegated):
    rig = make_rig(directory, **delegated.settings)
    user = People(rig.api, truth, delegated.unit).create()
    group = f"CN=Print Operators,CN=Builtin,{truth.base_dn}"
    truth.add_member(group, user["dn"])
    response = rig.api.patch(user_path(user["sAMAccountName"]), json={"title": "x"})
    contract.refused(response, 403, "PROTECTED_OBJECT")
    truth.remove_member(group, user["dn"])
    answered(rig.api.patch(user_path(user["sAMAccountName"]), json={"title": "x"}))


# --- logins ---------------------------------------------------------------------------------------

def make_group(truth, unit, *member_dns):
    """Creates a global security group with members; returns its name and DN."""
    name = tag()
    dn = truth.add(f"{rdn(name)},{unit}", objectClass="group", sAMAccountName=name,
                   groupType="-2147483646")
    truth.add_member(dn, *member_dns)
    return name, dn


def log_in(rig, name, password):
    tokens = answered(rig.nobody().post("/auth/login",
                                        json={"username": name, "password": password}))
    return rig.nobody().bearing(tokens["access_token"])


def test_users_can_log_in_through_delegated_account(
        make_rig, directory, truth, strict_domain, delegated):
    """Users log in with each form of their name and get the rights of their groups; a locked
    user is refused and can log in again after being unlocked."""
    people = People(make_rig(directory, **delegated.settings).api, truth, delegated.unit)
    vera, admin = people.create(), people.create()
    group, _ = make_group(truth, delegated.unit, admin["dn"])
    rig = make_rig(directory, **delegated.settings, LDAP_BASE_DN=delegated.unit, LDAP_LOGIN="true",
                   LDAP_ADMIN_GROUP=group, LDAP_LOGIN_CACHE_S=0)
    name, path = vera["sAMAccountName"], user_path(vera["sAMAccountName"])
    for spelling in (name, f"{DOMAIN}\\{name}", f"kontora.test\\{name}", f"{name}@kontora.test"):
        own = log_in(rig, spelling, vera["password"])
        assert answered(own.get("/auth/me"))["id"] == f"directory:{vera['objectGUID']}"
    contract.refused(own.patch(path, json={"title": "x"}), 403, "FORBIDDEN")
    by_admin = log_in(rig, admin["sAMAccountName"], admin["password"])
    assert answered(by_admin.patch(path, json={"title": "x"}))["title"] == "x"

    while not truth.failed_logins(name)[1]:
        truth.bind_failure(vera["dn"], WRONG)
    refused = rig.nobody().post("/auth/login",
                                json={"username": name, "password": vera["password"]})
    contract.refused(refused, 401, "INVALID_CREDENTIALS")
    assert rig.audit().one_of(refused)["details"]["reason"] == "the account is locked"
    answered(by_admin.patch(path, json={"unlock": True}))
    assert truth.failed_logins(name) == (0, False)
    own = log_in(rig, name, vera["password"])

    answered(by_admin.patch(path, json={"password": vault.password()}))
    contract.refused(own.get("/auth/me"), 401, "INVALID_TOKEN")  # pwdLastSet has changed


def test_delegated_account_reads_lockout_policy(
        make_rig, directory, truth, strict_domain, delegated):
    rig = make_rig(directory, **delegated.settings, **LOGIN_SETTINGS, LOGIN_FREE_FAILURES=0)
    vera = People(rig.api, truth, delegated.unit).create()
    group_dn = make_group(truth, delegated.unit, vera["dn"])[1]
    policy = truth.add_password_settings(tag(), group_dn, threshold=8, window_s=1800)
    name = vera["sAMAccountName"]
    with contextlib.closing(Truth(truth.url, truth.ca_file, truth.base_dn, delegated.dn,
                                  delegated.password)) as own:
        container = policy.split(",", 1)[1]
        [entry] = [entry for entry in own.ldapsearch("(objectClass=*)", "*", base=container)
                   if same_dn(entry["dn"], policy)]
        assert (entry["msDS-LockoutThreshold"], entry["msDS-LockoutObservationWindow"]) == (
            [b"8"], [b"-18000000000"])
        assert not {"msDS-MinimumPasswordLength", "msDS-PSOAppliesTo"} & set(entry)
        with pytest.raises(ldap.INSUFFICIENT_ACCESS):
            own.set(policy, "msDS-LockoutThreshold", "0")
    for number in range(16):
        response = rig.nobody().post("/auth/login", json={"username": name, "password": WRONG})
        contract.refused(response, 401, "INVALID_CREDENTIALS")
    assert truth.failed_logins(name) == (4, False)
    assert rig.count_log("may not read") == 0
    truth.delete(policy)


# --- delegation script ----------------------------------------------------------------------------

def test_delegation_script_names_invalid_arguments(directory, account, tmp_path):
    done = delegate(directory, tmp_path, f"no-{account.name}", account.unit)
    assert done.returncode and f"no-{account.name}" in done.stderr
    done = delegate(directory, tmp_path, account.name, "Company")
    assert done.returncode and "Company" in done.stderr
    done = subprocess.run(["sh", TOP / "systemd/delegate.sh"], capture_output=True, text=True)
    assert done.returncode == os.EX_USAGE and "ACCOUNT UNIT_DN" in done.stderr


# --- warning --------------------------------------------------------------------------------------

def test_service_account_with_domain_admin_rights_is_warned_of_once(make_rig, directory,
                                                                                 truth, account):
    truth.add_member(f"CN=Domain Admins,CN=Users,{truth.base_dn}", account.dn)
    rig = make_rig(directory, **account.settings)
    wait_until(lambda: rig.count_log(WARNING), what="the warning")
    for _ in range(8):  # reaches other workers
        answered(rig.api.get("/users/Administrator"))
    [line] = [line for line in rig.log() if WARNING in line["message"]]
    assert line["level"] == "warning"


# --- settings -------------------------------------------------------------------------------------

def test_protected_objects_can_change_if_allowed(make_rig, directory, truth):
    rig = make_rig(directory, DIRECTORY_PROTECTED="allow")
    unit = truth.add_ou(tag())
    people = People(rig.api, truth, unit)
    user = people.create()
    member = path_of("/groups", "Print Operators", "members", user["sAMAccountName"])
    answered(rig.api.post(member))
    answered(rig.api.patch(user_path(user["sAMAccountName"]), json={"title": "x"}))
    answered(rig.api.patch(path_of("/ous", unit.split(",")[0][3:]), json={"ou": tag()}))
    answered(rig.api.delete(member), 204)
    answered(rig.api.patch(user_path("Guest"), json={"title": "x"}))
    answered(rig.api.patch(user_path("Guest"), json={"title": None}))
    answered(rig.api.delete(user_path(user["sAMAccountName"])), 204)


@pytest.mark.parametrize("policy, status, code", [("refuse", 403, "PROTECTED_OBJECT"),
                                                  ("allow", 400, "DIRECTORY_REFUSED")])
def test_service_account_is_protected_with_either_setting(make_rig, directory, truth, account,
                                                              policy, status, code):
    """The account itself, its memberships and its parents are protected, because its DN is a
    setting."""
    truth.add_member(f"CN=Domain Admins,CN=Users,{truth.base_dn}", account.dn)
    rig = make_rig(directory, **account.settings, DIRECTORY_PROTECTED=policy)
    group = Entries(rig.api, truth, GROUPS, account.unit).create()["cn"]
    home = account.dn.split(",", 1)[1]
    before = truth.tree(home)
    path = user_path(account.name)
    for response in (rig.api.patch(path, json={"enabled": False}), rig.api.delete(path),
                     rig.api.post(path_of("/users", account.name, "groups", group)),
                     rig.api.delete(path_of("/users", account.name, "groups", "Domain Admins")),
                     rig.api.patch(path_of("/ous", home.split(",")[0][3:]), json={"ou": tag()}),
                     rig.api.patch(path_of("/ous", home.split(",")[0][3:]),
                                   json={"parent_dn": account.unit})):
        contract.refused(response, status, code)
    assert truth.tree(home) == before
    truth.remove_member(f"CN=Domain Admins,CN=Users,{truth.base_dn}", account.dn)


# --- cost -----------------------------------------------------------------------------------------

def test_protection_check_costs_one_search(make_rig, directory, truth):
    """A change searches for the entry, reads it for the protection check, and reads the result.
    A change of state or place needs one more read, and a membership concerns two entries."""
    rig = make_rig(directory, DIRECTORY_WORKERS="1")
    rig.wait_for_directory()
    people = People(rig.api, truth, truth.add_ou(tag()))
    user, group = people.create(), Entries(rig.api, truth, GROUPS, people.ou).create()
    path = user_path(user["sAMAccountName"])
    # caches the protection data of the service account
    answered(rig.api.patch(path, json={"title": "warm"}))

    def searches(call):
        def count():
            [family] = [each for name, each in metrics.families(rig.nobody("")).items()
                        if name == OPERATIONS]
            return sum(sample.value for sample in family.samples
                       if sample.name.endswith("_count")
                       and sample.labels["operation"] == "search")
        before = count()
        assert call().status_code < 300
        return count() - before

    member = path_of("/groups", group["cn"], "members", user["sAMAccountName"])
    place = truth.add_ou(tag(), people.ou)
    assert searches(lambda: rig.api.get(path)) == 1
    assert searches(lambda: rig.api.patch(path, json={"title": "x"})) == 3
    assert searches(lambda: rig.api.patch(path, json={"enabled": False})) == 3
    assert searches(lambda: rig.api.patch(path, json={"parent_dn": place})) == 4
    assert searches(lambda: rig.api.post(member)) == 6
    assert searches(lambda: rig.api.delete(member)) == 4
    assert searches(lambda: rig.api.delete(path)) == 2
