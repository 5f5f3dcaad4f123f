"""HTTP client that checks every response against the contract and records every change for the
audit checks."""

import itertools
import uuid
from urllib.parse import quote

import requests

from support import contract, document, vault

TIMEOUT_S = 60  # longer than nginx waits for the service, so that nginx's own error is seen
RESOURCES = {"users": "user", "groups": "group", "ous": "ou", "containers": "container",
             "computers": "computer", "delegations": "delegation"}
COLLECTION_VERBS = {"POST": "create"}
ENTRY_VERBS = {"PATCH": "update", "DELETE": "delete"}
MEMBERSHIPS = {("users", "groups"), ("groups", "members")}
MEMBERSHIP_ACTIONS = {"POST": "add_user_to_group", "DELETE": "remove_user_from_group"}
PHOTO_ACTIONS = {"PUT": "set_user_photo", "DELETE": "delete_user_photo"}

TOKEN_PATHS = ("/auth/login", "/auth/refresh", "/auth/register")
AUTH_ACTIONS = {"login": "login", "register": "register", "logout": "logout",
                "refresh": "refresh", "change-password": "change_password",
                "verify-email": "verify_email"}
INVITATION_ACTIONS = {"accept": "accept_invitation", "decline": "decline_invitation"}
CUSTOMERS = {"contacts": "contact", "deals": "deal", "tasks": "task", "activities": "activity"}
TOKEN_ACTIONS = {("POST", "revoke"): "revoke_token", ("DELETE", 2): "delete_token"}
KEY_ACTIONS = {("POST", 1): "create_api_key", ("PATCH", 2): "update_api_key",
               ("DELETE", 2): "revoke_api_key", ("POST", 3): "rotate_api_key"}
MEMBER_ACTIONS = {"POST": "invite_member", "PATCH": "update_member", "DELETE": "remove_member"}

# One (request id, action, audited status) for each call that must leave an audit line. Checked at
# the end of the session.
journal = []


def audited_action(method, path):
    """Returns the action of the audit line that a call must leave, or None if it must leave
    none."""
    parts = path.split("?")[0].removeprefix("/api/v1").split("/")[1:]
    if parts[0] == "auth":
        return auth_action(method, parts)
    if parts[0] == "accounts":
        return account_action(method, parts)
    if parts[0] == "organizations":
        return organization_action(method, parts)
    if parts[0] == "tokens":
        return TOKEN_ACTIONS.get((method, parts[1] if parts[1:] == ["revoke"] else len(parts)))
    if parts[0] == "api-keys":
        return KEY_ACTIONS.get((method, len(parts)))
    if parts[0] in CUSTOMERS:
        return customer_action(method, parts)
    if parts[0] == "files":
        return file_action(method, parts)
    if parts[0] not in RESOURCES:
        return None
    if (method, parts[0], parts[2:]) == ("POST", "users", ["password"]):
        return "set_password"
    if len(parts) == 4 and (parts[0], parts[2]) in MEMBERSHIPS:
        return MEMBERSHIP_ACTIONS.get(method)
    if (parts[0], parts[2:]) == ("users", ["photo"]):
        return PHOTO_ACTIONS.get(method)
    if (method, parts[0], parts[2:]) == ("POST", "computers", ["reset"]):
        return "reset_computer"
    verb = {1: COLLECTION_VERBS, 2: ENTRY_VERBS}.get(len(parts), {}).get(method)
    return f"{verb}_{RESOURCES[parts[0]]}" if verb else None


def auth_action(method, parts):
    """Like audited_action(), for paths below /auth."""
    if (method, parts[1:]) == ("PATCH", ["me"]):
        return "update_me"
    if method != "POST":
        return None
    if parts[1] == "invitations":
        return INVITATION_ACTIONS.get(parts[3]) if len(parts) == 4 else None
    return AUTH_ACTIONS.get(parts[1])


def account_action(method, parts):
    """Like audited_action(), for paths below /accounts."""
    if (method, parts[1:]) == ("POST", ["confirm-email"]):
        return "confirm_email"
    actions = {("POST", 1): "create_account", ("POST", 2): "issue_email_link",
               ("DELETE", 3): "withdraw_email_link"}
    fits = parts[1:2] in ([], ["invitations"])
    return actions.get((method, len(parts))) if fits else None


