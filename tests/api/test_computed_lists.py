"""filter=, sort=, fields= and explain= of the lists that the service computes in memory: the groups
of a user, and a level of the tree."""

import dataclasses

import pytest

from support import contract, filters
from support.client import path_of
from support.entries import tag
from support.filters import BOOLEAN, IDENTIFIER, TEXT, Field
from support.ldap_admin import rdn

UNIVERSAL = "-2147483640"
NAMES = ["Ёлкин, Ж", "ёлкин 2", "Straße", "STRASSE 2", "a*b", "back\\slash", "100%", "O'Neil \"B\"",
         "x  y", "№5"]

GROUP_FIELDS = [Field("dn", IDENTIFIER, presence=False), Field("cn", TEXT),
                Field("objectGUID", IDENTIFIER), Field("kind", TEXT), Field("more_paths", BOOLEAN)]
CHILD_FIELDS = [Field("dn", IDENTIFIER, presence=False), Field("objectGUID", IDENTIFIER),
                Field("name", TEXT), Field("kind", TEXT), Field("has_children", BOOLEAN)]


@dataclasses.dataclass
class ComputedList:
    """A list with items of every kind."""

    path: str
    parameters: dict
    key: str  # the member of the reply with the items
    fields: list[Field]
    others: list[str]  # fields that are neither filtered nor sorted by

    def body(self, api, **parameters):
        response = api.get(self.path, params={**self.parameters, **parameters})
        assert response.status_code == 200, response.text
        return response.json()

    def items(self, api, **parameters):
        return self.body(api, **parameters)[self.key]


def make_groups(ldap_admin, people):
    """Creates a user with direct and nested groups, and more paths to one than the list shows."""
    user, unit = people.create(), ldap_admin.add_ou(tag(), people.ou)

    def make(name, *members):
        dn = ldap_admin.add(f"{rdn(name)},{unit}", objectClass="group", sAMAccountName=tag(),
                            groupType=UNIVERSAL)
        ldap_admin.add_member(dn, *members)
        return dn
    direct = [make(f"{name} {tag()}", user["dn"]) for name in NAMES]
    direct += [make(f"direct {number}", user["dn"]) for number in range(5)]
    middle = make(f"МИДЛ {tag()}", *direct)
    make(f"верх {tag()}", middle)
    for name in NAMES[:4]:
        make(f"{name} над {tag()}", direct[0])
    return ComputedList(path_of("/users", user["sAMAccountName"], "groups"), {"effective": "true"},
                        "items", GROUP_FIELDS, ["paths"])


def make_level(ldap_admin):
    unit = ldap_admin.add_ou(tag())
    for number, name in enumerate(NAMES):
        child = ldap_admin.add_ou(f"{name} {tag()}", unit)
        if number % 2:
            ldap_admin.add_ou(tag(), child)
    for name in NAMES[:5]:
        ldap_admin.add(f"{rdn(f'{name} {tag()}')},{unit}", objectClass="container")
    return ComputedList("/tree", {"parent_dn": unit}, "children", CHILD_FIELDS, ["counts"])


@pytest.fixture(scope="module", params=["groups", "tree"])
def made(request, ldap_admin, people):
    return make_groups(ldap_admin, people) if request.param == "groups" else make_level(ldap_admin)


def test_random_filters_find_what_naive_evaluation_finds(api, made):
    items = made.items(api)
    assert len(items) >= 15
    filters.check_random_filters(made.fields, items, "dn",
                                 lambda text: made.items(api, filter=text), made.path)


def test_filtered_items_are_unchanged_and_keep_their_order(api, made):
    items = made.items(api)
    assert made.items(api, filter="dn pr or not (dn pr)") == items
    kind = items[0]["kind"]
    assert made.items(api, filter=f'kind eq "{kind.upper()}"') == [
        item for item in items if item["kind"] == kind]
    assert made.items(api, filter='dn eq "CN=nobody,DC=kontora,DC=test"') == []
    assert made.items(api, filter='dn eq "no DN"') == []
    body = made.body(api, filter='dn eq "x"')
    assert {name: value for name, value in body.items() if name != made.key} == {
        name: value for name, value in made.body(api).items() if name != made.key}


