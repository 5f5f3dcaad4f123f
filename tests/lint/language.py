"""Checks names and comments by the rules of the project.

    names       No two files have a static function of the same name, and none has a name of one
                word. Each public function and variable begins with the name of its file or folder.
    comments    Lines of at most 100 columns, except for directives of nginx, whose strings cannot
                be broken. No comment opens with a word of RIDDLES, which begins a question or
                points at something that the reader has not seen.
    sizes       Headers of at most 200 lines, macros of at most 6 parameters.
    commits     Subjects of at most 72 characters in the imperative, of the form "area: do this",
                for commits made since the rule was introduced.

Prints every violation and exits 1 if there is any. With --figures, prints the length of functions.
Arguments limit the report to paths that begin with one of them.
"""

import re
import statistics
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

TOP = Path(__file__).resolve().parents[2]

HEADER_LINES_MAX = 200
MACRO_PARAMETERS_MAX = 6
COLUMNS_MAX = 100
RIDDLES = ("What", "Whether", "Who", "Whose", "Whom", "Those", "The same", "One that",
           "Another one")

SUBJECT_LENGTH_MAX = 72
SUBJECTS_SINCE = "2026-11-29T23:30:00Z"
# Verbs that end like a past tense, a gerund or a third person.
IMPERATIVES = {"need", "embed", "feed", "exceed", "proceed", "seed", "shed", "bring", "ping",
               "focus", "bias", "alias"}

COMMENT_OR_STRING = re.compile(r'/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.DOTALL)
# clang-format puts the brace of a function, and no other, at the beginning of a line.
FUNCTION = re.compile(r"^([a-z_][^;{}#]*?\b(\w+)\([^;{}]*?\))\n\{\n(.*?)^\}",
                      re.MULTILINE | re.DOTALL)
PROTOTYPE = re.compile(r"^(?!typedef\b|static\b)[a-z_][\w \t*]*?\b(\w+)\([^;{}]*?\)"
                       r"[^;{}()]*(?:\([^;{}]*\)+)?;", re.MULTILINE)
VARIABLE = re.compile(r"^extern\s[^;()]*?\b(\w+)(?:\[[^\]]*\])*;", re.MULTILINE)
DEFINITION = re.compile(r"^(?!static\b|extern\b|typedef\b)[a-z_][\w \t*]*?\b(\w+)"
                        r"(?:\[[^\]]*\])* =", re.MULTILINE)
MACRO = re.compile(r"^#\s*define\s+(\w+)\(([^)]*)\)", re.MULTILINE)
COMMENTS = {
    ".c": re.compile(r"/\*[\s*]*(\S[^\n]*)"),
    ".h": re.compile(r"/\*[\s*]*(\S[^\n]*)"),
    ".py": re.compile(r'(?:^|(?<=\s))#\s+(\S[^\n]*)|^\s*"""\s*(\S[^\n]*)', re.MULTILINE),
    ".sql": re.compile(r"--\s+(\S[^\n]*)"),
    ".sh": re.compile(r"(?:^|(?<=\s))#\s+(\S[^\n]*)", re.MULTILINE),
    ".conf": re.compile(r"(?:^|(?<=\s))#\s+(\S[^\n]*)", re.MULTILINE),
}


class Function(NamedTuple):
    file: str
    name: str
    public: bool
    lines: int


def blank(text: str) -> str:
    """Replaces comments and strings by blanks, and keeps the lines."""
    return COMMENT_OR_STRING.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)


def read(name: str) -> str:
    return (TOP / name).read_text(encoding="utf-8")


def functions_of(name: str) -> list[Function]:
    return [Function(name, function, "static" not in signature.split(),
                     signature.count("\n") + body.count("\n") + 3)
            for signature, function, body in FUNCTION.findall(blank(read(name)))]


def check_static_names(functions: list[Function]) -> list[str]:
    files = defaultdict(set)
    for function in functions:
        if not function.public:
            files[function.name].add(function.file)
    shared = [f"{', '.join(sorted(where))}: static function {name} in several files"
              for name, where in sorted(files.items()) if len(where) > 1]
    words = [f"{sorted(where)[0]}: static function {name}: a name of one word"
             for name, where in sorted(files.items()) if "_" not in name]
    return shared + words


def prefixes(file: str) -> set[str]:
    """Returns the prefixes that the public symbols of a file may have."""
    path = Path(file)
    return {stem.removesuffix("s") for stem in (path.stem, path.parent.name)}


