#!/usr/bin/env python3
"""Every scenario on every data path: `python3 matrix.py [--short] [--paths a,b] [--binary FILE] [--only a,b]`.

Needs nothing but Python's standard library. One line for each path and scenario, a count at the end.
"""

from __future__ import annotations

import argparse
import faulthandler
import signal
import sys
import time
import traceback
from pathlib import Path
from types import FrameType

sys.path.insert(0, str(Path(__file__).resolve().parent))

from harness.edge import raise_nofile  # noqa: E402
from harness.rig import FULL, SHORT, Rig, Scale, has_family, usable_paths  # noqa: E402
from scenarios import Scenario, all_scenarios  # noqa: E402

LIMIT = 60  # seconds for one scenario


class Overdue(AssertionError):
    """A scenario took longer than any may."""


def on_alarm(number: int, frame: FrameType | None) -> None:
    faulthandler.dump_traceback(file=sys.stderr)
    raise Overdue("the scenario hangs")


def on_terminate(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="less of everything, for a slow machine")
    parser.add_argument("--paths", help="comma-separated; default: all that the binary calls usable, and auto")
    parser.add_argument("--binary", help="default: $TAILSPLICE or build/tailsplice")
    parser.add_argument("--only", help="comma-separated: only scenarios whose name contains one of these")
    parser.add_argument("--patience", type=float, default=1.0, help="factor on every time limit")
    parser.add_argument("--list", action="store_true", help="print the names of the scenarios and end")
    parser.add_argument("--strict", action="store_true", help="wait for spare pipes after each scenario, to find who leaks")
    parser.add_argument("--verbose", action="store_true", help="print the traceback of each failure")
    return parser.parse_args()


def run_one(rig: Rig, scenario: Scenario, scale: Scale, verbose: bool) -> tuple[str, str]:
    """Run one scenario: (pass or FAIL, what went wrong)."""
    signal.setitimer(signal.ITIMER_REAL, LIMIT * rig.patience)
    try:
        rig.run(scenario.run, scenario.family, scale)
        return "pass", ""
    except Exception as error:
        if verbose:
            traceback.print_exc()
        return "FAIL", f"{type(error).__name__}: {error}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def run_path(path: str, chosen: list[Scenario], options: argparse.Namespace) -> dict[str, int]:
    """All scenarios on one path, with a new edge after each failure."""
    counts = {"pass": 0, "FAIL": 0, "SKIP": 0}
    scale = SHORT if options.short else FULL
    rest = list(chosen)
    while rest:
        try:
            with Rig(path, binary=options.binary, patience=options.patience, strict=options.strict) as rig:
                verdict = "pass"
                while rest and verdict != "FAIL":
                    scenario = rest.pop(0)
                    began = time.monotonic()
                    if not has_family(scenario.family):
                        verdict, what = "SKIP", f"no IPv{scenario.family} on loopback"
                    else:
                        verdict, what = run_one(rig, scenario, scale, options.verbose)
                    counts[verdict] += 1
                    print(f"{verdict}  {path:12} {scenario.name:36} {time.monotonic() - began:6.2f} s  {what}".rstrip(), flush=True)
        except AssertionError as error:
            counts["FAIL"] += 1
            print(f"FAIL  {path:12} {'(the edge itself)':36}  {error}", flush=True)
            if rest and not counts["pass"]:
                print(f"      {len(rest)} scenarios not run on {path}", flush=True)
                return counts
    return counts


def main() -> int:
    options = arguments()
    wanted = options.only.split(",") if options.only else [""]
    chosen = [scenario for scenario in all_scenarios() if any(part in scenario.name for part in wanted)]
    if options.list:
        print("\n".join(scenario.name for scenario in chosen))
        return 0
    signal.signal(signal.SIGALRM, on_alarm)
    signal.signal(signal.SIGTERM, on_terminate)
    raise_nofile()
    try:
        paths = options.paths.split(",") if options.paths else usable_paths(options.binary)
    except (OSError, AssertionError) as error:
        print(f"the binary does not tell its paths: {error}", file=sys.stderr)
        return 2
    totals = {"pass": 0, "FAIL": 0, "SKIP": 0}
    for path in paths:
        for verdict, count in run_path(path, chosen, options).items():
            totals[verdict] += count
    skipped = f", {totals['SKIP']} skipped" if totals["SKIP"] else ""
    print(f"{totals['pass']} passed, {totals['FAIL']} failed{skipped}")
    return 0 if totals["pass"] and not totals["FAIL"] else 1


if __name__ == "__main__":
    sys.exit(main())
