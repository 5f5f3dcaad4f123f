"""Checks the structure: layers, the top level, documents, and tests with duplicate names.

Prints every violation as file:line: text and exits 1 if there is any.
"""

import ast
import re
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]

# Allowed at the top level, besides dotfiles. Git ignores build/ and var/.
TOP_LEVEL = {"app", "nginx", "systemd", "sql", "tests", "Makefile", "README.md", "LICENSE"}

# Files that may include everything.
MAIN = {"app/main.c"}

# From the lowest layer to the highest: the layers that each may include, besides itself.
LAYERS = {
    "base": set(),
    "proc": {"base"},
    "objects": {"base"},
    "query": {"base"},
    "directory": {"query", "base"},
    "store": {"query", "base"},
    "http": {"base"},
    "auth": {"store", "base"},
    "openapi": {"http", "base"},
    "rest": {"http", "auth", "store", "directory", "query", "base"},
    "tokens": {"auth", "store", "base"},
    "files": {"rest", "http", "auth", "store", "objects", "base"},
    "resources": {"files", "tokens", "rest", "http", "auth", "store", "directory", "objects",
                  "query", "base"},
}
LAYERS["service"] = set(LAYERS)
LAYERS["cli"] = set(LAYERS)

# Third-party headers, and the only folders or files that may include them.
FOREIGN = {
    "fcgiapp.h": "app/http/server.c",
    "json-c/": "app/http/fields.c",
    "jwt.h": "app/auth/",
    "magic.h": "app/files/types.c",
    "crypt.h": "app/auth/",
    "crack.h": "app/auth/password_strength.c",
    "openssl/": "app/auth/ app/directory/entry_version.c app/files/ app/objects/ app/store/",
    "ldap.h": "app/directory/",
    "lber.h": "app/directory/",
    "sqlite3.h": "app/store/sqlite.c",
    "libpq-fe.h": "app/store/postgres.c",
    "curl/": "app/objects/s3",
    "expat.h": "app/objects/s3 app/files/docx.c",
    "zlib.h": "app/auth/api_key.c app/files/docx.c",
    "unicode/": "app/base/",
}

LONGEST_FILE = 800
LONGEST_MAIN = 150
README_BYTES_MAX = 10 * 1024
PROSE_COLUMNS_MAX = 100

# Each of these folders has a README.md for its readers.
DOCUMENTED = {"nginx", "systemd", "app", "app/resources", "sql", "tests"}
FORWARD = re.compile(r"^struct (\w+);", re.MULTILINE)
STRUCT = re.compile(r"^struct (\w+) \{", re.MULTILINE)
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')


