"""Contacts: duplicate email addresses, the search, and contacts with deals, on both engines.
Rules shared by all CRM collections are tested in test_crm.py."""

from collections import Counter

import pytest

from support import contract, crm
from support.accounts import address
from support.crm import Office, at_once, check_ok, crowd, invalid_fields
from support.entries import tag

ALLOW_DUPLICATE = {"X-Allow-Duplicate": "true"}


@pytest.fixture(scope="module")
def owner(office):
    return office["OWNER"]


def test_created_contact_returns_every_field(office, owner, sql_database):
    fields = {"name": "Иванов Иван", "email": address(), "phone": "+7 (495) 123-45-67",
              "company": "ООО «Ромашка»", "position": "Директор", "notes": "Звонить\nпосле обеда",
              "owner_id": office["MANAGER"].id}
    made = owner.contact(**fields)
    assert {name: made[name] for name in fields} == fields
    assert owner.read("contacts", made["id"]) == made
    assert sql_database.run(f"SELECT name, email, company, organization_id, owner_id "
                            f"FROM contacts WHERE id = {made['id']}") == [
        (fields["name"], fields["email"], fields["company"], str(office.organization),
         str(office["MANAGER"].id))]


def test_contact_owner_defaults_to_creator(office):
    seller = office["SALES"]
    assert seller.contact()["owner_id"] == seller.id
    assert seller.contact(owner_id=office["OWNER"].id)["owner_id"] == office["OWNER"].id
    assert seller.contact(owner_id=None)["owner_id"] is None


@pytest.mark.parametrize("search", ["100-200", "100200", "1-2-3", "123"])
def test_contact_search_finds_digits_in_names(owner, search):
    contact = owner.contact(name="Завод 1-2-3", company="100-200")
    found = owner.client.get("/contacts", params={"search": search, "limit": 1000}).json()["items"]
    assert contact["id"] in [each["id"] for each in found]


def test_contact_with_blank_name_from_earlier_version_can_be_changed(owner, sql_database):
    made = owner.contact()
    sql_database.run(f"UPDATE contacts SET name = '  ' WHERE id = {made['id']}")
    changed = check_ok("contacts", owner.change("contacts", made["id"], phone="124"))
    assert (changed["name"], changed["phone"]) == ("  ", "124")


# --- duplicate email addresses --------------------------------------------------------------------


def assert_duplicate(response, number):
    [detail] = crm.error_details(response, 409, "DUPLICATE")
    assert (detail["field"], detail["id"]) == ("email", number) and detail["message"]
    assert set(detail) == {"field", "message", "id"}


@pytest.mark.parametrize("spell", [str, str.upper, str.title])
def test_duplicate_email_in_any_case_is_rejected(owner, spell):
    email = f"Ёжик.{address()}"
    first = owner.contact(email=email)
    assert_duplicate(owner.send("contacts", email=spell(email)), first["id"])
    assert owner.ids("contacts", email=email) == [first["id"]]


def test_duplicate_email_is_accepted_with_allow_duplicate_header(owner):
    email = address()
    first = owner.contact(email=email)
    for value in ("false", "1", "yes", ""):
        refused = owner.send("contacts", email=email, headers={"X-Allow-Duplicate": value})
        assert_duplicate(refused, first["id"])
    second = owner.contact(email=email.upper(), headers=ALLOW_DUPLICATE)
    assert owner.ids("contacts", email=email) == [first["id"], second["id"]]
    [detail] = crm.error_details(owner.send("contacts", email=email), 409, "DUPLICATE")
    assert detail["id"] in (first["id"], second["id"])


def test_several_contacts_without_email_are_accepted(owner):
    """Contacts without an email address are not duplicates of each other."""
    for value in (..., None, None):
        assert owner.contact(email=value)["email"] is None


def test_duplicate_email_check_is_per_organization(owner, new_office):
    email = address()
    owner.contact(email=email)
    theirs = new_office["OWNER"].contact(email=email)
    assert new_office["OWNER"].ids("contacts", email=email) == [theirs["id"]]


def test_contact_change_to_existing_email_is_rejected(owner):
    first, second = owner.contact(email=address()), owner.contact(email=address())
    change = {"email": first["email"].upper()}
    assert_duplicate(owner.change("contacts", second["id"], **change), first["id"])
    assert owner.read("contacts", second["id"]) == second
    changed = check_ok("contacts",
                       owner.change("contacts", second["id"], **change, headers=ALLOW_DUPLICATE))
    assert changed["email"] == change["email"]


