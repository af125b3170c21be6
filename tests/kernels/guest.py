"""Runs inside the virtual machine: every data path at once, each in a network namespace of its own, since they mostly wait.

What a step says is shown with the step's name before it; only the total stands at the beginning of its line.
"""
from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
BINARY = os.environ["TAILSPLICE"]
TOTAL = re.compile(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$")
KERNEL_FAULTS = {7: "an oops", 9: "a warning", 14: "a soft lockup"}
OWN_NETWORK = ["busybox", "unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
# Not all of them: what a kernel may do otherwise with a program between two sockets. The rest costs minutes.
IN_THE_KERNEL = "tiny-,proxy-,halfclose-,reset-,races-,urgent-,bulk-both-ways-with-header,slow-backend,trickling"
PATIENCE = "4"  # emulation is ten times slower than the machine it runs on

sys.path.insert(0, str(HERE.parent / "e2e"))

from harness.rig import usable_paths  # noqa: E402


@dataclass(frozen=True)
class Step:
    """One program; it counts for itself and ends with `N passed, N failed`, unless `says` tells what it must say."""

    name: str
    command: list[str]
    limit: float
    says: str = ""


def first_steps() -> list[Step]:
    return [
        Step("version", [BINARY, "--version"], 30, r"\d+\.\d+"),
        Step("paths", [BINARY, "paths"], 30, r"(?s)(?=.*^copy +yes)(?=.*^splice +yes)(?=.*^ring-splice +yes)(?=.*^sockmap +yes)"),
    ]


def network_steps() -> list[Step]:
    matrix = [*OWN_NETWORK, sys.executable, str(HERE.parent / "e2e" / "matrix.py"),
              "--short", "--binary", BINARY, "--patience", PATIENCE, "--paths"]
    only = {"sockmap": ["--only", IN_THE_KERNEL]}
    steps = [Step(f"matrix-{path}", [*matrix, path, *only.get(path, [])], 270) for path in usable_paths(BINARY)]
    alone = [Step(name, [*OWN_NETWORK, sys.executable, str(HERE / f"{name}.py")], 180) for name in ("loss", "device")]
    return steps + alone


def main() -> int:
    boot = float(Path("/proc/uptime").read_text().split()[0])
    print(f"kernel {os.uname().release}, ready {boot:.1f} s after its start", flush=True)
    results = [run(step) for step in first_steps()]
    try:
        steps = network_steps()
        with ThreadPoolExecutor(len(steps)) as pool:
            results += pool.map(run, steps)
    except Exception as error:  # noqa: BLE001 - without the list of paths there is nothing to run: that is the result
        results.append(failure("paths", f"{type(error).__name__}: {error}"))
    results += [failure("kernel", f"it reports {fault}") for fault in kernel_faults()]
    passed, failed = (sum(column) for column in zip(*results))
    print(f"{passed} passed, {failed} failed", flush=True)
    return 1 if failed else 0


def run(step: Step) -> tuple[int, int]:
    """(passed, failed) of one step; a program that dies, hangs, skips or says nothing of use has failed."""
    began = time.monotonic()
    try:
        child = subprocess.Popen(step.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, text=True, errors="replace")
    except OSError as error:
        return failure(step.name, f"it does not start: {error}")
    watchdog = threading.Timer(step.limit, child.kill)
    watchdog.start()
    lines = []
    assert child.stdout
    for line in child.stdout:
        lines.append(line.rstrip())
        show(step.name, lines[-1])
    status = child.wait()
    watchdog.cancel()
    good, bad = judge(step, lines, status)
    show(step.name, f"{good} good and {bad} bad after {time.monotonic() - began:.1f} s")
    return good, bad


def judge(step: Step, lines: list[str], status: int) -> tuple[int, int]:
    if step.says:
        if status == 0 and re.search(step.says, "\n".join(lines), re.M):
            return 1, 0
        return failure(step.name, f"status {status}, expected to say {step.says}")
    total = TOTAL.match(lines[-1]) if lines else None
    if not total:
        return failure(step.name, f"status {status} and no total")
    good, bad, skipped = (int(number or 0) for number in total.groups())
    if skipped or (not bad and (status or not good)):
        failure(step.name, f"status {status}, {good} passed, {skipped} skipped")
        bad += max(skipped, 1)
    return good, bad


def failure(name: str, text: str) -> tuple[int, int]:
    show(name, f"FAIL  {text}")
    return 0, 1


def show(name: str, text: str) -> None:
    sys.stdout.write(f"  {name:18} {text}\n")  # one write: lines of several steps must not mix
    sys.stdout.flush()


def kernel_faults() -> list[str]:
    tainted = int(Path("/proc/sys/kernel/tainted").read_text())
    return [text for bit, text in KERNEL_FAULTS.items() if tainted >> bit & 1]


if __name__ == "__main__":
    sys.exit(main())
