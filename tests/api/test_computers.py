"""Computers: machine accounts of the directory. Changes are verified with ldapsearch."""

import datetime
import uuid

import pytest

from support import contract, vault
from support.client import path_of
from support.entries import tag
from support.ldap_admin import guid_text, rdn, same_dn

WORKSTATION = 0x1000
DISABLED = 0x2
DELEGATION = 0x80000  # TRUSTED_FOR_DELEGATION: a flag that no call changes
CONTROLLER = 0x2000


def name_of(letters=9):
    return tag()[:letters]


def shown(ldap_admin, computer):
    """Returns the attributes that ldapsearch shows."""
    [entry] = ldap_admin.ldapsearch("(sAMAccountType=*)", "*", base=computer["dn"])
    return entry


def time_text(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S")


def control(ldap_admin, computer):
    return int(shown(ldap_admin, computer)["userAccountControl"][0])


def add_account(ldap_admin, parent, object_class, control=WORKSTATION, **attributes):
    name = name_of()
    return ldap_admin.add(f"{rdn(name)},{parent}", objectClass=object_class,
                          sAMAccountName=f"{name}$", userAccountControl=str(control), **attributes)


SERVICE_ACCOUNTS = {
    "msDS-ManagedServiceAccount": {},
    "msDS-GroupManagedServiceAccount": {"msDS-ManagedPasswordInterval": "30"},
}


# --- creation -------------------------------------------------------------------------------------

def test_new_computer_is_enabled_workstation_account(api, computers, ldap_admin):
    name = name_of()
    response = api.post("/computers", json={"cn": name, "ou": computers.parent})
    assert response.status_code == 201, response.text
    computer = contract.check_computer(response.json())
    assert response.headers["Location"] == path_of("/api/v1/computers", f"{name}$")
    entry = shown(ldap_admin, computer)
    assert entry["objectClass"] == [b"top", b"person", b"organizationalPerson", b"user",
                                    b"computer"]
    assert int(entry["userAccountControl"][0]) == WORKSTATION
    assert entry["sAMAccountType"] == [b"805306369"]
    assert entry["primaryGroupID"] == [b"515"]
    assert entry["sAMAccountName"] == [f"{name}$".encode()]
    assert int(entry["pwdLastSet"][0]) > 0
    assert guid_text(entry["objectGUID"][0]) == computer["objectGUID"]
    assert (computer["cn"], computer["sAMAccountName"], computer["enabled"]) == (name, f"{name}$",
                                                                                 True)
    for field in ("dNSHostName", "operatingSystem", "operatingSystemVersion", "lastLogon",
                  "managedBy", "description"):
        assert computer[field] is None
    assert computer["memberOf"] == [f"CN=Domain Computers,CN=Users,{ldap_admin.base_dn}"]
    assert same_dn(computer["dn"], f"{rdn(name)},{computers.parent}")
    assert computers.get(f"{name}$") == computer


def test_password_of_new_computer_is_not_its_name(computers, ldap_admin):
    name = name_of()
    computer = computers.create(cn=name)
    for guess in (name, name.lower(), f"{name}$", name[:14]):
        assert ldap_admin.bind_failure(computer["dn"], guess) == "52e"


def test_new_computer_can_be_disabled(computers, ldap_admin):
    computer = computers.create(enabled=False)
    assert computer["enabled"] is False
    assert control(ldap_admin, computer) == WORKSTATION | DISABLED


@pytest.mark.parametrize("account, expected", [
    ("{}", "{}$"), ("{}$", "{}$"), ("{} ", "{}$"), ("Ж{}", "Ж{}$"), ("a{}$b", "a{}$b$"),
    ("{}" + "x" * 6, "{}" + "x" * 6 + "$"), ("{}" + "x" * 6 + "$", "{}" + "x" * 6 + "$"),
    ("{}" + "😀" * 3, "{}" + "😀" * 3 + "$")])
def test_account_name_can_be_given_with_or_without_dollar(computers, ldap_admin, account,
                                                          expected):
    word = name_of()
    computer = computers.create(sAMAccountName=account.format(word))
    assert computer["sAMAccountName"] == expected.format(word)
    assert shown(ldap_admin, computer)["sAMAccountName"] == [expected.format(word).encode()]


@pytest.mark.parametrize("name, expected", [
    ("{}", "{}$"), ("{}$", "{}$"), ("{}-workstation", "{}-works$"), ("{}, \"a\"", "{}_ _a_$"),
    ("{}.", "{}_$"), ("{}é" + "x" * 20, "{}é" + "x" * 5 + "$"), ("{}12345😀", "{}12345$")])
def test_account_name_defaults_to_beginning_of_name(computers, ldap_admin, name, expected):
    word = name_of()
    computer = computers.create(cn=name.format(word))
    assert computer["cn"] == name.format(word)
    assert shown(ldap_admin, computer)["sAMAccountName"] == [expected.format(word).encode()]


@pytest.mark.parametrize("account", [
    "", "$", "$$", "a$$", "x" * 16, "x" * 16 + "$", "x" * 17, "😀" * 8, "dot.", "dot.$", "a\0b",
    "a\nb", "\x7f", *(f"a{c}b" for c in "\"/\\[]:;|=,+*?<>@"), 5, None])
def test_invalid_account_name_is_rejected(api, computers, ldap_admin, account):
    body = computers.body(sAMAccountName=account)
    response = api.post("/computers", json=body)
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == ["sAMAccountName"]
    assert ldap_admin.search(f"(cn={body['cn']})") == []
    computer = computers.create()
    response = api.patch(computers.path(computer["sAMAccountName"]),
                         json={"sAMAccountName": account})
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == ["sAMAccountName"]
    assert computers.get(computer["objectGUID"]) == computer


@pytest.mark.parametrize("language, text", [("ru", "не длиннее 15 симв."),
                                            ("en", "must have at most 15 characters")])
def test_message_about_account_name_has_language_of_client(api, computers, language, text):
    response = api.post("/computers", json=computers.body(sAMAccountName="x" * 16),
                        headers={"Accept-Language": language})
    [detail] = response.json()["details"]
    assert text in detail["message"]


@pytest.mark.parametrize("body, fields", [
    ({}, ["cn", "ou"]), ({"cn": "a"}, ["ou"]), ({"ou": "DC=kontora,DC=test"}, ["cn"]),
    ({"cn": "a", "ou": "x"}, ["ou"]), ({"cn": "a", "ou": "DC=com"}, ["ou"]),
    ({"cn": "a", "ou": "DC=kontora,DC=test", "operatingSystem": "x", "lastLogon": None},
     ["operatingSystem", "lastLogon"]),
    ({"cn": "a", "ou": "DC=kontora,DC=test", "password": "x", "userAccountControl": 512},
     ["password", "userAccountControl"])])
def test_invalid_body_of_new_computer_is_rejected(api, body, fields):
    response = api.post("/computers", json=body)
    assert sorted(contract.check_error(response, 400, "VALIDATION_ERROR")) == sorted(fields)


def test_existing_account_name_is_rejected(api, computers, people, groups, ldap_admin):
    """Names of accounts are unique in the domain, whatever the kind of the other account."""
    other = ldap_admin.add_ou(tag(), computers.parent)
    computer = computers.create()
    user = people.create(sAMAccountName=name_of() + "$")
    group = groups.create(sAMAccountName=name_of() + "$")
    for taken in (computer, user, group):
        body = computers.body(sAMAccountName=taken["sAMAccountName"].removesuffix("$"), ou=other)
        response = api.post("/computers", json=body)
        contract.check_error(response, 409, "ALREADY_EXISTS")
        assert [detail["field"] for detail in response.json()["details"]] == ["sAMAccountName"]
        assert taken["dn"] in response.json()["details"][0]["message"]
    response = api.post("/computers", json=computers.body(cn=computer["cn"], sAMAccountName="new1"))
    contract.check_error(response, 409, "ALREADY_EXISTS")
    assert ldap_admin.search("(objectClass=*)", base=other)[1:] == []


def test_creation_with_idempotency_key_creates_one_computer(api, computers, ldap_admin):
    body, key = computers.body(), {"Idempotency-Key": tag()}
    first, again = (api.post("/computers", json=body, headers=key) for _ in range(2))
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert len(ldap_admin.search(f"(cn={body['cn']})")) == 1


# --- names ----------------------------------------------------------------------------------------

def test_computer_is_found_by_any_of_its_names(computers):
    computer = computers.create(cn=f"Кабинет, {tag()}", sAMAccountName=name_of())
    account = computer["sAMAccountName"]
    for name in (computer["cn"], computer["cn"].upper(), account, account.upper(),
                 account.removesuffix("$"), computer["dn"], computer["dn"].lower(),
                 computer["objectGUID"], computer["objectGUID"].upper()):
        assert computers.get(name) == computer


def test_name_of_two_computers_is_ambiguous(api, computers, ldap_admin):
    """The cn of one computer is the account name of another one."""
    word = name_of()
    one = computers.create(cn=word, sAMAccountName=name_of(), ou=ldap_admin.add_ou(
        tag(), computers.parent))
    other = computers.create(cn=tag(), sAMAccountName=word)
    for method, path, body in (("GET", "", None), ("PATCH", "", {"description": "x"}),
                               ("POST", "/reset", None), ("DELETE", "", None)):
        response = api.request(method, computers.path(word) + path, json=body)
        contract.check_error(response, 409, "AMBIGUOUS")
        assert sorted(response.json()["details"]) == sorted([one["dn"], other["dn"]])
    assert computers.get(f"{word}$") == other
    assert computers.get(word, at=computers.parent) == other
    assert computers.get(one["sAMAccountName"]) == one


@pytest.mark.parametrize("name", ["nothing", "*", "t*", "(objectClass=*)", "$", "a)(cn=*", "\\2a",
                                  "CN=nothing,DC=kontora,DC=test", str(uuid.uuid4())])
def test_unknown_computer_is_not_found(api, name):
    for method, path, body in (("GET", "", None), ("PATCH", "", {"description": "x"}),
                               ("POST", "/reset", None), ("DELETE", "", None)):
        response = api.request(method, path_of("/computers", name) + path, json=body)
        contract.check_error(response, 404, "NOT_FOUND")


# --- which accounts are computers -----------------------------------------------------------------

@pytest.fixture(params=SERVICE_ACCOUNTS)
def service_account(request, ldap_admin, ou):
    """Creates a managed service account of each class; returns its DN."""
    dn = add_account(ldap_admin, ou, request.param, **SERVICE_ACCOUNTS[request.param])
    yield dn
    ldap_admin.delete(dn)


def test_managed_service_account_is_no_computer(api, computers, ldap_admin, service_account):
    entry = ldap_admin.entry(service_account, ["*"])
    assert b"computer" in entry["objectClass"]
    account = entry["sAMAccountName"][0].decode()
    for name in (account, account.removesuffix("$"), service_account,
                 guid_text(entry["objectGUID"][0])):
        contract.check_error(api.get(computers.path(name)), 404, "NOT_FOUND")
        contract.check_error(api.post(computers.path(name) + "/reset"), 404, "NOT_FOUND")
        contract.check_error(api.delete(computers.path(name)), 404, "NOT_FOUND")
    assert computers.search(account.removesuffix("$")) == []


def test_users_and_computers_are_different_lists(api, computers, people, groups):
    word = name_of(6)
    computer = computers.create(cn=f"{word}-1")
    user = people.create(cn=f"{word}-2", sAMAccountName=f"{word}-2")
    groups.create(cn=f"{word}-3", sAMAccountName=f"{word}-3")
    assert computers.search(word) == [computer["sAMAccountName"]]
    assert people.search(word) == [user["sAMAccountName"]]
    contract.check_error(api.get(path_of("/users", computer["sAMAccountName"])), 404, "NOT_FOUND")
    contract.check_error(api.get(computers.path(user["sAMAccountName"])), 404, "NOT_FOUND")


def test_list_has_all_machine_accounts(api, computers, ldap_admin):
    computers.create()
    found = ldap_admin.ldapsearch("(&(objectClass=computer)(sAMAccountType=805306369)"
                                  "(!(objectClass=msDS-ManagedServiceAccount))"
                                  "(!(objectClass=msDS-GroupManagedServiceAccount)))", "cn")
    items = contract.read_list(api, "/computers")
    assert {item["dn"].lower() for item in items} == {entry["dn"].lower() for entry in found}
    assert [contract.check_computer(item) for item in items] == items


@pytest.mark.parametrize("field", ["cn", "sAMAccountName", "dNSHostName", "description"])
def test_search_finds_computer_by_field(computers, field):
    word = name_of()
    text = f"{word}.kontora.test" if field == "dNSHostName" else word
    computer = computers.create(**{"cn": tag(), "sAMAccountName": name_of(), field: text})
    assert computers.search(word[1:-1].upper()) == [computer["sAMAccountName"]]


def test_pages_of_computers_are_sorted_by_name(api, computers):
    word = name_of(6)
    names = [f"{word}-{number}" for number in (3, 1, 2, 5, 4)]
    for name in names:
        computers.create(cn=name)
    seen = []
    for skip in range(0, 6, 2):
        body = api.get("/computers", params={"search": word, "skip": skip, "limit": 2}).json()
        seen += [item["cn"] for item in contract.check_list(body)]
        assert body["total"] == 5
    assert seen == sorted(names)


# --- changes --------------------------------------------------------------------------------------

VALUES = {
    "dNSHostName": "pc-017.kontora.test",
    "description": "Приёмная, \"3 этаж\"; <b>&</b> \\ #+=\nвторая строка",
}


@pytest.mark.parametrize("field", VALUES)
def test_attribute_can_be_set_read_back_and_cleared(api, computers, ldap_admin, field):
    value = VALUES[field]
    computer = computers.create()
    name = computer["sAMAccountName"]
    assert computers.change(name, **{field: value})[field] == value
    assert shown(ldap_admin, computer)[field] == [value.encode()]
    assert computers.get(name)[field] == value
    assert computers.change(name, **{field: None})[field] is None
    assert field not in shown(ldap_admin, computer)
    assert computers.change(name, **{field: None})[field] is None
    made = computers.create(**{field: value})
    assert made[field] == value
    assert shown(ldap_admin, made)[field] == [value.encode()]


@pytest.mark.parametrize("spelling", ["dn", "objectGUID"])
def test_managed_by_refers_to_user_or_group(computers, people, groups, ldap_admin, spelling):
    user = people.create(cn=f"Жук, \"Анна\" {tag()}")
    group = groups.create()
    computer = computers.create(managedBy=user[spelling])
    assert computer["managedBy"] == user["dn"]
    assert [same_dn(dn.decode(), user["dn"]) for dn in shown(ldap_admin, computer)["managedBy"]]
    changed = computers.change(computer["cn"], managedBy=group[spelling])
    assert changed["managedBy"] == group["dn"]
    assert ldap_admin.entry(group["dn"])["managedObjects"] == [computer["dn"].encode()]
    moved = people.change(user["sAMAccountName"], cn=f"Новый, {tag()}")
    computers.change(computer["cn"], managedBy=moved[spelling].lower())
    assert computers.get(computer["cn"])["managedBy"] == moved["dn"]
    assert computers.change(computer["cn"], managedBy=None)["managedBy"] is None
    assert "managedBy" not in shown(ldap_admin, computer)


@pytest.mark.parametrize("text", ["nobody", "CN=nobody,DC=kontora,DC=test", "CN=a,DC=com", "CN=",
                                  "*", str(uuid.uuid4()), "", 5])
def test_managed_by_must_refer_to_existing_entry(api, computers, ldap_admin, text):
    computer = computers.create()
    response = api.patch(computers.path(computer["cn"]), json={"managedBy": text})
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == ["managedBy"]
    body = computers.body(managedBy=text)
    response = api.post("/computers", json=body)
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == ["managedBy"]
    assert ldap_admin.search(f"(cn={body['cn']})") == []
    assert computers.get(computer["cn"]) == computer


def test_enabling_keeps_other_flags(computers, ldap_admin):
    computer = computers.create()
    ldap_admin.set(computer["dn"], "userAccountControl", str(WORKSTATION | DELEGATION))
    for enabled, expected in ((False, DISABLED), (False, DISABLED), (True, 0), (True, 0)):
        assert computers.change(computer["cn"], enabled=enabled)["enabled"] == enabled
        assert control(ldap_admin, computer) == WORKSTATION | DELEGATION | expected


def test_disabled_computer_cannot_log_in(computers, ldap_admin):
    computer = computers.create()
    password = vault.password()
    ldap_admin.set(computer["dn"], "unicodePwd", f'"{password}"'.encode("utf-16-le"))
    assert ldap_admin.binds(computer["dn"], password)
    computers.change(computer["cn"], enabled=False)
    assert ldap_admin.bind_failure(computer["dn"], password) == "533"
    computers.change(computer["cn"], enabled=True)
    assert ldap_admin.binds(computer["dn"], password)


def test_computer_can_be_moved_renamed_and_changed_at_once(computers, ldap_admin):
    computer = computers.create()
    ldap_admin.add_recovery_key(computer["dn"])
    other = ldap_admin.add_ou(f"Ж, {tag()}", computers.parent)
    name, account = f"Neu, \"{tag()}\"", name_of()
    changed = computers.change(computer["sAMAccountName"], cn=name, sAMAccountName=account,
                               parent_dn=other, description="x", enabled=False)
    assert same_dn(changed["dn"], f"{rdn(name)},{other}")
    assert ldap_admin.entry(computer["dn"]) is None
    entry = shown(ldap_admin, changed)
    assert (entry["sAMAccountName"], entry["description"]) == ([f"{account}$".encode()], [b"x"])
    assert int(entry["userAccountControl"][0]) == WORKSTATION | DISABLED
    assert guid_text(entry["objectGUID"][0]) == computer["objectGUID"]


def test_read_only_attributes_are_shown(api, computers, ldap_admin):
    """The computer itself writes its operating system, and a login its time."""
    computer = computers.create()
    password = vault.password()
    ldap_admin.set(computer["dn"], "unicodePwd", f'"{password}"'.encode("utf-16-le"))
    ldap_admin.set(computer["dn"], "operatingSystem", "Windows 11 Корпоративная")
    ldap_admin.set(computer["dn"], "operatingSystemVersion", "10.0 (22631)")
    assert ldap_admin.binds(computer["dn"], password)
    now = computers.get(computer["cn"])
    assert now["operatingSystem"] == "Windows 11 Корпоративная"
    assert now["operatingSystemVersion"] == "10.0 (22631)"
    filetime = int(shown(ldap_admin, computer)["lastLogonTimestamp"][0])
    seconds = filetime // 10 ** 7 - 11644473600
    assert contract.TIME.fullmatch(now["lastLogon"])
    assert now["lastLogon"][:19] == time_text(seconds)
    for field in ("operatingSystem", "operatingSystemVersion", "lastLogon", "dn", "objectGUID",
                  "memberOf", "whenCreated"):
        response = api.patch(computers.path(computer["cn"]), json={field: None})
        assert contract.check_error(response, 400, "VALIDATION_ERROR") == [field]


def test_groups_of_computer_are_shown(api, computers, groups):
    computer, group = computers.create(), groups.create()
    path = path_of("/groups", group["cn"], "members", computer["objectGUID"])
    assert api.post(path).status_code == 200
    assert group["dn"] in computers.get(computer["cn"])["memberOf"]
    assert api.delete(path).status_code == 204
    assert group["dn"] not in computers.get(computer["cn"])["memberOf"]


# --- reset ----------------------------------------------------------------------------------------

def test_reset_replaces_password(api, computers, ldap_admin, audit):
    computer = computers.create(enabled=False)
    password = vault.password()
    ldap_admin.set(computer["dn"], "unicodePwd", f'"{password}"'.encode("utf-16-le"))
    computers.change(computer["cn"], enabled=True)
    before = shown(ldap_admin, computer)
    assert ldap_admin.binds(computer["dn"], password)
    response = api.post(computers.path(computer["cn"]) + "/reset")
    assert (response.status_code, response.content) == (204, b"")
    name = computer["cn"]
    for guess in (password, name, name.lower(), name[:14].lower(), f"{name}$"):
        assert ldap_admin.bind_failure(computer["dn"], guess) == "52e"
    after = shown(ldap_admin, computer)
    assert int(after["pwdLastSet"][0]) > int(before["pwdLastSet"][0])
    assert after["userAccountControl"] == before["userAccountControl"]
    line = audit.one_of(response)
    assert (line["action"], line["status"], line["resource_type"], line["resource_id"]) == (
        "reset_computer", "success", "computer", computer["sAMAccountName"])
    assert line["details"]["dn"] == computer["dn"]


def test_reset_with_idempotency_key_sets_one_password(api, computers, ldap_admin):
    computer, key = computers.create(), {"Idempotency-Key": tag()}
    path = computers.path(computer["cn"]) + "/reset"
    assert api.post(path, headers=key).status_code == 204
    first = shown(ldap_admin, computer)["pwdLastSet"]
    assert api.post(path, headers=key).status_code == 204
    assert shown(ldap_admin, computer)["pwdLastSet"] == first


def test_reset_is_served_on_short_path_and_for_post_only(site, api, computers):
    computer = computers.create()
    assert site.post(computers.path(computer["cn"]) + "/reset").status_code == 204
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        response = api.request(method, computers.path(computer["cn"]) + "/reset")
        contract.check_error(response, 405, "METHOD_NOT_ALLOWED")
    response = api.post(computers.path(computer["cn"]) + "/reset", params={"password": "x"})
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == ["password"]


# --- deletion -------------------------------------------------------------------------------------

def test_computer_can_be_deleted(site, computers, ldap_admin, audit):
    computer = computers.create()
    response = site.delete(computers.path(computer["cn"]))
    assert (response.status_code, response.content) == (204, b"")
    assert ldap_admin.find_guid(computer["objectGUID"]) is None
    line = audit.one_of(response)
    assert (line["action"], line["resource_id"]) == ("delete_computer", computer["sAMAccountName"])


def test_recovery_keys_are_deleted_only_with_children(api, computers, ldap_admin, audit):
    computer = computers.create()
    keys = [ldap_admin.add_recovery_key(computer["dn"]) for _ in range(2)]
    before = ldap_admin.tree(computer["dn"])
    path = computers.path(computer["sAMAccountName"])
    for parameters in ({}, {"children": "false"}):
        response = api.delete(path, params=parameters)
        contract.check_error(response, 409, "NOT_EMPTY")
        assert [detail["field"] for detail in response.json()["details"]] == ["children"]
        assert "2" in response.json()["details"][0]["message"]
    assert ldap_admin.tree(computer["dn"]) == before
    response = api.delete(path, params={"children": "true"})
    assert response.status_code == 204, response.text
    assert ldap_admin.entry(computer["dn"]) is None
    deleted = audit.one_of(response)["details"]["deleted"]
    assert len(deleted) == 2
    assert all(any(same_dn(dn, key) for key in keys) for dn in deleted)


# --- domain controllers ---------------------------------------------------------------------------

def test_domain_controller_is_shown_and_never_changed(api, computers, ldap_admin, ou):
    controller = computers.get("dc1")
    assert same_dn(controller["dn"], f"CN=DC1,OU=Domain Controllers,{ldap_admin.base_dn}")
    assert "DC1$" in computers.search("dc1")
    before = ldap_admin.tree(controller["dn"])
    [entry] = ldap_admin.ldapsearch("(sAMAccountType=*)", "userAccountControl",
                                    base=controller["dn"])
    assert int(entry["userAccountControl"][0]) & CONTROLLER
    for name in ("dc1", "DC1$", controller["dn"], controller["objectGUID"]):
        path = computers.path(name)
        for method, more, body in (
                ("PATCH", "", {"description": "x"}), ("PATCH", "", {"enabled": False}),
                ("PATCH", "", {"parent_dn": ou}), ("PATCH", "", {"cn": "dc2"}),
                ("POST", "/reset", None), ("DELETE", "", None), ("DELETE", "?children=true", None)):
            contract.check_error(api.request(method, path + more, json=body), 403,
                                 "PROTECTED_OBJECT")
    assert ldap_admin.tree(controller["dn"]) == before


def test_privileged_computer_is_protected(api, computers, ldap_admin):
    computer = computers.create()
    operators = f"CN=Backup Operators,CN=Builtin,{ldap_admin.base_dn}"
    ldap_admin.add_member(operators, computer["dn"])
    try:
        before = ldap_admin.tree(computer["dn"])
        for method, more, body in (("PATCH", "", {"enabled": False}), ("POST", "/reset", None),
                                   ("DELETE", "", None)):
            response = api.request(method, computers.path(computer["cn"]) + more, json=body)
            contract.check_error(response, 403, "PROTECTED_OBJECT")
        assert ldap_admin.tree(computer["dn"]) == before
    finally:
        ldap_admin.remove_member(operators, computer["dn"])
    computers.delete(computer["cn"])
