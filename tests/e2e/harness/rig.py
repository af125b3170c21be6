"""What a scenario stands on: one edge on one path, a listener for each kind of set-up, and backends in this process."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Callable, Iterator

from harness.edge import Edge, default_binary, free_port, parse_hostport, tcp_table
from harness.header import Header, read_header
from harness.wire import MIB

LOOPBACK = {4: "127.0.0.1", 6: "::1"}
FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}
KINDS = ("plain", "v1", "v2", "idle", "halfclosed", "hole", "routed", "named", "greeting")
HEADER_OF = {"v1": 1, "v2": 2, "routed": 2, "named": 2}


@dataclass(frozen=True)
class Scale:
    """How much of everything: full for a developer and CI, short for a slow virtual machine."""

    name: str
    bulk: int
    idle_flows: int
    short_connections: int
    exchanges: int
    repeats: int


FULL = Scale("full", bulk=256 * MIB, idle_flows=2000, short_connections=500, exchanges=1000, repeats=20)
SHORT = Scale("short", bulk=8 * MIB, idle_flows=200, short_connections=100, exchanges=300, repeats=5)


def usable_paths(binary: str | None = None) -> list[str]:
    """The data paths that the binary itself calls usable here, and auto."""
    done = subprocess.run([binary or default_binary(), "paths"], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, f"`paths` ended with {done.returncode}: {done.stderr}"
    rows = [line.split(None, 2) for line in done.stdout.splitlines() if line.strip()]
    names = [row[0] for row in rows if len(row) > 1 and row[1] == "yes"]
    assert names, f"`paths` names no usable path:\n{done.stdout}"
    return names + ([] if "auto" in names else ["auto"])


def has_family(family: int) -> bool:
    try:
        with socket.socket(FAMILY[family], socket.SOCK_STREAM) as probe:
            probe.bind((LOOPBACK[family], 0))
        return True
    except OSError:
        return False


class Rig:
    """One edge for many scenarios. A scenario that fails leaves it in an unknown state: then take a new one."""

    def __init__(self, path: str, *, binary: str | None = None, patience: float = 1.0, strict: bool = False) -> None:
        self.path = path
        self.strict = strict
        self.patience = patience
        self.families = [family for family in (4, 6) if has_family(family)]
        self.ports: dict[tuple[str, int], tuple[int, int]] = {}
        self.reserved: list[socket.socket] = []
        self.edge = Edge(self._configure(), binary=binary, patience=patience)

    def __enter__(self) -> "Rig":
        try:
            self.edge.__enter__()
        except BaseException:
            self._release()
            raise
        self.start = self.edge.fds()
        return self

    def __exit__(self, kind: Any, value: Any, trace: Any) -> None:
        self._release()
        self.edge.__exit__(kind, value, trace)

    def _configure(self) -> str:
        ini = ["[global]", "log = logfmt", "log-level = info", "drain = 1s", "", "[defaults]", f"path = {self.path}", ""]
        for family in self.families:
            for kind in KINDS:
                ini += self._sections(kind, family)
        return "\n".join(ini) + "\n"

    def _sections(self, kind: str, family: int) -> list[str]:
        """The three ways to say the backend's port take turns: server, backend and the listener's A>B."""
        address = LOOPBACK[family]
        front, back = free_port(), self._reserve(family)
        self.ports[kind, family] = (front, back)
        name = f"{kind}{family}"
        literal = f"[{address}]" if family == 6 else address
        ways = {
            "plain": (f"{front}", name, f"{literal}:{back}"),
            "v1": (f"{front}", f"{name}:{back}", address),
        }
        ports, backend, server = ways.get(kind, (f"{front}>{back}", name, address))
        listen = [f"[listen {name}]", f"bind = {address}", f"ports = {ports}", f"backend = {backend}"]
        section = [f"[backend {name}]", f"server = {server}"]
        if kind in HEADER_OF:
            section.append(f"send-proxy = v{HEADER_OF[kind]}")
        if kind == "idle":
            listen.append("idle = 1s")
        if kind == "halfclosed":
            listen.append("half-closed = 1s")
        if kind == "routed":
            listen[3:] = [f"route = tls -> {name}", "head = 1s"]
        if kind == "named":
            listen += [f"accept-proxy = {address}", "head = 1s"]
        if kind == "greeting":
            listen.append("profile = smtp")
            section.append("head = 1s")
        if kind == "hole":
            section.append("connect-timeout = 1s")
        return [*listen, "", *section, ""]

    def _reserve(self, family: int) -> int:
        """Hold a port without listening: connecting to it is refused until a backend takes it."""
        holder = socket.socket(FAMILY[family], socket.SOCK_STREAM)
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        port = free_port()
        holder.bind((LOOPBACK[family], port))
        self.reserved.append(holder)
        return port

    def _release(self) -> None:
        for holder in self.reserved:
            holder.close()
        self.reserved = []

    def run(self, scenario: Callable[["Ctx"], None], family: int, scale: Scale) -> None:
        """Run one scenario, then see that the edge lives and holds again what it held at the start."""
        ctx = Ctx(self, family, scale)
        scenario(ctx)
        ctx.check_settled()


class Backend:
    """A listening socket of the scenario's own, at the address to which the edge dials."""

    def __init__(self, family: int, port: int, backlog: int, timeout: float, rcvbuf: int | None) -> None:
        self.timeout = timeout
        self.sock = socket.socket(FAMILY[family], socket.SOCK_STREAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if rcvbuf:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self.sock.bind((LOOPBACK[family], port))
        self.sock.listen(backlog)
        self.sock.settimeout(timeout)

    def __enter__(self) -> "Backend":
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def accept(self) -> socket.socket:
        server, _ = self.sock.accept()
        server.settimeout(self.timeout)
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return server


class Ctx:
    """What a scenario is given."""

    def __init__(self, rig: Rig, family: int, scale: Scale) -> None:
        self.rig = rig
        self.edge = rig.edge
        self.path = rig.path
        self.family = family
        self.scale = scale
        self.patience = rig.patience
        self.timeout = 10 * rig.patience
        self.first_flow = len(self.edge.flows())

    def listener(self, kind: str = "plain") -> tuple[str, int]:
        return LOOPBACK[self.family], self.rig.ports[kind, self.family][0]

    def backend_address(self, kind: str = "plain") -> tuple[str, int]:
        return LOOPBACK[self.family], self.rig.ports[kind, self.family][1]

    def backend(self, kind: str = "plain", *, backlog: int = 4096, rcvbuf: int | None = None) -> Backend:
        return Backend(self.family, self.backend_address(kind)[1], backlog, self.timeout, rcvbuf)

    def connect(self, kind: str = "plain", *, rcvbuf: int | None = None, sndbuf: int | None = None) -> socket.socket:
        client = socket.socket(FAMILY[self.family], socket.SOCK_STREAM)
        client.settimeout(self.timeout)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if rcvbuf:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        if sndbuf:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, sndbuf)
        try:
            client.connect(self.listener(kind))
        except BaseException:
            client.close()
            raise
        return client

    @contextmanager
    def flow(self, kind: str = "plain", **options: Any) -> Iterator[tuple[socket.socket, socket.socket]]:
        """A flow through the edge: (client's socket, backend's socket), past the PROXY header where there is one."""
        rcvbuf = options.pop("server_rcvbuf", None)
        with self.backend(kind, rcvbuf=rcvbuf) as backend, self.connect(kind, **options) as client:
            with backend.accept() as server:
                if kind in HEADER_OF:
                    self.check_header(kind, client, server)
                yield client, server

    def check_header(self, kind: str, client: socket.socket, server: socket.socket) -> Header:
        header = self.read_header(kind, server)
        assert header.family == FAMILY[self.family], f"the header's family is {header.family}"
        assert header.source == client.getsockname()[:2], f"source {header.source}, client is {client.getsockname()}"
        assert header.destination == self.listener(kind), f"destination {header.destination}, not {self.listener(kind)}"
        return header

    @staticmethod
    def read_header(kind: str, server: socket.socket) -> Header:
        return read_header(server, HEADER_OF[kind])

    def expect_flow(self, client_port: int, why: str | tuple[str, ...], *, up: int | range | None = None,
                    down: int | range | None = None) -> dict[str, str]:
        """The one flow line of this client: its reason, its exact counts, its path."""
        reasons = (why,) if isinstance(why, str) else why

        def is_ours(fields: dict[str, str]) -> bool:
            return fields["client"] != "-" and parse_hostport(fields["client"])[1] == client_port

        line = self.edge.wait_flow(is_ours, after=self.first_flow)
        assert line["why"] in reasons, f"why={line['why']}, expected {' or '.join(reasons)}: {line}"
        for key, expected in (("up", up), ("down", down)):
            counts = expected if isinstance(expected, range) else (expected,)
            assert expected is None or int(line[key]) in counts, f"{key}={line[key]}, expected {expected}: {line}"
        paths = {"auto": ("auto", "copy", "splice", "handoff"), "sockmap": ("sockmap", "splice")}.get(self.path, (self.path,))
        assert line["path"] in paths, f"path={line['path']} on a listener with path = {self.path}: {line}"
        return line

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """The edge is stopped inside the block: what happens on its sockets meanwhile, it finds all at once."""
        self.edge.signal(signal.SIGSTOP)
        try:
            assert self.wait_until(self.edge.is_stopped), "the edge does not stop"
            yield
            time.sleep(0.002)  # loopback delivers in the sender's system call, but for what a softirq has put off
        finally:
            self.edge.signal(signal.SIGCONT)

    def idle_cpu(self, seconds: float = 0.3) -> float:
        """The share of one processor that the edge takes over the next moment."""
        before = self.edge.cpu()
        time.sleep(seconds)
        return (self.edge.cpu() - before) / seconds

    def check_calm(self, what: str) -> None:
        share = self.idle_cpu()
        assert share < 0.3, f"the edge spins ({share:.0%} of a processor) {what}"

    def time_waits(self, kind: str = "plain") -> int:
        """How many connections to this backend lie in TIME_WAIT, holding a port of the edge."""
        port = f":{self.backend_address(kind)[1]:04X}"
        rows = tcp_table("self", "tcp" if self.family == 4 else "tcp6")
        return sum(1 for local, remote, state, _ in rows if state == "06" and remote.endswith(port))

    def wait_until(self, condition: Callable[[], bool], seconds: float = 5) -> bool:
        deadline = time.monotonic() + seconds * self.patience
        while not condition():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.005)
        return True

    def check_settled(self, *, pipes: bool = False) -> None:
        """The edge lives and holds what it held at the start. Its spare pipes it keeps for a second or two: waiting
        for those after each scenario would double the time, so one scenario at the end of each path does it for all."""
        assert self.edge.alive(), f"the edge is gone:\n{self.edge.log()[-4000:]}"
        kinds = [kind for kind in self.rig.start if pipes or self.rig.strict or kind != "pipe"]

        def held() -> list[int]:
            return [self.edge.fds()[kind] for kind in kinds]

        start = [self.rig.start[kind] for kind in kinds]
        if not self.wait_until(lambda: held() == start):
            raise AssertionError(f"descriptors at the start {self.rig.start}, after the flows ended {self.edge.fds()}")
