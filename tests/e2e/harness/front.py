"""The edge between the namespaces: which of its ports lead to which port of the backend, on one data path."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Iterator

from harness.edge import Edge, parse_hostport
from harness.net import EDGE, V4, Family, Net


@dataclass(frozen=True)
class Way:
    """From a port of the edge to a port of the backend; the server there is dialled over `family`."""

    port: int
    to: int
    send_proxy: str = "v2"
    family: Family = V4

    def sections(self, path: str) -> str:
        name = f"way{self.port}"
        return (
            f"[listen {name}]\nports = {self.port}>{self.to}\nbackend = {name}\npath = {path}\n\n"
            f"[backend {name}]\nserver = {self.family.host(self.family.backend)}\nsend-proxy = {self.send_proxy}\n\n"
        )


@contextmanager
def front(net: Net, binary: str, path: str, ways: tuple[Way, ...]) -> Iterator[Edge]:
    """An edge in its namespace; afterwards it must hold no descriptor more than before its first flow."""
    ini = "[global]\nlog = logfmt\n\n" + "".join(way.sections(path) for way in ways)
    with Edge(ini, binary=binary, netns=net.name(EDGE)) as edge:
        start = edge.fds()
        yield edge
        deadline = time.monotonic() + 5
        while edge.fds() != start:
            assert time.monotonic() < deadline, f"descriptors: {start} at the start, {edge.fds()} after all flows"
            time.sleep(0.02)


def flow_of(edge: Edge, client: tuple[str, int]) -> dict[str, str]:
    """The flow line of the connection from this address and port."""
    return edge.wait_flow(lambda flow: parse_hostport(flow["client"]) == client)
