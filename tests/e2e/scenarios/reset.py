"""A reset stays a reset: a transfer that was cut never looks like one that was complete."""

from __future__ import annotations

import errno
import random
import socket
import time

from harness.rig import Ctx
from harness.wire import (BROKEN, DOWN, KIB, MIB, UP, Stream, check_stream, read_exact, read_until_reset, reset, send_stream,
                          together, wait_error, write_until_stalled)
from scenarios import scenario


@scenario("46")
def client_when_idle(ctx: Ctx) -> None:
    with ctx.flow() as (client, server):
        port = client.getsockname()[1]
        client.sendall(b"x" * 1000)
        read_exact(server, 1000)
        reset(client)
        assert read_until_reset(server) == 0
    ctx.expect_flow(port, "client-reset", up=1000, down=0)


@scenario("46")
def server_when_idle(ctx: Ctx) -> None:
    with ctx.flow() as (client, server):
        port = client.getsockname()[1]
        server.sendall(b"x" * 1000)
        read_exact(client, 1000)
        reset(server)
        assert read_until_reset(client) == 0
    ctx.expect_flow(port, "server-reset", up=0, down=1000)


@scenario()
def no_port_left_waiting(ctx: Ctx) -> None:
    """A client's reset goes on to the backend as one: it leaves no TIME_WAIT, which would use up the edge's ports."""
    before = ctx.time_waits()
    for _ in range(20):
        with ctx.flow() as (client, server):
            client.sendall(b"ping")
            read_exact(server, 4)
            reset(client)
            read_until_reset(server)
    time.sleep(0.05)
    assert ctx.time_waits() <= before, f"{ctx.time_waits() - before} of 20 reset flows left a TIME_WAIT"


def cut_midway(ctx: Ctx, writer: socket.socket, reader: socket.socket, stream: Stream, dice: random.Random) -> tuple[int, int]:
    """The writer sends a random amount and resets; the reader must see a reset. Bytes sent, bytes read."""
    size = dice.randrange(1, 3 * MIB)
    slow = dice.random() < 0.5

    def read() -> int:
        if slow:
            time.sleep(0.02)
        return read_until_reset(reader)

    def write() -> int:
        sent = write_until_stalled(writer, stream, size, quiet=0.05 * ctx.patience)
        reset(writer)
        return sent

    sent, read_bytes = together(write, read)
    return sent, read_bytes


@scenario()
def client_mid_upload(ctx: Ctx) -> None:
    """Cut uploads, over and over, with readers fast and slow: no clean end, not once."""
    dice = random.Random(11)
    for _ in range(ctx.scale.repeats):
        with ctx.flow() as (client, server):
            port = client.getsockname()[1]
            sent, arrived = cut_midway(ctx, client, server, UP, dice)
        ctx.expect_flow(port, "client-reset", up=range(arrived, sent + 1), down=0)


@scenario()
def server_mid_download(ctx: Ctx) -> None:
    dice = random.Random(12)
    for _ in range(ctx.scale.repeats):
        with ctx.flow() as (client, server):
            port = client.getsockname()[1]
            sent, arrived = cut_midway(ctx, server, client, DOWN, dice)
        ctx.expect_flow(port, "server-reset", up=0, down=range(arrived, sent + 1))


def cut_when_full(ctx: Ctx, writer: socket.socket, reader: socket.socket, stream: Stream) -> int:
    """Everything between the two is full when the reset comes. Bytes that were accepted."""
    sent = write_until_stalled(writer, stream, 64 * MIB, quiet=0.3 * ctx.patience)
    reset(writer)
    error = wait_error(reader, 5 * ctx.patience)
    assert error == errno.ECONNRESET, f"the reset did not pass a full edge: error {error} within 5 s"
    return sent


@scenario()
def client_when_full(ctx: Ctx) -> None:
    """The backend reads nothing, the edge is full to the brim: the reset passes it all the same."""
    with ctx.flow(server_rcvbuf=32 * KIB) as (client, server):
        port = client.getsockname()[1]
        sent = cut_when_full(ctx, client, server, UP)
    ctx.expect_flow(port, "client-reset", up=range(0, sent + 1), down=0)


