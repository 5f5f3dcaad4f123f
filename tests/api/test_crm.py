"""Rules shared by contacts, deals, tasks and activities, on both engines: permissions, isolation
of organizations, references, versions, soft delete and restore, and idempotency keys."""

from collections import Counter

import pytest

from support import contract, crm
from support.accounts import ROLES, add_member
from support.crm import CHANGEABLE, KINDS, NAME_OF, Crm, Office, check_ok, crowd, invalid_fields
from support.entries import tag
from support.logs import Audit

WRITERS = ("OWNER", "ADMIN", "MANAGER", "SALES")
DELETERS = ("OWNER", "ADMIN", "MANAGER")

# Each call on a collection: method, path suffix, body, roles that may make it, and status. The
# object belongs to the owner: SALES may change only tasks of their own (test_tasks).
CALLS = {
    "list": ("GET", "", None, ROLES, 200),
    "read": ("GET", "/{id}", None, ROLES, 200),
    "create": ("POST", "", {"type": "CALL"}, WRITERS, 201),
    "change": ("PATCH", "/{id}", {}, WRITERS, 200),
    "delete": ("DELETE", "/{id}", None, DELETERS, 204),
    "restore": ("POST", "/{id}/restore", None, DELETERS, 200),
    "status": ("POST", "/{id}/status", {"status": "IN_PROGRESS"}, WRITERS, 200),
}
MATRIX = [(kind, name) for kind in KINDS for name in CALLS
          if (name != "status" or kind == "deals") and (name != "change" or kind in CHANGEABLE)]
INVALID_IDS = ["0", "-1", "x", "1x", "01", "1.0", "999999999999999999", "99999999999999999999",
               "9223372036854775808", "%20", "1%2F2"]

# (collection, field, type of the referenced object)
REFERENCES = [
    ("contacts", "owner_id", "member"), ("deals", "owner_id", "member"),
    ("deals", "contact_id", "contacts"), ("tasks", "assignee_id", "member"),
    ("tasks", "contact_id", "contacts"), ("tasks", "deal_id", "deals"),
    ("activities", "contact_id", "contacts"), ("activities", "deal_id", "deals"),
]
# A contact with deals cannot be deleted (HAS_DEALS), so deals.contact_id is left out.
CHANGEABLE_REFERENCES = [each for each in REFERENCES
                         if each[0] in CHANGEABLE and each[:2] != ("deals", "contact_id")]
OBJECT_REFERENCES = [each for each in REFERENCES if each[2] != "member"]


@pytest.fixture(scope="module")
def other_office(accounts):
    """Returns another organization."""
    return Office(accounts)


@pytest.fixture(scope="module")
def owner(office):
    return office["OWNER"]


def make_call(view, kind, name, number, body=None):
    method, below, standard, _, _ = CALLS[name]
    if standard is not None and name in ("create", "change"):
        standard = {NAME_OF[kind]: tag(), **(standard if kind == "activities" else {})}
    return view.request(method, f"/{kind}" + below.format(id=number), body or standard)


def state_of(database, kind, organization):
    """Returns everything that a call could change."""
    return database.run(f"SELECT id, version, coalesce(deleted_at, 0) FROM {kind} "
                        f"WHERE organization_id = {organization} ORDER BY id")


# --- permissions ----------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("kind, name", MATRIX)
def test_role_permits_exactly_its_documented_calls(office, owner, sql_database, kind, name, role):
    *_, allowed, status = CALLS[name]
    number = owner.create(kind)["id"]
    if (kind, name, role) == ("tasks", "change", "SALES"):
        allowed = ()
    before = state_of(sql_database, kind, office.organization)
    response = make_call(office[role], kind, name, number)
    if role in allowed:
        assert response.status_code == status, response.text
    else:
        contract.check_error(response, 403, "FORBIDDEN")
        assert state_of(sql_database, kind, office.organization) == before


