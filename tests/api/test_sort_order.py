"""Order of names: lists are sorted as in a dictionary, by the Unicode collation algorithm, and
their cursors contain sort keys. Runs on both engines."""

import unicodedata
import urllib.parse

import pytest

from support import contract
from support.accounts import add_member, address
from support.crm import Office, invalid_fields
from support.entries import tag

# Names in the order of the root collation of CLDR.
DICTIONARY = [
    "_резерв", "!", "«Ромашка»", "😀", "10", "100%", "2", "9",
    "Aas", "anna", "Anna", "Émile", "Emma", "Łukasz", "Muller", "Müller", "Mulligan", "№ 7",
    "O'Neil", "Oneil", "Ørsted", "strasse", "Strasse", "straße", "Zoe", "Zoë", "Zola", "żółw",
    "Żółw",
    "Αθηνά", "Ωμέγα",
    "Алёна", "Альба", "анна", "Анна", "АННА", "ёж", "Елкин", "Ёлкин", "Елку", "Жуков", "Иодов",
    "Їжак", "Йодов", "Йодова", "Петр", "Петров", "петров иван", "Петрова", "Щукин", "Яков",
    "王小明",
]
LONGEST = 200  # characters of a name, in UTF-16 code units


@pytest.fixture(scope="module")
def office(accounts):
    """Creates an organization with the names in another order, every third one in NFD."""
    office = Office(accounts)
    for number, name in enumerate(sorted(DICTIONARY, key=lambda name: name[::-1])):
        form = "NFC" if number % 3 else "NFD"
        office["OWNER"].contact(name=unicodedata.normalize(form, name))
    return office


@pytest.fixture(scope="module")
def owner(office):
    return office["OWNER"]


def names_of(owner, **query):
    return [unicodedata.normalize("NFC", item["name"]) for item in owner.walk("contacts", **query)]


# --- contacts -------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 7, 1000])
def test_contacts_are_listed_as_in_a_dictionary(owner, limit):
    assert names_of(owner, sort="name", limit=limit) == DICTIONARY
    assert names_of(owner, sort="-name", limit=limit) == DICTIONARY[::-1]


def test_search_results_are_listed_as_in_a_dictionary(owner):
    assert names_of(owner, search="петр", sort="name", limit=2) == [
        "Петр", "Петров", "петров иван", "Петрова"]


def test_renamed_contact_is_listed_by_its_new_name(new_office):
    owner = new_office["OWNER"]
    numbers = {name: owner.contact(name=name)["id"] for name in ("Дым", "Ёлка", "Жук")}
    assert owner.change("contacts", numbers["Жук"], name="Её").status_code == 200
    assert names_of(owner, sort="name") == ["Дым", "Её", "Ёлка"]
    owner.must_delete("contacts", numbers["Ёлка"])
    assert owner.restore("contacts", numbers["Ёлка"]).status_code == 200
    assert names_of(owner, sort="name") == ["Дым", "Её", "Ёлка"]


@pytest.mark.parametrize("sort", ["name", "-name", "name,-created_at,id"])
def test_pages_of_longest_names_are_complete(new_office, sort):
    """The sort keys of these names are longer than the column, so they are truncated."""
    owner = new_office["OWNER"]
    made = {owner.contact(name=first + "ﷺ" * (LONGEST - 2) + last)["id"]
            for first in "аёя" for last in "бю"}
    listed = list(owner.walk("contacts", sort=sort, limit=1))
    assert {item["id"] for item in listed} == made and len(listed) == len(made)
    assert [item["name"][0] for item in listed] == list("яяёёаа" if sort[0] == "-" else "ааёёяя")


