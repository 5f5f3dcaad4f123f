"""What contacts, deals, tasks and activities share, on both engines: who may do what, what belongs
to others, references, versions, hiding and bringing back, and requests that are repeated.
"""

from collections import Counter

import pytest

from support import contract, crm
from support.accounts import ROLES, add_member
from support.crm import CHANGEABLE, KINDS, NAME_OF, Crm, Office, crowd, good, invalid
from support.entries import tag
from support.logs import Audit

WRITERS = ("OWNER", "ADMIN", "MANAGER", "SALES")
DELETERS = ("OWNER", "ADMIN", "MANAGER")

# Each call on a collection: method, what follows the collection's path, a body, who may make it,
# and what it answers. The object is the owner's: SALES changes tasks of its own alone (test_tasks).
CALLS = {
    "list": ("GET", "", None, ROLES, 200),
    "read": ("GET", "/{id}", None, ROLES, 200),
    "create": ("POST", "", {"type": "CALL"}, WRITERS, 201),
    "change": ("PATCH", "/{id}", {}, WRITERS, 200),
    "hide": ("DELETE", "/{id}", None, DELETERS, 204),
    "restore": ("POST", "/{id}/restore", None, DELETERS, 200),
    "status": ("POST", "/{id}/status", {"status": "IN_PROGRESS"}, WRITERS, 200),
}
MATRIX = [(kind, name) for kind in KINDS for name in CALLS
          if (name != "status" or kind == "deals") and (name != "change" or kind in CHANGEABLE)]
NO_IDS = ["0", "-1", "x", "1x", "01", "1.0", "999999999999999999", "99999999999999999999",
          "9223372036854775808", "%20", "1%2F2"]

# (collection, field, what it refers to)
REFERENCES = [
    ("contacts", "owner_id", "member"), ("deals", "owner_id", "member"),
    ("deals", "contact_id", "contacts"), ("tasks", "assignee_id", "member"),
    ("tasks", "contact_id", "contacts"), ("tasks", "deal_id", "deals"),
    ("activities", "contact_id", "contacts"), ("activities", "deal_id", "deals"),
]
# A contact of a deal cannot be hidden: HAS_DEALS.
CHANGEABLE_REFERENCES = [each for each in REFERENCES
                         if each[0] in CHANGEABLE and each[:2] != ("deals", "contact_id")]
TO_OBJECTS = [each for each in REFERENCES if each[2] != "member"]


@pytest.fixture(scope="module")
def others(accounts):
    """Another organization."""
    return Office(accounts)


@pytest.fixture(scope="module")
def boss(office):
    return office["OWNER"]


def make_call(view, kind, name, number, body=None):
    method, below, standard, _, _ = CALLS[name]
    if standard is not None and name in ("create", "change"):
        standard = {NAME_OF[kind]: tag(), **(standard if kind == "activities" else {})}
    return view.request(method, f"/{kind}" + below.format(id=number), body or standard)


def state_of(database, kind, organization):
    """All that a call could change."""
    return database.run(f"SELECT id, version, coalesce(deleted_at, 0) FROM {kind} "
                        f"WHERE organization_id = {organization} ORDER BY id")


# --- who may --------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("kind, name", MATRIX)
def test_what_a_role_may(office, boss, sql_database, kind, name, role):
    *_, allowed, status = CALLS[name]
    number = boss.create(kind)["id"]
    if (kind, name, role) == ("tasks", "change", "SALES"):
        allowed = ()
    before = state_of(sql_database, kind, office.organization)
    response = make_call(office[role], kind, name, number)
    if role in allowed:
        assert response.status_code == status, response.text
    else:
        contract.refused(response, 403, "FORBIDDEN")
        assert state_of(sql_database, kind, office.organization) == before


@pytest.mark.parametrize("kind, name", [each for each in MATRIX if CALLS[each[1]][3] is not ROLES])
def test_who_may_not_learns_nothing_of_objects_and_bodies(office, kind, name):
    """Permission is asked before anything else is looked at."""
    response = make_call(office["VIEWER"], kind, name, 999_999_999, body={"nonsense": 1})
    contract.refused(response, 403, "FORBIDDEN")