@pytest.mark.parametrize("kind, name", [each for each in MATRIX if CALLS[each[1]][3] is not ROLES])
def test_permission_is_checked_before_object_existence_and_body(office, kind, name):
    """The permission is checked before the object is looked up and the body is parsed."""
    response = make_call(office["VIEWER"], kind, name, 999_999_999, body={"nonsense": 1})
    contract.check_error(response, 403, "FORBIDDEN")


@pytest.mark.parametrize("kind, name", MATRIX)
def test_non_members_cannot_reach_objects(office, owner, other_office, sql_anonymous,
                                          sql_api,
                                          sql_database, directory, kind, name):
    """For members of other organizations the object does not exist, whichever organization they
    select; callers without an organization are refused."""
    number = owner.create(kind)["id"]
    before = state_of(sql_database, kind, office.organization)
    if "{id}" in CALLS[name][1]:
        contract.check_error(make_call(other_office["OWNER"], kind, name, number), 404, "NOT_FOUND")
    stranger = Crm(other_office.owner.client, office.organization)
    contract.check_error(make_call(stranger, kind, name, number), 404, "NOT_FOUND")
    person = sql_anonymous.bearing(sql_anonymous.login("m.sidorova", directory.sample_password)
                                   ["access_token"])
    for client, status, code in ((sql_anonymous, 401, "UNAUTHORIZED"),
                                 (sql_anonymous.bearing("a.b.c"), 401, "INVALID_TOKEN"),
                                 (sql_api, 403, "FORBIDDEN"), (person, 403, "FORBIDDEN")):
        contract.check_error(make_call(Crm(client, ""), kind, name, number), status, code)
    assert state_of(sql_database, kind, office.organization) == before


@pytest.mark.parametrize("kind", KINDS)
def test_list_contains_only_objects_of_own_organization(owner, other_office, kind):
    mine, theirs = owner.create(kind)["id"], other_office["OWNER"].create(kind)["id"]
    assert mine in owner.ids(kind) and mine not in other_office["OWNER"].ids(kind)
    assert theirs in other_office["OWNER"].ids(kind) and theirs not in owner.ids(kind)


@pytest.mark.parametrize("number", INVALID_IDS)
@pytest.mark.parametrize("kind, name", [each for each in MATRIX if "{id}" in CALLS[each[1]][1]])
def test_invalid_id_is_not_found(owner, kind, name, number):
    contract.check_error(make_call(owner, kind, name, number), 404, "NOT_FOUND")


@pytest.mark.parametrize("kind, name", [each for each in MATRIX if "{id}" in CALLS[each[1]][1]])
def test_missing_objects_and_objects_of_others_get_identical_responses(owner, other_office, kind,
                                                                       name):
    theirs = other_office["OWNER"].create(kind)["id"]
    answers = [make_call(owner, kind, name, number) for number in (theirs, 999_999_999)]
    bodies = [{**answer.json(), "request_id": None} for answer in answers]
    assert bodies[0] == bodies[1]
    for answer in answers:
        contract.check_error(answer, 404, "NOT_FOUND")


@pytest.mark.parametrize("kind", KINDS)
def test_organization_header_selects_organization_of_objects(accounts, office, kind):
    """A member of two organizations works in the one of the token, or in the one that the header
    selects."""
    person = accounts.register()
    add_member(office.owner, person, "SALES")
    own, there = Crm(person.client, ""), Crm(person.client, office.organization, person)
    number = there.create(kind)["id"]
    contract.check_error(own.get(kind, number), 404, "NOT_FOUND")
    assert own.ids(kind) == [] and number in there.ids(kind)
    mine = own.create(kind)["id"]
    contract.check_error(there.get(kind, mine), 404, "NOT_FOUND")
    contract.check_error(there.delete(kind, number), 403, "FORBIDDEN")
    own.must_delete(kind, mine)


