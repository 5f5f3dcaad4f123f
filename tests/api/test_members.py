"""Group members: added and removed on the user's path and on the group's path, and verified on
both."""

import concurrent.futures
import dataclasses
from collections.abc import Callable

import pytest

from support import contract
from support.client import path_of, user_path
from support.entries import tag
from support.names import ACCOUNT_NAMES, NAMES, unique
from support.ldap_admin import rdn, same_dn

LARGE = 1600  # more than the 1,500 values that Active Directory returns at once


@dataclasses.dataclass(frozen=True)
class MembershipPath:
    """One of the two equivalent paths of a membership."""

    of: str
    path: Callable  # (group, account)
    check: Callable  # checks the response to an addition

    def add(self, api, group, account, at=None):
        return api.post(self.path(group, account), params={"parent_dn": at})

    def remove(self, api, group, account, at=None):
        return api.delete(self.path(group, account), params={"parent_dn": at})


SIDES = [
    MembershipPath("user", lambda group, account: path_of("/users", account, "groups", group),
                   contract.check_user),
    MembershipPath("group", lambda group, account: path_of("/groups", group, "members", account),
                   contract.check_group),
]
USERS_SIDE, GROUPS_SIDE = SIDES
both = pytest.mark.parametrize("side", SIDES, ids=lambda side: side.of)


@pytest.fixture
def user_and_group(people, groups):
    return people.create(), groups.create()


def assert_member(people, groups, ldap_admin, user, group, is_member=True):
    """Asserts that the directory, the user and the group agree on the membership."""
    member_of = people.get(user["sAMAccountName"])["memberOf"]
    members = groups.get(group["cn"])["member"]
    assert (group["dn"] in member_of) == is_member
    assert (user["dn"] in members) == is_member
    assert (user["dn"] in ldap_admin.members(group["dn"])) == is_member


# --- adding and removing --------------------------------------------------------------------------

@both
def test_member_of_group_can_be_added_and_removed(api, people, groups, ldap_admin, side,
                                                  user_and_group):
    user, group = user_and_group
    response = side.add(api, group["cn"], user["sAMAccountName"])
    assert response.status_code == 200, response.text
    answer = side.check(response.json())
    if side is USERS_SIDE:
        assert answer == people.get(user["sAMAccountName"])
        assert group["dn"] in answer["memberOf"]
    else:
        assert answer == groups.get(group["cn"])
        assert answer["member"] == [user["dn"]]
    assert_member(people, groups, ldap_admin, user, group)
    response = side.remove(api, group["cn"], user["sAMAccountName"])
    assert (response.status_code, response.content) == (204, b"")
    assert_member(people, groups, ldap_admin, user, group, False)


@both
def test_repeated_addition_or_removal_of_member_is_no_op(api, ldap_admin, side, user_and_group):
    user, group = user_and_group
    account = user["sAMAccountName"]
    first = side.add(api, group["cn"], account)
    before = ldap_admin.tree(group["dn"]), ldap_admin.tree(user["dn"])
    again = side.add(api, group["cn"], account)
    assert (again.status_code, again.json()) == (200, first.json())
    assert (ldap_admin.tree(group["dn"]), ldap_admin.tree(user["dn"])) == before
    assert side.remove(api, group["cn"], account).status_code == 204
    before = ldap_admin.tree(group["dn"]), ldap_admin.tree(user["dn"])
    assert side.remove(api, group["cn"], account).status_code == 204
    assert (ldap_admin.tree(group["dn"]), ldap_admin.tree(user["dn"])) == before


def test_member_added_on_group_path_can_be_removed_on_user_path_and_vice_versa(
        api, people, groups, ldap_admin, user_and_group):
    user, group = user_and_group
    for one, other in (SIDES, SIDES[::-1]):
        assert one.add(api, group["cn"], user["sAMAccountName"]).status_code == 200
        assert_member(people, groups, ldap_admin, user, group)
        assert other.remove(api, group["cn"], user["sAMAccountName"]).status_code == 204
        assert_member(people, groups, ldap_admin, user, group, False)


@both
def test_removal_of_member_keeps_other_members(api, people, groups, ldap_admin, side):
    group, users = groups.create(), [people.create() for _ in range(3)]
    for user in users:
        assert side.add(api, group["cn"], user["sAMAccountName"]).status_code == 200
    side.remove(api, group["cn"], users[1]["sAMAccountName"])
    expected = sorted([users[0]["dn"], users[2]["dn"]])
    assert sorted(groups.get(group["cn"])["member"]) == expected == sorted(
        ldap_admin.members(group["dn"]))


