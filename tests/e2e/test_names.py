"""Servers that are names: what DNS says, and when, is never a flow's concern once an address is known."""

from __future__ import annotations

import re
import socket
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator

import pytest

from harness.dns import NAMESERVER, Dns, answering, dns as dns_server, resolve_by
from harness.edge import Edge, free_port
from harness.need import cannot_run
from harness.net import EDGE, Net, NetUnavailable, ip
from harness.operate import ask, rewrite

pytestmark = pytest.mark.usefixtures("binary")

NAME = "mailbox.example.net"
INSIDE = "mailbox.tail1234.ts.net"
MAGIC = "100.100.100.100"


class Alone(Net):
    """One namespace."""

    namespaces = (EDGE,)

    def _make(self) -> None:
        self._add_namespace(EDGE)
        ip("-n", self.name(EDGE), "address", "add", f"{MAGIC}/32", "dev", "lo")


@pytest.fixture
def net() -> Iterator[Net]:
    try:
        with Alone() as made:
            yield made
    except (NetUnavailable, PermissionError) as error:
        cannot_run(str(error))


@pytest.fixture
def dns(net: Net) -> Iterator[Dns]:
    with dns_server(net, EDGE, {}) as made:
        made.ttl = 600
        yield made


class Place:
    """A server on an address of the loopback of the namespace, that tells its address to whoever comes."""

    def __init__(self, net: Net, address: str, port: int) -> None:
        self.socket = net.socket(EDGE, socket.AF_INET6 if ":" in address else socket.AF_INET)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((address, port))
        self.socket.listen(64)
        threading.Thread(target=self._serve, args=(address.encode() + b"\n",), daemon=True).start()

    def _serve(self, greeting: bytes) -> None:
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            with client:
                client.sendall(greeting)

    def __enter__(self) -> Place:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


class House:
    """The edge in the namespace, with one listener that leads to one server."""

    def __init__(self, net: Net, sock_file: Path, name: str, keys: str) -> None:
        self.net, self.control, self.port, self.back = net, sock_file, free_port(), free_port()
        self.ini = (f"[global]\nworkers = 2\ncontrol = {sock_file}\n[listen front]\nports = {self.port}\nbind = 127.0.0.1\n"
                    f"backend = back\n[backend back]\nserver = {name}:{self.back}\n{keys}\n")
        self.edge = Edge(self.ini, netns=net.name(EDGE))

    def place(self, address: str) -> Place:
        return Place(self.net, address, self.back)

    def served_by(self) -> str:
        """Who greets a new client; "" when it is reset."""
        try:
            with self.net.connect(EDGE, ("127.0.0.1", self.port)) as client:
                got = b""
                while not got.endswith(b"\n"):
                    piece = client.recv(100)
                    if not piece:
                        return ""
                    got += piece
                return got.decode().strip()
        except ConnectionResetError:
            return ""

    def wait_served_by(self, address: str, limit: float = 10) -> float:
        """Seconds until new clients get there."""
        began = time.monotonic()
        while (got := self.served_by()) != address:
            assert time.monotonic() - began < limit, f"still {got or 'reset'}:\n{self.edge.log()}"
            time.sleep(0.05)
        return time.monotonic() - began

    def server(self) -> dict[str, Any]:
        [backend] = ask(self.control, "status")["backends"]
        [server] = backend["servers"]
        return server

    def changes(self) -> list[str]:
        return re.findall(r'msg="(name [^"]*)"', self.edge.log())


@contextmanager
def house(net: Net, sock_file: Path, name: str = NAME, keys: str = "") -> Iterator[House]:
    made = House(net, sock_file, name, keys)
    with made.edge:
        yield made


def test_it_starts_before_the_name_is_there(net: Net, dns: Dns, sock_file: Path) -> None:
    with house(net, sock_file) as it, it.place("127.0.0.11"):
        assert it.served_by() == ""
        assert it.edge.wait_flow(lambda f: f["why"] == "no-address")["server"] == "-"
        assert it.server()["state"] == "no-address" and "NXDOMAIN" in it.server()["error"]
        dns.names[NAME] = ["127.0.0.11"]
        it.wait_served_by("127.0.0.11")
        server = it.server()
        assert server["state"] == "ready" and server["source"] == "dns" and server["error"] is None and server["age_s"] <= 10
        assert [a["address"] for a in server["addresses"]] == ["127.0.0.11"]
        assert it.changes() == [f"name {NAME}: there is no such name (NXDOMAIN)", f"name {NAME}: is 127.0.0.11"]


