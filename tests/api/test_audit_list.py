"""Reading the audit: GET /audit, GET /audit/{id}, and the history of each resource, on both
engines. Rows of the directory and rows with chosen values are written to the database directly."""

import dataclasses
import json
import random
import uuid

import pytest
from stack.directory import LOGIN_SETTINGS

from support import contract, filters, keys
from support.accounts import ROLES
from support.crm import KINDS, invalid_fields
from support.entries import tag
from support.filters import NUMBER, TEXT, TIME, Field
from support.ldap_admin import rdn

NONE = type(None)
TYPES = {"id": int, "at": str, "actor": (str, NONE), "address": (str, NONE), "action": str,
         "resource": str, "resource_id": (str, NONE), "status": str, "code": (str, NONE),
         "request_id": (str, NONE), "reverts": (int, NONE), "changes": list}
STATUSES = {"pending", "success", "failure", "unknown"}
RESOURCE_OF = {"contacts": "contact", "deals": "deal", "tasks": "task", "activities": "activity"}
READERS = ("OWNER", "ADMIN")
DAY_MS = 24 * 60 * 60 * 1000
FIRST_AT = 1_780_000_000_000


def check(row):
    """Checks the fields of a row; returns the row."""
    assert list(row) == list(TYPES), row
    contract.check_record(row, TYPES)
    assert contract.TIME.fullmatch(row["at"]) and row["status"] in STATUSES, row
    for change in row["changes"]:
        assert {"field", "before", "after"} <= set(change) <= {"resource", "id", "field", "before",
                                                               "after"}, row
    return row


def page(client, path="/audit", **query):
    """Reads a page, which must succeed; returns its rows."""
    response = client.get(path, params=query)
    assert response.status_code == 200, response.text
    assert set(response.json()) == {"items", "limit", "next"}
    return [check(row) for row in contract.check_page(response.json())]


def rows_of(client, *responses, path="/audit"):
    """Returns the rows that requests have left, in the order of the list."""
    wanted = " or ".join(f'request_id eq "{response.headers["X-Request-ID"]}"'
                         for response in responses)
    return page(client, path, filter=wanted, limit=1000)


def literal(value):
    return ("NULL" if value is None else str(value) if isinstance(value, int)
            else "'" + value.replace("'", "''") + "'")


def insert(database, *rows, **columns):
    """Inserts rows; returns the request id by which they are found. A row may lack columns."""
    standard = {"at": FIRST_AT, "organization_id": None, "directory": 0, "actor": "Anna",
                "actor_key": "anna", "actor_id": "x", "address": "192.0.2.1",
                "action": "update_thing", "resource": "thing", "object_id": "1",
                "status": "success", "code": None, "request_id": tag(), "reverts": None,
                "changes": "[]", **columns}
    values = ", ".join("(" + ", ".join(literal({**standard, **row}[name]) for name in standard)
                       + ")" for row in rows or ({},))
    database.run(f"INSERT INTO audit ({', '.join(standard)}) VALUES {values}")
    return standard["request_id"]


def by_request(identifier):
    return {"filter": f'request_id eq "{identifier}"', "limit": 1000}


@pytest.fixture(scope="module")
def owner(office):
    return office["OWNER"]


def log_in(anonymous, user):
    tokens = anonymous.login(user["sAMAccountName"], user["password"])
    return anonymous.bearing(tokens["access_token"])


@pytest.fixture(scope="module")
def chief(sql_anonymous, people, ldap_admin):
    """A directory administrator."""
    user = people.create()
    ldap_admin.add_member(f"{rdn(LOGIN_SETTINGS['LDAP_ADMIN_GROUP'])},OU=Groups,"
                          f"{ldap_admin.base_dn}", user["dn"])
    return log_in(sql_anonymous, user)


# --- rows of changes ------------------------------------------------------------------------------

