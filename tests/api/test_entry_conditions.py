"""Entity tags of directory entries, and requests that depend on them (RFC 9110 13)."""

import functools
import threading

import ldap
import pytest

from support import contract, vault
from support.client import path_of, user_path
from support.conditions import CONDITIONS, condition_headers
from support.entries import KINDS, Entries
from support.ldap_admin import guid_text
from support.people import USERS, People, tag

ALL_KINDS = (USERS, *KINDS)
CHANGES = 100  # of each of two administrators
ROUNDS = 20

# Values that need escaping, or that Samba compares loosely.
TRICKY = ["Ёлкин, \"Пётр\" + #1; <a>=\\", "ёлкин, \"пётр\" + #1; <a>=\\", " two  blanks",
          "two blanks", "*(x)\\2a", "line\nline"]
TEXTS = ("givenName", "sn", "telephoneNumber", "title", "department", "description")


@pytest.fixture(scope="module", params=ALL_KINDS, ids=lambda kind: kind.resource)
def every_kind(request, api, ldap_admin, ou):
    """Returns users, groups, units and containers in turn."""
    return (People(api, ldap_admin, ou) if request.param is USERS
            else Entries(api, ldap_admin, request.param, ou))


def tag_of(api, path):
    response = api.get(path)
    assert response.status_code == 200, response.text
    return response.headers["ETag"]


def changed(api, path, etag, **fields):
    """Sends a change with If-Match, which must succeed; returns the new tag."""
    response = api.patch(path, json=fields, headers={"If-Match": etag})
    assert response.status_code == 200, response.text
    return response.headers["ETag"]


# --- entity tags ----------------------------------------------------------------------------------

def test_every_reply_with_one_entry_has_its_entity_tag(api, every_kind):
    body = every_kind.body()
    made = api.post(every_kind.kind.path, json=body)
    assert made.status_code == 201
    path = every_kind.path(made.json()[every_kind.kind.key])
    assert made.headers["ETag"] == tag_of(api, path)
    update = api.patch(path, json={"description": "x"})
    assert update.headers["ETag"] == tag_of(api, path) != made.headers["ETag"]
    assert "Authorization" in update.headers["Vary"]


def test_entity_tag_is_the_same_in_all_workers_and_for_all_names(site, every_kind, ldap_admin):
    made = every_kind.create(description="x")
    guid = guid_text(ldap_admin.entry(made["dn"], ["objectGUID"])["objectGUID"][0])
    names = (made[every_kind.kind.key], guid, made["dn"])
    tags = {site.at(site.base_url + prefix).get(every_kind.path(name),
                                                headers={"Connection": "close"}).headers["ETag"]
            for name in names for prefix in ("", "/api/v1") for _ in range(4)}
    assert len(tags) == 1


def test_entity_tag_changes_with_every_attribute_of_a_user(api, people, ldap_admin):
    user = people.create()
    path, tags = user_path(user["sAMAccountName"]), [tag_of(api, user_path(user["sAMAccountName"]))]
    other = ldap_admin.add_ou(tag(), people.ou)
    for fields in ({"title": "Chef"}, {"title": "chef"}, {"title": None, "sn": "x"},
                   {"mail": "a@example.com"}, {"cn": tag()}, {"parent_dn": other},
                   {"enabled": False}, {"password": vault.password()},
                   {"must_change_password": True}):
        tags.append(api.patch(path, json=fields).headers["ETag"])
        assert tags[-1] == tag_of(api, path), fields
    assert len(set(tags)) == len(tags)


def test_entity_tag_does_not_change_with_logins_and_memberships(api, people, groups, ldap_admin):
    user, group = people.create(), groups.create()
    path = user_path(user["sAMAccountName"])
    before = tag_of(api, path)
    assert ldap_admin.bind_failure(user["dn"], "wrong") == "52e"
    assert ldap_admin.binds(user["dn"], user["password"])
    ldap_admin.add_member(group["dn"], user["dn"])
    assert tag_of(api, path) == before


