"""Where clients are led by what they say first: real clients, whatever way their bytes arrive; and those that say nothing."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import time
from contextlib import suppress
from typing import Iterator

import pytest

from harness.edge import Edge, free_port, parse_hostport
from harness.header import Header, read_v2
from harness.hello import NAME, in_records, padded, recorded, request
from harness.need import need_program
from harness.stand import accept, connect, listen
from harness.wire import UP, ends_without_data, read_exact, read_until_reset, reset, send_stream, check_stream, together

BACKENDS = ("one", "two", "any")
HELLOS = ("openssl-sni", "openssl-alpn", "openssl-tls12", "curl", "python", "chromium-0", "chromium-1", "chromium-2",
          "fragments-of-1", "fragments-of-7", "chromium-fragments")
AUTHORITY, ALPN, UNIQUE_ID = 2, 1, 5


class Split:
    """An edge whose listeners choose between three backends of the test."""

    def __init__(self, path: str, binary: str) -> None:
        self.backends = {name: listen() for name in BACKENDS}
        self.ports = {name: free_port() for name in ("https", "http", "mixed", "strict", "source", "tls", "silent")}
        ini = [
            "[global]\nworkers = 4\ndrain = 1s\n[defaults]\nbind = 127.0.0.1\nhead = 1s\n" + f"path = {path}\n",
            self.listener("https", f"route = sni:{NAME}, alpn:acme-tls/1 -> two", f"route = sni:{NAME} -> one",
                          "route = sni:*.example.net -> two", "route = any -> any"),
            self.listener("http", "route = host:mail.example.org, path:/.well-known/acme-challenge/ -> one",
                          "route = host:*.example.org -> two", "backend = any"),
            self.listener("mixed", "route = tls -> one", "route = http -> two", "route = ssh -> any"),
            self.listener("strict", f"route = sni:{NAME} -> one"),
            self.listener("source", "route = source:127.0.0.2 -> two", f"route = source:127.0.0.3, sni:{NAME} -> one",
                          "backend = any"),
            self.listener("tls", "expect = tls", "backend = one"),
            self.listener("silent", "first-byte = 1s", "backend = one"),
        ]
        for name in BACKENDS:
            ini.append(f"[backend {name}]\nserver = 127.0.0.1:{self.backends[name].getsockname()[1]}\nsend-proxy = v2\n"
                       "proxy-tlv = authority alpn unique-id crc32c\n")
        self.edge = Edge("\n".join(ini), binary=binary)

    def listener(self, name: str, *lines: str) -> str:
        return "\n".join([f"[listen {name}]", f"ports = {self.ports[name]}", *lines, ""])

    def connect(self, listener: str, source: str | None = None) -> socket.socket:
        self.seen = len(self.edge.flows())  # a port may come again
        return socket.create_connection(("127.0.0.1", self.ports[listener]), 10, (source, 0) if source else None)

    def accept(self, backend: str, client: socket.socket) -> tuple[socket.socket, Header]:
        """The backend's side of that client, behind its header."""
        server = accept(self.backends[backend])
        header = read_v2(server)
        assert header.source == client.getsockname(), f"{header.source} is told, {client.getsockname()} it is"
        return server, header

    def check_led(self, listener: str, backend: str, said: bytes, pieces: list[bytes] | None = None) -> dict[int, bytes]:
        """All that the client says arrives there, once and in order, and an answer comes back. Returns the TLVs."""
        with self.connect(listener) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for piece in pieces or [said]:
                client.sendall(piece)
            server, header = self.accept(backend, client)
            with server:
                assert read_exact(server, len(said)) == said
                server.sendall(b"answer")
                assert read_exact(client, 6) == b"answer"
                client.close()
                assert server.recv(1) == b"", "more than was said"
        return dict(tlvs(header))

    def line_of(self, client: tuple[str, int]) -> dict[str, str]:
        """The line of the client that connected last."""
        return self.edge.wait_flow(lambda flow: flow["client"] != "-" and parse_hostport(flow["client"]) == client,
                                   after=self.seen)


def tlvs(header: Header) -> Iterator[tuple[int, bytes]]:
    rest = header.tlvs
    while rest:
        size = int.from_bytes(rest[1:3], "big")
        yield rest[0], rest[3:3 + size]
        rest = rest[3 + size:]


@pytest.fixture(scope="module")
def split(path: str, binary: str) -> Iterator[Split]:
    made = Split(path, binary)
    try:
        with made.edge as edge:
            start = edge.fds()
            yield made
            deadline = time.monotonic() + 10
            while edge.fds() != start:
                assert time.monotonic() < deadline, f"descriptors: {start} at the start, {edge.fds()} after all flows"
                time.sleep(0.05)
    finally:
        for backend in made.backends.values():
            backend.close()


def cut(said: bytes, dice: random.Random) -> list[bytes]:
    places = sorted(dice.sample(range(1, len(said)), 5))
    return [said[a:b] for a, b in zip([0, *places], [*places, len(said)])]


