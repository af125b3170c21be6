"""unpacked - the newest HAProxy and nginx that Debian has, whatever release this machine runs: its testing suite, unpacked into a
cache with the libraries they were built with, and run by the loader among them. Nothing is installed.
"""

from __future__ import annotations

import functools
import os
import platform
import sys
from pathlib import Path
from typing import Any

from variants import CACHE, HERE, Missing

wanted = True  # or those that are installed

SUITE = "testing"
PACKAGES = ("haproxy", "nginx", "libnginx-mod-stream")
NGINX_MODULES = Path("usr/lib/nginx/modules")
LIBRARIES = "usr/lib/x86_64-linux-gnu"
LOADER = f"{LIBRARIES}/ld-linux-x86-64.so.2"
SCRIPT = """#!/bin/sh
exec {root}/{loader} --library-path {root}/{libraries} {root}/usr/sbin/{name} "$@"
"""


@functools.cache
def root() -> Path:
    """Where they are; Missing, with the reason, where they cannot be had."""
    if not wanted:
        raise Missing("asked for")
    if platform.machine() != "x86_64":
        raise Missing(f"Debian's {SUITE} is unpacked on x86_64 only")
    sys.path.insert(0, str(HERE.parent / "tests" / "debian"))
    import archive

    try:
        return archive.unpacked(CACHE / f"debian-{SUITE}", lambda: [f"{archive.mirrors()[1]} {SUITE} main"], with_libraries)
    except (archive.Unavailable, OSError) as why:
        raise Missing(str(why)) from None


def with_libraries(apt: Any) -> list[str]:
    """The packages, and those they depend on that hold libraries."""
    print(f"bench: fetching HAProxy and nginx of Debian's {SUITE} suite (once)", flush=True)
    found: list[str] = []
    ahead = list(PACKAGES)
    while ahead:
        package = ahead.pop()
        found.append(package)
        needs = [line.partition("Depends: ")[2] for line in apt.run("apt-cache", "depends", package).splitlines() if "Depends: " in line]
        ahead += [name for name in dict.fromkeys(needs) if name.startswith(("lib", "zlib")) and name not in found + ahead]
    return found


def program(name: str) -> str:
    """Of one of them: a script that becomes it."""
    script = root() / f"{name}.sh"
    if not script.exists():
        draft = script.with_suffix(f".{os.getpid()}")
        draft.write_text(SCRIPT.format(root=root(), loader=LOADER, libraries=LIBRARIES, name=name))
        draft.chmod(0o755)
        draft.rename(script)
    return str(script)