def test_entity_tag_of_group_changes_with_its_members(api, people, groups, ldap_admin):
    users, group = [people.create()["dn"] for _ in range(3)], groups.create()
    path = groups.path(group["cn"])
    empty = tag_of(api, path)
    ldap_admin.add_member(group["dn"], *users)
    full = tag_of(api, path)
    assert full != empty
    for dn in users:  # adds the members again, in another order
        ldap_admin.remove_member(group["dn"], dn)
    for dn in reversed(users):
        ldap_admin.add_member(group["dn"], dn)
    assert tag_of(api, path) == full


def test_entity_tag_does_not_depend_on_order_of_values(api, units, ldap_admin):
    unit = units.create()
    ldap_admin.set(unit["dn"], "description", "one", "two")
    before = tag_of(api, units.path(unit["ou"]))
    ldap_admin.set(unit["dn"], "description", "two", "one")
    assert tag_of(api, units.path(unit["ou"])) == before
    ldap_admin.set(unit["dn"], "description", "two")
    assert tag_of(api, units.path(unit["ou"])) != before


def test_new_entry_with_name_of_deleted_one_has_another_entity_tag(api, every_kind):
    body = every_kind.body()
    tags = []
    for _ in range(2):
        response = api.post(every_kind.kind.path, json=body)
        tags.append(response.headers["ETag"])
        every_kind.delete(response.json()[every_kind.kind.key])
    assert tags[0] != tags[1]


@pytest.mark.parametrize("side", ["users", "groups"])
def test_reply_to_new_membership_has_entity_tag_and_evaluates_conditions(api, people, groups,
                                                                         ldap_admin, side):
    user, group = people.create(), groups.create()
    names = {"users": user["sAMAccountName"], "groups": group["cn"]}
    shown = path_of(f"/{side}", names[side])
    path = (path_of(shown, "groups", group["cn"]) if side == "users"
            else path_of(shown, "members", user["sAMAccountName"]))
    response = api.post(path, headers={"If-Match": '"0"'})
    contract.check_error(response, 412, "PRECONDITION_FAILED")
    assert "member" not in ldap_admin.entry(group["dn"], ["member"])
    response = api.post(path, headers={"If-Match": tag_of(api, shown)})
    assert response.status_code == 200, response.text
    assert response.headers["ETag"] == tag_of(api, shown)


@pytest.mark.parametrize("side", ["users", "groups"])
def test_removal_of_membership_evaluates_conditions(api, people, groups, ldap_admin, side):
    user, group = people.create(), groups.create()
    ldap_admin.add_member(group["dn"], user["dn"])
    shown = path_of(f"/{side}", user["sAMAccountName"] if side == "users" else group["cn"])
    path = (path_of(shown, "groups", group["cn"]) if side == "users"
            else path_of(shown, "members", user["sAMAccountName"]))
    for headers in ({"If-Match": '"0"'}, {"If-None-Match": "*"}):
        contract.check_error(api.delete(path, headers=headers), 412, "PRECONDITION_FAILED")
        assert len(ldap_admin.members(group["dn"])) == 1
    assert api.delete(path, headers={"If-Match": tag_of(api, shown)}).status_code == 204
    assert ldap_admin.members(group["dn"]) == []


def test_other_errors_of_membership_are_reported_before_failed_condition(api, people, groups):
    group, headers = groups.create(), {"If-Match": '"0"'}
    for method in ("POST", "DELETE"):
        response = api.request(method, path_of("/groups", group["cn"], "members", tag()),
                               headers=headers)
        contract.check_error(response, 404, "NOT_FOUND")
        response = api.request(method, path_of("/groups", group["cn"], "members", "Administrator"),
                               headers=headers)
        contract.check_error(response, 403, "PROTECTED_OBJECT")
    name = people.create()["sAMAccountName"]
    response = api.post(path_of("/users", name, "groups", "Domain Users"), headers=headers)
    contract.check_error(response, 412, "PRECONDITION_FAILED")  # already a member


def test_new_password_evaluates_conditions(api, people, ldap_admin):
    user, password = people.create(), vault.password()
    path = user_path(user["sAMAccountName"])
    for headers in ({"If-Match": '"0"'}, {"If-None-Match": "*"}):
        for body in ({"password": password}, {"generate": True}):
            response = api.post(f"{path}/password", json=body, headers=headers)
            contract.check_error(response, 412, "PRECONDITION_FAILED")
    assert ldap_admin.binds(user["dn"], user["password"])
    etag = tag_of(api, path)
    response = api.post(f"{path}/password", json={"password": password}, headers={"If-Match": etag})
    assert (response.status_code, "ETag" in response.headers) == (204, False)
    assert ldap_admin.binds(user["dn"], password)
    assert tag_of(api, path) != etag