@pytest.mark.parametrize("hello", HELLOS)
def test_recorded_clients(split: Split, hello: str) -> None:
    """In one piece, in six, and with what comes behind it: one route, every byte, the name in the header."""
    said = recorded(hello)
    backend = "two" if hello == "openssl-alpn" else "one"
    for pieces in (None, cut(said, random.Random(hello)), [said + b"behind it"]):
        found = split.check_led("https", backend, b"".join(pieces) if pieces else said, pieces)
        assert found[AUTHORITY] == NAME.encode()
        assert found.get(ALPN) == (b"acme-tls/1" if hello == "openssl-alpn" else None), "a choice is the server's"


def test_byte_by_byte(split: Split) -> None:
    said = in_records(recorded("openssl-sni"), 200)
    split.check_led("https", "one", said, [said[at:at + 1] for at in range(len(said))])
    said = request("mail.example.org", "/.well-known/acme-challenge/x")
    split.check_led("http", "one", said, [said[at:at + 1] for at in range(len(said))])


@pytest.mark.only_path("auto")
@pytest.mark.parametrize("size", [14000, 16384, 40000])
def test_large_hellos(split: Split, size: int) -> None:
    """Up to 16 KiB a name is found; beyond that it is one that fits no route, and arrives whole all the same."""
    said = padded(recorded("chromium-0"), size)
    split.check_led("https", "one" if size < 14400 else "any", said)


@pytest.mark.only_path("auto")
def test_junk(split: Split) -> None:
    for said in (recorded("openssl-nosni"), recorded("sslv2"), recorded("alert"), b"\0", b"EHLO a\r\n", request("a"),
                 b"\x16\x03\x01\x00\x00", recorded("openssl-sni").replace(b"example.org", b"example.com")):
        split.check_led("https", "any", said)


@pytest.mark.only_path("auto")
def test_hosts_and_paths(split: Split) -> None:
    rows = ((request("mail.example.org", "/.well-known/acme-challenge/x"), "one"),
            (request("MAIL.example.org:80", "/.well-known/acme-challenge/x?y"), "one"),
            (request("mail.example.org", "/.well-known/acme-challenge/../admin"), "two"),
            (request("mail.example.org"), "two"), (request("www.example.org"), "two"), (request("example.org"), "any"),
            (b"GET http://www.example.org/ HTTP/1.1\r\nHost: other\r\n\r\n", "two"), (b"GET / HTTP/1.0\r\n\r\n", "any"),
            (b"POST / HTTP/1.1\r\nHost: www.example.org\r\nContent-Length: 4\r\n\r\nbody", "two"), (b"PROXY\r\n", "any"))
    for said, backend in rows:
        split.check_led("http", backend, said)


@pytest.mark.only_path("auto")
def test_protocols(split: Split) -> None:
    for said, backend in ((recorded("curl"), "one"), (request("a"), "two"), (b"SSH-2.0-OpenSSH_9.2p1\r\n", "any")):
        split.check_led("mixed", backend, said)


@pytest.mark.only_path("auto")
def test_no_route(split: Split) -> None:
    """What fits none is reset, and nobody is told of it."""
    for listener, said in (("mixed", b"EHLO a\r\n"), ("strict", recorded("openssl-nosni")), ("tls", b"GET / HTTP/1.1\r\n")):
        with split.connect(listener) as client:
            client.sendall(said)
            assert ends_without_data(client) == "reset"
            line = split.line_of(client.getsockname())
        assert (line["why"], line["server"], line["up"], line["down"]) == ("no-route", "-", "0", "0"), line


@pytest.mark.only_path("auto")
def test_silence_and_half_a_hello(split: Split) -> None:
    """Once `head` is over, what cannot be told does not fit: `any` holds, or a reset."""
    for said in (b"", recorded("chromium-0")[:700]):
        with split.connect("https") as client:
            client.sendall(said)
            server, _ = split.accept("any", client)
            with server:
                assert read_exact(server, len(said)) == said
                client.sendall(b"rest")
                assert read_exact(server, 4) == b"rest"
        with split.connect("strict") as client:
            client.sendall(said)
            assert ends_without_data(client) == "reset"
            assert split.line_of(client.getsockname())["why"] == "head-timeout"


@pytest.mark.only_path("auto")
def test_expect_and_first_byte(split: Split) -> None:
    split.check_led("tls", "one", recorded("chromium-0"))
    split.check_led("silent", "one", b"x")
    for listener, said in (("tls", b""), ("tls", b"\x16\x03\x01"), ("silent", b"")):
        with split.connect(listener) as client:
            client.sendall(said)
            assert ends_without_data(client) == "reset"
            line = split.line_of(client.getsockname())
        assert (line["why"], line["server"]) == ("head-timeout", "-"), line


@pytest.mark.only_path("auto")
def test_sources_read_nothing(split: Split) -> None:
    """Where the address decides nobody waits: the server may speak first."""
    for source, backend in (("127.0.0.2", "two"), ("127.0.0.1", "any")):
        with split.connect("source", source) as client:
            server, _ = split.accept(backend, client)
            with server:
                server.sendall(b"220 hello\r\n")
                assert read_exact(client, 11) == b"220 hello\r\n"
    with split.connect("source", "127.0.0.3") as client:
        client.sendall(recorded("openssl-sni"))
        server, _ = split.accept("one", client)
        server.close()


