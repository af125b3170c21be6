#!/usr/bin/python3
"""Includes go down only: a file uses lower layers, and in its own layer what stands to its left in layers.txt.

That is what lets a reader understand a layer without those above it, and a test link a layer without the rest.
Usage: includes.py [ROOT]; prints FILE:LINE: message for each violation and exits 1.
"""

import re
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import Iterator, NamedTuple

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')
LAYERS = "tests/structure/layers.txt"


class Order(NamedTuple):
    place: dict[str, tuple[int, int]]  # "base/log" -> (line of the layer, position in it)
    layers: list[str]
    doors: dict[str, list[str]]  # "<liburing.h>" -> patterns of the files that may include it


def read_order(path: Path) -> Order:
    order = Order({}, [], {})
    for line in path.read_text().splitlines():
        name, colon, rest = line.partition(":")
        if line.startswith("#") or not colon:
            continue
        if name.startswith("<"):
            order.doors[name] = rest.split()
            continue
        for position, module in enumerate(rest.split()):
            order.place[f"{name}/{module}"] = (len(order.layers), position)
        order.layers.append(name)
    return order


def module_of(path: str) -> str:
    """src/base/log.c, include/base/log.h and base/log.h are all the module base/log."""
    return path.removeprefix("src/").removeprefix("include/").rsplit(".", 1)[0]


def judge_own(root: Path, path: str, header: str, order: Order) -> str | None:
    """What is wrong with a file including one of the project's own headers; None if nothing is."""
    if header.startswith("bpf/"):  # shared with programs in the kernel, plain types: below every layer
        return None
    if "/" not in header and (root / path).with_name(header).exists():
        header = f"{path.split('/')[1]}/{header}"
    elif not (root / "include" / header).exists():
        return f'"{header}" is neither under include/ nor in this folder'
    mine, theirs = module_of(path), module_of(header)
    if mine == theirs:
        return None
    if theirs not in order.place:
        return f'"{header}" is a module that {LAYERS} does not name'
    if order.place[theirs][0] > order.place[mine][0]:
        return f'"{header}" is in the layer {theirs.split("/")[0]}, which lies above {mine.split("/")[0]}'
    if order.place[theirs] > order.place[mine]:
        return f'"{header}" stands to the right of {mine.split("/")[1]} in {LAYERS}'
    return None


def judge_system(path: str, header: str, order: Order) -> str | None:
    if header.split("/")[0] in order.layers:
        return f'write "{header}" with quotes: it is ours'
    doors = order.doors.get(f"<{header}>")
    if doors and not any(fnmatch(path, door) for door in doors):
        return f"<{header}> may only be included by {' '.join(doors)}"
    return None


def judge_file(root: Path, path: str, order: Order) -> Iterator[str]:
    if module_of(path) not in order.place:
        yield f"{path}:1: this module is not named in {LAYERS}"
        return
    for number, line in enumerate((root / path).read_text().splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        quote, header = match.groups()
        wrong = judge_own(root, path, header, order) if quote == '"' else judge_system(path, header, order)
        if wrong:
            yield f"{path}:{number}: {wrong}"


def check(root: Path) -> list[str]:
    order = read_order(root / LAYERS)
    files = sorted(p for top in ("src", "include") for p in (root / top).rglob("*.[ch]"))
    if not files:
        return [f"{root}/src:1: no C file found"]
    return [m for p in files for m in judge_file(root, p.relative_to(root).as_posix(), order)]


if __name__ == "__main__":
    found = check(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[2])
    print("\n".join(found) or "includes: all go down")
    sys.exit(bool(found))
