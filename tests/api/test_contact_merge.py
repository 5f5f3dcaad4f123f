"""Merging contacts: references follow, counters stay exact, and concurrent changes lose nothing,
on both engines. Reverting a merge is tested in test_revert.py."""

import pytest

from support import contract
from support.accounts import address
from support.crm import Office, at_once, check_ok, invalid_fields
from support.entries import tag
from support.recount import assert_counters_are_exact

FILLED = ("email", "phone", "company", "position", "notes", "owner_id")
REFERRING = ("deals", "tasks", "activities")
MANY = 25000  # more than one statement moves


@pytest.fixture(scope="module")
def owner(office):
    return office["OWNER"]


def merge(view, number, into, headers=None, **query):
    return view.request("POST", f"/contacts/{number}/merge", {"into": into}, headers, params=query)


def must_merge(view, number, into):
    return check_ok("contacts", merge(view, number, into))


def refer(view, contact):
    """Creates one object of each kind that refers to the contact, and one deleted one."""
    made = {kind: [view.create(kind, contact_id=contact)["id"] for _ in range(2)]
            for kind in REFERRING}
    for kind in REFERRING:
        view.must_delete(kind, made[kind][1])
    return made


def contacts_of(database, made):
    """Returns the ids of the contacts to which the objects refer, deleted ones too."""
    return {contact for kind, ids in made.items() for number in ids
            for [contact] in database.run(f"SELECT contact_id FROM {kind} WHERE id = {number}")}


def test_references_of_merged_contact_follow(owner, sql_database, sql_stack):
    merged, target = owner.contact(), owner.contact()
    made = refer(owner, merged["id"])
    before = {kind: owner.read(kind, ids[0]) for kind, ids in made.items()}
    must_merge(owner, merged["id"], target["id"])
    assert contacts_of(sql_database, made) == {str(target["id"])}
    contract.check_error(owner.get("contacts", merged["id"]), 404, "NOT_FOUND")
    for kind, ids in made.items():
        after = owner.read(kind, ids[0])
        assert after["version"] == before[kind]["version"] + 1
        assert owner.ids(kind, contact_id=target["id"]) == [ids[0]]
        assert owner.ids(kind, contact_id=merged["id"]) == []
        check_ok(kind, owner.restore(kind, ids[1]))
    assert_counters_are_exact(sql_stack)


def test_target_takes_over_only_missing_fields(office, owner):
    texts = {name: tag() for name in FILLED[1:-1]}
    merged = owner.contact(email=address(), owner_id=office["SALES"].id, **texts)
    empty = owner.contact(owner_id=None)
    after = must_merge(owner, merged["id"], empty["id"])
    assert {name: after[name] for name in FILLED} == {name: merged[name] for name in FILLED}
    assert after["name"] == empty["name"]
    assert after["version"] == empty["version"] + 1
    assert owner.ids("contacts", email=merged["email"]) == [empty["id"]]
    assert owner.ids("contacts", search=merged["company"]) == [empty["id"]]
    response = owner.send("contacts", email=merged["email"])
    contract.check_error(response, 409, "DUPLICATE")


def test_target_with_all_fields_is_unchanged(owner):
    full = owner.contact(email=address(), **{name: tag() for name in FILLED[1:-1]})
    merged = owner.contact(email=address(), phone=tag())
    assert must_merge(owner, merged["id"], full["id"]) == full
    assert owner.ids("contacts", email=merged["email"]) == []


def test_duplicates_with_the_same_address_can_be_merged(owner):
    email = address()
    first = owner.contact(email=email)
    second = owner.contact(email=email, headers={"X-Allow-Duplicate": "true"})
    must_merge(owner, first["id"], second["id"])
    assert owner.ids("contacts", email=email) == [second["id"]]


def test_dry_run_of_merge_lists_changes_and_writes_nothing(owner, sql_database):
    merged, target = owner.contact(phone="17"), owner.contact()
    made = refer(owner, merged["id"])
    response = merge(owner, merged["id"], target["id"], dry_run="true")
    assert response.status_code == 200, response.text
    changes = {(change["id"], change["field"]): (change["before"], change["after"])
               for change in response.json()["changes"]}
    number, other = str(merged["id"]), str(target["id"])
    assert {kind: changes[number, kind] for kind in REFERRING} == {
        kind: (sorted(ids), []) for kind, ids in made.items()}
    assert changes[number, "merged_into"] == (None, target["id"])
    assert changes[other, "phone"] == (None, "17")
    assert len(changes) == len(REFERRING) + 3
    assert owner.read("contacts", merged["id"]) == merged
    assert owner.read("contacts", target["id"]) == target
    assert contacts_of(sql_database, made) == {number}


def test_merge_writes_one_audit_row(owner, sql_database):
    merged, target = owner.contact(phone="17"), owner.contact()
    refer(owner, merged["id"])
    must_merge(owner, merged["id"], target["id"])
    rows = sql_database.run(f"SELECT action, object_id, status, organization_id FROM audit "
                            f"WHERE action = 'merge_contact' AND resource = 'contact' "
                            f"AND object_id = '{merged['id']}'")
    assert rows == [("merge_contact", str(merged["id"]), "success", str(owner.organization))]


