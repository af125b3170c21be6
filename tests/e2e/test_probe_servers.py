"""`probe` and health checks against real Postfix (smtpd, postscreen, implicit TLS), Dovecot, nginx and HAProxy: each way in which
the two sides can agree or not is told, and where they agree none of them logs an error."""

from __future__ import annotations

import json
import re
import subprocess
import time
from pathlib import Path
from typing import Any, Iterator

import pytest

from harness import haproxy
from harness.edge import Edge
from harness.haproxy import Haproxy
from harness.mismatch import DOVECOT, NGINX, POSTFIX, TwiceDovecot, TwiceNginx, TwicePostfix
from harness.net import EDGE, V4, V6, Net
from harness.server import Server

# two listeners may have the same ports on two addresses: one leads to those that expect a header, one to the others
EXPECTING, PLAIN = "127.0.0.1", "127.0.0.2"
LOGGED_OUT = "Aborted login by logging out|Login aborted: Logged out"  # Dovecot 2.3; 2.4
NOTHING_WRONG = re.compile(r"(?i)\b(warning|error|fatal|panic|emerg|alert|crit)\b(?!\[)(: |\])|\bhaproxy\b")


@pytest.fixture(scope="module")
def postfix(net: Net) -> Iterator[Server]:
    with TwicePostfix(net) as server:
        yield server


@pytest.fixture(scope="module")
def dovecot(net: Net) -> Iterator[Server]:
    with TwiceDovecot(net) as server:
        yield server


@pytest.fixture(scope="module")
def nginx(net: Net) -> Iterator[Server]:
    with TwiceNginx(net) as server:
        yield server


def sections(name: str, server: str, rows: tuple[tuple[int, int, int], ...], send: str, kinds: tuple[str, ...]) -> str:
    text = f"[backend {name}]\nserver = {server}\nsend-proxy = {send}\n"
    for kind in kinds:
        ports = " ".join(f"{public}>{expecting if kind == EXPECTING else plain}" for public, expecting, plain in rows)
        text += f"[listen {name}-{kind}]\nbind = {kind}\nports = {ports}\nbackend = {name}\n"
    return text


def everything(send: str, *kinds: str) -> str:
    return (sections("postfix", V4.backend, POSTFIX, send, kinds) + sections("dovecot", V6.backend, DOVECOT, send, kinds)
            + sections("nginx", V6.backend, NGINX, send, kinds))


