"""variants - what is compared: nothing in between, packets that are routed, tailsplice on each of its paths, other proxies.

Each proxy is one configuration file and one command. They forward the same ports to the same address with the same
number of threads, log nothing, and differ in nothing else but their defaults. The peers are in peers.py.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

from stage import BACKEND_ADDR, EDGE_ADDR

HERE = Path(__file__).resolve().parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tailsplice-bench"  # of peers, built or unpacked
ECHO, SINK, SOURCE, SMTP, IMAP = PORTS = (7001, 7002, 7003, 7004, 7005)
ROLES = ("echo", "sink", "source", "smtp", "imap")
FLOWS = 8_300  # at most at a time, for those that want to know
DIRECT, ROUTED = "direct", "routed"


class Missing(Exception):
    """A variant that cannot run here; the text says why."""


@dataclass(frozen=True)
class Setup:
    """What all proxies are told alike."""

    threads: int
    proxy: bool  # a PROXY header towards the server: v2, or v1 from nginx, which has no other
    folder: Path
    backend: str = BACKEND_ADDR
    edge: str = EDGE_ADDR  # the address of the listeners, for those that want one


@dataclass(frozen=True)
class Variant:
    name: str
    title: str
    program: Callable[[], str]  # its path, or Missing
    config: Callable[[Setup], str]
    command: Callable[[str, Path], list[str]]  # of the program and its configuration file
    version: Callable[[str], str]
    environment: Callable[[Setup], dict[str, str]] = field(default=lambda setup: {})

    def prepare(self, setup: Setup) -> tuple[list[str], dict[str, str]]:
        file = setup.folder / f"{self.name}.conf"
        file.write_text(self.config(setup))
        return self.command(self.program(), file), self.environment(setup)


def installed(name: str) -> str:
    found = shutil.which(name, path=f"/usr/sbin:/usr/bin:/usr/local/bin:/usr/local/go/bin:{os.environ.get('PATH', '')}")
    if not found:
        raise Missing(f"{name} is not installed")
    return found


def first_line(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True)
    lines = (done.stdout + done.stderr).strip().splitlines()
    return lines[0] if lines else "unknown"


def tailsplice_program() -> str:
    program = Path(os.environ.get("TAILSPLICE") or HERE.parent / "build" / "tailsplice")
    if not os.access(program, os.X_OK):
        raise Missing(f"{program} is not built (meson compile -C build, or set TAILSPLICE)")
    return str(program)


def tailsplice_paths() -> dict[str, str | None]:
    """Every path that the binary names, and why it cannot be used here, or None."""
    done = subprocess.run([tailsplice_program(), "paths"], capture_output=True, text=True)
    rows = [line.split(maxsplit=2) for line in done.stdout.splitlines()]
    return {row[0]: None if row[1] == "yes" else " ".join(row[2:]) or "no" for row in rows if len(row) > 1}


def tailsplice_config(path: str) -> Callable[[Setup], str]:
    def config(setup: Setup) -> str:
        return f"""[global]
workers = {setup.threads}
log-level = error

[listen bench]
ports = {PORTS[0]}-{PORTS[-1]}
backend = load
path = {path}
rate-per-source = off
max-flows-per-source = off

[backend load]
server = {setup.backend}
send-proxy = {"v2" if setup.proxy else "off"}
"""

    return config


def tailsplice(path: str, unusable: str | None) -> Variant:
    def program() -> str:
        if unusable:
            raise Missing(unusable)
        return tailsplice_program()

    return Variant(
        name="tailsplice" if path == "auto" else f"tailsplice-{path}",
        title="tailsplice" if path == "auto" else path,
        program=program,
        config=tailsplice_config(path),
        command=lambda program, file: [program, "run", "-c", str(file)],
        version=lambda program: first_line(program, "--version"),
    )


def tailsplices() -> list[Variant]:
    try:
        return [tailsplice(path, unusable) for path, unusable in tailsplice_paths().items()]
    except Missing:
        return [tailsplice("auto", None)]