@both
def test_group_and_account_names_ignore_case(api, people, groups, ldap_admin, side):
    user = people.create(sAMAccountName="Жук" + tag()[:6])
    group = groups.named("Größe " + tag())
    response = side.add(api, group["cn"].upper().replace("SS", "ß"),
                        user["sAMAccountName"].upper())
    assert response.status_code == 200, response.text
    assert_member(people, groups, ldap_admin, user, group)


@both
@pytest.mark.parametrize("prefix", ["", "/api/v1"])
def test_members_are_served_with_and_without_api_prefix(site, people, groups, ldap_admin, side,
                                                        prefix,
                                                        user_and_group):
    user, group = user_and_group
    path = prefix + side.path(group["cn"], user["sAMAccountName"])
    assert site.post(path).status_code == 200
    assert_member(people, groups, ldap_admin, user, group)
    assert site.delete(path).status_code == 204
    assert_member(people, groups, ldap_admin, user, group, False)


@both
@pytest.mark.parametrize("pattern", NAMES)
def test_member_can_be_added_to_group_with_unusual_name(api, people, groups, ldap_admin, side,
                                                        pattern):
    """Unusual names of the group, of its parent, and of the member's entry."""
    parent = ldap_admin.add_ou(unique(pattern), ldap_admin.add_ou(tag(), groups.parent))
    group = groups.named(unique(pattern), parent)
    user = people.create(cn=unique(pattern), ou=parent)
    for at in (None, parent):
        response = side.add(api, group["cn"], user["sAMAccountName"], at=at)
        assert response.status_code == 200, response.text
        assert groups.get(group["cn"])["member"] == [user["dn"]]
        assert group["dn"] in people.get(user["sAMAccountName"])["memberOf"]
        assert [same_dn(dn, user["dn"]) for dn in ldap_admin.members(group["dn"])] == [True]
        assert side.remove(api, group["cn"], user["sAMAccountName"], at=at).status_code == 204
        assert ldap_admin.members(group["dn"]) == []


@both
@pytest.mark.parametrize("pattern", ACCOUNT_NAMES)
def test_user_with_unusual_account_name_can_become_member(api, people, groups, ldap_admin, side,
                                                          pattern):
    user, group = people.create(sAMAccountName=pattern.format(tag()[:9])), groups.create()
    assert side.add(api, group["cn"], user["sAMAccountName"]).status_code == 200
    assert_member(people, groups, ldap_admin, user, group)
    assert side.remove(api, group["cn"], user["sAMAccountName"]).status_code == 204
    assert_member(people, groups, ldap_admin, user, group, False)


# --- unknown and unsuitable members ---------------------------------------------------------------

@both
@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_unknown_group_or_account_is_not_found(api, ldap_admin, side, method, user_and_group):
    user, group = user_and_group
    before = ldap_admin.tree(group["dn"]), ldap_admin.tree(user["dn"])
    for name, account in ((group["cn"], "nobody-at-all"),
                          ("nothing at all", user["sAMAccountName"]),
                          ("nothing at all", "nobody-at-all"), (group["cn"], "*"),
                          ("*", user["sAMAccountName"])):
        contract.check_error(api.request(method, side.path(name, account)), 404, "NOT_FOUND")
    assert (ldap_admin.tree(group["dn"]), ldap_admin.tree(user["dn"])) == before


@both
def test_name_of_computer_or_unit_is_not_a_member_name(api, people, units, ldap_admin,
                                                                  side, user_and_group):
    user, group = user_and_group
    unit, account = units.create(), tag()[:8] + "$"
    ldap_admin.add(f"{rdn(account)},{units.parent}", objectClass="computer", sAMAccountName=account,
                   userAccountControl="4096")
    before = ldap_admin.tree(units.parent)
    for name, member in ((unit["ou"], user["sAMAccountName"]), (group["cn"], account),
                         (user["cn"], user["sAMAccountName"]), (group["cn"], unit["ou"])):
        contract.check_error(side.add(api, name, member), 404, "NOT_FOUND")
        contract.check_error(side.remove(api, name, member), 404, "NOT_FOUND")
    assert ldap_admin.tree(units.parent) == before


