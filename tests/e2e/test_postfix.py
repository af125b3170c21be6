"""Mail through the edge to a real Postfix: accepted, delivered whole, and Postfix knows the client's own address."""

from __future__ import annotations

import email
import itertools
import os
import re
import smtplib
import socket
import struct
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Iterator

import pytest

from harness.edge import Edge
from harness.front import Way, flow_of, front
from harness.need import need_program
from harness.net import CLIENT, FAMILIES, V4, V6, Family, Net
from harness.postfix import DOMAIN, POSTSCREEN_PORT, SMTPD_PORT, Postfix

MX, MX_V1, MX_V6, SCREENED = 25, 2501, 2506, 2525
WAYS = (
    Way(MX, SMTPD_PORT),
    Way(MX_V1, SMTPD_PORT, send_proxy="v1"),
    Way(MX_V6, SMTPD_PORT, family=V6),
    Way(SCREENED, POSTSCREEN_PORT),
)
# lines that dot-stuffing, 8-bit transport or a text-mode copy would change
BODY = "one\n.\n..two\n.three\n\n  four \tfünf\n-- \n" + "x" * 900 + "\n"
ATTACHMENT = 7_500_000  # ten million bytes on the wire, in base64

_serial = itertools.count(1)


@pytest.fixture(scope="module")
def postfix(net: Net) -> Iterator[Postfix]:
    with Postfix(net) as server:
        yield server


@pytest.fixture(scope="module")
def edge(net: Net, binary: str, path: str, postfix: Postfix) -> Iterator[Edge]:
    with front(net, binary, path, WAYS) as running:
        yield running


@pytest.fixture
def recipient() -> str:
    return new_recipient()


def new_recipient() -> str:
    """An address that no mail was sent to yet."""
    return f"user{next(_serial)}@{DOMAIN}"


def send(net: Net, family: Family, source: str, recipient: str, *more: str, port: int = MX) -> str:
    """Send with swaks from the client's namespace; the queue id that Postfix gave."""
    swaks = need_program("swaks", "swaks libnet-ssleay-perl libio-socket-inet6-perl")
    done = net.run(
        CLIENT,
        [swaks, "--server", family.edge, "--port", str(port), "--local-interface", source, "--helo", "client.test",
         "--from", "sender@client.test", "--to", recipient, "--timeout", "20", *more],
        capture_output=True, text=True, errors="replace",
    )
    said = (done.stdout + done.stderr)[-3000:]
    assert done.returncode == 0, f"swaks ended with {done.returncode}:\n{said}"
    return re.search(r"queued as (\w+)", said)[1]


def check_seen(postfix: Postfix, queue_id: str, recipient: str, client: str) -> None:
    """Postfix delivered it, knows who it came from, and has heard of no other client than ours."""
    postfix.wait_log(rf"{queue_id}: to=<{recipient}>,.* status=sent")
    postfix.wait_log(rf"{queue_id}: client=unknown\[{re.escape(client)}\]$")
    seen = set(re.findall(r"(?:connect from|client=) ?\w*\[([^]]*)\]", postfix.log()))
    assert seen <= {address for family in FAMILIES for address in family.clients}, f"clients in the log: {seen}"


def body_of(mail: bytes | None) -> bytes:
    assert mail is not None, "status=sent, but there is no file"
    return mail.split(b"\n\n", 1)[1]


def write_mail(file: Path, body: bytes) -> str:
    """A file for swaks with this body; what to pass to --data."""
    return write_raw(file, b"Subject: e2e\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\n" + body)


def write_raw(file: Path, mail: bytes) -> str:
    """swaks ends the last line itself."""
    file.write_bytes(mail.removesuffix(b"\n"))
    return f"@{file}"


def test_mail(net: Net, edge: Edge, postfix: Postfix, family: Family, recipient: str, tmp_path: Path) -> None:
    """One mail from a client of either family; its body is the same, byte for byte."""
    client = family.clients[1]
    queue_id = send(net, family, client, recipient, "--data", write_mail(tmp_path / "mail", BODY.encode()))
    check_seen(postfix, queue_id, recipient, client)
    assert body_of(postfix.mail_to(recipient)) == BODY.encode()


def test_large_mail(net: Net, edge: Edge, postfix: Postfix, recipient: str, tmp_path: Path) -> None:
    """Ten megabytes with an attachment."""
    attachment = os.urandom(ATTACHMENT)
    message = EmailMessage()
    message["Subject"] = "large"
    message.set_content(BODY)
    message.add_attachment(attachment, maintype="application", subtype="octet-stream", filename="large.bin")
    queue_id = send(net, V4, V4.clients[1], recipient, "--data", write_raw(tmp_path / "mail", bytes(message)))
    check_seen(postfix, queue_id, recipient, V4.clients[1])
    delivered = postfix.mail_to(recipient)
    # not compared by pytest, which would explain twenty megabytes
    same = body_of(delivered) == body_of(bytes(message))
    assert same, "the body has changed"
    parsed = email.message_from_bytes(delivered)
    assert [part.get_payload(decode=True) == attachment for part in parsed.walk() if part.get_filename()] == [True]


