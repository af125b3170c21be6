"""The commands that ask a running edge, against a scripted one: arguments, requests, answers, failures, the live screen."""

from __future__ import annotations

import copy
import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any, Iterator

import pytest

from harness.command import call
from harness.control import FakeEdge, Screen
from harness.edge import default_binary
from harness.need import cannot_run

pytestmark = pytest.mark.usefixtures("binary")

VERBS = ["status", "conns", "kill", "ban", "unban", "bans", "log-level", "drain", "ready", "maint", "reload"]
LONG6 = "[2001:db8:1111:2222:3333:4444:5555:6666]"
LISTENER = {"name": "mail", "port": 25, "backend": "stalwart", "state": "accepting", "live": 300, "accepted": 81234,
            "refused": 17, "up": 1234567, "down": 987654321}
SERVER = {"name": "100.64.0.2", "state": "ready", "live": 312, "weight": 1, "backup": False, "share_percent": 100,
          "addresses": [{"address": "100.64.0.2", "up": True}], "source": None, "age_s": None, "error": None}
STATUS: dict[str, Any] = {
    "ok": True, "version": "0.1.0", "pid": 4711, "state": "running", "since": "2026-01-02T03:04:05Z", "uptime_s": 273840,
    "config": {"file": "/etc/tailsplice/tailsplice.ini", "hash": "0123456789abcdef", "loaded": "2026-01-02T03:04:05Z",
               "reloads": 3, "failed_reloads": 1, "last_error": "the file has mistakes"},
    "workers": 2, "ring": "defer-taskrun single-issuer coop-taskrun submit-all", "user": None,
    "flows": {"live": 312, "max": 16000, "accepted": 81234, "refused": 17}, "refusals": {"denied": 5, "limit-flows": 12},
    "ends": {"client-eof": 81234, "server-eof": 99, "client-reset": 7, "idle": 12, "drain": 1, "killed": 2, "denied": 5},
    "bytes": {"up": 1234567, "down": 98765432100},
    "rates": {"connections_per_s": 12.34, "up_bytes_per_s": 1536, "down_bytes_per_s": 0, "over_ms": 1000},
    "paths": {"splice": 81000, "copy": 234}, "bans": 3, "log": {"level": "info", "dropped": 4},
    "listeners": [{**LISTENER, "address": "0.0.0.0:25"}, {**LISTENER, "address": f"{LONG6}:25"}],
    "backends": [{"name": "stalwart", "servers": [SERVER, {**SERVER, "name": f"{LONG6}:10025", "state": "maint"}], "send_proxy": "v2", "live": 312,
                  "connects": 81234, "failed": 9, "up": 1, "down": 2}]}
CONN = {"id": "0000017a", "listener": "mail:25", "client": f"{LONG6}:51234", "backend": "stalwart",
        "server": "100.64.0.2:25", "path": "splice", "state": "relay", "age_ms": 61000, "idle_ms": 12, "up": 1536,
        "down": 5, "rate": 125000}
CONNS = {"ok": True, "total": 400, "matched": 50, "conns": [{**CONN, "id": f"{n:08x}"} for n in range(50)]}
ANSWERS: dict[str, Any] = {
    "status": STATUS, "conns": CONNS, "kill": {"ok": True, "killed": "0000017a"},
    "ban": {"ok": True, "banned": "192.0.2.0/24", "ttl_s": 600, "ended": 3}, "unban": {"ok": True, "unbanned": "192.0.2.0/24"},
    "bans": {"ok": True, "bans": [{"net": "192.0.2.0/24", "ttl_s": 59, "since": "2026-01-02T03:04:05Z"}]},
    "log-level": {"ok": True, "level": "debug"}, "drain": {"ok": True, "draining": None},
    "ready": {"ok": True, "backend": "stalwart", "server": "100.64.0.2", "state": "ready", "live": 1},
    "maint": {"ok": True, "backend": "stalwart", "server": "100.64.0.2", "state": "maint", "live": 3},
    "reload": {"ok": True, "changed": {"added": ["[::]:993"], "removed": [], "kept": 4}, "warnings": ["a.ini:3: warning: w"]}}


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[FakeEdge]:
    with FakeEdge(tmp_path / "c.sock", ANSWERS) as edge:
        yield edge


