"""variants - what is compared: nothing in between, tailsplice on each of its paths, and three other proxies.

Each proxy is one configuration file and one command. They forward the same ports to the same address with the same
number of threads, log nothing, and differ in nothing else but their defaults. README.md says where a setting that is
not a default comes from.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from stage import BACKEND_ADDR, EDGE_ADDR

HERE = Path(__file__).resolve().parent
ECHO, SINK, SOURCE = PORTS = (7001, 7002, 7003)
FLOWS = 4096  # at most at a time, for those that want to know
TAILSPLICE_PATHS = ("copy", "splice", "ring-splice", "sockmap", "handoff")
NGINX_STREAM_MODULE = Path("/usr/lib/nginx/modules/ngx_stream_module.so")


class Missing(Exception):
    """A variant that cannot run here; the text says why."""


@dataclass(frozen=True)
class Setup:
    """What all proxies are told alike."""

    threads: int
    proxy: bool  # a PROXY header towards the server: v2, or v1 from nginx, which has no other
    folder: Path


@dataclass(frozen=True)
class Variant:
    name: str
    program: Callable[[], str]  # its path, or Missing
    config: Callable[[Setup], str]
    command: Callable[[str, Path], list[str]]  # of the program and its configuration file
    version: Callable[[str], str]
    environment: Callable[[Setup], dict[str, str]] = lambda setup: {}

    def prepare(self, setup: Setup) -> tuple[list[str], dict[str, str]]:
        file = setup.folder / f"{self.name}.conf"
        file.write_text(self.config(setup))
        return self.command(self.program(), file), self.environment(setup)


def installed(name: str) -> str:
    found = shutil.which(name, path=f"/usr/sbin:/usr/bin:/usr/local/bin:{os.environ.get('PATH', '')}")
    if not found:
        raise Missing(f"{name} is not installed")
    return found


def first_line(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True)
    lines = (done.stdout + done.stderr).strip().splitlines()
    return lines[0] if lines else "unknown"


# tailsplice


def tailsplice_program() -> str:
    program = Path(os.environ.get("TAILSPLICE") or HERE.parent / "build" / "tailsplice")
    if not os.access(program, os.X_OK):
        raise Missing(f"{program} is not built (meson compile -C build, or set TAILSPLICE)")
    return str(program)


def tailsplice_config(path: str) -> Callable[[Setup], str]:
    def config(setup: Setup) -> str:
        return f"""[global]
workers = {setup.threads}
log-level = error

[listen bench]
ports = {PORTS[0]}-{PORTS[-1]}
backend = load
path = {path}

[backend load]
server = {BACKEND_ADDR}
send-proxy = {"v2" if setup.proxy else "off"}
"""

    return config


def tailsplice(path: str) -> Variant:
    return Variant(
        name="tailsplice" if path == "auto" else f"tailsplice-{path}",
        program=tailsplice_program,
        config=tailsplice_config(path),
        command=lambda program, file: [program, "run", "-c", str(file)],
        version=lambda program: first_line(program, "--version"),
    )


# HAProxy


def haproxy_config(setup: Setup) -> str:
    text = f"""global
    nbthread {setup.threads}
    maxconn {FLOWS}

defaults
    mode tcp
    option splice-auto
    timeout connect 5s
    timeout client 1h
    timeout server 1h
"""
    for port in PORTS:
        text += f"""
listen port-{port}
    bind {EDGE_ADDR}:{port} backlog 4096
    server load {BACKEND_ADDR}:{port}{" send-proxy-v2" if setup.proxy else ""}
"""
    return text


# nginx


def nginx_config(setup: Setup) -> str:
    servers = "".join(
        f"""
    server {{
        listen {EDGE_ADDR}:{port} reuseport backlog=4096;
        proxy_pass {BACKEND_ADDR}:{port};
    }}"""
        for port in PORTS
    )
    # Debian packages the stream module apart; elsewhere it is compiled in.
    module = f"load_module {NGINX_STREAM_MODULE};\n" if NGINX_STREAM_MODULE.exists() else ""
    return f"""{module}daemon off;
