"""POST /audit/{id}/revert for changes of the directory: a change is undone by its audit row if
nothing has changed since, with the rights and the checks of the change itself."""

import random

import pytest

from support import audit_rows, contract, crm, vault
from support.client import path_of, user_path
from support.database import Database
from support.entries import tag
from support.ldap_admin import guid_text

# Attributes that the directory sets at each write or at a restore, or that a revert cannot restore.
WRITE_TRACES = {"adminCount", "operatorCount", "lastKnownParent", "whenChanged", "uSNChanged",
                "pwdLastSet", "unicodePwd", "dSCorePropagationData", "modifyTimeStamp",
                "msDS-UserPasswordExpiryTimeComputed", "replPropertyMetaData", "logonCount"}


@pytest.fixture(scope="module")
def database(request, stack):
    server = request.getfixturevalue("postgres") if "DATABASE_URL" in stack.env else None
    return Database(stack, server)


@pytest.fixture
def made(api, database):
    """Returns a function that sends a request, which must succeed; returns its audit row."""
    def send(method, path, client=None, **arguments):
        response = (client or api).request(method, path, **arguments)
        assert response.status_code < 300, response.text
        return last_row(database, response)
    return send


def last_row(database, response):
    """Returns the id of the audit row of the request that a response answers."""
    [[row]] = database.run("SELECT id FROM audit WHERE request_id = "
                           f"'{response.headers['X-Request-ID']}'")
    return int(row)


def revert(client, row, **query):
    return client.request("POST", f"/audit/{row}/revert", params=query)


def must_revert(client, row):
    """Reverts the row, which must succeed as its dry run says; returns the id of the new row."""
    planned = audit_rows.predicted(revert(client, row, dry_run="true"))
    response = revert(client, row)
    assert response.status_code == 200, response.text
    body = response.json()
    assert set(body) == {"id", "reverts", "changes"} and body["reverts"] == row
    assert [audit_rows.flat(change) for change in body["changes"]] == planned
    return body["id"]


def changed_since(response):
    """Asserts that the row cannot be reverted; returns the current values by field."""
    details = crm.error_details(response, 409, "CHANGED_SINCE")
    return {detail["field"]: detail["message"].split(": ", 1)[-1] for detail in details}


def irreversible(response):
    """Asserts that the row has no inverse; returns the fields that the details name."""
    return {detail["field"] for detail in crm.error_details(response, 409, "NOT_REVERTIBLE")}


def shown(ldap_admin, guid):
    """Returns the DN and the attributes of an entry, without those that each write changes."""
    dn = ldap_admin.find_guid(guid)
    return ldap_admin.tree(dn, WRITE_TRACES)[0] if dn else None


# --- attributes -----------------------------------------------------------------------------------


def test_revert_restores_changed_fields_of_a_user(api, ldap_admin, people, database, made):
    boss, other = people.create(), people.create()
    user = people.create(title="Менеджер", department="x", c="DE", manager=boss["dn"],
                         userWorkstations=["pc-1", "pc-2"], accountExpires="2030-01-01T00:00:00Z")
    guid = user["objectGUID"]
    before = shown(ldap_admin, guid)
    row = made("PATCH", user_path(user["sAMAccountName"]), json={
        "title": None, "department": "Отдел \"y\"\\", "c": "RU", "manager": other["objectGUID"],
        "userWorkstations": [], "accountExpires": None, "mail": "x@example.com",
        "passwordNeverExpires": True, "enabled": False, "must_change_password": True})
    changed = shown(ldap_admin, guid)
    assert changed != before
    undone = must_revert(api, row)
    assert shown(ldap_admin, guid) == before
    assert database.run("SELECT action, resource, object_id, status, reverts, directory FROM audit "
                        f"WHERE id = {undone}") == [
        ("revert_update_user", "user", guid, "success", str(row), "1")]
    must_revert(api, undone)
    assert shown(ldap_admin, guid) == changed


