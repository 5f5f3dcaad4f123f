"""POST /users/{u}/copy: a new user gets the job, the place and the groups of a colleague."""

import json
import uuid

import pytest

from support import contract, vault
from support.client import Client, path_of
from support.database import Database
from support.entries import tag
from support.ldap_admin import rdn, same_dn
from support.people import People

JOB = {"department": "Продажи", "company": "Контора", "title": "Менеджер",
       "physicalDeliveryOfficeName": "217", "l": "Москва", "st": "Москва", "c": "RU"}
DOMAIN_USERS = "513"


def copy(client, template, headers=None, parameters=None, **fields):
    """Sends the request; a field of ... is left out."""
    name = tag()
    body = {"cn": name, "sAMAccountName": name, "password": vault.password(), **fields}
    body = {key: value for key, value in body.items() if value is not ...}
    return client.post(path_of("/users", template, "copy"), json=body, headers=headers,
                       params=parameters)


def copied(response):
    """Checks a successful response; returns the user and the report about the groups."""
    assert response.status_code == 201, response.text
    body = response.json()
    assert set(body) == {"user", "groups"}
    contract.check_user(body["user"])
    assert set(body["groups"]) == {"added", "skipped"}
    for group in body["groups"]["skipped"]:
        contract.check_record(group, {"dn": str, "code": str})
    return body["user"], body["groups"]


def shown(ldap_admin, name, *attributes):
    """Returns the attributes of an account as ldapsearch shows them; None if there is none."""
    found = ldap_admin.ldapsearch(f"(sAMAccountName={name})", *attributes)
    assert len(found) <= 1
    return found[0] if found else None


def skipped(groups):
    return {group["dn"]: group["code"] for group in groups["skipped"]}


@pytest.fixture
def make_group(ldap_admin, ou):
    """Returns a function that creates a group with members and returns its DN."""
    def make(*members, parent=None):
        return ldap_admin.add_group(tag(), parent or ou, *members)
    return make


# --- fields ---------------------------------------------------------------------------------------

def test_copy_takes_over_job_place_and_groups(api, people, ldap_admin, make_group):
    boss = people.create()
    template = people.create(manager=boss["dn"], mail="template@example.com", **JOB)
    one, two = make_group(template["dn"]), make_group(template["dn"])
    response = copy(api, template["sAMAccountName"], givenName="Анна")
    user, groups = copied(response)
    assert response.headers["Location"] == f"/api/v1/users/{user['sAMAccountName']}"
    assert response.headers["ETag"]
    assert sorted(groups["added"]) == sorted([one, two]) and groups["skipped"] == []
    assert {name: user[name] for name in JOB} == JOB
    assert user["manager"]["dn"] == boss["dn"]
    assert sorted(user["memberOf"]) == sorted(
        [one, two, f"CN=Domain Users,CN=Users,{ldap_admin.base_dn}"])
    raw = shown(ldap_admin, user["sAMAccountName"])
    assert {name: raw[name][0].decode() for name in JOB} == JOB
    assert raw["manager"] == [boss["dn"].encode()]
    assert (raw["co"], raw["countryCode"]) == ([b"Russia"], [b"643"])
    assert sorted(group.decode() for group in raw["memberOf"]) == sorted([one, two])
    assert raw["givenName"] == ["Анна".encode()]
    assert "mail" not in raw
    assert same_dn(user["dn"], f"{rdn(user['cn'])},{people.ou}")


def test_copy_can_log_in_with_password_of_request(api, people, ldap_admin):
    password = vault.password()
    user, _ = copied(copy(api, people.create()["sAMAccountName"], password=password))
    assert user["enabled"] and ldap_admin.binds(user["dn"], password)


def test_fields_of_request_replace_those_of_template(api, people, ldap_admin):
    template = people.create(manager=people.create()["dn"], **JOB)
    other = people.create()
    user, _ = copied(copy(api, template["sAMAccountName"], title="Директор", department=None,
                          manager=other["objectGUID"], c="DE", enabled=False))
    assert (user["title"], user["department"]) == ("Директор", None)
    assert user["manager"]["dn"] == other["dn"]
    assert not user["enabled"]
    raw = shown(ldap_admin, user["sAMAccountName"])
    assert (raw["c"], raw["co"], raw["countryCode"]) == ([b"DE"], [b"Germany"], [b"276"])
    assert "department" not in raw