user root;
worker_processes {setup.threads};
worker_rlimit_nofile {4 * FLOWS};
pid {setup.folder}/nginx.pid;
error_log {setup.folder}/nginx-error.log crit;
events {{
    worker_connections {2 * FLOWS};
}}
stream {{
    proxy_connect_timeout 5s;
    proxy_timeout 1h;
    proxy_protocol {"on" if setup.proxy else "off"};{servers}
}}
"""


# Caddy with caddy-l4


def caddy_program() -> str:
    """Builds it once; the folder is named by what it was built from."""
    sources = [HERE / "caddy" / name for name in ("main.go", "go.mod")]
    digest = hashlib.sha256(b"".join(s.read_bytes() for s in sources)).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tailsplice-bench"
    program = cache / f"caddy-{digest}"
    if program.exists():
        return str(program)
    go = installed("go")
    cache.mkdir(parents=True, exist_ok=True)
    print("bench: building Caddy with caddy-l4 (minutes, once)", flush=True)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        for source in sources:
            shutil.copy(source, folder)
        build = [go, "build", "-mod=mod", "-trimpath", "-ldflags=-s -w", "-o", "caddy", "."]
        done = subprocess.run(build, cwd=folder, capture_output=True, text=True)
        if done.returncode:
            raise Missing(f"go build failed: {' / '.join(done.stderr.strip().splitlines()[-2:])}")
        os.replace(Path(folder) / "caddy", program)
    return str(program)


def caddy_config(setup: Setup) -> str:
    def server(port: int) -> dict:
        proxy = {"handler": "proxy", "upstreams": [{"dial": [f"{BACKEND_ADDR}:{port}"]}]}
        if setup.proxy:
            proxy["proxy_protocol"] = "v2"
        return {"listen": [f"{EDGE_ADDR}:{port}"], "routes": [{"handle": [proxy]}]}

    return json.dumps(
        {
            "admin": {"disabled": True, "config": {"persist": False}},
            "logging": {"logs": {"default": {"level": "ERROR"}}},
            "apps": {"layer4": {"servers": {f"port-{port}": server(port) for port in PORTS}}},
        },
        indent=1,
    )


def caddy_version(_: str) -> str:
    required = [line.split() for line in (HERE / "caddy" / "go.mod").read_text().splitlines() if line.startswith("\t")]
    return ", ".join(f"{module.split('/')[-2 if module.endswith('/v2') else -1]} {tag}" for module, tag in required)


def every() -> dict[str, Variant | None]:
    """All that there are, by name; None is for none: the edge only routes the packets."""
    known: dict[str, Variant | None] = {"direct": None}
    peers = [
        Variant(
            name="haproxy",
            program=lambda: installed("haproxy"),
            config=haproxy_config,
            command=lambda program, file: [program, "-db", "-q", "-f", str(file)],
            version=lambda program: first_line(program, "-v"),
        ),
        Variant(
            name="nginx",
            program=lambda: installed("nginx"),
            config=nginx_config,
            command=lambda program, file: [program, "-c", str(file), "-e", str(file.parent / "nginx-error.log")],
            version=lambda program: first_line(program, "-v"),
        ),
        Variant(
            name="caddy-l4",
            program=caddy_program,
            config=caddy_config,
            command=lambda program, file: [program, "run", "--config", str(file)],
            version=caddy_version,
            environment=lambda setup: {"GOMAXPROCS": str(setup.threads), "HOME": str(setup.folder)},
        ),
    ]
    for variant in [tailsplice("auto"), *map(tailsplice, TAILSPLICE_PATHS), *peers]:
        known[variant.name] = variant
    return known


USUAL = ("direct", "tailsplice", "haproxy", "nginx", "caddy-l4")
