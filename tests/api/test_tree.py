"""The tree of organizational units and containers, with the number of objects in each of them."""

import ldap
import pytest

from support import contract, metrics
from support.ldap_admin import guid_text, rdn, same_dn
from support.people import tag
from support.waiting import wait_until

COMPUTER = "4096"
PAGE = 1000  # entries of one page of a search

# Filters of the objects that are counted, for ldapsearch.
FILTERS = {"ous": "(objectClass=organizationalUnit)", "users": "(sAMAccountType=805306368)",
           "groups": "(objectClass=group)",
           "computers": "(&(objectCategory=computer)(sAMAccountType=805306369))"}

# In the order of the root collation of CLDR (UTS 10), which is not that of the code points.
NAMES = ['"кавычки"', "1", "10", "alpha", "Beta", "Élan", "gamma", "Ёлка", "Ель, старая", "жук"]


def get_tree(api, parent_dn=None, path="/tree"):
    response = api.get(path, params={"parent_dn": parent_dn})
    assert response.status_code == 200, response.text
    return contract.check_tree(response.json())


def children_by_name(api, parent_dn=None):
    children = get_tree(api, parent_dn)["children"]
    by_name = {child["name"]: child for child in children}
    assert len(by_name) == len(children)
    return by_name


def direct(ldap_admin, dn, text):
    """Returns the DNs of the objects directly below a DN, as the directory shows them."""
    found = ldap_admin.connection.search_s(dn, ldap.SCOPE_ONELEVEL, text, ["1.1"])
    return [child for child, _ in found if child]


def counted(ldap_admin, dn):
    return {kind: len(direct(ldap_admin, dn, text)) for kind, text in FILTERS.items()}


def add_computer(ldap_admin, parent, name=None):
    name = name or tag()[:10]
    return ldap_admin.add(f"{rdn(name)},{parent}", objectClass="computer",
                          sAMAccountName=f"{name}$", userAccountControl=COMPUTER)


def add_user(ldap_admin, parent):
    name = tag()
    return ldap_admin.add(f"{rdn(name)},{parent}", objectClass="user", sAMAccountName=name)


def add_group(ldap_admin, parent):
    name = tag()
    return ldap_admin.add(f"{rdn(name)},{parent}", objectClass="group", sAMAccountName=name)


@pytest.fixture
def parent(ldap_admin):
    return ldap_admin.add_ou(tag())


# --- one level ------------------------------------------------------------------------------------

@pytest.mark.parametrize("path", ["/tree", "/api/v1/tree"])
def test_tree_without_parent_is_level_below_base_dn(site, ldap_admin, path):
    tree = get_tree(site, path=path)
    assert same_dn(tree["dn"], ldap_admin.base_dn)
    assert (tree["name"], tree["kind"]) == ("kontora", "domain")
    names = [child["name"] for child in tree["children"]]
    assert {"Staff", "Groups", "Users", "Computers", "Domain Controllers"} <= set(names)
    assert not {"System", "Builtin"} & set(names)


def test_every_child_of_base_dn_has_counts_that_ldapsearch_shows(api, ldap_admin):
    tree = get_tree(api)
    places = direct(ldap_admin, ldap_admin.base_dn,
                    "(|(objectClass=organizationalUnit)(objectClass=container))")
    shown = {child["dn"] for child in tree["children"]}
    assert shown == {dn for dn in places if not dn.startswith("CN=System,")}
    for child in tree["children"]:
        entry = ldap_admin.entry(child["dn"], ["objectGUID", "objectClass", "name"])
        assert child["objectGUID"] == guid_text(entry["objectGUID"][0])
        assert child["name"] == entry["name"][0].decode()
        assert child["kind"] == ("ou" if b"organizationalUnit" in entry["objectClass"]
                                 else "container")
        assert child["counts"] == counted(ldap_admin, child["dn"])
        assert child["has_children"] == bool(direct(
            ldap_admin, child["dn"], "(|(objectClass=organizationalUnit)(objectClass=container))"))


def test_counts_contain_direct_children_only(api, ldap_admin, parent):
    one, two = (ldap_admin.add_ou(name, parent) for name in ("one", "two"))
    below = ldap_admin.add_ou("below", one)
    for place, number in ((one, 1), (below, 2)):
        for _ in range(number):
            add_user(ldap_admin, place)
            add_group(ldap_admin, place)
            add_computer(ldap_admin, place)
    add_user(ldap_admin, parent)
    found = children_by_name(api, parent)
    assert found["one"]["counts"] == {"ous": 1, "users": 1, "groups": 1, "computers": 1}
    assert found["two"]["counts"] == {"ous": 0, "users": 0, "groups": 0, "computers": 0}
    assert (found["one"]["has_children"], found["two"]["has_children"]) == (True, False)
    assert found["two"]["dn"] == two
    only = get_tree(api, one)
    assert [child["counts"] for child in only["children"]] == [
        {"ous": 0, "users": 2, "groups": 2, "computers": 2}]


def test_container_is_shown_and_makes_its_parent_expandable(api, ldap_admin, parent):
    unit = ldap_admin.add_ou("unit", parent)
    ldap_admin.add(f"CN=box,{unit}", objectClass="container")
    child = children_by_name(api, parent)["unit"]
    assert (child["kind"], child["counts"]["ous"], child["has_children"]) == ("ou", 0, True)
    level = get_tree(api, unit)
    assert (level["dn"], level["name"], level["kind"]) == (unit, "unit", "ou")
    [box] = level["children"]
    assert (box["name"], box["kind"], box["has_children"]) == ("box", "container", False)
    level = get_tree(api, box["dn"])
    assert (level["kind"], level["children"]) == ("container", [])


