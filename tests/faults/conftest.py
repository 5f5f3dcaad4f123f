"""Fixtures of the fault tests: stacks that a test can damage, on the one directory of the
session."""

import functools
import subprocess

import pytest
from stack import Authority

from support.ldap_proxy import LdapProxy
from support.rig import Rig
from support.waiting import wait_until


@pytest.fixture(scope="session")
def new_rig(tmp_path_factory, binary):
    """Returns a function that prepares a stack. All stacks have the same certificate and copies of
    one database, so that they start faster."""
    authority = Authority(tmp_path_factory.mktemp("authority"))
    folder = tmp_path_factory.mktemp("migrated")
    subprocess.run([binary, "migrate", "up"], check=True, capture_output=True, cwd=folder,
                   env={"STATE_DIR": str(folder), "ENVIRONMENT": "development"})

    def new(directory=None, **arguments):
        return Rig(tmp_path_factory.mktemp("rig"), binary, directory,
                   **{"authority": authority, "migrated": folder / "kontora.db", **arguments})
    return new


@pytest.fixture
def make_rig(new_rig):
    """Returns a function that starts a stack; all stacks are stopped at the end of the test."""
    rigs = []

    def make(directory=None, **arguments):
        rig = new_rig(directory, **arguments)
        rigs.append(rig)
        return rig.__enter__()

    yield make
    for rig in reversed(rigs):
        rig.__exit__()


@pytest.fixture(params=["sqlite", "postgres"])
def make_sql_rig(request, make_rig):
    """Like make_rig, on each engine in turn, without a directory."""
    server = request.getfixturevalue("postgres") if request.param == "postgres" else None
    return functools.partial(make_rig, database=server)


@pytest.fixture
def rig(make_rig, directory):
    """Starts a stack with a working directory."""
    made = make_rig(directory)
    wait_until(lambda: made.api.get("/users/Administrator").ok,
               what="the directory to be reachable")
    return made


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path / "authority")


@pytest.fixture
def proxy(directory, authority):
    """Starts an LDAPS proxy of the directory, with a certificate of the authority."""
    certificate = authority.certificate("proxy", ["IP:127.0.0.1"])
    with LdapProxy(certificate, directory.address, str(directory.ca_file)) as made:
        made.ca_file = str(authority.file)
        yield made


@pytest.fixture
def breakable_directory(directory, ldap_admin):
    """Returns the directory, which a test may stop or freeze; restores it at the end."""
    yield directory
    if directory.alive:
        directory.thaw()
    else:
        directory.start()
    directory.wait_ready()
    ldap_admin.close()


@pytest.fixture
def small_disk(request, tmp_path):
    """Mounts a small file system; the test's module sets its size with DISK_KIB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    size = f"size={request.module.DISK_KIB}k"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "none", folder], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)
