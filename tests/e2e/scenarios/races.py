"""What happens while the edge looks away: it is stopped, things happen on both legs in a known order, it goes on.

Each case is one that a busy edge meets by chance; here it meets it every time.
"""

from __future__ import annotations

import socket
import time

from harness.rig import Ctx
from harness.wire import (BROKEN, DOWN, KIB, UP, check_stream, ends_without_data, read_exact, read_until_reset, reset,
                          send_stream, together, wait_error)
from scenarios import scenario

ROUNDS = 6  # both workers get their turn


def fresh_flow(ctx: Ctx) -> None:
    """After an accident, a flow that shares nothing with the one before."""
    size = 100 * KIB
    with ctx.flow() as (client, server):
        together(lambda: send_stream(client, DOWN, size, finish=True), lambda: send_stream(server, UP, size, finish=True),
                 lambda: check_stream(server, DOWN, size), lambda: check_stream(client, UP, size))


def warm(client: socket.socket, server: socket.socket) -> None:
    """Both halves have moved bytes, so the flow is on its path."""
    for one, other in ((client, server), (server, client)):
        one.sendall(b"warm")
        assert read_exact(other, 4) == b"warm"


@scenario()
def data_meets_reset(ctx: Ctx) -> None:
    """One side resets while the other sends: the sender's leg gets no clean end, in whichever order the two come."""
    for _ in range(ROUNDS):
        for client_resets in (True, False):
            for data_first in (True, False):
                with ctx.flow() as (client, server):
                    port = client.getsockname()[1]
                    warm(client, server)
                    breaker, sender = (client, server) if client_resets else (server, client)
                    with ctx.stopped():
                        if data_first:
                            sender.sendall(b"s" * 5000)
                        reset(breaker)
                        if not data_first:
                            sender.sendall(b"s" * 5000)
                    assert read_until_reset(sender) == 0
                ctx.expect_flow(port, "client-reset" if client_resets else "server-reset")
        fresh_flow(ctx)


@scenario()
def last_words_before_reset(ctx: Ctx) -> None:
    """Data and then a reset from the same side: the data may arrive or not, the end is a reset."""
    for _ in range(ROUNDS):
        for client_resets in (True, False):
            with ctx.flow() as (client, server):
                port = client.getsockname()[1]
                warm(client, server)
                breaker, reader = (client, server) if client_resets else (server, client)
                with ctx.stopped():
                    breaker.sendall(b"w" * 70000)
                    reset(breaker)
                assert read_until_reset(reader) in range(0, 70001)
            ctx.expect_flow(port, "client-reset" if client_resets else "server-reset")
        fresh_flow(ctx)


@scenario()
def reset_after_end_meets_data(ctx: Ctx) -> None:
    """One side has ended its half and resets while bytes for it are on their way: the kernel says EPIPE, and signals."""
    for _ in range(ROUNDS):
        for client_resets in (True, False):
            with ctx.flow() as (client, server):
                port = client.getsockname()[1]
                warm(client, server)
                breaker, sender = (client, server) if client_resets else (server, client)
                breaker.shutdown(socket.SHUT_WR)
                assert sender.recv(1) == b""
                with ctx.stopped():
                    sender.sendall(b"s" * 5000)
                    reset(breaker)
                assert wait_error(sender, 5 * ctx.patience) in BROKEN, "the sender was not told"
            ctx.expect_flow(port, "client-reset" if client_resets else "server-reset")


@scenario()
def both_end(ctx: Ctx) -> None:
    """Both sides send their last bytes and end at the same moment."""
    size = 60 * KIB
    for _ in range(ROUNDS):
        with ctx.flow() as (client, server):
            port = client.getsockname()[1]
            warm(client, server)
            with ctx.stopped():
                send_stream(client, UP, size, finish=True)
                send_stream(server, DOWN, size, finish=True)
            together(lambda: check_stream(server, UP, size), lambda: check_stream(client, DOWN, size))
        ctx.expect_flow(port, ("client-eof", "server-eof"), up=size + 4, down=size + 4)


@scenario()
def both_reset(ctx: Ctx) -> None:
    for _ in range(ROUNDS):
        with ctx.flow() as (client, server):
            port = client.getsockname()[1]
            warm(client, server)
            with ctx.stopped():
                reset(client)
                reset(server)
        ctx.expect_flow(port, ("client-reset", "server-reset"), up=4, down=4)


