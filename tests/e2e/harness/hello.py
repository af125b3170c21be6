"""First bytes of real clients, as the fuzzers have them, and what is done to them on the way."""

from __future__ import annotations

from pathlib import Path

from harness.edge import ROOT

CORPUS = ROOT / "tests" / "fuzz" / "corpus"
NAME = "mail.example.org"  # that all recorded clients ask for


def recorded(name: str) -> bytes:
    """A ClientHello, in its records."""
    return (CORPUS / "hello" / name).read_bytes()


def in_records(hello: bytes, size: int) -> bytes:
    """The same message in records of so many bytes."""
    message = hello[5:]
    parts = (message[at:at + size] for at in range(0, len(message), size))
    return b"".join(b"\x16\x03\x01" + len(part).to_bytes(2, "big") + part for part in parts)


def padded(hello: bytes, size: int) -> bytes:
    """The same message with so many more bytes of padding (RFC 7685), in as few records as it takes."""
    body = hello[9:]
    at = 34
    at += 1 + body[at]
    at += 2 + int.from_bytes(body[at:at + 2], "big")
    at += 1 + body[at]
    extensions = b"\x6a\x6a" + size.to_bytes(2, "big") + bytes(size) + body[at + 2:]
    body = body[:at] + len(extensions).to_bytes(2, "big") + extensions
    return in_records(b"\x16\x03\x01\0\0\x01" + len(body).to_bytes(3, "big") + body, 16384)


def request(host: str, path: str = "/") -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\n\r\n".encode()