# -- requests and answers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("args, requests, shown", [
    (["status"], ["status"], "tailsplice 0.1.0, running for 3d04h"),
    (["conns", "--sort", "bytes", "--limit=7"], ["conns sort=bytes limit=7"], f"{LONG6}:51234"),
    (["conns", "--client=192.0.2.0/24", "--listener", "mail:25"], ["conns client=192.0.2.0/24 listener=mail:25"], "50 shown"),
    (["conns", "--sort=rate"], ["conns sort=rate", "conns sort=rate"], "50 shown, 50 match, 400 live"),
    (["kill", "17a"], ["kill 17a"], "killed 0000017a"),
    (["kill", "1", "2", "3"], ["kill 1", "kill 2", "kill 3"], "killed 0000017a\nkilled 0000017a\nkilled"),
    (["ban", "192.0.2.0/24", "10m"], ["ban 192.0.2.0/24 10m"], "banned 192.0.2.0/24 for 10m00s; 3 flows ended"),
    (["unban", "192.0.2.0/24"], ["unban 192.0.2.0/24"], "unbanned 192.0.2.0/24"),
    (["bans"], ["bans"], "192.0.2.0/24   59s"),
    (["log-level"], ["log-level"], "log level debug"),
    (["log-level", "debug"], ["log-level debug"], "log level debug"),
    (["drain"], ["drain"], "draining"),
    (["drain", "mail"], ["drain mail"], "draining"),
    (["ready", "stalwart/100.64.0.2"], ["ready stalwart/100.64.0.2"], "stalwart/100.64.0.2 is ready, with 1 flow\n"),
    (["maint", "stalwart/100.64.0.2"], ["maint stalwart/100.64.0.2"], "stalwart/100.64.0.2 is maint, with 3 flows\n"),
    (["reload"], ["reload"], "reloaded: 1 addresses added"),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_request(edge: FakeEdge, args: list[str], requests: list[str], shown: str) -> None:
    done = call(*args, "-s", edge.path)
    assert done.returncode == 0, done
    assert edge.requests == requests and shown in done.stdout, done
    assert done.stderr == ("a.ini:3: warning: w\n" if args == ["reload"] else ""), done
    assert "\033" not in done.stdout


@pytest.mark.parametrize("verb", VERBS)
def test_json_is_the_answer(edge: FakeEdge, verb: str) -> None:
    args = {"kill": ["17a"], "ban": ["192.0.2.0/24"], "unban": ["192.0.2.0/24"], "ready": ["b/s"], "maint": ["b/s"]}.get(verb, [])
    done = call(verb, *args, "--json", "-s", edge.path)
    assert done.returncode == 0 and not done.stderr and json.loads(done.stdout) == ANSWERS[verb], done


@pytest.mark.parametrize("extra", [[], ["--json"]], ids=["text", "json"])
def test_refused(tmp_path: Path, extra: list[str]) -> None:
    """The edge says no: status 1; every mistake on standard error, or the object for programs."""
    no = {"ok": False, "error": "the file has mistakes", "code": "failed", "errors": ["a.ini:1: x\033[2J", "a.ini:2: y"]}
    with FakeEdge(tmp_path / "c.sock", {"reload": no}) as edge:
        done = call("reload", "-s", edge.path, *extra)
    assert done.returncode == 1, done
    if extra:
        assert json.loads(done.stdout) == no and not done.stderr
    else:
        assert not done.stdout and done.stderr == "a.ini:1: x?[2J\na.ini:2: y\nreload: the file has mistakes\n"


