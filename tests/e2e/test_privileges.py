"""What the edge may do once it runs, seen from outside, thread by thread; and what it needs to start."""

from __future__ import annotations

import ctypes
import os
import pwd
import re
import socket
import stat
import struct
from pathlib import Path
from typing import Any, Callable

import pytest

from harness.edge import Edge, EdgeError, free_port
from harness.net import BACKEND, CLIENT, EDGE, V4, Net, enter_namespace
from harness.operate import ask, rewrite
from harness.stand import accept, connect

pytestmark = [pytest.mark.usefixtures("binary"), pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another")]

NOBODY = pwd.getpwnam("nobody")
NET_BIND = 1 << 10  # CAP_NET_BIND_SERVICE, capability.h
SETS = ("Inh", "Prm", "Eff", "Bnd", "Amb")


def threads(edge: Edge) -> list[dict[str, str]]:
    found = []
    for task in Path(f"/proc/{edge.pid}/task").iterdir():
        lines = (task / "status").read_text().splitlines()
        found.append(dict(line.split(":\t", 1) for line in lines if ":\t" in line))
    return found


def expect_rights(edge: Edge, user: pwd.struct_passwd, groups: list[int]) -> None:
    seen = threads(edge)
    assert len(seen) >= 3, "the main thread and two workers"
    for status in seen:
        assert status["Uid"].split() == [str(user.pw_uid)] * 4 and status["Gid"].split() == [str(user.pw_gid)] * 4, status
        assert set(map(int, status["Groups"].split())) == set(groups), status["Groups"]
        held = {name: int(status[f"Cap{name}"], 16) for name in SETS}
        assert held == {"Inh": 0, "Prm": NET_BIND, "Eff": NET_BIND, "Bnd": NET_BIND, "Amb": 0}, held
        assert status["NoNewPrivs"] == "1", status


# Who changed its user cannot be traced by itself, which is how leaks are looked for.
UNTRACED = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}


class Site:
    """An edge in front of a listening socket, for a user who can read its file."""

    def __init__(self, port: int, *, keys: str = "", prepare: Callable[[], None] | None = None, net: Net | None = None) -> None:
        self.backend = net.socket(BACKEND) if net else socket.socket()
        self.backend.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.backend.bind((V4.backend if net else "127.0.0.1", free_port()))
        self.backend.listen()
        self.backend.settimeout(5)
        self.net, self.port, self.prepare = net, port, prepare
        address = "{}:{}".format(*self.backend.getsockname())
        self.edge = Edge(f"[global]\nworkers = 2\n{keys}\n[listen mail]\nports = {port}\nbackend = a\n"
                         f"[backend a]\nserver = {address}\nsend-proxy = v2\n",
                         env=UNTRACED, preexec=self.before)

    def before(self) -> None:
        """In the child, still as root."""
        assert self.edge.directory
        os.chmod(self.edge.directory, 0o755)
        if self.net:
            enter_namespace(self.net.path(EDGE))
        if self.prepare:
            self.prepare()

    def __enter__(self) -> Site:
        with self.backend:
            self.edge.__enter__()
            self.backend = self.backend.dup()
        self.backend.settimeout(5)
        return self

    def __exit__(self, *error: Any) -> None:
        self.backend.close()
        self.edge.__exit__(*error)

    def serves(self, port: int | None = None) -> None:
        port = port or self.port
        with self.net.connect(CLIENT, (V4.edge, port)) if self.net else connect(port), accept(self.backend) as server:
            assert server.recv(4) == b"\r\n\r\n", "the header"


