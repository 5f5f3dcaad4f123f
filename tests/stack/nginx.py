"""nginx in front of the service: the configuration of the repository, with a site of our own.

The folder it runs in holds links to nginx/*.conf, so that what is tested, and what `make run`
serves with, is what administrators get. Only the files that differ between hosts are written here.
"""

import dataclasses
import resource
import shutil
import signal
from pathlib import Path

from stack import addresses
from stack.errors import StackError
from stack.guard import Guard
from stack.processes import PATH, Process, run
from stack.tls import Certificate

START_PATIENCE_S = 10
STOP_PATIENCE_S = 5  # for requests that are under way

# Where upstreams.conf, as it is in the repository, has the sockets.
PRODUCTION_SOCKETS = "unix:/run/kontora/"

# These differ between hosts. upstreams.conf keeps all but the sockets' folder.
SITE_FILES = ("site.conf", "site-names.conf", "site-process.conf", "upstreams.conf")

# root: the checkout may be closed to other users.
SITE_PROCESS = """\
# Written by tests/stack/nginx.py.
user root;
daemon off;
pid {folder}/nginx.pid;
worker_rlimit_nofile {descriptors};
error_log {logs}/nginx-error.log error;
"""

# The origins are those of a front end under development.
SITE = """\
# Written by tests/stack/nginx.py.
geo $rate_limits {{ default {rate_limits}; }}
map "" $default_language {{ default {language}; }}

# None: browsers apply it to every port of a host, and http://localhost is many developers' own.
map "" $hsts {{ default ""; }}

map "" $objects_dir {{ default {objects_dir}; }}

map $http_origin $cors_origin {{
    default "";
    "~^https?://(?:localhost|127\\.0\\.0\\.1)(?::\\d+)?$" $http_origin;
}}

map "" $pages {{ default {pages}; }}
map "" $documents {{ default {documents}; }}

access_log {logs}/nginx-access.log kontora buffer=64k flush=1s;

client_body_temp_path {folder}/body;
fastcgi_temp_path     {folder}/fastcgi;
proxy_temp_path       {folder}/proxy;
scgi_temp_path        {folder}/scgi;
uwsgi_temp_path       {folder}/uwsgi;

ssl_certificate     {certificate.file};
ssl_certificate_key {certificate.key};

server {{
    listen {host}:{ports.http} default_server backlog=4096;
    listen {host}:{ports.files} default_server backlog=4096;
    server_name _;
    include server-common.conf;
    include refused-host.conf;
}}
server {{
    listen {host}:{ports.https} ssl default_server backlog=4096;
    http2 on;
    server_name _;
    include server-common.conf;
    include refused-host.conf;
}}
server {{
    listen {host}:{ports.http};
    include site-names.conf;
    include server-common.conf;
    include surface-main.conf;
}}
server {{
    listen {host}:{ports.https} ssl;
    http2 on;
    include site-names.conf;
    include server-common.conf;
    include surface-main.conf;
}}
server {{
    listen {host}:{ports.files};
    include site-names.conf;
    include server-common.conf;
    include surface-files.conf;
}}
"""

NAMES = """\
# Written by tests/stack/nginx.py.
server_name localhost {host};
"""


@dataclasses.dataclass(frozen=True)
class Ports:
    """Of the loopback address."""

    http: int
    https: int
    files: int

    def __iter__(self):
        return iter(dataclasses.astuple(self))


@dataclasses.dataclass(frozen=True)
class Site:
    """What differs between hosts."""

    ports: Ports
    certificate: Certificate
    socket_dir: Path
    logs: Path
    rate_limits: bool
    language: str
    objects_dir: Path
    pages: Path
    documents: Path


def speak_http2(site: Path) -> None:
    """Enables HTTP/2 with the program that administrators run at the installation."""
    run(["sh", str(Path(__file__).parents[2] / "nginx/http2.sh"), str(site)])


class Nginx:
    """nginx in a folder, which is made anew."""

    def __init__(self, folder: Path, source: Path, site: Site, guard: Guard) -> None:
        """`source` is the repository's nginx/."""
        self.site = site
        self._folder = folder
        self._source = source
        self._conf = folder / "nginx.conf"
        command = ["nginx", "-p", str(folder), "-c", str(self._conf)]
        self._check_command = [*command, "-t", "-q"]
        self._process = Process("nginx", command, guard=guard, log=site.logs / "nginx.log",
                                cwd=folder.parent, env={"PATH": PATH},
                                patience_s=STOP_PATIENCE_S)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.alive

    @property
    def workers(self) -> list[int]:
        return self._process.children()

    def start(self) -> None:
        self.configure(self.site)
        self._process.start()
        self._process.wait_ready(self._listens, START_PATIENCE_S)

    def configure(self, site: Site) -> None:
        """Writes the site and checks it. A running nginx takes it at reload()."""
        self.site = site
        self._write()
        run(self._check_command)

    def reload(self) -> None:
        self._process.send(signal.SIGHUP)

    def stop(self) -> None:
        """Lets requests under way end."""
        self._process.stop(signal.SIGQUIT)

    def kill(self) -> None:
        self._process.kill()

    def _listens(self) -> bool:
        return all(addresses.accepts(addresses.LOCALHOST, port) for port in self.site.ports)

    def _write(self) -> None:
        if not self.alive:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(exist_ok=True)
        for source in self._source.glob("*.conf"):
            link = self._folder / source.name
            if source.name not in SITE_FILES and not link.is_symlink():
                link.symlink_to(source)
        values = {**vars(self.site), "folder": self._folder, "host": addresses.LOCALHOST,
                  "descriptors": resource.getrlimit(resource.RLIMIT_NOFILE)[1],
                  "rate_limits": "on" if self.site.rate_limits else "off"}
        (self._folder / "site-process.conf").write_text(SITE_PROCESS.format(**values))
        (self._folder / "site.conf").write_text(SITE.format(**values))
        speak_http2(self._folder / "site.conf")
        (self._folder / "site-names.conf").write_text(NAMES.format(**values))
        (self._folder / "upstreams.conf").write_text(self._upstreams())

    def _upstreams(self) -> str:
        text = (self._source / "upstreams.conf").read_text(encoding="utf-8")
        if PRODUCTION_SOCKETS not in text:
            raise StackError(f"nginx/upstreams.conf has no {PRODUCTION_SOCKETS}")
        return text.replace(PRODUCTION_SOCKETS, f"unix:{self.site.socket_dir}/")
