"""S3-compatible storage for services that do not store files on a local disk: Ceph's gateway with
one monitor and one object store in memory.

Stopping the object store loses the objects; the gateway can be stopped and started again without a
loss. Unlike other S3 servers it sends empty error messages and ignores the region of a signature.
Lists are limited to twenty objects for each page, so that clients have to read several pages. Each
bucket is also reachable as BUCKET.localhost.
"""

import contextlib
import dataclasses
import secrets
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

from stack import addresses
from stack.errors import StackError
from stack.guard import Guard
from stack.processes import PATH, Process, run
from stack.tls import Authority

PROGRAMS = ("ceph-mon", "ceph-osd", "radosgw")

START_TIMEOUT_S = 30
STOP_TIMEOUT_S = 10

REGION = "kontora-1"
USER = "kontora"

ENVIRONMENT = {"PATH": PATH, "LC_ALL": "C.UTF-8"}

# Every address is set, because the default is all addresses of the host. Without "ms mon client
# mode" the gateway hangs; without the intervals the monitor and its clients wait for ten seconds.
# The folder of the classes (plug-ins with operations that the gateway needs) is set, because its
# default is a relative path in Debian 13.
CONFIGURATION = """\
[global]
fsid = {fsid}
mon initial members = a
mon host = v2:{address}:{monitor}
public addr = {address}
cluster addr = {address}
osd heartbeat addr = {address}
ms bind msgr1 = false
auth cluster required = none
auth service required = none
auth client required = none
ms mon client mode = crc
paxos propose interval = 0.02
paxos min wait = 0.01
objecter tick interval = 0.2
mon data avail warn = 0
mon data avail crit = 0
mon allow pool size one = true
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
osd class dir = {classes}
osd objectstore = memstore
memstore device bytes = 2147483648
mon data = {folder}/monitor
osd data = {folder}/store
run dir = {folder}
admin socket = {folder}/$name.sock
log file = {folder}/$name.log
log to stderr = false
mon cluster log file = {folder}/cluster.log
rgw data = {folder}/gateway
rgw dns name = localhost
rgw max listing results = 20
rgw frontends = beast tcp_nodelay=1 endpoint={address}:{http} ssl_endpoint={address}:{https} \
ssl_certificate={certificate} ssl_private_key={key}
"""


ASK_TIMEOUT_S = "20"
STARTS = 3


@dataclasses.dataclass(frozen=True)
class Keys:
    access: str
    secret: str


