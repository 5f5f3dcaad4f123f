"""Lists of contacts, deals, tasks and activities: sorting with equal and missing values, paging
by skip and by cursor, filters and their totals. On both engines."""

import itertools

import pytest

from support.crm import ACTIVITY_TYPES, KINDS, Office, check_ok, invalid_fields

COUNT = 26  # objects of each collection
SORTED_LAST = "9999"  # missing values sort last

# The time from which a task is overdue, by its due date. A due date without a time lasts until the
# end of that day.
OVERDUE = {"2099-01-30": "2099-01-31T00:00:00.000Z", "2099-01-31": "2099-02-01T00:00:00.000Z",
           "2099-01-31T12:00:00.000Z": "2099-01-31T12:00:00.001Z",
           "2099-02-01T00:00:00.000Z": "2099-02-01T00:00:00.001Z", None: SORTED_LAST}

# In the order of the Unicode collation algorithm.
NAMES_IN_ORDER = ["!", "😀", "100%", "a,b", "anna", "Anna", "O'Neil", "z!i5", "żółw", "Żółw", "анна",
                  "АННА", "б", "Борис", "ёж", "Ёж", "Яков"]

# Sort keys of each collection, as functions of an item.
SORTS = {
    "contacts": {"id": lambda item: item["id"],
                 "name": lambda item: NAMES_IN_ORDER.index(item["name"]),
                 "created_at": lambda item: item["created_at"]},
    "deals": {"id": lambda item: item["id"], "amount": lambda item: item["amount"],
              "expected_close_date": lambda item: item["expected_close_date"] or SORTED_LAST,
              "created_at": lambda item: item["created_at"]},
    "tasks": {"id": lambda item: item["id"], "due_date": lambda item: OVERDUE[item["due_date"]],
              "created_at": lambda item: item["created_at"]},
    "activities": {"id": lambda item: item["id"], "occurred_at": lambda item: item["occurred_at"]},
}
ORDERS = [(kind, sign + name) for kind, names in SORTS.items() for name in names
          for sign in ("", "-")]
COMBINED_ORDERS = [("contacts", "name,-created_at"), ("contacts", "-name,id"),
                   ("deals", "amount,-id"),
                   ("deals", "-expected_close_date,amount,-created_at"),
                   ("deals", "-amount,-created_at"),
                   ("tasks", "due_date,-created_at"), ("tasks", "-due_date,id"),
                   ("activities", "-occurred_at,id")]
NAMES = ["Борис", "анна", "АННА", "Anna", "anna", "ёж", "Ёж", "Яков", "б", "100%", "O'Neil", "!",
         "😀", "Борис", "z!i5", "a,b", "Żółw", "żółw", "анна"]


@pytest.fixture(scope="module")
def filled_office(accounts):
    """Creates an organization with equal and missing values in every sortable column."""
    office = Office(accounts)
    owner, seller = office["OWNER"], office["SALES"]
    people = itertools.cycle([owner.id, seller.id, None])
    contacts = [owner.contact(name=NAMES[i % len(NAMES)], owner_id=next(people))["id"]
                for i in range(COUNT)]
    deals = [owner.deal(amount=(i % 4) * 1000.5, contact_id=contacts[i % 3], owner_id=next(people),
                        expected_close_date=[None, "2027-01-31", "2026-12-01"][i % 3])["id"]
             for i in range(COUNT)]
    dues = list(OVERDUE)
    for i in range(COUNT):
        owner.task(due_date=dues[i % len(dues)], contact_id=contacts[i % 2], deal_id=deals[i % 4],
                   assignee_id=next(people))
        (owner if i % 3 else seller).activity(
            type=ACTIVITY_TYPES[i % 4], contact_id=contacts[i % 2], deal_id=deals[i % 4],
            occurred_at=f"20{20 + i % 3}-05-05T12:00:00.{i % 2}Z")
    for i in range(0, COUNT, 5):
        check_ok("deals", owner.move(deals[i], "IN_PROGRESS"))  # creates six automatic activities
        check_ok("tasks", owner.change("tasks", owner.ids("tasks")[i], status="IN_PROGRESS"))
    return office


@pytest.fixture(scope="module")
def reader(filled_office):
    return filled_office["VIEWER"]


@pytest.fixture(scope="module")
def all_items(reader):
    """Returns all items of each collection, by id."""
    return {kind: reader.page(kind, limit=1000)["items"] for kind in KINDS}


# --- sorting --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind, sort", ORDERS)
def test_rows_with_equal_sort_value_are_listed_by_id(reader, all_items, kind, sort):
    """Equal values are ordered by id, in the direction of the sort."""
    key, descending = SORTS[kind][sort.lstrip("-")], sort.startswith("-")
    items = reader.page(kind, sort=sort, limit=1000)["items"]
    assert items == sorted(all_items[kind], key=lambda item: (key(item), item["id"]),
                           reverse=descending)