def test_kill_goes_on_after_one_that_is_gone(tmp_path: Path) -> None:
    def answer(line: str) -> Any:
        gone = {"ok": False, "error": "there is no flow 00000002", "code": "unknown"}
        return gone if line == "kill 2" else {"ok": True, "killed": line[5:]}

    with FakeEdge(tmp_path / "c.sock", answer) as edge:
        done = call("kill", "1", "2", "3", "-s", edge.path)
    assert done.returncode == 1 and done.stdout == "killed 1\nkilled 3\n" and "no flow 00000002" in done.stderr, done


def test_status_fits_80_columns(edge: FakeEdge) -> None:
    lines = call("status", "-s", edge.path).stdout.splitlines()
    assert max(map(len, lines)) <= 80, lines
    assert any(f"{LONG6}:25" in line for line in lines), "an address is cut"


def test_rates_are_of_a_second(edge: FakeEdge) -> None:
    begin = time.monotonic()
    call("conns", "--sort", "rate", "-s", edge.path)
    assert 0.9 < time.monotonic() - begin < 4


# -- arguments -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("args, words", [
    (["status", "now"], "unexpected 'now'"),
    (["status", "--wacth"], "unexpected '--wacth'"),
    (["bans", "--watch"], "unexpected '--watch'"),
    (["conns", "--sort"], "value is missing"),
    (["conns", "--sort", ""], "value is missing"),
    (["conns", "--sort", "size"], "expected age, rate or bytes"),
    (["conns", "--sort", "age", "--sort", "age"], "given twice"),
    (["conns", "--client", "192.0.2.7/24"], "192.0.2.0/24"),
    (["conns", "--listener", "a b"], "not one word"),
    (["conns", "--limit", "1000001"], "from 0 to 1000000"),
    (["conns", "--sorted", "age"], "unexpected '--sorted'"),
    (["kill"], "kill: an argument is missing"),
    (["kill", "1", "x"], "hex digits"),
    (["kill", "1\nstatus"], "not one word"),
    (["ban", "mail.example.org"], "expected an address or a network"),
    (["ban", "192.0.2.7", "0s"], "expected a time from 1s to 365d"),
    (["ban", "192.0.2.7 1s"], "not one word"),
    (["ban", ""], "not one word"),
    (["log-level", "loud"], "expected error, warn, info or debug"),
    (["drain", "m\u00e4il"], "not one word"),
    (["drain", "x" * 5000], "one line of at most 4096 bytes"),
    (["reload", "-s"], "unexpected '-s'"),
    (["reload", "-c"], "unexpected '-c'"),
    (["status", "-s", "/" + "x" * 200], "at most 107 characters"),
], ids=lambda value: " ".join(value)[:40].replace("\n", "|") if isinstance(value, list) else "")
def test_wrong_arguments(edge: FakeEdge, args: list[str], words: str) -> None:
    """Refused before anybody is asked."""
    done = call(*args[:1], "-s", edge.path, *args[1:])
    assert done.returncode == (2 if "107" in words else 1), done
    assert not done.stdout and words in done.stderr and done.stderr.count("\n") == 1, done
    assert edge.requests == []


@pytest.mark.parametrize("verb", VERBS)
def test_help(verb: str) -> None:
    done = call(verb, "--help")
    assert done.returncode == 0 and done.stdout.startswith(f"tailsplice {verb}"), done
    assert all(word in done.stdout for word in ("--json", "-c FILE", "-s PATH", "Exit status")), done
    assert verb in call("--help").stdout


# -- where it asks ---------------------------------------------------------------------------------------------------


def test_socket_of_the_file(edge: FakeEdge, tmp_path: Path) -> None:
    """`control` of the file; of one with mistakes, too: the edge that runs was started from it as it was before."""
    file = tmp_path / "edge.ini"
    for more in ("", "[listen x]\nprots = 25\n"):
        file.write_text(f"[global]\ncontrol = {edge.path}\n{more}")
        done = call("bans", "-c", str(file))
        assert done.returncode == 0 and "192.0.2.0/24" in done.stdout, done


