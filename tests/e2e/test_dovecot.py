"""IMAP through the edge to a real Dovecot: LOGIN, IDLE, large mails, and Dovecot knows the client's own address."""

from __future__ import annotations

import base64
import os
import re
import socket
import ssl
import time
from typing import Iterator

import pytest

from harness.dovecot import IMAP_PORT, IMAPS_PORT, Dovecot
from harness.edge import Edge
from harness.front import Way, flow_of, front
from harness.imap import Imap, session
from harness.net import CLIENT, V6, Family, Net
from harness.server import HOSTNAME

IMAP, IMAPS, IMAP_V1, IMAP_V6 = 143, 993, 1431, 1436
WAYS = (
    Way(IMAP, IMAP_PORT),
    Way(IMAPS, IMAPS_PORT),
    Way(IMAP_V1, IMAP_PORT, send_proxy="v1"),
    Way(IMAP_V6, IMAP_PORT, family=V6),
)
LARGE = 5_000_000
SILENCE = 0.3  # seconds of IDLE in which nothing happens


@pytest.fixture(scope="module")
def dovecot(net: Net) -> Iterator[Dovecot]:
    with Dovecot(net) as server:
        yield server


@pytest.fixture(scope="module")
def edge(net: Net, binary: str, path: str, dovecot: Dovecot) -> Iterator[Edge]:
    with front(net, binary, path, WAYS) as running:
        yield running


@pytest.fixture
def user(dovecot: Dovecot) -> str:
    return dovecot.new_user()


def connect(net: Net, family: Family, port: int = IMAP) -> socket.socket:
    return net.connect(CLIENT, (family.edge, port), family.clients[1])


def connect_tls(net: Net, family: Family, dovecot: Dovecot) -> ssl.SSLSocket:
    """TLS to Dovecot itself: its certificate, and no other, is accepted."""
    context = ssl.create_default_context(cafile=str(dovecot.certificate))
    return context.wrap_socket(connect(net, family, IMAPS), server_hostname=HOSTNAME)


def check_seen(dovecot: Dovecot, user: str, family: Family) -> None:
    """Dovecot's line of the login has the client's address, and the one the client dialled."""
    login = dovecot.wait_log(rf"imap-login: Info: (?:Login|Logged in): user=<{user}>.* rip=([^,]+), lip=([^,]+),")
    assert login.groups() == (family.clients[1], family.edge)


def lines_of(size: int) -> bytes:
    """So many random bytes as base64, in lines as mail has them."""
    return base64.encodebytes(os.urandom(size)).replace(b"\n", b"\r\n")


def check_idle(dovecot: Dovecot, imap: Imap, user: str) -> None:
    """A mail that arrives is announced to the client that waits in IDLE, at once and after a silence."""
    imap.enter_idle()
    dovecot.deliver(user, b"Subject: one\n\nfirst\n")
    imap.wait_line(b"* 1 EXISTS\r\n")
    time.sleep(SILENCE)
    dovecot.deliver(user, b"Subject: two\n\nsecond\n")
    imap.wait_line(b"* 2 EXISTS\r\n")
    imap.leave_idle()


def test_idle(net: Net, edge: Edge, dovecot: Dovecot, user: str, family: Family) -> None:
    connection = connect(net, family)
    address = connection.getsockname()[:2]
    with session(connection, user) as imap:
        check_idle(dovecot, imap, user)
    check_seen(dovecot, user, family)
    assert flow_of(edge, address)["why"] in ("client-eof", "server-eof")


@pytest.mark.only_path("auto")
def test_idle_over_tls(net: Net, edge: Edge, dovecot: Dovecot, user: str, family: Family) -> None:
    with session(connect_tls(net, family, dovecot), user) as imap:
        check_idle(dovecot, imap, user)
    check_seen(dovecot, user, family)
    assert re.search(rf"user=<{user}>.*, TLS", dovecot.log())


def test_large_mail(net: Net, edge: Edge, dovecot: Dovecot, user: str, family: Family) -> None:
    """Five megabytes up by APPEND, and down by FETCH: the same bytes."""
    mail = b"Subject: large\r\n\r\n" + lines_of(LARGE)
    with session(connect(net, family), user) as imap:
        assert imap.append("INBOX", "", "", mail)[0] == "OK"
        (stored,) = dovecot.mails(user)
        as_stored = stored.read_bytes().replace(b"\r\n", b"\n")
        assert imap.select("INBOX")[1] == [b"1"]
        status, answer = imap.fetch("1", "(BODY.PEEK[])")
    # not compared by pytest, which would explain ten megabytes
    up_same = as_stored == mail.replace(b"\r\n", b"\n")
    down_same = answer[0][1] == mail
    assert (status, up_same, down_same) == ("OK", True, True)
    check_seen(dovecot, user, family)


@pytest.mark.only_path("auto")
@pytest.mark.parametrize("port", [IMAP_V1, IMAP_V6], ids=["v1", "backend-over-v6"])
def test_login_other_way(net: Net, edge: Edge, dovecot: Dovecot, user: str, family: Family, port: int) -> None:
    """With a header of version 1; to the backend's other address."""
    with session(connect(net, family, port), user) as imap:
        assert imap.noop()[0] == "OK"
    check_seen(dovecot, user, family)
