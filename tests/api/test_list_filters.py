"""filter=, fields=, sort= and explain= of every list of the database, on both engines."""

import pytest

from support import contract, files
from support.accounts import invite
from support.client import Client
from support.crm import KINDS, Office, check_ok, invalid_fields
from support.tokens import Tokens

NAMES = ["Анна Ёлкина", "анна ёлкина", "Борис", "50%", "5_0", "O'Neil", 'a "b" \\c', "ΣΊΣΥΦΟΣ"]
COMPANIES = [None, "ООО «Ромашка»", "ромашка", "АО Маяк"]


@pytest.fixture(scope="module")
def filled(accounts):
    """An organization with contacts, deals, tasks and activities, and another one with the same."""
    offices = [Office(accounts), Office(accounts)]
    for office in offices:
        owner = office["OWNER"]
        contacts = [owner.contact(name=name, company=COMPANIES[i % 4],
                                  email=f"Client{i}@Example.com" if i % 3 else None)["id"]
                    for i, name in enumerate(NAMES)]
        for i, contact in enumerate(contacts):
            deal = owner.deal("LOST" if i % 3 == 0 else "NEW", title=f"Сделка {i}",
                              amount=i * 100.5, contact_id=contact,
                              expected_close_date=[None, "2099-01-31", "2099-02-01"][i % 3])
            owner.task(title=f"Задача {i}", deal_id=deal["id"],
                       due_date=[None, "2099-01-31", "2099-01-31T12:00:00Z"][i % 3])
            owner.activity(type=["CALL", "NOTE"][i % 2], subject=f"Звонок {i}")
        owner.must_delete("contacts", owner.contact(name="Борис")["id"])
    return offices[0]


@pytest.fixture(scope="module")
def owner(filled):
    return filled["OWNER"]


def folded(text):
    return None if text is None else text.casefold().strip()


# Filters with the rows that pass them.
CASES = [
    ("contacts", 'name eq "АННА ЁЛКИНА"', lambda x: folded(x["name"]) == "анна ёлкина"),
    ("contacts", 'name ne "борис"', lambda x: folded(x["name"]) != "борис"),
    ("contacts", 'name co "ёлк"', lambda x: "ёлк" in folded(x["name"])),
    ("contacts", 'name co "%"', lambda x: "%" in x["name"]),
    ("contacts", 'name co "_"', lambda x: "_" in x["name"]),
    ("contacts", 'name eq "A \\"B\\" \\\\C"', lambda x: x["name"] == 'a "b" \\c'),
    ("contacts", "name co \"o'\"", lambda x: x["name"] == "O'Neil"),
    ("contacts", 'name eq "σίσυφος"', lambda x: x["name"] == "ΣΊΣΥΦΟΣ"),
    ("contacts", 'company ne "ромашка"', lambda x: folded(x["company"]) != "ромашка"),
    ("contacts", "company eq null", lambda x: x["company"] is None),
    ("contacts", 'not (company co "ромашка")',
     lambda x: "ромашка" not in (folded(x["company"]) or "")),
    ("contacts", 'email eq "client4@EXAMPLE.com"', lambda x: x["email"] == "Client4@Example.com"),
    ("contacts", 'email pr and not (email ew "4@example.com")',
     lambda x: x["email"] and not x["email"].startswith("Client4")),
    ("contacts", 'name sw "анна" or company sw "ао" and email pr',
     lambda x: folded(x["name"]).startswith("анна")
     or (folded(x["company"]) or "").startswith("ао") and x["email"]),
    ("deals", "amount gt 100.5 and amount le 402", lambda x: 100.5 < x["amount"] <= 402),
    ("deals", 'status eq "lost"', lambda x: x["status"] == "LOST"),
    ("deals", 'status co "O"', lambda x: "O" in x["status"]),
    ("deals", 'expected_close_date le "2099-01-31"',
     lambda x: x["expected_close_date"] == "2099-01-31"),
    ("deals", 'not (expected_close_date gt "2099-01-31")',
     lambda x: x["expected_close_date"] != "2099-02-01"),
    ("deals", 'created_at gt "2020-01-01" and closed_at eq null', lambda _: True),
    ("tasks", 'due_date eq "2099-01-31"', lambda x: x["due_date"] == "2099-01-31"),
    ("tasks", 'due_date lt "2099-01-31"', lambda x: x["due_date"] == "2099-01-31T12:00:00.000Z"),
    ("tasks", "due_date pr", lambda x: x["due_date"] is not None),
    ("activities", 'automatic eq true and new_status ew "progress"',
     lambda x: x["automatic"] and x["new_status"] == "IN_PROGRESS"),
    ("activities", 'type eq "call" or type eq "NOTE" and automatic ne true',
     lambda x: x["type"] == "CALL" or not x["automatic"]),
]


