"""CRM: latency of pages, analytics, objects and searches in an organization with a million
contacts, deals, tasks and activities each, against an organization with a thousand of each.

One client measures the median latency of several answers. For each
database engine, one stack per number of rows is started; these stacks run at the same time and are
measured in turn. Pages are requested in all orders and both directions:
the first page, and pages by cursor from the middle and near the end. The table shows the worst
ratio of each group of requests. A refused request counts as infinitely slow, so that its group
misses its target and the others are measured.
"""

import concurrent.futures
import contextlib
import dataclasses
import itertools
import math
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote, urlencode

from bench import crm_fill
from bench.bed import Bed
from bench.client import Client, RefusedError
from bench.disturbance import Meter
from bench.pairs import DISTURBED, TRIES, undisturbed
from bench.table import Row, note, row
from stack import Postgres, Stack, running_postgres

SIZES = (1_000, 100_000, 1_000_000)
SMALL, LARGE = SIZES[0], SIZES[-1]

ROUNDS = 5
BATCH = 15  # a measurement is the median of so many answers; fewer, if they take longer than
BATCH_S = 0.1

RATIO_MAX = 1.5

# All orders of each list, without their directions.
LISTS = {
    "contacts": ("id", "name", "created_at"),
    "deals": ("id", "amount", "expected_close_date", "created_at"),
    "tasks": ("id", "due_date", "created_at"),
    "activities": ("id", "occurred_at"),
}
FIGURES = ("deals", "tasks", "contacts", "activities", "summary")
PAGE = 10  # default size of a page
EDGE = 2 * PAGE  # distance of the outermost cursors from the ends of a list

# Requests without a target latency, because their cost depends on the number of matches.
FILTERS = {
    "sort=name,-created_at": "contacts?sort=name,-created_at",
    "sort=-expected_close_date,amount": "deals?sort=-expected_close_date,amount",
    "limit=1000&sort=name": "contacts?sort=name&limit=1000",
    "contacts?email": "contacts?email=client1@example.com",
    "deals?contact_id": "deals?contact_id=1",
    "activities?contact_id&sort": "activities?contact_id=1&sort=-occurred_at",
    "deals?status&owner_id": "deals?status=WON&owner_id=1",
    "analytics/deals?from": "analytics/deals?from=2020-01-01",
}
# Requests with one filter that matches many rows.
FILTERED = ("contacts?owner_id=1", "deals?status=WON", "deals?owner_id=1", "tasks?status=TODO",
            "tasks?assignee_id=1", "activities?type=CALL", "activities?author_id=1")
COMMON_WORD = "иванов"  # in every thirteenth contact

# Filters on indexed fields that as many rows pass on each size. {id}, {from} and {until} are those
# of rows in the middle.
INDEXED = (
    ("contacts", 'id eq {id}', ""), ("contacts", 'email eq "client7@example.com"', "-created_at"),
    ("contacts", 'created_at ge "{from}" and created_at lt "{until}"', "name"),
    ("contacts", 'created_at ge "{from}" and created_at lt "{until}" and name co "а"', "-id"),
    ("deals", 'contact_id eq {id}', "-created_at"),
    ("deals", 'contact_id eq {id} and amount gt 5 and not (title co "x")', "status"),
    ("tasks", 'deal_id eq {id} or contact_id eq {id}', "due_date"),
    ("activities", 'contact_id eq {id} and type ne "CALL"', "-occurred_at"),
)
WINDOW = 25  # rows between {from} and {until}

# Requests whose cost grows with the number of rows, up to FILTER_TIMEOUT_MS.
BOUNDED = (
    ("contacts", 'company co "ромашка 7"', ""), ("contacts", 'notes ew "обеда"', "company"),
    ("deals", 'not (title co "мебели")', ""), ("tasks", "title pr", "title,-description"),
    ("activities", 'subject sw "договорились" or description eq "x"', "-subject"),
)
FILTER_TIMEOUT_S = 3
OVERHEAD_S = 0.5  # beyond FILTER_TIMEOUT_MS, for all but the database

FIRST, BY_CURSOR, FIGURE = "first pages", "pages by cursor", "figures"
FILTERED_BY_INDEX = "first pages with filter= on an indexed field"
ONE_FILTER = "first pages with one filter"


@dataclasses.dataclass(frozen=True)
class Question:
    """A request that is measured on each size; the table shows one row for each group."""

    group: str
    name: str


# Returns the next request for a question; requests may differ.
Maker = Callable[[], bytes]


@dataclasses.dataclass(frozen=True)
class Round:
    seconds: dict[tuple[Question, int], float]
    disturbance: float


