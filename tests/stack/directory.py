"""The development Active Directory: Samba's domain controller on its own loopback address.

It behaves like Active Directory in most details and needs no network. Only its LDAP service is
started. Its state is one folder, which can be moved: smb.conf, which contains absolute paths and
the address, is written at every start.
"""

import contextlib
import json
import secrets
import shutil
import socket
import ssl
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from stack import addresses
from stack.guard import PYTHON, Guard
from stack.processes import PATH, Process, run
from stack.tls import Authority

REALM = "KONTORA.TEST"
DOMAIN = "KONTORA"
BASE_DN = "DC=kontora,DC=test"
BIND_NAME = "kontora-service"

# Failed logins after which the directory locks an account. By default Samba never does.
LOCKOUT_THRESHOLD = 5

# Users of the sample company can log in; the members of kontora-admins may change the directory.
LOGIN_SETTINGS = {"LDAP_LOGIN": "true", "LDAP_ADMIN_GROUP": "kontora-admins"}
SAMPLE_ADMINISTRATOR, SAMPLE_PERSON = "m.sidorova", "i.petrov"

# The longest path of a Unix socket, minus the part that Samba adds to the folder.
FOLDER_PATH_MAX = 107 - 30

START_TIMEOUT_S = 30

# The settings of the service that select the directory and the connection to it.
SETTINGS = ("LDAP_SERVER", "LDAP_PORT", "LDAP_USE_SSL", "LDAP_START_TLS", "LDAP_TLS_CA_FILE",
            "LDAP_BIND_DN", "LDAP_BIND_PASSWORD", "LDAP_BASE_DN")

# Only `ldap` is started, which saves ports and processes: a single controller replicates nothing.
SMB_CONF = """\
[global]
    server role = active directory domain controller
    realm = {realm}
    workgroup = {domain}
    netbios name = DC1
    server services = ldap
    interfaces = {address}/8
    bind interfaces only = yes
    idmap_ldb:use rfc2307 = yes
    ldb:nosync = {nosync}

    private dir = {folder}/private
    state directory = {folder}/state
    cache directory = {folder}/cache
    lock directory = {folder}/run/lock
    binddns dir = {folder}/bind-dns
    pid directory = {folder}/run
    ncalrpc dir = {folder}/run/ncalrpc
    winbindd socket directory = {folder}/run/winbindd
    ntp signd socket directory = {folder}/run/ntp
    usershare path =

    tls enabled = yes
    tls keyfile = {key}
    tls certfile = {certificate}
    tls cafile = {authority}

    log file = {folder}/run/samba.log
    max log size = 1000

[sysvol]
    path = {folder}/state/sysvol
    read only = no

[netlogon]
    path = {folder}/state/sysvol/{domain_name}/scripts
    read only = no
"""


