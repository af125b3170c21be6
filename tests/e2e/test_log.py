"""The log: one line a flow, in the contract's form; a reader that is stuck costs lines, never bytes of a flow."""

from __future__ import annotations

import json
import os
import re
import socket
import time
from contextlib import suppress

import pytest

from harness.edge import parse_line
from harness.stand import Stand, connect, echo_once, stand

pytestmark = pytest.mark.usefixtures("binary")

FIELDS = ["flow", "listener", "client", "backend", "server", "path", "up", "down", "connect_ms", "ms", "why"]
LINE = re.compile(
    r"flow=[0-9a-f]{8} listener=front:(?P<port>\d+) client=(?P<client>\S+) backend=back server=(?P<server>\S+) "
    r"path=(?P<path>auto|copy|splice|ring-splice) up=(?P<up>\d+) down=(?P<down>\d+) connect_ms=\d+ ms=\d+ why=client-eof")


def one_flow(it: Stand, address: str = "127.0.0.1", up: int = 7, down: int = 3) -> tuple[str, int]:
    """A flow of so many bytes, ended by the client; the client's name."""
    client, server = it.flow(address)
    with client, server:
        name = client.getsockname()[:2]
        client.sendall(b"u" * up)
        assert server.recv(up, socket.MSG_WAITALL) == b"u" * up
        server.sendall(b"d" * down)
        assert client.recv(down, socket.MSG_WAITALL) == b"d" * down
        client.close()
        assert server.recv(1) == b""
    return name


def flow_line(it: Stand) -> str:
    it.edge.wait_flow(lambda flow: True)
    return next(line for line in it.edge.log().splitlines() if "why" in line and "flow" in line)


@pytest.mark.parametrize("address, shown", [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")])
def test_logfmt(address: str, shown: str) -> None:
    """Exactly the fields of the contract, in its order."""
    with stand(global_keys="log = logfmt") as it:
        name = one_flow(it, address)
        line = flow_line(it)
        found = LINE.fullmatch(line)
        assert found, line
        assert found["client"] == f"{shown}:{name[1]}" and found["port"] == str(it.port)
        assert found["server"] == f"127.0.0.1:{it.backend.getsockname()[1]}"
        assert (found["up"], found["down"]) == ("7", "3")


def test_json() -> None:
    """The same fields, in the same order; numbers are numbers."""
    with stand(global_keys="log = json") as it:
        name = one_flow(it)
        fields = json.loads(flow_line(it))
        assert list(fields) == FIELDS
        assert fields["client"] == f"127.0.0.1:{name[1]}" and fields["why"] == "client-eof"
        assert (fields["up"], fields["down"]) == (7, 3)
        assert isinstance(fields["ms"], int) and isinstance(fields["connect_ms"], int)
        for line in it.edge.log().splitlines():
            assert isinstance(json.loads(line), dict), f"not JSON: {line}"


@pytest.mark.parametrize("form", ["logfmt", "json"])
def test_times(form: str) -> None:
    """`ms` is how long the flow lived."""
    with stand(global_keys=f"log = {form}") as it:
        client, server = it.flow()
        with client, server:
            echo_once(client, server)
            time.sleep(0.4)
            client.close()
            assert server.recv(1) == b""
        line = it.edge.wait_flow(lambda flow: True)
        assert 350 <= int(line["ms"]) < 2000 and int(line["connect_ms"]) < 350, line


def test_refused_flow_has_a_line() -> None:
    """Also without a backend connection every field is there; what is not known is `-`."""
    with stand() as it:
        it.backend.close()
        with suppress(ConnectionResetError):  # it may be quicker than the return of the connect
            with connect(it.port) as client:
                assert client.recv(1) == b""
        fields = parse_line(flow_line(it))
        assert list(fields) == FIELDS
        assert (fields["why"], fields["up"], fields["down"], fields["connect_ms"]) == ("connect-refused", "0", "0", "-"), fields


def test_flow_ids_differ() -> None:
    with stand() as it:
        for _ in range(50):
            one_flow(it)
        while len(it.edge.flows()) < 50:
            time.sleep(0.01)
        assert len({flow["flow"] for flow in it.edge.flows()}) == 50


def test_levels() -> None:
    """Flow lines are info: warn silences them."""
    with stand(global_keys="log-level = warn") as it:
        one_flow(it)
        time.sleep(0.3)
        assert "flow=" not in it.edge.log(), it.edge.log()
        assert it.edge.stop() == 0


def test_standard_output_is_silent() -> None:
    """The log goes to standard error and nowhere else."""
    with stand() as it:
        one_flow(it)
        flow_line(it)
        assert it.edge.directory is not None
        assert (it.edge.directory / "stdout").read_bytes() == b""


def test_one_write_a_line() -> None:
    """Standard error is a socket that keeps each write as one record: every record is one whole line."""
    reader, writer = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with reader, writer:
        reader.settimeout(5)
        with stand(stderr=writer) as it:
            for _ in range(20):
                one_flow(it)
            records = []
            while sum(b"why=" in record for record in records) < 20:
                records.append(reader.recv(65536))
    for record in records:
        assert record.endswith(b"\n") and record.count(b"\n") == 1, f"not one line: {record!r}"


def drain_pipe(fd: int, seconds: float) -> bytes:
    """What is in the pipe, and what comes within `seconds`."""
    parts = []
    os.set_blocking(fd, False)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            parts.append(os.read(fd, 1 << 20))
        except BlockingIOError:
            time.sleep(0.02)
    return b"".join(parts)


def test_stuck_reader() -> None:
    """Nobody reads the log: flows go on at full speed; later a line says how many lines are missing."""
    flows = 700
    reader, writer = os.pipe()
    try:
        with stand(stderr=writer) as it:
            old_client, old_server = it.flow()
            with old_client, old_server:
                slowest = 0.0
                for _ in range(flows):
                    began = time.monotonic()
                    one_flow(it)
                    slowest = max(slowest, time.monotonic() - began)
                assert slowest < 2, f"a flow took {slowest:.1f} s while the log was stuck"
                echo_once(old_client, old_server)
                before = drain_pipe(reader, 0.5)
                one_flow(it)
                after = drain_pipe(reader, 1)
            text = (before + after).decode()
            written = text.count("why=client-eof")
            assert written < flows, f"a pipe holds no {flows} lines: {written} came"
            told = [int(number) for number in re.findall(r"\bdropped=(\d+)", text)]
            assert told, f"no line says how many were dropped:\n{after.decode()}"
            assert written + sum(told) == flows + 1, f"{written} lines came, {told} were dropped, {flows + 1} flows ended"
            for line in text.splitlines():
                assert parse_line(line), f"a broken line: {line!r}"
    finally:
        os.close(reader)
        os.close(writer)


def test_reader_is_gone() -> None:
    """The log's reader has closed its end: no SIGPIPE ends the edge, and flows go on."""
    reader, writer = os.pipe()
    with stand(stderr=writer) as it:
        os.close(writer)
        os.close(reader)
        for _ in range(5):
            one_flow(it)
        assert it.edge.alive()
