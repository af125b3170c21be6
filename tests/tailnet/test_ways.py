"""Ways in and out: nothing leaves the tailnet, tailscaled without a device, and the smarthost, which is the other direction."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator

import pytest

from front import PORT, Greeter, edge_on, greeting, leads, watched_leaks
from harness.net import BACKEND, CLIENT, EDGE, V4
from rig import Rig, wait_until

SUBMISSION = 587


@pytest.fixture
def mailbox(rig: Rig) -> Iterator[Greeter]:
    with Greeter(rig, BACKEND) as server:
        yield server


@pytest.mark.parametrize("server", ["tailnet:mailbox", "literal"])
def test_nothing_leaves_the_tailnet(rig: Rig, binary: str, mailbox: Greeter, server: str):
    """Without its route a tailnet address is the default route's, and mail would go to the internet in clear text."""
    address = rig.nodes[BACKEND].ip4()
    with watched_leaks(rig) as leaks, edge_on(rig, binary, leads(address if server == "literal" else server)) as edge:
        assert greeting(rig) == address
        rig.nodes[EDGE].stop()
        for _ in range(3):
            assert greeting(rig, timeout=3) == ""
        assert leaks() == 0, edge.log()
        # the rig can tell: a plain connect does leave
        rig.run(EDGE, ["timeout", "1", "bash", "-c", f": </dev/tcp/{address}/{PORT}"], capture_output=True)
        assert leaks() > 0


def test_a_deleted_node_is_not_looked_for_elsewhere(rig: Rig, binary: str, mailbox: Greeter):
    address = rig.nodes[BACKEND].ip4()
    with watched_leaks(rig) as leaks, edge_on(rig, binary, leads(address)):
        assert greeting(rig) == address
        rig.tell("delete", ip=address)
        rig.settle(lambda: not rig.nodes[EDGE].peer(address))
        assert greeting(rig, timeout=3) == ""
        assert leaks() == 0


def test_userspace_mode(rig: Rig, binary: str, mailbox: Greeter):
    """tailscaled has no device: everything goes through its SOCKS5 server."""
    rig.add_node(EDGE, userspace=True)
    with edge_on(rig, binary, leads("tailnet:mailbox", more="send-proxy = v2\nvia = socks5://127.0.0.1:1055")) as edge:
        wait_until(lambda: greeting(rig, timeout=3) == rig.nodes[BACKEND].ip4(), "a client is greeted", 15)
        flow = edge.wait_flow(lambda flow: flow["why"] == "client-reset")
        assert flow["backend"] == "box"


def test_the_smarthost(rig: Rig, binary: str, sock_file: Path):
    """The mailbox sends through a listener on the edge's tailnet address, which tailscaled brings after the edge has started."""
    daemon = rig.nodes[EDGE]
    own = daemon.ip4()
    daemon.stop()
    sections = (f"[listen smarthost]\nbind = {own}\nports = {SUBMISSION}\nbackend = relay\n"
                f"[backend relay]\nserver = {V4.clients[0]}\nsend-proxy = off\n")
    with Greeter(rig, CLIENT, SUBMISSION), edge_on(rig, binary, sections, control=sock_file) as edge:
        assert f"no interface has {own} yet" in edge.log()
        daemon.start()
        daemon.await_running()

        def reply() -> bytes:
            with rig.connect(BACKEND, (own, SUBMISSION), timeout=3) as client:
                return client.recv(100)

        assert wait_until(reply, "the relay greets the mailbox").startswith(b"220 ")
    with pytest.raises(OSError):
        rig.connect(CLIENT, (V4.edge, SUBMISSION), timeout=1)  # nobody outside the tailnet
