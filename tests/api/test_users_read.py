"""Reading users: single users, searches, and exclusion of other kinds of entries."""

import pytest

from support import contract
from support.client import user_path
from support.names import FILTER_CHARACTERS
from support.people import tag
from support.ldap_admin import rdn, same_dn


def test_read_of_unknown_user_is_not_found(api):
    contract.check_error(api.get("/users/nobody-is-called-so"), 404, "NOT_FOUND")


def test_user_names_in_paths_ignore_case(people):
    user = people.create(sAMAccountName="Жук" + tag()[:6])
    for spelling in (user["sAMAccountName"].upper(), user["sAMAccountName"].lower()):
        assert people.get(spelling)["objectGUID"] == user["objectGUID"]


def test_user_is_not_found_by_common_name_or_mail(api, people):
    user = people.create(cn="Other " + tag(), mail=f"{tag()}@example.com")
    for name in (user["cn"], user["mail"]):
        contract.check_error(api.get(user_path(name)), 404, "NOT_FOUND")


# --- other kinds of entries -----------------------------------------------------------------------

@pytest.fixture(scope="module")
def other_entries(ldap_admin, ou):
    """Creates a computer, a group and a contact; returns a word that only their names contain."""
    word = tag()[:8]
    ldap_admin.add(f"{rdn(word + 'pc')},{ou}", objectClass="computer", sAMAccountName=f"{word}pc$",
                   userAccountControl="4096")
    ldap_admin.add(f"{rdn(word + 'group')},{ou}", objectClass="group",
                   sAMAccountName=f"{word}group")
    ldap_admin.add(f"{rdn(word + 'contact')},{ou}", objectClass="contact",
                   mail=f"{word}@example.com")
    return word


def test_computers_groups_and_contacts_are_not_found_as_users(api, people, other_entries):
    assert people.search(other_entries) == []
    for name in (f"{other_entries}pc$", f"{other_entries}pc", f"{other_entries}group",
                 f"{other_entries}contact"):
        contract.check_error(api.get(user_path(name)), 404, "NOT_FOUND")


def test_computers_and_groups_cannot_be_changed_as_users(api, ldap_admin, other_entries):
    for name in (f"{other_entries}pc$", f"{other_entries}group"):
        before = ldap_admin.snapshot(name)
        contract.check_error(api.patch(user_path(name), json={"description": "x"}), 404,
                             "NOT_FOUND")
        contract.check_error(api.delete(user_path(name)), 404, "NOT_FOUND")
        assert ldap_admin.snapshot(name) == before


def test_domain_controller_is_not_found_as_user(api, ldap_admin):
    [(_, controller)] = ldap_admin.search("(userAccountControl:1.2.840.113556.1.4.803:=8192)")[:1]
    name = controller["sAMAccountName"][0].decode()
    contract.check_error(api.get(user_path(name)), 404, "NOT_FOUND")


# --- groups -------------------------------------------------------------------------------------

def test_member_of_attribute_includes_primary_group(people, ldap_admin):
    user = people.create()
    [group] = user["memberOf"]
    assert same_dn(group, ldap_admin.find("Domain Users")[0])


def test_member_of_attribute_includes_all_groups(people, ldap_admin, ou):
    user = people.create()
    groups = [ldap_admin.add(f"{rdn(name)},{ou}", objectClass="group", sAMAccountName=name)
              for name in (f"a, \"b\" {tag()[:6]}".replace(",", "ь").replace('"', "'"), tag())]
    for group in groups:
        ldap_admin.add_member(group, user["dn"])
    found = people.get(user["sAMAccountName"])["memberOf"]
    assert sorted(found) == sorted([*groups, ldap_admin.find("Domain Users")[0]])


def test_member_of_attribute_includes_changed_primary_group(people, ldap_admin, ou):
    user = people.create()
    name = tag()
    group = ldap_admin.add(f"{rdn(name)},{ou}", objectClass="group", sAMAccountName=name)
    ldap_admin.make_primary(group, user["dn"])
    found = people.get(user["sAMAccountName"])["memberOf"]
    assert sorted(found) == sorted([group, ldap_admin.find("Domain Users")[0]])


