#!/usr/bin/python3
"""The programs of the rig: tailscaled and the rig's control server, built from the Go module proxy's sources.

    tests/tailnet/programs.py       builds them, if they are not there yet, and prints the folder they are in

They are built once and kept in ${XDG_CACHE_HOME:-~/.cache}/tailsplice/tailnet. A Go that is older than the sources ask for fetches
a newer one by itself, through the same proxy.
"""
from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Iterator

HERE = Path(__file__).resolve().parent
SOURCES = HERE / "control"
PROGRAMS = ("control", "tailscaled")
PACKAGES = (".", "tailscale.com/cmd/tailscaled")
LIMIT = 570  # seconds for all of it
# What a mail edge never meets is left out of tailscaled: it halves the time to build. Routes, MagicDNS, the LocalAPI with its users,
# DERP, userspace networking and its SOCKS5 server stay.
LEFT_OUT = """
    ace acme appconnectors aws advertiseexitnode advertiseroutes bakedroots bird c2n cachenetmap captiveportal capture colorable
    cliconndiag clientmetrics clientupdate completion conn25 completion_scripts cloud dbus debug debugeventbus debugportmapper
    desktop_sessions doctor drive gro hujsonconf identityfederation iptables kube linuxdnsfight linkspeed listenrawdisco logtail
    oauthkey peerapiclient peerapiserver portlist portmapper posture netlog networkmanager qrcodes relayserver resolved sdnotify
    serve ssh synology syspolicy systray taildrop tap tpm tundevstats useexitnode useproxy usermetrics wakeonlan webbrowser webclient
""".split()
FIRST_WITH_TOOLCHAINS = (1, 21)


class Unavailable(Exception):
    """They cannot be built here, and why."""


def cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "tailsplice" / "tailnet"


def identity() -> str:
    """Of the sources and of how they are built."""
    digest = hashlib.sha256(" ".join(LEFT_OUT).encode())
    for path in sorted(SOURCES.iterdir()):
        digest.update(f"{path.name}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def folder() -> Path:
    """Where they are; builds them first when they are missing. One at a time: others wait for it."""
    target = cache() / identity()
    cache().mkdir(parents=True, exist_ok=True)
    with open(cache() / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not all((target / name).exists() for name in PROGRAMS):
            build(target)
    return target


def build(target: Path) -> None:
    go, version = newest_go()
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -trimpath -buildvcs=false", "GOWORK": "off"}
    wanted = re.search(r"^go (\S+)$", (SOURCES / "go.mod").read_text(), re.M)[1]
    if version < numbers(wanted):
        if version < FIRST_WITH_TOOLCHAINS:
            go = fetched_go(go, wanted, environment)
        environment["GOTOOLCHAIN"] = f"go{wanted}"
    with tempfile.TemporaryDirectory(prefix="build-", dir=cache()) as work:
        tags = ",".join(f"ts_omit_{feature}" for feature in LEFT_OUT)
        run([go, "build", "-ldflags=-s -w", f"-tags={tags}", "-o", f"{work}/", *PACKAGES], environment)
        target.mkdir(exist_ok=True)
        for name in PROGRAMS:
            os.replace(f"{work}/{name}", target / name)


def newest_go() -> tuple[str, tuple[int, ...]]:
    found = sorted(candidates(), key=lambda row: row[1])
    if not found:
        raise Unavailable("no Go compiler: apt-get install golang-go")
    return found[-1]


def candidates() -> Iterator[tuple[str, tuple[int, ...]]]:
    for place in [*os.environ.get("PATH", "").split(":"), "/usr/local/go/bin", "/usr/lib/go/bin"]:
        go = Path(place or ".") / "go"
        if os.access(go, os.X_OK):
            told = subprocess.run([go, "version"], capture_output=True, text=True, timeout=60, cwd="/",
                                  env={**os.environ, "GOTOOLCHAIN": "local"}).stdout
            if match := re.search(r"\bgo(\d[\d.]*)", told):
                yield str(go), numbers(match[1])


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(word) for word in version.strip(".").split("."))


def fetched_go(go: str, wanted: str, environment: dict[str, str]) -> str:
    """A Go from before toolchains (Debian 12's) fetches one as the module that it is."""
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
    module = f"golang.org/toolchain@v0.0.1-go{wanted}.linux-{machine}"
    where = run([go, "mod", "download", "-json", module], {**environment, "GOFLAGS": ""}, cwd="/")
    root = Path(re.search(r'"Dir": "([^"]+)"', where)[1])
    for program in [*(root / "bin").iterdir(), *(root / "pkg" / "tool").rglob("*")]:
        if program.is_file():  # modules have no modes
            program.chmod(0o755)
    return str(root / "bin" / "go")


def run(argv: list[str], environment: dict[str, str], cwd: str | Path = SOURCES) -> str:
    nice = shutil.which("nice")
    try:
        done = subprocess.run([nice, "-n", "10", *argv] if nice else argv, cwd=cwd, env=environment, text=True,
                              capture_output=True, timeout=LIMIT)
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"{' '.join(argv[:3])} is not done after {LIMIT} s") from error
    if done.returncode:
        raise Unavailable(f"{' '.join(argv[:3])}: {done.stderr.strip()[-2000:]}")
    return done.stdout


if __name__ == "__main__":
    try:
        print(folder())
    except Unavailable as reason:
        sys.exit(str(reason))
