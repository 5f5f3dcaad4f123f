"""Fixtures of the API and the fault tests: one directory for the session, one stack for the API
tests.

KONTORA_BINARY names the program under test (build/kontora). KONTORA_DATABASE names the engine of
the API tests, sqlite or postgres; tests of data in the database run on both. KONTORA_OBJECTS names
a program that stores objects (build/tests/support/objects).

This file puts the folder of the tests on Python's import path.
"""

import contextlib
import os
from pathlib import Path

import pytest
from stack import TOP, Stack, running_directory, running_postgres, running_storage
from stack.directory import LOGIN_SETTINGS

from support import sanitizer, vault
from support.accounts import Accounts
from support.client import Client
from support.crm import Office
from support.database import Database
from support.entries import COMPUTERS, CONTAINERS, GROUPS, KINDS, OUS, PLACES, Entries
from support.logs import Audit
from support.people import People, tag
from support.ldap_admin import LdapAdmin

# Test files that run last in their folder.
LAST = ("test_paging.py", "test_sweep.py")

ENGINES = ("sqlite", "postgres")
SHOWN = 40  # characters of a parameter in a test id


def pytest_make_parametrize_id(val):
    """Uses parameter values as test ids, truncated."""
    return ascii(val).strip("'\"")[:SHOWN] if isinstance(val, (str, bytes, dict, list)) else None


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: (item.path.parent.name,
                                 LAST.index(item.path.name) if item.path.name in LAST else -1))


@pytest.fixture(scope="session")
def binary():
    """Returns the path of the program under test."""
    return Path(os.environ.get("KONTORA_BINARY", TOP / "build/kontora")).resolve()


@pytest.fixture(scope="session")
def directory(tmp_path_factory):
    """Starts a domain controller that all stacks of the session share."""
    with running_directory(tmp_path_factory.mktemp("directory")) as controller:
        vault.remember(controller.bind_password, controller.administrator_password,
                       controller.sample_password)
        yield controller


@pytest.fixture(scope="session")
def ldap_admin(directory):
    ldap_admin = LdapAdmin(directory.url, directory.ca_file, directory.base_dn,
                           directory.administrator_dn, directory.administrator_password)
    yield ldap_admin
    ldap_admin.close()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory):
    """Starts a PostgreSQL server; tests create their own databases on it."""
    with running_postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture(scope="session")
def gateway(tmp_path_factory):
    """Starts an S3 server; tests create their own buckets on it."""
    with running_storage(tmp_path_factory.mktemp("storage")) as storage:
        vault.remember(storage.keys.secret)
        yield storage


@pytest.fixture(scope="session")
def running_stack(tmp_path_factory, directory, binary):
    """Returns a function that runs a stack without rate limits, because here one client sends
    the requests of many."""
    @contextlib.contextmanager
    def run(name, database=None, **more_settings):
        folder = tmp_path_factory.mktemp(name)
        settings = {"LOCAL_AUTH_PASSWORD": vault.password(),
                    "WORKER_MAX_GROWTH_MIB": "0",  # sanitizers keep freed memory
                    "BCRYPT_COST": "4",
                    "LOGIN_FREE_FAILURES": "0",  # the tests often fail to log in with one name
                    "FILES_WORKERS": "4", "UPLOADS_WORKERS": "4",
                    # other suites load the machine
                    "LDAP_CONNECT_TIMEOUT_MS": "10000", "LDAP_TIMEOUT_MS": "20000",
                    "FILTER_TIMEOUT_MS": "30000",
                    # revoked rights take effect at once
                    **LOGIN_SETTINGS, "LDAP_LOGIN_CACHE_S": "0",
                    **more_settings, **sanitizer.settings(folder)}
        with Stack(folder, directory=directory, database=database, env=settings,
                   binary=binary) as running:
            for name in ("JWT_SECRET_KEY", "SECRET_KEY"):
                vault.remember(running.env[name])
            yield running
        sanitizer.assert_silent(folder)
    return run


@pytest.fixture(scope="session")
def sqlite_stack(running_stack):
    with running_stack("sqlite") as running:
        yield running


@pytest.fixture(scope="session")
def postgres_stack(running_stack, postgres):
    with running_stack("postgres", postgres) as running:
        yield running


