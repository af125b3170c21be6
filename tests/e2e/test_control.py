"""The control socket of a running edge: what it tells and does, and that a slow or hostile client harms nothing."""

from __future__ import annotations

import json
import os
import random
import socket
import stat
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator

import pytest

from harness.crowd import crowd
from harness.edge import Edge, EdgeError, free_port
from harness.operate import ask, dial, read_all, rewrite
from harness.stand import Stand, connect, echo_once, listen, stand
from harness.wire import read_until_reset, together

pytestmark = pytest.mark.usefixtures("binary")

SESSIONS = 16  # SESSIONS_MAX of include/control/sessions.h: more wait in the queue
READ_LIMIT = 5.0  # seconds a client has for its request


def expect_refusal(port: int) -> None:
    """Accepted and reset at once: connect(2) itself may be the one to see it."""
    try:
        with connect(port) as client:
            assert read_until_reset(client) == 0
    except ConnectionResetError:
        pass


@contextmanager
def controlled(sock_file: Path, **keys: Any) -> Iterator[Stand]:
    keys["global_keys"] = f"control = {sock_file}\n" + keys.get("global_keys", "")
    with stand(**keys) as it:
        yield it


def test_only_the_owner_may(sock_file: Path) -> None:
    with controlled(sock_file) as it:
        mode = sock_file.stat()
        assert stat.S_ISSOCK(mode.st_mode) and stat.S_IMODE(mode.st_mode) == 0o600 and mode.st_uid == os.geteuid()
        assert it.edge.stop() == 0
        assert not sock_file.exists(), "the file is left behind"


def test_status_adds_up(sock_file: Path) -> None:
    with controlled(sock_file) as it:
        pairs = [it.flow() for _ in range(3)]
        for client, server in pairs:
            echo_once(client, server, b"x" * 100)
        status = ask(sock_file, "status")
        assert status["ok"] and status["state"] == "running" and status["pid"] == it.edge.process.pid
        assert status["config"]["file"] == str(it.edge.config) and len(status["config"]["hash"]) == 16
        assert status["flows"]["live"] == 3 == status["flows"]["accepted"] and status["flows"]["refused"] == 0
        assert status["bytes"] == {"up": 300, "down": 300}
        [listener] = [row for row in status["listeners"] if row["address"].startswith("0.0.0.0")]
        assert (listener["name"], listener["state"], listener["live"], listener["up"]) == ("front", "accepting", 3, 300)
        [backend] = status["backends"]
        assert (backend["live"], backend["connects"], backend["failed"], backend["down"]) == (3, 3, 0, 300)
        for client, server in pairs:
            client.close()
            server.close()
        deadline = time.monotonic() + 5
        while (status := ask(sock_file, "status"))["flows"]["live"] and time.monotonic() < deadline:
            time.sleep(0.02)
        assert sum(status["ends"].values()) == 3 and status["bytes"] == {"up": 300, "down": 300}
        assert sum(status["paths"].values()) == 3
        assert status["listeners"][0]["live"] == 0 == status["backends"][0]["live"]


def test_failures_are_counted(sock_file: Path) -> None:
    with controlled(sock_file) as it:
        it.backend.close()
        for _ in range(4):
            expect_refusal(it.port)
        status = ask(sock_file, "status")
        assert status["ends"] == {"connect-refused": 4}
        assert (status["backends"][0]["failed"], status["backends"][0]["live"]) == (4, 0)


def test_conns_filters_and_sorts(sock_file: Path) -> None:
    with controlled(sock_file) as it:
        first, second, third = it.flow(), it.flow("127.0.0.1"), it.flow()
        try:
            echo_once(*second, b"y" * 5000)
            echo_once(*third, b"y" * 50)
            rows = ask(sock_file, "conns sort=bytes")["conns"]
            assert [row["up"] for row in rows] == [5000, 50, 0]
            assert rows[0]["client"] == "127.0.0.1:%d" % second[0].getsockname()[1]
            assert (rows[0]["listener"], rows[0]["backend"], rows[0]["state"]) == (f"front:{it.port}", "back", "relay")
            assert len(ask(sock_file, "conns limit=1 sort=bytes")["conns"]) == 1
            answer = ask(sock_file, "conns client=192.0.2.0/24")
            assert (answer["total"], answer["matched"], answer["conns"]) == (3, 0, [])
            assert ask(sock_file, "conns client=127.0.0.0/8")["matched"] == 3
            assert ask(sock_file, "conns listener=front")["matched"] == 3 == ask(sock_file, f"conns listener=front:{it.port}")["matched"]
            assert ask(sock_file, "conns listener=front:1")["matched"] == 0 == ask(sock_file, "conns listener=other")["matched"]
        finally:
            for pair in (first, second, third):
                for sock in pair:
                    sock.close()