@pytest.mark.parametrize("kind, text, passes", CASES)
def test_list_has_exactly_the_rows_that_pass_the_filter(owner, kind, text, passes):
    everything = owner.page(kind, limit=1000)["items"]
    expected = [item for item in everything if passes(item)]
    body = owner.page(kind, limit=1000, filter=text)
    assert [x["id"] for x in body["items"]] == [x["id"] for x in expected]
    assert expected and body["total"] == len(expected)
    for sort in ("-created_at", "-id", next(iter(set(everything[0]) & {"name", "title", "type"}))):
        assert sorted(owner.ids(kind, filter=text, sort=sort)) == sorted(
            x["id"] for x in expected)
        walked = [x["id"] for x in owner.walk(kind, limit=2, filter=text, sort=sort)]
        assert walked == owner.ids(kind, filter=text, sort=sort)


@pytest.mark.parametrize("kind", KINDS)
def test_filter_never_shows_rows_of_others_or_deleted_rows(owner, kind):
    for text in ("id pr", "id pr or not (id pr)", "not (id eq null)", "version ge 0"):
        assert owner.ids(kind, filter=text) == owner.ids(kind)


def test_filter_combines_with_search_and_other_parameters(owner):
    body = owner.page("contacts", search="анна", filter='company eq "ромашка" or company eq null')
    assert [item["name"] for item in body["items"]] == ["Анна Ёлкина"]
    assert owner.page("contacts", owner_id=owner.id, filter='name sw "анна"')["total"] == 2
    assert owner.page("deals", status="NEW", filter="amount gt 500")["total"] == len(
        [x for x in owner.page("deals", limit=1000)["items"]
         if x["status"] == "NEW" and x["amount"] > 500])


def test_change_of_a_row_changes_what_filters_find(new_office):
    new_owner = new_office["OWNER"]
    number = new_owner.contact(name="Было")["id"]
    assert new_owner.ids("contacts", filter='name eq "БЫЛО"') == [number]
    check_ok("contacts", new_owner.change("contacts", number, name="Стало", notes="Ещё"))
    assert new_owner.ids("contacts", filter='name eq "БЫЛО"') == []
    assert new_owner.ids("contacts", filter='notes co "ЕЩЁ" and name sw "ст"') == [number]


HOSTILE = ["", " ", "id", "id eq", "id eq 1 and", "(", ")", "id eq 1)", "((((((((( id pr )))))))))",
           "id eq '1'", "id = 1", "1 eq 1", "id eq 1; DROP TABLE contacts", "id eq 1 --",
           "organization_id eq 1", "deleted_at pr", "email_unique_key pr", "folded pr",
           "id gt \"1\"", "id co \"1\"", "id eq 99999999999999999999", "id eq 1.5", "id eq true",
           "created_at gt \"yesterday\"", "version eq \"\\ud800\"", "not id pr",
           "id pr and" * 40, " or ".join(["id pr"] * 33), "id[pr eq 1]", "c.id pr"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", HOSTILE)
def test_invalid_filter_is_rejected(owner, kind, text):
    assert invalid_fields(owner.list(kind, filter=text)) == ["filter"]


def test_values_of_filters_are_never_sql(owner):
    for value in ["' OR '1'='1", "'; DROP TABLE contacts; --", "$1", "$2", "?1", "{}", "\\u0041\\",
                  "x' AND 1=1 --", "\\ud83d\\ude00", "%", "_", "%%%", "\\\\"]:
        if value.endswith("\\") and not value.endswith("\\\\"):
            continue
        for operator in ("eq", "co", "sw", "ew"):
            text = f'notes {operator} "{value}" or company {operator} "{value}"'
            assert owner.page("contacts", filter=text)["total"] == 0, text


def test_unknown_field_of_filter_lists_the_available_ones(owner):
    response = owner.list("contacts", filter="nme pr")
    assert invalid_fields(response) == ["filter"]
    message = response.json()["details"][0]["message"]
    assert "nme" in message and "company" in message and "email_unique_key" not in message


# --- fields ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind, names", [("contacts", "name,email"), ("deals", "amount"),
                                         ("tasks", "id"), ("activities", "type,subject,id")])
def test_items_have_only_the_selected_fields(owner, kind, names):
    response = owner.list(kind, fields=names, limit=3)
    assert response.status_code == 200, response.text
    body, whole = response.json(), owner.list(kind, limit=3).json()
    selected = {"id", *names.split(",")}
    assert body["items"] == [{name: value for name, value in item.items() if name in selected}
                             for item in whole["items"]]
    assert {key: body[key] for key in body if key != "items"} == {
        key: whole[key] for key in whole if key != "items"}


