"""HAProxy as the backend: it takes PROXY headers only, and answers each request with the client it was told of."""

from __future__ import annotations

from harness.need import need_program
from harness.net import V4, V6
from harness.server import Server

HTTP_PORT = 8080

CONFIG = """\
global
    log stdout format raw local0
    maxconn 500

defaults
    mode http
    log global
    option httplog
    timeout connect 5s
    timeout client 20s
    timeout server 20s
    timeout http-keep-alive 20s

frontend told
    bind {v4}:{port} accept-proxy
    bind [{v6}]:{port} accept-proxy
    http-request return status 200 content-type text/plain lf-string "%[src] %[src_port] %[dst] %[dst_port]"
"""


class Haproxy(Server):
    """One HAProxy; the answer is "SRC SPORT DST DPORT" of the header."""

    ports = frozenset({HTTP_PORT})

    def prepare(self) -> None:
        self.program = need_program("haproxy", "haproxy")
        (self.dir / "haproxy.cfg").write_text(CONFIG.format(v4=V4.backend, v6=V6.backend, port=HTTP_PORT))

    def command(self) -> list[str]:
        return [self.program, "-db", "-f", str(self.dir / "haproxy.cfg")]
