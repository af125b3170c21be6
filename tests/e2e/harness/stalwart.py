"""A server that answers as Stalwart 0.16 was seen to, byte for byte, to whoever has a PROXY header and whoever has none.

Not a mail server: greetings, mismatches, bans and the throttle, and nothing behind them.
"""

from __future__ import annotations

import socket
import threading
import time
from collections import defaultdict

from harness.header import SIGNATURE
from harness.stand import listen

BANNER = {
    "smtp": b"220 mail.example.org Stalwart ESMTP at your service\r\n",
    "imap": b"* OK [CAPABILITY IMAP4rev2 IMAP4rev1 ENABLE SASL-IR LITERAL+ ID] Stalwart IMAP4rev2 at your service.\r\n",
}
# up to its session id, which is enough of it
SERVER_HELLO = bytes.fromhex("160303007a0200007603036f97") + bytes(116)
DECODE_ERROR = bytes.fromhex("15030300020232")
PER_SECOND = 5  # x:MtaInboundThrottle, for each address
BAD_COMMANDS = 30  # x:Security scanBanRate, a day


class Stalwart:
    """`kind`: smtp, imap, tls or http. `trusted`: its listener expects a PROXY header from the edge, and takes nothing else."""

    def __init__(self, kind: str, trusted: bool, address: str = "127.0.0.1", port: int = 0, banned: tuple[str, ...] = ()) -> None:
        self.kind, self.trusted, self.banned = kind, trusted, set(banned)
        self.sock = listen(address, port)
        self.port = self.sock.getsockname()[1]
        self.connections = 0
        self.unclean: list[str] = []  # ends that a server would have logged as errors
        self.farewells = 0
        self.bad: dict[str, int] = defaultdict(int)
        self.times: dict[str, list[float]] = defaultdict(list)
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self) -> Stalwart:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def _serve(self) -> None:
        self.sock.settimeout(None)
        while True:
            try:
                client, peer = self.sock.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._guarded, args=(client, peer[0]), daemon=True).start()

    def _guarded(self, client: socket.socket, peer: str) -> None:
        with client:
            try:
                self._answer(client, peer)
            except OSError as error:
                self.unclean.append(str(error))

    def _answer(self, client: socket.socket, peer: str) -> None:
        rest = b""
        if self.trusted:
            taken = self._header(client, peer)
            if taken is None:
                return
            peer, rest = taken
        if peer in self.banned or not self._pace(peer):
            return
        {"smtp": self._smtp, "imap": self._imap, "tls": self._tls, "http": self._http}[self.kind](client, peer, rest)

    def _header(self, client: socket.socket, peer: str) -> tuple[str, bytes] | None:
        """Whom it names, and what came behind it. None: it is none, or the client ended before it was whole."""
        data = b""
        while True:
            part = client.recv(4096)
            if not part:
                return None
            data += part
            if data.startswith(b"PROXY ") and b"\r\n" in data:
                line, _, rest = data.partition(b"\r\n")
                return (peer if line == b"PROXY UNKNOWN" else line.split()[2].decode()), rest
            if data.startswith(SIGNATURE) and len(data) >= 16:
                end = 16 + int.from_bytes(data[14:16], "big")
                if data[12] >> 4 != 2:
                    return None
                if len(data) >= end:
                    return (self._named(data) or peer), data[end:]
            elif not SIGNATURE.startswith(data[:12]) and not b"PROXY ".startswith(data[:6]) and not data.startswith(b"PROXY "):
                return None

    @staticmethod
    def _named(data: bytes) -> str | None:
        if data[12] == 0x20:
            return None
        return {0x11: lambda: socket.inet_ntop(socket.AF_INET, data[16:20]),
                0x21: lambda: socket.inet_ntop(socket.AF_INET6, data[16:32])}[data[13]]()

    def _pace(self, peer: str) -> bool:
        if self.kind != "smtp":
            return True
        now = time.monotonic()
        self.times[peer] = [past for past in self.times[peer] if now - past < 1] + [now]
        return len(self.times[peer]) <= PER_SECOND

    def _smtp(self, client: socket.socket, peer: str, rest: bytes) -> None:
        client.sendall(BANNER["smtp"])
        errors = 0
        for line in self._lines(client, rest):
            if line == b"QUIT" and not errors:
                self.farewells += 1
                client.sendall(b"221 2.0.0 Bye.\r\n")
                return
            errors += 1
            self._blame(peer)
            client.sendall(b"500 5.5.1 Invalid command.\r\n")
            if errors == 3:
                client.sendall(b"221 2.0.0 Bye.\r\n")
                return

    def _imap(self, client: socket.socket, peer: str, rest: bytes) -> None:
        client.sendall(BANNER["imap"])
        for line in self._lines(client, rest):
            if line == b"a LOGOUT":
                self.farewells += 1
                client.sendall(b"* BYE Stalwart IMAP4rev2 bids you farewell.\r\na OK LOGOUT completed\r\n")
                return
            if b"\0" in line:
                client.sendall(b'* BAD [PARSE] Missing command after tag "\\0", found CRLF instead.\r\n')

    def _tls(self, client: socket.socket, peer: str, rest: bytes) -> None:
        data = rest or client.recv(4096)
        if not data:
            return
        if data[0] != 0x16:
            client.sendall(DECODE_ERROR)
            return
        client.sendall(SERVER_HELLO)
        while client.recv(4096):
            pass

    def _http(self, client: socket.socket, peer: str, rest: bytes) -> None:
        data = rest or client.recv(4096)
        good = data.startswith((b"GET ", b"HEAD "))
        status = b"200 OK" if good else b"400 Bad Request"
        client.sendall(b"HTTP/1.1 " + status + b"\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")

    @staticmethod
    def _lines(client: socket.socket, data: bytes):
        while True:
            while b"\n" in data:
                line, _, data = data.partition(b"\n")
                yield line.removesuffix(b"\r")
            part = client.recv(4096)
            if not part:
                return
            data += part

    def _blame(self, peer: str) -> None:
        self.bad[peer] += 1
        if self.bad[peer] >= BAD_COMMANDS:
            self.banned.add(peer)
