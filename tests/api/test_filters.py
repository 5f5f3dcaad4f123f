"""Filters, orders and places of directory lists (?filter=, ?sort=, ?parent_dn=, ?scope=): random
filters find what a naive evaluation finds, and errors name the place and the reason."""

import datetime
import random
import re
import unicodedata

import pytest

from support import contract, filters
from support.client import path_of
from support.entries import tag
from support.filters import BOOLEAN, IDENTIFIER, NUMBER, TEXT, TIME, Field
from support.ldap_admin import rdn

ROUNDS = 150
SEED = 19

NAMES = ["Иванов Иван", "Ivanov, Ivan", "Жук (главный)", "O'Neil \"Bob\"", "a*b", "back\\slash",
         "Ёлкин", "UPPER lower", "100%", "semi;colon", "plus+plus", "#hash", "café", "Straße"]
DEPARTMENTS = ["Sales", "sales", "Продажи", "ПРОДАЖИ", "R&D (core)", "Бухгалтерия, отдел 2"]
TITLES = ["Менеджер", "Старший менеджер", "manager", "Developer*", "вед. разработчик"]

EXPIRIES = ["2026-06-01T00:00:00Z", "2026-06-01T00:00:00.001Z", "2030-01-31T12:34:56.789Z"]

ENTRY_FIELDS = [Field("dn", IDENTIFIER, presence=False), Field("description", TEXT),
                Field("objectGUID", IDENTIFIER), Field("whenCreated", TIME),
                Field("whenChanged", TIME)]
USER_FIELDS = ENTRY_FIELDS + [
    Field(name, TEXT) for name in ("cn", "sAMAccountName", "userPrincipalName", "givenName", "sn",
                                   "mail", "telephoneNumber", "title", "department", "company",
                                   "mobile", "l", "c")
] + [Field("userAccountControl", NUMBER), Field("badPasswordCount", NUMBER),
     Field("enabled", BOOLEAN), Field("passwordNeverExpires", BOOLEAN),
     Field("smartcardRequired", BOOLEAN), Field("accountExpires", TIME),
     Field("passwordLastSet", TIME), Field("lastLogon", TIME), Field("lockedAt", TIME),
     Field("memberOf", IDENTIFIER), Field("directReports", IDENTIFIER)]
COMPUTED = ("locked", "passwordExpires", "userWorkstations")
GROUP_FIELDS = ENTRY_FIELDS + [
    Field("cn", TEXT), Field("sAMAccountName", TEXT), Field("groupType", NUMBER),
    Field("scope", TEXT), Field("security", BOOLEAN), Field("member", IDENTIFIER, presence=False)]
OU_FIELDS = ENTRY_FIELDS + [Field("ou", TEXT)]
CONTAINER_FIELDS = ENTRY_FIELDS + [Field("cn", TEXT)]
COMPUTER_FIELDS = ENTRY_FIELDS + [
    Field(name, TEXT) for name in ("cn", "sAMAccountName", "dNSHostName", "operatingSystem",
                                   "operatingSystemVersion")
] + [Field("enabled", BOOLEAN), Field("lastLogon", TIME), Field("managedBy", IDENTIFIER),
     Field("memberOf", IDENTIFIER)]
LOGONS = ("0", "131911235670000000", "133911235671230000")


