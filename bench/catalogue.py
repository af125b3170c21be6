"""catalogue - all variants by name, and which of them an ordinary run takes."""

from __future__ import annotations

from functools import cache

from peers import peers
from variants import DIRECT, ROUTED, Variant, tailsplices

# Of every measure; the other paths of tailsplice only of the key measures.
MAIN = (DIRECT, ROUTED, "tailsplice", "tailsplice-sockmap", "tailsplice-handoff", "haproxy", "nginx", "caddy-l4")
QUICK = (DIRECT, ROUTED, "tailsplice", "haproxy", "nginx", "caddy-l4")

TITLES = {DIRECT: "direct", ROUTED: "routed"}


@cache
def every() -> dict[str, Variant | None]:
    """None is for no proxy: client and server joined, or an edge that only routes the packets."""
    return {DIRECT: None, ROUTED: None} | {v.name: v for v in [*tailsplices(), *peers()]}


def title(name: str) -> str:
    variant = every().get(name)
    return variant.title if variant else TITLES.get(name, name)
