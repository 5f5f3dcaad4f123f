"""GET of a group of 5,000 members against the directory's own answer to the same question, asked
over one connection by libldap.

The two are measured in turn, and the median of the ratios counts.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import ldap
import requests

from bench.table import Row, row
from stack import Directory, Stack, running_directory
from support.truth import Truth, rdn

MEMBERS = 5000
ROUNDS = 15
RATIO_MAX = 3.0
NAME = "large"


def fill(truth: Truth) -> str:
    """The DN of a group of so many contacts."""
    parent = truth.add_ou(NAME)
    dns = [f"{rdn(f'{number:05}')},{parent}" for number in range(MEMBERS)]
    truth.add_all((dn, {"objectClass": "contact"}) for dn in dns)
    group: str = truth.add(f"{rdn(NAME)},{parent}", objectClass="group", sAMAccountName=NAME)
    truth.add_member(group, *dns)
    return group


def seconds(work: Callable[[], int]) -> float:
    started = time.perf_counter()
    found = work()
    assert found == MEMBERS, found
    return time.perf_counter() - started


def measure() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder)
        with (running_directory(state / "directory") as directory,
              Stack(state / "stack", directory=directory) as stack):
            return compare(stack, directory)


def compare(stack: Stack, directory: Directory) -> list[Row]:
    truth = Truth(directory.url, directory.ca_file, directory.base_dn, directory.bind_dn,
                  directory.bind_password)
    group = fill(truth)
    session = requests.Session()
    session.trust_env = False
    name, password = stack.administrator
    tokens = session.post(f"{stack.http_url}/auth/login", timeout=30,
                          json={"username": name, "password": password}).json()
    session.headers["Authorization"] = f"Bearer {tokens['access_token']}"

    def ours() -> int:
        answer = session.get(f"{stack.http_url}/groups/{NAME}", timeout=30)
        return len(answer.json()["member"])

    def theirs() -> int:
        found = truth.connection.search_s(truth.base_dn, ldap.SCOPE_SUBTREE,
                                          f"(&(cn={NAME})(objectClass=group))", ["member"])
        return len(next(values for dn, values in found if dn == group)["member"])

    pairs = [(seconds(ours), seconds(theirs)) for _ in range(ROUNDS)]
    truth.close()
    print(f"  a group of {MEMBERS:,}: {statistics.median(p[0] for p in pairs) * 1000:.0f} ms, the "
          f"directory itself {statistics.median(p[1] for p in pairs) * 1000:.0f} ms", flush=True)
    return [row(f"GET a group of {MEMBERS:,} against the directory itself",
                statistics.median(a / b for a, b in pairs), f"<= {RATIO_MAX:g} ×",
                lambda ratio: ratio <= RATIO_MAX)]
