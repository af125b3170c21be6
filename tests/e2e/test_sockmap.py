"""The path sockmap beyond the matrix: what the kernel holds, what ends how, and what an operator sees of it."""

from __future__ import annotations

import ctypes
import os
import pwd
import re
import signal
import socket
import struct
import threading
import time
from pathlib import Path
from typing import Iterator

import pytest

from harness.edge import Edge, parse_hostport
from harness.need import cannot_run
from harness.operate import ask, hang_up, rewrite, settled
from harness.rig import usable_paths
from harness.stand import Stand, stand
from harness.wire import (DOWN, GIB, KIB, MIB, UP, check_stream, ends_without_data, read_until_reset, reset, send_stream,
                          together, write_until_stalled)
from scenarios.backpressure import accepted_at_most

NOBODY = pwd.getpwnam("nobody")
SMALL = 128 * KIB
# Who changed its user cannot be traced by itself, which is how leaks are looked for.
UNTRACED = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}


@pytest.fixture(scope="module", autouse=True)
def usable(binary: str) -> None:
    if "sockmap" not in usable_paths(binary):
        cannot_run("`tailsplice paths` says why sockmap cannot be used")


@pytest.fixture
def site() -> Iterator[Stand]:
    with stand(listen_keys="path = sockmap") as made:
        yield made


def line_of(site: Stand, port: int) -> dict[str, str]:
    return site.edge.wait_flow(lambda fields: parse_hostport(fields["client"])[1] == port)


def narrow_flow(site: Stand) -> tuple[socket.socket, socket.socket]:
    """A flow whose server holds little of what it does not read."""
    site.backend.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
    return site.flow()


