"""GET /users/{u}/groups: direct, nested and primary groups, with the paths to them."""

import itertools

import pytest

from support import contract
from support.client import path_of
from support.entries import tag
from support.ldap_admin import guid_text, rdn, same_dn

FIELDS = {"dn": str, "cn": str, "objectGUID": str, "kind": str, "paths": list, "more_paths": bool}
UNIVERSAL = "-2147483640"  # may be a member of groups of every scope
PATHS_MAX = 10
BATCH = 200  # groups that one search reads


@pytest.fixture
def make_group(ldap_admin, people):
    """Returns a function that creates a group with members and returns its DN."""
    def make(*members, name=None, kind=UNIVERSAL):
        name = name or tag()
        dn = ldap_admin.add(f"{rdn(name)},{people.ou}", objectClass="group",
                            sAMAccountName=tag(), groupType=kind)
        if members:
            ldap_admin.add_member(dn, *members)
        return dn
    return make


def read_groups(api, user, **parameters):
    """Returns the groups of a user by their DNs, without the domain's own groups."""
    response = api.get(path_of("/users", user["sAMAccountName"], "groups"), params=parameters)
    assert response.status_code == 200, response.text
    assert set(response.json()) == {"items"}
    found = {}
    for item in response.json()["items"]:
        contract.check_record(item, FIELDS)
        assert item["dn"] not in found and item["kind"] in ("direct", "nested", "primary")
        for path in item["paths"]:
            assert path[-1] == item["dn"] and len(path) == len(set(path))
        lengths = [len(path) for path in item["paths"]]
        assert lengths == sorted(lengths)
        found[item["dn"]] = item
    return found


def own(found):
    """Returns (kind, paths, more_paths) of groups, without the primary group and those above."""
    return {dn: (item["kind"], item["paths"], item["more_paths"]) for dn, item in found.items()
            if not dn.endswith(("CN=Users,DC=kontora,DC=test", "CN=Builtin,DC=kontora,DC=test"))}


# --- kinds ----------------------------------------------------------------------------------------

def test_groups_of_user_are_direct_and_primary(api, people, ldap_admin, make_group):
    user = people.create()
    inner = make_group(user["dn"])
    make_group(inner)
    found = read_groups(api, user)
    domain_users = f"CN=Domain Users,CN=Users,{ldap_admin.base_dn}"
    assert {dn: item["kind"] for dn, item in found.items()} == {
        inner: "direct", domain_users: "primary"}
    assert found[inner]["paths"] == [[inner]] and found[domain_users]["paths"] == [[domain_users]]
    assert not found[inner]["more_paths"]
    raw = ldap_admin.entry(inner)
    assert found[inner]["cn"] == raw["cn"][0].decode()
    assert found[inner]["objectGUID"] == guid_text(raw["objectGUID"][0])


@pytest.mark.parametrize("addressed", ["sAMAccountName", "objectGUID", "dn"])
def test_groups_are_found_by_every_identifier_of_user(api, people, make_group, addressed):
    user = people.create()
    inner = make_group(user["dn"])
    response = api.get(path_of("/users", user[addressed], "groups"))
    assert inner in [item["dn"] for item in response.json()["items"]]


def test_nested_groups_have_paths(api, people, make_group):
    user = people.create()
    one = make_group(user["dn"])
    two = make_group(one)
    three = make_group(two)
    assert own(read_groups(api, user, effective="true")) == {
        one: ("direct", [[one]], False), two: ("nested", [[one, two]], False),
        three: ("nested", [[one, two, three]], False)}


def test_effective_groups_equal_token_groups(api, people, ldap_admin, make_group):
    """The directory lists the same groups, nested and by primary group, in tokenGroups."""
    user = people.create()
    one, two = make_group(user["dn"]), make_group(user["dn"])
    make_group(make_group(one, two), two)
    sids = ldap_admin.entry(user["dn"], ["tokenGroups"])["tokenGroups"]
    groups = ldap_admin.search("(objectClass=group)", ["objectSid"])
    expected = {dn for dn, values in groups if values["objectSid"][0] in sids}
    assert set(read_groups(api, user, effective="true")) == expected


def test_group_that_is_direct_and_nested_has_both_paths(api, people, make_group):
    user = people.create()
    one = make_group(user["dn"])
    two = make_group(user["dn"], one)
    assert own(read_groups(api, user, effective="true"))[two] == (
        "direct", [[two], [one, two]], False)


def test_groups_above_primary_group_are_nested(api, people, ldap_admin, make_group):
    user = people.create()
    primary = make_group()
    ldap_admin.make_primary(primary, user["dn"])
    above = make_group(primary)
    assert own(read_groups(api, user, effective="true")) == {
        **{primary: ("primary", [[primary]], False),
           above: ("nested", [[primary, above]], False)},
        **{dn: each for dn, each in own(read_groups(api, user)).items() if dn != primary}}