def probe(net: Net, binary: str, tmp_path: Path, text: str) -> tuple[int, list[dict[str, Any]]]:
    file = tmp_path / "edge.ini"
    file.write_text(text)
    done = net.run(EDGE, [binary, "probe", "-c", str(file), "--json"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return done.returncode, json.loads(done.stdout)["probed"]


def of_port(found: list[dict[str, Any]], backend: str, port: int) -> dict[str, Any]:
    return next(one for one in found if one["backend"] == backend and one["port"] == port)


@pytest.mark.parametrize(("send", "expecting", "plain"), [
    ("v2", "fine", "wants-none"), ("v1", "fine", "wants-none"), ("off", "wants-header", "fine")])
def test_matrix(net: Net, binary: str, postfix: Server, dovecot: Server, nginx: Server, tmp_path: Path, send: str,
                expecting: str, plain: str) -> None:
    """What the edge sends × what the server expects × SMTP, postscreen, IMAP, TLS, HTTP."""
    status, found = probe(net, binary, tmp_path, everything(send, EXPECTING, PLAIN))
    wanted = {(name, port): finding
              for name, rows in (("postfix", POSTFIX), ("dovecot", DOVECOT), ("nginx", NGINX))
              for _, with_header, without in rows
              for port, finding in ((with_header, expecting), (without, plain))}
    assert {(one["backend"], one["port"]): one["finding"] for one in found} == wanted
    assert status == 1
    if send == "v2":
        check_remedies(found)


def check_remedies(found: list[dict[str, Any]]) -> None:
    """Each in its server's own words, with the address this edge has there; TLS hides who answers, other ports have told."""
    for row in POSTFIX:
        one = of_port(found, "postfix", row[2])
        assert "-o smtpd_upstream_proxy_protocol=haproxy" in one["remedy"] and V4.edge_back in one["remedy"], one
    for row in DOVECOT:
        one = of_port(found, "dovecot", row[2])
        assert one["software"] == "Dovecot" and f"haproxy_trusted_networks = {V6.edge_back}" in one["remedy"], one
    for row in NGINX:
        one = of_port(found, "nginx", row[2])
        assert f"proxy_protocol; set_real_ip_from {V6.edge_back};" in one["remedy"], one


def complaints(log: str) -> list[str]:
    """Lines of a server's log that an operator would have to look into."""
    return [line for line in log.splitlines() if NOTHING_WRONG.search(line)]


def test_agreeing_servers_log_no_error(net: Net, binary: str, postfix: Server, dovecot: Server, nginx: Server,
                                       tmp_path: Path) -> None:
    servers = (postfix, dovecot, nginx)
    marks = [server.end_of_log() for server in servers]
    status, found = probe(net, binary, tmp_path, everything("v2", EXPECTING))
    assert status == 0 and {one["finding"] for one in found} == {"fine"}, found
    postfix.wait_log("disconnect from", after=marks[0])
    dovecot.wait_log(LOGGED_OUT, after=marks[1])
    for server, mark in zip(servers, marks):
        assert not complaints(server.log()[mark:])


def test_untrusted_edge(net: Net, binary: str, tmp_path: Path, dovecot: Server) -> None:
    """Dovecot closes on a header from somebody it does not trust, without a word, as on none at all."""
    conf = dovecot.dir / "dovecot.conf"
    text = conf.read_text()
    conf.write_text(re.sub("haproxy_trusted_networks = .*", "haproxy_trusted_networks = 192.0.2.1", text))
    try:
        reload_dovecot(net, dovecot)
        _, found = probe(net, binary, tmp_path, sections("dovecot", V6.backend, DOVECOT[:1], "v2", (EXPECTING,)))
    finally:
        conf.write_text(text)
        reload_dovecot(net, dovecot)
    one, = found
    assert one["finding"] == "closes" and f"haproxy_trusted_networks = {V6.edge_back}" in one["remedy"], one


def reload_dovecot(net: Net, dovecot: Server) -> None:
    mark = len(dovecot.log())
    dovecot._child.send_signal(1)
    dovecot.wait_log("SIGHUP received", after=mark)


CHECKED = (("smtp", 25, "postfix-smtpd"), ("smtp", 2525, "postscreen"), ("tls", 465, "smtps"), ("imap", 143, "imap"),
           ("tls", 993, "imaps"), ("tcp", 80, "http"), ("tls", 443, "https"), ("tcp", haproxy.HTTP_PORT, "haproxy"))


def checked(check: str, port: int, name: str, public: int) -> str:
    return (f"[listen {name}]\nbind = 127.0.0.1\nports = {public}>{port}\nbackend = {name}\n"
            f"[backend {name}]\nserver = {V4.backend}\nsend-proxy = v2\ncheck = {check}\ncheck-interval = 1s\n")


def test_checks_leave_no_error_in_any_log(net: Net, binary: str, postfix: Server, dovecot: Server, nginx: Server) -> None:
    """A server that is checked all day must not fill its log with it (bokysan/docker-postfix#226)."""
    with Haproxy(net) as balancer:
        servers = (postfix, dovecot, nginx, balancer)
        marks = [server.end_of_log() for server in servers]
        text = "".join(checked(*row, public=2000 + number) for number, row in enumerate(CHECKED))
        with Edge(text, binary=binary, netns=net.name(EDGE)) as edge:
            wait_count(postfix, marks[0], r"disconnect from .* quit=1 commands=1", 6)
            wait_count(postfix, marks[0], r"SSL_accept error .*: lost connection", 3)  # what Postfix calls any end of a handshake
            wait_count(dovecot, marks[1], LOGGED_OUT, 3)
            wait_count(dovecot, marks[1], "TLS handshaking: Connection closed", 3)
            # what HAProxy calls a connection without a request, unless it has dontlognull; its level is info
            wait_count(balancer, marks[3], "<BADREQ>", 3)
            assert "is down" not in edge.log(), edge.log()
        for server, mark in zip(servers, marks):
            assert not complaints(server.log()[mark:]), server


def wait_count(server: Server, mark: int, pattern: str, count: int) -> None:
    deadline = time.monotonic() + 20
    while len(re.findall(pattern, server.log()[mark:])) < count:
        assert time.monotonic() < deadline, f"/{pattern}/ has not been logged {count} times:\n{server.log()[mark:][-3000:]}"
        time.sleep(0.02)
