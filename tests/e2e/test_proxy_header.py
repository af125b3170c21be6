"""The PROXY header on the wire, byte for byte, for each version and family."""

from __future__ import annotations

import select
import socket
import struct
from contextlib import suppress

import pytest

from harness.edge import Edge, EdgeError, free_port
from harness.header import SIGNATURE, build_v1, build_v2, read_header
from harness.stand import accept, connect, listen, stand

pytestmark = pytest.mark.usefixtures("binary")

LOCAL = {"v4": "127.0.0.1", "v6": "::1"}


def golden(version: int, client: socket.socket) -> bytes:
    """The exact header for this client, built from the specification."""
    source, destination = client.getsockname()[:2], client.getpeername()[:2]
    return (build_v1 if version == 1 else build_v2)(source, destination)


def test_the_builder_itself() -> None:
    """The tests' own builder against bytes written out by hand."""
    assert build_v1(("192.0.2.1", 56324), ("198.51.100.9", 443)) == b"PROXY TCP4 192.0.2.1 198.51.100.9 56324 443\r\n"
    assert build_v2(("192.0.2.1", 56324), ("198.51.100.9", 25)) == bytes.fromhex(
        "0d0a0d0a000d0a515549540a" "21" "11" "000c" "c0000201" "c6336409" "dc04" "0019")
    assert build_v2(("2001:db8::1", 1), ("2001:db8::2", 65535)) == bytes.fromhex(
        "0d0a0d0a000d0a515549540a" "21" "21" "0024"
        "20010db8000000000000000000000001" "20010db8000000000000000000000002" "0001" "ffff")


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("front", ["v4", "v6"])
@pytest.mark.parametrize("back", ["v4", "v6"])
def test_golden(version: int, front: str, back: str) -> None:
    """The header speaks of the client's leg, whatever family the backend's leg has; not one byte follows it."""
    with stand(backend_keys=f"send-proxy = v{version}", backend_address=LOCAL[back]) as it:
        client, server = it.flow(LOCAL[front])
        with client, server:
            expected = golden(version, client)
            assert server.recv(len(expected), socket.MSG_WAITALL) == expected
            readable, _, _ = select.select([server], [], [], 0.1)
            assert not readable, f"{server.recv(100)!r} follows the header of a silent client"
            client.sendall(b"EHLO\r\n")
            assert server.recv(100) == b"EHLO\r\n"


def test_off_sends_none() -> None:
    with stand(backend_keys="send-proxy = off") as it:
        client, server = it.flow()
        with client, server:
            client.sendall(b"EHLO\r\n")
            assert server.recv(100) == b"EHLO\r\n"


@pytest.mark.parametrize("version", [1, 2])
def test_mapped_client_is_v4(version: int) -> None:
    """A v4-mapped bind address is refused, or its clients are told as the IPv4 ones they are."""
    port = free_port()
    with listen() as backend:
        ini = (f"[listen front]\nbind = ::ffff:127.0.0.1\nports = {port}\nbackend = back\n"
               f"[backend back]\nserver = 127.0.0.1:{backend.getsockname()[1]}\nsend-proxy = v{version}\n")
        try:
            with Edge(ini) as edge, connect(port) as client, accept(backend) as server:
                header = read_header(server, version)
                assert header.family == socket.AF_INET and header.raw == golden(version, client)
                assert edge.alive()
        except EdgeError as error:
            assert "::ffff:127.0.0.1" in str(error), f"refused, but not with the address: {error}"


@pytest.mark.parametrize("version", [1, 2])
def test_data_with_the_handshake(version: int) -> None:
    """The client's bytes are there before the edge accepts: they come behind the header, never before or within."""
    with stand(backend_keys=f"send-proxy = v{version}") as it:
        for _ in range(50):
            client = connect(it.port)
            client.sendall(b"PROXY TCP4 6.6.6.6 6.6.6.6 6 6\r\n")
            server = accept(it.backend)
            with client, server:
                header = read_header(server, version)
                assert header.source == client.getsockname()
                assert server.recv(100) == b"PROXY TCP4 6.6.6.6 6.6.6.6 6 6\r\n", "the client's own words are payload"


def test_never_unspec() -> None:
    """Clients that end or reset at once: whoever gets a header gets PROXY with addresses, or nothing at all."""
    count = 60
    with stand(backend_keys="send-proxy = v2") as it:
        for index in range(count):
            client = connect(it.port)
            if index % 2:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
        headers = 0
        it.backend.settimeout(0.5)
        with suppress(TimeoutError):
            while True:
                server, _ = it.backend.accept()
                with server, suppress(ConnectionResetError):
                    headers += check_whole_header(server)
        assert headers >= count // 2, f"only {headers} of the {count // 2} clients that ended in order had a header"


def check_whole_header(server: socket.socket) -> int:
    """The backend's side of a client that is gone: 1 with a right header, 0 without a byte."""
    server.settimeout(5)
    data = server.recv(1000)
    if not data:
        return 0
    assert data[:14] == SIGNATURE + b"\x21\x11", f"header {data[:16].hex()}"
    assert data[16:20] == socket.inet_aton("127.0.0.1"), f"source {data[16:20].hex()}"
    return 1


def test_log_counts_no_header() -> None:
    """`up` is what the client sent: the header is not among it."""
    with stand(backend_keys="send-proxy = v2") as it:
        client, server = it.flow()
        port = client.getsockname()[1]
        with client, server:
            read_header(server, 2)
            client.sendall(b"12345")
            assert server.recv(5, socket.MSG_WAITALL) == b"12345"
        line = it.edge.wait_flow(lambda flow: flow["client"].endswith(f":{port}"))
        assert (line["up"], line["down"]) == ("5", "0"), line