@pytest.fixture(scope="module")
def tree(api, ldap_admin, people, groups, units, containers, computers, ou):
    """Creates entries of all kinds with various attributes below one unit; some of them are in a
    unit below it. Returns the DN of that unit."""
    rng = random.Random(SEED)
    below = units.create(ou=f"below {tag()}", description="второй уровень")["dn"]
    group_dns = [groups.create(cn=f"{tag()} {name}", ou=rng.choice([ou, below]),
                               groupType=kind, description=rng.choice([..., "команда", name]))["dn"]
                 for name, kind in zip(NAMES, [-2147483646, -2147483644, -2147483640, 2, 4, 8,
                                               -2147483646])]
    users = []
    for number in range(36):
        optional = {
            "givenName": rng.choice(NAMES), "sn": rng.choice(NAMES),
            "mail": f"{tag()}@example.com", "telephoneNumber": f"+7 495 {number:03}",
            "title": rng.choice(TITLES), "department": rng.choice(DEPARTMENTS),
            "description": rng.choice(NAMES), "company": rng.choice(DEPARTMENTS),
            "mobile": f"+7 9{number:02}", "l": rng.choice(NAMES), "c": rng.choice(["RU", "DE"]),
            "passwordNeverExpires": True, "accountExpires": rng.choice(EXPIRIES),
            "must_change_password": True, "manager": rng.choice(users or [{"dn": None}])["dn"],
            "userPrincipalName": f"{tag()}@{'Kontora' if number % 2 else 'KONTORA'}.test"}
        body = {name: value for name, value in optional.items() if rng.random() < 0.6}
        users.append(people.create(cn=f"{rng.choice(NAMES)} {tag()}", enabled=rng.random() < 0.7,
                                   ou=rng.choice([ou, ou, below]), **body))
    for user in users:
        for dn in rng.sample(group_dns[:6], 2):
            ldap_admin.add_member(dn, user["dn"])
    for user in users[:5]:
        ldap_admin.make_primary(group_dns[6], user["dn"])
    for number in range(12):
        optional = {"description": rng.choice(NAMES), "dNSHostName": f"pc-{number}.kontora.test",
                    "managedBy": rng.choice([users[0]["dn"], group_dns[0]])}
        body = {name: value for name, value in optional.items() if rng.random() < 0.6}
        computer = computers.create(cn=f"PC{number} {tag()}"[:15], enabled=rng.random() < 0.7,
                                    ou=rng.choice([ou, ou, below]), **body)
        if number % 2:
            ldap_admin.set(computer["dn"], "operatingSystem", rng.choice(NAMES))
            ldap_admin.set(computer["dn"], "lastLogonTimestamp", rng.choice(LOGONS))
        if number % 3:
            ldap_admin.add_member(rng.choice(group_dns[:6]), computer["dn"])
    for name in NAMES[:5]:
        units.create(ou=f"{name} {tag()}", description=rng.choice([..., *DEPARTMENTS]))
        containers.create(cn=f"{name} {tag()}", description=rng.choice([..., *DEPARTMENTS]))
    return below


def listed(api, path, **parameters):
    response = api.get(path, params={"limit": 1000, **parameters})
    assert response.status_code == 200, (parameters, response.text)
    return contract.check_list(response.json())


KINDS = {"/users": USER_FIELDS, "/groups": GROUP_FIELDS, "/ous": OU_FIELDS,
         "/containers": CONTAINER_FIELDS, "/computers": COMPUTER_FIELDS}


def names_in(path):
    """Returns the value of `fields` that asks for all fields of the tests."""
    return ",".join(field.name for field in KINDS[path])


@pytest.mark.parametrize("path", KINDS)
def test_random_filters_find_what_naive_evaluation_finds(api, tree, ou, path):
    place = {"parent_dn": ou, "scope": "subtree"}
    items = listed(api, path, fields=names_in(path), **place)
    assert len(items) >= 5
    filters.check_random_filters(KINDS[path], items, "objectGUID",
                                 lambda text: listed(api, path, filter=text, **place),
                                 f"{SEED} {path}", filters.fold_letters, ROUNDS)


# --- terms ----------------------------------------------------------------------------------------

def names_of(api, text, ou, path="/users", key="cn", **parameters):
    return {item[key] for item in listed(api, path, filter=text, parent_dn=ou, **parameters)}


def test_absent_field_is_unequal_and_nothing_else(api, people, ou):
    word = tag()
    absent, present = (people.create(cn=f"{word} {name}", **more)["cn"] for name, more in
                       (("absent", {}), ("present", {"department": "Sales"})))
    ours = f'cn sw "{word}" and '

    def found(term):
        return names_of(api, ours + term, ou)
    assert found('department ne "Sales"') == {absent}
    assert found('not (department eq "Sales")') == {absent}
    assert found('department ne "Other"') == {absent, present}
    assert found('not (department co "x")') == {absent, present}
    for term in ('department eq "x"', 'department co "x"', 'department sw "x"',
                 'department ew "x"'):
        assert found(term) == set()
    assert found("department eq null") == found("not (department pr)") == {absent}
    assert found("department ne null") == found("department pr") == {present}
    for empty in ("", " ", "  "):
        assert found(f'department co "{empty}"') == {present}
        assert found(f'department eq "{empty}"') == set()
        assert found(f'department ne "{empty}"') == {absent, present}


