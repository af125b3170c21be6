"""peers - the other proxies: how each is configured, as its own manual advises. README.md names the sections."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import unpacked
from variants import CACHE, FLOWS, HERE, PORTS, Missing, Setup, Variant, first_line, installed

PIPES = 512  # two for each of the streams that are measured, and room; by default a quarter of the flows
NGINX_STREAM_MODULE = unpacked.NGINX_MODULES / "ngx_stream_module.so"


def haproxy_config(setup: Setup) -> str:
    text = f"""global
    nbthread {setup.threads}
    maxconn {FLOWS}
    maxpipes {PIPES}

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
    bind {setup.edge}:{port} backlog 4096
    server load {setup.backend}:{port}{" send-proxy-v2" if setup.proxy else ""}
"""
    return text


def nginx_config(setup: Setup) -> str:
    servers = "".join(
        f"""
    server {{
        listen {setup.edge}:{port} reuseport backlog=4096;
        proxy_pass {setup.backend}:{port};
    }}"""
        for port in PORTS
    )
    # Debian packages the stream module apart; elsewhere it is compiled in.
    modules = [root / NGINX_STREAM_MODULE for root in (Path(newest("nginx")).parent, Path("/"))]
    module = next((f"load_module {file};\n" for file in modules if file.exists()), "")
    return f"""{module}daemon off;
user root;
worker_processes {setup.threads};
worker_rlimit_nofile {2 * FLOWS + 500};
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


@functools.cache
def newest(name: str) -> str:
    """Debian's newest; where that cannot be had, what is installed."""
    try:
        return unpacked.program(name)
    except Missing as why:
        program = installed(name)
        print(f"bench: the installed {program} is measured: {why}", flush=True)
        return program


def caddy_program() -> str:
    """Builds it once; the folder is named by what it was built from."""
    sources = [HERE / "caddy" / name for name in ("main.go", "go.mod")]
    digest = hashlib.sha256(b"".join(s.read_bytes() for s in sources)).hexdigest()[:12]
    program = CACHE / f"caddy-{digest}"
    if program.exists():
        return str(program)
    go = installed("go")
    CACHE.mkdir(parents=True, exist_ok=True)
    print("bench: building Caddy with caddy-l4 (minutes, once)", flush=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
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
        proxy = {"handler": "proxy", "upstreams": [{"dial": [f"{setup.backend}:{port}"]}]}
        if setup.proxy:
            proxy["proxy_protocol"] = "v2"
        return {"listen": [f"{setup.edge}:{port}"], "routes": [{"handle": [proxy]}]}

    return json.dumps(
        {
            "admin": {"disabled": True, "config": {"persist": False}},
            "logging": {"logs": {"default": {"level": "ERROR"}}},
            "apps": {"layer4": {"servers": {f"port-{port}": server(port) for port in PORTS}}},
        },
        indent=1,
    )


def caddy_version(program: str) -> str:
    required = [line.split() for line in (HERE / "caddy" / "go.mod").read_text().splitlines() if line.startswith("\t")]
    modules = ", ".join(f"{m.split('/')[-2 if m.endswith('/v2') else -1]} {tag}" for m, tag in required)
    built = first_line(installed("go"), "version", program).rpartition(": ")[2] if shutil.which("go") else ""
    return f"{modules}{f', {built}' if built else ''}"


def peers() -> list[Variant]:
    return [
        Variant(
            name="haproxy",
            title="HAProxy",
            program=lambda: newest("haproxy"),
            config=haproxy_config,
            command=lambda program, file: [program, "-db", "-q", "-f", str(file)],
            version=lambda program: first_line(program, "-v"),
        ),
        Variant(
            name="nginx",
            title="nginx stream",
            program=lambda: newest("nginx"),
            config=nginx_config,
            command=lambda program, file: [program, "-c", str(file), "-e", str(file.parent / "nginx-error.log")],
            version=lambda program: first_line(program, "-v"),
        ),
        Variant(
            name="caddy-l4",
            title="caddy-l4",
            program=caddy_program,
            config=caddy_config,
            command=lambda program, file: [program, "run", "--config", str(file)],
            version=caddy_version,
            environment=lambda setup: {"GOMAXPROCS": str(setup.threads), "HOME": str(setup.folder)},
        ),
    ]
