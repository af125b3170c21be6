"""Tailnet addresses leave through the tailnet's interface or not at all, whatever the routes say.

The edge's namespace has a default route by its public interface, as a VPS has. When the tailnet's interface goes, that
route takes 100.64.0.0/10: a SYN, a PROXY header and a mail would leave in clear text. nftables counts what does.
"""

from __future__ import annotations

import re
import socket
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Iterator

import pytest

from harness.edge import Edge
from harness.command import call
from harness.net import BACKEND, CLIENT, EDGE, V4, V6, Net
from harness.operate import ask
from harness.stand import TIMEOUT, echo_once
from harness.wire import ends_without_data

pytestmark = pytest.mark.usefixtures("binary")

PORT, BACK = 2599, 2600
MAILBOX = {socket.AF_INET: "100.64.0.2", socket.AF_INET6: "fd7a:115c:a1e0::2"}
OWN = {socket.AF_INET: "100.64.0.1/10", socket.AF_INET6: "fd7a:115c:a1e0::1/48"}
COUNTERS = """
table inet leak {
    counter syn4 { }
    counter syn6 { }
    chain out {
        type filter hook output priority 0;
        oifname "front" ip daddr 100.64.0.0/10 tcp flags syn counter name syn4
        oifname "front" ip6 daddr fd7a:115c:a1e0::/48 tcp flags syn counter name syn6
    }
}
"""


def ip(net: Net, ns: str, *words: str) -> None:
    net.run(ns, ["ip", *words], check=True, capture_output=True)


def add_tailnet(net: Net, name: str = "tailscale0") -> None:
    ip(net, EDGE, "link", "add", name, "type", "veth", "peer", "name", "tail", "netns", net.name(BACKEND))
    for ns, device in ((EDGE, name), (BACKEND, "tail")):
        ip(net, ns, "link", "set", device, "up")
    for af, own in OWN.items():
        ip(net, EDGE, "address", "add", own, "dev", name, "nodad")
        ip(net, BACKEND, "address", "add", MAILBOX[af] + own[own.index("/"):], "dev", "tail", "nodad")


def remove_tailnet(net: Net, name: str = "tailscale0") -> None:
    ip(net, EDGE, "link", "delete", name)


@pytest.fixture(scope="module")
def leak(net: Net) -> Iterator[None]:
    """The default routes and the counters."""
    for family in (V4, V6):
        ip(net, EDGE, "route", "add", "default", "via", family.clients[0], "dev", "front")
    net.run(EDGE, ["nft", "-f", "-"], input=COUNTERS, text=True, check=True)
    yield
    net.run(EDGE, ["nft", "delete", "table", "inet", "leak"], check=True)
    for family in (V4, V6):
        ip(net, EDGE, "route", "del", "default", "via", family.clients[0], "dev", "front")


def leaked(net: Net) -> int:
    """SYNs for a tailnet address that left by another interface; asking starts anew."""
    shown = net.run(EDGE, ["nft", "reset", "counters", "table", "inet", "leak"], check=True, capture_output=True, text=True)
    return sum(map(int, re.findall(r"packets (\d+)", shown.stdout)))


@contextmanager
def edge_to(net: Net, server: str, keys: str = "", control: Path | None = None) -> Iterator[Edge]:
    literal = f"[{server}]" if ":" in server else server
    ini = (f"[global]\nuser = nobody\n{f'control = {control}' if control else ''}\n[listen mail]\nports = {PORT}\nbackend = b\n"
           f"[backend b]\nserver = {literal}:{BACK}\nsend-proxy = v2\nconnect-timeout = 1s\n{keys}\n")
    with Edge(ini, netns=net.name(EDGE)) as edge:
        yield edge


def listen_in(net: Net, address: str) -> socket.socket:
    sock = net.socket(BACKEND, socket.AF_INET6 if ":" in address else socket.AF_INET)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((address, BACK))
    sock.listen()
    sock.settimeout(TIMEOUT)
    return sock


def flow_works(net: Net, backend: socket.socket) -> None:
    with net.connect(CLIENT, (V4.edge, PORT)) as client:
        server, _ = backend.accept()
        with server:
            server.settimeout(TIMEOUT)
            assert len(server.recv(28, socket.MSG_WAITALL)) == 28, "the PROXY header"
            echo_once(client, server)


