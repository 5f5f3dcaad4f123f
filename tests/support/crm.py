"""Sends calls for contacts, deals, tasks and activities, and checks the responses against the
contract."""

import json
import threading
from decimal import Decimal

from support import contract
from support.accounts import ROLES
from support.client import Client
from support.entries import tag

NONE = type(None)
TEXT, REFERENCE = (str, NONE), (int, NONE)
STAMPS = {"created_at": str, "updated_at": str, "version": int}
DEAL_STATUSES = ("NEW", "IN_PROGRESS", "WON", "LOST", "CLOSED")
TASK_STATUSES = ("TODO", "IN_PROGRESS", "DONE")
ACTIVITY_TYPES = ("CALL", "EMAIL", "MEETING", "NOTE")

# The exact fields of an object of each collection.
TYPES = {
    "contacts": {"id": int, "name": str, "email": TEXT, "phone": TEXT, "company": TEXT,
                 "position": TEXT, "notes": TEXT, "owner_id": REFERENCE, **STAMPS},
    "deals": {"id": int, "title": str, "amount": Decimal, "status": str, "contact_id": REFERENCE,
              "owner_id": REFERENCE, "description": TEXT, "expected_close_date": TEXT,
              "lost_reason": TEXT, "closed_at": TEXT, **STAMPS},
    "tasks": {"id": int, "title": str, "description": TEXT, "status": str, "due_date": TEXT,
              "assignee_id": REFERENCE, "contact_id": REFERENCE, "deal_id": REFERENCE,
              "creator_id": REFERENCE, "completed_at": TEXT, **STAMPS},
    "activities": {"id": int, "type": str, "subject": str, "description": TEXT,
                   "contact_id": REFERENCE, "deal_id": REFERENCE, "author_id": REFERENCE,
                   "occurred_at": str, "automatic": bool, "old_status": TEXT, "new_status": TEXT,
                   **STAMPS},
}
KINDS = tuple(TYPES)
CHANGEABLE = ("contacts", "deals", "tasks")

# The field that holds an object's name.
NAME_OF = {"contacts": "name", "deals": "title", "tasks": "title", "activities": "subject"}

# The sections of /analytics/summary; each is also a response of its own.
SECTIONS = {
    "deals": {"total": int, "new": int, "in_progress": int, "won": int, "lost": int, "closed": int,
              "win_rate": Decimal, "pipeline_amount": Decimal},
    "tasks": {"total": int, "todo": int, "in_progress": int, "done": int, "overdue": int,
              "completion_rate": Decimal},
    "contacts": {"total_contacts": int},
    "activities": {"total": int, "calls": int, "emails": int, "meetings": int, "notes": int},
}
PLACES = {"amount": 2, "pipeline_amount": 2, "win_rate": 4, "completion_rate": 4}


class Number(str):
    """A JSON number whose exact text is sent."""


def encode(body):
    """Encodes a flat body as JSON; keeps the text of Numbers."""
    return "{%s}" % ", ".join(
        f"{json.dumps(name)}: {value if isinstance(value, Number) else json.dumps(value)}"
        for name, value in body.items())


# --- responses ------------------------------------------------------------------------------------


def check_places(record):
    """Checks that decimals have as many places as the contract says."""
    for name, places in PLACES.items():
        assert name not in record or -record[name].as_tuple().exponent == places, record


def check_object(kind, record):
    """Checks the fields and invariants of an object of a collection; returns the object."""
    names = list(contract.check_record(record, TYPES[kind]))
    assert names[0] == "id" and names[-3:] == list(STAMPS), names
    check_places(record)
    if kind == "deals":
        assert record["status"] in DEAL_STATUSES, record
        assert (record["closed_at"] is not None) == (record["status"] == "CLOSED"), record
        assert record["lost_reason"] is None or record["status"] in ("LOST", "CLOSED"), record
    elif kind == "tasks":
        assert record["status"] in TASK_STATUSES, record
        assert (record["completed_at"] is not None) == (record["status"] == "DONE"), record
    elif kind == "activities":
        assert record["type"] in ACTIVITY_TYPES, record
        assert record["automatic"] == (record["old_status"] is not None), record
        assert record["automatic"] == (record["new_status"] is not None), record
    return record


def check_section(name, section):
    """Checks the fields of a section of the analytics; returns the section."""
    contract.check_record(section, SECTIONS[name])
    check_places(section)
    return section


def parse_exact(response):
    """Parses a response body, with exact decimals."""
    return response.json(parse_float=Decimal)


def check_ok(kind, response, status=200):
    """Asserts success and returns the object in the response."""
    assert response.status_code == status, (response.status_code, response.text)
    record = check_object(kind, parse_exact(response))
    assert response.headers.get("ETag", f'"{record["version"]}"') == f'"{record["version"]}"'
    return record


def error_details(response, status, code):
    """Asserts an error and returns its details."""
    contract.check_error(response, status, code)
    return response.json()["details"]


def invalid_fields(response):
    """Asserts a validation error and returns the names of the invalid fields, sorted."""
    return sorted(contract.check_error(response, 400, "VALIDATION_ERROR"))


# --- calls --------------------------------------------------------------------------------------


