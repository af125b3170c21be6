#!/usr/bin/python3
"""No file over 500 lines, no function over 70: past that, nobody holds it in their head.

Counts C, Python and shell under src include bpf tests bench, and scripts without a suffix there and at the top. A C or shell
function runs from its opening brace to the closing brace in column 0; a Python one from `def` to its last line.
Usage: sizes.py [ROOT]; prints FILE:LINE: message for each violation and exits 1.
"""

import ast
import re
import sys
from pathlib import Path
from typing import Iterator

FILE_LIMIT = 500
FUNCTION_LIMIT = 70
FOLDERS = ("src", "include", "bpf", "tests", "bench")
BRACED, PYTHON = "braced", "python"
SUFFIXES = {".c": BRACED, ".h": BRACED, ".sh": BRACED, ".py": PYTHON}

# A definition's name is the word before the first parenthesis that starts in column 0.
NAME = re.compile(r"^(?=[A-Za-z_])[^;=]*?(\w+)\s*\(")
# A brace after the parameters, as in `f() {`, opens a function as well as one on its own line does.
OPENS = re.compile(r"^(\{|[A-Za-z_][^;=]*\)\s*\{\s*(#.*|/\*.*)?$)")


def language(path: Path) -> str | None:
    if path.suffix in SUFFIXES:
        return SUFFIXES[path.suffix]
    if path.suffix:
        return None
    with path.open("rb") as file:
        first = file.readline(100)
    if not first.startswith(b"#!"):
        return None
    return PYTHON if b"python" in first else BRACED


def name_above(lines: list[str], opening: int) -> str:
    for line in reversed(lines[max(0, opening - 10) : opening + 1]):
        if match := NAME.match(line):
            return match.group(1)
    return "a function"


def braced_functions(lines: list[str]) -> Iterator[tuple[int, int, str]]:
    """(first line, length, name) of each function; length 0 when its end was not found."""
    opening = None
    for number, line in enumerate(lines):
        if opening is None and OPENS.match(line):
            opening = number
        elif opening is not None and line.startswith("}"):
            yield opening + 1, number - opening + 1, name_above(lines, opening)
            opening = None
    if opening is not None:
        yield opening + 1, 0, name_above(lines, opening)


def python_functions(text: str) -> Iterator[tuple[int, int, str]]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.lineno, node.end_lineno - node.lineno + 1, node.name


def judge_file(path: Path, name: str, kind: str) -> Iterator[str]:
    text = path.read_text()
    lines = text.splitlines()
    if len(lines) > FILE_LIMIT:
        yield f"{name}:{FILE_LIMIT + 1}: the file has {len(lines)} lines, {FILE_LIMIT} is the limit"
    for line, length, function in python_functions(text) if kind == PYTHON else braced_functions(lines):
        if length > FUNCTION_LIMIT:
            yield f"{name}:{line}: {function} has {length} lines, {FUNCTION_LIMIT} is the limit"
        if length == 0:
            yield f"{name}:{line}: {function} has no closing brace in column 0, so it cannot be measured"


def check(root: Path) -> list[str]:
    paths = [p for folder in FOLDERS for p in (root / folder).rglob("*")] + list(root.glob("*"))
    found, seen = [], 0
    for path in sorted(p for p in paths if p.is_file() and "__pycache__" not in p.parts):
        if kind := language(path):
            seen += 1
            found += judge_file(path, path.relative_to(root).as_posix(), kind)
    return found if seen else [f"{root}:1: no source file found"]


if __name__ == "__main__":
    found = check(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[2])
    print("\n".join(found) or f"sizes: no file over {FILE_LIMIT} lines, no function over {FUNCTION_LIMIT}")
    sys.exit(bool(found))
