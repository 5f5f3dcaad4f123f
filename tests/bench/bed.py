"""Test bed that the measurements of the directory share: a directory with 10,000 users and a group
of 6,000 members, a stack with default pools and without rate limits, and an access token. Each part
is created on first use and kept until the end of the run.
"""

import contextlib
import functools
import tempfile
from pathlib import Path

import requests

from stack import Directory, Stack, running_directory
from stack.directory import fill_directory

USERS = 10_000
MEMBERS = 6_000
UNIT = "Many"
ACCOUNT = "user%05d"
GROUP = "many"

TIMEOUT_S = 30


def fill(folder: Path) -> None:
    """Adds the users and the group to a directory that is not running."""
    fill_directory(folder, unit=UNIT, account=ACCOUNT, users=USERS, group=GROUP, members=MEMBERS)


class Bed(contextlib.ExitStack):
    """The test bed, a context manager that removes everything on exit."""

    @functools.cached_property
    def folder(self) -> Path:
        return Path(self.enter_context(tempfile.TemporaryDirectory()))

    @functools.cached_property
    def directory(self) -> Directory:
        print(f"  creating a directory with {USERS:,} users", flush=True)
        return self.enter_context(running_directory(self.folder, prepare=fill, durable=True))

    @functools.cached_property
    def stack(self) -> Stack:
        return self.enter_context(Stack(self.folder / "stack", directory=self.directory))

    @property
    def workers(self) -> int:
        """The number of requests that the service processes at a time, each with its own connection
        to the directory."""
        return len(self.stack.service.workers("directory"))

    @functools.cached_property
    def session(self) -> requests.Session:
        """A session that is logged in as the administrator."""
        session = requests.Session()
        session.trust_env = False
        name, password = self.stack.administrator
        answer = session.post(self.url("/auth/login"), timeout=TIMEOUT_S,
                              json={"username": name, "password": password})
        answer.raise_for_status()
        session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return session

    @property
    def headers(self) -> tuple[str, ...]:
        """The header that authenticates requests of wrk."""
        return (f"Authorization: {self.session.headers['Authorization']}",)

    def url(self, path: str) -> str:
        return f"{self.stack.http_url}/api/v1{path}"