def test_reset_of_computer_evaluates_conditions(api, computers, ldap_admin):
    made = computers.create()
    path = computers.path(made["sAMAccountName"])
    before = ldap_admin.entry(made["dn"], ["pwdLastSet"])
    for headers in ({"If-Match": '"0"'}, {"If-None-Match": "*"}):
        response = api.post(f"{path}/reset", headers=headers)
        contract.check_error(response, 412, "PRECONDITION_FAILED")
    assert ldap_admin.entry(made["dn"], ["pwdLastSet"]) == before
    response = api.post(f"{path}/reset", headers={"If-Match": tag_of(api, path)})
    assert response.status_code == 204
    assert ldap_admin.entry(made["dn"], ["pwdLastSet"]) != before


# --- conditions -----------------------------------------------------------------------------------

@pytest.mark.parametrize("if_match, if_none_match, status, _", CONDITIONS)
def test_read_of_entry_evaluates_conditional_headers(api, every_kind, if_match, if_none_match,
                                                     status, _):
    path = every_kind.path(every_kind.create()[every_kind.kind.key])
    etag = tag_of(api, path)
    for method in ("GET", "HEAD"):
        response = api.request(method, path,
                               headers=condition_headers(etag, if_match, if_none_match))
        assert response.status_code == status
        assert response.headers.get("ETag") == (None if status == 412 else etag)
        if status == 412 and method == "GET":
            contract.check_error(response, 412, "PRECONDITION_FAILED")


@pytest.mark.parametrize("if_match, if_none_match, _, passes", CONDITIONS)
def test_change_of_entry_evaluates_conditional_headers(api, every_kind, ldap_admin, if_match,
                                                       if_none_match, _, passes):
    """A failed condition returns 412 for every changing method, and nothing changes."""
    made = every_kind.create()
    path = every_kind.path(made[every_kind.kind.key])
    etag = tag_of(api, path)
    for method, body in (("PATCH", {"description": "x"}), ("DELETE", None)):
        before = ldap_admin.entry(made["dn"], ["*", "+"])
        response = api.request(method, path, json=body,
                               headers=condition_headers(etag, if_match, if_none_match))
        if passes:
            assert response.status_code in (200, 204), (method, response.text)
            etag = response.headers.get("ETag")
            continue
        contract.check_error(response, 412, "PRECONDITION_FAILED")
        assert ldap_admin.entry(made["dn"], ["*", "+"]) == before
    assert (ldap_admin.entry(made["dn"], ["cn"]) is None) == passes


@pytest.mark.parametrize("language", ["ru", "en"])
def test_failed_condition_is_explained_in_language_of_client(api, people, language):
    path = user_path(people.create()["sAMAccountName"])
    response = api.patch(path, json={"title": "x"},
                         headers={"If-Match": '"0"', "Accept-Language": language})
    contract.check_error(response, 412, "PRECONDITION_FAILED")
    assert bool(contract.CYRILLIC.search(response.json()["error"])) == (language == "ru")


def test_other_errors_of_entry_are_reported_before_failed_condition(api, every_kind, ldap_admin):
    fields = {"If-Match": '"0"', "If-None-Match": "*"}
    unknown = every_kind.path(tag())
    for method, body in (("GET", None), ("PATCH", {"description": "x"}), ("DELETE", None)):
        contract.check_error(api.request(method, unknown, json=body, headers=fields), 404,
                             "NOT_FOUND")
    path = every_kind.path(every_kind.create()[every_kind.kind.key])
    response = api.patch(path, json={"nonsense": 1}, headers=fields)
    contract.check_error(response, 400, "VALIDATION_ERROR")
    response = api.patch(path, json={"parent_dn": f"OU=none,{ldap_admin.base_dn}"}, headers=fields)
    contract.check_error(response, 400, "PARENT_NOT_FOUND")


def test_protected_entry_is_reported_before_failed_condition(api):
    response = api.patch("/users/Administrator", json={"title": "x"}, headers={"If-Match": '"0"'})
    contract.check_error(response, 403, "PROTECTED_OBJECT")


