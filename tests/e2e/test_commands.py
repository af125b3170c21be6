"""The commands beside `run` and `check`: what they print, and the status they end with."""

from __future__ import annotations

import errno
import os
import re
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from harness.command import call
from harness.edge import Edge, default_binary, free_port
from harness.forbid import io_uring_gives
from harness.header import build_v1, build_v2
from harness.need import cannot_run
from harness.net import EDGE, Net, NetUnavailable

pytestmark = pytest.mark.usefixtures("binary")

COMMANDS = ["run", "check", "probe", "whoami", "paths", "demo"]
REASONS = ["client-eof", "server-eof", "client-reset", "server-reset", "idle", "half-closed", "head-timeout", "no-address",
           "connect-refused", "connect-timeout", "backend-down", "denied", "limit-source", "limit-rate", "limit-flows",
           "bad-proxy", "no-route", "drain", "reload", "killed", "error"]


# -- help and arguments ----------------------------------------------------------------------------------------------


def test_version() -> None:
    done = call("--version")
    assert done.returncode == 0 and re.fullmatch(r"tailsplice \d+\.\d+\.\d+\S*\n", done.stdout), done


def listed_commands() -> list[str]:
    done = call("--help")
    assert done.returncode == 0 and not done.stderr, done
    return re.findall(r"^\s*tailsplice ([a-z][a-z-]*)", done.stdout, re.M)


def test_help_lists_the_commands() -> None:
    assert set(COMMANDS) <= set(listed_commands())


def test_each_command_has_help() -> None:
    """What --help lists exists, and says what it is for."""
    for command in listed_commands():
        done = call(command, "--help")
        assert done.returncode == 0, f"{command} --help: {done}"
        assert f"tailsplice {command}" in done.stdout and len(done.stdout.splitlines()) >= 2, done.stdout


def test_help_why() -> None:
    """The closed list of reasons, in its order, each with its sentence."""
    done = call("--help", "why")
    rows = [line.split(None, 1) for line in done.stdout.splitlines() if line.strip()]
    assert done.returncode == 0
    assert [row[0] for row in rows] == REASONS
    assert all(len(row) == 2 and len(row[1]) > 10 for row in rows), rows


@pytest.mark.parametrize("arguments", [
    ["frobnicate"], [], ["--frobnicate"], ["run", "--frobnicate"], ["check", "-c"], ["check", "surplus"], ["paths", "surplus"],
    ["whoami"], ["whoami", "0"], ["whoami", "65536"], ["whoami", "smtp"], ["whoami", "-1"], ["demo", "x"],
], ids=lambda arguments: " ".join(arguments) or "nothing")
def test_wrong_arguments(arguments: list[str]) -> None:
    """The operator's mistake: status 1, one line on standard error, nothing on standard output."""
    done = call(*arguments)
    assert done.returncode == 1, done
    assert not done.stdout and 1 <= len(done.stderr.splitlines()) <= 2, done


def test_default_file() -> None:
    """Without -c it is the file of the contract."""
    default = Path("/etc/tailsplice/tailsplice.ini")
    done = call("check")
    if default.exists():
        assert done.returncode == call("check", "-c", str(default)).returncode
    else:
        assert done.returncode in (1, 2) and str(default) in done.stderr, done


# -- paths -----------------------------------------------------------------------------------------------------------


def test_paths() -> None:
    """One a line: NAME yes|no REASON; copy and splice are usable everywhere."""
    done = call("paths")
    assert done.returncode == 0, done
    rows = [line.split(" ", 2) for line in done.stdout.splitlines()]
    assert all(len(row) == 3 and re.fullmatch("[a-z-]+", row[0]) and row[1] in ("yes", "no") and row[2].strip() for row in rows), rows
    usable = {row[0] for row in rows if row[1] == "yes"}
    assert {"copy", "splice"} <= usable and len({row[0] for row in rows}) == len(rows)


def test_each_path_is_a_value_of_path(tmp_path: Path) -> None:
    names = [line.split()[0] for line in call("paths").stdout.splitlines()]
    for name in names:
        file = tmp_path / "edge.ini"
        file.write_text(f"[listen a]\nports = 2525\npath = {name}\nbackend = b\n[backend b]\nserver = 192.0.2.1\n")
        done = call("check", "-c", str(file))
        assert done.returncode == 0 and name in done.stdout, done


# -- whoami ----------------------------------------------------------------------------------------------------------


