"""A stack for fault tests, whose settings can be changed while it runs.

Settings of a test are written to the .env file, which the service reads again on SIGHUP. The
environment holds only what the stack itself needs.
"""

from stack import Stack

from support import contract, logs, sanitizer, vault
from support.client import Client
from support.database import Database
from support.logs import Audit
from support.waiting import wait_until

READY = "ready"

# Overrides of the service's defaults: a low bcrypt cost, because few tests depend on it, and no
# disk reserve, because some tests fill a small disk to the last byte.
DEFAULTS = {"BCRYPT_COST": "4", "FILES_WORKERS": 2, "UPLOADS_WORKERS": 2,
            "DISK_RESERVE_MIB": 0}


class Rig:
    """One stack, its settings, and its administrator."""

    def __init__(self, folder, binary, directory=None, *, database=None, migrated=None,
                 authority=None, rate_limits=False, env=None, **settings):
        """`settings` can be changed later; `env` holds those that nginx or the stack also needs."""
        self.folder = folder
        self.settings = {**DEFAULTS, **(directory.settings() if directory else {}), **settings}
        self._write_settings()
        self.stack = Stack(folder, own_directory=False, database=database, migrated=migrated,
                           authority=authority, rate_limits=rate_limits, binary=binary,
                           env={"LOCAL_AUTH_PASSWORD": vault.password(),
                                **sanitizer.settings(folder), **(env or {})})
        for name in ("JWT_SECRET_KEY", "SECRET_KEY"):
            vault.remember(self.stack.env[name])
        self.service, self.nginx = self.stack.service, self.stack.nginx
        self.database = Database(self.stack, database)
        self._administrator = None

    def __enter__(self):
        self.stack.__enter__()
        return self

    def __exit__(self, *_):
        self.stack.__exit__()
        sanitizer.assert_silent(self.folder)
        logs.assert_no_secret(self.folder)

    # --- settings -------------------------------------------------------------------------------

    def set(self, **settings):
        """Writes settings; None removes one. They take effect at the next reload."""
        self.settings.update(settings)
        self.settings = {name: value for name, value in self.settings.items() if value is not None}
        self._write_settings()

    def _write_settings(self):
        lines = [f'{name}="{value}"\n' for name, value in self.settings.items()]
        (self.folder / ".env").write_text("".join(lines), encoding="utf-8")

    def reload(self):
        """Sends SIGHUP and waits until every new worker is ready."""
        before = self.count_log(READY)
        self.service.reload()
        wait_until(lambda: self.count_log(READY) > before, 20, "the reload to finish")

    def restart(self, **env):
        """Stops the service and starts it with other settings in its environment."""
        self.service.stop()
        self.stack.env.update(env)
        self.service.change(**env)
        self.service.start()
        self._administrator = None

    def edit_nginx(self, name, *changes):
        """Replaces texts in a file of nginx's configuration and reloads nginx. Returns when all
        old workers have exited."""
        conf = self.stack.state_dir / "nginx" / name
        text = conf.read_text(encoding="utf-8")
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new)
        conf.unlink()  # the file is a link into the repository
        conf.write_text(text, encoding="utf-8")
        before = set(self.nginx.workers)
        self.nginx.reload()
        wait_until(lambda: self.nginx.workers and not before & set(self.nginx.workers),
                   what="the new workers of nginx to start")

    # --- state ------------------------------------------------------------------------------------

    def log(self):
        """Returns the lines that the service logged to standard error."""
        return logs.lines(self.stack.logs_dir / "kontora.log")

    def count_log(self, message):
        return sum(message in line["message"] for line in self.log())

    def audit(self):
        return Audit(self.stack.audit_log)

    def directory_state(self):
        """Returns the state of the directory in /health/ready."""
        response = self.anonymous("").get("/health/ready")
        return contract.check_readiness(response)["directory"]["state"]

    def wait_for_directory(self, state="up"):
        wait_until(lambda: self.directory_state() == state, what=f"the directory to be {state}")

    def anonymous(self, prefix="/api/v1"):
        return Client(self.stack.https_url + prefix, self.stack.ca_file)

    @property
    def api(self):
        """Returns a client of the administrator for /api/v1. Logs in once, because tokens
        outlive workers."""
        if not self._administrator:
            tokens = self.anonymous().login(*self.stack.administrator)
            self._administrator = self.anonymous().bearing(tokens["access_token"])
        return self._administrator

    def bearer(self):
        return {"Authorization": f"Bearer {self.api.token}"}
