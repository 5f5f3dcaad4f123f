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
from support.client import path_of, user_path
from support.entries import COMPUTERS, CONTAINERS, GROUPS, OUS, Entries
from support.people import People, tag
from support.photos import PIXEL
from support.ldap_admin import LdapAdmin, rdn, same_dn
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
def account(ldap_admin):
    """Creates an account without rights, and a unit."""
    name, password = tag(), vault.password()
    dn = ldap_admin.add_account(name, password, ldap_admin.add_ou(tag()))
    return Account(name, dn, password, ldap_admin.add_ou(tag()))


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
def strict_domain(ldap_admin):
    """Removes the default right of all accounts to read all users and groups."""
    group = f"CN=Pre-Windows 2000 Compatible Access,CN=Builtin,{ldap_admin.base_dn}"
    members = ldap_admin.members(group)
    ldap_admin.set(group, "member")
    yield
    ldap_admin.set(group, "member", *members)


# The texts of a user that lists show only on request.
MORE_TEXTS = (
    "displayName", "initials", "mobile", "homePhone", "ipPhone", "facsimileTelephoneNumber",
    "pager", "company", "employeeID", "employeeNumber", "employeeType",
    "physicalDeliveryOfficeName", "streetAddress", "postOfficeBox", "l", "st", "postalCode",
    "wWWHomePage", "info", "homeDirectory", "profilePath", "scriptPath")


def check_response(response, status=200):
    assert response.status_code == status, response.text
    return response.json() if response.content else None


# --- minimal delegation ---------------------------------------------------------------------------

def test_delegated_service_account_manages_users(make_rig, directory, ldap_admin, delegated):
    rig = make_rig(directory, **delegated.settings)
    people = People(rig.api, ldap_admin, delegated.unit)
    user = people.create(title="before", mail="a@example.com")
    other = ldap_admin.add_ou(tag(), delegated.unit)
    path = user_path(user["sAMAccountName"])
    for change in ({"title": "after", "givenName": "Анна", "sn": "Орлова", "mail": None,
                    "telephoneNumber": "+7", "department": "x", "description": "y"},
                   {"userPrincipalName": f"{tag()}@kontora.test"}, {"enabled": False},
                   dict.fromkeys(MORE_TEXTS, "x"),
                   {"c": "RU", "homeDrive": "H:", "userWorkstations": ["PC-1"]},
                   {"accountExpires": "2031-02-03T04:05:06Z", "passwordNeverExpires": True},
                   {"userWorkstations": [], "accountExpires": None, "c": None},
                   {"manager": people.create()["dn"]}, {"manager": None},
                   {"enabled": True, "unlock": True}, {"must_change_password": True},
                   {"must_change_password": False}, {"cn": tag()}, {"parent_dn": other}):
        check_response(rig.api.patch(path, json=change))
    response = rig.api.put(f"{path}/photo", data=PIXEL, headers={"Content-Type": "image/jpeg"})
    check_response(response, 204)
    check_response(rig.api.delete(f"{path}/photo"), 204)
    secret = vault.password()
    moved = check_response(rig.api.patch(path, json={"password": secret}))
    assert moved["title"] == "after" and ldap_admin.binds(moved["dn"], secret)
    renamed = tag()
    check_response(rig.api.patch(path, json={"sAMAccountName": renamed}))
    check_response(rig.api.delete(user_path(renamed)), 204)
    assert ldap_admin.find(renamed) is None


def test_delegated_service_account_manages_groups_units_and_containers(make_rig, directory,
                                                                       ldap_admin, delegated):
    rig = make_rig(directory, **delegated.settings)
    user = People(rig.api, ldap_admin, delegated.unit).create()
    for kind in (GROUPS, OUS, CONTAINERS):
        entries = Entries(rig.api, ldap_admin, kind, delegated.unit)
        name = entries.create(description="before")[kind.name]
        if kind is GROUPS:
            member = path_of("/groups", name, "members", user["sAMAccountName"])
            check_response(rig.api.post(member))
            assert ldap_admin.members(entries.dn(name)) == [user["dn"]]
            check_response(rig.api.delete(member), 204)
        renamed = tag()
        place = ldap_admin.add_ou(tag(), delegated.unit)
        made = entries.change(name, **{kind.name: renamed, "parent_dn": place,
                                       "description": "after"})
        assert same_dn(made["dn"], entries.dn(renamed, place))
        entries.delete(renamed)