def test_spelling_of_a_dn_does_not_matter(api, made):
    item = next(item for item in made.items(api) if "\\" in item["dn"])
    for dn in (item["dn"].upper(), item["dn"].replace(",OU=", " , ou = ")):
        text = dn.replace("\\", "\\\\").replace('"', '\\"')
        assert made.items(api, filter=f'dn eq "{text}"') == [item]


def sort_key(value):
    return filters.fold_name(value) if isinstance(value, str) else value


@pytest.mark.parametrize("sign", ["", "-"])
def test_items_are_sorted_by_any_field(api, made, sign):
    items = made.items(api)
    for field in made.fields:
        listed = made.items(api, sort=sign + field.name)
        assert listed == made.items(api, sort=sign + field.name, filter="dn pr")
        assert sorted(item["dn"] for item in listed) == sorted(item["dn"] for item in items)
        if field.kind == BOOLEAN or field.name == "kind":
            values = [sort_key(item[field.name]) for item in listed]
            assert values == sorted(values, reverse=sign == "-")
            for value in set(values):  # items with equal values keep their order
                assert [item for item in listed if sort_key(item[field.name]) == value] == [
                    item for item in items if sort_key(item[field.name]) == value]


def test_order_of_texts_is_alphabetical(api, ldap_admin):
    unit = ldap_admin.add_ou(tag())
    names = ["10", "9", "alpha", "Beta", "Élan", "Ель", "Ёлка", "жук"]
    for name in names:
        ldap_admin.add_ou(name, unit)
    order = ["10", "9", "alpha", "Beta", "Élan", "Ёлка", "Ель", "жук"]
    for sort, expected in ((None, order), ("name", order), ("-name", order[::-1])):
        response = api.get("/tree", params={"parent_dn": unit, "sort": sort})
        assert [child["name"] for child in response.json()["children"]] == expected


def test_items_have_only_the_selected_fields(api, made):
    items = made.items(api)
    names = [field.name for field in made.fields] + made.others
    for name in names:
        assert made.items(api, fields=name) == [
            {key: value for key, value in item.items() if key in (name, "objectGUID")}
            for item in items]
    assert made.items(api, fields=",".join(names)) == items


@pytest.mark.parametrize("parameters, field", [
    ({"filter": "kind"}, "filter"), ({"filter": 'colour eq "x"'}, "filter"),
    ({"filter": 'kind gt "x"'}, "filter"), ({"filter": ""}, "filter"),
    ({"filter": "explain pr"}, "filter"), ({"sort": ""}, "sort"), ({"sort": "nothing"}, "sort"),
    ({"sort": "kind,dn"}, "sort"), ({"sort": "--kind"}, "sort"), ({"fields": "nothing"}, "fields"),
    ({"fields": "dn,"}, "fields"), ({"explain": "maybe"}, "explain"), ({"limit": "1"}, "limit")])
def test_invalid_parameters_are_rejected(api, made, parameters, field):
    for language in ("en", "ru"):
        response = api.get(made.path, params={**made.parameters, **parameters},
                           headers={"Accept-Language": language})
        assert contract.check_error(response, 400, "VALIDATION_ERROR") == [field]


def test_objects_and_lists_are_neither_filtered_nor_sorted_by(api, made):
    for name in made.others:
        response = api.get(made.path, params={**made.parameters, "filter": f"{name} pr"})
        contract.check_error(response, 400, "NOT_FILTERABLE")
        response = api.get(made.path, params={**made.parameters, "sort": name})
        assert contract.check_error(response, 400, "VALIDATION_ERROR") == ["sort"]
        message = response.json()["details"][0]["message"]
        assert ", ".join(field.name for field in made.fields) in message


def test_administrator_sees_evaluated_filter(api, anonymous, people, made):
    parameters = {"filter": 'kind EQ "x" or dn PR and not (objectGUID ne null)', "explain": "true"}
    assert made.body(api, **parameters)["explain"] == {
        "filter": '(kind eq "x" or (dn pr and not (objectGUID pr)))'}
    assert made.body(api, explain="true")["explain"] == {"filter": None}
    assert "explain" not in made.body(api, filter="dn pr", explain="false")
    reader = people.create()
    token = anonymous.login(reader["sAMAccountName"], reader["password"])["access_token"]
    client = anonymous.bearing(token)
    assert made.items(client, filter="dn pr") == made.items(api)
    response = client.get(made.path, params={**made.parameters, **parameters})
    contract.check_error(response, 403, "FORBIDDEN")
