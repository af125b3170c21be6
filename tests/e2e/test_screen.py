"""Who is let in: allow and deny, limits of a source and of a listener, what the refused get, and floods of them."""

from __future__ import annotations

import os
import select
import signal
import socket
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

import pytest

from harness.command import call
from harness.edge import Edge, free_port
from harness.net import CLIENT, EDGE, Family, Net, V4, V6
from harness.operate import ask, hang_up, rewrite, settled
from harness.source import Echo, connect_from, fate, fate_from, knock
from harness.stand import Stand, listen, stand

pytestmark = pytest.mark.usefixtures("binary")

SANITIZED = "asan" in os.environ.get("TAILSPLICE", "")
LINES = 10  # SAMPLER_LINES of include/edge/sampler.h


@contextmanager
def guarded(listen_keys: str, global_keys: str = "") -> Iterator[Stand]:
    """A stand whose backend gives back what it gets."""
    with stand(listen_keys=listen_keys, global_keys=global_keys) as it, Echo(it.backend):
        yield it


def is_served(port: int, source: str) -> bool:
    with connect_from(source, port) as client:
        client.sendall(b"hello")
        return client.recv(5, socket.MSG_WAITALL) == b"hello"


# -- allow and deny ----------------------------------------------------------------------------------------------------


def test_what_the_refused_get() -> None:
    keys = "deny = 127.1.0.0/16\ndeny = drop 127.1.2.0/24\ndeny = tarpit 127.1.3.0/24\nallow = 127.1.2.9 127.0.0.0/16 127.1.0.0/16"
    with guarded(keys, global_keys="workers = 1") as it:
        sockets = it.edge.fds()["socket"]
        assert fate_from("127.1.0.1", it.port) == "reset"
        assert fate_from("127.9.0.1", it.port) == "reset", "it stands in no allow"
        with connect_from("127.1.2.1", it.port) as dropped, connect_from("127.1.3.1", it.port) as held:
            assert fate(dropped, 0.3) == "silence" == fate(held, 0.3)
            assert settled(lambda: it.edge.fds()["socket"] == sockets + 1), "only the tarpit holds a socket"
            dropped.sendall(b"anybody?")
            assert fate(dropped, 5) == "reset", "whoever speaks learns that nobody is there"
            assert is_served(it.port, "127.1.2.9") and is_served(it.port, "127.0.0.7"), "the longest network holds"
            it.edge.stop(signal.SIGINT)
            assert fate(held, 5) == "reset"
        assert sum(flow["why"] == "denied" for flow in it.edge.flows()) == 4


@contextmanager
def flooded(port: int) -> Iterator[None]:
    """Others come all the time: lists are in use while they change."""
    ended = threading.Event()

    def come() -> None:
        while not ended.is_set():
            knock(iter(addresses(200)), port)

    crowd = threading.Thread(target=come)
    crowd.start()
    try:
        yield
    finally:
        ended.set()
        crowd.join()


def test_drop_sends_nothing(net: Net, family: Family) -> None:
    """Over a link as well: no end and no reset leaves the edge, and its socket is gone at once."""
    port = free_port()
    ini = (f"[listen a]\nports = {port}\nbackend = b\ndeny = drop {family.clients[0]}\n"
           f"[backend b]\nserver = 127.0.0.1:9\n")
    with Edge(ini, netns=net.name(EDGE)) as edge:
        sockets = edge.fds()["socket"]
        with net.connect(CLIENT, (family.edge, port), source=family.clients[0]) as client:
            edge.wait_flow(lambda flow: flow["why"] == "denied")
            assert fate(client, 0.5) == "silence"
            assert settled(lambda: edge.fds()["socket"] == sockets)


def test_list_in_a_file(tmp_path: Path) -> None:
    """Read anew when it changes; a bad one is told with its line, and the old list holds."""
    path = tmp_path / "deny.txt"

    def replace(text: str) -> None:
        (tmp_path / "new").write_text(text)
        (tmp_path / "new").rename(path)

    path.write_text("127.1.0.1\n")
    with guarded(f"deny = file:{path}", "workers = 2") as it, flooded(it.port):
        assert fate_from("127.1.0.1", it.port) == "reset" and is_served(it.port, "127.1.0.2")
        replace("# another\n127.1.0.2 ; SBL1\n2001:db8::/32\n")
        assert settled(lambda: "read anew: 2 networks" in it.edge.log())
        assert fate_from("127.1.0.2", it.port) == "reset" and is_served(it.port, "127.1.0.1")
        replace("127.1.0.1\n127.1.0.0/40\n")
        assert settled(lambda: f"{path}:2: '127.1.0.0/40'" in it.edge.log()), it.edge.log()
        assert fate_from("127.1.0.2", it.port) == "reset" and is_served(it.port, "127.1.0.1"), "as before"
        path.write_text("")
        assert settled(lambda: "read anew: 0 networks" in it.edge.log())
        assert is_served(it.port, "127.1.0.2")


