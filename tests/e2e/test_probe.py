"""`probe` against servers that answer as Stalwart does, and against servers that do not answer: one line that says on which
side the fault is, what to set there, and an exit status that says whether mail would flow."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from harness.behave import behaving, stay
from harness.command import call
from harness.edge import free_port
from harness.socks import Manners, SocksServer
from harness.stalwart import Stalwart
from harness.stand import listen

pytestmark = pytest.mark.usefixtures("binary")

# the port clients come to decides which protocol is spoken
PUBLIC = {"smtp": 25, "imap": 143, "tls": 993, "http": 80}


def ini(to: str, send: str, kind: str = "smtp", more: str = "") -> str:
    host, _, port = to.rpartition(":")
    return (f"[listen front]\nbind = 127.0.0.1\nports = {PUBLIC[kind]}>{port}\nbackend = mail\n"
            f"[backend mail]\nserver = {host}\nsend-proxy = {send}\n{more}")


def probe(tmp_path: Path, text: str, *args: str) -> subprocess.CompletedProcess[str]:
    file = tmp_path / "edge.ini"
    file.write_text(text)
    return call("probe", "-c", str(file), *args, seconds=90)


def findings(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return json.loads(done.stdout)["probed"]


# (edge, listener trusts, kind) -> finding, exit status, connections
AGREEMENT = [
    ("v2", True, "smtp", "fine", 0, 1),
    ("v1", True, "smtp", "fine", 0, 1),
    ("off", False, "smtp", "fine", 0, 1),
    ("v2", True, "imap", "fine", 0, 1),
    ("off", False, "imap", "fine", 0, 1),
    ("v2", True, "tls", "fine", 0, 1),
    ("off", False, "tls", "fine", 0, 1),
    ("off", False, "http", "fine", 0, 1),
    ("off", True, "smtp", "wants-header", 1, 2),
    ("off", True, "imap", "wants-header", 1, 2),
    ("off", True, "tls", "wants-header", 1, 2),
    ("v2", False, "smtp", "wants-none", 1, 1),
    ("v1", False, "smtp", "wants-none", 1, 1),
    ("v2", False, "imap", "wants-none", 1, 1),
    ("v2", False, "tls", "wants-none", 1, 2),
    ("v2", False, "http", "wants-none", 1, 2),
]


@pytest.mark.parametrize(("send", "trusted", "kind", "finding", "status", "connections"), AGREEMENT,
                         ids=[f"{row[0]}-{'trusted' if row[1] else 'untrusted'}-{row[2]}" for row in AGREEMENT])
def test_agreement(tmp_path: Path, send: str, trusted: bool, kind: str, finding: str, status: int, connections: int) -> None:
    """Each way in which the two sides can agree or not; and the server is asked no more than it takes."""
    with Stalwart(kind, trusted) as server:
        done = probe(tmp_path, ini(f"127.0.0.1:{server.port}", send, kind), "--json")
        found, = findings(done)
        assert found["finding"] == finding, found
        assert done.returncode == status, found
        assert server.connections == connections
        assert not server.unclean, "no reset from us"
        assert sum(server.bad.values()) <= 3


def test_remedy_is_ready_to_copy(tmp_path: Path) -> None:
    """For people: one line, and what to set, with the address this edge has towards the server."""
    with Stalwart("smtp", trusted=False) as server:
        done = probe(tmp_path, ini(f"127.0.0.1:{server.port}", "v2"))
    line, *rest = done.stdout.splitlines()
    assert line.startswith(f"fail  mail 127.0.0.1:{server.port}  Stalwart does not expect the PROXY header"), line
    assert "500 5.5.1 Invalid command." in line and "edge.ini:7" in line, line
    assert any('{"update":{"ID":{"overrideProxyTrustedNetworks":{"127.0.0.1":true}}}}' in text for text in rest), rest
    assert rest[-1] == "mail would not flow: 1 of 1 do not serve it"


def test_setting_of_the_edge(tmp_path: Path) -> None:
    with Stalwart("imap", trusted=True) as server:
        done = probe(tmp_path, ini(f"127.0.0.1:{server.port}", "off", "imap"))
    assert "answers only with PROXY v2 (* OK Stalwart IMAP4rev2 at your service.)" in done.stdout, done.stdout
    assert "        [backend mail]\n        send-proxy = v2\n" in done.stdout, done.stdout


def test_probes_in_a_row_ban_nobody(tmp_path: Path) -> None:
    """Where both sides agree nothing is held against us; and a throttle, five connections a second, deceives nobody."""
    with Stalwart("smtp", True) as one, Stalwart("smtp", True) as two, Stalwart("smtp", True) as three:
        two.times = three.times = one.times  # one server counts for all its ports
        text = ("[backend mail]\nserver = 127.0.0.1\nsend-proxy = v2\n"
                f"[listen front]\nbind = 127.0.0.1\nbackend = mail\nports = 25>{one.port} 587>{two.port} 2525>{three.port}\n")
        for _ in range(3):
            done = probe(tmp_path, text, "--json")
            assert [found["finding"] for found in findings(done)] == ["fine"] * 3, done.stdout
        assert one.farewells + two.farewells + three.farewells == 9
        assert not one.bad and not one.banned and not one.unclean


def test_banned_edge(tmp_path: Path) -> None:
    """The edge's own address is blocked, clients' are not: mail flows, and the operator is told."""
    with Stalwart("smtp", trusted=True, banned=("127.0.0.1",)) as server:
        done = probe(tmp_path, ini(f"127.0.0.1:{server.port}", "v2"), "--json")
    found, = findings(done)
    assert found["finding"] == "bans-edge" and found["result"] == "warn" and done.returncode == 0, found
    assert "ReloadBlockedIps" in found["remedy"]



def test_stuck(tmp_path: Path) -> None:
    """Accepted, and nothing for as long as a greeting may take, whichever way it is asked."""
    with behaving(stay) as port:
        done = probe(tmp_path, ini(f"127.0.0.1:{port}", "v2", more="check-timeout = 3s\n"), "--json")
    found, = findings(done)
    assert found["finding"] == "stuck" and done.returncode == 2, found
    assert "says nothing for 3 s, with and without PROXY" in found["text"]
    assert [one["header"] for one in found["asked"]] == ["plain", "v2-local"], found


@pytest.mark.parametrize(("behave", "finding", "status", "words"), [
    (lambda client: None, "closes", 2, "closes without a word"),
    (lambda client: client.sendall(b"421 4.3.2 too busy\r\n"), "turns-away", 2, "turns away: 421 4.3.2 too busy"),
    (lambda client: client.sendall(b"* OK IMAP\r\n"), "foreign", 1, "speaks IMAP (* OK IMAP) where SMTP is expected"),
    (lambda client: client.sendall(b"220-half"), "half", 2, "begins a greeting and does not end it"),
    (lambda client: client.sendall(b"\x1b]0;title\x07\n"), "foreign", 1, "?]0;title?"),
], ids=["closes", "busy", "imap", "half", "junk"])
def test_no_service(tmp_path: Path, behave: Callable[[socket.socket], None], finding: str, status: int, words: str) -> None:
    with behaving(behave) as port:
        done = probe(tmp_path, ini(f"127.0.0.1:{port}", "off"), "--json")
    found, = findings(done)
    assert found["finding"] == finding and done.returncode == status, found
    assert words in found["text"] and "\x1b" not in found["text"], found


def test_closed_port(tmp_path: Path) -> None:
    done = probe(tmp_path, ini(f"127.0.0.1:{free_port()}", "v2"), "--json")
    found, = findings(done)
    assert found["finding"] == "closed-port" and found["side"] == "server" and done.returncode == 2, found


@contextmanager
def hole() -> Iterator[int]:
    """A port that answers no connection request: its queue is full."""
    with listen(backlog=0) as sock:
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(sock.getsockname())
        try:
            yield sock.getsockname()[1]
        finally:
            for filler in fillers:
                filler.close()


def test_silent_drop_is_told_from_a_closed_port(tmp_path: Path) -> None:
    """No answer at all, while another port of the same address does answer: somebody drops this one."""
    with hole() as port, Stalwart("imap", True) as server:
        text = ("[backend mail]\nserver = 127.0.0.1\nsend-proxy = v2\nconnect-timeout = 300ms\n"
                f"[listen front]\nbind = 127.0.0.1\nbackend = mail\nports = 25>{port} 143>{server.port}\n")
        done = probe(tmp_path, text, "--json")
    dropped, fine = findings(done)
    assert (dropped["finding"], fine["finding"]) == ("no-answer", "fine") and done.returncode == 2, done.stdout
    assert "other ports of that address answer" in dropped["text"], dropped


def with_hosts(tmp_path: Path, lines: str, *command: str) -> subprocess.CompletedProcess[str]:
    """The command with an /etc/hosts of its own."""
    (tmp_path / "hosts").write_text(lines)
    script = f"mount --bind {tmp_path}/hosts /etc/hosts && exec \"$@\""
    return subprocess.run(["unshare", "--mount", "sh", "-c", script, "sh", *command], capture_output=True, text=True,
                          timeout=60, stdin=subprocess.DEVNULL)


@pytest.mark.skipif(os.geteuid() != 0, reason="root is needed for an /etc/hosts of its own")
def test_one_family_does_not_connect(tmp_path: Path, binary: str) -> None:
    """AAAA does not, A does: mail flows, but slower."""
    with Stalwart("smtp", True) as server:
        (tmp_path / "edge.ini").write_text(ini(f"mail.example.test:{server.port}", "v2"))
        done = with_hosts(tmp_path, "127.0.0.1 mail.example.test\n::1 mail.example.test\n",
                          binary, "probe", "-c", str(tmp_path / "edge.ini"), "--json")
    by_family = {"[" in found["address"]: found for found in findings(done)}
    assert by_family[False]["finding"] == "fine" and by_family[True]["result"] == "warn", done.stdout
    assert "does not connect over IPv6" in by_family[True]["text"] and done.returncode == 0
    assert "every new flow may lose time on it" in by_family[True]["remedy"]


@pytest.mark.skipif(os.geteuid() != 0, reason="root is needed for an /etc/hosts of its own")
def test_the_proxy_has_a_name(tmp_path: Path, binary: str) -> None:
    with Stalwart("smtp", True) as server, SocksServer() as proxy:
        keys = f"via = socks5://socks.example.test:{proxy.port}\n"
        (tmp_path / "edge.ini").write_text(ini(f"127.0.0.1:{server.port}", "v2", more=keys))
        done = with_hosts(tmp_path, "127.0.0.1 socks.example.test\n", binary, "probe", "-c", str(tmp_path / "edge.ini"), "--json")
        found, = findings(done)
        assert found["finding"] == "fine" and len(proxy.asked) == 1 == server.connections, found


def test_name_without_address(tmp_path: Path) -> None:
    done = probe(tmp_path, ini("nowhere.invalid:25", "v2"), "--json")
    found, = findings(done)
    assert found["finding"] == "no-address" and done.returncode == 2, found


def test_only_some_backends(tmp_path: Path) -> None:
    with Stalwart("smtp", True) as server:
        text = ini(f"127.0.0.1:{server.port}", "v2") + (
            f"[listen other]\nbind = 127.0.0.1\nports = 8081\nbackend = other\n[backend other]\nserver = 127.0.0.1:{free_port()}\n")
        assert probe(tmp_path, text, "mail").returncode == 0
        assert probe(tmp_path, text).returncode == 2
        done = probe(tmp_path, text, "mial")
    assert done.returncode == 1 and "there is no [backend mial], did you mean 'mail'?" in done.stderr, done


def test_bad_arguments(tmp_path: Path) -> None:
    done = call("probe", "--jsno")
    assert done.returncode == 1 and "unexpected '--jsno'" in done.stderr, done
    done = probe(tmp_path, "nonsense\n")
    assert done.returncode == 1 and "edge.ini:1:" in done.stderr, done


def test_through_a_proxy(tmp_path: Path) -> None:
    """Servers that are dialled through a SOCKS5 proxy are asked through it, too; the proxy resolves their names."""
    manners = Manners(user="edge", password="secret")
    with Stalwart("smtp", True) as server, SocksServer(manners) as proxy:
        manners.hosts["mail.example.test"] = ("127.0.0.1", server.port)
        keys = f"via = socks5://edge:secret@127.0.0.1:{proxy.port}\n"
        done = probe(tmp_path, ini(f"mail.example.test:{server.port}", "v2", more=keys), "--json")
        found, = findings(done)
        assert found["finding"] == "fine" and done.returncode == 0, found
        assert [row[1] for row in proxy.asked] == ["mail.example.test"]
        assert server.connections == 1 and not server.unclean


def test_what_fails_at_once_ends_at_once(tmp_path: Path) -> None:
    """An address that cannot even be dialled leaves nothing to wait for."""
    file = tmp_path / "edge.ini"
    file.write_text(ini(f"127.0.0.1:{free_port()}", "v2", more="device = nowhere0\n"))
    done = call("probe", "-c", str(file), "--json", seconds=30)
    found, = findings(done)
    assert found["finding"] == "no-way" and done.returncode == 2, found
    assert "not dialled: the interface it must go through is not there" in found["text"], found
