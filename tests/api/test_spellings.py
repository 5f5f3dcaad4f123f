"""Spellings of one name or address: normalization forms, invisible characters, xn-- domains.

Different spellings never belong to two accounts or two entries, on either engine or in the
directory.
"""

import unicodedata

import pytest

from support import contract, files, vault
from support.accounts import accept, address, invite, invitations_of
from support.client import path_of
from support.entries import tag
from support.people import USERS

INVISIBLE = "\u200b"
# Blanks at the ends of pasted text. A text of blanks alone is not a name.
BLANKS = [" ", "\u00a0", "\u200b", "\ufeff", "\u00ad", "\u3000", "\u2060", "\u200e", "\u3164",
          "\n", "\u2800", "\u200d\ufe0f"]
UNICODE_DOMAIN, ASCII_DOMAIN = "почта.рф", "xn--80a1acny.xn--p1ai"


def nfd(text):
    return unicodedata.normalize("NFD", text)


def nfc(text):
    return unicodedata.normalize("NFC", text)


def invalid_field(response):
    return contract.check_error(response, 400, "VALIDATION_ERROR")


def taken_field(response):
    return contract.check_error(response, 409, "ALREADY_EXISTS")


def send_login(client, **body):
    return client.post("/auth/login", json=body)


# --- accounts -------------------------------------------------------------------------------------

def spellings_of(local):
    """Returns spellings of the address of `local` at the Russian domain."""
    return [f"{local}@{ASCII_DOMAIN}", f"{local.upper()}@{ASCII_DOMAIN.upper()}",
            f"{nfd(local)}@ПОЧТА.РФ", f"{local}@{UNICODE_DOMAIN.replace('.', '。')}",
            f"\u00a0{local}@почта.xn--p1ai{INVISIBLE}", f"{local}@{nfd(UNICODE_DOMAIN)}"]


def test_all_spellings_of_an_address_belong_to_one_account(accounts, sql_anonymous):
    local = f"йожик.{tag()}"
    person = accounts.register(email=f"{local}@{UNICODE_DOMAIN}")
    for spelling in spellings_of(local):
        assert taken_field(accounts.send(email=spelling, password=vault.password())) == ["email"]
        for field in ("email", "username"):
            response = send_login(sql_anonymous, **{field: spelling, "password": person.password})
            assert response.status_code == 200, spelling
            me = sql_anonymous.bearing(response.json()["access_token"]).get("/auth/me").json()
            assert me["account_id"] == person.id
    other = accounts.send(email=f"{local}@почта.example", password=vault.password())
    assert other.status_code == 201


def test_account_with_xn_domain_is_found_by_its_unicode_form(accounts, sql_anonymous):
    local = tag()
    person = accounts.register(email=f"{local}@{ASCII_DOMAIN}")
    response = send_login(sql_anonymous, email=f"{local}@{UNICODE_DOMAIN}",
                          password=person.password)
    assert response.status_code == 200
    assert taken_field(accounts.send(email=f"{local}@{UNICODE_DOMAIN}",
                                     password=vault.password())) == ["email"]


@pytest.mark.parametrize("domain", ["straße.example", "strasse.example"])
def test_domains_that_differ_in_the_dns_have_two_accounts(accounts, domain):
    assert accounts.register(email=f"{tag()}@{domain}").email.endswith(domain)


def test_invitation_reaches_account_with_another_spelling_of_the_address(accounts):
    owner, local = accounts.register(), f"йожик.{tag()}"
    invited = invite(owner, f"\u00a0{local}@{ASCII_DOMAIN}", "SALES")
    assert invited.json()["email"] == f"{local}@{ASCII_DOMAIN}"
    again = invite(owner, f"{nfd(local)}@{UNICODE_DOMAIN}", "SALES")
    assert again.json()["id"] == invited.json()["id"]
    person = accounts.register(email=f"{nfd(local)}@{UNICODE_DOMAIN}")
    assert [each["id"] for each in invitations_of(person.client)] == [invited.json()["id"]]
    assert accept(person.client, invited.json()["id"]).status_code == 200
    assert taken_field(invite(owner, f"{local}@{ASCII_DOMAIN}", "VIEWER")) == []


