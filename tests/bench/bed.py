"""Bed: what the measurements of the directory share. A directory of 10,000 users with a group of
5,000 members, a stack on it with its default pools and without rate limits, and a token. Each is
made when it is first asked for, and kept until the end of the run.
"""

import contextlib
import functools
import tempfile
from pathlib import Path

import requests

from stack import Directory, Stack, running_directory
from stack.directory import fill_directory

USERS = 10_000
MEMBERS = 5_000
UNIT = "Many"
ACCOUNT = "user%05d"
GROUP = "many"

TIMEOUT_S = 30


def fill(folder: Path) -> None:
    """Adds the users and the group to a directory that is not running."""
    fill_directory(folder, unit=UNIT, account=ACCOUNT, users=USERS, group=GROUP, members=MEMBERS)


class Bed(contextlib.ExitStack):
    """As a context manager; all that was made is gone at its end."""

    @functools.cached_property
    def folder(self) -> Path:
        return Path(self.enter_context(tempfile.TemporaryDirectory()))

    @functools.cached_property
    def directory(self) -> Directory:
        print(f"  a directory of {USERS:,} users is made", flush=True)
        return self.enter_context(running_directory(self.folder, prepare=fill))

    @functools.cached_property
    def stack(self) -> Stack:
        return self.enter_context(Stack(self.folder / "stack", directory=self.directory))

    @property
    def workers(self) -> int:
        """How many requests the service works on at a time: each has a connection to the
        directory."""
        return len(self.stack.service.workers("directory"))

    @functools.cached_property
    def session(self) -> requests.Session:
        """The administrator."""
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
        """For wrk, what the session sends to be let in."""
        return (f"Authorization: {self.session.headers['Authorization']}",)

    def url(self, path: str) -> str:
        return f"{self.stack.http_url}/api/v1{path}"
