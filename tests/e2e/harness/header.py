"""PROXY protocol headers, v1 and v2: a parser and builder of the tests' own, written from the specification."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

from harness.wire import read_exact

SIGNATURE = bytes.fromhex("0d0a0d0a000d0a515549540a")
V1_LONGEST = 107
FAMILIES = {0x11: (socket.AF_INET, 4), 0x21: (socket.AF_INET6, 16)}


@dataclass(frozen=True)
class Header:
    """What a header says, and the bytes it took to say it."""

    version: int
    family: int
    source: tuple[str, int]
    destination: tuple[str, int]
    tlvs: bytes
    raw: bytes


def read_header(sock: socket.socket, version: int) -> Header:
    return read_v2(sock) if version == 2 else read_v1(sock)


def read_v2(sock: socket.socket) -> Header:
    """Read one v2 header and not one byte more; anything but PROXY over TCP with addresses is a failure."""
    start = read_exact(sock, 16)
    assert start[:12] == SIGNATURE, f"no v2 signature but {start!r}"
    assert start[12] == 0x21, f"version and command are {start[12]:#x}, not v2 PROXY"
    assert start[13] in FAMILIES, f"family and protocol are {start[13]:#x}: neither TCP over IPv4 nor over IPv6"
    family, size = FAMILIES[start[13]]
    length = struct.unpack("!H", start[14:])[0]
    assert 2 * size + 4 <= length <= 2048, f"length {length} cannot be right"
    body = read_exact(sock, length)
    source, destination = body[:size], body[size:2 * size]
    ports = struct.unpack("!HH", body[2 * size:2 * size + 4])
    return Header(2, family, (socket.inet_ntop(family, source), ports[0]),
                  (socket.inet_ntop(family, destination), ports[1]), body[2 * size + 4:], start + body)


def read_v1(sock: socket.socket) -> Header:
    """Read one v1 header and not one byte more."""
    line = bytearray()
    while not line.endswith(b"\r\n"):
        assert len(line) < V1_LONGEST, f"no end of line within {V1_LONGEST} bytes: {bytes(line)!r}"
        line += read_exact(sock, 1)
    words = line[:-2].decode("ascii").split(" ")
    assert len(words) == 6 and words[0] == "PROXY", f"no v1 header with addresses: {bytes(line)!r}"
    assert words[1] in ("TCP4", "TCP6"), f"protocol {words[1]}"
    family = socket.AF_INET if words[1] == "TCP4" else socket.AF_INET6
    for address in words[2:4]:
        socket.inet_pton(family, address)
    for port in words[4:]:
        assert port == str(int(port)) and 0 < int(port) < 65536, f"port {port!r}"
    return Header(1, family, (words[2], int(words[4])), (words[3], int(words[5])), b"", bytes(line))


def build_v2(source: tuple[str, int], destination: tuple[str, int]) -> bytes:
    family, code = (socket.AF_INET6, 0x21) if ":" in source[0] else (socket.AF_INET, 0x11)
    body = socket.inet_pton(family, source[0]) + socket.inet_pton(family, destination[0])
    body += struct.pack("!HH", source[1], destination[1])
    return SIGNATURE + bytes([0x21, code]) + struct.pack("!H", len(body)) + body


def build_v1(source: tuple[str, int], destination: tuple[str, int]) -> bytes:
    protocol = "TCP6" if ":" in source[0] else "TCP4"
    return f"PROXY {protocol} {source[0]} {destination[0]} {source[1]} {destination[1]}\r\n".encode()
