"""A worker that moves bulk is scheduled so that it does not interrupt those whose bytes it moves; then as any thread again."""

from __future__ import annotations

import os
import shlex
import socket
import threading
import time
from pathlib import Path

import pytest

from harness.edge import Edge, default_binary
from harness.stand import echo_once, stand

pytestmark = pytest.mark.usefixtures("binary")

PATIENCE = 20.0
CHUNK, LAST = bytes(1 << 20), b"!"


def policies(edge: Edge) -> set[int]:
    """Of its threads: field 41 of /proc/PID/task/TID/stat, proc(5)."""
    stats = (Path(task, "stat").read_text() for task in Path(f"/proc/{edge.pid}/task").iterdir())
    return {int(stat.rpartition(")")[2].split()[38]) for stat in stats}


def pour(client: socket.socket, enough: threading.Event) -> None:
    while not enough.is_set():
        client.sendall(CHUNK)
    client.sendall(LAST)


def drain(server: socket.socket) -> None:
    room = bytearray(len(CHUNK))
    while not room.startswith(LAST, server.recv_into(room) - 1):
        pass


@pytest.mark.parametrize("way", ["auto", "copy", "splice"])
def test_while_bulk_is_moved(way: str) -> None:
    with stand(listen_keys=f"path = {way}", global_keys="workers = 1") as s:
        client, server = s.flow()
        with client, server:
            echo_once(client, server)
            assert policies(s.edge) == {os.SCHED_OTHER}
            enough = threading.Event()
            pouring = threading.Thread(target=pour, args=(client, enough))
            draining = threading.Thread(target=drain, args=(server,))
            pouring.start()
            draining.start()
            deadline = time.monotonic() + PATIENCE
            seen: set[int] = set()
            while os.SCHED_BATCH not in seen and time.monotonic() < deadline:
                time.sleep(0.005)
                seen |= policies(s.edge)
            enough.set()
            pouring.join()
            draining.join()
            assert os.SCHED_BATCH in seen, f"not in {PATIENCE} s"
            deadline = time.monotonic() + PATIENCE
            while policies(s.edge) != {os.SCHED_OTHER} and time.monotonic() < deadline:
                echo_once(client, server)
                time.sleep(0.02)
            assert policies(s.edge) == {os.SCHED_OTHER}


def test_a_policy_that_was_chosen_stays(tmp_path: Path) -> None:
    """`chrt -i`, CPUSchedulingPolicy= of systemd: the operator knows better."""
    idle = tmp_path / "idle"
    idle.write_text(f'#!/bin/sh\nexec chrt -i 0 {shlex.quote(default_binary())} "$@"\n')
    idle.chmod(0o755)
    with stand(global_keys="workers = 1", binary=str(idle)) as s:
        client, server = s.flow()
        with client, server:
            pouring = threading.Thread(target=client.sendall, args=(CHUNK * 100,))
            pouring.start()
            room, got = bytearray(len(CHUNK)), 0
            while got < 100 * len(CHUNK):
                got += server.recv_into(room)
                assert policies(s.edge) == {os.SCHED_IDLE}
            pouring.join()