@pytest.mark.parametrize("kind", KINDS)
def test_unsupported_method_is_refused(owner, kind):
    number = owner.create(kind)["id"]
    for method, path in (("PUT", f"/{kind}/{number}"), ("DELETE", f"/{kind}"),
                         ("GET", f"/{kind}/{number}/restore"), ("POST", f"/{kind}/{number}")):
        contract.check_error(owner.request(method, path), 405, "METHOD_NOT_ALLOWED")
    contract.check_error(owner.request("GET", f"/{kind}/{number}/x"), 404, "NOT_FOUND")
    assert owner.request("HEAD", f"/{kind}").status_code == 200


# --- audit log ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind, name", [each for each in MATRIX if CALLS[each[1]][0] != "GET"])
def test_successful_and_refused_changes_are_audited(office, owner, sql_stack, kind, name):
    made = owner.create(kind)
    response = make_call(owner, kind, name, made["id"])
    line = Audit(sql_stack.audit_log).one_of(response)
    number = response.json()["id"] if name == "create" else made["id"]
    resource = {"contacts": "contact", "deals": "deal", "tasks": "task",
                "activities": "activity"}[kind]
    action = {"status": "change_deal_status",
              "change": f"update_{resource}"}.get(name, f"{name}_{resource}")
    assert (line["action"], line["resource_type"], line["resource_id"], line["status"]) == (
        action, resource, str(number), "success")
    assert line["actor"] == owner.person.email
    refusal = make_call(office["VIEWER"], kind, name, number)
    assert Audit(sql_stack.audit_log).one_of(refusal)["status"] == "failure"


# --- references -----------------------------------------------------------------------------------


def remove_member(office, person):
    response = office.owner.client.delete(f"{office.owner.path}/members/{person.id}")
    assert response.status_code == 204


def unreachable_ids(target, office, other_office, accounts):
    """Returns ids that do not belong to the organization, or are deleted."""
    if target == "member":
        left = office.newcomer("SALES")
        remove_member(office, left)
        return [other_office["OWNER"].id, left.id, accounts.register().id, 999_999_999]
    deleted = office["OWNER"].create(target)["id"]
    office["OWNER"].must_delete(target, deleted)
    return [other_office["OWNER"].create(target)["id"], deleted, 999_999_999]


@pytest.mark.parametrize("kind, field, target", REFERENCES)
def test_reference_to_missing_deleted_or_other_organizations_object_is_rejected(
        office, owner, other_office, accounts, kind, field, target):
    for number in [*unreachable_ids(target, office, other_office, accounts), 2 ** 63 - 1]:
        assert invalid_fields(owner.send(kind, **{field: number})) == [field]
        if kind in CHANGEABLE:
            made = owner.create(kind)
            assert invalid_fields(owner.change(kind, made["id"], **{field: number})) == [field]
            assert owner.read(kind, made["id"]) == made


@pytest.mark.parametrize("kind", ["deals", "tasks", "activities"])
def test_error_names_all_invalid_references(owner, kind):
    fields = sorted(field for each, field, _ in REFERENCES if each == kind)
    assert invalid_fields(owner.send(kind, **dict.fromkeys(fields, 999_999_999))) == fields


@pytest.mark.parametrize("kind, field, target", REFERENCES)
def test_reference_that_is_not_an_id_is_rejected(owner, kind, field, target):
    for value in (0, -1, "1", "", 1.5, True, [1], {}, crm.Number("1e-3"), crm.Number("1.01")):
        assert invalid_fields(owner.send(kind, **{field: value})) == [field], value
    for value in (2 ** 63, 10 ** 30):
        assert invalid_fields(owner.send(kind, **{field: value})) == [field]


@pytest.mark.parametrize("kind, field, target", REFERENCES)
def test_valid_reference_can_be_stored_filtered_by_and_cleared(office, owner, kind, field, target):
    other = office["SALES"].id if target == "member" else owner.create(target)["id"]
    made = owner.create(kind, **{field: other})
    assert made[field] == other
    assert made["id"] in owner.ids(kind, sort="-id", **{field: other})
    assert owner.create(kind, **{field: None})[field] is None
    if kind in CHANGEABLE:
        assert check_ok(kind, owner.change(kind, made["id"], **{field: None}))[field] is None
        assert check_ok(kind, owner.change(kind, made["id"], **{field: other}))[field] == other


