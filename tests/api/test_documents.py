"""Compares the README files, .env.example and the messages of nginx with the program."""

import json
import os
import re
import subprocess

import pytest
from stack import TOP

from support import contract, metrics, readmes, vault
from support.entries import tag
from support.photos import PIXEL
from support.waiting import wait_until

TAIL_BYTES = 500_000  # bytes read from the end of a log, which is long at the end of a session
SECRETS = {"JWT_SECRET_KEY", "SECRET_KEY", "LOCAL_AUTH_PASSWORD", "LDAP_BIND_PASSWORD",
           "DATABASE_URL"}


@pytest.fixture(scope="module")
def options(binary, tmp_path_factory):
    """Returns every setting with its effective default, printed by `kontora config`."""
    done = subprocess.run([binary, "config"], check=True, capture_output=True, text=True,
                          env={"PATH": os.environ["PATH"]}, cwd=tmp_path_factory.mktemp("empty"))
    return dict(line.split("=", 1) for line in done.stdout.splitlines())


def parse_settings(text):
    return dict(re.findall(r"^([A-Z_]+)=(.*)$", text, re.MULTILINE))


def below_state(name, value):
    """Returns the absolute path that `kontora config` prints for a path relative to STATE_DIR."""
    return f"var/{value}" if name in ("SOCKET_DIR", "STATIC_DIR", "AUDIT_LOG_PATH") else value


def test_env_example_lists_every_setting_with_its_default(options):
    example = parse_settings((TOP / ".env.example").read_text(encoding="utf-8"))
    assert example.keys() == options.keys()
    for name, value in example.items():
        if name not in SECRETS and name != "LDAP_PORT":  # 0 means this port
            assert below_state(name, value) == options[name], name


def test_settings_table_lists_every_setting_with_its_default(options):
    chapter = readmes.chapter(readmes.OPERATE, "## Settings")
    rows = dict(re.findall(r"^\| `([A-Z_]+)` \| ?(?:`([^`]*)`|[^|]*?) ?\|", chapter, re.MULTILINE))
    assert rows.keys() == options.keys()
    for name, value in rows.items():
        if name not in SECRETS and name != "LDAP_PORT":
            assert below_state(name, value) == options[name], name


def test_metrics_table_lists_every_metric_with_its_labels(site):
    """Labels of histogram buckets belong to the format of Prometheus and are not listed."""
    told = {name: set(re.findall(r"`([a-z_]+)`", labels)) for name, labels in
            re.findall(r"^\| `(kontora_[a-z_]+)` \|([^|]*)\|",
                       readmes.chapter(readmes.OPERATE, "## Metrics"), re.MULTILINE)}
    families = metrics.families(site).values()
    found = {family.name + ("_total" if family.type == "counter" else ""):
             {label for sample in family.samples for label in sample.labels} - {"le"}
             for family in families}
    assert told == found


