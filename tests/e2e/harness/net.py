"""Three network namespaces in a row, made for one test run and gone after it.

    client  203.0.113.100-102  -- 203.0.113.10  edge  198.51.100.10 --  198.51.100.20  backend
            2001:db8:113::100-102 2001:db8:113::10   2001:db8:51::10    2001:db8:51::20

Nothing routes between the two links: what a backend knows of a client, the edge has told it.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, TypeVar

CLIENT, EDGE, BACKEND = "client", "edge", "backend"
NAMESPACES = (CLIENT, EDGE, BACKEND)
NETNS_DIR = Path("/run/netns")
CLONE_NEWNET = 0x40000000
TCP_LISTEN = "0A"

T = TypeVar("T")


@dataclass(frozen=True)
class Family:
    """The addresses of one IP version, by who has them."""

    name: str
    af: int
    prefix: int
    clients: tuple[str, str, str]
    edge: str
    edge_back: str
    backend: str

    def __str__(self) -> str:
        return self.name

    def host(self, address: str) -> str:
        """The address as it stands before a ":PORT"."""
        return f"[{address}]" if self.af == socket.AF_INET6 else address


V4 = Family(
    "v4", socket.AF_INET, 24,
    ("203.0.113.100", "203.0.113.101", "203.0.113.102"),
    "203.0.113.10", "198.51.100.10", "198.51.100.20",
)
V6 = Family(
    "v6", socket.AF_INET6, 64,
    ("2001:db8:113::100", "2001:db8:113::101", "2001:db8:113::102"),
    "2001:db8:113::10", "2001:db8:51::10", "2001:db8:51::20",
)
FAMILIES = (V4, V6)

# (namespace, device, whose addresses): one row for each end of the two links
ENDS = (
    (CLIENT, "out", lambda family: family.clients),
    (EDGE, "front", lambda family: (family.edge,)),
    (EDGE, "back", lambda family: (family.edge_back,)),
    (BACKEND, "in", lambda family: (family.backend,)),
)


class NetUnavailable(Exception):
    """This machine does not let us make network namespaces."""


def enter_namespace(path: str) -> None:
    """Move the calling thread, and only it, into the namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if libc.setns(fd, CLONE_NEWNET) != 0:
            error = ctypes.get_errno()
            raise OSError(error, os.strerror(error), path)
    finally:
        os.close(fd)


def listening_ports(table: str) -> set[int]:
    """Ports in state LISTEN in the text of /proc/net/tcp or tcp6."""
    rows = (line.split() for line in table.splitlines()[1:])
    return {int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == TCP_LISTEN}


