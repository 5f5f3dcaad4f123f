"""Values of the fields of contacts, deals, tasks and activities: bounds, wrong types, unusual
characters, and unknown fields. On both engines."""

import functools
import json

import pytest

from support import contract
from support.crm import CHANGEABLE, KINDS, NAME_OF, TYPES, Number, check_ok, encode, invalid_fields

# Text fields and their greatest lengths in UTF-16 code units.
TEXTS = [
    ("contacts", "name", 200), ("contacts", "phone", 50), ("contacts", "company", 200),
    ("contacts", "position", 200), ("contacts", "notes", 10_000), ("deals", "title", 200),
    ("deals", "description", 10_000), ("tasks", "title", 200), ("tasks", "description", 10_000),
    ("activities", "subject", 200), ("activities", "description", 10_000),
]
LONG = [(kind, field) for kind, field, longest in TEXTS if longest > 200]
NOT_TEXTS = [0, 1, -1.5, True, False, [], ["x"], {}, {"name": "x"}, Number("1e308")]

# Fields that only the service sets.
READ_ONLY = {
    "contacts": {"id": 1, "version": 1, "created_at": "2026-11-20T00:00:00.000Z"},
    "deals": {"id": 1, "status": "WON", "lost_reason": "x", "closed_at": None, "outcome": "WON"},
    "tasks": {"id": 1, "creator_id": 1, "completed_at": None, "overdue_from": 1},
    "activities": {"id": 1, "author_id": 1, "automatic": True, "old_status": "NEW",
                   "new_status": "WON"},
}
UNKNOWN = ["nonsense", "NAME", "organization_id", "deleted_at", "search_text", "поле",
           "__proto__", "id;"]
JSON_TYPE = {"Content-Type": "application/json"}
UNUSUAL_FIELDS = ["", " ", "x" * 3000]


@pytest.fixture(scope="module")
def owner(office):
    return office["OWNER"]


@pytest.fixture(scope="module")
def unchanged_object(owner):
    """Returns a function that creates one object of each collection, which no test of this module
    changes."""
    return functools.cache(owner.create)


@pytest.fixture(scope="module")
def rejected_fields(owner, unchanged_object):
    """Returns a function that sends a body as a new object and as a change; both must name the
    same invalid fields, which it returns."""
    def send(kind, body, headers=None):
        named = invalid_fields(owner.send(kind, body, headers))
        if kind in CHANGEABLE:
            assert invalid_fields(owner.change(kind, unchanged_object(kind)["id"], body,
                                               headers)) == named
            assert owner.read(kind, unchanged_object(kind)["id"]) == unchanged_object(kind)
        return named
    return send


# --- text -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind, field, longest", TEXTS)
@pytest.mark.parametrize("letter", ["x", "Ж", "漢"])
def test_text_of_greatest_allowed_length_is_stored_unchanged(owner, kind, field, longest, letter):
    text = letter * longest
    made = owner.create(kind, **{field: text})
    assert made[field] == text == owner.read(kind, made["id"])[field]


