"""report - from the runs to medians, hop costs, ratios and what was reached.

A hop cost is the CPU of the whole machine per unit minus direct's *of the same round*: what drifts over minutes (the
clock, the neighbours) is in both and cancels. Ratios are taken round by round too, and of each the median is told.
"""

from __future__ import annotations

from statistics import median
from typing import Any

from measures import FIGURE_NAMES, MEASURES, TARGETS, Measure, Target

Run = dict[str, Any]

UNSTEADY = 0.10  # the baseline's movement, and other processes' CPU, from which on the reader is warned


def disturbed(run: Run) -> bool:
    """Whether a noticeable share of a core went to other processes or to the hypervisor's other guests."""
    result = run["result"]
    return run["others"] + result["stolen_s"] / result["seconds"] > UNSTEADY


class Results:
    """All runs that gave figures, found by measure, variant and round."""

    def __init__(self, runs: list[Run]) -> None:
        self.failures = [r for r in runs if "error" in r]
        self._by_key = {(r["measure"], r["variant"], r["round"]): r for r in runs if "result" in r}

    def rounds(self, measure: str, variant: str) -> list[int]:
        return sorted(n for m, v, n in self._by_key if (m, v) == (measure, variant))

    def figure(self, measure: str, variant: str, number: int, figure: str) -> float | None:
        run = self._by_key.get((measure, variant, number))
        if not run:
            return None
        result = run["result"]
        if figure == "hop":
            base = self._by_key.get((measure, "direct", number))
            return result["cpu_us_per_unit"] - base["result"]["cpu_us_per_unit"] if base else None
        if figure == "pipe_ends_held":
            return result["pipe_ends_after"] - result["pipe_ends_before"]
        return result["cpu_us_per_unit"] if figure == "cost" else result[figure]

    def figures(self, measure: str, variant: str, figure: str) -> list[float]:
        found = (self.figure(measure, variant, n, figure) for n in self.rounds(measure, variant))
        return [value for value in found if value is not None]

    def middle(self, measure: str, variant: str, figure: str) -> float | None:
        found = self.figures(measure, variant, figure)
        return median(found) if found else None

    def spread(self, measure: str, variant: str) -> float | None:
        """How far the cost moved between rounds, as a share of its median."""
        found = self.figures(measure, variant, "cost")
        return (max(found) - min(found)) / median(found) if len(found) > 1 and median(found) else None

    def ratio(self, measure: str, figure: str, subject: str, peer: str) -> float | None:
        ratios = []
        for number in self.rounds(measure, subject):
            own = self.figure(measure, subject, number, figure)
            other = self.figure(measure, peer, number, figure)
            # A peer that costs no more than nothing in between is noise, not a divisor.
            if own is not None and other is not None and other > 0:
                ratios.append(own / other)
        return median(ratios) if ratios else None

    def disturbed(self, measure: str) -> tuple[int, int]:
        runs = [run for (m, _, _), run in self._by_key.items() if m == measure]
        return sum(map(disturbed, runs)), len(runs)

    def value(self, target: Target, subject: str) -> float | None:
        if target.peer:
            return self.ratio(target.measure, target.figure, subject, target.peer)
        # Failures and pipes are not something to take the middle of.
        found = self.figures(target.measure, subject, target.figure)
        return None if not found else median(found) if target.figure == "user_per_flow" else max(found)


def number(value: float | None) -> str:
    if value is None:
        return "-"
    if abs(value) >= 1000:
        return f"{value:.0f}"
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.1f}"