class Place:
    """A stack with a number of rows, and a client of it."""

    def __init__(self, stack: Stack, filled: crm_fill.Filled) -> None:
        self.rows = filled.rows
        self.client = Client(stack.ports.http)
        self.client.log_in(filled.email, filled.password)
        self._numbers = itertools.count()

    def get(self, path: str) -> bytes:
        return self.client.request(f"/api/v1/{path}")

    def questions(self) -> dict[Question, Maker]:
        fixed = {**dict(self.pages()), **dict(self.indexed()), **self.others()}
        makers: dict[Question, Maker] = {
            question: lambda request=self.get(path): request for question, path in fixed.items()}
        return {**makers, Question("POST /contacts", ""): self.new_contact}

    def pages(self) -> Iterator[tuple[Question, str]]:
        for name, keys in LISTS.items():
            yield Question(f"{name}, {FIRST}", "default"), name
            for key in keys:
                start, middle, end = (self.cursor(name, key, skip)
                                      for skip in (EDGE, self.rows // 2, self.rows - EDGE))
                for sign, last in (("", end), ("-", start)):
                    sort = f"{sign}{key}"
                    yield Question(f"{name}, {FIRST}", sort), f"{name}?sort={sort}"
                    for where, after in (("middle", middle), ("end", last)):
                        yield (Question(f"{name}, {BY_CURSOR}", f"{sort}, {where}"),
                               f"{name}?sort={sort}&after={quote(sign + after)}")

    def cursor(self, name: str, key: str, skip: int) -> str:
        """Returns the cursor after the row at `skip`, without its sign for the direction."""
        return self.client.ask(self.get(f"{name}?sort={key}&skip={skip}&limit=1"))["next"]

    def indexed(self) -> Iterator[tuple[Question, str]]:
        """Yields requests with filter= on indexed fields."""
        middle = self.rows // 2
        times = [self.client.ask(self.get(f"contacts?sort=created_at&skip={skip}&limit=1"))
                 ["items"][0]["created_at"] for skip in (middle, middle + WINDOW)]
        for kind, name, sort in INDEXED:
            text = name.replace("{id}", str(middle))
            text = text.replace("{from}", times[0]).replace("{until}", times[1])
            query = {"filter": text, **({"sort": sort} if sort else {})}
            yield Question(FILTERED_BY_INDEX, f"{kind} {name}"), f"{kind}?{urlencode(query)}"

    def others(self) -> dict[Question, str]:
        contact = f"contacts/{self.rows // 2}"
        phone = self.client.ask(self.get(contact))["phone"]
        searches = {"a rare word": crm_fill.RARE_COMPANY.split()[1].strip("«»"),
                    "part of a phone": phone[-9:], "a common word": COMMON_WORD}
        return {
            **{Question(FIGURE, name): f"analytics/{name}" for name in FIGURES},
            **{Question(ONE_FILTER, path): path for path in FILTERED},
            Question("GET /contacts/{id}", ""): contact,
            **{Question(f"search for {name}", ""): f"contacts?{urlencode({'search': text})}"
               for name, text in searches.items()},
            **{Question(name, ""): path for name, path in FILTERS.items()},
        }

    def new_contact(self) -> bytes:
        number = next(self._numbers)
        return self.client.request("/api/v1/contacts", "POST", {
            "name": "Анна Петрова", "email": f"new{number}@example.com",
            "phone": f"+7 495 {number:07}", "company": "ООО «Ромашка»", "position": "Директор"})


# --- measuring ------------------------------------------------------------------------------------


def measure(_: Bed) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="kontora-") as name, contextlib.ExitStack() as parts:
        folder = Path(name)
        server = parts.enter_context(running_postgres(folder))
        rows = []
        for engine, stacks in fill_both(parts, folder, server).items():
            with contextlib.ExitStack() as running:
                places = [Place(running.enter_context(stack), filled) for stack, filled in stacks]
                for place in places:
                    running.callback(place.client.close)
                rows += compare(engine, places)
                rows.append(bound(engine, places[-1]))
        return rows


Stacks = list[tuple[Stack, crm_fill.Filled]]


def fill_both(parts: contextlib.ExitStack, folder: Path, server: Postgres) -> dict[str, Stacks]:
    """Creates filled stacks of all sizes on both engines, without starting them."""
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor() as executor:
        filling = {engine: executor.submit(fill, parts, folder / engine, database)
                   for engine, database in (("sqlite", None), ("postgres", server))}
        stacks = {engine: future.result() for engine, future in filling.items()}
    print(f"  filled databases with up to {LARGE:,} rows on both engines: "
          f"{time.monotonic() - began:.0f} s", flush=True)
    return stacks


def fill(parts: contextlib.ExitStack, folder: Path, database: Postgres | None) -> Stacks:
    made = []
    for size in SIZES:
        stack = Stack(folder / str(size), own_directory=False, database=database,
                      env={"BCRYPT_COST": "4", "DATABASE_TIMEOUT_MS": "60000"})
        parts.callback(stack.close)
        made.append((stack, crm_fill.fill(stack, size, database)))
    return made


def compare(engine: str, places: list[Place]) -> list[Row]:
    questions = {place.rows: place.questions() for place in places}
    sweep(places, questions)  # fills the caches
    rounds: list[Round] = []
    while len(rounds) < TRIES * ROUNDS and len(undisturbed(rounds)) < ROUNDS:
        rounds.append(sweep(places, questions))
    noise = sum(each.disturbance >= DISTURBED for each in rounds)
    print(f"  {engine}: {len(rounds)} rounds, {noise} of them disturbed", flush=True)
    return table_rows(engine, list(questions[SMALL]), undisturbed(rounds) or rounds)


def sweep(places: list[Place], questions: dict[int, dict[Question, Maker]]) -> Round:
    """Measures every question once, on each size in turn."""
    with Meter() as meter:
        seconds = {(question, place.rows): batch(place.client, questions[place.rows][question])
                   for question in questions[SMALL] for place in places}
    return Round(seconds, meter.share)


def bound(engine: str, place: Place) -> Row:
    """Measures the slowest of the filters without an index, which may be refused."""
    slowest = 0.0
    for kind, text, sort in BOUNDED:
        query = {"filter": text, **({"sort": sort} if sort else {})}
        took = place.client.seconds(place.get(f"{kind}?{urlencode(query)}"), (b"200", b"400"))
        print(f"  {engine}, {kind} {text}, {place.rows:,} rows: {took:.2f} s", flush=True)
        slowest = max(slowest, took)
    limit = FILTER_TIMEOUT_S + OVERHEAD_S
    return row(f"{engine}: slowest filter= without an index, {place.rows:,} rows", slowest,
               f"<= {limit:g} s", lambda value: value <= limit, "{:.2f} s")


def batch(client: Client, maker: Maker) -> float:
    """Returns the median latency of several answers; infinity if one is an error."""
    seen: list[float] = []
    try:
        while len(seen) < BATCH and sum(seen) < BATCH_S:
            seen.append(client.seconds(maker()))
    except RefusedError as refused:
        print(f"  refused: {refused}", flush=True)
        return math.inf
    return statistics.median(seen)


# --- results --------------------------------------------------------------------------------------


def table_rows(engine: str, questions: list[Question], rounds: list[Round]) -> list[Row]:
    rows = []
    for group in dict.fromkeys(question.group for question in questions):
        asked = [question for question in questions if question.group == group]
        ratio, worst = max((growth(question, rounds), question.name) for question in asked)
        report(engine, Question(group, worst), rounds)
        work = f"{engine}: {group}, {LARGE:,} against {SMALL:,} rows"
        has_target = group.endswith((FIRST, ONE_FILTER, FILTERED_BY_INDEX, BY_CURSOR, FIGURE))
        rows.append(ratio_row(work, ratio) if has_target or ratio == math.inf
                    else note(work, ratio))
    deep = max(depth(question, questions, rounds) for question in questions
               if question.group.endswith(BY_CURSOR))
    return [*rows, ratio_row(f"{engine}: {BY_CURSOR} against the first in the same order", deep)]


def ratio_row(work: str, ratio: float) -> Row:
    return row(work, ratio, f"<= {RATIO_MAX:g} ×", lambda value: value <= RATIO_MAX,
               "refused" if ratio == math.inf else "{:.2f} ×")


def growth(question: Question, rounds: list[Round]) -> float:
    return ratio_between(rounds, (question, LARGE), (question, SMALL))


def ratio_between(rounds: list[Round], one: tuple[Question, int],
                 other: tuple[Question, int]) -> float:
    """Returns infinity if any of the requests was refused."""
    if any(math.inf in (each.seconds[one], each.seconds[other]) for each in rounds):
        return math.inf
    return statistics.median(each.seconds[one] / each.seconds[other] for each in rounds)


def depth(question: Question, questions: list[Question], rounds: list[Round]) -> float:
    """Returns the ratio of a page by cursor to the first page of its order, both on most rows."""
    first = Question(question.group.replace(BY_CURSOR, FIRST), question.name.partition(",")[0])
    assert first in questions
    return ratio_between(rounds, (question, LARGE), (first, LARGE))


def report(engine: str, question: Question, rounds: list[Round]) -> None:
    medians = (statistics.median(each.seconds[question, size] for each in rounds)
               for size in SIZES)
    figures = ", ".join(f"{size:,}: {took * 1000:.2f} ms"
                        for size, took in zip(SIZES, medians, strict=True))
    name = f" ({question.name})" if question.name else ""
    print(f"  {engine}, {question.group}{name}: {figures}", flush=True)
