"""GET /groups/{name}/members: pages of direct and effective members."""

import itertools

import pytest

from support import contract, filters
from support.client import path_of
from support.entries import tag
from support.filters import BOOLEAN, IDENTIFIER, TEXT, Field
from support.ldap_admin import guid_text, rdn, same_dn

DOMAIN_LOCAL, UNIVERSAL, GLOBAL = -2147483644, -2147483640, -2147483646
LARGE = 1600  # more than the 1,500 values that Active Directory returns at once
FOREIGN_RIDS = itertools.count(5000)


def page_of(api, group, **parameters):
    """Returns a page of members as the body of the response."""
    response = api.get(path_of("/groups", group["cn"], "members"), params=parameters)
    assert response.status_code == 200, response.text
    body = response.json()
    for member in contract.check_page(body):
        contract.check_group_member(member)
    return body


def members_of(api, group, **parameters):
    return page_of(api, group, **{"limit": 1000, **parameters})["items"]


def dns_of(api, group, **parameters):
    return sorted(member["dn"] for member in members_of(api, group, **parameters))


def all_pages(api, group, limit, **parameters):
    """Follows the cursors; returns the pages."""
    pages = [page_of(api, group, limit=limit, **parameters)]
    while pages[-1]["next"]:
        pages.append(page_of(api, group, limit=limit, after=pages[-1]["next"], **parameters))
    return pages


@pytest.fixture
def group(groups):
    return groups.create(groupType=DOMAIN_LOCAL)


# --- kinds ----------------------------------------------------------------------------------------

def account_of(object_class, **attributes):
    def add(ldap_admin, parent):
        name = tag()[:10]
        return ldap_admin.add(f"{rdn(name)},{parent}", **{
            "objectClass": object_class, "sAMAccountName": f"{name}$",
            "userAccountControl": "4096", **attributes})
    return add


def add_foreign_principal(ldap_admin, parent):
    sid = f"S-1-5-21-4-5-6-{next(FOREIGN_RIDS)}"
    inner = ldap_admin.add(f"{rdn(tag())},{parent}", objectClass="group", sAMAccountName=tag(),
                           groupType=str(DOMAIN_LOCAL))
    ldap_admin.add_member(inner, f"<SID={sid}>")
    ldap_admin.delete(inner)
    return f"CN={sid},CN=ForeignSecurityPrincipals,{ldap_admin.base_dn}"


KINDS = {
    "user": ("user", True, lambda admin, ou: admin.add(
        f"{rdn('Жук, ' + tag())},{ou}", objectClass="user", sAMAccountName=tag(),
        userAccountControl="544")),
    "disabled user": ("user", False, lambda admin, ou: admin.add(
        f"{rdn(tag())},{ou}", objectClass="user", sAMAccountName=tag(),
        userAccountControl="514")),
    "group": ("group", None, lambda admin, ou: admin.add(
        f"{rdn(tag())},{ou}", objectClass="group", sAMAccountName=tag())),
    "computer": ("computer", True, account_of("computer")),
    "disabled computer": ("computer", False, account_of("computer", userAccountControl="4098")),
    "contact": ("contact", None, lambda admin, ou: admin.add(
        rdn(f'Ж, "контакт" + {tag()}') + f",{ou}", objectClass="contact")),
    "managed service account": ("service_account", True,
                                account_of("msDS-ManagedServiceAccount")),
    "group managed service account": (
        "service_account", True, account_of("msDS-GroupManagedServiceAccount",
                                            **{"msDS-ManagedPasswordInterval": "30"})),
    "foreign principal": ("foreign", None, add_foreign_principal),
    "unit": ("other", None, lambda admin, ou: admin.add_ou(tag(), ou)),
}