def test_example_of_contract_is_accepted(api, ou, people):
    user = people.create(enabled=False, title="Главный менеджер", description="2026-06-01")
    text = ('enabled eq false and (department eq "Sales" or title co "менеджер") '
            'and whenCreated gt "2026-06-01"')
    assert user["cn"] in names_of(api, text, ou)


def shifted(text, **delta):
    moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return (moment + datetime.timedelta(**delta)).isoformat(timespec="milliseconds")


@pytest.mark.parametrize("operator, delta_ms, expected", [
    ("eq", 0, True), ("eq", 1, False), ("eq", -1, False), ("ne", 0, False), ("ne", 1, True),
    ("gt", 0, False), ("gt", -1, True), ("gt", 1, False), ("ge", 0, True), ("ge", 1, False),
    ("ge", -1, True), ("lt", 0, False), ("lt", 1, True), ("lt", -1, False), ("le", 0, True),
    ("le", -1, False), ("le", 1, True), ("gt", -999, True), ("lt", 999, True),
])
def test_times_are_compared_to_the_millisecond(api, people, ou, operator, delta_ms, expected):
    user = people.create()
    literal = shifted(user["whenCreated"], milliseconds=delta_ms)
    text = f'cn eq "{user["cn"]}" and whenCreated {operator} "{literal}"'
    assert (names_of(api, text, ou) == {user["cn"]}) == expected


def test_date_is_a_day_in_utc(api, people, ou):
    user = people.create()
    day = user["whenCreated"][:10]
    before, after = (shifted(user["whenCreated"], days=days)[:10] for days in (-1, 1))
    expected = {"eq": (False, True, False), "ne": (True, False, True), "gt": (True, False, False),
                "ge": (True, True, False), "lt": (False, False, True), "le": (False, True, True)}
    for operator, results in expected.items():
        assert tuple(bool(names_of(api, f'cn eq "{user["cn"]}" and whenCreated {operator} "{at}"',
                                   ou)) for at in (before, day, after)) == results, operator


@pytest.mark.parametrize("literal", ["0001-01-01", "1600-12-31T23:59:59Z", "1969-12-31",
                                     "9999-12-31", "9999-12-31T23:59:59.999Z"])
def test_distant_times_are_compared(api, people, ou, literal):
    user = people.create()
    past = literal < "2026"
    for operator, expected in (("gt", past), ("ge", past), ("lt", not past), ("le", not past),
                               ("eq", False), ("ne", True)):
        text = f'cn eq "{user["cn"]}" and whenCreated {operator} "{literal}"'
        assert bool(names_of(api, text, ou)) == expected, text


@pytest.mark.parametrize("number, below", [("-9223372036854775808", False), ("-2147483649", False),
                                           ("2147483648", True), ("9223372036854775807", True),
                                           ("511", False), ("5.13e2", True)])
def test_numbers_outside_of_the_attribute_are_compared(api, people, ou, number, below):
    user = people.create()
    assert user["userAccountControl"] == 512
    for operator, expected in (("lt", below), ("le", below), ("gt", not below), ("ge", not below),
                               ("eq", False), ("ne", True)):
        text = f'cn eq "{user["cn"]}" and userAccountControl {operator} {number}'
        assert bool(names_of(api, text, ou)) == expected, text


def test_filter_on_memberships_includes_primary_group(api, ldap_admin, people, groups, ou):
    group = groups.create()
    direct, primary, none = (people.create() for _ in range(3))
    ldap_admin.add_member(group["dn"], direct["dn"])
    ldap_admin.make_primary(group["dn"], primary["dn"])
    users = f'(cn eq "{direct["cn"]}" or cn eq "{primary["cn"]}" or cn eq "{none["cn"]}")'
    both = {direct["cn"], primary["cn"]}
    assert names_of(api, f'memberOf eq "{group["dn"]}"', ou) == both
    assert names_of(api, f'{users} and memberOf ne "{group["dn"].upper()}"', ou) == {none["cn"]}
    assert names_of(api, f'{users} and memberOf pr', ou) == both | {none["cn"]}
    ours = f'cn eq "{group["cn"]}" and '
    for user, expected in ((direct, True), (primary, True), (none, False)):
        assert bool(names_of(api, f'{ours}member eq "{user["dn"]}"', ou, "/groups")) == expected
        assert bool(names_of(api, f'{ours}member ne "{user["dn"]}"', ou, "/groups")) != expected