def test_deletion_with_objects_below_evaluates_condition(api, people, ldap_admin):
    user = people.create()
    ldap_admin.add(f"CN=phones,{user['dn']}", objectClass="classStore")
    path = user_path(user["sAMAccountName"])
    etag = tag_of(api, path)
    response = api.delete(path, params={"children": "true"}, headers={"If-Match": '"0"'})
    contract.check_error(response, 412, "PRECONDITION_FAILED")
    assert ldap_admin.entry(f"CN=phones,{user['dn']}") is not None
    response = api.delete(path, params={"children": "true"}, headers={"If-Match": etag})
    assert response.status_code == 204
    assert ldap_admin.entry(user["dn"]) is None


# --- changes with a condition ---------------------------------------------------------------------

@pytest.mark.parametrize("field", TEXTS)
def test_attribute_can_be_set_replaced_and_cleared_with_condition(api, people, ldap_admin, field):
    account = people.create()["sAMAccountName"]
    path = user_path(account)
    etag = tag_of(api, path)
    for value in [*TRICKY, None, None, "last"]:
        etag = changed(api, path, etag, **{field: value})
        assert ldap_admin.text(account, field) == people.get(account)[field]
    assert ldap_admin.text(account, field) == "last"


def test_names_place_and_state_of_user_can_be_changed_with_condition(api, people, ldap_admin):
    user = people.create()
    path, guid = user_path(user["sAMAccountName"]), user["objectGUID"]
    etag, name = tag_of(api, path), tag()
    other = ldap_admin.add_ou(tag(), people.ou)
    path = user_path(guid)
    for fields in ({"userPrincipalName": f"{name}@kontora.test"},
                   {"userPrincipalName": f"new.{name}@kontora.test"}, {"userPrincipalName": None},
                   {"mail": "a@example.com"}, {"mail": "A@example.com"}, {"mail": None},
                   {"sAMAccountName": name}, {"sAMAccountName": name.upper()},
                   {"cn": f"Имя, {name}"}, {"parent_dn": other, "title": "moved"},
                   {"enabled": False, "must_change_password": True, "unlock": True},
                   {"enabled": True, "password": vault.password(), "title": None}):
        etag = changed(api, path, etag, **fields)
        shown = api.get(path).json()
        assert all(shown[key] == value for key, value in fields.items() if key in shown), fields
    assert ldap_admin.find_guid(guid).endswith(other)


def test_manager_can_be_set_replaced_and_cleared_with_condition(api, people, ldap_admin):
    """The directory may write the DN of the manager in another way than the client."""
    user = people.create()
    managers = [people.create(cn=f"Пе́тров, \"П\" + #{number} {tag()}") for number in range(2)]
    path = user_path(user["sAMAccountName"])
    etag = tag_of(api, path)
    for number, value in ((0, managers[0]["dn"]), (0, managers[0]["objectGUID"]),
                          (0, managers[0]["dn"].upper()), (1, managers[1]["objectGUID"])):
        before = etag
        etag = changed(api, path, etag, manager=value, title=tag())
        assert etag != before
        assert people.get(user["sAMAccountName"])["manager"]["dn"] == managers[number]["dn"]
        assert changed(api, path, etag, manager=value) == etag
    stale = etag
    etag = changed(api, path, etag, manager=None)
    assert ldap_admin.text(user["sAMAccountName"], "manager") is None
    contract.check_error(api.patch(path, json={"manager": managers[0]["dn"]},
                                   headers={"If-Match": stale}), 412, "PRECONDITION_FAILED")
    assert changed(api, path, etag, manager=None) == etag


@pytest.mark.parametrize("values", [
    {"accountExpires": ["2031-02-03T04:05:06.789Z", "1601-01-02T00:00:00.000Z", None, None]},
    {"c": ["RU", "DE", None, None, "US"]},
    {"userWorkstations": [["PC-1", "PC-2"], ["PC-2"], [], None, ["PC-1"]]},
    {"passwordNeverExpires": [True, True, False]},
    {"smartcardRequired": [True, False]},
    {"logonHours": [None, None]},
], ids=lambda values: "".join(values))
def test_field_of_account_can_be_changed_with_condition(api, people, values):
    account = people.create()["sAMAccountName"]
    path = user_path(account)
    etag = tag_of(api, path)
    [(field, sequence)] = values.items()
    for value in sequence:
        etag = changed(api, path, etag, **{field: value})
        shown = people.get(account)
        expected = [] if (field, value) == ("userWorkstations", None) else value
        assert field not in shown or shown[field] == expected
    assert api.patch(path, json={field: sequence[0]},
                     headers={"If-Match": '"0"'}).status_code == 412