# --- rejected merges ------------------------------------------------------------------------------


def test_target_must_be_another_contact_of_the_organization(owner, new_office):
    contact, deleted, foreign = owner.contact(), owner.contact(), new_office["OWNER"].contact()
    owner.must_delete("contacts", deleted["id"])
    for into in (contact["id"], deleted["id"], foreign["id"], 10 ** 15, 0, None, "x"):
        assert invalid_fields(merge(owner, contact["id"], into)) == ["into"]
    assert invalid_fields(owner.request("POST", f"/contacts/{contact['id']}/merge", {})) == ["into"]
    assert owner.read("contacts", contact["id"]) == contact


def test_merged_contact_must_exist(owner, new_office):
    target, deleted, foreign = owner.contact(), owner.contact(), new_office["OWNER"].contact()
    owner.must_delete("contacts", deleted["id"])
    for number in (deleted["id"], foreign["id"], 10 ** 15, "x"):
        contract.check_error(merge(owner, number, target["id"]), 404, "NOT_FOUND")
    assert new_office["OWNER"].read("contacts", foreign["id"]) == foreign


@pytest.mark.parametrize(("role", "status"), [("OWNER", 200), ("ADMIN", 200), ("MANAGER", 200),
                                              ("SALES", 403), ("VIEWER", 403)])
def test_merge_requires_permission_to_delete(office, owner, role, status):
    merged, target = owner.contact(), owner.contact()
    assert merge(office[role], merged["id"], target["id"]).status_code == status


def test_if_match_applies_to_merged_contact(owner):
    merged, target = owner.contact(), owner.contact()
    check_ok("contacts", owner.change("contacts", merged["id"], phone="1"))
    response = merge(owner, merged["id"], target["id"], {"If-Match": '"1"'})
    contract.check_error(response, 412, "PRECONDITION_FAILED")
    check_ok("contacts", merge(owner, merged["id"], target["id"], {"If-Match": '"2"'}))


def test_retry_with_idempotency_key_returns_the_first_reply(owner):
    merged, target = owner.contact(phone="17"), owner.contact()
    headers = {"Idempotency-Key": tag()}
    first = merge(owner, merged["id"], target["id"], headers)
    again = merge(owner, merged["id"], target["id"], headers)
    assert (first.status_code, again.status_code) == (200, 200), again.text
    assert first.json() == again.json()


# --- races and size -------------------------------------------------------------------------------


def test_opposite_merges_leave_exactly_one_contact(owner, sql_database, sql_stack):
    for _ in range(5):
        one, other = owner.contact()["id"], owner.contact()["id"]
        made = {"deals": [owner.deal(contact_id=each)["id"] for each in (one, other)]}
        answers = at_once(owner, [lambda own: merge(own, one, other),
                                  lambda own: merge(own, other, one)])
        assert sorted(answer.status_code for answer in answers) in ([200, 400], [200, 404])
        [left] = [each for each in (one, other) if owner.get("contacts", each).status_code == 200]
        assert contacts_of(sql_database, made) == {str(left)}
    assert_counters_are_exact(sql_stack)


def test_deals_created_during_merge_refer_to_a_contact(accounts, sql_database):
    view = Office(accounts)["OWNER"]
    for _ in range(5):
        merged, target = view.contact()["id"], view.contact()["id"]
        calls = [lambda own: own.send("deals", contact_id=merged)] * 4
        answers = at_once(view, [lambda own: merge(own, merged, target), *calls])
        assert answers[0].status_code == 200, answers[0].text
        assert {answer.status_code for answer in answers[1:]} <= {201, 400}
    assert sql_database.run(
        f"SELECT d.id FROM deals d JOIN contacts c ON c.id = d.contact_id "
        f"WHERE d.deleted_at IS NULL AND c.deleted_at IS NOT NULL "
        f"AND d.organization_id = {view.organization}") == []


@pytest.fixture
def busy_contact(accounts, sql_database):
    """A contact of its own organization that MANY deals refer to, and a way to add more."""
    view = Office(accounts)["OWNER"]
    contact = view.contact()["id"]

    def add(count):
        sql_database.run(
            f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) "
            f"INSERT INTO deals (organization_id, title, amount, status, contact_id, created_at, "
            f"updated_at, deleted_at) SELECT {view.organization}, 'x', 0, 'NEW', {contact}, 1, 1, 1"
            f" FROM n")

    return view, contact, add


def test_contact_with_many_deals_can_be_merged(busy_contact, sql_database):
    view, contact, add = busy_contact
    add(MANY)
    target = view.contact()["id"]
    must_merge(view, contact, target)
    assert sql_database.run(f"SELECT contact_id, count(*) FROM deals WHERE organization_id = "
                            f"{view.organization} GROUP BY contact_id") == [
        (str(target), str(MANY))]


def test_contact_with_too_many_references_is_rejected(busy_contact):
    view, contact, add = busy_contact
    add(100001)
    target = view.contact()["id"]
    contract.check_error(merge(view, contact, target), 409, "TOO_MANY_REFERENCES")
    must_merge(view, target, contact)