def test_manager_filter_finds_direct_reports(api, people, ou):
    manager = people.create(cn=f"Начальник, (главный) {tag()}")
    report, other = people.create(manager=manager["dn"]), people.create()
    users = "(" + " or ".join(f'cn eq "{user["cn"]}"' for user in (report, other)) + ")"
    dn = manager["dn"].replace("\\", "\\\\")
    assert names_of(api, f'manager eq "{dn}"', ou) == {report["cn"]}
    assert names_of(api, f'{users} and manager eq "{dn.upper()}"', ou) == {report["cn"]}
    assert names_of(api, f'{users} and manager ne "{dn}"', ou) == {other["cn"]}
    assert names_of(api, f"{users} and manager pr", ou) == {report["cn"]}
    assert names_of(api, f"{users} and manager eq null", ou) == {other["cn"]}
    assert fault_of(api, "/users", filter='manager eq "x"')["field"] == "filter"
    assert fault_of(api, "/users", filter='manager co "x"')["field"] == "filter"


def test_unknown_group_has_no_members(api, ou, people):
    user = people.create()
    missing = f"CN={tag()},{ou}"
    for dn in (missing, "CN=x,DC=elsewhere,DC=test", "FOO=x,DC=test"):
        assert names_of(api, f'memberOf eq "{dn}"', ou) == set()
        assert user["cn"] in names_of(api, f'memberOf ne "{dn}"', ou)


@pytest.mark.parametrize("value", ["*", "a)(cn=*", "\\", "\u0001", "(", "x\\2a",
                                   "*)(objectClass=*", "\u202e", "😀"])
def test_special_characters_are_literal(api, people, ou, value):
    word = tag()
    user = people.create(description=f"{word}{value}!")
    people.create(description=word)
    quoted = value.replace("\\", "\\\\").replace("\u0001", "\\u0001")
    for term in (f'eq "{word}{quoted}!"', f'co "{quoted}!"', f'sw "{word}{quoted}"',
                 f'ew "{quoted}!"'):
        found = names_of(api, f'description sw "{word}" and description {term}', ou)
        assert found == {user["cn"]}, term


def test_longest_filter_is_accepted(api, people, ou):
    user = people.create()
    for character in ("я", "王"):
        text = f'cn eq "{user["cn"]}" or title eq "{{}}"'
        text = text.format(character * (2000 - len(text) + 2))
        assert len(text) == 2000
        assert names_of(api, text, ou) == {user["cn"]}


def test_search_and_filter_narrow_each_other(api, people, ou):
    word = tag()
    one, _ = (people.create(cn=f"{word} {name}", title=name) for name in ("one", "two"))
    assert names_of(api, 'title eq "one"', ou, search=word) == {one["cn"]}
    assert names_of(api, 'title eq "one"', ou, search=f"{word} two") == set()


# --- differences between the comparison of the directory and Kontora's folding --------------------

@pytest.mark.parametrize("term, found", [
    ('eq " TWO words "', True), ('sw " two w"', True), ('co " wo"', True), ('co " ord"', True),
    ('ew "o words "', True), ('eq "twowords"', False), ('co "wo rds"', False)])
def test_directory_ignores_repeated_and_outer_spaces(api, people, ou, term, found):
    user = people.create(title="two  words")
    assert names_of(api, f'cn eq "{user["cn"]}" and title {term}', ou) == (
        {user["cn"]} if found else set())


@pytest.mark.parametrize("stored, sought, equal", [
    ("Ёлка", "елка", False), ("Café", "cafe", False), ("straße", "STRASSE", False),
    ("ЁЛКА", "ёлка", True), ("café", unicodedata.normalize("NFD", "café"), False),
    ("ＡＢＣ", "abc", False), ("soft\u00adhyphen", "softhyphen", False), ("İ", "i", False),
])
def test_directory_compares_letters_by_its_own_rules(api, people, ou, stored, sought, equal):
    """The guide lists these differences from Kontora's folding; the directory of the tests is
    Samba."""
    user = people.create(description=stored)
    found = names_of(api, f'cn eq "{user["cn"]}" and description eq "{sought}"', ou)
    assert (found == {user["cn"]}) == equal


# --- errors ---------------------------------------------------------------------------------------