def test_changes_of_a_contact_are_listed_newest_first(owner):
    made = owner.send("contacts", name="Анна", company="Ромашка")
    number = made.json()["id"]
    steps = [made, owner.change("contacts", number, company="Лютик"),
             owner.delete("contacts", number), owner.restore("contacts", number)]
    rows = rows_of(owner.client, *steps)
    assert [(row["action"], row["request_id"]) for row in rows] == [
        (action, response.headers["X-Request-ID"]) for action, response in reversed(list(zip(
            ["create_contact", "update_contact", "delete_contact", "restore_contact"], steps,
            strict=True)))]
    for row in rows:
        assert (row["resource"], row["resource_id"], row["status"], row["code"], row["actor"],
                row["reverts"]) == ("contact", str(number), "success", None, owner.person.email,
                                    None)
        assert row["address"].startswith("127.")
    assert rows[2]["changes"] == [{"field": "company", "before": "Ромашка", "after": "Лютик"}]
    assert [change["field"] for change in rows[1]["changes"]] == ["deleted_at"]
    assert rows[1]["changes"][0]["before"] is None
    assert rows[0]["changes"][0]["after"] is None
    assert {"field": "name", "before": None, "after": "Анна"} in rows[3]["changes"]


def test_row_is_read_by_its_id(owner):
    [row] = rows_of(owner.client, owner.send("contacts"))
    response = owner.client.get(f"/audit/{row['id']}")
    assert response.status_code == 200 and response.json() == row


def test_refused_change_is_listed_with_its_code(owner):
    number = owner.contact()["id"]
    response = owner.change("contacts", number, email="not an address")
    [row] = rows_of(owner.client, response)
    assert (row["status"], row["code"], row["changes"]) == ("failure", "VALIDATION_ERROR", [])
    assert (row["action"], row["resource_id"]) == ("update_contact", str(number))


def test_fields_selects_fields(owner):
    response = owner.send("contacts")
    [row] = rows_of(owner.client, response)
    query = by_request(response.headers["X-Request-ID"])
    for wanted in ("actor", "changes", "status,at", "resource_id"):
        [item] = owner.client.get("/audit", params={**query, "fields": wanted}).json()["items"]
        assert item == {name: row[name] for name in row if name in ("id", *wanted.split(","))}


# --- who reads ------------------------------------------------------------------------------------

@pytest.mark.parametrize("role", ROLES)
def test_owner_and_admin_read_the_audit_of_their_organization(office, owner, role):
    view = office[role]
    number = owner.contact()["id"]
    [row] = page(owner.client, f"/contacts/{number}/history")
    paths = ("/audit", f"/audit/{row['id']}", f"/contacts/{number}/history",
             f"/organizations/{office.organization}/history",
             f"/organizations/{office.organization}/members/{view.id}/history")
    for path in paths[:3]:
        response = view.request("GET", path)
        assert response.status_code == (200 if role in READERS else 403), (path, response.text)
        if role not in READERS:
            contract.check_error(response, 403, "FORBIDDEN")
    for path in paths[3:]:
        assert view.request("GET", path).status_code in ((200, 404) if role in READERS else (403,))
    assert view.request("HEAD", "/audit").status_code == (200 if role in READERS else 403)


def test_rows_of_another_organization_are_not_found(owner, new_office, sql_api):
    other = new_office["OWNER"]
    number = other.contact()["id"]
    [row] = page(other.client, f"/contacts/{number}/history")
    contract.check_error(owner.client.get(f"/audit/{row['id']}"), 404, "NOT_FOUND")
    contract.check_error(owner.client.get(f"/contacts/{number}/history"), 404, "NOT_FOUND")
    for text in (f"id eq {row['id']}", f"id eq {row['id']} or id eq 0",
                 f'resource eq "contact" and resource_id eq "{number}"'):
        assert page(owner.client, filter=text) == []
    assert sql_api.get(f"/audit/{row['id']}").json() == row
    assert page(sql_api, f"/contacts/{number}/history") == [row]


def test_organization_of_the_header_is_read(owner, new_office, office):
    """A person who owns two organizations reads one at a time."""
    admin = office["ADMIN"]
    number = owner.contact()["id"]
    own = {"X-Organization-ID": str(admin.person.organization)}
    contract.check_error(admin.client.get(f"/contacts/{number}/history", headers=own), 404,
                         "NOT_FOUND")
    assert admin.request("GET", f"/contacts/{number}/history").status_code == 200
    foreign = {"X-Organization-ID": str(new_office.organization)}
    contract.check_error(owner.client.get("/audit", headers=foreign), 404, "NOT_FOUND")


