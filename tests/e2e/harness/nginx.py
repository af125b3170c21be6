"""nginx as the backend: it takes PROXY headers only; says who the client is, serves and takes files."""

from __future__ import annotations

from pathlib import Path

from harness.need import cannot_run, need_program
from harness.net import V4, V6
from harness.server import Server

HTTP_PORT = 80
STREAM_PORT = 8000
STREAM_MODULE = Path("/usr/lib/nginx/modules/ngx_stream_module.so")

CONFIG = """\
load_module {module};
daemon off;
user root;
worker_processes 1;
pid {dir}/pid;
error_log {dir}/log;
events {{ worker_connections 500; }}
http {{
    log_format told '$proxy_protocol_addr $proxy_protocol_port $request $status';
    access_log {dir}/access told;
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    client_max_body_size 0;
    keepalive_timeout 20s;
    server {{
        listen {v4}:{http} proxy_protocol;
        listen [{v6}]:{http} proxy_protocol;
        root {dir}/files;
        location = /who {{
            default_type text/plain;
            return 200 "$proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_addr $proxy_protocol_server_port";
        }}
        location /up/ {{ dav_methods PUT; create_full_put_path on; }}
    }}
}}
stream {{
    server {{
        listen {v4}:{stream} proxy_protocol;
        listen [{v6}]:{stream} proxy_protocol;
        return "$proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_addr $proxy_protocol_server_port";
    }}
}}
"""


class Nginx(Server):
    """One nginx; /who and the stream port answer "SRC SPORT DST DPORT", PUT /up/NAME ends in files/up/NAME."""

    ports = frozenset({HTTP_PORT, STREAM_PORT})

    def prepare(self) -> None:
        self.program = need_program("nginx", "nginx")
        if not STREAM_MODULE.exists():
            cannot_run(f"{STREAM_MODULE} is missing: apt-get install libnginx-mod-stream")
        self.files = self.dir / "files"
        self.files.mkdir()
        (self.dir / "nginx.conf").write_text(CONFIG.format(
            dir=self.dir, module=STREAM_MODULE, v4=V4.backend, v6=V6.backend, http=HTTP_PORT, stream=STREAM_PORT,
        ))

    def command(self) -> list[str]:
        return [self.program, "-p", str(self.dir), "-c", str(self.dir / "nginx.conf")]
