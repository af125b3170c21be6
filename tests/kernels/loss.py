"""Both legs of every path over a bad network: both directions at once arrive whole although packets are lost and overtake.

Changes the loopback device of the network namespace that it runs in, so it wants one of its own:
`unshare -n sh -c 'ip link set lo up && exec python3 tests/kernels/loss.py'` where the kernel has sch_netem.
"""
from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))

from harness.rig import SHORT, Ctx, Rig, usable_paths  # noqa: E402
from harness.wire import DOWN, MIB, UP, check_stream, send_stream, together  # noqa: E402

SIZE = 2 * MIB
PATIENCE = 6.0
NETEM = "limit 10000 delay 2ms loss 1.5% reorder 25% 50%"
LEAST_DROPS = 10


def main() -> int:
    refuse_a_shared_network()
    tool("ip", "link", "set", "lo", "mtu", "1500", "gso_max_segs", "1")
    tool("tc", "qdisc", "replace", "dev", "lo", "root", "netem", *NETEM.split())
    failed = 0
    paths = usable_paths()
    for path in paths:
        problem = attempt(path)
        failed += bool(problem)
        print(f"{'FAIL' if problem else 'ok  '} {path:12} {SIZE // MIB} MiB each way under loss{problem}", flush=True)
    print(f"{len(paths) - failed} passed, {failed} failed")
    return 1 if failed else 0


def refuse_a_shared_network() -> None:
    others = [name for _, name in socket.if_nameindex() if name != "lo"]
    if others:
        sys.exit(f"this spoils the loopback device on purpose: not in a namespace that also has {', '.join(others)}")


def attempt(path: str) -> str:
    """One transfer; the reason why it failed, or nothing."""
    before, began = dropped(), time.monotonic()
    try:
        with Rig(path, patience=PATIENCE) as rig:
            rig.run(both_ways, 4, SHORT)
        lost = dropped() - before
        assert lost >= LEAST_DROPS, f"only {lost} packets were lost: this was no bad network"
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this path's result
        return f": {type(error).__name__}: {error}"
    print(f"     {path}: {lost} packets lost in {time.monotonic() - began:.1f} s", flush=True)
    return ""


def both_ways(ctx: Ctx) -> None:
    with ctx.flow("v2") as (client, server):
        port = client.getsockname()[1]
        together(
            lambda: send_stream(client, UP, SIZE, finish=True),
            lambda: send_stream(server, DOWN, SIZE, finish=True),
            lambda: check_stream(server, UP, SIZE),
            lambda: check_stream(client, DOWN, SIZE),
        )
    ctx.expect_flow(port, ("client-eof", "server-eof"), up=SIZE, down=SIZE)


def dropped() -> int:
    shown = tool("tc", "-s", "qdisc", "show", "dev", "lo")
    return int(re.search(r"dropped (\d+)", shown)[1])


def tool(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=20).stdout


if __name__ == "__main__":
    sys.exit(main())
