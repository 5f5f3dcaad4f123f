"""Configuration: the output of `kontora config`, and settings that prevent a start."""

import os
import subprocess

import pytest

EXIT_USAGE = 2
SECRETS = {"JWT_SECRET_KEY": "a-secret-that-nobody-may-see-at-all-1",
           "SECRET_KEY": "a-secret-that-nobody-may-see-at-all-4",
           "LOCAL_AUTH_PASSWORD": "a-secret-that-nobody-may-see-at-all-2",
           "LDAP_BIND_PASSWORD": "a-secret-that-nobody-may-see-at-all-3"}
PRODUCTION = {"ENVIRONMENT": "production", "PUBLIC_URL": "https://kontora.example.com", **SECRETS}
DIRECTORY = {"LDAP_SERVER": "dc.example.com", "LDAP_BASE_DN": "DC=x", "LDAP_BIND_DN": "CN=x",
             "LDAP_USE_SSL": "true"}


@pytest.fixture
def kontora(binary, tmp_path):
    """Returns a function that runs a command in an empty folder, with only `settings` in the
    environment."""
    def call(*arguments, env_file=None, **settings):
        if env_file is not None:
            (tmp_path / ".env").write_text(env_file, encoding="utf-8")
        return subprocess.run([binary, *arguments], cwd=tmp_path, capture_output=True, text=True,
                              env=settings, timeout=20, check=False)
    return call


def printed_settings(done):
    """Returns the settings that `config` printed, by name."""
    return dict(line.split("=", 1) for line in done.stdout.splitlines())


# --- output of `kontora config` -------------------------------------------------------------------

def test_config_command_shows_every_setting_and_no_secret(kontora):
    done = kontora("config", **SECRETS)
    assert done.returncode == 0
    shown = printed_settings(done)
    assert {"APP_NAME", "ENVIRONMENT", "STATE_DIR", "LDAP_SERVER", "JWT_EXPIRATION_HOURS",
            "AUDIT_LOG_PATH", "CORE_WORKERS", *SECRETS} <= set(shown)
    assert all(shown[name] == "***" for name in SECRETS)
    assert not any(secret in done.stdout + done.stderr for secret in SECRETS.values())


def test_environment_overrides_env_file(kontora):
    done = kontora("config", env_file="APP_NAME=file\nCORE_WORKERS=7\n", APP_NAME="environment")
    assert (printed_settings(done)["APP_NAME"],
            printed_settings(done)["CORE_WORKERS"]) == ("environment", "7")


@pytest.mark.parametrize("line, value", [
    ("APP_NAME=plain", "plain"), ('APP_NAME="two words"', "two words"),
    ("APP_NAME='a # b'", "a # b"), ("export APP_NAME=x", "x"),
    ("  APP_NAME =  x  ", "x"), ("APP_NAME=x # comment", "x"),
    ("APP_NAME=a=b", "a=b"), ("APP_NAME=контора", "контора"),
])
def test_env_file_syntax_is_parsed(kontora, line, value):
    assert printed_settings(kontora("config",
                                    env_file=f"# a comment\n\n{line}\n"))["APP_NAME"] == value


def test_env_file_can_be_chosen(kontora, tmp_path):
    (tmp_path / "other").write_text("APP_NAME=other\n")
    assert printed_settings(kontora("config", "--env-file", "other"))["APP_NAME"] == "other"
    assert kontora("config", "--check", "--env-file", "missing").returncode == os.EX_CONFIG


def test_relative_path_in_setting_is_resolved_below_state_dir(kontora):
    shown = printed_settings(kontora("config", STATE_DIR="/srv/state", AUDIT_LOG_PATH="a/b"))
    assert shown["AUDIT_LOG_PATH"] == "/srv/state/a/b"


def test_unknown_setting_in_env_file_is_reported(kontora):
    done = kontora("config", "--check", env_file="LDAP_SEVER=typo\n")
    assert done.returncode == 0
    assert "LDAP_SEVER" in done.stderr and "typo" not in done.stderr


# --- invalid settings -----------------------------------------------------------------------------

def test_valid_configuration_passes_check(kontora):
    done = kontora("config", "--check")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert kontora("config", "--check", **PRODUCTION, **DIRECTORY).returncode == 0


