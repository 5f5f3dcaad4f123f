"""A complete Kontora: directory, service and nginx on one state folder.

    STATE/lock          locked while a stack uses the folder
    STATE/tls/          the authority ca.pem, certificates and keys
    STATE/keys/         generated secrets of the service
    STATE/kontora.db    the database, unless PostgreSQL is used
    STATE/directory/    the development Active Directory
    STATE/nginx/        nginx's configuration and temporary files, created at each start
    STATE/static/       the OpenAPI document in each language
    STATE/run/          the sockets of the service
    STATE/logs/         the logs of all parts
"""

import contextlib
import fcntl
import os
import secrets
import shutil
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

SOCKET_PATH_MAX = 107  # sockaddr_un.sun_path without its NUL

START_TIMEOUT_S = 15
NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))

# The guard of a stack that was killed cleans up and releases the lock in a shorter time.
LOCK_TIMEOUT_S = 4.0

# The variables of our own environment that are passed to the service.
KEPT_VARIABLES = ("LANG", "LC_ALL", "TZ", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS")


class Stack:
    """A complete Kontora. As a context manager it starts on entry, and stops and closes on exit."""

    def __init__(self, state_dir: Path, *, ports: Ports | None = None,
                 directory: Directory | None = None, own_directory: bool = True,
                 database: Postgres | None = None, migrated: Path | None = None,
                 authority: Authority | None = None, rate_limits: bool = False,
                 env: Mapping[str, str] | None = None, binary: Path = TOP / "build/kontora",
                 cwd: Path | None = None, nginx_source: Path = TOP / "nginx") -> None:
        """Prepares a stack, but starts nothing.

        `ports`: the ports of nginx; by default free ones.
        `directory`: a shared directory that already runs. By default the stack has its own
        directory in its state folder, or none if `own_directory` is false.
        `database`: a running PostgreSQL server, in which a new database is created. By default the
        service uses SQLite in the state folder.
        `migrated`: an SQLite database of the newest version. A state folder without a database
        gets a copy of it; by default the migrations run.
        `authority`: signs nginx's certificate; by default one in the state folder.
        `env`: settings of the service, which override those of the stack.
        `cwd`: the working directory of the service, where it reads .env; by default the state
        folder.
        `nginx_source`: the folder with nginx's configuration."""
        self.state_dir = state_dir.resolve()
        self.binary = binary
        self._migrated = migrated
        self._nginx_source = nginx_source
        self.logs_dir = self.state_dir / "logs"
        self._claims: list[addresses.Claim] = []
        self._guard: Guard | None = None
        self._lock: int | None = None
        self.directory: Directory | None = None
        self._own_directory: Directory | None = None
        try:
            self._open(ports, directory, own_directory, database, authority, rate_limits,
                       dict(env or {}), cwd)
        except BaseException:
            self.close()
            raise

    def _open(self, ports: Ports | None, directory: Directory | None, own_directory: bool,
              database: Postgres | None, authority: Authority | None, rate_limits: bool,
              env: dict[str, str], cwd: Path | None) -> None:
        if not os.access(self.binary, os.X_OK):
            raise StackError(f"{self.binary} does not exist: run make first")
        for folder in (self.state_dir, self.logs_dir):
            folder.mkdir(parents=True, exist_ok=True)
        self._lock = self._take_lock()
        self.ports = ports or self._free_ports()
        self._check_ports()
        self._guard = Guard(self._lock)
        self.authority = authority or Authority(self.state_dir / "tls")
        self.socket_dir = self._make_socket_dir(env.get("SOCKET_DIR"))
        if directory is None and own_directory:
            directory = self._own_directory = Directory(
                self.state_dir / "directory", self.authority, self._guard,
                log=self.logs_dir / "directory.log", durable=True)
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

    # --- addresses and credentials ---------------------------------------------------------------

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
        """The CA certificate that verifies nginx and the directory."""
        return str(self.authority.file)

    @property
    def administrator(self) -> tuple[str, str]:
        """The name and the password of the local administrator."""
        return (self.env["LOCAL_AUTH_USERNAME"], self.env["LOCAL_AUTH_PASSWORD"])

    @property
    def audit_log(self) -> Path:
        return self.state_dir / self.env.get("AUDIT_LOG_PATH", "logs/audit.jsonl")

    # --- starting and stopping -------------------------------------------------------------------

    def start(self) -> None:
        if self._own_directory:
            self._own_directory.start(wait=False)
        self._create_database()
        self.service.start(wait=False)
        self.service.wait_ready()
        if self._own_directory:
            self._own_directory.wait_ready()
        self.nginx.start()
        if not wait_until(self._serves, START_TIMEOUT_S):
            raise StackError(f"kontora does not respond: see {self.logs_dir}")

    def dead_part(self) -> str | None:
        """Returns the name of a part that has ended unexpectedly, or None."""
        parts = {"nginx": self.nginx, "kontora": self.service, "the directory": self._own_directory}
        return next((name for name, part in parts.items() if part and not part.alive), None)

    def stop(self) -> None:
        """Stops nginx first and the directory last, so that no request reaches a stopped part."""
        with contextlib.ExitStack() as parts:  # runs all callbacks in reverse order, despite errors
            if self._own_directory:
                parts.callback(self._own_directory.stop)
            parts.callback(self.service.stop)
            parts.callback(self.nginx.stop)

    def kill(self) -> None:
        """Kills all parts at once."""
        self.nginx.kill()
        self.service.kill()
        if self._own_directory and self._own_directory.alive:
            self._own_directory.kill()

    def close(self) -> None:
        """Releases addresses and locks and removes temporary folders. Call it after stop()."""
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

    def _create_database(self) -> None:
        file = self.state_dir / "kontora.db"
        if self._migrated and "DATABASE_URL" not in self.env and not file.exists():
            shutil.copy(self._migrated, file)
        else:
            self.service.migrate()

    # --- setting up ------------------------------------------------------------------------------

    def _take_lock(self) -> int:
        """Locks the state folder against other stacks. Waits, because after a stack was killed its
        guard holds the lock until it has cleaned up."""
        lock = os.open(self.state_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

        def taken() -> bool:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        if not wait_until(taken, LOCK_TIMEOUT_S):
            os.close(lock)
            raise StackError(f"another Kontora uses {self.state_dir}")
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
        """Creates the folder of the sockets: `wanted`, or one in the state folder, or a temporary
        folder if the paths of the sockets would be too long there."""
        standard = self.state_dir / "run"
        folder = self.state_dir / wanted if wanted else standard
        ours = folder == standard
        longest = folder / f"{max(POOLS, key=len)}.sock"
        if ours and len(os.fsencode(longest)) > SOCKET_PATH_MAX:
            folder = Path(tempfile.mkdtemp(prefix="kontora-"))
        folder.mkdir(parents=True, exist_ok=True)
        if ours:
            assert self._guard
            self._guard.remove_at_end(folder)  # a killed service does not remove its sockets
        return folder

    def _standard_env(self) -> dict[str, str]:
        """Returns the default settings, which the caller can override."""
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
        """Returns the settings that the caller cannot override, because they must match the state
        folder and nginx."""
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
        """True if the service responds through nginx and, with an own directory, has checked it."""
        path = "/health/ready" if self._own_directory else "/health"
        try:
            with NO_PROXY.open(f"{self.http_url}{path}", timeout=START_TIMEOUT_S) as response:
                return b'"unknown"' not in response.read()
        except (urllib.error.URLError, OSError):
            return False

    def _secret(self, name: str) -> str:
        """Returns a random secret, which is generated once and stored."""
        file = self.state_dir / "keys" / name
        file.parent.mkdir(mode=0o700, exist_ok=True)
        if not file.exists():
            made = file.with_suffix(".new")
            made.unlink(missing_ok=True)
            made.touch(mode=0o600)
            made.write_text(secrets.token_urlsafe(48), encoding="ascii")
            made.rename(file)
        return file.read_text(encoding="ascii")
