"""Several addresses, not all of them alive: who is reached, how soon, and what the others hear."""

from __future__ import annotations

import socket
import time
from contextlib import contextmanager
from typing import Iterator

import pytest

from harness.dns import dns
from harness.edge import Edge
from harness.header import read_header
from harness.net import BACKEND, CLIENT, EDGE, V4, V6, Family, Net
from harness.stand import TIMEOUT, echo_once

pytestmark = pytest.mark.usefixtures("binary")

PORT, BACK = 2895, 2896
NAME = "mailbox.example.net"
STAGGER = 0.25
OTHER = {V4: V6, V6: V4}


def edge_ini(*servers: str, keys: str = "") -> str:
    lines = "\n".join(f"server = {server}" for server in servers)
    return f"[listen mail]\nports = {PORT}\nbackend = b\n[backend b]\n{lines}\nsend-proxy = v2\n{keys}\n"


def listen_at(net: Net, address: str) -> socket.socket:
    sock = net.socket(BACKEND, socket.AF_INET6 if ":" in address else socket.AF_INET)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((address, BACK))
    sock.listen()
    sock.settimeout(TIMEOUT)
    return sock


@contextmanager
def silent(net: Net, family: Family) -> Iterator[None]:
    """Connections to that family's address get no answer."""
    word = "ip" if family is V4 else "ip6"
    rules = f"table inet silent {{ chain in {{ type filter hook input priority 0; {word} daddr {family.backend} tcp dport {BACK} drop; }}; }}"
    net.run(BACKEND, ["nft", "-f", "-"], input=rules, text=True, check=True)
    try:
        yield
    finally:
        net.run(BACKEND, ["nft", "delete", "table", "inet", "silent"], check=True)


def time_of_flow(net: Net, backend: socket.socket) -> float:
    """Until the header is at the server and bytes went both ways."""
    began = time.monotonic()
    with net.connect(CLIENT, (V4.edge, PORT)) as client:
        server, _ = backend.accept()
        with server:
            server.settimeout(TIMEOUT)
            read_header(server, 2)
            echo_once(client, server)
            return time.monotonic() - began


@pytest.mark.parametrize("dead", [V4, V6], ids=str)
def test_one_family_is_silent(net: Net, dead: Family) -> None:
    """The first flow loses a quarter of a second, not the connect-timeout; those after it nothing."""
    alive = OTHER[dead]
    with dns(net, EDGE, {NAME: [V4.backend, V6.backend]}), listen_at(net, alive.backend) as backend, silent(net, dead):
        with Edge(edge_ini(f"{NAME}:{BACK}", keys="connect-timeout = 30s"), netns=net.name(EDGE)) as edge:
            times = [time_of_flow(net, backend) for _ in range(5)]
            assert min(times[1:]) < STAGGER, f"the family is not remembered: {times}"
            for line in edge.flows():
                assert line["server"] == f"{alive.host(alive.backend)}:{BACK}", line


def test_first_server_is_silent(net: Net) -> None:
    """Two servers: the second is tried beside the first, which gets a SYN or two and never a header."""
    with listen_at(net, V4.backend) as first, listen_at(net, V6.backend) as second:
        with Edge(edge_ini(f"{V4.backend}:{BACK}", f"[{V6.backend}]:{BACK}", keys="connect-timeout = 30s"), netns=net.name(EDGE)):
            with silent(net, V4):
                assert time_of_flow(net, second) < 10
            first.settimeout(0.5)
            with pytest.raises(TimeoutError):
                first.accept()


def test_refused_then_the_next(net: Net) -> None:
    """A refusal is quicker than any stagger."""
    with listen_at(net, V6.backend) as second:
        with Edge(edge_ini(f"{V4.backend}:{BACK}", f"[{V6.backend}]:{BACK}", keys="connect-timeout = 30s"), netns=net.name(EDGE)) as edge:
            for _ in range(3):
                time_of_flow(net, second)
            assert all(int(line["connect_ms"]) < 200 for line in edge.flows()), edge.flows()


def test_bytes_of_the_client_wait(net: Net) -> None:
    """What the client said before anybody was reached, and its end, come to the server that is."""
    with listen_at(net, V6.backend) as second, silent(net, V4):
        with Edge(edge_ini(f"{V4.backend}:{BACK}", f"[{V6.backend}]:{BACK}"), netns=net.name(EDGE)) as edge:
            with net.connect(CLIENT, (V4.edge, PORT)) as client:
                client.sendall(b"EHLO early\r\n")
                client.shutdown(socket.SHUT_WR)
                server, _ = second.accept()
                with server:
                    server.settimeout(TIMEOUT)
                    read_header(server, 2)
                    assert server.recv(100) == b"EHLO early\r\n"
                    assert server.recv(1) == b""
            edge.wait_flow(lambda flow: flow["up"] == "12")


def test_nobody_answers(net: Net) -> None:
    """All silent: as long as one connect-timeout and the staggers, not one after the other."""
    with silent(net, V4), dns(net, EDGE, {NAME: [V4.backend]}):
        servers = [f"{V4.backend}:{BACK}", f"{NAME}:{BACK}"]
        with Edge(edge_ini(*servers, keys="connect-timeout = 1s"), netns=net.name(EDGE)) as edge:
            with net.connect(CLIENT, (V4.edge, PORT)) as client:
                with pytest.raises(ConnectionResetError):
                    client.recv(1)
            line = edge.wait_flow(lambda flow: True)
            assert line["why"] == "connect-timeout" and 1200 <= int(line["ms"]) < 1900, line