@pytest.mark.parametrize("name, value", [
    ("CORE_WORKERS", "0"), ("CORE_WORKERS", "257"), ("CORE_WORKERS", "two"), ("CORE_WORKERS", ""),
    ("CORE_WORKERS", "2.0"), ("LDAP_PORT", "65536"), ("LDAP_USE_SSL", "yes"), ("DEBUG", "2"),
    ("ENVIRONMENT", "staging"), ("DEFAULT_LANGUAGE", "de"), ("JWT_ALGORITHM", "none"),
    ("JWT_ALGORITHM", "RS256"), ("JWT_EXPIRATION_HOURS", "-1"), ("LOG_LEVEL", "loud"),
    ("APP_NAME", ""), ("APP_TITLE", ""), ("STATIC_DIR", ""), ("STATIC_DIR", "/dev/null/static"),
    ("RATE_LIMITS", "maybe"), ("MAX_JSON_KIB", "99999999999999999999"),
    ("SOCKET_DIR", "/" + "x" * 120), ("LOCAL_AUTH_PASSWORD", ""), ("JWT_SECRET_KEY", ""),
    ("LOCAL_AUTH_PASSWORD", "$2b$12$short"), ("SOCKET_GROUP", "no-such-group"),
    ("AUDIT_LOG_PATH", "/dev/null/audit.jsonl"), ("AUDIT_LOG_PATH", "/tmp"),
    ("LOG_PATH", "/dev/null/log"), ("APP_NAME", "\udcff"), ("LDAP_LOGIN", "yes"),
    ("LDAP_LOGIN_CACHE_S", "-1"), ("LDAP_LOGIN_CACHE_S", "3601"),
    ("DATABASE_URL", ""),
    ("DATABASE_URL", "mysql://h/d"), ("DATABASE_URL", "sqlite://relative"),
    ("DATABASE_URL", "sqlite:////dev/null"), ("DATABASE_URL", "postgresql://u:p@ss@h/d"),
    ("BCRYPT_COST", "3"), ("BCRYPT_COST", "17"), ("LOGIN_FREE_FAILURES", "-1"),
    ("LOGIN_FREE_FAILURES", "1001"), ("REFRESH_EXPIRATION_HOURS", "0"),
    ("ANONYMOUS_ACCESS", "all"), ("ANONYMOUS_ACCESS", ""),
    ("DATABASE_SYNCHRONOUS", "off"), ("DATABASE_TIMEOUT_MS", "99"),
])
@pytest.mark.parametrize("command", [["config", "--check"], ["serve"]])
def test_invalid_setting_is_named_and_prevents_start(kontora, command, name, value):
    done = kontora(*command, **{name: value})
    assert done.returncode == os.EX_CONFIG
    assert f"{name}:" in done.stderr


@pytest.mark.parametrize("name, value", [
    ("LDAP_SERVER", "ldaps://dc1"), ("LDAP_SERVER", ","), ("LDAP_SERVER", "dc1:99999"),
    ("LDAP_SERVER", "dc1:"), ("LDAP_BASE_DN", "nonsense"), ("LDAP_TLS_CA_FILE", "/tmp"),
    ("LDAP_SERVER", ",".join(f"dc{number}" for number in range(17))),
])
@pytest.mark.parametrize("command", [["config", "--check"], ["serve"]])
def test_invalid_directory_setting_is_named_and_prevents_start(kontora, command, name, value):
    done = kontora(*command, **{**DIRECTORY, name: value})
    assert done.returncode == os.EX_CONFIG
    assert f"{name}:" in done.stderr


def test_setting_with_several_domain_controllers_is_accepted(kontora):
    servers = "dc1.example.com,dc2:636 [2001:db8::1]:636 2001:db8::2"
    done = kontora("config", "--check", **{**PRODUCTION, **DIRECTORY, "LDAP_SERVER": servers})
    assert (done.returncode, done.stderr) == (0, "")


def test_error_names_all_invalid_settings(kontora):
    done = kontora("config", "--check", CORE_WORKERS="x", LDAP_PORT="-1", DEBUG="?",
                   ENVIRONMENT="nowhere", APP_NAME="")
    for name in ("CORE_WORKERS", "LDAP_PORT", "DEBUG", "ENVIRONMENT", "APP_NAME"):
        assert f"{name}:" in done.stderr


def test_configuration_error_does_not_show_secret(kontora):
    secret = "x" * 300
    done = kontora("config", "--check", LOCAL_AUTH_PASSWORD=secret)
    assert done.returncode == os.EX_CONFIG
    assert secret[:20] not in done.stderr + done.stdout


