#!/usr/bin/python3
"""configs/full.ini is the reference: it shows every key the program knows and none that it does not.

The program tells its keys itself (`tailsplice check --keys`: SECTION KEY a line), so a key added to its table and
forgotten in the file is found, and a file kept after a key went away too. A key is shown active or as `; key = default`.
Usage: reference.py [ROOT [BINARY]]; prints FILE:LINE: message for each violation and exits 1.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

FILE = "configs/full.ini"
SECTION = re.compile(r"^\s*\[\s*(\w+)")
KEY = re.compile(r"^\s*[;#]?\s*([a-z][a-z0-9-]*)\s*=")


def binary(root: Path) -> str:
    return os.environ.get("TAILSPLICE") or str(root / "build" / "tailsplice")


def keys_known(program: str) -> set[tuple[str, str]]:
    answer = subprocess.run([program, "check", "--keys"], capture_output=True, text=True, timeout=10, check=True)
    return {(section, key) for section, key in (line.split() for line in answer.stdout.splitlines())}


def keys_shown(text: str) -> list[tuple[str, str, int]]:
    """(section, key, line) of each; `[defaults]` stands for the two sections it speaks for, as "defaults"."""
    shown, section = [], ""
    for number, line in enumerate(text.splitlines(), 1):
        if match := SECTION.match(line):
            section = match.group(1)
        elif match := KEY.match(line):
            shown.append((section, match.group(1), number))
    return shown


def homes(section: str, key: str) -> set[tuple[str, str]]:
    return {(kind, key) for kind in (("listen", "backend") if section == "defaults" else (section,))}


def check(root: Path, program: str) -> list[str]:
    try:
        known = keys_known(program)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        return [f"{program}:1: check --keys: {error}"]
    if not known:
        return [f"{program}:1: check --keys names no key"]
    found, shown = [], set()
    for section, key, line in keys_shown((root / FILE).read_text()):
        shown |= homes(section, key)
        if not homes(section, key) & known:
            found.append(f"{FILE}:{line}: the program knows no key '{key}' in [{section}]")
    missing = sorted(known - shown)
    return found + [f"{FILE}:1: [{section}] does not show the key '{key}'" for section, key in missing]


def check_accepted(path: Path, program: str) -> list[str]:
    """The program's own complaints about one configuration file."""
    answer = subprocess.run([program, "check", "-c", str(path)], capture_output=True, text=True, timeout=10)
    if answer.returncode == 0:
        return []
    return answer.stderr.splitlines() or [f"{path}:1: check exits {answer.returncode} without a word"]


if __name__ == "__main__":
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[2]
    found = check(root, sys.argv[2] if len(sys.argv) > 2 else binary(root))
    print("\n".join(found) or f"reference: {FILE} shows every key")
    sys.exit(bool(found))
