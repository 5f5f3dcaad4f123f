"""POST /users/{u}/offboard: the account of a leaver is disabled, leaves its groups and is moved."""

import json
import uuid
from datetime import datetime, timezone

import pytest
from samba.dcerpc import security
from samba.ndr import ndr_unpack

from support import contract, keys
from support.client import Client, path_of
from support.database import Database
from support.entries import tag
from support.ldap_admin import add_rights, rdn, same_dn
from support.people import People

DESCRIPTION_MAX = 1024
DISABLED = 0x2
MEMBER, USER_CONTROL = ("bf9679c0-0de6-11d0-a285-00aa003049e2",
                        "bf967a68-0de6-11d0-a285-00aa003049e2")


def mark():
    return f"[offboarded {datetime.now(timezone.utc):%Y-%m-%d}]"


def offboard(client, user, headers=None, parameters=None, **body):
    return client.post(path_of("/users", user, "offboard"), json=body, headers=headers,
                       params=parameters)


def offboarded(response):
    """Checks a successful response; returns the user and the report about the groups."""
    assert response.status_code == 200, response.text
    body = response.json()
    assert set(body) == {"user", "groups"} and set(body["groups"]) == {"removed", "skipped"}
    assert not contract.check_user(body["user"])["enabled"]
    for group in body["groups"]["skipped"]:
        contract.check_record(group, {"dn": str, "code": str})
    return body["user"], body["groups"]


def shown(ldap_admin, user):
    """Returns the attributes of a user as ldapsearch shows them, found by GUID."""
    octets = "".join(f"\\{octet:02x}" for octet in uuid.UUID(user["objectGUID"]).bytes_le)
    [entry] = ldap_admin.ldapsearch(f"(objectGUID={octets})")
    return entry


def is_disabled(ldap_admin, user):
    return bool(int(shown(ldap_admin, user)["userAccountControl"][0]) & DISABLED)


def refused(ldap_admin, user, response, status, code):
    """Checks that a call failed and has changed nothing of the user; returns the fields."""
    fields = contract.check_error(response, status, code)
    raw = shown(ldap_admin, user)
    assert not int(raw["userAccountControl"][0]) & DISABLED
    assert raw["dn"] == user["dn"] and mark() not in str(raw.get("description"))
    return fields


@pytest.fixture
def make_group(ldap_admin, ou):
    """Returns a function that creates a group with members and returns its DN."""
    def make(*members, parent=None):
        return ldap_admin.add_group(tag(), parent or ou, *members)
    return make


@pytest.fixture
def deny_write(ldap_admin, directory):
    """Returns a function that takes the right to write an attribute away from the service
    account."""
    values = ldap_admin.entry(directory.bind_dn, ["objectSid"])
    account = ndr_unpack(security.dom_sid, values["objectSid"][0])

    def deny(dn, attribute):
        add_rights(ldap_admin, dn, f"D:(OD;;WP;{attribute};;{account})")
    return deny


@pytest.fixture(scope="module")
def former(ldap_admin):
    """Creates the unit of former employees."""
    return ldap_admin.add_ou(tag())


# --- what it does ---------------------------------------------------------------------------------

def test_leaver_is_disabled_leaves_groups_and_is_moved(api, people, ldap_admin, make_group, former):
    user = people.create(description="Склад, смена 2")
    one, two = make_group(user["dn"]), make_group(user["dn"])
    response = offboard(api, user["sAMAccountName"], move_to=former)
    changed, groups = offboarded(response)
    assert response.headers["ETag"]
    assert sorted(groups["removed"]) == sorted([one, two]) and groups["skipped"] == []
    assert changed["memberOf"] == [f"CN=Domain Users,CN=Users,{ldap_admin.base_dn}"]
    raw = shown(ldap_admin, user)
    assert int(raw["userAccountControl"][0]) & DISABLED and "memberOf" not in raw
    assert raw["description"] == [f"Склад, смена 2 {mark()}".encode()]
    assert same_dn(raw["dn"], f"{rdn(user['cn'])},{former}") and changed["dn"] == raw["dn"]
    assert ldap_admin.bind_failure(raw["dn"], user["password"]) == "533"
    for group in (one, two):
        assert ldap_admin.members(group) == []


