"""Bytes on sockets: streams whose every byte is known, their digests, resets, and threads that cannot hang."""

from __future__ import annotations

import errno
import hashlib
import random
import select
import socket
import struct
import threading
import time
from typing import Any, Callable

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB
BROKEN = (errno.ECONNRESET, errno.EPIPE)  # EPIPE where the end of the other half had come before the reset
POOL = 4 * MIB + 7  # no multiple of a page, a pipe or a segment: a swapped or repeated block changes the digest


class Stream:
    """A reproducible stream of random bytes; two salts never give the same one."""

    def __init__(self, salt: int) -> None:
        self.pool = random.Random(salt).randbytes(POOL)
        self.view = memoryview(self.pool)
        self.digests: dict[int, str] = {}

    def chunk(self, offset: int, size: int) -> memoryview:
        start = offset % POOL
        return self.view[start:min(start + size, POOL)]

    def digest(self, size: int) -> str:
        if size not in self.digests:
            hasher = hashlib.sha256()
            whole, rest = divmod(size, POOL)
            for _ in range(whole):
                hasher.update(self.pool)
            hasher.update(self.view[:rest])
            self.digests[size] = hasher.hexdigest()
        return self.digests[size]


UP = Stream(1)
DOWN = Stream(2)


def random_size(dice: random.Random, largest: int = 256 * KIB) -> int:
    """Sizes spread evenly over their magnitude: single bytes are as likely as tens of kilobytes."""
    return int(2 ** dice.uniform(0, largest.bit_length() - 1))


def send_stream(sock: socket.socket, stream: Stream, size: int, *, start: int = 0, dice: random.Random | None = None,
                finish: bool = False) -> int:
    """Send bytes [start, start + size) of `stream`, in random pieces where `dice` is given."""
    sent = 0
    while sent < size:
        piece = random_size(dice) if dice else 256 * KIB
        chunk = stream.chunk(start + sent, min(piece, size - sent))
        sock.sendall(chunk)
        sent += len(chunk)
    if finish:
        sock.shutdown(socket.SHUT_WR)
    return sent


def read_all(sock: socket.socket, limit: int | None = None) -> tuple[int, str]:
    """Read to the end (or `limit` bytes): how many, and their SHA-256."""
    hasher = hashlib.sha256()
    buffer = bytearray(256 * KIB)
    view = memoryview(buffer)
    count = 0
    while limit is None or count < limit:
        room = len(buffer) if limit is None else min(len(buffer), limit - count)
        got = sock.recv_into(view[:room])
        if got == 0:
            break
        hasher.update(view[:got])
        count += got
    return count, hasher.hexdigest()


def check_stream(sock: socket.socket, stream: Stream, size: int, *, to_end: bool = True) -> None:
    """The peer sends exactly the first `size` bytes of `stream`, and then, with `to_end`, a clean end."""
    count, digest = read_all(sock, None if to_end else size)
    assert count == size, f"{count} bytes arrived, {size} were sent"
    assert digest == stream.digest(size), f"the {size} bytes that arrived are not those that were sent"


def read_exact(sock: socket.socket, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        part = sock.recv(size - len(parts))
        assert part, f"the connection ended after {len(parts)} of {size} bytes: {bytes(parts[:80])!r}"
        parts += part
    return bytes(parts)


def reset(sock: socket.socket) -> None:
    """Close with a reset instead of a FIN."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def read_until_reset(sock: socket.socket) -> int:
    """Read until the connection is reset: how many bytes came before. A clean end is a failure."""
    count = 0
    buffer = bytearray(256 * KIB)
    while True:
        try:
            got = sock.recv_into(buffer)
        except ConnectionResetError:
            return count
        assert got, f"a clean end after {count} bytes where the other side had sent a reset"
        count += got


def wait_error(sock: socket.socket, seconds: float) -> int:
    """Wait until the socket is in error without reading from it; its error number (0: none came)."""
    poller = select.poll()
    poller.register(sock, 0)
    events = poller.poll(seconds * 1000)
    if not events or not events[0][1] & select.POLLERR:
        return 0
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


def write_until_stalled(sock: socket.socket, stream: Stream, size: int, quiet: float) -> int:
    """Write at most `size` bytes; stop when nothing was accepted for `quiet` seconds. How many were accepted."""
    sent = 0
    timeout = sock.gettimeout()
    sock.settimeout(quiet)
    try:
        while sent < size:
            sent += sock.send(stream.chunk(sent, min(256 * KIB, size - sent)))
    except TimeoutError:
        pass
    finally:
        sock.settimeout(timeout)
    return sent


def ends_without_data(sock: socket.socket) -> str:
    """The peer gives no byte, only an end: which one, 'eof' or 'reset'."""
    try:
        data = sock.recv(1)
    except OSError as error:
        assert error.errno in (errno.ECONNRESET, errno.EPIPE), f"neither an end nor a reset came: {error}"
        return "reset"
    assert data == b"", f"{data!r} came where nothing was sent"
    return "eof"


def together(*tasks: Callable[[], Any]) -> list[Any]:
    """Run all tasks at once; the first failure is raised, in the calling thread."""
    results: list[Any] = [None] * len(tasks)
    failures: list[tuple[float, BaseException]] = []

    def run(index: int) -> None:
        try:
            results[index] = tasks[index]()
        except BaseException as error:
            failures.append((time.monotonic(), error))

    threads = [threading.Thread(target=run, args=(index,), daemon=True) for index in range(len(tasks))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise min(failures, key=lambda failure: failure[0])[1]
    return results