def tracked() -> list[str]:
    """Returns all files except those that git ignores (build output and state)."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=TOP, check=True, capture_output=True, text=True)
    return [name for name in listing.stdout.splitlines() if (TOP / name).exists()]


def check_top_level(names: list[str]) -> list[str]:
    tops = {name.split("/")[0] for name in names}
    return [f"{top}: not of the top level" for top in sorted(tops)
            if top not in TOP_LEVEL and not top.startswith(".")]


def check_include(name: str, quote: str, header: str) -> str | None:
    """Returns the violation of one include, or None."""
    if quote == "<":
        for foreign, places in FOREIGN.items():
            if header.startswith(foreign) and not name.startswith(tuple(places.split())):
                return f"<{header}> belongs to {places}"
        return None
    if name in MAIN:
        return None
    layer, target = name.split("/")[1], header.split("/")[0]
    if layer not in LAYERS or target not in LAYERS:
        return f'"{header}": unknown layer'
    if layer == "resources" and target == "resources" and header != "resources/resources.h":
        return "resources do not include each other"
    if target != layer and target not in LAYERS[layer]:
        return f"{layer} must not include {target}"
    return None


def check_file(name: str) -> list[str]:
    faults = []
    lines = (TOP / name).read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        fault = check_include(name, *match.groups()) if match else None
        if fault:
            faults.append(f"{name}:{number}: {fault}")
    if not lines or not lines[0].startswith("/*"):
        faults.append(f"{name}:1: does not open with what it is for")
    longest = LONGEST_MAIN if name in MAIN else LONGEST_FILE
    if len(lines) > longest:
        faults.append(f"{name}: {len(lines)} lines, more than {longest}")
    return faults


def check_forward_declarations(names: list[str]) -> list[str]:
    """A header forward-declares no struct of a higher layer."""
    ranks = {layer: rank for rank, layer in enumerate(LAYERS)}
    texts = {name: (TOP / name).read_text(encoding="utf-8") for name in names if name not in MAIN}
    lowest: dict[str, int] = {}
    for name, text in texts.items():
        for struct in STRUCT.findall(text):
            rank = ranks[name.split("/")[1]]
            lowest[struct] = min(lowest.get(struct, rank), rank)
    return [f"{name}: struct {struct} belongs to a higher layer"
            for name, text in texts.items() if name.endswith(".h")
            for struct in FORWARD.findall(text)
            if lowest.get(struct, len(ranks)) > ranks[name.split("/")[1]]]


def check_tests(name: str) -> list[str]:
    """Finds duplicate names: a test hides an earlier test of the same name, which never runs."""
    faults, seen = [], set()
    for node in ast.parse((TOP / name).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            if node.name in seen:
                faults.append(f"{name}:{node.lineno}: there is a {node.name} already")
            seen.add(node.name)
    return faults


def document_lines(name: str) -> list[tuple[int, str]]:
    """Returns the numbered lines of a document, without its blocks of code."""
    lines, code = [], False
    for number, line in enumerate((TOP / name).read_text(encoding="utf-8").splitlines(), 1):
        if line.lstrip().startswith("```"):
            code = not code
        elif not code:
            lines.append((number, line))
    return lines


def anchors(name: str) -> set[str]:
    """Returns the anchors of a document's headings, as GitHub derives them."""
    titles = [line.lstrip("#").strip().lower() for _, line in document_lines(name)
              if line.startswith("#")]
    return {re.sub(r"[^\w -]", "", title).replace(" ", "-") for title in titles}


def check_link(name: str, target: str) -> bool:
    """True if a link of a document leads to an existing file and heading."""
    path, _, anchor = target.partition("#")
    place = (TOP / name).parent / path if path else TOP / name
    return place.exists() and (not anchor or anchor in anchors(str(place)))


def check_document(name: str) -> list[str]:
    faults = []
    for number, line in document_lines(name):
        if len(line) > PROSE_COLUMNS_MAX and not line.lstrip().startswith("|"):
            faults.append(f"{name}:{number}: {len(line)} columns, more than {PROSE_COLUMNS_MAX}")
        faults += [f"{name}:{number}: broken link {target}"
                   for target in re.findall(r"\]\(([^)]+)\)", line)
                   if "://" not in target and not check_link(name, target)]
    return faults


def check_documents(names: list[str]) -> list[str]:
    faults = [f"{folder}/README.md: missing" for folder in sorted(DOCUMENTED)
              if f"{folder}/README.md" not in names]
    size = (TOP / "README.md").stat().st_size
    if size > README_BYTES_MAX:
        faults.append(f"README.md: {size} bytes, more than {README_BYTES_MAX}")
    for name in names:
        if name.endswith(".md"):
            faults += check_document(name)
    return faults


def main() -> int:
    names = tracked()
    faults = check_top_level(names) + check_documents(names)
    sources = [name for name in names if name.startswith("app/") and name.endswith((".c", ".h"))]
    faults += check_forward_declarations(sources)
    for name in names:
        if name.startswith("app/") and name.endswith((".c", ".h")):
            faults += check_file(name)
        elif name.startswith("tests/") and name.endswith(".py"):
            faults += check_tests(name)
    print("\n".join(faults), end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
