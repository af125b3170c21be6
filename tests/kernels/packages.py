"""Debian's cloud kernels, fetched into a cache of our own."""
from __future__ import annotations

import os
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "debian"))

from archive import PrivateApt, Unavailable, mirrors, unpacked  # noqa: E402

NAME = r"^linux-image-{}\.[0-9.]+[-+][0-9a-z.]+-cloud-amd64$"


def cache_root() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "tailsplice" / "kernels"


def kernel_tree(series: str) -> Path:
    """The unpacked package of a series ("6.1"); remove the directory to get a newer one."""
    return unpacked(cache_root() / series, sources, lambda apt: [newest(names(apt), series)])


def names(apt: PrivateApt) -> list[str]:
    return apt.run("apt-cache", "pkgnames", "linux-image-").split()


def sources() -> list[str]:
    """The security archive alone has both series and a small index; the main archive needs two suites."""
    security, main = mirrors()
    if security:
        return [f"{security} bookworm-security main"]
    return [f"{main} bookworm main", f"{main} trixie main"]


def newest(found: list[str], series: str) -> str:
    pattern = re.compile(NAME.format(re.escape(series)))
    kernels = [name for name in found if pattern.match(name)]
    if not kernels:
        raise Unavailable(f"the mirror offers no cloud kernel {series}")
    return max(kernels, key=lambda name: [int(number) for number in re.findall(r"\d+", name.partition("-cloud")[0])])
