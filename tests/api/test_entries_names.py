"""Names of groups, units and containers: unusual characters, and several entries with the same
name."""

import pytest

from support import contract
from support.client import path_of, user_path
from support.entries import GROUPS, tag
from support.names import FILTERS, LONGEST_NAMES, NAMES, NO_NAMES, unique
from support.ldap_admin import same_dn


@pytest.mark.parametrize("pattern", NAMES)
def test_unusual_entry_name_works_in_every_operation(entries, ldap_admin, pattern):
    """Creates, searches, reads, renames, moves and deletes an entry with this name."""
    name, field = unique(pattern), entries.kind.name
    made = entries.named(name, description="as it was")
    assert made[field] == name
    assert same_dn(made["dn"], entries.dn(name))
    assert ldap_admin.entry(made["dn"])[field] == [name.encode()]
    assert entries.get(name) == made
    assert entries.get(name, at=entries.parent) == made
    assert entries.search(name) == [name]

    plain = tag()
    assert entries.change(name, **{field: plain})[field] == plain
    assert ldap_admin.entry(made["dn"]) is None
    renamed = entries.change(plain, **{field: name}, description=name)
    assert (renamed["dn"], renamed["description"]) == (made["dn"], name)

    other = ldap_admin.add_ou(tag(), entries.parent)
    moved = entries.change(name, parent_dn=other)
    assert same_dn(moved["dn"], entries.dn(name, other))
    assert moved["objectGUID"] == made["objectGUID"]
    assert ldap_admin.find_guid(made["objectGUID"])

    entries.delete(name)
    assert ldap_admin.find_guid(made["objectGUID"]) is None


@pytest.mark.parametrize("pattern", NAMES)
def test_unusual_parent_name_works_in_every_operation(places, people, ldap_admin, pattern):
    name = unique(pattern)
    above = places.named(name)
    user = people.create(ou=above["dn"])
    below = places.create(parent_dn=above["dn"])
    assert same_dn(user["dn"].split(",", 1)[1], above["dn"])
    contract.check_error(places.api.delete(places.path(name)), 409, "NOT_EMPTY")
    key = below[places.kind.name]
    assert places.get(key, at=above["dn"]) == below
    places.delete(key, at=above["dn"])
    assert people.change(user["sAMAccountName"], parent_dn=places.parent)["dn"]
    places.delete(name)
    assert ldap_admin.entry(above["dn"]) is None


@pytest.mark.parametrize("name", LONGEST_NAMES)
def test_longest_entry_name_is_stored_unchanged(entries, ldap_admin, name):
    parent = ldap_admin.add_ou(tag(), entries.parent)
    made = entries.named(name, parent)
    assert made[entries.kind.name] == name
    assert ldap_admin.entry(made["dn"])[entries.kind.name] == [name.encode()]
    assert entries.get(name, at=parent) == made


@pytest.mark.parametrize("name", [" leading", "trailing ", "  both  ", "\u00a0pasted\u200b"])
def test_blanks_around_entry_name_are_removed(api, entries, ldap_admin, name):
    parent, field = ldap_admin.add_ou(tag(), entries.parent), entries.kind.name
    made = entries.named(name, parent)
    assert made[field] == name.strip(" \u00a0\u200b")
    assert ldap_admin.entry(made["dn"])[field] == [made[field].encode()]
    assert entries.get(made[field], at=parent) == made
    body = entries.body(**{field: made[field], entries.kind.parent: parent})
    contract.check_error(api.post(entries.kind.path, json=body), 409, "ALREADY_EXISTS")
    entries.delete(made[field], at=parent)
    assert len(ldap_admin.tree(parent)) == 1


@pytest.mark.parametrize("name", NO_NAMES)
def test_invalid_entry_name_is_rejected(api, entries, ldap_admin, name):
    parent, field = ldap_admin.add_ou(tag(), entries.parent), entries.kind.name
    body = entries.body(**{field: name, entries.kind.parent: parent})
    response = api.post(entries.kind.path, json=body)
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == [field]
    made = entries.named(tag(), parent)
    before = ldap_admin.tree(parent)
    response = api.patch(entries.path(made[field]), json={field: name, "description": "x"})
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == [field]
    assert ldap_admin.tree(parent) == before


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_entry_name_in_path_is_not_interpreted_as_ldap_filter(api, entries, ldap_admin, method,
                                                              name):
    before = ldap_admin.tree(entries.parent)
    body = {"description": "found"} if method == "PATCH" else None
    contract.check_error(api.request(method, entries.path(name), json=body), 404, "NOT_FOUND")
    assert ldap_admin.tree(entries.parent) == before
    assert ldap_admin.search("(description=found)") == []