@pytest.mark.parametrize("kind, name", MATRIX)
def test_strangers(office, boss, others, sql_nobody, sql_api, sql_database, directory, kind, name):
    """To those who belong elsewhere it does not exist, whatever they say where they belong; those
    who belong nowhere may nothing."""
    number = boss.create(kind)["id"]
    before = state_of(sql_database, kind, office.organization)
    if "{id}" in CALLS[name][1]:
        contract.refused(make_call(others["OWNER"], kind, name, number), 404, "NOT_FOUND")
    stranger = Crm(others.owner.client, office.organization)
    contract.refused(make_call(stranger, kind, name, number), 404, "NOT_FOUND")
    person = sql_nobody.bearing(sql_nobody.login("m.sidorova", directory.sample_password)
                                ["access_token"])
    for client, status, code in ((sql_nobody, 401, "UNAUTHORIZED"),
                                 (sql_nobody.bearing("a.b.c"), 401, "INVALID_TOKEN"),
                                 (sql_api, 403, "FORBIDDEN"), (person, 403, "FORBIDDEN")):
        contract.refused(make_call(Crm(client, ""), kind, name, number), status, code)
    assert state_of(sql_database, kind, office.organization) == before


@pytest.mark.parametrize("kind", KINDS)
def test_lists_show_one_organization_alone(boss, others, kind):
    mine, theirs = boss.create(kind)["id"], others["OWNER"].create(kind)["id"]
    assert mine in boss.ids(kind) and mine not in others["OWNER"].ids(kind)
    assert theirs in others["OWNER"].ids(kind) and theirs not in boss.ids(kind)


@pytest.mark.parametrize("number", NO_IDS)
@pytest.mark.parametrize("kind, name", [each for each in MATRIX if "{id}" in CALLS[each[1]][1]])
def test_ids_that_are_none(boss, kind, name, number):
    contract.refused(make_call(boss, kind, name, number), 404, "NOT_FOUND")


@pytest.mark.parametrize("kind, name", [each for each in MATRIX if "{id}" in CALLS[each[1]][1]])
def test_what_there_is_not_looks_like_what_is_another_s(boss, others, kind, name):
    theirs = others["OWNER"].create(kind)["id"]
    answers = [make_call(boss, kind, name, number) for number in (theirs, 999_999_999)]
    bodies = [{**answer.json(), "request_id": None} for answer in answers]
    assert bodies[0] == bodies[1]
    for answer in answers:
        contract.refused(answer, 404, "NOT_FOUND")


@pytest.mark.parametrize("kind", KINDS)
def test_the_header_chooses_where(accounts, office, kind):
    """One who belongs to two works in the token's organization, or in the one that is named."""
    person = accounts.register()
    add_member(office.owner, person, "SALES")
    own, there = Crm(person.client, ""), Crm(person.client, office.organization, person)
    number = there.create(kind)["id"]
    contract.refused(own.get(kind, number), 404, "NOT_FOUND")
    assert own.ids(kind) == [] and number in there.ids(kind)
    mine = own.create(kind)["id"]
    contract.refused(there.get(kind, mine), 404, "NOT_FOUND")
    contract.refused(there.hide(kind, number), 403, "FORBIDDEN")
    own.hidden(kind, mine)


@pytest.mark.parametrize("kind", KINDS)
def test_methods_that_there_are_not(boss, kind):
    number = boss.create(kind)["id"]
    for method, path in (("PUT", f"/{kind}/{number}"), ("DELETE", f"/{kind}"),
                         ("GET", f"/{kind}/{number}/restore"), ("POST", f"/{kind}/{number}")):
        contract.refused(boss.request(method, path), 405, "METHOD_NOT_ALLOWED")
    contract.refused(boss.request("GET", f"/{kind}/{number}/x"), 404, "NOT_FOUND")
    assert boss.request("HEAD", f"/{kind}").status_code == 200


# --- what is written down -------------------------------------------------------------------------


@pytest.mark.parametrize("kind, name", [each for each in MATRIX if CALLS[each[1]][0] != "GET"])
def test_the_audit_log_says_who_did_what(office, boss, sql_stack, kind, name):
    made = boss.create(kind)
    response = make_call(boss, kind, name, made["id"])
    line = Audit(sql_stack.audit_log).one_of(response)
    number = response.json()["id"] if name == "create" else made["id"]
    resource = {"contacts": "contact", "deals": "deal", "tasks": "task",
                "activities": "activity"}[kind]
    action = {"status": "change_deal_status", "change": f"update_{resource}",
              "hide": f"delete_{resource}"}.get(name, f"{name}_{resource}")
    assert (line["action"], line["resource_type"], line["resource_id"], line["status"]) == (
        action, resource, str(number), "success")
    assert line["actor"] == boss.person.email
    refusal = make_call(office["VIEWER"], kind, name, number)
    assert Audit(sql_stack.audit_log).one_of(refusal)["status"] == "failure"


# --- references -----------------------------------------------------------------------------------


