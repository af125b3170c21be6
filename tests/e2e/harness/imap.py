"""A client of IMAP that can IDLE, over a connection that is there already."""

from __future__ import annotations

import imaplib
import socket
from contextlib import contextmanager
from typing import Iterator

from harness.dovecot import PASSWORD


class Imap(imaplib.IMAP4):
    """imaplib over a connection that is there already, with an end to IDLE that it lacks."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        super().__init__(timeout=10)

    def _create_socket(self, timeout: float | None) -> socket.socket:
        return self._connection

    def enter_idle(self) -> None:
        self.send(b"idle1 IDLE\r\n")
        answer = self.readline()
        assert answer.startswith(b"+ "), answer

    def wait_line(self, wanted: bytes) -> None:
        while (line := self.readline()) != wanted:
            assert line.startswith(b"* "), f"waiting for {wanted!r}: {line!r}"

    def leave_idle(self) -> None:
        self.send(b"DONE\r\n")
        while not (line := self.readline()).startswith(b"idle1 "):
            assert line.startswith(b"* "), line
        assert line.startswith(b"idle1 OK"), line


@contextmanager
def session(connection: socket.socket, user: str) -> Iterator[Imap]:
    """Logged in, INBOX selected; logged out at the end."""
    with connection, Imap(connection) as imap:
        imap.login(user, PASSWORD)
        assert imap.select("INBOX")[0] == "OK"
        yield imap
