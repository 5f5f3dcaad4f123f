"""Batches: several calls in one request, each with its own permission, audit line and error; atomic
batches; hostile input."""

import json
import threading

import pytest

from support import contract, files
from support.client import user_path
from support.crm import check_object, invalid_fields
from support.logs import Audit, service_line
from support.people import tag

CONTACTS = "/api/v1/contacts"
OPERATIONS_MAX = 500


def send(view, operations, query="", headers=None, **flags):
    return view.request("POST", "/batch" + query, {"operations": operations, **flags}, headers)


def run(view, *operations, **arguments):
    """Sends a batch, which must be accepted; returns its results."""
    response = send(view, list(operations), **arguments)
    assert response.status_code == 200, response.text
    results = response.json()["results"]
    assert [result["id"] for result in results] == [each.get("id") for each in operations]
    return results


def create(name=None, **more):
    return {"method": "POST", "path": CONTACTS, "body": {"name": name or tag()}, **more}


def rename(number, name, **more):
    return {"method": "PATCH", "path": f"{CONTACTS}/{number}", "body": {"name": name}, **more}


def read(number):
    return {"method": "GET", "path": f"{CONTACTS}/{number}"}


def remove(number):
    return {"method": "DELETE", "path": f"{CONTACTS}/{number}"}


def statuses(results):
    return [result["status"] for result in results]


def codes(results):
    return [result["body"]["code"] if result["status"] >= 400 else None for result in results]


def names(view):
    return {item["name"] for item in view.walk("contacts")}


class AdministratorView:
    """Sends batches of a directory administrator, as Crm does those of a person."""

    def __init__(self, client):
        self.client = client

    def request(self, method, path, body, headers=None):
        return self.client.request(method, path, json=body, headers=headers)


@pytest.fixture
def view(office):
    return office["MANAGER"]


# --- results --------------------------------------------------------------------------------------

def test_operations_are_executed_in_order_and_see_earlier_ones(view):
    contact = view.contact()
    results = run(view, rename(contact["id"], "second", id="a"), read(contact["id"]),
                  remove(contact["id"]), read(contact["id"]))
    assert statuses(results) == [200, 200, 204, 404]
    assert check_object("contacts", results[0]["body"])["name"] == "second"
    assert results[1]["body"] == results[0]["body"]
    assert results[2]["body"] is None
    assert results[3]["body"]["code"] == "NOT_FOUND"


def test_each_operation_has_the_reply_of_a_single_call(view):
    contact = view.contact()
    [listed, created, invalid, missing] = run(
        view, {"method": "GET", "path": f"{CONTACTS}?limit=1&sort=-id&fields=name"}, create("x"),
        {"method": "POST", "path": CONTACTS, "body": {"name": "", "colour": 1}},
        {"method": "GET", "path": "/api/v1/nowhere"})
    assert listed["status"] == 200
    assert [set(item) for item in listed["body"]["items"]] == [{"id", "name"}]
    assert listed["body"]["items"][0]["id"] == contact["id"]
    assert created["status"] == 201
    assert view.read("contacts", created["body"]["id"])["name"] == "x"
    assert invalid["status"] == 400
    assert {each["field"] for each in invalid["body"]["details"]} == {"name", "colour"}
    assert (missing["status"], missing["body"]["code"]) == (404, "NOT_FOUND")


def test_batch_with_largest_number_of_operations(view):
    results = run(view, *(create(f"many {number}") for number in range(OPERATIONS_MAX)))
    assert statuses(results) == [201] * OPERATIONS_MAX
    assert len({result["body"]["id"] for result in results}) == OPERATIONS_MAX


def test_errors_do_not_stop_batch_unless_requested(view):
    operations = [create(), read(999999999), create()]
    assert statuses(run(view, *operations)) == [201, 404, 201]
    results = run(view, *operations, stop_on_error=True)
    assert statuses(results) == [201, 404, 424]
    assert codes(results)[2] == "NOT_EXECUTED"


