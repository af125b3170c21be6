"""Clients from many addresses: all of 127.0.0.0/8 is this machine's."""

from __future__ import annotations

import selectors
import socket
import struct
import threading
from collections import deque
from typing import Iterator

TIMEOUT = 10.0


def connect_from(source: str, port: int, address: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection((address, port), timeout=TIMEOUT, source_address=(source, 0))


def fate(client: socket.socket, seconds: float) -> str:
    """What becomes of a client that only listens: "reset", "end", "data", or "silence" for so long."""
    client.settimeout(seconds)
    try:
        return "data" if client.recv(1) else "end"
    except TimeoutError:
        return "silence"
    except ConnectionResetError:
        return "reset"
    finally:
        client.settimeout(TIMEOUT)


def fate_from(source: str, port: int, seconds: float = 0.3) -> str:
    """The same for a new one: connect(2) itself may be the one to see the reset."""
    try:
        with connect_from(source, port) as client:
            return fate(client, seconds)
    except ConnectionResetError:
        return "reset"


def knock(sources: Iterator[str], port: int, at_a_time: int = 200) -> int:
    """One connection from each, of which the last so many stay: the first are judged by then. How many there were."""
    staying: deque[socket.socket] = deque()
    count = 0
    for source in sources:
        sock = socket.socket()
        # without: each leaves a port in TIME_WAIT
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.bind((source, 0))
        try:
            sock.connect(("127.0.0.1", port))
        except ConnectionResetError:
            pass
        staying.append(sock)
        count += 1
        if len(staying) > at_a_time:
            staying.popleft().close()
    for sock in staying:
        sock.close()
    return count


class Echo:
    """Accepts everybody on a listening socket and gives back what comes, until the end of the block."""

    def __init__(self, listener: socket.socket) -> None:
        self.listener = listener
        self.living = 0
        self._ended = threading.Event()

    def __enter__(self) -> Echo:
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _serve(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self.listener, selectors.EVENT_READ)
            while not self._ended.is_set():
                for key, _ in selector.select(0.05):
                    if key.fileobj is self.listener:
                        selector.register(self.listener.accept()[0], selectors.EVENT_READ)
                        self.living += 1
                    elif not self._pass_on(key.fileobj):
                        selector.unregister(key.fileobj)
                        key.fileobj.close()
                        self.living -= 1
            for key in list(selector.get_map().values()):
                if key.fileobj is not self.listener:
                    key.fileobj.close()

    def _pass_on(self, sock: socket.socket) -> bool:
        try:
            data = sock.recv(4096)
            sock.sendall(data)
            return bool(data)
        except OSError:
            return False
