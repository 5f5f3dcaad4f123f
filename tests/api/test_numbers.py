"""Numbers are judged by their value, however they are written: 1000, 1000.00 and 1E+3 are the same
(JSON Schema 2020-12, Validation 6.1.1). Driven from the OpenAPI document, so that every number
that a published schema accepts is accepted, and no other. On both engines."""

import decimal
import json
import random
from decimal import Decimal
from urllib.parse import quote

import pytest
from support import contract, document
from support.crm import CHANGEABLE, KINDS, Number, check_ok, encode
from support.generator import is_nullable, type_of

EXACT = decimal.Context(prec=2000, Emax=10**6, Emin=-(10**6))
NUMBERS = ("integer", "number")
UNDECLARED = "undeclared"  # makes every request invalid, so that none changes anything
SHIFTS = (0, 1, -1, 2, -2, 5, -7, 25, -25, 400, -400)

# Numbers of every size and with every count of decimal places; each schema accepts some of them.
VALUES = [Decimal(text) for text in (
    "0", "1", "-1", "2", "10", "100", "999.99", "1000", "1001", "0.01", "0.001", "-0.01", "0.5",
    "1.5", "10.500", "2147483647", "2147483648", "-2147483646", "-2147483648", "9007199254740993",
    "9999999999.99", "9999999999.999", "10000000000", "9223372036854775807",
    "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "1e18", "1e19",
    "18446744073709551616", "18446744073709551617", "1e300", "1e-300")]


def notations(value, rng):
    """Returns texts of JSON numbers that all have one value."""
    texts = [format(value, "f")]
    for shift in SHIFTS:
        mantissa = format(value.scaleb(-shift, EXACT), "f")
        mantissa += rng.choice(["", "0", "000"]) if "." in mantissa else rng.choice(["", ".0"])
        sign = "-" if shift < 0 else rng.choice(["", "+"])
        texts.append(f"{mantissa}{rng.choice('eE')}{sign}{rng.choice(['', '0', '00'])}{abs(shift)}")
    return texts


def accepts(schema, value):
    """Returns whether a schema of a number accepts a value, in exact arithmetic."""
    step = Decimal(1) if type_of(schema) == "integer" else schema["multipleOf"]
    return (EXACT.remainder(value, Decimal(step)) == 0
            and schema.get("minimum", value) <= value <= schema.get("maximum", value)
            and value in schema.get("enum", [value]))


def sample_values(schema, rng):
    """Returns values within, at and beyond the bounds of a schema."""
    step = Decimal(schema.get("multipleOf", 1))
    least, greatest = Decimal(schema.get("minimum", 0)), Decimal(schema.get("maximum", 2**31))
    whole = range(int(least / step), int(greatest / step) + 1)
    return [least, greatest, least - step, greatest + step, least + step / 10,
            *(rng.choice(whole) * step for _ in range(5)),
            *(Decimal(each) for each in schema.get("enum", []) if each is not None), *VALUES]


def numbers_of_bodies(described):
    """Yields every number of a JSON body: method, path, name, schema."""
    for method, path, operation in described.operations():
        content = described.resolve(operation.get("requestBody", {})).get("content", {})
        schema = content.get("application/json", {}).get("schema", {})
        for name, field in schema.get("properties", {}).items():
            if type_of(field) in NUMBERS:
                yield method.upper(), path, name, field


def numbers_of_queries(described):
    """Yields every number of a query: method, path, name, schema."""
    for method, path, operation in described.operations():
        for parameter in described.resolve(operation.get("parameters", [])):
            if parameter["in"] == "query" and type_of(parameter["schema"]) in NUMBERS:
                yield method.upper(), path, parameter["name"], parameter["schema"]


@pytest.fixture(scope="module")
def owner(office):
    return office["OWNER"]


@pytest.fixture(scope="module")
def known_ids(owner):
    """Returns the id of an existing object for each kind and each field that refers to one."""
    made = {kind: owner.create(kind)["id"] for kind in KINDS}
    return {**made, "contact_id": made["contacts"], "deal_id": made["deals"],
            "owner_id": owner.id, "assignee_id": owner.id}


@pytest.fixture(scope="module")
def rejected_names(owner, sql_stack, sql_api, known_ids):
    """Returns a function that sends an invalid request and returns the names of its faults."""
    administrator = sql_api.at(sql_stack.https_url)
    key = sql_api.post("/api-keys", json={"name": "numbers", "scopes": ["read-only"]}).json()
    member = owner.client.at(sql_stack.https_url)

    def send(method, path, query="", **arguments):
        kind = path.removeprefix("/api/v1/").split("/")[0]
        caller = member if kind in (*KINDS, "auth", "analytics", "organizations") else administrator
        path = path.format(id=known_ids.get(kind), organization_id=owner.organization,
                           key_id=key["id"], name="Domain Users")
        response = caller.request(method, path + query, **arguments)
        names = contract.check_error(response, 400, "VALIDATION_ERROR")
        assert UNDECLARED in names
        return names
    return send