def test_mail_over_starttls(net: Net, edge: Edge, postfix: Postfix, family: Family, recipient: str,
                            tmp_path: Path) -> None:
    """TLS begins inside the connection and is between the client and Postfix: swaks sees Postfix's certificate."""
    client = family.clients[1]
    queue_id = send(net, family, client, recipient, "--tls", "--tls-verify", "--tls-ca-path",
                    str(postfix.certificate), "--data", write_mail(tmp_path / "mail", BODY.encode()))
    check_seen(postfix, queue_id, recipient, client)
    postfix.wait_log(rf"TLS connection established from unknown\[{re.escape(client)}\]")
    assert body_of(postfix.mail_to(recipient)) == BODY.encode()


@pytest.mark.only_path("auto")
@pytest.mark.parametrize("port", [MX_V1, MX_V6], ids=["v1", "backend-over-v6"])
def test_mail_other_way(net: Net, edge: Edge, postfix: Postfix, family: Family, port: int, recipient: str,
                        tmp_path: Path) -> None:
    """With a header of version 1; to the backend's other address."""
    client = family.clients[1]
    queue_id = send(net, family, client, recipient, "--data", write_mail(tmp_path / "mail", BODY.encode()), port=port)
    check_seen(postfix, queue_id, recipient, client)
    assert body_of(postfix.mail_to(recipient)) == BODY.encode()


@pytest.mark.only_path("auto")
def test_ten_mails_at_once(net: Net, edge: Edge, postfix: Postfix, tmp_path: Path) -> None:
    """Ten clients of two families at the same time: none gets another's address or another's text."""
    def one(number: int) -> tuple[str, str, str, bytes]:
        family = FAMILIES[number % 2]
        source, recipient, body = family.clients[number % 3], new_recipient(), f"number {number}\n".encode() * 2000
        queue_id = send(net, family, source, recipient, "--data", write_mail(tmp_path / str(number), body))
        return queue_id, recipient, source, body

    with ThreadPoolExecutor(10) as pool:
        sent = list(pool.map(one, range(10)))
    for queue_id, recipient, source, body in sent:
        check_seen(postfix, queue_id, recipient, source)
        assert body_of(postfix.mail_to(recipient)) == body


@pytest.mark.only_path("auto")
def test_postscreen(net: Net, edge: Edge, postfix: Postfix, family: Family, recipient: str, tmp_path: Path) -> None:
    """postscreen takes the header, tests that address, and hands the connection on with it."""
    client = family.clients[0]
    queue_id = send(net, family, client, recipient, "--data", write_mail(tmp_path / "mail", BODY.encode()),
                    port=SCREENED)
    connect = postfix.wait_log(rf"postscreen\[\d+\]: CONNECT from \[{re.escape(client)}\]:(\d+) to (\S+)")
    assert connect[2] == f"[{family.edge}]:{SCREENED}"
    postfix.wait_log(rf"postscreen\[\d+\]: PASS NEW \[{re.escape(client)}\]:{connect[1]}")
    check_seen(postfix, queue_id, recipient, client)
    assert body_of(postfix.mail_to(recipient)) == BODY.encode()


class Smtp(smtplib.SMTP):
    """smtplib in the client's namespace, from a chosen address."""

    def __init__(self, net: Net, family: Family, source: str) -> None:
        self._open = lambda: net.connect(CLIENT, (family.edge, MX), source)
        super().__init__(family.edge, MX, "client.test", timeout=10)

    def _get_socket(self, host: str, port: int, timeout: Any) -> socket.socket:
        return self._open()

    def reset(self) -> None:
        """End the connection with RST, as a client that dies does."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()


def test_reset_in_data(net: Net, edge: Edge, postfix: Postfix, family: Family, recipient: str) -> None:
    """A mail cut off by the client is no mail: Postfix sees the connection lost, and delivers nothing."""
    before = len(postfix.log())
    client = Smtp(net, family, family.clients[2])
    address = client.sock.getsockname()[:2]
    client.ehlo()
    assert client.mail("sender@client.test")[0] == 250
    assert client.rcpt(recipient)[0] == 250
    assert client.docmd("DATA")[0] == 354
    client.sock.sendall(b"Subject: cut off\r\n\r\n" + b"half a mail\r\n" * 20_000)
    client.reset()
    lost = rf"lost connection after DATA \(\d+ bytes\) from unknown\[{re.escape(address[0])}\]"
    postfix.wait_log(lost, after=before)
    assert flow_of(edge, address)["why"] == "client-reset"
    assert f"to=<{recipient}>" not in postfix.log()
    assert postfix.mail_to(recipient) is None