@pytest.mark.parametrize("attribute", ["co", "countryCode", "logonHours"])
def test_entity_tag_changes_with_attributes_that_have_no_field(api, people, ldap_admin, attribute):
    """A change of the API sets them; another program may set them, too."""
    user = people.create()
    path = user_path(user["sAMAccountName"])
    before = tag_of(api, path)
    ldap_admin.set(user["dn"], attribute, "1" * 21 if attribute == "logonHours" else "643")
    assert tag_of(api, path) != before


def test_change_with_stale_tag_changes_nothing(api, people, ldap_admin):
    """Also if the other change was one of case or blanks, which the directory ignores."""
    user = people.create(title="Chef")
    path = user_path(user["sAMAccountName"])
    for seen, other in (("Chef", "Koch"), ("Chef", "chef"), ("a b", "a  b"), ("x", None)):
        ldap_admin.set(user["dn"], "title", seen)
        etag = tag_of(api, path)
        ldap_admin.set(user["dn"], "title", *([other] if other else []))
        response = api.patch(path, json={"title": "mine", "enabled": False},
                             headers={"If-Match": etag})
        contract.check_error(response, 412, "PRECONDITION_FAILED")
        assert ldap_admin.text(user["sAMAccountName"], "title") == other
        assert people.get(user["sAMAccountName"])["enabled"] is True


def test_move_with_stale_tag_moves_nothing(api, people, ldap_admin):
    user = people.create()
    path, other = user_path(user["sAMAccountName"]), ldap_admin.add_ou(tag(), people.ou)
    etag = tag_of(api, path)
    ldap_admin.set(user["dn"], "userAccountControl", "514")
    response = api.patch(path, json={"parent_dn": other}, headers={"If-Match": etag})
    contract.check_error(response, 412, "PRECONDITION_FAILED")
    assert ldap_admin.entry(user["dn"], ["cn"]) is not None


def test_star_condition_changes_any_version(api, people, ldap_admin):
    user = people.create(title="one")
    ldap_admin.set(user["dn"], "title", "two")
    response = api.patch(user_path(user["sAMAccountName"]), json={"title": "three"},
                         headers={"If-Match": "*"})
    assert response.status_code == 200
    assert ldap_admin.text(user["sAMAccountName"], "title") == "three"


# --- two administrators ---------------------------------------------------------------------------