@contextmanager
def running(*arguments: str, ports: list[int]) -> Iterator[subprocess.Popen[bytes]]:
    """A command that goes on until it is told to end, once its ports are open."""
    process = subprocess.Popen([default_binary(), *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT)
    try:
        for port in ports:
            wait_open(lambda port=port: socket.create_connection(("127.0.0.1", port), timeout=1).close(), process)
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_open(attempt: Callable[[], Any], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            attempt()
            return
        except ConnectionRefusedError:
            assert process.poll() is None, f"it ended with {process.returncode}"
            assert time.monotonic() < deadline, "its port does not open"
            time.sleep(0.02)


def ask(client: socket.socket, words: bytes = b"") -> str:
    """All that comes until the end."""
    client.settimeout(8)
    client.sendall(words)
    answer = b""
    while part := client.recv(4096):
        answer += part
    return answer.decode()


def test_whoami() -> None:
    """It tells the address it saw, and the header word for word in numbers, also to who says nothing."""
    ports = [free_port(), free_port()]
    with running("whoami", *map(str, ports), ports=ports) as process:
        for port in ports:
            with socket.create_connection(("127.0.0.1", port)) as client:
                name = "%s:%d" % client.getsockname()
                assert name in ask(client)
        for header in (build_v2(("203.0.113.7", 4321), ("198.51.100.1", 25)), build_v1(("203.0.113.7", 4321), ("198.51.100.1", 25))):
            with socket.create_connection(("127.0.0.1", ports[0])) as client:
                text = ask(client, header)
                assert "203.0.113.7" in text and "4321" in text and "198.51.100.1" in text, text
                assert client.getsockname()[0] in text
        with socket.create_connection(("127.0.0.1", ports[0])) as client:
            text = ask(client, build_v2(("2001:db8::7", 4321), ("2001:db8::1", 25)))
            assert "2001:db8::7" in text and "v2" in text, text
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0


def test_whoami_behind_the_edge() -> None:
    """Through an edge with PROXY v2 it tells the client's own address."""
    port, back = free_port(), free_port()
    ini = f"[listen a]\nports = {port}\nbackend = b\n[backend b]\nserver = 127.0.0.1:{back}\nsend-proxy = v2\n"
    with running("whoami", str(back), ports=[back]), Edge(ini):
        with socket.create_connection(("127.0.0.1", port)) as client:
            name = "%s:%d" % client.getsockname()
            text = ask(client)
            assert name in text and "v2" in text, text


def test_whoami_port_in_use() -> None:
    port = free_port()
    with running("whoami", str(port), ports=[port]):
        done = call("whoami", str(port))
        assert done.returncode == 2 and str(port) in done.stderr, done


# -- demo ------------------------------------------------------------------------------------------------------------


def test_demo() -> None:
    """127.0.0.1:2525 to the built-in whoami with PROXY v2; says what to type; Ctrl-C ends it. In a network of its own."""
    if os.geteuid() != 0:
        cannot_run("a network namespace needs root")
    try:
        net = Net().__enter__()
    except NetUnavailable as error:
        cannot_run(str(error))
    try:
        process = net.popen(EDGE, [default_binary(), "demo"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT)
        wait_open(lambda: net.connect(EDGE, ("127.0.0.1", 2525)).close(), process)
        with net.connect(EDGE, ("127.0.0.1", 2525)) as client:
            name = "%s:%d" % client.getsockname()
            text = ask(client)
        assert name in text and "v2" in text, text
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=5)[0].decode()
        assert process.returncode == 0, said
        assert "2525" in said and re.search(r"\bnc\b|telnet|curl|socat", said), f"it does not say what to type:\n{said}"
        assert re.search(r"^flow=.*listener=\S+:2525 .*why=", said, re.M), f"no line of the flow:\n{said}"
    finally:
        net.__exit__(None, None, None)


# -- a machine without io_uring ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [errno.EPERM, errno.ENOSYS], ids=errno.errorcode.get)
def test_io_uring_forbidden(tmp_path: Path, error: int) -> None:
    """One line: what is not allowed and what to do; status 2, not a crash and not a hang."""
    file = tmp_path / "edge.ini"
    file.write_text(f"[listen a]\nports = {free_port()}\nbackend = b\n[backend b]\nserver = 127.0.0.9:9\n")
    done = call("run", "-c", str(file), preexec_fn=io_uring_gives(error))
    assert done.returncode == 2, done
    lines = [line for line in done.stderr.splitlines() if "io_uring" in line]
    assert len(lines) == 1, done.stderr
    assert "seccomp" in lines[0], f"the cause here, a seccomp filter, is not named: {lines[0]}"
    assert re.search("remedy|allow|profile", lines[0]), f"it does not say what to do: {lines[0]}"


def test_check_needs_no_io_uring(tmp_path: Path) -> None:
    """A file can be checked where it cannot run."""
    file = tmp_path / "edge.ini"
    file.write_text("[listen a]\nports = 2525\nbackend = b\n[backend b]\nserver = 192.0.2.1\n")
    assert call("check", "-c", str(file), preexec_fn=io_uring_gives(errno.EPERM)).returncode == 0