@both
def test_member_request_with_unsupported_method_or_parameter_is_refused(api, side, user_and_group):
    user, group = user_and_group
    path = side.path(group["cn"], user["sAMAccountName"])
    for method in ("GET", "PUT", "PATCH"):
        response = api.request(method, path)
        contract.check_error(response, 405, "METHOD_NOT_ALLOWED")
        assert {"POST", "DELETE"} <= set(response.headers["Allow"].replace(",", " ").split())
    response = api.post(path, params={"nonsense": "1"})
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == ["nonsense"]


# --- several groups with the same name ------------------------------------------------------------

@pytest.fixture
def same_name_groups(groups, ldap_admin):
    parents = [ldap_admin.add_ou(f"Ж, {tag()}", groups.parent) for _ in range(2)]
    name = f"a, \"b\" {tag()}"
    return name, [groups.named(name, parent) for parent in parents], parents


@both
def test_parent_dn_selects_one_of_several_groups_with_same_name(api, people, ldap_admin, side,
                                                                same_name_groups):
    name, made, parents = same_name_groups
    user = people.create()
    account = user["sAMAccountName"]
    for call in (side.add, side.remove):
        response = call(api, name, account)
        contract.check_error(response, 409, "AMBIGUOUS")
        assert sorted(response.json()["details"]) == sorted(group["dn"] for group in made)
        for at, code in (("x", "VALIDATION_ERROR"), ("DC=com", "VALIDATION_ERROR"),
                         (f"OU=nowhere,{people.ou}", "PARENT_NOT_FOUND")):
            contract.check_error(call(api, name, account, at=at), 400, code)
        contract.check_error(call(api, name, account, at=people.ou), 404, "NOT_FOUND")
    assert [ldap_admin.members(group["dn"]) for group in made] == [[], []]
    assert side.add(api, name, account, at=parents[1]).status_code == 200
    assert [ldap_admin.members(group["dn"]) for group in made] == [[], [user["dn"]]]
    assert side.remove(api, name, account, at=parents[0]).status_code == 204
    assert [ldap_admin.members(group["dn"]) for group in made] == [[], [user["dn"]]]
    assert side.remove(api, name, account, at=parents[1]).status_code == 204
    assert [ldap_admin.members(group["dn"]) for group in made] == [[], []]


# --- primary groups -------------------------------------------------------------------------------

@both
def test_user_cannot_be_removed_from_primary_group(api, people, ldap_admin, side):
    user = people.create()
    before = ldap_admin.tree(user["dn"])
    response = side.add(api, "Domain Users", user["sAMAccountName"])
    assert response.status_code == 200, response.text
    side.check(response.json())
    contract.check_error(side.remove(api, "Domain Users", user["sAMAccountName"]), 409,
                         "PRIMARY_GROUP")
    assert ldap_admin.tree(user["dn"]) == before
    [group] = people.get(user["sAMAccountName"])["memberOf"]
    assert same_dn(group, ldap_admin.find("Domain Users")[0])


@both
def test_user_can_be_removed_from_former_but_not_from_new_primary_group(api, people, groups,
                                                                        ldap_admin, side,
                                                                        user_and_group):
    """The user cannot be removed from the new primary group, but from the former one."""
    user, group = user_and_group
    account = user["sAMAccountName"]
    former = groups.create()
    ldap_admin.make_primary(former["dn"], user["dn"])
    ldap_admin.make_primary(group["dn"], user["dn"])
    contract.check_error(side.remove(api, group["cn"], account), 409, "PRIMARY_GROUP")
    assert side.add(api, group["cn"], account).status_code == 200
    assert groups.get(group["cn"])["member"] == [user["dn"]]
    assert group["dn"] in people.get(account)["memberOf"]
    assert former["dn"] in people.get(account)["memberOf"]
    assert side.remove(api, former["cn"], account).status_code == 204
    assert former["dn"] not in people.get(account)["memberOf"]


def test_users_are_listed_as_members_of_their_primary_group(api, people, groups, ldap_admin):
    user = people.create()
    _, users = ldap_admin.find("Domain Users")
    found = ldap_admin.search("(primaryGroupID=513)", ["cn"])
    expected = {dn for dn, _ in found} | {dn.decode() for dn in users.get("member", [])}
    group = groups.get("Domain Users")
    assert set(group["member"]) == expected and user["dn"] in expected
    [listed] = [each for each in api.get("/groups", params={
        "search": "Domain Users", "limit": 1000}).json()["items"] if each["cn"] == "Domain Users"]
    assert listed == group


