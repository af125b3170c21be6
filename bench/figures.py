"""figures - from the runs to medians, hop costs and ratios, and whether they have settled.

A hop cost is the CPU of the whole machine per unit minus direct's *of the same round*: what drifts over minutes (the
clock, the neighbours) is in both and cancels. Ratios are taken round by round too, and of each the median is told.
"""

from __future__ import annotations

from statistics import median, quantiles
from typing import Any

from measures import MEASURES, TARGETS, Target
from variants import DIRECT

Run = dict[str, Any]

UNSTEADY = 0.10  # the baseline's movement, and other processes' CPU, from which on the reader is warned
SETTLED = 0.03  # a median that one more round moved by less
LEAST_ROUNDS = 3

# A figure that is one of the load generator's minus direct's of the same round.
OVER_DIRECT = {
    "hop": "cpu_us_per_unit",
    "kernel_hop": "kernel_per_flow",
    "first_kernel_hop": "first_kernel_per_flow",
}


def disturbed(run: Run) -> bool:
    """Whether a noticeable share of a core went to other processes or to the hypervisor's other guests."""
    return run["others"] + run["stolen"] > UNSTEADY


class Figures:
    """All runs that gave figures, found by measure, variant and round."""

    def __init__(self, runs: list[Run]) -> None:
        self.failures = [r for r in runs if "error" in r]
        self._by_key = {(r["measure"], r["variant"], r["round"]): r for r in runs if "result" in r}

    def rounds(self, measure: str, variant: str) -> list[int]:
        return sorted(n for m, v, n in self._by_key if (m, v) == (measure, variant))

    def has(self, measure: str, variant: str) -> bool:
        return bool(self.rounds(measure, variant))

    def result(self, measure: str, variant: str, number: int) -> dict[str, Any] | None:
        run = self._by_key.get((measure, variant, number))
        return run["result"] if run else None

    def figure(self, measure: str, variant: str, number: int, figure: str) -> float | None:
        result = self.result(measure, variant, number)
        if not result:
            return None
        if figure in OVER_DIRECT:
            base = self.result(measure, DIRECT, number)
            return result[OVER_DIRECT[figure]] - base[OVER_DIRECT[figure]] if base else None
        if figure == "pipe_ends_held":
            return result["pipe_ends_after"] - result["pipe_ends_before"]
        return result["cpu_us_per_unit"] if figure == "cost" else result[figure]

    def all(self, measure: str, variant: str, figure: str) -> list[float]:
        found = (self.figure(measure, variant, n, figure) for n in self.rounds(measure, variant))
        return [value for value in found if value is not None]

    def middle(self, measure: str, variant: str, figure: str) -> float | None:
        found = self.all(measure, variant, figure)
        return median(found) if found else None

    def curve(self, measure: str, variant: str) -> list[tuple[float, float]]:
        """Of a latency: the share of exchanges, and the median over the rounds of what it did not exceed."""
        curves = [self.result(measure, variant, n)["curve"] for n in self.rounds(measure, variant)]
        return [(points[0][0], median(us for _, us in points)) for points in zip(*curves)]

    def spread(self, measure: str, variant: str) -> float | None:
        """How far the cost moved between rounds, as a share of its median."""
        found = self.all(measure, variant, "cost")
        return (max(found) - min(found)) / median(found) if len(found) > 1 and median(found) else None

    def settled(self, measure: str, variant: str, least: int) -> bool:
        found = self.all(measure, variant, "user_per_flow" if measure == "idle" else "cost")
        if len(found) < least:
            return False
        now, before = median(found), median(found[:-1])
        return abs(now - before) <= SETTLED * abs(now)

    def ratios(self, measure: str, figure: str, subject: str, peer: str) -> list[float]:
        found = []
        for number in self.rounds(measure, subject):
            own = self.figure(measure, subject, number, figure)
            other = self.figure(measure, peer, number, figure)
            # A peer that costs no more than nothing in between is noise, not a divisor.
            if own is not None and other is not None and other > 0:
                found.append(own / other)
        return found

    def ratio(self, measure: str, figure: str, subject: str, peer: str) -> float | None:
        found = self.ratios(measure, figure, subject, peer)
        return median(found) if found else None

    def middle_half(self, target: Target, subject: str) -> tuple[float, float] | None:
        """Of the rounds' ratios, from the lower to the upper quartile: how far the median can be trusted."""
        found = self.ratios(target.measure, target.figure, subject, target.peer) if target.peer else []
        if len(found) < LEAST_ROUNDS:
            return None
        low, _, high = quantiles(found, n=4, method="inclusive")
        return low, high

    def disturbed(self, measure: str) -> tuple[int, int]:
        runs = [run for (m, _, _), run in self._by_key.items() if m == measure]
        return sum(map(disturbed, runs)), len(runs)

    def moved(self, measure: str) -> float | None:
        """By how much the baseline moved, where that is too much."""
        spread = self.spread(measure, DIRECT)
        return spread if spread and spread > UNSTEADY and measure != "idle" else None

    def value(self, target: Target, subject: str) -> float | None:
        if target.peer:
            return self.ratio(target.measure, target.figure, subject, target.peer)
        # Failures and pipes are not something to take the middle of.
        found = self.all(target.measure, subject, target.figure)
        return None if not found else median(found) if target.figure.endswith(("_flow", "_hop")) else max(found)

    def summary(self, measures: list[str], variants: list[str], subject: str) -> dict[str, Any]:
        """The medians for programs, in the load generator's units."""
        figures: dict[str, Any] = {}
        for name in measures:
            told = ("rate", "cost", "hop") if MEASURES[name].cost[0] else ("rate",)
            for variant in variants:
                if self.has(name, variant):
                    row = {f: self.middle(name, variant, f) for f in told}
                    row |= {"rounds": len(self.rounds(name, variant)), "moved": self.spread(name, variant)}
                    figures.setdefault(name, {})[variant] = row
        reached = []
        for t in TARGETS:
            value = self.value(t, subject)
            reached.append({**vars(t), "value": value, "reached": None if value is None else t.reached(value)})
        return {"subject": subject, "medians": figures, "targets": reached}
