"""Health: a server that stops serving, in whichever way, is left out of new flows and comes back when it serves again; what flows
meet hastens the checks; a reload forgets nothing."""

from __future__ import annotations

import re
import socket
from typing import Iterator

import pytest

from harness.behave import Behaving, Behaviour, drop, end, saying, smtp, stay
from harness.edge import Edge, free_port, parse_hostport
from harness.operate import hang_up, rewrite, settled
from harness.socks import SocksServer
from harness.stand import connect

pytestmark = pytest.mark.usefixtures("binary")

QUICK = "check-interval = 1s\ncheck-fast = 100ms\ncheck-timeout = 1500ms\nrise = 2\nfall = 2\n"
ONLY_BY_FLOWS = "check-interval = 1h\ncheck-fast = 100ms\ncheck-timeout = 1500ms\nrise = 2\nfall = 2\n"

# how a server fails, and what the log then says of it
FAILURES: dict[str, tuple[Behaviour | None, str]] = {
    "gone": (None, "connection refused"),
    "silent": (stay, "accepts, but says nothing"),
    "ends": (end, "closes the connection before the first byte"),
    "resets": (drop, "closes the connection before the first byte"),
    "half": (saying(b"220-here\r\n220 he"), "begins a greeting and does not end it: 220-here"),
    "busy": (saying(b"421 4.3.2 too busy\r\n"), "turns away: 421 4.3.2 too busy"),
    "junk": (saying(b"\x00\xff\x1b[2J\r\n"), "speaks an unknown protocol"),
    "imap": (saying(b"* OK hello\r\n"), "speaks IMAP: * OK hello"),
    "mismatch": (saying(b"220 here\r\n500 5.5.1 Invalid command.\r\n"), "greets, and goes on with an error: 500 5.5.1"),
}


def section(name: str, port: int, first: Behaving, second: Behaving, keys: str) -> str:
    return (f"[listen {name}]\nbind = 127.0.0.1\nports = {port}\nbackend = {name}\n[backend {name}]\nserver = 127.0.0.1:{first.port}\n"
            f"server = 127.0.0.1:{second.port}\ncheck = smtp\nsend-proxy = off\n{keys}\n")


class Pair:
    """A backend of two servers: the first is used while it is up."""

    def __init__(self, name: str) -> None:
        self.name, self.port = name, free_port()
        self.first, self.second = Behaving(smtp), Behaving(smtp)

    def section(self, keys: str) -> str:
        return section(self.name, self.port, self.first, self.second, keys)

    def fail(self, how: Behaviour | None) -> None:
        if how is None:
            self.first.close()
        else:
            self.first.behave = how

    def recover(self, how: Behaviour | None) -> None:
        self.first.behave = smtp
        if how is None:
            self.first.reopen()

    def serves(self, edge: Edge) -> int:
        """The port of the server that greets a new client."""
        with connect(self.port) as client:
            source = client.getsockname()
            assert client.recv(100).startswith(b"220 "), self.name
        flow = edge.wait_flow(lambda flow: parse_hostport(flow["client"]) == source)
        return parse_hostport(flow["server"])[1]

    def close(self) -> None:
        for server in (self.first, self.second):
            try:
                server.close()
            except OSError:
                pass


@pytest.fixture
def pairs() -> Iterator[dict[str, Pair]]:
    made = {name: Pair(name) for name in FAILURES}
    yield made
    for pair in made.values():
        pair.close()


@pytest.fixture
def pair() -> Iterator[Pair]:
    made = Pair("mail")
    yield made
    made.close()


def test_down_and_up_again(pairs: dict[str, Pair]) -> None:
    """Each way to fail, one backend each: told once with its reason, flows go to the next server; and back."""
    with Edge("".join(pair.section(QUICK) for pair in pairs.values())) as edge:
        for pair in pairs.values():
            assert pair.serves(edge) == pair.first.port
        for name, pair in pairs.items():
            pair.fail(FAILURES[name][0])
        for name, (_, words) in FAILURES.items():
            at = f"127.0.0.1:{pairs[name].first.port}"
            edge.wait_log(rf"backend {name}: {at} is down after 2 failed checks: {re.escape(words)}")
        for pair in pairs.values():
            assert pair.serves(edge) == pair.second.port
        for name, pair in pairs.items():
            pair.recover(FAILURES[name][0])
        for name, pair in pairs.items():
            edge.wait_log(rf"backend {name}: 127.0.0.1:{pair.first.port} is up again after \d+ s")
            assert pair.serves(edge) == pair.first.port
        for name in FAILURES:
            assert edge.log().count(f"backend {name}: ") == 2, edge.log()


