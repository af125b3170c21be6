"""`check`: what would listen and where it leads, or every mistake with its line."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from harness.command import call

pytestmark = pytest.mark.usefixtures("binary")

SMALLEST = """\
[listen mail]
ports = 25 465 587 143 993
backend = stalwart

[backend stalwart]
server = {server}
send-proxy = v2
"""

GOOD = """\
[listen mail]
ports = 2525
backend = stalwart
[backend stalwart]
server = 192.0.2.9
"""


def check(tmp_path: Path, text: str | bytes) -> subprocess.CompletedProcess[str]:
    file = tmp_path / "edge.ini"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return call("check", "-c", str(file))


def mistakes(done: subprocess.CompletedProcess[str], tmp_path: Path) -> dict[int, str]:
    """Line number -> message, of every line FILE:LINE: message."""
    pattern = re.compile(rf"^{re.escape(str(tmp_path / 'edge.ini'))}:(\d+): (\S.*)$", re.M)
    return {int(number): text for number, text in pattern.findall(done.stderr)}


# -- what is right ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("server", ["192.0.2.9", "2001:db8::9", "stalwart.tail7b1641.ts.net"])
def test_smallest_file(tmp_path: Path, server: str) -> None:
    """The contract's smallest file. It is a static check: a name is not looked up."""
    done = check(tmp_path, SMALLEST.format(server=server))
    assert done.returncode == 0, done.stderr
    for port in (25, 465, 587, 143, 993):
        rows = [line for line in done.stdout.splitlines() if re.search(rf":{port}\b.*->", line)]
        assert rows, f"nothing about port {port}:\n{done.stdout}"
        assert all("mail" in row and "stalwart" in row and server in row for row in rows), rows
    assert "v2" in done.stdout


@pytest.mark.parametrize("ports, leads", [
    ("2525", {2525: 2525}),
    ("25>10025", {25: 10025}),
    ("8000-8003", {8000: 8000, 8001: 8001, 8002: 8002, 8003: 8003}),
    ("25>10025 587 8000-8001", {25: 10025, 587: 587, 8000: 8000, 8001: 8001}),
    ("1 65535", {1: 1, 65535: 65535}),
])
def test_ports_lead_where(tmp_path: Path, ports: str, leads: dict[int, int]) -> None:
    done = check(tmp_path, GOOD.replace("2525", ports) + "send-proxy = v2\n")
    assert done.returncode == 0, done.stderr
    found = {int(front): int(back) for front, back in re.findall(r"0\.0\.0\.0:(\d+)\b.*->.*192\.0\.2\.9:(\d+)", done.stdout)}
    assert found == leads, done.stdout


@pytest.mark.parametrize("backend, server, port", [
    ("stalwart", "192.0.2.9", 2525), ("stalwart:8080", "192.0.2.9", 8080), ("stalwart", "192.0.2.9:99", 99),
    ("stalwart", "[2001:db8::9]:99", 99), ("stalwart:8080", "2001:db8::9", 8080),
])
def test_port_of_the_backend(tmp_path: Path, backend: str, server: str, port: int) -> None:
    """The listener's port, that of `backend = NAME:PORT`, or that of the server."""
    done = check(tmp_path, GOOD.replace("backend = stalwart", f"backend = {backend}").replace("192.0.2.9", server))
    assert done.returncode == 0, done.stderr
    assert re.search(rf"9\]?:{port}\b", done.stdout), done.stdout


def test_both_families_unless_bound(tmp_path: Path) -> None:
    both = check(tmp_path, GOOD)
    assert "0.0.0.0:2525" in both.stdout and "[::]:2525" in both.stdout
    one = check(tmp_path, GOOD.replace("backend = stalwart", "bind = 192.0.2.1\nbackend = stalwart"))
    assert "192.0.2.1:2525" in one.stdout and "0.0.0.0" not in one.stdout and "::" not in one.stdout


def test_comments_blanks_and_line_ends(tmp_path: Path) -> None:
    """; and # comment lines, a comment behind a value, CR LF, no end of the last line."""
    text = "; one\r\n# two\r\n\r\n" + GOOD.replace("192.0.2.9", "192.0.2.9   ; the box").replace("\n", "\r\n").rstrip()
    done = check(tmp_path, text)
    assert done.returncode == 0, done.stderr
    assert "192.0.2.9:2525" in done.stdout


def test_defaults_apply(tmp_path: Path) -> None:
    done = check(tmp_path, "[defaults]\npath = copy\nsend-proxy = v1\n" + GOOD)
    assert done.returncode == 0, done.stderr
    assert "copy" in done.stdout and "v1" in done.stdout, done.stdout


def test_defaults_give_way(tmp_path: Path) -> None:
    """A section's own key is stronger than [defaults]: that is no duplicate."""
    done = check(tmp_path, "[defaults]\nsend-proxy = v1\n" + GOOD + "send-proxy = v2\n")
    assert done.returncode == 0, done.stderr
    assert "v2" in done.stdout and "v1" not in done.stdout, done.stdout


# -- what is wrong: text, the line that is wrong, words that must be in the message --------------------------------------