class Net:
    """The namespaces, and everything that runs in them; leaving the context removes both."""

    _serial = itertools.count()
    namespaces: tuple[str, ...] = NAMESPACES

    def __init__(self) -> None:
        self.tag = f"tailsplice-{os.getpid()}-{next(self._serial)}"
        self._children: list[subprocess.Popen[Any]] = []

    def __enter__(self) -> Net:
        remove_strays()
        try:
            self._make()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def name(self, ns: str) -> str:
        """What `ip netns exec` calls it."""
        return f"{self.tag}-{ns}"

    def path(self, ns: str) -> str:
        """The file that stands for the namespace."""
        return str(NETNS_DIR / self.name(ns))

    def run(self, ns: str, argv: list[str], **kwargs: Any) -> subprocess.CompletedProcess[Any]:
        """subprocess.run inside the namespace, never without a time limit."""
        kwargs.setdefault("timeout", 60)
        return subprocess.run(["nsenter", f"--net={self.path(ns)}", *argv], **kwargs)

    def popen(self, ns: str, argv: list[str], **kwargs: Any) -> subprocess.Popen[Any]:
        """subprocess.Popen inside the namespace; pid is the program's own, and it leads a session.

        It also ends when this process is killed, unless it has changed its user (then the next run
        removes it). The kernel watches the thread that forked: call this from the main one.
        """
        prefix = ["nsenter", f"--net={self.path(ns)}", "setpriv", "--pdeathsig", "TERM"]
        child = subprocess.Popen([*prefix, *argv], start_new_session=True, **kwargs)
        self._children.append(child)
        return child

    def stop(self, child: subprocess.Popen[Any], patience: float = 5) -> int:
        """End one process of popen and what is left of its session; returns its status."""
        if child.returncode is None:
            os.kill(child.pid, signal.SIGTERM)  # terminate() would reap one that has ended
            deadline = time.monotonic() + patience
            while not has_ended(child.pid) and time.monotonic() < deadline:
                time.sleep(0.01)
            # not reaped yet, so the session's id cannot be someone else's
            os.killpg(child.pid, signal.SIGKILL)
        return child.wait()

    def call(self, ns: str, function: Callable[..., T], *args: Any) -> T:
        """function(*args) in the namespace: in a thread that ends with it, so none has to return."""
        outcome: list[Any] = [None, None]

        def inside() -> None:
            try:
                enter_namespace(self.path(ns))
                outcome[0] = function(*args)
            except BaseException as error:  # noqa: BLE001 - raised again in the caller
                outcome[1] = error

        thread = threading.Thread(target=inside)
        thread.start()
        thread.join()
        if outcome[1] is not None:
            raise outcome[1]
        return outcome[0]

    def socket(self, ns: str, af: int = socket.AF_INET, kind: int = socket.SOCK_STREAM) -> socket.socket:
        """A socket that lives in the namespace; any thread may use it."""
        return self.call(ns, socket.socket, af, kind)

    def connect(
        self, ns: str, address: tuple[str, int], source: str | None = None, timeout: float = 10
    ) -> socket.socket:
        """A connected socket, from the given source address if there is one."""
        af = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        sock = self.socket(ns, af)
        try:
            sock.settimeout(timeout)
            if source:
                sock.bind((source, 0))
            sock.connect(address)
        except BaseException:
            sock.close()
            raise
        return sock

    def listening(self, ns: str, af: int) -> set[int]:
        """Ports that something in the namespace listens on, without touching them."""
        table = "tcp6" if af == socket.AF_INET6 else "tcp"
        return listening_ports(self.call(ns, Path(f"/proc/thread-self/net/{table}").read_text))

    def close(self) -> None:
        """End every process, remove every namespace; harmless when there is nothing."""
        for child in reversed(self._children):
            self.stop(child)
        self._children.clear()
        for ns in self.namespaces:
            remove_namespace(self.name(ns))

    def _make(self) -> None:
        for ns in self.namespaces:
            self._add_namespace(ns)
        self._link((CLIENT, "out"), (EDGE, "front"))
        self._link((EDGE, "back"), (BACKEND, "in"))
        # up first: an address that is there before its link answers no neighbour for the first second
        for ns, device, _ in ENDS:
            ip("-n", self.name(ns), "link", "set", device, "up")
        for ns, device, addresses in ENDS:
            for family in FAMILIES:
                for address in addresses(family):
                    ip("-n", self.name(ns), "address", "add", f"{address}/{family.prefix}",
                       "dev", device, *(("nodad",) if family is V6 else ()))

    def _add_namespace(self, ns: str) -> None:
        try:
            ip("netns", "add", self.name(ns))
        except subprocess.CalledProcessError as error:
            raise NetUnavailable(f"no network namespaces here: {error.stderr.strip()}") from error
        ip("-n", self.name(ns), "link", "set", "lo", "up")

    def _link(self, one: tuple[str, str], other: tuple[str, str]) -> None:
        ip("-n", self.name(one[0]), "link", "add", one[1], "type", "veth",
           "peer", "name", other[1], "netns", self.name(other[0]))


def ip(*args: str) -> None:
    """One command of iproute2; its own words in the error."""
    subprocess.run(["ip", *args], check=True, capture_output=True, text=True, timeout=20)


def has_ended(pid: int) -> bool:
    """Whether a child has exited; leaves it to be waited for."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def remove_namespace(name: str) -> None:
    """Remove a namespace of ours and the processes in it."""
    if not (NETNS_DIR / name).exists():
        return
    inside = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True, timeout=20)
    for pid in map(int, inside.stdout.split()):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    subprocess.run(["ip", "netns", "delete", name], capture_output=True, timeout=20)
    shutil.rmtree(Path("/etc/netns", name), ignore_errors=True)


def remove_strays() -> None:
    """Remove what a run that was killed has left: the name says whose it was."""
    for entry in NETNS_DIR.glob("tailsplice-*-*"):
        owner = re.fullmatch(r"tailsplice-(\d+)-\d+-\w+", entry.name)
        if owner and not Path("/proc", owner[1]).exists():
            remove_namespace(entry.name)