def fault_of(api, path, language="en", code="VALIDATION_ERROR", **parameters):
    response = api.get(path, params=parameters, headers={"Accept-Language": language})
    contract.check_error(response, 400, code)
    [detail] = response.json()["details"]
    return detail


@pytest.mark.parametrize("text, position, english, russian", [
    ("", 0, "at least 1 character", "не короче 1"),
    (" ", 2, "name of a field", "имя поля"),
    ("cn", 3, "an operator", "оператор"),
    ("cn is \"x\"", 4, "an operator", "оператор"),
    ("cn eq", 6, "string in double quotes", "строка в двойных кавычках"),
    ("cn eq x", 7, "string in double quotes", "строка в двойных кавычках"),
    ("cn eq 'x'", 7, "string in double quotes", "строка в двойных кавычках"),
    ("cn eq \"x", 7, "closing quotation mark", "закрывающей кавычки"),
    ("cn eq \"a\\x\"", 9, "not allowed in a JSON string", "в строке JSON"),
    ("cn eq \"\\u0000\"", 8, "not allowed in a JSON string", "в строке JSON"),
    ("cn eq \"\\ud800\"", 8, "not allowed in a JSON string", "в строке JSON"),
    ("cn eq \"я\" cn pr", 11, "`and`, `or`", "and, or"),
    ("(cn pr", 1, "not closed", "не закрыта"),
    ("cn pr)", 6, "`and`, `or`", "and, or"),
    ("not cn pr", 5, "opening parenthesis", "открывающая скобка"),
    ("cn pr and", 10, "name of a field", "имя поля"),
    ("()", 2, "name of a field", "имя поля"),
    ("cn gt \"x\"", 4, "the operator gt cannot be used with the field cn",
     "оператор gt неприменим к полю cn"),
    ("enabled co \"x\"", 9, "the operator co cannot be used with the field enabled",
     "оператор co неприменим к полю enabled"),
    ("memberOf co \"x\"", 1, "the operator co cannot be used with the field memberOf",
     "оператор co неприменим к полю memberOf"),
    ("cn eq 5", 7, "string", "строкой"),
    ("enabled eq \"true\"", 12, "true or false", "true или false"),
    ("userAccountControl eq \"512\"", 23, "with a number", "с числом"),
    ("userAccountControl eq 512.5", 23, "no such numbers", "не бывает таких чисел"),
    ("userAccountControl eq 1e99", 23, "no such numbers", "не бывает таких чисел"),
    ("whenCreated gt \"2026-02-30\"", 16, "a date or a time", "с датой или временем"),
    ("whenCreated gt 5", 16, "a date or a time", "с датой или временем"),
    ("whenCreated gt null", 16, "only eq and ne compare with null, not gt", "а не gt"),
    ("memberOf eq \"admins\"", 1, "a distinguished name", "уникальным именем"),
    ("objectGUID eq \"x\"", 1, "with a GUID", "с GUID"),
    ("emails[type eq \"work\"] pr", 1, "complex attributes", "составные атрибуты"),
    ("name.familyName eq \"x\"", 1, "complex attributes", "составные атрибуты"),
    (" or ".join(["cn pr"] * 33), 289, "at most 32 terms", "не более 32 условий"),
    ("(" * 9 + "cn pr" + ")" * 9, 9, "at most 8 deep", "не более 8 вложенных"),
])
def test_invalid_filter_names_position_and_reason(api, text, position, english, russian):
    for language, words, at in (("en", english, "position"), ("ru", russian, "позиция")):
        detail = fault_of(api, "/users", language, filter=text)
        assert detail["field"] == "filter"
        assert words in detail["message"]
        assert not position or detail["message"].startswith(f"{at} {position}: "), detail


def test_filter_at_the_limits_is_accepted(api, ou):
    listed(api, "/users", parent_dn=ou, filter=" or ".join(["cn pr"] * 32))
    listed(api, "/users", parent_dn=ou, filter="(" * 8 + "cn pr" + ")" * 8)
    listed(api, "/users", parent_dn=ou, filter="not (" * 8 + "cn pr" + ")" * 8)


def test_filter_that_is_too_long_is_refused(api):
    detail = fault_of(api, "/users", filter='cn eq "' + "x" * 2000 + '"')
    assert detail == {"field": "filter", "message": "must have at most 2000 characters"}