WRONG = {
    "key before any section": ("ports = 25\n" + GOOD, 1, ["ports"]),
    "unknown section": (GOOD + "[frontend x]\n", 6, ["frontend"]),
    "unknown section without a name": (GOOD + "[stats]\n", 6, ["stats"]),
    "listen without a name": (GOOD + "[listen]\n", 6, ["listen"]),
    "unknown key": (GOOD + "colour = blue\n", 6, ["colour"]),
    "key of another section": (GOOD + "ports = 26\n", 6, ["ports"]),
    "unknown key in global": ("[global]\nworker = 1\n" + GOOD, 2, ["worker"]),
    "duplicate key": (GOOD + "send-proxy = v1\nsend-proxy = v2\n", 7, ["send-proxy"]),
    "duplicate key after a wrong value": (GOOD.replace("2525", "0\nports = 2525"), 3, ["ports"]),
    "duplicate section": (GOOD + "[listen mail]\nports = 99\nbackend = stalwart\n", 6, ["mail"]),
    "heading not closed": (GOOD + "[listen other\n", 6, []),
    "no equals sign": (GOOD + "just words\n", 6, []),
    "no value": (GOOD + "send-proxy =\n", 6, ["send-proxy"]),
    "backend that is not there": (GOOD.replace("backend = stalwart", "backend = stalward"), 3, ["stalward"]),
    "no backend": (GOOD.replace("backend = stalwart\n", ""), 1, ["backend"]),
    "no ports": (GOOD.replace("ports = 2525\n", ""), 1, ["ports"]),
    "no server": (GOOD.replace("server = 192.0.2.9\n", "send-proxy = v2\n"), 4, ["server"]),
    "backend that nothing reaches": (GOOD + "[backend lonely]\nserver = 192.0.2.1\n", 6, ["lonely"]),
    "server that is no address": (GOOD.replace("192.0.2.9", "192.0.2.900"), 5, ["192.0.2.900"]),
    "server without a dot": (GOOD.replace("192.0.2.9", "stalwart"), 5, ["stalwart"]),
    "server with port 0": (GOOD.replace("192.0.2.9", "192.0.2.9:0"), 5, ["server"]),
    "server with port 65536": (GOOD.replace("192.0.2.9", "192.0.2.9:65536"), 5, ["server"]),
    "backend port 0": (GOOD.replace("backend = stalwart", "backend = stalwart:0"), 3, ["backend"]),
    "bind that is no address": (GOOD.replace("ports", "bind = eth0\nports"), 2, ["eth0"]),
    "same port twice": (GOOD + "[listen again]\nports = 2525\nbackend = stalwart\n", 7, ["2525"]),
    "same port twice in one list": (GOOD.replace("2525", "2525 2525"), 2, ["2525"]),
    "same port within a range": (GOOD.replace("2525", "2525 2520-2530"), 2, ["2525"]),
    "send-proxy": (GOOD + "send-proxy = v3\n", 6, ["send-proxy", "v3"]),
    "path": (GOOD.replace("ports", "path = teleport\nports"), 2, ["path", "teleport"]),
    "profile": (GOOD.replace("ports", "profile = gopher\nports"), 2, ["profile", "gopher"]),
    "idle without a unit": (GOOD.replace("ports", "idle = 10\nports"), 2, ["idle"]),
    "idle negative": (GOOD.replace("ports", "idle = -1s\nports"), 2, ["idle"]),
    "connect-timeout zero": (GOOD + "connect-timeout = 0s\n", 6, ["connect-timeout"]),
    "drain beyond all": ("[global]\ndrain = 99999999999999999999s\n" + GOOD, 2, ["drain"]),
    "workers zero": ("[global]\nworkers = 0\n" + GOOD, 2, ["workers"]),
    "workers beyond all": ("[global]\nworkers = 18446744073709551617\n" + GOOD, 2, ["workers"]),
    "workers no number": ("[global]\nworkers = 2x\n" + GOOD, 2, ["workers"]),
    "max-flows": ("[global]\nmax-flows = none\n" + GOOD, 2, ["max-flows"]),
    "log": ("[global]\nlog = xml\n" + GOOD, 2, ["log", "xml"]),
    "log-level": ("[global]\nlog-level = loud\n" + GOOD, 2, ["log-level", "loud"]),
    "line too long": (GOOD + "; " + "x" * 70000 + "\n", 6, []),
    "value too long": (GOOD.replace("2525", "1 " * 40000), 2, []),
    "NUL byte": (GOOD + "send-proxy = v2\0\n", 6, []),
    "empty file": ("", 1, []),
    "comments only": ("; nothing\n", 1, []),
}


@pytest.mark.parametrize("name", WRONG)
def test_mistake(tmp_path: Path, name: str) -> None:
    text, line, words = WRONG[name]
    done = check(tmp_path, text)
    found = mistakes(done, tmp_path)
    assert done.returncode == 1, f"status {done.returncode}:\n{done.stdout}{done.stderr}"
    if name not in ("empty file", "comments only"):
        assert line in found, f"nothing said about line {line}:\n{done.stderr}"
        assert all(word in found[line] for word in words), f"not in {found[line]!r}: {words}"
    assert done.stderr.strip(), "no word about what is wrong"
    assert len(found) <= 2, f"one mistake, many messages:\n{done.stderr}"