def test_first_check_decides_alone(pair: Pair) -> None:
    """A server that is down at the start is not tried three times by every client."""
    pair.first.behave = end
    with Edge(pair.section(QUICK)) as edge:
        edge.wait_log("is down after 1 failed check: closes the connection")
        assert pair.serves(edge) == pair.second.port


@pytest.mark.parametrize("how", [None, end, stay], ids=["refused", "closed-early", "mute"])
def test_flows_hasten_the_check(pair: Pair, how: Behaviour | None) -> None:
    """The next check would be in an hour; a flow that fails brings it about at once."""
    with Edge(pair.section(ONLY_BY_FLOWS + "head = 1s\n[defaults]\nprofile = smtp\n")) as edge:
        assert pair.serves(edge) == pair.first.port
        pair.fail(how)
        with connect(pair.port) as client:
            client.settimeout(5)
            try:
                client.recv(100)
            except ConnectionResetError:
                pass
        edge.wait_log("is down after 2 failed checks")
        assert pair.serves(edge) == pair.second.port
        pair.recover(how)
        edge.wait_log("is up again")


def test_turned_away_clients_take_nothing_down(pair: Pair) -> None:
    """A server closes on clients it has banned; it greets the checks, so it stays in service for all others."""
    def greet_checks(client: socket.socket) -> None:
        """A check says nothing before it is greeted; these clients begin to speak."""
        client.settimeout(0.1)
        try:
            client.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            client.settimeout(None)
            smtp(client)

    with Edge(pair.section(ONLY_BY_FLOWS)) as edge:
        assert pair.serves(edge) == pair.first.port
        pair.first.behave = greet_checks
        for _ in range(10):
            with connect(pair.port) as client:
                client.sendall(b"x")
                try:
                    assert client.recv(100) == b""
                except ConnectionResetError:
                    pass
        assert pair.serves(edge) == pair.first.port
        assert "is down" not in edge.log()


def test_reload_forgets_nothing(pair: Pair) -> None:
    pair.first.behave = end
    with Edge(pair.section(QUICK)) as edge:
        edge.wait_log("is down")
        rewrite(edge, pair.section(QUICK + "connect-timeout = 4s\n"))
        hang_up(edge, "reloaded")
        assert pair.serves(edge) == pair.second.port
        assert edge.log().count("is down") == 1
        rewrite(edge, pair.section("check = off\n").replace("check = smtp\n", ""))
        hang_up(edge, "reloaded")
        pair.first.behave = smtp
        assert pair.serves(edge) == pair.first.port, "without checks every server is up"


def test_check_port(pair: Pair) -> None:
    """The port that is checked speaks for all of the server's."""
    sentinel = Behaving(smtp)
    with Edge(pair.section(QUICK + f"check-port = {sentinel.port}\n")) as edge:
        assert pair.serves(edge) == pair.first.port
        sentinel.behave = end
        edge.wait_log(f"127.0.0.1:{sentinel.port} is down", count=2)
    sentinel.close()


def test_port_that_fits_the_check(pair: Pair) -> None:
    """Without check-port, of the ports that lead to the server the one on which the check's protocol is spoken."""
    lonely = Behaving(end)
    text = (f"[listen mail]\nbind = 127.0.0.1\nports = 993>{lonely.port} 25>{pair.first.port}\nbackend = mail\n"
            f"[backend mail]\nserver = 127.0.0.1\ncheck = smtp\n{QUICK}")
    with Edge(text) as edge:
        assert settled(lambda: pair.first.served >= 3, 10)
        assert lonely.served == 0 and "is down" not in edge.log()
    lonely.close()


def test_through_a_proxy(pair: Pair) -> None:
    """What is dialled through a SOCKS5 proxy is checked through it."""
    with SocksServer() as proxy, Edge(pair.section(QUICK + f"via = socks5://127.0.0.1:{proxy.port}\n")) as edge:
        assert pair.serves(edge) == pair.first.port
        pair.first.behave = end
        edge.wait_log(f"127.0.0.1:{pair.first.port} is down after 2 failed checks: closes")
        pair.first.behave = smtp
        edge.wait_log("is up again")
        assert settled(lambda: len(proxy.asked) > 5)