@pytest.mark.parametrize("effective", [False, True])
@pytest.mark.parametrize("of", KINDS)
def test_member_is_shown_with_its_kind_and_can_be_removed(api, ldap_admin, ou, group, of,
                                                          effective):
    kind, enabled, add = KINDS[of]
    dn = add(ldap_admin, ou)
    ldap_admin.add_member(group["dn"], dn)
    [member] = members_of(api, group, effective=str(effective).lower())
    [entry] = ldap_admin.ldapsearch("(objectClass=*)", "objectGUID", "name", base=dn)
    assert same_dn(member["dn"], dn)
    assert member["objectGUID"] == guid_text(entry["objectGUID"][0])
    assert member["name"] == entry["name"][0].decode()
    assert (member["kind"], member["enabled"]) == (kind, enabled)
    identifier = member["objectGUID" if effective else "dn"]
    removed = api.delete(path_of("/groups", group["cn"], "members", identifier))
    assert removed.status_code == 204, removed.text
    assert ldap_admin.members(group["dn"]) == []
    assert members_of(api, group) == []
    ldap_admin.delete(dn)


def test_member_that_is_domain_controller_has_kind_computer(api, groups, ldap_admin, group):
    ldap_admin.add_member(group["dn"], f"CN=DC1,OU=Domain Controllers,{ldap_admin.base_dn}")
    [member] = members_of(api, group)
    assert (member["name"], member["kind"], member["enabled"]) == ("DC1", "computer", True)
    ldap_admin.delete(group["dn"])


def test_empty_group_has_no_members(api, group):
    for effective in ("false", "true"):
        assert page_of(api, group, effective=effective) == {
            "items": [], "total": 0, "skip": 0, "limit": 10, "pages": 0, "next": None}


# --- primary members ------------------------------------------------------------------------------

def test_members_by_primary_group_are_shown_once(api, groups, people, ldap_admin):
    group, former = groups.create(), groups.create()
    primary, ordinary = people.create(), people.create()
    ldap_admin.make_primary(group["dn"], primary["dn"])
    ldap_admin.add_member(group["dn"], ordinary["dn"])
    expected = sorted([primary["dn"], ordinary["dn"]])
    assert dns_of(api, group) == dns_of(api, group, effective="true") == expected
    ldap_admin.make_primary(former["dn"], primary["dn"])
    assert dns_of(api, group) == expected  # Active Directory made it an ordinary member
    assert dns_of(api, former) == [primary["dn"]]


def test_members_of_domain_users_equal_member_of_group(api, groups, people):
    people.create()
    everybody = {"cn": "Domain Users"}
    listed = [member["dn"] for page in all_pages(api, everybody, 1000) for member in page["items"]]
    assert sorted(listed) == sorted(groups.get("Domain Users")["member"])
    assert page_of(api, everybody)["total"] == len(listed)


# --- effective members ----------------------------------------------------------------------------

def test_effective_members_are_those_of_all_nested_groups_once(api, groups, people, ldap_admin):
    """A diamond: the person is a member of both inner groups, and the inner groups of the outer
    one."""
    outer, left, right, bottom = (groups.create(groupType=UNIVERSAL) for _ in range(4))
    person, other, direct = (people.create() for _ in range(3))
    ldap_admin.add_member(outer["dn"], left["dn"], right["dn"], direct["dn"])
    ldap_admin.add_member(left["dn"], bottom["dn"], person["dn"])
    ldap_admin.add_member(right["dn"], bottom["dn"], person["dn"])
    ldap_admin.add_member(bottom["dn"], other["dn"], person["dn"])
    everybody = [each["dn"] for each in (left, right, bottom, person, other, direct)]
    assert dns_of(api, outer, effective="true") == sorted(everybody)
    assert dns_of(api, outer) == sorted([left["dn"], right["dn"], direct["dn"]])
    people_only = [member["dn"] for member in members_of(api, outer, effective="true")
                   if member["kind"] == "user"]
    assert sorted(people_only) == sorted([person["dn"], other["dn"], direct["dn"]])
    assert page_of(api, outer, effective="true")["total"] == 6


def test_loop_of_groups_ends(api, groups, people, ldap_admin):
    loop = [groups.create(groupType=UNIVERSAL) for _ in range(3)]
    persons = [people.create() for _ in range(3)]
    for at in range(3):
        ldap_admin.add_member(loop[at]["dn"], loop[(at + 1) % 3]["dn"], persons[at]["dn"])
    for at in range(3):
        others = [group["dn"] for group in loop if group is not loop[at]]
        assert dns_of(api, loop[at], effective="true") == sorted(
            [*others, *(person["dn"] for person in persons)])