def test_copy_of_user_without_fields_has_none(api, people, ldap_admin):
    user, groups = copied(copy(api, people.create()["sAMAccountName"]))
    assert groups == {"added": [], "skipped": []}
    assert not set(JOB) & set(shown(ldap_admin, user["sAMAccountName"]))


@pytest.mark.parametrize("addressed", ["sAMAccountName", "objectGUID", "dn"])
def test_template_is_found_by_every_identifier(api, people, addressed):
    template = people.create(title="Менеджер")
    user, _ = copied(copy(api, template[addressed]))
    assert user["title"] == "Менеджер"


@pytest.mark.parametrize("field", ["parent_dn", "ou"])
def test_parent_of_request_is_used(api, people, ldap_admin, field):
    other = ldap_admin.add_ou(tag())
    user, _ = copied(copy(api, people.create()["sAMAccountName"], **{field: other}))
    assert same_dn(user["dn"], f"{rdn(user['cn'])},{other}")


def test_names_with_special_characters(api, people, ldap_admin):
    name = f'Иванов, "Пётр" + Co <{tag()}>; = \\ #'
    user, _ = copied(copy(api, people.create()["dn"], cn=name))
    assert user["cn"] == name
    assert ldap_admin.text(user["sAMAccountName"], "cn") == name


# --- groups ---------------------------------------------------------------------------------------

def test_nested_groups_are_not_joined(api, people, make_group):
    template = people.create()
    inner = make_group(template["dn"])
    make_group(inner)
    _, groups = copied(copy(api, template["sAMAccountName"]))
    assert groups == {"added": [inner], "skipped": []}


def test_primary_group_of_template_is_joined_as_ordinary_member(api, people, ldap_admin,
                                                                make_group):
    template = people.create()
    primary = make_group()
    ldap_admin.make_primary(primary, template["dn"])
    user, groups = copied(copy(api, template["sAMAccountName"]))
    assert groups == {"added": [primary], "skipped": []}
    raw = shown(ldap_admin, user["sAMAccountName"], "primaryGroupID", "memberOf")
    assert raw["primaryGroupID"] == [DOMAIN_USERS.encode()]
    assert raw["memberOf"] == [primary.encode()]


def test_protected_group_is_skipped(api, people, ldap_admin, make_group):
    template = people.create()
    plain, protected = make_group(template["dn"]), make_group(template["dn"])
    ldap_admin.set(protected, "adminCount", "1")
    user, groups = copied(copy(api, template["sAMAccountName"]))
    assert groups["added"] == [plain]
    assert skipped(groups) == {protected: "PROTECTED_OBJECT"}
    assert user["dn"] not in ldap_admin.members(protected)


def test_group_that_service_account_cannot_change_is_skipped(api, people, ldap_admin, make_group,
                                                             deny_members):
    template = people.create()
    plain, denied = make_group(template["dn"]), make_group(template["dn"])
    deny_members(denied)
    user, groups = copied(copy(api, template["sAMAccountName"]))
    assert groups["added"] == [plain]
    assert skipped(groups) == {denied: "DIRECTORY_FORBIDDEN"}
    assert user["dn"] not in ldap_admin.members(denied)


def test_copy_of_privileged_user_joins_only_ordinary_groups(api, people, ldap_admin, make_group):
    """A template may be protected: it is not changed."""
    template = people.create()
    plain = make_group(template["dn"])
    admins = f"CN=Backup Operators,CN=Builtin,{ldap_admin.base_dn}"
    ldap_admin.add_member(admins, template["dn"])
    try:
        user, groups = copied(copy(api, template["sAMAccountName"]))
    finally:
        ldap_admin.remove_member(admins, template["dn"])
    assert groups["added"] == [plain] and skipped(groups) == {admins: "PROTECTED_OBJECT"}
    assert user["dn"] not in ldap_admin.members(admins)


# --- errors ---------------------------------------------------------------------------------------

def fails(ldap_admin, response, status, code, name=None):
    """Checks an error, and that no user was created; returns the fields in its details."""
    fields = contract.check_error(response, status, code)
    assert name is None or ldap_admin.find(name) is None
    return fields


