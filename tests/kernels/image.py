"""The guest's file system: an initramfs of what the host has, and a cpio archive of a kernel's modules.

The kernel unpacks concatenated archives, so the user land is built once and each kernel's modules are appended.
No compression: unpacking under emulation costs more than reading.
"""
from __future__ import annotations

import lzma
import py_compile
import re
import shutil
import stat
import subprocess
import sys
import sysconfig
import tempfile
from importlib.util import cache_from_source
from pathlib import Path

FAT = {"test", "tests", "idlelib", "tkinter", "turtledemo", "lib2to3", "ensurepip", "distutils", "pydoc_data",
       "venv", "dist-packages", "site-packages", "__pycache__", "__phello__", "lib-dynload"}


class Missing(Exception):
    """A program that the guest or its start needs is not installed."""


class Archive:
    """A newc cpio archive; parents are added before their children, a path only once."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.seen = {"."}

    def _entry(self, name: str, mode: int, body: bytes) -> None:
        encoded = name.encode() + b"\0"
        fields = (len(self.seen), mode, 0, 0, 1, 0, len(body), 0, 0, 0, 0, len(encoded), 0)
        header = b"070701" + b"".join(b"%08X" % field for field in fields)
        self.data += header + encoded + bytes(-(len(header) + len(encoded)) % 4)
        self.data += body + bytes(-len(body) % 4)

    def _new(self, name: str) -> bool:
        if name in self.seen:
            return False
        self.folder(str(Path(name).parent))
        self.seen.add(name)
        return True

    def folder(self, name: str) -> None:
        if self._new(name.strip("/") or "."):
            self._entry(name.strip("/"), stat.S_IFDIR | 0o755, b"")

    def link(self, name: str, target: str) -> None:
        if self._new(name.strip("/")):
            self._entry(name.strip("/"), stat.S_IFLNK | 0o777, target.encode())

    def file(self, name: str, body: bytes, mode: int = 0o644) -> None:
        if self._new(name.strip("/")):
            self._entry(name.strip("/"), stat.S_IFREG | mode, body)

    def program(self, source: Path, name: str) -> None:
        """A program or shared object, with every library that ldd says it needs."""
        self.file(name, source.read_bytes(), 0o755)
        said = subprocess.run(["ldd", source], capture_output=True, text=True).stdout  # a static program: status 1
        missing = re.findall(r"(\S+) => not found", said)
        if missing:
            raise FileNotFoundError(f"{source} needs {', '.join(missing)}")
        for library in re.findall(r"(/\S+) \(0x", said):
            self.file(library, Path(library).read_bytes(), 0o755)

    def finish(self) -> bytes:
        self._entry("TRAILER!!!", 0, b"")
        return bytes(self.data + bytes(-len(self.data) % 512))


def user_land(binary: Path, repository: Path, tools: list[str]) -> bytes:
    archive = Archive()
    for folder in ("proc", "sys", "dev", "tmp", "run", "root", "modules"):
        archive.folder(folder)
    archive.program(require("busybox"), "bin/busybox")
    archive.link("bin/sh", "busybox")
    for tool in tools:
        archive.program(require(tool), f"bin/{tool}")
    add_python(archive)
    archive.file("etc/hosts", b"127.0.0.1 localhost\n::1 localhost\n")
    archive.file("etc/passwd", b"root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n")
    archive.file("etc/group", b"root:x:0:\nnogroup:x:65534:\n")
    archive.program(binary, "repository/build/tailsplice")
    for part in ("e2e", "kernels"):
        for source in sorted((repository / "tests" / part).rglob("*")):
            if source.is_file() and "__pycache__" not in source.parts:
                archive.file(f"repository/tests/{part}/{source.relative_to(repository / 'tests' / part)}",
                             source.read_bytes(), 0o755)
    archive.file("init", (repository / "tests/kernels/init").read_bytes(), 0o755)
    return archive.finish()


def require(tool: str) -> Path:
    found = shutil.which(tool, path="/usr/sbin:/usr/bin:/sbin:/bin")
    if not found:
        raise Missing(f"{tool} is not installed")
    return Path(found)


def add_python(archive: Archive) -> None:
    """This interpreter at its own path, its library as byte code only (compiling under emulation is slow)."""
    interpreter = Path(sys.executable).resolve()
    archive.program(interpreter, str(interpreter))
    archive.link("bin/python3", str(interpreter))
    library = Path(sysconfig.get_path("stdlib"))
    with tempfile.TemporaryDirectory() as scratch:
        for source in sorted(library.rglob("*.py")):
            name = source.relative_to(library)
            if not FAT.intersection(name.parts) and not name.parts[0].startswith("config-"):
                archive.file(str(library / name.with_suffix(".pyc")), byte_code(source, Path(scratch) / "c"))
    for extension in sorted(Path(sysconfig.get_config_var("DESTSHARED")).glob("*.so")):
        archive.program(extension, str(extension))


def byte_code(source: Path, scratch: Path) -> bytes:
    compiled = Path(cache_from_source(str(source)))
    if not compiled.is_file():
        py_compile.compile(str(source), cfile=str(scratch), doraise=True)
        compiled = scratch
    return compiled.read_bytes()


def modules(tree: Path, wanted: list[str]) -> bytes:
    """The wanted modules and what they depend on, numbered in the order in which insmod must take them."""
    files = {path.name.split(".")[0].replace("-", "_"): path for path in tree.rglob("kernel/**/*.ko*")}
    order: list[str] = []
    bodies: dict[str, bytes] = {}

    def visit(name: str) -> None:
        if name in bodies or name not in files:  # not a file: built into this kernel
            return
        body = files[name].read_bytes()
        bodies[name] = lzma.decompress(body) if files[name].suffix == ".xz" else body
        for needed in dependencies(bodies[name]):
            visit(needed)
        order.append(name)

    for name in wanted:
        visit(name)
    archive = Archive()
    archive.seen.add("modules")
    for number, name in enumerate(order):
        archive.file(f"modules/{number:02}-{name}.ko", bodies[name])
    return archive.finish()


def dependencies(body: bytes) -> list[str]:
    listed = re.search(rb"\0depends=([^\0]*)\0", body)
    return [name.replace("-", "_") for name in listed[1].decode().split(",") if name] if listed else []
