"""/metrics and /health: what a machine that watches the edge sees, and that strangers at that port harm nothing."""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
from pathlib import Path
from typing import Iterator

import pytest

from harness.command import call
from harness.edge import Edge, free_port
from harness.operate import hang_up, rewrite, settled
from harness.stand import Stand, echo_once, stand

pytestmark = pytest.mark.usefixtures("binary")

SAMPLE = re.compile(r'^([a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\\\]|\\\\.)*",?)*)\})? (\S+)$')


def get(port: int, path: str, *options: str) -> tuple[int, str]:
    done = subprocess.run(["curl", "-s", "-m", "10", "-w", "\n%{http_code}", *options, f"http://127.0.0.1:{port}{path}"],
                          capture_output=True, text=True)
    body, _, status = done.stdout.rpartition("\n")
    return int(status), body


def samples(text: str) -> dict[tuple[str, str], float]:
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            match = SAMPLE.match(line)
            assert match, line
            found[match[1], match[2] or ""] = float(match[3])
    return found


@contextlib.contextmanager
def watched(**keys: object) -> Iterator[tuple[Stand, int]]:
    port = free_port()
    with stand(global_keys=f"metrics = 127.0.0.1:{port}\ndrain = 5s\n", **keys) as it:
        yield it, port


def test_counters_are_those_of_the_flows() -> None:
    with watched() as (it, port):
        client, server = it.flow()
        echo_once(client, server, b"x" * 1000)
        status, text = get(port, "/metrics")
        now = samples(text)
        assert status == 200 and now["tailsplice_flows", ""] == 1 == now["tailsplice_flows_accepted_total", ""]
        assert now["tailsplice_bytes_total", 'direction="up"'] == 1000
        assert now["tailsplice_backend_connects_total", 'backend="back"'] == 1
        assert now["tailsplice_backend_connect_duration_seconds_bucket", 'backend="back",le="+Inf"'] == 1
        client.close()
        server.close()


def test_health_tells_of_draining() -> None:
    with watched() as (it, port):
        client, server = it.flow()
        echo_once(client, server, b"x")
        assert get(port, "/health") == (200, "ok\n")
        it.edge.process.terminate()
        assert settled(lambda: get(port, "/health") == (503, "draining\n"))
        assert samples(get(port, "/metrics")[1])["tailsplice_draining", ""] == 1
        client.close()
        server.close()


@pytest.mark.parametrize("url, options, status", [
    ("/", [], 404), ("/metrics/../etc/passwd", ["--path-as-is"], 404), ("/metrics", ["-X", "POST", "-d", "x=1"], 405),
    ("/health", ["-X", "DELETE"], 405), ("/health", ["-I"], 200), ("/metrics?x=y", [], 200),
    ("/metrics", ["-H", "X: " + "y" * 30000], 431)])
def test_other_requests(url: str, options: list[str], status: int) -> None:
    with watched() as (_, port):
        assert get(port, url, *options)[0] == status


def test_strangers_are_bounded() -> None:
    """Silent ones, half requests, ones that leave while they are answered: flows go on, and the next scrape is answered."""
    with watched() as (it, port):
        client, server = it.flow()
        silent = []
        for _ in range(30):  # 16 are served, the others wait in the queue
            silent.append(socket.create_connection(("127.0.0.1", port)))
            silent[-1].sendall(b"GET /metr")
        echo_once(client, server, b"x" * 10)
        for sock in silent:
            sock.close()
        for _ in range(50):
            with socket.create_connection(("127.0.0.1", port)) as sock:
                sock.sendall(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
        assert settled(lambda: get(port, "/metrics")[0] == 200)
        echo_once(client, server, b"x" * 10)
        client.close()
        server.close()


def reload_with(edge: Edge, metrics: str, words: str) -> None:
    """With that line in place of the one that is there."""
    rewrite(edge, re.sub(r"(?m)^(;|metrics = ).*$", metrics, edge.config.read_text(), count=1))
    hang_up(edge, words)


def refuses(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return True
    return False


def test_a_reload_moves_it() -> None:
    """To another port, to a taken one (refused, nothing changes), to none."""
    with watched() as (it, port), socket.create_server(("127.0.0.1", 0)) as taken:
        other = free_port()
        reload_with(it.edge, f"metrics = 127.0.0.1:{other}", "reloaded")
        assert refuses(port) and get(other, "/health")[0] == 200
        reload_with(it.edge, f"metrics = 127.0.0.1:{taken.getsockname()[1]}", "reload refused")
        assert get(other, "/health")[0] == 200
        reload_with(it.edge, ";", "reloaded")
        assert refuses(other)


def test_a_taken_port_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        file = tmp_path / "edge.ini"
        file.write_text(f"[global]\nmetrics = 127.0.0.1:{taken.getsockname()[1]}\n[listen a]\nports = {free_port()}\n"
                        "backend = b\n[backend b]\nserver = 127.0.0.1:9\n")
        done = call("run", "-c", str(file))
        assert done.returncode == 2 and f"{file}:2: metrics: cannot listen on" in done.stderr, done