def test_delegated_service_account_manages_computers(make_rig, directory, ldap_admin, delegated):
    rig = make_rig(directory, **delegated.settings)
    computers = Entries(rig.api, ldap_admin, COMPUTERS, delegated.unit)
    user = People(rig.api, ldap_admin, delegated.unit).create()
    computer = computers.create(description="before", managedBy=user["objectGUID"],
                                dNSHostName="a.kontora.test")
    name, place = computer["sAMAccountName"], ldap_admin.add_ou(tag(), delegated.unit)
    changed = computers.change(name, description="after", managedBy=None, dNSHostName=None,
                               enabled=False, cn=tag(), parent_dn=place)
    assert (changed["description"], changed["managedBy"], changed["dNSHostName"],
            changed["enabled"]) == ("after", None, None, False)
    computers.change(name, enabled=True, managedBy=user["dn"], dNSHostName="b.kontora.test")
    renamed = tag()[:12]
    computers.change(name, sAMAccountName=renamed)
    check_response(rig.api.post(computers.path(renamed) + "/reset"), 204)
    for _ in range(2):
        ldap_admin.add_recovery_key(changed["dn"])
    contract.check_error(rig.api.delete(computers.path(renamed)), 409, "NOT_EMPTY")
    check_response(rig.api.delete(computers.path(renamed), params={"children": "true"}), 204)
    assert ldap_admin.find_guid(computer["objectGUID"]) is None


def test_delegated_service_account_reads_effective_members(make_rig, directory, ldap_admin,
                                                           delegated, strict_domain):
    """It may read the groups and users of its unit only."""
    rig = make_rig(directory, **delegated.settings)
    groups = Entries(rig.api, ldap_admin, GROUPS, delegated.unit)
    outer, inner = (groups.create(groupType=-2147483640) for _ in range(2))
    user = People(rig.api, ldap_admin, delegated.unit).create()
    ldap_admin.add_member(outer["dn"], inner["dn"])
    ldap_admin.add_member(inner["dn"], outer["dn"], user["dn"])
    answer = check_response(rig.api.get(groups.path(outer["cn"], "members"),
                                        params={"effective": "true"}))
    assert {(each["dn"], each["kind"], each["enabled"]) for each in answer["items"]} == {
        (inner["dn"], "group", None), (user["dn"], "user", True)}


def test_delegated_service_account_deletes_objects_below_users_and_groups(make_rig, directory,
                                                                          ldap_admin, delegated):
    """It has the right to delete the tree, but no right to delete these objects alone."""
    rig = make_rig(directory, **delegated.settings)
    for kind in (People(rig.api, ldap_admin, delegated.unit),
                 Entries(rig.api, ldap_admin, GROUPS, delegated.unit)):
        made = kind.create()
        path = kind.path(made[kind.kind.key])
        below = ldap_admin.add(f"CN=devices,{made['dn']}", objectClass="classStore")
        with contextlib.closing(LdapAdmin(ldap_admin.url, ldap_admin.ca_file, ldap_admin.base_dn,
                                          delegated.dn, delegated.password)) as own:
            with pytest.raises(ldap.INSUFFICIENT_ACCESS):
                own.delete(below)
        contract.check_error(rig.api.delete(path), 409, "NOT_EMPTY")
        check_response(rig.api.delete(path, params={"children": "true"}), 204)
        assert ldap_admin.find_guid(made["objectGUID"]) is None