@scenario()
def server_when_full(ctx: Ctx) -> None:
    with ctx.flow(rcvbuf=32 * KIB) as (client, server):
        port = client.getsockname()[1]
        sent = cut_when_full(ctx, server, client, DOWN)
    ctx.expect_flow(port, "server-reset", up=0, down=range(0, sent + 1))


@scenario()
def reader_resets_writer(ctx: Ctx) -> None:
    """The side that should read goes away: the writer is told, and the edge is not killed by a SIGPIPE."""
    for server_goes in (True, False):
        with ctx.flow(server_rcvbuf=32 * KIB, rcvbuf=32 * KIB) as (client, server):
            port = client.getsockname()[1]
            writer, reader = (client, server) if server_goes else (server, client)
            write_until_stalled(writer, UP, 32 * MIB, quiet=0.2 * ctx.patience)
            reset(reader)
            error = wait_error(writer, 5 * ctx.patience)
            assert error in BROKEN, f"the writer was not told: error {error} within 5 s"
        ctx.expect_flow(port, "server-reset" if server_goes else "client-reset")


@scenario()
def client_vanishes_unread(ctx: Ctx) -> None:
    """The client closes with data unread, which its kernel makes a reset: the backend is told."""
    with ctx.flow() as (client, server):
        port = client.getsockname()[1]
        server.sendall(b"y" * 100 * KIB)
        read_exact(client, 10)
        client.close()
        error = wait_error(server, 5 * ctx.patience)
        assert error in BROKEN, f"the backend was not told: error {error} within 5 s"
    ctx.expect_flow(port, "client-reset", up=0, down=range(10, 100 * KIB + 1))


@scenario()
def client_after_its_end(ctx: Ctx) -> None:
    """The client ends its half, then resets: the backend, which is silent, learns of it."""
    with ctx.flow() as (client, server):
        port = client.getsockname()[1]
        client.sendall(b"all")
        client.shutdown(socket.SHUT_WR)
        check_end(server, b"all")
        reset(client)
        error = wait_error(server, 5 * ctx.patience)
        assert error in BROKEN, f"no reset after the end of a half: error {error} within 5 s"
    ctx.expect_flow(port, "client-reset", up=3, down=0)


@scenario()
def server_after_its_end(ctx: Ctx) -> None:
    with ctx.flow() as (client, server):
        port = client.getsockname()[1]
        server.sendall(b"all")
        server.shutdown(socket.SHUT_WR)
        check_end(client, b"all")
        reset(server)
        error = wait_error(client, 5 * ctx.patience)
        assert error in BROKEN, f"no reset after the end of a half: error {error} within 5 s"
    ctx.expect_flow(port, "server-reset", up=0, down=3)


def check_end(sock: socket.socket, text: bytes) -> None:
    assert read_exact(sock, len(text)) == text
    assert sock.recv(1) == b""


@scenario()
def other_side_after_end(ctx: Ctx) -> None:
    """The client has ended its half; the backend then resets in the middle of its answer: not a clean end."""
    for _ in range(ctx.scale.repeats):
        with ctx.flow() as (client, server):
            port = client.getsockname()[1]
            client.shutdown(socket.SHUT_WR)
            assert server.recv(1) == b""
            sent, arrived = cut_midway(ctx, server, client, DOWN, random.Random(13))
        ctx.expect_flow(port, "server-reset", up=0, down=range(arrived, sent + 1))


@scenario()
def next_flow_is_clean(ctx: Ctx) -> None:
    """Flows cut with a full pipe or buffer, then fresh ones: no byte of the dead turns up with the living."""
    for _ in range(ctx.scale.repeats):
        with ctx.flow(server_rcvbuf=32 * KIB) as (client, server):
            write_until_stalled(client, UP, 16 * MIB, quiet=0.02 * ctx.patience)
            reset(client)
        for _ in range(2):
            with ctx.flow() as (client, server):
                port = client.getsockname()[1]
                together(lambda: send_stream(client, DOWN, 300 * KIB, finish=True),
                         lambda: send_stream(server, UP, 300 * KIB, finish=True),
                         lambda: check_stream(server, DOWN, 300 * KIB),
                         lambda: check_stream(client, UP, 300 * KIB))
            ctx.expect_flow(port, ("client-eof", "server-eof"), up=300 * KIB, down=300 * KIB)