def test_member_list_contains_primary_and_ordinary_members(people, groups, ldap_admin):
    primary, usual, group = people.create(), people.create(), groups.create()
    ldap_admin.make_primary(group["dn"], primary["dn"])
    ldap_admin.add_member(group["dn"], usual["dn"])
    assert sorted(groups.get(group["cn"])["member"]) == sorted([primary["dn"], usual["dn"]])


# --- members that are not users -------------------------------------------------------------------

def test_member_list_contains_contacts_computers_and_groups(groups, ldap_admin):
    group, inner = groups.create(), groups.create()
    contact = ldap_admin.add(f"{rdn('Ж, контакт ' + tag())},{groups.parent}", objectClass="contact")
    name = tag()[:8]
    computer = ldap_admin.add(f"{rdn(name)},{groups.parent}", objectClass="computer",
                              sAMAccountName=f"{name}$", userAccountControl="4096")
    ldap_admin.add_member(group["dn"], contact, computer, inner["dn"])
    found = groups.get(group["cn"])["member"]
    assert len(found) == 3
    for dn in (contact, computer, inner["dn"]):
        assert any(same_dn(dn, each) for each in found)


def test_group_can_be_member_of_group(api, groups, people, ldap_admin, user_and_group):
    user, inner = user_and_group
    outer = groups.create(groupType=-2147483644)
    response = GROUPS_SIDE.add(api, outer["cn"], inner["sAMAccountName"])
    assert response.status_code == 200, response.text
    assert contract.check_group(response.json())["member"] == [inner["dn"]]
    GROUPS_SIDE.add(api, inner["cn"], user["sAMAccountName"])
    # direct members only, not nested ones
    assert groups.get(outer["cn"])["member"] == [inner["dn"]]
    assert outer["dn"] not in people.get(user["sAMAccountName"])["memberOf"]
    assert ldap_admin.members(outer["dn"]) == [inner["dn"]]
    for call in (USERS_SIDE.add, USERS_SIDE.remove):
        contract.check_error(call(api, outer["cn"], inner["sAMAccountName"]), 404, "NOT_FOUND")
    assert GROUPS_SIDE.remove(api, outer["cn"], inner["sAMAccountName"]).status_code == 204
    assert ldap_admin.members(outer["dn"]) == []


DOMAIN_LOCAL, UNIVERSAL, GLOBAL = -2147483644, -2147483640, -2147483646


@pytest.mark.parametrize("outer, inner", [(GLOBAL, DOMAIN_LOCAL), (GLOBAL, UNIVERSAL),
                                          (UNIVERSAL, DOMAIN_LOCAL)])
def test_response_to_nesting_of_incompatible_group_scopes_matches_directory(
        api, groups, ldap_admin, outer, inner):
    """The response must report success exactly if the directory added the member."""
    around, within = groups.create(groupType=outer), groups.create(groupType=inner)
    response = GROUPS_SIDE.add(api, around["cn"], within["sAMAccountName"])
    taken = ldap_admin.members(around["dn"]) == [within["dn"]]
    assert response.status_code == 200 if taken else 400 <= response.status_code < 500


def test_membership_of_group_in_itself_can_be_removed(api, groups, ldap_admin):
    """Windows refuses a group as its own member, Samba does not. If it was added, it can be
    removed."""
    group = groups.create(groupType=UNIVERSAL)
    response = GROUPS_SIDE.add(api, group["cn"], group["sAMAccountName"])
    taken = ldap_admin.members(group["dn"]) == [group["dn"]]
    assert response.status_code == 200 if taken else 400 <= response.status_code < 500
    assert groups.get(group["cn"])["member"] == ldap_admin.members(group["dn"])
    assert GROUPS_SIDE.remove(api, group["cn"], group["sAMAccountName"]).status_code == 204
    assert ldap_admin.members(group["dn"]) == []


# --- moved entries --------------------------------------------------------------------------------

def test_moved_and_renamed_member_stays_member(api, people, groups, ldap_admin, user_and_group):
    user, group = user_and_group
    GROUPS_SIDE.add(api, group["cn"], user["sAMAccountName"])
    moved = people.change(user["sAMAccountName"], cn=f"Новый, {tag()}",
                          parent_dn=ldap_admin.add_ou(tag(), people.ou))
    assert groups.get(group["cn"])["member"] == [moved["dn"]]
    renamed = groups.change(group["cn"], cn=f"Neu + {tag()}",
                            parent_dn=ldap_admin.add_ou(tag(), people.ou))
    assert renamed["member"] == [moved["dn"]]
    assert renamed["dn"] in people.get(user["sAMAccountName"])["memberOf"]
    assert api.delete(user_path(user["sAMAccountName"])).status_code == 204
    assert groups.get(renamed["cn"])["member"] == []


