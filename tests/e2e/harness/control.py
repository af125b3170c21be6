"""A scripted edge behind a control socket: for what the real one will not do on demand; and a terminal to watch one in."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import socket
import struct
import subprocess
import termios
import threading
import time
from pathlib import Path
from typing import Any, Callable

from harness.edge import default_binary

Answer = Any  # a JSON value, bytes as they are, or None: close without a word


class FakeEdge:
    """Answers each request line as `answers` says: by its verb, or whatever a function makes of the line."""

    def __init__(self, path: Path, answers: dict[str, Answer] | Callable[[str], Answer], *, delay: float = 0) -> None:
        self.path = str(path)
        self.answers = answers
        self.delay = delay
        self.requests: list[str] = []
        self._ended = threading.Event()

    def __enter__(self) -> "FakeEdge":
        Path(self.path).unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.path)
        self._listener.listen(8)
        self._listener.settimeout(0.05)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._ended.set()
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while not self._ended.is_set():
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            with client:
                client.settimeout(5)
                try:
                    self._answer(client)
                except OSError:
                    pass

    def _answer(self, client: socket.socket) -> None:
        line = b""
        while not line.endswith(b"\n"):
            part = client.recv(4096)
            if not part:
                return
            line += part
        text = line[:-1].decode()
        self.requests.append(text)
        answer = self.answers(text) if callable(self.answers) else self.answers[text.split()[0]]
        self._ended.wait(self.delay)
        if isinstance(answer, bytes):
            client.sendall(answer)
        elif answer is not None:
            client.sendall(json.dumps(answer).encode() + b"\n")


class Screen:
    """The program in a pseudo-terminal, and what it shows there (pyte is a terminal that only remembers)."""

    def __init__(self, *args: str, rows: int = 24, columns: int = 80, env: dict[str, str] | None = None) -> None:
        import pyte

        self.pyte = pyte.Screen(columns, rows)
        self.stream = pyte.ByteStream(self.pyte)
        self.raw = b""
        self.controller, terminal = pty.openpty()
        self.resize(rows, columns)
        self.before = termios.tcgetattr(terminal)
        self.process = subprocess.Popen(
            [default_binary(), *args], stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0), env={**os.environ, "TERM": "xterm", **(env or {})})
        self.terminal = terminal

    def __enter__(self) -> "Screen":
        return self

    def __exit__(self, *_: Any) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.controller)
        os.close(self.terminal)

    def resize(self, rows: int, columns: int) -> None:
        self.pyte.resize(rows, columns)
        fcntl.ioctl(self.controller, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and select.select([self.controller], [], [], left)[0]:
            try:
                data = os.read(self.controller, 65536)
            except OSError:
                return
            self.raw += data
            self.stream.feed(data)

    def lines(self) -> list[str]:
        return [line.rstrip() for line in self.pyte.display]

    def wait_for(self, words: str, seconds: float = 10) -> list[str]:
        deadline = time.monotonic() + seconds
        while not any(words in line for line in self.lines()):
            assert time.monotonic() < deadline, f"no '{words}' on the screen:\n" + "\n".join(self.lines())
            self.read(0.1)
        return self.lines()

    def type(self, keys: str) -> None:
        os.write(self.controller, keys.encode())

    def signal(self, number: int) -> None:
        os.kill(self.process.pid, number)

    def wait_end(self, seconds: float = 5) -> int:
        """Its status, with everything it showed until then."""
        deadline = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < deadline, "it does not end:\n" + "\n".join(self.lines())
            self.read(0.05)
        self.read(0.1)
        return self.process.returncode

    def wait_stopped(self, seconds: float = 5) -> None:
        deadline = time.monotonic() + seconds
        while Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
            assert time.monotonic() < deadline, "it does not stop"
            self.read(0.05)

    def is_restored(self) -> bool:
        """The first screen, a cursor, wrapping; and the terminal's settings as they were."""
        entered, left = self.raw.rfind(b"\033[?1049h"), self.raw.rfind(b"\033[?1049l")
        cursor, wrap = self.raw.rfind(b"\033[?25h"), self.raw.rfind(b"\033[?7h")
        return left > entered >= 0 and min(cursor, wrap) > entered and termios.tcgetattr(self.terminal) == self.before
