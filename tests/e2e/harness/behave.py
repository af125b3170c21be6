"""A server in this process that does the same with each connection, until it is told to do something else."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from typing import Callable, Iterator

from harness.stand import listen
from harness.wire import reset

Behaviour = Callable[[socket.socket], None]


class Behaving:
    """`behave` may be changed at any time; each connection has a thread of its own."""

    def __init__(self, behave: Behaviour, address: str = "127.0.0.1", port: int = 0) -> None:
        self.behave = behave
        self.address = address
        self.served = 0
        self._open(port)
        self.port: int = self._sock.getsockname()[1]

    def _open(self, port: int) -> None:
        self._sock = listen(self.address, port)
        self._sock.settimeout(None)
        threading.Thread(target=self._serve, args=(self._sock,), daemon=True).start()

    def close(self) -> None:
        """Nobody listens any more."""
        self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()

    def reopen(self) -> None:
        self._open(self.port)

    def _serve(self, sock: socket.socket) -> None:
        while True:
            try:
                client, _ = sock.accept()
            except OSError:
                return
            self.served += 1
            threading.Thread(target=self._guarded, args=(client, self.behave), daemon=True).start()

    @staticmethod
    def _guarded(client: socket.socket, behave: Behaviour) -> None:
        with client:
            try:
                behave(client)
            except OSError:
                pass


@contextmanager
def behaving(behave: Behaviour, address: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """The port of one that does not change."""
    server = Behaving(behave, address, port)
    try:
        yield server.port
    finally:
        server.close()


# -- behaviours ------------------------------------------------------------------------------------------------------


def smtp(client: socket.socket) -> None:
    """Greets, and takes leave of whoever does."""
    client.sendall(b"220 here ESMTP\r\n")
    while data := client.recv(4096):
        if data.startswith(b"QUIT"):
            client.sendall(b"221 bye\r\n")
            return
        client.sendall(b"250 ok\r\n")


def stay(client: socket.socket) -> None:
    """Says nothing."""
    while client.recv(4096):
        pass


def saying(words: bytes) -> Behaviour:
    """Says that, and no more."""
    def behave(client: socket.socket) -> None:
        client.sendall(words)
        stay(client)

    return behave


def end(client: socket.socket) -> None:
    """Ends at once, without a word."""


def drop(client: socket.socket) -> None:
    """The same, with a reset."""
    reset(client)
