"""The guest's file system: this machine's systemd and dbus, what `meson install` installs, and the test, as an initramfs.

Files come from the packages as dpkg lists them, programs with their libraries. The root has one /usr, whatever the host's looks like.
"""
from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / "kernels"))

import image  # noqa: E402

PACKAGES = ["systemd", "dbus", "dbus-daemon", "dbus-bin", "dbus-system-bus-common", "libnss-systemd"]
# Loaded by name while it runs, so that ldd does not tell.
LOADED = ["libseccomp.so.2", "libmount.so.1", "libcap.so.2", "libgcc_s.so.1", "libnss_files.so.2"]
TOOLS = ["bash", "cat", "ls", "sleep", "mount", "umount", "grep", "id", "man"]
LINKS = {"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64", "init": "usr/lib/systemd/systemd",
         "usr/bin/sh": "bash", "etc/mtab": "/proc/self/mounts", "var/run": "/run"}
LEFT_OUT = ("/usr/share/doc/", "/usr/share/man/", "/usr/share/locale/", "/usr/share/lintian/", "/usr/share/zsh/", "/var/lib/",
            "/usr/share/bash-completion/", "/etc/init.d/", "/usr/lib/systemd/user", "/usr/lib/systemd/catalog/")
# Would wait for devices, or for an answer from the console.
UNWANTED = ["systemd-firstboot", "systemd-networkd", "systemd-timesyncd", "systemd-resolved", "getty", "systemd-udev",
            "systemd-hwdb", "systemd-machine-id-commit", "systemd-random-seed", "systemd-remount-fs", "console-getty"]


class Root(image.Archive):
    """An archive where /bin, /lib and the like are links into /usr."""

    def __init__(self) -> None:
        super().__init__()
        for folder in ("proc", "sys", "dev", "run", "tmp", "root", "var/log", "var/tmp", "var/lib", "usr/bin", "usr/sbin", "usr/lib",
                       "usr/lib64"):
            super().folder(folder)
        for name, target in LINKS.items():
            super().link(name, target)

    @staticmethod
    def merged(name: str) -> str:
        name = os.path.normpath(name).strip("/")
        return f"usr/{name}" if name.split("/")[0] in ("bin", "sbin", "lib", "lib64") and "/" in name else name

    def folder(self, name: str) -> None:
        super().folder(self.merged(name))

    def link(self, name: str, target: str) -> None:
        super().link(self.merged(name), target)

    def file(self, name: str, body: bytes, mode: int = 0o644) -> None:
        super().file(self.merged(name), body, mode)

    def copy(self, source: Path, name: str) -> None:
        """As it is: a link as a link, a program with its libraries."""
        if source.is_symlink():
            self.link(name, os.readlink(source))
        elif source.is_dir():
            self.folder(name)
        elif source.is_file():
            with source.open("rb") as file:
                binary = file.read(4) == b"\x7fELF"
            if binary:
                self.program(source, name)
            else:
                self.file(name, source.read_bytes(), source.stat().st_mode & 0o777)


def package_files(package: str) -> list[str]:
    done = subprocess.run(["dpkg-query", "-L", package], capture_output=True, text=True)
    return [line for line in done.stdout.splitlines() if line.startswith("/") and line != "/."]


def add_packages(root: Root) -> None:
    for package in PACKAGES:
        for name in package_files(package):
            if not name.startswith(LEFT_OUT) and not any(word in name for word in UNWANTED):
                root.copy(Path(name), name)
    if "usr/lib/systemd/systemd" not in root.seen:
        raise image.Missing("systemd is not installed")
    if "usr/bin/dbus-daemon" not in root.seen:
        raise image.Missing("dbus is not installed")
    listed = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True).stdout
    for line in listed.splitlines():
        if line.strip().split(" ")[0] in LOADED and "x86-64" in line:
            root.program(Path(line.split("=> ")[1]), line.split("=> ")[1])


def add_installed(root: Root, build: Path) -> None:
    """What `meson install` puts onto a machine, and nothing else of the project but the test."""
    with tempfile.TemporaryDirectory() as staged:
        subprocess.run(["meson", "install", "-C", str(build), "--no-rebuild", "--quiet", "--destdir", staged], check=True,
                       stdout=subprocess.DEVNULL)
        for path in sorted(Path(staged).rglob("*")):
            if path.is_file():
                root.copy(path, str(path.relative_to(staged)))


def add_test(root: Root, settings: dict[str, str]) -> None:
    for path in sorted((HERE.parent / "e2e" / "harness").glob("*.py")):
        root.file(f"tests/e2e/harness/{path.name}", path.read_bytes())
    for name in ("guest.py",):
        root.file(f"tests/systemd/{name}", (HERE / name).read_bytes())
    for name in ("tests.service", "tests.target"):
        root.file(f"etc/systemd/system/{name}", (HERE / name).read_bytes())
    root.file("etc/tests.env", "".join(f'{name}="{value}"\n' for name, value in settings.items()).encode())


def make(build: Path, settings: dict[str, str]) -> bytes:
    root = Root()
    root.file("etc/passwd", b"root:x:0:0::/root:/bin/sh\nmessagebus:x:100:100::/:/bin/false\nnobody:x:65534:65534::/:/bin/false\n")
    root.file("etc/group", b"root:x:0:\nmessagebus:x:100:\nnogroup:x:65534:\n")
    root.file("etc/nsswitch.conf", b"passwd: files systemd\ngroup: files systemd\nhosts: files\n")
    root.file("etc/hosts", b"127.0.0.1 localhost\n::1 localhost\n")
    root.file("etc/os-release", b"ID=guest\nNAME=guest\nPRETTY_NAME=guest\n")
    root.file("etc/machine-id", b"0123456789abcdef0123456789abcdef\n")
    root.file("etc/hostname", b"edge\n")
    root.file("etc/fstab", b"")
    for tool in TOOLS[:-1]:
        source = image.require(tool)
        root.program(source.resolve(), f"usr/bin/{tool}")
    add_packages(root)
    image.add_python(root)
    add_installed(root, build)
    add_test(root, settings)
    return root.finish()