def test_if_match_applies_to_its_operation(view):
    contact = view.contact()
    results = run(view, rename(contact["id"], "new", if_match='"1"'),
                  rename(contact["id"], "newer", if_match='"1"'),
                  rename(contact["id"], "newest"))
    assert statuses(results) == [200, 412, 200]


def test_headers_of_batch_do_not_apply_as_conditions(view):
    contact = view.contact()
    results = run(view, rename(contact["id"], "new"), headers={"If-Match": '"77"'})
    assert statuses(results) == [200]


def test_messages_are_in_the_language_of_the_batch(view):
    messages = {}
    for language in ("ru", "en"):
        [result] = run(view, read(999999999), headers={"Accept-Language": language})
        messages[language] = result["body"]["error"]
    assert messages == {"ru": "Ресурс не найден", "en": "The resource was not found"}


def test_numbers_of_bodies_arrive_exactly(view):
    text = '{"operations":[{"method":"POST","path":"/api/v1/deals","body":%s}]}'
    response = view.client.request(
        "POST", "/batch", data=text % '{"title":"x","amount":9999999999.90}',
        headers={"Content-Type": "application/json", "X-Organization-ID": str(view.organization)})
    [result] = response.json()["results"]
    assert result["status"] == 201
    assert str(view.read("deals", result["body"]["id"])["amount"]) == "9999999999.90"


def test_operations_use_pool_of_batches(view, sql_stack):
    response = send(view, [create()])
    identifier = response.headers["X-Request-ID"]
    assert service_line(sql_stack, identifier)["pool"] == "batch"
    assert service_line(sql_stack, f"{identifier}.0")["pool"] == "batch"


# --- audit and permissions ------------------------------------------------------------------------

def test_each_executed_operation_has_an_audit_line(view, sql_stack):
    contact = view.contact()
    response = send(view, [create(), rename(contact["id"], ""), read(contact["id"]),
                           remove(contact["id"])], stop_on_error=False)
    identifier = response.headers["X-Request-ID"]
    audit = Audit(sql_stack.audit_log)
    assert not audit.of(identifier)
    outcomes = [[(line["action"], line["status"]) for line in audit.of(f"{identifier}.{number}")]
                for number in range(4)]
    assert outcomes == [[("create_contact", "success")], [("update_contact", "failure")], [],
                        [("delete_contact", "success")]]


def test_operation_that_is_not_executed_has_no_audit_line(view, sql_stack):
    response = send(view, [read(999999999), create()], stop_on_error=True)
    assert not Audit(sql_stack.audit_log).of(f"{response.headers['X-Request-ID']}.1")


def test_error_of_operation_names_its_request_id(view):
    response = send(view, [create(), read(999999999)])
    assert response.json()["results"][1]["body"]["request_id"] == \
        f"{response.headers['X-Request-ID']}.1"


@pytest.mark.parametrize("role, expected", [
    ("OWNER", [200, 201, 204]), ("ADMIN", [200, 201, 204]), ("MANAGER", [200, 201, 204]),
    ("SALES", [200, 201, 403]), ("VIEWER", [200, 403, 403])])
def test_each_operation_needs_permission_of_its_call(office, role, expected):
    contact = office["OWNER"].contact()
    single = [office[role].get("contacts", contact["id"]).status_code]
    results = run(office[role], read(contact["id"]), create(), remove(contact["id"]))
    assert statuses(results)[:1] == single
    assert statuses(results) == expected


def test_batch_needs_a_token(sql_anonymous):
    contract.check_error(sql_anonymous.post("/batch", json={"operations": [read(1)]}), 401,
                         "UNAUTHORIZED")


def test_other_organizations_stay_hidden(view, new_office):
    foreign = new_office["OWNER"].contact()
    other = new_office.organization
    results = run(view, read(foreign["id"]), rename(foreign["id"], "x"), remove(foreign["id"]),
                  {"method": "GET", "path": f"/api/v1/organizations/{other}"})
    assert statuses(results) == [404] * 4
    assert new_office["OWNER"].read("contacts", foreign["id"])["name"] == foreign["name"]


