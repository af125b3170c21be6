"""PROXY headers that come in: from those that must send them, and from nobody else; what they say holds from then on."""

from __future__ import annotations

import json
import socket
import struct
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Iterator

import pytest

from harness.edge import Edge, free_port
from harness.header import SIGNATURE, build_v1, build_v2, read_v1, read_v2
from harness.hello import NAME, recorded
from harness.stand import accept, connect, listen
from harness.wire import ends_without_data, read_exact, reset

FRIEND, STRANGER = "127.0.0.1", "127.0.0.2"
NAMED, MEANT = ("203.0.113.7", 51234), ("198.51.100.9", 25)
NAMED6, MEANT6 = ("2001:db8::7", 51234), ("2001:db8::9", 25)
LOCAL = SIGNATURE + b"\x20\x00\x00\x00"


def with_tlvs(header: bytes, *tlvs: tuple[int, bytes]) -> bytes:
    more = b"".join(bytes([kind]) + struct.pack("!H", len(value)) + value for kind, value in tlvs)
    size = struct.unpack("!H", header[14:16])[0] + len(more)
    return header[:14] + struct.pack("!H", size) + header[16:] + more


def crc32c(data: bytes) -> int:
    """Bit by bit, from its polynomial."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def sealed(header: bytes) -> bytes:
    header = with_tlvs(header, (3, bytes(4)))
    return header[:-4] + struct.pack("!I", crc32c(header))


class Desk:
    """An edge whose listeners take headers from 127.0.0.1, and one backend for each version that goes out."""

    def __init__(self, path: str, binary: str, socket_path: Path) -> None:
        self.backends = {"v1": listen(), "v2": listen(), "all": listen()}
        self.ports = {name: free_port() for name in ("v1", "v2", "all", "routed", "few", "awake")}
        take = f"accept-proxy = {FRIEND} 2001:db8::/32\n"
        ini = [f"[global]\nworkers = 4\ncontrol = {socket_path}\ndrain = 1s\n[defaults]\nbind = 127.0.0.1\nhead = 1s\npath = {path}\n"]
        for name in ("v1", "v2", "all"):
            ini.append(f"[listen {name}]\nports = {self.ports[name]}\nbackend = {name}\n" + take)
            ini.append(f"[backend {name}]\nserver = 127.0.0.1:{self.backends[name].getsockname()[1]}\n"
                       f"send-proxy = {'v1' if name == 'v1' else 'v2'}\n")
        ini.append("proxy-tlv = passthrough authority unique-id crc32c\n")
        ini.append(f"[listen routed]\nports = {self.ports['routed']}\n" + take +
                   f"route = source:203.0.113.0/24, sni:{NAME} -> v2\nroute = any -> all\n")
        ini.append(f"[listen few]\nports = {self.ports['few']}\nbackend = v2\nmax-flows-per-source = 1\n" + take)
        ini.append(f"[listen awake]\nports = {self.ports['awake']}\nbackend = v2\nfirst-byte = 1s\nhead = 5s\n" + take)
        self.edge = Edge("\n".join(ini), binary=binary)

    def connect(self, listener: str, source: str = FRIEND) -> socket.socket:
        self.seen = len(self.edge.flows())
        return socket.create_connection(("127.0.0.1", self.ports[listener]), 10, (source, 0))

    def line(self, client: str) -> dict[str, str]:
        return self.edge.wait_flow(lambda flow: flow["client"] == client, after=self.seen)


def text_of(address: tuple[str, int]) -> str:
    return f"[{address[0]}]:{address[1]}" if ":" in address[0] else f"{address[0]}:{address[1]}"


@pytest.fixture(scope="module")
def desk(path: str, binary: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    made = Desk(path, binary, Path("/tmp") / f"ts-{free_port()}.sock")
    try:
        with made.edge:
            yield made
    finally:
        for backend in made.backends.values():
            backend.close()


@pytest.mark.parametrize("out", ["v1", "v2"])
@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("named", [(NAMED, MEANT), (NAMED6, MEANT6)], ids=["v4", "v6"])
def test_chain(desk: Desk, named: tuple, version: int, out: str) -> None:
    """Source and destination of the first header are those of ours, and the log's client; bytes behind it follow."""
    header = (build_v1 if version == 1 else build_v2)(*named)
    with desk.connect(out) as client:
        client.sendall(header + b"EHLO\r\n")
        with accept(desk.backends[out]) as server:
            told = (read_v1 if out == "v1" else read_v2)(server)
            assert (told.source, told.destination) == named
            assert read_exact(server, 6) == b"EHLO\r\n"
            server.sendall(b"250\r\n")
            assert read_exact(client, 5) == b"250\r\n"
    line = desk.line(text_of(named[0]))
    assert (line["up"], line["down"]) == ("6", "5"), line