def test_move_that_cannot_be_undone_does_not_begin(make_rig, directory, ldap_admin, delegated,
                                                   tmp_path):
    """The account may move users out of a unit, and must not create them there. The other change is
    one that the directory refuses, and then the user could not be moved back."""
    home = ldap_admin.add_ou(tag())
    sid = subprocess.run(["samba-tool", "user", "show", delegated.name, "--attributes=objectSid",
                          "-H", f"ldap://{directory.address}", "-U",
                          f"{DOMAIN}\\Administrator"],
                         capture_output=True, text=True, timeout=DELEGATE_S, check=True,
                         env={"PATH": os.environ["PATH"],
                              "PASSWD": directory.administrator_password}).stdout
    sid = sid.split("objectSid: ")[1].split()[0]
    done = subprocess.run(["samba-tool", "dsacl", "set", f"--objectdn={home}",
                           f"--sddl=(A;;DC;;;{sid})(A;CIIO;RPWPSDCR;;;{sid})",
                           "-H", f"ldap://{directory.address}", "-U",
                           f"{DOMAIN}\\Administrator"],
                          capture_output=True, text=True, timeout=DELEGATE_S, check=False,
                          env={"PATH": os.environ["PATH"],
                               "PASSWD": directory.administrator_password})
    assert done.returncode == 0, done
    rig = make_rig(directory, **delegated.settings)
    name = tag()
    dn = ldap_admin.add(f"{rdn(name)},{home}", objectClass="user", sAMAccountName=name,
                        userAccountControl="514")
    before = ldap_admin.snapshot(name)
    response = rig.api.patch(user_path(name), json={"parent_dn": delegated.unit,
                                                    "password": "weak"})
    contract.check_error(response, 403, "DIRECTORY_FORBIDDEN")
    assert response.json()["details"] == [home]
    assert ldap_admin.snapshot(name) == before
    moved = check_response(rig.api.patch(user_path(name), json={"parent_dn": delegated.unit}))
    assert same_dn(moved["dn"], f"{rdn(name)},{delegated.unit}") and ldap_admin.entry(dn) is None


def test_container_system_stays_in_place_if_allowed(make_rig, directory, ldap_admin):
    """The directory itself refuses to rename CN=System, and Kontora to change what is in it."""
    rig = make_rig(directory, DIRECTORY_PROTECTED="allow")
    system = f"CN=System,{ldap_admin.base_dn}"
    name = tag()
    folder = ldap_admin.add(f"{rdn(name)},{system}", objectClass="container")
    response = rig.api.patch(path_of("/containers", "System"), json={"cn": "Sys"},
                             params={"parent_dn": ldap_admin.base_dn})
    contract.check_error(response, 400, "DIRECTORY_REFUSED")
    [text] = response.json()["details"]
    assert text.startswith("00002095") and "have to stay under it" in text
    response = rig.api.delete(path_of("/containers", name), params={"parent_dn": system})
    contract.check_error(response, 400, "DIRECTORY_REFUSED")
    assert response.json()["details"] == ["CN=System"]
    assert ldap_admin.entry(system) and ldap_admin.entry(folder) is not None
    ldap_admin.delete(folder)


def test_directory_refuses_delegated_service_account_outside_its_unit(
        make_rig, directory, ldap_admin, delegated):
    """The directory refuses even what Kontora would allow."""
    rig = make_rig(directory, **delegated.settings, DIRECTORY_PROTECTED="allow")
    user = People(rig.api, ldap_admin, delegated.unit).create()
    elsewhere = ldap_admin.add_ou(tag())
    outsider = ldap_admin.add(f"{rdn(tag())},{elsewhere}", objectClass="user", sAMAccountName=tag())
    outside = ldap_admin.entry(outsider)["sAMAccountName"][0].decode()
    before = ldap_admin.tree(f"CN=Users,{ldap_admin.base_dn}"), ldap_admin.tree(elsewhere)
    for name in ("Administrator", "krbtgt", "Guest", outside):
        response = rig.api.patch(user_path(name), json={"password": vault.password()})
        contract.check_error(response, 403, "DIRECTORY_FORBIDDEN")
        response = rig.api.patch(user_path(name), json={"description": "x"})
        contract.check_error(response, 403, "DIRECTORY_FORBIDDEN")
    response = rig.api.post(path_of("/groups", "Domain Admins", "members", user["sAMAccountName"]))
    contract.check_error(response, 403, "DIRECTORY_FORBIDDEN")
    response = rig.api.post("/users", json=People(rig.api, ldap_admin, elsewhere).body())
    contract.check_error(response, 403, "DIRECTORY_FORBIDDEN")
    assert (ldap_admin.tree(f"CN=Users,{ldap_admin.base_dn}"), ldap_admin.tree(elsewhere)) == before
    assert rig.count_log(WARNING) == 0


