"""What an operator does to a running edge: asks at its socket, changes its file, sends it signals."""

from __future__ import annotations

import json
import signal
import socket
import time
from pathlib import Path
from typing import Any, Callable

from harness.edge import Edge


def dial(sock_file: Path, timeout: float = 20) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(str(sock_file))  # blocking: with a timeout a full queue would be EAGAIN (unix(7))
    sock.settimeout(timeout)
    return sock


def read_all(sock: socket.socket) -> bytes:
    parts = []
    while part := sock.recv(1 << 16):
        parts.append(part)
    return b"".join(parts)


def ask(sock_file: Path, request: str | bytes) -> dict[str, Any]:
    with dial(sock_file) as sock:
        sock.sendall(request if isinstance(request, bytes) else request.encode() + b"\n")
        return json.loads(read_all(sock))


def rewrite(edge: Edge, text: str) -> None:
    """As an editor does: readers see the old file or the new one."""
    new = edge.config.with_suffix(".new")
    new.write_text(text)
    new.rename(edge.config)


def hang_up(edge: Edge, answer: str, timeout: float = 10) -> str:
    """SIGHUP; the log from there to the line that says `answer`."""
    before = len(edge.log())
    edge.signal(signal.SIGHUP)
    deadline = time.monotonic() + timeout
    while answer not in edge.log()[before:]:
        assert time.monotonic() < deadline and edge.alive(), f"no '{answer}':\n{edge.log()[before:]}"
        time.sleep(0.005)
    return edge.log()[before:]


def settled(wanted: Callable[[], bool], seconds: float = 5) -> bool:
    deadline = time.monotonic() + seconds
    while not wanted() and time.monotonic() < deadline:
        time.sleep(0.02)
    return wanted()