def test_fields_that_have_changed_since_are_named(api, ldap_admin, people, made):
    user = people.create(title="a", department="a", company="a")
    path = user_path(user["sAMAccountName"])
    row = made("PATCH", path, json={"title": "b", "department": "b", "enabled": False})
    made("PATCH", path, json={"title": "c", "company": "c", "enabled": True})
    before = shown(ldap_admin, user["objectGUID"])
    assert changed_since(revert(api, row)) == {"title": '"c"', "enabled": "true"}
    assert changed_since(revert(api, row, dry_run="true")) == {"title": '"c"', "enabled": "true"}
    assert shown(ldap_admin, user["objectGUID"]) == before
    made("PATCH", path, json={"title": "b", "enabled": False, "passwordNeverExpires": True})
    must_revert(api, row)
    after = people.get(user["sAMAccountName"])
    assert (after["title"], after["department"], after["company"]) == ("a", "a", "c")
    assert after["enabled"] and after["passwordNeverExpires"]


def test_row_is_reverted_only_once(api, people, made):
    user = people.create()
    row = made("PATCH", user_path(user["sAMAccountName"]), json={"title": "b"})
    must_revert(api, row)
    assert changed_since(revert(api, row)) == {"title": "null"}


def test_dry_run_of_revert_writes_nothing(api, ldap_admin, people, made, database):
    user = people.create(title="a")
    row = made("PATCH", user_path(user["sAMAccountName"]), json={"title": "b"})
    before = shown(ldap_admin, user["objectGUID"])
    response = revert(api, row, dry_run="true")
    assert audit_rows.predicted(response) == [("user", user["objectGUID"], "title", "b", "a")]
    assert not audit_rows.rows_of(database, response)
    ldif = api.request("POST", f"/audit/{row}/revert", params={"dry_run": "true"},
                       headers={"Accept": "text/ldif"})
    assert ldif.headers["Content-Type"].startswith("text/ldif") and b"title: a" in ldif.content
    assert shown(ldap_admin, user["objectGUID"]) == before


def test_revert_restores_fields_of_each_other_kind(api, ldap_admin, entries, made):
    entry = entries.create(description="a")
    path = entries.path(entry[entries.kind.key])
    before = shown(ldap_admin, entry["objectGUID"])
    row = made("PATCH", path, json={"description": None})
    must_revert(api, row)
    assert shown(ldap_admin, entry["objectGUID"]) == before


def test_revert_restores_fields_of_a_computer(api, ldap_admin, computers, people, made):
    name, boss = f"pc{tag()[-10:]}", people.create()["dn"]
    entry = computers.create(cn=name, description="a", managedBy=boss)
    before = shown(ldap_admin, entry["objectGUID"])
    row = made("PATCH", computers.path(name), json={
        "sAMAccountName": f"pd{tag()[-10:]}", "description": "b", "managedBy": None,
        "enabled": False, "dNSHostName": f"{name}.kontora.test"})
    must_revert(api, row)
    assert shown(ldap_admin, entry["objectGUID"]) == before


def test_passwords_and_unlocking_have_no_inverse(api, people, made):
    name = people.create(title="a")["sAMAccountName"]
    row = made("PATCH", user_path(name), json={"title": "b", "password": vault.password()})
    assert irreversible(revert(api, row)) == {"password"}
    row = made("POST", f"{user_path(name)}/password", json={"generate": True})
    contract.check_error(revert(api, row), 409, "NOT_REVERTIBLE")
    assert people.get(name)["title"] == "b"


def test_fields_of_a_deleted_entry_have_changed_since(api, people, made):
    name = people.create()["sAMAccountName"]
    row = made("PATCH", user_path(name), json={"title": "b"})
    people.delete(name)
    assert changed_since(revert(api, row)) == {"dn": "null"}


def test_previous_manager_must_exist(api, people, made):
    boss = people.create()
    user = people.create(manager=boss["dn"])
    row = made("PATCH", user_path(user["sAMAccountName"]), json={"manager": None})
    people.delete(boss["sAMAccountName"])
    response = revert(api, row)
    assert [each["field"] for each in crm.error_details(response, 400, "VALIDATION_ERROR")] == [
        "manager"]


# --- places ---------------------------------------------------------------------------------------


