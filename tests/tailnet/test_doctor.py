"""`tailsplice doctor` on a machine that is in a tailnet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from front import leads
from harness.net import BACKEND, EDGE
from rig import DOMAIN, Rig


@pytest.fixture
def doctor(rig: Rig, binary: str, tmp_path: Path):
    """Each check's lines, and the exit status."""
    def ask(server: str = "tailnet:mailbox", keys: str = "") -> tuple[dict[str, list[dict[str, Any]]], int]:
        file = tmp_path / "edge.ini"
        file.write_text(f"[global]\ntailscale = {rig.nodes[EDGE].socket}\n" + leads(server) + keys)
        command = ["ip", "netns", "exec", rig.name(EDGE), binary, "doctor", "--json", "-c", str(file)]
        done = rig.run(EDGE, command, capture_output=True, text=True)
        rows: dict[str, list[dict[str, Any]]] = {}
        for row in json.loads(done.stdout)["checks"]:
            rows.setdefault(row["check"], []).append(row)
        return rows, done.returncode

    return ask


def test_all_is_well(rig: Rig, doctor: Any):
    for server in ("tailnet:mailbox", f"mailbox.{DOMAIN}", rig.nodes[BACKEND].ip4()):
        rows, status = doctor(server)
        assert status == 0, rows
        assert f"mailbox.{DOMAIN}, online, direct to 198.51.100.20:" in rows["nodes"][0]["what"]
    assert f"kernel mode; this is edge.{DOMAIN}" in rows["tailscaled"][0]["what"]
    assert rows["tailnet-mtu"][0]["what"] == "tailscale0, 1280"
    assert "does not expire" in rows["node-key"][0]["what"]
    # MagicDNS knows no PTR of a public address
    assert rows["ptr"][0]["verdict"] == "warn"


def test_troubles(rig: Rig, doctor: Any):
    rows, status = doctor("tailnet:mailbux")
    assert status == 2 and "no such node" in rows["nodes"][0]["what"]
    rig.tell("expire", ip=rig.nodes[EDGE].ip4(), **{"in": "73h"})
    rig.tell("expire", ip=rig.nodes[BACKEND].ip4(), **{"in": "-1h"})
    rig.settle(lambda: rig.nodes[EDGE].peer(rig.nodes[BACKEND].ip4()).get("Expired"))
    rows, status = doctor()
    assert status == 2 and f"the key of mailbox.{DOMAIN} has expired" in rows["nodes"][0]["what"]
    assert "expires in 3 days" in rows["node-key"][0]["what"]


def test_a_ghost(rig: Rig, doctor: Any):
    rig.add_node(BACKEND)
    rig.settle(lambda: rig.nodes[EDGE].peer(rig.nodes[BACKEND].ip4()))
    rows, status = doctor()
    assert status == 0 and f"mailbox.{DOMAIN} is a ghost, mailbox-1.{DOMAIN} is the live node" in rows["nodes"][0]["what"]


def test_tailscaled_is_not_there(rig: Rig, doctor: Any):
    rig.nodes[EDGE].stop()
    rows, status = doctor()
    assert status == 2 and "does not run" in rows["tailscaled"][0]["what"]


def test_userspace_mode(rig: Rig, doctor: Any):
    rig.add_node(EDGE, userspace=True)
    rows, status = doctor()
    assert status == 2 and "userspace mode" in rows["tailscaled"][0]["what"]
    rows, status = doctor(keys="via = socks5://127.0.0.1:1055\n")
    assert status == 0 and "userspace mode" in rows["tailscaled"][0]["what"]