def test_invalid_requests_create_nothing(api, people, ldap_admin):
    template, name = people.create()["sAMAccountName"], tag()
    own = {"sAMAccountName": name}
    for fields, wrong in (({"password": ...}, ["password"]), ({"cn": ...}, ["cn"]),
                          ({"sAMAccountName": ...}, ["sAMAccountName"]),
                          ({"cn": ""}, ["cn"]), ({"title": 5}, ["title"]),
                          ({"nonsense": "x"}, ["nonsense"]), ({"c": "XX"}, ["c"]),
                          ({"manager": str(uuid.uuid4())}, ["manager"]),
                          ({"groups": ["x"]}, ["groups"]),
                          ({"parent_dn": "no DN"}, ["parent_dn"]),
                          ({"parent_dn": "DC=elsewhere,DC=test"}, ["parent_dn"]),
                          ({"ou": "DC=elsewhere,DC=test"}, ["ou"]),
                          ({"ou": people.ou, "parent_dn": people.ou}, ["parent_dn"])):
        response = copy(api, template, **{**own, **fields})
        assert fails(ldap_admin, response, 400, "VALIDATION_ERROR", name) == wrong, fields
    response = copy(api, template, **own, parent_dn=f"OU={tag()},{people.ou}")
    fails(ldap_admin, response, 400, "PARENT_NOT_FOUND", name)
    response = copy(api, template, **own, password="x")
    fails(ldap_admin, response, 400, "PASSWORD_POLICY", name)


def test_taken_names_are_refused(api, people, ldap_admin):
    template = people.create()
    response = copy(api, template["sAMAccountName"], sAMAccountName=template["sAMAccountName"])
    assert fails(ldap_admin, response, 409, "ALREADY_EXISTS") == ["sAMAccountName"]
    name = tag()
    response = copy(api, template["sAMAccountName"], cn=template["cn"], sAMAccountName=name)
    assert fails(ldap_admin, response, 409, "ALREADY_EXISTS", name) == ["cn"]


@pytest.mark.parametrize("template", ["*", ")(cn=*", "..", "a" * 300, "пользователь", "%00", "' --",
                                      str(uuid.uuid4()), "CN=nobody,DC=kontora,DC=test"])
def test_template_must_exist(api, ldap_admin, template):
    name = tag()
    response = copy(api, template, sAMAccountName=name)
    assert response.status_code in (400, 404), response.text
    assert ldap_admin.find(name) is None


def test_group_or_computer_is_no_template(api, people, ldap_admin, make_group):
    for dn in (make_group(), people.ou):
        contract.check_error(copy(api, dn), 404, "NOT_FOUND")


# --- permissions ----------------------------------------------------------------------------------

def test_anonymous_and_ordinary_users_cannot_copy(api, anonymous, people, ldap_admin):
    template, caller, name = people.create(), people.create(), tag()
    contract.check_error(copy(anonymous, template["sAMAccountName"]), 401, "UNAUTHORIZED")
    client = anonymous.bearing(
        anonymous.login(caller["sAMAccountName"], caller["password"])["access_token"])
    response = copy(client, template["sAMAccountName"], sAMAccountName=name)
    fails(ldap_admin, response, 403, "FORBIDDEN", name)


@pytest.fixture
def make_delegate(api, anonymous, people):
    """Returns a function that logs in a new user with rights below scopes."""
    made = []

    def make(*scopes_and_rights):
        user = people.create()
        for scope, *rights in scopes_and_rights:
            response = api.post("/delegations", json={"principal": user["dn"], "scope": scope,
                                                      "rights": rights})
            assert response.status_code == 201, response.text
            made.append(response.json()["id"])
        tokens = anonymous.login(user["sAMAccountName"], user["password"])
        return anonymous.bearing(tokens["access_token"])
    yield make
    for number in made:
        api.delete(f"/delegations/{number}")


def test_delegate_needs_right_to_create_at_the_place(people, ldap_admin, make_delegate):
    inside, outside = ldap_admin.add_ou(tag()), ldap_admin.add_ou(tag())
    template = people.create(ou=outside, title="Менеджер")
    client = make_delegate((inside, "create"))
    name = tag()
    for fields in ({}, {"parent_dn": outside}):
        response = copy(client, template["sAMAccountName"], sAMAccountName=name, **fields)
        assert fails(ldap_admin, response, 403, "FORBIDDEN", name) == ["rights"]
    user, _ = copied(copy(client, template["sAMAccountName"], parent_dn=inside))
    assert user["title"] == "Менеджер"


@pytest.mark.parametrize("right", ["update", "members", "move", "delete", "reset_password"])
def test_delegate_without_right_to_create_creates_nothing(people, ldap_admin, make_delegate, right):
    unit = ldap_admin.add_ou(tag())
    template, name = people.create(ou=unit), tag()
    response = copy(make_delegate((unit, right)), template["sAMAccountName"], sAMAccountName=name)
    fails(ldap_admin, response, 403, "FORBIDDEN", name)


