"""page - the whole report as one HTML file: nothing is loaded, it reads on a phone and on paper, in the light and in the dark."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any, Iterable

import plot
import report
from catalogue import title
from figures import Figures
from measures import CONNECTIONS, FIGURE_NAMES, MEASURES, RATES, SIZES, STREAMS, TARGETS, Measure, size_name
from variants import DIRECT, ROUTED

STYLE = Path(__file__).with_name("page.css")
PEER = "caddy-l4"  # whose costs the bars are told against
BARS = ("rr-64x64", "rr-64x16384", "bulk-up-1", "bulk-down-1", "conn", "smtp-4096", f"smtp-{4 << 20}", "paced-30000", "fanout")


def card(heading: str, body: str, note: str = "") -> str:
    below = f"<p class='note'>{note}</p>" if note else ""
    return f"<figure><figcaption>{escape(heading)}</figcaption>{body}{below}</figure>"


def section(heading: str, text: str, cards: Iterable[str]) -> str:
    found = [c for c in cards if c]
    if not found:
        return ""
    return f"<section><h2>{escape(heading)}</h2><p>{text}</p><div class='cards'>{''.join(found)}</div></section>"


class Page:
    def __init__(self, content: dict[str, Any]) -> None:
        self.content = content
        self.figures = Figures(content["runs"])
        self.variants: list[str] = content["variants"]
        self.subject: str = content["subject"]

    def proxies(self) -> list[str]:
        return [v for v in self.variants if v != DIRECT]

    def hop_bars(self, name: str) -> str:
        """Each variant's hop cost; beside it how many times the peer's that is."""
        measure, rows = MEASURES[name], []
        for variant in self.proxies():
            hop = self.figures.middle(name, variant, "hop")
            if hop is None:
                continue
            ratio = self.figures.ratio(name, "hop", variant, PEER)
            told = f"{report.number(hop * measure.cost[1])}" + (f"  ({ratio:.2f}×)" if ratio is not None and variant != PEER else "")
            rows.append(plot.Bar(variant, title(variant), max(hop, 0), told))
        if not rows:
            return ""
        note = "; ".join(report.warnings(self.figures, name))
        return card(f"{measure.title}: hop cost, {measure.cost[0]}", plot.bars(rows, measure.title), f"⚠ {note}" if note else "")

    def memory_bars(self) -> str:
        rows = []
        for variant in self.proxies():
            user = self.figures.middle("idle", variant, "user_per_flow")
            kernel = self.figures.middle("idle", variant, "kernel_hop")
            if user is None or kernel is None or variant == ROUTED:
                continue
            told = f"{user / 1024:.1f} + {kernel / 1024:.1f} KiB"
            rows.append(plot.Bar(variant, title(variant), user, told, second=max(kernel, 0)))
        return card("one idle flow: the proxy's own memory, and (pale) the kernel's", plot.bars(rows, "memory")) if rows else ""

    def series(self, points: dict[float, str], figure: str, factor: float, variants: list[str]) -> list[plot.Line]:
        """One line a variant, over the measures that stand at these places."""
        found = []
        for variant in variants:
            at = [(x, self.figures.middle(name, variant, figure)) for x, name in points.items()]
            line = [(x, value * factor) for x, value in at if value is not None]
            if len(line) > 1:
                found.append(plot.Line(variant, title(variant), line))
        return found

    def scaling(self, heading: str, points: dict[float, str], figure: str, x_title: str, x_names: dict[float, str]) -> str:
        measure = MEASURES[next(iter(points.values()))]
        label, factor = measure.rate if figure == "rate" else (measure.cost if figure == "hop" else ("µs", 1.0))
        over = self.proxies() if figure == "hop" else self.variants
        series = self.series(points, figure, factor, over)
        if not series:
            return ""
        x = plot.Axis(sorted(points), lambda v: x_names[v], log=True)
        values = [value for line in series for _, value in line.points]
        y = plot.decades(values) if max(values) > 20 * max(min(values), 1e-9) else plot.linear(values)
        return card(heading, plot.lines(series, x, y, heading, label, x_title))

    def rr_cards(self) -> Iterable[str]:
        for size in SIZES:
            points = {float(c): f"rr-{c}x{size}" for c in CONNECTIONS}
            names = {float(c): str(c) for c in CONNECTIONS}
            yield self.scaling(f"{size_name(size)} there and back: throughput", points, "rate", "connections", names)
            yield self.scaling(f"{size_name(size)} there and back: hop cost", points, "hop", "connections", names)
        sizes = {float(s): f"rr-64x{s}" for s in SIZES}
        yield self.scaling("64 connections: hop cost by message size", sizes, "hop", "message", {float(s): size_name(s) for s in SIZES})

    def bulk_cards(self) -> Iterable[str]:
        for direction, words in (("up", "client → server"), ("down", "server → client")):
            points = {float(n): f"bulk-{direction}-{n}" for n in STREAMS}
            names = {float(n): str(n) for n in STREAMS}
            yield self.scaling(f"bulk {words}: throughput", points, "rate", "streams", names)
            yield self.scaling(f"bulk {words}: hop cost", points, "hop", "streams", names)

    def latency_curve(self, name: str, heading: str) -> str:
        """Against the number of nines, so that the tail has as much room as the middle."""
        series = []
        for variant in self.variants:
            if curve := self.figures.curve(name, variant) if self.figures.has(name, variant) else []:
                series.append(plot.Line(variant, title(variant), [(1 / (1 - share), us) for share, us in curve]))
        if not series:
            return ""
        names = {2.0: "50 %", 10.0: "90 %", 100.0: "99 %", 1000.0: "99.9 %", 10000.0: "99.99 %"}
        x = plot.Axis(list(names), lambda v: names.get(round(v, 3), f"{100 * (1 - 1 / v):.4g} %"), log=True)
        y = plot.decades([us for line in series for _, us in line.points])
        return card(heading, plot.lines(series, x, y, heading, "µs", "share of exchanges"))

    def latency_cards(self) -> Iterable[str]:
        for rate in RATES:
            yield self.latency_curve(f"paced-{rate}", f"{rate // 1000} 000 exchanges a second, 64 connections")
        points = {float(r): f"paced-{r}" for r in RATES}
        yield self.scaling("99th percentile by rate", points, "p99_us", "exchanges a second", {float(r): plot.short(r) for r in RATES})
        yield self.latency_curve("beside-bulk", "10 000 exchanges a second beside 8 streams")
        yield self.latency_curve("fanout", "IMAP IDLE: until each of 1000 clients has its notice")

    def targets(self) -> str:
        rows = ""
        for target in TARGETS:
            value = self.figures.value(target, self.subject)
            if value is None or self.content["settings"]["over"] != "veth":
                continue
            good = target.reached(value)
            what = FIGURE_NAMES[target.figure] + (f" ÷ {target.peer}’s" if target.peer else "")
            shown = f"{value:.2f}" if target.peer else f"{value:.0f}"
            half = report.middle_half(self.figures, target, self.subject)
            shown += f" ({half})" if half else ""
            rows += (f"<tr class='{'good' if good else 'bad'}'><td>{target.measure}</td><td>{escape(what)}</td><td>{shown}</td>"
                     f"<td>{'≥' if target.at_least else '≤'} {target.limit:g}</td><td>{'✓' if good else '✗'}</td></tr>")
        if not rows:
            return ""
        head = "<tr><th>measure</th><th>figure</th><th>is (the middle half of the rounds)</th><th>should be</th><th></th></tr>"
        return f"<section><h2>What {escape(self.subject)} has to reach</h2><div class='wide'><table>{head}{rows}</table></div></section>"

    def legend(self) -> str:
        chips = "".join(f"<span><i class='v-{v} chip'></i>{escape(title(v))}</span>" for v in self.variants)
        return f"<div class='legend'>{chips}</div>"

    def table(self, measure: Measure) -> str:
        shown = [v for v in self.variants if self.figures.has(measure.name, v)]
        head = "".join(f"<th>{escape(cell)}</th>" for cell in report.header(measure))
        cells = (report.row(self.figures, measure, v) for v in shown)
        rows = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in cells)
        notes = "".join(f"<p class='note'>⚠ {escape(text)}</p>" for text in report.warnings(self.figures, measure.name))
        return f"<h3>{escape(measure.title)}</h3><div class='wide'><table><tr>{head}</tr>{rows}</table></div>{notes}"

    def tables(self) -> str:
        known = [m for m in MEASURES.values() if any(self.figures.has(m.name, v) for v in self.variants)]
        body = "".join(self.table(m) for m in known)
        return f"<details><summary>Every figure, as a table</summary>{body}</details>"

    def conditions(self) -> str:
        machine = self.content["machine"]
        sysctls = "".join(f"<tr><td>{escape(k)}</td><td>{escape(str(v))}</td></tr>" for k, v in machine["sysctl"].items())
        failed = "".join(f"<p class='note'>⚠ {escape(r['variant'])}, {escape(r['measure'])}, round {r['round']}: {escape(r['error'])}</p>"
                         for r in self.figures.failures)
        total = "".join(f"<p>{escape(report.long_run(r))}</p>" for r in self.content["runs"]
                        if r["measure"] == "conn-total" and "result" in r)
        return (f"<section><h2>On what</h2>{total}{failed}<pre>{escape(report.heading(self.content))}</pre>"
                f"<details><summary>congestion control {escape(machine['congestion'])}; sysctls</summary>"
                f"<div class='wide'><table>{sysctls}</table></div></details></section>")

    def joined(self) -> str:
        over_tailnet = self.content["settings"]["over"] == "tailnet"
        return "virtual Ethernet and a tailnet (tailscaled on both sides)" if over_tailnet else "virtual Ethernet"

    def whole(self) -> str:
        parts = [
            "<h1>What a hop costs</h1>",
            f"<p>Client, edge and server in network namespaces of one machine, joined by {self.joined()}. <b>Hop cost</b>: the CPU of "
            "the whole machine for one unit of work, minus that of <i>direct</i>, where nothing is in between. <i>routed</i> is an edge "
            "that only forwards packets: less than that no hop can cost. Medians of rounds in which all variants took turns.</p>",
            self.legend(),
            section("Hop costs", f"Shorter is better; in brackets, times {PEER}’s.", map(self.hop_bars, BARS)),
            self.targets(),
            section("Memory", "Thousands of mail clients wait in IDLE.", [self.memory_bars()]),
            section("Latency at a fixed rate", "An open loop: each exchange counts from the moment it was due, so that a stall "
                    "is counted for all who wait behind it.", self.latency_cards()),
            section("Scaling: request and response", "A closed loop: the next as soon as one is done.", self.rr_cards()),
            section("Scaling: bulk", "As fast as it goes, one way.", self.bulk_cards()),
            self.conditions(),
            self.tables(),
        ]
        return "\n".join(filter(None, parts))


def whole(content: dict[str, Any]) -> str:
    return (f"<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
            f"<meta name='viewport' content='width=device-width, initial-scale=1'><title>tailsplice: what a hop costs</title>"
            f"<style>{STYLE.read_text()}</style></head><body>\n{Page(content).whole()}\n</body></html>\n")
