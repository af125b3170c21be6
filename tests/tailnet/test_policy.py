"""What `probe` says when a port does not answer: denied, gone, closed and offline look alike, or almost, to a client."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from front import Greeter, leads
from harness.net import BACKEND, EDGE
from rig import Rig

SPEAKS, CLOSED = 25, 587


@pytest.fixture
def mailbox(rig: Rig) -> Iterator[Greeter]:
    with Greeter(rig, BACKEND, SPEAKS) as server:
        yield server


@pytest.fixture
def probe(rig: Rig, binary: str, tmp_path: Path, mailbox: Greeter) -> Callable[..., dict[int, dict[str, Any]]]:
    """What it finds, by port; over IPv4."""
    def ask(server: str = "tailnet:mailbox", ports: str = str(SPEAKS)) -> dict[int, dict[str, Any]]:
        file = tmp_path / "edge.ini"
        keys = "send-proxy = v2\nconnect-timeout = 1s"
        file.write_text(f"[global]\ntailscale = {rig.nodes[EDGE].socket}\n" + leads(server, ports, keys))
        command = ["ip", "netns", "exec", rig.name(EDGE), binary, "probe", "--json", "-c", str(file)]
        done = rig.run(EDGE, command, capture_output=True, text=True)
        found = json.loads(done.stdout)
        rows = next(value for value in found.values() if isinstance(value, list)) if isinstance(found, dict) else found
        return {row["port"]: row for row in rows if ":" not in row.get("address", "").rpartition(":")[0].strip("[]")}

    return ask


def test_a_served_and_a_closed_port(probe: Any):
    found = probe(ports=f"{SPEAKS} {CLOSED}")
    assert found[SPEAKS]["finding"] == "fine", found
    assert found[CLOSED]["finding"] == "closed-port" and "nothing listens" in found[CLOSED]["text"], found


def test_a_port_that_the_policy_denies(rig: Rig, probe: Any):
    rig.allow({"src": "tag:edge", "dst": "tag:mailbox", "ports": [str(SPEAKS)]})
    rig.settle(lambda: rig.nodes[EDGE].peer(rig.nodes[BACKEND].ip4()))
    found = probe(ports=f"{SPEAKS} {CLOSED}")
    assert found[SPEAKS]["finding"] == "fine", found
    assert found[CLOSED]["finding"] == "no-answer" and "other ports of that address answer" in found[CLOSED]["text"], found
    found = probe(ports=str(CLOSED))
    assert "the node is online" in found[CLOSED]["text"], found
    assert f'"ip": ["tcp:{CLOSED}"]' in found[CLOSED]["remedy"], found


def test_a_node_that_the_policy_hides(rig: Rig, probe: Any):
    address = rig.nodes[BACKEND].ip4()
    rig.allow({"src": "tag:none", "dst": "tag:none", "ports": ["1"]})
    rig.settle(lambda: not rig.nodes[EDGE].peer(address))
    found = probe(address)
    assert "no node that this one may see" in found[SPEAKS]["text"], found
    found = probe("tailnet:mailbox")
    assert "no such node in the tailnet" in found[SPEAKS]["text"], found


def test_a_node_that_is_offline_and_one_that_hangs(rig: Rig, probe: Any):
    rig.nodes[BACKEND].kill(signal.SIGSTOP)
    try:
        found = probe()
    finally:
        rig.nodes[BACKEND].kill(signal.SIGCONT)
    assert "the node is online" in found[SPEAKS]["text"] and "frozen" in found[SPEAKS]["text"], found
    address = rig.nodes[BACKEND].ip4()
    rig.nodes[BACKEND].stop(signal.SIGKILL)
    rig.settle(lambda: not rig.nodes[EDGE].peer(address)["Online"])
    found = probe()
    assert "offline" in found[SPEAKS]["text"], found


def test_never_outside_the_tailnet(rig: Rig, probe: Any):
    """Without tailscaled the default route would take the address: it is not dialled."""
    address = rig.nodes[BACKEND].ip4()
    rig.nodes[EDGE].stop()
    found = probe(address)
    assert found[SPEAKS]["finding"] == "no-way" and "not dialled: the interface" in found[SPEAKS]["text"], found
    assert "Start tailscaled and log in" in found[SPEAKS]["remedy"], found