@pytest.mark.parametrize("content, words", [
    (None, "cannot be read"), ("[listen a]\nports = 2525\nbackend = b\n[backend b]\nserver = 192.0.2.1\n", "has no `control`"), ("[global]\ncontrol = relative\n", "has mistakes"),
], ids=["missing", "without control", "broken"])
def test_no_socket_in_the_file(tmp_path: Path, content: str | None, words: str) -> None:
    if Path("/run/tailsplice/control.sock").exists():
        cannot_run("an edge runs on this machine, at the default socket")
    file = tmp_path / "edge.ini"
    if content is not None:
        file.write_text(content)
    done = call("status", "-c", str(file))
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done
    assert all(part in done.stderr for part in ("/run/tailsplice/control.sock", str(file), words, "-s PATH")), done


def test_nobody_there(tmp_path: Path) -> None:
    path = tmp_path / "c.sock"
    done = call("status", "-s", str(path))
    assert done.returncode == 2 and "no socket at" in done.stderr and "running" in done.stderr, done
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    done = call("status", "-s", str(path))
    assert done.returncode == 2 and "nobody listens" in done.stderr, done
    done = call("status", "-s", str(tmp_path))
    assert done.returncode == 2 and str(tmp_path) in done.stderr, done


def test_no_permission(edge: FakeEdge, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        cannot_run("it takes root to become somebody else")
    for folder in (tmp_path, *tmp_path.parents):
        if folder != Path("/tmp") and str(folder).startswith("/tmp"):
            folder.chmod(0o755)
    os.chmod(edge.path, 0o600)
    if subprocess.run(["test", "-x", default_binary()], user=65534).returncode != 0:
        cannot_run(f"{default_binary()} is not for everybody")
    done = call("status", "-s", edge.path, user=65534)
    assert done.returncode == 2 and "no permission" in done.stderr and "sudo" in done.stderr, done


# -- an edge that is no good -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer, words", [
    (None, "it closed the connection"), (b"", "it closed the connection"), (b"HTTP/1.1 400 Bad Request\r\n\r\n", "expected a JSON object"),
    (b'{"ok": true', "expected a JSON object"), (b"[1, 2]", "expected a JSON object"), (b'{"version": "0.1.0"}', 'object with "ok"'),
    (b'{"ok": true} and more', "expected a JSON object"), (b"\x00\xff" * 1000, "expected a JSON object"), (b"[" * 100000, "expected a JSON object"),
], ids=["closed", "empty", "http", "cut", "array", "no ok", "more", "binary", "deep"])
def test_no_answer_to_use(tmp_path: Path, answer: bytes | None, words: str) -> None:
    with FakeEdge(tmp_path / "c.sock", lambda line: answer) as edge:
        for extra in ([], ["--json"]):
            done = call("status", "-s", edge.path, *extra)
            assert done.returncode == 2 and words in done.stderr and not done.stdout, done
            assert done.stderr[:-1].isprintable(), done


def test_an_answer_of_nonsense(tmp_path: Path) -> None:
    """Fields of the wrong kind, or none: something is printed, nothing crashes."""
    for answer in ({"ok": True}, {"ok": True, **{key: [3] for key in STATUS if key != "ok"}}, {"ok": True, "flows": "x" * 100000}):
        with FakeEdge(tmp_path / "c.sock", lambda line: answer) as edge:
            for verb in ("status", "conns", "bans", "reload", "drain", "log-level"):
                assert call(verb, "-s", edge.path).returncode == 0


def test_a_large_answer(tmp_path: Path) -> None:
    """100 000 flows are shown; 64 MiB and more are refused while they come."""
    many = json.dumps({**CONNS, "conns": [CONN] * 100_000}).encode()
    with FakeEdge(tmp_path / "c.sock", lambda line: many) as edge:
        done = call("conns", "--limit", "0", "-s", edge.path)
        assert done.returncode == 0 and done.stdout.count("\n") == 100_002
    with FakeEdge(tmp_path / "c.sock", lambda line: b" " * (65 << 20)) as edge:
        done = call("conns", "-s", edge.path)
        assert done.returncode == 2 and "more than 64 MiB" in done.stderr, done


