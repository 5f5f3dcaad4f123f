"""With DIRECTORY_READERS=delegated, an entry that no delegation shows to a caller does not exist
for that caller: every call answers as for a name that nobody has, and lists, counts, trees,
members, groups and errors contain nothing of it. ldapsearch tells which entries are visible."""

import itertools
import math
import re
import uuid

import ldap
import pytest

from support import contract, vault
from support.client import Client, path_of
from support.entries import tag
from support.ldap_admin import guid_text, rdn
from support.people import People
from support.waiting import wait_until

UNIVERSAL = "-2147483640"  # may be a member of groups of every scope
NORMAL_ACCOUNT, WORKSTATION = "512", "4096"
REPEATED = 3
SEARCHES = re.compile(
    r'^kontora_directory_operation_duration_seconds_count{operation="search"} (\d+)', re.M)
CALLERS = ("one", "two", "nested")
FILTERS = {"users": "(sAMAccountType=805306368)", "groups": "(objectClass=group)",
           "ous": "(objectClass=organizationalUnit)",
           "containers": "(objectClass=container)",
           "computers": "(&(objectCategory=computer)(sAMAccountType=805306369))"}


# --- the world ------------------------------------------------------------------------------------

class Unit:
    """An organizational unit with one entry of each kind."""

    def __init__(self, ldap_admin, parent):
        self.ldap_admin, self.dn = ldap_admin, ldap_admin.add_ou(tag(), parent)
        self.user, self.other = self.add_user(), self.add_user()
        self.group, self.outer = self.add_group(), self.add_group()
        self.computer = self.add("computer", tag()[:10] + "$", userAccountControl=WORKSTATION)
        self.unit = ldap_admin.add_ou(tag(), self.dn)
        self.container = ldap_admin.add(f"{rdn(tag())},{self.dn}", objectClass="container")

    def add(self, kind, account, **attributes):
        return self.ldap_admin.add(f"{rdn(account.rstrip('$'))},{self.dn}", objectClass=kind,
                                   sAMAccountName=account, **attributes)

    def add_user(self):
        return self.add("user", tag())

    def add_group(self):
        return self.add("group", tag(), groupType=UNIVERSAL)

    def named(self):
        """Returns the DNs of one entry of each resource."""
        return {"users": self.user, "groups": self.group, "computers": self.computer,
                "ous": self.unit, "containers": self.container}


def name_of(dn):
    return ldap.dn.str2dn(dn)[0][0][1]


class World:
    """Units that some callers see, a unit that no caller sees, and links between all of them."""

    def __init__(self, ldap_admin):
        self.ldap_admin, self.top = ldap_admin, ldap_admin.add_ou(tag())
        self.seen, self.second, self.hidden = (Unit(ldap_admin, self.top) for _ in range(3))
        self.inner = Unit(ldap_admin, self.seen.dn)
        seen, hidden = self.seen, self.hidden
        ldap_admin.set(seen.user, "manager", hidden.user)
        ldap_admin.set(seen.other, "manager", seen.user)
        ldap_admin.set(hidden.other, "manager", seen.user)
        ldap_admin.set(self.second.user, "manager", seen.user)
        ldap_admin.set(seen.computer, "managedBy", hidden.user)
        ldap_admin.add_member(seen.group, seen.user, hidden.user, hidden.group, self.second.user)
        ldap_admin.add_member(hidden.group, seen.user, seen.other, seen.computer, hidden.other)
        ldap_admin.add_member(seen.outer, seen.group, hidden.outer)
        ldap_admin.add_member(hidden.outer, seen.other)

    def guid(self, dn):
        return guid_text(self.ldap_admin.entry(dn, ["objectGUID"])["objectGUID"][0])


@pytest.fixture(scope="module")
def world(ldap_admin):
    return World(ldap_admin)


@pytest.fixture(scope="module")
def administrator(delegated_stack):
    """Returns a client of the local administrator for /api/v1, on the stack with delegations."""
    client = Client(f"{delegated_stack.https_url}/api/v1", delegated_stack.ca_file)
    return client.bearing(client.login(*delegated_stack.administrator)["access_token"])