# --- concurrent changes and large groups ----------------------------------------------------------

def create_many_users(people, ldap_admin, count):
    """Creates users over LDAP; returns their account names and DNs."""
    word, parent = tag()[:8], ldap_admin.add_ou(tag(), people.ou)
    names = [f"{word}{number:05}" for number in range(count)]
    ldap_admin.add_all((f"{rdn(name)},{parent}",
                        {"objectClass": "user", "sAMAccountName": name,
                         "userAccountControl": "514"})
                       for name in names)
    return names, [f"{rdn(name)},{parent}" for name in names]


def test_concurrent_additions_to_group_lose_no_member(api, people, groups, ldap_admin):
    """Two clients add 200 members on both paths, while a third keeps adding and removing one
    more."""
    group, restless = groups.create(), people.create()
    names, dns = create_many_users(people, ldap_admin, 200)

    def add(side, some):
        client = api.at(api.base_url)
        return [side.add(client, group["cn"], name).status_code for name in some]

    def add_and_remove(turns):
        client = api.at(api.base_url)
        return [call(client, group["cn"], restless["sAMAccountName"]).status_code
                for _ in range(turns) for call in (GROUPS_SIDE.add, USERS_SIDE.remove)]

    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        work = [pool.submit(add, GROUPS_SIDE, names[:100]), pool.submit(add, USERS_SIDE,
                                                                        names[100:])]
        third = pool.submit(add_and_remove, 40)
        assert {status for each in work for status in each.result()} == {200}
        assert set(third.result()) == {200, 204}
    assert sorted(ldap_admin.members(group["dn"])) == sorted(dns)
    assert sorted(groups.get(group["cn"])["member"]) == sorted(dns)


def test_concurrent_add_and_remove_of_one_member_succeed(api, groups, ldap_admin, user_and_group):
    """No client gets an error because of concurrent requests of other clients."""
    user, group = user_and_group

    def call(number):
        client, side = api.at(api.base_url), SIDES[number % 2]
        work = side.add if number % 4 < 2 else side.remove
        return work(client, group["cn"], user["sAMAccountName"]).status_code

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(call, range(80)))
    assert set(statuses) == {200, 204}, statuses
    assert groups.get(group["cn"])["member"] == ldap_admin.members(group["dn"])


@pytest.fixture(scope="module")
def large_group(groups, ldap_admin):
    """Returns a group with more members than a server returns at once, and their DNs."""
    group, parent = groups.create(), ldap_admin.add_ou(tag(), groups.parent)
    dns = [f"CN={number:05},{parent}" for number in range(LARGE)]
    ldap_admin.add_all((dn, {"objectClass": "contact"}) for dn in dns)
    ldap_admin.add_member(group["dn"], *dns)
    return group, dns


def test_large_group_lists_all_members(api, people, groups, ldap_admin, large_group):
    group, dns = large_group
    assert sorted(groups.get(group["cn"])["member"]) == dns
    user = people.create()
    [listed] = api.get("/groups", params={"search": group["cn"]}).json()["items"]
    assert sorted(listed["member"]) == dns
    answer = GROUPS_SIDE.add(api, group["cn"], user["sAMAccountName"]).json()
    assert sorted(answer["member"]) == sorted([*dns, user["dn"]])
    assert sorted(ldap_admin.members(group["dn"])) == sorted([*dns, user["dn"]])
    assert GROUPS_SIDE.remove(api, group["cn"], user["sAMAccountName"]).status_code == 204
    changed = groups.change(group["cn"], cn=tag(), description="x")
    assert sorted(changed["member"]) == dns
    groups.change(changed["cn"], cn=group["cn"])


def test_user_lists_all_groups_when_member_of_many(people, groups, ldap_admin):
    user, parent = people.create(), ldap_admin.add_ou(tag(), groups.parent)
    word = tag()[:8]
    names = [f"{word}{number:03}" for number in range(150)]
    ldap_admin.add_all((f"{rdn(name)},{parent}",
                        {"objectClass": "group", "sAMAccountName": name, "member": user["dn"]})
                       for name in names)
    found = people.get(user["sAMAccountName"])["memberOf"]
    assert sorted(found) == sorted([*(f"CN={name},{parent}" for name in names),
                                    ldap_admin.find("Domain Users")[0]])
