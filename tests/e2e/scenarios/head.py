"""Bytes that are read before the flow has a server: they arrive first, whole and once, and what follows them follows."""

from __future__ import annotations

import socket
import time

from harness.header import build_v1, build_v2, read_v2
from harness.rig import LOOPBACK, Ctx
from harness.wire import (DOWN, KIB, MIB, UP, check_stream, ends_without_data, read_exact, read_until_reset, reset, send_stream,
                          together)
from scenarios import scenario

# The beginning of a TLS record with a ClientHello: enough for the route `tls`.
HELLO = b"\x16\x03\x01\x00\x40\x01"
NAMED, MEANT = ("203.0.113.7", 51234), ("198.51.100.9", 25)


def led(ctx: Ctx, size: int, pieces: int) -> None:
    """The head in so many pieces, then `size` bytes each way, then an end from either side."""
    with ctx.backend("routed") as backend, ctx.connect("routed") as client:
        port = client.getsockname()[1]
        step = -(-len(HELLO) // pieces)
        for at in range(0, len(HELLO), step):
            client.sendall(HELLO[at:at + step])
            time.sleep(0.002)

        def serve() -> None:
            with backend.accept() as server:
                ctx.check_header("routed", client, server)
                assert read_exact(server, len(HELLO)) == HELLO
                together(lambda: check_stream(server, UP, size), lambda: send_stream(server, DOWN, size, finish=True))

        together(serve, lambda: send_stream(client, UP, size, finish=True), lambda: check_stream(client, DOWN, size))
    ctx.expect_flow(port, ("client-eof", "server-eof"), up=size + len(HELLO), down=size)


@scenario("46")
def one_piece(ctx: Ctx) -> None:
    led(ctx, 100, 1)


@scenario()
def byte_by_byte(ctx: Ctx) -> None:
    led(ctx, 64 * KIB, len(HELLO))


@scenario()
def bulk_behind(ctx: Ctx) -> None:
    led(ctx, 8 * MIB, 2)


@scenario()
def end_behind(ctx: Ctx) -> None:
    """The client ends right behind its first words, and gets an answer."""
    with ctx.backend("routed") as backend, ctx.connect("routed") as client:
        port = client.getsockname()[1]
        client.sendall(HELLO)
        client.shutdown(socket.SHUT_WR)
        with backend.accept() as server:
            ctx.check_header("routed", client, server)
            assert read_exact(server, len(HELLO)) == HELLO and server.recv(1) == b""
            send_stream(server, DOWN, 100_000, finish=True)
            check_stream(client, DOWN, 100_000)
    ctx.expect_flow(port, "client-eof", up=len(HELLO), down=100_000)


@scenario()
def reset_within(ctx: Ctx) -> None:
    """No server hears of a client that breaks off before it is known where it leads."""
    client = ctx.connect("routed")
    port = client.getsockname()[1]
    client.sendall(HELLO[:3])
    time.sleep(0.02)
    reset(client)
    line = ctx.expect_flow(port, "client-reset", up=0, down=0)
    assert line["server"] == "-", line


@scenario()
def reset_behind(ctx: Ctx) -> None:
    with ctx.backend("routed") as backend, ctx.connect("routed") as client:
        port = client.getsockname()[1]
        client.sendall(HELLO)
        with backend.accept() as server:
            ctx.check_header("routed", client, server)
            assert read_exact(server, len(HELLO)) == HELLO
            reset(client)
            assert read_until_reset(server) == 0
    ctx.expect_flow(port, "client-reset", up=len(HELLO), down=0)


@scenario()
def nothing_fits(ctx: Ctx) -> None:
    for said, why in ((b"GET", "no-route"), (HELLO[:5], "head-timeout")):
        with ctx.connect("routed") as client:
            port = client.getsockname()[1]
            client.sendall(said)
            assert ends_without_data(client) == "reset"
        ctx.expect_flow(port, why, up=0, down=0)


@scenario()
def named_by_a_proxy(ctx: Ctx) -> None:
    """The header of a proxy in front says who the client is; what it sent behind it is the stream, and no byte more."""
    size = 200 * KIB
    for build in (build_v1, build_v2):
        with ctx.backend("named") as backend, ctx.connect("named") as client:
            client.sendall(build(NAMED, MEANT) + bytes(UP.chunk(0, 1000)))

            def serve() -> None:
                with backend.accept() as server:
                    header = read_v2(server)
                    assert (header.source, header.destination) == (NAMED, MEANT)
                    check_stream(server, UP, size)
                    send_stream(server, DOWN, size, finish=True)

            together(serve, lambda: send_stream(client, UP, size - 1000, start=1000, finish=True),
                     lambda: check_stream(client, DOWN, size))
        first = ctx.first_flow
        ctx.expect_flow(NAMED[1], "client-eof", up=size, down=size)
        ctx.first_flow = first + 1


@scenario()
def a_header_from_nobody(ctx: Ctx) -> None:
    """Who must not send one is found out behind the server's banner, and nothing of it is passed on."""
    with ctx.backend("named") as backend:
        client = socket.create_connection(ctx.listener("named"), ctx.timeout, ("127.0.0.2", 0))
        with client:
            port = client.getsockname()[1]
            with backend.accept() as server:
                ctx.read_header("named", server)
                server.sendall(b"220 hello\r\n")
                assert read_exact(client, 11) == b"220 hello\r\n"
                client.sendall(build_v2(NAMED, MEANT))
                assert ends_without_data(server) == "reset" and ends_without_data(client) == "reset"
    ctx.expect_flow(port, "bad-proxy", up=0, down=11)
