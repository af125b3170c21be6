"""Draining by protocol and by listener: what is at rest ends first, what is not has until the deadline. How a whole edge
ends is in test_stop.py."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

import pytest

from harness.crowd import crowd
from harness.edge import Edge, free_port
from harness.net import BACKEND, CLIENT, EDGE, Family, Net
from harness.operate import ask, rewrite, settled
from harness.stand import accept, connect, echo_once, listen, stand
from harness.wire import DOWN, MIB, check_stream, read_until_reset, send_stream, together

pytestmark = pytest.mark.usefixtures("binary")


@pytest.mark.parametrize("profile", ["imap", "http", "https"])
def test_at_rest_ends_early(profile: str, path: str) -> None:
    """Nothing is asked, nothing is owed: a FIN to both, long before the deadline, as a server would do itself."""
    with stand(global_keys="drain = 30s", listen_keys=f"profile = {profile}\npath = {path}") as it:
        client, server = it.flow()
        with client, server:
            echo_once(client, server)
            it.edge.signal(signal.SIGTERM)
            assert client.recv(1) == b"" and server.recv(1) == b"", "a clean end"
            client.close()
            server.close()
            assert it.edge.process is not None and it.edge.process.wait(5) == 0
        line = it.edge.wait_flow(lambda flow: True)
        assert (line["why"], line["up"], line["down"]) == ("drain", "5", "5"), line


@pytest.mark.parametrize("profile", ["smtp", "raw"])
def test_others_have_until_the_deadline(profile: str) -> None:
    """An SMTP client cut between its last line and the answer sends its mail twice."""
    with stand(global_keys="drain = 3s", listen_keys=f"profile = {profile}") as it:
        client, server = it.flow()
        with client, server:
            echo_once(client, server)
            began = time.monotonic()
            it.edge.signal(signal.SIGTERM)
            assert read_until_reset(client) == 0
            assert 2.5 < time.monotonic() - began < 6
        assert it.edge.process is not None and it.edge.process.wait(5) == 0


def test_a_question_is_answered_first() -> None:
    """The client spoke last: it waits for something, and is not at rest until it has that."""
    with stand(global_keys="drain = 30s", listen_keys="profile = imap") as it:
        client, server = it.flow()
        with client, server:
            echo_once(client, server)
            client.sendall(b"a1 FETCH\r\n")
            assert server.recv(100) == b"a1 FETCH\r\n"
            it.edge.signal(signal.SIGTERM)
            time.sleep(2.5)
            assert it.edge.alive() and not it.edge.flows()
            server.sendall(b"a1 OK\r\n")
            assert client.recv(100) == b"a1 OK\r\n"
            assert client.recv(1) == b"" and server.recv(1) == b""
        assert it.edge.process is not None and it.edge.process.wait(5) == 0


def test_a_transfer_is_finished_first() -> None:
    with stand(global_keys="drain = 40s", listen_keys="profile = http") as it:
        client, server = it.flow()
        with client, server:
            echo_once(client, server)

            def slowly() -> None:
                for part in range(12):
                    send_stream(server, DOWN, MIB // 4, start=part * MIB // 4)
                    time.sleep(0.25)

            it.edge.signal(signal.SIGTERM)
            together(slowly, lambda: check_stream(client, DOWN, 3 * MIB, to_end=False))
            assert client.recv(1) == b""
        assert it.edge.process is not None and it.edge.process.wait(5) == 0


def two_listeners(sock_file: Path, first: int, back: int, limit: str = "20s") -> str:
    return (f"[global]\ncontrol = {sock_file}\ndrain = {limit}\nworkers = 2\n[defaults]\nbackend = a\nbind = 127.0.0.1\n"
            f"[listen mail]\nports = {first}\nprofile = smtp\n[listen imap]\nports = {first + 1}\nprofile = imap\n"
            f"[backend a]\nserver = 127.0.0.1:{back}\n")


def test_one_listener(sock_file: Path) -> None:
    """Its new clients are refused, its flows have the time of `drain`; nobody else notices. A reload opens it again."""
    first = free_port(2)[0]
    with listen() as backend, Edge(two_listeners(sock_file, first, backend.getsockname()[1], "2s")) as edge:
        with connect(first) as mail, accept(backend) as mail_server, connect(first + 1) as imap, accept(backend) as imap_server:
            echo_once(mail, mail_server)
            echo_once(imap, imap_server)
            answer = ask(sock_file, "drain mail")
            assert answer["ok"] and answer["draining"] == "mail", answer
            listeners = {row["name"]: row["state"] for row in ask(sock_file, "status")["listeners"]}
            assert listeners == {"mail": "draining", "imap": "accepting"}
            assert read_until_reset(mail) == 0 and read_until_reset(mail_server) == 0
            assert settled(lambda: edge.listening() == [("127.0.0.1", first + 1)] * 2), edge.listening()
            with pytest.raises(ConnectionRefusedError):
                connect(first)
            echo_once(imap, imap_server)
            assert edge.wait_flow(lambda flow: flow["listener"].startswith("mail"))["why"] == "drain"
            assert ask(sock_file, "reload")["ok"]
            with connect(first) as again, accept(backend) as server:
                echo_once(again, server)
            assert ask(sock_file, "status")["state"] == "running"


def test_a_listener_nobody_knows(sock_file: Path) -> None:
    with stand(global_keys=f"control = {sock_file}") as it:
        answer = ask(sock_file, "drain fornt")
        assert not answer["ok"] and "front" in answer["error"], answer
        client, server = it.flow()
        with client, server:
            echo_once(client, server)


def test_drained_and_opened_at_once(sock_file: Path) -> None:
    """The second thought of an operator: while its queue is taken. Some are refused in between, none is cut."""
    first, back = free_port(2)[0], free_port()
    with crowd("backends", {"a": back}), Edge(two_listeners(sock_file, first, back)), \
            crowd("visitors", [["127.0.0.1", first]], 200, False, "a") as visitors:
        for pause in (0, 0.02, 0.05, 0.1, 0.3):
            assert ask(sock_file, "drain mail")["ok"]
            time.sleep(pause)
            assert ask(sock_file, "reload")["ok"]
            time.sleep(0.2)
        account = visitors.finish()
        assert account["broken"] == account["altered"] == 0 and account["served"] > account["refused"] > 0, account


def test_sigterm_under_load() -> None:
    """Whoever was let in is served; the others are refused, not cut."""
    for _ in range(3):
        first, back = free_port(2)[0], free_port()
        with tempfile.TemporaryDirectory(prefix="ts-") as directory, crowd("backends", {"a": back}), \
                Edge(two_listeners(Path(directory) / "control.sock", first, back)) as edge, \
                crowd("visitors", [["127.0.0.1", first]], 300, False, "a") as visitors:
            time.sleep(0.7)
            assert edge.stop(signal.SIGTERM) == 0
            time.sleep(0.2)
            account = visitors.finish()
            assert account["broken"] == account["altered"] == 0 and account["served"] > 50 and account["refused"] > 0, account


@pytest.mark.parametrize("how", ["reload", "drain mail", "drain"])
def test_a_handshake_under_way_is_completed(net: Net, sock_file: Path, how: str, family: Family) -> None:
    """Its last segment comes when nobody listens any more: for its client it is connected, and it is served."""
    port = 2525
    rules = (f"add table inet late; add chain inet late out {{ type filter hook output priority 0; }}; "
             f"add rule inet late out tcp dport {port} tcp flags & (syn | ack) == ack drop")
    backend = net.socket(BACKEND, family.af)
    backend.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    backend.bind((family.backend, 2600))
    backend.listen()
    backend.settimeout(5)
    ini = (f"[global]\ncontrol = {sock_file}\ndrain = 20s\n[listen stays]\nports = 2526\nbackend = a\n"
           f"[backend a]\nserver = {family.host(family.backend)}:2600\n")
    with backend, Edge(f"{ini}[listen mail]\nports = {port}\nbackend = a\n", netns=net.name(EDGE)) as edge:
        net.run(CLIENT, ["nft", rules], check=True)
        try:
            client = net.connect(CLIENT, (family.edge, port))
            rewrite(edge, ini)
            assert ask(sock_file, how)["ok"]
            time.sleep(0.3)
            with pytest.raises(ConnectionRefusedError):
                net.connect(CLIENT, (family.edge, port))
        finally:
            net.run(CLIENT, ["nft", "delete table inet late"])
        with client:
            client.sendall(b"hello")
            with accept(backend) as server:
                assert server.recv(5) == b"hello"
                server.sendall(b"there")
                assert client.recv(5) == b"there"


def test_the_whole_edge_by_command(sock_file: Path) -> None:
    with stand(global_keys=f"control = {sock_file}\ndrain = 20s") as it:
        client, server = it.flow()
        with client, server:
            answer = ask(sock_file, "drain")
            assert answer["ok"] and answer["draining"] is None, answer
            assert ask(sock_file, "status")["state"] == "draining"
            with pytest.raises(OSError):
                time.sleep(0.8)
                connect(it.port)
            echo_once(client, server)
        assert it.edge.process is not None and it.edge.process.wait(5) == 0


@contextmanager
def first_process(binary: str, config: Path) -> Iterator[tuple[int, subprocess.Popen[str], str]]:
    """(pid, the process around it, what it said until it was ready) of an edge that is PID 1, as in a container."""
    process = subprocess.Popen(["unshare", "--pid", "--fork", "--kill-child", binary, "run", "-c", str(config)],
                               stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        said = ""
        while "ready" not in said:
            line = process.stderr.readline()
            assert line, said
            said += line
        yield int(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0]), process, said
    finally:
        process.kill()
        process.wait()


@pytest.mark.skipif(os.geteuid() != 0, reason="a PID namespace needs root")
def test_fits_docker_stop(binary: str, tmp_path: Path) -> None:
    """As the first process of a container it has ten seconds: by default it takes nine; one that asks for more is warned."""
    config, port = tmp_path / "x.ini", free_port()
    with listen() as backend:
        text = (f"[listen mail]\nports = {port}\nprofile = smtp\nbackend = a\n"
                f"[backend a]\nserver = 127.0.0.1:{backend.getsockname()[1]}\n")
        config.write_text(text)
        with first_process(binary, config) as (pid, process, said), connect(port), accept(backend):
            began = time.monotonic()
            os.kill(pid, signal.SIGTERM)
            assert process.stderr is not None
            log = process.stderr.read()
            assert 8 < time.monotonic() - began < 10.5 and "why=drain" in log
            assert "docker stop" not in said + log
        config.write_text("[global]\ndrain = 30s\n" + text)
        with first_process(binary, config) as (_, _, said):
            assert "docker stop" in said and "shorten drain" in said, said