def test_operations_belong_to_organization_of_batch(accounts, office):
    """A person of two organizations cannot mix them in one batch."""
    member = accounts.member(office.owner, "ADMIN")
    own = {"method": "GET", "path": f"/api/v1/organizations/{member.organization}"}
    named = {"method": "GET", "path": f"/api/v1/organizations/{office.organization}"}
    for organization, expected in ((office.organization, [404, 200]),
                                   (member.organization, [200, 404])):
        response = member.client.post("/batch", json={"operations": [own, named]},
                                      headers={"X-Organization-ID": str(organization)})
        assert statuses(response.json()["results"]) == expected


def test_batch_loses_its_rights_when_its_session_ends(accounts):
    """Another connection logs out while the batch runs."""
    person = accounts.register()
    results = []

    def execute():
        operations = [{"method": "GET", "path": "/api/v1/organizations"}] * OPERATIONS_MAX
        response = person.client.as_anonymous().bearing(person.tokens["access_token"]).post(
            "/batch", json={"operations": operations})
        results.extend(statuses(response.json()["results"]) if response.status_code == 200
                       else [response.status_code])

    thread = threading.Thread(target=execute)
    thread.start()
    assert person.client.post("/auth/logout").status_code == 204
    thread.join()
    assert set(results) <= {200, 401}
    assert results == sorted(results), "rights must not return"


# --- calls that cannot be part of a batch ---------------------------------------------------------

@pytest.mark.parametrize("method, path", [
    ("POST", "/api/v1/batch"), ("POST", "/api/v1/batch?dry_run=true"),
    ("POST", "/api/v1/auth/login"), ("GET", "/api/v1/auth/me"), ("POST", "/api/v1/auth/refresh"),
    ("POST", "/api/v1/auth/logout"), ("GET", "/api/v1/auth/invitations"),
    ("POST", "/api/v1/files/upload"), ("GET", "/api/v1/files/x/content"),
    ("GET", "/api/v1/users/Administrator/photo"), ("PUT", "/api/v1/users/Administrator/photo"),
    ("GET", "/metrics"), ("POST", "/api/v1/%62atch")])
def test_unbatchable_calls_are_refused(view, method, path, sql_stack):
    response = send(view, [{"method": method, "path": path, "body": {}}, create()])
    results = response.json()["results"]
    assert codes(results) == ["NOT_BATCHABLE", None]
    assert results[0]["status"] == 400
    assert not Audit(sql_stack.audit_log).of(f"{response.headers['X-Request-ID']}.0")


# --- atomic batches -------------------------------------------------------------------------------

def test_atomic_batch_executes_all_operations(view):
    contact = view.contact()
    results = run(view, create("one"), rename(contact["id"], "renamed"), read(contact["id"]),
                  {"method": "GET", "path": f"{CONTACTS}?limit=2&sort=-id"}, atomic=True)
    assert statuses(results) == [201, 200, 200, 200]
    assert results[2]["body"]["name"] == "renamed", "an operation sees the earlier ones"
    assert results[0]["body"]["id"] in {item["id"] for item in results[3]["body"]["items"]}
    assert view.read("contacts", contact["id"])["name"] == "renamed"
    assert view.read("contacts", results[0]["body"]["id"])["name"] == "one"


def test_atomic_batch_leaves_nothing_if_one_operation_fails(view, sql_stack):
    contact, before = view.contact(), names(view)
    response = send(view, [create("gone"), rename(contact["id"], "gone too"), read(999999999),
                           create("never")], atomic=True)
    results = response.json()["results"]
    assert statuses(results) == [424, 424, 404, 424]
    assert codes(results) == ["ROLLED_BACK", "ROLLED_BACK", "NOT_FOUND", "NOT_EXECUTED"]
    assert names(view) == before
    audit, identifier = Audit(sql_stack.audit_log), response.headers["X-Request-ID"]
    for number, action in ((0, "create_contact"), (1, "update_contact")):
        [line] = audit.of(f"{identifier}.{number}")
        assert (line["action"], line["status"]) == (action, "failure")
        assert line["details"]["code"] == "ROLLED_BACK"
    assert not audit.of(f"{identifier}.3")


