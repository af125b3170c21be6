"""plot - small charts as SVG: bars and lines, 360 units wide, so that on a phone a letter is as large as in the text.

Colours are classes (`v-NAME`) that the page's style sheet gives to the variants, in a light and in a dark version.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import Callable, Sequence

WIDTH = 360
ROW = 22
LABEL = 92  # of a bar's name
TEXT = 11
LEFT, RIGHT, TOP, BOTTOM = 46, 16, 24, 34  # of lines
HEIGHT = 230

Point = tuple[float, float]


@dataclass(frozen=True)
class Bar:
    variant: str
    title: str
    value: float
    text: str  # beside it
    second: float = 0  # stacked behind the first


@dataclass(frozen=True)
class Line:
    variant: str
    title: str
    points: Sequence[Point]


@dataclass(frozen=True)
class Axis:
    """Where values stand. A logarithmic one starts at its least value, a linear one at zero."""

    ticks: Sequence[float]
    name: Callable[[float], str]
    log: bool = False

    def place(self, value: float) -> float:
        """0 to 1."""
        low, high = self.ticks[0], self.ticks[-1]
        if self.log:
            return (math.log(max(value, low)) - math.log(low)) / ((math.log(high) - math.log(low)) or 1)
        return (value - low) / ((high - low) or 1)


def svg(height: float, label: str, parts: list[str]) -> str:
    inner = "".join(parts)
    return f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{escape(label)}">{inner}</svg>'


def text(x: float, y: float, content: str, anchor: str = "start", kind: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{kind}">{escape(content)}</text>'


def bars(rows: list[Bar], label: str) -> str:
    most = max((row.value + row.second for row in rows), default=1) or 1
    room = WIDTH - LABEL - 6
    parts = []
    for i, row in enumerate(rows):
        y = i * ROW
        parts.append(text(LABEL - 6, y + 15, row.title, "end"))
        # The value stands behind a short bar, and within a long one.
        first = max(1.0, max(0.0, row.value) / most * room)
        second = max(0.0, row.second) / most * room
        parts.append(f'<rect x="{LABEL}" y="{y + 3}" width="{first:.1f}" height="{ROW - 6}" rx="2" class="v-{row.variant} fill"/>')
        if second:
            parts.append(f'<rect x="{LABEL + first:.1f}" y="{y + 3}" width="{second:.1f}" height="{ROW - 6}" rx="2" '
                         f'class="v-{row.variant} fill faint"/>')
        end = LABEL + first + second
        inside = end + 7 * len(row.text) > WIDTH
        parts.append(text(end - 5 if inside else end + 5, y + 15, row.text, "end" if inside else "start", "inside" if inside else "value"))
    return svg(len(rows) * ROW + 4, label, parts)


def lines(series: list[Line], x: Axis, y: Axis, label: str, y_title: str, x_title: str) -> str:
    def across(value: float) -> float:
        return LEFT + x.place(value) * (WIDTH - LEFT - RIGHT)

    def up(value: float) -> float:
        return HEIGHT - BOTTOM - y.place(value) * (HEIGHT - TOP - BOTTOM)

    parts = []
    for tick in y.ticks:
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{up(tick):.1f}" y2="{up(tick):.1f}" class="grid"/>')
        parts.append(text(LEFT - 6, up(tick) + 4, y.name(tick), "end", "tick"))
    for tick in x.ticks:
        # The last one ends where the picture does.
        last = tick == x.ticks[-1]
        at = WIDTH - 2 if last else across(tick)
        parts.append(text(at, HEIGHT - BOTTOM + 15, x.name(tick), "end" if last else "middle", "tick"))
    parts.append(text(2, 10, y_title, "start", "axis"))
    parts.append(text(WIDTH - RIGHT, HEIGHT - 4, x_title, "end", "axis"))
    for line in series:
        at = [(across(a), up(b)) for a, b in line.points]
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in at)
        parts.append(f'<polyline points="{path}" class="v-{line.variant} stroke"/>')
        for (a, b), (given, value) in zip(at, line.points):
            told = f"{line.title}, {x.name(given)}: {value:.4g}"
            parts.append(f'<circle cx="{a:.1f}" cy="{b:.1f}" r="2.6" class="v-{line.variant} fill"><title>{escape(told)}</title></circle>')
    return svg(HEIGHT, label, parts)


def short(value: float) -> str:
    for factor, suffix in ((1e6, " M"), (1e3, " k")):
        if abs(value) >= factor:
            return f"{value / factor:.3g}{suffix}"
    return f"{value:.3g}"


def linear(values: Sequence[float]) -> Axis:
    """From zero to a round number above all values, in three to six steps."""
    most = max(values, default=1) or 1
    step = 10 ** math.floor(math.log10(most))
    for part in (0.2, 0.25, 0.5, 1, 2):
        if most / (step * part) <= 5:
            step *= part
            break
    return Axis([i * step for i in range(math.ceil(most / step) + 1)], short)


def decades(values: Sequence[float]) -> Axis:
    """Whole powers of ten around all values, and the 3 between them where there are few."""
    known = [v for v in values if v > 0] or [1, 10]
    low, high = math.floor(math.log10(min(known))), math.ceil(math.log10(max(known)))
    high = max(high, low + 1)
    ticks = [10.0**i for i in range(low, high + 1)]
    if len(ticks) < 4:
        ticks = sorted(ticks + [3 * t for t in ticks[:-1]])
    return Axis(ticks, short, log=True)