@pytest.mark.parametrize("names", ["", "x", "id,", ",id", "id, name", "ID", "folded", "deleted_at",
                                   "email_unique_key", "*"])
def test_unknown_selected_field_is_rejected(owner, names):
    response = owner.list("contacts", fields=names)
    assert invalid_fields(response) == ["fields"]


# --- sort -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize("kind", KINDS)
def test_list_is_sorted_by_any_field(owner, kind, sign):
    everything = owner.page(kind, limit=1000)["items"]
    for name in everything[0]:
        whole = owner.ids(kind, sort=sign + name)
        assert sorted(whole) == sorted(item["id"] for item in everything), name
        assert [x["id"] for x in owner.walk(kind, limit=3, sort=sign + name)] == whole, name
        values = {item["id"]: item[name] for item in everything}
        absent = [values[number] is None for number in whole]
        assert absent == sorted(absent, reverse=sign == "-"), name
        present = [values[number] for number in whole if values[number] is not None]
        if present and not isinstance(present[0], str):
            assert present == sorted(present, reverse=sign == "-"), name


def test_texts_without_sort_key_are_in_alphabetical_order(new_office):
    new_owner = new_office["OWNER"]
    words = ["Яма", "ель", "Ёж", "ёлка", "Anna", "anna", "еж", "10", "a,b"]
    for word in words:
        new_owner.contact(company=word)
    items = new_owner.page("contacts", sort="company", limit=100)["items"]
    assert [item["company"] for item in items] == ["10", "a,b", "anna", "Anna", "еж", "Ёж", "ёлка",
                                                   "ель", "Яма"]


# --- explain --------------------------------------------------------------------------------------


def test_explain_shows_the_statement_to_administrators(filled):
    query = {"filter": 'name co "секрет" and version gt 5', "explain": "true"}
    for role in ("OWNER", "ADMIN"):
        response = filled[role].list("contacts", **query)
        explained = response.json()["explain"]
        assert response.status_code == 200 and "секрет" not in explained["sql"]
        assert {"секрет", "5"} <= set(explained["parameters"])
    for role in ("MANAGER", "SALES", "VIEWER"):
        contract.check_error(filled[role].list("contacts", **query), 403, "FORBIDDEN")
    assert "explain" not in filled["OWNER"].list("contacts", filter="id pr").json()


# --- other lists ----------------------------------------------------------------------------------


def items_of(client, path, key="items", **query):
    response = client.get(path, params=query)
    assert response.status_code == 200, response.text
    body = response.json()
    return body if key is None else body[key]


def test_members_and_organizations_can_be_filtered(filled):
    person = filled["SALES"]
    members = f"/organizations/{filled.organization}/members"
    owner_client = filled["OWNER"].client
    found = items_of(owner_client, members, filter=f'email eq "{person.person.email.upper()}"')
    assert [each["account_id"] for each in found] == [person.id]
    assert {each["role"] for each in items_of(owner_client, members, filter='role ne "owner"')
            } == {each["role"] for each in items_of(owner_client, members)} - {"OWNER"}
    assert items_of(owner_client, members, fields="role", filter='role eq "OWNER"',
                    sort="email") == [{"account_id": filled["OWNER"].id, "role": "OWNER"}]
    own = items_of(person.client, "/organizations", sort="-name", fields="role")
    assert {each["role"] for each in own} == {"OWNER", "SALES"}
    assert [each["id"] for each in items_of(person.client, "/organizations",
                                            filter='role eq "sales"')] == [filled.organization]
    contract.check_error(person.client.get("/organizations?filter=x"), 400, "VALIDATION_ERROR")


def test_invitations_can_be_filtered(filled, accounts):
    owner_client = filled["OWNER"].client
    path = f"/organizations/{filled.organization}/invitations"
    guest = accounts.register()
    assert invite(filled.owner, guest.email, "VIEWER").status_code == 201
    found = items_of(owner_client, path, filter=f'email eq "{guest.email.upper()}"', fields="state")
    assert [each["state"] for each in found] == ["invited"]
    assert items_of(owner_client, path, filter='state ne "invited"') == []
    assert items_of(owner_client, path, filter='role eq "OWNER"') == []
    assert len(items_of(guest.client, "/auth/invitations", filter='role eq "viewer"',
                        sort="organization_name")) == 1
    assert items_of(guest.client, "/auth/invitations", filter="invited_by eq null") == []


