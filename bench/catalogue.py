"""catalogue - all variants by name, and which of them an ordinary run takes."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

from peers import peers
from variants import DIRECT, ROUTED, Variant, tailsplice, tailsplices

# Of every measure; the other paths of tailsplice only of the key measures.
MAIN = (DIRECT, ROUTED, "tailsplice", "tailsplice-sockmap", "tailsplice-handoff", "haproxy", "nginx", "caddy-l4")
QUICK = (DIRECT, ROUTED, "tailsplice", "haproxy", "nginx", "caddy-l4")

TITLES = {DIRECT: "direct", ROUTED: "routed"}


@cache
def every() -> dict[str, Variant | None]:
    """None is for no proxy: client and server joined, or an edge that only routes the packets."""
    return {DIRECT: None, ROUTED: None} | {v.name: v for v in [*tailsplices(), *peers()]}


def add(name: str, program: Path, path: str) -> None:
    """Another build of tailsplice, to be compared with this one."""
    if name in every():
        raise ValueError(f"{name} is a variant already")
    every()[name] = replace(tailsplice(path, None), name=name, title=name, program=lambda: str(program.resolve(strict=True)))


def title(name: str) -> str:
    variant = every().get(name)
    return variant.title if variant else TITLES.get(name, name)