@pytest.fixture(scope="module")
def make_delegate(administrator, ldap_admin, world):
    """Returns a function that logs in a new user with rights below some scopes."""
    people = People(administrator, ldap_admin, world.hidden.dn)
    made = []

    def make(*scopes, rights=("read",)):
        user = people.create()
        for scope in scopes:
            response = administrator.post("/delegations", json={
                "principal": user["dn"], "scope": scope, "rights": list(rights)})
            assert response.status_code == 201, response.text
            made.append(response.json()["id"])
        tokens = administrator.as_anonymous().login(user["sAMAccountName"], user["password"])
        return administrator.bearing(tokens["access_token"])
    yield make
    for number in made:
        assert administrator.delete(f"/delegations/{number}").status_code == 204


@pytest.fixture(scope="module")
def delegates(make_delegate, world):
    """Returns (client, scopes) of callers with one scope, two disjoint ones, and nested ones."""
    scopes = {"one": [world.seen.dn], "two": [world.seen.dn, world.second.dn],
              "nested": [world.inner.dn, world.seen.dn]}
    return {kind: (make_delegate(*of), of) for kind, of in scopes.items()}


@pytest.fixture(params=CALLERS)
def delegate(request, delegates):
    return delegates[request.param]


# --- references -----------------------------------------------------------------------------------

def visible(ldap_admin, scopes, text, scope=ldap.SCOPE_SUBTREE):
    """Returns the DNs of the entries below the scopes that match a filter, by ldapsearch."""
    found = set()
    for base in scopes:
        found |= {dn for dn, _ in ldap_admin.connection.search_s(base, scope, text, ["1.1"]) if dn}
    return found


def comparable(response, *names):
    """Returns what a response reveals, without what it repeats of the request."""
    headers = {name: value for name, value in response.headers.items()
               if name.lower() not in ("date", "x-request-id", "content-length")}
    body = response.content.decode()
    assert int(response.headers["Content-Length"]) == len(response.content)
    for name in (response.headers.get("X-Request-ID", "-"), *names):
        body = body.replace(name, "?")
    return response.status_code, headers, body


def searches(client):
    """Returns the number of searches so far. Parsing all metrics would take longer than a call."""
    response = client.session.get(client.base_url.removesuffix("/api/v1") + "/metrics")
    return int(SEARCHES.search(response.text)[1])


def read_at_same_cost(client, administrator, *calls):
    """Returns the responses to calls (path, parameters), which must take the same number of
    searches: the fewest of several times, because the service searches in the background, too.
    The calls are repeated until these numbers are the same; a call that always needs more
    searches never gets there."""
    fewest = [math.inf] * len(calls)
    responses = [None] * len(calls)
    rounds = itertools.count(1)

    def are_equal():
        for index, (path, parameters) in enumerate(calls):
            before = searches(administrator)
            responses[index] = client.get(path, params=parameters)
            fewest[index] = min(fewest[index], searches(administrator) - before)
        return next(rounds) >= REPEATED and len(set(fewest)) == 1
    wait_until(are_equal, 60, ["equal numbers of searches", fewest])
    return responses


# --- names ----------------------------------------------------------------------------------------

# Calls below the path of an entry.
CALLS = {
    "users": ["/groups", "/groups?effective=true", "/access", "/photo"],
    "groups": ["/members", "/members?effective=true"],
    "computers": [], "ous": [], "containers": [],
}


def spellings(world, dn):
    """Returns pairs of a name of an entry and one that no entry has, of the same length."""
    name = name_of(dn)
    absent = ("t" + uuid.uuid4().hex)[:len(name)]
    return [(name, absent), (dn, dn.replace(name, absent, 1)), (world.guid(dn), str(uuid.uuid4()))]


@pytest.mark.parametrize("resource", CALLS)
def test_hidden_name_is_answered_like_absent_name(delegate, administrator, world, resource):
    client, _ = delegate
    dn = world.hidden.named()[resource]
    for hidden, absent in spellings(world, dn):
        paths = [path_of(f"/{resource}", name) for name in (hidden, absent)]
        there, nowhere = read_at_same_cost(client, administrator, *((path, {}) for path in paths))
        assert there.status_code == 404, there.text
        assert comparable(there, hidden) == comparable(nowhere, absent)
        for call in CALLS[resource]:
            there, nowhere = (client.get(path + call) for path in paths)
            assert there.status_code == 404, (call, there.text)
            assert comparable(there, hidden) == comparable(nowhere, absent)