class Directory:
    """A domain controller. `folder` has its state; if it does not exist, a domain is created."""

    def __init__(self, folder: Path, authority: Authority, guard: Guard, *, log: Path,
                 durable: bool = False) -> None:
        """With `durable`, changes survive a power failure (fsync)."""
        self.base_dn = BASE_DN
        self.ca_file = authority.file
        self._folder = folder
        self._authority = authority
        self._guard = guard
        self._log = log
        self._nosync = "false" if durable else "true"
        self._process: Process | None = None
        self._claim: addresses.Claim | None = None
        self._alias: Path | None = None
        if not folder.exists():
            self._provision()
        self.credentials_file = folder / "credentials.json"
        credentials = json.loads(self.credentials_file.read_text(encoding="utf-8"))
        self.bind_dn = f"CN={BIND_NAME},CN=Users,{BASE_DN}"
        self.bind_password: str = credentials["bind_password"]
        self.administrator_dn = f"CN=Administrator,CN=Users,{BASE_DN}"
        self.administrator_password: str = credentials["administrator_password"]
        # The password of all users of the sample company (seed.py).
        self.sample_password: str = credentials["sample_password"]

    # --- for the service and for tests -----------------------------------------------------------

    @property
    def address(self) -> str:
        """The loopback address, which is chosen on first use and then kept."""
        if not self._claim:
            self._claim = addresses.claim_directory_address()
        return self._claim.address

    @property
    def url(self) -> str:
        return f"ldaps://{self.address}"

    def settings(self) -> dict[str, str]:
        """Returns the settings with which Kontora uses this directory."""
        values = (self.address, str(addresses.LDAPS_PORT), "true", "false", str(self.ca_file),
                  self.bind_dn, self.bind_password, self.base_dn)
        return dict(zip(SETTINGS, values, strict=True))

    def fill(self, **wanted: str | int) -> None:
        """Adds many users and a group without LDAP; see fill_directory()."""
        fill_directory(self._folder, **wanted)

    def fill_groups(self, **wanted: object) -> None:
        """Adds nested groups without LDAP; fill_groups.py has the parameters."""
        self._run_samba("fill_groups.py", base_dn=BASE_DN, **wanted)

    def age_password(self, dn: str, days: int) -> None:
        """Makes the password of an account older, without LDAP; see password_age.py."""
        self._run_samba("password_age.py", dn=dn, days=days)

    def _run_samba(self, program: str, **parameters: object) -> None:
        """Runs a program of this folder that changes the directory without LDAP."""
        parameters |= {"smb_conf": str(self._folder / "etc/smb.conf"),
                       "sam_ldb": str(self._folder / "private/sam.ldb")}
        run([PYTHON, str(Path(__file__).with_name(program))], stdin=json.dumps(parameters))

    # --- the process -----------------------------------------------------------------------------

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.alive

    def start(self, wait: bool = True) -> None:
        """Starts it, also after stop() or kill(). Without `wait`, call wait_ready() later."""
        if not self._process:
            self._process = self._prepare()
        self._process.start()
        if wait:
            self.wait_ready()

    def wait_ready(self) -> None:
        self._running.wait_ready(self._answers, START_TIMEOUT_S)

    def stop(self) -> None:
        if self._process:
            self._process.stop()

    def kill(self) -> None:
        self._running.kill()

    def freeze(self) -> None:
        """Simulates a controller that hangs: connections stay open, but it does not respond."""
        self._running.freeze()

    def thaw(self) -> None:
        self._running.thaw()

    def close(self) -> None:
        """Stops it and releases the address."""
        self.stop()
        if self._claim:
            self._claim.release()
            self._claim = None
        self._process = None

    @property
    def _running(self) -> Process:
        assert self._process, "the directory has not been started"
        return self._process

    def _answers(self) -> bool:
        """True if it accepts TLS connections with a trusted certificate."""
        context = ssl.create_default_context(cafile=str(self.ca_file))
        try:
            with socket.create_connection((self.address, addresses.LDAPS_PORT), timeout=1) as tcp:
                context.wrap_socket(tcp, server_hostname=self.address).close()
        except OSError:
            return False
        return True

    def _prepare(self) -> Process:
        """Writes smb.conf for the current address and folder."""
        folder = self._short_path()
        shutil.rmtree(folder / "run", ignore_errors=True)  # left by a process that was killed
        for name in ("run", "run/lock", "run/ncalrpc", "cache"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        for name in ("run/winbindd", "run/ntp"):
            (folder / name).mkdir(mode=0o750)  # Samba rejects other modes
        for name in ("run", "private/ldapi", "private/ldap_priv/ldapi"):
            self._guard.remove_at_end(self._folder / name)  # Samba does not remove its sockets
        certificate = self._authority.certificate("directory", [f"IP:{self.address}"])
        conf = folder / "smb.conf"
        conf.write_text(SMB_CONF.format(
            realm=REALM, domain=DOMAIN, domain_name=REALM.lower(), address=self.address,
            folder=folder, nosync=self._nosync, key=certificate.key, certificate=certificate.file,
            authority=self._authority.file), encoding="utf-8")
        # One process for all connections, in the foreground, which logs to its standard output.
        command = ["samba", "--configfile", str(conf), "--interactive", "--model=single"]
        return Process("the directory (samba)", command, guard=self._guard, log=self._log,
                       cwd=self._folder, env={"PATH": PATH})

    def _short_path(self) -> Path:
        """Returns the folder, or a short symbolic link to it if its path is too long for sockets.
        """
        if len(str(self._folder)) <= FOLDER_PATH_MAX:
            return self._folder
        if not self._alias:
            self._alias = Path(tempfile.mkdtemp(prefix="kontora-"))
            self._guard.remove_at_end(self._alias)
            (self._alias / "directory").symlink_to(self._folder)
        return self._alias / "directory"

    # --- creating the domain ---------------------------------------------------------------------

    def _provision(self) -> None:
        """Creates and fills the domain in a temporary folder, which is renamed when it is complete.
        """
        made = self._folder.with_name(self._folder.name + ".new")
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir(parents=True, mode=0o700)
        # An empty configuration, because samba-tool would use that of the host.
        base, log = made / "provision.conf", made / "provision.log"
        base.write_text("[global]\n", encoding="ascii")
        command = [
            PYTHON, "/usr/bin/samba-tool", "domain", "provision", f"--configfile={base}",
            f"--targetdir={made}", f"--realm={REALM}", f"--domain={DOMAIN}", "--host-name=dc1",
            "--host-ip=127.0.77.1", "--server-role=dc", "--dns-backend=NONE", "--use-rfc2307",
            f"--option=ldb:nosync={self._nosync}", "--option=bind interfaces only=yes",
            "--option=interfaces=127.0.77.1/8"]
        provision = Process("samba-tool", command, guard=self._guard, log=log, cwd=made,
                            env={"PATH": PATH})
        provision.start()
        provision.wait_end()
        self._fill(made)
        log.unlink()
        base.unlink()
        made.rename(self._folder)

    @staticmethod
    def _fill(folder: Path) -> None:
        credentials = {name: _new_password() for name in
                       ("administrator_password", "bind_password", "sample_password")}
        parameters = {
            "smb_conf": str(folder / "etc/smb.conf"), "sam_ldb": str(folder / "private/sam.ldb"),
            "base_dn": BASE_DN, "bind_name": BIND_NAME, "lockout_threshold": LOCKOUT_THRESHOLD,
            **credentials}
        run([PYTHON, str(Path(__file__).with_name("seed.py"))], stdin=json.dumps(parameters))
        run(["/bin/sh", str(Path(__file__).parents[2] / "systemd/delegate.sh"), BIND_NAME, BASE_DN,
             "-H", str(folder / "private/sam.ldb"), "-s", str(folder / "etc/smb.conf")])
        file = folder / "credentials.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps(credentials), encoding="ascii")


def fill_directory(folder: Path, **wanted: str | int) -> None:
    """Adds users and a group to the directory in a folder, whether it runs or not. fill.py has the
    parameters. Takes seconds for thousands of users, while LDAP takes minutes."""
    parameters = {
        "smb_conf": str(folder / "etc/smb.conf"), "sam_ldb": str(folder / "private/sam.ldb"),
        "base_dn": BASE_DN, **wanted}
    run([PYTHON, str(Path(__file__).with_name("fill.py"))], stdin=json.dumps(parameters))


@contextlib.contextmanager
def running_directory(folder: Path, prepare: Callable[[Path], None] = lambda _: None,
                      durable: bool = False) -> Iterator[Directory]:
    """Runs a directory that several stacks share. `prepare` is called with its folder before it
    starts. With `durable`, changes survive a power failure."""
    guard = Guard()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        directory = Directory(folder / "directory", Authority(folder / "tls"), guard,
                              log=folder / "directory.log", durable=durable)
        try:
            prepare(folder / "directory")
            directory.start()
            yield directory
        finally:
            directory.close()
    finally:
        guard.close()


def _new_password() -> str:
    """Returns a random password with all kinds of characters that a password policy requires."""
    return "Aa1-" + secrets.token_urlsafe(18)
