"""The OpenAPI document while the service starts, takes other settings, and has no place to put it."""

import contextlib
import dataclasses
import json
import subprocess

from support import contract

TOO_SMALL_KIB = 16  # for a document


@contextlib.contextmanager
def full_disk(folder):
    """Another file system in the place of a folder, on which there is no room."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={TOO_SMALL_KIB}k", "none", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def title(response):
    return json.loads(response.content)["info"]["title"]


def test_a_reload_writes_it_anew_if_it_is_another(make_rig):
    rig = make_rig(APP_TITLE="Контора № 1", APP_DESCRIPTION="Наша.")
    visitor = rig.nobody("")
    first = visitor.get("/openapi.json")
    assert title(first) == "Контора № 1"
    assert json.loads(first.content)["info"]["description"].startswith("Наша.\n")
    rig.reload()
    assert visitor.get("/openapi.json").headers["ETag"] == first.headers["ETag"]
    rig.set(APP_TITLE="Контора № 2")
    rig.reload()
    assert title(visitor.get("/openapi.json")) == "Контора № 2"


def test_the_service_does_without_it(make_rig):
    rig = make_rig()
    visitor, folder = rig.nobody(""), rig.stack.state_dir / "static"
    with full_disk(folder):
        rig.set(APP_TITLE="Контора № 2")
        rig.reload()
        refused = visitor.get("/openapi.json")
        contract.refused(refused, 503, "SERVICE_UNAVAILABLE")
        assert visitor.get("/health").status_code == 200
        assert rig.count_log("STATIC_DIR: cannot write") >= 2
        assert list(folder.iterdir()) == []  # nothing half-written
    assert title(visitor.get("/openapi.json")) == "Kontora"  # the old one
    rig.reload()
    assert title(visitor.get("/openapi.json")) == "Контора № 2"


def test_a_host_without_pages(make_rig, tmp_path):
    """Browsers are greeted as programs are, and everything else is there."""
    rig = make_rig()
    rig.nginx.stop()
    rig.nginx.site = dataclasses.replace(rig.nginx.site, pages=tmp_path)
    rig.nginx.start()
    visitor = rig.nobody("")
    greeting = visitor.get("/", headers={"Accept": "text/html"})
    assert greeting.json() == {"message": "Hello World!"}
    assert "Content-Language" not in greeting.headers
    for path in ("/docs", "/redoc"):
        contract.refused(visitor.get(path), 404, "NOT_FOUND")
    assert title(visitor.get("/openapi.json")) == "Kontora"
