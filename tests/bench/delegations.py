"""GET /users and GET /users/{username} of callers that see only what delegations show, with 200
delegations and 10,000 users, against the administrator of a service without delegations.

One caller has the unit of the users as its only scope; the other one has further units, so that the
service merges their lists. Both services use the same directory.
"""

import dataclasses
import secrets

import requests

from bench import load
from bench.bed import ACCOUNT, TIMEOUT_S, UNIT, USERS, Bed
from bench.pairs import alternate, median_ratio
from bench.table import Row, note, row
from stack import Stack

DELEGATIONS = 200
SCOPES = 16  # of the caller with several
LIMIT = 10
MIDDLE = USERS // 2

ROUNDS = 5
SECONDS = 2
WARM_UP_SECONDS = 20.0  # one worker after another reads and sorts all users

RATIO_MAX = 1.2

PATHS = {
    "the first page of GET /users": f"/users?limit={LIMIT}",
    "a page in the middle": f"/users?limit={LIMIT}&skip={MIDDLE}",
    "GET /users/{username}": f"/users/{ACCOUNT}",
}


@dataclasses.dataclass(frozen=True)
class Caller:
    base_url: str
    headers: tuple[str, ...]
    workers: int

    def rate(self, path: str) -> float:
        count = USERS if "%" in path else 0
        return load.rate(self.base_url + path, self.workers, SECONDS, self.headers, count=count)

    def warm_up(self, path: str) -> None:
        """Creates a sorted view, or the order of the list, in every worker. Requests that time out
        meanwhile do not matter."""
        load.run(self.base_url + path, self.workers, WARM_UP_SECONDS, self.headers)


class Service:
    """A service whose directory users see only what delegations show them."""

    def __init__(self, bed: Bed):
        self.bed = bed
        self.stack = bed.enter_context(Stack(bed.folder / "delegated", directory=bed.directory,
                                             env={"DIRECTORY_READERS": "delegated",
                                                  "LDAP_LOGIN": "true"}))
        self.base_url = f"{self.stack.http_url}/api/v1"
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers["Authorization"] = self.log_in(*self.stack.administrator)
        self.unit = f"OU={UNIT},{bed.directory.base_dn}"

    def post(self, path: str, **body: object) -> dict:
        answer = self.session.post(self.base_url + path, timeout=TIMEOUT_S, json=body)
        answer.raise_for_status()
        return answer.json()

    def log_in(self, name: str, password: str) -> str:
        tokens = self.post("/auth/login", username=name, password=password)
        return f"Bearer {tokens['access_token']}"

    def delegate(self, principal: str, scope: str) -> None:
        self.post("/delegations", principal=principal, scope=scope, rights=["read"])

    def add_caller(self, name: str, parent: str, *scopes: str) -> Caller:
        password = "Aa1-" + secrets.token_urlsafe(18)
        user = self.post("/users", cn=name, sAMAccountName=name, ou=parent, password=password)
        for scope in scopes:
            self.delegate(user["dn"], scope)
        return Caller(self.base_url, (f"Authorization: {self.log_in(name, password)}",),
                      len(self.stack.service.workers("directory")))

    def add_callers(self) -> dict[str, Caller]:
        """Adds the two callers, and groups with the other delegations."""
        root = self.post("/ous", ou="Delegations", parent_dn=self.bed.directory.base_dn)["dn"]
        places = [self.post("/ous", ou=f"place{number}", parent_dn=root)["dn"]
                  for number in range(SCOPES)]
        callers = {"one scope": self.add_caller("one-scope", root, self.unit),
                   f"{SCOPES} scopes": self.add_caller("scopes", root, self.unit, *places[1:])}
        for number in range(DELEGATIONS - 1 - SCOPES):
            group = self.post("/groups", cn=f"delegates{number}", ou=root,
                              sAMAccountName=f"delegates{number}")
            self.delegate(group["dn"], places[number % SCOPES])
        return callers


def measure(bed: Bed) -> list[Row]:
    reference = Caller(bed.url(""), bed.headers, bed.workers)
    callers = Service(bed).add_callers()
    rows = []
    for work, path in PATHS.items():
        everyone = {"without delegations": reference, **callers}
        for caller in everyone.values():
            if "%" not in path:
                caller.warm_up(path)
        seen = alternate(work, ROUNDS, {name: lambda caller=caller: caller.rate(path)
                                        for name, caller in everyone.items()})
        for name in callers:
            ratio = median_ratio(seen, "without delegations", name)
            label = f"time of {work} with {DELEGATIONS} delegations, {name}"
            rows.append(row(label, ratio, f"<= {RATIO_MAX:g} ×", lambda value: value <= RATIO_MAX)
                        if name == "one scope" else note(label, ratio))
    return rows
