"""TCP urgent data: no mail client sends it, but whoever does must not make the edge spin or end a flow."""

from __future__ import annotations

import socket
from contextlib import ExitStack

from harness.rig import Ctx
from harness.wire import KIB, together
from scenarios import scenario

BEFORE = b"b" * 1000
AFTER = b"a" * 200 * KIB
CROWD = 24


def read_around(sock: socket.socket, size: int) -> bytes:
    """`size` bytes that are not the urgent "!": whether that one is passed on inline is the edge's choice."""
    found = bytearray()
    while len(found) - found.count(b"!") < size:
        part = sock.recv(size)
        assert part, f"a false end after {len(found)} bytes"
        found += part
    return bytes(found)


def urgent(ctx: Ctx, writer: socket.socket, reader: socket.socket) -> int:
    """Data, an urgent byte, calm, more data, an urgent byte as the last, calm, end. Bytes that arrived."""
    writer.sendall(BEFORE)
    writer.send(b"!", socket.MSG_OOB)
    arrived = read_around(reader, len(BEFORE))
    assert arrived.replace(b"!", b"") == BEFORE
    ctx.check_calm("after an urgent byte")
    writer.sendall(AFTER)
    more = read_around(reader, len(AFTER))
    assert more.replace(b"!", b"") == AFTER
    writer.send(b"!", socket.MSG_OOB)
    ctx.check_calm("after an urgent byte as the last")
    writer.sendall(b"tail")
    writer.shutdown(socket.SHUT_WR)
    rest = b""
    while part := reader.recv(100):
        rest += part
    assert rest.replace(b"!", b"") == b"tail", f"{rest!r} came after the second urgent byte"
    return len(arrived) + len(more) + len(rest)


@scenario()
def each_way(ctx: Ctx) -> None:
    """One flow with urgent data from the client, one with urgent data from the backend."""
    with ctx.backend() as backend:
        with ctx.connect() as client, backend.accept() as server, ctx.connect() as other, backend.accept() as far:
            ports = client.getsockname()[1], other.getsockname()[1]
            up, down = together(lambda: urgent(ctx, client, server), lambda: urgent(ctx, far, other))
    ctx.expect_flow(ports[0], "client-eof", up=up, down=0)
    ctx.expect_flow(ports[1], "server-eof", up=0, down=down)


@scenario()
def in_the_middle_of_bulk(ctx: Ctx) -> None:
    """Urgent bytes between blocks of bulk, with nobody reading at first."""
    with ctx.flow(server_rcvbuf=64 * KIB) as (client, server):
        port = client.getsockname()[1]
        blocks = 8
        block = b"c" * 16 * KIB
        for _ in range(blocks):
            client.sendall(block)
            client.send(b"!", socket.MSG_OOB)
        client.shutdown(socket.SHUT_WR)
        arrived = b""
        while part := server.recv(64 * KIB):
            arrived += part
        assert arrived.replace(b"!", b"") == block * blocks, f"{len(arrived)} bytes arrived"
    ctx.expect_flow(port, "client-eof", up=len(arrived), down=0)


@scenario()
def found_all_at_once(ctx: Ctx) -> None:
    """Data, an urgent byte, data: the edge finds all three in one go, and nothing comes after them."""
    for _ in range(4):
        with ctx.flow() as (client, server):
            port = client.getsockname()[1]
            with ctx.stopped():
                client.sendall(BEFORE)
                client.send(b"!", socket.MSG_OOB)
                client.sendall(b"c" * 3000)
            arrived = read_around(server, len(BEFORE) + 3000)
            assert arrived.replace(b"!", b"") == BEFORE + b"c" * 3000
            client.close()
            assert server.recv(1) == b""
        ctx.expect_flow(port, "client-eof", up=len(arrived), down=0)


@scenario()
def in_a_crowd(ctx: Ctx) -> None:
    """The same on many flows at once, twice: an edge with much to do looks for such bytes later, and misses none."""
    with ExitStack() as stack:
        backend = stack.enter_context(ctx.backend())
        flows = [(stack.enter_context(ctx.connect()), stack.enter_context(backend.accept())) for _ in range(CROWD)]
        ports = [client.getsockname()[1] for client, _ in flows]
        arrived = [0] * CROWD
        for _ in range(2):
            with ctx.stopped():
                for client, _ in flows:
                    client.sendall(BEFORE)
                    client.send(b"!", socket.MSG_OOB)
                    client.sendall(b"c" * 3000)
            for i, (_, server) in enumerate(flows):
                text = read_around(server, len(BEFORE) + 3000)
                assert text.replace(b"!", b"") == BEFORE + b"c" * 3000
                arrived[i] += len(text)
        for client, server in flows:
            client.close()
            assert server.recv(1) == b""
            server.close()
    for port, up in zip(ports, arrived):
        ctx.expect_flow(port, "client-eof", up=up, down=0)
