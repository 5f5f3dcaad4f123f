"""Tokens that expire: issued and checked as anybody may, of one stack."""

import re

from support import contract

FORM = re.compile(r"\d{6}:[0-9A-Za-z]{22}")


class Tokens:
    """`client` is at the top of the main surface."""

    def __init__(self, client):
        self.client = client

    def issue(self, **fields):
        """A new token."""
        response = self.client.post("/app/token", **({"json": fields} if fields else {}))
        body = answer(response)
        assert set(body) == {"status_code", "token"} and FORM.fullmatch(body["token"]), body
        return body["token"]

    def check(self, token):
        """Whether it is valid; counts a use."""
        return status(self.client.get(f"/app/valid/{token}"))

    def check_body(self, token):
        return status(self.client.post("/app/valid", json={"token": token}))

    def clear(self):
        assert status(self.client.delete("/app/clear/all/tokens"))


def answer(response):
    assert response.status_code == 200, response.text
    assert response.headers["Cache-Control"] == "no-store"
    body = response.json()
    assert body["status_code"] == 200, body
    return body


def status(response):
    body = answer(response)
    assert set(body) == {"status_code", "status"} and isinstance(body["status"], bool), body
    return body["status"]


def described(client, token):
    """What introspection says of a token."""
    response = client.post("/tokens/introspect", data={"token": token})
    assert response.status_code == 200, response.text
    return response.json()


def expire(database, number):
    """Makes the token with that id one that has just expired."""
    database.run(f"UPDATE tokens SET expires_at = 1 WHERE id = {int(number)} RETURNING id")


def exists(database, number):
    return database.run(f"SELECT count(*) FROM tokens WHERE id = {int(number)}") == [("1",)]


def refused_fields(response):
    """The names of the fields that a 400 complains of."""
    return set(contract.refused(response, 400, "VALIDATION_ERROR"))
