"""Mail over the tailnet: SMTP to Postfix and IMAP to Dovecot on a node, which know the client's own address."""

from __future__ import annotations

import re
import smtplib
from typing import Iterator

import pytest

from front import edge_on, leads
from harness.dovecot import IMAP_PORT, Dovecot
from harness.edge import Edge
from harness.imap import session
from harness.net import CLIENT, V4
from harness.postfix import DOMAIN, SMTPD_PORT, Postfix
from rig import DOMAIN as TAILNET
from rig import Rig

OURS = V4.clients[1]
TAILNET_NETWORKS = ("100.64.0.0/10", "fd7a:115c:a1e0::/48")


class NodePostfix(Postfix):
    addresses = ("all",)


class NodeDovecot(Dovecot):
    addresses = ("*", "::")
    edges = TAILNET_NETWORKS


@pytest.fixture
def postfix(rig: Rig) -> Iterator[Postfix]:
    with NodePostfix(rig) as server:
        yield server


@pytest.fixture
def dovecot(rig: Rig) -> Iterator[Dovecot]:
    with NodeDovecot(rig) as server:
        yield server


@pytest.fixture(params=["tailnet:mailbox", f"mailbox.{TAILNET}"])
def edge(rig: Rig, binary: str, request: pytest.FixtureRequest) -> Iterator[Edge]:
    sections = leads(request.param, f"{SMTPD_PORT} {IMAP_PORT}", "send-proxy = v2")
    with edge_on(rig, binary, sections) as running:
        yield running


def deliver(rig: Rig, recipient: str) -> None:
    with smtplib.SMTP() as client:
        client.sock = rig.connect(CLIENT, (V4.edge, SMTPD_PORT), OURS)
        client.file = None
        assert client.getreply()[0] == 220
        client.sendmail("sender@client.test", recipient, "Subject: over the tailnet\r\n\r\nhello\r\n")


def test_smtp(rig: Rig, postfix: Postfix, edge: Edge):
    recipient = f"box@{DOMAIN}"
    deliver(rig, recipient)
    queued = postfix.wait_log(rf"(\w+): client=unknown\[{re.escape(OURS)}\]$")[1]
    postfix.wait_log(rf"{queued}: to=<{recipient}>,.* status=sent")
    flow = edge.wait_flow(lambda flow: flow["client"].startswith(OURS))
    assert flow["server"] in (f"{address}:25" for address in rig.mailbox_hosts()), flow


def test_imap_idle(rig: Rig, dovecot: Dovecot, edge: Edge):
    user = dovecot.new_user()
    with session(rig.connect(CLIENT, (V4.edge, IMAP_PORT), OURS), user) as imap:
        imap.enter_idle()
        dovecot.deliver(user, b"Subject: one\n\nfirst\n")
        imap.wait_line(b"* 1 EXISTS\r\n")
        imap.leave_idle()
    login = dovecot.wait_log(rf"imap-login: Info: (?:Login|Logged in): user=<{user}>.* rip=([^,]+), lip=([^,]+),")
    assert login.groups() == (OURS, V4.edge)