@pytest.mark.parametrize("name", ["%00", "a%00b", "%ff%fe", "%c0%af", "%", "%zz", "%2"])
def test_entry_path_that_cannot_be_decoded_is_client_error(site, entries, name):
    for prefix in ("", "/api/v1"):
        assert site.get(f"{prefix}{entries.kind.path}/{name}").status_code in (400, 404)


def test_entry_names_in_paths_ignore_case(entries):
    made = entries.named("Жук Über " + tag())
    name = made[entries.kind.name]
    for spelling in (name.upper(), name.lower()):
        assert entries.get(spelling) == made


@pytest.mark.parametrize("prefix", ["", "/api/v1"])
def test_entries_are_served_with_and_without_api_prefix(site, entries, prefix):
    path, field = prefix + entries.kind.path, entries.kind.name
    name = f"Ж/ö, #? %41 + ; \\ \" <> {tag()}"
    made = site.post(path, json=entries.body(**{field: name}))
    assert made.status_code == 201
    assert site.get(path_of(path, name)).json() == made.json()
    assert site.get(path, params={"search": name}).json()["items"] == [made.json()]
    changed = site.patch(path_of(path, name), json={"description": "x"})
    assert changed.json()["description"] == "x"
    assert site.delete(path_of(path, name)).status_code == 204
    assert site.get(path_of(path, name)).status_code == 404


# --- several entries with the same name -----------------------------------------------------------

@pytest.fixture(params=["{}", "Ж, \"b\" + * {}"])
def same_name_entries(request, entries, ldap_admin):
    """Returns a name, two entries with that name, and their parents."""
    name = unique(request.param)
    parents = [ldap_admin.add_ou(f"{word}, \"{tag()}\"", entries.parent)
               for word in ("one", "other")]
    return name, [entries.named(name, parent) for parent in parents], parents


def test_ambiguous_entry_name_is_refused_with_all_matching_dns(api, entries, ldap_admin,
                                                               same_name_entries):
    name, made, _ = same_name_entries
    before = ldap_admin.tree(entries.parent)
    for method, body in (("GET", None), ("PATCH", {"description": "x"}), ("DELETE", None),
                         ("PATCH", {"parent_dn": entries.parent}),
                         ("PATCH", {entries.kind.name: tag()})):
        response = api.request(method, entries.path(name), json=body)
        contract.check_error(response, 409, "AMBIGUOUS")
        assert sorted(response.json()["details"]) == sorted(each["dn"] for each in made)
    assert ldap_admin.tree(entries.parent) == before


def test_parent_dn_parameter_selects_one_of_several_entries_with_same_name(entries, ldap_admin,
                                                                           same_name_entries):
    name, made, parents = same_name_entries
    for each, parent in zip(made, parents, strict=True):
        assert entries.get(name, at=parent) == each
    untouched = ldap_admin.tree(parents[1])
    changed = entries.change(name, at=parents[0], description="chosen")
    assert (changed["dn"], changed["description"]) == (made[0]["dn"], "chosen")
    fresh = tag()
    renamed = entries.change(name, at=parents[0], **{entries.kind.name: fresh})
    assert renamed["objectGUID"] == made[0]["objectGUID"]
    entries.change(fresh, **{entries.kind.name: name})
    entries.delete(name, at=parents[0])
    assert ldap_admin.entry(made[0]["dn"]) is None
    assert ldap_admin.tree(parents[1]) == untouched
    assert entries.get(name) == made[1]


def test_parent_dn_in_query_selects_entry_and_parent_dn_in_body_moves_it(entries, ldap_admin,
                                                                         same_name_entries):
    """?parent_dn= selects the entry; parent_dn in the body is its new parent."""
    name, made, parents = same_name_entries
    target = ldap_admin.add_ou(tag(), entries.parent)
    moved = entries.change(name, at=parents[1], parent_dn=target)
    assert moved["objectGUID"] == made[1]["objectGUID"]
    assert same_dn(moved["dn"], entries.dn(name, target))
    assert ldap_admin.entry(made[0]["dn"]) is not None


