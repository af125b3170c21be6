"""The end of one half: what is in flight arrives, and the other half goes on."""

from __future__ import annotations

import socket
import time

from harness.rig import Ctx
from harness.wire import DOWN, KIB, MIB, UP, Stream, check_stream, send_stream, together
from scenarios import scenario

ANSWER = 200 * KIB


def end_first(ctx: Ctx, first: socket.socket, second: socket.socket, streams: tuple[Stream, Stream], size: int,
              reader_waits: float) -> None:
    """`first` sends `size` bytes and its end; `second` reads to that end and only then answers 200 KiB and its own."""
    def answer() -> None:
        time.sleep(reader_waits)
        check_stream(second, streams[0], size)
        time.sleep(0.1)
        send_stream(second, streams[1], ANSWER, finish=True)

    together(answer,
             lambda: send_stream(first, streams[0], size, finish=True),
             lambda: check_stream(first, streams[1], ANSWER))


@scenario("46")
def client_first(ctx: Ctx) -> None:
    with ctx.flow() as (client, server):
        port = client.getsockname()[1]
        end_first(ctx, client, server, (UP, DOWN), 1000, 0)
    ctx.expect_flow(port, "client-eof", up=1000, down=ANSWER)


@scenario("46")
def server_first(ctx: Ctx) -> None:
    with ctx.flow() as (client, server):
        port = client.getsockname()[1]
        end_first(ctx, server, client, (DOWN, UP), 1000, 0)
    ctx.expect_flow(port, "server-eof", up=ANSWER, down=1000)


@scenario()
def client_first_in_flight(ctx: Ctx) -> None:
    """The end comes while megabytes before it are still stuck in the edge."""
    size = 3 * MIB
    with ctx.flow(server_rcvbuf=64 * KIB) as (client, server):
        port = client.getsockname()[1]
        end_first(ctx, client, server, (UP, DOWN), size, 0.3)
    ctx.expect_flow(port, "client-eof", up=size, down=ANSWER)


@scenario()
def server_first_in_flight(ctx: Ctx) -> None:
    size = 3 * MIB
    with ctx.flow(rcvbuf=64 * KIB) as (client, server):
        port = client.getsockname()[1]
        end_first(ctx, server, client, (DOWN, UP), size, 0.3)
    ctx.expect_flow(port, "server-eof", up=ANSWER, down=size)


@scenario()
def behind_header(ctx: Ctx) -> None:
    with ctx.flow("v2") as (client, server):
        port = client.getsockname()[1]
        end_first(ctx, client, server, (UP, DOWN), 1000, 0)
    ctx.expect_flow(port, "client-eof", up=1000, down=ANSWER)


@scenario()
def end_and_nothing_else(ctx: Ctx) -> None:
    """Each side in turn ends without a byte; the other notices while it is silent, and may still speak."""
    for client_ends in (True, False):
        with ctx.flow() as (client, server):
            port = client.getsockname()[1]
            first, second = (client, server) if client_ends else (server, client)
            first.shutdown(socket.SHUT_WR)
            assert second.recv(1) == b""
            time.sleep(0.1)
            second.sendall(b"still here")
            second.close()
            check = first.recv(100)
            assert check == b"still here", f"{check!r} came"
            assert first.recv(1) == b""
        ctx.expect_flow(port, "client-eof" if client_ends else "server-eof",
                        up=0 if client_ends else 10, down=10 if client_ends else 0)


@scenario()
def long_silence_after_end(ctx: Ctx) -> None:
    """One half has ended, the other is silent: nothing spins, and it still works afterwards."""
    with ctx.flow() as (client, server):
        port = client.getsockname()[1]
        client.shutdown(socket.SHUT_WR)
        assert server.recv(1) == b""
        ctx.check_calm("while a half-closed flow is silent")
        send_stream(server, DOWN, ANSWER, finish=True)
        check_stream(client, DOWN, ANSWER)
    ctx.expect_flow(port, "client-eof", up=0, down=ANSWER)
