"""`via`: servers dialled through a SOCKS5 proxy, a good one and bad ones."""

from __future__ import annotations

import socket
import subprocess
import time
from contextlib import ExitStack, contextmanager, suppress
from typing import Callable, Iterator

import pytest

from harness.dns import dns
from harness.edge import Edge, free_port
from harness.header import read_header
from harness.need import need_program
from harness.net import EDGE, Net
from harness.socks import NAME, V4, V6, Manners, SocksServer
from harness.stand import TIMEOUT, accept, connect, echo_once, listen
from harness.wire import MIB, UP, check_stream, ends_without_data, send_stream, together

pytestmark = pytest.mark.usefixtures("binary")


@contextmanager
def through(via: str, server: str, keys: str = "") -> Iterator[tuple[Edge, int]]:
    port = free_port()
    ini = (f"[listen front]\nports = {port}\nbackend = back\n"
           f"[backend back]\nserver = {server}\nvia = {via}\nconnect-timeout = 1s\n{keys}\n")
    with Edge(ini) as edge:
        yield edge, port


def expect_end(port: int) -> None:
    """No server for this client: it is told, maybe before its connect has returned."""
    with suppress(ConnectionResetError), connect(port) as client:
        ends_without_data(client)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_literal(address: str) -> None:
    """The address goes to the proxy as it is; the PROXY header follows the proxy's last byte, then the stream."""
    with listen(address) as backend, SocksServer() as proxy:
        back = backend.getsockname()[1]
        literal = f"[{address}]:{back}" if ":" in address else f"{address}:{back}"
        with through(f"socks5://127.0.0.1:{proxy.port}", literal, "send-proxy = v2") as (edge, port):
            with connect(port) as client, accept(backend) as server:
                assert read_header(server, 2).source == client.getsockname()
                echo_once(client, server)
                together(lambda: send_stream(client, UP, MIB, finish=True), lambda: check_stream(server, UP, MIB))
            edge.wait_flow(lambda flow: flow["why"] == "client-eof" and flow["up"] == str(MIB + 5))
        assert proxy.asked == [(V6 if ":" in address else V4, address, back)]


def test_name_is_the_proxys() -> None:
    """A name that only the proxy can resolve is sent as a name, and nobody here asks DNS for it."""
    name = "mailbox.tail0rig.invalid"
    with listen() as backend:
        back = backend.getsockname()[1]
        with SocksServer(Manners(hosts={name: ("127.0.0.1", back)})) as proxy:
            with through(f"socks5://localhost:{proxy.port}", f"{name}:{back}", "send-proxy = v1") as (edge, port):
                with connect(port) as client, accept(backend) as server:
                    assert read_header(server, 1).source == client.getsockname()
                    echo_once(client, server)
                    client.shutdown(socket.SHUT_WR)
                    assert server.recv(1) == b""
                line = edge.wait_flow(lambda flow: True)
                assert (line["why"], line["server"]) == ("client-eof", f"{name}:{back}"), line
                assert "does not resolve" not in edge.log()
            assert proxy.asked == [(NAME, name, back)]


def test_the_proxy_has_a_name(net: Net) -> None:
    """As beside a container: its name is resolved here, and again when it has moved."""
    port, back, asked = 2991, 2992, 2993
    with dns(net, EDGE, {}) as names, ExitStack() as stack:
        first, second = (in_edge(net, stack, address, asked) for address in ("127.0.0.2", "127.0.0.3"))
        ini = (f"[listen front]\nports = {port}\nbackend = back\n[backend back]\nserver = mailbox.example.net:{back}\n"
               f"via = socks5://tailscale:{asked}\non-down = hold 20s\n")
        with Edge(ini, netns=net.name(EDGE)):
            for address, proxy in (("127.0.0.2", first), ("127.0.0.3", second)):
                names.names["tailscale"] = [address]
                with net.connect(EDGE, ("127.0.0.1", port), timeout=20):
                    heard, _ = proxy.accept()
                    heard.close()
                proxy.close()


def in_edge(net: Net, stack: ExitStack, address: str, port: int) -> socket.socket:
    sock = stack.enter_context(net.socket(EDGE))
    sock.bind((address, port))
    sock.listen()
    sock.settimeout(TIMEOUT)
    return sock


def test_password() -> None:
    with listen() as backend, SocksServer(Manners(user="edge", password="a:b@c%")) as proxy:
        back = backend.getsockname()[1]
        for secret, good in (("a%3Ab%40c%25", True), ("wrong", False)):
            with through(f"socks5://edge:{secret}@127.0.0.1:{proxy.port}", f"127.0.0.1:{back}") as (edge, port):
                if good:
                    with connect(port) as client, accept(backend) as server:
                        echo_once(client, server)
                        client.shutdown(socket.SHUT_WR)
                        assert server.recv(1) == b""
                else:
                    expect_end(port)
                line = edge.wait_flow(lambda flow: True)
                assert line["why"] == ("client-eof" if good else "connect-refused"), line
                assert secret not in edge.log()
        assert proxy.logins == [("edge", "a:b@c%"), ("edge", "wrong")]


def bytewise(answer: bytes) -> list[bytes]:
    return [answer[i:i + 1] for i in range(len(answer))]