@scenario()
def end_and_reset(ctx: Ctx) -> None:
    """One side ends in order while the other resets."""
    for client_resets in (True, False):
        with ctx.flow() as (client, server):
            port = client.getsockname()[1]
            warm(client, server)
            breaker, ender = (client, server) if client_resets else (server, client)
            with ctx.stopped():
                ender.shutdown(socket.SHUT_WR)
                reset(breaker)
            assert wait_error(ender, 5 * ctx.patience) in BROKEN, "the side that ended in order was not told of the reset"
        ctx.expect_flow(port, "client-reset" if client_resets else "server-reset", up=4, down=4)


@scenario()
def whole_flow_before_accept(ctx: Ctx) -> None:
    """The client connects, sends and ends before the edge has accepted."""
    size = 60 * KIB
    for _ in range(ROUNDS):
        with ctx.backend() as backend:
            with ctx.stopped():
                client = ctx.connect()
                port = client.getsockname()[1]
                send_stream(client, UP, size, finish=True)
            with client, backend.accept() as server:
                check_stream(server, UP, size)
                send_stream(server, DOWN, size, finish=True)
                check_stream(client, DOWN, size)
        ctx.expect_flow(port, "client-eof", up=size, down=size)


@scenario()
def reset_before_accept(ctx: Ctx) -> None:
    """Clients that reset before the edge has accepted: a line each, nothing held, the next one is served."""
    with ctx.backend() as backend:
        with ctx.stopped():
            for _ in range(ROUNDS):
                client = ctx.connect()
                client.sendall(b"gone")
                reset(client)
        with ctx.connect() as client:
            client.sendall(b"here")
            while True:
                with backend.accept() as server:
                    if next_word(server) == b"here":
                        server.sendall(b"fine")
                        assert read_exact(client, 4) == b"fine"
                        break
    ctx.wait_until(lambda: len(ctx.edge.flows()) > ctx.first_flow + ROUNDS)
    gone = [line for line in ctx.edge.flows()[ctx.first_flow:] if line["why"] == "client-reset"]
    assert len(gone) == ROUNDS, f"{len(gone)} lines with client-reset for {ROUNDS} clients"


def next_word(server: socket.socket) -> bytes:
    try:
        return server.recv(4, socket.MSG_WAITALL)
    except ConnectionResetError:
        return b""


@scenario()
def refused_while_sending(ctx: Ctx) -> None:
    """Data and end are there before the refusal is: the client is told of it all the same."""
    with ctx.stopped():
        client = ctx.connect()
        port = client.getsockname()[1]
        client.sendall(b"EHLO\r\n")
        client.shutdown(socket.SHUT_WR)
    with client:
        ends_without_data(client)
    ctx.expect_flow(port, "connect-refused", down=0)


@scenario()
def everybody_at_once(ctx: Ctx) -> None:
    """All flows get data both ways in the same moment, more events than a completion queue holds; and again."""
    count = ctx.scale.idle_flows // 2
    pairs: list[tuple[socket.socket, socket.socket]] = []
    try:
        with ctx.backend() as backend:
            for _ in range(count):
                client = ctx.connect()
                pairs.append((client, backend.accept()))
        for turn in range(3):
            with ctx.stopped():
                for index, (client, server) in enumerate(pairs):
                    client.sendall(b"u%06d%d" % (index, turn))
                    server.sendall(b"d%06d%d" % (index, turn))
            for index, (client, server) in enumerate(pairs):
                assert read_exact(server, 8) == b"u%06d%d" % (index, turn), f"flow {index}, turn {turn}"
                assert read_exact(client, 8) == b"d%06d%d" % (index, turn), f"flow {index}, turn {turn}"
        with ctx.stopped():
            for client, _ in pairs:
                client.close()
        for _, server in pairs:
            assert server.recv(1) == b""
    finally:
        for client, server in pairs:
            client.close()
            server.close()
    assert ctx.wait_until(lambda: len(ctx.edge.flows()) >= ctx.first_flow + count), "flow lines are missing"
    wrong = [line for line in ctx.edge.flows()[ctx.first_flow:] if (line["up"], line["down"]) != ("24", "24")]
    assert not wrong, f"wrong counts: {wrong[0]}"


@scenario()
def late_reader_after_both_ended(ctx: Ctx) -> None:
    """The client has sent everything and ended, the backend has answered and ended; only then does anybody read."""
    size = 40 * KIB
    with ctx.flow() as (client, server):
        port = client.getsockname()[1]
        send_stream(client, UP, size, finish=True)
        send_stream(server, DOWN, size, finish=True)
        time.sleep(0.1)
        check_stream(client, DOWN, size)
        check_stream(server, UP, size)
    ctx.expect_flow(port, ("client-eof", "server-eof"), up=size, down=size)