def test_revert_moves_and_renames_back(api, ldap_admin, entries, units, made):
    target = units.create()["dn"]
    for fields in ({"parent_dn": target}, {entries.kind.name: tag()},
                   {"parent_dn": target, entries.kind.name: tag(), "description": "b"}):
        entry = entries.create(description="a")
        before = shown(ldap_admin, entry["objectGUID"])
        row = made("PATCH", entries.path(entry["objectGUID"]), json=fields)
        changed = shown(ldap_admin, entry["objectGUID"])
        assert changed[0] != before[0]
        undone = must_revert(api, row)
        assert shown(ldap_admin, entry["objectGUID"]) == before
        must_revert(api, undone)
        assert shown(ldap_admin, entry["objectGUID"]) == changed


def test_user_who_is_their_own_manager_is_moved_back(api, ldap_admin, people, units, made):
    user = people.create(title="a")
    before = shown(ldap_admin, user["objectGUID"])
    row = made("PATCH", user_path(user["objectGUID"]), json={
        "cn": tag(), "parent_dn": units.create()["dn"], "manager": user["objectGUID"],
        "title": "b"})
    changed = people.get(user["objectGUID"])
    assert changed["manager"]["dn"] == changed["dn"] != user["dn"]
    made("PATCH", user_path(user["objectGUID"]), json={"title": "b"})
    again = made("PATCH", user_path(user["objectGUID"]), json={
        "cn": tag(), "manager": user["objectGUID"]})
    must_revert(api, again)
    must_revert(api, row)
    assert shown(ldap_admin, user["objectGUID"]) == before


def test_move_is_not_reverted_after_another_move(api, people, units, made):
    user, targets = people.create(), [units.create()["dn"] for _ in range(2)]
    path = user_path(user["objectGUID"])
    row = made("PATCH", path, json={"parent_dn": targets[0], "title": "b"})
    made("PATCH", path, json={"parent_dn": targets[1]})
    assert changed_since(revert(api, row)) == {"parent_dn": f'"{targets[1]}"'}
    renamed = tag()
    made("PATCH", path, json={"parent_dn": targets[0], "cn": renamed})
    must_revert(api, row)
    assert people.get(user["objectGUID"])["dn"] == people.dn(renamed)


def test_move_back_fails_if_the_place_is_taken(api, ldap_admin, people, units, made):
    user, target = people.create(), units.create()["dn"]
    row = made("PATCH", user_path(user["objectGUID"]), json={"parent_dn": target})
    people.create(cn=user["cn"])
    before = shown(ldap_admin, user["objectGUID"])
    contract.check_error(revert(api, row), 409, "ALREADY_EXISTS")
    assert shown(ldap_admin, user["objectGUID"]) == before


# --- memberships ----------------------------------------------------------------------------------


def test_revert_undoes_memberships(api, ldap_admin, people, groups, made):
    group, nested = groups.create(), groups.create()
    for member in (people.create(), nested):
        path = path_of("/groups", group["cn"], "members", member["objectGUID"])
        added = made("POST", path)
        undone = must_revert(api, added)
        assert not ldap_admin.members(group["dn"])
        redone = must_revert(api, undone)
        assert ldap_admin.members(group["dn"]) == [member["dn"]]
        removed = made("DELETE", path)
        assert set(changed_since(revert(api, redone))) == {"member"}
        must_revert(api, removed)
        assert ldap_admin.members(group["dn"]) == [member["dn"]]
        assert changed_since(revert(api, removed)) == {"member": f'"{member["dn"]}"'}
        made("DELETE", path)


def test_membership_of_a_renamed_member_is_undone(api, ldap_admin, people, groups, made):
    user, group = people.create(), groups.create()
    row = made("POST", f"{user_path(user['sAMAccountName'])}/groups/{group['cn']}")
    made("PATCH", user_path(user["sAMAccountName"]), json={"cn": tag(), "sAMAccountName": tag()})
    made("PATCH", groups.path(group["cn"]), json={"cn": tag()})
    must_revert(api, row)
    assert not ldap_admin.members(ldap_admin.find_guid(group["objectGUID"]))


# --- creations and deletions ----------------------------------------------------------------------