def test_delegated_service_account_recognizes_protected_objects(make_rig, directory, ldap_admin,
                                                                delegated):
    rig = make_rig(directory, **delegated.settings)
    user = People(rig.api, ldap_admin, delegated.unit).create()
    group = f"CN=Print Operators,CN=Builtin,{ldap_admin.base_dn}"
    ldap_admin.add_member(group, user["dn"])
    response = rig.api.patch(user_path(user["sAMAccountName"]), json={"title": "x"})
    contract.check_error(response, 403, "PROTECTED_OBJECT")
    ldap_admin.remove_member(group, user["dn"])
    check_response(rig.api.patch(user_path(user["sAMAccountName"]), json={"title": "x"}))


# --- logins ---------------------------------------------------------------------------------------

def make_group(ldap_admin, unit, *member_dns):
    """Creates a global security group with members; returns its name and DN."""
    name = tag()
    dn = ldap_admin.add(f"{rdn(name)},{unit}", objectClass="group", sAMAccountName=name,
                        groupType="-2147483646")
    ldap_admin.add_member(dn, *member_dns)
    return name, dn


def log_in(rig, name, password):
    tokens = check_response(rig.anonymous().post("/auth/login",
                                                 json={"username": name, "password": password}))
    return rig.anonymous().bearing(tokens["access_token"])


def test_users_can_log_in_with_delegated_service_account(make_rig, directory, ldap_admin,
                                                         strict_domain, delegated):
    """Users log in with each form of their name and get the rights of their groups; a locked
    user is refused and can log in again after being unlocked."""
    people = People(make_rig(directory, **delegated.settings).api, ldap_admin, delegated.unit)
    vera, admin = people.create(), people.create()
    group, _ = make_group(ldap_admin, delegated.unit, admin["dn"])
    rig = make_rig(directory, **delegated.settings, LDAP_BASE_DN=delegated.unit, LDAP_LOGIN="true",
                   LDAP_ADMIN_GROUP=group, LDAP_LOGIN_CACHE_S=0)
    name, path = vera["sAMAccountName"], user_path(vera["sAMAccountName"])
    for spelling in (name, f"{DOMAIN}\\{name}", f"kontora.test\\{name}", f"{name}@kontora.test"):
        own = log_in(rig, spelling, vera["password"])
        assert check_response(own.get("/auth/me"))["id"] == f"directory:{vera['objectGUID']}"
    contract.check_error(own.patch(path, json={"title": "x"}), 403, "FORBIDDEN")
    by_admin = log_in(rig, admin["sAMAccountName"], admin["password"])
    assert check_response(by_admin.patch(path, json={"title": "x"}))["title"] == "x"

    while not ldap_admin.failed_logins(name)[1]:
        ldap_admin.bind_failure(vera["dn"], WRONG)
    refused = rig.anonymous().post("/auth/login",
                                   json={"username": name, "password": vera["password"]})
    contract.check_error(refused, 401, "INVALID_CREDENTIALS")
    assert rig.audit().one_of(refused)["details"]["reason"] == "the account is locked"
    check_response(by_admin.patch(path, json={"unlock": True}))
    assert ldap_admin.failed_logins(name) == (0, False)
    own = log_in(rig, name, vera["password"])

    check_response(by_admin.patch(path, json={"password": vault.password()}))
    contract.check_error(own.get("/auth/me"), 401, "INVALID_TOKEN")  # pwdLastSet has changed


