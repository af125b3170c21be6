"""One running edge process: its configuration, its log, its descriptors, its end.

Standard library only: the same file runs under pytest and inside a bare virtual machine.
"""

from __future__ import annotations

import atexit
import json
import os
import random
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Callable

ROOT = Path(__file__).resolve().parents[3]
LOGFMT = re.compile(r'([A-Za-z_][\w.-]*)=("(?:[^"\\]|\\.)*"|\S*)')
SANITIZER = re.compile(r"ERROR: AddressSanitizer|runtime error:|LeakSanitizer|ThreadSanitizer")


_entered: set["Edge"] = set()


@atexit.register
def _end_strays() -> None:
    """A signal may come in the middle of an __exit__: what was entered and not left is ended when Python ends."""
    for edge in list(_entered):
        edge.kill()


class EdgeError(AssertionError):
    """The edge did not start, crashed, or had to be killed."""


def default_binary() -> str:
    return os.environ.get("TAILSPLICE") or str(ROOT / "build" / "tailsplice")


_given: set[int] = set()  # ports handed out by this process: free still, but spoken for


def free_port(count: int = 1) -> Any:
    """A port (or a list of consecutive ones) free on both families, outside the range the kernel dials from."""
    low, high = _port_range()
    middle = (low + high) // 2  # single ones lie scattered: many in a row are found beyond them
    for _ in range(500):
        first = random.randrange(low, middle) if count == 1 else random.randrange(middle, high - count)
        ports = range(first, first + count)
        if _given.isdisjoint(ports) and all(_is_free(port) for port in ports):
            _given.update(ports)
            return first if count == 1 else list(range(first, first + count))
    raise RuntimeError("no free port found")


def _port_range() -> tuple[int, int]:
    """Below the range the kernel dials from; each worker of pytest-xdist (gw0, gw1 …) has a share of its own."""
    workers, mine = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")), int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
    share = 20000 // workers
    return 10000 + mine * share, 10000 + (mine + 1) * share


def _is_free(port: int) -> bool:
    for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                probe.bind((address, port))
        except OSError as error:
            if error.errno not in (97, 99):  # a machine without IPv6 has that port free, too
                return False
    return True