def test_check_reads_the_lists(tmp_path: Path) -> None:
    (tmp_path / "deny.txt").write_text("192.0.2.1\n192.0.2.0/33\n")
    (tmp_path / "edge.ini").write_text("[listen a]\nports = 2525\nbackend = b\ndeny = file:deny.txt file:none.txt\n"
                                       "[backend b]\nserver = 127.0.0.1:9\n")
    done = call("check", "-c", str(tmp_path / "edge.ini"))
    assert done.returncode == 1
    assert f"{tmp_path}/deny.txt:2: '192.0.2.0/33'" in done.stderr
    assert "edge.ini:4: deny: " in done.stderr and "none.txt cannot be read: No such file" in done.stderr


# -- limits ------------------------------------------------------------------------------------------------------------


def burst(it: Stand, source: str, count: int) -> list[socket.socket]:
    """So many connections; those that live."""
    made = []
    for _ in range(count):
        try:
            made.append(connect_from(source, it.port))
        except ConnectionResetError:
            pass
    living = []
    for client in made:
        if fate(client, 0.1) == "silence":
            living.append(client)
        else:
            client.close()
    return living


def close_all(sockets: list[socket.socket]) -> None:
    for sock in sockets:
        sock.close()


def test_flows_of_one_source(sock_file: Path) -> None:
    """Exact over both workers, and nothing is lost however flows end."""
    with guarded("max-flows-per-source = 3", global_keys=f"workers = 2\ncontrol = {sock_file}") as it:
        clients = burst(it, "127.1.0.1", 12)
        assert len(clients) == 3
        assert sum(flow["why"] == "limit-source" for flow in it.edge.flows()) == 9
        assert is_served(it.port, "127.1.0.2"), "others have their own"
        clients.pop().close()
        assert settled(lambda: ask(sock_file, "status")["flows"]["live"] == 2)
        clients += burst(it, "127.1.0.1", 4)
        assert len(clients) == 3, "one place was given back"
        first = ask(sock_file, "conns")["conns"][0]["id"]
        assert ask(sock_file, f"kill {first}")["ok"] and ask(sock_file, "ban 127.1.0.1 1h")["ended"] == 2
        assert ask(sock_file, "unban 127.1.0.1")["ok"]
        hang_up(it.edge, "msg=\"reloaded")
        close_all(clients)
        clients = burst(it, "127.1.0.1", 12)
        assert len(clients) == 3, "kill, ban and reload gave theirs back"
        rewrite(it.edge, it.edge.config.read_text().replace("per-source = 3", "per-source = 5"))
        hang_up(it.edge, "msg=\"reloaded")
        clients += burst(it, "127.1.0.1", 8)
        assert len(clients) == 5, "flows that began before the reload count"
        assert ask(sock_file, "status")["refusals"]["limit-source"] == 9 + 3 + 9 + 6
        close_all(clients)


def test_rate_of_one_source(sock_file: Path) -> None:
    with guarded("rate-per-source = 5/1h\nlimit-action = drop", global_keys=f"workers = 2\ncontrol = {sock_file}") as it:
        clients = [connect_from("127.1.0.1", it.port) for _ in range(20)]
        assert settled(lambda: ask(sock_file, "status")["refusals"].get("limit-rate") == 15)
        assert ask(sock_file, "status")["flows"]["live"] == 5
        assert all(fate(client, 0.01) == "silence" for client in clients), "nobody is told"
        assert is_served(it.port, "127.1.0.2")
        close_all(clients)


def test_ipv6_source_is_a_64(net: Net) -> None:
    """Three addresses of one /64 are one client."""
    port = free_port()
    with net.call(EDGE, listen, "127.0.0.1") as backend:
        ini = (f"[listen a]\nports = {port}\nbackend = b\nmax-flows-per-source = 2\n"
               f"[backend b]\nserver = 127.0.0.1:{backend.getsockname()[1]}\n")
        with Edge(ini, netns=net.name(EDGE)) as edge:
            living = []
            for source in V6.clients:
                try:
                    living.append(net.connect(CLIENT, (V6.edge, port), source=source))
                except ConnectionResetError:
                    pass
            edge.wait_flow(lambda flow: flow["why"] == "limit-source")
            assert [fate(client, 0.3) for client in living].count("silence") == 2
            close_all(living)


