"""A SOCKS5 server (RFC 1928, RFC 1929) for one test: it does as it should, or as it should not."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Callable

from harness.stand import TIMEOUT, listen

NAME, V4, V6 = 3, 1, 4


@dataclass
class Manners:
    """How it answers. `mangle` gets each answer and returns the pieces that are sent, one after the other."""

    user: str = ""  # with `password`: asks for both
    password: str = ""
    reply: int = 0
    bound: bytes = b"\x01\x00\x00\x00\x00\x00\x00"  # what stands behind the reply: kind, address, port
    mangle: Callable[[bytes], list[bytes]] = field(default=lambda answer: [answer])
    hosts: dict[str, tuple[str, int]] = field(default_factory=dict)  # what a name stands for


class SocksServer:
    """Listens until the end of the block; `asked` is what it was asked for, as (kind, host, port)."""

    def __init__(self, manners: Manners | None = None, address: str = "127.0.0.1") -> None:
        self.manners = manners or Manners()
        self.asked: list[tuple[int, str, int]] = []
        self.logins: list[tuple[str, str]] = []
        self.sock = listen(address)
        self.port = self.sock.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._open: list[socket.socket] = []
        self._closing = False
        self._lock = threading.Lock()

    def __enter__(self) -> "SocksServer":
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()
        with self._lock:
            self._closing = True
            for sock in self._open:
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(TIMEOUT)
        for sock in self._open:
            sock.close()

    def _keep(self, sock: socket.socket) -> None:
        with self._lock:
            self._open.append(sock)
            if self._closing:
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.sock.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._keep(client)
            thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError, EOFError, struct.error):
            if not self._greet(client):
                return
            server = self._connect(client)
            if server:
                back = threading.Thread(target=pipe, args=(server, client), daemon=True)
                back.start()
                pipe(client, server)
                back.join(TIMEOUT)

    def _say(self, client: socket.socket, answer: bytes) -> None:
        for piece in self.manners.mangle(answer):
            client.sendall(piece)
            threading.Event().wait(0.005)  # so that each piece is a segment of its own

    def _greet(self, client: socket.socket) -> bool:
        version, count = exactly(client, 2)
        methods = exactly(client, count)
        wanted = 2 if self.manners.password else 0
        if version != 5 or wanted not in methods:
            self._say(client, b"\x05\xff")
            return False
        self._say(client, bytes((5, wanted)))
        if not wanted:
            return True
        exactly(client, 1)
        user = exactly(client, exactly(client, 1)[0]).decode()
        password = exactly(client, exactly(client, 1)[0]).decode()
        self.logins.append((user, password))
        good = (user, password) == (self.manners.user, self.manners.password)
        self._say(client, b"\x01" + bytes((not good,)))
        return good

    def _connect(self, client: socket.socket) -> socket.socket | None:
        _, _, _, kind = exactly(client, 4)
        if kind == NAME:
            host = exactly(client, exactly(client, 1)[0]).decode()
        else:
            host = socket.inet_ntop(*((socket.AF_INET, exactly(client, 4)) if kind == V4 else (socket.AF_INET6, exactly(client, 16))))
        port, = struct.unpack("!H", exactly(client, 2))
        self.asked.append((kind, host, port))
        reply, server = self.manners.reply, None
        if not reply:
            try:
                server = socket.create_connection(self.manners.hosts.get(host, (host, port)), TIMEOUT)
                server.settimeout(None)
                self._keep(server)
            except ConnectionRefusedError:
                reply = 5
        self._say(client, bytes((5, reply, 0)) + self.manners.bound)
        return server


def pipe(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


def exactly(sock: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = sock.recv(count - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data