@pytest.mark.parametrize("kind, field, target", CHANGEABLE_REFERENCES)
def test_unchanged_reference_to_deleted_object_stays_valid(office, owner, kind, field, target):
    """A reference to a deleted object or a former member stays valid as long as it is not
    changed."""
    person = office.newcomer("SALES")
    number = person.id if target == "member" else owner.create(target)["id"]
    made = owner.create(kind, **{field: number})
    if target == "member":
        remove_member(office, person)
    else:
        owner.must_delete(target, number)
    assert owner.read(kind, made["id"]) == made
    change = {NAME_OF[kind]: tag(), field: number}
    assert check_ok(kind, owner.change(kind, made["id"], **change))[field] == number


@pytest.mark.parametrize("kind, field", [each[:2] for each in REFERENCES if each[2] == "member"])
def test_object_of_former_member_can_be_restored(office, owner, kind, field):
    person = office.newcomer("SALES")
    made = owner.create(kind, **{field: person.id})
    owner.must_delete(kind, made["id"])
    remove_member(office, person)
    assert check_ok(kind, owner.restore(kind, made["id"]))[field] == person.id


@pytest.mark.parametrize("kind, field, target", OBJECT_REFERENCES)
def test_object_that_refers_to_deleted_object_cannot_be_restored(owner, kind, field, target):
    number = owner.create(target)["id"]
    made = owner.create(kind, **{field: number})
    owner.must_delete(kind, made["id"])
    owner.must_delete(target, number)
    named = crm.error_details(owner.restore(kind, made["id"]), 409, "HIDDEN_REFERENCE")
    assert [each["field"] for each in named] == [field]
    contract.check_error(owner.get(kind, made["id"]), 404, "NOT_FOUND")
    check_ok(target, owner.restore(target, number))
    assert check_ok(kind, owner.restore(kind, made["id"]))[field] == number


# --- soft delete and restore ----------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_deleted_object_is_not_found_until_restored(owner, kind, sql_database):
    made = owner.create(kind)
    number = made["id"]
    total = owner.page(kind, limit=1)["total"]
    owner.must_delete(kind, number)
    for response in (owner.get(kind, number), owner.delete(kind, number),
                     *([owner.change(kind, number, **{NAME_OF[kind]: "x"})] if kind in CHANGEABLE
                       else [])):
        contract.check_error(response, 404, "NOT_FOUND")
    assert number not in owner.ids(kind) and owner.page(kind, limit=1)["total"] == total - 1
    [(deleted,
      )] = sql_database.run(f"SELECT deleted_at IS NOT NULL FROM {kind} WHERE id = {number}")
    assert deleted in ("1", "t")
    back = check_ok(kind, owner.restore(kind, number))
    assert back == {**made, "updated_at": back["updated_at"], "version": back["version"]}
    assert back["version"] > made["version"] and back["updated_at"] >= made["updated_at"]
    assert owner.read(kind, number) == back
    assert number in owner.ids(kind) and owner.page(kind, limit=1)["total"] == total


@pytest.mark.parametrize("kind", KINDS)
def test_restoring_existing_object_is_no_op(owner, kind):
    made = owner.create(kind)
    assert check_ok(kind, owner.restore(kind, made["id"])) == made
    assert owner.read(kind, made["id"]) == made


# --- changes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", CHANGEABLE)
def test_object_change_affects_only_given_fields(owner, kind):
    made = owner.create(kind, **({"notes": "как есть"} if kind == "contacts" else
                                 {"description": "как есть"}))
    after = check_ok(kind,
                     owner.change(kind, made["id"], **{NAME_OF[kind]: "'; DROP TABLE deals; --"}))
    assert after == {**made, NAME_OF[kind]: "'; DROP TABLE deals; --", "version": 2,
                     "updated_at": after["updated_at"]}
    assert after["updated_at"] >= made["updated_at"] == made["created_at"]
    assert owner.read(kind, made["id"]) == after
    assert owner.page(kind, sort="-id", limit=1)["items"] == [after]


