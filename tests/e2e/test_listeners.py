"""Where the edge listens: each family on its own, ranges, mappings, and ports that somebody else has."""

from __future__ import annotations

import socket
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness.command import call
from harness.edge import Edge, default_binary, free_port
from harness.stand import accept, connect, echo_once, listen, stand

pytestmark = pytest.mark.usefixtures("binary")


def ini(ports: str, server: str, listen_keys: str = "") -> str:
    return f"[listen front]\nports = {ports}\nbackend = back\n{listen_keys}\n[backend back]\nserver = {server}\n"


def test_both_families_each_its_own_socket() -> None:
    with stand(global_keys="workers = 1") as it:
        assert sorted(it.edge.listening()) == [("0.0.0.0", it.port), ("::", it.port)]
        for address in ("127.0.0.1", "::1"):
            client, server = it.flow(address)
            with client, server:
                echo_once(client, server)
                assert server.getpeername()[0] == "127.0.0.1"


def test_v6_socket_takes_no_v4() -> None:
    """Bound to :: alone, an IPv4 client is refused: it would look v4-mapped."""
    with stand(listen_keys="bind = ::") as it:
        assert {address for address, _ in it.edge.listening()} == {"::"}
        with pytest.raises(ConnectionRefusedError):
            connect(it.port)
        client, server = it.flow("::1")
        client.close()
        server.close()


def test_bound_address_only() -> None:
    with stand(listen_keys="bind = 127.0.0.2") as it:
        assert {address for address, _ in it.edge.listening()} == {"127.0.0.2"}
        with pytest.raises(ConnectionRefusedError):
            connect(it.port, "127.0.0.1")
        client, server = it.flow("127.0.0.2")
        client.close()
        server.close()


def test_each_worker_has_its_own() -> None:
    """SO_REUSEPORT: as many sockets an address as there are workers, and clients on all of them are served."""
    with stand(global_keys="workers = 3", listen_keys="bind = 127.0.0.1") as it:
        assert it.edge.listening() == [("127.0.0.1", it.port)] * 3
        for _ in range(40):
            client, server = it.flow()
            with client, server:
                echo_once(client, server)


def test_range_keeps_its_ports() -> None:
    """A range leads each port to the same port of the backend."""
    ports = free_port(3)
    with ExitStack() as stack:
        backends = [stack.enter_context(listen("127.0.0.3", port)) for port in ports]
        stack.enter_context(Edge(ini(f"{ports[0]}-{ports[-1]}", "127.0.0.3", "bind = 127.0.0.1")))
        for port, backend in zip(ports, backends):
            with connect(port) as client, accept(backend) as server:
                echo_once(client, server, b"port %d" % port)


def test_mapping() -> None:
    """A>B: in on A, out to B, in one list with an unmapped port."""
    with listen("127.0.0.3") as mapped, listen("127.0.0.3") as same:
        front, plain = free_port(), same.getsockname()[1]
        with Edge(ini(f"{front}>{mapped.getsockname()[1]} {plain}", "127.0.0.3", "bind = 127.0.0.1")) as edge:
            for port, backend in ((front, mapped), (plain, same)):
                with connect(port) as client, accept(backend) as server:
                    echo_once(client, server, b"port %d" % port)
                edge.wait_flow(lambda flow, port=port: flow["listener"] == f"front:{port}")


def run_and_fail(tmp_path: Path, text: str) -> subprocess.CompletedProcess[str]:
    file = tmp_path / "edge.ini"
    file.write_text(text)
    return call("run", "-c", str(file))


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "0.0.0.0"])
def test_port_in_use(tmp_path: Path, address: str) -> None:
    """Another program has the port: status 2, and the port in the message."""
    with listen(address) as other:
        port = other.getsockname()[1]
        done = run_and_fail(tmp_path, ini(str(port), "127.0.0.9:9"))
        assert done.returncode == 2, f"status {done.returncode}: {done.stderr}"
        assert str(port) in done.stderr


def test_port_of_another_edge(tmp_path: Path) -> None:
    """Another tailsplice has it, with the same SO_REUSEPORT: no half of the clients is taken from it."""
    with stand() as it:
        file = tmp_path / "edge.ini"
        file.write_text(ini(str(it.port), "127.0.0.9:9"))
        second = subprocess.Popen([default_binary(), "run", "-c", str(file)], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            _, said = second.communicate(timeout=3)
        except subprocess.TimeoutExpired:
            second.kill()
            second.communicate()
            raise AssertionError("a second edge listens on the first one's port") from None
        assert second.returncode == 2 and str(it.port) in said, said
        client, server = it.flow()
        with client, server:
            echo_once(client, server)


def test_address_of_another_machine(tmp_path: Path) -> None:
    done = run_and_fail(tmp_path, ini("2525", "127.0.0.9", "bind = 192.0.2.77"))
    assert done.returncode == 2 and "192.0.2.77" in done.stderr, f"status {done.returncode}: {done.stderr}"


def test_port_again_at_once() -> None:
    """An edge that had flows ends, another takes its port in the same second."""
    port = free_port()
    with listen() as backend:
        text = ini(str(port), f"127.0.0.1:{backend.getsockname()[1]}")
        for _ in range(3):
            with Edge(text) as edge:
                with connect(port) as client, accept(backend) as server:
                    echo_once(client, server)
                    server.shutdown(socket.SHUT_WR)
                    assert client.recv(1) == b""
                assert edge.stop() == 0