def test_half_closed_behind_the_head(split: Split) -> None:
    """A client that ended after its first words gets its answer; one that ended within them is led by what it said."""
    for said, backend in ((recorded("openssl-sni"), "one"), (recorded("openssl-sni")[:100], "any"), (b"", "any")):
        with split.connect("https") as client:
            client.sendall(said)
            client.shutdown(socket.SHUT_WR)
            server, _ = split.accept(backend, client)
            with server:
                assert read_exact(server, len(said)) == said and server.recv(1) == b""
                server.sendall(b"answer")
            assert read_exact(client, 6) == b"answer" and client.recv(1) == b""
            line = split.line_of(client.getsockname())
        assert (line["why"], line["up"], line["down"]) == ("client-eof", str(len(said)), "6"), line


@pytest.mark.only_path("auto")
def test_reset_within_the_head(split: Split) -> None:
    for said in (b"", recorded("openssl-sni")[:100]):
        with split.connect("strict") as client:
            name = client.getsockname()
            client.sendall(said)
            time.sleep(0.05)
            reset(client)
        line = split.line_of(name)
        assert (line["why"], line["server"]) == ("client-reset", "-"), line


def test_much_behind_the_head(split: Split) -> None:
    """Three megabytes that follow the hello at once: nothing is lost, nothing overtakes."""
    said, size = recorded("chromium-0"), 3_000_000
    with split.connect("https") as client:
        def serve() -> None:
            server, _ = split.accept("one", client)
            with server:
                assert read_exact(server, len(said)) == said
                check_stream(server, UP, size)

        def send() -> None:
            client.sendall(said + bytes(UP.chunk(0, 1000)))
            send_stream(client, UP, size - 1000, start=1000, finish=True)

        together(serve, send)
        assert client.recv(1) == b""
        line = split.line_of(client.getsockname())
    assert (line["why"], line["up"]) == ("client-eof", str(size + len(said))), line


def test_server_that_takes_nothing(split: Split) -> None:
    """The hello waits in the edge until there is room; a reset by the server reaches the client."""
    with split.connect("https") as client:
        client.sendall(recorded("chromium-0"))
        server, _ = split.accept("one", client)
        reset(server)
        assert read_until_reset(client) == 0
        assert split.line_of(client.getsockname())["why"] == "server-reset"


@pytest.mark.only_path("auto")
def test_slow_heads(split: Split) -> None:
    """Hundreds of clients that send a byte now and then: a real one is served meanwhile, they are gone when `head` is over."""
    said = recorded("openssl-sni")
    before = split.edge.rss()
    began = time.monotonic()  # the first comes now: to connect all takes a part of its time
    slow = [split.connect("strict") for _ in range(500)]
    for at in range(3):
        for client in slow:
            with suppress(ConnectionError):  # on a slow machine its time may be over
                client.sendall(said[at:at + 1])
        split.check_led("https", "one", said)
    grown = split.edge.rss() - before
    for client in slow:
        assert ends_without_data(client) == "reset"
        client.close()
    assert time.monotonic() - began > 1, "they had their time"
    # What a sanitizer keeps aside of freed memory is not counted.
    assert os.environ.get("TAILSPLICE_BUILD", "release") != "release" or grown < 500 * 8192, f"{grown // 500} bytes for each slow client"


@pytest.mark.only_path("auto")
def test_openssl_and_curl(split: Split) -> None:
    """Programs as they are, and not their recorded words."""
    openssl, curl = need_program("openssl", "openssl"), need_program("curl", "curl")
    at = f"127.0.0.1:{split.ports['https']}"
    rows = (
        ([openssl, "s_client", "-connect", at, "-servername", NAME], "one", NAME, None),
        ([openssl, "s_client", "-connect", at, "-servername", NAME, "-alpn", "acme-tls/1"], "two", NAME, "acme-tls/1"),
        ([openssl, "s_client", "-connect", at, "-servername", "a.example.net", "-alpn", "h2,imap"], "two", "a.example.net", None),
        ([openssl, "s_client", "-connect", at, "-noservername"], "any", None, None),
        ([curl, "-sk", "--max-time", "5", "--connect-to", f"::{at}", "https://MAIL.example.org/"], "one", NAME, None),
    )
    for command, backend, name, protocol in rows:
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as program:
            with accept(split.backends[backend]) as server:
                found = {key: value.decode("latin-1") for key, value in tlvs(read_v2(server))}
                assert server.recv(3) == b"\x16\x03\x01", command
            program.stdin.close()
            program.wait(10)
        assert (found.get(AUTHORITY), found.get(ALPN)) == (name, protocol), command


@pytest.mark.only_path("auto")
def test_unique_id_is_the_log_s(split: Split) -> None:
    with split.connect("https") as client:
        client.sendall(recorded("curl"))
        server, header = split.accept("one", client)
        server.close()
        name = client.getsockname()
    assert dict(tlvs(header))[UNIQUE_ID].decode() == split.line_of(name)["flow"]