@pytest.mark.parametrize("kind", CHANGEABLE)
def test_change_to_same_values_keeps_version_of_object(owner, kind):
    made = owner.create(kind)
    assert check_ok(kind, owner.change(kind, made["id"])) == made
    same = {NAME_OF[kind]: made[NAME_OF[kind]]}
    assert check_ok(kind, owner.change(kind, made["id"], **same)) == made
    assert owner.read(kind, made["id"]) == made


@pytest.mark.parametrize("kind", CHANGEABLE)
def test_refused_change_leaves_object_unchanged(owner, kind):
    made = owner.create(kind)
    refused = owner.change(kind, made["id"], {NAME_OF[kind]: "x", "version": 7, "nonsense": 1})
    assert invalid_fields(refused) == ["nonsense", "version"]
    assert owner.read(kind, made["id"]) == made


# --- language of messages -------------------------------------------------------------------------


def refusals(owner, language):
    """Breaks each rule of the API once; yields the error responses."""
    headers = {"Accept-Language": language}
    contact = owner.contact(email=f"{tag()}@example.com")
    deal = owner.deal(contact_id=contact["id"], status="IN_PROGRESS")
    [activity] = owner.ids("activities", deal_id=deal["id"])
    task = owner.task(deal_id=deal["id"])["id"]
    yield owner.send("contacts", email=contact["email"], headers=headers)
    yield owner.delete("contacts", contact["id"], headers)
    yield owner.move(deal["id"], "NEW", headers)
    yield owner.move(deal["id"], "WON", headers)
    yield owner.delete("activities", activity, headers)
    yield owner.send("deals", headers=headers, contact_id=999_999_999, owner_id=999_999_999,
                     amount=crm.Number("0.001"), expected_close_date="x")
    yield owner.send("tasks", headers=headers, due_date="2020-01-01")
    yield owner.send("activities", headers=headers, type="x", occurred_at="x")
    owner.must_delete("tasks", task)
    owner.must_delete("deals", deal["id"])
    yield owner.restore("tasks", task, headers)


@pytest.mark.parametrize("language", ["ru", "en"])
def test_error_messages_of_objects_are_in_requested_language(owner, language):
    for response in refusals(owner, language):
        assert response.status_code in (400, 409), response.text
        body = response.json()
        said = [body["error"], *(each["message"] for each in body.get("details", [])
                                 if isinstance(each, dict))]
        for text in said:
            assert bool(contract.CYRILLIC.search(text)) == (language == "ru"), text


# --- versions -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_object_request_with_matching_entity_tag_gets_not_modified(owner, kind):
    made = owner.create(kind)
    whole = owner.get(kind, made["id"])
    assert whole.headers["ETag"] == f'"{made["version"]}"'
    for value in (whole.headers["ETag"], f'"x", W/{whole.headers["ETag"]}', "*"):
        response = owner.get(kind, made["id"], headers={"If-None-Match": value})
        assert (response.status_code, response.content) == (304, b"")
        assert response.headers["ETag"] == whole.headers["ETag"]
    assert owner.get(kind, made["id"], headers={"If-None-Match": '"999"'}).status_code == 200
    head = owner.request("HEAD", f"/{kind}/{made['id']}")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["ETag"] == whole.headers["ETag"]


@pytest.mark.parametrize("kind, name", [each for each in MATRIX if each[1] in (
    "change", "delete", "restore", "status")])
def test_object_change_with_outdated_version_is_refused(office, owner, sql_database, kind, name):
    made = owner.create(kind)
    if name == "restore":
        owner.must_delete(kind, made["id"])
    before = state_of(sql_database, kind, office.organization)
    method, below, body, _, status = CALLS[name]
    path = f"/{kind}" + below.format(id=made["id"])
    for stale in ('"999"', 'W/"1"', '"7", "3"', '"01"', "1"):
        response = owner.request(method, path, body, headers={"If-Match": stale})
        contract.check_error(response, 412, "PRECONDITION_FAILED")
    assert state_of(sql_database, kind, office.organization) == before
    current = '"9", "1", "2"' if name == "restore" else '"9", "1"'
    assert owner.request(method, path, body, headers={"If-Match": current}).status_code == status


