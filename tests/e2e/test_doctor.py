"""`tailsplice doctor`: its words, its JSON, its exit status; what it finds on a tailnet is in tests/tailnet."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from harness.edge import default_binary, free_port

VERDICTS = {"ok", "warn", "fail"}


def doctor(*args: str, timeout: float = 40) -> subprocess.CompletedProcess[str]:
    return subprocess.run([default_binary(), "doctor", *args], capture_output=True, text=True, timeout=timeout)


def write(tmp_path: Path, server: str = "192.0.2.10", bind: str = "127.0.0.1") -> str:
    file = tmp_path / "edge.ini"
    file.write_text(f"[global]\ntailscale = {tmp_path}/none.sock\n[listen web]\nbind = {bind}\nports = {free_port()}\nbackend = b\n"
                    f"[backend b]\nserver = {server}\n")
    return str(file)


def by_check(answer: dict[str, Any]) -> dict[str, dict[str, str]]:
    return {row["check"]: row for row in answer["checks"]}


def test_it_says_what_is_and_what_to_do(tmp_path: Path):
    done = doctor("-c", write(tmp_path))
    lines = done.stdout.splitlines()
    assert done.returncode == 0 and not done.stderr, done
    assert any(line.startswith("ok    kernel ") for line in lines)
    assert any(line.startswith("ok    listeners ") for line in lines)
    for at, line in enumerate(lines[:-1]):
        if line.split()[0] in ("warn", "fail"):
            assert lines[at + 1].startswith("      "), f"no remedy below: {line}"
    assert lines[-1].endswith(" 0 fail"), lines[-1]


def test_json(tmp_path: Path):
    done = doctor("--json", "-c", write(tmp_path))
    answer = json.loads(done.stdout)
    assert answer["ok"] is True and done.returncode == 0
    assert all(set(row) == {"check", "verdict", "what", "means", "do"} and row["verdict"] in VERDICTS for row in answer["checks"])
    assert "no server needs it" in by_check(answer)["tailscaled"]["what"]


@pytest.mark.parametrize(
    "options, check, words",
    [({"server": "tailnet:mailbox"}, "tailscaled", "tailscaled does not run"),
     ({"bind": "192.0.2.77"}, "listeners", "no interface has 192.0.2.77")],
    ids=["tailscaled is not there", "an address that is not there"],
)
def test_a_failure_is_an_exit_status(tmp_path: Path, options: dict[str, str], check: str, words: str):
    done = doctor("--json", "-c", write(tmp_path, **options))
    answer = json.loads(done.stdout)
    row = by_check(answer)[check]
    assert done.returncode == 2 and answer["ok"] is False
    assert row["verdict"] == "fail" and words in row["what"] and row["means"] and row["do"]


def test_outbound_is_tried_only_when_asked_for(tmp_path: Path):
    file = write(tmp_path)
    assert "outbound-25" not in by_check(json.loads(doctor("--json", "-c", file).stdout))
    done = doctor("--json", "--outbound", "name.invalid", "-c", file)
    row = by_check(json.loads(done.stdout))["outbound-25"]
    assert row["verdict"] == "warn" and row["what"].startswith("name.invalid cannot be reached on port 25: "), row
    assert done.returncode == 0


def test_mistakes(tmp_path: Path):
    done = doctor("--sometimes")
    assert done.returncode == 1 and "unexpected '--sometimes'" in done.stderr
    (tmp_path / "bad.ini").write_text("[listen web]\nprots = 1\n")
    done = doctor("-c", str(tmp_path / "bad.ini"))
    assert done.returncode == 1 and f"{tmp_path}/bad.ini:2:" in done.stderr and not done.stdout