def test_atomic_batch_is_all_or_nothing_for_every_position_of_the_failure(view):
    before = names(view)
    for position in range(4):
        operations = [create(f"part {number}") for number in range(4)]
        operations[position]["body"] = {"name": ""}
        assert codes(run(view, *operations, atomic=True))[position] == "VALIDATION_ERROR"
        assert names(view) == before


def test_atomic_batch_recovers_from_conflict_inside(view):
    """A second contact with the address of the first violates a unique index, within the
    transaction that created the first."""
    address = f"{tag()}@example.com"
    results = run(view, {"method": "POST", "path": CONTACTS,
                         "body": {"name": "first", "email": address}},
                  {"method": "POST", "path": CONTACTS,
                   "body": {"name": "second", "email": address}}, atomic=True)
    assert codes(results) == ["ROLLED_BACK", "DUPLICATE"]
    assert not view.page("contacts", search=address)["items"]


@pytest.mark.parametrize("operation", [
    {"method": "GET", "path": "/api/v1/users"},
    {"method": "PATCH", "path": "/api/v1/users/Administrator", "body": {"title": "x"}},
    {"method": "GET", "path": "/api/v1/tree"}, {"method": "GET", "path": "/api/v1/delegations"},
    {"method": "DELETE", "path": "/api/v1/files/x"}])
def test_calls_outside_of_the_database_fail_an_atomic_batch(view, operation):
    before = names(view)
    results = run(view, create(), operation, create(), atomic=True)
    assert codes(results) == ["ROLLED_BACK", "NOT_BATCHABLE", "NOT_EXECUTED"]
    assert names(view) == before


def test_search_finds_contacts_of_atomic_batch(view):
    name = f"searchable {tag()}"
    assert statuses(run(view, create(name), atomic=True)) == [201]
    assert [item["name"] for item in view.page("contacts", search=name)["items"]] == [name]


# --- dry runs -------------------------------------------------------------------------------------

def test_dry_run_of_batch_changes_nothing(view, sql_stack):
    contact, before = view.contact(), names(view)
    response = send(view, [create("dry"), rename(contact["id"], "dry too"), read(contact["id"])],
                    "?dry_run=true")
    results = response.json()["results"]
    assert statuses(results) == [200, 200, 200]
    assert [result["body"].get("dry_run") for result in results] == [True, True, None]
    [change] = [each for each in results[1]["body"]["changes"] if each["field"] == "name"]
    assert (change["before"], change["after"]) == (contact["name"], "dry too")
    assert names(view) == before
    audit, identifier = Audit(sql_stack.audit_log), response.headers["X-Request-ID"]
    assert not audit.of(f"{identifier}.0") + audit.of(f"{identifier}.1")


def test_operations_of_atomic_dry_run_see_earlier_ones(view):
    contact, before = view.contact(), names(view)
    results = run(view, rename(contact["id"], "first"), rename(contact["id"], "second"),
                  read(contact["id"]), query="?dry_run=true", atomic=True)
    assert statuses(results) == [200, 200, 200]
    [change] = [each for each in results[1]["body"]["changes"] if each["field"] == "name"]
    assert (change["before"], change["after"]) == ("first", "second")
    assert results[2]["body"]["name"] == "second"
    assert names(view) == before


def test_atomic_dry_run_creates_nothing(view):
    before = names(view)
    results = run(view, {"method": "POST", "path": CONTACTS, "body": {"name": tag()}},
                  {"method": "POST", "path": "/api/v1/deals", "body": {"title": tag()}},
                  {"method": "POST", "path": "/api/v1/tasks", "body": {"title": tag()}},
                  query="?dry_run=true", atomic=True)
    for result in results:
        assert result["status"] == 200 and result["body"]["dry_run"], results
        assert {change["id"] for change in result["body"]["changes"]} == {None}
    assert names(view) == before