def test_group_that_contains_itself_is_no_effective_member(api, groups, people, ldap_admin):
    group, person = groups.create(groupType=UNIVERSAL), people.create()
    ldap_admin.add_member(group["dn"], group["dn"], person["dn"])
    assert dns_of(api, group) == sorted([group["dn"], person["dn"]])
    assert dns_of(api, group, effective="true") == [person["dn"]]


def test_primary_members_of_nested_group_are_effective_members(api, groups, people, ldap_admin):
    outer, inner, person = groups.create(groupType=UNIVERSAL), groups.create(), people.create()
    ldap_admin.add_member(outer["dn"], inner["dn"])
    ldap_admin.make_primary(inner["dn"], person["dn"])
    assert dns_of(api, outer, effective="true") == sorted([inner["dn"], person["dn"]])
    assert dns_of(api, outer) == [inner["dn"]]


def test_deeply_nested_member_is_found(api, groups, people, ldap_admin):
    chain = [groups.create(groupType=UNIVERSAL) for _ in range(12)]
    person = people.create()
    for outer, inner in itertools.pairwise(chain):
        ldap_admin.add_member(outer["dn"], inner["dn"])
    ldap_admin.add_member(chain[-1]["dn"], person["dn"])
    assert dns_of(api, chain[0], effective="true") == sorted(
        [*(group["dn"] for group in chain[1:]), person["dn"]])


# --- search ---------------------------------------------------------------------------------------

def test_search_finds_members_by_words_of_their_names(api, people, ldap_admin, group):
    one = people.create(givenName="Артём", sn="Петров", mail=f"{tag()}@example.com")
    other = people.create(givenName="Иван", sn="Петров")
    outside = people.create(givenName="Артём", sn="Петров")
    ldap_admin.add_member(group["dn"], one["dn"], other["dn"])
    for text, found in (("Петров", [one, other]), ("артем петров", [one]), ("ПЕТРОВ Артём", [one]),
                        ("етро", [one, other]), (one["mail"], [one]),
                        (other["sAMAccountName"][1:], [other]), (outside["cn"], []), ("  ", [
                            one, other]), ("Сидоров", [])):
        expected = sorted(person["dn"] for person in found)
        assert dns_of(api, group, search=text) == expected, text
        assert dns_of(api, group, search=text, effective="true") == expected, text
        assert page_of(api, group, search=text)["total"] == len(expected)


def test_search_finds_effective_members(api, groups, people, ldap_admin):
    outer, inner, person = groups.create(groupType=UNIVERSAL), groups.create(), people.create()
    ldap_admin.add_member(outer["dn"], inner["dn"])
    ldap_admin.add_member(inner["dn"], person["dn"])
    assert dns_of(api, outer, search=person["cn"]) == []
    assert dns_of(api, outer, search=person["cn"], effective="true") == [person["dn"]]


@pytest.mark.parametrize("text", ["*", "(", ")(objectClass=*", "\\2a", "\\", "a*b", "|(cn=*)", "%"])
def test_special_characters_in_search_of_members_are_literal(api, people, ldap_admin, group, text):
    person, named = people.create(), people.create(sn=f"a{text}b")
    ldap_admin.add_member(group["dn"], person["dn"], named["dn"])
    found = dns_of(api, group, search=text)
    ldap_admin.delete(named["dn"])  # searches of other tests would find it
    assert person["dn"] not in found


# --- filters, orders and fields -------------------------------------------------------------------

@pytest.fixture
def mixed_group(ldap_admin, ou, group):
    """A group with one member of each of KINDS; returns its members by the name of the kind."""
    dns = {of: add(ldap_admin, ou) for of, (_, _, add) in KINDS.items()}
    ldap_admin.add_member(group["dn"], *dns.values())
    yield dns
    for dn in dns.values():
        ldap_admin.delete(dn)


