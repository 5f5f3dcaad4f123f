"""The attributes of users: each is set, cleared and read back, and compared with the directory."""

import datetime

import pytest

from support import contract
from support.client import user_path
from support.ldap_admin import BOOKKEEPING, INTERVALS_PER_S, rdn, same_dn
from support.people import tag

# The maximum length of each text attribute (rangeUpper of the schema); those without one in the
# schema have 1,024 characters.
TEXTS = {
    "displayName": 256, "initials": 6, "mobile": 64, "homePhone": 64, "ipPhone": 64,
    "facsimileTelephoneNumber": 64, "pager": 64, "company": 64, "employeeID": 16,
    "employeeNumber": 512, "employeeType": 256, "physicalDeliveryOfficeName": 128,
    "streetAddress": 1024, "postOfficeBox": 40, "l": 128, "st": 128, "postalCode": 40,
    "wWWHomePage": 2048, "info": 1024, "homeDirectory": 1024, "profilePath": 1024,
    "scriptPath": 1024,
}
# Values with Cyrillic, quotes and commas, cut to the length of the attribute.
VALUE = "Ю\"а, 'б' \\\\; «в»=*()<>#+ ё\n😀 конец"
ON_REQUEST = sorted(set(contract.USER_TYPES) - set(contract.LISTED_USER_TYPES))
ZERO = datetime.datetime(1601, 1, 1, tzinfo=datetime.timezone.utc)
NEVER = ("0", str(2 ** 63 - 1))


def units(text):
    """Returns the length of a text in UTF-16 units."""
    return len(text.encode("utf-16-le")) // 2


def cut(text, length):
    while units(text) > length:
        text = text[:-1]
    return text.rstrip()


def filetime(text):
    """Converts a time of the API to a FILETIME, in digits."""
    moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    elapsed = moment - ZERO
    return str((elapsed.days * 86400 + elapsed.seconds) * INTERVALS_PER_S
               + elapsed.microseconds * 10)


def same_moment(text, value):
    """Returns True if a time of the API equals a FILETIME, apart from units below milliseconds."""
    return text is None if value in NEVER else filetime(text)[:-4] == value[:-4]


def stored(ldap_admin, account, attribute):
    """Returns the values of an attribute as ldapsearch shows them."""
    [entry] = ldap_admin.ldapsearch(f"(sAMAccountName={account})", attribute)
    return [value.decode() for value in entry.get(attribute, [])]


def refuse(api, account, field, value):
    """Sends a value that must be refused and change nothing."""
    response = api.patch(user_path(account), json={field: value})
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == [field], (field, value)
    return response.json()["details"][0]["message"]


# --- texts ----------------------------------------------------------------------------------------

@pytest.mark.parametrize("field", TEXTS)
def test_text_attribute_is_set_replaced_and_cleared(people, ldap_admin, field):
    value = cut(VALUE, TEXTS[field])
    account = people.create(**{field: value})["sAMAccountName"]
    assert people.get(account)[field] == value
    assert stored(ldap_admin, account, field) == [value]
    assert people.change(account, **{field: "Ж, \"x\""})[field] == "Ж, \"x\""
    assert stored(ldap_admin, account, field) == ["Ж, \"x\""]
    assert people.change(account, **{field: None})[field] is None
    assert stored(ldap_admin, account, field) == []
    assert people.change(account, **{field: None})[field] is None  # already unset


@pytest.mark.parametrize("field", TEXTS)
def test_text_attribute_has_the_maximum_length_of_the_schema(api, people, ldap_admin, field):
    account = people.create()["sAMAccountName"]
    longest = "Ж" * TEXTS[field]
    assert people.change(account, **{field: longest})[field] == longest
    assert stored(ldap_admin, account, field) == [longest]
    assert str(TEXTS[field]) in refuse(api, account, field, longest + "Ж")
    assert stored(ldap_admin, account, field) == [longest]
    refuse(api, account, field, "")
    refuse(api, account, field, " \t ")
    refuse(api, account, field, "a\0b")