def test_flows_of_one_listener(sock_file: Path) -> None:
    """Further clients wait, as they do for all places; another listener has its own."""
    other = free_port()
    with guarded("max-flows = 2", global_keys=f"workers = 2\ncontrol = {sock_file}") as it:
        ini = it.edge.config.read_text()
        rewrite(it.edge, ini + f"[listen other]\nports = {other}\nbackend = back\n")
        hang_up(it.edge, "msg=\"reloaded")
        served = [connect_from("127.0.0.1", it.port) for _ in range(2)]
        assert settled(lambda: ask(sock_file, "status")["flows"]["live"] == 2)
        waiting = [connect_from("127.0.0.1", it.port) for _ in range(4)]
        assert is_served(other, "127.0.0.1")
        assert settled(lambda: ask(sock_file, "status")["flows"]["live"] == 2)
        assert "front: accept paused: max-flows reached; 2 flows of at most 2" in it.edge.log()
        for client in waiting:
            client.sendall(b"x")
        assert all(fate(client, 0.02) == "silence" for client in waiting)
        for left in range(4, 0, -1):
            served.pop(0).close()
            assert settled(lambda: any(select.select(waiting, [], [], 0.05)[0])), "one more is served"
            [client] = select.select(waiting, [], [], 0)[0]
            waiting.remove(client)
            served.append(client)
            assert ask(sock_file, "status")["flows"]["live"] == 2 and len(waiting) == left - 1
        close_all(served)
        assert not any(flow["why"] == "limit-flows" for flow in it.edge.flows()), "they wait, they are not refused"


# -- source-guard ------------------------------------------------------------------------------------------------------


def suspicions(edge: Edge) -> list[str]:
    return [line["msg"] for line in edge.lines() if line.get("msg", "").startswith("source-guard: ")]


@pytest.mark.parametrize("keys, said, is_let_in", [
    ("", True, True),
    ("source-guard = off", False, True),
    ("bind = 127.0.0.1", False, True),
    ("source-guard = reject", True, False),
    ("source-guard = reject\nbind = 127.0.0.1", False, True),
], ids=["default", "off", "on loopback", "reject", "reject on loopback"])
def test_clients_without_an_address_of_their_own(keys: str, said: bool, is_let_in: bool) -> None:
    with guarded(keys) as it:
        for source in ("127.0.0.1", "127.0.0.2"):
            assert is_served(it.port, source) if is_let_in else fate_from(source, it.port) == "reset"
        assert len(suspicions(it.edge)) == said, it.edge.log()
        if not is_let_in:
            it.edge.wait_flow(lambda flow: flow["why"] == "denied")
        hang_up(it.edge, "msg=\"reloaded")
        fate_from("127.0.0.3", it.port, 0.05)
        assert len(suspicions(it.edge)) == said, "a reload is no reason to say it again"


@contextmanager
def more_addresses(net: Net, client: str, edge: str) -> Iterator[None]:
    """On the link between the two, each with a route to the other."""
    bits = "/128" if ":" in client else "/32"
    ends = [(CLIENT, "out", client, edge), (EDGE, "front", edge, client)]

    def change(what: str) -> None:
        for ns, device, own, other in ends:
            steps = [["address", what, own + bits, "dev", device, *(["nodad"] if (bits, what) == ("/128", "add") else [])],
                     ["route", what, other + bits, "dev", device, "src", own]]
            for step in steps if what == "add" else reversed(steps):
                net.run(ns, ["ip", *step], check=True)

    change("add")
    try:
        yield
    finally:
        change("del")


@contextmanager
def default_route(net: Net, gateway: str) -> Iterator[None]:
    net.run(EDGE, ["ip", "route", "add", "default", "via", gateway], check=True)
    try:
        yield
    finally:
        net.run(EDGE, ["ip", "route", "del", "default"], check=True)


def guard_says(net: Net, client: str, edge: str) -> list[str]:
    port = free_port()
    ini = f"[listen a]\nports = {port}\nbackend = b\n[backend b]\nserver = 127.0.0.1:9\n"
    with Edge(ini, netns=net.name(EDGE)) as running:
        for _ in range(2):
            try:
                net.connect(CLIENT, (edge, port), source=client).close()
            except ConnectionResetError:
                pass
        running.wait_flow(lambda flow: True)
        return suspicions(running)


@pytest.mark.parametrize("client, edge, words", [
    ("172.17.0.1", "172.17.0.2", "172.17.0.1, a private network"),
    ("100.70.0.1", "192.0.2.7", "100.70.0.1, a carrier's NAT or a tailnet"),
    ("100.70.0.1", "100.70.0.2", None),  # nodes of one tailnet
    ("fd00:17::1", "fd00:17::2", "fd00:17::1, a private network"),
    ("192.0.2.1", "192.0.2.2", None),
])
def test_what_hides_a_client(net: Net, client: str, edge: str, words: str | None) -> None:
    with more_addresses(net, client, edge):
        said = guard_says(net, client, edge)
    assert len(said) == bool(words) and (not words or words in said[0]), said


