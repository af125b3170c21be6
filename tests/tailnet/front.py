"""The edge in its namespace of the rig, and what clients see in front of it."""

from __future__ import annotations

import re
import socket
import struct
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator

from harness.edge import Edge
from harness.net import CLIENT, EDGE, V4
from harness.operate import ask
from rig import Rig

PORT = 25
UNLIMITED = "rate-per-source = off\nmax-flows-per-source = off\n"  # all clients have one address


def edge_on(rig: Rig, binary: str, sections: str, *, control: Path | None = None, keys: str = "") -> Edge:
    """An edge that follows the rig's tailscaled; `keys` are more of [global]."""
    ini = f"[global]\ntailscale = {rig.nodes[EDGE].socket}\nworkers = 2\n{keys}\n"
    if control:
        ini += f"control = {control}\n"
    return Edge(ini + sections, binary=binary, netns=rig.name(EDGE))


def leads(server: str, ports: str = str(PORT), more: str = "send-proxy = v2") -> str:
    """A listener on the public address that leads to one server."""
    return f"[listen mail]\nbind = {V4.edge}\nports = {ports}\nbackend = box\n{UNLIMITED}\n[backend box]\nserver = {server}\n{more}\n"


def tailnet_of(control: Path) -> dict[str, Any]:
    """What `status` says of the tailnet."""
    return ask(control, "status")["tailnet"]


class Greeter:
    """A server on a node: greets each connection with the address it was reached at, then stays until the client goes."""

    def __init__(self, rig: Rig, ns: str, port: int = PORT) -> None:
        self.listener = rig.socket(ns, socket.AF_INET)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("0.0.0.0", port))
        self.listener.listen(1024)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._greet, args=(connection,), daemon=True).start()

    def _greet(self, connection: socket.socket) -> None:
        with connection:
            try:
                connection.sendall(f"220 {connection.getsockname()[0]}\r\n".encode())
                while connection.recv(4096):
                    pass
            except OSError:
                pass

    def __enter__(self) -> Greeter:
        return self

    def __exit__(self, *_: object) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def greeting(rig: Rig, port: int = PORT, timeout: float = 10) -> str:
    """The address in the greeting that a new client gets; "" when it gets none."""
    try:
        with rig.connect(CLIENT, (V4.edge, port), timeout=timeout) as client:
            found = re.fullmatch(rb"220 ([\d.]+)\r\n", client.recv(100))
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return found[1].decode() if found else ""
    except OSError:
        return ""


class Stream:
    """New connections, one after the other in each of a few threads: when each was tried, and which server greeted."""

    def __init__(self, rig: Rig, threads: int = 8, patience: float = 0.5) -> None:
        self.rig, self.patience = rig, patience
        self.tries: list[tuple[float, float, str]] = []  # begun, ended, greeted by
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]

    def _run(self) -> None:
        while not self._end.is_set():
            began = time.monotonic()
            said = greeting(self.rig, timeout=self.patience)
            self.tries.append((began, time.monotonic(), said))
            self._end.wait(0.02)

    def __enter__(self) -> Stream:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()

    def first_by(self, address: str) -> float:
        """When a client was first greeted by that server; inf: never."""
        return min((ended for _, ended, said in self.tries if said == address), default=float("inf"))

    def last_failure(self) -> float:
        """When the last connection that got no greeting was begun."""
        return max((began for began, _, said in self.tries if not said), default=0.0)


@contextmanager
def watched_leaks(rig: Rig) -> Iterator[Any]:
    """Counts packets to tailnet addresses that leave the edge by another device than the tailnet's."""
    elsewhere = 'add rule inet leak out oifname != { "tailscale0", "lo" }'
    rules = ("add table inet leak\nadd chain inet leak out { type filter hook output priority 0; }\n"
             f"{elsewhere} ip daddr 100.64.0.0/10 counter\n{elsewhere} ip6 daddr fd7a:115c:a1e0::/48 counter\n")
    rig.run(EDGE, ["nft", "-f", "-"], input=rules, text=True, check=True, capture_output=True)

    def count() -> int:
        told = rig.run(EDGE, ["nft", "list", "table", "inet", "leak"], check=True, capture_output=True, text=True)
        return sum(int(n) for n in re.findall(r"counter packets (\d+)", told.stdout))

    try:
        yield count
    finally:
        rig.run(EDGE, ["nft", "delete", "table", "inet", "leak"], capture_output=True)
