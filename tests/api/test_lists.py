"""Lists of directory entries: query parameters, searches, and pages without gaps or duplicates."""

import unicodedata

import pytest

from support import contract
from support.entries import GROUPS, KINDS, OUS
from support.names import FILTER_CHARACTERS, SEPARATORS
from support.people import USERS, tag

PATHS = [USERS.path, *(kind.path for kind in KINDS)]
MANY = 230


@pytest.fixture(params=PATHS)
def collection_path(request):
    return request.param


@pytest.fixture(scope="module", params=["people", "groups", "units", "containers"])
def all_entries(request):
    """Creates entries of each kind that has a list."""
    return request.getfixturevalue(request.param)


# --- query parameters -----------------------------------------------------------------------------

def test_list_has_default_page_size(api, collection_path):
    body = api.get(collection_path).json()
    contract.check_list(body)
    assert (body["skip"], body["limit"]) == (0, 10)


@pytest.mark.parametrize("query, fields", [
    ("limit=0", ["limit"]), ("limit=1001", ["limit"]), ("limit=-1", ["limit"]),
    ("limit=abc", ["limit"]), ("limit=", ["limit"]), ("limit=10.5", ["limit"]),
    ("limit=1e4", ["limit"]), ("limit=0x10", ["limit"]), ("limit=%2010", ["limit"]),
    ("limit=" + "9" * 400, ["limit"]), ("limit=9223372036854775808", ["limit"]),
    ("skip=-1", ["skip"]), ("skip=abc", ["skip"]), ("skip=2147483648", ["skip"]),
    ("skip=" + "9" * 19, ["skip"]), ("skip=-" + "9" * 400, ["skip"]), ("skip=&limit=", ["skip",
                                                                                        "limit"]),
    ("limit=10&limit=20", ["limit"]), ("nonsense=1", ["nonsense"]), ("LIMIT=5", ["LIMIT"]),
    ("sort=member", ["sort"]), ("limit=0&skip=-1&x=y", ["limit", "skip", "x"]),
    ("filter=(cn=*)", ["filter"]), ("limit[]=1", ["limit[]"]), ("parent_dn=DC=x", ["parent_dn"]),
    ("search=%ff%fe", ["search"]), ("search=%00", ["search"]), ("search=%ed%a0%80", ["search"]),
    ("search=" + "x" * 1001, ["search"]), ("search=a%00b", ["search"]),
])
def test_invalid_list_query_is_rejected(api, collection_path, query, fields):
    found = contract.check_error(api.get(f"{collection_path}?{query}"), 400, "VALIDATION_ERROR")
    assert sorted(found) == sorted(fields)


@pytest.mark.parametrize("query", ["limit=1", "limit=1000", "skip=0", "limit=007", "limit=1.0",
                                   "limit=1e%2B2", "&&limit=3&", "",
                                   "search=a&skip=1&limit=2"])
def test_valid_list_query_is_accepted(api, collection_path, query):
    response = api.get(f"{collection_path}?{query}")
    assert response.status_code == 200
    contract.check_list(response.json())


@pytest.mark.parametrize("skip", [100000, 2147482647])
def test_skip_beyond_end_of_list_returns_empty_page(api, collection_path, skip):
    total = api.get(collection_path).json()["total"]
    body = api.get(f"{collection_path}?skip={skip}").json()
    assert (body["items"], body["total"], body["skip"]) == ([], total, skip)


def test_entry_search_without_match_returns_empty_list(api, collection_path):
    body = api.get(collection_path, params={"search": tag()}).json()
    assert body == {"items": [], "total": 0, "skip": 0, "limit": 10, "pages": 0}


def test_empty_search_text_lists_all_entries(api, collection_path):
    everything = api.get(collection_path).json()["total"]
    assert api.get(f"{collection_path}?search=").json()["total"] == everything
    assert everything > 1


# --- content --------------------------------------------------------------------------------------

def directory_names(entries):
    """Returns the names of all entries of the kind, without those below CN=System."""
    found = entries.ldap_admin.search(f"(objectClass={entries.kind.object_class})",
                                      [entries.kind.name])
    system = f",CN=System,{entries.ldap_admin.base_dn}"
    return sorted(values[entries.kind.name][0].decode() for dn, values in found
                  if not dn.endswith(system))


def test_list_contains_exactly_entries_of_requested_kind(api, entries):
    items = [entries.kind.check(item)
             for item in contract.read_list(api, entries.kind.path)]
    assert sorted(item[entries.kind.name] for item in items) == directory_names(entries)