def test_revert_of_creation_deletes_the_entry(api, ldap_admin, people, entries, computers,
                                              made, database):
    new = [(kept, kept.body(**more)) for kept, more in (
        (people, {"title": "a", "c": "RU", "must_change_password": True, "enabled": False}),
        (entries, {"description": "a"}), (computers, {"cn": f"pc{tag()[-10:]}"}))]
    for kept, body in new:
        response = api.post(kept.kind.path, json=body)
        assert response.status_code == 201, response.text
        guid = response.json()["objectGUID"]
        row = last_row(database, response)
        undone = must_revert(api, row)
        assert shown(ldap_admin, guid) is None
        assert changed_since(revert(api, row)) == {"dn": "null"}
        redone = must_revert(api, undone)
        assert shown(ldap_admin, guid)[0] == response.json()["dn"]
        must_revert(api, redone)
        assert shown(ldap_admin, guid) is None


def test_creation_is_reverted_only_if_the_entry_is_unchanged(api, people, groups, database, made):
    def create(kept, **fields):
        response = api.post(kept.kind.path, json=kept.body(**fields))
        assert response.status_code == 201, response.text
        return response.json(), last_row(database, response)

    user, row = create(people, title="a")
    path = user_path(user["sAMAccountName"])
    made("PATCH", path, json={"title": "b", "mail": "x@example.com", "enabled": False})
    assert set(changed_since(revert(api, row))) == {"title", "mail", "enabled"}
    made("PATCH", path, json={"title": "a", "mail": None, "enabled": True})
    group, group_row = create(groups)
    joined = made("POST", f"{path}/groups/{group['cn']}")
    assert changed_since(revert(api, row)) == {"memberOf": f'"{group["dn"]}"'}
    assert set(changed_since(revert(api, group_row))) == {"member"}
    must_revert(api, joined)
    must_revert(api, row)
    must_revert(api, group_row)


def test_created_unit_with_entries_below_is_not_deleted(api, units, database):
    response = api.post("/ous", json=units.body())
    unit, row = response.json(), last_row(database, response)
    units.named(tag(), unit["dn"])
    contract.check_error(revert(api, row), 409, "NOT_EMPTY")
    assert units.get(unit["objectGUID"])


def test_revert_of_deletion_restores_the_entry(api, ldap_admin, people, groups, made):
    group = groups.create(description="a")
    user = people.create(title="a", c="RU", manager=people.create()["dn"])
    made("POST", f"{user_path(user['sAMAccountName'])}/groups/{group['cn']}")
    before = people.get(user["sAMAccountName"])
    row = made("DELETE", user_path(user["sAMAccountName"]))
    must_restore(api, row)
    after = people.get(user["sAMAccountName"])
    lost = {"enabled", "userAccountControl", "whenCreated", "whenChanged", "passwordLastSet",
            "passwordExpires"}
    assert {name for name in before if before[name] != after[name]} <= lost
    assert not after["enabled"]
    assert ldap_admin.members(group["dn"]) == [user["dn"]]
    row = made("DELETE", groups.path(group["cn"]))
    must_restore(api, row)
    assert ldap_admin.members(group["dn"]) == [user["dn"]]
    contract.check_error(revert(api, row), 409, "NOT_RESTORABLE")


def must_restore(client, row):
    """Reverts the row of a deletion. The dry run lacks the memberships, which are restored one by
    one."""
    planned = audit_rows.predicted(revert(client, row, dry_run="true"))
    response = revert(client, row)
    assert response.status_code == 200, response.text
    changes = [audit_rows.flat(change) for change in response.json()["changes"]]
    assert changes[:len(planned)] == planned
    return response.json()["id"]


def test_deletion_with_entries_below_is_not_reverted(api, ldap_admin, computers, made):
    computer = computers.create(cn=f"pc{tag()[-10:]}")
    ldap_admin.add_recovery_key(computer["dn"])
    row = made("DELETE", computers.path(computer["cn"]), params={"children": "true"})
    assert irreversible(revert(api, row)) == {"changes"}


# --- copies and offboardings ----------------------------------------------------------------------


def test_revert_of_copy_removes_the_new_user(api, ldap_admin, people, groups, database, made):
    template, joined = people.create(title="a", c="RU"), [groups.create() for _ in range(2)]
    for group in joined:
        made("POST", f"{user_path(template['sAMAccountName'])}/groups/{group['cn']}")
    name = tag()
    response = api.post(f"{user_path(template['sAMAccountName'])}/copy", json={
        "cn": name, "sAMAccountName": name, "password": vault.password()})
    assert response.status_code == 201, response.text
    row = last_row(database, response)
    made("DELETE", f"{user_path(name)}/groups/{joined[0]['cn']}")
    assert set(changed_since(revert(api, row))) == {"member"}
    made("POST", f"{user_path(name)}/groups/{joined[0]['cn']}")
    undone = must_revert(api, row)
    assert shown(ldap_admin, response.json()["user"]["objectGUID"]) is None
    for group in joined:
        assert ldap_admin.members(group["dn"]) == [template["dn"]]
    must_restore(api, undone)
    for group in joined:
        assert len(ldap_admin.members(group["dn"])) == 2
    assert people.get(name)["title"] == "a"