@pytest.mark.parametrize("path", KINDS)
def test_unknown_field_lists_available_fields(api, path):
    for language in ("en", "ru"):
        message = fault_of(api, path, language, filter='colour eq "red"')["message"]
        assert "colour" in message
        named = re.search(r": ([\w, ]+)$", message)[1].split(", ")
        assert set(named) >= {field.name for field in KINDS[path]}, message
        assert not set(named) & set(COMPUTED)


def test_secret_fields_are_unknown(api):
    assert "unknown field password" in fault_of(api, "/users", filter='password eq "x"')["message"]


@pytest.mark.parametrize("name", COMPUTED)
def test_computed_field_is_not_filterable(api, name):
    detail = fault_of(api, "/users", code="NOT_FILTERABLE", filter=f"cn pr or {name} pr")
    assert detail["field"] == name
    assert "position 10" in detail["message"]


def test_time_that_means_never_is_absent(api, ldap_admin, people, ou):
    """accountExpires is 0 or 2^63-1 for an account that never expires."""
    users = [people.create() for _ in range(3)]
    for user, value in zip(users, ("0", str(2 ** 63 - 1), "131911235670000000")):
        ldap_admin.set(user["dn"], "accountExpires", value)
    names = [user["cn"] for user in users]
    ours = "(" + " or ".join(f'cn eq "{name}"' for name in names) + ") and "
    for term, expected in (("pr", [2]), ("eq null", [0, 1]), ('lt "2018-01-01"', []),
                           ('gt "2018-01-01"', [2]), ('ge "0001-01-01"', [2]),
                           ('le "9999-12-31"', [2]), ('ne "2019-01-05"', [0, 1]),
                           ('eq "2019-01-05T00:59:27Z"', [2])):
        found = names_of(api, f"{ours}accountExpires {term}", ou)
        assert found == {names[number] for number in expected}, term


def test_unknown_parameters_of_lists_are_refused(api):
    assert fault_of(api, "/users", scope="base")["field"] == "scope"
    assert fault_of(api, "/users", parent_dn="not a dn")["field"] == "parent_dn"
    assert fault_of(api, "/users", parent_dn="DC=elsewhere,DC=test")["field"] == "parent_dn"


# --- places ---------------------------------------------------------------------------------------

def test_parent_dn_and_scope_limit_list(api, people, units, ou, tree):
    here, below = people.create(), people.create(ou=tree)
    upper = ou.upper()
    for scope, expected in (({}, {here["cn"]}), ({"scope": "one"}, {here["cn"]}),
                            ({"scope": "subtree"}, {here["cn"], below["cn"]})):
        text = f'cn eq "{here["cn"]}" or cn eq "{below["cn"]}"'
        assert names_of(api, text, ou, **scope) == expected
        assert names_of(api, text, upper, **scope) == expected
    assert below["cn"] in {user["cn"] for user in listed(api, "/users", parent_dn=tree)}
    assert here["cn"] not in {user["cn"] for user in listed(api, "/users", parent_dn=tree)}


def test_scope_without_parent_dn_applies_to_base_dn(api, ldap_admin, people):
    people.create()
    assert listed(api, "/users", scope="one") == []
    top = {item["dn"] for item in listed(api, "/containers", scope="one")}
    assert f"CN=Users,{ldap_admin.base_dn}" in top
    assert all(dn.count(",") == ldap_admin.base_dn.count(",") + 1 for dn in top)


def test_containers_below_system_are_listed_only_if_parent_is_within_it(api, ldap_admin):
    system = f"CN=System,{ldap_admin.base_dn}"
    assert len(listed(api, "/containers", parent_dn=system)) > 3
    assert len(listed(api, "/containers", parent_dn=system, scope="subtree")) > 3
    everywhere = listed(api, "/containers", parent_dn=ldap_admin.base_dn, scope="subtree")
    assert not [item for item in everywhere if item["dn"].endswith("," + system)]


def test_missing_parent_is_reported(api, ou):
    response = api.get("/users", params={"parent_dn": f"OU={tag()},{ou}"})
    contract.check_error(response, 400, "PARENT_NOT_FOUND")


def test_parent_dn_may_have_special_characters(api, people, units):
    unit = units.create(ou=f"Отдел, (1) \"А\" {tag()}")
    user = people.create(ou=unit["dn"])
    assert [item["dn"] for item in listed(api, "/users", parent_dn=unit["dn"])] == [user["dn"]]


