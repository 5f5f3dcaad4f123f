"""Client: requests to the service, each answer held against the contract, each change noted."""

import itertools
import uuid
from urllib.parse import quote

import requests

from support import contract, vault

TIMEOUT_S = 30
CHANGES = {"POST": "create_user", "PATCH": "update_user", "DELETE": "delete_user"}

# (request id, action, status) of every call that the audit log owes a line; read at session end.
journal = []


def audited_action(method, path):
    """The action of the audit line that a call owes, None if it owes none."""
    path = path.split("?")[0].removeprefix("/api/v1")
    if path == "/auth/login":
        return "login" if method == "POST" else None
    if path == "/users":
        return CHANGES[method] if method == "POST" else None
    if path.startswith("/users/") and path.count("/") == 2:
        return CHANGES.get(method) if method != "POST" else None
    return None


class Client:
    """One principal's view of one surface."""

    _numbers = itertools.count(1)
    _session = uuid.uuid4().hex[:8]

    def __init__(self, base_url, ca_file, token=None):
        self.base_url = base_url
        self.ca_file = str(ca_file)
        self.token = token
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = self.ca_file

    def as_nobody(self):
        return Client(self.base_url, self.ca_file)

    def bearing(self, token):
        return Client(self.base_url, self.ca_file, token)

    def at(self, base_url):
        return Client(base_url, self.ca_file, self.token)

    def request(self, method, path, headers=None, **arguments):
        fields = {"X-Request-ID": f"test-{self._session}-{next(self._numbers)}"}
        if self.token is not None:
            fields["Authorization"] = f"Bearer {self.token}"
        fields.update(headers or {})
        response = self.session.request(method, self.base_url + path, headers=fields,
                                        timeout=TIMEOUT_S, allow_redirects=False, **arguments)
        contract.check_answer(response)
        self._note(method, path, response)
        return response

    @staticmethod
    def _note(method, path, response):
        action = audited_action(method, path)
        if action and response.status_code not in (413, 429):  # nginx may have refused those
            journal.append((response.headers["X-Request-ID"], action, response.status_code))
        if path.endswith(("/auth/login", "/auth/refresh")) and response.status_code == 200:
            vault.remember(response.json()["access_token"], response.json()["refresh_token"])

    def get(self, path, **arguments):
        return self.request("GET", path, **arguments)

    def head(self, path, **arguments):
        return self.request("HEAD", path, **arguments)

    def post(self, path, **arguments):
        return self.request("POST", path, **arguments)

    def patch(self, path, **arguments):
        return self.request("PATCH", path, **arguments)

    def delete(self, path, **arguments):
        return self.request("DELETE", path, **arguments)

    def login(self, username, password):
        """The tokens of a login that must succeed."""
        response = self.post("/auth/login", json={"username": username, "password": password})
        assert response.status_code == 200, response.text
        return response.json()


def user_path(name, prefix="/users"):
    """The path of a user, whatever characters the name has."""
    return f"{prefix}/{quote(name, safe='')}"