def test_accounts_and_email_links_can_be_filtered(sql_api, accounts):
    person = accounts.register()
    text = f'email eq "{person.email.upper()}"'
    assert items_of(sql_api, "/accounts", None, filter=text, fields="email") == [
        {"id": person.id, "email": person.email}]
    response = sql_api.get("/accounts", params={"filter": text})
    assert response.headers["X-Total-Count"] == "1"
    explained = sql_api.get("/accounts", params={"filter": text, "explain": "true"}).json()
    assert explained["total"] == 1 and "sql" in explained["explain"]
    last = items_of(sql_api, "/accounts", None, sort="-id", limit=1)
    assert last[0]["id"] >= person.id
    address = f"link-{person.email}"
    assert sql_api.post("/accounts/invitations", json={"email": address}).status_code == 201
    found = items_of(sql_api, "/accounts/invitations", filter=f'email sw "LINK-{person.email}"')
    assert [each["email"] for each in found] == [address]


def test_tokens_can_be_filtered(sql_api, sql_stack):
    tokens = Tokens(Client(sql_stack.https_url, sql_stack.ca_file))
    for uses in (1, 3):
        tokens.issue(purpose=f"Сброс Пароля {uses}", max_uses=uses)
    text = 'purpose sw "СБРОС ПАРОЛЯ" and not (max_uses le 2)'
    found = items_of(sql_api, "/tokens", filter=text, fields="purpose", sort="-purpose")
    assert [each["purpose"] for each in found] == ["Сброс Пароля 3"]
    assert set(found[0]) == {"id", "purpose"}
    explained = sql_api.get("/tokens", params={"filter": text, "explain": "true"}).json()
    assert "сброс пароля" in explained["explain"]["parameters"]


def test_files_can_be_filtered(accounts):
    person, other = accounts.register(), accounts.register()
    for index, name in enumerate(["Отчёт.txt", "ОТЧЁТ 2.txt", "Договор.txt"]):
        files.upload(person.client, b"a" * (index + 1), name)
    files.upload(other.client, b"a", "Отчёт.txt")
    first = files.listed(person.client, "?sort=size")[0]
    put = person.client.put(f"/files/{first['name']}/tags", json=["Важное", "2026"])
    assert put.status_code == 200, put.text

    def found(text, **query):
        listed = items_of(person.client, "/files", "files", filter=text, **query)
        return [each["original_name"] for each in listed]
    assert found('original_name co "отчёт"', sort="size") == ["Отчёт.txt", "ОТЧЁТ 2.txt"]
    assert found('original_name sw "ДОГ" or size lt 2', sort="-size") == ["Договор.txt",
                                                                         "Отчёт.txt"]
    assert found('tags eq "ВАЖНОЕ"') == found('tags co "аж" and tags sw "20"') == ["Отчёт.txt"]
    assert found("tags pr") == ["Отчёт.txt"] and found('tags eq "аж"') == []
    assert len(found('tags ne "важное"')) == 2
    assert len(found(f'last_modified ge "{first["last_modified"]}"')) == 3
    assert len(found('last_modified gt "2020-01-01" and not (last_modified gt "2098-01-01")')) == 3
    assert found(f'etag eq "{first["etag"].upper()}"') == ["Отчёт.txt"]
    assert found('content_type co "PLAIN" and original_name ew ".TXT"', limit=1) != []
    assert found(f'name eq "{first["name"]}"', search="отчёт") == ["Отчёт.txt"]
    assert found("size pr", tag="Важное") == ["Отчёт.txt"]
    contract.check_error(person.client.get("/files?filter=download_url pr"), 400, "NOT_FILTERABLE")
    for operator in ("co", "sw", "ew"):
        text = f'last_modified {operator} "Z"'
        assert invalid_fields(person.client.get("/files", params={"filter": text})) == ["filter"]
    selected = items_of(person.client, "/files", "files", fields="size", sort="size")
    assert [set(each) for each in selected] == [{"name", "size"}] * 3
    for sort in ("name", "original_name", "size", "last_modified", "content_type", "etag"):
        for sign in ("", "-"):
            whole = items_of(person.client, "/files", "files", sort=sign + sort)
            walked, after = [], {}
            while True:
                body = items_of(person.client, "/files", None, sort=sign + sort, limit=1, **after)
                walked += body["files"]
                if not body["next"]:
                    break
                after = {"after": body["next"]}
            assert [x["name"] for x in walked] == [x["name"] for x in whole], sort
            assert len(whole) == 3
    for order in ({}, {"sort": "size"}):
        query = {"filter": "size gt 1", "explain": "true", **order}
        explained = person.client.get("/files", params=query).json()["explain"]
        assert explained["parameters"].count("1") == 1, "the statement has the filter once"
    contract.check_error(person.client.get("/files?sort=tags"), 400, "VALIDATION_ERROR")