@pytest.mark.parametrize("resource", CALLS)
def test_visible_name_is_found_by_every_spelling(delegate, world, resource):
    client, _ = delegate
    dn = world.seen.named()[resource]
    for name, _ in spellings(world, dn):
        response = client.get(path_of(f"/{resource}", name))
        assert response.status_code == 200, response.text
        assert response.json()["dn"] == dn


def test_policy_of_hidden_user_is_answered_like_that_of_absent_user(delegate, world):
    client, _ = delegate
    for hidden, absent in spellings(world, world.hidden.user):
        there = client.get("/password-policy", params={"user": hidden})
        nowhere = client.get("/password-policy", params={"user": absent})
        assert there.status_code == 404
        assert comparable(there, hidden) == comparable(nowhere, absent)


@pytest.mark.parametrize("path", ["/users", "/groups", "/ous", "/containers", "/computers", "/tree",
                                  "/users/{name}", "/groups/{name}/members", "/ous/{name}"])
def test_hidden_parent_is_answered_like_absent_parent(delegate, administrator, world, path):
    client, _ = delegate
    absent = world.hidden.dn.replace(name_of(world.hidden.dn), tag(), 1)
    for dn, other in ((world.hidden.dn, absent), (world.hidden.user, f"{rdn(tag())},{absent}"),
                      (world.top, f"OU={tag()},{world.ldap_admin.base_dn}")):
        path = path.replace("{name}", name_of(world.hidden.group))
        there, nowhere = read_at_same_cost(client, administrator, (path, {"parent_dn": dn}),
                                           (path, {"parent_dn": other}))
        contract.check_error(there, 400, "PARENT_NOT_FOUND")
        assert comparable(there, dn) == comparable(nowhere, other)


def test_hidden_entry_does_not_make_a_name_ambiguous(delegate, world, ldap_admin):
    client, _ = delegate
    name = tag()
    made = [ldap_admin.add_ou(name, unit.dn) for unit in (world.hidden, world.inner)]
    response = client.get(path_of("/ous", name))
    assert response.status_code == 200, response.text
    assert response.json()["dn"] == f"OU={name},{world.inner.dn}"
    made.append(ldap_admin.add_ou(name, world.seen.dn))
    response = client.get(path_of("/ous", name))
    contract.check_error(response, 409, "AMBIGUOUS")
    assert name_of(world.hidden.dn) not in response.text
    assert world.inner.dn in response.text
    for dn in made:
        ldap_admin.delete(dn)


def test_directory_user_without_delegation_reads_nothing(make_delegate, world):
    client = make_delegate()
    for path in ("/users", "/tree", path_of("/users", name_of(world.seen.user)), "/groups"):
        contract.check_error(client.get(path), 403, "FORBIDDEN")


# --- lists ----------------------------------------------------------------------------------------

def read_list(client, resource, **parameters):
    return [item["dn"] for item in contract.read_list(client, f"/{resource}", **parameters)]


@pytest.mark.parametrize("resource", FILTERS)
def test_list_has_exactly_the_visible_entries(delegate, ldap_admin, resource):
    client, scopes = delegate
    expected = visible(ldap_admin, scopes, FILTERS[resource])
    assert expected
    for order in ({}, {"sort": "objectGUID"}, {"sort": "-whenCreated"}, {"sort": "dn"}):
        found = read_list(client, resource, **order)
        assert len(found) == len(set(found)) and set(found) == expected, order


@pytest.mark.parametrize("resource", FILTERS)
def test_pages_of_list_are_complete_and_sorted(delegate, administrator, resource):
    client, _ = delegate
    whole = read_list(client, resource)
    key = {"users": "sAMAccountName", "groups": "cn", "ous": "ou", "containers": "cn",
           "computers": "cn"}[resource]
    pages, names = [], []
    for skip in range(0, len(whole) + 2, 2):
        body = client.get(f"/{resource}", params={"skip": skip, "limit": 2}).json()
        assert body["total"] == len(whole)
        pages += [item["dn"] for item in body["items"]]
        names += [item[key] for item in body["items"]]
    assert pages == whole
    assert names == sorted(names)
    descending = read_list(client, resource, sort=f"-{key}")
    assert descending == whole[::-1]
    assert [dn for dn in read_list(administrator, resource, search="t") if dn in whole] == whole


