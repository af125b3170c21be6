"""What `meson install` puts onto a machine: complete, true to the program, and usable from where it lies."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Iterator

import pytest

from harness.edge import default_binary

pytestmark = pytest.mark.usefixtures("binary")


def tool(name: str) -> str:
    found = shutil.which(name, path="/usr/bin:/bin:/usr/sbin:/sbin:" + os.environ.get("PATH", ""))
    if not found:
        pytest.skip(f"{name} is not installed")
    return found


@pytest.fixture(scope="module")
def root() -> Iterator[Path]:
    build = Path(default_binary()).parent
    if not (build / "build.ninja").exists():
        pytest.skip(f"{build} is no build of meson")
    with tempfile.TemporaryDirectory(prefix="ts-") as directory:
        subprocess.run([tool("meson"), "install", "-C", str(build), "--no-rebuild", "--quiet", "--destdir", directory], check=True)
        yield Path(directory)


def said(*argv: str | Path) -> str:
    return subprocess.run([str(word) for word in argv], capture_output=True, text=True, timeout=20, check=True).stdout


def words_of(program: Path) -> dict[str, list[str]]:
    """The options of each command."""
    return {line.split()[0]: [word.split("=")[0] for word in line.split()[1:]] for line in said(program, "--commands").splitlines()}


def test_everything_is_there(root: Path) -> None:
    found = {str(path.relative_to(root / "usr/local")) for path in root.rglob("*") if path.is_file()}
    assert found == {
        "bin/tailsplice", "lib/systemd/system/tailsplice.service", "lib/systemd/system/tailsplice.socket",
        "lib/sysusers.d/tailsplice.conf", "lib/tmpfiles.d/tailsplice.conf", "share/man/man8/tailsplice.8",
        "share/man/man5/tailsplice.ini.5", "share/bash-completion/completions/tailsplice",
        "share/doc/tailsplice/examples/full.ini", "share/doc/tailsplice/examples/mail-edge.ini",
        "share/doc/tailsplice/examples/minimal.ini", "share/doc/tailsplice/examples/one-address.ini",
        "share/doc/tailsplice/examples/smarthost.ini", "share/doc/tailsplice/examples/acl-snippet.hujson",
        "share/doc/tailsplice/fail2ban/tailsplice.conf",
        "share/doc/tailsplice/crowdsec/tailsplice-bouncer"}


def test_the_unit_starts_what_was_installed(root: Path) -> None:
    unit = (root / "usr/local/lib/systemd/system/tailsplice.service").read_text()
    programs = set(re.findall(r"^Exec\w+=(\S+)", unit, re.M))
    assert programs == {"/usr/local/bin/tailsplice"} and "@" not in re.sub(r"@[a-z-]+", "", unit)


def test_examples_are_accepted(root: Path) -> None:
    for example in (root / "usr/local/share/doc/tailsplice/examples").glob("*.ini"):
        said(root / "usr/local/bin/tailsplice", "check", "-c", example)


def plain(page: Path) -> str:
    """As a terminal would show it, in one line, without bold."""
    text = subprocess.run([tool("mandoc"), "-T", "utf8", str(page)], capture_output=True, text=True, check=True).stdout
    return " ".join(re.sub(".\b", "", text).split())


@pytest.mark.parametrize("page", ["man8/tailsplice.8", "man5/tailsplice.ini.5"])
def test_pages_have_no_mistakes(root: Path, page: str) -> None:
    done = subprocess.run([tool("mandoc"), "-T", "lint", "-W", "style", str(root / "usr/local/share/man" / page)],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_pages_are_complete(root: Path) -> None:
    """Every command with its options, every key with its sentence."""
    program, pages = root / "usr/local/bin/tailsplice", root / "usr/local/share/man"
    commands, keys = plain(pages / "man8/tailsplice.8"), plain(pages / "man5/tailsplice.ini.5")
    for command, options in words_of(program).items():
        for word in (command, *options):
            assert re.search(rf"(?<![\w-]){word}(?![\w-])", commands), f"tailsplice.8 does not say {command} {word}"
    for line in said(program, "check", "--keys").splitlines():
        key = line.split()[1]
        assert re.search(rf"(?<![\w-]){key} [A-Za-z]", keys), f"tailsplice.ini.5 does not explain {key}"


def completed(root: Path, *words: str) -> set[str]:
    """What Tab would offer at the end of `words`."""
    script = root / "usr/local/share/bash-completion/completions/tailsplice"
    program = root / "usr/local/bin/tailsplice"
    line = " ".join(f"'{word}'" for word in words)
    code = (f"source {script}; COMP_WORDS=({program} {line}); COMP_CWORD={len(words)}; "
            f"_tailsplice {program} '{words[-1]}' '{words[-2] if len(words) > 1 else program}'; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
    return set(said("bash", "-c", code).split())


def test_completion(root: Path, tmp_path: Path) -> None:
    options = words_of(root / "usr/local/bin/tailsplice")
    assert completed(root, "") == {*options, "--help", "--version"}
    assert completed(root, "rel") == {"reload"}
    assert completed(root, "ban") == {"ban", "bans"}
    for command in options:
        assert completed(root, command, "-") == set(options[command]), command
    assert completed(root, "conns", "--sort", "") == {"age", "rate", "bytes"}
    assert completed(root, "log-level", "") == {"error", "warn", "info", "debug"}
    assert completed(root, "check", "--explain", "bare") == {"bare-name"}
    (tmp_path / "x.ini").touch()
    assert completed(root, "run", "-c", str(tmp_path / "x")) == {str(tmp_path / "x.ini")}
    assert completed(root, "nonsense;$(id)", "") == set()


