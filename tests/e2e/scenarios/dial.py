"""The connection to the backend: refused, never answered, late, or ended at once."""

from __future__ import annotations

import errno
import random
import socket
import threading
import time
from contextlib import contextmanager, suppress
from typing import Iterator

from harness.rig import FAMILY, Backend, Ctx
from harness.wire import DOWN, KIB, UP, check_stream, ends_without_data, read_exact, reset, send_stream, together
from scenarios import scenario


@scenario("46")
def refused(ctx: Ctx) -> None:
    """Nobody listens: the client is told within the second, whether it has spoken or not."""
    for greeting in (b"", b"EHLO there\r\n"):
        began = time.monotonic()
        with socket.socket(FAMILY[ctx.family], socket.SOCK_STREAM) as client:
            client.settimeout(ctx.timeout)
            client.bind((ctx.listener()[0], 0))
            port = client.getsockname()[1]
            assert told_of_refusal(ctx, client, greeting), "data came although nobody listens"
        took = time.monotonic() - began
        assert took < 2 * ctx.patience, f"it took {took:.1f} s to say that the backend refuses"
        ctx.expect_flow(port, "connect-refused", down=0)


def told_of_refusal(ctx: Ctx, client: socket.socket, greeting: bytes) -> bool:
    """The reset may be quicker than the client's next step, even than the return of its connect."""
    try:
        client.connect(ctx.listener())
        client.sendall(greeting)
        return client.recv(1) == b""
    except OSError as error:
        assert error.errno in (errno.ECONNRESET, errno.EPIPE), f"the client got {error}"
        return True


@contextmanager
def deaf(ctx: Ctx, kind: str) -> Iterator[tuple[Backend, list[socket.socket]]]:
    """A backend whose queue is full: its kernel drops every further SYN, as a black hole does."""
    fillers: list[socket.socket] = []
    with ctx.backend(kind, backlog=0) as backend:
        try:
            for _ in range(4):
                filler = socket.socket(FAMILY[ctx.family], socket.SOCK_STREAM)
                fillers.append(filler)
                filler.setblocking(False)
                filler.connect_ex(ctx.backend_address(kind))
            time.sleep(0.05)
            yield backend, fillers
        finally:
            for filler in fillers:
                filler.close()


@scenario()
def black_hole(ctx: Ctx) -> None:
    """No answer at all: connect-timeout (1 s) decides, not the kernel's two minutes. One client waits, one leaves."""
    with deaf(ctx, "hole"):
        began = time.monotonic()
        with ctx.connect("hole") as client:
            leaver = ctx.connect("hole")
            ports = client.getsockname()[1], leaver.getsockname()[1]
            time.sleep(0.1)
            reset(leaver)
            ends_without_data(client)
        took = time.monotonic() - began
        assert 0.8 < took < 1 + 2 * ctx.patience, f"connect-timeout is 1 s, the client was told after {took:.1f} s"
        ctx.expect_flow(ports[0], "connect-timeout", up=0, down=0)
        ctx.expect_flow(ports[1], "client-reset", up=0, down=0)
        ctx.check_settled()


@scenario()
def early_data_and_end(ctx: Ctx) -> None:
    """The client's data and its end come while the edge still dials: all of it arrives once the backend answers."""
    size = 64 * KIB
    with deaf(ctx, "plain") as (backend, fillers):
        with ctx.connect() as client:
            port = client.getsockname()[1]
            send_stream(client, UP, size, finish=True)
            time.sleep(0.3)
            server = accept_other_than(backend, fillers)
            with server:
                check_stream(server, UP, size)
                send_stream(server, DOWN, 1000, finish=True)
                check_stream(client, DOWN, 1000)
        ctx.expect_flow(port, "client-eof", up=size, down=1000)