def test_callers_without_permission_are_refused(sql_anonymous, owner, people, api, ou):
    reader, delegate = people.create(), people.create()
    made = api.post("/delegations", json={"principal": delegate["dn"], "scope": ou,
                                          "rights": ["manager", "create", "delete", "move"]})
    assert made.status_code == 201, made.text
    paths = ("/audit", "/audit/1", f"/contacts/{owner.contact()['id']}/history",
             f"/users/{reader['sAMAccountName']}/history", "/delegations/1/history",
             "/tokens/1/history", f"/users/{reader['objectGUID']}/history")
    for path in paths:
        contract.check_error(sql_anonymous.get(path), 401, "UNAUTHORIZED")
        contract.check_error(sql_anonymous.bearing("a.b.c").get(path), 401, "INVALID_TOKEN")
        for user in (reader, delegate):
            contract.check_error(log_in(sql_anonymous, user).get(path), 403, "FORBIDDEN")
    for path in paths:
        if path.startswith("/users"):
            contract.check_error(owner.client.get(path), 403, "FORBIDDEN")
    assert api.delete(f"/delegations/{made.json()['id']}").status_code == 204


def test_directory_administrator_reads_rows_of_the_directory_only(chief, sql_api, sql_database,
                                                                  office):
    identifier = insert(sql_database, {"directory": 1}, {}, {"organization_id": 10**9},
                        {"directory": 1, "object_id": "2"},
                        {"organization_id": office.organization})
    seen = page(chief, **by_request(identifier))
    everything = page(sql_api, **by_request(identifier))
    assert len(everything) == 5
    assert [row["resource_id"] for row in seen] == ["2", "1"]
    readable = {row["id"] for row in seen}
    for row in everything:
        response = chief.get(f"/audit/{row['id']}")
        assert response.status_code == (200 if row["id"] in readable else 404)
    [own] = page(office["OWNER"].client, **by_request(identifier))
    assert own == everything[0]


def test_administrator_loses_the_audit_with_the_membership(sql_anonymous, people, ldap_admin):
    user = people.create()
    group = f"{rdn(LOGIN_SETTINGS['LDAP_ADMIN_GROUP'])},OU=Groups,{ldap_admin.base_dn}"
    ldap_admin.add_member(group, user["dn"])
    client = log_in(sql_anonymous, user)
    assert client.get("/audit").status_code == 200
    ldap_admin.remove_member(group, user["dn"])
    for path in ("/audit", f"/users/{user['objectGUID']}/history"):
        assert client.get(path).status_code in (401, 403)


def test_key_needs_the_scope(sql_api, owner, chief, people):
    number = owner.contact()["id"]
    narrow = keys.client_of(owner.client, ["contacts:read", "read-only"], owner.organization)
    reader = keys.client_of(owner.client, ["audit:read"], owner.organization)
    for path in ("/audit", f"/contacts/{number}/history"):
        contract.check_error(narrow.get(path), 403, "FORBIDDEN")
        assert reader.get(path).status_code == 200
    contract.check_error(reader.get(f"/contacts/{number}"), 403, "FORBIDDEN")
    user = people.create()
    path = f"/users/{user['sAMAccountName']}/history"
    for administrator in (sql_api, chief):
        assert keys.client_of(administrator, ["audit:read"]).get(path).status_code in (200, 404)
        contract.check_error(keys.client_of(administrator, ["directory:read"]).get(path), 403,
                             "FORBIDDEN")


def test_permission_is_reported(owner, office, chief, sql_api):
    assert "audit" in owner.client.get("/auth/me").json()["permissions"]
    manager = office["MANAGER"].request("GET", "/auth/me")
    assert "audit" not in manager.json()["permissions"]
    assert "audit" in chief.get("/auth/me").json()["permissions"]
    assert "audit" in sql_api.get("/auth/me").json()["permissions"]


# --- history --------------------------------------------------------------------------------------

@pytest.mark.parametrize("kind", KINDS)
def test_history_has_the_rows_of_one_record(owner, kind):
    record, other = owner.create(kind), owner.create(kind)
    owner.must_delete(kind, other["id"])
    owner.must_delete(kind, record["id"])
    path = f"/{kind}/{record['id']}/history"
    rows = page(owner.client, path)
    assert [row["action"].split("_")[0] for row in rows] == ["delete", "create"]
    assert {(row["resource"], row["resource_id"]) for row in rows} == {
        (RESOURCE_OF[kind], str(record["id"]))}
    assert owner.restore(kind, record["id"]).status_code == 200
    assert [row["id"] for row in page(owner.client, path, sort="id")][:2] == [
        rows[1]["id"], rows[0]["id"]]
    assert len(page(owner.client, path)) == 3
    assert page(owner.client, path, filter='action co "restore"')[0]["action"].startswith("restore")


