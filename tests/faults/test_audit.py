"""The audit log on a full disk: no line is damaged, and none is lost."""

import json

from support.waiting import wait_until

DISK_KIB = 32


def test_full_disk_does_not_lose_audit_lines(make_rig, small_disk):
    rig = make_rig(AUDIT_LOG_PATH=str(small_disk / "audit.jsonl"), LOGIN_FREE_FAILURES=0,
                   BCRYPT_COST=4)
    log = small_disk / "audit.jsonl"
    anonymous = rig.anonymous()
    tried = []

    def fail_login():
        answer = anonymous.post("/auth/login", json={"username": "x" * 200, "password": "wrong"})
        assert answer.status_code == 401
        tried.append(answer.headers["X-Request-ID"])
        return rig.count_log("audit line not written") > 2

    wait_until(fail_login, 30, "the disk to be full")
    kept = [json.loads(line)["request_id"] for line in log.read_text("utf-8").splitlines()]
    told = [json.loads(line["line"])["request_id"] for line in rig.log()
            if line["message"] == "audit line not written"]
    assert sorted(kept + told) == sorted(tried)

    log.write_text("", encoding="utf-8")  # frees the disk
    fail_login()
    (line,) = log.read_text("utf-8").splitlines()
    assert json.loads(line)["request_id"] == tried[-1]