@pytest.mark.limit(40)
def test_a_silent_edge(tmp_path: Path) -> None:
    """It waits 10 s, not for ever."""
    with FakeEdge(tmp_path / "c.sock", lambda line: None, delay=30) as edge:
        begin = time.monotonic()
        done = call("status", "-s", edge.path)
        assert done.returncode == 2 and "no answer within 10 s" in done.stderr, done
        assert 9 < time.monotonic() - begin < 15


# -- the live screen ---------------------------------------------------------------------------------------------------


@pytest.fixture
def moving(tmp_path: Path) -> Iterator[FakeEdge]:
    """An edge whose figures go up with each look."""
    status = copy.deepcopy(STATUS)

    def answer(line: str) -> Any:
        if line.startswith("conns"):
            return CONNS
        status["flows"]["accepted"] += 50
        status["bytes"]["up"] += 1_000_000
        return status

    with FakeEdge(tmp_path / "c.sock", answer) as edge:
        yield edge


def need_pyte() -> None:
    try:
        import pyte  # noqa: F401
    except ImportError:
        cannot_run("pyte is missing: apt-get install python3-pyte")


def watch(edge: FakeEdge, **options: Any) -> Screen:
    need_pyte()
    return Screen("status", "--watch", "-s", edge.path, **options)


@pytest.mark.parametrize("env", [{"LC_ALL": "C.UTF-8"}, {"LC_ALL": "C"}, {"LC_ALL": "C", "NO_COLOR": "1"}], ids=["utf-8", "ascii", "plain"])
def test_watch_fits_80_by_24(moving: FakeEdge, env: dict[str, str]) -> None:
    """Every line of the picture is a line of the screen: none wraps, none scrolls away."""
    with watch(moving, env=env) as screen:
        screen.wait_for("FASTEST FLOWS")
        screen.read(2.3)
        lines = screen.lines()
        assert lines[0].startswith("tailsplice 0.1.0  running"), lines
        assert [word for word in ("flows ", "servers     1 ready, 1 maint", "connections", "up ", "down ", "refused ") if not any(l.startswith(word) for l in lines)] == []
        assert "mail:25 0.0.0.0" in "\n".join(lines) and sum(f"{LONG6}"[:12] in line for line in lines) > 5, lines
        assert all(line for line in (lines[0], lines[23])), "it does not fill the screen"
        assert any(symbol in lines[3] for symbol in ("\u2588" if env["LC_ALL"] == "C.UTF-8" else "#")), lines[3]
        assert (b"\033[1m" in screen.raw) == ("NO_COLOR" not in env)
        # What was sent, cut into pictures: no line of them is wider than the screen.
        for picture in screen.raw.split(b"\033[H")[1:]:
            plain = picture.split(b"\033[J")[0].replace(b"\033[K", b"").replace(b"\033[1m", b"").replace(b"\033[0m", b"")
            shown = plain.decode().split("\r\n")
            assert len(shown) <= 24 and max(map(len, shown)) <= 80, shown
        screen.type("q")
        assert screen.wait_end() == 0 and screen.is_restored()
    assert 3 <= len([r for r in moving.requests if r == "status"]) <= 6
    assert "conns sort=rate limit=24" in moving.requests


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT], ids=lambda n: n.name)
def test_watch_ends_by_a_signal(moving: FakeEdge, number: int) -> None:
    with watch(moving) as screen:
        screen.wait_for("FASTEST FLOWS")
        screen.signal(number)
        assert screen.wait_end() == 0 and screen.is_restored()


def test_watch_ends_by_keys(moving: FakeEdge) -> None:
    with watch(moving) as screen:
        screen.wait_for("FASTEST FLOWS")
        screen.type("x")
        screen.read(0.5)
        assert screen.process.poll() is None
        screen.type("\x03")
        assert screen.wait_end() == 0 and screen.is_restored()


