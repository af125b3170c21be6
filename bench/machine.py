"""machine - what the figures were taken on, and who else used it meanwhile."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from pathlib import Path

from stage import CONGESTION, SYSCTLS, descendants, parents

TICKS = os.sysconf("SC_CLK_TCK")
KTHREADD = 2

# Besides those that the stage sets: what decides how TCP behaves here. As the machine has them.
NOTED = (
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
    "net.ipv4.tcp_timestamps",
    "net.ipv4.tcp_sack",
    "net.core.default_qdisc",
    "net.core.rmem_max",
    "net.core.wmem_max",
    "net.core.busy_poll",
    "fs.pipe-max-size",
    "fs.pipe-user-pages-soft",
    "kernel.io_uring_disabled",
)


def sysctl(key: str) -> str | None:
    try:
        return " ".join(Path("/proc/sys", *key.replace("/", "-").split(".")).read_text().split())
    except OSError:
        return None


def describe() -> dict[str, object]:
    cpu = [line.partition(":")[2].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
    memory = Path("/proc/meminfo").read_text().split()[1]
    return {
        "cpu": cpu[0] if cpu else platform.machine(),
        "cores": os.cpu_count(),
        "memory_gib": round(int(memory) / 1048576, 1),
        "kernel": platform.release(),
        "system": system(),
        "clocksource": first_line(Path("/sys/devices/system/clocksource/clocksource0/current_clocksource")),
        "virtual": virtual(),
        "congestion": CONGESTION[1],
        "sysctl": {key: sysctl(key) for key in NOTED} | SYSCTLS,
    }


def first_line(file: Path) -> str | None:
    try:
        return file.read_text().splitlines()[0]
    except (OSError, IndexError):
        return None


def system() -> str:
    names = [line for line in (first_lines("/etc/os-release")) if line.startswith("PRETTY_NAME=")]
    return names[0].partition("=")[2].strip('"') if names else "unknown"


def first_lines(file: str) -> list[str]:
    try:
        return Path(file).read_text().splitlines()
    except OSError:
        return []


def virtual() -> str:
    try:
        done = subprocess.run(["systemd-detect-virt"], capture_output=True, text=True)
    except OSError:
        return "unknown"
    return done.stdout.strip() or "unknown"


def others_cpu() -> float:
    """CPU seconds so far of all processes that are not ours; the kernel's own threads work for us.

    With those of ended children: what a process used moves to its parent when it ends, so the sum misses nothing.
    """
    known, ours = parents(), set(descendants(os.getpid()))
    ticks = 0
    for pid, parent in known.items():
        if pid in ours or KTHREADD in (pid, parent):
            continue
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += sum(map(int, fields[11:15]))
    return ticks / TICKS


def stolen() -> float:
    return int(Path("/proc/stat").read_text().split()[8]) / TICKS


class Watch:
    """How many cores' worth of CPU went to other processes, and to the hypervisor's other guests, since it began."""

    def __init__(self) -> None:
        self.since, self.others, self.stolen = time.monotonic(), others_cpu(), stolen()

    def lost(self) -> dict[str, float]:
        seconds = time.monotonic() - self.since
        return {
            "others": round(max(0.0, others_cpu() - self.others) / seconds, 4),
            "stolen": round(max(0.0, stolen() - self.stolen) / seconds, 4),
        }
