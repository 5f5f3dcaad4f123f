"""The OpenAPI document at a start, after a change of settings, and when it cannot be written."""

import contextlib
import dataclasses
import json
import subprocess

from support import contract

TOO_SMALL_KIB = 16  # too small for a document


@contextlib.contextmanager
def full_disk(folder):
    """Mounts a full file system over a folder."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={TOO_SMALL_KIB}k", "none", folder],
                   check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def document_title(response):
    return json.loads(response.content)["info"]["title"]


def test_reload_rewrites_changed_openapi_document(make_rig):
    rig = make_rig(APP_TITLE="Контора № 1", APP_DESCRIPTION="Наша.")
    visitor = rig.anonymous("")
    first = visitor.get("/openapi.json")
    assert document_title(first) == "Контора № 1"
    assert json.loads(first.content)["info"]["description"].startswith("Наша.\n")
    rig.reload()
    assert visitor.get("/openapi.json").headers["ETag"] == first.headers["ETag"]
    rig.set(APP_TITLE="Контора № 2")
    rig.reload()
    assert document_title(visitor.get("/openapi.json")) == "Контора № 2"


def test_service_works_when_openapi_document_cannot_be_written(make_rig):
    rig = make_rig()
    visitor, folder = rig.anonymous(""), rig.stack.state_dir / "static"
    with full_disk(folder):
        rig.set(APP_TITLE="Контора № 2")
        rig.reload()
        refused = visitor.get("/openapi.json")
        contract.check_error(refused, 503, "SERVICE_UNAVAILABLE")
        assert visitor.get("/health").status_code == 200
        assert rig.count_log("STATIC_DIR: cannot write") >= 2
        assert list(folder.iterdir()) == []  # no partly written file
    assert document_title(visitor.get("/openapi.json")) == "Kontora"  # the previous document
    rig.reload()
    assert document_title(visitor.get("/openapi.json")) == "Контора № 2"


def test_service_works_without_pages(make_rig, tmp_path):
    """Browsers get the JSON greeting, and all other calls work."""
    rig = make_rig()
    rig.nginx.stop()
    rig.nginx.site = dataclasses.replace(rig.nginx.site, pages=tmp_path)
    rig.nginx.start()
    visitor = rig.anonymous("")
    greeting = visitor.get("/", headers={"Accept": "text/html"})
    assert greeting.json() == {"message": "Hello World!"}
    assert "Content-Language" not in greeting.headers
    for path in ("/docs", "/redoc"):
        contract.check_error(visitor.get(path), 404, "NOT_FOUND")
    assert document_title(visitor.get("/openapi.json")) == "Kontora"
