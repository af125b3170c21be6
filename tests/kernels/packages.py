"""Debian's cloud kernels, fetched by apt into a cache of our own.

The mirror is the one that the machine's own sources name, and the index is verified with Debian's keyring; apt runs
on private directories, so the machine's sources and lists stay as they are.
"""
from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
NAME = r"^linux-image-{}\.[0-9.]+[-+][0-9a-z.]+-cloud-amd64$"


class Unavailable(Exception):
    """The kernel cannot be had on this machine; the text says why."""


def cache_root() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "tailsplice" / "kernels"


def kernel_tree(series: str) -> Path:
    """The unpacked package of a series ("6.1"); remove the directory to get a newer one."""
    tree = cache_root() / series
    if not tree.is_dir():
        tree.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f"{series}.", dir=tree.parent) as work:
            fetch(series, Path(work), tree)
    return tree


def fetch(series: str, work: Path, tree: Path) -> None:
    if not KEYRING.is_file():
        raise Unavailable(f"{KEYRING} is missing: install debian-archive-keyring")
    if not shutil.which("apt-get"):
        raise Unavailable("no apt here to download and verify it")
    apt = PrivateApt(work, sources())
    apt.run("apt-get", "-q", "update")
    package = newest(apt.run("apt-cache", "pkgnames", "linux-image-").split(), series)
    apt.run("apt-get", "-q", "download", package)
    archive, = work.glob("*.deb")
    subprocess.run(["dpkg-deb", "-x", archive, work / "tree"], check=True)
    try:
        (work / "tree").rename(tree)
    except OSError:
        if not tree.is_dir():  # else another run was quicker, and its tree is as good
            raise


def sources() -> list[str]:
    """The security archive alone has both series and a small index; the main archive needs two suites."""
    security, main = mirrors()
    if security:
        return [f"{security} bookworm-security main"]
    return [f"{main} bookworm main", f"{main} trixie main"]


def mirrors() -> tuple[str, str]:
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


def newest(names: list[str], series: str) -> str:
    pattern = re.compile(NAME.format(re.escape(series)))
    found = [name for name in names if pattern.match(name)]
    if not found:
        raise Unavailable(f"the mirror offers no cloud kernel {series}")
    return max(found, key=lambda name: [int(number) for number in re.findall(r"\d+", name.partition("-cloud")[0])])


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