def test_watch_follows_the_size(moving: FakeEdge) -> None:
    with watch(moving) as screen:
        screen.wait_for("FASTEST FLOWS")
        for rows, columns in ((10, 40), (50, 132), (1, 1), (24, 80)):
            screen.resize(rows, columns)
            screen.signal(signal.SIGWINCH)
            screen.read(0.4)
            lines = screen.lines()
            assert lines[0].startswith("tailsplice 0.1.0  running"[:columns]), lines
            assert lines[-1] or rows < 24, lines
        screen.type("q")
        assert screen.wait_end() == 0 and screen.is_restored()


def test_watch_can_be_stopped(moving: FakeEdge) -> None:
    """Ctrl-Z gives the terminal back, and the picture comes again afterwards."""
    with watch(moving) as screen:
        screen.wait_for("FASTEST FLOWS")
        screen.type("\x1a")
        screen.wait_stopped()
        screen.read(0.2)
        assert screen.is_restored()
        screen.signal(signal.SIGCONT)
        screen.read(1.5)
        assert not screen.is_restored()
        screen.type("q")
        assert screen.wait_end() == 0 and screen.is_restored()


def test_watch_when_the_edge_goes_and_comes(tmp_path: Path) -> None:
    with FakeEdge(tmp_path / "c.sock", ANSWERS) as edge:
        screen = watch(edge)
        screen.wait_for("running")
    with screen:
        screen.wait_for("NO ANSWER")
        screen.wait_for("nobody listens")
        with FakeEdge(tmp_path / "c.sock", {**ANSWERS, "status": {**STATUS, "pid": 4712}}):
            screen.wait_for("pid 4712")
            screen.wait_for("running")
        Path(edge.path).unlink()
        screen.wait_for("no socket at")
        screen.type("q")
        assert screen.wait_end() == 0 and screen.is_restored()


def test_watch_ends_at_once_while_the_edge_is_silent(tmp_path: Path) -> None:
    with FakeEdge(tmp_path / "c.sock", ANSWERS) as edge:
        with watch(edge) as screen:
            screen.wait_for("running")
            edge.delay = 30
            screen.read(1.5)
            begin = time.monotonic()
            screen.type("q")
            assert screen.wait_end() == 0 and screen.is_restored() and time.monotonic() - begin < 0.5
            edge._ended.set()


def test_watch_without_a_terminal(moving: FakeEdge) -> None:
    """One block, or one line of JSON, a second."""
    for extra, wanted in ([], "FASTEST FLOWS"), (["--json"], '"uptime_s"'):
        with subprocess.Popen([default_binary(), "status", "--watch", "-s", moving.path, *extra], stdout=subprocess.PIPE,
                              stdin=subprocess.DEVNULL, text=True) as process:
            time.sleep(2.5)
            process.send_signal(signal.SIGTERM)
            said = process.communicate(timeout=5)[0]
        assert process.returncode == 0 and said.count(wanted) == 3 and "\033" not in said, said
        if extra:
            assert all(json.loads(line)["ok"] for line in said.splitlines())
        else:
            assert max(map(len, said.splitlines())) <= 80


def test_watch_with_nobody_there(tmp_path: Path) -> None:
    done = call("status", "--watch", "-s", str(tmp_path / "c.sock"))
    assert done.returncode == 2 and not done.stdout and "no socket at" in done.stderr, done


def test_conns_on_a_terminal_are_cut(edge: FakeEdge) -> None:
    need_pyte()
    with Screen("conns", "-s", edge.path, rows=60) as screen:
        assert screen.wait_end() == 0
        shown = screen.raw.replace(b"\033[1m", b"").replace(b"\033[0m", b"").decode().splitlines()
        assert len(shown) == 52 and max(map(len, shown)) == 80 and b"\033[1mID" in screen.raw, shown
