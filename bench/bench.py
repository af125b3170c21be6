"""bench - the rounds: every variant on a stage of its own, all measures of all of them in turn, until the medians settle.

A proxy that nothing connects to costs nothing, so the stages of a round stand side by side and a measure goes from one to
the next without a pause: A B C, A B C.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import machine
import page
import report
import tailnet
from catalogue import MAIN, QUICK, every
from figures import Figures, Run, disturbed
from measures import MEASURES, Measure
from stage import BACKEND, CLIENT, EDGE, Stage, StageError, descendants
from tailnet import TailnetStage
from variants import DIRECT, HERE, PORTS, ROLES, ROUTED, Missing, Setup

PATIENCE = 90  # seconds for one run


@dataclass
class Act:
    """A variant on its stage."""

    stage: Stage
    address: str  # to connect to
    pids: list[int]  # the proxy's


class Bench:
    def __init__(self, args: argparse.Namespace, folder: Path) -> None:
        self.args = args
        self.folder = folder
        self.load = str(folder / "load")
        self.runs: list[Run] = []
        self.versions: dict[str, str] = {}
        self.missing: dict[str, str] = {}
        self.variants = self._usable()
        self.rig: Any = None  # of a tailnet, while there is one
        self.began = time.monotonic()

    def _usable(self) -> list[str]:
        usable = []
        usual = [v for v in (QUICK if self.args.quick else every()) if self.args.over != "tailnet" or v != ROUTED]
        for name in self.args.variants or usual:
            variant = every()[name]
            try:
                if variant:
                    self.versions[name] = variant.version(variant.program())
                usable.append(name)
            except Missing as why:
                if self.args.variants:
                    raise Missing(f"{name}: {why}") from None
                self.missing[name] = str(why)
                print(f"bench: {name} is left out: {why}", file=sys.stderr)
        return usable

    def run(self) -> None:
        with tailnet.make() if self.args.over == "tailnet" else nullcontext() as self.rig:
            if self.rig:
                self.rig.acquaint()
            self.all()
        self.tell()

    def all(self) -> None:
        self.build_load()
        self.check()
        self.rounds()
        self.long_run()

    def build_load(self) -> None:
        """Always with optimisation, whatever the rest of the tree was configured for."""
        sources = sorted(str(source) for source in (HERE / "load").glob("*.c"))
        compiler = [os.environ.get("CC", "cc"), "-std=gnu11", "-D_GNU_SOURCE", "-O2"]
        subprocess.run([*compiler, "-o", self.load, *sources], check=True)

    def elapsed(self) -> float:
        return time.monotonic() - self.began

    def in_budget(self) -> bool:
        return self.elapsed() < self.args.budget * 60

    def stage(self, folder: Path, edge: bool) -> Stage:
        return TailnetStage(folder, self.rig, edge) if self.rig else Stage(folder, edge)

    def enter(self, stages: ExitStack, name: str) -> Act:
        """The server and the variant, ready."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        stage = stages.enter_context(self.stage(folder, edge=name != DIRECT))
        setup = Setup(self.args.threads, self.args.proxy == "on", folder, stage.server, stage.edge)
        proxy = every()[name]
        serve = [self.load, "serve", "0.0.0.0", *(f"{role}:{port}" for role, port in zip(ROLES, PORTS)), "--verify"]
        server = stage.spawn(BACKEND, serve + (["--proxy"] if proxy and setup.proxy else []))
        stage.await_ports(server, list(PORTS))
        if not proxy:
            return Act(stage, stage.server, [])
        argv, env = proxy.prepare(setup)
        child = stage.spawn(EDGE, argv, env)
        stage.await_ports(child, list(PORTS))
        return Act(stage, stage.edge, descendants(child.pid))

    def begin(self, act: Act, measure: Measure, options: list[str]) -> subprocess.Popen:
        argv = [self.load, *measure.mode, act.address, str(measure.port), *measure.options]
        for pid in act.pids:
            argv += ["--pid", str(pid)]
        return act.stage.spawn(CLIENT, argv + options)

    def ask(self, act: Act, measure: Measure, options: list[str]) -> dict:
        return json.loads(act.stage.finish(self.begin(act, measure, options), PATIENCE))

    def ask_beside(self, act: Act, measure: Measure, options: list[str]) -> dict:
        """While the load of another measure runs."""
        lasting = sum(map(float, options[1::2])) + 0.2
        other = self.begin(act, MEASURES[measure.beside], ["--seconds", f"{lasting:g}", "--warmup", "0"])
        try:
            result = self.ask(act, measure, options)
        finally:
            told = act.stage.finish(other, PATIENCE)
        return result | {"beside_rate": json.loads(told)["rate"]}

    def check(self) -> None:
        """Every byte, both ways, through every variant: the speed of what loses bytes is of no interest."""
        options = ["--seconds", "0.2", "--warmup", "0", "--verify"]
        for name in list(self.variants):
            try:
                with ExitStack() as stages:
                    act = self.enter(stages, name)
                    for checked in ("rr-64x16384", "bulk-up-1", "bulk-down-1", "smtp-4096", "fanout"):
                        self.ask(act, MEASURES[checked], options)
            except StageError as why:
                self.runs.append({"measure": "check", "variant": name, "round": 0, "error": str(why)})
                print(f"{name} is out: {why}", file=sys.stderr)
                self.variants.remove(name)

    def who(self, measure: Measure) -> list[str]:
        return [v for v in self.variants if measure.key or v in MAIN or self.args.variants]

    def unsettled(self) -> list[Measure]:
        figures = Figures(self.runs)
        wanted = (MEASURES[name] for name in self.args.measures)
        return [m for m in wanted if not all(figures.settled(m.name, v, self.args.least) for v in self.who(m))]

    def rounds(self) -> None:
        for number in range(1, self.args.rounds + 1):
            left = self.unsettled()
            if not left or not self.in_budget():
                return
            if self.rig:
                self.one_by_one(left, number)
            else:
                self.side_by_side(left, number)

    def side_by_side(self, measures: list[Measure], number: int) -> None:
        with ExitStack() as stages:
            acts = {name: self.enter(stages, name) for name in self.variants}
            for measure in measures:
                if not self.in_budget():
                    return
                for name in self.who(measure):
                    self.take(acts[name], measure, name, number)

    def one_by_one(self, measures: list[Measure], number: int) -> None:
        """Where all have the same edge."""
        for measure in measures:
            for name in self.who(measure) if self.in_budget() else ():
                with ExitStack() as stages:
                    self.take(self.enter(stages, name), measure, name, number)

    def window(self, measure: Measure) -> list[str]:
        """The options of a timed run."""
        if measure.name == "idle":
            return []
        share = 1 if measure.key else 0.5
        return ["--seconds", f"{self.args.seconds * share:g}", "--warmup", f"{self.args.warmup * share:g}"]

    def take(self, act: Act, measure: Measure, variant: str, number: int) -> None:
        """One run; taken again where somebody else worked meanwhile. What it measured has no say in that."""
        run: Run = {"measure": measure.name, "variant": variant, "round": number, "taken": 0}
        try:
            while run["taken"] == 0 or (disturbed(run) and run["taken"] <= self.args.retries and self.in_budget()):
                watch = machine.Watch()
                ask = self.ask_beside if measure.beside else self.ask
                result = ask(act, measure, self.window(measure))
                if result.get("failed"):
                    raise StageError(f"{result['failed']} connections failed")
                run |= {**watch.lost(), "taken": run["taken"] + 1}
                run["result"] = without_others(result, run["others"])
        except StageError as why:
            run["error"] = str(why)
            run.pop("result", None)
        self.runs.append(run)
        self.progress(run, measure)

    def progress(self, run: Run, measure: Measure) -> None:
        minutes, seconds = divmod(int(self.elapsed()), 60)
        text = f"{minutes:2}:{seconds:02}  round {run['round']}  {run['measure']:<14}{run['variant']:<22}"
        if "error" in run:
            text += run["error"]
        elif measure.name == "idle":
            text += f"{run['result']['user_per_flow']:>10.0f} user B/flow"
        else:
            result = run["result"]
            text += f"{report.number(result['rate'] * measure.rate[1]):>10} {measure.rate[0]:<9}"
            text += f"{report.number(result['cpu_us_per_unit'] * measure.cost[1]):>10} CPU {measure.cost[0]}" if measure.cost[0] else ""
        if "result" in run and disturbed(run):
            text += f"  disturbed {run['taken']} times"
        # On a terminal one line that changes; what failed stays.
        if sys.stderr.isatty():
            text = f"\r\033[K{text[:118]}" + ("\n" if "error" in run else "")
        print(text, end="" if sys.stderr.isatty() else "\n", file=sys.stderr, flush=True)

    def long_run(self) -> None:
        subject = self.args.subject
        if "conn" not in self.args.measures or not self.args.conn_total or subject not in self.variants:
            return
        with ExitStack() as stages:
            act = self.enter(stages, subject)
            run: Run = {"measure": "conn-total", "variant": subject, "round": 1, "taken": 1}
            try:
                watch = machine.Watch()
                result = self.ask(act, MEASURES["conn"], ["--count", str(self.args.conn_total), "--verify"])
                run |= watch.lost()
                run["result"] = without_others(result, run["others"])
            except StageError as why:
                run["error"] = str(why)
            self.runs.append(run)

    def content(self) -> dict:
        done = [run for run in self.runs if "result" in run]
        others = [run["others"] for run in done] or [0]
        return {
            "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "took_s": round(self.elapsed(), 1),
            "machine": machine.describe(),
            "versions": self.versions,
            "missing": self.missing,
            "settings": {k: str(v) if isinstance(v, Path) else v for k, v in vars(self.args).items()},
            "rounds": max((run["round"] for run in done), default=0),
            "noise": {
                "others": median(others),
                "others_most": max(others),
                "stolen": median([run["stolen"] for run in done] or [0]),
            },
            "subject": self.args.subject,
            "variants": self.variants,
            "summary": Figures(self.runs).summary(self.args.measures, self.variants, self.args.subject),
            "runs": self.runs,
        }

    def tell(self) -> None:
        content = self.content()
        text = report.whole(content)
        if sys.stderr.isatty():
            print("\r\033[K", end="", file=sys.stderr)
        print(text)
        out = self.args.out
        out.mkdir(parents=True, exist_ok=True)
        (out / "report.txt").write_text(text)
        (out / "report.html").write_text(page.whole(content))
        (out / "runs.json").write_text(as_json(content))
        print(f"in {out}: report.txt, report.html, runs.json")


def without_others(result: dict, others: float) -> dict:
    """The CPU that others took, as far as it is known whose it was, is no cost of ours."""
    theirs = others * result["seconds"] / result["units"] * 1e6 if result["units"] else 0
    raw = result["cpu_us_per_unit"]
    return result | {"cpu_us_per_unit": max(0.0, raw - theirs), "raw_cpu_us_per_unit": raw}


def as_json(content: dict) -> str:
    """One line for each run: readable, and small in a repository."""
    runs = ",\n".join(json.dumps(run, ensure_ascii=False) for run in content["runs"])
    rest = json.dumps({k: v for k, v in content.items() if k != "runs"}, indent=1, ensure_ascii=False)
    return rest.removesuffix("\n}") + f',\n "runs": [\n{runs}\n ]\n}}\n'