def test_contact_change_that_keeps_email_is_not_rejected_as_duplicate(owner):
    """A change may keep the contact's own address, even one that was allowed as a duplicate."""
    first = owner.contact(email=address())
    second = owner.contact(email=first["email"], headers=ALLOW_DUPLICATE)
    own = {"email": first["email"].upper()}
    alone = owner.contact(email=address())
    assert check_ok("contacts", owner.change("contacts", alone["id"], email=alone["email"].upper()))
    for number in (first["id"], second["id"]):
        check_ok("contacts", owner.change("contacts", number, phone="123"))
        check_ok("contacts", owner.change("contacts", number, email=first["email"], phone="124"))
    assert check_ok("contacts",
                    owner.change("contacts", second["id"], **own, headers=ALLOW_DUPLICATE))


def test_email_of_deleted_contact_is_duplicate_only_after_restore(owner):
    first = owner.contact(email=address())
    owner.must_delete("contacts", first["id"])
    second = owner.contact(email=first["email"])
    assert_duplicate(owner.restore("contacts", first["id"]), second["id"])
    contract.check_error(owner.get("contacts", first["id"]), 404, "NOT_FOUND")
    check_ok("contacts", owner.restore("contacts", first["id"], headers=ALLOW_DUPLICATE))
    assert owner.ids("contacts", email=first["email"]) == [first["id"], second["id"]]


def test_shared_email_stays_taken_after_first_contact_releases_it(owner):
    """The address stays taken when the first contact is deleted or gets another address."""
    for leave in (lambda number: owner.must_delete("contacts", number),
                  lambda number: check_ok("contacts",
                                          owner.change("contacts", number, email=None))):
        first = owner.contact(email=address())
        second = owner.contact(email=first["email"], headers=ALLOW_DUPLICATE)
        leave(first["id"])
        assert_duplicate(owner.send("contacts", email=first["email"]), second["id"])
        other = owner.contact(email=address())
        refused = owner.change("contacts", other["id"], email=first["email"])
        assert_duplicate(refused, second["id"])
        owner.must_delete("contacts", second["id"])
        assert owner.contact(email=first["email"])["email"] == first["email"]


def test_former_email_of_contact_can_be_reused(owner):
    first = owner.contact(email=address())
    check_ok("contacts", owner.change("contacts", first["id"], email=address()))
    assert owner.contact(email=first["email"])["id"] != first["id"]


def test_concurrent_creations_with_one_email_create_one_contact(owner):
    for _ in range(4):
        email = address()
        answers = crowd(owner, 6, lambda view, _, email=email: view.send("contacts", email=email))
        assert Counter(each.status_code for each in answers) == {201: 1, 409: 5}
        [number] = owner.ids("contacts", email=email)
        for answer in answers:
            if answer.status_code == 409:
                assert_duplicate(answer, number)


def test_concurrent_changes_to_one_email_change_one_contact(owner):
    email, numbers = address(), [owner.contact()["id"] for _ in range(6)]
    answers = crowd(owner, 6, lambda view, number: view.change("contacts", numbers[number],
                                                               email=email))
    assert Counter(each.status_code for each in answers) == {200: 1, 409: 5}
    assert len(owner.ids("contacts", email=email)) == 1


# --- contacts with deals --------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["NEW", "LOST", "WON and CLOSED"])
def test_contact_with_deals_cannot_be_deleted(owner, status):
    number = owner.contact()["id"]
    deal = owner.deal(status=status, contact_id=number, amount=1)
    contract.check_error(owner.delete("contacts", number), 409, "HAS_DEALS")
    assert owner.read("contacts", number)["id"] == number
    owner.must_delete("deals", deal["id"])
    owner.must_delete("contacts", number)


def test_contact_can_be_deleted_after_its_deals_moved_to_other_contact(owner):
    first, second = owner.contact()["id"], owner.contact()["id"]
    deal = owner.deal(contact_id=first)["id"]
    check_ok("deals", owner.change("deals", deal, contact_id=second))
    owner.must_delete("contacts", first)
    contract.check_error(owner.delete("contacts", second), 409, "HAS_DEALS")