@pytest.mark.parametrize("ports", ["0", "65536", "-1", "9-3", "1-65536", "25>", ">25", "25>0", "25>70000", "25-", "2 5x",
                                   "25>>26", "1-2-3", "0x19", "+25", "25>10-20", "18446744073709551641"])
def test_bad_ports(tmp_path: Path, ports: str) -> None:
    done = check(tmp_path, GOOD.replace("2525", ports))
    assert done.returncode == 1, f"status {done.returncode} for ports = {ports}:\n{done.stdout}"
    found = mistakes(done, tmp_path)
    assert "ports" in found.get(2, ""), done.stderr


def test_all_at_once(tmp_path: Path) -> None:
    """Every mistake is named in one run, in the order of the file."""
    text = "[global]\nworkers = many\ncolour = blue\n[listen mail]\nports = 0\nbackend = nowhere\npath = teleport\n[nonsense]\n"
    text += "[backend b]\nserver = 1.2.3.4:0\nsend-proxy = v9\nsend-proxy = v2\n"
    found = mistakes(check(tmp_path, text), tmp_path)
    assert {2, 3, 5, 6, 7, 8, 10, 11, 12} <= set(found), found
    assert list(found) == sorted(found), f"not in the order of the file: {list(found)}"


def test_run_says_the_same(tmp_path: Path) -> None:
    """`run` refuses the same file with the same words and the same status."""
    file = tmp_path / "edge.ini"
    file.write_text("[listen mail]\nports = 0\nbackend = x\n")
    checked, ran = call("check", "-c", str(file)), call("run", "-c", str(file))
    assert ran.returncode == 1 and ran.stderr == checked.stderr != ""


def test_file_that_is_not_there(tmp_path: Path) -> None:
    done = call("check", "-c", str(tmp_path / "none.ini"))
    assert done.returncode in (1, 2) and "none.ini" in done.stderr, done.stderr


def test_directory(tmp_path: Path) -> None:
    done = call("check", "-c", str(tmp_path))
    assert done.returncode in (1, 2) and str(tmp_path) in done.stderr, done.stderr


def test_unreadable_file(tmp_path: Path) -> None:
    """Also root must be told: it gives up its right to read everything before the program starts."""
    file = tmp_path / "edge.ini"
    file.write_text(GOOD)
    file.chmod(0)
    for directory in (tmp_path, *tmp_path.parents[:2]):
        directory.chmod(0o755)
    nobody = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
    done = call("check", "-c", str(file), **nobody)
    assert done.returncode in (1, 2) and "edge.ini" in done.stderr, done.stderr


def test_binary_noise(tmp_path: Path) -> None:
    """Any bytes at all: a status of 1, no crash, and no line of it is believed."""
    done = check(tmp_path, bytes(range(256)) * 50)
    assert done.returncode == 1, f"status {done.returncode}: {done.stderr[:500]}"
    assert mistakes(done, tmp_path)


REFERENCE = """\
[global]
control = /run/tailsplice/control.sock

[listen mail]
ports   = 25 465 587 143 993
backend = stalwart

[listen acme-http-01]
ports   = 80
backend = stalwart-web:8080

[listen https]
ports = 443
route = sni:mail.infinidim.net -> stalwart-web:443
route = sni:*.infinidim.net    -> stalwart-web:443
route = any                    -> caddy

; the other direction: Stalwart's smarthost, a listener on the tailnet address only
[listen smarthost]
bind    = ${EDGE_TAILNET_IP}
ports   = 587>587
backend = relay

[backend stalwart]
server       = ${STALWART_HOST}          ; no port: the listener's port
send-proxy   = v2
check        = smtp
check-port   = 25

[backend stalwart-web]
server     = ${STALWART_HOST}
send-proxy = off

[backend caddy]
server     = 127.0.0.1:8443
send-proxy = v2

[backend relay]
server = ${SMARTHOST}
"""


def test_the_reference_deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file of the deployment this edge was made for: accepted as it stands, with every way that it leads."""
    for name, value in (("EDGE_TAILNET_IP", "100.64.0.1"), ("STALWART_HOST", "stalwart.tail7b1641.ts.net"), ("SMARTHOST", "smtp.example.com")):
        monkeypatch.setenv(name, value)
    done = check(tmp_path, REFERENCE)
    assert done.returncode == 0, done.stderr
    for expected in (r"https +0\.0\.0\.0:443 +by what the client says\n",
                     r"  sni:mail\.infinidim\.net +-> stalwart-web stalwart\.tail7b1641\.ts\.net:443 ",
                     r"  sni:\*\.infinidim\.net +-> stalwart-web ", r"  any +-> caddy 127\.0\.0\.1:8443 +\(PROXY v2",
                     r"smarthost +100\.64\.0\.1:587 +-> relay smtp\.example\.com:587 "):
        assert re.search(expected, done.stdout), f"{expected} is not in\n{done.stdout}"