def test_kill_ends_one(sock_file: Path) -> None:
    with controlled(sock_file) as it:
        (client, server), (other, peer) = it.flow(), it.flow()
        with client, server, other, peer:
            port = client.getsockname()[1]
            [row] = [row for row in ask(sock_file, "conns")["conns"] if row["client"].endswith(f":{port}")]
            assert ask(sock_file, f"kill {row['id']}") == {"ok": True, "killed": row["id"]}
            assert read_until_reset(client) == 0 == read_until_reset(server)
            echo_once(other, peer)
            assert it.edge.wait_flow(lambda flow: flow["flow"] == row["id"])["why"] == "killed"
            again = ask(sock_file, f"kill {row['id']}")
            assert not again["ok"] and again["code"] == "unknown"


def test_ban_reaches_all_workers_and_outlives_a_reload(sock_file: Path) -> None:
    with controlled(sock_file, global_keys="workers = 4") as it:
        flows = [it.flow() for _ in range(12)]
        answer = ask(sock_file, "ban 127.0.0.0/8 10m")
        assert (answer["banned"], answer["ttl_s"], answer["ended"]) == ("127.0.0.0/8", 600, 12)
        for client, server in flows:
            with client, server:
                assert read_until_reset(client) == 0
        assert ask(sock_file, "reload")["ok"]
        for _ in range(12):  # whichever worker it falls to
            expect_refusal(it.port)
        status = ask(sock_file, "status")
        assert status["refusals"] == {"denied": 12} and status["bans"] == 1
        assert [ban["net"] for ban in ask(sock_file, "bans")["bans"]] == ["127.0.0.0/8"]
        part = ask(sock_file, "unban 127.0.0.1")
        assert not part["ok"] and "is banned as a part of 127.0.0.0/8: unban that" in part["error"]
        other = ask(sock_file, "unban 192.0.2.1")
        assert not other["ok"] and other["error"] == "192.0.2.1 is not banned"
        assert ask(sock_file, "unban 127.0.0.0/8")["ok"]
        client, server = it.flow()
        with client, server:
            echo_once(client, server)


def test_a_ban_ends_by_itself(sock_file: Path) -> None:
    with controlled(sock_file) as it:
        assert ask(sock_file, "ban 127.0.0.1 1s")["ok"]
        expect_refusal(it.port)
        time.sleep(1.2)
        client, server = it.flow()
        with client, server:
            echo_once(client, server)
        assert ask(sock_file, "bans")["bans"] == []


def test_log_level(sock_file: Path) -> None:
    with controlled(sock_file) as it:
        assert ask(sock_file, "log-level")["level"] == "info"
        assert ask(sock_file, "log-level error")["level"] == "error"
        client, server = it.flow()
        client.close()
        server.close()
        time.sleep(0.3)
        assert not it.edge.flows()
        assert ask(sock_file, "log-level info")["level"] == "info"
        client, server = it.flow()
        client.close()
        server.close()
        it.edge.wait_flow(lambda flow: True)