def test_blanks_around_pasted_values_are_removed(accounts, sql_anonymous):
    email, password = address(), vault.password()
    made = accounts.send(email=f"\u00a0{email}\ufeff", password=password, name=" \u200bАнна\t",
                         organization_name="\u2003ООО «А»\u00ad").json()
    contract.check_registered(made)
    assert (made["user"]["email"], made["user"]["username"], made["user"]["name"],
            made["organization"]["name"]) == (email, email, "Анна", "ООО «А»")
    assert sql_anonymous.login(f"{email}\u00a0", password)


@pytest.mark.parametrize("email", ["иван\u00adов@example.com", "iva\u200bn@example.com",
                                   "ivan@exam\u2060ple.com", "ivan @example.com",
                                   "ivan\u00a0ov@example.com", "ivan@example\u200d.com"])
def test_blank_inside_an_address_is_refused_with_its_code_point(accounts, email):
    for language, words in (("ru", "невидимого символа"), ("en", "invisible character")):
        response = accounts.anonymous.post(
            "/auth/register", json={"email": email, "password": vault.password()},
            headers={"Accept-Language": language})
        assert invalid_field(response) == ["email"]
        message = response.json()["details"][0]["message"]
        assert words in message and "U+" in message


@pytest.mark.parametrize("name", ["ａｎｎａ{}", "\u212aelvin{}", "{}\u0131van", "{}\uff20example.com"])
def test_variant_of_an_ascii_name_is_refused(accounts, sql_api, name):
    name = name.format(tag())
    made = sql_api.post("/accounts", json={"username": name, "email": address()})
    assert invalid_field(made) == ["username"]
    made = accounts.send(email=f"{name}@example.com", password=vault.password())
    assert invalid_field(made) == ["email"]


@pytest.mark.parametrize("spell", [nfd, lambda name: f"\u00a0{name}\u200b", str.upper,
                                   lambda name: nfd(name.upper())])
def test_username_is_taken_in_every_spelling(sql_api, spell):
    name = f"Йожик {tag()}"
    made = sql_api.post("/accounts", json={"username": name, "email": address()})
    assert made.status_code == 201
    other = sql_api.post("/accounts", json={"username": spell(name), "email": address()})
    assert taken_field(other) == ["username"]


# --- text without a visible character -------------------------------------------------------------

@pytest.mark.parametrize("blank", BLANKS)
def test_account_and_organization_need_a_visible_name(accounts, sql_api, blank):
    body = {"email": address(), "password": vault.password()}
    assert invalid_field(accounts.send(**{**body, "email": blank})) == ["email"]
    assert invalid_field(accounts.send(**body, name=blank)) == ["name"]
    assert invalid_field(accounts.send(**body, organization_name=blank)) == ["organization_name"]
    owner = accounts.register()
    assert invalid_field(owner.client.patch(owner.path, json={"name": blank})) == ["name"]
    assert invalid_field(invite(owner, blank, "SALES")) == ["email"]
    made = sql_api.post("/accounts", json={"username": blank, "email": address()})
    assert invalid_field(made) == ["username"]
    made = sql_api.post("/accounts/invitations", json={"email": blank})
    assert invalid_field(made) == ["email"]


RECORDS = [("contacts", "name", {}), ("contacts", "email", {"name": "Анна"}),
           ("contacts", "phone", {"name": "Анна"}), ("contacts", "company", {"name": "Анна"}),
           ("contacts", "position", {"name": "Анна"}), ("tasks", "title", {}),
           ("activities", "subject", {"type": "NOTE"})]


@pytest.mark.parametrize("kind, field, others", RECORDS)
def test_line_of_a_record_needs_a_visible_character(accounts, kind, field, others):
    client = accounts.register().client
    for blank in BLANKS:
        assert invalid_field(client.post(f"/{kind}", json={**others, field: blank})) == [field]
    assert client.get(f"/{kind}").json()["total"] == 0


def test_title_of_deal_needs_a_visible_character(accounts):
    client = accounts.register().client
    contact = client.post("/contacts", json={"name": "\u00a0Анна\u200b"}).json()
    assert contact["name"] == "Анна"
    for blank in BLANKS:
        response = client.post("/deals", json={"title": blank, "contact_id": contact["id"]})
        assert invalid_field(response) == ["title"]