def test_record_without_rows_has_an_empty_history(owner, sql_database, sql_api):
    number = owner.contact()["id"]
    sql_database.run(f"DELETE FROM audit WHERE resource = 'contact' AND object_id = '{number}'")
    path = f"/contacts/{number}/history"
    assert page(owner.client, path) == []
    contract.check_error(sql_api.get(path), 404, "NOT_FOUND")


@pytest.mark.parametrize("kind, number", [(kind, number) for kind in ("contacts", "deals")
                                          for number in (10**12, 0, "x", "-1", "+1", "01", "1.5",
                                                         2**63, "%C3%A9", "'", "a" * 300)])
def test_history_of_an_unknown_record_is_not_found(owner, kind, number):
    contract.check_error(owner.client.get(f"/{kind}/{number}/history"), 404, "NOT_FOUND")


# The other resources: path of an object, its type in the audit, and its id there.
OTHERS = [("/accounts/4711001/history", "account", "4711001"),
          ("/accounts/invitations/4711002/history", "email_link", "4711002"),
          ("/files/20260906_123456_x.txt/history", "file", "20260906_123456_x.txt"),
          ("/api-keys/4711003/history", "api_key", "4711003"),
          ("/delegations/4711004/history", "delegation", "4711004"),
          ("/tokens/4711005/history", "token", "4711005")]


@pytest.mark.parametrize("path, resource, number", OTHERS, ids=lambda value: value[:20])
def test_every_resource_has_a_history(sql_api, owner, chief, sql_database, path, resource, number):
    contract.check_error(sql_api.get(path.replace(number, "4711999")), 404, "NOT_FOUND")
    directory = int(resource == "delegation")
    identifier = insert(sql_database, {"object_id": number}, {"object_id": "1"}, resource=resource,
                        directory=directory)
    [row] = [row for row in page(sql_api, path) if row["request_id"] == identifier]
    assert (row["resource"], row["resource_id"]) == (resource, number)
    contract.check_error(owner.client.get(path), 404, "NOT_FOUND")
    assert chief.get(path).status_code == (200 if directory else 404)


def test_members_and_invitations_of_an_organization_have_a_history(new_office, sql_database,
                                                                    owner):
    view, path = new_office["OWNER"], f"/organizations/{new_office.organization}"
    for part, resource, number in (("", "organization", str(new_office.organization)),
                                   ("/members/17", "member", "17"),
                                   ("/invitations/18", "invitation", "18")):
        identifier = insert(sql_database, {}, {"organization_id": owner.organization},
                            resource=resource, object_id=number,
                            organization_id=new_office.organization)
        rows = page(view.client, f"{path}{part}/history", limit=1000)
        assert [row["request_id"] for row in rows].count(identifier) == 1
        contract.check_error(owner.client.get(f"{path}{part}/history"), 404, "NOT_FOUND")


@pytest.fixture(params=["users", "groups", "ous", "containers", "computers"])
def kind_of_entry(request, people, groups, units, containers, computers):
    return {"users": people, "groups": groups, "ous": units, "containers": containers,
            "computers": computers}[request.param]


def test_history_of_an_entry_is_found_by_name_dn_and_guid(sql_api, chief, kind_of_entry,
                                                          sql_database):
    entry = kind_of_entry.create()
    guid, kind = entry["objectGUID"], kind_of_entry.kind
    identifier = insert(sql_database, {}, {"object_id": str(uuid.uuid4())}, directory=1,
                        resource=kind.resource, object_id=guid)
    for name in (entry[kind.key], entry["dn"], guid, guid.upper()):
        for client in (sql_api, chief):
            rows = page(client, kind_of_entry.path(name, "history"), limit=1000)
            assert [row["request_id"] for row in rows].count(identifier) == 1, name
            assert {row["resource_id"] for row in rows} == {guid}


def test_deleted_entry_has_a_history_by_its_guid(sql_api, sql_database, people, ldap_admin):
    user = people.create()
    guid, name = user["objectGUID"], user["sAMAccountName"]
    identifier = insert(sql_database, directory=1, resource="user", object_id=guid)
    ldap_admin.delete(user["dn"])
    rows = page(sql_api, f"/users/{guid}/history", limit=1000)
    assert identifier in [row["request_id"] for row in rows]
    contract.check_error(sql_api.get(f"/users/{name}/history"), 404, "NOT_FOUND")
    contract.check_error(sql_api.get(f"/groups/{guid}/history"), 404, "NOT_FOUND")
    contract.check_error(sql_api.get(f"/users/{uuid.uuid4()}/history"), 404, "NOT_FOUND")


