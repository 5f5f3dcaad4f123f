"""`kontora migrate`, and starting the service on different states of the database."""

import os
import subprocess

import pytest

from support.waiting import wait_until

PRODUCTION = {
    "ENVIRONMENT": "production", "JWT_SECRET_KEY": "b7e151628aed2a6abf7158809cf4f3c7",
    "SECRET_KEY": "243f6a8885a308d313198a2e03707344", "PUBLIC_URL": "https://kontora.example.com",
    "LOCAL_AUTH_PASSWORD": "$2b$10$abcdefghijklmnopqrstuumeAz4kLj6x0.oVDNYuaoXL5QNhoBbFi",
}


@pytest.fixture(params=["sqlite", "postgres"])
def url(request):
    """Returns the URL of a new database on either engine."""
    if request.param == "sqlite":
        return "sqlite:///test.db"
    return request.getfixturevalue("postgres").create()


@pytest.fixture
def kontora(binary, tmp_path):
    """Returns a function that runs a command and waits for it, with only the settings in its
    environment."""
    def call(*arguments, **settings):
        env = {"STATE_DIR": str(tmp_path / "state"), "SOCKET_DIR": str(tmp_path / "s"), **settings}
        return subprocess.run([binary, *arguments], env=env, cwd=tmp_path, capture_output=True,
                              text=True, timeout=30, check=False)
    return call


def migrate(kontora, url, *arguments):
    done = kontora("migrate", *arguments, DATABASE_URL=url)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_migrate_command_applies_and_reverts_migrations(kontora, url):
    pending = migrate(kontora, url, "status")
    assert pending[0] == "0001 accounts pending"
    assert migrate(kontora, url, "up", "1") == ["0001 accounts applied"]
    migrate(kontora, url, "up")
    assert migrate(kontora, url, "up") == []
    *applied, keys = migrate(kontora, url, "status")
    assert keys.startswith('text keys: version "')
    assert len(applied) == len(pending)
    assert all(" applied 20" in line for line in applied)
    undone = migrate(kontora, url, "down", "0")
    assert undone[-1] == "0001 accounts undone" and len(undone) == len(pending)
    assert migrate(kontora, url, "status") == pending
    done = kontora("migrate", "up", "9999", DATABASE_URL=url)
    assert (done.returncode, done.stdout) == (1, "") and "9999" in done.stderr


def test_production_does_not_start_on_unknown_schema(kontora, url):
    done = kontora("serve", DATABASE_URL=url, **PRODUCTION)
    assert done.returncode == os.EX_CONFIG
    assert "kontora migrate up" in done.stderr


def test_development_starts_on_unknown_schema(make_rig, postgres):
    rig = make_rig(database=postgres)
    assert rig.count_log("the database") == 0
    rig.service.stop()
    rig.service.migrate("down")
    rig.service.start()
    wait_until(lambda: rig.count_log("schema: the database's schema"),
               what="the warning to be logged")
    assert rig.anonymous("").get("/health").ok


def test_service_starts_without_database(make_rig):
    rig = make_rig()
    rig.service.stop()
    rig.set(DATABASE_URL="postgresql:///none?host=/no/such/folder")
    rig.service.start()
    assert rig.anonymous("").get("/health").ok
    assert rig.count_log("schema: PostgreSQL") == 1


def test_password_in_database_url_is_not_shown(kontora):
    secret = "s3cr3t-of-the-database"
    url = f"postgresql://kontora:{secret}@127.0.0.1:1/kontora"
    for arguments in (["config"], ["config", "--check"], ["migrate", "status"]):
        done = kontora(*arguments, DATABASE_URL=url)
        assert secret not in done.stdout + done.stderr
    assert "DATABASE_URL=***" in kontora("config", DATABASE_URL=url).stdout
