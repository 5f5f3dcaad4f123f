"""Fixtures of the fault tests: stacks that can be harmed, on the one directory of the session."""

import functools
import subprocess

import pytest

from support.rig import Rig
from support.waiting import wait_until


@pytest.fixture
def make_rig(tmp_path_factory, binary):
    """Makes running stacks; all are gone at the end of the test."""
    rigs = []

    def make(directory=None, **arguments):
        rig = Rig(tmp_path_factory.mktemp("rig"), binary, directory, **arguments)
        rigs.append(rig)
        return rig.__enter__()

    yield make
    for rig in reversed(rigs):
        rig.__exit__()


@pytest.fixture(params=["sqlite", "postgres"])
def make_sql_rig(request, make_rig):
    """The same on each engine, without a directory."""
    server = request.getfixturevalue("postgres") if request.param == "postgres" else None
    return functools.partial(make_rig, database=server)


@pytest.fixture
def rig(make_rig, directory):
    """A running stack with a directory that works."""
    made = make_rig(directory)
    wait_until(lambda: made.api.get("/users/Administrator").ok, what="the directory")
    return made


@pytest.fixture
def harmed(directory, truth):
    """The directory, to be stopped or frozen: whole again at the end."""
    yield directory
    if directory.alive:
        directory.thaw()
    else:
        directory.start()
    directory.wait_ready()
    truth.close()


@pytest.fixture
def small_disk(request, tmp_path):
    """A file system that is soon full: the test's module says with DISK_KIB how soon."""
    folder = tmp_path / "disk"
    folder.mkdir()
    size = f"size={request.module.DISK_KIB}k"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "none", folder], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)
