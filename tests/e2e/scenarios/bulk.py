"""Much data: every byte, in order, in both directions, through every change of pace."""

from __future__ import annotations

import random
import socket
import time

from harness.rig import Ctx
from harness.wire import DOWN, KIB, MIB, UP, Stream, check_stream, random_size, read_exact, send_stream, together
from scenarios import scenario

TURN = Stream(3)
RETURN = Stream(4)


@scenario()
def both_ways_random_pieces(ctx: Ctx) -> None:
    """256 MiB (short: 8) both ways at once, written in pieces of random size."""
    size = ctx.scale.bulk
    with ctx.flow() as (client, server):
        port = client.getsockname()[1]
        together(lambda: send_stream(client, UP, size, dice=random.Random(1), finish=True),
                 lambda: send_stream(server, DOWN, size, dice=random.Random(2), finish=True),
                 lambda: check_stream(server, UP, size),
                 lambda: check_stream(client, DOWN, size))
    ctx.expect_flow(port, ("client-eof", "server-eof"), up=size, down=size)


@scenario("46")
def both_ways_with_header(ctx: Ctx) -> None:
    """8 MiB both ways behind a v2 header."""
    size = 8 * MIB
    with ctx.flow("v2") as (client, server):
        port = client.getsockname()[1]
        together(lambda: send_stream(client, UP, size, finish=True),
                 lambda: send_stream(server, DOWN, size, finish=True),
                 lambda: check_stream(server, UP, size),
                 lambda: check_stream(client, DOWN, size))
    ctx.expect_flow(port, ("client-eof", "server-eof"), up=size, down=size)


def ping(one: socket.socket, other: socket.socket, stream: Stream, offset: int, count: int) -> int:
    """`count` small messages, each awaited before the next; the offset after them."""
    for _ in range(count):
        size = 1 + offset % 97
        piece = joined(stream, offset, size)
        one.sendall(piece)
        assert read_exact(other, size) == piece, f"a small message at {offset} came wrong"
        offset += size
    return offset


def burst(one: socket.socket, other: socket.socket, stream: Stream, offset: int, size: int) -> int:
    """Bulk in one direction, compared byte by byte; the offset after it."""
    def take() -> None:
        at = offset
        while at < offset + size:
            part = other.recv(min(256 * KIB, offset + size - at))
            assert part, f"the connection ended {offset + size - at} bytes early"
            assert part == joined(stream, at, len(part)), f"bulk differs in the {len(part)} bytes from {at}"
            at += len(part)

    together(lambda: send_stream(one, stream, size, start=offset), take)
    return offset + size


@scenario()
def small_bulk_small(ctx: Ctx) -> None:
    """Small messages, bulk, small again, in turns and both directions: `auto` changes its path each time."""
    with ctx.flow() as (client, server):
        port = client.getsockname()[1]
        up = down = 0
        for turn in range(3):
            up = ping(client, server, TURN, up, 100)
            up = burst(client, server, TURN, up, 3 * MIB + turn)
            down = ping(server, client, RETURN, down, 100)
            up = ping(client, server, TURN, up, 20)
            down = burst(server, client, RETURN, down, 3 * MIB + 3 * turn)
            down = ping(server, client, RETURN, down, 20)
        client.close()
        assert server.recv(1) == b""
    ctx.expect_flow(port, "client-eof", up=up, down=down)


@scenario()
def no_pause_between_paces(ctx: Ctx) -> None:
    """Small writes, bulk and small writes back to back in both directions, read in fits and starts."""
    small, bulk = ctx.scale.exchanges, 2 * MIB
    total = 3 * (small * 31 + bulk)

    def write(sock: socket.socket, stream: Stream) -> None:
        sent = 0
        for _ in range(3):
            for _ in range(small):
                sock.sendall(joined(stream, sent, 31))
                sent += 31
            sent += send_stream(sock, stream, bulk, start=sent)
        sock.shutdown(socket.SHUT_WR)

    def read(sock: socket.socket, stream: Stream) -> None:
        dice = random.Random(7)
        at = 0
        for _ in range(60):
            time.sleep(dice.random() / 100)
            part = sock.recv(random_size(dice))
            assert part == joined(stream, at, len(part)), f"the {len(part)} bytes from {at} are not those that were sent"
            at += len(part)
        check_rest(sock, stream, at, total)

    with ctx.flow() as (client, server):
        port = client.getsockname()[1]
        together(lambda: write(client, UP), lambda: write(server, DOWN), lambda: read(server, UP), lambda: read(client, DOWN))
    ctx.expect_flow(port, ("client-eof", "server-eof"), up=total, down=total)


def check_rest(sock: socket.socket, stream: Stream, at: int, total: int) -> None:
    """Bytes [at, total) of the stream come, and then a clean end."""
    while part := sock.recv(64 * KIB):
        assert part == joined(stream, at, len(part)), f"the {len(part)} bytes from {at} are not those that were sent"
        at += len(part)
    assert at == total, f"{at} of {total} bytes"


def joined(stream: Stream, start: int, size: int) -> bytes:
    """`size` bytes of the stream, also where its pool wraps."""
    first = bytes(stream.chunk(start, size))
    return first + bytes(stream.chunk(start + len(first), size - len(first)))


@scenario("46")
def server_sends_and_ends(ctx: Ctx) -> None:
    """The backend sends 1 MiB and closes at once: all of it arrives, then a clean end."""
    for _ in range(ctx.scale.repeats):
        with ctx.backend() as backend, ctx.connect() as client:
            port = client.getsockname()[1]
            with backend.accept() as server:
                together(lambda: (send_stream(server, DOWN, MIB), server.close()),
                         lambda: check_stream(client, DOWN, MIB))
        ctx.expect_flow(port, "server-eof", up=0, down=MIB)


@scenario("46")
def client_sends_and_ends(ctx: Ctx) -> None:
    """The client sends 1 MiB and its end before the backend has accepted: all of it arrives."""
    with ctx.backend() as backend, ctx.connect() as client:
        port = client.getsockname()[1]

        def serve() -> None:
            time.sleep(0.1)
            with backend.accept() as server:
                check_stream(server, UP, MIB)

        together(serve, lambda: send_stream(client, UP, MIB, finish=True))
        assert client.recv(1) == b""
    ctx.expect_flow(port, "client-eof", up=MIB, down=0)
