"""Validation of request bodies: wrong types in every field, and malformed JSON."""

import json

import pytest

from support import contract
from support.client import user_path

STRINGS = ["cn", "sAMAccountName", "userPrincipalName", "givenName", "sn", "mail",
           "telephoneNumber", "title", "department", "description", "password"]
NULLABLE = {"userPrincipalName", "givenName", "sn", "mail", "telephoneNumber", "title",
            "department", "description"}
NOT_STRINGS = [0, 1, -1.5, 1e308, True, False, [], ["x"], {}, {"cn": "x"}, [[["x"]]]]
NOT_BOOLEANS = [0, 1, "true", "", "false", [], {}, None, 1.0]
NOT_INTEGERS = ["2", "", "-2147483646", True, False, [], [2], {}, None, 2.5, -2147483646.5]

# Each body: method, path, text fields, boolean fields, integer fields.
BODIES = {
    "login": ("POST", "/auth/login", ["username", "email", "password"], [], []),
    "refresh": ("POST", "/auth/refresh", ["refresh_token"], [], []),
    "create": ("POST", "/users", [*STRINGS, "ou"], ["enabled", "must_change_password"], []),
    "update": ("PATCH", "/users/{user}", [*STRINGS, "parent_dn"],
               ["enabled", "unlock", "must_change_password"], []),
    "create a group": ("POST", "/groups", ["cn", "ou", "description", "sAMAccountName"], [],
                       ["groupType"]),
    "update a group": ("PATCH", "/groups/{group}", ["cn", "parent_dn", "description"], [], []),
    "create a unit": ("POST", "/ous", ["ou", "parent_dn", "description"], [], []),
    "update a unit": ("PATCH", "/ous/{ou}", ["ou", "parent_dn", "description"], [], []),
    "create a container": ("POST", "/containers", ["cn", "parent_dn", "description"], [], []),
    "update a container": ("PATCH", "/containers/{container}", ["cn", "parent_dn", "description"],
                           [], []),
}


@pytest.fixture(scope="module")
def unchanged_user(people):
    return people.create(title="as it was")


@pytest.fixture(scope="module")
def creators(people, groups, units, containers):
    """Returns the creators of the bodies that create something."""
    return {"create": people, "create a group": groups, "create a unit": units,
            "create a container": containers}


@pytest.fixture(scope="module")
def names(unchanged_user, creators):
    """Returns the values of the parameters in the paths of BODIES."""
    made = {maker.kind.resource: maker.create()[maker.kind.key] for maker in creators.values()}
    return {**made, "user": unchanged_user["sAMAccountName"]}


@pytest.fixture(scope="module")
def send(api, people, creators, names, ldap_admin):
    """Returns a function that sends a body of BODIES with some fields replaced and asserts that
    nothing changes."""
    def call(kind, **fields):
        method, path, *_ = BODIES[kind]
        body = creators[kind].body(**fields) if kind in creators else fields
        if kind == "login":
            body = {"username": "admin", "password": "x", **fields}
        before = ldap_admin.tree(people.ou)
        response = api.request(method, path.format(**names), json=body)
        assert ldap_admin.tree(people.ou) == before
        return response
    return call


def wrong_values():
    for kind, (_, _, texts, switches, numbers) in BODIES.items():
        for field in texts:
            values = NOT_STRINGS + ([] if field in NULLABLE else [None])
            yield from ((kind, field, value) for value in values)
        yield from ((kind, field, value) for field in switches for value in NOT_BOOLEANS)
        yield from ((kind, field, value) for field in numbers for value in NOT_INTEGERS)


@pytest.mark.parametrize("kind, field, value", wrong_values())
def test_body_field_of_wrong_json_type_is_rejected(send, kind, field, value):
    response = send(kind, **{field: value})
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == [field]


@pytest.mark.parametrize("kind", BODIES)
@pytest.mark.parametrize("field", ["nonsense", "CN", "dn", "objectGUID", "memberOf", "", " ",
                                   "userAccountControl", "locked", "поле", "__proto__", "x" * 5000])
