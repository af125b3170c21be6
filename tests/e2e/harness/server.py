"""A real server behind the edge: its own files, started in a namespace, ended by its pid."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from harness.net import BACKEND, FAMILIES, V4, V6, Net

HOSTNAME = "backend.test"
OWNER = pwd.getpwnam("nobody")  # of the mail that the servers keep


class Server:
    """Base of the servers: a subclass says which ports it opens, writes its files, names its command."""

    ports: frozenset[int] = frozenset()
    addresses: tuple[str, ...] = (V4.backend, V6.backend)  # it listens on
    edges: tuple[str, ...] = (V4.edge_back, V6.edge_back)  # whose PROXY header it believes

    def __init__(self, net: Net) -> None:
        self.net = net
        # short, for the paths of unix sockets; open, for servers that drop root
        self.dir = Path(tempfile.mkdtemp(prefix=f"tailsplice-{os.getpid()}-"))
        self.dir.chmod(0o755)
        self.log_file = self.dir / "log"
        self._child: subprocess.Popen[Any] | None = None

    def __enter__(self) -> Server:
        try:
            self.prepare()
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def prepare(self) -> None:
        """Write the configuration."""
        raise NotImplementedError

    def command(self) -> list[str]:
        """What runs in the foreground."""
        raise NotImplementedError

    def log(self) -> str:
        """Everything the server has said."""
        texts = (self.dir / "output", self.log_file)
        return "".join(text.read_text(errors="replace") for text in texts if text.exists())

    def end_of_log(self) -> int:
        """Its length once nothing more is said: of connections that are over a server may tell a second later."""
        before = -1
        while (now := len(self.log())) != before:
            before = now
            time.sleep(1)
        return now

    def wait_log(self, pattern: str, timeout: float = 10, *, after: int = 0) -> re.Match[str]:
        """The first match past so many characters of the log, as soon as there is one."""
        deadline = time.monotonic() + timeout
        while not (found := re.search(pattern, self.log()[after:], re.MULTILINE)):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{type(self).__name__} has not logged /{pattern}/ in {timeout} s")
            time.sleep(0.02)
        return found

    def close(self) -> None:
        """End the server and remove its files."""
        if self._child:
            self.net.stop(self._child)
        shutil.rmtree(self.dir, ignore_errors=True)

    def _start(self) -> None:
        with open(self.dir / "output", "wb") as output:
            self._child = self.net.popen(
                BACKEND, self.command(), stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        for family in FAMILIES:
            self._wait_open(family.af)

    def _wait_open(self, af: int) -> None:
        deadline = time.monotonic() + 15
        while not self.ports <= self.net.listening(BACKEND, af):
            if self._child.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{type(self).__name__} does not start:\n{self.log()}")
            time.sleep(0.02)


def self_signed(directory: Path) -> tuple[Path, Path]:
    """A certificate and its key, made for this run: for HOSTNAME, and for where clients reach it."""
    certificate, key = directory / "cert.pem", directory / "key.pem"
    names = ",".join([f"DNS:{HOSTNAME}", *(f"IP:{family.edge}" for family in FAMILIES)])
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-days", "2", "-subj", f"/CN={HOSTNAME}", "-addext", f"subjectAltName={names}",
         "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True, timeout=20,
    )
    return certificate, key
