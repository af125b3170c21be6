"""The usual stand of a test: one edge with one listener, one backend in the test, and what goes between."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from typing import Any, Iterator

from harness.edge import Edge, free_port

TIMEOUT = 10.0


def listen(address: str = "127.0.0.1", port: int = 0, backlog: int = 1024) -> socket.socket:
    """A listening socket; port 0 takes one outside the range the kernel dials from."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    sock.bind((address, port or free_port()))
    sock.listen(backlog)
    sock.settimeout(TIMEOUT)
    return sock


def connect(port: int, address: str = "127.0.0.1", timeout: float = TIMEOUT) -> socket.socket:
    return socket.create_connection((address, port), timeout=timeout)


def accept(backend: socket.socket) -> socket.socket:
    server, _ = backend.accept()
    server.settimeout(TIMEOUT)
    return server


class Stand:
    """A running edge, the port in front of it and the backend behind it."""

    def __init__(self, edge: Edge, port: int, backend: socket.socket) -> None:
        self.edge = edge
        self.port = port
        self.backend = backend

    def flow(self, address: str = "127.0.0.1") -> tuple[socket.socket, socket.socket]:
        """(client's socket, backend's socket) of a new flow. The caller closes both."""
        client = connect(self.port, address)
        try:
            return client, accept(self.backend)
        except BaseException:
            client.close()
            raise


@contextmanager
def stand(*, global_keys: str = "", listen_keys: str = "", backend_keys: str = "", backend_address: str = "127.0.0.1",
          **edge_options: Any) -> Iterator[Stand]:
    """An edge on a free port, leading to a listening socket of the test."""
    port = free_port()
    with listen(backend_address) as backend:
        literal = f"[{backend_address}]" if ":" in backend_address else backend_address
        ini = (f"[global]\n{global_keys}\n[listen front]\nports = {port}\nbackend = back\n{listen_keys}\n"
               f"[backend back]\nserver = {literal}:{backend.getsockname()[1]}\n{backend_keys}\n")
        with Edge(ini, **edge_options) as edge:
            yield Stand(edge, port, backend)


def echo_once(client: socket.socket, server: socket.socket, text: bytes = b"hello") -> None:
    """A few bytes each way."""
    client.sendall(text)
    assert server.recv(len(text), socket.MSG_WAITALL) == text
    server.sendall(text)
    assert client.recv(len(text), socket.MSG_WAITALL) == text