@pytest.mark.parametrize("bound", [
    b"\x01\x7f\x00\x00\x01\x00\x19", b"\x04" + bytes(16) + b"\x00\x19", b"\x03\x04mail\x00\x19",
    b"\x03\xff" + b"x" * 255 + b"\x00\x19", b"\x03\x00\x00\x19",
], ids=["v4", "v6", "name", "longest", "empty"])
def test_answers_in_pieces(bound: bytes) -> None:
    """However the reply is cut and whatever it says of itself: not one byte of the server's first words is lost."""
    with listen() as backend, SocksServer(Manners(bound=bound, mangle=bytewise if len(bound) < 50 else lambda a: [a])) as proxy:
        back = backend.getsockname()[1]
        with through(f"socks5://127.0.0.1:{proxy.port}", f"127.0.0.1:{back}") as (_, port):
            with connect(port) as client, accept(backend) as server:
                server.sendall(b"220 mail\r\n")
                assert client.recv(10, socket.MSG_WAITALL) == b"220 mail\r\n"


def test_banner_with_the_reply() -> None:
    """The server's banner comes in one segment with the proxy's reply."""
    with listen() as backend, SocksServer(Manners(mangle=lambda a: [a + b"220 early\r\n"] if len(a) > 2 else [a])) as proxy:
        back = backend.getsockname()[1]
        with through(f"socks5://127.0.0.1:{proxy.port}", f"127.0.0.1:{back}") as (_, port):
            with connect(port) as client, accept(backend):
                assert client.recv(11, socket.MSG_WAITALL) == b"220 early\r\n"


HOSTILE: dict[str, tuple[Callable[[bytes], list[bytes]], str]] = {
    "junk": (lambda answer: [b"HTTP/1.1 400 Bad Request\r\n\r\n"], "connect-refused"),
    "junk later": (lambda answer: [answer] if len(answer) == 2 else [b"\x05\x00\x00\x07" + b"x" * 4000], "connect-refused"),
    "nothing": (lambda answer: [], "connect-timeout"),
    "nothing later": (lambda answer: [answer] if len(answer) == 2 else [answer[:6]], "connect-timeout"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile(kind: str) -> None:
    mangle, why = HOSTILE[kind]
    with listen() as backend, SocksServer(Manners(mangle=mangle)) as proxy:
        back = backend.getsockname()[1]
        with through(f"socks5://127.0.0.1:{proxy.port}", f"127.0.0.1:{back}") as (edge, port):
            before = edge.fds()
            expect_end(port)
            line = edge.wait_flow(lambda flow: True)
            assert (line["why"], line["up"], line["down"]) == (why, "0", "0"), line
            assert edge.fds() == before
            if why == "connect-refused":
                assert "no SOCKS5 proxy" in edge.log()


@pytest.mark.parametrize("reply, why", [(1, "connect-refused"), (2, "connect-refused"), (4, "connect-refused"),
                                        (5, "connect-refused"), (6, "connect-timeout"), (7, "error")])
def test_reply(reply: int, why: str) -> None:
    """What the proxy says of the server is why the flow ends."""
    with SocksServer(Manners(reply=reply)) as proxy:
        with through(f"socks5://127.0.0.1:{proxy.port}", "192.0.2.1:25") as (edge, port):
            expect_end(port)
            assert edge.wait_flow(lambda flow: True)["why"] == why


def test_name_that_fails() -> None:
    """The log says which server it was, although nobody here knows its address."""
    with SocksServer(Manners(reply=5)) as proxy:
        with through(f"socks5://127.0.0.1:{proxy.port}", "mailbox.tail0rig.invalid:25") as (edge, port):
            expect_end(port)
            line = edge.wait_flow(lambda flow: True)
            assert (line["why"], line["server"]) == ("connect-refused", "mailbox.tail0rig.invalid:25"), line


def test_no_proxy_there() -> None:
    with through(f"socks5://127.0.0.1:{free_port()}", "192.0.2.1:25") as (edge, port):
        expect_end(port)
        assert edge.wait_flow(lambda flow: True)["why"] == "connect-refused"


def test_next_server() -> None:
    """The proxy refuses the first server, the second is asked for through it as well."""
    with listen() as backend, SocksServer() as proxy:
        back = backend.getsockname()[1]
        servers = f"127.0.0.1:{free_port()}\nserver = 127.0.0.1:{back}"
        with through(f"socks5://127.0.0.1:{proxy.port}", servers, "send-proxy = v2") as (_, port):
            with connect(port) as client, accept(backend) as server:
                read_header(server, 2)
                echo_once(client, server)
        assert len(proxy.asked) == 2


@pytest.mark.parametrize("password", ["", "s3cret"], ids=["open", "password"])
def test_microsocks(password: str) -> None:
    """Somebody else's server, by address and by name, with and without a password."""
    program, port = need_program("microsocks", "microsocks"), free_port()
    login = ["-u", "edge", "-P", password] if password else []
    process = subprocess.Popen([program, "-i", "127.0.0.1", "-p", str(port), *login], stderr=subprocess.DEVNULL)
    try:
        while not reachable(port):
            assert process.poll() is None, "microsocks has ended"
            time.sleep(0.01)
        for host in ("127.0.0.1", "localhost"):
            with listen() as backend:
                back = backend.getsockname()[1]
                via = f"socks5://edge:{password}@127.0.0.1:{port}" if password else f"socks5://127.0.0.1:{port}"
                with through(via, f"{host}:{back}", "send-proxy = v2") as (_, front):
                    with connect(front) as client, accept(backend) as server:
                        assert read_header(server, 2).source == client.getsockname()
                        server.sendall(b"220 mail\r\n")
                        assert client.recv(10, socket.MSG_WAITALL) == b"220 mail\r\n"
    finally:
        process.terminate()
        process.wait()


def reachable(port: int) -> bool:
    with suppress(ConnectionRefusedError), connect(port):
        return True
    return False