def test_entry_in_list_equals_entry_read_alone(api, entries):
    made = entries.create(description="as it is read")
    name = made[entries.kind.name]
    [listed] = api.get(entries.kind.path, params={"search": name}).json()["items"]
    assert listed == entries.get(name) == made


def test_search_finds_only_entries_of_requested_kind(people, groups, units, containers):
    word = tag()
    people.create(cn=f"{word} u")
    for entries in (groups, units, containers):
        entries.named(f"{word} {entries.kind.resource}")
    for entries in (groups, units, containers):
        assert entries.search(word) == [f"{word} {entries.kind.resource}"]
    assert len(people.search(word)) == 1


def test_entry_of_other_kind_is_not_found_by_name(api, people, groups, units, containers):
    made = {entries: entries.create()[entries.kind.name] for entries in (groups, units, containers)}
    made[people] = people.create()["cn"]
    for entries in (groups, units, containers):
        for other, name in made.items():
            if other is not entries:
                contract.check_error(api.get(entries.path(name)), 404, "NOT_FOUND")
                contract.check_error(api.delete(entries.path(name)), 404, "NOT_FOUND")


# --- searches -------------------------------------------------------------------------------------

def test_entry_search_covers_exactly_documented_attributes(entries):
    """The word in any of these attributes is found; the entry "plain" has it elsewhere and is
    not found."""
    word, name = tag(), entries.kind.name
    expected = {entries.create(**{name: f"Über {word} end"})[name]}
    for attribute in entries.kind.searched[1:]:
        expected.add(entries.create(**{attribute: f"a{word}b"})[name])
    entries.named("plain " + tag(),
                  parent=entries.ldap_admin.add_ou(f"above {word}", entries.parent)
                  if entries.kind is not OUS else entries.parent)
    assert entries.search(word) == sorted(expected)
    assert entries.search(word.upper()) == sorted(expected)
    assert entries.search(word[1:-1]) == sorted(expected)


@pytest.mark.parametrize("name, text", [("Щукина Ёлка", "щукина ёлка"), ("MÜLLER", "müller")])
def test_entry_search_ignores_case(entries, name, text):
    word = tag()
    entries.named(f"{name} {word}")
    assert entries.search(f"{text} {word}") == [f"{name} {word}"]


@pytest.mark.parametrize("text", FILTER_CHARACTERS)
def test_entry_search_matches_special_characters_literally(entries, text):
    word = tag()
    for name in (f"{word}{text}end", f"{word}abcend", f"{word}end"):
        entries.create_over_ldap(name)
    assert entries.search(f"{word}{text}end") == [f"{word}{text}end"]
    assert entries.search(f"{word}{text}") == [f"{word}{text}end"]


@pytest.mark.parametrize("separator", SEPARATORS)
def test_entry_search_finds_words_in_any_order(all_entries, separator):
    word = tag()
    made = all_entries.named(f"Петров {word} Иван")
    all_entries.named(f"Петров {word}")
    expected = [made[all_entries.kind.key]]
    assert all_entries.search(separator.join(["Иван", "Петров", word])) == expected
    assert all_entries.search(f"{separator}{word}{separator}ван{separator}") == expected


@pytest.mark.parametrize("text", ["Пет\u00adров", "\ufeffПетров", "П\u200bе\u200bт\u2060ров",
                                  "Петров\u200e"])
def test_entry_search_ignores_invisible_characters(all_entries, text):
    word = tag()
    made = all_entries.named(f"Петров {word}")
    assert all_entries.search(f"{text} {word}") == [made[all_entries.kind.key]]


@pytest.mark.parametrize("names, texts", [
    (["Королёв", "Королев"], ["Королёв", "Королев", "КОРОЛЁВ", "КОРОЛЕВ", "оролё", "олев"]),
    (["Семёнов-Королёв", "Семенов-Королев", "Семёнов-Королев"],
     ["Семенов-Королев", "семёнов-королёв", "Королёв Семенов"]),
    (["Перепелёнев"], ["Перепеленев", "перепелёнев"]),
    (["Ёё", "Ее"], ["ее", "ЁЁ", "её"]),
])
def test_entry_search_takes_ye_and_yo_as_equals(all_entries, names, texts):
    word = tag()
    made = sorted(all_entries.named(f"{name} {number}{word}")[all_entries.kind.key]
                  for number, name in enumerate(names))
    all_entries.named(f"Кор-лев Сем-нов {word}")
    for text in texts:
        assert all_entries.search(f"{text} {word}") == made, text