def test_delegated_service_account_reads_lockout_policy(make_rig, directory, ldap_admin,
                                                        strict_domain, delegated):
    rig = make_rig(directory, **delegated.settings, **LOGIN_SETTINGS, LOGIN_FREE_FAILURES=0)
    vera = People(rig.api, ldap_admin, delegated.unit).create()
    group_dn = make_group(ldap_admin, delegated.unit, vera["dn"])[1]
    policy = ldap_admin.add_password_settings(tag(), group_dn, threshold=8, window_s=1800)
    name = vera["sAMAccountName"]
    with contextlib.closing(LdapAdmin(ldap_admin.url, ldap_admin.ca_file, ldap_admin.base_dn,
                                      delegated.dn,
                                      delegated.password)) as own:
        container = policy.split(",", 1)[1]
        [entry] = [entry for entry in own.ldapsearch("(objectClass=*)", "*", base=container)
                   if same_dn(entry["dn"], policy)]
        assert (entry["msDS-LockoutThreshold"], entry["msDS-LockoutObservationWindow"]) == (
            [b"8"], [b"-18000000000"])
        assert not {"msDS-PasswordReversibleEncryptionEnabled", "msDS-PSOAppliesTo"} & set(entry)
        with pytest.raises(ldap.INSUFFICIENT_ACCESS):
            own.set(policy, "msDS-LockoutThreshold", "0")
    for number in range(16):
        response = rig.anonymous().post("/auth/login", json={"username": name, "password": WRONG})
        contract.check_error(response, 401, "INVALID_CREDENTIALS")
    assert ldap_admin.failed_logins(name) == (4, False)
    assert rig.count_log("LDAP_BIND_DN cannot read") == 0
    ldap_admin.delete(policy)


# --- delegation script ----------------------------------------------------------------------------

def test_delegation_script_names_invalid_arguments(directory, account, tmp_path):
    done = delegate(directory, tmp_path, f"no-{account.name}", account.unit)
    assert done.returncode and f"no-{account.name}" in done.stderr
    done = delegate(directory, tmp_path, account.name, "Company")
    assert done.returncode and "Company" in done.stderr
    done = subprocess.run(["sh", TOP / "systemd/delegate.sh"], capture_output=True, text=True)
    assert done.returncode == os.EX_USAGE and "ACCOUNT UNIT_DN" in done.stderr


# --- warning --------------------------------------------------------------------------------------

def test_service_with_domain_admin_account_logs_one_warning(make_rig, directory, ldap_admin,
                                                            account):
    ldap_admin.add_member(f"CN=Domain Admins,CN=Users,{ldap_admin.base_dn}", account.dn)
    rig = make_rig(directory, **account.settings)
    wait_until(lambda: rig.count_log(WARNING), what="the warning to be logged")
    for _ in range(8):  # reaches other workers
        check_response(rig.api.get("/users/Administrator"))
    [line] = [line for line in rig.log() if WARNING in line["message"]]
    assert line["level"] == "warning"


# --- settings -------------------------------------------------------------------------------------

def test_protected_objects_can_be_changed_if_setting_allows(make_rig, directory, ldap_admin):
    rig = make_rig(directory, DIRECTORY_PROTECTED="allow")
    unit = ldap_admin.add_ou(tag())
    people = People(rig.api, ldap_admin, unit)
    user = people.create()
    member = path_of("/groups", "Print Operators", "members", user["sAMAccountName"])
    check_response(rig.api.post(member))
    check_response(rig.api.patch(user_path(user["sAMAccountName"]), json={"title": "x"}))
    check_response(rig.api.patch(path_of("/ous", unit.split(",")[0][3:]), json={"ou": tag()}))
    check_response(rig.api.delete(member), 204)
    check_response(rig.api.patch(user_path("Guest"), json={"title": "x"}))
    check_response(rig.api.patch(user_path("Guest"), json={"title": None}))
    check_response(rig.api.delete(user_path(user["sAMAccountName"])), 204)