def test_filter_finds_members_by_each_field(api, group, mixed_group):
    everybody = members_of(api, group)
    assert len(everybody) == len(KINDS)
    tests = {f'kind eq "{kind}"': lambda item, kind=kind: item["kind"] == kind
             for kind in {kind for kind, _, _ in KINDS.values()}}
    tests |= {
        'kind ne "USER"': lambda item: item["kind"] != "user",
        'kind co "o"': lambda item: "o" in item["kind"],
        "kind pr": lambda item: True,
        "enabled eq true": lambda item: item["enabled"] is True,
        "enabled eq false": lambda item: item["enabled"] is False,
        "enabled ne true": lambda item: item["enabled"] is not True,
        "enabled eq null": lambda item: item["enabled"] is None,
        'name sw "Жук," or kind eq "group"':
            lambda item: item["name"].startswith("Жук,") or item["kind"] == "group",
        f'dn eq "{mixed_group["unit"]}"': lambda item: item["dn"] == mixed_group["unit"],
        f'not (objectGUID eq "{everybody[0]["objectGUID"]}")': lambda item: item != everybody[0],
    }
    for text, expected in tests.items():
        for effective in ("false", "true"):
            assert members_of(api, group, filter=text, effective=effective) == [
                item for item in everybody if expected(item)], text


def test_filter_and_search_are_combined(api, group, mixed_group):
    found = members_of(api, group, filter="enabled eq true", search="жук")
    assert [member["kind"] for member in found] == ["user"]
    assert members_of(api, group, filter="enabled eq false", search="жук") == []


def test_pages_of_filtered_members_in_reverse_order(api, group, mixed_group):
    whole = [member["dn"] for member in members_of(api, group, filter="enabled ne false")]
    pages = all_pages(api, group, 3, filter="enabled ne false", sort="-name")
    assert [member["dn"] for page in pages for member in page["items"]] == whole[::-1]
    assert pages[0]["total"] == len(whole)
    assert [member["dn"] for member in members_of(api, group, filter="enabled ne false",
                                                  sort="name")] == whole
    response = api.get(path_of("/groups", group["cn"], "members"),
                       params={"after": pages[0]["next"]})
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == ["after"]


def order_key(member, name):
    value = member[name]
    return (value is None, value.lower() if isinstance(value, str) else value or False)


@pytest.mark.parametrize("sort", ["name", "dn", "objectGUID", "kind", "enabled"])
def test_members_are_sorted_by_any_field(api, group, mixed_group, sort):
    by_name = members_of(api, group)
    ascending = members_of(api, group, sort=sort)
    assert members_of(api, group, sort=sort, effective="true") == ascending
    assert members_of(api, group, sort=f"-{sort}") == ascending[::-1]
    if sort in ("kind", "enabled", "objectGUID"):  # members with equal values are sorted by name
        assert ascending == sorted(by_name, key=lambda member: order_key(member, sort))
    for sign, expected in (("", ascending), ("-", ascending[::-1])):
        for limit in (1, 4):
            pages = all_pages(api, group, limit, sort=sign + sort)
            assert [member for page in pages for member in page["items"]] == expected
    filtered = members_of(api, group, sort=sort, filter="enabled pr", search="")
    assert filtered == [member for member in ascending if member["enabled"] is not None]


def test_cursor_of_another_order_is_rejected(api, group, mixed_group):
    after = page_of(api, group, limit=2, sort="kind")["next"]
    for sort in (None, "-kind", "enabled"):
        response = api.get(path_of("/groups", group["cn"], "members"),
                           params={"after": after, "sort": sort})
        assert contract.check_error(response, 400, "VALIDATION_ERROR") == ["after"]


def test_long_names_are_sorted_by_every_field(api, ldap_admin, groups):
    """The keys of such names are cut in cursors."""
    group, parent = groups.create(), ldap_admin.add_ou(tag(), groups.parent)
    names = [letter + "щ" * 62 + digit for letter in "ЖЯ" for digit in "12"]
    for name in names:
        dn = ldap_admin.add(f"{rdn(name)},{parent}", objectClass="contact")
        ldap_admin.add_member(group["dn"], dn)
    for sort in ("name", "dn", "kind", "enabled", "-kind"):
        pages = all_pages(api, group, 1, sort=sort)
        assert [member["name"] for page in pages for member in page["items"]] == sorted(
            names, reverse=sort == "-kind")


MEMBER_FIELDS = [Field("dn", IDENTIFIER, presence=False), Field("objectGUID", IDENTIFIER),
                 Field("name", TEXT), Field("kind", TEXT), Field("enabled", BOOLEAN)]