# --- orders ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("path", KINDS)
def test_lists_are_sorted_by_any_field_with_an_order(api, tree, ou, path):
    place = {"parent_dn": ou, "scope": "subtree"}
    for field in KINDS[path]:
        if field.name in ("memberOf", "member", "directReports", "managedBy"):
            continue
        items = listed(api, path, sort=field.name, fields=names_in(path), **place)
        reverse = listed(api, path, sort="-" + field.name, fields=names_in(path), **place)
        values = [item[field.name] for item in items]
        assert len(items) == len(listed(api, path, **place))
        assert {item["dn"] for item in items} == {item["dn"] for item in reverse}
        if field.kind in (NUMBER, TIME, BOOLEAN) or field.name == "scope":
            present = [value for value in values if value is not None]
            assert values == sorted(present) + [None] * (len(values) - len(present)), field.name
            assert [item[field.name] for item in reverse] == values[::-1]


def test_order_spans_pages(api, tree, ou):
    place = {"parent_dn": ou, "scope": "subtree", "sort": "-whenCreated"}
    whole = [item["dn"] for item in listed(api, "/users", **place)]
    pages = [item["dn"] for skip in range(0, len(whole), 7)
             for item in listed(api, "/users", skip=skip, limit=7, **place)]
    assert pages == whole


def test_default_order_is_unchanged(api, tree, ou):
    place = {"parent_dn": ou, "scope": "subtree"}
    assert listed(api, "/users", **place) == listed(api, "/users", sort="sAMAccountName", **place)
    assert listed(api, "/ous", **place) == listed(api, "/ous", sort="ou", **place)


@pytest.mark.parametrize("sort", ["", "nothing", "cn,sn", "--cn", "memberOf", "locked", "CN "])
def test_unknown_sort_field_lists_sortable_fields(api, sort):
    for language in ("en", "ru"):
        detail = fault_of(api, "/users", language, sort=sort)
        assert detail["field"] == "sort"
        assert not sort or "sAMAccountName" in detail["message"]


# --- cached views ---------------------------------------------------------------------------------

def test_cached_views_do_not_mix_lists(api, people, tree, ou):
    """Kontora caches sorted views for each connection; each list has its own."""
    people.create(cn=f"a {tag()}")
    asked = [{"parent_dn": ou, "scope": scope, "sort": sort, "filter": text, "limit": 3}
             for scope in ("one", "subtree") for sort in ("cn", "-cn", "whenCreated")
             for text in ('cn pr', 'enabled eq true')]
    asked.append({"parent_dn": tree, "sort": "cn", "filter": "cn pr", "limit": 3})
    first = [listed(api, "/users", **each) for each in asked]
    for _ in range(3):
        for each, before in zip(asked, first):
            assert listed(api, "/users", **each) == before


def test_cached_view_serves_requests_for_other_fields(api, tree, ou):
    place = {"parent_dn": ou, "sort": "cn"}
    for names in ("cn", "sn,mail", "department"):
        for item in api.get("/users", params={**place, "fields": names}).json()["items"]:
            assert set(item) == {*names.split(","), "objectGUID"}


# --- explanation ----------------------------------------------------------------------------------

def test_administrator_sees_compiled_filter(api, ou):
    response = api.get("/users", params={"explain": "true", "parent_dn": ou, "filter":
                                         'enabled eq true and not (department eq "R*D")'})
    explained = response.json()["explain"]
    assert explained["base"] == ou and explained["scope"] == "one"
    assert ("(&(&(userAccountControl=*)(!(userAccountControl:1.2.840.113556.1.4.804:=2)))"
            "(!(department=R\\2aD)))") in explained["filter"]
    assert "explain" not in api.get("/users", params={"explain": "false"}).json()


def test_reader_may_filter_but_not_see_compiled_filter(anonymous, people):
    reader = people.create()
    token = anonymous.login(reader["sAMAccountName"], reader["password"])["access_token"]
    client = anonymous.bearing(token)
    text = f'cn eq "{reader["cn"]}"'
    assert client.get("/users", params={"filter": text}).json()["total"] == 1
    contract.check_error(client.get("/users", params={"filter": text, "explain": "true"}), 403,
                         "FORBIDDEN")