def test_domain_controller_is_not_changed_even_if_setting_allows(make_rig, directory, ldap_admin):
    """Memberships of the controller can be changed, as those of other protected objects."""
    rig = make_rig(directory, DIRECTORY_PROTECTED="allow")
    group = Entries(rig.api, ldap_admin, GROUPS, ldap_admin.add_ou(tag())).create()["cn"]
    path = path_of("/computers", "dc1")
    controller = check_response(rig.api.get(path))
    before = ldap_admin.tree(controller["dn"])
    for response in (rig.api.patch(path, json={"enabled": False}), rig.api.delete(path),
                     rig.api.patch(path, json={"description": "x"}), rig.api.post(path + "/reset"),
                     rig.api.delete(path, params={"children": "true"})):
        contract.check_error(response, 400, "DIRECTORY_REFUSED")
        assert response.json()["details"] == ["userAccountControl: domain controller"]
    assert ldap_admin.tree(controller["dn"]) == before
    member = path_of("/groups", group, "members", controller["objectGUID"])
    check_response(rig.api.post(member))
    check_response(rig.api.delete(member), 204)


@pytest.mark.parametrize("policy, status, code", [("refuse", 403, "PROTECTED_OBJECT"),
                                                  ("allow", 400, "DIRECTORY_REFUSED")])
def test_service_account_is_protected_even_if_setting_allows_changes(make_rig, directory,
                                                                     ldap_admin, account, policy,
                                                                     status, code):
    """The account itself, its memberships and its parents are protected, because its DN is a
    setting."""
    ldap_admin.add_member(f"CN=Domain Admins,CN=Users,{ldap_admin.base_dn}", account.dn)
    rig = make_rig(directory, **account.settings, DIRECTORY_PROTECTED=policy)
    group = Entries(rig.api, ldap_admin, GROUPS, account.unit).create()["cn"]
    home = account.dn.split(",", 1)[1]
    before = ldap_admin.tree(home)
    path = user_path(account.name)
    for response in (rig.api.patch(path, json={"enabled": False}), rig.api.delete(path),
                     rig.api.post(path_of("/users", account.name, "groups", group)),
                     rig.api.delete(path_of("/users", account.name, "groups", "Domain Admins")),
                     rig.api.patch(path_of("/ous", home.split(",")[0][3:]), json={"ou": tag()}),
                     rig.api.patch(path_of("/ous", home.split(",")[0][3:]),
                                   json={"parent_dn": account.unit})):
        contract.check_error(response, status, code)
    assert ldap_admin.tree(home) == before
    ldap_admin.remove_member(f"CN=Domain Admins,CN=Users,{ldap_admin.base_dn}", account.dn)


# --- cost -----------------------------------------------------------------------------------------

def test_check_for_protection_costs_one_directory_search(make_rig, directory, ldap_admin):
    """A change searches for the entry, reads it for the protection check, and reads the result.
    A change of state also reads userAccountControl right before and right after it is written,
    because Samba does not compare it. A change of place needs one more read, and a membership
    concerns two entries."""
    rig = make_rig(directory, DIRECTORY_WORKERS="1")
    rig.wait_for_directory()
    people = People(rig.api, ldap_admin, ldap_admin.add_ou(tag()))
    user, group = people.create(), Entries(rig.api, ldap_admin, GROUPS, people.ou).create()
    path = user_path(user["sAMAccountName"])
    # caches the protection data of the service account
    check_response(rig.api.patch(path, json={"title": "warm"}))

    def searches(call):
        def count():
            [family] = [each for name, each in metrics.families(rig.anonymous("")).items()
                        if name == OPERATIONS]
            return sum(sample.value for sample in family.samples
                       if sample.name.endswith("_count")
                       and sample.labels["operation"] == "search")
        before = count()
        assert call().status_code < 300
        return count() - before

    member = path_of("/groups", group["cn"], "members", user["sAMAccountName"])
    place = ldap_admin.add_ou(tag(), people.ou)
    assert searches(lambda: rig.api.get(path)) == 1
    assert searches(lambda: rig.api.patch(path, json={"title": "x"})) == 3
    assert searches(lambda: rig.api.patch(path, json={"enabled": False})) == 5
    assert searches(lambda: rig.api.patch(path, json={"parent_dn": place})) == 4
    assert searches(lambda: rig.api.post(member)) == 6
    assert searches(lambda: rig.api.delete(member)) == 4
    assert searches(lambda: rig.api.delete(path)) == 2
