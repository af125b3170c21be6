"""Streams on every path while the operator does everything he can, at once: whom he does not mean loses no byte."""

from __future__ import annotations

import json
import random
import socket
import threading
import time
from pathlib import Path

import pytest

from harness.behave import Behaving
from harness.command import call
from harness.edge import Edge, free_port
from harness.header import SIGNATURE
from harness.operate import dial, rewrite, settled
from harness.rig import usable_paths
from harness.stand import TIMEOUT, connect
from harness.wire import UP, check_stream, read_exact, send_stream, together

pytestmark = pytest.mark.usefixtures("binary")

SECONDS = 10
CLIENTS = 10
SIZES = (0, 1, 50, 1000, 40_000, 300_000, 3_000_000)
VICTIM = "127.0.0.9"
CHECKED = "check = tcp\ncheck-interval = 1s\n"


def echo(server: socket.socket) -> None:
    while data := server.recv(random.choice((100, 4096, 65536))):
        server.sendall(data)
    server.shutdown(socket.SHUT_WR)


def echo_behind_header(server: socket.socket) -> None:
    """Of a client or of a health check."""
    start = read_exact(server, 16)
    assert start[:12] == SIGNATURE, start
    read_exact(server, int.from_bytes(start[14:], "big"))
    echo(server)


class Commotion:
    """Two backends of two servers, with a header and without, and to each a listener for every path."""

    def __init__(self, sock_file: Path, dice: random.Random) -> None:
        self.sock_file, self.dice = sock_file, dice
        self.servers = {"plain": [Behaving(echo), Behaving(echo)], "headed": [Behaving(echo_behind_header) for _ in range(2)]}
        self.ports = {(path, kind): free_port() for path in usable_paths() for kind in self.servers}
        self.coming_and_going = free_port()
        self.over = threading.Event()
        self.streams = self.cut = self.reloads = 0

    def ini(self, dice: random.Random) -> str:
        """Another file each time; what clients count on is the same in all."""
        text = (f"[global]\ncontrol = {self.sock_file}\nworkers = 2\ndrain = 3s\nlog-level = {dice.choice(('info', 'debug'))}\n"
                f"[defaults]\nbind = 127.0.0.1\nidle = {dice.choice(('20s', '10m'))}\nprofile = {dice.choice(('raw', 'http'))}\n")
        for (path, kind), port in self.ports.items():
            text += f"[listen {path}-{kind}]\nports = {port}\nbackend = {kind}\npath = {path}\n"
        if dice.random() < 0.5:
            text += f"[listen more]\nports = {self.coming_and_going}\nbackend = plain\n"
        for kind, servers in self.servers.items():
            text += f"[backend {kind}]\nbalance = {dice.choice(('first', 'roundrobin', 'leastconn', 'source'))}\n"
            text += "".join(f"server = 127.0.0.1:{server.port}\n" for server in servers)
            text += "send-proxy = v2\n" if kind == "headed" else ""
            text += dice.choice(("", CHECKED, "slowstart = 2s\n"))
        return text

    def bystander(self, dice: random.Random) -> None:
        """Every byte comes back, and the end after the last."""
        while not self.over.is_set():
            size = dice.choice(SIZES)
            with connect(self.ports[dice.choice(list(self.ports))]) as client:
                together(lambda: send_stream(client, UP, size, dice=random.Random(size), finish=True),
                         lambda: check_stream(client, UP, size))
            self.streams += 1

    def victim(self, dice: random.Random) -> None:
        """It is banned and killed, or breaks off itself; what it was sent until then is what it said."""
        while not self.over.is_set():
            size = dice.choice(SIZES)
            try:
                target = ("127.0.0.1", self.ports[dice.choice(list(self.ports))])
                with socket.create_connection(target, TIMEOUT, (VICTIM, 0)) as client:
                    _, got = together(lambda: send_stream(client, UP, size, finish=True),
                                      lambda: self.read_prefix(client, dice.randrange(2 * size + 1)))
                # Not before both are done: of a reset one of them hears, and the other takes it for an end.
                assert got == size, f"a clean end after {got} of {size} bytes"
            except OSError:
                self.cut += 1
                time.sleep(0.01)

    @staticmethod
    def read_prefix(client: socket.socket, leaves: int) -> int:
        got = 0
        while data := client.recv(65536):
            assert data == UP.view[got:got + len(data)], f"wrong bytes after {got}"
            got += len(data)
            if got > leaves:
                client.shutdown(socket.SHUT_RDWR)  # what comes after it is answered with a reset
                raise ConnectionAbortedError
        return got

    def operator(self, edge: Edge) -> None:
        while not self.over.is_set():
            time.sleep(self.dice.uniform(0, 0.2))
            self.dice.choice((self.reload, self.reload, self.serve, self.judge, self.ask, self.babble))(edge)

    def command(self, *args: str) -> str:
        done = call(*args, "-s", str(self.sock_file), seconds=30)
        # 1: it is not there (any more)
        assert done.returncode == 0 or (done.returncode == 1 and args[0] in ("kill", "unban")), f"{args}: {done.stderr}"
        return done.stdout

    def reload(self, edge: Edge) -> None:
        rewrite(edge, self.ini(self.dice))
        self.command("reload")
        self.reloads += 1

    def serve(self, edge: Edge) -> None:
        """The second server of each backend is always there."""
        kind = self.dice.choice(list(self.servers))
        self.command(self.dice.choice(("drain", "maint", "ready")), f"{kind}/127.0.0.1:{self.servers[kind][0].port}")

    def judge(self, edge: Edge) -> None:
        victims = json.loads(self.command("conns", "--json", "--client", VICTIM))["conns"]
        if victims and self.dice.random() < 0.5:
            self.command("kill", victims[0]["id"])
        else:
            self.command(*self.dice.choice((("ban", VICTIM, "1s"), ("unban", VICTIM))))

    def ask(self, edge: Edge) -> None:
        self.command(*self.dice.choice((("status",), ("conns", "--json"), ("bans",), ("log-level", "info"))))

    def babble(self, edge: Edge) -> None:
        with dial(self.sock_file) as sock:
            sock.sendall(self.dice.randbytes(200))

    def run(self, edge: Edge) -> None:
        def until_over(task: object, *args: object) -> None:
            try:
                task(*args)
            finally:
                self.over.set()

        clients = [self.bystander] * CLIENTS + [self.victim] * 3
        threading.Timer(SECONDS, self.over.set).start()
        together(*(lambda task=task, seed=seed: until_over(task, random.Random(seed)) for seed, task in enumerate(clients)),
                 lambda: until_over(self.operator, edge))

    def close(self) -> None:
        for server in sum(self.servers.values(), []):
            server.close()


@pytest.mark.limit(120)
def test_commotion(sock_file: Path) -> None:
    seed = random.randrange(1 << 32)
    it = Commotion(sock_file, random.Random(seed))
    first = it.ini(random.Random(0)).replace(CHECKED, "")
    try:
        with Edge(first) as edge:
            before = edge.fds()["socket"]
            try:
                it.run(edge)
            except BaseException as error:
                raise AssertionError(f"with random.Random({seed}), after {it.streams} streams and {it.reloads} reloads") from error
            assert it.streams > CLIENTS and it.cut and it.reloads, (it.streams, it.cut, it.reloads)
            rewrite(edge, first)
            it.command("reload")
            assert settled(lambda: edge.fds()["socket"] == before, 20), f"{edge.fds()}, {before} sockets at first"
    finally:
        it.close()