def test_revert_of_offboarding_restores_the_user(api, ldap_admin, people, groups, units, made):
    former, joined = units.create()["dn"], [groups.create() for _ in range(2)]
    user = people.create(description="Менеджер")
    for group in joined:
        made("POST", f"{user_path(user['sAMAccountName'])}/groups/{group['cn']}")
    before = shown(ldap_admin, user["objectGUID"])
    row = made("POST", f"{user_path(user['sAMAccountName'])}/offboard", json={"move_to": former})
    gone = shown(ldap_admin, user["objectGUID"])
    undone = must_revert(api, row)
    assert shown(ldap_admin, user["objectGUID"]) == before
    for group in joined:
        assert ldap_admin.members(group["dn"]) == [user["dn"]]
    redone = must_revert(api, undone)
    assert shown(ldap_admin, user["objectGUID"]) == gone
    made("POST", path_of("/groups", joined[0]["cn"], "members", user["sAMAccountName"]))
    made("PATCH", user_path(user["sAMAccountName"]), json={"enabled": True})
    before = shown(ldap_admin, user["objectGUID"])
    assert set(changed_since(revert(api, redone))) == {"member", "enabled"}
    assert shown(ldap_admin, user["objectGUID"]) == before
    assert not ldap_admin.members(joined[1]["dn"])


# --- random changes -------------------------------------------------------------------------------

SEED, OPERATIONS = 20261130, 70
LINKS = {"member", "memberOf", "manager", "directReports"}
UNSHOWN = LINKS | {"must_change_password", "passwordLastSet"}
TEXTS = ("cn", "sAMAccountName", "title", "department", "description", "mail", "c", "displayName")


