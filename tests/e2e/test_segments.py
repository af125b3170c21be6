"""Segments as a network with loss makes them: sent again, overlapping, out of order. Each byte arrives once, on every path."""

from __future__ import annotations

import random
import time

import pytest

from harness.edge import Edge
from harness.net import BACKEND, EDGE, V4, Net
from harness.segments import Segments
from harness.stand import TIMEOUT

pytestmark = pytest.mark.usefixtures("binary")

PORT, BACK = 2699, 2700
STREAM = random.Random(3).randbytes(40000)
PAUSE = 0.02  # a segment is judged before the next one comes, or together with it: both must do

# (start, end) of each segment; the hole of the second row is filled by one that overlaps both sides.
ROWS = {
    "overlapping": [(0, 100), (50, 200), (199, 300), (0, 300), (0, 301), (250, 40000)],
    "out-of-order": [(0, 100), (300, 400), (350, 500), (100, 320), (450, 40000)],
    "byte-by-byte": [(at, at + 3) for at in range(0, 60)] + [(10, 40000)],
}


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("pause", [PAUSE, 0])
def test_each_byte_once(net: Net, path: str, row: str, pause: float) -> None:
    ini = f"[listen odd]\nports = {PORT}\nbackend = b\npath = {path}\n[backend b]\nserver = {V4.backend}:{BACK}\n"
    backend = net.socket(BACKEND)
    backend.bind((V4.backend, BACK))
    backend.listen()
    backend.settimeout(TIMEOUT)
    with backend, Edge(ini, netns=net.name(EDGE)) as edge, Segments(net, EDGE, PORT, STREAM) as client:
        server = backend.accept()[0]
        server.settimeout(TIMEOUT)
        for start, end in ROWS[row]:
            client.send(start, end)
            time.sleep(pause)
        # An end that comes before the kernel was asked to carry would keep it from it.
        got = server.recv(65536)
        client.end()
        while piece := server.recv(65536):
            got += piece
        assert got == STREAM, f"{len(got)} bytes of {len(STREAM)}"
        server.close()
        line = edge.wait_flow(lambda flow: flow["listener"] == f"odd:{PORT}")
        assert line["up"] == str(len(STREAM)) and path in (line["path"], "auto"), line