def test_entry_without_rows_has_an_empty_history(sql_api, ldap_admin, ou):
    dn = ldap_admin.add_ou(tag(), ou)
    assert page(sql_api, f"/ous/{dn}/history") == []


def test_user_named_history_is_still_a_user(sql_api, people):
    name = f"history{tag()[:8]}"
    people.create(sAMAccountName=name)
    assert sql_api.get(f"/users/{name}").json()["sAMAccountName"] == name


# --- pages and orders -----------------------------------------------------------------------------

def walk(client, add, path="/audit", **query):
    """Returns the rows of all pages; calls `add` before each of them but the first."""
    response = client.get(path, params=query)
    rows = []
    while True:
        assert response.status_code == 200, response.text
        rows += contract.check_page(response.json())
        if not response.json()["next"]:
            return rows
        add()
        response = client.get(path, params={**query, "after": response.json()["next"]})


@pytest.mark.parametrize("sort", [None, "-id", "id", "at", "-at"])
def test_pages_have_each_row_once_while_rows_are_added(new_office, sql_database, sort):
    view, organization = new_office["OWNER"], new_office.organization
    insert(sql_database, *({"at": FIRST_AT + (i * 7) % 11} for i in range(40)),
           organization_id=organization)
    before = [row["id"] for row in page(view.client, limit=1000)]
    rows = walk(view.client, lambda: insert(sql_database, organization_id=organization), limit=7,
                **({"sort": sort} if sort else {}))
    ids = [row["id"] for row in rows]
    assert len(set(ids)) == len(ids)
    assert set(before) <= set(ids)
    name, descending = (sort or "-id").lstrip("-"), (sort or "-id").startswith("-")
    order = [(row[name], row["id"]) for row in rows]
    assert order == sorted(order, reverse=descending)


@pytest.mark.parametrize("sort", ["actor", "changes", "-status", "resource", "reverts", "x",
                                  "id,id", "", ",", "at,-"])
def test_other_orders_are_refused(owner, sql_api, sort):
    for client in (owner.client, sql_api):
        response = client.get("/audit", params={"sort": sort})
        assert invalid_fields(response) == ["sort"]
    response = owner.client.get(f"/contacts/{owner.contact()['id']}/history",
                                params={"sort": "at"})
    assert invalid_fields(response) == ["sort"]


# --- filters --------------------------------------------------------------------------------------

FIELDS = [Field("id", NUMBER), Field("at", TIME), Field("actor", TEXT), Field("address", TEXT),
          Field("action", TEXT), Field("resource", TEXT), Field("resource_id", TEXT),
          Field("status", TEXT), Field("code", TEXT), Field("request_id", TEXT),
          Field("reverts", NUMBER)]
ACTORS = ["Анна Ёлкина", "анна ёлкина", "O'Neil", "50%", "5_0", "Straße", "STRASSE", "ﬁn",
          "back\\slash", None]


@dataclasses.dataclass
class Audience:
    client: object
    columns: dict


@pytest.fixture(params=["all", "organization", "directory"])
def audience(request, sql_api, chief, accounts):
    """A caller, and the columns of rows that it may read."""
    if request.param == "organization":
        person = accounts.register()
        return Audience(person.client, {"organization_id": person.organization})
    return {"all": Audience(sql_api, {}), "directory": Audience(chief, {"directory": 1})}[
        request.param]


def random_row(rng):
    actor = rng.choice(ACTORS)
    return {"at": FIRST_AT + rng.choice([0, 1, 999, DAY_MS, 3 * DAY_MS]) + rng.randrange(3),
            "actor": actor, "actor_key": actor and filters.fold_name(actor),
            "address": rng.choice(["192.0.2.1", "2001:db8::A", "2001:DB8::a", None]),
            "action": rng.choice(["update_contact", "create_contact", "delete_user"]),
            "object_id": rng.choice(["1", "17", "A1F3C0DE-5b1c", "50%", "i_petrov", None]),
            "status": rng.choice(["success", "failure", "unknown"]),
            "code": rng.choice(["NOT_FOUND", "CONFLICT", None]),
            "request_id": rng.choice(["ABC.1", "abc.1", "a-b_c", None]),
            "reverts": rng.choice([None, 5, 6, 10**12])}


