"""Settings of the sanitizers, and their reports."""

from pathlib import Path

REPORTS = "sanitizer"
STATUS = 99  # exit status of a process with a report

# Ignored by a program that was built without SANITIZE.
OPTIONS = "log_path={path}:exitcode={status}:detect_leaks=1:abort_on_error=0:print_stacktrace=1"


def settings(folder):
    """Returns settings that make a service write its reports into the folder."""
    options = OPTIONS.format(path=Path(folder) / REPORTS, status=STATUS)
    return {"ASAN_OPTIONS": options, "UBSAN_OPTIONS": options}


def assert_silent(folder):
    reports = sorted(Path(folder).glob(f"{REPORTS}.*"))
    texts = "\n".join(path.read_text(errors="replace") for path in reports)
    assert not reports, texts[:8000]
