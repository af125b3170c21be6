"""report - the figures as text, for a terminal."""

from __future__ import annotations

from typing import Any

from figures import UNSTEADY, Figures, Run
from measures import FIGURE_NAMES, MEASURES, TARGETS, Measure, Target
from variants import DIRECT


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


def header(measure: Measure) -> list[str]:
    cells = [measure.name] + ([measure.rate[0]] if measure.rate[0] else [])
    if measure.cost[0]:
        cells += [f"CPU {measure.cost[0]}", "moved"] + (["hop"] if measure.name != "idle" else []) + ["proxy's"]
    return cells + [label for label, _ in measure.columns]


def row(figures: Figures, measure: Measure, variant: str) -> list[str]:
    def middle(figure: str, factor: float = 1) -> str:
        value = figures.middle(measure.name, variant, figure)
        return number(None if value is None else value * factor)

    cells = [variant]
    if measure.rate[0]:
        cells.append(middle("rate", measure.rate[1]))
    if measure.cost[0]:
        spread = figures.spread(measure.name, variant)
        cells += [middle("cost", measure.cost[1]), "-" if spread is None else f"{spread * 100:.0f} %"]
        if measure.name != "idle":
            cells.append("-" if variant == DIRECT else middle("hop", measure.cost[1]))
        cells.append("-" if variant == DIRECT else middle("proxy_us_per_unit", measure.cost[1]))
    for _, key in measure.columns:
        # One failure in one round is a failure.
        found = figures.all(measure.name, variant, key)
        cells.append(number(max(found, default=None)) if key == "failed" else middle(key))
    return cells


def warnings(figures: Figures, measure: str) -> list[str]:
    found = []
    if moved := figures.moved(measure):
        found.append(f"direct moved {moved * 100:.0f} % between rounds: hop costs and ratios are that uncertain")
    some, all_runs = figures.disturbed(measure)
    if some:
        found.append(f"others took over {UNSTEADY * 100:.0f} % of a core in {some} of {all_runs} runs")
    return found


def table(figures: Figures, measure: Measure, variants: list[str]) -> str:
    shown = [v for v in variants if figures.has(measure.name, v)]
    lines = [f"{measure.name}: {measure.title}", grid([header(measure)] + [row(figures, measure, v) for v in shown])]
    return "\n".join(lines + [f"  ! {text}" for text in warnings(figures, measure.name)])


def middle_half(figures: Figures, target: Target, subject: str) -> str:
    half = figures.middle_half(target, subject)
    return f"{half[0]:.2f} to {half[1]:.2f}" if half else ""


def target_row(figures: Figures, target: Target, subject: str) -> list[str]:
    value = figures.value(target, subject)
    verdict = "not measured" if value is None else "reached" if target.reached(value) else "NOT REACHED"
    what = FIGURE_NAMES[target.figure] + (f" / {target.peer}'s" if target.peer else "")
    shown = "-" if value is None else f"{value:.2f}" if target.peer else f"{value:.0f}"
    limit = f"{'≥' if target.at_least else '≤'} {target.limit:g}"
    return [target.measure, what, shown, middle_half(figures, target, subject), limit, verdict]


def targets(figures: Figures, subject: str, asked: set[str]) -> str:
    rows = [["measure", "figure", subject, "middle half", "target", ""]]
    rows += [target_row(figures, t, subject) for t in TARGETS if t.measure in asked]
    return f"What {subject} has to reach\n{grid(rows)}" if len(rows) > 1 else ""


def long_run(run: Run) -> str:
    result = run["result"]
    kinds = {k: v for k, v in result.items() if k.startswith("failed_") and v}
    return f"conn-total: {run['variant']}: {result['started']} connections, {result['failed']} failed {kinds or ''}".rstrip()


def heading(content: dict[str, Any]) -> str:
    machine, settings = content["machine"], content["settings"]
    lines = [f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB, {machine['system']}, "
             f"Linux {machine['kernel']}, {content['when']}"]
    lines += [f"  {name}: {version}" for name, version in content["versions"].items()]
    lines += [f"  {name} is left out: {why}" for name, why in content["missing"].items()]
    lines.append(f"  {content['rounds']} rounds, over {settings['over']}, windows of {settings['seconds']:g} s, {settings['threads']} threads each, "
                 f"PROXY header {settings['proxy']}, {content['took_s'] / 60:.1f} minutes")
    noise = content["noise"]
    lines.append(f"  others took {noise['others'] * 100:.1f} % of a core (median of all runs), at most "
                 f"{noise['others_most'] * 100:.0f} %; the hypervisor {noise['stolen'] * 100:.1f} %")
    return "\n".join(lines)


def whole(content: dict[str, Any]) -> str:
    runs, variants, subject = content["runs"], content["variants"], content["subject"]
    figures = Figures(runs)
    parts = [heading(content)]
    parts += [table(figures, m, variants) for m in MEASURES.values() if any(figures.has(m.name, v) for v in variants)]
    parts += [long_run(r) for r in runs if r["measure"] == "conn-total" and "result" in r]
    if content["settings"]["over"] == "veth":
        parts.append(targets(figures, subject, {r["measure"] for r in runs}))
    parts += [f"! {r['variant']}: {r['measure']}, round {r['round']}: {r['error']}" for r in figures.failures]
    return "\n\n".join(filter(None, parts)) + "\n"
