"""stage - network namespaces client - edge - backend, and the processes that run in them.

A stage is one variant's for one round. What its runs leave behind (TIME_WAIT sockets, which make the next connect()
search for a port; learnt routes and metrics) goes with it, so no variant pays for another's. Without an edge, client and
backend are joined directly. Timestamps, SACK and buffers are the kernel's defaults.
Leaving the `with` block ends every process by its pid and removes the namespaces, whatever happened inside.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from ipaddress import ip_interface
from pathlib import Path

CLIENT, EDGE, BACKEND = "c", "e", "b"
CLIENT_ADDR = "192.0.2.2"
EDGE_ADDR = "192.0.2.1"
EDGE_INNER_ADDR = "192.0.2.129"
BACKEND_ADDR = "192.0.2.130"

# tcp_tw_reuse: the remedy that an operator of a proxy to one server address sets; without it the proxies that leave
# TIME_WAIT on the server's side run out of ports within seconds of the connection measure.
SYSCTLS = {
    "net.ipv4.ip_local_port_range": "2000 65000",
    "net.core.somaxconn": "4096",
    "net.ipv4.tcp_max_syn_backlog": "4096",
    "net.ipv4.tcp_tw_reuse": "1",
    "net.ipv4.ip_forward": "1",
}

# The same everywhere, whatever this machine's default is; by route, as a namespace may not choose every algorithm.
CONGESTION = ("congctl", "cubic")


class StageError(Exception):
    """Something could not be set up; the text says what."""


def sh(*argv: str) -> None:
    done = subprocess.run(argv, capture_output=True, text=True)
    if done.returncode:
        raise StageError(f"{' '.join(argv)}: {done.stderr.strip() or done.returncode}")


def parents() -> dict[int, int]:
    """Every process on the machine and who started it."""
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                fields = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            found[int(entry)] = int(fields[1])
    return found


def descendants(pid: int) -> list[int]:
    """The process and all it started, itself first."""
    family, known = [pid], parents()
    for member in family:
        family += [child for child, parent in known.items() if parent == member]
    return family


def listening(pid: int) -> set[int]:
    """The TCP ports that anybody listens on in the namespace of this process."""
    ports = set()
    for table in ("tcp", "tcp6"):
        try:
            rows = Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, rows):
            if fields[3] == "0A":
                ports.add(int(fields[1].rpartition(":")[2], 16))
    return ports


class Stage:
    built = 0

    def __init__(self, logs: Path, edge: bool = True) -> None:
        Stage.built += 1
        self.prefix = f"tsb{os.getpid()}-{Stage.built}"
        self.logs = logs
        self.places = (CLIENT, EDGE, BACKEND) if edge else (CLIENT, BACKEND)
        self.children: list[subprocess.Popen] = []

    def name(self, where: str) -> str:
        return self.prefix + where

    @property
    def server(self) -> str:
        """The address to reach it at."""
        return BACKEND_ADDR

    @property
    def edge(self) -> str:
        return EDGE_ADDR

    def __enter__(self) -> Stage:
        try:
            self._build()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _build(self) -> None:
        settings = [f"{key}={value}" for key, value in SYSCTLS.items()]
        for where in self.places:
            sh("ip", "netns", "add", self.name(where))
            sh("ip", "-n", self.name(where), "link", "set", "lo", "up")
            sh("ip", "netns", "exec", self.name(where), "sysctl", "-qw", *settings)
        if EDGE not in self.places:
            self._join(CLIENT, CLIENT_ADDR, BACKEND, BACKEND_ADDR, 24)
            return
        self._join(CLIENT, CLIENT_ADDR, EDGE, EDGE_ADDR, 25)
        self._join(BACKEND, BACKEND_ADDR, EDGE, EDGE_INNER_ADDR, 25)
        for where, gateway in ((CLIENT, EDGE_ADDR), (BACKEND, EDGE_INNER_ADDR)):
            sh("ip", "-n", self.name(where), "route", "add", "default", "via", gateway, *CONGESTION)

    def _remove(self) -> None:
        for where in self.places:
            subprocess.run(["ip", "netns", "del", self.name(where)], capture_output=True)

    def _join(self, one: str, address: str, other: str, other_address: str, prefix: int) -> None:
        ends = ((self.name(one), f"to-{other}", address), (self.name(other), f"to-{one}", other_address))
        (ns, link, _), (other_ns, other_link, _) = ends
        sh("ip", "link", "add", link, "netns", ns, "type", "veth", "peer", "name", other_link, "netns", other_ns)
        for ns, link, own in ends:
            sh("ip", "-n", ns, "addr", "add", f"{own}/{prefix}", "dev", link)
            sh("ip", "-n", ns, "link", "set", link, "up")
            network = ip_interface(f"{own}/{prefix}").network
            sh("ip", "-n", ns, "route", "change", str(network), "dev", link, "src", own, *CONGESTION)

    def spawn(self, where: str, argv: list[str], env: dict[str, str] | None = None) -> subprocess.Popen:
        """Starts a process that ends with this one, even where this one is killed."""
        inside = ["ip", "netns", "exec", self.name(where), "setpriv", "--pdeathsig", "TERM", "--", *argv]
        with open(self.logs / f"{where}-{Path(argv[0]).name}.log", "wb") as log:
            child = subprocess.Popen(
                inside,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if where == CLIENT else log,
                stderr=log,
                env={**os.environ, **(env or {})},
                start_new_session=True,
            )
        child.program, child.log = Path(argv[0]).name, Path(log.name)
        self.children.append(child)
        return child

    def await_ports(self, child: subprocess.Popen, ports: list[int], patience: float = 15) -> None:
        end = time.monotonic() + patience
        while not listening(child.pid) >= set(ports):
            if child.poll() is not None:
                raise StageError(f"{child.program} ended (exit status {child.returncode}) {said(child)}")
            if time.monotonic() > end:
                raise StageError(f"{child.program} does not listen on {ports} after {patience:g} s: {said(child)}")
            time.sleep(0.02)

    def finish(self, child: subprocess.Popen, patience: float) -> str:
        """What a process wrote, once it has ended well."""
        try:
            out, _ = child.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            end(child)
            raise StageError(f"{child.program} was not done after {patience:g} s") from None
        finally:
            self.children.remove(child)
        if child.returncode:
            raise StageError(f"{said(child) or child.program} (exit status {child.returncode})")
        return out.decode()

    def close(self) -> None:
        held = {s: signal.signal(s, signal.SIG_IGN) for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        try:
            for child in reversed(self.children):
                end(child)
            self.children.clear()
            self._remove()
        finally:
            for number, handler in held.items():
                signal.signal(number, handler)


def said(child: subprocess.Popen) -> str:
    lines = child.log.read_text(errors="replace").strip().splitlines()
    return " / ".join(lines[-3:])


def end(child: subprocess.Popen) -> None:
    """Ends a process and what it started; asked first, then killed."""
    if child.poll() is None:
        family = descendants(child.pid)
        child.terminate()
        try:
            child.wait(timeout=3)
        except subprocess.TimeoutExpired:
            pass
        for pid in set(family) & set(parents()):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        child.wait()
    if child.stdout:
        child.stdout.close()