def flow_fails(net: Net, edge: Edge, *why: str) -> None:
    after = len(edge.flows())
    with suppress(ConnectionResetError), net.connect(CLIENT, (V4.edge, PORT)) as client:
        ends_without_data(client)
    line = edge.wait_flow(lambda flow: True, after=after)
    assert line["why"] in why, line


@pytest.mark.parametrize("af", [socket.AF_INET, socket.AF_INET6], ids=["v4", "v6"])
def test_never_outside(net: Net, leak: None, af: int) -> None:
    """While the interface is there, through it; when it goes, nothing leaves, and the log says why once; when it is back, again."""
    add_tailnet(net)
    leaked(net)
    with edge_to(net, MAILBOX[af]) as edge:
        with listen_in(net, MAILBOX[af]) as backend:
            flow_works(net, backend)
        remove_tailnet(net)
        edge.wait_log(r"tailscale0 is gone")
        for _ in range(5):
            flow_fails(net, edge, "connect-refused")
        assert leaked(net) == 0, "a tailnet address was dialled through another interface"
        assert len(re.findall("tailnet address", edge.log())) == 1, "said once"
        add_tailnet(net)
        edge.wait_log(r"the interface is tailscale0", count=2)
        with listen_in(net, MAILBOX[af]) as backend:
            flow_works(net, backend)
    remove_tailnet(net)
    assert leaked(net) == 0


def test_the_counter_counts(net: Net, leak: None) -> None:
    """`device = any` does as the routes say: this is what happens to everybody else."""
    leaked(net)
    with edge_to(net, MAILBOX[socket.AF_INET], "device = any") as edge:
        flow_fails(net, edge, "connect-timeout", "connect-refused")
    assert leaked(net) > 0


def test_none_from_the_start(net: Net, leak: None, sock_file: Path) -> None:
    """Not dialled, not asked by checks either; said once, and for whoever asks."""
    leaked(net)
    checked = "check = tcp\ncheck-interval = 1s"
    with edge_to(net, MAILBOX[socket.AF_INET], checked, sock_file) as edge:
        for _ in range(3):
            flow_fails(net, edge, "connect-refused", "backend-down")
        assert len(re.findall("no interface of this machine is in a tailnet", edge.log())) == 1
        state = ask(sock_file, "status")["tailnet_interface"]
        assert state["name"] is None and state["refused"] >= 1, state
        shown = call("status", "-c", str(edge.config))
        assert "no tailnet interface" in shown.stdout, shown
    assert leaked(net) == 0


def test_a_providers_address_is_no_tailnet(net: Net, leak: None) -> None:
    """RFC 6598: the public interface holds an address of the same range."""
    ip(net, EDGE, "address", "add", "100.100.0.1/32", "dev", "front")
    leaked(net)
    with edge_to(net, MAILBOX[socket.AF_INET]) as edge:
        flow_fails(net, edge, "connect-refused")
    ip(net, EDGE, "address", "del", "100.100.0.1/32", "dev", "front")
    assert leaked(net) == 0


def test_by_name(net: Net, leak: None) -> None:
    """An interface of another name, told by `device`; and one that is not there."""
    add_tailnet(net, "mesh0")
    leaked(net)
    mailbox = MAILBOX[socket.AF_INET]
    with edge_to(net, mailbox, "device = mesh0") as edge, listen_in(net, mailbox) as backend:
        flow_works(net, backend)
        remove_tailnet(net, "mesh0")
        for _ in range(3):
            flow_fails(net, edge, "connect-refused")
        assert len(re.findall("no interface mesh0", edge.log())) == 1
    assert leaked(net) == 0


def test_an_own_address_on_loopback(net: Net, leak: None) -> None:
    """To try things out: the server's tailnet address is this machine's own."""
    ip(net, EDGE, "address", "add", "100.64.0.9/32", "dev", "lo")
    backend = net.socket(EDGE)
    backend.bind(("100.64.0.9", BACK))
    backend.listen()
    backend.settimeout(TIMEOUT)
    with backend, edge_to(net, "100.64.0.9"):
        flow_works(net, backend)
    ip(net, EDGE, "address", "del", "100.64.0.9/32", "dev", "lo")
