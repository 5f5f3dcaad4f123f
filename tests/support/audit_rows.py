"""Reads the audit rows of the database."""

import json

COLUMNS = ("organization_id", "directory", "actor", "actor_id", "address", "action", "resource",
           "object_id", "status", "code", "request_id", "changes")
SECRET = "***"


def rows_of(database, response):
    """Returns the rows of the request that a response answers, oldest first. Every column is a
    text; an absent one is None. The changes are a list of (resource, id, field, before, after)."""
    columns = ", ".join(f"coalesce(CAST({name} AS TEXT), '-')" for name in COLUMNS)
    identifier = response.headers["X-Request-ID"]
    rows = []
    for found in database.run(f"SELECT {columns} FROM audit WHERE request_id = '{identifier}'"
                              " ORDER BY id"):
        *short, changes = found[:len(COLUMNS) - 1] + ("|".join(found[len(COLUMNS) - 1:]),)
        row = {name: None if value == "-" else value
               for name, value in zip(COLUMNS, short, strict=False)}
        row["changes"] = [flat(change, row["resource"], row["object_id"])
                          for change in json.loads(changes)]
        rows.append(row)
    return rows


def row_of(database, response):
    """Returns the only row of a request."""
    [row] = rows_of(database, response)
    return row


def flat(change, resource=None, number=None):
    """Returns a change as a tuple. `resource` and `number` name the object of the row, which its
    changes leave out."""
    names = {"resource", "id", "field", "before", "after"}
    assert set(change) in (names, names - {"resource", "id"}), change
    return (change.get("resource", resource), change.get("id", number), change["field"],
            change["before"], change["after"])


def predicted(response):
    """Checks the reply to a dry run, and returns its changes."""
    assert response.status_code == 200, response.text
    body = response.json()
    assert set(body) == {"dry_run", "changes"} and body["dry_run"] is True
    return [flat(change) for change in body["changes"]]


def without_new_ids(changes):
    """Returns the changes without the ids of new objects, which a dry run does not know, in a fixed
    order."""
    new = {(resource, number) for resource, number, _, before, _ in changes if before is None}
    return sorted(((resource, None if (resource, number) in new else number, field, before, after)
                   for resource, number, field, before, after in changes), key=repr)
