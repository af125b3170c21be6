"""Flows on which nothing happens: what they cost, and when they end."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack, suppress
from typing import Callable

from harness.rig import Ctx
from harness.wire import read_exact, together
from scenarios import scenario


@scenario()
def idle_flows(ctx: Ctx) -> None:
    """Thousands of idle flows: two descriptors each, no pipe, no processor time; all given back."""
    count = ctx.scale.idle_flows
    start = ctx.rig.start
    clients: list[socket.socket] = []
    servers: list[socket.socket] = []
    try:
        with ctx.backend() as backend:
            for index in range(count):
                clients.append(ctx.connect())
                servers.append(backend.accept())
                exchange(clients[-1], servers[-1], index)
        held = ctx.edge.fds()
        assert held["socket"] == start["socket"] + 2 * count, f"{held} with {count} flows, {start} without"
        assert ctx.wait_until(lambda: ctx.edge.fds()["pipe"] <= start["pipe"]), f"idle flows hold pipes: {ctx.edge.fds()}"
        ctx.check_calm(f"with {count} idle flows")
        for index in (0, count // 2, count - 1):
            exchange(clients[index], servers[index], index)
        ports = {client.getsockname()[1] for client in clients}
    finally:
        for sock in clients:
            sock.close()
        for sock in servers:
            await_end(sock)
            sock.close()
    check_lines(ctx, ports)


def await_end(server: socket.socket) -> None:
    """Close only after the client's end came through, or the two ends race for the reason in the log."""
    with suppress(OSError):
        server.settimeout(5)
        server.recv(1)


def exchange(client: socket.socket, server: socket.socket, index: int) -> None:
    """16 bytes each way that no other flow has: a mix-up of descriptors shows."""
    text = b"%016d" % index
    client.sendall(text)
    assert read_exact(server, 16) == text
    server.sendall(text[::-1])
    assert read_exact(client, 16) == text[::-1]


def check_lines(ctx: Ctx, ports: set[int]) -> None:
    expected = len(ports)
    assert ctx.wait_until(lambda: len(ctx.edge.flows()) >= ctx.first_flow + expected, 10), (
        f"{len(ctx.edge.flows()) - ctx.first_flow} flow lines for {expected} flows")
    lines = ctx.edge.flows()[ctx.first_flow:]
    assert {int(line["client"].rpartition(":")[2]) for line in lines} == ports, "the flow lines are not those of the clients"
    reasons = {line["why"] for line in lines}
    assert reasons <= {"client-eof", "client-reset"}, f"the clients closed, but why is {reasons}"
    odd = [line for line in lines if int(line["up"]) not in (16, 32) or line["up"] != line["down"]]
    assert not odd, f"wrong counts: {odd[0]}"


Body = Callable[[Ctx, socket.socket, socket.socket], dict[str, object]]


@scenario()
def timeouts(ctx: Ctx) -> None:
    """idle = 1s, half-closed = 1s and head = 1s, each on its listener, and none on a fourth: all at once, as they mostly wait."""
    bodies: list[tuple[str, Body]] = [
        ("idle", speaks_then_falls_silent), ("idle", only_backend_speaks), ("halfclosed", client_ends_backend_silent),
        ("halfclosed", backend_ends_client_silent), ("halfclosed", backend_answers_slowly), ("greeting", backend_never_greets),
        ("greeting", backend_never_greets_who_speaks), ("greeting", backend_greets_in_time), ("plain", silent_without_timeout)]
    with ExitStack() as stack:
        backends = {kind: stack.enter_context(ctx.backend(kind)) for kind in ("idle", "halfclosed", "greeting", "plain")}
        tasks = []
        for kind, body in bodies:
            client = stack.enter_context(ctx.connect(kind))
            server = stack.enter_context(backends[kind].accept())
            tasks.append(lambda body=body, client=client, server=server: checked(ctx, body, client, server))
        together(*tasks)


def checked(ctx: Ctx, body: Body, client: socket.socket, server: socket.socket) -> None:
    port = client.getsockname()[1]
    try:
        expected = body(ctx, client, server)
        client.close()
        server.close()
        ctx.expect_flow(port, **expected)
    except (AssertionError, OSError) as error:
        raise AssertionError(f"{body.__name__}: {error}") from error