# --- graphs ---------------------------------------------------------------------------------------

def test_groups_that_contain_each_other_end_the_walk(api, people, ldap_admin, make_group):
    user = people.create()
    one = make_group(user["dn"])
    two = make_group(one)
    three = make_group(two)
    ldap_admin.add_member(one, three)
    ldap_admin.add_member(two, three)
    ldap_admin.add_member(one, one)
    assert own(read_groups(api, user, effective="true")) == {
        one: ("direct", [[one]], False), two: ("nested", [[one, two]], False),
        three: ("nested", [[one, two, three]], False)}


def test_diamond_has_each_path_once(api, people, make_group):
    user = people.create()
    bottom = make_group(user["dn"])
    left, right = make_group(bottom), make_group(bottom)
    top = make_group(left, right)
    kind, paths, more = own(read_groups(api, user, effective="true"))[top]
    assert (kind, more) == ("nested", False)
    assert sorted(paths) == sorted([[bottom, left, top], [bottom, right, top]])


def test_number_of_paths_is_bounded_and_reported(api, people, make_group):
    """Six diamonds have 64 paths to the last group."""
    user = people.create()
    tops = [make_group(user["dn"])]
    for _ in range(6):
        sides = make_group(tops[-1]), make_group(tops[-1])
        tops.append(make_group(*sides))
    found = own(read_groups(api, user, effective="true"))
    assert len(found) == 1 + 6 * 3
    for number, top in enumerate(tops):
        _, paths, more = found[top]
        assert len(paths) == min(2 ** number, PATHS_MAX)
        assert more == (2 ** number > PATHS_MAX)


def test_deep_and_wide_levels_are_complete(api, people, make_group):
    """A level of more groups than one search reads, below a chain of thirty groups."""
    user = people.create()
    wide = [make_group(user["dn"]) for _ in range(BATCH + 25)]
    chain = [make_group(*wide)]
    for _ in range(30):
        chain.append(make_group(chain[-1]))
    found = own(read_groups(api, user, effective="true"))
    assert set(found) == {*wide, *chain}
    assert all(found[dn] == ("direct", [[dn]], False) for dn in wide)
    _, paths, more = found[chain[-1]]
    assert len(paths) == PATHS_MAX and more
    assert all(path[1:] == chain and path[0] in wide for path in paths)


def test_names_of_groups_may_have_every_character(api, people, make_group):
    user = people.create()
    names = [f"Отдел, «продаж» {tag()}", f'a+b="c" <d> #;\\ {tag()}', f"(*) & | ! {tag()}",
             f"Ünïcode\u00a0{tag()}"]
    inner = make_group(user["dn"])
    for name in names:
        inner = make_group(inner, name=name)
    found = [item for item in read_groups(api, user, effective="true").values()
             if item["kind"] == "nested"]
    assert {item["cn"] for item in found} >= set(names)


def test_group_in_another_unit_than_user_is_found(api, people, ldap_admin):
    name = tag()
    elsewhere = ldap_admin.add_ou(tag())
    user = people.create()
    group = ldap_admin.add(f"{rdn(name)},{elsewhere}", objectClass="group", sAMAccountName=name)
    ldap_admin.add_member(group, user["dn"])
    assert any(same_dn(dn, group) for dn in read_groups(api, user))


# --- errors ---------------------------------------------------------------------------------------

def test_groups_of_unknown_user_are_not_found(api):
    contract.check_error(api.get("/users/nobody-is-called-so/groups"), 404, "NOT_FOUND")


@pytest.mark.parametrize("parameters, field", [
    ({"effective": "yes"}, "effective"), ({"effective": ""}, "effective"),
    ({"skip": "1"}, "skip"), ({"parent_dn": "x"}, "parent_dn")])
def test_invalid_parameters_of_groups_are_rejected(api, people, parameters, field):
    user = people.create()
    response = api.get(path_of("/users", user["sAMAccountName"], "groups"), params=parameters)
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == [field]


def test_user_called_groups_and_group_calls_do_not_collide(api, people, make_group):
    """GET and POST below /users/{username}/groups are different calls."""
    user = people.create()
    group = make_group()
    for call, (method, expected) in itertools.product(
            [path_of("/users", user["sAMAccountName"], "groups", group)],
            [("POST", 200), ("DELETE", 204)]):
        assert api.request(method, call).status_code == expected
    contract.check_error(api.post(path_of("/users", user["sAMAccountName"], "groups")), 405,
                         "METHOD_NOT_ALLOWED")
