"""People: makes users through the API for tests that need one."""

import uuid

from support import contract, vault
from support.client import user_path


def tag():
    """A word that stands nowhere else in the directory."""
    return f"t{uuid.uuid4().hex[:10]}"


class People:
    """Creates users in one organizational unit, each with names of its own."""

    def __init__(self, api, truth, ou):
        self.api, self.truth, self.ou = api, truth, ou

    def body(self, **fields):
        """What creates a user; `fields` replace or add, those that are ... are left out."""
        name = tag()
        body = {"cn": name, "sAMAccountName": name, "password": vault.password(), "ou": self.ou,
                **fields}
        return {key: value for key, value in body.items() if value is not ...}

    def create(self, **fields):
        """A new user as the service answers it, with its password under "password"."""
        body = self.body(**fields)
        response = self.api.post("/users", json=body)
        assert response.status_code == 201, response.text
        return {**contract.check_user(response.json()), "password": body["password"]}

    def get(self, name):
        response = self.api.get(user_path(name))
        assert response.status_code == 200, response.text
        return contract.check_user(response.json())

    def change(self, name, **fields):
        """The user as it is after a change that must succeed."""
        response = self.api.patch(user_path(name), json=fields)
        assert response.status_code == 200, response.text
        return contract.check_user(response.json())

    def search(self, text, **parameters):
        """The account names that a search finds."""
        response = self.api.get("/users", params={"search": text, "limit": 1000, **parameters})
        assert response.status_code == 200, response.text
        return sorted(user["sAMAccountName"] for user in contract.check_list(response.json()))