def test_error_names_unknown_body_field(send, kind, field):
    response = send(kind, **{field: "x"})
    [named] = contract.check_error(response, 400, "VALIDATION_ERROR")
    assert field.startswith(named) and (named or not field)


@pytest.mark.parametrize("kind", BODIES)
def test_error_names_all_invalid_body_fields(send, kind):
    _, _, texts, switches, numbers = BODIES[kind]
    fields = {**dict.fromkeys([*texts, *switches], 7), **dict.fromkeys(numbers, "7"), "one": 1,
              "two": 2}
    found = contract.check_error(send(kind, **fields), 400, "VALIDATION_ERROR")
    assert sorted(found) == sorted(fields)


@pytest.mark.parametrize("kind, required", [
    ("create", {"cn", "sAMAccountName", "password", "ou"}), ("login", {"password"}),
    ("create a group", {"cn", "ou"}), ("create a unit", {"ou", "parent_dn"}),
    ("create a container", {"cn", "parent_dn"}),
])
def test_error_names_missing_required_fields(api, kind, required):
    method, path, *_ = BODIES[kind]
    response = api.request(method, path, json={})
    assert set(contract.check_error(response, 400, "VALIDATION_ERROR")) == required


def test_error_names_limited_number_of_unknown_fields(send):
    """The error names a limited number of unknown fields, but more than any valid body has
    fields."""
    response = send("update", **{f"field{number}": number for number in range(1000)})
    named = contract.check_error(response, 400, "VALIDATION_ERROR")
    assert 100 <= len(named) == len(set(named))


# --- malformed JSON -------------------------------------------------------------------------------

NESTED = 10_000
NOT_JSON = {
    "a brace": b"{", "an open string": b'{"title":"x', "an open member": b'{"title"',
    "a trailing comma": b'{"title":"x",}', "single quotes": b"{'title':'x'}", "a word": b"nope",
    "an array": b"[]", "a string": b'"x"', "null": b"null", "a number": b"12", "true": b"true",
    "not a number": b'{"title":NaN}', "infinity": b'{"title":Infinity}', "two": b"{}{}",
    "something behind": b'{"title":"x"} x', "a comment": b'{"title":"x"/*c*/}',
    "two byte order marks": b'\xef\xbb\xbf\xef\xbb\xbf{"title":"x"}',
    "unquoted": b'{title:"x"}',
    "invalid UTF-8": b'{"title":"\xff\xfe"}', "overlong UTF-8": b'{"title":"\xc0\xaf"}',
    "a surrogate in UTF-8": b'{"title":"\xed\xa0\x80"}', "a cut character": b'{"title":"\xd0"}',
    "Latin-1": '{"title":"Müller"}'.encode("latin-1"), "UTF-16": '{"title":"x"}'.encode("utf-16"),
    "beyond Unicode": b'{"title":"\xf4\x90\x80\x80"}', "a NUL": b'{"title":"a\0b"}',
    "a NUL behind": b'{"title":"x"}\0', "a bare newline": b'{"title":"a\nb"}',
    "a bare tab": b'{"title":"a\tb"}', "a bad escape": b'{"title":"\\x41"}',
    "half an escape": b'{"title":"\\u12"}', "a lone high surrogate": b'{"title":"\\ud83d"}',
    "a lone low surrogate": b'{"title":"\\ude00"}',
    "surrogates swapped": b'{"title":"\\ude00\\ud83d"}',
    "a name twice": b'{"title":"x","title":"y"}',
    "a name twice, escaped": b'{"title":"x","t\\u0069tle":"y"}',
    "an unknown name twice": b'{"x":1,"x":2}', "a name twice within": b'{"x":{"a":1,"a":2}}',
    "nested arrays": b'{"title":' + b"[" * NESTED + b"]" * NESTED + b"}",
    "nested objects": b'{"a":' * NESTED + b"1" + b"}" * NESTED, "open arrays": b"[" * NESTED,
    "open arrays within": b'{"title":' + b"[" * NESTED, "a form": b"title=x&sn=y",
    "XML": b"<title>x</title>", "white space": b" \r\n\t ", "plus": b'{"title":+1}',
    "a hexadecimal number": b'{"title":0x10}', "a leading zero": b'{"title":01}',
    "a point without digits": b'{"title":1.}', "a capital literal": b'{"enabled":TRUE}',
    "a missing colon": b'{"title" "x"}', "a missing comma": b'{"title":"x" "sn":"y"}',
    "a comma first": b'{,"title":"x"}', "binary": bytes(range(256)),
}
JSON_TYPE = {"Content-Type": "application/json"}


