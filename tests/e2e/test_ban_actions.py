"""What fail2ban and CrowdSec call (configs/) bans at a running edge. fail2ban itself is asked where it is installed: as a test's
package it would begin to ban on the machine of whoever runs the tests."""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

import pytest

from harness.edge import ROOT, default_binary
from harness.operate import ask, settled
from harness.source import Echo, connect_from, fate_from
from harness.stand import Stand, stand

pytestmark = pytest.mark.usefixtures("binary")

ACTION = ROOT / "configs/fail2ban/tailsplice.conf"
BOUNCER = ROOT / "configs/crowdsec/tailsplice-bouncer"
FAIL2BAN = shutil.which("fail2ban-client")
PYTHON = "/usr/bin/python3"  # of the system's packages, fail2ban among them


@contextmanager
def bannable(sock_file: Path) -> Iterator[Stand]:
    with stand(global_keys=f"control = {sock_file}") as it, Echo(it.backend):
        yield it


def bans(sock_file: Path) -> dict[str, int | None]:
    """Seconds that each has left."""
    return {row["net"]: row["ttl_s"] for row in ask(sock_file, "bans")["bans"]}


def shell(command: str, status: int = 0) -> None:
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, timeout=20)
    assert done.returncode == status, (command, done.stdout, done.stderr)


def fail2ban_command(key: str, sock_file: Path, **tags: str) -> str:
    """As fail2ban fills it in: tags, and those of [Init]."""
    parser = configparser.ConfigParser(interpolation=None, delimiters="=", comment_prefixes=("#",))
    parser.read(ACTION)
    command = parser["Definition"][key]
    values = {**parser["Init"], "tailsplice": default_binary(), "options": f"-s {sock_file}", **tags}
    for tag, value in values.items():
        command = command.replace(f"<{tag}>", value)
    assert "<ip>" not in command and "<bantime>" not in command
    return command


@pytest.mark.parametrize("bantime, left", [("600", 660), ("1", 61), ("-1", None), ("31536000", None)])
def test_fail2ban_action(sock_file: Path, bantime: str, left: int | None) -> None:
    with bannable(sock_file) as it:
        for ip in ("127.1.0.1", "2001:db8::7"):
            shell(fail2ban_command("actioncheck", sock_file))
            shell(fail2ban_command("actionban", sock_file, ip=ip, bantime=bantime))
            given = bans(sock_file)[ip]
            assert given is None if left is None else left - 20 < given <= left
        assert fate_from("127.1.0.1", it.port) == "reset"
        shell(fail2ban_command("actionunban", sock_file, ip="127.1.0.1"))
        assert list(bans(sock_file)) == ["2001:db8::7"]
        connect_from("127.1.0.1", it.port).close()
    shell(fail2ban_command("actioncheck", sock_file), status=2)


def bouncer(sock_file: Path, *args: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "TAILSPLICE": default_binary(), "TAILSPLICE_OPTIONS": f"-s {sock_file}"}
    return subprocess.run([str(BOUNCER), *args], capture_output=True, text=True, timeout=20, env=env)


def test_crowdsec_bouncer(sock_file: Path) -> None:
    """By its arguments: VALUE SECONDS SCENARIO JSON."""
    with bannable(sock_file) as it:
        for value, seconds in (("127.1.0.1", "14400"), ("2001:db8::/48", "60"), ("192.0.2.0/24", "99999999")):
            assert bouncer(sock_file, "add", value, seconds, "crowdsecurity/postfix-spam", "{}").returncode == 0
        left = bans(sock_file)
        assert 14380 < left["127.1.0.1"] <= 14400 and left["192.0.2.0/24"] is None and left["2001:db8::/48"] <= 60
        for value in ("FR", "AS64500", "", "name.example"):
            assert bouncer(sock_file, "add", value, "60", "x", "{}").returncode == 0, "no address: not our concern"
        assert bans(sock_file).keys() == left.keys()
        assert fate_from("127.1.0.1", it.port) == "reset"
        for _ in range(2):
            assert bouncer(sock_file, "del", "127.1.0.1", "0", "x", "{}").returncode == 0, "also one that is over"
        assert "127.1.0.1" not in bans(sock_file)
        assert bouncer(sock_file, "flush").returncode == 1
    assert bouncer(sock_file, "add", "192.0.2.1", "60", "x", "{}").returncode == 2, "there is no edge"


if FAIL2BAN:  # else the commands were tried above, and nobody has to install a program that bans

    def test_fail2ban_itself(sock_file: Path, tmp_path: Path) -> None:
        """A jail of its own reads a log, bans whoever failed too often, and lifts it when told."""
        etc, log = tmp_path / "etc", tmp_path / "mail.log"
        for folder in ("action.d", "filter.d", "jail.d"):
            (etc / folder).mkdir(parents=True)
        shutil.copy(ACTION, etc / "action.d")
        log.write_text("")
        (etc / "fail2ban.conf").write_text(
            f"[Definition]\nloglevel = INFO\nlogtarget = {tmp_path}/f2b.log\nsyslogsocket = auto\nsocket = {tmp_path}/f2b.sock\n"
            f"pidfile = {tmp_path}/f2b.pid\ndbfile = None\ndbpurgeage = 1d\ndbmaxmatches = 10\nallowipv6 = auto\n")
        (etc / "filter.d" / "mail.conf").write_text("[Definition]\nfailregex = ^ login failed from <HOST>$\n")
        (etc / "jail.conf").write_text(
            "[DEFAULT]\nbackend = polling\n[mail]\nenabled = true\nfilter = mail\nmaxretry = 3\nfindtime = 600\nbantime = 600\n"
            f"logpath = {log}\naction = tailsplice[tailsplice=\"{default_binary()}\", options=\"-s {sock_file}\"]\n")
        run = [PYTHON, FAIL2BAN, "-c", str(etc), "-s", f"{tmp_path}/f2b.sock", "-p", f"{tmp_path}/f2b.pid"]
        with bannable(sock_file) as it:
            try:
                subprocess.run([*run, "start"], check=True, timeout=30, capture_output=True)
                with open(log, "a") as file:
                    stamp = subprocess.run(["date", "+%Y-%m-%d %H:%M:%S"], capture_output=True, text=True).stdout.strip()
                    file.write(f"{stamp} login failed from 127.1.0.1\n" * 3 + f"{stamp} login failed from 127.1.0.2\n")
                assert settled(lambda: list(bans(sock_file)) == ["127.1.0.1"], 15), (tmp_path / "f2b.log").read_text()
                assert fate_from("127.1.0.1", it.port) == "reset"
                subprocess.run([*run, "set", "mail", "unbanip", "127.1.0.1"], check=True, timeout=30, capture_output=True)
                assert settled(lambda: not bans(sock_file), 15), (tmp_path / "f2b.log").read_text()
            finally:
                subprocess.run([*run, "stop"], timeout=30, capture_output=True)
