"""Several servers of a backend: which gets a flow, what the operator says of them, and what a client gets when none is there."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections import Counter, defaultdict
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Iterator

import pytest

from harness.edge import Edge, free_port
from harness.operate import ask, rewrite
from harness.stand import connect, echo_once, listen
from harness.wire import read_until_reset

pytestmark = pytest.mark.usefixtures("binary")

FAREWELL = b"421 4.3.2 Service not available, try again later\r\n"


def expect_reset(port: int) -> None:
    """Accepted and reset at once: connect(2) itself may be the one to see it."""
    try:
        with connect(port) as client:
            assert read_until_reset(client) == 0
    except ConnectionResetError:
        pass


class Town:
    """An edge with one listener and some servers, each a listening socket of the test that tells its letter."""

    def __init__(self, sock_file: Path, stack: ExitStack, servers: list[str], keys: str, listen_keys: str = "", workers: int = 2) -> None:
        self.control, self.port = sock_file, free_port()
        self.sockets = [stack.enter_context(listen()) for _ in servers]
        self.places = [f"127.0.0.1:{s.getsockname()[1]}" for s in self.sockets]
        lines = "".join(f"server = {place} {options}\n" for place, options in zip(self.places, servers))
        self.ini = (f"[global]\nworkers = {workers}\ncontrol = {sock_file}\n[listen front]\nports = {self.port}\nbackend = back\n"
                    f"{listen_keys}\n[backend back]\n{lines}{keys}\n")
        self.edge = stack.enter_context(Edge(self.ini))
        self.open: list[socket.socket] = []
        self.by_letter: dict[str, list[socket.socket]] = defaultdict(list)
        for number, sock in enumerate(self.sockets):
            threading.Thread(target=self.serve, args=(sock, bytes([ord("a") + number])), daemon=True).start()

    def serve(self, sock: socket.socket, letter: bytes) -> None:
        sock.settimeout(None)
        while True:
            try:
                server, _ = sock.accept()
            except OSError:
                return
            self.open.append(server)
            self.by_letter[letter.decode()].append(server)
            server.sendall(letter)

    def letter(self, keep: list[socket.socket] | None = None) -> str:
        """Who serves a new flow; it ends at once, or goes to `keep`."""
        client = connect(self.port)
        letter = client.recv(1).decode()
        if keep is None:
            client.close()
        else:
            keep.append(client)
        return letter

    def servers(self) -> dict[str, dict[str, Any]]:
        [backend] = ask(self.control, "status")["backends"]
        return {row["name"]: row for row in backend["servers"]}

    def live(self) -> list[int]:
        rows = self.servers()
        return [rows[place]["live"] for place in self.places]

    def wait_live(self, wanted: list[int]) -> None:
        deadline = time.monotonic() + 5
        while self.live() != wanted and time.monotonic() < deadline:
            time.sleep(0.02)
        assert self.live() == wanted


@contextmanager
def town(sock_file: Path, servers: list[str], keys: str = "", **options: Any) -> Iterator[Town]:
    with ExitStack() as stack:
        yield Town(sock_file, stack, servers, keys, **options)


# -- balance ------------------------------------------------------------------------------------------------------------


def test_roundrobin_is_exact_over_all_workers(sock_file: Path) -> None:
    with town(sock_file, ["weight=3", "weight=2", ""], "balance = roundrobin") as it:
        assert Counter(it.letter() for _ in range(60)) == {"a": 30, "b": 20, "c": 10}


def test_leastconn_evens_out(sock_file: Path) -> None:
    with town(sock_file, ["", ""], "balance = leastconn") as it:
        kept: list[socket.socket] = []
        letters = [it.letter(kept) for _ in range(20)]
        assert Counter(letters) == {"a": 10, "b": 10}
        it.wait_live([10, 10])
        for client, letter in zip(kept, letters):
            if letter == "a":
                client.close()
        more: list[socket.socket] = []
        for server in it.by_letter["a"]:
            server.close()
        it.wait_live([0, 10])
        assert {it.letter(more) for _ in range(9)} == {"a"}
        for client in kept + more:
            client.close()
        for server in it.open:
            server.close()
        it.wait_live([0, 0])


def test_first_and_backup(sock_file: Path) -> None:
    with town(sock_file, ["backup", "", ""]) as it:
        assert {it.letter() for _ in range(5)} == {"b"}
        assert ask(sock_file, f"maint back/{it.places[1]}")["ok"]
        assert {it.letter() for _ in range(5)} == {"c"}
        assert ask(sock_file, f"drain back/{it.places[2]}")["ok"]
        assert {it.letter() for _ in range(5)} == {"a"}
        assert ask(sock_file, f"ready back/{it.places[1]}")["ok"]
        assert {it.letter() for _ in range(5)} == {"b"}


def test_source_keeps_a_client(sock_file: Path) -> None:
    with town(sock_file, ["", "", ""], "balance = source") as it:
        by_client = {}
        for number in range(1, 31):
            for _ in range(2):
                with socket.create_connection(("127.0.0.1", it.port), 10, (f"127.0.7.{number}", 0)) as client:
                    by_client.setdefault(number, set()).add(client.recv(1))
        assert all(len(letters) == 1 for letters in by_client.values())
        assert len(set.union(*by_client.values())) == 3


def test_counts_are_given_back_whatever_happens(sock_file: Path) -> None:
    """Refused, silent, reset, killed: nobody is counted who is not there."""
    with town(sock_file, ["", ""], "balance = leastconn\nconnect-timeout = 200ms") as it:
        it.sockets[0].shutdown(socket.SHUT_RDWR)
        it.sockets[0].close()
        kept: list[socket.socket] = []
        for _ in range(10):
            it.letter(kept)
        it.wait_live([0, 10])
        for row in ask(sock_file, "conns")["conns"][:5]:
            assert ask(sock_file, f"kill {row['id']}")["ok"]
        it.wait_live([0, 5])
        for client in kept:
            client.close()
        for server in it.open:
            server.close()
        it.wait_live([0, 0])


# -- the operator's word --------------------------------------------------------------------------------------------------


def test_the_word_of_the_operator_holds_over_reloads(sock_file: Path) -> None:
    with town(sock_file, ["", ""], "balance = roundrobin") as it:
        answer = ask(sock_file, f"drain back/{it.places[0]}")
        assert answer == {"ok": True, "backend": "back", "server": it.places[0], "state": "drain", "live": 0}
        assert it.servers()[it.places[0]]["state"] == "drain"
        rewrite(it.edge, it.ini + "idle = 1h\n")
        assert ask(sock_file, "reload")["ok"]
        assert it.servers()[it.places[0]]["state"] == "drain"
        assert {it.letter() for _ in range(6)} == {"b"}
        assert ask(sock_file, f"ready back/{it.places[0]}")["state"] == "ready"
        assert {it.letter() for _ in range(6)} == {"a", "b"}
        it.edge.wait_log(f"control: server back/{it.places[0]} is ready: new flows are led there; it has [0-9]+ flows")


def test_a_drained_server_keeps_its_flows(sock_file: Path) -> None:
    with town(sock_file, [""]) as it:
        kept: list[socket.socket] = []
        it.letter(kept)
        assert ask(sock_file, f"maint back/{it.places[0]}")["live"] == 1
        echo_once(kept[0], it.open[0])
        expect_reset(it.port)
        assert it.servers()[it.places[0]]["live"] == 1
        kept[0].close()
        it.open[0].close()


def test_who_is_meant(sock_file: Path) -> None:
    with town(sock_file, ["", ""]) as it:
        for line, words in [
            ("drain bakc/127.0.0.1", "there is no backend bakc, did you mean 'back'?"),
            ("maint back/127.0.0.2", "backend back has no server 127.0.0.2, did you mean '127.0.0.1'?"),
            ("maint back/127.0.0.1", f"name it as in the file: {it.places[0]}"),
        ]:
            answer = ask(sock_file, line)
            assert not answer["ok"] and words in answer["error"], answer


# -- nobody is there ------------------------------------------------------------------------------------------------------


def closed_edge(sock_file: Path, keys: str, listen_keys: str = "profile = smtp") -> tuple[str, int, int]:
    port, back = free_port(), free_port()
    return (f"[global]\ncontrol = {sock_file}\n[listen front]\nports = {port}\nbackend = back\n{listen_keys}\n"
            f"[backend back]\nserver = 127.0.0.1:{back}\n{keys}\n"), port, back


def test_hold_over_a_restart_of_the_server(sock_file: Path) -> None:
    """Clients that come while the server is away are served by it once it is back, with what they had said."""
    ini, port, back = closed_edge(sock_file, "on-down = hold 20s", "")
    with Edge(ini) as edge:
        clients = [connect(port) for _ in range(20)]
        for client in clients:
            client.sendall(b"hello")
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            rows = ask(sock_file, "conns")["conns"]
            if len(rows) == 20 and {row["state"] for row in rows} <= {"held", "dial"}:
                break
            time.sleep(0.02)
        with listen(port=back) as backend:
            for _ in clients:
                server, _ = backend.accept()
                server.settimeout(10)
                assert server.recv(5, socket.MSG_WAITALL) == b"hello"
                server.sendall(b"bye")
                server.close()
            for client in clients:
                assert client.recv(3, socket.MSG_WAITALL) == b"bye"
                client.close()
        assert edge.stop() == 0


def test_a_farewell_as_swaks_hears_it(sock_file: Path) -> None:
    ini, port, _ = closed_edge(sock_file, "on-down = smtp-421")
    with Edge(ini):
        done = subprocess.run(["swaks", "--server", f"127.0.0.1:{port}", "--to", "a@example.net", "--from", "b@example.net", "--timeout", "10"],
                              capture_output=True, text=True, timeout=30)
        assert "421 4.3.2 Service not available, try again later" in done.stdout, done
        for text in [b"", b"EHLO a\r\nMAIL FROM:<x@y>\r\n" * 5000]:
            with connect(port) as client:
                try:
                    client.sendall(text)
                except (ConnectionResetError, BrokenPipeError):
                    pytest.fail("the edge cut a client that talks")
                got = b""
                while piece := client.recv(1000):
                    got += piece
                assert got == FAREWELL


def test_who_does_not_speak_smtp_is_reset(sock_file: Path) -> None:
    ini, port, _ = closed_edge(sock_file, "on-down = smtp-421", "profile = imap")
    with Edge(ini):
        expect_reset(port)


def test_checks_and_hold(sock_file: Path) -> None:
    """Down by its checks: nobody is dialled, clients are held; the check that finds it up lets them in."""
    ini, port, back = closed_edge(sock_file, "on-down = hold 20s\ncheck = tcp\ncheck-interval = 1s\nrise = 1\nfall = 1", "")

    def state() -> str:
        return ask(sock_file, "status")["backends"][0]["servers"][0]["state"]

    with Edge(ini) as edge:
        deadline = time.monotonic() + 5
        while state() != "down" and time.monotonic() < deadline:
            time.sleep(0.02)
        assert state() == "down"
        with connect(port) as client:
            deadline = time.monotonic() + 5
            while not [row for row in ask(sock_file, "conns")["conns"] if row["state"] == "held"]:
                assert time.monotonic() < deadline
                time.sleep(0.02)
            with listen(port=back) as backend:
                threading.Thread(target=greet, args=(backend,), daemon=True).start()
                assert client.recv(3, socket.MSG_WAITALL) == b"220"
                assert state() == "ready"
        assert edge.stop() == 0


def greet(backend: socket.socket) -> None:
    """Each, checks as well, until the socket is closed."""
    while True:
        try:
            server, _ = backend.accept()
        except OSError:
            return
        with server:
            server.sendall(b"220")