@pytest.mark.parametrize("addressed", ["sAMAccountName", "objectGUID", "dn"])
def test_leaver_is_found_by_every_identifier(api, people, addressed):
    offboarded(offboard(api, people.create()[addressed]))


def test_body_is_optional(api, people, ldap_admin):
    user = people.create()
    response = api.post(path_of("/users", user["sAMAccountName"], "offboard"))
    changed, groups = offboarded(response)
    assert changed["dn"] == user["dn"] and groups == {"removed": [], "skipped": []}
    assert shown(ldap_admin, user)["description"] == [mark().encode()]


def test_account_control_keeps_its_other_bits(api, people, ldap_admin):
    user = people.create(passwordNeverExpires=True)
    offboarded(offboard(api, user["sAMAccountName"]))
    assert shown(ldap_admin, user)["userAccountControl"] == [b"66050"]


@pytest.mark.parametrize("text", ["a" * DESCRIPTION_MAX, "я" * DESCRIPTION_MAX, "😀" * 512])
def test_long_description_is_cut(api, people, ldap_admin, text):
    user = people.create(description=text)
    offboarded(offboard(api, user["sAMAccountName"]))
    description = shown(ldap_admin, user)["description"][0].decode()
    units = len(description.encode("utf-16-le")) // 2
    assert DESCRIPTION_MAX - 1 <= units <= DESCRIPTION_MAX
    kept = description.removesuffix(f" {mark()}")
    assert kept != description and text.startswith(kept) and kept


def test_repetition_changes_nothing(api, people, ldap_admin, make_group, former):
    user = people.create()
    group = make_group(user["dn"])
    assert offboarded(offboard(api, user["sAMAccountName"], move_to=former))[1]["removed"] == [
        group]
    before = ldap_admin.snapshot(user["sAMAccountName"])
    _, groups = offboarded(offboard(api, user["sAMAccountName"], move_to=former))
    assert groups == {"removed": [], "skipped": []}
    assert ldap_admin.snapshot(user["sAMAccountName"]) == before


def test_earlier_date_is_kept_until_the_account_is_enabled_again(api, people, ldap_admin):
    earlier = "[offboarded 2020-01-31]"
    user = people.create(description=earlier, enabled=False)
    offboarded(offboard(api, user["sAMAccountName"]))
    assert shown(ldap_admin, user)["description"] == [earlier.encode()]
    api.patch(path_of("/users", user["sAMAccountName"]), json={"enabled": True})
    offboarded(offboard(api, user["sAMAccountName"]))
    assert shown(ldap_admin, user)["description"] == [f"{earlier} {mark()}".encode()]


@pytest.mark.parametrize("text", ["[offboarded 2020-13-31]", "[offboarded ]", "[", "x [offboarded",
                                  "[offboarded 2020-01-31] later"])
def test_text_that_is_no_mark_is_kept(api, people, ldap_admin, text):
    user = people.create(description=text, enabled=False)
    offboarded(offboard(api, user["sAMAccountName"]))
    assert shown(ldap_admin, user)["description"] == [f"{text} {mark()}".encode()]


def test_repetition_continues(api, people, ldap_admin, make_group, former):
    """A call that stopped after the account was disabled is completed by the next one."""
    user = people.create()
    offboarded(offboard(api, user["sAMAccountName"]))
    group = make_group(user["dn"])
    changed, groups = offboarded(offboard(api, user["sAMAccountName"], move_to=former))
    assert groups["removed"] == [group] and changed["dn"].endswith(former)
    assert shown(ldap_admin, user)["description"] == [mark().encode()]


def test_primary_group_is_kept(api, people, ldap_admin, make_group):
    user = people.create()
    primary, other = make_group(), make_group(user["dn"])
    ldap_admin.make_primary(primary, user["dn"])
    _, groups = offboarded(offboard(api, user["sAMAccountName"]))
    assert groups["removed"] == [other]
    domain_users = f"CN=Domain Users,CN=Users,{ldap_admin.base_dn}"
    assert groups["skipped"] == [{"dn": domain_users, "code": "PROTECTED_OBJECT"}]
    assert shown(ldap_admin, user)["memberOf"] == [domain_users.encode()]