def organization_action(method, parts):
    """Like audited_action(), for paths below /organizations."""
    if (method, len(parts), parts[2:3]) == ("DELETE", 4, ["invitations"]):
        return "withdraw_invitation"
    if len(parts) == 2:
        return "update_organization" if method == "PATCH" else None
    depth = {"POST": 3, "PATCH": 4, "DELETE": 4}
    found = parts[2:3] == ["members"] and len(parts) == depth.get(method)
    return MEMBER_ACTIONS[method] if found else None


def customer_action(method, parts):
    """Like audited_action(), for paths of contacts, deals, tasks and activities."""
    if (method, parts[0], parts[2:]) == ("POST", "deals", ["status"]):
        return "change_deal_status"
    if (method, parts[0]) == ("PATCH", "activities") or parts[2:] not in ([], ["restore"]):
        return None
    verb = {("POST", 1): "create", ("PATCH", 2): "update", ("DELETE", 2): "delete",
            ("POST", 3): "restore"}.get((method, len(parts)))
    return f"{verb}_{CUSTOMERS[parts[0]]}" if verb else None


def file_action(method, parts):
    """Like audited_action(), for paths below /files. (A bulk deletion leaves one line for each
    file.)"""
    if (method, parts[1:]) == ("POST", ["upload"]):
        return "upload_file"
    if (method, parts[2:]) == ("PUT", ["tags"]):
        return "tag_file"
    return "delete_file" if method == "DELETE" and len(parts) == 2 else None


def outcome(response):
    """Returns the status that the audit line of a change must have. RESULT_UNREAD counts as
    success: the change was made, only its result could not be read back."""
    made = response.status_code < 300 or response.json()["code"] == "RESULT_UNREAD"
    return "success" if made else "failure"


class Client:
    """Sends requests of one principal to one port of nginx (base URL)."""

    _numbers = itertools.count(1)
    _session = uuid.uuid4().hex[:8]

    def __init__(self, base_url, ca_file, token=None):
        self.base_url = base_url
        self.ca_file = str(ca_file)
        self.token = token
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = self.ca_file

    def as_anonymous(self):
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
        document.check_answer(response, self._path)
        # a replayed response changes nothing and leaves no audit line
        if "Idempotency-Key" not in fields:
            self._note(method, path, response)
        return response

    @staticmethod
    def _path(path):
        """Returns the service path to which nginx maps a path of this port."""
        return document.main_path(path)

    @staticmethod
    def _note(method, path, response):
        action = audited_action(method, path)
        # nginx may have sent these itself
        if action and response.status_code not in (408, 413, 414, 421, 429):
            journal.append((response.headers["X-Request-ID"], action, outcome(response)))
        if path.endswith(TOKEN_PATHS) and response.status_code in (200, 201):
            tokens = response.json()  # a refresh by access token returns no refresh token
            vault.remember(*(tokens[name] for name in ("access_token", "refresh_token")
                             if name in tokens))
        if action == "set_password" and response.status_code == 200:
            vault.remember(response.json()["password"])
        if action in ("create_api_key", "rotate_api_key") and response.ok:
            vault.remember(response.json()["secret"])
        if path.endswith("/accounts/invitations") and response.status_code == 201:
            vault.remember(response.json()["token"])

    def get(self, path, **arguments):
        return self.request("GET", path, **arguments)

    def head(self, path, **arguments):
        return self.request("HEAD", path, **arguments)

    def post(self, path, **arguments):
        return self.request("POST", path, **arguments)

    def patch(self, path, **arguments):
        return self.request("PATCH", path, **arguments)

    def put(self, path, **arguments):
        return self.request("PUT", path, **arguments)

    def delete(self, path, **arguments):
        return self.request("DELETE", path, **arguments)

    def login(self, username, password):
        """Logs in, which must succeed, and returns the tokens."""
        response = self.post("/auth/login", json={"username": username, "password": password})
        assert response.status_code == 200, response.text
        return response.json()


class FilesClient(Client):
    """Client of the port for files (5000), where /users are the accounts."""

    def as_anonymous(self):
        return FilesClient(self.base_url, self.ca_file)

    def bearing(self, token):
        return FilesClient(self.base_url, self.ca_file, token)

    @staticmethod
    def _path(path):
        return document.files_path(path)

    @staticmethod
    def _note(method, path, response):
        if path.startswith("/users"):
            path = "/accounts" + path.removeprefix("/users")
        Client._note(method, path, response)


def path_of(collection, *names):
    """Returns a path below a collection ("/groups") with percent-encoded names."""
    return "/".join([collection, *(quote(name, safe="") for name in names)])


def user_path(name, prefix="/users"):
    """Returns the path of a user."""
    return path_of(prefix, name)
