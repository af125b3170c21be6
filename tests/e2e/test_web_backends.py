"""HAProxy and nginx behind the edge: each is told the client's own address and port; large bodies arrive whole."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Iterator

import pytest

from harness import haproxy, nginx
from harness.edge import Edge
from harness.front import Way, flow_of, front
from harness.haproxy import Haproxy
from harness.need import need_program
from harness.net import CLIENT, V4, V6, Family, Net
from harness.nginx import Nginx

HAPROXY, HAPROXY_V1, HAPROXY_V6 = 8080, 8081, 8086
HTTP, HTTP_V1, HTTP_V6 = 80, 81, 86
STREAM, STREAM_V1, STREAM_V6 = 8000, 8001, 8006
WAYS = (
    Way(HAPROXY, haproxy.HTTP_PORT),
    Way(HAPROXY_V1, haproxy.HTTP_PORT, send_proxy="v1"),
    Way(HAPROXY_V6, haproxy.HTTP_PORT, family=V6),
    Way(HTTP, nginx.HTTP_PORT),
    Way(HTTP_V1, nginx.HTTP_PORT, send_proxy="v1"),
    Way(HTTP_V6, nginx.HTTP_PORT, family=V6),
    Way(STREAM, nginx.STREAM_PORT),
    Way(STREAM_V1, nginx.STREAM_PORT, send_proxy="v1"),
    Way(STREAM_V6, nginx.STREAM_PORT, family=V6),
)
REQUESTS = 5
LARGE = 50_000_000


@pytest.fixture(scope="module")
def web(net: Net) -> Iterator[Nginx]:
    with Haproxy(net), Nginx(net) as server:
        yield server


@pytest.fixture(scope="module")
def edge(net: Net, binary: str, path: str, web: Nginx) -> Iterator[Edge]:
    with front(net, binary, path, WAYS) as running:
        yield running


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A file of random bytes, and its SHA-256."""
    file = tmp_path_factory.mktemp("large") / "file"
    file.write_bytes(os.urandom(LARGE))
    yield file, sha256(file)
    file.unlink()


def sha256(file: Path) -> str:
    with open(file, "rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def curl(net: Net, family: Family, *args: str) -> str:
    """curl in the client's namespace, from the client's second address; what it prints."""
    done = net.run(
        CLIENT,
        [need_program("curl", "curl"), "--silent", "--show-error", "--fail", "--max-time", "30",
         "--interface", family.clients[1], *args],
        capture_output=True, text=True,
    )
    assert done.returncode == 0, f"curl ended with {done.returncode}: {done.stderr}"
    return done.stdout


def url(family: Family, port: int, path: str = "/") -> str:
    return f"http://{family.host(family.edge)}:{port}{path}"


def check_told(net: Net, family: Family, port: int, path: str) -> int:
    """Several requests in one connection: all answers name it, by both its ends. Returns the client's port."""
    words = curl(net, family, "--write-out", " %{num_connects} %{local_port}\n",
                 *[url(family, port, path)] * REQUESTS).splitlines()
    own = words[0].rpartition(" ")[2]
    address = f"{family.clients[1]} {own} {family.edge} {port}"
    assert words == [f"{address} 1 {own}"] + [f"{address} 0 {own}"] * (REQUESTS - 1)
    return int(own)


def test_haproxy_is_told(net: Net, edge: Edge, family: Family) -> None:
    own = check_told(net, family, HAPROXY, "/")
    assert flow_of(edge, (family.clients[1], own))["why"] in ("client-eof", "server-eof")


def test_nginx_is_told(net: Net, edge: Edge, family: Family) -> None:
    own = check_told(net, family, HTTP, "/who")
    assert flow_of(edge, (family.clients[1], own))["why"] in ("client-eof", "server-eof")


@pytest.mark.only_path("auto")
@pytest.mark.parametrize(
    ("port", "path_of_url"),
    [(HAPROXY_V1, "/"), (HAPROXY_V6, "/"), (HTTP_V1, "/who"), (HTTP_V6, "/who")],
    ids=["haproxy-v1", "haproxy-backend-over-v6", "nginx-v1", "nginx-backend-over-v6"],
)
def test_told_other_way(net: Net, edge: Edge, family: Family, port: int, path_of_url: str) -> None:
    """With a header of version 1; to the backend's other address."""
    check_told(net, family, port, path_of_url)


@pytest.mark.only_path("auto")
@pytest.mark.parametrize("port", [STREAM, STREAM_V1, STREAM_V6], ids=["v2", "v1", "backend-over-v6"])
def test_nginx_stream_is_told(net: Net, edge: Edge, family: Family, port: int) -> None:
    """nginx speaks first here: the header has to arrive without a byte from the client."""
    with net.connect(CLIENT, (family.edge, port), family.clients[1]) as client:
        own = client.getsockname()[1]
        said = b"".join(iter(lambda: client.recv(4096), b""))
    assert said.decode() == f"{family.clients[1]} {own} {family.edge} {port}"


def test_large_download(net: Net, edge: Edge, web: Nginx, large: tuple[Path, str], family: Family,
                        tmp_path: Path) -> None:
    file, digest = large
    (web.files / "large").unlink(missing_ok=True)
    os.link(file, web.files / "large")
    own = curl(net, family, "--output", str(tmp_path / "got"), "--write-out", "%{local_port}",
               url(family, HTTP, "/large"))
    assert sha256(tmp_path / "got") == digest
    flow = flow_of(edge, (family.clients[1], int(own)))
    assert int(flow["down"]) > LARGE > int(flow["up"]) > 0, flow


def test_large_upload(net: Net, edge: Edge, web: Nginx, large: tuple[Path, str], family: Family) -> None:
    file, digest = large
    own = curl(net, family, "--upload-file", str(file), "--write-out", "%{local_port}",
               url(family, HTTP, "/up/large"))
    assert sha256(web.files / "up" / "large") == digest
    (web.files / "up" / "large").unlink()
    flow = flow_of(edge, (family.clients[1], int(own)))
    assert int(flow["up"]) > LARGE > int(flow["down"]) > 0, flow


def test_both_ways_at_once(net: Net, edge: Edge, web: Nginx, large: tuple[Path, str], tmp_path: Path) -> None:
    """Downloads and uploads next to each other, each in a connection of its own."""
    file, digest = large
    (web.files / "large").unlink(missing_ok=True)
    os.link(file, web.files / "large")
    got = [tmp_path / f"got{number}" for number in range(2)]
    transfers = [["--output", str(one), url(V4, HTTP, "/large")] for one in got]
    transfers += [["--upload-file", str(file), url(V4, HTTP, f"/up/{number}")] for number in range(2)]
    args = " --next ".join(" ".join(one) for one in transfers).split()
    curl(net, V4, "--parallel", "--parallel-immediate", *args)
    stored = [web.files / "up" / str(number) for number in range(2)]
    assert [sha256(one) for one in got + stored] == [digest] * 4