class RandomChanges:
    """Makes random changes of users and groups below one unit. Each is sent as a dry run first."""

    def __init__(self, api, ldap_admin, database):
        self.api, self.ldap_admin, self.database = api, ldap_admin, database
        self.choose, self.rows = random.Random(SEED), []
        self.top = ldap_admin.add_ou(tag())
        self.places = [self.top] + [ldap_admin.add_ou(tag(), self.top) for _ in range(2)]
        self.made = {"user": [], "group": []}

    def state(self):
        """Returns {objectGUID: (DN, attributes)}."""
        return {guid_text(values["objectGUID"][0]): (dn, values)
                for dn, values in self.ldap_admin.tree(self.top, WRITE_TRACES)}

    def text(self):
        return self.choose.choice([None, tag(), f"Отдел \"{tag()}\"\\, #1 "[:-1]])

    def known(self, kind):
        return self.choose.choice(self.made[kind])

    def fields(self):
        fields = {"title": self.text(), "department": self.text(), "description": self.text(),
                  "displayName": self.text(), "mail": self.choose.choice([None, "x@example.com"]),
                  "enabled": self.choose.random() < 0.5,
                  "c": self.choose.choice([None, "RU", "DE"]),
                  "manager": self.choose.choice([None, self.known("user")]), "cn": tag(),
                  "sAMAccountName": tag(), "parent_dn": self.choose.choice(self.places),
                  "passwordNeverExpires": self.choose.random() < 0.5,
                  "must_change_password": self.choose.random() < 0.5}
        return {name: fields[name] for name in self.choose.sample(sorted(fields), 4)}

    def new(self, kind):
        name = tag()
        more = {"password": vault.password(), "title": self.text()} if kind == "user" else {}
        return {"cn": name, "sAMAccountName": name, "ou": self.choose.choice(self.places),
                "description": self.text(), **more}

    def request(self):
        """Returns the method, the path and the body of a random change."""
        choose = self.choose
        action = choose.choice(["create", "change", "change", "change", "join", "join", "leave",
                                "group", "copy", "offboard", "delete"])
        kind = choose.choice(["user", "group"])
        user, group = self.known("user"), self.known("group")
        if action == "create":
            return "POST", f"/{kind}s", self.new(kind)
        if action == "change":
            return "PATCH", path_of("/users", user), self.fields()
        if action in ("join", "leave"):
            member = self.known(kind)
            return ("POST" if action == "join" else "DELETE",
                    path_of("/groups", group, "members", member), None)
        if action == "copy":
            name = tag()
            return "POST", path_of("/users", user, "copy"), {
                "cn": name, "sAMAccountName": name, "password": vault.password()}
        if action == "offboard":
            return "POST", path_of("/users", user, "offboard"), {
                "move_to": choose.choice(self.places)}
        if action == "delete" and len(self.made["group"]) > 2 and not self.is_nested(group):
            return "DELETE", path_of("/groups", group), None
        return "PATCH", path_of("/groups", group), choose.choice([
            {"cn": tag()}, {"description": self.text()},
            {"parent_dn": choose.choice(self.places), "description": self.text()}])

    def is_nested(self, group):
        """Returns True if a group is a member of others: these memberships are not restored."""
        return "memberOf" in self.ldap_admin.entry(self.ldap_admin.find_guid(group))

    def run(self):
        """Makes one change, which may be rejected."""
        method, path, body = self.request()
        before = self.state()
        planned = self.api.request(method, path, json=body, params={"dry_run": "true"})
        assert self.state() == before
        response = self.api.request(method, path, json=body)
        if response.status_code >= 300:
            assert planned.status_code == response.status_code, (planned.text, response.text)
            assert planned.json()["code"] == response.json()["code"]
            assert self.state() == before
            return
        changes = audit_rows.predicted(planned)
        rows = [row for row in audit_rows.rows_of(self.database, response) if row["changes"]]
        assert [audit_rows.without_new_ids(row["changes"]) for row in rows] == (
            [audit_rows.without_new_ids(changes)] if changes else [])
        if rows:
            self.rows.append(last_row(self.database, response))
            self.check(before, self.state(), rows[0]["changes"])
        self.remember()

    def check(self, before, after, changes):
        """Compares the entries that the directory shows with the predicted changes."""
        changed = {guid for guid in before.keys() | after.keys()
                   if self.plain(before.get(guid)) != self.plain(after.get(guid))}
        predicted = {guid for _, guid, field, _, _ in changes if field not in UNSHOWN}
        assert changed == predicted, changes
        for _, guid, field, old, new in changes:
            dn, values = after.get(guid, (None, {}))
            if field in TEXTS:
                assert values.get(field, [b""])[0].decode() == (new or ""), (field, new)
            elif field == "dn":
                assert dn == new
            elif field == "member" and dn and isinstance(new or old, str):
                is_member = (new or old).encode() in values.get("member", [])
                assert is_member == bool(new) or not self.ldap_admin.entry(new or old)

    @staticmethod
    def plain(entry):
        return entry and (entry[0], {name: values for name, values in entry[1].items()
                                     if name not in LINKS})

    def remember(self):
        found = self.ldap_admin.search("(|(objectClass=user)(objectClass=group))", ["objectGUID",
                                       "objectClass"], base=self.top)
        for kind in self.made:
            now = [guid_text(values["objectGUID"][0]) for _, values in found
                   if kind.encode() in values["objectClass"]]
            kept = [guid for guid in self.made[kind] if guid in now]
            self.made[kind] = kept + [guid for guid in now if guid not in kept]


def test_random_changes_reverted_in_reverse_order_leave_no_trace(api, ldap_admin, database):
    changes = RandomChanges(api, ldap_admin, database)
    for kind in ("user", "group"):
        for _ in range(4):
            made_now = api.post(f"/{kind}s", json={**changes.new(kind), "ou": changes.top})
            assert made_now.status_code == 201, made_now.text
    changes.remember()
    initial = changes.state()
    for _ in range(OPERATIONS):
        changes.run()
    assert len(changes.rows) > OPERATIONS / 2
    assert changes.state() != initial
    for row in reversed(changes.rows):
        response = revert(api, row)
        assert response.status_code == 200, (row, response.text)
    assert changes.state() == initial