def become_nobody(caps: tuple[int, ...] = ()) -> None:
    """As setpriv(1) does, without a process in between: its pid is the edge's."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(8, 1, 0, 0, 0)  # PR_SET_KEEPCAPS
    os.setgroups([])
    os.setresgid(NOBODY.pw_gid, NOBODY.pw_gid, NOBODY.pw_gid)
    os.setresuid(NOBODY.pw_uid, NOBODY.pw_uid, NOBODY.pw_uid)
    bits = sum(1 << cap for cap in caps)
    header, data = struct.pack("Ii", 0x20080522, 0), struct.pack("6I", bits, bits, bits, 0, 0, 0)
    assert libc.capset(header, data) == 0, os.strerror(ctypes.get_errno())
    for cap in caps:
        assert libc.prctl(47, 2, cap, 0, 0) == 0  # PR_CAP_AMBIENT_RAISE


@pytest.mark.parametrize("path_word", ["copy", "ring-splice"])
def test_root_becomes_the_user(sock_file: Path, path_word: str) -> None:
    """All four identities, the groups, one capability; also of the threads that io_uring makes on behalf of a worker."""
    with Site(free_port(), keys=f"user = nobody\ncontrol = {sock_file}\n[defaults]\npath = {path_word}") as site:
        for _ in range(4):
            site.serves()
        expect_rights(site.edge, NOBODY, os.getgrouplist("nobody", NOBODY.pw_gid))
        mode = sock_file.stat()
        assert stat.S_ISSOCK(mode.st_mode) and stat.S_IMODE(mode.st_mode) == 0o600 and mode.st_uid == NOBODY.pw_uid
        assert ask(sock_file, "status")["user"] == "nobody"
        assert site.edge.stop() == 0
        assert not sock_file.exists()


def test_root_without_user_keeps_its_name_only() -> None:
    with Site(free_port()) as site:
        site.serves()
        expect_rights(site.edge, pwd.getpwuid(0), os.getgroups())


def test_a_reload_binds_a_privileged_port(net: Net, sock_file: Path) -> None:
    """Long after root is gone."""
    with Site(25, keys=f"user = nobody\ncontrol = {sock_file}", net=net) as site:
        site.serves()
        rewrite(site.edge, site.edge.ini_text.replace("ports = 25", "ports = 25 587"))
        assert ask(sock_file, "reload")["ok"]
        site.serves(25)
        site.serves(587)
        expect_rights(site.edge, NOBODY, os.getgrouplist("nobody", NOBODY.pw_gid))


def test_a_file_the_user_cannot_read(sock_file: Path) -> None:
    """Read at the start by root, at a reload by nobody: refused, with the reason, and everything goes on."""
    with Site(free_port(), keys=f"user = nobody\ncontrol = {sock_file}") as site:
        site.edge.config.chmod(0o600)
        answer = ask(sock_file, "reload")
        assert not answer["ok"] and answer["errors"] == [f"{site.edge.config}: cannot be read: Permission denied"], answer
        site.serves()
        site.edge.config.chmod(0o644)
        assert ask(sock_file, "reload")["ok"]


def test_runs_without_root() -> None:
    """On high ports, as it is: no capability, and none to come."""
    with Site(free_port(), prepare=become_nobody) as site:
        site.serves()
        for status in threads(site.edge):
            assert status["Uid"].split() == [str(NOBODY.pw_uid)] * 4
            assert [int(status[f"Cap{name}"], 16) for name in ("Prm", "Eff", "Inh", "Amb")] == [0] * 4, status
            assert status["NoNewPrivs"] == "1"


@pytest.mark.parametrize("keys", ["", "user = nobody"])
def test_one_capability_is_enough(net: Net, sock_file: Path, keys: str) -> None:
    """Neither root nor a change of user: CAP_NET_BIND_SERVICE binds port 25, and after a reload 587; the others are given up."""
    with Site(25, keys=f"{keys}\ncontrol = {sock_file}", net=net, prepare=lambda: become_nobody((10, 12, 13))) as site:
        site.serves()
        for status in threads(site.edge):
            held = [int(status[f"Cap{name}"], 16) for name in ("Prm", "Eff", "Inh", "Amb")]
            assert held == [NET_BIND, NET_BIND, 0, 0], held
        rewrite(site.edge, site.edge.ini_text.replace("ports = 25", "ports = 25 587"))
        assert ask(sock_file, "reload")["ok"]
        site.serves(587)


@pytest.mark.parametrize("keys, words", [
    ("user = no-such-user", r"x?.ini:3: user: there is no user no-such-user: create it \(useradd --system no-such-user\)"),
    ("user = root", r".ini:3: user: only root can become root: start as root, or as that user, or leave `user` out"),
])
def test_users_it_cannot_become(keys: str, words: str) -> None:
    with pytest.raises(EdgeError, match=words):
        with Site(free_port(), keys=keys, prepare=become_nobody):
            pass


def test_a_privileged_port_without_the_right(net: Net) -> None:
    """Status 2, the address, and what to do."""
    with pytest.raises(EdgeError, match=r"status 2") as error:
        with Site(25, net=net, prepare=become_nobody):
            pass
    assert re.search(r":25: Permission denied.*\n", str(error.value)) and "privileged-port" in str(error.value), error.value