@pytest.mark.parametrize("effective", ["false", "true"])
def test_random_filters_find_what_naive_evaluation_finds(api, ldap_admin, groups, people, group,
                                                         mixed_group, effective):
    inner = groups.create(groupType=UNIVERSAL)
    ldap_admin.add_member(group["dn"], inner["dn"])
    for enabled in (True, False):
        for name in ("Ёлкин", "a*b", "(x)"):
            person = people.create(cn=f"{name} {tag()}", enabled=enabled)
            ldap_admin.add_member(inner["dn"], person["dn"])
    items = members_of(api, group, effective=effective)
    filters.check_random_filters(
        MEMBER_FIELDS, items, "objectGUID",
        lambda text: members_of(api, group, filter=text, effective=effective), effective,
        filters.fold_letters)


def test_fields_of_members_can_be_selected(api, group, mixed_group):
    response = api.get(path_of("/groups", group["cn"], "members"), params={"fields": "kind"})
    assert all(set(item) == {"kind", "objectGUID"} for item in response.json()["items"])
    assert len(response.json()["items"]) == len(KINDS)


@pytest.mark.parametrize("parameters, field", [
    ({"filter": "kind"}, "filter"), ({"filter": 'colour eq "x"'}, "filter"),
    ({"filter": 'dn co "x"'}, "filter"), ({"filter": "enabled gt true"}, "filter"),
    ({"sort": "member"}, "sort"), ({"sort": "--kind"}, "sort"), ({"sort": ""}, "sort"),
    ({"sort": "kind,name"}, "sort"), ({"fields": "member"}, "fields"),
    ({"explain": "maybe"}, "explain")])
def test_invalid_filter_order_or_fields_are_rejected(api, group, parameters, field):
    response = api.get(path_of("/groups", group["cn"], "members"), params=parameters)
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == [field]


def test_administrator_sees_compiled_filter_of_members(api, anonymous, people, group, ldap_admin):
    path = path_of("/groups", group["cn"], "members")
    parameters = {"filter": 'name eq "a*b"', "explain": "true"}
    explained = api.get(path, params=parameters).json()["explain"]
    assert (explained["base"], explained["scope"]) == (ldap_admin.base_dn, "subtree")
    assert "(name=a\\2ab)" in explained["filter"]
    reader = people.create()
    token = anonymous.login(reader["sAMAccountName"], reader["password"])["access_token"]
    contract.check_error(anonymous.bearing(token).get(path, params=parameters), 403, "FORBIDDEN")


# --- pages ----------------------------------------------------------------------------------------