def test_schema_of_the_directory_allows_the_documented_lengths(ldap_admin):
    """A limit of the schema that is smaller than ours would be reported by the directory only."""
    base = f"CN=Schema,CN=Configuration,{ldap_admin.base_dn}"
    for field, length in TEXTS.items():
        [definition] = ldap_admin.ldapsearch(f"(lDAPDisplayName={field})", "rangeUpper", base=base)
        assert int(definition.get("rangeUpper", [str(length)])[0]) == length, field


def test_all_attributes_are_set_and_cleared_together(people, ldap_admin):
    """One request can set all fields, and one can clear them: nothing is left."""
    manager = people.create()
    values = {field: cut(VALUE, length) for field, length in TEXTS.items()}
    values |= {"c": "RU", "homeDrive": "Z:", "accountExpires": "2031-02-03T04:05:06.789Z",
               "userWorkstations": ["PC-1", "ПК-2"], "passwordNeverExpires": True}
    user = people.create()
    account = user["sAMAccountName"]
    before = ldap_admin.snapshot(account, without=BOOKKEEPING)
    changed = people.change(account, **values, manager=manager["objectGUID"])
    assert {name: changed[name] for name in values} == values
    assert changed["manager"]["dn"] == manager["dn"]
    nothing = {**dict.fromkeys(values), "manager": None, "passwordNeverExpires": False}
    cleared = people.change(account, **nothing)
    assert {name for name in cleared if cleared[name] != user[name]} <= {"whenChanged"}
    after = ldap_admin.snapshot(account, without=BOOKKEEPING)
    for snapshot in (before, after):
        snapshot[1].pop("accountExpires")  # both values mean never
    assert after == before


# --- country --------------------------------------------------------------------------------------

def test_country_sets_its_name_and_number(people, ldap_admin):
    account = people.create(c="ru")["sAMAccountName"]
    assert people.get(account)["c"] == "RU"
    assert [stored(ldap_admin, account, name) for name in ("c", "co", "countryCode")] == [
        ["RU"], ["Russia"], ["643"]]
    assert people.change(account, c="DE")["c"] == "DE"
    assert [stored(ldap_admin, account, name) for name in ("c", "co", "countryCode")] == [
        ["DE"], ["Germany"], ["276"]]
    assert people.change(account, c=None)["c"] is None
    assert [stored(ldap_admin, account, name) for name in ("c", "co", "countryCode")] == [
        [], [], ["0"]]
    assert people.change(account, c=None)["c"] is None


@pytest.mark.parametrize("code", ["UK", "XX", "EU", "SU", "R", "RUS", "643", "РУ", "R U"])
def test_unknown_country_is_refused(api, people, ldap_admin, code):
    account = people.create(c="KZ")["sAMAccountName"]
    refuse(api, account, "c", code)
    assert stored(ldap_admin, account, "co") == ["Kazakhstan"]


# --- manager --------------------------------------------------------------------------------------

def test_manager_is_named_by_dn_or_guid_and_shown_with_its_name(people, ldap_admin):
    manager = people.create(cn=f"Пе́тров, \"П\" {tag()}", displayName="Петров Пётр, директор")
    account = people.create(manager=manager["dn"])["sAMAccountName"]
    shown = {"dn": manager["dn"], "objectGUID": manager["objectGUID"],
             "name": "Петров Пётр, директор"}
    assert people.get(account)["manager"] == shown
    assert same_dn(stored(ldap_admin, account, "manager")[0], manager["dn"])
    other = people.create()  # without a displayName
    changed = people.change(account, manager=other["objectGUID"].upper())
    assert changed["manager"] == {"dn": other["dn"], "objectGUID": other["objectGUID"],
                                  "name": other["cn"]}
    assert people.get(manager["sAMAccountName"])["directReports"] == []
    assert people.get(other["sAMAccountName"])["directReports"] == [changed["dn"]]
    assert people.change(account, manager=None)["manager"] is None
    assert stored(ldap_admin, account, "manager") == []
    assert people.change(account, manager=None)["manager"] is None