def test_nested_groups_are_not_changed(api, people, ldap_admin, make_group):
    user = people.create()
    inner = make_group(user["dn"])
    outer = make_group(inner)
    _, groups = offboarded(offboard(api, user["sAMAccountName"]))
    assert groups["removed"] == [inner] and ldap_admin.members(outer) == [inner]


def test_sessions_of_leaver_end(api, anonymous, people):
    user = people.create()
    client = anonymous.bearing(
        anonymous.login(user["sAMAccountName"], user["password"])["access_token"])
    assert client.get("/auth/me").status_code == 200
    offboarded(offboard(api, user["sAMAccountName"]))
    contract.check_error(client.get("/auth/me"), 401, "INVALID_TOKEN")
    contract.check_error(anonymous.post("/auth/login", json={
        "username": user["sAMAccountName"], "password": user["password"]}), 401,
        "INVALID_CREDENTIALS")


def test_api_key_of_leaver_stops_working(api, anonymous, people):
    user = people.create()
    client = anonymous.bearing(
        anonymous.login(user["sAMAccountName"], user["password"])["access_token"])
    key = keys.client_of(client, ["profile:read"])
    assert key.get("/auth/me").status_code == 200
    offboarded(offboard(api, user["sAMAccountName"]))
    assert key.get("/auth/me").status_code == 401


# --- errors ---------------------------------------------------------------------------------------

def test_invalid_requests_change_nothing(api, people, ldap_admin, make_group):
    user = people.create()
    group = make_group(user["dn"])
    for body, wrong in (({"move_to": "no DN"}, "move_to"), ({"move_to": 5}, "move_to"),
                        ({"move_to": ""}, "move_to"), ({"move_to": None}, "move_to"),
                        ({"hide": "yes"}, "hide"), ({"nonsense": 1}, "nonsense"),
                        ({"move_to": "DC=elsewhere,DC=test"}, "move_to"),
                        ({"move_to": f"CN=System,{ldap_admin.base_dn}"}, "move_to")):
        response = offboard(api, user["sAMAccountName"], **body)
        assert refused(ldap_admin, user, response, 400, "VALIDATION_ERROR") == [wrong], body
    missing = f"OU={tag()},{ldap_admin.base_dn}"
    refused(ldap_admin, user, offboard(api, user["sAMAccountName"], move_to=missing), 400,
            "PARENT_NOT_FOUND")
    assert ldap_admin.members(group) == [user["dn"]]


def test_hiding_needs_the_attribute_in_the_schema(api, people, ldap_admin):
    """The schema of the test directory is without Exchange."""
    user = people.create()
    response = offboard(api, user["sAMAccountName"], hide=True)
    assert refused(ldap_admin, user, response, 400, "VALIDATION_ERROR") == ["hide"]
    offboarded(offboard(api, user["sAMAccountName"], hide=False))


def test_taken_name_at_the_new_place_is_refused_before_any_change(api, people, ldap_admin, former,
                                                                  make_group):
    user = people.create()
    group = make_group(user["dn"])
    ldap_admin.add(f"{rdn(user['cn'])},{former}", objectClass="user", sAMAccountName=tag())
    response = offboard(api, user["sAMAccountName"], move_to=former)
    assert refused(ldap_admin, user, response, 409, "ALREADY_EXISTS") == ["cn"]
    assert ldap_admin.members(group) == [user["dn"]]


@pytest.mark.parametrize("name", ["*", ")(cn=*", "a" * 300, "никто", str(uuid.uuid4())])
def test_leaver_must_exist(api, name):
    contract.check_error(offboard(api, name), 404, "NOT_FOUND")


def test_group_is_no_leaver(api, make_group):
    contract.check_error(offboard(api, make_group()), 404, "NOT_FOUND")


@pytest.mark.parametrize("attribute", [USER_CONTROL, "bf967950-0de6-11d0-a285-00aa003049e2"],
                         ids=["userAccountControl", "description"])