@pytest.mark.parametrize("request_bytes, words", [
    (b"frob\n", "frob"),
    (b"\n", "expected one of status"),
    (b"status\0\n", ""),
    (b"\xff\xfe\x00\n", ""),
    (b"ban\n", ""),
    (b"ban 192.0.2.1/33\n", ""),
    (b"ban 192.0.2.1/24\n", "192.0.2.0/24"),
    (b"kill xyz\n", ""),
    (b"conns sort=size\n", ""),
    (b"conns limit=-1\n", ""),
    (b"drain nobody\n", "nobody"),
    (b"log-level loud\n", ""),
    (b"status now please\n", ""),
    (b"a" * 4096, "4096"),
    (b"a" * 100000, "4096"),
], ids=lambda value: repr(value[:24]) if isinstance(value, bytes) else None)
def test_bad_requests_get_an_answer(sock_file: Path, request_bytes: bytes, words: str) -> None:
    """A clear no, and nothing else changes."""
    with controlled(sock_file) as it:
        before = ask(sock_file, "status")
        with dial(sock_file) as sock:
            try:
                sock.sendall(request_bytes)
            except BrokenPipeError:
                pass  # it answered before it had read all
            try:
                answer = json.loads(read_all(sock))
            except ConnectionResetError:
                assert len(request_bytes) > 4096  # closed with bytes of ours unread
                answer = {"ok": False, "error": words, "code": "usage"}
        assert answer["ok"] is False and answer["code"] in ("usage", "unknown") and words in answer["error"]
        after = ask(sock_file, "status")
        for status in (before, after):
            for key in ("uptime_s", "rates"):
                del status[key]
        assert before == after
        echo = it.flow()
        echo_once(*echo)
        for sock in echo:
            sock.close()


def test_silent_clients_are_dropped(sock_file: Path) -> None:
    """A full house of clients that say nothing: flows go on, and after the time limit there is room again."""
    with controlled(sock_file) as it:
        idle = [dial(sock_file) for _ in range(2 * SESSIONS)]
        client, server = it.flow()
        with client, server:
            echo_once(client, server)
        with dial(sock_file, timeout=4 * READ_LIMIT) as last:
            last.sendall(b"status\n")
            assert json.loads(read_all(last))["ok"]
        for sock in idle:
            sock.close()


def test_a_client_that_does_not_read(sock_file: Path) -> None:
    """An answer larger than any socket buffer waits for its reader without holding anybody up."""
    with controlled(sock_file) as it:
        pairs = [it.flow() for _ in range(1500)]
        with dial(sock_file) as slow:
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.sendall(b"conns limit=0\n")
            time.sleep(0.3)
            assert ask(sock_file, "status")["flows"]["live"] == 1500
            echo_once(*pairs[7])
            assert len(json.loads(read_all(slow))["conns"]) == 1500
        for pair in pairs:
            for sock in pair:
                sock.close()


def test_a_client_that_leaves(sock_file: Path) -> None:
    with controlled(sock_file) as it:
        for request in (b"", b"stat", b"status\n", b"conns\n", b"reload\n", b"ban 192.0.2.1\n"):
            for _ in range(40):
                with dial(sock_file) as sock:
                    sock.sendall(request)
        assert ask(sock_file, "status")["ok"]
        echo = it.flow()
        echo_once(*echo)
        for sock in echo:
            sock.close()


def test_a_dead_process_left_its_file(sock_file: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(sock_file))
    with controlled(sock_file):
        assert ask(sock_file, "status")["ok"]


def test_two_at_one_socket(sock_file: Path) -> None:
    with controlled(sock_file):
        with pytest.raises(EdgeError, match="running already"):
            with controlled(sock_file):
                pass
        assert ask(sock_file, "status")["ok"], "the second one took the socket away"


@pytest.mark.parametrize("make, words", [
    (lambda path: path.write_text("mine"), "is no socket"),
    (lambda path: path.mkdir(), "is no socket"),
    (lambda path: path.parent.joinpath("missing"), "directory"),
], ids=["file", "directory", "no directory"])
def test_no_place_for_the_socket(sock_file: Path, make: Any, words: str) -> None:
    elsewhere = make(sock_file)
    target = elsewhere / "control.sock" if isinstance(elsewhere, Path) else sock_file
    with pytest.raises(EdgeError, match=words) as error:
        with controlled(target):
            pass
    assert "status 2" in str(error.value)


