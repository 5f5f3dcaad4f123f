"""The whole: directory, service and nginx on one folder of state.

    STATE/lock          held by whoever runs on it
    STATE/tls/          the authority ca.pem, certificates and keys
    STATE/keys/         secrets that were made for this state
    STATE/kontora.db    the database, unless it is on PostgreSQL
    STATE/directory/    the development Active Directory
    STATE/nginx/        nginx's configuration and temporary files, made anew at each start
    STATE/static/       the OpenAPI document, in each language
    STATE/run/          the sockets of the service
    STATE/logs/         the logs of all
"""

import contextlib
import fcntl
import os
import secrets
import tempfile
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from stack import addresses
from stack.directory import Directory
from stack.errors import StackError
from stack.guard import Guard, wait_until
from stack.nginx import Nginx, Ports, Site
from stack.postgres import Postgres
from stack.processes import PATH
from stack.service import POOLS, Service
from stack.tls import Authority

TOP = Path(__file__).resolve().parents[2]

ADMINISTRATOR = "admin"
DEVELOPMENT_PASSWORD = "admin123"

SOCKET_PATH_MAX = 107  # sockaddr_un.sun_path less its NUL

START_PATIENCE_S = 15
NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))

# A run that was killed is cleared away in less.
LOCK_PATIENCE_S = 4.0