def test_delegate_joins_only_groups_that_it_may_change(people, ldap_admin, make_group,
                                                       make_delegate):
    unit, groups_unit = ldap_admin.add_ou(tag()), ldap_admin.add_ou(tag())
    template = people.create(ou=unit)
    allowed = make_group(template["dn"], parent=groups_unit)
    other = make_group(template["dn"])
    client = make_delegate((unit, "create"), (groups_unit, "members"))
    user, groups = copied(copy(client, template["sAMAccountName"]))
    assert groups["added"] == [allowed] and skipped(groups) == {other: "FORBIDDEN"}
    assert sorted(ldap_admin.members(allowed)) == sorted([template["dn"], user["dn"]])
    assert ldap_admin.members(other) == [template["dn"]]


def test_copy_cannot_join_group_with_more_rights_than_caller(api, people, ldap_admin, make_group,
                                                             make_delegate):
    """A copy of a more powerful colleague does not get the colleague's delegations."""
    unit = ldap_admin.add_ou(tag())
    template = people.create(ou=unit)
    powerful = make_group(template["dn"], parent=unit)
    response = api.post("/delegations", json={"principal": powerful, "scope": unit,
                                              "rights": ["reset_password"]})
    try:
        client = make_delegate((unit, "create", "members"))
        user, groups = copied(copy(client, template["sAMAccountName"]))
    finally:
        api.delete(f"/delegations/{response.json()['id']}")
    assert groups == {"added": [], "skipped": [{"dn": powerful, "code": "FORBIDDEN"}]}
    assert ldap_admin.members(powerful) == [template["dn"]]
    assert user["memberOf"] == [f"CN=Domain Users,CN=Users,{ldap_admin.base_dn}"]


# --- callers that see a part of the directory -----------------------------------------------------

@pytest.fixture(scope="module")
def administrator(delegated_stack):
    """Returns a client of the local administrator, on the stack where callers see only the scopes
    of their delegations."""
    client = Client(f"{delegated_stack.https_url}/api/v1", delegated_stack.ca_file)
    return client.bearing(client.login(*delegated_stack.administrator)["access_token"])


@pytest.fixture
def limited_client(administrator, ldap_admin):
    """Returns a function that logs in a new user who sees only a unit."""
    made = []

    def make(unit, *rights):
        user = People(administrator, ldap_admin, ldap_admin.add_ou(tag())).create()
        response = administrator.post("/delegations", json={
            "principal": user["dn"], "scope": unit, "rights": list(rights)})
        made.append(response.json()["id"])
        tokens = administrator.as_anonymous().login(user["sAMAccountName"], user["password"])
        return administrator.bearing(tokens["access_token"])
    yield make
    for number in made:
        administrator.delete(f"/delegations/{number}")


def test_hidden_template_does_not_exist(administrator, ldap_admin, limited_client):
    unit, hidden_unit = ldap_admin.add_ou(tag()), ldap_admin.add_ou(tag())
    hidden = People(administrator, ldap_admin, hidden_unit).create()
    client, name = limited_client(unit, "create", "members"), tag()
    for known in ("sAMAccountName", "objectGUID", "dn"):
        response = copy(client, hidden[known], sAMAccountName=name, parent_dn=unit)
        fails(ldap_admin, response, 404, "NOT_FOUND", name)


def test_hidden_groups_and_managers_do_not_show(administrator, ldap_admin, limited_client):
    unit, hidden_unit = ldap_admin.add_ou(tag()), ldap_admin.add_ou(tag())
    boss = People(administrator, ldap_admin, hidden_unit).create()
    template = People(administrator, ldap_admin, unit).create(manager=boss["dn"], title="Менеджер")
    seen = ldap_admin.add_group(tag(), unit, template["dn"])
    hidden = ldap_admin.add_group(tag(), hidden_unit, template["dn"])
    response = copy(limited_client(unit, "create", "members"), template["sAMAccountName"])
    user, groups = copied(response)
    assert groups == {"added": [seen], "skipped": []}
    assert user["title"] == "Менеджер"
    raw = shown(ldap_admin, user["sAMAccountName"])
    assert raw["memberOf"] == [seen.encode()] and "manager" not in raw
    assert hidden_unit not in response.text and hidden not in response.text


# --- audit and repetition -------------------------------------------------------------------------

