"""Source ports towards one server: a warning before they run out, and what happens when they have."""

from __future__ import annotations

import re
import select
import socket
import time
from contextlib import ExitStack
from typing import Iterator

import pytest

from harness.edge import Edge
from harness.net import BACKEND, CLIENT, EDGE, V4, Net
from harness.stand import TIMEOUT
from harness.wire import ends_without_data, reset

pytestmark = pytest.mark.usefixtures("binary")

PORT, BACK = 2797, 2798
FIRST, LAST = 40000, 40159


@pytest.fixture
def few_ports(net: Net) -> Iterator[None]:
    name = "net.ipv4.ip_local_port_range"
    before = net.run(EDGE, ["sysctl", "-n", name], check=True, capture_output=True, text=True).stdout.strip()
    net.run(EDGE, ["sysctl", "-qw", f"{name}={FIRST} {LAST}"], check=True)
    yield
    net.run(EDGE, ["sysctl", "-qw", f"{name}={before}"], check=True)


def test_warned_of_and_out(net: Net, few_ports: None) -> None:
    """160 ports: told of at 80 %, once; then none is left, which is said with the remedy, and the next flow that ends makes room."""
    ini = f"[listen mail]\nports = {PORT}\nbackend = b\n[backend b]\nserver = {V4.backend}:{BACK}\nsource = {V4.edge_back}\n"
    backend = net.socket(BACKEND)
    backend.bind((V4.backend, BACK))
    backend.listen(1024)
    backend.settimeout(TIMEOUT)
    with ExitStack() as stack:
        stack.enter_context(backend)
        edge = stack.enter_context(Edge(ini, netns=net.name(EDGE)))
        flows: list[tuple[socket.socket, socket.socket]] = []

        def open_flow() -> bool:
            """Whether it reached the backend; False if the edge ended it."""
            try:
                client = stack.enter_context(net.connect(CLIENT, (V4.edge, PORT)))
            except ConnectionResetError:  # so soon that connect() has not returned
                return False
            first, _, _ = select.select([backend, client], [], [], TIMEOUT)
            assert first, f"flow {len(flows) + 1} neither reached the backend nor ended"
            if backend not in first:
                ends_without_data(client)
                return False
            server, peer = backend.accept()
            assert FIRST <= peer[1] <= LAST
            flows.append((client, stack.enter_context(server)))
            return True

        assert all(open_flow() for _ in range(100))
        assert "source ports" not in edge.log()
        while open_flow():
            pass
        assert 150 <= len(flows) <= 160  # the namespace has had other tests before: one of them may hold a port
        assert len(re.findall(r"128 of the 160 source ports towards 198.51.100.20:2798 are taken", edge.log())) == 1
        edge.wait_log("no source port is left towards backend b")
        edge.wait_flow(lambda flow: flow["why"] == "error")
        held = edge.fds()["socket"]
        reset(flows.pop()[0])  # an orderly end would leave the port in TIME_WAIT
        edge.wait_flow(lambda flow: flow["why"] == "client-reset")
        while edge.fds()["socket"] > held - 2:  # the line comes first
            time.sleep(0.01)
        assert open_flow()