@pytest.mark.parametrize("filler", ["ﷺ", "㌖", "😀", "\U0002A6D6", "\U0010FFFD", "Ǖ", "王", "я"])
def test_contact_with_longest_name_and_address_is_accepted(owner, filler):
    """No index entry becomes too large for PostgreSQL."""
    units = len(filler.encode("utf-16-le")) // 2
    number = owner.contact(name=filler * (LONGEST // units),
                           email=f"{filler * (220 // units)}{tag()}@a.example")["id"]
    assert number in owner.ids("contacts", sort="name")
    owner.must_delete("contacts", number)


# --- cursors --------------------------------------------------------------------------------------


def cursor_of(owner, sort="name"):
    """Returns a cursor, and the position of its sort key."""
    cursor = owner.page("contacts", sort=sort, limit=3)["next"]
    return cursor, cursor.index("!k") + len("!k")


@pytest.mark.parametrize("sort", ["name", "-name"])
@pytest.mark.parametrize("name", ["анна", "anna", "", "6b", "00000000"])
def test_cursor_of_previous_version_is_rejected(owner, sort, name):
    """It has the case-folded name, which cannot be compared with sort keys."""
    after = f"{sort}!t{urllib.parse.quote(name)}!i5"
    assert invalid_fields(owner.list("contacts", sort=sort, after=after)) == ["after"]


def test_cursor_with_keys_of_other_icu_version_is_rejected(owner):
    cursor, key = cursor_of(owner)
    other = cursor[:key] + ("1" if cursor[key] == "0" else "0") + cursor[key + 1:]
    assert invalid_fields(owner.list("contacts", sort="name", after=other)) == ["after"]


@pytest.mark.parametrize("damage", [
    lambda key: "", lambda key: key[:-1], lambda key: key + "0", lambda key: key + "zz",
    lambda key: key[:7], lambda key: key + " ", lambda key: key + "%00", lambda key: key + "é",
    lambda key: key + "00" * 1300, lambda key: key + "!", lambda key: "-" + key], ids=range(11))
def test_damaged_cursor_is_rejected(owner, damage):
    cursor, at = cursor_of(owner)
    end = cursor.index("!", at)
    damaged = cursor[:at] + damage(cursor[at:end]) + cursor[end:]
    assert invalid_fields(owner.list("contacts", sort="name", after=damaged)) == ["after"]


@pytest.mark.parametrize("key", ["", "00", "ff" * 1000, "27", "5c", "2a00ff"])
def test_page_begins_after_any_sort_key_of_cursor(owner, key):
    """Any bytes are accepted as a sort key: the page begins after them."""
    cursor, at = cursor_of(owner)
    forged = f"{cursor[:at + 8]}{key}!i0"
    whole = owner.page("contacts", sort="name", limit=1000)["items"]
    page = owner.page("contacts", sort="name", limit=1000, after=forged)["items"]
    assert page == whole[len(whole) - len(page):]
    assert len(page) == {"": len(whole), "00": len(whole), "ff": 0}.get(key[:2], len(page))


# --- members --------------------------------------------------------------------------------------


def test_members_are_listed_as_in_a_dictionary(accounts):
    word = tag()
    names = [f"{name}{word}@example.com" for name in (
        "zoe", "zoë", "елкин", "ёлкин", "елку", "жуков", "йодов")]
    owner, *others = [accounts.register(email=name) for name in [names[3], *names[:3], *names[4:]]]
    for person in others[::-1]:
        add_member(owner, person, "SALES")
    for sort, expected in (("username", names), ("-username", names[::-1])):
        listed, query = [], {}
        while query is not None:
            body = owner.client.get(f"{owner.path}/members?sort={sort}&limit=2",
                                    params=query).json()
            listed += [member["username"] for member in contract.check_page(body)]
            query = {"after": body["next"]} if body["next"] else None
        assert listed == expected


def test_member_cursor_of_previous_version_is_rejected(accounts):
    owner = accounts.register(email=address())
    response = owner.client.get(f"{owner.path}/members?sort=username&after=username!tanna!i5")
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == ["after"]


# --- addresses ------------------------------------------------------------------------------------

SPELLINGS = [
    ("{}@почта.рф", "{}@XN--80A1ACNY.xn--p1ai"),
    ("{}@bücher.example", "{}@xn--bcher-kva.example"),
    ("{}@ПОЧТА。рф", "{}@почта.рф"),
    ("йод{}@example.com", "и\u0306од{}@EXAMPLE.com"),
    ("zoë{}@example.com", "ZOE\u0308{}@example.com"),
    ("straße{}@example.com", "STRASSE{}@example.com"),
]


@pytest.mark.parametrize("one, other", [*SPELLINGS, *(pair[::-1] for pair in SPELLINGS)])
def test_spellings_of_one_address_are_duplicates(owner, one, other):
    word = tag()
    number = owner.contact(email=one.format(word))["id"]
    response = owner.send("contacts", name="x", email=other.format(word))
    assert contract.check_error(response, 409, "DUPLICATE") == ["email"]
    assert owner.ids("contacts", email=other.format(word)) == [number]
    assert owner.read("contacts", number)["email"] == one.format(word)
    owner.must_delete("contacts", number)


@pytest.mark.parametrize("spelling", ["\u00a0{}", "{}\u200b", "\ufeff{}\u3000", "\u00ad{}"])
def test_filter_ignores_invisible_characters(owner, spelling):
    email = address()
    number = owner.contact(email=email)["id"]
    assert owner.ids("contacts", email=spelling.format(email)) == [number]
    assert owner.ids("contacts", email=email.replace("@", "\u200b@")) == [number]
    owner.must_delete("contacts", number)