@pytest.mark.parametrize("kind", CHANGEABLE)
def test_one_of_concurrent_updates_with_one_version_succeeds(owner, kind):
    made = owner.create(kind)
    answers = crowd(owner, 6, lambda view, number: view.change(
        kind, made["id"], **{NAME_OF[kind]: f"name {number}"}, headers={"If-Match": '"1"'}))
    assert Counter(each.status_code for each in answers) == {200: 1, 412: 5}
    assert owner.read(kind, made["id"])["version"] == 2


@pytest.mark.parametrize("kind", KINDS)
def test_one_of_concurrent_deletions_succeeds(owner, kind):
    number = owner.create(kind)["id"]
    total = owner.page(kind, limit=1)["total"]
    answers = crowd(owner, 6, lambda view, _: view.delete(kind, number))
    assert Counter(each.status_code for each in answers) == {204: 1, 404: 5}
    assert owner.page(kind, limit=1)["total"] == total - 1
    crowd(owner, 6, lambda view, _: check_ok(kind, view.restore(kind, number)))
    assert owner.page(kind, limit=1)["total"] == total


# --- idempotency keys -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_repeated_creation_with_idempotency_key_creates_one_object(owner, kind):
    key, name = {"Idempotency-Key": tag()}, {NAME_OF[kind]: tag()}
    total = owner.page(kind, limit=1)["total"]
    first = owner.send(kind, headers=key, **name)
    made = check_ok(kind, first, 201)
    again = owner.send(kind, headers=key, **name)
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["Location"] == first.headers["Location"]
    other = owner.send(kind, headers=key, **{NAME_OF[kind]: tag()})
    contract.check_error(other, 409, "IDEMPOTENCY_KEY_REUSED")
    assert owner.page(kind, limit=1)["total"] == total + 1
    assert owner.read(kind, made["id"]) == made


@pytest.mark.parametrize("kind", KINDS)
def test_concurrent_creations_with_one_idempotency_key_create_one_object(owner, kind):
    key, name = {"Idempotency-Key": tag()}, {NAME_OF[kind]: tag()}
    total = owner.page(kind, limit=1)["total"]
    answers = crowd(owner, 6, lambda view, _: view.send(kind, headers=key, **name))
    assert {each.status_code for each in answers} <= {201, 409}
    assert len({each.content for each in answers if each.status_code == 201}) == 1
    assert owner.page(kind, limit=1)["total"] == total + 1


@pytest.mark.parametrize("kind", KINDS)
def test_idempotency_key_is_not_shared_between_organizations(accounts, office, kind):
    """An object created in one organization is not returned for the other."""
    person = accounts.register()
    add_member(office.owner, person, "SALES")
    own, there = Crm(person.client, person.organization), Crm(person.client, office.organization)
    key, name = {"Idempotency-Key": tag()}, {NAME_OF[kind]: tag()}
    first = check_ok(kind, own.send(kind, headers=key, **name), 201)
    second = there.send(kind, headers=key, **name)
    if second.status_code == 201:
        assert check_ok(kind, second, 201)["id"] in there.ids(kind, sort="-id")
    else:
        contract.check_error(second, 409, "IDEMPOTENCY_KEY_REUSED")
    assert own.ids(kind) == [first["id"]]


def test_repeated_status_change_with_idempotency_key_is_made_once(owner):
    number, key = owner.deal()["id"], {"Idempotency-Key": tag()}
    first, again = (owner.move(number, "IN_PROGRESS", headers=key) for _ in range(2))
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.content == again.content
    assert owner.page("activities", deal_id=number)["total"] == 1