@pytest.fixture
def audit_row(request, stack):
    """Returns a function that reads the audit row of a request: its columns and its changes."""
    server = request.getfixturevalue("postgres") if "DATABASE_URL" in stack.env else None
    database = Database(stack, server)

    def read(response):
        [(action, resource, object_id, status, changes)] = database.run(
            "SELECT action, resource, object_id, status, changes FROM audit WHERE request_id = "
            f"'{response.headers['X-Request-ID']}'")
        return (action, resource, object_id, status), json.loads(changes)
    return read


def test_audit_row_of_copy_has_user_and_memberships(api, people, make_group, audit_row):
    template = people.create(title="Менеджер")
    group = make_group(template["dn"])
    response = copy(api, template["sAMAccountName"])
    user, _ = copied(response)
    row, changes = audit_row(response)
    assert row == ("copy_user", "user", user["objectGUID"], "success")
    values = {change["field"]: (change["before"], change["after"]) for change in changes}
    assert values["title"] == (None, "Менеджер") and values["member"] == (None, user["dn"])
    assert values["password"] == ("***", "***")
    [member] = [change for change in changes if change["field"] == "member"]
    assert member["id"] == api.get(path_of("/groups", group)).json()["objectGUID"]


def test_copy_is_one_audit_line(api, people, audit, make_group):
    template = people.create()
    make_group(template["dn"])
    response = copy(api, template["sAMAccountName"])
    user, _ = copied(response)
    line = audit.one_of(response)
    assert (line["action"], line["status"]) == ("copy_user", "success")
    assert line["resource_id"] == user["sAMAccountName"]


def test_repeated_request_with_idempotency_key_creates_one_user(api, people):
    template, name, key = people.create(), tag(), str(uuid.uuid4())
    password = vault.password()
    responses = [copy(api, template["sAMAccountName"], {"Idempotency-Key": key}, cn=name,
                      sAMAccountName=name, password=password) for _ in range(2)]
    assert copied(responses[0]) == copied(responses[1])


# --- dry runs -------------------------------------------------------------------------------------

def planned(response):
    """Checks the response to a dry run; returns {(resource, id, field): after}."""
    assert response.status_code == 200, response.text
    body = response.json()
    assert set(body) == {"dry_run", "changes"} and body["dry_run"] is True
    return [(each["resource"], each["id"], each["field"], each["before"], each["after"])
            for each in body["changes"]]


def test_dry_run_shows_new_user_and_memberships_and_creates_nothing(api, people, ldap_admin,
                                                                    make_group):
    template = people.create(title="Менеджер")
    group, protected = make_group(template["dn"]), make_group(template["dn"])
    ldap_admin.set(protected, "adminCount", "1")
    name = tag()
    response = copy(api, template["sAMAccountName"], parameters={"dry_run": "true"}, cn=name,
                    sAMAccountName=name)
    changes = planned(response)
    dn = f"CN={name},{people.ou}"
    guid = api.get(path_of("/groups", group)).json()["objectGUID"]
    assert ("user", None, "title", None, "Менеджер") in changes
    assert ("user", None, "dn", None, dn) in changes
    assert [each for each in changes if each[0] == "group"] == [("group", guid, "member", None, dn)]
    assert ldap_admin.find(name) is None
    assert ldap_admin.members(group) == [template["dn"]]


def test_ldif_of_dry_run_has_creation_and_memberships(api, people, ldap_admin, make_group):
    template, name = people.create(), tag()
    group = make_group(template["dn"])
    response = copy(api, template["sAMAccountName"], {"Accept": "text/ldif"}, {"dry_run": "true"},
                    cn=name, sAMAccountName=name)
    assert response.status_code == 200 and response.text.startswith("version: 1")
    assert response.text.count("changetype: add") == 1
    assert response.text.count("changetype: modify") == 1
    ldap_admin.apply(response.content)
    assert sorted(ldap_admin.members(group)) == sorted([template["dn"], f"CN={name},{people.ou}"])


def test_dry_run_fails_like_the_call(api, people, ldap_admin):
    template = people.create()
    for fields, status, code in (
            ({"sAMAccountName": template["sAMAccountName"]}, 409, "ALREADY_EXISTS"),
            ({"cn": template["cn"]}, 409, "ALREADY_EXISTS"),
            ({"password": "x"}, 400, "PASSWORD_POLICY"),
            ({"parent_dn": f"OU={tag()},{people.ou}"}, 400, "PARENT_NOT_FOUND")):
        for parameters in ({"dry_run": "true"}, {}):
            response = copy(api, template["sAMAccountName"], parameters=parameters, **fields)
            contract.check_error(response, status, code)
