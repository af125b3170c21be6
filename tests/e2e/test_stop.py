"""How an edge ends: SIGTERM drains, a deadline cuts what is left, a second signal or SIGINT waits for nothing."""

from __future__ import annotations

import signal
import socket
import time

import pytest

from harness.stand import Stand, accept, connect, echo_once, stand
from harness.wire import DOWN, MIB, UP, check_stream, read_until_reset, reset, send_stream, together

pytestmark = pytest.mark.usefixtures("binary")


def refuses(port: int, seconds: float = 2) -> bool:
    """New connections are refused, at the latest after `seconds`. A probe that still gets in resets, to be no live flow."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            reset(connect(port, timeout=1))
        except ConnectionRefusedError:
            return True
        except OSError:
            pass  # reset: it was in the queue of the socket that has just been closed
        time.sleep(0.02)
    return False


def line_of(it: Stand, port: int) -> dict[str, str]:
    return it.edge.wait_flow(lambda flow: flow["client"].endswith(f":{port}"))


def test_without_flows() -> None:
    with stand(global_keys="drain = 20s") as it:
        began = time.monotonic()
        assert it.edge.stop(signal.SIGTERM) == 0
        assert time.monotonic() - began < 2, "nothing to drain, but it waited"


def test_drains_live_flows() -> None:
    """No new client is taken, live flows go on until they end by themselves, then the edge ends with 0."""
    with stand(global_keys="drain = 20s") as it:
        client, server = it.flow()
        port = client.getsockname()[1]
        with client, server:
            echo_once(client, server)
            it.edge.signal(signal.SIGTERM)
            assert refuses(it.port), "new clients are still accepted after SIGTERM"
            assert refuses(it.port, 0.5), "new clients are accepted again"
            together(lambda: send_stream(client, UP, 3 * MIB, finish=True),
                     lambda: send_stream(server, DOWN, 3 * MIB, finish=True),
                     lambda: check_stream(server, UP, 3 * MIB),
                     lambda: check_stream(client, DOWN, 3 * MIB))
        # A probe that got in may still be dialling a backend that accepts nobody: connect-timeout is 5 s.
        assert it.edge.process is not None and it.edge.process.wait(10) == 0
        line = line_of(it, port)
        assert line["why"] in ("client-eof", "server-eof") and line["up"] == str(3 * MIB + 5), line


def test_deadline_cuts() -> None:
    """A flow that outlives `drain` is reset on both legs, why=drain; the edge ends with 0."""
    with stand(global_keys="drain = 1s") as it:
        client, server = it.flow()
        port = client.getsockname()[1]
        with client, server:
            echo_once(client, server)
            began = time.monotonic()
            it.edge.signal(signal.SIGTERM)
            assert read_until_reset(client) == 0
            took = time.monotonic() - began
            assert read_until_reset(server) == 0
        assert 0.7 < took < 4, f"drain = 1s, cut after {took:.1f} s"
        # A probe that got in may still be dialling a backend that accepts nobody: connect-timeout is 5 s.
        assert it.edge.process is not None and it.edge.process.wait(10) == 0
        line = line_of(it, port)
        assert (line["why"], line["up"], line["down"]) == ("drain", "5", "5"), line


def test_busy_flow_is_cut_too() -> None:
    """A flow in full swing, stuck on a reader that does not read, does not keep the edge from ending."""
    with stand(global_keys="drain = 1s") as it:
        client, server = it.flow()
        port = client.getsockname()[1]
        with client, server:
            client.settimeout(0.3)
            try:
                send_stream(client, UP, 64 * MIB)
            except TimeoutError:
                pass
            assert it.edge.stop(signal.SIGTERM, timeout=5) == 0
            read_until_reset(server)
        assert line_of(it, port)["why"] == "drain"


@pytest.mark.parametrize("first, second", [(signal.SIGTERM, signal.SIGTERM), (signal.SIGTERM, signal.SIGINT), (signal.SIGINT, None)])
def test_ends_at_once(first: signal.Signals, second: signal.Signals | None) -> None:
    """A second SIGTERM, or a SIGINT at any time: no waiting, the flows are reset and logged."""
    with stand(global_keys="drain = 50s") as it:
        client, server = it.flow()
        port = client.getsockname()[1]
        with client, server:
            echo_once(client, server)
            it.edge.signal(first)
            if second is not None:
                time.sleep(0.3)
                assert it.edge.alive(), "the first SIGTERM did not drain"
                it.edge.signal(second)
            assert it.edge.process is not None
            assert it.edge.process.wait(3) == 0
            assert read_until_reset(client) == 0
            assert read_until_reset(server) == 0
        assert line_of(it, port)["why"] == "drain"


def test_while_dialling() -> None:
    """SIGTERM finds a flow that has no backend yet: that one may still become a flow, or ends with the deadline."""
    with stand(global_keys="drain = 1s", backend_keys="connect-timeout = 20s") as it:
        it.backend.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        try:
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex(it.backend.getsockname())
            time.sleep(0.05)
            with connect(it.port) as client:
                time.sleep(0.1)
                assert it.edge.stop(signal.SIGTERM, timeout=5) == 0
                port = client.getsockname()[1]
            assert line_of(it, port)["why"] == "drain"
        finally:
            for filler in fillers:
                filler.close()


def test_in_the_middle_of_a_rush() -> None:
    """SIGTERM while clients connect: nobody is left hanging, each is served to the end or refused."""
    with stand(global_keys="drain = 5s") as it:
        clients = [connect(it.port) for _ in range(100)]
        try:
            it.edge.signal(signal.SIGTERM)
            it.backend.settimeout(1)
            served = 0
            try:
                while True:
                    with accept(it.backend) as server:
                        server.sendall(b"bye")
                        served += 1
            except TimeoutError:
                pass
            answers = [answer(client) for client in clients]
        finally:
            for client in clients:
                client.close()
        assert it.edge.stop(signal.SIGTERM) == 0
        assert answers.count(b"bye") == served, f"{served} were served, {answers.count(b'bye')} got the answer"
        assert set(answers) <= {b"bye", b""}, set(answers)


def answer(client: socket.socket) -> bytes:
    """All that comes until the end; a refusal is no bytes."""
    client.settimeout(8)
    data = b""
    try:
        while part := client.recv(100):
            data += part
    except ConnectionResetError:
        pass
    return data