@pytest.mark.parametrize("missing", ["LDAP_BASE_DN", "LDAP_BIND_DN", "LDAP_BIND_PASSWORD"])
def test_incomplete_directory_settings_are_rejected(kontora, missing):
    settings = {**DIRECTORY, "LDAP_BIND_PASSWORD": "x", missing: ""}
    done = kontora("config", "--check", **settings)
    assert done.returncode == os.EX_CONFIG
    assert f"{missing}:" in done.stderr


def test_ldap_login_requires_directory(kontora):
    done = kontora("config", "--check", LDAP_LOGIN="true")
    assert (done.returncode, "LDAP_LOGIN:" in done.stderr) == (os.EX_CONFIG, True)
    settings = {**DIRECTORY, "LDAP_BIND_PASSWORD": "x", "LDAP_LOGIN": "true"}
    assert kontora("config", "--check", **settings).returncode == 0


def test_missing_ca_file_is_rejected(kontora):
    done = kontora("config", "--check", **DIRECTORY, LDAP_BIND_PASSWORD="x",
                   LDAP_TLS_CA_FILE="/no/such/file")
    assert (done.returncode, "LDAP_TLS_CA_FILE:" in done.stderr) == (os.EX_CONFIG, True)


# --- production ---------------------------------------------------------------------------------

@pytest.mark.parametrize("command", [["config", "--check"], ["serve"]])
@pytest.mark.parametrize("change, name", [
    ({"JWT_SECRET_KEY": None}, "JWT_SECRET_KEY"),
    ({"JWT_SECRET_KEY": "your-secret-key-change-this-in-production"}, "JWT_SECRET_KEY"),
    ({"JWT_SECRET_KEY": SECRETS["JWT_SECRET_KEY"][:31]}, "JWT_SECRET_KEY"),
    ({"JWT_SECRET_KEY": "x" * 40}, "JWT_SECRET_KEY"),
    ({"JWT_SECRET_KEY": "0123456789abcdef" * 2}, "JWT_SECRET_KEY"),
    ({"SECRET_KEY": None}, "SECRET_KEY"),
    ({"SECRET_KEY": SECRETS["SECRET_KEY"][:31]}, "SECRET_KEY"),
    ({"SECRET_KEY": "kontora!" * 5}, "SECRET_KEY"),
    ({"SECRET_KEY": SECRETS["JWT_SECRET_KEY"]}, "SECRET_KEY"),
    ({"LOCAL_AUTH_PASSWORD": None}, "LOCAL_AUTH_PASSWORD"),
    ({"LOCAL_AUTH_PASSWORD": "admin123"}, "LOCAL_AUTH_PASSWORD"),
    ({"LOCAL_AUTH_PASSWORD": "a"}, "LOCAL_AUTH_PASSWORD"),
    ({"LOCAL_AUTH_PASSWORD": "password1234"}, "LOCAL_AUTH_PASSWORD"),
    ({"LOCAL_AUTH_PASSWORD": "aaaaaaaaaaaa"}, "LOCAL_AUTH_PASSWORD"),
    ({"LOCAL_AUTH_PASSWORD": "root-of-all-evil", "LOCAL_AUTH_USERNAME": "root"},
     "LOCAL_AUTH_PASSWORD"),
    ({"LOCAL_AUTH_PASSWORD": "$2b$12$short"}, "LOCAL_AUTH_PASSWORD"),
    ({"PUBLIC_URL": None}, "PUBLIC_URL"),
    ({"PUBLIC_URL": "http://kontora.example.com"}, "PUBLIC_URL"),
    ({"PUBLIC_URL": 'https://evil.com"<script>'}, "PUBLIC_URL"),
    ({"LDAP_USE_SSL": "false"}, "LDAP_USE_SSL"),
    ({"ANONYMOUS_ACCESS": "accounts"}, "ANONYMOUS_ACCESS"),
    ({"ANONYMOUS_ACCESS": "accounts,files"}, "ANONYMOUS_ACCESS"),
])
def test_production_rejects_insecure_setting(kontora, command, change, name):
    settings = {key: value for key, value in {**PRODUCTION, **DIRECTORY, **change}.items()
                if value is not None}
    done = kontora(*command, **settings)
    assert done.returncode == os.EX_CONFIG
    assert {line.split(":")[0] for line in done.stderr.splitlines()} == {name}
    assert not any(value in done.stderr for value in change.values() if value and len(value) > 1)


@pytest.mark.parametrize("change", [
    {"LOCAL_AUTH_PASSWORD": "correct horse battery staple"},
    {"LOCAL_AUTH_PASSWORD": "$2b$10$abcdefghijklmnopqrstuumeAz4kLj6x0.oVDNYuaoXL5QNhoBbFi"},
    {"PUBLIC_URL": "https://[2001:db8::1]:8443"},
])
def test_production_accepts_secure_settings(kontora, change):
    done = kontora("config", "--check", **{**PRODUCTION, **DIRECTORY, **change})
    assert (done.returncode, done.stderr) == (0, "")