@pytest.mark.parametrize("limit", [1, 7, COUNT, 1000])
@pytest.mark.parametrize("kind, sort", [*((kind, "") for kind in KINDS), *ORDERS, *COMBINED_ORDERS])
def test_list_by_cursor_returns_each_object_once_in_order(reader, all_items, kind, sort, limit):
    order = {"sort": sort} if sort else {}
    whole = reader.page(kind, limit=1000, **order)
    total = len(all_items[kind])
    assert (whole["total"], whole["pages"], whole["next"]) == (total, 1, None)
    assert len({item["id"] for item in whole["items"]}) == total
    assert list(reader.walk(kind, limit=limit, **order)) == whole["items"]


@pytest.mark.parametrize("kind", KINDS)
def test_default_list_order_is_by_id(reader, all_items, kind):
    assert reader.page(kind, limit=1000)["items"] == all_items[kind]
    ids = [item["id"] for item in all_items[kind]]
    assert ids == sorted(ids)


@pytest.mark.parametrize("kind, sort", COMBINED_ORDERS)
def test_skip_and_cursor_return_same_page_of_objects(reader, kind, sort):
    first = reader.page(kind, sort=sort, limit=5)
    assert reader.page(kind, sort=sort, limit=5, skip=5)["items"] == reader.page(
        kind, sort=sort, limit=5, after=first["next"])["items"]


@pytest.mark.parametrize("kind", KINDS)
def test_list_by_skip_returns_each_object_once(reader, all_items, kind):
    seen = []
    for skip in range(0, len(all_items[kind]) + 10, 10):
        body = reader.page(kind, skip=skip)
        assert (body["skip"], body["limit"], body["total"]) == (skip, 10, len(all_items[kind]))
        seen += body["items"]
    assert seen == all_items[kind]
    assert reader.page(kind, skip=10 ** 9)["items"] == []


@pytest.mark.parametrize("kind", KINDS)
def test_cursor_skips_no_object_during_creations_and_deletions(new_office, kind):
    """Neither new nor deleted objects shift the pages after a cursor."""
    owner = new_office["OWNER"]
    numbers = [owner.create(kind)["id"] for _ in range(6)]
    first = owner.page(kind, limit=2)
    owner.must_delete(kind, numbers[0])
    owner.must_delete(kind, numbers[1])  # the cursor is at this object
    owner.must_delete(kind, numbers[3])
    added = owner.create(kind)["id"]
    rest = owner.page(kind, limit=10, after=first["next"])
    assert [item["id"] for item in rest["items"]] == [numbers[2], numbers[4], numbers[5], added]


# --- filters --------------------------------------------------------------------------------------


def filters(filled_office, all_items):
    """Returns every filter with each existing value, and one that no object has."""
    people = [filled_office["OWNER"].id, filled_office["SALES"].id]
    contacts = [item["id"] for item in all_items["contacts"][:3]]
    deals = [item["id"] for item in all_items["deals"][:4]]
    return {
        "contacts": {"owner_id": people},
        "deals": {"status": ["NEW", "IN_PROGRESS", "WON"], "contact_id": contacts,
                  "owner_id": people},
        "tasks": {"status": ["TODO", "IN_PROGRESS", "DONE"], "assignee_id": people,
                  "contact_id": contacts, "deal_id": deals},
        "activities": {"type": list(ACTIVITY_TYPES), "contact_id": contacts, "deal_id": deals,
                       "author_id": people},
    }


@pytest.mark.parametrize("kind", KINDS)
def test_filter_of_object_list_limits_items_and_total(filled_office, reader, all_items, kind):
    for name, values in filters(filled_office, all_items)[kind].items():
        for value in [*values, *([999_999_999] if name.endswith("_id") else [])]:
            expected = [item for item in all_items[kind] if item[name] == value]
            body = reader.page(kind, limit=2, **{name: value})
            assert body["total"] == len(expected), (name, value)
            assert list(reader.walk(kind, limit=5, **{name: value})) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_list_contains_only_objects_that_match_all_filters(filled_office, reader, all_items, kind):
    names = filters(filled_office, all_items)[kind]
    for values in itertools.islice(itertools.product(*names.values()), 24):
        query = dict(zip(names, values, strict=True))
        expected = [item for item in all_items[kind] if query.items() <= item.items()]
        body = reader.page(kind, limit=1000, sort="-id", **query)
        assert (body["total"], body["items"]) == (len(expected), expected[::-1])