def test_list_sorted_by_a_flag_has_every_entry_once(delegate, ldap_admin, world):
    client, scopes = delegate
    ldap_admin.set(world.inner.user, "userAccountControl", str(int(NORMAL_ACCOUNT) | 0x20 | 0x2))
    for sort in ("enabled", "-enabled", "accountExpires", "-accountExpires"):
        found = read_list(client, "users", sort=sort)
        assert len(found) == len(set(found))
        assert set(found) == visible(ldap_admin, scopes, FILTERS["users"])


def test_first_and_last_page_of_several_places_cost_the_same(delegates, administrator, world):
    client, _ = delegates["two"]
    whole = read_list(client, "users")
    # the second reading of a page finds the order in the cache of the worker
    read_at_same_cost(client, administrator,
                      *(("/users", {"skip": skip, "limit": 2}) for skip in (0, len(whole) - 2)))


def test_one_level_list_has_only_scopes_directly_below_the_base(make_delegate, world, ldap_admin):
    client = make_delegate(world.top)
    assert read_list(client, "ous", scope="one") == [world.top]
    client = make_delegate(world.seen.dn)
    assert read_list(client, "ous", scope="one") == []
    assert set(read_list(client, "ous", scope="one", parent_dn=world.seen.dn)) == visible(
        ldap_admin, [world.seen.dn], FILTERS["ous"], ldap.SCOPE_ONELEVEL)


def test_search_and_filter_find_visible_entries_only(delegate, world):
    client, scopes = delegate
    for unit in (world.seen, world.second, world.hidden, world.inner):
        name = name_of(unit.user)
        expected = [unit.user] if any(unit.user.endswith(scope) for scope in scopes) else []
        assert read_list(client, "users", search=name) == expected
        assert read_list(client, "users", filter=f'sAMAccountName eq "{name}"') == expected
        assert read_list(client, "users", filter=f'dn eq "{unit.user}"') == expected
        assert read_list(client, "users",
                         filter=f'objectGUID eq "{world.guid(unit.user)}"') == expected


def test_new_entry_is_in_the_next_page(delegates, world, ldap_admin):
    client, scopes = delegates["two"]
    before = read_list(client, "users")
    dn = world.second.add_user()
    assert set(read_list(client, "users")) == {*before, dn}
    ldap_admin.delete(dn)
    assert read_list(client, "users") == before


# --- filters over links ---------------------------------------------------------------------------

@pytest.mark.parametrize("resource, field, target", [
    ("users", "manager", "user"), ("users", "memberOf", "group"),
    ("users", "directReports", "other"), ("computers", "managedBy", "user"),
    ("groups", "member", "user"),
    ("computers", "memberOf", "group")])
def test_filter_treats_a_hidden_entry_like_an_absent_one(delegate, administrator, world,
                                                               resource, field, target):
    client, _ = delegate
    hidden = getattr(world.hidden, target)
    absent = hidden.replace(name_of(hidden), tag(), 1)
    for text, expected in (('{} eq "{}"', []), ('{} ne "{}"', read_list(client, resource)),
                           ('not ({} eq "{}")', read_list(client, resource))):
        there, nowhere = read_at_same_cost(
            client, administrator,
            *((f"/{resource}", {"limit": 1000, "filter": text.format(field, dn)})
              for dn in (hidden, absent)))
        assert there.status_code == 200, there.text
        assert comparable(there) == comparable(nowhere)
        assert [item["dn"] for item in there.json()["items"]] == expected


def test_comparison_with_visible_entry_finds_visible_entries(delegate, ldap_admin, world):
    client, scopes = delegate
    for resource, field, dn, back in (("users", "manager", world.seen.user, "manager"),
                                      ("users", "memberOf", world.seen.group, "memberOf"),
                                      ("groups", "member", world.seen.user, "member")):
        expected = visible(ldap_admin, scopes, f"(&{FILTERS[resource]}({back}={dn}))")
        assert set(read_list(client, resource, filter=f'{field} eq "{dn}"')) == expected


@pytest.mark.parametrize("resource, field", [("users", "manager"), ("users", "directReports"),
                                             ("users", "memberOf"), ("computers", "managedBy")])
def test_pr_of_links_is_rejected(delegate, resource, field):
    client, _ = delegate
    for text in (f"{field} pr", f"not ({field} pr)", f"{field} eq null", f"{field} ne null"):
        response = client.get(f"/{resource}", params={"filter": text})
        if field in ("directReports", "memberOf") and "null" in text:
            assert response.status_code == 400
        else:
            assert contract.check_error(response, 400, "VALIDATION_ERROR") == ["filter"]