def test_entry_search_takes_composed_and_decomposed_letters_as_equals(all_entries):
    word = tag()
    made = []
    for form in ("NFC", "NFD"):
        name = unicodedata.normalize(form, f"Йод Müller Алёна {form} {word}")
        made.append(all_entries.create_over_ldap(name, sAMAccountName=f"{word}{form}")
                    if all_entries.kind in (GROUPS, USERS) else all_entries.create_over_ldap(name))
    for form in ("NFC", "NFD"):
        for text in ("Йод", "müller", "ЙОД Алена", "Müll йод"):
            found = all_entries.search(unicodedata.normalize(form, f"{text} {word}"))
            assert len(found) == len(made), (form, text)


def test_entry_search_without_match_for_all_words_uses_first_three_words(all_entries):
    word = tag()
    made = all_entries.named(f"Петров {word} Иван")
    line = f"Петров Иван {word}, ведущий инженер отдела снабжения, +7 (495) 123-45-67, доб. 12"
    assert all_entries.search(line) == [made[all_entries.kind.key]]
    assert all_entries.search(f"{word} " + "я " * 100) == []
    both = [all_entries.named(f"Отдел продаж и сбыта {word} {last}") for last in ("юг", "север")]
    assert all_entries.search(f"Отдел продаж и сбыта {word} юг") == [both[0][all_entries.kind.key]]


@pytest.mark.parametrize("text", [" ", "\u00a0\u3000", "\u200b", "\ufeff \u00ad"])
def test_blank_search_text_lists_all_entries(api, collection_path, text):
    everything = api.get(collection_path).json()["total"]
    assert api.get(collection_path, params={"search": text}).json()["total"] == everything


@pytest.mark.parametrize("text", ["(", "«", "\"", "--", ",;", "*", "|", "+ %"])
def test_search_text_without_words_is_matched_literally(all_entries, text):
    word = tag()
    made = all_entries.named(f"{word} {text}")
    all_entries.named(word)
    found = all_entries.search(text)
    assert made[all_entries.kind.key] in found
    assert found != all_entries.search("")


@pytest.mark.parametrize("text", ["*)(objectClass=*", "*)(cn=admin*", "\\00", "zz*zz", "admin*",
                                  "*dmin*", ")(zzq0", "(|(objectClass=*)",
                                  "*))(|(objectClass=*", "cn=*)zz"])
def test_search_text_is_not_interpreted_as_ldap_filter(entries, text):
    assert entries.search(text) == []


# --- pages ----------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def many_entries(entries):
    """Returns a word and the names of many entries that contain it."""
    word = tag()[:8]
    names = [f"{word} {number:04}" for number in range(MANY)]
    parent = entries.ldap_admin.add_ou(f"all {tag()}", entries.parent)
    accounts = ({"sAMAccountName": name} if entries.kind is GROUPS else {} for name in names)
    entries.ldap_admin.add_all((entries.dn(name, parent),
                                {"objectClass": entries.kind.object_class, **account})
                               for name, account in zip(names, accounts, strict=True))
    return word, names


@pytest.mark.parametrize("limit", [1000, 100, 33])
def test_pages_of_entry_list_contain_every_entry_once_in_order(api, entries, many_entries, limit):
    word, names = many_entries
    seen = []
    for skip in range(0, MANY, limit):
        body = api.get(entries.kind.path,
                       params={"search": word, "skip": skip, "limit": limit}).json()
        seen += [item[entries.kind.name] for item in contract.check_list(body)]
        assert (body["total"], body["pages"]) == (MANY, -(-MANY // limit))
    assert seen == names  # in the same order


@pytest.mark.parametrize("skip, limit, expected", [
    (0, 1, 1), (MANY - 1, 10, 1), (MANY - 10, 10, 10), (MANY - 5, 10, 5), (MANY, 10, 0),
    (MANY + 1, 1, 0), (99, 2, 2),
])
def test_first_and_last_pages_of_list_contain_exactly_expected_entries(api, entries, many_entries,
                                                                       skip, limit, expected):
    word, names = many_entries
    body = api.get(entries.kind.path, params={"search": word, "skip": skip, "limit": limit}).json()
    found = [item[entries.kind.name] for item in contract.check_list(body)]
    assert found == names[skip:skip + limit]
    assert (len(found), body["total"]) == (expected, MANY)


def test_sort_order_of_entry_list_ignores_case(entries):
    word = tag()
    names = [f"{word} {letter}" for letter in "bAcDaE"]
    parents = [entries.ldap_admin.add_ou(tag(), entries.parent) for _ in names]
    for name, parent in zip(names, parents, strict=True):
        entries.create_over_ldap(name, parent)
    response = entries.api.get(entries.kind.path, params={"search": word})
    found = [item[entries.kind.name].lower() for item in response.json()["items"]]
    assert found == sorted(name.lower() for name in names)