def test_purpose_of_token_needs_a_visible_character(site):
    for blank in BLANKS:
        response = site.post("/app/token", json={"purpose": blank})
        assert invalid_field(response) == ["purpose"]


def test_tag_of_file_is_found_in_every_normalization_form(accounts):
    client = accounts.register().client
    name = files.upload(client)["filename"]
    tags = client.put(f"/files/{name}/tags", json=[f"\u00a0{nfd('Йод')}", "Йод", " б "])
    assert tags.json()["tags"] == ["Йод", "б"]
    for spelling in ("Йод", nfd("Йод"), "\u00a0Йод\u200b"):
        found = client.get("/files", params={"tag": spelling}).json()
        assert [each["name"] for each in found["files"]] == [name]
    for blank in BLANKS:
        assert invalid_field(client.put(f"/files/{name}/tags", json=["a", blank])) == ["tags"]


def test_tag_of_file_is_found_in_any_case_and_listed_as_first_written(accounts):
    client = accounts.register().client
    name = files.upload(client)["filename"]
    tags = client.put(f"/files/{name}/tags", json=["VIP", "vip", "Vip", "Straße", "STRASSE"])
    assert tags.json()["tags"] == ["VIP", "Straße"]
    for spelling in ("vip", "Vip", "ＶＩＰ", "strasse"):
        found = client.get("/files", params={"tag": spelling}).json()
        assert [each["name"] for each in found["files"]] == [name], spelling
    assert client.get("/files", params={"tag": "vi"}).json()["files"] == []


def test_joiners_inside_a_name_are_kept(accounts):
    client = accounts.register().client
    for name in ("می\u200cخواهم", "क्\u200dष", "👩\u200d💻", "❤\ufe0f", "Ив\u00adан"):
        made = client.post("/contacts", json={"name": f" {name}\u00a0"}).json()
        assert client.get(f"/contacts/{made['id']}").json()["name"] == name


# --- the directory --------------------------------------------------------------------------------

def test_directory_user_is_found_in_every_spelling(anonymous, api, people, ldap_admin):
    account = f"йод-{tag()[:6]}"
    upn = f"{account}@mail.example"
    user = people.create(cn=f"Йод {tag()}", sAMAccountName=nfd(account), userPrincipalName=nfd(upn))
    assert (user["sAMAccountName"], user["userPrincipalName"]) == (account, upn)
    stored = ldap_admin.entry(user["dn"])
    assert stored["sAMAccountName"] == [account.encode()]
    for spelling in (account, nfd(account), nfd(account.upper()), f"йо\u00adд{account[3:]}",
                     f"\u00a0{nfd(account)}", nfd(upn), f"KONTORA\\{nfd(account)}"):
        response = send_login(anonymous, username=spelling, password=user["password"])
        assert response.status_code == 200, ascii(spelling)
        me = anonymous.bearing(response.json()["access_token"]).get("/auth/me").json()
        assert me["username"] == account
    for spelling in (account, nfd(account)):
        assert api.get(path_of("/users", spelling)).json()["dn"] == user["dn"]


def test_directory_user_that_another_program_created_is_found_in_every_form(anonymous, api, people,
                                                                            ldap_admin):
    user = people.create()
    account = f"йод-{tag()[:6]}"
    ldap_admin.set(user["dn"], "sAMAccountName", nfd(account))
    for spelling in (account, nfd(account)):
        assert api.get(path_of("/users", spelling)).json()["dn"] == user["dn"]
        assert send_login(anonymous, username=spelling,
                          password=user["password"]).status_code == 200


def test_name_in_the_directory_is_taken_in_every_spelling(api, entries, ldap_admin):
    field = entries.kind.name
    made = entries.named(f"Йод {tag()}")
    before = ldap_admin.tree(entries.parent)
    for spelling in (nfd(made[field]), made[field].upper(), f"\u00a0{made[field]}\u200b"):
        body = entries.body(**{field: spelling, entries.kind.parent: entries.parent})
        taken_field(api.post(entries.kind.path, json=body))
        other = entries.named(tag())
        taken_field(api.patch(entries.path(other[field]), json={field: spelling}))
        entries.delete(other[field])
    assert ldap_admin.tree(entries.parent) == before