def test_entry_cannot_move_to_parent_that_contains_same_name(api, entries, ldap_admin,
                                                             same_name_entries):
    name, _, parents = same_name_entries
    before = ldap_admin.tree(entries.parent)
    response = api.patch(entries.path(name), params={"parent_dn": parents[0]},
                         json={"parent_dn": parents[1], "description": "x"})
    contract.check_error(response, 409, "ALREADY_EXISTS")
    assert ldap_admin.tree(entries.parent) == before


@pytest.mark.parametrize("at, status, code", [
    ("nonsense", 400, "VALIDATION_ERROR"), ("", 400, "VALIDATION_ERROR"),
    ("OU=x,,DC=y", 400, "VALIDATION_ERROR"), ("<GUID=0>", 400, "VALIDATION_ERROR"),
    ("DC=example,DC=com", 400, "VALIDATION_ERROR"), ("DC=test", 400, "VALIDATION_ERROR"),
    ("OU=nowhere-at-all,{parent}", 400, "PARENT_NOT_FOUND"), ("{base}", 404, "NOT_FOUND"),
    ("CN=Users,{base}", 404, "NOT_FOUND"),
])
def test_parent_dn_parameter_that_selects_no_entry_is_refused(api, entries, ldap_admin, at, status,
                                                              code):
    """parent_dn must be the direct parent: the DN of the parent's parent selects no entry."""
    name = entries.create()[entries.kind.name]
    before = ldap_admin.tree(entries.parent)
    at = at.format(parent=entries.parent, base=ldap_admin.base_dn)
    for method, body in (("GET", None), ("PATCH", {"description": "x"}), ("DELETE", None)):
        response = api.request(method, entries.path(name), params={"parent_dn": at}, json=body)
        fields = contract.check_error(response, status, code)
        assert code != "VALIDATION_ERROR" or fields == ["parent_dn"]
    assert ldap_admin.tree(entries.parent) == before


def test_unknown_query_parameter_of_entry_is_rejected(api, entries):
    name = entries.create()[entries.kind.name]
    for method, body in (("GET", None), ("PATCH", {"description": "x"}), ("DELETE", None)):
        response = api.request(method, entries.path(name), params={"nonsense": "1"}, json=body)
        assert contract.check_error(response, 400, "VALIDATION_ERROR") == ["nonsense"]


def test_parent_dn_parameter_may_differ_in_case_and_spaces(entries, ldap_admin):
    parent = ldap_admin.add_ou(f"Größe {tag()}", entries.parent)
    made = entries.named(tag(), parent)
    name = made[entries.kind.name]
    assert entries.get(name, at=parent.replace("OU=Größe", "ou = GRÖßE")) == made
    assert entries.get(name, at=made["dn"].split(",", 1)[1]) == made


def test_parent_dn_parameter_selects_user(api, people, ldap_admin):
    user = people.create()
    account = user["sAMAccountName"]
    assert people.get(account, at=people.ou)["dn"] == user["dn"]
    assert people.change(account, at=people.ou, title="x")["title"] == "x"
    before = ldap_admin.snapshot(account)
    for at, status, code in ((ldap_admin.base_dn, 404, "NOT_FOUND"), ("x", 400, "VALIDATION_ERROR"),
                             (f"OU=nowhere,{people.ou}", 400, "PARENT_NOT_FOUND")):
        for method, body in (("GET", None), ("PATCH", {"title": "y"}), ("DELETE", None)):
            response = api.request(method, user_path(account), params={"parent_dn": at}, json=body)
            contract.check_error(response, status, code)
    assert ldap_admin.snapshot(account) == before
    people.delete(account, at=people.ou)


def test_name_of_many_entries_is_refused_as_ambiguous(api, entries, ldap_admin):
    name = tag()
    parents = [ldap_admin.add_ou(tag(), entries.parent) for _ in range(25)]
    for parent in parents:
        account = {"sAMAccountName": tag()} if entries.kind is GROUPS else {}
        entries.create_over_ldap(name, parent, **account)
    response = api.delete(entries.path(name))
    contract.check_error(response, 409, "AMBIGUOUS")
    assert len(ldap_admin.search(f"({entries.kind.name}={name})", ["ou"])) == 25
    assert 2 <= len(response.json()["details"]) <= 25
    entries.delete(name, at=parents[24])