def leave(office, person):
    response = office.owner.client.delete(f"{office.owner.path}/members/{person.id}")
    assert response.status_code == 204


def nothing_of(target, office, others, accounts):
    """Ids to which nothing of the organization belongs."""
    if target == "member":
        left = office.newcomer("SALES")
        leave(office, left)
        return [others["OWNER"].id, left.id, accounts.register().id, 999_999_999]
    hidden = office["OWNER"].create(target)["id"]
    office["OWNER"].hidden(target, hidden)
    return [others["OWNER"].create(target)["id"], hidden, 999_999_999]


@pytest.mark.parametrize("kind, field, target", REFERENCES)
def test_references_to_nothing(office, boss, others, accounts, kind, field, target):
    for number in [*nothing_of(target, office, others, accounts), 2 ** 63 - 1]:
        assert invalid(boss.send(kind, **{field: number})) == [field]
        if kind in CHANGEABLE:
            made = boss.create(kind)
            assert invalid(boss.change(kind, made["id"], **{field: number})) == [field]
            assert boss.read(kind, made["id"]) == made


@pytest.mark.parametrize("kind", ["deals", "tasks", "activities"])
def test_all_references_to_nothing_are_named_at_once(boss, kind):
    fields = sorted(field for each, field, _ in REFERENCES if each == kind)
    assert invalid(boss.send(kind, **dict.fromkeys(fields, 999_999_999))) == fields


@pytest.mark.parametrize("kind, field, target", REFERENCES)
def test_references_that_are_no_ids(boss, kind, field, target):
    for value in (0, -1, "1", "", 1.5, True, [1], {}, crm.Number("1e3"), crm.Number("1.0")):
        assert invalid(boss.send(kind, **{field: value})) == [field], value
    for value in (2 ** 63, 10 ** 30):
        response = boss.send(kind, **{field: value})
        assert response.status_code == 400
        assert response.json()["code"] in ("INVALID_JSON", "VALIDATION_ERROR")


@pytest.mark.parametrize("kind, field, target", REFERENCES)
def test_references_that_hold(office, boss, kind, field, target):
    other = office["SALES"].id if target == "member" else boss.create(target)["id"]
    made = boss.create(kind, **{field: other})
    assert made[field] == other
    assert made["id"] in boss.ids(kind, sort="-id", **{field: other})
    assert boss.create(kind, **{field: None})[field] is None
    if kind in CHANGEABLE:
        assert good(kind, boss.change(kind, made["id"], **{field: None}))[field] is None
        assert good(kind, boss.change(kind, made["id"], **{field: other}))[field] == other


@pytest.mark.parametrize("kind, field, target", CHANGEABLE_REFERENCES)
def test_what_is_set_is_not_asked_again(office, boss, kind, field, target):
    """A reference to what has gone since stands in nobody's way, as long as it stays."""
    person = office.newcomer("SALES")
    number = person.id if target == "member" else boss.create(target)["id"]
    made = boss.create(kind, **{field: number})
    if target == "member":
        leave(office, person)
    else:
        boss.hidden(target, number)
    assert boss.read(kind, made["id"]) == made
    change = {NAME_OF[kind]: tag(), field: number}
    assert good(kind, boss.change(kind, made["id"], **change))[field] == number


@pytest.mark.parametrize("kind, field", [each[:2] for each in REFERENCES if each[2] == "member"])
def test_what_comes_back_may_be_of_somebody_who_has_left(office, boss, kind, field):
    person = office.newcomer("SALES")
    made = boss.create(kind, **{field: person.id})
    boss.hidden(kind, made["id"])
    leave(office, person)
    assert good(kind, boss.restore(kind, made["id"]))[field] == person.id


@pytest.mark.parametrize("kind, field, target", TO_OBJECTS)
def test_nothing_comes_back_to_what_is_hidden(boss, kind, field, target):
    number = boss.create(target)["id"]
    made = boss.create(kind, **{field: number})
    boss.hidden(kind, made["id"])
    boss.hidden(target, number)
    named = crm.details(boss.restore(kind, made["id"]), 409, "HIDDEN_REFERENCE")
    assert [each["field"] for each in named] == [field]
    contract.refused(boss.get(kind, made["id"]), 404, "NOT_FOUND")
    good(target, boss.restore(target, number))
    assert good(kind, boss.restore(kind, made["id"]))[field] == number