def test_missing_right_of_service_account_is_reported_before_any_change(
        api, people, ldap_admin, make_group, deny_write, attribute):
    user = people.create()
    group = make_group(user["dn"])
    deny_write(user["dn"], attribute)
    refused(ldap_admin, user, offboard(api, user["sAMAccountName"]), 403, "DIRECTORY_FORBIDDEN")
    assert ldap_admin.members(group) == [user["dn"]]


def test_group_that_service_account_cannot_change_is_reported_before_any_change(
        api, people, ldap_admin, make_group, deny_write):
    user = people.create()
    plain, denied = make_group(user["dn"]), make_group(user["dn"])
    deny_write(denied, MEMBER)
    response = offboard(api, user["sAMAccountName"])
    refused(ldap_admin, user, response, 403, "DIRECTORY_FORBIDDEN")
    assert response.json()["details"] == [denied]
    assert ldap_admin.members(plain) == [user["dn"]]


def test_protected_user_is_not_changed(api, people, ldap_admin):
    user = people.create()
    ldap_admin.set(user["dn"], "adminCount", "1")
    refused(ldap_admin, user, offboard(api, user["sAMAccountName"]), 403, "PROTECTED_OBJECT")
    contract.check_error(offboard(api, "Administrator"), 403, "PROTECTED_OBJECT")


def test_protected_group_is_skipped(api, people, ldap_admin, make_group):
    user = people.create()
    plain, protected = make_group(user["dn"]), make_group(user["dn"])
    ldap_admin.set(protected, "adminCount", "1")
    _, groups = offboarded(offboard(api, user["sAMAccountName"]))
    assert groups == {"removed": [plain],
                      "skipped": [{"dn": protected, "code": "PROTECTED_OBJECT"}]}
    assert ldap_admin.members(protected) == [user["dn"]]


# --- conditions and audit -------------------------------------------------------------------------

def test_condition_of_request_is_checked_before_any_change(api, people, ldap_admin, make_group):
    user = people.create()
    group = make_group(user["dn"])
    path = path_of("/users", user["sAMAccountName"])
    tagged = api.get(path).headers["ETag"]
    api.patch(path, json={"title": "x"})
    response = offboard(api, user["sAMAccountName"], {"If-Match": tagged})
    refused(ldap_admin, user, response, 412, "PRECONDITION_FAILED")
    assert ldap_admin.members(group) == [user["dn"]]
    offboarded(offboard(api, user["sAMAccountName"], {"If-Match": api.get(path).headers["ETag"]}))


def test_entity_tag_of_reply_is_that_of_the_user(api, people, former):
    user = people.create()
    response = offboard(api, user["sAMAccountName"], move_to=former)
    shown_user = api.get(path_of("/users", user["sAMAccountName"]))
    assert response.headers["ETag"] == shown_user.headers["ETag"]
    assert response.json()["user"] == shown_user.json()


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


def test_audit_row_of_offboarding_has_all_changes(api, people, make_group, former, audit_row):
    user = people.create()
    group = make_group(user["dn"])
    guid = api.get(path_of("/groups", group)).json()["objectGUID"]
    row, changes = audit_row(offboard(api, user["sAMAccountName"], move_to=former))
    assert row == ("offboard_user", "user", user["objectGUID"], "success")
    values = {change["field"]: (change["before"], change["after"]) for change in changes}
    assert values["enabled"] == (True, False) and values["description"] == (None, mark())
    assert values["member"] == (user["dn"], None)
    assert values["parent_dn"] == (people.ou, former)
    [member] = [change for change in changes if change["field"] == "member"]
    assert (member["resource"], member["id"]) == ("group", guid)


def test_offboarding_is_one_audit_line(api, people, audit, make_group, former):
    user = people.create()
    make_group(user["dn"])
    line = audit.one_of(offboard(api, user["sAMAccountName"], move_to=former))
    assert (line["action"], line["status"]) == ("offboard_user", "success")
    assert line["resource_id"] == user["sAMAccountName"]


# --- permissions ----------------------------------------------------------------------------------

def test_anonymous_and_ordinary_users_cannot_offboard(anonymous, people, ldap_admin):
    user, caller = people.create(), people.create()
    contract.check_error(offboard(anonymous, user["sAMAccountName"]), 401, "UNAUTHORIZED")
    client = anonymous.bearing(
        anonymous.login(caller["sAMAccountName"], caller["password"])["access_token"])
    refused(ldap_admin, user, offboard(client, user["sAMAccountName"]), 403, "FORBIDDEN")


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


