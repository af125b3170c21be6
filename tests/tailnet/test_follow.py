"""The mailbox is an ephemeral node: each start is a new address. The edge follows, says who is who, and does without tailscaled."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Any, Iterator

import pytest

from front import PORT, Greeter, Stream, edge_on, greeting, leads, tailnet_of
from harness.edge import Edge
from harness.net import BACKEND, CLIENT, EDGE, V4
from harness.operate import ask, rewrite
from rig import DOMAIN, SPARE, Rig, wait_until

SERVERS = ["tailnet:mailbox", f"mailbox.{DOMAIN}"]
SOON = 2.0  # seconds after a node is back


@pytest.fixture
def mailbox(rig: Rig) -> Iterator[Greeter]:
    with Greeter(rig, BACKEND) as server:
        yield server


@pytest.fixture
def edge(rig: Rig, binary: str, sock_file: Path, mailbox: Greeter, request: pytest.FixtureRequest) -> Iterator[Edge]:
    """Leads to tailnet:mailbox, or as a test's parameter says."""
    server = getattr(request, "param", SERVERS[0])
    with edge_on(rig, binary, leads(server, more="send-proxy = v2\nconnect-timeout = 1s"), control=sock_file) as running:
        yield running


@pytest.fixture
def edge_patient(rig: Rig, binary: str, mailbox: Greeter) -> Iterator[Edge]:
    """As it is without a word on timeouts, or with more patience."""
    with edge_on(rig, binary, leads(SERVERS[0], more="send-proxy = v2\nconnect-timeout = 20s")) as running:
        yield running


def replace_mailbox(rig: Rig, gently: bool) -> str:
    """A new container in place of the old one; its address. Ended gently, its node goes; killed, it stays as a ghost."""
    old = rig.nodes[BACKEND].ip4()
    rig.nodes[BACKEND].stop(signal.SIGTERM if gently else signal.SIGKILL)
    if gently:
        rig.tell("delete", ip=old)
    return rig.add_node(BACKEND).ip4()


@pytest.mark.parametrize("edge", SERVERS, indirect=True)
@pytest.mark.parametrize("gently", [True, False], ids=["ended", "crashed"])
def test_a_restarted_mailbox_is_reached_at_once(rig: Rig, edge: Edge, sock_file: Path, gently: bool,
                                                 record_property: Any):
    old = rig.nodes[BACKEND].ip4()
    assert greeting(rig) == old
    with Stream(rig) as stream:
        new = replace_mailbox(rig, gently)
        back = time.monotonic()
        wait_until(lambda: stream.first_by(new) < float("inf"), "a client is greeted by the new node")
        time.sleep(SOON)  # what fails later would be a failure
    first, last = stream.first_by(new) - back, stream.last_failure() - back
    record_property("first_greeting_s", round(first, 3))
    record_property("last_failure_s", round(last, 3))
    print(f"first greeting {first:+.3f} s, last failed connection begun {last:+.3f} s after the node was back")
    assert first < SOON and last < SOON
    told = tailnet_of(sock_file)["nodes"][0]
    assert told["verdict"] == ("online" if gently else "ghost")
    assert new in told["node"]["addresses"]
    if not gently:
        assert old in told["other"]["addresses"]
        assert "ghost" in edge.log() and f"mailbox-1.{DOMAIN}" in edge.log()


def test_a_client_that_waits_is_served_once_the_node_is_back(rig: Rig, edge_patient: Edge):
    """Its dial to the old address is given up as soon as that is nobody's any more, not after connect-timeout."""
    rig.nodes[BACKEND].stop(signal.SIGKILL)
    with rig.connect(CLIENT, (V4.edge, PORT), timeout=30) as client:
        new = rig.add_node(BACKEND).ip4()
        back = time.monotonic()
        assert client.recv(100) == f"220 {new}\r\n".encode()
        assert time.monotonic() - back < SOON


def test_offline_is_said_but_tried(rig: Rig, edge: Edge, sock_file: Path):
    """`online` is what control hears: a node that it has lost may work all the same."""
    rig.nodes[BACKEND].stop(signal.SIGKILL)
    wait_until(lambda: tailnet_of(sock_file)["nodes"][0]["verdict"] == "offline", "the edge knows it")
    assert "is offline" in edge.log()
    assert greeting(rig, timeout=3) == ""


def test_an_expired_key_is_said(rig: Rig, edge: Edge, sock_file: Path):
    rig.tell("expire", ip=rig.nodes[BACKEND].ip4(), **{"in": "-1h"})
    wait_until(lambda: tailnet_of(sock_file)["nodes"][0]["verdict"] == "expired", "the edge knows it")
    assert "key has expired" in edge.log()