def test_pages_have_every_member_once_in_order_of_names(api, ldap_admin, groups):
    group, parent = groups.create(), ldap_admin.add_ou(tag(), groups.parent)
    names = ["Ёлкин", "Ежов", "жук", "Zed", "alpha", "Beta", "5", "Иванов", "Ivanov"]
    dns = [ldap_admin.add(f"{rdn(name)},{parent}", objectClass="contact") for name in names]
    ldap_admin.add_member(group["dn"], *dns)
    order = ["5", "alpha", "Beta", "Ivanov", "Zed", "Ежов", "Ёлкин", "жук", "Иванов"]
    for limit in (1, 2, 4, 8, 9, 10):
        pages = all_pages(api, group, limit)
        assert [member["name"] for page in pages for member in page["items"]] == order
        assert len(pages) == -(-len(names) // limit)
        assert (pages[0]["total"], pages[0]["skip"], pages[0]["limit"]) == (9, 0, limit)
        assert all("total" not in page for page in pages[1:])


def test_members_with_one_name_are_not_lost_between_pages(api, ldap_admin, groups):
    group, name = groups.create(), tag()
    dns = [ldap_admin.add(f"{rdn(name)},{ldap_admin.add_ou(tag(), groups.parent)}",
                          objectClass="contact") for _ in range(5)]
    ldap_admin.add_member(group["dn"], *dns)
    seen = [member["dn"] for page in all_pages(api, group, 2) for member in page["items"]]
    assert sorted(seen) == sorted(dns)


def test_change_of_group_between_pages_loses_no_other_member(api, ldap_admin, groups):
    group, parent = groups.create(), ldap_admin.add_ou(tag(), groups.parent)
    dns = [ldap_admin.add(f"CN={letter},{parent}", objectClass="contact") for letter in "abcdefg"]
    late, early = dns.pop(4), dns.pop(0)
    ldap_admin.add_member(group["dn"], *dns)  # b c d f g
    first = page_of(api, group, limit=2)
    assert [member["name"] for member in first["items"]] == ["b", "c"]
    ldap_admin.add_member(group["dn"], late, early)
    ldap_admin.remove_member(group["dn"], f"CN=c,{parent}")
    second = page_of(api, group, limit=10, after=first["next"])
    assert [member["name"] for member in second["items"]] == ["d", "e", "f", "g"]


@pytest.mark.parametrize("cursor", ["x", "", "name", "name!k00!t", "name!t1!t2", "%", "name!!",
                                    "id!i5", "\u0416"])
def test_invalid_cursor_is_rejected(api, group, cursor):
    response = api.get(path_of("/groups", group["cn"], "members"), params={"after": cursor})
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == ["after"]


@pytest.mark.parametrize("parameters, field", [
    ({"limit": 0}, "limit"), ({"limit": 1001}, "limit"), ({"limit": "x"}, "limit"),
    ({"effective": "maybe"}, "effective"), ({"skip": 0}, "skip"),
    ({"search": "x" * 1001}, "search"),
    ({"parent_dn": "x"}, "parent_dn"), ({"parent_dn": "DC=com"}, "parent_dn")])
def test_invalid_parameter_is_rejected(api, group, parameters, field):
    response = api.get(path_of("/groups", group["cn"], "members"), params=parameters)
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == [field]


@pytest.fixture(scope="module")
def large_group(groups, ldap_admin):
    group, parent = groups.create(), ldap_admin.add_ou(tag(), groups.parent)
    dns = [f"CN={number:05},{parent}" for number in range(LARGE)]
    ldap_admin.add_all((dn, {"objectClass": "contact"}) for dn in dns)
    ldap_admin.add_member(group["dn"], *dns)
    return group, dns


def test_pages_of_large_group_have_all_members(api, groups, ldap_admin, large_group):
    group, dns = large_group
    for outer, effective in ((group, "false"), (group, "true")):
        pages = all_pages(api, outer, 500, effective=effective)
        assert [member["dn"] for page in pages for member in page["items"]] == dns
    assert [member["name"] for member in members_of(api, group, search="0159")] == [
        "00159", *(f"0159{digit}" for digit in range(10))]
    around = groups.create(groupType=UNIVERSAL)
    ldap_admin.add_member(around["dn"], group["dn"])
    assert page_of(api, around, effective="true")["total"] == LARGE + 1


# --- naming the group -----------------------------------------------------------------------------

@pytest.mark.parametrize("prefix", ["", "/api/v1"])
def test_members_are_served_with_and_without_api_prefix(site, people, ldap_admin, group, prefix):
    person = people.create()
    ldap_admin.add_member(group["dn"], person["dn"])
    for name in (group["cn"], group["cn"].upper(), group["dn"], group["objectGUID"]):
        response = site.get(prefix + path_of("/groups", name, "members"))
        assert [member["dn"] for member in response.json()["items"]] == [person["dn"]]


def test_unknown_and_ambiguous_groups_are_errors(api, people, groups, ldap_admin):
    name = tag()
    parents = [ldap_admin.add_ou(tag(), groups.parent) for _ in range(2)]
    made = [groups.named(name, parent) for parent in parents]
    person = people.create()
    ldap_admin.add_member(made[1]["dn"], person["dn"])
    response = api.get(path_of("/groups", name, "members"))
    contract.check_error(response, 409, "AMBIGUOUS")
    assert sorted(response.json()["details"]) == sorted(group["dn"] for group in made)
    assert dns_of(api, made[0], parent_dn=parents[0]) == []
    assert dns_of(api, made[1], parent_dn=parents[1]) == [person["dn"]]
    for unknown in ("nothing at all", "*", person["sAMAccountName"], person["dn"]):
        contract.check_error(api.get(path_of("/groups", unknown, "members")), 404, "NOT_FOUND")
    response = api.get(path_of("/groups", name, "members"),
                       params={"parent_dn": f"OU=nowhere,{groups.parent}"})
    contract.check_error(response, 400, "PARENT_NOT_FOUND")
