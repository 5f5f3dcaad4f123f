"""Attacks on the host: Mallory runs code as www-data, like any web application on the host.

The standard user and group `games` stand for kontora-web, because tests create no accounts.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from stack import TOP
from stack.service import POOLS

from support import files
from support.rig import Rig

OWN = "games"  # stands for kontora-web

CONNECT = """
import socket, sys
with socket.socket(socket.AF_UNIX) as peer:
    peer.connect(sys.argv[1])
"""

# Attacks on an nginx worker, which would succeed if it ran as www-data: read its descriptors, and
# send it a signal.
USE_PROCESS = """
import os, sys
for use in (lambda: os.listdir(f"/proc/{sys.argv[1]}/fd"), lambda: os.kill(int(sys.argv[1]), 0)):
    try:
        use()
    except PermissionError:
        continue
    sys.exit("allowed")
"""


@pytest.fixture
def host(binary):
    """Starts a stack below a folder that everybody may traverse, with nginx in a separate group."""
    folder = Path(tempfile.mkdtemp(prefix="kontora-host-"))
    folder.chmod(0o711)
    with Rig(folder, binary, env={"SOCKET_GROUP": OWN}) as rig:
        rig.edit_nginx("site-process.conf", ("user root;", f"user {OWN} {OWN};"))
        yield rig
    shutil.rmtree(folder)


def python_as(user, script, argument):
    """Runs a script as a system user, in all of the user's groups."""
    command = ["setpriv", "--reuid", user, "--regid", user, "--init-groups", "/usr/bin/python3",
               "-c",
               script, str(argument)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")


@pytest.mark.parametrize("pool", POOLS)
def test_www_data_user_cannot_connect_to_sockets_of_worker_pools(host, pool):
    socket = host.stack.socket_dir / f"{pool}.sock"
    assert (socket.group(), socket.stat().st_mode & 0o777) == (OWN, 0o660)
    done = python_as("www-data", CONNECT, socket)
    assert (done.returncode, "PermissionError" in done.stderr) == (1, True), done.stderr
    assert python_as(OWN, CONNECT, socket).returncode == 0


def test_nginx_can_connect_to_worker_pools_and_send_stored_files(host):
    assert host.anonymous("").get("/health").status_code == 200
    content = files.TEXT * 10_000  # larger than nginx's buffers
    made = files.upload(host.api, content)
    assert files.fetch(made["download_url"], host.stack.ca_file).content == content


def test_www_data_user_cannot_control_a_worker_process_of_nginx(host):
    [worker, *_] = host.nginx.workers
    assert host.anonymous("").get("/health").status_code == 200
    done = python_as("www-data", USE_PROCESS, worker)
    assert (done.returncode, done.stderr) == (0, "")


def test_www_data_user_cannot_read_stored_objects(host):
    files.upload(host.api)
    [path] = (host.stack.state_dir / "objects").glob("??/*")
    script = "import sys; open(sys.argv[1])"
    assert "PermissionError" in python_as("www-data", script, path).stderr
    assert python_as(OWN, script, path).returncode == 0


def test_shipped_configuration_uses_separate_group_for_nginx(tmp_path):
    """Every file that names the account of nginx uses kontora-web; none uses www-data."""
    def text(name):
        lines = (TOP / name).read_text(encoding="utf-8").splitlines()
        return [line for line in lines if not line.startswith("#")]
    assert "SocketGroup=kontora-web" in text("systemd/kontora@.socket")
    assert "SocketMode=0660" in text("systemd/kontora@.socket")
    assert "SupplementaryGroups=kontora-web" in text("systemd/kontora.service")
    assert "user kontora-web kontora-web;" in text("nginx/site-process.conf")
    for name in ("systemd/kontora@.socket", "systemd/kontora.service", "nginx/site-process.conf",
                 "systemd/kontora.sysusers"):
        assert "www-data" not in "\n".join(text(name)), name
    for folder in ("etc", "usr/lib/sysusers.d"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(TOP / "systemd/kontora.sysusers", tmp_path / "usr/lib/sysusers.d/kontora.conf")
    subprocess.run(["systemd-sysusers", f"--root={tmp_path}"], check=True, capture_output=True)
    groups = [line.split(":") for line in (tmp_path / "etc/group").read_text().splitlines()]
    assert {name: members for name, _, _, members in groups} == {"kontora": "", "kontora-web": ""}
