"""Generates valid and invalid requests from the OpenAPI document.

All randomness comes from the random number generator that the caller passes, so a seed
reproduces a run.
"""

import json
import string
from urllib.parse import quote

LETTERS = string.ascii_letters + string.digits + " '\"\\%_;,.<>&+=#/-éßяЖ漢😀"
WRONG_TYPES = [None, True, 7, -1.5, "x", [], {}, ["x"], {"x": 1}]
LONGEST = 300  # for texts in a path or a query: nginx limits the length of the request line
UNDECLARED = "undeclared_field"

# Bodies that are not JSON objects; no schema accepts them.
NO_OBJECTS = [b"", b"{", b"[]", b"null", b"7", b'"x"', b"{\"a\":1,\"a\":2}", b"\xff\xfe", b"{}{}",
              b"{\"a\":\"\\ud800\"}", b"{\"a\":NaN}", b"[" * 40 + b"]" * 40]


def is_nullable(schema):
    return isinstance(schema.get("type"), list) and "null" in schema["type"]


def type_of(schema):
    kind = schema.get("type")
    return next(each for each in kind if each != "null") if isinstance(kind, list) else kind


class Generator:
    """Generates values and requests for one document. `known` maps names of fields and
    parameters to lists of existing values."""

    def __init__(self, document, rng, known):
        self.document, self.rng, self.known = document, rng, known

    # --- values ---------------------------------------------------------------------------------

    def text(self, least, greatest):
        length = self.rng.choice([least, greatest, self.rng.randint(least, greatest)])
        made = "".join(self.rng.choice(LETTERS) for _ in range(length))
        if made.startswith(" ") or made.endswith(" "):  # many fields are trimmed
            made = made.strip(" ").ljust(length, "x")
        # Bounds count UTF-16 code units; the emoji has two.
        return made.replace("😀", "x") if self.rng.random() < 0.8 or length == greatest else made

    def string(self, schema):
        shapes = {
            "email": lambda: f"{self.rng.getrandbits(40):x}@example.com",
            "date": lambda: f"20{self.rng.randint(10, 99)}-0{self.rng.randint(1, 9)}-28",
            "date-time": lambda: f"2026-0{self.rng.randint(1, 9)}-17T12:34:56Z",
            "moment": lambda: f"20{self.rng.randint(30, 99)}-10-10",
            "password": lambda: f"Kontora-{self.rng.getrandbits(32):x}",
            "dn": lambda: "OU=nowhere,DC=example",
        }
        shape = shapes.get(schema.get("format"))
        least, greatest = schema.get("minLength", 0), schema.get("maxLength", 40)
        return shape() if shape else self.text(least, min(greatest, 3000))

    def number(self, schema):
        least = schema.get("minimum", -2 ** 31)
        greatest = schema.get("maximum", 2 ** 31)
        step = schema.get("multipleOf", 1)
        steps = self.rng.randint(int(least / step), int(greatest / step))
        return self.rng.choice([least, greatest, steps * step])

    def value(self, schema, name=""):
        """Returns a value that the schema allows."""
        if is_nullable(schema) and self.rng.random() < 0.2:
            return None
        if name in self.known and self.rng.random() < 0.85:
            return self.rng.choice(self.known[name])
        if "enum" in schema:
            return self.rng.choice([each for each in schema["enum"] if each is not None] or [None])
        kind = type_of(schema)
        if kind == "string":
            return self.string(schema)
        if kind in ("integer", "number"):
            return self.number(schema)
        if kind == "boolean":
            return self.rng.random() < 0.5
        if kind == "array":
            count = self.rng.randint(schema.get("minItems", 0), min(schema.get("maxItems", 3), 3))
            return [self.value(schema["items"]) for _ in range(count)]
        return self.object(schema)

    def object(self, schema):
        """Returns an object with all required fields and a random choice of the optional ones."""
        wanted = set(schema.get("required", []))
        if "oneOf" in schema:
            wanted.update(self.rng.choice(schema["oneOf"])["required"])
            alternatives = {name for each in schema["oneOf"] for name in each["required"]}
        else:
            alternatives = set()
        return {name: self.value(field, name) for name, field in schema["properties"].items()
                if name in wanted or (name not in alternatives and self.rng.random() < 0.6)}

    # --- invalid values ---------------------------------------------------------------------------

    def spoiled(self, schema):
        """Returns a body, as bytes, that the schema does not allow."""
        if type_of(schema) != "object":
            return encode(self.wrong(schema))
        body = self.object(schema)
        fields = schema["properties"]
        name = self.rng.choice(list(fields))
        ways = [
            lambda: body.update({UNDECLARED: 1}),
            lambda: body.update({name: self.wrong(fields[name])}),
        ]
        if schema.get("required"):
            ways.append(lambda: body.pop(self.rng.choice(schema["required"])))
        self.rng.choice(ways)()
        return encode(body)

    def wrong(self, schema):
        """Returns a value that the schema does not allow."""
        kind = type_of(schema)
        right = {"string": str, "integer": int, "number": (int, float), "boolean": bool,
                 "array": list, "object": dict}[kind]
        others = [each for each in WRONG_TYPES
                  if (each is not None or not is_nullable(schema))
                  and (not isinstance(each, right)
                       or (isinstance(each, bool) and kind != "boolean"))]
        if kind == "string":
            others += ["nul\0"] + (["x" * (schema["maxLength"] + 1)] if "maxLength" in schema
                                   else [])
            others += ["not in the enum"] if "enum" in schema else []
        if kind in ("integer", "number") and "minimum" in schema:
            others.append(schema["minimum"] - 1)
        return self.rng.choice(others)

    # --- requests -------------------------------------------------------------------------------

    def path(self, template, parameters):
        """Returns the path with values for its parameters."""
        for parameter in parameters:
            if parameter["in"] == "path":
                value = self.value(parameter["schema"], parameter["name"])
                shown = str(value)[:LONGEST].strip(".") or "x"
                template = template.replace("{%s}" % parameter["name"], quote(shown, safe=""))
        return template

    def query(self, parameters, spoil):
        """Returns some of the query parameters, with an undeclared one if `spoil`."""
        chosen = {each["name"]: as_text(self.value(each["schema"], each["name"]))
                  for each in parameters if each["in"] == "query" and self.rng.random() < 0.4}
        if spoil:
            chosen[UNDECLARED] = "1"
        return "&".join(f"{name}={quote(value[:LONGEST], safe='')}"
                        for name, value in chosen.items())

    def headers(self, parameters):
        """Returns some of the headers that the call evaluates, with known values."""
        return {each["name"]: as_text(self.rng.choice(self.known[each["name"]]))
                for each in parameters if each["in"] == "header" and each["name"] in self.known
                and self.rng.random() < 0.3}


def as_text(value):
    return {True: "true", False: "false"}.get(value, str(value)) if isinstance(value, bool) \
        else str(value)


def encode(body):
    """Encodes JSON; Decimals become numbers."""
    return json.dumps(body, default=lambda number: float(number)).encode()