def test_missing_password_dictionary_prevents_start_in_production_only(kontora, binary):
    """Kontora must check this, because cracklib terminates the process if its dictionary is
    missing."""
    def without_dictionary(**settings):
        command = 'mount -t tmpfs none /var/cache/cracklib && exec "$0" config --check'
        return subprocess.run(["unshare", "--mount", "sh", "-c", command, binary],
                              capture_output=True, text=True,
                              env={**settings, "STATE_DIR": "/tmp/x",
                                   "PATH": "/usr/sbin:/usr/bin:/bin"},
                              timeout=20, check=False)
    done = without_dictionary(**PRODUCTION, **DIRECTORY)
    assert done.returncode == os.EX_CONFIG
    assert done.stderr.startswith("cracklib: cannot read the dictionary /var/cache/cracklib/")
    done = without_dictionary()
    assert (done.returncode, "install cracklib-runtime" in done.stderr) == (0, True)


def test_development_accepts_default_settings(kontora):
    assert kontora("config", "--check", ENVIRONMENT="development").returncode == 0


# --- command line ---------------------------------------------------------------------------------

def test_version_command_prints_version(kontora):
    assert kontora("version").stdout.startswith("kontora ")


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["serve", "extra"], ["migrate"],
                                       ["migrate", "sideways"], ["migrate", "up", "x"],
                                       ["migrate", "up", "-1"], ["migrate", "status", "1"],
                                       ["openapi", "x"], ["openapi", "--language", "de"],
                                       ["config", "--nonsense"], ["config", "--env-file"]])
def test_invalid_command_line_exits_with_usage_exit_status(kontora, arguments):
    assert kontora(*arguments).returncode == 2


def test_help_lists_commands(kontora):
    done = kontora("help")
    assert done.returncode == 0
    for command in ("serve", "migrate", "openapi", "config", "version", "--env-file"):
        assert command in done.stdout


# --- options ------------------------------------------------------------------------------------

FORMS = {  # arguments that set each option
    "--env-file": ("--env-file", "missing"), "--check": ("--check",), "--repair": ("--repair",),
    "--name": ("--name", "x"), "--organization": ("--organization", "x"),
    "--language": ("--language", "en"), "--subject": ("--subject", "x"), "--all": ("--all",),
}
TAKEN = {  # options that each command accepts
    ("serve",): {"--env-file"}, ("migrate", "status"): {"--env-file"}, ("purge",): {"--env-file"},
    ("admin", "create", "a@example.com"): {"--env-file", "--name", "--organization"},
    ("admin", "password", "a@example.com"): {"--env-file"}, ("admin", "list"): {"--env-file"},
    ("sessions", "list"): {"--env-file"}, ("sessions", "end"): {"--env-file", "--subject", "--all"},
    ("recount",): {"--env-file", "--repair"}, ("files", "check"): {"--env-file", "--repair"},
    ("openapi",): {"--env-file", "--language"}, ("config",): {"--env-file", "--check"},
    ("version",): set(), ("help",): set(),
}


@pytest.mark.parametrize("command", TAKEN, ids=" ".join)
def test_command_accepts_only_its_own_options(kontora, command):
    """With an accepted option the command fails later, because the settings file does not exist."""
    for name, form in FORMS.items():
        extra = () if name == "--env-file" else FORMS["--env-file"]
        done = kontora(*command, *form, *(extra if "--env-file" in TAKEN[command] else ()))
        expected = os.EX_CONFIG if name in TAKEN[command] else EXIT_USAGE
        assert done.returncode == expected, (name, done.stderr)
        if expected == EXIT_USAGE:
            first_line = done.stderr.partition("\n")[0]
            assert first_line == f"{command[0]}: unexpected option '{name}'", done.stderr
            assert "usage: kontora" in done.stderr and done.stdout == ""


@pytest.mark.parametrize("arguments", [
    (), ("nonsense",), ("serve", "now"), ("serve", "--nonsense"), ("config", "--env-file"),
])
def test_invalid_command_line_prints_usage(kontora, arguments):
    done = kontora(*arguments)
    assert (done.returncode, done.stdout) == (EXIT_USAGE, "")
    assert "usage: kontora" in done.stderr
    assert kontora("help").returncode == 0 and "usage: kontora" in kontora("help").stdout