def test_children_are_sorted_naturally(api, ldap_admin, parent):
    for name in reversed(NAMES):
        add_user(ldap_admin, ldap_admin.add_ou(name, parent))
    children = get_tree(api, parent)["children"]
    assert [child["name"] for child in children] == NAMES
    for child in children:
        assert same_dn(child["dn"], f"{rdn(child['name'], 'OU')},{parent}")
        assert child["counts"]["users"] == 1, child


def test_objects_are_counted_whatever_the_spelling_of_their_parent(api, ldap_admin, parent):
    """Samba keeps the spelling that the creator of an object has used for its parent."""
    unit = ldap_admin.add_ou("Отдел Продаж", parent)
    ldap_admin.add_ou("other", parent)
    for spelling in (unit, unit.lower(), unit.upper()):
        add_user(ldap_admin, spelling)
    assert children_by_name(api, parent)["Отдел Продаж"]["counts"]["users"] == 3


def test_accounts_of_other_kinds_are_not_counted(api, ldap_admin, parent):
    unit = ldap_admin.add_ou("unit", parent)
    ldap_admin.add(f"CN=contact,{unit}", objectClass="contact")
    user = add_user(ldap_admin, unit)
    ldap_admin.add(f"CN=phones,{user}", objectClass="classStore")
    child = children_by_name(api, parent)["unit"]
    assert child["counts"] == {"ous": 0, "users": 1, "groups": 0, "computers": 0}
    assert child["has_children"] is False


# --- large levels ---------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def large(ldap_admin):
    """Creates a unit with more units than one page has, and a user in the last of them."""
    top = ldap_admin.add_ou(tag())
    unit = ldap_admin.add_ou("large", top)
    ldap_admin.add_all([(f"OU={number:04},{unit}", {"objectClass": "organizationalUnit"})
                        for number in range(PAGE + 10)])
    add_user(ldap_admin, f"OU={PAGE + 9:04},{unit}")
    return top


def test_level_of_more_units_than_one_page_is_complete(api, large):
    [child] = get_tree(api, large)["children"]
    assert child["counts"]["ous"] == PAGE + 10
    children = get_tree(api, child["dn"])["children"]
    assert [each["name"] for each in children] == [f"{number:04}" for number in range(PAGE + 10)]
    assert [each["name"] for each in children if each["counts"]["users"]] == [f"{PAGE + 9:04}"]


def searches(site):
    """Returns the number of searches that all workers have sent."""
    return metrics.values(site)["kontora_directory_operation_duration_seconds_count", "search"]


def wait_for_cost(site, cost, parent_dn, **parameters):
    """Reads a tree until that takes a number of searches, and never fewer: the service searches in
    the background, too, more often while the machine is busy."""
    def count():
        before = searches(site)
        assert site.get("/tree", params={"parent_dn": parent_dn, **parameters}).status_code == 200
        number = searches(site) - before
        assert number >= cost
        return number == cost
    wait_until(count, 60, f"a tree that takes {cost} searches")


def test_number_of_searches_does_not_depend_on_number_of_children(site, ldap_admin, parent):
    for name in ("a", "b"):
        ldap_admin.add_ou(name, parent)
    # the parent itself, the places, and one search for each other kind
    wait_for_cost(site, 5, parent)
    for number in range(40):
        add_user(ldap_admin, ldap_admin.add_ou(f"c{number}", parent))
    wait_for_cost(site, 5, parent)


def test_objects_are_counted_only_for_replies_with_counts(site, ldap_admin, parent):
    add_user(ldap_admin, ldap_admin.add_ou(tag(), ldap_admin.add_ou("a", parent)))
    wait_for_cost(site, 2, parent, fields="name,has_children")
    wait_for_cost(site, 5, parent, fields="counts")
    [child] = site.get("/tree", params={"parent_dn": parent, "fields": "name,has_children",
                                        "filter": "has_children eq true"}).json()["children"]
    assert set(child) == {"name", "has_children", "objectGUID"} and child["has_children"]


# --- errors ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("language", ["ru", "en"])
def test_unknown_parent_of_tree_is_reported(api, ldap_admin, language):
    response = api.get("/tree", params={"parent_dn": f"OU=no-such-unit,{ldap_admin.base_dn}"},
                       headers={"Accept-Language": language})
    contract.check_error(response, 400, "PARENT_NOT_FOUND")
    assert bool(contract.CYRILLIC.search(response.json()["error"])) == (language == "ru")


def test_tree_below_object_without_units_is_rejected(api, ldap_admin, people):
    for dn in (people.create()["dn"], add_computer(ldap_admin, people.ou)):
        contract.check_error(api.get("/tree", params={"parent_dn": dn}), 400, "PARENT_NOT_FOUND")


@pytest.mark.parametrize("language", ["ru", "en"])
@pytest.mark.parametrize("dn", ["DC=example,DC=com", "CN=Configuration,DC=kontora", "no dn", "",
                                "OU=x)(objectClass=*", "CN=System,{}", "CN=Policies,CN=System,{}",
                                "cn=system , {}"])
def test_invalid_parent_of_tree_is_rejected(api, ldap_admin, dn, language):
    response = api.get("/tree", params={"parent_dn": dn.format(ldap_admin.base_dn)},
                       headers={"Accept-Language": language})
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == ["parent_dn"]


def test_unknown_parameter_of_tree_is_rejected(api):
    assert contract.check_error(api.get("/tree", params={"depth": 2}), 400,
                                "VALIDATION_ERROR") == ["depth"]


def test_head_of_tree_has_no_body(api):
    response = api.head("/tree")
    assert (response.status_code, response.content) == (200, b"")