def test_list_is_not_sorted_by_references(delegate):
    client, _ = delegate
    response = client.get("/users", params={"sort": "manager"})
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == ["sort"]
    assert "manager" not in response.text


# --- values ---------------------------------------------------------------------------------------

def read_entry(client, resource, dn):
    response = client.get(path_of(f"/{resource}", dn))
    assert response.status_code == 200, response.text
    return response.json(), response.headers["ETag"]


def test_values_that_refer_to_hidden_entries_are_absent(delegate, world):
    client, scopes = delegate
    second = world.second.dn in scopes
    user, _ = read_entry(client, "users", world.seen.user)
    assert user["manager"] is None
    assert set(user["directReports"]) == {world.seen.other,
                                          *([world.second.user] if second else [])}
    assert user["memberOf"] == [world.seen.group]
    other, _ = read_entry(client, "users", world.seen.other)
    assert other["manager"]["dn"] == world.seen.user
    group, _ = read_entry(client, "groups", world.seen.group)
    assert set(group["member"]) == {world.seen.user, *([world.second.user] if second else [])}
    computer, _ = read_entry(client, "computers", world.seen.computer)
    assert computer["managedBy"] is None
    response = client.get("/users", params={
        "limit": 1000, "fields": "dn,manager,directReports,memberOf"})
    listed = {item["dn"]: item for item in response.json()["items"]}
    assert listed[world.seen.user] == {key: user[key] for key in listed[world.seen.user]}
    assert name_of(world.hidden.dn) not in response.text


def test_version_depends_on_visible_values_only(delegates, world, ldap_admin):
    client, _ = delegates["one"]
    group = world.seen.add_group()
    user = world.seen.add_user()
    ldap_admin.add_member(group, world.seen.computer)
    before, user_before = read_entry(client, "groups", group), read_entry(client, "users", user)
    ldap_admin.add_member(group, world.hidden.user)
    ldap_admin.set(user, "manager", world.hidden.user)
    unchanged = ("whenChanged", "uSNChanged")
    for dn, resource, (was, etag) in ((group, "groups", before), (user, "users", user_before)):
        now, etag_now = read_entry(client, resource, dn)
        assert etag_now == etag
        assert {key: value for key, value in now.items() if key not in unchanged} == {
            key: value for key, value in was.items() if key not in unchanged}
    ldap_admin.add_member(group, user)
    assert read_entry(client, "groups", group)[1] != before[1]


def members(client, dn, **parameters):
    response = client.get(path_of("/groups", dn, "members"), params={"limit": 100, **parameters})
    assert response.status_code == 200, response.text
    body = response.json()
    assert body["total"] == len(body["items"])
    assert "t" in response.text
    return {item["dn"] for item in body["items"]}, response.text


def test_member_list_omits_hidden_members(delegate, world):
    client, scopes = delegate
    second = {world.second.user} if world.second.dn in scopes else set()
    found, text = members(client, world.seen.group)
    assert found == {world.seen.user, *second}
    assert name_of(world.hidden.dn) not in text
    # without those of the hidden nested group, which would show that there is one
    found, text = members(client, world.seen.group, effective="true")
    assert found == {world.seen.user, *second}
    assert name_of(world.hidden.dn) not in text
    assert members(client, world.seen.group, search=name_of(world.hidden.user))[0] == set()
    assert members(client, world.seen.group, filter='kind eq "group"')[0] == set()


def test_groups_of_user_omit_hidden_groups(delegate, world):
    client, _ = delegate
    path = path_of("/users", world.seen.other, "groups")
    response = client.get(path)
    assert response.json()["items"] == []
    response = client.get(path, params={"effective": "true"})
    assert name_of(world.hidden.dn) not in response.text
    assert "Domain Users" not in response.text
    assert response.json()["items"] == []  # a hidden group leads to two visible ones
    response = client.get(path_of("/users", world.seen.user, "groups"),
                          params={"effective": "true"})
    found = {item["dn"]: (item["kind"], item["paths"]) for item in response.json()["items"]}
    assert found == {world.seen.group: ("direct", [[world.seen.group]]),
                     world.seen.outer: ("nested", [[world.seen.group, world.seen.outer]])}