def speaks_then_falls_silent(ctx: Ctx, client: socket.socket, server: socket.socket) -> dict[str, object]:
    """A flow that speaks now and then lives, a silent one ends."""
    for index in range(4):
        exchange(client, server, index)
        time.sleep(0.5)
    exchange(client, server, 5)
    took = wait_end(client)
    wait_end(server)
    assert 0.7 < took < 1 + 2 * ctx.patience, f"idle = 1s, the flow ended after {took:.1f} s of silence"
    return {"why": "idle", "up": 80, "down": 80}


def only_backend_speaks(ctx: Ctx, client: socket.socket, server: socket.socket) -> dict[str, object]:
    """One half is busy: that is not idle."""
    for _ in range(5):
        server.sendall(b"* 1 EXISTS\r\n")
        assert read_exact(client, 12) == b"* 1 EXISTS\r\n"
        time.sleep(0.4)
    wait_end(client)
    return {"why": "idle", "up": 0, "down": 60}


def client_ends_backend_silent(ctx: Ctx, client: socket.socket, server: socket.socket) -> dict[str, object]:
    return one_half_ends(ctx, client, server, client, server)


def backend_ends_client_silent(ctx: Ctx, client: socket.socket, server: socket.socket) -> dict[str, object]:
    return one_half_ends(ctx, client, server, server, client)


def one_half_ends(ctx: Ctx, client: socket.socket, server: socket.socket, first: socket.socket,
                  second: socket.socket) -> dict[str, object]:
    exchange(client, server, 1)
    first.shutdown(socket.SHUT_WR)
    assert second.recv(1) == b""
    took = wait_end(first)
    assert 0.7 < took < 1 + 2 * ctx.patience, f"half-closed = 1s, the flow ended after {took:.1f} s"
    return {"why": "half-closed", "up": 16, "down": 16}


def backend_answers_slowly(ctx: Ctx, client: socket.socket, server: socket.socket) -> dict[str, object]:
    """The client has ended, the backend takes its time with the answer but never a second: it is heard out."""
    client.shutdown(socket.SHUT_WR)
    assert server.recv(1) == b""
    for _ in range(5):
        time.sleep(0.4)
        server.sendall(b"0123456789")
        assert read_exact(client, 10) == b"0123456789"
    server.close()
    assert client.recv(1) == b""
    return {"why": "client-eof", "up": 0, "down": 50}


def backend_never_greets(ctx: Ctx, client: socket.socket, server: socket.socket) -> dict[str, object]:
    return never_greeted(ctx, client, server, b"")


def backend_never_greets_who_speaks(ctx: Ctx, client: socket.socket, server: socket.socket) -> dict[str, object]:
    """What the client says early is not what its server has to say."""
    return never_greeted(ctx, client, server, b"EHLO early\r\n")


def never_greeted(ctx: Ctx, client: socket.socket, server: socket.socket, early: bytes) -> dict[str, object]:
    client.sendall(early)
    assert read_exact(server, len(early)) == early
    took = wait_end(client)
    wait_end(server)
    assert 0.7 < took < 1 + 2 * ctx.patience, f"head = 1s, the flow ended after {took:.1f} s"
    return {"why": "head-timeout", "up": len(early), "down": 0}


def backend_greets_in_time(ctx: Ctx, client: socket.socket, server: socket.socket) -> dict[str, object]:
    """Once it has spoken it may be silent."""
    time.sleep(0.5)
    server.sendall(b"2")
    assert client.recv(10) == b"2"
    time.sleep(1.5)
    exchange(client, server, 3)
    client.close()
    assert server.recv(1) == b""
    return {"why": "client-eof", "up": 16, "down": 17}


def silent_without_timeout(ctx: Ctx, client: socket.socket, server: socket.socket) -> dict[str, object]:
    """A listener without `idle = 1s` does not go by its neighbour's."""
    exchange(client, server, 1)
    time.sleep(2)
    exchange(client, server, 2)
    client.close()
    assert server.recv(1) == b""
    return {"why": "client-eof", "up": 32, "down": 32}


def wait_end(sock: socket.socket) -> float:
    """Wait for an end or a reset; how long that took."""
    began = time.monotonic()
    try:
        data = sock.recv(1)
        assert data == b"", f"{data!r} came where the flow should have ended"
    except ConnectionResetError:
        pass
    return time.monotonic() - began
