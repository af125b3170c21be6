"""A DNS server (RFC 1035) that knows the addresses of a few names; for one namespace whose resolv.conf leads to it."""

from __future__ import annotations

import shutil
import socket
import struct
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from harness.net import Net

A, AAAA = 1, 28
NAMESERVER = "127.0.0.1"


class Dns:
    """`names`, `ttl` and `delay` may be changed while it runs."""

    def __init__(self, sock: socket.socket, names: dict[str, list[str]]) -> None:
        self.names = names
        self.ttl = 5
        self.delay = 0.0
        self.asked: set[str] = set()
        self.sock = sock
        self.thread = threading.Thread(target=self._serve, daemon=True)

    def _serve(self) -> None:
        while True:
            question, client = self.sock.recvfrom(512)
            if not question:
                return
            time.sleep(self.delay)
            self.sock.sendto(self._answer(question), client)

    def _answer(self, question: bytes) -> bytes:
        name, at = [], 12
        while question[at]:
            name.append(question[at + 1:at + 1 + question[at]].decode().lower())
            at += 1 + question[at]
        kind, = struct.unpack("!H", question[at + 1:at + 3])
        self.asked.add(".".join(name))
        known = self.names.get(".".join(name))
        records = [socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
                   for address in known or [] if kind == (AAAA if ":" in address else A)]
        body = b"".join(struct.pack("!HHHIH", 0xC00C, kind, 1, self.ttl, len(data)) + data for data in records)
        code = 0 if known is not None else 3
        return question[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, len(records), 0, 0) + question[12:at + 5] + body


@contextmanager
def answering(net: Net, ns: str, address: str, names: dict[str, list[str]]) -> Iterator[Dns]:
    """A server on port 53 of that address of the namespace."""
    server = Dns(net.socket(ns, kind=socket.SOCK_DGRAM), names)
    server.sock.bind((address, 53))
    server.thread.start()
    try:
        yield server
    finally:
        with net.socket(ns, kind=socket.SOCK_DGRAM) as last:
            last.sendto(b"", (address, 53))
        server.thread.join()
        server.sock.close()


def resolve_by(net: Net, ns: str, address: str) -> None:
    """Programs that `ip netns exec` starts in that namespace ask there; those that run see the change, too."""
    folder = Path("/etc/netns") / net.name(ns)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "resolv.conf").write_text(f"nameserver {address}\n")


@contextmanager
def dns(net: Net, ns: str, names: dict[str, list[str]]) -> Iterator[Dns]:
    """Programs that `ip netns exec` starts in that namespace find it in their resolv.conf."""
    resolve_by(net, ns, NAMESERVER)
    try:
        with answering(net, ns, NAMESERVER, names) as server:
            yield server
    finally:
        shutil.rmtree(Path("/etc/netns") / net.name(ns))