@pytest.fixture(scope="session")
def s3_stack(running_stack, gateway):
    """Runs a stack whose files are in a bucket, behind a prefix."""
    with running_stack("s3", **gateway.settings(f"{gateway.create()}/files")) as running:
        yield running


@pytest.fixture(scope="session")
def delegated_stack(running_stack):
    """Runs a stack on which directory users see only the scopes of their delegations.

    Each pool that reads the directory has one worker, because every worker caches the order of
    lists: with several, the number of searches of a call would depend on the worker."""
    with running_stack("delegated", DIRECTORY_READERS="delegated", DIRECTORY_WORKERS="1",
                       FILTERS_WORKERS="1") as running:
        yield running


@pytest.fixture(scope="session")
def stack(request):
    """Returns the stack of the API tests."""
    engine = os.environ.get("KONTORA_DATABASE", "sqlite")
    assert engine in ENGINES
    return request.getfixturevalue(f"{engine}_stack")


@pytest.fixture(scope="session", params=ENGINES)
def sql_stack(request):
    """Returns a stack on each engine in turn, for tests of data in the database."""
    return request.getfixturevalue(f"{request.param}_stack")


@pytest.fixture(scope="session")
def sql_database(request, sql_stack):
    on_postgres = "DATABASE_URL" in sql_stack.env
    return Database(sql_stack, request.getfixturevalue("postgres") if on_postgres else None)


@pytest.fixture(scope="session")
def sql_anonymous(sql_stack):
    """Returns a client without a token for /api/v1, on each engine."""
    return Client(f"{sql_stack.https_url}/api/v1", sql_stack.ca_file)


@pytest.fixture(scope="session")
def sql_api(sql_stack, sql_anonymous):
    """Returns a client of the local administrator for /api/v1, on each engine."""
    return sql_anonymous.bearing(sql_anonymous.login(*sql_stack.administrator)["access_token"])


@pytest.fixture(scope="session")
def accounts(sql_anonymous):
    return Accounts(sql_anonymous)


@pytest.fixture(scope="module")
def office(accounts):
    """Creates an organization for one module, with people of every role, on each engine."""
    return Office(accounts)


@pytest.fixture
def new_office(accounts):
    """Creates an empty organization for one test."""
    return Office(accounts)


@pytest.fixture(scope="session")
def admin_token(stack):
    return Client(f"{stack.https_url}/api/v1", stack.ca_file).login(
        *stack.administrator)["access_token"]


@pytest.fixture(scope="session")
def site(stack, admin_token):
    """Returns a client that is logged in as the administrator. Its base URL is the root of the main
    nginx server, without /api/v1."""
    return Client(stack.https_url, stack.ca_file, admin_token)


@pytest.fixture(scope="session")
def api(site):
    """Returns a client of the administrator for /api/v1."""
    return site.at(site.base_url + "/api/v1")


@pytest.fixture(scope="session")
def anonymous(api):
    """Returns a client without a token for /api/v1."""
    return api.as_anonymous()


@pytest.fixture(scope="session")
def audit(stack):
    return Audit(stack.audit_log)


@pytest.fixture(scope="module")
def ou(ldap_admin):
    """Creates an organizational unit for one module."""
    return ldap_admin.add_ou(tag())


@pytest.fixture(scope="module")
def people(api, ldap_admin, ou):
    return People(api, ldap_admin, ou)


@pytest.fixture(scope="module")
def groups(api, ldap_admin, ou):
    return Entries(api, ldap_admin, GROUPS, ou)


@pytest.fixture(scope="module")
def units(api, ldap_admin, ou):
    return Entries(api, ldap_admin, OUS, ou)


@pytest.fixture(scope="module")
def containers(api, ldap_admin, ou):
    return Entries(api, ldap_admin, CONTAINERS, ou)


@pytest.fixture(scope="module")
def computers(api, ldap_admin, ou):
    return Entries(api, ldap_admin, COMPUTERS, ou)


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: kind.resource)
def entries(request, api, ldap_admin, ou):
    """Returns groups, units and containers in turn."""
    return Entries(api, ldap_admin, request.param, ou)


@pytest.fixture(scope="module", params=PLACES, ids=lambda kind: kind.resource)
def places(request, api, ldap_admin, ou):
    """Returns units and containers in turn."""
    return Entries(api, ldap_admin, request.param, ou)