# --- hiding and bringing back ---------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_hide_and_restore(boss, kind, sql_database):
    made = boss.create(kind)
    number = made["id"]
    total = boss.page(kind, limit=1)["total"]
    boss.hidden(kind, number)
    for response in (boss.get(kind, number), boss.hide(kind, number),
                     *([boss.change(kind, number, **{NAME_OF[kind]: "x"})] if kind in CHANGEABLE
                       else [])):
        contract.refused(response, 404, "NOT_FOUND")
    assert number not in boss.ids(kind) and boss.page(kind, limit=1)["total"] == total - 1
    [(hidden,)] = sql_database.run(f"SELECT deleted_at IS NOT NULL FROM {kind} WHERE id = {number}")
    assert hidden in ("1", "t")
    back = good(kind, boss.restore(kind, number))
    assert back == {**made, "updated_at": back["updated_at"], "version": back["version"]}
    assert back["version"] > made["version"] and back["updated_at"] >= made["updated_at"]
    assert boss.read(kind, number) == back
    assert number in boss.ids(kind) and boss.page(kind, limit=1)["total"] == total


@pytest.mark.parametrize("kind", KINDS)
def test_restoring_what_is_there_changes_nothing(boss, kind):
    made = boss.create(kind)
    assert good(kind, boss.restore(kind, made["id"])) == made
    assert boss.read(kind, made["id"]) == made


# --- changes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", CHANGEABLE)
def test_a_change_changes_what_it_names(boss, kind):
    made = boss.create(kind, **({"notes": "как есть"} if kind == "contacts" else
                                {"description": "как есть"}))
    after = good(kind, boss.change(kind, made["id"], **{NAME_OF[kind]: "'; DROP TABLE deals; --"}))
    assert after == {**made, NAME_OF[kind]: "'; DROP TABLE deals; --", "version": 2,
                     "updated_at": after["updated_at"]}
    assert after["updated_at"] >= made["updated_at"] == made["created_at"]
    assert boss.read(kind, made["id"]) == after
    assert boss.page(kind, sort="-id", limit=1)["items"] == [after]


@pytest.mark.parametrize("kind", CHANGEABLE)
def test_a_change_of_nothing(boss, kind):
    made = boss.create(kind)
    assert good(kind, boss.change(kind, made["id"])) == made
    same = {NAME_OF[kind]: made[NAME_OF[kind]]}
    assert good(kind, boss.change(kind, made["id"], **same)) == made
    assert boss.read(kind, made["id"]) == made


@pytest.mark.parametrize("kind", CHANGEABLE)
def test_a_refused_change_changes_nothing(boss, kind):
    made = boss.create(kind)
    refused = boss.change(kind, made["id"], {NAME_OF[kind]: "x", "version": 7, "nonsense": 1})
    assert invalid(refused) == ["nonsense", "version"]
    assert boss.read(kind, made["id"]) == made


# --- what people are told -------------------------------------------------------------------------


def refusals(boss, language):
    """An answer for each rule."""
    headers = {"Accept-Language": language}
    contact = boss.contact(email=f"{tag()}@example.com")
    deal = boss.deal(contact_id=contact["id"], status="IN_PROGRESS")
    [activity] = boss.ids("activities", deal_id=deal["id"])
    task = boss.task(deal_id=deal["id"])["id"]
    yield boss.send("contacts", email=contact["email"], headers=headers)
    yield boss.hide("contacts", contact["id"], headers)
    yield boss.move(deal["id"], "NEW", headers)
    yield boss.move(deal["id"], "WON", headers)
    yield boss.hide("activities", activity, headers)
    yield boss.send("deals", headers=headers, contact_id=999_999_999, owner_id=999_999_999,
                    amount=crm.Number("0.001"), expected_close_date="x")
    yield boss.send("tasks", headers=headers, due_date="2020-01-01")
    yield boss.send("activities", headers=headers, type="x", occurred_at="x")
    boss.hidden("tasks", task)
    boss.hidden("deals", deal["id"])
    yield boss.restore("tasks", task, headers)


@pytest.mark.parametrize("language", ["ru", "en"])
def test_refusals_are_in_the_reader_s_language(boss, language):
    for response in refusals(boss, language):
        assert response.status_code in (400, 409), response.text
        body = response.json()
        said = [body["error"], *(each["message"] for each in body.get("details", [])
                                 if isinstance(each, dict))]
        for text in said:
            assert bool(contract.CYRILLIC.search(text)) == (language == "ru"), text


# --- versions -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_what_one_has_is_not_sent_again(boss, kind):
    made = boss.create(kind)
    whole = boss.get(kind, made["id"])
    assert whole.headers["ETag"] == f'"{made["version"]}"'
    for value in (whole.headers["ETag"], f'"x", W/{whole.headers["ETag"]}', "*"):
        response = boss.get(kind, made["id"], headers={"If-None-Match": value})
        assert (response.status_code, response.content) == (304, b"")
        assert response.headers["ETag"] == whole.headers["ETag"]
    assert boss.get(kind, made["id"], headers={"If-None-Match": '"999"'}).status_code == 200
    head = boss.request("HEAD", f"/{kind}/{made['id']}")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["ETag"] == whole.headers["ETag"]


