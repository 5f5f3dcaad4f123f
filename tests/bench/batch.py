"""500 users disabled or enabled by one batch, against 500 calls on one kept connection, and against
the same changes sent to the directory over LDAPS without Kontora.
"""

import time
from collections.abc import Callable

import ldap
import requests

from bench.bed import ACCOUNT, TIMEOUT_S, Bed
from bench.pairs import alternate, median_ratio
from bench.table import Row, note, row

OPERATIONS = 500
ROUNDS = 3
BATCH_S = 120  # longer than nginx waits

NORMAL, DISABLED = 0x200, 0x202  # userAccountControl of an enabled and of a disabled user

CALLS_RATIO_MIN = 0.95


class Users:
    """Changes the users in turn: each measurement disables or enables all of them."""

    def __init__(self, bed: Bed):
        self.session, self.bed = bed.session, bed
        self.names = [ACCOUNT % number for number in range(OPERATIONS)]
        self.enabled = True
        self.raw = ldap.initialize(bed.directory.url)
        self.raw.set_option(ldap.OPT_X_TLS_CACERTFILE, str(bed.directory.ca_file))
        self.raw.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
        self.raw.simple_bind_s(bed.directory.administrator_dn,
                               bed.directory.administrator_password)
        self.names_of_entries = [self.get(name)["dn"] for name in self.names]

    def get(self, name: str) -> dict:
        answer = self.session.get(self.bed.url(f"/users/{name}"), timeout=TIMEOUT_S)
        answer.raise_for_status()
        return answer.json()

    def by_batch(self) -> None:
        operations = [{"method": "PATCH", "path": f"/api/v1/users/{name}",
                       "body": {"enabled": self.enabled}} for name in self.names]
        answer = self.session.post(self.bed.url("/batch"), timeout=BATCH_S,
                                   json={"operations": operations})
        statuses = {result["status"] for result in answer.json()["results"]}
        assert statuses == {requests.codes.ok}, statuses

    def by_calls(self) -> None:
        for name in self.names:
            self.session.patch(self.bed.url(f"/users/{name}"), timeout=TIMEOUT_S,
                               json={"enabled": self.enabled}).raise_for_status()

    def by_ldap(self) -> None:
        control = str(NORMAL if self.enabled else DISABLED).encode()
        for dn in self.names_of_entries:
            self.raw.modify_s(dn, [(ldap.MOD_REPLACE, "userAccountControl", [control])])

    def rate(self, change: Callable[[], None]) -> float:
        self.enabled = not self.enabled
        began = time.monotonic()
        change()
        return OPERATIONS / (time.monotonic() - began)


def measure(bed: Bed) -> list[Row]:
    users = Users(bed)
    seen = alternate(f"changes of {OPERATIONS} users", ROUNDS, {
        "one batch": lambda: users.rate(users.by_batch),
        "single calls": lambda: users.rate(users.by_calls),
        "LDAP": lambda: users.rate(users.by_ldap)})
    return [row(f"{OPERATIONS} users disabled by one batch, against as many calls",
                median_ratio(seen, "one batch", "single calls"), f"≥ {CALLS_RATIO_MIN:g} ×",
                lambda ratio: ratio >= CALLS_RATIO_MIN),
            note("the same batch, against the changes alone over LDAPS",
                 median_ratio(seen, "one batch", "LDAP"))]
