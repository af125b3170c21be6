"""Descriptors are counted before they run out; when they do run out, the edge waits and goes on."""

from __future__ import annotations

import re
import resource
import socket
import time
from contextlib import ExitStack, suppress

import pytest

from harness.edge import Edge, free_port
from harness.stand import Stand, connect, echo_once, listen, stand

pytestmark = pytest.mark.usefixtures("binary")

CLIENTS = 80
NOFILE = 64
SCARCE = re.compile(r"descriptor|EMFILE|errno 24|open files", re.I)


def said_max_flows(log: str) -> int:
    found = re.search(r"max[-_]flows\D{1,3}(\d+)", log)
    assert found, f"max-flows is not said at the start:\n{log}"
    return int(found.group(1))


def crowd(it: Stand, stack: ExitStack, count: int) -> list[socket.socket]:
    """`count` clients that connect and wait; those that were served got the backend's byte."""
    clients = []
    for _ in range(count):
        with suppress(ConnectionResetError):  # refused before its connect had returned
            clients.append(stack.enter_context(connect(it.port)))
    it.backend.settimeout(0.5)
    try:
        while True:
            server, _ = it.backend.accept()
            stack.enter_context(server)
            server.sendall(b"!")
    except TimeoutError:
        pass
    time.sleep(0.2)
    return [client for client in clients if served(client)]


def served(client: socket.socket) -> bool:
    client.setblocking(False)
    try:
        return client.recv(1) == b"!"
    except (BlockingIOError, ConnectionResetError):
        return False


def check_new_clients(it: Stand, count: int) -> None:
    """Clients that come now are served at once."""
    it.backend.settimeout(5)
    for index in range(count):
        began = time.monotonic()
        with connect(it.port) as client:
            server, _ = it.backend.accept()
            with server:
                server.settimeout(5)
                echo_once(client, server, b"new %d" % index)
        took = time.monotonic() - began
        assert took < 1, f"client {index} after the rush waited {took:.1f} s"


def drain_backlog(it: Stand) -> None:
    """Clients that left while they waited may still reach the backend: let them come and go."""
    it.backend.settimeout(0.5)
    try:
        while True:
            it.backend.accept()[0].close()
    except TimeoutError:
        pass


def test_budget_is_computed_and_said() -> None:
    """Two descriptors a flow, and something for the edge itself."""
    with stand(nofile=1000) as it:
        flows = said_max_flows(it.edge.log())
        assert 100 <= flows and 2 * flows + sum(it.edge.fds().values()) <= 1000, f"max-flows {flows} of 1000 descriptors"
    with stand(nofile=4000) as it:
        assert said_max_flows(it.edge.log()) > flows


def test_soft_limit_is_raised() -> None:
    """Not the soft limit of a login shell decides, but what the edge may have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    def lower() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))

    with stand(preexec=lower) as it:
        assert said_max_flows(it.edge.log()) > 1024, f"hard limit {hard}: {it.edge.log()}"


def test_more_clients_than_flows() -> None:
    """max-flows from a limit of 64: a rush of 80 costs neither the edge nor the listener anything."""
    with stand(nofile=NOFILE) as it:
        flows = said_max_flows(it.edge.log())
        assert 4 <= flows <= NOFILE // 2
        with ExitStack() as stack:
            assert len(crowd(it, stack, CLIENTS)) == flows
            cpu = it.edge.cpu()
            time.sleep(0.5)
            assert it.edge.cpu() - cpu < 0.15, "the edge spins while it is full"
        drain_backlog(it)
        check_new_clients(it, 10)
        refused = [flow for flow in it.edge.flows() if flow["why"] == "limit-flows"]
        assert all(flow["up"] == flow["down"] == "0" for flow in refused)


def test_descriptors_run_out() -> None:
    """max-flows says 1000, the limit gives 64: accept pauses, that is logged once, it resumes."""
    with stand(nofile=NOFILE, global_keys="workers = 1\nmax-flows = 1000") as it:
        start = it.edge.fds()
        with ExitStack() as stack:
            assert len(crowd(it, stack, CLIENTS)) >= 4
            cpu = it.edge.cpu()
            time.sleep(1)
            assert it.edge.cpu() - cpu < 0.3, "the edge spins without descriptors"
            told = [line for line in it.edge.log().partition("msg=ready")[2].splitlines() if SCARCE.search(line)]
            assert 1 <= len(told) <= 5, f"to be logged once, not with each of {CLIENTS} clients, but {len(told)} times:\n" + "\n".join(told)
        drain_backlog(it)
        check_new_clients(it, 10)
        for _ in range(100):
            if it.edge.fds()["socket"] == start["socket"]:
                return
            time.sleep(0.05)
        raise AssertionError(f"descriptors at the start {start}, now {it.edge.fds()}")


def test_runs_out_again_and_again() -> None:
    """Three rushes; the listener outlives each."""
    with stand(nofile=NOFILE, global_keys="max-flows = 1000") as it:
        for _ in range(3):
            with ExitStack() as stack:
                assert len(crowd(it, stack, 50)) >= 4
            drain_backlog(it)
            check_new_clients(it, 3)


def test_other_listener_lives() -> None:
    """After a rush on one listener, another one serves as well."""
    front, other = free_port(), free_port()
    with listen() as backend:
        ini = (f"[listen front]\nports = {front} {other}\nbackend = back\n"
               f"[backend back]\nserver = 127.0.0.1:{backend.getsockname()[1]}\n")
        with Edge("[global]\nmax-flows = 1000\n" + ini, nofile=NOFILE) as edge:
            it = Stand(edge, front, backend)
            with ExitStack() as stack:
                crowd(it, stack, CLIENTS)
            drain_backlog(it)
            check_new_clients(Stand(edge, other, backend), 3)