def test_draining_is_told(sock_file: Path) -> None:
    with controlled(sock_file, global_keys="drain = 20s") as it:
        client, server = it.flow()
        with client, server:
            assert ask(sock_file, "drain") == {"ok": True, "draining": None}
            status = ask(sock_file, "status")
            assert status["state"] == "draining" and status["flows"]["live"] == 1
            refused = ask(sock_file, "reload")
            assert not refused["ok"] and "drain" in refused["error"]
            echo_once(client, server)
        assert it.edge.process.wait(10) == 0


def test_two_listeners_one_drained(sock_file: Path) -> None:
    ports = [free_port(), free_port()]
    with listen() as backend:
        ini = (f"[global]\ncontrol = {sock_file}\ndrain = 1s\n[listen one]\nports = {ports[0]}\nbackend = b\n[listen two]\n"
               f"ports = {ports[1]}\nbackend = b\n[backend b]\nserver = 127.0.0.1:{backend.getsockname()[1]}\n")
        with Edge(ini):
            one, two = connect(ports[0]), connect(ports[1])
            with one, two:
                servers = [backend.accept()[0] for _ in range(2)]
                assert ask(sock_file, "drain one") == {"ok": True, "draining": "one"}
                assert read_until_reset(one) == 0
                status = ask(sock_file, "status")
                assert status["state"] == "running" and status["flows"]["live"] == 1
                assert {row["name"] for row in status["listeners"]} == {"two"}
                with pytest.raises(ConnectionRefusedError):
                    connect(ports[0])
                assert ask(sock_file, "reload")["changed"]["kept"] == 2  # both families of `two`
                with connect(ports[0]), backend.accept()[0]:
                    pass
                for server in servers:
                    server.close()


def anything(dice: random.Random, names: list[str]) -> str:
    """One request of those an operator could send, sense or not."""
    return dice.choice([
        "status", "conns", "conns sort=rate limit=0", "conns client=127.0.0.0/8", "bans", "log-level", "reload", "reload",
        f"kill {dice.randrange(1, 3000):x}", f"ban 127.0.0.{dice.randrange(200, 250)} {dice.randrange(1, 4)}s",
        f"unban 127.0.0.{dice.randrange(200, 250)}", f"ban 10.{dice.randrange(256)}.0.0/16", f"log-level {dice.choice(['info', 'debug'])}",
        f"drain {dice.choice(names)}", "status" + " x" * dice.randrange(9), ""])


def test_everything_at_once(sock_file: Path) -> None:
    """Eight operators who know nothing of each other, a file that changes, clients on every listener: nobody crashes, every
    client is served or refused or one of those that were killed, and in the end the books are right."""
    names, first, back = ["one", "two", "three"], free_port(3)[0], free_port()
    head = f"[global]\ncontrol = {sock_file}\nworkers = 3\nlog-level = error\n[backend a]\nserver = 127.0.0.1:{back}\nsend-proxy = v2\n"
    files = [head + "".join(f"[listen {name}]\nports = {first + number}\nbackend = a\n" for number, name in enumerate(names) if number != left_out)
             for left_out in (0, 1, 2, 3)]
    with crowd("backends", {"a": back}), Edge(files[3]) as edge, \
            crowd("visitors", [["127.0.0.1", first + number] for number in range(3)], 150, True, "a") as visitors:
        end = time.monotonic() + 6

        def operate(seed: int) -> None:
            dice = random.Random(seed)
            while time.monotonic() < end:
                if seed == 0:
                    rewrite(edge, dice.choice(files))
                assert "ok" in ask(sock_file, anything(dice, names)), "no answer"

        together(*(lambda seed=seed: operate(seed) for seed in range(8)))
        account = visitors.finish()
        assert account["altered"] == 0 and account["served"] > 50, account
        rewrite(edge, files[3])
        assert ask(sock_file, "reload")["ok"]
        status = ask(sock_file, "status")
        assert status["flows"]["live"] == 0 and status["flows"]["accepted"] == sum(status["ends"].values()), status
        assert {row["state"] for row in status["listeners"]} == {"accepting"} and len(status["listeners"]) == 6
        ends = {why: count for why, count in status["ends"].items() if why not in ("client-eof", "server-eof", "client-reset")}
        assert set(ends) <= {"killed", "denied"} and account["broken"] <= sum(ends.values()), (ends, account)