def grid(rows: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        lines.append("  " + "  ".join(cells).rstrip())
    return "\n".join(lines)


def row(results: Results, measure: Measure, variant: str) -> list[str]:
    def middle(figure: str, factor: float = 1) -> str:
        value = results.middle(measure.name, variant, figure)
        return number(None if value is None else value * factor)

    spread = results.spread(measure.name, variant)
    cells = [variant]
    if measure.rate[0]:
        cells.append(middle("rate", measure.rate[1]))
    cells += [middle("cost", measure.cost[1]), "-" if spread is None else f"{spread * 100:.0f} %"]
    if measure.name != "idle":
        cells.append("-" if variant == "direct" else middle("hop", measure.cost[1]))
    cells.append("-" if variant == "direct" else middle("proxy_us_per_unit", measure.cost[1]))
    for _, key in measure.columns:
        # One failure in one round is a failure.
        found = results.figures(measure.name, variant, key)
        cells.append(number(max(found, default=None)) if key == "failed" else middle(key))
    return cells


def table(results: Results, measure: Measure, variants: list[str]) -> str:
    header = [measure.name] + ([measure.rate[0]] if measure.rate[0] else [])
    header += [f"CPU {measure.cost[0]}", "moved"] + (["hop"] if measure.name != "idle" else []) + ["proxy's"]
    header += [label for label, _ in measure.columns]
    shown = [v for v in variants if results.rounds(measure.name, v)]
    lines = [f"{measure.name}: {measure.title}", grid([header] + [row(results, measure, v) for v in shown])]
    moved = results.spread(measure.name, "direct")
    if moved and moved > UNSTEADY:
        lines.append(f"  ! direct moved {moved * 100:.0f} % between rounds: hop costs and ratios are that uncertain")
    some, all_runs = results.disturbed(measure.name)
    if some:
        lines.append(f"  ! others here took over {UNSTEADY * 100:.0f} % of a core in {some} of {all_runs} runs")
    return "\n".join(lines)


def target_row(results: Results, target: Target, subject: str) -> list[str]:
    value = results.value(target, subject)
    verdict = "not measured" if value is None else "reached" if target.reached(value) else "NOT REACHED"
    what = FIGURE_NAMES[target.figure] + (f" / {target.peer}'s" if target.peer else "")
    shown = "-" if value is None else f"{value:.2f}" if target.peer else f"{value:.0f}"
    limit = f"{'≥' if target.at_least else '≤'} {target.limit:g}"
    return [target.measure, what, shown, limit, verdict]


def targets(results: Results, subject: str, asked: set[str]) -> str:
    rows = [["measure", "figure", subject, "target", ""]]
    rows += [target_row(results, t, subject) for t in TARGETS if t.measure.removesuffix("-total") in asked]
    return f"What {subject} has to reach\n{grid(rows)}"


def whole(runs: list[Run], variants: list[str], subject: str) -> str:
    results = Results(runs)
    parts = [table(results, m, variants) for m in MEASURES.values() if any(results.rounds(m.name, v) for v in variants)]
    total = [r for r in runs if r["measure"] == "conn-total" and "result" in r]
    for r in total:
        kinds = {k: v for k, v in r["result"].items() if k.startswith("failed_") and v}
        parts.append(
            f"conn-total: {r['variant']}: {r['result']['started']} connections, {r['result']['failed']} failed"
            + (f" {kinds}" if kinds else "")
        )
    parts.append(targets(results, subject, {r["measure"] for r in runs}))
    parts += [f"! {r['variant']}: {r['measure']}, round {r['round']}: {r['error']}" for r in results.failures]
    return "\n\n".join(parts)


def summary(runs: list[Run], variants: list[str], subject: str) -> dict[str, Any]:
    """The same figures for programs, in the load generator's units."""
    results = Results(runs)
    figures = {}
    for name in MEASURES:
        for variant in variants:
            if results.rounds(name, variant):
                row_of = {f: results.middle(name, variant, f) for f in ("rate", "cost", "hop")}
                figures.setdefault(name, {})[variant] = {**row_of, "moved": results.spread(name, variant)}
    reached = []
    for t in TARGETS:
        value = results.value(t, subject)
        verdict = None if value is None else t.reached(value)
        reached.append({**vars(t), "value": value, "reached": verdict})
    return {"subject": subject, "medians": figures, "targets": reached}
