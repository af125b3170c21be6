"""Proxies in a row, and one public address before several services: HAProxy before the edge with Postfix behind it, two
nginx behind one port by name, and servers that say what our header told them."""

from __future__ import annotations

import base64
import hashlib
import itertools
import os
import re
import subprocess
import time
from pathlib import Path
from typing import Iterator

import pytest

from harness.edge import Edge
from harness.header import read_v2
from harness.need import need_program
from harness.net import BACKEND, CLIENT, EDGE, V4, V6, Family, Net
from harness.postfix import DOMAIN, SMTPD_PORT, Postfix
from harness.server import Server

MAIL, WEB = "mail.example.test", "www.example.test"
TOLD_TLS, RAW = 8445, 8446
CHALLENGE = "/.well-known/acme-challenge/"

_serial = itertools.count(1)

FRONT = """\
defaults
    mode tcp
    timeout connect 5s
    timeout client 20s
    timeout server 20s
listen v4
    bind {v4}:25
    server edge {edge4}:25 send-proxy-v2 source {v4}
listen v6
    bind [{v6}]:25
    server edge [{edge6}]:25 send-proxy source [{v6}]
"""

TELLER = """\
defaults
    mode http
    timeout connect 5s
    timeout client 20s
    timeout server 20s
frontend told
    bind {address}:{port} accept-proxy ssl crt {pem}
    http-request return status 200 content-type text/plain lf-string "%[src] %[fc_pp_authority] %[fc_pp_unique_id]"
"""

NGINX = """\
daemon off;
user root;
worker_processes 1;
pid {dir}/pid;
error_log {dir}/log;
events {{ worker_connections 100; }}
http {{
    access_log off;
    client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;
    server {{
        listen {address}:{http} proxy_protocol;
        listen {address}:{https} ssl proxy_protocol;
        ssl_certificate {dir}/cert.pem;
        ssl_certificate_key {dir}/key.pem;
        location / {{ default_type text/plain; return 200 "{name} $proxy_protocol_addr $scheme{more}"; }}
        location {challenge} {{ root {dir}/files; default_type text/plain; }}
    }}
}}
"""


def certificate_for(directory: Path, name: str) -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-keyout", str(directory / "key.pem"),
         "-out", str(directory / "cert.pem")], check=True, capture_output=True, timeout=20)