def check_prefixes(headers: list[str], sources: list[str], functions: list[Function]) -> list[str]:
    """A symbol may begin with the name of the header that declares it or of the file that defines
    it."""
    defined = {function.name: function.file for function in functions if function.public}
    for name in sources:
        defined.update(dict.fromkeys(DEFINITION.findall(blank(read(name))), name))
    faults = []
    for name in headers:
        text = blank(read(name))
        for symbol in PROTOTYPE.findall(text) + VARIABLE.findall(text):
            allowed = prefixes(name) | prefixes(defined.get(symbol, name))
            if not re.match(rf"(?:{'|'.join(sorted(allowed))})s?(?:_|$)", symbol):
                faults.append(f"{name}: {symbol}: begins with none of {', '.join(sorted(allowed))}")
    return faults


def check_sizes(name: str) -> list[str]:
    text = read(name)
    faults = [f"{name}: macro {macro} has more than {MACRO_PARAMETERS_MAX} parameters"
              for macro, parameters in MACRO.findall(text.replace("\\\n", " "))
              if parameters.count(",") >= MACRO_PARAMETERS_MAX]
    lines = text.count("\n")
    if name.endswith(".h") and lines > HEADER_LINES_MAX:
        faults.append(f"{name}: {lines} lines, more than {HEADER_LINES_MAX}")
    return faults


def check_comments(name: str) -> list[str]:
    text = read(name)
    faults = [f"{name}:{number}: {len(line)} columns, more than {COLUMNS_MAX}"
              for number, line in enumerate(text.splitlines(), 1)
              if len(line) > COLUMNS_MAX and not re.search(r"\S{90,}", line)
              and (not name.endswith(".conf") or line.lstrip().startswith("#"))]
    for match in COMMENTS[Path(name).suffix].finditer(text):
        opening = next(group for group in match.groups() if group)
        if re.match(rf"(?:{'|'.join(RIDDLES)})\b", opening):
            line = text.count("\n", 0, match.start()) + 1
            faults.append(f"{name}:{line}: opens as a riddle: {opening}")
    return faults


def is_imperative(subject: str) -> bool:
    """True if a subject of the form "area: verb …" seems to begin with an imperative."""
    match = re.match(r"[\w./, -]+: ([a-z-]+)\b", subject)
    if not match:
        return False
    verb = match[1]
    return verb in IMPERATIVES or verb.endswith("ss") or not verb.endswith(("ed", "ing", "s"))


def check_commits() -> list[str]:
    command = ["git", "log", "--no-merges", f"--since={SUBJECTS_SINCE}", "--format=%h %s"]
    log = subprocess.run(command, cwd=TOP, check=True, capture_output=True, text=True).stdout
    faults = []
    for line in log.splitlines():
        commit, subject = line.split(" ", 1)
        if len(subject) > SUBJECT_LENGTH_MAX:
            faults.append(f"commit {commit}: subject of more than {SUBJECT_LENGTH_MAX} characters")
        if not is_imperative(subject):
            faults.append(f"commit {commit}: not \"area: do this\": {subject}")
    return faults


def tracked() -> list[str]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=TOP, check=True, capture_output=True, text=True)
    return [name for name in listing.stdout.splitlines() if (TOP / name).exists()]


def print_figures(functions: list[Function]) -> None:
    lengths = sorted(function.lines for function in functions)
    print(f"functions: {len(lengths)}, median {statistics.median(lengths):g} lines, "
          f"90th percentile {lengths[len(lengths) * 9 // 10]}, longest {lengths[-1]}")


def main() -> int:
    names = tracked()
    sources = [name for name in names if name.startswith("app/") and name.endswith((".c", ".h"))]
    functions = [function for name in sources for function in functions_of(name)]
    if "--figures" in sys.argv:
        print_figures(functions)
        return 0
    faults = check_commits() + check_static_names(functions)
    faults += check_prefixes([name for name in sources if name.endswith(".h")],
                             [name for name in sources if name.endswith(".c")], functions)
    for name in sources:
        faults += check_sizes(name)
    for name in names:
        if Path(name).suffix in COMMENTS and not name.startswith("sql/migrations/"):
            faults += check_comments(name)
    only = tuple(sys.argv[1:])
    faults = [fault for fault in faults if not only or any(path in fault for path in only)]
    print("\n".join(faults), end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
