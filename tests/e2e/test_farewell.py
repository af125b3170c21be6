"""A real Postfix that sends to a backend which is away: on-down = smtp-421 makes it keep the mail and come again."""

from __future__ import annotations

import smtplib
import socket
from typing import Iterator

import pytest

from harness.edge import Edge
from harness.net import BACKEND, EDGE, V4, Net
from harness.postfix import Postfix

PORT, BACK, SUBMISSION = 2500, 2600, 10025

SENDER_CF = f"""
relayhost = [{V4.edge_back}]:{PORT}
minimal_backoff_time = 1s
queue_run_delay = 1s
default_transport = smtp
smtp_tls_security_level = none
smtp_host_lookup = native
"""
SENDER_SERVICES = f"""{SUBMISSION} inet n - n - - smtpd
    -o mynetworks=0.0.0.0/0 -o smtpd_relay_restrictions=permit_mynetworks,reject
smtp unix - - n - - smtp
"""


class Sender(Postfix):
    ports = frozenset({SUBMISSION})

    def prepare(self) -> None:
        super().prepare()
        for name, text in [("main.cf", SENDER_CF), ("master.cf", SENDER_SERVICES)]:
            with open(self.dir / "conf" / name, "a") as file:
                file.write(text)

    def send(self) -> None:
        """One mail, from a client in its own namespace."""
        def submit() -> None:
            with smtplib.SMTP(V4.backend, SUBMISSION, timeout=10) as client:
                client.sendmail("a@sender.test", ["b@away.test"], "Subject: waits\r\n\r\nhello\r\n")

        self.net.call(BACKEND, submit)


@pytest.fixture(scope="module")
def sender(net: Net) -> Iterator[Sender]:
    with Sender(net) as server:
        yield server


def take_mail(backend: socket.socket) -> bytes:
    """One SMTP session, as far as a client like Postfix needs a server."""
    client, _ = backend.accept()
    with client, client.makefile("rwb") as talk:
        def say(line: str) -> None:
            talk.write(line.encode() + b"\r\n")
            talk.flush()

        say("220 back.test ESMTP")
        while (line := talk.readline()) and not line.upper().startswith(b"DATA"):
            say("250 ok")
        say("354 go on")
        mail = b""
        while (line := talk.readline()) != b".\r\n":
            mail += line
        say("250 2.0.0 taken")
        while (line := talk.readline()) and not line.upper().startswith(b"QUIT"):
            pass
        say("221 bye")
    return mail


def test_postfix_keeps_the_mail_and_comes_again(net: Net, sender: Sender) -> None:
    ini = (f"[listen mail]\nports = {PORT}>{BACK}\nbind = {V4.edge_back}\nprofile = smtp\nbackend = away\n"
           "[backend away]\nserver = 127.0.0.1\non-down = smtp-421\n")
    with Edge(ini, netns=net.name(EDGE)) as edge:
        sender.send()
        sender.wait_log(r"status=deferred .*refused to talk to me: 421 4\.3\.2 Service not available, try again later")
        assert edge.wait_flow(lambda f: f["why"] == "connect-refused")["down"] == "0"
        with net.socket(EDGE) as backend:
            backend.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            backend.bind(("127.0.0.1", BACK))
            backend.listen()
            backend.settimeout(20)
            assert b"Subject: waits" in take_mail(backend)
        sender.wait_log(r"status=sent \(250 2\.0\.0 taken\)")
        assert "status=bounced" not in sender.log()
