"""measures - what is measured, in which unit it is told, and what has to be reached.

The load generator counts units and CPU; a measure says how it is asked and how its figures are read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from variants import ECHO, IMAP, SINK, SMTP, SOURCE

IDLE_FIRST, IDLE_FLOWS = 1000, 8000
CONNECTIONS, SIZES, STREAMS, RATES = (1, 16, 64, 512), (64, 1024, 16384), (1, 8, 64), (10_000, 30_000, 60_000)


@dataclass(frozen=True)
class Measure:
    name: str
    title: str
    mode: tuple[str, ...]  # of `load`, before the address
    port: int
    options: tuple[str, ...]
    rate: tuple[str, float]  # label, and the factor from units a second; "" where there is nothing to tell
    cost: tuple[str, float]  # label, and the factor from CPU microseconds a unit; "" where it is not only of these units
    columns: tuple[tuple[str, str], ...] = ()  # label and key of what else the load generator tells
    key: bool = True  # taken of every variant; the others only of the main ones, to see how it scales
    quick: bool = False  # in --quick too
    beside: str = ""  # the measure whose load runs meanwhile
    at: tuple[int, ...] = ()  # where it stands in its family: connections and size, streams, or the rate

    @property
    def family(self) -> str:
        return "bulk-" + self.mode[1].lstrip("-") if self.mode[0] == "bulk" else self.mode[0]


LATENCIES = (("p50 µs", "p50_us"), ("p99 µs", "p99_us"), ("p99.9 µs", "p999_us"))


def size_name(size: int) -> str:
    return f"{size} B" if size < 1024 else f"{size >> 10} KiB" if size < 1 << 20 else f"{size >> 20} MiB"


def exchanges(conns: int, size: int) -> Measure:
    return Measure(
        name=f"rr-{conns}x{size}",
        title=f"request and response, {conns} connection{'s'[:conns > 1]} × {size_name(size)} there and back",
        mode=("rr",),
        port=ECHO,
        options=("--conns", str(conns), "--size", str(size)),
        rate=("exch/s", 1),
        cost=("µs/exch", 1),
        columns=LATENCIES,
        key=(conns, size) == (64, 64),
        quick=(conns, size) in ((64, 64), (1, 64), (64, 16384)),
        at=(conns, size),
    )


def streams(direction: str, count: int) -> Measure:
    return Measure(
        name=f"bulk-{direction}-{count}",
        title=f"{count} stream{'s'[:count > 1]}, {'client → server' if direction == 'up' else 'server → client'}",
        mode=("bulk", f"--{direction}"),
        port=SINK if direction == "up" else SOURCE,
        options=("--conns", str(count)),
        rate=("Gbit/s", 8),
        cost=("s/GB", 1e-6),
        key=count == 1,
        quick=count == 1,
        at=(count,),
    )


def paced(rate: int) -> Measure:
    return Measure(
        name=f"paced-{rate}",
        title=f"open loop: {rate} exchanges of 64 B a second over 64 connections, latency from when each was due",
        mode=("paced",),
        port=ECHO,
        options=("--conns", "64", "--size", "64", "--rate", str(rate)),
        rate=("exch/s", 1),
        cost=("µs/exch", 1),
        columns=LATENCIES,
        key=rate == 30_000,
        quick=rate == 30_000,
        at=(rate,),
    )


def mails(size: int, sessions: int) -> Measure:
    return Measure(
        name=f"smtp-{size}",
        title=f"whole SMTP sessions with a mail of {size_name(size)}, {sessions} at a time",
        mode=("smtp",),
        port=SMTP,
        options=("--conns", str(sessions), "--size", str(size)),
        rate=("mail/s", 1),
        cost=("µs/mail", 1),
        columns=LATENCIES,
        quick=size == 4096,
        at=(size,),
    )


BESIDE_BULK = replace(
    paced(10_000),
    name="beside-bulk",
    title="open loop: 10000 exchanges of 64 B a second over 64 connections, while 8 streams pour to the client",
    cost=("", 0),
    columns=(*LATENCIES, ("streams GB/s", "beside_rate")),
    key=True,
    beside="bulk-down-8",
    at=(),
)

IDLE = Measure(
    name="idle",
    title=f"{IDLE_FLOWS} connections that spoke once and then wait ({IDLE_FIRST} at first)",
    mode=("idle",),
    port=ECHO,
    options=("--conns", str(IDLE_FLOWS), "--first", str(IDLE_FIRST), "--size", "64", "--seconds", "0.2"),
    rate=("", 0),
    cost=("µs/flow", 1),
    columns=(
        ("user B/flow", "user_per_flow"),
        ("kernel B/flow", "kernel_hop"),
        ("user at first", "first_user_per_flow"),
        ("kernel at first", "first_kernel_hop"),
        ("fds", "fds_after"),
        ("pipe ends", "pipe_ends_held"),
    ),
    quick=True,
)

FANOUT = Measure(
    name="fanout",
    title="IMAP IDLE: 1000 connections that all get a notice, ten times a second",
    mode=("fanout",),
    port=IMAP,
    options=("--conns", "1000"),
    rate=("notice/s", 1),
    cost=("µs/notice", 1),
    columns=LATENCIES,
)

CONN = Measure(
    name="conn",
    title="short connections: connect, SMTP greeting, EHLO, answer, reset; 64 in flight",
    mode=("conn", "--greet"),
    port=SMTP,
    options=("--conns", "64"),
    rate=("conn/s", 1),
    cost=("µs/conn", 1),
    columns=(*LATENCIES, ("failed", "failed")),
    quick=True,
)

# In the order in which a round takes them: memory while everything is fresh, and last what leaves TIME_WAIT behind.
MEASURES = {
    m.name: m
    for m in (
        IDLE,
        *(exchanges(conns, size) for size in SIZES for conns in CONNECTIONS),
        *(paced(rate) for rate in RATES),
        *(streams(direction, count) for direction in ("up", "down") for count in STREAMS),
        BESIDE_BULK,
        FANOUT,
        mails(4096, 16),
        mails(4 << 20, 4),
        CONN,
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
    Target("rr-64x64", "hop", "caddy-l4", 0.55),
    Target("rr-64x64", "hop", "haproxy", 0.80),
    Target("bulk-up-1", "hop", "caddy-l4", 0.35),
    Target("bulk-up-1", "hop", "haproxy", 0.60),
    Target("bulk-up-1", "rate", "caddy-l4", 1.6, at_least=True),
    Target("bulk-down-1", "hop", "caddy-l4", 0.35),
    Target("bulk-down-1", "hop", "haproxy", 0.60),
    Target("bulk-down-1", "rate", "caddy-l4", 1.6, at_least=True),
    Target("conn", "hop", "caddy-l4", 0.20),
    Target("conn", "hop", "haproxy", 0.75),
    Target("conn-total", "failed", None, 0),
    Target("idle", "user_per_flow", None, 512),
    Target("idle", "kernel_hop", None, 8500),
    Target("idle", "pipe_ends_held", None, 0),
)

FIGURE_NAMES = {
    "hop": "hop cost",
    "rate": "throughput",
    "failed": "failed connections",
    "user_per_flow": "user memory per idle flow",
    "kernel_hop": "kernel memory per idle flow",
    "pipe_ends_held": "pipe ends held by idle flows",
}
