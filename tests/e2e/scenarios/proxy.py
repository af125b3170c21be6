"""The PROXY header: first, whole, right, and not waiting for the client."""

from __future__ import annotations

import time

from harness.rig import Ctx
from harness.wire import DOWN, KIB, UP, check_stream, read_exact, send_stream, together
from scenarios import scenario

BANNER = b"* OK ready\r\n"


def header_before_silence(ctx: Ctx, kind: str) -> None:
    """The client says nothing: the header is there all the same, and the banner comes back."""
    with ctx.backend(kind) as backend, ctx.connect(kind) as client:
        port = client.getsockname()[1]
        with backend.accept() as server:
            ctx.check_header(kind, client, server)
            server.sendall(BANNER)
            assert read_exact(client, len(BANNER)) == BANNER
            client.sendall(b"a LOGOUT\r\n")
            assert read_exact(server, 10) == b"a LOGOUT\r\n"
            client.close()
            assert server.recv(1) == b""
    ctx.expect_flow(port, "client-eof", up=10, down=len(BANNER))


def header_before_payload(ctx: Ctx, kind: str) -> None:
    """The client has sent 200 KiB and its end before the backend accepts: the header still comes first."""
    size = 200 * KIB
    with ctx.backend(kind) as backend, ctx.connect(kind) as client:
        port = client.getsockname()[1]

        def serve() -> None:
            time.sleep(0.05)
            with backend.accept() as server:
                ctx.check_header(kind, client, server)
                check_stream(server, UP, size)
                send_stream(server, DOWN, size, finish=True)

        together(serve, lambda: send_stream(client, UP, size, finish=True), lambda: check_stream(client, DOWN, size))
    ctx.expect_flow(port, "client-eof", up=size, down=size)


@scenario("46")
def v2_silent_client(ctx: Ctx) -> None:
    header_before_silence(ctx, "v2")


@scenario("46")
def v1_silent_client(ctx: Ctx) -> None:
    header_before_silence(ctx, "v1")


@scenario("46")
def v2_payload_at_once(ctx: Ctx) -> None:
    header_before_payload(ctx, "v2")


@scenario("46")
def v1_payload_at_once(ctx: Ctx) -> None:
    header_before_payload(ctx, "v1")


@scenario()
def client_gone_at_once(ctx: Ctx) -> None:
    """A client that connects and ends without a word: the backend sees its header and then a clean end."""
    for _ in range(ctx.scale.repeats):
        with ctx.backend("v2") as backend:
            client = ctx.connect("v2")
            name = client.getsockname()
            client.close()
            with backend.accept() as server:
                header = ctx.read_header("v2", server)
                assert header.source == name[:2], f"source {header.source}, the client was {name}"
                assert server.recv(1) == b""
        ctx.expect_flow(name[1], "client-eof", up=0, down=0)