def test_manager_may_be_a_contact(people, ldap_admin, ou):
    name = f"Внешний, {tag()}"
    dn = ldap_admin.add(f"{rdn(name)},{ou}", objectClass="contact", displayName="Внешний директор")
    user = people.create(manager=dn)
    assert user["manager"]["name"] == "Внешний директор"


def test_manager_outside_of_the_base_dn_is_shown_by_its_name_in_the_dn(people, ldap_admin):
    """Other tools may set a manager that Kontora does not manage; its DN is all that is known."""
    user = people.create()
    outside = f"CN=Administrator,CN=Users,{ldap_admin.base_dn}"
    ldap_admin.set(user["dn"], "manager", outside)
    manager = people.get(user["sAMAccountName"])["manager"]
    assert manager["dn"] == outside
    assert manager["name"] == "Administrator"


@pytest.mark.parametrize("value", [
    "", "Иванов", "CN=nobody-is-called-so,{ou}", "00000000-0000-0000-0000-000000000000",
    "CN=x,DC=elsewhere", "{ou}", "CN=Domain Users,CN=Users,{base}", "*", "CN=*,{ou}",
    "<GUID=00000000-0000-0000-0000-000000000000>", ")(objectClass=*"])
def test_manager_must_be_a_person_of_the_directory(api, people, ldap_admin, ou, value):
    user = people.create(manager=people.create()["dn"])
    account = user["sAMAccountName"]
    refuse(api, account, "manager", value.format(ou=ou, base=ldap_admin.base_dn))
    assert people.get(account)["manager"] == user["manager"]
    body = people.body(manager=value.format(ou=ou, base=ldap_admin.base_dn))
    response = api.post("/users", json=body)
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == ["manager"]
    assert ldap_admin.find(body["sAMAccountName"]) is None


def test_renamed_manager_is_shown_with_its_new_name(people):
    manager = people.create()
    account = people.create(manager=manager["dn"])["sAMAccountName"]
    renamed = people.change(manager["sAMAccountName"], cn=f"Новое, имя {tag()}")
    assert people.get(account)["manager"] == {
        "dn": renamed["dn"], "objectGUID": manager["objectGUID"], "name": renamed["cn"]}


def test_deleted_manager_is_no_longer_shown(people):
    manager = people.create()
    account = people.create(manager=manager["dn"])["sAMAccountName"]
    people.delete(manager["sAMAccountName"])
    assert people.get(account)["manager"] is None


# --- times ----------------------------------------------------------------------------------------

@pytest.mark.parametrize("moment", [
    "2031-02-03T04:05:06.789Z", "1601-01-02T00:00:00.000Z", "1969-12-31T23:59:59.999Z",
    "9999-12-31T23:59:59.999Z"])
def test_expiry_of_account_is_stored_as_filetime(people, ldap_admin, moment):
    account = people.create(accountExpires=moment)["sAMAccountName"]
    assert people.get(account)["accountExpires"] == moment
    assert stored(ldap_admin, account, "accountExpires") == [filetime(moment)]
    assert people.change(account, accountExpires=None)["accountExpires"] is None
    assert stored(ldap_admin, account, "accountExpires")[0] in NEVER


def test_expiry_of_account_may_have_an_offset(people):
    user = people.create(accountExpires="2031-02-03T04:05:06+03:00")
    assert user["accountExpires"] == "2031-02-03T01:05:06.000Z"


def test_expired_account_cannot_log_in_until_the_expiry_is_cleared(people, ldap_admin):
    user = people.create(accountExpires="2020-01-01T00:00:00Z")
    assert ldap_admin.bind_failure(user["dn"], user["password"]) == "701"
    people.change(user["sAMAccountName"], accountExpires=None)
    assert ldap_admin.binds(user["dn"], user["password"])


