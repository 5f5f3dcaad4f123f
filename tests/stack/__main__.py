"""`make run`: everything on this machine, in the foreground, until Ctrl-C.

    cd tests && /usr/bin/python3 -m stack run

Settings come from the environment and from .env at the repository's top; the environment wins.
STATE_DIR, HTTP_PORT, HTTPS_PORT, FILES_PORT and RATE_LIMITS are for this program; it hands all of
them on to the service. With LDAP_SERVER no development directory is started.
"""

import os
import shlex
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from stack.errors import StackError
from stack.nginx import Ports
from stack.stack import DEVELOPMENT_PASSWORD, TOP, Stack

LOOK_EVERY_S = 0.25


def read_env_file(path: Path) -> dict[str, str]:
    """NAME=value lines, as the service reads them (app/base/config.c): `export`, quotes, comments."""
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
    from_file = read_env_file(TOP / ".env")
    settings = {**from_file, **os.environ}
    # The service reads .env itself, at a reload too: what the file sets is left to it.
    env = {**os.environ, **{name: value for name, value in from_file.items()
                            if name not in os.environ}}
    return Stack(
        TOP / settings.get("STATE_DIR", "var"),
        ports=Ports(port(settings, "HTTP_PORT", 8000), port(settings, "HTTPS_PORT", 8443),
                    port(settings, "FILES_PORT", 5000)),
        own_directory=not settings.get("LDAP_SERVER"),
        rate_limits=settings.get("RATE_LIMITS", "on") != "off",
        env=env, cwd=TOP)
