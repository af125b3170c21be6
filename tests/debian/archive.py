"""Debian's archive, whatever this machine's own sources, lists and release are.

The mirror is the one that the machine's sources name, indexes are verified with Debian's keyring, and apt runs on private directories.
"""
from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Callable

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


class Unavailable(Exception):
    """It cannot be had on this machine; the text says why."""


def unpacked(tree: Path, sources: Callable[[], list[str]], choose: Callable[[PrivateApt], list[str]]) -> Path:
    """`tree`, with the packages in it that `choose` names; fetched when it is not there: remove it to get newer ones."""
    if tree.is_dir():
        return tree
    tree.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{tree.name}.", dir=tree.parent) as folder:
        work = Path(folder)
        fetch(work, sources, choose)
        try:
            (work / "tree").rename(tree)
        except OSError:
            if not tree.is_dir():  # else another run was quicker, and its tree is as good
                raise
    return tree


def fetch(work: Path, sources: Callable[[], list[str]], choose: Callable[[PrivateApt], list[str]]) -> None:
    if not KEYRING.is_file():
        raise Unavailable(f"{KEYRING} is missing: install debian-archive-keyring")
    if not shutil.which("apt-get"):
        raise Unavailable("no apt here to download and verify it")
    apt = PrivateApt(work, sources())
    apt.run("apt-get", "-q", "update")
    apt.run("apt-get", "-q", "download", *choose(apt))
    for package in work.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", package, work / "tree"], check=True)


def mirrors() -> tuple[str, str]:
    """(of security updates, of releases); the first may be ""."""
    chosen = os.environ.get("TAILSPLICE_DEBIAN_MIRROR")
    if chosen:
        return "", chosen
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(ORIGIN) $(CODENAME) $(REPO_URI)", "Created-By: Packages"],
        check=True, capture_output=True, text=True).stdout
    rows = [line.split() for line in listed.splitlines() if line.startswith("Debian ")]
    uris = {codename.endswith("-security"): uri for _, codename, uri in rows}
    if not uris:
        raise Unavailable("no Debian mirror in this machine's sources (or apt-get update never ran): "
                          "set TAILSPLICE_DEBIAN_MIRROR to one")
    return uris.get(True, ""), uris.get(False, "")


class PrivateApt:
    """apt with its own sources, lists and archives under one directory."""

    def __init__(self, work: Path, lines: list[str]) -> None:
        self.work = work
        for folder in ("state/lists/partial", "cache/archives/partial"):
            (work / folder).mkdir(parents=True)
        (work / "status").touch()
        deb = f"deb [arch=amd64 signed-by={KEYRING} target=Packages lang=none]"
        (work / "sources.list").write_text("".join(f"{deb} {line}\n" for line in lines))
        settings = {
            "Dir::Etc::sourcelist": work / "sources.list",
            "Dir::Etc::sourceparts": "-",
            "Dir::State": work / "state",
            "Dir::State::status": work / "status",
            "Dir::Cache": work / "cache",
            "APT::Architecture": "amd64",
            "APT::Sandbox::User": "",
            "Acquire::Retries": "3",
            "APT::Update::Error-Mode": "any",
        }
        self.options = [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]

    def run(self, tool: str, *arguments: str) -> str:
        command = [tool, *self.options, *arguments]
        try:
            done = subprocess.run(command, cwd=self.work, capture_output=True, text=True, timeout=600)
        except subprocess.TimeoutExpired as late:
            raise Unavailable(f"{tool} {' '.join(arguments)}: no end after {late.timeout:.0f} s") from late
        if done.returncode:
            raise Unavailable(f"{tool} {' '.join(arguments)}: {done.stderr.strip() or done.returncode}")
        return done.stdout
