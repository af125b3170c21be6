"""Lints: what `check` and `run` say of a file that is possible but would hurt mail, and the stories behind."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import tempfile
from pathlib import Path
from typing import Iterator

import pytest

from harness.command import call
from harness.edge import ROOT, free_port

pytestmark = pytest.mark.usefixtures("binary")

BRACKETS = re.compile(r"^(\S+?):(\d+): (warning: )?(\S.*) \[([a-z0-9-]+)\]$")

# A lint that forbids, one that warns; both in one file.
OPEN = "[listen mail]\nports = 25\nbackend = b\n[backend b]\nserver = 192.0.2.1\nsend-proxy = {proxy}\nidle = {idle}\n"


def check(tmp_path: Path, text: str, **options: object) -> subprocess.CompletedProcess[str]:
    file = tmp_path / "edge.ini"
    file.write_text(text)
    return call("check", "-c", str(file), **options)


def lints(done: subprocess.CompletedProcess[str]) -> dict[str, tuple[int, bool]]:
    """Code -> line and whether it is a warning."""
    found = [match for match in map(BRACKETS.match, done.stderr.splitlines()) if match]
    return {match[5]: (int(match[2]), bool(match[3])) for match in found}


def codes() -> list[str]:
    done = call("check", "--explain")
    assert done.returncode == 0 and not done.stderr, done
    return [line.split()[0] for line in done.stdout.splitlines()]


def test_a_warning_forbids_nothing(tmp_path: Path) -> None:
    """Status 0, the summary on standard output, the warning on standard error."""
    done = check(tmp_path, OPEN.format(proxy="v2", idle="1m"))
    assert done.returncode == 0 and "0.0.0.0:25" in done.stdout, done
    assert lints(done) == {"idle-smtp": (7, True)}, done.stderr


def test_an_error_forbids(tmp_path: Path) -> None:
    """Status 1 and no summary; the warnings are told as well."""
    done = check(tmp_path, OPEN.format(proxy="off", idle="1m"))
    assert done.returncode == 1 and not done.stdout, done
    assert lints(done) == {"proxy-off-25": (6, False), "idle-smtp": (7, True)}, done.stderr


def test_lints_and_mistakes_at_once(tmp_path: Path) -> None:
    """In the order of the file, and a refused value is not linted on top."""
    done = check(tmp_path, OPEN.format(proxy="v3", idle="1m") + "colour = blue\n")
    lines = [int(line.split(":")[1]) for line in done.stderr.splitlines()]
    assert done.returncode == 1 and lines == [6, 7, 8], done.stderr
    assert set(lints(done)) == {"idle-smtp"}


def test_each_server_has_its_line(tmp_path: Path) -> None:
    text = "[listen mail]\nports = 2525\nbackend = b\n[backend b]\nserver = 192.0.2.1\nserver = stalwart\n"
    done = check(tmp_path, text)
    assert done.returncode == 1 and lints(done) == {"bare-name": (6, False)}, done.stderr
    assert "stalwart.TAILNET.ts.net" in done.stderr


def test_run_refuses_the_same(tmp_path: Path) -> None:
    checked = check(tmp_path, OPEN.format(proxy="off", idle="1m"))
    ran = call("run", "-c", str(tmp_path / "edge.ini"))
    assert ran.returncode == 1 and ran.stderr == checked.stderr


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "configs").glob("*.ini")))
def test_examples(name: str) -> None:
    """What we hand out has no error, and no warning but the one that is true of every such deployment."""
    done = call("check", "-c", str(ROOT / "configs" / name))
    assert done.returncode == 0, done.stderr
    assert set(lints(done)) <= {"http-bans-edge", "privileged-port"}, done.stderr


def test_readme_example(tmp_path: Path) -> None:
    blocks = re.findall(r"```ini\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    whole = [block for block in blocks if "[listen" in block and "[backend" in block]
    assert whole, "README.md shows no configuration"
    for block in whole:
        done = check(tmp_path, block)
        assert done.returncode == 0 and not set(lints(done)) - {"http-bans-edge", "privileged-port"}, done.stderr


# -- what depends on the machine -------------------------------------------------------------------------------------


def unprivileged() -> dict[str, object]:
    if os.geteuid() != 0:
        return {}
    return {"user": 65534, "group": 65534, "extra_groups": []}


@pytest.fixture
def readable() -> Iterator[Path]:
    """A folder that every user may look into: pytest keeps its own to itself."""
    with tempfile.TemporaryDirectory(prefix="ts-") as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


def first_free_port() -> int:
    return int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())


def test_privileged_port(readable: Path) -> None:
    """A user without the right is warned; check still says what would listen, since the service may have it."""
    if first_free_port() == 0:
        pytest.skip("every port is free here (net.ipv4.ip_unprivileged_port_start = 0)")
    low, high = (f"[listen a]\nports = {port}\nbackend = b\n[backend b]\nserver = 192.0.2.1\n"
                 for port in (first_free_port() - 1, first_free_port()))
    done = check(readable, low, **unprivileged())
    assert done.returncode == 0 and done.stdout and lints(done) == {"privileged-port": (2, True)}, done
    high_done = check(readable, high, **unprivileged())
    assert high_done.returncode == 0 and not lints(high_done), high_done
    if os.geteuid() == 0:
        assert not lints(check(readable, low))


def test_sockets_of_systemd_need_no_right(readable: Path) -> None:
    if first_free_port() == 0:
        pytest.skip("every port is free here (net.ipv4.ip_unprivileged_port_start = 0)")
    text = f"[listen a]\nports = {first_free_port() - 1}\nbackend = b\n[backend b]\nserver = 192.0.2.1\n"
    done = check(readable, text, env={**os.environ, "LISTEN_FDS": "2"}, **unprivileged())
    assert done.returncode == 0 and not lints(done), done.stderr


@pytest.mark.parametrize("flows, warned", [(100000, True), (10, False), ("auto", False)])
def test_max_flows(tmp_path: Path, flows: object, warned: bool) -> None:
    text = f"[global]\nmax-flows = {flows}\nworkers = 1\n[listen a]\nports = {free_port()}\nbackend = b\n"
    done = check(tmp_path, text + "[backend b]\nserver = 192.0.2.1\n",
                 preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (512, 512)))
    assert done.returncode == 0 and ("max-flows-limit" in lints(done)) == warned, done.stderr
    assert not warned or "512" in done.stderr


# -- the stories -----------------------------------------------------------------------------------------------------


def test_list_of_stories() -> None:
    done = call("check", "--explain")
    rows = [line.split(None, 1) for line in done.stdout.splitlines()]
    assert len(rows) > 15 and all(len(row) == 2 and len(row[1]) > 10 for row in rows), rows
    assert {"bare-name", "proxy-off-25", "http-bans-edge", "idle-imap"} <= {row[0] for row in rows}


def test_each_story() -> None:
    for code in codes():
        done = call("check", "--explain", code)
        assert done.returncode == 0 and not done.stderr, done
        assert done.stdout.startswith(f"{code}: ") and "\nDo: " in done.stdout, done.stdout
        assert max(map(len, done.stdout.splitlines())) <= 110 and len(done.stdout.splitlines()) <= 14, done.stdout


@pytest.mark.parametrize("code, meant", [
    ("bare-nam", "bare-name"), ("brae-name", "bare-name"), ("proxy-of-25", "proxy-off-25"), ("idle-imaps", "idle-imap"),
])
def test_nearest_code(code: str, meant: str) -> None:
    done = call("check", "--explain", code)
    assert done.returncode == 1 and not done.stdout, done
    assert code in done.stderr and f"'{meant}'" in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr


@pytest.mark.parametrize("code", ["", "x", "A" * 5000, "%s%n", "frobnicate"])
def test_no_code(code: str) -> None:
    done = call("check", "--explain", code)
    assert done.returncode == 1 and not done.stdout and "--explain" in done.stderr, done
    assert len(done.stderr.splitlines()) == 1 and len(done.stderr) < 300


@pytest.mark.parametrize("arguments", [["--explain", "bare-name", "x"], ["-c", "x.ini", "--explain"]])
def test_wrong_arguments(arguments: list[str]) -> None:
    done = call("check", *arguments)
    assert done.returncode == 1 and not done.stdout and done.stderr, done