@pytest.mark.parametrize("value", [*NEVER, str(2 ** 63 - 2), "2650467744000000000"])
def test_values_of_never_are_null(people, ldap_admin, value):
    """Also times after the year 9999, which a reply could not contain."""
    user = people.create()
    ldap_admin.set(user["dn"], "accountExpires", value)
    assert people.get(user["sAMAccountName"])["accountExpires"] is None


@pytest.mark.parametrize("value", [
    "tomorrow", "2031-02-03", "1601-01-01T23:59:59.999Z", "0001-01-01T00:00:00Z", "", 1, True,
    "2031-02-30T00:00:00Z"])
def test_invalid_expiry_is_refused(api, people, ldap_admin, value):
    account = people.create(accountExpires="2031-02-03T04:05:06Z")["sAMAccountName"]
    refuse(api, account, "accountExpires", value)
    assert stored(ldap_admin, account, "accountExpires") == [filetime("2031-02-03T04:05:06Z")]


def test_times_of_password_and_login_are_those_of_the_directory(people, ldap_admin):
    user = people.create()
    account = user["sAMAccountName"]
    assert ldap_admin.binds(user["dn"], user["password"])
    found = people.get(account)
    for field, attribute in (("passwordLastSet", "pwdLastSet"), ("lastLogon", "lastLogonTimestamp"),
                             ("passwordExpires", "msDS-UserPasswordExpiryTimeComputed")):
        [value] = stored(ldap_admin, account, attribute)
        assert same_moment(found[field], value), field
    changed = people.change(account, must_change_password=True)
    assert (changed["passwordLastSet"], changed["passwordExpires"]) == (None, None)


def test_lockout_shows_its_time_and_the_failed_logins(people, ldap_admin):
    user = people.create()
    account = user["sAMAccountName"]
    assert (user["lockedAt"], user["badPasswordCount"]) == (None, 0)
    ldap_admin.bind_failure(user["dn"], "wrong")
    assert people.get(account)["badPasswordCount"] == 1
    for _ in range(40):
        if ldap_admin.bind_failure(user["dn"], "wrong") == "775":
            break
    locked = people.get(account)
    assert locked["locked"] and locked["lockedAt"]
    assert same_moment(locked["lockedAt"], stored(ldap_admin, account, "lockoutTime")[0])
    assert people.change(account, unlock=True)["lockedAt"] is None


# --- flags of the account -------------------------------------------------------------------------

@pytest.mark.parametrize("field, bit", [("passwordNeverExpires", 0x10000),
                                        ("smartcardRequired", 0x40000)])
def test_each_flag_of_account_sets_only_its_own_bit(people, ldap_admin, field, bit):
    created = people.create(**{field: True})
    assert created[field] is True and created["userAccountControl"] & bit
    account = created["sAMAccountName"]
    assert people.change(account, enabled=False)[field] is True
    assert int(stored(ldap_admin, account, "userAccountControl")[0]) == 514 | bit
    changed = people.change(account, **{field: False})
    assert (changed[field], changed["enabled"]) == (False, False)
    assert stored(ldap_admin, account, "userAccountControl") == ["514"]


def test_flags_of_account_cannot_be_null(api, people):
    account = people.create()["sAMAccountName"]
    for field in ("passwordNeverExpires", "smartcardRequired"):
        refuse(api, account, field, None)
        refuse(api, account, field, "true")


def test_password_that_never_expires_has_no_expiry(people):
    assert people.create(passwordNeverExpires=True)["passwordExpires"] is None


# --- workstations and drives ----------------------------------------------------------------------

def test_workstations_are_a_list_of_names(people, ldap_admin):
    account = people.create(userWorkstations=["PC-1", " ПК-2 ", "server.example.com"])[
        "sAMAccountName"]
    assert people.get(account)["userWorkstations"] == ["PC-1", "ПК-2", "server.example.com"]
    assert stored(ldap_admin, account, "userWorkstations") == ["PC-1,ПК-2,server.example.com"]
    for nothing in ([], None):
        people.change(account, userWorkstations=["PC-1"])
        assert people.change(account, userWorkstations=nothing)["userWorkstations"] == []
        assert stored(ldap_admin, account, "userWorkstations") == []