class Place:
    """Units of a leaver, of the groups of the leaver, and of former employees."""

    def __init__(self, people, ldap_admin):
        self.staff, self.groups, self.former = (ldap_admin.add_ou(tag()) for _ in range(3))
        self.user = people.create(ou=self.staff)
        self.group = ldap_admin.add_group(tag(), self.groups, self.user["dn"])


@pytest.fixture
def place(people, ldap_admin):
    return Place(people, ldap_admin)


RIGHTS = {"staff": ("enable", "update", "move"), "groups": ("members",), "former": ("move",)}


def test_delegate_with_all_rights_can_offboard(place, ldap_admin, make_delegate):
    client = make_delegate(*((getattr(place, unit), *rights) for unit, rights in RIGHTS.items()))
    changed, groups = offboarded(offboard(client, place.user["sAMAccountName"],
                                          move_to=place.former))
    assert groups["removed"] == [place.group] and changed["dn"].endswith(place.former)
    assert is_disabled(ldap_admin, place.user) and ldap_admin.members(place.group) == []


@pytest.mark.parametrize("unit, right", [(unit, right) for unit, rights in RIGHTS.items()
                                         for right in rights])
def test_one_missing_right_refuses_the_whole_call(place, ldap_admin, make_delegate, unit, right):
    given = {unit: set(rights) for unit, rights in RIGHTS.items()}
    given[unit].remove(right)
    client = make_delegate(*((getattr(place, unit), *(rights or {"read"}))
                             for unit, rights in given.items()))
    response = offboard(client, place.user["sAMAccountName"], move_to=place.former)
    refused(ldap_admin, place.user, response, 403, "FORBIDDEN")
    assert right in response.text or right == "enable"  # that one permits the call at all
    assert ldap_admin.members(place.group) == [place.user["dn"]]


def test_right_to_update_may_be_limited_to_the_description(api, place, ldap_admin, make_delegate):
    client = make_delegate((place.groups, "members"))
    principal = ldap_admin.find(client.get("/auth/me").json()["username"])[0]
    for fields, status in ((["title"], 403), (["description"], 200)):
        made = api.post("/delegations", json={
            "principal": principal, "scope": place.staff, "rights": ["enable", "update"],
            "fields": fields})
        assert made.status_code == 201, made.text
        assert offboard(client, place.user["sAMAccountName"]).status_code == status
        api.delete(f"/delegations/{made.json()['id']}")


def test_delegate_without_move_can_offboard_without_moving(place, make_delegate):
    client = make_delegate((place.staff, "enable", "update"), (place.groups, "members"))
    offboarded(offboard(client, place.user["sAMAccountName"]))


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


ALL = ("enable", "update", "members", "move")


def test_hidden_leaver_does_not_exist(administrator, ldap_admin, limited_client):
    unit = ldap_admin.add_ou(tag())
    hidden = People(administrator, ldap_admin, ldap_admin.add_ou(tag())).create()
    client = limited_client(unit, *ALL)
    for known in ("sAMAccountName", "objectGUID", "dn"):
        refused(ldap_admin, hidden, offboard(client, hidden[known]), 404, "NOT_FOUND")


def test_hidden_group_refuses_the_call_and_is_not_named(administrator, ldap_admin, limited_client):
    unit, hidden_unit = ldap_admin.add_ou(tag()), ldap_admin.add_ou(tag())
    user = People(administrator, ldap_admin, unit).create()
    seen = ldap_admin.add_group(tag(), unit, user["dn"])
    hidden = ldap_admin.add_group(tag(), hidden_unit, user["dn"])
    client = limited_client(unit, *ALL)
    response = offboard(client, user["sAMAccountName"])
    assert refused(ldap_admin, user, response, 403, "FORBIDDEN") == ["rights"]
    assert hidden_unit not in response.text and rdn(hidden) not in response.text
    assert ldap_admin.members(seen) == ldap_admin.members(hidden) == [user["dn"]]
    ldap_admin.remove_member(hidden, user["dn"])
    assert offboarded(offboard(client, user["sAMAccountName"]))[1]["removed"] == [seen]