def send_in_body(rejected_names, method, path, name, text):
    return rejected_names(method, path, data=encode({name: Number(text), UNDECLARED: 1}),
                          headers={"Content-Type": "application/json"})


def test_body_accepts_exactly_the_numbers_of_its_schema(rejected_names, known_ids):
    """References to objects are tested with existing ones only: others do not exist."""
    rng, found = random.Random(2020), list(numbers_of_bodies(document.of_program()))
    assert len(found) >= 15 and {"amount", "ttl_minutes", "groupType"} <= {name for _, _, name, _
                                                                          in found}
    for method, path, name, schema in found:
        values = sample_values(schema, rng)
        if name in known_ids:
            values = [Decimal(known_ids[name]), *(each for each in values
                                                  if not accepts(schema, each))]
        for value in values:
            text = rng.choice(notations(value, rng))
            named = send_in_body(rejected_names, method, path, name, text)
            assert (name not in named) == accepts(schema, value), (method, path, name, text)


def test_query_accepts_exactly_the_numbers_of_its_schema(rejected_names):
    rng, found = random.Random(2021), list(numbers_of_queries(document.of_program()))
    assert len(found) >= 30 and {"skip", "limit", "owner_id"} <= {name for _, _, name, _ in found}
    for method, path, name, schema in found:
        for value in rng.sample(sample_values(schema, rng), 12):
            text = rng.choice(notations(value, rng))
            named = rejected_names(method, path, f"?{name}={quote(text)}&{UNDECLARED}=1")
            assert (name not in named) == accepts(schema, value), (method, path, name, text)


@pytest.mark.parametrize("value", ["1000", "10.5", "0.01", "0", "9999999999.99"])
def test_every_notation_of_an_amount_stores_the_same_kopecks(owner, sql_database, value):
    rng, made = random.Random(value), owner.deal()
    for text in notations(Decimal(value), rng):
        changed = check_ok("deals", owner.change("deals", made["id"], amount=Number(text)))
        assert changed["amount"] == Decimal(value), text
        [[stored]] = sql_database.run(f"SELECT amount FROM deals WHERE id = {made['id']}")
        assert int(stored) == Decimal(value) * 100, text


@pytest.mark.parametrize("kind", CHANGEABLE)
def test_every_notation_of_an_id_refers_to_the_same_object(owner, kind):
    rng, field = random.Random(kind), "assignee_id" if kind == "tasks" else "owner_id"
    made = owner.create(kind, **{field: None})
    for text in notations(Decimal(owner.id), rng):
        cleared = check_ok(kind, owner.change(kind, made["id"], **{field: None}))
        changed = check_ok(kind, owner.change(kind, made["id"], **{field: Number(text)}))
        assert (cleared[field], changed[field]) == (None, owner.id), text


def test_page_is_the_same_for_every_notation_of_its_limit(owner):
    for _ in range(3):
        owner.contact()
    expected = owner.page("contacts", limit=2)
    for text in ("2.0", "2.00", "2e0", "20e-1", "0.2e1", "0.2E+1", "200000e-5"):
        assert owner.page("contacts", limit=text) == expected, text


@pytest.mark.parametrize("text, message", [
    ("0.001", "must have at most 2 decimal places"), ("1e-3", "must have at most 2 decimal places"),
    ("1E10", "must be at most 9999999999.99"), ("-1e-2", "must be at least 0.00"),
    ("10000000000", "must be at most 9999999999.99"), ("1e99999", "must be at most 9999999999.99"),
    ("9" * 400, "must be at most 9999999999.99"), ("-" + "9" * 400, "must be at least 0.00"),
])
def test_error_says_why_an_amount_is_invalid(owner, text, message):
    response = owner.send("deals", headers={"Accept-Language": "en"}, amount=Number(text))
    contract.check_error(response, 400, "VALIDATION_ERROR")
    assert response.json()["details"] == [{"field": "amount", "message": message}]


def test_published_bounds_of_ids_are_exact(owner, sql_stack):
    """No client may take 2^63, which is the nearest double, for a valid id."""
    texts = {json.dumps(schema) for *_, name, schema in numbers_of_bodies(document.of_program())
             if name.endswith("_id") and not is_nullable(schema)}
    assert texts and all('"maximum": 9223372036854775807' in text for text in texts)