@pytest.mark.only_path("auto")
def test_in_pieces(desk: Desk) -> None:
    for header in (build_v1(NAMED, MEANT), build_v2(NAMED, MEANT), with_tlvs(build_v2(NAMED, MEANT), (0xE0, b"x" * 900))):
        with desk.connect("v2") as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for at in range(0, len(header), 1 if len(header) < 200 else 100):
                client.sendall(header[at:at + (1 if len(header) < 200 else 100)])
            with accept(desk.backends["v2"]) as server:
                assert read_v2(server).source == NAMED
                server.sendall(b"220 hello\r\n")
                assert read_exact(client, 11) == b"220 hello\r\n", "the server speaks first"


@pytest.mark.only_path("auto")
def test_headers_without_an_address(desk: Desk) -> None:
    """LOCAL, UNKNOWN and families that are not IP: the client is who connected."""
    unix = SIGNATURE + b"\x21\x31" + struct.pack("!H", 216) + bytes(216)
    for header in (LOCAL, b"PROXY UNKNOWN\r\n", b"PROXY UNKNOWN a b c d\r\n", SIGNATURE + b"\x21\x00\x00\x00", unix,
                   SIGNATURE + b"\x20\x11\x00\x0c" + build_v2(NAMED, MEANT)[16:]):
        with desk.connect("v2") as client:
            client.sendall(header)
            with accept(desk.backends["v2"]) as server:
                told = read_v2(server)
                assert (told.source, told.destination) == (client.getsockname(), client.getpeername()), header


@pytest.mark.only_path("auto")
def test_friends_must(desk: Desk) -> None:
    """No header, half a one, a wrong one, one that is too long: a reset, and no server hears of it."""
    good = build_v2(NAMED, MEANT)
    wrong = sealed(good)
    rows = (b"EHLO a\r\n", b"GET / HTTP/1.1\r\n\r\n", recorded("curl"), b"PROXY TCP4 1.2.3.4 5.6.7.8 9 10\n", b"PROXY " + b"x" * 200,
            good[:12] + b"\x31" + good[13:], good[:14] + b"\x00\x04" + good[16:20], wrong[:-1] + bytes([wrong[-1] ^ 1]),
            good[:14] + b"\xff\xff" + good[16:] + bytes(9000), good[:14] + b"\x00\x0e" + good[16:] + b"\x05\x00")
    for said in rows:
        with desk.connect("v2") as client:
            client.sendall(said)
            assert ends_without_data(client) == "reset", said[:40]
            line = desk.line(text_of(client.getsockname()))
        assert (line["why"], line["server"]) == ("bad-proxy", "-"), (said[:40], line)


@pytest.mark.only_path("auto")
def test_friends_that_end_or_wait(desk: Desk) -> None:
    for said, end, why in ((b"", True, "bad-proxy"), (b"PROXY TCP4", True, "bad-proxy"), (b"PROXY TCP4", False, "head-timeout"),
                           (b"", False, "head-timeout")):
        with desk.connect("v2") as client:
            client.sendall(said)
            if end:
                client.shutdown(socket.SHUT_WR)
            assert ends_without_data(client) == "reset"
            assert desk.line(text_of(client.getsockname()))["why"] == why, (said, end)


def test_strangers_must_not(desk: Desk) -> None:
    """Where the server speaks first it is not waited for: the header is found out when it comes, and none of it arrives."""
    for header in (build_v1(NAMED, MEANT), build_v2(NAMED, MEANT), LOCAL):
        for early in (True, False):
            with desk.connect("v2", STRANGER) as client:
                if early:
                    client.sendall(header + b"EHLO a\r\n")
                with accept(desk.backends["v2"]) as server:
                    assert read_v2(server).source == client.getsockname()
                    if not early:
                        server.sendall(b"220 hello\r\n")
                        assert read_exact(client, 11) == b"220 hello\r\n"
                        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                        with suppress(ConnectionError):
                            for at in range(len(header)):
                                client.sendall(header[at:at + 1])
                    assert ends_without_data(server) == "reset"
                line = desk.line(text_of(client.getsockname()))
            assert (line["why"], line["up"]) == ("bad-proxy", "0"), line


def test_strangers_that_send_none(desk: Desk) -> None:
    """Whatever begins a little like one, and whatever comes later, passes."""
    for words in ((b"EHLO a\r\n",), (b"P", b"ROPFIND"), (b"PROXY", b"!"), (b"\r\n\r\n", b"\0\r\nQUIX"), (b"x", build_v2(NAMED, MEANT))):
        with desk.connect("v2", STRANGER) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with accept(desk.backends["v2"]) as server:
                assert read_v2(server).source == client.getsockname()
                for word in words:
                    client.sendall(word)
                    time.sleep(0.01)
                whole = b"".join(words)
                assert read_exact(server, len(whole)) == whole
                server.sendall(b"250\r\n")
                assert read_exact(client, 5) == b"250\r\n"
    for words in (b"", b"PROX"):
        with desk.connect("v2", STRANGER) as client:
            client.sendall(words)
            client.shutdown(socket.SHUT_WR)
            with accept(desk.backends["v2"]) as server:
                read_v2(server)
                assert read_exact(server, len(words)) == words and server.recv(1) == b""