def test_hidden_destination_does_not_exist(administrator, ldap_admin, limited_client):
    unit, hidden_unit = ldap_admin.add_ou(tag()), ldap_admin.add_ou(tag())
    user = People(administrator, ldap_admin, unit).create()
    client = limited_client(unit, *ALL)
    answers = [offboard(client, user["sAMAccountName"], move_to=to)
               for to in (hidden_unit, f"OU={tag()},{ldap_admin.base_dn}")]
    for response in answers:
        refused(ldap_admin, user, response, 400, "PARENT_NOT_FOUND")
    assert answers[0].json()["error"] == answers[1].json()["error"]


# --- dry runs -------------------------------------------------------------------------------------

DRY_RUN = {"dry_run": "true"}


def planned(response):
    """Checks the response to a dry run; returns its changes."""
    assert response.status_code == 200, response.text
    body = response.json()
    assert set(body) == {"dry_run", "changes"} and body["dry_run"] is True
    return [(each["resource"], each["id"], each["field"], each["before"], each["after"])
            for each in body["changes"]]


def test_dry_run_shows_all_changes_in_order_and_changes_nothing(api, people, ldap_admin, make_group,
                                                                former):
    user = people.create(description="Склад")
    group = make_group(user["dn"])
    guid = api.get(path_of("/groups", group)).json()["objectGUID"]
    before = ldap_admin.snapshot(user["sAMAccountName"])
    changes = planned(offboard(api, user["sAMAccountName"], parameters=DRY_RUN, move_to=former))
    own, new_dn = user["objectGUID"], f"CN={user['cn']},{former}"
    expected = [("user", own, "description", "Склад", f"Склад {mark()}"),
                ("user", own, "enabled", True, False),
                ("group", guid, "member", user["dn"], None),
                ("user", own, "dn", user["dn"], new_dn),
                ("user", own, "parent_dn", people.ou, former)]
    assert set(expected) <= set(changes)
    places = [next(i for i, each in enumerate(changes) if each[2] == field)
              for field in ("enabled", "member", "parent_dn")]
    assert places == sorted(places)
    assert ldap_admin.snapshot(user["sAMAccountName"]) == before
    assert ldap_admin.members(group) == [user["dn"]]


def test_ldif_of_dry_run_has_the_same_effect(api, people, ldap_admin, make_group, former):
    user = people.create()
    group = make_group(user["dn"])
    response = offboard(api, user["sAMAccountName"], {"Accept": "text/ldif"}, DRY_RUN,
                        move_to=former)
    assert response.text.startswith("version: 1") and response.text.count("version: ") == 1
    ldap_admin.apply(response.content)
    raw = shown(ldap_admin, user)
    assert is_disabled(ldap_admin, user) and ldap_admin.members(group) == []
    assert raw["description"] == [mark().encode()] and raw["dn"].endswith(former)


def test_dry_run_of_repetition_has_no_changes(api, people, former):
    user = people.create()
    offboarded(offboard(api, user["sAMAccountName"], move_to=former))
    assert planned(offboard(api, user["sAMAccountName"], parameters=DRY_RUN, move_to=former)) == []


def test_dry_run_fails_like_the_call(api, people, ldap_admin, make_group, deny_write):
    user = people.create()
    denied = make_group(user["dn"])
    deny_write(denied, MEMBER)
    response = offboard(api, user["sAMAccountName"], parameters=DRY_RUN)
    refused(ldap_admin, user, response, 403, "DIRECTORY_FORBIDDEN")
    response = offboard(api, user["sAMAccountName"], parameters=DRY_RUN, hide=True)
    refused(ldap_admin, user, response, 400, "VALIDATION_ERROR")


def test_sessions_continue_after_dry_run(api, anonymous, people):
    user = people.create()
    client = anonymous.bearing(
        anonymous.login(user["sAMAccountName"], user["password"])["access_token"])
    planned(offboard(api, user["sAMAccountName"], parameters=DRY_RUN))
    assert client.get("/auth/me").status_code == 200