def test_a_gibibyte_behind_a_slow_reader(site: Stand):
    """Whatever the sender has, what is on its way is bounded: at no time is more underway than socket buffers take."""
    client, server = narrow_flow(site)
    bound, sent, got, most = accepted_at_most(), 0, 0, 0
    with client, server:
        port = client.getsockname()[1]
        client.setblocking(False)
        view = memoryview(bytes(1 * MIB))
        while got < GIB:
            # the reader pauses whenever the writer can go on
            try:
                while sent < GIB:
                    sent += client.send(view[:min(len(view), GIB - sent)])
            except BlockingIOError:
                pass
            most = max(most, sent - got)
            got += len(server.recv(64 * KIB if most < bound // 4 else 2 * MIB))
        assert most < bound, f"{most} bytes were underway"
        client.close()
        assert server.recv(1) == b""
    line = line_of(site, port)
    assert (line["path"], line["up"], line["why"]) == ("sockmap", str(GIB), "client-eof"), line


def test_an_end_behind_all_that_buffers_hold(site: Stand):
    """The end comes when megabytes are underway: all of them arrive first, and the way back stays open."""
    client, server = narrow_flow(site)
    with client, server:
        port = client.getsockname()[1]
        sent = write_until_stalled(client, UP, 64 * MIB, quiet=0.3)
        assert sent > 2 * MIB, f"only {sent} bytes are underway"
        client.shutdown(socket.SHUT_WR)
        together(lambda: send_stream(server, DOWN, MIB), lambda: check_stream(client, DOWN, MIB, to_end=False))
        check_stream(server, UP, sent)
        server.close()
        assert client.recv(1) == b""
    line = line_of(site, port)
    assert (line["path"], line["up"], line["down"]) == ("sockmap", str(sent), str(MIB)), line


@pytest.mark.parametrize("side", ["client", "server"])
def test_a_reset_behind_all_that_buffers_hold(site: Stand, side: str):
    """The writer resets with megabytes underway: the reader is reset too, and never sees a clean end."""
    client, server = narrow_flow(site)
    with client, server:
        port = client.getsockname()[1]
        writer, reader, stream = (client, server, UP) if side == "client" else (server, client, DOWN)
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
        sent = write_until_stalled(writer, stream, 64 * MIB, quiet=0.3)
        reset(writer)
        assert read_until_reset(reader) <= sent
    line = line_of(site, port)
    assert (line["path"], line["why"]) == ("sockmap", f"{side}-reset"), line


def test_more_flows_than_there_are_slots():
    """Each takes slots and gives them back: in the end more flows were carried than there are slots."""
    flows = 17000
    with stand(global_keys="workers = 1", listen_keys="path = sockmap") as site:
        def serve() -> None:
            for _ in range(flows):
                server, _ = site.backend.accept()
                server.sendall(b"220\r\n")
                server.close()

        def visit(count: int) -> None:
            for _ in range(count):
                with socket.create_connection(("127.0.0.1", site.port), timeout=10) as client:
                    assert client.recv(16) == b"220\r\n" and client.recv(1) == b""

        before = site.edge.fds()
        together(serve, *(lambda: visit(flows // 4) for _ in range(4)))
        assert settled(lambda: len(site.edge.flows()) == flows)
        lines = site.edge.flows()
        assert {line["why"] for line in lines} == {"server-eof"} and {line["down"] for line in lines} == {"5"}
        assert settled(lambda: site.edge.fds() == before)
        with_kernel = sum(line["path"] == "sockmap" for line in lines)
        assert with_kernel > flows // 10, f"the kernel took {with_kernel} of {flows}"


def test_a_reload_disturbs_no_flow(site: Stand):
    """Flows go on, and the slots and the program serve the next configuration too."""
    first = site.flow()
    hang_up_with(site, site.edge.ini_text + "\n")
    second = site.flow()
    for client, server in (first, second):
        with client, server:
            port = client.getsockname()[1]
            together(lambda: send_stream(client, UP, MIB, finish=True), lambda: check_stream(server, UP, MIB))
            server.close()
        assert line_of(site, port)["path"] == "sockmap"


def hang_up_with(site: Stand, text: str) -> str:
    rewrite(site.edge, text)
    return hang_up(site.edge, "reloaded")


def test_a_reload_that_asks_first_is_too_late():
    """It is loaded while there are privileges; the flows are served all the same."""
    with stand(listen_keys="path = splice") as site:
        said = hang_up_with(site, site.edge.ini_text.replace("path = splice", "path = sockmap"))
        assert re.search(r"path: sockmap: .*restart", said), said
        port = exchange(site)
        assert line_of(site, port)["path"] == "splice"


def exchange(site: Stand) -> int:
    client, server = site.flow()
    with client, server:
        client.sendall(b"hello")
        assert server.recv(9) == b"hello"
        return client.getsockname()[1]


def become_nobody() -> None:
    os.setgroups([])
    os.setresgid(NOBODY.pw_gid, NOBODY.pw_gid, NOBODY.pw_gid)
    os.setresuid(NOBODY.pw_uid, NOBODY.pw_uid, NOBODY.pw_uid)


class Readable(Edge):
    """Started by root, for a process that is not."""

    def _prepare_child(self) -> None:
        assert self.directory
        os.chmod(self.directory, 0o755)
        super()._prepare_child()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another")
def test_without_the_right_it_says_so_and_splices(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("harness.stand.Edge", Readable)
    with stand(listen_keys="path = sockmap", preexec=become_nobody, env=UNTRACED) as site:
        port = exchange(site)
        assert line_of(site, port)["path"] == "splice"
        assert re.search(r"warning: path: sockmap: .*CAP_BPF.*spliced", site.edge.log()), site.edge.log()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another")
def test_another_user_carries_on(monkeypatch: pytest.MonkeyPatch):
    """Loaded as root, used as nobody."""
    monkeypatch.setattr("harness.stand.Edge", Readable)
    with stand(global_keys="user = nobody", listen_keys="path = sockmap", env=UNTRACED) as site:
        client, server = site.flow()
        with client, server:
            port = client.getsockname()[1]
            together(lambda: send_stream(client, UP, 8 * MIB, finish=True), lambda: check_stream(server, UP, 8 * MIB))
        assert line_of(site, port)["path"] == "sockmap"


def test_the_operator_sees_and_ends_a_flow(sock_file: Path):
    with stand(global_keys=f"control = {sock_file}", listen_keys="path = sockmap") as site:
        client, server = site.flow()
        with client, server:
            client.sendall(bytes(1000))
            server.sendall(bytes(3000))
            assert len(server.recv(1000, socket.MSG_WAITALL)) == 1000 and len(client.recv(3000, socket.MSG_WAITALL)) == 3000
            row, = ask(sock_file, "conns")["conns"]
            assert (row["path"], row["up"], row["down"]) == ("sockmap", 1000, 3000), row
            assert ask(sock_file, "status")["bytes"]["up"] == 1000
            ask(sock_file, f"kill {row['id']}")
            assert ends_without_data(client) == "reset" and ends_without_data(server) == "reset"
        line = site.edge.wait_flow(lambda fields: True)
        assert (line["why"], line["up"], line["down"]) == ("killed", "1000", "3000"), line


def test_silence_is_counted_from_the_last_byte():
    """The kernel moves bytes without us: a flow that speaks is not idle, one that stopped is."""
    with stand(listen_keys="path = sockmap\nidle = 1s") as site:
        client, server = site.flow()
        with client, server:
            for _ in range(15):
                client.sendall(b"x")
                assert server.recv(1) == b"x"
                time.sleep(0.1)
            began = time.monotonic()
            assert ends_without_data(client) == "reset"
            assert 0.5 < time.monotonic() - began < 3
        assert site.edge.wait_flow(lambda fields: True)["why"] == "idle"


def test_a_drain_waits_and_ends_what_is_at_rest():
    """An idle web flow ends in order soon; one in the middle of a transfer is let be."""
    with stand(global_keys="drain = 20s", listen_keys="path = sockmap\nprofile = http") as site:
        idle, busy = site.flow(), site.flow()
        for client, server in (idle, busy):
            client.sendall(b"GET")
            assert server.recv(3) == b"GET"
            server.sendall(b"200")
            assert client.recv(3) == b"200"
        busy[0].sendall(b"GET")
        assert busy[1].recv(3) == b"GET"
        site.edge.signal(signal.SIGTERM)
        assert ends_without_data(idle[0]) == "eof" and ends_without_data(idle[1]) == "eof"
        busy[1].sendall(b"200")
        assert busy[0].recv(3) == b"200"
        for sock in (*idle, *busy):
            sock.close()
        assert site.edge.process.wait(10) == 0


PROG_GET_FD_BY_ID = 13
BPF = 321  # x86_64


def program_of(edge: Edge) -> int:
    for entry in Path(f"/proc/{edge.pid}/fdinfo").iterdir():
        found = re.search(r"^prog_id:\s+(\d+)", entry.read_text(), re.M)
        if found:
            return int(found[1])
    raise AssertionError("the edge holds no program")


def exists(program: int) -> bool:
    attributes = ctypes.create_string_buffer(struct.pack("III", program, 0, 0), 128)
    fd = ctypes.CDLL(None).syscall(BPF, PROG_GET_FD_BY_ID, attributes, 128)
    if fd >= 0:
        os.close(fd)
    return fd >= 0


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the number of bpf(2) is known for x86_64")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["ended", "killed"])
def test_nothing_stays_in_the_kernel(how: int):
    with stand(listen_keys="path = sockmap") as site:
        client, server = site.flow()
        with client, server:
            client.sendall(b"hello")
            assert server.recv(9) == b"hello"
            program = program_of(site.edge)
            assert exists(program)
            site.edge.signal(how)
            site.edge.process.wait(10)
            assert settled(lambda: not exists(program)), "the program is still there"
            assert ends_without_data(client) in ("reset", "eof")
        if how == signal.SIGKILL:
            site.edge.kill()
            site.edge.process = None  # its status is what was asked for


def test_many_at_once_are_carried(site: Stand):
    """A hundred flows speak both ways at once, each with bytes of its own."""
    pairs = [site.flow() for _ in range(100)]
    failures: list[str] = []

    def talk(number: int) -> None:
        client, server = pairs[number]
        for turn in range(20):
            word = b"%d:%d;" % (number, turn) * 50
            client.sendall(word)
            server.sendall(word[::-1])
            if server.recv(len(word), socket.MSG_WAITALL) != word or client.recv(len(word), socket.MSG_WAITALL) != word[::-1]:
                failures.append(f"flow {number} in turn {turn}")

    run_all([threading.Thread(target=talk, args=(number,)) for number in range(100)])
    for client, server in pairs:
        client.close()
        server.close()
    assert not failures
    assert settled(lambda: len(site.edge.flows()) == 100)
    assert {line["path"] for line in site.edge.flows()} == {"sockmap"}


def run_all(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
