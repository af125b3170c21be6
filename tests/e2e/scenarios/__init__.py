"""The scenarios of the matrix: what every data path must do, each a plain function of a Ctx, none knowing the path."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Callable

NOUNS = ("tiny", "proxy", "head", "bulk", "backpressure", "halfclose", "reset", "races", "dial", "silence", "urgent", "crowd", "pipes")


@dataclass(frozen=True)
class Scenario:
    """One behaviour, over one family."""

    name: str
    family: int
    run: Callable[..., None]


TABLE: list[Scenario] = []


def scenario(families: str = "4") -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Enter a function in the table, once for each family in `families` ("4", "46")."""
    def enter(function: Callable[..., None]) -> Callable[..., None]:
        noun = function.__module__.rpartition(".")[2]
        name = f"{noun}-{function.__name__}".replace("_", "-")
        for digit in families:
            TABLE.append(Scenario(name if digit == "4" else f"{name}-v6", int(digit), function))
        return function
    return enter


def all_scenarios() -> list[Scenario]:
    for noun in NOUNS:
        importlib.import_module(f"scenarios.{noun}")
    return TABLE
