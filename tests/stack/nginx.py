"""nginx in front of the service, with the configuration of the repository and a generated site.

Its folder has symbolic links to nginx/*.conf, so that the tests and `make run` use the files that
administrators install. Only the files that differ between hosts are generated or edited.
"""

import dataclasses
import functools
import resource
import shutil
import signal
import tempfile
from pathlib import Path

from stack import addresses
from stack.errors import StackError
from stack.guard import Guard
from stack.processes import PATH, Process, run
from stack.tls import Certificate

START_TIMEOUT_S = 10
STOP_TIMEOUT_S = 5  # until pending requests are complete

# The folder of the sockets in the repository's upstreams.conf.
PRODUCTION_SOCKETS = "unix:/run/kontora/"

# In the repository's nginx.conf, and ours: nginx allocates all connections when it starts, which
# would take a quarter of the processor time of starting and stopping a stack.
PRODUCTION_CONNECTIONS = "worker_connections 20000;"
CONNECTIONS = "worker_connections 4000;"

# The files that differ between hosts, and those in which one text is replaced.
SITE_FILES = ("site.conf", "site-names.conf", "site-process.conf")
EDITED_FILES = ("nginx.conf", "upstreams.conf")

# Workers run as root, because other users may have no access to the checkout.
SITE_PROCESS = """\
# Written by tests/stack/nginx.py.
user root;
daemon off;
pid {folder}/nginx.pid;
worker_rlimit_nofile {descriptors};
error_log {logs}/nginx-error.log error;
"""

# The allowed origins are those of a front end that runs on the developer's machine.
SITE = """\
# Written by tests/stack/nginx.py.
geo $rate_limits {{ default {rate_limits}; }}
map "" $default_language {{ default {language}; }}

# Unset, because browsers would apply HSTS to all ports, also to other servers on http://localhost.
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
    """The ports of nginx on the loopback address."""

    http: int
    https: int
    files: int

    def __iter__(self):
        return iter(dataclasses.astuple(self))


@dataclasses.dataclass(frozen=True)
class Site:
    """The parameters that differ between hosts."""

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
    """Enables HTTP/2 with the script that administrators run during installation."""
    run(["sh", str(Path(__file__).parents[2] / "nginx/http2.sh"), str(site)])


@functools.cache
def site_template() -> str:
    """Returns SITE with HTTP/2."""
    with tempfile.NamedTemporaryFile("w+", encoding="utf-8") as file:
        file.write(SITE)
        file.flush()
        speak_http2(Path(file.name))
        return Path(file.name).read_text(encoding="utf-8")


class Nginx:
    """An nginx whose configuration folder is created at each start."""

    def __init__(self, folder: Path, source: Path, site: Site, guard: Guard) -> None:
        """`source` is the folder nginx/ of the repository."""
        self.site = site
        self._folder = folder
        self._source = source
        self._conf = folder / "nginx.conf"
        command = ["nginx", "-p", str(folder), "-c", str(self._conf)]
        self._process = Process("nginx", command, guard=guard, log=site.logs / "nginx.log",
                                cwd=folder.parent, env={"PATH": PATH},
                                timeout_s=STOP_TIMEOUT_S)

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
        self._write()
        self._process.start()
        self._process.wait_ready(self._listens, START_TIMEOUT_S)

    def reload(self) -> None:
        self._process.send(signal.SIGHUP)

    def stop(self) -> None:
        """Stops nginx after pending requests are complete."""
        self._process.stop(signal.SIGQUIT)

    def kill(self) -> None:
        self._process.kill()

    def _listens(self) -> bool:
        return all(addresses.accepts(addresses.LOCALHOST, port) for port in self.site.ports)

    def _write(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir()
        for source in self._source.glob("*.conf"):
            if source.name not in (*SITE_FILES, *EDITED_FILES):
                (self._folder / source.name).symlink_to(source)
        values = {**vars(self.site), "folder": self._folder, "host": addresses.LOCALHOST,
                  "descriptors": resource.getrlimit(resource.RLIMIT_NOFILE)[1],
                  "rate_limits": "on" if self.site.rate_limits else "off"}
        (self._folder / "site-process.conf").write_text(SITE_PROCESS.format(**values))
        (self._folder / "site.conf").write_text(site_template().format(**values))
        (self._folder / "site-names.conf").write_text(NAMES.format(**values))
        self._edit("nginx.conf", PRODUCTION_CONNECTIONS, CONNECTIONS)
        self._edit("upstreams.conf", PRODUCTION_SOCKETS, f"unix:{self.site.socket_dir}/")

    def _edit(self, name: str, old: str, new: str) -> None:
        """Writes a file of the repository with one text replaced."""
        text = (self._source / name).read_text(encoding="utf-8")
        if old not in text:
            raise StackError(f"nginx/{name} does not contain {old}")
        (self._folder / name).write_text(text.replace(old, new), encoding="utf-8")