@pytest.mark.parametrize("field", ["sAMAccountName", "userPrincipalName"])
@pytest.mark.parametrize("variant", ["ｔ{}", "{}\u212A", "\u0131{}", "{}①"])
def test_variant_of_ascii_is_no_name_of_directory_user(api, people, ldap_admin, variant, field):
    """Other systems take such a name for that of another user."""
    user, name = people.create(), variant.format(tag()[:8])
    value = name if field == "sAMAccountName" else f"{name}@kontora.test"
    before = ldap_admin.tree(people.ou)
    for response in (api.post("/users", json=people.body(**{field: value})),
                     api.patch(people.path(user["sAMAccountName"]), json={field: value})):
        assert contract.check_error(response, 400, "VALIDATION_ERROR") == [field]
    assert ldap_admin.tree(people.ou) == before


@pytest.mark.parametrize("name, similar", [("strasse{}", "Straße{}"), ("straße{}", "STRASSE{}")])
@pytest.mark.parametrize("suffix", ["", "@kontora.test", "@elsewhere.example"])
def test_similar_name_of_directory_user_is_taken(api, people, name, similar, suffix):
    field = "userPrincipalName" if suffix else "sAMAccountName"
    first = people.create(**{field: (name + suffix).format(tag()[:8])})
    word = first[field].removesuffix(suffix)[len(name) - 2:]
    other, value = people.create(), (similar + suffix).format(word)
    for response in (api.post("/users", json=people.body(**{field: value})),
                     api.patch(people.path(other["sAMAccountName"]), json={field: value})):
        assert taken_field(response) == [field]
        assert first["dn"] in response.json()["details"][0]["message"]
    renamed = api.patch(people.path(first["objectGUID"]), json={field: value})
    assert renamed.status_code == 200 and renamed.json()[field] == value


def test_similar_domain_of_principal_name_is_taken(api, people):
    name = tag()
    first = people.create(userPrincipalName=f"{name}@{ASCII_DOMAIN}")
    body = people.body(userPrincipalName=f"{name}@{UNICODE_DOMAIN}")
    assert taken_field(api.post("/users", json=body)) == ["userPrincipalName"]
    people.change(first["sAMAccountName"], userPrincipalName=body["userPrincipalName"])
    body["userPrincipalName"] = first["userPrincipalName"]
    assert taken_field(api.post("/users", json=body)) == ["userPrincipalName"]


def test_account_name_is_taken_by_principal_name_in_the_domain(api, people):
    """An account x has the principal name x@DOMAIN, even if none is stored."""
    first, other = people.create(), people.create()
    for body in (people.body(userPrincipalName=f"{first['sAMAccountName']}@kontora.test"),
                 people.body(userPrincipalName=f"{first['sAMAccountName'].upper()}@KONTORA.test")):
        upn = body["userPrincipalName"]
        for response in (api.post("/users", json=body),
                         api.patch(people.path(other["sAMAccountName"]),
                                   json={"userPrincipalName": upn})):
            assert taken_field(response) == ["userPrincipalName"]
            assert first["dn"] in response.json()["details"][0]["message"]
    name = tag()
    people.change(first["sAMAccountName"], userPrincipalName=f"{name}@kontora.test")
    for response in (api.post("/users", json=people.body(sAMAccountName=name)),
                     api.patch(people.path(other["sAMAccountName"]),
                               json={"sAMAccountName": name})):
        assert taken_field(response) == ["sAMAccountName"]
        assert first["dn"] in response.json()["details"][0]["message"]


@pytest.mark.parametrize("stored, typed", [(UNICODE_DOMAIN, ASCII_DOMAIN),
                                           (ASCII_DOMAIN, UNICODE_DOMAIN)])
def test_directory_user_is_found_with_either_form_of_domain(anonymous, people, stored, typed):
    local = f"йод-{tag()[:6]}"
    user = people.create(userPrincipalName=f"{local}@{stored}", mail=f"{local}@{stored}")
    for spelling in (f"{local}@{typed}", f"{local}@{stored}", nfd(f"{local}@{typed}".upper())):
        response = send_login(anonymous, username=spelling, password=user["password"])
        assert response.status_code == 200, ascii(spelling)
        assert people.search(spelling) == [user["sAMAccountName"]]
    assert user["sAMAccountName"] in people.search(f"{user['cn']} {typed}")