@pytest.mark.parametrize("value", [
    ["a,b"], [""], [" "], ["a b"], ["a\\b"], ["a/b"], ["*"], ["x" * 64], "PC-1", [1], [None],
    ["a\0"], ["PC"] * 65, ["x" * 63] * 16 + ["y"]])
def test_invalid_workstations_are_refused(api, people, ldap_admin, value):
    account = people.create(userWorkstations=["PC-1"])["sAMAccountName"]
    refuse(api, account, "userWorkstations", value)
    assert stored(ldap_admin, account, "userWorkstations") == ["PC-1"]


def test_workstations_have_the_maximum_length_of_the_schema(people, ldap_admin):
    longest = ["x" * 63] * 16  # 1,023 characters with the commas
    account = people.create(userWorkstations=longest)["sAMAccountName"]
    assert people.get(account)["userWorkstations"] == longest
    assert len(stored(ldap_admin, account, "userWorkstations")[0]) == 1023
    many = [f"PC{number}" for number in range(64)]
    assert people.change(account, userWorkstations=many)["userWorkstations"] == many


def test_home_drive_is_a_letter(api, people, ldap_admin):
    account = people.create(homeDrive="Z:", homeDirectory="\\\\files\\home\\Ю, \"а\"")[
        "sAMAccountName"]
    assert stored(ldap_admin, account, "homeDrive") == ["Z:"]
    assert stored(ldap_admin, account, "homeDirectory") == ["\\\\files\\home\\Ю, \"а\""]
    for wrong in ("Z", "Z:\\", "ZZ", "1:", "Ж:", ":Z", ""):
        refuse(api, account, "homeDrive", wrong)
    assert people.change(account, homeDrive=None)["homeDrive"] is None
    assert stored(ldap_admin, account, "homeDrive") == []


# --- read-only fields and lists -------------------------------------------------------------------

@pytest.mark.parametrize("field", ["passwordLastSet", "passwordExpires", "lastLogon", "lockedAt",
                                   "badPasswordCount", "directReports", "locked", "memberOf", "co",
                                   "countryCode", "userAccountControl", "whenCreated"])
def test_read_only_field_is_refused(api, people, field):
    user = people.create()
    assert contract.check_error(api.patch(user_path(user["sAMAccountName"]), json={field: None}),
                                400, "VALIDATION_ERROR") == [field]


def test_list_has_further_fields_only_on_request(api, people):
    manager = people.create(displayName="Директор")
    user = people.create(company="Контора, \"А\"", c="RU", manager=manager["dn"])
    parameters = {"search": user["cn"]}
    [listed] = contract.check_list(api.get("/users", params=parameters).json())
    contract.check_listed_user(listed)
    parameters["fields"] = ",".join(ON_REQUEST)
    [listed] = contract.check_list(api.get("/users", params=parameters).json())
    single = people.get(user["sAMAccountName"])
    assert listed == {name: single[name] for name in (*ON_REQUEST, "objectGUID")}
    assert listed["manager"]["name"] == "Директор"
    parameters["fields"] = "company,c"
    [listed] = contract.check_list(api.get("/users", params=parameters).json())
    assert listed == {"company": "Контора, \"А\"", "c": "RU", "objectGUID": user["objectGUID"]}


def test_list_shows_the_managers_of_many_users(api, people):
    """The managers of a page are read in batches."""
    word = tag()
    managers = [people.create(displayName=f"Руководитель {number}") for number in range(3)]
    users = [people.create(cn=f"{word} {number}", manager=managers[number % 3]["dn"])
             for number in range(7)]
    found = contract.check_list(api.get("/users", params={
        "search": word, "fields": "cn,manager", "limit": 100}).json())
    assert {each["cn"]: each["manager"]["objectGUID"] for each in found} == {
        user["cn"]: managers[number % 3]["objectGUID"] for number, user in enumerate(users)}
    assert {each["manager"]["name"] for each in found} == {
        f"Руководитель {number}" for number in range(3)}
