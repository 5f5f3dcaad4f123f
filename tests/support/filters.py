"""The filter language (?filter=): random filters, and a naive evaluation of them, which is written
from the contract and knows nothing of LDAP or SQL.

A filter is a tree of tuples: ("and", left, right), ("or", left, right), ("not", operand), and terms
("term", field, operator, value). The value of a term is None (null), a bool, a Decimal, a str or,
for a time, a str with a date or a time.
"""

import dataclasses
import datetime
import decimal
import json
import random
import re
import typing
import unicodedata

TEXT, NUMBER, BOOLEAN, TIME, IDENTIFIER = "text", "number", "boolean", "time", "identifier"

EQUALITY = ("eq", "ne")
OPERATORS = {
    TEXT: (*EQUALITY, "co", "sw", "ew"),
    NUMBER: (*EQUALITY, "gt", "ge", "lt", "le"),
    BOOLEAN: EQUALITY,
    TIME: (*EQUALITY, "gt", "ge", "lt", "le"),
    IDENTIFIER: EQUALITY,  # a DN or a GUID
}


@dataclasses.dataclass
class Field:
    """A field of the items, which may have one value or a list of values."""
    name: str
    kind: str
    presence: bool = True  # `pr` and comparisons with null are possible


# --- evaluation -----------------------------------------------------------------------------------

DAY = datetime.timedelta(days=1)
INSTANT = datetime.timedelta(milliseconds=1)


def moments(text: str) -> tuple[datetime.datetime, datetime.datetime]:
    """Returns the half-open interval that a date or a time names, in UTC."""
    if "T" in text:
        start = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
        return start, start + INSTANT
    start = datetime.datetime.fromisoformat(text + "T00:00:00+00:00")
    return start, start + DAY


def compare_times(operator: str, value: str, literal: str) -> bool:
    at, _ = moments(value)
    start, end = moments(literal)
    return {"eq": start <= at < end, "gt": at >= end, "ge": at >= start, "lt": at < start,
            "le": at < end}[operator]


def compare(kind: str, operator: str, value: typing.Any, literal: typing.Any,
            fold: typing.Callable[[str], str]) -> bool:
    """True if a comparison other than `ne` is true of a value."""
    if kind == TIME:
        return compare_times(operator, value, literal)
    if kind == NUMBER:
        number = decimal.Decimal(str(value))
        return {"eq": number == literal, "gt": number > literal, "ge": number >= literal,
                "lt": number < literal, "le": number <= literal}[operator]
    if kind == BOOLEAN:
        return value is literal
    text, sought = fold(value), fold(literal) if literal.strip() else ""
    return {"eq": text == sought, "co": sought in text, "sw": text.startswith(sought),
            "ew": text.endswith(sought)}[operator]


def matches(node: tuple, item: dict, fields: dict[str, Field],
            fold: typing.Callable[[str], str] = str.casefold) -> bool:
    """True if the filter is true of the item. `fold` returns equal texts for equal values."""
    if node[0] == "not":
        return not matches(node[1], item, fields, fold)
    if node[0] in ("and", "or"):
        combine = all if node[0] == "and" else any
        return combine([matches(operand, item, fields, fold) for operand in node[1:]])
    _, name, operator, literal = node
    value = item[name]
    values = value if isinstance(value, list) else [] if value is None else [value]
    if operator == "pr":
        return bool(values)
    if literal is None:
        return bool(values) == (operator == "ne")
    equal = any(compare(fields[name].kind, "eq" if operator == "ne" else operator, each, literal,
                        fold) for each in values)
    return not equal if operator == "ne" else equal


def fold_letters(text: str) -> str:
    """Returns a text as the directory compares it: case is ignored letter by letter, repeated
    spaces are one, and spaces at both ends are ignored, also those of a sought part: `co " И"`
    finds "Иван"."""
    upper = (letter.upper() if len(letter.upper()) == 1 else letter for letter in text)
    return re.sub(" +", " ", "".join(upper)).strip(" ")


IGNORABLE = re.compile("[\u00ad\u034f\u061c\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
                       "\ufe00-\ufe0f\ufeff]")


def fold_name(text: str) -> str:
    """Returns a text as lists of the database, and lists in memory, compare it: without regard to
    case, normalization, invisible characters and the number of blanks."""
    folded = text
    for _ in range(2):
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFD", folded).casefold())
    return " ".join(IGNORABLE.sub("", folded).split())


# --- texts ----------------------------------------------------------------------------------------

def literal_text(value: typing.Any, rng: random.Random) -> str:
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    return json.dumps(value, ensure_ascii=rng.random() < 0.3)


def spell(word: str, rng: random.Random) -> str:
    """Writes a name or an operator in upper and lower case."""
    return rng.choice([word, word.upper(), word.title()]) if rng.random() < 0.2 else word


BINDING = {"or": 0, "and": 1}