def test_pasted_line_is_searched_by_its_first_words(api, people):
    user = people.create(sn="Семёнов")
    line = f"{user['cn']} семенов {user['sAMAccountName']}; " + "мебель, " * 200
    assert people.search(line[:1000]) == [user["sAMAccountName"]]
    response = api.get("/users", params={"search": line[:1001]})
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == ["search"]


@pytest.mark.parametrize("name", ["Пет{}\u200bров", "Пет{}\u00adров", "Пет{}\u00a0ров",
                                  "Пет{}\ufeffров", "Пет{}\u200dров", "Пет{}\U000e0061ров"])
def test_invisible_character_inside_a_directory_name_is_refused(api, entries, ldap_admin, name):
    field, name = entries.kind.name, name.format(tag())
    body = entries.body(**{field: name, entries.kind.parent: entries.parent})
    before = ldap_admin.tree(entries.parent)
    response = api.post(entries.kind.path, json=body)
    assert invalid_field(response) == [field]
    assert "U+" in response.json()["details"][0]["message"]
    assert ldap_admin.tree(entries.parent) == before


@pytest.mark.parametrize("blank", BLANKS)
def test_entry_of_the_directory_needs_a_visible_name(api, entries, blank):
    field = entries.kind.name
    body = entries.body(**{field: blank, entries.kind.parent: entries.parent})
    assert invalid_field(api.post(entries.kind.path, json=body)) == [field]


def test_joiners_in_scripts_that_need_them_are_kept_in_directory_names(entries):
    name = f"می\u200cخواهم {tag()}"
    assert entries.named(name)[entries.kind.name] == name
    assert entries.get(name)[entries.kind.name] == name


@pytest.mark.parametrize("field, text", [
    ("sAMAccountName", "iv\u200ban"), ("sAMAccountName", "می\u200cخو"),
    ("sAMAccountName", "iv\u00a0an"), ("userPrincipalName", "iv\u00adan@kontora.test"),
    ("userPrincipalName", "ivan@kontora\u2060.test"), ("mail", "iv an@example.com"),
    ("mail", "iv\u00adan@example.com"), ("sAMAccountName", INVISIBLE),
    ("userPrincipalName", "\u00a0"), ("mail", INVISIBLE), ("givenName", INVISIBLE),
    ("sn", "\u00ad"), ("title", "\u3164"), ("department", "\ufeff"), ("telephoneNumber", " "),
])
def test_attribute_with_forbidden_invisible_characters_is_refused(api, people, field, text):
    assert invalid_field(api.post(USERS.path, json=people.body(**{field: text}))) == [field]
    user = people.create()
    path = path_of(USERS.path, user["sAMAccountName"])
    assert invalid_field(api.patch(path, json={field: text})) == [field]


def test_blanks_around_attributes_are_removed(people, ldap_admin):
    account = tag()
    user = people.create(
        cn=f"\u00a0Пётр {account}\u200b", sAMAccountName=f" {account}\ufeff",
        userPrincipalName=f"{account}@kontora.test\u00a0", mail=f"\u200b{account}@example.com ",
        givenName="\u00a0Пётр", sn="Иванов\u200b", telephoneNumber=" +7 495\t", title="\u3000Врач")
    assert user["cn"] == f"Пётр {account}"
    stored = ldap_admin.entry(user["dn"])
    for name, value in {"sAMAccountName": account, "userPrincipalName": f"{account}@kontora.test",
                        "mail": f"{account}@example.com", "givenName": "Пётр", "sn": "Иванов",
                        "telephoneNumber": "+7 495", "title": "Врач"}.items():
        assert user[name] == value
        assert stored[name] == [value.encode()]


def test_account_cannot_take_a_name_of_the_directory_in_another_spelling(people, api):
    account = f"йод-{tag()[:6]}"
    people.create(sAMAccountName=account)
    made = api.post("/accounts", json={"username": nfd(account), "email": address()})
    assert taken_field(made) == ["username"]
    made = api.post("/accounts",
                    json={"username": "x" + tag(), "email": f"{nfd(account)}@kontora.test"})
    assert taken_field(made) == ["email"]