@pytest.mark.parametrize("name", NOT_JSON)
def test_malformed_json_is_rejected(api, people, ldap_admin, names, name):
    before = ldap_admin.tree(people.ou)
    for method, path, *_ in BODIES.values():
        response = api.request(method, path.format(**names), data=NOT_JSON[name],
                               headers=JSON_TYPE)
        contract.check_error(response, 400, "INVALID_JSON")
    assert ldap_admin.tree(people.ou) == before


HUGE_NUMBERS = {
    "digits": b'{"title":' + b"9" * 100_000 + b"}", "an exponent": b'{"title":1e999999999}',
    "a small one": b'{"title":-1e-999999999}', "as a switch": b'{"enabled":' + b"9" * 400 + b"}",
    "beyond 64 bits": b'{"title":18446744073709551616}',
    "decimals": b'{"title":0.' + b"1" * 50_000 + b"}",
}


@pytest.mark.parametrize("name", HUGE_NUMBERS)
def test_huge_numbers_in_body_are_rejected(api, unchanged_user, name):
    response = api.patch(user_path(unchanged_user["sAMAccountName"]), data=HUGE_NUMBERS[name],
                         headers=JSON_TYPE)
    assert response.status_code == 400
    assert response.json()["code"] in ("INVALID_JSON", "VALIDATION_ERROR")


@pytest.mark.parametrize("body", [b'{"title\\u0000":"x"}', b'{"title\\u0000x":"x"}',
                                  b'{"\\u0000title":"x"}', b'{"\\u0000":"x"}',
                                  b'{"title":"x","title\\u0000a":"y"}'])
def test_nul_in_json_field_name_does_not_truncate_name(api, people, ldap_admin, unchanged_user,
                                                       body):
    before = ldap_admin.snapshot(unchanged_user["sAMAccountName"])
    response = api.patch(user_path(unchanged_user["sAMAccountName"]), data=body, headers=JSON_TYPE)
    assert response.status_code == 400, response.text
    assert ldap_admin.snapshot(unchanged_user["sAMAccountName"]) == before


@pytest.mark.parametrize("kind", [kind for kind in BODIES if kind != "refresh"])
def test_missing_request_body_is_rejected(api, names, kind):
    method, path = BODIES[kind][0], BODIES[kind][1].format(**names)
    contract.check_error(api.request(method, path, headers=JSON_TYPE), 400, "INVALID_JSON")
    assert api.request(method, path).status_code in (400, 415)


def test_json_escapes_in_body_are_decoded(people, api):
    user = people.create()
    body = json.dumps({"title": "Ж😀\"\\/\nx", "sn": "Ö"}, ensure_ascii=True).replace("/", "\\/")
    response = api.patch(user_path(user["sAMAccountName"]), data=body, headers=JSON_TYPE)
    assert (response.json()["title"], response.json()["sn"]) == ("Ж😀\"\\/\nx", "Ö")


def test_json_white_space_in_body_is_accepted(people, api):
    user = people.create()
    response = api.patch(user_path(user["sAMAccountName"]), headers=JSON_TYPE,
                         data=b' \r\n\t{ "title" : "x" , "enabled" : true } \n')
    assert response.json()["title"] == "x"


def test_body_of_get_request_is_ignored(api, people):
    user = people.create()
    response = api.request("GET", user_path(user["sAMAccountName"]), data=b"{broken")
    assert response.status_code == 200