def test_random_filters_find_what_naive_evaluation_finds(audience, sql_database):
    rng = random.Random(21)
    kind, foreign = tag(), {"organization_id": 10**9}
    rows = [random_row(rng) for _ in range(60)]
    insert(sql_database, *rows, resource=kind, **audience.columns)
    insert(sql_database, *(({**random_row(rng), **foreign} for _ in range(20))),
           resource=kind if audience.columns else tag())

    def find(text):
        ours = f'resource eq "{kind}"'
        return page(audience.client, filter=f"{ours} and ({text})" if text else ours, limit=1000)

    items = find(None)
    assert len(items) == len(rows)
    filters.check_random_filters(FIELDS, items, "id", find, str(audience.columns),
                                 nots=filters.NOTS_MAX - 1)


@pytest.mark.parametrize("text", ['changes co "x"', "changes pr", 'organization_id eq 1',
                                  'actor gt "x"', "id co 1", 'at eq "x"', "x", "(", 'id eq "1"',
                                  'reverts eq 1.5', "id eq 1 and", 'actor eq "x', "directory eq 1",
                                  'actor_key eq "x"', 'salt pr', 'object_id eq "1"'])
def test_invalid_filters_are_refused(owner, text):
    for path in ("/audit", f"/contacts/{owner.contact()['id']}/history"):
        response = owner.client.get(path, params={"filter": text})
        assert response.status_code == 400, (text, response.text)
        assert response.json()["code"] in ("VALIDATION_ERROR", "NOT_FILTERABLE")


def test_explain_shows_the_statement(owner, chief, sql_api):
    for client in (owner.client, chief, sql_api):
        response = client.get("/audit", params={"filter": 'at ge "2026-01-01"', "explain": "true"})
        assert "a.at >= $" in response.json()["explain"]["sql"]


# --- hostile input --------------------------------------------------------------------------------

@pytest.mark.parametrize("number", ["0", "-1", "+1", "01", "1.5", "x", "9223372036854775808",
                                    "1%20OR%201=1", "'", "%C3%A9", "1" * 300])
def test_row_with_an_invalid_id_is_not_found(owner, sql_api, number):
    for client in (owner.client, sql_api):
        contract.check_error(client.get(f"/audit/{number}"), 404, "NOT_FOUND")


@pytest.mark.parametrize("query, fields", [
    ({"limit": 0}, ["limit"]), ({"limit": 1001}, ["limit"]), ({"limit": "x"}, ["limit"]),
    ({"after": "x"}, ["after"]), ({"after": "!i1!i2"}, ["after"]), ({"after": "!tx"}, ["after"]),
    ({"after": "-id!i1!i1"}, ["after"]), ({"after": "!i1 OR 1=1"}, ["after"]),
    ({"skip": 5}, ["skip"]), ({"fields": "password"}, ["fields"]), ({"salt": 1}, ["salt"]),
    ({"fields": "changes.field"}, ["fields"]), ({"search": "x"}, ["search"])])
def test_invalid_parameters_are_refused(owner, query, fields):
    for path in ("/audit", f"/contacts/{owner.contact()['id']}/history"):
        assert invalid_fields(owner.client.get(path, params=query)) == fields


def test_values_of_rows_cannot_break_the_reply(owner, sql_database):
    """Texts of other clients are data wherever they are shown."""
    evil = '\\"}],"x":[{"</script>\u2028'
    changes = json.dumps([{"field": "name", "before": evil, "after": {"a": [1, None]}}])
    identifier = insert(sql_database, actor=evil, object_id=evil, changes=changes,
                        organization_id=owner.organization)
    [row] = page(owner.client, **by_request(identifier))
    assert (row["actor"], row["resource_id"]) == (evil, evil)
    assert row["changes"] == [{"field": "name", "before": evil, "after": {"a": [1, None]}}]


def test_row_whose_values_were_erased_has_no_changes(owner, sql_database):
    identifier = insert(sql_database, changes=None, organization_id=owner.organization)
    [row] = page(owner.client, **by_request(identifier))
    assert row["changes"] == []


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_rows_cannot_be_changed(sql_api, method):
    for path in ("/audit", "/audit/1"):
        contract.check_error(sql_api.request(method, path, json={}), 405, "METHOD_NOT_ALLOWED")
