"""Many busy flows at once: none gets another's bytes, none starves, some die in the middle."""

from __future__ import annotations

import random
import socket
import threading

from harness.rig import Ctx
from harness.wire import KIB, Stream, check_stream, read_until_reset, reset, send_stream, together
from scenarios import scenario

FLOWS = 24
SIZE = 700 * KIB


class Meeting:
    """Which backend socket belongs to which client: each client says its number first."""

    def __init__(self, ctx: Ctx) -> None:
        self.ctx = ctx
        self.servers: dict[int, socket.socket] = {}
        self.arrived = threading.Condition()

    def accept_all(self, backend, count: int) -> None:
        for _ in range(count):
            server = backend.accept()
            number = int(server.recv(4, socket.MSG_WAITALL))
            with self.arrived:
                self.servers[number] = server
                self.arrived.notify_all()

    def server_of(self, number: int) -> socket.socket:
        with self.arrived:
            assert self.arrived.wait_for(lambda: number in self.servers, self.ctx.timeout), f"flow {number} never arrived"
            return self.servers[number]


def whole(ctx: Ctx, meeting: Meeting, number: int) -> None:
    """One complete flow, both ways at once, with bytes of its own."""
    up, down = Stream(100 + number), Stream(200 + number)
    with ctx.connect() as client:
        port = client.getsockname()[1]
        client.sendall(b"%04d" % number)
        with meeting.server_of(number) as server:
            dice = random.Random(number)
            together(lambda: send_stream(client, up, SIZE, dice=dice, finish=True),
                     lambda: send_stream(server, down, SIZE, finish=True),
                     lambda: check_stream(server, up, SIZE),
                     lambda: check_stream(client, down, SIZE))
    ctx.expect_flow(port, ("client-eof", "server-eof"), up=SIZE + 4, down=SIZE)


def cut(ctx: Ctx, meeting: Meeting, number: int) -> None:
    """A flow that its client resets on the way."""
    stream = Stream(300 + number)
    client = ctx.connect()
    port = client.getsockname()[1]
    client.sendall(b"%04d" % number)
    with meeting.server_of(number) as server:
        send_stream(client, stream, 50 * KIB)
        reset(client)
        read_until_reset(server)
    ctx.expect_flow(port, "client-reset", down=0)


@scenario()
def busy_and_dying(ctx: Ctx) -> None:
    with ctx.backend() as backend:
        meeting = Meeting(ctx)
        jobs = [lambda: meeting.accept_all(backend, FLOWS)]
        for number in range(FLOWS):
            task = cut if number % 4 == 3 else whole
            jobs.append(lambda task=task, number=number: task(ctx, meeting, number))
        together(*jobs)
