"""A reader that does not read stops the writer, and costs the edge no memory and no time."""

from __future__ import annotations

import socket
from pathlib import Path

from harness.rig import Ctx
from harness.wire import DOWN, KIB, MIB, UP, Stream, check_stream, send_stream, together, write_until_stalled
from scenarios import scenario

GROWTH_AT_MOST = 8 * MIB
SMALL = 128 * KIB


def accepted_at_most() -> int:
    """What the kernel may hold for a flow that does not move, and 4 MiB: the edge's receive buffer towards the writer,
    its send buffer towards the reader. Both grow up to the system's limits (tcp(7))."""
    largest = [int(Path(f"/proc/sys/net/ipv4/{name}").read_text().split()[2]) for name in ("tcp_rmem", "tcp_wmem")]
    return sum(largest) + 4 * MIB


def stall_then_drain(ctx: Ctx, writer: socket.socket, reader: socket.socket, stream: Stream) -> int:
    """The writer is stopped within bounds; then the reader reads, and every byte is there."""
    bound = accepted_at_most()
    size = bound + 8 * MIB
    before = ctx.edge.rss()
    sent = write_until_stalled(writer, stream, size, quiet=0.5 * ctx.patience)
    assert sent < bound, f"the writer was not stopped: {sent} of {size} bytes were accepted, none was read"
    grown = ctx.edge.rss() - before
    assert grown < GROWTH_AT_MOST, f"the edge grew by {grown} bytes while it held {sent} of one flow"
    ctx.check_calm("while the reader does not read")
    together(lambda: send_stream(writer, stream, size - sent, start=sent, finish=True),
             lambda: check_stream(reader, stream, size))
    return size


@scenario()
def slow_backend(ctx: Ctx) -> None:
    """The backend does not read: the client is stopped, while the other half goes on."""
    with ctx.flow(server_rcvbuf=SMALL, sndbuf=SMALL) as (client, server):
        port = client.getsockname()[1]
        size = stall_then_drain(ctx, client, server, UP)
        together(lambda: send_stream(server, DOWN, MIB, finish=True), lambda: check_stream(client, DOWN, MIB))
    ctx.expect_flow(port, "client-eof", up=size, down=MIB)


@scenario()
def slow_client(ctx: Ctx) -> None:
    """The client does not read: the backend is stopped."""
    with ctx.flow(rcvbuf=SMALL) as (client, server):
        port = client.getsockname()[1]
        server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)
        size = stall_then_drain(ctx, server, client, DOWN)
        together(lambda: send_stream(client, UP, MIB, finish=True), lambda: check_stream(server, UP, MIB))
    ctx.expect_flow(port, "server-eof", up=MIB, down=size)


@scenario()
def both_stalled(ctx: Ctx) -> None:
    """Neither side reads and both write; then both read: no half holds up the other."""
    bound = accepted_at_most()
    size = bound + 8 * MIB
    with ctx.flow(server_rcvbuf=SMALL, rcvbuf=SMALL, sndbuf=SMALL) as (client, server):
        port = client.getsockname()[1]
        server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)
        up, down = together(lambda: write_until_stalled(client, UP, size, 0.4 * ctx.patience),
                            lambda: write_until_stalled(server, DOWN, size, 0.4 * ctx.patience))
        assert up < bound and down < bound, f"not stopped: {up} bytes up, {down} down"
        ctx.check_calm("while neither side reads")
        together(lambda: check_stream(server, UP, up, to_end=False), lambda: check_stream(client, DOWN, down, to_end=False))
        client.close()
        assert server.recv(1) == b""
    ctx.expect_flow(port, "client-eof", up=up, down=down)


@scenario()
def trickling_reader(ctx: Ctx) -> None:
    """The backend reads little by little through the smallest buffer: the pipe or buffer is never quite empty."""
    size = 2 * MIB
    with ctx.flow(server_rcvbuf=4 * KIB) as (client, server):
        port = client.getsockname()[1]

        def trickle() -> None:
            at = 0
            while part := server.recv(1 + at % 5003):
                assert part == (bytes(UP.chunk(at, len(part)))), f"the bytes from {at} came wrong"
                at += len(part)
            assert at == size, f"{at} of {size} bytes"

        together(trickle, lambda: send_stream(client, UP, size, finish=True))
    ctx.expect_flow(port, "client-eof", up=size, down=0)


@scenario()
def small_writes_into_a_full_edge(ctx: Ctx) -> None:
    """Small messages, none of them bulk, until the reader's side is full in the middle of one; then it reads."""
    with ctx.flow(server_rcvbuf=64 * KIB, sndbuf=64 * KIB) as (client, server):
        port = client.getsockname()[1]
        sent = small_writes_until_stalled(ctx, client, UP, 2000)
        check_stream(server, UP, sent, to_end=False)
        client.close()
        assert server.recv(1) == b""
    ctx.expect_flow(port, "client-eof", up=sent, down=0)


def small_writes_until_stalled(ctx: Ctx, writer: socket.socket, stream: Stream, piece: int) -> int:
    """Write piece by piece; how many bytes were accepted."""
    sent = 0
    writer.settimeout(0.3 * ctx.patience)
    try:
        while sent < accepted_at_most():
            sent += writer.send(stream.chunk(sent, piece))
    except TimeoutError:
        pass
    writer.settimeout(ctx.timeout)
    return sent