def test_dry_run_refuses_calls_that_cannot_be_tried(view):
    [result] = run(view, {"method": "POST", "path": "/app/token", "body": {}},
                   query="?dry_run=true")
    assert (result["status"], result["body"]["code"]) == (400, "VALIDATION_ERROR")
    assert [each["field"] for each in result["body"]["details"]] == ["dry_run"]


# --- the directory --------------------------------------------------------------------------------

def test_directory_changes_in_one_batch(api, people, ldap_admin, audit):
    users = [people.create() for _ in range(3)]
    accounts = [user["sAMAccountName"] for user in users]
    operations = [{"method": "PATCH", "path": f"/api/v1{user_path(name)}",
                   "body": {"enabled": False}} for name in accounts]
    response = send(AdministratorView(api), operations)
    assert statuses(response.json()["results"]) == [200, 200, 200]
    for number, user in enumerate(users):
        control = int(ldap_admin.entry(user["dn"])["userAccountControl"][0])
        assert control & 2, "the user is disabled"
        [line] = audit.of(f"{response.headers['X-Request-ID']}.{number}")
        assert (line["action"], line["status"]) == ("update_user", "success")


def test_directory_calls_need_their_permission(view):
    results = run(view, {"method": "GET", "path": "/api/v1/users/Administrator"},
                  {"method": "DELETE", "path": "/api/v1/users/Administrator"})
    assert statuses(results) == [403, 403]


# --- invalid and hostile input --------------------------------------------------------------------

@pytest.mark.parametrize("operations, fields", [
    ([], ["operations"]), ([create()] * (OPERATIONS_MAX + 1), ["operations"]),
    ("x", ["operations"]), ({}, ["operations"]), (None, ["operations"]),
    ([1, create()], ["operations[0]"]), ([create(), None], ["operations[1]"]),
    ([create(), {}], ["operations[1].method", "operations[1].path"]),
    ([create(), create(), create(), {"method": "GET", "path": 5}], ["operations[3].path"]),
    ([{"method": "HEAD", "path": "/"}], ["operations[0].method"]),
    ([{"method": "get", "path": "/"}], ["operations[0].method"]),
    ([{"method": "GET", "path": "https://example.com/api/v1/contacts"}], ["operations[0].path"]),
    ([{"method": "GET", "path": "//example.com/"}], ["operations[0].path"]),
    ([{"method": "GET", "path": "api/v1/contacts"}], ["operations[0].path"]),
    ([{"method": "GET", "path": ""}], ["operations[0].path"]),
    ([{"method": "GET", "path": "/x HTTP/1.1\r\nX: y"}], ["operations[0].path"]),
    ([{"method": "GET", "path": "/a\u0000b"}], ["operations[0].path"]),
    ([{"method": "GET", "path": "/" + "x" * 18000}], ["operations[0].path"]),
    ([create(if_match="\"1\"\r\nX-Organization-ID: 1")], ["operations[0].if_match"]),
    ([create(if_match=1)], ["operations[0].if_match"]),
    ([create(colour="red")], ["operations[0].colour"]),
    ([create(id="")], ["operations[0].id"]), ([create(id=1)], ["operations[0].id"]),
    ([create(id="a"), create(id="b"), create(id="a")], ["operations[2].id"])])
def test_invalid_batch_is_rejected_as_a_whole(view, operations, fields):
    before = names(view)
    assert invalid_fields(send(view, operations)) == fields
    assert names(view) == before


@pytest.mark.parametrize("path", [
    "/api/v1/contacts/../contacts", "/api/v1//contacts", "/contacts", "/users", "/files",
    "/api/v1/contacts%2F1", "/_objects/x", "/_error/404", "/-", "/api/v1/contacts/1#x",
    "/api/v2/contacts", "/docs", "/openapi.json", "/" + "a/" * 200])
def test_paths_that_are_no_route_are_not_found(view, path):
    [result] = run(view, {"method": "GET", "path": path})
    assert (result["status"], result["body"]["code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize("path, status", [
    ("/api/v1/%63ontacts?limit=1", 200), ("/api/v1/contacts/%00", 400),
    ("/api/v1/contacts/%zz", 400), ("/api/v1/contacts/%ff", 400),
    ("/api/v1/contacts?limit=x", 400), ("/api/v1/contacts?limit=1&limit=1", 400),
    ("/api/v1/contacts?", 200), ("/api/v1/contacts/имя", 404)])