def raise_nofile() -> None:
    """Thousands of flows need descriptors in the test as well; the soft limit is often 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def parse_line(line: str) -> dict[str, str]:
    """One log line, logfmt or JSON, as a dict of strings in the order of the line."""
    line = line.strip()
    if line.startswith("{"):
        try:
            return {key: "-" if value is None else str(value) for key, value in json.loads(line).items()}
        except ValueError:
            return {}
    fields = {}
    for key, value in LOGFMT.findall(line):
        if value.startswith('"'):
            value = value[1:-1].replace('\\"', '"').replace("\\\\", "\\")
        fields[key] = value
    return fields


def parse_hostport(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


class Edge:
    """`with Edge(ini) as edge:` a ready edge, ended by its pid whatever happens inside the block."""

    def __init__(self, ini_text: str, *, binary: str | None = None, netns: str | None = None,
                 env: dict[str, str] | None = None, args: list[str] | None = None, nofile: int | None = None,
                 stderr: Any = None, preexec: Callable[[], None] | None = None, patience: float = 1.0) -> None:
        self.ini_text = ini_text
        self.binary = binary or default_binary()
        self.netns = netns
        self.env = env or {}
        self.args = args or []
        self.nofile = nofile
        self.stderr = stderr
        self.preexec = preexec
        self.patience = patience
        self.process: subprocess.Popen[bytes] | None = None
        self.directory: Path | None = None
        self._flows: list[dict[str, str]] = []
        self._reading = threading.Lock()
        self._offsets = {"stdout": 0, "stderr": 0}

    # -- life ------------------------------------------------------------------------------------------------------

    def __enter__(self) -> "Edge":
        _entered.add(self)
        self.directory = Path(tempfile.mkdtemp(prefix=f"tailsplice-{os.getpid()}-"))
        try:
            self._spawn()
            if self.stderr is None:
                self._wait_ready()
            else:
                self._wait_listening()
        except BaseException:
            self._end()
            self._clean()
            raise
        return self

    def __exit__(self, kind: Any, value: Any, trace: Any) -> None:
        killed, status = self._end()
        log = self.log()
        self._clean()
        problem = self._problem(killed, status, log)
        if problem and (kind is None or SANITIZER.search(log)):
            raise EdgeError(f"{problem}\n--- log of the edge ---\n{log[-8000:]}")
        if value is not None:
            value.add_note(f"--- log of the edge ---\n{log[-2000:]}")

    def _spawn(self) -> None:
        assert self.directory is not None
        self.config = self.directory / "tailsplice.ini"
        self.config.write_text(self.ini_text)
        command = [self.binary, "run", "-c", str(self.config), *self.args]
        if self.netns:
            command = ["ip", "netns", "exec", self.netns, *command]
        environment = {"UBSAN_OPTIONS": "print_stacktrace=1", **os.environ, **self.env}
        with open(self.directory / "stdout", "wb") as out, open(self.directory / "stderr", "wb") as err:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=self.stderr if self.stderr is not None else err,
                env=environment, preexec_fn=self._prepare_child)

    def _prepare_child(self) -> None:
        if self.nofile is not None:
            resource.setrlimit(resource.RLIMIT_NOFILE, (self.nofile, self.nofile))
        if self.preexec is not None:
            self.preexec()

    def _wait_ready(self) -> None:
        quiet = re.search(r"^\s*log-level\s*=\s*(warn|error)", self.ini_text, re.M)
        if quiet:
            self._wait_listening()
            return
        ready = re.compile(r'\bmsg="?ready\b|"msg":\s*"ready"')
        self._wait_for(lambda: ready.search(self.log()) is not None, "it logged no line with msg=ready")

    def _wait_listening(self) -> None:
        self._wait_for(lambda: bool(self.listening()), "it opened no listening socket")
        time.sleep(0.2)

    def _wait_for(self, condition: Callable[[], bool], complaint: str) -> None:
        assert self.process is not None
        deadline = time.monotonic() + 15 * self.patience
        while not condition():
            if self.process.poll() is not None:
                raise EdgeError(f"the edge ended with status {self.process.returncode} before it was ready:\n{self.log()}")
            if time.monotonic() > deadline:
                raise EdgeError(f"the edge is not ready, {complaint}:\n{self.log()}")
            time.sleep(0.01)

    def stop(self, sig: int = signal.SIGTERM, timeout: float = 10) -> int:
        """Send `sig`, wait for the end, return the exit status."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(sig)
        try:
            return self.process.wait(timeout * self.patience)
        except subprocess.TimeoutExpired:
            raise EdgeError(f"the edge did not end within {timeout} s after signal {sig}:\n{self.log()[-4000:]}") from None

    def signal(self, sig: int) -> None:
        assert self.process is not None
        self.process.send_signal(sig)

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def _end(self) -> tuple[bool, int | None]:
        if self.process is None:
            return False, None
        for sig in (signal.SIGINT, signal.SIGKILL):
            if self.process.poll() is not None:
                break
            self.process.send_signal(sig)
            try:
                self.process.wait(10 * self.patience)
                return sig == signal.SIGKILL, self.process.returncode
            except subprocess.TimeoutExpired:
                continue
        return False, self.process.returncode

    def _problem(self, killed: bool, status: int | None, log: str) -> str:
        found = SANITIZER.search(log)
        if found:
            return f"a sanitizer spoke: {found.group(0)}"
        if killed:
            return "the edge did not end 10 s after SIGINT and was killed"
        if status:
            return f"the edge crashed with signal {-status}" if status < 0 else f"the edge ended with status {status}"
        return ""

    def kill(self) -> None:
        """End it without ceremony."""
        if self.alive():
            self.process.kill()
            self.process.wait()
        self._clean()

    def _clean(self) -> None:
        _entered.discard(self)
        if self.directory is not None and not os.environ.get("TAILSPLICE_KEEP"):
            shutil.rmtree(self.directory, ignore_errors=True)

    # -- what it says ----------------------------------------------------------------------------------------------

    def log(self) -> str:
        """Everything it has said so far: standard error, then standard output."""
        if self.directory is None or not self.directory.exists():
            return getattr(self, "_last_log", "")
        texts = [(self.directory / name).read_text(errors="replace") for name in ("stderr", "stdout")]
        self._last_log = "".join(texts)
        return self._last_log

    def lines(self) -> list[dict[str, str]]:
        return [parse_line(line) for line in self.log().splitlines()]

    def flows(self) -> list[dict[str, str]]:
        """The flow lines so far. Reads only what is new: this is polled, and logs of load tests are long."""
        with self._reading:
            self._read_flows()
            return list(self._flows)

    def _read_flows(self) -> None:
        if self.directory is None or not self.directory.exists():
            return
        for name in self._offsets:
            with open(self.directory / name, "rb") as file:
                file.seek(self._offsets[name])
                data = file.read()
            complete = data[:data.rfind(b"\n") + 1]
            self._offsets[name] += len(complete)
            for line in complete.decode(errors="replace").splitlines():
                fields = parse_line(line)
                if "flow" in fields and "why" in fields:
                    self._flows.append(fields)

    def told(self, *whys: str) -> int:
        """Connections that ended so: those with a line of their own, and those in sums (of refused ones, and of such as had gone)."""
        sums = sum(int(line["clients"]) for line in self.lines() if line.get("why") in whys and "clients" in line)
        return sums + sum(flow["why"] in whys for flow in self.flows())

    def wait_flow(self, pred: Callable[[dict[str, str]], bool], timeout: float = 10, *, after: int = 0) -> dict[str, str]:
        """The first flow line that `pred` accepts, of those past the first `after`; waits for it."""
        deadline = time.monotonic() + timeout * self.patience
        seen = after
        while True:
            flows = self.flows()
            for fields in flows[seen:]:
                if pred(fields):
                    return fields
            seen = len(flows)
            if not self.alive() and seen == len(self.flows()):
                raise EdgeError(f"the edge is gone and logged no such flow:\n{self.log()[-4000:]}")
            if time.monotonic() > deadline:
                raise EdgeError(f"no such flow line within {timeout} s; the log ends with\n{self.log()[-4000:]}")
            time.sleep(0.01)

    def wait_log(self, pattern: str, timeout: float = 10, *, count: int = 1) -> None:
        """Until the pattern stands so many times in what it said."""
        deadline = time.monotonic() + timeout * self.patience
        while len(re.findall(pattern, self.log())) < count:
            if time.monotonic() > deadline or not self.alive():
                raise EdgeError(f"it did not say {pattern!r} {count} times within {timeout} s; the log ends with\n{self.log()[-4000:]}")
            time.sleep(0.01)

    # -- what it holds ---------------------------------------------------------------------------------------------

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def _links(self) -> list[str]:
        found = []
        for entry in os.listdir(f"/proc/{self.pid}/fd"):
            try:
                found.append(os.readlink(f"/proc/{self.pid}/fd/{entry}"))
            except FileNotFoundError:
                continue
        return found

    def is_stopped(self) -> bool:
        """All its threads have taken notice of a SIGSTOP; the kernel's own workers (iou-) have no state of their own."""
        states = [Path(task, "stat").read_text() for task in Path(f"/proc/{self.pid}/task").iterdir()]
        return all(state.rpartition(")")[2].split()[0] == "T" for state in states if "(iou-" not in state)

    def fds(self) -> dict[str, int]:
        """How many descriptors of each kind are open."""
        counts = {"socket": 0, "pipe": 0, "io_uring": 0, "other": 0}
        for link in self._links():
            kind = link.split(":", 1)[0]
            if "io_uring" in link:
                kind = "io_uring"
            counts[kind if kind in counts else "other"] += 1
        return counts

    def listening(self) -> list[tuple[str, int]]:
        """The (address, port) of every TCP socket on which this process listens."""
        try:
            own = {link[8:-1] for link in self._links() if link.startswith("socket:[")}
        except FileNotFoundError:
            return []
        found = []
        for name, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
            for local, _, state, inode in tcp_table(self.pid, name):
                if state == "0A" and inode in own:
                    found.append((_address(local, family), int(local.split(":")[1], 16)))
        return found

    def rss(self) -> int:
        """Resident memory in bytes."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(r"^VmRSS:\s+(\d+) kB", status, re.M)
        assert found, f"no VmRSS: the edge is gone\n{self.log()[-2000:]}"
        return int(found.group(1)) * 1024

    def cpu(self) -> float:
        """Processor seconds used so far, user and system, kernel threads of its ring included."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def tcp_table(pid: int | str, name: str) -> list[tuple[str, str, str, str]]:
    """(local, remote, state, inode) of each row of /proc/PID/net/tcp or tcp6."""
    try:
        rows = Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]
    except FileNotFoundError:
        return []
    split = [row.split() for row in rows]
    return [(row[1], row[2], row[3], row[9]) for row in split]


def _address(local: str, family: int) -> str:
    digits = local.split(":")[0]
    words = [digits[at:at + 8] for at in range(0, len(digits), 8)]
    return socket.inet_ntop(family, b"".join(bytes.fromhex(word)[::-1] for word in words))