def test_contact_with_tasks_and_activities_can_be_deleted(owner):
    number = owner.contact()["id"]
    task, activity = owner.task(contact_id=number), owner.activity(contact_id=number)
    owner.must_delete("contacts", number)
    assert owner.read("tasks", task["id"]) == task
    assert owner.read("activities", activity["id"]) == activity


@pytest.mark.parametrize("way", ["create", "change", "restore"])
def test_contact_deletion_and_concurrent_deal_creation_never_both_succeed(owner, sql_database, way):
    """A deal that is not deleted never refers to a deleted contact, whichever request comes
    first."""
    for _ in range(6):
        contact, deal = owner.contact()["id"], owner.deal()["id"]
        if way == "restore":
            check_ok("deals", owner.change("deals", deal, contact_id=contact))
            owner.must_delete("deals", deal)
        calls = {"create": lambda view, contact=contact: view.send("deals", contact_id=contact),
                 "change": lambda view, contact=contact, deal=deal: view.change(
                     "deals", deal, contact_id=contact),
                 "restore": lambda view, deal=deal: view.restore("deals", deal)}
        deleted, made = at_once(owner, [
            lambda view, contact=contact: view.delete("contacts", contact), calls[way]])
        assert (deleted.status_code, made.status_code // 100) in ((204, 4), (409, 2))
        assert sql_database.run(
            f"SELECT count(*) FROM deals d JOIN contacts c ON c.id = d.contact_id WHERE "
            f"c.id = {contact} AND c.deleted_at IS NOT NULL AND d.deleted_at IS NULL") == [("0",)]


# --- search ---------------------------------------------------------------------------------------

FOUND = {  # search texts by the contact that they find
    "ivan": ["иван", "ИВАН", "ван", "Ванов", "ив", "И", "ёлкин ИВАН", "иванов ром petr", "ромашка",
             "«ром", "example.com ёлк", "petrov@", "ov@exam", "495", "4951234567", "495 123",
             "(495)", "+7 (495) 123-45-67", "74951234567", "123-45", "45.67", "pe", "елкин",
             "Иванов\u2011Елкин", "иванов,иван", "ИВАН;РОМАШКА", "иван\u00a0\u2003ром", "иван%",
             "ив*", "«Иван»", "8495", "8 (495) 123-45-67", "+7495", "4567", "Ива\u200bнов",
             "Ёлкин 8(495)1234567", "\u202d+7\u00a0495\u00a0123\u201145\u201167\u202c",
             "иванов ром petr сидоров", "ＰＥＴＲＯＶ"],
    "odd": ["a\"b", "\"b'", "b'c\\", "b\u2019c", "d*e", "e%f", "%f_", "f_g", "a\"b'c\\d*e%f_g",
            "😀😀😀", "))) OR"],
    "plain": ["aXbXcXd", "xyz", "strasse", "straße", "xyz*", "^xyz", "\"xyz\"", "xyz\\"],
    "home": ["йод", "И\u0306ОД", "почта", "почта.рф", "xn--80a1acny", "xn--80a1acny.xn--p1ai",
             "O'Brien", "O´Brien", "+1 202 555", "12025550123"],
}
NOT_FOUND = ["лк", "ва", "ан", "иван сидоров", "ромашкаx", "и_ан", "аван", "4951234568", "c%d",
             "NOT xyz", "xyz OR", "name:xyz", "NEAR", "e_f", "8 (202) 555-01-23",
             "+49 495 123-45-67", "4568"]
NO_WORDS = ["%%%", "___", "***", "\"\"\"", "'" * 100, "\\\\\\", "%", "_", "*", "--;", "   ",
            " \u00a0 ", "\u200b", "(", "+", "«»", "…"]


@pytest.fixture(scope="module")
def searchable(accounts):
    """Returns a client and the ids of contacts in a separate organization, by a keyword."""
    owner = Office(accounts)["OWNER"]
    made = {"ivan": owner.contact(name="Иванов-Ёлкин Иван", email="petrov@Example.com",
                                  company="ООО «Ромашка»", phone="+7 (495) 123-45-67",
                                  notes="сидоров", position="ромашкаx"),
            "odd": owner.contact(name="a\"b'c\\d*e%f_g", company="--; 😀😀😀 ))) OR 1=1"),
            "plain": owner.contact(name="aXbXcXdXeXf", company="xyz Strasse"),
            "home": owner.contact(name="И\u0306од O\u2019Brien", phone="+1 (202) 555-0123",
                                  email="info@xn--80a1acny.xn--p1ai")}
    return owner, {name: contact["id"] for name, contact in made.items()}


@pytest.mark.parametrize("who, text", [(who, text) for who in FOUND for text in FOUND[who]])
def test_contact_search_finds_name_and_other_searchable_fields(searchable, who, text):
    owner, numbers = searchable
    body = owner.page("contacts", search=text)
    assert numbers[who] in [item["id"] for item in body["items"]]
    assert body["total"] == len(body["items"])
    assert len(body["items"]) == 1


@pytest.mark.parametrize("text", NOT_FOUND)
def test_contact_search_without_match_returns_empty_list(searchable, text):
    """Search words of one or two letters match only the beginnings of words; no character is a
    wildcard."""
    body = searchable[0].page("contacts", search=text)
    assert (body["items"], body["total"]) == ([], 0)


@pytest.mark.parametrize("text", ["", "x" * 1001, "a\0b", "Ж" * 1001])
def test_invalid_search_parameter_is_rejected(owner, text):
    assert invalid_fields(owner.list("contacts", search=text)) == ["search"]


@pytest.mark.parametrize("text", NO_WORDS)
def test_search_without_letters_and_digits_is_rejected(owner, text):
    response = owner.list("contacts", search=text)
    assert invalid_fields(response) == ["search"]
    assert response.json()["details"][0]["message"] in (
        "must contain a letter or a digit", "должно содержать букву или цифру")


@pytest.mark.parametrize("other", ["sort", "after"])
def test_error_names_invalid_search_and_all_other_invalid_parameters(owner, other):
    refused = owner.list("contacts", **{"search": "...", other: "x"})
    assert invalid_fields(refused) == sorted(["search", other])


def test_pasted_line_is_searched_by_its_first_words(owner):
    word = tag()
    number = owner.contact(name=f"{word} Иванов Иван")["id"]
    line = f"{word} Иванов, Иван — ООО «Ромашка», менеджер, Москва" + ", отдел продаж" * 60
    assert 800 < len(line) <= 1000
    assert owner.ids("contacts", search=line) == [number]
    assert owner.ids("contacts", search=f"{word} {word} {word} Иванов") == [number]
    assert owner.ids("contacts", search=f"{word} Сидоров Иван Петрович") == []


def test_long_word_is_searched_by_its_beginning(owner):
    word = tag() + "Ж" * 150
    number = owner.contact(name=word)["id"]
    assert owner.ids("contacts", search=word) == [number]
    assert owner.ids("contacts", search=word + "Ж" * 500) == [number]


SPELLINGS = ["8 (916) {}-{}-{}", "+7 916 {}-{}-{}", "7916{}{}{}", "916{}{}{}", "8.916.{}.{}.{}",
             "\u202a+7\u00a0916\u00a0{}\u2011{}\u2011{}\u202c", "+7 (916) {} {}{} доб. 12"]


@pytest.mark.parametrize("stored", SPELLINGS)
def test_telephone_number_is_found_in_every_spelling(owner, stored):
    digits = str(int(tag()[1:], 16))[-7:]
    parts = digits[:3], digits[3:5], digits[5:]
    number = owner.contact(name=tag(), phone=stored.format(*parts))["id"]
    for searched in SPELLINGS + ["{}-{}-{}", "8916{}{}", "+7916{}{}", "+7(916){}-{}"]:
        assert number in owner.ids("contacts", search=searched.format(*parts)), searched
    for foreign in ("+1 916 {}-{}-{}", "+49 916 {}{}{}"):
        assert owner.ids("contacts", search=foreign.format(*parts)) == []


def test_contact_search_text_is_stored_in_one_spelling(owner, sql_database):
    number = owner.contact(name="Семе\u0308нов,Пётр", phone="8(916)1234567",
                           email=f"{tag()}@почта.рф")
    user = number["email"].split("@")[0]
    assert sql_database.run(f"SELECT search_text FROM contacts WHERE id = {number['id']}") == [(
        f"  семенов  петр  {user}@почта.рф  {user}@xn--80a1acny.xn--p1ai  8  916  1234567"
        "  +79161234567  89161234567",)]


@pytest.mark.parametrize("character", ["\ufffd", "\ufffe", "\uffff"])
def test_search_distinguishes_similar_special_code_points(owner, character):
    word = tag()
    numbers = {each: owner.contact(name=f"{word}{each}{word}")["id"]
               for each in ("\ufffd", "\ufffe", "\uffff")}
    found = owner.page("contacts", search=f"{word}{character}{word}")
    assert [item["id"] for item in found["items"]] == [numbers[character]] and found["total"] == 1


def test_contact_search_reflects_change_deletion_and_restore_of_contact(owner):
    old, new = f"было{tag()}", f"СТАЛО{tag()}"
    number = owner.contact(name=old)["id"]
    assert owner.ids("contacts", search=old.upper()) == [number]
    check_ok("contacts", owner.change("contacts", number, name="x", company=new))
    assert owner.ids("contacts", search=old) == [] and owner.ids("contacts", search=new) == [number]
    owner.must_delete("contacts", number)
    assert owner.ids("contacts", search=new) == []
    check_ok("contacts", owner.restore("contacts", number))
    assert owner.ids("contacts", search=new.lower()) == [number]
    check_ok("contacts", owner.change("contacts", number, company=None))
    assert owner.ids("contacts", search=new) == []


def test_contact_search_covers_only_selected_organization(owner, new_office):
    word = tag()
    number = owner.contact(name=word)["id"]
    theirs = new_office["OWNER"].contact(name=word)["id"]
    assert owner.ids("contacts", search=word) == [number]
    assert new_office["OWNER"].ids("contacts", search=word) == [theirs]


@pytest.mark.parametrize("sort", ["id", "-id", "name", "-name", "-created_at", "name,-created_at"])
def test_contact_search_results_can_be_sorted_filtered_and_paged(office, owner, sort):
    word = tag()
    owners = [owner.id, office["SALES"].id]
    made = [owner.contact(name=f"{'бБаА'[i % 4]} {word}", owner_id=owners[i % 2])["id"]
            for i in range(9)]
    whole = owner.page("contacts", search=word, sort=sort, limit=100)
    assert whole["total"] == 9 and {item["id"] for item in whole["items"]} == set(made)
    assert list(owner.walk("contacts", search=word, sort=sort, limit=2)) == whole["items"]
    mine = owner.page("contacts", search=word, sort=sort, owner_id=owner.id, limit=2, skip=1)
    assert mine["total"] == 5
    assert mine["items"] == [item for item in whole["items"] if item["owner_id"] == owner.id][1:3]


def test_search_total_above_thousand_is_reported_as_lower_bound(new_office, sql_database):
    """Above a thousand matches, `total` is a minimum; paging still reaches every match."""
    office = new_office
    owner, word = office["OWNER"], tag()
    sql_database.run(f"""
        INSERT INTO contacts (organization_id, name, search_text, created_at, updated_at)
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
        SELECT {office.organization}, '{word} ' || i, '  {word}  ' || i, 0, 0
          FROM n""")
    sql_database.run(f"INSERT INTO counters (organization_id, name, slot, value) "
                     f"VALUES ({office.organization}, 'contacts', 0, 1000)")
    last = owner.contact(name=f"{word} last")["id"]
    more = owner.page("contacts", search=f"{word} {word[:5]}", sort="-id", limit=3)
    assert (more["total"], more["total_is_minimum"]) == (1000, True)
    assert more["items"][0]["id"] == last
    everything = owner.page("contacts", search=word, limit=1000)
    assert (everything["total"], "total_is_minimum" in everything) == (1001, False)
    names = [item["name"] for item in owner.walk("contacts", search=word, sort="name", limit=300)]
    assert len(names) == len(set(names)) == 1001
    assert owner.page("contacts", search=f"{word} 999")["total"] == 1


@pytest.mark.parametrize("body, fields", [
    ({"name": "", "owner_id": 999999999}, ["name", "owner_id"]),
    ({"owner_id": 999999999}, ["name", "owner_id"]),
    ({"name": "x", "color": "red", "owner_id": 999999999}, ["color", "owner_id"]),
])
def test_error_names_all_invalid_fields_and_references(owner, body, fields):
    assert sorted(invalid_fields(owner.request("POST", "/contacts", json=body))) == fields