def filter_text(node: tuple, rng: random.Random, outermost: bool = True) -> str:
    """Writes a filter with the parentheses that it needs, and sometimes a pair more."""
    def operand(child: tuple, binding: int) -> str:
        text = filter_text(child, rng, False)
        more = outermost and rng.random() < 0.2
        return f"({text})" if BINDING.get(child[0], 2) < binding or more else text

    if node[0] == "not":
        return f"{spell('not', rng)} ({filter_text(node[1], rng, False)})"
    if node[0] in BINDING:
        left, right = operand(node[1], BINDING[node[0]]), operand(node[2], BINDING[node[0]] + 1)
        return f"{left} {spell(node[0], rng)} {right}"
    _, name, operator, value = node
    words = [spell(name, rng), spell(operator, rng)]
    return " ".join(words if operator == "pr" else [*words, literal_text(value, rng)])


# --- random filters -------------------------------------------------------------------------------

# Together at most eight nested parentheses: one pair for each operator, and one more.
TERMS_MAX, NOTS_MAX = 6, 2
LITERALS = ["", "x", "нет такого", "*", "(", "\\", "a*b", "\"", "%", "_"]


def random_time(rng: random.Random, seen: list[str]) -> str:
    """Returns a date or a time at or near one that items have."""
    base = moments(rng.choice(seen or ["2026-06-01T00:00:00Z"]))[0]
    near = base + datetime.timedelta(milliseconds=rng.choice(
        [0, 0, 1, -1, 500, 999, 1000, -1000, 86_400_000, -86_400_000]))
    if rng.random() < 0.2:
        return near.strftime("%Y-%m-%d")
    zone = datetime.timezone(datetime.timedelta(hours=rng.choice([0, 3, -5])))
    return near.astimezone(zone).isoformat(timespec="milliseconds")


def random_text(rng: random.Random, operator: str, seen: list[str]) -> str:
    if not seen or rng.random() < 0.1:
        return rng.choice(LITERALS)
    value = rng.choice(seen)
    if operator in ("co", "sw", "ew"):
        middle, length = rng.randrange(len(value)), rng.randint(1, 6)
        value = {"co": value[middle:middle + length], "sw": value[:length],
                 "ew": value[-length:]}[operator]
    return rng.choice([value, value.upper(), value.lower()])


def random_value(rng: random.Random, field: Field, operator: str,
                 seen: list[typing.Any]) -> typing.Any:
    if field.presence and operator in EQUALITY and rng.random() < 0.1:
        return None
    if field.kind == BOOLEAN:
        return rng.random() < 0.5
    if field.kind == NUMBER:
        number = decimal.Decimal(str(rng.choice(seen or [0])))
        return number + rng.choice([0, 0, 1, -1, 1000, -100000])
    if field.kind == TIME:
        return random_time(rng, seen)
    if field.kind == IDENTIFIER:
        return rng.choice(seen)
    return random_text(rng, operator, seen)


def random_term(rng: random.Random, fields: list[Field], items: list[dict]) -> tuple:
    field = rng.choice(fields)
    seen = [value for item in items for value in
            (item[field.name] if isinstance(item[field.name], list) else [item[field.name]])
            if value is not None]
    operators = OPERATORS[field.kind] + (("pr",) if field.presence else ())
    operator = rng.choice(operators)
    if field.kind == IDENTIFIER and not seen:
        operator = "pr" if field.presence else operator
    value = None if operator == "pr" else random_value(rng, field, operator, seen)
    return "term", field.name, operator, value


def random_filter(rng: random.Random, fields: list[Field], items: list[dict],
                  terms: int | None = None, nots: int = NOTS_MAX) -> tuple:
    """Returns a filter over the fields, whose values are those of the items or close to them."""
    terms = terms or rng.randint(1, TERMS_MAX)
    if nots and rng.random() < 0.2:
        return "not", random_filter(rng, fields, items, terms, nots - 1)
    if terms == 1:
        return random_term(rng, fields, items)
    left = rng.randint(1, terms - 1)
    return (rng.choice(["and", "or"]), random_filter(rng, fields, items, left, nots),
            random_filter(rng, fields, items, terms - left, nots))


# --- checks ---------------------------------------------------------------------------------------

ROUNDS = 100


def check_random_filters(fields: list[Field], items: list[dict], key: str,
                         find: typing.Callable[[str], list[dict]], seed: str,
                         fold: typing.Callable[[str], str] = fold_name,
                         rounds: int = ROUNDS, nots: int = NOTS_MAX) -> None:
    """Asserts that a list finds for random filters what the naive evaluation finds. `items` are all
    items of the list, `key` is a field that identifies them, and `find` returns the items that the
    list has with a filter."""
    rng = random.Random(seed)
    by_name = {field.name: field for field in fields}
    found_some = 0
    for _ in range(rounds):
        node = random_filter(rng, fields, items, nots=nots)
        text = filter_text(node, rng)
        expected = [item[key] for item in items if matches(node, item, by_name, fold)]
        found = [item[key] for item in find(text)]
        assert sorted(found) == sorted(expected), text
        found_some += 0 < len(found) < len(items)
    assert found_some > rounds / 5