def test_a_frozen_node_counts_as_online_until_it_is_found_silent(rig: Rig, edge: Edge, sock_file: Path):
    """A second mailbox comes while the first hangs, and control still calls both online."""
    old = rig.nodes[BACKEND]
    frozen = old.ip4()
    assert greeting(rig) == frozen
    with Greeter(rig, SPARE):
        old.kill(signal.SIGSTOP)
        try:
            new = rig.add_node(SPARE).ip4()
            assert [node["online"] for node in rig.known() if frozen in node["addresses"]] == [True]
            wait_until(lambda: greeting(rig, timeout=2) == new, "a client is greeted by the second mailbox")
            told = tailnet_of(sock_file)["nodes"][0]
            assert told["verdict"] == "twins" and new in told["node"]["addresses"] and frozen in told["other"]["addresses"]
        finally:
            old.kill(signal.SIGCONT)


@pytest.mark.parametrize("edge", SERVERS, indirect=True)
def test_tailscaled_stops_and_comes_back(rig: Rig, edge: Edge, sock_file: Path):
    daemon = rig.nodes[EDGE]
    address = rig.nodes[BACKEND].ip4()
    assert greeting(rig) == address
    daemon.stop()
    wait_until(lambda: not tailnet_of(sock_file)["answers"], "the edge knows that tailscaled is gone")
    assert "tailscaled does not run" in tailnet_of(sock_file)["error"]
    daemon.start()
    daemon.await_running()
    wait_until(lambda: tailnet_of(sock_file)["answers"], "the edge follows it again", SOON)
    wait_until(lambda: greeting(rig, timeout=2) == address, "clients are greeted again")


def test_the_edge_starts_without_tailscaled(rig: Rig, binary: str, sock_file: Path, mailbox: Greeter):
    daemon = rig.nodes[EDGE]
    daemon.stop()
    with edge_on(rig, binary, leads("tailnet:mailbox"), control=sock_file) as edge:
        assert greeting(rig) == ""
        assert "tailscaled does not run" in edge.log()
        daemon.start()
        daemon.await_running()
        wait_until(lambda: greeting(rig, timeout=2) == rig.nodes[BACKEND].ip4(), "clients are greeted")


def test_the_way_is_told(rig: Rig, edge: Edge, sock_file: Path):
    def way() -> str:
        greeting(rig, timeout=2)
        return tailnet_of(sock_file)["nodes"][0]["node"]["way"]

    wait_until(lambda: way().startswith("direct to 198.51.100.20:"), "direct", 30)
    rig.relay(True)
    new = replace_mailbox(rig, gently=True)
    wait_until(lambda: way() == "relayed through rig", "relayed", 40)
    wait_until(lambda: greeting(rig, timeout=3) == new and way() == "relayed through rig", "a client is greeted through the relay")


def test_without_root_it_follows_all_the_same(rig: Rig, binary: str, sock_file: Path, mailbox: Greeter):
    """Reading needs no privilege; a folder on the way to the socket may be closed, and then that is said."""
    ini = leads("tailnet:mailbox")
    with edge_on(rig, binary, ini, control=sock_file, keys="user = nobody"):
        assert tailnet_of(sock_file)["answers"], tailnet_of(sock_file)
    rig.nodes[EDGE].dir.chmod(0o700)
    try:
        with edge_on(rig, binary, ini, control=sock_file, keys="user = nobody") as edge:
            assert "is not for this user" in tailnet_of(sock_file)["error"], edge.log()
    finally:
        rig.nodes[EDGE].dir.chmod(0o755)


def test_a_reload_changes_whom_it_follows(rig: Rig, binary: str, sock_file: Path, mailbox: Greeter):
    """First DNS alone, which on a node is MagicDNS; then tailscaled."""
    with edge_on(rig, binary, leads(f"mailbox.{DOMAIN}"), control=sock_file) as edge:
        followed = edge.ini_text
        rewrite(edge, followed.replace(str(rig.nodes[EDGE].socket), "off"))
        assert ask(sock_file, "reload")["ok"]
        assert tailnet_of(sock_file) is None
        wait_until(lambda: greeting(rig) == rig.nodes[BACKEND].ip4(), "MagicDNS tells where it is")
        rewrite(edge, followed)
        assert ask(sock_file, "reload")["ok"]
        wait_until(lambda: (tailnet_of(sock_file) or {}).get("answers"), "tailscaled tells where it is")
        assert greeting(rig) == rig.nodes[BACKEND].ip4()