def test_user_in_list_includes_group_memberships(api, people):
    user = people.create()
    [listed] = contract.check_list(api.get("/users", params={"search": user["cn"]}).json())
    assert contract.check_user(listed) == people.get(user["sAMAccountName"])


# --- searches -----------------------------------------------------------------------------------

def test_user_search_finds_words_in_names_account_name_and_mail(people, ldap_admin):
    word = tag()
    found = [people.create(cn=f"Petrov {word} Pyotr"), people.create(sAMAccountName=f"a{word}b"),
             people.create(mail=f"first.{word}@example.com"), people.create(givenName=f"x{word}"),
             people.create(sn=f"{word}x"), people.create()]
    ldap_admin.set(found[-1]["dn"], "displayName", f"Пётр {word}")
    people.create(title=word, description=word, department=word, telephoneNumber=word,
                  userPrincipalName=f"{word}@kontora.test")
    expected = sorted(user["sAMAccountName"] for user in found)
    assert people.search(word) == expected
    assert people.search(word.upper()) == expected
    assert people.search(word[1:-1]) == expected


def test_words_of_search_may_be_in_different_attributes_of_user(people, ldap_admin):
    word = tag()
    user = people.create(sn="Петров", givenName="Иван", mail=f"{word}@example.com")
    other = people.create(sn="Иванов", givenName="Пётр", mail=f"x{word}@example.com")
    ldap_admin.set(other["dn"], "displayName", "Сидоров Семён")
    expected = [user["sAMAccountName"]]
    for text in (f"Иван Петров {word}", f"{word} петров ИВАН", f"петро ива {word}",
                 f"Петров,Иван;{word}", f"{word}@example.com «Иван Петров»"):
        assert people.search(text) == expected, text
    assert people.search(f"Сидоров Иванов {word} Семён") == [other["sAMAccountName"]]
    assert people.search(f"Петров Семён {word}") == []


@pytest.mark.parametrize("line", [
    "Петров Иван <{}@example.com>", "\"Петров, Иван\" <{}@example.com>", "• Петров И. {}…",
    "{} | Иван Петров | Менеджер", "Петров\tИван\t{}@example.com\r\n", "Иван (Петров) — {}@",
    "Иван & Петров / {}",
])
def test_user_is_found_by_pasted_line(people, line):
    word = tag()
    user = people.create(sn="Петров", givenName="Иван", mail=f"{word}@example.com")
    people.create(sn="Петров", givenName="Пётр", mail=f"{tag()}@example.com")
    assert people.search(line.format(word)) == [user["sAMAccountName"]]


@pytest.mark.parametrize("name, text", [("Щукина Ёлка", "щукина ёлка"), ("щукина", "ЩУКИНА"),
                                        ("MÜLLER", "müller"), ("Ångström", "ÅNGSTRÖM")])
def test_user_search_ignores_case(people, name, text):
    word = tag()
    user = people.create(cn=f"{name} {word}")
    assert people.search(f"{text} {word}") == [user["sAMAccountName"]]


@pytest.mark.parametrize("text", FILTER_CHARACTERS)
def test_user_search_matches_special_characters_literally(people, text):
    word = tag()
    literal = people.create(cn=f"{word}{text}end")
    people.create(cn=f"{word}abcend")
    people.create(cn=f"{word}end")
    assert people.search(f"{word}{text}end") == [literal["sAMAccountName"]]
    assert people.search(f"{word}{text}") == [literal["sAMAccountName"]]


@pytest.mark.parametrize("text", ["*)(objectClass=*", "*)(sAMAccountName=admin*", "\\00", "zz*zz",
                                  "admin*", "*dmin*", ")(zz", "(|(objectClass=*)",
                                  "*))(|(objectClass=*", "cn=*)zz"])
def test_user_search_text_is_not_interpreted_as_ldap_filter(people, text):
    assert people.search(text) == []
