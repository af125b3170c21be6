"""Reload: nothing is lost by it, nothing is changed by a bad file, and a flow keeps what it began with."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Iterator

import pytest

from harness.crowd import crowd
from harness.edge import Edge, free_port, tcp_table
from harness.operate import ask, hang_up, rewrite, settled
from harness.rig import usable_paths
from harness.stand import accept, connect, echo_once, listen, stand
from harness.wire import read_until_reset

pytestmark = pytest.mark.usefixtures("binary")

SANITIZED = "asan" in os.environ.get("TAILSPLICE", "") or "tsan" in os.environ.get("TAILSPLICE", "")


def sockets(edge: Edge) -> dict[tuple[str, int], set[str]]:
    """The inodes of the listening sockets, by address."""
    own = {link[8:-1] for link in edge._links() if link.startswith("socket:[")}
    found: dict[tuple[str, int], set[str]] = {}
    for table in ("tcp", "tcp6"):
        for local, _, state, inode in tcp_table(edge.pid, table):
            if state == "0A" and inode in own:
                address, port = local.rsplit(":", 1)
                found.setdefault((address, int(port, 16)), set()).add(inode)
    return found


# -- the proof ----------------------------------------------------------------------------------------------------------


class Town:
    """Visitors at a front listener, long transfers on a listener for each path, and a file that is never the same twice."""

    def __init__(self, sock_file: Path) -> None:
        self.control = sock_file
        self.front, self.extra = free_port(), free_port()
        self.a, self.b = free_port(), free_port()
        self.paths = usable_paths()
        self.long = {path: (free_port(), free_port()) for path in self.paths}

    def file(self, number: int) -> str:
        """What changes: the front's backend, path, times and header, a listener that comes and goes, the log's level."""
        text = f"[global]\ncontrol = {self.control}\nworkers = 2\nlog-level = {('info', 'warn')[number % 2]}\n"
        text += f"[defaults]\nidle = {20 + number % 7}m\n"
        text += (f"[listen front]\nports = {self.front}\nbind = {('127.0.0.1', '127.0.0.1 ::1')[number // 3 % 2]}\n"
                 f"backend = {('a', 'b')[number // 2 % 2]}\npath = {self.paths[number % len(self.paths)]}\n")
        if number // 4 % 2:
            text += f"[listen extra]\nports = {self.extra}\nbind = 127.0.0.1\nbackend = {('b', 'a')[number // 2 % 2]}\n"
            used = "ab"
        else:
            used = ("a", "b")[number // 2 % 2]
        for name in used:
            text += f"[backend {name}]\nserver = 127.0.0.1:{vars(self)[name]}\nsend-proxy = {('v2', 'v1', 'off')[number % 3]}\n"
        for path, (front, back) in self.long.items():
            text += (f"[listen long-{path}]\nports = {front}\nbind = 127.0.0.1\nbackend = long-{path}\npath = {path}\n"
                     f"[backend long-{path}]\nserver = 127.0.0.1:{back}\nsend-proxy = v2\n")
        return text


def reload_many(town: Town, edge: Edge, first: int, count: int, rate: float) -> None:
    began = time.monotonic()
    for number in range(first, first + count):
        rewrite(edge, town.file(number))
        answer = ask(town.control, "reload")
        assert answer["ok"], answer
        time.sleep(max(0.0, began + (number - first + 1) / rate - time.monotonic()))


@pytest.mark.limit(150)
def test_a_thousand_reloads_under_load(sock_file: Path) -> None:
    """500 new connections a second and long transfers on each path: none fails, no byte is altered, nothing grows."""
    town = Town(sock_file)
    rounds, rate = (150, 100) if SANITIZED else (1000, 500)
    with ExitStack() as stack:
        stack.enter_context(crowd("backends", {"a": town.a, "b": town.b}))
        edge = stack.enter_context(Edge(town.file(0)))
        long = stack.enter_context(crowd("transfers", list(town.long.values()), 2, 1 << 20))
        visitors = stack.enter_context(crowd("visitors", [["127.0.0.1", town.front]], rate, False, "ab"))
        warmup = rounds // 5
        reload_many(town, edge, 0, warmup, 40)
        rss, fds = edge.rss(), sum(edge.fds().values())
        reload_many(town, edge, warmup, rounds, 40)
        grown = edge.rss() - rss
        account, moved = visitors.finish(), long.finish()
        print(f"{rounds + warmup} reloads, {account}, {moved}, memory {grown:+} bytes, descriptors {fds}")
        status = ask(sock_file, "status")
        assert status["config"]["reloads"] == rounds + warmup and status["config"]["failed_reloads"] == 0
        assert not account["failures"] and not moved["failures"]
        assert account["served"] > rounds / 40 * rate * 0.7, "the visitors were too slow to prove anything"
        assert set(account["by_letter"]) == {"a", "b"}
        assert SANITIZED or grown < rounds * 512, f"{grown} bytes more after {rounds} reloads"
        time.sleep(1)  # removed listeners have left
        assert sum(edge.fds().values()) <= fds, "descriptors are left behind"


# -- listeners that go --------------------------------------------------------------------------------------------------


def listener_file(front: int, back: int, sections: str) -> str:
    return f"[global]\ndrain = 5s\n{sections}\n[listen stays]\nports = {front + 1}\nbackend = a\n[backend a]\nserver = 127.0.0.1:{back}\n"


@pytest.mark.limit(90)
@pytest.mark.parametrize("there, elsewhere", [
    ("bind = 127.0.0.1", None), ("bind = 0.0.0.0", "bind = 127.0.0.1"), ("bind = 127.0.0.1", "bind = 0.0.0.0"),
    ("bind = 0.0.0.0 127.0.0.1", "bind = 0.0.0.0"), ("bind = 0.0.0.0 127.0.0.1", "bind = 127.0.0.1")])
def test_a_listener_that_goes_under_load(there: str, elsewhere: str | None) -> None:
    """Whoever is connected is served; with an address that goes on to listen nobody is refused either."""
    front, back = free_port(2)[0], free_port()
    with_it, without = (listener_file(front, back, f"[listen x]\nports = {front}\nbackend = a\n{bind}\n" if bind else "")
                        for bind in (there, elsewhere))
    rounds = 3 if SANITIZED else 6
    with crowd("backends", {"a": back}), Edge(with_it) as edge, \
            crowd("visitors", [["127.0.0.1", front]], 100 if SANITIZED else 400, False, "a") as visitors:
        for number in range(rounds):
            time.sleep(0.6)
            rewrite(edge, (without, with_it)[number % 2])
            hang_up(edge, "reloaded")
            time.sleep(0.2 if number < 2 else 0.9)
        time.sleep(0.3)
        account = visitors.finish()
        print(account)
        assert account["broken"] == account["altered"] == 0 and account["served"] > 100, account
        assert elsewhere is None or account["refused"] == 0, account
        assert elsewhere is not None or account["refused"] > 0, "it never went"


def test_it_comes_back_while_it_goes(sock_file: Path) -> None:
    """Removed and added again while its queue is taken: some are refused in between, none is cut."""
    front, back = free_port(2)[0], free_port()
    section = f"control = {sock_file}\n[listen x]\nports = {front}\nbind = 127.0.0.1\nbackend = a\n"
    with crowd("backends", {"a": back}), Edge(listener_file(front, back, section)) as edge, \
            crowd("visitors", [["127.0.0.1", front]], 200, False, "a") as visitors:
        for _ in range(20):
            rewrite(edge, listener_file(front, back, f"control = {sock_file}"))
            assert ask(sock_file, "reload")["ok"]
            rewrite(edge, listener_file(front, back, section))
            assert ask(sock_file, "reload")["ok"]
            time.sleep(0.1)
        account = visitors.finish()
        assert account["broken"] == account["altered"] == 0 and account["served"] > 100, account
        assert account["refused"] < account["served"] / 4, account
        assert settled(lambda: len(edge.listening()) == len(set(edge.listening())) * 2), edge.listening()


# -- what stays ---------------------------------------------------------------------------------------------------------


def test_unchanged_listeners_keep_their_sockets() -> None:
    with stand(listen_keys="bind = 127.0.0.1 ::1") as it:
        before = sockets(it.edge)
        rewrite(it.edge, it.edge.ini_text.replace("bind = 127.0.0.1 ::1", f"bind = 127.0.0.1\nidle = 7m\npath = copy\n"
                                                  f"[listen new]\nports = {free_port()}\nbackend = back"))
        said = hang_up(it.edge, "reloaded")
        assert re.search(r"[1-9]\d* addresses added, 1 removed, 1 kept", said), said
        kept = ("0100007F", it.port)
        assert settled(lambda: len(sockets(it.edge)) == 3)
        assert sockets(it.edge)[kept] == before[kept]


def test_a_flow_keeps_what_it_began_with() -> None:
    """Idle times, backend and listener of before; the next flow has those of now."""
    with stand(listen_keys="idle = 2s") as it, listen() as other:
        old_client, old_server = it.flow()
        gone = it.edge.ini_text
        new = gone.replace("idle = 2s", "idle = 1h").replace(str(it.backend.getsockname()[1]), str(other.getsockname()[1]))
        rewrite(it.edge, new)
        hang_up(it.edge, "reloaded")
        with old_client, old_server, connect(it.port) as client, accept(other) as server:
            echo_once(old_client, old_server)
            echo_once(client, server)
            line = it.edge.wait_flow(lambda flow: flow["why"] == "idle")
            assert line["client"].endswith(f":{old_client.getsockname()[1]}"), line
            assert line["server"].endswith(f":{it.backend.getsockname()[1]}"), line
            echo_once(client, server)
            # Now also its section goes.
            rewrite(it.edge, new.replace("[listen front]", "[listen other]").replace(f"ports = {it.port}", f"ports = {free_port()}")
                    .replace("[backend back]", "[backend tail]").replace("backend = back", "backend = tail"))
            hang_up(it.edge, "reloaded")
            time.sleep(0.8)
            echo_once(client, server)
        line = it.edge.wait_flow(lambda flow: flow["why"] != "idle")
        assert line["listener"] == f"front:{it.port}" and line["backend"] == "back", line


def test_what_takes_effect_at_the_next_start() -> None:
    with stand(global_keys="workers = 1") as it:
        rewrite(it.edge, it.edge.ini_text.replace("workers = 1", "workers = 2\nuser = nobody\ncontrol = /nowhere/control.sock"))
        said = hang_up(it.edge, "reloaded")
        for key in ("workers", "user", "control"):
            assert re.search(rf"{key}\b.*next start", said), f"{key} is not said:\n{said}"
        client, server = it.flow()
        with client, server:
            echo_once(client, server)


def test_what_takes_effect_at_once(sock_file: Path) -> None:
    """log, log-level, max-flows and drain."""
    with stand(global_keys=f"control = {sock_file}") as it:
        rewrite(it.edge, it.edge.ini_text.replace("[global]", "[global]\nlog = json\nmax-flows = 1\ndrain = 1s"))
        hang_up(it.edge, "reloaded")
        assert ask(sock_file, "status")["flows"]["max"] == 1
        client, server = it.flow()
        with client, server, connect(it.port) as waits:
            echo_once(client, server)
            it.backend.settimeout(0.4)
            with pytest.raises(TimeoutError):
                it.backend.accept()
            rewrite(it.edge, it.edge.config.read_text().replace("max-flows = 1", "max-flows = 2"))
            hang_up(it.edge, "reloaded")
            it.backend.settimeout(5)
            with accept(it.backend) as second:
                echo_once(waits, second)
                began = time.monotonic()
                assert it.edge.stop(signal.SIGTERM) == 0
                assert 0.7 < time.monotonic() - began < 5
        assert '"why":' in it.edge.log()


def test_log_level_changes() -> None:
    with stand() as it:
        rewrite(it.edge, it.edge.ini_text.replace("[global]", "[global]\nlog-level = error"))
        it.edge.signal(signal.SIGHUP)
        time.sleep(0.3)
        client, server = it.flow()
        client.close()
        server.close()
        time.sleep(0.3)
        assert not it.edge.flows()
        rewrite(it.edge, it.edge.ini_text)
        it.edge.signal(signal.SIGHUP)
        time.sleep(0.3)
        client, server = it.flow()
        client.close()
        server.close()
        it.edge.wait_flow(lambda flow: True)


# -- what is refused ----------------------------------------------------------------------------------------------------


def is_refused(it: Any, sock_file: Path, *reasons: str) -> None:
    """By signal and by command: the reason, nothing changed, and the next flow as always."""
    before = sockets(it.edge)
    said = hang_up(it.edge, "reload refused")
    answer = ask(sock_file, "reload")
    assert not answer["ok"], answer
    for reason in reasons:
        assert reason in said, f"'{reason}' is not said:\n{said}"
        assert reason in json.dumps(answer["errors"]).replace('\\"', '"'), answer
    assert sockets(it.edge) == before
    client, server = it.flow()
    with client, server:
        echo_once(client, server)


@contextmanager
def changed(it: Any, sock_file: Path) -> Iterator[Path]:
    """The file may be ruined inside; afterwards the old one is back, and can be loaded."""
    file = it.edge.config
    text = file.read_text()
    try:
        yield file
    finally:
        if file.is_dir():
            shutil.rmtree(file)
        file.unlink(missing_ok=True)
        file.write_text(text)
    answer = ask(sock_file, "reload")
    assert answer["ok"], answer


def test_bad_files_change_nothing(sock_file: Path) -> None:
    with stand(global_keys=f"control = {sock_file}", listen_keys="bind = 127.0.0.1") as it, listen() as taken:
        good, name = it.edge.ini_text, str(it.edge.config)
        busy = taken.getsockname()[1]
        free = free_port()
        front = f"ports = {it.port}"
        for text, reasons in [
            ("", ["no [listen NAME] section"]),
            (good.replace("backend = back", "backend = bakc"), [f"{name}:5: backend: there is no [backend bakc], did you mean 'back'?"]),
            (good.replace("bind", "bnid"), [f"{name}:6: unknown key 'bnid' in [listen], did you mean 'bind'?"]),
            (good + "\0\n", ["a NUL byte: this is not a text file"]),
            (good + "; " + "x" * 300 + "\n", ["the line is longer than 198 characters"]),
            (good + "; " + "x" * 10_000_000 + "\n", ["larger than 4 MiB"]),
            (good.replace(front, f"{front} {free} {busy}"), [f"127.0.0.1:{busy}: Address already in use"]),
            (good.replace("bind = 127.0.0.1", "bind = 127.0.0.1 192.0.2.77"), ["192.0.2.77", "Cannot assign requested address (no interface has this address)"]),
            (good.replace("server = 127.0.0.1", "server = ${TAILSPLICE_TEST_UNSET}"), ["${TAILSPLICE_TEST_UNSET} is not set"]),
            (good + "idle = 3\nconnect-timeout = soon\n", ["idle: '3'", "connect-timeout: 'soon'"]),
        ]:
            with changed(it, sock_file) as file:
                file.write_text(text)
                is_refused(it, sock_file, *reasons)
        with changed(it, sock_file) as file:
            file.unlink()
            is_refused(it, sock_file, "No such file or directory")
        with changed(it, sock_file) as file:
            file.unlink()
            file.mkdir()
            is_refused(it, sock_file, "it is a directory")
        with changed(it, sock_file) as file:
            file.unlink()
            os.mkfifo(file)
            is_refused(it, sock_file, "it is no regular file")
        with changed(it, sock_file) as file:
            file.unlink()
            file.symlink_to(file)
            is_refused(it, sock_file, "Too many levels of symbolic links")
        status = ask(sock_file, "status")
        assert status["config"]["failed_reloads"] == 28 and status["config"]["reloads"] == 14, status["config"]


def test_without_descriptors_nothing_changes(sock_file: Path) -> None:
    """EMFILE in the middle of a reload that wants two hundred sockets."""
    with stand(global_keys=f"control = {sock_file}\nworkers = 2\nmax-flows = 10", listen_keys="bind = 127.0.0.1", nofile=150) as it:
        ports = free_port(200)
        before = it.edge.fds()
        with changed(it, sock_file) as file:
            file.write_text(it.edge.ini_text.replace(f"ports = {it.port}", f"ports = {it.port} {ports[0]}-{ports[-1]}"))
            is_refused(it, sock_file, "Too many open files")
        assert it.edge.fds() == before


# -- at bad moments -----------------------------------------------------------------------------------------------------


def test_hangups_in_a_storm() -> None:
    """Signals of one kind are merged while they wait; the last file holds."""
    with stand(listen_keys="bind = 127.0.0.1\nidle = 1m") as it:
        for number in range(200):
            if number % 20 == 0:
                rewrite(it.edge, it.edge.ini_text.replace("idle = 1m", f"idle = {number + 1}s"))
            it.edge.signal(signal.SIGHUP)
        hang_up(it.edge, "reloaded")
        client, server = it.flow()
        with client, server:
            echo_once(client, server)


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_the_end_in_the_middle_of_reloads(sig: signal.Signals) -> None:
    for number in range(10):
        with stand(global_keys="workers = 2\ndrain = 1s", listen_keys="bind = 127.0.0.1") as it:
            rewrite(it.edge, it.edge.ini_text.replace("bind = 127.0.0.1", "bind = ::1"))
            it.edge.signal(signal.SIGHUP)
            time.sleep(number * 0.001)
            it.edge.signal(sig)
            assert it.edge.process is not None and it.edge.process.wait(10) == 0


def test_a_reload_while_it_drains(sock_file: Path) -> None:
    with stand(global_keys=f"control = {sock_file}\ndrain = 20s") as it:
        client, server = it.flow()
        with client, server:
            it.edge.signal(signal.SIGTERM)
            assert settled(lambda: "accepting no more" in it.edge.log())
            hang_up(it.edge, "it is draining, and will end")
            assert not ask(sock_file, "reload")["ok"]
            echo_once(client, server)
        assert it.edge.process is not None and it.edge.process.wait(10) == 0


def test_a_paused_listener_goes(sock_file: Path) -> None:
    """max-flows is reached and clients wait in the queue: they are served, or taken with it, but not left hanging."""
    with stand(global_keys=f"control = {sock_file}\nmax-flows = 1\nworkers = 1") as it:
        client, server = it.flow()
        with client, server, connect(it.port) as waits:
            time.sleep(0.2)
            rewrite(it.edge, it.edge.ini_text.replace("[listen front]", "[listen other]").replace(
                f"ports = {it.port}", f"ports = {free_port()}"))
            hang_up(it.edge, "reloaded")
            echo_once(client, server)
            time.sleep(0.8)
            client.close()
            server.close()
            try:
                with accept(it.backend) as second:
                    echo_once(waits, second)
            except TimeoutError:
                assert read_until_reset(waits) == 0, "it is left hanging"
        assert ask(sock_file, "status")["flows"]["live"] <= 1