class Crm:
    """Sends CRM calls of one person in one organization."""

    def __init__(self, client, organization, person=None):
        self.client, self.organization, self.person = client, organization, person

    @property
    def id(self):
        """Returns the id of the account."""
        return self.person.id

    def anew(self):
        """Returns a copy with its own connection, for another thread."""
        client = Client(self.client.base_url, self.client.ca_file, self.client.token)
        return Crm(client, self.organization, self.person)

    def request(self, method, path, body=None, headers=None, **arguments):
        fields = {"X-Organization-ID": str(self.organization), **(headers or {})}
        if body is not None:
            fields["Content-Type"] = "application/json"
            arguments["data"] = encode(body)
        return self.client.request(method, path, headers=fields, **arguments)

    def send(self, kind, body=None, headers=None, **fields):
        """Sends POST for a new object with a default name. A field with the value ... is
        omitted."""
        standard = {NAME_OF[kind]: f"{kind} {tag()}", **({"type": "NOTE"} if kind == "activities"
                                                         else {})}
        whole = {**standard, **(body or {}), **fields}
        return self.request("POST", f"/{kind}", {name: value for name, value in whole.items()
                                                 if value is not ...}, headers)

    def create(self, kind, headers=None, **fields):
        response = self.send(kind, headers=headers, **fields)
        record = check_ok(kind, response, 201)
        assert response.headers["Location"].endswith(f"/{kind}/{record['id']}")
        return record

    def contact(self, **fields):
        return self.create("contacts", **fields)

    def deal(self, status="NEW", **fields):
        """Creates a deal and moves it to a status."""
        record = self.create("deals", **fields)
        for step in {"NEW": (), "IN_PROGRESS": ("IN_PROGRESS",), "WON": ("IN_PROGRESS", "WON"),
                     "LOST": ("IN_PROGRESS", "LOST"), "CLOSED": ("IN_PROGRESS", "LOST", "CLOSED"),
                     "WON and CLOSED": ("IN_PROGRESS", "WON", "CLOSED")}[status]:
            record = check_ok("deals", self.move(record["id"], step))
        return record

    def task(self, status="TODO", **fields):
        """Creates a task and moves it to a status."""
        record = self.create("tasks", **fields)
        for step in TASK_STATUSES[1:TASK_STATUSES.index(status) + 1]:
            record = check_ok("tasks", self.change("tasks", record["id"], status=step))
        return record

    def activity(self, **fields):
        return self.create("activities", **fields)

    def get(self, kind, number, headers=None):
        return self.request("GET", f"/{kind}/{number}", headers=headers)

    def read(self, kind, number):
        return check_ok(kind, self.get(kind, number))

    def change(self, kind, number, body=None, headers=None, **fields):
        return self.request("PATCH", f"/{kind}/{number}", {**(body or {}), **fields}, headers)

    def delete(self, kind, number, headers=None):
        return self.request("DELETE", f"/{kind}/{number}", headers=headers)

    def must_delete(self, kind, number):
        """Deletes an object (soft delete), which must succeed."""
        response = self.delete(kind, number)
        assert (response.status_code, response.content) == (204, b""), response.text

    def restore(self, kind, number, headers=None):
        return self.request("POST", f"/{kind}/{number}/restore", headers=headers)

    def move(self, number, status, headers=None, **fields):
        """Sends a change of a deal's status."""
        body = {"status": status, **fields}
        return self.request("POST", f"/deals/{number}/status", body, headers)

    def list(self, kind, **query):
        return self.request("GET", f"/{kind}", params=query)

    def page(self, kind, **query):
        """Reads a page, which must succeed, and checks its items."""
        response = self.list(kind, **query)
        assert response.status_code == 200, response.text
        body = parse_exact(response)
        for item in contract.check_page(body):
            check_object(kind, item)
        return body

    def ids(self, kind, **query):
        """Returns the ids of one page (by default of up to 1,000 items), in its order."""
        return [item["id"] for item in self.page(kind, **{"limit": 1000, **query})["items"]]

    def walk(self, kind, **query):
        """Yields all items, following the cursor from page to page."""
        body = self.page(kind, **query)
        while True:
            yield from body["items"]
            if not body["next"]:
                return
            body = self.page(kind, **query, after=body["next"])
            assert set(body) == {"items", "limit", "next"}

    def analytics(self, name, **query):
        """Reads a section of the analytics, or the summary."""
        response = self.request("GET", f"/analytics/{name}", params=query)
        assert response.status_code == 200, response.text
        body = parse_exact(response)
        if name != "summary":
            return check_section(name, body)
        assert set(body) == set(SECTIONS), body
        for each, section in body.items():
            check_section(each, section)
        return body


class Office:
    """An organization with one person of each role: office["SALES"] sends calls as that person."""

    def __init__(self, accounts):
        self._accounts = accounts
        self.owner = accounts.register()
        self.organization = self.owner.organization
        self._views = {"OWNER": Crm(self.owner.client, self.organization, self.owner)}

    def __getitem__(self, role):
        assert role in ROLES
        if role not in self._views:
            self._views[role] = self.newcomer(role)
        return self._views[role]

    def newcomer(self, role):
        """Adds one more person with a role."""
        person = self._accounts.member(self.owner, role)
        return Crm(person.client, self.organization, person)


def at_once(view, calls):
    """Runs calls at the same time, each on its own connection; returns their responses."""
    barrier, answers = threading.Barrier(len(calls)), [None] * len(calls)

    def run(index):
        own = view.anew()
        own.client.get("/auth/me")  # opens the connection
        barrier.wait()
        answers[index] = calls[index](own)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert None not in answers
    return answers


def crowd(view, count, call):
    """Like at_once(), with `count` calls of one function that gets the number of the call."""
    return at_once(view, [lambda own, number=number: call(own, number) for number in range(count)])