def accept_other_than(backend: Backend, fillers: list[socket.socket]) -> socket.socket:
    """Empty the queue until the edge's connection comes out of it."""
    names = {filler.getsockname()[:2] for filler in fillers}
    while True:
        server = backend.accept()
        if server.getpeername()[:2] not in names:
            return server
        server.close()


@scenario()
def server_ends_at_once(ctx: Ctx) -> None:
    """The backend accepts and closes: a clean end, nothing else."""
    for _ in range(ctx.scale.repeats):
        with ctx.backend() as backend, ctx.connect() as client:
            port = client.getsockname()[1]
            backend.accept().close()
            assert ends_without_data(client) == "eof"
        ctx.expect_flow(port, "server-eof", up=0, down=0)


@scenario()
def server_resets_at_once(ctx: Ctx) -> None:
    for _ in range(ctx.scale.repeats):
        with ctx.backend() as backend, ctx.connect() as client:
            port = client.getsockname()[1]
            reset(backend.accept())
            assert ends_without_data(client) == "reset"
        ctx.expect_flow(port, "server-reset", up=0, down=0)


@contextmanager
def answering(ctx: Ctx) -> Iterator[None]:
    """A backend that hears out whoever comes and closes; nobody need come."""
    with ctx.backend() as backend:
        backend.sock.settimeout(0.05)
        done = threading.Event()

        def serve() -> None:
            while not done.is_set():
                with suppress(TimeoutError, ConnectionResetError):
                    with backend.accept() as server:
                        while server.recv(1000):
                            pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


@scenario("46")
def client_ends_at_once(ctx: Ctx) -> None:
    """A port scan: connect and close."""
    with answering(ctx):
        for _ in range(ctx.scale.repeats):
            client = ctx.connect()
            port = client.getsockname()[1]
            client.close()
            ctx.expect_flow(port, "client-eof", up=0, down=0)


@scenario()
def client_resets_at_once(ctx: Ctx) -> None:
    """A port scan that resets, mostly before the edge could ask for the client's address: `client=-` then, and of many a sum."""
    before = ctx.edge.told("client-reset")
    with answering(ctx):
        for _ in range(ctx.scale.repeats):
            reset(ctx.connect())
        assert ctx.wait_until(lambda: ctx.edge.told("client-reset") >= before + ctx.scale.repeats), "flow lines are missing"
    for line in ctx.edge.flows()[ctx.first_flow:]:
        assert (line["why"], line["up"], line["down"]) == ("client-reset", "0", "0"), f"the client reset at once: {line}"


@scenario("46")
def many_short(ctx: Ctx) -> None:
    """Connect, a few bytes each way, close; hundreds in a row, each checked."""
    dice = random.Random(21)
    count = ctx.scale.short_connections
    sums = [0, 0]
    with ctx.backend() as backend:
        for index in range(count):
            with ctx.connect() as client:
                sizes = dice.randrange(1, 3000), dice.randrange(1, 3000)
                client.sendall(UP.chunk(index, sizes[0]))
                with backend.accept() as server:
                    assert read_exact(server, sizes[0]) == bytes(UP.chunk(index, sizes[0])), f"request {index}"
                    server.sendall(DOWN.chunk(index, sizes[1]))
                    assert read_exact(client, sizes[1]) == bytes(DOWN.chunk(index, sizes[1])), f"answer {index}"
                    if dice.random() < 0.5:
                        server.shutdown(socket.SHUT_WR)
                        assert client.recv(1) == b""
                    client.close()
                    assert server.recv(1) == b""
                sums = [sums[0] + sizes[0], sums[1] + sizes[1]]
    assert ctx.wait_until(lambda: len(ctx.edge.flows()) >= ctx.first_flow + count), "flow lines are missing"
    lines = ctx.edge.flows()[ctx.first_flow:]
    assert len(lines) == count, f"{len(lines)} flow lines for {count} flows"
    logged = [sum(int(line[key]) for line in lines) for key in ("up", "down")]
    assert logged == sums, f"logged {logged} bytes up and down, {sums} went"
