"""measures - what is measured, in which unit it is told, and what has to be reached.

The load generator counts units and CPU; a measure says how it is asked and how its figures are read.
"""

from __future__ import annotations

from dataclasses import dataclass

from variants import ECHO, SINK, SOURCE

IDLE_FLOWS = 2000


@dataclass(frozen=True)
class Measure:
    name: str
    title: str
    mode: tuple[str, ...]  # of `load`, before the address
    port: int
    options: tuple[str, ...]
    rate: tuple[str, float]  # label, and the factor from units a second
    cost: tuple[str, float]  # label, and the factor from CPU microseconds a unit
    columns: tuple[tuple[str, str], ...] = ()  # label and key of what else the load generator tells


LATENCIES = (("p50 µs", "p50_us"), ("p99 µs", "p99_us"), ("p99.9 µs", "p999_us"))

MEASURES = {
    m.name: m
    for m in (
        Measure(
            name="rr",
            title="64 connections × 64 bytes there and back",
            mode=("rr",),
            port=ECHO,
            options=("--conns", "64", "--size", "64"),
            rate=("exch/s", 1),
            cost=("µs/exch", 1),
            columns=LATENCIES,
        ),
        Measure(
            name="bulk-up",
            title="1 stream, client → server",
            mode=("bulk", "--up"),
            port=SINK,
            options=(),
            rate=("Gbit/s", 8),
            cost=("s/GB", 1e-6),
        ),
        Measure(
            name="bulk-down",
            title="1 stream, server → client",
            mode=("bulk", "--down"),
            port=SOURCE,
            options=(),
            rate=("Gbit/s", 8),
            cost=("s/GB", 1e-6),
        ),
        Measure(
            name="conn",
            title="connect, 64 bytes there and back, reset; 64 in flight",
            mode=("conn",),
            port=ECHO,
            options=("--conns", "64", "--size", "64"),
            rate=("conn/s", 1),
            cost=("µs/conn", 1),
            columns=(*LATENCIES, ("failed", "failed")),
        ),
        Measure(
            name="idle",
            title=f"{IDLE_FLOWS} flows that spoke once and then wait",
            mode=("idle",),
            port=ECHO,
            options=("--conns", str(IDLE_FLOWS), "--size", "64"),
            rate=("", 0),
            cost=("µs/flow", 1),
            columns=(
                ("user B/flow", "user_per_flow"),
                ("RSS B/flow", "rss_per_flow"),
                ("user B all", "user_after"),
                ("fds", "fds_after"),
                ("pipe ends", "pipe_ends_held"),
            ),
        ),
    )
}


@dataclass(frozen=True)
class Target:
    """Of one figure: a limit on its ratio to a peer's, or on the figure itself."""

    measure: str
    figure: str
    peer: str | None
    limit: float
    at_least: bool = False

    def reached(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit


TARGETS = (
    Target("rr", "hop", "caddy-l4", 0.65),
    Target("rr", "hop", "haproxy", 0.90),
    Target("bulk-up", "hop", "caddy-l4", 0.45),
    Target("bulk-up", "hop", "haproxy", 0.75),
    Target("bulk-up", "rate", "caddy-l4", 1.6, at_least=True),
    Target("bulk-down", "hop", "caddy-l4", 0.45),
    Target("bulk-down", "hop", "haproxy", 0.75),
    Target("bulk-down", "rate", "caddy-l4", 1.6, at_least=True),
    Target("conn", "hop", "caddy-l4", 0.25),
    Target("conn", "hop", "haproxy", 0.85),
    Target("conn-total", "failed", None, 0),
    Target("idle", "user_per_flow", None, 512),
    Target("idle", "pipe_ends_held", None, 0),
)

FIGURE_NAMES = {
    "hop": "hop cost",
    "rate": "throughput",
    "failed": "failed connections",
    "user_per_flow": "user memory per idle flow",
    "pipe_ends_held": "pipe ends held by idle flows",
}