@pytest.mark.parametrize("kind, field, longest", TEXTS)
def test_too_long_or_empty_text_is_rejected(rejected_fields, kind, field, longest):
    for text in ("", "x" * (longest + 1), "Ж" * (longest + 1), "😀" * (longest // 2 + 1)):
        assert rejected_fields(kind, {field: text}) == [field]


@pytest.mark.parametrize("kind, field, longest", TEXTS)
def test_text_field_with_value_of_other_json_type_is_rejected(rejected_fields, kind, field,
                                                              longest):
    for value in NOT_TEXTS:
        assert rejected_fields(kind, {field: value}) == [field], value


@pytest.mark.parametrize("kind, field, longest", TEXTS)
def test_text_with_unusual_characters_is_stored_unchanged(owner, kind, field, longest):
    for text in ("Иван Ёлкин-Żółć", "😀👩‍👩‍👧🇷🇺", "'; DROP TABLE contacts; --", "a\\b\"c'd",
                 "100%_$1?", "<script>alert(1)</script>", "два  пробела", "e\u0301",
                 "x \u202eright to left",
                 "null", "مرحبا", "x\ufeffx", "{}", "&amp;"):
        made = owner.create(kind, **{field: text})
        assert made[field] == text == owner.read(kind, made["id"])[field]


@pytest.mark.parametrize("kind, field, longest", TEXTS)
def test_blanks_around_a_line_are_removed_and_those_around_a_text_are_kept(owner, kind, field,
                                                                           longest):
    text = " \u00a0\u200bx y\ufeff\n"
    made = owner.create(kind, **{field: text})
    kept = text if longest > 200 else "x y"
    assert made[field] == kept == owner.read(kind, made["id"])[field]


@pytest.mark.parametrize("kind, field, longest", TEXTS)
def test_text_with_nul_character_is_rejected(rejected_fields, kind, field, longest):
    for text in ("\0", "a\0b", "a\0"):
        assert rejected_fields(kind, {field: text}) == [field]


@pytest.mark.parametrize("text", ["a\nb", "a\tb", "\x01", "a\x1b[31m", "a\x7f", "\r\n"])
def test_contact_name_with_control_character_is_rejected(rejected_fields, text):
    assert rejected_fields("contacts", {"name": text}) == ["name"]


@pytest.mark.parametrize("kind, field", LONG)
def test_long_text_may_have_several_lines(owner, kind, field):
    text = "первая\nвторая\r\n\tтретья\n"
    assert owner.create(kind, **{field: text})[field] == text


@pytest.mark.parametrize("kind", KINDS)
def test_name_field_of_object_is_required(owner, unchanged_object, kind):
    name = NAME_OF[kind]
    assert invalid_fields(owner.send(kind, **{name: ...})) == [name]
    assert invalid_fields(owner.send(kind, **{name: None})) == [name]
    if kind in CHANGEABLE:
        assert invalid_fields(owner.change(kind, unchanged_object(kind)["id"],
                                           **{name: None})) == [name]


@pytest.mark.parametrize("kind, field", [each[:2] for each in TEXTS if each[1] != NAME_OF[each[0]]])
def test_optional_text_field_can_be_null(owner, kind, field):
    made = owner.create(kind, **{field: "x"})
    assert made[field] == "x" and owner.create(kind, **{field: None})[field] is None
    if kind in CHANGEABLE:
        assert check_ok(kind, owner.change(kind, made["id"], **{field: None}))[field] is None


@pytest.mark.parametrize("kind", KINDS)
def test_omitted_object_fields_get_default_values(owner, kind):
    made = owner.create(kind)
    standard = {"owner_id": owner.id, "creator_id": owner.id, "author_id": owner.id, "version": 1,
                "amount": 0, "automatic": False,
                "status": {"deals": "NEW", "tasks": "TODO"}.get(kind), "type": "NOTE"}
    for name in TYPES[kind]:
        if name not in ("id", "created_at", "updated_at", "occurred_at", NAME_OF[kind]):
            assert made[name] == standard.get(name), name


# --- email addresses ------------------------------------------------------------------------------


@pytest.mark.parametrize("email", ["x", "@", "a@", "@b", "a@b@c", "a b@c", "a@.b", "a@b.", "a@b\n",
                                   "a,b@c", "<a@b>", "", "a@b\0", "a" * 250 + "@b.ru", 1, True, []])
def test_contact_with_invalid_email_is_rejected(rejected_fields, email):
    assert rejected_fields("contacts", {"email": email}) == ["email"]


@pytest.mark.parametrize("local", ["Иван", "x+y", "O'Brien", "a_b%c", "UPPER"])
def test_contact_with_unusual_but_valid_email_is_accepted_and_found(owner, new_office, local):
    email = f"{local}@Пример.рф"
    made = new_office["OWNER"].contact(email=email)
    assert made["email"] == email
    assert new_office["OWNER"].ids("contacts", email=email.swapcase()) == [made["id"]]


# --- unknown and read-only fields -----------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_unknown_object_fields_are_rejected(rejected_fields, kind):
    assert rejected_fields(kind, dict.fromkeys(UNKNOWN, "x")) == sorted(UNKNOWN)
    for field in UNUSUAL_FIELDS:
        assert len(rejected_fields(kind, {field: "x"})) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_creation_with_read_only_field_is_rejected(owner, kind):
    for field, value in READ_ONLY[kind].items():
        assert invalid_fields(owner.send(kind, **{field: value})) == [field]


@pytest.mark.parametrize("kind, field", [(kind, field) for kind in CHANGEABLE
                                         for field in READ_ONLY[kind]])
def test_change_of_read_only_field_is_rejected(owner, unchanged_object, kind, field):
    body = {field: READ_ONLY[kind][field]}
    assert invalid_fields(owner.change(kind, unchanged_object(kind)["id"], **body)) == [field]
    assert owner.read(kind, unchanged_object(kind)["id"]) == unchanged_object(kind)


@pytest.mark.parametrize("kind", KINDS)
def test_error_names_all_invalid_fields(owner, kind):
    wrong = {field: 1 for each, field, _ in TEXTS if each == kind}
    assert invalid_fields(owner.send(kind, {**wrong, "nonsense": 1})) == sorted([*wrong,
                                                                                 "nonsense"])


# --- invalid bodies -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b'"x"', b"1", b'{"a":1,"a":2}',
                                  b'{"name":"\xff"}', b'{"title":"\\ud800"}', b'{"amount":NaN}',
                                  b'{"amount":01}', b'{"amount":.5}', b'{"amount":1.}',
                                  b'{"name\\u0000":"x"}'])