def test_hidden_nested_groups_cost_nothing(delegates, administrator, world, ldap_admin):
    """Otherwise the time of a reply would show them."""
    client, _ = delegates["one"]
    (user, group), others = [(world.seen.add_user(), world.seen.add_group()) for _ in range(2)]
    for member, place in ((user, group), others):
        ldap_admin.add_member(place, member)
    paths, other_paths = ([path_of("/users", member, "groups"),
                           path_of("/groups", place, "members")]
                          for member, place in ((user, group), others))
    effective = {"effective": "true"}
    before = [client.get(path, params=effective) for path in paths]
    outer, inner = world.hidden.add_group(), world.hidden.add_group()
    ldap_admin.add_member(outer, user)
    ldap_admin.add_member(world.hidden.group, outer)
    ldap_admin.add_member(group, inner)
    ldap_admin.add_member(inner, world.seen.other)
    for path, other, was in zip(paths, other_paths, before):
        now, _ = read_at_same_cost(client, administrator, (path, effective), (other, effective))
        assert comparable(now) == comparable(was)


def test_policy_does_not_name_a_hidden_settings_object(delegates, world, ldap_admin,
                                                        administrator):
    client, _ = delegates["one"]
    user = world.seen.add_user()
    settings = ldap_admin.add_password_settings(tag(), user)
    try:
        parameters = {"user": user}
        shown = administrator.get("/password-policy", params=parameters).json()
        assert shown["dn"] == settings
        response = client.get("/password-policy", params=parameters)
        assert response.status_code == 200, response.text
        assert response.json() == {**shown, "dn": None, "name": None}
    finally:
        ldap_admin.delete(settings)


# --- the tree -------------------------------------------------------------------------------------

def test_tree_begins_with_the_places_of_the_caller(delegate, ldap_admin, world):
    client, scopes = delegate
    response = client.get("/tree")
    assert response.status_code == 200, response.text
    tree = contract.check_tree(response.json())
    assert tree["dn"].lower() == ldap_admin.base_dn.lower()
    tops = [scope for scope in scopes if scope != world.inner.dn]
    assert {child["dn"] for child in tree["children"]} == set(tops)
    names = [child["name"] for child in tree["children"]]
    assert names == sorted(names)
    for child in tree["children"]:
        assert child["counts"] == {
            kind: len(visible(ldap_admin, [child["dn"]], FILTERS[kind], ldap.SCOPE_ONELEVEL))
            for kind in ("ous", "users", "groups", "computers")}
        assert child["has_children"]


def test_tree_below_a_visible_parent_is_complete(delegate, administrator, world):
    client, _ = delegate
    for parent in (world.seen.dn, world.inner.dn):
        shown = client.get("/tree", params={"parent_dn": parent})
        assert shown.json() == administrator.get("/tree", params={"parent_dn": parent}).json()


# --- changes --------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def manager(make_delegate, world):
    """Returns a client that may change the entries of two places."""
    return make_delegate(world.seen.dn, world.second.dn,
                         rights=("read", "update", "create", "delete", "move", "members"))


@pytest.mark.parametrize("resource, field", [("users", "manager"), ("computers", "managedBy")])
def test_reference_to_hidden_entry_is_refused_like_to_absent_entry(manager, world, resource, field):
    path = path_of(f"/{resource}", world.seen.named()[resource])
    for hidden, absent in spellings(world, world.hidden.user)[1:]:
        there, nowhere = (manager.patch(path, json={field: value}) for value in (hidden, absent))
        assert there.status_code == 400, there.text
        assert comparable(there, hidden) == comparable(nowhere, absent)


def test_hidden_member_and_group_are_answered_like_absent_ones(manager, world):
    for hidden, absent in spellings(world, world.hidden.user):
        there, nowhere = (manager.post(path_of("/groups", world.seen.group, "members", name))
                          for name in (hidden, absent))
        assert there.status_code == 404, there.text
        assert comparable(there, hidden) == comparable(nowhere, absent)
    for hidden, absent in spellings(world, world.hidden.group):
        there, nowhere = (manager.post(path_of("/users", world.seen.user, "groups", name))
                          for name in (hidden, absent))
        assert there.status_code == 404, there.text
        assert comparable(there, hidden) == comparable(nowhere, absent)


def test_change_of_hidden_entry_is_answered_like_that_of_absent_entry(manager, world):
    for resource, dn in world.hidden.named().items():
        for hidden, absent in spellings(world, dn):
            for method, body in (("PATCH", {"description": "x"}), ("DELETE", None)):
                there, nowhere = (manager.request(method, path_of(f"/{resource}", name), json=body)
                                  for name in (hidden, absent))
                assert there.status_code == 404, there.text
                assert comparable(there, hidden) == comparable(nowhere, absent)


