"""A server that is gone without a word, as a mailbox that was restarted under another address: its flows end."""

from __future__ import annotations

import time
from typing import Iterator

import pytest

from harness.edge import Edge
from harness.net import BACKEND, CLIENT, EDGE, V4, Net
from harness.stand import TIMEOUT, echo_once
from harness.wire import read_until_reset

pytestmark = pytest.mark.usefixtures("binary")

PORT, BACK = 2697, 2698
USER_TIMEOUT = 3.0
DROP = "table inet gone { chain in { type filter hook input priority 0; policy drop; }; chain out { type filter hook output priority 0; policy drop; }; }"


@pytest.fixture
def gone(net: Net) -> Iterator[None]:
    """What the test drops, the next one finds as before."""
    yield
    net.run(BACKEND, ["nft", "delete", "table", "inet", "gone"], check=True)


def test_flows_end_in_time(net: Net, gone: None) -> None:
    """One flow with bytes under way, one at rest: both end when user-timeout is over, by reset, and by the server's fault."""
    ini = (f"[listen mail]\nports = {PORT}\nbackend = b\n"
           f"[backend b]\nserver = {V4.backend}:{BACK}\nkeepalive = 1s\nuser-timeout = {USER_TIMEOUT:.0f}s\n")
    backend = net.socket(BACKEND)
    backend.bind((V4.backend, BACK))
    backend.listen()
    backend.settimeout(TIMEOUT)
    with Edge(ini, netns=net.name(EDGE)) as edge, backend:
        clients = [net.connect(CLIENT, (V4.edge, PORT)) for _ in range(2)]
        servers = [backend.accept()[0] for _ in clients]
        for client, server in zip(clients, servers):
            server.settimeout(TIMEOUT)
            echo_once(client, server)
        net.run(BACKEND, ["nft", "-f", "-"], input=DROP, text=True, check=True)
        began = time.monotonic()
        clients[0].sendall(b"MAIL FROM:<>\r\n")
        for client in clients:
            read_until_reset(client)
        took = time.monotonic() - began
        for client in clients:
            name = ":".join(map(str, client.getsockname()))
            line = edge.wait_flow(lambda flow: flow["client"] == name)
            assert line["why"] == "server-reset", line
            client.close()
        for server in servers:
            server.close()
    assert USER_TIMEOUT - 1.5 < took < USER_TIMEOUT + 3, f"user-timeout is {USER_TIMEOUT} s, they ended after {took:.1f} s"