def test_the_gateway_is_no_client(net: Net) -> None:
    """A container with public addresses: its port mapping speaks with the bridge's."""
    with default_route(net, V4.clients[0]):
        [said] = guard_says(net, V4.clients[0], V4.edge)
        assert f"{V4.clients[0]}, a bridge or the gateway of this machine" in said
        assert not guard_says(net, V4.clients[1], V4.edge)


# -- behind a proxy ----------------------------------------------------------------------------------------------------


def named(port: int, client: str) -> socket.socket:
    """A connection through a proxy that speaks for that client."""
    sock = connect_from("127.0.0.1", port)
    sock.sendall(f"PROXY TCP{6 if ':' in client else 4} {client} {'::1' if ':' in client else '192.0.2.1'} 4711 25\r\nhello".encode())
    return sock


def test_the_client_is_whom_the_proxy_names(sock_file: Path) -> None:
    """Lists, bans and limits are for that address, and not for the proxy's; source-guard has no say in it."""
    keys = ("accept-proxy = 127.0.0.1\ndeny = 203.0.113.0/24 127.0.0.0/8\nmax-flows-per-source = 2\nsource-guard = reject\n"
            "rate-per-source = 4/1h")
    with guarded(keys, f"workers = 2\ncontrol = {sock_file}") as it:
        for client, outcome in (("198.51.100.1", "data"), ("203.0.113.7", "reset"), ("10.0.0.1", "data"), ("2001:db8::1", "data")):
            with named(it.port, client) as sock:
                assert fate(sock, 5) == outcome, client
        assert fate_from("127.0.0.2", it.port) == "reset", "it speaks for itself"
        assert settled(lambda: ask(sock_file, "status")["flows"]["live"] == 0)
        held = [named(it.port, "2001:db8:0:7::%d" % i) for i in range(4)]
        assert sorted(fate(sock, 5) for sock in held) == ["data", "data", "reset", "reset"]
        assert ask(sock_file, "ban 2001:db8:0:7::/64")["ended"] == 2
        close_all(held)
        with named(it.port, "2001:db8:0:7::9") as sock:
            assert fate(sock, 5) == "reset"
        ask(sock_file, "unban 2001:db8:0:7::/64")
        for outcome in ("data", "data", "reset"):
            with named(it.port, "2001:db8:0:7::9") as sock:
                assert fate(sock, 5) == outcome
            assert settled(lambda: ask(sock_file, "status")["flows"]["live"] == 0)
        refusals = ask(sock_file, "status")["refusals"]
        assert refusals == {"denied": 3, "limit-source": 2, "limit-rate": 1}, refusals
        assert not suspicions(it.edge)


# -- floods ------------------------------------------------------------------------------------------------------------


def addresses(count: int) -> list[str]:
    return [f"127.{2 + i // 65536}.{i // 256 % 256}.{i % 256}" for i in range(count)]


def refused(sock_file: Path) -> int:
    """Those that had gone before they were looked at as well."""
    ends = ask(sock_file, "status")["ends"]
    return ends.get("denied", 0) + ends.get("client-reset", 0)


@pytest.mark.parametrize("action", ["reset", "drop", "tarpit"])
def test_flood(sock_file: Path, action: str) -> None:
    """Refused clients from many addresses: memory stays, the log stays short, others are served meanwhile."""
    keys = f"deny = {action} 127.2.0.0/15\nmax-flows-per-source = 50"
    sources = addresses(4000)
    with guarded(keys, global_keys=f"workers = 2\ncontrol = {sock_file}") as it:
        grown, came = [], 0
        started, served = time.monotonic(), 0
        for _ in range(4):
            before = it.edge.rss()
            flood = threading.Thread(target=knock, args=(iter(sources), it.port))
            flood.start()
            while flood.is_alive():
                served += is_served(it.port, f"127.0.0.{served % 200 + 1}")
            flood.join()
            came += len(sources)
            assert settled(lambda: refused(sock_file) == came), ask(sock_file, "status")["ends"]
            grown.append(it.edge.rss() - before)
        seconds = time.monotonic() - started
        assert served >= 4
        # how many are there at a time is chance, and what they needed stays; what each leaves behind would show in every round
        assert SANITIZED or min(grown) < 64 * len(sources), grown
        lines = sum(flow["why"] == "denied" for flow in it.edge.flows())
        assert lines <= 2 * LINES * (seconds + 3), f"{lines} lines in {seconds} s"
        assert settled(lambda: it.edge.told("denied", "client-reset") == came), "each is told of, alone or in a sum"