def test_paths_are_decoded_as_in_single_calls(view, path, status):
    [result] = run(view, {"method": "GET", "path": path})
    assert result["status"] == status, result


def test_method_that_the_path_does_not_have(view):
    [result] = run(view, {"method": "DELETE", "path": CONTACTS})
    assert (result["status"], result["body"]["code"]) == (405, "METHOD_NOT_ALLOWED")


@pytest.mark.parametrize("body", [[], "x", 1, True, [{}], None])
def test_body_that_is_no_object(view, body):
    [result] = run(view, {"method": "POST", "path": CONTACTS, "body": body})
    assert (result["status"], result["body"]["code"]) == (400, "INVALID_JSON")


def nested(depth):
    return "[" * depth + "]" * depth


@pytest.mark.parametrize("depth, code", [(29, "VALIDATION_ERROR"), (30, None), (5000, None)])
def test_deeply_nested_body(view, depth, code):
    text = '{"operations":[{"method":"POST","path":"%s","body":{"name":%s}}]}' % (
        CONTACTS, nested(depth - 1))
    response = view.client.request("POST", "/batch", data=text, headers={
        "Content-Type": "application/json", "X-Organization-ID": str(view.organization)})
    if code:
        assert codes(response.json()["results"]) == [code]
    else:
        contract.check_error(response, 400, "INVALID_JSON")


def test_repeated_names_are_rejected(view):
    text = ('{"operations":[{"method":"POST","path":"%s","body":{"name":"a","name":"b"}}]}'
            % CONTACTS)
    response = view.client.request("POST", "/batch", data=text,
                                   headers={"Content-Type": "application/json"})
    contract.check_error(response, 400, "INVALID_JSON")


def test_body_of_operation_is_limited_like_that_of_a_call(view):
    [large, small] = run(view, create("x", body={"name": "x", "notes": "y" * 300000}), create())
    assert (large["status"], large["body"]["code"]) == (413, "PAYLOAD_TOO_LARGE")
    assert small["status"] == 201


def test_batch_larger_than_4_mib_is_rejected(view):
    response = send(view, [create("x", body={"notes": "y" * 200000})] * 22)
    assert (response.status_code, response.json()["code"]) == (413, "PAYLOAD_TOO_LARGE")


def test_batch_larger_than_other_bodies_is_accepted(view):
    results = run(view, *(create("x", body={"name": "x", "notes": "y" * 9000})
                          for _ in range(100)))
    assert statuses(results) == [201] * 100


def test_forged_headers_are_not_taken_from_operations(view):
    response = send(view, [{"method": "GET", "path": CONTACTS, "headers": {"Authorization": "x"}}])
    assert invalid_fields(response) == ["operations[0].headers"]


def test_files_surface_has_no_batches(site, stack):
    response = site.at(stack.files_url).post("/api/v1/batch", json={"operations": [read(1)]})
    assert response.status_code == 404


def test_files_are_tagged_and_deleted_in_a_batch(office):
    view = office["OWNER"]
    name = files.upload(view.client)["filename"]
    results = run(view, {"method": "PUT", "path": f"/api/v1/files/{name}/tags",
                         "body": ["a"]},
                  {"method": "GET", "path": f"/api/v1/files/{name}/info"},
                  {"method": "DELETE", "path": f"/api/v1/files/{name}"},
                  {"method": "GET", "path": f"/api/v1/files/{name}/info"})
    assert statuses(results) == [200, 200, 200, 404]
    assert results[1]["body"]["tags"] == ["a"]


def test_results_are_json_of_the_single_reply(view):
    """A batch repeats the bytes of the single reply, with all kinds of characters."""
    name = 'кавычка " \\ слэш / \u2028 😀'
    [created] = run(view, create(name))
    single = view.get("contacts", created["body"]["id"])
    assert json.loads(single.text) == created["body"]