# What a program may need of our own environment, beside its settings.
KEPT_VARIABLES = ("LANG", "LC_ALL", "TZ", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS")


class Stack:
    """A Kontora of its own. As a context manager it is started and, at the end, gone."""

    def __init__(self, state_dir: Path, *, ports: Ports | None = None,
                 directory: Directory | None = None, own_directory: bool = True,
                 database: Postgres | None = None, rate_limits: bool = False,
                 env: Mapping[str, str] | None = None, binary: Path = TOP / "build/kontora",
                 cwd: Path | None = None,
                 nginx_source: Path = TOP / "nginx") -> None:
        """`ports`: free ones. `directory`: one that runs already and is shared; without it the
        stack has its own, below its state, or none if not `own_directory`. `database`: a server
        that runs already, for a new database on it; without it, SQLite below the state. `env`: settings of the
        service, over those of the stack. `cwd` of the service: the state (it reads .env there).
        `nginx_source`: another configuration than the repository's."""
        self.state_dir = state_dir.resolve()
        self.binary = binary
        self._nginx_source = nginx_source
        self.logs_dir = self.state_dir / "logs"
        self._claims: list[addresses.Claim] = []
        self._guard: Guard | None = None
        self._lock: int | None = None
        self.directory: Directory | None = None
        self._own_directory: Directory | None = None
        try:
            self._open(ports, directory, own_directory, database, rate_limits, dict(env or {}),
                       cwd)
        except BaseException:
            self.close()
            raise

    def _open(self, ports: Ports | None, directory: Directory | None, own_directory: bool,
              database: Postgres | None, rate_limits: bool, env: dict[str, str], cwd: Path | None) -> None:
        if not os.access(self.binary, os.X_OK):
            raise StackError(f"{self.binary} is not there: run make first")
        for folder in (self.state_dir, self.logs_dir):
            folder.mkdir(parents=True, exist_ok=True)
        self._lock = self._take_lock()
        self.ports = ports or self._free_ports()
        self._check_ports()
        self._guard = Guard(self._lock)
        self.authority = Authority(self.state_dir / "tls")
        self.socket_dir = self._make_socket_dir(env.get("SOCKET_DIR"))
        if directory is None and own_directory:
            directory = self._own_directory = Directory(
                self.state_dir / "directory", self.authority, self._guard,
                log=self.logs_dir / "directory.log")
        self.directory = directory
        self.env = {
            **self._standard_env(),
            **(directory.settings() if directory else {}),
            **({"DATABASE_URL": database.create()} if database else {}),
            **env,
            **self._own_env(rate_limits),
        }
        self.service = Service(self.binary, self.env, self._guard,
                               log=self.logs_dir / "kontora.log", cwd=cwd or self.state_dir)
        certificate = self.authority.certificate(
            "nginx", ["DNS:localhost", f"IP:{addresses.LOCALHOST}"])
        site = Site(self.ports, certificate, self.socket_dir, self.logs_dir, rate_limits,
                    self.env.get("DEFAULT_LANGUAGE", "ru"), self.state_dir / "objects",
                    pages=TOP / "build", documents=self.state_dir / "static")
        self.nginx = Nginx(self.state_dir / "nginx", self._nginx_source, site, self._guard)

    # --- where and who ---------------------------------------------------------------------------

    @property
    def https_url(self) -> str:
        return f"https://{addresses.LOCALHOST}:{self.ports.https}"

    @property
    def http_url(self) -> str:
        return f"http://{addresses.LOCALHOST}:{self.ports.http}"

    @property
    def files_url(self) -> str:
        return f"http://{addresses.LOCALHOST}:{self.ports.files}"

    @property
    def ca_file(self) -> str:
        """To verify https_url (and the directory) with."""
        return str(self.authority.file)

    @property
    def administrator(self) -> tuple[str, str]:
        """Name and password of the local administrator."""
        return (self.env["LOCAL_AUTH_USERNAME"], self.env["LOCAL_AUTH_PASSWORD"])

    @property
    def audit_log(self) -> Path:
        return self.state_dir / self.env.get("AUDIT_LOG_PATH", "logs/audit.jsonl")

    # --- life ------------------------------------------------------------------------------------

    def start(self) -> None:
        if self._own_directory:
            self._own_directory.start(wait=False)
        self.service.migrate()
        self.service.start(wait=False)
        self.service.wait_ready()
        if self._own_directory:
            self._own_directory.wait_ready()
        self.nginx.start()
        if not wait_until(self._serves, START_PATIENCE_S):
            raise StackError(f"kontora does not answer: see {self.logs_dir}")

    def dead_part(self) -> str | None:
        """The name of a part that should run and does not."""
        parts = {"nginx": self.nginx, "kontora": self.service, "the directory": self._own_directory}
        return next((name for name, part in parts.items() if part and not part.alive), None)

    def stop(self) -> None:
        """From the outside in, so that no request meets a part that has gone."""
        with contextlib.ExitStack() as parts:  # the last one first, and all of them come what may
            if self._own_directory:
                parts.callback(self._own_directory.stop)
            parts.callback(self.service.stop)
            parts.callback(self.nginx.stop)

    def kill(self) -> None:
        """All at once."""
        self.nginx.kill()
        self.service.kill()
        if self._own_directory and self._own_directory.alive:
            self._own_directory.kill()

    def close(self) -> None:
        """Gives back what was taken: addresses, locks, the short folder. After stop()."""
        if self._own_directory:
            self._own_directory.close()
        if self._guard:
            self._guard.close()
        for claim in self._claims:
            claim.release()
        if self._lock is not None:
            os.close(self._lock)
        self._claims, self._guard, self._lock = [], None, None

    def __enter__(self) -> "Stack":
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.stop()
        finally:
            self.close()

    # --- steps -----------------------------------------------------------------------------------

    def _take_lock(self) -> int:
        """Nobody else may run on this state. A run that was killed still holds it for a moment,
        until its guard has ended what it left."""
        lock = os.open(self.state_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

        def taken() -> bool:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        if not wait_until(taken, LOCK_PATIENCE_S):
            os.close(lock)
            raise StackError(f"another Kontora runs on {self.state_dir}")
        return lock

    def _free_ports(self) -> Ports:
        numbers, self._claims = addresses.claim_ports(3)
        return Ports(*numbers)

    def _check_ports(self) -> None:
        names = ("HTTP_PORT", "HTTPS_PORT", "FILES_PORT")
        for name, port in zip(names, self.ports, strict=True):
            reason = addresses.why_taken(addresses.LOCALHOST, port)
            if reason:
                raise StackError(f"{name}: cannot listen on {addresses.LOCALHOST}:{port}: {reason}")

    def _make_socket_dir(self, wanted: str | None) -> Path:
        """Below the state, or a short folder elsewhere if a socket's path would be too long."""
        standard = self.state_dir / "run"
        folder = self.state_dir / wanted if wanted else standard
        ours = folder == standard
        longest = folder / f"{max(POOLS, key=len)}.sock"
        if ours and len(os.fsencode(longest)) > SOCKET_PATH_MAX:
            folder = Path(tempfile.mkdtemp(prefix="kontora-"))
        folder.mkdir(parents=True, exist_ok=True)
        if ours:
            assert self._guard
            self._guard.remove_at_end(folder)  # a service that was killed leaves its sockets
        return folder

    def _standard_env(self) -> dict[str, str]:
        """What the caller may set otherwise."""
        kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
        return {
            **kept,
            "PATH": PATH,
            "ENVIRONMENT": "development",
            "LOCAL_AUTH_USERNAME": ADMINISTRATOR,
            "LOCAL_AUTH_PASSWORD": DEVELOPMENT_PASSWORD,
            "JWT_SECRET_KEY": self._secret("jwt"),
            "SECRET_KEY": self._secret("secret"),
        }

    def _own_env(self, rate_limits: bool) -> dict[str, str]:
        """Where everything is, made absolute, and what nginx has been told too."""
        return {
            "STATE_DIR": str(self.state_dir),
            "SOCKET_DIR": str(self.socket_dir),
            "STATIC_DIR": str(self.state_dir / "static"),
            "HTTP_PORT": str(self.ports.http),
            "HTTPS_PORT": str(self.ports.https),
            "FILES_PORT": str(self.ports.files),
            "RATE_LIMITS": "on" if rate_limits else "off",
        }

    def _serves(self) -> bool:
        """Whether an answer comes from the service, all the way through nginx; with a directory of
        our own, that it was found, too."""
        path = "/health/ready" if self._own_directory else "/health"
        try:
            with NO_PROXY.open(f"{self.http_url}{path}", timeout=START_PATIENCE_S) as response:
                return b'"unknown"' not in response.read()
        except (urllib.error.URLError, OSError):
            return False

    def _secret(self, name: str) -> str:
        """A random one, made once."""
        file = self.state_dir / "keys" / name
        file.parent.mkdir(mode=0o700, exist_ok=True)
        if not file.exists():
            made = file.with_suffix(".new")
            made.unlink(missing_ok=True)
            made.touch(mode=0o600)
            made.write_text(secrets.token_urlsafe(48), encoding="ascii")
            made.rename(file)
        return file.read_text(encoding="ascii")