def run_together(*works):
    """Runs functions in threads; returns the exceptions that they raised."""
    failures = []

    def run(work):
        try:
            work()
        except Exception as failure:  # reported by the caller
            failures.append(failure)
    threads = [threading.Thread(target=run, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


def change_with_retry(client, path, compute):
    """Reads an entry and changes it to what `compute` returns for it, until no other change comes
    in between. Returns the number of lost races."""
    lost = 0
    while True:
        seen = client.get(path)
        response = client.patch(path, json=compute(seen.json()),
                                headers={"If-Match": seen.headers["ETag"]})
        if response.status_code == 200:
            return lost
        contract.check_error(response, 412, "PRECONDITION_FAILED")
        lost += 1


def test_two_administrators_lose_no_update_of_a_single_value(api, people, ldap_admin):
    """Each of them adds its marks to one value of one user, 100 times."""
    user = people.create(description="0:")
    path, lost = user_path(user["sAMAccountName"]), []

    def add_marks(mark):
        client = api.bearing(api.token)
        for _ in range(CHANGES):
            def compute(shown):
                count, marks = shown["description"].split(":")
                return {"description": f"{int(count) + 1}:{marks}{mark}"}
            lost.append(change_with_retry(client, path, compute))

    assert not run_together(lambda: add_marks("a"), lambda: add_marks("b"))
    count, marks = ldap_admin.text(user["sAMAccountName"], "description").split(":")
    assert int(count) == len(marks) == 2 * CHANGES
    assert marks.count("a") == marks.count("b") == CHANGES
    assert sum(lost) > 0, "the two never met"


def test_two_administrators_lose_no_update_that_differs_in_case_only(api, people, ldap_admin):
    """Each change flips the case of one letter; Samba takes all these values for equal."""
    user = people.create(title="abcdefgh")
    path = user_path(user["sAMAccountName"])

    def flip_letters(first):
        client = api.bearing(api.token)
        for number in range(CHANGES + 1 if first else CHANGES):
            at = first + number % 4

            def compute(shown, at=at):
                title = shown["title"]
                return {"title": title[:at] + title[at].swapcase() + title[at + 1:]}
            change_with_retry(client, path, compute)

    assert not run_together(lambda: flip_letters(0), lambda: flip_letters(4))
    # each letter was flipped 25 times, and the first one of the second administrator once more
    assert ldap_admin.text(user["sAMAccountName"], "title") == "ABCDeFGH"


def test_two_administrators_lose_no_update_of_account_control(api, people, ldap_admin):
    """Each of them reverses `enabled`. If two changes had started from one state, the number of
    changes in one direction would not match that in the other."""
    user = people.create()
    path, made = user_path(user["sAMAccountName"]), []

    def reverse():
        client = api.bearing(api.token)
        for _ in range(CHANGES):
            def compute(shown):
                wanted.append(not shown["enabled"])
                return {"enabled": wanted[-1]}
            wanted = []
            change_with_retry(client, path, compute)
            made.append(wanted[-1])

    assert not run_together(reverse, reverse)
    assert len(made) == 2 * CHANGES
    assert made.count(True) == made.count(False) == CHANGES
    assert people.get(user["sAMAccountName"])["enabled"] is True


def test_two_administrators_keep_bits_of_account_control_without_condition(api, people, ldap_admin):
    """One of them sets `enabled`, the other one other fields, without If-Match."""
    user = people.create()
    path = user_path(user["sAMAccountName"])

    def change(compute):
        client = api.bearing(api.token)
        for number in range(CHANGES):
            response = client.patch(path, json=compute(number))
            assert response.status_code == 200, response.text
            assert all(response.json()[key] == value
                       for key, value in compute(number).items()), response.text

    assert not run_together(lambda: change(lambda number: {"enabled": bool(number % 2)}),
                            lambda: change(lambda number: {"title": f"title {number}"}))
    shown = people.get(user["sAMAccountName"])
    assert (shown["enabled"], shown["title"]) == (True, f"title {CHANGES - 1}")


def test_one_of_two_new_members_is_added_to_one_version_of_a_group(api, people, groups, ldap_admin):
    users = [people.create() for _ in range(2)]
    statuses = []

    def add(group, user, etag):
        path = path_of("/groups", group["cn"], "members", user["sAMAccountName"])
        response = api.bearing(api.token).post(path, headers={"If-Match": etag})
        statuses.append(response.status_code)

    for _ in range(ROUNDS):
        group = groups.create()
        etag = tag_of(api, path_of("/groups", group["cn"]))
        assert not run_together(*(functools.partial(add, group, user, etag) for user in users))
        assert len(ldap_admin.members(group["dn"])) == 1
    assert sorted(statuses) == [200] * ROUNDS + [412] * ROUNDS


def test_deletion_with_condition_loses_race_against_change(api, people, ldap_admin):
    """An entry that was changed after it was read is not deleted."""
    for number in range(10):
        user = people.create(title="before")
        path, results = user_path(user["sAMAccountName"]), {}
        etag = tag_of(api, path)

        def send(name, method, **arguments):
            results[name] = api.bearing(api.token).request(
                method, path, headers={"If-Match": etag}, **arguments).status_code

        assert not run_together(lambda: send("delete", "DELETE"),
                                lambda: send("change", "PATCH", json={"title": f"{number}"}))
        assert (results["delete"], results["change"]) in ((204, 404), (412, 200)), results
        try:
            found = ldap_admin.entry(user["dn"], ["title"])
        except ldap.NO_SUCH_OBJECT:
            found = None
        assert (found is None) == (results["delete"] == 204)