class Storage:
    """A gateway with any number of buckets, all owned by one user."""

    def __init__(self, guard: Guard, *, log: Path) -> None:
        for program in PROGRAMS:
            if not shutil.which(program, path=PATH):
                raise StackError(f"{program} is not installed")
        self.folder = Path(tempfile.mkdtemp(prefix="kontora-s3-"))
        guard.remove_at_end(self.folder)
        numbers, self._claims = addresses.claim_ports(3)
        monitor, self.port, self.tls_port = numbers
        self.keys = Keys(secrets.token_hex(10).upper(), secrets.token_urlsafe(30))
        self.authority = Authority(self.folder / "tls")
        self._configure(monitor)
        self._monitor = self._process("ceph-mon", "-i", "a", guard=guard, log=log)
        self._store = self._process("ceph-osd", "-i", "0", guard=guard, log=log)
        self._gateway = self._process("radosgw", "-n", "client.rgw", guard=guard, log=log)

    # --- for the service and for tests -----------------------------------------------------------

    @property
    def endpoint(self) -> str:
        return f"http://{addresses.LOCALHOST}:{self.port}"

    @property
    def tls_endpoint(self) -> str:
        """The HTTPS endpoint; `ca_file` verifies its certificate."""
        return f"https://{addresses.LOCALHOST}:{self.tls_port}"

    @property
    def ca_file(self) -> str:
        return str(self.authority.file)

    def create(self) -> str:
        """Creates a bucket and returns its name."""
        name = f"kontora-{secrets.token_hex(4)}"
        self.curl("PUT", f"/{name}")
        return name

    def settings(self, bucket: str, **options: str) -> dict[str, str]:
        """Returns the service's settings for the bucket; `options` are added to STORAGE_URL."""
        query = urlencode({"endpoint": self.endpoint, "region": REGION, "path_style": "true",
                           **options})
        return {"STORAGE_URL": f"s3://{bucket}?{query}", "AWS_ACCESS_KEY_ID": self.keys.access,
                "AWS_SECRET_ACCESS_KEY": self.keys.secret, "AWS_CA_BUNDLE": self.ca_file}

    def curl(self, method: str, path: str, *arguments: str) -> str:
        """Sends a request to the gateway directly and returns the reply. Raises on an error."""
        return run(["curl", "--max-time", ASK_TIMEOUT_S, "--silent", "--show-error",
                    "--fail-with-body", "--noproxy", "*",
                    "--request", method, "--aws-sigv4", f"aws:amz:{REGION}:s3",
                    "--header", "x-amz-content-sha256: UNSIGNED-PAYLOAD",
                    "--user", f"{self.keys.access}:{self.keys.secret}", *arguments,
                    f"{self.endpoint}{path}"])

    # --- the processes ---------------------------------------------------------------------------

    @property
    def alive(self) -> bool:
        return self._gateway.alive

    def start(self) -> None:
        """Starts all processes and creates the store and the user. Call it once."""
        self._monitor.start()
        self._monitor.wait_ready(lambda: (self.folder / "mon.a.sock").exists(), START_TIMEOUT_S)
        self._make_store()
        self._store.start()
        self._ceph("radosgw-admin", "-n", "client.rgw", "user", "create", "--uid", USER,
                   "--display-name", USER, "--access-key", self.keys.access, "--secret-key",
                   self.keys.secret)
        self.start_gateway()

    def start_gateway(self) -> None:
        """Starts the gateway, also after stop_gateway()."""
        self._gateway.start()
        self._gateway.wait_ready(self._answers, START_TIMEOUT_S)

    def _answers(self) -> bool:
        """True if this gateway, which knows the keys, serves requests."""
        try:
            self.curl("GET", "/")
        except StackError:
            return False
        return True

    def stop_gateway(self) -> None:
        """Stops the gateway; the objects remain. Does not kill it, because then the next gateway
        would wait half a minute until the registered watches of this one expire."""
        self._gateway.stop()

    def freeze(self) -> None:
        """Simulates a gateway that hangs: it accepts connections, but does not respond."""
        self._gateway.freeze()

    def thaw(self) -> None:
        self._gateway.thaw()

    def close(self) -> None:
        with contextlib.ExitStack() as parts:  # runs the callbacks in reverse order
            parts.callback(shutil.rmtree, self.folder, ignore_errors=True)
            for claim in self._claims:
                parts.callback(claim.release)
            parts.callback(self._monitor.kill)
            parts.callback(self._store.kill)
            parts.callback(self._gateway.kill)

    # --- setting up ------------------------------------------------------------------------------

    def _configure(self, monitor: int) -> None:
        certificate = self.authority.certificate("gateway", [f"IP:{addresses.LOCALHOST}"])
        fsid = str(uuid.uuid4())
        self._file = self.folder / "ceph.conf"
        self._file.write_text(CONFIGURATION.format(
            fsid=fsid, address=addresses.LOCALHOST, monitor=monitor, folder=self.folder,
            http=self.port, https=self.tls_port, certificate=certificate.file,
            key=certificate.key, classes=_classes()), encoding="ascii")
        for name in ("monitor", "store", "gateway"):
            (self.folder / name).mkdir()
        map_file = str(self.folder / "monmap")
        run(["monmaptool", "--create", "--fsid", fsid, "--addv", "a",
             f"[v2:{addresses.LOCALHOST}:{monitor}]", map_file])
        self._ceph("ceph-mon", "--mkfs", "-i", "a", "--monmap", map_file)

    def _make_store(self) -> None:
        number = str(uuid.uuid4())
        self._ceph("ceph", "--connect-timeout", str(START_TIMEOUT_S), "osd", "new", number)
        self._ceph("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", number)

    def _ceph(self, program: str, *arguments: str) -> str:
        return run([program, "-c", str(self._file), *arguments])

    def _process(self, program: str, *arguments: str, guard: Guard, log: Path) -> Process:
        return Process(program, [program, "-c", str(self._file), "-f", *arguments], guard=guard,
                       log=log, cwd=self.folder, env=ENVIRONMENT, timeout_s=STOP_TIMEOUT_S)


def _classes() -> Path:
    """Returns the folder of the plug-ins of ceph-osd, whose path depends on the architecture."""
    found = list(Path("/usr/lib").glob("*/rados-classes"))
    if not found:
        raise StackError("the plug-ins of ceph-osd (rados-classes) are not installed")
    return found[0]


@contextlib.contextmanager
def running_storage(folder: Path) -> Iterator[Storage]:
    """Runs a gateway that several stacks share, with its log in the folder."""
    with contextlib.ExitStack() as parts:
        guard = Guard()
        parts.callback(guard.close)
        storage = started(guard, folder / "storage.log")
        parts.callback(storage.close)
        yield storage


def started(guard: Guard, log: Path) -> Storage:
    """Starts a gateway and verifies it by creating a bucket. Retries, because one of its three
    processes occasionally exits right after the start."""
    for attempt in range(STARTS):
        storage = Storage(guard, log=log)
        try:
            storage.start()
            storage.create()
            return storage
        except StackError:
            storage.close()
            if attempt + 1 == STARTS:
                raise
    raise AssertionError("unreachable: the loop returns or raises")
