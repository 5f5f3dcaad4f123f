"""`make run`: runs a complete Kontora in the foreground until Ctrl-C.

    cd tests && /usr/bin/python3 -m stack run

Reads settings from the environment and from .env in the repository; the environment takes
precedence. This program uses STATE_DIR, HTTP_PORT, HTTPS_PORT, FILES_PORT and RATE_LIMITS; all
settings are passed to the service. If LDAP_SERVER is set, no development directory is started.
"""

import os
import shlex
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from stack import directory
from stack.errors import StackError
from stack.nginx import Ports
from stack.stack import DEVELOPMENT_PASSWORD, TOP, Stack

POLL_INTERVAL_S = 0.25


def read_env_file(path: Path) -> dict[str, str]:
    """Parses NAME=value lines with `export`, quotes and comments, like the service."""
    values: dict[str, str] = {}
    if not path.exists():
        return values
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        line = line.strip().removeprefix("export ").strip()
        if not line or line.startswith("#"):
            continue
        name, equals, value = (part.strip() for part in line.partition("="))
        if not equals:
            raise StackError(f"{path}: line {number} is not NAME=value")
        values[name] = unquote(value)
    return values


def unquote(value: str) -> str:
    quote = value[:1]
    if quote in ("'", '"') and quote in value[1:]:
        return value[1:value.index(quote, 1)]
    return value.partition(" #")[0].strip()


def port(settings: Mapping[str, str], name: str, standard: int) -> int:
    text = settings.get(name, str(standard))
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise StackError(f"{name}: {text!r} is not a port")
    return int(text)


def open_stack() -> Stack:
    settings = {**read_env_file(TOP / ".env"), **os.environ}
    own_directory = not settings.get("LDAP_SERVER")
    if own_directory:  # .env may contain further settings of another directory
        settings = {name: value for name, value in settings.items()
                    if name not in directory.SETTINGS}
        settings = {**directory.LOGIN_SETTINGS, **settings}
    return Stack(
        TOP / settings.get("STATE_DIR", "var"),
        ports=Ports(port(settings, "HTTP_PORT", 8000), port(settings, "HTTPS_PORT", 8443),
                    port(settings, "FILES_PORT", 5000)),
        own_directory=own_directory,
        rate_limits=settings.get("RATE_LIMITS", "on") != "off",
        env=settings, cwd=TOP)


def ready_text(stack: Stack) -> str:
    """Returns the text to print: the addresses, and how to log in."""
    name, password = stack.administrator
    if password != DEVELOPMENT_PASSWORD:
        password = "$LOCAL_AUTH_PASSWORD"  # the secret is not printed
    body = '{"username":"%s","password":"%s"}' % (name, password)
    quote = shlex.quote(body) if password == DEVELOPMENT_PASSWORD else f'"{escaped(body)}"'
    people = ""
    if stack.directory and stack.env["LDAP_LOGIN"] == "true":
        people = (f"  users      {directory.SAMPLE_ADMINISTRATOR} (may change the directory), "
                  f"{directory.SAMPLE_PERSON} (may read it) / the sample_password in "
                  f"{stack.directory.credentials_file}\n")
    where = f"{stack.directory.url}  {stack.directory.base_dn}" if stack.directory else (
        stack.env["LDAP_SERVER"])
    return f"""\
Kontora is ready: {stack.https_url}  {stack.http_url}  (files and accounts: {stack.files_url})
  browser    {stack.http_url}/  (documentation: /docs, /redoc)
  login      {name} / {password}
{people}  directory  {where}
  logs       {stack.logs_dir}
  try        curl --cacert {shlex.quote(stack.ca_file)} {stack.https_url}/auth/login \\
               -H 'Content-Type: application/json' -d {quote}
Ctrl-C stops it."""


def escaped(text: str) -> str:
    return text.replace('"', '\\"')


class StopRequested(BaseException):
    """A signal requests a stop. It may arrive while parts are started or stopped; the guard ends
    the parts that are then still running."""


def request_stop(*_: object) -> None:
    raise StopRequested


def serve() -> None:
    """Runs the stack until a part ends."""
    with open_stack() as stack:
        print(ready_text(stack), flush=True)
        while not (dead := stack.dead_part()):
            time.sleep(POLL_INTERVAL_S)
        raise StackError(f"{dead} has ended unexpectedly: see {stack.logs_dir}")


def main() -> int:
    if sys.argv[1:] != ["run"]:
        print("usage: python3 -m stack run", file=sys.stderr)
        return 2
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, request_stop)
    try:
        serve()
    except StackError as error:
        print(f"kontora: {error}", file=sys.stderr)
        return 1
    except StopRequested:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