def test_invalid_json_body_is_rejected(owner, unchanged_object, kind, data):
    calls = [("POST", f"/{kind}")]
    calls += [("PATCH", f"/{kind}/{unchanged_object(kind)['id']}")] if kind in CHANGEABLE else []
    for method, path in calls:
        response = owner.request(method, path, headers=JSON_TYPE, data=data)
        contract.check_error(response, 400, "INVALID_JSON")


# Characters of two, three and four bytes, unescaped as browsers and curl send them.
RAW = "Щербаков Ёж «Ромашка» — № 5, 漢字 😀"


@pytest.mark.parametrize("kind", KINDS)
def test_unescaped_non_ascii_characters_are_stored_unchanged(owner, kind):
    body = {NAME_OF[kind]: RAW, **({"type": "NOTE"} if kind == "activities" else {})}
    body = json.dumps(body, ensure_ascii=False).encode()
    response = owner.request("POST", f"/{kind}", headers=JSON_TYPE, data=body)
    assert response.status_code == 201, response.text
    assert response.json()[NAME_OF[kind]] == RAW
    assert owner.read(kind, response.json()["id"])[NAME_OF[kind]] == RAW


@pytest.mark.parametrize("kind", CHANGEABLE)
def test_multibyte_characters_may_span_chunks_of_request_body(owner, kind):
    identifier = owner.create(kind)["id"]
    body = json.dumps({NAME_OF[kind]: RAW}, ensure_ascii=False).encode()
    response = owner.request("PATCH", f"/{kind}/{identifier}", headers=JSON_TYPE,
                             data=(bytes([byte]) for byte in body))
    assert response.status_code == 200, response.text
    assert owner.read(kind, identifier)[NAME_OF[kind]] == RAW


@pytest.mark.parametrize("kind", KINDS)
def test_body_with_content_type_other_than_json_is_refused(owner, kind):
    response = owner.request("POST", f"/{kind}", headers={"Content-Type": "text/plain"},
                             data=encode({NAME_OF[kind]: "x"}))
    contract.check_error(response, 415, "UNSUPPORTED_MEDIA_TYPE")
