"""Finds cycles of calls and of includes between the files of each folder under app/.

A file calls another file if it uses the name of a function defined there. Includes are compared by
their paths below app/. Prints every cycle and exits 1 if there is any.
"""

import re
import sys
from pathlib import Path

APP = Path(__file__).resolve().parents[2] / "app"

COMMENT_OR_STRING = re.compile(r'/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.DOTALL)
# A public definition begins a line, and a brace follows its parameters.
DEFINITION = re.compile(r"^(?!static\b)[a-z_][\w \t*]*?\b(\w+)\([^;{}]*?\)\s*\{", re.MULTILINE)
# A name that is neither the tag of a type nor a member.
NAME = re.compile(r"(?<![\w.>])(?:(?:struct|enum|union)\s+\w+|(\w+))")
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)

Graph = dict[str, set[str]]


def call_graph(sources: dict[str, str]) -> Graph:
    """Returns for each source file the files whose functions it calls."""
    code = {name: COMMENT_OR_STRING.sub(" ", text) for name, text in sources.items()}
    owners = {symbol: name for name, text in code.items() for symbol in DEFINITION.findall(text)}
    return {name: {owners[symbol] for symbol in NAME.findall(text) if symbol in owners} - {name}
            for name, text in code.items()}


def include_graph(folder: str, sources: dict[str, str]) -> Graph:
    """Returns for each file of the folder the files of the same folder that it includes."""
    graph = {}
    for name, text in sources.items():
        headers = {header.removeprefix(f"{folder}/") for header in INCLUDE.findall(text)}
        graph[name] = headers & sources.keys()
    return graph


def reachable(graph: Graph, start: str) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        for name in graph[waiting.pop()] - found:
            found.add(name)
            waiting.append(name)
    return found


def find_cycles(graph: Graph) -> list[list[str]]:
    """Returns the groups of files that reach each other."""
    reach = {name: reachable(graph, name) for name in graph}
    groups = {tuple(sorted(other for other in reach[name] if name in reach[other]))
              for name in graph if name in reach[name]}
    return [list(group) for group in sorted(groups)]


def describe(graph: Graph, group: list[str]) -> str:
    edges = [f"{name} -> {' '.join(sorted(graph[name] & set(group)))}" for name in group]
    return ", ".join(edges)


def check_folder(folder: Path) -> list[str]:
    texts = {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.[ch]"))}
    sources = {name: text for name, text in texts.items() if name.endswith(".c")}
    graphs = {"calls": call_graph(sources), "includes": include_graph(folder.name, texts)}
    return [f"app/{folder.name}: cycle of {kind}: {describe(graph, group)}"
            for kind, graph in graphs.items() for group in find_cycles(graph)]


def main() -> int:
    faults = [fault for folder in sorted(APP.iterdir()) if folder.is_dir()
              for fault in check_folder(folder)]
    print("\n".join(faults), end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