def test_it_starts_without_any_dns_server(net: Net, sock_file: Path) -> None:
    resolve_by(net, EDGE, NAMESERVER)
    with house(net, sock_file) as it:
        assert it.served_by() == ""
        it.edge.wait_flow(lambda f: f["why"] == "no-address")


def test_a_restart_under_another_address(net: Net, dns: Dns, sock_file: Path) -> None:
    """The time to live is 600 s; a connect that fails has the name asked at once."""
    dns.names[NAME] = ["127.0.0.11"]
    with house(net, sock_file) as it:
        with it.place("127.0.0.11"):
            assert it.served_by() == "127.0.0.11", "the first client is served: the start waited for the answer"
        with it.place("127.0.0.12"):
            dns.names[NAME] = ["127.0.0.12"]
            outage = it.wait_served_by("127.0.0.12")
            print(f"new clients got there after {outage:.2f} s")
            assert outage < 5
        assert it.changes() == [f"name {NAME}: is 127.0.0.11", f"name {NAME}: is 127.0.0.12 now, was 127.0.0.11"]


def test_a_name_that_is_gone_keeps_its_address(net: Net, dns: Dns, sock_file: Path) -> None:
    dns.names[NAME] = ["127.0.0.11"]
    dns.ttl = 0
    with house(net, sock_file) as it, it.place("127.0.0.11"):
        assert it.served_by() == "127.0.0.11"
        dns.names.clear()
        it.edge.wait_log("its last addresses are kept", timeout=15)
        assert it.served_by() == "127.0.0.11"
        assert it.server()["state"] == "ready" and "NXDOMAIN" in it.server()["error"]


def test_a_reload_that_brings_a_name_loses_nobody(net: Net, dns: Dns, sock_file: Path) -> None:
    """The answer takes a while; who comes meanwhile waits, a client that has an address does not."""
    dns.names[NAME] = ["127.0.0.11"]
    dns.names["other.example.net"] = ["127.0.0.12"]
    with house(net, sock_file) as it, it.place("127.0.0.11"), it.place("127.0.0.12"):
        assert it.served_by() == "127.0.0.11"
        dns.delay = 0.4
        rewrite(it.edge, it.ini.replace(NAME, "other.example.net"))
        began = time.monotonic()
        assert ask(sock_file, "reload")["ok"]
        assert time.monotonic() - began < 0.4, "the reload waited for DNS"
        assert it.served_by() == "127.0.0.12"


def test_a_name_of_the_tailnet_is_asked_from_tailscaled(net: Net, dns: Dns, sock_file: Path) -> None:
    with answering(net, EDGE, MAGIC, {}) as tailscaled, house(net, sock_file, INSIDE, "device = any") as it, it.place(MAGIC):
        tailscaled.names[INSIDE] = [MAGIC]
        it.wait_served_by(MAGIC)
        assert INSIDE in dns.asked, "the system's resolver is asked first"


def test_another_resolv_conf(net: Net, dns: Dns, sock_file: Path) -> None:
    """As tailscaled or DHCP writes it: no restart is needed."""
    dns.names[NAME] = ["127.0.0.11"]
    resolve_by(net, EDGE, "127.0.0.54")
    with house(net, sock_file) as it, it.place("127.0.0.11"):
        assert it.served_by() == ""
        resolve_by(net, EDGE, NAMESERVER)
        it.wait_served_by("127.0.0.11")


def test_both_families(net: Net, dns: Dns, sock_file: Path) -> None:
    """An AAAA record that leads nowhere costs no client its connection."""
    dns.names[NAME] = ["127.0.0.11", "2001:db8::1"]
    with house(net, sock_file) as it, it.place("127.0.0.11"):
        assert [it.served_by() for _ in range(5)] == ["127.0.0.11"] * 5
        assert {a["address"] for a in it.server()["addresses"]} == {"127.0.0.11", "2001:db8::1"}
