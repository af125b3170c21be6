"""The matrix under pytest: one test for each path and scenario. `python3 matrix.py` runs the same without pytest."""

from __future__ import annotations

import os
from typing import Iterator

import pytest

from harness.need import cannot_run
from harness.rig import FULL, SHORT, Rig, has_family, usable_paths
from scenarios import Scenario, all_scenarios

SCALE = SHORT if os.environ.get("TAILSPLICE_SHORT") else FULL


class Rigs:
    """One rig at a time, for the path in hand; a new one after a failure."""

    def __init__(self) -> None:
        self.rig: Rig | None = None

    def on(self, path: str) -> Rig:
        if self.rig is not None and self.rig.path == path:
            return self.rig
        self.drop()
        self.rig = Rig(path).__enter__()
        return self.rig

    def drop(self) -> None:
        rig, self.rig = self.rig, None
        if rig is not None:
            rig.__exit__(None, None, None)


@pytest.fixture(scope="module")
def rigs() -> Iterator[Rigs]:
    rigs = Rigs()
    yield rigs
    rigs.drop()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    try:
        paths = usable_paths()
    except (OSError, AssertionError):
        paths = ["copy"]  # the test itself then says what is wrong with the binary
    metafunc.parametrize("path", paths, scope="module")
    metafunc.parametrize("scenario", all_scenarios(), ids=lambda scenario: scenario.name)


def test_path(binary: str, rigs: Rigs, path: str, scenario: Scenario) -> None:
    if not has_family(scenario.family):
        cannot_run(f"no IPv{scenario.family} on loopback")
    rig = rigs.on(path)
    try:
        rig.run(scenario.run, scenario.family, SCALE)
    except BaseException:
        rigs.drop()
        raise