def test_move_below_hidden_parent_is_refused_like_below_absent_parent(manager, world):
    absent = world.hidden.dn.replace(name_of(world.hidden.dn), tag(), 1)
    path = path_of("/users", world.seen.other)
    there, nowhere = (manager.patch(path, json={"parent_dn": dn})
                      for dn in (world.hidden.dn, absent))
    contract.check_error(there, 400, "PARENT_NOT_FOUND")
    assert comparable(there, world.hidden.dn) == comparable(nowhere, absent)
    bodies = [{"cn": tag(), "sAMAccountName": tag(), "ou": dn, "password": vault.password()}
              for dn in (world.hidden.dn, absent)]
    there, nowhere = (manager.post("/users", json=body) for body in bodies)
    contract.check_error(there, 400, "PARENT_NOT_FOUND")
    assert comparable(there, world.hidden.dn) == comparable(nowhere, absent)


def test_primary_members_are_named_only_if_visible(manager, world, ldap_admin):
    group = world.seen.add_group()
    for unit in (world.hidden, world.second):
        ldap_admin.make_primary(group, unit.add_user())
    response = manager.delete(path_of("/groups", group))
    contract.check_error(response, 409, "HAS_PRIMARY_MEMBERS")
    assert world.second.dn in response.text
    assert world.hidden.dn not in response.text


def test_hidden_members_by_primary_group_are_omitted(delegates, world, ldap_admin):
    group = world.seen.add_group()
    users = [unit.add_user() for unit in (world.seen, world.second, world.hidden)]
    for user in users:
        ldap_admin.make_primary(group, user)
    for kind, count in (("one", 1), ("two", 2)):
        client, _ = delegates[kind]
        assert members(client, group)[0] == set(users[:count])
        assert set(read_entry(client, "groups", group)[0]["member"]) == set(users[:count])
        assert set(read_list(client, "users", filter=f'memberOf eq "{group}"')) == set(
            users[:count])


def test_etag_stays_valid_when_only_hidden_values_change(manager, world, ldap_admin):
    group = world.seen.add_group()
    _, etag = read_entry(manager, "groups", group)
    ldap_admin.add_member(group, world.hidden.user)
    path, headers = path_of("/groups", group), {"If-Match": etag}
    response = manager.patch(path, json={"description": "x"}, headers=headers)
    assert response.status_code == 200, response.text
    contract.check_error(manager.patch(path, json={"description": "y"}, headers=headers), 412,
                         "PRECONDITION_FAILED")
    assert ldap_admin.members(group) == [world.hidden.user]


@pytest.mark.parametrize("resource, field", [("users", "manager"), ("computers", "managedBy")])
@pytest.mark.parametrize("conditional", [False, True])
def test_hidden_value_is_not_removed(manager, world, ldap_admin, resource, field, conditional):
    """Otherwise the new time of the last change would show that there was one."""
    dn = (world.seen.add_user() if resource == "users" else
          world.seen.add("computer", tag()[:10] + "$", userAccountControl=WORKSTATION))
    ldap_admin.set(dn, field, world.hidden.user)
    before, path = ldap_admin.entry(dn), path_of(f"/{resource}", dn)
    headers = {"If-Match": read_entry(manager, resource, dn)[1]} if conditional else {}
    response = manager.patch(path, json={field: None}, headers=headers)
    assert response.status_code == 200, response.text
    assert ldap_admin.entry(dn) == before
    response = manager.patch(path, json={field: world.seen.user}, headers=headers)
    assert response.status_code == 200, response.text
    shown = response.json()[field]
    assert (shown["dn"] if resource == "users" else shown) == world.seen.user


def test_taken_account_name_does_not_name_the_hidden_account(manager, world):
    response = manager.post("/groups", json={
        "cn": tag(), "sAMAccountName": name_of(world.hidden.user), "ou": world.seen.dn})
    contract.check_error(response, 409, "ALREADY_EXISTS")
    assert "sAMAccountName" in response.text
    assert name_of(world.hidden.dn) not in response.text
    response = manager.post("/groups", json={
        "cn": tag(), "sAMAccountName": name_of(world.second.user), "ou": world.seen.dn})
    assert world.second.user in response.text