@pytest.mark.only_path("auto")
def test_routes_by_the_named_address(desk: Desk) -> None:
    said = recorded("openssl-sni")
    for header, backend in ((build_v2(NAMED, MEANT), "v2"), (build_v2(("203.0.114.1", 1), MEANT), "all"), (LOCAL, "all")):
        with desk.connect("routed") as client:
            client.sendall(header + said)
            with accept(desk.backends[backend]) as server:
                read_v2(server)
                assert read_exact(server, len(said)) == said
    for words in (build_v2(NAMED, MEANT) + said, b"PROXY TCP4"):
        # No byte of a stranger is needed to choose: it is dialled for, and found out behind that.
        with desk.connect("routed", STRANGER) as client:
            client.sendall(words)
            with accept(desk.backends["all"]) as server:
                read_v2(server)
                assert ends_without_data(server) == "reset"
            assert ends_without_data(client) == "reset"
            assert desk.line(text_of(client.getsockname()))["why"] == "bad-proxy"


@pytest.mark.only_path("auto")
def test_what_comes_in_goes_on(desk: Desk) -> None:
    """TLVs of a header pass, but what is ours to say, and that the client used TLS."""
    came = ((0xE0, b"custom"), (2, b"named.before"), (5, b"its id"), (0x20, b"\x01\0\0\0\0"), (4, b"padding"), (0x30, b"ns"))
    header = sealed(with_tlvs(build_v2(NAMED, MEANT), *came))
    for said, authority in ((b"EHLO\r\n", b"named.before"), (recorded("curl"), NAME.encode())):
        with desk.connect("all") as client:
            client.sendall(header + said)
            with accept(desk.backends["all"]) as server:
                told = read_v2(server)
                assert told.source == NAMED
                assert read_exact(server, len(said)) == said
            found, rest = {}, told.tlvs
            while rest:
                size = struct.unpack("!H", rest[1:3])[0]
                assert rest[0] not in found
                found[rest[0]], rest = rest[3:3 + size], rest[3 + size:]
        flow = desk.line(text_of(NAMED))["flow"]
        # A listener of no known protocol does not wait for a ClientHello, which is there or not when it dials.
        assert found.pop(2) in (authority, b"named.before")
        assert found.pop(3) == struct.pack("!I", crc32c(told.raw[:-4] + bytes(4)))
        assert found == {0xE0: b"custom", 5: flow.encode(), 0x30: b"ns"}


@pytest.mark.only_path("auto")
def test_limits_and_bans_go_by_the_named_address(desk: Desk, binary: str) -> None:
    def control(*words: str) -> dict:
        done = subprocess.run([binary, *words, "--json", "-c", str(desk.edge.config)], capture_output=True, text=True, timeout=20)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    other = ("203.0.113.8", 1)
    with desk.connect("few") as first, desk.connect("few") as second, desk.connect("few") as third:
        first.sendall(build_v2(NAMED, MEANT))
        with accept(desk.backends["v2"]) as server:
            read_v2(server)
            second.sendall(build_v2((NAMED[0], 2), MEANT))
            assert ends_without_data(second) == "reset"
            assert desk.edge.wait_flow(lambda flow: flow["client"] == f"{NAMED[0]}:2")["why"] == "limit-source"
            third.sendall(build_v2(other, MEANT))
            accept(desk.backends["v2"]).close()
    control("ban", NAMED[0])
    try:
        with desk.connect("v2") as client:
            client.sendall(build_v2(NAMED, MEANT))
            assert ends_without_data(client) == "reset"
            assert desk.line(text_of(NAMED))["why"] == "denied"
    finally:
        control("unban", NAMED[0])


@pytest.mark.only_path("auto")
def test_a_header_is_no_first_byte(desk: Desk) -> None:
    """It is the proxy's word; the client has to say one of its own."""
    with desk.connect("awake") as client:
        client.sendall(build_v2(NAMED, MEANT))
        assert ends_without_data(client) == "reset"
        assert desk.line(text_of(NAMED))["why"] == "head-timeout"
    with desk.connect("awake") as client:
        client.sendall(build_v2(NAMED, MEANT))
        time.sleep(0.1)
        client.sendall(b"x")
        with accept(desk.backends["v2"]) as server:
            assert read_v2(server).source == NAMED and read_exact(server, 1) == b"x"


@pytest.mark.only_path("auto")
def test_a_friend_that_resets(desk: Desk) -> None:
    with desk.connect("v2") as client:
        name = text_of(client.getsockname())
        client.sendall(b"PROXY TCP4")
        time.sleep(0.05)
        reset(client)
    assert desk.line(name)["why"] == "client-reset"