@pytest.mark.parametrize("kind, name", [each for each in MATRIX if each[1] in (
    "change", "hide", "restore", "status")])
def test_a_lost_update_is_refused(office, boss, sql_database, kind, name):
    made = boss.create(kind)
    if name == "restore":
        boss.hidden(kind, made["id"])
    before = state_of(sql_database, kind, office.organization)
    method, below, body, _, status = CALLS[name]
    path = f"/{kind}" + below.format(id=made["id"])
    for stale in ('"999"', 'W/"1"', '"7", "3"', '"01"', "1"):
        response = boss.request(method, path, body, headers={"If-Match": stale})
        contract.refused(response, 412, "PRECONDITION_FAILED")
    assert state_of(sql_database, kind, office.organization) == before
    current = '"9", "1", "2"' if name == "restore" else '"9", "1"'
    assert boss.request(method, path, body, headers={"If-Match": current}).status_code == status


@pytest.mark.parametrize("kind", CHANGEABLE)
def test_of_many_with_one_version_one_succeeds(boss, kind):
    made = boss.create(kind)
    answers = crowd(boss, 6, lambda view, number: view.change(
        kind, made["id"], **{NAME_OF[kind]: f"name {number}"}, headers={"If-Match": '"1"'}))
    assert Counter(each.status_code for each in answers) == {200: 1, 412: 5}
    assert boss.read(kind, made["id"])["version"] == 2


@pytest.mark.parametrize("kind", KINDS)
def test_of_many_who_hide_one_does(boss, kind):
    number = boss.create(kind)["id"]
    total = boss.page(kind, limit=1)["total"]
    answers = crowd(boss, 6, lambda view, _: view.hide(kind, number))
    assert Counter(each.status_code for each in answers) == {204: 1, 404: 5}
    assert boss.page(kind, limit=1)["total"] == total - 1
    crowd(boss, 6, lambda view, _: good(kind, view.restore(kind, number)))
    assert boss.page(kind, limit=1)["total"] == total


# --- repetitions ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_repetition_is_done_once(boss, kind):
    key, name = {"Idempotency-Key": tag()}, {NAME_OF[kind]: tag()}
    total = boss.page(kind, limit=1)["total"]
    first = boss.send(kind, headers=key, **name)
    made = good(kind, first, 201)
    again = boss.send(kind, headers=key, **name)
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["Location"] == first.headers["Location"]
    other = boss.send(kind, headers=key, **{NAME_OF[kind]: tag()})
    contract.refused(other, 409, "IDEMPOTENCY_KEY_REUSED")
    assert boss.page(kind, limit=1)["total"] == total + 1
    assert boss.read(kind, made["id"]) == made


@pytest.mark.parametrize("kind", KINDS)
def test_of_many_repetitions_at_once_one_is_done(boss, kind):
    key, name = {"Idempotency-Key": tag()}, {NAME_OF[kind]: tag()}
    total = boss.page(kind, limit=1)["total"]
    answers = crowd(boss, 6, lambda view, _: view.send(kind, headers=key, **name))
    assert {each.status_code for each in answers} <= {201, 409}
    assert len({each.content for each in answers if each.status_code == 201}) == 1
    assert boss.page(kind, limit=1)["total"] == total + 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_is_for_one_organization(accounts, office, kind):
    """What was made in one is not the answer for the other."""
    person = accounts.register()
    add_member(office.owner, person, "SALES")
    own, there = Crm(person.client, person.organization), Crm(person.client, office.organization)
    key, name = {"Idempotency-Key": tag()}, {NAME_OF[kind]: tag()}
    first = good(kind, own.send(kind, headers=key, **name), 201)
    second = there.send(kind, headers=key, **name)
    if second.status_code == 201:
        assert good(kind, second, 201)["id"] in there.ids(kind, sort="-id")
    else:
        contract.refused(second, 409, "IDEMPOTENCY_KEY_REUSED")
    assert own.ids(kind) == [first["id"]]


def test_a_status_is_changed_once_whatever_is_repeated(boss):
    number, key = boss.deal()["id"], {"Idempotency-Key": tag()}
    first, again = (boss.move(number, "IN_PROGRESS", headers=key) for _ in range(2))
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.content == again.content
    assert boss.page("activities", deal_id=number)["total"] == 1