class Front(Server):
    """HAProxy where the clients are: it takes mail on their second addresses, and tells the edge whose it is."""

    def prepare(self) -> None:
        self.program = need_program("haproxy", "haproxy")
        (self.dir / "haproxy.cfg").write_text(FRONT.format(v4=V4.clients[1], v6=V6.clients[1], edge4=V4.edge, edge6=V6.edge))

    def command(self) -> list[str]:
        return [self.program, "-db", "-f", str(self.dir / "haproxy.cfg")]

    def _start(self) -> None:
        with open(self.dir / "output", "wb") as output:
            self._child = self.net.popen(CLIENT, self.command(), stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        deadline = time.monotonic() + 10
        while not all(25 in self.net.listening(CLIENT, family.af) for family in (V4, V6)):
            assert time.monotonic() < deadline and self._child.poll() is None, self.log()
            time.sleep(0.02)


class OneFamily(Server):
    """A server that listens on the backend's IPv4 address alone."""

    def _wait_open(self, af: int) -> None:
        if af == V4.af:
            super()._wait_open(af)


class Teller(OneFamily):
    """HAProxy that answers with the client, the name and the id of the header."""

    ports = frozenset({TOLD_TLS})

    def prepare(self) -> None:
        self.program = need_program("haproxy", "haproxy")
        certificate_for(self.dir, MAIL)
        pem = self.dir / "both.pem"
        pem.write_text((self.dir / "cert.pem").read_text() + (self.dir / "key.pem").read_text())
        (self.dir / "haproxy.cfg").write_text(TELLER.format(address=V4.backend, port=TOLD_TLS, pem=pem))

    def command(self) -> list[str]:
        return [self.program, "-db", "-f", str(self.dir / "haproxy.cfg")]


class Site(OneFamily):
    """One nginx that serves one name, over HTTP and TLS, behind PROXY headers."""

    def __init__(self, net: Net, name: str, http: int, https: int) -> None:
        super().__init__(net)
        self.name, self.http, self.https = name, http, https
        self.ports = frozenset({http, https})

    def prepare(self) -> None:
        self.program = need_program("nginx", "nginx")
        said = subprocess.run([self.program, "-v"], capture_output=True, text=True, timeout=10).stderr
        self.knows_tlvs = tuple(map(int, re.search(r"/(\d+)\.(\d+)\.(\d+)", said).groups())) >= (1, 23, 2)
        more = " $proxy_protocol_tlv_authority $proxy_protocol_tlv_unique_id" if self.knows_tlvs else ""
        certificate_for(self.dir, self.name)
        self.challenges = self.dir / "files" / CHALLENGE.strip("/")
        self.challenges.mkdir(parents=True)
        (self.dir / "nginx.conf").write_text(NGINX.format(dir=self.dir, address=V4.backend, http=self.http, https=self.https,
                                                          name=self.name, more=more, challenge=CHALLENGE))

    def command(self) -> list[str]:
        return [self.program, "-p", str(self.dir), "-c", str(self.dir / "nginx.conf")]


EDGE_INI = f"""\
[listen mail]
ports = 25
backend = postfix
accept-proxy = {V4.clients[1]} {V6.clients[1]}

[listen https]
ports = 443
route = sni:{MAIL} -> mail:8441
route = any -> www:8442

[listen http]
ports = 80
route = host:{MAIL}, path:{CHALLENGE} -> mail:8081
backend = www:8082

[listen told]
ports = 9443>{TOLD_TLS}
profile = https
backend = teller

[listen raw]
ports = 9444>{RAW}
profile = https
backend = teller

[backend postfix]
server = {V4.backend}
send-proxy = v2

[backend mail]
server = {V4.backend}
send-proxy = v2
proxy-tlv = authority unique-id

[backend www]
server = {V4.backend}
send-proxy = v2

[backend teller]
server = {V4.backend}
send-proxy = v2
proxy-tlv = authority alpn unique-id crc32c netns
"""

@pytest.fixture(scope="module")
def postfix(net: Net) -> Iterator[Postfix]:
    with Postfix(net) as server, Front(net):
        yield server


@pytest.fixture(scope="module")
def mail(net: Net) -> Iterator[Site]:
    with Site(net, MAIL, 8081, 8441) as mail, Site(net, WEB, 8082, 8442), Teller(net):
        yield mail


@pytest.fixture(scope="module")
def edge(net: Net, binary: str, postfix: Postfix, mail: Site) -> Iterator[Edge]:
    with Edge(EDGE_INI, binary=binary, netns=net.name(EDGE)) as running:
        yield running


def test_mail_through_two_proxies(net: Net, edge: Edge, postfix: Postfix, family: Family) -> None:
    """swaks, HAProxy, the edge, Postfix: which knows the client's own address, and so does our log."""
    swaks = need_program("swaks", "swaks libnet-ssleay-perl libio-socket-inet6-perl")
    recipient, client = f"chain{next(_serial)}@{DOMAIN}", family.clients[0]
    done = net.run(CLIENT, [swaks, "--server", family.clients[1], "--port", "25", "--local-interface", client, "--helo", "client.test",
                            "--from", "sender@client.test", "--to", recipient, "--timeout", "20"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    queue_id = re.search(r"queued as (\w+)", done.stdout)[1]
    postfix.wait_log(rf"{queue_id}: to=<{recipient}>,.* status=sent")
    postfix.wait_log(rf"{queue_id}: client=unknown\[{re.escape(client)}\]$")
    assert edge.wait_flow(lambda flow: flow["client"].startswith(family.host(client) + ":"))["why"] in ("client-eof", "server-eof")


def test_a_stranger_sends_no_header(net: Net, edge: Edge, postfix: Postfix) -> None:
    """From elsewhere mail comes without one; with one it is reset, and Postfix hears nothing of what it claims."""
    with net.connect(CLIENT, (V4.edge, 25), V4.clients[2]) as client:
        assert client.recv(100).startswith(b"220 ")
        client.sendall(b"PROXY TCP4 192.0.2.99 192.0.2.1 1 25\r\n")
        with pytest.raises(ConnectionResetError):
            client.recv(100)
    assert "192.0.2.99" not in postfix.log()


def curl(net: Net, url: str, *more: str) -> str:
    resolve = [word for name in (MAIL, WEB, "other.example.test") for port in (80, 443, 9443)
               for word in ("--resolve", f"{name}:{port}:{V4.edge}")]
    done = net.run(CLIENT, [need_program("curl", "curl"), "-sS", "--fail", "--max-time", "10", "--interface", V4.clients[0],
                            *resolve, *more, url], capture_output=True, text=True)
    assert done.returncode == 0, f"{url}: {done.returncode} {done.stderr}"
    return done.stdout


def test_two_sites_on_one_port(net: Net, edge: Edge, mail: Site) -> None:
    """Each with its own certificate, which curl checks; who has no name here goes to the last."""
    said = curl(net, f"https://{MAIL}/", "--cacert", str(mail.dir / "cert.pem"))
    assert said.split()[:3] == [MAIL, V4.clients[0], "https"]
    if mail.knows_tlvs:
        assert said.split()[3] == MAIL and re.fullmatch("[0-9a-f]{8}", said.split()[4])
    for name in (WEB, "other.example.test"):
        assert curl(net, f"https://{name}/", "-k").split() == [WEB, V4.clients[0], "https"]
    for name in (MAIL, WEB):
        assert curl(net, f"http://{name}/").split() == [WEB, V4.clients[0], "http"], "no challenge"


def test_http_01(net: Net, edge: Edge, mail: Site) -> None:
    """RFC 8555 8.3: the server puts a key authorization where the CA looks for it, over port 80 of the name."""
    token = base64.urlsafe_b64encode(os.urandom(32)).decode().rstrip("=")
    thumbprint = base64.urlsafe_b64encode(hashlib.sha256(b"the account's key").digest()).decode().rstrip("=")
    (mail.challenges / token).write_text(f"{token}.{thumbprint}")
    assert curl(net, f"http://{MAIL}{CHALLENGE}{token}") == f"{token}.{thumbprint}"


def test_the_namespace_is_told(net: Net, edge: Edge) -> None:
    """By the name that ip-netns(8) knows it by."""
    with net.socket(BACKEND) as backend:
        backend.bind((V4.backend, RAW))
        backend.listen()
        backend.settimeout(10)
        with net.connect(CLIENT, (V4.edge, 9444)) as client:
            client.sendall(b"no hello")
            server, _ = backend.accept()
            with server:
                header = read_v2(server)
    name = net.name(EDGE).encode()
    assert b"\x30" + len(name).to_bytes(2, "big") + name in header.tlvs
    assert header.tlvs[-7:-4] == b"\x03\0\x04", "the sum is the last"


def test_haproxy_reads_what_we_say(net: Net, edge: Edge, mail: Site) -> None:
    """The name, and the id of the flow in our log."""
    source, name, flow = curl(net, f"https://{MAIL}:9443/", "-k").split()
    assert (source, name) == (V4.clients[0], MAIL)
    line = edge.wait_flow(lambda fields: fields["flow"] == flow)
    assert line["backend"] == "teller" and line["client"].startswith(f"{V4.clients[0]}:"), line
