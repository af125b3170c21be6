"""Small exchanges: the mail dialogue, where a relay that waits for more shows at once."""

from __future__ import annotations

import random
import socket

from harness.rig import Ctx
from harness.wire import DOWN, KIB, UP, check_stream, read_exact, send_stream, together
from scenarios import scenario

BANNER = b"220 mx.example.org ESMTP ready\r\n"


@scenario("46")
def one_byte(ctx: Ctx) -> None:
    """One byte each way, then the client ends, then the server."""
    with ctx.flow() as (client, server):
        port = client.getsockname()[1]
        client.sendall(b"u")
        assert read_exact(server, 1) == b"u"
        server.sendall(b"d")
        assert read_exact(client, 1) == b"d"
        client.shutdown(socket.SHUT_WR)
        assert server.recv(1) == b""
        server.close()
        assert client.recv(1) == b""
    ctx.expect_flow(port, "client-eof", up=1, down=1)


@scenario("46")
def dialogue(ctx: Ctx) -> None:
    """64 bytes each way, over and over on one connection."""
    rounds = ctx.scale.exchanges
    with ctx.flow() as (client, server):
        port = client.getsockname()[1]

        def serve() -> None:
            for index in range(rounds):
                assert read_exact(server, 64) == bytes(UP.chunk(index * 64, 64)), f"request {index}"
                server.sendall(DOWN.chunk(index * 64, 64))

        def ask() -> None:
            for index in range(rounds):
                client.sendall(UP.chunk(index * 64, 64))
                assert read_exact(client, 64) == bytes(DOWN.chunk(index * 64, 64)), f"answer {index}"

        together(serve, ask)
        server.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""
        client.close()
        assert server.recv(1) == b""
    ctx.expect_flow(port, "server-eof", up=rounds * 64, down=rounds * 64)


@scenario("46")
def server_speaks_first(ctx: Ctx) -> None:
    """The client is silent until it has the banner."""
    with ctx.flow() as (client, server):
        port = client.getsockname()[1]
        server.sendall(BANNER)
        assert read_exact(client, len(BANNER)) == BANNER
        client.sendall(b"QUIT\r\n")
        assert read_exact(server, 6) == b"QUIT\r\n"
        client.close()
        assert server.recv(1) == b""
    ctx.expect_flow(port, "client-eof", up=6, down=len(BANNER))


@scenario("46")
def both_ways_64_kib(ctx: Ctx) -> None:
    """64 KiB both ways at once."""
    size = 64 * KIB
    with ctx.flow() as (client, server):
        port = client.getsockname()[1]
        together(lambda: send_stream(client, UP, size, finish=True),
                 lambda: send_stream(server, DOWN, size, finish=True),
                 lambda: check_stream(server, UP, size),
                 lambda: check_stream(client, DOWN, size))
    ctx.expect_flow(port, ("client-eof", "server-eof"), up=size, down=size)


@scenario()
def single_bytes(ctx: Ctx) -> None:
    """Thousands of one-byte segments while the other side does not read: a pipe has sixteen slots, one for each."""
    dice = random.Random(5)
    count = 3000
    with ctx.flow() as (client, server):
        port = client.getsockname()[1]

        def drip(sock: socket.socket) -> None:
            for offset in range(count):
                sock.sendall((UP if sock is client else DOWN).chunk(offset, 1))

        together(lambda: drip(client), lambda: drip(server))
        together(lambda: check_stream(server, UP, count, to_end=False),
                 lambda: check_stream(client, DOWN, count, to_end=False))
        last = bytes([dice.randrange(256)])
        client.sendall(last)
        assert read_exact(server, 1) == last
        client.close()
        assert server.recv(1) == b""
    ctx.expect_flow(port, "client-eof", up=count + 1, down=count)