def test_documented_alerts_are_valid_prometheus_rules(site, tmp_path):
    rules = re.search(r"```yaml\n(groups:.*?)```", readmes.chapter(readmes.OPERATE, "## Alerts"),
                      re.DOTALL)[1]
    (tmp_path / "rules.yml").write_text(rules, encoding="utf-8")
    done = subprocess.run(["promtool", "check", "rules", tmp_path / "rules.yml"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "7 rules" in done.stdout, done.stdout + done.stderr
    used = {re.sub("_bucket$", "", name) for name in re.findall(r"kontora_[a-z_]+", rules)}
    known = set(re.findall(r"^# TYPE (\S+)", site.get("/metrics").text, re.MULTILINE))
    assert used <= known, used - known


def line_fields(heading):
    """Returns the field names in the first column of the first table of a chapter."""
    table = re.search(r"((?:^\|.*\n)+)", readmes.chapter(readmes.OPERATE, heading), re.MULTILINE)[1]
    return {name for row in table.splitlines()[2:] for name in
            re.findall(r"`([a-z_]+)`", row.split("|")[1])}


def test_logs_table_lists_every_field_of_request_log_lines(site, stack):
    def found():
        text = (stack.logs_dir / "kontora.log").read_bytes()[-TAIL_BYTES:]
        lines = [json.loads(line) for line in text.splitlines(keepends=True)[1:]
                 if line.endswith(b"\n")]
        return {name for line in lines if line["message"] == "request" for name in line}

    site.get("/users/nobody-is-called-so")
    wait_until(lambda: {"route", "directory_us", "code", "actor"} <= found(),
               what="the request line to be logged")
    assert found() <= line_fields("## Logs")


def run_commands(commands, folder, **replacements):
    """Executes shell commands with the addresses and folders of the tests; returns its output."""
    for old, new in replacements.items():
        assert old in commands, old
        commands = commands.replace(old, str(new))
    done = subprocess.run(["bash", "-eu", "-c", commands], capture_output=True, text=True,
                          cwd=folder, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


# The first comments of all command blocks, by document; a test below executes each block.
EXECUTED = {
    readmes.START: ("Log in, look around",),
    readmes.GUIDE: ("Log in;", "Set the photo", "The sample people", "Vera registers",
                    "The administrator makes a key", "Anna registers", "A token for an hour",
                    "Boris registers"),
}


def guide_commands(beginning):
    return readmes.command_block(readmes.GUIDE, beginning)


def shell_variables():
    """Returns the start of the guide's first block, which sets variables for the other blocks."""
    return guide_commands("Log in;").split("TOKEN=")[0]


def test_every_documented_command_block_is_executed_by_a_test():
    assert set(EXECUTED) == set(readmes.WITH_COMMAND_BLOCKS)
    for document, beginnings in EXECUTED.items():
        comments = list(readmes.command_blocks(document))
        blocks = re.findall(r"^```sh$", readmes.text(document), re.MULTILINE)
        assert len(comments) == len(blocks), (
            f"{document}: a command block does not begin with a comment")
        missing = [comment for comment in comments if not comment.startswith(beginnings)]
        assert not missing and len(comments) == len(beginnings), (document, missing)


def test_commands_in_readme_work(stack, tmp_path):
    name, password = stack.administrator
    answers = run_commands(readmes.command_block(readmes.START, "Log in, look around"), tmp_path,
                           **{
        "var/tls/ca.pem": stack.ca_file, "https://localhost:8443": stack.https_url,
        '"admin123"': f'"{password}"', '"admin"': f'"{name}"',
        "maria@example.com": f"{tag()}@example.com",
        "var/logs/audit.jsonl": stack.audit_log})
    assert '"code"' not in answers, answers
    users, contact, audit = answers.strip().splitlines()
    assert len(json.loads(users)["items"]) == 3
    assert json.loads(contact)["name"] == "Иван Петров"
    assert json.loads(audit)["action"] == "create_contact"


def test_directory_commands_in_api_guide_work(stack, tmp_path):
    name, password = stack.administrator
    answers = run_commands(guide_commands("Log in;"), tmp_path, **{
        "var/tls/ca.pem": stack.ca_file, "https://localhost:8443": stack.https_url,
        '"admin123"': f'"{password}"', '"admin"': f'"{name}"',
        "var/logs/audit.jsonl": stack.audit_log})
    assert '"code"' not in answers, answers
    assert answers.count('"sAMAccountName":"petrova"') == 8, answers
    assert '"department":"Финансы"' in answers
    assert '"name":"Staff","kind":"ou","children":[' in answers
    assert '"name":"Sales","kind":"ou","counts":{' in answers
    assert '"member":["CN=Петрова Анна,OU=Sales,OU=Staff,DC=kontora,DC=test"]' in answers
    assert '"dn":"OU=Sales,DC=kontora,DC=test"' in answers
    assert answers.count('"sAMAccountName":"pc-017$"') == 3, answers
    assert '"kind":"user"' in answers
    assert '"title":"Главный бухгалтер"' in answers
    assert '"source":"domain"' in answers and re.search(r'^\{"password":"[^"]{16}"\}$', answers,
                                                        re.MULTILINE)
    assert '{"can_log_in":true,"reasons":[]}' in answers
    assert '"kind":"direct","paths":[["CN=all-staff,' in answers
    assert "CN=Петрова Анна,OU=Sales,OU=Staff,DC=kontora,DC=test" in answers
    assert "\n204\n" in answers
    assert answers.rstrip().splitlines()[-1].count('"action":"delete_user"') == 1


def test_photo_commands_in_api_guide_work(stack, tmp_path):
    name, password = stack.administrator
    (tmp_path / "photo.jpg").write_bytes(PIXEL)
    commands = guide_commands("Log in;").split("# Show the user")[0] + guide_commands(
        "Set the photo")
    answers = run_commands(commands, tmp_path, **{
        "var/tls/ca.pem": stack.ca_file, "https://localhost:8443": stack.https_url,
        '"admin123"': f'"{password}"', '"admin"': f'"{name}"'})
    assert answers.split("\n") == ["204", "200 image/jpeg", "204", ""]
    assert (tmp_path / "copy.jpg").read_bytes() == PIXEL


def test_login_commands_in_api_guide_work(stack, directory, tmp_path):
    answers = run_commands(shell_variables() + guide_commands("The sample people"), tmp_path, **{
        "var/tls/ca.pem": stack.ca_file, "https://localhost:8443": stack.https_url,
        "var/directory/credentials.json": directory.credentials_file})
    people = re.findall(r'"username":"([^"]*)".*?"permissions":(\[.*?\])', answers)
    assert people == [("m.sidorova", '["directory:read","directory:write"]'),
                      ("i.petrov", '["directory:read"]')]
    assert re.findall(r"^\d{3}$|\}(\d{3})$", answers, re.MULTILINE) == ["200", "403"]


def test_account_commands_in_api_guide_work(stack, tmp_path):
    name, password = stack.administrator
    nina = tag()
    answers = run_commands(shell_variables() + guide_commands("Vera registers"), tmp_path, **{
        "var/tls/ca.pem": stack.ca_file, "https://localhost:8443": stack.https_url,
        '"admin123"': f'"{password}"', '"admin"': f'"{name}"', '"nina"': f'"{nina}"',
        "vera@example.com": f"{tag()}@example.com", "oleg@example.com": f"{tag()}@example.com",
        "nina@example.com": f"{nina}@example.com",
        "oleg-joins": tag()})
    assert re.findall('"code":"([A-Z_]+)"', answers) == ["PRECONDITION_FAILED", "LAST_OWNER"]
    assert re.findall(r"^\d{3}$", answers, re.MULTILINE) == ["304", "204", "204", "204"]
    assert '"name":"Ромашка и партнёры","currency":"EUR"' in answers
    assert answers.count('"role":"SALES","state":"invited"') == 3
    [(default, verified)] = re.findall(
        r'"default_organization_id":(\d+),"email_verified":(\w+)', answers)
    assert f'{{"id":{default},"name":"Ромашка"' in answers and verified == "true"
    assert re.findall('"role":"([A-Z]+)","created', answers)[-4:] == [
        "SALES", "MANAGER", "MANAGER", "MANAGER"]


def test_key_commands_in_api_guide_work(stack, tmp_path):
    name, password = stack.administrator
    answers = run_commands(shell_variables() + guide_commands("The administrator makes a key"),
                           tmp_path, **{
        "var/tls/ca.pem": stack.ca_file, "https://localhost:8443": stack.https_url,
        '"admin123"': f'"{password}"', '"admin"': f'"{name}"'})
    users, refused, listed, rotated, status = answers.strip().splitlines()
    assert len(json.loads(users)["items"]) == 2
    refused = json.loads(refused)
    assert (refused["code"], refused["details"]) == ("FORBIDDEN", ["directory:delete"])
    assert json.loads(listed)["items"][0]["scopes"] == ["directory:read"]
    secret = json.loads(rotated)["secret"]
    vault.remember(secret)
    assert re.fullmatch("kontora_[0-9A-Za-z]{40}", secret) and status == "204"


def test_customer_commands_in_api_guide_work(stack, tmp_path):
    answers = run_commands(shell_variables() + guide_commands("Anna registers"), tmp_path, **{
        "var/tls/ca.pem": stack.ca_file, "https://localhost:8443": stack.https_url,
        "anna@example.com": f"{tag()}@example.com"})
    assert '"code"' not in answers, answers
    assert answers.count('"total":1,') == 5, answers  # two lists, three sections of analytics
    assert '"subject":"IN_PROGRESS → WON"' in answers
    assert answers.count('"won":1,') == 2 and '"win_rate":1.0000' in answers


def test_token_commands_in_api_guide_work(stack, tmp_path):
    name, password = stack.administrator
    answers = run_commands(guide_commands("A token for an hour"), tmp_path, **{
        "http://localhost:8000": stack.http_url, '"admin123"': f'"{password}"',
        '"admin"': f'"{name}"'})
    assert '"code"' not in answers, answers
    assert re.findall(r'"status":(\w+)', answers) == ["true", "true", "true", "false", "true",
                                                      "true"]
    assert '{"active":true,' in answers and '"purpose":"password-reset","max_uses":1' in answers


def test_file_commands_in_api_guide_work(stack, tmp_path):
    answers = run_commands(shell_variables() + guide_commands("Boris registers"), tmp_path, **{
        "var/tls/ca.pem": stack.ca_file, "https://localhost:8443": stack.https_url,
        "boris@example.com": f"{tag()}@example.com"})
    assert answers.count('"original_name":"договор.txt"') == 4, answers
    assert "\nДоговор\n" in answers and '"deleted":1,' in answers
    assert re.findall('"code":"([A-Z_]+)"', answers) == ["NOT_FOUND"], answers


def source_messages(file="app/http/problem.c"):
    """Returns the error messages by code, read from the source of the program. If a code occurs
    several times, the first message is returned."""
    source = (TOP / file).read_text(encoding="utf-8")
    rows = re.findall(r'\{\d+, "([A-Z_]+)",\s*\{"([^"]*)",\s*"([^"]*)"\}\}', source)
    return {code: {"ru": ru, "en": en} for code, ru, en in reversed(rows)}


def read_nginx_map(name):
    text = (TOP / "nginx/errors.conf").read_text(encoding="utf-8")
    body = re.search(r"map \$uri \$" + name + r" \{(.*?)\n\}", text, re.DOTALL)[1]
    return {status: value.strip('"') for status, value in
            re.findall(r'^\s+/_error/(\d+)\s+("[^"]*"|\S+);', body, re.MULTILINE)}


def test_nginx_and_service_have_same_error_messages():
    messages = source_messages()
    codes = read_nginx_map("error_code")
    shared = {status: code for status, code in codes.items() if code in messages}
    assert len(messages) > 20 and len(shared) >= 4
    for language in ("ru", "en"):
        of_nginx = read_nginx_map(f"error_message_{language}")
        assert of_nginx.keys() == codes.keys()
        for status, code in shared.items():
            assert of_nginx[status] == messages[code][language], code


def test_every_nginx_error_has_message_in_both_languages():
    text = (TOP / "nginx/errors.conf").read_text(encoding="utf-8")
    pages = {number for line in re.findall(r"^error_page\s+(.*);", text, re.MULTILINE)
             for number in re.findall(r"\d+", line.replace("$status", ""))}
    codes = read_nginx_map("error_code")
    assert len(pages) > 10 and pages - {"500", "494"} <= codes.keys()  # 500 is the default row
    for language, cyrillic in (("ru", True), ("en", False)):
        messages = read_nginx_map(f"error_message_{language}")
        assert messages.keys() == codes.keys()
        for number, message in messages.items():
            assert bool(contract.CYRILLIC.search(message)) == cyrillic, (number, message)
            assert not re.search(r'["\\]', message), (number, message)


def test_openapi_document_contains_error_messages_of_nginx():
    messages = source_messages("app/openapi/failures.c")
    statuses = {code: status for status, code in read_nginx_map("error_code").items()}
    assert len(messages) >= 6
    for language in ("ru", "en"):
        of_nginx = read_nginx_map(f"error_message_{language}")
        for code, message in messages.items():
            assert of_nginx[statuses[code]] == message[language], code


def system_calls(name):
    """Returns the system calls of a systemd set, including nested sets."""
    done = subprocess.run(["systemd-analyze", "syscall-filter", name], check=True, text=True,
                          capture_output=True)
    lines = [line.strip() for line in done.stdout.splitlines()[1:]]
    calls = [line for line in lines if line and not line.startswith("#")]
    return set().union(*(system_calls(call) if call.startswith("@") else {call} for call in calls))


def test_systemd_sandbox_allows_needed_system_calls():
    """Includes calls for giving files to nginx's group and for virus scans, which systemd puts
    into larger sets."""
    unit = (TOP / "systemd/kontora.service").read_text(encoding="utf-8")
    allowed = set()
    for line in re.findall(r"^SystemCallFilter=(.*)$", unit, re.MULTILINE):
        for word in line.lstrip("~").split():
            calls = system_calls(word) if word.startswith("@") else {word}
            allowed = allowed - calls if line.startswith("~") else allowed | calls
    assert {"chown", "fchown", "fchmod", "renameat2", "sync_file_range", "pidfd_open", "vfork",
            "clone3", "close_range", "setpriority"} <= allowed
    assert not {"mount", "reboot", "ptrace", "setuid"} & allowed


def unit_settings(name):
    unit = (TOP / "systemd/kontora.service").read_text(encoding="utf-8")
    return re.findall(rf"^{name}=(.*)$", unit, re.MULTILINE)


def test_systemd_unit_does_not_repeat_settings_of_program():
    """The environment overrides what the program sets, so a setting must be in one place only."""
    own = set(re.findall(r'setenv\("(\w+)"', (TOP / "app/main.c").read_text(encoding="utf-8")))
    assert "RES_OPTIONS" in own
    assert not own & {line.split("=")[0] for line in unit_settings("Environment")}


def test_systemd_unit_does_not_restart_service_after_permanent_errors():
    """A restart does not repair a wrong command line or invalid settings. RestartPreventExitStatus
    applies only to the main process: a check in ExecStartPre that fails would be retried."""
    source = (TOP / "app/cli/command.h").read_text(encoding="utf-8")
    usage = re.search(r"\bCOMMAND_EXIT_USAGE = (\d+)", source)[1]
    lasting = {usage, str(os.EX_CONFIG)}
    assert unit_settings("Restart") == ["on-failure"]
    assert {word for line in unit_settings("RestartPreventExitStatus")
            for word in line.split()} == lasting
    assert not unit_settings("ExecStartPre")


def test_threat_model_names_existing_tests():
    model = (TOP / "systemd/threat-model.md").read_text(encoding="utf-8")
    files = list(TOP.glob("tests/*/test_*.py"))
    known = {path.name for path in files}.union(*(
        re.findall(r"^def (test_\w+)\(", path.read_text(encoding="utf-8"), re.MULTILINE)
        for path in files))
    named = set(re.findall(r"`(?:tests/\w+/)?(test_[\w.]+)`", model))
    assert named and named <= known, named - known