@pytest.mark.parametrize("kind, sort", COMBINED_ORDERS)
def test_filter_sort_and_cursor_can_be_combined(filled_office, reader, kind, sort):
    name = {"tasks": "assignee_id", "activities": "author_id"}.get(kind, "owner_id")
    query = {name: filled_office["SALES"].id, "sort": sort}
    whole = reader.page(kind, limit=1000, **query)
    assert whole["total"] == len(whole["items"]) > 5
    assert list(reader.walk(kind, limit=3, **query)) == whole["items"]


@pytest.mark.parametrize("kind", KINDS)
def test_filter_by_id_of_other_organization_returns_empty_list(filled_office, reader, office, kind):
    """An id of another organization matches nothing, like an unknown id."""
    other = office["OWNER"]
    name = {"contacts": "owner_id", "deals": "contact_id"}.get(kind, "deal_id")
    value = {"owner_id": other.id, "contact_id": other.contact()["id"],
             "deal_id": other.deal()["id"]}[name]
    assert reader.page(kind, **{name: value})["total"] == 0


# --- invalid queries ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("query, field", [
    ({"sort": "organization_id"}, "sort"), ({"sort": "-"}, "sort"), ({"sort": ",id"}, "sort"),
    ({"sort": "id,id,id,id"}, "sort"), ({"sort": "id;drop"}, "sort"), ({"sort": "notes"}, "sort"),
    ({"sort": ""}, "sort"), ({"sort": "ID"}, "sort"), ({"after": "x"}, "after"),
    ({"after": "!i"}, "after"), ({"after": "!i5!i5"}, "after"), ({"after": ""}, "after"),
    ({"after": "!i5", "sort": "-id"}, "after"), ({"limit": 0}, "limit"), ({"limit": 1001}, "limit"),
    ({"limit": "x"}, "limit"), ({"limit": ""}, "limit"), ({"skip": -1}, "skip"),
    ({"skip": 2 ** 31}, "skip")], ids=str)
def test_invalid_sort_or_page_is_rejected(reader, kind, query, field):
    assert invalid_fields(reader.list(kind, **query)) == [field]


@pytest.mark.parametrize("kind, sort", [("contacts", "name"), ("contacts", "-name"),
                                        ("deals", "expected_close_date"), ("deals", "-amount"),
                                        ("tasks", "due_date"), ("activities", "-occurred_at")])
@pytest.mark.parametrize("value", [
    "k", "k0", "k00", "kzz", "k" + "00" * 1000, "k" + "00" * 3000, "k%30%30",
    "t", "t%00", "t%25", "t%FF", "t%D0", "t%ED%A0%80", "ta%00b", "t" + "x" * 1500, "t~", "t'--",
    "i0",
    "i-1", "i9223372036854775807", "i-9223372036854775808", "i99999999999999999999", "i1e3", "i 1",
    "i", "x", ""])
def test_forged_cursor_is_answered_or_rejected_as_invalid(reader, kind, sort, value):
    """A forged cursor gets a page or a validation error, never a server error."""
    for number in ("i5", "i-5", "i99999999999999999999"):
        response = reader.list(kind, sort=sort, after=f"{sort}!{value}!{number}")
        assert response.status_code == 200 or invalid_fields(response) == ["after"], response.text


@pytest.mark.parametrize("kind, field", [
    ("deals", "status"), ("tasks", "status"), ("activities", "type"), ("contacts", "owner_id"),
    ("deals", "contact_id"), ("deals", "owner_id"), ("tasks", "assignee_id"),
    ("tasks", "contact_id"), ("tasks", "deal_id"), ("activities", "contact_id"),
    ("activities", "deal_id"), ("activities", "author_id")])
def test_invalid_filter_value_is_rejected(reader, kind, field):
    for value in ("", "x", "1x", "new", "-", "1.5", "NEW ", "99999999999999999999", "' OR 1=1 --"):
        assert invalid_fields(reader.list(kind, **{field: value})) == [field], value


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("query, field", [
    ({"nonsense": "x"}, "nonsense"), ({"organization_id": 1}, "organization_id"),
    ({"limit": [1, 2]}, "limit"), ({"sort": ["id", "-id"]}, "sort"), ({"name": "x"}, "name")])
def test_unknown_or_repeated_list_parameter_is_rejected(reader, kind, query, field):
    assert invalid_fields(reader.list(kind, **query)) == [field]


@pytest.mark.parametrize("kind, field", [("deals", "search"), ("tasks", "search"),
                                         ("activities", "search"), ("tasks", "owner_id"),
                                         ("activities", "status"), ("contacts", "status")])
def test_list_parameter_of_other_object_kind_is_rejected(reader, kind, field):
    assert invalid_fields(reader.list(kind, **{field: 1})) == [field]
